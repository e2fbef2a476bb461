/* Every case of tests/vectors/parse.json, which OpenClaw 2026.5.3 itself answered: each case's files are made below a directory
 * that stands for the vectors' /tmp/ocvec, loaded through the real file system, and compared to the byte. */
#include "reconciler/local_fs.h"
#include "spec/base/path.h"
#include "spec/openclaw/env.h"
#include "spec/openclaw/load.h"
#include "spec/read/json.h"
#include "tests/lib/scratch.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VECTORS "tests/vectors/parse.json"
#define ROOT    "/tmp/ocvec" /* as the vectors name it */

static char *replace_all(struct arena *a, const char *s, const char *from, const char *to)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    for (const char *hit; (hit = strstr(s, from)); s = hit + strlen(from)) {
        buf_put(&b, s, (size_t)(hit - s));
        buf_puts(&b, to);
    }
    buf_puts(&b, s);
    return arena_strdup(a, buf_str(&b));
}

/* A file's text, or {prefix, size, fill}, {symlink}, {hardlink}. */
static void make_file(struct arena *a, const char *dir, const struct node_member *m)
{
    const char *prefix = node_str(node_get(m->value, "prefix")), *fill = node_str(node_get(m->value, "fill"));
    const char *link_to = node_str(node_get(m->value, "symlink")), *hard = node_str(node_get(m->value, "hardlink"));

    if (m->value->kind == NODE_STRING) {
        scratch_write(dir, m->key, m->value->s, m->value->s_n, 0644);
    } else if (prefix && fill) {
        size_t n = strlen(prefix) + (size_t)node_get(m->value, "size")->num;
        char *bytes = arena_alloc(a, n);

        memset(bytes, fill[0], n);
        memcpy(bytes, prefix, strlen(prefix));
        scratch_write(dir, m->key, bytes, n, 0644);
    } else if (link_to) {
        scratch_symlink(dir, m->key, link_to);
    } else {
        assert_non_null(hard);
        assert_int_equal(link(path_resolve(a, dir, hard), path_resolve(a, dir, m->key)), 0);
    }
}

static void make_tree(struct arena *a, const char *root, const struct node *test)
{
    const struct node *files = node_get(test, "files");
    char *dir = path_resolve(a, root, "g");

    scratch_clear(root, "g");
    scratch_write_text(root, "g/.keep", "");
    for (size_t i = 0; i < files->n_members; i++) /* hard links last, they need their file */
        if (!node_get(files->members[i].value, "hardlink"))
            make_file(a, dir, &files->members[i]);
    for (size_t i = 0; i < files->n_members; i++)
        if (node_get(files->members[i].value, "hardlink"))
            make_file(a, dir, &files->members[i]);
}

static void check_missing(const char *name, const struct node *test, const struct diags *d)
{
    const struct node *missing = node_get(test, "missing");
    size_t seen = 0, expected = missing ? missing->n_items : 0;

    for (size_t i = 0; i < d->n; i++) {
        if (!strstr(d->v[i].msg, "environment variable "))
            continue;
        if (seen == expected)
            fail_msg("%s: an unexpected warning: %s", name, d->v[i].msg);
        const char *variable = node_str(node_get(missing->items[seen], "varName"));
        if (!strstr(d->v[i].msg, variable))
            fail_msg("%s: '%s' does not name %s", name, d->v[i].msg, variable);
        assert_string_equal(d->v[i].key, node_str(node_get(missing->items[seen], "configPath")));
        assert_true(d->v[i].pos.line > 0);
        seen++;
    }
    if (seen != expected)
        fail_msg("%s: %zu of %zu warnings", name, seen, expected);
}

static void check_failure(const char *name, const struct node *test, const struct diags *d, const char *config)
{
    bool in_parse = strcmp(node_str(node_get(test, "stage")), "parse") == 0;

    assert_true(d->n_errors > 0);
    for (size_t i = 0; i < d->n; i++) {
        if (d->v[i].level != DIAG_ERROR)
            continue;
        if (!d->v[i].pos.file || d->v[i].pos.line == 0)
            fail_msg("%s: an error without a position: %s", name, d->v[i].msg);
        if (in_parse && strcmp(d->v[i].pos.file, config) != 0)
            fail_msg("%s: the error is in %s", name, d->v[i].pos.file);
        /* An include fails at its key, or where the included file is broken. */
        if (!in_parse && strcmp(d->v[i].pos.file, config) == 0 && !strstr(d->v[i].key, "$include"))
            fail_msg("%s: the error is at '%s'", name, d->v[i].key);
    }
}

