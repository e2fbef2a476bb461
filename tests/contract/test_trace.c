/* The contract on the recorder around the fake: recording changes no answer. Then a round is recorded and played back: the same
 * answers to the same questions, an error to any other. */
#include "backends/fake.h"
#include "backends/replay.h"
#include "backends/trace.h"
#include "tests/lib/fake_peer.h"

#include "spec/base/digest.h"
#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INNER    "fake:traced"
#define ENDPOINT "trace:" INNER
#define PLAYED   "replay:" INNER

static char dir[] = "/tmp/reconclaw-trace-XXXXXX";
static char file[64];

static void conf(void *ctx, struct arena *a, struct backend_conf *ret)
{
    struct node *options = node_object(a);

    node_set(a, options, "file", node_string(a, file));
    *ret = (struct backend_conf){.endpoint = ENDPOINT, .options = options};
}

static const struct contract *the_contract(void)
{
    return fake_peer_contract(&trace_ops, INNER, conf);
}

static struct backend *open_played(void)
{
    ARENA_AUTO a = arena_new();
    struct backend_conf played;
    struct backend *b = NULL;
    struct err e;

    conf(NULL, a, &played);
    played.endpoint = PLAYED;
    played.install = CONTRACT_INSTALL;
    if (replay_ops.open(&played, &b, &e) < 0)
        fail_msg("%s", e.msg);
    return b;
}

/* --- replay -------------------------------------------------------------------------------------------------------- */

#define MAX_ANSWERS 32

/* What a round was told, as text: to be the same when it is played. */
struct answers {
    struct buf v[MAX_ANSWERS];
    size_t n;
};

static struct buf *answer(struct answers *s, int r, const struct err *e)
{
    struct buf *b = &s->v[s->n++];

    assert_true(s->n <= MAX_ANSWERS);
    *b = BUF_INIT(65536);
    buf_printf(b, "%d %s %s|", r, r < 0 ? err_class_name(e->class) : "", r < 0 ? e->msg : "");
    return b;
}

static void put_observed(struct buf *b, const struct observed *o)
{
    buf_printf(b, "%s %s %d %d %d %s %s %lld %s %d %u %d:", o->name, o->id, o->kind, o->ownership, o->state, o->owner,
               o->config_hash, (long long)o->created_at_ms, o->image_id, o->fields_known, o->busy, o->cdp_port);
    for (size_t i = 0; i < o->fields.n; i++)
        buf_printf(b, "%s=%s/%d/%d,", o->fields.v[i].name, o->fields.v[i].value, o->fields.v[i].class, o->fields.v[i].sensitive);
}

static void do_observe(struct backend *b, struct arena *a, const struct desired *d, const char *memo, struct answers *s)
{
    const char *refs[] = {"base:1", "missing:1"};
    struct observe_req req = {.images = refs, .n_images = 2, .desired = d, .n_desired = 1, .memo = memo};
    struct observation o = {0};
    struct err e;
    int r = b->ops->observe(b, a, &req, &(struct call){.timeout_ms = 1000}, &o, &e);
    struct buf *text = answer(s, r, &e);

    for (size_t i = 0; i < o.n; i++)
        put_observed(text, &o.v[i]);
    for (size_t i = 0; i < o.n_images; i++)
        buf_printf(text, "%s=%s,", o.images[i].ref, o.images[i].id != NULL ? o.images[i].id : "");
    buf_printf(text, "%s", o.memo);
}

static const char *do_apply(struct backend *b, struct arena *a, enum step step, const struct desired *d, const char *id,
                            struct answers *s)
{
    struct backend_act act = {.step = step, .want = d, .name = d->name, .id = id, .created_at_ms = INT64_C(9007199254740993)};
    struct act_result res = {0};
    struct err e;
    int r = b->ops->apply(b, a, &act, &(struct call){.timeout_ms = 1000}, &res, &e);
    struct buf *text = answer(s, r, &e);

    buf_printf(text, "%s %d %s", res.id, res.setup_status, res.setup_output != NULL ? res.setup_output : "");
    return res.id;
}

/* The same calls, on the recorder and on the player. */
static void round_of_calls(struct backend *b, void *world, struct arena *a, struct answers *s)
{
    const struct contract *c = the_contract();
    struct desired *d = contract_desire(c, world, a, "one", CONTRACT_WITH_SECRET),
                   *bad = contract_desire(c, world, a, "two", CONTRACT_BASE);
    struct backend_info info = {0};
    struct observed o = {0};
    struct err e;
    const char *id;
    int r;

    bad->setup = "echo oh; exit 3";
    d->endpoint = bad->endpoint = b->ops == &trace_ops ? ENDPOINT : PLAYED;
    assert_int_equal(b->ops->check(a, d, &d->fields, &e), 0);
    r = b->ops->probe(b, &(struct call){.timeout_ms = 1000}, &info, &e);
    buf_printf(answer(s, r, &e), "%s %s", info.version, info.api);
    do_observe(b, a, d, NULL, s);
    id = do_apply(b, a, STEP_CREATE, d, NULL, s);
    do_apply(b, a, STEP_CREATE, bad, NULL, s);
    do_observe(b, a, d, NULL, s);
    r = b->ops->look(b, a, id, "one", &(struct call){.timeout_ms = 1000}, &o, &e);
    answer(s, r, &e);
    do_apply(b, a, STEP_START, d, "nothing", s);
    do_apply(b, a, STEP_STOP, d, id, s);
    do_apply(b, a, STEP_REMOVE, d, id, s);
    do_observe(b, a, d, "fake:1", s);
}

