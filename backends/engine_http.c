#include "backends/engine_http.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAKE_MS         60000 /* a look at cancel even where the wake-up was lost */
#define FAILED_BODY_MAX 65536 /* of a reply that says what went wrong */

/* What was begun and not seen to end. */
struct later {
    pthread_t thread;
    void (*run)(void *ctx);
    void *ctx;
    struct later *next;
};

struct engine {
    char *address;
    char *tls_dir; /* or NULL */
    struct later *later;
    char *socket_path; /* or NULL */
    char *url;         /* "http://host:port" */
    bool tls, tls_verify;
    char *ca, *cert, *key;
    CURLM *multi;
    CURL *easy[ENGINE_WIDTH];
    struct curl_slist *headers, *json_headers;
    char api[16];
    bool settled; /* the dialect was agreed on with the engine, or has worked */
    int64_t clock_ms;
    bool is_docker;
    enum engine_flavour flavour;
    bool flavour_known;
    enum engine_flavour expected;
};

/* One request on its way. */
struct exchange {
    CURL *easy;
    const struct engine_req *req;
    struct buf body; /* of the reply, or of the engine's complaint */
    char url[4096];
    char detail[CURL_ERROR_SIZE];
    struct err err; /* of on_body */
    bool stopped;
    bool done;
    CURLcode code;
    int status;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_begin(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

static char *must_strdup(const char *s)
{
    char *p = strdup(s);
    if (!p)
        abort();
    return p;
}

static char *must_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *must_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p;
    if (vasprintf(&p, fmt, ap) < 0)
        abort();
    va_end(ap);
    return p;
}

/* --- opening ------------------------------------------------------------------------------------------------------------- */

static int parse_address(struct engine *en, struct err *e)
{
    const char *at = en->address;
    if (text_has_prefix(at, "unix://")) {
        const char *path = at + strlen("unix://");
        if (path[0] != '/')
            return err_set(e, ERR_CONFIG, 0, "%s: an absolute path has to follow unix://", at);
        /* sockaddr_un */
        if (strlen(path) > 107)
            return err_set(e, ERR_CONFIG, 0, "%s: longer than a socket's path may be", at);
        en->socket_path = must_strdup(path);
        en->url = must_strdup("http://localhost");
        en->tls = false;
        return 0;
    }
    const char *host = NULL;
    bool secure = en->tls;
    if (text_has_prefix(at, "tcp://"))
        host = at + strlen("tcp://");
    else if (text_has_prefix(at, "http://"))
        host = at + strlen("http://");
    else if (text_has_prefix(at, "https://")) {
        host = at + strlen("https://");
        secure = true;
    }
    if (!host)
        return err_set(e, ERR_CONFIG, 0, "%s: an engine's address begins with unix://, tcp:// or https://", at);
    size_t n = strlen(host);
    while (n > 0 && host[n - 1] == '/')
        n--;
    if (n == 0 || strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]%") < n)
        return err_set(e, ERR_CONFIG, 0, "%s: not host:port", at);
    const char *bracket = memchr(host, ']', n);
    const char *from = bracket ? bracket : host;
    bool has_port = memchr(from, ':', n - (size_t)(from - host)) != NULL;
    en->tls = secure;
    en->url = must_printf("%s://%.*s%s", secure ? "https" : "http", (int)n, host, has_port ? "" : secure ? ":2376" : ":2375");
    return 0;
}

int engine_open(const char *address, const char *tls_dir, bool tls_verify, struct engine **ret, struct err *e)
{
    pthread_once(&curl_once, curl_begin);
    struct engine *en = calloc(1, sizeof *en);
    if (!en)
        abort();
    en->address = must_strdup(address && *address ? address : ENGINE_DEFAULT_ADDRESS);
    en->tls = tls_dir != NULL;
    en->tls_dir = tls_dir ? must_strdup(tls_dir) : NULL;
    en->tls_verify = tls_verify;
    en->clock_ms = -1;
    memcpy(en->api, ENGINE_API, sizeof ENGINE_API);
    if (parse_address(en, e) < 0) {
        engine_close(en);
        return -1;
    }
    if (en->tls && tls_dir) {
        en->ca = must_printf("%s/ca.pem", tls_dir);
        en->cert = must_printf("%s/cert.pem", tls_dir);
        en->key = must_printf("%s/key.pem", tls_dir);
    }
    /* No "Expect: 100-continue": engines do not need to be asked. */
    en->headers = curl_slist_append(NULL, "Expect:");
    en->json_headers = curl_slist_append(curl_slist_append(NULL, "Expect:"), "Content-Type: application/json");
    en->multi = curl_multi_init();
    if (!en->headers || !en->json_headers || !en->multi)
        abort();
    *ret = en;
    return 0;
}

void engine_close(struct engine *en)
{
    if (!en)
        return;
    for (struct later *l = en->later, *next; l; l = next) {
        next = l->next;
        (void)pthread_join(l->thread, NULL);
        free(l);
    }
    for (size_t i = 0; i < ENGINE_WIDTH; i++)
        if (en->easy[i])
            curl_easy_cleanup(en->easy[i]);
    if (en->multi)
        curl_multi_cleanup(en->multi);
    curl_slist_free_all(en->headers);
    curl_slist_free_all(en->json_headers);
    free(en->address);
    free(en->tls_dir);
    free(en->socket_path);
    free(en->url);
    free(en->ca);
    free(en->cert);
    free(en->key);
    free(en);
}

struct engine *engine_twin(const struct engine *en)
{
    struct engine *twin;
    struct err impossible;
    if (engine_open(en->address, en->tls_dir, en->tls_verify, &twin, &impossible) < 0)
        abort(); /* it was opened so before */
    memcpy(twin->api, en->api, sizeof twin->api);
    twin->settled = en->settled;
    twin->is_docker = en->is_docker;
    twin->flavour = en->flavour;
    twin->expected = en->expected;
    twin->flavour_known = en->flavour_known;
    return twin;
}

static void *run_later(void *arg)
{
    struct later *l = arg;
    l->run(l->ctx);
    return NULL;
}

void engine_later(struct engine *en, void (*run)(void *ctx), void *ctx, int wait_ms)
{
    struct later *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    *l = (struct later){.run = run, .ctx = ctx};
    if (pthread_create(&l->thread, NULL, run_later, l) != 0) {
        run(ctx);
        free(l);
        return;
    }
    int64_t until_ms = deadline_now_ms() + wait_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    if (pthread_clockjoin_np(l->thread, NULL, CLOCK_MONOTONIC, &until) == 0) {
        free(l);
        return;
    }
    l->next = en->later;
    en->later = l;
}

static void set_up(const struct engine *en, CURL *h)
{
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "reconclaw/" RECONCLAW_VERSION);
    /* Waiting ends by our own deadline, which covers several requests. */
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, 86400000L);
    if (en->socket_path)
        curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, en->socket_path);
    /* An events stream is silent for hours; a host that went away must still be noticed. */
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    if (!en->tls)
        return;
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, en->tls_verify ? 1L : 0L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, en->tls_verify ? 2L : 0L);
    if (en->ca) {
        if (en->tls_verify)
            curl_easy_setopt(h, CURLOPT_CAINFO, en->ca);
        curl_easy_setopt(h, CURLOPT_SSLCERT, en->cert);
        curl_easy_setopt(h, CURLOPT_SSLKEY, en->key);
    }
}

