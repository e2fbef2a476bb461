/* keys: what OpenClaw 2026.5.3 accepts in its config, as far as sandboxes depend on it.
 *
 * Judged: agents.defaults.sandbox and agents.list[].sandbox, the sandbox tool policies and elevated gates, the parts of an
 * agent's entry that names and directories come from, session.scope, and plugins.entries.openshell. There objects are
 * strict, null is never taken for absent, nothing is coerced. On the way down to them (the root, `agents`, an entry, `tools`) the
 * known keys are known by name, so that a misspelt `sandbox` is an error and not an agent without one; what is in the other
 * known keys is OpenClaw's own business and not looked at.
 *
 * OpenClaw refuses a file with any error as a whole, and so do we. */
#ifndef RECONCLAW_SPEC_OPENCLAW_KEYS_H
#define RECONCLAW_SPEC_OPENCLAW_KEYS_H

#include "spec/diag.h"
#include "spec/node.h"
#include "spec/openclaw/names.h"
#include "spec/schema.h"

/* `root` is the config as oc_load() gives it (spec/openclaw/load). Adds every error to d; -1 where it added any. */
int oc_validate(struct arena *a, const struct node *root, const struct oc_places *places, struct diags *d);

/* The whole table, for completeness tests and editors. */
extern const struct schema_object oc_keys;
/* The two halves of it that others read through: agents.*.sandbox and plugins.entries.openshell.config. */
extern const struct schema_object oc_keys_sandbox, oc_keys_openshell;

#endif
