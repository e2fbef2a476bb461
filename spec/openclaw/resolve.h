/* resolve: the sandbox settings in force for one agent: the agent's own over agents.defaults over the built-in ones, and where
 * each came from.
 *
 * Merge: A is the sandbox of the first entry of the roster whose normalised id is the agent's, D is agents.defaults.sandbox.
 * Per key A, else D, else the default; "", 0, false and [] count as given. docker.env and docker.ulimits merge by name,
 * docker.binds and browser.binds are D's and then A's. Where the resolved scope is "shared", docker, ssh, browser and prune of A
 * are ignored; mode, scope, backend, workspaceAccess and workspaceRoot of A hold nevertheless. All lines of OpenClaw do so; keys
 * and defaults are those of the line (places->line). */
#ifndef RECONCLAW_SPEC_OPENCLAW_RESOLVE_H
#define RECONCLAW_SPEC_OPENCLAW_RESOLVE_H

#include "spec/diag.h"
#include "spec/node.h"
#include "spec/openclaw/names.h"

#include <stddef.h>

enum oc_level { OC_LEVEL_BUILT_IN, OC_LEVEL_DEFAULTS, OC_LEVEL_AGENT, OC_LEVEL_COUNT };

/* Of one resolved value; of one entry, where maps or lists of both levels are put together. */
struct oc_origin {
    const char *key; /* below the sandbox: "docker.image", "docker.env.LANG", "docker.binds[0]" */
    enum oc_level level;
    const char *from; /* "agents.list[1].sandbox.docker.image", "agents.entries.work.sandbox..."; NULL for a built-in default */
    struct pos pos;   /* of the value; file NULL for a built-in default */
};

struct oc_sandbox {
    /* mode backend scope workspaceAccess workspaceRoot [dockerTmpfsSource] docker ssh browser tools prune, with OpenClaw's keys;
     * an absent value is an absent key. The objects are new, the values in them may be the config's: not to be changed. Inline
     * ssh keys are secret nodes. */
    struct node *config;
    const struct node *entry; /* of agents.list, or NULL: an agent that is not listed has the defaults alone */
};

/* `config` is a config that passed oc_validate() and oc_normalise(). agent_id: normalised or not; NULL: of no agent,
 * agents.defaults alone. -1 after adding an error to d (ssh.workspaceRoot is not absolute: OpenClaw refuses it when the agent is
 * used, whatever its backend). */
int oc_resolve(struct arena *a, const struct node *config, const struct oc_places *places, const char *agent_id,
               struct oc_sandbox *ret, struct diags *d);

/* Where each value of such a sandbox came from, in the order of its config. */
struct oc_origins {
    const struct oc_origin *v;
    size_t n;
};
struct oc_origins oc_resolve_origins(struct arena *a, const struct node *config, const struct oc_places *places,
                                     const char *agent_id);
/* The origin of "docker.binds[0]", or of what it stands in ("docker.binds"); NULL: of nothing that is resolved. */
const struct oc_origin *oc_origin_find(struct arena *a, struct oc_origins o, const char *key);

/* "default" "agents.defaults" "agents.list" (2026.9: "agents.entries") */
const char *oc_level_name(const struct oc_profile *line, enum oc_level level);

/* The keys of a resolved object below the top ("docker", "browser", ...), ended by NULL; NULL for no such object. For
 * completeness tests: each is a key of the schema, and the other way round. */
const char *const *oc_resolved_keys(struct arena *a, const struct oc_profile *line, const char *object);

#endif
