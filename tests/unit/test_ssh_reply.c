/* What comes back from another host, whole, cut, noisy and hostile; and what settings come to. No host is needed. */
#include "backends/ssh_conf.h"
#include "backends/ssh_known.h"
#include "backends/ssh_owner.h"
#include "backends/ssh_script.h"
#include "backends/trace_codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define W "0123456789abcdef0123456789abcdef"

static struct err e;

static int decode(struct arena *a, const char *text, struct ssh_reply *r)
{
    e = (struct err){0};
    return ssh_reply_decode(a, W, text, strlen(text), r, &e);
}

static void test_replies(void **state)
{
    static const struct {
        const char *text;
        int n, status; /* n -1: refused */
    } rows[] = {
        {"\n" W " < 12\na\nb\n\n" W " > 0 2\n", 2, 0},
        {"\n" W " < 12\n\n" W " > 7 0\n", 0, 7},
        {"motd\nno newline\n" W " < 12\na\n\n" W " > 0 1\n", 1, 0},
        {"", -1, 0},
        {"\n" W " < 12\n", -1, 0},
        {"\n" W " < 12\na\nb\n", -1, 0},
        {"\n" W " < 12\na\n\n" W " > 0 2\n", -1, 0},    /* a line is missing */
        {"\n" W " < 12\na\nb\n\n" W " > 0 1\n", -1, 0}, /* one is too many */
        {"\n" W " < 12\na\n\n" W " > 0 1", -1, 0},      /* cut in its last byte */
        {"\n" W " < 12\na\n" W " > 0 1\n", -1, 0},      /* not ours */
        {"\n" W " < 12\na\n\n" W " > 0 1\nmore\n", -1, 0},
        {"\n" W " < 12\na\n\n" W " > 256 1\n", -1, 0},
        {"\n" W " < 12\na\n\n" W " > -1 1\n", -1, 0},
        {"\n" W " < 12\na\n\n" W " > 0 1 \n", -1, 0},
        {"\n" W " < 12\na\n\n" W " > 0 18446744073709551617\n", -1, 0},
        {"\nffffffffffffffffffffffffffffffff < 12\n\nffffffffffffffffffffffffffffffff > 0 0\n", -1, 0},
        {W " < 12\n\n" W " > 0 0\n", -1, 0}, /* not at the beginning of a line */
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ssh_reply r = {.n = 99};
        int got = decode(a, rows[i].text, &r);

        if (rows[i].n < 0 ? got == 0 || e.class != ERR_INPUT || r.n != 99
                          : got < 0 || r.n != (size_t)rows[i].n || r.status != rows[i].status)
            fail_msg("row %zu: %d, %zu lines, status %d: %s", i, got, r.n, r.status, e.msg);
    }
    assert_int_equal(ssh_reply_decode(a, W, "\n" W " < 1\na\0b\n\n" W " > 0 1\n", 2 * 32 + 21, &(struct ssh_reply){0}, &e), -1);
}

static void test_every_cut(void **state)
{
    static const char text[] = "noise\n" W " < 12\nR d 1:2 /w/a\ns 1 2 3\nb 1\n\n" W " > 0 3\n";
    ARENA_AUTO a = arena_new();
    struct ssh_reply r;

    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_int_equal(ssh_reply_decode(a, W, text, n, &r, &e), -1);
    assert_int_equal(ssh_reply_decode(a, W, text, sizeof text - 1, &r, &e), 0);
}

static int view(struct arena *a, const char *lines, struct ssh_view *v)
{
    size_t n = 0;
    struct ssh_reply r;

    for (const char *p = lines; *p != '\0'; p++)
        n += *p == '\n';
    assert_int_equal(decode(a, arena_printf(a, "\n" W " < 1\n%s\n" W " > 0 %zu\n", lines, n), &r), 0);
    e = (struct err){0};
    return ssh_view_decode(a, &r, v, &e);
}

