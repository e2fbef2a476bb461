/* names: how OpenClaw 2026.5.3 derives agents, scopes, runtime names and directories from its config and a session key.
 *
 * `config` is the whole config after JSON5, $include and ${VAR} (spec/openclaw/load); `sandbox` is the resolved sandbox object
 * of one agent (spec/openclaw/resolve). Everything returned is in the arena. Nothing here fails: OpenClaw has an answer for
 * every text. JavaScript's rules hold: trim(), toLowerCase(), UTF-16 slices; a lone surrogate is hashed as U+FFFD.
 *
 *     agent = oc_session_agent(config, key);            which agent's config is in force
 *     sandbox = (resolved for agent)
 *     scope_key = oc_scope_key(sandbox's scope, key);   whose runtime it is: not always the same agent's
 *     name = oc_runtime_name(prefix, scope, scope_key)
 *     dirs = oc_dirs(config, agent, sandbox, scope_key, places)
 */
#ifndef RECONCLAW_SPEC_OPENCLAW_NAMES_H
#define RECONCLAW_SPEC_OPENCLAW_NAMES_H

#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>

/* String.prototype.toWellFormed, in bytes: what Node hashes, and what it gives a child process as an argument. Each lone
 * surrogate (three bytes) becomes U+FFFD, a pair of them its character. */
char *oc_well_formed(struct arena *a, const char *s, size_t n, size_t *ret_n);

/* What OpenClaw's directories hang on. Absolute paths, but for the profile. */
struct oc_places {
    const char *home;      /* OPENCLAW_HOME, else HOME: see spec/openclaw/paths */
    const char *state_dir; /* OPENCLAW_STATE_DIR, else below home */
    const char *cwd;       /* what a relative path in the config is resolved against */
    const char *profile;   /* OPENCLAW_PROFILE, or NULL */
};

/* "Work Bot" -> "work-bot", "" and NULL -> "main". At most 64 characters of [a-z0-9_-]. */
char *oc_agent_id(struct arena *a, const char *s);
char *oc_agent_id_n(struct arena *a, const char *s, size_t n);
/* The id of the first entry of agents.list with a truthy `default`, else of the first, else "main". */
char *oc_default_agent(struct arena *a, const struct node *config);
/* The first entry of agents.list whose normalised id is agent_id; NULL: none. */
struct node *oc_agent_entry(struct arena *a, const struct node *config, const char *agent_id);
/* The agent of "agent:<id>:<rest>", normalised, or NULL where the key has another form. */
char *oc_session_key_agent(struct arena *a, const char *session_key);
/* The agent whose config a session runs under: the key's, else the default agent. */
char *oc_session_agent(struct arena *a, const struct node *config, const char *session_key);

/* "global" under session.scope "global", else "agent:<agent_id>:main". session.mainKey has no effect. */
char *oc_main_session_key(struct arena *a, const struct node *config, const char *agent_id);
/* The key with aliases of the main session replaced by the main session's key. Exact and case-sensitive, as OpenClaw's. */
char *oc_canonical_session_key(struct arena *a, const struct node *config, const char *agent_id, const char *session_key);
/* mode: "off" "all" "non-main". A blank session key is never sandboxed. */
bool oc_is_sandboxed(struct arena *a, const struct node *config, const char *mode, const char *agent_id, const char *session_key);

/* scope: "session" "agent" "shared". With scope "agent" a key that names no agent gives "agent:main", whichever agent is the
 * default one: the runtime is then main's and the config another's. */
char *oc_scope_key(struct arena *a, const char *scope, const char *session_key);
/* The agent a scope key belongs to; NULL for "shared". Two parts are enough: "agent:work". */
char *oc_scope_agent(struct arena *a, const char *scope_key);
/* "agent:main" -> "agent-main-f331f052". */
char *oc_slug(struct arena *a, const char *s);
char *oc_slug_n(struct arena *a, const char *s, size_t n);
/* Of a container (docker.containerPrefix) or a browser (browser.containerPrefix). Cut at 63 UTF-16 units, the hash too: with a
 * long prefix two scopes may share a name (that is for the planner to see). */
char *oc_runtime_name(struct arena *a, const char *prefix, const char *scope, const char *scope_key);

/* Of an agent: agents.list[].workspace, else by agents.defaults.workspace, else below home (the default agent) or the state
 * directory (any other). */
char *oc_agent_workspace_dir(struct arena *a, const struct node *config, const char *agent_id, const struct oc_places *places);
/* Of a scope: the root itself where shared. */
char *oc_sandbox_workspace_dir(struct arena *a, const char *workspace_root, const char *scope, const char *scope_key,
                               const struct oc_places *places);

struct oc_dirs {
    const char *agent_workspace_dir;
    const char *workspace_dir; /* what is mounted at docker.workdir: the agent's for workspaceAccess "rw", else the scope's */
};

struct oc_dirs oc_dirs(struct arena *a, const struct node *config, const char *agent_id, const struct node *sandbox,
                       const char *scope_key, const struct oc_places *places);

/* An agent that was looked up before: where there are thousands, each look through the list counts. */
struct oc_agent {
    const char *id;           /* normalised */
    const struct node *entry; /* of oc_agent_entry() */
    const char *default_id;   /* of oc_default_agent(); NULL: it is looked for where it matters */
};
struct oc_dirs oc_dirs_of(struct arena *a, const struct node *config, const struct oc_agent *agent, const struct node *sandbox,
                          const char *scope_key, const struct oc_places *places);

#endif
