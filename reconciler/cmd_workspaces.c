/* workspaces: private workspaces that removed runtimes of OpenClaw left behind. */
#include "reconciler/cmd.h"

#include "reconciler/leave.h"
#include "reconciler/local_fs.h"
#include "reconciler/look.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/private.h"
#include "state/leftovers.h"
#include "state/quarantine.h"

#include <string.h>

/* One directory, in quarantine or where it always was. */
struct kept {
    const char *state;  /* "kept" "going" "leaving" "stranger" "orphan" */
    const char *name;   /* of the entry; of an orphan its slug */
    const char *path;   /* where it is now */
    const char *origin; /* where it was, or NULL */
    const char *runtime, *scope_key, *why;
    const struct leftover *record; /* or NULL */
    int64_t since_ms;
    int64_t bytes;
};
typedef VEC(struct kept) kept_vec;

/* --- what there is --------------------------------------------------------------------------------------------------------- */

static void add_recorded(struct cli *cli, const struct round *r, kept_vec *all)
{
    for (size_t i = 0; i < r->leftovers.n; i++) {
        const struct leftover *l = &r->leftovers.v[i];
        const char *origin = arena_printf(cli->a, "%s/%s", l->root, l->slug);
        bool leaving = l->state == LEFTOVER_LEAVING;

        if (l->gone)
            continue;
        VEC_PUSH(cli->a, all,
                 ((struct kept){.state = leftover_state_name(l->state),
                                .name = l->entry,
                                .path = leaving ? origin : arena_printf(cli->a, "%s/%s/%s", l->root, QUARANTINE_DIR, l->entry),
                                .origin = origin,
                                .runtime = l->runtime,
                                .scope_key = l->scope_key,
                                .why = l->error ? l->error : l->reason,
                                .record = l,
                                .since_ms = l->at_ms,
                                .bytes = leaving ? quarantine_measure_slug(l->root, l->slug) : l->bytes}));
    }
}

static bool is_recorded(const struct round *r, const char *root, const char *entry)
{
    for (size_t i = 0; i < r->leftovers.n; i++)
        if (strcmp(r->leftovers.v[i].root, root) == 0 && strcmp(r->leftovers.v[i].entry, entry) == 0)
            return true;
    return false;
}

static bool is_leaving(const struct round *r, const char *root, const char *slug)
{
    for (size_t i = 0; i < r->leftovers.n; i++)
        if (r->leftovers.v[i].state == LEFTOVER_LEAVING && strcmp(r->leftovers.v[i].root, root) == 0 &&
            strcmp(r->leftovers.v[i].slug, slug) == 0)
            return true;
    return false;
}

/* In a quarantine of ours, but not by a record of ours: never touched but by restore. */
static int add_strangers(struct cli *cli, const struct round *r, const char *root, kept_vec *all, struct err *e)
{
    struct quarantine_dir *v;
    size_t n;

    if (quarantine_list(cli->a, root, &v, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!is_recorded(r, root, v[i].name))
            VEC_PUSH(cli->a, all,
                     ((struct kept){.state = "stranger",
                                    .name = v[i].name,
                                    .path = arena_printf(cli->a, "%s/%s/%s", root, QUARANTINE_DIR, v[i].name),
                                    .origin = arena_printf(cli->a, "%s/%s", root, quarantine_entry_slug(v[i].name)),
                                    .why = "in quarantine, and not recorded here",
                                    .since_ms = v[i].changed_ms,
                                    .bytes = quarantine_measure(root, v[i].name)}));
    return 0;
}

/* Directories in the form of a scope's that nobody is known to use. OpenClaw lists its sessions nowhere: one of them may come
 * back for it, so that these are only shown. */
static int add_orphans(struct cli *cli, const struct round *r, const char *root, kept_vec *all, struct err *e)
{
    VEC(struct private_dir) dirs = {0};
    VEC(struct quarantine_dir) found = {0};
    struct quarantine_dir *v;
    const char **who, *unknown;
    char *real = NULL;
    size_t n;

    if (quarantine_list_slugs(cli->a, root, &v, &n, e) < 0)
        return -1;
    if (n > 0 && local_fs.realpath(local_fs.ctx, cli->a, root, &real, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!oc_is_slug(v[i].name) || is_leaving(r, root, v[i].name))
            continue;
        VEC_PUSH(cli->a, &found, v[i]);
        VEC_PUSH(cli->a, &dirs,
                 ((struct private_dir){.root = root, .slug = v[i].name, .real = arena_printf(cli->a, "%s/%s", real, v[i].name)}));
    }
    who = ARENA_ARRAY(cli->a, const char *, dirs.n);
    plan_dir_users(cli->a, &r->world, r->now_ms, dirs.v, dirs.n, who, &unknown);
    for (size_t i = 0; i < dirs.n; i++)
        if (!who[i])
            VEC_PUSH(cli->a, all,
                     ((struct kept){.state = "orphan",
                                    .name = found.v[i].name,
                                    .path = arena_printf(cli->a, "%s/%s", root, found.v[i].name),
                                    .why = unknown ? arena_printf(cli->a, "no runtime that is known uses it, but %s", unknown)
                                                   : "no runtime that is known uses it; a session may come back for it",
                                    .since_ms = found.v[i].changed_ms,
                                    .bytes = quarantine_measure_slug(root, found.v[i].name)}));
    return 0;
}

static bool is_listed(const char *const *v, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], s) == 0)
            return true;
    return false;
}

