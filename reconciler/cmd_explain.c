/* explain: what one OpenClaw config means for one agent or session, and where each value comes from. */
#include "reconciler/cmd.h"

#include "reconciler/load.h"
#include "reconciler/local_fs.h"
#include "reconciler/podman.h"
#include "spec/base/text.h"
#include "spec/openclaw/context.h"
#include "spec/openclaw/explain.h"
#include "spec/openclaw/names.h"

#include <stdlib.h>
#include <string.h>

static const struct load_openclaw *find_openclaw(const struct load *load, struct err *e)
{
    if (load->n_openclaws == 1)
        return &load->openclaws[0];
    err_set(e, ERR_USAGE, 0,
            load->n_openclaws == 0 ? "the specs name no OpenClaw" : "the specs name several OpenClaws: name one spec file");
    return NULL;
}

static void put(struct cli *cli, const char *name, const char *value)
{
    (void)fprintf(cli->out, "%-20s %s\n", name, value ? text_escaped(cli->a, value) : "-");
}

/* The value at "docker.env.LANG" or "docker.binds[0]", as one line. */
static const char *value_at(struct cli *cli, const struct node *n, const char *key)
{
    BUF_AUTO b = BUF_INIT(64u << 10);

    while (n && *key) {
        size_t len;

        if (*key == '[') {
            size_t i = strtoul(key + 1, NULL, 10);

            n = node_is(n, NODE_ARRAY) && i < n->n_items ? n->items[i] : NULL;
            key += strcspn(key, "]") + 1;
        } else {
            /* Names of variables may hold dots: the longest member that fits. */
            const struct node_member *m = NULL;

            key += *key == '.';
            for (len = strlen(key); len > 0 && !m; len--)
                m = node_member(n, key, len);
            n = m ? m->value : NULL;
            key += m ? m->key_n : strlen(key);
        }
    }
    if (!n)
        return "";
    node_emit(&b, n, 0, NODE_EMIT_REDACT);
    return text_escaped(cli->a, buf_str(&b));
}

static void print_sandbox(struct cli *cli, const struct oc_instance *oc, const struct oc_context *c)
{
    const struct oc_origins origins = oc_resolve_origins(cli->a, oc->config, oc->places, c->agent_id);

    (void)fprintf(cli->out, "\nsandbox:\n");
    for (size_t i = 0; i < origins.n; i++) {
        const struct oc_origin *o = &origins.v[i];
        const char *value = value_at(cli, c->sandbox.config, o->key);

        (void)fprintf(cli->out, "  %-28s %-40s %s", o->key, value, oc_level_name(oc_line_of(oc->places), o->level));
        if (o->pos.file)
            (void)fprintf(cli->out, " (%s at %s:%u:%u)", o->from ? o->from : "", text_escaped(cli->a, o->pos.file), o->pos.line,
                          o->pos.col);
        (void)fputc('\n', cli->out);
    }
}

static void print_list(struct cli *cli, const char *title, const struct node *list)
{
    BUF_AUTO b = BUF_INIT(64u << 10);

    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
        const char *s = node_str(list->items[i]);

        if (i > 0)
            buf_puts(&b, ", ");
        if (s)
            text_escape(&b, s, strlen(s));
        else
            node_emit(&b, list->items[i], 0, 0);
    }
    (void)fprintf(cli->out, "%-20s %s\n", title, b.n ? buf_str(&b) : "-");
}

static void print_mounts(struct cli *cli, const struct node *mounts)
{
    for (size_t i = 0; i < mounts->n_items; i++) {
        const struct node *m = mounts->items[i];

        put(cli, i == 0 ? "mounts" : "",
            arena_printf(cli->a, "%s -> %s (%s, %s)", node_str(node_get(m, "hostRoot")), node_str(node_get(m, "containerRoot")),
                         node_get(m, "writable")->b ? "rw" : "ro", node_str(node_get(m, "source"))));
    }
}

