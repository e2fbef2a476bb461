/* executor: carries out a plan. A fixed pool of threads runs acts side by side: one at a time per runtime, at most so many per
 * endpoint, each after those that it waits for. It knows backends and a recorder, and neither files nor clocks of its own.
 *
 * What an act is made of, and in which order, so that a crash at any point leaves something that the next round finishes:
 *
 *   create    [look: must be absent] intent, create, made          [look]: where the act needs one
 *   recreate  look: still idle and the same; fresh; [kept]; intent, remove (by id, seen to be gone), create, made
 *             at another root of the same host: ...; intent, create, made; look: still idle; remove, gone
 *   reseed    look: still idle and the same; fresh; [kept]; intent, create in place of the old tree (or, where the backend
 *             cannot: remove, create), made. What it is made from is local, or the snapshot act->restores: restored
 *   prune     look: still idle and the same; fresh; [kept]; parting, remove, gone
 *   forget    [look: must be absent] parting, gone
 *   start stop patch    [look]; the step; patched
 *   adopt     adopted
 *
 * Kept is what an act with `snapshot` does: a snapshot, read back and verified, then another look that shows the same tree. Of a
 * create that moves, the tree at the old place is kept before the intent. Without it nothing goes.
 *
 * A look that shows that the plan's reason is gone (in use since, changed since, there after all) turns the act into a hold: the
 * next round plans anew. Steps that fail in a passing way are tried again a few times; so are those that timed out, which may
 * have happened: every step is idempotent. Where an endpoint lets all tries of an act time out, no further act begins there: they
 * are held, and the next round looks again. On cancel no act begins and none is torn: those that run get EXECUTOR_GRACE_MS to
 * end, then are told to stop, and the intent on record tells the next round what was under way. */
#ifndef RECONCLAW_RECONCILER_EXECUTOR_H
#define RECONCLAW_RECONCILER_EXECUTOR_H

#include "backends/backend.h"
#include "reconciler/core/plan.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXECUTOR_THREADS    8
#define EXECUTOR_TRIES      4
#define EXECUTOR_BACKOFF_MS 200 /* doubles, with jitter */
#define EXECUTOR_GRACE_MS   8000
#define EXECUTOR_LOOK_MS    15000
#define EXECUTOR_STEP_MS    60000
#define EXECUTOR_SETUP_MS   1800000 /* a create with a setup: package installs take their time */
#define EXECUTOR_TREE_MS    1800000 /* of a canonical workspace: its snapshot, its seed, its removal */

/* How one act of the plan ended. Holds and reports of the plan stay ACT_ENDED_NONE. */
enum act_end { ACT_ENDED_NONE, ACT_ENDED_DONE, ACT_ENDED_FAILED, ACT_ENDED_HELD, ACT_ENDED_CANCELLED, ACT_END_COUNT };

struct act_ended {
    enum act_end end;
    struct err err; /* of failed, held and cancelled */
};

/* Writes what happened. Called from any of the executor's threads, for different acts at the same time. Each returns -1 where it
 * could not; the act then failed. NULL members are skipped. */
struct recorder {
    void *ctx;
    /* Before the first request of a create or recreate: on disk, or nothing is begun. */
    int (*intent)(void *ctx, const struct act *act, struct err *e);
    /* Before the first request of a prune, and before a forget: what is to become of what it leaves behind is on disk, or nothing
     * is begun. */
    int (*parting)(void *ctx, const struct act *act, struct err *e);
    /* Keeps the tree of act->obs, which b shows, and gives 0 only once what was kept was read back and is whole. No room for
     * it: sys is ENOSPC; ERR_CONFLICT: the tree is not (any more) what the act was decided from. Where it is NULL, what needs a
     * snapshot is not done. */
    int (*snapshot)(void *ctx, const struct act *act, struct backend *b, const struct call *c, struct err *e);
    /* What a canonical workspace is seeded from, of create and recreate: a directory for backend_act.seed_dir, or NULL: the local
     * ones. It must stay until the act has ended. Where it is NULL: always the local ones. */
    int (*seed_from)(void *ctx, const struct act *act, struct arena *a, const struct call *c, const char **ret, struct err *e);
    /* Whether the record is still the one that the plan saw: ERR_CONFLICT where it is not (used since, changed since). */
    int (*fresh)(void *ctx, const struct act *act, struct err *e);
    /* It is there; setup_failed: but its setup did not succeed (res tells). */
    int (*made)(void *ctx, const struct act *act, const struct act_result *res, int64_t created_at_ms, bool setup_failed,
                struct err *e);
    /* After one that restores was made: what b shows of it is what its snapshot holds. NULL: nobody asks. */
    int (*restored)(void *ctx, const struct act *act, struct backend *b, const struct call *c, struct err *e);
    int (*patched)(void *ctx, const struct act *act, struct err *e); /* after start, stop and patch, too */
    int (*adopted)(void *ctx, const struct act *act, struct err *e);
    /* It is seen to be gone: the record goes, while it is still the one that was read. Of what has moved (act->row_stays, or a
     * recreate that relocates) only what is recorded of its old place does. */
    int (*gone)(void *ctx, const struct act *act, struct err *e);
    /* For the journal and for people: an act begins (ended NULL), and ends. Cannot fail. */
    void (*progress)(void *ctx, const struct act *act, const struct act_ended *ended);
};

struct executor_conf {
    int (*open)(void *ctx, const char *endpoint, struct backend **ret, struct err *e); /* from any thread */
    void (*close)(void *ctx, struct backend *b);                                       /* NULL: as the backend closes */
    void *open_ctx;                                                                    /* of both */
    const struct recorder *recorder;
    int64_t (*now_ms)(void *ctx);    /* wall clock, for the time of creation; from any thread */
    void (*wait)(void *ctx, int ms); /* between two tries; NULL: by the clock of this machine */
    void *now_ctx;                   /* of both */
    const atomic_bool *cancel;       /* may be NULL */
    const struct grant *grants;      /* GRANT_USE lifts the second look at use */
    size_t n_grants;
    unsigned concurrency; /* per endpoint, where no policy of an act says less; 0: 4 */
    unsigned threads;     /* 0: EXECUTOR_THREADS */
    uint32_t seed;        /* of the jitter */
};

/* Blocks until every act has ended. ret has plan->n_acts items, of the caller. */
void executor_run(const struct plan *plan, const struct executor_conf *conf, struct act_ended *ret);

const char *act_end_name(enum act_end end); /* "done" "failed" "held" "cancelled"; "none" */

#endif
