/* row: one row of sandbox_registry_entries, the table in which OpenClaw 2026.9.6 keeps its sandbox registry: columns beside a
 * JSON text of the whole entry. Pure.
 *
 * On reading a column wins over the JSON where it is not NULL, and the name is the column's always; a row whose JSON is no object
 * does not exist for OpenClaw. On writing both tell the same. */
#ifndef RECONCLAW_STATE_ROW_H
#define RECONCLAW_STATE_ROW_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the table. */
enum row_column {
    ROW_REGISTRY_KIND,
    ROW_CONTAINER_NAME,
    ROW_SESSION_KEY,
    ROW_BACKEND_ID,
    ROW_RUNTIME_LABEL,
    ROW_IMAGE,
    ROW_CREATED_AT_MS,
    ROW_LAST_USED_AT_MS,
    ROW_CONFIG_LABEL_KIND,
    ROW_CONFIG_HASH,
    ROW_CDP_PORT,
    ROW_NO_VNC_PORT,
    ROW_ENTRY_JSON,
    ROW_UPDATED_AT,
    ROW_COLUMN_COUNT
};
extern const char *const row_column_names[ROW_COLUMN_COUNT];

enum cell_kind { CELL_NULL, CELL_INTEGER, CELL_TEXT, CELL_OTHER }; /* other: a REAL or BLOB, which the table does not allow */

struct cell {
    enum cell_kind kind;
    int64_t number;
    const char *s; /* NUL-terminated, may hold NULs */
    size_t s_n;
};

struct row {
    struct cell v[ROW_COLUMN_COUNT];
};

/* The entry that OpenClaw makes of it, its keys in that order, normalised as shard_normalise() does. ERR_INPUT where it is none:
 * an unknown kind, a JSON that is no object, a name with a NUL, a cell of a kind that the table does not allow, a
 * text that is no UTF-8. */
int row_decode(struct arena *a, const struct row *row, enum runtime_kind *ret_kind, struct node **ret_entry, struct err *e);
/* Its name where it has a readable one, for messages; NULL otherwise. */
const char *row_name(const struct row *row);
/* What is stored for an entry. ERR_INPUT where the table cannot hold it: no name, a time that is no whole number. */
int row_encode(struct arena *a, enum runtime_kind kind, const struct node *entry, int64_t now_ms, struct row *ret, struct err *e);
/* Of all cells: the version for compare-and-swap. */
void row_digest(const struct row *row, char ret[DIGEST_HEX]);

const char *row_kind_name(enum runtime_kind kind); /* "container" "browser" */

#endif
