/* plan: every cell of the decision table, the removal cap, moments, whose a runtime is, order and cost. */
#include "tests/lib/scene.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(v) (sizeof(v) / sizeof *(v))

/* --- the table ------------------------------------------------------------------------------------------------------------ */

#define D_WANTED (D_EXIST | D_PRE | D_STOP)
#define ANY      0xffffu
#define R_ANY    (ANY & ~R_NONE)
#define O_THERE  (O_STOPPED | O_RUNNING | O_DRIFT | O_PATCH | O_RESTART | O_OPENCLAW)
#define O_TAKEN  (O_FOREIGN | O_OTHER)
#define R_GOOD   (R_OK | R_STALE | R_UNWANTED)

/* The first row that fits. */
static const struct row {
    unsigned d, r, o;
    const char *acts;
} rows[] = {
    {D_TWO, ANY, ANY, "hold(create)/clash hold(create)/clash"},

    {D_NONE, R_UNWANTED | R_CREATING, O_ENDPOINT | O_UNKNOWN | O_TWICE, "hold(prune)/unknown"},
    {D_ABSENT, R_ANY, O_ENDPOINT | O_UNKNOWN | O_TWICE, "hold(prune)/unknown"},
    {D_WANTED, R_CREATING, O_ENDPOINT | O_UNKNOWN | O_TWICE, "hold(create)/unknown"},
    {D_PRE | D_STOP, R_NONE, O_ENDPOINT | O_UNKNOWN | O_TWICE, "hold(create)/unknown"},
    {D_WANTED, R_STALE, O_ENDPOINT | O_UNKNOWN | O_TWICE, "hold(recreate)/unknown"},
    {ANY, ANY, O_ENDPOINT, ""},
    {D_NONE, R_NONE, O_UNKNOWN | O_TWICE, ""},
    {ANY, ANY, O_UNKNOWN | O_TWICE, "hold(report)/unknown"},

    {D_NONE, R_UNWANTED | R_CREATING, O_TAKEN, "hold(forget)/foreign"},
    {D_ABSENT, R_ANY, O_TAKEN, "hold(forget)/foreign"},
    {D_NONE | D_ABSENT, ANY, O_TAKEN, ""},
    {D_EXIST, R_NONE, O_TAKEN, ""},
    {D_EXIST, R_CREATING, O_TAKEN, "hold(create)/foreign"},
    {D_EXIST, ANY, O_TAKEN, "hold(forget)/foreign"},
    {D_PRE | D_STOP, ANY, O_TAKEN, "hold(create)/foreign"},

    {D_NONE, R_UNWANTED | R_CREATING, O_NONE, "forget"},
    {D_ABSENT, R_ANY, O_NONE, "forget"},
    {D_NONE | D_ABSENT, ANY, O_NONE, ""},
    {D_EXIST, R_NONE, O_NONE, ""},
    {D_EXIST, R_CREATING, O_NONE, "create"},
    {D_EXIST, ANY, O_NONE, "forget"},
    {D_PRE | D_STOP, ANY, O_NONE, "create"},

    {D_ABSENT, ANY, O_THERE, "prune"},
    {D_NONE, R_UNWANTED, O_THERE, "prune"},
    {D_NONE, R_NONE | R_CREATING, O_OPENCLAW, ""}, /* of a scope that is nobody's of ours */
    {D_NONE, R_NONE | R_CREATING, O_THERE, "prune"},
    {D_NONE, ANY, O_THERE, ""},

    {D_EXIST, R_IDLE | R_AGED, O_THERE, "prune"},
    {D_PRE | D_STOP, R_AGED, O_THERE, "recreate"},
    {D_PRE, R_CREATING, O_OPENCLAW, "adopt"}, /* OpenClaw made it meanwhile */
    {D_STOP, R_CREATING, O_OPENCLAW, "adopt stop"},
    {D_PRE | D_STOP, R_CREATING | R_FAILED, O_THERE, "recreate"},
    {D_WANTED, ANY, O_DRIFT, "recreate"},

    {D_EXIST | D_PRE, R_NONE | R_CREATING, O_STOPPED, "adopt start"},
    {D_EXIST | D_PRE, R_NONE | R_CREATING, O_RUNNING | O_OPENCLAW, "adopt"},
    {D_EXIST | D_PRE, R_NONE | R_CREATING, O_PATCH, "adopt patch"},
    {D_EXIST | D_PRE, R_NONE | R_CREATING, O_RESTART, "adopt patch!"},
    {D_EXIST | D_PRE, ANY, O_STOPPED, "start"},
    {D_EXIST | D_PRE, ANY, O_RUNNING | O_OPENCLAW, ""},
    {D_EXIST | D_PRE, ANY, O_PATCH, "patch"},
    {D_EXIST | D_PRE, ANY, O_RESTART, "patch!"},

    {D_STOP, R_NONE, O_STOPPED, "adopt"},
    {D_STOP, R_NONE, O_RUNNING | O_OPENCLAW, "adopt stop"},
    {D_STOP, R_NONE, O_PATCH | O_RESTART, "adopt patch!"},
    {D_STOP, ANY, O_STOPPED, ""},
    {D_STOP, ANY, O_RUNNING | O_OPENCLAW, "stop"},
    {D_STOP, ANY, O_PATCH | O_RESTART, "patch!"},
};

