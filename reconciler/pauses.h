/* pauses: what the owner told reconclaw to leave alone for a while, kept in our state directory so that it holds for every
 * command and over restarts. */
#ifndef RECONCLAW_RECONCILER_PAUSES_H
#define RECONCLAW_RECONCILER_PAUSES_H

#include "reconciler/core/plan.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/home.h"

#include <stddef.h>
#include <stdint.h>

#define PAUSES_KEY "pauses"
#define PAUSES_MAX 1000u

/* Those that have not expired. home NULL: none. A file that is not understood is an error: a pause is never lost silently. */
int pauses_read(struct home *home, struct arena *a, int64_t now_ms, struct pause **ret, size_t *ret_n, struct err *e);
/* Adds one, or replaces that of the same target. */
int pauses_add(struct home *home, struct arena *a, const struct pause *p, int64_t now_ms, struct err *e);
/* Removes that of exactly this target (both NULL: of everything), or with `all` every pause. ret_n: how many went. */
int pauses_remove(struct home *home, struct arena *a, const char *endpoint, const char *name, bool all, int64_t now_ms,
                  size_t *ret_n, struct err *e);

#endif
