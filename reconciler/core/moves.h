/* moves: runtimes on other hosts whose target or workspace root changed: one that is wanted at one place and recorded, or seen,
 * at another. See "Moves" in plan.h. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_MOVES_H
#define RECONCLAW_RECONCILER_CORE_MOVES_H

#include "reconciler/core/match.h"

/* Before anything is decided: unit.moves_to and unit.moved_from. */
void moves_link(struct match *m);

/* Rows. Of what is recorded or seen at an old place. */
void moves_decide_old(struct match *m, struct unit *u);
/* Of what is wanted at a new place, where nothing of it is: true: it has decided. */
bool moves_decide_new(struct match *m, struct unit *u);

/* What is recorded of it does not tell the root at which it was seen. */
bool moves_is_unplaced(const struct unit *u);

/* After all guards, before all other order: the old place goes when the new one is made, which waits for no removal that could
 * wait for a move itself. */
void moves_order(struct match *m);
/* Its registry row becomes that of its new place by an act of this plan, or is already. */
bool moves_hands_over(const struct match *m, const struct unit *u);

#endif
