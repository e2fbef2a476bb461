#include "reconciler/kept.h"

#include "reconciler/approvals.h"
#include "reconciler/pauses.h"
#include "reconciler/remember.h"
#include "reconciler/stuck.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"
#include "state/snapshots.h"
#include "state/turns.h"

#include <string.h>

/* What endpoints that are no part of this load showed is kept for the round that has them again. */
static int put_last_seen(struct round *r, struct home *home, struct err *e)
{
    VEC(struct last_seen) last = {0}, elsewhere = {0};
    char *bytes = NULL;
    size_t n;
    const struct node *o;

    if (home && home_get(home, r->a, REMEMBER_SEEN_KEY, &bytes, &n, e) < 0)
        return -1;
    o = bytes ? json_read_err(r->a, REMEMBER_SEEN_KEY, bytes, n, e) : NULL;
    for (size_t i = 0; node_is(o, NODE_OBJECT) && i < o->n_members; i++) {
        const struct last_seen one = {.endpoint = o->members[i].key, .n = (size_t)o->members[i].value->num};
        bool looked_at = false;

        if (!node_is(o->members[i].value, NODE_NUMBER))
            continue;
        for (size_t k = 0; k < r->n_looks && !looked_at; k++)
            looked_at = strcmp(r->looks[k].endpoint, one.endpoint) == 0;
        if (looked_at)
            VEC_PUSH(r->a, &last, one);
        else
            VEC_PUSH(r->a, &elsewhere, one);
    }
    r->world.last = last.v;
    r->world.n_last = last.n;
    r->elsewhere = elsewhere.v;
    r->n_elsewhere = elsewhere.n;
    return 0;
}

/* Turns count only against what is wanted now: an owner who edits a spec begins anew. */
static int put_turns(struct round *r, struct home *home, struct err *e)
{
    struct turns *v = NULL;
    size_t n = 0;
    VEC(struct turn) kept = {0};

    if (home && turns_read(home, r->a, r->now_ms, &v, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct desired *d = round_find_desired(r->desired, r->n_desired, v[i].endpoint, v[i].runtime, v[i].kind);
        const char *want = d ? round_want(r->a, r, d) : "";

        if (text_eq(want, v[i].want))
            VEC_PUSH(r->a, &kept,
                     ((struct turn){.endpoint = v[i].endpoint, .name = v[i].runtime, .n = v[i].n, .last_ms = v[i].last_ms}));
    }
    r->world.turns = kept.v;
    r->world.n_turns = kept.n;
    return 0;
}

/* What the owner allowed, and what was allowed before and is still under way. */
static int put_grants(struct round *r, const struct round_conf *conf, struct err *e)
{
    struct grant *all;

    if (stuck_read(conf->store->home, r->a, &r->stuck, &r->n_stuck, e) < 0)
        return -1;
    all = ARENA_ARRAY(r->a, struct grant, conf->n_grants + r->n_stuck);
    for (size_t i = 0; i < conf->n_grants; i++)
        all[i] = conf->grants[i];
    for (size_t i = 0; i < r->n_stuck; i++)
        all[conf->n_grants + i] = r->stuck[i];
    r->world.grants = all;
    r->world.n_grants = conf->n_grants + r->n_stuck;
    return 0;
}

/* What somebody else has taken out of the quarantine, or deleted, does not count there any more. */
static void put_leftovers(struct round *r)
{
    VEC(struct leftover) there = {0};

    for (size_t i = 0; i < r->leftovers.n; i++)
        if (!r->leftovers.v[i].gone)
            VEC_PUSH(r->a, &there, r->leftovers.v[i]);
    r->world.leftovers = there.v;
    r->world.n_leftovers = there.n;
}

/* Where there is no home yet, there will be one when something is done. */
static struct snapshot_room room_of(struct arena *a, struct home *home)
{
    struct snapshot_room room = {.open = true, .bytes = UINT64_MAX};
    struct err e = {0};

    if (home && snapshots_free(home, &room.bytes, &e) < 0)
        room = (struct snapshot_room){.why = arena_strdup(a, e.msg)};
    return room;
}

int kept_put(struct round *r, const struct round_conf *conf, struct err *e)
{
    struct home *home = conf->store->home;
    struct approval *approvals;
    struct pause *pauses;

    put_leftovers(r);
    if (put_grants(r, conf, e) < 0)
        return -1;
    r->world.snapshots = room_of(r->a, home);
    if (pauses_read(home, r->a, r->now_ms, &pauses, &r->world.n_pauses, e) < 0)
        return -1;
    r->world.pauses = pauses;
    if (approvals_read(home, r->a, &approvals, &r->world.n_approvals, e) < 0)
        return -1;
    r->world.approvals = approvals;
    return put_last_seen(r, home, e) < 0 || put_turns(r, home, e) < 0 ? -1 : 0;
}
