/* snapshots: workspaces of other hosts that were saved before something destroyed them. */
#include "reconciler/cmd.h"
#include "reconciler/cmd_act.h"

#include "reconciler/snapshot.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "state/journal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_MS 1800000

typedef VEC(const struct snapshot *) snapshot_vec;

/* The issues are told, whatever else is. */
static int read_all(struct cli *cli, struct home *home, struct snapshots_view *ret, struct err *e)
{
    *ret = (struct snapshots_view){0};
    if (home && snapshots_read(home, cli->a, ret, e) < 0)
        return -1;
    for (size_t i = 0; i < ret->issues.n; i++)
        (void)fprintf(cli->err, "warning: %s: %s\n", text_escaped(cli->a, ret->issues.v[i].path), ret->issues.v[i].text);
    return 0;
}

static struct node *snapshot_node(struct arena *a, const struct snapshot *s)
{
    struct node *o = node_object(a);

    node_set(a, o, "name", node_string(a, s->name));
    node_set(a, o, "endpoint", node_string(a, s->endpoint));
    node_set(a, o, "runtime", node_string(a, s->runtime));
    node_set(a, o, "kind", node_string(a, runtime_kind_name(s->kind)));
    node_set(a, o, "owner", node_text(a, s->owner));
    node_set(a, o, "scopeKey", node_text(a, s->scope_key));
    node_set(a, o, "reason", node_text(a, s->reason));
    node_set(a, o, "atMs", node_number(a, (double)s->at_ms));
    node_set(a, o, "entries", node_number(a, (double)s->n_entries));
    node_set(a, o, "contentBytes", node_number(a, (double)s->content_bytes));
    node_set(a, o, "archiveBytes", node_number(a, (double)s->bytes));
    node_set(a, o, "archive", node_string(a, s->path));
    return o;
}

static void print_snapshot(struct cli *cli, const struct snapshot *s, int64_t now_ms)
{
    (void)fprintf(cli->out, "%8s %8s  %s\n                   of %s/%s%s%s\n", cli_size(cli->a, (int64_t)s->bytes),
                  cli_age(cli->a, now_ms - s->at_ms), s->name, text_escaped(cli->a, s->endpoint),
                  text_escaped(cli->a, s->runtime), s->reason ? ": " : "", s->reason ? text_escaped(cli->a, s->reason) : "");
}

static int list(struct cli *cli)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    struct snapshots_view view;
    struct err e = {0};

    if (store_open(&cli->host, false, &store, &e) < 0 || read_all(cli, store.home, &view, &e) < 0)
        return cli_fail(cli, &e);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "snapshots"), *v = node_array(cli->a);

        for (size_t i = 0; i < view.n; i++)
            node_push(cli->a, v, snapshot_node(cli->a, &view.v[i]));
        node_set(cli->a, o, "snapshots", v);
        cli_print_json(cli, o);
    } else if (view.n == 0) {
        (void)fprintf(cli->out, "There are no snapshots.\n");
    } else {
        (void)fprintf(cli->out, "%8s %8s  %s\n", "SIZE", "AGE", "NAME");
        for (size_t i = 0; i < view.n; i++)
            print_snapshot(cli, &view.v[i], host_now_ms());
    }
    return view.issues.n > 0 ? EXIT_FAILED : EXIT_OK;
}

/* The one that the second operand names; NULL: told, and *ret_code is the exit code. */
static const struct snapshot *open_named(struct cli *cli, struct store *store, struct snapshots_view *view, int *ret_code)
{
    const struct snapshot *s = NULL;
    struct err e = {0};

    if (cli->n_args != 2)
        err_set(&e, ERR_USAGE, 0, "say which: reconclaw snapshots %s NAME", cli->args[0]);
    else if (store_open(&cli->host, false, store, &e) == 0 && read_all(cli, store->home, view, &e) == 0 &&
             snapshots_named(view, cli->args[1], &s, &e) == 0)
        return s;
    *ret_code = cli_fail(cli, &e);
    return NULL;
}

/* --- show ------------------------------------------------------------------------------------------------------------------ */

