/* spec/read/yaml: the core schema, what is refused and where, documents, anchors, caps. */
#include "spec/base/limits.h"
#include "spec/read/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

/* All documents as JSON, one a line; or all errors, one a line. */
static char *outcome(struct arena *a, const char *text, size_t n)
{
    struct diags d = {.arena = a};
    struct yaml_docs docs = {0};
    BUF_AUTO b = BUF_INIT(1 << 24);
    int r = yaml_read(a, "f", text, n, &d, &docs);

    assert_int_equal(r, d.n_errors > 0 ? -1 : 0);
    for (size_t i = 0; r == 0 && i < docs.n; i++)
        buf_printf(&b, "%s\n", node_json(a, docs.v[i]));
    for (size_t i = 0; i < d.n; i++) {
        diag_format(&b, &d.v[i]);
        buf_putc(&b, '\n');
    }
    if (b.n > 0)
        b.s[b.n - 1] = '\0';
    return arena_strdup(a, buf_str(&b));
}

struct text {
    const char *text, *outcome;
};

static void check(const struct text *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ARENA_AUTO a = arena_new();

        assert_string_equal(outcome(a, t[i].text, strlen(t[i].text)), t[i].outcome);
    }
}

static void plain_scalars_follow_the_core_schema(void **state)
{
    static const struct text t[] = {
        {"[null, Null, NULL, ~, nULL]", "[null,null,null,null,\"nULL\"]"},
        {"{a: , b: }", "{\"a\":null,\"b\":null}"},
        {"[true, True, TRUE, false, False, FALSE, tRUE]", "[true,true,true,false,false,false,\"tRUE\"]"},
        {"[yes, Yes, no, NO, on, off, y, n]", "[\"yes\",\"Yes\",\"no\",\"NO\",\"on\",\"off\",\"y\",\"n\"]"},
        {"[0, 7, -7, +7, 010, 0o17, 0xFf, 0o8, 0x, 0o, -0x1]", "[0,7,-7,7,10,15,255,\"0o8\",\"0x\",\"0o\",\"-0x1\"]"},
        {"[1.5, .5, 5., -.5e3, 1e3, 1E+2, 1., ., +, -, 1e, e1]", "[1.5,0.5,5,-500,1000,100,1,\".\",\"+\",\"-\",\"1e\",\"e1\"]"},
        {"[.inf, -.Inf, +.INF, .nan, .NaN, .iNF, -.nan, inf]", "[null,null,null,null,null,\".iNF\",\"-.nan\",\"inf\"]"},
        {"[1_000, 1:30, 2024-01-01, 0b1, 1.2.3, 0x1p3, 512m]",
         "[\"1_000\",\"1:30\",\"2024-01-01\",\"0b1\",\"1.2.3\",\"0x1p3\",\"512m\"]"},
        {"['true', \"1\", '', \"~\"]", "[\"true\",\"1\",\"\",\"~\"]"},
        {"a: |\n  1\n  x\nb: >-\n  2\n", "{\"a\":\"1\\nx\\n\",\"b\":\"2\"}"},
        {"[9007199254740991, -9007199254740991, 1e30, 0x1FFFFFFFFFFFFF]",
         "[9007199254740991,-9007199254740991,1e+30,9007199254740991]"},
        {"\"a\\0b\\u263a\\U0001F600\"", "\"a\\u0000b\xe2\x98\xba\xf0\x9f\x98\x80\""},
        {"\xef\xbb\xbf"
         "a: 1",
         "{\"a\":1}"},
    };

    check(t, N(t));
}

static void a_file_holds_any_number_of_documents(void **state)
{
    static const struct text t[] = {
        {"", ""},
        {"# nothing\n", ""},
        {"---\n...\n", ""},
        {"---\n# c\n---\na: 1\n---\n---\n- 2\n...\n---\nx\n", "{\"a\":1}\n[2]\n\"x\""},
        {"null\n--- ''\n--- ~\n", "null\n\"\"\nnull"},
        {"%YAML 1.2\n---\na\n", "\"a\""},
    };

    check(t, N(t));
}

