/* The pure parts of the OpenShell driver: what its command prints, what a spec means, names, argv, records. */
#include "backends/openshell.h"
#include "backends/openshell_private.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void releases_are_read(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        unsigned v[3];
    } rows[] = {
        {"openshell 0.0.36", true, {0, 0, 36}},
        {"openshell v0.0.111", true, {0, 0, 111}},
        {"openshell 1.20.3\n", true, {1, 20, 3}},
        {"openshell 0.0.112-rc.1", true, {0, 0, 112}},
        {"openshell 0.0.88+abc", true, {0, 0, 88}},
        {"openshell 0.0", false, {0}},
        {"openshell 0.0.x", false, {0}},
        {"openshell 0.0.36x", false, {0}},
        {"openshell", false, {0}},
        {"OpenShell 0.0.36", false, {0}},
        {"", false, {0}},
        {"openshell 0.0.99999999999999999999", false, {0}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openshell_release r = {0};

        assert_true(openshell_release_read(rows[i].text, &r) == rows[i].ok);
        if (rows[i].ok)
            assert_true(r.major == rows[i].v[0] && r.minor == rows[i].v[1] && r.patch == rows[i].v[2]);
    }
}

static void releases_have_traits(void **state)
{
    static const struct {
        struct openshell_release r;
        bool any, labels, short_names, main_process;
    } rows[] = {
        {{0, 0, 35}, false, false, false, false}, {{0, 0, 36}, true, false, false, false}, {{0, 0, 37}, true, true, false, false},
        {{0, 0, 87}, true, true, false, false},   {{0, 0, 88}, true, true, true, false},   {{0, 0, 110}, true, true, true, false},
        {{0, 0, 111}, true, true, true, true},    {{0, 1, 0}, true, true, true, true},     {{1, 0, 0}, true, true, true, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct openshell_traits *t = openshell_traits_of(rows[i].r);

        assert_true((t != NULL) == rows[i].any);
        if (t != NULL)
            assert_true(t->labels == rows[i].labels && t->short_names == rows[i].short_names &&
                        t->main_process == rows[i].main_process);
    }
}

static void names_have_flaws(void **state)
{
    static const struct {
        const char *name;
        bool loose, strict; /* are fine */
    } rows[] = {
        {"a", true, true},
        {"1234567890123456789", true, true},
        {"12345678901234567890", true, false},
        {"openclaw-agent_a.b--1", true, false},
        {"a-", true, false},
        {"A", true, false},
        {"a--b", true, false},
        {"-a", false, false},
        {"", false, false},
        {"a/b", false, false},
        {"a b", false, false},
        {"a\nb", false, false},
        {"\xc3\xa4", false, false},
    };
    char *long_name = calloc(1, 256);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if ((openshell_name_flaw(rows[i].name, false) == NULL) != rows[i].loose ||
            (openshell_name_flaw(rows[i].name, true) == NULL) != rows[i].strict)
            fail_msg("'%s'", rows[i].name);
    }
    memset(long_name, 'a', 253);
    assert_null(openshell_name_flaw(long_name, false));
    long_name[253] = 'a';
    assert_non_null(openshell_name_flaw(long_name, false));
    assert_non_null(openshell_name_flaw(NULL, false));
    free(long_name);
}

