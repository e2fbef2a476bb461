/* kept: what our own home keeps from round to round, put into a round's world: what is left behind, what the owner allowed,
 * pauses, room for snapshots, how many runtimes each endpoint showed, and what was done in vain. */
#ifndef RECONCLAW_RECONCILER_KEPT_H
#define RECONCLAW_RECONCILER_KEPT_H

#include "reconciler/round.h"

/* After the look, before the plan: r's desired, looks and leftovers are there. Where there is no home yet, nothing is kept.
 * Fails where what is kept cannot be read: a plan without it would be wrong. */
int kept_put(struct round *r, const struct round_conf *conf, struct err *e);

#endif
