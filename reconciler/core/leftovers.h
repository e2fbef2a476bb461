/* leftovers: what becomes of the private directories that removed runtimes of OpenClaw leave behind: the table in plan.h. Comes
 * after all guards, since who stays decides what may be moved. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_LEFTOVERS_H
#define RECONCLAW_RECONCILER_CORE_LEFTOVERS_H

#include "reconciler/core/match.h"

/* Gives removals their `dirs`, and the plan its moves. */
void leftovers_plan(struct match *m, struct plan *ret);

#endif
