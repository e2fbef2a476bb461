/* expand: what one OpenClaw wants, and which of its records nobody wants any more. What comes out here is what gets deleted. */
#include "spec/openclaw/expand.h"
#include "tests/lib/data.h"
#include "tests/lib/expand_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOME    "/h"
#define STATE   "/h/.openclaw"
#define HOUR_MS 3600000LL
#define DAY_MS  86400000LL

#define MAIN   "openclaw-sbx-agent-main-f331f052"
#define WORK   "openclaw-sbx-agent-work-0944bd8d"
#define SHARED "openclaw-sbx-shared"
#define B_MAIN "openclaw-sbx-browser-agent-main-f331f052"

static const struct oc_places places = {.home = HOME, .state_dir = STATE, .cwd = "/"};

static const struct oc_places places_2026_9 = {
    .home = HOME, .state_dir = STATE, .cwd = "/", .line = &oc_profiles[OC_LINE_2026_9]};

static struct expand_world *world_of(struct arena *a, const struct oc_places *at, const char *config)
{
    struct expand_world *w = expand_world_new(a, at, "docker", config);

    w->object.policy.hot_window_ms = 7;
    return w;
}

static struct expand_world *world_new(struct arena *a, const char *config)
{
    return world_of(a, &places, config);
}

static struct record *recorded(struct expand_world *w, enum runtime_kind kind, const char *name, const char *scope_key)
{
    struct record *r = &w->records[w->n_records++];

    *r = (struct record){.endpoint = "docker",
                         .name = name,
                         .kind = kind,
                         .install = EXPAND_WORLD_INSTALL,
                         .backend_id = kind == RUNTIME_CONTAINER ? "docker" : NULL,
                         .scope_key = scope_key};
    return r;
}

static struct observed *shown(struct expand_world *w, enum runtime_kind kind, const char *name, const char *scope_key)
{
    struct observed *o = &w->seen[w->observation.n++];

    *o = (struct observed){.endpoint = "docker",
                           .name = name,
                           .id = "1",
                           .kind = kind,
                           .ownership = OWN_OPENCLAW,
                           .state = RUN_RUNNING,
                           .scope_key = scope_key};
    return o;
}

static const struct desired *wanted(const struct expand_world *w, const char *name)
{
    const struct desired *found = NULL;

    for (size_t i = 0; i < w->out.n; i++)
        if (strcmp(w->out.v[i].name, name) == 0) {
            assert_null(found);
            found = &w->out.v[i];
        }
    return found;
}

/* --- one record
 * ------------------------------------------------------------------------------------------------------------------ */

#define D(sandbox)      "{agents:{defaults:{sandbox:{" sandbox "}}}}"
#define L(sandbox, ids) "{agents:{defaults:{sandbox:{" sandbox "}},list:[" ids "]}}"
#define ON              "mode:'all'"
#define BROWSER         "mode:'all',browser:{enabled:true}}}},tools:{sandbox:{tools:{alsoAllow:['browser']}}}}"

