#include "spec/manifest_diff.h"

#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[MANIFEST_VERDICT_COUNT] = {
    [MANIFEST_SAME] = "same",
    [MANIFEST_REMOTE_UNCHANGED] = "remote-unchanged",
    [MANIFEST_REMOTE_CHANGED] = "remote-changed",
    [MANIFEST_BOTH_CHANGED] = "both-changed",
};
static const char *const change_names[MANIFEST_CHANGE_KIND_COUNT] = {
    [MANIFEST_ADDED] = "added",
    [MANIFEST_CHANGED] = "changed",
    [MANIFEST_REMOVED] = "removed",
};
static const char *const type_names[MANIFEST_TYPE_COUNT] = {
    [MANIFEST_DIR] = "directory",
    [MANIFEST_FILE] = "file",
    [MANIFEST_LINK] = "link",
};

const char *manifest_verdict_name(enum manifest_verdict v)
{
    return verdict_names[v];
}

const char *manifest_change_kind_name(enum manifest_change_kind k)
{
    return change_names[k];
}

const char *manifest_type_name(enum manifest_type t)
{
    return type_names[t];
}

static unsigned what_differs(const struct manifest_entry *x, const struct manifest_entry *y)
{
    unsigned what = 0;

    if (x->type != y->type)
        return MANIFEST_WHAT_TYPE;
    if (x->size != y->size || !text_eq(x->digest, y->digest))
        what |= MANIFEST_WHAT_CONTENT;
    if (x->mode != y->mode)
        what |= MANIFEST_WHAT_MODE;
    if (!text_eq(x->target, y->target))
        what |= MANIFEST_WHAT_TARGET;
    return what;
}

struct changes_vec {
    VEC(struct manifest_change) v;
    size_t n_of[MANIFEST_CHANGE_KIND_COUNT];
};

static void add_change(struct arena *a, struct changes_vec *c, struct manifest_change x)
{
    VEC_PUSH(a, &c->v, x);
    c->n_of[x.kind]++;
}

static struct manifest_changes changes_of(const struct changes_vec *c)
{
    struct manifest_changes r = {.v = c->v.v, .n = c->v.n};

    memcpy(r.n_of, c->n_of, sizeof r.n_of);
    return r;
}

struct manifest_changes manifest_compare(struct arena *a, const struct manifest *base, const struct manifest *now)
{
    struct changes_vec c = {0};
    size_t i = 0, j = 0;

    while (i < base->n || j < now->n) {
        const struct manifest_entry *x = i < base->n ? &base->v[i] : NULL, *y = j < now->n ? &now->v[j] : NULL;
        int order = !x ? 1 : !y ? -1 : strcmp(x->path, y->path);

        if (order < 0) {
            add_change(a, &c, (struct manifest_change){.kind = MANIFEST_REMOVED, .from = x});
        } else if (order > 0) {
            add_change(a, &c, (struct manifest_change){.kind = MANIFEST_ADDED, .to = y});
        } else {
            unsigned what = what_differs(x, y);

            if (what != 0)
                add_change(a, &c, (struct manifest_change){.kind = MANIFEST_CHANGED, .what = what, .from = x, .to = y});
        }
        i += order <= 0;
        j += order >= 0;
    }
    return changes_of(&c);
}

/* Whether local has what remote has now. */
static bool is_in_local(const struct manifest *local, const struct manifest_change *c)
{
    const struct manifest_entry *there = c->to ? c->to : c->from, *here = manifest_find(local, there->path);

    return c->to ? here && what_differs(here, c->to) == 0 : !here;
}

struct manifest_three_way manifest_three_way(struct arena *a, const struct manifest *seed, const struct manifest *remote,
                                             const struct manifest *local)
{
    const struct manifest nothing = {0};
    const struct manifest *base = seed ? seed : &nothing;
    struct manifest_three_way r = {.remote = manifest_compare(a, base, remote), .local = manifest_compare(a, base, local)};
    struct changes_vec lost = {0};

    for (size_t i = 0; i < r.remote.n; i++) {
        const struct manifest_change *c = &r.remote.v[i];

        if (is_in_local(local, c))
            continue;
        add_change(a, &lost, *c);
        if (c->to)
            r.lost_bytes += c->to->size;
    }
    r.lost = changes_of(&lost);
    if (manifest_compare(a, remote, local).n == 0)
        r.verdict = MANIFEST_SAME;
    else if (r.lost.n == 0)
        r.verdict = MANIFEST_REMOTE_UNCHANGED;
    else
        r.verdict = r.local.n == 0 ? MANIFEST_REMOTE_CHANGED : MANIFEST_BOTH_CHANGED;
    return r;
}

static void put_separated(struct buf *b, bool *first, const char *text)
{
    buf_puts(b, *first ? " (" : ", ");
    buf_puts(b, text);
    *first = false;
}

static void format_changed(struct buf *b, const struct manifest_change *c)
{
    bool first = true;

    if (!c->from || !c->to)
        abort();
    if (c->what & MANIFEST_WHAT_TYPE) {
        put_separated(b, &first, type_names[c->from->type]);
        buf_printf(b, " -> %s", type_names[c->to->type]);
    }
    if (c->what & MANIFEST_WHAT_CONTENT)
        put_separated(b, &first, "content");
    if (c->what & MANIFEST_WHAT_TARGET) {
        put_separated(b, &first, "target ");
        text_escape(b, c->from->target, strlen(c->from->target));
        buf_puts(b, " -> ");
        text_escape(b, c->to->target, strlen(c->to->target));
    }
    if (c->what & MANIFEST_WHAT_MODE) {
        put_separated(b, &first, "mode ");
        buf_printf(b, "%o -> %o", c->from->mode, c->to->mode);
    }
    buf_puts(b, first ? "" : ")");
}

static void format_added(struct buf *b, const struct manifest_entry *x)
{
    switch (x->type) {
    case MANIFEST_DIR:
        buf_putc(b, '/');
        return;
    case MANIFEST_FILE:
        buf_printf(b, " (%llu byte%s)", (unsigned long long)x->size, x->size == 1 ? "" : "s");
        return;
    case MANIFEST_LINK:
        buf_puts(b, " -> ");
        text_escape(b, x->target, strlen(x->target));
        return;
    case MANIFEST_TYPE_COUNT:
        break;
    }
    abort();
}

void manifest_changes_format(struct buf *b, const struct manifest_changes *c, size_t max)
{
    static const char marks[MANIFEST_CHANGE_KIND_COUNT] = {
        [MANIFEST_ADDED] = '+', [MANIFEST_CHANGED] = '~', [MANIFEST_REMOVED] = '-'};

    for (size_t i = 0; i < c->n && i < max; i++) {
        const struct manifest_change *x = &c->v[i];
        const struct manifest_entry *at = x->to ? x->to : x->from;

        buf_printf(b, "  %c ", marks[x->kind]);
        text_escape(b, at->path, strlen(at->path));
        if (x->kind == MANIFEST_ADDED)
            format_added(b, at);
        else if (x->kind == MANIFEST_CHANGED)
            format_changed(b, x);
        buf_putc(b, '\n');
    }
    if (c->n > max)
        buf_printf(b, "  and %zu more\n", c->n - max);
}