static struct node *entry_node(struct arena *a, const struct manifest_entry *x)
{
    static const char *const types[MANIFEST_TYPE_COUNT] = {
        [MANIFEST_DIR] = "directory", [MANIFEST_FILE] = "file", [MANIFEST_LINK] = "link"};
    struct node *o = node_object(a);

    node_set(a, o, "path", node_string(a, x->path));
    node_set(a, o, "type", node_string(a, types[x->type]));
    if (x->type != MANIFEST_LINK)
        node_set(a, o, "mode", node_printf(a, "%04o", x->mode));
    if (x->type == MANIFEST_FILE) {
        node_set(a, o, "size", node_number(a, (double)x->size));
        node_set(a, o, "sha256", node_string(a, x->digest));
    }
    node_set_text(a, o, "target", x->target);
    return o;
}

static void print_entry(struct cli *cli, const struct manifest_entry *x)
{
    (void)fprintf(cli->out, "%c %04o %8s  %s%s%s\n",
                  x->type == MANIFEST_DIR    ? 'd'
                  : x->type == MANIFEST_FILE ? '-'
                                             : 'l',
                  x->mode, x->type == MANIFEST_FILE ? cli_size(cli->a, (int64_t)x->size) : "-", text_escaped(cli->a, x->path),
                  x->target ? " -> " : "", x->target ? text_escaped(cli->a, x->target) : "");
}

/* Also whether it still is what was written: who looks at one wants to know. */
static int show(struct cli *cli)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    const struct call call = {.timeout_ms = CALL_MS};
    struct snapshots_view view;
    struct manifest m;
    struct err e = {0};
    int code = EXIT_OK;
    const struct snapshot *s = open_named(cli, &store, &view, &code);

    if (!s)
        return code;
    if (snapshots_manifest(store.home, cli->a, s, &m, &e) < 0 || snapshot_verify(store.home, cli->a, s, &call, &e) < 0)
        return cli_fail(cli, &e);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "snapshots"), *v = node_array(cli->a);

        for (size_t i = 0; i < m.n; i++)
            node_push(cli->a, v, entry_node(cli->a, &m.v[i]));
        node_set(cli->a, o, "snapshot", snapshot_node(cli->a, s));
        node_set(cli->a, o, "content", v);
        cli_print_json(cli, o);
        return EXIT_OK;
    }
    print_snapshot(cli, s, host_now_ms());
    for (size_t i = 0; i < m.n; i++)
        print_entry(cli, &m.v[i]);
    return EXIT_OK;
}

/* --- restore --------------------------------------------------------------------------------------------------------------- */

static int absolute(struct cli *cli, const char *path, const char **ret, struct err *e)
{
    char cwd[PATH_MAX];
    size_t n;

    if (path[0] != '/' && !getcwd(cwd, sizeof cwd))
        return err_set(e, ERR_IO, 0, "the working directory is not known: give an absolute path");
    *ret = path[0] == '/' ? path : arena_printf(cli->a, "%s/%s", cwd, path);
    n = strlen(*ret);
    while (n > 1 && (*ret)[n - 1] == '/')
        n--;
    *ret = arena_memdup0(cli->a, *ret, n);
    return 0;
}

static int restore_here(struct cli *cli)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    const struct call call = {.timeout_ms = CALL_MS};
    const struct snapshot *s = NULL;
    struct snapshots_view view;
    const char *to = NULL;
    struct err e = {0};
    int code = EXIT_OK;

    if (!cli->opt.to[0]) {
        err_set(&e, ERR_USAGE, 0, "--to takes a directory that does not exist yet");
        return cli_fail(cli, &e);
    }
    s = open_named(cli, &store, &view, &code);
    if (!s)
        return code;
    if (absolute(cli, cli->opt.to, &to, &e) < 0)
        return cli_fail(cli, &e);
    if (snapshot_unpack(store.home, cli->a, s, to, &call, &e) < 0) {
        if (e.class == ERR_CONFLICT && access(to, F_OK) == 0)
            err_set(&e, ERR_REFUSED, 0, "'%s' is there: nothing is replaced", to);
        return cli_fail(cli, &e);
    }
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "snapshots");

        node_set(cli->a, o, "restored", node_string(cli->a, s->name));
        node_set(cli->a, o, "to", node_string(cli->a, to));
        cli_print_json(cli, o);
    } else {
        (void)fprintf(cli->out, "restored %s to %s\n", s->name, text_escaped(cli->a, to));
    }
    return EXIT_OK;
}

