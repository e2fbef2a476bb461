/* spec/openclaw/detect: which line keeps a state directory, by its signs. */
#include "spec/openclaw/detect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])
#define FIVE     (&oc_profiles[OC_LINE_2026_5])
#define NINE     (&oc_profiles[OC_LINE_2026_9])
#define DB(v)    .has_database = true, .readable = true, .has_table = true, .user_version = (v)

static void versions_give_year_and_month(void **state)
{
    static const struct {
        const char *version;
        int month;
    } cases[] = {
        {"2026.9.6", 202609},
        {"2026.5.3", 202605},
        {"v2026.9.6", 202609},
        {"2026.10.1-beta.2", 202610},
        {"2026.12", 202612},
        {"2026.9-x", 202609},
        {"2000.1.1", 200001},
        {NULL, 0},
        {"", 0},
        {"2026", 0},
        {"2026.", 0},
        {"2026.0.1", 0},
        {"2026.13.1", 0},
        {"1999.1.1", 0},
        {"10000.1.1", 0},
        {"x2026.9.6", 0},
        {"2026.9x", 0},
        {"-2026.9.6", 0},
        {"99999999999999.9", 0},
        {"2026.99999999999999", 0},
        {" 2026.9.6", 0},
        {"2026 .9", 0},
        {"2026.9.6 ", 202609},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++)
        if (oc_version_month(cases[i].version) != cases[i].month)
            fail_msg("'%s': %d", cases[i].version, oc_version_month(cases[i].version));
}

static void the_first_sign_that_holds_decides(void **state)
{
    const struct {
        struct oc_signs signs;
        enum oc_line line;
        bool known, certain;
        const char *why;
    } cases[] = {
        {{.user_version = -1}, OC_LINE_2026_5, true, false, "nothing says otherwise"},
        {{.user_version = -1, .has_shards = true}, OC_LINE_2026_5, true, true, "sandbox/"},
        {{.user_version = -1, .touched_version = "2026.5.3"}, OC_LINE_2026_5, true, true, "2026.5.3"},
        {{.user_version = -1, .touched_version = "rubbish"}, OC_LINE_2026_5, true, false, "nothing"},
        {{.user_version = -1, .touched_version = "2026.9.6"}, OC_LINE_2026_9, true, true, "2026.9.6"},
        {{.user_version = -1, .has_entries = true}, OC_LINE_2026_9, true, true, "agents.entries"},
        {{.user_version = -1, .has_entries = true, .has_shards = true}, OC_LINE_2026_9, true, true, "agents.entries"},
        /* A database. */
        {{DB(18)}, OC_LINE_2026_9, true, true, "schema 18"},
        {{DB(18), .app_version = "2026.9.6"}, OC_LINE_2026_9, true, true, "made by 2026.9.6"},
        {{DB(18), .has_shards = true, .touched_version = "2026.5.3"}, OC_LINE_2026_9, true, true, "schema 18"},
        {{DB(18), .touched_version = "2026.7.2"}, OC_LINE_2026_9, true, true, "schema 18"},
        {{DB(17), .touched_version = "2026.7.2"}, OC_LINE_2026_9, false, false, "between"},
        {{DB(0)}, OC_LINE_2026_9, true, true, "schema 0"},
        {{.has_database = true, .readable = true, .user_version = 3, .has_shards = true}, OC_LINE_2026_5, true, true, "sandbox/"},
        {{.has_database = true, .readable = true, .user_version = 3, .touched_version = "2026.6.1"},
         OC_LINE_2026_5,
         false,
         false,
         "between"},
        /* Newer than what is known. */
        {{.has_database = true, .user_version = 19}, OC_LINE_2026_9, false, false, "schema 19"},
        {{DB(18), .touched_version = "2026.10.1"}, OC_LINE_2026_9, false, false, "2026.10.1"},
        {{.user_version = -1, .touched_version = "2027.1.1", .has_shards = true}, OC_LINE_2026_9, false, false, "2027.1.1"},
        {{DB(18), .touched_version = "2026.9.99"}, OC_LINE_2026_9, true, true, "schema 18"},
        /* Not to be read, or gone. */
        {{.has_database = true, .user_version = -1}, OC_LINE_2026_9, true, false, "cannot be read"},
        {{.has_database = true, .user_version = -1, .last = FIVE}, OC_LINE_2026_5, true, false, "before its database"},
        {{.has_database = true, .user_version = -1, .last = NINE, .has_shards = true}, OC_LINE_2026_9, true, false, "before its"},
        {{.user_version = -1, .last = NINE, .has_shards = true}, OC_LINE_2026_9, true, false, "database went"},
        {{.user_version = -1, .last = NINE, .touched_version = "2026.5.3"}, OC_LINE_2026_9, true, false, "database went"},
        {{.user_version = -1, .last = FIVE}, OC_LINE_2026_5, true, false, "nothing"},
        {{DB(18), .last = FIVE}, OC_LINE_2026_9, true, true, "schema 18"},
        /* The owner's word. */
        {{DB(18), .asked = FIVE}, OC_LINE_2026_5, true, false, "the spec"},
        {{.user_version = -1, .has_shards = true, .asked = NINE}, OC_LINE_2026_9, true, false, "the spec"},
        {{.has_database = true, .user_version = 19, .asked = NINE}, OC_LINE_2026_9, true, false, "the spec"},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        ARENA_AUTO a = arena_new();
        struct oc_detected d;

        oc_detect(a, &cases[i].signs, &d);
        if (d.line->line != cases[i].line || d.known != cases[i].known || d.certain != cases[i].certain ||
            !strstr(d.why, cases[i].why))
            fail_msg("case %zu: %s, known %d, certain %d: %s", i, d.line->name, d.known, d.certain, d.why);
    }
}

static void every_line_is_found_by_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < OC_LINE_COUNT; i++) {
        assert_ptr_equal(oc_profile_find(oc_profiles[i].name), &oc_profiles[i]);
        assert_int_equal(oc_profiles[i].line, i);
        assert_true(oc_version_month(oc_profiles[i].release) > 0);
        assert_int_equal((oc_profiles[i].registry == OC_REGISTRY_SQLITE), oc_profiles[i].database_schema > 0);
        if (i > 0)
            assert_true(oc_version_month(oc_profiles[i].release) > oc_version_month(oc_profiles[i - 1].release));
    }
    assert_null(oc_profile_find("2026.7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_give_year_and_month),
        cmocka_unit_test(the_first_sign_that_holds_decides),
        cmocka_unit_test(every_line_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
