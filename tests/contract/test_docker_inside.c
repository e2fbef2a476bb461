/* What only the docker backend has to show of what runs: browsers, exec, setups and followers. */
#include "spec/base/text.h"
#include "spec/openclaw/create.h"
#include "tests/lib/docker_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- browsers ----------------------------------------------------------------------------------------------------------------
 */

static struct desired *browser(struct rig *f, const char *name, const char *range)
{
    struct node *body = rig_parse(f, "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"sleep\",\"infinity\"],"
                                     "\"Env\":[\"OPENCLAW_BROWSER_HEADLESS=0\",\"OPENCLAW_BROWSER_ENABLE_NOVNC=1\","
                                     "\"OPENCLAW_BROWSER_CDP_PORT=9222\",\"OPENCLAW_BROWSER_NOVNC_PORT=6080\"],"
                                     "\"ExposedPorts\":{\"9222/tcp\":{},\"6080/tcp\":{}},"
                                     "\"Labels\":{\"openclaw.sandbox\":\"1\",\"openclaw.sandboxBrowser\":\"1\","
                                     "\"openclaw.sessionKey\":\"agent:main\"},"
                                     "\"HostConfig\":{\"NetworkMode\":\"" RIG_PREFIX "browsers\",\"PortBindings\":{"
                                     "\"9222/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}],"
                                     "\"6080/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}}}");
    if (range)
        node_push(f->a, node_get(body, "Env"), node_printf(f->a, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE=%s", range));
    return rig_desire(f, name, RUNTIME_BROWSER, body);
}

static const char *env_of(struct rig *f, const char *id, const char *key)
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
    struct rig *f = *state;
    struct desired *d = browser(f, "browser", "");
    struct act_result r = {0}, s = {0};
    const struct call c = rig_call(30000);
    must(f, rig_create(f, d, &r));
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
    struct observation o = rig_observe(f, d, 1, NULL);
    for (int round = 0; round < 2; round++) {
        const struct observed *b = rig_find(&o, d->name);
        assert_int_equal(b->kind, RUNTIME_BROWSER);
        assert_int_equal(b->cdp_port, r.cdp_port);
        assert_int_equal(b->no_vnc_port, r.no_vnc_port);
        if (round == 0)
            rig_assert_fields(f, "browser", d->fields, b->fields);
        o = rig_observe(f, d, 1, o.memo);
    }
    assert_false(rig_find(&o, d->name)->fields_known);
    /* After a stop and a start the ports are others, and told. */
    struct backend_act act = {.step = STEP_STOP, .name = d->name, .id = r.id, .want = d};
    must(f, docker_ops.apply(f->b, f->a, &act, &c, &s, &f->e));
    act.step = STEP_START;
    must(f, docker_ops.apply(f->b, f->a, &act, &c, &s, &f->e));
    assert_in_range(s.cdp_port, 1, 65535);
    /* A second one finds the network there, and gets a password of its own. */
    struct desired *d2 = browser(f, "browser2", NULL), *d3 = browser(f, "browser3", "10.1.2.3/32");
    must(f, rig_create(f, d2, &s));
    assert_string_equal(env_of(f, s.id, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"), range);
    assert_string_not_equal(env_of(f, s.id, "OPENCLAW_BROWSER_NOVNC_PASSWORD"), password);
    assert_int_equal(engine_proxy_count(f->proxy, "POST /v1.41/networks/create"), 1);
    must(f, rig_create(f, d3, &s));
    assert_string_equal(env_of(f, s.id, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"), "10.1.2.3/32");
    /* A range that the owner sets is a setting: without it, it is drift. */
    struct desired *without = browser(f, "browser3", NULL);
    struct field_change *ch;
    o = rig_observe(f, d3, 1, NULL);
    rig_assert_fields(f, "browser3", d3->fields, rig_find(&o, d3->name)->fields);
    assert_true(fields_diff(f->a, d3->fields, without->fields, &ch) > 0);
}

/* 2026.9: a token instead of a range, and an image that knows of it. */
static void test_browser_with_token(void **state)
{
    struct rig *f = *state;
    const struct oc_profile *line = &oc_profiles[OC_LINE_2026_9];
    struct desired *d = browser(f, "token", NULL);
    struct desired *bare = rig_desire(f, "contract", RUNTIME_SANDBOX,
                                      rig_parse(f, "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"sleep\",\"infinity\"]}"));
    struct act_result r = {0};
    struct node *body = node_copy(f->a, d->create);
    d->create = body;
    node_set(f->a, node_get(body, "Labels"), "openclaw.browserConfigEpoch", node_string(f->a, line->browser_epoch));
    assert_int_equal(rig_create(f, d, &r), -1);
    assert_int_equal(f->e.class, ERR_CONFIG);
    assert_true(text_has_prefix(f->e.msg, "browser.image: "));
    rig_request(f, "POST",
                arena_printf(f->a,
                             "/commit?container=%s&repo=" RIG_PREFIX
                             "browser-image&tag=1&changes=LABEL+" OC_BROWSER_CONTRACT_LABEL "=%s",
                             rig_made(f, bare), line->browser_image_contract),
                "{}");
    node_set(f->a, body, "Image", node_string(f->a, RIG_PREFIX "browser-image:1"));
    d->image = RIG_PREFIX "browser-image:1";
    f->e = (struct err){0};
    must(f, docker_ops.check(f->a, d, &d->fields, &f->e));
    must(f, rig_create(f, d, &r));
    const char *token = env_of(f, r.id, OC_BROWSER_TOKEN_VARIABLE);
    assert_int_equal(strlen(token), 48);
    assert_int_equal(strspn(token, "0123456789abcdef"), 48);
    assert_null(env_of(f, r.id, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"));
    struct observation o = rig_observe(f, d, 1, NULL);
    rig_assert_fields(f, "token", d->fields, rig_find(&o, d->name)->fields);
    assert_null(fields_get(rig_find(&o, d->name)->fields, "docker.env." OC_BROWSER_TOKEN_VARIABLE));
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
static int exec_script(struct rig *f, const char *id, const char *script, size_t n_in, struct drain out[2])
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const struct call c = rig_call(60000);
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
    struct rig *f = *state;
    struct drain out[2];
    const char *id = rig_made(f, rig_simple(f, "streams"));
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
    struct rig *f = *state;
    const char *argv[] = {"sh", "-c", "test -t 0 && test -t 1 && echo tty; exit 4", NULL};
    const struct call c = rig_call(30000);
    int pipes[2], status = -1;
    char text[64] = "";
    const char *id = rig_made(f, rig_simple(f, "tty"));
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
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "talkative");
    struct act_result r = {0};
    d->setup = "yes | head -c 3000000; printf 'a\\000b' >&2";
    must(f, rig_create(f, d, &r));
    assert_int_equal(strlen(r.setup_output), 1u << 20);
}

static void *sleep_in(void *arg)
{
    struct rig *f = arg;
    const char *argv[] = {"sleep", "2", NULL};
    const struct call c = rig_call(30000);
    struct backend *b = NULL;
    struct err e;
    int status = -1;
    const struct backend_conf conf = {.endpoint = "docker", .address = test_engine_host(f->engine), .install = RIG_INSTALL};
    if (docker_ops.open(&conf, &b, &e) == 0)
        (void)docker_ops.exec(
            b, &(struct exec_req){.name = RIG_PREFIX "busy", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1}, &c, &status,
            &e);
    docker_ops.close(b);
    return NULL;
}

static void test_busy_by_others(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "busy");
    const struct call c = rig_call(30000);
    struct observed o = {0};
    pthread_t t;
    rig_made(f, d);
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
    struct rig *f;
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
    struct rig *f = *state;
    struct follower x = {.f = f, .rc = 77};
    pthread_t t;
    assert_int_equal(pipe(x.wake), 0);
    assert_int_equal(pthread_create(&t, NULL, follow, &x), 0);
    assert_true(more_hints(&x, 0));
    /* A stranger is no news; a tag is. */
    poll(NULL, 0, 200);
    unsigned n = atomic_load(&x.hints);
    rig_request(f, "POST", "/containers/create?name=" RIG_PREFIX "stranger",
                "{\"Image\":\"" TEST_IMAGE "\",\"Cmd\":[\"true\"],\"HostConfig\":{\"NetworkMode\":\"none\"}}");
    poll(NULL, 0, 300);
    assert_int_equal(atomic_load(&x.hints), n);
    rig_request(f, "POST", "/images/" TEST_IMAGE "/tag?repo=followed&tag=x", NULL);
    assert_true(more_hints(&x, n));
    /* Nothing happens, and nothing is done: two seconds without a wake-up to speak of. */
    poll(NULL, 0, 2000);
    atomic_store(&x.cancel, true);
    int64_t begun = deadline_now_ms();
    assert_int_equal(write(x.wake[1], "x", 1), 1);
    pthread_join(t, NULL);
    close(x.wake[0]);
    close(x.wake[1]);
    rig_request(f, "DELETE", "/images/followed:x", NULL);
    assert_int_equal(x.rc, 0);
    assert_in_range(deadline_now_ms() - begun, 0, 500);
    if (x.n_wakes > 25)
        fail_msg("%ld wake-ups", x.n_wakes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with("a browser gets its network, range, password and ports", test_browser),
        with("a browser of 2026.9 gets a token, of an image that knows of it", test_browser_with_token),
        with("exec carries any amount both ways", test_exec_streams),
        with("exec with a terminal", test_exec_tty),
        with("a setup's output is kept up to the cap", test_setup_output_cap),
        with("what others run inside is busy", test_busy_by_others),
        with("an idle follower sleeps, strangers do not wake it, and it ends at once", test_follow),
    };
    return cmocka_run_group_tests_name("docker: what runs", tests, rig_start, rig_stop);
}