/* The runtime that the snapshot is of, as it is wanted today: it may have moved since. NULL: told, and *ret_code is the exit
 * code. */
static const struct desired *find_home(struct cli *cli, const struct round *r, const struct snapshot *s, int *ret_code)
{
    const struct desired *found = NULL;
    bool several = false;
    struct err e = {0};

    for (size_t i = 0; i < r->n_desired; i++) {
        const struct desired *d = &r->desired[i];

        if (d->can_remake || d->want == WANT_ABSENT || d->kind != s->kind || strcmp(d->name, s->runtime) != 0 ||
            (s->install && !text_eq(d->install, s->install)) ||
            (cli->opt.endpoint && strcmp(d->endpoint, cli->opt.endpoint) != 0))
            continue;
        several = several || found;
        if (!found || strcmp(d->endpoint, s->endpoint) == 0)
            found = d;
    }
    if (found && (!several || strcmp(found->endpoint, s->endpoint) == 0))
        return found;
    if (several)
        err_set(&e, ERR_USAGE, 0, "'%s' is wanted on several endpoints: name one with --endpoint", s->runtime);
    else
        err_set(&e, ERR_NOT_FOUND, 0, "nothing that was read wants '%s': put it in a directory with --to DIR", s->runtime);
    *ret_code = cli_fail(cli, &e);
    return NULL;
}

static int ask_restore(struct cli *cli, const struct round *first, struct request **ret, size_t *ret_n)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    struct snapshots_view view;
    const struct snapshot *s;
    const struct desired *d;
    int code = EXIT_OK;

    s = open_named(cli, &store, &view, &code);
    d = s ? find_home(cli, first, s, &code) : NULL;
    if (!d)
        return code;
    *ret = ARENA_NEW(cli->a, struct request);
    **ret = (struct request){.endpoint = arena_strdup(cli->a, d->endpoint),
                             .name = arena_strdup(cli->a, d->name),
                             .runtime = d->kind,
                             .kind = ACT_RESEED,
                             .snapshot = s->name};
    *ret_n = 1;
    return EXIT_OK;
}

/* As the runtime's workspace, in place of what is there now, of which a snapshot is kept. */
static int restore_there(struct cli *cli)
{
    __attribute__((cleanup(store_close))) struct store store = {0};
    __attribute__((cleanup(look_close))) struct look look = {0};
    const struct look_ask asking = {.ask = ask_restore};
    const char *const *specs = NULL;
    struct snapshots_view view;
    size_t n_specs = 0;
    int code = EXIT_OK;
    const struct snapshot *s = open_named(cli, &store, &view, &code);
    struct cli of_runtime = *cli;

    if (!s)
        return code;
    of_runtime.args = &s->runtime;
    of_runtime.n_args = 1;
    code = cmd_act_specs(&of_runtime, &specs, &n_specs);
    if (!code)
        code = look_open_asking(cli, LOOK_ACT, specs, n_specs, &asking, &look);
    if (code)
        return code;
    look_keep_acts(cli, look.round, cmd_act_is_requested);
    look_keep_no_collect(look.round);
    cmd_act_tell_unheeded(cli, look.round, "restored");
    return cmd_act_go(cli, "snapshots", &look, NULL);
}

static int restore(struct cli *cli)
{
    return cli->opt.to ? restore_here(cli) : restore_there(cli);
}

/* --- prune ----------------------------------------------------------------------------------------------------------------- */

struct going {
    const struct snapshot *s;
    const char *why;
};
typedef VEC(struct going) going_vec;

