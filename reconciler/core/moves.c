#include "reconciler/core/moves.h"

#include "reconciler/core/decide.h"
#include "reconciler/core/seeds.h"
#include "spec/base/text.h"

#include <stdlib.h>
#include <string.h>

/* --- which units are one runtime ------------------------------------------------------------------------------------------- */

/* May be one end of a move: only what is on another host can be. */
static bool may_move(const struct unit *u)
{
    if (u->left_of != NO_UNIT)
        return false;
    if (u->kind == RUNTIME_SANDBOX)
        return seeds_only_copy(u);
    return u->d ? u->d->config_label_kind != NULL : u->r && u->r->moved_to;
}

static int compare_move(const void *x, const void *y)
{
    const struct unit *a = *(struct unit *const *)x, *b = *(struct unit *const *)y;
    int c = text_cmp(a->install, b->install);

    if (!c)
        c = (a->kind > b->kind) - (a->kind < b->kind);
    if (!c)
        c = strcmp(a->name, b->name);
    return c ? c : (a > b) - (a < b);
}

static bool is_old_place(const struct unit *u, const struct unit *to)
{
    return !u->d && u->r && (u->kind == RUNTIME_SANDBOX ? u->r->holds_data : text_eq(u->r->moved_to, to->endpoint));
}

/* Several old places: the one made last is what the new one begins with; all of them go when that is made. */
static void link_group(struct match *m, struct unit **v, size_t n)
{
    struct unit *to = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!v[i]->d || v[i]->d->want == WANT_ABSENT)
            continue;
        if (to) /* wanted at two places: nothing says which of them it moves to */
            return;
        to = v[i];
    }
    for (size_t i = 0; to && i < n; i++) {
        if (!is_old_place(v[i], to))
            continue;
        v[i]->moves_to = (size_t)(to - m->units);
        if (to->moved_from == NO_UNIT || v[i]->r->created_at_ms > m->units[to->moved_from].r->created_at_ms)
            to->moved_from = (size_t)(v[i] - m->units);
    }
}

static void each_group(struct match *m, void (*fn)(struct match *m, struct unit **v, size_t n))
{
    struct unit **v = ARENA_ARRAY(m->arena, struct unit *, m->n_units);
    size_t n = 0;

    for (size_t i = 0; i < m->n_units; i++)
        if (may_move(&m->units[i]))
            v[n++] = &m->units[i];
    if (n > 0)
        qsort(v, n, sizeof(struct unit *), compare_move);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && text_eq(v[i]->install, v[end]->install) && v[i]->kind == v[end]->kind &&
                          strcmp(v[i]->name, v[end]->name) == 0;
             end++)
            ;
        if (end - i > 1)
            fn(m, v + i, end - i);
    }
}

void moves_link(struct match *m)
{
    each_group(m, link_group);
}

/* --- one directory by two names -------------------------------------------------------------------------------------------- */

enum sameness { DIFFERENT, SAME, DOUBTFUL };

/* Ours have random ids. Another's has the number of its directory, which two machines may have given to one each: what is in them
 * must agree then, and where it does not, one that was changed between the two looks cannot be told from two. */
static enum sameness compare_trees(const struct observed *a, const struct observed *b)
{
    static const char by_number[] = "inode:";
    const char *ia, *ib;

