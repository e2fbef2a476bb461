/* exec: a command inside a runtime, with its standard streams ours. */
#include "reconciler/cmd.h"

#include "reconciler/look.h"
#include "reconciler/rows.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define EXEC_TIMEOUT_MS INT_MAX /* as long as the command runs */

static const struct row *find(struct cli *cli, const struct row *rows, size_t n, struct err *e)
{
    const struct row *found = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!row_is_called(&rows[i], cli->args[0]) || (cli->opt.endpoint && strcmp(rows[i].endpoint, cli->opt.endpoint) != 0))
            continue;
        if (found) {
            err_set(e, ERR_USAGE, 0, "'%s' means several runtimes: name one with --endpoint", cli->args[0]);
            return NULL;
        }
        found = &rows[i];
    }
    if (!found)
        err_set(e, ERR_NOT_FOUND, 0, "no runtime '%s'", cli->args[0]);
    else if (!found->known)
        err_set(e, ERR_UNAVAILABLE, 0, "endpoint '%s' of '%s' cannot be read", found->endpoint, found->name);
    else if (!found->obs)
        err_set(e, ERR_NOT_FOUND, 0, "'%s' is not there now", found->name);
    else
        return found;
    return NULL;
}

/* The spec file that a runtime on another host was made from, where no spec that was read names it: its keys and variables stand
 * nowhere else. NULL: it is not needed. */
static const char *source_of(struct cli *cli, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (row_is_called(&rows[i], cli->args[0]) && !rows[i].want && rows[i].rec && rows[i].rec->holds_data &&
            rows[i].rec->source)
            return arena_strdup(cli->a, rows[i].rec->source);
    return NULL;
}

/* A sandbox of ours is used by its owner's commands: what recreates it waits a while after the last one. */
static void note_use(struct cli *cli, struct store *store, const struct row *row)
{
    struct record rec;
    struct err e;

    if (!store->home || !row->rec || row->kind != RUNTIME_SANDBOX)
        return;
    rec = *row->rec;
    rec.last_used_at_ms = host_now_ms();
    /* Changed meanwhile, it is another's to write: then the use is not noted. */
    if (record_put(store->home, &rec, row->rec->version, NULL, &e) < 0 && e.class != ERR_CONFLICT)
        (void)fprintf(cli->err, "warning: noting the use: %s\n", e.msg);
}

int cmd_exec(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    __attribute__((cleanup(endpoint_closep))) struct backend *b = NULL;
    const char *const *argv = cli->args + 1;
    const struct row *row;
    struct err e = {0};
    int status = 0, code;
    size_t n;

    if (cli->n_args >= 2 && strcmp(argv[0], "--") == 0)
        argv++;
    if (cli->n_args < 2 || !argv[0]) {
        err_set(&e, ERR_USAGE, 0, "exec takes a runtime and a command");
        return cli_fail(cli, &e);
    }
    code = look_open_asking(cli, LOOK_LENIENT, NULL, 0, NULL, &look);
    if (code)
        return code;
    const struct row *rows = rows_make(cli->a, look.round, &n);
    const char *source = source_of(cli, rows, n);
    if (source) {
        look_close(&look);
        code = look_open_asking(cli, LOOK_LENIENT, &source, 1, NULL, &look);
        if (code)
            return code;
        rows = rows_make(cli->a, look.round, &n);
    }
    row = find(cli, rows, n, &e);
    if (!row)
        return cli_fail(cli, &e);
    const struct endpoint_opener opener = {.host = &cli->host,
                                           .state_dir = look.store.home ? home_path(look.store.home) : NULL,
                                           .install = look.store.install,
                                           .reach = look.store.reach};
    const struct call call = {.timeout_ms = EXEC_TIMEOUT_MS};
    const struct exec_req req = {.name = row->name,
                                 .id = row->obs->id,
                                 .argv = argv,
                                 .workdir = cli->opt.workdir,
                                 .fd_in = STDIN_FILENO,
                                 .fd_out = STDOUT_FILENO,
                                 .fd_err = STDERR_FILENO,
                                 .tty = cli->opt.tty,
                                 .want = row->want};
    if (endpoint_open(&opener, row->endpoint, &b, &e) < 0)
        return cli_fail(cli, &e);
    if (!b->ops->exec)
        err_set(&e, ERR_UNSUPPORTED, 0, "the backend of '%s' cannot run a command inside", row->name);
    (void)fflush(cli->out);
    if (!b->ops->exec || b->ops->exec(b, &req, &call, &status, &e) < 0)
        return cli_fail(cli, &e);
    note_use(cli, &look.store, row);
    return status;
}