CURL *engine_handle(struct engine *en)
{
    CURL *h = curl_easy_init();
    if (!h)
        abort();
    set_up(en, h);
    return h;
}

const char *engine_url(const struct engine *en)
{
    return en->url;
}

int64_t engine_clock_ms(const struct engine *en)
{
    return en->clock_ms;
}

bool engine_is_docker(const struct engine *en)
{
    return en->is_docker;
}

const char *engine_api(const struct engine *en)
{
    return en->api;
}

const char *engine_address(const struct engine *en)
{
    return en->address;
}

bool engine_is_tls(const struct engine *en)
{
    return en->tls;
}

/* --- errors --------------------------------------------------------------------------------------------------------------- */

void engine_expect(struct engine *en, enum engine_flavour flavour)
{
    en->expected = flavour;
}

/* What helps where a socket does not answer. */
static const struct {
    const char *start, *permit;
} remedies[] = {
    [ENGINE_DOCKER] = {"systemctl start docker), or name another by DOCKER_HOST",
                       "join the group that owns it (usermod -aG docker USER), or run as root"},
    [ENGINE_PODMAN] = {"systemctl start podman.socket, as a user with --user), or name another by CONTAINER_HOST",
                       "it is another user's: run as that user, or have a podman.socket of your own"},
};

