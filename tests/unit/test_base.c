/* spec/base, spec/node, spec/diag, spec/world: the things every room uses. */
#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/diag.h"
#include "spec/node.h"
#include "spec/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

static void err_message_is_escaped_wrapped_and_cut(void **state)
{
    struct err e = {0};
    char big[4096];

    assert_int_equal(err_set(&e, ERR_INPUT, 7, "bad \x1b[31m%s", "x\ny"), -1);
    assert_string_equal(e.msg, "bad \\x1b[31mx\\ny");
    assert_int_equal(e.class, ERR_INPUT);
    assert_int_equal(err_wrap(&e, "reading %s", "f"), -1);
    assert_string_equal(e.msg, "reading f: bad \\x1b[31mx\\ny");
    assert_int_equal(e.sys, 7);
    err_sys(&e, ERR_IO, EACCES, "opening '%s'", "p");
    assert_string_equal(e.msg, "opening 'p': Permission denied");
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    err_set(&e, ERR_IO, 0, "%s", big);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    assert_true(text_has_suffix(e.msg, "a..."));
}

static void err_classes_are_complete(void **state)
{
    for (int c = 0; c < ERR_CLASS_COUNT; c++)
        assert_non_null(err_class_name(c));
    assert_int_equal(err_exit_code(ERR_USAGE), 64);
    assert_int_equal(err_exit_code(ERR_CONFIG), 78);
    assert_int_equal(err_exit_code(ERR_REFUSED), 3);
    assert_int_equal(err_class_of_errno(ENOENT), ERR_NOT_FOUND);
    assert_int_equal(err_class_of_errno(EACCES), ERR_IO);
}

static void arena_memory_is_zeroed_aligned_and_kept(void **state)
{
    ARENA_AUTO a = arena_new();
    char *small[1000];

    for (size_t i = 0; i < N(small); i++) {
        small[i] = arena_printf(a, "%zu", i);
        char *p = arena_alloc(a, i * 37);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < i * 37; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xee, i * 37);
    }
    for (size_t i = 0; i < N(small); i++)
        assert_int_equal(strtoul(small[i], NULL, 10), i);
    assert_null(arena_strdup(a, NULL));
}

static void vec_keeps_items_over_growth(void **state)
{
    ARENA_AUTO a = arena_new();
    VEC(size_t) v = {0};

    for (size_t i = 0; i < 10000; i++)
        VEC_PUSH(a, &v, i);
    assert_int_equal(v.n, 10000);
    for (size_t i = 0; i < v.n; i++)
        assert_int_equal(v.v[i], i);
}

static void buf_stops_at_its_cap(void **state)
{
    BUF_AUTO b = BUF_INIT(5);

    buf_puts(&b, "12345");
    assert_false(b.full);
    buf_putc(&b, '6');
    assert_true(b.full);
    buf_clear(&b);
    buf_puts(&b, "123456");
    assert_true(b.full);
    assert_string_equal(buf_str(&b), "");
}

static void utf8_refuses_what_is_not_utf8(void **state)
{
    static const struct {
        const char *s;
        size_t n;
        bool decodes, valid;
    } cases[] = {
        {"a", 1, true, true},
        {"\xc3\xa9", 2, true, true},
        {"\xc3", 1, false, false},             /* cut */
        {"\xc0\x80", 2, false, false},         /* overlong */
        {"\xe0\x80\x80", 3, false, false},     /* overlong */
        {"\xed\xa0\x80", 3, true, false},      /* lone surrogate */
        {"\xf0\x9f\x98\x80", 4, true, true},   /* U+1F600 */
        {"\xf4\x90\x80\x80", 4, false, false}, /* past U+10FFFF */
        {"\x80", 1, false, false},
        {"\xff", 1, false, false},
    };

    for (size_t i = 0; i < N(cases); i++) {
        uint32_t cp;
        char back[4];
        size_t n = utf8_decode(cases[i].s, cases[i].n, &cp);

        assert_int_equal(n > 0, cases[i].decodes);
        assert_int_equal(utf8_valid(cases[i].s, cases[i].n), cases[i].valid);
        if (n > 0) {
            assert_int_equal(utf8_encode(cp, back), n);
            assert_memory_equal(back, cases[i].s, n);
        }
    }
}

