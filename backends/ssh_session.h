/* ssh_session: one kept session with one ssh server, by libssh, and commands on it, one at a time.
 *
 * Every wait has a deadline and sees a cancel within DEADLINE_SLICE_MS: libssh is used without blocking, on a descriptor that we
 * connect ourselves. Nothing is ever asked: no passphrase, no password. A session that broke, or that was idle and does not
 * answer within SSH_DOUBT_MS, is made anew, before anything was run on it. After a timeout or a cancel the command is sent
 * SIGKILL (with its process group, by OpenSSH's server since 7.9), its channel closed, and the session is doubted.
 *
 * Errors: host not found, refused, not authenticated, host key: ERR_UNAVAILABLE with a plain text that says what to do;
 * ERR_TIMEOUT and ERR_CANCELLED: outcome unknown. SIGPIPE must be ignored. Identities are read at each connect and wiped; inline
 * ones stay in memory until ssh_session_free(). */
#ifndef RECONCLAW_BACKENDS_SSH_SESSION_H
#define RECONCLAW_BACKENDS_SSH_SESSION_H

#include "backends/ssh_conf.h"

#include "spec/base/text.h"

#define SSH_DOUBT_MS 5000

struct ssh_link; /* not thread-safe: one thread at a time */

/* Nothing is connected yet. settings: an array of option objects, tried in order until one authenticates. state_dir: where host
 * keys of hosts that are not checked strictly are pinned (state_dir/ssh/known_hosts); NULL: for this link only. */
int ssh_link_new(const struct node *settings, const char *state_dir, struct ssh_link **ret, struct err *e);
/* By an ssh config of one host that another program wrote for ssh, whose ProxyCommand gets the environment proxy_env
 * (NULL-terminated; both are copied). Who needs no key is asked for none. Where the config says that host keys are not checked,
 * none is remembered either. */
int ssh_link_new_by(const char *config, const char *const *proxy_env, struct ssh_link **ret, struct err *e);
void ssh_link_free(struct ssh_link *s); /* accepts NULL; wipes what is secret */

/* Connects where there is no session. */
int ssh_link_connect(struct ssh_link *s, const struct deadline *d, struct err *e);
void ssh_link_drop(struct ssh_link *s);

/* Of the session that is up: else "". */
const char *ssh_link_server(const struct ssh_link *s);   /* "OpenSSH_9.2p1 Debian-2" */
const char *ssh_link_host_key(const struct ssh_link *s); /* "SHA256:..." */
const char *ssh_link_user(const struct ssh_link *s);
const char *ssh_link_passed(const struct ssh_link *s); /* why it is up by other settings than the first, or "" */

/* What gives a command its input: calls write, with w, until it has written all. Where write fails, it must return -1 and leave
 * the err as it is. Called from the thread that runs the command. */
typedef int (*ssh_write_fn)(void *w, const void *p, size_t n, struct err *e);
typedef int (*ssh_feed_fn)(void *ctx, ssh_write_fn write, void *w, struct err *e);
/* stream: 1 or 2. */
typedef int (*ssh_sink_fn)(void *ctx, int stream, const char *p, size_t n, struct err *e);

struct ssh_run {
    const char *command; /* for the login shell over there; in its argv, so nothing secret */
    const char *head;    /* its first input */
    size_t n_head;
    /* What follows: what `feed` writes, or what is read from fd_in (< 0: nothing). A feed that is cut short because the command
     * ended before is no error: its status tells. */
    ssh_feed_fn feed;
    void *feed_ctx;
    int fd_in;
    ssh_sink_fn sink; /* NULL: dropped */
    void *sink_ctx;
    bool tty; /* one output stream; the size of fd_tty's terminal is followed */
    int fd_tty;
    /* Becomes the process group of the command, once somebody knows it (0 until then): what is killed when the command is given
     * up, where the server does not pass signals on. OpenSSH's does not for root. May be NULL. */
    const int *group;
};

/* 0 whenever the command came to its end, whatever its status (128 + signal where it was killed). */
int ssh_link_run(struct ssh_link *s, const struct ssh_run *run, const struct deadline *d, int *ret_status, struct err *e);

#endif
