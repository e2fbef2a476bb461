/* Whole rounds in virtual time: observe, plan, execute, record, on the fake backend, with scripted and random faults, crashes at
 * every step, and others who act in between. RECONCLAW_SEED repeats one run, RECONCLAW_WORLDS says how many each test gets. */
#include "backends/fake.h"
#include "reconciler/core/plan_text.h"
#include "reconciler/executor.h"
#include "spec/base/digest.h"
#include "spec/base/vec.h"
#include "tests/lib/model.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define INSTALL    "0123456789abcdef"
#define MAX_ROUNDS 60
#define RUNS       150

/* --- a machine: what outlives a crash ------------------------------------------------------------------------------------------
 */

struct sim {
    struct arena *a; /* of what is on disk */
    struct fake_world *fake;
    char endpoint[32];
    _Atomic int64_t now_ms;
    pthread_mutex_t mutex; /* of the records: recorders run in many threads */
    VEC(struct desired) desired;
    VEC(struct record) records; /* install NULL: gone */
    struct install install;
    VEC(struct grant) grants;
    unsigned n_versions;
    /* The process dies at the step of this number: from then on nothing it does has an effect. 0: it lives. */
    _Atomic long dies_at, steps;
    atomic_bool dead;
    struct plan last;
    size_t n_last_seen;
    void (*between)(struct sim *s); /* others act after the look, before the acts */
    unsigned n_rounds;
    struct dice *dice;
};

static int64_t sim_now(void *ctx)
{
    return atomic_load(&((struct sim *)ctx)->now_ms);
}

static void sim_wait(void *ctx, int ms)
{
    atomic_fetch_add(&((struct sim *)ctx)->now_ms, ms);
}

/* One step of the process; true: it died before this one. */
static bool dies(struct sim *s)
{
    long step = atomic_fetch_add(&s->steps, 1) + 1;

    if (atomic_load(&s->dies_at) && step >= atomic_load(&s->dies_at))
        atomic_store(&s->dead, true);
    return atomic_load(&s->dead);
}

static int died(struct err *e)
{
    return err_set(e, ERR_CANCELLED, 0, "the process is no more");
}

/* --- a backend that dies with the process
 * ---------------------------------------------------------------------------------------- */

struct mortal {
    struct backend base;
    struct backend *inner;
    struct sim *sim;
};

static int mortal_look(struct backend *b, struct arena *a, const char *id, const char *name, const struct call *c,
                       struct observed *ret, struct err *e)
{
    struct mortal *m = (struct mortal *)b;

    if (dies(m->sim))
        return died(e);
    return m->inner->ops->look(m->inner, a, id, name, c, ret, e);
}

static int mortal_apply(struct backend *b, struct arena *a, const struct backend_act *act, const struct call *c,
                        struct act_result *ret, struct err *e)
{
    struct mortal *m = (struct mortal *)b;
    int r;

    if (dies(m->sim))
        return died(e);
    r = m->inner->ops->apply(m->inner, a, act, c, ret, e);
    return dies(m->sim) ? died(e) : r; /* done, and nobody there to hear of it */
}

static void mortal_close(struct backend *b)
{
    struct mortal *m = (struct mortal *)b;

    m->inner->ops->close(m->inner);
    free(m);
}

static const struct backend_ops mortal_ops = {.name = "fake", .look = mortal_look, .apply = mortal_apply, .close = mortal_close};

static int open_inner(struct sim *s, struct backend **ret, struct err *e)
{
    const struct backend_conf conf = {.endpoint = s->endpoint, .install = INSTALL, .state_dir = "/nonexistent"};

    return fake_ops.open(&conf, ret, e);
}

static int open_mortal(void *ctx, const char *endpoint, struct backend **ret, struct err *e)
{
    struct mortal *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->base.ops = &mortal_ops;
    m->sim = ctx;
    if (open_inner(ctx, &m->inner, e) < 0) {
        free(m);
        return -1;
    }
    *ret = &m->base;
    return 0;
}

/* --- records in memory
 * ------------------------------------------------------------------------------------------------------------ */

