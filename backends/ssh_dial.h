/* ssh_dial: a connected descriptor to an ssh server, within a deadline: by TCP, or through a proxy command whose standard input
 * and output it is. And one to an agent. Nothing is sent. */
#ifndef RECONCLAW_BACKENDS_SSH_DIAL_H
#define RECONCLAW_BACKENDS_SSH_DIAL_H

#include "backends/ssh_conf.h"

#include <sys/types.h>

/* The proxy command runs in a session of its own, without a terminal: it cannot ask. */
struct ssh_wire {
    int fd;     /* stream socket, close-on-exec; -1: none */
    int fd_err; /* what the proxy command complains about; -1: there is none */
    pid_t pid;  /* of it; 0: none */
};
#define SSH_WIRE_NONE ((struct ssh_wire){.fd = -1, .fd_err = -1})

/* ERR_UNAVAILABLE with what the system said, ERR_TIMEOUT, ERR_CANCELLED. */
int ssh_dial(const struct ssh_target *t, const struct deadline *d, struct ssh_wire *ret, struct err *e);
/* What the proxy command has said so far, at most size - 1 bytes of it; "" for nothing. */
void ssh_wire_complaint(struct ssh_wire *w, char *text, size_t size);
/* Ends the proxy command (kindly, then not) and closes what is open. keep_fd: fd belongs to another by now. */
void ssh_wire_close(struct ssh_wire *w, bool keep_fd);

/* -1 where nobody answers there. */
int ssh_dial_agent(const char *path, struct err *e);

#endif
