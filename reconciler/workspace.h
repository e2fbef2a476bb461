/* workspace: the directories that a runtime of OpenClaw's mounts, made before it is created, as OpenClaw does: an engine would
 * make a missing one itself, as root's. */
#ifndef RECONCLAW_RECONCILER_WORKSPACE_H
#define RECONCLAW_RECONCILER_WORKSPACE_H

#include "reconciler/host.h"
#include "spec/base/err.h"
#include "spec/world.h"

/* Makes the workspace and, where it is mounted, the agent's, with their parents. What root makes is given to the owner of the
 * directory it stands in (the hash of the config was worked out for that owner, see oc_owner_of()). */
int workspace_prepare(const struct host *host, const struct desired *want, struct err *e);

#endif