static void openclaws_names_are_known(void **state)
{
    static const struct {
        const char *name;
        bool is;
    } rows[] = {
        {"openclaw-agent-main-25bffc4d", true},
        {"openclaw-shared-1", true},
        {"oc-0123456789abcdef", true},
        {"oc-zyxwvutsrqponmlk", true},
        {"oc-0123456789abcde", false},
        {"oc-0123456789abcdefg", false},
        {"openclaw-", false},
        {"openclaw-main", false},
        {"openclaw-a-25bffc4dd", false},
        {"my-openclaw-a-25bffc4d", false},
        {"openclaw-a-25BFFC4D", false},
        {"oc-0123456789ABCDEF", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (openshell_name_is_openclaw(rows[i].name) != rows[i].is)
            fail_msg("%s", rows[i].name);
}

static void tables_are_read_or_refused(void **state)
{
    static const struct {
        const char *text;
        int n; /* -1: refused */
    } rows[] = {
        {"No sandboxes found.\n", 0},
        {"NAME  CREATED              PHASE\n", 0},
        {"NAME  CREATED              PHASE\na     2026-08-21 12:34:56  Ready\nb     -                    Error\n", 2},
        {"NAME  NAMESPACE  CREATED              PHASE\na     default    2026-08-21 12:34:56  Ready\n", 1},
        {"\x1b[1mNAME\x1b[0m  \x1b[1mCREATED\x1b[0m  \x1b[1mPHASE\x1b[0m\na  2026-08-21 12:34:56  \x1b[32mReady\x1b[0m\n", 1},
        {"", -1},
        {"\n\n", -1},
        {"Error: no\n", -1},
        {"NAME\n", -1},
        {"NAME  CREATED  PHASE\na  Ready\n", -1},
        {"NAME  CREATED  PHASE\na  2026-13-21 12:34:56  Ready\n", -1},
        {"NAME  CREATED  PHASE\n-a  2026-08-21 12:34:56  Ready\n", -1},
        {"NAME  CREATED  PHASE\na b  2026-08-21 12:34:56  Ready\n", -1},
        {"NAME  NAMESPACE  CREATED  PHASE\na  2026-08-21 12:34:56  Ready\n", -1},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openshell_items all = {0};
        struct err e;
        int r = openshell_list_text(a, rows[i].text, strlen(rows[i].text), &all, &e);

        if ((r < 0) != (rows[i].n < 0) || (r == 0 && all.n != (size_t)rows[i].n))
            fail_msg("%zu: %s", i, rows[i].text);
        if (r == 0 && all.n > 0) {
            assert_string_equal(all.v[0].name, "a");
            assert_int_equal(all.v[0].phase, OPENSHELL_READY);
            assert_true(all.v[0].created_at_ms == 1787315696000);
            assert_null(all.v[0].id);
        }
    }
}

static void items_are_read_or_refused(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"[{\"id\":\"x\",\"name\":\"a\",\"phase\":\"Ready\",\"created_at\":\"2026-08-21 12:34:56\",\"labels\":{\"k\":\"v\"}}]",
         true},
        {"[]", true},
        {"[{\"id\":\"x\",\"name\":\"a\",\"phase\":\"Odd\",\"labels\":null}]", true},
        {"{}", false},
        {"[{\"id\":\"x\",\"name\":\"a\"}]", false},
        {"[{\"id\":\"\",\"name\":\"a\",\"phase\":\"Ready\"}]", false},
        {"[{\"id\":\"x\",\"name\":\"--all\",\"phase\":\"Ready\"}]", false},
        {"[{\"id\":\"x\",\"name\":\"a\",\"phase\":\"Ready\",\"labels\":[]}]", false},
        {"[{\"id\":\"x\",\"name\":\"a\",\"phase\":\"Ready\"}", false},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openshell_items all;
        struct err e = {0};

        if ((openshell_list_json(a, rows[i].text, strlen(rows[i].text), &all, &e) == 0) != rows[i].ok)
            fail_msg("%s: %s", rows[i].text, e.msg);
        if (!rows[i].ok)
            assert_int_equal(e.class, ERR_INPUT);
    }
}

static void status_is_read(void **state)
{
    static const struct {
        bool json;
        const char *text;
        int link; /* -1: refused */
    } rows[] = {
        {true, "{\"status\":\"connected\",\"authentication\":{\"status\":\"authenticated\"}}", OPENSHELL_CONNECTED},
        {true, "{\"status\":\"connected\",\"authentication\":{\"status\":\"unverified\"}}", OPENSHELL_CONNECTED},
        {true, "{\"status\":\"connected\",\"authentication\":{\"status\":\"failed\"}}", OPENSHELL_NOT_ADMITTED},
        {true, "{\"status\":\"connected_http\",\"error\":\"x\"}", OPENSHELL_NOT_CONNECTED},
        {true, "{\"status\":\"error\"}", OPENSHELL_NOT_CONNECTED},
        {true, "{\"status\":\"disconnected\"}", OPENSHELL_NOT_CONNECTED},
        {true, "{\"status\":\"something new\"}", OPENSHELL_NOT_CONNECTED},
        {true, "{}", -1},
        {true, "", -1},
        {false, "Server Status\n\n  Gateway: g\n  Status: Connected\n  Version: 0.0.88\n", OPENSHELL_CONNECTED},
        {false, "Server Status\n\n  Status: Connected (HTTP)\n  gRPC error: x\n", OPENSHELL_NOT_CONNECTED},
        {false, "  Status: Disconnected\n  Error: refused\n", OPENSHELL_NOT_CONNECTED},
        {false, "Gateway Status\n\n  Status: No gateway configured.\n", OPENSHELL_NOT_CONNECTED},
        {false, "Server Status\n", -1},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openshell_status s = {0};
        struct err e;
        size_t n = strlen(rows[i].text);
        int r =
            rows[i].json ? openshell_status_json(a, rows[i].text, n, &s, &e) : openshell_status_text(a, rows[i].text, n, &s, &e);

        if ((r < 0) != (rows[i].link < 0) || (r == 0 && (int)s.link != rows[i].link))
            fail_msg("%s", rows[i].text);
    }
}

