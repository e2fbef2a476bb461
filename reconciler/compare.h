/* compare: both ends of what workspaces on other hosts were seeded from, looked at where that decides something: where a reseed
 * was asked for, and where the policy is onChange and the local directories are not what they were when both ends were last in
 * step. What it finds is world.seeds.
 *
 *     compare_seeds(...)      after everything else of the world is known, before the plan; writes nothing
 *     compare_settle(...)     after the acts: what makes the next look cheaper, and what both ends have in common now
 *     compare_free(...)
 *
 * The local directories are walked each time, and their files read only where a name, size, inode or time changed since. The
 * other end is read (saved into nowhere, hashed on the way) when the local one has changed; a look that led to nothing but
 * waiting is not taken again before either end changes. */
#ifndef RECONCLAW_RECONCILER_COMPARE_H
#define RECONCLAW_RECONCILER_COMPARE_H

#include "reconciler/endpoint.h"
#include "reconciler/executor.h"
#include "spec/base/err.h"
#include "spec/manifest_diff.h"
#include "state/home.h"

#include <stdatomic.h>

struct round;
struct compare;

#define COMPARE_MS       120000  /* of one runtime, in a round that takes place by itself */
#define COMPARE_ASKED_MS 1800000 /* and where its owner waits for it */

/* Sets r->compare and r->world.seeds. Cannot fail as a whole: what could not be compared has a doubt. */
void compare_seeds(struct round *r, const struct endpoint_opener *o, struct home *home, const atomic_bool *cancel);
/* Under the round lock. Best effort: what is not written costs another look. done: how the acts of r->plan ended. */
void compare_settle(struct round *r, struct home *home, const struct act_ended *done);
/* The runtime is gone: what is remembered of it goes. */
void compare_forget(struct home *home, const struct act *act);
/* All that a reseed would undo by this look, where both ends were read for it; else NULL. */
const struct manifest_changes *compare_lost(const struct round *r, const struct seed_look *look);
/* The local directories that wanted workspaces of policy onChange are seeded from, each once, sorted. In the arena or the round.
 */
size_t compare_sources(struct arena *a, const struct round *r, const char *const **ret);
void compare_free(struct compare *c); /* accepts NULL */

/* Manifests that no record names: what a crash has left. With `dry` they stay. */
int compare_sweep(struct home *home, bool dry, size_t *ret_n, struct err *e);

#endif
