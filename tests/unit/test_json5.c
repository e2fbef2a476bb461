/* spec/read/json5, tree, utf8: the grammar, its errors with their positions, and the caps. That the grammar is npm's json5 to
 * the character is shown by tests/interop/json5.bats. */
#include "spec/base/limits.h"
#include "spec/read/json5.h"
#include "spec/read/json5_ident.h"
#include "spec/read/utf8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

struct text {
    const char *text;
    const char *json;  /* as JSON.stringify; NULL: refused, and then: */
    const char *error; /* the whole line of the error */
};

static const char *first_error(struct arena *a, const struct diags *d)
{
    for (size_t i = 0; i < d->n; i++) {
        BUF_AUTO b = BUF_INIT(65536);

        if (d->v[i].level != DIAG_ERROR)
            continue;
        diag_format(&b, &d->v[i]);
        return arena_strdup(a, buf_str(&b));
    }
    return "(no error)";
}

static void check(const struct text *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct node *root = json5_read(a, "f", t[i].text, strlen(t[i].text), &d);

        if (t[i].json) {
            if (!root)
                fail_msg("%s: %s", t[i].text, first_error(a, &d));
            assert_string_equal(node_json(a, root), t[i].json);
            assert_int_equal(d.n_errors, 0);
        } else {
            assert_null(root);
            assert_string_equal(first_error(a, &d), t[i].error);
            assert_int_equal(d.n_errors, 1);
        }
    }
}

static void values_of_every_kind_are_read(void **state)
{
    static const struct text t[] = {
        {"null", "null"},
        {" true ", "true"},
        {"false", "false"},
        {"{}", "{}"},
        {"[ ]", "[]"},
        {"[1,2,]", "[1,2]"},
        {"{a:1,b:{c:[{}]},}", "{\"a\":1,\"b\":{\"c\":[{}]}}"},
        {"[0,-0,+1,-1,.5,5.,5.e1,1e3,1E-3,+.5e+1,1.25]", "[0,0,1,-1,0.5,5,50,1000,0.001,5,1.25]"},
        {"[0x1F,-0Xff,0xFFFFFFFFFFFFFFFF,0x0]", "[31,-255,18446744073709552000,0]"},
        {"[9007199254740993,1e400,-1e400,1e-400,123456789012345678901234567890]",
         "[9007199254740992,null,null,0,1.2345678901234568e+29]"},
        {"[Infinity,-Infinity,+NaN]", "[null,null,null]"},
        {"{a:1,b:2,a:3}", "{\"a\":3,\"b\":2}"},
        {"{\"__proto__\":{x:1},'':2}", "{\"__proto__\":{\"x\":1},\"\":2}"},
        {"{$_\xc3\xbc\xe2\x80\x8d: 1, \\u0061\\u0031: 2, null: 3, Infinity: 4}",
         "{\"$_\xc3\xbc\xe2\x80\x8d\":1,\"a1\":2,\"null\":3,\"Infinity\":4}"},
        {"\xef\xbb\xbf//c\n/**/{/***/a/* x */:/*\n*/1//e\r}\xc2\xa0\xe2\x80\x83//", "{\"a\":1}"},
    };

    check(t, N(t));
}

static void strings_take_every_escape(void **state)
{
    static const struct text t[] = {
        {"'a\"b'", "\"a\\\"b\""},
        {"\"\\b\\f\\n\\r\\t\\v\\0\\\\\\/\\'\\\"\\q\\\xc3\xbc\"", "\"\\b\\f\\n\\r\\t\\u000b\\u0000\\\\/'\\\"q\xc3\xbc\""},
        {"\"\\x41\\u0042\\u00e4\"", "\"AB\xc3\xa4\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\ud83d\\\n\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\ud83d \\ude00 \\ude00\\ud83d\"", "\"\\ud83d \\ude00 \\ude00\\ud83d\""},
        {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ud83d\xf0\x9f\x98\x80\""},
        {"'a\\\nb\\\r\nc\\\rd\\\xe2\x80\xa8"
         "e'",
         "\"abcde\""},
        {"'\t\xe2\x80\xa8\x7f\x01'", "\"\\t\xe2\x80\xa8\x7f\\u0001\""},
    };

    check(t, N(t));
}

