#include "reconciler/core/match.h"

#include "reconciler/core/index.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

/* --- items: what is known under one name ----------------------------------------------------------------------------------- */

enum item_type { ITEM_DESIRED, ITEM_RECORD, ITEM_OBSERVED };

struct item {
    const char *endpoint, *name;
    enum item_type type;
    enum runtime_kind kind;
    const char *install;
    union {
        const struct desired *d;
        const struct record *r;
        const struct observed *o;
    };
};

static int compare_i64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Anything that may be told apart in a plan tells the two apart here, so that the order of the input never shows. */
static int compare_desired(const struct desired *a, const struct desired *b)
{
    int c = text_cmp(a->owner, b->owner);

    if (!c)
        c = text_cmp(a->origin.file, b->origin.file);
    if (!c)
        c = compare_i64(a->origin.line, b->origin.line);
    if (!c)
        c = compare_i64(a->origin.col, b->origin.col);
    if (!c)
        c = text_cmp(a->scope_key, b->scope_key);
    if (!c)
        c = text_cmp(a->config_hash, b->config_hash);
    if (!c)
        c = compare_i64(a->want, b->want);
    return c ? c : compare_i64(a->precreate, b->precreate);
}

/* Of two records of one runtime the one used last comes first: it keeps a runtime in use the longer. */
static int compare_record(const struct record *a, const struct record *b)
{
    int c = compare_i64(b->last_used_at_ms, a->last_used_at_ms);

    if (!c)
        c = compare_i64(b->created_at_ms, a->created_at_ms);
    if (!c)
        c = text_cmp(a->version, b->version);
    if (!c)
        c = text_cmp(a->id, b->id);
    if (!c)
        c = text_cmp(a->config_hash, b->config_hash);
    if (!c)
        c = text_cmp(a->scope_key, b->scope_key);
    if (!c)
        c = text_cmp(a->unwanted_because, b->unwanted_because);
    if (!c)
        c = compare_i64(a->creating, b->creating);
    if (!c)
        c = compare_i64(a->setup_failed, b->setup_failed);
    return c ? c : compare_i64(a->holds_data, b->holds_data);
}

static int compare_observed(const struct observed *a, const struct observed *b)
{
    int c = text_cmp(a->id, b->id);

    if (!c)
        c = compare_i64(a->state, b->state);
    return c ? c : compare_i64(a->ownership, b->ownership);
}

static int compare_item(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    int c = strcmp(a->endpoint, b->endpoint);

    if (!c)
        c = strcmp(a->name, b->name);
    if (!c)
        c = compare_i64(a->type, b->type);
    if (!c)
        c = compare_i64(a->kind, b->kind);
    if (!c)
        c = text_cmp(a->install, b->install);
    if (c)
        return c;
    switch (a->type) {
    case ITEM_DESIRED:
        return compare_desired(a->d, b->d);
    case ITEM_RECORD:
        return compare_record(a->r, b->r);
    case ITEM_OBSERVED:
        return compare_observed(a->o, b->o);
    }
    return 0;
}

/* --- sites ----------------------------------------------------------------------------------------------------------------- */

static int compare_image(const void *x, const void *y)
{
    const struct image_state *a = x, *b = y;
    int c = text_cmp(a->ref, b->ref);

    return c ? c : text_cmp(a->id, b->id);
}

