#include "backends/ssh_dial.h"

#include "backends/proc.h"
#include "spec/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEPALIVE_S      15 /* as OpenClaw 2026.5.3 has ssh do: ServerAliveInterval 15, ServerAliveCountMax 3 */
#define KEEPALIVE_PROBES 3
#define END_MS           300 /* given to a proxy command before it is killed */

/* --- names -------------------------------------------------------------------------------------------------------------------
 */

/* The resolver knows no deadline: it runs in a thread of the C library, which owns this until it is done. */
struct lookup {
    struct gaicb cb;
    struct addrinfo hints;
    char host[256], port[8];
};

static int resolve(const struct ssh_target *t, const struct deadline *d, struct addrinfo **ret, struct err *e)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    (void)snprintf(l->port, sizeof l->port, "%d", t->port);
    if (strlen(t->host) >= sizeof l->host) {
        free(l);
        return err_set(e, ERR_UNAVAILABLE, 0, "could not resolve host '%s': it is too long", t->host);
    }
    (void)snprintf(l->host, sizeof l->host, "%s", t->host);
    int r = getaddrinfo(l->host, l->port, &l->hints, ret); /* an address needs nobody's help */
    if (r == 0) {
        free(l);
        return 0;
    }
    l->hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    l->cb = (struct gaicb){.ar_name = l->host, .ar_service = l->port, .ar_request = &l->hints};
    struct gaicb *list[] = {&l->cb};
    r = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    for (int ms = 0; r == 0 && (r = gai_error(&l->cb)) == EAI_INPROGRESS; r = 0) {
        if (deadline_slice(d, "resolving the host's name", &ms, e) < 0) {
            if (gai_cancel(&l->cb) == EAI_CANCELED)
                free(l); /* otherwise it is the resolver's for good */
            return err_wrap(e, "connecting to %s port %d", t->host, t->port);
        }
        struct timespec slice = {.tv_nsec = ms * 1000000L};
        (void)gai_suspend((const struct gaicb *const *)list, 1, &slice);
    }
    *ret = r == 0 ? l->cb.ar_result : NULL;
    free(l);
    if (r != 0)
        return err_set(e, ERR_UNAVAILABLE, 0, "could not resolve host '%s': %s", t->host, gai_strerror(r));
    return 0;
}

/* --- TCP ---------------------------------------------------------------------------------------------------------------------
 */

static void keep_alive(int fd)
{
    const struct {
        int level, name, value;
    } rows[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                {IPPROTO_TCP, TCP_NODELAY, 1},
                {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S},
                {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S},
                {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
                {IPPROTO_TCP, TCP_USER_TIMEOUT, KEEPALIVE_S * (KEEPALIVE_PROBES + 1) * 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        (void)setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value, sizeof rows[i].value);
}

/* errno of one address in *ret_sys; -1 only where the whole call is over. */
static int try_address(const struct addrinfo *ai, const struct deadline *d, int64_t until_ms, int *ret_fd, int *ret_sys,
                       struct err *e)
{
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
    int sys = fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
    *ret_sys = fd < 0 ? errno : sys;
    if (fd < 0)
        return 0;
    while (sys == EINPROGRESS) {
        int ms = 0;
        if (deadline_slice(d, "no connection yet", &ms, e) < 0) {
            close(fd);
            return -1;
        }
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, ms) > 0) {
            socklen_t n = sizeof sys;
            if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &n) < 0)
                sys = errno;
        } else if (deadline_now_ms() >= until_ms) {
            sys = ETIMEDOUT;
        }
    }
    *ret_sys = sys;
    if (sys != 0) {
        close(fd);
        return 0;
    }
    keep_alive(fd);
    *ret_fd = fd;
    return 0;
}

static int dial_tcp(const struct ssh_target *t, const struct deadline *d, struct ssh_wire *w, struct err *e)
{
    struct addrinfo *list = NULL;
    int fd = -1, sys = 0, r = 0;
    int64_t n = 0;
    if (resolve(t, d, &list, e) < 0)
        return -1;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        n++;
    /* One that swallows everything must not use up the time of the others. */
    for (const struct addrinfo *ai = list; ai && r == 0 && fd < 0; ai = ai->ai_next, n--) {
        int64_t now = deadline_now_ms();
        r = try_address(ai, d, now + (d->end_ms - now) / n, &fd, &sys, e);
    }
    freeaddrinfo(list);
    if (r < 0)
        return err_wrap(e, "connecting to %s port %d", t->host, t->port);
    if (fd < 0)
        return err_sys(e, ERR_UNAVAILABLE, sys, "connecting to %s port %d", t->host, t->port);
    w->fd = fd;
    return 0;
}

