/* node: one tree for YAML, JSON and JSON5, with the position of every value and key. Plain data in an arena; built by the
 * readers, by $include's merge and by our own code, and never freed alone. Objects keep the order of first insertion;
 * a duplicate key takes the later value at the first place, as JavaScript does (readers that refuse duplicates do so
 * themselves). Looking a key up costs O(1), also in an object of a hundred thousand members. */
#ifndef RECONCLAW_SPEC_NODE_H
#define RECONCLAW_SPEC_NODE_H

#include "spec/base/arena.h"
#include "spec/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a value stands: 1-based line and column (in code points), file as the user named it. file NULL: nowhere (a default). */
struct pos {
    const char *file;
    unsigned line, col;
};

enum node_kind { NODE_NULL, NODE_BOOL, NODE_NUMBER, NODE_STRING, NODE_ARRAY, NODE_OBJECT, NODE_KIND_COUNT };

struct node_member {
    const char *key; /* NUL-terminated; key_n tells the length where a key holds NULs */
    size_t key_n;
    struct pos pos; /* of the key */
    struct node *value;
};

struct node {
    enum node_kind kind;
    bool secret; /* came, in whole or part, from an environment variable or a secret reference: shown as "(sensitive)" */
    struct pos pos;
    union {
        bool b;
        double num;
        struct {
            const char *s; /* NUL-terminated, may hold NULs; s_n bytes */
            size_t s_n;
        };
        struct {
            struct node **items;
            size_t n_items, items_cap;
        };
        struct {
            struct node_member *members;
            size_t n_members, members_cap;
            uint32_t *index; /* private: open addressing over members, once there are many */
            size_t index_cap;
        };
    };
};

struct node *node_null(struct arena *a);
struct node *node_bool(struct arena *a, bool b);
struct node *node_number(struct arena *a, double d);
struct node *node_string(struct arena *a, const char *s); /* copies */
struct node *node_string_n(struct arena *a, const char *s, size_t n);
struct node *node_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct node *node_text(struct arena *a, const char *s); /* a string, or null where it is NULL */
struct node *node_array(struct arena *a);
struct node *node_object(struct arena *a);

void node_push(struct arena *a, struct node *array, struct node *value);
/* Sets or replaces; the key is copied. Returns the member. */
struct node_member *node_set(struct arena *a, struct node *object, const char *key, struct node *value);
struct node_member *node_set_n(struct arena *a, struct node *object, const char *key, size_t key_n, struct node *value);
/* Room for n members in all, where that many are to come: growing step by step leaves the smaller blocks in the arena. */
void node_reserve(struct arena *a, struct node *object, size_t n);
/* As node_set, but the key is not copied: for a literal, or what lives as long as the object. */
struct node_member *node_put(struct arena *a, struct node *object, const char *key, struct node *value);
/* A string; where it is NULL, nothing. */
void node_set_text(struct arena *a, struct node *object, const char *key, const char *s);
bool node_unset(struct node *object, const char *key); /* O(n) */
/* NULL object, an object of another kind, or no such key: NULL. */
struct node *node_get(const struct node *object, const char *key);
struct node_member *node_member(const struct node *object, const char *key, size_t key_n);
/* node_get over a path: node_path(root, "agents", "defaults", NULL). */
struct node *node_path(const struct node *root, ...) __attribute__((sentinel));
struct node *node_copy(struct arena *a, const struct node *n); /* deep */
/* Of an object: its own members, whose keys and values are shared with the old one. For setting members, not for changing
 * anything below them. */
struct node *node_share(struct arena *a, const struct node *object);
bool node_equal(const struct node *a, const struct node *b); /* deep; member order does not count */

static inline bool node_is(const struct node *n, enum node_kind kind) /* NULL is nothing */
{
    return n && n->kind == kind;
}
const char *node_str(const struct node *n);      /* the string, or NULL where it is no string */
const char *node_kind_name(enum node_kind kind); /* "null" "boolean" "number" "string" "array" "object" */

/* Puts array-index keys ("0".."4294967294" in canonical form) first and ascending, everywhere below n: JavaScript's order. */
void node_js_order(struct arena *a, struct node *n);

/* JSON.stringify(n) (indent 0) or JSON.stringify(n, null, indent): ECMAScript's numbers and escapes, lone surrogates as
 * \udxxx, NaN and the infinities as null. Secrets are written as they are: for output to people use NODE_EMIT_REDACT. */
enum { NODE_EMIT_REDACT = 1 };
void node_emit(struct buf *b, const struct node *n, unsigned indent, unsigned flags);
char *node_json(struct arena *a, const struct node *n); /* compact, unredacted */
/* One JSON string literal, quotes included. */
void node_emit_string(struct buf *b, const char *s, size_t n);

#endif
