#include "reconciler/core/decide.h"

#include "reconciler/core/drift.h"
#include "reconciler/core/moves.h"
#include "reconciler/core/seeds.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/remote.h"

#include <string.h>

/* --- making acts ----------------------------------------------------------------------------------------------------------- */

struct act *unit_add(struct match *m, struct unit *u, enum act_kind kind, const char *fmt, ...)
{
    struct act *act = ARENA_NEW(m->arena, struct act);
    va_list ap;

    *act = (struct act){.kind = kind,
                        .until_ms = TIME_NONE,
                        .endpoint = u->endpoint,
                        .name = u->name,
                        .install = u->install,
                        .runtime = u->kind,
                        .want = u->d,
                        .rec = u->r,
                        .obs = u->o,
                        .superseded = !u->d && u->r && u->r->unwanted_because &&
                                      text_has_prefix(u->r->unwanted_because, RECORD_SUPERSEDED)};
    va_start(ap, fmt);
    act->reason = arena_vprintf(m->arena, fmt, ap);
    va_end(ap);
    u->acts[u->n_acts++] = act;
    return act;
}

void act_hold(struct match *m, struct act *act, enum guard guard, int64_t until_ms, const char *hold_reason)
{
    act->held = act->kind;
    act->kind = ACT_HOLD;
    act->guard = guard;
    act->until_ms = until_ms;
    act->hold_reason = hold_reason;
    if (until_ms != TIME_NONE)
        match_due(m, until_ms);
}

bool act_kind_removes(enum act_kind kind)
{
    return kind == ACT_PRUNE || kind == ACT_FORGET;
}

const struct act *unit_removal(const struct unit *u)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (act_kind_removes(u->acts[i]->kind))
            return u->acts[i];
    return NULL;
}

char *span_text(struct arena *a, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    const size_t n = sizeof units / sizeof *units;

    for (size_t i = 0; i < n; i++) {
        int64_t big = ms / units[i].ms, small = i + 1 < n ? ms % units[i].ms / units[i + 1].ms : 0;

        if (big <= 0)
            continue;
        if (small)
            return arena_printf(a, "%lld%s%lld%s", (long long)big, units[i].unit, (long long)small, units[i + 1].unit);
        return arena_printf(a, "%lld%s", (long long)big, units[i].unit);
    }
    return arena_printf(a, "%lldms", (long long)(ms > 0 ? ms : 0));
}

/* --- rows that know too little --------------------------------------------------------------------------------------------- */

/* What the record alone shows to be due; ACT_REPORT: nothing. */
static enum act_kind due_by_record(const struct unit *u, const char **ret_reason)
{
    const struct desired *d = u->d;
    const struct record *r = u->r;

    if (!d && r && (r->unwanted_because || r->creating)) {
        *ret_reason = r->unwanted_because ? r->unwanted_because : "its creation was begun, and nothing wants it any more";
        return ACT_PRUNE;
    }
    if (!d && r && r->moved_to) {
        *ret_reason = "it is wanted elsewhere";
        return ACT_PRUNE;
    }
    if (!d)
        return ACT_REPORT;
    if (d->want == WANT_ABSENT) {
        *ret_reason = "it is wanted absent";
        return r ? ACT_PRUNE : ACT_REPORT;
    }
    if (!r || r->creating) {
        *ret_reason = "it is wanted, and not recorded";
        return d->precreate || r || (u->moved_from != NO_UNIT && u->kind != RUNTIME_SANDBOX) ? ACT_CREATE : ACT_REPORT;
    }
    if (r->config_hash && d->config_hash && !d->hash_uncertain && strcmp(r->config_hash, d->config_hash) != 0) {
        *ret_reason = "configHash changed";
        return d->policy.on_drift == ON_DRIFT_REPORT ? ACT_REPORT : ACT_RECREATE;
    }
    return ACT_REPORT;
}