static void js_strings_follow_ecmascript(void **state)
{
    ARENA_AUTO a = arena_new();

    assert_string_equal(js_trim(a, "\xc2\xa0\xef\xbb\xbf x y\t\xe2\x80\xa8"), "x y");
    assert_string_equal(js_trim(a, "\xc2\x85x"), "\xc2\x85x");         /* U+0085 is no white space */
    assert_string_equal(js_trim(a, "\xe2\x80\x8bx"), "\xe2\x80\x8bx"); /* nor U+200B */
    assert_string_equal(js_lower(a, "AZ az_-09"), "az az_-09");
    assert_string_equal(js_lower(a, "\xe2\x84\xaa"), "k");                            /* U+212A */
    assert_string_equal(js_lower(a, "\xc4\xb0"), "i\xcc\x87");                        /* U+0130 */
    assert_string_equal(js_lower(a, "\xce\xa3\xce\xa3"), "\xcf\x83\xcf\x82");         /* a final sigma */
    assert_string_equal(js_lower(a, "\xf0\x90\x90\x80"), "\xf0\x90\x90\xa8");         /* U+10400 */
    assert_string_equal(js_lower(a, "\xed\xa0\x80\xc3\x84"), "\xed\xa0\x80\xc3\xa4"); /* a lone surrogate stays */
    assert_string_equal(js_lower(a, "\xc3\x84\xff\xc3\x84"), "\xc3\xa4\xff\xc3\xa4"); /* and what is no UTF-8 */
    assert_memory_equal(js_lower_n(a, "A\0\xc3\x84", 4), "a\0\xc3\xa4", 5);
    assert_true(js_is_blank(" \n"));
    assert_false(js_is_blank(" x"));
    assert_int_equal(js_length("a\xf0\x9f\x98\x80", 5), 3);
    assert_string_equal(js_slice(a, "a\xf0\x9f\x98\x80z", 3), "a\xf0\x9f\x98\x80");
    assert_string_equal(js_slice(a, "a\xf0\x9f\x98\x80z", 2), "a\xed\xa0\xbd");
    assert_string_equal(js_slice(a, "ab", 9), "ab");
}

static void outside_text_is_escaped(void **state)
{
    ARENA_AUTO a = arena_new();

    assert_string_equal(text_escaped(a, "a\x1b[2J\x7f\r\n"), "a\\x1b[2J\\x7f\\x0d\\n");
    assert_string_equal(text_escaped(a, "\xe2\x80\xae"
                                        "evil"),
                        "\\u{202e}evil");
    assert_string_equal(text_escaped(a, "\xc2\x9b\xff"), "\\u{009b}\\xff");
    assert_string_equal(text_escaped(a, "caf\xc3\xa9"), "caf\xc3\xa9");
}

static void closest_word_is_near_or_nothing(void **state)
{
    static const char *const words[] = {"memory", "memorySwap", "network", "mode"};

    assert_string_equal(text_closest("memroy", words, N(words)), "memory");
    assert_string_equal(text_closest("netwrok", words, N(words)), "network");
    assert_null(text_closest("banana", words, N(words)));
    assert_int_equal(text_distance("ab", "ba"), 1);
}

static void numbers_print_as_ecmascript(void **state)
{
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {1e21, "1e+21"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {0.1, "0.1"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-9, "1.5e-9"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {9007199254740993.0, "9007199254740992"},
        {0.1 + 0.2, "0.30000000000000004"},
        {2147483648.0, "2147483648"},
        {100, "100"},
        {1e300, "1e+300"},
    };
    char out[JS_NUMBER_MAX];

    for (size_t i = 0; i < N(cases); i++)
        assert_string_equal(js_number(cases[i].d, out), cases[i].text);
}

static void durations_read_and_print(void **state)
{
    static const struct {
        const char *s;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"0", 0},           {"5m", 300000},
        {"1h30m", 5400000}, {"250ms", 250},
        {"7d", 604800000},  {"1m1ms", 60001},
        {"5", -1},          {"", -1},
        {"m", -1},          {"5m5m", -1},
        {"5s5m", -1},       {"-5m", -1},
        {"5 m", -1},        {"1.5h", -1},
        {"5x", -1},         {"36600d", (int64_t)36600 * 86400000},
        {"36601d", -1},     {"99999999999999999999d", -1},
    };
    char out[48];

    for (size_t i = 0; i < N(cases); i++) {
        int64_t ms = -1, again;

        assert_int_equal(num_parse_duration_ms(cases[i].s, &ms), cases[i].ms >= 0);
        assert_int_equal(ms, cases[i].ms);
        if (ms < 0)
            continue;
        assert_true(num_parse_duration_ms(num_format_duration(ms, out), &again));
        assert_int_equal(again, ms);
    }
}