static struct record *sim_record(struct sim *s, const char *name, enum runtime_kind kind)
{
    for (size_t i = 0; i < s->records.n; i++)
        if (s->records.v[i].install && s->records.v[i].kind == kind && strcmp(s->records.v[i].name, name) == 0)
            return &s->records.v[i];
    return NULL;
}

/* Copies into what is on disk: the round's arena goes. */
static struct record *sim_put(struct sim *s, const struct act *act)
{
    struct record *r = sim_record(s, act->name, act->runtime);

    if (!r) {
        r = VEC_ADD(s->a, &s->records);
        *r = (struct record){.created_at_ms = TIME_NONE, .last_used_at_ms = TIME_NONE};
    }
    r->endpoint = s->endpoint;
    r->name = arena_strdup(s->a, act->name);
    r->kind = act->runtime;
    r->install = INSTALL;
    r->scope_key = act->want ? arena_strdup(s->a, act->want->scope_key) : NULL;
    r->version = arena_printf(s->a, "v%u", ++s->n_versions);
    return r;
}

static int begin_record(struct sim *s, struct err *e)
{
    if (dies(s))
        return died(e);
    pthread_mutex_lock(&s->mutex);
    return 0;
}

static int end_record(struct sim *s)
{
    pthread_mutex_unlock(&s->mutex);
    return 0;
}

static int on_intent(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;

    if (begin_record(s, e) < 0)
        return -1;
    sim_put(s, act)->creating = true;
    return end_record(s);
}

static bool is_current(struct sim *s, const struct act *act)
{
    const struct record *r = sim_record(s, act->name, act->runtime);

    return !act->rec || (r && text_eq(r->version, act->rec->version));
}

static int on_fresh(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;
    bool current;

    if (begin_record(s, e) < 0)
        return -1;
    current = is_current(s, act);
    (void)end_record(s);
    return current ? 0 : err_set(e, ERR_CONFLICT, 0, "used since");
}

static int on_made(void *ctx, const struct act *act, const struct act_result *res, int64_t created_at_ms, bool setup_failed,
                   struct err *e)
{
    struct sim *s = ctx;
    struct record *r;

    if (begin_record(s, e) < 0)
        return -1;
    r = sim_put(s, act);
    r->creating = false;
    r->setup_failed = setup_failed;
    r->id = arena_strdup(s->a, res->id);
    r->created_at_ms = created_at_ms;
    if (r->last_used_at_ms == TIME_NONE)
        r->last_used_at_ms = created_at_ms;
    r->config_hash = arena_strdup(s->a, act->want->config_hash);
    return end_record(s);
}

static int on_adopted(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;
    struct record *r;

    if (begin_record(s, e) < 0)
        return -1;
    r = sim_put(s, act);
    r->creating = false;
    r->id = arena_strdup(s->a, act->obs->id);
    r->created_at_ms = act->obs->created_at_ms;
    if (r->last_used_at_ms == TIME_NONE)
        r->last_used_at_ms = sim_now(s);
    if (act->obs->config_hash)
        r->config_hash = arena_strdup(s->a, act->obs->config_hash);
    return end_record(s);
}

static int on_gone(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;
    struct record *r;
    bool current;

    if (begin_record(s, e) < 0)
        return -1;
    r = sim_record(s, act->name, act->runtime);
    current = is_current(s, act);
    if (r && current)
        *r = (struct record){0};
    (void)end_record(s);
    return current ? 0 : err_set(e, ERR_CONFLICT, 0, "used since");
}

/* --- rounds
 * ------------------------------------------------------------------------------------------------------------------------ */

