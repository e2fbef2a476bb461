/* schema: what a table accepts, what it says of the rest, and the JSON Schema it gives. */
#include "spec/base/num.h"
#include "spec/read/yaml.h"
#include "spec/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof(*(a)))

/* --- a table with one of everything -------------------------------------------------------------------------------------- */

static void check_even(const struct schema_at *at)
{
    if (at->node->s_n % 2)
        schema_fail(at, "is odd");
}

static void check_upper(const struct schema_at *at, const char *name)
{
    for (; *name; name++)
        if (*name < 'A' || *name > 'Z') {
            schema_fail(at, "is not upper case");
            return;
        }
}

static void check_pair(const struct schema_at *at)
{
    const struct node *lo = node_get(at->node, "lo"), *hi = node_get(at->node, "hi");
    if (lo && hi && lo->num > hi->num)
        schema_fail_in(at, "hi", "is below lo");
    if (node_get(at->node, "lo") && !hi)
        schema_fail_in(at, "hi", "goes with lo");
}

static void always(const struct schema_at *at)
{
    schema_fail(at, "always told");
}

static const struct schema_field pair_fields[] = {
    {"lo", "Low.", {SCHEMA_INT, .range = SCHEMA_RANGE(0, 9)}},
    {"hi", "High.", {SCHEMA_INT, .range = SCHEMA_RANGE(0, 9)}, .def = "9"},
    {"in", "Deeper.", {SCHEMA_MAP, .item = &schema_bool}},
};
static const struct schema_object pair = {
    .name = "pair", .doc = "Two.", .fields = pair_fields, .n_fields = N(pair_fields), .cross = check_pair};
static const struct schema_object eager = {
    .name = "eager", .fields = pair_fields, .n_fields = N(pair_fields), .cross = always, .cross_always = true};
static const struct schema_object lax = {.name = "lax", .fields = pair_fields, .n_fields = N(pair_fields), .open = true};

static const struct schema_field either_fields[] = {
    {"a", "A.", {SCHEMA_STRING}}, {"b", "B.", {SCHEMA_STRING}}, {"c", "C.", {SCHEMA_STRING}}};
static const struct schema_object either = {
    .name = "either", .fields = either_fields, .n_fields = N(either_fields), .one_of = true};

