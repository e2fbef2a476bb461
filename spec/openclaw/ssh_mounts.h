/* ssh_mounts: which directories of a remote runtime stand for which of this machine, and what OpenClaw's file tools may reach
 * there.
 *
 * The workspace always is one; the agent's besides, unless the access is "none" or both are one. Those are what is seeded. What a
 * command that runs there does is not restricted by any of this. */
#ifndef RECONCLAW_SPEC_OPENCLAW_SSH_MOUNTS_H
#define RECONCLAW_SPEC_OPENCLAW_SSH_MOUNTS_H

#include "spec/base/arena.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>
#include <stddef.h>

struct oc_remote_mount {
    const char *name;           /* "workspace" "agent" */
    const char *local, *remote; /* absolute */
    bool writable;              /* for file tools */
};

struct oc_remote_mounts {
    struct oc_remote_mount v[2];
    size_t n;
    bool writable; /* any at all */
};

/* line NULL: 2026.5. Directories of this machine are made absolute from cwd. */
struct oc_remote_mounts oc_remote_mounts(struct arena *a, const struct oc_profile *line, const char *workspace_access,
                                         const char *workspace_dir, const char *agent_workspace_dir, const char *cwd,
                                         const char *remote_workspace, const char *remote_agent);

enum oc_reach { OC_REACH_OK, OC_REACH_ESCAPES, OC_REACH_READ_ONLY };

/* Where a path that a tool names leads on the host: relative to the workspace, absolute there, or absolute here below one of the
 * local directories. By its text alone: where links lead is for the host to tell. *ret (may be NULL) unless it escapes. */
enum oc_reach oc_remote_reach(struct arena *a, const struct oc_remote_mounts *m, const char *path, bool writes, const char **ret);

#endif
