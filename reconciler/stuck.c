#include "reconciler/stuck.h"

#include "spec/base/vec.h"
#include "spec/node.h"
#include "spec/read/json.h"

#include <string.h>

static const char key[] = "stuck";

int stuck_read(struct home *home, struct arena *a, struct grant **ret, size_t *ret_n, struct err *e)
{
    VEC(struct grant) found = {0};
    char *bytes = NULL;
    size_t n;
    const struct node *list;

    if (home && home_get(home, a, key, &bytes, &n, e) < 0)
        return -1;
    list = bytes ? json_read_err(a, key, bytes, n, e) : NULL;
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
        const struct node *endpoint = node_get(list->items[i], "endpoint"), *name = node_get(list->items[i], "name");

        if (node_is(endpoint, NODE_STRING) && node_is(name, NODE_STRING))
            VEC_PUSH(a, &found, ((struct grant){.endpoint = endpoint->s, .name = name->s, .allows = GRANT_BEGUN}));
    }
    *ret = found.v;
    *ret_n = found.n;
    return 0;
}

static bool is_removal(const struct act *act)
{
    enum act_kind kind = act->kind == ACT_HOLD ? act->held : act->kind;

    return kind == ACT_PRUNE || kind == ACT_FORGET;
}

static bool was_stuck(const struct grant *was, size_t n, const struct act *act)
{
    size_t i = 0;

    while (i < n && (strcmp(was[i].endpoint, act->endpoint) != 0 || strcmp(was[i].name, act->name) != 0))
        i++;
    return i < n;
}

void stuck_remember(struct home *home, const struct grant *was, size_t n_was, const struct plan *plan,
                    const struct act_ended *done)
{
    ARENA_AUTO a = arena_new();
    struct node *list = node_array(a);
    struct err e;
    const char *text;

    for (size_t i = 0; i < plan->n_acts; i++) {
        const struct act *act = &plan->acts[i];
        struct node *one;

        if (!is_removal(act) || done[i].end == ACT_ENDED_DONE)
            continue;
        if (done[i].end != ACT_ENDED_FAILED && !was_stuck(was, n_was, act))
            continue;
        one = node_object(a);
        node_set(a, one, "endpoint", node_string(a, act->endpoint));
        node_set(a, one, "name", node_string(a, act->name));
        node_push(a, list, one);
    }
    if (list->n_items == 0 && n_was == 0)
        return;
    text = node_json(a, list);
    (void)home_put_soft(home, key, text, strlen(text), &e);
}
