/* The create bodies of OpenClaw's containers and browsers. */
#include "spec/engine_fields.h"
#include "spec/openclaw/create.h"
#include "spec/openclaw/hash.h"
#include "spec/openclaw/names.h"
#include "spec/openclaw/podman.h"
#include "tests/lib/docker_argv.h"
#include "tests/lib/memfs.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *str(const struct node *v, const char *key)
{
    return node_str(node_get(v, key));
}

static int by_text(const void *x, const void *y)
{
    return strcmp((*(struct node *const *)x)->s, (*(struct node *const *)y)->s);
}

/* The docker command sends variables and binds in the random order of Go's maps. */
static struct node *with_sorted_sets(struct arena *a, const struct node *body)
{
    struct node *o = node_copy(a, body);
    struct node *sets[] = {node_get(o, "Env"), node_path(o, "HostConfig", "Binds", NULL)};
    for (size_t i = 0; i < 2; i++)
        if (node_is(sets[i], NODE_ARRAY))
            qsort(sets[i]->items, sets[i]->n_items, sizeof *sets[i]->items, by_text);
    return o;
}

static void assert_body(struct arena *a, const char *name, const struct node *got, const struct node *wanted, bool in_order)
{
    const struct node *x = in_order ? got : with_sorted_sets(a, got), *y = in_order ? wanted : with_sorted_sets(a, wanted);
    if (!node_equal(x, y))
        fail_msg("%s:\n got    %s\n wanted %s", name, node_json(a, x), node_json(a, y));
}

/* The machine the vectors were made on; `root` is where each line's have their directories. */
static struct oc_host vector_host(struct memfs *m, struct arena *a, const char *root)
{
    memfs_init(m, a);
    memfs_dir(m, arena_printf(a, "%s/home/.openclaw/workspace", root));
    memfs_dir(m, arena_printf(a, "%s/ws/sub", root));
    memfs_dir(m, arena_printf(a, "%s/aws", root));
    memfs_dir(m, "/srv/data");
    memfs_file(m, arena_printf(a, "%s/seccomp.json", root), "{ \"defaultAction\":\n\t\"SCMP_ACT_ALLOW\" }\n");
    const char *home = arena_printf(a, "%s/home", root);
    return (struct oc_host){.fs = &m->fs, .home = home, .os_home = home, .cwd = "/"};
}

static const struct line_vectors {
    enum oc_line line;
    const char *name, *root;
    size_t n, n_bodies, n_refused;
    bool env_in_order; /* the docker command sends variables of arguments in the random order of Go's maps, those of a file not */
} lines[] = {
    {OC_LINE_2026_5, "create", "/tmp/ocvec", 158, 134, 24, false},
    {OC_LINE_2026_9, "2026.9/create", "/tmp/ocvec9", 188, 144, 32, true},
};

/* Cases of podman, which have a test of their own. */
static bool is_podman(const struct node *v)
{
    return text_eq(str(v, "engine"), "podman");
}

static void plant_skills(struct memfs *m, struct arena *a, const struct node *v)
{
    const char *roots[] = {str(v, "workspaceDir"), str(v, "agentWorkspaceDir")};
    const struct node *there = node_get(v, "skillsDirsExist");
    if (!node_is(there, NODE_BOOL) || !there->b)
        return;
    for (size_t i = 0; i < 2; i++) {
        memfs_dir(m, arena_printf(a, "%s/skills", roots[i]));
        memfs_dir(m, arena_printf(a, "%s/.agents/skills", roots[i]));
    }
    memfs_dir(m, arena_printf(a, "%s/skills", str(v, "skillsWorkspaceDir")));
}

static struct oc_runtime runtime_of(struct arena *a, const struct fs *fs, const struct oc_profile *line, const struct node *v,
                                    struct oc_collator *collator)
{
    struct oc_runtime r = {.line = line,
                           .docker = node_get(v, "docker"),
                           .workspace_access = str(v, "workspaceAccess"),
                           .workspace_dir = str(v, "workspaceDir"),
                           .agent_workspace_dir = str(v, "agentWorkspaceDir"),
                           .skills_workspace_dir = str(v, "skillsWorkspaceDir"),
                           .scope_key = str(v, "scopeKey"),
                           .created_at_ms = (int64_t)node_get(v, "createdAtMs")->num,
                           .collator = collator};
    const struct node *resources = node_get(v, "readOnlyResourceMounts");
    struct oc_mounts *mounts = ARENA_NEW(a, struct oc_mounts);
    if (resources != NULL) {
        assert_int_equal(resources->n_items, 1);
        assert_string_equal(str(resources->items[0], "containerPath"), OC_ATTACHMENTS_TARGET);
        r.attachments_dir = str(resources->items[0], "hostPath");
    }
    if (r.scope_key == NULL)
        r.scope_key = oc_scope_key(a, &(struct oc_places){.home = "/", .state_dir = "/", .cwd = "/", .line = line},
                                   str(v, "scope"), NULL, str(v, "sessionKey"), r.agent_workspace_dir);
    *mounts = oc_mounts_plan(a, fs, &r);
    r.mounts = mounts;
    return r;
}

