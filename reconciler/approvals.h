/* approvals: what the owner agreed to lose, kept in reconclaw's state directory until the reseed that it is of is done. An
 * approval is of exactly what a look saw (seed_look.digest): another change there has another digest, and is not approved.
 *
 * Written under the round lock. */
#ifndef RECONCLAW_RECONCILER_APPROVALS_H
#define RECONCLAW_RECONCILER_APPROVALS_H

#include "reconciler/core/plan.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/home.h"

#include <stddef.h>

#define APPROVALS_KEY "approvals"
#define APPROVALS_MAX 10000 /* one for each runtime that is held */

/* home may be NULL: none. */
int approvals_read(struct home *home, struct arena *a, struct approval **ret, size_t *ret_n, struct err *e);
/* In place of an earlier one of that runtime. */
int approvals_add(struct home *home, struct arena *a, const struct approval *p, struct err *e);
/* What was approved is done, or nothing is there any more that it was of. 0 also where there is none. */
int approvals_remove(struct home *home, struct arena *a, const char *endpoint, const char *name, struct err *e);

#endif
