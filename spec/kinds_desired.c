#include "spec/kinds_desired.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/engine_fields.h"
#include "spec/fingerprint.h"
#include "spec/openclaw/ssh.h"
#include "spec/places.h"
#include "spec/remote.h"

#include <stdlib.h>
#include <string.h>

struct make {
    struct arena *a;
    const struct kinds_desired_conf *conf;
    struct diags *d;
    const struct sandbox_object *o;
};

/* --- secrets -----------------------------------------------------------------------------------------------------------------
 */

/* The value of one variable (or of a key of ssh: `where` it stands), or NULL after adding an error. */
static struct node *env_value(const struct make *m, const char *where, const struct sandbox_env *v)
{
    if (v->value)
        return node_string(m->a, v->value);
    const char *from = v->from_env ? v->from_env : v->from_file;
    const char *key = arena_printf(m->a, "%s.%s.%s", where, v->name, v->from_env ? "fromEnv" : "fromFile");
    const struct secret_source *source = m->conf->secrets;
    struct err e = {0};
    char *text = NULL;
    size_t n = 0;
    int rc = -1;
    if (!source)
        err_set(&e, ERR_UNSUPPORTED, 0, "references cannot be followed here");
    else if (v->from_env)
        rc = source->env(source->ctx, m->a, v->from_env, &text, &e);
    else
        rc = source->file(source->ctx, m->a, v->from_file, SECRET_BYTES_MAX, &text, &n, &e);
    if (rc < 0) {
        const char *what = v->from_env ? "variable is not set" : "no such file";
        diag_add(m->d, m->conf->check_only ? DIAG_WARNING : DIAG_ERROR, v->pos, key, "%s: %s", text_escaped(m->a, from),
                 e.class == ERR_NOT_FOUND ? what : e.msg);
        if (!m->conf->check_only)
            return NULL;
        text = arena_strdup(m->a, "");
        n = 0;
    }
    if (v->from_env)
        n = strlen(text);
    else if (n > 0 && text[n - 1] == '\n')
        n -= n > 1 && text[n - 2] == '\r' ? 2 : 1;
    if (memchr(text, '\0', n)) {
        diag_error(m->d, v->pos, key, "%s: holds a NUL character, which no variable can", text_escaped(m->a, from));
        return NULL;
    }
    struct node *value = node_string_n(m->a, text, n);
    value->secret = true;
    return value;
}

/* Nothing is read for what shall not be there. */
static struct node *env_object(const struct make *m)
{
    struct node *env = node_object(m->a);
    for (size_t i = 0; i < m->o->n_env && m->o->want != WANT_ABSENT; i++) {
        struct node *value = env_value(m, "spec.env", &m->o->env[i]);
        if (value)
            node_set(m->a, env, m->o->env[i].name, value);
    }
    return env;
}

/* --- create ------------------------------------------------------------------------------------------------------------------
 */

static struct node *command_list(struct arena *a, const char *const *words)
{
    struct node *list = node_array(a);
    for (; *words; words++)
        node_push(a, list, node_string(a, *words));
    return list;
}

static const char *workdir_of(const struct sandbox_object *o)
{
    return o->workdir ? o->workdir : o->n_workspaces ? o->workspaces[0].target : NULL;
}

/* OpenClaw's rule: what runs in the sandbox is who owns the workspace, so that the files stay the owner's. */
static const char *docker_user(const struct make *m)
{
    const struct sandbox_object *o = m->o;
    struct fs_stat st = {0};
    struct err e = {0};
    if (o->user || o->n_workspaces == 0 || !m->conf->fs)
        return o->user;
    if (m->conf->fs->stat(m->conf->fs->ctx, o->workspaces[0].path, true, &st, &e) < 0)
        return NULL;
    return arena_printf(m->a, "%u:%u", st.uid, st.gid);
}

/* What the text of a path cannot tell. Only of what is to be made: what exists keeps what it has. */
static void check_workspaces(const struct make *m)
{
    const struct fs *fs = m->conf->fs;
    for (size_t i = 0; fs && i < m->o->n_workspaces && m->o->want != WANT_ABSENT; i++) {
        const struct sandbox_workspace *w = &m->o->workspaces[i];
        const char *key = arena_printf(m->a, "spec.workspaces[%zu].path", i);
        struct err e = {0};
        char *real = NULL;
        if (fs->realpath(fs->ctx, m->a, w->path, &real, &e) < 0) {
            diag_warning(m->d, w->pos, key, "%s",
                         e.class == ERR_NOT_FOUND ? arena_printf(m->a, "there is no directory %s", w->path) : e.msg);
            continue;
        }
        const char *why = places_refuse(m->a, m->conf->home, real);
        if (why)
            diag_error(m->d, w->pos, key, "is a link to %s, which %s", real, why);
    }
}