static void complaints_lose_their_drawing(void **state)
{
    static const struct {
        const char *text, *plain;
    } rows[] = {
        {"Error:   \xc3\x97 code: 'x', message: \"sandbox not \n  \xe2\x94\x82 found\"\n",
         "code: 'x', message: \"sandbox not found\""},
        {"Error:   \xc3\x97 transport error\n  \xe2\x94\x9c\xe2\x94\x80\xe2\x96\xb6 tcp\n  \xe2\x95\xb0\xe2\x94\x80\xe2\x96\xb6 "
         "no\n",
         "transport error tcp no"},
        {"\x1b[31mred\x1b[0m\r\n", "red"},
        {"", ""},
        {"  \n ", ""},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(openshell_complaint(a, rows[i].text, strlen(rows[i].text)), rows[i].plain);
}

/* --- specs --------------------------------------------------------------------------------------------------------------------
 */

static struct node *spec_of(struct arena *a, const char *key, struct node *value)
{
    struct node *n = node_object(a);

    node_set(a, n, key, value);
    return n;
}

static struct node *yaml(struct arena *a, const char *text)
{
    struct node *n = NULL;
    struct err e;

    if (openshell_policy_yaml(a, "test", text, strlen(text), &n, &e) < 0)
        fail_msg("%s", e.msg);
    return n;
}

static void specs_are_refused_by_key(void **state)
{
    static const struct {
        const char *spec, *key; /* YAML; NULL: it is fine */
    } rows[] = {
        {"from: base", NULL},
        {"from: /srv/Dockerfile", NULL},
        {"mode: remote", NULL},
        {"mode: both", "mode"},
        {"from: ''", "from"},
        {"from: ./x", "from"},
        {"from: --x", "from"},
        {"from: 1", "from"},
        {"policy: p.yaml", "policy"},
        {"policy: /p.yaml", NULL},
        {"policyText: 'version: 2'", "policyText"},
        {"policyText: 'version: 1'", NULL},
        {"policyText: \"version: 1\\nother: 1\"", "policyText"},
        {"policyText: '{'", "policyText"},
        {"providers: [a, b, a]", NULL},
        {"providers: [--x]", "providers[0]"},
        {"providers: [a, '']", "providers[1]"},
        {"gpu: yes", "gpu"},
        {"remoteWorkspaceDir: sandbox", "remoteWorkspaceDir"},
        {"remoteWorkspaceDir: /sandbox/../etc", "remoteWorkspaceDir"},
        {"remoteWorkspaceDir: /sandboxes", "remoteWorkspaceDir"},
        {"remoteWorkspaceDir: /agent/x/../y", NULL},
        {"mode: remote\ndirs: [{name: workspace, local: /a}, {name: agent, local: /b}]", NULL},
        {"mode: remote\ndirs: [{name: workspace, local: a}]", "dirs[0]: local"},
        {"mode: remote\ndirs: [{name: ../x, local: /a}]", "dirs[0]: name"},
        {"mode: remote\ndirs: [{name: a, local: /a, remote: /etc}]", "dirs[0]: remote"},
        {"mode: remote\ndirs: [{name: a, local: /a}, {name: a, local: /b, remote: /agent}]", "dirs[1].name"},
        {"mode: remote\ndirs: [{name: a, local: /a}, {name: b, local: /b, remote: /sandbox/b}]", "dirs[1]"},
        {"env: {A_1: x}", NULL},
        {"env: {1A: x}", "env.1A"},
        {"env: {A: \"x\\ny\"}", "env.A"},
        {"env: []", "env"},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openshell_spec s;
        struct err e = {0};
        int r = openshell_spec_decode(a, yaml(a, rows[i].spec), &s, &e);

        if ((r == 0) != (rows[i].key == NULL))
            fail_msg("%s: %s", rows[i].spec, r < 0 ? e.msg : "went well");
        if (r < 0 && (e.class != ERR_CONFIG || !text_has_prefix(e.msg, rows[i].key)))
            fail_msg("%s: %s: %s", rows[i].spec, err_class_name(e.class), e.msg);
    }
}

static void a_secret_is_refused_wherever_it_would_be_seen(void **state)
{
    static const char *const keys[] = {"from", "policy", "policyText", "mode"};
    ARENA_AUTO a = arena_new();
    struct openshell_spec s;
    struct err e;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct node *v = node_string(a, "canary");

        v->secret = true;
        assert_int_equal(openshell_spec_decode(a, spec_of(a, keys[i], v), &s, &e), -1);
        assert_int_equal(e.class, ERR_CONFIG);
        assert_null(strstr(e.msg, "canary"));
        assert_int_equal(openshell_spec_decode(a, spec_of(a, "env", spec_of(a, "TOKEN", v)), &s, &e), -1);
        assert_true(text_has_prefix(e.msg, "env.TOKEN: "));
        assert_null(strstr(e.msg, "canary"));
    }
}

