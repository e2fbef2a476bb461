/* sqlite: OpenClaw's sandbox registry as 2026.9.6 keeps it: the table sandbox_registry_entries of `<state dir>/state/
 * openclaw.sqlite`, read and written as an outside party may (state/db.h), one row per runtime (state/row.h).
 *
 * Whatever is wrong with a row is told as an issue, never fatal, and the row stays as it is. Only what makes the whole database
 * unknown is an error: locked, damaged, of a newer schema, half migrated, another table than the one that is understood (a column
 * more is another party's and stays), a trigger on it. All of that is asked anew inside each transaction that writes. A row that
 * cannot be read and is replaced or removed is first kept in `keep_dir`. OpenClaw's coordinator locks beside the database are for
 * its own migrations: SQLite's locks are what keeps a row whole. */
#ifndef RECONCLAW_STATE_SQLITE_H
#define RECONCLAW_STATE_SQLITE_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/world.h"
#include "state/db.h"
#include "state/issue.h"
#include "state/lock.h"
#include "state/shard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQLITE_SCHEMA_MAX  18                    /* user_version of 2026.9.6; a newer one is not understood */
#define SQLITE_TOTAL_BYTES ((uint64_t)256 << 20) /* of all rows: over it they are not read */

/* What a database says of itself. */
struct sqlite_facts {
    int64_t user_version;    /* -1: not read */
    bool has_table;          /* false: made by a release that kept its registry elsewhere */
    size_t n_rows;           /* of sandboxes */
    const char *app_version; /* the release that made it, where it says so; NULL otherwise */
};

/* ERR_NOT_FOUND: there is none. ERR_INPUT: it is not understood (a newer schema, another table, damaged). Else as db_read(). On
 * -1 ret holds what could be read all the same. */
int sqlite_look(struct arena *a, const char *state_dir, int busy_ms, struct sqlite_facts *ret, struct err *e);

/* Which registry. Plain data of the caller. */
struct sqlite_registry {
    const char *state_dir; /* OpenClaw's */
    const char *install;   /* for struct record */
    const char *keep_dir;  /* or NULL */
};

struct sqlite_view {
    struct record *v; /* containers, then browsers, each in the order of `openclaw sandbox list`: by the bytes of the name */
    size_t n;
    struct issues issues; /* path: "<database>/<kind>/<name>" */
};

/* Remembers what was read and the state of the files then: an unchanged database is not read again. One thread at a time. NULL is
 * a cache that remembers nothing. */
struct sqlite_cache;
struct sqlite_cache *sqlite_cache_new(void);
void sqlite_cache_free(struct sqlite_cache *c);          /* accepts NULL */
size_t sqlite_cache_reads(const struct sqlite_cache *c); /* of the database, since it was made */

/* All of it, or an error: ERR_NOT_FOUND also where the table is not there. Everything in ret is in the arena. */
int sqlite_read(struct arena *a, const struct sqlite_registry *s, struct sqlite_cache *cache, int busy_ms, int64_t now_ms,
                struct sqlite_view *ret, struct err *e);
/* Whether what was recorded for this runtime could not be read. Then it is unknown, not absent. */
bool sqlite_is_hidden(const struct sqlite_view *v, enum runtime_kind kind, const char *name);
/* The version that a row has now; NULL in *ret where it is gone. */
int sqlite_version(struct arena *a, const struct sqlite_registry *s, enum runtime_kind kind, const char *name, int busy_ms,
                   const char **ret, struct err *e);

#define SQLITE_NO_ENTRY "" /* as `expect`: only where there is no readable entry */

/* Writes an entry over what is there, by the rule. `expect`: NULL, SQLITE_NO_ENTRY, or the version that the row must have;
 * ERR_CONFLICT where it has not. Other classes as db_write(). On -1 the old row is whole. ret_version may be NULL. */
int sqlite_update(const struct sqlite_registry *s, enum runtime_kind kind, const struct node *entry, enum shard_rule rule,
                  const char *expect, const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e);
/* As sqlite_update with the entry that OpenClaw would write for this record. */
int sqlite_put(const struct sqlite_registry *s, const struct record *rec, enum shard_rule rule, const char *expect,
               const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e);
/* Removes the row of a runtime while it still has that version (NULL: whatever it has): ERR_CONFLICT where it changed, 0 where it
 * is gone. */
int sqlite_remove(const struct sqlite_registry *s, enum runtime_kind kind, const char *name, const char *expect,
                  const struct lock_wait *w, struct err *e);

#endif
