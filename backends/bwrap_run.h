/* bwrap_run: starts and ends the processes of one sandbox. The caller holds the lock of its name.
 *
 * A sandbox is bwrap's init (pid 1 of its own pid namespace, which reaps), below it the command. Both live in a session of their
 * own, in control groups of their own, below the machine's init: they outlive us. bwrap runs from a sealed copy in memory, so
 * that what runs inside as the same user cannot write to the program it was started by.
 *
 * Order at a start, so that being killed at any point leaves nothing that cannot be found: record (making) -> bwrap, held back
 * before the command -> record with pid and start time -> command. */
#ifndef RECONCLAW_BACKENDS_BWRAP_RUN_H
#define RECONCLAW_BACKENDS_BWRAP_RUN_H

#include "backends/bwrap_cgroup.h"
#include "backends/bwrap_proc.h"
#include "backends/bwrap_spec.h"
#include "backends/bwrap_store.h"

#define BWRAP_MIN_VERSION "0.8.0" /* the first with --disable-userns */
#define BWRAP_GRACE_MS    3000    /* between SIGTERM and SIGKILL */

struct bwrap_run {
    const struct bwrap_store *store;
    const struct bwrap_here *here;
    const struct deadline *deadline;
};

/* Starts what r describes (its process, cgroups and phase are set and stored; the phase is BWRAP_MAKING where it was). spec: with
 * all secrets. On -1 nothing of it runs and the record, where there is one, has no process. ERR_REFUSED: the sandbox cannot be
 * made as wanted, or its command ended at once. */
int bwrap_start(const struct bwrap_run *x, struct arena *a, struct bwrap_record *r, const struct bwrap_spec *spec,
                struct bwrap_warnings *warnings, struct err *e);

/* Ends every process of the sandbox and sees them gone: gently (SIGTERM to what its init started, then SIGKILL) or at once. Then
 * drops the groups. Succeeds where nothing runs. r->process and r->cgroups are cleared; nothing is stored. */
int bwrap_stop(const struct bwrap_run *x, struct bwrap_record *r, bool gently, struct err *e);

#endif
