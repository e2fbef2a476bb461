/* ssh_private: what ssh_session.c (connect, run) and ssh_auth.c share. */
#ifndef RECONCLAW_BACKENDS_SSH_PRIVATE_H
#define RECONCLAW_BACKENDS_SSH_PRIVATE_H

#include "backends/ssh_dial.h"
#include "backends/ssh_session.h"

#include <libssh/libssh.h>

struct ssh_link {
    struct arena *a; /* settings */
    struct ssh_settings *settings;
    size_t n_settings;
    char *pins;          /* path, or NULL */
    struct buf pinned;   /* lines pinned by this link */
    ssh_session session; /* NULL: none */
    ssh_event event;     /* takes its packets in */
    struct ssh_wire wire;
    bool doubted;
    int64_t used_ms; /* monotonic: when something last came from the server */
    char server[128], host_key[96], user[128];
    char passed[1024]; /* why the first settings do not serve, where others do */
};

/* What libssh says, made one line. */
const char *ssh_said(ssh_session session);
/* Waits for the session's descriptor, at most one slice. */
int ssh_wait(ssh_session session, const struct deadline *d, const char *what, struct err *e);

/* On a session whose host key was accepted. *ret_denied: the server said no to all we have: other settings may do better. */
int ssh_authenticate(const struct ssh_settings *s, const struct ssh_target *t, ssh_session session, const struct deadline *d,
                     bool *ret_denied, struct err *e);

#endif
