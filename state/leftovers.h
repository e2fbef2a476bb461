/* leftovers: our own record of each private workspace that a pruned runtime of OpenClaw leaves behind, one file each. It is
 * written before the prune, so that whoever comes after a crash knows what was meant; it tells where the directory went, and goes
 * when that was restored or deleted (struct leftover in spec/world.h).
 *
 *     leftover_put(LEAVING)     before the runtime is removed
 *     ... the runtime goes, its record goes, the directory is moved (state/quarantine.h) ...
 *     leftover_put(KEPT)        it is in the quarantine
 *     leftover_put(GOING)       before it is deleted
 *     leftover_remove
 *
 * One is identified by root, slug and entry. */
#ifndef RECONCLAW_STATE_LEFTOVERS_H
#define RECONCLAW_STATE_LEFTOVERS_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"
#include "state/home.h"
#include "state/issue.h"

#include <stddef.h>

struct leftovers_view {
    struct leftover *v; /* oldest first */
    size_t n;
    struct issues issues;
};

/* All of them. A file that is none is an issue; only a directory that cannot be listed is an error. */
int leftovers_read(struct home *h, struct arena *a, struct leftovers_view *ret, struct err *e);
int leftover_put(struct home *h, const struct leftover *l, struct err *e);
int leftover_remove(struct home *h, const struct leftover *l, struct err *e); /* 0 also where there is none */

/* The format, for tests. ERR_INPUT where it is none. */
int leftover_decode(struct arena *a, const char *bytes, size_t n, struct leftover *ret, struct err *e);
void leftover_format(struct arena *a, const struct leftover *l, struct buf *out);

#endif
