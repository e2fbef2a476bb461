/* schema_json: a table as JSON Schema, draft-07: the dialect that the YAML language server knows best. Each table becomes one
 * definition. What only a hook in C can tell (which paths are safe, which names clash) is left to schema_check. */
#include "spec/base/num.h"
#include "spec/schema.h"

#include <string.h>

struct gen {
    struct arena *a;
    struct node *definitions;
};

static struct node *value_json(struct gen *g, const struct schema_value *v);

static void set_string(struct gen *g, struct node *o, const char *key, const char *s)
{
    if (s)
        node_set(g->a, o, key, node_string(g->a, s));
}

/* The text of `def` holds scalars and flat lists or objects: read without a JSON reader, which would be a layer above. A text
 * that is none of "true", "false", a number, a string is told as is. */
static struct node *default_json(struct gen *g, const char *def)
{
    size_t n = strlen(def);
    int64_t i = 0;
    if (strcmp(def, "true") == 0 || strcmp(def, "false") == 0)
        return node_bool(g->a, def[0] == 't');
    if (num_parse_i64(def, &i))
        return node_number(g->a, (double)i);
    if (strcmp(def, "[]") == 0)
        return node_array(g->a);
    if (strcmp(def, "{}") == 0)
        return node_object(g->a);
    if (n >= 2 && def[0] == '"' && def[n - 1] == '"')
        return node_string_n(g->a, def + 1, n - 2);
    return NULL;
}

static void set_range(struct gen *g, struct node *o, const struct schema_range *r, const char *min, const char *max)
{
    if (!r)
        return;
    if (!isinf(r->min))
        node_set(g->a, o, r->above_min ? "exclusiveMinimum" : min, node_number(g->a, r->min));
    if (!isinf(r->max))
        node_set(g->a, o, max, node_number(g->a, r->max));
}

static struct node *enum_json(struct gen *g, const char *const *words)
{
    struct node *list = node_array(g->a);
    for (; *words; words++)
        node_push(g->a, list, node_string(g->a, *words));
    return list;
}

static struct node *object_json(struct gen *g, const struct schema_object *t)
{
    struct node *o = node_object(g->a), *properties = node_object(g->a), *required = node_array(g->a);
    set_string(g, o, "description", t->doc);
    set_string(g, o, "type", "object");
    for (size_t i = 0; i < t->n_fields; i++) {
        const struct schema_field *f = &t->fields[i];
        struct node *p = value_json(g, &f->value);
        set_string(g, p, "description", f->doc);
        struct node *def = f->def ? default_json(g, f->def) : NULL;
        if (def)
            node_set(g->a, p, "default", def);
        node_set(g->a, properties, f->key, p);
        if (f->required)
            node_push(g->a, required, node_string(g->a, f->key));
    }
    node_set(g->a, o, "properties", properties);
    if (required->n_items)
        node_set(g->a, o, "required", required);
    if (!t->open)
        node_set(g->a, o, "additionalProperties", node_bool(g->a, false));
    if (t->one_of) {
        node_set(g->a, o, "minProperties", node_number(g->a, 1));
        node_set(g->a, o, "maxProperties", node_number(g->a, 1));
    }
    if (t->cross_json)
        t->cross_json(g->a, o);
    return o;
}

/* {"$ref": "#/definitions/NAME"}, and the definition where it is not there yet. */
static struct node *object_ref(struct gen *g, const struct schema_object *t)
{
    if (!node_get(g->definitions, t->name)) {
        node_set(g->a, g->definitions, t->name, node_null(g->a)); /* holds the place: order of first use */
        node_set(g->a, g->definitions, t->name, object_json(g, t));
    }
    struct node *ref = node_object(g->a);
    node_set(g->a, ref, "$ref", node_printf(g->a, "#/definitions/%s", t->name));
    return ref;
}

/* The selector by itself, so that a wrong word is told as such; then one if-then per word. */
static struct node *switch_json(struct gen *g, const struct schema_switch *c)
{
    struct node *o = node_object(g->a), *words = node_array(g->a), *all = node_array(g->a);
    set_string(g, o, "description", c->doc);
    set_string(g, o, "type", "object");
    for (size_t i = 0; i < c->n_cases; i++) {
        node_push(g->a, words, node_string(g->a, c->cases[i].word));
        struct node *is = node_object(g->a), *properties = node_object(g->a), *when = node_object(g->a),
                    *branch = node_object(g->a);
        set_string(g, is, "const", c->cases[i].word);
        node_set(g->a, properties, c->key, is);
        node_set(g->a, when, "properties", properties);
        struct node *has = node_array(g->a);
        node_push(g->a, has, node_string(g->a, c->key));
        node_set(g->a, when, "required", has);
        node_set(g->a, branch, "if", when);
        node_set(g->a, branch, "then", object_ref(g, c->cases[i].object));
        node_push(g->a, all, branch);
    }
    struct node *selector = node_object(g->a), *properties = node_object(g->a), *required = node_array(g->a);
    node_set(g->a, selector, "enum", words);
    node_set(g->a, properties, c->key, selector);
    node_set(g->a, o, "properties", properties);
    node_push(g->a, required, node_string(g->a, c->key));
    node_set(g->a, o, "required", required);
    node_set(g->a, o, "allOf", all);
    return o;
}

