#include "reconciler/stream.h"

#include "reconciler/host.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE_MS 50

struct stream {
    int in, out; /* read from, written to */
    int64_t end_ms;
    const struct call *c;
    atomic_bool broken; /* what was written is not whole, and never will be */
    atomic_bool left;   /* nobody reads any more */
    int (*take)(void *ctx, const struct tree_stream *from, struct err *e);
    void *ctx;
    int taken;
    struct err why; /* of taken < 0 */
};

static int wait_for(struct stream *s, int fd, short events, struct err *e)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};

        if (s->c->cancel && atomic_load(s->c->cancel))
            return err_set(e, ERR_CANCELLED, 0, "reading a tree: told to stop");
        if (host_monotonic_ms() >= s->end_ms)
            return err_set(e, ERR_TIMEOUT, 0, "reading a tree: no end after %d ms", s->c->timeout_ms);
        if (poll(&p, 1, SLICE_MS) > 0)
            return 0;
    }
}

static int take_some(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{
    struct stream *s = ctx;

    for (;;) {
        ssize_t n;

        if (wait_for(s, s->in, POLLIN, e) < 0)
            return -1;
        n = recv(s->in, p, max, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "reading a tree");
        if (n == 0 && atomic_load(&s->broken))
            return err_set(e, ERR_UNAVAILABLE, 0, "reading a tree: it ended too early");
        *ret_n = (size_t)n;
        return 0;
    }
}

static int put_some(void *ctx, const void *p, size_t n, struct err *e)
{
    struct stream *s = ctx;
    const char *at = p;

    while (n > 0) {
        ssize_t put;

        if (wait_for(s, s->out, POLLOUT, e) < 0)
            return -1;
        put = send(s->out, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (put < 0) {
            atomic_store(&s->left, true);
            return err_sys(e, ERR_IO, errno, "passing a tree on");
        }
        at += put;
        n -= (size_t)put;
    }
    return 0;
}

static void *run_take(void *ctx)
{
    struct stream *s = ctx;
    const struct tree_stream from = {.read = take_some, .ctx = s};

    s->taken = s->take(s->ctx, &from, &s->why);
    (void)shutdown(s->in, SHUT_RD);
    return NULL;
}

int stream_save(struct backend *b, const char *id, const char *name,
                int (*take)(void *ctx, const struct tree_stream *from, struct err *e), void *ctx, const struct call *c,
                struct err *e)
{
    struct stream s = {.c = c, .end_ms = host_monotonic_ms() + c->timeout_ms, .take = take, .ctx = ctx};
    struct err saved = {0};
    pthread_t thread;
    int fds[2], rc;

    if (!b->ops->save)
        return err_set(e, ERR_UNSUPPORTED, 0, "%s cannot save what '%s' holds", b->ops->name, name);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_sys(e, ERR_IO, errno, "reading a tree");
    s.in = fds[0];
    s.out = fds[1];
    rc = pthread_create(&thread, NULL, run_take, &s);
    if (rc == 0) {
        rc = b->ops->save(b, id, name, put_some, &s, c, &saved);
        if (rc < 0)
            atomic_store(&s.broken, true);
        (void)shutdown(s.out, SHUT_WR);
        (void)pthread_join(thread, NULL);
    } else {
        (void)err_sys(&saved, ERR_IO, rc, "reading a tree: starting a thread");
    }
    (void)close(s.in);
    (void)close(s.out);
    if (rc != 0 && !atomic_load(&s.left)) {
        *e = saved;
        return -1;
    }
    if (s.taken < 0) {
        *e = s.why;
        return -1;
    }
    if (rc == 0)
        return 0;
    *e = saved;
    return -1;
}
