/* bwrap_enter: one command inside a running sandbox, with its namespaces, its environment, its limits and no privilege that the
 * sandbox itself does not have: no capability, none to gain (no_new_privs), no descriptor but 0, 1, 2.
 *
 * The entering process is this very program, run again from a sealed copy in memory under another argv[0] (a constructor in
 * bwrap_enter.c takes over before main): a program inside, being the same user, could otherwise write through /proc/PID/exe to
 * the file that entered it. It stays outside the sandbox's pid namespace, holds the session's lock, waits for the command, and
 * dies with the thread that called. */
#ifndef RECONCLAW_BACKENDS_BWRAP_ENTER_H
#define RECONCLAW_BACKENDS_BWRAP_ENTER_H

#include "backends/bwrap_proc.h"
#include "backends/bwrap_spec.h"
#include "spec/base/text.h"

struct bwrap_enter {
    const struct bwrap_process *process; /* known to live */
    int pidfd;                           /* of it */
    int session_fd;                      /* bwrap_store_session()'s */
    const struct bwrap_record *record;
    const struct bwrap_spec *spec; /* env without secrets' values: they are read from the sandbox itself */
    const char *const *argv;
    const char *workdir;       /* NULL: the sandbox's */
    int fd_in, fd_out, fd_err; /* -1: /dev/null */
    struct buf *output;        /* not NULL: both outputs go here, up to its cap; the rest is read and dropped */
    bool tty;                  /* a terminal of the sandbox's own, relayed to fd_in and fd_out; its size follows theirs */
};

/* Exit status as a shell gives it. On a timeout or cancel the command is killed. */
int bwrap_enter_run(struct arena *a, const struct bwrap_enter *x, const struct deadline *d, int *ret_status, struct err *e);

#endif
