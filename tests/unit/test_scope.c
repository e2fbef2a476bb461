/* Whose runtime a session uses, where it lives, and whether it is sandboxed at all: OpenClaw's answers, of every line. */
#include "spec/openclaw/names.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STATE_DIR "/tmp/ocvec/home/.openclaw"

static const char *str(const struct node *v, const char *key)
{
    return node_str(node_get(v, key));
}

static void check(const char *name, const char *what, const char *got, const char *wanted)
{
    if (!text_eq(got, wanted))
        fail_msg("%s: %s is %s, wanted %s", name, what, got, wanted);
}

/* The key of the agent's own sandbox object, else of the defaults'. */
static const char *setting(struct arena *a, const struct node *config, const char *agent, const char *key)
{
    const char *own = node_str(node_path(oc_agent_entry(a, config, agent), "sandbox", key, NULL));
    return own != NULL ? own : node_str(node_path(config, "agents", "defaults", "sandbox", key, NULL));
}

static void scopes_equal_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *list = vectors_load(a, "scope");
    assert_int_equal(list->n_items, 84);
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *v = list->items[i];
        const char *name = str(v, "name"), *key = str(v, "sessionKey");
        struct node *config = vectors_json(a, str(v, "configText"));
        struct oc_places places = {.home = str(v, "home"), .state_dir = STATE_DIR, .cwd = "/"};
        const char *agent = oc_session_agent(a, oc_line_of(&places), config, key);
        check(name, "agentId", agent, str(v, "agentId"));
        check(name, "defaultAgentId", oc_default_agent(a, oc_line_of(&places), config), str(v, "defaultAgentId"));
        check(name, "mainSessionKey", oc_main_session_key(a, config, agent), str(v, "mainSessionKey"));
        bool sandboxed = oc_is_sandboxed(a, config, str(v, "mode"), agent, key);
        if (sandboxed != node_get(v, "sandboxed")->b)
            fail_msg("%s: sandboxed", name);
        check(name, "agentWorkspaceDir", oc_agent_workspace_dir(a, config, agent, &places), str(v, "agentWorkspaceDir"));
        if (str(v, "scopeKey") == NULL)
            continue;
        const char *scope = str(v, "scope"),
                   *scope_key = oc_scope_key(a, &places, scope, agent, key, str(v, "agentWorkspaceDir"));
        check(name, "scopeKey", scope_key, str(v, "scopeKey"));
        check(name, "scopeAgentId", oc_scope_agent(a, oc_line_of(&places), scope_key), str(v, "scopeAgentId"));
        check(name, "containerName", oc_runtime_name(a, oc_line_of(&places), "openclaw-sbx-", scope, scope_key),
              str(v, "containerName"));
        const struct node *layout = node_get(v, "layout");
        if (!node_is(layout, NODE_OBJECT))
            continue;
        assert_true(sandboxed);
        const char *root = setting(a, config, agent, "workspaceRoot");
        struct node *sandbox = node_object(a);
        node_set(a, sandbox, "workspaceRoot", node_string(a, root != NULL ? root : STATE_DIR "/sandboxes"));
        node_set(a, sandbox, "scope", node_string(a, scope));
        node_set(a, sandbox, "workspaceAccess", node_string(a, str(v, "workspaceAccess")));
        struct oc_dirs dirs = oc_dirs(a, config, agent, sandbox, scope_key, &places);
        check(name, "workspaceDir", dirs.workspace_dir, str(layout, "workspaceDir"));
    }
}

