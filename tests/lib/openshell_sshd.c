#include "tests/lib/openshell_sshd.h"

#include "spec/base/text.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CHANNELS 16
#define IO_BYTES     32768
#define INPUT_MAX    (1u << 30) /* what a command has not read yet */

struct one {
    struct sshd *d;
    ssh_channel channel; /* NULL: free */
    struct ssh_channel_callbacks_struct cb;
    pid_t pid;  /* 0: nothing was started, or it has ended */
    int fd[3];  /* its streams; -1: closed */
    int status; /* -1: it has not ended */
    bool tty, in_ended, told;
    int master, slave; /* of the terminal, until the command has it */
    struct buf input;  /* for it */
    size_t at;
};

struct sshd {
    ssh_session session;
    openshell_sshd_argv_fn argv_of;
    void *ctx;
    struct ssh_server_callbacks_struct cb;
    struct one ones[MAX_CHANNELS];
};

/* --- one command -------------------------------------------------------------------------------------------------------------
 */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void end_one(struct one *x)
{
    if (x->pid > 0) {
        (void)kill(-x->pid, SIGKILL);
        (void)kill(x->pid, SIGKILL);
        (void)waitpid(x->pid, NULL, 0);
    }
    x->pid = 0;
    for (int i = 0; i < 3; i++)
        close_fd(&x->fd[i]);
    close_fd(&x->master);
    close_fd(&x->slave);
    buf_free(&x->input);
}

static void in_child(struct one *x, int in, int out, int err, char **argv)
{
    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (x->tty)
        (void)ioctl(in, TIOCSCTTY, 0);
    (void)dup2(in, 0);
    (void)dup2(out, 1);
    (void)dup2(err, 2);
    (void)execvp(argv[0], argv);
    _exit(127);
}

static int start_one(struct one *x, const char *command)
{
    char **argv = x->d->argv_of(x->d->ctx, command);
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};

    if (x->tty) {
        x->fd[0] = fcntl(x->master, F_DUPFD_CLOEXEC, 3);
        x->fd[1] = fcntl(x->master, F_DUPFD_CLOEXEC, 3);
        x->pid = fork();
        if (x->pid == 0)
            in_child(x, x->slave, x->slave, x->slave, argv);
        close_fd(&x->slave);
        return x->pid > 0 ? 0 : -1;
    }
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        return -1;
    x->pid = fork();
    if (x->pid == 0)
        in_child(x, in[0], out[1], err[1], argv);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    x->fd[0] = in[1];
    x->fd[1] = out[0];
    x->fd[2] = err[0];
    (void)fcntl(in[1], F_SETFL, O_NONBLOCK);
    return x->pid > 0 ? 0 : -1;
}

/* What it has for its command, as far as that takes it. */
static void give_input(struct one *x)
{
    while (x->fd[0] >= 0 && x->at < x->input.n) {
        ssize_t put = write(x->fd[0], x->input.s + x->at, x->input.n - x->at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            return;
        if (put < 0) {
            close_fd(&x->fd[0]);
            return;
        }
        x->at += (size_t)put;
    }
    buf_clear(&x->input);
    x->at = 0;
    if (x->in_ended && !x->tty)
        close_fd(&x->fd[0]);
}

/* Only what the client has room for: a write that waits would take nothing in meanwhile. */
static void take_output(struct one *x, int stream)
{
    char bytes[IO_BYTES];
    uint32_t room = ssh_channel_window_size(x->channel);
    ssize_t n;

    if (room == 0)
        return;
    n = read(x->fd[stream], bytes, room < sizeof bytes ? room : sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) { /* of a terminal whose other side is closed: EIO */
        close_fd(&x->fd[stream]);
        return;
    }
    if (stream == 2)
        (void)ssh_channel_write_stderr(x->channel, bytes, (uint32_t)n);
    else
        (void)ssh_channel_write(x->channel, bytes, (uint32_t)n);
}

/* Once it has ended and all that it said is told. */
static void tell_end(struct one *x)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGKILL, "KILL"}, {SIGTERM, "TERM"}, {SIGHUP, "HUP"}, {SIGPIPE, "PIPE"}, {SIGINT, "INT"}};
    int status;

    if (x->pid > 0 && x->fd[1] < 0 && x->fd[2] < 0 && waitpid(x->pid, &status, WNOHANG) == x->pid) {
        x->pid = 0;
        x->status = status;
    }
    if (x->status < 0 || x->told)
        return;
    x->told = true;
    if (WIFEXITED(x->status))
        (void)ssh_channel_request_send_exit_status(x->channel, WEXITSTATUS(x->status));
    for (size_t i = 0; WIFSIGNALED(x->status) && i < sizeof names / sizeof *names; i++)
        if (names[i].number == WTERMSIG(x->status))
            (void)ssh_channel_request_send_exit_signal(x->channel, names[i].name, 0, "", "");
    (void)ssh_channel_send_eof(x->channel);
    (void)ssh_channel_close(x->channel);
}

