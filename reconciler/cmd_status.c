/* status: what the daemon wrote after its last round. */
#include "reconciler/cmd.h"

#include "reconciler/report.h"
#include "spec/read/json.h"

#include <string.h>

int cmd_status(struct cli *cli)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    struct node *report = NULL;
    char *bytes = NULL;
    struct err e = {0};
    bool alive = false;
    size_t n;

    if (store_open(&cli->host, false, &store, &e) < 0 ||
        (store.home && home_get(store.home, cli->a, REPORT_KEY, &bytes, &n, &e) < 0))
        return cli_fail(cli, &e);
    if (bytes && !(report = json_read_err(cli->a, "the daemon's report", bytes, n, &e)))
        return cli_fail(cli, &e);
    if (store.home && home_is_locked(store.home, &alive, &e) < 0)
        return cli_fail(cli, &e);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "status");

        node_set(cli->a, o, "running", node_bool(cli->a, alive));
        node_set(cli->a, o, "report", report ? report : node_null(cli->a));
        cli_print_json(cli, o);
    } else if (!report) {
        (void)fprintf(cli->out, "%s (%s)\n", alive ? "running, before its first round" : "no daemon has run here",
                      cli->host.home_dir);
    } else {
        BUF_AUTO text = BUF_INIT(SIZE_MAX / 4);

        report_text(cli->a, &text, report, alive, host_now_ms());
        (void)fwrite(buf_str(&text), 1, text.n, cli->out);
    }
    if (!alive)
        return EXIT_FAILED;
    const struct node *held = node_get(report, "held"), *failed = node_get(report, "failed");
    if (node_is(failed, NODE_ARRAY) && failed->n_items > 0)
        return EXIT_FAILED;
    return node_is(held, NODE_ARRAY) && held->n_items > 0 ? EXIT_HELD : EXIT_OK;
}
