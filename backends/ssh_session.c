#include "backends/ssh_session.h"

#include "backends/ssh_known.h"
#include "backends/ssh_private.h"

#include <libssh/callbacks.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define IO_BYTES     32768
#define IDLE_MS      10000 /* after which a session has to show that it lives */
#define KEEPALIVE_MS 15000 /* as OpenClaw 2026.5.3 has ssh do */
#define PARTING_MS   30    /* for what is still to be sent when a command is given up */
#define KILL_MS      70    /* for ending a command that is given up */
#define MAX_SETTINGS 64

/* --- life --------------------------------------------------------------------------------------------------------------------
 */

int ssh_link_new(const struct node *settings, const char *state_dir, struct ssh_link **ret, struct err *e)
{
    if (!node_is(settings, NODE_ARRAY) || settings->n_items == 0)
        return err_set(e, ERR_CONFIG, 0, "connections: an ssh endpoint needs at least one connection's settings");
    if (settings->n_items > MAX_SETTINGS)
        return err_set(e, ERR_CONFIG, 0, "connections: more than %d different settings for one endpoint", MAX_SETTINGS);
    struct ssh_link *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->a = arena_new();
    s->wire = SSH_WIRE_NONE;
    s->pinned = BUF_INIT(65536);
    s->settings = ARENA_ARRAY(s->a, struct ssh_settings, settings->n_items);
    for (size_t i = 0; i < settings->n_items; i++, s->n_settings++)
        if (ssh_settings_read(s->a, settings->items[i], &s->settings[i], e) < 0) {
            ssh_link_free(s);
            return -1;
        }
    if (state_dir)
        s->pins = arena_printf(s->a, "%s/ssh/known_hosts", state_dir);
    *ret = s;
    return 0;
}

int ssh_link_new_by(const char *config, const char *const *proxy_env, struct ssh_link **ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *alias, *answer;
    size_t n = 0;
    if (ssh_config_read(a, config, &alias, &answer, e) < 0)
        return -1;
    struct ssh_link *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->a = arena_new();
    s->wire = SSH_WIRE_NONE;
    s->pinned = BUF_INIT(65536);
    while (proxy_env[n])
        n++;
    const char **env = ARENA_ARRAY(s->a, const char *, n + 1);
    for (size_t i = 0; i < n; i++)
        env[i] = arena_strdup(s->a, proxy_env[i]);
    s->settings = ARENA_ARRAY(s->a, struct ssh_settings, 1);
    s->settings[0] = (struct ssh_settings){
        .host = arena_strdup(s->a, alias), .strict = true, .config = arena_strdup(s->a, config), .proxy_env = env};
    s->n_settings = 1;
    *ret = s;
    return 0;
}

void ssh_link_free(struct ssh_link *s)
{
    if (!s)
        return;
    ssh_link_drop(s);
    for (size_t i = 0; i < s->n_settings; i++)
        ssh_settings_wipe(&s->settings[i]);
    buf_free(&s->pinned);
    arena_free(s->a);
    free(s);
}

void ssh_link_drop(struct ssh_link *s)
{
    if (s->event) {
        (void)ssh_event_remove_session(s->event, s->session);
        ssh_event_free(s->event);
    }
    if (s->session) {
        ssh_disconnect(s->session);
        ssh_free(s->session);
    }
    s->session = NULL;
    s->event = NULL;
    ssh_wire_close(&s->wire, true);
    s->server[0] = s->host_key[0] = s->user[0] = s->passed[0] = '\0';
    s->doubted = false;
}

const char *ssh_link_server(const struct ssh_link *s)
{
    return s->server;
}

const char *ssh_link_host_key(const struct ssh_link *s)
{
    return s->host_key;
}

const char *ssh_link_user(const struct ssh_link *s)
{
    return s->user;
}

const char *ssh_link_passed(const struct ssh_link *s)
{
    return s->passed;
}

const char *ssh_said(ssh_session session)
{
    const char *said = ssh_get_error(session);
    return said && *said ? said : "the server hung up";
}

