/* engine_exec: a command inside a container, its streams carried over one connection of its own. */
#ifndef RECONCLAW_BACKENDS_ENGINE_EXEC_H
#define RECONCLAW_BACKENDS_ENGINE_EXEC_H

#include "backends/engine_http.h"

/* --- the stream ---------------------------------------------------------------------------------------------------------- */

/* Without a terminal both outputs share the connection in frames of eight bytes' head (stream, 0, 0, 0, length) and a body. */
struct engine_demux {
    unsigned char head[8];
    size_t n_head;
    uint32_t left; /* of the frame's body */
};
/* stream is 1 or 2. */
typedef int (*engine_output_fn)(void *ctx, int stream, const char *p, size_t n, struct err *e);
/* Any cut of the bytes gives the same outputs. ERR_INPUT for what are no frames. */
int engine_demux_feed(struct engine_demux *x, const char *p, size_t n, engine_output_fn on_output, void *ctx, struct err *e);
/* A frame that was begun and not ended is ERR_INPUT. */
int engine_demux_end(const struct engine_demux *x, struct err *e);

/* --- the command --------------------------------------------------------------------------------------------------------- */

struct engine_exec_req {
    const char *id;          /* of the container */
    const char *const *argv; /* NULL-terminated */
    const char *workdir;     /* or NULL */
    bool tty;                /* one stream; the size of fd_out's terminal is followed */
    int fd_in;               /* -1: nothing to read */
    int fd_out, fd_err;      /* -1: dropped */
    struct buf *output;      /* where set: both outputs, as they come, up to its max; fd_out and fd_err are not used */
};

/* The program ignores SIGPIPE. Gives the exit status: 127 where there is no such command, 126 where it cannot be executed, 128 +
 * signal where it was killed. ERR_CONFLICT: the container does not run. ERR_UNSUPPORTED: a stdin that ends cannot be carried over
 * TLS without a terminal. On a timeout, a cancel or a broken output the command and what it started are killed, as far as the
 * container has sh and grep: that is waited for 100 ms, and otherwise ended by engine_close(). They are found by a variable that
 * every command is given here, RECONCLAW_EXEC. */
int engine_exec(struct engine *en, const struct engine_exec_req *req, const struct deadline *d, int *ret_status, struct err *e);

#endif
