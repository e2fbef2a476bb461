/* The scripts of the fake: that each fault does what its name says. What it does well is the contract's. */
#include "backends/fake.h"

#include "backends/tree.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/read/json.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDPOINT "fake:unit"

struct box {
    struct arena *a;
    struct fake_world *w;
    struct backend *b;
    struct err e;
    int64_t now;
};

static const struct call call = {.timeout_ms = 60000};

static int setup(void **state)
{
    struct box *x = calloc(1, sizeof *x);

    x->a = arena_new();
    x->w = fake_world_get(ENDPOINT);
    x->now = 1000000;
    *state = x;
    return fake_ops.open(&(struct backend_conf){.endpoint = ENDPOINT, .install = "one"}, &x->b, &x->e);
}

static int teardown(void **state)
{
    struct box *x = *state;

    fake_ops.close(x->b);
    fake_world_drop(ENDPOINT);
    arena_free(x->a);
    free(x);
    return 0;
}

static int64_t clock_now(void *ctx)
{
    return ((struct box *)ctx)->now;
}

static void clock_wait(void *ctx, int ms)
{
    ((struct box *)ctx)->now += ms;
}

static void use_virtual_time(struct box *x)
{
    fake_world_set_clock(x->w, &(struct fake_clock){.now_ms = clock_now, .wait = clock_wait, .ctx = x});
}

static struct desired desire(struct box *x, const char *name)
{
    return (struct desired){
        .endpoint = ENDPOINT, .name = name, .kind = RUNTIME_SANDBOX, .owner = "Sandbox/x", .config_hash = "h1"};
}

static int create(struct box *x, const char *name)
{
    struct desired d = desire(x, name);
    struct backend_act act = {.step = STEP_CREATE, .want = &d, .name = name, .created_at_ms = TIME_NONE};
    struct act_result r;

    return fake_ops.apply(x->b, x->a, &act, &call, &r, &x->e);
}

static int observe(struct box *x, struct observation *o)
{
    return fake_ops.observe(x->b, x->a, &(struct observe_req){0}, &call, o, &x->e);
}

static void fault(struct box *x, struct fake_fault f)
{
    fake_world_add_fault(x->w, &f);
}

static void test_skip_and_count(void **state)
{
    struct box *x = *state;

    fault(x, (struct fake_fault){.call = FAKE_CREATE, .kind = FAKE_FAIL, .class = ERR_BUSY, .skip = 2, .count = 3});
    for (int i = 0; i < 8; i++) {
        char name[16];

        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(create(x, name), i >= 2 && i < 5 ? -1 : 0);
        if (i >= 2 && i < 5)
            assert_int_equal(x->e.class, ERR_BUSY);
    }
    assert_int_equal(fake_world_count(x->w), 5);
    assert_int_equal(fake_world_calls(x->w, FAKE_CREATE), 8);
    assert_int_equal(fake_world_mutations(x->w), 8);
}

static void test_by_runtime(void **state)
{
    struct box *x = *state;

    fault(x, (struct fake_fault){.call = FAKE_ANY, .runtime = "bad", .kind = FAKE_FAIL});
    assert_int_equal(create(x, "good"), 0);
    assert_int_equal(create(x, "bad"), -1);
    assert_int_equal(x->e.class, ERR_INTERNAL);
    fake_world_clear_faults(x->w);
    assert_int_equal(create(x, "bad"), 0);
}

static void test_fail_after(void **state)
{
    struct box *x = *state;

    fault(x, (struct fake_fault){.call = FAKE_CREATE, .kind = FAKE_FAIL_AFTER, .class = ERR_TIMEOUT, .count = 1});
    assert_int_equal(create(x, "a"), -1);
    assert_int_equal(x->e.class, ERR_TIMEOUT);
    assert_int_equal(fake_world_count(x->w), 1);
    assert_int_equal(create(x, "a"), 0); /* already there: idempotent */
    assert_string_equal(fake_world_history(x->w, x->a), "create a\n");
}

