#include "tests/lib/contract_suite.h"

#include "spec/base/digest.h"
#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct contract *suite;
void *suite_peer;

/* --- what every binding has alike ---------------------------------------------------------------------------------- */

struct backend *contract_open(const struct contract *c, void *ctx, const char *install)
{
    ARENA_AUTO a = arena_new();
    struct backend_conf conf = {0};
    struct backend *b = NULL;
    struct err e;

    c->conf(ctx, a, &conf);
    conf.install = install;
    if (c->ops->open(&conf, &b, &e) < 0)
        fail_msg("%s", e.msg);
    return b;
}

static struct desired *desire_image(const struct contract *c, void *ctx, struct arena *a, const char *name,
                                    enum contract_variant v, const char *image)
{
    struct desired *d = ARENA_NEW(a, struct desired);
    struct backend_conf conf = {0};
    char *json;

    c->conf(ctx, a, &conf);
    *d = (struct desired){.endpoint = conf.endpoint,
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = arena_printf(a, "Sandbox/%s", name),
                          .install = CONTRACT_INSTALL,
                          .want = WANT_RUNNING,
                          .precreate = true,
                          .can_remake = true,
                          .backend_id = c->ops->name,
                          .image = image};
    c->want(ctx, a, d, v);
    json = node_json(a, d->create);
    d->config_hash = digest_sha256(a, json, strlen(json));
    return d;
}

struct desired *contract_desire(const struct contract *c, void *ctx, struct arena *a, const char *name, enum contract_variant v)
{
    return desire_image(c, ctx, a, name, v, c->image);
}

struct node *contract_secret(struct arena *a, const char *before)
{
    struct node *n = node_printf(a, "%s%s", before, CONTRACT_SECRET_VALUE);

    n->secret = true;
    return n;
}

struct backend *suite_open(void)
{
    return contract_open(suite, suite_peer, CONTRACT_INSTALL);
}

/* --- helpers ------------------------------------------------------------------------------------------------------- */

struct desired *suite_desire_image(struct fixture *f, const char *name, enum contract_variant v, const char *image)
{
    return desire_image(suite, suite_peer, f->a, name, v, image);
}

struct call suite_call(void)
{
    return (struct call){.timeout_ms = suite->timeout_ms > 0 ? suite->timeout_ms : 20000};
}

int64_t suite_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct desired *suite_desire(struct fixture *f, const char *name, enum contract_variant v)
{
    struct desired *d = contract_desire(suite, suite_peer, f->a, name, v);

    must(f, suite->ops->check(f->a, d, &d->fields, &f->e));
    return d;
}

int suite_create(struct fixture *f, const struct desired *d, struct act_result *ret)
{
    struct call c = suite_call();
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000123};

    return suite->ops->apply(f->b, f->a, &act, &c, ret, &f->e);
}

const char *suite_made(struct fixture *f, const struct desired *d)
{
    struct act_result r = {0};

    must(f, suite_create(f, d, &r));
    assert_non_null(r.id);
    assert_int_equal(r.setup_status, 0);
    return r.id;
}

int suite_step(struct fixture *f, enum step s, const struct desired *d, const char *id, const struct observed *expect)
{
    struct call c = suite_call();
    struct backend_act act = {.step = s, .want = d, .name = d->name, .id = id, .expect = expect};
    struct act_result r = {0};

    return suite->ops->apply(f->b, f->a, &act, &c, &r, &f->e);
}

int suite_observe_as(struct fixture *f, const struct observe_req *req, struct observation *ret)
{
    struct call c = suite_call();

    return suite->ops->observe(f->b, f->a, req, &c, ret, &f->e);
}

/* The whole listing, with `d` wanted (may be NULL). */
struct observation suite_observe(struct fixture *f, const struct desired *d, const char *memo)
{
    struct observe_req req = {.desired = d, .n_desired = d != NULL, .memo = memo};
    struct observation o = {0};

    must(f, suite_observe_as(f, &req, &o));
    assert_true(o.ok);
    assert_string_equal(o.endpoint, suite_desire(f, f->name, CONTRACT_BASE)->endpoint);
    for (size_t i = 0; i < o.n; i++) {
        assert_string_equal(o.v[i].endpoint, o.endpoint);
        assert_non_null(o.v[i].name);
        assert_true(o.v[i].state != RUN_ABSENT);
        for (size_t j = 0; j < i; j++)
            assert_false(text_eq(o.v[i].id, o.v[j].id));
    }
    return o;
}

const struct observed *suite_find(const struct observation *o, const char *name)
{
    const struct observed *hit = NULL;

    for (size_t i = 0; i < o->n; i++)
        if (text_eq(o->v[i].name, name)) {
            assert_null(hit);
            hit = &o->v[i];
        }
    return hit;
}

const struct observed *suite_seen(struct fixture *f, const struct desired *d)
{
    struct observation *o = ARENA_NEW(f->a, struct observation);

    *o = suite_observe(f, d, NULL);
    return suite_find(o, d->name);
}

struct observed suite_look_at(struct fixture *f, const char *id, const char *name)
{
    struct call c = suite_call();
    struct observed o = {0};

    must(f, suite->ops->look(f->b, f->a, id, name, &c, &o, &f->e));
    return o;
}

void suite_assert_fields(struct fixture *f, struct fields want, struct fields got)
{
    struct field_change *ch;
    size_t n = fields_diff(f->a, want, got, &ch);
    BUF_AUTO text = BUF_INIT(65536);

    for (size_t i = 0; i < n; i++) {
        buf_puts(&text, "\n  ");
        field_change_format(&text, &ch[i]);
    }
    if (n > 0)
        fail_msg("%zu fields differ (from what is wanted to what is seen):%s", n, buf_str(&text));
}