static void check_hash(struct arena *a, struct oc_collator *collator, const struct oc_runtime *r, const struct node *v,
                       char hash[DIGEST_HEX])
{
    struct err e = {0};
    struct node *input = oc_hash_input(a, r), *canonical;
    assert_int_equal(oc_hash(collator, input, hash, &e), 0);
    assert_int_equal(oc_canonical(a, collator, input, &canonical, &e), 0);
    if (str(v, "canonical") != NULL)
        assert_string_equal(node_json(a, canonical), str(v, "canonical"));
    if (str(v, "configHash") != NULL)
        assert_string_equal(hash, str(v, "configHash"));
}

static void reverse(struct node *list)
{
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items / 2; i++) {
        struct node *first = list->items[i];
        list->items[i] = list->items[list->n_items - 1 - i];
        list->items[list->n_items - 1 - i] = first;
    }
}

/* A container made of one body is no drift from the other, in whatever order the engine keeps variables and binds. */
static void assert_no_drift(struct arena *a, const char *name, const struct node *made_of, const struct node *wanted)
{
    struct node *shown = node_object(a), *config = node_copy(a, made_of);
    struct fields seen;
    struct field_change *changes;
    struct err e = {0};
    reverse(node_get(config, "Env"));
    reverse(node_path(config, "HostConfig", "Binds", NULL));
    node_set(a, shown, "Config", config);
    node_set(a, shown, "HostConfig", node_get(config, "HostConfig"));
    assert_int_equal(engine_inspect_fields(a, shown, wanted, NULL, &seen, &e), 0);
    if (fields_diff(a, engine_body_fields(a, wanted), seen, &changes) > 0)
        fail_msg("%s: %s: %s -> %s", name, changes[0].name, changes[0].from, changes[0].to);
}

/* What the vector's arguments make the docker command send; NULL where it refuses them, or OpenClaw does. */
static struct node *body_of(struct arena *a, const struct fs *fs, const struct node *blank, const struct node *v)
{
    struct node *body = NULL;
    struct err refused = {0};
    if (node_get(v, "createArgv") != NULL)
        (void)docker_argv_body(a, fs, blank, node_get(v, "createArgv"), str(v, "envFile"), &body, &refused);
    return body;
}

static void containers_equal_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    OC_COLLATOR_AUTO collator = OC_COLLATOR("en_US");
    const struct node *blank = node_get(vectors_load(a, "create")->items[0], "engineBody");
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        const struct line_vectors *of = &lines[l];
        const struct oc_profile *line = &oc_profiles[of->line];
        struct node *list = vectors_load(a, of->name);
        assert_int_equal(list->n_items, of->n);
        size_t n_bodies = 0, n_refused = 0;
        for (size_t i = 0; i < list->n_items; i++) {
            const struct node *v = list->items[i];
            const char *name = str(v, "name");
            struct memfs m;
            struct oc_host host = vector_host(&m, a, of->root);
            plant_skills(&m, a, v);
            const struct node *body = body_of(a, &m.fs, blank, v);
            if (is_podman(v))
                continue;
            if (node_get(v, "engineBody") != NULL)
                assert_body(a, name, body, node_get(v, "engineBody"), false);
            struct oc_runtime r = runtime_of(a, &m.fs, line, v, &collator);
            char hash[DIGEST_HEX];
            check_hash(a, &collator, &r, v, hash);
            r.config_hash = hash;
            if (str(v, "containerName") != NULL)
                assert_string_equal(oc_runtime_name(a, line, str(r.docker, "containerPrefix"), str(v, "scope"), r.scope_key),
                                    str(v, "containerName"));
            struct oc_create create = {0};
            struct err e = {0};
            int status = oc_create_container(a, &host, &r, &create, &e);
            if ((status == 0) != (body != NULL))
                fail_msg("%s: %s", name, status == 0 ? "made, wanted a refusal" : e.msg);
            if (body != NULL) {
                assert_body(a, name, create.body, body, of->env_in_order);
                assert_no_drift(a, name, body, create.body);
                assert_no_drift(a, name, create.body, body);
                bool warned = create.n_blocked_env + create.n_odd_env + r.mounts->n_skipped > 0;
                assert_int_equal(warned, node_get(v, "has_loglines") != NULL);
                n_bodies++;
            } else {
                assert_int_equal(e.class, ERR_CONFIG);
                assert_true(text_has_prefix(e.msg, "docker."));
                n_refused++;
            }
        }
        assert_int_equal(n_bodies, of->n_bodies);
        assert_int_equal(n_refused, of->n_refused);
    }
}