static void print_text(struct cli *cli, const struct oc_instance *oc, const struct oc_context *c, const struct node *more,
                       const struct node *workspace)
{
    put(cli, "agent", c->agent_id);
    put(cli, "session key", c->session_key);
    put(cli, "main session key", c->main_session_key);
    put(cli, "sandboxed", c->sandboxed ? "yes" : "no");
    put(cli, "mode", c->mode);
    put(cli, "scope", c->scope);
    put(cli, "scope key", c->scope_key);
    put(cli, "backend", c->backend);
    put(cli, "workspace access", c->workspace_access);
    put(cli, "workspace", c->workspace_dir);
    put(cli, "agent workspace", c->agent_workspace_dir);
    if (c->has_container) {
        put(cli, "container", c->container.name);
        put(cli, "config hash", c->container.config_hash);
        put(cli, "browser", c->has_browser ? c->browser.name : c->no_browser);
    }
    if (c->how && !c->has_container) {
        put(cli, "runtime", c->container.name);
        put(cli, "endpoint", c->container.endpoint);
        if (node_get(c->container.create, "root"))
            put(cli, "root", node_str(node_get(c->container.create, "root")));
    } else {
        put(cli, "works in", node_str(node_get(workspace, "runtimeWorkdir")));
    }
    print_mounts(cli, node_get(workspace, "workspaceMounts"));
    print_sandbox(cli, oc, c);
    (void)fprintf(cli->out, "\ntools:\n");
    print_list(cli, "  allow", node_path(more, "tools", "allow", NULL));
    print_list(cli, "  deny", node_path(more, "tools", "deny", NULL));
    (void)fprintf(cli->out, "\nelevated:\n");
    const struct node *elevated = node_get(more, "elevated");
    (void)fprintf(cli->out, "  %-18s %s\n", "enabled", value_at(cli, elevated, "enabled"));
    (void)fprintf(cli->out, "  %-18s %s\n", "channel", value_at(cli, elevated, "channel"));
    (void)fprintf(cli->out, "  %-18s %s\n", "allowed by config", value_at(cli, elevated, "allowedByConfig"));
    print_list(cli, "  failing gates", node_get(elevated, "failures"));
    (void)fprintf(cli->out, "\n");
    print_list(cli, "keys to fix", node_get(more, "fixIt"));
}

static void print_json(struct cli *cli, const struct oc_context *c, const struct node *more, const struct node *workspace,
                       const struct diags *d)
{
    struct node *o = oc_context_json(cli->a, c);

    for (size_t i = 0; i < more->n_members; i++)
        node_set(cli->a, o, more->members[i].key, more->members[i].value);
    for (size_t i = 0; i < workspace->n_members; i++)
        node_set(cli->a, o, workspace->members[i].key, workspace->members[i].value);
    node_set(cli->a, o, "diagnostics", cli_diags_json(cli->a, d));
    node_set(cli->a, o, "version", node_number(cli->a, CLI_OUTPUT_VERSION));
    cli_print_json(cli, o);
}

/* Without it there is all but what a container is made from. */
static int ask_podman(struct cli *cli, const struct load_openclaw *o, struct oc_podman *ret, struct diags *d)
{
    const struct endpoint_opener opener = {.host = &cli->host, .install = o->install};
    struct err e = {0};

    if (!podman_is_of(&cli->host, o->paths.state_dir))
        (void)err_set(&e, ERR_UNAVAILABLE, 0, "it is another user's (CONTAINER_HOST would say where)");
    else if (podman_ask(&opener, PODMAN_ASK_MS, NULL, ret, &e) == 0)
        return 0;
    diag_warning(d, o->source.root->pos, "", "what podman's containers are made from is not known: %s", e.msg);
    return -1;
}

static int context_of(struct cli *cli, const struct oc_instance *oc, const char *agent, struct oc_context *ret, struct diags *d)
{
    return cli->opt.session ? oc_context_of_session(cli->a, oc, cli->opt.session, ret, d)
                            : oc_context_of_agent(cli->a, oc, agent, ret, d);
}

