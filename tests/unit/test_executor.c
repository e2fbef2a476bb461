/* executor, steps, pool: what each act is made of, in which order, side by side with which others, and what a failure leaves. */
#include "reconciler/executor.h"
#include "reconciler/pool.h"
#include "spec/base/text.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MAX_ACTS 64

/* --- an endpoint that does as it is told ----------------------------------------------------------------------------------- */

struct rule {
    const char *call; /* "look" "create" ...; NULL: any */
    const char *name; /* NULL: any */
    enum err_class class;
    unsigned count; /* so many times; 0: always */
    unsigned used;
};

struct stage {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct buf log; /* "look a\nremove a\n" */
    struct rule rules[8];
    size_t n_rules;
    struct observed seen; /* the answer of a look */
    bool setup_fails;
    bool slow; /* a create waits until `crowd` of them are under way, or a while */
    unsigned crowd, now, most;
    char running[MAX_ACTS][16];
    bool overlap; /* two at a time on one runtime */
    atomic_bool cancel;
    const char *cancel_at; /* the call that makes somebody say stop */
    int waits[64];
    size_t n_waits;
    bool open_fails;
    int snapshot_sys; /* of a snapshot that fails */
    bool grows;       /* somebody writes while the snapshot is taken */
    const char *seed_dir, *seeded_from;
};

static struct stage *stage;

static int note(const char *call, const char *name, struct err *e)
{
    int r = 0;

    pthread_mutex_lock(&stage->mutex);
    buf_printf(&stage->log, "%s %s\n", call, name);
    if (stage->cancel_at && strcmp(stage->cancel_at, call) == 0)
        atomic_store(&stage->cancel, true);
    for (size_t i = 0; i < stage->n_rules && r == 0; i++) {
        struct rule *rule = &stage->rules[i];

        if ((rule->call && strcmp(rule->call, call) != 0) || (rule->name && strcmp(rule->name, name) != 0) ||
            (rule->count && rule->used >= rule->count))
            continue;
        rule->used++;
        r = err_set(e, rule->class, 0, "told to fail");
    }
    pthread_mutex_unlock(&stage->mutex);
    return r;
}

static void begin(const char *name)
{
    struct timespec until;

    pthread_mutex_lock(&stage->mutex);
    for (unsigned i = 0; i < stage->now; i++)
        stage->overlap |= strcmp(stage->running[i], name) == 0;
    (void)snprintf(stage->running[stage->now], sizeof stage->running[0], "%s", name);
    stage->now++;
    if (stage->now > stage->most)
        stage->most = stage->now;
    pthread_cond_broadcast(&stage->changed);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (stage->slow && stage->most < stage->crowd && pthread_cond_timedwait(&stage->changed, &stage->mutex, &until) == 0)
        ;
    pthread_mutex_unlock(&stage->mutex);
}

static void end(const char *name)
{
    pthread_mutex_lock(&stage->mutex);
    for (unsigned i = 0; i < stage->now; i++)
        if (strcmp(stage->running[i], name) == 0) {
            memcpy(stage->running[i], stage->running[stage->now - 1], sizeof stage->running[0]);
            break;
        }
    stage->now--;
    pthread_mutex_unlock(&stage->mutex);
}

static int stub_look(struct backend *b, struct arena *a, const char *id, const char *name, const struct call *c,
                     struct observed *ret, struct err *e)
{
    assert_true(c->timeout_ms > 0);
    if (note("look", name, e) < 0)
        return -1;
    *ret = stage->seen;
    return 0;
}

static int stub_apply(struct backend *b, struct arena *a, const struct backend_act *act, const struct call *c,
                      struct act_result *ret, struct err *e)
{
    static const char *const names[STEP_COUNT] = {"create", "start", "stop", "patch", "remove"};
    int r;

    assert_true(c->timeout_ms > 0);
    begin(act->name);
    r = note(act->replaces ? "replace" : names[act->step], act->name, e);
    end(act->name);
    if (act->replaces)
        assert_string_equal(act->replaces, act->expect->id);
    if (r < 0)
        return -1;
    if (act->step == STEP_CREATE) {
        pthread_mutex_lock(&stage->mutex);
        stage->seeded_from = act->seed_dir;
        pthread_mutex_unlock(&stage->mutex);
        *ret = (struct act_result){.id = "new", .cdp_port = 9};
    }
    if (act->step == STEP_CREATE && stage->setup_fails) {
        ret->setup_status = 1;
        return err_set(e, ERR_REFUSED, 0, "its setup ended with status 1");
    }
    return 0;
}

static void stub_close(struct backend *b)
{
    free(b);
}

static const struct backend_ops stub_ops = {.name = "stub", .look = stub_look, .apply = stub_apply, .close = stub_close};

