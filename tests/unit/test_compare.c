/* reconciler/compare and pull: both ends of a seed, with the fake as the other one. */
#include "backends/fake.h"
#include "reconciler/approvals.h"
#include "reconciler/pull.h"
#include "reconciler/round.h"
#include "spec/base/text.h"
#include "state/seeds.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ENDPOINT "fake:compare"
#define LATER_MS 60000 /* after the last change of a file, so that its stamp may be trusted */

struct box {
    struct arena *a;
    char *dir;
    struct host host;
    struct store store;
    struct fake_world *w;
    struct backend *b;
    struct desired want;
    struct record rec;
    struct request request;
    struct round r;
    struct observe_one look;
    struct observed seen;
    struct err e;
};

static const struct call call = {.timeout_ms = 60000};

static void write_local(struct box *x, const char *text)
{
    scratch_write(x->dir, "ws/content", text, strlen(text), 0644);
}

static const char *local_dir(struct box *x)
{
    return arena_printf(x->a, "%s/ws", x->dir);
}

static int setup(void **state)
{
    struct box *x = calloc(1, sizeof *x);
    struct act_result res;
    char digest[DIGEST_HEX];

    x->a = arena_new();
    x->dir = scratch_make();
    scratch_mkdir(x->dir, "home");
    scratch_mkdir(x->dir, "ws");
    assert_int_equal(chmod(local_dir(x), 0755), 0);
    (void)setenv("HOME", scratch_path(x->dir, "home"), 1);
    (void)setenv("RECONCLAW_STATE_DIR", scratch_path(x->dir, "state"), 1);
    if (host_read(x->a, &x->host, &x->e) < 0 || store_open(&x->host, true, &x->store, &x->e) < 0)
        fail_msg("%s", x->e.msg);
    write_local(x, "first");
    x->w = fake_world_get(ENDPOINT);
    fake_world_reset(x->w);
    assert_int_equal(fake_ops.open(&(struct backend_conf){.endpoint = ENDPOINT, .install = x->store.install}, &x->b, &x->e), 0);
    struct node *create = node_object(x->a), *seed = node_object(x->a), *dirs = node_array(x->a), *dir = node_object(x->a);
    node_set(x->a, seed, "policy", node_string(x->a, "onChange"));
    node_set(x->a, dir, "name", node_string(x->a, "workspace"));
    node_set(x->a, dir, "local", node_string(x->a, local_dir(x)));
    node_push(x->a, dirs, dir);
    node_set(x->a, create, "seed", seed);
    node_set(x->a, create, "dirs", dirs);
    x->want = (struct desired){.endpoint = ENDPOINT,
                               .name = "tree",
                               .kind = RUNTIME_SANDBOX,
                               .owner = "Sandbox/x",
                               .install = x->store.install,
                               .config_hash = "h1",
                               .create = create};
    assert_int_equal(
        fake_ops.apply(x->b, x->a,
                       &(struct backend_act){.step = STEP_CREATE, .want = &x->want, .name = "tree", .created_at_ms = TIME_NONE},
                       &call, &res, &x->e),
        0);
    assert_non_null(res.seeded);
    assert_true(res.seeded_local);
    if (seeds_put(x->store.home, res.seeded, digest, &x->e) < 0)
        fail_msg("%s", x->e.msg);
    x->rec = (struct record){
        .endpoint = ENDPOINT,
        .name = "tree",
        .kind = RUNTIME_SANDBOX,
        .install = x->store.install,
        .created_at_ms = TIME_NONE,
        .last_used_at_ms = TIME_NONE,
        .id = arena_strdup(x->a, res.id),
        .holds_data = true,
        .seed = {.manifest = arena_strdup(x->a, digest), .source = arena_strdup(x->a, res.seeded->tree), .epoch = 1}};
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct box *x = *state;

    compare_free(x->r.compare);
    fake_ops.close(x->b);
    fake_world_drop(ENDPOINT);
    store_close(&x->store);
    scratch_remove(x->dir);
    arena_free(x->a);
    free(x);
    return 0;
}

/* A round at its end, with the record as it lies in the home. The look, or NULL. */
static const struct seed_look *compare(struct box *x)
{
    const struct endpoint_opener opener = {.host = &x->host, .install = x->store.install};
    struct approval *approvals;
    const struct record *own;

    compare_free(x->r.compare);
    x->seen = *fake_world_find(x->w, x->a, "tree");
    x->look = (struct observe_one){.endpoint = ENDPOINT, .seen = {.endpoint = ENDPOINT, .ok = true, .v = &x->seen, .n = 1}};
    x->r = (struct round){.a = x->a,
                          .now_ms = host_now_ms() + LATER_MS,
                          .desired = &x->want,
                          .n_desired = 1,
                          .records = &x->rec,
                          .n_records = 1,
                          .looks = &x->look,
                          .n_looks = 1};
    x->r.world.requests = &x->request;
    x->r.world.n_requests = x->request.name != NULL;
    assert_int_equal(approvals_read(x->store.home, x->a, &approvals, &x->r.world.n_approvals, &x->e), 0);
    x->r.world.approvals = approvals;
    assert_int_equal(records_read_all(x->store.home, x->a, &x->r.own, &x->e), 0);
    own = records_find(&x->r.own, &x->rec);
    if (own)
        x->rec = *own;
    compare_seeds(&x->r, &opener, x->store.home, NULL);
    assert_true(x->r.world.n_seeds <= 1);
    return x->r.world.n_seeds ? &x->r.world.seeds[0] : NULL;
}

