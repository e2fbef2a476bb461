#include "spec/schema.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/engine_value.h"

#include <string.h>

const struct schema_value schema_string = {SCHEMA_STRING};
const struct schema_value schema_bool = {SCHEMA_BOOL};
const struct schema_value schema_number = {SCHEMA_NUMBER};

/* How much of a wrong word is repeated in a message. */
#define WORD_SHOWN 40
/* So many known keys are listed where there is no better guess. */
#define KEYS_LISTED 12

struct run {
    struct arena *a;
    struct diags *d;
};

static unsigned check_value(const struct run *r, const struct schema_value *v, const struct node *n, const char *key);
static bool takes_kind(const struct schema_value *v, enum node_kind kind);

static const struct schema_hint *hint_find(const struct schema_hint *h, const char *key)
{
    for (; h && h->key; h++)
        if (strcmp(h->key, key) == 0)
            return h;
    return NULL;
}

const struct schema_field *schema_find(const struct schema_object *t, const char *key)
{
    for (size_t i = 0; i < t->n_fields; i++)
        if (strcmp(t->fields[i].key, key) == 0)
            return &t->fields[i];
    return NULL;
}

/* --- in words -------------------------------------------------------------------------------------------------------- */

static const char *bound_text(struct arena *a, enum schema_type type, double x)
{
    char out[48];
    if (type == SCHEMA_DURATION)
        return arena_strdup(a, num_format_duration((int64_t)x, out));
    return arena_strdup(a, js_number(x, out));
}

static const char *range_text(struct arena *a, const struct schema_value *v)
{
    const struct schema_range *r = v->range;
    if (!r || (isinf(r->min) && isinf(r->max)))
        return "";
    const char *unit = v->type == SCHEMA_SIZE ? " bytes" : "";
    if (isinf(r->max))
        return arena_printf(a, r->above_min ? " above %s%s" : " of at least %s%s", bound_text(a, v->type, r->min), unit);
    if (isinf(r->min))
        return arena_printf(a, " of at most %s%s", bound_text(a, v->type, r->max), unit);
    return arena_printf(a, " from %s to %s%s", bound_text(a, v->type, r->min), bound_text(a, v->type, r->max), unit);
}

static const char *words_text(struct arena *a, const char *const *words)
{
    const char *t = words[0];
    for (size_t i = 1; words[i]; i++)
        t = arena_printf(a, "%s, %s", t, words[i]);
    return t;
}

/* "strings" for a list of them. */
static const char *plural(struct arena *a, const struct schema_value *v)
{
    switch (v->type) {
    case SCHEMA_STRING:
        return "strings";
    case SCHEMA_BOOL:
        return "booleans";
    case SCHEMA_INT:
        return "whole numbers";
    case SCHEMA_NUMBER:
        return "numbers";
    case SCHEMA_DURATION:
        return "durations";
    case SCHEMA_SIZE:
        return "sizes";
    case SCHEMA_OBJECT:
    case SCHEMA_SWITCH:
        return "objects";
    case SCHEMA_LIST:
        return "lists";
    case SCHEMA_MAP:
        return "maps";
    case SCHEMA_ENUM:
    case SCHEMA_UNION:
        return arena_printf(a, "values, each %s", schema_describe(a, v));
    case SCHEMA_ANY:
    case SCHEMA_TYPE_COUNT:
        break;
    }
    return "values";
}

const char *schema_describe(struct arena *a, const struct schema_value *v)
{
    switch (v->type) {
    case SCHEMA_STRING:
        return "a string";
    case SCHEMA_BOOL:
        return "true or false";
    case SCHEMA_INT:
        return arena_printf(a, "a whole number%s", range_text(a, v));
    case SCHEMA_NUMBER:
        return arena_printf(a, "a number%s", range_text(a, v));
    case SCHEMA_ENUM:
        return arena_printf(a, v->words[1] ? "one of %s" : "%s", words_text(a, v->words));
    case SCHEMA_DURATION:
        return arena_printf(a, "a duration such as 90s or 1h30m%s", range_text(a, v));
    case SCHEMA_SIZE:
        return arena_printf(a, "a size such as 512m%s", range_text(a, v));
    case SCHEMA_LIST:
        return arena_printf(a, "a list of %s", plural(a, v->item));
    case SCHEMA_MAP:
        return arena_printf(a, "an object of %s", plural(a, v->item));
    case SCHEMA_OBJECT:
    case SCHEMA_SWITCH:
        return "an object";
    case SCHEMA_UNION: {
        const char *t = schema_describe(a, v->any[0]);
        for (size_t i = 1; v->any[i]; i++)
            t = arena_printf(a, "%s or %s", t, schema_describe(a, v->any[i]));
        return t;
    }
    case SCHEMA_ANY:
    case SCHEMA_TYPE_COUNT:
        break;
    }
    return "any value but null";
}