static void test_virtual_hang(void **state)
{
    struct box *x = *state;

    use_virtual_time(x);
    fault(x, (struct fake_fault){.call = FAKE_CREATE, .runtime = "a", .kind = FAKE_HANG});
    fault(x, (struct fake_fault){.call = FAKE_CREATE, .runtime = "b", .kind = FAKE_HANG_AFTER});
    fault(x, (struct fake_fault){.call = FAKE_CREATE, .runtime = "c", .kind = FAKE_SLOW, .ms = 59999});
    fault(x, (struct fake_fault){.call = FAKE_CREATE, .runtime = "d", .kind = FAKE_SLOW, .ms = 60000});
    assert_int_equal(create(x, "a"), -1);
    assert_int_equal(x->e.class, ERR_TIMEOUT);
    assert_true(x->now == 1060000);
    assert_int_equal(create(x, "b"), -1);
    assert_int_equal(x->e.class, ERR_TIMEOUT);
    assert_true(x->now == 1120000);
    assert_int_equal(create(x, "c"), 0);
    assert_true(x->now == 1179999);
    assert_int_equal(create(x, "d"), -1);
    assert_int_equal(x->e.class, ERR_TIMEOUT);
    assert_string_equal(fake_world_history(x->w, x->a), "create b\ncreate c\n");
    /* One that is given no time of creation is made now. */
    assert_true(fake_world_find(x->w, x->a, "c")->created_at_ms == 1179999);
}