static void settle(struct box *x)
{
    compare_settle(&x->r, x->store.home, NULL);
}

static void put_record(struct box *x)
{
    assert_int_equal(record_put(x->store.home, &x->rec, NULL, NULL, &x->e), 0);
}

static unsigned reads(struct box *x)
{
    return fake_world_calls(x->w, FAKE_SAVE);
}

static void what_did_not_change_here_is_not_looked_at_there(void **state)
{
    struct box *x = *state;

    assert_true(fake_world_set_content(x->w, "tree", "theirs"));
    assert_null(compare(x));
    assert_int_equal(reads(x), 0);
}

static void a_local_tree_that_stands_still_is_read_once(void **state)
{
    struct box *x = *state;
    const char *key = arena_printf(x->a, "seed:sandbox %s tree", ENDPOINT);
    char *memo;
    size_t n;

    put_record(x);
    assert_null(compare(x));
    settle(x);
    assert_int_equal(home_get(x->store.home, x->a, key, &memo, &n, &x->e), 0);
    assert_non_null(memo);
    /* What is remembered is believed as long as nothing changed: so nothing was read. */
    char *at = strstr(memo, x->rec.seed.source);
    assert_non_null(at);
    at[0] = at[0] == '0' ? '1' : '0';
    assert_int_equal(home_put(x->store.home, key, memo, n, &x->e), 0);
    assert_non_null(compare(x));
    /* The same bytes, written again: a time changed, and they are read. */
    write_local(x, "first");
    assert_null(compare(x));
    /* What changed a moment ago may change again without a trace, and is not believed. */
    assert_int_equal(home_delete(x->store.home, key, &x->e), 0);
    assert_null(compare(x));
    x->r.now_ms = host_now_ms();
    compare_free(x->r.compare);
    x->r.compare = NULL;
    const struct endpoint_opener opener = {.host = &x->host, .install = x->store.install};
    compare_seeds(&x->r, &opener, x->store.home, NULL);
    settle(x);
    assert_int_equal(home_get(x->store.home, x->a, key, &memo, &n, &x->e), 0);
    assert_null(memo);
}

static void a_change_here_alone_loses_nothing(void **state)
{
    struct box *x = *state;
    const struct seed_look *s;

    write_local(x, "second");
    s = compare(x);
    assert_non_null(s);
    assert_null(s->doubt);
    assert_int_equal(s->verdict, MANIFEST_REMOTE_UNCHANGED);
    assert_int_equal(s->n_lost, 0);
    assert_int_equal(compare_lost(&x->r, s)->n, 0);
    assert_int_equal(reads(x), 1);
    /* Before anything is undone it is read anew, whatever is remembered. */
    put_record(x);
    settle(x);
    assert_non_null(compare(x));
    assert_int_equal(reads(x), 2);
}

static void a_change_there_is_told_and_another_has_another_digest(void **state)
{
    struct box *x = *state;
    const struct seed_look *s;
    const char *digest;

    write_local(x, "second");
    assert_true(fake_world_set_content(x->w, "tree", "theirs"));
    s = compare(x);
    assert_non_null(s);
    assert_int_equal(s->verdict, MANIFEST_BOTH_CHANGED);
    assert_int_equal(s->n_lost, 1);
    assert_int_equal(s->lost_bytes, 6);
    assert_string_equal(s->lost, "  ~ workspace/content (content)\n");
    digest = arena_strdup(x->a, s->digest);
    /* Held: not read again before something changes. */
    put_record(x);
    settle(x);
    s = compare(x);
    assert_string_equal(s->digest, digest);
    assert_string_equal(s->lost, "  ~ workspace/content (content)\n");
    assert_int_equal(reads(x), 1);
    settle(x);
    assert_true(fake_world_set_content(x->w, "tree", "theirs, too"));
    s = compare(x);
    assert_string_not_equal(s->digest, digest);
    assert_int_equal(reads(x), 2);
    /* Approved: read anew, since it is going to be undone. */
    settle(x);
    assert_int_equal(
        approvals_add(x->store.home, x->a, &(struct approval){.endpoint = ENDPOINT, .name = "tree", .digest = s->digest}, &x->e),
        0);
    assert_non_null(compare(x));
    assert_int_equal(reads(x), 3);
    /* The same bytes in another tree are another approval. */
    digest = arena_strdup(x->a, compare(x)->digest);
    struct observed o = *fake_world_find(x->w, x->a, "tree");
    o.id = "another";
    (void)fake_world_put(x->w, &o);
    assert_true(fake_world_set_content(x->w, "tree", "theirs, too"));
    assert_string_not_equal(compare(x)->digest, digest);
}