static void what_could_surprise_is_refused_where_it_stands(void **state)
{
    static const struct text t[] = {
        {"a: 1\nb: 2\na: 3\nb: 4", "f:3:1: a: given before at line 1\nf:4:1: b: given before at line 2"},
        {"x: {a: 1, 'a': 2}", "f:1:11: x.a: given before at line 1"},
        {"a: !!str 5", "f:1:4: a: tags are not taken: 'tag:yaml.org,2002:str'"},
        {"a: !mine {}\nb: [! x]", "f:1:4: a: tags are not taken: '!mine'\nf:2:5: b[0]: tags are not taken: '!'"},
        {"!!str a: 1", "f:1:1: tags are not taken: 'tag:yaml.org,2002:str'"},
        {"%TAG ! tag:x,2000:\n---\na", "f:1:1: tags are not taken: %TAG"},
        {"a: &x {p: 1}\nb: {<<: *x, q: 2}", "f:2:5: b: merge keys are not taken: write the keys out"},
        {"\"<<\": 1", "{\"<<\":1}"},
        {"1: a\ntrue: b\n~: c\nyes: d\n0x1: e",
         "f:1:1: the key '1' is no text: put it in quotes\nf:2:1: the key 'true' is no text: put it in quotes\n"
         "f:3:1: the key '~' is no text: put it in quotes\nf:5:1: the key '0x1' is no text: put it in quotes"},
        {"'1': a\n\"true\": b", "{\"1\":\"a\",\"true\":\"b\"}"},
        {"?\n: x", "f:1:2: the key '' is no text: put it in quotes"},
        {"? [a]\n: b", "f:1:3: a key must be a text, not a list or mapping"},
        {"a: &x k\n*x : b", "f:2:1: a key must be a text, not an alias"},
        {"&x a: b", "f:1:1: a key cannot have an anchor"},
        {"a: 9007199254740992\nb: -12345678901234567890\nc: 0x20000000000000",
         "f:1:4: a: 9007199254740992 is too large for a number: put it in quotes where it is a text\n"
         "f:2:4: b: -12345678901234567890 is too large for a number: put it in quotes where it is a text\n"
         "f:3:4: c: 0x20000000000000 is too large for a number: put it in quotes where it is a text"},
    };

    check(t, N(t));
}

static void syntax_errors_tell_their_place(void **state)
{
    static const struct text t[] = {
        {"a: 1\n\tb: 2",
         "f:2:1: found a tab character that violates indentation, while scanning a plain scalar that began at line 1"},
        {"a: [1\nb: 2]\nc", "f:2:2: did not find expected ',' or ']', while parsing a flow sequence that began at line 1"},
        {"a: 'x", "f:1:6: found unexpected end of stream, while scanning a quoted scalar"},
        {"a: \"\xff\"", "f:1:5: invalid leading UTF-8 octet"},
        {"a: \"x\"\n\xc3\xbc: \xed\xa0\x80", "f:2:4: invalid Unicode character"},
        {"a: \x01", "f:1:4: control characters are not allowed"},
        {"a: @x", "f:1:4: found character that cannot start any token, while scanning for the next token"},
    };

    check(t, N(t));
}

static void aliases_give_copies(void **state)
{
    static const struct text t[] = {
        {"a: &x [1, {k: v}]\nb: *x\nc: [*x, *x]",
         "{\"a\":[1,{\"k\":\"v\"}],\"b\":[1,{\"k\":\"v\"}],\"c\":[[1,{\"k\":\"v\"}],[1,{\"k\":\"v\"}]]}"},
        {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"a: &x\nb: *x", "{\"a\":null,\"b\":null}"},
        {"a: &x [1, *x]", "f:1:11: a[1]: alias 'x' stands inside of what it names"},
        {"a: &x {b: &y {c: *x}}", "f:1:18: a.b.c: alias 'x' stands inside of what it names"},
        {"a: *x", "f:1:4: a: no anchor 'x' before this alias"},
        {"a: &x 1\n---\nb: *x", "f:3:4: b: no anchor 'x' before this alias"}, /* another document */
    };
    static const char text[] = "a: &x {k: v}\nb: *x\n";
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct yaml_docs docs;

    check(t, N(t));
    assert_int_equal(yaml_read(a, "f", text, sizeof text - 1, &d, &docs), 0);
    struct node *b = node_get(docs.v[0], "b");
    assert_ptr_not_equal(node_get(docs.v[0], "a"), b);
    assert_int_equal(b->pos.line, 2);
    assert_int_equal(node_get(b, "k")->pos.line, 1); /* where it is written */
}

