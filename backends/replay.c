#include "backends/replay.h"

#include "backends/deadline.h"
#include "backends/trace.h"
#include "backends/trace_codec.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One trace under way, shared by the handles of one endpoint name. */
struct tape {
    struct tape *next;
    char *endpoint;
    const char *file;
    unsigned handles;
    pthread_mutex_t mutex;
    struct arena *arena; /* of all below */
    struct replay_line *lines;
    size_t n;
};

static pthread_mutex_t tapes_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct tape *tapes;

struct replay {
    const struct backend_ops *ops;
    struct tape *tape;
};

/* --- decoding ------------------------------------------------------------------------------------------------------ */

static int line_decode(struct arena *a, const char *bytes, size_t n, struct replay_line *ret, struct err *e)
{
    static const char *const calls[] = {"probe", "observe", "look", "apply", "exec", "follow"};
    const struct node *root = json_read_err(a, "trace", bytes, n, e);
    struct replay_line l = {.number = ret->number};
    bool known = false;

    if (root == NULL)
        return -1;
    l.call = node_str(node_get(root, "call"));
    l.request = node_get(root, "request");
    l.result = node_get(root, "result");
    l.error = node_get(root, "error");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        known = known || text_eq(l.call, calls[i]);
    if (!known || !node_is(l.request, NODE_OBJECT) || (l.result == NULL && l.error == NULL))
        return err_set(e, ERR_INPUT, 0, "no call with its request and what came of it");
    l.lane = trace_lane(l.request);
    *ret = l;
    return 0;
}

int replay_decode(struct arena *a, const char *bytes, size_t n, struct replay_line **ret, size_t *ret_n, struct err *e)
{
    VEC(struct replay_line) lines = {0};
    unsigned number = 0;

    if (n > REPLAY_MAX_BYTES)
        return err_set(e, ERR_INPUT, 0, "larger than %u bytes", REPLAY_MAX_BYTES);
    for (size_t at = 0; at < n;) {
        const char *end = memchr(bytes + at, '\n', n - at);
        size_t len = end != NULL ? (size_t)(end - bytes) - at : n - at;

        number++;
        if (len > 0) {
            struct replay_line l = {.number = number};

            if (line_decode(a, bytes + at, len, &l, e) < 0)
                return err_wrap(e, "line %u", number);
            VEC_PUSH(a, &lines, l);
        }
        at += len + 1;
    }
    *ret = lines.v;
    *ret_n = lines.n;
    return 0;
}

/* --- open and close ------------------------------------------------------------------------------------------------ */

static int file_read(struct arena *a, const char *file, char **ret, size_t *ret_n, struct err *e)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), sys;
    struct stat st;
    size_t n = 0;
    ssize_t r = 1;
    char *bytes;

    if (fd < 0)
        return err_sys(e, ERR_CONFIG, errno, "file: %s", file);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > REPLAY_MAX_BYTES) {
        close(fd);
        return err_set(e, ERR_CONFIG, 0, "file: %s: no regular file of at most %u bytes", file, REPLAY_MAX_BYTES);
    }
    bytes = arena_alloc(a, (size_t)st.st_size + 1);
    while (n < (size_t)st.st_size && r > 0) {
        r = read(fd, bytes + n, (size_t)st.st_size - n);
        n += r > 0 ? (size_t)r : 0;
    }
    sys = errno;
    close(fd);
    if (r < 0)
        return err_sys(e, ERR_IO, sys, "file: %s", file);
    *ret = bytes;
    *ret_n = n;
    return 0;
}

static void tape_free(struct tape *t)
{
    pthread_mutex_destroy(&t->mutex);
    arena_free(t->arena);
    free(t->endpoint);
    free(t);
}

static struct tape *tape_load(const char *endpoint, const char *file, struct err *e)
{
    struct tape *t = calloc(1, sizeof *t);
    char *bytes = NULL;
    size_t n = 0;

    if (t == NULL || (t->endpoint = strdup(endpoint)) == NULL)
        abort();
    pthread_mutex_init(&t->mutex, NULL);
    t->arena = arena_new();
    t->file = arena_strdup(t->arena, file);
    if (file_read(t->arena, file, &bytes, &n, e) < 0) {
        tape_free(t);
        return NULL;
    }
    if (replay_decode(t->arena, bytes, n, &t->lines, &t->n, e) < 0) {
        err_wrap(e, "file: %s", file);
        tape_free(t);
        return NULL;
    }
    return t;
}

/* Loads under the registry's mutex: the second handle waits for the first one's reading. */
static struct tape *tape_get(const char *endpoint, const char *file, struct err *e)
{
    struct tape *t;

