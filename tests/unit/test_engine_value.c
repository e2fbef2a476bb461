/* Values as the docker command (20.10.24 of Debian 12; where marked, 28.2.2) takes and refuses them. */
#include "spec/engine_ref.h"
#include "spec/engine_value.h"
#include "tests/lib/vectors.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define BAD INT64_MIN

static void check(const char *what, const char *in, int status, int64_t got, int64_t wanted, const struct err *e)
{
    if ((status == 0) != (wanted != BAD) || (status == 0 && got != wanted))
        fail_msg("%s '%s': %d, %" PRId64 " (%s), wanted %" PRId64, what, in, status, got, e->msg, wanted);
    if (status < 0) {
        assert_int_equal(e->class, ERR_CONFIG);
        assert_non_null(strstr(e->msg, in));
    }
}

static void sizes_are_dockers(void **state)
{
    static const struct {
        const char *in;
        int64_t bytes;
    } table[] = {
        {"0", 0},
        {"00", 0},
        {"1024", 1024},
        {"1b", 1},
        {"1k", 1024},
        {"1K", 1024},
        {"1kb", 1024},
        {"1kB", 1024},
        {"1KiB", 1024},
        {"1 kib", 1024},
        {"1ki", 1024}, /* the suffix's letters are each optional */
        {"5i", 5},
        {"5ib", 5},
        {"10 ", 10},
        {"512m", 536870912},
        {"1.5g", 1610612736},
        {"0.1k", 102},
        {"1t", 1099511627776},
        {"1p", 1125899906842624},
        {"8191p", 9222246136947933184},
        {"8192p", BAD}, /* 2^63: the command wraps it around */
        {"9223372036854775808", BAD},
        {"99999999p", BAD},
        {"", BAD},
        {" 5", BAD},
        {"1  k", BAD},
        {"banana", BAD},
        {"-1", BAD},
        {"-1m", BAD},
        {"+5m", BAD},
        {"1e3", BAD},
        {"1e+21", BAD},
        {"0x10", BAD},
        {"1_000", BAD},
        {"1.", BAD},
        {".5k", BAD},
        {"1.5.2", BAD},
        {"1,5", BAD},
        {"1bk", BAD},
        {"1e", BAD},
        {"1gi ", BAD},
        {"inf", BAD},
        {"nan", BAD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        int64_t got = BAD;
        int status = engine_parse_size(table[i].in, &got, &e);
        check("size", table[i].in, status, got, table[i].bytes, &e);
        status = engine_parse_memory_swap(table[i].in, &got, &e);
        check("swap", table[i].in, status, got, strcmp(table[i].in, "-1") == 0 ? -1 : table[i].bytes, &e);
    }
}

static void cpus_are_exact(void **state)
{
    static const struct {
        const char *in;
        int64_t nano;
    } table[] = {
        {"1", 1000000000},
        {"1.5", 1500000000},
        {"0.5", 500000000},
        {".5", 500000000},
        {"5.", 5000000000},
        {"+2", 2000000000},
        {"1e-7", 100},
        {"1e-9", 1},
        {"0.000000001", 1},
        {"1.0000000000000000000000000000000000", 1000000000},
        {"100e-2", 1000000000},
        {"1E1", 10000000000},
        {"0", 0},
        {"0e99999999999", 0},
        {"0.0000000000000000000000000", 0},
        {"9223372036.854775807", INT64_MAX},
        {"9223372036.854775808", BAD}, /* the command wraps it around */
        {"9223372037", BAD},
        {"1e+21", BAD},
        {"1e99999999999", BAD},
        {"1e-10", BAD},
        {"0.30000000000000004", BAD},
        {"0.0000000001", BAD},
        {"123456789012345678901234567890e-30", BAD},
        {"", BAD},
        {".", BAD},
        {"1.2.3", BAD},
        {"1e", BAD},
        {"1e+", BAD},
        {" 1", BAD},
        {"1 ", BAD},
        {"1k", BAD},
        {"NaN", BAD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        int64_t got = BAD;
        int status = engine_parse_cpus(table[i].in, &got, &e);
        check("cpus", table[i].in, status, got, table[i].nano, &e);
    }
}

static void ulimits_are_dockers(void **state)
{
    static const struct {
        const char *in;
        int64_t soft, hard;
    } table[] = {
        {"nofile=1024:2048", 1024, 2048},
        {"nofile=1024", 1024, 1024},
        {"core=0", 0, 0},
        {"memlock=-1:-1", -1, -1},
        {"memlock=5:-1", 5, -1},
        {"memlock=-2:-1", -2, -1},
        {"nice=-2:-2", -2, -2},
        {"stack=+5:6", 5, 6},
        {"fsize=9223372036854775807", INT64_MAX, INT64_MAX},
        {"fsize=9223372036854775808", BAD, 0},
        {"nofile=2048:1024", BAD, 0},
        {"nofile=-1:5", BAD, 0},
        {"nofile=1:2:3", BAD, 0},
        {"nofile=1024.5", BAD, 0},
        {"nofile=", BAD, 0},
        {"nofile=:", BAD, 0},
        {"nofile=1:", BAD, 0},
        {"nofile= 1", BAD, 0},
        {"nofile", BAD, 0},
        {"as=1", BAD, 0},
        {"a=1", BAD, 0},
        {"NOFILE=1", BAD, 0},
        {"=1", BAD, 0},
    };
    static const char *const names[] = {"core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                                        "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        struct engine_ulimit u = {0};
        int status = engine_parse_ulimit(table[i].in, &u, &e);
        check("ulimit", table[i].in, status, u.soft, table[i].soft, &e);
        if (status == 0)
            assert_int_equal(u.hard, table[i].hard);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err e = {0};
        struct engine_ulimit u;
        assert_int_equal(engine_parse_ulimit(arena_printf(a, "%s=1", names[i]), &u, &e), 0);
        assert_string_equal(u.name, names[i]);
    }
}

static void gpus_are_dockers(void **state)
{
    static const struct {
        const char *in, *json; /* NULL: refused */
    } table[] = {
        {"all", "{Driver:'',Count:-1,DeviceIDs:null,Capabilities:[['gpu']],Options:{}}"},
        {"2", "{Driver:'',Count:2,DeviceIDs:null,Capabilities:[['gpu']],Options:{}}"},
        {"device=GPU-1", "{Driver:'',Count:0,DeviceIDs:['GPU-1'],Capabilities:[['gpu']],Options:{}}"},
        {"device=", "{Driver:'',Count:0,DeviceIDs:[''],Capabilities:[['gpu']],Options:{}}"},
        {"device=0,1", "{Driver:'',Count:1,DeviceIDs:['0'],Capabilities:[['gpu']],Options:{}}"},
        {"\"device=0,1\",capabilities=compute",
         "{Driver:'',Count:0,DeviceIDs:['0','1'],Capabilities:[['compute','gpu']],Options:{}}"},
        {"driver=x,count=all,\"options=a=b,c\"",
         "{Driver:'x',Count:-1,DeviceIDs:null,Capabilities:[['gpu']],Options:{a:'b',c:''}}"},
        {"driver=nvidia", "{Driver:'nvidia',Count:1,DeviceIDs:null,Capabilities:[['gpu']],Options:{}}"},
        {"count=3,2", "{Driver:'',Count:2,DeviceIDs:null,Capabilities:[['gpu']],Options:{}}"},
        {"2,count=3", NULL},
        {"count=1,count=1", NULL},
        {"many", NULL},
        {"1.5", NULL},
        {"foo=1", NULL},
        {"a\"b", NULL},
        {"\"all", NULL},
        {"\"all\"x", NULL},
        {"", NULL},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        struct node *got = NULL;
        int status = engine_parse_gpus(a, table[i].in, &got, &e);
        if ((status == 0) != (table[i].json != NULL))
            fail_msg("'%s': %d %s", table[i].in, status, e.msg);
        if (status == 0 && !node_equal(got, vectors_json(a, table[i].json)))
            fail_msg("'%s': %s", table[i].in, node_json(a, got));
    }
}

static void volumes_are_dockers(void **state)
{
    static const struct {
        const char *in, *source, *target, *options; /* target NULL: refused */
    } table[] = {
        {"/a:/b", "/a", "/b", ""},       {"/a:/b:ro,z", "/a", "/b", "ro,z"},
        {"/a b :/c", "/a b ", "/c", ""}, {"/srv", NULL, "/srv", ""},
        {"ab", NULL, "ab", ""},          {"  ", NULL, "  ", ""},
        {"vol:/b", "vol", "/b", ""},     {"C:\\x:/d", "C:\\x", "/d", ""},
        {"/a:b:/c", "/a", "b:/c", ""}, /* a letter and its colon are a drive */
        {"", NULL, NULL, NULL},          {":/d", NULL, NULL, NULL},
        {"/a::ro", NULL, NULL, NULL}, /* from here on 28.2.2: 20.10 leaves it to the engine */
        {"/a:/b:", NULL, NULL, NULL},    {"/a:/b:ro:z", NULL, NULL, NULL},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        struct engine_volume v = {0};
        int status = engine_parse_volume(a, table[i].in, &v, &e);
        if ((status == 0) != (table[i].target != NULL) || !text_eq(v.source, table[i].source) ||
            !text_eq(v.target, table[i].target) || !text_eq(v.options, table[i].options))
            fail_msg("'%s': %d %s %s %s %s", table[i].in, status, v.source, v.target, v.options, e.msg);
    }
}

static void addresses_are_gos(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"1.1.1.1", "1.1.1.1"},
        {" 1.1.1.1\t", "1.1.1.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::1", "::1"},
        {"::", "::"},
        {"1::", "1::"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"::1.2.3.4", "::102:304"},
        {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7:8::", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:1.2.3.4", NULL},
        {":::1", NULL},
        {"1:::2", NULL},
        {"1::2::3", NULL},
        {"12345::", NULL},
        {"1:", NULL},
        {":1", NULL},
        {"g::", NULL},
        {"fe80::1%eth0", NULL},
        {"[::1]", NULL},
        {"01.1.1.1", NULL},
        {"1.1.1.256", NULL},
        {"1.1.1", NULL},
        {"1.1.1.1.1", NULL},
        {"1.1.1.1 x", NULL},
        {"1.1..1", NULL},
        {"ns1", NULL},
        {"", NULL},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        const char *got = NULL;
        (void)engine_parse_ip(a, table[i].in, &got, &e);
        if (!text_eq(got, table[i].out))
            fail_msg("'%s': %s, wanted %s", table[i].in, got, table[i].out);
    }
}

