/* validate, schema, version: what needs neither a state directory nor an endpoint. */
#include "reconciler/cmd.h"

#include "reconciler/round.h"
#include "spec/kinds.h"

#include <string.h>

static const char *plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

int cmd_validate(struct cli *cli)
{
    LOAD_AUTO load = load_read(&cli->host, cli->args, cli->n_args, NULL);
    ROUND_AUTO round = NULL;
    struct store store = {0}; /* none is opened: a pipeline's machine has no state */
    const struct round_conf conf = {.host = &cli->host, .store = &store, .load = load, .check_only = true};
    struct diags all = {.arena = cli->a};
    struct err e;

    load_install_id(cli->host.home_dir, store.install);
    if (round_look(&conf, &round, &e) < 0)
        return cli_fail(cli, &e);
    for (size_t i = 0; i < load->diags.n; i++)
        diag_add(&all, load->diags.v[i].level, load->diags.v[i].pos, load->diags.v[i].key, "%s", load->diags.v[i].msg);
    for (size_t i = 0; i < round->diags.n; i++)
        diag_add(&all, round->diags.v[i].level, round->diags.v[i].pos, round->diags.v[i].key, "%s", round->diags.v[i].msg);
    int code = cli_diags(cli, &all);
    if (!load_is_good(load))
        code = EXIT_CONFIG;
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "validate");

        node_set(cli->a, o, "valid", node_bool(cli->a, code == EXIT_OK));
        node_set(cli->a, o, "files", node_number(cli->a, (double)load->n_files));
        node_set(cli->a, o, "openclaws", node_number(cli->a, (double)load->specs.n_openclaws));
        node_set(cli->a, o, "sandboxes", node_number(cli->a, (double)load->specs.n_sandboxes));
        node_set(cli->a, o, "diagnostics", cli_diags_json(cli->a, &all));
        cli_print_json(cli, o);
    } else if (code == EXIT_OK) {
        (void)fprintf(cli->out, "valid: %zu %s, %zu OpenClaw, %zu %s\n", load->n_files, plural(load->n_files, "file", "files"),
                      load->specs.n_openclaws, load->specs.n_sandboxes, plural(load->specs.n_sandboxes, "Sandbox", "Sandboxes"));
    }
    return code;
}

int cmd_schema(struct cli *cli)
{
    cli_print_json(cli, specs_schema(cli->a));
    return EXIT_OK;
}

/* The lines of OpenClaw that are understood, and which one each OpenClaw of the default specs is. */
int cmd_version(struct cli *cli)
{
    LOAD_AUTO load = load_read(&cli->host, NULL, 0, NULL);
    struct node *lines = load_lines_json(cli->a, load), *known = node_array(cli->a);

    for (int i = 0; i < OC_LINE_COUNT; i++)
        node_push(cli->a, known, node_string(cli->a, oc_profiles[i].name));
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "version");

        node_set(cli->a, o, "reconclaw", node_string(cli->a, RECONCLAW_VERSION));
        node_set(cli->a, o, "apiVersion", node_string(cli->a, SPECS_API_VERSION));
        node_set(cli->a, o, "openclawLines", known);
        node_set(cli->a, o, "openclaws", lines);
        cli_print_json(cli, o);
        return EXIT_OK;
    }
    (void)fprintf(cli->out, "reconclaw %s (%s), for OpenClaw", RECONCLAW_VERSION, SPECS_API_VERSION);
    for (size_t i = 0; i < known->n_items; i++)
        (void)fprintf(cli->out, "%s %s", i ? "," : "", known->items[i]->s);
    (void)fputc('\n', cli->out);
    for (size_t i = 0; i < lines->n_items; i++) {
        const struct oc_detected *d = &load->openclaws[i].detected;

        (void)fprintf(cli->out, "%s: OpenClaw %s%s: %s\n", text_escaped(cli->a, node_str(node_get(lines->items[i], "object"))),
                      d->line->name, d->known ? "" : ", not known", text_escaped(cli->a, d->why));
    }
    return EXIT_OK;
}
