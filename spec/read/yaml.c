#include "spec/read/yaml.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/vec.h"
#include "spec/read/tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* What an anchor names. While the value is still open, an alias of it would be a cycle. */
struct anchor {
    struct node *value; /* NULL: not finished */
    size_t n_nodes, height;
};

/* Goes with tree.open: one for each open container. */
struct level {
    size_t anchor; /* 1 + index into anchors, 0: none */
    size_t nodes_before;
    size_t height; /* levels below it so far */
};

struct reader {
    struct arena *a;
    struct diags *d;
    const char *file;
    yaml_parser_t parser;
    struct tree tree;
    struct node *names; /* of the anchors of this document: name -> number */
    VEC(struct anchor) anchors;
    VEC(struct level) levels;
    VEC(struct node *) docs;
    size_t alias_nodes;
};

static struct pos pos_of(const struct reader *r, yaml_mark_t mark)
{
    return (struct pos){.file = r->file, .line = (unsigned)mark.line + 1, .col = (unsigned)mark.column + 1};
}

/* --- the core schema of YAML 1.2.2, 10.3.2 -----------------------------------------------------------------------------------
 */

static bool is_one_of(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

static const char *const null_words[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const true_words[] = {"true", "True", "TRUE", NULL};
static const char *const false_words[] = {"false", "False", "FALSE", NULL};
static const char *const inf_words[] = {".inf", ".Inf", ".INF", NULL};
static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};
#define DIGITS "0123456789"

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_decimal(const char *s, bool *ret_whole)
{
    s += *s == '-' || *s == '+';
    size_t n = strspn(s, DIGITS);
    bool whole = true;

    s += n;
    if (*s == '.') {
        size_t m = strspn(s + 1, DIGITS);

        if (n + m == 0)
            return false;
        whole = false;
        s += 1 + m;
    } else if (n == 0) {
        return false;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (strspn(s, DIGITS) == 0)
            return false;
        whole = false;
        s += strspn(s, DIGITS);
    }
    *ret_whole = whole;
    return *s == '\0';
}

/* 0o[0-7]+ and 0x[0-9a-fA-F]+ */
static bool is_radix(const char *s, double *ret)
{
    bool hex = text_has_prefix(s, "0x");
    const char *digits = hex ? "0123456789abcdefABCDEF" : "01234567";
    double v = 0;

    if ((!hex && !text_has_prefix(s, "0o")) || s[2] == '\0' || s[2 + strspn(s + 2, digits)] != '\0')
        return false;
    for (s += 2; *s; s++) {
        const char *digit = strchr(digits, *s);
        size_t value = (size_t)(digit - digits);

        v = v * (hex ? 16 : 8) + (double)(value > 15 ? value - 6 : value);
    }
    *ret = v;
    return true;
}

/* What a plain scalar means; *ret_exact is false for an integer that a double may not hold. NULL: a text. */
static struct node *resolve_plain(struct arena *a, const char *s, size_t n, bool *ret_exact)
{
    bool whole = true;
    const char *unsigned_part = s + (*s == '-' || *s == '+');
    double v;

    *ret_exact = true;
    if (strlen(s) != n)
        return NULL;
    if (is_one_of(s, null_words))
        return node_null(a);
    if (is_one_of(s, true_words) || is_one_of(s, false_words))
        return node_bool(a, is_one_of(s, true_words));
    if (is_one_of(s, nan_words))
        return node_number(a, (double)NAN);
    if (is_one_of(unsigned_part, inf_words))
        return node_number(a, *s == '-' ? -(double)INFINITY : (double)INFINITY);
    if (is_decimal(s, &whole))
        v = strtod(s, NULL);
    else if (!is_radix(s, &v))
        return NULL;
    *ret_exact = !whole || fabs(v) <= JS_MAX_SAFE_INTEGER;
    return node_number(a, v);
}

/* --- events ------------------------------------------------------------------------------------------------------------------
 */

static bool expects_key(const struct reader *r)
{
    return node_is(tree_top(&r->tree), NODE_OBJECT) && !r->tree.has_key;
}

static void refuse_tag(struct reader *r, const yaml_event_t *e, const yaml_char_t *tag)
{
    if (tag)
        diag_error(r->d, pos_of(r, e->start_mark), tree_path(&r->tree), "tags are not taken: '%s'", (const char *)tag);
}

static int read_key(struct reader *r, const yaml_event_t *e)
{
    struct pos pos = pos_of(r, e->start_mark);
    const char *s = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    bool exact, plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (e->type != YAML_SCALAR_EVENT) {
        diag_error(r->d, pos, tree_path(&r->tree), "a key must be a text, not %s",
                   e->type == YAML_ALIAS_EVENT ? "an alias" : "a list or mapping");
        return -1;
    }
    refuse_tag(r, e, e->data.scalar.tag);
    if (e->data.scalar.anchor)
        diag_error(r->d, pos, tree_path(&r->tree), "a key cannot have an anchor");
    if (plain && strcmp(s, "<<") == 0)
        diag_error(r->d, pos, tree_path(&r->tree), "merge keys are not taken: write the keys out");
    else if (plain && resolve_plain(r->a, s, n, &exact))
        diag_error(r->d, pos, tree_path(&r->tree), "the key '%s' is no text: put it in quotes", s);
    const struct node_member *before = tree_key(&r->tree, s, n, pos);
    if (before)
        diag_error(r->d, pos, tree_path(&r->tree), "given before at line %u", before->pos.line);
    return 0;
}

static size_t add_anchor(struct reader *r, const yaml_char_t *name)
{
    if (!name)
        return 0;
    VEC_PUSH(r->a, &r->anchors, ((struct anchor){0}));
    node_set(r->a, r->names, (const char *)name, node_number(r->a, (double)r->anchors.n));
    return r->anchors.n;
}

/* A value is complete: of n_nodes values, height levels below it. */
static void finish(struct reader *r, size_t anchor, struct node *value, size_t n_nodes, size_t height)
{
    if (anchor > 0)
        r->anchors.v[anchor - 1] = (struct anchor){.value = value, .n_nodes = n_nodes, .height = height};
    if (r->levels.n > 0) {
        struct level *parent = &r->levels.v[r->levels.n - 1];
        size_t levels = height + (value->kind == NODE_ARRAY || value->kind == NODE_OBJECT);

        if (parent->height < levels)
            parent->height = levels;
    }
}

static int read_scalar(struct reader *r, const yaml_event_t *e)
{
    const char *s = (const char *)e->data.scalar.value;
    size_t n = e->data.scalar.length;
    struct pos pos = pos_of(r, e->start_mark);
    bool exact = true;
    struct node *value = NULL;

    refuse_tag(r, e, e->data.scalar.tag);
    if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        value = resolve_plain(r->a, s, n, &exact);
    if (!exact)
        diag_error(r->d, pos, tree_path(&r->tree), "%s is too large for a number: put it in quotes where it is a text", s);
    if (!value)
        value = node_string_n(r->a, s, n);
    size_t anchor = add_anchor(r, e->data.scalar.anchor);
    if (tree_add(&r->tree, value, pos) < 0)
        return -1;
    finish(r, anchor, value, 1, 0);
    return 0;
}

static int read_alias(struct reader *r, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    struct pos pos = pos_of(r, e->start_mark);
    const struct node *index = node_get(r->names, name);

    if (!index) {
        diag_error(r->d, pos, tree_path(&r->tree), "no anchor '%s' before this alias", name);
        return -1;
    }
    struct anchor anchor = r->anchors.v[(size_t)index->num - 1];
    if (!anchor.value) {
        diag_error(r->d, pos, tree_path(&r->tree), "alias '%s' stands inside of what it names", name);
        return -1;
    }
    if (anchor.n_nodes > LIMIT_YAML_ALIAS_NODES - r->alias_nodes) {
        diag_error(r->d, pos, tree_path(&r->tree), "aliases add more than %u values", LIMIT_YAML_ALIAS_NODES);
        return -1;
    }
    r->alias_nodes += anchor.n_nodes;
    struct node *copy = node_copy(r->a, anchor.value);
    copy->pos = pos;
    if (tree_graft(&r->tree, copy, anchor.n_nodes, anchor.height) < 0)
        return -1;
    finish(r, 0, copy, anchor.n_nodes, anchor.height);
    return 0;
}

static int open_container(struct reader *r, const yaml_event_t *e, struct node *value, const yaml_char_t *tag,
                          const yaml_char_t *name)
{
    struct level level = {.nodes_before = r->tree.n_nodes};

    refuse_tag(r, e, tag);
    level.anchor = add_anchor(r, name);
    if (tree_add(&r->tree, value, pos_of(r, e->start_mark)) < 0)
        return -1;
    VEC_PUSH(r->a, &r->levels, level);
    return 0;
}

static void close_container(struct reader *r)
{
    struct node *value = tree_top(&r->tree);
    struct level level = r->levels.v[--r->levels.n];

    tree_leave(&r->tree);
    finish(r, level.anchor, value, r->tree.n_nodes - level.nodes_before, level.height);
}

static void begin_document(struct reader *r, const yaml_event_t *e)
{
    if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
        diag_error(r->d, pos_of(r, e->start_mark), "", "tags are not taken: %%TAG");
    r->tree.root = NULL;
    r->names = node_object(r->a);
    r->anchors.n = 0;
}

/* A document that is nothing but separators and comments comes as one plain scalar without a character. */
static bool is_empty_document(const struct reader *r, const yaml_event_t *e)
{
    return e->type == YAML_SCALAR_EVENT && !tree_top(&r->tree) && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           e->data.scalar.length == 0 && !e->data.scalar.tag && !e->data.scalar.anchor;
}

static int read_event(struct reader *r, const yaml_event_t *e)
{
    bool node = e->type == YAML_SCALAR_EVENT || e->type == YAML_ALIAS_EVENT || e->type == YAML_SEQUENCE_START_EVENT ||
                e->type == YAML_MAPPING_START_EVENT;

    if (node && expects_key(r))
        return read_key(r, e);
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        begin_document(r, e);
        return 0;
    case YAML_DOCUMENT_END_EVENT:
        if (r->tree.root)
            VEC_PUSH(r->a, &r->docs, r->tree.root);
        return 0;
    case YAML_SCALAR_EVENT:
        return is_empty_document(r, e) ? 0 : read_scalar(r, e);
    case YAML_ALIAS_EVENT:
        return read_alias(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(r, e, node_array(r->a), e->data.sequence_start.tag, e->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return open_container(r, e, node_object(r->a), e->data.mapping_start.tag, e->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_container(r);
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
        return 0;
    }
    return 0;
}

/* --- errors of libyaml --------------------------------------------------------------------------------------------------------
 */

static void report(struct reader *r, const char *bytes, size_t n)
{
    const yaml_parser_t *p = &r->parser;
    struct pos pos = pos_of(r, p->problem_mark);
    const char *problem = p->problem ? p->problem : "not YAML";

    if (p->error == YAML_MEMORY_ERROR)
        abort();
    if (p->error == YAML_READER_ERROR) {
        /* Bytes that are no text: only an offset is told. */
        size_t offset = p->problem_offset < n ? p->problem_offset : n;

        pos.line = pos.col = 1;
        for (size_t i = 0; i < offset; i++) {
            pos.line += bytes[i] == '\n';
            pos.col = bytes[i] == '\n' ? 1 : pos.col + ((bytes[i] & 0xc0) != 0x80);
        }
        diag_error(r->d, pos, "", "%s", problem);
    } else if (p->context && p->context_mark.line != p->problem_mark.line) {
        diag_error(r->d, pos, "", "%s, %s that began at line %zu", problem, p->context, p->context_mark.line + 1);
    } else {
        diag_error(r->d, pos, "", "%s%s%s", problem, p->context ? ", " : "", p->context ? p->context : "");
    }
}

static int read_stream(struct reader *r, const char *bytes, size_t n)
{
    for (bool end = false; !end;) {
        yaml_event_t e;

        if (!yaml_parser_parse(&r->parser, &e)) {
            report(r, bytes, n);
            return -1;
        }
        end = e.type == YAML_STREAM_END_EVENT;
        int failed = read_event(r, &e);
        yaml_event_delete(&e);
        if (failed)
            return -1;
    }
    return 0;
}

int yaml_read(struct arena *a, const char *file, const char *bytes, size_t n, struct diags *d, struct yaml_docs *ret)
{
    struct reader r = {.a = a, .d = d, .file = arena_strdup(a, file)};
    size_t errors_before = d->n_errors;

    if (n > LIMIT_DOC_BYTES) {
        diag_error(d, (struct pos){.file = r.file}, "", "larger than %u bytes", LIMIT_DOC_BYTES);
        return -1;
    }
    if (!yaml_parser_initialize(&r.parser))
        abort(); /* no memory */
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, n);
    tree_init(&r.tree, a, d);
    int failed = read_stream(&r, bytes, n);
    tree_free(&r.tree);
    yaml_parser_delete(&r.parser);
    if (failed || d->n_errors > errors_before)
        return -1;
    *ret = (struct yaml_docs){.v = r.docs.v, .n = r.docs.n};
    return 0;
}
