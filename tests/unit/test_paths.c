/* spec/base/path and spec/openclaw/paths: Node's path functions, and where OpenClaw's files are. */
#include "reconciler/local_fs.h"
#include "spec/base/path.h"
#include "spec/openclaw/paths.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

/* Answers of Node 24. */
static void path_names_are_worked_out_as_node_does(void **state)
{
    static const struct {
        const char *p, *resolved, *joined, *dirname; /* resolve("/w/d", p), join("/w", p), dirname(p) */
    } t[] = {
        {"", "/w/d", "/w", "."},
        {".", "/w/d", "/w", "."},
        {"/", "/", "/w/", "/"},
        {"//", "/", "/w/", "/"},
        {"a", "/w/d/a", "/w/a", "."},
        {"a/", "/w/d/a", "/w/a/", "."},
        {"./a//b/./c", "/w/d/a/b/c", "/w/a/b/c", "./a//b/."},
        {"..", "/w", "/", "."},
        {"../../../x", "/x", "/x", "../../.."},
        {"/a/../..//b/", "/b", "/b/", "/a/../../"},
        {"/a/b/", "/a/b", "/w/a/b/", "/a"},
        {"a/..", "/w/d", "/w", "a"},
        {"...", "/w/d/...", "/w/...", "."},
        {"..a/.b", "/w/d/..a/.b", "/w/..a/.b", "..a"},
        {"/a//b", "/a/b", "/w/a/b", "/a/"},
        {"//b", "/b", "/w/b", "//"},
        {"/b", "/b", "/w/b", "/"},
    };

    for (size_t i = 0; i < N(t); i++) {
        ARENA_AUTO a = arena_new();

        assert_string_equal(path_resolve(a, "/w/d", t[i].p), t[i].resolved);
        assert_string_equal(path_join(a, "/w", t[i].p), t[i].joined);
        assert_string_equal(path_dirname(a, t[i].p), t[i].dirname);
    }
}

static void relative_joins_keep_what_climbs(void **state)
{
    ARENA_AUTO a = arena_new();

    assert_string_equal(path_join(a, "", ""), ".");
    assert_string_equal(path_join(a, "a", ".."), ".");
    assert_string_equal(path_join(a, "a", "../.."), "..");
    assert_string_equal(path_join(a, "../..", "b"), "../../b");
    assert_string_equal(path_join(a, "a", "../../../b/../c"), "../../c");
    assert_string_equal(path_join(a, "..a", ".."), ".");
}

static void inside_is_the_directory_or_below(void **state)
{
    assert_true(path_is_inside("/a", "/a") && path_is_inside("/a", "/a/b") && path_is_inside("/", "/x"));
    assert_false(path_is_inside("/a", "/ab") || path_is_inside("/a/b", "/a") || path_is_inside("/a", "/b"));
}

/* --- OpenClaw's places
 * ---------------------------------------------------------------------------------------------------------- */

struct place {
    const char *name;
    const char *env[5][2];
    const char *files[4]; /* below the test's directory; HOME is <dir>/home where env does not say otherwise */
    const char *home, *state_dir, *config_path; /* likewise; NULL: not looked at */
};

static const struct place places[] = {
    {"nothing there", {{0}}, {0}, "home", "home/.openclaw", "home/.openclaw/openclaw.json"},
    {"the usual", {{0}}, {"home/.openclaw/openclaw.json"}, "home", "home/.openclaw", "home/.openclaw/openclaw.json"},
    {"the old name", {{0}}, {"home/.openclaw/clawdbot.json"}, "home", "home/.openclaw", "home/.openclaw/clawdbot.json"},
    {"both names",
     {{0}},
     {"home/.openclaw/clawdbot.json", "home/.openclaw/openclaw.json"},
     "home",
     "home/.openclaw",
     "home/.openclaw/openclaw.json"},
    {"the old directory", {{0}}, {"home/.clawdbot/clawdbot.json"}, "home", "home/.clawdbot", "home/.clawdbot/clawdbot.json"},
    {"a new directory without config beside an old one with",
     {{0}},
     {"home/.openclaw/x", "home/.clawdbot/openclaw.json"},
     "home",
     "home/.openclaw",
     "home/.clawdbot/openclaw.json"},
    {"an old directory without config", {{0}}, {"home/.clawdbot/x"}, "home", "home/.clawdbot", "home/.clawdbot/openclaw.json"},
    {"no probing",
     {{"OPENCLAW_TEST_FAST", "1"}},
     {"home/.clawdbot/clawdbot.json"},
     "home",
     "home/.openclaw",
     "home/.openclaw/openclaw.json"},
    {"a state directory",
     {{"OPENCLAW_STATE_DIR", " ~/s "}},
     {"home/.openclaw/openclaw.json"},
     "home",
     "home/s",
     "home/s/openclaw.json"},
    {"a relative state directory with the old name",
     {{"OPENCLAW_STATE_DIR", "s"}},
     {"cwd/s/clawdbot.json"},
     "home",
     "cwd/s",
     "cwd/s/clawdbot.json"},
    {"a blank state directory", {{"OPENCLAW_STATE_DIR", " "}}, {0}, "home", "home/.openclaw", "home/.openclaw/openclaw.json"},
    {"a config path",
     {{"OPENCLAW_CONFIG_PATH", "~/c/x.json"}},
     {"home/.openclaw/openclaw.json"},
     "home",
     "home/.openclaw",
     "home/c/x.json"},
    {"both", {{"OPENCLAW_CONFIG_PATH", "c.json"}, {"OPENCLAW_STATE_DIR", "~"}}, {0}, "home", "home", "cwd/c.json"},
    {"a home of its own", {{"OPENCLAW_HOME", "~/h"}}, {0}, "home/h", "home/h/.openclaw", NULL},
    {"a relative home", {{"OPENCLAW_HOME", "h"}}, {0}, "cwd/h", "cwd/h/.openclaw", NULL},
    {"homes that are nothing", {{"OPENCLAW_HOME", "undefined"}, {"HOME", "null"}, {"USERPROFILE", " "}}, {0}, "os", NULL, NULL},
    {"USERPROFILE", {{"HOME", ""}, {"USERPROFILE", "up"}}, {0}, "cwd/up", NULL, NULL},
    {"~x is no home", {{"OPENCLAW_STATE_DIR", "~x"}}, {0}, "home", "cwd/~x", NULL},
};

