/* Names of agents, scopes and runtimes as OpenClaw makes them, of every line. */
#include "spec/openclaw/names.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One vector: without a scope, the key is that of a session. */
static void check_name(struct arena *a, const struct oc_profile *line, const struct node *v)
{
    const struct node *key = node_get(v, "scopeKey");
    const char *name = node_str(node_get(v, "name")), *scope = node_str(node_get(v, "scope"));
    const char *prefix = node_str(node_get(v, node_get(v, "prefix") != NULL ? "prefix" : "containerPrefix"));
    const char *slug = text_eq(scope, "shared") ? "shared" : oc_slug_n(a, line, key->s, key->s_n);
    if (strcmp(slug, node_str(node_get(v, "slug"))) != 0)
        fail_msg("%s: %s, wanted %s", name, slug, node_str(node_get(v, "slug")));
    if (strlen(key->s) != key->s_n) /* a runtime's name takes no NUL: keys of sessions hold none */
        return;
    const char *made = oc_runtime_name(a, line, prefix, scope != NULL ? scope : "session", key->s);
    if (strcmp(made, node_str(node_get(v, "containerName"))) != 0)
        fail_msg("%s: %s, wanted %s", name, made, node_str(node_get(v, "containerName")));
}

static void names_equal_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    static const struct {
        enum oc_line line;
        const char *vectors;
        size_t n;
    } lines[] = {{OC_LINE_2026_5, "runtime-names", 181}, {OC_LINE_2026_9, "2026.9/runtime-names", 114}};
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        struct node *list = vectors_load(a, lines[l].vectors);
        assert_int_equal(list->n_items, lines[l].n);
        for (size_t i = 0; i < list->n_items; i++)
            check_name(a, &oc_profiles[lines[l].line], list->items[i]);
    }
}

