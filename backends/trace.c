#include "backends/trace.h"

#include "backends/trace_codec.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE_MIN_SECRET 4 /* shorter ones are masked at their place only: anywhere else they would be chance */

struct trace {
    const struct backend_ops *ops;
    struct backend *inner;
    char *endpoint;
    int fd;
    struct arena *arena;       /* of the secrets */
    VEC(const char *) secrets; /* as they stand inside a JSON string */
};

const char *trace_inner(const char *endpoint)
{
    const char *colon = endpoint != NULL ? strchr(endpoint, ':') : NULL;

    return colon != NULL && colon[1] != '\0' ? colon + 1 : NULL;
}

/* --- open and close ------------------------------------------------------------------------------------------------ */

static int trace_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    const char *endpoint = trace_inner(conf->endpoint), *file = node_str(node_get(conf->options, "file"));
    const struct backend_ops *inner = endpoint != NULL ? backend_find(endpoint) : NULL;
    struct backend_conf c = *conf;
    struct trace *t;

    if (inner == NULL || inner == &trace_ops)
        return err_set(e, ERR_CONFIG, 0, "endpoint '%s': say what is traced: 'trace:docker'", conf->endpoint);
    if (file == NULL)
        return err_set(e, ERR_CONFIG, 0, "file: the path of the trace is wanted");
    t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    t->ops = &trace_ops;
    t->fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (t->fd < 0) {
        err_sys(e, ERR_IO, errno, "file: %s", file);
        free(t);
        return -1;
    }
    c.endpoint = endpoint;
    c.address = trace_inner(endpoint);
    c.options = node_get(conf->options, "options");
    if (inner->open(&c, &t->inner, e) < 0) {
        close(t->fd);
        free(t);
        return -1;
    }
    t->endpoint = strdup(conf->endpoint);
    if (t->endpoint == NULL)
        abort();
    t->arena = arena_new();
    *ret = (struct backend *)t;
    return 0;
}

static void trace_close(struct backend *b)
{
    struct trace *t = (struct trace *)b;

    if (t == NULL)
        return;
    t->inner->ops->close(t->inner);
    for (size_t i = 0; i < t->secrets.n; i++)
        explicit_bzero((char *)t->secrets.v[i], strlen(t->secrets.v[i]));
    arena_free(t->arena);
    close(t->fd);
    free(t->endpoint);
    free(t);
}

/* --- secrets ------------------------------------------------------------------------------------------------------- */

static void learn(struct trace *t, const char *s, size_t n)
{
    BUF_AUTO quoted = BUF_INIT(1u << 20);

    if (n < TRACE_MIN_SECRET)
        return;
    node_emit_string(&quoted, s, n);
    for (size_t i = 0; i < t->secrets.n; i++)
        if (strncmp(t->secrets.v[i], quoted.s + 1, quoted.n - 2) == 0 && t->secrets.v[i][quoted.n - 2] == '\0')
            return;
    VEC_PUSH(t->arena, &t->secrets, arena_memdup0(t->arena, quoted.s + 1, quoted.n - 2));
    buf_wipe(&quoted);
}

static void learn_node(struct trace *t, const struct node *n)
{
    if (n == NULL)
        return;
    if (n->kind == NODE_STRING && n->secret)
        learn(t, n->s, n->s_n);
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++)
        learn_node(t, n->items[i]);
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        learn_node(t, n->members[i].value);
}

static void learn_fields(struct trace *t, struct fields f)
{
    for (size_t i = 0; i < f.n; i++)
        if (f.v[i].sensitive)
            learn(t, f.v[i].value, strlen(f.v[i].value));
}

static void learn_desired(struct trace *t, const struct desired *d, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        learn_node(t, d[i].create);
        learn_fields(t, d[i].fields);
    }
}

/* Writes the line with every secret taken out. */
static void scrub(struct trace *t, struct buf *to, const char *line, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t hit = 0;

        for (size_t i = 0; i < t->secrets.n; i++) {
            size_t len = strlen(t->secrets.v[i]);

            if (len > hit && len <= n - at && memcmp(line + at, t->secrets.v[i], len) == 0)
                hit = len;
        }
        if (hit > 0)
            buf_puts(to, "(sensitive)");
        else
            buf_putc(to, line[at]);
        at += hit > 0 ? hit : 1;
    }
}

/* --- lines --------------------------------------------------------------------------------------------------------- */

/* result NULL: it failed with e. */
static void record(struct trace *t, struct arena *a, const char *call, struct node *request, struct node *result,
                   const struct err *e)
{
    struct node *line = node_object(a);
    BUF_AUTO text = BUF_INIT(256u << 20);
    BUF_AUTO clean = BUF_INIT(256u << 20);

    node_set(a, line, "call", node_string(a, call));
    node_set(a, line, "request", request);
    if (result != NULL)
        node_set(a, line, "result", result);
    if (e != NULL)
        node_set(a, line, "error", trace_error(a, e));
    node_emit(&text, line, 0, NODE_EMIT_REDACT);
    scrub(t, &clean, buf_str(&text), text.n);
    buf_putc(&clean, '\n');
    for (size_t at = 0; at < clean.n;) {
        ssize_t n = write(t->fd, clean.s + at, clean.n - at); /* in one piece, but for a full disk */

        if (n < 0 && errno != EINTR)
            break;
        at += n > 0 ? (size_t)n : 0;
    }
    buf_wipe(&text);
}

