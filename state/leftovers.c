#include "state/leftovers.h"

#include "spec/base/digest.h"
#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/node.h"
#include "spec/read/json.h"
#include "state/quarantine.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1

/* --- the format ------------------------------------------------------------------------------------------------------------ */

/* Numbers of inodes do not fit a JSON number: they are texts. */
enum field_type { FIELD_TEXT, FIELD_TIME, FIELD_U64 };

static const struct leftover_field {
    const char *key;
    size_t at;
    enum field_type type;
    bool required;
} leftover_fields[] = {
#define AT(member) offsetof(struct leftover, member)
    {"install", AT(install), FIELD_TEXT, true},
    {"root", AT(root), FIELD_TEXT, true},
    {"slug", AT(slug), FIELD_TEXT, true},
    {"entry", AT(entry), FIELD_TEXT, true},
    {"endpoint", AT(endpoint), FIELD_TEXT, true},
    {"runtime", AT(runtime), FIELD_TEXT, true},
    {"scopeKey", AT(scope_key), FIELD_TEXT, false},
    {"reason", AT(reason), FIELD_TEXT, false},
    {"atMs", AT(at_ms), FIELD_TIME, true},
    {"dev", AT(dev), FIELD_U64, true},
    {"ino", AT(ino), FIELD_U64, true},
    {"bytes", AT(bytes), FIELD_TIME, true},
    {"error", AT(error), FIELD_TEXT, false},
#undef AT
};
#define N_FIELDS (sizeof leftover_fields / sizeof *leftover_fields)

void leftover_format(struct arena *a, const struct leftover *l, struct buf *out)
{
    struct node *o = node_object(a);

    node_set(a, o, "format", node_number(a, FORMAT_VERSION));
    node_set(a, o, "state", node_string(a, leftover_state_name(l->state)));
    node_set(a, o, "kind", node_string(a, runtime_kind_name(l->kind)));
    for (size_t i = 0; i < N_FIELDS; i++) {
        const void *p = (const char *)l + leftover_fields[i].at;
        struct node *v = NULL;

        switch (leftover_fields[i].type) {
        case FIELD_TEXT:
            v = *(const char *const *)p ? node_string(a, *(const char *const *)p) : NULL;
            break;
        case FIELD_TIME:
            v = node_number(a, (double)*(const int64_t *)p);
            break;
        case FIELD_U64:
            v = node_printf(a, "%llu", (unsigned long long)*(const uint64_t *)p);
            break;
        }
        if (v)
            node_set(a, o, leftover_fields[i].key, v);
    }
    node_emit(out, o, 2, 0);
    buf_putc(out, '\n');
}

static bool decode_field(struct arena *a, const struct node *v, const struct leftover_field *f, struct leftover *l)
{
    void *p = (char *)l + f->at;

    switch (f->type) {
    case FIELD_TEXT:
        if (!node_is(v, NODE_STRING) || strlen(v->s) != v->s_n)
            return false;
        *(const char **)p = arena_strdup(a, v->s);
        return true;
    case FIELD_TIME:
        if (!node_is(v, NODE_NUMBER) || v->num != floor(v->num) || fabs(v->num) > JS_MAX_SAFE_INTEGER)
            return false;
        *(int64_t *)p = (int64_t)v->num;
        return true;
    case FIELD_U64:
        return node_is(v, NODE_STRING) && num_parse_u64(v->s, p);
    }
    return false;
}

static bool decode_word(const struct node *v, const char *(*name)(int), int n, int *ret)
{
    for (int i = 0; i < n; i++)
        if (text_eq(node_str(v), name(i))) {
            *ret = i;
            return true;
        }
    return false;
}

static const char *state_name(int i)
{
    return leftover_state_name((enum leftover_state)i);
}

static const char *kind_name(int i)
{
    return runtime_kind_name((enum runtime_kind)i);
}

