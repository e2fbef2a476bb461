#include "spec/node.h"

#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static struct node *node_new(struct arena *a, enum node_kind kind)
{
    struct node *n = ARENA_NEW(a, struct node);

    n->kind = kind;
    return n;
}

struct node *node_null(struct arena *a)
{
    return node_new(a, NODE_NULL);
}

struct node *node_bool(struct arena *a, bool b)
{
    struct node *n = node_new(a, NODE_BOOL);

    n->b = b;
    return n;
}

struct node *node_number(struct arena *a, double d)
{
    struct node *n = node_new(a, NODE_NUMBER);

    n->num = d;
    return n;
}

struct node *node_string_n(struct arena *a, const char *s, size_t len)
{
    struct node *n = node_new(a, NODE_STRING);

    n->s = arena_memdup0(a, s, len);
    n->s_n = len;
    return n;
}

struct node *node_string(struct arena *a, const char *s)
{
    return node_string_n(a, s, strlen(s));
}

struct node *node_printf(struct arena *a, const char *fmt, ...)
{
    struct node *n = node_new(a, NODE_STRING);
    va_list ap;

    va_start(ap, fmt);
    n->s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    n->s_n = strlen(n->s);
    return n;
}

struct node *node_text(struct arena *a, const char *s)
{
    return s ? node_string(a, s) : node_null(a);
}

struct node *node_array(struct arena *a)
{
    return node_new(a, NODE_ARRAY);
}

struct node *node_object(struct arena *a)
{
    return node_new(a, NODE_OBJECT);
}

void node_push(struct arena *a, struct node *array, struct node *value)
{
    if (array->n_items == array->items_cap)
        array->items = vec_grow(a, array->items, array->n_items, &array->items_cap, sizeof *array->items);
    array->items[array->n_items++] = value;
}

/* --- objects: a plain scan while small, then open addressing over the members ---------------------------------------------- */

#define INDEX_FROM 32 /* members from which the index pays */
#define SLOT_FREE  UINT32_MAX

static uint32_t hash_key(const char *s, size_t n)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a; objects are capped, so a chosen collision costs at most a scan */

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    return (uint32_t)(h ^ h >> 32);
}

static void index_put(struct node *object, size_t i)
{
    const struct node_member *m = &object->members[i];
    size_t slot = hash_key(m->key, m->key_n) & (object->index_cap - 1);

    while (object->index[slot] != SLOT_FREE)
        slot = (slot + 1) & (object->index_cap - 1);
    object->index[slot] = (uint32_t)i;
}

static void index_build(struct arena *a, struct node *object)
{
    object->index_cap = 4 * INDEX_FROM;
    while (object->index_cap < 4 * object->n_members)
        object->index_cap *= 2;
    object->index = ARENA_ARRAY(a, uint32_t, object->index_cap);
    memset(object->index, 0xff, object->index_cap * sizeof *object->index);
    for (size_t i = 0; i < object->n_members; i++)
        index_put(object, i);
}

struct node_member *node_member(const struct node *object, const char *key, size_t key_n)
{
    if (!object || object->kind != NODE_OBJECT)
        return NULL;
    if (!object->index) {
        for (size_t i = 0; i < object->n_members; i++)
            if (object->members[i].key_n == key_n && memcmp(object->members[i].key, key, key_n) == 0)
                return &object->members[i];
        return NULL;
    }
    for (size_t slot = hash_key(key, key_n) & (object->index_cap - 1); object->index[slot] != SLOT_FREE;
         slot = (slot + 1) & (object->index_cap - 1)) {
        struct node_member *m = &object->members[object->index[slot]];

        if (m->key_n == key_n && memcmp(m->key, key, key_n) == 0)
            return m;
    }
    return NULL;
}

static struct node_member *set_member(struct arena *a, struct node *object, const char *key, size_t key_n, struct node *value,
                                      bool copy)
{
    struct node_member *m = node_member(object, key, key_n);

    if (m) {
        m->value = value;
        return m;
    }
    if (object->n_members == object->members_cap)
        object->members = vec_grow(a, object->members, object->n_members, &object->members_cap, sizeof *object->members);
    m = &object->members[object->n_members++];
    *m =
        (struct node_member){.key = copy ? arena_memdup0(a, key, key_n) : key, .key_n = key_n, .pos = value->pos, .value = value};
    if (object->index && 2 * object->n_members <= object->index_cap)
        index_put(object, object->n_members - 1);
    else if (object->n_members >= INDEX_FROM)
        index_build(a, object);
    return m;
}

struct node_member *node_set_n(struct arena *a, struct node *object, const char *key, size_t key_n, struct node *value)
{
    return set_member(a, object, key, key_n, value, true);
}

struct node_member *node_set(struct arena *a, struct node *object, const char *key, struct node *value)
{
    return set_member(a, object, key, strlen(key), value, true);
}

