/* openclaw.configHash, bit for bit. */
#include "spec/openclaw/create.h"
#include "spec/openclaw/hash.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unicode/ucol.h>

#include <cmocka.h>

static const struct {
    enum oc_line line;
    const char *vectors;
    size_t n, n_whole;
} lines[] = {{OC_LINE_2026_5, "config-hash", 80, 74}, {OC_LINE_2026_9, "2026.9/config-hash", 106, 98}};

static void hashes_equal_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    OC_COLLATOR_AUTO c = OC_COLLATOR("en_US");
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        struct node *list = vectors_load(a, lines[l].vectors);
        assert_int_equal(list->n_items, lines[l].n);
        for (size_t i = 0; i < list->n_items; i++) {
            const struct node *v = list->items[i];
            struct err e = {0};
            struct node *canonical;
            char hash[DIGEST_HEX];
            assert_int_equal(oc_canonical(a, &c, node_get(v, "input"), &canonical, &e), 0);
            assert_string_equal(node_json(a, canonical), node_str(node_get(v, "canonical")));
            assert_int_equal(oc_hash(&c, node_get(v, "input"), hash, &e), 0);
            assert_string_equal(hash, node_str(node_get(v, "hash")));
        }
    }
}

/* The vectors hold the hashed object: taken apart and put together again it is the same, but where a vector has an epoch or a
 * version that no release of the line has. */
static void hash_inputs_are_put_together_as_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    OC_COLLATOR_AUTO c = OC_COLLATOR("en_US");
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        struct node *list = vectors_load(a, lines[l].vectors);
        size_t n = 0;
        for (size_t i = 0; i < list->n_items; i++) {
            const struct node *v = list->items[i], *in = node_get(v, "input"), *binds = node_get(in, "managedMounts");
            const char *name = node_str(node_get(v, "name"));
            struct oc_mount *mounts = ARENA_ARRAY(a, struct oc_mount, binds != NULL ? binds->n_items : 0);
            struct oc_mounts all = {.v = mounts, .n = binds != NULL ? binds->n_items : 0};
            struct err e = {0};
            char hash[DIGEST_HEX];
            for (size_t k = 0; k < all.n; k++)
                mounts[k].bind = binds->items[k]->s;
            struct oc_runtime r = {.line = &oc_profiles[lines[l].line],
                                   .docker = node_get(in, "docker"),
                                   .browser = node_get(in, "browser"),
                                   .workspace_access = node_str(node_get(in, "workspaceAccess")),
                                   .workspace_dir = node_str(node_get(in, "workspaceDir")),
                                   .agent_workspace_dir = node_str(node_get(in, "agentWorkspaceDir")),
                                   .mounts = &all};
            if (r.docker == NULL || r.workspace_dir == NULL ||
                node_get(in, "mountFormatVersion")->num != r.line->mount_format_version ||
                !text_eq(node_str(node_get(in, "createArgsEpoch")), r.line->create_args_epoch))
                continue;
            n++;
            assert_int_equal(oc_hash(&c, oc_hash_input(a, &r), hash, &e), 0);
            if (strcmp(hash, node_str(node_get(v, "hash"))) != 0)
                fail_msg("%s %s: %s", lines[l].vectors, name, node_json(a, oc_hash_input(a, &r)));
        }
        assert_int_equal(n, lines[l].n_whole);
    }
}

