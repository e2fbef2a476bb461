/* The splitter of engine lists, and of the outputs of a command. */
#include "backends/engine_exec.h"
#include "backends/engine_stream.h"
#include "spec/base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Gathers the elements in their compact form, one per line. */
static int gather(void *ctx, json_t *item, struct err *e)
{
    char *s = json_dumps(item, JSON_COMPACT | JSON_SORT_KEYS);
    buf_puts(ctx, s);
    buf_putc(ctx, '\n');
    free(s);
    return 0;
}

/* Feeds s in chunks of `chunk` bytes; the class of the error, or ERR_NONE. */
static enum err_class split(enum engine_framing framing, const char *s, size_t n, size_t chunk, struct buf *out)
{
    struct engine_stream x;
    struct err e = {0};
    int rc = 0;
    engine_stream_init(&x, framing, gather, out);
    for (size_t i = 0; rc == 0 && i < n; i += chunk)
        rc = engine_stream_feed(&x, s + i, n - i < chunk ? n - i : chunk, &e);
    if (rc == 0)
        rc = engine_stream_end(&x, &e);
    engine_stream_free(&x);
    assert_true((rc < 0) == (e.class != ERR_NONE));
    assert_true(rc == 0 || e.msg[0]);
    return e.class;
}

static const struct {
    enum engine_framing framing;
    const char *in;
    const char *out; /* NULL: ERR_INPUT */
} rows[] = {
    {ENGINE_ARRAY, "[]", ""},
    {ENGINE_ARRAY, " \n[ \t] \r\n", ""},
    {ENGINE_ARRAY, "[{}]", "{}\n"},
    {ENGINE_ARRAY, "[{\"a\":1},{\"b\":[1,{\"c\":2}]}]\n", "{\"a\":1}\n{\"b\":[1,{\"c\":2}]}\n"},
    {ENGINE_ARRAY, "[ {\"a\": \"x}]\\\"\\\\\"} , {\"b\":\"]\"} ]", "{\"a\":\"x}]\\\"\\\\\"}\n{\"b\":\"]\"}\n"},
    {ENGINE_ARRAY, "[{\"a\":\"\\u00e9\xc3\xa9\"}]", "{\"a\":\"\xc3\xa9\xc3\xa9\"}\n"},
    {ENGINE_ARRAY, "[{\"a\":\"x\\u0000y\"}]", "{\"a\":\"x\\u0000y\"}\n"},
    {ENGINE_ARRAY, "", NULL},
    {ENGINE_ARRAY, "   ", NULL},
    {ENGINE_ARRAY, "[", NULL},
    {ENGINE_ARRAY, "[{}", NULL},
    {ENGINE_ARRAY, "[{},", NULL},
    {ENGINE_ARRAY, "[{},]", NULL},
    {ENGINE_ARRAY, "[,{}]", NULL},
    {ENGINE_ARRAY, "[{} {}]", NULL},
    {ENGINE_ARRAY, "[{}]]", NULL},
    {ENGINE_ARRAY, "[{}][]", NULL},
    {ENGINE_ARRAY, "[{}]x", NULL},
    {ENGINE_ARRAY, "[{\"a\":1]", NULL},
    {ENGINE_ARRAY, "[{\"a\":1}", NULL},
    {ENGINE_ARRAY, "[{\"a\":\"", NULL},
    {ENGINE_ARRAY, "[{\"a\":\"\\", NULL},
    {ENGINE_ARRAY, "[{\"a\":[}]", NULL},
    {ENGINE_ARRAY, "[{\"a\":[1}}]", NULL},
    {ENGINE_ARRAY, "[1]", NULL},
    {ENGINE_ARRAY, "[null]", NULL},
    {ENGINE_ARRAY, "[[]]", NULL},
    {ENGINE_ARRAY, "[\"x\"]", NULL},
    {ENGINE_ARRAY, "{}", NULL},
    {ENGINE_ARRAY, "null", NULL},
    {ENGINE_ARRAY, "{\"message\":\"no\"}", NULL},
    {ENGINE_ARRAY, "<html>", NULL},
    {ENGINE_ARRAY, "[{a:1}]", NULL},
    {ENGINE_ARRAY, "[{\"a\":\"\xff\"}]", NULL},
    {ENGINE_LINES, "", ""},
    {ENGINE_LINES, "\n\n", ""},
    {ENGINE_LINES, "{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}\n{\"b\":2}\n"},
    {ENGINE_LINES, "{\"a\":1}{\"b\":2}", "{\"a\":1}\n{\"b\":2}\n"},
    {ENGINE_LINES, "{\"a\":1}\r\n{\"b\":", NULL},
    {ENGINE_LINES, "{\"a\":1},{\"b\":2}", NULL},
    {ENGINE_LINES, "[{}]", NULL},
    {ENGINE_LINES, "1", NULL},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        /* Whatever the cut, the elements are the same. */
        for (size_t chunk = 1; chunk <= strlen(rows[i].in) + 1; chunk++) {
            BUF_AUTO out = BUF_INIT(65536);
            enum err_class class = split(rows[i].framing, rows[i].in, strlen(rows[i].in), chunk, &out);
            if (class != (rows[i].out ? ERR_NONE : ERR_INPUT) || (rows[i].out && strcmp(buf_str(&out), rows[i].out) != 0))
                fail_msg("%s in chunks of %zu: %s, %s", rows[i].in, chunk, err_class_name(class), buf_str(&out));
        }
}