static void errors_stand_at_the_character_and_name_the_key(void **state)
{
    static const struct text t[] = {
        {"", NULL, "f:1:1: unexpected end of the text: expected a value"},
        {" \n ", NULL, "f:2:2: unexpected end of the text: expected a value"},
        {"{} x", NULL, "f:1:4: unexpected character 'x': expected nothing more after the value"},
        {"{a 1}", NULL, "f:1:4: a: unexpected character '1': expected ':' after the key"},
        {"{a: 1,, b: 2}", NULL, "f:1:7: unexpected character ',': expected a key or '}'"},
        {"{a: 1 b: 2}", NULL, "f:1:7: unexpected character 'b': expected ',' or '}'"},
        {"{a: [1, {b: [x]}]}", NULL, "f:1:14: a[1].b[0]: unexpected character 'x': expected a value"},
        {"[1,2 3]", NULL, "f:1:6: [2]: unexpected character '3': expected ',' or ']'"},
        {"{a: 010}", NULL, "f:1:6: unexpected character '1': expected ',' or '}'"},
        {"{a: nul}", NULL, "f:1:8: a: unexpected character '}': expected a value (a text stands in quotes)"},
        {"{a: -x}", NULL, "f:1:6: a: unexpected character 'x': expected a number"},
        {"{a: .}", NULL, "f:1:6: a: unexpected character '}': expected a digit"},
        {"{a: 1e}", NULL, "f:1:7: a: unexpected character '}': expected a digit of the exponent"},
        {"{a: 0x}", NULL, "f:1:7: a: unexpected character '}': expected a hexadecimal digit"},
        {"{a: \"x", NULL, "f:1:7: a: unexpected end of the text: the string is not closed"},
        {"['\n']", NULL, "f:1:3: [0]: unexpected line break: the string is not closed (a line break in it is written \\n)"},
        {"['\\1']", NULL, "f:1:4: [0]: unexpected character '1': a backslash before a digit means nothing here"},
        {"['\\01']", NULL, "f:1:5: [0]: unexpected character '1': a digit cannot follow \\0"},
        {"['\\xZ']", NULL, "f:1:5: [0]: unexpected character 'Z': \\x takes two hexadecimal digits"},
        {"['\\u12']", NULL, "f:1:7: [0]: unexpected character ''': \\u takes four hexadecimal digits"},
        {"{\\x61: 1}", NULL, "f:1:3: unexpected character 'x': in a key without quotes only \\u may follow a backslash"},
        {"{\\u0031: 1}", NULL, "f:1:2: a key without quotes cannot hold U+0031 here"},
        {"{a\\u002d: 1}", NULL, "f:1:3: a key without quotes cannot hold U+002D here"},
        {"{1: 2}", NULL, "f:1:2: unexpected character '1': expected a key or '}'"},
        {"# x\n{}", NULL, "f:1:1: unexpected character '#': expected a value (comments begin with // or /*)"},
        {"{} /* x", NULL, "f:1:8: unexpected end of the text: the comment is not closed by */"},
        {"{a: /x/}", NULL, "f:1:6: a: unexpected character 'x': a comment begins with // or /*"},
        {"\xc3\xbc", NULL, "f:1:1: unexpected character '\xc3\xbc': expected a value"},
        {"{a:\n '\xf0\x9f\x98\x80' x}", NULL, "f:2:6: unexpected character 'x': expected ',' or '}'"},
        {"[\x01]", NULL, "f:1:2: [0]: unexpected character U+0001: expected a value"},
        {"[\xff]", NULL, "f:1:2: [0]: unexpected byte 0xff, which is not UTF-8: expected a value"},
        {"\xff\xfe{", NULL, "f:1:1: the text is UTF-16; it must be UTF-8"},
        {"\x7f"
         "ELF",
         NULL, "f:1:1: unexpected character U+007F: expected a value"},
    };

    check(t, N(t));
}

static void positions_count_lines_by_lf_and_columns_by_code_point(void **state)
{
    static const char text[] = "{ a: 1,\r\n  '\xf0\x9f\x98\x80': [\n\ttrue, 'x\\\ny', null]}";
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct node *root = json5_read(a, "f", text, strlen(text), &d);

    assert_non_null(root);
    assert_string_equal(root->pos.file, "f");
    assert_int_equal(root->members[0].pos.col, 3);
    assert_int_equal(root->members[0].value->pos.col, 6);
    assert_int_equal(root->members[1].pos.line, 2);
    assert_int_equal(root->members[1].pos.col, 3);
    struct node *list = root->members[1].value;
    assert_int_equal(list->pos.col, 8);
    assert_int_equal(list->items[0]->pos.line, 3);
    assert_int_equal(list->items[0]->pos.col, 2);
    assert_int_equal(list->items[1]->pos.col, 8);
    assert_int_equal(list->items[2]->pos.line, 4);
    assert_int_equal(list->items[2]->pos.col, 5);
}

static void a_key_given_twice_is_warned_of_and_the_later_counts(void **state)
{
    static const char text[] = "{a: 1,\n b: {c: 2},\n a: 3}";
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct node *root = json5_read(a, "f", text, strlen(text), &d);
    BUF_AUTO b = BUF_INIT(1000);

    assert_string_equal(node_json(a, root), "{\"a\":3,\"b\":{\"c\":2}}");
    assert_int_equal(root->members[0].pos.line, 3);
    assert_int_equal(d.n, 1);
    diag_format(&b, &d.v[0]);
    assert_string_equal(buf_str(&b), "f:3:2: a: warning: given before at line 1; the later value counts");
}