static void test_views(void **state)
{
    static const char *const bad[] = {
        "",
        "R d 1:2 /a\n",
        "b 2\n",
        "b 1\nb 1\n",
        "R x 1:2 /a\nb 1\n",
        "R d 1;2 /a\nb 1\n",
        "R d 1:2 a\nb 1\n",
        "R d 1:2\nb 1\n",
        "o {}\nb 1\n",
        "R a 0:0 /a\no {}\nb 1\n",
        "R d 1:2 /a\ns 1 2 3\nb 1\n",
        "R d 1:2 /a\ns 1 2 3 4 5\nb 1\n",
        "R d 1:2 /a\ns 1 2 3 x\nb 1\n",
        "R d 1:2 /a\ns -1 2 3 4\nb 1\n",
        "R d 1:2 /a\ns 1 2 99999999999999999999 4\nb 1\n",
        "R d 1:2 /a\nq 2\nb 1\n",
        "z\nb 1\n",
        "R d 1:2 /a\nz x\nb 1\n",
        "B \nb 1\n",
        "X -\nb 1\n",
        "R d 1:2 /a\nX -\no {}\nb 1\n",
    };
    ARENA_AUTO a = arena_new();
    struct ssh_view v;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (view(a, bad[i], &v) == 0 || e.class != ERR_INPUT)
            fail_msg("row %zu is taken: %s", i, e.msg);
    assert_int_equal(view(a,
                          "R d 1:2 /w/a b\no {\no }\nm reconclaw-manifest 1\ns 3 14 99 -7\nR d 1:3 /w/a\ns x\nR a 0:0 /w/c\nb 1\n"
                          "B 7 /w/a b/workspace\nB 7 /w/a b/x\nB 8 /w/a b/x (deleted)\nB 9 /w/ab/x\n",
                          &v),
                     0);
    assert_int_equal(v.n, 3);
    assert_string_equal(v.v[0].path, "/w/a b");
    assert_string_equal(v.v[0].owner, "{\n}");
    assert_true(v.v[0].measured);
    assert_int_equal(v.v[0].busy, 2); /* sessions, not processes */
    assert_int_equal(v.v[1].busy, 0);
    assert_int_equal(v.v[0].changed_s, 99);
    assert_string_equal(v.v[0].stamp, "-7");
    assert_false(v.v[1].measured);
    assert_int_equal(v.v[1].n_entries, 1); /* what cannot be read is not nothing */
    assert_int_equal(v.v[2].kind, SSH_ABSENT);
    assert_true(v.busy_known);
    assert_int_equal(view(a, "R d 1:2 /w/a\no {}\ns 1 2 3 4\nX -\nR a 0:0 /w/a\nb 1\n", &v), 0);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.v[0].kind, SSH_ABSENT);
}

static void test_owners(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"id\":\"00\",\"install\":\"i\",\"name\":\"n\",\"kind\":\"sandbox\"}",
        "{\"id\":\"../x\",\"install\":\"i\",\"name\":\"n\",\"kind\":\"sandbox\",\"fields\":{}}",
        "{\"id\":\"00\",\"install\":\"i\",\"name\":\"\",\"kind\":\"sandbox\",\"fields\":{}}",
        "{\"id\":\"00\",\"install\":\"i\",\"name\":\"n\",\"kind\":\"none\",\"fields\":{}}",
        "{\"id\":\"00\",\"install\":\"i\",\"name\":\"n\",\"kind\":\"sandbox\",\"fields\":{\"a\":1}}",
        "{\"id\":7,\"install\":\"i\",\"name\":\"n\",\"kind\":\"sandbox\",\"fields\":{}}",
    };
    ARENA_AUTO a = arena_new();
    struct ssh_owner o, again;
    struct field v[] = {{.name = "a", .value = "b \"c\"\n"}, {.name = "s", .value = "secret", .sensitive = true}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ssh_owner_decode(a, bad[i], &o, &e) == 0)
            fail_msg("row %zu is taken", i);
    o = (struct ssh_owner){
        .id = "0a", .install = "i", .name = "n", .kind = RUNTIME_SANDBOX, .created_at_ms = 1700000000123, .fields = {v, 2}};
    assert_int_equal(ssh_owner_decode(a, ssh_owner_encode(a, &o), &again, &e), 0);
    assert_true(again.created_at_ms == o.created_at_ms);
    assert_string_equal(fields_get(again.fields, "a"), "b \"c\"\n");
    assert_null(fields_get(again.fields, "s"));
    assert_null(strchr(ssh_owner_encode(a, &o), '\n'));
}

static void test_leftovers(void **state)
{
    static const char *const none[] = {
        "n.seed-1.i",    ".seed-1.i",     ".n.seed-.i",     ".n.seed-1.", ".n.seed-1", ".n.x-1.i", ".n.seed-A.i",
        ".n.seed-a:b.i", ".n.seed-1 2.i", ".n.gone-../x.i", ".n",         "",          "."};
    static const struct ssh_leftover rows[] = {{"n", "0a", "f0", false},
                                               {"n.x", "inode:1:2", "f0", true},
                                               {"n.seed-1", "2", "i", false},
                                               {"n.gone-1.i", "2", "-", true}};
    ARENA_AUTO a = arena_new();
    struct ssh_leftover l;

    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (ssh_leftover_decode(a, none[i], &l))
            fail_msg("'%s' is taken", none[i]);
    assert_string_equal(ssh_leftover_path(a, "/w", &rows[1]), "/w/.n.x.gone-inode-1-2.f0");
    assert_string_equal(ssh_leftover_path(a, "/", &rows[0]), "/.n.seed-0a.f0");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(ssh_leftover_decode(a, ssh_leftover_path(a, "/w", &rows[i]) + 3, &l));
        assert_string_equal(l.name, rows[i].name);
        assert_string_equal(l.id, rows[i].id);
        assert_string_equal(l.install, rows[i].install);
        assert_int_equal(l.removal, rows[i].removal);
    }
}

