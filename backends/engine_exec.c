#include "backends/engine_exec.h"

#include "spec/base/num.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX     16384 /* of the reply's header */
#define KILL_MS      2000
#define KILL_WAIT_MS 100 /* Docker needs less */
#define NONCE_ENV    "RECONCLAW_EXEC"

/* --- the stream ------------------------------------------------------------------------------------------------------------ */

int engine_demux_feed(struct engine_demux *x, const char *p, size_t n, engine_output_fn on_output, void *ctx, struct err *e)
{
    while (n > 0) {
        if (x->left == 0) {
            x->head[x->n_head++] = (unsigned char)*p++;
            n--;
            if (x->n_head < sizeof x->head)
                continue;
            const unsigned char *h = x->head;
            x->n_head = 0;
            if (h[0] > 2 || h[1] || h[2] || h[3])
                return err_set(e, ERR_INPUT, 0, "the command's output is not framed as an engine frames it");
            x->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
            continue;
        }
        size_t part = n < x->left ? n : x->left;
        if (on_output(ctx, x->head[0] == 2 ? 2 : 1, p, part, e) < 0)
            return -1;
        x->left -= (uint32_t)part;
        p += part;
        n -= part;
    }
    return 0;
}

int engine_demux_end(const struct engine_demux *x, struct err *e)
{
    if (x->left == 0 && x->n_head == 0)
        return 0;
    return err_set(e, ERR_INPUT, 0, "the command's output ends in the middle of a frame");
}

/* --- one attached command ----------------------------------------------------------------------------------------------------
 */

struct attach {
    struct engine *en;
    const struct engine_exec_req *req;
    const struct deadline *d;
    const char *exec_id;
    CURL *easy;
    int sock;
    struct engine_demux demux;
    char in[16384];
    size_t in_at, in_n;
    bool in_ended;  /* nothing more to read; half-closed once sent */
    char said[512]; /* the beginning of its output */
    size_t n_said;
    struct winsize size;
};

/* Writes without ever blocking for longer than a slice. */
static int write_all(struct attach *at, int fd, const char *p, size_t n, struct err *e)
{
    while (n > 0) {
        int ms;
        if (deadline_slice(at->d, "writing the command's output", &ms, e) < 0)
            return -1;
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};
        if (poll(&pfd, 1, ms) <= 0)
            continue;
        /* A pipe that is writable takes this much at once. */
        ssize_t put = write(fd, p, n < 4096 ? n : 4096);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "writing the command's output");
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        }
    }
    return 0;
}

static int on_output(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    struct attach *at = ctx;
    size_t part = sizeof at->said - 1 - at->n_said;
    part = part < n ? part : n;
    memcpy(at->said + at->n_said, p, part);
    at->n_said += part;
    if (at->req->output) {
        struct buf *b = at->req->output;
        size_t room = b->max - b->n;
        buf_put(b, p, n < room ? n : room);
        return 0;
    }
    int fd = stream == 2 ? at->req->fd_err : at->req->fd_out;
    return fd < 0 ? 0 : write_all(at, fd, p, n, e);
}

static int send_all(struct attach *at, const char *p, size_t n, struct err *e)
{
    while (n > 0) {
        size_t put = 0;
        CURLcode code = curl_easy_send(at->easy, p, n, &put);
        if (code != CURLE_OK && code != CURLE_AGAIN)
            return engine_curl_err(at->en, at->easy, code, NULL, "POST /exec/start", e);
        p += put;
        n -= put;
        int ms;
        if (n == 0)
            break;
        if (deadline_slice(at->d, "POST /exec/start", &ms, e) < 0)
            return -1;
        struct pollfd pfd = {.fd = at->sock, .events = POLLOUT};
        (void)poll(&pfd, 1, ms);
    }
    return 0;
}

/* Some bytes, or 0 at the end. */
static int recv_some(struct attach *at, char *p, size_t max, size_t *ret_n, struct err *e)
{
    for (;;) {
        CURLcode code = curl_easy_recv(at->easy, p, max, ret_n);
        if (code == CURLE_OK)
            return 0;
        if (code != CURLE_AGAIN)
            return engine_curl_err(at->en, at->easy, code, NULL, "POST /exec/start", e);
        int ms;
        if (deadline_slice(at->d, "POST /exec/start", &ms, e) < 0)
            return -1;
        struct pollfd pfd = {.fd = at->sock, .events = POLLIN};
        (void)poll(&pfd, 1, ms);
    }
}

