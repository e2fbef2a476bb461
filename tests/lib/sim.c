#include "tests/lib/sim.h"

#include "reconciler/executor.h"
#include "tests/lib/model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 60

int64_t sim_now(void *ctx)
{
    return atomic_load(&((struct sim *)ctx)->now_ms);
}

static void sim_wait(void *ctx, int ms)
{
    atomic_fetch_add(&((struct sim *)ctx)->now_ms, ms);
}

void sim_begin(struct sim *s, struct dice *dice)
{
    static atomic_uint serial;
    const struct fake_clock clock = {.now_ms = sim_now, .wait = sim_wait, .ctx = s};

    *s = (struct sim){.a = arena_new(), .dice = dice, .mutex = PTHREAD_MUTEX_INITIALIZER};
    atomic_store(&s->now_ms, MODEL_NOW);
    (void)snprintf(s->endpoint, sizeof s->endpoint, "fake:sim%u", atomic_fetch_add(&serial, 1));
    s->fake = fake_world_get(s->endpoint);
    fake_world_reset(s->fake);
    fake_world_set_clock(s->fake, &clock);
    fake_world_set_image(s->fake, "img:1", "sha256:1");
    s->install = (struct install){.id = SIM_INSTALL, .config_ok = true};
    s->install.policy = (struct policy){
        .hot_window_ms = 300000, .cap_percent = 100, .cap_count = 1, .prune = true, .orphans = ORPHANS_ADOPT, .concurrency = 4};
}

void sim_end(struct sim *s)
{
    fake_world_drop(s->endpoint);
    arena_free(s->a);
}

/* One step of the process; true: it died before this one. */
static bool dies(struct sim *s)
{
    long step = atomic_fetch_add(&s->steps, 1) + 1;

    if (atomic_load(&s->dies_at) && step >= atomic_load(&s->dies_at))
        atomic_store(&s->dead, true);
    return atomic_load(&s->dead);
}

static int died(struct err *e)
{
    return err_set(e, ERR_CANCELLED, 0, "the process is no more");
}

/* --- a backend that dies with the process
 * ---------------------------------------------------------------------------------------- */

struct mortal {
    struct backend base;
    struct backend *inner;
    struct sim *sim;
};

static int mortal_look(struct backend *b, struct arena *a, const char *id, const char *name, const struct call *c,
                       struct observed *ret, struct err *e)
{
    struct mortal *m = (struct mortal *)b;

    if (dies(m->sim))
        return died(e);
    return m->inner->ops->look(m->inner, a, id, name, c, ret, e);
}

static int mortal_apply(struct backend *b, struct arena *a, const struct backend_act *act, const struct call *c,
                        struct act_result *ret, struct err *e)
{
    struct mortal *m = (struct mortal *)b;
    int r;

    if (dies(m->sim))
        return died(e);
    r = m->inner->ops->apply(m->inner, a, act, c, ret, e);
    return dies(m->sim) ? died(e) : r; /* done, and nobody there to hear of it */
}

static void mortal_close(struct backend *b)
{
    struct mortal *m = (struct mortal *)b;

    m->inner->ops->close(m->inner);
    free(m);
}

static int mortal_save(struct backend *b, const char *id, const char *name,
                       int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, const struct call *c,
                       struct err *e)
{
    struct mortal *m = (struct mortal *)b;

    if (dies(m->sim))
        return died(e);
    return m->inner->ops->save(m->inner, id, name, write, ctx, c, e);
}

static const struct backend_ops mortal_ops = {
    .name = "fake", .look = mortal_look, .apply = mortal_apply, .save = mortal_save, .close = mortal_close};

static int open_inner(struct sim *s, struct backend **ret, struct err *e)
{
    const struct backend_conf conf = {.endpoint = s->endpoint, .install = SIM_INSTALL, .state_dir = "/nonexistent"};

    return fake_ops.open(&conf, ret, e);
}

static int open_mortal(void *ctx, const char *endpoint, struct backend **ret, struct err *e)
{
    struct mortal *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->base.ops = &mortal_ops;
    m->sim = ctx;
    if (open_inner(ctx, &m->inner, e) < 0) {
        free(m);
        return -1;
    }
    *ret = &m->base;
    return 0;
}

/* --- records in memory
 * ------------------------------------------------------------------------------------------------------------ */

struct record *sim_record(struct sim *s, const char *name, enum runtime_kind kind)
{
    for (size_t i = 0; i < s->records.n; i++)
        if (s->records.v[i].install && s->records.v[i].kind == kind && strcmp(s->records.v[i].name, name) == 0)
            return &s->records.v[i];
    return NULL;
}