/* Rootless podman of the version in use then. */
static void podman_containers_equal_openclaws(void **state)
{
    static const struct oc_podman podman = {.rootless = true, .major = 4, .minor = 9};
    (void)state;
    ARENA_AUTO a = arena_new();
    OC_COLLATOR_AUTO collator = OC_COLLATOR("en_US");
    const struct node *blank = node_get(vectors_load(a, "create")->items[0], "engineBody");
    const struct oc_profile *line = &oc_profiles[OC_LINE_2026_9];
    struct node *list = vectors_load(a, "2026.9/create");
    size_t n_bodies = 0, n_refused = 0;
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *v = list->items[i];
        const char *name = str(v, "name");
        bool by_default = text_eq(str(v, "dockerTmpfsSource"), "default");
        if (!is_podman(v))
            continue;
        struct memfs m;
        struct oc_host host = vector_host(&m, a, "/tmp/ocvec9");
        struct oc_runtime r = runtime_of(a, &m.fs, line, v, &collator);
        const struct node *body = body_of(a, &m.fs, blank, v);
        char generic[DIGEST_HEX];
        struct oc_create create;
        struct err e = {0};
        assert_int_equal(oc_hash(&collator, oc_hash_input(a, &r), generic, &e), 0);
        r.config_hash = oc_podman_hash(a, generic, r.docker, by_default);
        int status = oc_create_container(a, &host, &r, &create, &e);
        if (status == 0)
            status = oc_podman_adapt(a, &podman, &r, by_default, create.body, &e);
        if ((status == 0) != (body != NULL))
            fail_msg("%s: %s", name, status == 0 ? "made, wanted a refusal" : e.msg);
        if (body == NULL) {
            assert_true(text_has_prefix(e.msg, "docker."));
            assert_int_equal(e.class, ERR_CONFIG);
            n_refused++;
            continue;
        }
        assert_string_equal(generic, str(v, "genericConfigHash"));
        assert_string_equal(r.config_hash, str(v, "configHash"));
        assert_string_equal(
            oc_runtime_name(a, line, oc_podman_prefix(a, str(r.docker, "containerPrefix")), str(v, "scope"), r.scope_key),
            str(v, "containerName"));
        assert_body(a, name, create.body, body, true);
        n_bodies++;
    }
    assert_int_equal(n_bodies, 7);
    assert_int_equal(n_refused, 5);
}

static void what_podman_cannot_have_is_refused_with_the_key(void **state)
{
    static const struct {
        struct oc_podman podman;
        const char *docker, *begins; /* NULL: made */
    } table[] = {
        {{true, 4, 3}, "{'user':'1:2'}", NULL},
        {{true, 4, 2}, "{'user':'1:2'}", "docker.user: "},
        {{true, 0, 0}, "{'user':'1'}", "docker.user: "},
        {{true, 4, 2}, "{'user':' '}", NULL},
        {{false, 4, 2}, "{'user':'bob'}", NULL},
        {{true, 5, 0}, "{'user':'000'}", "docker.user: "},
        {{true, 5, 0}, "{'user':'1:00'}", "docker.user: "},
        {{true, 5, 0}, "{'user':'1:'}", "docker.user: "},
        {{true, 5, 0}, "{'user':'1:2:3'}", "docker.user: "},
        {{true, 5, 0}, "{'user':'+1'}", "docker.user: "},
        {{true, 4, 9}, "{'gpus':'all'}", "docker.gpus: "},
        {{false, 4, 9}, "{'gpus':'all'}", "docker.gpus: "},
        {{true, 5, 0}, "{'gpus':'all'}", NULL},
        {{true, 5, 0}, "{'tmpfs':['/tmp','/run/../run/']}", "docker.tmpfs[1]: "},
        {{true, 5, 0}, "{'tmpfs':['/run/podman-init/x:size=1m']}", "docker.tmpfs[0]: "},
        {{true, 5, 0}, "{'tmpfs':['/run/podman-initial']}", NULL},
        {{true, 5, 0}, "{'workdir':'/run'}", "docker.workdir: "},
        {{true, 5, 0}, "{'binds':['/tmp/ocvec/ws/sub:/d','/tmp/ocvec/ws/sub:/run:ro']}", "docker.binds[1]: "},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    struct oc_host host = vector_host(&m, a, "/tmp/ocvec");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct node *docker = vectors_json(a, table[i].docker);
        struct oc_runtime r = {.line = &oc_profiles[OC_LINE_2026_9],
                               .docker = docker,
                               .workspace_access = "none",
                               .workspace_dir = "/tmp/ocvec/ws",
                               .agent_workspace_dir = "/tmp/ocvec/aws",
                               .scope_key = "k"};
        struct oc_create c;
        struct err e = {0};
        if (node_get(docker, "workdir") == NULL)
            node_set(a, docker, "workdir", node_string(a, "/w"));
        node_set(a, docker, "image", node_string(a, "i"));
        struct oc_mounts mounts = oc_mounts_plan(a, &m.fs, &r);
        r.mounts = &mounts;
        assert_int_equal(oc_create_container(a, &host, &r, &c, &e), 0);
        int status = oc_podman_adapt(a, &table[i].podman, &r, false, c.body, &e);
        if ((status == 0) != (table[i].begins == NULL) || (status < 0 && !text_has_prefix(e.msg, table[i].begins)))
            fail_msg("%zu: %s: %s", i, table[i].docker, e.msg);
    }
    /* Whose workspace is root's keeps the caller's id. */
    struct node *docker = node_object(a);
    memfs_dir(&m, "/root-owned")->uid = 0;
    struct memfs_entry *owned = memfs_dir(&m, "/owned");
    owned->uid = 7;
    owned->gid = 8;
    assert_ptr_equal(oc_podman_user(a, &m.fs, docker, "/root-owned"), docker);
    assert_string_equal(str(oc_podman_user(a, &m.fs, docker, "/owned"), "user"), "7:8");
}

