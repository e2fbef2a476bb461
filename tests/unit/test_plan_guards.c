/* plan, its guards: each at its limit and one past it, and the switches of a Policy, from the text to the act. */
#include "spec/policy.h"
#include "spec/read/yaml.h"
#include "tests/lib/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(v) (sizeof(v) / sizeof *(v))

/* An unwanted one. */
static void unwanted(struct scene *s)
{
    scene_recorded(s, R_UNWANTED);
    scene_seen(s, O_RUNNING);
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
    s->seen.v[0].fields = scene_fields(s->a, "512m", "/tmp", "none");
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
    {"used a moment less than the window ago", scene_drifted, hot, "hold(recreate)/hot", NOW + 1},
    {"used exactly the window ago", scene_drifted, cold, "recreate", 0},
    {"used in the future, by its record", scene_drifted, used_in_the_future, "hold(recreate)/hot", NOW + 1000 + WINDOW},
    {"hot but stopped", scene_drifted, hot_but_stopped, "recreate", 0},
    {"hot but granted", scene_drifted, hot_but_granted, "recreate", 0},
    {"hot, and another is granted", scene_drifted, hot_and_other_granted, "hold(recreate)/hot", NOW + 1},
    {"hot and unwanted", unwanted, hot, "hold(prune)/hot", NOW + 1},
    {"last use not known, nor whether busy", scene_drifted, no_use_known, "hold(recreate)/hot", 0},
    {"last use not known, and young", scene_drifted, no_use_known_yet_young, "hold(recreate)/hot", NOW - 1000 + WINDOW},
    {"last use not known, idle and old", scene_drifted, no_use_known_and_old, "recreate", 0},
    {"made by us a moment ago and never used", scene_drifted, never_used, "recreate", 0},
    {"made by OpenClaw a moment ago", scene_drifted, never_used_by_openclaw, "hold(recreate)/hot", NOW - 1000 + WINDOW},
    {"an orphan of OpenClaw's that drifted", scene_drifted, adopted_hot, "adopt hold(recreate)/hot", NOW + WINDOW},
    {"busy", scene_drifted, busy, "hold(recreate)/busy", 0},
    {"busy and unwanted", unwanted, busy, "hold(prune)/busy", 0},
    {"not known whether busy", scene_drifted, busy_unknown, "recreate", 0},
    {"busy but stopped", scene_drifted, busy_but_stopped, "recreate", 0},
    {"busy, and patched in place", scene_drifted, busy_but_patch, "patch", 0},
    {"protected", scene_drifted, protect, "hold(recreate)/protect", 0},
    {"protected and stopped", scene_drifted, protect_stopped, "hold(recreate)/protect", 0},
    {"protected and unwanted", unwanted, protect, "hold(prune)/protect", 0},
    {"the only copy", scene_drifted, only_copy, "hold(recreate)/data", 0},
    {"the only copy, unwanted", unwanted, only_copy, "hold(prune)/data", 0},
    {"the only copy, granted", scene_drifted, only_copy_granted, "recreate", 0},
    {"no image", scene_drifted, no_image, "hold(recreate)/image", 0},
    {"nobody asked for the image", scene_drifted, image_not_asked, "recreate", 0},
    {"paused", scene_drifted, paused, "hold(recreate)/paused", NOW + 1},
    {"a pause that ends now", scene_drifted, pause_over, "recreate", 0},
    {"all paused", scene_drifted, paused_all, "hold(recreate)/paused", 0},
    {"paused elsewhere", scene_drifted, paused_elsewhere, "recreate", 0},
    {"three turns", scene_drifted, flapping, "hold(recreate)/flapping", 0},
    {"two turns", scene_drifted, flapping_not_yet, "recreate", 0},
    {"the config does not load, a removal", unwanted, config_broken, "hold(prune)/config", 0},
    {"the config does not load, a recreate", scene_drifted, config_broken, "recreate", 0},
    {"pruning off, a removal", unwanted, prune_off, "report(prune)", 0},
    {"pruning off, a recreate", scene_drifted, prune_off, "recreate", 0},
    {"setup failed a moment less than the retry ago", scene_drifted, setup_failed_now, "hold(recreate)/setup", NOW + 1},
    {"setup failed exactly the retry ago", scene_drifted, setup_failed_then, "recreate", 0},
    {"setup failed, and the spec changed", scene_drifted, setup_failed_and_changed, "recreate", 0},
    {"on drift report", scene_drifted, report_only, "report(recreate)", 0},
    {"on drift remove, made beforehand", scene_drifted, remove_only, "recreate", 0},
    {"on drift remove", scene_drifted, remove_what_is_not_made, "prune", 0},
    {"asked to prune what is made beforehand", scene_drifted, asked_prune, "recreate", 0},
    {"asked to prune", scene_drifted, asked_prune_of_existing, "prune", 0},
    {"asked to recreate", scene_drifted, asked_recreate, "recreate", 0},
    {"asked of another kind", scene_drifted, asked_of_a_browser, "", 0},
    {"another image under the reference", scene_drifted, image_newer, "recreate", 0},
    {"another image, to be reported", scene_drifted, image_newer_reported, "report(recreate)", 0},
    {"another image, to be ignored", scene_drifted, image_newer_ignored, "", 0},
    {"the name is another scope's", scene_drifted, other_scope, "hold(create)/clash", 0},
    {"an endpoint listed twice", scene_drifted, endpoint_twice, "", 0},
    {"a Sandbox of another hash and equal fields", scene_drifted, sandbox_new_hash, "", 0},
    {"a Sandbox of another hash whose fields nobody saw", scene_drifted, sandbox_new_hash_unseen, "recreate", 0},
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
        (void)scene_plan(&s);
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

/* --- switches ------------------------------------------------------------------------------------------------------------- */

static struct policy policy_of(struct arena *a, const char *text)
{
    struct diags d = {.arena = a};
    struct yaml_docs docs = {0};
    assert_int_equal(yaml_read(a, "t", text, strlen(text), &d, &docs), 0);
    assert_int_equal(schema_check(a, &policy_kind_schema, docs.v[0], "", &d), 0);
    return policy_resolve((const struct node *const *)docs.v, 1);
}

/* A running sandbox whose memory differs from its spec, with what else is the case. */
static struct act plan_one(struct scene *s, struct policy policy, unsigned busy, int64_t used_ago_ms, unsigned turns)
{
    scene_begin(s);
    scene_drifted(s);
    sandbox_new_hash(s);
    s->desired.v[0].fields = scene_fields(s->a, "1g", "/tmp", "bridge");
    s->desired.v[0].policy = s->install.policy = policy;
    s->records.v[0].last_used_at_ms = used_ago_ms < 0 ? TIME_NONE : NOW - used_ago_ms;
    s->seen.v[0].busy = busy;
    s->turn = (struct turn){.endpoint = "docker", .name = "n", .n = turns, .last_ms = NOW - 1};
    s->has_turn = turns > 0;
    (void)scene_plan(s);
    assert_int_equal(s->plan.n_acts, 1);
    return s->plan.acts[0];
}

static void a_switch_lifts_its_guard_and_no_other(void **state)
{
    static const struct {
        const char *policy;
        unsigned busy;
        int64_t used_ago_ms;
        unsigned turns;
        enum guard guard; /* GUARD_NONE: recreated */
    } rows[] = {
        {"{}", 0, -1, 0, GUARD_NONE},
        {"{}", 2, -1, 0, GUARD_BUSY},
        {"{guards: {busy: false}}", 2, -1, 0, GUARD_NONE},
        {"{guards: {busy: true}}", 2, -1, 0, GUARD_BUSY},
        {"{guards: {hot: false, cap: false, flapping: false}}", 2, -1, 0, GUARD_BUSY},
        {"{}", 0, 299999, 0, GUARD_HOT},
        {"{}", 0, 300000, 0, GUARD_NONE},
        {"{guards: {hot: false}}", 0, 0, 0, GUARD_NONE},
        {"{hotWindow: 0}", 0, 0, 0, GUARD_NONE},
        {"{guards: {busy: false, cap: false, flapping: false}}", 0, 299999, 0, GUARD_HOT},
        {"{}", 0, -1, PLAN_FLAP_TURNS - 1, GUARD_NONE},
        {"{}", 0, -1, PLAN_FLAP_TURNS, GUARD_FLAPPING},
        {"{guards: {flapping: false}}", 0, -1, PLAN_FLAP_TURNS, GUARD_NONE},
        {"{guards: {busy: false, hot: false, cap: false}}", 0, -1, PLAN_FLAP_TURNS, GUARD_FLAPPING},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct scene s;
        struct act act = plan_one(&s, policy_of(a, rows[i].policy), rows[i].busy, rows[i].used_ago_ms, rows[i].turns);
        enum act_kind kind = rows[i].guard == GUARD_NONE ? ACT_RECREATE : ACT_HOLD;
        if (act.kind != kind || act.guard != rows[i].guard)
            fail_msg("%s busy %u used %lld turns %u: %s %s", rows[i].policy, rows[i].busy, (long long)rows[i].used_ago_ms,
                     rows[i].turns, act_kind_name(act.kind), guard_name(act.guard));
        scene_end(&s);
    }
}

static void protect_has_no_switch(void **state)
{
    ARENA_AUTO a = arena_new();
    struct policy p = policy_of(a, "{guards: {hot: false, busy: false, cap: false, flapping: false}}");
    p.protect = true;
    struct scene s;
    struct act act = plan_one(&s, p, 0, -1, 0);
    assert_int_equal(act.kind, ACT_HOLD);
    assert_int_equal(act.guard, GUARD_PROTECT);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("every guard holds at its limit, and not past it", test_guards),
        TEST("a switch lifts its guard and no other", a_switch_lifts_its_guard_and_no_other),
        TEST("protect has no switch", protect_has_no_switch),
    };

    return cmocka_run_group_tests_name("plan: guards", tests, NULL, NULL);
}
