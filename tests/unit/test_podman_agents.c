/* Agents whose sandboxes OpenClaw 2026.9 keeps in podman: what they are made from, as OpenClaw made it, and which of the recorded
 * ones are wanted. */
#include "spec/openclaw/expand.h"
#include "spec/openclaw/podman.h"
#include "tests/lib/data.h"
#include "tests/lib/expand_world.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOME   "/tmp/ocvec9/home"
#define STATE  HOME "/.openclaw"
#define WS     "/tmp/ocvec9/aws" /* of the agent main */
#define DAY_MS 86400000LL

static const struct oc_places places = {
    .home = HOME, .state_dir = STATE, .cwd = "/tmp/ocvec9", .line = &oc_profiles[OC_LINE_2026_9]};
static const struct oc_places places_2026_5 = {.home = HOME, .state_dir = STATE, .cwd = "/tmp/ocvec9"};
static const struct oc_podman rootless = {.rootless = true, .major = 4, .minor = 9}, rootful = {.major = 4, .minor = 3};

static struct expand_world *world_of(struct arena *a, const struct oc_places *at, const struct oc_podman *podman,
                                     const char *config)
{
    struct expand_world *w = expand_world_new(a, at, "podman", config);

    w->oc.podman = podman;
    return w;
}

/* Owned by an ordinary user, so that docker and podman both take the owner. */
static void own(struct expand_world *w, const char *dir)
{
    struct memfs_entry *entry = memfs_dir(&w->fs, dir);

    entry->uid = 7;
    entry->gid = 8;
}

/* --- what they are made from --------------------------------------------------------------------------------------------------
 */

/* The value behind an option of the argv that OpenClaw gave podman, or NULL. */
static const char *option(const struct node *argv, const char *name)
{
    for (size_t i = 0; i + 1 < argv->n_items; i++)
        if (text_eq(node_str(argv->items[i]), name))
            return node_str(argv->items[i + 1]);
    return NULL;
}

static size_t n_options(const struct node *argv, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < argv->n_items; i++)
        n += text_eq(node_str(argv->items[i]), name);
    return n;
}

static struct node *config_of(struct arena *a, const struct node *v, const char *backend)
{
    struct node *config = vectors_json(a, "{'agents':{'defaults':{'workspace':'" WS "','sandbox':{'mode':'all'}}}}");
    struct node *sandbox = node_path(config, "agents", "defaults", "sandbox", NULL);
    struct node *docker = node_copy(a, data_get(v, "docker", NODE_OBJECT));

    if (text_eq(data_str(v, "dockerTmpfsSource"), "default"))
        (void)node_unset(docker, "tmpfs");
    if (node_get(docker, "binds"))
        node_set(a, docker, "dangerouslyAllowExternalBindSources", node_bool(a, true));
    node_set(a, sandbox, "backend", node_string(a, backend));
    node_set(a, sandbox, "scope", node_string(a, data_str(v, "scope")));
    node_set(a, sandbox, "workspaceAccess", node_string(a, data_str(v, "workspaceAccess")));
    node_set(a, sandbox, "docker", docker);
    return config;
}

static int context_of(struct expand_world *w, const struct node *v, struct oc_context *ret)
{
    struct oc_context first;
    struct diags ignored = {.arena = w->a};
    struct oc_sandbox s;

    assert_int_equal(oc_resolve(w->a, w->oc.config, &places, "main", &s, &w->d), 0);
    w->oc.explains = true;
    assert_int_equal(oc_context_of_scope(w->a, &w->oc, "main", &s, data_str(v, "scopeKey"), &first, &ignored), 0);
    w->oc.explains = false;
    if (!node_get(v, "createArgv") || n_options(node_get(v, "createArgv"), "--user") > 0)
        own(w, first.workspace_dir);
    else
        memfs_dir(&w->fs, first.workspace_dir)->uid = 0;
    return oc_context_of_scope(w->a, &w->oc, "main", &s, data_str(v, "scopeKey"), ret, &w->d);
}

