/* Whole rounds in virtual time: observe, plan, execute, record, on the fake backend, with scripted and random faults, crashes at
 * every step, and others who act in between. RECONCLAW_SEED repeats one run, RECONCLAW_WORLDS says how many each test gets. */
#include "reconciler/core/plan_text.h"
#include "spec/base/digest.h"
#include "tests/lib/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define RUNS 150

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
                        .install = SIM_INSTALL,
                        .precreate = true,
                        .can_remake = i % 4 != 1,
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
                               .install = own == OWN_OURS ? SIM_INSTALL : NULL,
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
    if (d->can_remake)
        return;
    (void)fake_world_set_content(s->fake, d->name, "");
    sim_work(s, d->name);
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
    sim_begin(s, dice);
    for (unsigned i = 0; i < n; i++)
        start_runtime(s, i);
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
    const char *what = s->lost     ? arena_printf(a, "no snapshot has what was lost: %s", s->lost)
                       : s->undone ? arena_printf(a, "nobody agreed to lose %s", s->undone)
                                   : wrong(s, a);

    if (!what)
        return;
    (void)fprintf(stderr, "RECONCLAW_SEED=%llu: %s: %s\n%s", (unsigned long long)seed, when, what,
                  fake_world_history(s->fake, a));

    fail();
}

static void assert_settles(struct sim *s, unsigned threads, uint64_t seed, const char *when)
{
    if (sim_settle(s, threads))
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
    assert_true(sim_round(&s, 4));
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

        if (dice_chance(s->dice, 20) && f.kind <= FAKE_HANG_AFTER)
            f.call = FAKE_SAVE;
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
        (void)sim_round(&s, 4);
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
            (void)sim_round(&s, 1);
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
        default: /* its agent works in it */
            sim_work(s, d->name);
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
        (void)sim_round(&s, 4);
        atomic_fetch_add(&s.now_ms, 1000);
    }
    s.between = NULL;
    for (size_t i = 0; i < s.desired.n; i++)
        (void)fake_world_set_busy(s.fake, s.desired.v[i].name, 0);
    assert_settles(&s, 4, seed, "after others");
    assert_right(&s, seed, "after others");
    sim_end(&s);
}

/* Agents work while their workspaces are seeded anew, with their owner's word and without, until the process dies. */
static void run_reseeds(struct dice *dice, uint64_t seed)
{
    struct sim s;

    sim_start(&s, dice, 8);
    assert_settles(&s, 4, seed, "before the reseeds");
    s.asks = true;
    for (unsigned i = 0; i < 6; i++) {
        s.approves = dice_chance(dice, 60);
        s.between = dice_chance(dice, 50) ? meddle : NULL;
        s.n_rounds = 0;
        if (dice_chance(dice, 40))
            atomic_store(&s.dies_at, atomic_load(&s.steps) + 1 + (long)dice_roll(dice, 12));
        for (size_t k = 0; k < s.desired.n; k++)
            if (dice_chance(dice, 50))
                sim_work(&s, s.desired.v[k].name);
        (void)sim_round(&s, 4);
        atomic_store(&s.dies_at, 0);
        atomic_store(&s.dead, false);
        atomic_fetch_add(&s.now_ms, 400000);
    }
    s.asks = false;
    s.between = NULL;
    for (size_t i = 0; i < s.desired.n; i++)
        (void)fake_world_set_busy(s.fake, s.desired.v[i].name, 0);
    assert_settles(&s, 4, seed, "after the reseeds");
    assert_right(&s, seed, "after the reseeds");
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
        assert_false(sim_round(&s, 4));
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
    (void)sim_round(&s, 4);
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

        (void)sim_round(&s, 4);
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
        (void)sim_round(&s, 4);
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

static run_fn *const runs[] = {run_plain,       run_faults, run_crashes, run_meddled, run_outage,
                               run_outage_amid, run_empty,  run_stuck,   run_reseeds};

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
        TEST("a reseed undoes what its owner agreed to, to the letter, and keeps that too", 8),
    };

    return cmocka_run_group_tests_name("rounds in virtual time", tests, NULL, NULL);
}
