#include "spec/openclaw/context.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/openclaw/away.h"
#include "spec/openclaw/podman.h"
#include "spec/openclaw/ssh.h"
#include "spec/openclaw/tools.h"

#include <string.h>
#include <sys/stat.h>

/* --- the owner of a workspace ------------------------------------------------------------------------------------------------
 */

int oc_owner_of(struct arena *a, const struct fs *fs, const char *dir, uint32_t uid, uint32_t gid, uint32_t *ret_uid,
                uint32_t *ret_gid, struct err *e)
{
    struct fs_stat st;
    bool there = true;

    for (const char *p = dir;; p = path_dirname(a, p)) {
        struct err why = {0};

        if (fs->stat(fs->ctx, p, true, &st, &why) == 0)
            break;
        if (why.class != ERR_NOT_FOUND || strcmp(p, "/") == 0) {
            *e = why;
            return -1;
        }
        there = false;
    }
    *ret_uid = there || uid == 0 ? st.uid : uid;
    *ret_gid = there || uid == 0 || (st.mode & S_ISGID) ? st.gid : gid;
    return 0;
}

/* As OpenClaw, who would have made the directory by now. Where it cannot be looked at, the user stays as it is. */
static struct node *docker_with_user(struct arena *a, const struct oc_instance *oc, const struct oc_context *c,
                                     struct node *docker)
{
    struct node *o = (c->is_podman ? oc_podman_user : oc_docker_user)(a, oc->fs, docker, c->workspace_dir);
    struct err ignored = {0};
    uint32_t uid, gid;

    if (o != docker || !js_is_blank(node_str(node_get(docker, "user"))) ||
        oc_owner_of(a, oc->fs, c->workspace_dir, oc->uid, oc->gid, &uid, &gid, &ignored) < 0 ||
        (c->is_podman && (uid == 0 || gid == 0)))
        return o;
    o = node_copy(a, docker);
    node_set(a, o, "user", node_printf(a, "%u:%u", uid, gid));
    return o;
}

/* --- one scope ----------------------------------------------------------------------------------------------------------------
 */

static const char *text(const struct node *sandbox, const char *object, const char *key)
{
    const struct node *n = object ? node_path(sandbox, object, key, NULL) : node_get(sandbox, key);

    return node_str(n);
}

/* Messages of create and security begin with the key below the sandbox. */
static void report(struct arena *a, const struct oc_instance *oc, const struct oc_context *c, const struct err *e,
                   struct diags *d)
{
    struct oc_origins origins = oc_resolve_origins(a, oc->config, oc->places, c->agent_id);
    const char *colon = strstr(e->msg, ": ");
    size_t n = colon ? (size_t)(colon - e->msg) : 0;
    const char *key = arena_memdup0(a, e->msg, n);
    const struct oc_origin *o = n > 0 && !strchr(key, ' ') ? oc_origin_find(a, origins, key) : NULL;
    struct pos pos = o ? o->pos : (struct pos){0};

    if (!pos.file && c->sandbox.entry)
        pos = c->sandbox.entry->pos;
    if (o)
        diag_error(d, pos, o->from ? o->from : diag_key(a, "agents.defaults.sandbox", o->key), "%s", colon + 2);
    else
        diag_error(d, pos, "", "agent '%s': %s", c->agent_id, e->msg);
}

static struct oc_host host_of(const struct oc_instance *oc)
{
    return (struct oc_host){
        .fs = oc->fs, .home = oc->places->home, .os_home = oc->os_home ? oc->os_home : oc->places->home, .cwd = oc->places->cwd};
}

static struct oc_runtime runtime_of(const struct oc_instance *oc, const struct oc_context *c, const struct node *docker)
{
    return (struct oc_runtime){.line = oc_line_of(oc->places),
                               .docker = docker,
                               .workspace_access = c->workspace_access,
                               .workspace_dir = c->workspace_dir,
                               .agent_workspace_dir = c->agent_workspace_dir,
                               .skills_workspace_dir = c->skills_workspace_dir,
                               .skills_are_copied = true,
                               .scope_key = c->scope_key,
                               .created_at_ms = oc->created_at_ms,
                               .collator = oc->collator};
}

