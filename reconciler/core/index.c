#include "reconciler/core/index.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/names.h"
#include "spec/openclaw/profile.h"

#include <stdlib.h>
#include <string.h>

typedef VEC(struct index_row) rows_vec;

static int compare_key(const struct index_row *x, const struct index_row *y)
{
    int c = text_cmp(x->a, y->a);

    if (!c)
        c = text_cmp(x->b, y->b);
    return c ? c : (x->c > y->c) - (x->c < y->c);
}

static int compare_row(const void *x, const void *y)
{
    return compare_key(x, y);
}

static const struct index_row *find(const struct index_table *t, const char *a, const char *b, int c)
{
    const struct index_row key = {.a = a, .b = b, .c = c};

    return t->n ? bsearch(&key, t->v, t->n, sizeof *t->v, compare_row) : NULL;
}

/* Sorts by key, then by `better` (the better first), and keeps the first of each key, with the bits of all. */
static struct index_table table_make(rows_vec *rows, int (*compare)(const void *, const void *))
{
    size_t n = 0;

    if (rows->n)
        qsort(rows->v, rows->n, sizeof *rows->v, compare);
    for (size_t i = 0; i < rows->n; i++) {
        if (n && compare_key(&rows->v[n - 1], &rows->v[i]) == 0)
            rows->v[n - 1].bits |= rows->v[i].bits;
        else
            rows->v[n++] = rows->v[i];
    }
    return (struct index_table){.v = rows->v, .n = n};
}

/* Without an end it lasts longest. */
static bool lasts_longer(const struct pause *a, const struct pause *b)
{
    if (a->until_ms == b->until_ms)
        return text_cmp(a->why, b->why) < 0;
    return a->until_ms == TIME_NONE || (b->until_ms != TIME_NONE && a->until_ms > b->until_ms);
}

static int compare_pause(const void *x, const void *y)
{
    const struct index_row *a = x, *b = y;
    int c = compare_key(a, b);

    return c ? c : lasts_longer(a->v, b->v) ? -1 : lasts_longer(b->v, a->v);
}

static int compare_turn(const void *x, const void *y)
{
    const struct index_row *a = x, *b = y;
    const struct turn *s = a->v, *t = b->v;
    int c = compare_key(a, b);

    if (!c)
        c = (s->n < t->n) - (s->n > t->n);
    if (!c)
        c = (s->last_ms < t->last_ms) - (s->last_ms > t->last_ms);
    return c ? c : text_cmp(s->other, t->other);
}

static int compare_request(const void *x, const void *y)
{
    const struct index_row *a = x, *b = y;
    const struct request *s = a->v, *t = b->v;
    int c = compare_key(a, b);

    return c ? c : (s->kind > t->kind) - (s->kind < t->kind);
}

/* Of two looks the one that doubts, then the one that would lose more: it asks for more. */
static int compare_seed(const void *x, const void *y)
{
    const struct index_row *a = x, *b = y;
    const struct seed_look *s = a->v, *t = b->v;
    int c = compare_key(a, b);

    if (!c)
        c = !s->doubt - !t->doubt;
    if (!c)
        c = (s->verdict < t->verdict) - (s->verdict > t->verdict);
    if (!c)
        c = text_cmp(s->digest, t->digest);
    return c ? c : text_cmp(s->doubt, t->doubt);
}

/* One install listed twice: the one whose specs do not load, since it removes less. */
static int compare_install(const void *x, const void *y)
{
    const struct index_row *a = x, *b = y;
    const struct install *s = a->v, *t = b->v;
    int c = compare_key(a, b);

    if (c || !s || !t)
        return c ? c : !s - !t;
    return (s->config_ok - t->config_ok) ? s->config_ok - t->config_ok : s->policy.prune - t->policy.prune;
}

static int compare_scope(const void *x, const void *y)
{
    const struct index_row *a = x, *b = y;
    int c = compare_key(a, b);

    return c ? c : text_cmp(a->v, b->v);
}

/* bits: more than one install has it. */
static struct index_table make_scopes(struct arena *a, const struct world *w)
{
    rows_vec rows = {0};
    struct index_table t;
    size_t n = 0;

    for (size_t i = 0; i < w->n_desired; i++) {
        const struct desired *d = &w->desired[i];
        bool shared = d->scope_key && strcmp(d->scope_key, "shared") == 0;

        if (shared || d->agent_id)
            VEC_PUSH(a, &rows,
                     ((struct index_row){.a = shared ? "shared" : arena_printf(a, "agent:%s", d->agent_id), .v = d->install}));
    }
    if (rows.n)
        qsort(rows.v, rows.n, sizeof *rows.v, compare_scope);
    for (size_t i = 0; i < rows.n; i++) {
        if (n && compare_key(&rows.v[n - 1], &rows.v[i]) == 0)
            rows.v[n - 1].bits |= !text_eq(rows.v[n - 1].v, rows.v[i].v);
        else
            rows.v[n++] = rows.v[i];
    }
    t = (struct index_table){.v = rows.v, .n = n};
    return t;
}

