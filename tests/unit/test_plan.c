/* plan: every cell of the decision table, every guard at its limit and one past it, OpenClaw's own decisions, and the plan's
 * text and JSON against golden files (RECONCLAW_GOLDEN=write makes them anew). */
#include "reconciler/core/plan.h"
#include "reconciler/core/plan_text.h"
#include "spec/base/vec.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW    ((int64_t)1700000000000)
#define OURS   "1111111111111111"
#define THEIRS "9999999999999999"
#define HASH   "aaaa"
#define N(v)   (sizeof(v) / sizeof *(v))
#define DAY    86400000
#define WINDOW 300000

/* --- one runtime, and the world around it ------------------------------------------------------------------------------------
 */

struct scene {
    struct arena *a;
    VEC(struct desired) desired;
    VEC(struct record) records;
    VEC(struct observed) seen;
    VEC(struct image_state) images;
    bool listed, twice;
    struct install install;
    struct pause pause;
    struct turn turn;
    struct grant grant;
    struct request request;
    struct last_seen last;
    bool has_pause, has_turn, has_grant, has_request, has_last;
    struct plan plan;
    char *text; /* of the acts: "adopt hold(start)/hot" */
};

static const struct policy plain = {
    .cap_percent = 100, .cap_count = 1, .prune = true, .orphans = ORPHANS_PRUNE, .concurrency = 4, .hot_window_ms = 0};

static struct fields fields_of(struct arena *a, const char *memory, const char *tmpfs, const char *network)
{
    struct field v[] = {{.name = "docker.memory", .value = memory, .class = FIELD_PATCH},
                        {.name = "docker.network", .value = network, .class = FIELD_RECREATE},
                        {.name = "docker.tmpfs", .value = tmpfs, .class = FIELD_RESTART}};

    return fields_make(a, v, N(v));
}

static struct desired some_desired(struct scene *s)
{
    return (struct desired){.endpoint = "docker",
                            .name = "n",
                            .kind = RUNTIME_CONTAINER,
                            .owner = "OpenClaw/home",
                            .install = OURS,
                            .can_remake = true,
                            .scope_key = "agent:main",
                            .agent_id = "main",
                            .backend_id = "docker",
                            .config_hash = HASH,
                            .fields = fields_of(s->a, "1g", "/tmp", "none"),
                            .policy = plain};
}

static struct record some_record(void)
{
    return (struct record){.endpoint = "docker",
                           .name = "n",
                           .kind = RUNTIME_CONTAINER,
                           .install = OURS,
                           .scope_key = "agent:main",
                           .created_at_ms = NOW - 2 * DAY,
                           .last_used_at_ms = NOW - DAY,
                           .config_hash = HASH,
                           .version = "v"};
}

static struct observed some_observed(struct scene *s)
{
    return (struct observed){.endpoint = "docker",
                             .name = "n",
                             .id = "id",
                             .kind = RUNTIME_CONTAINER,
                             .ownership = OWN_OURS,
                             .state = RUN_RUNNING,
                             .install = OURS,
                             .owner = "OpenClaw/home",
                             .scope_key = "agent:main",
                             .config_hash = HASH,
                             .created_at_ms = NOW - 2 * DAY - 5,
                             .fields_known = true,
                             .fields = fields_of(s->a, "1g", "/tmp", "none"),
                             .busy_known = true};
}

static void scene_begin(struct scene *s)
{
    *s = (struct scene){.a = arena_new(), .listed = true};
    s->install = (struct install){.id = OURS, .policy = plain, .config_ok = true};
}

static void scene_end(struct scene *s)
{
    arena_free(s->a);
}

static const char *plan_scene(struct scene *s)
{
    struct observation *seen = ARENA_ARRAY(s->a, struct observation, 2);
    struct world *w = ARENA_NEW(s->a, struct world);
    BUF_AUTO b = BUF_INIT(65536);

    seen[0] = (struct observation){.endpoint = "docker",
                                   .ok = s->listed,
                                   .why = s->listed ? NULL : "connection refused",
                                   .v = s->seen.v,
                                   .n = s->listed ? s->seen.n : 0,
                                   .images = s->images.v,
                                   .n_images = s->images.n};
    seen[1] = seen[0];
    *w = (struct world){.desired = s->desired.v,
                        .n_desired = s->desired.n,
                        .records = s->records.v,
                        .n_records = s->records.n,
                        .observations = seen,
                        .n_observations = s->twice ? 2 : 1,
                        .installs = &s->install,
                        .n_installs = 1,
                        .pauses = &s->pause,
                        .n_pauses = s->has_pause,
                        .turns = &s->turn,
                        .n_turns = s->has_turn,
                        .grants = &s->grant,
                        .n_grants = s->has_grant,
                        .requests = &s->request,
                        .n_requests = s->has_request,
                        .last = &s->last,
                        .n_last = s->has_last};
    plan_compute(s->a, w, NOW, &s->plan);
    for (size_t i = 0; i < s->plan.n_acts; i++) {
        const struct act *act = &s->plan.acts[i];

        buf_printf(&b, "%s%s", i ? " " : "", act_kind_name(act->kind));
        if (act->kind == ACT_HOLD)
            buf_printf(&b, "(%s)/%s", act_kind_name(act->held), guard_name(act->guard));
        if (act->kind == ACT_REPORT)
            buf_printf(&b, "(%s)", act_kind_name(act->held));
        if (act->restart)
            buf_putc(&b, '!');
    }
    s->text = arena_strdup(s->a, buf_str(&b));
    return s->text;
}

/* --- the table
 * -------------------------------------------------------------------------------------------------------------------- */

