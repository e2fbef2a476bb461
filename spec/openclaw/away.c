#include "spec/openclaw/away.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/openclaw/openshell.h"
#include "spec/openclaw/secrets.h"
#include "spec/openclaw/ssh.h"
#include "spec/openclaw/ssh_mounts.h"
#include "spec/remote.h"

#include <string.h>

/* Bootstrap files are written with the rest of the layout. */
#define LAYOUT_MARK "AGENTS.md"

static bool is_laid_out(struct arena *a, const struct oc_instance *oc, const char *dir)
{
    struct err ignored = {0};
    struct fs_stat st;

    return oc->fs->stat(oc->fs->ctx, path_join(a, dir, LAYOUT_MARK), true, &st, &ignored) == 0 && st.kind == FS_FILE;
}

static struct node *env_of(struct arena *a, const struct node *sandbox)
{
    const struct node *env = node_path(sandbox, "docker", "env", NULL);

    return env ? node_copy(a, env) : node_object(a);
}

/* The directories that are copied. */
static size_t dirs_of(struct arena *a, const struct oc_instance *oc, const struct oc_context *c, const char *workspace,
                      const char *agent, struct remote_dir *dirs)
{
    const struct oc_remote_mounts m = oc_remote_mounts(a, oc_line_of(oc->places), c->workspace_access, c->workspace_dir,
                                                       c->agent_workspace_dir, oc->places->cwd, workspace, agent);

    for (size_t i = 0; i < m.n; i++)
        dirs[i] = (struct remote_dir){m.v[i].name, m.v[i].local};
    return m.n;
}

/* --- ssh ----------------------------------------------------------------------------------------------------------------------
 */

static int find_secrets(struct arena *a, const struct oc_instance *oc, const struct oc_context *c, struct oc_ssh_conf *conf,
                        struct err *e)
{
    const struct oc_secrets secrets = {
        .config = oc->config, .places = oc->places, .fs = oc->fs, .env = oc->env, .source = oc->secrets, .uid = oc->uid};

    for (int m = 0; oc->secrets && m < OC_SSH_MATERIAL_COUNT; m++) {
        const char *key = oc_ssh_data_key((enum oc_ssh_material)m);
        const struct node *reference = oc_ssh_reference(oc->config, c->sandbox.entry, c->scope, (enum oc_ssh_material)m);
        const struct node *text = node_get(conf->ssh, key);
        struct node *secret;

        if (!reference && oc_is_secret_reference(text))
            reference = text;
        if (!reference)
            continue;
        if (oc_secret_resolve(a, &secrets, reference, &secret, e) < 0)
            return err_wrap(e, "ssh.%s", key);
        conf->secrets[m] = secret;
    }
    return 0;
}

static int make_ssh(struct arena *a, const struct oc_instance *oc, struct oc_context *c, struct err *e)
{
    const struct oc_profile *line = oc_line_of(oc->places);
    const struct node *sandbox = c->sandbox.config, *ssh = node_get(sandbox, "ssh");
    const char *root = node_str(node_get(ssh, "workspaceRoot"));
    const struct oc_ssh_layout layout = oc_ssh_layout(a, line, root, c->scope_key);
    struct oc_ssh_conf conf = {.line = line,
                               .ssh = ssh,
                               .user = oc->user,
                               .home = oc->places->home,
                               .cwd = oc->places->cwd,
                               .agent_socket = oc->agent_socket};
    struct remote_dir dirs[2];
    struct remote_parts parts = {.dirs = dirs, .env = env_of(a, sandbox), .seed = oc->seed};
    struct oc_ssh_address address;
    struct node *connection;

    c->container.name = layout.id;
    if (oc_ssh_check(a, line, sandbox, e) < 0)
        return -1;
    c->container.label = node_str(node_get(ssh, "target"));
    if (oc_ssh_address(a, line, c->container.label, oc->user, &address, e) < 0)
        return err_wrap(e, "ssh.target");
    c->container.endpoint = oc_ssh_endpoint(a, &address);
    if (find_secrets(a, oc, c, &conf, e) < 0 || oc_ssh_connection(a, &conf, &connection, e) < 0)
        return -1;
    parts.n_dirs = dirs_of(a, oc, c, layout.workspace, layout.agent, dirs);
    c->container.create = remote_ssh_create(a, root, layout.id, connection, &parts);
    c->container.only_copy = true;
    return 0;
}

