#include "backends/docker_private.h"

#include "backends/engine_exec.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static char *must_strdup(const char *s)
{
    char *p = strdup(s ? s : "");
    if (!p)
        abort();
    return p;
}

static void docker_close(struct backend *b)
{
    struct docker *dk = (struct docker *)b;
    if (!dk)
        return;
    engine_close(dk->en);
    free(dk->endpoint);
    free(dk->install);
    free(dk);
}

static int open_as(const struct backend_ops *ops, const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    struct engine *en;
    if (engine_open(conf->address, conf->tls_dir, conf->tls_verify, &en, e) < 0)
        return err_wrap(e, "%s", conf->endpoint);
    struct docker *dk = calloc(1, sizeof *dk);
    if (!dk)
        abort();
    engine_expect(en, ops == &podman_ops ? ENGINE_PODMAN : ENGINE_DOCKER);
    dk->base.ops = ops;
    dk->en = en;
    dk->endpoint = must_strdup(conf->endpoint);
    dk->install = must_strdup(conf->install);
    *ret = &dk->base;
    return 0;
}

static int docker_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    return open_as(&docker_ops, conf, ret, e);
}

static int podman_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    struct backend_conf own = *conf;
    if (!own.address)
        own.address = PODMAN_DEFAULT_ADDRESS;
    return open_as(&podman_ops, &own, ret, e);
}

int docker_greet(struct docker *dk, const struct deadline *d, struct err *e)
{
    if (engine_flavour(dk->en, d, &dk->flavour, e) < 0)
        return -1;
    if (dk->base.ops == &podman_ops && dk->flavour != ENGINE_PODMAN)
        return err_set(e, ERR_UNSUPPORTED, 0, "what answers at %s is not podman", engine_address(dk->en));
    return 0;
}

/* Of its GET /info: whose it is, and what the engine itself says that it cannot do: "WARNING: No swap limit support". */
static void read_info(const json_t *o, struct backend_info *info)
{
    json_t *v;
    size_t i;
    BUF_AUTO text = BUF_INIT(sizeof info->remark - 1);
    info->rootless = json_is_true(json_object_get(o, "Rootless"));
    json_array_foreach(json_object_get(o, "Warnings"), i, v)
    {
        const char *s = json_string_value(v);
        if (!s)
            continue;
        s += text_has_prefix(s, "WARNING: ") ? strlen("WARNING: ") : 0;
        buf_puts(&text, text.n ? "; " : "");
        text_escape(&text, s, strlen(s));
    }
    (void)snprintf(info->remark, sizeof info->remark, "%s", buf_str(&text));
}

/* "4.3.1": 4, 3. What does not begin with two numbers is not known. */
static void read_version(const char *version, struct backend_info *info)
{
    char *end = NULL;
    unsigned long major = strtoul(version, &end, 10);
    if (version[0] < '0' || version[0] > '9' || *end != '.' || end[1] < '0' || end[1] > '9')
        return;
    unsigned long minor = strtoul(end + 1, NULL, 10);
    if (major > UINT_MAX || minor > UINT_MAX)
        return;
    info->major = (unsigned)major;
    info->minor = (unsigned)minor;
}

static int docker_probe(struct backend *b, const struct call *c, struct backend_info *ret, struct err *e)
{
    struct docker *dk = (struct docker *)b;
    struct deadline d = deadline_start(c);
    struct engine_version v;
    struct backend_info info = {0};
    struct err why = {0};
    json_t *o = NULL;
    if (engine_version(dk->en, &d, &v, e) < 0 || docker_greet(dk, &d, e) < 0)
        return -1;
    (void)snprintf(info.version, sizeof info.version, "%s%.50s", v.flavour == ENGINE_PODMAN ? "Podman " : "",
                   v.version[0] ? v.version : "(unknown)");
    (void)snprintf(info.api, sizeof info.api, "%s", engine_api(dk->en));
    read_version(v.version, &info);
    if (engine_json(dk->en, "GET", "/info", NULL, &d, &o, &why) == 0) {
        read_info(o, &info);
    } else if (dk->base.ops == &podman_ops) {
        *e = why; /* whether it runs without root must be known */
        return -1;
    }
    json_decref(o);
    *ret = info;
    return 0;
}