static int stub_open(void *ctx, const char *endpoint, struct backend **ret, struct err *e)
{
    if (stage->open_fails)
        return err_set(e, ERR_UNAVAILABLE, 0, "nobody there");
    *ret = calloc(1, sizeof **ret);
    assert_non_null(*ret);
    (*ret)->ops = &stub_ops;
    return 0;
}

static int on_intent(void *ctx, const struct act *act, struct err *e)
{
    return note("intent", act->name, e);
}

static int on_fresh(void *ctx, const struct act *act, struct err *e)
{
    return note("fresh", act->name, e);
}

static int on_made(void *ctx, const struct act *act, const struct act_result *res, int64_t created_at_ms, bool setup_failed,
                   struct err *e)
{
    assert_string_equal(res->id, "new");
    assert_int_equal(created_at_ms, 1234);
    return note(setup_failed ? "made-badly" : "made", act->name, e);
}

static int on_patched(void *ctx, const struct act *act, struct err *e)
{
    return note("patched", act->name, e);
}

static int on_adopted(void *ctx, const struct act *act, struct err *e)
{
    return note("adopted", act->name, e);
}

static int on_gone(void *ctx, const struct act *act, struct err *e)
{
    return note("gone", act->name, e);
}

static int64_t now_ms(void *ctx)
{
    return 1234;
}

static void on_wait(void *ctx, int ms)
{
    pthread_mutex_lock(&stage->mutex);
    if (stage->n_waits < sizeof stage->waits / sizeof *stage->waits)
        stage->waits[stage->n_waits++] = ms;
    pthread_mutex_unlock(&stage->mutex);
}

static int on_snapshot(void *ctx, const struct act *act, struct backend *b, const struct call *c, struct err *e)
{
    assert_int_equal(c->timeout_ms, EXECUTOR_TREE_MS);
    assert_non_null(b);
    if (note(act->endpoint[0] == 's' ? "snapshot" : "snapshot-elsewhere", act->name, e) < 0) {
        e->sys = stage->snapshot_sys;
        return -1;
    }
    stage->seen.n_entries += stage->grows;
    return 0;
}

static int on_seed_from(void *ctx, const struct act *act, struct arena *a, const struct call *c, const char **ret, struct err *e)
{
    *ret = stage->seed_dir;
    return note("seed", act->name, e);
}

static int on_restored(void *ctx, const struct act *act, struct backend *b, const struct call *c, struct err *e)
{
    return note("prove", act->name, e);
}

static const struct recorder recorder = {.snapshot = on_snapshot,
                                         .restored = on_restored,
                                         .seed_from = on_seed_from,
                                         .intent = on_intent,
                                         .fresh = on_fresh,
                                         .made = on_made,
                                         .patched = on_patched,
                                         .adopted = on_adopted,
                                         .gone = on_gone};

/* --- plans by hand ------------------------------------------------------------------------------------------------------------
 */

static struct desired wanted = {.endpoint = "stub", .name = "a", .want = WANT_RUNNING, .config_hash = "h", .can_remake = true};
static struct desired wanted_stopped = {
    .endpoint = "stub", .name = "a", .want = WANT_STOPPED, .config_hash = "h", .can_remake = true};
static struct desired wanted_tree = {.endpoint = "stub", .name = "a", .want = WANT_RUNNING, .config_hash = "h"};
static const struct observed there = {
    .endpoint = "stub", .name = "a", .id = "old", .ownership = OWN_OURS, .state = RUN_RUNNING, .busy_known = true};

static struct act act_of(enum act_kind kind, const char *name)
{
    bool unseen = kind == ACT_CREATE || kind == ACT_FORGET;
    bool removes = kind == ACT_PRUNE || kind == ACT_FORGET;

    return (struct act){.kind = kind,
                        .endpoint = "stub",
                        .name = name,
                        .install = "1",
                        .reason = "because",
                        .want = removes ? NULL : &wanted,
                        .obs = unseen ? NULL : &there,
                        .needs_look = kind != ACT_CREATE && kind != ACT_START && kind != ACT_ADOPT};
}

static int set_stage(void **state)
{
    static struct stage fresh;

    buf_free(&fresh.log);
    fresh = (struct stage){.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .log = BUF_INIT(1u << 20)};
    fresh.seen = there;
    stage = &fresh;
    return 0;
}

static int clear_stage(void **state)
{
    buf_free(&stage->log);
    return 0;
}

static void run(struct act *acts, size_t n, unsigned concurrency, unsigned threads, struct act_ended *ret)
{
    const struct plan plan = {.acts = acts, .n_acts = n};
    const struct executor_conf conf = {.open = stub_open,
                                       .recorder = &recorder,
                                       .now_ms = now_ms,
                                       .wait = on_wait,
                                       .cancel = &stage->cancel,
                                       .concurrency = concurrency,
                                       .threads = threads,
                                       .seed = 7};

    executor_run(&plan, &conf, ret);
}

