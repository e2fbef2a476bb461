/* contract: endpoints that fail, calls that are cancelled, and two threads. */
#include "tests/lib/contract_suite.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

enum doing { DO_PROBE, DO_OBSERVE, DO_LOOK, DO_CREATE, DO_STOP, DO_REMOVE, DO_COUNT };

static int do_it(struct fixture *f, enum doing what, const struct desired *d, const struct desired *d2, const char *id,
                 const struct call *c)
{
    struct backend_act act = {.name = d->name, .id = id};
    struct observe_req req = {0};
    struct observation o;
    struct observed one;
    struct act_result r;
    struct backend_info info;

    switch (what) {
    case DO_PROBE:
        return suite->ops->probe(f->b, c, &info, &f->e);
    case DO_OBSERVE:
        return suite->ops->observe(f->b, f->a, &req, c, &o, &f->e);
    case DO_LOOK:
        return suite->ops->look(f->b, f->a, id, d->name, c, &one, &f->e);
    case DO_CREATE:
        act = (struct backend_act){.step = STEP_CREATE, .want = d2, .name = d2->name, .created_at_ms = 1};
        break;
    case DO_STOP:
        act.step = STEP_STOP;
        break;
    case DO_REMOVE:
    case DO_COUNT:
        act.step = STEP_REMOVE;
        break;
    }
    return suite->ops->apply(f->b, f->a, &act, c, &r, &f->e);
}

static void test_acts_down(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d2 = suite_desire(f, f->other, CONTRACT_BASE);
    struct call c = {.timeout_ms = 2000};
    const char *id = suite_made(f, d);

    suite->down(suite_peer, true);
    for (enum doing w = 0; w < DO_COUNT; w++)
        must_fail(f, do_it(f, w, d, d2, id, &c), ERR_UNAVAILABLE);
    suite->down(suite_peer, false);
    assert_non_null(suite_seen(f, d));
}

static void test_timeouts(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d2 = suite_desire(f, f->other, CONTRACT_BASE);
    struct call c = {.timeout_ms = 300};
    const char *id = suite_made(f, d);

    suite->hang(suite_peer, true);
    for (enum doing w = 0; w < DO_COUNT; w++) {
        int64_t start = suite_now_ms();

        must_fail(f, do_it(f, w, d, d2, id, &c), ERR_TIMEOUT);
        assert_in_range(suite_now_ms() - start, 250, 1500);
    }
    suite->hang(suite_peer, false);
    /* Whatever became of them, the listing tells the truth, and each can be done again to its end. */
    for (unsigned i = 0; i < 2; i++) {
        const struct desired *x = i == 0 ? d : d2;
        const struct observed *o = suite_seen(f, x);

        if (o == NULL)
            assert_int_equal(suite_look_at(f, NULL, x->name).state, RUN_ABSENT);
        else
            assert_int_equal(suite_look_at(f, o->id, x->name).state, o->state);
    }
    must(f, suite_step(f, STEP_REMOVE, d, id, NULL));
    suite_assert_gone(f, d, id);
    suite_assert_state(f, d2, suite_made(f, d2), RUN_RUNNING);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d2 = suite_desire(f, f->other, CONTRACT_BASE);
    const char *id = suite_made(f, d);

    suite->hang(suite_peer, true);
    for (enum doing w = 0; w < DO_COUNT; w++) {
        struct suite_canceller x = {.after_ms = 150};
        struct call c = {.timeout_ms = 20000, .cancel = &x.cancel};
        pthread_t t;
        int64_t end;

        assert_int_equal(pthread_create(&t, NULL, suite_cancel_later, &x), 0);
        f->e = (struct err){0};
        int r = do_it(f, w, d, d2, id, &c);
        end = suite_now_ms();
        pthread_join(t, NULL);
        assert_int_equal(r, -1);
        assert_string_equal(err_class_name(f->e.class), err_class_name(ERR_CANCELLED));
        assert_in_range(end - x.at_ms, 0, 200);
    }
}