static struct openshell_spec decoded(struct arena *a, const char *policy)
{
    struct openshell_spec s;
    struct err e;

    if (openshell_spec_decode(a, spec_of(a, "policyText", node_string(a, policy)), &s, &e) < 0)
        fail_msg("%s", e.msg);
    return s;
}

/* Each row: what was asked for, what is in force, and which fields differ with which class. */
static void policies_are_compared_by_meaning(void **state)
{
    static const struct {
        const char *made, *live, *field;
        enum field_class class;
    } rows[] = {
        {"version: 1\nnetwork_policies: {web: {endpoints: [{host: a, port: 443}]}}",
         "version: 1\nnetwork_policies: {web: {name: web, endpoints: [{host: a, ports: [443], tls: '', rules: []}], binaries: "
         "[]}}",
         NULL, 0},
        {"version: 1\nnetwork_policies: {web: {endpoints: [{host: a, port: 443}]}}",
         "version: 1\nnetwork_policies: {web: {endpoints: [{host: a, port: 80}]}}", "openshell.policy.network_policies.web",
         FIELD_PATCH},
        {"version: 1", "version: 1\nnetwork_policies: {more: {endpoints: []}}", "openshell.policy.network_policies.more",
         FIELD_PATCH},
        {"version: 1", "version: 1\nnetwork_policies: {_provider_x: {endpoints: [{host: a}]}}", NULL, 0},
        {"version: 1\nnetwork_policies: {web: {endpoints: []}}", "version: 1", "openshell.policy.network_policies.web",
         FIELD_PATCH},
        {"version: 1\nfilesystem_policy: {read_only: [/opt]}", "version: 1\nfilesystem_policy: {read_only: [/usr, /opt]}", NULL,
         0},
        {"version: 1\nfilesystem_policy: {read_only: [/opt]}", "version: 1\nfilesystem_policy: {read_only: [/usr]}",
         "openshell.policy.filesystem_policy", FIELD_RECREATE},
        {"version: 1\nfilesystem_policy: {include_workdir: true}", "version: 1\nfilesystem_policy: {}",
         "openshell.policy.filesystem_policy", FIELD_RECREATE},
        {"version: 1\nprocess: {run_as_user: a}", "version: 1\nprocess: {run_as_user: a, run_as_group: b}", NULL, 0},
        {"version: 1\nprocess: {run_as_user: a}", "version: 1\nprocess: {run_as_user: b}", "openshell.policy.process",
         FIELD_RECREATE},
        {"version: 1\nlandlock: {compatibility: best_effort}", "version: 1", "openshell.policy.landlock", FIELD_RECREATE},
        {"version: 1", "version: 1\nlandlock: {compatibility: best_effort}\nprocess: {run_as_user: x}", NULL, 0},
        {"version: 1\nnetwork_middlewares: [{name: a}]", "version: 1", "openshell.policy.network_middlewares", FIELD_PATCH},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openshell_spec s = decoded(a, rows[i].made);
        struct fields is = openshell_spec_observed(a, &s, NULL, yaml(a, rows[i].live), OPENSHELL_READY);
        struct field_change *ch;
        size_t n = fields_diff(a, openshell_spec_fields(a, &s, NULL), is, &ch);

        if (n != (rows[i].field != NULL) || (n == 1 && (strcmp(ch[0].name, rows[i].field) != 0 || ch[0].class != rows[i].class)))
            fail_msg("row %zu: %zu changes, %s", i, n, n > 0 ? ch[0].name : "");
    }
}

