#include "reconciler/core/drift.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

typedef VEC(struct field_change) changes_vec;

static int compare_change(const void *x, const void *y)
{
    const struct field_change *a = x, *b = y;

    return strcmp(a->name, b->name);
}

/* The label's hash; OpenClaw 2026.5.3 takes the record's where there is no label. A label cannot be patched, so that what
 * changes the hash costs a recreate, whatever the field would cost alone; the hash itself is named where no field says why. */
static void compare_hash(struct match *m, const struct unit *u, changes_vec *c)
{
    const char *is = u->o->config_hash ? u->o->config_hash : u->r ? u->r->config_hash : NULL;
    bool named = false;

    if (!u->d->config_hash || text_eq(is, u->d->config_hash))
        return;
    if (u->kind == RUNTIME_SANDBOX && u->o->fields_known)
        return;
    /* OpenClaw hashes containers alone: what it made elsewhere has none, and its fields tell all that is known. */
    if (!is && u->d->config_label_kind && u->o->fields_known)
        return;
    for (size_t i = 0; i < c->n; i++) {
        if (c->v[i].class == FIELD_NONE)
            continue;
        c->v[i].class = FIELD_RECREATE;
        named = true;
    }
    if (!named && !u->d->hash_uncertain)
        VEC_PUSH(m->arena, c,
                 ((struct field_change){.name = "configHash", .from = is, .to = u->d->config_hash, .class = FIELD_RECREATE}));
}

/* A backend that compares fields names the hash where it alone differs: of one that is not certain that says nothing. */
static void drop_hash(const struct unit *u, changes_vec *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++)
        if (!u->d->hash_uncertain || !text_has_suffix(c->v[i].name, "configHash"))
            c->v[kept++] = c->v[i];
    c->n = kept;
}

static void compare_image(struct match *m, const struct unit *u, changes_vec *c, struct drift *ret)
{
    static const char *const names[RUNTIME_KIND_COUNT] = {
        [RUNTIME_CONTAINER] = "docker.image.id", [RUNTIME_BROWSER] = "browser.image.id", [RUNTIME_SANDBOX] = "image.id"};
    const struct image_state *now = u->d->image ? site_image(u->site, u->d->image) : NULL;
    bool acted = u->policy->image_updates == IMAGE_UPDATES_RECREATE;

    if (!now || !now->id || !u->o->image_id || strcmp(now->id, u->o->image_id) == 0)
        return;
    if (u->policy->image_updates == IMAGE_UPDATES_IGNORE)
        return;
    for (size_t i = 0; i < c->n; i++)
        if (text_has_suffix(c->v[i].name, "image")) /* another reference: of course another id */
            return;
    ret->image_report = !acted;
    VEC_PUSH(m->arena, c,
             ((struct field_change){
                 .name = names[u->kind], .from = u->o->image_id, .to = now->id, .class = acted ? FIELD_RECREATE : FIELD_NONE}));
}

void drift_find(struct match *m, const struct unit *u, struct drift *ret)
{
    changes_vec c = {0};

    *ret = (struct drift){0};
    if (u->o->fields_known)
        c.n = c.cap = fields_diff(m->arena, u->d->fields, u->o->fields, &c.v);
    drop_hash(u, &c);
    compare_hash(m, u, &c);
    compare_image(m, u, &c, ret);
    if (c.n)
        qsort(c.v, c.n, sizeof *c.v, compare_change);
    for (size_t i = 0; i < c.n; i++)
        if (c.v[i].class > ret->class)
            ret->class = c.v[i].class;
    ret->changes = c.v;
    ret->n_changes = c.n;
}

const char *drift_reason(struct arena *a, const struct drift *d)
{
    const char *first = NULL;
    size_t n = 0;

    for (size_t i = 0; i < d->n_changes; i++) {
        if (d->changes[i].class < d->class)
            continue;
        n++;
        if (!first)
            first = d->changes[i].name;
    }
    if (n <= 1)
        return arena_printf(a, "%s changed", first ? first : "nothing");
    return arena_printf(a, "%s and %zu more changed", first, n - 1);
}