/* OpenClaw's own list of names, and which of them settle nothing. */
static void variables_that_once_were_credentials_are_told_from_those_of_plugins(void **state)
{
    static const struct {
        const char *env;
        enum oc_env_policy policy;
        const char *name;
    } table[] = {
        {"{}", OC_ENV_PLAIN, NULL},
        {"{'LANG':'x','TOKENS':'y','GITHUB_PAT':'z'}", OC_ENV_PLAIN, NULL},
        {"{'mytoken':'y'}", OC_ENV_CREDENTIALS, NULL},
        {"{' X_admin_key ':'y'}", OC_ENV_CREDENTIALS, NULL},
        {"{'ADMIN_KEY':'y'}", OC_ENV_PLAIN, NULL},
        {"{'A':'1','fal_key':'y'}", OC_ENV_OPEN, "fal_key"},
        {"{'SPEECH_REGION':'y','FAL_KEY':'z'}", OC_ENV_OPEN, "SPEECH_REGION"},
        {"{'FAL_KEY':'z','A_SECRET':'x'}", OC_ENV_CREDENTIALS, NULL},
        {"{'A_SECRET':'x\\u0000y','FAL_KEY':'\\u0000'}", OC_ENV_PLAIN, NULL}, /* dropped, then as now */
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *names = vectors_load(a, "2026.9/known-secret-env-names");
    size_t n_open = 0;
    for (size_t i = 0; i < names->n_items; i++) {
        struct node *env = node_object(a);
        const char *name = NULL;
        node_set(a, env, names->items[i]->s, node_string(a, "x"));
        enum oc_env_policy policy = oc_env_policy(a, env, &name);
        if (policy == OC_ENV_PLAIN)
            fail_msg("%s: settles nothing, and is not told either", names->items[i]->s);
        n_open += policy == OC_ENV_OPEN;
    }
    assert_int_equal(n_open, 6);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *name = NULL;
        if (oc_env_policy(a, vectors_json(a, table[i].env), &name) != table[i].policy || !text_eq(name, table[i].name))
            fail_msg("%s: %s", table[i].env, name);
    }
}

