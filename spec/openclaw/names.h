/* names: how OpenClaw derives agents, scopes, runtime names and directories from its config and a session key. In what its
 * lines differ stands in spec/openclaw/profile; what is not said to be of one line holds for all.
 *
 * `config` is the whole config after JSON5, $include and ${VAR} (spec/openclaw/load), with agents.list for a roster (see
 * spec/openclaw/keys); `sandbox` is the resolved sandbox object of one agent (spec/openclaw/resolve). Everything returned is in
 * the arena. JavaScript's rules hold: trim(), toLowerCase(), UTF-16 slices; a lone surrogate is hashed as U+FFFD.
 *
 *     line = oc_line_of(places);
 *     agent = oc_session_agent(line, config, key);      which agent's config is in force; NULL: 2026.9 refuses such a key
 *     sandbox = (resolved for agent)
 *     dir = oc_agent_workspace_dir(config, agent, places);
 *     scope_key = oc_scope_key(places, sandbox's scope, agent, key, dir);   whose runtime it is; of 2026.5 not always the agent's
 *     name = oc_runtime_name(line, prefix, scope, scope_key)
 *     dirs = oc_dirs(config, agent, sandbox, scope_key, places)
 */
#ifndef RECONCLAW_SPEC_OPENCLAW_NAMES_H
#define RECONCLAW_SPEC_OPENCLAW_NAMES_H

#include "spec/node.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>
#include <stddef.h>

/* String.prototype.toWellFormed, in bytes: what Node hashes, and what it gives a child process as an argument. Each lone
 * surrogate (three bytes) becomes U+FFFD, a pair of them its character. */
char *oc_well_formed(struct arena *a, const char *s, size_t n, size_t *ret_n);

/* What OpenClaw's directories hang on. Absolute paths, but for the profile. */
struct oc_places {
    const char *home;              /* OPENCLAW_HOME, else HOME: see spec/openclaw/paths */
    const char *state_dir;         /* OPENCLAW_STATE_DIR, else below home */
    const char *cwd;               /* what a relative path in the config is resolved against */
    const char *profile;           /* OPENCLAW_PROFILE, or NULL */
    const char *workspace_dir;     /* OPENCLAW_WORKSPACE_DIR, or NULL; 2026.9 alone looks at it */
    bool state_dir_given;          /* state_dir is OPENCLAW_STATE_DIR: 2026.9 then has the default workspace in it */
    const struct oc_profile *line; /* which rules hold here; NULL: those of 2026.5 */
};
/* Never NULL. */
const struct oc_profile *oc_line_of(const struct oc_places *places);

/* "Work Bot" -> "work-bot", "" and NULL -> "main". At most 64 characters of [a-z0-9_-]. */
char *oc_agent_id(struct arena *a, const char *s);
char *oc_agent_id_n(struct arena *a, const char *s, size_t n);
/* The agent of sessions whose key names none. 2026.5: the first entry of agents.list with a truthy `default`, else the first,
 * else "main". 2026.9: the one that is marked, else the sole one, "main" where none is listed; NULL: there are several. */
char *oc_default_agent(struct arena *a, const struct oc_profile *line, const struct node *config);
/* The first entry of agents.list whose normalised id is agent_id; NULL: none. */
struct node *oc_agent_entry(struct arena *a, const struct node *config, const char *agent_id);
/* The agent of "agent:<id>:<rest>", normalised, or NULL where the key has another form. */
char *oc_session_key_agent(struct arena *a, const struct oc_profile *line, const char *session_key);
/* The agent whose config a session runs under: the key's, else the default agent. NULL, of 2026.9 only: the key begins with
 * "agent:" and has not the form, or names no agent where there is no default one. OpenClaw refuses to run such a session. */
char *oc_session_agent(struct arena *a, const struct oc_profile *line, const struct node *config, const char *session_key);

/* "global" under session.scope "global", else "agent:<agent_id>:main". session.mainKey has no effect. */
char *oc_main_session_key(struct arena *a, const struct node *config, const char *agent_id);
/* The key with aliases of the main session replaced by the main session's key. Exact and case-sensitive, as OpenClaw's. */
char *oc_canonical_session_key(struct arena *a, const struct node *config, const char *agent_id, const char *session_key);
/* mode: "off" "all" "non-main". A blank session key is never sandboxed. */
bool oc_is_sandboxed(struct arena *a, const struct node *config, const char *mode, const char *agent_id, const char *session_key);

