#include "reconciler/core/seeds.h"

#include "reconciler/core/decide.h"
#include "spec/base/text.h"
#include "spec/remote.h"

#include <stdlib.h>
#include <string.h>

bool seeds_only_copy(const struct unit *u)
{
    return u->d ? !u->d->can_remake : u->r && u->r->holds_data;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------ */

static const char *seed_policy(const struct unit *u)
{
    const char *policy = node_str(node_path(u->d->create, "seed", "policy", NULL));

    return policy ? policy : "once";
}

/* By what was seen at both ends; without that it waits until somebody looks. */
static void add_reseed(struct match *m, struct unit *u, const char *reason)
{
    struct act *act = unit_add(m, u, ACT_RESEED, "%s", reason);

    act->seed = u->seed;
    if (!u->seed || u->seed->doubt)
        act_hold(m, act, GUARD_UNKNOWN, TIME_NONE,
                 arena_printf(m->arena, "what it holds could not be compared with what it would be seeded with%s%s",
                              u->seed ? ": " : "", u->seed ? u->seed->doubt : ""));
}

bool seeds_decide_asked(struct match *m, struct unit *u)
{
    if (u->d->can_remake)
        return false;
    if (u->o->content_known && u->o->n_entries == 0)
        unit_add(m, u, ACT_RESEED, "it was asked for");
    else if (u->seed && !u->seed->doubt && u->seed->verdict == MANIFEST_SAME)
        unit_add(m, u, ACT_REPORT, "a reseed was asked for, and it holds just what it would be seeded with")->held = ACT_RESEED;
    else
        add_reseed(m, u, "it was asked for");
    return true;
}

bool seeds_decide_empty(struct match *m, struct unit *u)
{
    static const char reason[] = "its directory is there and was never filled: a seed of it failed";

    if (u->d->can_remake || !u->o->content_known || u->o->n_entries > 0 ||
        !text_eq(fields_get(u->o->fields, REMOTE_SEED_STATE), REMOTE_SEED_EMPTY))
        return false;
    if (strcmp(seed_policy(u), "manual") == 0 || u->policy->on_drift == ON_DRIFT_REPORT)
        unit_add(m, u, ACT_REPORT, "%s", reason)->held = ACT_RESEED;
    else
        unit_add(m, u, ACT_RESEED, "%s", reason);
    return true;
}

bool seeds_decide_changed(struct match *m, struct unit *u)
{
    if (u->d->can_remake || !u->seed || strcmp(seed_policy(u), "onChange") != 0)
        return false;
    if (!u->seed->doubt && u->seed->verdict == MANIFEST_SAME)
        return false;
    add_reseed(m, u, "what it was seeded from has changed");
    return true;
}

/* --- guards ---------------------------------------------------------------------------------------------------------------- */

const char *seeds_no_snapshot(struct match *m, const struct unit *u)
{
    const struct snapshot_room *room = &m->world->snapshots;

    if (!u->site->can_save)
        return "its backend cannot save what it holds";
    if (!room->open)
        return room->why ? room->why : "this version keeps none";
    /* Compressed it takes less, by how much nobody knows before. */
    if (u->o->content_known && u->o->content_bytes > room->bytes)
        return arena_printf(m->arena, "it holds %llu bytes, and there is room for %llu", (unsigned long long)u->o->content_bytes,
                            (unsigned long long)room->bytes);
    return NULL;
}

bool seeds_is_approved(const struct match *m, const struct unit *u)
{
    const struct world *w = m->world;

    if (u->seed->n_lost == 0)
        return true;
    for (size_t i = 0; u->seed->digest && i < w->n_approvals; i++) {
        const struct approval *p = &w->approvals[i];

        if (text_eq(p->endpoint, u->endpoint) && text_eq(p->name, u->name) && text_eq(p->digest, u->seed->digest))
            return true;
    }
    return false;
}

/* --- moves ----------------------------------------------------------------------------------------------------------------- */

static int compare_move(const void *x, const void *y)
{
    const struct unit *a = *(struct unit *const *)x, *b = *(struct unit *const *)y;
    int c = text_cmp(a->install, b->install);

    if (!c)
        c = strcmp(a->name, b->name);
    return c ? c : (a > b) - (a < b);
}

static struct act *find_act(const struct unit *u, enum act_kind kind)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (u->acts[i]->kind == kind || (u->acts[i]->kind == ACT_HOLD && u->acts[i]->held == kind))
            return u->acts[i];
    return NULL;
}

/* Several old places: the one used last is what the new one begins with; all of them go when that is made. */
static void move(struct match *m, struct unit **v, size_t n)
{
    struct unit *to = NULL;
    struct act *make = NULL;
    const struct unit *from = NULL;

    for (size_t i = 0; i < n; i++) {
        struct act *act = v[i]->d && v[i]->d->want != WANT_ABSENT && !v[i]->o ? find_act(v[i], ACT_CREATE) : NULL;

        if (!act)
            continue;
        if (to) /* wanted at two places: nothing says which of them it moves to */
            return;
        to = v[i];
        make = act;
    }
    if (!to || to->taken != TAKEN_NO)
        return;
    for (size_t i = 0; i < n; i++) {
        struct act *prune = v[i]->d || !v[i]->o || !v[i]->r || !v[i]->r->holds_data ? NULL : find_act(v[i], ACT_PRUNE);

        if (!prune)
            continue;
        if (!from || v[i]->r->created_at_ms > from->r->created_at_ms)
            from = v[i];
        if (prune->kind != ACT_PRUNE)
            continue;
        if (make->kind == ACT_HOLD)
            act_hold(m, prune, make->guard, make->until_ms,
                     arena_printf(m->arena, "it moves to %s, where its creation waits: %s", to->endpoint, make->hold_reason));
        else
            v[i]->after_move = (size_t)(to - m->units);
    }
    if (from)
        make->moves_from = from->o;
}

void seeds_order_moves(struct match *m)
{
    struct unit **v = ARENA_ARRAY(m->arena, struct unit *, m->n_units);
    size_t n = 0;

    for (size_t i = 0; i < m->n_units; i++)
        if (m->units[i].kind == RUNTIME_SANDBOX && seeds_only_copy(&m->units[i]))
            v[n++] = &m->units[i];
    qsort(v, n, sizeof(struct unit *), compare_move);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && text_eq(v[i]->install, v[end]->install) && strcmp(v[i]->name, v[end]->name) == 0; end++)
            ;
        if (end - i > 1)
            move(m, v + i, end - i);
    }
}
