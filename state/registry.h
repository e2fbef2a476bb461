/* registry: OpenClaw's sandbox registry, whichever way its release keeps it: in shards (state/shards.h) or in SQLite
 * (state/sqlite.h). What rounds and acts use.
 *
 *     registry_open(...)         which driver, by what is there and what its owner runs
 *     registry_read(...)         all records, what is wrong, what is hidden
 *     registry_put / registry_remove, each by compare-and-swap where `expect` is given
 */
#ifndef RECONCLAW_STATE_REGISTRY_H
#define RECONCLAW_STATE_REGISTRY_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/openclaw/profile.h"
#include "spec/world.h"
#include "state/generation.h"
#include "state/issue.h"
#include "state/lock.h"
#include "state/shards.h"
#include "state/sqlite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Plain data of the caller. */
struct registry {
    const struct oc_profile *line; /* of the OpenClaw that keeps it */
    struct shards shards;
    struct sqlite_registry sqlite;
    struct generation generation; /* what is there */
    bool driven;                  /* false: unknown, and nothing of it is touched */
    const char *why, *remedy;     /* of !driven; else what is worth saying, or "" and NULL */
};

/* Looks at what is there. `line` decides the driver: leftovers of another line are told, never acted on. `keep_dir` may be NULL.
 */
void registry_open(struct arena *a, const struct oc_profile *line, const char *state_dir, const char *install,
                   const char *keep_dir, int busy_ms, struct registry *ret);
bool registry_is_sqlite(const struct registry *r);

/* What is remembered from one reading to the next, so that what has not changed is not read again. */
struct registry_cache;
struct registry_cache *registry_cache_new(void);
void registry_cache_free(struct registry_cache *c); /* accepts NULL */

struct registry_view {
    struct record *records; /* one per runtime */
    size_t n;
    struct issues issues;
    bool is_sqlite;
    struct shards_view shards; /* of the driver in use, for registry_is_hidden, registry_version and `doctor` */
    struct sqlite_view sqlite;
};

/* All of it or an error. cache may be NULL. */
int registry_read(struct arena *a, const struct registry *r, struct registry_cache *cache, int busy_ms, int64_t now_ms,
                  struct registry_view *ret, struct err *e);
/* Whether what was recorded for this runtime could not be read. Then it is unknown, not absent. */
bool registry_is_hidden(const struct registry_view *v, enum runtime_kind kind, const char *name);
/* Whether it has a record in the registry. */
bool registry_has(const struct registry_view *v, enum runtime_kind kind, const char *name);
/* The version that its record has now; NULL in *ret where it is gone. */
int registry_version(struct arena *a, const struct registry *r, const struct registry_view *v, enum runtime_kind kind,
                     const char *name, int busy_ms, const char **ret, struct err *e);

/* As shards_put and shards_remove, sqlite_put and sqlite_remove. */
int registry_put(const struct registry *r, const struct record *rec, enum shard_rule rule, const char *expect,
                 const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e);
int registry_remove(const struct registry *r, enum runtime_kind kind, const char *name, const char *expect,
                    const struct lock_wait *w, struct err *e);

#endif