/* why NULL: wanted. */
static const struct {
    const char *config;
    enum runtime_kind kind;
    const char *name, *scope_key, *why;
} cases[] = {
    /* the agent */
    {D(ON), RUNTIME_CONTAINER, MAIN, "agent:main", NULL},
    {L(ON, "{id:'main'},{id:'Work'}"), RUNTIME_CONTAINER, WORK, "agent:work", NULL},
    {D(ON), RUNTIME_CONTAINER, WORK, "agent:work", "agent 'work' is gone"},
    {L(ON, "{id:'main'}"), RUNTIME_CONTAINER, WORK, "agent:work", "agent 'work' is gone"},
    {D(ON ",scope:'session'"), RUNTIME_CONTAINER, "openclaw-sbx-agent-work-x-a80c8bf2", "agent:work:x", "agent 'work' is gone"},
    /* main's runtime is also that of keys that name no agent, under the default agent */
    {L(ON, "{id:'work'}"), RUNTIME_CONTAINER, MAIN, "agent:main", NULL},
    {L(ON, "{id:'work',sandbox:{mode:'off'}}"), RUNTIME_CONTAINER, MAIN, "agent:main", "agent 'main' is gone"},
    {L(ON, "{id:'work',sandbox:{scope:'session'}}"), RUNTIME_CONTAINER, MAIN, "agent:main", "agent 'main' is gone"},
    {L(ON, "{id:'work'},{id:'main',sandbox:{mode:'off'}}"), RUNTIME_CONTAINER, MAIN, "agent:main", NULL},
    {L("mode:'off'", "{id:'work'},{id:'main'}"), RUNTIME_CONTAINER, MAIN, "agent:main", "mode is off"},
    /* the mode */
    {"{}", RUNTIME_CONTAINER, MAIN, "agent:main", "mode is off"},
    {D("mode:'off'"), RUNTIME_CONTAINER, SHARED, "shared", "mode is off"},
    {D("mode:'non-main'"), RUNTIME_CONTAINER, MAIN, "agent:main", NULL},
    {L(ON, "{id:'main'},{id:'work',sandbox:{mode:'off'}}"), RUNTIME_CONTAINER, WORK, "agent:work", "mode is off"},
    {D("mode:'non-main',scope:'session'"), RUNTIME_CONTAINER, "openclaw-sbx-agent-main-main-6d9217fe", "agent:main:main",
     "mode is non-main, and this is the main session"},
    {D(ON ",scope:'session'"), RUNTIME_CONTAINER, "openclaw-sbx-agent-main-main-6d9217fe", "agent:main:main", NULL},
    /* the scope */
    {D(ON ",scope:'session'"), RUNTIME_CONTAINER, MAIN, "agent:main", "scope is now session"},
    {D(ON ",scope:'shared'"), RUNTIME_CONTAINER, MAIN, "agent:main", "scope is now shared"},
    {D(ON), RUNTIME_CONTAINER, SHARED, "shared", "scope is now agent"},
    {D(ON ",scope:'shared'"), RUNTIME_CONTAINER, SHARED, "shared", NULL},
    {L(ON, "{id:'main'},{id:'work',sandbox:{scope:'shared'}}"), RUNTIME_CONTAINER, SHARED, "shared", NULL},
    {L(ON ",scope:'shared'", "{id:'main'},{id:'work',sandbox:{scope:'agent'}}"), RUNTIME_CONTAINER, SHARED, "shared", NULL},
    {D(ON), RUNTIME_CONTAINER, "openclaw-sbx-agent-main-telegram-group-1-c2bd2b2c", "agent:main:telegram:group:1",
     "scope is now agent"},
    /* sessions that name no agent are the default agent's */
    {D(ON ",scope:'session'"), RUNTIME_CONTAINER, "openclaw-sbx-main-0d6e4079", "main", NULL},
    {L(ON, "{id:'a'},{id:'b',default:true,sandbox:{scope:'session'}}"), RUNTIME_CONTAINER, "openclaw-sbx-main-0d6e4079", "main",
     NULL},
    {L(ON ",scope:'session'", "{id:'a'},{id:'b',default:true,sandbox:{scope:'agent'}}"), RUNTIME_CONTAINER,
     "openclaw-sbx-main-0d6e4079", "main", "scope is now agent"},
    {D(ON ",scope:'session'"), RUNTIME_CONTAINER, "openclaw-sbx-shared-a4d26868", "shared", NULL},
    /* case counts in a session's key, and not in its agent */
    {L(ON ",scope:'session'", "{id:'work'}"), RUNTIME_CONTAINER, "openclaw-sbx-agent-main-x-b92f250f", "AGENT:Main:x",
     "agent 'main' is gone"},
    {D(ON ",scope:'session'"), RUNTIME_CONTAINER, "openclaw-sbx-agent-main-x-b92f250f", "AGENT:Main:x", NULL},
    /* the backend */
    {D(ON ",backend:'ssh',ssh:{target:'u@h'}"), RUNTIME_CONTAINER, MAIN, "agent:main", "backend is now ssh"},
    {D(ON ",backend:' Docker '"), RUNTIME_CONTAINER, MAIN, "agent:main", NULL},
    /* the name */
    {D(ON ",docker:{containerPrefix:'x-'}"), RUNTIME_CONTAINER, MAIN, "agent:main", "name is now x-agent-main-f331f052"},
    {D(ON ",docker:{containerPrefix:'x-'}"), RUNTIME_CONTAINER, "x-agent-main-f331f052", "agent:main", NULL},
    {L(ON, "{id:'main'},{id:'work',sandbox:{docker:{containerPrefix:'w-'}}}"), RUNTIME_CONTAINER, WORK, "agent:work",
     "name is now w-agent-work-0944bd8d"},
    {D(ON ",scope:'shared',docker:{containerPrefix:'x-'}"), RUNTIME_CONTAINER, SHARED, "shared", "name is now x-shared"},
    /* browsers */
    {"{agents:{defaults:{sandbox:{" BROWSER, RUNTIME_BROWSER, B_MAIN, "agent:main", NULL},
    {D(ON), RUNTIME_BROWSER, B_MAIN, "agent:main", "browser.enabled is false"},
    {D(ON ",browser:{enabled:true}"), RUNTIME_BROWSER, B_MAIN, "agent:main", "the tool policy does not allow 'browser'"},
    {"{agents:{defaults:{sandbox:{scope:'shared'," BROWSER, RUNTIME_BROWSER, B_MAIN, "agent:main", "scope is now shared"},
    {"{agents:{defaults:{sandbox:{scope:'shared'," BROWSER, RUNTIME_BROWSER, "openclaw-sbx-browser-shared", "shared", NULL},
    {D("mode:'off',browser:{enabled:true}"), RUNTIME_BROWSER, B_MAIN, "agent:main", "mode is off"},
    {D(ON ",backend:'ssh',browser:{enabled:true}"), RUNTIME_BROWSER, B_MAIN, "agent:main", "backend is now ssh"},
    {"{agents:{list:[{id:'work'}],defaults:{sandbox:{scope:'session'," BROWSER, RUNTIME_BROWSER, B_MAIN, "agent:main",
     "agent 'main' is gone"},
    {"{agents:{defaults:{sandbox:{docker:{containerPrefix:'x-'}," BROWSER, RUNTIME_BROWSER, B_MAIN, "agent:main", NULL},
    {"{agents:{defaults:{sandbox:{mode:'all',browser:{enabled:true,containerPrefix:'y-'}}}},"
     "tools:{sandbox:{tools:{alsoAllow:['browser']}}}}",
     RUNTIME_BROWSER, B_MAIN, "agent:main", "name is now y-agent-main-f331f052"},
};

