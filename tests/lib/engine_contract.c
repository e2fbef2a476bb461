#include "tests/lib/engine_contract.h"

#include "tests/lib/contract.h"
#include "tests/lib/engine.h"
#include "tests/lib/engine_proxy.h"

#include "backends/engine_http.h"
#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE "contract-image:1"

/* `en` goes around the proxy: what happens behind the backend's back. */
struct peer {
    struct test_engine *engine;
    struct engine_proxy *proxy;
    struct engine *en;
    char dir[64], sock[80], address[96], endpoint[112];
    unsigned n_images;
};

static const struct backend_ops *ops;
static struct test_engine *(*start_peer_engine)(void);

static struct deadline soon(void)
{
    return (struct deadline){.end_ms = deadline_now_ms() + 30000};
}

static void request(struct peer *p, const char *method, const char *path, const char *body)
{
    struct deadline d = soon();
    struct err e = {0};
    if (engine_call(p->en, &(struct engine_req){.method = method, .path = path, .body = body}, &d, NULL, &e) < 0 &&
        !(e.class == ERR_NOT_FOUND && strcmp(method, "DELETE") == 0))
        fail_msg("%s", e.msg);
}

static void *start(void)
{
    struct peer *p = calloc(1, sizeof *p);
    struct err e;
    if (!p)
        return NULL;
    p->engine = start_peer_engine();
    test_engine_image(p->engine, IMAGE, "0");
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/rc-contract-XXXXXX");
    if (!mkdtemp(p->dir))
        return NULL;
    (void)snprintf(p->sock, sizeof p->sock, "%s/p.sock", p->dir);
    (void)snprintf(p->address, sizeof p->address, "unix://%s", p->sock);
    (void)snprintf(p->endpoint, sizeof p->endpoint, "%s:%s", ops->name, p->address);
    p->proxy = engine_proxy_start(p->sock, test_engine_sock(p->engine));
    if (engine_open(test_engine_host(p->engine), NULL, false, &p->en, &e) < 0)
        return NULL;
    return p;
}

static void stop(void *ctx)
{
    struct peer *p = ctx;
    engine_close(p->en);
    engine_proxy_stop(p->proxy);
    rmdir(p->dir);
    test_engine_release(p->engine);
    free(p);
}

struct names {
    char ids[64][80];
    size_t n;
};

static int keep_ours(void *ctx, json_t *item, struct err *e)
{
    struct names *x = ctx;
    const char *name = json_string_value(json_array_get(json_object_get(item, "Names"), 0));
    if (name && text_has_prefix(name, "/" CONTRACT_PREFIX) && x->n < 64)
        (void)snprintf(x->ids[x->n++], sizeof x->ids[0], "%s", engine_text(item, "Id"));
    return 0;
}

static void clean(void *ctx)
{
    struct peer *p = ctx;
    struct deadline d = soon();
    struct names x = {.n = 0};
    struct err e = {0};
    char path[128];
    if (engine_list(p->en, "/containers/json?all=1", ENGINE_ARRAY, keep_ours, &x, &d, &e) < 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < x.n; i++) {
        (void)snprintf(path, sizeof path, "/containers/%s?force=1", x.ids[i]);
        request(p, "DELETE", path, NULL);
    }
    if (p->n_images > 0)
        test_engine_image(p->engine, IMAGE, "0");
    p->n_images = 0;
}

static void conf(void *ctx, struct arena *a, struct backend_conf *ret)
{
    struct peer *p = ctx;
    *ret = (struct backend_conf){.endpoint = p->endpoint, .address = p->address};
}

static void want(void *ctx, struct arena *a, struct desired *d, enum contract_variant v)
{
    struct node *create = node_object(a), *host = node_object(a), *cmd = node_array(a), *env = node_array(a);
    node_set(a, create, "Image", node_string(a, d->image));
    node_push(a, cmd, node_string(a, "sleep"));
    node_push(a, cmd, node_string(a, "infinity"));
    node_set(a, create, "Cmd", cmd);
    node_push(a, env, node_string(a, "LANG=C.UTF-8"));
    if (v == CONTRACT_WITH_SECRET)
        node_push(a, env, contract_secret(a, CONTRACT_SECRET "="));
    node_set(a, create, "Env", env);
    node_set(a, create, "WorkingDir", node_string(a, v == CONTRACT_OTHER ? "/tmp" : "/"));
    node_set(a, host, "NetworkMode", node_string(a, "none"));
    node_set(a, host, "Memory", node_number(a, v == CONTRACT_PATCHED ? 1073741824 : 536870912));
    node_set(a, create, "HostConfig", host);
    d->create = create;
}