static void decide_unknown(struct match *m, struct unit *u)
{
    const char *reason = "whether anything is due cannot be told";
    enum act_kind due = due_by_record(u, &reason);
    struct act *act;

    if (u->site->known && !u->d && !u->r)
        return;
    if (!u->site->known && due == ACT_REPORT)
        return;
    act = unit_add(m, u, due, "%s", reason);
    act_hold(m, act, GUARD_UNKNOWN, TIME_NONE,
             u->site->known ? u->unknown : arena_printf(m->arena, "endpoint %s is unknown: %s", u->endpoint, u->site->why));
    act->remedy = u->site->known ? NULL : u->site->remedy;
    if (!u->site->known && seeds_only_copy(u) && act_kind_removes(due)) /* the owner may know that its host is no more */
        act->remedy = arena_printf(m->arena, "reconclaw forget %s", u->name);
}

static void decide_clash(struct match *m, struct unit *u)
{
    struct act *act;

    if (!u->d && !u->r)
        return;
    act = unit_add(m, u, u->d && u->d->want != WANT_ABSENT ? ACT_CREATE : ACT_PRUNE, "%s",
                   u->d ? "it is wanted" : "it is recorded");
    act_hold(m, act, GUARD_CLASH, TIME_NONE, u->clash);
}

/* --- rows of what is not there --------------------------------------------------------------------------------------------- */

static void add_create(struct match *m, struct unit *u, const char *reason)
{
    struct act *act = unit_add(m, u, ACT_CREATE, "%s", reason);

    act->needs_look = u->r && !u->absent;
}

static void add_forget(struct match *m, struct unit *u, const char *reason)
{
    struct act *act = unit_add(m, u, ACT_FORGET, "%s, and it is gone", reason);

    act->needs_look = !u->absent && u->taken == TAKEN_NO;
}

static void decide_ghost(struct match *m, struct unit *u)
{
    if (u->d->precreate || u->r->creating) {
        add_create(m, u, u->r->creating ? "its creation was not seen to end" : "it is recorded, and gone");
        return;
    }
    switch (u->policy->ghosts) {
    case GHOSTS_FORGET:
    case GHOSTS_COUNT:
        add_forget(m, u, "it is recorded");
        break;
    case GHOSTS_RECREATE:
        add_create(m, u, "it is recorded, and gone");
        break;
    case GHOSTS_REPORT:
        unit_add(m, u, ACT_REPORT, "it is recorded, and gone")->held = ACT_FORGET;
        break;
    }
}

/* --- rows of time ---------------------------------------------------------------------------------------------------------- */

/* Strictly longer than limit ago, as OpenClaw 2026.5.3; 0 is never, and so is a time that is not known. */
static bool passed(struct match *m, int64_t since_ms, int64_t limit_ms)
{
    int64_t due;

    if (since_ms == TIME_NONE || limit_ms <= 0)
        return false;
    due = num_add_i64(num_add_i64(since_ms, limit_ms), 1);
    match_due(m, due);
    return m->now_ms >= due;
}

/* true: an act was given. */
static bool decide_age(struct match *m, struct unit *u)
{
    const struct desired *d = u->d;
    const char *reason;
    int64_t created = u->r->created_at_ms;

    if (u->r->creating && u->o && u->o->created_at_ms != TIME_NONE) /* the record tells of the one before */
        created = u->o->created_at_ms;
    if (passed(m, created, d->max_age_ms)) {
        reason = arena_printf(m->arena, "it is %s old, over its maximum age", span_text(m->arena, m->now_ms - created));
        if (d->precreate) {
            if (u->o)
                unit_add(m, u, ACT_RECREATE, "%s", reason);
            return u->o;
        }
    } else if (!d->precreate && passed(m, u->r->last_used_at_ms, d->idle_ms)) {
        reason = arena_printf(m->arena, "it was not used for %s", span_text(m->arena, m->now_ms - u->r->last_used_at_ms));
    } else {
        return false;
    }
    if (u->o)
        unit_add(m, u, ACT_PRUNE, "%s", reason);
    else
        add_forget(m, u, reason);
    return true;
}

