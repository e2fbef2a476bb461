/* What only the docker backend has to show, on a real dockerd behind a proxy that counts requests and breaks them. */
#include "backends/docker.h"
#include "backends/engine_http.h"
#include "spec/base/digest.h"
#include "spec/openclaw/create.h"
#include "spec/read/json.h"
#include "tests/lib/engine.h"
#include "tests/lib/engine_proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PREFIX  "de-"
#define INSTALL "0123456789abcdef"
#define LIST    "GET /v1.41/containers/json"

static struct test_engine *shared; /* by all tests that leave it running */

struct fixture {
    struct test_engine *engine;
    struct engine_proxy *proxy;
    struct engine *en; /* around the proxy */
    struct backend *b;
    struct arena *a;
    struct err e;
    char dir[64], sock[80], address[96];
};

static struct call within(int ms)
{
    return (struct call){.timeout_ms = ms};
}

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define must(f, what)                                                                                                            \
    do {                                                                                                                         \
        if ((what) < 0)                                                                                                          \
            fail_msg("%s: %s: %s", #what, err_class_name((f)->e.class), (f)->e.msg);                                             \
    } while (0)

static void request(struct fixture *f, const char *method, const char *path, const char *body)
{
    struct deadline d = {.end_ms = deadline_now_ms() + 30000};
    must(f, engine_call(f->en, &(struct engine_req){.method = method, .path = path, .body = body}, &d, NULL, &f->e));
}

static void connect_to(struct fixture *f, struct test_engine *engine)
{
    f->engine = engine;
    f->a = arena_new();
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/rc-docker-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->sock, sizeof f->sock, "%s/p.sock", f->dir);
    (void)snprintf(f->address, sizeof f->address, "unix://%s", f->sock);
    f->proxy = engine_proxy_start(f->sock, test_engine_sock(engine));
    must(f, engine_open(test_engine_host(engine), NULL, false, &f->en, &f->e));
    const struct backend_conf conf = {.endpoint = "docker", .address = f->address, .install = INSTALL};
    must(f, docker_ops.open(&conf, &f->b, &f->e));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    connect_to(f, shared);
    *state = f;
    return 0;
}

static int set_up_own(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    connect_to(f, test_engine_start(false));
    *state = f;
    return 0;
}

static int gather_id(void *ctx, json_t *item, struct err *e)
{
    const char *name = json_string_value(json_array_get(json_object_get(item, "Names"), 0));
    if (name && text_has_prefix(name, "/" PREFIX))
        buf_printf(ctx, "%s ", engine_text(item, "Id"));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
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

static struct node *parse(struct fixture *f, const char *text)
{
    struct node *n = json_read_err(f->a, "test", text, strlen(text), &f->e);
    if (!n)
        fail_msg("%s", f->e.msg);
    return n;
}

/* A sandbox with this create body; fields and hash are filled in. */
static struct desired *desire(struct fixture *f, const char *name, enum runtime_kind kind, struct node *create)
{
    struct desired *d = ARENA_NEW(f->a, struct desired);
    char *json = node_json(f->a, create);
    *d = (struct desired){.endpoint = "docker",
                          .name = arena_printf(f->a, PREFIX "%s", name),
                          .kind = kind,
                          .owner = kind == RUNTIME_SANDBOX ? "Sandbox/test" : "OpenClaw/test",
                          .install = INSTALL,
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

static struct desired *simple(struct fixture *f, const char *name)
{
    return desire(f, name, RUNTIME_SANDBOX,
                  parse(f, "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"sleep\",\"infinity\"],\"Env\":[\"LANG=C.UTF-8\"],"
                           "\"HostConfig\":{\"NetworkMode\":\"none\",\"Memory\":67108864}}"));
}

static int create(struct fixture *f, const struct desired *d, struct act_result *ret)
{
    const struct call c = within(60000);
    const struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000000};
    return docker_ops.apply(f->b, f->a, &act, &c, ret, &f->e);
}

static const char *made(struct fixture *f, const struct desired *d)
{
    struct act_result r = {0};
    must(f, create(f, d, &r));
    return r.id;
}

static struct observation observe(struct fixture *f, const struct desired *d, size_t n, const char *memo)
{
    const struct call c = within(60000);
    struct observe_req req = {.desired = d, .n_desired = n, .memo = memo, .now_ms = wall_ms()};
    const char *images[] = {TEST_IMAGE};
    struct observation o = {0};
    req.images = images;
    req.n_images = 1;
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e));
    return o;
}

static const struct observed *find(const struct observation *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (text_eq(o->v[i].name, name))
            return &o->v[i];
    return NULL;
}

static void assert_equal_fields(struct fixture *f, const char *what, struct fields want, struct fields got)
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

/* --- bodies ------------------------------------------------------------------------------------------------------------------
 */

/* What this machine's kernel or engine has not; the rest of every vector is made for real. */
static bool is_beyond(const struct node *body)
{
    const struct node *host = node_get(body, "HostConfig"), *options = node_get(host, "SecurityOpt");
    for (size_t i = 0; node_is(options, NODE_ARRAY) && i < options->n_items; i++)
        if (text_has_prefix(node_str(options->items[i]), "apparmor="))
            return true;
    return node_is(node_get(host, "DeviceRequests"), NODE_ARRAY);
}

