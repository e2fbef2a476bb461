#include "reconciler/core/leftovers.h"

#include "reconciler/core/decide.h"
#include "reconciler/core/guards.h"
#include "reconciler/core/index.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

enum use_by { USE_WANTED, USE_RECORDED, USE_MOUNTED, USE_OTHER };

struct use {
    const char *path, *who;
    const char *endpoint, *name; /* NULL: no runtime */
    enum use_by by;
};

struct leaving {
    struct match *m;
    struct arena *a;
    struct index ix;
    struct leftover *left; /* oldest first */
    size_t n_left;
    VEC(struct use) uses;
    const char *unknown; /* why it cannot be told who uses what; NULL: it can */
};

/* --- who uses what --------------------------------------------------------------------------------------------------------- */

static void add_use(struct leaving *l, enum use_by by, const char *path, const char *endpoint, const char *name, const char *who)
{
    if (path && *path == '/')
        VEC_PUSH(l->a, &l->uses, ((struct use){.path = path, .who = who, .endpoint = endpoint, .name = name, .by = by}));
}

/* "/src:/dst:ro". A path with a colon in it is no bind source. */
static const char *bind_source(struct arena *a, const struct node *bind)
{
    const char *s = node_str(bind), *colon = s ? strchr(s, ':') : NULL;

    return colon ? arena_memdup0(a, s, (size_t)(colon - s)) : s;
}

static void add_desired(struct leaving *l, const struct desired *d)
{
    const struct node *binds = node_path(d->create, "HostConfig", "Binds", NULL);
    const char *const dirs[] = {d->workspace_dir, d->agent_workspace_dir, d->skills_dir};
    const char *who;

    if (d->want == WANT_ABSENT)
        return;
    who = arena_printf(l->a, "%s/%s, which is wanted", d->endpoint, d->name);
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        add_use(l, USE_WANTED, dirs[i], d->endpoint, d->name, who);
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++)
        add_use(l, USE_WANTED, bind_source(l->a, binds->items[i]), d->endpoint, d->name, who);
}

static void add_record(struct leaving *l, const struct record *r)
{
    const char *who = arena_printf(l->a, "%s/%s", r->endpoint, r->name);

    add_use(l, USE_RECORDED, r->workspace_dir, r->endpoint, r->name, who);
    for (size_t i = 0; i < r->n_dirs; i++)
        add_use(l, USE_RECORDED, r->dirs[i].real, r->endpoint, r->name, who);
}

static int compare_use(const void *x, const void *y)
{
    const struct use *a = x, *b = y;
    int c = strcmp(a->path, b->path);

    if (!c)
        c = (int)a->by - (int)b->by;
    if (!c)
        c = text_cmp(a->endpoint, b->endpoint);
    if (!c)
        c = text_cmp(a->name, b->name);
    return c ? c : text_cmp(a->who, b->who);
}

static void collect(struct leaving *l)
{
    const struct world *w = l->m->world;
    const char *untold = NULL;

    for (size_t i = 0; i < w->n_desired; i++)
        add_desired(l, &w->desired[i]);
    for (size_t i = 0; i < w->n_records; i++)
        add_record(l, &w->records[i]);
    for (size_t i = 0; i < w->n_observations; i++) {
        const struct observation *o = &w->observations[i];

        for (size_t k = 0; o->ok && k < o->n_mounts; k++)
            add_use(l, USE_MOUNTED, o->mounts[k].source, o->endpoint, o->mounts[k].name,
                    arena_printf(l->a, "%s/%s", o->endpoint, o->mounts[k].name));
        if (o->ok && !o->mounts_known && (!untold || strcmp(o->endpoint, untold) < 0))
            untold = o->endpoint;
    }
    if (untold)
        l->unknown = arena_printf(l->a, "what is mounted on endpoint %s is not known", untold);
    for (size_t i = 0; i < w->n_uses; i++)
        add_use(l, w->uses[i].name ? USE_MOUNTED : USE_OTHER, w->uses[i].path, w->uses[i].endpoint, w->uses[i].name,
                w->uses[i].who);
    if (l->uses.n)
        qsort(l->uses.v, l->uses.n, sizeof *l->uses.v, compare_use);
    /* By name, so that which one is told does not hang on the order of the input. */
    for (size_t i = l->m->n_sites; i-- > 0;)
        if (!l->m->sites[i].known)
            l->unknown = arena_printf(l->a, "endpoint %s is unknown", l->m->sites[i].endpoint);
}