/* {"a":"xxx..."} of n bytes, as the only element. */
static char *long_list(size_t n)
{
    char *s = malloc(n + 3);
    assert_non_null(s);
    memcpy(s, "[{\"a\":\"", 7);
    memset(s + 7, 'x', n - 8);
    memcpy(s + 1 + n - 2, "\"}]", 4);
    return s;
}

static void test_element_cap(void **state)
{
    for (size_t over = 0; over < 2; over++)
        for (size_t whole = 0; whole < 2; whole++) {
            size_t n = LIMIT_ITEM_BYTES + over;
            char *s = long_list(n);
            BUF_AUTO out = BUF_INIT(LIMIT_ITEM_BYTES + 16u);
            assert_int_equal(strlen(s), n + 2);
            enum err_class class = split(ENGINE_ARRAY, s, n + 2, whole ? n + 2 : 16384, &out);
            assert_int_equal(class, over ? ERR_INPUT : ERR_NONE);
            free(s);
        }
}

static void test_memory(void **state)
{
    struct engine_stream x;
    struct err e;
    BUF_AUTO out = BUF_INIT(64u << 20);
    engine_stream_init(&x, ENGINE_ARRAY, gather, &out);
    assert_int_equal(engine_stream_feed(&x, "[", 1, &e), 0);
    for (size_t i = 0; i < 100000; i++) {
        const char *half = i ? ",{\"Id\":\"0123456789\",\"La" : "{\"Id\":\"0123456789\",\"La", *rest = "bels\":{}}";
        assert_int_equal(engine_stream_feed(&x, half, strlen(half), &e), 0);
        assert_int_equal(engine_stream_feed(&x, rest, strlen(rest), &e), 0);
        assert_true(x.part.cap <= 4096);
        buf_clear(&out);
    }
    assert_int_equal(engine_stream_feed(&x, "]", 1, &e), 0);
    assert_int_equal(engine_stream_end(&x, &e), 0);
    assert_int_equal(x.n_items, 100000);
    engine_stream_free(&x);
}

static int refuse_second(void *ctx, json_t *item, struct err *e)
{
    return ++*(int *)ctx == 2 ? err_set(e, ERR_CANCELLED, 7, "enough") : 0;
}

static void test_stop(void **state)
{
    struct engine_stream x;
    struct err e;
    int n = 0;
    engine_stream_init(&x, ENGINE_ARRAY, refuse_second, &n);
    assert_int_equal(engine_stream_feed(&x, "[{},{},{}]", 10, &e), -1);
    assert_int_equal(n, 2);
    assert_int_equal(e.class, ERR_CANCELLED);
    engine_stream_free(&x);
}

static void test_text(void **state)
{
    json_t *o = json_loads("{\"a\":\"x\",\"b\":1,\"c\":\"1\\u0000z\",\"d\":\"\"}", JSON_ALLOW_NUL, NULL);
    assert_string_equal(engine_text(o, "a"), "x");
    assert_null(engine_text(o, "b"));
    assert_null(engine_text(o, "c"));
    assert_string_equal(engine_text(o, "d"), "");
    assert_null(engine_text(o, "e"));
    assert_null(engine_text(NULL, "a"));
    json_decref(o);
}