/* Sources below the test's own directory: the engine makes the ones that are missing. */
static void move_binds(struct fixture *f, struct node *body)
{
    struct node *binds = node_path(body, "HostConfig", "Binds", NULL);
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++) {
        const char *s = node_str(binds->items[i]);
        if (s && s[0] == '/')
            binds->items[i] = node_printf(f->a, "%s/binds%s", test_engine_dir(f->engine), s);
    }
}

static char *read_file(const char *path, size_t *ret_n)
{
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    BUF_AUTO b = BUF_INIT(16u << 20);
    char bytes[65536];
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        buf_put(&b, bytes, n);
    fclose(in);
    *ret_n = b.n;
    char *s = malloc(b.n + 1);
    assert_non_null(s);
    memcpy(s, buf_str(&b), b.n + 1);
    return s;
}

static void test_vectors(void **state)
{
    struct fixture *f = *state;
    size_t n, n_made = 0, n_refused = 0;
    char *text = read_file("tests/vectors/create.json", &n);
    const struct node *all = json_read_err(f->a, "create.json", text, n, &f->e);
    assert_non_null(all);
    free(text);
    for (size_t i = 0; i < all->n_items; i++) {
        const struct node *v = all->items[i];
        struct node *body = node_get(v, "engineBody");
        const char *name = node_str(node_get(v, "name"));
        if (!body || is_beyond(body))
            continue;
        body = node_copy(f->a, body);
        node_set(f->a, body, "Image", node_string(f->a, TEST_IMAGE));
        move_binds(f, body);
        struct desired *d = desire(f, arena_printf(f->a, "v%zu", i), RUNTIME_CONTAINER, body);
        struct act_result r = {0};
        d->want = WANT_STOPPED;
        if (create(f, d, &r) < 0) {
            /* The engine itself says no to what OpenClaw lets through; never for want of understanding here. */
            if (f->e.class != ERR_CONFIG && f->e.class != ERR_INTERNAL && f->e.class != ERR_NOT_FOUND)
                fail_msg("%s: %s: %s", name, err_class_name(f->e.class), f->e.msg);
            print_message("%s: refused: %s\n", name, f->e.msg);
            n_refused++;
            continue;
        }
        struct observation o = observe(f, d, 1, NULL);
        const struct observed *seen = find(&o, d->name);
        assert_non_null(seen);
        assert_int_equal(seen->kind, RUNTIME_CONTAINER);
        assert_int_equal(seen->ownership, OWN_OURS);
        assert_true(seen->created_at_ms == 1700000000000);
        assert_string_equal(seen->scope_key, node_str(node_path(body, "Labels", "openclaw.sessionKey", NULL)));
        assert_true(seen->fields_known);
        assert_equal_fields(f, name, d->fields, seen->fields);
        n_made++;
        const struct call c = within(30000);
        const struct backend_act gone = {.step = STEP_REMOVE, .name = d->name, .id = r.id, .expect = seen};
        must(f, docker_ops.apply(f->b, f->a, &gone, &c, &r, &f->e));
    }
    print_message("%zu made, %zu refused by the engine\n", n_made, n_refused);
    assert_true(n_made > 100);
    assert_true(n_refused < 15);
}

/* --- what a round costs --------------------------------------------------------------------------------------------------------
 */

static void test_no_op_requests(void **state)
{
    struct fixture *f = *state;
    struct desired d[5];
    for (size_t i = 0; i < 5; i++) {
        d[i] = *simple(f, arena_printf(f->a, "noop%zu", i));
        made(f, &d[i]);
    }
    engine_proxy_forget(f->proxy);
    struct observation first = observe(f, d, 5, NULL);
    assert_int_equal(engine_proxy_mutating(f->proxy), 0);
    assert_non_null(first.memo);
    /* list, events, one image, five inspections */
    assert_int_equal(engine_proxy_count(f->proxy, "/json"), 7);
    assert_int_equal(engine_proxy_count(f->proxy, LIST), 1);
    engine_proxy_forget(f->proxy);
    struct observation again = observe(f, d, 5, first.memo);
    char *log = engine_proxy_log(f->proxy);
    if (engine_proxy_count(f->proxy, "GET ") != 2 || engine_proxy_mutating(f->proxy) != 0)
        fail_msg("more than a list and the events:\n%s", log);
    free(log);
    assert_int_equal(again.n, 5);
    assert_string_equal(again.images[0].id, first.images[0].id);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(again.v[i].state, RUN_RUNNING);
        assert_false(again.v[i].fields_known);
    }
    /* And the next one still knows. */
    engine_proxy_forget(f->proxy);
    observe(f, d, 5, again.memo);
    assert_int_equal(engine_proxy_count(f->proxy, "GET "), 2);
}

