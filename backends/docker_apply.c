#include "backends/docker_podman.h"
#include "backends/docker_private.h"

#include "backends/engine_exec.h"
#include "spec/base/limits.h"

#include <inttypes.h>
#include <string.h>

#define STOP_GRACE_S 10

struct doing {
    struct docker *dk;
    struct arena *a;
    const struct backend_act *act;
    struct deadline d;
};

static int post(const struct doing *x, const char *id, const char *tail, struct err *e)
{
    return engine_call(x->dk->en, &(struct engine_req){.method = "POST", .path = docker_path(x->a, id, tail)}, &x->d, NULL, e);
}

/* The runtime under this id, which must still be what was expected. */
static int verify(const struct doing *x, struct node **ret_item, struct observed *ret, struct err *e)
{
    const struct observed *want = x->act->expect;
    struct observed o;
    if (docker_inspect(x->dk, x->a, x->act->id, NULL, &x->d, ret_item, e) < 0 ||
        docker_decode_inspected(x->a, x->dk, *ret_item, NULL, NULL, &o, e) < 0)
        return -1;
    const char *what = !want                                  ? NULL
                       : want->ownership != o.ownership       ? "its owner's labels"
                       : !text_eq(want->install, o.install)   ? "its install"
                       : !text_eq(want->owner, o.owner)       ? "its owner"
                       : !text_eq(want->name, o.name)         ? "its name"
                       : want->id && !text_eq(want->id, o.id) ? "its id"
                                                              : NULL;
    if (what)
        return err_set(e, ERR_CONFLICT, 0, "container %s is not what was observed (%s changed): left alone", x->act->id, what);
    *ret = o;
    return 0;
}

/* --- create ------------------------------------------------------------------------------------------------------------------
 */

/* Images are never pulled behind the owner's back: the error says how to get it. */
static int missing_image(const struct doing *x, const char *image, struct err *e)
{
    const char *engine = x->dk->flavour == ENGINE_PODMAN ? "podman" : "docker";
    if (text_has_prefix(image, "openclaw-sandbox-browser:"))
        return err_set(e, ERR_NOT_FOUND, 404, "there is no image '%s': build it with OpenClaw's scripts/sandbox-browser-setup.sh",
                       image);
    if (text_has_prefix(image, "openclaw-sandbox"))
        return err_set(e, ERR_NOT_FOUND, 404, "there is no image '%s': build it with OpenClaw's scripts/sandbox-setup.sh", image);
    return err_set(e, ERR_NOT_FOUND, 404, "there is no image '%s': %s pull %s", image, engine, image);
}

/* Docker: "No such image: x:y"; Podman: "x:y: image not known". */
static bool says_no_image(const struct err *e)
{
    return e->class == ERR_NOT_FOUND && (strstr(e->msg, "No such image") || strstr(e->msg, "image not known"));
}

static void take_warnings(const struct doing *x, const json_t *reply, struct act_result *r)
{
    const json_t *list = json_object_get(reply, "Warnings"), *v;
    const char **out = ARENA_ARRAY(x->a, const char *, json_array_size(list));
    size_t i;
    json_array_foreach(list, i, v)
    {
        if (json_is_string(v))
            out[r->n_warnings++] = arena_strdup(x->a, json_string_value(v));
    }
    r->warnings = out;
}

/* The name is taken: by what we would make (then *ret_fresh tells whether it was ever started), or by something else. */
static int adopt(const struct doing *x, const struct err *conflict, struct act_result *r, bool *ret_fresh, struct err *e)
{
    const struct desired *want = x->act->want;
    struct node *item;
    struct observed o;
    struct err why;
    if (docker_inspect(x->dk, x->a, NULL, x->act->name, &x->d, &item, &why) < 0) {
        /* Gone again: whoever had it may come back; look anew. */
        *e = why.class == ERR_NOT_FOUND ? *conflict : why;
        return -1;
    }
    if (docker_decode_inspected(x->a, x->dk, item, NULL, NULL, &o, e) < 0)
        return -1;
    bool same = o.kind == want->kind && o.config_hash && text_eq(o.config_hash, want->config_hash) &&
                (o.ownership == OWN_OPENCLAW ||
                 (o.ownership == OWN_OURS && text_eq(o.install, want->install) && text_eq(o.owner, want->owner)));
    if (!same)
        return err_set(e, ERR_CONFLICT, 409, "the name '%s' is taken by container %.12s, which is %s", x->act->name, o.id,
                       o.ownership == OWN_FOREIGN ? "none of ours" : "another sandbox's or of another config");
    const struct node *state = node_get(item, "State");
    *ret_fresh =
        o.ownership == OWN_OURS && o.state == RUN_STOPPED && docker_time_ms(node_str(node_get(state, "StartedAt"))) == TIME_NONE;
    r->id = o.id;
    return 0;
}

