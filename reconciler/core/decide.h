/* decide: the decision table of plan.h, row by row, for one unit. Knows no guard but those that are rows themselves
 * (clash, unknown, a taken name). Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_DECIDE_H
#define RECONCLAW_RECONCILER_CORE_DECIDE_H

#include "reconciler/core/match.h"

/* Gives u its acts. */
void decide_unit(struct match *m, struct unit *u);

/* Adds an act of this kind; the reason is one sentence without a full stop. */
struct act *unit_add(struct match *m, struct unit *u, enum act_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Turns an act into a hold of itself. hold_reason is kept as it is. */
void act_hold(struct match *m, struct act *act, enum guard guard, int64_t until_ms, const char *hold_reason);

/* The act of a unit that removes its runtime or record for good, or NULL. */
const struct act *unit_removal(const struct unit *u);
/* Whether kind removes for good: prune, forget. */
bool act_kind_removes(enum act_kind kind);

/* "1d 3h": two units at most. */
char *span_text(struct arena *a, int64_t ms);

#endif