int ssh_wait(ssh_session session, const struct deadline *d, const char *what, struct err *e)
{
    int ms;
    if (deadline_slice(d, what, &ms, e) < 0)
        return -1;
    int flags = ssh_get_poll_flags(session), fd = ssh_get_fd(session);
    /* libssh makes it blocking once it is connected, and would wait in send() for a server that reads nothing. */
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (flags & SSH_WRITE_PENDING ? POLLOUT : 0))};
    (void)poll(&p, 1, ms);
    return 0;
}

/* --- connect -----------------------------------------------------------------------------------------------------------------
 */

static int set_options(ssh_session session, const struct ssh_target *t, const struct ssh_known *k, int *fd, struct err *e)
{
    bool no = false;
    int strict = 1, silent = SSH_LOG_NOLOG;
    unsigned port = (unsigned)t->known_port;
    const struct {
        enum ssh_options_e option;
        const void *value;
    } rows[] = {
        {SSH_OPTIONS_PROCESS_CONFIG, &no}, /* ssh was asked */
        {SSH_OPTIONS_LOG_VERBOSITY, &silent},
        {SSH_OPTIONS_HOST, t->known_as}, /* not connected to by libssh, only looked up */
        {SSH_OPTIONS_PORT, &port},
        {SSH_OPTIONS_USER, t->user},
        {SSH_OPTIONS_KNOWNHOSTS, k->path},
        {SSH_OPTIONS_GLOBAL_KNOWNHOSTS, k->path},
        {SSH_OPTIONS_STRICTHOSTKEYCHECK, &strict}, /* decided by ssh_known_check() */
        {SSH_OPTIONS_FD, fd},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ssh_options_set(session, rows[i].option, rows[i].value) < 0)
            return err_set(e, ERR_UNAVAILABLE, 0, "connecting to %s port %d: %s", t->host, t->port, ssh_said(session));
    ssh_set_blocking(session, 0);
    return 0;
}

static int handshake(struct ssh_link *s, const struct ssh_target *t, const struct deadline *d, struct err *e)
{
    int r;
    while ((r = ssh_connect(s->session)) == SSH_AGAIN)
        if (ssh_wait(s->session, d, "waiting for the ssh server", e) < 0)
            return err_wrap(e, "connecting to %s port %d", t->host, t->port);
    if (r == SSH_OK)
        return 0;
    char complaint[512];
    ssh_wire_complaint(&s->wire, complaint, sizeof complaint);
    return err_set(e, ERR_UNAVAILABLE, 0, "connecting to %s port %d: %s%s%s", t->host, t->port, ssh_said(s->session),
                   complaint[0] ? ": proxy command: " : "", complaint);
}

static void keep_names(struct ssh_link *s, const struct ssh_target *t, const char *host_key)
{
    const char *banner = ssh_get_serverbanner(s->session);
    banner = banner && strncmp(banner, "SSH-2.0-", 8) == 0 ? banner + 8 : banner ? banner : "";
    (void)snprintf(s->server, sizeof s->server, "%s", banner);
    (void)snprintf(s->host_key, sizeof s->host_key, "%s", host_key);
    (void)snprintf(s->user, sizeof s->user, "%s", t->user);
}

/* The session is up or gone. *ret_next: other settings may do better. */
static int connect_as(struct ssh_link *s, const struct ssh_settings *set, const struct deadline *d, bool *ret_next, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct ssh_target t;
    struct ssh_known k;
    const char *host_key = "";
    if (set->config)
        buf_clear(&s->pinned);
    *ret_next = true; /* what fails here is of these settings: a file that cannot be read, a key that is not known */
    if (ssh_settings_resolve(a, set, d, &t, e) < 0 || ssh_known_load(a, set, &t, s->pins, &s->pinned, &k, e) < 0)
        return -1;
    *ret_next = false;
    int r = ssh_dial(&t, d, &s->wire, e);
    if (r == 0) {
        s->session = ssh_new();
        if (!s->session)
            abort();
        /* From SSH_OPTIONS_FD on the descriptor is libssh's to close, but only once it has connected. */
        r = set_options(s->session, &t, &k, &s->wire.fd, e);
        if (r < 0) {
            ssh_free(s->session);
            s->session = NULL;
            ssh_wire_close(&s->wire, false);
        } else {
            r = handshake(s, &t, d, e);
        }
    }
    if (r == 0 && (r = ssh_known_check(a, &k, set, &t, s->session, &s->pinned, d, &host_key, e)) < 0)
        *ret_next = true;
    ssh_known_free(&k);
    if (r == 0)
        r = ssh_authenticate(set, &t, s->session, d, ret_next, e);
    if (r == 0) {
        keep_names(s, &t, host_key);
        s->event = ssh_event_new();
        if (!s->event || ssh_event_add_session(s->event, s->session) != SSH_OK)
            abort();
    } else {
        ssh_link_drop(s);
    }
    return r;
}