/* The reply said no: the rest of its body says why. */
static int refused(struct attach *at, int status, const char *head, struct buf *body, struct err *e)
{
    const char *length = strcasestr(head, "\r\nContent-Length:");
    char digits[24] = "";
    uint64_t want = HEAD_MAX;
    if (length) {
        length += strlen("\r\nContent-Length:");
        length += strspn(length, " \t");
        (void)snprintf(digits, sizeof digits, "%.*s", (int)strspn(length, "0123456789"), length);
    }
    if (!num_parse_u64(digits, &want) || want > HEAD_MAX)
        want = HEAD_MAX;
    while (body->n < want) {
        char p[1024];
        size_t n = 0;
        if (recv_some(at, p, sizeof p, &n, e) < 0)
            return -1;
        if (n == 0)
            break;
        buf_put(body, p, n);
    }
    return engine_status_err(status, buf_str(body), body->n, "POST /exec/start", e);
}

static int output(struct attach *at, const char *p, size_t n, struct err *e)
{
    return at->req->tty ? on_output(at, 1, p, n, e) : engine_demux_feed(&at->demux, p, n, on_output, at, e);
}

/* The engine answers with a header, and from then on the connection is the command's. */
static int read_header(struct attach *at, struct err *e)
{
    BUF_AUTO head = BUF_INIT(HEAD_MAX);
    const char *end;
    while (!(end = strstr(buf_str(&head), "\r\n\r\n"))) {
        char p[1024];
        size_t n = 0;
        if (recv_some(at, p, sizeof p, &n, e) < 0)
            return -1;
        if (n == 0)
            return err_set(e, ERR_UNAVAILABLE, 0, "POST /exec/start: the engine hung up");
        /* A NUL here would end the search for good. */
        buf_put(&head, p, n);
        if (head.full || (!strstr(head.s, "\r\n\r\n") && strlen(head.s) < head.n))
            return err_set(e, ERR_INPUT, 0, "POST /exec/start: the reply is no HTTP");
    }
    size_t n_head = (size_t)(end - head.s) + 4;
    uint64_t status = 0;
    char digits[4] = "";
    if (text_has_prefix(head.s, "HTTP/1.") && head.n > 12)
        (void)snprintf(digits, sizeof digits, "%.3s", head.s + 9);
    if (!num_parse_u64(digits, &status))
        return err_set(e, ERR_INPUT, 0, "POST /exec/start: the reply is no HTTP");
    if (status == 101 || status == 200)
        return output(at, head.s + n_head, head.n - n_head, e);
    BUF_AUTO body = BUF_INIT(2 * HEAD_MAX);
    buf_put(&body, head.s + n_head, head.n - n_head);
    head.s[n_head - 2] = '\0';
    return refused(at, (int)status, head.s, &body, e);
}

