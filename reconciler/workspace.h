/* workspace: the directories that a runtime of OpenClaw's mounts, made before it is created, as OpenClaw does: an engine would
 * make a missing one itself, as root's. */
#ifndef RECONCLAW_RECONCILER_WORKSPACE_H
#define RECONCLAW_RECONCILER_WORKSPACE_H

#include "reconciler/host.h"
#include "spec/base/err.h"
#include "spec/world.h"

/* Makes the workspace; the agent's, where it is mounted; and, of 2026.9, the directory that skills are copied to, since OpenClaw
 * makes it before it works out the hash of what it mounts (spec/openclaw/mounts.h); with their parents. What root makes is given
 * to the owner of the directory it stands in (the hash of the config was worked out for that owner, see oc_owner_of()).
 * ERR_REFUSED where the one for skills is no directory: a sandbox may have put a link there. */
int workspace_prepare(const struct host *host, const struct desired *want, struct err *e);

#endif