/* What is wanted: nothing; absent; kept in step; made beforehand, with a setup; the same, stopped; by two. */
enum { D_NONE = 1, D_ABSENT = 2, D_EXIST = 4, D_PRE = 8, D_STOP = 16, D_TWO = 32, N_D = 6 };
/* What was recorded. */
enum { R_NONE = 1, R_OK = 2, R_STALE = 4, R_UNWANTED = 8, R_CREATING = 16, R_FAILED = 32, R_IDLE = 64, R_AGED = 128, N_R = 8 };
/* What is there. DRIFT, PATCH and RESTART run; so does OPENCLAW, which has no label of ours. */
enum {
    O_ENDPOINT = 1,
    O_UNKNOWN = 2,
    O_NONE = 4,
    O_FOREIGN = 8,
    O_OTHER = 16,
    O_STOPPED = 32,
    O_RUNNING = 64,
    O_DRIFT = 128,
    O_PATCH = 256,
    O_RESTART = 512,
    O_OPENCLAW = 1024,
    O_TWICE = 2048,
    N_O = 12
};

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

static void set_desired(struct scene *s, unsigned d)
{
    struct desired want = some_desired(s);

    if (d == D_NONE)
        return;
    want.want = d == D_ABSENT ? WANT_ABSENT : d == D_STOP ? WANT_STOPPED : WANT_RUNNING;
    want.precreate = d != D_EXIST;
    want.setup = d == D_EXIST ? NULL : "true";
    want.idle_ms = DAY;
    want.max_age_ms = 7 * (int64_t)DAY;
    VEC_PUSH(s->a, &s->desired, want);
    if (d == D_TWO) {
        want.owner = "OpenClaw/other";
        VEC_PUSH(s->a, &s->desired, want);
    }
}

static void set_record(struct scene *s, unsigned r)
{
    struct record rec = some_record();

    if (r == R_NONE)
        return;
    if (r == R_STALE)
        rec.config_hash = "old";
    if (r == R_UNWANTED)
        rec.unwanted_because = "agent 'x' is gone";
    rec.creating = r == R_CREATING;
    rec.setup_failed = r == R_FAILED;
    if (r == R_IDLE)
        rec.last_used_at_ms--;
    if (r == R_AGED)
        rec.created_at_ms = NOW - 7 * (int64_t)DAY - 1;
    VEC_PUSH(s->a, &s->records, rec);
}

static void set_observed(struct scene *s, unsigned o)
{
    struct observed seen = some_observed(s);

    if (o == O_ENDPOINT)
        s->listed = false;
    if (o == O_NONE || o == O_ENDPOINT)
        return;
    if (o == O_UNKNOWN)
        seen.state = RUN_UNKNOWN;
    if (o == O_FOREIGN || o == O_OPENCLAW) {
        seen.ownership = o == O_FOREIGN ? OWN_FOREIGN : OWN_OPENCLAW;
        seen.install = NULL;
    }
    if (o == O_OTHER)
        seen.install = THEIRS;
    if (o == O_STOPPED)
        seen.state = RUN_STOPPED;
    if (o == O_DRIFT)
        seen.config_hash = "old";
    if (o == O_PATCH)
        seen.fields = fields_of(s->a, "512m", "/tmp", "none");
    if (o == O_RESTART)
        seen.fields = fields_of(s->a, "512m", "/run", "none");
    VEC_PUSH(s->a, &s->seen, seen);
    if (o == O_TWICE) {
        seen.id = "id2";
        VEC_PUSH(s->a, &s->seen, seen);
    }
}

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
                set_desired(&s, 1u << d);
                set_record(&s, 1u << r);
                set_observed(&s, 1u << o);
                got = plan_scene(&s);
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

/* --- guards
 * ------------------------------------------------------------------------------------------------------------------------ */

/* A drifted, running, wanted and recorded container; tweaked by each case. */
static void set_drifted(struct scene *s)
{
    set_desired(s, D_PRE);
    set_record(s, R_OK);
    set_observed(s, O_DRIFT);
    s->desired.v[0].policy.hot_window_ms = WINDOW;
}

/* An unwanted one. */
static void set_unwanted(struct scene *s)
{
    set_record(s, R_UNWANTED);
    set_observed(s, O_RUNNING);
    s->install.policy.hot_window_ms = WINDOW;
}

static void hot(struct scene *s)
{
    s->records.v[0].last_used_at_ms = NOW - WINDOW + 1;
}

static void cold(struct scene *s)
{
    s->records.v[0].last_used_at_ms = NOW - WINDOW;
}

static void used_in_the_future(struct scene *s)
{
    s->records.v[0].last_used_at_ms = NOW + 1000;
}

static void hot_but_stopped(struct scene *s)
{
    hot(s);
    s->seen.v[0].state = RUN_STOPPED;
}

static void hot_but_granted(struct scene *s)
{
    hot(s);
    s->has_grant = true;
    s->grant = (struct grant){.endpoint = "docker", .name = "n", .allows = GRANT_USE};
}

static void hot_and_other_granted(struct scene *s)
{
    hot_but_granted(s);
    s->grant.name = "m";
}

static void no_use_known(struct scene *s)
{
    s->records.v[0].last_used_at_ms = TIME_NONE;
    s->seen.v[0].busy_known = false;
}

static void no_use_known_yet_young(struct scene *s)
{
    s->records.v[0].last_used_at_ms = TIME_NONE;
    s->seen.v[0].created_at_ms = NOW - 1000;
}

static void no_use_known_and_old(struct scene *s)
{
    s->records.v[0].last_used_at_ms = TIME_NONE;
}

static void never_used(struct scene *s)
{
    s->records.v[0].last_used_at_ms = s->records.v[0].created_at_ms = s->seen.v[0].created_at_ms = NOW - 1000;
}

static void never_used_by_openclaw(struct scene *s)
{
    never_used(s);
    s->seen.v[0].ownership = OWN_OPENCLAW;
    s->seen.v[0].install = NULL;
}

