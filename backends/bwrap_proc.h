/* bwrap_proc: what /proc says of a sandbox's processes. A pid is believed only together with its start time, the boot and the
 * pid namespace it counts in; what is signalled or entered is held by a pidfd that was opened before the start time was read.
 *
 * A sandbox whose record is lost (deleted, or we died before it was written) is found by its mark: argv[0] of its init, which
 * names the state directory it belongs to, its id and its labels. Only processes of our own user are looked at. A program inside
 * may rewrite that text; it can then only mislabel itself, since a record, where there is one, is believed instead. */
#ifndef RECONCLAW_BACKENDS_BWRAP_PROC_H
#define RECONCLAW_BACKENDS_BWRAP_PROC_H

#include "backends/bwrap_record.h"
#include "backends/deadline.h"

#include <sys/types.h>

struct bwrap_here {
    char boot_id[40];
    char pid_ns[40];
    char key[17]; /* of the state directory, in marks */
};

/* Reads who we are. ERR_UNAVAILABLE where the state directory is not there. */
int bwrap_here_read(const char *state_dir, struct bwrap_here *ret, struct err *e);

/* Whether the recorded process lives. ERR_UNAVAILABLE where that cannot be told (another pid namespace, /proc unreadable).
 * ret_pidfd may be NULL; otherwise -1 where it is dead, else the caller's. */
int bwrap_process_alive(const struct bwrap_here *h, const struct bwrap_process *p, bool *ret, int *ret_pidfd, struct err *e);
/* Start time of a pid that is known to be held by a pidfd or to be our child. */
int bwrap_process_start(pid_t pid, uint64_t *ret, struct err *e);

/* Until the process behind the pidfd has ended. */
int bwrap_process_wait(int pidfd, const struct deadline *d, int max_ms, bool *ret_ended, struct err *e);

/* Children of the sandbox's init: its command, and what was orphaned inside. */
#define BWRAP_MAX_CHILDREN 256
size_t bwrap_process_children(pid_t init, pid_t pids[BWRAP_MAX_CHILDREN]);
bool bwrap_process_parent(pid_t pid, pid_t *ret);
/* Whether two processes run the same program file. */
bool bwrap_process_same_exe(pid_t a, pid_t b);

struct bwrap_orphan {
    struct bwrap_process process;
    bool init;             /* of its pid namespace: the sandbox. false: the bwrap process outside, which waits for it */
    struct bwrap_record r; /* labels and id as marked; phase and create are not known */
};

/* The mark to start a sandbox under. */
const char *bwrap_mark(struct arena *a, const struct bwrap_here *h, const struct bwrap_record *r);
/* Decodes a mark; false where it is none, or of another state directory. Pure. */
bool bwrap_mark_decode(struct arena *a, const char *key, const char *text, struct bwrap_record *ret);
/* All marked processes of this state directory that run. */
int bwrap_scan(const struct bwrap_here *h, struct arena *a, struct bwrap_orphan **ret, size_t *ret_n, struct err *e);

#endif
