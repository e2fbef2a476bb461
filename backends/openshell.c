#include "backends/openshell.h"

#include "backends/openshell_private.h"
#include "spec/base/digest.h"
#include "spec/base/path.h"
#include "spec/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *keep_n(const char *s, size_t n)
{
    char *copy = strndup(s, n);

    if (copy == NULL)
        abort();
    return copy;
}

static char *keep(const char *s)
{
    return s != NULL ? keep_n(s, strlen(s)) : NULL;
}

/* --- open and close -------------------------------------------------------------------------------------------------------- */

/* "NAME", "https://..." or "NAME@https://...", and "#WORKSPACE". */
static int read_address(struct openshell *b, const char *address, struct err *e)
{
    const char *hash, *url, *at;
    size_t n;

    if (address == NULL)
        return 0;
    hash = strrchr(address, '#');
    n = hash != NULL ? (size_t)(hash - address) : strlen(address);
    if (*address == '\0' || *address == '-' || strpbrk(address, " \t\r\n") != NULL ||
        (hash != NULL && (hash[1] == '\0' || hash[1] == '-')))
        return err_set(e, ERR_CONFIG, 0, "endpoint '%s': a gateway's name or endpoint is wanted", b->endpoint);
    if (hash != NULL)
        b->workspace = keep(hash + 1);
    url = memmem(address, n, "://", 3);
    at = memchr(address, '@', n);
    if (url == NULL)
        b->gateway = n > 0 ? keep_n(address, n) : NULL;
    else if (at != NULL && at < url) {
        b->gateway = keep_n(address, (size_t)(at - address));
        b->gateway_url = keep_n(at + 1, n - (size_t)(at + 1 - address));
    } else
        b->gateway_url = keep_n(address, n);
    return 0;
}

static char *assignment(const char *name, const char *value)
{
    size_t n = strlen(name) + strlen(value) + 2;
    char *s = malloc(n);

    if (s == NULL)
        abort();
    (void)snprintf(s, n, "%s=%s", name, value);
    return s;
}

static int read_env(struct openshell *b, const struct node *env, struct err *e)
{
    size_t n = 0, given = node_is(env, NODE_OBJECT) ? env->n_members : 0;

    b->env = calloc(given + 4, sizeof *b->env);
    if (b->env == NULL)
        abort();
    b->env[n++] = keep("PATH=" PROC_PATH);
    b->env[n++] = keep("LC_ALL=C.UTF-8");
    b->env[n++] = keep("NO_COLOR=1");
    for (size_t i = 0; i < given; i++) {
        const char *value = node_str(env->members[i].value);

        if (value == NULL || strchr(env->members[i].key, '=') != NULL)
            return err_set(e, ERR_CONFIG, 0, "env.%s: a text is wanted", env->members[i].key);
        b->env[n++] = assignment(env->members[i].key, value);
    }
    return 0;
}

static int read_options(struct openshell *b, const struct node *options, struct err *e)
{
    for (size_t i = 0; node_is(options, NODE_OBJECT) && i < options->n_members; i++) {
        const struct node *v = options->members[i].value;

        if (strcmp(options->members[i].key, "command") == 0) {
            if (node_str(v) == NULL || node_str(v)[0] != '/')
                return err_set(e, ERR_CONFIG, 0, "command: '%s': it is not on PATH, and no absolute path",
                               node_str(v) != NULL ? node_str(v) : "");
            b->command = keep(node_str(v));
        } else if (strcmp(options->members[i].key, "remoteWorkspaceDir") == 0 ||
                   strcmp(options->members[i].key, "remoteAgentWorkspaceDir") == 0) {
            if (node_str(v) == NULL || node_str(v)[0] != '/')
                return err_set(e, ERR_CONFIG, 0, "%s: an absolute path is wanted", options->members[i].key);
            *(options->members[i].key[6] == 'W' ? &b->workspace_dir : &b->agent_dir) = path_resolve(b->a, "/", node_str(v));
        } else if (strcmp(options->members[i].key, "env") != 0)
            return err_set(e, ERR_CONFIG, 0, "%s: not an option of openshell", options->members[i].key);
    }
    return read_env(b, node_get(options, "env"), e);
}

static void os_close(struct backend *handle)
{
    struct openshell *b = (struct openshell *)handle;

    if (b == NULL)
        return;
    openshell_ways_free(b);
    arena_free(b->a);
    for (char **s = b->env; s != NULL && *s != NULL; s++)
        free(*s);
    free(b->env);
    free(b->endpoint);
    free(b->install);
    free(b->command);
    free(b->gateway);
    free(b->gateway_url);
    free(b->workspace);
    free(b->store.dir);
    free(b->store.parent);
    free(b);
}