static void test_listings(void **state)
{
    static const struct {
        enum fake_fault_kind kind;
        int r;
        size_t n;
    } rows[] = {{FAKE_PARTIAL, -1, 0}, {FAKE_EMPTY, 0, 0}, {FAKE_UNREADABLE, 0, 2}};
    struct box *x = *state;

    assert_int_equal(create(x, "a"), 0);
    assert_int_equal(create(x, "b"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct observation o = {0};

        fault(x, (struct fake_fault){.call = FAKE_OBSERVE, .kind = rows[i].kind, .count = 1});
        assert_int_equal(observe(x, &o), rows[i].r);
        if (rows[i].r < 0)
            assert_int_equal(x->e.class, ERR_UNAVAILABLE);
        else
            assert_int_equal(o.n, rows[i].n);
        for (size_t j = 0; j < o.n; j++)
            assert_int_equal(o.v[j].state, RUN_UNKNOWN);
        fake_world_clear_faults(x->w);
        assert_int_equal(observe(x, &o), 0);
        assert_int_equal(o.n, 2);
    }
}

static void test_setup_fails(void **state)
{
    struct box *x = *state;
    struct desired d = desire(x, "a");
    struct backend_act act = {.step = STEP_CREATE, .want = &d, .name = "a"};
    struct act_result r = {0};

    d.setup = "echo hello";
    fault(x, (struct fake_fault){.call = FAKE_CREATE, .kind = FAKE_SETUP_FAILS, .count = 1});
    assert_int_equal(fake_ops.apply(x->b, x->a, &act, &call, &r, &x->e), -1);
    assert_int_equal(x->e.class, ERR_REFUSED);
    assert_int_equal(r.setup_status, 1);
    assert_string_equal(r.setup_output, "hello\n");
    assert_int_equal(fake_ops.apply(x->b, x->a, &act, &call, &r, &x->e), 0);
}

static void test_others_act(void **state)
{
    struct box *x = *state;
    struct observation o;

    assert_int_equal(create(x, "a"), 0);
    assert_true(fake_world_set_field(x->w, "a", "limits.memory", "1g"));
    assert_true(fake_world_set_busy(x->w, "a", 3));
    assert_true(fake_world_set_hash(x->w, "a", "other"));
    assert_true(fake_world_set_state(x->w, "a", RUN_STOPPED));
    assert_false(fake_world_set_busy(x->w, "b", 3));
    fake_world_put(x->w, &(struct observed){.name = "theirs", .ownership = OWN_OPENCLAW, .state = RUN_RUNNING});
    fake_world_put(x->w, &(struct observed){.name = "second", .ownership = OWN_OURS, .install = "two"});
    assert_int_equal(observe(x, &o), 0);
    assert_int_equal(o.n, 2); /* another install's is foreign, and not wanted */
    assert_string_equal(o.v[0].name, "a");
    assert_string_equal(fields_get(o.v[0].fields, "limits.memory"), "1g");
    assert_int_equal(o.v[0].busy, 3);
    assert_int_equal(o.v[0].state, RUN_STOPPED);
    assert_string_equal(o.v[0].config_hash, "other");
    assert_int_equal(o.v[1].ownership, OWN_OPENCLAW);
    assert_true(fake_world_set_field(x->w, "a", "limits.memory", NULL));
    assert_null(fields_get(fake_world_find(x->w, x->a, "a")->fields, "limits.memory"));
    assert_true(fake_world_remove(x->w, "a"));
    assert_false(fake_world_remove(x->w, "a"));
}

static void test_world_is_shared_and_stays(void **state)
{
    struct box *x = *state;
    struct backend *second, *other;
    struct observation o;

    assert_int_equal(create(x, "a"), 0);
    assert_int_equal(fake_ops.open(&(struct backend_conf){.endpoint = ENDPOINT, .install = "one"}, &second, &x->e), 0);
    assert_int_equal(fake_ops.open(&(struct backend_conf){.endpoint = "fake:unit2", .install = "one"}, &other, &x->e), 0);
    fake_ops.close(x->b);
    x->b = second;
    assert_int_equal(observe(x, &o), 0);
    assert_int_equal(o.n, 1);
    assert_int_equal(fake_ops.observe(other, x->a, &(struct observe_req){0}, &call, &o, &x->e), 0);
    assert_int_equal(o.n, 0);
    fake_ops.close(other);
    fake_world_drop("fake:unit2");
}

static void test_classes(void **state)
{
    static const struct {
        const char *name;
        enum field_class class;
    } rows[] = {{"limits.memory", FIELD_PATCH}, {"a.patch.b", FIELD_PATCH}, {"restart", FIELD_RESTART}, {"note.x", FIELD_NONE},
                {"env.A", FIELD_RECREATE},      {"notes", FIELD_RECREATE},  {"repatch", FIELD_RECREATE}};
    struct box *x = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desired d = desire(x, "a");
        struct node *create = node_object(x->a), *at = create;
        struct fields f;
        char path[64], *rest = path, *part;

        snprintf(path, sizeof path, "%s", rows[i].name);
        while ((part = strsep(&rest, ".")) != NULL) {
            struct node *next = rest != NULL ? node_object(x->a) : node_string(x->a, "v");

            node_set(x->a, at, part, next);
            at = next;
        }
        d.create = create;
        assert_int_equal(fake_ops.check(x->a, &d, &f, &x->e), 0);
        assert_int_equal(f.n, 1);
        assert_string_equal(f.v[0].name, rows[i].name);
        assert_int_equal(f.v[0].class, rows[i].class);
    }
}

