/* apply, prune, recreate: a round that acts, by hand. */
#include "reconciler/cmd.h"
#include "reconciler/cmd_act.h"

#include "reconciler/act.h"
#include "reconciler/core/plan_text.h"
#include "reconciler/rows.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- asking
 * -----------------------------------------------------------------------------------------------------------------------------
 */

static bool is_destructive(const struct act *act)
{
    return act->kind == ACT_RECREATE || act->kind == ACT_PRUNE || act->kind == ACT_RESEED ||
           (act->kind == ACT_PATCH && act->restart) || act->kind == ACT_STOP;
}

/* 0 to go on; else the exit code. */
static int ask(struct cli *cli, const struct plan *p)
{
    size_t n = 0, n_deleted = plan_count_moves(p, MOVE_COLLECT);
    const char *what, *deleted;
    struct err e;

    for (size_t i = 0; i < p->n_acts; i++)
        n += is_destructive(&p->acts[i]);
    if (n + n_deleted == 0 || cli->opt.yes)
        return 0;
    deleted = arena_printf(cli->a, "%zu quarantined workspace%s deleted", n_deleted, n_deleted == 1 ? " is" : "s are");
    what = arena_printf(cli->a, "%zu act%s a runtime", n, n == 1 ? " removes or restarts" : "s remove or restart");
    if (n == 0)
        what = deleted;
    else if (n_deleted > 0)
        what = arena_printf(cli->a, "%s, and %s", what, deleted);
    if (!cli->interactive) {
        err_set(&e, ERR_REFUSED, 0, "%s, and nobody can be asked: give --yes", what);
        return cli_fail(cli, &e);
    }
    if (cli_confirm(cli, arena_printf(cli->a, "%s. Go on?", what)))
        return 0;
    (void)fprintf(cli->err, "Nothing was done.\n");
    return EXIT_HELD;
}

/* --- telling
 * ---------------------------------------------------------------------------------------------------------------------------- */

struct telling {
    struct cli *cli;
    size_t n, total;
};

static void on_progress(void *ctx, const struct act *act, const struct act_ended *ended)
{
    struct telling *t = ctx;
    BUF_AUTO b = BUF_INIT(1u << 20);

    if (!ended)
        return;
    t->n++;
    if (t->cli->opt.json)
        return;
    act_format(&b, act, host_now_ms());
    (void)fprintf(t->cli->out, "[%zu/%zu] %s: %s%s%s\n", t->n, t->total,
                  ended->end == ACT_ENDED_DONE ? "done" : act_end_name(ended->end), buf_str(&b),
                  ended->end == ACT_ENDED_DONE ? "" : ": ", ended->end == ACT_ENDED_DONE ? "" : ended->err.msg);
    (void)fflush(t->cli->out);
}

static struct node *results_node(struct arena *a, const struct plan *p, const struct act_report *report)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < p->n_acts; i++) {
        struct node *o;

        if (report->v[i].end == ACT_ENDED_NONE)
            continue;
        o = node_object(a);
        node_set(a, o, "endpoint", node_string(a, p->acts[i].endpoint));
        node_set(a, o, "name", node_string(a, p->acts[i].name));
        node_set(a, o, "act", node_string(a, act_kind_name(p->acts[i].kind)));
        node_set(a, o, "result", node_string(a, act_end_name(report->v[i].end)));
        if (report->v[i].end != ACT_ENDED_DONE) {
            node_set(a, o, "class", node_string(a, err_class_name(report->v[i].err.class)));
            node_set(a, o, "message", node_string(a, report->v[i].err.msg));
        }
        node_push(a, list, o);
    }
    return list;
}

static void print_summary(struct cli *cli, const struct plan *p, const struct act_report *report)
{
    BUF_AUTO b = BUF_INIT(4096);

    act_report_format(&b, report);
    if (report->n_held + p->count[ACT_HOLD] > 0)
        buf_printf(&b, "%s%zu held", b.n ? ", " : "", report->n_held + p->count[ACT_HOLD]);
    if (p->n_unknown > 0)
        buf_printf(&b, "%s%zu endpoint%s unknown", b.n ? ", " : "", p->n_unknown, p->n_unknown == 1 ? "" : "s");
    (void)fprintf(cli->out, "%s.\n", b.n ? buf_str(&b) : "Nothing to do");
}

/* --- acting
 * -------------------------------------------------------------------------------------------------------------------------------
 */