static void places_are_found_as_openclaw_finds_them(void **state)
{
    for (size_t i = 0; i < N(places); i++) {
        const struct place *p = &places[i];
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct node *env = node_object(a);
        struct oc_paths ret;

        node_set(a, env, "HOME", node_string(a, path_resolve(a, dir, "home")));
        for (size_t k = 0; k < N(p->env) && p->env[k][0]; k++)
            node_set(a, env, p->env[k][0], node_string(a, p->env[k][1]));
        for (size_t k = 0; k < N(p->files) && p->files[k]; k++)
            scratch_write_text(dir, p->files[k], "{}");
        oc_paths_find(a, &local_fs, env, path_resolve(a, dir, "cwd"), path_resolve(a, dir, "os"), &ret);
        const char *got[] = {ret.home, ret.state_dir, ret.config_path}, *want[] = {p->home, p->state_dir, p->config_path};
        for (size_t k = 0; k < N(want); k++)
            if (want[k] && strcmp(got[k], path_resolve(a, dir, want[k])) != 0)
                fail_msg("%s: %s instead of %s", p->name, got[k], want[k]);
        scratch_remove(dir);
    }
}

static int cannot_look(void *ctx, const char *path, bool follow, struct fs_stat *ret, struct err *e)
{
    return err_sys(e, ERR_IO, EACCES, "looking at '%s'", path);
}

static void what_cannot_be_looked_at_is_not_taken_for_missing(void **state)
{
    ARENA_AUTO a = arena_new();
    struct fs blind = {.stat = cannot_look};
    struct oc_paths ret;

    oc_paths_find(a, &blind, node_object(a), "/", "/h", &ret);
    assert_string_equal(ret.state_dir, "/h/.openclaw");
    assert_string_equal(ret.config_path, "/h/.openclaw/openclaw.json");
}

static void a_profile_moves_what_is_not_set(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *env = node_object(a), *ret;
    struct err e = {0};

    node_set(a, env, "HOME", node_string(a, "/h"));
    assert_int_equal(oc_profile_apply(a, "Work_1", env, "/", "/o", &ret, &e), 0);
    assert_string_equal(node_str(node_get(ret, "OPENCLAW_PROFILE")), "Work_1");
    assert_string_equal(node_str(node_get(ret, "OPENCLAW_STATE_DIR")), "/h/.openclaw-Work_1");
    assert_string_equal(node_str(node_get(ret, "OPENCLAW_CONFIG_PATH")), "/h/.openclaw-Work_1/openclaw.json");
    assert_null(node_get(env, "OPENCLAW_PROFILE"));
    assert_int_equal(oc_profile_apply(a, "Default", env, "/", "/o", &ret, &e), 0);
    assert_string_equal(node_str(node_get(ret, "OPENCLAW_STATE_DIR")), "/h/.openclaw");
    node_set(a, env, "OPENCLAW_STATE_DIR", node_string(a, " s "));
    assert_int_equal(oc_profile_apply(a, "dev", env, "/", "/o", &ret, &e), 0);
    assert_string_equal(node_str(node_get(ret, "OPENCLAW_STATE_DIR")), " s ");
    assert_string_equal(node_str(node_get(ret, "OPENCLAW_CONFIG_PATH")), "s/openclaw.json");
    node_set(a, env, "OPENCLAW_CONFIG_PATH", node_string(a, "/c"));
    assert_int_equal(oc_profile_apply(a, "dev", env, "/", "/o", &ret, &e), 0);
    assert_string_equal(node_str(node_get(ret, "OPENCLAW_CONFIG_PATH")), "/c");
}

static void a_profile_has_a_plain_name(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *ret;
    struct err e = {0};
    char *longest = arena_alloc(a, 66);

    memset(longest, 'a', 64);
    assert_int_equal(oc_profile_apply(a, longest, node_object(a), "/", "/o", &ret, &e), 0);
    longest[64] = 'a';
    assert_int_equal(oc_profile_apply(a, longest, node_object(a), "/", "/o", &ret, &e), -1);
    for (const char *const *p = (const char *const[]){"", "-a", "_a", "a/b", "..", "a b", "\xc3\xbc", NULL}; *p; p++) {
        assert_int_equal(oc_profile_apply(a, *p, node_object(a), "/", "/o", &ret, &e), -1);
        assert_int_equal(e.class, ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_names_are_worked_out_as_node_does),
        cmocka_unit_test(relative_joins_keep_what_climbs),
        cmocka_unit_test(inside_is_the_directory_or_below),
        cmocka_unit_test(places_are_found_as_openclaw_finds_them),
        cmocka_unit_test(what_cannot_be_looked_at_is_not_taken_for_missing),
        cmocka_unit_test(a_profile_moves_what_is_not_set),
        cmocka_unit_test(a_profile_has_a_plain_name),
    };

    return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