static void what_they_are_made_from_equals_openclaws(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct node *list = vectors_load(a, "2026.9/create");
    size_t n_made = 0, n_refused = 0;

    (void)state;
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *v = list->items[i], *argv = node_get(v, "createArgv"), *host;
        const char *name = data_str(v, "name"), *label;
        struct oc_context c, as_docker;

        if (!text_eq(data_str(v, "engine"), "podman"))
            continue;
        EXPAND_WORLD_AUTO w = world_of(a, &places, &rootless, node_json(a, config_of(a, v, "podman")));
        EXPAND_WORLD_AUTO x = world_of(a, &places, &rootless, node_json(a, config_of(a, v, "docker")));
        int rc = context_of(w, v, &c);

        if ((rc == 0) != (argv != NULL))
            fail_msg("%s: %s", name, rc == 0 ? "made, wanted a refusal" : w->d.v[0].msg);
        if (rc < 0) {
            if (!text_has_prefix(w->d.v[0].key, "agents.defaults.sandbox.docker."))
                fail_msg("%s: %s: %s", name, w->d.v[0].key, w->d.v[0].msg);
            n_refused++;
            continue;
        }
        n_made++;
        host = node_get(c.container.create, "HostConfig");
        assert_true(c.is_podman && c.has_container && !c.has_browser);
        assert_string_equal(c.container.name, data_str(v, "containerName"));
        assert_string_equal(node_str(node_get(host, "UsernsMode")), option(argv, "--userns"));
        assert_int_equal(node_get(host, "Tmpfs")->n_members, n_options(argv, "--tmpfs"));
        assert_string_equal(strchr(c.container.config_hash, ':'), strchr(data_str(v, "configHash"), ':'));
        label = node_str(node_path(c.container.create, "Labels", "openclaw.configHash", NULL));
        assert_string_equal(label, c.container.config_hash);
        /* With the same user, and so the same mounts and settings, the rest of the hash is docker's. */
        assert_int_equal(context_of(x, v, &as_docker), 0);
        if (option(argv, "--user"))
            assert_memory_equal(as_docker.container.config_hash, c.container.config_hash, 64);
        assert_false(as_docker.is_podman);
    }
    assert_int_equal(n_made, 7);
    assert_int_equal(n_refused, 5);
}

#define AGENTS(sandbox, ids)                                                                                                     \
    "{agents:{ownership:'explicit',defaults:{workspace:'" WS "',sandbox:{mode:'all',backend:'podman'" sandbox "}},entries:{" ids \
    "}}}"
#define MAIN "main:{workspace:'" WS "'}"

static struct oc_context main_context(struct expand_world *w)
{
    struct oc_context c;

    if (oc_context_of_agent(w->a, &w->oc, "main", &c, &w->d) < 0)
        fail_msg("%s: %s", w->d.v[0].key, w->d.v[0].msg);
    return c;
}

static void without_knowing_the_podman_there_is_all_but_the_body(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &places, &rootless, AGENTS("", MAIN));
    struct oc_context known = main_context(w), unknown;
    struct node *o;

    (void)state;
    w->oc.podman = NULL;
    unknown = main_context(w);
    assert_non_null(known.container.create);
    assert_null(unknown.container.create);
    assert_string_equal(unknown.container.name, known.container.name);
    assert_string_equal(unknown.container.config_hash, known.container.config_hash);
    o = oc_context_json(a, &unknown);
    assert_string_equal(node_str(node_get(o, "containerName")), known.container.name);
    assert_true(node_is(node_get(o, "create"), NODE_NULL));
    /* What no podman takes is told all the same. */
    EXPAND_WORLD_AUTO x = world_of(a, &places, NULL, AGENTS(",docker:{tmpfs:['/run']}", MAIN));
    assert_int_equal(oc_check_agents(a, &x->oc, &x->d), -1);
    assert_string_equal(x->d.v[0].key, "agents.defaults.sandbox.docker.tmpfs");
}

static void only_the_lines_that_know_podman_make_containers_of_it(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &places_2026_5, &rootful, "{agents:{defaults:{sandbox:{mode:'all',backend:'podman'}}}}");
    struct oc_context c = main_context(w);

    (void)state;
    assert_false(c.is_podman || c.has_container);
    assert_null(c.container.name);
    assert_false(oc_asks_podman(a, &w->oc));
}

