/* JSON: what jansson accepts we accept, with the values that jansson finds; what it refuses we refuse, but for lone surrogates.
 */
#include "spec/base/limits.h"
#include "spec/read/json.h"
#include "tests/lib/fuzz.h"

#include <jansson.h>
#include <string.h>

static struct node *from_jansson(struct arena *a, json_t *v, size_t depth, size_t *deepest)
{
    struct node *n = NULL;
    const char *key;
    json_t *value;
    size_t i;

    *deepest = *deepest < depth ? depth : *deepest;
    switch (json_typeof(v)) {
    case JSON_NULL:
        return node_null(a);
    case JSON_TRUE:
    case JSON_FALSE:
        return node_bool(a, json_is_true(v));
    case JSON_INTEGER:
    case JSON_REAL:
        return node_number(a, json_number_value(v));
    case JSON_STRING:
        return node_string_n(a, json_string_value(v), json_string_length(v));
    case JSON_ARRAY:
        n = node_array(a);
        json_array_foreach(v, i, value) node_push(a, n, from_jansson(a, value, depth + 1, deepest));
        return n;
    case JSON_OBJECT:
        n = node_object(a);
        json_object_foreach(v, key, value) node_set(a, n, key, from_jansson(a, value, depth + 1, deepest));
        return n;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    const char *text = arena_memdup0(a, data, size);
    struct node *root = json_read(a, "f", text, size, &d);
    json_error_t error;
    size_t depth = 0;

    fuzz_check_diags(&d, !root, "f");
    if (root)
        fuzz_check_tree(a, root, "f");
    json_t *v = json_loadb(text, size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    if (v) {
        struct node *theirs = from_jansson(a, v, 1, &depth);

        json_decref(v);
        /* jansson 2.14 passes over a NUL behind a number or word; it is no JSON, and the second reading says so. */
        FUZZ_ASSERT(root ? node_equal(root, theirs) : depth > LIMIT_DOC_DEPTH || memchr(text, '\0', size));
    } else if (root) {
        FUZZ_ASSERT(strstr(text, "\\ud") || strstr(text, "\\uD"));
    }
    return 0;
}