int docker_exec(struct backend *b, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e)
{
    struct docker *dk = (struct docker *)b;
    struct deadline d = deadline_start(c);
    return engine_exec(dk->en,
                       &(struct engine_exec_req){.id = req->id ? req->id : req->name,
                                                 .argv = req->argv,
                                                 .workdir = req->workdir,
                                                 .tty = req->tty,
                                                 .fd_in = req->fd_in,
                                                 .fd_out = req->fd_out,
                                                 .fd_err = req->fd_err},
                       &d, ret_status, e);
}

/* --- follow ----------------------------------------------------------------------------------------------------------------- */

struct follow {
    void (*on_hint)(void *ctx);
    void *ctx;
};

/* A stranger's containers are no news. Tags are, whoever moved them. */
static int on_event(void *ctx, json_t *item, struct err *e)
{
    struct follow *f = ctx;
    const char *type = engine_text(item, "Type");
    const json_t *labels = json_object_get(json_object_get(item, "Actor"), "Attributes");
    if (text_eq(type, "image") || engine_text(labels, LABEL_OUR_INSTALL) || engine_text(labels, LABEL_SANDBOX))
        f->on_hint(f->ctx);
    return 0;
}

struct events {
    struct engine_stream stream;
    struct follow *f;
    bool armed;
};

static int feed_events(void *ctx, const char *p, size_t n, struct err *e)
{
    return engine_stream_feed(&((struct events *)ctx)->stream, p, n, e);
}

static void on_head(void *ctx)
{
    struct events *x = ctx;
    x->f->on_hint(x->f->ctx);
}

int docker_follow(struct backend *b, void (*on_hint)(void *ctx), void *ctx, const struct call *c, struct err *e)
{
    struct docker *dk = (struct docker *)b;
    struct deadline d = {.end_ms = INT64_MAX, .cancel = c->cancel};
    struct follow f = {on_hint, ctx};
    struct events x = {.f = &f};
    BUF_AUTO path = BUF_INIT(4096);
    buf_puts(&path, "/events?filters=");
    engine_escape(&path,
                  "{\"type\":[\"container\",\"image\"],\"event\":[\"create\",\"start\",\"die\",\"destroy\",\"update\",\"rename\","
                  "\"pause\",\"unpause\",\"tag\",\"untag\",\"delete\",\"import\",\"load\",\"pull\","
                  /* podman's own names, by which it filters */
                  "\"died\",\"remove\",\"loadfromarchive\",\"build\"]}",
                  "");
    engine_stream_init(&x.stream, ENGINE_LINES, on_event, &f);
    struct engine_req req = {
        .method = "GET", .path = buf_str(&path), .on_head = on_head, .on_body = feed_events, .ctx = &x, .wake_fd = c->wake_fd};
    int rc = engine_call(dk->en, &req, &d, NULL, e);
    engine_stream_free(&x.stream);
    if (rc < 0 && e->class == ERR_CANCELLED)
        return 0;
    return rc < 0 ? -1 : err_set(e, ERR_UNAVAILABLE, 0, "GET /events: the engine ended the stream");
}

const struct backend_ops docker_ops = {
    .name = "docker",
    .open = docker_open,
    .probe = docker_probe,
    .observe = docker_observe,
    .look = docker_look,
    .check = docker_check,
    .apply = docker_apply,
    .exec = docker_exec,
    .follow = docker_follow,
    .close = docker_close,
};

const struct backend_ops podman_ops = {
    .name = "podman",
    .open = podman_open,
    .probe = docker_probe,
    .observe = docker_observe,
    .look = docker_look,
    .check = docker_check_podman,
    .apply = docker_apply,
    .exec = docker_exec,
    .follow = docker_follow,
    .close = docker_close,
};
