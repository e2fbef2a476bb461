/* generation: which release's registry a state directory of OpenClaw holds, and so whether shards may be written there.
 *
 * | what is there                                            | generation | shards may be written                |
 * |----------------------------------------------------------|------------|--------------------------------------|
 * | nothing                                                  | empty      | yes                                  |
 * | sandbox/containers.json or browsers.json                 | monolith   | yes; OpenClaw does not read them, so |
 * |                                                          |            | what they hold is told               |
 * | sandbox/containers/ or browsers/                         | shards     | yes (2026.5.3)                       |
 * | both                                                     | mixed      | yes; `doctor --fix` migrates         |
 * | state/openclaw.sqlite with rows of sandboxes             | sqlite     | no: OpenClaw reads nothing else      |
 * | the same without such rows, or without their table       | as without | yes                                  |
 * | a database that is not understood (garbage, a newer      | unknown    | no                                   |
 * | schema, other columns, locked, not readable), or a       |            |                                      |
 * | directory that cannot be read                            |            |                                      |
 *
 * The database is only ever read: it is neither created nor changed, and no -wal or -shm file comes or goes (OpenClaw 2026.9.6
 * keeps it in WAL mode). A write-ahead log beside it is read along; one without its index is not understood. */
#ifndef RECONCLAW_STATE_GENERATION_H
#define RECONCLAW_STATE_GENERATION_H

#include "spec/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GENERATION_SCHEMA_MAX 18 /* user_version of 2026.9.6; a newer one is not understood */

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
    bool may_write;     /* shards */
    const char *why;    /* one sentence; never NULL. With !may_write the reason, else what is worth saying, or "" */
    const char *remedy; /* the command that mends it, or NULL */
    bool has_monolith, has_shard_dir, has_sqlite;
    int64_t user_version;    /* of the database; -1: none */
    size_t n_rows;           /* of sandboxes in it */
    const char *app_version; /* the release that made the database, where it says so; NULL otherwise */
};

/* Cannot fail: what cannot be read is GENERATION_UNKNOWN. busy_ms: how long a locked database is waited for. */
void generation_detect(struct arena *a, const char *state_dir, int busy_ms, struct generation *ret);
const char *generation_kind_name(enum generation_kind k); /* "empty" "monolith" "shards" "mixed" "sqlite" "unknown" */

#endif