/* scope: "session" "agent" "shared".
 * 2026.5: the agent is the key's, and where it names none "agent:main", whichever agent is the default one: the runtime is then
 * main's and the config another's. agent_id and dir are not looked at.
 * 2026.9: the agent is agent_id, or, if that is NULL, the key's; NULL is returned where it names none. All keys but "shared" end
 * in the hash of agent_workspace_dir, as it is resolved (it may be a text of the config; blank: the default workspace). */
char *oc_scope_key(struct arena *a, const struct oc_places *places, const char *scope, const char *agent_id,
                   const char *session_key, const char *agent_workspace_dir);
/* The agent a scope key belongs to; NULL for "shared", and, of 2026.9, where none is named. Two parts are enough: "agent:work".
 */
char *oc_scope_agent(struct arena *a, const struct oc_profile *line, const char *scope_key);
/* Whether a key ends as 2026.9's do: ":workspace:" and 32 hex digits. */
bool oc_is_workspace_key(const char *scope_key);
/* The key without that end, trimmed: "agent:work", or the key of a session. */
char *oc_scope_base(struct arena *a, const char *scope_key);
/* Whether a key is of a runtime that 2026.9 keeps for one person or session whatever the scope: "agent:<id>:principal:<hex>" or
 * "agent:<id>:required-session:<hex>", and the workspace. Its session store decides when, which nobody else reads. */
bool oc_is_isolated_key(const char *scope_key);
/* "agent:main" -> "agent-main-f331f052"; of a key with a workspace, in 2026.9: "workspace-" and 32 digits of its hash. */
char *oc_slug(struct arena *a, const struct oc_profile *line, const char *s);
char *oc_slug_n(struct arena *a, const struct oc_profile *line, const char *s, size_t n);
/* What names of remote runtimes are made of: as much of the key as can be read, and a hash of 32 bits, by which two keys may be
 * the same. dots: whether "." and "_" are kept. */
char *oc_short_slug(struct arena *a, const char *s, bool dots);
/* Of a container (docker.containerPrefix) or a browser (browser.containerPrefix), of at most 63 UTF-16 units. 2026.5 cuts longer
 * ones, the hash too: with a long prefix two scopes may share a name (that is for the planner to see). */
char *oc_runtime_name(struct arena *a, const struct oc_profile *line, const char *prefix, const char *scope,
                      const char *scope_key);

/* What the names of podman's containers begin with, where docker's begin with docker.containerPrefix. */
char *oc_podman_prefix(struct arena *a, const char *container_prefix);

/* Of an agent: its entry's workspace, else by agents.defaults.workspace, else below home (the default agent) or the state
 * directory (any other). */
char *oc_agent_workspace_dir(struct arena *a, const struct node *config, const char *agent_id, const struct oc_places *places);
/* Of a scope: the root itself where shared. */
char *oc_sandbox_workspace_dir(struct arena *a, const char *workspace_root, const char *scope, const char *scope_key,
                               const struct oc_places *places);

struct oc_dirs {
    const char *agent_workspace_dir;
    const char *workspace_dir; /* what is mounted at docker.workdir: the agent's for workspaceAccess "rw", else the scope's */
    /* 2026.9: where skills are copied to for the sandbox: workspace_dir, or a directory of their own where that is the agent's.
     */
    const char *skills_workspace_dir;
};

struct oc_dirs oc_dirs(struct arena *a, const struct node *config, const char *agent_id, const struct node *sandbox,
                       const char *scope_key, const struct oc_places *places);

/* An agent that was looked up before: where there are thousands, each look through the list counts. */
struct oc_agent {
    const char *id;           /* normalised */
    const struct node *entry; /* of oc_agent_entry() */
    const char *default_id;   /* of oc_default_agent(), "" where there is none; NULL: it is looked for where it matters */
};
char *oc_agent_workspace_of(struct arena *a, const struct node *config, const struct oc_agent *agent,
                            const struct oc_places *places);
struct oc_dirs oc_dirs_of(struct arena *a, const struct node *config, const struct oc_agent *agent, const struct node *sandbox,
                          const char *scope_key, const struct oc_places *places);

#endif
