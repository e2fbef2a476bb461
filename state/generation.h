/* generation: which release's registry a state directory of OpenClaw holds, and so whether it can be driven.
 *
 * | what is there                                            | generation | driven                               |
 * |----------------------------------------------------------|------------|--------------------------------------|
 * | nothing                                                  | empty      | yes                                  |
 * | sandbox/containers.json or browsers.json                 | monolith   | yes; OpenClaw does not read them, so |
 * |                                                          |            | what they hold is told               |
 * | sandbox/containers/ or browsers/                         | shards     | yes (2026.5.3)                       |
 * | both                                                     | mixed      | yes; `doctor --fix` migrates         |
 * | state/openclaw.sqlite with its table of sandboxes        | sqlite     | yes (2026.9.6): it alone counts, and |
 * |                                                          |            | what lies beside it in sandbox/ is   |
 * |                                                          |            | told, and waits for OpenClaw's own   |
 * |                                                          |            | doctor                               |
 * | the same without that table (before 2026.6)              | as without | as without                           |
 * | a database that is not understood (empty, damaged, a     | unknown    | no                                   |
 * | newer schema, half migrated, another table, locked, not  |            |                                      |
 * | readable), or a directory that cannot be read            |            |                                      |
 *
 * Which of them the OpenClaw that runs there uses is told by more than this: spec/openclaw/detect.h. */
#ifndef RECONCLAW_STATE_GENERATION_H
#define RECONCLAW_STATE_GENERATION_H

#include "spec/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum generation_kind {
    GENERATION_EMPTY,
    GENERATION_MONOLITH,
    GENERATION_SHARDS,
    GENERATION_MIXED,
    GENERATION_SQLITE,
    GENERATION_UNKNOWN,
    GENERATION_KIND_COUNT
};

struct generation {
    enum generation_kind kind;
    bool may_write;     /* it is understood */
    const char *why;    /* one sentence; never NULL. With !may_write the reason, else what is worth saying, or "" */
    const char *remedy; /* the command that mends it, or NULL */
    bool has_monolith, has_shard_dir, has_sqlite;
    bool has_table;          /* of sandboxes, in the database */
    int64_t user_version;    /* of the database; -1: none */
    size_t n_rows;           /* of sandboxes in it */
    const char *app_version; /* the release that made the database, where it says so; NULL otherwise */
};

/* Cannot fail: what cannot be read is GENERATION_UNKNOWN. busy_ms: how long a locked database is waited for. */
void generation_detect(struct arena *a, const char *state_dir, int busy_ms, struct generation *ret);
const char *generation_kind_name(enum generation_kind k); /* "empty" "monolith" "shards" "mixed" "sqlite" "unknown" */

#endif
