/* context: all that OpenClaw makes of a session, as it made it itself. */
#include "spec/openclaw/context.h"
#include "spec/openclaw/tools.h"
#include "spec/read/json.h"
#include "tests/lib/data.h"
#include "tests/lib/memfs.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOME  "/tmp/ocvec/home"
#define STATE HOME "/.openclaw"

static const struct oc_places places = {.home = HOME, .state_dir = STATE, .cwd = "/tmp/ocvec"};
static const struct oc_places places_9 = {
    .home = HOME, .state_dir = STATE, .cwd = "/tmp/ocvec", .line = &oc_profiles[OC_LINE_2026_9]};

/* One OpenClaw over a file system in memory. */
struct world {
    struct arena *a;
    struct memfs fs;
    struct oc_collator collator;
    struct oc_instance oc;
    struct diags d;
};

static struct world *world_of(struct arena *a, const struct oc_places *at, const char *config)
{
    struct world *w = ARENA_NEW(a, struct world);

    w->a = a;
    w->d.arena = a;
    memfs_init(&w->fs, a);
    w->fs.v[0].uid = 0;
    w->collator = OC_COLLATOR("en_US");
    w->oc = (struct oc_instance){.places = at, .fs = &w->fs.fs, .collator = &w->collator};
    w->oc.config = data_config(a, config, NULL, at, &w->d);
    if (!w->oc.config)
        fail_msg("%s: %s", config, w->d.n ? w->d.v[0].msg : "refused");
    return w;
}

static struct world *world_new(struct arena *a, const char *config)
{
    return world_of(a, &places, config);
}

static void world_free(struct world **w)
{
    oc_collator_close(&(*w)->collator);
}
#define WORLD_AUTO __attribute__((cleanup(world_free))) struct world *

/* --- the vectors ---------------------------------------------------------------------------------------------------------------
 */

static int compare_items(const void *x, const void *y)
{
    return strcmp((*(struct node *const *)x)->s, (*(struct node *const *)y)->s);
}

/* The docker client sends variables in random order; what only the engine's side can tell is invented in the vectors. */
static struct node *comparable(struct arena *a, const struct node *body, bool derived)
{
    struct node *o = node_copy(a, body), *env = node_get(o, "Env");
    size_t n = 0;