static void test_cancelled_before(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d2 = suite_desire(f, f->other, CONTRACT_BASE);
    atomic_bool cancel = true;
    struct call c = {.timeout_ms = 20000, .cancel = &cancel};
    const char *id = suite_made(f, d);

    for (enum doing w = 0; w < DO_COUNT; w++) {
        int64_t start = suite_now_ms();

        must_fail(f, do_it(f, w, d, d2, id, &c), ERR_CANCELLED);
        assert_in_range(suite_now_ms() - start, 0, 200);
    }
    suite_assert_state(f, d, id, RUN_RUNNING);
    assert_null(suite_seen(f, d2));
}

static void test_setup_cancelled(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct suite_canceller x = {.after_ms = 1000};
    struct call c = {.timeout_ms = 20000, .cancel = &x.cancel};
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1};
    struct act_result r;
    pthread_t t;
    int64_t end;

    d->setup = "sleep 60";
    must(f, suite->ops->check(f->a, d, &d->fields, &f->e));
    assert_int_equal(pthread_create(&t, NULL, suite_cancel_later, &x), 0);
    must_fail(f, suite->ops->apply(f->b, f->a, &act, &c, &r, &f->e), ERR_CANCELLED);
    end = suite_now_ms();
    pthread_join(t, NULL);
    assert_in_range(end - x.at_ms, 0, 200);
}

struct worker {
    const char *name;
    unsigned failures;
    char why[1200];
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct fixture f = {.a = arena_new(), .b = suite_open()};
    struct desired *d = contract_desire(suite, suite_peer, f.a, w->name, CONTRACT_BASE);
    struct call c = suite_call();

    for (unsigned i = 0; i < 3 && w->failures == 0; i++) {
        struct observe_req req = {0};
        struct observation o = {0};
        struct act_result r = {0};
        struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1};
        bool ok = suite->ops->apply(f.b, f.a, &act, &c, &r, &f.e) == 0 && suite->ops->observe(f.b, f.a, &req, &c, &o, &f.e) == 0;
        size_t hits = 0;

        for (size_t j = 0; ok && j < o.n; j++)
            hits += text_eq(o.v[j].name, w->name) && text_eq(o.v[j].id, r.id) && o.v[j].state == RUN_RUNNING;
        act = (struct backend_act){.step = STEP_REMOVE, .name = d->name, .id = r.id};
        ok = ok && hits == 1 && suite->ops->apply(f.b, f.a, &act, &c, &r, &f.e) == 0;
        if (!ok) {
            w->failures++;
            snprintf(w->why, sizeof w->why, "%s: listed %zu times: %s", w->name, hits, f.e.msg);
        }
    }
    suite->ops->close(f.b);
    arena_free(f.a);
    return NULL;
}

static void test_two_handles(void **state)
{
    struct fixture *f = *state;
    struct worker w[2] = {{.name = f->name}, {.name = f->other}};
    pthread_t t[2];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    for (size_t i = 0; i < 2; i++)
        if (w[i].failures > 0)
            fail_msg("%s", w[i].why);
    assert_int_equal(suite_observe(f, NULL, NULL).n, 0);
}

static const struct suite_row rows[] = {
    {"every call to a dead endpoint is unavailable", test_acts_down, 0, SUITE_ANY},
    {"a silent endpoint is a timeout, and the truth can be seen later", test_timeouts, 0, SUITE_HANG},
    {"cancel ends every call within 200 ms", test_cancel, 0, SUITE_HANG},
    {"what is cancelled before it began does nothing", test_cancelled_before, 0, SUITE_ANY},
    {"cancel ends a create in its setup within 200 ms", test_setup_cancelled, 0, SUITE_ANY},
    {"two handles work in two threads", test_two_handles, 0, SUITE_ANY},
};

const struct suite_part suite_faults = {rows, sizeof rows / sizeof *rows};