/* --- openshell ----------------------------------------------------------------------------------------------------------------
 */

/* OpenClaw runs the command in the workspace: files are named from there. */
static void make_absolute(struct arena *a, struct node *settings, const char *key, const char *dir)
{
    const char *s = node_str(node_get(settings, key));
    bool is_path = s && (strcmp(key, "policy") == 0 || text_has_prefix(s, "./") || text_has_prefix(s, "../"));

    if (is_path)
        node_set(a, settings, key, node_string(a, path_resolve(a, dir, s)));
}

static int make_openshell(struct arena *a, const struct oc_instance *oc, struct oc_context *c, struct err *e)
{
    struct node *settings = oc_openshell_settings(a, oc->config);
    const struct node *sandbox = c->sandbox.config;
    struct remote_dir dirs[2];
    struct remote_parts parts = {.dirs = dirs, .env = env_of(a, sandbox), .seed = oc->seed};

    c->container.name = oc_openshell_name(a, oc_line_of(oc->places), c->scope_key);
    if (oc_openshell_check(sandbox, e) < 0)
        return -1;
    c->container.label = node_str(node_get(settings, "from"));
    c->container.endpoint = oc_openshell_endpoint(a, settings);
    c->container.only_copy = strcmp(node_str(node_get(settings, "mode")), "remote") == 0;
    parts.n_dirs = dirs_of(a, oc, c, node_str(node_get(settings, "remoteWorkspaceDir")),
                           node_str(node_get(settings, "remoteAgentWorkspaceDir")), dirs);
    make_absolute(a, settings, "policy", c->workspace_dir);
    make_absolute(a, settings, "from", c->workspace_dir);
    c->container.create = remote_openshell_create(a, oc->fs, settings, &parts, NULL);
    return 0;
}

int oc_away_make(struct arena *a, const struct oc_instance *oc, struct oc_context *c, struct err *e)
{
    if ((c->how->which == OC_BACKEND_SSH ? make_ssh : make_openshell)(a, oc, c, e) < 0)
        return -1;
    c->container.config_hash = remote_hash(a, c->container.create, NULL);
    c->container.laid_out = is_laid_out(a, oc, c->workspace_dir);
    return 0;
}

/* --- what is recorded ---------------------------------------------------------------------------------------------------------
 */

char *oc_away_endpoint(struct arena *a, const struct oc_instance *oc, const struct record *rec, const struct oc_backend *how)
{
    struct oc_ssh_address address;
    struct err ignored = {0};

    if (!text_eq(rec->endpoint, how->id))
        return arena_strdup(a, rec->endpoint);
    if (how->which == OC_BACKEND_OPENSHELL)
        return oc_openshell_endpoint(a, oc_openshell_settings(a, oc->config));
    if (oc_ssh_address(a, oc_line_of(oc->places), rec->image, oc->user, &address, &ignored) < 0)
        return NULL;
    return oc_ssh_endpoint(a, &address);
}

struct node *oc_away_guess(struct arena *a, const struct oc_instance *oc, const struct record *rec, const struct oc_context *c)
{
    static const char *const keys[] = {"root", "workspaceRoot"};
    const struct node *today = node_get(c->container.create, "connection");
    struct node *place = node_object(a), *how = node_object(a);
    struct oc_ssh_address address;
    struct err ignored = {0};

    if (!today || oc_ssh_address(a, oc_line_of(oc->places), rec->image, oc->user, &address, &ignored) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        node_set_text(a, place, keys[i], node_str(node_get(c->container.create, keys[i])));
    node_set_text(a, how, "user", address.user);
    node_set_text(a, how, "host", address.host);
    node_set(a, how, "port", node_number(a, address.port));
    for (size_t i = 0; i < today->n_members; i++)
        if (!node_get(how, today->members[i].key) && !today->members[i].value->secret &&
            !text_eq(today->members[i].key, "agentSocket"))
            node_put(a, how, today->members[i].key, node_copy(a, today->members[i].value));
    node_put(a, place, "connection", how);
    node_set(a, place, "guessed", node_bool(a, true));
    return place;
}

bool oc_away_holds_data(struct arena *a, const struct oc_instance *oc, const struct oc_backend *how)
{
    return how->which == OC_BACKEND_SSH ||
           strcmp(node_str(node_get(oc_openshell_settings(a, oc->config), "mode")), "remote") == 0;
}