void index_make(struct arena *a, const struct world *w, int64_t now_ms, struct index *ret)
{
    rows_vec installs = {0}, pauses = {0}, turns = {0}, grants = {0}, requests = {0}, seeds = {0};

    for (size_t i = 0; i < w->n_installs; i++)
        VEC_PUSH(a, &installs, ((struct index_row){.a = w->installs[i].id, .v = &w->installs[i]}));
    for (size_t i = 0; i < w->n_desired; i++)
        VEC_PUSH(a, &installs, ((struct index_row){.a = w->desired[i].install}));
    for (size_t i = 0; i < w->n_pauses; i++) {
        const struct pause *p = &w->pauses[i];

        if (p->until_ms == TIME_NONE || now_ms < p->until_ms)
            VEC_PUSH(a, &pauses, ((struct index_row){.a = p->endpoint, .b = p->endpoint ? p->name : NULL, .v = p}));
    }
    for (size_t i = 0; i < w->n_turns; i++)
        VEC_PUSH(a, &turns, ((struct index_row){.a = w->turns[i].endpoint, .b = w->turns[i].name, .v = &w->turns[i]}));
    for (size_t i = 0; i < w->n_grants; i++)
        VEC_PUSH(a, &grants,
                 ((struct index_row){.a = w->grants[i].endpoint,
                                     .b = w->grants[i].endpoint ? w->grants[i].name : NULL,
                                     .bits = w->grants[i].allows}));
    for (size_t i = 0; i < w->n_requests; i++) {
        const struct request *r = &w->requests[i];

        VEC_PUSH(a, &requests, ((struct index_row){.a = r->endpoint, .b = r->name, .c = (int)r->runtime, .v = r}));
    }
    for (size_t i = 0; i < w->n_seeds; i++) {
        const struct seed_look *s = &w->seeds[i];

        VEC_PUSH(a, &seeds, ((struct index_row){.a = s->endpoint, .b = s->name, .c = (int)s->runtime, .v = s}));
    }
    *ret = (struct index){.arena = a,
                          .installs = table_make(&installs, compare_install),
                          .pauses = table_make(&pauses, compare_pause),
                          .turns = table_make(&turns, compare_turn),
                          .grants = table_make(&grants, compare_row),
                          .requests = table_make(&requests, compare_request),
                          .seeds = table_make(&seeds, compare_seed),
                          .scopes = make_scopes(a, w)};
}

const struct install *index_install(const struct index *ix, const char *id)
{
    const struct index_row *row = find(&ix->installs, id, NULL, 0);

    return row ? row->v : NULL;
}

bool index_is_ours(const struct index *ix, const char *install)
{
    return install && find(&ix->installs, install, NULL, 0);
}

const struct pause *index_pause(const struct index *ix, const char *endpoint, const char *name)
{
    const struct index_row *rows[] = {find(&ix->pauses, NULL, NULL, 0), find(&ix->pauses, endpoint, NULL, 0),
                                      find(&ix->pauses, endpoint, name, 0)};
    const struct pause *longest = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i] && (!longest || lasts_longer(rows[i]->v, longest)))
            longest = rows[i]->v;
    return longest;
}

const struct turn *index_turn(const struct index *ix, const char *endpoint, const char *name)
{
    const struct index_row *row = find(&ix->turns, endpoint, name, 0);

    return row ? row->v : NULL;
}

unsigned index_grants(const struct index *ix, const char *endpoint, const char *name)
{
    const struct index_row *rows[] = {find(&ix->grants, NULL, NULL, 0), find(&ix->grants, endpoint, NULL, 0),
                                      find(&ix->grants, endpoint, name, 0)};
    unsigned bits = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        bits |= rows[i] ? rows[i]->bits : 0;
    return bits;
}

const struct request *index_request(const struct index *ix, const char *endpoint, const char *name, enum runtime_kind kind)
{
    const struct index_row *row = find(&ix->requests, endpoint, name, (int)kind);

    return row ? row->v : NULL;
}

const struct seed_look *index_seed(const struct index *ix, const char *endpoint, const char *name, enum runtime_kind kind)
{
    const struct index_row *row = find(&ix->seeds, endpoint, name, (int)kind);

    return row ? row->v : NULL;
}

const char *index_scope_install(const struct index *ix, const char *scope_key)
{
    const char *key = scope_key, *agent;
    const struct index_row *row;

    if (!key)
        return NULL;
    if (strcmp(key, "shared") != 0) {
        /* Of what is no agent's session 2026.5 says main; 2026.9 makes no such key. */
        agent = oc_scope_agent(ix->arena, &oc_profiles[OC_LINE_2026_5], key);
        if (!agent)
            return NULL;
        key = arena_printf(ix->arena, "agent:%s", agent);
    }
    row = find(&ix->scopes, key, NULL, 0);
    return row && !row->bits ? row->v : NULL;
}
