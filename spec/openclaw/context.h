/* context: everything that OpenClaw makes of its config for one session or scope: the sandbox in force, names,
 * directories, config hash, and what its containers are created from.
 *
 *     struct oc_instance oc = {config, places, fs, collator, ...};     once per round
 *     oc_context_of_session(a, &oc, "agent:main:telegram:group:-1", &c, &d)     the key as the runtime sees it
 *     oc_context_of_agent(a, &oc, "main", &c, &d)                               the agent's main session
 *     oc_context_json(a, &c)                                                    for `explain -o json`
 *
 * `docker.user`, where it is blank, is the owner of the mounted workspace. A workspace that is not there yet will be made by
 * whoever runs us: its owner is told beforehand by oc_owner_of(), so that the hash does not change when it is made. The same goes
 * for the directory of copied skills, which 2026.9 mounts, and makes before it works out any hash (mounts.h): hash and create
 * body are those of a workspace that has it, and skills_dir is to be made before a container is. */
#ifndef RECONCLAW_SPEC_OPENCLAW_CONTEXT_H
#define RECONCLAW_SPEC_OPENCLAW_CONTEXT_H

#include "spec/diag.h"
#include "spec/fs.h"
#include "spec/kinds.h"
#include "spec/node.h"
#include "spec/openclaw/backends.h"
#include "spec/openclaw/create.h"
#include "spec/openclaw/hash.h"
#include "spec/openclaw/names.h"
#include "spec/openclaw/resolve.h"
#include "spec/secret.h"

#include <stdbool.h>
#include <stdint.h>

struct oc_podman; /* spec/openclaw/podman.h */

/* One OpenClaw, as read. */
struct oc_instance {
    const struct node *config; /* loaded, valid (oc_validate), normalised */
    const struct oc_places *places;
    const struct fs *fs;          /* for the owner of a workspace, seccomp profiles, bind sources */
    const char *os_home;          /* of the user, for the paths that may not be bound; NULL: as places->home */
    struct oc_collator *collator; /* of the round */
    uint32_t uid, gid;            /* of this process, who makes missing workspaces */
    int64_t created_at_ms;        /* for the label in `create`; a backend puts the real time there */
    struct oc_memo *memo;         /* of oc_memo_new(), or NULL: what one expansion worked out, for the next of the same config */
    bool missing;                 /* there is no config file: config is {} */
    /* For explaining: of a container that cannot be made the error is added all the same, and its `create`, or even the hash, is
     * NULL; everything else is told. */
    bool explains;
    const char *default_agent; /* of oc_default_agent(), "" where there is none; NULL: looked for each time */
    /* The podman of the user whose OpenClaw it is, for agents of backend podman; NULL: not known, and then they have names and
     * hashes, but no `create`. */
    const struct oc_podman *podman;
    /* For runtimes on other hosts. */
    const char *user;                    /* name of this process's, for targets that name none; NULL: not known */
    const char *agent_socket;            /* SSH_AUTH_SOCK, or NULL */
    const struct node *env;              /* in force for OpenClaw, for secrets by reference; NULL: empty */
    const struct secret_source *secrets; /* NULL: references are not followed, and `create` goes without what they hold */
    struct seed_rule seed;
};

/* One container of OpenClaw's. */
struct oc_container {
    const char *name;
    const char *image;
    const char *config_hash;
    struct node *create; /* Engine create body, NULL: of podman, where that is not known; of a remote one: spec/remote.h */
    /* The key of a variable on which the hash depends in a way that cannot be known from outside ("docker.env.FAL_KEY", see
     * oc_env_policy()); NULL: it is certain. */
    const char *hash_uncertain;
    /* Of a remote one (spec/openclaw/away.h). config_hash is then ours; OpenClaw has none. */
    const char *endpoint;
    const char *label; /* that OpenClaw records as its image: target or source */
    bool only_copy;    /* what is there is the canonical workspace */
    bool laid_out;     /* OpenClaw has made the local directories that it begins as a copy of */
};

struct oc_context {
    const char *agent_id;    /* whose config it is */
    const char *session_key; /* trimmed; NULL for a scope */
    const char *main_session_key;
    bool sandboxed;
    const char *mode, *scope, *scope_key, *backend, *workspace_access;
    const char *workspace_dir, *agent_workspace_dir, *skills_workspace_dir;
    bool mounts_agent;             /* the agent's workspace is mounted beside the other */
    const char *skills_dir;        /* that OpenClaw would have made by the time it makes a container (mounts.h); NULL: none */
    struct oc_sandbox sandbox;     /* with docker.user filled in */
    const struct oc_backend *how;  /* what its backend means; NULL: it is not driven: container and browser are empty */
    bool is_podman, has_container; /* of it; has_container: an engine's */
    struct oc_container container;
    bool has_browser;       /* enabled, and allowed by the tool policy; podman has none */
    const char *no_browser; /* of !has_browser: why, "browser.enabled is false" */
    /* Without the source range and password that only the engine's side can tell; a backend puts them in. */
    struct oc_container browser;
    const char *const *blocked_env; /* variables that OpenClaw keeps from sandboxes: 2026.5's that look like credentials */
    size_t n_blocked_env;
    const struct oc_mount *skipped_binds; /* of the container's, which OpenClaw does not mount: skills stand there */
    size_t n_skipped_binds;
};

/* -1 after adding errors to d, each at the key that causes it; ret is then untouched. */
int oc_context_of_session(struct arena *a, const struct oc_instance *oc, const char *session_key, struct oc_context *ret,
                          struct diags *d);
int oc_context_of_agent(struct arena *a, const struct oc_instance *oc, const char *agent_id, struct oc_context *ret,
                        struct diags *d);
/* Of a scope key under the config of one agent: what a record or a label names. `sandbox` is of oc_resolve() and is not changed.
 */
int oc_context_of_scope(struct arena *a, const struct oc_instance *oc, const char *agent_id, const struct oc_sandbox *sandbox,
                        const char *scope_key, struct oc_context *ret, struct diags *d);

/* agentId sessionKey mainSessionKey sandboxed mode scope scopeKey backend workspaceAccess workspaceDir agentWorkspaceDir
 * containerName sandbox configHash create browser{containerName configHash create}, and of a runtime on another host
 * remote{runtimeId endpoint create}. null for what a backend other than docker
 * and podman does not have; no `browser` where none is wanted. Secret values are shown as they are by node_emit without
 * NODE_EMIT_REDACT. */
struct node *oc_context_json(struct arena *a, const struct oc_context *c);
/* What `openclaw sandbox explain` tells beyond that: tools{allow deny sources{allow deny}}, elevated{enabled channel
 * allowedByConfig alwaysAllowedByConfig allowFrom{global agent} failures[]}, fixIt[]. The channel is read from the session key;
 * the session store is not looked into. */
struct node *oc_explain_json(struct arena *a, const struct oc_instance *oc, const struct oc_context *c);

/* Warns of what holds, but not as its owner may think: variables that are kept from the sandbox, binds that are not mounted, a
 * browser that is enabled and not allowed, a hash that is not certain. */
void oc_context_warn(const struct oc_instance *oc, const struct oc_context *c, struct diags *d);

/* Who owns `dir`, or would if we made it now with mkdir -p: new directories are ours; made by root they are given to the owner
 * of the directory they stand in. ERR_NOT_FOUND never; other errors of stat() are passed on. */
int oc_owner_of(struct arena *a, const struct fs *fs, const char *dir, uint32_t uid, uint32_t gid, uint32_t *ret_uid,
                uint32_t *ret_gid, struct err *e);

#endif
