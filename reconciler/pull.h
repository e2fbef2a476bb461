/* pull: what was done in a workspace on another host since it was seeded, brought to this machine before a reseed undoes it. */
#ifndef RECONCLAW_RECONCILER_PULL_H
#define RECONCLAW_RECONCILER_PULL_H

#include "reconciler/endpoint.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/manifest_diff.h"
#include "spec/world.h"

#include <stdint.h>

/* What of `lost` was added or changed, with the directories that it stands in, into a new directory beside the local workspace:
 * "<workspace>.remote-<time>", which holds `workspace/...` and `agent/...` as the tree does. Never over anything. It appears when
 * all of it is there and was read back. act->seed tells which tree it must be: ERR_CONFLICT where that was changed since. *ret:
 * NULL where there is nothing but removals. */
int pull_changes(const struct endpoint_opener *o, struct arena *a, const struct act *act, const struct manifest_changes *lost,
                 int64_t now_ms, const struct call *c, const char **ret, struct err *e);

#endif