static const struct schema_field env_fields[] = {
    {"source", "S.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("env")}, .required = true},
    {"id", "I.", {SCHEMA_STRING, .min_length = 1}, .required = true},
};
static const struct schema_field file_fields[] = {
    {"source", "S.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("file")}, .required = true},
    {"path", "P.", {SCHEMA_STRING, .min_length = 2}, .required = true},
};
static const struct schema_object env_case = SCHEMA_OBJECT_OF("envRef", "E.", env_fields);
static const struct schema_object file_case = SCHEMA_OBJECT_OF("fileRef", "F.", file_fields);
static const struct schema_switch ref = {.name = "ref",
                                         .doc = "R.",
                                         .key = "source",
                                         .cases = (const struct schema_case[]){{"env", &env_case}, {"file", &file_case}},
                                         .n_cases = 2};

static const struct schema_value strings = {SCHEMA_LIST, .item = &schema_string, .range = SCHEMA_RANGE(1, 3)};
static const struct schema_value pairs = {SCHEMA_OBJECT, .object = &pair};
static const struct schema_value refs = {SCHEMA_SWITCH, .choice = &ref};

static const struct schema_field root_fields[] = {
    {"string", "String.", {SCHEMA_STRING, .min_length = 1, .pattern = "^.+$"}},
    {"even", "Even.", {SCHEMA_STRING, .check = check_even}},
    {"bool", "Bool.", {SCHEMA_BOOL}, .def = "true"},
    {"int", "Int.", {SCHEMA_INT, .range = SCHEMA_RANGE(1, 100)}, .def = "7"},
    {"number", "Number.", {SCHEMA_NUMBER}},
    {"above", "Above.", {SCHEMA_NUMBER, .range = SCHEMA_ABOVE(0)}},
    {"most", "Most.", {SCHEMA_NUMBER, .range = SCHEMA_RANGE(-INFINITY, 4)}},
    {"mode",
     "Mode.",
     {SCHEMA_ENUM, .words = SCHEMA_WORDS("none", "ro", "rw"),
      .word_hints = (const struct schema_hint[]){{"write", "say rw"}, {NULL, NULL}}},
     .def = "\"none\""},
    {"window", "Window.", {SCHEMA_DURATION, .range = SCHEMA_RANGE(1000, 3600000)}},
    {"memory", "Memory.", {SCHEMA_SIZE, .range = SCHEMA_RANGE(1024, INFINITY)}},
    {"list", "List.", {SCHEMA_LIST, .item = &schema_string, .range = SCHEMA_RANGE(1, 3)}},
    {"pairs", "Pairs.", {SCHEMA_LIST, .item = &pairs}},
    {"map", "Map.", {SCHEMA_MAP, .item = &schema_number, .key_check = check_upper, .key_pattern = "^[A-Z]*$"}},
    {"pair", "Pair.", {SCHEMA_OBJECT, .object = &pair}},
    {"eager", "Eager.", {SCHEMA_OBJECT, .object = &eager}},
    {"lax", "Lax.", {SCHEMA_OBJECT, .object = &lax}},
    {"either", "Either.", {SCHEMA_OBJECT, .object = &either}},
    {"union", "Union.", {SCHEMA_UNION, .any = (const struct schema_value *const[]){&schema_string, &strings, &refs, NULL}}},
    {"any", "Any.", {SCHEMA_ANY}},
};
static const struct schema_hint root_hints[] = {{"colour", "say it in words"}, {NULL, NULL}};
static const struct schema_object root = {
    .name = "root", .doc = "Root.", .fields = root_fields, .n_fields = N(root_fields), .hints = root_hints};

/* --- checking --------------------------------------------------------------------------------------------------------------- */

static struct node *parse(struct arena *a, const char *text)
{
    struct diags d = {.arena = a};
    struct yaml_docs docs = {0};
    if (yaml_read(a, "t", text, strlen(text), &d, &docs) < 0 || docs.n != 1)
        fail_msg("the test's own YAML is wrong: %s", text);
    return docs.v[0];
}

static const char *check(struct arena *a, const struct node *n, unsigned *ret_bad)
{
    struct diags d = {.arena = a};
    struct buf b = BUF_INIT(1u << 20);
    *ret_bad = schema_check(a, &root, n, "", &d);
    diags_sort(&d);
    for (size_t i = 0; i < d.n; i++) {
        diag_format(&b, &d.v[i]);
        buf_putc(&b, '\n');
    }
    const char *text = arena_strdup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

enum { T = SCHEMA_BAD_TYPE, V = SCHEMA_BAD_VALUE, K = SCHEMA_BAD_KEY };

static const struct {
    const char *yaml;
    unsigned bad;
    const char *said;
} checks[] = {
    /* right */
    {"{}", 0, ""},
    {"{string: x, even: ab, bool: false, int: 1, number: -1.5, above: 0.1, most: 4, mode: rw, window: 1h, memory: 1k}", 0, ""},
    {"{int: 100, number: 0, most: -1e300, window: 1s, memory: 1024, list: [a], union: x, any: 1}", 0, ""},
    {"{list: [a, b, c], union: [a], pairs: [], map: {}, lax: {x: null, lo: 1}, either: {b: ''}, any: {deep: [null]}}", 0, ""},
    {"{union: {source: env, id: x}, map: {A: 1, B: 2}, pair: {lo: 1, hi: 1, in: {x: true}}}", 0, ""},
    {"{number: 1e3, int: 1.0}", 0, ""},
    /* the root */
    {"[]", T, "t:1:1: expected an object, got a list\n"},
    {"text", T, "t:1:1: expected an object, got a string\n"},
    /* unknown keys: at the key */
    {"strin: x", K, "t:1:1: strin: unknown key; did you mean 'string'?\n"},
    {"{int: 1,\n  wombat: 2}", K, "t:2:3: wombat: unknown key\n"},
    {"colour: red", K, "t:1:1: colour: unknown key; say it in words\n"},
    {"pair: {zzzzzz: 1}", K, "t:1:8: pair.zzzzzz: unknown key; known here: lo, hi, in\n"},
    {"\"a b\": 1", K, "t:1:1: [\"a b\"]: unknown key; did you mean 'any'?\n"},
    /* types: at the value, nothing coerced */
    {"string: 1", T, "t:1:9: string: expected a string, got a number; put it in quotes\n"},
    {"string: true", T, "t:1:9: string: expected a string, got a boolean; put it in quotes\n"},
    {"string: null", T, "t:1:9: string: expected a string, got null (leave the key out instead)\n"},
    {"string: [x]", T, "t:1:9: string: expected a string, got a list\n"},
    {"bool: 'true'", T, "t:1:7: bool: expected true or false, got a string\n"},
    {"bool: 1", T, "t:1:7: bool: expected true or false, got a number\n"},
    {"int: '5'", T, "t:1:6: int: expected a whole number from 1 to 100, got a string\n"},
    {"int: 1.5", T, "t:1:6: int: expected a whole number from 1 to 100, got a fraction\n"},
    {"number: .inf", T, "t:1:9: number: expected a number, got a number that is not finite\n"},
    {"number: .nan", T, "t:1:9: number: expected a number, got a number that is not finite\n"},
    {"above: ~", T, "t:1:8: above: expected a number above 0, got null (leave the key out instead)\n"},
    {"mode: 1", T, "t:1:7: mode: expected one of none, ro, rw, got a number; put it in quotes\n"},
    {"window: 5", T, "t:1:9: window: expected a duration such as 90s or 1h30m from 1s to 1h, got a number; give it a unit\n"},
    {"window: 0", V, "t:1:9: window: must be at least 1s\n"},
    {"window: true", T, "t:1:9: window: expected a duration such as 90s or 1h30m from 1s to 1h, got a boolean\n"},
    {"memory: true", T, "t:1:9: memory: expected a size such as 512m of at least 1024 bytes, got a boolean\n"},
    {"list: x", T, "t:1:7: list: expected a list of strings, got a string\n"},
    {"list: [x, 1]", T, "t:1:11: list[1]: expected a string, got a number; put it in quotes\n"},
    {"map: [1]", T, "t:1:6: map: expected an object of numbers, got a list\n"},
    {"map: {A: x}", T, "t:1:10: map.A: expected a number, got a string\n"},
    {"pair: 1", T, "t:1:7: pair: expected an object, got a number\n"},
    {"union: 1", T, "t:1:8: union: expected a string or a list of strings or an object, got a number; put it in quotes\n"},
    {"any: null", T, "t:1:6: any: expected any value but null, got null (leave the key out instead)\n"},
    /* words */
    {"mode: RW", T, "t:1:7: mode: expected one of none, ro, rw, got 'RW'\n"},
    {"mode: nnoe", T, "t:1:7: mode: expected one of none, ro, rw, got 'nnoe'; did you mean 'none'?\n"},
    {"mode: write", T, "t:1:7: mode: 'write': say rw\n"},
    {"mode: ''", T, "t:1:7: mode: expected one of none, ro, rw, got ''\n"},
    {"mode: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", T,
     "t:1:7: mode: expected one of none, ro, rw, got 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'\n"},
    {"mode: \"r\\e[1m\"", T, "t:1:7: mode: expected one of none, ro, rw, got 'r\\x1b[1m'\n"},
    /* ranges: n and n+1 */
    {"int: 0", V, "t:1:6: int: must be at least 1\n"},
    {"int: 101", V, "t:1:6: int: must be at most 100\n"},
    {"above: 0", V, "t:1:8: above: must be above 0\n"},
    {"most: 4.5", V, "t:1:7: most: must be at most 4\n"},
    {"window: 999ms", V, "t:1:9: window: must be at least 1s\n"},
    {"window: 1h1ms", V, "t:1:9: window: must be at most 1h\n"},
    {"window: 5x", V,
     "t:1:9: window: expected a duration such as 90s or 1h30m from 1s to 1h (units d h m s ms, the larger first)\n"},
    {"memory: 1023", V, "t:1:9: memory: must be at least 1024 bytes\n"},
    {"memory: 1023b", V, "t:1:9: memory: must be at least 1024 bytes\n"},
    {"memory: lots", V, "t:1:9: memory: expected a size such as 512m of at least 1024 bytes (units b k m g t, x 1024)\n"},
    {"memory: 1.5", V, "t:1:9: memory: expected a size such as 512m of at least 1024 bytes, or a whole number of bytes\n"},
    {"memory: -1", V, "t:1:9: memory: expected a size such as 512m of at least 1024 bytes, or a whole number of bytes\n"},
    {"list: []", V, "t:1:7: list: must hold at least 1 item\n"},
    {"list: [a, b, c, d]", V, "t:1:7: list: must hold at most 3 items\n"},
    {"string: ''", V, "t:1:9: string: must not be empty\n"},
    {"union: {source: file, path: x}", V, "t:1:29: union.path: must be at least 2 bytes long\n"},
    {"string: \"a\\0b\"", V, "t:1:9: string: must not hold a NUL character\n"},
    {"even: abc", V, "t:1:7: even: is odd\n"},
    {"map: {a: 1}", V, "t:1:7: map.a: is not upper case\n"},
    /* one of */
    {"either: {}", T, "t:1:9: either: needs a, b or c\n"},
    {"either: {a: x, c: y}", T, "t:1:9: either: only one of a, b or c may be given\n"},
    /* switch */
    {"union: {}", T, "t:1:8: union.source: is required, but missing: one of env, file\n"},
    {"union: {source: fil}", T, "t:1:17: union.source: expected one of env, file, got 'fil'; did you mean 'file'?\n"},
    {"union: {source: 1}", T, "t:1:17: union.source: expected one of env, file, got a number; put it in quotes\n"},
    {"union: {source: env}", T, "t:1:8: union.id: is required, but missing\n"},
    {"union: {source: env, id: x, path: y}", K, "t:1:29: union.path: unknown key; known here: source, id\n"},
    /* cross checks: with unknown keys and ranges, not with wrong types, however deep */
    {"pair: {lo: 2, hi: 1}", V, "t:1:19: pair.hi: is below lo\n"},
    {"pair: {lo: 2}", V, "t:1:7: pair.hi: goes with lo\n"},
    {"pair: {lo: 12, hi: 1}", V, "t:1:12: pair.lo: must be at most 9\nt:1:20: pair.hi: is below lo\n"},
    {"pair: {lo: 2, hi: 1, zz: 1}", V | K,
     "t:1:19: pair.hi: is below lo\nt:1:22: pair.zz: unknown key; known here: lo, hi, in\n"},
    {"pair: {lo: 2, hi: 1, in: 1}", T, "t:1:26: pair.in: expected an object of booleans, got a number\n"},
    {"pair: {lo: 2, hi: 1, in: {x: 1}}", T, "t:1:30: pair.in.x: expected true or false, got a number\n"},
    {"pair: {lo: 2, hi: 1.5}", T, "t:1:19: pair.hi: expected a whole number from 0 to 9, got a fraction\n"},
    {"eager: {lo: x}", T | V, "t:1:8: eager: always told\nt:1:13: eager.lo: expected a whole number from 0 to 9, got a string\n"},
    /* open objects judge only what they know */
    {"lax: {hi: 99, other: [null]}", V, "t:1:11: lax.hi: must be at most 9\n"},
    /* all at once, in the order of the text */
    {"nope: 1\nint: x\nmode: r\npairs: [{lo: 1}, {hi: x}, 3]\nbool: null\n", T | V | K,
     "t:1:1: nope: unknown key; did you mean 'mode'?\n"
     "t:2:6: int: expected a whole number from 1 to 100, got a string\n"
     "t:3:7: mode: expected one of none, ro, rw, got 'r'; did you mean 'ro'?\n"
     "t:4:9: pairs[0].hi: goes with lo\n"
     "t:4:23: pairs[1].hi: expected a whole number from 0 to 9, got a string\n"
     "t:4:27: pairs[2]: expected an object, got a number\n"
     "t:5:7: bool: expected true or false, got null (leave the key out instead)\n"},
};

static void says_what_is_wrong(void **state)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < N(checks); i++) {
        ARENA_AUTO a = arena_new();
        unsigned bad = 99;
        const char *said = check(a, parse(a, checks[i].yaml), &bad);
        if (strcmp(said, checks[i].said) == 0 && bad == checks[i].bad)
            continue;
        n_wrong++;
        print_error("%s\n  said: %s  want: %s  found %u, not %u\n", checks[i].yaml, said, checks[i].said, bad, checks[i].bad);
    }
    assert_int_equal(n_wrong, 0);
}

static void missing_root_is_an_error(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    assert_int_equal(schema_check(a, &root, NULL, "spec", &d), SCHEMA_BAD_TYPE);
    assert_int_equal(d.n_errors, 1);
    assert_string_equal(d.v[0].key, "spec");
}

static void secret_words_are_not_repeated(void **state)
{
    ARENA_AUTO a = arena_new();
    unsigned bad = 0;
    struct node *n = parse(a, "mode: hunter2");
    node_get(n, "mode")->secret = true;
    assert_string_equal(check(a, n, &bad), "t:1:7: mode: expected one of none, ro, rw\n");
}

static void keys_with_nul_are_refused(void **state)
{
    ARENA_AUTO a = arena_new();
    unsigned bad = 0;
    struct node *n = node_object(a), *map = node_object(a);
    node_set_n(a, n, "bool\0x", 6, node_bool(a, true));
    check(a, n, &bad);
    assert_int_equal(bad, SCHEMA_BAD_KEY);
    n = node_object(a);
    node_set(a, n, "map", map);
    node_set_n(a, map, "A\0", 2, node_number(a, 1));
    check(a, n, &bad);
    assert_int_equal(bad, SCHEMA_BAD_KEY);
}

static void sizes_are_texts_of_docker_or_whole_bytes(void **state)
{
    static const struct {
        const char *yaml;
        bool good;
        uint64_t bytes;
    } rows[] = {
        {"1024", true, 1024},
        {"'1024'", true, 1024},
        {"0", true, 0},
        {"9007199254740991", true, 9007199254740991},
        {"9007199254740992.0", false, 0},
        {"-1", false, 0},
        {"1.5", false, 0},
        {".inf", false, 0},
        {".nan", false, 0},
        {"512m", true, 536870912},
        {"1.5g", true, 1610612736},
        {"64KiB", true, 65536},
        {"m", false, 0},
        {"-1m", false, 0},
        {"\"1m\\0\"", false, 0},
        {"true", false, 0},
        {"[1]", false, 0},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        uint64_t bytes = 0;
        bool good = schema_size_bytes(node_get(parse(a, arena_printf(a, "v: %s", rows[i].yaml)), "v"), &bytes);
        if (good != rows[i].good || bytes != rows[i].bytes)
            fail_msg("%s: %d %llu", rows[i].yaml, good, (unsigned long long)bytes);
    }
}

/* --- JSON Schema ------------------------------------------------------------------------------------------------------------ */

static const char *json_at(struct arena *a, const char *key)
{
    const struct schema_value v = {SCHEMA_OBJECT, .object = &root};
    const struct node *schema = schema_json(a, &v, "urn:x", "X");
    return node_json(a, node_get(node_path(schema, "definitions", "root", "properties", NULL), key));
}

static void gives_json_schema(void **state)
{
    static const struct {
        const char *key, *json;
    } rows[] = {
        {"string", "{\"type\":\"string\",\"minLength\":1,\"pattern\":\"^.+$\",\"description\":\"String.\"}"},
        {"bool", "{\"type\":\"boolean\",\"description\":\"Bool.\",\"default\":true}"},
        {"int", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"description\":\"Int.\",\"default\":7}"},
        {"above", "{\"type\":\"number\",\"exclusiveMinimum\":0,\"description\":\"Above.\"}"},
        {"most", "{\"type\":\"number\",\"maximum\":4,\"description\":\"Most.\"}"},
        {"mode", "{\"enum\":[\"none\",\"ro\",\"rw\"],\"description\":\"Mode.\",\"default\":\"none\"}"},
        {"list", "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1,\"maxItems\":3,\"description\":\"List.\"}"},
        {"map",
         "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"},\"propertyNames\":{\"pattern\":\"^[A-Z]*$\"},"
         "\"description\":\"Map.\"}"},
        {"pair", "{\"$ref\":\"#/definitions/pair\",\"description\":\"Pair.\"}"},
        {"any", "{\"not\":{\"type\":\"null\"},\"description\":\"Any.\"}"},
    };
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < N(rows); i++)
        assert_string_equal(json_at(a, rows[i].key), rows[i].json);

    const struct schema_value v = {SCHEMA_OBJECT, .object = &root};
    const struct node *schema = schema_json(a, &v, "urn:x", "X");
    assert_string_equal(node_str(node_get(schema, "$schema")), "http://json-schema.org/draft-07/schema#");
    assert_string_equal(node_json(a, node_get(schema, "allOf")), "[{\"$ref\":\"#/definitions/root\"}]");
    const struct node *definitions = node_get(schema, "definitions");
    assert_string_equal(node_json(a, node_path(definitions, "either", "minProperties", NULL)), "1");
    assert_string_equal(node_json(a, node_path(definitions, "either", "maxProperties", NULL)), "1");
    assert_string_equal(node_json(a, node_path(definitions, "pair", "additionalProperties", NULL)), "false");
    assert_null(node_path(definitions, "lax", "additionalProperties", NULL));
    assert_string_equal(node_json(a, node_path(definitions, "envRef", "required", NULL)), "[\"source\",\"id\"]");
}

static void every_reference_has_its_definition(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct schema_value v = {SCHEMA_OBJECT, .object = &root};
    const struct node *schema = schema_json(a, &v, NULL, NULL);
    const char *text = node_json(a, schema), *mark = "\"#/definitions/";
    size_t n = 0;
    for (const char *p = strstr(text, mark); p; p = strstr(p + 1, mark), n++) {
        const char *name = p + strlen(mark);
        assert_true(node_is(node_get(node_get(schema, "definitions"), arena_memdup0(a, name, strcspn(name, "\""))), NODE_OBJECT));
    }
    assert_true(n >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(missing_root_is_an_error),
        cmocka_unit_test(secret_words_are_not_repeated),
        cmocka_unit_test(keys_with_nul_are_refused),
        cmocka_unit_test(sizes_are_texts_of_docker_or_whole_bytes),
        cmocka_unit_test(gives_json_schema),
        cmocka_unit_test(every_reference_has_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