static void agent_ids_are_normalised(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {NULL, "main"},
        {"", "main"},
        {" \t\xc2\xa0", "main"},
        {"Work", "work"},
        {" work ", "work"},
        {"Work Bot", "work-bot"},
        {"work_bot-", "work_bot-"}, /* valid as it stands: a trailing dash stays */
        {"work bot-", "work-bot"},  /* not valid: it goes */
        {"-work", "work"},
        {"!!!", "main"},
        {"a!!b", "a-b"},
        {"a--b!", "a--b"},
        {"\xe2\x84\xaa-", "k"}, /* KELVIN SIGN is no letter of the pattern, but k in lower case */
        {"\xe2\x84\xaa", "k"},
        {"\xc4\xb0x", "i-x"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(oc_agent_id(a, table[i].in), table[i].out);
    assert_string_equal(oc_agent_id_n(a, "a\0b", 3), "a-b");
}

static void session_keys_name_their_agent(void **state)
{
    static const struct {
        const char *key, *agent;
    } table[] = {
        {"agent:work:main", "work"},
        {"AGENT:Work:x", "work"},
        {"::agent::work::x", "work"},
        {" agent:work:x ", "work"},
        {"agent:Bad Id!:x", "bad-id"},
        {"agent: work :x", "work"},
        {"agent:work:\xc2\xa0", NULL},   /* trimmed away before the key is taken apart: two parts */
        {"agent:\xe2\x84\xaa-:x", "k-"}, /* lower case first: then it is valid as it stands */
        {"agent: :x", NULL},
        {"agent:work", NULL},
        {"agents:work:x", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *agent = oc_session_key_agent(a, &oc_profiles[OC_LINE_2026_5], table[i].key), *wanted = table[i].agent;
        if (!text_eq(agent, wanted))
            fail_msg("'%s': %s, wanted %s", table[i].key, agent, wanted);
    }
}

static void default_agent_is_the_marked_or_first_one(void **state)
{
    static const struct {
        const char *config, *agent;
    } table[] = {
        {"{}", "main"},
        {"{'agents':{'list':[]}}", "main"},
        {"{'agents':{'list':[{'id':'A'},{'id':'b'}]}}", "a"},
        {"{'agents':{'list':[{'id':'a'},{'id':'b','default':true},{'id':'c','default':true}]}}", "b"},
        {"{'agents':{'list':[{'id':'a','default':false},{'id':'b'}]}}", "a"},
        {"{'agents':{'list':[null,{'id':'  '},{'id':'b'}]}}", "main"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(oc_default_agent(a, &oc_profiles[OC_LINE_2026_5], vectors_json(a, table[i].config)), table[i].agent);
}

/* Where 2026.9 reads keys and rosters in another way; agent NULL: it refuses the session. */
static void sessions_of_2026_9_need_an_agent_or_a_sole_one(void **state)
{
    static const char none[] = "{}", one[] = "{'agents':{'list':[{'id':'Work'}]}}",
                      two[] = "{'agents':{'list':[{'id':'a'},{'id':'b'}]}}",
                      marked[] = "{'agents':{'list':[{'id':'a'},{'id':'b','default':true}]}}";
    static const struct {
        const char *config, *key, *agent;
    } table[] = {
        {none, "main", "main"},
        {none, "telegram:1", "main"},
        {one, "main", "work"},
        {one, NULL, "work"},
        {two, "main", NULL},
        {two, "", NULL},
        {marked, "main", "b"},
        {two, "agent:b:main", "b"},
        {two, "agent:other:main", "other"},
        {two, " AGENT:B:X ", "b"},
        {two, "agent: b :x", "b"},
        {one, "agent:b", NULL}, /* it begins as an agent's key does, and is none */
        {one, "agent:b:", NULL},
        {one, "agent::x", NULL},
        {one, "agent: :x", NULL},
        {one, "agent:b::x", NULL},
        {one, "Agent:", NULL},
        {one, "agents:b:x", "work"},
        {one, "::agent:b:x", "work"}, /* no colon may be before it */
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *agent = oc_session_agent(a, &oc_profiles[OC_LINE_2026_9], vectors_json(a, table[i].config), table[i].key);
        if (!text_eq(agent, table[i].agent))
            fail_msg("%s '%s': %s, wanted %s", table[i].config, table[i].key, agent, table[i].agent);
    }
}

static void keys_with_a_workspace_are_told_apart(void **state)
{
#define HEX "0123456789abcdefABCDEF0123456789"
    static const struct {
        const char *key, *base;
        bool workspace, isolated;
    } table[] = {
        {"agent:main:workspace:" HEX, "agent:main", true, false},
        {" agent:main:WORKSPACE:" HEX " ", "agent:main", true, false},
        {"agent:main:workspace:" HEX "0", "agent:main:workspace:" HEX "0", false, false},
        {"agent:main:workspace:0" HEX, "agent:main:workspace:0" HEX, false, false},
        {":workspace:" HEX, "", true, false},
        {"workspace:" HEX, "workspace:" HEX, false, false},
        {"x:workspace:" HEX ":workspace:" HEX, "x:workspace:" HEX, true, false},
        {"shared", "shared", false, false},
        {"agent:main:principal:" HEX ":workspace:" HEX, "agent:main:principal:" HEX, true, true},
        {"agent:main:required-session:" HEX ":workspace:" HEX, "agent:main:required-session:" HEX, true, true},
        {"agent:main:principal:" HEX, "agent:main:principal:" HEX, false, false},
        {"agent:main:principal:x:workspace:" HEX, "agent:main:principal:x", true, false},
        {"agent:main:principal:" HEX ":y:workspace:" HEX, "agent:main:principal:" HEX ":y", true, false},
        {"other:main:principal:" HEX ":workspace:" HEX, "other:main:principal:" HEX, true, false},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (oc_is_workspace_key(table[i].key) != table[i].workspace || oc_is_isolated_key(table[i].key) != table[i].isolated ||
            strcmp(oc_scope_base(a, table[i].key), table[i].base) != 0)
            fail_msg("'%s': base %s", table[i].key, oc_scope_base(a, table[i].key));
}

/* At 63 units a name is whole; one more, and a hash tells it apart. */
static void long_names_of_2026_9_stay_apart(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    const struct oc_profile *line = &oc_profiles[OC_LINE_2026_9];
    const char *whole = oc_runtime_name(a, line, "12345678901234567890123456789012345678901234567890123456-", "shared", "shared");
    assert_string_equal(whole, "12345678901234567890123456789012345678901234567890123456-shared");
    assert_int_equal(strlen(whole), 63);
    const char *one = oc_runtime_name(a, line, "123456789012345678901234567890123456789012345678901234567-", "shared", "shared");
    const char *two = oc_runtime_name(a, line, "123456789012345678901234567890123456789012345678901234568-", "shared", "shared");
    assert_int_equal(strlen(one), 63);
    assert_memory_equal(one, two, 50);
    assert_string_not_equal(one, two);
}

static void lone_surrogates_become_replacement_characters(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"plain", "plain"},
        {"\xed\xa0\xbd", "\xef\xbf\xbd"}, /* high alone */
        {"a\xed\xb0\x80"
         "b",
         "a\xef\xbf\xbd"
         "b"},                                                    /* low alone */
        {"\xed\xa0\xbd\xed\xb8\x80", "\xf0\x9f\x98\x80"},         /* a pair in two pieces */
        {"\xed\xa0\xbd\xed\xa0\xbd", "\xef\xbf\xbd\xef\xbf\xbd"}, /* two highs */
        {"\xff"
         "a",
         "\xef\xbf\xbd"
         "a"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t n;
        assert_string_equal(oc_well_formed(a, table[i].in, strlen(table[i].in), &n), table[i].out);
        assert_int_equal(n, strlen(table[i].out));
    }
}

static void scope_agents_need_two_parts_only(void **state)
{
    static const struct {
        const char *key, *agent;
    } table[] = {
        {"shared", NULL},
        {"", NULL},
        {"  ", NULL},
        {"agent:Work", "work"},
        {":agent:work", "work"},
        {"Agent:work", "main"},
        {"Agent:work:x", "work"},
        {"telegram:1", "main"},
        {"agent: ", "main"},
        {"agent:work:x:y", "work"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!text_eq(oc_scope_agent(a, &oc_profiles[OC_LINE_2026_5], table[i].key), table[i].agent))
            fail_msg("'%s': %s, wanted %s", table[i].key, oc_scope_agent(a, &oc_profiles[OC_LINE_2026_5], table[i].key),
                     table[i].agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_equal_openclaws),
        cmocka_unit_test(agent_ids_are_normalised),
        cmocka_unit_test(session_keys_name_their_agent),
        cmocka_unit_test(default_agent_is_the_marked_or_first_one),
        cmocka_unit_test(sessions_of_2026_9_need_an_agent_or_a_sole_one),
        cmocka_unit_test(keys_with_a_workspace_are_told_apart),
        cmocka_unit_test(long_names_of_2026_9_stay_apart),
        cmocka_unit_test(lone_surrogates_become_replacement_characters),
        cmocka_unit_test(scope_agents_need_two_parts_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