static void observe(struct sim *s, struct arena *a, struct observation *ret)
{
    const char *images[] = {"img:1", "img:none"};
    const struct observe_req req = {
        .images = images, .n_images = 2, .desired = s->desired.v, .n_desired = s->desired.n, .now_ms = sim_now(s)};
    const struct call call = {.timeout_ms = 10000};
    struct backend *b = NULL;
    struct err e = {0};

    *ret = (struct observation){.endpoint = s->endpoint};
    if (open_inner(s, &b, &e) < 0 || b->ops->observe(b, a, &req, &call, ret, &e) < 0)
        *ret = (struct observation){.endpoint = s->endpoint, .why = arena_strdup(a, e.msg)};
    if (b)
        b->ops->close(b);
    if (ret->ok)
        ret->endpoint = s->endpoint;
}

/* What the reconciler does of a hold that asks for a look: looks, and tells the next round's planner. */
static void confirm(struct sim *s, struct arena *a, struct observation *seen, const struct plan *p)
{
    VEC(struct observed) v = {0};
    struct backend *b;
    struct err e;

    if (!seen->ok)
        return;
    for (size_t i = 0; i < seen->n; i++)
        VEC_PUSH(a, &v, seen->v[i]);
    assert_int_equal(open_inner(s, &b, &e), 0);
    for (size_t i = 0; i < p->n_acts; i++) {
        const struct call call = {.timeout_ms = 10000};
        struct observed o = {0};

        if (p->acts[i].kind != ACT_HOLD || p->acts[i].guard != GUARD_UNKNOWN || !p->acts[i].needs_look)
            continue;
        if (b->ops->look(b, a, NULL, p->acts[i].name, &call, &o, &e) == 0 && o.state == RUN_ABSENT) {
            o.name = p->acts[i].name;
            VEC_PUSH(a, &v, o);
        }
    }
    b->ops->close(b);
    seen->v = v.v;
    seen->n = v.n;
}

static void make_world(struct sim *s, struct arena *a, const struct observation *seen, struct world *ret)
{
    struct record *records = ARENA_ARRAY(a, struct record, s->records.n);
    struct last_seen *last = ARENA_NEW(a, struct last_seen);

    *last = (struct last_seen){.endpoint = s->endpoint, .n = s->n_last_seen};
    *ret = (struct world){.desired = s->desired.v,
                          .n_desired = s->desired.n,
                          .observations = seen,
                          .n_observations = 1,
                          .installs = &s->install,
                          .n_installs = 1,
                          .grants = s->grants.v,
                          .n_grants = s->grants.n,
                          .last = last,
                          .n_last = 1};
    for (size_t i = 0; i < s->records.n; i++)
        if (s->records.v[i].install)
            records[ret->n_records++] = s->records.v[i];
    ret->records = records;
}

/* true: there was nothing to do. */
static bool round_of(struct sim *s, unsigned threads)
{
    static const struct recorder ops = {
        .intent = on_intent, .fresh = on_fresh, .made = on_made, .adopted = on_adopted, .gone = on_gone};
    ARENA_AUTO a = arena_new();
    struct observation *seen = ARENA_NEW(a, struct observation);
    struct recorder recorder = ops;
    struct executor_conf conf = {.open = open_mortal,
                                 .open_ctx = s,
                                 .recorder = &recorder,
                                 .now_ms = sim_now,
                                 .wait = sim_wait,
                                 .now_ctx = s,
                                 .threads = threads,
                                 .seed = 1};
    struct act_ended *ended;
    struct world w;

    recorder.ctx = s;
    s->n_rounds++;
    observe(s, a, seen);
    make_world(s, a, seen, &w);
    plan_compute(a, &w, sim_now(s), &s->last);
    confirm(s, a, seen, &s->last);
    plan_compute(a, &w, sim_now(s), &s->last);
    if (s->between)
        s->between(s);
    ended = ARENA_ARRAY(a, struct act_ended, s->last.n_acts);
    executor_run(&s->last, &conf, ended);
    for (size_t i = 0; i < s->last.n_acts; i++) {
        const struct act *act = &s->last.acts[i];

        if ((act->kind == ACT_PRUNE || act->kind == ACT_FORGET) && ended[i].end != ACT_ENDED_DONE)
            VEC_PUSH(s->a, &s->grants,
                     ((struct grant){.endpoint = s->endpoint, .name = arena_strdup(s->a, act->name), .allows = GRANT_BEGUN}));
    }
    if (s->last.n_endpoints && s->last.endpoints[0].known)
        s->n_last_seen = s->last.endpoints[0].n_ours;
    return plan_is_empty(&s->last) && s->last.n_unknown == 0;
}

