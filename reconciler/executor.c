#include "reconciler/executor.h"

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

enum progress { WAITING, RUNNING, ENDED };

struct pool {
    const struct plan *plan;
    const struct executor_conf *conf;
    struct act_ended *ended;
    enum progress *state;
    pthread_mutex_t mutex;
    pthread_cond_t changed;       /* an act ended, or the grace is over */
    size_t running[THREADS_MOST]; /* indices of acts */
    size_t n_running, n_left;
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

static bool is_cancelled(const struct pool *p)
{
    return p->conf->cancel && atomic_load(p->conf->cancel);
}

static bool is_act(const struct act *act)
{
    return act->kind != ACT_HOLD && act->kind != ACT_REPORT;
}

/* How many acts may run at a time on the endpoint of this one. */
static unsigned limit_of(const struct pool *p, const struct act *act)
{
    unsigned limit = p->conf->concurrency ? p->conf->concurrency : CONCURRENCY_DEFAULT;

    if (act->want && act->want->policy.concurrency > 0 && act->want->policy.concurrency < limit)
        limit = act->want->policy.concurrency;
    return limit;
}

/* Whether act i may start now. What it waits for and that will not come is told in *ret_lost. */
static bool may_start(const struct pool *p, size_t i, const struct act **ret_lost)
{
    const struct act *act = &p->plan->acts[i];
    unsigned running = 0;

    for (size_t k = 0; k < act->n_after; k++) {
        size_t before = act->after[k];

        if (p->state[before] != ENDED)
            return false;
        if (p->ended[before].end != ACT_ENDED_DONE) {
            *ret_lost = &p->plan->acts[before];
            return true;
        }
    }
    for (size_t k = 0; k < p->n_running; k++) {
        const struct act *other = &p->plan->acts[p->running[k]];

        if (strcmp(other->endpoint, act->endpoint) != 0)
            continue;
        running++;
        if (strcmp(other->name, act->name) == 0)
            return false;
    }
    return running < limit_of(p, act);
}

static void end_act(struct pool *p, size_t i, const struct act_ended *ended)
{
    p->ended[i] = *ended;
    p->state[i] = ENDED;
    p->n_left--;
    pthread_cond_broadcast(&p->changed);
}

/* The first act that may start, marked as running; SIZE_MAX where there is none now. */
static size_t take(struct pool *p)
{
    for (size_t i = 0; i < p->plan->n_acts; i++) {
        const struct act *lost = NULL;

        if (p->state[i] != WAITING)
            continue;
        if (is_cancelled(p)) {
            struct act_ended ended = {.end = ACT_ENDED_CANCELLED};

            err_set(&ended.err, ERR_CANCELLED, 0, "told to stop before it began");
            end_act(p, i, &ended);
            continue;
        }
        if (!may_start(p, i, &lost))
            continue;
        if (lost) {
            struct act_ended ended = {.end = ACT_ENDED_HELD};

            err_set(&ended.err, ERR_REFUSED, 0, "waits for the %s of %s/%s, which did not succeed", act_kind_name(lost->kind),
                    lost->endpoint, lost->name);
            end_act(p, i, &ended);
            /* Others may wait for this one: from the beginning. */
            i = (size_t)-1;
            continue;
        }
        p->state[i] = RUNNING;
        p->running[p->n_running++] = i;
        return i;
    }
    return SIZE_MAX;
}

static void *work(void *arg)
{
    struct pool *p = arg;
    struct steps steps = {.conf = p->conf, .cancel = &p->hard_cancel};

    pthread_mutex_lock(&p->mutex);
    while (p->n_left > 0) {
        struct act_ended ended = {0};
        size_t i = take(p);

        if (i == SIZE_MAX) {
            if (p->n_left > 0)
                pthread_cond_wait(&p->changed, &p->mutex);
            continue;
        }
        pthread_mutex_unlock(&p->mutex);
        steps_run(&steps, &p->plan->acts[i], &ended);
        pthread_mutex_lock(&p->mutex);
        for (size_t k = 0; k < p->n_running; k++)
            if (p->running[k] == i)
                p->running[k--] = p->running[--p->n_running];
        end_act(p, i, &ended);
    }
    p->active_threads--;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
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
static void supervise(struct pool *p)
{
    int after_cancel_ms = 0;

    pthread_mutex_lock(&p->mutex);
    while (p->active_threads > 0) {
        struct timespec ts;

        in_ms(&ts, CANCEL_LOOK_MS);
        if (pthread_cond_timedwait(&p->changed, &p->mutex, &ts) != ETIMEDOUT || !is_cancelled(p))
            continue;
        after_cancel_ms += CANCEL_LOOK_MS;
        if (after_cancel_ms >= EXECUTOR_GRACE_MS)
            atomic_store(&p->hard_cancel, true);
        pthread_cond_broadcast(&p->changed); /* those that wait end what has not begun */
    }
    pthread_mutex_unlock(&p->mutex);
}

void executor_run(const struct plan *plan, const struct executor_conf *conf, struct act_ended *ret)
{
    struct pool p = {.plan = plan, .conf = conf, .ended = ret};
    unsigned wanted = conf->threads ? conf->threads : EXECUTOR_THREADS;
    pthread_t threads[THREADS_MOST];
    pthread_condattr_t attr;
    unsigned n = 0;

    p.state = calloc(plan->n_acts ? plan->n_acts : 1, sizeof *p.state);
    if (!p.state)
        abort();
    for (size_t i = 0; i < plan->n_acts; i++) {
        ret[i] = (struct act_ended){0};
        p.state[i] = is_act(&plan->acts[i]) ? WAITING : ENDED;
        p.n_left += is_act(&plan->acts[i]);
    }
    if (wanted > p.n_left)
        wanted = (unsigned)p.n_left;
    if (wanted > THREADS_MOST)
        wanted = THREADS_MOST;
    pthread_mutex_init(&p.mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p.changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_lock(&p.mutex);
    while (n < wanted && pthread_create(&threads[n], NULL, work, &p) == 0) {
        n++;
        p.active_threads++;
    }
    pthread_mutex_unlock(&p.mutex);
    if (n == 0 && p.n_left > 0) {
        /* No thread to be had: this one does the work. */
        p.active_threads = 1;
        (void)work(&p);
    }
    supervise(&p);
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    pthread_cond_destroy(&p.changed);
    pthread_mutex_destroy(&p.mutex);
    free(p.state);
}