/* "&a [x, x, ...]" of n_items and an alias: adds n_items + 1 values. */
static bool alias_of(size_t n_items)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1 << 24);
    struct diags d = {.arena = a};
    struct yaml_docs docs;

    buf_puts(&b, "[&a [");
    for (size_t i = 0; i < n_items; i++)
        buf_puts(&b, "x,");
    buf_puts(&b, "], *a]");
    return yaml_read(a, "f", b.s, b.n, &d, &docs) == 0;
}

static void what_aliases_add_is_capped(void **state)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO laughs = BUF_INIT(1 << 20);

    assert_true(alias_of(LIMIT_YAML_ALIAS_NODES - 1));
    assert_false(alias_of(LIMIT_YAML_ALIAS_NODES));
    buf_puts(&laughs, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 30; i++)
        buf_printf(&laughs, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_non_null(strstr(outcome(a, laughs.s, laughs.n), "aliases add more than 100000 values"));
}

static bool nested(size_t depth)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1 << 20);
    struct diags d = {.arena = a};
    struct yaml_docs docs;

    for (size_t i = 0; i < depth; i++)
        buf_putc(&b, '[');
    for (size_t i = 0; i < depth; i++)
        buf_putc(&b, ']');
    return yaml_read(a, "f", b.s, b.n, &d, &docs) == 0;
}

/* {a: &x [[..]], b: [[..*x]]}: outer lists around an alias of inner ones. */
static bool nested_by_alias(size_t inner, size_t outer)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1 << 20);
    struct diags d = {.arena = a};
    struct yaml_docs docs;

    buf_puts(&b, "{a: &x ");
    for (size_t i = 0; i < inner; i++)
        buf_putc(&b, '[');
    for (size_t i = 0; i < inner; i++)
        buf_putc(&b, ']');
    buf_puts(&b, ", b: ");
    for (size_t i = 0; i < outer; i++)
        buf_putc(&b, '[');
    buf_puts(&b, " *x ");
    for (size_t i = 0; i < outer; i++)
        buf_putc(&b, ']');
    buf_puts(&b, "}");
    return yaml_read(a, "f", b.s, b.n, &d, &docs) == 0;
}

static void depth_is_capped_also_through_aliases(void **state)
{
    assert_true(nested(LIMIT_DOC_DEPTH));
    assert_false(nested(LIMIT_DOC_DEPTH + 1));
    assert_false(nested(100000));
    assert_true(nested_by_alias(100, LIMIT_DOC_DEPTH - 101));
    assert_false(nested_by_alias(100, LIMIT_DOC_DEPTH - 100));
}

static void bytes_are_capped(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct yaml_docs docs;
    char *text = arena_alloc(a, LIMIT_DOC_BYTES + 1);

    memset(text, ' ', LIMIT_DOC_BYTES + 1);
    text[0] = '#';
    assert_int_equal(yaml_read(a, "f", text, LIMIT_DOC_BYTES, &d, &docs), 0);
    assert_int_equal(yaml_read(a, "f", text, LIMIT_DOC_BYTES + 1, &d, &docs), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_follow_the_core_schema),
        cmocka_unit_test(a_file_holds_any_number_of_documents),
        cmocka_unit_test(what_could_surprise_is_refused_where_it_stands),
        cmocka_unit_test(syntax_errors_tell_their_place),
        cmocka_unit_test(aliases_give_copies),
        cmocka_unit_test(what_aliases_add_is_capped),
        cmocka_unit_test(depth_is_capped_also_through_aliases),
        cmocka_unit_test(bytes_are_capped),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