    pthread_mutex_lock(&tapes_mutex);
    for (t = tapes; t != NULL && !text_eq(t->endpoint, endpoint); t = t->next)
        ;
    if (t == NULL && (t = tape_load(endpoint, file, e)) != NULL) {
        t->next = tapes;
        tapes = t;
    }
    if (t != NULL)
        t->handles++;
    pthread_mutex_unlock(&tapes_mutex);
    return t;
}

static void tape_put(struct tape *t)
{
    struct tape **p;

    pthread_mutex_lock(&tapes_mutex);
    if (--t->handles > 0)
        t = NULL;
    for (p = &tapes; t != NULL && *p != t; p = &(*p)->next)
        ;
    if (t != NULL)
        *p = t->next;
    pthread_mutex_unlock(&tapes_mutex);
    if (t != NULL)
        tape_free(t);
}

static int replay_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    const char *file = node_str(node_get(conf->options, "file"));
    struct replay *b;
    struct tape *t;

    if (trace_inner(conf->endpoint) == NULL || backend_find(trace_inner(conf->endpoint)) == NULL)
        return err_set(e, ERR_CONFIG, 0, "endpoint '%s': say what was traced: 'replay:docker'", conf->endpoint);
    if (file == NULL)
        return err_set(e, ERR_CONFIG, 0, "file: the path of a trace is wanted");
    t = tape_get(conf->endpoint, file, e);
    if (t == NULL)
        return -1;
    b = calloc(1, sizeof *b);
    if (b == NULL)
        abort();
    b->ops = &replay_ops;
    b->tape = t;
    *ret = (struct backend *)b;
    return 0;
}

static void replay_close(struct backend *handle)
{
    struct replay *b = (struct replay *)handle;

    if (b == NULL)
        return;
    tape_put(b->tape);
    free(b);
}

/* --- playing ------------------------------------------------------------------------------------------------------- */

/* Asked and recorded, short enough for a message. */
static const char *short_json(struct arena *a, const struct node *n)
{
    const char *s = node_json(a, n);

    return strlen(s) <= 300 ? s : arena_printf(a, "%.297s...", s);
}

/* What the request would look like read back: numbers and secrets are compared as they are written. */
static const struct node *as_written(struct arena *a, const struct node *request)
{
    BUF_AUTO text = BUF_INIT(64u << 20);
    struct err ignored;

    node_emit(&text, request, 0, NODE_EMIT_REDACT);
    return json_read_err(a, "request", buf_str(&text), text.n, &ignored);
}

/* The next line of the request's lane, if it is this call. NULL with e. */
static const struct replay_line *play(struct replay *b, struct arena *a, const char *call, struct node *request,
                                      const struct call *c, struct err *e)
{
    const struct node *asked = as_written(a, request);
    const char *lane = trace_lane(request);
    struct replay_line *l = NULL;
    struct tape *t = b->tape;

    if (c->cancel != NULL && atomic_load(c->cancel)) {
        err_set(e, ERR_CANCELLED, 0, "replay: cancelled");
        return NULL;
    }
    pthread_mutex_lock(&t->mutex);
    for (size_t i = 0; i < t->n && l == NULL; i++)
        if (!t->lines[i].played && !text_eq(t->lines[i].call, "follow") && text_eq(t->lines[i].lane, lane))
            l = &t->lines[i];
    if (l == NULL) {
        err_set(e, ERR_INPUT, 0, "replay of %s: asked: %s %s; nothing more is recorded of '%s'", t->file, call,
                short_json(a, asked), lane);
    } else if (!text_eq(l->call, call) || !node_equal(l->request, asked)) {
        err_set(e, ERR_INPUT, 0, "replay of %s: asked: %s %s; recorded in line %u: %s %s", t->file, call, short_json(a, asked),
                l->number, l->call, short_json(a, l->request));
        l = NULL;
    } else {
        l->played = true;
    }
    pthread_mutex_unlock(&t->mutex);
    return l;
}

static int replay_bad(const struct replay *b, const struct replay_line *l, struct err *e)
{
    return err_wrap(e, "replay of %s: line %u", b->tape->file, l->number);
}

static int replay_probe(struct backend *handle, const struct call *c, struct backend_info *ret, struct err *e)
{
    struct replay *b = (struct replay *)handle;
    ARENA_AUTO a = arena_new();
    const struct replay_line *l = play(b, a, "probe", trace_request_probe(a), c, e);

    if (l == NULL)
        return -1;
    if (l->error != NULL)
        return trace_decode_error(l->error, e);
    return trace_decode_probe(l->result, ret, e) < 0 ? replay_bad(b, l, e) : 0;
}

