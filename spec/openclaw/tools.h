/* tools: which tools a sandboxed session may use, and who may leave the sandbox . reconclaw needs the first to
 * know whether a browser is wanted, and tells both in `explain`.
 *
 * The config is one that passed oc_validate(). Everything returned is in the arena or in the config. */
#ifndef RECONCLAW_SPEC_OPENCLAW_TOOLS_H
#define RECONCLAW_SPEC_OPENCLAW_TOOLS_H

#include "spec/node.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>

enum oc_tools_level { OC_TOOLS_DEFAULT, OC_TOOLS_GLOBAL, OC_TOOLS_AGENT, OC_TOOLS_LEVEL_COUNT };

/* Where a list comes from. */
struct oc_tools_source {
    enum oc_tools_level level;
    const char *key; /* the key that decides: "tools.sandbox.tools.allow", "agents.list[].tools.sandbox.tools.deny" (2026.9:
                        agents.entries.*) */
    struct pos pos;  /* of its value; file NULL for a default */
};

/* Names in lower case, aliases and groups resolved, each once; globs stay. An empty allow list allows everything. */
struct oc_tools {
    struct node *allow, *deny; /* arrays of strings */
    struct oc_tools_source allow_source, deny_source;
};

/* agent_id NULL: of no agent, the global policy alone. */
struct oc_tools oc_tools_resolve(struct arena *a, const struct oc_profile *line, const struct node *config, const char *agent_id);
/* The same where the agent's entry of agents.list is known; NULL: it has none. */
struct oc_tools oc_tools_of_entry(struct arena *a, const struct oc_profile *line, const struct node *config,
                                  const struct node *entry);
/* Deny wins over allow. */
bool oc_tools_allow(struct arena *a, const struct oc_profile *line, const struct oc_tools *t, const char *tool);
const char *oc_tools_level_name(enum oc_tools_level level); /* "default" "global" "agent" */

/* Elevated commands run outside the sandbox. Each gate that is shut is a failure. */
struct oc_gate {
    const char *gate; /* "enabled" "allowFrom" */
    const char *key;  /* what to change */
};

struct oc_elevated {
    bool enabled;
    const char *channel; /* NULL: not known, and then nobody is allowed */
    bool allowed, always_allowed;
    struct node *allow_global, *allow_agent; /* tokens of that channel; NULL where there is no channel or no list to ask */
    struct oc_gate failures[4];
    size_t n_failures;
};

/* The channel of "agent:<id>:<channel>:...", where OpenClaw knows such a channel, else NULL. */
const char *oc_channel_of(struct arena *a, const struct oc_profile *line, const char *session_key);
/* channel: as from oc_channel_of(). */
struct oc_elevated oc_elevated_resolve(struct arena *a, const struct oc_profile *line, const struct node *config,
                                       const char *agent_id, const char *channel);
/* The keys that change what a session may do, as OpenClaw's own explain lists them. mode: of the sandbox. */
struct node *oc_keys_to_fix(struct arena *a, const struct oc_profile *line, const char *mode, const char *channel);

#endif