/* Rounds until there is nothing to do, now and for the next hour. */
static bool settle(struct sim *s, unsigned threads)
{
    int64_t horizon = sim_now(s) + 3600000;

    for (unsigned i = 0; i < MAX_ROUNDS; i++) {
        bool nothing = round_of(s, threads);

        if (!nothing) {
            atomic_fetch_add(&s->now_ms, 1000);
            continue;
        }
        if (s->last.next_due_ms == TIME_NONE || s->last.next_due_ms > horizon)
            return true;
        if (s->last.next_due_ms > sim_now(s))
            atomic_store(&s->now_ms, s->last.next_due_ms);
    }
    return false;
}

/* --- worlds
 * ------------------------------------------------------------------------------------------------------------------------ */

enum start { START_NOTHING, START_EQUAL, START_DRIFTED, START_STOPPED, START_ORPHAN, START_GHOST, START_UNWANTED, START_FOREIGN };
#define N_STARTS (START_FOREIGN + 1)

static struct desired shape_of(struct sim *s, unsigned i, unsigned variant)
{
    struct node *create = node_object(s->a), *docker = node_object(s->a);
    struct desired d = {.endpoint = s->endpoint,
                        .name = arena_printf(s->a, "s%02u", i),
                        .kind = i % 2 ? RUNTIME_SANDBOX : RUNTIME_CONTAINER,
                        .owner = i % 2 ? arena_printf(s->a, "Sandbox/s%02u", i) : "OpenClaw/home",
                        .install = INSTALL,
                        .precreate = true,
                        .can_remake = true,
                        .backend_id = "fake",
                        .scope_key = i % 2 ? NULL : arena_printf(s->a, "agent:a%u", i),
                        .agent_id = i % 2 ? NULL : arena_printf(s->a, "a%u", i),
                        .image = "img:1",
                        .create = create,
                        .setup = dice_chance(s->dice, 30) ? "exit 0" : NULL,
                        .policy = {.hot_window_ms = 300000,
                                   .cap_percent = 100,
                                   .cap_count = 1,
                                   .prune = true,
                                   .orphans = ORPHANS_ADOPT,
                                   .concurrency = 4}};
    struct err e;

    node_set(s->a, docker, "memory", node_string(s->a, variant ? "1g" : "512m"));
    node_set(s->a, create, "docker", docker);
    d.config_hash = digest_sha256(s->a, variant ? "b" : "a", 1);
    assert_int_equal(fake_ops.check(s->a, &d, &d.fields, &e), 0);
    return d;
}

static void put_runtime(struct sim *s, const struct desired *d, enum ownership own)
{
    const struct observed o = {.name = d->name,
                               .kind = d->kind,
                               .ownership = own,
                               .state = RUN_RUNNING,
                               .install = own == OWN_OURS ? INSTALL : NULL,
                               .owner = own == OWN_OURS ? d->owner : NULL,
                               .scope_key = d->scope_key,
                               .config_hash = own == OWN_FOREIGN ? NULL : d->config_hash,
                               .created_at_ms = sim_now(s) - 7200000,
                               .image = d->image,
                               .image_id = "sha256:1",
                               .fields_known = true,
                               .fields = d->fields,
                               .busy_known = true};

    (void)fake_world_put(s->fake, &o);
}

static void put_record(struct sim *s, const struct desired *d)
{
    const struct act act = {.name = d->name, .runtime = d->kind, .want = d};
    struct record *r = sim_put(s, &act);

    r->created_at_ms = sim_now(s) - 7200000;
    r->last_used_at_ms = sim_now(s) - (int64_t)dice_roll(s->dice, 600) * 1000;
    r->config_hash = d->config_hash;
}