static int os_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    struct openshell *b = calloc(1, sizeof *b);

    if (b == NULL)
        abort();
    b->ops = &openshell_ops;
    b->a = arena_new();
    b->workspace_dir = "/sandbox";
    b->agent_dir = "/agent";
    b->endpoint = keep(conf->endpoint);
    b->install = keep(conf->install != NULL ? conf->install : "-");
    if (conf->state_dir != NULL) {
        size_t n = strlen(conf->state_dir) + sizeof "/openshell";

        b->store.parent = keep(conf->state_dir);
        b->store.dir = malloc(n);
        if (b->store.dir == NULL)
            abort();
        (void)snprintf(b->store.dir, n, "%s/openshell", conf->state_dir);
    }
    if (read_address(b, conf->address, e) < 0 || read_options(b, conf->options, e) < 0) {
        os_close((struct backend *)b);
        return -1;
    }
    *ret = (struct backend *)b;
    return 0;
}

/* --- probe and check ------------------------------------------------------------------------------------------------------- */

static int os_probe(struct backend *handle, const struct call *call, struct backend_info *ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct openshell_call c = {.b = (struct openshell *)handle, .a = a, .deadline = deadline_start(call)};
    struct openshell_status s;
    struct backend_info info = {0};
    const struct openshell_release *r = &c.b->release;

    if (openshell_cli_find(&c, e) < 0 || openshell_cli_connected(&c, &s, e) < 0)
        return -1;
    (void)snprintf(info.version, sizeof info.version, "%u.%u.%u", r->major, r->minor, r->patch);
    (void)snprintf(info.api, sizeof info.api, "%s", s.version != NULL ? s.version : "");
    if (!openshell_release_is_known(*r))
        (void)snprintf(info.remark, sizeof info.remark,
                       "this release is newer than what was tried here: it is driven as 0.0.111");
    else if (!c.b->traits->labels)
        (void)snprintf(info.remark, sizeof info.remark,
                       "this release has no labels: which sandboxes are ours is known from the state directory alone");
    *ret = info;
    return 0;
}

char *openshell_setup_digest(struct arena *a, const char *setup)
{
    return setup != NULL ? digest_sha256(a, setup, strlen(setup)) : NULL;
}

/* The gateway of the spec, where it names one, is that of the endpoint. */
static int check_gateway(const struct desired *d, struct err *e)
{
    const char *name = node_str(node_get(d->create, "gateway")), *url = node_str(node_get(d->create, "gatewayEndpoint"));
    const char *workspace = node_str(node_get(d->create, "workspace"));
    struct openshell b = {.endpoint = (char *)d->endpoint};
    int r = read_address(&b, strchr(d->endpoint, ':') != NULL ? strchr(d->endpoint, ':') + 1 : NULL, e);

    if (r == 0 && name != NULL && !text_eq(name, b.gateway))
        r = err_set(e, ERR_CONFIG, 0, "gateway: '%s' is not that of endpoint '%s'", name, d->endpoint);
    else if (r == 0 && url != NULL && !text_eq(url, b.gateway_url))
        r = err_set(e, ERR_CONFIG, 0, "gatewayEndpoint: '%s' is not that of endpoint '%s'", url, d->endpoint);
    else if (r == 0 && workspace != NULL && !text_eq(workspace, b.workspace))
        r = err_set(e, ERR_CONFIG, 0, "workspace: '%s' is not that of endpoint '%s'", workspace, d->endpoint);
    free(b.gateway);
    free(b.gateway_url);
    free(b.workspace);
    return r;
}