static int trace_probe(struct backend *b, const struct call *c, struct backend_info *ret, struct err *e)
{
    struct trace *t = (struct trace *)b;
    ARENA_AUTO a = arena_new();
    int r = t->inner->ops->probe(t->inner, c, ret, e);

    record(t, a, "probe", trace_request_probe(a), r == 0 ? trace_result_probe(a, ret) : NULL, r == 0 ? NULL : e);
    return r;
}

static int trace_observe(struct backend *b, struct arena *arena, const struct observe_req *req, const struct call *c,
                         struct observation *ret, struct err *e)
{
    struct trace *t = (struct trace *)b;
    ARENA_AUTO a = arena_new();
    struct observation o = {0};
    int r;

    learn_desired(t, req->desired, req->n_desired);
    r = t->inner->ops->observe(t->inner, arena, req, c, &o, e);
    for (size_t i = 0; r == 0 && i < o.n; i++) {
        learn_fields(t, o.v[i].fields);
        o.v[i].endpoint = arena_strdup(arena, t->endpoint);
    }
    record(t, a, "observe", trace_request_observe(a, req), r == 0 ? trace_result_observe(a, &o, req) : NULL, r == 0 ? NULL : e);
    if (r < 0)
        return -1;
    o.endpoint = arena_strdup(arena, t->endpoint);
    *ret = o;
    return 0;
}

static int trace_look(struct backend *b, struct arena *arena, const char *id, const char *name, const struct call *c,
                      struct observed *ret, struct err *e)
{
    struct trace *t = (struct trace *)b;
    ARENA_AUTO a = arena_new();
    struct observed o = {0};
    int r = t->inner->ops->look(t->inner, arena, id, name, c, &o, e);

    if (r == 0)
        learn_fields(t, o.fields);
    record(t, a, "look", trace_request_look(a, id, name), r == 0 ? trace_result_look(a, &o) : NULL, r == 0 ? NULL : e);
    if (r < 0)
        return -1;
    o.endpoint = arena_strdup(arena, t->endpoint);
    *ret = o;
    return 0;
}

static int trace_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    const char *endpoint = trace_inner(d->endpoint);
    const struct backend_ops *inner = endpoint != NULL ? backend_find(endpoint) : NULL;
    struct desired copy = *d;

    if (inner == NULL || inner == &trace_ops)
        return err_set(e, ERR_CONFIG, 0, "endpoint: '%s': say what is traced: 'trace:docker'", d->endpoint);
    copy.endpoint = endpoint;
    return inner->check(a, &copy, ret, e);
}

static int trace_apply(struct backend *b, struct arena *arena, const struct backend_act *act, const struct call *c,
                       struct act_result *ret, struct err *e)
{
    struct trace *t = (struct trace *)b;
    ARENA_AUTO a = arena_new();
    struct act_result res = {0};
    bool has_result;
    int r;

    if (act->want != NULL)
        learn_desired(t, act->want, 1);
    for (size_t i = 0; i < act->n_changes; i++)
        if (act->changes[i].sensitive && act->changes[i].from != NULL)
            learn(t, act->changes[i].from, strlen(act->changes[i].from));
    r = t->inner->ops->apply(t->inner, arena, act, c, &res, e);
    has_result = r == 0 || (e->class == ERR_REFUSED && res.setup_status != 0);
    record(t, a, "apply", trace_request_apply(a, act), has_result ? trace_result_apply(a, &res) : NULL, r == 0 ? NULL : e);
    if (has_result)
        *ret = res;
    return r;
}

static int trace_exec(struct backend *b, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e)
{
    struct trace *t = (struct trace *)b;
    ARENA_AUTO a = arena_new();
    int r = t->inner->ops->exec != NULL ? t->inner->ops->exec(t->inner, req, c, ret_status, e)
                                        : err_set(e, ERR_UNSUPPORTED, 0, "%s has no exec", t->inner->ops->name);

    record(t, a, "exec", trace_request_exec(a, req), r == 0 ? node_number(a, *ret_status) : NULL, r == 0 ? NULL : e);
    return r;
}

struct trace_hints {
    void (*on_hint)(void *ctx);
    void *ctx;
    unsigned n;
};

static void count_hint(void *ctx)
{
    struct trace_hints *h = ctx;

    h->n++;
    h->on_hint(h->ctx);
}

static int trace_follow(struct backend *b, void (*on_hint)(void *ctx), void *ctx, const struct call *c, struct err *e)
{
    struct trace *t = (struct trace *)b;
    ARENA_AUTO a = arena_new();
    struct trace_hints h = {.on_hint = on_hint, .ctx = ctx};
    int r = t->inner->ops->follow != NULL ? t->inner->ops->follow(t->inner, count_hint, &h, c, e)
                                          : err_set(e, ERR_UNSUPPORTED, 0, "%s has no events", t->inner->ops->name);

    record(t, a, "follow", node_object(a), node_number(a, h.n), r == 0 ? NULL : e);
    return r;
}

const struct backend_ops trace_ops = {
    .name = "trace",
    .open = trace_open,
    .probe = trace_probe,
    .observe = trace_observe,
    .look = trace_look,
    .check = trace_check,
    .apply = trace_apply,
    .exec = trace_exec,
    .follow = trace_follow,
    .close = trace_close,
};