static const char *expected(unsigned d, unsigned r, unsigned o)
{
    for (size_t i = 0; i < N(rows); i++)
        if ((rows[i].d & d) && (rows[i].r & r) && (rows[i].o & o))
            return rows[i].acts;
    fail_msg("no row for desired %#x, recorded %#x, observed %#x", d, r, o);
    return NULL;
}

static void test_cells(void **state)
{
    unsigned n = 0, wrong = 0;

    for (unsigned d = 0; d < N_D; d++)
        for (unsigned r = 0; r < N_R; r++)
            for (unsigned o = 0; o < N_O; o++, n++) {
                const char *want = expected(1u << d, 1u << r, 1u << o), *got;
                struct scene s;

                scene_begin(&s);
                scene_want(&s, 1u << d);
                scene_recorded(&s, 1u << r);
                scene_seen(&s, 1u << o);
                got = scene_plan(&s);
                if (strcmp(got, want) != 0) {
                    print_error("desired %u recorded %u observed %u: [%s], not [%s]\n", d, r, o, got, want);
                    wrong++;
                }
                scene_end(&s);
            }
    assert_int_equal(n, 6 * 8 * 12);
    assert_int_equal(wrong, 0);
}

/* Each row decides something: none is dead. */
static void test_rows(void **state)
{
    for (size_t i = 0; i < N(rows); i++) {
        bool used = false;

        for (unsigned d = 0; d < N_D; d++)
            for (unsigned r = 0; r < N_R; r++)
                for (unsigned o = 0; o < N_O; o++)
                    used |= expected(1u << d, 1u << r, 1u << o) == rows[i].acts;
        assert_true(used);
    }
}

/* --- the cap
 * ------------------------------------------------------------------------------------------------------------------------ */

static struct scene *many(struct scene *s, unsigned wanted, unsigned unwanted)
{
    scene_begin(s);
    for (unsigned i = 0; i < wanted + unwanted; i++) {
        struct desired d = scene_desired(s);
        struct record r = scene_record();
        struct observed o = scene_observed(s);

        d.name = r.name = o.name = arena_printf(s->a, "n%03u", i);
        d.scope_key = r.scope_key = o.scope_key = arena_printf(s->a, "agent:a%u", i);
        o.id = d.name;
        if (i < wanted)
            VEC_PUSH(s->a, &s->desired, d);
        else
            r.unwanted_because = "agent is gone";
        VEC_PUSH(s->a, &s->records, r);
        VEC_PUSH(s->a, &s->seen, o);
    }
    s->install.policy.cap_percent = 30;
    return s;
}