/* The 2026.9 vectors ask the layout alone, with the agent's workspace as it may stand in a config. */
static void layouts_equal_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    const struct oc_profile *line = &oc_profiles[OC_LINE_2026_9];
    struct node *list = vectors_load(a, "2026.9/scope");
    assert_int_equal(list->n_items, 53);
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *v = list->items[i];
        const char *name = str(v, "name"), *scope = str(v, "scope"), *agent = str(v, "agentId");
        struct oc_places places = {.home = str(v, "home"), .state_dir = str(v, "stateDir"), .cwd = str(v, "cwd"), .line = line};
        const struct node *subject = node_get(v, "isolationSubject");
        const char *scope_key = oc_scope_key(a, &places, scope, agent, str(v, "sessionKey"), str(v, "agentWorkspaceInput"));
        bool isolated = node_is(subject, NODE_OBJECT);
        /* On purpose: who is isolated stands in OpenClaw's session store. Such keys are known when they are met. */
        if (isolated)
            scope_key = str(v, "scopeKey");
        check(name, "scopeKey", scope_key, str(v, "scopeKey"));
        if (!node_get(v, "ok")->b)
            continue;
        if (oc_is_isolated_key(scope_key) != isolated)
            fail_msg("%s: isolated", name);
        check(name, "entryAgentId", oc_scope_agent(a, line, scope_key), str(v, "entryAgentId"));
        struct node *config = node_object(a), *entry = node_object(a), *agents = node_object(a), *roster = node_array(a);
        node_set(a, entry, "workspace", node_string(a, str(v, "agentWorkspaceInput")));
        node_push(a, roster, entry);
        node_set(a, agents, "list", roster);
        node_set(a, config, "agents", agents);
        struct node *sandbox = node_object(a);
        node_set(a, sandbox, "workspaceRoot",
                 node_string(a, str(v, "workspaceRoot") ? str(v, "workspaceRoot")
                                                        : arena_printf(a, "%s/sandboxes", places.state_dir)));
        /* An isolated session's scope is "agent" for its directories, whatever the config says. */
        node_set(a, sandbox, "scope", node_string(a, isolated ? "agent" : scope));
        node_set(a, sandbox, "workspaceAccess", node_string(a, str(v, "workspaceAccess")));
        struct oc_dirs dirs = oc_dirs(a, config, "main", sandbox, scope_key, &places);
        check(name, "agentWorkspaceDir", dirs.agent_workspace_dir, str(v, "agentWorkspaceDir"));
        check(name, "workspaceDir", dirs.workspace_dir, str(v, "workspaceDir"));
        check(name, "skillsWorkspaceDir", dirs.skills_workspace_dir, str(v, "skillsWorkspaceDir"));
        check(name, "containerName", oc_runtime_name(a, line, str(v, "containerPrefix"), scope, scope_key),
              str(v, "containerName"));
        check(name, "browserContainerName", oc_runtime_name(a, line, "openclaw-sbx-browser-", scope, scope_key),
              str(v, "browserContainerName"));
        check(name, "podmanContainerName",
              oc_runtime_name(a, line, oc_podman_prefix(a, str(v, "containerPrefix")), scope, scope_key),
              str(v, "podmanContainerName"));
    }
}