static void a_browser_with_podman_is_an_error_whatever_the_tools_say(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &places, &rootless, AGENTS(",browser:{enabled:true}", MAIN));
    struct oc_context c;

    (void)state;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), -1);
    assert_int_equal(w->d.n_errors, 1);
    assert_string_equal(w->d.v[0].key, "agents.defaults.sandbox.browser.enabled");
    /* Explaining tells the rest. */
    w->oc.explains = true;
    assert_int_equal(oc_context_of_agent(a, &w->oc, "main", &c, &w->d), 0);
    assert_non_null(c.container.config_hash);
    assert_null(c.container.create);
}

/* Podman keeps the caller's own id where root's would be taken, also of a directory that is yet to be made. */
static void what_root_owns_names_no_user(void **state)
{
    static const struct {
        uint32_t uid, gid; /* of this process, and what stands there */
        bool exists;
        const char *user;
    } table[] = {
        {0, 0, false, NULL}, {0, 0, true, NULL},   {7, 0, true, NULL},
        {7, 8, true, "7:8"}, {7, 8, false, "7:8"}, {7, 0, false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_of(a, &places, &rootful, AGENTS("", MAIN));
        struct oc_context c;

        w->oc.uid = table[i].uid;
        w->oc.gid = table[i].gid;
        w->fs.v[0].uid = table[i].uid;
        if (table[i].exists) {
            struct memfs_entry *dir = memfs_dir(&w->fs, main_context(w).workspace_dir);

            dir->uid = table[i].uid;
            dir->gid = table[i].gid;
        }
        c = main_context(w);
        if (!text_eq(node_str(node_path(c.sandbox.config, "docker", "user", NULL)), table[i].user))
            fail_msg("%zu: %s", i, node_str(node_path(c.sandbox.config, "docker", "user", NULL)));
        assert_true(text_has_suffix(c.container.config_hash, table[i].user ? ":configured-user:default" : ":keep-id:default"));
        assert_string_equal(node_str(node_path(c.container.create, "HostConfig", "UsernsMode", NULL)), "");
    }
}

/* --- which are wanted
 * -----------------------------------------------------------------------------------------------------------
 */

static const char *key_of(struct arena *a, const char *base, const char *dir)
{
    return dir ? oc_scope_key(a, &places, "session", NULL, base, dir) : base;
}

static const char *name_of(struct arena *a, const char *key, const char *prefix)
{
    return oc_runtime_name(a, &oc_profiles[OC_LINE_2026_9], prefix, strcmp(key, "shared") == 0 ? "shared" : "session", key);
}

static struct record *recorded(struct expand_world *w, const char *endpoint, const char *name, const char *key)
{
    struct record *r = &w->records[w->n_records++];

    *r = (struct record){.endpoint = endpoint,
                         .name = name,
                         .kind = RUNTIME_CONTAINER,
                         .install = EXPAND_WORLD_INSTALL,
                         .backend_id = strcmp(endpoint, "docker") == 0 ? "docker" : "podman",
                         .scope_key = key};
    return r;
}

static const struct desired *wanted(const struct expand_world *w, const char *endpoint, const char *name)
{
    for (size_t i = 0; i < w->out.n; i++)
        if (strcmp(w->out.v[i].name, name) == 0 && strcmp(w->out.v[i].endpoint, endpoint) == 0)
            return &w->out.v[i];
    return NULL;
}

#define PODMAN "openclaw-sbx-podman-"
#define DOCKER "openclaw-sbx-"

/* why NULL: wanted; "": left alone. */
static void records_are_wanted_by_backend_agent_and_name(void **state)
{
    static const struct {
        const char *config, *base, *dir, *endpoint, *prefix;
        bool unknown; /* the podman does not answer */
        const char *why;
    } table[] = {
        {AGENTS("", MAIN), "agent:main", WS, "podman", PODMAN, false, NULL},
        {AGENTS(",docker:{containerPrefix:'x-'}", MAIN), "agent:main", WS, "podman", "x-podman-", false, NULL},
        {AGENTS(",docker:{containerPrefix:'x-'}", MAIN), "agent:main", WS, "podman", PODMAN, false, "name is now *"},
        {AGENTS("", MAIN), "agent:main", "/elsewhere", "podman", PODMAN, false, "workspace of agent 'main' is now " WS},
        {AGENTS("", MAIN), "agent:zed", WS, "podman", PODMAN, false, "agent 'zed' is gone"},
        {AGENTS("", "main:{sandbox:{mode:'off'}}"), "agent:main", WS, "podman", PODMAN, false, "mode is off"},
        {AGENTS(",scope:'shared'", MAIN), "shared", NULL, "podman", PODMAN, false, NULL},
        {AGENTS(",scope:'session'", MAIN), "agent:main:x", WS, "podman", PODMAN, false, NULL},
        {AGENTS(",scope:'session'", MAIN), "agent:main", WS, "podman", PODMAN, false, "scope is now session"},
        {AGENTS("", MAIN), "agent:main:principal:00000000000000000000000000000000", WS, "podman", PODMAN, false, ""},
        {AGENTS("", MAIN), "agent:main", NULL, "podman", PODMAN, false, ""}, /* no line before knew podman */
        /* from one backend to the other */
        {AGENTS("", MAIN), "agent:main", WS, "docker", DOCKER, false, "backend is now podman"},
        {AGENTS(",backend:'docker'", MAIN), "agent:main", WS, "podman", PODMAN, false, "backend is now docker"},
        {AGENTS(",backend:'docker'", MAIN), "agent:main", WS, "docker", DOCKER, false, NULL},
        {AGENTS("", "main:{workspace:'" WS "',sandbox:{backend:'docker'}}"), "agent:main", WS, "docker", DOCKER, false, NULL},
        /* while it is not known which podman it is */
        {AGENTS("", MAIN), "agent:main", WS, "podman", PODMAN, true, ""},
        {AGENTS("", MAIN), "agent:main", "/elsewhere", "podman", PODMAN, true, ""},
        {AGENTS("", MAIN), "agent:main", WS, "podman", "other-", true, ""},
        {AGENTS("", MAIN), "agent:zed", WS, "podman", PODMAN, true, "agent 'zed' is gone"},
        {AGENTS(",backend:'docker'", MAIN), "agent:main", WS, "docker", DOCKER, true, NULL},
        /* one that has an error, and another podman */
        {AGENTS(",docker:{tmpfs:['/run']}", MAIN), "agent:main", WS, "podman", PODMAN, false, ""},
        {AGENTS("", "other:{}"), "agent:main", WS, "podman-target:socket:0", PODMAN, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ARENA_AUTO a = arena_new();
        EXPAND_WORLD_AUTO w = world_of(a, &places, table[i].unknown ? NULL : &rootful, table[i].config);
        const char *key = key_of(a, table[i].base, table[i].dir), *name = name_of(a, key, table[i].prefix), *why = table[i].why;
        const struct record *r = recorded(w, table[i].endpoint, name, key);
        bool is_wanted;

        if (why && text_has_suffix(why, "*"))
            why = arena_printf(a, "%.*s%s", (int)strlen(why) - 1, why, name_of(a, key, "x-podman-"));
        expand_world_run(w, ENSURE_EXISTING);
        is_wanted = wanted(w, table[i].endpoint, name) != NULL;
        if (is_wanted != !why || !text_eq(r->unwanted_because, why && *why ? why : NULL))
            fail_msg("%zu: %s: %s, %s", i, table[i].config, is_wanted ? "wanted" : "not wanted",
                     r->unwanted_because ? r->unwanted_because : "no reason");
        assert_int_equal(w->out.n, is_wanted ? 1 : 0);
    }
}

static void ensure_all_makes_one_per_agent_on_its_own_engine(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w =
        world_of(a, &places, &rootless, AGENTS(",prune:{idleHours:2,maxAgeDays:3}", MAIN ",b:{sandbox:{backend:'docker'}}"));
    const char *key = key_of(a, "agent:main", WS), *b_key = key_of(a, "agent:b", WS "/b");
    const struct desired *d;

    (void)state;
    assert_true(oc_asks_podman(a, &w->oc));
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->rc, 0);
    assert_int_equal(w->out.n, 2);
    d = wanted(w, "podman", name_of(a, key, PODMAN));
    assert_non_null(d);
    assert_non_null(wanted(w, "docker", name_of(a, b_key, DOCKER)));
    assert_string_equal(d->backend_id, "podman");
    assert_true(d->precreate && d->can_remake && d->want == WANT_RUNNING);
    assert_true(text_has_suffix(d->config_hash, ":podman-runtime-v9:configured-user:default") ||
                text_has_suffix(d->config_hash, ":podman-runtime-v9:keep-id:default"));
    assert_non_null(d->create);
    assert_true(d->idle_ms == 0 && d->max_age_ms == 3 * DAY_MS);
    assert_non_null(d->workspace_dir);
    /* Of what is only kept, both times count. */
    (void)recorded(w, "podman", name_of(a, key, PODMAN), key);
    expand_world_run(w, ENSURE_EXISTING);
    d = wanted(w, "podman", name_of(a, key, PODMAN));
    assert_true(d && !d->precreate && d->idle_ms == 2 * 3600000LL);
    /* Not known, not wanted. */
    w->oc.podman = NULL;
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->out.n, 1);
    assert_non_null(wanted(w, "docker", name_of(a, b_key, DOCKER)));
    assert_null(w->records[0].unwanted_because);
}