static void each_record_is_wanted_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_new(a, cases[i].config);
        struct record *r = recorded(w, cases[i].kind, cases[i].name, cases[i].scope_key);
        const struct desired *d;

        expand_world_run(w, ENSURE_EXISTING);
        assert_int_equal(w->rc, 0);
        d = wanted(w, cases[i].name);
        if (!text_eq(r->unwanted_because, cases[i].why) || !!d == !!cases[i].why)
            fail_msg("%s: %s (%s): %s, %s", cases[i].config, cases[i].name, cases[i].scope_key, d ? "wanted" : "not wanted",
                     r->unwanted_because ? r->unwanted_because : "no reason");
        if (d)
            assert_true(d->kind == cases[i].kind && !d->precreate && text_eq(d->scope_key, cases[i].scope_key));
        assert_int_equal(w->out.n, d ? 1 : 0);
    }
}

/* --- OpenClaw 2026.9
 * ----------------------------------------------------------------------------------------------------------------- */

#define WS              HOME "/.openclaw/workspace"
#define E(sandbox, ids) "{agents:{ownership:'explicit',defaults:{sandbox:{" sandbox "}},entries:{" ids "}}}"

/* Of the key and the workspace; a key without one is as it is written: of the older line. */
static const char *name_9(struct arena *a, const char *key, const char *prefix)
{
    const struct oc_profile *line = &oc_profiles[oc_is_workspace_key(key) ? OC_LINE_2026_9 : OC_LINE_2026_5];

    return oc_runtime_name(a, line, prefix, strcmp(key, "shared") == 0 ? "shared" : "session", key);
}

static const char *key_9(struct arena *a, const char *base, const char *dir)
{
    return dir ? oc_scope_key(a, &places_2026_9, "session", NULL, base, dir) : base;
}