static const char *spoil(struct arena *a, struct node *create)
{
    node_set(a, create, "Image", node_string(a, "No Image:"));
    return "image";
}

static void drift(void *ctx, const char *name, const char *id)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/containers/%s/update", id);
    request(ctx, "POST", path, "{\"Memory\":268435456,\"MemorySwap\":536870912}");
}

/* What cannot be changed in place can be put in its place: the same labels, another limit. */
static void remade_otherwise(void *ctx, const char *name, const char *id)
{
    struct peer *p = ctx;
    struct deadline d = soon();
    struct err e;
    json_t *o = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "/containers/%s/json", id);
    if (engine_json(p->en, "GET", path, NULL, &d, &o, &e) < 0)
        fail_msg("%s", e.msg);
    json_t *body = json_pack("{s:s, s:[s,s], s:O, s:{s:s, s:i}}", "Image", IMAGE, "Cmd", "sleep", "infinity", "Labels",
                             json_object_get(json_object_get(o, "Config"), "Labels"), "HostConfig", "NetworkMode", "none",
                             "Memory", 268435456);
    char *text = json_dumps(body, JSON_COMPACT);
    (void)snprintf(path, sizeof path, "/containers/%s?force=1", id);
    request(p, "DELETE", path, NULL);
    (void)snprintf(path, sizeof path, "/containers/create?name=%s", name);
    request(p, "POST", path, text);
    (void)snprintf(path, sizeof path, "/containers/%s/start", name);
    request(p, "POST", path, NULL);
    free(text);
    json_decref(body);
    json_decref(o);
}

static void vanish(void *ctx, const char *name, const char *id)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/containers/%s?force=1", id);
    request(ctx, "DELETE", path, NULL);
}

static void die(void *ctx, const char *name, const char *id)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/containers/%s/kill", id);
    request(ctx, "POST", path, NULL);
    /* The engine answers before it has seen the end. */
    (void)snprintf(path, sizeof path, "/containers/%s/wait", id);
    request(ctx, "POST", path, NULL);
}

static void foreign(void *ctx, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/containers/create?name=%s", name);
    request(ctx, "POST", path,
            "{\"Image\":\"" IMAGE "\",\"Cmd\":[\"sleep\",\"infinity\"],\"Labels\":{\"whose\":\"theirs\"},"
            "\"HostConfig\":{\"NetworkMode\":\"none\"}}");
    (void)snprintf(path, sizeof path, "/containers/%s/start", name);
    request(ctx, "POST", path, NULL);
}

static bool foreign_intact(void *ctx, const char *name)
{
    struct peer *p = ctx;
    struct deadline d = soon();
    struct err e;
    json_t *o = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "/containers/%s/json", name);
    if (engine_json(p->en, "GET", path, NULL, &d, &o, &e) < 0)
        return false;
    bool intact = json_is_true(json_object_get(json_object_get(o, "State"), "Running")) &&
                  text_eq(engine_text(json_object_get(json_object_get(o, "Config"), "Labels"), "whose"), "theirs");
    json_decref(o);
    return intact;
}

static void down(void *ctx, bool on)
{
    engine_proxy_down(((struct peer *)ctx)->proxy, on);
}

static void hang(void *ctx, bool on)
{
    struct peer *p = ctx;
    engine_proxy_clear(p->proxy);
    if (on)
        engine_proxy_fault(p->proxy, " /", FAULT_HANG, 0, NULL);
}

static void retag(void *ctx, const char *ref)
{
    struct peer *p = ctx;
    char mark[24];
    (void)snprintf(mark, sizeof mark, "%u", ++p->n_images);
    test_engine_image(p->engine, ref, mark);
}

int engine_contract_run(const struct backend_ops *driven, bool updates, struct test_engine *(*start_engine)(void))
{
    const struct contract contract = {
        .ops = driven,
        .lacks = CONTRACT_NO_SETUP_MARK | (updates ? 0 : CONTRACT_NO_PATCH),
        .timeout_ms = 60000,
        .start = start,
        .stop = stop,
        .clean = clean,
        .conf = conf,
        .want = want,
        .spoil = spoil,
        .drift = updates ? drift : remade_otherwise,
        .vanish = vanish,
        .die = die,
        .foreign = foreign,
        .foreign_intact = foreign_intact,
        .down = down,
        .hang = hang,
        .image = IMAGE,
        .image_missing = "missing:1",
        .retag = retag,
    };

    ops = driven;
    start_peer_engine = start_engine;
    return contract_run(&contract);
}