static void busy(struct scene *s)
{
    s->seen.v[0].busy = 1;
}

static void busy_unknown(struct scene *s)
{
    busy(s);
    s->seen.v[0].busy_known = false;
}

static void busy_but_stopped(struct scene *s)
{
    busy(s);
    s->seen.v[0].state = RUN_STOPPED;
}

static void busy_but_patch(struct scene *s)
{
    busy(s);
    s->seen.v[0].config_hash = HASH;
    s->seen.v[0].fields = fields_of(s->a, "512m", "/tmp", "none");
}

static void protect(struct scene *s)
{
    if (s->desired.n)
        s->desired.v[0].policy.protect = true;
    s->install.policy.protect = true;
}

static void protect_stopped(struct scene *s)
{
    protect(s);
    s->seen.v[0].state = RUN_STOPPED;
}

static void only_copy(struct scene *s)
{
    if (s->desired.n)
        s->desired.v[0].can_remake = false;
    else
        s->records.v[0].holds_data = true;
}

static void only_copy_granted(struct scene *s)
{
    only_copy(s);
    s->has_grant = true;
    s->grant = (struct grant){.allows = GRANT_DATA};
}

static void no_image(struct scene *s)
{
    s->desired.v[0].image = "img:1";
    VEC_PUSH(s->a, &s->images, ((struct image_state){.ref = "img:1"}));
}

static void image_not_asked(struct scene *s)
{
    s->desired.v[0].image = "img:1";
}

static void paused(struct scene *s)
{
    s->has_pause = true;
    s->pause = (struct pause){.endpoint = "docker", .name = "n", .until_ms = NOW + 1};
}

static void pause_over(struct scene *s)
{
    paused(s);
    s->pause.until_ms = NOW;
}

static void paused_all(struct scene *s)
{
    s->has_pause = true;
    s->pause = (struct pause){.until_ms = TIME_NONE};
}

static void paused_elsewhere(struct scene *s)
{
    paused(s);
    s->pause.endpoint = "fake";
}

static void flapping(struct scene *s)
{
    s->has_turn = true;
    s->turn = (struct turn){.endpoint = "docker", .name = "n", .n = PLAN_FLAP_TURNS, .last_ms = NOW - 1};
}

static void flapping_not_yet(struct scene *s)
{
    flapping(s);
    s->turn.n--;
}

static void config_broken(struct scene *s)
{
    s->install.config_ok = false;
    s->install.why = "openclaw.json:1:1: no";
}

static void prune_off(struct scene *s)
{
    if (s->desired.n)
        s->desired.v[0].policy.prune = false;
    s->install.policy.prune = false;
}

static void setup_failed_now(struct scene *s)
{
    s->records.v[0].setup_failed = true;
    s->records.v[0].created_at_ms = NOW - PLAN_SETUP_RETRY_MS + 1;
    s->seen.v[0].config_hash = HASH;
}

static void setup_failed_then(struct scene *s)
{
    setup_failed_now(s);
    s->records.v[0].created_at_ms--;
}

static void setup_failed_and_changed(struct scene *s)
{
    setup_failed_now(s);
    s->records.v[0].config_hash = "old";
}

static void report_only(struct scene *s)
{
    s->desired.v[0].policy.on_drift = ON_DRIFT_REPORT;
}

static void remove_only(struct scene *s)
{
    s->desired.v[0].policy.on_drift = ON_DRIFT_REMOVE;
}

static void remove_what_is_not_made(struct scene *s)
{
    remove_only(s);
    s->desired.v[0].precreate = false;
}

static void asked_prune(struct scene *s)
{
    s->has_request = true;
    s->request = (struct request){.endpoint = "docker", .name = "n", .runtime = RUNTIME_CONTAINER, .kind = ACT_PRUNE};
    s->seen.v[0].config_hash = HASH;
}

static void asked_prune_of_existing(struct scene *s)
{
    asked_prune(s);
    s->desired.v[0].precreate = false;
}

static void asked_recreate(struct scene *s)
{
    asked_prune(s);
    s->request.kind = ACT_RECREATE;
}

static void asked_of_a_browser(struct scene *s)
{
    asked_recreate(s);
    s->request.runtime = RUNTIME_BROWSER;
}

static void image_newer(struct scene *s)
{
    s->desired.v[0].image = "img:1";
    s->seen.v[0].config_hash = HASH;
    s->seen.v[0].image_id = "sha256:old";
    VEC_PUSH(s->a, &s->images, ((struct image_state){.ref = "img:1", .id = "sha256:new"}));
}

static void image_newer_reported(struct scene *s)
{
    image_newer(s);
    s->desired.v[0].policy.image_updates = IMAGE_UPDATES_REPORT;
}

static void image_newer_ignored(struct scene *s)
{
    image_newer(s);
    s->desired.v[0].policy.image_updates = IMAGE_UPDATES_IGNORE;
}

static void adopted_hot(struct scene *s)
{
    s->records.n = 0;
    s->seen.v[0].ownership = OWN_OPENCLAW;
    s->seen.v[0].install = NULL;
}

static void other_scope(struct scene *s)
{
    s->seen.v[0].scope_key = "agent:other";
    s->records.n = 0;
}

static void endpoint_twice(struct scene *s)
{
    s->twice = true;
}

static void sandbox_new_hash(struct scene *s)
{
    s->desired.v[0].kind = s->records.v[0].kind = s->seen.v[0].kind = RUNTIME_SANDBOX;
}

static void sandbox_new_hash_unseen(struct scene *s)
{
    sandbox_new_hash(s);
    s->seen.v[0].fields_known = false;
}

