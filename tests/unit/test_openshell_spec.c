/* The OpenShell plugin's config, names and commands; and what a secret reference of OpenClaw's leads to. */
#include "spec/openclaw/openshell.h"
#include "spec/openclaw/secrets.h"
#include "tests/lib/data.h"
#include "tests/lib/memfs.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LINE_5 (&oc_profiles[OC_LINE_2026_5])
#define LINE_9 (&oc_profiles[OC_LINE_2026_9])

static const char *str(const struct node *v, const char *key)
{
    return node_str(node_get(v, key));
}

static void same(const char *what, const char *got, const char *wanted)
{
    if (!text_eq(got, wanted))
        fail_msg("%s: %s, wanted %s", what, got ? got : "(none)", wanted ? wanted : "(none)");
}

static struct node *cases_of(struct arena *a, const char *path, size_t at_least)
{
    struct node *v = data_get(vectors_read(a, path), "cases", NODE_ARRAY);

    assert_true(v->n_items >= at_least);
    return v;
}

/* --- settings -----------------------------------------------------------------------------------------------------------------
 */

/* Which of them are refused, test_keys asks. */
static void settings_are_the_plugins(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, "tests/vectors/ssh-openshell-config.json", 28);

    (void)state;
    for (size_t i = 0; i < v->n_items; i++) {
        const struct node *config = node_get(v->items[i], "pluginConfig"), *wanted = node_get(v->items[i], "observed");
        const struct node *got;

        if (!wanted)
            continue;
        got = oc_openshell_defaults(a, node_is(config, NODE_OBJECT) ? config : NULL);
        same("mode", str(got, "mode"), data_str(wanted, "mode"));
        same("from", str(got, "from"), data_str(wanted, "configLabel"));
        same("remoteWorkspaceDir", str(got, "remoteWorkspaceDir"), data_str(wanted, "remoteWorkspaceDir"));
        same("remoteAgentWorkspaceDir", str(got, "remoteAgentWorkspaceDir"), data_str(wanted, "remoteAgentWorkspaceDir"));
    }
}

static void settings_that_are_given_hold(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct node *s = oc_openshell_settings(
        a, data_json5(a, "{plugins:{entries:{openshell:{config:{command:' /opt/os ',gateway:' lab ',workspace:'team',policy:'p',"
                         "providers:[' a','a','b '],gpu:true,autoProviders:false,timeoutSeconds:1.9999}}}}}"));

    (void)state;
    same(
        "all", node_json(a, s),
        "{\"mode\":\"mirror\",\"command\":\"/opt/os\",\"gateway\":\"lab\",\"workspace\":\"team\",\"from\":\"openclaw\","
        "\"policy\":\"p\",\"remoteWorkspaceDir\":\"/sandbox\",\"remoteAgentWorkspaceDir\":\"/agent\",\"providers\":[\"a\",\"b\"],"
        "\"gpu\":true,\"autoProviders\":false,\"timeoutMs\":1999}");
    same("none", node_json(a, oc_openshell_settings(a, node_object(a))),
         "{\"mode\":\"mirror\",\"command\":\"openshell\",\"from\":\"openclaw\",\"remoteWorkspaceDir\":\"/sandbox\","
         "\"remoteAgentWorkspaceDir\":\"/agent\",\"providers\":[],\"gpu\":false,\"autoProviders\":true,\"timeoutMs\":120000}");
}

static void an_endpoint_is_a_gateway_and_a_workspace(void **state)
{
    static const char *const rows[][2] = {
        {"{}", "openshell"},
        {"{gateway:'lab'}", "openshell:lab"},
        {"{gatewayEndpoint:'https://x:1'}", "openshell:https://x:1"},
        {"{gateway:'lab',gatewayEndpoint:'https://x'}", "openshell:lab@https://x"},
        {"{workspace:'team'}", "openshell:#team"},
        {"{gateway:'lab',workspace:'team'}", "openshell:lab#team"},
    };
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        same(rows[i][0], oc_openshell_endpoint(a, oc_openshell_defaults(a, data_json5(a, rows[i][0]))), rows[i][1]);
}