/* Any runtime of that name. Units are sorted by endpoint and name. */
static const struct unit *first_unit(const struct leaving *l, const char *endpoint, const char *name)
{
    size_t lo = 0, hi = l->m->n_units;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct unit *u = &l->m->units[mid];
        int c = strcmp(u->endpoint, endpoint);

        if (!c)
            c = strcmp(u->name, name);
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == l->m->n_units || strcmp(l->m->units[lo].endpoint, endpoint) != 0 || strcmp(l->m->units[lo].name, name) != 0)
        return NULL;
    return &l->m->units[lo];
}

/* The removal that is due, held or not, of what is recorded or there under this name; NULL: it stays. *ret_any: there is such a
 * runtime at all. */
static const struct act *removal_of(const struct leaving *l, const char *endpoint, const char *name, bool *ret_any)
{
    const struct unit *u = endpoint && name ? first_unit(l, endpoint, name) : NULL, *end = l->m->units + l->m->n_units;
    const struct act *found = NULL;

    *ret_any = false;
    for (; u && u < end && strcmp(u->endpoint, endpoint) == 0 && strcmp(u->name, name) == 0; u++) {
        if (!u->r && !u->o)
            continue;
        *ret_any = true;
        if (u->d)
            return NULL;
        for (size_t i = 0; i < u->n_acts; i++) {
            const struct act *act = u->acts[i];

            if (act_kind_removes(act->kind == ACT_HOLD ? act->held : act->kind))
                found = act;
        }
    }
    return found;
}

static bool goes(const struct leaving *l, const struct use *use, bool with_held)
{
    bool any;
    const struct act *act = use->by == USE_WANTED || use->by == USE_OTHER ? NULL : removal_of(l, use->endpoint, use->name, &any);

    return act && (with_held || act->kind != ACT_HOLD);
}

