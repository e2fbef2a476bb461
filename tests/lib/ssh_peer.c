#include "tests/lib/ssh_peer.h"

#include "spec/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_OPTIONS 16
#define UP_MS       10000

static void die(const char *what)
{
    fprintf(stderr, "ssh peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int ssh_peer_free_port(void)
{
    static atomic_uint asked;

    /* Below what the kernel gives to those who connect: nobody is given it between now and its use. */
    for (int i = 0; i < 1000; i++) {
        int port = 10240 + (int)(((unsigned)getpid() * 37 + atomic_fetch_add(&asked, 1)) % 20000);
        struct sockaddr_in at = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;

        if (fd >= 0)
            close(fd);
        if (is_free)
            return port;
    }
    die("port");
    return -1;
}

/* --- sshd --------------------------------------------------------------------------------------------------------------------
 */

static bool says_ssh(int port)
{
    struct sockaddr_in at = loopback(port);
    char hello[4] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && recv(fd, hello, 4, MSG_WAITALL) == 4 &&
              memcmp(hello, "SSH-", 4) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static void launch(struct ssh_peer *p, const char *const *options)
{
    const char *argv[MAX_OPTIONS + 8] = {"tests/lib/sshd.sh", "run", p->dir};
    char port[16];
    size_t n = 3;
    if (p->port) {
        (void)snprintf(port, sizeof port, "%d", p->port);
        argv[n++] = "--port";
        argv[n++] = port;
    }
    for (size_t i = 0; options && options[i] && i < MAX_OPTIONS; i++)
        argv[n++] = options[i];
    argv[n] = NULL;
    fflush(NULL);
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        if (getppid() == parent)
            execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    if (p->pid < 0)
        die("fork");
}

static void read_word(const struct ssh_peer *p, const char *name, char *word, size_t size)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", p->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, word, size - 1);
    if (fd >= 0)
        close(fd);
    word[n > 0 ? n : 0] = '\0';
    word[strcspn(word, "\n")] = '\0';
}

static void await(struct ssh_peer *p)
{
    int64_t end = now_ms() + UP_MS;
    while (!says_ssh(p->port)) {
        if (now_ms() > end || waitpid(p->pid, NULL, WNOHANG) != 0) {
            errno = ETIMEDOUT;
            die("sshd does not come up");
        }
        poll(NULL, 0, 20);
    }
    read_word(p, "user", p->user, sizeof p->user);
}

void ssh_peer_start(struct ssh_peer *p, const char *dir, const char *const *options)
{
    *p = (struct ssh_peer){.port = ssh_peer_free_port()};
    (void)snprintf(p->dir, sizeof p->dir, "%s", dir);
    launch(p, options);
    await(p);
}

void ssh_peer_again(struct ssh_peer *p, const char *const *options)
{
    launch(p, options);
    await(p);
}

void ssh_peer_stop(struct ssh_peer *p)
{
    if (p->pid <= 0)
        return;
    /* Its first process takes the whole namespace with it, and goes with ours. */
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
    for (int64_t end = now_ms() + UP_MS; says_ssh(p->port) && now_ms() < end;)
        poll(NULL, 0, 10);
}

struct node *ssh_peer_settings(const struct ssh_peer *p, struct arena *a, int port)
{
    struct node *o = node_object(a);
    node_set(a, o, "user", node_string(a, p->user));
    node_set(a, o, "host", node_string(a, "127.0.0.1"));
    node_set(a, o, "port", node_number(a, port ? port : p->port));
    node_set(a, o, "identityFile", node_printf(a, "%s/id", p->dir));
    node_set(a, o, "knownHostsFile", node_printf(a, "%s/known_hosts", p->dir));
    if (port && port != p->port) { /* the proxy is another name for the same host */
        char key[512];
        read_word(p, "host_key.pub", key, sizeof key);
        node_unset(o, "knownHostsFile");
        node_set(a, o, "knownHostsData", node_printf(a, "[127.0.0.1]:%d %s\n", port, key));
    }
    return o;
}

/* --- the proxy ---------------------------------------------------------------------------------------------------------------
 */

struct tcp_proxy {
    pthread_t acceptor;
    pthread_mutex_t lock;
    int upstream, port, listener;
    const char *lie;
    size_t n_lie;
    char after;
    atomic_bool stop, stalled;
    atomic_uint epoch, live;
    _Atomic int64_t cut, cut_reply, stall_at, rate, carried, replied;
};

struct carried {
    struct tcp_proxy *x;
    int fd;
    unsigned epoch;
};

static void reset(int fd)
{
    struct linger hard = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
}

/* Moves what there is; false where this side is over or its byte has come. */
static bool move(struct tcp_proxy *x, int from, int to, int64_t *sum, int64_t cut, int64_t stall, bool *ret_cut)
{
    char bytes[16384];
    size_t max = sizeof bytes;
    int64_t rate = atomic_load(&x->rate);
    if (rate > 0) {
        max = rate / 50 > 0 ? (size_t)(rate / 50) : 1;
        max = max < sizeof bytes ? max : sizeof bytes;
        poll(NULL, 0, 20);
    }
    if (stall >= 0 && *sum + (int64_t)max > stall)
        max = (size_t)(stall - *sum);
    ssize_t n = recv(from, bytes, max, 0);
    if (n <= 0)
        return false;
    if (cut >= 0 && *sum + n >= cut) {
        n = (ssize_t)(cut - *sum);
        *ret_cut = true;
    }
    for (ssize_t at = 0, put; at < n; at += put)
        if ((put = send(to, bytes + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
            return false;
    *sum += n;
    return !*ret_cut;
}

static void carry_on(struct carried *c, int up)
{
    struct tcp_proxy *x = c->x;
    int64_t sent = 0, got = 0;
    bool cut = false, ends[2] = {false, false};
    while (!cut && !(ends[0] && ends[1]) && !atomic_load(&x->stop) && atomic_load(&x->epoch) == c->epoch) {
        int64_t stall = atomic_load(&x->stall_at);
        bool still = atomic_load(&x->stalled) || (stall >= 0 && sent >= stall);
        struct pollfd p[2] = {{.fd = ends[0] || still ? -1 : c->fd, .events = POLLIN},
                              {.fd = ends[1] || still ? -1 : up, .events = POLLIN}};
        poll(p, 2, 20);
        int64_t before = sent, before_reply = got;
        if (p[0].revents && !move(x, c->fd, up, &sent, atomic_load(&x->cut), stall, &cut)) {
            ends[0] = true;
            shutdown(up, SHUT_WR);
        }
        atomic_fetch_add(&x->carried, sent - before);
        if (!cut && p[1].revents && !move(x, up, c->fd, &got, atomic_load(&x->cut_reply), -1, &cut)) {
            ends[1] = true;
            shutdown(c->fd, SHUT_WR);
        }
        atomic_fetch_add(&x->replied, got - before_reply);
    }
}

static void lie(struct carried *c)
{
    struct tcp_proxy *x = c->x;
    char aside[4096];
    bool fine = send(c->fd, x->lie, x->n_lie, MSG_NOSIGNAL) == (ssize_t)x->n_lie && x->after != 'c';
    while (fine && !atomic_load(&x->stop)) {
        if (x->after == 'e')
            fine = send(c->fd, x->lie, x->n_lie, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno == EAGAIN;
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (poll(&p, 1, x->after == 'e' ? 1 : 20) > 0)
            fine = recv(c->fd, aside, sizeof aside, 0) > 0;
    }
}

static void at_once(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void *serve(void *arg)
{
    struct carried *c = arg;
    if (c->x->lie) {
        lie(c);
        close(c->fd);
    } else {
        struct sockaddr_in at = loopback(c->x->upstream);
        int up = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        at_once(c->fd);
        at_once(up);
        if (up >= 0 && connect(up, (struct sockaddr *)&at, sizeof at) == 0)
            carry_on(c, up);
        reset(c->fd);
        if (up >= 0)
            reset(up);
    }
    atomic_fetch_sub(&c->x->live, 1);
    free(c);
    return NULL;
}

static int listen_on(int port)
{
    struct sockaddr_in at = loopback(port);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 64) < 0)
        die("listen");
    return fd;
}

static void *accept_all(void *arg)
{
    struct tcp_proxy *x = arg;
    while (!atomic_load(&x->stop)) {
        pthread_mutex_lock(&x->lock);
        struct pollfd p = {.fd = x->listener, .events = POLLIN};
        int fd = x->listener >= 0 && poll(&p, 1, 0) > 0 ? accept4(x->listener, NULL, NULL, SOCK_CLOEXEC) : -1;
        pthread_mutex_unlock(&x->lock);
        if (fd < 0) {
            poll(NULL, 0, 2);
            continue;
        }
        struct carried *c = malloc(sizeof *c);
        pthread_t t;
        *c = (struct carried){.x = x, .fd = fd, .epoch = atomic_load(&x->epoch)};
        atomic_fetch_add(&x->live, 1);
        if (pthread_create(&t, NULL, serve, c) != 0)
            die("thread");
        pthread_detach(t);
    }
    return NULL;
}

static struct tcp_proxy *start(int upstream, const char *bytes, size_t n, char after)
{
    struct tcp_proxy *x = calloc(1, sizeof *x);
    x->upstream = upstream;
    x->lie = bytes;
    x->n_lie = n;
    x->after = after;
    x->cut = x->cut_reply = x->stall_at = -1;
    x->port = ssh_peer_free_port();
    x->listener = listen_on(x->port);
    pthread_mutex_init(&x->lock, NULL);
    if (pthread_create(&x->acceptor, NULL, accept_all, x) != 0)
        die("thread");
    return x;
}

struct tcp_proxy *tcp_proxy_start(int upstream_port)
{
    return start(upstream_port, NULL, 0, 0);
}

struct tcp_proxy *tcp_liar_start(const char *bytes, size_t n, char after)
{
    return start(0, bytes, n, after);
}

void tcp_proxy_end(struct tcp_proxy *x)
{
    if (!x)
        return;
    atomic_store(&x->stop, true);
    pthread_join(x->acceptor, NULL);
    while (atomic_load(&x->live) > 0)
        poll(NULL, 0, 2);
    if (x->listener >= 0)
        close(x->listener);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

int tcp_proxy_port(const struct tcp_proxy *x)
{
    return x->port;
}

void tcp_proxy_cut_after(struct tcp_proxy *x, int64_t client_bytes)
{
    atomic_store(&x->cut, client_bytes);
}

void tcp_proxy_cut_reply_after(struct tcp_proxy *x, int64_t server_bytes)
{
    atomic_store(&x->cut_reply, server_bytes);
}

void tcp_proxy_stall(struct tcp_proxy *x, bool on)
{
    atomic_store(&x->stalled, on);
}

void tcp_proxy_stall_after(struct tcp_proxy *x, int64_t client_bytes)
{
    atomic_store(&x->stall_at, client_bytes);
}

void tcp_proxy_throttle(struct tcp_proxy *x, int64_t bytes_per_s)
{
    atomic_store(&x->rate, bytes_per_s);
}

int64_t tcp_proxy_carried(struct tcp_proxy *x)
{
    return atomic_load(&x->carried);
}

int64_t tcp_proxy_replied(struct tcp_proxy *x)
{
    return atomic_load(&x->replied);
}

void tcp_proxy_refuse(struct tcp_proxy *x, bool on)
{
    pthread_mutex_lock(&x->lock);
    if (on && x->listener >= 0) {
        close(x->listener);
        x->listener = -1;
        atomic_fetch_add(&x->epoch, 1);
    } else if (!on && x->listener < 0) {
        x->listener = listen_on(x->port);
    }
    pthread_mutex_unlock(&x->lock);
    while (on && atomic_load(&x->live) > 0)
        poll(NULL, 0, 2);
}
