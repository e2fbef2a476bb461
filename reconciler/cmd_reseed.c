/* reseed and approve: workspaces on other hosts are filled anew from the local ones, and what of them may be undone by that. */
#include "reconciler/approvals.h"
#include "reconciler/cmd.h"
#include "reconciler/cmd_act.h"
#include "reconciler/pull.h"
#include "reconciler/rows.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "state/journal.h"

#include <stdio.h>
#include <string.h>

/* --- which ----------------------------------------------------------------------------------------------------------------- */

static bool has_tree(const struct row *row)
{
    return row->want && !row->want->can_remake;
}

/* 0, or the exit code after telling why the name means none that could be reseeded. */
static int check_name(struct cli *cli, const struct row *rows, size_t n, const char *name)
{
    bool found = false;
    struct err e = {0};

    for (size_t i = 0; i < n; i++) {
        if (!row_is_called(&rows[i], name) || (cli->opt.endpoint && strcmp(rows[i].endpoint, cli->opt.endpoint) != 0))
            continue;
        if (has_tree(&rows[i]))
            return 0;
        found = true;
    }
    if (found)
        err_set(&e, ERR_REFUSED, 0, "'%s' holds no workspace of another host that a spec wants: there is nothing to reseed",
                name);
    else
        err_set(&e, ERR_NOT_FOUND, 0, "no runtime '%s'", name);
    return cli_fail(cli, &e);
}

static int ask_for(struct cli *cli, const struct round *first, struct request **ret, size_t *ret_n)
{
    VEC(struct request) v = {0};
    size_t n;
    const struct row *rows = rows_make(cli->a, first, &n);
    int code = 0;

    for (size_t i = 0; i < cli->n_args && !code; i++)
        code = check_name(cli, rows, n, cli->args[i]);
    for (size_t i = 0; i < n && !code; i++) {
        bool asked = cli->n_args == 0;

        for (size_t k = 0; k < cli->n_args; k++)
            asked = asked || row_is_called(&rows[i], cli->args[k]);
        if (asked && has_tree(&rows[i]) && (!cli->opt.endpoint || strcmp(rows[i].endpoint, cli->opt.endpoint) == 0))
            VEC_PUSH(cli->a, &v,
                     ((struct request){.endpoint = arena_strdup(cli->a, rows[i].endpoint),
                                       .name = arena_strdup(cli->a, rows[i].name),
                                       .runtime = rows[i].kind,
                                       .kind = ACT_RESEED}));
    }
    *ret = v.v;
    *ret_n = v.n;
    return code;
}

static int open_look(struct cli *cli, struct look *look)
{
    const struct look_ask asking = {.ask = ask_for};
    const char *const *specs = NULL;
    size_t n_specs = 0;
    int code = cmd_act_specs(cli, &specs, &n_specs);

    if (!code)
        code = look_open_asking(cli, LOOK_ACT, specs, n_specs, &asking, look);
    if (!code)
        look_keep_acts(cli, look->round, cmd_act_is_requested);
    return code;
}

/* What a look says would be undone, and nobody has agreed to. */
static bool is_waiting(const struct act *act)
{
    return act->kind == ACT_HOLD && act->held == ACT_RESEED && act->guard == GUARD_DATA && act->seed && act->seed->n_lost > 0 &&
           act->seed->digest;
}

static const char *full_name(struct arena *a, const struct act *act)
{
    return arena_printf(a, "%s/%s", text_escaped(a, act->endpoint), text_escaped(a, act->name));
}

/* --- approving ------------------------------------------------------------------------------------------------------------- */

static int put_approval(struct cli *cli, struct look *look, struct journal *journal, const struct act *act, const char *how,
                        struct err *e)
{
    const struct approval p = {.endpoint = act->endpoint, .name = act->name, .digest = act->seed->digest};
    const struct journal_entry entry = {.time_ms = host_now_ms(),
                                        .event = JOURNAL_APPROVE,
                                        .object = act->want->owner,
                                        .endpoint = act->endpoint,
                                        .runtime = act->name,
                                        .kind = act->runtime,
                                        .id = act->obs ? act->obs->id : NULL,
                                        .act = act_kind_name(ACT_RESEED),
                                        .reason = arena_printf(cli->a, "%s: %zu change%s, %.12s", how, act->seed->n_lost,
                                                               act->seed->n_lost == 1 ? "" : "s", act->seed->digest),
                                        .asked = true,
                                        .outcome = JOURNAL_OK};
    struct err ignored;