static int choose(struct cli *cli, const struct round *r, const struct snapshots_view *view, going_vec *ret, struct err *e)
{
    for (size_t i = 0; cli->n_args == 1 && i < view->n; i++) {
        const char *why = snapshot_over(cli->a, r, view, i);

        if (why)
            VEC_PUSH(cli->a, ret, ((struct going){&view->v[i], why}));
    }
    for (size_t i = 1; i < cli->n_args; i++) {
        const struct snapshot *s = NULL;
        bool again = false;

        if (snapshots_named(view, cli->args[i], &s, e) < 0)
            return -1;
        if (strcmp(s->name, cli->args[i]) != 0)
            return err_set(e, ERR_USAGE, 0, "'%s' is no snapshot but a runtime: name one of its snapshots, like %s", cli->args[i],
                           s->name);
        for (size_t k = 0; k < ret->n; k++)
            again = again || ret->v[k].s == s;
        if (!again)
            VEC_PUSH(cli->a, ret, ((struct going){s, "by its owner's word"}));
    }
    return 0;
}

static int confirm(struct cli *cli, const going_vec *v)
{
    struct err e;

    for (size_t i = 0; i < v->n; i++)
        (void)fprintf(cli->err, "delete %s: %s\n", v->v[i].s->name, v->v[i].why);
    if (v->n == 0 || cli->opt.yes)
        return 0;
    if (!cli->interactive) {
        err_set(&e, ERR_REFUSED, 0, "%zu snapshots are deleted, and nobody can be asked: give --yes", v->n);
        return cli_fail(cli, &e);
    }
    if (cli_confirm(cli, arena_printf(cli->a, "%zu snapshots are deleted. Go on?", v->n)))
        return 0;
    (void)fprintf(cli->err, "Nothing was done.\n");
    return EXIT_HELD;
}

static void close_journal(struct journal **j)
{
    journal_close(*j);
}

static int prune(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    __attribute__((cleanup(close_journal))) struct journal *journal = NULL;
    struct node *deleted = node_array(cli->a), *failed = node_array(cli->a);
    struct snapshots_view view;
    going_vec v = {0};
    struct err e = {0};
    size_t n_swept;
    int code = look_open_asking(cli, LOOK_ACT, NULL, 0, NULL, &look);

    if (code)
        return code;
    look_print_notices(cli, look.round);
    if (journal_open(look.store.home, 0, &journal, &e) < 0 || snapshots_sweep(look.store.home, &n_swept, &e) < 0 ||
        read_all(cli, look.store.home, &view, &e) < 0 || choose(cli, look.round, &view, &v, &e) < 0)
        return cli_fail(cli, &e);
    code = confirm(cli, &v);
    if (code)
        return code;
    for (size_t i = 0; i < v.n; i++) {
        struct err why = {0};
        bool ok = snapshot_delete(look.store.home, journal, v.v[i].s, v.v[i].why, &why) == 0;

        node_push(cli->a, ok ? deleted : failed, node_string(cli->a, v.v[i].s->name));
        if (!ok)
            (void)fprintf(cli->err, "reconclaw: %s\n", why.msg);
        else if (!cli->opt.json)
            (void)fprintf(cli->out, "deleted %s\n", v.v[i].s->name);
    }
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "snapshots");

        node_set(cli->a, o, "deleted", deleted);
        node_set(cli->a, o, "failed", failed);
        cli_print_json(cli, o);
    } else if (v.n == 0) {
        (void)fprintf(cli->out, "Nothing is over its retention.\n");
    }
    return failed->n_items > 0 ? EXIT_FAILED : EXIT_OK;
}

int cmd_snapshots(struct cli *cli)
{
    const char *what = cli->n_args > 0 ? cli->args[0] : "list";
    struct err e;

    if (strcmp(what, "list") == 0 && cli->n_args <= 1)
        return list(cli);
    if (strcmp(what, "show") == 0)
        return show(cli);
    if (strcmp(what, "restore") == 0)
        return restore(cli);
    if (strcmp(what, "prune") == 0)
        return prune(cli);
    err_set(&e, ERR_USAGE, 0, "snapshots takes list, show NAME, restore NAME [--to DIR] or prune [NAME]..., not '%s'", what);
    return cli_fail(cli, &e);
}
