#include "reconciler/follow.h"

#include "reconciler/host.h"
#include "spec/base/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS  5000  /* how late an engine's return is noticed; asking a socket that nobody serves costs nothing */
#define STEADY_MS        10000 /* a stream that lived so long begins its backoff anew */

struct stream {
    struct follow *owner;
    char *endpoint;
    atomic_bool cancel;
    atomic_bool heard; /* it was armed since it was last opened */
    int cancel_fd;     /* readable once cancel is set, so that nobody needs to look */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* ends a backoff early, for cancel */
    struct stream *next;
};

struct follow {
    const struct endpoint_opener *opener;
    int wake_fd;
    struct stream *streams;
};

static void on_hint(void *ctx)
{
    struct stream *s = ctx;
    const uint64_t one = 1;

    atomic_store(&s->heard, true);
    /* A full counter is a pending wake-up, too. */
    (void)!write(s->owner->wake_fd, &one, sizeof one);
}

static void wait_ms(struct stream *s, int64_t ms)
{
    struct timespec until;
    int64_t at = host_monotonic_ms() + ms;

    until.tv_sec = (time_t)(at / 1000);
    until.tv_nsec = (long)(at % 1000 * 1000000);
    pthread_mutex_lock(&s->mutex);
    while (!atomic_load(&s->cancel) && pthread_cond_timedwait(&s->wake, &s->mutex, &until) == 0)
        ;
    pthread_mutex_unlock(&s->mutex);
}

static void *follow_stream(void *arg)
{
    struct stream *s = arg;
    int64_t backoff = BACKOFF_FIRST_MS;

    while (!atomic_load(&s->cancel)) {
        const struct call call = {.timeout_ms = INT32_MAX, .cancel = &s->cancel, .wake_fd = s->cancel_fd};
        int64_t began = host_monotonic_ms();
        struct backend *b = NULL;
        struct err e = {0};

        atomic_store(&s->heard, false);
        if (endpoint_open(s->owner->opener, s->endpoint, &b, &e) == 0)
            (void)b->ops->follow(b, on_hint, s, &call, &e);
        endpoint_closep(&b);
        if (atomic_load(&s->cancel))
            break;
        /* That it ended is news, too. */
        if (atomic_load(&s->heard))
            on_hint(s);
        if (host_monotonic_ms() - began >= STEADY_MS)
            backoff = BACKOFF_FIRST_MS;
        wait_ms(s, backoff);
        backoff = backoff < BACKOFF_MOST_MS / 2 ? 2 * backoff : BACKOFF_MOST_MS;
    }
    return NULL;
}

struct follow *follow_new(const struct endpoint_opener *opener, int wake_fd)
{
    struct follow *f = calloc(1, sizeof *f);

    if (!f)
        abort();
    f->opener = opener;
    f->wake_fd = wake_fd;
    return f;
}

static void discard(struct stream *s)
{
    if (s->cancel_fd > 0)
        (void)close(s->cancel_fd);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->mutex);
    free(s->endpoint);
    free(s);
}

static void start(struct follow *f, const char *endpoint)
{
    struct stream *s = calloc(1, sizeof *s);
    pthread_condattr_t attr;

    if (!s || !(s->endpoint = strdup(endpoint)))
        abort();
    s->owner = f;
    s->cancel_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->cancel_fd < 0)
        s->cancel_fd = 0; /* it is looked for, then */
    pthread_mutex_init(&s->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&s->thread, NULL, follow_stream, s) != 0) {
        /* Without the stream the slow audit still finds what changes. */
        discard(s);
        return;
    }
    s->next = f->streams;
    f->streams = s;
}

static void stop(struct stream *s)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&s->mutex);
    atomic_store(&s->cancel, true);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    if (s->cancel_fd > 0)
        (void)!write(s->cancel_fd, &one, sizeof one);
    (void)pthread_join(s->thread, NULL);
    discard(s);
}

void follow_set(struct follow *f, const char *const *endpoints, size_t n)
{
    for (struct stream **at = &f->streams; *at;) {
        struct stream *s = *at;
        bool kept = false;

        for (size_t i = 0; i < n && !kept; i++)
            kept = strcmp(endpoints[i], s->endpoint) == 0;
        if (kept) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        stop(s);
    }
    for (size_t i = 0; i < n; i++) {
        const struct backend_ops *ops = backend_find(endpoints[i]);
        bool there = !ops || !ops->follow; /* nothing would ever be heard */

        for (const struct stream *s = f->streams; s && !there; s = s->next)
            there = strcmp(endpoints[i], s->endpoint) == 0;
        if (!there)
            start(f, endpoints[i]);
    }
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    follow_set(f, NULL, 0);
    free(f);
}
