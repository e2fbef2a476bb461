#include "reconciler/steps.h"

#include "spec/base/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One act under way. */
struct doing {
    struct steps *s;
    const struct act *act;
    struct arena *a;
    struct backend *b;
    struct err *e;
    bool held;            /* the failure is no failure: the plan's reason is gone */
    struct observed seen; /* by the last still_idle() */
    const char *seed_dir; /* for the create, or NULL */
};

/* --- handles --------------------------------------------------------------------------------------------------------------- */

static void drop_handle(struct steps *s, unsigned i)
{
    if (s->handles[i] && s->conf->close)
        s->conf->close(s->conf->open_ctx, s->handles[i]);
    else if (s->handles[i])
        s->handles[i]->ops->close(s->handles[i]);
    free(s->endpoints[i]);
    s->handles[i] = NULL;
    s->endpoints[i] = NULL;
}

static int get_handle(struct steps *s, const char *endpoint, struct backend **ret, struct err *e)
{
    unsigned i;

    for (i = 0; i < STEPS_HANDLES; i++) {
        if (s->endpoints[i] && strcmp(s->endpoints[i], endpoint) == 0) {
            *ret = s->handles[i];
            return 0;
        }
    }
    i = s->next++ % STEPS_HANDLES;
    drop_handle(s, i);
    if (s->conf->open(s->conf->open_ctx, endpoint, &s->handles[i], e) < 0)
        return -1;
    s->endpoints[i] = strdup(endpoint);
    if (!s->endpoints[i])
        abort();
    *ret = s->handles[i];
    return 0;
}

void steps_close(struct steps *s)
{
    for (unsigned i = 0; i < STEPS_HANDLES; i++)
        drop_handle(s, i);
}

/* --- one step, with its second tries --------------------------------------------------------------------------------------- */

/* A wait that a cancel ends within a tenth of a second. */
static void wait_ms(const struct steps *s, int ms)
{
    if (s->conf->wait) {
        s->conf->wait(s->conf->now_ctx, ms);
        return;
    }
    while (ms > 0 && !atomic_load(s->cancel) && !(s->conf->cancel && atomic_load(s->conf->cancel))) {
        struct timespec ts = {.tv_nsec = (ms < 100 ? ms : 100) * 1000000L};

        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
        ms -= 100;
    }
}

/* Doubles, from half to one and a half of it: what failed together is not tried again together. */
static int backoff_ms(const struct doing *d, int attempt)
{
    uint32_t x = d->s->conf->seed ^ (uint32_t)attempt * 40503u;
    int base = EXECUTOR_BACKOFF_MS << attempt;

    for (const char *c = d->act->name; *c; c++)
        x = (x ^ (unsigned char)*c) * 16777619u;
    x ^= x >> 16;
    return base / 2 + (int)(x % (uint32_t)base);
}

/* What is worth another try at once. A conflict is not: the world is another than the plan's. Nor is a busy lock: it was waited
 * for already. */
static bool is_passing(enum err_class class)
{
    return class == ERR_UNAVAILABLE || class == ERR_TIMEOUT || class == ERR_INTERNAL;
}

static int look(struct doing *d, const char *id, struct observed *ret)
{
    const struct call call = {.timeout_ms = EXECUTOR_LOOK_MS, .cancel = d->s->cancel};

    for (int i = 0;; i++) {
        if (d->b->ops->look(d->b, d->a, id, d->act->name, &call, ret, d->e) == 0)
            return 0;
        if (!is_passing(d->e->class) || i + 1 == EXECUTOR_TRIES || atomic_load(d->s->cancel))
            return err_wrap(d->e, "looking at '%s'", d->act->name);
        wait_ms(d->s, backoff_ms(d, i));
    }
}