/* Copies into what is on disk: the round's arena goes. */
struct record *sim_put(struct sim *s, const struct act *act)
{
    struct record *r = sim_record(s, act->name, act->runtime);

    if (!r) {
        r = VEC_ADD(s->a, &s->records);
        *r = (struct record){.created_at_ms = TIME_NONE, .last_used_at_ms = TIME_NONE};
    }
    r->endpoint = s->endpoint;
    r->name = arena_strdup(s->a, act->name);
    r->kind = act->runtime;
    r->install = SIM_INSTALL;
    r->holds_data = act->want ? !act->want->can_remake : r->holds_data;
    r->scope_key = act->want ? arena_strdup(s->a, act->want->scope_key) : NULL;
    r->version = arena_printf(s->a, "v%u", ++s->n_versions);
    return r;
}

static int begin_record(struct sim *s, struct err *e)
{
    if (dies(s))
        return died(e);
    pthread_mutex_lock(&s->mutex);
    return 0;
}

static int end_record(struct sim *s)
{
    pthread_mutex_unlock(&s->mutex);
    return 0;
}

static int on_intent(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;

    if (begin_record(s, e) < 0)
        return -1;
    sim_put(s, act)->creating = true;
    return end_record(s);
}

static bool is_current(struct sim *s, const struct act *act)
{
    const struct record *r = sim_record(s, act->name, act->runtime);

    return !act->rec || (r && text_eq(r->version, act->rec->version));
}

static int on_fresh(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;
    bool current;

    if (begin_record(s, e) < 0)
        return -1;
    current = is_current(s, act);
    (void)end_record(s);
    return current ? 0 : err_set(e, ERR_CONFLICT, 0, "used since");
}

static int take(void *ctx, const void *p, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) /* as text: a tar is full of zeros */
        buf_putc(ctx, ((const char *)p)[i] ? ((const char *)p)[i] : '\n');
    return 0;
}

static int on_snapshot(void *ctx, const struct act *act, struct backend *b, const struct call *c, struct err *e)
{
    struct sim *s = ctx;
    BUF_AUTO bytes = BUF_INIT(1u << 20);

    if (b->ops->save(b, act->obs->id, act->name, take, &bytes, c, e) < 0 || begin_record(s, e) < 0)
        return -1;
    VEC_PUSH(s->a, &s->kept, arena_strdup(s->a, buf_str(&bytes)));
    (void)end_record(s);
    if (act->kind == ACT_RESEED && act->seed && !strstr(buf_str(&bytes), act->seed->remote_tree))
        return err_set(e, ERR_CONFLICT, 0, "it was changed since it was looked at");
    return 0;
}

static int on_made(void *ctx, const struct act *act, const struct act_result *res, int64_t created_at_ms, bool setup_failed,
                   struct err *e)
{
    struct sim *s = ctx;
    struct record *r;

    if (begin_record(s, e) < 0)
        return -1;
    r = sim_put(s, act);
    r->creating = false;
    r->setup_failed = setup_failed;
    r->id = arena_strdup(s->a, res->id);
    r->created_at_ms = created_at_ms;
    if (r->last_used_at_ms == TIME_NONE)
        r->last_used_at_ms = created_at_ms;
    r->config_hash = arena_strdup(s->a, act->want->config_hash);
    return end_record(s);
}

static int on_adopted(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;
    struct record *r;

    if (begin_record(s, e) < 0)
        return -1;
    r = sim_put(s, act);
    r->creating = false;
    r->id = arena_strdup(s->a, act->obs->id);
    r->created_at_ms = act->obs->created_at_ms;
    if (r->last_used_at_ms == TIME_NONE)
        r->last_used_at_ms = sim_now(s);
    if (act->obs->config_hash)
        r->config_hash = arena_strdup(s->a, act->obs->config_hash);
    return end_record(s);
}

static int on_gone(void *ctx, const struct act *act, struct err *e)
{
    struct sim *s = ctx;
    struct record *r;
    bool current;

    if (begin_record(s, e) < 0)
        return -1;
    r = sim_record(s, act->name, act->runtime);
    current = is_current(s, act);
    if (r && current)
        *r = (struct record){0};
    (void)end_record(s);
    return current ? 0 : err_set(e, ERR_CONFLICT, 0, "used since");
}

/* --- rounds
 * ------------------------------------------------------------------------------------------------------------------------ */