void suite_assert_state(struct fixture *f, const struct desired *d, const char *id, enum run_state s)
{
    const struct observed *o = suite_seen(f, d);

    assert_non_null(o);
    assert_string_equal(o->id, id);
    assert_string_equal(run_state_name(o->state), run_state_name(s));
    assert_string_equal(run_state_name(suite_look_at(f, id, d->name).state), run_state_name(s));
}

void suite_assert_gone(struct fixture *f, const struct desired *d, const char *id)
{
    assert_int_equal(suite_look_at(f, id, d->name).state, RUN_ABSENT);
    assert_null(suite_seen(f, d));
}

/* What the backend makes for another install is foreign to ours; its creation time tells it from any other. */
void suite_make_foreign(struct fixture *f)
{
    struct desired *d = contract_desire(suite, suite_peer, f->a, f->name, CONTRACT_BASE);
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 5};
    struct call c = suite_call();
    struct act_result r;
    struct backend *b;

    if (suite->foreign != NULL) {
        suite->foreign(suite_peer, f->name);
        return;
    }
    b = contract_open(suite, suite_peer, CONTRACT_OTHER_INSTALL);
    d->install = CONTRACT_OTHER_INSTALL;
    must(f, suite->ops->apply(b, f->a, &act, &c, &r, &f->e));
    suite->ops->close(b);
}

bool suite_foreign_intact(struct fixture *f)
{
    struct call c = suite_call();
    struct observed o = {0};
    struct backend *b;

    if (suite->foreign_intact != NULL)
        return suite->foreign_intact(suite_peer, f->name);
    b = contract_open(suite, suite_peer, CONTRACT_OTHER_INSTALL);
    must(f, suite->ops->look(b, f->a, NULL, f->name, &c, &o, &f->e));
    suite->ops->close(b);
    return o.ownership == OWN_OURS && o.state == RUN_RUNNING && o.created_at_ms == 5;
}

void *suite_cancel_later(void *arg)
{
    struct suite_canceller *x = arg;

    poll(NULL, 0, x->after_ms);
    x->at_ms = suite_now_ms();
    atomic_store(&x->cancel, true);
    return NULL;
}

/* --- the list ------------------------------------------------------------------------------------------------------ */

static bool applies(const struct suite_row *r)
{
    if ((r->needs & suite->lacks) != 0)
        return false;
    switch (r->means) {
    case SUITE_ANY:
        return true;
    case SUITE_HANG:
        return suite->hang != NULL;
    case SUITE_DRIFT:
        return suite->drift != NULL;
    case SUITE_EXEC:
        return suite->ops->exec != NULL;
    case SUITE_FOLLOW:
        return suite->ops->follow != NULL;
    }
    return false;
}

static int fixture_setup(void **state)
{
    static unsigned serial;
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL)
        return -1;
    f->a = arena_new();
    f->b = suite_open();
    snprintf(f->name, sizeof f->name, CONTRACT_PREFIX "t%u-a", ++serial);
    snprintf(f->other, sizeof f->other, CONTRACT_PREFIX "t%u-b", serial);
    *state = f;
    return f->b != NULL ? 0 : -1;
}

static void remove_all(struct fixture *f, const char *install)
{
    struct backend *b = contract_open(suite, suite_peer, install);
    struct call c = suite_call();
    struct observe_req req = {0};
    struct observation o = {0};
    struct act_result r;

    must(f, suite->ops->observe(b, f->a, &req, &c, &o, &f->e));
    for (size_t i = 0; i < o.n; i++) {
        struct backend_act act = {.step = STEP_REMOVE, .name = o.v[i].name, .id = o.v[i].id};

        must(f, suite->ops->apply(b, f->a, &act, &c, &r, &f->e));
    }
    suite->ops->close(b);
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    suite->down(suite_peer, false);
    if (suite->hang != NULL)
        suite->hang(suite_peer, false);
    if (suite->clean != NULL) {
        suite->clean(suite_peer);
    } else {
        remove_all(f, CONTRACT_INSTALL);
        remove_all(f, CONTRACT_OTHER_INSTALL);
    }
    suite->ops->close(f->b);
    arena_free(f->a);
    free(f);
    return 0;
}

static int peer_start(void **state)
{
    suite_peer = suite->start();
    return suite_peer != NULL ? 0 : -1;
}

static int peer_stop(void **state)
{
    if (suite_peer != NULL)
        suite->stop(suite_peer);
    return 0;
}

int contract_run(const struct contract *k)
{
    static const struct suite_part *const parts[] = {&suite_look, &suite_apply, &suite_faults, &suite_exec};
    struct CMUnitTest *tests;
    size_t n = 0;
    char group[64];
    int failed;

    suite = k;
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        n += parts[p]->n;
    tests = calloc(n, sizeof *tests);
    if (tests == NULL)
        return 1;
    n = 0;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t i = 0; i < parts[p]->n; i++) {
            const struct suite_row *r = &parts[p]->rows[i];

            if (applies(r))
                tests[n++] = (struct CMUnitTest){
                    .name = r->name, .test_func = r->test, .setup_func = fixture_setup, .teardown_func = fixture_teardown};
        }
    snprintf(group, sizeof group, "contract: %s", suite->ops->name);
    failed = _cmocka_run_group_tests(group, tests, n, peer_start, peer_stop);
    free(tests);
    return failed;
}