static int connect_err(const struct engine *en, int sys, const char *detail, const char *what, struct err *e)
{
    if (en->socket_path && (sys == EACCES || sys == EPERM))
        return err_set(e, ERR_UNAVAILABLE, sys, "%s: no permission on %s: %s", what, en->socket_path,
                       remedies[en->expected].permit);
    if (en->socket_path)
        return err_set(e, ERR_UNAVAILABLE, sys, "%s: no engine answers on %s (%s): start it (%s", what, en->socket_path,
                       sys ? strerror(sys) : detail, remedies[en->expected].start);
    return err_set(e, ERR_UNAVAILABLE, sys, "%s: no engine answers at %s (%s)", what, en->address, sys ? strerror(sys) : detail);
}

int engine_curl_err(struct engine *en, CURL *easy, CURLcode code, const char *detail, const char *what, struct err *e)
{
    long sys = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &sys);
    if (!detail || !*detail)
        detail = curl_easy_strerror(code);
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return connect_err(en, (int)sys, detail, what, e);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(e, ERR_TIMEOUT, 0, "%s: no answer from %s in time", what, en->address);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(e, ERR_CONFIG, 0, "%s: the TLS files of %s: %s", what, en->address, detail);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(e, ERR_UNAVAILABLE, 0, "%s: TLS with %s: %s", what, en->address, detail);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return err_set(e, ERR_INPUT, 0, "%s: what answers at %s is no engine: %s", what, en->address, detail);
    default:
        return err_set(e, ERR_UNAVAILABLE, (int)sys, "%s: the connection to %s broke: %s", what, en->address, detail);
    }
}

/* Podman's status is 500 for most of what goes wrong, and its `cause` tells what. */
static const struct {
    const char *cause;
    enum err_class class;
} causes[] = {
    {"that name is already in use", ERR_CONFLICT},
    {"container state improper", ERR_CONFLICT},
    {"container already exists", ERR_CONFLICT},
    {"no such container", ERR_NOT_FOUND},
    {"no such image", ERR_NOT_FOUND},
    {"image not known", ERR_NOT_FOUND},
    {"invalid mount option", ERR_CONFIG},
    {"invalid argument", ERR_CONFIG},
    {"OCI permission denied", ERR_REFUSED},
};

static enum err_class class_of_cause(const json_t *reply, enum err_class otherwise)
{
    const char *cause = engine_text(reply, "cause");
    for (size_t i = 0; cause && i < sizeof causes / sizeof *causes; i++)
        if (strcmp(cause, causes[i].cause) == 0)
            return causes[i].class;
    return otherwise;
}