static struct node *docker_host(struct arena *a, const struct sandbox_object *o)
{
    struct node *host = node_object(a), *binds = node_array(a), *drop = node_array(a), *security = node_array(a);
    for (size_t i = 0; i < o->n_workspaces; i++) {
        const struct sandbox_workspace *w = &o->workspaces[i];
        node_push(a, binds, node_printf(a, "%s:%s%s", w->path, w->target, w->read_only ? ":ro" : ""));
    }
    node_push(a, drop, node_string(a, "ALL"));
    node_push(a, security, node_string(a, "no-new-privileges"));
    node_set(a, host, "Binds", binds);
    node_set(a, host, "NetworkMode", node_string(a, o->network));
    node_set(a, host, "CapDrop", drop);
    node_set(a, host, "SecurityOpt", security);
    if (o->memory_bytes)
        node_set(a, host, "Memory", node_number(a, (double)o->memory_bytes));
    if (o->cpus > 0)
        node_set(a, host, "NanoCpus", node_number(a, floor(o->cpus * 1e9 + 0.5)));
    if (o->pids)
        node_set(a, host, "PidsLimit", node_number(a, (double)o->pids));
    return host;
}

static struct node *docker_create(const struct make *m)
{
    struct arena *a = m->a;
    const struct sandbox_object *o = m->o;
    struct node *body = node_object(a), *list = node_array(a), *env = env_object(m);
    static const char *const idle[] = {"sleep", "infinity", NULL};
    for (size_t i = 0; i < env->n_members; i++) {
        struct node *pair = node_printf(a, "%s=%s", env->members[i].key, env->members[i].value->s);
        pair->secret = env->members[i].value->secret;
        node_push(a, list, pair);
    }
    node_set_text(a, body, "Image", o->image);
    node_set(a, body, "Cmd", command_list(a, o->command ? o->command : idle));
    node_set(a, body, "Env", list);
    node_set_text(a, body, "User", docker_user(m));
    node_set_text(a, body, "WorkingDir", workdir_of(o));
    node_set(a, body, "HostConfig", docker_host(a, o));
    node_set(a, body, "Labels", o->head.labels ? node_copy(a, o->head.labels) : node_object(a));
    return body;
}

static struct node *bubblewrap_create(const struct make *m)
{
    struct arena *a = m->a;
    const struct sandbox_object *o = m->o;
    struct node *create = node_object(a), *workspaces = node_array(a), *limits = node_object(a);
    for (size_t i = 0; i < o->n_workspaces; i++) {
        struct node *w = node_object(a);
        node_set_text(a, w, "path", o->workspaces[i].path);
        node_set_text(a, w, "target", o->workspaces[i].target);
        node_set(a, w, "readOnly", node_bool(a, o->workspaces[i].read_only));
        node_push(a, workspaces, w);
    }
    if (o->memory_bytes)
        node_set(a, limits, "memoryBytes", node_number(a, (double)o->memory_bytes));
    if (o->pids)
        node_set(a, limits, "pids", node_number(a, (double)o->pids));
    if (o->cpus > 0)
        node_set(a, limits, "cpus", node_number(a, o->cpus));
    node_set_text(a, create, "root", o->root);
    node_set(a, create, "workspaces", workspaces);
    node_set(a, create, "env", env_object(m));
    node_set(a, create, "limits", limits);
    node_set_text(a, create, "network", o->network);
    if (o->command)
        node_set(a, create, "command", command_list(a, o->command));
    node_set_text(a, create, "workdir", workdir_of(o) ? workdir_of(o) : "/");
    if (o->head.labels && o->head.labels->n_members)
        node_set(a, create, "labels", node_copy(a, o->head.labels));
    return create;
}

static struct node *ssh_connection(const struct make *m)
{
    struct arena *a = m->a;
    const struct sandbox_ssh *ssh = &m->o->ssh;
    struct node *c = node_object(a);
    node_set_text(a, c, "user", ssh->target.user);
    node_set_text(a, c, "host", ssh->target.host);
    if (ssh->target.port)
        node_set(a, c, "port", node_number(a, ssh->target.port));
    node_set(a, c, "userConfig", node_bool(a, true));
    node_set(a, c, "strictHostKeyChecking", node_bool(a, ssh->strict_host_keys));
    node_set(a, c, "updateHostKeys", node_bool(a, ssh->update_host_keys));
    node_set_text(a, c, "identityFile", ssh->identity_file);
    node_set_text(a, c, "certificateFile", ssh->certificate_file);
    node_set_text(a, c, "knownHostsFile", ssh->known_hosts_file);
    /* Read also for what shall not be there: it is to be removed. */
    for (size_t i = 0; i < ssh->n_data; i++) {
        struct node *value = env_value(m, "spec.ssh", &ssh->data[i]);
        for (int k = 0; value && k < OC_SSH_MATERIAL_COUNT; k++)
            if (strcmp(oc_ssh_data_key((enum oc_ssh_material)k), ssh->data[i].name) == 0)
                value = oc_ssh_material_text(a, (enum oc_ssh_material)k, value);
        if (!value)
            continue;
        value->secret = true;
        node_set(a, c, ssh->data[i].name, value);
    }
    return c;
}