static const char *got_text(const struct node *n)
{
    switch (n->kind) {
    case NODE_NULL:
        return "null (leave the key out instead)";
    case NODE_BOOL:
        return "a boolean";
    case NODE_NUMBER:
        return "a number";
    case NODE_STRING:
        return "a string";
    case NODE_ARRAY:
        return "a list";
    case NODE_OBJECT:
        return "an object";
    case NODE_KIND_COUNT:
        break;
    }
    return "nothing";
}

/* --- errors ---------------------------------------------------------------------------------------------------------- */

void schema_fail(const struct schema_at *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    diag_error(at->d, at->node->pos, at->key, "%s", arena_vprintf(at->a, fmt, ap));
    va_end(ap);
    *at->found |= SCHEMA_BAD_VALUE;
}

void schema_fail_in(const struct schema_at *at, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const struct node *v = node_get(at->node, key);
    diag_error(at->d, v ? v->pos : at->node->pos, diag_key(at->a, at->key, key), "%s", arena_vprintf(at->a, fmt, ap));
    va_end(ap);
    *at->found |= SCHEMA_BAD_VALUE;
}

static unsigned wrong_type(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    /* What YAML read as something else was most likely meant as text. */
    bool unit = v->type == SCHEMA_DURATION && n->kind == NODE_NUMBER;
    bool text = v->type == SCHEMA_STRING || v->type == SCHEMA_ENUM || (v->type == SCHEMA_UNION && takes_kind(v, NODE_STRING));
    bool quote = text && (n->kind == NODE_NUMBER || n->kind == NODE_BOOL);
    diag_error(r->d, n->pos, key, "expected %s, got %s%s", schema_describe(r->a, v), got_text(n),
               quote  ? "; put it in quotes"
               : unit ? "; give it a unit"
                      : "");
    return SCHEMA_BAD_TYPE;
}

/* --- scalars --------------------------------------------------------------------------------------------------------- */

static unsigned check_range(const struct run *r, const struct schema_value *v, const struct node *n, const char *key, double x)
{
    const struct schema_range *range = v->range;
    if (!range)
        return 0;
    double bound = x < range->min ? range->min : range->max;
    const char *unit = v->type == SCHEMA_SIZE ? " bytes" : v->type != SCHEMA_LIST ? "" : bound == 1 ? " item" : " items";
    const char *verb = v->type == SCHEMA_LIST ? "must hold" : "must be";
    if (range->above_min && x <= range->min)
        diag_error(r->d, n->pos, key, "%s above %s%s", verb, bound_text(r->a, v->type, range->min), unit);
    else if (x < range->min)
        diag_error(r->d, n->pos, key, "%s at least %s%s", verb, bound_text(r->a, v->type, range->min), unit);
    else if (x > range->max)
        diag_error(r->d, n->pos, key, "%s at most %s%s", verb, bound_text(r->a, v->type, range->max), unit);
    else
        return 0;
    return SCHEMA_BAD_VALUE;
}

static unsigned check_number(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    if (n->kind != NODE_NUMBER)
        return wrong_type(r, v, n, key);
    if (!isfinite(n->num)) {
        diag_error(r->d, n->pos, key, "expected %s, got a number that is not finite", schema_describe(r->a, v));
        return SCHEMA_BAD_TYPE;
    }
    if (v->type == SCHEMA_INT && trunc(n->num) != n->num) {
        diag_error(r->d, n->pos, key, "expected %s, got a fraction", schema_describe(r->a, v));
        return SCHEMA_BAD_TYPE;
    }
    return check_range(r, v, n, key, n->num);
}

