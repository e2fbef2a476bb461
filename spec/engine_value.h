/* engine_value: the values that `docker create` takes as text, read as the docker command does (20.10.24 with go-units 0.4.0,
 * whose sizes are plain numbers with a unit; images, binds and hosts as 28.2.2) and turned into what the Engine API takes (texts
 * that name something: engine_ref). OpenClaw's docker keys and `kind: Sandbox` on docker use the same ones.
 *
 * Every engine_parse_* returns 0, or -1 with ERR_CONFIG and a message that quotes the value but not the key: the caller knows
 * the key and wraps. Nothing is trimmed unless said. Where the docker command would silently wrap a number around (8388608t,
 * 1e30 cpus), it is refused here. */
#ifndef RECONCLAW_SPEC_ENGINE_VALUE_H
#define RECONCLAW_SPEC_ENGINE_VALUE_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "512m" "1.5g" "64 KiB" "1024": bytes; units b k m g t p of 1024, with an optional b or ib. */
int engine_parse_size(const char *s, int64_t *ret_bytes, struct err *e);
/* As a size, or "-1": without limit. */
int engine_parse_memory_swap(const char *s, int64_t *ret_bytes, struct err *e);
/* "1.5" -> 1500000000. Refused where it is no whole number of nanocpus. */
int engine_parse_cpus(const char *s, int64_t *ret_nano, struct err *e);

struct engine_ulimit {
    const char *name;   /* static */
    int64_t soft, hard; /* -1: without limit */
};
/* "nofile=1024:2048" or "core=0" (both limits). */
int engine_parse_ulimit(const char *s, struct engine_ulimit *ret, struct err *e);

/* "all" "2" "device=GPU-1" "\"device=0,1\",capabilities=compute": one DeviceRequest. */
int engine_parse_gpus(struct arena *a, const char *s, struct node **ret, struct err *e);

struct engine_volume {
    const char *source; /* NULL: an anonymous volume at target */
    const char *target;
    const char *options; /* "" or "ro,z" */
};
/* "/src:/dst:ro,z". */
int engine_parse_volume(struct arena *a, const char *s, struct engine_volume *ret, struct err *e);

/* A JSON text without its white space (a seccomp profile), refused where it is no JSON. Its strings are kept as they are
 * written. */
int engine_compact_json(struct arena *a, const char *s, size_t n, char **ret, size_t *ret_n, struct err *e);

#define ENGINE_VALUE_MAX 32
/* The shortest exact text that reads back: 536870912 -> "512m", 1000 -> "1000", -1 -> "-1". out has ENGINE_VALUE_MAX bytes. */
const char *engine_format_size(int64_t bytes, char *out);
/* 1500000000 -> "1.5". */
const char *engine_format_cpus(int64_t nano, char *out);

#endif
