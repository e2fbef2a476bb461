/* drift: in what a runtime that is there differs from what is wanted. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_DRIFT_H
#define RECONCLAW_RECONCILER_CORE_DRIFT_H

#include "reconciler/core/match.h"

struct drift {
    const struct field_change *changes; /* by name */
    size_t n_changes;
    enum field_class class; /* the highest of what may be acted on */
    bool image_report;      /* the image is newer, and the policy wants that told only */
};

/* u->d and u->o are there. */
void drift_find(struct match *m, const struct unit *u, struct drift *ret);
/* "docker.memory changed", "docker.memory and 2 more changed". */
const char *drift_reason(struct arena *a, const struct drift *d);

#endif