static void test_cap(void **state)
{
    static const struct {
        unsigned wanted, unwanted, count;
        bool held;
    } cases[] = {
        {0, 1, 1, false}, {0, 2, 1, true},  {5, 1, 1, false}, {4, 2, 1, true},    {5, 2, 1, false},  {7, 3, 1, false},
        {6, 4, 1, true},  {0, 2, 2, false}, {0, 3, 2, true},  {70, 30, 1, false}, {69, 31, 1, true},
    };

    for (size_t i = 0; i < N(cases); i++) {
        struct scene s;

        many(&s, cases[i].wanted, cases[i].unwanted)->install.policy.cap_count = cases[i].count;
        (void)scene_plan(&s);
        assert_int_equal(s.plan.count[ACT_PRUNE], cases[i].held ? 0 : cases[i].unwanted);
        assert_int_equal(s.plan.count[ACT_HOLD], cases[i].held ? cases[i].unwanted : 0);
        assert_int_equal(s.plan.endpoints[0].over_cap, cases[i].held);
        assert_int_equal(s.plan.endpoints[0].n_removals, cases[i].unwanted);
        assert_int_equal(s.plan.endpoints[0].n_known, cases[i].wanted + cases[i].unwanted);
        s.has_grant = true;
        s.grant = (struct grant){.endpoint = "docker", .allows = GRANT_CAP};
        (void)scene_plan(&s);
        assert_int_equal(s.plan.count[ACT_PRUNE], cases[i].unwanted);
        scene_end(&s);
    }
}

/* Recreates roll: they do not count. */
static void test_cap_recreates(void **state)
{
    struct scene s;

    many(&s, 20, 1);
    for (size_t i = 0; i < 20; i++)
        s.seen.v[i].config_hash = "old";
    (void)scene_plan(&s);
    assert_int_equal(s.plan.count[ACT_RECREATE], 20);
    assert_int_equal(s.plan.count[ACT_PRUNE], 1);
    scene_end(&s);
}

/* --- a suspicious listing
 * --------------------------------------------------------------------------------------------------------- */

static void test_suspicious(void **state)
{
    struct scene s;

    many(&s, 2, 0); /* two ghosts, and nothing is shown */
    s.install.policy.cap_percent = 100;
    s.seen.n = 0;
    assert_string_equal(scene_plan(&s), "hold(forget)/unknown hold(forget)/unknown");
    assert_true(s.plan.acts[0].needs_look);
    assert_true(s.plan.endpoints[0].suspicious);
    VEC_PUSH(s.a, &s.seen, ((struct observed){.endpoint = "docker", .name = "n000", .state = RUN_ABSENT}));
    assert_string_equal(scene_plan(&s), "forget hold(forget)/unknown");
    assert_false(s.plan.acts[0].needs_look);
    s.has_grant = true;
    s.grant = (struct grant){.allows = GRANT_CAP};
    assert_string_equal(scene_plan(&s), "forget forget");
    scene_end(&s);

    many(&s, 1, 0); /* one alone may be gone: the look before the act tells */
    s.seen.n = 0;
    assert_string_equal(scene_plan(&s), "forget");
    assert_true(s.plan.acts[0].needs_look);
    s.has_last = true;
    s.last = (struct last_seen){.endpoint = "docker", .n = 2}; /* but there were two */
    assert_string_equal(scene_plan(&s), "hold(forget)/unknown");
    scene_end(&s);
}

/* --- moments
 * --------------------------------------------------------------------------------------------------------------------------- */

static void test_moments(void **state)
{
    struct scene s;

    scene_begin(&s);
    scene_want(&s, D_EXIST);
    scene_recorded(&s, R_OK);
    scene_seen(&s, O_RUNNING);
    assert_string_equal(scene_plan(&s), ""); /* used exactly the idle time ago: not longer */
    assert_int_equal(s.plan.next_due_ms, NOW + 1);
    s.desired.v[0].idle_ms = 0; /* never */
    assert_string_equal(scene_plan(&s), "");
    assert_int_equal(s.plan.next_due_ms, NOW + 5 * (int64_t)DAY + 1);
    s.desired.v[0].max_age_ms = 0;
    assert_string_equal(scene_plan(&s), "");
    assert_int_equal(s.plan.next_due_ms, TIME_NONE);
    s.desired.v[0].max_age_ms = 2 * DAY;
    assert_string_equal(scene_plan(&s), "");
    s.records.v[0].created_at_ms--;
    assert_string_equal(scene_plan(&s), "prune");
    s.records.v[0].created_at_ms = s.records.v[0].last_used_at_ms = TIME_NONE; /* no number never fits */
    s.desired.v[0].idle_ms = 1;
    assert_string_equal(scene_plan(&s), "");
    s.records.v[0].created_at_ms = INT64_MAX; /* sums do not overflow */
    s.records.v[0].last_used_at_ms = INT64_MAX - 1;
    s.desired.v[0].max_age_ms = INT64_MAX;
    assert_string_equal(scene_plan(&s), "");
    scene_end(&s);
}

