/* forget: what is recorded of a runtime goes, though nobody can tell whether the runtime did. By its owner's word alone: for a
 * host that is gone for good. */
#include "reconciler/cmd.h"

#include "reconciler/act.h"
#include "reconciler/look.h"
#include "reconciler/rows.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <string.h>

typedef VEC(const struct row *) row_vec;

/* 0, or the exit code after telling. */
static int find(struct cli *cli, const struct row *rows, size_t n, const char *name, row_vec *all)
{
    const struct row *found = NULL;
    struct err e = {0};

    for (size_t i = 0; i < n && !e.class; i++) {
        if (!rows[i].rec || !row_is_called(&rows[i], name) ||
            (cli->opt.endpoint && strcmp(rows[i].endpoint, cli->opt.endpoint) != 0))
            continue;
        if (found)
            err_set(&e, ERR_USAGE, 0, "'%s' is recorded on several endpoints: name one with --endpoint", name);
        found = &rows[i];
    }
    if (!e.class && !found)
        err_set(&e, ERR_NOT_FOUND, 0, "no runtime '%s' is recorded%s%s", name, cli->opt.endpoint ? " on " : "",
                cli->opt.endpoint ? cli->opt.endpoint : "");
    else if (!e.class && found->obs)
        err_set(&e, ERR_REFUSED, 0, "'%s' is there: it would be found again; reconclaw prune removes what nothing wants", name);
    else if (!e.class && found->want && found->want->policy.protect)
        err_set(&e, ERR_REFUSED, 0, "'%s' is protected by its spec", name);
    if (e.class)
        return cli_fail(cli, &e);
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i] == found)
            return 0;
    VEC_PUSH(cli->a, all, found);
    return 0;
}

static const char *why_of(struct cli *cli, const struct round *r, const struct row *row)
{
    for (size_t i = 0; i < r->n_looks; i++)
        if (!r->looks[i].seen.ok && strcmp(r->looks[i].endpoint, row->endpoint) == 0)
            return r->looks[i].seen.why;
    return row->known ? NULL : "it was not looked at";
}

/* What cannot be seen may well be there, and nobody will know of it. */
static int confirm(struct cli *cli, const struct round *r, const row_vec *v)
{
    const char *what;
    size_t n = 0;
    struct err e;

    for (size_t i = 0; i < v->n; i++) {
        const char *why = why_of(cli, r, v->v[i]);

        if (!why)
            continue;
        n++;
        (void)fprintf(cli->err, "forget %s/%s: %s; what is there stays there\n", text_escaped(cli->a, v->v[i]->endpoint),
                      text_escaped(cli->a, v->v[i]->name), why);
    }
    if (n == 0 || cli->opt.yes)
        return 0;
    what = arena_printf(cli->a, "%zu runtime%s that cannot be seen %s forgotten", n, n == 1 ? "" : "s", n == 1 ? "is" : "are");
    if (!cli->interactive) {
        err_set(&e, ERR_REFUSED, 0, "%s, and nobody can be asked: give --yes", what);
        return cli_fail(cli, &e);
    }
    if (cli_confirm(cli, arena_printf(cli->a, "%s. Go on?", what)))
        return 0;
    (void)fprintf(cli->err, "Nothing was done.\n");
    return EXIT_HELD;
}

static int forget(struct cli *cli, struct look *look, const row_vec *v)
{
    struct node *forgotten = node_array(cli->a), *failed = node_array(cli->a);
    struct act_conf conf = {.host = &cli->host, .store = &look->store, .asked = true};
    struct err e = {0};

    if (journal_open(look->store.home, 0, &conf.journal, &e) < 0)
        return cli_fail(cli, &e);
    for (size_t i = 0; i < v->n; i++) {
        const struct row *row = v->v[i];
        const struct act act = {.kind = ACT_FORGET,
                                .endpoint = row->endpoint,
                                .name = row->name,
                                .install = row->rec->install,
                                .runtime = row->kind,
                                .reason = "its owner has given it up",
                                .until_ms = TIME_NONE,
                                .rec = row->rec};
        const char *name = arena_printf(cli->a, "%s/%s", row->endpoint, row->name);
        bool ok = act_forget(&conf, look->round, &act, &e) == 0;

        node_push(cli->a, ok ? forgotten : failed, node_string(cli->a, name));
        if (!ok)
            (void)fprintf(cli->err, "reconclaw: forgetting %s: %s\n", text_escaped(cli->a, name), e.msg);
        else if (!cli->opt.json)
            (void)fprintf(cli->out, "forgot %s\n", text_escaped(cli->a, name));
    }
    journal_close(conf.journal);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "forget");

        node_set(cli->a, o, "forgotten", forgotten);
        node_set(cli->a, o, "failed", failed);
        cli_print_json(cli, o);
    }
    return failed->n_items > 0 ? EXIT_FAILED : EXIT_OK;
}

int cmd_forget(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    const struct row *rows;
    row_vec v = {0};
    struct err e;
    size_t n;
    int code;

    if (cli->n_args == 0) {
        err_set(&e, ERR_USAGE, 0, "say which: reconclaw forget NAME...");
        return cli_fail(cli, &e);
    }
    code = look_open_asking(cli, LOOK_ACT, NULL, 0, NULL, &look);
    if (code)
        return code;
    look_print_notices(cli, look.round);
    rows = rows_make(cli->a, look.round, &n);
    for (size_t i = 0; i < cli->n_args && !code; i++)
        code = find(cli, rows, n, cli->args[i], &v);
    if (!code)
        code = confirm(cli, look.round, &v);
    return code ? code : forget(cli, &look, &v);
}