/* What cannot be listed is told, and the rest is listed. */
static void find_all(struct cli *cli, const struct round *r, kept_vec *all, bool *ret_partial)
{
    VEC(const char *) roots = {0}, orphanages = {0};

    *ret_partial = false;
    add_recorded(cli, r, all);
    for (size_t i = 0; i < r->leftovers.n; i++)
        if (!is_listed(roots.v, roots.n, r->leftovers.v[i].root))
            VEC_PUSH(cli->a, &roots, r->leftovers.v[i].root);
    for (size_t i = 0; i < r->n_openclaws; i++)
        for (size_t k = 0; k < r->openclaws[i].n_roots; k++) {
            if (!is_listed(roots.v, roots.n, r->openclaws[i].roots[k]))
                VEC_PUSH(cli->a, &roots, r->openclaws[i].roots[k]);
            if (!is_listed(orphanages.v, orphanages.n, r->openclaws[i].roots[k]))
                VEC_PUSH(cli->a, &orphanages, r->openclaws[i].roots[k]);
        }
    for (size_t i = 0; i < roots.n + orphanages.n; i++) {
        struct err e = {0};
        int done =
            i < roots.n ? add_strangers(cli, r, roots.v[i], all, &e) : add_orphans(cli, r, orphanages.v[i - roots.n], all, &e);

        if (done == 0)
            continue;
        (void)fprintf(cli->err, "warning: %s\n", e.msg);
        *ret_partial = true;
    }
}

/* --- list ------------------------------------------------------------------------------------------------------------------ */

static struct node *kept_node(struct cli *cli, const struct kept *k)
{
    struct arena *a = cli->a;
    struct node *o = node_object(a);

    node_set(a, o, "state", node_string(a, k->state));
    node_set(a, o, "name", node_string(a, k->name));
    node_set(a, o, "path", node_string(a, k->path));
    node_set(a, o, "origin", node_text(a, k->origin));
    node_set(a, o, "runtime", node_text(a, k->runtime));
    node_set(a, o, "scopeKey", node_text(a, k->scope_key));
    node_set(a, o, "sinceMs", node_number(a, (double)k->since_ms));
    node_set(a, o, "bytes", k->bytes < 0 ? node_null(a) : node_number(a, (double)k->bytes));
    node_set(a, o, "why", node_text(a, k->why));
    return o;
}

static void print_kept(struct cli *cli, const struct kept *k, int64_t now_ms)
{
    BUF_AUTO b = BUF_INIT(1u << 20);

    buf_printf(&b, "%-9s %8s %8s  ", k->state, cli_size(cli->a, k->bytes), cli_age(cli->a, now_ms - k->since_ms));
    text_escape(&b, k->name, strlen(k->name));
    buf_puts(&b, "\n                             ");
    text_escape(&b, k->path, strlen(k->path));
    if (k->runtime) {
        buf_puts(&b, "\n                             of ");
        text_escape(&b, k->runtime, strlen(k->runtime));
    }
    if (k->why) {
        buf_puts(&b, k->runtime ? ": " : "\n                             ");
        text_escape(&b, k->why, strlen(k->why));
    }
    (void)fprintf(cli->out, "%s\n", buf_str(&b));
}

