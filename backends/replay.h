/* replay: plays a trace (backends/trace.h) back. A request that equals the next recorded one of its runtime gets the recorded
 * answer; any other is ERR_INPUT and names both. No endpoint is touched, so a round that was recorded at a user's can be run
 * again anywhere. "replay:<endpoint>" checks specs as <endpoint>'s backend does.
 *
 * options: file, the path of the trace. All handles of one endpoint name share how far it is played; once the last is closed it
 * begins anew. An exec gives its recorded status and writes nothing; follow gives the recorded hints at once. */
#ifndef RECONCLAW_BACKENDS_REPLAY_H
#define RECONCLAW_BACKENDS_REPLAY_H

#include "backends/backend.h"

extern const struct backend_ops replay_ops;

#define REPLAY_MAX_BYTES (256u << 20)

/* One line of a trace. */
struct replay_line {
    unsigned number; /* 1-based */
    const char *call, *lane;
    const struct node *request, *result, *error; /* result or error NULL, not both */
    bool played;
};

/* Decodes a whole trace. Pure. ERR_INPUT: "line 7: ...". */
int replay_decode(struct arena *a, const char *bytes, size_t n, struct replay_line **ret, size_t *ret_n, struct err *e);

#endif
