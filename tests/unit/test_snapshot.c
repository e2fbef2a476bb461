/* reconciler/snapshot and the commands snapshots and forget: a tree of the fake is saved, shown, unpacked, pruned. */
#include "backends/fake.h"
#include "reconciler/cli.h"
#include "reconciler/cmd.h"
#include "reconciler/snapshot.h"
#include "reconciler/store.h"
#include "spec/base/text.h"
#include "state/records.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ENDPOINT "fake:snapshot"
#define N(array) (sizeof(array) / sizeof(array)[0])
#define NOON     1763812800000

const struct command cli_commands[] = {
    {"snapshots", "[list]", "S", "yT", cmd_snapshots},
    {"forget", "NAME...", "F", "ye", cmd_forget},
    {0},
};

struct box {
    struct arena *a;
    char *dir;
    struct host host;
    struct store store;
    struct fake_world *w;
    struct backend *b;
    struct desired want;
    struct act act;
    struct err e;
};

static const struct call call = {.timeout_ms = 60000};

static int setup(void **state)
{
    struct box *x = calloc(1, sizeof *x);
    struct node *seed;
    struct act_result res;

    x->a = arena_new();
    x->dir = scratch_make();
    scratch_mkdir(x->dir, "home");
    scratch_mkdir(x->dir, "conf");
    (void)setenv("HOME", scratch_path(x->dir, "home"), 1);
    (void)setenv("XDG_CONFIG_HOME", scratch_path(x->dir, "conf"), 1);
    (void)setenv("RECONCLAW_STATE_DIR", scratch_path(x->dir, "state"), 1);
    if (host_read(x->a, &x->host, &x->e) < 0 || store_open(&x->host, true, &x->store, &x->e) < 0)
        fail_msg("%s", x->e.msg);
    x->w = fake_world_get(ENDPOINT);
    assert_int_equal(fake_ops.open(&(struct backend_conf){.endpoint = ENDPOINT, .install = "one"}, &x->b, &x->e), 0);
    seed = node_object(x->a);
    node_set(x->a, seed, "content", node_string(x->a, "hello"));
    node_set(x->a, seed, "from", node_string(x->a, "snapshot"));
    struct node *create = node_object(x->a);
    node_set(x->a, create, "seed", seed);
    x->want = (struct desired){.endpoint = ENDPOINT,
                               .name = "tree",
                               .kind = RUNTIME_SANDBOX,
                               .owner = "Sandbox/x",
                               .config_hash = "h1",
                               .create = create};
    assert_int_equal(
        fake_ops.apply(x->b, x->a,
                       &(struct backend_act){.step = STEP_CREATE, .want = &x->want, .name = "tree", .created_at_ms = TIME_NONE},
                       &call, &res, &x->e),
        0);
    x->act = (struct act){.kind = ACT_RECREATE,
                          .endpoint = ENDPOINT,
                          .name = "tree",
                          .runtime = RUNTIME_SANDBOX,
                          .reason = "its root changed",
                          .want = &x->want,
                          .obs = fake_world_find(x->w, x->a, "tree")};
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct box *x = *state;

    fake_ops.close(x->b);
    fake_world_drop(ENDPOINT);
    store_close(&x->store);
    scratch_remove(x->dir);
    arena_free(x->a);
    free(x);
    return 0;
}

static size_t count(struct box *x)
{
    struct snapshots_view v;

    assert_int_equal(snapshots_read(x->store.home, x->a, &v, &x->e), 0);
    assert_int_equal(v.issues.n, 0);
    return v.n;
}

static struct snapshot take(struct box *x, int64_t at_ms)
{
    struct snapshot s = {0};

    if (snapshot_take(x->store.home, x->a, &x->act, "one", at_ms, x->b, &call, &s, &x->e) < 0)
        fail_msg("%s", x->e.msg);
    return s;
}

/* The exit code; what was printed stands in out and err. */
static int run(struct box *x, char **out, char **err, const char *const *words, size_t n)
{
    char *argv[12] = {(char *)"reconclaw"};
    size_t out_n, err_n;
    FILE *o = open_memstream(out, &out_n), *f = open_memstream(err, &err_n);
    int code;

    (void)x;
    for (size_t i = 0; i < n; i++)
        argv[i + 1] = (char *)words[i];
    code = cli_main((int)n + 1, argv, o, f);
    (void)fclose(o);
    (void)fclose(f);
    return code;
}

