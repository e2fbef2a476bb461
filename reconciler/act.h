/* act: executes the plan of a look, records what happened in OpenClaw's registry, our own records and the journal, and remembers
 * what makes the next look cheaper. What `apply`, `recreate`, `prune` and the daemon share, so that none of them can do what
 * another would not.
 *
 * Blocking. The round must have been looked at under the round lock (store_lock), which is still held. */
#ifndef RECONCLAW_RECONCILER_ACT_H
#define RECONCLAW_RECONCILER_ACT_H

#include "reconciler/executor.h"
#include "reconciler/leave.h"
#include "reconciler/round.h"
#include "spec/base/text.h"
#include "state/journal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct act_report {
    struct act_ended *v; /* as many as plan.n_acts; in the round's arena */
    size_t n_done[ACT_KIND_COUNT];
    size_t n_all_done, n_failed, n_held, n_cancelled;
    struct leave_report left;  /* what became of the directories that were left behind; its failures count in n_failed */
    const char *journal_error; /* a line could not be written; NULL: all were */
};

struct act_conf {
    const struct host *host;
    struct store *store;
    struct journal *journal;
    const struct grant *grants;
    size_t n_grants;
    const atomic_bool *cancel;
    /* From any thread, one at a time, when an act begins (ended NULL) and ends; may be NULL. */
    void (*progress)(void *ctx, const struct act *act, const struct act_ended *ended);
    void *ctx;
    bool asked; /* by the owner's command: no turn in the sense of the flapping guard */
};

/* Cannot fail as a whole: each act tells. */
void act_execute(const struct act_conf *conf, struct round *r, struct act_report *ret);

/* Drops what is recorded of act->rec's runtime, by the word of its owner: nobody is asked whether it is gone. Told in the
 * journal. ERR_CONFLICT where the record is another one by now. */
int act_forget(const struct act_conf *conf, struct round *r, const struct act *act, struct err *e);

/* "2 created, 1 failed"; nothing where nothing was done. */
void act_report_format(struct buf *b, const struct act_report *r);

/* "recreated" "created": the word for an act that is done. */
const char *act_past(enum act_kind kind);

#endif