static void start_runtime(struct sim *s, unsigned i)
{
    enum start start = dice_roll(s->dice, N_STARTS);
    struct desired want = shape_of(s, i, 0), other = want;

    if (start == START_DRIFTED) {
        other = shape_of(s, i, 1);
        other.setup = want.setup;
    }
    if (start != START_NOTHING && start != START_GHOST)
        put_runtime(s, &other, start == START_FOREIGN ? OWN_FOREIGN : dice_chance(s->dice, 70) ? OWN_OURS : OWN_OPENCLAW);
    if (start != START_NOTHING && start != START_ORPHAN && start != START_FOREIGN)
        put_record(s, &other);
    if (start == START_STOPPED)
        assert_true(fake_world_set_state(s->fake, want.name, RUN_STOPPED));
    if (start == START_UNWANTED)
        sim_record(s, want.name, want.kind)->unwanted_because = "agent 'x' is gone";
    else
        VEC_PUSH(s->a, &s->desired, want);
}

static void sim_start(struct sim *s, struct dice *dice, unsigned n)
{
    static atomic_uint serial;
    const struct fake_clock clock = {.now_ms = sim_now, .wait = sim_wait, .ctx = s};

    *s = (struct sim){.a = arena_new(), .dice = dice, .mutex = PTHREAD_MUTEX_INITIALIZER};
    atomic_store(&s->now_ms, MODEL_NOW);
    (void)snprintf(s->endpoint, sizeof s->endpoint, "fake:sim%u", atomic_fetch_add(&serial, 1));
    s->fake = fake_world_get(s->endpoint);
    fake_world_reset(s->fake);
    fake_world_set_clock(s->fake, &clock);
    fake_world_set_image(s->fake, "img:1", "sha256:1");
    s->install = (struct install){.id = INSTALL, .config_ok = true};
    s->install.policy = (struct policy){
        .hot_window_ms = 300000, .cap_percent = 100, .cap_count = 1, .prune = true, .orphans = ORPHANS_ADOPT, .concurrency = 4};
    for (unsigned i = 0; i < n; i++)
        start_runtime(s, i);
}

static void sim_end(struct sim *s)
{
    fake_world_drop(s->endpoint);
    arena_free(s->a);
}

/* --- what must be so in the end
 * --------------------------------------------------------------------------------------------------- */

/* NULL: each wanted runtime is there once, as wanted, running and recorded, what is unwanted is gone with its record, and what is
 * foreign is as it was. */
static const char *wrong(struct sim *s, struct arena *a)
{
    size_t n_expected = 0;

    for (size_t i = 0; i < s->desired.n; i++) {
        const struct desired *d = &s->desired.v[i];
        const struct observed *o = fake_world_find(s->fake, a, d->name);
        const struct record *r = sim_record(s, d->name, d->kind);

        if (!o)
            return arena_printf(a, "%s is not there", d->name);
        n_expected++;
        if (o->ownership == OWN_FOREIGN) {
            if (o->state != RUN_RUNNING || (r && !r->creating))
                return arena_printf(a, "%s is foreign and was touched", d->name);
            continue;
        }
        if (!text_eq(o->config_hash, d->config_hash) || !text_eq(fields_get(o->fields, "docker.memory"), "512m"))
            return arena_printf(a, "%s is not as wanted", d->name);
        if (o->state != RUN_RUNNING)
            return arena_printf(a, "%s does not run", d->name);
        if (!r)
            return arena_printf(a, "%s is not recorded", d->name);
        if (r->creating || r->setup_failed || !text_eq(r->config_hash, d->config_hash))
            return arena_printf(a, "the record of %s does not say what is:%s%s hash %s", d->name, r->creating ? " creating" : "",
                                r->setup_failed ? " setup failed" : "", r->config_hash ? r->config_hash : "(none)");
    }
    if (fake_world_count(s->fake) != n_expected)
        return "there are others";
    for (size_t i = 0; i < s->records.n; i++)
        if (s->records.v[i].install && s->records.v[i].unwanted_because)
            return arena_printf(a, "%s is unwanted, and still recorded", s->records.v[i].name);
    return NULL;
}

