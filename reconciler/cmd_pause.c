/* pause, resume: what the owner wants left alone. The daemon and every command heed it. */
#include "reconciler/cmd.h"

#include "reconciler/pauses.h"
#include "reconciler/round.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "state/journal.h"

#include <string.h>

/* A runtime is paused on its endpoint; where none is given, the one that our records know it on. */
static const char *endpoint_of(struct cli *cli, const struct round *r, const char *name, struct err *e)
{
    const char *found = NULL;

    if (cli->opt.endpoint)
        return cli->opt.endpoint;
    for (size_t i = 0; i < r->n_records; i++) {
        if (strcmp(r->records[i].name, name) != 0)
            continue;
        if (found && strcmp(found, r->records[i].endpoint) != 0) {
            err_set(e, ERR_USAGE, 0, "'%s' is on several endpoints: name one with --endpoint", name);
            return NULL;
        }
        found = r->records[i].endpoint;
    }
    for (size_t i = 0; i < r->n_desired && !found; i++)
        if (strcmp(r->desired[i].name, name) == 0)
            found = r->desired[i].endpoint;
    if (!found)
        err_set(e, ERR_USAGE, 0, "no runtime '%s' is recorded or wanted: name its endpoint with --endpoint", name);
    return found;
}

static void write_journal(struct cli *cli, struct store *store, enum journal_event event, const struct pause *p)
{
    struct journal *j;
    struct err e;
    const struct journal_entry entry = {.time_ms = host_now_ms(),
                                        .event = event,
                                        .endpoint = p->endpoint,
                                        .runtime = p->name,
                                        .reason = p->endpoint ? NULL : "everything"};

    if (journal_open(store->home, 0, &j, &e) < 0) {
        (void)fprintf(cli->err, "warning: the journal: %s\n", e.msg);
        return;
    }
    if (journal_append(j, &entry, NULL, &e) < 0)
        (void)fprintf(cli->err, "warning: the journal: %s\n", e.msg);
    journal_close(j);
}

/* What a pause or resume is about: everything, an endpoint, or a runtime. */
static int target(struct cli *cli, struct store *store, struct pause *ret)
{
    struct err e = {0};

    *ret = (struct pause){.endpoint = cli->opt.endpoint, .until_ms = TIME_NONE};
    if (cli->n_args > 1) {
        err_set(&e, ERR_USAGE, 0, "one runtime at a time");
        return cli_fail(cli, &e);
    }
    if (cli->n_args == 1) {
        LOAD_AUTO load = load_read(&cli->host, NULL, 0, NULL);
        ROUND_AUTO round = NULL;
        const struct round_conf conf = {.host = &cli->host, .store = store, .load = load, .records_only = true};

        if (round_look(&conf, &round, &e) < 0)
            return cli_fail(cli, &e);
        ret->name = arena_strdup(cli->a, cli->args[0]);
        ret->endpoint = arena_strdup(cli->a, endpoint_of(cli, round, ret->name, &e));
        if (!ret->endpoint)
            return cli_fail(cli, &e);
    }
    return 0;
}

static const char *describe(struct cli *cli, const struct pause *p)
{
    if (!p->endpoint)
        return "everything";
    return p->name ? arena_printf(cli->a, "%s/%s", p->endpoint, p->name) : arena_printf(cli->a, "all of %s", p->endpoint);
}

static struct node *target_node(struct cli *cli, const char *command, const struct pause *p)
{
    struct node *o = cli_object(cli, command);

    node_set(cli->a, o, "endpoint", p->endpoint ? node_string(cli->a, p->endpoint) : node_null(cli->a));
    node_set(cli->a, o, "name", p->name ? node_string(cli->a, p->name) : node_null(cli->a));
    if (strcmp(command, "pause") == 0)
        node_set(cli->a, o, "untilMs", p->until_ms == TIME_NONE ? node_null(cli->a) : node_number(cli->a, (double)p->until_ms));
    return o;
}

int cmd_pause(struct cli *cli)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    struct pause p;
    struct err e;
    int code;

    if (store_open(&cli->host, true, &store, &e) < 0)
        return cli_fail(cli, &e);
    code = target(cli, &store, &p);
    if (code)
        return code;
    if (cli->opt.for_ms)
        p.until_ms = num_add_i64(host_now_ms(), cli->opt.for_ms);
    if (pauses_add(store.home, cli->a, &p, host_now_ms(), &e) < 0)
        return cli_fail(cli, &e);
    write_journal(cli, &store, JOURNAL_PAUSE, &p);
    if (!cli->opt.json)
        (void)fprintf(cli->out, "paused %s until %s\n", describe(cli, &p),
                      p.until_ms == TIME_NONE ? "it is resumed" : cli_time(cli->a, p.until_ms));
    else
        cli_print_json(cli, target_node(cli, "pause", &p));
    return EXIT_OK;
}

int cmd_resume(struct cli *cli)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    struct pause p;
    struct err e;
    size_t n = 0;
    int code;

    if (store_open(&cli->host, true, &store, &e) < 0)
        return cli_fail(cli, &e);
    code = target(cli, &store, &p);
    if (code)
        return code;
    if (pauses_remove(store.home, cli->a, p.endpoint, p.name, cli->opt.all, host_now_ms(), &n, &e) < 0)
        return cli_fail(cli, &e);
    if (n > 0)
        write_journal(cli, &store, JOURNAL_RESUME, &p);
    if (cli->opt.json) {
        struct node *o = target_node(cli, "resume", &p);

        node_set(cli->a, o, "resumed", node_number(cli->a, (double)n));
        cli_print_json(cli, o);
    } else if (n == 0) {
        (void)fprintf(cli->out, "%s was not paused\n", describe(cli, &p));
    } else {
        (void)fprintf(cli->out, "resumed %s\n", cli->opt.all ? "everything that was paused" : describe(cli, &p));
    }
    return EXIT_OK;
}
