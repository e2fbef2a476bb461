/* trace: a recorder around any other backend. Each call and what came of it becomes one JSON line (trace_codec.h) at the end of a
 * file, which `replay` plays back. "trace:<endpoint>" records the calls to <endpoint>: "trace:docker", "trace:fake:a".
 *
 * options: file, the path (appended to; made 0600), and options: those of the endpoint within.
 *
 * Secrets that pass through a handle are known from what was wanted and are kept out of the file wherever they turn up, setup
 * output and error messages included. Not recorded: what an exec reads and writes. A line that cannot be written is lost and
 * fails no call: a full disk changes nothing of what is done. */
#ifndef RECONCLAW_BACKENDS_TRACE_H
#define RECONCLAW_BACKENDS_TRACE_H

#include "backends/backend.h"

extern const struct backend_ops trace_ops;

/* The endpoint within "trace:X" or "replay:X": "X", or NULL where there is none. */
const char *trace_inner(const char *endpoint);

#endif