int engine_status_err(int status, const char *body, size_t n, const char *what, struct err *e)
{
    json_error_t je;
    json_t *o = json_loadb(body, n, JSON_ALLOW_NUL, &je);
    const char *said = engine_text(o, "message");
    enum err_class class;
    if (status == 404)
        class = !said ? ERR_INPUT : strcmp(said, "page not found") == 0 ? ERR_UNSUPPORTED : ERR_NOT_FOUND;
    else if (status == 400)
        class = ERR_CONFIG;
    else if (status == 401 || status == 403)
        class = ERR_REFUSED;
    else if (status == 409)
        class = ERR_CONFLICT;
    else if (status == 405 || status == 501)
        class = ERR_UNSUPPORTED;
    else if (status == 429 || status == 503)
        class = ERR_UNAVAILABLE;
    else
        class = status >= 500 ? class_of_cause(o, ERR_INTERNAL) : ERR_INPUT;
    err_set(e, class, status, "%s: %d: %s", what, status, said ? said : "no answer of an engine");
    json_decref(o);
    return -1;
}

static void what_of(const struct engine_req *req, char *out, size_t n)
{
    /* The query holds filters and names: long, and of no use to who reads the error. */
    (void)snprintf(out, n, "%s %.*s", req->method, (int)strcspn(req->path, "?"), req->path);
}

static int exchange_err(struct engine *en, struct exchange *x, struct err *e)
{
    char what[512];
    what_of(x->req, what, sizeof what);
    if (x->stopped) {
        *e = x->err;
        return err_wrap(e, "%s", what);
    }
    if (x->code != CURLE_OK)
        return engine_curl_err(en, x->easy, x->code, x->detail, what, e);
    if ((x->status >= 200 && x->status < 300) || x->status == 304)
        return 0;
    return engine_status_err(x->status, buf_str(&x->body), x->body.n, what, e);
}

/* --- one exchange ---------------------------------------------------------------------------------------------------------- */

static size_t on_bytes(char *p, size_t size, size_t n, void *ctx)
{
    struct exchange *x = ctx;
    long status = 0;
    n *= size;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    bool good = status >= 200 && status < 300;
    if (good && x->req->on_body) {
        if (x->req->on_body(x->req->ctx, p, n, &x->err) < 0) {
            x->stopped = true;
            return 0;
        }
        return n;
    }
    x->body.max = good ? LIMIT_REPLY_BYTES : FAILED_BODY_MAX;
    buf_put(&x->body, p, n);
    if (x->body.full) {
        err_set(&x->err, ERR_INPUT, 0, "the reply is longer than %zu bytes", x->body.max);
        x->stopped = true;
        return 0;
    }
    return n;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct exchange *x = ctx;
    long status = 0;
    if (x->req->on_head && size * n <= 2) { /* the empty line */
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200 && status < 300)
            x->req->on_head(x->req->ctx);
    }
    return size * n;
}

static void note_headers(struct engine *en, CURL *h)
{
    struct curl_header *v;
    if (curl_easy_header(h, "Date", 0, CURLH_HEADER, -1, &v) == CURLHE_OK) {
        time_t t = curl_getdate(v->value, NULL);
        en->clock_ms = t == (time_t)-1 ? -1 : (int64_t)t * 1000;
    }
    if (curl_easy_header(h, "Server", 0, CURLH_HEADER, -1, &v) == CURLHE_OK)
        en->is_docker = text_has_prefix(v->value, "Docker/");
}

