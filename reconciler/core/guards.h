/* guards: what turns an act into a hold, in the order of plan.h. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_GUARDS_H
#define RECONCLAW_RECONCILER_CORE_GUARDS_H

#include "reconciler/core/match.h"

/* All but the cap, over the acts of one unit; then the adopt that what is left may need. */
void guard_unit(struct match *m, struct unit *u);

/* The removal cap, over what all other guards left. */
void guard_cap(struct match *m);

/* How many of so many may be removed in one round without a word. */
size_t guard_cap_of(size_t n_known, const struct policy *p);
#define GUARD_LIFT_CAP "reconclaw apply --allow-removals"

#endif