static struct node *string_or_integer(struct gen *g)
{
    struct node *types = node_array(g->a);
    node_push(g->a, types, node_string(g->a, "string"));
    node_push(g->a, types, node_string(g->a, "integer"));
    return types;
}

static struct node *size_json(struct gen *g)
{
    struct node *o = node_object(g->a);
    node_set(g->a, o, "type", string_or_integer(g));
    set_string(g, o, "pattern", "^[0-9]+(\\.[0-9]+)? ?[kKmMgGtTpP]?[iI]?[bB]?$");
    node_set(g->a, o, "minimum", node_number(g->a, 0));
    node_set(g->a, o, "maximum", node_number(g->a, JS_MAX_SAFE_INTEGER));
    return o;
}

static struct node *union_json(struct gen *g, const struct schema_value *v)
{
    struct node *o = node_object(g->a), *any = node_array(g->a);
    for (size_t i = 0; v->any[i]; i++)
        node_push(g->a, any, value_json(g, v->any[i]));
    node_set(g->a, o, "anyOf", any);
    return o;
}

static struct node *value_json(struct gen *g, const struct schema_value *v)
{
    struct node *o = node_object(g->a);
    switch (v->type) {
    case SCHEMA_STRING:
        set_string(g, o, "type", "string");
        if (v->min_length)
            node_set(g->a, o, "minLength", node_number(g->a, 1)); /* ours counts bytes, theirs characters */
        set_string(g, o, "pattern", v->pattern);
        break;
    case SCHEMA_BOOL:
        set_string(g, o, "type", "boolean");
        break;
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
        set_string(g, o, "type", v->type == SCHEMA_INT ? "integer" : "number");
        set_range(g, o, v->range, "minimum", "maximum");
        break;
    case SCHEMA_ENUM:
        node_set(g->a, o, "enum", enum_json(g, v->words));
        break;
    case SCHEMA_DURATION:
        node_set(g->a, o, "type", string_or_integer(g));
        set_string(g, o, "pattern", "^(0|(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$");
        node_set(g->a, o, "minimum", node_number(g->a, 0));
        node_set(g->a, o, "maximum", node_number(g->a, 0)); /* of a number: only 0 needs no unit */
        break;
    case SCHEMA_SIZE:
        return size_json(g);
    case SCHEMA_LIST:
        set_string(g, o, "type", "array");
        node_set(g->a, o, "items", value_json(g, v->item));
        set_range(g, o, v->range, "minItems", "maxItems");
        break;
    case SCHEMA_MAP:
        set_string(g, o, "type", "object");
        node_set(g->a, o, "additionalProperties", value_json(g, v->item));
        if (v->key_pattern) {
            struct node *names = node_object(g->a);
            set_string(g, names, "pattern", v->key_pattern);
            node_set(g->a, o, "propertyNames", names);
        }
        break;
    case SCHEMA_OBJECT:
        return object_ref(g, v->object);
    case SCHEMA_SWITCH:
        return switch_json(g, v->choice);
    case SCHEMA_UNION:
        return union_json(g, v);
    case SCHEMA_ANY: {
        struct node *null = node_object(g->a);
        set_string(g, null, "type", "null");
        node_set(g->a, o, "not", null);
        break;
    }
    case SCHEMA_TYPE_COUNT:
        break;
    }
    return o;
}

struct node *schema_json(struct arena *a, const struct schema_value *root, const char *id, const char *title)
{
    struct gen g = {a, node_object(a)};
    struct node *o = node_object(a);
    set_string(&g, o, "$schema", "http://json-schema.org/draft-07/schema#");
    set_string(&g, o, "$id", id);
    set_string(&g, o, "title", title);
    struct node *body = value_json(&g, root);
    if (body->n_members == 1 && node_get(body, "$ref")) {
        /* Beside a $ref draft-07 reads nothing else. */
        struct node *all = node_array(a);
        node_push(a, all, body);
        node_set(a, o, "allOf", all);
    } else {
        for (size_t i = 0; i < body->n_members; i++)
            node_set(a, o, body->members[i].key, body->members[i].value);
    }
    node_set(a, o, "definitions", g.definitions);
    return o;
}
