/* remote: what runtimes on other hosts are made from, in one shape for OpenClaw's and for those of a `kind: Sandbox`.
 *
 * `create` of backend ssh:
 *
 *     {
 *       "root": "/srv/x/reconclaw-a",     the runtime's directory on the host
 *       "workspaceRoot": "/srv/x",        that it stands in
 *       "dirs": [{"name": "workspace", "local": "/home/u/a"}, ...],    ROOT/NAME begins as a copy of `local`
 *       "connection": {...},              how the host is reached: oc_ssh_connection() in spec/openclaw/ssh. With "userConfig":
 *                                         true the user's ssh config is followed, and absent keys are as that says
 *       "env": {"LANG": "C.UTF-8"},       of commands that run there
 *       "seed": {"policy": "once", "from": "snapshot"}
 *     }
 *
 * `create` of backend openshell: the settings of spec/openclaw/openshell, and
 *
 *       "dirs": [{"name": "workspace", "local": "/home/u/a"}, {"name": "agent", ...}],   in remoteWorkspaceDir and
 *                                                                                         remoteAgentWorkspaceDir
 *       "policyText": "version: 1...",    what is in the file `policy`, where it could be read
 *       "env", "seed"
 *
 * Whatever is not absolute there is made so before. config_hash covers what would make another tree: names and the setup, and of
 * openshell its places. Where a tree of ssh stands, is seen there: another way to the same directory is no other tree. How a host
 * is reached, variables, policies, and where the local files lie may change without. */
#ifndef RECONCLAW_SPEC_REMOTE_H
#define RECONCLAW_SPEC_REMOTE_H

#include "spec/fs.h"
#include "spec/kinds.h"
#include "spec/node.h"

/* A field of what is observed there: "whole", or "empty" of a root that exists and was never filled, as OpenClaw 2026.5.3 leaves
 * it behind when a seed fails, and takes it for seeded ever after. */
#define REMOTE_SEED_STATE "seed.state"
#define REMOTE_SEED_EMPTY "empty"
/* A field of half a seed or half a removal: "seed", "removal". */
#define REMOTE_UNFINISHED "unfinished"
#define REMOTE_SEED_WHOLE "whole"

/* A field of what has no runtime's place (yet, or any more): "seed" or "removal", of which only a half is there. */
#define REMOTE_UNFINISHED "unfinished"

struct remote_dir {
    const char *name;  /* "workspace" */
    const char *local; /* absolute */
};

struct remote_parts {
    const struct remote_dir *dirs;
    size_t n_dirs;
    struct node *env; /* object of strings */
    struct seed_rule seed;
};

struct node *remote_ssh_create(struct arena *a, const char *workspace_root, const char *name, struct node *connection,
                               const struct remote_parts *parts);
/* settings is copied. fs: to read the policy file with, whose absolute path the settings hold; NULL: it is not read. Where it
 * cannot be, *ret_why (if it is not NULL) says why, and the path alone is left. */
struct node *remote_openshell_create(struct arena *a, const struct fs *fs, const struct node *settings,
                                     const struct remote_parts *parts, const char **ret_why);
/* setup may be NULL. */
char *remote_hash(struct arena *a, const struct node *create, const char *setup);

#endif