/* --- what the client asks -------------------------------------------------------------------------------------------------- */

static int on_data(ssh_session session, ssh_channel channel, void *data, uint32_t n, int is_stderr, void *ctx)
{
    struct one *x = ctx;

    buf_put(&x->input, data, n);
    give_input(x);
    return (int)n;
}

static void on_eof(ssh_session session, ssh_channel channel, void *ctx)
{
    struct one *x = ctx;

    x->in_ended = true;
    give_input(x);
}

static void on_close(ssh_session session, ssh_channel channel, void *ctx)
{
    end_one(ctx);
}

static void on_signal(ssh_session session, ssh_channel channel, const char *name, void *ctx)
{
    struct one *x = ctx;

    if (x->pid > 0)
        (void)kill(-x->pid, strcmp(name, "KILL") == 0 ? SIGKILL : SIGTERM);
}

static int on_pty(ssh_session session, ssh_channel channel, const char *term, int cols, int rows, int px, int py, void *ctx)
{
    struct winsize size = {.ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows};
    struct one *x = ctx;

    if (openpty(&x->master, &x->slave, NULL, NULL, &size) < 0)
        return -1;
    (void)fcntl(x->master, F_SETFD, FD_CLOEXEC);
    (void)fcntl(x->slave, F_SETFD, FD_CLOEXEC);
    (void)fcntl(x->master, F_SETFL, O_NONBLOCK);
    x->tty = true;
    return 0;
}

static int on_size(ssh_session session, ssh_channel channel, int cols, int rows, int px, int py, void *ctx)
{
    struct winsize size = {.ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows};
    const struct one *x = ctx;

    return x->master >= 0 ? ioctl(x->master, TIOCSWINSZ, &size) : -1;
}

static int on_exec(ssh_session session, ssh_channel channel, const char *command, void *ctx)
{
    struct one *x = ctx;

    return x->pid > 0 || x->status >= 0 ? -1 : start_one(x, command);
}

static ssh_channel on_open(ssh_session session, void *ctx)
{
    struct sshd *d = ctx;

    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        struct one *x = &d->ones[i];

        if (x->channel != NULL)
            continue;
        *x = (struct one){.d = d, .fd = {-1, -1, -1}, .status = -1, .master = -1, .slave = -1, .input = BUF_INIT(INPUT_MAX)};
        x->cb = (struct ssh_channel_callbacks_struct){.userdata = x,
                                                      .channel_data_function = on_data,
                                                      .channel_eof_function = on_eof,
                                                      .channel_close_function = on_close,
                                                      .channel_signal_function = on_signal,
                                                      .channel_pty_request_function = on_pty,
                                                      .channel_pty_window_change_function = on_size,
                                                      .channel_exec_request_function = on_exec};
        ssh_callbacks_init(&x->cb);
        x->channel = ssh_channel_new(session);
        (void)ssh_set_channel_callbacks(x->channel, &x->cb);
        return x->channel;
    }
    return NULL;
}