    if (approvals_add(look->store.home, cli->a, &p, e) < 0)
        return -1;
    if (journal_append(journal, &entry, NULL, &ignored) < 0)
        (void)fprintf(cli->err, "warning: the journal: %s\n", ignored.msg);
    return 0;
}

static struct node *seed_node(struct arena *a, const struct act *act, const char *result)
{
    struct node *o = node_object(a);

    node_set(a, o, "endpoint", node_string(a, act->endpoint));
    node_set(a, o, "name", node_string(a, act->name));
    node_set(a, o, "result", node_string(a, result));
    node_set(a, o, "lost", node_number(a, act->seed ? (double)act->seed->n_lost : 0));
    node_set(a, o, "lostBytes", node_number(a, act->seed ? (double)act->seed->lost_bytes : 0));
    node_set_text(a, o, "list", act->seed ? act->seed->lost : NULL);
    node_set_text(a, o, "digest", act->seed ? act->seed->digest : NULL);
    if (act->kind == ACT_HOLD)
        node_set_text(a, o, "message", act->hold_reason);
    return o;
}

static void print_list(FILE *f, const struct act *act)
{
    for (const char *line = act->seed->lost; line && *line;) {
        size_t n = strcspn(line, "\n");

        (void)fprintf(f, "  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

/* 0 to go on; else the exit code. The list is what is agreed to: it is shown whoever says yes. */
static int confirm(struct cli *cli, const struct plan *p, size_t n)
{
    struct err e;

    for (size_t i = 0; i < p->n_acts; i++) {
        if (!is_waiting(&p->acts[i]))
            continue;
        (void)fprintf(cli->err, "a reseed of %s would undo:\n", full_name(cli->a, &p->acts[i]));
        print_list(cli->err, &p->acts[i]);
    }
    if (cli->opt.yes)
        return 0;
    if (!cli->interactive) {
        err_set(&e, ERR_REFUSED, 0, "what would be undone of %zu workspaces is approved, and nobody can be asked: give --yes", n);
        return cli_fail(cli, &e);
    }
    if (cli_confirm(cli, arena_printf(cli->a, "What would be undone of %zu workspaces is approved. Go on?", n)))
        return 0;
    (void)fprintf(cli->err, "Nothing was done.\n");
    return EXIT_HELD;
}

static void close_journal(struct journal **j)
{
    journal_close(*j);
}

static int approve(struct cli *cli, struct look *look)
{
    __attribute__((cleanup(close_journal))) struct journal *journal = NULL;
    const struct plan *p = &look->round->plan;
    struct node *list = node_array(cli->a);
    struct err e = {0};
    int code = EXIT_OK;

    if (journal_open(look->store.home, 0, &journal, &e) < 0)
        return cli_fail(cli, &e);
    for (size_t i = 0; i < p->n_acts; i++) {
        const struct act *act = &p->acts[i];
        bool waits = is_waiting(act), doubt = act->kind == ACT_HOLD && !waits && (!act->seed || act->seed->doubt);
        const char *result = waits ? "approved" : doubt ? "held" : "nothing to approve";

        if (waits && put_approval(cli, look, journal, act, "approved", &e) < 0)
            return cli_fail(cli, &e);
        code = doubt ? EXIT_HELD : code;
        node_push(cli->a, list, seed_node(cli->a, act, result));
        if (!cli->opt.json && waits)
            (void)fprintf(cli->out, "approved %s: %zu change%s\n", full_name(cli->a, act), act->seed->n_lost,
                          act->seed->n_lost == 1 ? "" : "s");
        else if (!cli->opt.json)
            (void)fprintf(doubt ? cli->err : cli->out, "%s: %s%s%s\n", full_name(cli->a, act),
                          doubt ? "cannot be told" : "a reseed undoes nothing that is not approved", doubt ? ": " : "",
                          doubt && act->hold_reason ? act->hold_reason : "");
    }
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "approve");

        node_set(cli->a, o, "approvals", list);
        node_set(cli->a, o, "notices", look_notices_json(cli->a, look->round));
        cli_print_json(cli, o);
    }
    return code;
}

int cmd_approve(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    struct err e;
    size_t n = 0;
    int code;

    if (cli->n_args == 0) {
        err_set(&e, ERR_USAGE, 0, "say which: reconclaw approve NAME...");
        return cli_fail(cli, &e);
    }
    code = open_look(cli, &look);
    if (code)
        return code;
    look_print_notices(cli, look.round);
    for (size_t i = 0; i < look.round->plan.n_acts; i++)
        n += is_waiting(&look.round->plan.acts[i]);
    code = n > 0 ? confirm(cli, &look.round->plan, n) : 0;
    return code ? code : approve(cli, &look);
}

/* --- reseeding ------------------------------------------------------------------------------------------------------------- */

/* What was changed there is here now: its owner has lost nothing. */
static int pull_one(struct cli *cli, struct look *look, struct journal *journal, const struct act *act, struct node *pulled,
                    struct err *e)
{
    const struct endpoint_opener opener = {
        .host = &cli->host, .state_dir = home_path(look->store.home), .install = look->store.install, .reach = look->store.reach};
    const struct manifest_changes *lost = compare_lost(look->round, act->seed);
    const struct call call = {.timeout_ms = COMPARE_ASKED_MS};
    struct node *o = node_object(cli->a);
    const char *dir = NULL;

    if (!lost)
        return err_set(e, ERR_REFUSED, 0, "what was changed in '%s' is not known", act->name);
    if (pull_changes(&opener, cli->a, act, lost, host_now_ms(), &call, &dir, e) < 0)
        return -1;
    node_set(cli->a, o, "endpoint", node_string(cli->a, act->endpoint));
    node_set(cli->a, o, "name", node_string(cli->a, act->name));
    node_set(cli->a, o, "changes", node_number(cli->a, (double)act->seed->n_lost));
    node_set_text(cli->a, o, "dir", dir);
    node_push(cli->a, pulled, o);
    if (!cli->opt.json && dir)
        (void)fprintf(cli->out, "kept what was changed in %s: %s\n", full_name(cli->a, act), text_escaped(cli->a, dir));
    return put_approval(cli, look, journal, act, dir ? arena_printf(cli->a, "kept in %s", dir) : "nothing but removals", e);
}

static int keep_remote(struct cli *cli, struct look *look, struct node *pulled)
{
    __attribute__((cleanup(close_journal))) struct journal *journal = NULL;
    struct round *r = look->round;
    VEC(struct approval) v = {0};
    struct err e = {0};

    if (journal_open(look->store.home, 0, &journal, &e) < 0)
        return cli_fail(cli, &e);
    for (size_t i = 0; i < r->plan.n_acts; i++) {
        const struct act *act = &r->plan.acts[i];

        if (!is_waiting(act))
            continue;
        if (pull_one(cli, look, journal, act, pulled, &e) < 0)
            return cli_fail(cli, &e);
        VEC_PUSH(cli->a, &v, ((struct approval){.endpoint = act->endpoint, .name = act->name, .digest = act->seed->digest}));
    }
    round_approve(r, v.v, v.n);
    look_keep_acts(cli, r, cmd_act_is_requested);
    return 0;
}

int cmd_reseed(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    struct node *pulled = cli->opt.keep_remote ? node_array(cli->a) : NULL;
    int code = open_look(cli, &look);

    if (code)
        return code;
    if (look.round->world.n_requests == 0) {
        struct node *o = cli_object(cli, "reseed");

        if (cli->opt.json)
            cli_print_json(cli, o);
        else
            (void)fprintf(cli->out, "No workspace of another host is wanted.\n");
        return EXIT_OK;
    }
    look_keep_no_collect(look.round);
    cmd_act_tell_unheeded(cli, look.round, "reseeded");
    if (pulled && look.round->diags.n_errors == 0)
        code = keep_remote(cli, &look, pulled);
    if (code)
        return code;
    look_keep_no_collect(look.round);
    return cmd_act_go(cli, "reseed", &look, pulled);
}