/* why NULL: wanted; "": left alone; one that ends in a star is completed by the name that is used now. */
static void records_of_2026_9_are_wanted_by_agent_and_workspace(void **state)
{
    static const struct {
        const char *config, *base, *dir;
        enum runtime_kind kind;
        const char *why, *now;
    } table[] = {
        /* the agent, and its workspace */
        {D(ON), "agent:main", WS, RUNTIME_CONTAINER, NULL, NULL},
        {D(ON), "agent:main", "/elsewhere", RUNTIME_CONTAINER, "workspace of agent 'main' is now " WS, NULL},
        {D(ON), "agent:work", WS, RUNTIME_CONTAINER, "agent 'work' is gone", NULL},
        {E(ON, "work:{workspace:'/w'}"), "agent:work", "/w", RUNTIME_CONTAINER, NULL, NULL},
        {E(ON, "Work:{workspace:'/w'}"), "agent:work", "/w", RUNTIME_CONTAINER, NULL, NULL},
        {E(ON, "main:{},work:{}"), "agent:work", STATE "/workspace-work", RUNTIME_CONTAINER, NULL, NULL},
        {E(ON, "main:{},work:{}"), "agent:main", STATE "/workspace-main", RUNTIME_CONTAINER, NULL, NULL},
        {E(ON, "main:{},work:{}"), "agent:main", WS, RUNTIME_CONTAINER,
         "workspace of agent 'main' is now " STATE "/workspace-main", NULL},
        {L(ON, "{id:'main'},{id:'work',default:true}"), "agent:work", WS, RUNTIME_CONTAINER, NULL, NULL},
        {E("mode:'all',backend:'podman'", "main:{}"), "agent:main", WS, RUNTIME_CONTAINER, "backend is now podman", NULL},
        {E("mode:'off'", "main:{}"), "agent:main", WS, RUNTIME_CONTAINER, "mode is off", NULL},
        {E("mode:'all',scope:'shared'", "main:{}"), "agent:main", WS, RUNTIME_CONTAINER, "scope is now shared", NULL},
        {E("mode:'all',scope:'shared'", "main:{},work:{}"), "shared", NULL, RUNTIME_CONTAINER, NULL, NULL},
        /* sessions */
        {D("mode:'all',scope:'session'"), "agent:main:x", WS, RUNTIME_CONTAINER, NULL, NULL},
        {D("mode:'non-main',scope:'session'"), "agent:main:main", WS, RUNTIME_CONTAINER,
         "mode is non-main, and this is the main session", NULL},
        {D("mode:'non-main',scope:'session'"), "telegram:1", WS, RUNTIME_CONTAINER, NULL, NULL},
        {E("mode:'all',scope:'session'", "main:{},work:{}"), "telegram:1", WS, RUNTIME_CONTAINER, "", NULL},
        {D(ON), "agent:main:x", WS, RUNTIME_CONTAINER, "scope is now agent", NULL},
        /* isolated sessions: OpenClaw's own to judge */
        {D(ON), "agent:main:principal:00000000000000000000000000000000", WS, RUNTIME_CONTAINER, "", NULL},
        {D("mode:'off'"), "agent:main:required-session:00000000000000000000000000000000", WS, RUNTIME_CONTAINER, "", NULL},
        {D(ON), "agent:work:principal:00000000000000000000000000000000", WS, RUNTIME_CONTAINER, "agent 'work' is gone", NULL},
        /* what the older line named */
        {D(ON), "agent:main", NULL, RUNTIME_CONTAINER, "superseded: OpenClaw 2026.9 names it *", "agent:main"},
        {D("mode:'all',scope:'session'"), "agent:main:x", NULL, RUNTIME_CONTAINER, "superseded: OpenClaw 2026.9 names it *",
         "agent:main:x"},
        {"{agents:{defaults:{sandbox:{" BROWSER, "agent:main", NULL, RUNTIME_BROWSER, "superseded: OpenClaw 2026.9 names it *",
         "agent:main"},
        {D(ON), "agent:main", NULL, RUNTIME_BROWSER, "browser.enabled is false", NULL},
        {D(ON), "agent:work", NULL, RUNTIME_CONTAINER, "agent 'work' is gone", NULL},
        {E("mode:'all',scope:'session'", "main:{},work:{}"), "telegram:1", NULL, RUNTIME_CONTAINER,
         "superseded: OpenClaw 2026.9 has no agent for it", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_of(a, &places_2026_9, table[i].config);
        const char *prefix = table[i].kind == RUNTIME_BROWSER ? "openclaw-sbx-browser-" : "openclaw-sbx-";
        const char *key = key_9(a, table[i].base, table[i].dir), *name = name_9(a, key, prefix), *why = table[i].why;
        const struct record *r = recorded(w, table[i].kind, name, key);
        bool is_wanted;

        if (table[i].now)
            why = arena_printf(a, "%.*s%s", (int)strlen(why) - 1, why, name_9(a, key_9(a, table[i].now, WS), prefix));
        expand_world_run(w, ENSURE_EXISTING);
        assert_int_equal(w->rc, 0);
        is_wanted = wanted(w, name) != NULL;
        if (is_wanted != !why || !text_eq(r->unwanted_because, why && *why ? why : NULL))
            fail_msg("%s: %s (%s): %s, %s", table[i].config, name, key, is_wanted ? "wanted" : "not wanted",
                     r->unwanted_because ? r->unwanted_because : "no reason");
    }
}

static void ensure_all_names_by_workspace_in_2026_9(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &places_2026_9, E(ON, "main:{},work:{workspace:'/w'},off:{sandbox:{mode:'off'}}"));

    (void)state;
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->out.n, 2);
    assert_non_null(wanted(w, name_9(a, key_9(a, "agent:main", STATE "/workspace-main"), "openclaw-sbx-")));
    assert_non_null(wanted(w, name_9(a, key_9(a, "agent:work", "/w"), "openclaw-sbx-")));
    assert_int_equal(oc_check_agents(a, &w->oc, &w->d), 0);
}

/* Back from 2026.9: what it named is not a session of the older line. */
static void a_newer_lines_names_are_superseded_too(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D(ON));
    const char *key = key_9(a, "agent:main", WS);
    const struct record *r = recorded(w, RUNTIME_CONTAINER, name_9(a, key, "openclaw-sbx-"), key);

    (void)state;
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 0);
    assert_string_equal(r->unwanted_because, "superseded: OpenClaw 2026.5 names it " MAIN);
}

static void in_doubt_a_record_is_left_alone(void **state)
{
    static const struct {
        const char *config;
        struct record record;
    } doubts[] = {
        {"{}", {.name = "x", .scope_key = NULL}},
        {"{}", {.name = "x", .scope_key = " "}},
        {"{}", {.name = NULL, .scope_key = "agent:main"}},
        {"{}", {.name = MAIN, .scope_key = "agent:main", .install = "ffffffffffffffff"}},
        {"{}", {.name = MAIN, .scope_key = "agent:main", .backend_id = "crabbox"}},
        {"{}", {.name = MAIN, .scope_key = "agent:main", .owner = "OpenClaw/other"}},
        {"{}", {.name = "scratch", .scope_key = "agent:main", .kind = RUNTIME_SANDBOX}},
        /* its agent's config has an error */
        {D(ON ",docker:{memory:'banana'}"), {.name = MAIN, .scope_key = "agent:main"}},
        {D(ON ",docker:{memory:'banana',containerPrefix:'x'}"), {.name = MAIN, .scope_key = "agent:main"}},
        {D(ON ",ssh:{workspaceRoot:'rel'}"), {.name = MAIN, .scope_key = "agent:main"}},
        {D(ON ",scope:'shared',docker:{binds:['/etc:/x']}"), {.name = SHARED, .scope_key = "shared"}},
        /* main is gone, but what its runtime would be to the default agent cannot be told */
        {L(ON ",docker:{memory:'banana'}", "{id:'work'}"), {.name = MAIN, .scope_key = "agent:main"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof doubts / sizeof doubts[0]; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_new(a, doubts[i].config);
        struct record *r = &w->records[w->n_records++];

        *r = doubts[i].record;
        r->endpoint = "docker";
        r->install = r->install ? r->install : EXPAND_WORLD_INSTALL;
        expand_world_run(w, ENSURE_EXISTING);
        if (r->unwanted_because || w->out.n > 0)
            fail_msg("%s %zu: %s", doubts[i].config, i, r->unwanted_because ? r->unwanted_because : "wanted");
        assert_int_equal(w->out.n_foreign_backend, r->backend_id ? 1 : 0);
    }
}

static void without_a_config_file_nothing_is_unwanted(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, "{}");
    struct record *r = recorded(w, RUNTIME_CONTAINER, MAIN, "agent:main");

    (void)state;
    w->oc.missing = true;
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->rc, 0);
    assert_null(r->unwanted_because);
    assert_int_equal(w->out.n, 0);
    assert_int_equal(w->d.n, 1);
    assert_int_equal(w->d.v[0].level, DIAG_WARNING);
}