int ssh_link_connect(struct ssh_link *s, const struct deadline *d, struct err *e)
{
    if (s->session)
        return 0;
    if (s->pins) {
        ARENA_AUTO a = arena_new();
        char *dir = arena_strdup(a, s->pins);
        *strrchr(dir, '/') = '\0';
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
            return err_sys(e, ERR_IO, errno, "making %s", dir);
    }
    struct err first = {0}, last = {0};
    for (size_t i = 0; i < s->n_settings; i++) {
        bool next = false;
        if (connect_as(s, &s->settings[i], d, &next, &last) == 0) {
            s->used_ms = deadline_now_ms();
            (void)snprintf(s->passed, sizeof s->passed, "%s", i > 0 ? first.msg : "");
            return 0;
        }
        if (i == 0 || !next)
            first = last;
        if (!next || deadline_state(d) != ERR_NONE)
            break;
    }
    *e = deadline_state(d) != ERR_NONE && s->n_settings > 1 ? last : first;
    return -1;
}

/* --- a command -----------------------------------------------------------------------------------------------------------------
 */

struct running {
    struct ssh_link *s;
    const struct ssh_run *run;
    const struct deadline *d;
    ssh_channel channel;
    struct ssh_channel_callbacks_struct cb;
    int status;             /* -1: not known yet */
    char pending[IO_BYTES]; /* of what came from fd_in */
    size_t at, n;
    bool in_ended, eof_sent, moved;
    bool ended_early; /* the command, before its input */
    struct winsize size;
    int64_t alive_ms;
};

static void on_status(ssh_session session, ssh_channel channel, int status, void *ctx)
{
    ((struct running *)ctx)->status = status & 255;
}

