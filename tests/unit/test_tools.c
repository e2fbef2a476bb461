/* tools: the sandbox tool policy and the elevated gates of OpenClaw 2026.5.3. The lists themselves are compared in the vectors of
 * test_resolve. */
#include "spec/openclaw/keys.h"
#include "spec/openclaw/tools.h"
#include "tests/lib/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char *join(struct arena *a, const struct node *list)
{
    BUF_AUTO b = BUF_INIT(1u << 20);

    for (size_t i = 0; i < list->n_items; i++)
        buf_printf(&b, "%s%s", i ? " " : "", list->items[i]->s);
    return arena_strdup(a, buf_str(&b));
}

#define GLOBAL(text)        "{tools:{sandbox:{tools:{" text "}}}}"
#define BOTH(global, agent) "{tools:{sandbox:{tools:{" global "}}},agents:{list:[{id:'w',tools:{sandbox:{tools:{" agent "}}}}]}}"

static void browser_is_allowed_only_where_the_policy_says_so(void **state)
{
    static const struct {
        const char *config;
        bool allowed;
    } cases[] = {
        {"{}", false}, /* denied by default */
        {GLOBAL("allow:['browser']"), true},
        {GLOBAL("allow:['exec']"), false},
        {GLOBAL("allow:[]"), false}, /* everything, but for the default deny list */
        {GLOBAL("allow:[],deny:[]"), true},
        {GLOBAL("deny:[]"), false}, /* not on the default allow list */
        {GLOBAL("alsoAllow:['browser']"), true},
        {GLOBAL("alsoAllow:[' BROWSER ']"), true},
        {GLOBAL("alsoAllow:['b*']"), true},
        {GLOBAL("alsoAllow:['*']"), true},
        {GLOBAL("alsoAllow:['b*r']"), true},
        {GLOBAL("alsoAllow:['b*x']"), false},
        {GLOBAL("alsoAllow:['group:ui']"), true},
        {GLOBAL("alsoAllow:['group:openclaw']"), true},
        {GLOBAL("alsoAllow:['group:web']"), false},
        {GLOBAL("alsoAllow:['browser'],deny:['browser']"), false},
        {GLOBAL("alsoAllow:['browser'],deny:['Bro*']"), false},
        {GLOBAL("alsoAllow:['browser'],deny:['group:ui']"), false},
        {GLOBAL("alsoAllow:['browser'],deny:['group:fs']"), true},
        {BOTH("alsoAllow:['browser']", "deny:['browser']"), false},
        {BOTH("deny:['browser']", "alsoAllow:['browser']"), false}, /* the global deny still holds */
        {BOTH("deny:['browser']", "alsoAllow:['browser'],deny:[]"), true},
        {BOTH("allow:['browser']", "allow:['exec']"), false},
        {BOTH("allow:['exec']", "alsoAllow:['browser']"), true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        struct oc_tools t = oc_tools_resolve(a, &oc_profiles[OC_LINE_2026_5], data_json5(a, cases[i].config), "w");

        if (oc_tools_allow(a, &oc_profiles[OC_LINE_2026_5], &t, "browser") != cases[i].allowed)
            fail_msg("%s: %s", cases[i].config, cases[i].allowed ? "not allowed" : "allowed");
    }
}

static void lists_are_expanded_once_and_in_order(void **state)
{
    static const struct {
        const char *config, *allow, *deny;
    } cases[] = {
        {GLOBAL("allow:['BASH','Apply-Patch','group:fs','read',' ',''],deny:['x','X ','x']"),
         "exec apply_patch read write edit image", "x"},
        {GLOBAL("allow:['exec'],deny:['Image']"), "exec", "image"},
        {GLOBAL("allow:[' '],deny:[]"), "", ""},
        {GLOBAL("allow:[],deny:['group:none','a*']"), "", "group:none a*"},
        {GLOBAL("allow:['\xc3\x96L'],deny:['\xe2\x84\xaa']"), "\xc3\xb6l image", "k"},
        {BOTH("allow:['a'],deny:['b']", "deny:[]"), "a image", ""},
        {BOTH("allow:['a'],deny:['b']", "alsoAllow:['c']"), "a c image", "b"},
        {BOTH("allow:[],deny:['b']", "alsoAllow:['c']"), "", "b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        struct oc_tools t = oc_tools_resolve(a, &oc_profiles[OC_LINE_2026_5], data_json5(a, cases[i].config), "w");

        assert_string_equal(join(a, t.allow), cases[i].allow);
        assert_string_equal(join(a, t.deny), cases[i].deny);
    }
}

static void sources_name_the_key_that_decides(void **state)
{
    static const struct {
        const char *config, *allow, *deny;
        enum oc_tools_level allow_level, deny_level;
    } cases[] = {
        {"{}", "tools.sandbox.tools.allow", "tools.sandbox.tools.deny", OC_TOOLS_DEFAULT, OC_TOOLS_DEFAULT},
        {GLOBAL("allow:[]"), "tools.sandbox.tools.allow", "tools.sandbox.tools.deny", OC_TOOLS_GLOBAL, OC_TOOLS_DEFAULT},
        {GLOBAL("alsoAllow:[],deny:[]"), "tools.sandbox.tools.alsoAllow", "tools.sandbox.tools.deny", OC_TOOLS_GLOBAL,
         OC_TOOLS_GLOBAL},
        {GLOBAL("allow:[],alsoAllow:['x']"), "tools.sandbox.tools.allow", "tools.sandbox.tools.deny", OC_TOOLS_GLOBAL,
         OC_TOOLS_DEFAULT},
        {BOTH("allow:['a']", "alsoAllow:['b']"), "agents.list[].tools.sandbox.tools.alsoAllow", "tools.sandbox.tools.deny",
         OC_TOOLS_AGENT, OC_TOOLS_DEFAULT},
        {BOTH("alsoAllow:['a'],deny:['b']", "allow:['b'],deny:['c']"), "agents.list[].tools.sandbox.tools.allow",
         "agents.list[].tools.sandbox.tools.deny", OC_TOOLS_AGENT, OC_TOOLS_AGENT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        struct oc_tools t = oc_tools_resolve(a, &oc_profiles[OC_LINE_2026_5], data_json5(a, cases[i].config), "w");

        if (!text_eq(t.allow_source.key, cases[i].allow) || !text_eq(t.deny_source.key, cases[i].deny) ||
            t.allow_source.level != cases[i].allow_level || t.deny_source.level != cases[i].deny_level)
            fail_msg("%s: %s (%s), %s (%s)", cases[i].config, t.allow_source.key, oc_tools_level_name(t.allow_source.level),
                     t.deny_source.key, oc_tools_level_name(t.deny_source.level));
        assert_int_equal(t.allow_source.pos.line != 0, t.allow_source.level != OC_TOOLS_DEFAULT);
    }
}

static void an_agent_of_no_name_has_the_global_policy(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *config = data_json5(a, BOTH("allow:['a']", "allow:['b']"));
    struct oc_tools none = oc_tools_resolve(a, &oc_profiles[OC_LINE_2026_5], config, NULL),
                    other = oc_tools_resolve(a, &oc_profiles[OC_LINE_2026_5], config, "other"),
                    same = oc_tools_resolve(a, &oc_profiles[OC_LINE_2026_5], config, " W ");

    (void)state;
    assert_string_equal(join(a, none.allow), "a image");
    assert_string_equal(join(a, other.allow), "a image");
    assert_string_equal(join(a, same.allow), "b image");
}

static void channel_is_read_from_the_session_key(void **state)
{
    static const struct {
        const char *key, *channel;
    } cases[] = {
        {"agent:main:telegram:direct:1", "telegram"},
        {" AGENT:Main:Telegram:x", "telegram"},
        {"agent:main:webchat:x", "webchat"},
        {"agent:main:webchat", "webchat"},
        {"agent::main::whatsapp:x", "whatsapp"},
        {"agent:main:main", NULL},
        {"agent:main:nowhere:x", NULL},
        {"agent:main", NULL},
        {"telegram:x:y", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();

        if (!text_eq(oc_channel_of(a, &oc_profiles[OC_LINE_2026_5], cases[i].key), cases[i].channel))
            fail_msg("%s: %s", cases[i].key, oc_channel_of(a, &oc_profiles[OC_LINE_2026_5], cases[i].key));
    }
}

static void elevated_is_allowed_when_every_gate_is_open(void **state)
{
    static const struct {
        const char *global, *agent, *channel;
        bool enabled, allowed, always;
        const char *failures;
    } cases[] = {
        {"{}", "{}", NULL, true, false, false, ""},
        {"{allowFrom:{telegram:['*']}}", "{}", NULL, true, false, false, ""}, /* nobody knows the channel */
        {"{}", "{}", "telegram", true, false, false, "allowFrom tools.elevated.allowFrom.telegram;"},
        {"{allowFrom:{telegram:['*']}}", "{}", "telegram", true, true, true, ""},
        {"{allowFrom:{telegram:[' u ',5]}}", "{}", "telegram", true, true, false, ""},
        {"{allowFrom:{telegram:[' ']}}", "{}", "telegram", true, false, false, "allowFrom tools.elevated.allowFrom.telegram;"},
        {"{allowFrom:{telegram:['*']}}", "{allowFrom:{}}", "telegram", true, false, false,
         "allowFrom agents.list[].tools.elevated.allowFrom.telegram;"},
        {"{allowFrom:{telegram:['*']}}", "{allowFrom:{telegram:['u']}}", "telegram", true, true, false, ""},
        {"{allowFrom:{telegram:['*']}}", "{allowFrom:{telegram:['*']}}", "telegram", true, true, true, ""},
        {"{enabled:false,allowFrom:{telegram:['*']}}", "{}", "telegram", false, false, false, "enabled tools.elevated.enabled;"},
        {"{enabled:false}", "{enabled:false,allowFrom:{}}", "telegram", false, false, false,
         "enabled tools.elevated.enabled;enabled agents.list[].tools.elevated.enabled;allowFrom "
         "tools.elevated.allowFrom.telegram;allowFrom agents.list[].tools.elevated.allowFrom.telegram;"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(4096);
        struct node *config = data_json5(a, arena_printf(a, "{tools:{elevated:%s},agents:{list:[{id:'w',tools:{elevated:%s}}]}}",
                                                         cases[i].global, cases[i].agent));
        struct oc_elevated e = oc_elevated_resolve(a, &oc_profiles[OC_LINE_2026_5], config, "w", cases[i].channel);

        for (size_t j = 0; j < e.n_failures; j++)
            buf_printf(&b, "%s %s;", e.failures[j].gate, e.failures[j].key);
        assert_string_equal(buf_str(&b), cases[i].failures);
        assert_int_equal(e.enabled, cases[i].enabled);
        assert_int_equal(e.allowed, cases[i].allowed);
        assert_int_equal(e.always_allowed, cases[i].always);
    }
}

static void keys_to_fix_are_openclaws(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *off = oc_keys_to_fix(a, &oc_profiles[OC_LINE_2026_5], "off", NULL),
                *on = oc_keys_to_fix(a, &oc_profiles[OC_LINE_2026_5], "non-main", "telegram");

    (void)state;
    assert_int_equal(off->n_items, 7);
    assert_string_equal(off->items[0]->s, "tools.sandbox.tools.allow");
    assert_string_equal(off->items[6]->s, "tools.elevated.enabled");
    assert_int_equal(on->n_items, 10);
    assert_string_equal(on->items[1]->s, "agents.list[].sandbox.mode=off");
    assert_string_equal(on->items[9]->s, "tools.elevated.allowFrom.telegram");
}

static void every_level_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < OC_TOOLS_LEVEL_COUNT; i++)
        assert_non_null(oc_tools_level_name((enum oc_tools_level)i));
}

/* 2026.9 has other tools, one of them under a new name, and one that looks at pictures under a newer one still. */
static void tools_of_2026_9_go_by_their_names(void **state)
{
    static const struct {
        const char *config, *tool;
        bool allowed;
    } table[] = {
        {"{}", "view_image", true},
        {"{}", "image", false},
        {"{}", "ls", true},
        {"{}", "computer", false},
        {GLOBAL("allow:['exec']"), "view_image", true},
        {GLOBAL("allow:['exec'],deny:['view_image']"), "view_image", false},
        {GLOBAL("allow:['exec'],deny:['image']"), "view_image", false}, /* the older name denies it too */
        {GLOBAL("allow:['exec'],deny:['im*']"), "view_image", false},
        {GLOBAL("allow:['exec'],deny:['image_generate']"), "view_image", true},
        {GLOBAL("alsoAllow:['cron']"), "automations", true},
        {GLOBAL("alsoAllow:['automations']"), "cron", true},
        {GLOBAL("alsoAllow:['group:nodes']"), "computer", true},
        {GLOBAL("alsoAllow:['group:openclaw']"), "canvas", false}, /* of group:ui alone */
        {GLOBAL("alsoAllow:['group:ui']"), "canvas", true},
    };
    const struct oc_profile *line = &oc_profiles[OC_LINE_2026_9];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ARENA_AUTO a = arena_new();
        struct oc_tools t = oc_tools_resolve(a, line, data_json5(a, table[i].config), "w");

        if (oc_tools_allow(a, line, &t, table[i].tool) != table[i].allowed)
            fail_msg("%s: %s", table[i].config, table[i].tool);
    }
    ARENA_AUTO a = arena_new();
    struct node *fix = oc_keys_to_fix(a, line, "all", NULL);
    assert_string_equal(fix->items[1]->s, "agents.entries.*.sandbox.mode=off");
    assert_string_equal(oc_channel_of(a, line, "agent:w:telegram:1"), "telegram");
    assert_null(oc_channel_of(a, line, "agent::w:telegram:1"));
    assert_null(oc_channel_of(a, line, "agent:w:wecom:1")); /* gone since 2026.5 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_of_2026_9_go_by_their_names),
        cmocka_unit_test(browser_is_allowed_only_where_the_policy_says_so),
        cmocka_unit_test(lists_are_expanded_once_and_in_order),
        cmocka_unit_test(sources_name_the_key_that_decides),
        cmocka_unit_test(an_agent_of_no_name_has_the_global_policy),
        cmocka_unit_test(channel_is_read_from_the_session_key),
        cmocka_unit_test(elevated_is_allowed_when_every_gate_is_open),
        cmocka_unit_test(keys_to_fix_are_openclaws),
        cmocka_unit_test(every_level_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