static const struct {
    const char *name;
    void (*start)(struct scene *s), (*tweak)(struct scene *s);
    const char *acts;
    int64_t until; /* of the last act; 0: TIME_NONE */
} guards[] = {
    {"used a moment less than the window ago", set_drifted, hot, "hold(recreate)/hot", NOW + 1},
    {"used exactly the window ago", set_drifted, cold, "recreate", 0},
    {"used in the future, by its record", set_drifted, used_in_the_future, "hold(recreate)/hot", NOW + 1000 + WINDOW},
    {"hot but stopped", set_drifted, hot_but_stopped, "recreate", 0},
    {"hot but granted", set_drifted, hot_but_granted, "recreate", 0},
    {"hot, and another is granted", set_drifted, hot_and_other_granted, "hold(recreate)/hot", NOW + 1},
    {"hot and unwanted", set_unwanted, hot, "hold(prune)/hot", NOW + 1},
    {"last use not known, nor whether busy", set_drifted, no_use_known, "hold(recreate)/hot", 0},
    {"last use not known, and young", set_drifted, no_use_known_yet_young, "hold(recreate)/hot", NOW - 1000 + WINDOW},
    {"last use not known, idle and old", set_drifted, no_use_known_and_old, "recreate", 0},
    {"made by us a moment ago and never used", set_drifted, never_used, "recreate", 0},
    {"made by OpenClaw a moment ago", set_drifted, never_used_by_openclaw, "hold(recreate)/hot", NOW - 1000 + WINDOW},
    {"an orphan of OpenClaw's that drifted", set_drifted, adopted_hot, "adopt hold(recreate)/hot", NOW + WINDOW},
    {"busy", set_drifted, busy, "hold(recreate)/busy", 0},
    {"busy and unwanted", set_unwanted, busy, "hold(prune)/busy", 0},
    {"not known whether busy", set_drifted, busy_unknown, "recreate", 0},
    {"busy but stopped", set_drifted, busy_but_stopped, "recreate", 0},
    {"busy, and patched in place", set_drifted, busy_but_patch, "patch", 0},
    {"protected", set_drifted, protect, "hold(recreate)/protect", 0},
    {"protected and stopped", set_drifted, protect_stopped, "hold(recreate)/protect", 0},
    {"protected and unwanted", set_unwanted, protect, "hold(prune)/protect", 0},
    {"the only copy", set_drifted, only_copy, "hold(recreate)/data", 0},
    {"the only copy, unwanted", set_unwanted, only_copy, "hold(prune)/data", 0},
    {"the only copy, granted", set_drifted, only_copy_granted, "recreate", 0},
    {"no image", set_drifted, no_image, "hold(recreate)/image", 0},
    {"nobody asked for the image", set_drifted, image_not_asked, "recreate", 0},
    {"paused", set_drifted, paused, "hold(recreate)/paused", NOW + 1},
    {"a pause that ends now", set_drifted, pause_over, "recreate", 0},
    {"all paused", set_drifted, paused_all, "hold(recreate)/paused", 0},
    {"paused elsewhere", set_drifted, paused_elsewhere, "recreate", 0},
    {"three turns", set_drifted, flapping, "hold(recreate)/flapping", 0},
    {"two turns", set_drifted, flapping_not_yet, "recreate", 0},
    {"the config does not load, a removal", set_unwanted, config_broken, "hold(prune)/config", 0},
    {"the config does not load, a recreate", set_drifted, config_broken, "recreate", 0},
    {"pruning off, a removal", set_unwanted, prune_off, "report(prune)", 0},
    {"pruning off, a recreate", set_drifted, prune_off, "recreate", 0},
    {"setup failed a moment less than the retry ago", set_drifted, setup_failed_now, "hold(recreate)/setup", NOW + 1},
    {"setup failed exactly the retry ago", set_drifted, setup_failed_then, "recreate", 0},
    {"setup failed, and the spec changed", set_drifted, setup_failed_and_changed, "recreate", 0},
    {"on drift report", set_drifted, report_only, "report(recreate)", 0},
    {"on drift remove, made beforehand", set_drifted, remove_only, "recreate", 0},
    {"on drift remove", set_drifted, remove_what_is_not_made, "prune", 0},
    {"asked to prune what is made beforehand", set_drifted, asked_prune, "recreate", 0},
    {"asked to prune", set_drifted, asked_prune_of_existing, "prune", 0},
    {"asked to recreate", set_drifted, asked_recreate, "recreate", 0},
    {"asked of another kind", set_drifted, asked_of_a_browser, "", 0},
    {"another image under the reference", set_drifted, image_newer, "recreate", 0},
    {"another image, to be reported", set_drifted, image_newer_reported, "report(recreate)", 0},
    {"another image, to be ignored", set_drifted, image_newer_ignored, "", 0},
    {"the name is another scope's", set_drifted, other_scope, "hold(create)/clash", 0},
    {"an endpoint listed twice", set_drifted, endpoint_twice, "", 0},
    {"a Sandbox of another hash and equal fields", set_drifted, sandbox_new_hash, "", 0},
    {"a Sandbox of another hash whose fields nobody saw", set_drifted, sandbox_new_hash_unseen, "recreate", 0},
};

static void test_guards(void **state)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < N(guards); i++) {
        int64_t until = TIME_NONE, want = guards[i].until ? guards[i].until : TIME_NONE;
        struct scene s;

        scene_begin(&s);
        guards[i].start(&s);
        guards[i].tweak(&s);
        (void)plan_scene(&s);
        if (s.plan.n_acts)
            until = s.plan.acts[s.plan.n_acts - 1].until_ms;
        if (strcmp(s.text, guards[i].acts) != 0 || until != want) {
            print_error("%s: [%s] until %lld, not [%s] until %lld\n", guards[i].name, s.text, (long long)until, guards[i].acts,
                        (long long)want);
            wrong++;
        }
        if (want != TIME_NONE && s.plan.next_due_ms != want) {
            print_error("%s: next due %lld\n", guards[i].name, (long long)s.plan.next_due_ms);
            wrong++;
        }
        scene_end(&s);
    }
    assert_int_equal(wrong, 0);
}