static int list(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    int code = look_open_wide(cli, LOOK_DRY, &look);
    kept_vec all = {0};
    bool partial;

    if (code)
        return code;
    look_print_notices(cli, look.round);
    find_all(cli, look.round, &all, &partial);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "workspaces"), *v = node_array(cli->a);

        for (size_t i = 0; i < all.n; i++)
            node_push(cli->a, v, kept_node(cli, &all.v[i]));
        node_set(cli->a, o, "workspaces", v);
        node_set(cli->a, o, "notices", look_notices_json(cli->a, look.round));
        cli_print_json(cli, o);
    } else if (all.n == 0) {
        (void)fprintf(cli->out, "No workspace is left behind.\n");
    } else {
        (void)fprintf(cli->out, "%-9s %8s %8s  %s\n", "STATE", "SIZE", "AGE", "NAME");
        for (size_t i = 0; i < all.n; i++)
            print_kept(cli, &all.v[i], look.round->now_ms);
    }
    return partial ? EXIT_FAILED : look.round->blocked || look.round->plan.n_unknown ? EXIT_HELD : EXIT_OK;
}

/* --- by name --------------------------------------------------------------------------------------------------------------- */

static const struct kept *find(struct cli *cli, const kept_vec *all, const char *name, struct err *e)
{
    const struct kept *found = NULL;

    for (size_t i = 0; i < all->n; i++) {
        const struct kept *k = &all->v[i];

        if (strcmp(k->state, "orphan") == 0 || strcmp(k->state, "leaving") == 0 ||
            (strcmp(k->name, name) != 0 && strcmp(k->path, name) != 0))
            continue;
        if (found) {
            err_set(e, ERR_USAGE, 0, "'%s' is in several quarantines: give its path", name);
            return NULL;
        }
        found = k;
    }
    if (!found)
        err_set(e, ERR_NOT_FOUND, 0, "nothing of the name '%s' is in quarantine; see reconclaw workspaces", name);
    return found;
}

/* One that is not recorded here is told by its place alone. */
static int leftover_of(struct cli *cli, const struct kept *k, struct leftover *ret, struct err *e)
{
    struct quarantine_id id;
    const char *end;

    if (k->record) {
        *ret = *k->record;
        return 0;
    }
    end = strrchr(k->origin, '/');
    *ret = (struct leftover){.state = LEFTOVER_KEPT,
                             .root = arena_memdup0(cli->a, k->origin, (size_t)(end - k->origin)),
                             .slug = end + 1,
                             .entry = k->name,
                             .bytes = k->bytes};
    if (quarantine_find(ret->root, ret->entry, &id, e) < 0)
        return -1;
    ret->dev = id.dev;
    ret->ino = id.ino;
    return 0;
}

static int open_acting(struct cli *cli, struct look *look, struct journal **ret_journal)
{
    struct err e;
    int code = look_open_wide(cli, LOOK_ACT, look);

    if (code)
        return code;
    look_print_notices(cli, look->round);
    return journal_open(look->store.home, 0, ret_journal, &e) < 0 ? cli_fail(cli, &e) : 0;
}

static void close_journal(struct journal **j)
{
    journal_close(*j);
}

static int restore(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    __attribute__((cleanup(close_journal))) struct journal *journal = NULL;
    kept_vec all = {0};
    const struct kept *k;
    struct leftover l;
    struct err e = {0};
    bool partial;
    int code;

    if (cli->n_args != 2) {
        err_set(&e, ERR_USAGE, 0, "say which: reconclaw workspaces restore NAME");
        return cli_fail(cli, &e);
    }
    code = open_acting(cli, &look, &journal);
    if (code)
        return code;
    find_all(cli, look.round, &all, &partial);
    const struct leave_conf conf = {.host = &cli->host, .store = &look.store, .journal = journal};
    k = find(cli, &all, cli->args[1], &e);
    if (!k || leftover_of(cli, k, &l, &e) < 0 || leave_restore(&conf, &l, &e) < 0)
        return cli_fail(cli, &e);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "workspaces");

        node_set(cli->a, o, "restored", node_string(cli->a, k->origin));
        node_set(cli->a, o, "from", node_string(cli->a, k->path));
        cli_print_json(cli, o);
    } else {
        (void)fprintf(cli->out, "restored %s\n", text_escaped(cli->a, k->origin));
    }
    return EXIT_OK;
}

/* --- prune ----------------------------------------------------------------------------------------------------------------- */

struct going {
    const struct leftover *l;
    const char *why;
};
typedef VEC(struct going) going_vec;

