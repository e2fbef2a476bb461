/* config print: one OpenClaw config as OpenClaw reads it, before its keys are judged. */
#include "reconciler/cmd.h"

#include "reconciler/line.h"
#include "reconciler/load.h"
#include "reconciler/local_fs.h"
#include "spec/openclaw/load.h"

#include <string.h>

int cmd_config(struct cli *cli)
{
    struct diags d = {.arena = cli->a};
    struct oc_source source = {0};
    struct oc_detected detected;
    char install[INSTALL_HEX];
    struct oc_paths paths;
    struct node *env;
    struct err e;
    int code;

    if (cli->n_args < 1 || strcmp(cli->args[0], "print") != 0 || cli->n_args != 2) {
        err_set(&e, ERR_USAGE, 0, "config takes: print FILE");
        return cli_fail(cli, &e);
    }
    env = node_copy(cli->a, cli->host.env);
    node_set(cli->a, env, "OPENCLAW_CONFIG_PATH", node_string(cli->a, host_path(cli->a, &cli->host, cli->args[1])));
    oc_paths_find(cli->a, &local_fs, env, cli->host.cwd, cli->host.home, &paths);
    code = oc_load(cli->a, &local_fs, &paths, cli->host.env, &d, &source);
    if (code == 0 && source.missing)
        diag_error(&d, ((struct pos){.file = paths.config_path}), "", "there is no such file");
    if (code == 0) {
        load_install_id(paths.state_dir, install);
        line_detect(cli->a, &cli->host, paths.state_dir, install, source.root, NULL, &detected);
        oc_load_variables(cli->a, detected.line, &source, &d);
    }
    (void)cli_diags(cli, &d);
    if (code < 0 || source.missing)
        return cli_refuse_config(cli, &d);
    cli_print_json(cli, source.root);
    return EXIT_OK;
}
