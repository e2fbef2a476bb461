#include "spec/diag.h"

#include "spec/base/limits.h"
#include "spec/base/vec.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void diag_add(struct diags *d, enum diag_level level, struct pos pos, const char *key, const char *fmt, ...)
{
    va_list ap;

    if (level == DIAG_ERROR)
        d->n_errors++;
    if (d->n >= LIMIT_DIAGS) {
        d->truncated = true;
        return;
    }
    if (d->n == d->cap)
        d->v = vec_grow(d->arena, d->v, d->n, &d->cap, sizeof *d->v);
    va_start(ap, fmt);
    d->v[d->n++] = (struct diag){
        .level = level, .pos = pos, .key = arena_strdup(d->arena, key ? key : ""), .msg = arena_vprintf(d->arena, fmt, ap)};
    va_end(ap);
}

/* A file's rank is where it first appeared; entries keep their order of addition by index. */
struct ranked {
    struct diag diag;
    size_t file, index;
};

static int compare_ranked(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;

    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (a->diag.pos.line != b->diag.pos.line)
        return a->diag.pos.line < b->diag.pos.line ? -1 : 1;
    if (a->diag.pos.col != b->diag.pos.col)
        return a->diag.pos.col < b->diag.pos.col ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static bool same(const struct diag *a, const struct diag *b)
{
    return a->level == b->level && text_eq(a->pos.file, b->pos.file) && a->pos.line == b->pos.line && a->pos.col == b->pos.col &&
           strcmp(a->key, b->key) == 0 && strcmp(a->msg, b->msg) == 0;
}

void diags_sort(struct diags *d)
{
    struct ranked *r = ARENA_ARRAY(d->arena, struct ranked, d->n);
    size_t n = 0;

    if (d->n == 0)
        return;
    for (size_t i = 0; i < d->n; i++) {
        size_t file = 0;

        while (!text_eq(d->v[file].pos.file, d->v[i].pos.file))
            file++;
        r[i] = (struct ranked){.diag = d->v[i], .file = file, .index = i};
    }
    qsort(r, d->n, sizeof *r, compare_ranked);
    for (size_t i = 0; i < d->n; i++) {
        if (n > 0 && same(&d->v[n - 1], &r[i].diag)) {
            d->n_errors -= r[i].diag.level == DIAG_ERROR;
            continue;
        }
        d->v[n++] = r[i].diag;
    }
    d->n = n;
}

#define KEY_SHOWN 400

/* A path of hundreds of steps helps nobody: of a long one the ends are shown. */
static void put_key(struct buf *b, const char *key)
{
    size_t n = strlen(key), cut = KEY_SHOWN / 2;

    if (n <= KEY_SHOWN) {
        text_escape(b, key, n);
        return;
    }
    while (cut > 0 && ((unsigned char)key[cut] & 0xc0) == 0x80)
        cut--;
    text_escape(b, key, cut);
    buf_puts(b, " ... ");
    for (cut = n - KEY_SHOWN / 2; ((unsigned char)key[cut] & 0xc0) == 0x80;)
        cut++;
    text_escape(b, key + cut, n - cut);
}

void diag_format(struct buf *b, const struct diag *d)
{
    if (d->pos.file) {
        text_escape(b, d->pos.file, strlen(d->pos.file));
        if (d->pos.line > 0)
            buf_printf(b, ":%u:%u", d->pos.line, d->pos.col);
        buf_puts(b, ": ");
    }
    if (d->key[0]) {
        put_key(b, d->key);
        buf_puts(b, ": ");
    }
    if (d->level == DIAG_WARNING)
        buf_puts(b, "warning: ");
    text_escape(b, d->msg, strlen(d->msg));
}

static bool is_plain(const char *key)
{
    if (!key[0])
        return false;
    for (const char *p = key; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' ||
              *p == '$'))
            return false;
    return true;
}

char *diag_key(struct arena *a, const char *parent, const char *key)
{
    if (is_plain(key))
        return arena_printf(a, "%s%s%s", parent, parent[0] ? "." : "", key);
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);
    node_emit_string(&b, key, strlen(key));
    return arena_printf(a, "%s[%s]", parent, buf_str(&b));
}

char *diag_index(struct arena *a, const char *parent, size_t i)
{
    return arena_printf(a, "%s[%zu]", parent, i);
}