#define RUN(...)                                                                                                                 \
    (free(out), free(err), out = err = NULL,                                                                                     \
     run(x, &out, &err, (const char *const[]){__VA_ARGS__}, N(((const char *const[]){__VA_ARGS__}))))

static void a_tree_is_saved_and_unpacked_as_it_was(void **state)
{
    struct box *x = *state;
    struct snapshot s = take(x, NOON);
    const char *to = arena_printf(x->a, "%s/out", x->dir);
    char *text;

    assert_int_equal(count(x), 1);
    assert_int_equal(s.content_bytes, 5);
    assert_string_equal(s.reason, "its root changed");
    assert_int_equal(snapshot_verify(x->store.home, x->a, &s, &call, &x->e), 0);
    assert_int_equal(snapshot_unpack(x->store.home, x->a, &s, to, &call, &x->e), 0);
    text = scratch_read(x->dir, "out/workspace/content", NULL);
    assert_string_equal(text, "hello");
    free(text);
    assert_int_equal(snapshot_unpack(x->store.home, x->a, &s, to, &call, &x->e), -1);
    assert_int_equal(x->e.class, ERR_CONFLICT);
}

static void what_cannot_be_saved_leaves_no_snapshot(void **state)
{
    struct box *x = *state;
    struct backend_ops without = fake_ops;
    struct backend none = {.ops = &without};
    struct observed other = *x->act.obs;
    struct snapshot s;

    without.save = NULL;
    assert_int_equal(snapshot_take(x->store.home, x->a, &x->act, "one", NOON, &none, &call, &s, &x->e), -1);
    assert_int_equal(x->e.class, ERR_UNSUPPORTED);
    other.id = "another";
    x->act.obs = &other;
    assert_int_equal(snapshot_take(x->store.home, x->a, &x->act, "one", NOON, x->b, &call, &s, &x->e), -1);
    x->act.obs = NULL;
    assert_int_equal(snapshot_take(x->store.home, x->a, &x->act, "one", NOON, x->b, &call, &s, &x->e), -1);
    assert_int_equal(x->e.class, ERR_REFUSED);
    assert_int_equal(count(x), 0);
}

static void damage_is_found(void **state)
{
    struct box *x = *state;
    struct snapshot s = take(x, NOON);
    size_t n;
    char *bytes = scratch_read("/", s.path + 1, &n);

    bytes[n / 2] ^= 1;
    scratch_write("/", s.path + 1, bytes, n, 0600);
    assert_int_equal(snapshot_verify(x->store.home, x->a, &s, &call, &x->e), -1);
    assert_int_equal(snapshot_unpack(x->store.home, x->a, &s, arena_printf(x->a, "%s/out", x->dir), &call, &x->e), -1);
    assert_false(scratch_exists(x->dir, "out"));
    free(bytes);
}

static void what_is_made_again_begins_with_the_newest(void **state)
{
    struct box *x = *state;
    const struct observed from = {.endpoint = ENDPOINT, .name = "tree"};
    const char *dir = "";
    char *text;

    assert_int_equal(snapshot_seed(x->store.home, x->a, &x->act, "one", &call, &dir, &x->e), 0);
    assert_null(dir);
    (void)take(x, NOON);
    assert_true(fake_world_set_content(x->w, "tree", "worked on"));
    (void)take(x, NOON + 1);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(snapshot_seed(x->store.home, x->a, &x->act, "one", &call, &dir, &x->e), 0);
        text = scratch_read(dir, "workspace/content", NULL);
        assert_string_equal(text, "worked on");
        free(text);
    }
    assert_int_equal(count(x), 2);
    /* Elsewhere, by the snapshots of its old place; what never was there does not. */
    x->act.kind = ACT_CREATE;
    x->act.endpoint = "fake:elsewhere";
    x->act.moves_from = &from;
    assert_int_equal(snapshot_seed(x->store.home, x->a, &x->act, "one", &call, &dir, &x->e), 0);
    assert_non_null(dir);
    x->act.moves_from = NULL;
    x->act.endpoint = ENDPOINT;
    assert_int_equal(snapshot_seed(x->store.home, x->a, &x->act, "one", &call, &dir, &x->e), 0);
    assert_null(dir);
}