/* What spec/openclaw/resolve makes of an empty config. */
#define DEFAULTS                                                                                                                 \
    "{'scope':'agent','workspaceAccess':'none','workspaceRoot':'/tmp/ocvec/home/.openclaw/sandboxes','docker':{'image':"         \
    "'openclaw-sandbox:bookworm-slim','containerPrefix':'openclaw-sbx-','workdir':'/workspace','readOnlyRoot':true,'tmpfs':["    \
    "'/tmp','/var/tmp','/run'],'network':'none','capDrop':['ALL'],'env':{'LANG':'C.UTF-8'}},'browser':{'enabled':false,"         \
    "'image':'openclaw-sandbox-browser:bookworm-slim','containerPrefix':'openclaw-sbx-browser-','network':"                      \
    "'openclaw-sandbox-browser','cdpPort':9222,'vncPort':5900,'noVncPort':6080,'headless':false,'enableNoVnc':true,"             \
    "'allowHostControl':false,'autoStart':true,'autoStartTimeoutMs':12000}}"

static struct node *sandbox_of(struct arena *a, const struct node *config)
{
    struct node *o = vectors_json(a, DEFAULTS);
    const struct node *set = node_path(config, "agents", "defaults", "sandbox", NULL);
    for (size_t i = 0; i < set->n_members; i++) {
        const struct node_member *m = &set->members[i];
        struct node *section = node_get(o, m->key);
        if (!node_is(section, NODE_OBJECT))
            node_set(a, o, m->key, m->value);
        else
            for (size_t k = 0; k < m->value->n_members; k++)
                node_set(a, section, m->value->members[k].key, m->value->members[k].value);
    }
    return o;
}

static const char *password_of(const struct node *body)
{
    static const char name[] = "OPENCLAW_BROWSER_NOVNC_PASSWORD=";
    const struct node *env = node_get(body, "Env");
    for (size_t i = 0; i < env->n_items; i++)
        if (text_has_prefix(env->items[i]->s, name))
            return env->items[i]->s + strlen(name);
    return NULL;
}

/* The whole way from a config to both bodies, the user being the workspace's owner. */
static void contexts_equal_openclaws_browsers_too(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    struct oc_host host = vector_host(&m, a, "/tmp/ocvec");
    OC_COLLATOR_AUTO collator = OC_COLLATOR("en_US");
    struct node *list = vectors_load(a, "context");
    size_t n_browsers = 0;
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *v = list->items[i], *config = node_get(v, "config"), *bodies = node_get(v, "engineBodies");
        struct oc_places places = {.home = str(v, "home"), .state_dir = "/tmp/ocvec/home/.openclaw", .cwd = "/"};
        struct node *sandbox = sandbox_of(a, config), *browser = node_get(sandbox, "browser");
        const char *scope = str(sandbox, "scope"), *key = str(v, "sessionKey");
        const char *scope_key = oc_scope_key(a, &places, scope, NULL, key, NULL);
        struct oc_dirs dirs =
            oc_dirs(a, config, oc_session_agent(a, oc_line_of(&places), config, key), sandbox, scope_key, &places);
        memfs_dir(&m, dirs.workspace_dir);
        struct node *docker = oc_docker_user(a, &m.fs, node_get(sandbox, "docker"), dirs.workspace_dir);
        struct oc_runtime r = {.docker = docker,
                               .workspace_access = str(sandbox, "workspaceAccess"),
                               .workspace_dir = dirs.workspace_dir,
                               .agent_workspace_dir = dirs.agent_workspace_dir,
                               .scope_key = scope_key,
                               .created_at_ms = (int64_t)node_get(v, "nowMs")->num};
        char hash[DIGEST_HEX];
        struct err e = {0};
        struct oc_create create;
        struct oc_mounts mounts = oc_mounts_plan(a, &m.fs, &r);
        r.mounts = &mounts;
        assert_int_equal(oc_hash(&collator, oc_hash_input(a, &r), hash, &e), 0);
        r.config_hash = hash;
        assert_int_equal(oc_create_container(a, &host, &r, &create, &e), 0);
        const char *name = oc_runtime_name(a, &oc_profiles[OC_LINE_2026_5], str(docker, "containerPrefix"), scope, scope_key);
        assert_non_null(node_get(bodies, name));
        assert_body(a, str(v, "name"), create.body, node_get(bodies, name), false);

        name = oc_runtime_name(a, &oc_profiles[OC_LINE_2026_5], str(browser, "containerPrefix"), scope, scope_key);
        const struct node *body = node_get(bodies, name);
        if (body == NULL)
            continue;
        n_browsers++;
        r.browser = browser;
        r.docker = oc_browser_docker(a, docker, browser);
        mounts = oc_mounts_plan(a, &m.fs, &r);
        assert_int_equal(oc_hash(&collator, oc_hash_input(a, &r), hash, &e), 0);
        const char *gateways[] = {"fd00::1", "172.30.0.1"};
        r.cdp_source_range = oc_cdp_source_range(a, NULL, browser, str(r.docker, "network"), "bridge", gateways, 2);
        r.no_vnc_password = password_of(body);
        assert_int_equal(r.no_vnc_password != NULL, oc_wants_no_vnc(NULL, browser));
        assert_int_equal(oc_create_browser(a, &host, &r, &create, &e), 0);
        assert_body(a, str(v, "name"), create.body, body, false);
    }
    assert_int_equal(n_browsers, 3);
}

