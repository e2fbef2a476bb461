#include "reconciler/core/seeds.h"

#include "reconciler/core/decide.h"
#include "spec/base/text.h"
#include "spec/remote.h"

#include <stdlib.h>
#include <string.h>

bool seeds_only_copy(const struct unit *u)
{
    return (u->d && !u->d->can_remake) || (u->r && u->r->holds_data);
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
    if (u->request->snapshot)
        unit_add(m, u, ACT_RESEED, "snapshot %s is put back", u->request->snapshot)->restores = u->request->snapshot;
    else if (u->o->content_known && u->o->n_entries == 0)
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