/* One scope key, and a runtime of each engine. */
static void agents_of_both_engines_may_share_a_scope(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &places, &rootful, AGENTS(",scope:'shared'", "a:{},b:{sandbox:{backend:'docker'}}"));

    (void)state;
    (void)recorded(w, "podman", PODMAN "shared", "shared");
    (void)recorded(w, "docker", DOCKER "shared", "shared");
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 2);
    assert_non_null(wanted(w, "podman", PODMAN "shared"));
    assert_non_null(wanted(w, "docker", DOCKER "shared"));
    assert_int_equal(w->d.n, 0); /* they do not fight over one */
}

static void what_another_podman_has_is_not_made_here(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &places, &rootful, AGENTS("", MAIN));
    const char *key = key_of(a, "agent:main", WS), *name = name_of(a, key, PODMAN);

    (void)state;
    (void)recorded(w, "podman-target:socket:0123", name, key);
    expand_world_run(w, ENSURE_ALL);
    assert_int_equal(w->out.n, 0);
    assert_int_equal(w->out.n_other_podman, 1);
    assert_int_equal(w->out.n_foreign_backend, 0);
    assert_int_equal(w->d.n, 1);
    assert_int_equal(w->d.v[0].level, DIAG_WARNING);
    assert_non_null(strstr(w->d.v[0].msg, "podman-target:socket:0123"));
}