static enum act_end run_one(struct act act)
{
    struct act_ended ended[1];

    run(&act, 1, 0, 1, ended);
    return ended[0].end;
}

static void assert_log(const char *want)
{
    assert_string_equal(buf_str(&stage->log), want);
}

static void fail_at(const char *call, const char *name, enum err_class class, unsigned count)
{
    stage->rules[stage->n_rules++] = (struct rule){.call = call, .name = name, .class = class, .count = count};
}

/* --- what an act is made of
 * ----------------------------------------------------------------------------------------------------- */

static void test_sequences(void **state)
{
    static const struct {
        enum act_kind kind;
        bool look, restart, want_stopped, gone;
        const char *log;
    } cases[] = {
        {ACT_CREATE, false, false, false, true, "intent a\ncreate a\nmade a\n"},
        {ACT_CREATE, true, false, false, true, "look a\nintent a\ncreate a\nmade a\n"},
        {ACT_RECREATE, true, false, false, false, "look a\nfresh a\nintent a\nremove a\ncreate a\nmade a\n"},
        {ACT_RECREATE, true, false, false, true, "look a\nfresh a\nintent a\ncreate a\nmade a\n"},
        {ACT_PRUNE, true, false, false, false, "look a\nfresh a\nremove a\ngone a\n"},
        {ACT_PRUNE, true, false, false, true, "look a\nfresh a\ngone a\n"},
        {ACT_FORGET, true, false, false, true, "look a\ngone a\n"},
        {ACT_FORGET, false, false, false, false, "gone a\n"}, /* its name is another's */
        {ACT_START, false, false, false, false, "start a\npatched a\n"},
        {ACT_STOP, true, false, false, false, "look a\nfresh a\nstop a\npatched a\n"},
        {ACT_PATCH, false, false, false, false, "patch a\npatched a\n"},
        {ACT_PATCH, true, true, false, false, "look a\nfresh a\nstop a\npatch a\nstart a\npatched a\n"},
        {ACT_PATCH, true, true, true, false, "look a\nfresh a\nstop a\npatch a\npatched a\n"},
        {ACT_ADOPT, false, false, false, false, "adopted a\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct act act = act_of(cases[i].kind, "a");

        set_stage(state);
        act.needs_look = cases[i].look;
        act.restart = cases[i].restart;
        if (cases[i].want_stopped)
            act.want = &wanted_stopped;
        if (cases[i].gone)
            stage->seen.state = RUN_ABSENT;
        assert_int_equal(run_one(act), ACT_ENDED_DONE);
        assert_log(cases[i].log);
        clear_stage(state);
    }
    set_stage(state);
}

/* --- canonical workspaces -------------------------------------------------------------------------------------------------- */

static struct act tree_act(enum act_kind kind)
{
    struct act act = act_of(kind, "a");

    act.want = kind == ACT_PRUNE ? NULL : &wanted_tree;
    act.snapshot = act.data_loss = kind != ACT_CREATE;
    stage->seen.content_known = true;
    stage->seen.n_entries = 3;
    return act;
}

static void test_snapshot_first(void **state)
{
    static const struct {
        enum act_kind kind;
        const char *log;
    } cases[] = {
        {ACT_RECREATE, "look a\nfresh a\nsnapshot a\nlook a\nfresh a\nseed a\nintent a\nremove a\ncreate a\nmade a\n"},
        {ACT_RESEED, "look a\nfresh a\nsnapshot a\nlook a\nfresh a\nintent a\nreplace a\nmade a\n"},
        {ACT_PRUNE, "look a\nfresh a\nsnapshot a\nlook a\nfresh a\nremove a\ngone a\n"},
        {ACT_CREATE, "seed a\nintent a\ncreate a\nmade a\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_stage(state);
        stage->seed_dir = "/kept";
        assert_int_equal(run_one(tree_act(cases[i].kind)), ACT_ENDED_DONE);
        assert_log(cases[i].log);
        if (cases[i].kind == ACT_RESEED)
            assert_null(stage->seeded_from);
        else if (cases[i].kind != ACT_PRUNE)
            assert_string_equal(stage->seeded_from, "/kept");
        clear_stage(state);
    }
    set_stage(state);
}

static void test_reseed_without_replacing(void **state)
{
    fail_at("replace", "a", ERR_UNSUPPORTED, 0);
    assert_int_equal(run_one(tree_act(ACT_RESEED)), ACT_ENDED_DONE);
    assert_log("look a\nfresh a\nsnapshot a\nlook a\nfresh a\nintent a\nreplace a\nremove a\ncreate a\nmade a\n");
}

/* It needed no snapshot, and would have none of what came since. */
static void test_no_longer_empty(void **state)
{
    static const enum act_kind kinds[] = {ACT_RECREATE, ACT_RESEED, ACT_PRUNE};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct act act;
        struct observed empty;

        set_stage(state);
        act = tree_act(kinds[i]);
        empty = *act.obs;
        empty.content_known = true;
        empty.n_entries = 0;
        act.obs = &empty;
        act.snapshot = false;
        assert_int_equal(run_one(act), ACT_ENDED_HELD);
        assert_log("look a\n");
        clear_stage(state);
    }
    set_stage(state);
}

static void test_reseed_of_another_tree(void **state)
{
    fail_at("snapshot", "a", ERR_CONFLICT, 0);
    assert_int_equal(run_one(tree_act(ACT_RESEED)), ACT_ENDED_HELD);
    assert_log("look a\nfresh a\nsnapshot a\n");
}

/* Whatever is in the way of the snapshot: nothing was begun. */
static void test_no_snapshot_no_removal(void **state)
{
    static const enum act_kind kinds[] = {ACT_RECREATE, ACT_RESEED, ACT_PRUNE};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (int full = 0; full < 2; full++) {
            set_stage(state);
            stage->snapshot_sys = full ? ENOSPC : EIO;
            fail_at("snapshot", "a", ERR_IO, 0);
            assert_int_equal(run_one(tree_act(kinds[i])), full ? ACT_ENDED_HELD : ACT_ENDED_FAILED);
            assert_log("look a\nfresh a\nsnapshot a\n");
            clear_stage(state);
        }
        set_stage(state);
        stage->grows = true;
        assert_int_equal(run_one(tree_act(kinds[i])), ACT_ENDED_HELD);
        assert_log("look a\nfresh a\nsnapshot a\nlook a\nfresh a\n");
        clear_stage(state);
    }
    set_stage(state);
    fail_at("seed", "a", ERR_IO, 0);
    assert_int_equal(run_one(tree_act(ACT_RECREATE)), ACT_ENDED_FAILED);
    assert_null(strstr(buf_str(&stage->log), "remove"));
}