/* --- whose it is
 * ---------------------------------------------------------------------------------------------------------------------- */

static void test_orphans(void **state)
{
    static const struct {
        const char *scope;
        enum ownership own;
        const char *install;
        enum orphans policy;
        const char *acts;
    } cases[] = {
        {"agent:main:chat:1", OWN_OPENCLAW, NULL, ORPHANS_PRUNE, "prune"},
        {"agent:MAIN:chat:1", OWN_OPENCLAW, NULL, ORPHANS_PRUNE, "prune"},
        {"main", OWN_OPENCLAW, NULL, ORPHANS_REPORT, "report(prune)"},
        {"agent:main", OWN_OPENCLAW, NULL, ORPHANS_ADOPT, "adopt"},
        {"agent:other", OWN_OPENCLAW, NULL, ORPHANS_PRUNE, ""},
        {"shared", OWN_OPENCLAW, NULL, ORPHANS_PRUNE, ""},
        {NULL, OWN_OPENCLAW, NULL, ORPHANS_PRUNE, ""},
        {"agent:other", OWN_OURS, OURS, ORPHANS_PRUNE, "prune"},
        {"agent:main", OWN_OURS, THEIRS, ORPHANS_PRUNE, ""},
        {"agent:main", OWN_OURS, NULL, ORPHANS_PRUNE, ""},
        {"agent:main", OWN_FOREIGN, NULL, ORPHANS_PRUNE, ""},
        {"agent:main", OWN_FOREIGN, OURS, ORPHANS_PRUNE, ""},
    };

    for (size_t i = 0; i < N(cases); i++) {
        struct scene s;

        scene_begin(&s);
        scene_want(&s, D_EXIST); /* of agent main, under another name */
        s.desired.v[0].name = "wanted";
        scene_seen(&s, O_RUNNING);
        s.seen.v[0].scope_key = cases[i].scope;
        s.seen.v[0].ownership = cases[i].own;
        s.seen.v[0].install = cases[i].install;
        s.install.policy.orphans = cases[i].policy;
        assert_string_equal(scene_plan(&s), cases[i].acts);
        if (s.plan.n_acts)
            assert_string_equal(s.plan.acts[0].install, OURS);
        scene_end(&s);
    }
}

/* Without labels, but the very runtime that our own record names. */
static void test_recorded_id(void **state)
{
    struct scene s;

    scene_begin(&s);
    scene_recorded(&s, R_UNWANTED);
    scene_seen(&s, O_FOREIGN);
    assert_string_equal(scene_plan(&s), "hold(forget)/foreign");
    s.records.v[0].id = "id";
    assert_string_equal(scene_plan(&s), "prune");
    scene_end(&s);
}

static void test_ghosts(void **state)
{
    static const char *const acts[GHOSTS_COUNT] = {
        [GHOSTS_FORGET] = "forget", [GHOSTS_RECREATE] = "create", [GHOSTS_REPORT] = "report(forget)"};

    for (int i = 0; i < GHOSTS_COUNT; i++) {
        struct scene s;

        scene_begin(&s);
        scene_want(&s, D_EXIST);
        scene_recorded(&s, R_OK);
        s.desired.v[0].policy.ghosts = i;
        assert_string_equal(scene_plan(&s), acts[i]);
        assert_true(s.plan.acts[0].needs_look || i == GHOSTS_REPORT);
        scene_end(&s);
    }
}

/* --- order
 * ---------------------------------------------------------------------------------------------------------------------------- */

/* A container and a browser of one name: the one goes before the other comes. */
static void test_after_name(void **state)
{
    struct scene s;

    scene_begin(&s);
    scene_want(&s, D_PRE);
    scene_recorded(&s, R_UNWANTED);
    scene_seen(&s, O_RUNNING);
    s.records.v[0].kind = s.seen.v[0].kind = RUNTIME_BROWSER;
    assert_string_equal(scene_plan(&s), "create prune");
    assert_int_equal(s.plan.acts[0].n_after, 1);
    assert_int_equal(s.plan.acts[0].after[0], 1);
    s.seen.v[0].busy = 1; /* it stays: the other waits for the same */
    assert_string_equal(scene_plan(&s), "hold(create)/busy hold(prune)/busy");
    scene_end(&s);
}

