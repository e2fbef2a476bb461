/* mounts: what OpenClaw mounts into a container, each as the text of one `-v`, in its order.
 *
 *     r = {.line, .docker, .workspace_access, ...};        create.h
 *     struct oc_mounts m = oc_mounts_plan(a, fs, &r);
 *     r.mounts = &m;                                       then oc_hash_input() and oc_create_*()
 *
 * 2026.5: the workspace at docker.workdir, writable with access "rw" only; the agent's at /agent, unless the access is "none" or
 * both are one; then docker.binds as they are written.
 *
 * 2026.9: the workspace is read-only with access "ro" only. Behind the agent's come skills, read-only: of what the sandbox may
 * write to, "skills" and ".agents/skills", and with access "rw" the copies below skills_workspace_dir. A directory is
 * mounted only where it is one, no link, and leads out of its workspace nowhere. Then the attachments of a subagent's session,
 * then docker.binds. There is one mount per target, told by its normalised path: a bind of the owner's takes the place of a
 * workspace (and stands behind), the last of several binds stands where the first stood, and one on skills or attachments is
 * skipped.
 *
 * Before it works out the mounts for a session, OpenClaw copies the skills, and makes the directory `skills` for that if need be.
 * Its hash holds the mounts: one of a sandbox whose `skills` was not there yet would be another at the first use. So who asks for
 * a runtime in use (r.skills_are_copied) is told of the mounts as they will be then, and makes the directory before creating
 * anything (oc_skills_dir()). */
#ifndef RECONCLAW_SPEC_OPENCLAW_MOUNTS_H
#define RECONCLAW_SPEC_OPENCLAW_MOUNTS_H

#include "spec/base/arena.h"
#include "spec/fs.h"

#include <stddef.h>

struct oc_runtime;

#define OC_AGENT_TARGET       "/agent"
#define OC_ATTACHMENTS_TARGET "/openclaw/attachments"
#define OC_SKILLS_WORKSPACE   ".openclaw/sandbox-skills" /* below an agent's workspace: kept for OpenClaw */

struct oc_mount {
    const char *bind; /* "/src:/dst:ro,z" */
    const char *key;  /* that it comes from: "docker.workdir", "docker.binds[0]" */
    const char *kind; /* as OpenClaw explains it: "workspace" "agent" "protectedSkill" "bind" */
};

struct oc_mounts {
    const struct oc_mount *v;
    size_t n;
    const struct oc_mount *skipped; /* the owner's, on a target of skills or attachments */
    size_t n_skipped;
};

struct oc_mounts oc_mounts_plan(struct arena *a, const struct fs *fs, const struct oc_runtime *r);

/* The directory that OpenClaw makes for the copies of skills that are mounted; NULL: none. */
const char *oc_skills_dir(struct arena *a, const struct oc_runtime *r);

/* "source:target:options", where a drive letter's colon separates nothing. Without a colon all of it is the source and the
 * target is NULL. options is never NULL. */
struct oc_bind {
    const char *source, *target, *options;
};
struct oc_bind oc_bind_split(struct arena *a, const char *bind);

/* A path in a container as OpenClaw compares them: normalised, without a slash at its end. */
char *oc_container_path(struct arena *a, const char *path);

#endif