static void extra_hosts_are_dockers(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"a:1.2.3.4", "a:1.2.3.4"},
        {"a:::1", "a:::1"},
        {" a:1.1.1.1", " a:1.1.1.1"},
        {"h:host-gateway", "h:host-gateway"},
        {"a: 1.1.1.1", "a: 1.1.1.1"},
        {"a=1.2.3.4", "a:1.2.3.4"}, /* 28.2.2 */
        {"a:[::1]", "a:::1"},       /* 28.2.2 */
        {"a:b=1.2.3.4", NULL},
        {":1.2.3.4", NULL},
        {"a", NULL},
        {"a:", NULL},
        {"a:b", NULL},
        {"a:[]", NULL},
        {"", NULL},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        const char *got = NULL;
        (void)engine_parse_extra_host(a, table[i].in, &got, &e);
        if (!text_eq(got, table[i].out))
            fail_msg("'%s': %s, wanted %s", table[i].in, got, table[i].out);
    }
}

#define HEX64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static char *repeat(struct arena *a, const char *before, char c, size_t n)
{
    char *s = arena_alloc(a, strlen(before) + n + 1);
    memcpy(s, before, strlen(before));
    memset(s + strlen(before), c, n);
    return s;
}

static void image_references_are_dockers(void **state)
{
    static const char *const good[] = {
        "a",
        "a:b",
        "a@sha256:" HEX64,
        "a:t@sha256:" HEX64,
        HEX64,
        "sha256:" HEX64,
        "localhost/a",
        "localhost:5000/a:b",
        "HOST.x/a",
        "[::1]:5000/a", /* 28.2.2 */
        "HOST/a",       /* 28.2.2 */
        "docker.io/a/b:c",
        "index.docker.io/a",
        "a__b",
        "a--b",
        "a/b.c-d_e:V_1.2-x",
        "a:5/b",
        "openclaw-sandbox:bookworm-slim",
        "ghcr.io/org/img:latest",
    };
    static const char *const bad[] = {
        "",
        "A",
        "x/A",
        "a:",
        "a:.x",
        "a:-x",
        "a:b c",
        " a",
        "a ",
        "a//b",
        "/a",
        "a/",
        "a.b/",
        "a___b",
        "a..b",
        "a-_b",
        "a_.b",
        "_a",
        "a_",
        "-x",
        ".a",
        "\xc3\xa9",
        "a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "a@md5:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ("a@foo:" HEX64),
        "a@sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "a@",
        "-x.y/a",
        "x-.y/a",
        "x..y/a",
        "x.y:/a",
        "x.y:8a/a",
        "[::1/a",
        "[]/a",
        "[g]:5/a",
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct err e = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (engine_check_image(good[i], &e) < 0)
            fail_msg("%s", e.msg);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (engine_check_image(bad[i], &e) == 0)
            fail_msg("'%s' passes", bad[i]);
    assert_int_equal(engine_check_image(repeat(a, "a:", 't', 128), &e), 0);
    assert_int_equal(engine_check_image(repeat(a, "a:", 't', 129), &e), -1);
    assert_int_equal(engine_check_image(repeat(a, "x.y/", 'a', 255), &e), 0);
    assert_int_equal(engine_check_image(repeat(a, "x.y/", 'a', 256), &e), -1);
    assert_int_equal(engine_check_image(repeat(a, "", 'a', 247), &e), 0); /* below library/ */
    assert_int_equal(engine_check_image(repeat(a, "", 'a', 248), &e), -1);
    assert_int_equal(engine_check_image(repeat(a, "docker.io/b/", 'a', 253), &e), 0);
    assert_int_equal(engine_check_image(repeat(a, "docker.io/b/", 'a', 254), &e), -1);
}

static void container_names_are_the_engines(void **state)
{
    static const char *const good[] = {"ab", "openclaw-sbx-agent-main-f331f052", "A.b_c-", "0-"};
    static const char *const bad[] = {"", "a", "-a", ".a", "_a", "a b", "a/b", "a:b", "\xc3\xa9-a", "a\n"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(engine_is_container_name(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(engine_is_container_name(bad[i]));
}

static void json_loses_its_blanks_and_nothing_else(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {" {\"a\" : 1 , \"b\":[1, 2 ,{}, [ ] ]}\n", "{\"a\":1,\"b\":[1,2,{},[]]}"},
        {"{\"a\":\"\\u00e9 \\\" \\\\ <>&  x\"}", "{\"a\":\"\\u00e9 \\\" \\\\ <>&  x\"}"},
        {"{\"a\":1e5,\"b\":-0.0,\"c\":true,\"d\":null,\"e\":false,\"f\":1E+2}",
         "{\"a\":1e5,\"b\":-0.0,\"c\":true,\"d\":null,\"e\":false,\"f\":1E+2}"},
        {"\"x\"", "\"x\""},
        {"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
        {"\t0", "0"},
        {"", NULL},
        {" ", NULL},
        {"{} x", NULL},
        {"[1,]", NULL},
        {"[,1]", NULL},
        {"[1 2]", NULL},
        {"{\"a\"}", NULL},
        {"{\"a\":}", NULL},
        {"{\"a\":1,}", NULL},
        {"{a:1}", NULL},
        {"{1:1}", NULL},
        {"[1}", NULL},
        {"[", NULL},
        {"]", NULL},
        {"01", NULL},
        {"1.", NULL},
        {".5", NULL},
        {"-", NULL},
        {"1e", NULL},
        {"+1", NULL},
        {"tru", NULL},
        {"nullx", NULL},
        {"\"a", NULL},
        {"\"\\x\"", NULL},
        {"\"\\u12g4\"", NULL},
        {"\"\x01\"", NULL},
        {"\xef\xbb\xbf{}", NULL},
        {"// c\n{}", NULL},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        char *got = NULL;
        size_t n;
        (void)engine_compact_json(a, table[i].in, strlen(table[i].in), &got, &n, &e);
        if (!text_eq(got, table[i].out))
            fail_msg("'%s': %s, wanted %s", table[i].in, got, table[i].out);
        if (got != NULL)
            assert_int_equal(n, strlen(got));
    }
    struct err e = {0};
    char *got;
    size_t n;
    assert_int_equal(engine_compact_json(a, "{}\0", 3, &got, &n, &e), -1);
    for (size_t depth = 512; depth <= 513; depth++) {
        char *deep = repeat(a, repeat(a, "", '[', depth), ']', depth);
        assert_int_equal(engine_compact_json(a, deep, 2 * depth, &got, &n, &e), depth == 512 ? 0 : -1);
    }
}

static void what_is_formatted_reads_back(void **state)
{
    static const struct {
        int64_t v;
        const char *size, *cpus;
    } table[] = {
        {0, "0", "0"},
        {1, "1", "0.000000001"},
        {1000, "1000", "0.000001"},
        {1024, "1k", "0.000001024"},
        {536870912, "512m", "0.536870912"},
        {1610612736, "1536m", "1.610612736"},
        {1500000000, "1500000000", "1.5"},
        {1073741824, "1g", "1.073741824"},
        {1125899906842624, "1p", "1125899.906842624"},
        {-1, "-1", "-0.000000001"},
    };
    (void)state;
    char out[ENGINE_VALUE_MAX];
    struct err e = {0};
    int64_t back;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_string_equal(engine_format_size(table[i].v, out), table[i].size);
        assert_string_equal(engine_format_cpus(table[i].v, out), table[i].cpus);
    }
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    for (int i = 0; i < 20000; i++) {
        int64_t v = ((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) >> (rand_r(&seed) % 60);
        assert_int_equal(engine_parse_cpus(engine_format_cpus(v, out), &back, &e), 0);
        assert_int_equal(back, v);
        v &= (INT64_C(1) << 53) - 1; /* sizes go through a double, as docker's do */
        assert_int_equal(engine_parse_size(engine_format_size(v, out), &back, &e), 0);
        assert_int_equal(back, v);
    }
    (void)engine_format_cpus(INT64_MIN, out);
    assert_string_equal(out, "-9223372036.854775808");
    assert_string_equal(engine_format_size(INT64_MAX, out), "9223372036854775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_dockers),
        cmocka_unit_test(cpus_are_exact),
        cmocka_unit_test(ulimits_are_dockers),
        cmocka_unit_test(gpus_are_dockers),
        cmocka_unit_test(volumes_are_dockers),
        cmocka_unit_test(addresses_are_gos),
        cmocka_unit_test(extra_hosts_are_dockers),
        cmocka_unit_test(image_references_are_dockers),
        cmocka_unit_test(container_names_are_the_engines),
        cmocka_unit_test(json_loses_its_blanks_and_nothing_else),
        cmocka_unit_test(what_is_formatted_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