static int begin(struct engine *en, struct exchange *x, size_t slot, const struct engine_req *req, const struct deadline *d,
                 struct err *e)
{
    int ms;
    *x = (struct exchange){.req = req, .body = BUF_INIT(LIMIT_REPLY_BYTES)};
    int n = snprintf(x->url, sizeof x->url, "%s%s%s%s", en->url, req->unversioned ? "" : "/v", req->unversioned ? "" : en->api,
                     req->path);
    char what[512];
    what_of(req, what, sizeof what);
    /* What is over before it began is not sent. */
    if (deadline_slice(d, what, &ms, e) < 0)
        return -1;
    if (n < 0 || (size_t)n >= sizeof x->url)
        return err_set(e, ERR_CONFIG, 0, "%s: the request's address is too long", what);
    if (!en->easy[slot])
        en->easy[slot] = engine_handle(en);
    CURL *h = x->easy = en->easy[slot];
    curl_easy_setopt(h, CURLOPT_URL, x->url);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, x->detail);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(h, CURLOPT_PRIVATE, x);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, req->body ? en->json_headers : en->headers);
    if (strcmp(req->method, "GET") == 0) {
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, NULL);
        curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
    } else if (strcmp(req->method, "POST") == 0) {
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, NULL);
        curl_easy_setopt(h, CURLOPT_POST, 1L);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, req->body ? req->body : "");
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(req->body ? strlen(req->body) : 0));
    } else {
        curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, req->method);
    }
    if (curl_multi_add_handle(en->multi, h) != CURLM_OK)
        abort();
    return 0;
}

static void finish(struct engine *en, struct exchange *x)
{
    if (!x->easy)
        return;
    curl_multi_remove_handle(en->multi, x->easy);
    /* The body sent may hold secrets and is the caller's: nothing of it stays referenced. */
    curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, NULL);
    buf_free(&x->body);
    /* A kept connection that the engine closed meanwhile is made anew within the call, but only five times in the life of a
     * handle (libcurl 7.88): whoever made a connection is replaced. The connection is the multi handle's, and stays. */
    long n_connects = 0;
    curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &n_connects);
    if (n_connects == 0)
        return;
    for (size_t i = 0; i < ENGINE_WIDTH; i++)
        if (en->easy[i] == x->easy)
            en->easy[i] = NULL;
    curl_easy_cleanup(x->easy);
}

/* Runs what was begun until at least one exchange has ended: that one, or NULL where none is under way. */
static int run(struct engine *en, const struct deadline *d, const char *what, int wake_fd, struct exchange **ret, struct err *e)
{
    struct curl_waitfd wake = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};
    for (;;) {
        int running, left, ms;
        if (curl_multi_perform(en->multi, &running) != CURLM_OK)
            return err_set(e, ERR_INTERNAL, 0, "%s: the HTTP library failed", what);
        for (CURLMsg *m; (m = curl_multi_info_read(en->multi, &left)) != NULL;) {
            if (m->msg != CURLMSG_DONE)
                continue;
            struct exchange *x = NULL;
            long status = 0;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
            curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
            x->done = true;
            x->code = m->data.result;
            x->status = (int)status;
            note_headers(en, m->easy_handle);
            *ret = x;
            return 0;
        }
        *ret = NULL;
        if (running == 0)
            return 0;
        if (deadline_slice(d, what, &ms, e) < 0)
            return -1;
        curl_multi_poll(en->multi, &wake, wake_fd > 0, wake_fd > 0 ? WAKE_MS : ms, NULL);
    }
}

/* Docker's words since 1.24: "client version 1.41 is too old. Minimum supported API version is 1.44, ..." */
static bool refuses_dialect(const struct exchange *x)
{
    return x->code == CURLE_OK && x->status == 400 && strstr(buf_str((struct buf *)&x->body), "client version ") != NULL &&
           strstr(x->body.s, "supported API version") != NULL;
}

static int call_once(struct engine *en, const struct engine_req *req, const struct deadline *d, struct engine_reply *ret,
                     bool *ret_refused, struct err *e)
{
    struct exchange x, *done;
    char what[512];
    what_of(req, what, sizeof what);
    if (begin(en, &x, 0, req, d, e) < 0)
        return -1;
    int rc = run(en, d, what, req->wake_fd, &done, e);
    if (rc == 0) {
        *ret_refused = refuses_dialect(&x);
        rc = exchange_err(en, &x, e);
    }
    if (rc == 0) {
        if (!req->unversioned)
            en->settled = true;
        if (ret) {
            ret->status = x.status;
            buf_free(&ret->body);
            ret->body = x.body;
            x.body = BUF_INIT(0);
        }
    }
    finish(en, &x);
    return rc;
}