struct node_member *node_put(struct arena *a, struct node *object, const char *key, struct node *value)
{
    return set_member(a, object, key, strlen(key), value, false);
}

void node_reserve(struct arena *a, struct node *object, size_t n)
{
    if (n <= object->members_cap)
        return;
    struct node_member *bigger = ARENA_ARRAY(a, struct node_member, n);
    if (object->n_members > 0)
        memcpy(bigger, object->members, object->n_members * sizeof *bigger);
    object->members = bigger;
    object->members_cap = n;
}

void node_set_text(struct arena *a, struct node *object, const char *key, const char *s)
{
    if (s)
        node_set(a, object, key, node_string(a, s));
}

bool node_unset(struct node *object, const char *key)
{
    struct node_member *m = node_member(object, key, strlen(key));

    if (!m)
        return false;
    size_t i = (size_t)(m - object->members);
    memmove(m, m + 1, (object->n_members - i - 1) * sizeof *m);
    object->n_members--;
    if (object->index) {
        memset(object->index, 0xff, object->index_cap * sizeof *object->index);
        for (size_t k = 0; k < object->n_members; k++)
            index_put(object, k);
    }
    return true;
}

struct node *node_get(const struct node *object, const char *key)
{
    struct node_member *m = node_member(object, key, strlen(key));

    return m ? m->value : NULL;
}

struct node *node_path(const struct node *root, ...)
{
    const struct node *n = root;
    const char *key;
    va_list ap;

    va_start(ap, root);
    while (n && (key = va_arg(ap, const char *)))
        n = node_get(n, key);
    va_end(ap);
    return (struct node *)n;
}

struct node *node_copy(struct arena *a, const struct node *n)
{
    struct node *c = ARENA_NEW(a, struct node);

    *c = *n;
    switch (n->kind) {
    case NODE_NULL:
    case NODE_BOOL:
    case NODE_NUMBER:
        break;
    case NODE_STRING:
        c->s = arena_memdup0(a, n->s, n->s_n);
        break;
    case NODE_ARRAY:
        c->items = ARENA_ARRAY(a, struct node *, n->n_items);
        c->items_cap = n->n_items;
        for (size_t i = 0; i < n->n_items; i++)
            c->items[i] = node_copy(a, n->items[i]);
        break;
    case NODE_OBJECT:
        c->members = ARENA_ARRAY(a, struct node_member, n->n_members);
        c->members_cap = n->n_members;
        c->index = NULL;
        for (size_t i = 0; i < n->n_members; i++) {
            c->members[i] = n->members[i];
            c->members[i].key = arena_memdup0(a, n->members[i].key, n->members[i].key_n);
            c->members[i].value = node_copy(a, n->members[i].value);
        }
        if (n->index)
            index_build(a, c);
        break;
    case NODE_KIND_COUNT:
        abort();
    }
    return c;
}

struct node *node_share(struct arena *a, const struct node *object)
{
    struct node *c = ARENA_NEW(a, struct node);

    *c = *object;
    c->members_cap = object->n_members + 4;
    c->members = ARENA_ARRAY(a, struct node_member, c->members_cap);
    if (object->n_members > 0)
        memcpy(c->members, object->members, object->n_members * sizeof *c->members);
    c->index = NULL;
    if (object->index)
        index_build(a, c);
    return c;
}

bool node_equal(const struct node *a, const struct node *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case NODE_NULL:
        return true;
    case NODE_BOOL:
        return a->b == b->b;
    case NODE_NUMBER:
        return a->num == b->num || (isnan(a->num) && isnan(b->num));
    case NODE_STRING:
        return a->s_n == b->s_n && memcmp(a->s, b->s, a->s_n) == 0;
    case NODE_ARRAY:
        if (a->n_items != b->n_items)
            return false;
        for (size_t i = 0; i < a->n_items; i++)
            if (!node_equal(a->items[i], b->items[i]))
                return false;
        return true;
    case NODE_OBJECT:
        if (a->n_members != b->n_members)
            return false;
        for (size_t i = 0; i < a->n_members; i++) {
            const struct node_member *m = node_member(b, a->members[i].key, a->members[i].key_n);

            if (!m || !node_equal(a->members[i].value, m->value))
                return false;
        }
        return true;
    case NODE_KIND_COUNT:
        break;
    }
    abort();
}

const char *node_str(const struct node *n)
{
    return node_is(n, NODE_STRING) ? n->s : NULL;
}

const char *node_kind_name(enum node_kind kind)
{
    static const char *const names[NODE_KIND_COUNT] = {
        [NODE_NULL] = "null",     [NODE_BOOL] = "boolean", [NODE_NUMBER] = "number",
        [NODE_STRING] = "string", [NODE_ARRAY] = "array",  [NODE_OBJECT] = "object",
    };

    return names[kind];
}

/* --- JavaScript's key order ------------------------------------------------------------------------------------------------- */

