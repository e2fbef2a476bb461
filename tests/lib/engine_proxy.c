#include "tests/lib/engine_proxy.h"

#include "spec/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX   65536
#define FAULTS_MAX 32
#define CONNS_MAX  256

struct rule {
    char match[256];
    enum engine_fault fault;
    long arg;
    char *reply;
    size_t reply_n;
};

struct conn {
    struct engine_proxy *p;
    pthread_t thread;
    int client, upstream; /* -1: none */
    bool used;
    atomic_bool ended;
};

struct engine_proxy {
    pthread_mutex_t lock;
    pthread_t acceptor;
    struct sockaddr_un listen_at, upstream_at;
    bool has_upstream;
    int listener; /* -1: down */
    atomic_bool stopping;
    atomic_uint epoch; /* connections of an earlier one end */
    struct rule rules[FAULTS_MAX];
    size_t n_rules, n_connections;
    struct buf log;
    char *log_file, *faults_file;
    struct conn conns[CONNS_MAX];
};

static void die(const char *what)
{
    fprintf(stderr, "engine proxy: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- rules and log --------------------------------------------------------------------------------------------------------- */

static void set_rule(struct engine_proxy *p, const char *match, enum engine_fault fault, long arg, const char *reply, size_t n)
{
    if (p->n_rules == FAULTS_MAX)
        die("too many faults");
    struct rule *r = &p->rules[p->n_rules++];
    *r = (struct rule){.fault = fault, .arg = arg, .reply_n = n};
    (void)snprintf(r->match, sizeof r->match, "%s", match);
    if (reply) {
        r->reply = malloc(n + 1);
        if (!r->reply)
            die("memory");
        memcpy(r->reply, reply, n);
        r->reply[n] = '\0';
    }
}

static void clear_rules(struct engine_proxy *p)
{
    for (size_t i = 0; i < p->n_rules; i++)
        free(p->rules[i].reply);
    p->n_rules = 0;
}

void engine_proxy_fault(struct engine_proxy *p, const char *match, enum engine_fault fault, long arg, const char *reply)
{
    pthread_mutex_lock(&p->lock);
    set_rule(p, match, fault, arg, reply, reply ? strlen(reply) : 0);
    pthread_mutex_unlock(&p->lock);
}

void engine_proxy_reply(struct engine_proxy *p, const char *match, enum engine_fault fault, const char *reply, size_t n)
{
    pthread_mutex_lock(&p->lock);
    set_rule(p, match, fault, 0, reply, n);
    pthread_mutex_unlock(&p->lock);
}

void engine_proxy_clear(struct engine_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    clear_rules(p);
    pthread_mutex_unlock(&p->lock);
}

static void read_faults(struct engine_proxy *p)
{
    static const struct {
        const char *name;
        enum engine_fault fault;
    } names[] = {
        {"delay", FAULT_DELAY}, {"hang", FAULT_HANG}, {"cut", FAULT_CUT}, {"drop", FAULT_DROP}, {"status", FAULT_STATUS}};
    clear_rules(p);
    FILE *f = fopen(p->faults_file, "re");
    char line[512], name[16], match[400];
    long arg;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%15s %ld %399[^\n]", name, &arg, match) == 3)
            for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strcmp(names[i].name, name) == 0 && p->n_rules < FAULTS_MAX)
                    set_rule(p, match, names[i].fault, arg, NULL, 0);
    if (f)
        fclose(f);
}

/* Writes the request down, and gives a copy of the rule for it. */
static struct rule note(struct engine_proxy *p, const char *line)
{
    struct rule hit = {0};
    pthread_mutex_lock(&p->lock);
    buf_printf(&p->log, "%s\n", line);
    if (p->log_file) {
        FILE *f = fopen(p->log_file, "ae");
        if (!f || fprintf(f, "%s\n", line) < 0)
            die(p->log_file);
        fclose(f);
    }
    if (p->faults_file)
        read_faults(p);
    for (size_t i = p->n_rules; i > 0; i--)
        if (strstr(line, p->rules[i - 1].match)) {
            hit = p->rules[i - 1];
            if (hit.reply) {
                hit.reply = malloc(hit.reply_n + 1);
                if (!hit.reply)
                    die("memory");
                memcpy(hit.reply, p->rules[i - 1].reply, hit.reply_n + 1);
            }
            break;
        }
    pthread_mutex_unlock(&p->lock);
    return hit;
}

size_t engine_proxy_count(struct engine_proxy *p, const char *match)
{
    size_t n = 0;
    char *log = engine_proxy_log(p);
    for (char *line = log, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        n += strstr(line, match) != NULL;
    }
    free(log);
    return n;
}

size_t engine_proxy_mutating(struct engine_proxy *p)
{
    return engine_proxy_count(p, " ") - engine_proxy_count(p, "GET /") - engine_proxy_count(p, "HEAD /");
}

char *engine_proxy_log(struct engine_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    char *s = strdup(buf_str(&p->log));
    pthread_mutex_unlock(&p->lock);
    if (!s)
        die("memory");
    return s;
}

size_t engine_proxy_connections(struct engine_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    size_t n = p->n_connections;
    pthread_mutex_unlock(&p->lock);
    return n;
}

void engine_proxy_forget(struct engine_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    buf_clear(&p->log);
    p->n_connections = 0;
    pthread_mutex_unlock(&p->lock);
}

void engine_proxy_files(struct engine_proxy *p, const char *log, const char *faults)
{
    pthread_mutex_lock(&p->lock);
    free(p->log_file);
    free(p->faults_file);
    p->log_file = log ? strdup(log) : NULL;
    p->faults_file = faults ? strdup(faults) : NULL;
    pthread_mutex_unlock(&p->lock);
}

/* --- one connection -------------------------------------------------------------------------------------------------------- */

struct relay {
    struct conn *c;
    unsigned epoch;
    char head[HEAD_MAX];
    size_t n_head;
    long body_left; /* of the request under way */
    bool raw;       /* the connection was upgraded: no more requests on it */
    char up[16384]; /* of an upgraded one: waits for the engine to take it, while the engine's output goes on */
    size_t up_at, up_n;
    bool client_ended;
    long cut_left; /* -1: not cut */
    bool drop;
};

static bool over(const struct relay *r)
{
    return atomic_load(&r->c->p->stopping) || atomic_load(&r->c->p->epoch) != r->epoch;
}

static bool send_bytes(const struct relay *r, int fd, const char *s, size_t n)
{
    while (n > 0) {
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};
        if (over(r))
            return false;
        if (poll(&pfd, 1, 50) <= 0)
            continue;
        ssize_t put = send(fd, s, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (put > 0) {
            s += put;
            n -= (size_t)put;
        }
    }
    return true;
}

/* Waits; false where the proxy stops or the client goes meanwhile. */
static bool wait_ms(const struct relay *r, long ms)
{
    for (long waited = 0; ms < 0 || waited < ms; waited += 10) {
        char byte;
        if (over(r) || recv(r->c->client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            return false;
        poll(NULL, 0, 10);
    }
    return true;
}

/* Whether the connection goes on. The request's head, `n` bytes, has not been passed on yet. */
static bool obey(struct relay *r, const struct rule *rule, size_t n)
{
    static const char body[] = "{\"message\":\"made to fail\"}";
    char text[256];
    switch (rule->fault) {
    case FAULT_NONE:
        break;
    case FAULT_DELAY:
        if (!wait_ms(r, rule->arg))
            return false;
        break;
    case FAULT_HANG:
        return wait_ms(r, -1);
    case FAULT_CUT:
        r->cut_left = rule->arg;
        break;
    case FAULT_DROP:
        r->drop = true;
        break;
    case FAULT_STATUS:
        (void)snprintf(
            text, sizeof text,
            "HTTP/1.1 %ld Fault\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
            rule->arg, strlen(body), body);
        send_bytes(r, r->c->client, text, strlen(text));
        return false;
    case FAULT_REPLY:
        send_bytes(r, r->c->client, rule->reply, rule->reply_n);
        return false;
    case FAULT_KEEP:
        return send_bytes(r, r->c->client, rule->reply, rule->reply_n);
    case FAULT_SLOW:
        for (size_t i = 0; i < rule->reply_n; i++)
            if (!send_bytes(r, r->c->client, rule->reply + i, 1) || !wait_ms(r, rule->arg))
                return false;
        return false;
    }
    return r->c->upstream >= 0 && send_bytes(r, r->c->upstream, r->head, n);
}

/* The head of a request is whole: n bytes. */
static bool on_head(struct relay *r, size_t n)
{
    char line[8192];
    size_t end = strcspn(r->head, "\r\n");
    char *version = memmem(r->head, end, " HTTP/", 6);
    const char *length = strcasestr(r->head, "\r\nContent-Length:");
    (void)snprintf(line, sizeof line, "%.*s", (int)(version ? version - r->head : (long)end), r->head);
    r->body_left = length ? strtol(length + 17, NULL, 10) : 0;
    r->raw = strcasestr(r->head, "\r\nUpgrade:") != NULL;
    r->cut_left = -1;
    r->drop = false;
    struct rule rule = note(r->c->p, line);
    bool on = obey(r, &rule, n);
    free(rule.reply);
    return on;
}

static bool from_client(struct relay *r)
{
    char bytes[16384];
    ssize_t n = recv(r->c->client, bytes, sizeof bytes, 0);
    if (n == 0 && r->raw) {
        /* The command's input has ended; its output goes on. */
        (void)shutdown(r->c->upstream, SHUT_WR);
        r->client_ended = true;
        return true;
    }
    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    if (r->raw && r->body_left == 0) {
        memcpy(r->up, bytes, (size_t)n);
        r->up_at = 0;
        r->up_n = (size_t)n;
        return true;
    }
    for (char *p = bytes, *end = bytes + n; p < end;) {
        if (r->raw || r->body_left > 0) {
            size_t part = (size_t)(end - p);
            if (!r->raw && (long)part > r->body_left)
                part = (size_t)r->body_left;
            if (r->body_left > 0)
                r->body_left -= (long)part < r->body_left ? (long)part : r->body_left;
            if (r->c->upstream >= 0 && !send_bytes(r, r->c->upstream, p, part))
                return false;
            p += part;
            continue;
        }
        if (r->n_head == HEAD_MAX - 1)
            return false;
        r->head[r->n_head++] = *p++;
        r->head[r->n_head] = '\0';
        if (r->n_head >= 4 && memcmp(r->head + r->n_head - 4, "\r\n\r\n", 4) == 0) {
            size_t n_head = r->n_head;
            r->n_head = 0;
            if (!on_head(r, n_head))
                return false;
        }
    }
    return true;
}

/* What waits goes on as far as the engine takes it. */
static bool to_upstream(struct relay *r)
{
    ssize_t put = send(r->c->upstream, r->up + r->up_at, r->up_n - r->up_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0)
        r->up_at += (size_t)put;
    /* An input that nobody takes any more is dropped; the output still counts. */
    else if (put < 0 && errno != EAGAIN && errno != EINTR)
        r->up_at = r->up_n;
    return true;
}

static bool from_upstream(struct relay *r)
{
    char bytes[16384];
    ssize_t n = recv(r->c->upstream, bytes, sizeof bytes, 0);
    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    if (r->drop)
        return false;
    if (r->cut_left >= 0 && n >= r->cut_left) {
        send_bytes(r, r->c->client, bytes, (size_t)r->cut_left);
        return false;
    }
    if (r->cut_left >= 0)
        r->cut_left -= n;
    return send_bytes(r, r->c->client, bytes, (size_t)n);
}

static void *serve(void *arg)
{
    struct conn *c = arg;
    struct relay *r = calloc(1, sizeof *r);
    if (!r)
        die("memory");
    *r = (struct relay){.c = c, .epoch = atomic_load(&c->p->epoch), .cut_left = -1};
    for (bool on = true; on && !over(r);) {
        bool waits = r->up_at < r->up_n;
        struct pollfd pfd[2] = {{.fd = r->client_ended || waits ? -1 : c->client, .events = POLLIN},
                                {.fd = c->upstream, .events = (short)(POLLIN | (waits ? POLLOUT : 0))}};
        if (poll(pfd, 2, 20) <= 0)
            continue;
        if (pfd[1].revents & ~POLLOUT)
            on = from_upstream(r);
        else if (pfd[1].revents & POLLOUT)
            on = to_upstream(r);
        else if (pfd[0].revents)
            on = from_client(r);
    }
    free(r);
    close(c->client);
    if (c->upstream >= 0)
        close(c->upstream);
    atomic_store(&c->ended, true);
    return NULL;
}

/* --- the proxy ------------------------------------------------------------------------------------------------------------- */

static int listen_on(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(at->sun_path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)at, sizeof *at) < 0 || listen(fd, 64) < 0)
        die(at->sun_path);
    return fd;
}

static int connect_to(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void reap(struct engine_proxy *p, bool all)
{
    for (size_t i = 0; i < CONNS_MAX; i++)
        if (p->conns[i].used && (all || atomic_load(&p->conns[i].ended))) {
            pthread_join(p->conns[i].thread, NULL);
            p->conns[i].used = false;
        }
}

static void take(struct engine_proxy *p, int client)
{
    int upstream = p->has_upstream ? connect_to(&p->upstream_at) : -1;
    if (p->has_upstream && upstream < 0) {
        close(client);
        return;
    }
    for (size_t i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &p->conns[i];
        if (c->used)
            continue;
        c->p = p;
        c->client = client;
        c->upstream = upstream;
        c->used = true;
        atomic_store(&c->ended, false);
        if (pthread_create(&c->thread, NULL, serve, c) != 0)
            die("thread");
        return;
    }
    die("too many connections");
}

static void *accept_all(void *arg)
{
    struct engine_proxy *p = arg;
    while (!atomic_load(&p->stopping)) {
        pthread_mutex_lock(&p->lock);
        struct pollfd pfd = {.fd = p->listener, .events = POLLIN};
        pthread_mutex_unlock(&p->lock);
        if (poll(&pfd, 1, 5) > 0) {
            pthread_mutex_lock(&p->lock);
            int client = p->listener < 0 ? -1 : accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
            p->n_connections += client >= 0;
            pthread_mutex_unlock(&p->lock);
            if (client >= 0)
                take(p, client);
        }
        reap(p, false);
    }
    reap(p, true);
    return NULL;
}

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    return at;
}

struct engine_proxy *engine_proxy_start(const char *listen_path, const char *upstream_path)
{
    struct engine_proxy *p = calloc(1, sizeof *p);
    if (!p)
        die("memory");
    p->listen_at = address(listen_path);
    p->has_upstream = upstream_path != NULL;
    if (upstream_path)
        p->upstream_at = address(upstream_path);
    p->log = BUF_INIT(64u << 20);
    pthread_mutex_init(&p->lock, NULL);
    p->listener = listen_on(&p->listen_at);
    if (pthread_create(&p->acceptor, NULL, accept_all, p) != 0)
        die("thread");
    return p;
}

void engine_proxy_down(struct engine_proxy *p, bool down)
{
    pthread_mutex_lock(&p->lock);
    if (down && p->listener >= 0) {
        close(p->listener);
        p->listener = -1;
        (void)unlink(p->listen_at.sun_path);
        atomic_fetch_add(&p->epoch, 1);
    } else if (!down && p->listener < 0) {
        p->listener = listen_on(&p->listen_at);
    }
    pthread_mutex_unlock(&p->lock);
}

void engine_proxy_stop(struct engine_proxy *p)
{
    if (!p)
        return;
    atomic_store(&p->stopping, true);
    pthread_join(p->acceptor, NULL);
    if (p->listener >= 0)
        close(p->listener);
    (void)unlink(p->listen_at.sun_path);
    clear_rules(p);
    buf_free(&p->log);
    free(p->log_file);
    free(p->faults_file);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
