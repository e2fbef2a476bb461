/* remember: the keys of reconclaw's state directory under which round_remember() (round.h) leaves what makes the next look
 * cheaper. */
#ifndef RECONCLAW_RECONCILER_REMEMBER_H
#define RECONCLAW_RECONCILER_REMEMBER_H

#include "spec/base/arena.h"

#define REMEMBER_SEEN_KEY "seen" /* endpoint -> how many runtimes of ours it showed */

/* Where the memo of an endpoint is. */
const char *remember_memo_key(struct arena *a, const char *endpoint);

#endif
