/* bwrap_record: what is kept of one sandbox in state_dir/bubblewrap/<name>.json, since no daemon remembers it. Pure: bytes to
 * values and back. Secrets are in it as digests only. A record that does not decode makes its runtime unknown, never absent. */
#ifndef RECONCLAW_BACKENDS_BWRAP_RECORD_H
#define RECONCLAW_BACKENDS_BWRAP_RECORD_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BWRAP_RECORD_VERSION 1
#define BWRAP_RECORD_BYTES   (4u << 20)
#define BWRAP_MAX_CGROUPS    8

enum bwrap_phase {
    BWRAP_MAKING,       /* begun, and not known to have come to its end */
    BWRAP_READY,        /* made, its setup done */
    BWRAP_SETUP_FAILED, /* made, its setup did not succeed */
    BWRAP_PHASE_COUNT
};

/* A process that cannot be mistaken for another: the pid alone comes again. */
struct bwrap_process {
    int32_t pid;         /* 0: none */
    uint64_t start;      /* clock ticks since boot: field 22 of /proc/PID/stat */
    const char *boot_id; /* of /proc/sys/kernel/random/boot_id */
    const char *pid_ns;  /* that the pid counts in: "pid:[4026531836]" */
};

struct bwrap_record {
    const char *name, *id, *install, *owner;
    const char *hash; /* or NULL */
    int64_t created_at_ms;
    enum bwrap_phase phase;
    const struct node *create; /* masked: see bwrap_spec.h */
    const char *setup_digest;  /* of what was wanted, or NULL */
    struct bwrap_process process;
    const char *cgroups[BWRAP_MAX_CGROUPS]; /* directories made for it */
    size_t n_cgroups;
};

int bwrap_record_decode(struct arena *a, const char *bytes, size_t n, struct bwrap_record *ret, struct err *e);
/* One JSON document with a newline. */
char *bwrap_record_encode(struct arena *a, const struct bwrap_record *r, size_t *ret_n);

#endif