    for (size_t i = 0; i < env->n_items; i++)
        if (!derived || (!text_has_prefix(env->items[i]->s, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE=") &&
                         !text_has_prefix(env->items[i]->s, "OPENCLAW_BROWSER_NOVNC_PASSWORD=")))
            env->items[n++] = env->items[i];
    env->n_items = n;
    qsort(env->items, n, sizeof env->items[0], compare_items);
    return o;
}

static const char *shard_hash(struct arena *a, const struct node *v, const char *dir, const char *name)
{
    const struct node *files = data_get(v, "files", NODE_OBJECT);

    for (size_t i = 0; i < files->n_members; i++) {
        struct err e = {0};
        struct node *shard;

        if (!text_has_prefix(files->members[i].key, dir))
            continue;
        shard = json_read_err(a, "shard", files->members[i].value->s, files->members[i].value->s_n, &e);
        if (text_eq(node_str(node_get(shard, "containerName")), name))
            return node_str(node_get(shard, "configHash"));
    }
    return NULL;
}

static void compare_container(struct arena *a, const struct node *v, const char *dir, const struct oc_container *c, bool derived)
{
    const struct node *body = node_path(v, "engineBodies", c->name, NULL);
    const char *name = data_str(v, "name");

    if (!body)
        fail_msg("%s: OpenClaw makes no '%s'", name, c->name);
    if (!text_eq(c->config_hash, shard_hash(a, v, dir, c->name)))
        fail_msg("%s: hash %s of %s", name, c->config_hash, c->name);
    if (!node_equal(comparable(a, c->create, derived), comparable(a, body, derived)))
        fail_msg("%s: %s\n is     %.900s\n wanted %.900s", name, c->name, node_json(a, c->create), node_json(a, body));
}

static void run_vector(const struct node *v)
{
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_new(a, node_json(a, data_get(v, "config", NODE_OBJECT)));
    const struct node *wanted = data_get(v, "context", NODE_OBJECT), *browser = node_get(wanted, "browser");
    const char *owner = data_str(v, "workspaceOwner"), *user;
    struct memfs_entry *dir = memfs_dir(&w->fs, data_str(wanted, "workspaceDir"));
    struct oc_context c;

    dir->uid = (uint32_t)strtoul(owner, NULL, 10);
    dir->gid = (uint32_t)strtoul(strchr(owner, ':') + 1, NULL, 10);
    w->oc.created_at_ms = (int64_t)data_get(v, "nowMs", NODE_NUMBER)->num;
    if (oc_context_of_session(a, &w->oc, data_str(v, "sessionKey"), &c, &w->d) < 0)
        fail_msg("%s: %s: %s", data_str(v, "name"), w->d.v[0].key, w->d.v[0].msg);
    assert_true(c.sandboxed && c.has_container);
    assert_string_equal(c.container.name, data_str(wanted, "containerName"));
    assert_string_equal(c.workspace_dir, data_str(wanted, "workspaceDir"));
    assert_string_equal(c.agent_workspace_dir, data_str(wanted, "agentWorkspaceDir"));
    user = node_str(node_path(c.sandbox.config, "docker", "user", NULL));
    assert_string_equal(user, data_str(wanted, "user"));
    compare_container(a, v, "containers/", &c.container, false);
    assert_int_equal(c.has_browser, browser != NULL);
    if (browser) {
        assert_string_equal(c.browser.name, data_str(browser, "containerName"));
        compare_container(a, v, "browsers/", &c.browser, true);
    }
}

static void makes_of_a_session_what_openclaw_makes(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *vectors = vectors_load(a, "context");

    (void)state;
    assert_true(vectors->n_items >= 10);
    for (size_t i = 0; i < vectors->n_items; i++) {
        const struct node *v = vectors->items[i];

        assert_true(data_get(v, "ok", NODE_BOOL)->b);
        run_vector(v);
    }
}

/* --- the owner
 * ------------------------------------------------------------------------------------------------------------------ */

static void user_is_the_owner_of_the_workspace_now_or_once_it_is_made(void **state)
{
    static const char config[] = "{agents:{defaults:{sandbox:{mode:'all'}}}}";
    static const struct {
        const char *dir; /* the last that is there; its owner is 7:8 */
        uint32_t uid, gid;
        bool denied;
        const char *user;
    } cases[] = {
        {STATE "/sandboxes/agent-main-f331f052", 0, 0, false, "7:8"},
        {STATE "/sandboxes/agent-main-f331f052", 1000, 100, false, "7:8"},
        {STATE "/sandboxes", 1000, 100, false, "1000:100"},
        {STATE, 1000, 100, false, "1000:100"},
        {STATE, 0, 0, false, "7:8"}, /* made by root, for whoever owns the place */
        {"/", 0, 0, false, "7:8"},
        {STATE "/sandboxes", 1000, 100, true, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        WORLD_AUTO w = world_new(a, config);
        struct memfs_entry *dir = memfs_dir(&w->fs, cases[i].dir);
        struct oc_context c;

        dir->uid = 7;
        dir->gid = 8;
        dir->denied = cases[i].denied;
        w->oc.uid = cases[i].uid;
        w->oc.gid = cases[i].gid;
        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
        if (!text_eq(node_str(node_path(c.sandbox.config, "docker", "user", NULL)), cases[i].user))
            fail_msg("%s, %u: user %s", cases[i].dir, cases[i].uid,
                     node_str(node_path(c.sandbox.config, "docker", "user", NULL)));
    }
}

static void hash_stays_when_the_workspace_is_made(void **state)
{
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_new(a, "{agents:{defaults:{sandbox:{mode:'all'}}}}");
    struct oc_context before, after;
    struct memfs_entry *dir;

    (void)state;
    w->oc.uid = 1000;
    w->oc.gid = 100;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &before, &w->d), 0);
    dir = memfs_dir(&w->fs, before.workspace_dir);
    dir->uid = 1000;
    dir->gid = 100;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &after, &w->d), 0);
    assert_string_equal(before.container.config_hash, after.container.config_hash);
}