static int step_timeout(const struct act *act, enum step kind)
{
    if (kind == STEP_CREATE && act->want && act->want->setup)
        return EXECUTOR_SETUP_MS;
    if ((kind == STEP_CREATE || kind == STEP_REMOVE) && (act->data_loss || (act->want && !act->want->can_remake)))
        return EXECUTOR_TREE_MS;
    return EXECUTOR_STEP_MS;
}

/* apply() is idempotent, so that a time-out, whose outcome is unknown, is answered by the same call again. Of a create, id is
 * what it replaces. */
static int step(struct doing *d, enum step kind, const char *id, int64_t created_at_ms, struct act_result *res)
{
    const struct act *act = d->act;
    const bool creates = kind == STEP_CREATE;
    const struct call call = {.timeout_ms = step_timeout(act, kind), .cancel = d->s->cancel};
    const struct backend_act ask = {.step = kind,
                                    .want = act->want,
                                    .name = act->name,
                                    .id = creates ? NULL : id,
                                    .expect = act->obs,
                                    .created_at_ms = created_at_ms,
                                    .seed_dir = d->seed_dir,
                                    .replaces = creates ? id : NULL,
                                    .epoch = act->rec ? act->rec->seed.epoch + 1 : 1,
                                    .changes = act->changes,
                                    .n_changes = act->n_changes};

    for (int i = 0;; i++) {
        *res = (struct act_result){0};
        if (d->b->ops->apply(d->b, d->a, &ask, &call, res, d->e) == 0)
            return 0;
        if (!is_passing(d->e->class) || i + 1 == EXECUTOR_TRIES || atomic_load(d->s->cancel))
            return -1; /* the backend has said what it tried, and on what */
        wait_ms(d->s, backoff_ms(d, i));
    }
}

/* --- second looks ---------------------------------------------------------------------------------------------------------- */