static void test_move_keeps_the_old_place(void **state)
{
    const struct observed old = {.endpoint = "far", .name = "a", .id = "far-id", .content_known = true, .n_entries = 1};
    struct observed nothing = old;
    struct act act = tree_act(ACT_CREATE);

    act.moves_from = &old;
    assert_int_equal(run_one(act), ACT_ENDED_DONE);
    assert_log("snapshot-elsewhere a\nseed a\nintent a\ncreate a\nmade a\n");
    clear_stage(state);
    set_stage(state);
    fail_at("snapshot-elsewhere", "a", ERR_UNAVAILABLE, 0);
    act.moves_from = &old;
    assert_int_equal(run_one(act), ACT_ENDED_FAILED);
    assert_log("snapshot-elsewhere a\n");
    clear_stage(state);
    set_stage(state);
    nothing.n_entries = 0;
    act.moves_from = &nothing;
    assert_int_equal(run_one(act), ACT_ENDED_DONE);
    assert_log("seed a\nintent a\ncreate a\nmade a\n");
}

/* At another root of the same host: the new one is made before the old one goes, and what was changed since stays. */
static void test_relocation(void **state)
{
    struct act act = tree_act(ACT_RECREATE);

    act.relocates = true;
    assert_int_equal(run_one(act), ACT_ENDED_DONE);
    assert_log("look a\nfresh a\nsnapshot a\nlook a\nfresh a\nseed a\nintent a\ncreate a\nmade a\nlook a\nremove a\ngone a\n");
    clear_stage(state);
    set_stage(state);
    act = tree_act(ACT_RECREATE);
    act.relocates = true;
    fail_at("create", "a", ERR_REFUSED, 0);
    assert_int_equal(run_one(act), ACT_ENDED_FAILED);
    assert_null(strstr(buf_str(&stage->log), "remove"));
    clear_stage(state);
    set_stage(state);
    act = tree_act(ACT_RECREATE);
    act.relocates = true;
    fail_at("remove", "a", ERR_REFUSED, 0);
    assert_int_equal(run_one(act), ACT_ENDED_FAILED);
    assert_non_null(strstr(buf_str(&stage->log), "made a"));
    assert_null(strstr(buf_str(&stage->log), "gone"));
}

/* A snapshot that is put back is found before anything is begun, and what came of it is read back. */
static void test_restore(void **state)
{
    struct act act = tree_act(ACT_RESEED);

    act.restores = "a/1";
    assert_int_equal(run_one(act), ACT_ENDED_DONE);
    assert_log("look a\nfresh a\nsnapshot a\nlook a\nfresh a\nseed a\nintent a\nreplace a\nmade a\nprove a\n");
    clear_stage(state);
    set_stage(state);
    act = tree_act(ACT_RESEED);
    act.restores = "a/1";
    fail_at("seed", "a", ERR_INPUT, 0);
    assert_int_equal(run_one(act), ACT_ENDED_FAILED);
    assert_log("look a\nfresh a\nsnapshot a\nlook a\nfresh a\nseed a\n");
    clear_stage(state);
    set_stage(state);
    act = tree_act(ACT_CREATE);
    act.restores = "a/1";
    fail_at("prove", "a", ERR_CONFLICT, 0);
    assert_int_equal(run_one(act), ACT_ENDED_FAILED);
    assert_log("seed a\nintent a\ncreate a\nmade a\nprove a\n");
}