static void what_podman_shows_is_wanted_only_if_it_is_certainly_ours(void **state)
{
    ARENA_AUTO a = arena_new();
    EXPAND_WORLD_AUTO w = world_of(a, &places, &rootful, AGENTS("", MAIN));
    const char *key = key_of(a, "agent:main", WS), *name = name_of(a, key, PODMAN);
    const char *hash = main_context(w).container.config_hash;

    (void)state;
    w->seen[0] = (struct observed){.endpoint = "podman",
                                   .name = name,
                                   .id = "1",
                                   .kind = RUNTIME_CONTAINER,
                                   .ownership = OWN_OPENCLAW,
                                   .state = RUN_RUNNING,
                                   .scope_key = key,
                                   .config_hash = hash};
    w->observation.n = 1;
    expand_world_run(w, ENSURE_EXISTING);
    assert_non_null(wanted(w, "podman", name));
    w->seen[0].config_hash = arena_memdup0(a, hash, 64); /* docker's, of the same settings */
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 0);
    w->seen[0].ownership = OWN_OURS;
    w->seen[0].install = EXPAND_WORLD_INSTALL;
    expand_world_run(w, ENSURE_EXISTING);
    assert_non_null(wanted(w, "podman", name));
    w->seen[0].endpoint = w->observation.endpoint = "podman:unix:///other.sock";
    expand_world_run(w, ENSURE_EXISTING);
    assert_int_equal(w->out.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_they_are_made_from_equals_openclaws),
        cmocka_unit_test(without_knowing_the_podman_there_is_all_but_the_body),
        cmocka_unit_test(only_the_lines_that_know_podman_make_containers_of_it),
        cmocka_unit_test(a_browser_with_podman_is_an_error_whatever_the_tools_say),
        cmocka_unit_test(what_root_owns_names_no_user),
        cmocka_unit_test(records_are_wanted_by_backend_agent_and_name),
        cmocka_unit_test(ensure_all_makes_one_per_agent_on_its_own_engine),
        cmocka_unit_test(agents_of_both_engines_may_share_a_scope),
        cmocka_unit_test(what_another_podman_has_is_not_made_here),
        cmocka_unit_test(what_podman_shows_is_wanted_only_if_it_is_certainly_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