static void assert_right(struct sim *s, uint64_t seed, const char *when)
{
    ARENA_AUTO a = arena_new();
    const char *what = wrong(s, a);

    if (!what)
        return;
    (void)fprintf(stderr, "RECONCLAW_SEED=%llu: %s: %s\n%s", (unsigned long long)seed, when, what,
                  fake_world_history(s->fake, a));

    fail();
}

static void assert_settles(struct sim *s, unsigned threads, uint64_t seed, const char *when)
{
    if (settle(s, threads))
        return;
    (void)fprintf(stderr, "RECONCLAW_SEED=%llu: %s: it never ends\n", (unsigned long long)seed, when);
    fail();
}

/* --- runs
 * ---------------------------------------------------------------------------------------------------------------------------- */

typedef void run_fn(struct dice *dice, uint64_t seed);

static void test_runs(void **state)
{
    run_fn *const *run = *state;
    const char *seed_text = getenv("RECONCLAW_SEED"), *runs_text = getenv("RECONCLAW_WORLDS");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : 0, n = runs_text ? strtoull(runs_text, NULL, 0) : RUNS;
    struct timespec ts;

    if (seed) {
        struct dice dice = {.seed = seed};

        (*run)(&dice, seed);
        return;
    }
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    seed = (uint64_t)ts.tv_sec * 1000003u + (uint64_t)ts.tv_nsec;
    for (uint64_t i = 0; i < n; i++) {
        struct dice dice = {.seed = seed + i};

        (*run)(&dice, seed + i);
    }
}

static void run_plain(struct dice *dice, uint64_t seed)
{
    struct sim s;
    unsigned mutations;

    sim_start(&s, dice, 8);
    assert_settles(&s, 4, seed, "plain");
    assert_right(&s, seed, "plain");
    mutations = fake_world_mutations(s.fake);
    assert_true(round_of(&s, 4));
    assert_int_equal(fake_world_mutations(s.fake), mutations);
    sim_end(&s);
}

static void add_faults(struct sim *s)
{
    static const enum err_class classes[] = {ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_INTERNAL, ERR_BUSY, ERR_IO};
    static const enum fake_fault_kind kinds[] = {FAKE_FAIL,    FAKE_FAIL_AFTER, FAKE_HANG,       FAKE_HANG_AFTER,
                                                 FAKE_PARTIAL, FAKE_UNREADABLE, FAKE_SETUP_FAILS};

    for (unsigned i = 0, n = 1 + dice_roll(s->dice, 8); i < n; i++) {
        struct fake_fault f = {.call = dice_roll(s->dice, FAKE_EXEC),
                               .kind = kinds[dice_roll(s->dice, sizeof kinds / sizeof *kinds)],
                               .class = classes[dice_roll(s->dice, sizeof classes / sizeof *classes)],
                               .skip = dice_roll(s->dice, 6),
                               .count = 1 + dice_roll(s->dice, 6)};

        if (f.kind == FAKE_PARTIAL)
            f.call = FAKE_OBSERVE;
        if (f.kind == FAKE_UNREADABLE && f.call != FAKE_OBSERVE)
            f.call = FAKE_LOOK;
        if (f.kind == FAKE_SETUP_FAILS)
            f.call = FAKE_CREATE;
        fake_world_add_fault(s->fake, &f);
    }
}

static void run_faults(struct dice *dice, uint64_t seed)
{
    struct sim s;

    sim_start(&s, dice, 8);
    add_faults(&s);
    for (unsigned i = 0; i < 6; i++) {
        (void)round_of(&s, 4);
        atomic_fetch_add(&s.now_ms, 1000);
    }
    fake_world_clear_faults(s.fake);
    assert_settles(&s, 4, seed, "after faults");
    assert_right(&s, seed, "after faults");
    sim_end(&s);
}

