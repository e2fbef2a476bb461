#include "reconciler/rows.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

static int compare_rows(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int c = strcmp(a->endpoint, b->endpoint);

    if (c == 0)
        c = strcmp(a->name, b->name);
    return c ? c : (int)a->kind - (int)b->kind;
}

/* Parts of one runtime stand next to each other once sorted: folded into one row. */
static size_t fold(struct row *v, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        if (k > 0 && compare_rows(&v[k - 1], &v[i]) == 0) {
            struct row *to = &v[k - 1];

            to->want = to->want ? to->want : v[i].want;
            to->rec = to->rec ? to->rec : v[i].rec;
            to->obs = to->obs ? to->obs : v[i].obs;
            if (!to->act || (v[i].act && v[i].act->kind != ACT_ADOPT))
                to->act = v[i].act ? v[i].act : to->act;
            continue;
        }
        v[k++] = v[i];
    }
    return k;
}

struct row *rows_make(struct arena *a, const struct round *r, size_t *ret_n)
{
    VEC(struct row) v = {0};
    size_t n = 0;

    for (size_t i = 0; i < r->n_desired; i++) {
        const struct desired *d = &r->desired[i];

        /* What is not there and not pre-created is no runtime yet. */
        if (d->precreate && d->want != WANT_ABSENT)
            VEC_PUSH(a, &v, ((struct row){.endpoint = d->endpoint, .name = d->name, .kind = d->kind, .want = d}));
    }
    for (size_t i = 0; i < r->n_records; i++) {
        const struct record *rec = &r->records[i];

        VEC_PUSH(a, &v, ((struct row){.endpoint = rec->endpoint, .name = rec->name, .kind = rec->kind, .rec = rec}));
    }
    for (size_t i = 0; i < r->n_looks; i++) {
        const struct observation *o = &r->looks[i].seen;

        for (size_t k = 0; k < o->n; k++)
            if (o->v[k].ownership != OWN_FOREIGN)
                VEC_PUSH(
                    a, &v,
                    ((struct row){.endpoint = o->v[k].endpoint, .name = o->v[k].name, .kind = o->v[k].kind, .obs = &o->v[k]}));
    }
    for (size_t i = 0; i < r->plan.n_acts; i++) {
        const struct act *act = &r->plan.acts[i];

        VEC_PUSH(
            a, &v,
            ((struct row){.endpoint = act->endpoint, .name = act->name, .kind = act->runtime, .want = act->want, .act = act}));
    }
    if (v.n > 0) {
        qsort(v.v, v.n, sizeof *v.v, compare_rows);
        n = fold(v.v, v.n);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < r->n_looks && !v.v[i].known; k++)
            v.v[i].known = r->looks[k].seen.ok && strcmp(r->looks[k].endpoint, v.v[i].endpoint) == 0;
    *ret_n = n;
    return v.v;
}

bool row_is_called(const struct row *row, const char *name)
{
    const char *owner = row->want ? row->want->owner : row->rec ? row->rec->owner : row->obs ? row->obs->owner : NULL;

    if (strcmp(row->name, name) == 0)
        return true;
    return row->kind == RUNTIME_SANDBOX && owner && text_has_prefix(owner, "Sandbox/") && strcmp(owner + 8, name) == 0;
}