static void test_strangers_cost_nothing(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO list = BUF_INIT(32u << 20);
    buf_puts(&list, "HTTP/1.1 200 OK\r\nServer: Docker/x\r\nDate: Sun, 22 Nov 2026 12:41:44 GMT\r\n\r\n[");
    for (int i = 0; i < 10000; i++)
        buf_printf(
            &list,
            "%s{\"Id\":\"%064d\",\"Names\":[\"/stranger-%d\"],\"Image\":\"other:%d\",\"ImageID\":\"sha256:%064d\",\"Labels\":"
            "{\"com.example\":\"a label of some length that nobody here asked for\"},\"State\":\"running\"}",
            i ? "," : "", i, i, i, i);
    buf_puts(&list, "]");
    engine_proxy_fault(f->proxy, LIST, FAULT_REPLY, 0, buf_str(&list));
    struct desired *d = simple(f, "absent");
    size_t before = arena_used(f->a);
    const struct call c = within(60000);
    const struct observe_req req = {.desired = d, .n_desired = 1};
    struct observation o = {0};
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e));
    assert_int_equal(o.n, 0);
    /* Names have to be compared, one after the other. */
    if (arena_used(f->a) - before > 65536)
        fail_msg("%zu bytes kept", arena_used(f->a) - before);
}

/* --- the memo ----------------------------------------------------------------------------------------------------------------
 */

/* Whether the container was looked at again, given this memo. */
static bool looked_at(struct fixture *f, const struct desired *d, const char *memo, struct observation *ret)
{
    engine_proxy_forget(f->proxy);
    *ret = observe(f, d, 1, memo);
    const struct observed *o = find(ret, d->name);
    assert_non_null(o);
    char *line = arena_printf(f->a, "/containers/%s/json", o->id);
    return engine_proxy_count(f->proxy, line) > 0;
}

static void test_memo_sees_update(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "updated");
    const char *id = made(f, d);
    struct field_change *ch;
    struct observation o = observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    request(f, "POST", arena_printf(f->a, "/containers/%s/update", id), "{\"Memory\":134217728,\"MemorySwap\":268435456}");
    assert_true(looked_at(f, d, o.memo, &o));
    assert_true(fields_diff(f->a, d->fields, find(&o, d->name)->fields, &ch) > 0);
    assert_string_equal(ch[0].name, "limits.memory");
    /* As long as it differs it is looked at: what differs has to be shown. */
    assert_true(looked_at(f, d, o.memo, &o));
    request(f, "POST", arena_printf(f->a, "/containers/%s/update", id), "{\"Memory\":67108864,\"MemorySwap\":134217728}");
    assert_true(looked_at(f, d, o.memo, &o));
    assert_equal_fields(f, "updated back", d->fields, find(&o, d->name)->fields);
    assert_false(looked_at(f, d, o.memo, &o));
}

static void test_memo_sees_network(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "joins");
    d->want = WANT_STOPPED;
    const char *id = made(f, d);
    struct observation o = observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    request(f, "POST", "/networks/none/disconnect", arena_printf(f->a, "{\"Container\":\"%s\",\"Force\":true}", id));
    assert_true(looked_at(f, d, o.memo, &o));
}

static void test_memo_is_of_one_wish(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "wish"), other;
    struct node *body = node_copy(f->a, d->create);
    made(f, d);
    struct observation o = observe(f, d, 1, NULL);
    const char *memo = o.memo;
    node_set(f->a, body, "WorkingDir", node_string(f->a, "/tmp"));
    other = *desire(f, "wish", RUNTIME_SANDBOX, body);
    assert_true(looked_at(f, &other, memo, &o));
    assert_true(o.v[0].fields_known);
    /* The same label, but more is compared now than was then. */
    other.config_hash = d->config_hash;
    assert_true(looked_at(f, &other, memo, &o));
    assert_false(looked_at(f, d, memo, &o));
}

static void test_memo_after_many_events(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "crowded");
    made(f, d);
    struct observation o = observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    /* The engine keeps 256 events: a tag and its removal are two. */
    for (int i = 0; i < 130; i++) {
        request(f, "POST", "/images/" TEST_IMAGE "/tag?repo=crowd&tag=x", NULL);
        request(f, "DELETE", "/images/crowd:x", NULL);
    }
    assert_true(looked_at(f, d, o.memo, &o));
    assert_false(looked_at(f, d, o.memo, &o));
}

static void test_memo_after_restart(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "survivor");
    made(f, d);
    struct observation o = observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    test_engine_kill(f->engine);
    test_engine_restart(f->engine);
    assert_true(looked_at(f, d, o.memo, &o));
    assert_int_equal(find(&o, d->name)->state, RUN_RUNNING);
}

static void test_memo_without_a_clock(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "clock");
    const struct call c = within(30000);
    made(f, d);
    struct observation o = observe(f, d, 1, NULL);
    static const int64_t offsets[] = {INT64_MIN, 5000, -60000};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct observe_req req = {.desired = d, .n_desired = 1, .memo = o.memo};
        req.now_ms = offsets[i] == INT64_MIN ? 0 : wall_ms() + offsets[i];
        struct observation got = {0};
        int64_t begun = deadline_now_ms();
        must(f, docker_ops.observe(f->b, f->a, &req, &c, &got, &f->e));
        assert_true(find(&got, d->name)->fields_known);
        assert_in_range(deadline_now_ms() - begun, 0, 3000);
    }
}