/* The same start, with a death at each step in turn. */
static void run_crashes(struct dice *dice, uint64_t seed)
{
    for (long k = 1;; k++) {
        struct dice again = *dice;
        struct sim s;
        bool survived;

        sim_start(&s, &again, 4);
        atomic_store(&s.dies_at, k);
        for (unsigned i = 0; i < 4 && !atomic_load(&s.dead); i++) {
            (void)round_of(&s, 1);
            atomic_fetch_add(&s.now_ms, 1000);
        }
        survived = !atomic_load(&s.dead);
        atomic_store(&s.dies_at, 0);
        atomic_store(&s.dead, false);
        assert_settles(&s, 1, seed, "after a crash");
        assert_right(&s, seed, "after a crash");
        sim_end(&s);
        if (survived)
            break;
        assert_true(k < 1000);
    }
}

/* What others do between our look and our acts. */
static void meddle(struct sim *s)
{
    ARENA_AUTO a = arena_new();

    if (s->n_rounds > 4 || !s->desired.n)
        return;
    for (unsigned i = 0; i < 2; i++) {
        const struct desired *d = &s->desired.v[dice_roll(s->dice, (unsigned)s->desired.n)];
        const struct observed *o = fake_world_find(s->fake, a, d->name);
        struct record *r = sim_record(s, d->name, d->kind);

        switch (dice_roll(s->dice, 6)) {
        case 0:
            if (o && o->ownership != OWN_FOREIGN)
                assert_true(fake_world_remove(s->fake, d->name));
            break;
        case 1:
            if (o && o->ownership != OWN_FOREIGN)
                assert_true(fake_world_set_state(s->fake, d->name, RUN_STOPPED));
            break;
        case 2:
            if (o && o->ownership != OWN_FOREIGN)
                assert_true(fake_world_set_busy(s->fake, d->name, dice_roll(s->dice, 2)));
            break;
        case 3: /* OpenClaw uses it */
            if (r) {
                r->last_used_at_ms = sim_now(s);
                r->version = arena_printf(s->a, "v%u", ++s->n_versions);
            }
            break;
        case 4: /* OpenClaw makes it */
            if (o)
                break;
            put_runtime(s, d, OWN_OPENCLAW);
            if (r) {
                r->config_hash = d->config_hash;
                r->version = arena_printf(s->a, "v%u", ++s->n_versions);
            }
            break;
        default:
            break;
        }
    }
}

static void run_meddled(struct dice *dice, uint64_t seed)
{
    struct sim s;

    sim_start(&s, dice, 8);
    s.between = meddle;
    for (unsigned i = 0; i < 5; i++) {
        (void)round_of(&s, 4);
        atomic_fetch_add(&s.now_ms, 1000);
    }
    s.between = NULL;
    for (size_t i = 0; i < s.desired.n; i++)
        (void)fake_world_set_busy(s.fake, s.desired.v[i].name, 0);
    assert_settles(&s, 4, seed, "after others");
    assert_right(&s, seed, "after others");
    sim_end(&s);
}

/* An intent for a name that somebody else has stays, and is no record of anything. */
static size_t count_records(const struct sim *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->records.n; i++)
        n += s->records.v[i].install != NULL && !s->records.v[i].creating;
    return n;
}

static void run_outage(struct dice *dice, uint64_t seed)
{
    struct sim s;
    size_t records, runtimes;

    sim_start(&s, dice, 8);
    records = count_records(&s);
    runtimes = fake_world_count(s.fake);
    fake_world_set_reachable(s.fake, false);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(round_of(&s, 4));
        assert_true(plan_is_empty(&s.last));
        atomic_fetch_add(&s.now_ms, 60000);
    }
    assert_int_equal(count_records(&s), records);
    assert_int_equal(fake_world_count(s.fake), runtimes);
    assert_int_equal(fake_world_mutations(s.fake), 0);
    fake_world_set_reachable(s.fake, true);
    assert_settles(&s, 4, seed, "after an outage");
    assert_right(&s, seed, "after an outage");
    sim_end(&s);
}

static void lose_endpoint(struct sim *s)
{
    fake_world_set_reachable(s->fake, s->n_rounds > 1);
}

