/* stream: the tree of a runtime as it is saved, read by somebody who wants to read: a backend writes, and `take` reads, side by
 * side, with nothing on disk in between. */
#ifndef RECONCLAW_RECONCILER_STREAM_H
#define RECONCLAW_RECONCILER_STREAM_H

#include "backends/backend.h"
#include "backends/tree.h"
#include "spec/base/err.h"

/* take runs in a thread of its own until it returns, at the latest when the stream ends; what a failed save has written ends in
 * an error, never as if it were whole. -1 with the error of whichever failed first. ERR_UNSUPPORTED: the backend saves nothing.
 */
int stream_save(struct backend *b, const char *id, const char *name,
                int (*take)(void *ctx, const struct tree_stream *from, struct err *e), void *ctx, const struct call *c,
                struct err *e);

#endif