static char *read_file(struct arena *a, size_t *ret_n)
{
    FILE *f = fopen(file, "r");
    char *bytes = arena_alloc(a, 8 << 20);

    assert_non_null(f);
    *ret_n = fread(bytes, 1, (8 << 20) - 1, f);
    fclose(f);
    return bytes;
}

static void test_replay(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct contract *c = the_contract();
    void *world = c->start();
    struct backend *b;
    struct answers first = {0}, second = {0};
    size_t n;

    unlink(file);
    b = contract_open(c, world, CONTRACT_INSTALL);
    round_of_calls(b, world, a, &first);
    trace_ops.close(b);
    c->stop(world);
    assert_null(strstr(read_file(a, &n), CONTRACT_SECRET_VALUE));
    for (unsigned times = 0; times < 2; times++) {
        second = (struct answers){0};
        b = open_played();
        round_of_calls(b, NULL, a, &second);
        replay_ops.close(b); /* the last handle: the next one begins anew */
        assert_int_equal(first.n, second.n);
        for (size_t i = 0; i < first.n; i++) {
            assert_string_equal(buf_str(&first.v[i]), buf_str(&second.v[i]));
            buf_free(&second.v[i]);
        }
    }
    for (size_t i = 0; i < first.n; i++)
        buf_free(&first.v[i]);
}

static void test_replay_mismatch(void **state)
{
    ARENA_AUTO a = arena_new();
    struct backend *b = open_played();
    struct call c = {.timeout_ms = 1000};
    struct observe_req req = {.deep = true};
    struct observation o = {.n = 77};
    struct backend_info info;
    struct observed l;
    struct err e;

    assert_int_equal(b->ops->probe(b, &c, &info, &e), 0);
    assert_int_equal(b->ops->observe(b, a, &req, &c, &o, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    assert_non_null(strstr(e.msg, "asked: observe {\"images\":[],\"desired\":[],\"deep\":true}"));
    assert_non_null(strstr(e.msg, "recorded in line 2: observe {\"images\":[\"base:1\",\"missing:1\"]"));
    assert_int_equal(o.n, 77);
    assert_int_equal(b->ops->look(b, a, "x", "never", &c, &l, &e), -1);
    assert_non_null(strstr(e.msg, "nothing more is recorded of 'never'"));
    b->ops->close(b);
}

static void test_replay_bad_files(void **state)
{
    static const char *const rows[] = {
        "x\n",
        "{}\n",
        "[]\n",
        "{\"call\":\"probe\",\"request\":{}}\n",
        "{\"call\":\"dance\",\"request\":{},\"result\":{}}\n",
        "{\"call\":\"probe\",\"request\":[],\"result\":{}}\n",
        "{\"call\":\"probe\",\"request\":{},\"result\":{}}\n{\"call\":",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct replay_line *lines;
        struct err e;
        size_t n;

        assert_int_equal(replay_decode(a, rows[i], strlen(rows[i]), &lines, &n, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
        assert_true(text_has_prefix(e.msg, i < 6 ? "line 1: " : "line 2: "));
    }
}

static void test_open_refuses(void **state)
{
    static const struct {
        const char *endpoint, *file, *message;
    } rows[] = {
        {"trace", "x", "say what is traced"},
        {"trace:", "x", "say what is traced"},
        {"trace:nosuch", "x", "say what is traced"},
        {"trace:trace:fake", "x", "say what is traced"},
        {"trace:fake", NULL, "file: "},
        {"trace:fake", "/nonexistent/x", "file: /nonexistent/x"},
        {"replay", "x", "say what was traced"},
        {"replay:fake", NULL, "file: "},
        {"replay:fake", "/nonexistent", "file: /no"},
        {"replay:fake", "/tmp", "file: /tmp: no regular file"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct node *options = node_object(a);
        struct backend *b = NULL;
        struct err e = {0};

        if (rows[i].file != NULL)
            node_set(a, options, "file", node_string(a, rows[i].file));
        assert_int_equal(
            backend_find(rows[i].endpoint)
                ->open(&(struct backend_conf){.endpoint = rows[i].endpoint, .install = "x", .options = options}, &b, &e),
            -1);
        if (b != NULL || strstr(e.msg, rows[i].message) == NULL)
            fail_msg("%s: %s", rows[i].endpoint, e.msg);
    }
}

static void test_contract_left_no_secret(void **state)
{
    ARENA_AUTO a = arena_new();
    size_t n;
    const char *bytes = read_file(a, &n);

    assert_true(n > 10000);
    assert_null(strstr(bytes, CONTRACT_SECRET_VALUE));
    assert_non_null(strstr(bytes, "(sensitive)"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"what the contract recorded holds no secret", test_contract_left_no_secret, NULL, NULL, NULL},
        {"a recorded round plays back the same, as often as it is opened", test_replay, NULL, NULL, NULL},
        {"another request than the recorded one is an error that names both", test_replay_mismatch, NULL, NULL, NULL},
        {"a file that is no trace is refused by line", test_replay_bad_files, NULL, NULL, NULL},
        {"an endpoint or file that cannot be is refused", test_open_refuses, NULL, NULL, NULL},
    };
    int failed;

    if (mkdtemp(dir) == NULL)
        return 1;
    snprintf(file, sizeof file, "%s/trace.jsonl", dir);
    failed = contract_run(the_contract());
    failed += cmocka_run_group_tests_name("trace and replay", tests, NULL, NULL);
    unlink(file);
    rmdir(dir);
    return failed;
}