/* To another backend: the registry has one row for both. */
static void test_after_row(void **state)
{
    struct scene s;

    scene_begin(&s);
    scene_want(&s, D_PRE);
    s.desired.v[0].endpoint = "fake";
    scene_recorded(&s, R_UNWANTED);
    scene_seen(&s, O_RUNNING);
    assert_string_equal(scene_plan(&s), "prune hold(create)/unknown");
    scene_end(&s);
}

static void test_after_port(void **state)
{
    struct scene s;

    scene_begin(&s);
    scene_want(&s, D_PRE);
    s.desired.v[0].name = "m";
    s.desired.v[0].create = vectors_json(s.a, "{HostConfig: {PortBindings: {'9222/tcp': [{HostIp: '', HostPort: '4711'}]}}}");
    scene_recorded(&s, R_UNWANTED);
    scene_seen(&s, O_RUNNING);
    s.seen.v[0].cdp_port = 4711;
    assert_string_equal(scene_plan(&s), "create prune");
    assert_int_equal(s.plan.acts[0].n_after, 1);
    s.seen.v[0].cdp_port = 4712;
    (void)scene_plan(&s);
    assert_int_equal(s.plan.acts[0].n_after, 0);
    scene_end(&s);
}

static void test_adopt_first(void **state)
{
    struct scene s;

    scene_begin(&s);
    scene_want(&s, D_PRE);
    scene_seen(&s, O_STOPPED);
    assert_string_equal(scene_plan(&s), "adopt start");
    assert_int_equal(s.plan.acts[1].n_after, 1);
    assert_int_equal(s.plan.acts[1].after[0], 0);
    scene_end(&s);
}

/* --- cost
 * -------------------------------------------------------------------------------------------------------------------------------
 */

/* A hundred thousand runtimes of one name, of one row, of one port: a quadratic planner takes minutes here. */
static void test_cost(void **state)
{
    enum { MANY = 100000 };
    struct scene s;

    scene_begin(&s);
    for (unsigned i = 0; i < MANY; i++) {
        struct desired d = scene_desired(&s);
        struct record r = scene_record();
        struct observed o = scene_observed(&s);

        switch (i % 4) {
        case 0: /* all want one name */
            VEC_PUSH(s.a, &s.desired, d);
            break;
        case 1: /* one row, many endpoints */
            r.endpoint = arena_printf(s.a, "fake:%u", i);
            r.unwanted_because = "moved";
            VEC_PUSH(s.a, &s.records, r);
            break;
        case 2: /* one record many times */
            VEC_PUSH(s.a, &s.records, r);
            break;
        default:
            o.name = arena_printf(s.a, "n%u", i);
            o.id = o.name;
            o.cdp_port = 4711;
            VEC_PUSH(s.a, &s.seen, o);
            break;
        }
    }
    (void)scene_plan(&s);
    assert_true(s.plan.n_acts >= MANY / 2);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("every cell of the table decides as its row says", test_cells),
        TEST("every row of the table decides something", test_rows),
        TEST("the removal cap holds all or none, unless it is granted", test_cap),
        TEST("recreates do not count against the cap", test_cap_recreates),
        TEST("a listing without any of those that were there forgets nothing", test_suspicious),
        TEST("idle and age prunes come due a moment after, and say when", test_moments),
        TEST("an orphan is ours by label or by scope, or left alone", test_orphans),
        TEST("what our own record names by id is ours without labels", test_recorded_id),
        TEST("ghosts go by their policy, after a look", test_ghosts),
        TEST("what takes a name comes after what leaves it, or waits for the same", test_after_name),
        TEST("what takes a registry row waits until it is free on the other endpoint", test_after_row),
        TEST("what takes a host port comes after what leaves it", test_after_port),
        TEST("an adopt comes before the rest", test_adopt_first),
        TEST("a hundred thousand of one name, row and port take no quadratic time", test_cost),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
