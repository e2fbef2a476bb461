/* schema: what an object of a config may hold, written down once as static const tables. The same table checks a tree
 * (schema_check), gives the JSON Schema that editors use (schema_json), and is what a decoder's completeness test walks.
 *
 *     static const struct schema_field limits_fields[] = {
 *         {"memory", "Most memory it may use.", {SCHEMA_SIZE}},
 *         {"pids", "Most processes at a time.", {SCHEMA_INT, .range = SCHEMA_RANGE(1, JS_MAX_SAFE_INTEGER)}},
 *     };
 *     static const struct schema_object limits = SCHEMA_OBJECT_OF("limits", "What it may use.", limits_fields);
 *
 * Rules: all errors of a tree are reported, each at the key or value that causes it; objects are strict; null is never taken
 * for absent; nothing is coerced. Values are not repeated in messages where the node is secret. */
#ifndef RECONCLAW_SPEC_SCHEMA_H
#define RECONCLAW_SPEC_SCHEMA_H

#include "spec/base/arena.h"
#include "spec/diag.h"
#include "spec/node.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
    SCHEMA_STRING,   /* no NUL inside. min_length, check, pattern */
    SCHEMA_BOOL,     /* */
    SCHEMA_INT,      /* a whole number. range */
    SCHEMA_NUMBER,   /* a finite number. range */
    SCHEMA_ENUM,     /* one of words[], case counts */
    SCHEMA_DURATION, /* "250ms" "5m" "1h30m" "7d", or the number 0, which needs no unit. range in milliseconds */
    SCHEMA_SIZE,     /* "512m", or a whole number of bytes. range in bytes */
    SCHEMA_LIST,     /* of item. range: how many */
    SCHEMA_MAP,      /* any name -> item. key_check, key_pattern */
    SCHEMA_OBJECT,   /* object */
    SCHEMA_SWITCH,   /* an object whose table depends on the word under a key of its own: choice */
    SCHEMA_UNION,    /* the first of any[] that takes this kind of JSON value; alternatives differ in that kind */
    SCHEMA_ANY,      /* free-form, null excepted */
    SCHEMA_TYPE_COUNT
};

struct schema_range {
    double min, max;
    bool above_min; /* min itself is too small */
};
/* For .range; open ends are -INFINITY and INFINITY. */
#define SCHEMA_RANGE(lo, hi) (&(const struct schema_range){.min = (lo), .max = (hi)})
#define SCHEMA_ABOVE(lo)     (&(const struct schema_range){.min = (lo), .max = INFINITY, .above_min = true})
/* For .words */
#define SCHEMA_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A key that is not in a table, or a word that is none of an enum's, but that people write: its own remark, not a guess. */
struct schema_hint {
    const char *key, *text;
};

/* Where a hook stands, and through which it reports. */
struct schema_at {
    struct arena *a;
    struct diags *d;
    const char *key; /* full path: "spec.limits.memory" */
    const struct node *node;
    unsigned *found; /* private */
};

struct schema_value {
    enum schema_type type;
    unsigned min_length; /* of a string, in bytes: 1 refuses "" */
    const struct schema_range *range;
    const char *const *words;                /* of an enum, NULL-terminated */
    const struct schema_hint *word_hints;    /* of an enum, ended by a NULL key, or NULL */
    const struct schema_value *item;         /* of a list or map */
    const struct schema_object *object;      /* of an object */
    const struct schema_switch *choice;      /* of a switch */
    const struct schema_value *const *any;   /* of a union, NULL-terminated */
    void (*check)(const struct schema_at *); /* looked at only where the type is right; reports by schema_fail */
    const char *pattern; /* of a string, for the JSON Schema: what `check` enforces, as far as a regular expression can say it */
    void (*key_check)(const struct schema_at *, const char *name); /* of a map: each name; at->node is its value */
    const char *key_pattern;
};

struct schema_field {
    const char *key;
    const char *doc; /* one or two sentences, for editors and the manual */
    struct schema_value value;
    bool required;
    const char *def; /* what holds where the key is absent, as JSON text ("\"none\"", "5"), or NULL where there is none to tell */
};

struct schema_object {
    const char *name; /* unique among tables of one JSON Schema: "limits" */
    const char *doc;
    const struct schema_field *fields;
    size_t n_fields;
    bool open;                       /* keys that are not in the table are kept and not judged */
    bool one_of;                     /* exactly one field is given */
    const struct schema_hint *hints; /* ended by a NULL key, or NULL */
    /* Rules over several keys. Runs also where there are unknown keys or values out of range, but not where something in this
     * object, however deep, has a wrong type, an unknown word, or is missing. */
    void (*cross)(const struct schema_at *);
    bool cross_always; /* the hook looks at kinds itself: run it where there are wrong types too */
    /* Adds to the JSON Schema of this object what of `cross` it can express. */
    void (*cross_json)(struct arena *a, struct node *schema);
};
#define SCHEMA_OBJECT_OF(n, d, f)                                                                                                \
    {                                                                                                                            \
        .name = (n), .doc = (d), .fields = (f), .n_fields = sizeof(f) / sizeof((f)[0])                                           \
    }

/* "source: env|file|exec": each case's table holds `key` too, as an enum. */
struct schema_switch {
    const char *name, *doc;
    const char *key;
    const struct schema_case {
        const char *word;
        const struct schema_object *object;
    } * cases;
    size_t n_cases;
};

/* Simple types, for .item and .any. */
extern const struct schema_value schema_string, schema_bool, schema_number;

/* What was wrong, as a set. */
enum { SCHEMA_BAD_TYPE = 1, SCHEMA_BAD_VALUE = 2, SCHEMA_BAD_KEY = 4 };

/* Adds every error of `n` to d and returns what kinds there were; 0: n is as the table says. key is the path of n itself, ""
 * for the root. n NULL is a missing object, an error. */
unsigned schema_check(struct arena *a, const struct schema_object *table, const struct node *n, const char *key, struct diags *d);
unsigned schema_check_value(struct arena *a, const struct schema_value *v, const struct node *n, const char *key,
                            struct diags *d);

/* For hooks. schema_fail: at the value itself. schema_fail_in: at the value of `key` in the object at hand, or at the object
 * where it has no such key. */
void schema_fail(const struct schema_at *at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void schema_fail_in(const struct schema_at *at, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "a string", "a whole number from 1 to 100", "one of none, ro, rw", "a list of strings", "a string or an object". */
const char *schema_describe(struct arena *a, const struct schema_value *v);

/* Of a node that passes as a size (texts as engine_parse_size reads them); false for any other. */
bool schema_size_bytes(const struct node *n, uint64_t *ret_bytes);

/* Likewise of a duration. */
bool schema_duration_ms(const struct node *n, int64_t *ret_ms);

const struct schema_field *schema_find(const struct schema_object *t, const char *key);

/* JSON Schema, draft-07, of one value: shared tables go to "definitions". id and title may be NULL. */
struct node *schema_json(struct arena *a, const struct schema_value *root, const char *id, const char *title);

#endif
