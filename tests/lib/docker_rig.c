#include "tests/lib/docker_rig.h"

#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/read/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct test_engine *shared; /* by all tests that leave it running */

struct call rig_call(int ms)
{
    return (struct call){.timeout_ms = ms};
}

int64_t rig_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void rig_request(struct rig *f, const char *method, const char *path, const char *body)
{
    struct deadline d = {.end_ms = deadline_now_ms() + 30000};
    must(f, engine_call(f->en, &(struct engine_req){.method = method, .path = path, .body = body}, &d, NULL, &f->e));
}

static void connect_to(struct rig *f, struct test_engine *engine)
{
    f->engine = engine;
    f->a = arena_new();
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/rc-docker-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->sock, sizeof f->sock, "%s/p.sock", f->dir);
    (void)snprintf(f->address, sizeof f->address, "unix://%s", f->sock);
    f->proxy = engine_proxy_start(f->sock, test_engine_sock(engine));
    must(f, engine_open(test_engine_host(engine), NULL, false, &f->en, &f->e));
    const struct backend_conf conf = {.endpoint = "docker", .address = f->address, .install = RIG_INSTALL};
    must(f, docker_ops.open(&conf, &f->b, &f->e));
}

int rig_set_up(void **state)
{
    struct rig *f = calloc(1, sizeof *f);
    assert_non_null(f);
    connect_to(f, shared);
    *state = f;
    return 0;
}

int rig_set_up_own(void **state)
{
    struct rig *f = calloc(1, sizeof *f);
    assert_non_null(f);
    connect_to(f, test_engine_start(false));
    *state = f;
    return 0;
}

static int gather_id(void *ctx, json_t *item, struct err *e)
{
    const char *name = json_string_value(json_array_get(json_object_get(item, "Names"), 0));
    if (name && text_has_prefix(name, "/" RIG_PREFIX))
        buf_printf(ctx, "%s ", engine_text(item, "Id"));
    return 0;
}

int rig_tear_down(void **state)
{
    struct rig *f = *state;
    struct deadline d = {.end_ms = deadline_now_ms() + 60000};
    BUF_AUTO ids = BUF_INIT(1u << 20);
    char path[128];
    if (engine_list(f->en, "/containers/json?all=1", ENGINE_ARRAY, gather_id, &ids, &d, &f->e) == 0)
        for (char *p = ids.s, *end; p && (end = strchr(p, ' ')); p = end + 1) {
            (void)snprintf(path, sizeof path, "/containers/%.*s?force=1&v=1", (int)(end - p), p);
            (void)engine_call(f->en, &(struct engine_req){.method = "DELETE", .path = path}, &d, NULL, &f->e);
        }
    docker_ops.close(f->b);
    engine_close(f->en);
    engine_proxy_stop(f->proxy);
    rmdir(f->dir);
    arena_free(f->a);
    if (f->engine != shared)
        test_engine_release(f->engine);
    free(f);
    return 0;
}

struct node *rig_parse(struct rig *f, const char *text)
{
    struct node *n = json_read_err(f->a, "test", text, strlen(text), &f->e);
    if (!n)
        fail_msg("%s", f->e.msg);
    return n;
}

/* A sandbox with this create body; fields and hash are filled in. */
struct desired *rig_desire(struct rig *f, const char *name, enum runtime_kind kind, struct node *create)
{
    struct desired *d = ARENA_NEW(f->a, struct desired);
    char *json = node_json(f->a, create);
    *d = (struct desired){.endpoint = "docker",
                          .name = arena_printf(f->a, RIG_PREFIX "%s", name),
                          .kind = kind,
                          .owner = kind == RUNTIME_SANDBOX ? "Sandbox/test" : "OpenClaw/test",
                          .install = RIG_INSTALL,
                          .want = WANT_RUNNING,
                          .precreate = true,
                          .can_remake = true,
                          .backend_id = "docker",
                          .image = node_str(node_get(create, "Image")),
                          .config_hash = digest_sha256(f->a, json, strlen(json)),
                          .create = create};
    must(f, docker_ops.check(f->a, d, &d->fields, &f->e));
    return d;
}

struct desired *rig_simple(struct rig *f, const char *name)
{
    return rig_desire(f, name, RUNTIME_SANDBOX,
                      rig_parse(f, "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"sleep\",\"infinity\"],\"Env\":[\"LANG=C.UTF-8\"],"
                                   "\"HostConfig\":{\"NetworkMode\":\"none\",\"Memory\":67108864}}"));
}

int rig_create(struct rig *f, const struct desired *d, struct act_result *ret)
{
    const struct call c = rig_call(60000);
    const struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000000};
    return docker_ops.apply(f->b, f->a, &act, &c, ret, &f->e);
}

const char *rig_made(struct rig *f, const struct desired *d)
{
    struct act_result r = {0};
    must(f, rig_create(f, d, &r));
    return r.id;
}

struct observation rig_observe(struct rig *f, const struct desired *d, size_t n, const char *memo)
{
    const struct call c = rig_call(60000);
    struct observe_req req = {.desired = d, .n_desired = n, .memo = memo, .now_ms = rig_wall_ms()};
    const char *images[] = {TEST_IMAGE};
    struct observation o = {0};
    req.images = images;
    req.n_images = 1;
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e));
    return o;
}

const struct observed *rig_find(const struct observation *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (text_eq(o->v[i].name, name))
            return &o->v[i];
    return NULL;
}

void rig_assert_fields(struct rig *f, const char *what, struct fields want, struct fields got)
{
    struct field_change *ch;
    BUF_AUTO text = BUF_INIT(65536);
    size_t n = fields_diff(f->a, want, got, &ch);
    for (size_t i = 0; i < n; i++) {
        buf_puts(&text, "\n  ");
        field_change_format(&text, &ch[i]);
    }
    if (n)
        fail_msg("%s: %zu fields differ from what was wanted:%s", what, n, buf_str(&text));
}

int rig_start(void **state)
{
    /* As every program that runs commands: a pipe that nobody reads is an error of write(2). */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    shared = test_engine_acquire();
    return 0;
}

int rig_stop(void **state)
{
    test_engine_release(shared);
    return 0;
}