static void both_ends_alike_are_in_step_from_then_on(void **state)
{
    struct box *x = *state;
    const struct seed_look *s;
    const char *source = x->rec.seed.source;
    struct manifest m;

    write_local(x, "second");
    assert_true(fake_world_set_content(x->w, "tree", "second"));
    put_record(x);
    s = compare(x);
    assert_int_equal(s->verdict, MANIFEST_SAME);
    settle(x);
    assert_null(compare(x));
    assert_string_not_equal(x->rec.seed.source, source);
    assert_int_equal(seeds_get(x->store.home, x->a, x->rec.seed.manifest, &m, &x->e), 0);
    assert_string_equal(m.tree, x->rec.seed.source);
    assert_int_equal(scratch_count(x->dir, "state/seeds"), 1);
}

static void what_nobody_knows_begins_with_what_is_here(void **state)
{
    struct box *x = *state;
    const struct seed_look *s;

    x->rec.seed = (struct seeded){0};
    put_record(x);
    assert_true(fake_world_set_content(x->w, "tree", "theirs"));
    assert_null(compare(x));
    settle(x);
    assert_null(compare(x));
    assert_non_null(x->rec.seed.source);
    write_local(x, "second");
    s = compare(x);
    assert_non_null(s);
    assert_int_equal(s->n_lost, 1); /* nobody knows that it was ever sent */
}

static void who_asks_is_told_whatever_the_policy_is(void **state)
{
    struct box *x = *state;

    node_set(x->a, (struct node *)node_get(x->want.create, "seed"), "policy", node_string(x->a, "once"));
    write_local(x, "second");
    assert_null(compare(x));
    x->request = (struct request){.endpoint = ENDPOINT, .name = "tree", .runtime = RUNTIME_SANDBOX, .kind = ACT_RESEED};
    assert_non_null(compare(x));
    assert_int_equal(reads(x), 1);
}

static void what_cannot_be_compared_is_in_doubt(void **state)
{
    static const enum err_class classes[] = {ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_NOT_FOUND};
    struct box *x = *state;
    const struct seed_look *s;

    write_local(x, "second");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        fake_world_clear_faults(x->w);
        fake_world_add_fault(x->w, &(struct fake_fault){.call = FAKE_SAVE, .kind = FAKE_FAIL, .class = classes[i], .count = 1});
        s = compare(x);
        assert_non_null(s);
        assert_non_null(s->doubt);
        assert_null(s->digest);
    }
    assert_int_equal(symlink("/etc/passwd", arena_printf(x->a, "%s/out", local_dir(x))), 0);
    s = compare(x);
    assert_non_null(s->doubt);
    scratch_clear(x->dir, "ws");
    s = compare(x);
    assert_non_null(s);
    assert_non_null(s->doubt);
}

static void what_was_changed_there_comes_beside_the_local_one(void **state)
{
    struct box *x = *state;
    const struct endpoint_opener opener = {.host = &x->host, .install = x->store.install};
    struct act act = {.endpoint = ENDPOINT, .name = "tree", .runtime = RUNTIME_SANDBOX, .want = &x->want};
    const char *dir = NULL, *again = NULL;
    char *text;
    size_t n;

    write_local(x, "second");
    assert_true(fake_world_set_content(x->w, "tree", "theirs"));
    act.seed = compare(x);
    act.obs = &x->seen;
    if (pull_changes(&opener, x->a, &act, compare_lost(&x->r, act.seed), 1700000000000, &call, &dir, &x->e) < 0)
        fail_msg("%s", x->e.msg);
    assert_string_equal(dir, arena_printf(x->a, "%s.remote-20231114T221320Z", local_dir(x)));
    text = scratch_read(x->dir, "ws.remote-20231114T221320Z/workspace/content", &n);
    assert_string_equal(text, "theirs");
    free(text);
    /* Never over anything. */
    assert_int_equal(pull_changes(&opener, x->a, &act, compare_lost(&x->r, act.seed), 1700000000000, &call, &again, &x->e), 0);
    assert_string_equal(again, arena_printf(x->a, "%s-2", dir));
    /* Changed since: nothing is kept, and nothing is left lying about. */
    assert_true(fake_world_set_content(x->w, "tree", "more"));
    n = (size_t)scratch_count(x->dir, ".");
    assert_int_equal(pull_changes(&opener, x->a, &act, compare_lost(&x->r, act.seed), 1700000000000, &call, &again, &x->e), -1);
    assert_int_equal(x->e.class, ERR_CONFLICT);
    assert_int_equal(scratch_count(x->dir, "."), n);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_did_not_change_here_is_not_looked_at_there),
        TEST(a_local_tree_that_stands_still_is_read_once),
        TEST(a_change_here_alone_loses_nothing),
        TEST(a_change_there_is_told_and_another_has_another_digest),
        TEST(both_ends_alike_are_in_step_from_then_on),
        TEST(what_nobody_knows_begins_with_what_is_here),
        TEST(who_asks_is_told_whatever_the_policy_is),
        TEST(what_cannot_be_compared_is_in_doubt),
        TEST(what_was_changed_there_comes_beside_the_local_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
