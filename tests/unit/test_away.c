/* OpenClaw's runtimes on other hosts: where they are, what they are made from, and which of them are wanted. A wrong answer here
 * destroys the only copy of somebody's work. */
#include "backends/backend.h"
#include "spec/openclaw/away.h"
#include "spec/openclaw/expand.h"
#include "tests/lib/data.h"
#include "tests/lib/expand_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WS    "/h/.openclaw/workspace"
#define MAIN  "openclaw-ssh-agent-main-25bffc4d"
#define SHELL "openclaw-agent-main-25bffc4d"
#define WORK  "openclaw-ssh-agent-work-25c14fe7"

static const struct oc_places at_5 = {.home = "/h", .state_dir = "/h/.openclaw", .cwd = "/"};
static const struct oc_places at_9 = {
    .home = "/h", .state_dir = "/h/.openclaw", .cwd = "/", .line = &oc_profiles[OC_LINE_2026_9]};

static int read_file(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    const struct memfs *m = ctx;

    return m->fs.read(m->fs.ctx, a, path, max, ret, ret_n, e);
}

static struct expand_world *world_of(struct arena *a, const struct oc_places *at, const char *config)
{
    struct expand_world *w = expand_world_new(a, at, "ssh:u@h:22", config);
    struct secret_source *source = ARENA_NEW(a, struct secret_source);

    *source = (struct secret_source){.ctx = &w->fs, .file = read_file};
    w->oc.user = "me";
    w->oc.env = data_json5(a, "{KEY:'CANARY'}");
    w->oc.secrets = source;
    w->object.policy.cap_percent = 0;
    return w;
}

static struct expand_world *world_new(struct arena *a, const char *config)
{
    return world_of(a, &at_5, config);
}

/* As OpenClaw's row tells it: no endpoint but the backend, and what it was made at as an image. */
static struct record *recorded(struct expand_world *w, const char *backend, const char *name, const char *scope_key,
                               const char *image)
{
    struct record *r = &w->records[w->n_records++];

    *r = (struct record){.endpoint = backend,
                         .backend_id = backend,
                         .name = name,
                         .kind = RUNTIME_CONTAINER,
                         .install = EXPAND_WORLD_INSTALL,
                         .image = image,
                         .scope_key = scope_key};
    return r;
}

static void same(const char *what, const char *got, const char *wanted)
{
    if (!text_eq(got, wanted))
        fail_msg("%s: %s, wanted %s", what, got ? got : "(none)", wanted ? wanted : "(none)");
}

#define D(sandbox) "{agents:{defaults:{sandbox:{mode:'all'," sandbox "}}}}"
#define AT(target) "backend:'ssh',ssh:{target:'" target "'}"

/* --- what is wanted -----------------------------------------------------------------------------------------------------------
 */

static void an_ssh_runtime_is_asked_for_whole(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_new(a, D("workspaceAccess:'ro',backend:'ssh',docker:{env:{A:'b'},setupCommand:'x'},ssh:{target:'ssh U@Host',"
                       "workspaceRoot:'/srv/',knownHostsFile:'~/kh',identityFile:'/i',"
                       "identityData:{source:'env',provider:'default',id:'KEY'}}"));
    BUF_AUTO b = BUF_INIT(1u << 20);
    const struct desired *d;

    (void)state;
    w->oc.seed = (struct seed_rule){SEED_MANUAL, SEED_FROM_LOCAL};
    memfs_file(&w->fs, "/h/.openclaw/sandboxes/agent-main-f331f052/AGENTS.md", "x");
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->out.n, 1);
    d = &w->out.v[0];
    same("endpoint", d->endpoint, "ssh:U@host:22");
    same("name", d->name, MAIN);
    same("backend", d->backend_id, "ssh");
    same("label", d->config_label, "ssh U@Host");
    same("kind", d->config_label_kind, "Target");
    assert_true(d->precreate && !d->can_remake && d->kind == RUNTIME_CONTAINER);
    assert_null(d->image);
    assert_null(d->setup); /* OpenClaw runs none there */
    assert_null(d->workspace_dir);
    assert_int_equal(strlen(d->config_hash), 64);
    same("identity", node_str(node_path(d->create, "connection", "identityData", NULL)), "CANARY\n");
    node_emit(&b, d->create, 0, NODE_EMIT_REDACT);
    same("create", buf_str(&b),
         "{\"root\":\"/srv/" MAIN "\",\"workspaceRoot\":\"/srv\",\"connection\":{\"user\":\"U\",\"host\":\"host\",\"port\":22,"
         "\"userConfig\":false,\"strictHostKeyChecking\":true,\"updateHostKeys\":true,\"identityData\":\"(sensitive)\","
         "\"knownHostsFile\":\"/h/kh\"},\"dirs\":[{\"name\":\"workspace\",\"local\":\"/h/.openclaw/sandboxes/"
         "agent-main-f331f052\"},"
         "{\"name\":\"agent\",\"local\":\"" WS "\"}],\"env\":{\"A\":\"b\"},"
         "\"seed\":{\"policy\":\"manual\",\"from\":\"local\"}}");
}