/* --- rows of what is there ------------------------------------------------------------------------------------------------- */

/* true: the runtime is taken care of, also as to whether it runs. */
static bool decide_drift(struct match *m, struct unit *u)
{
    bool as_wanted = (u->o->state == RUN_RUNNING) == (u->d->want == WANT_RUNNING);
    enum act_kind kind = ACT_PATCH;
    struct drift drift;
    struct act *act;

    drift_find(m, u, &drift);
    if (drift.class == FIELD_NONE && !drift.image_report)
        return false;
    if (drift.class == FIELD_RECREATE || drift.class == FIELD_NONE)
        kind = u->policy->on_drift == ON_DRIFT_REMOVE && !u->d->precreate && !u->being_made ? ACT_PRUNE : ACT_RECREATE;
    if (u->policy->on_drift == ON_DRIFT_REPORT || drift.class == FIELD_NONE) {
        act = unit_add(m, u, ACT_REPORT, "%s",
                       drift.class == FIELD_NONE ? "the image is newer than the runtime" : drift_reason(m->arena, &drift));
        act->held = kind;
    } else {
        act = unit_add(m, u, kind, "%s", drift_reason(m->arena, &drift));
    }
    act->changes = drift.changes;
    act->n_changes = drift.n_changes;
    act->relocates = act->kind == ACT_RECREATE && seeds_only_copy(u) && u->o->root &&
                     !text_eq(u->o->root, node_str(node_get(u->d->create, "root")));
    act->restart = kind == ACT_PATCH && (drift.class == FIELD_RESTART || !as_wanted);
    return act->kind != ACT_REPORT;
}

static bool decide_unfinished(struct match *m, struct unit *u)
{
    const struct record *r = u->r;
    const char *half = fields_get(u->o->fields, REMOTE_UNFINISHED);
    struct act *act;
    int64_t created;

    if (half) {
        unit_add(m, u, r || u->d->precreate ? ACT_RECREATE : ACT_PRUNE, "its %s was not seen to end", half);
        return true;
    }
    if (!r || !u->d->setup) /* a setup that is no longer wanted shows in the hash */
        return false;
    if (u->being_made) {
        unit_add(m, u, ACT_RECREATE, "its creation was not seen to end, and its setup may be half done");
        return true;
    }
    if (!r->setup_failed)
        return false;
    act = unit_add(m, u, ACT_RECREATE, "its setup failed");
    created = r->created_at_ms != TIME_NONE ? r->created_at_ms : u->o->created_at_ms;
    if (created != TIME_NONE && text_eq(r->config_hash, u->d->config_hash)) {
        int64_t due = num_add_i64(created, PLAN_SETUP_RETRY_MS);

        if (m->now_ms < due)
            act_hold(m, act, GUARD_SETUP, due, "its setup failed, and nothing of it was changed since");
    }
    return true;
}

static void decide_run_state(struct match *m, struct unit *u)
{
    if (u->d->want == WANT_RUNNING && u->o->state == RUN_STOPPED)
        unit_add(m, u, ACT_START, "it is stopped");
    else if (u->d->want == WANT_STOPPED && u->o->state == RUN_RUNNING)
        unit_add(m, u, ACT_STOP, "it is running, and wanted stopped");
}

static void decide_orphan(struct match *m, struct unit *u)
{
    const char *reason = "nothing wants it, and it is not recorded";

    switch (u->policy->orphans) {
    case ORPHANS_REPORT:
    case ORPHANS_COUNT:
        unit_add(m, u, ACT_REPORT, "%s", reason)->held = ACT_PRUNE;
        break;
    case ORPHANS_PRUNE:
        unit_add(m, u, ACT_PRUNE, "%s", reason);
        break;
    case ORPHANS_ADOPT:
        unit_add(m, u, ACT_ADOPT, "%s", reason);
        break;
    }
}

/* --- the table ------------------------------------------------------------------------------------------------------------- */