/* The mounts, the hash, and whether that is certain. */
static int plan_runtime(struct arena *a, const struct oc_instance *oc, struct oc_runtime *r, struct oc_container *ret,
                        struct err *e)
{
    struct oc_mounts *mounts = ARENA_NEW(a, struct oc_mounts);
    char hash[DIGEST_HEX];
    const char *name;

    *mounts = oc_mounts_plan(a, oc->fs, r);
    r->mounts = mounts;
    if (oc_hash(oc->collator, oc_hash_input(a, r), hash, e) < 0)
        return -1;
    r->config_hash = ret->config_hash = arena_strdup(a, hash);
    if (r->line->env_policy_epoch && oc_env_policy(a, node_get(r->docker, "env"), &name) == OC_ENV_OPEN)
        ret->hash_uncertain = diag_key(a, "docker.env", name);
    return 0;
}

static bool is_true(const struct node *n)
{
    return node_is(n, NODE_BOOL) && n->b;
}

/* OpenClaw's podman has none, and whoever asks for one gets no sandbox at all, whatever the tool policy says. */
static int refuse_browser(const struct node *sandbox, struct err *e)
{
    if (is_true(node_path(sandbox, "browser", "enabled", NULL)))
        return err_set(e, ERR_CONFIG, 0, "browser.enabled: backend podman has no browsers");
    return 0;
}

static int make_container(struct arena *a, const struct oc_instance *oc, struct oc_context *c, struct err *e)
{
    struct node *sandbox = c->sandbox.config;
    struct oc_runtime r = runtime_of(oc, c, node_get(sandbox, "docker"));
    const struct oc_host host = host_of(oc);
    const char *prefix = text(sandbox, "docker", "containerPrefix");
    bool default_tmpfs = text_eq(text(sandbox, NULL, "dockerTmpfsSource"), "default");
    struct oc_create made;

    c->container.name = oc_runtime_name(a, r.line, c->is_podman ? oc_podman_prefix(a, prefix) : prefix, c->scope, c->scope_key);
    c->container.image = text(sandbox, "docker", "image");
    if (plan_runtime(a, oc, &r, &c->container, e) < 0)
        return -1;
    if (c->is_podman)
        r.config_hash = c->container.config_hash = oc_podman_hash(a, r.config_hash, r.docker, default_tmpfs);
    if (oc_create_container(a, &host, &r, &made, e) < 0)
        return -1;
    if (c->is_podman && (refuse_browser(sandbox, e) < 0 || oc_podman_adapt(a, oc->podman, &r, default_tmpfs, made.body, e) < 0))
        return -1;
    c->container.create = c->is_podman && !oc->podman ? NULL : made.body;
    c->skipped_binds = r.mounts->skipped;
    c->n_skipped_binds = r.mounts->n_skipped;
    c->blocked_env = made.blocked_env;
    c->n_blocked_env = made.n_blocked_env;
    return 0;
}

static int make_browser(struct arena *a, const struct oc_instance *oc, struct oc_context *c, struct err *e)
{
    struct node *sandbox = c->sandbox.config, *browser = node_get(sandbox, "browser");
    struct node *docker = oc_browser_docker(a, node_get(sandbox, "docker"), browser);
    struct oc_runtime r = runtime_of(oc, c, docker);
    const struct oc_host host = host_of(oc);
    struct oc_create made;

    r.browser = browser;
    r.cdp_source_range = oc_cdp_source_range(a, r.line, browser, text(docker, NULL, "network"), "", NULL, 0);
    c->browser.name = oc_runtime_name(a, r.line, text(sandbox, "browser", "containerPrefix"), c->scope, c->scope_key);
    c->browser.image = text(sandbox, "browser", "image");
    if (plan_runtime(a, oc, &r, &c->browser, e) < 0 || oc_create_browser(a, &host, &r, &made, e) < 0)
        return -1;
    c->browser.create = made.body;
    return 0;
}

static const char *why_no_browser(struct arena *a, const struct oc_profile *line, const struct node *sandbox)
{
    const struct node *enabled = node_path(sandbox, "browser", "enabled", NULL);
    const struct oc_tools t = {.allow = node_path(sandbox, "tools", "allow", NULL),
                               .deny = node_path(sandbox, "tools", "deny", NULL)};

    if (!is_true(enabled))
        return "browser.enabled is false";
    return oc_tools_allow(a, line, &t, "browser") ? NULL : "the tool policy does not allow 'browser'";
}