static void test_user_config(void **state)
{
    ARENA_AUTO a = arena_new();
    struct ssh_target t = {.user = "me", .host = "x", .port = 22, .home = "/home/me", .login = "me", .strict = true};

    assert_int_equal(ssh_target_decode(a,
                                       "user you\nhostname h.example\nport 2200\nidentityfile ~/.ssh/%r_%h\nidentityfile /k\n"
                                       "certificatefile none\nuserknownhostsfile ~/a /b\nglobalknownhostsfile none\n"
                                       "proxyjump one,you@two:22\nstricthostkeychecking accept-new\nidentitiesonly yes\n",
                                       "/c/config", &t, &e),
                     0);
    assert_string_equal(t.user, "you");
    assert_int_equal(t.port, 2200);
    assert_int_equal(t.n_identities, 2);
    assert_string_equal(t.identities[0], "/home/me/.ssh/you_h.example");
    assert_int_equal(t.n_certificates, 0);
    assert_int_equal(t.n_known_files, 2);
    assert_string_equal(t.known_files[0], "/home/me/a");
    assert_false(t.strict);
    assert_true(t.identities_only);
    static const char *const argv[] = {
        "-F", "/c/config",       "-oBatchMode=yes", "-oClearAllForwardings=yes", "-J", "one", "-W", "[h.example]:2200",
        "--", "ssh://you@two:22"};
    for (size_t i = 0; i < sizeof argv / sizeof *argv; i++)
        assert_string_equal(t.proxy_argv[i + 1], argv[i]);
    assert_null(t.proxy_argv[11]);
    static const char *const bad[] = {"",
                                      "port 22\n",
                                      "hostname -oProxyCommand=x\n",
                                      "hostname h\nport 0\n",
                                      "hostname h\nport 65536\n",
                                      "hostname h\nproxyusefdpass yes\n",
                                      "hostname h\nproxycommand nc %Z\n",
                                      "hostname h\nidentityfile %C\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ssh_target_decode(a, bad[i], NULL, &t, &e) == 0)
            fail_msg("row %zu is taken", i);
}

/* As `openshell sandbox ssh-config` writes it, in both of its shapes, and as others might. */
static void test_config_of_one_host(void **state)
{
    static const struct {
        const char *config, *alias, *answer; /* alias NULL: refused */
    } rows[] = {
        {"Host openshell-a.default\n    User sandbox\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n"
         "    ProxyCommand /x/openshell ssh-proxy --name 'a b'\n",
         "openshell-a.default",
         "user sandbox\nstricthostkeychecking no\nuserknownhostsfile /dev/null\n"
         "proxycommand /x/openshell ssh-proxy --name 'a b'\nhostname openshell-a.default\n"},
        {"# made\r\nHost a b\r\n\tHostName=127.0.0.1\r\n\tPORT = 22\r\n", "a", "hostname 127.0.0.1\nport 22\n"},
        {"Host a\nUser one\nUser two\nIdentityFile /1\nIdentityFile \"/2 x\"\nHost b\nUser three\n", "a",
         "user one\nidentityfile /1\nidentityfile /2 x\nhostname a\n"},
        {"Host a\nMatch all\nUser three\n", "a", "hostname a\n"},
        {"", NULL, NULL},
        {"User one\n", NULL, NULL},
        {"Host\n", NULL, NULL},
        {"Host -oProxyCommand=x\n", NULL, NULL},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *alias = NULL, *answer = NULL;
        int r = ssh_config_read(a, rows[i].config, &alias, &answer, &e);

        if ((r == 0) != (rows[i].alias != NULL))
            fail_msg("row %zu: %d", i, r);
        if (r < 0) {
            assert_int_equal(e.class, ERR_INPUT);
            continue;
        }
        assert_string_equal(alias, rows[i].alias);
        assert_string_equal(answer, rows[i].answer);
    }
}

static void test_settings(void **state)
{
    static const struct {
        const char *key;
        bool number;
        double n;
        const char *text;
    } bad[] = {{"host", false, 0, "-oProxyCommand=x"},
               {"host", false, 0, "a b"},
               {"user", false, 0, "-l"},
               {"port", true, 0, NULL},
               {"port", true, 65536, NULL},
               {"port", true, 1.5, NULL},
               {"port", false, 0, "22"},
               {"strictHostKeyChecking", false, 0, "yes"},
               {"identityFile", true, 1, NULL},
               {"proxy", false, 0, "x"}};
    ARENA_AUTO a = arena_new();
    struct ssh_settings s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct node *n = node_object(a);

        node_set(a, n, "host", node_string(a, "h"));
        node_set(a, n, bad[i].key, bad[i].number ? node_number(a, bad[i].n) : node_string(a, bad[i].text));
        e = (struct err){0};
        if (ssh_settings_read(a, n, &s, &e) == 0 || e.class != ERR_CONFIG || strncmp(e.msg, bad[i].key, strlen(bad[i].key)) != 0)
            fail_msg("row %zu: %s", i, e.msg);
    }
    struct node *n = node_object(a);
    assert_int_equal(ssh_settings_read(a, n, &s, &e), -1);
    node_set(a, n, "host", node_string(a, "[fe80::1%eth0]"));
    node_set(a, n, "port", node_number(a, 65535));
    node_set(a, n, "identityData", node_string(a, "canary"));
    assert_int_equal(ssh_settings_read(a, n, &s, &e), 0);
    assert_string_equal(s.host, "fe80::1%eth0");
    assert_true(s.strict);
    const char *data = s.identity_data;
    ssh_settings_wipe(&s);
    assert_int_equal(data[0], 0);
    assert_int_equal(data[5], 0);
}