const struct image_state *site_image(const struct site *s, const char *ref)
{
    size_t lo = 0, hi = s->n_images;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (text_cmp(s->images[mid].ref, ref) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n_images && text_eq(s->images[lo].ref, ref) ? &s->images[lo] : NULL;
}

static void site_observe(struct arena *a, struct site *s, const struct observation *seen)
{
    struct image_state *images = ARENA_ARRAY(a, struct image_state, seen->n_images);

    s->known = seen->ok;
    s->can_save = seen->can_save;
    s->host_key = seen->host_key;
    s->why = seen->why ? seen->why : seen->ok ? NULL : "it could not be listed";
    s->remedy = seen->remedy;
    if (seen->n_images)
        memcpy(images, seen->images, seen->n_images * sizeof *images);
    qsort(images, seen->n_images, sizeof *images, compare_image);
    s->images = images;
    s->n_images = seen->n_images;
}

static int compare_site(const void *x, const void *y)
{
    const struct site *a = x, *b = y;

    return strcmp(a->endpoint, b->endpoint);
}

static struct site *find_site(const struct match *m, const char *endpoint)
{
    const struct site key = {.endpoint = endpoint};

    return bsearch(&key, m->sites, m->n_sites, sizeof *m->sites, compare_site);
}

static void make_sites(struct match *m, const struct item *items, size_t n_items)
{
    const struct world *w = m->world;
    VEC(struct site) all = {0};
    size_t n = 0;
    bool *seen;

    for (size_t i = 0; i < n_items; i++)
        if (i == 0 || strcmp(items[i].endpoint, items[i - 1].endpoint) != 0)
            VEC_ADD(m->arena, &all)->endpoint = items[i].endpoint;
    for (size_t i = 0; i < w->n_observations; i++)
        VEC_ADD(m->arena, &all)->endpoint = w->observations[i].endpoint;
    for (size_t i = 0; i < w->n_last; i++)
        VEC_ADD(m->arena, &all)->endpoint = w->last[i].endpoint;
    if (all.n)
        qsort(all.v, all.n, sizeof *all.v, compare_site);
    for (size_t i = 0; i < all.n; i++)
        if (n == 0 || strcmp(all.v[n - 1].endpoint, all.v[i].endpoint) != 0)
            all.v[n++] = (struct site){.endpoint = all.v[i].endpoint, .why = "it was not looked at"};
    m->sites = all.v;
    m->n_sites = n;
    seen = ARENA_ARRAY(m->arena, bool, n);
    for (size_t i = 0; i < w->n_observations; i++) {
        struct site *s = find_site(m, w->observations[i].endpoint);

        if (seen[s - m->sites]) {
            s->known = false;
            s->why = "it was listed twice in one round";
            s->remedy = NULL;
            s->n_images = 0;
        } else {
            site_observe(m->arena, s, &w->observations[i]);
        }
        seen[s - m->sites] = true;
    }
    for (size_t i = 0; i < w->n_last; i++) {
        struct site *s = find_site(m, w->last[i].endpoint);

        if (w->last[i].n > s->n_last)
            s->n_last = w->last[i].n;
    }
}

/* --- units ----------------------------------------------------------------------------------------------------------------- */

struct grouping {
    struct match *m;
    struct index ix;
    VEC(struct unit) units;
};

/* The items of one name on one endpoint. */
struct group {
    const struct item *d, *r, *o;
    size_t n_d, n_r, n_o;
    struct site *site;
    size_t first; /* unit */
};

static struct unit *add_unit(struct grouping *g, struct site *site, const struct item *it)
{
    static const struct policy cautious = {.hot_window_ms = 300000}; /* an install nobody told us about: nothing is pruned */
    struct unit *u = VEC_ADD(g->m->arena, &g->units);

    u->endpoint = it->endpoint;
    u->name = it->name;
    u->kind = it->kind;
    u->install = it->install;
    u->site = site;
    u->taker_unit = u->after_name = u->after_move = u->moves_to = u->moved_from = u->left_of = NO_UNIT;
    u->in = index_install(&g->ix, it->install);
    u->policy = u->in ? &u->in->policy : &cautious;
    if (it->type == ITEM_DESIRED) {
        u->d = it->d;
        u->policy = &it->d->policy;
    } else if (it->type == ITEM_RECORD) {
        u->r = it->r;
    }
    u->pause = index_pause(&g->ix, it->endpoint, it->name);
    u->turn = index_turn(&g->ix, it->endpoint, it->name);
    u->grants = index_grants(&g->ix, it->endpoint, it->name);
    u->request = index_request(&g->ix, it->endpoint, it->name, it->kind);
    u->seed = index_seed(&g->ix, it->endpoint, it->name, it->kind);
    return u;
}

static int compare_unit_key(const struct item *a, const struct item *b)
{
    int c = compare_i64(a->kind, b->kind);

    return c ? c : text_cmp(a->install, b->install);
}

/* Desired and recorded, merged by kind and install; of several records of one runtime the first counts. */
static void add_units(struct grouping *g, const struct group *grp)
{
    size_t i = 0, j = 0;

    while (i < grp->n_d || j < grp->n_r) {
        int c = i == grp->n_d ? 1 : j == grp->n_r ? -1 : compare_unit_key(&grp->d[i], &grp->r[j]);
        struct unit *u = add_unit(g, grp->site, c <= 0 ? &grp->d[i] : &grp->r[j]);
        const struct item *it = c <= 0 ? &grp->d[i++] : &grp->r[j];

        if (c >= 0) {
            u->r = grp->r[j].r;
            while (j < grp->n_r && compare_unit_key(&grp->r[j], it) == 0)
                j++;
        }
    }
}

/* Whether o, which has OpenClaw's labels only, is the runtime of u's scope. Long name prefixes cut the hash off, so that two
 * scopes may come out with one name (OpenClaw 2026.5.3). */
static bool same_scope(const struct unit *u, const struct observed *o)
{
    const char *scope = u->d ? u->d->scope_key : u->r->scope_key;

    return !scope || !o->scope_key || strcmp(scope, o->scope_key) == 0;
}

/* Which registry its marks name. Where it is OpenClaw's and they name our own install, they tell which reconclaw made it: whose
 * it is then goes by its scope. NULL: they name none. */
static const char *marked_install(const struct grouping *g, const struct observed *o)
{
    const struct install *in = o->kind == RUNTIME_SANDBOX || !o->install ? NULL : index_install(&g->ix, o->install);

    return in && in->own ? NULL : o->install;
}

/* The unit of the group that o is; NO_UNIT where it is none of them. *ret_taken says what it is then to the others. */
static size_t find_owner(struct grouping *g, const struct group *grp, const struct observed *o, enum taken *ret_taken)
{
    size_t found = NO_UNIT, n_recorded = 0, n_desired = 0, recorded = NO_UNIT, wanted = NO_UNIT;

    *ret_taken = TAKEN_OURS;
    if (o->ownership == OWN_FOREIGN || (o->ownership == OWN_OURS && !o->install)) {
        *ret_taken = TAKEN_FOREIGN;
        for (size_t i = grp->first; i < g->units.n; i++) {
            const struct record *r = g->units.v[i].r;

            if (!o->install && r && r->id &&
                text_eq(r->id, o->id)) /* without labels, but the very one that we made and wrote down */
                return i;
        }
        return NO_UNIT;
    }
    if (o->install && !index_is_ours(&g->ix, o->install)) {
        *ret_taken = TAKEN_INSTALL;
        return NO_UNIT;
    }
    for (size_t i = grp->first; i < g->units.n; i++) {
        const struct unit *u = &g->units.v[i];

        if (u->kind != o->kind || (marked_install(g, o) && !text_eq(u->install, marked_install(g, o))))
            continue;
        if (!same_scope(u, o)) {
            *ret_taken = TAKEN_SCOPE;
            continue;
        }
        if (u->r) {
            n_recorded++;
            recorded = i;
        }
        if (u->d) {
            n_desired++;
            wanted = i;
        }
    }
    if (n_recorded > 1) {
        for (size_t i = grp->first; i < g->units.n; i++)
            g->units.v[i].clash = "two registries have a record of the one runtime of this name";
        return NO_UNIT;
    }
    if (n_recorded == 1)
        found = recorded;
    else if (n_desired == 1)
        found = wanted;
    return found;
}

/* o is in nobody's unit: an orphan, where it is ours at all. */
static size_t add_orphan(struct grouping *g, const struct group *grp, const struct observed *o)
{
    struct item it = {.endpoint = grp->site->endpoint, .name = o->name, .type = ITEM_OBSERVED, .kind = o->kind};

    it.install = marked_install(g, o) ? marked_install(g, o) : index_scope_install(&g->ix, o->scope_key);
    if (!it.install)
        it.install = o->install;
    if (!it.install)
        return NO_UNIT;
    add_unit(g, grp->site, &it);
    return g->units.n - 1;
}

static void place_observed(struct grouping *g, const struct group *grp, const struct observed *o)
{
    enum taken taken;
    size_t owner;

    if (o->state == RUN_UNKNOWN) {
        for (size_t i = grp->first; i < g->units.n; i++)
            g->units.v[i].unknown = "it could not be read";
        return;
    }
    owner = find_owner(g, grp, o, &taken);
    if (owner == NO_UNIT && taken == TAKEN_OURS && !(g->units.n > grp->first && g->units.v[grp->first].clash))
        owner = add_orphan(g, grp, o);
    if (owner != NO_UNIT)
        taken = TAKEN_OURS;
    for (size_t i = grp->first; i < g->units.n; i++) {
        struct unit *u = &g->units.v[i];

        if (i == owner) {
            u->o = o;
        } else {
            u->taken = taken == TAKEN_OURS && owner == NO_UNIT ? TAKEN_INSTALL : taken; /* OpenClaw's, of a scope not ours */
            u->taker = o;
            u->taker_unit = owner;
        }
    }
}

/* What OpenClaw made in the meantime under the name is good, and no half of ours. */
static void mark_being_made(const struct group *grp, struct grouping *g)
{
    for (size_t i = grp->first; i < g->units.n; i++) {
        struct unit *u = &g->units.v[i];

        u->being_made = u->r && u->r->creating && !(u->o && u->o->ownership == OWN_OPENCLAW);
    }
}

static void count_group(struct site *s, const struct group *grp, const struct grouping *g)
{
    for (size_t i = grp->first; i < g->units.n; i++) {
        const struct unit *u = &g->units.v[i];
        bool shown = u->o || (u->unknown && grp->n_o);

        s->n_recorded += u->r && !u->r->creating;
        s->n_ours += shown;
        s->n_known += u->r || shown;
    }
}

/* Several desired of one name: neither is touched, nor anything else of that name. */
static void clash_group(struct grouping *g, struct group *grp)
{
    bool shown = false;

    for (size_t i = 0; i < grp->n_d; i++) {
        struct unit *u = add_unit(g, grp->site, &grp->d[i]);
        const struct item *other = &grp->d[i == 0 ? 1 : 0];

        u->clash = arena_printf(g->m->arena, "%s wants this name too", other->d->owner ? other->d->owner : "another object");
    }
    for (size_t i = 0; i < grp->n_o; i++)
        shown |= grp->o[i].o->state != RUN_ABSENT;
    grp->site->n_recorded += grp->n_r > 0;
    grp->site->n_ours += shown;
    grp->site->n_known += grp->n_r || shown;
}

/* --- one name at several places of one host -------------------------------------------------------------------------------- */

static bool stands_at(const struct observed *o, const struct node *place)
{
    const char *root = node_str(node_get(place, "root"));

    return root && text_eq(o->root, root);
}

static bool may_be_ours(const struct grouping *g, const struct unit *u, const struct observed *o)
{
    return o->state != RUN_ABSENT && o->ownership != OWN_FOREIGN && o->kind == u->kind &&
           (!o->install || text_eq(u->install, o->install) || (marked_install(g, o) == NULL && u->kind != RUNTIME_SANDBOX));
}

/* In the middle of a move from one root to another, trees stand at both. NULL: that is not what is seen. Else the one that
 * counts: at the wanted root, or else at the recorded one. */
static const struct observed *chief_of(struct grouping *g, const struct group *grp)
{
    const struct observed *chief = NULL;
    const struct unit *u;

    if (g->units.n != grp->first + 1)
        return NULL;
    u = &g->units.v[grp->first];
    for (size_t i = 0; i < grp->n_o; i++) {
        const struct observed *o = grp->o[i].o;

        if (o->state == RUN_ABSENT)
            continue;
        if (!o->root || o->state == RUN_UNKNOWN)
            return NULL;
        for (size_t k = 0; k < i; k++)
            if (grp->o[k].o->state != RUN_ABSENT && strcmp(grp->o[k].o->root, o->root) == 0)
                return NULL;
    }
    for (size_t i = 0; i < grp->n_o && !chief; i++)
        if (u->d && may_be_ours(g, u, grp->o[i].o) && stands_at(grp->o[i].o, u->d->create))
            chief = grp->o[i].o;
    for (size_t i = 0; i < grp->n_o && !chief; i++)
        if (u->r && may_be_ours(g, u, grp->o[i].o) && stands_at(grp->o[i].o, u->r->backend_target))
            chief = grp->o[i].o;
    return chief;
}

/* The same directory by the name of a link is none of them; of what is not recorded, nothing says that it moved. */
static void add_left(struct grouping *g, const struct group *grp, const struct observed *chief)
{
    if (!g->units.v[grp->first].r || !g->units.v[grp->first].r->holds_data)
        return;
    for (size_t i = 0; i < grp->n_o; i++) {
        const struct observed *o = grp->o[i].o;
        struct item it = {.endpoint = grp->site->endpoint, .name = o->name, .type = ITEM_OBSERVED, .kind = o->kind, .o = o};
        const struct unit *main = &g->units.v[grp->first];
        struct unit *u;

        if (o == chief || text_eq(o->id, chief->id) || !may_be_ours(g, main, o))
            continue;
        it.install = main->install;
        u = add_unit(g, grp->site, &it);
        main = &g->units.v[grp->first];
        u->o = o;
        u->r = main->r;
        u->policy = main->policy;
        u->request = NULL;
        u->seed = NULL;
        u->left_of = grp->first;
    }
}

static void make_group(struct grouping *g, struct group *grp)
{
    const struct observed *there = NULL, *chief = NULL;
    size_t n_there = 0;
    bool absent = false;

    grp->first = g->units.n;
    if (grp->n_d > 1) {
        clash_group(g, grp);
        return;
    }
    add_units(g, grp);
    for (size_t i = 0; i < grp->n_o; i++) {
        if (grp->o[i].o->state == RUN_ABSENT) {
            absent = true;
        } else {
            there = there ? there : grp->o[i].o;
            n_there++;
        }
    }
    if (n_there > 1)
        chief = chief_of(g, grp);
    for (size_t i = grp->first; i < g->units.n; i++) {
        g->units.v[i].absent = absent;
        if (n_there > 1 && !chief)
            g->units.v[i].unknown = "the endpoint lists its name twice";
    }
    if (n_there == 1 || chief)
        place_observed(g, grp, chief ? chief : there);
    mark_being_made(grp, g);
    count_group(grp->site, grp, g);
    if (chief && g->units.v[grp->first].o == chief)
        add_left(g, grp, chief);
}

static int compare_unit(const void *x, const void *y)
{
    const struct unit *a = x, *b = y;
    int c = strcmp(a->endpoint, b->endpoint);

    if (!c)
        c = strcmp(a->name, b->name);
    if (!c)
        c = compare_i64(a->kind, b->kind);
    if (!c)
        c = text_cmp(a->install, b->install);
    return c || !a->d || !b->d ? c : compare_desired(a->d, b->d);
}

/* Sorting moves units, so that taker_unit must follow. Takers stand in the same group: few, and next to each other. */
static void sort_group(struct grouping *g, size_t first)
{
    size_t n = g->units.n - first, taker = NO_UNIT;
    struct unit *v;

    if (n < 2 || g->units.v[g->units.n - 1].left_of != NO_UNIT) /* those stay behind the one that they are of */
        return;
    v = g->units.v + first;
    qsort(v, n, sizeof *v, compare_unit);
    for (size_t i = 0; i < n; i++)
        if (v[i].o)
            taker = first + i; /* at most one: a name that is listed twice is nobody's */
    for (size_t i = 0; i < n; i++)
        if (v[i].taker_unit != NO_UNIT)
            v[i].taker_unit = taker;
}

static size_t collect(struct match *m, const struct index *ix, struct item **ret)
{
    const struct world *w = m->world;
    VEC(struct item) items = {0};

    for (size_t i = 0; i < w->n_desired; i++) {
        const struct desired *d = &w->desired[i];

        VEC_PUSH(m->arena, &items,
                 ((struct item){.endpoint = d->endpoint, .name = d->name, .kind = d->kind, .install = d->install, .d = d}));
    }
    for (size_t i = 0; i < w->n_records; i++) {
        const struct record *r = &w->records[i];

        if (!index_is_ours(ix, r->install))
            continue;
        VEC_PUSH(
            m->arena, &items,
            ((struct item){
                .endpoint = r->endpoint, .name = r->name, .type = ITEM_RECORD, .kind = r->kind, .install = r->install, .r = r}));
    }
    for (size_t i = 0; i < w->n_observations; i++) {
        const struct observation *seen = &w->observations[i];

        for (size_t k = 0; seen->ok && k < seen->n; k++)
            VEC_PUSH(m->arena, &items,
                     ((struct item){.endpoint = seen->endpoint,
                                    .name = seen->v[k].name,
                                    .type = ITEM_OBSERVED,
                                    .kind = seen->v[k].kind,
                                    .install = seen->v[k].install,
                                    .o = &seen->v[k]}));
    }
    if (items.n)
        qsort(items.v, items.n, sizeof *items.v, compare_item);
    *ret = items.v;
    return items.n;
}

void match_world(struct arena *a, const struct world *w, int64_t now_ms, struct match *ret)
{
    struct grouping g = {.m = ret};
    struct item *items;
    size_t n;

    *ret = (struct match){.arena = a, .world = w, .now_ms = now_ms, .next_due_ms = TIME_NONE};
    index_make(a, w, now_ms, &g.ix);
    n = collect(ret, &g.ix, &items);
    make_sites(ret, items, n);
    for (size_t i = 0, end; i < n; i = end) {
        struct group grp = {.site = find_site(ret, items[i].endpoint)};

        for (end = i;
             end < n && strcmp(items[end].endpoint, items[i].endpoint) == 0 && strcmp(items[end].name, items[i].name) == 0;
             end++) {
            size_t *count = items[end].type == ITEM_DESIRED ? &grp.n_d : items[end].type == ITEM_RECORD ? &grp.n_r : &grp.n_o;

            ++*count;
        }
        grp.d = items + i;
        grp.r = grp.d + grp.n_d;
        grp.o = grp.r + grp.n_r;
        if (!grp.site->known) /* listed twice: what was seen there is not to be believed */
            grp.n_o = 0;
        make_group(&g, &grp);
        sort_group(&g, grp.first);
    }
    ret->units = g.units.v;
    ret->n_units = g.units.n;
    for (size_t i = 0; i < ret->n_sites; i++) {
        struct site *s = &ret->sites[i];
        size_t expected = s->n_recorded > s->n_last ? s->n_recorded : s->n_last;

        s->suspicious = s->known && s->n_ours == 0 && expected >= PLAN_SUSPICIOUS_MIN;
    }
}

void match_due(struct match *m, int64_t at_ms)
{
    if (at_ms > m->now_ms && (m->next_due_ms == TIME_NONE || at_ms < m->next_due_ms))
        m->next_due_ms = at_ms;
}
