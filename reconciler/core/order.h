/* order: what must come before what. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_ORDER_H
#define RECONCLAW_RECONCILER_CORE_ORDER_H

#include "reconciler/core/match.h"

/* Links what takes a name, a registry row or a host port to the removal that frees it, and holds it where that is held. */
void order_units(struct match *m);

/* The acts of all units in their order, with `after` as indices. */
void order_emit(struct match *m, struct plan *ret);

#endif
