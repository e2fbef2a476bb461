/* Any bytes as a spec: what the table accepts is decoded, and what it refuses is not. What begins with a brace is read as JSON.
 */
#include "spec/kinds.h"
#include "spec/kinds_desired.h"
#include "spec/kinds_table.h"
#include "spec/read/json.h"
#include "spec/read/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HOLDS(x) ((x) ? (void)0 : abort())

static int secret_env(void *ctx, struct arena *a, const char *name, char **ret, struct err *e)
{
    *ret = arena_printf(a, "of %s", name);
    return 0;
}

static int secret_file(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    HOLDS(path[0] == '/');
    *ret = arena_strdup(a, path);
    *ret_n = strlen(path);
    return 0;
}

/* Errors that only the whole can show: names, places, two Policies. */
static bool is_beyond_the_table(const struct diag *d)
{
    static const char *const keys[] = {"metadata.name",         "spec", "spec.config", "spec.root", "spec.openshell.policy",
                                       "spec.openshell.command"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(d->key, keys[i]) == 0)
            return true;
    if (text_has_prefix(d->key, "spec.ssh."))
        return true;
    return text_has_prefix(d->key, "spec.workspaces[") && text_has_suffix(d->key, "].path");
}

static void check_objects(struct arena *a, const struct specs *s)
{
    const struct secret_source source = {NULL, secret_env, secret_file};
    const struct kinds_desired_conf conf = {.install = "0123456789abcdef", .secrets = &source};
    struct diags d = {.arena = a};
    struct desired *v = NULL;
    size_t n = 0;
    for (size_t i = 0; i < s->n_sandboxes; i++) {
        const struct sandbox_object *o = &s->sandboxes[i];
        HOLDS(o->head.name[0] && o->head.pos.line > 0 && o->network && (o->backend == SANDBOX_DOCKER) == (o->image != NULL));
        HOLDS(o->backend != SANDBOX_SSH || (o->ssh.target.host[0] && o->ssh.workspace_root[0] == '/'));
        HOLDS((o->backend == SANDBOX_OPENSHELL) == (o->openshell != NULL));
        for (size_t j = 0; j < o->n_workspaces; j++)
            HOLDS(o->workspaces[j].path[0] == '/' && o->workspaces[j].target[0] == '/');
        for (size_t j = 0; j < o->n_env; j++)
            HOLDS(!!o->env[j].value + !!o->env[j].from_env + !!o->env[j].from_file == 1);
        HOLDS(o->policy.concurrency > 0 && o->policy.resync_ms > 0 && o->policy.hot_window_ms >= 0 &&
              o->policy.cap_percent <= 100);
    }
    for (size_t i = 0; i < s->n_openclaws; i++)
        HOLDS(!s->openclaws[i].config || s->openclaws[i].config[0] == '/');
    HOLDS(specs_to_desired(a, s, &conf, &d, &v, &n) == 0 && n == s->n_sandboxes);
    for (size_t i = 0; i < n; i++)
        HOLDS(v[i].create && strlen(v[i].config_hash) == 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct arena *a = arena_new();
    bool json = data[0] == '{';
    const char *bytes = (const char *)data;
    struct spec_file f = {.name = json ? "s.json" : "s.yaml", .dir = "/specs", .bytes = bytes, .n = size};
    struct diags loaded = {.arena = a}, checked = {.arena = a};
    struct specs s = {0};
    int rc = specs_load(a, &f, 1, "/home/u", &loaded, &s);
    HOLDS((rc < 0) == (loaded.n_errors > 0));

    struct yaml_docs docs = {0};
    struct node *one = NULL;
    if (json) {
        one = json_read(a, f.name, bytes, size, &checked);
        docs = (struct yaml_docs){&one, one ? 1 : 0};
    } else if (yaml_read(a, f.name, bytes, size, &checked, &docs) < 0) {
        docs.n = 0;
    }
    for (size_t i = 0; i < docs.n; i++) {
        size_t before = checked.n_errors;
        unsigned bad = schema_check_value(a, &kinds_document, docs.v[i], "", &checked);
        HOLDS((bad != 0) == (checked.n_errors > before));
    }
    if (checked.n_errors)
        HOLDS(rc < 0);
    else if (rc < 0)
        for (size_t i = 0; i < loaded.n; i++)
            HOLDS(loaded.v[i].level == DIAG_WARNING || is_beyond_the_table(&loaded.v[i]));
    if (rc == 0)
        check_objects(a, &s);

    diags_sort(&loaded);
    BUF_AUTO text = BUF_INIT(1u << 22);
    for (size_t i = 0; i < loaded.n; i++) {
        diag_format(&text, &loaded.v[i]);
        HOLDS(!memchr(buf_str(&text), '\n', text.n));
        buf_clear(&text);
    }
    arena_free(a);
    return 0;
}
