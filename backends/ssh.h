/* ssh: the backend for directories on other hosts. A runtime is a tree that stands at ROOT = WORKSPACEROOT/NAME and is canonical
 * once it is seeded; nothing of it runs by itself, so that there is no "stopped".
 *
 *     ROOT/workspace, ROOT/agent      what OpenClaw 2026.5.3 keeps there
 *     ROOT/.reconclaw/owner.json      whose it is (ssh_owner.h); manifest: what was seeded (spec/manifest.h); setup: "pending",
 *                                     "done" or "failed"; epoch
 *     WORKSPACEROOT/.NAME.seed-ID.INSTALL   half a seed; becomes ROOT by one rename
 *     WORKSPACEROOT/.NAME.gone-ID.INSTALL   half a removal; was ROOT, or half a seed, until one rename
 *
 * backend_conf.options: {"connections": [...], "workspaceRoots": [...]}: settings (ssh_conf.h) tried in order, and every
 * workspace root that is wanted or recorded on this endpoint. More roots are learned from what is wanted and recorded at each
 * observation and act. Where none is known, nothing is ever said to be absent.
 *
 * Ids: ours are in owner.json; a tree that OpenClaw seeded has "inode:DEV:INO". Of a leftover of our install, where no ROOT has
 * its name, the runtime is listed as stopped, with field `unfinished` (seed or removal) and nothing in it, since what it has is
 * nobody's only copy: removing it by its id ends the matter, and a create begins anew. Beside a ROOT of its name it is field
 * `leftovers` of that, which a patch (a create, a removal) ends. `seed.state` is "whole", or "empty" for a root that exists and
 * has nothing in it, as OpenClaw leaves behind when a seed fails. Processes of other users cannot be seen (but by root), so only
 * busy trees of one's own are. */
#ifndef RECONCLAW_BACKENDS_SSH_H
#define RECONCLAW_BACKENDS_SSH_H

#include "backends/backend.h"

extern const struct backend_ops ssh_ops;

/* "SHA256:..." of the host that the handle is connected to, "" where it is not. */
const char *ssh_backend_host_key(const struct backend *b);

#endif