/* --- a proxy command ---------------------------------------------------------------------------------------------------------
 */

static int spawn(const struct ssh_target *t, int fd, int fd_err, pid_t *ret_pid)
{
    ARENA_AUTO a = arena_new();
    static const char path[] = "PATH=" PROC_PATH;
    const char *env[] = {path,
                         arena_printf(a, "HOME=%s", t->home ? t->home : "/"),
                         arena_printf(a, "USER=%s", t->login ? t->login : ""),
                         arena_printf(a, "LOGNAME=%s", t->login ? t->login : ""),
                         "LC_ALL=C.UTF-8",
                         "SSH_ASKPASS_REQUIRE=never",
                         t->agent_socket ? arena_printf(a, "SSH_AUTH_SOCK=%s", t->agent_socket) : NULL,
                         NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, usual;
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_adddup2(&files, fd, 0);
    posix_spawn_file_actions_adddup2(&files, fd, 1);
    posix_spawn_file_actions_adddup2(&files, fd_err, 2);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int r = posix_spawn(ret_pid, t->proxy_argv[0], &files, &attr, (char *const *)t->proxy_argv,
                        (char *const *)(t->proxy_env ? t->proxy_env : env));
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return r;
}

static int dial_proxy(const struct ssh_target *t, struct ssh_wire *w, struct err *e)
{
    int ends[2], said[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_sys(e, ERR_IO, errno, "making a socket for the proxy command");
    /* It loses what it says beyond a pipe full, rather than wait for somebody to read it. */
    if (pipe2(said, O_CLOEXEC | O_NONBLOCK) < 0) {
        int sys = errno;
        close(ends[0]);
        close(ends[1]);
        return err_sys(e, ERR_IO, sys, "making a pipe for the proxy command");
    }
    int sys = spawn(t, ends[1], said[1], &w->pid);
    close(ends[1]);
    close(said[1]);
    if (sys != 0) {
        close(ends[0]);
        close(said[0]);
        w->pid = 0;
        return err_sys(e, ERR_UNAVAILABLE, sys, "connecting to %s port %d: starting the proxy command %s", t->host, t->port,
                       t->proxy_argv[0]);
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    w->fd = ends[0];
    w->fd_err = said[0];
    return 0;
}

int ssh_dial(const struct ssh_target *t, const struct deadline *d, struct ssh_wire *ret, struct err *e)
{
    struct ssh_wire w = SSH_WIRE_NONE;
    int ms;
    if (deadline_slice(d, "connecting", &ms, e) < 0 || (t->proxy_argv ? dial_proxy(t, &w, e) : dial_tcp(t, d, &w, e)) < 0)
        return -1;
    *ret = w;
    return 0;
}

void ssh_wire_complaint(struct ssh_wire *w, char *text, size_t size)
{
    size_t n = 0;
    for (ssize_t r; w->fd_err >= 0 && n + 1 < size && (r = read(w->fd_err, text + n, size - 1 - n)) > 0;)
        n += (size_t)r;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    text[n] = '\0';
}

void ssh_wire_close(struct ssh_wire *w, bool keep_fd)
{
    if (w->fd >= 0 && !keep_fd)
        close(w->fd);
    if (w->pid > 0) {
        int64_t end = deadline_now_ms() + END_MS;
        (void)kill(-w->pid, SIGTERM);
        siginfo_t ended = {0};
        while (waitid(P_PID, (id_t)w->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0 &&
               deadline_now_ms() < end)
            (void)poll(NULL, 0, 2);
        /* Whoever of its group is still there. The number is its own until it is reaped. */
        (void)kill(-w->pid, SIGKILL);
        (void)waitpid(w->pid, NULL, 0);
    }
    if (w->fd_err >= 0)
        close(w->fd_err);
    *w = SSH_WIRE_NONE;
}

/* --- an agent ----------------------------------------------------------------------------------------------------------------
 */

int ssh_dial_agent(const char *path, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path)
        return err_set(e, ERR_UNAVAILABLE, 0, "ssh agent %s: its path is too long", path);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int sys = errno;
    if (fd >= 0)
        close(fd);
    return err_sys(e, ERR_UNAVAILABLE, sys, "ssh agent %s", path);
}