/* --- keys
 * ----------------------------------------------------------------------------------------------------------------------- */

static void session_key_is_taken_as_the_runtime_sees_it(void **state)
{
    static const struct {
        const char *sandbox, *key, *agent, *scope_key;
        bool sandboxed;
    } cases[] = {
        {"mode:'non-main'", "agent:main:main", "main", "agent:main", false},
        {"mode:'non-main'", "main", "main", "agent:main", false},
        {"mode:'non-main'", "agent:work:x", "work", "agent:work", true},
        {"mode:'non-main'", "AGENT:Work:X", "work", "agent:work", true},
        {"mode:'all',scope:'session'", " AGENT:Work:X ", "work", "AGENT:Work:X", true},
        {"mode:'all',scope:'shared'", "agent:work:x", "work", "shared", true},
        {"mode:'all'", " ", "main", "agent:main", false},
        {"mode:'off'", "agent:work:x", "work", "agent:work", false},
        {"mode:'all'", "global", "main", "agent:main", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        WORLD_AUTO w =
            world_new(a, arena_printf(a, "{agents:{defaults:{sandbox:{%s}},list:[{id:'main'},{id:'work'}]}}", cases[i].sandbox));
        struct oc_context c;

        assert_int_equal(oc_context_of_session(a, &w->oc, cases[i].key, &c, &w->d), 0);
        if (strcmp(c.agent_id, cases[i].agent) != 0 || strcmp(c.scope_key, cases[i].scope_key) != 0 ||
            c.sandboxed != cases[i].sandboxed)
            fail_msg("%s '%s': %s %s %d", cases[i].sandbox, cases[i].key, c.agent_id, c.scope_key, c.sandboxed);
    }
}

static void agent_is_asked_for_by_its_main_session(void **state)
{
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w =
        world_new(a, "{session:{scope:'global'},agents:{defaults:{sandbox:{mode:'all'}},list:[{id:'main'},{id:'Work'}]}}");
    struct oc_context c;

    (void)state;
    assert_int_equal(oc_context_of_agent(a, &w->oc, " WORK ", &c, &w->d), 0);
    assert_string_equal(c.agent_id, "work");
    assert_string_equal(c.session_key, "global");
    assert_string_equal(c.main_session_key, "global");
    assert_string_equal(c.scope_key, "agent:work");
    assert_true(c.sandboxed);
}

/* --- errors and warnings
 * ---------------------------------------------------------------------------------------------------------- */

static void what_cannot_be_made_is_told_at_its_key(void **state)
{
    static const struct {
        const char *docker, *key;
        unsigned line;
    } cases[] = {
        {"memory:'banana'", "agents.defaults.sandbox.docker.memory", 2},
        {"binds:['/etc:/x']", "agents.defaults.sandbox.docker.binds[0]", 2},
        {"seccompProfile:'/none.json'", "agents.defaults.sandbox.docker.seccompProfile", 2},
        {"image:''", "agents.defaults.sandbox.docker.image", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        WORLD_AUTO w = world_new(a, arena_printf(a, "{agents:{defaults:{sandbox:{mode:'all',docker:{\n%s}}}}}", cases[i].docker));
        struct oc_context c = {.agent_id = "untouched"};

        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), -1);
        assert_string_equal(c.agent_id, "untouched");
        assert_int_equal(w->d.n, 1);
        if (strcmp(w->d.v[0].key, cases[i].key) != 0 || w->d.v[0].pos.line != cases[i].line)
            fail_msg("%s: %s: %s, line %u", cases[i].docker, w->d.v[0].key, w->d.v[0].msg, w->d.v[0].pos.line);
    }
}

