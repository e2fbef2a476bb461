/* plan: the guards that a Policy can switch off are on by default, and off where it says so; from the text to the act. */
#include "reconciler/core/plan.h"
#include "spec/policy.h"
#include "spec/read/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(a)    (sizeof(a) / sizeof(*(a)))
#define NOW     1000000000000
#define INSTALL "0123456789abcdef"

static struct policy policy_of(struct arena *a, const char *text)
{
    struct diags d = {.arena = a};
    struct yaml_docs docs = {0};
    assert_int_equal(yaml_read(a, "t", text, strlen(text), &d, &docs), 0);
    assert_int_equal(schema_check(a, &policy_kind_schema, docs.v[0], "", &d), 0);
    return policy_resolve((const struct node *const *)docs.v, 1);
}

/* A running sandbox whose memory differs from its spec, with what else is the case. */
static struct act plan_one(struct arena *a, struct policy policy, unsigned busy, int64_t used_ago_ms, unsigned turns)
{
    static const struct field one[] = {{"docker.memory", "1g", FIELD_RECREATE, false}};
    static const struct field two[] = {{"docker.memory", "2g", FIELD_RECREATE, false}};
    struct desired desired = {.endpoint = "docker",
                              .name = "s",
                              .kind = RUNTIME_SANDBOX,
                              .owner = "Sandbox/s",
                              .install = INSTALL,
                              .want = WANT_RUNNING,
                              .precreate = true,
                              .can_remake = true,
                              .config_hash = "h",
                              .fields = {two, 1},
                              .policy = policy};
    struct record record = {.endpoint = "docker",
                            .name = "s",
                            .kind = RUNTIME_SANDBOX,
                            .install = INSTALL,
                            .owner = "Sandbox/s",
                            .created_at_ms = NOW - 86400000,
                            .last_used_at_ms = used_ago_ms < 0 ? TIME_NONE : NOW - used_ago_ms};
    struct observed *observed = ARENA_NEW(a, struct observed);
    *observed = (struct observed){.endpoint = "docker",
                                  .name = "s",
                                  .id = "id",
                                  .kind = RUNTIME_SANDBOX,
                                  .ownership = OWN_OURS,
                                  .state = RUN_RUNNING,
                                  .install = INSTALL,
                                  .owner = "Sandbox/s",
                                  .config_hash = "g",
                                  .created_at_ms = NOW - 86400000,
                                  .fields_known = true,
                                  .fields = {one, 1},
                                  .busy = busy,
                                  .busy_known = true};
    struct observation observation = {.endpoint = "docker", .ok = true, .v = observed, .n = 1};
    struct install install = {.id = INSTALL, .policy = policy, .config_ok = true};
    struct turn turn = {.endpoint = "docker", .name = "s", .n = turns, .last_ms = NOW - 1};
    struct world w = {.desired = &desired,
                      .n_desired = 1,
                      .records = &record,
                      .n_records = 1,
                      .observations = &observation,
                      .n_observations = 1,
                      .installs = &install,
                      .n_installs = 1,
                      .turns = &turn,
                      .n_turns = turns ? 1 : 0};
    struct plan p = {0};
    plan_compute(a, &w, NOW, &p);
    assert_int_equal(p.n_acts, 1);
    return p.acts[0];
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
        struct act act = plan_one(a, policy_of(a, rows[i].policy), rows[i].busy, rows[i].used_ago_ms, rows[i].turns);
        enum act_kind kind = rows[i].guard == GUARD_NONE ? ACT_RECREATE : ACT_HOLD;
        if (act.kind != kind || act.guard != rows[i].guard)
            fail_msg("%s busy %u used %lld turns %u: %s %s", rows[i].policy, rows[i].busy, (long long)rows[i].used_ago_ms,
                     rows[i].turns, act_kind_name(act.kind), guard_name(act.guard));
    }
}

static void protect_has_no_switch(void **state)
{
    ARENA_AUTO a = arena_new();
    struct policy p = policy_of(a, "{guards: {hot: false, busy: false, cap: false, flapping: false}}");
    p.protect = true;
    struct act act = plan_one(a, p, 0, -1, 0);
    assert_int_equal(act.kind, ACT_HOLD);
    assert_int_equal(act.guard, GUARD_PROTECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_lifts_its_guard_and_no_other),
        cmocka_unit_test(protect_has_no_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