static void on_signal(ssh_session session, ssh_channel channel, const char *name, int core, const char *text, const char *lang,
                      void *ctx)
{
    static const struct {
        const char *name;
        int number;
    } rows[] = {{"ABRT", 6},  {"ALRM", 14}, {"FPE", 8},   {"HUP", 1},   {"ILL", 4},   {"INT", 2},
                {"KILL", 9},  {"PIPE", 13}, {"QUIT", 3},  {"SEGV", 11}, {"TERM", 15}, {"USR1", 10},
                {"USR2", 12}, {"BUS", 7},   {"XCPU", 24}, {"XFSZ", 25}, {"SYS", 31},  {"TRAP", 5}};
    struct running *x = ctx;
    x->status = 128;
    for (size_t i = 0; name && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            x->status = 128 + rows[i].number;
}

static int broken(struct running *x, const char *what, struct err *e)
{
    enum err_class state = deadline_state(x->d);
    if (state != ERR_NONE)
        return err_set(e, state, 0, "%s: %s", what, state == ERR_CANCELLED ? "cancelled" : "no end within the time given");
    return err_set(e, ERR_UNAVAILABLE, 0, "%s: %s", what, ssh_said(x->s->session));
}

static int again(struct running *x, int (*step)(struct running *x), const char *what, struct err *e)
{
    int r;
    while ((r = step(x)) == SSH_AGAIN)
        if (ssh_wait(x->s->session, x->d, what, e) < 0)
            return -1;
    return r == SSH_OK ? 0 : broken(x, what, e);
}

static int step_open(struct running *x)
{
    return ssh_channel_open_session(x->channel);
}

static int step_pty(struct running *x)
{
    int cols = x->size.ws_col ? x->size.ws_col : 80, rows = x->size.ws_row ? x->size.ws_row : 24;
    return ssh_channel_request_pty_size(x->channel, "xterm-256color", cols, rows);
}

static int step_exec(struct running *x)
{
    return ssh_channel_request_exec(x->channel, x->run->command);
}

/* Sends what can be sent without waiting: never more than the window, nor while earlier bytes still wait for the socket, so that
 * nothing piles up here. false: the channel takes nothing any more. */
static bool send_some(struct running *x, const char *p, size_t n, size_t *ret_put)
{
    uint32_t window = ssh_channel_window_size(x->channel);
    size_t part = n < window ? n : window;
    *ret_put = 0;
    if (ssh_channel_is_closed(x->channel) || (x->status >= 0 && ssh_channel_is_eof(x->channel)))
        return false;
    part = part < IO_BYTES ? part : IO_BYTES;
    if (part == 0 || ssh_get_status(x->s->session) & SSH_WRITE_PENDING)
        return true;
    int put = ssh_channel_write(x->channel, p, (uint32_t)part);
    *ret_put = put > 0 ? (size_t)put : 0;
    x->moved = x->moved || put > 0;
    return put >= 0;
}

static int take_fd_in(struct running *x, struct err *e)
{
    struct pollfd p = {.fd = x->run->fd_in, .events = POLLIN};
    if (x->at < x->n || x->in_ended)
        return 0;
    x->at = x->n = 0;
    if (x->run->fd_in < 0 || x->run->feed) {
        x->in_ended = true;
    } else if (poll(&p, 1, 0) > 0) {
        ssize_t got = read(x->run->fd_in, x->pending, sizeof x->pending);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return err_sys(e, ERR_IO, errno, "reading the command's input");
        x->in_ended = got == 0;
        x->n = got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int send_input(struct running *x, struct err *e)
{
    size_t put = 0;
    if (x->eof_sent)
        return 0;
    if (take_fd_in(x, e) < 0)
        return -1;
    if (x->at < x->n && !send_some(x, x->pending + x->at, x->n - x->at, &put)) {
        /* One that ended without reading all of its input has a status all the same. */
        x->in_ended = x->eof_sent = true;
        x->at = x->n = 0;
        return 0;
    }
    x->at += put;
    if (x->in_ended && x->at == x->n) {
        (void)ssh_channel_send_eof(x->channel);
        x->eof_sent = true;
    }
    return 0;
}

static int take_output(struct running *x, struct err *e)
{
    char bytes[IO_BYTES];
    for (int stream = 0; stream < 2; stream++) {
        int got = ssh_channel_read_nonblocking(x->channel, bytes, sizeof bytes, stream);
        if (got == SSH_ERROR && ssh_channel_is_open(x->channel))
            return broken(x, "reading the command's output", e);
        if (got <= 0)
            continue;
        x->moved = true;
        if (x->run->sink && x->run->sink(x->run->sink_ctx, stream + 1, bytes, (size_t)got, e) < 0)
            return -1;
    }
    return 0;
}

/* Its size when it is begun, and every change later. */
static void follow_size(struct running *x)
{
    struct winsize w;
    if (!x->run->tty || x->run->fd_tty < 0 || ioctl(x->run->fd_tty, TIOCGWINSZ, &w) < 0 || w.ws_row == 0)
        return;
    bool changed = w.ws_row != x->size.ws_row || w.ws_col != x->size.ws_col;
    x->size = w;
    if (changed && x->channel && ssh_channel_is_open(x->channel))
        (void)ssh_channel_change_pty_size(x->channel, w.ws_col, w.ws_row);
}

static int pause_pump(struct running *x, bool wait_in, struct err *e)
{
    int ms;
    if (deadline_slice(x->d, "waiting for the command", &ms, e) < 0)
        return -1;
    bool wants_in = wait_in && !x->in_ended && x->at == x->n && x->run->fd_in >= 0;
    int flags = ssh_get_poll_flags(x->s->session);
    struct pollfd p[2] = {
        {.fd = ssh_get_fd(x->s->session), .events = (short)(POLLIN | (flags & SSH_WRITE_PENDING ? POLLOUT : 0))},
        {.fd = wants_in ? x->run->fd_in : -1, .events = POLLIN}};
    (void)poll(p, 2, ms);
    int64_t now = deadline_now_ms();
    if (now - x->alive_ms >= KEEPALIVE_MS) {
        x->alive_ms = now;
        (void)ssh_send_ignore(x->s->session, "alive");
    }
    return 0;
}

/* All of it, waiting for the other side as it reads. */
static int write_input(void *w, const void *bytes, size_t n, struct err *e)
{
    struct running *x = w;
    const char *p = bytes;
    int ms;
    while (n > 0) {
        size_t put = 0;
        x->moved = false;
        if (deadline_slice(x->d, "sending the command's input", &ms, e) < 0)
            return -1;
        bool open = send_some(x, p, n, &put);
        p += put;
        n -= put;
        if (take_output(x, e) < 0)
            return -1;
        if (!ssh_is_connected(x->s->session))
            return broken(x, "sending the command's input", e);
        if (!open) {
            x->ended_early = true;
            return err_set(e, ERR_INTERNAL, 0, "the command ended before its input");
        }
        if (!x->moved && pause_pump(x, false, e) < 0)
            return -1;
    }
    return 0;
}

static int give_input(struct running *x, struct err *e)
{
    int r = write_input(x, x->run->head, x->run->n_head, e);
    if (r == 0 && x->run->feed)
        r = x->run->feed(x->run->feed_ctx, write_input, x, e);
    if (r < 0 && x->ended_early) {
        x->in_ended = x->eof_sent = true;
        r = 0;
    }
    return r;
}

static int pump(struct running *x, struct err *e)
{
    for (;;) {
        int ms;
        x->moved = false;
        /* Reading a channel that is at its end takes no more packets in, and the status may be one of them. */
        (void)ssh_event_dopoll(x->s->event, 0);
        if (deadline_slice(x->d, "waiting for the command", &ms, e) < 0 || send_input(x, e) < 0 || take_output(x, e) < 0)
            return -1;
        if (x->moved)
            continue;
        bool eof = ssh_channel_is_eof(x->channel);
        if (x->status >= 0 && eof)
            return 0;
        if (!ssh_is_connected(x->s->session))
            return broken(x, "waiting for the command", e);
        if (ssh_channel_is_closed(x->channel))
            break;
        follow_size(x);
        if (pause_pump(x, true, e) < 0)
            return -1;
    }
    if (x->status < 0)
        return err_set(e, ERR_UNAVAILABLE, 0, "waiting for the command: it ended without a status");
    return 0;
}

/* A channel that is opened proves that the server is there: nothing has been run before. */
static int open_channel(struct running *x, const struct deadline *d, struct err *e)
{
    const struct deadline *real = x->d;
    x->channel = ssh_channel_new(x->s->session);
    if (!x->channel)
        return broken(x, "opening a channel", e);
    x->d = d;
    int r = again(x, step_open, "opening a channel", e);
    x->d = real;
    return r;
}

static int open_on_some_session(struct running *x, struct err *e)
{
    struct ssh_link *s = x->s;
    int ms;
    if (deadline_slice(x->d, "opening a channel", &ms, e) < 0)
        return -1;
    if (s->session) {
        struct deadline doubt = *x->d;
        int64_t now = deadline_now_ms();
        bool doubted = s->doubted || now - s->used_ms > IDLE_MS;
        /* Half of what is left at most: the other half is for connecting anew. */
        int64_t most = (x->d->end_ms - now) / 2 < SSH_DOUBT_MS ? (x->d->end_ms - now) / 2 : SSH_DOUBT_MS;
        if (doubted && doubt.end_ms > now + most)
            doubt.end_ms = now + most;
        if (open_channel(x, &doubt, e) == 0)
            return 0;
        ssh_link_drop(s); /* frees the channel */
        x->channel = NULL;
        if (deadline_state(x->d) != ERR_NONE)
            return -1;
    }
    if (ssh_link_connect(s, x->d, e) < 0)
        return -1;
    if (open_channel(x, x->d, e) == 0)
        return 0;
    ssh_link_drop(s);
    x->channel = NULL;
    return -1;
}

/* The channel stays open where the time is over: closed at once, the start-up files of the shell over there might die of what
 * they print before it comes to our line. The session's end frees it. */
static void end_group(struct running *x, int group)
{
    char command[64];
    struct ssh_link *s = x->s;
    ssh_channel channel = ssh_channel_new(s->session);
    int64_t end = deadline_now_ms() + KILL_MS;
    bool over = false;
    (void)snprintf(command, sizeof command, "exec /bin/sh -c 'kill -9 -%d'", group);
    for (int step = 0; channel && !over && deadline_now_ms() < end;) {
        int r = step == 0   ? ssh_channel_open_session(channel)
                : step == 1 ? ssh_channel_request_exec(channel, command)
                            : ssh_event_dopoll(s->event, 0);
        over = step < 2 ? r == SSH_ERROR : ssh_channel_is_closed(channel) || ssh_channel_is_eof(channel);
        step += step < 2 && r == SSH_OK;
        struct pollfd p = {.fd = ssh_get_fd(s->session), .events = POLLIN};
        if (!over)
            (void)poll(&p, 1, 5);
    }
    if (over)
        ssh_channel_free(channel);
}

/* It is not to go on without us. What cannot be sent in PARTING_MS is not sent: then the session goes with it. */
static void give_up(struct running *x)
{
    ssh_session session = x->s->session;
    if (ssh_channel_is_open(x->channel))
        (void)ssh_channel_request_send_signal(x->channel, "KILL");
    if (x->run->group && *x->run->group > 1 && ssh_is_connected(session))
        end_group(x, *x->run->group);
    ssh_channel_free(x->channel);
    int64_t end = deadline_now_ms() + PARTING_MS;
    int r = SSH_ERROR;
    while (ssh_is_connected(session) && (r = ssh_blocking_flush(session, 0)) == SSH_AGAIN && deadline_now_ms() < end) {
        struct pollfd p = {.fd = ssh_get_fd(session), .events = POLLOUT};
        (void)poll(&p, 1, 10);
    }
    if (r != SSH_OK || !ssh_is_connected(session))
        ssh_link_drop(x->s);
    else
        x->s->doubted = true;
}

int ssh_link_run(struct ssh_link *s, const struct ssh_run *run, const struct deadline *d, int *ret_status, struct err *e)
{
    struct running *x = calloc(1, sizeof *x);
    if (!x)
        abort();
    *x = (struct running){.s = s, .run = run, .d = d, .status = -1, .alive_ms = deadline_now_ms()};
    x->cb = (struct ssh_channel_callbacks_struct){
        .userdata = x, .channel_exit_status_function = on_status, .channel_exit_signal_function = on_signal};
    ssh_callbacks_init(&x->cb);
    int r = open_on_some_session(x, e);
    if (r == 0) {
        follow_size(x);
        (void)ssh_set_channel_callbacks(x->channel, &x->cb);
        r = run->tty ? again(x, step_pty, "asking for a terminal", e) : 0;
        if (r == 0)
            /* The head is not sent before the answer has come: what goes to the server then carries our ACK, for which it would
             * wait 40 ms before it sends the output. */
            r = again(x, step_exec, "starting the command", e);
        if (r == 0)
            r = give_input(x, e);
        if (r == 0)
            r = pump(x, e);
        (void)ssh_remove_channel_callbacks(x->channel, &x->cb);
        if (r == 0) {
            ssh_channel_free(x->channel);
            s->used_ms = deadline_now_ms();
            s->doubted = false;
            *ret_status = x->status;
        } else {
            give_up(x);
        }
    }
    explicit_bzero(x->pending, sizeof x->pending);
    free(x);
    return r;
}
