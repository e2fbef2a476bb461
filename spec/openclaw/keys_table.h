/* keys_table: the keys of OpenClaw's config, one table per line. Through the profile: oc_profile.keys, .sandbox_keys.
 *
 * keys_sandbox.c has agents.*.sandbox, keys_table.c all above it. What the lines have in common stands there once. */
#ifndef RECONCLAW_SPEC_OPENCLAW_KEYS_TABLE_H
#define RECONCLAW_SPEC_OPENCLAW_KEYS_TABLE_H

#include "spec/schema.h"

extern const struct schema_object oc_keys_2026_5, oc_keys_2026_9;
extern const struct schema_object oc_sandbox_2026_5, oc_sandbox_2026_9;
/* plugins.entries.openshell.config, of all lines. */
extern const struct schema_object oc_keys_openshell;

#endif