static void the_locale_is_the_one_node_takes(void **state)
{
    static const struct {
        const char *lc_all, *lc_messages, *lang, *locale;
    } table[] = {
        {NULL, NULL, NULL, "en_US"},
        {NULL, NULL, "C", "en_US"},
        {NULL, NULL, "C.UTF-8", "en_US"},
        {NULL, NULL, "POSIX", "en_US"},
        {"en_US_POSIX", NULL, NULL, "en_US"},
        {NULL, NULL, "et_EE.UTF-8", "et_EE"},
        {"C", NULL, "et_EE", "en_US"},
        {NULL, "et_EE", "de_DE.UTF-8", "et_EE"},
        {"C.UTF-8", "et_EE", NULL, "en_US"},
        {"", NULL, "et_EE", ""}, /* set, though empty: ICU's root */
        {NULL, "", "et_EE", ""},
        {NULL, NULL, "", ""},
        {NULL, NULL, "de_DE@euro", "de_DE"},
        {NULL, NULL, "et_EE.UTF-8@x", "et_EE"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(oc_locale(a, table[i].lc_all, table[i].lc_messages, table[i].lang), table[i].locale);
}

static char *hash_of(struct arena *a, const char *locale, const char *json)
{
    OC_COLLATOR_AUTO c = OC_COLLATOR(locale);
    struct err e = {0};
    struct node *canonical;
    assert_int_equal(oc_canonical(a, &c, vectors_json(a, json), &canonical, &e), 0);
    return node_json(a, canonical);
}

static void the_order_of_keys_depends_on_the_locale(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    assert_string_equal(hash_of(a, "en_US", "{'z':1,'t':2}"), "{\"t\":2,\"z\":1}");
    assert_string_equal(hash_of(a, "", "{'z':1,'t':2}"), "{\"t\":2,\"z\":1}");
    assert_string_equal(hash_of(a, "et_EE", "{'z':1,'t':2}"), "{\"z\":1,\"t\":2}");
}

static void index_keys_come_first_and_ties_stay_in_order(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"{'b':1,'10':2,'9':3,'4294967294':4,'4294967295':5,'00':6,'-1':7}",
         "{\"9\":3,\"10\":2,\"4294967294\":4,\"-1\":7,\"00\":6,\"4294967295\":5,\"b\":1}"},
        {"{'B':1,'b':2,'a\\u0001':3,'a':4,'a\\u0002':5}", "{\"a\\u0001\":3,\"a\":4,\"a\\u0002\":5,\"b\":2,\"B\":1}"},
        {"{'a':{'__proto__':1,'b':2}}", "{\"a\":{\"b\":2}}"},
        {"{'\\u00e4':1,'z':2,'a':3,'A':4,'\\u00c4':5}", "{\"a\":3,\"A\":4,\"\xc3\xa4\":1,\"\xc3\x84\":5,\"z\":2}"},
        {"{'a':[3,{'y':-0,'x':null}],'A':1e21}", "{\"a\":[3,{\"x\":null,\"y\":0}],\"A\":1e+21}"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(hash_of(a, "en_US", table[i].in), table[i].out);
}

static void ascii_needs_no_icu_but_sorts_as_icu_does(void **state)
{
    static const char *const locales[] = {"",   "ca", "de_DE", "en_US", "en_GB", "es", "fi", "fr_CA", "id", "it",
                                          "ms", "nl", "pl",    "pt_BR", "ro",    "sl", "sv", "sw",    "vi", "de_AT"};
    (void)state;
    ARENA_AUTO a = arena_new();
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    for (size_t l = 0; l < sizeof locales / sizeof *locales; l++) {
        UErrorCode status = U_ZERO_ERROR;
        UCollator *icu = ucol_open(locales[l], &status);
        assert_true(U_SUCCESS(status));
        OC_COLLATOR_AUTO c = OC_COLLATOR(locales[l]);
        for (int round = 0; round < 3000; round++) {
            char x[8], y[8];
            UChar xs[8], ys[8];
            int32_t x_n = rand_r(&seed) % 7, y_n = rand_r(&seed) % 7;
            /* Few letters at a time, so that long common beginnings and ties of all but case come up. */
            int few = rand_r(&seed) % 2;
            for (int i = 0; i < 7; i++) {
                int r = rand_r(&seed), s = rand_r(&seed);
                x[i] = few ? "aAbB-_"[r % 6] : (char)(r % 128);
                y[i] = few ? "aAbB-_"[s % 6] : (char)(s % 128);
                xs[i] = (UChar)x[i];
                ys[i] = (UChar)y[i];
            }
            struct err e = {0};
            int got;
            assert_int_equal(oc_collate(a, &c, x, (size_t)x_n, y, (size_t)y_n, &got, &e), 0);
            int wanted = ucol_strcoll(icu, xs, x_n, ys, y_n);
            if ((got > 0) != (wanted > 0) || (got < 0) != (wanted < 0))
                fail_msg("locale '%s', seed %u: %.*s | %.*s: %d, ICU says %d", locales[l], seed, (int)x_n, x, (int)y_n, y, got,
                         wanted);
        }
        assert_null(c.icu);
        ucol_close(icu);
    }
}

static void a_browsers_docker_object_takes_network_image_and_binds_from_the_browser(void **state)
{
    static const struct {
        const char *docker, *browser, *out;
    } table[] = {
        {"{'image':'a','network':'none'}", "{'image':'b','network':' n '}", "{\"image\":\"b\",\"network\":\"n\"}"},
        {"{'image':'a','network':'none'}", "{'image':'b','network':'  '}",
         "{\"image\":\"b\",\"network\":\"openclaw-sandbox-browser\"}"},
        {"{'image':'a','network':'x','binds':['/a:/a']}", "{'image':'b','network':'n'}",
         "{\"image\":\"b\",\"network\":\"n\",\"binds\":[\"/a:/a\"]}"},
        {"{'image':'a','network':'x','binds':['/a:/a']}", "{'image':'b','network':'n','binds':[]}",
         "{\"image\":\"b\",\"network\":\"n\",\"binds\":[]}"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct node *docker = vectors_json(a, table[i].docker);
        struct node *got = oc_browser_docker(a, docker, vectors_json(a, table[i].browser));
        assert_string_equal(node_json(a, got), table[i].out);
        assert_true(node_equal(docker, vectors_json(a, table[i].docker)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_equal_openclaws),
        cmocka_unit_test(hash_inputs_are_put_together_as_openclaws),
        cmocka_unit_test(variables_that_once_were_credentials_are_told_from_those_of_plugins),
        cmocka_unit_test(the_locale_is_the_one_node_takes),
        cmocka_unit_test(the_order_of_keys_depends_on_the_locale),
        cmocka_unit_test(index_keys_come_first_and_ties_stay_in_order),
        cmocka_unit_test(ascii_needs_no_icu_but_sorts_as_icu_does),
        cmocka_unit_test(a_browsers_docker_object_takes_network_image_and_binds_from_the_browser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
