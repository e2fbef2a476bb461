/* spec/read/json: what is JSON and what is not, the values of JSON.parse, positions, caps. */
#include "spec/base/limits.h"
#include "spec/read/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

static struct node *read_text(struct arena *a, const char *text, struct err *e)
{
    return json_read_err(a, "reply", text, strlen(text), e);
}

static void json_is_read_as_json_parse_does(void **state)
{
    static const struct {
        const char *text, *json; /* NULL: the same */
    } t[] = {
        {"null", NULL},
        {"-1.5e3", "-1500"},
        {" [1, true ,{\"a\":\t\"b\"}]\r\n", "[1,true,{\"a\":\"b\"}]"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
        {"[9007199254740993,123456789012345678901234567890,1e-400]", "[9007199254740992,1.2345678901234568e+29,0]"},
        {"\"\\u0000\"", NULL},
        {"{\"__proto__\":1,\"\":2}", NULL},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\ud83d\"", NULL}, /* JSON.stringify writes such, and jansson alone refuses them */
        {"\"\\ude00\\ud83d\\u0041\"", "\"\\ude00\\ud83dA\""},
        {"\"\\\\ud83d\"", NULL},
        {"\"\\ud83d\\ud83d\\ude00 \\uD83Dx\"", "\"\\ud83d\xf0\x9f\x98\x80 \\ud83dx\""},
        {"\"\xe2\x80\xa8\"", NULL},
    };

    for (size_t i = 0; i < N(t); i++) {
        ARENA_AUTO a = arena_new();
        struct err e = {0};
        struct node *root = read_text(a, t[i].text, &e);

        if (!root)
            fail_msg("%s: %s", t[i].text, e.msg);
        assert_string_equal(node_json(a, root), t[i].json ? t[i].json : t[i].text);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const t[] = {
        "",
        " ",
        "{a:1}",
        "{'a':1}",
        "[1,]",
        "{\"a\":1,}",
        "[01]",
        "[+1]",
        "[.5]",
        "[5.]",
        "[0x1]",
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "// c\n1",
        "/**/1",
        "1 2",
        "{} x",
        "\xef\xbb\xbf{}",
        "\xc2\xa0{}",
        "\f1",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\\q\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\",
        "\"\\u",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "[1",
        "{\"a\"",
        "\"a",
        "True",
        "nul",
        "1e400", /* no double: JSON.parse would make it Infinity */
        "{\"\\u0000\":1}",
    };

    for (size_t i = 0; i < N(t); i++) {
        ARENA_AUTO a = arena_new();
        struct err e = {0};

        if (read_text(a, t[i], &e))
            fail_msg("accepted: %s", t[i]);
        assert_int_equal(e.class, ERR_INPUT);
        assert_ptr_equal(strstr(e.msg, "reply"), e.msg);
    }
}

/* jansson 2.14 alone would pass over a NUL behind a number. */
static void a_nul_is_no_json(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } t[] = {{"[0\0]", 4}, {"[true\0]", 7}, {"1\0", 2}, {"\0", 1}, {"\0001", 2}, {"\"\0\"", 3}, {"{}\0", 3}};

    for (size_t i = 0; i < N(t); i++) {
        ARENA_AUTO a = arena_new();
        struct err e = {0};

        assert_null(json_read_err(a, "reply", t[i].text, t[i].n, &e));
    }
}

static void an_error_tells_its_place(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    const char *text = "{\"a\": 1,\n \"b\": x}";

    assert_null(json_read(a, "s.json", text, strlen(text), &d));
    assert_int_equal(d.n_errors, 1);
    assert_string_equal(d.v[0].pos.file, "s.json");
    assert_int_equal(d.v[0].pos.line, 2);
    assert_in_range(d.v[0].pos.col, 6, 7);
    assert_ptr_equal(strstr(d.v[0].msg, "not JSON: "), d.v[0].msg);
}

static void values_have_positions(void **state)
{
    ARENA_AUTO a = arena_new();
    struct err e = {0};
    struct node *root = read_text(a, "{\"a\":\n [1, \"\xc3\xbc\", 2]}", &e);

    assert_int_equal(root->members[0].pos.col, 2);
    assert_int_equal(node_get(root, "a")->items[2]->pos.line, 2);
    assert_int_equal(node_get(root, "a")->items[2]->pos.col, 11);
}

static void depth_is_capped(void **state)
{
    for (unsigned depth = LIMIT_DOC_DEPTH; depth <= LIMIT_DOC_DEPTH + 1; depth++) {
        ARENA_AUTO a = arena_new();
        struct err e = {0};
        char text[2 * (LIMIT_DOC_DEPTH + 1)];

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct node *root = json_read_err(a, "reply", text, 2 * depth, &e);
        assert_int_equal(root != NULL, depth <= LIMIT_DOC_DEPTH);
        assert_int_equal(e.class, root ? ERR_NONE : ERR_INPUT);
    }
    ARENA_AUTO a = arena_new();
    struct err e = {0};
    char *bomb = arena_alloc(a, 1000000);
    memset(bomb, '[', 1000000);
    assert_null(json_read_err(a, "reply", bomb, 1000000, &e));
}

static void bytes_are_capped(void **state)
{
    ARENA_AUTO a = arena_new();
    char *text = arena_alloc(a, LIMIT_DOC_BYTES + 1);
    struct err e = {0};

    memset(text, ' ', LIMIT_DOC_BYTES);
    text[0] = '1';
    assert_non_null(json_read_err(a, "reply", text, LIMIT_DOC_BYTES, &e));
    text[LIMIT_DOC_BYTES] = ' ';
    assert_null(json_read_err(a, "reply", text, LIMIT_DOC_BYTES + 1, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_as_json_parse_does),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(a_nul_is_no_json),
        cmocka_unit_test(an_error_tells_its_place),
        cmocka_unit_test(values_have_positions),
        cmocka_unit_test(depth_is_capped),
        cmocka_unit_test(bytes_are_capped),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