static void an_agent_with_an_error_does_not_stop_the_others(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_new(a, L(ON, "{id:'main'},{id:'work',sandbox:{docker:{memory:'banana'}}},{id:'off',sandbox:{mode:'off'}}"));
    struct record *work = recorded(w, RUNTIME_CONTAINER, WORK, "agent:work");
    struct record *gone = recorded(w, RUNTIME_CONTAINER, "openclaw-sbx-agent-x-061ff941", "agent:x");

    (void)state;
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->rc, -1);
    assert_int_equal(w->d.n_errors, 1);
    assert_string_equal(w->d.v[0].key, "agents.list[1].sandbox.docker.memory");
    assert_int_equal(w->out.n, 1);
    assert_non_null(wanted(w, MAIN));
    assert_null(work->unwanted_because);
    assert_non_null(gone->unwanted_because);
}

/* --- ensure: all
 * ----------------------------------------------------------------------------------------------------------------- */

/* OpenClaw may have another hash for it, and would make it anew at once. */
static void what_has_no_certain_hash_is_left_to_its_first_use(void **state)
{
    static const struct {
        const char *env;
        bool certain;
    } table[] = {{"{FAL_KEY:'x'}", false}, {"{FAL_KEY:'x',A_TOKEN:'y'}", true}, {"{A:'x'}", true}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_of(
            a, &places_2026_9, arena_printf(a, "{agents:{entries:{main:{sandbox:{mode:'all',docker:{env:%s}}}}}}", table[i].env));

        expand_world_run(w, ENSURE_ALL);
        assert_int_equal(w->rc, 0);
        assert_int_equal(w->out.n, 1);
        assert_int_equal(w->out.v[0].precreate, table[i].certain);
        assert_int_equal(w->out.v[0].idle_ms == 0, table[i].certain);
        if (!text_eq(w->out.v[0].hash_uncertain, table[i].certain ? NULL : "docker.env.FAL_KEY"))
            fail_msg("%s: %s", table[i].env, w->out.v[0].hash_uncertain);
        assert_non_null(w->out.v[0].workspace_dir);
        assert_true(text_has_suffix(w->out.v[0].skills_dir, "/skills"));
        assert_null(w->out.v[0].agent_workspace_dir);
    }
}

static void ensure_all_makes_one_runtime_per_sandboxed_agent(void **state)
{
    static const struct {
        const char *config, *names;
    } all[] = {
        {"{}", ""},
        {D(ON), MAIN},
        {D("mode:'non-main'"), MAIN}, /* its other sessions are sandboxed */
        {L(ON, "{id:'main'},{id:'work'},{id:'WORK'}"), MAIN " " WORK},
        {L(ON, "{id:'main',sandbox:{mode:'off'}},{id:'work'}"), WORK},
        {L(ON, "{id:'main'},{id:'work',sandbox:{backend:'crabbox'}}"), MAIN},
        {L(ON ",scope:'shared'", "{id:'main'},{id:'work'}"), SHARED},
        {L(ON, "{id:'main',sandbox:{scope:'shared'}},{id:'work'}"), SHARED " " WORK},
        {D(ON ",scope:'session'"), "openclaw-sbx-agent-main-main-6d9217fe"},
        {D("mode:'non-main',scope:'session'"), ""}, /* its main session is not sandboxed */
        {"{session:{scope:'global'},agents:{defaults:{sandbox:{mode:'all',scope:'session'}},list:[{id:'a'},{id:'b'}]}}",
         "openclaw-sbx-global-8001c274"},
        {"{session:{scope:'global'},agents:{defaults:{sandbox:{mode:'all'}}}}", MAIN},
        {"{agents:{defaults:{sandbox:{" BROWSER, MAIN " " B_MAIN},
        {"{agents:{defaults:{sandbox:{scope:'session'," BROWSER,
         "openclaw-sbx-agent-main-main-6d9217fe openclaw-sbx-browser-agent-main-main-6d9217fe"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO names = BUF_INIT(4096);
        EXPAND_WORLD_AUTO w = world_new(a, all[i].config);

        expand_world_run(w, ENSURE_ALL);
        assert_int_equal(w->rc, 0);
        for (size_t k = 0; k < w->out.n; k++) {
            buf_printf(&names, "%s%s", k ? " " : "", w->out.v[k].name);
            assert_true(w->out.v[k].precreate);
            assert_int_equal(w->out.v[k].idle_ms, 0);
            assert_int_equal(w->out.v[k].max_age_ms, 7 * DAY_MS);
        }
        if (strcmp(buf_str(&names), all[i].names) != 0)
            fail_msg("%s: %s", all[i].config, buf_str(&names));
        expand_world_run(w, ENSURE_EXISTING);
        assert_int_equal(w->out.n, 0);
    }
}

static void what_is_recorded_and_made_beforehand_is_one(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D(ON ",scope:'session'"));
    struct record *main = recorded(w, RUNTIME_CONTAINER, "openclaw-sbx-agent-main-main-6d9217fe", "agent:main:main");
    struct record *other = recorded(w, RUNTIME_CONTAINER, "openclaw-sbx-agent-main-x-ad28df0c", "agent:main:x");

    (void)state;
    other->name = oc_runtime_name(a, &oc_profiles[OC_LINE_2026_5], "openclaw-sbx-", "session", "agent:main:x");
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->out.n, 2);
    assert_true(wanted(w, main->name)->precreate);
    assert_false(wanted(w, other->name)->precreate);
    assert_int_equal(wanted(w, other->name)->idle_ms, 24 * HOUR_MS);
}