static size_t lower_bound(const struct leaving *l, const char *path)
{
    size_t lo = 0, hi = l->uses.n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (strcmp(l->uses.v[mid].path, path) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The first use of the path itself (below false), or of what is below it, by something that stays. */
static const struct use *stays_at(const struct leaving *l, const char *path, bool below, bool with_held)
{
    const char *key = below ? arena_printf(l->a, "%s/", path) : path;

    for (size_t i = lower_bound(l, key); i < l->uses.n; i++) {
        const struct use *use = &l->uses.v[i];

        if (below ? !text_has_prefix(use->path, key) : strcmp(use->path, key) != 0)
            break;
        if (!goes(l, use, with_held))
            return use;
    }
    return NULL;
}

/* Who uses <root>/<slug> and does not go. real: the same by its real path. with_held: what waits to be removed counts as going.
 */
static const struct use *user_of(const struct leaving *l, const char *root, const char *slug, const char *real, bool with_held)
{
    const char *slash = strrchr(real, '/');
    const char *const at[] = {arena_printf(l->a, "%s/%s", root, slug), real};
    const char *const above[] = {root, slash && slash > real ? arena_memdup0(l->a, real, (size_t)(slash - real)) : root};
    const struct use *use = NULL;

    for (size_t i = 0; i < 2 && !use; i++) {
        use = stays_at(l, at[i], false, with_held);
        if (!use)
            use = stays_at(l, at[i], true, with_held);
        if (!use)
            use = stays_at(l, above[i], false, with_held);
    }
    return use;
}

/* --- with the acts --------------------------------------------------------------------------------------------------------- */

static struct dir_end end_of(const struct leaving *l, const struct unit *u, const struct act *act, const struct private_dir *dir)
{
    struct dir_end end = {.dir = dir, .fate = DIR_STAYS};
    const struct use *use;

    if (!u->in)
        end.why = "nobody knows its install";
    else if (u->in->policy.on_prune == ON_PRUNE_KEEP)
        end.why = "by policy";
    else if (u->in->release_unknown)
        end.why = "its OpenClaw is of a release that is not known";
    else if (dir->doubt)
        end.why = dir->doubt;
    else if ((use = user_of(l, dir->root, dir->slug, dir->real, act->kind == ACT_HOLD)))
        end.why = arena_printf(l->a, "still used by %s", use->who);
    else
        end = (struct dir_end){.dir = dir, .fate = l->unknown ? DIR_WAITS : DIR_MOVES, .why = l->unknown};
    return end;
}

static void end_dirs(const struct leaving *l, struct unit *u)
{
    if (u->d || !u->r || !u->r->unwanted_because)
        return;
    for (size_t i = 0; i < u->n_acts; i++) {
        struct act *act = u->acts[i];
        struct dir_end *v;

        if (!act_kind_removes(act->kind == ACT_HOLD ? act->held : act->kind))
            continue;
        v = ARENA_ARRAY(l->a, struct dir_end, u->r->n_dirs);
        for (size_t k = 0; k < u->r->n_dirs; k++)
            v[k] = end_of(l, u, act, &u->r->dirs[k]);
        act->dirs = v;
        act->n_dirs = u->r->n_dirs;
    }
}

/* --- what was left behind before ------------------------------------------------------------------------------------------- */

static const char *left_by(const struct leaving *l, const struct leftover *x)
{
    return arena_printf(l->a, "left behind by %s/%s%s%s", x->endpoint, x->runtime, x->reason ? ", removed because " : "",
                        x->reason ? x->reason : "");
}

static const char *paused(const struct leaving *l, const struct leftover *x)
{
    const struct pause *p = index_pause(&l->ix, x->endpoint, x->runtime);

    return p ? arena_printf(l->a, "%s paused", p->name ? "it is" : p->endpoint ? "its endpoint is" : "all is") : NULL;
}

/* Whether what uses it now makes the intent void: it was taken into use again. */
static bool is_taken_again(const struct leaving *l, const struct use *use)
{
    bool any;

    if (use->by == USE_WANTED || use->by == USE_OTHER)
        return true;
    return !removal_of(l, use->endpoint, use->name, &any) && any;
}

/* false: its removal is in this plan, and tells. */
static bool plan_leaving(const struct leaving *l, const struct leftover *x, struct plan_move *ret)
{
    const struct install *in = index_install(&l->ix, x->install);
    const struct act *removal;
    const struct use *use;
    bool any;

    *ret = (struct plan_move){.leftover = x, .kind = MOVE_QUARANTINE, .held = true};
    removal = removal_of(l, x->endpoint, x->runtime, &any);
    if (any && removal)
        return false;
    if (!in) {
        ret->why = "its OpenClaw is not looked at now";
    } else if (in->policy.on_prune == ON_PRUNE_KEEP) {
        *ret = (struct plan_move){.leftover = x, .kind = MOVE_DROP, .why = "by policy it stays where it is"};
    } else if (any) {
        *ret = (struct plan_move){.leftover = x, .kind = MOVE_DROP, .why = "its runtime is there after all, and stays"};
    } else if (x->lives) {
        *ret = (struct plan_move){
            .leftover = x, .kind = MOVE_DROP, .why = arena_printf(l->a, "its scope is that of %s again", x->lives)};
    } else if ((ret->why = paused(l, x))) {
        ret->remedy = "reconclaw resume";
    } else if (!in->config_ok) {
        ret->why = "the specs do not load, the last good ones are in force";
    } else if (in->release_unknown) {
        ret->why = arena_printf(l->a, "its OpenClaw is of a release that is not known: %s", in->release_unknown);
    } else if ((use = user_of(l, x->root, x->slug, x->real ? x->real : arena_printf(l->a, "%s/%s", x->root, x->slug), false))) {
        ret->why = arena_printf(l->a, "it is used by %s", use->who);
        if (is_taken_again(l, use))
            *ret = (struct plan_move){.leftover = x, .kind = MOVE_DROP, .why = ret->why};
    } else if (l->unknown) {
        ret->why = l->unknown;
    } else {
        ret->held = false;
        ret->why = left_by(l, x);
    }
    return true;
}

/* --- retention ------------------------------------------------------------------------------------------------------------- */

static bool may_collect(const struct world *w)
{
    for (size_t i = 0; i < w->n_grants; i++)
        if ((w->grants[i].allows & GRANT_CAP) && !w->grants[i].endpoint && !w->grants[i].name)
            return true;
    return false;
}

struct keeping {
    const char *install;
    size_t n, n_due; /* in quarantine; to go */
    uint64_t bytes;
};

static const char *over_retention(struct leaving *l, const struct policy *p, const struct keeping *k, const struct leftover *x)
{
    int64_t due = num_add_i64(x->at_ms, p->retain_ms);

    if (p->retain_ms > 0) {
        match_due(l->m, due);
        if (l->m->now_ms >= due)
            return arena_printf(l->a, "it is there for %s, over retention.age", span_text(l->a, l->m->now_ms - x->at_ms));
    }
    if (p->retain_count > 0 && k->n > p->retain_count)
        return arena_printf(l->a, "there are %zu, over retention.count", k->n);
    if (p->retain_bytes > 0 && k->bytes > p->retain_bytes && x->bytes > 0)
        return arena_printf(l->a, "all take %llu bytes, over retention.size", (unsigned long long)k->bytes);
    return NULL;
}

/* The leftovers of one install, the oldest first, and what of them goes. */
static void plan_kept(struct leaving *l, const char *install, struct plan_move *moves, size_t *n_moves)
{
    const struct world *w = l->m->world;
    const struct install *in = index_install(&l->ix, install);
    struct keeping k = {.install = install};
    size_t first = *n_moves, n_all, cap;

    if (!in)
        return;
    for (size_t i = 0; i < l->n_left; i++) {
        const struct leftover *x = &l->left[i];

        if (x->state != LEFTOVER_KEPT || strcmp(x->install, install) != 0)
            continue;
        k.n++;
        k.bytes += x->bytes > 0 ? (uint64_t)x->bytes : 0;
    }
    n_all = k.n;
    for (size_t i = 0; i < l->n_left; i++) {
        const struct leftover *x = &l->left[i];
        const char *why;

        if (strcmp(x->install, install) != 0 || x->state == LEFTOVER_LEAVING)
            continue;
        if (x->state == LEFTOVER_GOING)
            why = "its removal was begun";
        else if (!(why = over_retention(l, &in->policy, &k, x)))
            continue;
        moves[(*n_moves)++] = (struct plan_move){.leftover = x, .kind = MOVE_COLLECT, .why = why};
        if (x->state == LEFTOVER_GOING)
            continue;
        k.n--;
        k.n_due++;
        k.bytes -= x->bytes > 0 ? (uint64_t)x->bytes : 0;
    }
    cap = guard_cap_of(n_all, &in->policy);
    for (size_t i = first; i < *n_moves; i++) {
        struct plan_move *x = &moves[i];
        const char *hold = paused(l, x->leftover), *remedy = "reconclaw resume";

        if (!hold) {
            remedy = NULL;
            hold = !in->config_ok ? "the specs do not load, the last good ones are in force" : NULL;
        }
        if (!hold && x->leftover->state == LEFTOVER_KEPT && k.n_due > cap && !may_collect(w)) {
            hold = arena_printf(l->a, "%zu of %zu in quarantine are due, and %zu may go in one round without a word", k.n_due,
                                n_all, cap);
            remedy = GUARD_LIFT_CAP;
        }
        if (hold) {
            x->held = true;
            x->why = arena_printf(l->a, "%s; %s", x->why, hold);
            x->remedy = remedy;
        }
    }
}

static int compare_leftover(const struct leftover *x, const struct leftover *y)
{
    int c = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);

    if (!c)
        c = strcmp(x->root, y->root);
    return c ? c : strcmp(x->entry, y->entry);
}

static int by_age(const void *x, const void *y)
{
    return compare_leftover(x, y);
}

static int compare_move(const void *x, const void *y)
{
    return compare_leftover(((const struct plan_move *)x)->leftover, ((const struct plan_move *)y)->leftover);
}

static void plan_moves(struct leaving *l, struct plan *ret)
{
    const struct world *w = l->m->world;
    struct plan_move *moves = ARENA_ARRAY(l->a, struct plan_move, l->n_left);
    size_t n = 0;

    for (size_t i = 0; i < l->n_left; i++)
        if (l->left[i].state == LEFTOVER_LEAVING)
            n += plan_leaving(l, &l->left[i], &moves[n]);
    for (size_t i = 0; i < w->n_installs; i++) {
        bool again = false;

        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(w->installs[k].id, w->installs[i].id) == 0;
        if (!again)
            plan_kept(l, w->installs[i].id, moves, &n);
    }
    if (n)
        qsort(moves, n, sizeof *moves, compare_move);
    ret->moves = moves;
    ret->n_moves = n;
}

void leftovers_plan(struct match *m, struct plan *ret)
{
    struct leaving l = {.m = m, .a = m->arena};
    const struct world *w = m->world;
    bool any = w->n_leftovers > 0;

    for (size_t i = 0; i < m->n_units && !any; i++)
        any = m->units[i].r && m->units[i].r->n_dirs > 0;
    if (!any)
        return;
    index_make(m->arena, m->world, m->now_ms, &l.ix);
    collect(&l);
    l.n_left = w->n_leftovers;
    l.left = ARENA_ARRAY(m->arena, struct leftover, l.n_left);
    for (size_t i = 0; i < l.n_left; i++)
        l.left[i] = w->leftovers[i];
    if (l.n_left)
        qsort(l.left, l.n_left, sizeof *l.left, by_age);
    for (size_t i = 0; i < m->n_units; i++)
        end_dirs(&l, &m->units[i]);
    plan_moves(&l, ret);
}

void plan_dir_users(struct arena *a, const struct world *w, int64_t now_ms, const struct private_dir *dirs, size_t n,
                    const char **ret_who, const char **ret_unknown)
{
    struct match m;
    struct leaving l = {.m = &m, .a = a};

    match_world(a, w, now_ms, &m); /* nothing is decided: nothing goes */
    collect(&l);
    for (size_t i = 0; i < n; i++) {
        const struct use *use = user_of(&l, dirs[i].root, dirs[i].slug, dirs[i].real, false);

        ret_who[i] = use ? use->who : NULL;
    }
    *ret_unknown = l.unknown;
}