static void mounts_and_browsers_are_refused(void **state)
{
    ARENA_AUTO a = arena_new();
    struct err e = {0};

    (void)state;
    assert_int_equal(oc_openshell_check(data_json5(a, "{docker:{binds:[]},browser:{enabled:false}}"), &e), 0);
    assert_int_equal(oc_openshell_check(data_json5(a, "{docker:{binds:['/a:/b']},browser:{enabled:true}}"), &e), -1);
    assert_true(text_has_prefix(e.msg, "docker.binds: "));
    assert_int_equal(oc_openshell_check(data_json5(a, "{docker:{},browser:{enabled:true}}"), &e), -1);
    assert_true(text_has_prefix(e.msg, "browser.enabled: "));
}

/* --- names --------------------------------------------------------------------------------------------------------------------
 */

static void names_are_those_of_2026_5(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, "tests/vectors/ssh-openshell-name.json", 15);

    (void)state;
    for (size_t i = 0; i < v->n_items; i++) {
        const char *key = data_str(v->items[i], "scopeKey");

        same(key, oc_openshell_name(a, LINE_5, key), data_str(v->items[i], "name"));
        assert_null(oc_openshell_old_name(a, LINE_5, key));
    }
}

static void names_of_2026_9_are_short(void **state)
{
    static const char *const rows[][2] = {
        {"agent:main:workspace:0123456789abcdef0123456789abcdef", "oc-1y16rp4p07lbnbwq"},
        {" agent:x:workspace:FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF ", "oc-5f5amh6n0tb2wdn2"},
        {"shared", "oc-a4d26868017c0ccf"},
        {"", "oc-3f3af1ecebbd1410"},
        {"agent:main", "oc-f331f052e4ed92dd"},
    };
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        same(rows[i][0], oc_openshell_name(a, LINE_9, rows[i][0]), rows[i][1]);
    for (unsigned i = 0; i < 2000; i++) { /* among them digests that begin with zeros */
        const char *name = oc_openshell_name(a, LINE_9, arena_printf(a, "k%u:workspace:%032x", i, i));

        assert_int_equal(strlen(name), 19);
        assert_int_equal(strspn(name + 3, "0123456789abcdefghijklmnopqrstuvwxyz"), 16);
    }
    same("dots", oc_openshell_old_name(a, LINE_9, "agent:a_b.c:main"), "openclaw-agent-a-b-c-main-32916be6");
}

/* --- commands -----------------------------------------------------------------------------------------------------------------
 */

static enum oc_openshell_verb verb_of(const char *word)
{
    static const char *const words[OC_OPENSHELL_VERB_COUNT] = {"get", "create", "delete", "ssh-config", "upload", "download"};

    for (int i = 0; i < OC_OPENSHELL_VERB_COUNT; i++)
        if (strcmp(words[i], word) == 0)
            return (enum oc_openshell_verb)i;
    fail_msg("verb %s", word);
    return OC_OPENSHELL_VERB_COUNT;
}

static void commands_are_those_of_2026_5(void **state)
{
    static const char *const idle[] = {"true", NULL};
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, "tests/vectors/ssh-openshell-argv.json", 5);
    size_t seen[OC_OPENSHELL_VERB_COUNT] = {0};

    (void)state;
    for (size_t i = 0; i < v->n_items; i++) {
        const struct node *c = v->items[i], *steps = data_get(c, "steps", NODE_ARRAY);
        const struct node *settings = oc_openshell_defaults(a, node_get(c, "pluginConfig"));
        const char *name = oc_openshell_name(a, LINE_5, data_str(c, "scopeKey"));

        for (size_t s = 0; s < steps->n_items; s++) {
            const struct node *calls = data_get(steps->items[s], "calls", NODE_ARRAY);

            for (size_t k = 0; k < calls->n_items; k++) {
                const struct node *argv = data_get(calls->items[k], "argv", NODE_ARRAY);
                size_t at = 0, n = argv->n_items;
                const char *const *got;
                struct oc_openshell_call call = {.name = name, .command = idle};

                while (strcmp(argv->items[at]->s, "sandbox") != 0)
                    at++;
                /* A describe of what is absent was run without the plugin's config. */
                call.from = argv->items[n - 2]->s;
                call.to = argv->items[n - 1]->s;
                got = oc_openshell_argv(
                    a, text_eq(data_str(steps->items[s], "step"), "describe absent") ? oc_openshell_defaults(a, NULL) : settings,
                    verb_of(argv->items[at + 1]->s), &call);
                for (size_t w = 0; w < n; w++)
                    same(argv->items[at + 1]->s, got[w], argv->items[w]->s);
                assert_null(got[n]);
                seen[verb_of(argv->items[at + 1]->s)]++;
            }
        }
    }
    for (int i = 0; i < OC_OPENSHELL_VERB_COUNT; i++)
        assert_true(seen[i] > 0);
}