/* What a terminal's Ctrl-C sets: begun acts end, no other begins. */
static atomic_bool interrupted;

static void on_interrupt(int signal)
{
    atomic_store(&interrupted, true);
}

static struct node *left_node(struct arena *a, const struct leave_report *left)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < left->n; i++) {
        const struct leave_done *d = &left->v[i];
        struct node *o = node_object(a);

        node_set(a, o, "move", node_string(a, move_kind_name(d->kind)));
        node_set(a, o, "path", node_string(a, d->path));
        node_set(a, o, "to", d->to ? node_string(a, d->to) : node_null(a));
        node_set(a, o, "name", node_string(a, d->runtime));
        node_set(a, o, "endpoint", node_string(a, d->endpoint));
        node_set(a, o, "result", node_string(a, d->failed ? "failed" : "done"));
        if (d->message)
            node_set(a, o, "message", node_string(a, d->message));
        node_push(a, list, o);
    }
    return list;
}

static void print_left(struct cli *cli, const struct leave_report *left)
{
    for (size_t i = 0; i < left->n; i++) {
        BUF_AUTO b = BUF_INIT(1u << 20);

        leave_format(&b, &left->v[i]);
        (void)fprintf(left->v[i].failed ? cli->err : cli->out, "%s\n", buf_str(&b));
    }
    if (left->error)
        (void)fprintf(cli->err, "warning: what was left behind waits for the next round: %s\n", left->error);
}

static bool is_move_held(const struct plan *p)
{
    for (size_t i = 0; i < p->n_moves; i++)
        if (p->moves[i].held)
            return true;
    return false;
}

static int exit_code(const struct look *look, const struct act_report *report)
{
    const struct plan *p = &look->round->plan;

    if (report->n_failed > 0 || report->n_cancelled > 0)
        return EXIT_FAILED;
    if (report->n_held > 0 || p->count[ACT_HOLD] > 0 || is_move_held(p) || p->n_unknown > 0 || look->round->blocked)
        return EXIT_HELD;
    return EXIT_OK;
}

static int execute(struct cli *cli, const char *command, struct look *look, struct node *pulled)
{
    struct telling telling = {.cli = cli};
    const struct grant grant = {.endpoint = cli->opt.endpoint, .allows = GRANT_USE};
    struct act_conf conf = {.host = &cli->host,
                            .store = &look->store,
                            .grants = &grant,
                            .n_grants = cli->opt.allow_in_use,
                            .cancel = &interrupted,
                            .progress = on_progress,
                            .ctx = &telling,
                            .asked = true};
    const struct sigaction on = {.sa_handler = on_interrupt};
    struct act_report report;
    struct err e;

    if (journal_open(look->store.home, 0, &conf.journal, &e) < 0)
        return cli_fail(cli, &e);
    for (size_t i = 0; i < look->round->plan.n_acts; i++)
        telling.total += look->round->plan.acts[i].kind != ACT_HOLD && look->round->plan.acts[i].kind != ACT_REPORT;
    (void)sigaction(SIGINT, &on, NULL);
    (void)sigaction(SIGTERM, &on, NULL);
    act_execute(&conf, look->round, &report);
    journal_close(conf.journal);
    if (report.journal_error)
        (void)fprintf(cli->err, "warning: the journal: %s\n", report.journal_error);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, command);

        node_set(cli->a, o, "plan", plan_node(cli->a, &look->round->plan));
        node_set(cli->a, o, "results", results_node(cli->a, &look->round->plan, &report));
        node_set(cli->a, o, "workspaces", left_node(cli->a, &report.left));
        if (pulled)
            node_put(cli->a, o, "pulled", pulled);
        node_set(cli->a, o, "notices", look_notices_json(cli->a, look->round));
        cli_print_json(cli, o);
    } else {
        print_left(cli, &report.left);
        print_summary(cli, &look->round->plan, &report);
    }
    return exit_code(look, &report);
}

static void show_plan(struct cli *cli, const struct plan *p)
{
    BUF_AUTO text = BUF_INIT(SIZE_MAX / 4);

    if (cli->opt.json || (plan_is_empty(p) && p->n_acts == 0 && p->n_moves == 0 && p->n_unknown == 0))
        return;
    plan_emit_text(&text, p, cli->color ? PLAN_TEXT_COLOUR : 0);
    (void)fwrite(buf_str(&text), 1, text.n, cli->out);
    (void)fflush(cli->out);
}