int engine_call(struct engine *en, const struct engine_req *req, const struct deadline *d, struct engine_reply *ret,
                struct err *e)
{
    bool refused = false;
    struct err why;
    if (call_once(en, req, d, ret, &refused, &why) == 0)
        return 0;
    if (!refused || req->unversioned || en->settled) {
        *e = why;
        return -1;
    }
    struct engine_version v;
    if (engine_version(en, d, &v, e) < 0)
        return -1;
    return call_once(en, req, d, ret, &refused, e);
}

void engine_reply_free(struct engine_reply *r)
{
    buf_free(&r->body);
}

/* --- JSON ------------------------------------------------------------------------------------------------------------------- */

static int decode_object(const char *p, size_t n, const char *what, json_t **ret, struct err *e)
{
    json_error_t je;
    json_t *o = json_loadb(p, n, JSON_ALLOW_NUL, &je);
    if (!json_is_object(o)) {
        err_set(e, ERR_INPUT, 0, "%s: the reply is no JSON object: %s", what, o ? "another value" : je.text);
        json_decref(o);
        return -1;
    }
    *ret = o;
    return 0;
}

int engine_json(struct engine *en, const char *method, const char *path, const json_t *body, const struct deadline *d,
                json_t **ret, struct err *e)
{
    struct engine_req req = {.method = method, .path = path};
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (body && !text)
        abort();
    req.body = text;
    ENGINE_REPLY_AUTO reply = {0};
    int rc = engine_call(en, &req, d, &reply, e);
    if (text) {
        /* It may hold secrets. */
        explicit_bzero(text, strlen(text));
        free(text);
    }
    char what[512];
    what_of(&req, what, sizeof what);
    return rc < 0 ? -1 : decode_object(buf_str(&reply.body), reply.body.n, what, ret, e);
}

static int feed(void *ctx, const char *p, size_t n, struct err *e)
{
    return engine_stream_feed(ctx, p, n, e);
}

int engine_list(struct engine *en, const char *path, enum engine_framing framing, engine_item_fn on_item, void *ctx,
                const struct deadline *d, struct err *e)
{
    struct engine_stream s;
    engine_stream_init(&s, framing, on_item, ctx);
    struct engine_req req = {.method = "GET", .path = path, .on_body = feed, .ctx = &s};
    int rc = engine_call(en, &req, d, NULL, e);
    if (rc == 0 && (rc = engine_stream_end(&s, e)) < 0) {
        char what[512];
        what_of(&req, what, sizeof what);
        err_wrap(e, "%s", what);
    }
    engine_stream_free(&s);
    return rc;
}

/* Gives one ended exchange to the caller. */
static int hand_over(struct engine *en, struct exchange *x, size_t i, engine_reply_fn on_reply, void *ctx, struct err *e)
{
    struct err why = {0};
    json_t *item = NULL;
    char what[512];
    what_of(x->req, what, sizeof what);
    if (exchange_err(en, x, &why) == 0)
        decode_object(buf_str(&x->body), x->body.n, what, &item, &why);
    int rc = on_reply(ctx, i, item, item ? NULL : &why, e);
    json_decref(item);
    return rc;
}