static void an_openshell_runtime_is_asked_for_whole(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_new(a, "{agents:{defaults:{sandbox:{mode:'all',backend:'openshell',workspaceAccess:'rw'}}},plugins:{entries:{"
                     "openshell:{config:{mode:'remote',gateway:'lab',policy:'p.yaml',from:'./img'}}}}}");
    const struct desired *d;

    (void)state;
    recorded(w, "openshell", SHELL, "agent:main", "./img");
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 1);
    d = &w->out.v[0];
    same("endpoint", d->endpoint, "openshell:lab");
    same("recorded at", w->records[0].endpoint, "openshell:lab");
    assert_true(w->records[0].holds_data && !d->can_remake);
    same("name", d->name, SHELL);
    same("label", d->config_label, "./img");
    same("policy", node_str(node_get(d->create, "policy")), WS "/p.yaml");
    same("from", node_str(node_get(d->create, "from")), WS "/img");
    same("dirs", node_json(a, node_get(d->create, "dirs")), "[{\"name\":\"workspace\",\"local\":\"" WS "\"}]");
    assert_null(node_get(d->create, "policyText"));
    memfs_file(&w->fs, WS "/p.yaml", "version: 1\n");
    expand_world_run(w, ENSURE_EXISTING);
    same("policyText", node_str(node_get(w->out.v[0].create, "policyText")), "version: 1\n");
}

static void what_is_asked_for_passes_its_backends_check(void **state)
{
    static const char *const configs[] = {
        D("workspaceAccess:'ro'," AT("u@h")),
        D("workspaceAccess:'rw',scope:'shared',backend:'ssh',ssh:{target:'[::1]:22',workspaceRoot:'/srv/./oc//x/"
          "',identityFile:'~/i'}"),
        D("workspaceAccess:'ro',backend:'ssh',ssh:{target:'h',workspaceRoot:'/',strictHostKeyChecking:false,identityData:'x'}"),
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof configs / sizeof *configs; i++) {
        ARENA_AUTO a = arena_new();
        const struct oc_places *at = i % 2 ? &at_9 : &at_5;
        EXPAND_WORLD_AUTO w = world_of(a, at, configs[i / 2]);

        memfs_file(&w->fs, WS "/p.yaml", "version: 1\n");
        expand_world_run(w, ENSURE_ALL);
        assert_int_equal(w->rc, 0);
        assert_int_equal(w->out.n, 1);
        const struct backend_ops *ops = backend_find(w->out.v[0].endpoint);
        struct fields fields;
        struct err e = {0};

        assert_non_null(ops);
        same("backend", ops->name, w->out.v[0].backend_id);
        if (ops->check(a, &w->out.v[0], &fields, &e) < 0)
            fail_msg("%s: %s", configs[i / 2], e.msg);
        assert_true(fields.n > 0);
    }
}

static void explaining_shows_no_key(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_new(a, D("backend:'ssh',ssh:{target:'u@h',identityData:{source:'env',provider:'default',id:'KEY'}}"));
    struct oc_context c;
    const struct node *remote;

    (void)state;
    w->oc.explains = true;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
    assert_false(c.has_container);
    assert_null(strstr(node_json(a, oc_context_json(a, &c)), "CANARY"));
    remote = node_get(oc_context_json(a, &c), "remote");
    same("runtimeId", node_str(node_get(remote, "runtimeId")), MAIN);
    same("identity", node_str(node_path(remote, "create", "connection", "identityData", NULL)), "(sensitive)");
    assert_true(node_is(node_get(oc_context_json(a, &c), "containerName"), NODE_NULL));
}

/* In mode mirror the local workspace is the canonical one. */
static void a_mirror_holds_no_data(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D("backend:'openshell'"));

    (void)state;
    recorded(w, "openshell", SHELL, "agent:main", "openclaw");
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 1);
    assert_true(w->out.v[0].can_remake && !w->records[0].holds_data);
}

