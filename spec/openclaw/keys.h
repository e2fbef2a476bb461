/* keys: what OpenClaw accepts in its config, as far as sandboxes depend on it. Each line has tables of its own (keys_table).
 *
 * Judged: agents.defaults.sandbox and each agent's, the sandbox tool policies and elevated gates, the parts of an agent's entry
 * that names and directories come from, session.scope, and plugins.entries.openshell. There objects are strict, null is never
 * taken for absent, nothing is coerced. On the way down to them (the root, `agents`, an entry, `tools`) the known keys are known
 * by name, so that a misspelt `sandbox` is an error and not an agent without one; what is in the other known keys is OpenClaw's
 * own business and not looked at. A key of another line is told to be that.
 *
 * 2026.9 besides: agents.entries, whose ids may not be the same but for case; agents.list in its place where OpenClaw takes it
 * over in memory, with a warning; agents.ownership; variables of docker's and podman's containers; meta and env.
 * Whether two agents' directories are one by way of links is not looked at.
 *
 * OpenClaw refuses a file with any error as a whole, and so do we. */
#ifndef RECONCLAW_SPEC_OPENCLAW_KEYS_H
#define RECONCLAW_SPEC_OPENCLAW_KEYS_H

#include "spec/diag.h"
#include "spec/node.h"
#include "spec/openclaw/names.h"

/* `root` is the config as oc_load() gives it (spec/openclaw/load); it is not changed. Adds every error to d; -1 where it added
 * any.
 */
int oc_validate(struct arena *a, struct node *root, const struct oc_places *places, struct diags *d);

#endif