int openshell_check_spec(struct arena *a, const struct desired *d, struct openshell_spec *ret, struct err *e)
{
    const char *release = node_str(node_get(d->create, "version")), *command = node_str(node_get(d->create, "command")), *flaw;
    struct openshell_release r;
    /* What reconclaw names itself is to work with every release; OpenClaw's names are as they are. */
    bool short_names = d->kind == RUNTIME_SANDBOX;

    if (release != NULL) {
        if (!openshell_release_read(arena_printf(a, "openshell %s", release), &r) || openshell_traits_of(r) == NULL)
            return err_set(e, ERR_CONFIG, 0, "version: '%s' is no release of openshell that is known", release);
        short_names = short_names || openshell_traits_of(r)->short_names;
    }
    flaw = openshell_name_flaw(d->name, short_names);
    if (flaw != NULL)
        return err_set(e, ERR_CONFIG, 0, "name: '%s': %s", d->name != NULL ? d->name : "", flaw);
    if (d->kind == RUNTIME_BROWSER)
        return err_set(e, ERR_CONFIG, 0, "browser: openshell has no browser sandboxes");
    if (d->image != NULL)
        return err_set(e, ERR_CONFIG, 0, "image: openshell takes `from`");
    /* From where it would be looked for depends on who starts it; OpenClaw starts it in the workspace, which its agents write. */
    if (command != NULL && command[0] != '/' && strchr(command, '/') != NULL)
        return err_set(e, ERR_CONFIG, 0, "command: '%s': an absolute path is wanted, or a name to be found on PATH", command);
    if (d->owner == NULL || d->owner[0] == '\0')
        return err_set(e, ERR_CONFIG, 0, "owner: is missing");
    return openshell_spec_decode(a, d->create, ret, e) < 0 || check_gateway(d, e) < 0 ? -1 : 0;
}

static int os_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    struct openshell_spec spec;

    if (openshell_check_spec(a, d, &spec, e) < 0)
        return -1;
    *ret = openshell_spec_fields(a, &spec, openshell_setup_digest(a, d->setup));
    return 0;
}

/* --- inside ------------------------------------------------------------------------------------------------------------------
 */

/* One that is Ready. */
static int find_ready(struct openshell_call *c, const char *name, const char *id, struct openshell_item *ret, struct err *e)
{
    bool found;

    if ((id != NULL ? openshell_find_id(c, name, id, ret, &found, e) : openshell_find_name(c, name, ret, &found, e)) < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no sandbox '%s'", id != NULL ? id : name);
    if (ret->phase != OPENSHELL_READY)
        return err_set(e, ERR_CONFLICT, 0, "sandbox '%s' is %s: nothing can be done in it", ret->name,
                       openshell_phase_name(ret->phase));
    return 0;
}

static int view_by_record(struct openshell_call *c, const struct openshell_item *it, struct openshell_view *ret, struct err *e)
{
    struct openshell_record record;

    if (openshell_store_read(&c->b->store, c->a, c->b->endpoint, it->name, &record, e) < 0)
        return -1;
    *ret = openshell_view_of(c, it, &record);
    return 0;
}

static int os_exec(struct backend *handle, const struct exec_req *req, const struct call *call, int *ret_status, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct openshell_call c = {.b = (struct openshell *)handle, .a = a, .deadline = deadline_start(call)};
    struct openshell_item it;
    struct openshell_view v;
    struct ssh_link *link;
    struct ssh_command command = {.root = "/",
                                  .workdir = req->workdir,
                                  .argv = req->argv,
                                  .fd_in = req->fd_in,
                                  .fd_out = req->fd_out,
                                  .fd_err = req->fd_err,
                                  .tty = req->tty};
    int ms;

    if (deadline_slice(&c.deadline, "running a command", &ms, e) < 0 || find_ready(&c, req->name, req->id, &it, e) < 0 ||
        view_by_record(&c, &it, &v, e) < 0)
        return -1;
    command.env = node_get(req->want != NULL ? req->want->create : v.record.create, "env");
    if (command.workdir == NULL)
        command.workdir = openshell_place_of(&c, &v).workspace;
    if (openshell_way_get(&c, it.name, it.id, &link, e) < 0)
        return -1;
    return ssh_command_run(link, &command, &c.deadline, ret_status, e) < 0 ? openshell_way_failed(c.b, it.id, e) : 0;
}

static int os_save(struct backend *handle, const char *id, const char *name,
                   int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, const struct call *call,
                   struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct openshell_call c = {.b = (struct openshell *)handle, .a = a, .deadline = deadline_start(call)};
    struct openshell_place place;
    struct openshell_item it;
    struct openshell_view v;

    if (find_ready(&c, name, id, &it, e) < 0 || view_by_record(&c, &it, &v, e) < 0)
        return -1;
    place = openshell_place_of(&c, &v);
    return openshell_way_save(&c, it.name, it.id, &place, write, ctx, e);
}

const struct backend_ops openshell_ops = {
    .name = "openshell",
    .open = os_open,
    .probe = os_probe,
    .observe = openshell_observe,
    .look = openshell_look,
    .check = os_check,
    .apply = openshell_apply,
    .exec = os_exec,
    .save = os_save,
    .close = os_close,
};