int cmd_act_go(struct cli *cli, const char *command, struct look *look, struct node *pulled)
{
    int code;

    look_print_notices(cli, look->round);
    if (look->round->diags.n_errors > 0)
        return cli_refuse_config(cli, &look->round->diags); /* half of what the owner wrote is not what the owner wants */
    show_plan(cli, &look->round->plan);
    code = ask(cli, &look->round->plan);
    return code ? code : execute(cli, command, look, pulled);
}

int cmd_apply(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    int code = look_open(cli, LOOK_ACT, &look);

    if (code)
        return code;
    look_keep_acts(cli, look.round, look_is_here);
    return cmd_act_go(cli, "apply", &look, NULL);
}

/* --- recreate: flags and their meaning as `openclaw sandbox recreate` (2026.5.3)
 * ------------------------------------------------------------ */

static bool is_asked_for(const struct cli *cli, const struct row *row)
{
    const char *scope = row->rec && row->rec->scope_key ? row->rec->scope_key : row->obs ? row->obs->scope_key : NULL;
    enum runtime_kind kind = cli->opt.browser ? RUNTIME_BROWSER : RUNTIME_CONTAINER;

    if (cli->opt.endpoint && strcmp(row->endpoint, cli->opt.endpoint) != 0)
        return false;
    for (size_t i = 0; i < cli->n_args; i++)
        if (row_is_called(row, cli->args[i]))
            return true;
    if (row->kind != kind || !row->rec)
        return false;
    if (cli->opt.all)
        return true;
    if (cli->opt.session)
        return scope && strcmp(scope, cli->opt.session) == 0;
    if (cli->opt.agent && scope) {
        /* "agent:X" and all below it; X as it is given. */
        size_t n = strlen(cli->opt.agent);

        return text_has_prefix(scope, "agent:") && strncmp(scope + 6, cli->opt.agent, n) == 0 &&
               (scope[6 + n] == '\0' || scope[6 + n] == ':');
    }
    return false;
}

static int ask_for(struct cli *cli, const struct round *first, struct request **ret, size_t *ret_n)
{
    VEC(struct request) v = {0};
    size_t n;
    const struct row *rows = rows_make(cli->a, first, &n);

    for (size_t i = 0; i < n; i++)
        if ((rows[i].rec || rows[i].obs) && is_asked_for(cli, &rows[i]))
            VEC_PUSH(cli->a, &v,
                     ((struct request){.endpoint = arena_strdup(cli->a, rows[i].endpoint),
                                       .name = arena_strdup(cli->a, rows[i].name),
                                       .runtime = rows[i].kind,
                                       .kind = ACT_RECREATE}));
    for (size_t i = 0; i < cli->n_args; i++) {
        bool found = false;
        struct err e;

        for (size_t k = 0; k < n && !found; k++)
            found = (rows[k].rec || rows[k].obs) && row_is_called(&rows[k], cli->args[i]);
        if (!found) {
            err_set(&e, ERR_NOT_FOUND, 0, "no runtime '%s'", cli->args[i]);
            return cli_fail(cli, &e);
        }
    }
    *ret = v.v;
    *ret_n = v.n;
    return 0;
}

bool cmd_act_is_requested(const struct cli *cli, const struct round *r, const struct act *act)
{
    for (size_t k = 0; k < r->world.n_requests; k++)
        if (strcmp(r->world.requests[k].name, act->name) == 0 && strcmp(r->world.requests[k].endpoint, act->endpoint) == 0 &&
            r->world.requests[k].runtime == act->runtime)
            return true;
    return false;
}

static bool is_removal(const struct cli *cli, const struct round *r, const struct act *act)
{
    enum act_kind due = act->kind == ACT_HOLD ? act->held : act->kind;

    return (due == ACT_PRUNE || due == ACT_FORGET) && look_is_here(cli, r, act);
}

/* A sandbox is made anew from its spec. Where that is in none of the default places, the record tells which file it came from:
 * it is read beside what stands there. n 0: the default places alone. */