static int hold(struct doing *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int hold(struct doing *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_set(d->e, ERR_REFUSED, 0, "%s", arena_vprintf(d->a, fmt, ap));
    va_end(ap);
    d->held = true;
    return -1;
}

static bool use_is_granted(const struct doing *d)
{
    const struct executor_conf *c = d->s->conf;

    if (d->act->want && d->act->want->policy.ignore_busy)
        return true;
    for (size_t i = 0; i < c->n_grants; i++) {
        const struct grant *g = &c->grants[i];

        if ((g->allows & GRANT_USE) && (!g->endpoint || strcmp(g->endpoint, d->act->endpoint) == 0) &&
            (!g->name || strcmp(g->name, d->act->name) == 0))
            return true;
    }
    return false;
}

static bool is_torn_down(enum act_kind kind)
{
    return kind == ACT_RECREATE || kind == ACT_RESEED || kind == ACT_PRUNE;
}

/* Just before something is torn down: it is still what the plan saw, nobody is in it, and nobody has used it since. *ret_gone: it
 * is not there any more. */
static int still_idle(struct doing *d, bool *ret_gone)
{
    const struct recorder *rec = d->s->conf->recorder;
    struct observed now = {0};

    if (look(d, d->act->obs->id, &now) < 0)
        return -1;
    d->seen = now;
    *ret_gone = now.state == RUN_ABSENT;
    if (now.state == RUN_UNKNOWN)
        return hold(d, "its state cannot be read now");
    if (!*ret_gone && now.ownership == OWN_FOREIGN && d->act->obs->ownership != OWN_FOREIGN)
        return hold(d, "it is no longer ours");
    /* What was empty needed no snapshot. */
    if (!*ret_gone && is_torn_down(d->act->kind) && d->act->obs->content_known && d->act->obs->n_entries == 0 &&
        now.n_entries > 0)
        return hold(d, "something was written there since");
    if (!*ret_gone && now.state == RUN_RUNNING && now.busy_known && now.busy > 0 && !use_is_granted(d))
        return hold(d, "it is in use now: %u running inside", now.busy);
    if (rec->fresh && rec->fresh(rec->ctx, d->act, d->e) < 0) {
        d->held = d->e->class == ERR_CONFLICT;
        return -1;
    }
    return 0;
}

/* --- what is kept ---------------------------------------------------------------------------------------------------------- */

static int snapshot(struct doing *d, const struct act *act, struct backend *b)
{
    const struct recorder *rec = d->s->conf->recorder;
    const struct call call = {.timeout_ms = EXECUTOR_TREE_MS, .cancel = d->s->cancel};

    if (!rec->snapshot)
        return hold(d, "there is nowhere to keep a snapshot of it");
    if (rec->snapshot(rec->ctx, act, b, &call, d->e) == 0)
        return 0;
    d->held = d->e->sys == ENOSPC || d->e->class == ERR_CONFLICT;
    return err_wrap(d->e, "keeping a snapshot of '%s'", act->name);
}

static bool is_changed(const struct observed *before, const struct observed *now)
{
    return before->content_known &&
           (!now->content_known || now->n_entries != before->n_entries || now->content_bytes != before->content_bytes ||
            now->changed_at_ms != before->changed_at_ms || !text_eq(now->content_stamp, before->content_stamp));
}

/* Before anything of it goes. What is written there while it is read would be in no snapshot: so another look must show the same
 * tree. */
static int keep(struct doing *d, bool *ret_gone)
{
    const struct observed before = d->seen;

    if (!d->act->snapshot || *ret_gone)
        return 0;
    if (snapshot(d, d->act, d->b) < 0 || still_idle(d, ret_gone) < 0)
        return -1;
    if (!*ret_gone && is_changed(&before, &d->seen))
        return hold(d, "it was changed while its snapshot was taken");
    return 0;
}

/* The tree at the place that it moves away from; it stays there until the new one is made. */
static int keep_old_place(struct doing *d)
{
    const struct observed *from = d->act->moves_from;
    struct act old = *d->act;
    struct backend *b;

    if (!from || (from->content_known && from->n_entries == 0))
        return 0;
    old.endpoint = from->endpoint;
    old.obs = from;
    if (get_handle(d->s, from->endpoint, &b, d->e) < 0 || snapshot(d, &old, b) < 0)
        return -1;
    return get_handle(d->s, d->act->endpoint, &d->b, d->e); /* there are few handles */
}

/* What a canonical workspace begins with. A reseed is from local by its name, but for one that puts a snapshot back. */
static int find_seed(struct doing *d)
{
    const struct recorder *rec = d->s->conf->recorder;
    const struct call call = {.timeout_ms = EXECUTOR_TREE_MS, .cancel = d->s->cancel};

    if (!rec->seed_from || d->act->want->can_remake || (d->act->kind == ACT_RESEED && !d->act->restores))
        return 0;
    if (rec->seed_from(rec->ctx, d->act, d->a, &call, &d->seed_dir, d->e) < 0)
        return err_wrap(d->e, "finding what '%s' is seeded from", d->act->name);
    return 0;
}

/* --- acts ------------------------------------------------------------------------------------------------------------------ */

static int must_be_absent(struct doing *d)
{
    const struct record *rec = d->act->rec;
    struct observed now = {0};

    if (look(d, d->act->obs ? d->act->obs->id : NULL, &now) < 0)
        return -1;
    if (now.state != RUN_ABSENT)
        return hold(d, "it is there after all");
    /* Under another name it would still be there. */
    if (rec && rec->id && look(d, rec->id, &now) < 0)
        return -1;
    return now.state == RUN_ABSENT ? 0 : hold(d, "it is there after all, under another name");
}

static int record(struct doing *d, int (*fn)(void *, const struct act *, struct err *), const char *what)
{
    if (!fn || fn(d->s->conf->recorder->ctx, d->act, d->e) == 0)
        return 0;
    return err_wrap(d->e, "%s", what);
}

/* What was put back is read back. */
static int prove(struct doing *d)
{
    const struct recorder *rec = d->s->conf->recorder;
    const struct call call = {.timeout_ms = EXECUTOR_TREE_MS, .cancel = d->s->cancel};

    if (!d->act->restores || !rec->restored || rec->restored(rec->ctx, d->act, d->b, &call, d->e) == 0)
        return 0;
    return err_wrap(d->e, "'%s' was put back, and what is there is not what the snapshot holds", d->act->name);
}

/* In place of what has the id `replaces`, or of nothing. */
static int make(struct doing *d, const char *replaces)
{
    const struct recorder *rec = d->s->conf->recorder;
    struct act_result res = {0};
    struct err made_err = {0};
    int64_t created = d->s->conf->now_ms(d->s->conf->now_ctx);
    bool failed = step(d, STEP_CREATE, replaces, created, &res) < 0,
         setup_failed = failed && d->e->class == ERR_REFUSED && res.id;

    if (failed && !setup_failed) {
        d->held = d->e->class == ERR_CONFLICT;
        return -1;
    }
    if (rec->made && rec->made(rec->ctx, d->act, &res, created, setup_failed, &made_err) < 0) {
        *d->e = made_err;
        return err_wrap(d->e, "recording '%s'", d->act->name);
    }
    return setup_failed || prove(d) < 0 ? -1 : 0;
}

static int do_create(struct doing *d)
{
    if (d->act->needs_look && must_be_absent(d) < 0)
        return -1;
    if (keep_old_place(d) < 0 || find_seed(d) < 0 || record(d, d->s->conf->recorder->intent, "recording the intent") < 0)
        return -1;
    return make(d, NULL);
}

/* The new tree takes the place of the old one, or, where the backend cannot do that, comes after it. */
static int do_reseed(struct doing *d)
{
    struct act_result res;
    bool gone = false;

    if (still_idle(d, &gone) < 0 || keep(d, &gone) < 0 || find_seed(d) < 0 ||
        record(d, d->s->conf->recorder->intent, "recording the intent") < 0)
        return -1;
    if (gone)
        return make(d, NULL);
    if (make(d, d->act->obs->id) == 0)
        return 0;
    if (d->e->class != ERR_UNSUPPORTED)
        return -1;
    if (step(d, STEP_REMOVE, d->act->obs->id, TIME_NONE, &res) < 0) {
        d->held = d->e->class == ERR_CONFLICT;
        return -1;
    }
    return make(d, NULL);
}

/* The old place goes only once the new one is made, and while it is what its snapshot holds. Else it is seen there in the next
 * round, and goes then. */
static int leave_old_place(struct doing *d, bool gone)
{
    const struct observed before = d->seen;
    struct act_result res;
    struct observed now = {0};

    if (make(d, NULL) < 0 || (!gone && look(d, d->act->obs->id, &now) < 0))
        return -1;
    gone = gone || now.state == RUN_ABSENT;
    if (!gone && now.busy_known && now.busy > 0 && !use_is_granted(d))
        return hold(d, "it is made at its new place, and its old one is in use now");
    if (!gone && is_changed(&before, &now))
        return hold(d, "it is made at its new place, and its old one was changed since");
    d->seed_dir = NULL;
    if (!gone && step(d, STEP_REMOVE, d->act->obs->id, TIME_NONE, &res) < 0) {
        d->held = d->e->class == ERR_CONFLICT;
        return -1;
    }
    return record(d, d->s->conf->recorder->gone, "recording that its old place is gone");
}

static int do_recreate(struct doing *d)
{
    struct act_result res;
    bool gone = false;

    /* The seed is found before anything goes: where there is none to be had, the old tree stays. */
    if (still_idle(d, &gone) < 0 || keep(d, &gone) < 0 || find_seed(d) < 0 ||
        record(d, d->s->conf->recorder->intent, "recording the intent") < 0)
        return -1;
    if (d->act->relocates)
        return leave_old_place(d, gone);
    if (!gone && step(d, STEP_REMOVE, d->act->obs->id, TIME_NONE, &res) < 0) {
        d->held = d->e->class == ERR_CONFLICT;
        return -1;
    }
    return make(d, NULL);
}

static int do_prune(struct doing *d)
{
    struct act_result res;
    bool gone = false;

    if (still_idle(d, &gone) < 0 || keep(d, &gone) < 0 ||
        record(d, d->s->conf->recorder->parting, "recording what it leaves behind") < 0)
        return -1;
    if (!gone && step(d, STEP_REMOVE, d->act->obs->id, TIME_NONE, &res) < 0) {
        d->held = d->e->class == ERR_CONFLICT;
        return -1;
    }
    return record(d, d->s->conf->recorder->gone, "dropping the record");
}

/* Without needs_look its absence was confirmed, or its name is that of another runtime of ours: a look by name would find that.
 */
static int do_forget(struct doing *d)
{
    if (d->act->needs_look && must_be_absent(d) < 0)
        return -1;
    if (record(d, d->s->conf->recorder->parting, "recording what it leaves behind") < 0)
        return -1;
    return record(d, d->s->conf->recorder->gone, "dropping the record");
}

static int do_steps(struct doing *d, const enum step *steps, size_t n)
{
    struct act_result res;
    bool gone = false;

    if (d->act->needs_look && (still_idle(d, &gone) < 0 || gone))
        return gone ? hold(d, "it is not there any more") : -1;
    for (size_t i = 0; i < n; i++)
        if (step(d, steps[i], d->act->obs->id, TIME_NONE, &res) < 0) {
            d->held = d->e->class == ERR_CONFLICT;
            return -1;
        }
    return record(d, d->s->conf->recorder->patched, "recording");
}

static int do_patch(struct doing *d)
{
    static const enum step in_place[] = {STEP_PATCH}, restart[] = {STEP_STOP, STEP_PATCH, STEP_START};

    if (!d->act->restart)
        return do_steps(d, in_place, 1);
    return do_steps(d, restart, d->act->want->want == WANT_RUNNING ? 3 : 2);
}

static int do_act(struct doing *d)
{
    static const enum step start[] = {STEP_START}, stop[] = {STEP_STOP};

    switch (d->act->kind) {
    case ACT_CREATE:
        return do_create(d);
    case ACT_RECREATE:
        return d->act->obs ? do_recreate(d) : do_create(d);
    case ACT_RESEED:
        return d->act->obs ? do_reseed(d) : do_create(d);
    case ACT_PRUNE:
        return do_prune(d);
    case ACT_FORGET:
        return do_forget(d);
    case ACT_START:
        return do_steps(d, start, 1);
    case ACT_STOP:
        return do_steps(d, stop, 1);
    case ACT_PATCH:
        return do_patch(d);
    case ACT_ADOPT:
        return record(d, d->s->conf->recorder->adopted, "recording");
    case ACT_HOLD:
    case ACT_REPORT:
    case ACT_KIND_COUNT:
        break;
    }
    abort();
}

void steps_run(struct steps *s, const struct act *act, struct act_ended *ret)
{
    const struct recorder *rec = s->conf->recorder;
    ARENA_AUTO a = arena_new();
    struct doing d = {.s = s, .act = act, .a = a, .e = &ret->err};

    *ret = (struct act_ended){0};
    if (rec->progress)
        rec->progress(rec->ctx, act, NULL);
    if (get_handle(s, act->endpoint, &d.b, d.e) == 0 && do_act(&d) == 0)
        *ret = (struct act_ended){.end = ACT_ENDED_DONE}; /* without what a second try got over */
    else
        ret->end = d.held ? ACT_ENDED_HELD : ret->err.class == ERR_CANCELLED ? ACT_ENDED_CANCELLED : ACT_ENDED_FAILED;
    if (rec->progress)
        rec->progress(rec->ctx, act, ret);
}