static void test_memo_garbage(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "garbage");
    made(f, d);
    struct observation o = observe(f, d, 1, NULL), got;
    char *cut = arena_strdup(f->a, o.memo);
    /* Any part of a memo proves at most what the whole does, and mostly nothing. */
    for (size_t n = strlen(cut); n-- > 0;) {
        cut[n] = '\0';
        if (n % 7 == 0)
            assert_true(looked_at(f, d, cut, &got));
    }
    static const char *const texts[] = {"", "\n", "docker-memo 1\n", "docker-memo 1\n-5 x\n", "docker-memo 2\n1 a\n", "\xff\xfe"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(looked_at(f, d, texts[i], &got));
}

/* --- images ------------------------------------------------------------------------------------------------------------------
 */

static void test_retag(void **state)
{
    struct fixture *f = *state;
    struct node *body =
        parse(f, "{\"Image\":\"moving:1\",\"Cmd\":[\"sleep\",\"infinity\"],\"HostConfig\":{\"NetworkMode\":\"none\"}}");
    const struct call c = within(30000);
    const char *refs[] = {"moving:1", "missing:1", "no reference at all/../x", TEST_IMAGE_OTHER};
    test_engine_image(f->engine, "moving:1", "one");
    struct desired *d = desire(f, "retag", RUNTIME_SANDBOX, body);
    made(f, d);
    struct observe_req req = {.images = refs, .n_images = 4, .desired = d, .n_desired = 1, .now_ms = wall_ms()};
    struct observation first = {0}, second = {0};
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &first, &f->e));
    assert_string_equal(first.images[0].id, find(&first, d->name)->image_id);
    assert_null(first.images[1].id);
    assert_null(first.images[2].id);
    assert_non_null(first.images[3].id);
    test_engine_image(f->engine, "moving:1", "two");
    req.memo = first.memo;
    req.now_ms = wall_ms();
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &second, &f->e));
    const struct observed *o = find(&second, d->name);
    assert_string_equal(o->image_id, first.images[0].id);
    assert_string_not_equal(second.images[0].id, first.images[0].id);
    /* About to be acted on: its whole state is known. */
    assert_true(o->fields_known && o->busy_known);
    assert_string_equal(o->image, "moving:1");
}

static void test_missing_image(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *image, *remedy;
    } rows[] = {
        {"missing:1", "docker pull missing:1"},
        {"openclaw-sandbox:nope", "scripts/sandbox-setup.sh"},
        {"openclaw-sandbox-browser:nope", "scripts/sandbox-browser-setup.sh"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct node *body = parse(f, "{\"HostConfig\":{\"NetworkMode\":\"none\"}}");
        struct act_result r = {0};
        node_set(f->a, body, "Image", node_string(f->a, rows[i].image));
        assert_int_equal(create(f, desire(f, "missing", RUNTIME_SANDBOX, body), &r), -1);
        assert_int_equal(f->e.class, ERR_NOT_FOUND);
        if (!strstr(f->e.msg, rows[i].image) || !strstr(f->e.msg, rows[i].remedy))
            fail_msg("%s", f->e.msg);
    }
    assert_int_equal(engine_proxy_count(f->proxy, "images/create"), 0);
}

/* --- breaking off ---------------------------------------------------------------------------------------------------------- */

static void test_cut_lists(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "cut");
    const struct call c = within(10000);
    made(f, d);
    for (long at = 0; at < 1200; at += 37) {
        struct observe_req req = {.desired = d, .n_desired = 1};
        struct observation o = {.n = 77};
        engine_proxy_fault(f->proxy, LIST, FAULT_CUT, at, NULL);
        if (docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e) == 0)
            fail_msg("a list cut after %ld bytes passes", at);
        assert_int_equal(o.n, 77);
        engine_proxy_clear(f->proxy);
    }
    static const char *const parts[] = {"/images/", "/json"};
    for (size_t i = 0; i < 2; i++) {
        struct observe_req req = {.desired = d, .n_desired = 1};
        struct observation o = {.n = 77};
        engine_proxy_fault(f->proxy, parts[i], FAULT_STATUS, 500, NULL);
        assert_int_equal(docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e), -1);
        assert_int_equal(f->e.class, ERR_INTERNAL);
        engine_proxy_clear(f->proxy);
    }
    struct observation o = observe(f, d, 1, NULL);
    assert_int_equal(o.n, 1);
}

static void *kill_soon(void *arg)
{
    poll(NULL, 0, 100);
    test_engine_kill(((struct fixture *)arg)->engine);
    return NULL;
}

static void test_killed_while_listing(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "kept");
    const struct call c = within(10000);
    const struct observe_req req = {.desired = d, .n_desired = 1};
    struct observation o = {.n = 77};
    pthread_t t;
    made(f, d);
    /* The request is on its way when the engine dies, and has reached nobody when it is passed on. */
    engine_proxy_fault(f->proxy, LIST, FAULT_DELAY, 300, NULL);
    assert_int_equal(pthread_create(&t, NULL, kill_soon, f), 0);
    int rc = docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e);
    pthread_join(t, NULL);
    assert_int_equal(rc, -1);
    assert_true(err_is_transient(f->e.class));
    assert_int_equal(o.n, 77);
    struct observed one = {.state = RUN_STATE_COUNT};
    assert_int_equal(docker_ops.look(f->b, f->a, NULL, d->name, &c, &one, &f->e), -1);
    assert_int_equal(f->e.class, ERR_UNAVAILABLE);
    engine_proxy_clear(f->proxy);
    test_engine_restart(f->engine);
    o = observe(f, d, 1, NULL);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
}