static void test_options(void **state)
{
    static const struct {
        const char *json, *message; /* NULL: taken */
    } rows[] = {
        {"{}", NULL},
        {"{\"images\":{\"a:1\":\"sha256:1\"},\"faults\":[{\"call\":\"create\",\"kind\":\"fail\",\"class\":\"busy\","
         "\"skip\":1,\"count\":2,\"ms\":3,\"runtime\":\"a\"}]}",
         NULL},
        {"{\"other\":1}", "other: "},
        {"{\"faults\":[{\"call\":\"dance\",\"kind\":\"fail\"}]}", "faults.call: "},
        {"{\"faults\":[{\"call\":\"create\"}]}", "faults.kind: "},
        {"{\"faults\":[{\"call\":\"create\",\"kind\":\"fail\",\"class\":\"bad\"}]}", "faults.class: "},
        {"{\"faults\":[{\"call\":\"create\",\"kind\":\"fail\",\"skip\":-1}]}", "faults.skip: "},
        {"{\"faults\":[{\"call\":\"create\",\"kind\":\"fail\",\"count\":\"x\"}]}", "faults.count: "},
    };
    struct box *x = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct node *options = json_read_err(x->a, "options", rows[i].json, strlen(rows[i].json), &x->e);
        struct backend *b = NULL;
        int r =
            fake_ops.open(&(struct backend_conf){.endpoint = "fake:options", .install = "one", .options = options}, &b, &x->e);

        assert_int_equal(r, rows[i].message != NULL ? -1 : 0);
        if (r < 0)
            assert_true(text_has_prefix(x->e.msg, rows[i].message));
        fake_ops.close(b);
        fake_world_drop("fake:options");
    }
}

static void test_words_are_complete(void **state)
{
    for (int i = 0; i < FAKE_CALL_COUNT; i++)
        assert_non_null(fake_call_name((enum fake_call)i));
    for (int i = 0; i < FAKE_FAULT_KIND_COUNT; i++)
        assert_non_null(fake_fault_kind_name((enum fake_fault_kind)i));
}

static void *churn(void *arg)
{
    struct box x = {.a = arena_new()};
    char name[16];

    snprintf(name, sizeof name, "t%d", *(int *)arg);
    if (fake_ops.open(&(struct backend_conf){.endpoint = ENDPOINT, .install = "one"}, &x.b, &x.e) < 0)
        return NULL;
    for (int i = 0; i < 200; i++) {
        struct observation o = {0};
        struct act_result r;
        struct observed l;
        struct backend_act act = {.step = STEP_REMOVE, .name = name};

        if (create(&x, name) < 0 || observe(&x, &o) < 0 || fake_ops.look(x.b, x.a, NULL, name, &call, &l, &x.e) < 0 ||
            l.state != RUN_RUNNING)
            break;
        act.id = l.id;
        if (fake_ops.apply(x.b, x.a, &act, &call, &r, &x.e) < 0)
            break;
        if (i == 199)
            *(int *)arg = -1;
    }
    fake_ops.close(x.b);
    arena_free(x.a);
    return NULL;
}