/* It goes between the look and the acts. */
static void run_outage_amid(struct dice *dice, uint64_t seed)
{
    struct sim s;
    size_t runtimes;

    sim_start(&s, dice, 8);
    runtimes = fake_world_count(s.fake);
    s.between = lose_endpoint;
    (void)round_of(&s, 4);
    assert_int_equal(fake_world_count(s.fake), runtimes);
    for (size_t i = 0; i < s.records.n; i++)
        assert_true(s.records.v[i].install != NULL);
    fake_world_set_reachable(s.fake, true);
    assert_settles(&s, 4, seed, "after an outage amid the acts");
    assert_right(&s, seed, "after an outage amid the acts");
    sim_end(&s);
}

/* A listing that is empty without being so. */
static void run_empty(struct dice *dice, uint64_t seed)
{
    const struct fake_fault empty = {.call = FAKE_OBSERVE, .kind = FAKE_EMPTY, .count = 3};
    struct sim s;
    size_t records;

    sim_start(&s, dice, 12);
    assert_settles(&s, 4, seed, "before the empty listing");
    records = count_records(&s);
    fake_world_add_fault(s.fake, &empty);
    for (unsigned i = 0; i < 3; i++) {
        ARENA_AUTO a = arena_new();
        const char *before = fake_world_history(s.fake, a);

        (void)round_of(&s, 4);
        assert_string_equal(fake_world_history(s.fake, a), before);
        atomic_fetch_add(&s.now_ms, 1000);
    }
    assert_int_equal(count_records(&s), records);
    fake_world_clear_faults(s.fake);
    assert_settles(&s, 4, seed, "after the empty listing");
    assert_right(&s, seed, "after the empty listing");
    sim_end(&s);
}

/* One runtime that can never be made. */
static void run_stuck(struct dice *dice, uint64_t seed)
{
    struct fake_fault stuck = {.call = FAKE_ANY, .kind = FAKE_FAIL, .class = ERR_INTERNAL};
    ARENA_AUTO a = arena_new();
    struct sim s;

    sim_start(&s, dice, 8);
    stuck.runtime = arena_printf(a, "s%02u", dice_roll(dice, 8));
    for (int call = FAKE_LOOK; call <= FAKE_REMOVE; call++) {
        stuck.call = call;
        fake_world_add_fault(s.fake, &stuck);
    }
    for (unsigned i = 0; i < 12; i++) {
        (void)round_of(&s, 4);
        atomic_fetch_add(&s.now_ms, 100000);
    }
    for (size_t i = 0; i < s.desired.n; i++) { /* leaves it out of what must be right */
        if (strcmp(s.desired.v[i].name, stuck.runtime) != 0)
            continue;
        s.desired.v[i] = s.desired.v[--s.desired.n];
        break;
    }
    (void)fake_world_remove(s.fake, stuck.runtime);
    for (size_t i = 0; i < s.records.n; i++)
        if (s.records.v[i].install && strcmp(s.records.v[i].name, stuck.runtime) == 0)
            s.records.v[i] = (struct record){0};
    assert_right(&s, seed, "with one that is stuck");
    sim_end(&s);
}

static run_fn *const runs[] = {run_plain,  run_faults,      run_crashes, run_meddled,
                               run_outage, run_outage_amid, run_empty,   run_stuck};

#define TEST(name, i)                                                                                                            \
    {                                                                                                                            \
        name, test_runs, NULL, NULL, (void *)(uintptr_t)&runs[i]                                                                 \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("any start comes to what is wanted, and then nothing is sent", 0),
        TEST("any faults delay it", 1),
        TEST("a crash at any step is mended by the next rounds", 2),
        TEST("others who act in between are heeded, and it still comes to what is wanted", 3),
        TEST("an endpoint that does not answer loses nothing", 4),
        TEST("an endpoint that goes away amid the acts loses nothing", 5),
        TEST("an empty listing moves nothing", 6),
        TEST("one runtime that always fails stops no other", 7),
    };

    return cmocka_run_group_tests_name("rounds in virtual time", tests, NULL, NULL);
}
