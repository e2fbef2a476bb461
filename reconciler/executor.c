#include "reconciler/executor.h"

#include "reconciler/pool.h"
#include "reconciler/steps.h"
#include "spec/base/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONCURRENCY_DEFAULT 4
#define CANCEL_LOOK_MS      100
#define THREADS_MOST        64

struct executor {
    const struct plan *plan;
    const struct executor_conf *conf;
    struct act_ended *ended;
    struct pool *pool;
    const char **silent; /* endpoints that answered none of an act's tries in time: no further act begins there */
    size_t n_silent;
    pthread_mutex_t mutex;
    pthread_cond_t changed;  /* an act ended, or a cancel was seen */
    atomic_bool hard_cancel; /* what running steps look at: set once the grace after a cancel is over */
    unsigned active_threads;
};

const char *act_end_name(enum act_end end)
{
    static const char *const names[ACT_END_COUNT] = {[ACT_ENDED_NONE] = "none",
                                                     [ACT_ENDED_DONE] = "done",
                                                     [ACT_ENDED_FAILED] = "failed",
                                                     [ACT_ENDED_HELD] = "held",
                                                     [ACT_ENDED_CANCELLED] = "cancelled"};

    return names[end];
}

static bool is_cancelled(const struct executor *x)
{
    return x->conf->cancel && atomic_load(x->conf->cancel);
}

static void on_lost(void *ctx, size_t i, size_t before)
{
    struct executor *x = ctx;
    const struct act *act = &x->plan->acts[before];

    x->ended[i] = (struct act_ended){.end = ACT_ENDED_HELD};
    err_set(&x->ended[i].err, ERR_REFUSED, 0, "waits for the %s of %s/%s, which did not succeed", act_kind_name(act->kind),
            act->endpoint, act->name);
}

static void drop_all(struct executor *x)
{
    for (size_t i; (i = pool_drop(x->pool)) != POOL_NONE;) {
        x->ended[i] = (struct act_ended){.end = ACT_ENDED_CANCELLED};
        err_set(&x->ended[i].err, ERR_CANCELLED, 0, "told to stop before it began");
    }
}

static bool is_silent(const struct executor *x, const struct act *act)
{
    for (size_t i = 0; i < x->n_silent; i++)
        if (strcmp(x->silent[i], act->endpoint) == 0)
            return true;
    return false;
}

/* Else each act there would wait for all its deadlines in turn, and the round, which others are in, for all of them. A setup
 * that takes too long says nothing of its endpoint. */
static void note_silent(struct executor *x, const struct act *act, const struct act_ended *ended)
{
    if (ended->end == ACT_ENDED_FAILED && ended->err.class == ERR_TIMEOUT && !(act->want && act->want->setup) &&
        !is_silent(x, act))
        x->silent[x->n_silent++] = act->endpoint;
}

static void hold_back(struct executor *x, size_t i)
{
    x->ended[i] = (struct act_ended){.end = ACT_ENDED_HELD};
    err_set(&x->ended[i].err, ERR_REFUSED, 0, "endpoint %s answered no more: the next round looks again",
            x->plan->acts[i].endpoint);
    pool_end(x->pool, i, false);
    pthread_cond_broadcast(&x->changed);
}

static void *work(void *arg)
{
    struct executor *x = arg;
    struct steps steps = {.conf = x->conf, .cancel = &x->hard_cancel};

    pthread_mutex_lock(&x->mutex);
    while (pool_left(x->pool) > 0) {
        struct act_ended ended = {0};
        size_t i;

        if (is_cancelled(x))
            drop_all(x);
        i = pool_take(x->pool);
        if (i == POOL_NONE) {
            if (pool_left(x->pool) > 0)
                pthread_cond_wait(&x->changed, &x->mutex);
            continue;
        }
        if (is_silent(x, &x->plan->acts[i])) {
            hold_back(x, i);
            continue;
        }
        pthread_mutex_unlock(&x->mutex);
        steps_run(&steps, &x->plan->acts[i], &ended);
        pthread_mutex_lock(&x->mutex);
        x->ended[i] = ended;
        note_silent(x, &x->plan->acts[i], &ended);
        pool_end(x->pool, i, ended.end == ACT_ENDED_DONE);
        pthread_cond_broadcast(&x->changed);
    }
    x->active_threads--;
    pthread_cond_broadcast(&x->changed);
    pthread_mutex_unlock(&x->mutex);
    steps_close(&steps);
    return NULL;
}

static void in_ms(struct timespec *ts, int ms)
{
    clock_gettime(CLOCK_MONOTONIC, ts);
    ts->tv_nsec += (long)ms * 1000000;
    ts->tv_sec += ts->tv_nsec / 1000000000;
    ts->tv_nsec %= 1000000000;
}

/* Waits for the workers, and after a cancel for the grace. */
static void supervise(struct executor *x)
{
    int after_cancel_ms = 0;

    pthread_mutex_lock(&x->mutex);
    while (x->active_threads > 0) {
        struct timespec ts;

        in_ms(&ts, CANCEL_LOOK_MS);
        if (pthread_cond_timedwait(&x->changed, &x->mutex, &ts) != ETIMEDOUT || !is_cancelled(x))
            continue;
        after_cancel_ms += CANCEL_LOOK_MS;
        if (after_cancel_ms >= EXECUTOR_GRACE_MS)
            atomic_store(&x->hard_cancel, true);
        pthread_cond_broadcast(&x->changed); /* those that wait drop what has not begun */
    }
    pthread_mutex_unlock(&x->mutex);
}

static void make_sync(struct executor *x)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&x->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&x->changed, &attr);
    pthread_condattr_destroy(&attr);
}

void executor_run(const struct plan *plan, const struct executor_conf *conf, struct act_ended *ret)
{
    ARENA_AUTO a = arena_new();
    struct executor x = {.plan = plan, .conf = conf, .ended = ret};
    const struct pool_conf pool = {
        .concurrency = conf->concurrency ? conf->concurrency : CONCURRENCY_DEFAULT, .on_lost = on_lost, .ctx = &x};
    size_t wanted = conf->threads ? conf->threads : EXECUTOR_THREADS;
    pthread_t threads[THREADS_MOST];
    unsigned n = 0;

    for (size_t i = 0; i < plan->n_acts; i++)
        ret[i] = (struct act_ended){0};
    x.silent = ARENA_ARRAY(a, const char *, plan->n_acts);
    x.pool = pool_make(a, plan, &pool);
    wanted = wanted < THREADS_MOST ? wanted : THREADS_MOST;
    wanted = wanted < pool_left(x.pool) ? wanted : pool_left(x.pool);
    make_sync(&x);
    pthread_mutex_lock(&x.mutex);
    while (n < wanted && pthread_create(&threads[n], NULL, work, &x) == 0) {
        n++;
        x.active_threads++;
    }
    pthread_mutex_unlock(&x.mutex);
    if (n == 0 && wanted > 0) {
        /* No thread to be had: this one does the work. */
        x.active_threads = 1;
        (void)work(&x);
    }
    supervise(&x);
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    pthread_cond_destroy(&x.changed);
    pthread_mutex_destroy(&x.mutex);
}