/* Whom it is about, where no session says so. A blank agent is none, as OpenClaw 2026.5 has it; 2026.9 refuses that. */
static int choose_agent(const struct cli *cli, const struct oc_profile *line, const char *by_default, const char **ret,
                        struct err *e)
{
    bool is_blank = cli->opt.agent && js_is_blank(cli->opt.agent);

    *ret = cli->opt.agent && !is_blank ? cli->opt.agent : by_default;
    if (is_blank && !line->has_default_agent)
        return err_set(e, ERR_USAGE, 0, "--agent is blank");
    if (!cli->opt.session && !*ret)
        return err_set(e, ERR_USAGE, 0, "several agents are configured and none is the default one: say --agent or --session");
    return 0;
}

/* Whether 2026.9 refuses the agent that was asked for: it is not in the config. */
static bool is_nobody(struct cli *cli, const struct oc_instance *oc, const struct oc_context *c, const char *by_default,
                      struct err *e)
{
    if (oc_line_of(oc->places)->has_default_agent || !cli->opt.agent || c->sandbox.entry || text_eq(c->agent_id, by_default))
        return false;
    (void)err_set(e, ERR_USAGE, 0, "the config has no agent '%s'", text_escaped(cli->a, c->agent_id));
    return true;
}

int cmd_explain(struct cli *cli)
{
    LOAD_AUTO load = load_read(&cli->host, cli->args, cli->n_args, NULL);
    struct diags d = {.arena = cli->a};
    struct oc_context c;
    struct err e = {0};
    const struct load_openclaw *o;
    int code;

    (void)cli_diags(cli, &load->diags);
    if (!load_is_good(load))
        return cli_refuse_config(cli, &load->diags);
    o = find_openclaw(load, &e);
    if (!o)
        return cli_fail(cli, &e);
    if (cli->opt.agent && cli->opt.session) {
        err_set(&e, ERR_USAGE, 0, "say --agent or --session, not both: a session key names its agent");
        return cli_fail(cli, &e);
    }
    OC_COLLATOR_AUTO collator = OC_COLLATOR(o->locale);
    struct oc_podman podman;
    struct oc_instance oc = {.config = o->source.root,
                             .places = &o->places,
                             .fs = &local_fs,
                             .os_home = cli->host.home,
                             .collator = &collator,
                             .uid = cli->host.uid,
                             .gid = cli->host.gid,
                             .created_at_ms = host_now_ms(),
                             .missing = o->source.missing,
                             .explains = true,
                             .user = cli->host.user,
                             .agent_socket = host_env(&cli->host, "SSH_AUTH_SOCK"),
                             .env = o->source.env,
                             .seed = o->object->seed};
    const char *by_default = oc_default_agent(cli->a, oc_line_of(&o->places), o->source.root), *agent;
    if (choose_agent(cli, oc_line_of(&o->places), by_default, &agent, &e) < 0)
        return cli_fail(cli, &e);
    code = context_of(cli, &oc, agent, &c, &(struct diags){.arena = cli->a});
    if (code == 0 && c.is_podman && ask_podman(cli, o, &podman, &d) == 0)
        oc.podman = &podman;
    code = context_of(cli, &oc, agent, &c, &d);
    if (code == 0 && is_nobody(cli, &oc, &c, by_default, &e))
        return cli_fail(cli, &e);
    if (code == 0)
        oc_context_warn(&oc, &c, &d);
    (void)cli_diags(cli, &d);
    if (code < 0)
        return cli_refuse_config(cli, &d);
    const struct node *more = oc_explain_json(cli->a, &oc, &c), *workspace = oc_explain_workspace(cli->a, &oc, &c);
    if (cli->opt.json)
        print_json(cli, &c, more, workspace, &d);
    else
        print_text(cli, &oc, &c, more, workspace);
    return d.n_errors ? EXIT_CONFIG : EXIT_OK;
}
