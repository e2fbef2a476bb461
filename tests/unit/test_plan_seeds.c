/* plan, of runtimes whose workspace exists nowhere else: what is kept first, what is reseeded, what moves, what asks its owner.
 */
#include "reconciler/core/plan_text.h"
#include "spec/remote.h"
#include "tests/lib/scene.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(v) (sizeof(v) / sizeof *(v))

/* A kind Sandbox on another host, with something in it, and room for a snapshot. */
static void canonical(struct scene *s)
{
    struct desired d = scene_desired(s);
    struct record r = scene_record();
    struct observed o = scene_observed(s);

    d.kind = r.kind = o.kind = RUNTIME_SANDBOX;
    d.owner = o.owner = "Sandbox/n";
    d.precreate = true;
    d.can_remake = false;
    d.scope_key = r.scope_key = o.scope_key = NULL;
    r.holds_data = true;
    o.content_known = true;
    o.n_entries = 3;
    o.content_bytes = 1000;
    VEC_PUSH(s->a, &s->desired, d);
    VEC_PUSH(s->a, &s->records, r);
    VEC_PUSH(s->a, &s->seen, o);
    s->can_save = true;
    s->room = (struct snapshot_room){.open = true, .bytes = 1000};
}

static void set_seed(struct scene *s, const char *policy)
{
    struct node *create = node_object(s->a), *seed = node_object(s->a);

    node_set(s->a, seed, "policy", node_string(s->a, policy));
    node_set(s->a, create, "seed", seed);
    s->desired.v[0].create = create;
}

static void drift(struct scene *s)
{
    s->seen.v[0].fields = scene_fields(s->a, "1g", "/tmp", "bridge");
}

static void unwanted(struct scene *s)
{
    s->desired.n = 0;
    s->records.v[0].unwanted_because = "it is gone";
}

static void empty(struct scene *s)
{
    struct field v[] = {{.name = REMOTE_SEED_STATE, .value = REMOTE_SEED_EMPTY, .class = FIELD_RECREATE}};

    s->seen.v[0].n_entries = s->seen.v[0].content_bytes = 0;
    s->seen.v[0].fields = fields_make(s->a, v, 1);
}

static void asked(struct scene *s)
{
    s->has_request = true;
    s->request = (struct request){.endpoint = "docker", .name = "n", .runtime = RUNTIME_SANDBOX, .kind = ACT_RESEED};
}

static void look(struct scene *s, enum manifest_verdict verdict, size_t n_lost)
{
    s->has_look = true;
    s->look = (struct seed_look){.endpoint = "docker",
                                 .name = "n",
                                 .runtime = RUNTIME_SANDBOX,
                                 .verdict = verdict,
                                 .n_lost = n_lost,
                                 .lost_bytes = 12 * n_lost,
                                 .lost = n_lost ? "+ workspace/a (12 bytes)\n" : NULL,
                                 .digest = "dddd"};
}

static void approve(struct scene *s, const char *digest)
{
    s->has_approval = true;
    s->approval = (struct approval){.endpoint = "docker", .name = "n", .digest = digest};
}

static void grant(struct scene *s)
{
    s->has_grant = true;
    s->grant = (struct grant){.allows = GRANT_DATA};
}

/* The only act. */
static const struct act *plan(struct scene *s, const char *want)
{
    assert_string_equal(scene_plan(s), want);
    return s->plan.n_acts ? &s->plan.acts[0] : NULL;
}

/* --- hosts ----------------------------------------------------------------------------------------------------------------- */

