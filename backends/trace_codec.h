/* trace_codec: calls of a backend and what came of them, as JSON values and back: one line of a trace is
 *
 *     {"call": "observe", "request": {...}, "result": {...}}        or "error": {"class", "sys", "message"}
 *
 * written by backends/trace.c and played by backends/replay.c. Secrets are not in it: a sensitive value is "(sensitive)", and
 * whether it was the wanted one is kept beside it, so that a replay shows the same drift. */
#ifndef RECONCLAW_BACKENDS_TRACE_CODEC_H
#define RECONCLAW_BACKENDS_TRACE_CODEC_H

#include "backends/backend.h"

/* Requests. `lane`: calls on one runtime keep their order, whichever thread makes them; "" for those on the whole endpoint. */
struct node *trace_request_probe(struct arena *a);
struct node *trace_request_observe(struct arena *a, const struct observe_req *req);
struct node *trace_request_look(struct arena *a, const char *id, const char *name);
struct node *trace_request_apply(struct arena *a, const struct backend_act *act);
struct node *trace_request_exec(struct arena *a, const struct exec_req *req);
const char *trace_lane(const struct node *request);

/* Results. Decoding: ERR_INPUT; everything in the arena. */
struct node *trace_result_probe(struct arena *a, const struct backend_info *info);
int trace_decode_probe(const struct node *n, struct backend_info *ret, struct err *e);
struct node *trace_result_observe(struct arena *a, const struct observation *o, const struct observe_req *req);
int trace_decode_observe(struct arena *a, const struct node *n, const struct observe_req *req, const char *endpoint,
                         struct observation *ret, struct err *e);
struct node *trace_result_look(struct arena *a, const struct observed *o);
int trace_decode_look(struct arena *a, const struct node *n, const char *endpoint, struct observed *ret, struct err *e);
struct node *trace_result_apply(struct arena *a, const struct act_result *r);
int trace_decode_apply(struct arena *a, const struct node *n, struct act_result *ret, struct err *e);

struct node *trace_error(struct arena *a, const struct err *e);
/* Fills e with the recorded error; -1 in any case. */
int trace_decode_error(const struct node *n, struct err *e);

#endif