static void explaining_tells_the_rest_of_what_cannot_be_made(void **state)
{
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_new(a, "{agents:{defaults:{sandbox:{mode:'all',docker:{binds:['/etc:/x']}}}}}");
    struct oc_context c;

    (void)state;
    w->oc.explains = true;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
    assert_int_equal(w->d.n_errors, 1);
    assert_string_equal(c.container.name, "openclaw-sbx-agent-main-f331f052");
    assert_null(c.container.create);
    assert_true(node_is(node_get(oc_context_json(a, &c), "create"), NODE_NULL));
    assert_string_equal(node_str(node_path(c.sandbox.config, "docker", "user", NULL)), "0:0");
}

static void what_has_no_effect_is_warned_of(void **state)
{
    static const char config[] = "{agents:{defaults:{sandbox:{mode:'all',\n"
                                 " docker:{env:{A:'1',\n"
                                 "  MY_TOKEN:'CANARY'}},\n"
                                 " browser:{enabled:true}}}}}";
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_new(a, config);
    struct oc_context c;

    (void)state;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
    oc_context_warn(&w->oc, &c, &w->d);
    diags_sort(&w->d);
    assert_int_equal(w->d.n, 2);
    assert_int_equal(w->d.n_errors, 0);
    assert_string_equal(w->d.v[0].key, "agents.defaults.sandbox.docker.env.MY_TOKEN");
    assert_int_equal(w->d.v[0].pos.line, 3);
    assert_null(strstr(w->d.v[0].msg, "CANARY"));
    assert_string_equal(w->d.v[1].key, "agents.defaults.sandbox.browser.enabled");
}

/* --- JSON
 * ------------------------------------------------------------------------------------------------------------------------- */

static void json_has_the_agreed_keys(void **state)
{
    static const char *const keys[] = {
        "agentId",         "sessionKey",   "mainSessionKey",    "sandboxed",     "mode",    "scope",      "scopeKey", "backend",
        "workspaceAccess", "workspaceDir", "agentWorkspaceDir", "containerName", "sandbox", "configHash", "create",   "browser"};
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_new(a, "{agents:{defaults:{sandbox:{mode:'all',browser:{enabled:true}}}},"
                                "tools:{sandbox:{tools:{alsoAllow:['browser']}}}}");
    struct oc_context c;
    struct node *o;

    (void)state;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
    o = oc_context_json(a, &c);
    assert_int_equal(o->n_members, sizeof keys / sizeof keys[0]);
    for (size_t i = 0; i < o->n_members; i++)
        assert_string_equal(o->members[i].key, keys[i]);
    assert_string_equal(node_str(node_path(o, "create", "Image", NULL)), "openclaw-sandbox:bookworm-slim");
    assert_string_equal(node_str(node_path(o, "create", "Labels", "openclaw.configHash", NULL)), c.container.config_hash);
    assert_string_equal(node_str(node_path(o, "browser", "containerName", NULL)), "openclaw-sbx-browser-agent-main-f331f052");
    assert_string_equal(node_str(node_path(o, "sandbox", "docker", "user", NULL)), "0:0");
}