static void after_a_new_prefix_the_old_goes_and_the_new_comes(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D(ON ",docker:{containerPrefix:'new-'}"));
    struct record *old = recorded(w, RUNTIME_CONTAINER, MAIN, "agent:main");

    (void)state;
    expand_world_run(w, ENSURE_ALL);
    assert_string_equal(old->unwanted_because, "name is now new-agent-main-f331f052");
    assert_int_equal(w->out.n, 1);
    assert_true(wanted(w, "new-agent-main-f331f052")->precreate);
}

/* --- what is wanted, in full
 * -------------------------------------------------------------------------------------------------------- */

static void desired_holds_all_that_others_go_by(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_new(a, "{agents:{defaults:{sandbox:{mode:'all',prune:{idleHours:2,maxAgeDays:0},browser:{enabled:true,"
                     "image:'b:1'},docker:{image:'c:1',setupCommand:['a','b']}}},\n"
                     " list:[{id:'Work'}]},tools:{sandbox:{tools:{alsoAllow:['browser']}}}}");
    const struct desired *c, *b;

    (void)state;
    (void)recorded(w, RUNTIME_CONTAINER, WORK, "agent:work");
    (void)recorded(w, RUNTIME_BROWSER, "openclaw-sbx-browser-agent-work-0944bd8d", "agent:work");
    expand_world_run(w, ENSURE_EXISTING);
    c = wanted(w, WORK);
    b = wanted(w, "openclaw-sbx-browser-agent-work-0944bd8d");
    assert_non_null(c);
    assert_non_null(b);
    assert_string_equal(c->endpoint, "docker");
    assert_string_equal(c->owner, "OpenClaw/home");
    assert_string_equal(c->install, EXPAND_WORLD_INSTALL);
    assert_string_equal(c->agent_id, "work");
    assert_string_equal(c->backend_id, "docker");
    assert_string_equal(c->image, "c:1");
    assert_string_equal(c->setup, "a\nb");
    assert_true(c->can_remake);
    assert_int_equal(c->want, WANT_RUNNING);
    assert_int_equal(c->idle_ms, 2 * HOUR_MS);
    assert_int_equal(c->max_age_ms, 0);
    assert_int_equal(c->policy.hot_window_ms, 7);
    assert_int_equal(c->origin.line, 2);
    assert_int_equal(strlen(c->config_hash), 64);
    assert_string_equal(node_str(node_path(c->create, "Labels", "openclaw.configHash", NULL)), c->config_hash);
    assert_string_equal(b->image, "b:1");
    assert_null(b->setup);
    assert_int_equal(b->idle_ms, 2 * HOUR_MS);
    assert_string_not_equal(b->config_hash, c->config_hash);
}

static void long_prune_times_do_not_overflow(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D(ON ",prune:{idleHours:9007199254740991,maxAgeDays:100000}"));

    (void)state;
    (void)recorded(w, RUNTIME_CONTAINER, MAIN, "agent:main");
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.v[0].idle_ms, 0); /* never */
    assert_int_equal(w->out.v[0].max_age_ms, 100000 * DAY_MS);
}

/* --- one runtime, several agents
 * ------------------------------------------------------------------------------------------------------ */