static int create(struct arena *a, struct oc_host *host, const char *docker, const char *browser, struct oc_create *ret,
                  struct err *e)
{
    struct node *d = node_get(vectors_json(a, DEFAULTS), "docker"), *more = vectors_json(a, docker);
    for (size_t i = 0; i < more->n_members; i++)
        node_set(a, d, more->members[i].key, more->members[i].value);
    struct oc_runtime r = {.docker = d,
                           .workspace_access = "none",
                           .workspace_dir = "/tmp/ocvec/ws",
                           .agent_workspace_dir = "/tmp/ocvec/aws",
                           .scope_key = "agent:main",
                           .config_hash = "x",
                           .cdp_source_range = "10.0.0.1/32"};
    struct oc_mounts mounts;
    r.mounts = &mounts;
    if (browser == NULL) {
        mounts = oc_mounts_plan(a, host->fs, &r);
        return oc_create_container(a, host, &r, ret, e);
    }
    struct node *b = node_get(vectors_json(a, DEFAULTS), "browser");
    more = vectors_json(a, browser);
    for (size_t i = 0; i < more->n_members; i++)
        node_set(a, b, more->members[i].key, more->members[i].value);
    r.browser = b;
    r.docker = oc_browser_docker(a, d, b);
    mounts = oc_mounts_plan(a, host->fs, &r);
    return oc_create_browser(a, host, &r, ret, e);
}

static void what_the_docker_command_refuses_is_refused_with_the_key(void **state)
{
    static const struct {
        const char *docker, *browser, *begins;
    } table[] = {
        {"{'image':''}", NULL, "docker.image: "},
        {"{'image':'Upper'}", NULL, "docker.image: "},
        {"{'memory':'banana'}", NULL, "docker.memory: "},
        {"{'memory':-1}", NULL, "docker.memory: "},
        {"{'memorySwap':'-2'}", NULL, "docker.memorySwap: "},
        {"{'cpus':0.0000000001}", NULL, "docker.cpus: "},
        {"{'pidsLimit':1.5}", NULL, "docker.pidsLimit: "},
        {"{'gpus':'many'}", NULL, "docker.gpus: "},
        {"{'ulimits':{'nofiles':1}}", NULL, "docker.ulimits.nofiles: "},
        {"{'ulimits':{'nofile':{'soft':2,'hard':1}}}", NULL, "docker.ulimits.nofile: "},
        {"{'dns':['1.1.1.1','ns1']}", NULL, "docker.dns[1]: "},
        {"{'extraHosts':['db']}", NULL, "docker.extraHosts[0]: "},
        {"{'env':{'=A':'1'}}", NULL, "docker.env: "},
        {"{'env':{'A\\u0000B':'1'}}", NULL, "docker.env: "},
        {"{'user':'a\\u0000'}", NULL, "docker.user: "},
        {"{'tmpfs':['/a','/b\\u0000']}", NULL, "docker.tmpfs[1]: "},
        {"{'seccompProfile':'/none.json'}", NULL, "docker.seccompProfile: '/none.json': "},
        {"{'seccompProfile':'/bad.json'}", NULL, "docker.seccompProfile: '/bad.json': is no JSON"},
        {"{'seccompProfile':'/tmp/ocvec'}", NULL, "docker.seccompProfile: '/tmp/ocvec': "},
        {"{'network':'  '}", NULL, "docker.network: "},
        {"{'network':'name=host'}", NULL, "docker.network: "},
        {"{'workdir':''}", NULL, "docker.workdir: "},
        {"{'workdir':'/a:bc'}", NULL, "docker.workdir: "},
        {"{'binds':['']}", NULL, "docker.binds[0]: "},
        {"{'binds':['/tmp/ocvec/ws::ro']}", NULL, "docker.binds[0]: "},
        {"{'binds':['/srv:/d']}", NULL, "docker.binds[0]: "},
        {"{}", "{'network':'host'}", "browser.network: "},
        {"{}", "{'image':''}", "browser.image: "},
        {"{}", "{'binds':['/etc:/d']}", "browser.binds[0]: "},
        {"{'binds':['/etc:/d']}", "{}", "docker.binds[0]: "},
        {"{}", "{'cdpPort':65536}", "browser.cdpPort: "},
        {"{}", "{'noVncPort':1e21}", "browser.noVncPort: "},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    struct oc_host host = vector_host(&m, a, "/tmp/ocvec");
    memfs_file(&m, "/bad.json", "{\"a\":}");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        struct oc_create c = {0};
        if (create(a, &host, table[i].docker, table[i].browser, &c, &e) == 0)
            fail_msg("%s %s: made", table[i].docker, table[i].browser);
        if (!text_has_prefix(e.msg, table[i].begins) || e.class != ERR_CONFIG)
            fail_msg("%s: %s", table[i].docker, e.msg);
        assert_null(c.body);
    }
}