static void the_directory_that_is_uploaded_to_is_the_configured_one(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct node *s = oc_openshell_defaults(a, data_json5(a, "{remoteWorkspaceDir:'/sandbox/x/../w',workspace:'team'}"));
    const struct oc_openshell_call call = {.name = "n", .from = ".", .to = str(s, "remoteWorkspaceDir")};
    const char *const *got = oc_openshell_argv(a, s, OC_OPENSHELL_UPLOAD, &call);
    static const char *const wanted[] = {"--workspace", "team", "sandbox",    "upload", "--no-git-ignore",
                                         "n",           ".",    "/sandbox/w", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        same("upload", got[i], wanted[i]);
}

/* --- secrets ------------------------------------------------------------------------------------------------------------------
 */

static int read_file(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    const struct memfs *m = ctx;

    return m->fs.read(m->fs.ctx, a, path, max, ret, ret_n, e);
}

static void memfs_secret(struct memfs *m, const char *path, const char *text, uint32_t uid)
{
    struct memfs_entry *f = memfs_file(m, path, text);

    f->uid = uid;
    f->mode = 0600;
}

static void secrets_are_had_by_their_providers(void **state)
{
    static const struct {
        const char *reference, *value, *error; /* one of the two */
    } rows[] = {
        {"{source:'env',provider:'default',id:'KEY'}", "env-value", NULL},
        {"{source:'env',provider:'listed',id:'KEY'}", "env-value", NULL},
        {"'${KEY}'", "env-value", NULL},
        {"' $KEY '", "env-value", NULL},
        {"{source:'file',provider:'single',id:'value'}", "line 1\nline 2", NULL},
        {"{source:'file',provider:'json',id:'/a~1b/1/k~0'}", "deep", NULL},
        {"{source:'file',provider:'open',id:'value'}", "open", NULL},
        {"{source:'env',provider:'default',id:'UNSET'}", NULL, "env:default:UNSET: the variable is not set"},
        {"{source:'env',provider:'default',id:'EMPTY'}", NULL, "is empty"},
        {"{source:'env',provider:'listed',id:'OTHER'}", NULL, "allowlist does not name OTHER"},
        {"{source:'env',provider:'nobody',id:'KEY'}", NULL, "there is no secrets.providers.nobody"},
        {"{source:'env',provider:'single',id:'KEY'}", NULL, "is of source file"},
        {"{source:'file',provider:'default',id:'value'}", NULL, "there is no secrets.providers.default"},
        {"{source:'file',provider:'single',id:'/x'}", NULL, "'value'"},
        {"{source:'file',provider:'json',id:'/a~1b/9'}", NULL, "no text at /a~1b/9"},
        {"{source:'file',provider:'json',id:'/a~1b'}", NULL, "no text at"},
        {"{source:'file',provider:'gone',id:'value'}", NULL, "/s/gone"},
        {"{source:'file',provider:'link',id:'value'}", NULL, "symbolic link"},
        {"{source:'file',provider:'dir',id:'value'}", NULL, "is no file"},
        {"{source:'file',provider:'others',id:'value'}", NULL, "another user"},
        {"{source:'file',provider:'shown',id:'value'}", NULL, "by others"},
        {"{source:'file',provider:'small',id:'value'}", NULL, "/s/single"},
        {"{source:'file',provider:'broken',id:'/x'}", NULL, "is no JSON object"},
        {"{source:'exec',provider:'cmd',id:'x'}", NULL, "source exec"},
        {"{source:'store',provider:'default',id:'X'}", NULL, "source store"},
        {"{source:'env',id:'KEY'}", "env-value", NULL}, /* the default provider */
        {"{source:'env',provider:'default',id:' '}", NULL, "is no secret reference"},
    };
    ARENA_AUTO a = arena_new();
    static const struct oc_places places = {.home = "/h", .state_dir = "/h/.openclaw", .cwd = "/"};
    struct memfs m;
    struct oc_secrets s = {.places = &places, .uid = 1000};
    struct secret_source source = {.ctx = &m, .file = read_file};

    (void)state;
    memfs_init(&m, a);
    memfs_secret(&m, "/s/single", "\xef\xbb\xbfline 1\nline 2\r\n", 1000);
    memfs_secret(&m, "/h/json", "{\"a/b\":[0,{\"k~\":\"deep\"}]}", 1000);
    memfs_file(&m, "/s/open", "open\n")->uid = 0;
    memfs_secret(&m, "/s/others", "x", 1001);
    memfs_secret(&m, "/s/broken", "CANARY {", 1000);
    memfs_link(&m, "/s/link", "/s/single");
    memfs_dir(&m, "/s/dir");
    s.fs = &m.fs;
    s.source = &source;
    s.env = data_json5(a, "{KEY:'env-value',OTHER:'x',EMPTY:' '}");
    s.config = data_json5(
        a,
        "{secrets:{providers:{listed:{source:'env',allowlist:['KEY']},single:{source:'file',path:'/s/single',mode:'singleValue'},"
        "json:{source:'file',path:'~/json'},open:{source:'file',path:'/s/open',mode:'singleValue',allowInsecurePath:true},"
        "gone:{source:'file',path:'/s/gone',mode:'singleValue'},link:{source:'file',path:'/s/link',mode:'singleValue'},"
        "dir:{source:'file',path:'/s/dir'},shown:{source:'file',path:'/s/open',mode:'singleValue'},others:{source:'file',path:'/"
        "s/others'},broken:{source:'file',path:'/s/broken'},"
        "small:{source:'file',path:'/s/single',maxBytes:5},cmd:{source:'exec',command:'/bin/x'}}}}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct node *got = NULL, *reference = data_json5(a, rows[i].reference);
        struct err e = {0};
        int rc = oc_secret_resolve(a, &s, reference, &got, &e);

        assert_true(oc_is_secret_reference(reference));
        if (rows[i].error) {
            if (rc == 0 || !strstr(e.msg, rows[i].error) || strstr(e.msg, "CANARY"))
                fail_msg("%s: %s", rows[i].reference, rc == 0 ? "had" : e.msg);
            continue;
        }
        if (rc < 0)
            fail_msg("%s: %s", rows[i].reference, e.msg);
        same(rows[i].reference, node_str(got), rows[i].value);
        assert_true(got->secret);
    }
}

static void texts_are_no_references(void **state)
{
    static const char *const texts[] = {"'KEY'", "'$key'", "'${KEY'", "'$'", "'${}'", "'a ${KEY}'", "''", "'$KEY-x'"};
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (oc_is_secret_reference(data_json5(a, texts[i])))
            fail_msg("%s", texts[i]);
    assert_false(oc_is_secret_reference(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_the_plugins),
        cmocka_unit_test(settings_that_are_given_hold),
        cmocka_unit_test(an_endpoint_is_a_gateway_and_a_workspace),
        cmocka_unit_test(mounts_and_browsers_are_refused),
        cmocka_unit_test(names_are_those_of_2026_5),
        cmocka_unit_test(names_of_2026_9_are_short),
        cmocka_unit_test(commands_are_those_of_2026_5),
        cmocka_unit_test(the_directory_that_is_uploaded_to_is_the_configured_one),
        cmocka_unit_test(secrets_are_had_by_their_providers),
        cmocka_unit_test(texts_are_no_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
