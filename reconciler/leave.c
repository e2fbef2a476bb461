#include "reconciler/leave.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "state/leftovers.h"
#include "state/quarantine.h"

#include <string.h>

struct finishing {
    const struct leave_conf *conf;
    struct arena *a; /* of the round */
    struct leave_report *report;
    VEC(struct leave_done) done;
};

static const char *path_of(struct arena *a, const struct leftover *l)
{
    return arena_printf(a, "%s/%s", l->root, l->slug);
}

static const char *entry_of(struct arena *a, const struct leftover *l)
{
    return arena_printf(a, "%s/%s/%s", l->root, QUARANTINE_DIR, l->entry);
}

static struct quarantine_id id_of(const struct leftover *l)
{
    return (struct quarantine_id){l->dev, l->ino};
}

/* --- the intent ------------------------------------------------------------------------------------------------------------ */

/* What was meant before, and not done: it keeps its name. */
static const struct leftover *known(const struct round *r, const struct private_dir *dir, const struct quarantine_id *id)
{
    for (size_t i = 0; i < r->leftovers.n; i++) {
        const struct leftover *l = &r->leftovers.v[i];

        if (l->state == LEFTOVER_LEAVING && strcmp(l->root, dir->root) == 0 && strcmp(l->slug, dir->slug) == 0 &&
            l->dev == id->dev && l->ino == id->ino)
            return l;
    }
    return NULL;
}

int leave_note(const struct leave_conf *conf, const struct round *r, const struct act *act, struct err *e)
{
    ARENA_AUTO a = arena_new();

    for (size_t i = 0; i < act->n_dirs; i++) {
        const struct private_dir *dir = act->dirs[i].dir;
        struct quarantine_id id;
        struct err why = {0};

        if (act->dirs[i].fate == DIR_STAYS || quarantine_identify(dir->root, dir->slug, &id, &why) < 0)
            continue;
        const struct leftover *before = known(r, dir, &id);
        const struct leftover l = {
            .state = LEFTOVER_LEAVING,
            .install = act->install,
            .root = dir->root,
            .slug = dir->slug,
            .entry = before ? before->entry : quarantine_entry_name(a, r->now_ms, dir->slug),
            .endpoint = act->endpoint,
            .runtime = act->name,
            .kind = act->runtime,
            .scope_key = act->rec ? act->rec->scope_key : NULL,
            .reason = act->reason,
            .at_ms = before ? before->at_ms : r->now_ms,
            .dev = id.dev,
            .ino = id.ino,
            .bytes = -1,
        };
        if (leftover_put(conf->store->home, &l, e) < 0)
            return -1;
    }
    return 0;
}

/* --- telling --------------------------------------------------------------------------------------------------------------- */

static void note(const struct leave_conf *conf, enum journal_event event, const struct leftover *l, const char *reason,
                 const struct err *why, const char **ret_error, struct arena *a)
{
    const struct journal_entry entry = {.time_ms = host_now_ms(),
                                        .event = event,
                                        .endpoint = l->endpoint,
                                        .runtime = l->runtime,
                                        .kind = l->kind,
                                        .reason = reason,
                                        .outcome = why ? JOURNAL_FAILED : JOURNAL_OK,
                                        .error = why ? why->class : ERR_NONE,
                                        .message = why ? why->msg : NULL};
    struct err e;

    if (conf->journal && journal_append(conf->journal, &entry, NULL, &e) < 0 && ret_error && !*ret_error)
        *ret_error = arena_strdup(a, e.msg);
}

void leave_format(struct buf *b, const struct leave_done *d)
{
    static const char *const verbs[MOVE_KIND_COUNT] = {
        [MOVE_QUARANTINE] = "not moved to quarantine", [MOVE_COLLECT] = "not deleted", [MOVE_DROP] = "stays"};

    buf_puts(b, "workspace ");
    text_escape(b, d->path, strlen(d->path));
    if (!d->failed && d->kind == MOVE_QUARANTINE) {
        buf_puts(b, " of ");
        text_escape(b, d->runtime, strlen(d->runtime));
        buf_puts(b, " is now ");
        text_escape(b, d->to, strlen(d->to));
    } else if (!d->failed && d->kind == MOVE_COLLECT) {
        buf_puts(b, " is deleted");
    } else {
        buf_printf(b, " %s: ", verbs[d->kind]);
        text_escape(b, d->message, strlen(d->message));
    }
}