/* Random elements, random white space, random cuts: what comes out is what went in. */
static void test_random(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (unsigned round = 0; round < 500; round++) {
        BUF_AUTO in = BUF_INIT(1u << 20);
        BUF_AUTO want = BUF_INIT(1u << 20);
        BUF_AUTO out = BUF_INIT(1u << 20);
        bool array = rand_r(&seed) % 2;
        unsigned n = (unsigned)rand_r(&seed) % 20;
        buf_puts(&in, array ? "[" : "");
        for (unsigned i = 0; i < n; i++) {
            json_t *o = json_object(), *deep = json_array();
            for (int k = rand_r(&seed) % 5; k > 0; k--)
                json_array_append_new(deep, json_pack("{s:s, s:[i]}", "q\"\\{", "]}\n\",[", "n", rand_r(&seed)));
            json_object_set_new(o, "deep", deep);
            char *s = json_dumps(o, rand_r(&seed) % 2 ? JSON_INDENT(3) : JSON_COMPACT),
                 *c = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
            buf_printf(&in, "%s%s%s", array && i ? " ,\n" : "", s, rand_r(&seed) % 2 ? " \t" : "");
            buf_printf(&want, "%s\n", c);
            free(s);
            free(c);
            json_decref(o);
        }
        buf_puts(&in, array ? "]\n" : "");
        struct engine_stream x;
        struct err e;
        engine_stream_init(&x, array ? ENGINE_ARRAY : ENGINE_LINES, gather, &out);
        for (size_t at = 0; at < in.n;) {
            size_t part = 1 + (size_t)rand_r(&seed) % 97;
            part = part < in.n - at ? part : in.n - at;
            assert_int_equal(engine_stream_feed(&x, in.s + at, part, &e), 0);
            at += part;
        }
        assert_int_equal(engine_stream_end(&x, &e), 0);
        engine_stream_free(&x);
        assert_string_equal(buf_str(&out), buf_str(&want));
    }
}

/* --- demux -------------------------------------------------------------------------------------------------------------------
 */

static int take_output(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    buf_put(&((struct buf *)ctx)[stream - 1], p, n);
    return 0;
}

static void test_demux(void **state)
{
    static const char bytes[] = "\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\4oops\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1!\1\0\0\0\0\0\1\0";
    BUF_AUTO in = BUF_INIT(1024);
    buf_put(&in, bytes, sizeof bytes - 1);
    for (int i = 0; i < 256; i++)
        buf_putc(&in, 'x');
    for (size_t chunk = 1; chunk <= in.n; chunk++) {
        struct buf out[2] = {BUF_INIT(1024), BUF_INIT(1024)};
        struct engine_demux x = {0};
        struct err e;
        for (size_t i = 0; i < in.n; i += chunk) {
            size_t part = in.n - i < chunk ? in.n - i : chunk;
            assert_int_equal(engine_demux_feed(&x, in.s + i, part, take_output, out, &e), 0);
            /* Before the end only the boundaries of frames are ends. */
            if (i + part == 5)
                assert_int_equal(engine_demux_end(&x, &e), -1);
        }
        assert_int_equal(engine_demux_end(&x, &e), 0);
        assert_int_equal(out[0].n, 3 + 1 + 256);
        assert_memory_equal(out[0].s, "one!x", 5);
        assert_string_equal(buf_str(&out[1]), "oops");
        buf_free(&out[0]);
        buf_free(&out[1]);
    }
}

static void test_demux_refuses(void **state)
{
    static const char *const heads[] = {"\3\0\0\0\0\0\0\1x", "\1\1\0\0\0\0\0\1x", "\1\0\0\1\0\0\0\1x", "HTTP/1.1 x"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct buf out[2] = {BUF_INIT(64), BUF_INIT(64)};
        struct engine_demux x = {0};
        struct err e;
        assert_int_equal(engine_demux_feed(&x, heads[i], 9, take_output, out, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
    }
    struct engine_demux x = {0};
    struct err e;
    assert_int_equal(engine_demux_feed(&x, "\1\0\0", 3, take_output, NULL, &e), 0);
    assert_int_equal(engine_demux_end(&x, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a list is split alike whatever the cut, and what is none is refused", test_table},
        {"an element of the cap passes, one byte more does not", test_element_cap},
        {"memory does not follow the list", test_memory},
        {"the receiver's error stops the list", test_stop},
        {"text with a NUL is no text", test_text},
        {"random lists come out as they went in", test_random},
        {"the outputs of a command are split alike whatever the cut", test_demux},
        {"what is no frame of output is refused", test_demux_refuses},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
