#include "reconciler/observe.h"

#include <pthread.h>
#include <stdlib.h>

struct job {
    const struct endpoint_opener *opener;
    struct observe_one *one;
    const atomic_bool *cancel;
    pthread_t thread;
    bool started;
};

static void *observe_one(void *arg)
{
    struct job *job = arg;
    struct observe_one *one = job->one;
    const struct call call = {.timeout_ms = one->timeout_ms, .cancel = job->cancel};
    struct backend *b = NULL;
    struct err e = {0};
    bool seen = endpoint_open(job->opener, one->endpoint, &b, &e) == 0 &&
                b->ops->observe(b, one->arena, &one->req, &call, &one->seen, &e) == 0;

    if (seen)
        one->seen.can_save = b->ops->save != NULL;
    endpoint_close(job->opener, b);
    if (seen)
        return NULL;
    one->timed_out = e.class == ERR_TIMEOUT;
    one->seen = (struct observation){.endpoint = one->endpoint, .why = arena_strdup(one->arena, e.msg)};
    return NULL;
}

void observe_all(const struct endpoint_opener *o, struct observe_one *v, size_t n, const atomic_bool *cancel)
{
    struct job *jobs = calloc(n ? n : 1, sizeof *jobs);

    if (!jobs)
        abort();
    for (size_t i = 0; i < n; i++) {
        v[i].arena = arena_new();
        jobs[i] = (struct job){.opener = o, .one = &v[i], .cancel = cancel};
        /* The last one needs no thread: most rounds have one endpoint. */
        if (i + 1 < n)
            jobs[i].started = pthread_create(&jobs[i].thread, NULL, observe_one, &jobs[i]) == 0;
        if (!jobs[i].started)
            (void)observe_one(&jobs[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (jobs[i].started)
            (void)pthread_join(jobs[i].thread, NULL);
    free(jobs);
}