static struct leave_done *add_done(struct finishing *f, enum move_kind kind, const struct leftover *l, const struct err *why)
{
    struct leave_done *d = VEC_ADD(f->a, &f->done);

    *d = (struct leave_done){.kind = kind,
                             .path = kind == MOVE_COLLECT ? entry_of(f->a, l) : path_of(f->a, l),
                             .endpoint = arena_strdup(f->a, l->endpoint),
                             .runtime = arena_strdup(f->a, l->runtime),
                             .failed = why != NULL,
                             .message = why ? arena_strdup(f->a, why->msg) : NULL};
    f->report->n_failed += why != NULL;
    return d;
}

/* What may pass is tried again by the next round, and told once as long as it is the same. */
static void keep_error(const struct leave_conf *conf, enum journal_event event, const struct leftover *l, const char *reason,
                       const struct err *why, const char **ret_error, struct arena *a)
{
    struct leftover next = *l;
    struct err ignored;

    if (text_eq(l->error, why->msg))
        return;
    next.error = why->msg;
    (void)leftover_put(conf->store->home, &next, &ignored);
    note(conf, event, l, reason, why, ret_error, a);
}

/* --- moving ---------------------------------------------------------------------------------------------------------------- */

static const char *moved_reason(struct arena *a, const struct leftover *l)
{
    return arena_printf(a, "%s is now %s%s%s", path_of(a, l), entry_of(a, l), l->reason ? "; pruned: " : "",
                        l->reason ? l->reason : "");
}

/* The name is taken: in the second that it tells, something else of this scope was put there. */
static int rename_entry(const struct leave_conf *conf, struct arena *a, struct leftover *l, struct err *e)
{
    struct leftover next = *l;
    int64_t now = host_now_ms();

    next.entry = quarantine_entry_name(a, now, l->slug);
    if (strcmp(next.entry, l->entry) == 0)
        next.entry = quarantine_entry_name(a, now + 1000, l->slug);
    if (leftover_put(conf->store->home, &next, e) < 0 || leftover_remove(conf->store->home, l, e) < 0)
        return -1;
    *l = next;
    return 0;
}

static int move_once(struct finishing *f, struct leftover *l, struct err *e)
{
    struct quarantine_id id = id_of(l);

    if (quarantine_move(l->root, l->slug, l->entry, &id, NULL, e) == 0)
        return 0;
    if (e->class != ERR_CONFLICT || rename_entry(f->conf, f->a, l, e) < 0)
        return -1;
    return quarantine_move(l->root, l->slug, l->entry, &id, NULL, e);
}

static void move_one(struct finishing *f, const struct leftover *from)
{
    struct home *home = f->conf->store->home;
    struct leftover l = *from;
    struct err e = {0}, ignored;

    if (move_once(f, &l, &e) < 0) {
        if (e.class == ERR_NOT_FOUND || e.class == ERR_REFUSED) {
            /* For good: it is not there, or not to be touched. It is listed as what it is. */
            note(f->conf, JOURNAL_QUARANTINED, &l, path_of(f->a, &l), &e, &f->report->journal_error, f->a);
            (void)leftover_remove(home, &l, &ignored);
            add_done(f, MOVE_DROP, &l, NULL)->message = arena_strdup(f->a, e.msg);
            return;
        }
        keep_error(f->conf, JOURNAL_QUARANTINED, &l, path_of(f->a, &l), &e, &f->report->journal_error, f->a);
        add_done(f, MOVE_QUARANTINE, &l, &e);
        return;
    }
    note(f->conf, JOURNAL_QUARANTINED, &l, moved_reason(f->a, &l), NULL, &f->report->journal_error, f->a);
    l.state = LEFTOVER_KEPT;
    l.at_ms = host_now_ms();
    l.error = NULL;
    l.bytes = quarantine_measure(l.root, l.entry);
    if (leftover_put(home, &l, &e) < 0) {
        /* The next round finds it moved, and writes that down. */
        add_done(f, MOVE_QUARANTINE, &l, &e);
        return;
    }
    add_done(f, MOVE_QUARANTINE, &l, NULL)->to = entry_of(f->a, &l);
    f->report->n_moved++;
}

static void drop_one(struct finishing *f, const struct plan_move *m)
{
    struct err e;

    if (leftover_remove(f->conf->store->home, m->leftover, &e) < 0)
        add_done(f, MOVE_DROP, m->leftover, &e);
    else
        add_done(f, MOVE_DROP, m->leftover, NULL)->message = arena_strdup(f->a, m->why);
}