/* true: the row of a request fits. */
static bool decide_request(struct match *m, struct unit *u)
{
    enum act_kind kind;

    if (!u->request)
        return false;
    kind = u->request->kind;
    if (kind == ACT_PRUNE && u->d && u->d->precreate && u->d->want != WANT_ABSENT)
        kind = ACT_RECREATE;
    if (kind == ACT_RECREATE && u->in && u->in->release_unknown)
        kind = ACT_PRUNE;
    if (kind == ACT_PRUNE && !u->o && u->r) {
        add_forget(m, u, "its removal was asked for");
        return true;
    }
    if (kind == ACT_RESEED && u->request->snapshot && !u->o && u->d && u->d->want != WANT_ABSENT && !u->d->can_remake) {
        add_create(m, u, arena_printf(m->arena, "snapshot %s is put back", u->request->snapshot));
        u->acts[u->n_acts - 1]->restores = u->request->snapshot;
        return true;
    }
    if (!u->o || (kind != ACT_PRUNE && (!u->d || u->d->want == WANT_ABSENT)))
        return false;
    if (kind == ACT_RESEED)
        return seeds_decide_asked(m, u);
    if (kind != ACT_PRUNE && kind != ACT_RECREATE)
        return false;
    unit_add(m, u, kind, "it was asked for");
    return true;
}

static void decide_unwanted(struct match *m, struct unit *u, const char *reason)
{
    if (u->o)
        unit_add(m, u, ACT_PRUNE, "%s", reason);
    else if (u->r)
        add_forget(m, u, reason);
}

static void decide_wanted(struct match *m, struct unit *u)
{
    if (u->r && decide_age(m, u))
        return;
    if (!u->o) {
        if (moves_decide_new(m, u))
            return;
        if (u->r)
            decide_ghost(m, u);
        else if (u->d->precreate)
            add_create(m, u, "it is wanted, and not there");
        return;
    }
    if (!decide_unfinished(m, u) && !seeds_decide_empty(m, u) && !decide_drift(m, u) && !seeds_decide_changed(m, u))
        decide_run_state(m, u);
}

static void decide_name_taken(struct match *m, struct unit *u)
{
    static const char *const by[] = {
        [TAKEN_NO] = "",
        [TAKEN_FOREIGN] = "its name is taken by a runtime that is not ours",
        [TAKEN_INSTALL] = "its name is taken by a runtime of another install",
        [TAKEN_SCOPE] = "its name is taken by the runtime of another scope, whose name came out the same",
        [TAKEN_OURS] = "",
    };

    if (u->taken == TAKEN_NO || u->taken == TAKEN_OURS) /* ours: order.c sees whether it goes */
        return;
    for (size_t i = 0; i < u->n_acts; i++)
        if (u->acts[i]->kind == ACT_CREATE || u->acts[i]->kind == ACT_FORGET)
            act_hold(m, u->acts[i], u->taken == TAKEN_SCOPE ? GUARD_CLASH : GUARD_FOREIGN, TIME_NONE, by[u->taken]);
}

void decide_unit(struct match *m, struct unit *u)
{
    if (u->clash)
        decide_clash(m, u);
    else if (!u->site->known || u->unknown)
        decide_unknown(m, u);
    else if (decide_request(m, u))
        ;
    else if (u->d && u->d->want == WANT_ABSENT)
        decide_unwanted(m, u, "it is wanted absent");
    else if (u->d)
        decide_wanted(m, u);
    else if (u->left_of != NO_UNIT || u->moves_to != NO_UNIT || (u->r && u->r->moved_to))
        moves_decide_old(m, u);
    else if (u->r && u->r->unwanted_because)
        decide_unwanted(m, u, u->r->unwanted_because);
    else if (u->being_made)
        decide_unwanted(m, u, "its creation was begun, and nothing wants it any more");
    else if (!u->r && u->o)
        decide_orphan(m, u);
    decide_name_taken(m, u);
}