static void integers_refuse_overflow_and_junk(void **state)
{
    uint64_t u;
    int64_t i;

    assert_true(num_parse_u64("18446744073709551615", &u));
    assert_false(num_parse_u64("18446744073709551616", &u));
    assert_false(num_parse_u64("", &u));
    assert_false(num_parse_u64("+1", &u));
    assert_true(num_parse_i64("-9223372036854775808", &i));
    assert_true(i == INT64_MIN);
    assert_false(num_parse_i64("9223372036854775808", &i));
    assert_true(num_add_i64(INT64_MAX, 1) == INT64_MAX);
    assert_true(num_add_i64(INT64_MIN, -1) == INT64_MIN);
}

static void digest_is_sha256(void **state)
{
    ARENA_AUTO a = arena_new();

    assert_string_equal(digest_sha256(a, "abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void object_keeps_order_and_finds_many(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *o = node_object(a);

    for (int i = 0; i < 5000; i++)
        node_set(a, o, arena_printf(a, "k%d", i), node_number(a, i));
    node_set(a, o, "k17", node_string(a, "again"));
    assert_int_equal(o->n_members, 5000);
    assert_string_equal(o->members[17].key, "k17");
    assert_string_equal(node_str(node_get(o, "k17")), "again");
    assert_true(node_unset(o, "k0"));
    assert_false(node_unset(o, "k0"));
    for (int i = 1; i < 5000; i++)
        assert_non_null(node_get(o, arena_printf(a, "k%d", i)));
    assert_null(node_get(o, "k5000"));
    struct node *c = node_copy(a, o);
    assert_true(node_equal(c, o));
    node_set(a, c, "k3", node_null(a));
    assert_false(node_equal(c, o));
    assert_null(node_get(NULL, "x"));
    assert_null(node_path(o, "k1", "x", NULL));
}

static void emit_is_json_stringify(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *o = node_object(a), *list = node_array(a);
    BUF_AUTO b = BUF_INIT(4096);

    node_set(a, o, "b", node_string_n(a, "q\"\\\b\x01\x7f/\0\xed\xa0\xbd", 11));
    node_set(a, o, "10", node_number(a, 1e21));
    node_set(a, o, "9", list);
    node_set(a, o, "01", node_object(a));
    node_push(a, list, node_null(a));
    node_push(a, list, node_bool(a, true));
    assert_string_equal(node_json(a, o),
                        "{\"b\":\"q\\\"\\\\\\b\\u0001\x7f/\\u0000\\ud83d\",\"10\":1e+21,\"9\":[null,true],\"01\":{}}");
    node_js_order(a, o);
    assert_string_equal(o->members[0].key, "9");
    assert_string_equal(o->members[1].key, "10");
    assert_string_equal(o->members[2].key, "b");
    node_get(o, "b")->secret = true;
    node_emit(&b, o, 2, NODE_EMIT_REDACT);
    assert_string_equal(buf_str(&b),
                        "{\n  \"9\": [\n    null,\n    true\n  ],\n  \"10\": 1e+21,\n  \"b\": \"(sensitive)\",\n  \"01\": {}\n}");
}

static void diags_sort_by_place_and_drop_twins(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    BUF_AUTO b = BUF_INIT(4096);

    diag_error(&d, ((struct pos){"b.yaml", 3, 1}), "x", "late");
    diag_error(&d, ((struct pos){"a.yaml", 9, 9}), "", "other file");
    diag_warning(&d, ((struct pos){"b.yaml", 1, 2}), "k\x1b", "early");
    diag_error(&d, ((struct pos){"b.yaml", 3, 1}), "x", "late");
    diags_sort(&d);
    assert_int_equal(d.n, 3);
    assert_int_equal(d.n_errors, 2);
    for (size_t i = 0; i < d.n; i++) {
        diag_format(&b, &d.v[i]);
        buf_putc(&b, '\n');
    }
    assert_string_equal(buf_str(&b), "b.yaml:1:2: k\\x1b: warning: early\nb.yaml:3:1: x: late\na.yaml:9:9: other file\n");
    assert_string_equal(diag_key(a, "a.b", "c"), "a.b.c");
    assert_string_equal(diag_key(a, "a", "x y"), "a[\"x y\"]");
    assert_string_equal(diag_index(a, "a", 3), "a[3]");
}

static void of_a_long_key_the_ends_are_shown(void **state)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1 << 16);
    char key[2001];
    struct diag d = {.pos = {.file = "f", .line = 1, .col = 2}, .key = key, .msg = "m"};

    (void)state;
    memset(key, 'k', sizeof key);
    key[400] = '\0';
    diag_format(&b, &d);
    assert_int_equal(b.n, strlen("f:1:2: ") + 400 + strlen(": m"));
    buf_clear(&b);
    key[400] = 'k';
    key[2000] = '\0';
    memcpy(key + 199, "\xc3\xa9", 2); /* cut in no letter */
    diag_format(&b, &d);
    assert_string_equal(buf_str(&b), arena_printf(a, "f:1:2: %.199s ... %.200s: m", key, key + 1800));
}