static void what_openclaw_has_not_laid_out_is_left_to_its_first_use(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D("workspaceAccess:'rw'," AT("u@h")));

    (void)state;
    memfs_dir(&w->fs, WS);
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->out.n, 1);
    assert_false(w->out.v[0].precreate);
    assert_true(w->out.v[0].idle_ms > 0);
    memfs_file(&w->fs, WS "/AGENTS.md", "x");
    expand_world_run(w, ENSURE_ALL);
    assert_true(w->out.v[0].precreate);
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 0);
}

/* --- what is recorded ---------------------------------------------------------------------------------------------------------
 */

/* Where a row says it is; whether it is wanted, and where. */
static void records_are_judged_where_they_are(void **state)
{
    static const struct {
        const char *config, *backend, *name, *key, *image;
        const char *at, *moved_to, *why; /* moved_to and why NULL: wanted as it is */
    } rows[] = {
        {D(AT("u@h")), "ssh", MAIN, "agent:main", "u@h", "ssh:u@h:22", NULL, NULL},
        {D(AT("h")), "ssh", MAIN, "agent:main", "me@H:22", "ssh:me@h:22", NULL, NULL}, /* another text of one place */
        {D(AT("[::1]:22")), "ssh", MAIN, "agent:main", "me@[::1]:22", "ssh:me@[::1]:22", NULL, NULL},
        {D(AT("u@new")), "ssh", MAIN, "agent:main", "u@old", "ssh:u@old:22", "ssh:u@new:22", NULL},
        {D(AT("u@h:23")), "ssh", MAIN, "agent:main", "u@h", "ssh:u@h:22", "ssh:u@h:23", NULL},
        {D(AT("v@h")), "ssh", MAIN, "agent:main", "u@h", "ssh:u@h:22", "ssh:v@h:22", NULL},
        {D(AT("u@h")), "ssh", WORK, "agent:work", "u@h", "ssh:u@h:22", NULL, "agent 'work' is gone"},
        {D("scope:'shared'," AT("u@h")), "ssh", MAIN, "agent:main", "u@h", "ssh:u@h:22", NULL, "scope is now shared"},
        {D("backend:'docker'"), "ssh", MAIN, "agent:main", "u@h", "ssh:u@h:22", NULL, "backend is now docker"},
        {D("backend:'openshell'"), "ssh", MAIN, "agent:main", "u@h", "ssh:u@h:22", NULL, "backend is now openshell"},
        {D(AT("u@h")), "openshell", SHELL, "agent:main", "openclaw", "openshell", NULL, "backend is now ssh"},
        {D(AT("u@h")), "ssh", "openclaw-ssh-other-1", "agent:main", "u@h", "ssh:u@h:22", NULL, "name is now " MAIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_new(a, rows[i].config);
        const struct record *r = recorded(w, rows[i].backend, rows[i].name, rows[i].key, rows[i].image);

        expand_world_run(w, ENSURE_EXISTING);
        assert_int_equal(w->rc, 0);
        same(rows[i].config, r->endpoint, rows[i].at);
        same(rows[i].config, r->moved_to, rows[i].moved_to);
        same(rows[i].config, r->unwanted_because, rows[i].why);
        assert_int_equal(w->out.n, rows[i].why ? 0 : 1);
        if (!rows[i].why)
            same(rows[i].config, w->out.v[0].endpoint, rows[i].moved_to ? rows[i].moved_to : rows[i].at);
        assert_true(r->holds_data || strcmp(rows[i].backend, "openshell") == 0);
        assert_int_equal(r->backend_target != NULL, rows[i].moved_to != NULL);
    }
}

/* Switched on again it comes back to its workspace: that goes only with another reason. */
static void what_is_switched_off_keeps_its_workspace(void **state)
{
    static const struct {
        const char *config, *backend, *name, *key, *why;
    } rows[] = {
        {"{agents:{defaults:{sandbox:{mode:'off'," AT("u@h") "}}}}", "ssh", MAIN, "agent:main", NULL},
        {"{agents:{defaults:{sandbox:{mode:'off',scope:'shared'," AT("u@h") "}}}}", "ssh", MAIN, "agent:main",
         "scope is now shared"},
        {"{agents:{defaults:{sandbox:{mode:'off'," AT("u@h") "}}}}", "ssh", WORK, "agent:work", "agent 'work' is gone"},
        {"{agents:{defaults:{sandbox:{mode:'off',backend:'docker'}}}}", "ssh", MAIN, "agent:main", "backend is now docker"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_new(a, rows[i].config);
        const struct record *r = recorded(w, rows[i].backend, rows[i].name, rows[i].key, "u@h");

        expand_world_run(w, ENSURE_ALL);
        assert_int_equal(w->rc, 0);
        same(rows[i].config, r->unwanted_because, rows[i].why);
        assert_int_equal(w->out.n, 0);
    }
}

/* A row tells the target alone: the root is guessed, and said to be; what is secret is not carried along. */
static void the_place_of_a_row_that_moved_is_guessed(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D("backend:'ssh',ssh:{target:'u@new',workspaceRoot:'/srv',identityData:'KEY'}"));
    struct record *r = recorded(w, "ssh", MAIN, "agent:main", "v@old:2200");
    BUF_AUTO b = BUF_INIT(65536);

    (void)state;
    expand_world_run(w, ENSURE_EXISTING);
    same("moved", r->moved_to, "ssh:u@new:22");
    same("root", node_str(node_get(r->backend_target, "root")), "/srv/" MAIN);
    same("user", node_str(node_path(r->backend_target, "connection", "user", NULL)), "v");
    same("host", node_str(node_path(r->backend_target, "connection", "host", NULL)), "old");
    assert_int_equal((int)node_path(r->backend_target, "connection", "port", NULL)->num, 2200);
    assert_true(node_get(r->backend_target, "guessed")->b);
    node_emit(&b, r->backend_target, 0, 0);
    assert_null(strstr(buf_str(&b), "KEY"));
    /* What was written down is believed. */
    r->backend_target = node_object(a);
    expand_world_run(w, ENSURE_EXISTING);
    assert_null(node_get(r->backend_target, "guessed"));
}

/* Our own record knows better than the row. */
static void our_own_record_tells_the_place(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D(AT("u@new")));
    struct record *r = recorded(w, "ssh", MAIN, "agent:main", "u@row");

    (void)state;
    r->endpoint = "ssh:u@own:2200";
    expand_world_run(w, ENSURE_EXISTING);
    same("place", r->endpoint, "ssh:u@own:2200");
    same("moved", r->moved_to, "ssh:u@new:22");
}