    if (!a || !b)
        return DIFFERENT;
    if (!text_has_prefix(a->id, by_number) || !text_has_prefix(b->id, by_number))
        return text_eq(a->id, b->id) ? SAME : DIFFERENT;
    ia = strrchr(a->id, ':'); /* the device may have another number on another machine */
    ib = strrchr(b->id, ':');
    if (!text_eq(ia, ib))
        return DIFFERENT;
    return a->content_known && b->content_known && a->n_entries == b->n_entries && a->content_bytes == b->content_bytes &&
                   a->changed_at_ms == b->changed_at_ms
               ? SAME
               : DOUBTFUL;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------ */

static bool is_guess(const struct record *r)
{
    const struct node *guessed = node_get(r->backend_target, "guessed");

    return node_is(guessed, NODE_BOOL) && guessed->b;
}

static const char *forget_it(struct match *m, const struct unit *u)
{
    return arena_printf(m->arena, "reconclaw forget %s", u->name);
}

/* A tree of the same host, at a root where it is not wanted any more. */
static void decide_left(struct match *m, struct unit *u)
{
    const struct unit *to = &m->units[u->left_of];
    const char *wanted = to->d ? node_str(node_get(to->d->create, "root")) : NULL;

    struct act *act;

    if (!to->o || to->unknown || !text_eq(to->o->root, wanted) || to->o->state != RUN_RUNNING)
        return;
    act = unit_add(m, u, ACT_PRUNE, "it has moved to %s", wanted);
    act->row_stays = act->leaves_root = true;
}

void moves_decide_old(struct match *m, struct unit *u)
{
    const struct unit *to = u->moves_to == NO_UNIT ? NULL : &m->units[u->moves_to];
    const char *reason;
    struct act *act;

    if (u->left_of != NO_UNIT) {
        decide_left(m, u);
        return;
    }
    reason = u->r->unwanted_because; /* only what is recorded moves */
    if (!reason)
        reason = arena_printf(m->arena, "it is wanted on %s now", u->r->moved_to);
    switch (u->o && to ? compare_trees(u->o, to->o) : DIFFERENT) {
    case SAME: /* nothing moves, and nothing goes: but the name under which it is known */
        unit_add(m, u, ACT_FORGET, "%s, which leads to the same directory", reason)->row_stays = true;
        return;
    case DOUBTFUL:
        act = unit_add(m, u, ACT_PRUNE, "%s", reason);
        act_hold(m, act, GUARD_UNKNOWN, TIME_NONE,
                 arena_printf(m->arena, "whether it is the directory that %s shows cannot be told", to->endpoint));
        act->remedy = forget_it(m, u);
        return;
    case DIFFERENT:
        break;
    }
    if (u->o) {
        unit_add(m, u, ACT_PRUNE, "%s", reason);
    } else {
        act = unit_add(m, u, ACT_FORGET, "%s, and it is gone", reason);
        act->needs_look = !u->absent && u->taken == TAKEN_NO;
        if (is_guess(u->r)) {
            act->needs_look = false;
            act_hold(m, act, GUARD_UNKNOWN, TIME_NONE,
                     arena_printf(m->arena, "where it was made on %s is not known, and it is not where it would be made today",
                                  u->endpoint));
            act->remedy = forget_it(m, u);
        }
    }
}

bool moves_decide_new(struct match *m, struct unit *u)
{
    const struct unit *from = u->moved_from == NO_UNIT ? NULL : &m->units[u->moved_from];
    struct act *act;

    if (!from || u->o || u->r || u->kind == RUNTIME_SANDBOX)
        return false;
    if (from->o) {
        unit_add(m, u, ACT_CREATE, "it moves here from %s", from->endpoint);
        return true;
    }
    if (!from->site->known || from->unknown) {
        act = unit_add(m, u, ACT_CREATE, "it is wanted here, and recorded on %s", from->endpoint);
        act_hold(m, act, GUARD_UNKNOWN, TIME_NONE,
                 arena_printf(m->arena, "what it holds is on %s, which cannot be asked: %s", from->endpoint,
                              from->site->known ? from->unknown : from->site->why));
        act->remedy = forget_it(m, u);
        return true;
    }
    if (is_guess(from->r) || (!u->d->precreate && from->policy->ghosts != GHOSTS_RECREATE))
        return true;
    unit_add(m, u, ACT_CREATE, "it is recorded on %s, and gone", from->endpoint);
    return true;
}

bool moves_is_unplaced(const struct unit *u)
{
    const char *root = u->r ? node_str(node_get(u->r->backend_target, "root")) : NULL;

    return u->d && u->r && u->o && !u->r->creating && !u->d->can_remake && u->o->root && u->o->state == RUN_RUNNING &&
           text_eq(u->o->root, node_str(node_get(u->d->create, "root"))) && !text_eq(root, u->o->root);
}

/* --- order ----------------------------------------------------------------------------------------------------------------- */

static struct act *find_act(const struct unit *u, enum act_kind kind)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (u->acts[i]->kind == kind || (u->acts[i]->kind == ACT_HOLD && u->acts[i]->held == kind))
            return u->acts[i];
    return NULL;
}

/* The act that makes it at its new place, or takes what is there for it; held or not. */
static struct act *arrival(const struct unit *to)
{
    if (!to->o)
        return find_act(to, ACT_CREATE);
    return to->r ? NULL : find_act(to, ACT_ADOPT);
}

bool moves_hands_over(const struct match *m, const struct unit *u)
{
    const struct unit *to = u->moves_to == NO_UNIT ? NULL : &m->units[u->moves_to];
    const struct act *act = to ? arrival(to) : NULL;

    return u->kind != RUNTIME_SANDBOX && to && (to->r || (act && act->moves_rec));
}

/* The old place, while the new one is not made. */
static void hold_old(struct match *m, const struct unit *to, struct act *prune, const struct act *make)
{
    if (make)
        act_hold(m, prune, make->guard, make->until_ms,
                 arena_printf(m->arena, "it moves to %s, where its creation waits: %s", to->endpoint, make->hold_reason));
    else
        act_hold(m, prune, GUARD_UNKNOWN, TIME_NONE,
                 arena_printf(m->arena, "it moves to %s, and nothing is made there", to->endpoint));
}

static void order_old(struct match *m, struct unit *u, struct unit *to, struct act *make)
{
    struct act *prune = u->o ? find_act(u, ACT_PRUNE) : NULL, *forget = find_act(u, ACT_FORGET);
    bool is_sandbox = u->kind == RUNTIME_SANDBOX;

    if (forget && forget->row_stays && make && make->kind != ACT_HOLD)
        u->after_move = (size_t)(to - m->units);
    if (!prune)
        return;
    if (prune->kind != ACT_PRUNE) {
        /* What is in use there, and still changes, is in no snapshot that could be moved. */
        if (!is_sandbox && make && make->kind == ACT_CREATE)
            act_hold(m, make, prune->guard, prune->until_ms,
                     arena_printf(m->arena, "it moves here from %s, whose removal waits: %s", u->endpoint, prune->hold_reason));
    } else if (make && make->kind != ACT_HOLD) {
        u->after_move = (size_t)(to - m->units);
    } else if (make || (!to->r && !to->o)) {
        hold_old(m, to, prune, make);
    }
    prune->row_stays = prune->row_stays || (!is_sandbox && (make || to->r));
}

static void order_group(struct match *m, struct unit **v, size_t n)
{
    struct unit *to = NULL;
    const struct unit *from;
    struct act *make;

    for (size_t i = 0; i < n && !to; i++)
        to = v[i]->moved_from == NO_UNIT ? NULL : v[i];
    if (!to || to->taken == TAKEN_OURS) /* what takes its place may be on its way to another itself */
        return;
    from = &m->units[to->moved_from];
    make = arrival(to);
    for (size_t i = 0; i < n; i++)
        if (v[i]->moves_to == (size_t)(to - m->units))
            order_old(m, v[i], to, make);
    if (!make)
        return;
    if (!to->o && from->o)
        make->moves_from = from->o;
    if (from->o || find_act(from, ACT_PRUNE))
        make->moves_rec = from->r;
}

void moves_order(struct match *m)
{
    each_group(m, order_group);
}
