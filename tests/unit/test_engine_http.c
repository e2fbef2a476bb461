/* HTTP to an engine, against a small server that answers whatever a test tells it to. */
#include "backends/engine_http.h"
#include "spec/base/limits.h"
#include "tests/lib/engine_proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD  "HTTP/1.1 200 OK\r\nServer: Docker/20.10.24 (linux)\r\nDate: Sun, 22 Nov 2026 12:41:44 GMT\r\n"
#define JSON_ "Content-Type: application/json\r\n"
#define VERSION_140                                                                                                              \
    HEAD "Content-Length: 77\r\n\r\n"                                                                                            \
         "{\"Version\":\"19.03.1\",\"ApiVersion\":\"1.40\",\"MinAPIVersion\":\"1.12\",\"Os\":\"linux\"}"

struct fixture {
    char dir[64], path[80], address[96];
    struct engine_proxy *server;
    struct engine *en;
    struct err e;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/rc-http-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/s.sock", f->dir);
    (void)snprintf(f->address, sizeof f->address, "unix://%s", f->path);
    f->server = engine_proxy_start(f->path, NULL);
    assert_int_equal(engine_open(f->address, NULL, false, &f->en, &f->e), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    engine_close(f->en);
    engine_proxy_stop(f->server);
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct deadline within(int ms)
{
    return (struct deadline){.end_ms = deadline_now_ms() + ms};
}

static void answer(struct fixture *f, const char *match, const char *reply)
{
    engine_proxy_fault(f->server, match, FAULT_REPLY, 0, reply);
}

static int get(struct fixture *f, const char *path, struct engine_reply *ret)
{
    struct deadline d = within(5000);
    f->e = (struct err){0};
    return engine_call(f->en, &(struct engine_req){.method = "GET", .path = path}, &d, ret, &f->e);
}

static int ignore_item(void *ctx, json_t *item, struct err *e)
{
    ++*(int *)ctx;
    return 0;
}

/* The class of a list's error, and how many elements came. */
static enum err_class list(struct fixture *f, int *n)
{
    struct deadline d = within(5000);
    *n = 0;
    f->e = (struct err){0};
    int rc = engine_list(f->en, "/containers/json?all=1", ENGINE_ARRAY, ignore_item, n, &d, &f->e);
    assert_true((rc < 0) == (f->e.class != ERR_NONE));
    return f->e.class;
}

/* --- what comes back ---------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *reply;
    enum err_class class; /* ERR_NONE: a list of two */
} replies[] = {
    {"length", HEAD JSON_ "Content-Length: 14\r\n\r\n[{\"a\":1},{ } ]", ERR_NONE},
    {"chunks", HEAD JSON_ "Transfer-Encoding: chunked\r\n\r\n5\r\n[{\"a\"\r\n9\r\n:1},{ } ]\r\n0\r\n\r\n", ERR_NONE},
    {"until close", HEAD JSON_ "\r\n[{\"a\":1},{ } ]", ERR_NONE},
    {"length cut", HEAD JSON_ "Content-Length: 14\r\n\r\n[{\"a\":1},{", ERR_UNAVAILABLE},
    /* The list looks whole, and is not what was announced. */
    {"length cut behind an end", HEAD JSON_ "Content-Length: 30\r\n\r\n[{\"a\":1},{ } ]", ERR_UNAVAILABLE},
    {"chunks cut", HEAD JSON_ "Transfer-Encoding: chunked\r\n\r\n5\r\n[{\"a\"\r\n", ERR_UNAVAILABLE},
    {"chunks without an end", HEAD JSON_ "Transfer-Encoding: chunked\r\n\r\ne\r\n[{\"a\":1},{ } ]\r\n", ERR_UNAVAILABLE},
    {"bad chunk", HEAD JSON_ "Transfer-Encoding: chunked\r\n\r\nzz\r\n[]", ERR_UNAVAILABLE},
    {"until close, cut", HEAD JSON_ "\r\n[{\"a\":1},{", ERR_INPUT},
    {"empty", HEAD JSON_ "Content-Length: 0\r\n\r\n", ERR_INPUT},
    {"object for a list", HEAD JSON_ "Content-Length: 2\r\n\r\n{}", ERR_INPUT},
    {"null for a list", HEAD JSON_ "Content-Length: 4\r\n\r\nnull", ERR_INPUT},
    {"a page", HEAD "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", ERR_INPUT},
    {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", ERR_INPUT},
    {"nothing", "", ERR_UNAVAILABLE},
    {"half a head", "HTTP/1.1 200 OK\r\nServer: Do", ERR_INPUT},
    {"no content", "HTTP/1.1 204 No Content\r\n\r\n", ERR_INPUT},
    {"redirect", "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n", ERR_INPUT},
    {"400", "HTTP/1.1 400 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}", ERR_CONFIG},
    {"401", "HTTP/1.1 401 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}", ERR_REFUSED},
    {"403", "HTTP/1.1 403 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}", ERR_REFUSED},
    {"404", "HTTP/1.1 404 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}", ERR_NOT_FOUND},
    {"404 of podman", "HTTP/1.1 404 X\r\n\r\n{\"cause\":\"no such container\",\"message\":\"none\",\"response\":404}",
     ERR_NOT_FOUND},
    /* Not the engine's word, so nothing is known to be absent. */
    {"404 of another server", "HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\nNot Found", ERR_INPUT},
    {"404 without a body", "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", ERR_INPUT},
    {"404 of a request that is not known", "HTTP/1.1 404 X\r\n\r\n{\"message\":\"page not found\"}", ERR_UNSUPPORTED},
    {"405", "HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n", ERR_UNSUPPORTED},
    {"409", "HTTP/1.1 409 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}", ERR_CONFLICT},
    {"500", "HTTP/1.1 500 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}", ERR_INTERNAL},
    {"500 without a body", "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", ERR_INTERNAL},
    {"503", "HTTP/1.1 503 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}", ERR_UNAVAILABLE},
};

static void test_replies(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        int n;
        engine_proxy_clear(f->server);
        answer(f, "GET /v1.41/containers/json", replies[i].reply);
        enum err_class class = list(f, &n);
        if (class != replies[i].class || (class == ERR_NONE && n != 2))
            fail_msg("%s: %s with %d elements: %s", replies[i].name, err_class_name(class), n, f->e.msg);
        if (class != ERR_NONE && strstr(f->e.msg, "GET /containers/json") != f->e.msg)
            fail_msg("%s: the message does not begin with the request: %s", replies[i].name, f->e.msg);
    }
}

static void test_message(void **state)
{
    struct fixture *f = *state;
    answer(f, "GET", "HTTP/1.1 404 X\r\nContent-Length: 35\r\n\r\n{\"message\":\"No such\\ncontainer: x\"}");
    assert_int_equal(get(f, "/containers/x/json?secret=yes", NULL), -1);
    assert_string_equal(f->e.msg, "GET /containers/x/json: 404: No such\\ncontainer: x");
    assert_int_equal(f->e.sys, 404);
}

static void test_not_modified(void **state)
{
    struct fixture *f = *state;
    ENGINE_REPLY_AUTO r = {0};
    answer(f, "GET", "HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_int_equal(get(f, "/x", &r), 0);
    assert_int_equal(r.status, 304);
}

static void test_reply_cap(void **state)
{
    struct fixture *f = *state;
    static const char head[] = HEAD "\r\n";
    for (size_t over = 0; over < 2; over++) {
        size_t n = sizeof head - 1 + LIMIT_REPLY_BYTES + over;
        char *bytes = malloc(n);
        assert_non_null(bytes);
        memset(bytes, 'x', n);
        memcpy(bytes, head, sizeof head - 1);
        engine_proxy_clear(f->server);
        engine_proxy_reply(f->server, "GET", FAULT_REPLY, bytes, n);
        free(bytes);
        ENGINE_REPLY_AUTO r = {0};
        int rc = get(f, "/x", &r);
        assert_int_equal(rc, over ? -1 : 0);
        assert_int_equal(f->e.class, over ? ERR_INPUT : ERR_NONE);
        assert_int_equal(r.body.n, over ? 0 : LIMIT_REPLY_BYTES);
    }
}

static void test_clock_and_maker(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(engine_clock_ms(f->en), -1);
    answer(f, "GET", replies[0].reply);
    assert_int_equal(get(f, "/x", NULL), 0);
    assert_true(engine_clock_ms(f->en) == 1795351304000);
    assert_true(engine_is_docker(f->en));
    engine_proxy_clear(f->server);
    answer(f, "GET", "HTTP/1.1 200 OK\r\nServer: Libpod/4.3.1 (linux)\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(get(f, "/x", NULL), 0);
    assert_false(engine_is_docker(f->en));
}

/* --- endpoints that do not answer --------------------------------------------------------------------------------------------
 */

static void test_nobody_there(void **state)
{
    struct fixture *f = *state;
    int n;
    engine_proxy_down(f->server, true);
    assert_int_equal(list(f, &n), ERR_UNAVAILABLE);
    assert_int_equal(f->e.sys, ENOENT);
    assert_non_null(strstr(f->e.msg, f->path));
    assert_non_null(strstr(f->e.msg, "systemctl start docker"));
    engine_proxy_down(f->server, false);
    answer(f, "GET", replies[0].reply);
    assert_int_equal(list(f, &n), ERR_NONE);
}

static void test_timeout(void **state)
{
    struct fixture *f = *state;
    const struct {
        enum engine_fault fault;
        long arg;
        const char *reply;
    } rows[] = {
        {FAULT_HANG, 0, NULL},
        {FAULT_SLOW, 100, replies[0].reply},
        {FAULT_KEEP, 0, HEAD "Content-Length: 14\r\n\r\n[{\"a\":1},"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        engine_proxy_clear(f->server);
        engine_proxy_fault(f->server, "GET", rows[i].fault, rows[i].arg, rows[i].reply);
        int64_t begun = deadline_now_ms();
        struct deadline d = within(300);
        int n = 0;
        assert_int_equal(engine_list(f->en, "/x", ENGINE_ARRAY, ignore_item, &n, &d, &f->e), -1);
        assert_int_equal(f->e.class, ERR_TIMEOUT);
        assert_in_range(deadline_now_ms() - begun, 290, 600);
    }
    /* The next call is not disturbed by what was left hanging. */
    engine_proxy_clear(f->server);
    answer(f, "GET", replies[0].reply);
    int n;
    assert_int_equal(list(f, &n), ERR_NONE);
}

struct cancel {
    atomic_bool flag;
    int64_t at_ms;
};

static void *cancel_soon(void *arg)
{
    struct cancel *x = arg;
    poll(NULL, 0, 150);
    x->at_ms = deadline_now_ms();
    atomic_store(&x->flag, true);
    return NULL;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct cancel x = {0};
    pthread_t t;
    engine_proxy_fault(f->server, "GET", FAULT_HANG, 0, NULL);
    assert_int_equal(pthread_create(&t, NULL, cancel_soon, &x), 0);
    struct deadline d = {.end_ms = deadline_now_ms() + 20000, .cancel = &x.flag};
    assert_int_equal(engine_call(f->en, &(struct engine_req){.method = "GET", .path = "/x"}, &d, NULL, &f->e), -1);
    int64_t end = deadline_now_ms();
    pthread_join(t, NULL);
    assert_int_equal(f->e.class, ERR_CANCELLED);
    assert_in_range(end - x.at_ms, 0, 150);
    /* Cancelled before: nothing is waited for. */
    assert_int_equal(engine_call(f->en, &(struct engine_req){.method = "GET", .path = "/x"}, &d, NULL, &f->e), -1);
    assert_int_equal(f->e.class, ERR_CANCELLED);
}

/* --- connections ----------------------------------------------------------------------------------------------------------- */

static void test_kept_connection(void **state)
{
    struct fixture *f = *state;
    engine_proxy_fault(f->server, "GET", FAULT_KEEP, 0, replies[0].reply);
    for (int i = 0; i < 5; i++)
        assert_int_equal(get(f, "/x", NULL), 0);
    assert_int_equal(engine_proxy_connections(f->server), 1);
    assert_int_equal(engine_proxy_count(f->server, "GET /v1.41/x"), 5);
    /* The engine was restarted between two calls. */
    engine_proxy_down(f->server, true);
    poll(NULL, 0, 100);
    engine_proxy_down(f->server, false);
    assert_int_equal(get(f, "/x", NULL), 0);
}

static void test_closing_engine(void **state)
{
    struct fixture *f = *state;
    /* It says nothing of closing, and closes: now before the next request, now behind it. */
    engine_proxy_fault(f->server, "GET", FAULT_REPLY, 0, replies[0].reply);
    for (int i = 0; i < 200; i++)
        if (get(f, "/x", NULL) < 0)
            fail_msg("call %d: %s", i, f->e.msg);
}

static void test_post(void **state)
{
    struct fixture *f = *state;
    struct deadline d = within(5000);
    json_t *body = json_pack("{s:s}", "Env", "PASSWORD=canary"), *reply = NULL;
    engine_proxy_fault(f->server, "POST /v1.41/containers/create", FAULT_KEEP, 0,
                       HEAD "Content-Length: 10\r\n\r\n{\"Id\":\"a\"}");
    assert_int_equal(engine_json(f->en, "POST", "/containers/create", body, &d, &reply, &f->e), 0);
    assert_string_equal(engine_text(reply, "Id"), "a");
    json_decref(reply);
    /* What was sent is in no error. */
    engine_proxy_fault(f->server, "POST", FAULT_KEEP, 0, "HTTP/1.1 400 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}");
    assert_int_equal(engine_json(f->en, "POST", "/containers/create", body, &d, &reply, &f->e), -1);
    assert_int_equal(f->e.class, ERR_CONFIG);
    assert_null(strstr(f->e.msg, "canary"));
    json_decref(body);
    /* A GET behind it is a GET again. */
    engine_proxy_fault(f->server, "GET", FAULT_KEEP, 0, replies[0].reply);
    assert_int_equal(get(f, "/x", NULL), 0);
    engine_proxy_fault(f->server, "DELETE", FAULT_KEEP, 0, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(engine_call(f->en, &(struct engine_req){.method = "DELETE", .path = "/x"}, &d, NULL, &f->e), 0);
    char *log = engine_proxy_log(f->server);
    assert_string_equal(log, "POST /v1.41/containers/create\nPOST /v1.41/containers/create\nGET /v1.41/x\nDELETE /v1.41/x\n");
    free(log);
    assert_int_equal(engine_proxy_mutating(f->server), 3);
}

struct each {
    int found, missing, order[64];
    bool stop;
};

static int on_each(void *ctx, size_t i, json_t *item, const struct err *why, struct err *e)
{
    struct each *x = ctx;
    x->order[i]++;
    if (item)
        x->found++;
    else if (why->class == ERR_NOT_FOUND)
        x->missing++;
    else
        return err_set(e, why->class, 0, "%s", why->msg);
    return x->stop ? err_set(e, ERR_REFUSED, 0, "enough") : 0;
}

static void test_each(void **state)
{
    struct fixture *f = *state;
    struct deadline d = within(5000);
    const char *paths[40];
    struct each x = {0};
    engine_proxy_fault(f->server, "GET /version", FAULT_KEEP, 0, VERSION_140);
    engine_proxy_fault(f->server, "GET /v1.40/a", FAULT_KEEP, 0, HEAD "Content-Length: 2\r\n\r\n{}");
    engine_proxy_fault(f->server, "GET /v1.40/b", FAULT_KEEP, 0,
                       "HTTP/1.1 404 X\r\nContent-Length: 17\r\n\r\n{\"message\":\"bad\"}");
    for (int i = 0; i < 40; i++)
        paths[i] = i % 4 == 3 ? "/b" : "/a";
    assert_int_equal(engine_get_each(f->en, paths, 40, on_each, &x, &d, &f->e), 0);
    assert_int_equal(x.found, 30);
    assert_int_equal(x.missing, 10);
    for (int i = 0; i < 40; i++)
        assert_int_equal(x.order[i], 1);
    assert_in_range(engine_proxy_connections(f->server), 1, ENGINE_WIDTH);
    assert_int_equal(engine_get_each(f->en, paths, 0, on_each, &x, &d, &f->e), 0);
    /* One that fails, or a receiver that has enough, ends all. */
    x = (struct each){.stop = true};
    assert_int_equal(engine_get_each(f->en, paths, 40, on_each, &x, &d, &f->e), -1);
    assert_int_equal(f->e.class, ERR_REFUSED);
    assert_int_equal(x.found + x.missing, 1);
    x = (struct each){0};
    paths[7] = "/cut";
    engine_proxy_fault(f->server, "/cut", FAULT_REPLY, 0, HEAD "Content-Length: 20\r\n\r\n{");
    assert_int_equal(engine_get_each(f->en, paths, 40, on_each, &x, &d, &f->e), -1);
    assert_int_equal(f->e.class, ERR_UNAVAILABLE);
    paths[7] = "/a";
    x = (struct each){0};
    assert_int_equal(engine_get_each(f->en, paths, 40, on_each, &x, &d, &f->e), 0);
    assert_int_equal(x.found, 31);
}

/* --- dialect -----------------------------------------------------------------------------------------------------------------
 */

static const char *version_reply(char *out, size_t n, const char *api, const char *min)
{
    char body[256];
    (void)snprintf(body, sizeof body, "{\"Version\":\"x\",\"ApiVersion\":\"%s\",\"MinAPIVersion\":\"%s\"}", api, min);
    (void)snprintf(out, n, HEAD "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    return out;
}

static void test_dialects(void **state)
{
    static const struct {
        const char *api, *min, *said; /* said: what a request in 1.41 is answered; NULL: understood */
        const char *used;             /* NULL: refused */
    } rows[] = {
        {"1.41", "1.12", NULL, "1.41"},
        {"1.51", "1.24", NULL, "1.41"},
        {"1.52", "1.44", "client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade", "1.44"},
        {"1.40", "1.12", "client version 1.41 is too new. Maximum supported API version is 1.40", "1.40"},
        {"1.39", "1.12", "client version 1.41 is too new. Maximum supported API version is 1.39", NULL},
        {"two", "1.12", "client version 1.41 is too new. Maximum supported API version is two", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture *f;
        char reply[512], path[32];
        void *fresh = NULL;
        assert_int_equal(set_up(&fresh), 0);
        f = fresh;
        if (rows[i].said) {
            (void)snprintf(reply, sizeof reply, "HTTP/1.1 400 X\r\nContent-Length: %zu\r\n\r\n{\"message\":\"%s\"}",
                           strlen(rows[i].said) + 14, rows[i].said);
            answer(f, "/v1.41/", reply);
        } else {
            answer(f, "/v1.41/", replies[0].reply);
        }
        if (rows[i].used && strcmp(rows[i].used, "1.41") != 0) {
            (void)snprintf(path, sizeof path, "/v%s/containers", rows[i].used);
            answer(f, path, replies[0].reply);
        }
        answer(f, "GET /version", version_reply(reply, sizeof reply, rows[i].api, rows[i].min));
        int n;
        enum err_class class = list(f, &n);
        if (rows[i].used) {
            assert_int_equal(class, ERR_NONE);
            assert_int_equal(n, 2);
            assert_string_equal(engine_api(f->en), rows[i].used);
            assert_int_equal(list(f, &n), ERR_NONE);
            /* Asked once, where it had to be asked at all. */
            assert_int_equal(engine_proxy_count(f->server, "GET /version"), rows[i].said ? 1 : 0);
        } else {
            assert_true(class == ERR_UNSUPPORTED || class == ERR_INPUT);
        }
        tear_down(&fresh);
    }
}

/* --- addresses ---------------------------------------------------------------------------------------------------------------
 */

static void test_addresses(void **state)
{
    static const struct {
        const char *address;
        bool tls, ok, is_tls;
        const char *url;
    } rows[] = {
        {NULL, false, true, false, "http://localhost"},
        {"", false, true, false, "http://localhost"},
        {"unix:///run/x.sock", false, true, false, "http://localhost"},
        {"unix:///run/x.sock", true, true, false, "http://localhost"},
        {"tcp://127.0.0.1:2375", false, true, false, "http://127.0.0.1:2375"},
        {"tcp://127.0.0.1:2376/", true, true, true, "https://127.0.0.1:2376"},
        {"tcp://host", false, true, false, "http://host:2375"},
        {"tcp://host", true, true, true, "https://host:2376"},
        {"tcp://[::1]", false, true, false, "http://[::1]:2375"},
        {"tcp://[::1]:99", false, true, false, "http://[::1]:99"},
        {"https://host", false, true, true, "https://host:2376"},
        {"unix://run/x.sock", false, false},
        {"unix://", false, false},
        {"/run/x.sock", false, false},
        {"ssh://host", false, false},
        {"npipe:////./pipe/docker", false, false},
        {"tcp://", false, false},
        {"tcp://a b", false, false},
        {"tcp://user@host", false, false},
        {"tcp://host/path", false, false},
        {"tcp://host:1\r\nX: y", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct engine *en = NULL;
        struct err e = {0};
        int rc = engine_open(rows[i].address, rows[i].tls ? "/nowhere" : NULL, true, &en, &e);
        if ((rc == 0) != rows[i].ok)
            fail_msg("%s: %s", rows[i].address, e.msg);
        if (rc == 0) {
            assert_string_equal(engine_url(en), rows[i].url);
            assert_int_equal(engine_is_tls(en), rows[i].is_tls);
        } else {
            assert_int_equal(e.class, ERR_CONFIG);
        }
        engine_close(en);
    }
    char path[140] = "unix:///";
    for (size_t n = 107; n <= 108; n++) {
        struct engine *en = NULL;
        struct err e;
        memset(path + 8, 'x', n - 1);
        path[7 + n] = '\0';
        assert_int_equal(engine_open(path, NULL, false, &en, &e), n == 107 ? 0 : -1);
        engine_close(en);
    }
}

static void test_escape(void **state)
{
    BUF_AUTO b = BUF_INIT(256);
    engine_escape(&b, "aZ9-._~/:@ ?#%&\"\n\xc3\xa9", "/:@");
    assert_string_equal(buf_str(&b), "aZ9-._~/:@%20%3F%23%25%26%22%0A%C3%A9");
    buf_clear(&b);
    engine_escape(&b, "a/b:c", "");
    assert_string_equal(buf_str(&b), "a%2Fb%3Ac");
}

#define with(name, f) ((struct CMUnitTest){name, f, set_up, tear_down, NULL})

int main(void)
{
    const struct CMUnitTest tests[] = {
        with("every kind of reply has its class, and a cut one is never a short list", test_replies),
        with("an error names the request and the engine's words, escaped", test_message),
        with("not modified is success", test_not_modified),
        with("a reply of the cap passes, one byte more does not", test_reply_cap),
        with("the engine's clock and maker are read from its replies", test_clock_and_maker),
        with("where nobody listens, the error says what to do", test_nobody_there),
        with("silence ends at the deadline, wherever it begins", test_timeout),
        with("a cancel ends a call at once", test_cancel),
        with("connections are kept, and made anew after a restart", test_kept_connection),
        with("a connection that was closed is made anew, however often", test_closing_engine),
        with("what is posted is posted, and in no error", test_post),
        with("many requests are each answered once", test_each),
        {"the dialect is the one that both know", test_dialects, NULL, NULL, NULL},
        {"addresses are read or refused", test_addresses, NULL, NULL, NULL},
        {"paths are escaped", test_escape, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