static bool drives_none(const char *backend)
{
    return false;
}

static void in_doubt_a_remote_record_is_left_alone(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_new(a, D(AT("u@h")));
    EXPAND_WORLD_AUTO bad = world_new(a, D("backend:'ssh'"));
    EXPAND_WORLD_AUTO undriven = world_new(a, D("backend:'docker'"));
    EXPAND_WORLD_AUTO locked =
        world_new(a, D("backend:'ssh',ssh:{target:'u@h',identityData:{source:'env',provider:'default',id:'GONE'}}"));
    const struct record *r = recorded(w, "ssh", WORK, "agent:work", "::1");

    (void)state;
    expand_world_run(w, ENSURE_EXISTING);
    assert_null(r->unwanted_because); /* nobody knows where it is */
    assert_int_equal(w->out.n_unplaced, 1);
    /* what OpenClaw would refuse */
    r = recorded(bad, "ssh", MAIN, "agent:main", "u@h");
    expand_world_run(bad, ENSURE_EXISTING);
    assert_int_equal(bad->rc, -1);
    assert_null(r->unwanted_because);
    assert_int_equal(bad->out.n, 0);
    same("key", bad->d.v[0].key, "");
    assert_non_null(strstr(bad->d.v[0].msg, "ssh.target"));
    /* a backend that is not driven */
    undriven->drives = drives_none;
    r = recorded(undriven, "ssh", WORK, "agent:work", "u@h");
    expand_world_run(undriven, ENSURE_EXISTING);
    assert_null(r->unwanted_because);
    assert_int_equal(undriven->out.n_foreign_backend, 1);
    /* a key that is not there: never another in its place */
    r = recorded(locked, "ssh", MAIN, "agent:main", "u@h");
    expand_world_run(locked, ENSURE_EXISTING);
    assert_int_equal(locked->rc, -1);
    assert_null(r->unwanted_because);
    assert_int_equal(locked->out.n, 0);
    assert_non_null(strstr(locked->d.v[0].msg, "ssh.identityData: secret env:default:GONE"));
}