int oc_context_of_scope(struct arena *a, const struct oc_instance *oc, const char *agent_id, const struct oc_sandbox *sandbox,
                        const char *scope_key, struct oc_context *ret, struct diags *d)
{
    struct oc_context c = {.agent_id = agent_id, .scope_key = scope_key, .sandbox = *sandbox};
    const struct oc_agent agent = {.id = oc_agent_id(a, agent_id), .entry = sandbox->entry, .default_id = oc->default_agent};
    struct node *config = node_object(a);
    const char *session = oc_line_of(oc->places)->scope_by_workspace ? oc_scope_base(a, scope_key) : scope_key;
    struct oc_dirs dirs;
    struct err e = {0};

    for (size_t i = 0; i < sandbox->config->n_members; i++)
        node_set(a, config, sandbox->config->members[i].key, sandbox->config->members[i].value);
    c.sandbox.config = config;
    c.main_session_key = oc_main_session_key(a, oc->config, agent_id);
    c.mode = text(config, NULL, "mode");
    c.scope = text(config, NULL, "scope");
    c.backend = text(config, NULL, "backend");
    c.workspace_access = text(config, NULL, "workspaceAccess");
    c.sandboxed =
        strcmp(c.scope, "session") == 0 ? oc_is_sandboxed(a, oc->config, c.mode, agent_id, session) : strcmp(c.mode, "off") != 0;
    dirs = oc_dirs_of(a, oc->config, &agent, config, scope_key, oc->places);
    c.workspace_dir = dirs.workspace_dir;
    c.agent_workspace_dir = dirs.agent_workspace_dir;
    c.skills_workspace_dir = dirs.skills_workspace_dir;
    c.how = oc_backend_find(oc_line_of(oc->places), js_lower(a, c.backend));
    c.is_podman = c.how && c.how->which == OC_BACKEND_PODMAN;
    c.has_container = c.how && c.how->has_container;
    if (!c.has_container) {
        c.no_browser = arena_printf(a, "backend %s has no browsers", c.backend);
        if (c.how && oc_away_make(a, oc, &c, &e) < 0) {
            report(a, oc, &c, &e, d);
            if (!oc->explains)
                return -1;
        }
        *ret = c;
        return 0;
    }
    c.mounts_agent = strcmp(c.workspace_access, "none") != 0 && strcmp(c.workspace_dir, c.agent_workspace_dir) != 0;
    c.skills_dir = oc_skills_dir(a, &(struct oc_runtime){.line = oc_line_of(oc->places),
                                                         .workspace_access = c.workspace_access,
                                                         .workspace_dir = c.workspace_dir,
                                                         .agent_workspace_dir = c.agent_workspace_dir,
                                                         .skills_workspace_dir = c.skills_workspace_dir});
    node_set(a, config, "docker", docker_with_user(a, oc, &c, node_get(config, "docker")));
    c.no_browser = c.is_podman ? "backend podman has no browsers" : why_no_browser(a, oc_line_of(oc->places), config);
    c.has_browser = !c.no_browser;
    if (make_container(a, oc, &c, &e) < 0 || (c.has_browser && make_browser(a, oc, &c, &e) < 0)) {
        report(a, oc, &c, &e, d);
        if (!oc->explains)
            return -1;
    }
    *ret = c;
    return 0;
}

/* scope_session: the session that a runtime of scope "agent" is found by. */
static int of_session(struct arena *a, const struct oc_instance *oc, const char *agent_id, const char *session_key,
                      const char *scope_session, struct oc_context *ret, struct diags *d)
{
    struct oc_sandbox s;
    struct oc_context c;
    const char *scope, *scope_key;

    if (oc_resolve(a, oc->config, oc->places, agent_id, &s, d) < 0)
        return -1;
    scope = text(s.config, NULL, "scope");
    scope_key = oc_scope_key(a, oc->places, scope, agent_id, strcmp(scope, "agent") == 0 ? scope_session : session_key,
                             oc_agent_workspace_dir(a, oc->config, agent_id, oc->places));
    if (oc_context_of_scope(a, oc, agent_id, &s, scope_key, &c, d) < 0)
        return -1;
    c.session_key = js_trim(a, session_key);
    c.sandboxed = oc_is_sandboxed(a, oc->config, c.mode, agent_id, session_key);
    *ret = c;
    return 0;
}