/* The range follows from the engine's network and the password is drawn there: an empty variable would hide theirs. */
static void what_only_the_engine_can_tell_is_left_to_it(void **state)
{
    static const struct {
        const char *browser, *range;
    } cases[] = {
        {"enabled:true", NULL},
        {"enabled:true,network:'none'", "OPENCLAW_BROWSER_CDP_SOURCE_RANGE=127.0.0.1/32"},
        {"enabled:true,cdpSourceRange:' 10.0.0.0/8 '", "OPENCLAW_BROWSER_CDP_SOURCE_RANGE=10.0.0.0/8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA_AUTO a = arena_new();
        WORLD_AUTO w = world_new(a, arena_printf(a,
                                                 "{agents:{defaults:{sandbox:{mode:'all',browser:{%s}}}},"
                                                 "tools:{sandbox:{tools:{alsoAllow:['browser']}}}}",
                                                 cases[i].browser));
        const char *range = NULL;
        struct oc_context c;
        const struct node *env;

        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
        env = node_get(c.browser.create, "Env");
        for (size_t k = 0; k < env->n_items; k++) {
            if (text_has_prefix(env->items[k]->s, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE="))
                range = env->items[k]->s;
            assert_false(text_has_prefix(env->items[k]->s, "OPENCLAW_BROWSER_NOVNC_PASSWORD="));
        }
        if (!text_eq(range, cases[i].range))
            fail_msg("%s: %s", cases[i].browser, range);
    }
}

static void other_backends_have_no_container(void **state)
{
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_new(a, "{agents:{defaults:{sandbox:{mode:'all',backend:'crabbox',ssh:{identityData:'CANARY'},"
                                "browser:{enabled:true}}}}}");
    BUF_AUTO b = BUF_INIT(1u << 20);
    struct oc_context c;
    struct node *o;

    (void)state;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
    assert_false(c.has_container);
    assert_false(c.has_browser);
    assert_null(c.container.name);
    o = oc_context_json(a, &c);
    assert_true(node_is(node_get(o, "containerName"), NODE_NULL) && node_is(node_get(o, "create"), NODE_NULL));
    assert_null(node_get(o, "browser"));
    node_emit(&b, o, 0, NODE_EMIT_REDACT);
    assert_null(strstr(buf_str(&b), "CANARY"));
}

/* As `openclaw sandbox explain --json` printed it, but for the channel: its command line loads no channels and knows webchat
 * alone. */
static void explain_tells_policy_gates_and_keys(void **state)
{
    static const char config[] = "{tools:{elevated:{allowFrom:{telegram:['*'],webchat:[5]}}},"
                                 "agents:{list:[{id:'main'},{id:'w',tools:{elevated:{allowFrom:{telegram:[' ']}}}}]}}";
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_new(a, config);
    struct oc_context c;
    struct node *o;

    (void)state;
    assert_int_equal(oc_context_of_session(a, &w->oc, "agent:main:webchat:x", &c, &w->d), 0);
    o = oc_explain_json(a, &w->oc, &c);
    assert_string_equal(node_json(a, node_get(o, "elevated")),
                        "{\"enabled\":true,\"channel\":\"webchat\",\"allowedByConfig\":true,\"alwaysAllowedByConfig\":false,"
                        "\"allowFrom\":{\"global\":[\"5\"]},\"failures\":[]}");
    assert_string_equal(node_json(a, node_path(o, "tools", "sources", NULL)),
                        "{\"allow\":{\"source\":\"default\",\"key\":\"tools.sandbox.tools.allow\"},"
                        "\"deny\":{\"source\":\"default\",\"key\":\"tools.sandbox.tools.deny\"}}");
    assert_string_equal(node_json(a, node_get(o, "fixIt")),
                        "[\"tools.sandbox.tools.allow\",\"tools.sandbox.tools.alsoAllow\",\"tools.sandbox.tools.deny\","
                        "\"agents.list[].tools.sandbox.tools.allow\",\"agents.list[].tools.sandbox.tools.alsoAllow\","
                        "\"agents.list[].tools.sandbox.tools.deny\",\"tools.elevated.enabled\","
                        "\"tools.elevated.allowFrom.webchat\"]");
    assert_int_equal(oc_context_of_session(a, &w->oc, "agent:w:telegram:direct:1", &c, &w->d), 0);
    o = oc_explain_json(a, &w->oc, &c);
    assert_string_equal(node_json(a, node_path(o, "elevated", "failures", NULL)),
                        "[{\"gate\":\"allowFrom\",\"key\":\"agents.list[].tools.elevated.allowFrom.telegram\"}]");
}

/* --- 2026.9 --------------------------------------------------------------------------------------------------------------------
 */

#define SANDBOX_9(json) "{agents: {entries: {main: {sandbox: {mode: 'all', " json "}}}}}"

static const char *replaced(struct arena *a, const char *s, const char *what, const char *by)
{
    const char *at;

    while ((at = strstr(s, what)) != NULL)
        s = arena_printf(a, "%.*s%s%s", (int)(at - s), s, by, at + strlen(what));
    return s;
}

static const char *binds_of(struct arena *a, const struct oc_context *c)
{
    return node_json(a, node_path(c->container.create, "HostConfig", "Binds", NULL));
}

/* OpenClaw makes the directory before it looks: before and after that, ours is the same. */
static void hash_stays_when_openclaw_makes_the_directory_of_skills(void **state)
{
    static const struct {
        const char *access, *skills, *binds; /* $W: the workspace, $A: the agent's, $S: skills */
    } table[] = {
        {"none", "$W/skills", "[\"$W:/workspace:z\",\"$W/skills:/workspace/skills:ro,z\"]"},
        {"ro", NULL, "[\"$W:/workspace:ro,z\",\"$A:/agent:ro,z\"]"},
        {"rw", STATE "/sandbox/skills-workspaces/$N/.openclaw/sandbox-skills/skills",
         "[\"$W:/workspace:z\",\"$S:/workspace/.openclaw/sandbox-skills/skills:ro,z\"]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ARENA_AUTO a = arena_new();
        WORLD_AUTO w = world_of(a, &places_9, arena_printf(a, SANDBOX_9("workspaceAccess: '%s'"), table[i].access));
        struct oc_context c, d;
        const char *slug, *skills = NULL, *binds = table[i].binds;

        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
        slug = oc_slug(a, places_9.line, c.scope_key);
        if (table[i].skills)
            skills = replaced(a, replaced(a, table[i].skills, "$W", c.workspace_dir), "$N", slug);
        if (skills ? !text_eq(c.skills_dir, skills) : c.skills_dir != NULL)
            fail_msg("%s: %s", table[i].access, c.skills_dir);
        binds = replaced(a, binds, "$W", c.workspace_dir);
        binds = replaced(a, binds, "$A", c.agent_workspace_dir);
        binds = replaced(a, binds, "$S", skills ? skills : "");
        assert_string_equal(binds_of(a, &c), binds);
        memfs_dir(&w->fs, c.workspace_dir)->uid = 0;
        if (skills)
            memfs_dir(&w->fs, skills)->uid = 0;
        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &d, &w->d), 0);
        assert_string_equal(c.container.config_hash, d.container.config_hash);
        assert_string_equal(binds_of(a, &d), binds);
        /* What the agent keeps there himself is mounted once it is there. */
        if (strcmp(table[i].access, "rw") != 0)
            continue;
        memfs_dir(&w->fs, arena_printf(a, "%s/.agents/skills", c.workspace_dir));
        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &d, &w->d), 0);
        assert_string_not_equal(c.container.config_hash, d.container.config_hash);
        assert_non_null(strstr(binds_of(a, &d), ":/workspace/.agents/skills:ro,z"));
    }
}