static void run_case(const char *root, const struct node *test)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    const char *name = node_str(node_get(test, "name")), *config = node_str(node_get(test, "configPath"));
    struct node *env = node_copy(a, node_get(test, "env"));
    struct oc_paths paths;
    struct oc_source source;
    bool ok = node_get(test, "ok")->b;

    make_tree(a, root, test);
    node_set(a, env, "HOME", node_string(a, path_resolve(a, root, "home")));
    node_set(a, env, "OPENCLAW_CONFIG_PATH", node_string(a, config));
    oc_paths_find(a, &local_fs, env, root, "/nonexistent", &paths);
    assert_string_equal(paths.config_path, config);
    int r = oc_load(a, &local_fs, &paths, env, &d, &source);
    if (r == 0)
        oc_load_variables(a, &oc_profiles[OC_LINE_2026_5], &source, &d);
    if ((r == 0) != ok) {
        for (size_t i = 0; i < d.n; i++)
            print_message("%s: %s: %s\n", name, d.v[i].key, d.v[i].msg);
        fail_msg("%s: %s", name, ok ? "refused" : "accepted");
    }
    assert_string_equal(source.files.v[0].path, config);
    if (!ok) {
        assert_null(source.root);
        check_failure(name, test, &d, config);
        return;
    }
    if (strcmp(node_json(a, source.root), node_str(node_get(test, "valueJson"))) != 0)
        fail_msg("%s: %s instead of %s", name, node_json(a, source.root), node_str(node_get(test, "valueJson")));
    check_missing(name, test, &d);
}

static void openclaw_reads_the_same(void **state)
{
    ARENA_AUTO a = arena_new();
    struct err e = {0};
    char *root = scratch_make();
    size_t n_bytes;
    char *text = replace_all(a, vectors_bytes(a, VECTORS, &n_bytes), ROOT, root);
    struct node *cases = json_read_err(a, VECTORS, text, strlen(text), &e);

    if (!cases)
        fail_msg("%s", e.msg);
    assert_true(cases->n_items >= 144);
    /* Two files that the cases of OPENCLAW_INCLUDE_ROOTS include are not in them. */
    scratch_write_text(root, "groots/r.json5", "{r:1}");
    scratch_write_text(root, "groots/n.json5", "{n:{$include:'r.json5'}}");
    for (size_t i = 0; i < cases->n_items; i++)
        run_case(root, cases->items[i]);
    scratch_remove(root);
}

/* The table of blocked names is the one that OpenClaw has, in any case. */
static void the_env_block_is_held_to_openclaws_list(void **state)
{
    static const char *const lists[] = {"blockedKeys", "overrideKeys", "blockedPrefixes", "overridePrefixes"};
    ARENA_AUTO a = arena_new();
    struct err e = {0};
    size_t n;
    char *text = vectors_bytes(a, "tests/vectors/config-env-blocklist.json", &n);
    struct node *root = json_read_err(a, "blocklist", text, strlen(text), &e);

    assert_non_null(root);
    n = 0;
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        const struct node *list = node_get(root, lists[l]);

        for (size_t i = 0; i < list->n_items; i++, n++) {
            const char *name = l < 2 ? list->items[i]->s : arena_printf(a, "%sX", list->items[i]->s);
            char *lower = arena_strdup(a, name);

            for (char *p = lower; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                    *p = (char)(*p - 'A' + 'a');
            if (!oc_env_is_blocked(a, NULL, name) || !oc_env_is_blocked(a, NULL, lower))
                fail_msg("%s is not blocked", name);
            if (l < 2 && oc_env_is_blocked(a, NULL, arena_printf(a, "X%s", name)))
                fail_msg("X%s is blocked", name);
        }
    }
    assert_true(n > 200);
    for (const char *const *p = (const char *const[]){"PATH", "LD", "USER", "LANG", "NODE_OPTION", "NODE_OPTIONSS", "", NULL}; *p;
         p++)
        assert_false(oc_env_is_blocked(a, NULL, *p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openclaw_reads_the_same),
        cmocka_unit_test(the_env_block_is_held_to_openclaws_list),
    };

    return cmocka_run_group_tests_name("parse_vectors", tests, NULL, NULL);
}