/* Podman without root. */
static int map_user(const struct doing *x, struct node **body, struct err *e)
{
    json_t *o = NULL;
    if (docker_greet(x->dk, &x->d, e) < 0)
        return -1;
    const char *userns = x->dk->flavour == ENGINE_PODMAN ? podman_userns(x->a, *body) : NULL;
    if (!userns)
        return 0;
    if (engine_json(x->dk->en, "GET", "/info", NULL, &x->d, &o, e) < 0)
        return -1;
    if (json_is_true(json_object_get(o, "Rootless"))) {
        const struct node *host = node_get(*body, "HostConfig");
        struct node *own = node_is(host, NODE_OBJECT) ? node_share(x->a, host) : node_object(x->a);
        *body = node_share(x->a, *body);
        node_set(x->a, own, "UsernsMode", node_string(x->a, userns));
        node_set(x->a, *body, "HostConfig", own);
    }
    json_decref(o);
    return 0;
}

static int make(const struct doing *x, struct act_result *r, bool *ret_fresh, struct err *e)
{
    struct node *body;
    if (docker_browser_body(x->dk, x->a, x->act->want, &x->d, &body, e) < 0)
        return -1;
    body = docker_labelled(x->a, x->act->want, body, x->act->created_at_ms);
    if (x->dk->base.ops == &podman_ops && map_user(x, &body, e) < 0)
        return -1;
    const char *image = node_str(node_get(body, "Image"));
    BUF_AUTO path = BUF_INIT(4096);
    buf_puts(&path, "/containers/create?name=");
    engine_escape(&path, x->act->name, "");
    ENGINE_REPLY_AUTO reply = {0};
    struct engine_req req = {.method = "POST", .path = buf_str(&path), .body = node_json(x->a, body)};
    struct err why;
    if (engine_call(x->dk->en, &req, &x->d, &reply, &why) < 0) {
        if (why.class == ERR_CONFLICT)
            return adopt(x, &why, r, ret_fresh, e);
        *e = why;
        return image && says_no_image(e) ? missing_image(x, image, e) : -1;
    }
    json_t *o = json_loadb(buf_str(&reply.body), reply.body.n, JSON_ALLOW_NUL, NULL);
    const char *id = engine_text(o, "Id");
    int rc = docker_is_id(id) ? 0 : err_set(e, ERR_INPUT, 0, "POST /containers/create: the reply has no id");
    if (rc == 0) {
        r->id = arena_strdup(x->a, id);
        take_warnings(x, o, r);
        *ret_fresh = true;
    }
    json_decref(o);
    return rc;
}

static int run_setup(const struct doing *x, struct act_result *r, struct err *e)
{
    BUF_AUTO out = BUF_INIT(LIMIT_OUTPUT_BYTES);
    struct engine_exec_req req = {
        .id = r->id, .argv = (const char *const[]){"/bin/sh", "-lc", x->act->want->setup, NULL}, .fd_in = -1, .output = &out};
    if (engine_exec(x->dk->en, &req, &x->d, &r->setup_status, e) < 0)
        return err_wrap(e, "running the setup");
    for (size_t i = 0; i < out.n; i++)
        if (out.s[i] == '\0')
            out.s[i] = '?';
    r->setup_output = arena_strdup(x->a, buf_str(&out));
    return r->setup_status == 0 ? 0
                                : err_set(e, ERR_REFUSED, r->setup_status, "the setup failed with status %d", r->setup_status);
}

/* The host ports that the engine chose for a running browser. */
static int read_ports(const struct doing *x, struct act_result *r, struct err *e)
{
    struct node *item;
    struct observed o;
    if (docker_inspect(x->dk, x->a, r->id, NULL, &x->d, &item, e) < 0 ||
        docker_decode_inspected(x->a, x->dk, item, NULL, NULL, &o, e) < 0)
        return -1;
    if (o.kind != RUNTIME_BROWSER)
        return 0;
    if (o.cdp_port == 0)
        return err_set(e, ERR_INTERNAL, 0, "the engine tells no host port for the browser's debug port");
    r->cdp_port = o.cdp_port;
    r->no_vnc_port = o.no_vnc_port;
    return 0;
}

static int do_create(const struct doing *x, struct act_result *ret, struct err *e)
{
    const struct desired *want = x->act->want;
    struct act_result r = {0};
    struct fields ignored;
    bool fresh = false;
    if (x->dk->base.ops->check(x->a, want, &ignored, e) < 0 || make(x, &r, &fresh, e) < 0)
        return -1;
    bool setup = fresh && want->setup && !js_is_blank(want->setup);
    if ((want->want == WANT_RUNNING || setup) && post(x, r.id, "/start", e) < 0)
        return err_wrap(e, "starting");
    if (setup && run_setup(x, &r, e) < 0) {
        if (e->class == ERR_REFUSED)
            *ret = r;
        return -1;
    }
    if (want->want == WANT_STOPPED && setup && post(x, r.id, "/stop?t=0", e) < 0)
        return err_wrap(e, "stopping");
    if (want->kind == RUNTIME_BROWSER && want->want == WANT_RUNNING && read_ports(x, &r, e) < 0)
        return -1;
    *ret = r;
    return 0;
}

/* --- the other steps -----------------------------------------------------------------------------------------------------------
 */