static void what_holds_otherwise_than_its_owner_may_think_is_warned_of(void **state)
{
    static const struct {
        const char *sandbox, *key; /* NULL: no warning */
    } table[] = {
        {"docker: {env: {OPENAI_API_KEY: 'x'}}", NULL},
        {"docker: {env: {A: '1', FAL_KEY: 'x'}}", "agents.entries.main.sandbox.docker.env.FAL_KEY"},
        {"docker: {env: {A_TOKEN: '1', FAL_KEY: 'x'}}", NULL},
        {"docker: {binds: ['/s:/d', '/s:/workspace/skills/'], dangerouslyAllowReservedContainerTargets: true, "
         "dangerouslyAllowExternalBindSources: true}",
         "agents.entries.main.sandbox.docker.binds[1]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ARENA_AUTO a = arena_new();
        WORLD_AUTO w = world_of(a, &places_9, arena_printf(a, SANDBOX_9("%s"), table[i].sandbox));
        struct oc_context c;
        struct diags d = {.arena = a};

        assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
        oc_context_warn(&w->oc, &c, &d);
        if (d.n != (table[i].key != NULL) || (d.n && !text_eq(d.v[0].key, table[i].key)))
            fail_msg("%s: %zu, %s", table[i].sandbox, d.n, d.n ? d.v[0].key : "");
        assert_int_equal(c.container.hash_uncertain != NULL, i == 1);
        if (i == 3)
            assert_null(strstr(binds_of(a, &c), "/s:/workspace/skills"));
    }
}

static void browser_of_2026_9_has_its_own_keys_and_epochs(void **state)
{
    ARENA_AUTO a = arena_new();
    WORLD_AUTO w = world_of(a, &places_9,
                            "{agents: {entries: {main: {sandbox: {mode: 'all', browser: {enabled: true, noVncEnabled: true}}, "
                            "tools: {sandbox: {tools: {alsoAllow: ['browser']}}}}}}}");
    WORLD_AUTO off = world_of(a, &places_9,
                              "{agents: {entries: {main: {sandbox: {mode: 'all', browser: {enabled: true, network: ' None '}}, "
                              "tools: {sandbox: {tools: {alsoAllow: ['browser']}}}}}}}");
    const struct node *env, *labels;
    struct oc_context c;

    (void)state;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
    assert_true(c.has_browser);
    env = node_get(c.browser.create, "Env");
    labels = node_get(c.browser.create, "Labels");
    for (size_t i = 0; i < env->n_items; i++) {
        assert_false(text_has_prefix(env->items[i]->s, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE="));
        assert_true(i == 0 || strcasecmp(env->items[i - 1]->s, env->items[i]->s) < 0);
    }
    assert_string_equal(node_str(node_get(labels, "openclaw.browserConfigEpoch")), "2026-05-12-cdp-relay-auth");
    assert_string_equal(node_str(node_get(labels, "openclaw.mountFormatVersion")), "4");
    assert_non_null(node_path(c.browser.create, "HostConfig", "PortBindings", "6080/tcp", NULL));
    assert_non_null(
        strstr(node_json(a, node_path(c.browser.create, "HostConfig", "Binds", NULL)), "/skills:/workspace/skills:ro,z"));
    assert_int_equal(oc_context_of_agent(a, &off->oc, "main", &c, &off->d), -1);
    assert_string_equal(off->d.v[0].key, "agents.entries.main.sandbox.browser.network");
}

/* Of 2026.9, which refuses to guess an agent. */
static void a_session_without_an_agent_says_what_is_missing(void **state)
{
    static const struct oc_places at = {
        .home = HOME, .state_dir = STATE, .cwd = "/tmp/ocvec", .line = &oc_profiles[OC_LINE_2026_9]};
    static const struct {
        const char *config, *key, *says;
    } table[] = {
        {"{agents:{ownership:'explicit',entries:{a:{},b:{}}}}", "main", "none is the default one"},
        {"{agents:{entries:{a:{}}}}", "agent:a", "has not the form"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct oc_instance oc = {.config = data_config(a, table[i].config, NULL, &at, &d), .places = &at};
        struct oc_context c;

        assert_non_null(oc.config);
        assert_int_equal(oc_context_of_session(a, &oc, table[i].key, &c, &d), -1);
        assert_int_equal(d.n_errors, 1);
        if (!strstr(d.v[0].msg, table[i].says))
            fail_msg("%s: %s", table[i].key, d.v[0].msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_without_an_agent_says_what_is_missing),
        cmocka_unit_test(makes_of_a_session_what_openclaw_makes),
        cmocka_unit_test(user_is_the_owner_of_the_workspace_now_or_once_it_is_made),
        cmocka_unit_test(hash_stays_when_the_workspace_is_made),
        cmocka_unit_test(session_key_is_taken_as_the_runtime_sees_it),
        cmocka_unit_test(agent_is_asked_for_by_its_main_session),
        cmocka_unit_test(what_cannot_be_made_is_told_at_its_key),
        cmocka_unit_test(explaining_tells_the_rest_of_what_cannot_be_made),
        cmocka_unit_test(what_has_no_effect_is_warned_of),
        cmocka_unit_test(json_has_the_agreed_keys),
        cmocka_unit_test(what_only_the_engine_can_tell_is_left_to_it),
        cmocka_unit_test(other_backends_have_no_container),
        cmocka_unit_test(explain_tells_policy_gates_and_keys),
        cmocka_unit_test(hash_stays_when_openclaw_makes_the_directory_of_skills),
        cmocka_unit_test(what_holds_otherwise_than_its_owner_may_think_is_warned_of),
        cmocka_unit_test(browser_of_2026_9_has_its_own_keys_and_epochs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
