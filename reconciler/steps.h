/* steps: one act, step by step, in one thread of the executor. See executor.h for the sequence of each. */
#ifndef RECONCLAW_RECONCILER_STEPS_H
#define RECONCLAW_RECONCILER_STEPS_H

#include "reconciler/executor.h"

#define STEPS_HANDLES 4 /* endpoints that one thread keeps open */

/* One thread's: zeroed but for conf and cancel; ended by steps_close(). */
struct steps {
    const struct executor_conf *conf;
    const atomic_bool *cancel; /* of running steps */
    struct backend *handles[STEPS_HANDLES];
    char *endpoints[STEPS_HANDLES];
    unsigned next; /* which handle goes when another is needed */
};

void steps_run(struct steps *s, const struct act *act, struct act_ended *ret);
void steps_close(struct steps *s);

#endif
