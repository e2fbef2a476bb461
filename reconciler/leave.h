/* leave: carries out what the plan says of private directories that pruned runtimes leave behind.
 *
 *     leave_note(...)       before a runtime is removed: the intent is on disk
 *     leave_finish(...)     after all acts: looks anew at all three worlds, and moves what by them may be moved
 *
 * The second look is what makes a crash harmless: the next round finds the intent and comes to the same place. It also means that
 * a directory never moves on the word of a look that is older than the prune. */
#ifndef RECONCLAW_RECONCILER_LEAVE_H
#define RECONCLAW_RECONCILER_LEAVE_H

#include "reconciler/host.h"
#include "reconciler/round.h"
#include "state/journal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct leave_conf {
    const struct host *host;
    struct store *store;
    struct journal *journal;
    const atomic_bool *cancel; /* may be NULL */
};

/* How one move ended. */
struct leave_done {
    enum move_kind kind;
    const char *path; /* of what was moved or deleted */
    const char *to;   /* of a move to quarantine; NULL otherwise */
    const char *endpoint, *runtime;
    bool failed;
    const char *message; /* of failed; of MOVE_DROP: why it stays */
};

struct leave_report {
    struct leave_done *v; /* in the round's arena */
    size_t n;
    size_t n_moved, n_collected, n_failed;
    const char *error;         /* the second look failed: what is left behind waits for the next round; or NULL */
    const char *journal_error; /* a line could not be written; or NULL */
};

/* Of a removal: writes down what it leaves behind that is to be moved. A directory that is none any more is passed over. -1 where
 * the intent could not be written: nothing may be removed then. From any thread. */
int leave_note(const struct leave_conf *conf, const struct round *r, const struct act *act, struct err *e);

/* Nothing is looked at where there is no intent. Deletes what r's plan says is to be deleted. */
void leave_finish(const struct leave_conf *conf, struct round *r, struct leave_report *ret);

/* One of them, by its owner's word; told in the journal. 0, or -1 and it stays as it is. */
int leave_restore(const struct leave_conf *conf, const struct leftover *l, struct err *e);
int leave_collect(const struct leave_conf *conf, const struct leftover *l, const char *why, struct err *e);

/* "workspace X is now Y", for people; escaped. */
void leave_format(struct buf *b, const struct leave_done *d);

#endif