static int do_start(const struct doing *x, struct act_result *ret, struct err *e)
{
    struct act_result r = {.id = x->act->id};
    struct node *item;
    struct observed o;
    if ((x->act->expect && verify(x, &item, &o, e) < 0) || post(x, x->act->id, "/start", e) < 0)
        return -1;
    bool browser =
        x->act->want ? x->act->want->kind == RUNTIME_BROWSER : x->act->expect && x->act->expect->kind == RUNTIME_BROWSER;
    if (browser && read_ports(x, &r, e) < 0)
        return -1;
    *ret = r;
    return 0;
}

/* An idle `sleep` as the first process hears no signal but the last: to wait for it would be ten seconds for nothing. */
static bool ends_by_signal(const struct node *item)
{
    const char *path = node_str(node_get(item, "Path"));
    const char *base = path && strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    return !text_eq(base, "sleep");
}

static int do_stop(const struct doing *x, struct act_result *ret, struct err *e)
{
    struct node *item;
    struct observed o;
    if (verify(x, &item, &o, e) < 0)
        return -1;
    int64_t left_s = (x->d.end_ms - deadline_now_ms()) / 2000, grace = ends_by_signal(item) ? STOP_GRACE_S : 0;
    char tail[32];
    (void)snprintf(tail, sizeof tail, "/stop?t=%d", (int)(grace < left_s ? grace : left_s > 0 ? left_s : 0));
    if (o.state != RUN_STOPPED && post(x, o.id, tail, e) < 0)
        return -1;
    *ret = (struct act_result){.id = x->act->id};
    return 0;
}

static int do_patch(const struct doing *x, struct act_result *ret, struct err *e)
{
    struct node *item;
    struct observed o;
    struct fields ignored;
    if (x->dk->base.ops->check(x->a, x->act->want, &ignored, e) < 0 || verify(x, &item, &o, e) < 0)
        return -1;
    if (x->dk->flavour == ENGINE_PODMAN)
        return err_set(e, ERR_UNSUPPORTED, 0, "podman changes no limit in place: give the sandbox 'engine: podman'");
    for (size_t i = 0; i < x->act->n_changes; i++)
        if (x->act->changes[i].class == FIELD_PATCH && !x->act->changes[i].to &&
            strcmp(x->act->changes[i].name, "limits.memorySwap") != 0) /* the memory's update brings it along */
            return err_set(e, ERR_UNSUPPORTED, 0, "%s: the engine cannot take a limit away in place", x->act->changes[i].name);
    struct engine_req req = {.method = "POST",
                             .path = docker_path(x->a, o.id, "/update"),
                             .body = node_json(x->a, engine_update_body(x->a, x->act->want->create))};
    if (engine_call(x->dk->en, &req, &x->d, NULL, e) < 0)
        return -1;
    *ret = (struct act_result){.id = x->act->id};
    return 0;
}

static int do_remove(const struct doing *x, struct act_result *ret, struct err *e)
{
    struct node *item;
    struct observed o;
    struct err why = {0};
    bool gone = verify(x, &item, &o, &why) < 0;
    if (!gone) {
        /* By the whole id. Volumes without a name belong to this container alone. */
        struct engine_req req = {.method = "DELETE", .path = docker_path(x->a, o.id, "?force=1&v=1")};
        /* 409: its removal is under way already. */
        gone = engine_call(x->dk->en, &req, &x->d, NULL, &why) < 0 && why.class != ERR_CONFLICT;
    }
    while (!gone) {
        gone = docker_inspect(x->dk, x->a, o.id, NULL, &x->d, &item, &why) < 0;
        if (!gone && deadline_pause(&x->d, "waiting for the container to be gone", 50, e) < 0)
            return -1;
    }
    if (why.class != ERR_NOT_FOUND) {
        *e = why;
        return -1;
    }
    *ret = (struct act_result){.id = x->act->id};
    return 0;
}

int docker_apply(struct backend *b, struct arena *a, const struct backend_act *act, const struct call *c, struct act_result *ret,
                 struct err *e)
{
    static int (*const steps[STEP_COUNT])(const struct doing *x, struct act_result *ret, struct err *e) = {
        [STEP_CREATE] = do_create, [STEP_START] = do_start,   [STEP_STOP] = do_stop,
        [STEP_PATCH] = do_patch,   [STEP_REMOVE] = do_remove,
    };
    static const char *const verbs[STEP_COUNT] = {"creating", "starting", "stopping", "patching", "removing"};
    struct doing x = {.dk = (struct docker *)b, .a = a, .act = act, .d = deadline_start(c)};
    /* Nothing is sent to another engine than the one that is meant. */
    bool meant = x.dk->base.ops != &podman_ops || docker_greet(x.dk, &x.d, e) == 0;
    if (meant && steps[act->step](&x, ret, e) == 0)
        return 0;
    /* A message about the config begins with its key. */
    return e->class == ERR_CONFIG && e->sys == 0 ? -1 : err_wrap(e, "%s '%s'", verbs[act->step], act->name);
}