static int replay_observe(struct backend *handle, struct arena *arena, const struct observe_req *req, const struct call *c,
                          struct observation *ret, struct err *e)
{
    struct replay *b = (struct replay *)handle;
    ARENA_AUTO a = arena_new();
    const struct replay_line *l = play(b, a, "observe", trace_request_observe(a, req), c, e);

    if (l == NULL)
        return -1;
    if (l->error != NULL)
        return trace_decode_error(l->error, e);
    return trace_decode_observe(arena, l->result, req, b->tape->endpoint, ret, e) < 0 ? replay_bad(b, l, e) : 0;
}

static int replay_look(struct backend *handle, struct arena *arena, const char *id, const char *name, const struct call *c,
                       struct observed *ret, struct err *e)
{
    struct replay *b = (struct replay *)handle;
    ARENA_AUTO a = arena_new();
    const struct replay_line *l = play(b, a, "look", trace_request_look(a, id, name), c, e);

    if (l == NULL)
        return -1;
    if (l->error != NULL)
        return trace_decode_error(l->error, e);
    return trace_decode_look(arena, l->result, b->tape->endpoint, ret, e) < 0 ? replay_bad(b, l, e) : 0;
}

static int replay_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    const char *endpoint = trace_inner(d->endpoint);
    const struct backend_ops *inner = endpoint != NULL ? backend_find(endpoint) : NULL;
    struct desired copy = *d;

    if (inner == NULL || inner == &replay_ops)
        return err_set(e, ERR_CONFIG, 0, "endpoint: '%s': say what was traced: 'replay:docker'", d->endpoint);
    copy.endpoint = endpoint;
    return inner->check(a, &copy, ret, e);
}

static int replay_apply(struct backend *handle, struct arena *arena, const struct backend_act *act, const struct call *c,
                        struct act_result *ret, struct err *e)
{
    struct replay *b = (struct replay *)handle;
    ARENA_AUTO a = arena_new();
    const struct replay_line *l = play(b, a, "apply", trace_request_apply(a, act), c, e);
    struct act_result res;

    if (l == NULL)
        return -1;
    if (l->result != NULL && trace_decode_apply(arena, l->result, &res, e) < 0)
        return replay_bad(b, l, e);
    if (l->result != NULL)
        *ret = res;
    return l->error != NULL ? trace_decode_error(l->error, e) : 0;
}

static int replay_exec(struct backend *handle, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e)
{
    struct replay *b = (struct replay *)handle;
    ARENA_AUTO a = arena_new();
    const struct replay_line *l = play(b, a, "exec", trace_request_exec(a, req), c, e);

    if (l == NULL)
        return -1;
    if (l->error != NULL)
        return trace_decode_error(l->error, e);
    if (!node_is(l->result, NODE_NUMBER) || !(l->result->num >= 0 && l->result->num <= 255)) {
        err_set(e, ERR_INPUT, 0, "result: an exit status is wanted");
        return replay_bad(b, l, e);
    }
    *ret_status = (int)l->result->num;
    return 0;
}

static int replay_follow(struct backend *handle, void (*on_hint)(void *ctx), void *ctx, const struct call *c, struct err *e)
{
    struct replay *b = (struct replay *)handle;
    const struct replay_line *l = NULL;
    double hints = 0;

    /* It is written once it has ended, so its place among the others says nothing. */
    pthread_mutex_lock(&b->tape->mutex);
    for (size_t i = 0; i < b->tape->n && l == NULL; i++)
        if (!b->tape->lines[i].played && text_eq(b->tape->lines[i].call, "follow")) {
            b->tape->lines[i].played = true;
            l = &b->tape->lines[i];
        }
    pthread_mutex_unlock(&b->tape->mutex);
    if (l != NULL && node_is(l->result, NODE_NUMBER) && l->result->num <= 1e6)
        hints = l->result->num;
    for (double i = 0; i < hints && !(c->cancel != NULL && atomic_load(c->cancel)); i++)
        on_hint(ctx);
    if (l != NULL && l->error != NULL)
        return trace_decode_error(l->error, e);
    while (!(c->cancel != NULL && atomic_load(c->cancel)))
        poll(NULL, 0, DEADLINE_SLICE_MS);
    return 0;
}

const struct backend_ops replay_ops = {
    .name = "replay",
    .open = replay_open,
    .probe = replay_probe,
    .observe = replay_observe,
    .look = replay_look,
    .check = replay_check,
    .apply = replay_apply,
    .exec = replay_exec,
    .follow = replay_follow,
    .close = replay_close,
};
