/* uses: who needs which directory of this machine, as far as only a look at its file system tells: other paths to what containers
 * mount and runtimes work in, and what `kind: Sandbox` objects are to work in. The planner knows the rest (core/leftovers.h). */
#ifndef RECONCLAW_RECONCILER_USES_H
#define RECONCLAW_RECONCILER_USES_H

#include "reconciler/round.h"

/* `given` and what was found, in the round's arena. The round has been looked at. */
void uses_find(struct round *r, const struct dir_use *given, size_t n_given, const struct dir_use **ret, size_t *ret_n);

#endif