/* --- collecting, restoring ---------------------------------------------------------------------------------------------------
 */

int leave_collect(const struct leave_conf *conf, const struct leftover *l, const char *why, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *reason = arena_printf(a, "%s: %s", entry_of(a, l), why);
    struct quarantine_id id = id_of(l);
    struct leftover going = *l;

    going.state = LEFTOVER_GOING;
    if (l->state != LEFTOVER_GOING && leftover_put(conf->store->home, &going, e) < 0)
        return -1;
    if (quarantine_remove(l->root, l->entry, &id, conf->cancel, NULL, e) < 0) {
        if (e->class != ERR_CANCELLED)
            keep_error(conf, JOURNAL_COLLECTED, &going, reason, e, NULL, a);
        return -1;
    }
    note(conf, JOURNAL_COLLECTED, l, reason, NULL, NULL, a);
    return leftover_remove(conf->store->home, l, e);
}

int leave_restore(const struct leave_conf *conf, const struct leftover *l, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct quarantine_id id = id_of(l);

    if (l->state == LEFTOVER_GOING)
        return err_set(e, ERR_REFUSED, 0, "'%s' is being deleted: what is left of it is not whole", l->entry);
    if (quarantine_restore(l->root, l->slug, l->entry, &id, NULL, e) < 0) {
        if (e->class == ERR_CONFLICT)
            return err_set(e, ERR_REFUSED, 0, "'%s' is there: nothing is replaced", path_of(a, l));
        return -1;
    }
    note(conf, JOURNAL_RESTORED, l, arena_printf(a, "%s is %s again", entry_of(a, l), path_of(a, l)), NULL, NULL, a);
    return leftover_remove(conf->store->home, l, e);
}

/* --- after the acts -------------------------------------------------------------------------------------------------------- */

static bool is_cancelled(const struct leave_conf *conf)
{
    return conf->cancel && atomic_load(conf->cancel);
}

static void collect(struct finishing *f, const struct round *r)
{
    for (size_t i = 0; i < r->plan.n_moves && !is_cancelled(f->conf); i++) {
        const struct plan_move *m = &r->plan.moves[i];
        struct err e = {0};

        if (m->kind != MOVE_COLLECT || m->held)
            continue;
        if (leave_collect(f->conf, m->leftover, m->why, &e) < 0) {
            if (e.class != ERR_CANCELLED)
                add_done(f, MOVE_COLLECT, m->leftover, &e);
            continue;
        }
        add_done(f, MOVE_COLLECT, m->leftover, NULL);
        f->report->n_collected++;
    }
}

/* Records of what somebody else took out of the quarantine. */
static void forget_gone(const struct leave_conf *conf, const struct round *r)
{
    struct err ignored;

    for (size_t i = 0; i < r->leftovers.n; i++)
        if (r->leftovers.v[i].gone)
            (void)leftover_remove(conf->store->home, &r->leftovers.v[i], &ignored);
}

static int has_intents(const struct leave_conf *conf, bool *ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct leftovers_view view;

    *ret = false;
    if (leftovers_read(conf->store->home, a, &view, e) < 0)
        return -1;
    for (size_t i = 0; i < view.n; i++)
        *ret = *ret || view.v[i].state == LEFTOVER_LEAVING;
    return 0;
}

static void finish(struct finishing *f, struct round *r)
{
    const struct round_conf conf = {.host = f->conf->host, .store = f->conf->store, .load = r->load, .cancel = f->conf->cancel};
    ROUND_AUTO now = NULL;
    struct err e = {0};
    bool any = false;

    if (has_intents(f->conf, &any, &e) < 0 || (any && !is_cancelled(f->conf) && round_look(&conf, &now, &e) < 0)) {
        f->report->error = arena_strdup(f->a, e.msg);
        return;
    }
    for (size_t i = 0; now && i < now->plan.n_moves; i++) {
        const struct plan_move *m = &now->plan.moves[i];

        if (m->held || m->kind == MOVE_COLLECT)
            continue;
        if (m->kind == MOVE_DROP)
            drop_one(f, m);
        else
            move_one(f, m->leftover);
    }
}

void leave_finish(const struct leave_conf *conf, struct round *r, struct leave_report *ret)
{
    struct finishing f = {.conf = conf, .a = r->a, .report = ret};

    *ret = (struct leave_report){0};
    forget_gone(conf, r);
    collect(&f, r);
    finish(&f, r);
    ret->v = f.done.v;
    ret->n = f.done.n;
}
