/* config_dump LINE: what we make of OpenClaw configs by the rules of that line, for a comparison with OpenClaw itself. Each line
 * of standard input is {"configText", "agentId"}; the answer is a line {"ok", "stage", "resolved", "envOrder", "ulimitOrder",
 * "errors"}. $OPENCLAW_HOME and $OPENCLAW_STATE_DIR are the directories. */
#include "spec/openclaw/keys.h"
#include "spec/openclaw/resolve.h"
#include "spec/openclaw/roster.h"
#include "spec/read/json.h"
#include "spec/read/json5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_order(struct arena *a, struct node *out, const char *key, const struct node *object)
{
    struct node *order = node_array(a);

    for (size_t i = 0; object && i < object->n_members; i++)
        node_push(a, order, node_string_n(a, object->members[i].key, object->members[i].key_n));
    if (object)
        node_set(a, out, key, order);
}

static struct node *answer(struct arena *a, const struct node *ask, const struct oc_places *places)
{
    const char *text = node_str(node_get(ask, "configText")), *agent = node_str(node_get(ask, "agentId"));
    struct node *out = node_object(a), *errors = node_array(a), *root;
    struct diags d = {.arena = a};
    struct oc_sandbox s;
    const char *stage = NULL;

    root = json5_read(a, "openclaw.json", text, strlen(text), &d);
    if (!root || (node_js_order(a, root), oc_validate(a, root, places, &d) < 0))
        stage = "load";
    else if (oc_resolve(a, oc_roster(a, root), places, agent, &s, &d) < 0)
        stage = "resolve";
    node_set(a, out, "ok", node_bool(a, !stage));
    if (stage) {
        node_set(a, out, "stage", node_string(a, stage));
        for (size_t i = 0; i < d.n; i++)
            node_push(a, errors, node_printf(a, "%s: %s", d.v[i].key, d.v[i].msg));
        node_set(a, out, "errors", errors);
        return out;
    }
    node_set(a, out, "resolved", s.config);
    put_order(a, out, "envOrder", node_path(s.config, "docker", "env", NULL));
    put_order(a, out, "ulimitOrder", node_path(s.config, "docker", "ulimits", NULL));
    return out;
}

int main(int argc, char **argv)
{
    struct oc_places places = {
        .home = getenv("OPENCLAW_HOME"),
        .state_dir = getenv("OPENCLAW_STATE_DIR"),
        .cwd = "/",
        .line = argc == 2 ? oc_profile_find(argv[1]) : NULL,
    };
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (!places.home || !places.state_dir || !places.line)
        return 64;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        ARENA_AUTO a = arena_new();
        struct err e = {0};
        struct node *ask = json_read_err(a, "line", line, (size_t)n, &e);

        if (!ask) {
            (void)fprintf(stderr, "%s\n", e.msg);
            return 65;
        }
        (void)puts(node_json(a, answer(a, ask, &places)));
    }
    free(line);
    return 0;
}