/* --- the cap
 * ------------------------------------------------------------------------------------------------------------------------ */

static struct scene *many(struct scene *s, unsigned wanted, unsigned unwanted)
{
    scene_begin(s);
    for (unsigned i = 0; i < wanted + unwanted; i++) {
        struct desired d = some_desired(s);
        struct record r = some_record();
        struct observed o = some_observed(s);

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
        (void)plan_scene(&s);
        assert_int_equal(s.plan.count[ACT_PRUNE], cases[i].held ? 0 : cases[i].unwanted);
        assert_int_equal(s.plan.count[ACT_HOLD], cases[i].held ? cases[i].unwanted : 0);
        assert_int_equal(s.plan.endpoints[0].over_cap, cases[i].held);
        assert_int_equal(s.plan.endpoints[0].n_removals, cases[i].unwanted);
        assert_int_equal(s.plan.endpoints[0].n_known, cases[i].wanted + cases[i].unwanted);
        s.has_grant = true;
        s.grant = (struct grant){.endpoint = "docker", .allows = GRANT_CAP};
        (void)plan_scene(&s);
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
    (void)plan_scene(&s);
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
    assert_string_equal(plan_scene(&s), "hold(forget)/unknown hold(forget)/unknown");
    assert_true(s.plan.acts[0].needs_look);
    assert_true(s.plan.endpoints[0].suspicious);
    VEC_PUSH(s.a, &s.seen, ((struct observed){.endpoint = "docker", .name = "n000", .state = RUN_ABSENT}));
    assert_string_equal(plan_scene(&s), "forget hold(forget)/unknown");
    assert_false(s.plan.acts[0].needs_look);
    s.has_grant = true;
    s.grant = (struct grant){.allows = GRANT_CAP};
    assert_string_equal(plan_scene(&s), "forget forget");
    scene_end(&s);

    many(&s, 1, 0); /* one alone may be gone: the look before the act tells */
    s.seen.n = 0;
    assert_string_equal(plan_scene(&s), "forget");
    assert_true(s.plan.acts[0].needs_look);
    s.has_last = true;
    s.last = (struct last_seen){.endpoint = "docker", .n = 2}; /* but there were two */
    assert_string_equal(plan_scene(&s), "hold(forget)/unknown");
    scene_end(&s);
}

/* --- moments
 * --------------------------------------------------------------------------------------------------------------------------- */

static void test_moments(void **state)
{
    struct scene s;

    scene_begin(&s);
    set_desired(&s, D_EXIST);
    set_record(&s, R_OK);
    set_observed(&s, O_RUNNING);
    assert_string_equal(plan_scene(&s), ""); /* used exactly the idle time ago: not longer */
    assert_int_equal(s.plan.next_due_ms, NOW + 1);
    s.desired.v[0].idle_ms = 0; /* never */
    assert_string_equal(plan_scene(&s), "");
    assert_int_equal(s.plan.next_due_ms, NOW + 5 * (int64_t)DAY + 1);
    s.desired.v[0].max_age_ms = 0;
    assert_string_equal(plan_scene(&s), "");
    assert_int_equal(s.plan.next_due_ms, TIME_NONE);
    s.desired.v[0].max_age_ms = 2 * DAY;
    assert_string_equal(plan_scene(&s), "");
    s.records.v[0].created_at_ms--;
    assert_string_equal(plan_scene(&s), "prune");
    s.records.v[0].created_at_ms = s.records.v[0].last_used_at_ms = TIME_NONE; /* no number never fits */
    s.desired.v[0].idle_ms = 1;
    assert_string_equal(plan_scene(&s), "");
    s.records.v[0].created_at_ms = INT64_MAX; /* sums do not overflow */
    s.records.v[0].last_used_at_ms = INT64_MAX - 1;
    s.desired.v[0].max_age_ms = INT64_MAX;
    assert_string_equal(plan_scene(&s), "");
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
        set_desired(&s, D_EXIST); /* of agent main, under another name */
        s.desired.v[0].name = "wanted";
        set_observed(&s, O_RUNNING);
        s.seen.v[0].scope_key = cases[i].scope;
        s.seen.v[0].ownership = cases[i].own;
        s.seen.v[0].install = cases[i].install;
        s.install.policy.orphans = cases[i].policy;
        assert_string_equal(plan_scene(&s), cases[i].acts);
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
    set_record(&s, R_UNWANTED);
    set_observed(&s, O_FOREIGN);
    assert_string_equal(plan_scene(&s), "hold(forget)/foreign");
    s.records.v[0].id = "id";
    assert_string_equal(plan_scene(&s), "prune");
    scene_end(&s);
}

static void test_ghosts(void **state)
{
    static const char *const acts[GHOSTS_COUNT] = {
        [GHOSTS_FORGET] = "forget", [GHOSTS_RECREATE] = "create", [GHOSTS_REPORT] = "report(forget)"};

    for (int i = 0; i < GHOSTS_COUNT; i++) {
        struct scene s;

        scene_begin(&s);
        set_desired(&s, D_EXIST);
        set_record(&s, R_OK);
        s.desired.v[0].policy.ghosts = i;
        assert_string_equal(plan_scene(&s), acts[i]);
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
    set_desired(&s, D_PRE);
    set_record(&s, R_UNWANTED);
    set_observed(&s, O_RUNNING);
    s.records.v[0].kind = s.seen.v[0].kind = RUNTIME_BROWSER;
    assert_string_equal(plan_scene(&s), "create prune");
    assert_int_equal(s.plan.acts[0].n_after, 1);
    assert_int_equal(s.plan.acts[0].after[0], 1);
    s.seen.v[0].busy = 1; /* it stays: the other waits for the same */
    assert_string_equal(plan_scene(&s), "hold(create)/busy hold(prune)/busy");
    scene_end(&s);
}

/* To another backend: the registry has one row for both. */
static void test_after_row(void **state)
{
    struct scene s;

    scene_begin(&s);
    set_desired(&s, D_PRE);
    s.desired.v[0].endpoint = "fake";
    set_record(&s, R_UNWANTED);
    set_observed(&s, O_RUNNING);
    assert_string_equal(plan_scene(&s), "prune hold(create)/unknown");
    scene_end(&s);
}

static void test_after_port(void **state)
{
    struct scene s;

    scene_begin(&s);
    set_desired(&s, D_PRE);
    s.desired.v[0].name = "m";
    s.desired.v[0].create = vectors_json(s.a, "{HostConfig: {PortBindings: {'9222/tcp': [{HostIp: '', HostPort: '4711'}]}}}");
    set_record(&s, R_UNWANTED);
    set_observed(&s, O_RUNNING);
    s.seen.v[0].cdp_port = 4711;
    assert_string_equal(plan_scene(&s), "create prune");
    assert_int_equal(s.plan.acts[0].n_after, 1);
    s.seen.v[0].cdp_port = 4712;
    (void)plan_scene(&s);
    assert_int_equal(s.plan.acts[0].n_after, 0);
    scene_end(&s);
}

static void test_adopt_first(void **state)
{
    struct scene s;

    scene_begin(&s);
    set_desired(&s, D_PRE);
    set_observed(&s, O_STOPPED);
    assert_string_equal(plan_scene(&s), "adopt start");
    assert_int_equal(s.plan.acts[1].n_after, 1);
    assert_int_equal(s.plan.acts[1].after[0], 0);
    scene_end(&s);
}

/* --- OpenClaw's own decisions
 * ------------------------------------------------------------------------------------------------------- */

static size_t asked_at(const struct node *calls, const char *verb)
{
    for (size_t i = 0; i < calls->n_items; i++)
        if (text_eq(node_str(calls->items[i]->items[0]), verb))
            return i;
    return SIZE_MAX;
}

/* One case of either line's golden file. */
struct lifecycle {
    const char *name, *container, *state, *label, *hash;
    const struct node *calls;
    struct record rec;
    bool recorded, has_image, ok;
};

static struct lifecycle case_of_5(const struct node *v)
{
    const struct node *reg = node_get(v, "registryBefore");
    struct lifecycle c = {.state = node_str(node_get(v, "dockerState")),
                          .label = node_str(node_get(v, "labelHash")),
                          .calls = node_get(v, "dockerCalls"),
                          .rec = some_record(),
                          .recorded = node_is(reg, NODE_OBJECT),
                          .has_image = node_get(v, "imagePresent")->b};

    if (!c.recorded)
        return c;
    c.rec.created_at_ms = (int64_t)node_get(reg, "createdAtMs")->num;
    c.rec.last_used_at_ms = (int64_t)node_get(reg, "lastUsedAtMs")->num;
    c.rec.config_hash = node_str(node_get(reg, "configHash"));
    return c;
}

static struct lifecycle case_of_9(const struct node *v)
{
    const struct node *last = node_get(v, "last");
    struct lifecycle c = {.state = node_str(node_get(v, "st")),
                          .label = node_str(node_get(v, "hash")),
                          .calls = node_get(v, "calls"),
                          .rec = some_record(),
                          .recorded = last != NULL,
                          .has_image = !node_get(v, "img")};

    if (!c.recorded)
        return c;
    c.rec.last_used_at_ms = (int64_t)last->num;
    c.rec.config_hash = node_str(node_get(v, "regHash"));
    return c;
}

static void set_lifecycle(struct scene *s, const struct lifecycle *c)
{
    struct observed o = some_observed(s);
    struct record r = c->rec;

    set_desired(s, D_PRE);
    s->desired.v[0].setup = NULL;
    s->desired.v[0].policy.hot_window_ms = WINDOW;
    s->desired.v[0].idle_ms = s->desired.v[0].max_age_ms = 0;
    if (c->container)
        s->desired.v[0].name = r.name = o.name = c->container;
    s->desired.v[0].config_hash = c->hash;
    s->desired.v[0].image = "img";
    VEC_PUSH(s->a, &s->images, ((struct image_state){.ref = "img", .id = c->has_image ? "sha256:1" : NULL}));
    if (c->recorded)
        VEC_PUSH(s->a, &s->records, r);
    if (strcmp(c->state, "missing") == 0)
        return;
    o.ownership = OWN_OPENCLAW;
    o.install = o.owner = NULL;
    o.state = strcmp(c->state, "running") == 0 ? RUN_RUNNING : RUN_STOPPED;
    o.config_hash = c->label;
    o.fields_known = false;
    o.busy_known = false;
    VEC_PUSH(s->a, &s->seen, o);
}

/* What is planned for each state that 2026.9's cases show, and what OpenClaw itself does. */
static const struct {
    const char *name, *acts, *openclaw;
} decisions[] = {
    {"missing", "create", "creates it"},
    {"running-match", "", "uses it"},
    {"running-match-noreg", "adopt", "uses it, and records it"},
    {"running-mismatch-hot", "hold(recreate)/hot", "uses it with a warning: the mounts are the same"},
    {"running-mismatch-hot-mounts", "hold(recreate)/hot", "fails: it is in use, and mounts what it should not"},
    {"running-mismatch-hot-extra-bind", "hold(recreate)/hot", "fails likewise"},
    {"running-mismatch-hot-nested-tmpfs", "hold(recreate)/hot", "fails likewise"},
    {"running-mismatch-299999", "hold(recreate)/hot", "uses it with a warning"},
    {"running-mismatch-300000", "recreate", "makes it anew"},
    {"running-mismatch-noreg", "adopt hold(recreate)/hot", "uses it with a warning: who knows since when"},
    {"stopped-mismatch-hot", "recreate", "makes it anew"},
    {"running-nolabel-reg-match", "", "uses it, by its row's hash"},
    {"running-mismatch-hot-requireCurrent", "hold(recreate)/hot", "fails: this caller takes no other"},
    {"create-fails", "create", "creates it, and is refused"},
    {"start-fails", "create", "creates it, and takes it away again"},
    {"start-fails-rm-fails", "create", "creates it, and cannot take it away again"},
    {"setup-fails-existing-row", "create", "creates it, and takes it and its row away again"},
    {"image-missing", "hold(create)/image", "fails before it creates anything"},
    {"scope-shared-hot", "hold(recreate)/hot", "uses it with a warning"},
    {"scope-session-hot", "hold(recreate)/hot", "fails: other mounts"},
    {"mismatch-cold-rm-fails", "recreate", "goes on as if it were removed"},
};

static const char *decision(const char *name)
{
    for (size_t i = 0; i < N(decisions); i++)
        if (strcmp(decisions[i].name, name) == 0)
            return decisions[i].acts;
    return NULL;
}

static const struct {
    const char *vectors;
    struct lifecycle (*read)(const struct node *v);
    size_t n;
} lifecycles[] = {{"lifecycle", case_of_5, 36}, {"2026.9/lifecycle", case_of_9, N(decisions)}};

/* Removed and made anew, started, or kept: the same as OpenClaw did. What it would have created, we create. Where it fails rather
 * than use a runtime, we hold until it is out of use. */
static void test_lifecycle(void **state)
{
    ARENA_AUTO a = arena_new();

    for (size_t l = 0; l < N(lifecycles); l++) {
        const struct node *all = vectors_load(a, lifecycles[l].vectors);

        assert_true(all->n_items >= lifecycles[l].n);
        for (size_t i = 0; i < all->n_items; i++) {
            const struct node *v = all->items[i];
            struct lifecycle c = lifecycles[l].read(v);
            const char *listed;
            struct scene s;
            size_t rm = asked_at(c.calls, "rm"), create = asked_at(c.calls, "create"), start = asked_at(c.calls, "start");
            bool created = create != SIZE_MAX, removed = rm != SIZE_MAX && (!created || rm < create);

            c.name = node_str(node_get(v, "name"));
            c.container = node_str(node_get(v, "containerName"));
            c.hash = node_get(v, "expectedHash") ? node_str(node_get(v, "expectedHash")) : HASH;
            c.ok = node_get(v, "ok")->b;
            listed = decision(c.name);
            scene_begin(&s);
            set_lifecycle(&s, &c);
            (void)plan_scene(&s);
            if (s.plan.count[ACT_RECREATE] != removed || s.plan.count[ACT_START] != (start != SIZE_MAX && !created) ||
                s.plan.count[ACT_CREATE] != (created && !removed) || (!c.ok && !created && s.plan.count[ACT_HOLD] != 1))
                fail_msg("%s: [%s]", c.name, s.text);
            if (l > 0 && !text_eq(listed, s.text))
                fail_msg("%s: [%s], listed as [%s]", c.name, s.text, listed);
            if (s.records.n == 0 && s.seen.n && !removed)
                assert_int_equal(s.plan.acts[0].kind, ACT_ADOPT);
            scene_end(&s);
        }
    }
}

/* --- a hash that cannot be worked out from outside
 * ------------------------------------------------------------------------------------ */

static void test_uncertain_hash(void **state)
{
    static const struct field hashes[] = {{"docker.configHash", HASH, FIELD_RECREATE, false},
                                          {"docker.configHash", "old", FIELD_RECREATE, false}};
    static const struct {
        const char *name, *label;
        bool compared, named, field, listed;
        const char *acts;
    } table[] = {
        {"another hash, and equal fields", "old", true, false, false, true, ""},
        {"another hash, that the backend names", "old", true, true, false, true, ""},
        {"another hash, and nobody compared fields", "old", false, false, false, true, ""},
        {"no hash at all", NULL, true, false, false, true, ""},
        {"another hash, and another field", "old", true, false, true, true, "recreate"},
        {"the same hash, and another field", HASH, true, false, true, true, "recreate"},
        {"another hash in the record, and the endpoint is not known", "old", false, false, false, false, ""},
    };

    for (size_t i = 0; i < N(table); i++)
        for (int certain = 0; certain < 2; certain++) {
            struct scene s;

            scene_begin(&s);
            s.listed = table[i].listed;
            set_desired(&s, D_PRE);
            set_record(&s, R_OK);
            set_observed(&s, O_RUNNING);
            s.desired.v[0].setup = NULL;
            s.desired.v[0].hash_uncertain = certain ? NULL : "docker.env.FAL_KEY";
            s.records.v[0].config_hash = table[i].label;
            s.seen.v[0].config_hash = table[i].label;
            s.seen.v[0].fields_known = table[i].compared;
            if (table[i].named) {
                s.desired.v[0].fields = (struct fields){&hashes[0], 1};
                s.seen.v[0].fields = (struct fields){&hashes[1], 1};
            }
            if (table[i].field)
                s.seen.v[0].fields = fields_of(s.a, "1g", "/tmp", "bridge");
            (void)plan_scene(&s);
            if (!certain && strcmp(s.text, table[i].acts) != 0)
                fail_msg("%s: [%s]", table[i].name, s.text);
            if (certain && strcmp(s.text, table[i].listed ? "recreate" : "hold(recreate)/unknown") != 0)
                fail_msg("%s, and the hash is certain: [%s]", table[i].name, s.text);
            scene_end(&s);
        }
}

/* --- text and JSON
 * ---------------------------------------------------------------------------------------------------------------------- */

static void set_show(struct scene *s)
{
    static const struct field secret_old[] = {{"docker.env.TOKEN", "s3cret-old", FIELD_RECREATE, true}};
    static const struct field secret_new[] = {{"docker.env.TOKEN", "s3cret-new", FIELD_RECREATE, true}};
    struct desired d = some_desired(s);
    struct record r = some_record();
    struct observed o = some_observed(s);

    d.precreate = true;
    d.name = "a-new";
    d.scope_key = "agent:a";
    VEC_PUSH(s->a, &s->desired, d);

    d.name = r.name = o.name = "b-changed";
    d.scope_key = r.scope_key = o.scope_key = "agent:b";
    d.fields = (struct fields){secret_new, 1};
    o.fields = (struct fields){secret_old, 1};
    o.config_hash = "old";
    o.id = "id-b";
    VEC_PUSH(s->a, &s->desired, d);
    VEC_PUSH(s->a, &s->records, r);
    VEC_PUSH(s->a, &s->seen, o);

    d.name = r.name = o.name = "c-hot";
    d.scope_key = r.scope_key = o.scope_key = "agent:c";
    d.fields = fields_of(s->a, "1g", "/tmp", "none");
    o.fields = fields_of(s->a, "512m", "/tmp", "bridge");
    d.policy.hot_window_ms = WINDOW;
    r.last_used_at_ms = NOW - 12000;
    o.id = "id-c";
    VEC_PUSH(s->a, &s->desired, d);
    VEC_PUSH(s->a, &s->records, r);
    VEC_PUSH(s->a, &s->seen, o);

    d = some_desired(s);
    d.precreate = true;
    d.name = "d-\033[31m\"odd\"";
    d.scope_key = "agent:d";
    d.image = "img:1";
    VEC_PUSH(s->a, &s->images, ((struct image_state){.ref = "img:1"}));
    VEC_PUSH(s->a, &s->desired, d);

    r = some_record();
    o = some_observed(s);
    r.name = o.name = "e-unwanted";
    r.scope_key = o.scope_key = "agent:e";
    r.unwanted_because = "agent 'e' is gone";
    o.id = "id-e";
    VEC_PUSH(s->a, &s->records, r);
    VEC_PUSH(s->a, &s->seen, o);

    o = some_observed(s);
    o.name = "f-orphan";
    o.id = "id-f";
    o.scope_key = "agent:f";
    VEC_PUSH(s->a, &s->seen, o);
    s->install.policy.orphans = ORPHANS_REPORT;

    d = some_desired(s);
    o = some_observed(s);
    d.precreate = true;
    d.name = o.name = "g-adopted";
    d.scope_key = o.scope_key = "agent:g";
    o.state = RUN_STOPPED;
    o.id = "id-g";
    VEC_PUSH(s->a, &s->desired, d);
    VEC_PUSH(s->a, &s->seen, o);

    d = some_desired(s);
    d.precreate = true;
    d.endpoint = "fake:gone";
    d.name = "h-unknown";
    VEC_PUSH(s->a, &s->desired, d);
}

static void compare_golden(const char *path, const char *got)
{
    ARENA_AUTO a = arena_new();
    const char *mode = getenv("RECONCLAW_GOLDEN");
    size_t n;

    if (mode && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(got, 1, strlen(got), f), strlen(got));
        assert_int_equal(fclose(f), 0);
    }
    assert_string_equal(vectors_bytes(a, path, &n), got);
}

static void test_golden(void **state)
{
    BUF_AUTO json = BUF_INIT(1u << 20), text = BUF_INIT(1u << 20), colour = BUF_INIT(1u << 20);
    struct scene s;

    scene_begin(&s);
    set_show(&s);
    (void)plan_scene(&s);
    plan_emit_json(&json, &s.plan);
    plan_emit_text(&text, &s.plan, 0);
    plan_emit_text(&colour, &s.plan, PLAN_TEXT_COLOUR);
    compare_golden("tests/data/plan/show.json", buf_str(&json));
    compare_golden("tests/data/plan/show.txt", buf_str(&text));
    assert_null(strstr(buf_str(&json), "s3cret"));
    assert_null(strstr(buf_str(&text), "s3cret"));
    assert_null(strchr(buf_str(&text), '\033'));
    assert_non_null(strstr(buf_str(&colour), "\033[32m  +\033[0m create"));
    scene_end(&s);
}

static void test_nothing(void **state)
{
    BUF_AUTO text = BUF_INIT(65536);
    const struct world w = {0};
    ARENA_AUTO a = arena_new();
    struct plan p;

    plan_compute(a, &w, NOW, &p);
    plan_emit_text(&text, &p, 0);
    assert_string_equal(buf_str(&text), "Plan: nothing to do.\n");
    assert_true(plan_is_empty(&p));
    assert_int_equal(p.next_due_ms, TIME_NONE);
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
        struct desired d = some_desired(&s);
        struct record r = some_record();
        struct observed o = some_observed(&s);

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
    (void)plan_scene(&s);
    assert_true(s.plan.n_acts >= MANY / 2);
    scene_end(&s);
}

#define TEST(name, fn)                                                                                                           \
    {                                                                                                                            \
        name, fn, NULL, NULL, NULL                                                                                               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("every cell of the table decides as its row says", test_cells),
        TEST("every row of the table decides something", test_rows),
        TEST("every guard holds at its limit, and not past it", test_guards),
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
        TEST("OpenClaw's own decisions are ours", test_lifecycle),
        TEST("a hash that is not certain is no drift by itself", test_uncertain_hash),
        TEST("the plan's text and JSON are as they were, and show no secret", test_golden),
        TEST("an empty world is an empty plan", test_nothing),
        TEST("a hundred thousand of one name, row and port take no quadratic time", test_cost),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