/* Named ones by their owner's word; else what retention says, as the plan has it. */
static int choose(struct cli *cli, const struct round *r, going_vec *ret, size_t *ret_held, struct err *e)
{
    kept_vec all = {0};

    *ret_held = 0;
    for (size_t i = 0; cli->n_args == 1 && i < r->plan.n_moves; i++) {
        const struct plan_move *m = &r->plan.moves[i];

        if (m->kind != MOVE_COLLECT)
            continue;
        if (!m->held) {
            VEC_PUSH(cli->a, ret, ((struct going){m->leftover, m->why}));
            continue;
        }
        (void)fprintf(cli->err, "held: %s: %s%s%s\n", m->leftover->entry, m->why, m->remedy ? "; to go on: " : "",
                      m->remedy ? m->remedy : "");
        ++*ret_held;
    }
    if (cli->n_args == 1)
        return 0;
    add_recorded(cli, r, &all);
    for (size_t i = 0; i < r->n_openclaws; i++)
        for (size_t k = 0; k < r->openclaws[i].n_roots; k++)
            (void)add_strangers(cli, r, r->openclaws[i].roots[k], &all, e);
    for (size_t i = 1; i < cli->n_args; i++) {
        const struct kept *k = find(cli, &all, cli->args[i], e);

        if (!k)
            return -1;
        if (!k->record)
            return err_set(e, ERR_REFUSED, 0, "'%s' is not recorded here: who put it there may know what it is", k->name);
        VEC_PUSH(cli->a, ret, ((struct going){k->record, "by its owner's word"}));
    }
    return 0;
}

static int confirm(struct cli *cli, const going_vec *v)
{
    struct err e;

    for (size_t i = 0; i < v->n; i++)
        (void)fprintf(cli->err, "delete %s: %s\n", text_escaped(cli->a, v->v[i].l->entry), v->v[i].why);
    if (v->n == 0 || cli->opt.yes)
        return 0;
    if (!cli->interactive) {
        err_set(&e, ERR_REFUSED, 0, "%zu quarantined workspaces are deleted, and nobody can be asked: give --yes", v->n);
        return cli_fail(cli, &e);
    }
    if (cli_confirm(cli, arena_printf(cli->a, "%zu quarantined workspaces are deleted. Go on?", v->n)))
        return 0;
    (void)fprintf(cli->err, "Nothing was done.\n");
    return EXIT_HELD;
}

static int prune(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    __attribute__((cleanup(close_journal))) struct journal *journal = NULL;
    going_vec v = {0};
    struct node *deleted = node_array(cli->a), *failed = node_array(cli->a);
    struct err e = {0};
    size_t n_held;
    int code = open_acting(cli, &look, &journal);

    if (code)
        return code;
    if (choose(cli, look.round, &v, &n_held, &e) < 0)
        return cli_fail(cli, &e);
    code = confirm(cli, &v);
    if (code)
        return code;
    const struct leave_conf conf = {.host = &cli->host, .store = &look.store, .journal = journal};
    for (size_t i = 0; i < v.n; i++) {
        struct err why = {0};
        bool ok = leave_collect(&conf, v.v[i].l, v.v[i].why, &why) == 0;

        node_push(cli->a, ok ? deleted : failed, node_string(cli->a, v.v[i].l->entry));
        if (!ok)
            (void)fprintf(cli->err, "reconclaw: %s\n", why.msg);
        else if (!cli->opt.json)
            (void)fprintf(cli->out, "deleted %s\n", text_escaped(cli->a, v.v[i].l->entry));
    }
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "workspaces");

        node_set(cli->a, o, "deleted", deleted);
        node_set(cli->a, o, "failed", failed);
        node_set(cli->a, o, "held", node_number(cli->a, (double)n_held));
        cli_print_json(cli, o);
    } else if (v.n == 0 && n_held == 0) {
        (void)fprintf(cli->out, "Nothing is over its retention.\n");
    }
    return failed->n_items > 0 ? EXIT_FAILED : n_held > 0 ? EXIT_HELD : EXIT_OK;
}

int cmd_workspaces(struct cli *cli)
{
    const char *what = cli->n_args > 0 ? cli->args[0] : "list";
    struct err e;

    if (strcmp(what, "list") == 0 && cli->n_args <= 1)
        return list(cli);
    if (strcmp(what, "restore") == 0)
        return restore(cli);
    if (strcmp(what, "prune") == 0)
        return prune(cli);
    err_set(&e, ERR_USAGE, 0, "workspaces takes list, restore NAME or prune [NAME]..., not '%s'", what);
    return cli_fail(cli, &e);
}
