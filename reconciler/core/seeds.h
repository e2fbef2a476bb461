/* seeds: the rows, guards and order of plan.h that canonical workspaces have for themselves: what is reseeded, what is kept in a
 * snapshot first. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_SEEDS_H
#define RECONCLAW_RECONCILER_CORE_SEEDS_H

#include "reconciler/core/match.h"

/* What it holds exists nowhere else. */
bool seeds_only_copy(const struct unit *u);

/* One row each, of what is wanted and there. true: it has decided. */
bool seeds_decide_asked(struct match *m, struct unit *u);
bool seeds_decide_empty(struct match *m, struct unit *u);
bool seeds_decide_changed(struct match *m, struct unit *u);

/* Why no snapshot of it can be had, or NULL. u->o is there. */
const char *seeds_no_snapshot(struct match *m, const struct unit *u);
/* A reseed undoes nothing, or only what its owner agreed to lose. u->seed is there. */
bool seeds_is_approved(const struct match *m, const struct unit *u);

#endif
