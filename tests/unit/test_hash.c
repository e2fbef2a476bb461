/* openclaw.configHash, bit for bit. */
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

static void hashes_equal_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    OC_COLLATOR_AUTO c = OC_COLLATOR("en_US");
    struct node *list = vectors_load(a, "config-hash");
    assert_int_equal(list->n_items, 80);
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
        cmocka_unit_test(the_locale_is_the_one_node_takes),
        cmocka_unit_test(the_order_of_keys_depends_on_the_locale),
        cmocka_unit_test(index_keys_come_first_and_ties_stay_in_order),
        cmocka_unit_test(ascii_needs_no_icu_but_sorts_as_icu_does),
        cmocka_unit_test(a_browsers_docker_object_takes_network_image_and_binds_from_the_browser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