static void test_threads(void **state)
{
    struct box *x = *state;
    pthread_t t[4];
    int n[4] = {0, 1, 2, 3};

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, churn, &n[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(n[i], -1);
    assert_int_equal(fake_world_count(x->w), 0);
}

/* --- trees ----------------------------------------------------------------------------------------------------------------- */

struct tar {
    struct buf bytes;
    size_t at;
};

static int put_tar(void *ctx, const void *p, size_t n, struct err *e)
{
    buf_put(&((struct tar *)ctx)->bytes, p, n);
    return 0;
}

static int read_tar(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{
    struct tar *t = ctx;
    size_t left = t->bytes.n - t->at, n = left < max ? left : max;

    memcpy(p, buf_str(&t->bytes) + t->at, n);
    t->at += n;
    *ret_n = n;
    return 0;
}

/* Its content, or NULL. */
static const struct manifest_entry *saved(struct box *x, const char *name, struct manifest *m)
{
    struct tar t = {.bytes = BUF_INIT(1u << 20)};
    const struct tree_stream from = {.read = read_tar, .ctx = &t};

    assert_int_equal(fake_ops.save(x->b, NULL, name, put_tar, &t, &call, &x->e), 0);
    assert_int_equal(tree_index(x->a, &(struct tree_read_req){0}, &from, &call, m, NULL, &x->e), 0);
    buf_free(&t.bytes);
    return manifest_find(m, "workspace/content");
}

static void test_trees(void **state)
{
    struct box *x = *state;
    struct node *create_from = node_object(x->a), *seed = node_object(x->a);
    struct desired d = desire(x, "tree");
    struct backend_act act = {.step = STEP_CREATE, .want = &d, .name = "tree", .created_at_ms = TIME_NONE};
    const struct manifest_entry *file;
    const struct observed *o;
    struct manifest m;
    struct act_result r;

    node_set(x->a, seed, "content", node_string(x->a, "hello"));
    node_set(x->a, create_from, "seed", seed);
    d.create = create_from;
    assert_int_equal(fake_ops.apply(x->b, x->a, &act, &call, &r, &x->e), 0);
    file = saved(x, "tree", &m);
    assert_int_equal(file->size, 5);
    assert_string_equal(file->digest, digest_sha256(x->a, "hello", 5));
    assert_true(fake_world_set_content(x->w, "tree", "worked on"));
    assert_int_equal(saved(x, "tree", &m)->size, 9);
    o = fake_world_find(x->w, x->a, "tree");
    assert_true(o->content_known && o->n_entries == 1 && o->content_bytes == 9);
    assert_true(fake_world_set_content(x->w, "tree", ""));
    assert_null(saved(x, "tree", &m));
    assert_int_equal(m.n, 1);
    assert_int_equal(fake_world_find(x->w, x->a, "tree")->n_entries, 0);

    d.name = act.name = "plain";
    d.can_remake = true;
    assert_int_equal(fake_ops.apply(x->b, x->a, &act, &call, &r, &x->e), 0);
    assert_int_equal(fake_ops.save(x->b, r.id, "plain", put_tar, NULL, &call, &x->e), -1);
    assert_int_equal(x->e.class, ERR_NOT_FOUND);
    assert_int_equal(fake_ops.save(x->b, "none", "tree", put_tar, NULL, &call, &x->e), -1);
    assert_int_equal(x->e.class, ERR_NOT_FOUND);
}

static void test_seed_dir(void **state)
{
    struct box *x = *state;
    char *dir = scratch_make();
    struct desired d = desire(x, "tree");
    struct backend_act act = {.step = STEP_CREATE, .want = &d, .name = "tree", .created_at_ms = TIME_NONE, .seed_dir = dir};
    struct act_result r;

    scratch_write_text(dir, "workspace/content", "kept");
    assert_int_equal(fake_ops.apply(x->b, x->a, &act, &call, &r, &x->e), 0);
    assert_string_equal(fake_world_content(x->w, x->a, "tree"), "kept");
    scratch_remove(dir);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"a fault hits after `skip` and for `count`", test_skip_and_count, setup, teardown, NULL},
        {"a fault of one runtime spares the others", test_by_runtime, setup, teardown, NULL},
        {"an act can be done and answered with a failure", test_fail_after, setup, teardown, NULL},
        {"virtual time passes without waiting", test_virtual_hang, setup, teardown, NULL},
        {"listings break off, come empty, hold what cannot be read", test_listings, setup, teardown, NULL},
        {"a setup fails by script", test_setup_fails, setup, teardown, NULL},
        {"others act on the endpoint, and it shows", test_others_act, setup, teardown, NULL},
        {"a world is its endpoint's, over all handles", test_world_is_shared_and_stays, setup, teardown, NULL},
        {"classes of fields are read off their names", test_classes, setup, teardown, NULL},
        {"options script a world, and bad ones are told", test_options, setup, teardown, NULL},
        {"every call and fault has a word", test_words_are_complete, NULL, NULL, NULL},
        {"a canonical workspace is seeded, worked in and saved as a tar", test_trees, setup, teardown, NULL},
        {"a canonical workspace is seeded from a directory that is given", test_seed_dir, setup, teardown, NULL},
        {"threads with handles of their own do not disturb one another", test_threads, setup, teardown, NULL},
    };

    return cmocka_run_group_tests_name("fake", tests, NULL, NULL);
}