static void a_shared_runtime_is_right_for_whichever_agent_made_it(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, L(ON ",scope:'shared'", "{id:'main'},{id:'work'}"));
    struct oc_context main, work;
    struct record *r = recorded(w, RUNTIME_CONTAINER, SHARED, "shared");

    (void)state;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &main, &w->d), 0);
    assert_int_equal(oc_context_of_agent(a, &w->oc, "work", &work, &w->d), 0);
    assert_string_not_equal(main.container.config_hash, work.container.config_hash);
    r->config_hash = work.container.config_hash;
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->out.n, 1);
    assert_string_equal(w->out.v[0].config_hash, work.container.config_hash);
    assert_string_equal(w->out.v[0].agent_id, "work");
    r->config_hash = "something older";
    expand_world_run(w, ENSURE_ALL);
    assert_string_equal(w->out.v[0].config_hash, main.container.config_hash);
    /* Its owner is told that OpenClaw itself will not leave it in peace. */
    assert_true(w->d.n > 0);
    assert_int_equal(w->d.v[0].level, DIAG_WARNING);
    assert_non_null(strstr(w->d.v[0].msg, "'main' and 'work'"));
}

/* --- shown, and not recorded
 * ------------------------------------------------------------------------------------------------------------ */

static void what_is_shown_is_wanted_only_if_it_is_certainly_ours(void **state)
{
    static const struct {
        enum ownership ownership;
        const char *install;
        bool same_hash, wanted;
    } shows[] = {
        {OWN_OPENCLAW, NULL, true, true},
        {OWN_OPENCLAW, NULL, false, false}, /* perhaps of another install on this host */
        {OWN_OURS, EXPAND_WORLD_INSTALL, true, true},
        {OWN_OURS, EXPAND_WORLD_INSTALL, false, true}, /* ours, and drifted */
        {OWN_OURS, "ffffffffffffffff", true, false},
        {OWN_FOREIGN, NULL, true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_new(a, D(ON));
        struct observed *o = shown(w, RUNTIME_CONTAINER, MAIN, "agent:main");
        struct oc_context c;

        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
        o->ownership = shows[i].ownership;
        o->install = shows[i].install;
        o->config_hash = shows[i].same_hash ? c.container.config_hash : "other";
        expand_world_run(w, ENSURE_EXISTING);
        if (w->out.n != (shows[i].wanted ? 1 : 0))
            fail_msg("%zu: %zu wanted", i, w->out.n);
    }
}

static void what_is_shown_and_not_meant_to_be_is_not_wanted(void **state)
{
    static const struct {
        const char *config, *name, *scope_key;
        enum runtime_kind kind;
    } shows[] = {
        {D("mode:'off'"), MAIN, "agent:main", RUNTIME_CONTAINER},
        {D(ON), WORK, "agent:work", RUNTIME_CONTAINER},
        {D(ON), "other-name", "agent:main", RUNTIME_CONTAINER},
        {D(ON), MAIN, NULL, RUNTIME_CONTAINER},
        {D(ON), MAIN, "agent:main", RUNTIME_SANDBOX},
        {D(ON), B_MAIN, "agent:main", RUNTIME_BROWSER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_new(a, shows[i].config);
        struct observed *o = shown(w, shows[i].kind, shows[i].name, shows[i].scope_key);

        o->ownership = OWN_OURS;
        o->install = EXPAND_WORLD_INSTALL;
        expand_world_run(w, ENSURE_EXISTING);
        assert_int_equal(w->out.n, 0);
    }
}

static void other_endpoints_are_not_looked_at(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D(ON));
    struct observed *o = shown(w, RUNTIME_CONTAINER, MAIN, "agent:main");

    (void)state;
    o->ownership = OWN_OURS;
    o->install = EXPAND_WORLD_INSTALL;
    w->observation.endpoint = "docker:unix:///other.sock";
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 0);
}

/* --- properties
 * ---------------------------------------------------------------------------------------------------------------------- */

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/* Whatever was wanted beforehand is, once recorded, wanted and never unwanted: a config does not delete what it asks for. And no
 * record is both wanted and unwanted. */