static unsigned check_string(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    if (n->kind != NODE_STRING)
        return wrong_type(r, v, n, key);
    if (memchr(n->s, '\0', n->s_n)) {
        diag_error(r->d, n->pos, key, "must not hold a NUL character");
        return SCHEMA_BAD_VALUE;
    }
    if (n->s_n < v->min_length) {
        diag_error(r->d, n->pos, key, v->min_length == 1 ? "must not be empty" : "must be at least %u bytes long", v->min_length);
        return SCHEMA_BAD_VALUE;
    }
    return 0;
}

static unsigned check_enum(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    if (n->kind != NODE_STRING)
        return wrong_type(r, v, n, key);
    size_t n_words = 0;
    for (; v->words[n_words]; n_words++)
        if (strlen(v->words[n_words]) == n->s_n && memcmp(v->words[n_words], n->s, n->s_n) == 0)
            return 0;
    const struct schema_hint *hint = hint_find(v->word_hints, n->s);
    const char *near = text_closest(n->s, v->words, n_words);
    if (n->secret)
        diag_error(r->d, n->pos, key, "expected %s", schema_describe(r->a, v));
    else if (hint)
        diag_error(r->d, n->pos, key, "'%s': %s", hint->key, hint->text);
    else
        diag_error(r->d, n->pos, key, "expected %s, got '%s%s'%s%s%s", schema_describe(r->a, v),
                   text_escaped(r->a, js_slice(r->a, n->s, WORD_SHOWN)), js_length(n->s, n->s_n) > WORD_SHOWN ? "..." : "",
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return SCHEMA_BAD_TYPE;
}

bool schema_duration_ms(const struct node *n, int64_t *ret_ms)
{
    if (n->kind == NODE_NUMBER && n->num == 0) {
        *ret_ms = 0;
        return true;
    }
    return n->kind == NODE_STRING && strlen(n->s) == n->s_n && num_parse_duration_ms(n->s, ret_ms);
}

static unsigned check_duration(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    int64_t ms = 0;
    if (n->kind != NODE_STRING && !schema_duration_ms(n, &ms))
        return wrong_type(r, v, n, key);
    if (!schema_duration_ms(n, &ms)) {
        diag_error(r->d, n->pos, key, "expected %s (units d h m s ms, the larger first)", schema_describe(r->a, v));
        return SCHEMA_BAD_VALUE;
    }
    return check_range(r, v, n, key, (double)ms);
}

bool schema_size_bytes(const struct node *n, uint64_t *ret_bytes)
{
    struct err e;
    int64_t bytes = 0;
    if (n->kind == NODE_STRING) {
        if (strlen(n->s) != n->s_n || engine_parse_size(n->s, &bytes, &e) < 0)
            return false;
        *ret_bytes = (uint64_t)bytes;
        return true;
    }
    if (n->kind != NODE_NUMBER || !(n->num >= 0) || n->num > JS_MAX_SAFE_INTEGER || trunc(n->num) != n->num)
        return false;
    *ret_bytes = (uint64_t)n->num;
    return true;
}

static unsigned check_size(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    uint64_t bytes = 0;
    if (!takes_kind(v, n->kind))
        return wrong_type(r, v, n, key);
    if (!schema_size_bytes(n, &bytes)) {
        diag_error(r->d, n->pos, key,
                   n->kind == NODE_NUMBER ? "expected %s, or a whole number of bytes" : "expected %s (units b k m g t, x 1024)",
                   schema_describe(r->a, v));
        return SCHEMA_BAD_VALUE;
    }
    return check_range(r, v, n, key, (double)bytes);
}

/* --- containers ------------------------------------------------------------------------------------------------------ */

static unsigned check_list(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    if (n->kind != NODE_ARRAY)
        return wrong_type(r, v, n, key);
    unsigned bad = check_range(r, v, n, key, (double)n->n_items);
    for (size_t i = 0; i < n->n_items; i++)
        bad |= check_value(r, v->item, n->items[i], diag_index(r->a, key, i));
    return bad;
}

static unsigned check_map(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    if (n->kind != NODE_OBJECT)
        return wrong_type(r, v, n, key);
    unsigned bad = 0;
    for (size_t i = 0; i < n->n_members; i++) {
        const struct node_member *m = &n->members[i];
        const char *sub = diag_key(r->a, key, m->key);
        if (strlen(m->key) != m->key_n) {
            diag_error(r->d, m->pos, sub, "a name must not hold a NUL character");
            bad |= SCHEMA_BAD_KEY;
        } else if (v->key_check) {
            /* What is wrong with a name is shown at the name, not at its value. */
            struct node at_key = *m->value;
            at_key.pos = m->pos;
            unsigned found = 0;
            v->key_check(&(struct schema_at){r->a, r->d, sub, &at_key, &found}, m->key);
            bad |= found;
        }
        bad |= check_value(r, v->item, m->value, sub);
    }
    return bad;
}

static void unknown_key(const struct run *r, const struct schema_object *t, const struct node_member *m, const char *key)
{
    const char *sub = diag_key(r->a, key, m->key);
    const struct schema_hint *hint = hint_find(t->hints, m->key);
    if (hint) {
        diag_error(r->d, m->pos, sub, "unknown key; %s", hint->text);
        return;
    }
    const char **names = ARENA_ARRAY(r->a, const char *, t->n_fields + 1);
    for (size_t i = 0; i < t->n_fields; i++)
        names[i] = t->fields[i].key;
    const char *near = text_closest(m->key, names, t->n_fields);
    if (near)
        diag_error(r->d, m->pos, sub, "unknown key; did you mean '%s'?", near);
    else if (t->n_fields > 0 && t->n_fields <= KEYS_LISTED)
        diag_error(r->d, m->pos, sub, "unknown key; known here: %s", words_text(r->a, names));
    else
        diag_error(r->d, m->pos, sub, "unknown key");
}

static unsigned check_one_of(const struct run *r, const struct schema_object *t, const struct node *n, const char *key)
{
    size_t n_given = 0;
    for (size_t i = 0; i < t->n_fields; i++)
        n_given += node_get(n, t->fields[i].key) != NULL;
    if (n_given == 1)
        return 0;
    const char *names = t->fields[0].key;
    for (size_t i = 1; i < t->n_fields; i++)
        names = arena_printf(r->a, i + 1 < t->n_fields ? "%s, %s" : "%s or %s", names, t->fields[i].key);
    diag_error(r->d, n->pos, key, n_given ? "only one of %s may be given" : "needs %s", names);
    return SCHEMA_BAD_TYPE;
}

static unsigned check_object(const struct run *r, const struct schema_object *t, const struct node *n, const char *key)
{
    unsigned bad = 0;
    for (size_t i = 0; i < t->n_fields; i++) {
        const struct schema_field *f = &t->fields[i];
        const struct node *v = node_get(n, f->key);
        if (v) {
            bad |= check_value(r, &f->value, v, diag_key(r->a, key, f->key));
        } else if (f->required) {
            diag_error(r->d, n->pos, diag_key(r->a, key, f->key), "is required, but missing");
            bad |= SCHEMA_BAD_TYPE;
        }
    }
    for (size_t i = 0; !t->open && i < n->n_members; i++) {
        const struct node_member *m = &n->members[i];
        if (strlen(m->key) == m->key_n && schema_find(t, m->key))
            continue;
        unknown_key(r, t, m, key);
        bad |= SCHEMA_BAD_KEY;
    }
    if (t->one_of)
        bad |= check_one_of(r, t, n, key);
    if (t->cross && (t->cross_always || !(bad & SCHEMA_BAD_TYPE))) {
        unsigned found = 0;
        t->cross(&(struct schema_at){r->a, r->d, key, n, &found});
        bad |= found;
    }
    return bad;
}

static unsigned check_switch(const struct run *r, const struct schema_switch *c, const struct node *n, const char *key)
{
    const char **words = ARENA_ARRAY(r->a, const char *, c->n_cases + 1);
    for (size_t i = 0; i < c->n_cases; i++)
        words[i] = c->cases[i].word;
    const struct schema_value selector = {SCHEMA_ENUM, .words = words};
    const struct node *word = node_get(n, c->key);
    const char *sub = diag_key(r->a, key, c->key);
    if (!word) {
        diag_error(r->d, n->pos, sub, "is required, but missing: %s", schema_describe(r->a, &selector));
        return SCHEMA_BAD_TYPE;
    }
    unsigned bad = check_enum(r, &selector, word, sub);
    for (size_t i = 0; !bad && i < c->n_cases; i++)
        if (strcmp(words[i], word->s) == 0)
            return check_object(r, c->cases[i].object, n, key);
    return bad;
}

/* --- any value ------------------------------------------------------------------------------------------------------- */

static bool takes_kind(const struct schema_value *v, enum node_kind kind)
{
    switch (v->type) {
    case SCHEMA_STRING:
    case SCHEMA_ENUM:
        return kind == NODE_STRING;
    case SCHEMA_BOOL:
        return kind == NODE_BOOL;
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
        return kind == NODE_NUMBER;
    case SCHEMA_DURATION:
    case SCHEMA_SIZE:
        return kind == NODE_STRING || kind == NODE_NUMBER;
    case SCHEMA_LIST:
        return kind == NODE_ARRAY;
    case SCHEMA_MAP:
    case SCHEMA_OBJECT:
    case SCHEMA_SWITCH:
        return kind == NODE_OBJECT;
    case SCHEMA_UNION:
        for (size_t i = 0; v->any[i]; i++)
            if (takes_kind(v->any[i], kind))
                return true;
        return false;
    case SCHEMA_ANY:
        return kind != NODE_NULL;
    case SCHEMA_TYPE_COUNT:
        break;
    }
    return false;
}

static unsigned check_kind(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    switch (v->type) {
    case SCHEMA_STRING:
        return check_string(r, v, n, key);
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
        return check_number(r, v, n, key);
    case SCHEMA_ENUM:
        return check_enum(r, v, n, key);
    case SCHEMA_DURATION:
        return check_duration(r, v, n, key);
    case SCHEMA_SIZE:
        return check_size(r, v, n, key);
    case SCHEMA_LIST:
        return check_list(r, v, n, key);
    case SCHEMA_MAP:
        return check_map(r, v, n, key);
    case SCHEMA_OBJECT:
        return n->kind == NODE_OBJECT ? check_object(r, v->object, n, key) : wrong_type(r, v, n, key);
    case SCHEMA_SWITCH:
        return n->kind == NODE_OBJECT ? check_switch(r, v->choice, n, key) : wrong_type(r, v, n, key);
    case SCHEMA_UNION:
        for (size_t i = 0; v->any[i]; i++)
            if (takes_kind(v->any[i], n->kind))
                return check_value(r, v->any[i], n, key);
        return wrong_type(r, v, n, key);
    case SCHEMA_BOOL:
    case SCHEMA_ANY:
        return takes_kind(v, n->kind) ? 0 : wrong_type(r, v, n, key);
    case SCHEMA_TYPE_COUNT:
        break;
    }
    return 0;
}

static unsigned check_value(const struct run *r, const struct schema_value *v, const struct node *n, const char *key)
{
    unsigned bad = check_kind(r, v, n, key);
    if (v->check && bad == 0) {
        unsigned found = 0;
        v->check(&(struct schema_at){r->a, r->d, key, n, &found});
        bad |= found;
    }
    return bad;
}

unsigned schema_check_value(struct arena *a, const struct schema_value *v, const struct node *n, const char *key, struct diags *d)
{
    if (!n) {
        diag_error(d, (struct pos){0}, key, "expected %s, got nothing", schema_describe(a, v));
        return SCHEMA_BAD_TYPE;
    }
    return check_value(&(struct run){a, d}, v, n, key);
}

unsigned schema_check(struct arena *a, const struct schema_object *table, const struct node *n, const char *key, struct diags *d)
{
    return schema_check_value(a, &(struct schema_value){SCHEMA_OBJECT, .object = table}, n, key, d);
}
