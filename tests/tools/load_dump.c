/* load_dump LINE: finds and loads configs by the rules of that line of OpenClaw, for comparison with OpenClaw itself
 * (tests/interop/load.bats).
 *
 * stdin: a JSON object a line, {"cwd": "/...", "env": {"HOME": "/...", ...}}. stdout: a JSON object a line,
 * {"state", "config", "ok"} and of one that loads "value", "env" (in force) and "missing" (names of variables, sorted). */
#include "reconciler/local_fs.h"
#include "spec/openclaw/load.h"
#include "spec/read/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_text(const void *x, const void *y)
{
    return strcmp((*(struct node *const *)x)->s, (*(struct node *const *)y)->s);
}

static struct node *missing_of(struct arena *a, const struct diags *d)
{
    static const char before[] = "environment variable ";
    struct node *list = node_array(a);

    for (size_t i = 0; i < d->n; i++) {
        const char *name = strstr(d->v[i].msg, before);

        if (name)
            node_push(a, list, node_string_n(a, name + strlen(before), strcspn(name + strlen(before), " ")));
    }
    if (list->n_items > 0)
        qsort(list->items, list->n_items, sizeof *list->items, compare_text);
    return list;
}

static void dump(const struct oc_profile *profile, const char *line, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct err e = {0};
    struct node *in = json_read_err(a, "stdin", line, n, &e), *out = node_object(a);
    struct oc_paths paths;
    struct oc_source source;

    if (!in) {
        fprintf(stderr, "%s\n", e.msg);
        exit(1);
    }
    oc_paths_find(a, &local_fs, node_get(in, "env"), node_str(node_get(in, "cwd")), "/nonexistent", &paths);
    bool ok = oc_load(a, &local_fs, &paths, node_get(in, "env"), &d, &source) == 0;
    node_set(a, out, "state", node_string(a, paths.state_dir));
    node_set(a, out, "config", node_string(a, paths.config_path));
    node_set(a, out, "ok", node_bool(a, ok));
    if (ok) {
        oc_load_variables(a, profile, &source, &d);
        node_set(a, out, "value", source.root);
        node_set(a, out, "env", source.env);
        node_set(a, out, "missing", missing_of(a, &d));
    }
    printf("%s\n", node_json(a, out));
}

int main(int argc, char **argv)
{
    const struct oc_profile *profile = argc == 2 ? oc_profile_find(argv[1]) : NULL;
    char *line = NULL;
    size_t cap = 0;

    if (!profile)
        return 64;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;)
        dump(profile, line, (size_t)n);
    free(line);
    return 0;
}