static void names_of_older_plugins_are_left_alone(void **state)
{
    static const char key[] = "agent:main:workspace:";
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &at_9, "{agents:{defaults:{sandbox:{mode:'all',backend:'openshell'}}}}");
    const char *scope = oc_scope_key(a, &at_9, "agent", "main", NULL, WS);
    const struct record *old, *new;

    (void)state;
    assert_true(text_has_prefix(scope, key));
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->out.n, 1);
    assert_true(text_has_prefix(w->out.v[0].name, "oc-"));
    new = recorded(w, "openshell", w->out.v[0].name, scope, "openclaw");
    old = recorded(w, "openshell", arena_printf(a, "openclaw-%s", oc_short_slug(a, scope, false)), scope, "openclaw");
    expand_world_run(w, ENSURE_EXISTING);
    assert_null(new->unwanted_because);
    assert_null(old->unwanted_because);
    assert_int_equal(w->out.n, 1);
}

static void an_upgrade_supersedes_what_it_renames(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &at_9, D(AT("u@h")));
    const struct record *r = recorded(w, "ssh", MAIN, "agent:main", "u@h");

    (void)state;
    expand_world_run(w, ENSURE_EXISTING);
    assert_true(text_has_prefix(r->unwanted_because, RECORD_SUPERSEDED "OpenClaw 2026.9 names it openclaw-ssh-workspace-"));
    assert_true(r->holds_data);
}

/* Agents that share a runtime at two places: it stays at the one where it is. */
static void a_shared_runtime_stays_where_one_of_its_agents_wants_it(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_new(a, "{agents:{defaults:{sandbox:{mode:'all'," AT("u@one") "}},list:[{id:'work',default:true},{id:'main',"
                                                                           "sandbox:{ssh:{target:'u@two'}}}]}}");
    const struct record *r = recorded(w, "ssh", MAIN, "agent:main", "u@one");

    (void)state;
    expand_world_run(w, ENSURE_EXISTING);
    assert_null(r->moved_to);
    assert_int_equal(w->out.n, 1);
    same("endpoint", w->out.v[0].endpoint, "ssh:u@one:22");
}

static void what_is_shown_is_ours_or_left_alone(void **state)
{
    static const struct {
        enum ownership ownership;
        const char *install, *endpoint;
        size_t n;
    } rows[] = {
        {OWN_OURS, EXPAND_WORLD_INSTALL, "ssh:u@h:22", 1},
        {OWN_OURS, "ffffffffffffffff", "ssh:u@h:22", 0},
        {OWN_OPENCLAW, NULL, "ssh:u@h:22", 0},
        {OWN_OURS, EXPAND_WORLD_INSTALL, "ssh:u@old:22", 0}, /* left behind */
        {OWN_OURS, EXPAND_WORLD_INSTALL, "ssh://u@h:22", 0}, /* not OpenClaw's way to name a host */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_new(a, D(AT("u@h")));

        w->seen[w->observation.n++] = (struct observed){.endpoint = rows[i].endpoint,
                                                        .name = MAIN,
                                                        .kind = RUNTIME_CONTAINER,
                                                        .ownership = rows[i].ownership,
                                                        .install = rows[i].install,
                                                        .scope_key = "agent:main"};
        w->observation.endpoint = rows[i].endpoint;
        expand_world_run(w, ENSURE_EXISTING);
        assert_int_equal(w->out.n, rows[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ssh_runtime_is_asked_for_whole),
        cmocka_unit_test(an_openshell_runtime_is_asked_for_whole),
        cmocka_unit_test(what_is_asked_for_passes_its_backends_check),
        cmocka_unit_test(explaining_shows_no_key),
        cmocka_unit_test(a_mirror_holds_no_data),
        cmocka_unit_test(what_openclaw_has_not_laid_out_is_left_to_its_first_use),
        cmocka_unit_test(records_are_judged_where_they_are),
        cmocka_unit_test(what_is_switched_off_keeps_its_workspace),
        cmocka_unit_test(the_place_of_a_row_that_moved_is_guessed),
        cmocka_unit_test(our_own_record_tells_the_place),
        cmocka_unit_test(in_doubt_a_remote_record_is_left_alone),
        cmocka_unit_test(names_of_older_plugins_are_left_alone),
        cmocka_unit_test(an_upgrade_supersedes_what_it_renames),
        cmocka_unit_test(a_shared_runtime_stays_where_one_of_its_agents_wants_it),
        cmocka_unit_test(what_is_shown_is_ours_or_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