static struct node *remote_create(const struct make *m)
{
    struct arena *a = m->a;
    const struct sandbox_object *o = m->o;
    struct remote_dir *dirs = ARENA_ARRAY(a, struct remote_dir, o->n_workspaces);
    const struct remote_parts parts = {.dirs = dirs, .n_dirs = o->n_workspaces, .env = env_object(m), .seed = o->seed};
    /* Of openshell the table allows two. */
    for (size_t i = 0; i < o->n_workspaces; i++) {
        dirs[i].local = o->workspaces[i].path;
        dirs[i].name = o->backend == SANDBOX_SSH ? o->workspaces[i].target + 1 : i == 0 ? "workspace" : "agent";
    }
    if (o->backend == SANDBOX_SSH)
        return remote_ssh_create(a, o->ssh.workspace_root, sandbox_runtime_name(a, o), ssh_connection(m), &parts);
    struct node *settings = node_copy(a, o->openshell);
    for (size_t i = 0; i < o->n_workspaces; i++)
        node_set_text(a, settings, i == 0 ? "remoteWorkspaceDir" : "remoteAgentWorkspaceDir", o->workspaces[i].target);
    const char *why = NULL;
    struct node *create = remote_openshell_create(a, m->conf->fs, settings, &parts, &why);
    if (why)
        diag_add(m->d, m->conf->check_only ? DIAG_WARNING : DIAG_ERROR, node_get(settings, "policy")->pos,
                 "spec.openshell.policy", "%s", why);
    return create;
}

/* --- desired -----------------------------------------------------------------------------------------------------------------
 */

static const char *config_hash(struct arena *a, const struct node *create, const char *setup)
{
    struct node *all = node_object(a);
    node_set(a, all, "create", node_copy(a, create));
    node_set_text(a, all, "setup", setup);
    return fingerprint_of(a, all);
}

static struct desired make_desired(const struct make *m)
{
    struct arena *a = m->a;
    const struct sandbox_object *o = m->o;
    bool docker = o->backend == SANDBOX_DOCKER, remote = o->backend == SANDBOX_SSH || o->backend == SANDBOX_OPENSHELL;
    check_workspaces(m);
    struct node *create = docker ? docker_create(m) : remote ? remote_create(m) : bubblewrap_create(m);
    const char *owner = arena_printf(a, "Sandbox/%s", o->head.name);
    const char *hash = remote ? remote_hash(a, create, o->setup) : config_hash(a, create, o->setup);
    if (docker) {
        struct node *labels = node_get(create, "Labels");
        node_set_text(a, labels, SANDBOX_LABEL_OWNER, owner);
        node_set_text(a, labels, SANDBOX_LABEL_INSTALL, m->conf->install);
        node_set_text(a, labels, ENGINE_LABEL_HASH, hash);
        if (o->setup)
            node_set_text(a, labels, ENGINE_LABEL_SETUP, digest_sha256(a, o->setup, strlen(o->setup)));
    }
    return (struct desired){
        .endpoint = sandbox_endpoint(a, o),
        .name = sandbox_runtime_name(a, o),
        .kind = RUNTIME_SANDBOX,
        .owner = owner,
        .install = m->conf->install,
        .want = o->want,
        .precreate = true,
        .can_remake = !remote, /* else workspaces are directories of this machine: nothing inside is the only copy */
        .backend_id = sandbox_endpoint_kind(o),
        .image = o->image,
        .config_hash = hash,
        .create = create,
        .setup = o->setup,
        .policy = o->policy,
        .origin = o->head.pos,
    };
}

int specs_to_desired(struct arena *a, const struct specs *s, const struct kinds_desired_conf *conf, struct diags *d,
                     struct desired **ret, size_t *ret_n)
{
    size_t errors = d->n_errors;
    struct desired *v = ARENA_ARRAY(a, struct desired, s->n_sandboxes);
    for (size_t i = 0; i < s->n_sandboxes; i++)
        v[i] = make_desired(&(struct make){a, conf, d, &s->sandboxes[i]});
    if (d->n_errors > errors)
        return -1;
    *ret = v;
    *ret_n = s->n_sandboxes;
    return 0;
}
