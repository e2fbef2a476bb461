/* stuck: removals that were begun within the removal cap and failed. They are granted their place in the rounds that follow: one
 * that always fails must not use up the cap and so keep all others from going. Losing the list costs caution, nothing else. */
#ifndef RECONCLAW_RECONCILER_STUCK_H
#define RECONCLAW_RECONCILER_STUCK_H

#include "reconciler/core/plan.h"
#include "reconciler/executor.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/home.h"

#include <stddef.h>

/* GRANT_BEGUN for each of them, in the arena. home may be NULL. */
int stuck_read(struct home *home, struct arena *a, struct grant **ret, size_t *ret_n, struct err *e);
/* After acting: what failed is added, what the plan removes no more goes. `was`: what stuck_read() gave for this plan. */
void stuck_remember(struct home *home, const struct grant *was, size_t n_was, const struct plan *plan,
                    const struct act_ended *done);

#endif