static void test_another_key(void **state)
{
    static const struct {
        const char *recorded, *shown, *id; /* id: of what is recorded; what is seen has "id" */
        bool is_there, granted;
        const char *want;
    } cases[] = {
        {"SHA256:a", "SHA256:a", "other", true, false, "prune"},
        {"SHA256:a", "SHA256:b", "other", true, false, "hold(prune)/unknown"},
        {"SHA256:a", "SHA256:b", NULL, true, false, "hold(prune)/unknown"},
        {"SHA256:a", "SHA256:b", "id", true, false, "prune"}, /* it is itself, wherever */
        {"SHA256:a", "SHA256:b", "other", true, true, "prune"},
        {NULL, "SHA256:b", "other", true, false, "prune"},
        {"SHA256:a", NULL, "other", true, false, "prune"},
        {"SHA256:a", "SHA256:a", "other", false, false, "forget"},
        {"SHA256:a", "SHA256:b", "other", false, false, "hold(forget)/unknown"},
        {"SHA256:a", "SHA256:b", "id", false, false, "hold(forget)/unknown"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        struct scene s;

        scene_begin(&s);
        canonical(&s);
        unwanted(&s);
        s.host_key = cases[i].shown;
        s.records.v[0].seed.host_key = cases[i].recorded;
        s.records.v[0].id = cases[i].id;
        s.seen.v[0].id = "id";
        if (!cases[i].is_there)
            s.seen.n = 0;
        if (cases[i].granted) {
            s.has_grant = true;
            s.grant = (struct grant){.allows = GRANT_CAP};
        }
        (void)plan(&s, cases[i].want);
        scene_end(&s);
    }
}

/* --- snapshots ------------------------------------------------------------------------------------------------------------- */

static void test_snapshot_first(void **state)
{
    static void (*const why[])(struct scene *) = {drift, unwanted};
    static const char *const free_to_go[] = {"recreate", "prune"};
    static const char *const held[] = {"hold(recreate)/data", "hold(prune)/data"};

    for (size_t i = 0; i < N(why); i++) {
        struct scene s;
        const struct act *act;

        scene_begin(&s);
        canonical(&s);
        why[i](&s);
        act = plan(&s, free_to_go[i]);
        assert_true(act->snapshot && act->data_loss);
        s.room.bytes = 999;
        act = plan(&s, held[i]);
        assert_false(act->snapshot);
        assert_non_null(strstr(act->hold_reason, "it holds 1000 bytes, and there is room for 999"));
        assert_string_equal(act->remedy, "reconclaw apply --allow-data-loss");
        s.room = (struct snapshot_room){.why = "the disk is read-only", .bytes = 5000};
        assert_non_null(strstr(plan(&s, held[i])->hold_reason, "the disk is read-only"));
        s.room.open = true;
        s.can_save = false;
        assert_non_null(strstr(plan(&s, held[i])->hold_reason, "cannot save"));
        grant(&s);
        act = plan(&s, free_to_go[i]);
        assert_true(!act->snapshot && act->data_loss);
        s.can_save = true; /* granted or not: what can be kept is kept */
        assert_true(plan(&s, free_to_go[i])->snapshot);
        s.has_grant = false;
        s.seen.v[0].n_entries = s.seen.v[0].content_bytes = 0;
        act = plan(&s, free_to_go[i]);
        assert_true(!act->snapshot && !act->data_loss);
        s.can_save = false;
        (void)plan(&s, free_to_go[i]);
        s.seen.v[0].content_known = false; /* nobody counted: then there may be something */
        (void)plan(&s, held[i]);
        scene_end(&s);
    }
}

static void test_what_can_be_made_again_needs_none(void **state)
{
    struct scene s;
    const struct act *act;

    scene_begin(&s);
    canonical(&s);
    drift(&s);
    s.desired.v[0].can_remake = true;
    act = plan(&s, "recreate");
    assert_true(act->snapshot && act->data_loss); /* what it was made as: the only copy */
    s.records.v[0].holds_data = false;
    act = plan(&s, "recreate");
    assert_false(act->snapshot || act->data_loss);
    asked(&s);
    look(&s, MANIFEST_REMOTE_UNCHANGED, 0);
    (void)plan(&s, "recreate"); /* it has no tree to be seeded: the request says nothing */
    scene_end(&s);
}

/* --- seeds ----------------------------------------------------------------------------------------------------------------- */

static void test_badly_seeded(void **state)
{
    static const struct {
        const char *policy;
        enum on_drift on_drift;
        const char *want;
    } cases[] = {{"once", ON_DRIFT_RECREATE, "reseed"},
                 {"onChange", ON_DRIFT_RECREATE, "reseed"},
                 {"manual", ON_DRIFT_RECREATE, "report(reseed)"},
                 {"once", ON_DRIFT_REPORT, "report(reseed)"}};

    for (size_t i = 0; i < N(cases); i++) {
        struct scene s;

        scene_begin(&s);
        canonical(&s);
        set_seed(&s, cases[i].policy);
        empty(&s);
        s.desired.v[0].policy.on_drift = cases[i].on_drift;
        s.seen.v[0].state = RUN_STOPPED;
        assert_string_equal(scene_plan(&s), cases[i].want);
        assert_false(s.plan.acts[0].snapshot);
        scene_end(&s);
    }
}

static void test_half_of_one(void **state)
{
    static const struct {
        bool wanted, recorded, precreate;
        enum on_drift on_drift;
        const char *want;
    } cases[] = {{true, true, true, ON_DRIFT_RECREATE, "recreate"},
                 {true, true, false, ON_DRIFT_REPORT, "recreate"},
                 {true, false, true, ON_DRIFT_REPORT, "recreate"},
                 {true, false, false, ON_DRIFT_RECREATE, "prune"},
                 {false, true, true, ON_DRIFT_RECREATE, "prune"}};

    for (size_t i = 0; i < N(cases); i++) {
        struct scene s;

        scene_begin(&s);
        canonical(&s);
        struct field half = {.name = REMOTE_UNFINISHED, .value = "removal", .class = FIELD_RECREATE};

        empty(&s);
        s.seen.v[0].fields = fields_make(s.a, &half, 1);
        s.seen.v[0].state = RUN_STOPPED;
        s.desired.v[0].precreate = cases[i].precreate;
        s.desired.v[0].policy.on_drift = cases[i].on_drift;
        if (!cases[i].wanted)
            unwanted(&s);
        s.records.n = cases[i].recorded;
        if (strcmp(scene_plan(&s), cases[i].want) != 0)
            fail_msg("row %zu: %s", i, scene_plan(&s));
        assert_false(s.plan.acts[0].snapshot); /* it is nobody's only copy */
        scene_end(&s);
    }
}

static void test_seed_policies(void **state)
{
    static const struct {
        const char *policy;
        bool asked, look;
        enum manifest_verdict verdict;
        size_t n_lost;
        const char *approval;
        const char *want;
    } cases[] = {
        {"once", false, true, MANIFEST_REMOTE_UNCHANGED, 0, NULL, ""},
        {"manual", false, true, MANIFEST_REMOTE_UNCHANGED, 0, NULL, ""},
        {"onChange", false, false, 0, 0, NULL, ""},
        {"onChange", false, true, MANIFEST_SAME, 0, NULL, ""},
        {"onChange", false, true, MANIFEST_REMOTE_UNCHANGED, 0, NULL, "reseed"},
        {"onChange", false, true, MANIFEST_REMOTE_CHANGED, 2, NULL, "hold(reseed)/data"},
        {"onChange", false, true, MANIFEST_BOTH_CHANGED, 2, NULL, "hold(reseed)/data"},
        {"onChange", false, true, MANIFEST_BOTH_CHANGED, 2, "eeee", "hold(reseed)/data"},
        {"onChange", false, true, MANIFEST_BOTH_CHANGED, 2, "dddd", "reseed"},
        {"once", true, false, 0, 0, NULL, "hold(reseed)/unknown"},
        {"once", true, true, MANIFEST_SAME, 0, NULL, "report(reseed)"},
        {"once", true, true, MANIFEST_REMOTE_UNCHANGED, 0, NULL, "reseed"},
        {"manual", true, true, MANIFEST_REMOTE_UNCHANGED, 0, NULL, "reseed"},
        {"manual", true, true, MANIFEST_REMOTE_CHANGED, 1, NULL, "hold(reseed)/data"},
        {"manual", true, true, MANIFEST_REMOTE_CHANGED, 1, "dddd", "reseed"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        struct scene s;

        scene_begin(&s);
        canonical(&s);
        set_seed(&s, cases[i].policy);
        if (cases[i].asked)
            asked(&s);
        if (cases[i].look)
            look(&s, cases[i].verdict, cases[i].n_lost);
        if (cases[i].approval)
            approve(&s, cases[i].approval);
        assert_string_equal(scene_plan(&s), cases[i].want);
        if (strcmp(cases[i].want, "reseed") == 0)
            assert_true(s.plan.acts[0].snapshot);
        scene_end(&s);
    }
}

static void test_what_would_be_lost_is_told(void **state)
{
    BUF_AUTO text = BUF_INIT(65536);
    BUF_AUTO json = BUF_INIT(65536);
    struct scene s;
    const struct act *act;

    scene_begin(&s);
    canonical(&s);
    asked(&s);
    look(&s, MANIFEST_REMOTE_CHANGED, 1);
    act = plan(&s, "hold(reseed)/data");
    assert_string_equal(act->hold_reason, "1 change that was made there would be undone");
    assert_string_equal(act->remedy, "reconclaw approve n");
    plan_emit_text(&text, &s.plan, 0);
    assert_non_null(strstr(buf_str(&text), "would be undone:\n      + workspace/a (12 bytes)\n"));
    assert_non_null(strstr(buf_str(&text), "snapshot first"));
    plan_emit_json(&json, &s.plan);
    assert_non_null(strstr(buf_str(&json), "\"verdict\": \"remote-changed\""));
    assert_non_null(strstr(buf_str(&json), "\"snapshot\": true"));
    s.look.doubt = "connection refused";
    assert_non_null(strstr(plan(&s, "hold(reseed)/unknown")->hold_reason, "connection refused"));
    scene_end(&s);
}

/* Even an approved one waits for what holds all else. */
static void test_guards_hold_a_reseed(void **state)
{
    struct scene s;

    scene_begin(&s);
    canonical(&s);
    asked(&s);
    look(&s, MANIFEST_REMOTE_CHANGED, 1);
    approve(&s, "dddd");
    s.seen.v[0].busy = 1;
    (void)plan(&s, "hold(reseed)/busy");
    s.seen.v[0].busy = 0;
    s.desired.v[0].policy.protect = true;
    (void)plan(&s, "hold(reseed)/protect");
    scene_end(&s);
}

/* --- what is put back ------------------------------------------------------------------------------------------------------ */

static void restoring(struct scene *s)
{
    asked(s);
    s->request.snapshot = "n/1";
}
static void restore_gone(struct scene *s)
{
    restoring(s);
    s->seen.n = 0;
}
static void restore_unwanted(struct scene *s)
{
    restoring(s);
    s->desired.n = 0;
}
static void restore_busy(struct scene *s)
{
    restoring(s);
    s->seen.v[0].busy = 1;
    s->seen.v[0].busy_known = true;
}
static void restore_no_room(struct scene *s)
{
    restoring(s);
    s->room.bytes = 0;
}
static void restore_protected(struct scene *s)
{
    restoring(s);
    s->desired.v[0].policy.protect = true;
}

static void test_restore(void **state)
{
    static const struct {
        void (*set)(struct scene *s);
        const char *want;
    } rows[] = {
        {restoring, "reseed"}, /* without a look at both ends: its owner has said what it shall be */
        {restore_gone, "create"},
        {restore_unwanted, ""},
        {restore_busy, "hold(reseed)/busy"},
        {restore_no_room, "hold(reseed)/data"},
        {restore_protected, "hold(reseed)/protect"},
    };

    for (size_t i = 0; i < N(rows); i++) {
        struct scene s;
        const struct act *act;

        scene_begin(&s);
        canonical(&s);
        rows[i].set(&s);
        act = plan(&s, rows[i].want);
        if (act) {
            assert_string_equal(act->restores, "n/1");
            assert_int_equal(act->snapshot, s.seen.n > 0 && s.room.bytes > 0 && rows[i].set != restore_protected);
        }
        scene_end(&s);
    }
}

/* --- moves ----------------------------------------------------------------------------------------------------------------- */

/* Wanted on "fake:new"; recorded on "docker", and there where `there`. */
static void move_plan(struct scene *s, bool listed, bool there, bool new_listed)
{
    struct observation *seen = ARENA_ARRAY(s->a, struct observation, 2);
    struct world w = {.desired = s->desired.v,
                      .n_desired = 1,
                      .records = s->records.v,
                      .n_records = s->records.n,
                      .observations = seen,
                      .n_observations = 2,
                      .installs = &s->install,
                      .n_installs = 1,
                      .snapshots = s->room};

    s->desired.v[0].endpoint = "fake:new";
    s->records.v[0].unwanted_because = "it is wanted on fake:new";
    seen[0] = (struct observation){
        .endpoint = "docker", .ok = listed, .why = "no route to host", .can_save = true, .v = s->seen.v, .n = listed && there};
    seen[1] = (struct observation){.endpoint = "fake:new", .ok = new_listed, .why = "no route to host", .can_save = true};
    plan_compute(s->a, &w, NOW, &s->plan);
}

static void test_moves(void **state)
{
    struct scene s;
    const struct act *old, *new;

    scene_begin(&s);
    canonical(&s);
    move_plan(&s, true, true, true);
    assert_int_equal(s.plan.n_acts, 2);
    old = &s.plan.acts[0];
    new = &s.plan.acts[1];
    assert_true(old->kind == ACT_PRUNE && new->kind == ACT_CREATE);
    assert_true(old->snapshot && old->n_after == 1 && old->after[0] == 1 && new->n_after == 0);
    assert_ptr_equal(new->moves_from, &s.seen.v[0]);

    move_plan(&s, true, true, false); /* the new host cannot be reached: the old place stays */
    assert_int_equal(s.plan.n_acts, 2);
    assert_true(s.plan.acts[1].kind == ACT_HOLD && s.plan.acts[1].guard == GUARD_UNKNOWN);
    assert_true(s.plan.acts[0].kind == ACT_HOLD && s.plan.acts[0].held == ACT_PRUNE);
    assert_non_null(strstr(s.plan.acts[0].hold_reason, "it moves to fake:new"));

    move_plan(&s, false, true, true); /* the old one: the record stays, and its owner may know better */
    assert_int_equal(s.plan.n_acts, 2);
    assert_true(s.plan.acts[0].kind == ACT_HOLD && s.plan.acts[0].guard == GUARD_UNKNOWN);
    assert_string_equal(s.plan.acts[0].remedy, "reconclaw forget n");
    assert_true(s.plan.acts[1].kind == ACT_CREATE && !s.plan.acts[1].moves_from);

    move_plan(&s, true, false, true); /* gone from there: nothing to move */
    assert_true(s.plan.acts[0].kind == ACT_FORGET && s.plan.acts[1].kind == ACT_CREATE && !s.plan.acts[1].moves_from);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("a canonical workspace is removed only behind a snapshot, or by its owner's word", test_snapshot_first),
        TEST("what is gone or unwanted at a host that shows another key is not removed, unless it is itself", test_another_key),
        TEST("what can be made again needs no snapshot and no seed", test_what_can_be_made_again_needs_none),
        TEST("a root that was never filled is reseeded by policy", test_badly_seeded),
        TEST("half a seed or removal is ended, whatever drift may do, and saved by nobody", test_half_of_one),
        TEST("seed policies, verdicts and approvals", test_seed_policies),
        TEST("a held reseed names what would be undone", test_what_would_be_lost_is_told),
        TEST("other guards hold an approved reseed", test_guards_hold_a_reseed),
        TEST("a snapshot is put back behind a snapshot of what is there", test_restore),
        TEST("a move makes the new place before the old one goes", test_moves),
    };

    return cmocka_run_group_tests_name("plan seeds", tests, NULL, NULL);
}