static void the_command_lists_shows_restores_and_prunes(void **state)
{
    struct box *x = *state;
    const char *to = arena_printf(x->a, "%s/out", x->dir);
    char *out = NULL, *err = NULL, *text;
    struct snapshot s;

    assert_int_equal(RUN("snapshots"), EXIT_OK);
    assert_non_null(strstr(out, "There are no snapshots."));
    s = take(x, NOON);
    (void)take(x, NOON + 1);
    assert_int_equal(RUN("snapshots", "list"), EXIT_OK);
    assert_non_null(strstr(out, s.name));
    assert_non_null(strstr(out, "its root changed"));
    assert_int_equal(RUN("snapshots", "-o", "json"), EXIT_OK);
    assert_non_null(strstr(out, "\"contentBytes\": 5"));
    assert_int_equal(RUN("snapshots", "show", "tree"), EXIT_OK);
    assert_non_null(strstr(out, "workspace/content"));
    assert_int_equal(RUN("snapshots", "show", "none"), EXIT_FAILED);
    assert_int_equal(RUN("snapshots", "restore", "tree"), EXIT_FAILED);
    assert_non_null(strstr(err, "nothing that was read wants 'tree': put it in a directory with --to DIR"));
    assert_int_equal(RUN("snapshots", "restore", s.name, "--to", to), EXIT_OK);
    text = scratch_read(x->dir, "out/workspace/content", NULL);
    assert_string_equal(text, "hello");
    free(text);
    assert_int_equal(RUN("snapshots", "restore", s.name, "--to", to), EXIT_HELD);
    assert_int_equal(RUN("snapshots", "prune"), EXIT_OK);
    assert_int_equal(count(x), 2);
    assert_int_equal(RUN("snapshots", "prune", s.name), EXIT_HELD);
    assert_int_equal(RUN("snapshots", "prune", "tree", "--yes"), EXIT_USAGE);
    assert_int_equal(count(x), 2);
    assert_int_equal(RUN("snapshots", "prune", s.name, "--yes"), EXIT_OK);
    assert_int_equal(count(x), 1);
    assert_int_equal(RUN("snapshots", "bake"), EXIT_USAGE);
    free(out);
    free(err);
}

static void retention_of_the_spec_prunes_but_the_only_copy(void **state)
{
    struct box *x = *state;
    char *out = NULL, *err = NULL;

    scratch_write_text(x->dir, "conf/reconclaw/policy.yaml",
                       "apiVersion: reconclaw/v1\nkind: Policy\nmetadata: {name: p}\nspec: {snapshots: {age: 1h, keep: 2}}\n");
    for (int i = 0; i < 3; i++)
        (void)take(x, NOON + i);
    assert_int_equal(RUN("snapshots", "prune", "--yes"), EXIT_OK);
    assert_int_equal(count(x), 1);
    free(out);
    free(err);
}

static void what_cannot_be_seen_is_forgotten_by_word_alone(void **state)
{
    struct box *x = *state;
    const struct record rec = {.endpoint = "docker:unix:///nowhere/x.sock",
                               .name = "reconclaw-old",
                               .kind = RUNTIME_SANDBOX,
                               .install = x->store.install,
                               .owner = "Sandbox/old",
                               .created_at_ms = NOON,
                               .last_used_at_ms = TIME_NONE,
                               .id = "abc",
                               .holds_data = true};
    struct records_view v;
    char *out = NULL, *err = NULL;

    assert_int_equal(record_put(x->store.home, &rec, NULL, NULL, &x->e), 0);
    assert_int_equal(RUN("forget"), EXIT_USAGE);
    assert_int_equal(RUN("forget", "none"), EXIT_FAILED);
    assert_int_equal(RUN("forget", "old"), EXIT_HELD);
    assert_non_null(strstr(err, "what is there stays there"));
    assert_int_equal(RUN("forget", "old", "--endpoint", "docker", "--yes"), EXIT_FAILED);
    assert_int_equal(records_read_all(x->store.home, x->a, &v, &x->e), 0);
    assert_int_equal(v.n, 1);
    assert_int_equal(RUN("forget", "old", "old", "--yes", "-o", "json"), EXIT_OK);
    assert_non_null(strstr(out, "docker:unix:///nowhere/x.sock/reconclaw-old"));
    assert_int_equal(records_read_all(x->store.home, x->a, &v, &x->e), 0);
    assert_int_equal(v.n, 0);
    assert_int_equal(RUN("forget", "old", "--yes"), EXIT_FAILED);
    free(out);
    free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tree_is_saved_and_unpacked_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_saved_leaves_no_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_made_again_begins_with_the_newest, setup, teardown),
        cmocka_unit_test_setup_teardown(the_command_lists_shows_restores_and_prunes, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_of_the_spec_prunes_but_the_only_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_seen_is_forgotten_by_word_alone, setup, teardown),
    };

    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