static void test_revoked(void **state)
{
    static const char text[] =
        "# @revoked * ssh-rsa NO\n@revoked * ssh-ed25519 AAAA comment\nh ssh-rsa BBBB\n@revoked h ssh-rsa CCCC\r\n"
        "@revoked h\n@revokedx h ssh-rsa DDDD\n\t@revoked h ssh-rsa EEEE\n@revoked h,i ssh-rsa FFFF";
    BUF_AUTO b = BUF_INIT(4096);

    ssh_known_revoked(&b, text, sizeof text - 1);
    assert_string_equal(buf_str(&b), "\nAAAA\n\nCCCC\n\nEEEE\n\nFFFF\n");
}

static void test_traced(void **state)
{
    ARENA_AUTO a = arena_new();
    struct observed o = {.name = "n",
                         .id = "i",
                         .ownership = OWN_OURS,
                         .state = RUN_RUNNING,
                         .created_at_ms = 5,
                         .content_known = true,
                         .n_entries = 3,
                         .content_bytes = 1ull << 40,
                         .changed_at_ms = 1700000000123};
    struct observed again = {0};

    assert_int_equal(trace_decode_look(a, trace_result_look(a, &o), "ssh:x", &again, &e), 0);
    assert_true(again.content_known && again.n_entries == 3 && again.content_bytes == 1ull << 40);
    assert_true(again.changed_at_ms == 1700000000123);
    o.content_known = false;
    assert_int_equal(trace_decode_look(a, trace_result_look(a, &o), "ssh:x", &again, &e), 0);
    assert_false(again.content_known);
}

static void test_quotes(void **state)
{
    BUF_AUTO b = BUF_INIT(4096);

    ssh_quote(&b, "it's $(x) \\ \n");
    assert_string_equal(buf_str(&b), "'it'\"'\"'s $(x) \\ \n'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a reply is whole, ours and as long as it says, or refused", test_replies, NULL, NULL, NULL},
        {"a reply that is cut at any byte is refused", test_every_cut, NULL, NULL, NULL},
        {"what a host shows is read, and nothing else is", test_views, NULL, NULL, NULL},
        {"owner.json tells whose it is, or nothing", test_owners, NULL, NULL, NULL},
        {"the name of a leftover says whose half of what it is", test_leftovers, NULL, NULL, NULL},
        {"what ssh says of the user's config is taken over", test_user_config, NULL, NULL, NULL},
        {"a config of one host that another program wrote is read as ssh reads it", test_config_of_one_host, NULL, NULL, NULL},
        {"settings are refused by their key, and secrets are wiped", test_settings, NULL, NULL, NULL},
        {"revoked keys are found in known hosts", test_revoked, NULL, NULL, NULL},
        {"what a tree holds survives a trace", test_traced, NULL, NULL, NULL},
        {"words are quoted for any shell", test_quotes, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