static void a_patch_keeps_the_static_part_that_lives(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct node *live = yaml(a, "version: 1\nfilesystem_policy: {read_only: [/usr, /opt]}\nlandlock: {compatibility: x}\n"
                                      "network_policies: {old: {endpoints: [{host: a}]}, _provider_x: {endpoints: [{host: b}]}}");
    const struct node *wanted = yaml(a, "version: 1\nfilesystem_policy: {read_only: [/opt]}\n"
                                        "network_policies: {new: {endpoints: [{host: c}]}}");
    const char *text = openshell_policy_patched(a, live, wanted);
    const struct node *p = yaml(a, text);

    assert_true(node_equal(node_get(p, "filesystem_policy"), node_get(live, "filesystem_policy")));
    assert_true(node_equal(node_get(p, "landlock"), node_get(live, "landlock")));
    assert_true(node_equal(node_get(p, "network_policies"), node_get(wanted, "network_policies")));
}

/* --- labels -------------------------------------------------------------------------------------------------------------------
 */

static void labels_take_any_text(void **state)
{
    static const struct {
        const char *text, *value; /* NULL: a digest */
    } rows[] = {
        {"Sandbox/scratch", "Sandbox..scratch"},
        {"0123456789abcdef", "0123456789abcdef"},
        {"OpenClaw/a.b_c-d", "OpenClaw..a.b_c-d"},
        {"a..b", NULL},
        {"-", NULL},
        {"a/", NULL},
        {"a b", NULL},
        {"sha256.x", NULL},
        {"012345678901234567890123456789012345678901234567890123456789012",
         "012345678901234567890123456789012345678901234567890123456789012"},
        {"0123456789012345678901234567890123456789012345678901234567890123", NULL},
    };
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *v = openshell_label_value(a, rows[i].text);

        assert_in_range(strlen(v), 1, 63);
        if (rows[i].value != NULL)
            assert_string_equal(v, rows[i].value);
        else
            assert_true(text_has_prefix(v, "sha256.") && strlen(v) == 47);
    }
}

static void a_record_is_read_back(void **state)
{
    ARENA_AUTO a = arena_new();
    struct openshell_record r = {.endpoint = "openshell:ct",
                                 .name = "a",
                                 .id = "x",
                                 .install = "0123456789abcdef",
                                 .owner = "Sandbox/a",
                                 .hash = "00",
                                 .kind = RUNTIME_CONTAINER,
                                 .created_at_ms = -5,
                                 .stage = OPENSHELL_FILLING,
                                 .create = spec_of(a, "from", node_string(a, "base"))},
                            again;
    struct err e;
    size_t n;
    char *bytes = openshell_record_encode(a, &r, &n);

    assert_int_equal(openshell_record_decode(a, bytes, n, &again, &e), 0);
    assert_string_equal(again.id, "x");
    assert_int_equal(again.kind, RUNTIME_CONTAINER);
    assert_int_equal(again.stage, OPENSHELL_FILLING);
    assert_true(again.created_at_ms == -5 && again.scope_key == NULL && node_equal(again.create, r.create));
    for (size_t i = 0; i < n - 2; i++) /* what is cut is refused */
        assert_int_equal(openshell_record_decode(a, bytes, i, &again, &e), -1);
    r.id = NULL; /* only of one that is being created */
    bytes = openshell_record_encode(a, &r, &n);
    assert_int_equal(openshell_record_decode(a, bytes, n, &again, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases_are_read),
        cmocka_unit_test(releases_have_traits),
        cmocka_unit_test(names_have_flaws),
        cmocka_unit_test(openclaws_names_are_known),
        cmocka_unit_test(tables_are_read_or_refused),
        cmocka_unit_test(items_are_read_or_refused),
        cmocka_unit_test(status_is_read),
        cmocka_unit_test(complaints_lose_their_drawing),
        cmocka_unit_test(specs_are_refused_by_key),
        cmocka_unit_test(a_secret_is_refused_wherever_it_would_be_seen),
        cmocka_unit_test(policies_are_compared_by_meaning),
        cmocka_unit_test(a_patch_keeps_the_static_part_that_lives),
        cmocka_unit_test(labels_take_any_text),
        cmocka_unit_test(a_record_is_read_back),
    };

    return cmocka_run_group_tests_name("openshell", tests, NULL, NULL);
}