static void what_is_odd_but_taken_arrives_as_through_argv(void **state)
{
    static const struct {
        const char *docker, *field, *json;
    } table[] = {
        {"{'env':{'A':'1','A=B':'2'}}", "Env", "[\"A=B=2\",\"OPENCLAW_CLI=1\"]"},
        {"{'env':{'S':'\\ud800'}}", "Env", "[\"S=\xef\xbf\xbd\",\"OPENCLAW_CLI=1\"]"},
        {"{'env':{'__proto__':'x','AWS_SECRET_KEY':'k','XAWS_SECRET_KEY':'y'}}", "Env",
         "[\"XAWS_SECRET_KEY=y\",\"OPENCLAW_CLI=1\"]"},
        {"{'binds':['/tmp/ocvec/ws','/tmp/ocvec/ws']}", "Volumes", "{\"/tmp/ocvec/ws\":{}}"},
        {"{'binds':['/tmp/ocvec/ws:/a','/tmp/ocvec/ws:/a']}", "HostConfig.Binds",
         "[\"/tmp/ocvec/ws:/workspace:ro,z\",\"/tmp/ocvec/ws:/a\"]"},
        {"{'tmpfs':['/a:x','/b','/a']}", "HostConfig.Tmpfs", "{\"/a\":\"\",\"/b\":\"\"}"},
        {"{'memory':'','memorySwap':'-1'}", "HostConfig.MemorySwap", "-1"},
        {"{'memory':1.9}", "HostConfig.Memory", "1"},
        {"{'ulimits':{'nofile':{'soft':-5,'hard':7},'core':' 0 '}}", "HostConfig.Ulimits",
         "[{\"Name\":\"core\",\"Hard\":0,\"Soft\":0},{\"Name\":\"nofile\",\"Hard\":7,\"Soft\":0}]"},
        {"{'dns':[' ::1 ']}", "HostConfig.Dns", "[\"::1\"]"},
        {"{'apparmorProfile':'x','seccompProfile':'rel.json'}", "HostConfig.SecurityOpt",
         "[\"no-new-privileges\",\"seccomp={\\\"a\\\":[1,\\\"b c\\\"]}\",\"apparmor=x\"]"},
        {"{'user':'  '}", "User", "\"  \""},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    struct oc_host host = vector_host(&m, a, "/tmp/ocvec");
    memfs_file(&m, "/cwd/rel.json", " {\"a\" : [ 1 ,\"b c\" ] }\n");
    host.cwd = "/cwd";
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {0};
        struct oc_create c = {0};
        if (create(a, &host, table[i].docker, NULL, &c, &e) < 0)
            fail_msg("%s: %s", table[i].docker, e.msg);
        const char *dot = strchr(table[i].field, '.');
        const struct node *v = dot != NULL ? node_path(c.body, "HostConfig", dot + 1, NULL) : node_get(c.body, table[i].field);
        assert_string_equal(node_json(a, v), table[i].json);
    }
}