static void test_lost_answers(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "lost");
    struct act_result r = {0};
    const struct call c = within(10000);
    static const char *const steps[] = {"/containers/create", "/start"};
    d->setup = "echo once >> /tmp/setup";
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        engine_proxy_fault(f->proxy, steps[i], FAULT_DROP, 0, NULL);
        assert_int_equal(create(f, d, &r), -1);
        assert_int_equal(f->e.class, ERR_UNAVAILABLE);
        engine_proxy_clear(f->proxy);
        if (i > 0)
            break;
        /* Made, but never started: the next attempt goes on with it. */
        must(f, create(f, d, &r));
        assert_int_equal(r.setup_status, 0);
        assert_non_null(r.setup_output);
        struct observation o = observe(f, d, 1, NULL);
        assert_int_equal(o.n, 1);
        assert_string_equal(o.v[0].id, r.id);
        assert_int_equal(o.v[0].state, RUN_RUNNING);
        /* A removal whose answer is lost has happened all the same. */
        const struct backend_act gone = {.step = STEP_REMOVE, .name = d->name, .id = r.id, .expect = &o.v[0]};
        engine_proxy_fault(f->proxy, "DELETE", FAULT_DROP, 0, NULL);
        assert_int_equal(docker_ops.apply(f->b, f->a, &gone, &c, &r, &f->e), -1);
        engine_proxy_clear(f->proxy);
        must(f, docker_ops.apply(f->b, f->a, &gone, &c, &r, &f->e));
        assert_int_equal(observe(f, d, 1, NULL).n, 0);
    }
}

static void test_remove_reads_again(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "reread");
    const struct call c = within(10000);
    struct act_result r;
    const char *id = made(f, d);
    struct observation o = observe(f, d, 1, NULL);
    struct observed was = *find(&o, d->name);
    /* A removal by half an id, or by name, is none: the id is whole. */
    struct backend_act act = {.step = STEP_REMOVE, .name = d->name, .id = id, .expect = &was};
    request(f, "POST", arena_printf(f->a, "/containers/%s/rename?name=" PREFIX "renamed", id), NULL);
    engine_proxy_forget(f->proxy);
    assert_int_equal(docker_ops.apply(f->b, f->a, &act, &c, &r, &f->e), -1);
    assert_int_equal(f->e.class, ERR_CONFLICT);
    assert_int_equal(engine_proxy_mutating(f->proxy), 0);
    was.name = PREFIX "renamed";
    must(f, docker_ops.apply(f->b, f->a, &act, &c, &r, &f->e));
    assert_int_equal(engine_proxy_count(f->proxy, arena_printf(f->a, "DELETE /v1.41/containers/%s?", id)), 1);
}

static void test_names_are_whole(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "whole");
    const struct call c = within(10000);
    struct observed o = {0};
    const char *id = made(f, d);
    char part[13];
    (void)snprintf(part, sizeof part, "%s", id);
    /* The engine would find it by the beginning of its id; a name is not that. */
    must(f, docker_ops.look(f->b, f->a, NULL, part, &c, &o, &f->e));
    assert_int_equal(o.state, RUN_ABSENT);
    must(f, docker_ops.look(f->b, f->a, NULL, d->name, &c, &o, &f->e));
    assert_string_equal(o.id, id);
}

/* --- browsers ----------------------------------------------------------------------------------------------------------------
 */