int engine_get_each(struct engine *en, const char *const *paths, size_t n, engine_reply_fn on_reply, void *ctx,
                    const struct deadline *d, struct err *e)
{
    /* The dialect is settled by one request before several are under way. */
    struct engine_version v;
    if (n > 0 && !en->settled && engine_version(en, d, &v, e) < 0)
        return -1;
    struct exchange slots[ENGINE_WIDTH] = {0};
    struct engine_req reqs[ENGINE_WIDTH];
    size_t index[ENGINE_WIDTH], next = 0, done = 0;
    int rc = 0;
    while (rc == 0 && done < n) {
        for (size_t s = 0; rc == 0 && s < ENGINE_WIDTH && next < n; s++)
            if (!slots[s].easy) {
                reqs[s] = (struct engine_req){.method = "GET", .path = paths[next]};
                index[s] = next++;
                rc = begin(en, &slots[s], s, &reqs[s], d, e);
            }
        struct exchange *x = NULL;
        if (rc == 0)
            rc = run(en, d, "GET", 0, &x, e);
        if (rc == 0 && x) {
            size_t s = (size_t)(x - slots);
            rc = hand_over(en, x, index[s], on_reply, ctx, e);
            finish(en, x);
            x->easy = NULL;
            done++;
        }
    }
    for (size_t s = 0; s < ENGINE_WIDTH; s++)
        finish(en, &slots[s]);
    return rc;
}

/* --- dialect --------------------------------------------------------------------------------------------------------------- */

/* "1.41" -> 41; -1 where it is no such version. */
static int api_minor(const char *s)
{
    uint64_t n;
    return s && text_has_prefix(s, "1.") && num_parse_u64(s + 2, &n) && n < 1000 ? (int)n : -1;
}

int engine_version(struct engine *en, const struct deadline *d, struct engine_version *ret, struct err *e)
{
    ENGINE_REPLY_AUTO reply = {0};
    json_t *o;
    if (engine_call(en, &(struct engine_req){.method = "GET", .path = "/version", .unversioned = true}, d, &reply, e) < 0 ||
        decode_object(buf_str(&reply.body), reply.body.n, "GET /version", &o, e) < 0)
        return -1;
    const struct {
        const char *key;
        char *out;
        size_t n;
    } texts[] = {
        {"Version", ret->version, sizeof ret->version},
        {"ApiVersion", ret->api, sizeof ret->api},
        {"MinAPIVersion", ret->min_api, sizeof ret->min_api},
        {"Os", ret->os, sizeof ret->os},
        {"Arch", ret->arch, sizeof ret->arch},
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const char *s = engine_text(o, texts[k].key);
        (void)snprintf(texts[k].out, texts[k].n, "%s", s ? s : "");
    }
    const json_t *components = json_object_get(o, "Components"), *v;
    size_t i;
    ret->flavour = ENGINE_DOCKER;
    json_array_foreach(components, i, v)
    {
        if (text_eq(engine_text(v, "Name"), "Podman Engine"))
            ret->flavour = ENGINE_PODMAN;
    }
    en->flavour = ret->flavour;
    en->flavour_known = true;
    json_decref(o);
    int newest = api_minor(ret->api), oldest = api_minor(ret->min_api), ours = api_minor(ENGINE_API);
    if (newest < 0)
        return err_set(e, ERR_INPUT, 0, "GET /version: what answers at %s tells no ApiVersion: no engine", en->address);
    if (newest < ENGINE_API_OLDEST)
        return err_set(e, ERR_UNSUPPORTED, 0, "the engine at %s speaks API %s; 1.%d is the oldest that is understood",
                       en->address, ret->api, ENGINE_API_OLDEST);
    int use = ours > newest ? newest : oldest > ours ? oldest : ours;
    (void)snprintf(en->api, sizeof en->api, "1.%d", use);
    en->settled = true;
    return 0;
}

int engine_flavour(struct engine *en, const struct deadline *d, enum engine_flavour *ret, struct err *e)
{
    struct engine_version v;
    if (!en->flavour_known && !en->is_docker && engine_version(en, d, &v, e) < 0)
        return -1;
    *ret = en->flavour_known ? en->flavour : ENGINE_DOCKER;
    return 0;
}

void engine_escape(struct buf *b, const char *s, const char *also)
{
    for (; *s; s++) {
        bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("-._~", *s);
        if (plain || strchr(also, *s))
            buf_putc(b, *s);
        else
            buf_printf(b, "%%%02X", (unsigned char)*s);
    }
}