static int on_none(ssh_session session, const char *user, void *ctx)
{
    return SSH_AUTH_SUCCESS;
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------
 */

static void wait_for_something(struct sshd *d)
{
    struct pollfd p[1 + 3 * MAX_CHANNELS];
    bool ending = false;

    p[0] = (struct pollfd){.fd = ssh_get_fd(d->session),
                           .events = (short)(POLLIN | (ssh_get_poll_flags(d->session) & SSH_WRITE_PENDING ? POLLOUT : 0))};
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        const struct one *x = &d->ones[i];
        struct pollfd *q = &p[1 + 3 * i];
        bool open = x->channel != NULL, room = open && ssh_channel_window_size(x->channel) > 0;

        q[0] = (struct pollfd){.fd = open && x->at < x->input.n ? x->fd[0] : -1, .events = POLLOUT};
        q[1] = (struct pollfd){.fd = room ? x->fd[1] : -1, .events = POLLIN};
        q[2] = (struct pollfd){.fd = room ? x->fd[2] : -1, .events = POLLIN};
        ending = ending || (open && x->pid > 0 && x->fd[1] < 0 && x->fd[2] < 0);
    }
    (void)poll(p, 1 + 3 * MAX_CHANNELS, ending ? 5 : 1000);
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        struct one *x = &d->ones[i];
        const struct pollfd *q = &p[1 + 3 * i];

        if (x->channel == NULL)
            continue;
        if (q[0].revents != 0)
            give_input(x);
        for (int k = 1; k < 3; k++)
            if (q[k].revents != 0 && x->fd[k] >= 0)
                take_output(x, k);
        tell_end(x);
        if (ssh_channel_is_closed(x->channel) && (x->told || x->pid == 0)) {
            end_one(x);
            ssh_channel_free(x->channel);
            x->channel = NULL;
        }
    }
}

static int serve(struct sshd *d)
{
    ssh_event event = ssh_event_new();

    d->cb = (struct ssh_server_callbacks_struct){
        .userdata = d, .auth_none_function = on_none, .channel_open_request_session_function = on_open};
    ssh_callbacks_init(&d->cb);
    (void)ssh_set_server_callbacks(d->session, &d->cb);
    ssh_set_auth_methods(d->session, SSH_AUTH_METHOD_NONE | SSH_AUTH_METHOD_PUBLICKEY);
    if (event == NULL || ssh_handle_key_exchange(d->session) != SSH_OK || ssh_event_add_session(event, d->session) != SSH_OK)
        return -1;
    while (ssh_is_connected(d->session)) {
        wait_for_something(d);
        if (ssh_event_dopoll(event, 0) == SSH_ERROR)
            break;
    }
    for (size_t i = 0; i < MAX_CHANNELS; i++)
        if (d->ones[i].channel != NULL)
            end_one(&d->ones[i]);
    (void)ssh_event_remove_session(event, d->session);
    ssh_event_free(event);
    return 0;
}

int openshell_sshd_serve(int fd, openshell_sshd_argv_fn argv_of, void *ctx)
{
    struct sshd *d = calloc(1, sizeof *d);
    ssh_bind bind = ssh_bind_new();
    ssh_key key = NULL;
    bool no = false;
    int r = -1;

    if (d == NULL || bind == NULL)
        abort();
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    d->session = ssh_new();
    d->argv_of = argv_of;
    d->ctx = ctx;
    if (d->session != NULL && ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) == SSH_OK &&
        ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no) == SSH_OK &&
        ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK &&
        ssh_bind_accept_fd(bind, d->session, fd) == SSH_OK)
        r = serve(d);
    ssh_disconnect(d->session);
    ssh_free(d->session);
    ssh_bind_free(bind);
    free(d);
    return r;
}