int oc_context_of_session(struct arena *a, const struct oc_instance *oc, const char *session_key, struct oc_context *ret,
                          struct diags *d)
{
    const char *agent_id = oc_session_agent(a, oc_line_of(oc->places), oc->config, session_key);

    if (!agent_id) {
        if (oc_default_agent(a, oc_line_of(oc->places), oc->config))
            diag_error(d, oc->config->pos, "", "session '%s' begins as an agent's and has not the form agent:<id>:<rest>",
                       session_key);
        else
            diag_error(d, oc->config->pos, "",
                       "session '%s' names no agent, and of several none is the default one: write agent:<id>:<rest>",
                       session_key);
        return -1;
    }
    return of_session(a, oc, agent_id, session_key, session_key, ret, d);
}

int oc_context_of_agent(struct arena *a, const struct oc_instance *oc, const char *agent_id, struct oc_context *ret,
                        struct diags *d)
{
    const char *id = oc_agent_id(a, agent_id);

    /* The main session may be the global one, which names no agent: the scope is this agent's all the same. */
    return of_session(a, oc, id, oc_main_session_key(a, oc->config, id), arena_printf(a, "agent:%s:main", id), ret, d);
}

/* key: below the sandbox. Not of what is a default. */
static void warn(struct arena *a, struct oc_origins origins, const char *key, struct diags *d, const char *msg)
{
    const struct oc_origin *o = oc_origin_find(a, origins, key);

    if (o && o->from)
        diag_warning(d, o->pos, o->from, "%s", msg);
}

void oc_context_warn(const struct oc_instance *oc, const struct oc_context *c, struct diags *d)
{
    struct arena *a = d->arena;
    bool no_browser = c->has_container && !c->is_podman && !c->has_browser &&
                      is_true(node_path(c->sandbox.config, "browser", "enabled", NULL)) && strcmp(c->mode, "off") != 0;
    struct oc_origins origins;

    if (c->n_blocked_env == 0 && c->n_skipped_binds == 0 && !no_browser && !c->container.hash_uncertain)
        return;
    origins = oc_resolve_origins(a, oc->config, oc->places, c->agent_id);
    for (size_t i = 0; i < c->n_blocked_env; i++)
        warn(a, origins, diag_key(a, "docker.env", c->blocked_env[i]), d,
             "looks like a credential: OpenClaw does not hand it to sandboxes");
    for (size_t i = 0; i < c->n_skipped_binds; i++)
        warn(a, origins, c->skipped_binds[i].key, d, "is not mounted: OpenClaw keeps its target for skills");
    if (no_browser)
        warn(a, origins, "browser.enabled", d,
             arena_printf(a, "has no effect: %s (tools.sandbox.tools.alsoAllow: [\"browser\"] would allow it)", c->no_browser));
    if (c->container.hash_uncertain)
        warn(
            a, origins, c->container.hash_uncertain, d,
            "OpenClaw's config hash depends on whether one of its plugins that takes this for a secret is active: containers are "
            "compared field by field, and made at their first use only");
}

/* --- as JSON ------------------------------------------------------------------------------------------------------------------
 */

static void put_container(struct arena *a, struct node *o, const struct oc_container *c)
{
    node_set(a, o, "configHash", node_text(a, c->config_hash));
    node_set(a, o, "create", c->create ? c->create : node_null(a));
}

static struct node *hidden(struct arena *a)
{
    return node_string(a, "(sensitive)");
}

/* Keys of hosts are for the host alone, also where other secrets are shown. */
static struct node *without_keys(struct arena *a, const struct node *create)
{
    struct node *o = create ? node_copy(a, create) : node_null(a), *connection = node_get(o, "connection");

    for (int m = 0; m < OC_SSH_MATERIAL_COUNT; m++)
        if (node_get(connection, oc_ssh_data_key((enum oc_ssh_material)m)))
            node_set(a, connection, oc_ssh_data_key((enum oc_ssh_material)m), hidden(a));
    return o;
}

/* The config is told as OpenClaw resolves it, but for a text in it that is a private key. */
static struct node *without_private_key(struct arena *a, struct node *config)
{
    const char *key = oc_ssh_data_key(OC_SSH_IDENTITY), *text = node_str(node_path(config, "ssh", key, NULL));
    struct node *o;