static void workspaces_lie_where_openclaw_has_them(void **state)
{
    static const struct {
        const char *config, *agent, *profile, *dir;
    } table[] = {
        {"{}", "main", NULL, "/h/.openclaw/workspace"},
        {"{}", "main", "default", "/h/.openclaw/workspace"},
        {"{}", "main", " Default ", "/h/.openclaw/workspace"},
        {"{}", "main", " Dev ", "/h/.openclaw/workspace-Dev"},
        {"{}", "work", "dev", "/s/workspace-work"},
        {"{'agents':{'defaults':{'workspace':'~/w'}}}", "main", NULL, "/h/w"},
        {"{'agents':{'defaults':{'workspace':'~/w'}}}", "work", NULL, "/h/w/work"},
        {"{'agents':{'defaults':{'workspace':'rel/../w/'}}}", "main", NULL, "/c/w"},
        {"{'agents':{'defaults':{'workspace':'  '}}}", "main", NULL, "/h/.openclaw/workspace"},
        {"{'agents':{'list':[{'id':'work','workspace':'/x/../y'}]}}", "work", NULL, "/y"},
        {"{'agents':{'list':[{'id':'work','workspace':'~x'}]}}", "work", NULL, "/c/~x"},
        {"{'agents':{'list':[{'id':'work','workspace':'/a\\u0000b'}]}}", "work", NULL, "/ab"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct oc_places places = {.home = "/h", .state_dir = "/s", .cwd = "/c", .profile = table[i].profile};
        check(table[i].config, table[i].agent,
              oc_agent_workspace_dir(a, vectors_json(a, table[i].config), table[i].agent, &places), table[i].dir);
    }
}

/* 2026.9 looks at more of the environment for the default workspace, and gives it to who is alone or marked. */
static void workspaces_of_2026_9_lie_where_it_has_them(void **state)
{
    static const struct {
        const char *config, *agent;
        struct oc_places places;
        const char *dir;
    } table[] = {
        {"{}", "main", {.profile = NULL}, "/h/.openclaw/workspace"},
        {"{}", "main", {.profile = " Dev "}, "/h/.openclaw-Dev/workspace"},
        {"{}", "main", {.profile = "Default"}, "/h/.openclaw/workspace"},
        {"{}", "main", {.state_dir_given = true}, "/s/workspace"},
        {"{}", "main", {.state_dir_given = true, .profile = "dev"}, "/s/workspace"},
        {"{}", "main", {.state_dir_given = true, .workspace_dir = " rel/w "}, "/c/rel/w"},
        {"{}", "main", {.workspace_dir = "  "}, "/h/.openclaw/workspace"},
        {"{}", "work", {.profile = NULL}, "/s/workspace-work"},
        {"{'agents':{'list':[{'id':'a'},{'id':'b'}]}}", "a", {.profile = NULL}, "/s/workspace-a"},
        {"{'agents':{'list':[{'id':'main'},{'id':'b'}]}}", "main", {.profile = NULL}, "/s/workspace-main"},
        {"{'agents':{'list':[{'id':'a'},{'id':'b','default':true}]}}", "b", {.profile = NULL}, "/h/.openclaw/workspace"},
        {"{'agents':{'defaults':{'workspace':'~/w'},'list':[{'id':'a'},{'id':'b'}]}}", "a", {.profile = NULL}, "/h/w/a"},
        {"{'agents':{'defaults':{'workspace':'~/w'},'list':[{'id':'a'}]}}", "a", {.profile = NULL}, "/h/w"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct oc_places places = table[i].places;
        places.home = "/h";
        places.state_dir = "/s";
        places.cwd = "/c";
        places.line = &oc_profiles[OC_LINE_2026_9];
        check(table[i].config, table[i].agent,
              oc_agent_workspace_dir(a, vectors_json(a, table[i].config), table[i].agent, &places), table[i].dir);
    }
}

static void shared_scope_mounts_the_root_itself(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct oc_places places = {.home = "/h", .state_dir = "/s", .cwd = "/c"};
    assert_string_equal(oc_sandbox_workspace_dir(a, "~/root/", "shared", "shared", &places), "/h/root");
    assert_string_equal(oc_sandbox_workspace_dir(a, "root", "agent", "agent:main", &places), "/c/root/agent-main-f331f052");
    struct node *sandbox = vectors_json(a, "{'workspaceAccess':'rw','workspaceRoot':'/r','scope':'agent'}");
    struct oc_dirs dirs = oc_dirs(a, NULL, "main", sandbox, "agent:main", &places);
    assert_string_equal(dirs.workspace_dir, "/h/.openclaw/workspace");
    assert_string_equal(dirs.agent_workspace_dir, "/h/.openclaw/workspace");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_equal_openclaws),
        cmocka_unit_test(layouts_equal_openclaws),
        cmocka_unit_test(workspaces_lie_where_openclaw_has_them),
        cmocka_unit_test(workspaces_of_2026_9_lie_where_it_has_them),
        cmocka_unit_test(shared_scope_mounts_the_root_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
