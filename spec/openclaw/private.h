/* private: which directories of this machine one scope of OpenClaw's has for itself, and leaves behind when its last runtime
 * goes.
 *
 *     <workspaceRoot>/<slug>                       the sandbox's workspace, with workspaceAccess none and ro (both lines)
 *     <STATE>/sandbox/skills-workspaces/<slug>     2026.9, with rw: what skills are copied to
 *
 * A container and a browser of one scope share them. What scope shared uses is the root itself, which is nobody's own, and with
 * rw the workspace is the agent's: neither is ever one of these. The slug is the scope key's by the rules of the line that made
 * the key (names.h); a record that tells of another directory (workspaceDir, 2026.9), or whose runtime's name does not tell of
 * the slug, is in doubt, and nothing of it is moved. */
#ifndef RECONCLAW_SPEC_OPENCLAW_PRIVATE_H
#define RECONCLAW_SPEC_OPENCLAW_PRIVATE_H

#include "spec/fs.h"
#include "spec/openclaw/names.h"
#include "spec/world.h"

#include <stddef.h>

/* Those that are there, of a record with a scope key. roots: the workspaceRoots that may hold it, as in the config. doubt: of all
 * of them, or NULL. */
size_t oc_private_dirs(struct arena *a, const struct fs *fs, const struct oc_places *places, const struct record *rec,
                       const char *const *roots, size_t n_roots, const char *doubt, const struct private_dir **ret);

/* Whether it has the form of a slug: "agent-main-f331f052" or "workspace-" and 32 hex digits. */
bool oc_is_slug(const char *name);
/* A root of the config as a path: what oc_sandbox_workspace_dir() puts a slug behind. */
char *oc_private_root(struct arena *a, const char *workspace_root, const struct oc_places *places);
/* Where skills are copied to. */
char *oc_private_skills_root(struct arena *a, const struct oc_places *places);

#endif