static void diags_are_capped(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};

    for (unsigned i = 0; i < LIMIT_DIAGS; i++)
        diag_error(&d, ((struct pos){"f", i, 1}), "", "x");
    assert_false(d.truncated);
    diag_error(&d, ((struct pos){"f", 0, 1}), "", "x");
    assert_true(d.truncated);
    assert_int_equal(d.n, LIMIT_DIAGS);
    assert_int_equal(d.n_errors, LIMIT_DIAGS + 1);
}

static void fields_differ_by_name_and_hide_secrets(void **state)
{
    ARENA_AUTO a = arena_new();
    struct field want[] = {{"docker.memory", "1g", FIELD_PATCH, false},
                           {"docker.env.T", "s1", FIELD_RECREATE, true},
                           {"docker.image", "x", FIELD_RECREATE, false},
                           {"docker.image", "y", FIELD_RECREATE, false}};
    struct field have[] = {{"docker.image", "y", FIELD_RECREATE, false},
                           {"docker.env.T", "s2", FIELD_RECREATE, false},
                           {"docker.user", "0:0", FIELD_RECREATE, false}};
    struct field_change *c;
    BUF_AUTO b = BUF_INIT(4096);
    size_t n = fields_diff(a, fields_make(a, want, N(want)), fields_make(a, have, N(have)), &c);

    for (size_t i = 0; i < n; i++) {
        field_change_format(&b, &c[i]);
        buf_putc(&b, '\n');
    }
    assert_string_equal(buf_str(&b),
                        "docker.env.T: (sensitive) -> (sensitive)\ndocker.memory: (none) -> 1g\ndocker.user: 0:0 -> (none)\n");
    assert_string_equal(fields_get(fields_make(a, want, N(want)), "docker.image"), "y");
    assert_null(fields_get(fields_make(a, want, N(want)), "nope"));
}

static void every_word_has_a_name(void **state)
{
    for (int i = 0; i < RUNTIME_KIND_COUNT; i++)
        assert_non_null(runtime_kind_name(i));
    for (int i = 0; i < RUN_STATE_COUNT; i++)
        assert_non_null(run_state_name(i));
    for (int i = 0; i < ACT_KIND_COUNT; i++)
        assert_non_null(act_kind_name(i));
    for (int i = 0; i < GUARD_COUNT; i++)
        assert_non_null(guard_name(i));
    for (int i = 0; i < FIELD_CLASS_COUNT; i++)
        assert_non_null(field_class_name(i));
    for (int i = 0; i < NODE_KIND_COUNT; i++)
        assert_non_null(node_kind_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_message_is_escaped_wrapped_and_cut),
        cmocka_unit_test(err_classes_are_complete),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_kept),
        cmocka_unit_test(vec_keeps_items_over_growth),
        cmocka_unit_test(buf_stops_at_its_cap),
        cmocka_unit_test(utf8_refuses_what_is_not_utf8),
        cmocka_unit_test(js_strings_follow_ecmascript),
        cmocka_unit_test(outside_text_is_escaped),
        cmocka_unit_test(closest_word_is_near_or_nothing),
        cmocka_unit_test(numbers_print_as_ecmascript),
        cmocka_unit_test(durations_read_and_print),
        cmocka_unit_test(integers_refuse_overflow_and_junk),
        cmocka_unit_test(digest_is_sha256),
        cmocka_unit_test(object_keeps_order_and_finds_many),
        cmocka_unit_test(emit_is_json_stringify),
        cmocka_unit_test(diags_sort_by_place_and_drop_twins),
        cmocka_unit_test(of_a_long_key_the_ends_are_shown),
        cmocka_unit_test(diags_are_capped),
        cmocka_unit_test(fields_differ_by_name_and_hide_secrets),
        cmocka_unit_test(every_word_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