int cmd_act_specs(struct cli *cli, const char *const **ret, size_t *ret_n)
{
    LOAD_AUTO load = load_read(&cli->host, NULL, 0, NULL);
    __attribute__((cleanup(store_close))) struct store store = {0};
    ROUND_AUTO round = NULL;
    const struct round_conf conf = {.host = &cli->host, .store = &store, .load = load, .records_only = true};
    VEC(const char *) files = {0};
    size_t n_sources = 0;
    struct err e;

    for (size_t i = 0; i < load->n_files; i++)
        VEC_PUSH(cli->a, &files, arena_strdup(cli->a, load->files[i].path));
    if (store_open(&cli->host, false, &store, &e) < 0 || round_look(&conf, &round, &e) < 0)
        return cli_fail(cli, &e);
    for (size_t i = 0; i < round->n_records; i++) {
        const struct record *rec = &round->records[i];
        const struct row row = {.name = rec->name, .kind = rec->kind, .rec = rec};
        bool asked = false;

        for (size_t k = 0; k < cli->n_args; k++)
            asked = asked || row_is_called(&row, cli->args[k]);
        for (size_t k = 0; k < files.n; k++)
            asked = asked && !text_eq(files.v[k], rec->source);
        if (!asked || !rec->source || load_covers(load, rec->source))
            continue;
        VEC_PUSH(cli->a, &files, arena_strdup(cli->a, rec->source));
        n_sources++;
    }
    *ret = files.v;
    *ret_n = n_sources > 0 ? files.n : 0;
    return 0;
}

static bool is_known(const struct plan *p, const char *endpoint)
{
    for (size_t i = 0; i < p->n_endpoints; i++)
        if (strcmp(p->endpoints[i].name, endpoint) == 0)
            return p->endpoints[i].known;
    return true;
}

/* Each that was asked for and that nothing is done about, told. */
void cmd_act_tell_unheeded(struct cli *cli, const struct round *r, const char *past)
{
    for (size_t i = 0; i < r->world.n_requests; i++) {
        const struct request *q = &r->world.requests[i];
        bool heeded = false;

        for (size_t k = 0; k < r->plan.n_acts && !heeded; k++)
            heeded = strcmp(r->plan.acts[k].name, q->name) == 0 && strcmp(r->plan.acts[k].endpoint, q->endpoint) == 0 &&
                     r->plan.acts[k].runtime == q->runtime;
        if (!heeded)
            (void)fprintf(cli->err, "warning: %s/%s: not %s: %s\n", q->endpoint, q->name, past,
                          is_known(&r->plan, q->endpoint) ? "nothing that was read wants it" : "its endpoint is unknown");
    }
}

/* `--session` takes the key under which a runtime is recorded, as OpenClaw's does: not the session's own name. */
static void tell_no_match(struct cli *cli, const struct round *r)
{
    struct node *told = node_object(cli->a);

    (void)fprintf(cli->out, "No runtime matches.");
    for (size_t i = 0; (cli->opt.session || cli->opt.agent) && i < r->n_records; i++) {
        const char *key = r->records[i].scope_key;

        if (!key || node_get(told, key))
            continue;
        (void)fprintf(cli->out, "%s%s", told->n_members > 0 ? ", " : " Recorded are: ", text_escaped(cli->a, key));
        node_set(cli->a, told, key, node_bool(cli->a, true));
    }
    (void)fprintf(cli->out, "\n");
}

int cmd_recreate(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    const struct look_ask asking = {.ask = ask_for};
    const char *const *specs = NULL;
    size_t n_specs = 0;
    unsigned ways = (cli->n_args > 0) + (cli->opt.all ? 1u : 0u) + (cli->opt.session != NULL) + (cli->opt.agent != NULL);
    struct err e;
    int code;

    if (ways != 1) {
        err_set(&e, ERR_USAGE, 0,
                ways == 0 ? "say which: NAME..., --all, --session KEY or --agent ID"
                          : "say only one of: NAME..., --all, --session, --agent");
        return cli_fail(cli, &e);
    }
    code = cmd_act_specs(cli, &specs, &n_specs);
    if (!code)
        code = look_open_asking(cli, LOOK_ACT, specs, n_specs, &asking, &look);
    if (code)
        return code;
    if (look.round->world.n_requests == 0) {
        if (cli->opt.json)
            cli_print_json(cli, cli_object(cli, "recreate"));
        else
            tell_no_match(cli, look.round);
        return EXIT_OK;
    }
    look_keep_acts(cli, look.round, cmd_act_is_requested);
    look_keep_no_collect(look.round);
    cmd_act_tell_unheeded(cli, look.round, "recreated");
    return cmd_act_go(cli, "recreate", &look, NULL);
}

int cmd_prune(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    int code = look_open(cli, LOOK_ACT, &look);

    if (code)
        return code;
    look_keep_acts(cli, look.round, is_removal);
    return cmd_act_go(cli, "prune", &look, NULL);
}