static void bytes_that_are_no_utf8_read_as_u_fffd_as_node_reads_them(void **state)
{
    static const struct {
        const char *bytes, *text;
    } t[] = {
        {"\xff", "\xef\xbf\xbd"},
        {"a\xe2\x82z", "a\xef\xbf\xbdz"},                                         /* one for a cut sequence */
        {"\xf0\x9f\x98", "\xef\xbf\xbd"},                                         /* also at the end */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* a surrogate: one each */
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
        {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* beyond U+10FFFF */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* likewise */
        {"\xef\xbf\xbd\xf4\x8f\xbf\xbf", "\xef\xbf\xbd\xf4\x8f\xbf\xbf"},         /* fine as it is */
    };

    for (size_t i = 0; i < N(t); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        char *text = arena_printf(a, "'%s'", t[i].bytes);
        struct node *root = json5_read(a, "f", text, strlen(text), &d);
        size_t n;

        assert_string_equal(node_str(root), t[i].text);
        assert_int_equal(d.n, strcmp(t[i].bytes, t[i].text) != 0); /* warned of, once */
        assert_string_equal(utf8_scrub(a, t[i].bytes, strlen(t[i].bytes), &n), t[i].text);
        assert_int_equal(n, strlen(t[i].text));
    }
}

static void nuls_are_kept_in_values_and_keys(void **state)
{
    static const char text[] = "{'a\\0b': 'c\0d'}";
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct node *root = json5_read(a, "f", text, sizeof text - 1, &d);

    assert_non_null(root);
    assert_int_equal(root->members[0].key_n, 3);
    assert_memory_equal(root->members[0].key, "a\0b", 4);
    assert_int_equal(root->members[0].value->s_n, 3);
    assert_memory_equal(root->members[0].value->s, "c\0d", 4);
    assert_null(json5_read(a, "f", "{}\0", 3, &d)); /* and are no end of the text */
}

static bool reads(const char *bytes, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    bool ok = json5_read(a, "f", bytes, n, &d) != NULL;

    assert_int_equal(d.n_errors, !ok);
    return ok;
}

static char *repeated(const char *unit, size_t times, const char *tail, size_t *ret_n)
{
    size_t unit_n = strlen(unit), tail_n = strlen(tail);
    char *s = malloc(unit_n * times + tail_n + 1);

    assert_non_null(s);
    for (size_t i = 0; i < times; i++)
        memcpy(s + i * unit_n, unit, unit_n);
    memcpy(s + unit_n * times, tail, tail_n + 1);
    *ret_n = unit_n * times + tail_n;
    return s;
}

static void depth_is_capped(void **state)
{
    for (unsigned depth = LIMIT_DOC_DEPTH; depth <= LIMIT_DOC_DEPTH + 1; depth++) {
        char text[2 * (LIMIT_DOC_DEPTH + 1)];

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(reads(text, 2 * depth), depth <= LIMIT_DOC_DEPTH);
    }
    size_t n;
    char *bomb = repeated("{a:[", 1000000, "", &n);
    assert_false(reads(bomb, n));
    free(bomb);
}

static void values_are_capped(void **state)
{
    size_t n;
    char *text = repeated("0,", LIMIT_DOC_NODES, "]", &n);

    text[0] = '['; /* "[,0,0,...]" becomes "[ 0,0,...]": the list and n - 1 numbers */
    text[1] = ' ';
    assert_true(reads(text, n));
    text[0] = ' ';
    text[1] = '[';
    text[n - 1] = '0';
    assert_false(reads(text, n)); /* one more */
    free(text);
}

static void bytes_are_capped(void **state)
{
    size_t n;
    char *text = repeated(" ", LIMIT_DOC_BYTES, "1", &n);

    assert_false(reads(text, n));
    assert_true(reads(text + 1, n - 1));
    free(text);
}

static void keys_without_quotes_take_unicode_10_and_nothing_newer(void **state)
{
    assert_true(json5_is_id_start('$') && json5_is_id_start('_') && json5_is_id_start('z') && !json5_is_id_start('0'));
    assert_true(json5_is_id_part('0') && json5_is_id_part(0x200c) && json5_is_id_part(0x200d) && !json5_is_id_part('-'));
    assert_true(json5_is_id_start(0xaa) && json5_is_id_start(0x2fa1d) && !json5_is_id_start(0x2fa1e));
    assert_true(json5_is_id_part(0xe01ef) && !json5_is_id_part(0xe01f0) && !json5_is_id_start(0x300));
    assert_false(json5_is_id_start(0x0870)); /* a letter since Unicode 14 */
    assert_false(json5_is_id_part(0x30fb));  /* ID_Continue since Unicode 15.1 */
    assert_false(json5_is_id_part(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind_are_read),
        cmocka_unit_test(strings_take_every_escape),
        cmocka_unit_test(errors_stand_at_the_character_and_name_the_key),
        cmocka_unit_test(positions_count_lines_by_lf_and_columns_by_code_point),
        cmocka_unit_test(a_key_given_twice_is_warned_of_and_the_later_counts),
        cmocka_unit_test(bytes_that_are_no_utf8_read_as_u_fffd_as_node_reads_them),
        cmocka_unit_test(nuls_are_kept_in_values_and_keys),
        cmocka_unit_test(depth_is_capped),
        cmocka_unit_test(values_are_capped),
        cmocka_unit_test(bytes_are_capped),
        cmocka_unit_test(keys_without_quotes_take_unicode_10_and_nothing_newer),
    };

    return cmocka_run_group_tests_name("json5", tests, NULL, NULL);
}