/* What 2026.9 mounts, refuses and hands on otherwise than 2026.5, where no golden case shows it. */
static void of_2026_9_a_file_holds_variables_and_a_target_is_mounted_once(void **state)
{
    static const struct {
        const char *access, *docker, *field, *json; /* field NULL: refused, json is how the message begins */
    } table[] = {
        {"none", "{'env':{'b':'1','A':'2','OPENCLAW_CLI':'0'}}", "Env", "[\"A=2\",\"b=1\",\"OPENCLAW_CLI=1\"]"},
        {"none", "{'env':{' A_TOKEN ':'1','N':'a\\u0000b'}}", "Env", "[\"A_TOKEN=1\",\"OPENCLAW_CLI=1\"]"},
        {"none", "{'env':{'A-B':'1'}}", NULL, "docker.env: 'A-B'"},
        {"none", "{'env':{'1A':'1'}}", NULL, "docker.env: '1A'"},
        {"none", "{'env':{'A':'1\\r'}}", NULL, "docker.env: the value of 'A'"},
        {"none", "{'binds':['/tmp/ocvec/ws/sub:/d','/tmp/ocvec/ws:/e','/tmp/ocvec/aws:/d/../d/:ro']}", "Binds",
         "[\"/tmp/ocvec/ws:/workspace:z\",\"/tmp/ocvec/aws:/d/../d/:ro\",\"/tmp/ocvec/ws:/e\"]"},
        {"ro", "{'binds':['/tmp/ocvec/ws/sub:/workspace'],'dangerouslyAllowReservedContainerTargets':true}", "Binds",
         "[\"/tmp/ocvec/aws:/agent:ro,z\",\"/tmp/ocvec/ws/sub:/workspace\"]"},
        {"ro", "{'workdir':'/w/'}", "Binds", "[\"/tmp/ocvec/ws:/w:ro,z\",\"/tmp/ocvec/aws:/agent:ro,z\"]"},
        {"ro", "{'workdir':'/agent/'}", "Binds", "[\"/tmp/ocvec/aws:/agent:ro,z\"]"}, /* the last wins */
        {"ro", "{'workdir':'/w/'}", "WorkingDir", "\"/w/\""},
        {"none", "{'binds':['/tmp/ocvec/ws:/d','/var/lib/..:/e'],'dangerouslyAllowExternalBindSources':true}", NULL,
         "docker.binds[1]: "},
        {"none", "{}", "Init", "true"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    OC_COLLATOR_AUTO collator = OC_COLLATOR("en_US");
    struct memfs m;
    struct oc_host host = vector_host(&m, a, "/tmp/ocvec");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct node *d = node_get(vectors_json(a, DEFAULTS), "docker"), *more = vectors_json(a, table[i].docker);
        for (size_t k = 0; k < more->n_members; k++)
            node_set(a, d, more->members[k].key, more->members[k].value);
        struct oc_runtime r = {.line = &oc_profiles[OC_LINE_2026_9],
                               .docker = d,
                               .workspace_access = table[i].access,
                               .workspace_dir = "/tmp/ocvec/ws",
                               .agent_workspace_dir = "/tmp/ocvec/aws",
                               .scope_key = "k",
                               .collator = &collator};
        struct oc_mounts mounts = oc_mounts_plan(a, &m.fs, &r);
        r.mounts = &mounts;
        struct oc_create c = {0};
        struct err e = {0};
        int status = oc_create_container(a, &host, &r, &c, &e);
        if (table[i].field == NULL) {
            if (status == 0 || e.class != ERR_CONFIG || !text_has_prefix(e.msg, table[i].json))
                fail_msg("%s: %s", table[i].docker, status == 0 ? "made" : e.msg);
            continue;
        }
        if (status < 0)
            fail_msg("%s: %s", table[i].docker, e.msg);
        const struct node *v = node_get(c.body, table[i].field);
        v = v != NULL ? v : node_path(c.body, "HostConfig", table[i].field, NULL);
        assert_string_equal(node_json(a, v), table[i].json);
    }
}

/* A line of the docker command's buffer: 65535 bytes, name and '=' included. */
static void a_variable_of_2026_9_fits_a_line(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    struct oc_host host = vector_host(&m, a, "/tmp/ocvec");
    for (size_t n = 65533; n <= 65534; n++) {
        struct node *d = node_get(vectors_json(a, DEFAULTS), "docker"), *env = node_object(a);
        char *value = arena_alloc(a, n + 1);
        memset(value, '.', n);
        node_set(a, env, "A", node_string(a, value));
        node_set(a, d, "env", env);
        for (int l = 0; l < OC_LINE_COUNT; l++) {
            struct oc_runtime r = {.line = &oc_profiles[l],
                                   .docker = d,
                                   .workspace_access = "none",
                                   .workspace_dir = "/tmp/ocvec/ws",
                                   .agent_workspace_dir = "/tmp/ocvec/aws",
                                   .scope_key = "k"};
            struct oc_mounts mounts = oc_mounts_plan(a, &m.fs, &r);
            r.mounts = &mounts;
            struct oc_create c;
            struct err e = {0};
            assert_int_equal(oc_create_container(a, &host, &r, &c, &e), l == OC_LINE_2026_9 && n == 65534 ? -1 : 0);
        }
    }
}

/* Only directories that are ones, and lead nowhere else. */
static void skills_behind_a_link_are_not_mounted(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    memfs_init(&m, a);
    memfs_dir(&m, "/etc/skills");
    memfs_dir(&m, "/linked");
    memfs_link(&m, "/linked/skills", "/etc/skills");
    memfs_link(&m, "/linked/.agents", "/etc");
    memfs_file(&m, "/filed/skills", "");
    memfs_dir(&m, "/real/skills");
    memfs_link(&m, "/root-link", "/real");
    static const struct {
        const char *dir;
        size_t n; /* mounts, the workspace's included */
    } table[] = {{"/linked", 1}, {"/filed", 1}, {"/real", 2}, {"/root-link", 2}, {"/gone", 1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct oc_runtime r = {.line = &oc_profiles[OC_LINE_2026_9],
                               .docker = vectors_json(a, "{'workdir':'/workspace'}"),
                               .workspace_access = "none",
                               .workspace_dir = table[i].dir,
                               .agent_workspace_dir = "/aws"};
        assert_int_equal(oc_mounts_plan(a, &m.fs, &r).n, table[i].n);
        r.line = NULL;
        assert_int_equal(oc_mounts_plan(a, &m.fs, &r).n, 1);
        assert_null(oc_skills_dir(a, &r));
    }
}

static void credentials_are_kept_out_and_secrets_marked(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    struct oc_host host = vector_host(&m, a, "/tmp/ocvec");
    struct node *docker = vectors_json(a, "{'env':{'OPENAI_API_KEY':'x','mytoken':'y','TOKENS':'z'}}");
    node_path(docker, "env", "TOKENS", NULL)->secret = true;
    struct oc_runtime r = {
        .docker = docker, .workspace_access = "none", .workspace_dir = "/w", .agent_workspace_dir = "/w", .scope_key = "k"};
    node_set(a, docker, "image", node_string(a, "i"));
    node_set(a, docker, "workdir", node_string(a, "/w"));
    struct oc_mounts mounts = oc_mounts_plan(a, &m.fs, &r);
    r.mounts = &mounts;
    struct err e = {0};
    struct oc_create c;
    assert_int_equal(oc_create_container(a, &host, &r, &c, &e), 0);
    assert_int_equal(c.n_blocked_env, 2);
    assert_string_equal(c.blocked_env[0], "OPENAI_API_KEY");
    assert_string_equal(c.blocked_env[1], "mytoken");
    const struct node *env = node_get(c.body, "Env");
    assert_int_equal(env->n_items, 2);
    assert_string_equal(env->items[0]->s, "TOKENS=z");
    assert_true(env->items[0]->secret);
    assert_false(env->items[1]->secret);
}

static void cdp_source_range_follows_the_network(void **state)
{
    static const struct {
        const char *browser, *network, *driver, *gateway, *range;
    } table[] = {
        {"{'cdpSourceRange':' 10.0.0.0/8 '}", "n", "overlay", NULL, "10.0.0.0/8"},
        {"{'cdpSourceRange':' '}", "n", "bridge", "172.18.0.1", "172.18.0.1/32"},
        {"{}", "n", NULL, "172.18.0.1", "172.18.0.1/32"},
        {"{}", "n", "overlay", "172.18.0.1", NULL},
        {"{}", "n", "bridge", "fd00::1", NULL},
        {"{}", "n", "bridge", "", NULL},
        {"{}", " None ", "null", NULL, "127.0.0.1/32"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *range = oc_cdp_source_range(a, NULL, vectors_json(a, table[i].browser), table[i].network, table[i].driver,
                                                &table[i].gateway, table[i].gateway != NULL);
        if (!text_eq(range, table[i].range))
            fail_msg("%zu: %s", i, range);
    }
}

static void the_user_is_the_workspaces_owner(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    memfs_init(&m, a);
    struct memfs_entry *dir = memfs_dir(&m, "/w");
    dir->uid = 1000;
    dir->gid = 20;
    memfs_link(&m, "/link", "/w");
    struct node *docker = vectors_json(a, "{'user':' \\t'}");
    assert_string_equal(str(oc_docker_user(a, &m.fs, docker, "/w"), "user"), "1000:20");
    assert_string_equal(str(oc_docker_user(a, &m.fs, docker, "/link"), "user"), "1000:20");
    assert_ptr_equal(oc_docker_user(a, &m.fs, docker, "/gone"), docker);
    assert_string_equal(str(docker, "user"), " \t");
    docker = vectors_json(a, "{'user':'me'}");
    assert_ptr_equal(oc_docker_user(a, &m.fs, docker, "/w"), docker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_equal_openclaws),
        cmocka_unit_test(podman_containers_equal_openclaws),
        cmocka_unit_test(what_podman_cannot_have_is_refused_with_the_key),
        cmocka_unit_test(contexts_equal_openclaws_browsers_too),
        cmocka_unit_test(what_the_docker_command_refuses_is_refused_with_the_key),
        cmocka_unit_test(what_is_odd_but_taken_arrives_as_through_argv),
        cmocka_unit_test(of_2026_9_a_file_holds_variables_and_a_target_is_mounted_once),
        cmocka_unit_test(a_variable_of_2026_9_fits_a_line),
        cmocka_unit_test(skills_behind_a_link_are_not_mounted),
        cmocka_unit_test(credentials_are_kept_out_and_secrets_marked),
        cmocka_unit_test(cdp_source_range_follows_the_network),
        cmocka_unit_test(the_user_is_the_workspaces_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