static int connect_to(struct attach *at, struct err *e)
{
    char detail[CURL_ERROR_SIZE] = "";
    int64_t left = at->d->end_ms - deadline_now_ms();
    at->easy = engine_handle(at->en);
    curl_easy_setopt(at->easy, CURLOPT_URL, engine_url(at->en));
    curl_easy_setopt(at->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(at->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(left < 1 ? 1 : left > 60000 ? 60000 : left));
    curl_easy_setopt(at->easy, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(at->easy);
    curl_easy_setopt(at->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_socket_t sock = CURL_SOCKET_BAD;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(at->easy, CURLINFO_ACTIVESOCKET, &sock);
    if (code != CURLE_OK || sock == CURL_SOCKET_BAD)
        return engine_curl_err(at->en, at->easy, code ? code : CURLE_COULDNT_CONNECT, detail, "POST /exec/start", e);
    at->sock = sock;
    return 0;
}

static int start(struct attach *at, struct err *e)
{
    const char *body = at->req->tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false,\"Tty\":false}";
    BUF_AUTO head = BUF_INIT(HEAD_MAX);
    buf_printf(&head,
               "POST /v%s/exec/%s/start HTTP/1.1\r\nHost: %s\r\nUser-Agent: reconclaw/" RECONCLAW_VERSION
               "\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: %zu\r\n\r\n%s",
               engine_api(at->en), at->exec_id, strstr(engine_url(at->en), "://") + 3, strlen(body), body);
    if (connect_to(at, e) < 0 || send_all(at, buf_str(&head), head.n, e) < 0)
        return -1;
    return read_header(at, e);
}

/* Follows the size of the caller's terminal; that it may fail is no matter. */
static void resize(struct attach *at)
{
    struct winsize w;
    if (!at->req->tty || at->req->fd_out < 0 || ioctl(at->req->fd_out, TIOCGWINSZ, &w) < 0 || w.ws_row == 0)
        return;
    if (w.ws_row == at->size.ws_row && w.ws_col == at->size.ws_col)
        return;
    at->size = w;
    char path[256];
    struct err ignored = {0};
    (void)snprintf(path, sizeof path, "/exec/%s/resize?h=%u&w=%u", at->exec_id, w.ws_row, w.ws_col);
    (void)engine_call(at->en, &(struct engine_req){.method = "POST", .path = path}, at->d, NULL, &ignored);
}

/* Moves what can be moved from fd_in to the engine. */
static int pump_in(struct attach *at, bool readable, struct err *e)
{
    if (at->in_at == at->in_n && !at->in_ended && readable) {
        ssize_t n = read(at->req->fd_in, at->in, sizeof at->in);
        at->in_at = 0;
        at->in_n = n > 0 ? (size_t)n : 0;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            at->in_ended = true;
            (void)shutdown(at->sock, SHUT_WR);
        }
    }
    if (at->in_at < at->in_n) {
        size_t put = 0;
        CURLcode code = curl_easy_send(at->easy, at->in + at->in_at, at->in_n - at->in_at, &put);
        if (code == CURLE_SEND_ERROR) {
            /* The command has ended or closed its input; what it says is still to be read. */
            at->in_ended = true;
            at->in_at = at->in_n;
        } else if (code != CURLE_OK && code != CURLE_AGAIN) {
            return engine_curl_err(at->en, at->easy, code, NULL, "POST /exec/start", e);
        }
        at->in_at += put;
    }
    return 0;
}

static int pump(struct attach *at, struct err *e)
{
    for (;;) {
        char p[16384];
        size_t n = 0;
        CURLcode code = curl_easy_recv(at->easy, p, sizeof p, &n);
        if (code == CURLE_OK && n == 0)
            return at->req->tty ? 0 : engine_demux_end(&at->demux, e);
        if (code == CURLE_OK) {
            if (output(at, p, n, e) < 0)
                return -1;
            continue;
        }
        if (code != CURLE_AGAIN)
            return engine_curl_err(at->en, at->easy, code, NULL, "POST /exec/start", e);
        int ms;
        if (deadline_slice(at->d, "running the command", &ms, e) < 0)
            return -1;
        resize(at);
        bool sending = at->in_at < at->in_n;
        struct pollfd pfd[2] = {
            {.fd = at->sock, .events = (short)(POLLIN | (sending ? POLLOUT : 0))},
            {.fd = sending || at->in_ended ? -1 : at->req->fd_in, .events = POLLIN},
        };
        if (poll(pfd, 2, ms) > 0 && pump_in(at, pfd[1].revents != 0, e) < 0)
            return -1;
    }
}

/* --- the command -------------------------------------------------------------------------------------------------------------
 */

static int create(struct engine *en, const struct engine_exec_req *req, const char *nonce, const struct deadline *d, char *ret_id,
                  size_t max, struct err *e)
{
    json_t *argv = json_array();
    for (size_t i = 0; req->argv[i]; i++)
        json_array_append_new(argv, json_string(req->argv[i]));
    json_t *body = json_pack("{s:b, s:b, s:b, s:b, s:o, s:[s]}", "AttachStdin", req->fd_in >= 0, "AttachStdout", 1,
                             "AttachStderr", 1, "Tty", req->tty, "Cmd", argv, "Env", nonce);
    if (!body)
        return err_set(e, ERR_CONFIG, 0, "the command is no valid UTF-8");
    if (req->workdir)
        json_object_set_new(body, "WorkingDir", json_string(req->workdir));
    BUF_AUTO path = BUF_INIT(4096);
    buf_puts(&path, "/containers/");
    engine_escape(&path, req->id, "");
    buf_puts(&path, "/exec");
    json_t *reply = NULL;
    int rc = engine_json(en, "POST", buf_str(&path), body, d, &reply, e);
    json_decref(body);
    if (rc < 0)
        return -1;
    const char *id = engine_text(reply, "Id");
    if (!id || strlen(id) >= max || strspn(id, "0123456789abcdef") != strlen(id))
        rc = err_set(e, ERR_INPUT, 0, "POST /containers/exec: the reply has no id");
    else
        memcpy(ret_id, id, strlen(id) + 1);
    json_decref(reply);
    return rc;
}

/* A command that could not be started is 126 to Docker, whatever the reason, which comes as its output. */
static bool was_missing(const struct attach *at)
{
    return text_has_prefix(at->said, "OCI runtime exec failed") &&
           (strstr(at->said, "executable file not found") || strstr(at->said, "no such file or directory"));
}

/* The engine tells the status once it has seen the end, which may be a moment after the streams were closed. */
static int status_of(struct engine *en, const char *exec_id, const struct deadline *d, int *ret, struct err *e)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/exec/%s/json", exec_id);
    for (;;) {
        json_t *o = NULL;
        if (engine_json(en, "GET", path, NULL, d, &o, e) < 0)
            return -1;
        const json_t *code = json_object_get(o, "ExitCode");
        bool ended = !json_is_true(json_object_get(o, "Running")) && json_is_integer(code);
        int status = (int)json_integer_value(code);
        json_decref(o);
        if (ended) {
            *ret = status;
            return 0;
        }
        if (deadline_pause(d, "waiting for the command's status", 10, e) < 0)
            return -1;
    }
}

/* An engine hangs up on a command that ended without reading all of its input, and that looks like a broken connection. It is an
 * end where the engine says so at once. */
static bool ended_unread(const struct attach *at, const struct err *why, int *ret_status)
{
    struct err ignored;
    struct deadline d = {.end_ms = deadline_now_ms() + 1000, .cancel = at->d->cancel};
    if (d.end_ms > at->d->end_ms)
        d.end_ms = at->d->end_ms;
    return at->req->fd_in >= 0 && why->class == ERR_UNAVAILABLE &&
           (at->req->tty || engine_demux_end(&at->demux, &ignored) == 0) &&
           status_of(at->en, at->exec_id, &d, ret_status, &ignored) == 0;
}

/* The API cannot end a command, but a second one can: whatever carries the nonce in its environment. */
struct killing {
    struct engine *en;
    char id[256], nonce[64];
};

static void kill_by_nonce(void *ctx)
{
    static const char script[] =
        "for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p != $$ ] && grep -q \"$1\" /proc/$p/environ && kill -9 $p; done";
    struct killing *x = ctx;
    const struct deadline d = {.end_ms = deadline_now_ms() + KILL_MS};
    const struct engine_exec_req req = {
        .id = x->id, .argv = (const char *const[]){"/bin/sh", "-c", script, "sh", x->nonce, NULL}, .fd_in = -1};
    char exec_id[80], path[128];
    struct err ignored;
    if (create(x->en, &req, "PATH=/usr/local/bin:/usr/bin:/bin", &d, exec_id, sizeof exec_id, &ignored) == 0) {
        /* What nobody is attached to, podman calls running for five minutes after it has ended. */
        enum engine_flavour flavour;
        bool attach = engine_flavour(x->en, &d, &flavour, &ignored) == 0 && flavour == ENGINE_PODMAN;
        const char *body = attach ? "{\"Detach\":false}" : "{\"Detach\":true}";
        (void)snprintf(path, sizeof path, "/exec/%s/start", exec_id);
        (void)engine_call(x->en, &(struct engine_req){.method = "POST", .path = path, .body = body}, &d, NULL, &ignored);
    }
    engine_close(x->en);
    free(x);
}

static void have_killed(struct engine *en, const char *id, const char *nonce)
{
    struct killing *x = calloc(1, sizeof *x);
    if (!x)
        abort();
    x->en = engine_twin(en);
    (void)snprintf(x->id, sizeof x->id, "%s", id);
    (void)snprintf(x->nonce, sizeof x->nonce, "%s", nonce);
    engine_later(en, kill_by_nonce, x, KILL_WAIT_MS);
}

int engine_exec(struct engine *en, const struct engine_exec_req *req, const struct deadline *d, int *ret_status, struct err *e)
{
    if (engine_is_tls(en) && req->fd_in >= 0 && !req->tty)
        return err_set(e, ERR_UNSUPPORTED, 0, "exec: an input that ends cannot be carried to an engine over TLS");
    uint64_t random[2];
    char nonce[64], exec_id[80];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return err_sys(e, ERR_IO, errno, "getrandom");
    (void)snprintf(nonce, sizeof nonce, NONCE_ENV "=%016llx%016llx", (unsigned long long)random[0],
                   (unsigned long long)random[1]);
    if (create(en, req, nonce, d, exec_id, sizeof exec_id, e) < 0)
        return -1;
    struct attach at = {.en = en, .req = req, .d = d, .exec_id = exec_id, .sock = -1, .in_ended = req->fd_in < 0};
    struct err why;
    int status, rc = start(&at, &why);
    bool started = rc == 0;
    if (started)
        rc = pump(&at, &why);
    if (at.easy)
        curl_easy_cleanup(at.easy);
    if (rc < 0 && started && ended_unread(&at, &why, &status))
        rc = 0;
    else if (rc == 0)
        rc = status_of(en, exec_id, d, &status, &why);
    if (rc < 0) {
        if (started || err_is_transient(why.class) || why.class == ERR_CANCELLED)
            have_killed(en, req->id, nonce);
        *e = why;
        return -1;
    }
    *ret_status = status == 126 && was_missing(&at) ? 127 : status;
    return 0;
}