static struct desired *browser(struct fixture *f, const char *name, const char *range)
{
    struct node *body = parse(f, "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"sleep\",\"infinity\"],"
                                 "\"Env\":[\"OPENCLAW_BROWSER_HEADLESS=0\",\"OPENCLAW_BROWSER_ENABLE_NOVNC=1\","
                                 "\"OPENCLAW_BROWSER_CDP_PORT=9222\",\"OPENCLAW_BROWSER_NOVNC_PORT=6080\"],"
                                 "\"ExposedPorts\":{\"9222/tcp\":{},\"6080/tcp\":{}},"
                                 "\"Labels\":{\"openclaw.sandbox\":\"1\",\"openclaw.sandboxBrowser\":\"1\","
                                 "\"openclaw.sessionKey\":\"agent:main\"},"
                                 "\"HostConfig\":{\"NetworkMode\":\"" PREFIX "browsers\",\"PortBindings\":{"
                                 "\"9222/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}],"
                                 "\"6080/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}}}");
    if (range)
        node_push(f->a, node_get(body, "Env"), node_printf(f->a, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE=%s", range));
    return desire(f, name, RUNTIME_BROWSER, body);
}

static const char *env_of(struct fixture *f, const char *id, const char *key)
{
    struct deadline d = {.end_ms = deadline_now_ms() + 30000};
    json_t *o = NULL, *v;
    size_t i, n = strlen(key);
    const char *hit = NULL;
    must(f, engine_json(f->en, "GET", arena_printf(f->a, "/containers/%s/json", id), NULL, &d, &o, &f->e));
    json_array_foreach(json_object_get(json_object_get(o, "Config"), "Env"), i, v)
    {
        const char *s = json_string_value(v);
        if (strncmp(s, key, n) == 0 && s[n] == '=') {
            assert_null(hit);
            hit = arena_strdup(f->a, s + n + 1);
        }
    }
    json_decref(o);
    return hit;
}

static void test_browser(void **state)
{
    struct fixture *f = *state;
    struct desired *d = browser(f, "browser", "");
    struct act_result r = {0}, s = {0};
    const struct call c = within(30000);
    must(f, create(f, d, &r));
    assert_in_range(r.cdp_port, 1, 65535);
    assert_in_range(r.no_vnc_port, 1, 65535);
    assert_int_not_equal(r.cdp_port, r.no_vnc_port);
    const char *range = env_of(f, r.id, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"),
               *password = env_of(f, r.id, "OPENCLAW_BROWSER_NOVNC_PASSWORD");
    unsigned q[4];
    char rest[8] = "";
    assert_int_equal(sscanf(range, "%u.%u.%u.%u%7s", &q[0], &q[1], &q[2], &q[3], rest), 5);
    assert_string_equal(rest, "/32");
    assert_int_equal(strlen(password), 8);
    assert_int_equal(strspn(password, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), 8);
    /* Ports are read back, with the inspection and without; what was filled in is no drift. */
    struct observation o = observe(f, d, 1, NULL);
    for (int round = 0; round < 2; round++) {
        const struct observed *b = find(&o, d->name);
        assert_int_equal(b->kind, RUNTIME_BROWSER);
        assert_int_equal(b->cdp_port, r.cdp_port);
        assert_int_equal(b->no_vnc_port, r.no_vnc_port);
        if (round == 0)
            assert_equal_fields(f, "browser", d->fields, b->fields);
        o = observe(f, d, 1, o.memo);
    }
    assert_false(find(&o, d->name)->fields_known);
    /* After a stop and a start the ports are others, and told. */
    struct backend_act act = {.step = STEP_STOP, .name = d->name, .id = r.id, .want = d};
    must(f, docker_ops.apply(f->b, f->a, &act, &c, &s, &f->e));
    act.step = STEP_START;
    must(f, docker_ops.apply(f->b, f->a, &act, &c, &s, &f->e));
    assert_in_range(s.cdp_port, 1, 65535);
    /* A second one finds the network there, and gets a password of its own. */
    struct desired *d2 = browser(f, "browser2", NULL), *d3 = browser(f, "browser3", "10.1.2.3/32");
    must(f, create(f, d2, &s));
    assert_string_equal(env_of(f, s.id, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"), range);
    assert_string_not_equal(env_of(f, s.id, "OPENCLAW_BROWSER_NOVNC_PASSWORD"), password);
    assert_int_equal(engine_proxy_count(f->proxy, "POST /v1.41/networks/create"), 1);
    must(f, create(f, d3, &s));
    assert_string_equal(env_of(f, s.id, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"), "10.1.2.3/32");
    /* A range that the owner sets is a setting: without it, it is drift. */
    struct desired *without = browser(f, "browser3", NULL);
    struct field_change *ch;
    o = observe(f, d3, 1, NULL);
    assert_equal_fields(f, "browser3", d3->fields, find(&o, d3->name)->fields);
    assert_true(fields_diff(f->a, d3->fields, without->fields, &ch) > 0);
}

/* 2026.9: a token instead of a range, and an image that knows of it. */
static void test_browser_with_token(void **state)
{
    struct fixture *f = *state;
    const struct oc_profile *line = &oc_profiles[OC_LINE_2026_9];
    struct desired *d = browser(f, "token", NULL);
    struct desired *bare =
        desire(f, "contract", RUNTIME_SANDBOX, parse(f, "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"sleep\",\"infinity\"]}"));
    struct act_result r = {0};
    struct node *body = node_copy(f->a, d->create);
    d->create = body;
    node_set(f->a, node_get(body, "Labels"), "openclaw.browserConfigEpoch", node_string(f->a, line->browser_epoch));
    assert_int_equal(create(f, d, &r), -1);
    assert_int_equal(f->e.class, ERR_CONFIG);
    assert_true(text_has_prefix(f->e.msg, "browser.image: "));
    request(f, "POST",
            arena_printf(f->a,
                         "/commit?container=%s&repo=" PREFIX "browser-image&tag=1&changes=LABEL+" OC_BROWSER_CONTRACT_LABEL "=%s",
                         made(f, bare), line->browser_image_contract),
            "{}");
    node_set(f->a, body, "Image", node_string(f->a, PREFIX "browser-image:1"));
    d->image = PREFIX "browser-image:1";
    f->e = (struct err){0};
    must(f, docker_ops.check(f->a, d, &d->fields, &f->e));
    must(f, create(f, d, &r));
    const char *token = env_of(f, r.id, OC_BROWSER_TOKEN_VARIABLE);
    assert_int_equal(strlen(token), 48);
    assert_int_equal(strspn(token, "0123456789abcdef"), 48);
    assert_null(env_of(f, r.id, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"));
    struct observation o = observe(f, d, 1, NULL);
    assert_equal_fields(f, "token", d->fields, find(&o, d->name)->fields);
    assert_null(fields_get(find(&o, d->name)->fields, "docker.env." OC_BROWSER_TOKEN_VARIABLE));
}

/* --- exec --------------------------------------------------------------------------------------------------------------------
 */

struct feeder {
    int fd;
    size_t n;
};

static void *feed_in(void *arg)
{
    struct feeder *x = arg;
    char bytes[4096];
    memset(bytes, 'i', sizeof bytes);
    while (x->n > 0) {
        ssize_t put = write(x->fd, bytes, x->n < sizeof bytes ? x->n : sizeof bytes);
        if (put <= 0)
            break;
        x->n -= (size_t)put;
    }
    close(x->fd);
    return NULL;
}

struct drain {
    int fd;
    size_t n;
    char head[64];
};

static void *drain_out(void *arg)
{
    struct drain *x = arg;
    char bytes[4096];
    for (ssize_t n; (n = read(x->fd, bytes, sizeof bytes)) > 0;) {
        for (ssize_t i = 0; i < n && x->n + (size_t)i < sizeof x->head - 1; i++)
            x->head[x->n + (size_t)i] = bytes[i];
        x->n += (size_t)n;
    }
    close(x->fd);
    return NULL;
}

/* Runs a script with `n_in` bytes as its input; what came out of each side is in `out`. */
static int exec_script(struct fixture *f, const char *id, const char *script, size_t n_in, struct drain out[2])
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const struct call c = within(60000);
    int in[2], pipes[2][2], status = -1;
    pthread_t t[3];
    assert_int_equal(pipe(in), 0);
    struct feeder feeder = {.fd = in[1], .n = n_in};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        out[i] = (struct drain){.fd = pipes[i][0]};
        assert_int_equal(pthread_create(&t[i], NULL, drain_out, &out[i]), 0);
    }
    assert_int_equal(pthread_create(&t[2], NULL, feed_in, &feeder), 0);
    const struct exec_req req = {.id = id, .argv = argv, .fd_in = in[0], .fd_out = pipes[0][1], .fd_err = pipes[1][1]};
    int rc = docker_ops.exec(f->b, &req, &c, &status, &f->e);
    close(in[0]);
    close(pipes[0][1]);
    close(pipes[1][1]);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    must(f, rc);
    return status;
}

static void test_exec_streams(void **state)
{
    struct fixture *f = *state;
    struct drain out[2];
    const char *id = made(f, simple(f, "streams"));
    /* More than any pipe holds, both ways, on both sides. */
    assert_int_equal(exec_script(f, id, "tee /dev/stderr", 3000001, out), 0);
    assert_int_equal(out[0].n, 3000001);
    assert_int_equal(out[1].n, 3000001);
    assert_int_equal(exec_script(f, id, "wc -c; exit 3", 100000, out), 3);
    assert_string_equal(out[0].head, "100000\n");
    /* A command that does not read its input ends all the same. */
    assert_int_equal(exec_script(f, id, "echo done", 5000000, out), 0);
    assert_string_equal(out[0].head, "done\n");
}

static void test_exec_tty(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = {"sh", "-c", "test -t 0 && test -t 1 && echo tty; exit 4", NULL};
    const struct call c = within(30000);
    int pipes[2], status = -1;
    char text[64] = "";
    const char *id = made(f, simple(f, "tty"));
    assert_int_equal(pipe(pipes), 0);
    const struct exec_req req = {.id = id, .argv = argv, .tty = true, .fd_in = -1, .fd_out = pipes[1], .fd_err = -1};
    /* A terminal without anybody at it is still one. */
    must(f, docker_ops.exec(f->b, &req, &c, &status, &f->e));
    close(pipes[1]);
    assert_true(read(pipes[0], text, sizeof text - 1) >= 0);
    close(pipes[0]);
    assert_int_equal(status, 4);
}

static void test_setup_output_cap(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "talkative");
    struct act_result r = {0};
    d->setup = "yes | head -c 3000000; printf 'a\\000b' >&2";
    must(f, create(f, d, &r));
    assert_int_equal(strlen(r.setup_output), 1u << 20);
}

static void *sleep_in(void *arg)
{
    struct fixture *f = arg;
    const char *argv[] = {"sleep", "2", NULL};
    const struct call c = within(30000);
    struct backend *b = NULL;
    struct err e;
    int status = -1;
    const struct backend_conf conf = {.endpoint = "docker", .address = test_engine_host(f->engine), .install = INSTALL};
    if (docker_ops.open(&conf, &b, &e) == 0)
        (void)docker_ops.exec(b, &(struct exec_req){.name = PREFIX "busy", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                              &c, &status, &e);
    docker_ops.close(b);
    return NULL;
}

static void test_busy_by_others(void **state)
{
    struct fixture *f = *state;
    struct desired *d = simple(f, "busy");
    const struct call c = within(30000);
    struct observed o = {0};
    pthread_t t;
    made(f, d);
    assert_int_equal(pthread_create(&t, NULL, sleep_in, f), 0);
    for (int i = 0; i < 200 && o.busy == 0; i++) {
        must(f, docker_ops.look(f->b, f->a, NULL, d->name, &c, &o, &f->e));
        poll(NULL, 0, 10);
    }
    assert_int_equal(o.busy, 1);
    pthread_join(t, NULL);
    must(f, docker_ops.look(f->b, f->a, NULL, d->name, &c, &o, &f->e));
    assert_int_equal(o.busy, 0);
    assert_true(o.busy_known);
}

struct follower {
    struct fixture *f;
    atomic_bool cancel;
    int wake[2], rc;
    atomic_uint hints;
    struct err e;
    long n_wakes;
};

static void on_hint(void *ctx)
{
    atomic_fetch_add(&((struct follower *)ctx)->hints, 1);
}

static void *follow(void *arg)
{
    struct follower *x = arg;
    const struct call c = {.timeout_ms = 1000, .cancel = &x->cancel, .wake_fd = x->wake[0]};
    x->rc = docker_ops.follow(x->f->b, on_hint, x, &c, &x->e);
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    x->n_wakes = u.ru_nvcsw;
    return NULL;
}

static bool more_hints(struct follower *x, unsigned than)
{
    for (int i = 0; i < 300 && atomic_load(&x->hints) <= than; i++)
        poll(NULL, 0, 10);
    return atomic_load(&x->hints) > than;
}

static void test_follow(void **state)
{
    struct fixture *f = *state;
    struct follower x = {.f = f, .rc = 77};
    pthread_t t;
    assert_int_equal(pipe(x.wake), 0);
    assert_int_equal(pthread_create(&t, NULL, follow, &x), 0);
    assert_true(more_hints(&x, 0));
    /* A stranger is no news; a tag is. */
    poll(NULL, 0, 200);
    unsigned n = atomic_load(&x.hints);
    request(f, "POST", "/containers/create?name=" PREFIX "stranger",
            "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"true\"],\"HostConfig\":{\"NetworkMode\":\"none\"}}");
    poll(NULL, 0, 300);
    assert_int_equal(atomic_load(&x.hints), n);
    request(f, "POST", "/images/" TEST_IMAGE "/tag?repo=followed&tag=x", NULL);
    assert_true(more_hints(&x, n));
    /* Nothing happens, and nothing is done: two seconds without a wake-up to speak of. */
    poll(NULL, 0, 2000);
    atomic_store(&x.cancel, true);
    int64_t begun = deadline_now_ms();
    assert_int_equal(write(x.wake[1], "x", 1), 1);
    pthread_join(t, NULL);
    close(x.wake[0]);
    close(x.wake[1]);
    request(f, "DELETE", "/images/followed:x", NULL);
    assert_int_equal(x.rc, 0);
    assert_in_range(deadline_now_ms() - begun, 0, 500);
    if (x.n_wakes > 25)
        fail_msg("%ld wake-ups", x.n_wakes);
}

static int start_shared(void **state)
{
    shared = test_engine_acquire();
    return 0;
}

static int stop_shared(void **state)
{
    test_engine_release(shared);
    return 0;
}

#define with(name, f) ((struct CMUnitTest){name, f, set_up, tear_down, NULL})
#define own(name, f)  ((struct CMUnitTest){name, f, set_up_own, tear_down, NULL})

int main(void)
{
    /* As every program that runs commands: a pipe that nobody reads is an error of write(2). */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    const struct CMUnitTest tests[] = {
        with("what OpenClaw's vectors ask for is made, and inspects back to equal fields", test_vectors),
        with("a round without news is a list and the events, and changes nothing", test_no_op_requests),
        with("ten thousand strangers leave nothing behind", test_strangers_cost_nothing),
        with("a memo notices an update behind our back", test_memo_sees_update),
        with("a memo notices a network that was left", test_memo_sees_network),
        with("a memo is about what was wanted then", test_memo_is_of_one_wish),
        with("a memo proves nothing once events may be lost", test_memo_after_many_events),
        own("a memo proves nothing after the engine was restarted", test_memo_after_restart),
        with("a memo proves nothing without a common clock, and nothing waits for it", test_memo_without_a_clock),
        with("a damaged memo costs only time", test_memo_garbage),
        with("a tag that moved is noticed", test_retag),
        with("a missing image is named with what would get it, and nothing is pulled", test_missing_image),
        with("a cut list is an error wherever it is cut", test_cut_lists),
        own("an engine killed while it lists is an error, and nothing is absent", test_killed_while_listing),
        with("acts whose answers are lost can be done again", test_lost_answers),
        with("a removal reads again what it removes", test_remove_reads_again),
        with("a name is not the beginning of an id", test_names_are_whole),
        with("a browser gets its network, range, password and ports", test_browser),
        with("a browser of 2026.9 gets a token, of an image that knows of it", test_browser_with_token),
        with("exec carries any amount both ways", test_exec_streams),
        with("exec with a terminal", test_exec_tty),
        with("a setup's output is kept up to the cap", test_setup_output_cap),
        with("what others run inside is busy", test_busy_by_others),
        with("an idle follower sleeps, strangers do not wake it, and it ends at once", test_follow),
    };
    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