int leftover_decode(struct arena *a, const char *bytes, size_t n, struct leftover *ret, struct err *e)
{
    struct leftover l = {0};
    const struct node *root = json_read_err(a, "leftover", bytes, n, e), *format;
    int state, kind;

    if (!root)
        return -1;
    format = node_get(root, "format");
    if (!node_is(format, NODE_NUMBER) || format->num != FORMAT_VERSION)
        return err_set(e, ERR_INPUT, 0, "leftover: format is not %d", FORMAT_VERSION);
    if (!decode_word(node_get(root, "state"), state_name, LEFTOVER_STATE_COUNT, &state) ||
        !decode_word(node_get(root, "kind"), kind_name, RUNTIME_KIND_COUNT, &kind))
        return err_set(e, ERR_INPUT, 0, "leftover: unknown state or kind");
    l.state = (enum leftover_state)state;
    l.kind = (enum runtime_kind)kind;
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct node *v = node_get(root, leftover_fields[i].key);

        if (v ? !decode_field(a, v, &leftover_fields[i], &l) : leftover_fields[i].required)
            return err_set(e, ERR_INPUT, 0, "leftover: %s is %s", leftover_fields[i].key, v ? "of the wrong type" : "missing");
    }
    /* Paths are made of these. */
    if (l.root[0] != '/' || !quarantine_slug_ok(l.slug) || !text_eq(quarantine_entry_slug(l.entry), l.slug))
        return err_set(e, ERR_INPUT, 0, "leftover: root, slug and entry do not belong together");
    *ret = l;
    return 0;
}

/* --- the directory --------------------------------------------------------------------------------------------------------- */

static const struct file_dir *dir_of(const struct home *h)
{
    return home_dir(h, "leftovers");
}

static char *file_of(struct arena *a, const struct leftover *l)
{
    const char *key = arena_printf(a, "%zu %zu %s%s%s", strlen(l->root), strlen(l->slug), l->root, l->slug, l->entry);

    return arena_printf(a, "%s.json", digest_sha256(a, key, strlen(key)));
}

static int by_age(const void *px, const void *py)
{
    const struct leftover *x = px, *y = py;
    int c = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);

    if (c == 0)
        c = strcmp(x->root, y->root);
    return c ? c : strcmp(x->entry, y->entry);
}

int leftovers_read(struct home *h, struct arena *a, struct leftovers_view *ret, struct err *e)
{
    const struct file_dir *d = dir_of(h);
    struct leftovers_view view = {0};
    VEC(struct leftover) all = {0};
    struct file_name *names = NULL;
    size_t n_names = 0;

    if (file_list(a, d, &names, &n_names, e) < 0)
        return -1;
    for (size_t i = 0; i < n_names; i++) {
        const char *file = names[i].name;
        struct err own = {0};
        struct leftover l;
        char *bytes = NULL;
        size_t n = 0;

        if (!issue_read_own(a, &view.issues, d, file, &bytes, &n))
            continue;
        if (leftover_decode(a, bytes, n, &l, &own) < 0)
            issue_add(a, &view.issues, ISSUE_CORRUPT, d->path, file, NULL, true, "%s", own.msg);
        else if (!text_eq(file, file_of(a, &l)))
            issue_add(a, &view.issues, ISSUE_MISNAMED, d->path, file, l.runtime, false, "is under another's name: not used");
        else
            VEC_PUSH(a, &all, l);
    }
    if (all.n)
        qsort(all.v, all.n, sizeof *all.v, by_age);
    view.v = all.v;
    view.n = all.n;
    *ret = view;
    return 0;
}

int leftover_put(struct home *h, const struct leftover *l, struct err *e)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(LIMIT_SHARD_BYTES);

    leftover_format(a, l, &text);
    if (text.full)
        return err_set(e, ERR_INPUT, 0, "recording '%s/%s': more than %u bytes", l->root, l->slug, LIMIT_SHARD_BYTES);
    if (file_replace(dir_of(h), file_of(a, l), buf_str(&text), text.n, 0600, FILE_SYNC, e) < 0)
        return err_wrap(e, "recording '%s/%s'", l->root, l->slug);
    return 0;
}

int leftover_remove(struct home *h, const struct leftover *l, struct err *e)
{
    ARENA_AUTO a = arena_new();

    if (file_remove(dir_of(h), file_of(a, l), e) < 0)
        return err_wrap(e, "removing the record of '%s/%s'", l->root, l->slug);
    return 0;
}
