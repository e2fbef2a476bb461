/* policy: what may be done on its own, layered. The built-in defaults, then the spec of `kind: Policy`, then `policy` of the
 * object, key by key; a key of a nested object (removalCap.percent) is overridden alone. */
#ifndef RECONCLAW_SPEC_POLICY_H
#define RECONCLAW_SPEC_POLICY_H

#include "spec/node.h"
#include "spec/schema.h"
#include "spec/world.h"

#include <stddef.h>

/* `policy:` of an object, and the spec of a Policy, which also takes onDrift. */
extern const struct schema_object policy_schema, policy_kind_schema;
/* Of `onDrift`, which stands beside `policy` in an object; in the order of enum on_drift. */
extern const char *const policy_on_drift_words[];

/* Layers that passed the schema, the weakest first; NULL ones are skipped. None: the built-in defaults. Each layer may hold the
 * keys of policy_kind_schema and `protect`. */
struct policy policy_resolve(const struct node *const *layers, size_t n_layers);

#endif
