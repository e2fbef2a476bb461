/* kinds_table: the tables of the three kinds, and what each backend can do of a Sandbox. One place for the decoder, `validate`,
 * the JSON Schema and the completeness tests. */
#ifndef RECONCLAW_SPEC_KINDS_TABLE_H
#define RECONCLAW_SPEC_KINDS_TABLE_H

#include "spec/kinds.h"
#include "spec/schema.h"

/* A document: the table depends on its `kind`. */
extern const struct schema_value kinds_document;
extern const struct schema_object kinds_openclaw_spec, kinds_sandbox_spec, kinds_workspace, kinds_limits, kinds_env_ref,
    kinds_metadata, kinds_ssh, kinds_openshell, kinds_seed;

enum sandbox_use { SANDBOX_MAY, SANDBOX_MUST, SANDBOX_CANNOT };

/* One row per key of a Sandbox's spec ("limits.cpus" for what lies deeper): what each backend makes of it. */
struct sandbox_ability {
    const char *key;
    struct {
        enum sandbox_use use;
        const char *why; /* of SANDBOX_CANNOT: "has no image: name a directory with root" */
    } by[SANDBOX_BACKEND_COUNT];
};
extern const struct sandbox_ability sandbox_abilities[];
extern const size_t n_sandbox_abilities;

/* Names that are looked up by index of their enum. */
extern const char *const kinds_backend_words[], *const kinds_engine_words[], *const kinds_ensure_words[];
extern const char *const kinds_line_words[], *const kinds_state_words[];
extern const char *const kinds_seed_policy_words[], *const kinds_seed_from_words[];
/* Index of the word, or -1. */
int kinds_word_index(const char *const *words, const char *word);

#endif