/* ECMA-262 array index in canonical form; anything else is UINT64_MAX and keeps its place. */
static uint64_t array_index(const struct node_member *m)
{
    uint64_t v;

    if (m->key_n == 0 || m->key_n > 10 || memchr(m->key, '\0', m->key_n) || (m->key[0] == '0' && m->key_n > 1) ||
        !num_parse_u64(m->key, &v) || v > 4294967294u)
        return UINT64_MAX;
    return v;
}

struct indexed {
    struct node_member member;
    uint64_t rank;
    size_t place;
};

static int compare_indexed(const void *x, const void *y)
{
    const struct indexed *a = x, *b = y;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static void order_members(struct arena *a, struct node *n)
{
    bool any = false;

    for (size_t i = 0; i < n->n_members && !any; i++)
        any = array_index(&n->members[i]) != UINT64_MAX;
    if (!any)
        return;
    struct indexed *v = ARENA_ARRAY(a, struct indexed, n->n_members);
    for (size_t i = 0; i < n->n_members; i++)
        v[i] = (struct indexed){.member = n->members[i], .rank = array_index(&n->members[i]), .place = i};
    qsort(v, n->n_members, sizeof *v, compare_indexed);
    for (size_t i = 0; i < n->n_members; i++)
        n->members[i] = v[i].member;
    if (n->index)
        index_build(a, n);
}

void node_js_order(struct arena *a, struct node *n)
{
    if (n->kind == NODE_ARRAY) {
        for (size_t i = 0; i < n->n_items; i++)
            node_js_order(a, n->items[i]);
    } else if (n->kind == NODE_OBJECT) {
        order_members(a, n);
        for (size_t i = 0; i < n->n_members; i++)
            node_js_order(a, n->members[i].value);
    }
}

/* --- JSON.stringify --------------------------------------------------------------------------------------------------------- */

void node_emit_string(struct buf *b, const char *s, size_t n)
{
    static const char *const escapes[128] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};

    buf_putc(b, '"');
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);

        if (len == 0) {
            buf_puts(b, "\xef\xbf\xbd"); /* U+FFFD, as every decoder to JavaScript strings gives */
            len = 1;
        } else if (cp < 128 && escapes[cp]) {
            buf_puts(b, escapes[cp]);
        } else if (cp < 0x20 || (cp >= 0xd800 && cp <= 0xdfff)) {
            buf_printf(b, "\\u%04x", cp);
        } else {
            buf_put(b, s + i, len);
        }
        i += len;
    }
    buf_putc(b, '"');
}

static void emit_break(struct buf *b, unsigned indent, unsigned depth)
{
    if (indent == 0)
        return;
    buf_putc(b, '\n');
    for (unsigned i = 0; i < indent * depth; i++)
        buf_putc(b, ' ');
}

static void emit_value(struct buf *b, const struct node *n, unsigned indent, unsigned flags, unsigned depth)
{
    char number[JS_NUMBER_MAX];

    if (n->secret && (flags & NODE_EMIT_REDACT)) {
        buf_puts(b, "\"(sensitive)\"");
        return;
    }
    switch (n->kind) {
    case NODE_NULL:
        buf_puts(b, "null");
        break;
    case NODE_BOOL:
        buf_puts(b, n->b ? "true" : "false");
        break;
    case NODE_NUMBER:
        buf_puts(b, isfinite(n->num) ? js_number(n->num, number) : "null");
        break;
    case NODE_STRING:
        node_emit_string(b, n->s, n->s_n);
        break;
    case NODE_ARRAY:
        buf_putc(b, '[');
        for (size_t i = 0; i < n->n_items; i++) {
            if (i > 0)
                buf_putc(b, ',');
            emit_break(b, indent, depth + 1);
            emit_value(b, n->items[i], indent, flags, depth + 1);
        }
        if (n->n_items > 0)
            emit_break(b, indent, depth);
        buf_putc(b, ']');
        break;
    case NODE_OBJECT:
        buf_putc(b, '{');
        for (size_t i = 0; i < n->n_members; i++) {
            if (i > 0)
                buf_putc(b, ',');
            emit_break(b, indent, depth + 1);
            node_emit_string(b, n->members[i].key, n->members[i].key_n);
            buf_puts(b, indent ? ": " : ":");
            emit_value(b, n->members[i].value, indent, flags, depth + 1);
        }
        if (n->n_members > 0)
            emit_break(b, indent, depth);
        buf_putc(b, '}');
        break;
    case NODE_KIND_COUNT:
        abort();
    }
}

void node_emit(struct buf *b, const struct node *n, unsigned indent, unsigned flags)
{
    emit_value(b, n, indent, flags, 0);
}

char *node_json(struct arena *a, const struct node *n)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    node_emit(&b, n, 0, 0);
    return arena_memdup0(a, buf_str(&b), b.n);
}