    if (!text || !strstr(text, "PRIVATE KEY-----"))
        return config;
    o = node_copy(a, config);
    node_set(a, node_get(o, "ssh"), key, hidden(a));
    return o;
}

struct node *oc_context_json(struct arena *a, const struct oc_context *c)
{
    struct node *o = node_object(a), *b;

    node_set(a, o, "agentId", node_text(a, c->agent_id));
    node_set(a, o, "sessionKey", node_text(a, c->session_key));
    node_set(a, o, "mainSessionKey", node_text(a, c->main_session_key));
    node_set(a, o, "sandboxed", node_bool(a, c->sandboxed));
    node_set(a, o, "mode", node_text(a, c->mode));
    node_set(a, o, "scope", node_text(a, c->scope));
    node_set(a, o, "scopeKey", node_text(a, c->scope_key));
    node_set(a, o, "backend", node_text(a, c->backend));
    node_set(a, o, "workspaceAccess", node_text(a, c->workspace_access));
    node_set(a, o, "workspaceDir", node_text(a, c->workspace_dir));
    node_set(a, o, "agentWorkspaceDir", node_text(a, c->agent_workspace_dir));
    node_set(a, o, "containerName", node_text(a, c->has_container ? c->container.name : NULL));
    node_set(a, o, "sandbox", without_private_key(a, c->sandbox.config));
    put_container(a, o, c->has_container ? &c->container : &(const struct oc_container){0});
    if (c->how && !c->has_container) {
        b = node_object(a);
        node_set(a, b, "runtimeId", node_text(a, c->container.name));
        node_set(a, b, "endpoint", node_text(a, c->container.endpoint));
        node_set(a, b, "create", without_keys(a, c->container.create));
        node_set(a, o, "remote", b);
    }
    if (c->has_browser) {
        b = node_object(a);
        node_set(a, b, "containerName", node_text(a, c->browser.name));
        put_container(a, b, &c->browser);
        node_set(a, o, "browser", b);
    }
    return o;
}

static struct node *source_json(struct arena *a, const struct oc_tools_source *s)
{
    struct node *o = node_object(a);

    node_set(a, o, "source", node_text(a, oc_tools_level_name(s->level)));
    node_set(a, o, "key", node_text(a, s->key));
    return o;
}

static struct node *elevated_json(struct arena *a, const struct oc_elevated *e)
{
    struct node *o = node_object(a), *from = node_object(a), *failures = node_array(a);

    node_set(a, o, "enabled", node_bool(a, e->enabled));
    node_set(a, o, "channel", node_text(a, e->channel));
    node_set(a, o, "allowedByConfig", node_bool(a, e->allowed));
    node_set(a, o, "alwaysAllowedByConfig", node_bool(a, e->always_allowed));
    if (e->allow_global)
        node_set(a, from, "global", e->allow_global);
    if (e->allow_agent)
        node_set(a, from, "agent", e->allow_agent);
    node_set(a, o, "allowFrom", from);
    for (size_t i = 0; i < e->n_failures; i++) {
        struct node *f = node_object(a);

        node_set(a, f, "gate", node_text(a, e->failures[i].gate));
        node_set(a, f, "key", node_text(a, e->failures[i].key));
        node_push(a, failures, f);
    }
    node_set(a, o, "failures", failures);
    return o;
}

struct node *oc_explain_json(struct arena *a, const struct oc_instance *oc, const struct oc_context *c)
{
    const char *channel = c->session_key ? oc_channel_of(a, oc_line_of(oc->places), c->session_key) : NULL;
    struct oc_tools t = oc_tools_resolve(a, oc_line_of(oc->places), oc->config, c->agent_id);
    struct oc_elevated e = oc_elevated_resolve(a, oc_line_of(oc->places), oc->config, c->agent_id, channel);
    struct node *o = node_object(a), *tools = node_object(a), *sources = node_object(a);

    node_set(a, sources, "allow", source_json(a, &t.allow_source));
    node_set(a, sources, "deny", source_json(a, &t.deny_source));
    node_set(a, tools, "allow", t.allow);
    node_set(a, tools, "deny", t.deny);
    node_set(a, tools, "sources", sources);
    node_set(a, o, "tools", tools);
    node_set(a, o, "elevated", elevated_json(a, &e));
    node_set(a, o, "fixIt", oc_keys_to_fix(a, oc_line_of(oc->places), c->mode, channel));
    return o;
}