static void observe(struct sim *s, struct arena *a, struct observation *ret)
{
    const char *images[] = {"img:1", "img:none"};
    const struct observe_req req = {
        .images = images, .n_images = 2, .desired = s->desired.v, .n_desired = s->desired.n, .now_ms = sim_now(s)};
    const struct call call = {.timeout_ms = 10000};
    struct backend *b = NULL;
    struct err e = {0};

    *ret = (struct observation){.endpoint = s->endpoint};
    if (open_inner(s, &b, &e) < 0 || b->ops->observe(b, a, &req, &call, ret, &e) < 0)
        *ret = (struct observation){.endpoint = s->endpoint, .why = arena_strdup(a, e.msg)};
    if (b)
        b->ops->close(b);
    if (ret->ok)
        ret->endpoint = s->endpoint;
    ret->can_save = true;
}

/* What the reconciler does of a hold that asks for a look: looks, and tells the next round's planner. */
static void confirm(struct sim *s, struct arena *a, struct observation *seen, const struct plan *p)
{
    VEC(struct observed) v = {0};
    struct backend *b;
    struct err e;

    if (!seen->ok)
        return;
    for (size_t i = 0; i < seen->n; i++)
        VEC_PUSH(a, &v, seen->v[i]);
    assert_int_equal(open_inner(s, &b, &e), 0);
    for (size_t i = 0; i < p->n_acts; i++) {
        const struct call call = {.timeout_ms = 10000};
        struct observed o = {0};

        if (p->acts[i].kind != ACT_HOLD || p->acts[i].guard != GUARD_UNKNOWN || !p->acts[i].needs_look)
            continue;
        if (b->ops->look(b, a, NULL, p->acts[i].name, &call, &o, &e) == 0 && o.state == RUN_ABSENT) {
            o.name = p->acts[i].name;
            VEC_PUSH(a, &v, o);
        }
    }
    b->ops->close(b);
    seen->v = v.v;
    seen->n = v.n;
}

/* Both ends of every seed; what is there and was not seeded would be undone. */
static void ask_reseeds(struct sim *s, struct arena *a, struct world *w)
{
    VEC(struct request) requests = {0};
    VEC(struct seed_look) seeds = {0};
    VEC(struct approval) approvals = {0};

    for (size_t i = 0; i < s->desired.n; i++) {
        const struct desired *d = &s->desired.v[i];
        const char *content = d->can_remake ? NULL : fake_world_content(s->fake, a, d->name);

        if (!content)
            continue;
        VEC_PUSH(a, &requests,
                 ((struct request){.endpoint = s->endpoint, .name = d->name, .runtime = d->kind, .kind = ACT_RESEED}));
        VEC_PUSH(a, &seeds,
                 ((struct seed_look){.endpoint = s->endpoint,
                                     .name = d->name,
                                     .runtime = d->kind,
                                     .verdict = *content ? MANIFEST_REMOTE_CHANGED : MANIFEST_REMOTE_UNCHANGED,
                                     .n_lost = *content != '\0',
                                     .lost = content,
                                     .digest = content,
                                     .remote_tree = content}));
        if (s->approves)
            VEC_PUSH(a, &approvals, ((struct approval){.endpoint = s->endpoint, .name = d->name, .digest = content}));
    }
    w->requests = requests.v;
    w->n_requests = requests.n;
    w->seeds = seeds.v;
    w->n_seeds = seeds.n;
    w->approvals = approvals.v;
    w->n_approvals = approvals.n;
}

static void make_world(struct sim *s, struct arena *a, const struct observation *seen, struct world *ret)
{
    struct record *records = ARENA_ARRAY(a, struct record, s->records.n);
    struct last_seen *last = ARENA_NEW(a, struct last_seen);

    *last = (struct last_seen){.endpoint = s->endpoint, .n = s->n_last_seen};
    *ret = (struct world){.desired = s->desired.v,
                          .n_desired = s->desired.n,
                          .observations = seen,
                          .n_observations = 1,
                          .installs = &s->install,
                          .n_installs = 1,
                          .grants = s->grants.v,
                          .n_grants = s->grants.n,
                          .snapshots = {.open = true, .bytes = 1u << 20},
                          .last = last,
                          .n_last = 1};
    for (size_t i = 0; i < s->records.n; i++)
        if (s->records.v[i].install)
            records[ret->n_records++] = s->records.v[i];
    ret->records = records;
    if (s->asks)
        ask_reseeds(s, a, ret);
}

/* --- what exists nowhere else ---------------------------------------------------------------------------------------------- */

void sim_work(struct sim *s, const char *name)
{
    ARENA_AUTO a = arena_new();

    if (fake_world_content(s->fake, a, name))
        (void)fake_world_set_content(s->fake, name, arena_printf(a, "<work %u>", ++s->n_contents));
}

struct held {
    const char *name, *content;
};
typedef VEC(struct held) held_vec;