static void test_silent_endpoint(void **state)
{
    struct act acts[] = {act_of(ACT_CREATE, "a"), act_of(ACT_CREATE, "b"), act_of(ACT_CREATE, "c")};
    struct desired with_setup = wanted;
    struct act_ended ended[3];

    acts[2].endpoint = "other";
    fail_at("create", "a", ERR_TIMEOUT, 0);
    run(acts, 3, 1, 1, ended);
    assert_int_equal(ended[0].end, ACT_ENDED_FAILED);
    assert_int_equal(ended[1].end, ACT_ENDED_HELD);
    assert_non_null(strstr(ended[1].err.msg, "stub answered no more"));
    assert_int_equal(ended[2].end, ACT_ENDED_DONE);
    assert_null(strstr(buf_str(&stage->log), "create b"));
    /* A setup that takes too long is its own fault. */
    clear_stage(state);
    set_stage(state);
    with_setup.setup = "sleep infinity";
    acts[0].want = &with_setup;
    fail_at("create", "a", ERR_TIMEOUT, 0);
    run(acts, 3, 1, 1, ended);
    assert_int_equal(ended[0].end, ACT_ENDED_FAILED);
    assert_int_equal(ended[1].end, ACT_ENDED_DONE);
}

static void test_second_look(void **state)
{
    static const struct {
        enum act_kind kind;
        enum run_state seen;
        enum ownership ownership;
        unsigned busy;
        const char *log;
    } cases[] = {
        {ACT_PRUNE, RUN_RUNNING, OWN_OURS, 1, "look a\n"},    {ACT_RECREATE, RUN_RUNNING, OWN_OURS, 2, "look a\n"},
        {ACT_STOP, RUN_RUNNING, OWN_OURS, 1, "look a\n"},     {ACT_PRUNE, RUN_UNKNOWN, OWN_OURS, 0, "look a\n"},
        {ACT_PRUNE, RUN_RUNNING, OWN_FOREIGN, 0, "look a\n"}, {ACT_FORGET, RUN_STOPPED, OWN_OURS, 0, "look a\n"},
        {ACT_CREATE, RUN_STOPPED, OWN_OURS, 0, "look a\n"},   {ACT_STOP, RUN_ABSENT, OWN_OURS, 0, "look a\nfresh a\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct act act = act_of(cases[i].kind, "a");

        set_stage(state);
        act.needs_look = true;
        stage->seen.state = cases[i].seen;
        stage->seen.ownership = cases[i].ownership;
        stage->seen.busy = cases[i].busy;
        assert_int_equal(run_one(act), ACT_ENDED_HELD);
        assert_log(cases[i].log);
        clear_stage(state);
    }
    set_stage(state);
}

static void test_granted_use(void **state)
{
    static const struct grant grant = {.endpoint = "stub", .name = "a", .allows = GRANT_USE};
    struct act act = act_of(ACT_PRUNE, "a");
    const struct plan plan = {.acts = &act, .n_acts = 1};
    const struct executor_conf conf = {
        .open = stub_open, .recorder = &recorder, .now_ms = now_ms, .wait = on_wait, .grants = &grant, .n_grants = 1};
    struct act_ended ended[1];

    stage->seen.busy = 1;
    executor_run(&plan, &conf, ended);
    assert_int_equal(ended[0].end, ACT_ENDED_DONE);
    assert_log("look a\nfresh a\nremove a\ngone a\n");
}

static void test_record_changed(void **state)
{
    fail_at("fresh", NULL, ERR_CONFLICT, 0);
    assert_int_equal(run_one(act_of(ACT_RECREATE, "a")), ACT_ENDED_HELD);
    assert_log("look a\nfresh a\n");
}

static void test_no_intent(void **state)
{
    fail_at("intent", NULL, ERR_IO, 0);
    assert_int_equal(run_one(act_of(ACT_RECREATE, "a")), ACT_ENDED_FAILED);
    assert_log("look a\nfresh a\nintent a\n");
}

static void test_setup(void **state)
{
    stage->setup_fails = true;
    assert_int_equal(run_one(act_of(ACT_CREATE, "a")), ACT_ENDED_FAILED);
    assert_log("intent a\ncreate a\nmade-badly a\n");
}

static void test_not_removed(void **state)
{
    fail_at("remove", NULL, ERR_IO, 0);
    assert_int_equal(run_one(act_of(ACT_PRUNE, "a")), ACT_ENDED_FAILED);
    assert_log("look a\nfresh a\nremove a\n");
}

static void test_taken_meanwhile(void **state)
{
    fail_at("create", NULL, ERR_CONFLICT, 0);
    assert_int_equal(run_one(act_of(ACT_CREATE, "a")), ACT_ENDED_HELD);
    assert_log("intent a\ncreate a\n");
}

/* --- second tries
 * ----------------------------------------------------------------------------------------------------------------- */

static unsigned calls_of(const char *line)
{
    unsigned n = 0;

    for (const char *s = buf_str(&stage->log); (s = strstr(s, line)); s++)
        n++;
    return n;
}

static void test_tries(void **state)
{
    static const struct {
        enum err_class class;
        unsigned fails, calls;
        enum act_end end;
    } cases[] = {
        {ERR_UNAVAILABLE, 1, 2, ACT_ENDED_DONE},
        {ERR_TIMEOUT, EXECUTOR_TRIES - 1, EXECUTOR_TRIES, ACT_ENDED_DONE},
        {ERR_INTERNAL, EXECUTOR_TRIES, EXECUTOR_TRIES, ACT_ENDED_FAILED},
        {ERR_UNAVAILABLE, 0, EXECUTOR_TRIES, ACT_ENDED_FAILED},
        {ERR_INPUT, 0, 1, ACT_ENDED_FAILED},
        {ERR_IO, 0, 1, ACT_ENDED_FAILED},
        {ERR_BUSY, 0, 1, ACT_ENDED_FAILED},
        {ERR_CONFLICT, 0, 1, ACT_ENDED_HELD},
        {ERR_NOT_FOUND, 0, 1, ACT_ENDED_FAILED},
        {ERR_CONFIG, 0, 1, ACT_ENDED_FAILED},
        {ERR_CANCELLED, 0, 1, ACT_ENDED_CANCELLED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_stage(state);
        fail_at("create", NULL, cases[i].class, cases[i].fails);
        assert_int_equal(run_one(act_of(ACT_CREATE, "a")), cases[i].end);
        assert_int_equal(calls_of("create a\n"), cases[i].calls);
        assert_int_equal(stage->n_waits, cases[i].calls - 1);
        for (size_t k = 0; k < stage->n_waits; k++) {
            int base = EXECUTOR_BACKOFF_MS << k;

            assert_in_range(stage->waits[k], base / 2, base + base / 2);
        }
        clear_stage(state);
    }
    set_stage(state);
}

/* Two that fail together do not come back together. */
static void test_jitter(void **state)
{
    struct act acts[] = {act_of(ACT_CREATE, "a"), act_of(ACT_CREATE, "b"), act_of(ACT_CREATE, "c"), act_of(ACT_CREATE, "d")};
    struct act_ended ended[4];

    fail_at("create", NULL, ERR_UNAVAILABLE, 4);
    run(acts, 4, 4, 1, ended);
    assert_int_equal(stage->n_waits, 3); /* the first takes three of the four */
    fail_at("create", NULL, ERR_UNAVAILABLE, 0);
    stage->n_waits = 0;
    run(acts, 4, 4, 1, ended);
    assert_int_equal(stage->n_waits, 4 * (EXECUTOR_TRIES - 1));
    assert_false(stage->waits[0] == stage->waits[3] && stage->waits[3] == stage->waits[6] && stage->waits[6] == stage->waits[9]);
}

static void test_other_goes_on(void **state)
{
    struct act acts[] = {act_of(ACT_CREATE, "a"), act_of(ACT_CREATE, "b"), act_of(ACT_CREATE, "c")};
    struct act_ended ended[3];

    fail_at("create", "b", ERR_UNAVAILABLE, 0);
    run(acts, 3, 0, 0, ended);
    assert_int_equal(ended[0].end, ACT_ENDED_DONE);
    assert_int_equal(ended[1].end, ACT_ENDED_FAILED);
    assert_int_equal(ended[1].err.class, ERR_UNAVAILABLE);
    assert_non_null(strstr(ended[1].err.msg, "told to fail"));
    assert_int_equal(ended[2].end, ACT_ENDED_DONE);
}

static void test_no_handle(void **state)
{
    stage->open_fails = true;
    assert_int_equal(run_one(act_of(ACT_CREATE, "a")), ACT_ENDED_FAILED);
    assert_log("");
}

/* --- side by side
 * ------------------------------------------------------------------------------------------------------------------ */

static void many(struct act *acts, size_t n, enum act_kind kind)
{
    static char names[MAX_ACTS][24];

    for (size_t i = 0; i < n; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%02zu", i);
        acts[i] = act_of(kind, names[i]);
    }
}

static void test_limit(void **state)
{
    struct act acts[24];
    struct act_ended ended[24];

    many(acts, 24, ACT_CREATE);
    stage->slow = true;
    stage->crowd = 3;
    run(acts, 24, 3, 8, ended);
    assert_int_equal(stage->most, 3);
    for (size_t i = 0; i < 24; i++)
        assert_int_equal(ended[i].end, ACT_ENDED_DONE);
}

static void test_limit_of_policy(void **state)
{
    struct desired one_at_a_time = wanted;
    struct act acts[12];
    struct act_ended ended[12];

    one_at_a_time.policy.concurrency = 1;
    many(acts, 12, ACT_CREATE);
    acts[7].want = &one_at_a_time;
    stage->slow = true;
    stage->crowd = 2;
    run(acts, 12, 4, 8, ended);
    assert_int_equal(stage->most, 1);
}

static void test_endpoints_side_by_side(void **state)
{
    struct act acts[8];
    struct act_ended ended[8];

    many(acts, 8, ACT_CREATE);
    for (size_t i = 4; i < 8; i++)
        acts[i].endpoint = "stub:b";
    stage->slow = true;
    stage->crowd = 4;
    run(acts, 8, 2, 8, ended);
    assert_int_equal(stage->most, 4);
}

static void test_one_per_runtime(void **state)
{
    struct act acts[] = {act_of(ACT_CREATE, "a"), act_of(ACT_CREATE, "a"), act_of(ACT_CREATE, "a"), act_of(ACT_CREATE, "b")};
    struct act_ended ended[4];

    stage->slow = true;
    stage->crowd = 3;
    run(acts, 4, 4, 4, ended);
    assert_false(stage->overlap);
    assert_int_equal(stage->most, 2);
}

static void test_after(void **state)
{
    size_t after_b[] = {1}, after_a[] = {0};
    struct act acts[] = {act_of(ACT_PRUNE, "a"), act_of(ACT_PRUNE, "b"), act_of(ACT_CREATE, "c"), act_of(ACT_CREATE, "d")};
    struct act_ended ended[4];

    acts[2].after = after_b;
    acts[3].after = after_a;
    acts[2].n_after = acts[3].n_after = 1;
    run(acts, 4, 1, 4, ended);
    assert_true(strstr(buf_str(&stage->log), "gone b") < strstr(buf_str(&stage->log), "intent c"));
    assert_true(strstr(buf_str(&stage->log), "gone a") < strstr(buf_str(&stage->log), "intent d"));
}

static void test_after_a_failure(void **state)
{
    size_t after_a[] = {0}, after_b[] = {1};
    struct act acts[] = {act_of(ACT_PRUNE, "a"), act_of(ACT_ADOPT, "b"), act_of(ACT_START, "b"), act_of(ACT_CREATE, "c")};
    struct act_ended ended[4];

    acts[1].after = after_a;
    acts[2].after = after_b;
    acts[1].n_after = acts[2].n_after = 1;
    fail_at("remove", "a", ERR_IO, 0);
    run(acts, 4, 4, 4, ended);
    assert_int_equal(ended[0].end, ACT_ENDED_FAILED);
    assert_int_equal(ended[1].end, ACT_ENDED_HELD);
    assert_int_equal(ended[2].end, ACT_ENDED_HELD);
    assert_string_equal(ended[2].err.msg, "waits for the adopt of stub/b, which did not succeed");
    assert_int_equal(ended[3].end, ACT_ENDED_DONE);
    assert_int_equal(calls_of("start b"), 0);
}

static void test_holds_are_left(void **state)
{
    struct act acts[] = {act_of(ACT_HOLD, "a"), act_of(ACT_REPORT, "b"), act_of(ACT_CREATE, "c")};
    struct act_ended ended[3];

    run(acts, 3, 4, 4, ended);
    assert_int_equal(ended[0].end, ACT_ENDED_NONE);
    assert_int_equal(ended[1].end, ACT_ENDED_NONE);
    assert_int_equal(ended[2].end, ACT_ENDED_DONE);
    run(acts, 2, 4, 4, ended); /* nothing to do at all ends at once */
}

/* --- told to stop
 * ------------------------------------------------------------------------------------------------------------------- */

static void test_cancel_before(void **state)
{
    struct act acts[5];
    struct act_ended ended[5];

    many(acts, 5, ACT_PRUNE);
    atomic_store(&stage->cancel, true);
    run(acts, 5, 2, 2, ended);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(ended[i].end, ACT_ENDED_CANCELLED);
    assert_log("");
}

static void test_cancel_between(void **state)
{
    struct act acts[5];
    struct act_ended ended[5];

    many(acts, 5, ACT_RECREATE);
    stage->cancel_at = "remove"; /* in the middle of the first one */
    run(acts, 5, 1, 1, ended);
    assert_int_equal(ended[0].end, ACT_ENDED_DONE); /* not torn */
    for (size_t i = 1; i < 5; i++)
        assert_int_equal(ended[i].end, ACT_ENDED_CANCELLED);
    assert_log("look n00\nfresh n00\nintent n00\nremove n00\ncreate n00\nmade n00\n");
}

/* --- the pool alone
 * ----------------------------------------------------------------------------------------------------------------- */

static void ignore_lost(void *ctx, size_t i, size_t before)
{
    ++*(size_t *)ctx;
}

static void test_turns_of_endpoints(void **state)
{
    ARENA_AUTO a = arena_new();
    struct act acts[40];
    const struct plan plan = {.acts = acts, .n_acts = 40};
    size_t lost = 0, of_b = 0;
    const struct pool_conf conf = {.concurrency = 10, .on_lost = ignore_lost, .ctx = &lost};
    struct pool *p;

    many(acts, 40, ACT_CREATE);
    for (size_t i = 20; i < 40; i++)
        acts[i].endpoint = "stub:b";
    p = pool_make(a, &plan, &conf);
    for (size_t i = 0; i < 8; i++)
        of_b += pool_take(p) >= 20;
    assert_int_equal(of_b, 4); /* neither waits for all of the other */
}

/* Ten thousand acts, each of one endpoint: linear, or this test takes minutes. */
static void test_many(void **state)
{
    enum { N = 200000 };
    ARENA_AUTO a = arena_new();
    struct act *acts = ARENA_ARRAY(a, struct act, N);
    size_t *after = ARENA_ARRAY(a, size_t, N), lost = 0, n = 0;
    const struct plan plan = {.acts = acts, .n_acts = N};
    const struct pool_conf conf = {.concurrency = 4, .on_lost = ignore_lost, .ctx = &lost};
    struct pool *p;

    for (size_t i = 0; i < N; i++) {
        acts[i] = act_of(ACT_CREATE, arena_printf(a, "n%06zu", i));
        after[i] = i - 1;
        if (i % 2) {
            acts[i].after = &after[i];
            acts[i].n_after = 1;
        }
    }
    p = pool_make(a, &plan, &conf);
    for (size_t i; (i = pool_take(p)) != POOL_NONE; n++)
        pool_end(p, i, i % 4 == 0);
    assert_int_equal(pool_left(p), 0);
    assert_int_equal(lost, N / 4);
    assert_int_equal(n, N - N / 4);
}

#define TEST(name, fn)                                                                                                           \
    {                                                                                                                            \
        name, fn, set_stage, clear_stage, NULL                                                                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("each act is its steps, in this order", test_sequences),
        TEST("what exists nowhere else is kept before it goes", test_snapshot_first),
        TEST("where no tree can take another's place, the old one goes first", test_reseed_without_replacing),
        TEST("what was empty and is so no longer is not torn down", test_no_longer_empty),
        TEST("what its snapshot shows to be another tree than was decided about is not reseeded", test_reseed_of_another_tree),
        TEST("without a verified snapshot nothing goes", test_no_snapshot_no_removal),
        TEST("a move keeps what is at the old place before it makes the new one", test_move_keeps_the_old_place),
        TEST("a move to another root makes the new one before the old one goes", test_relocation),
        TEST("a snapshot that is put back is read back", test_restore),
        TEST("an endpoint that lets every try of an act time out is asked for no further one", test_silent_endpoint),
        TEST("a second look that shows another world turns the act into a hold", test_second_look),
        TEST("with a grant, use does not hold", test_granted_use),
        TEST("a record that changed since holds", test_record_changed),
        TEST("without its intent on record nothing is begun", test_no_intent),
        TEST("a setup that failed is recorded as such, and fails the act", test_setup),
        TEST("what is not seen to be gone keeps its record", test_not_removed),
        TEST("a name that was taken meanwhile holds", test_taken_meanwhile),
        TEST("passing failures are tried again, so often and no more", test_tries),
        TEST("what failed together is not tried again together", test_jitter),
        TEST("one that fails does not stop the others", test_other_goes_on),
        TEST("an endpoint that cannot be opened fails its acts", test_no_handle),
        TEST("no more acts at a time on an endpoint than allowed, and no fewer", test_limit),
        TEST("a policy may allow fewer at a time", test_limit_of_policy),
        TEST("endpoints do not wait for each other", test_endpoints_side_by_side),
        TEST("one act at a time on a runtime", test_one_per_runtime),
        TEST("an act comes after those that it needs", test_after),
        TEST("what waits for a failure is held, and all that waits for that", test_after_a_failure),
        TEST("holds and reports are not carried out", test_holds_are_left),
        TEST("told to stop before it begins, nothing is touched", test_cancel_before),
        TEST("told to stop in the middle, what runs ends whole and nothing else begins", test_cancel_between),
        TEST("endpoints take turns", test_turns_of_endpoints),
        TEST("two hundred thousand acts take linear time", test_many),
    };

    return cmocka_run_group_tests_name("executor", tests, NULL, NULL);
}