static void what_is_wanted_stays_wanted_once_it_is_recorded(void **state)
{
    static const char *const modes[] = {"off", "non-main", "all"}, *const scopes[] = {"session", "agent", "shared"};
    static const char *const ids[] = {"main", "Work", "a b", "x", "MAIN"};
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20260503u;

    (void)state;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 300; round++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO b = BUF_INIT(8192);
        unsigned n = next(&seed) % 4;

        buf_printf(&b, "{session:{scope:'%s'},agents:{defaults:{sandbox:{mode:'%s',scope:'%s',browser:{enabled:true}}},list:[",
                   next(&seed) % 3 ? "per-sender" : "global", modes[next(&seed) % 3], scopes[next(&seed) % 3]);
        for (unsigned i = 0; i < n; i++)
            buf_printf(&b,
                       "{id:'%s',default:%s,agentDir:'/d/%u',sandbox:{mode:'%s',scope:'%s',docker:{containerPrefix:'p%u-'}}},",
                       ids[next(&seed) % 5], next(&seed) % 2 ? "true" : "false", i, modes[next(&seed) % 3],
                       scopes[next(&seed) % 3], next(&seed) % 2);
        buf_puts(&b, "]},tools:{sandbox:{tools:{alsoAllow:['browser']}}}}");
        EXPAND_WORLD_AUTO w = world_new(a, buf_str(&b));
        expand_world_run(w, ENSURE_ALL);
        struct oc_expansion first = w->out;
        assert_true(first.n <= 8);
        for (size_t i = 0; i < first.n; i++)
            recorded(w, first.v[i].kind, first.v[i].name, first.v[i].scope_key)->config_hash = first.v[i].config_hash;
        for (int ensure = 0; ensure < ENSURE_COUNT; ensure++) {
            expand_world_run(w, (enum ensure)ensure);
            assert_int_equal(w->out.n, first.n);
            for (size_t i = 0; i < w->n_records; i++) {
                const struct desired *d = NULL;

                for (size_t k = 0; k < w->out.n; k++)
                    if (strcmp(w->out.v[k].name, w->records[i].name) == 0 && w->out.v[k].kind == w->records[i].kind &&
                        strcmp(w->out.v[k].scope_key, w->records[i].scope_key) == 0)
                        d = &w->out.v[k];
                if (!d || w->records[i].unwanted_because || !text_eq(d->config_hash, w->records[i].config_hash))
                    fail_msg("seed %u, %s: %s: %s", seed, buf_str(&b), w->records[i].name,
                             w->records[i].unwanted_because ? w->records[i].unwanted_because : "another hash, or not wanted");
                assert_int_equal(d->precreate, ensure == ENSURE_ALL);
            }
        }
    }
}

static void a_memo_changes_nothing_but_the_time(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, L(ON, "{id:'main'},{id:'work',sandbox:{docker:{memory:'banana'}}},{id:'x'}"));
    struct oc_expansion first;
    struct desired *wanted_first;

    (void)state;
    (void)recorded(w, RUNTIME_CONTAINER, MAIN, "agent:main");
    (void)recorded(w, RUNTIME_CONTAINER, WORK, "agent:work");
    w->oc.memo = oc_memo_new(a);
    expand_world_run(w, ENSURE_ALL);
    first = w->out;
    wanted_first = first.v;
    assert_int_equal(w->rc, -1);
    assert_int_equal(w->d.n_errors, 1);
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->rc, -1);
    assert_int_equal(w->d.n_errors, 1); /* told again */
    assert_int_equal(w->out.n, first.n);
    for (size_t i = 0; i < first.n; i++) {
        assert_string_equal(w->out.v[i].name, wanted_first[i].name);
        assert_ptr_equal(w->out.v[i].create, wanted_first[i].create);
    }
    assert_null(w->records[1].unwanted_because);
}

static void check_looks_at_every_agent_that_is_on(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_new(a, L(ON, "{id:'main'},{id:'b',sandbox:{docker:{memory:'x'}}},"
                           "{id:'c',sandbox:{mode:'off',docker:{memory:'x'}}},{id:'d',sandbox:{docker:{cpus:1e-12}}},"
                           "{id:'e',sandbox:{docker:{env:{A_TOKEN:'1'}}}}"));

    (void)state;
    assert_int_equal(oc_check_agents(a, &w->oc, &w->d), -1);
    diags_sort(&w->d);
    assert_int_equal(w->d.n_errors, 2);
    assert_int_equal(w->d.n, 3);
    assert_string_equal(w->d.v[0].key, "agents.list[1].sandbox.docker.memory");
    assert_string_equal(w->d.v[1].key, "agents.list[3].sandbox.docker.cpus");
    assert_string_equal(w->d.v[2].key, "agents.list[4].sandbox.docker.env.A_TOKEN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_record_is_wanted_or_says_why_not),
        cmocka_unit_test(records_of_2026_9_are_wanted_by_agent_and_workspace),
        cmocka_unit_test(ensure_all_names_by_workspace_in_2026_9),
        cmocka_unit_test(a_newer_lines_names_are_superseded_too),
        cmocka_unit_test(in_doubt_a_record_is_left_alone),
        cmocka_unit_test(without_a_config_file_nothing_is_unwanted),
        cmocka_unit_test(an_agent_with_an_error_does_not_stop_the_others),
        cmocka_unit_test(ensure_all_makes_one_runtime_per_sandboxed_agent),
        cmocka_unit_test(what_has_no_certain_hash_is_left_to_its_first_use),
        cmocka_unit_test(what_is_recorded_and_made_beforehand_is_one),
        cmocka_unit_test(after_a_new_prefix_the_old_goes_and_the_new_comes),
        cmocka_unit_test(desired_holds_all_that_others_go_by),
        cmocka_unit_test(long_prune_times_do_not_overflow),
        cmocka_unit_test(a_shared_runtime_is_right_for_whichever_agent_made_it),
        cmocka_unit_test(what_is_shown_is_wanted_only_if_it_is_certainly_ours),
        cmocka_unit_test(what_is_shown_and_not_meant_to_be_is_not_wanted),
        cmocka_unit_test(other_endpoints_are_not_looked_at),
        cmocka_unit_test(what_is_wanted_stays_wanted_once_it_is_recorded),
        cmocka_unit_test(a_memo_changes_nothing_but_the_time),
        cmocka_unit_test(check_looks_at_every_agent_that_is_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