static void add_held(struct sim *s, struct arena *a, held_vec *v, const char *name)
{
    const char *content = fake_world_content(s->fake, a, name);

    if (content && *content)
        VEC_PUSH(a, v, ((struct held){.name = arena_strdup(a, name), .content = content}));
}

static void find_held(struct sim *s, struct arena *a, held_vec *ret)
{
    for (size_t i = 0; i < s->desired.n; i++)
        add_held(s, a, ret, s->desired.v[i].name);
    for (size_t i = 0; i < s->records.n; i++)
        if (s->records.v[i].install)
            add_held(s, a, ret, s->records.v[i].name);
}

static void find_lost(struct sim *s, struct arena *a, const held_vec *before)
{
    for (size_t i = 0; i < before->n && !s->lost; i++) {
        bool safe = text_eq(fake_world_content(s->fake, a, before->v[i].name), before->v[i].content);

        for (size_t k = 0; k < s->kept.n && !safe; k++)
            safe = strstr(s->kept.v[k], before->v[i].content) != NULL;
        if (!safe)
            s->lost = arena_printf(s->a, "%s of %s", before->v[i].content, before->v[i].name);
    }
}

/* What a reseed undid is what its owner had agreed to, to the letter. */
static void find_undone(struct sim *s, const held_vec *before, const struct act_ended *ended)
{
    for (size_t i = 0; i < s->last.n_acts && !s->undone; i++) {
        const struct act *act = &s->last.acts[i];

        if (act->kind != ACT_RESEED || ended[i].end != ACT_ENDED_DONE || !act->seed)
            continue;
        for (size_t k = 0; k < before->n && !s->undone; k++)
            if (strcmp(before->v[k].name, act->name) == 0 &&
                (!s->approves || strcmp(before->v[k].content, act->seed->digest) != 0))
                s->undone = arena_printf(s->a, "%s of %s", before->v[k].content, act->name);
    }
}

/* true: there was nothing to do. */
bool sim_round(struct sim *s, unsigned threads)
{
    static const struct recorder ops = {
        .intent = on_intent, .snapshot = on_snapshot, .fresh = on_fresh, .made = on_made, .adopted = on_adopted, .gone = on_gone};
    ARENA_AUTO a = arena_new();
    struct observation *seen = ARENA_NEW(a, struct observation);
    struct recorder recorder = ops;
    struct executor_conf conf = {.open = open_mortal,
                                 .open_ctx = s,
                                 .recorder = &recorder,
                                 .now_ms = sim_now,
                                 .wait = sim_wait,
                                 .now_ctx = s,
                                 .threads = threads,
                                 .seed = 1};
    struct act_ended *ended;
    held_vec held = {0};
    struct world w;

    recorder.ctx = s;
    s->n_rounds++;
    observe(s, a, seen);
    make_world(s, a, seen, &w);
    plan_compute(a, &w, sim_now(s), &s->last);
    confirm(s, a, seen, &s->last);
    plan_compute(a, &w, sim_now(s), &s->last);
    if (s->between)
        s->between(s);
    ended = ARENA_ARRAY(a, struct act_ended, s->last.n_acts);
    find_held(s, a, &held);
    executor_run(&s->last, &conf, ended);
    find_lost(s, a, &held);
    find_undone(s, &held, ended);
    for (size_t i = 0; i < s->last.n_acts; i++) {
        const struct act *act = &s->last.acts[i];

        if ((act->kind == ACT_PRUNE || act->kind == ACT_FORGET) && ended[i].end != ACT_ENDED_DONE)
            VEC_PUSH(s->a, &s->grants,
                     ((struct grant){.endpoint = s->endpoint, .name = arena_strdup(s->a, act->name), .allows = GRANT_BEGUN}));
    }
    if (s->last.n_endpoints && s->last.endpoints[0].known)
        s->n_last_seen = s->last.endpoints[0].n_ours;
    return plan_is_empty(&s->last) && s->last.n_unknown == 0;
}

/* Rounds until there is nothing to do, now and for the next hour. */
bool sim_settle(struct sim *s, unsigned threads)
{
    int64_t horizon = sim_now(s) + 3600000;

    for (unsigned i = 0; i < MAX_ROUNDS; i++) {
        bool nothing = sim_round(s, threads);

        if (!nothing) {
            atomic_fetch_add(&s->now_ms, 1000);
            continue;
        }
        if (s->last.next_due_ms == TIME_NONE || s->last.next_due_ms > horizon)
            return true;
        if (s->last.next_due_ms > sim_now(s))
            atomic_store(&s->now_ms, s->last.next_due_ms);
    }
    return false;
}
