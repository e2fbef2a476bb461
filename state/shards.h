/* shards: OpenClaw's sandbox registry as 2026.5.3 keeps it: one file per runtime,
 *
 *     <state dir>/sandbox/containers/<sha256 of the container's name>.json
 *     <state dir>/sandbox/browsers/<sha256 of the container's name>.json
 *
 * read and written under its rules to the byte, with its lock (state/lock.h) and its way of replacing a file (state/file.h).
 *
 * Reading takes no lock. Whatever is wrong with a file is told as an issue, never fatal, and the file stays as it is; only a
 * directory that cannot be listed is an error, since then nothing is known of what was recorded. A missing directory is an empty
 * registry. Writing is refused where the name is taken by what is no regular file. A corrupt shard, or one of another
 * runtime's, is replaced when its name is written, as OpenClaw does, but its bytes are first kept in `keep_dir`.
 *
 * Whether shards may be written at all is for state/generation.h to say: ask it first. */
#ifndef RECONCLAW_STATE_SHARDS_H
#define RECONCLAW_STATE_SHARDS_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/openclaw/hash.h"
#include "spec/world.h"
#include "state/file.h"
#include "state/issue.h"
#include "state/lock.h"
#include "state/shard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARDS_TOTAL_BYTES ((uint64_t)256 << 20) /* of all shards of one kind: over it the directory is not read */

/* Which registry. Plain data of the caller; everything here only reads it. */
struct shards {
    const char *state_dir; /* OpenClaw's */
    const char *install;   /* for struct record */
    const char *keep_dir;  /* where the bytes of a shard that is replaced unread are kept; NULL: nowhere, as OpenClaw */
    const struct file_hook *hook;
};

/* --- reading ------------------------------------------------------------------------------------------------------------- */

/* <state dir>/sandbox/<containers or browsers>. */
char *shards_dir_path(struct arena *a, const struct shards *s, enum runtime_kind kind);

/* One file that holds a record. */
struct shard {
    struct record rec;
    const char *file; /* "<64 hex>.json" or whatever it is called */
    bool misnamed;    /* the file's name is not the runtime's: OpenClaw lists it, but finds no entry under the name */
    bool shadowed;    /* listed only: another file is this runtime's record, or the name is empty */
};

struct shards_view {
    struct shard *v; /* containers, then browsers; by file name */
    size_t n;
    struct issues issues;
};

/* Remembers what was read, so that a daemon opens again only what has changed: a file with the same name, device, inode, size,
 * mtime and ctime is not opened. One thread at a time. NULL is a cache that remembers nothing. */
struct shards_cache;
struct shards_cache *shards_cache_new(void);
void shards_cache_free(struct shards_cache *c); /* accepts NULL */
/* Files opened by the last shards_read with it. */
size_t shards_cache_opened(const struct shards_cache *c);

/* All of both kinds, or an error (ERR_IO, ERR_INPUT over SHARDS_TOTAL_BYTES). Everything in ret is in the arena. now_ms is for
 * the judgement of locks, and of files so fresh that a later change could hide in the clock's grain. */
int shards_read(struct arena *a, const struct shards *s, struct shards_cache *cache, int64_t now_ms, struct shards_view *ret,
                struct err *e);

/* One record per runtime: what struct shards_view holds without the shadowed ones. */
struct record *shards_records(struct arena *a, const struct shards_view *v, size_t *ret_n);
/* Whether what was recorded for this runtime could not be read. Then it is unknown, not absent. */
bool shards_is_hidden(const struct shards_view *v, enum runtime_kind kind, const char *name);
/* The version that a file of the registry has now; NULL in *ret where it is gone. `file` is of struct shard. */
int shards_file_version(struct arena *a, const struct shards *s, enum runtime_kind kind, const char *file, const char **ret,
                        struct err *e);
/* The order of `openclaw sandbox list`: localeCompare of the names, then of the files. */
int shards_sort_listed(struct shards_view *v, struct oc_collator *collator, struct err *e);

/* --- writing ------------------------------------------------------------------------------------------------------------- */

#define SHARDS_NO_ENTRY "" /* as `expect`: only where there is no readable entry */

/* Writes an entry, given in the order in which OpenClaw's caller would. `expect`: NULL, SHARDS_NO_ENTRY, or the version that the
 * entry must have; ERR_CONFLICT where it has not. ERR_BUSY: the lock stayed taken. ERR_REFUSED: the name is taken by what is no
 * regular file, or by one too large to be an entry. ERR_IO (disk full, permission): the old entry is whole, nothing is left
 * behind. kind is RUNTIME_CONTAINER or RUNTIME_BROWSER. ret_version may be NULL. */
int shards_update(const struct shards *s, enum runtime_kind kind, const struct node *entry, enum shard_rule rule,
                  const char *expect, const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e);
/* As shards_update with the entry that OpenClaw would write for this record. */
int shards_put(const struct shards *s, const struct record *rec, enum shard_rule rule, const char *expect,
               const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e);
/* Removes the record of a runtime while it still has that version: ERR_CONFLICT where it changed, 0 where it is gone. Finds it
 * under a wrong file name, too. expect NULL: whatever is under the runtime's own file name, as OpenClaw. */
int shards_remove(const struct shards *s, enum runtime_kind kind, const char *name, const char *expect, const struct lock_wait *w,
                  struct err *e);
/* Removes temp files that interrupted writes left behind, each under its shard's lock. */
int shards_sweep(const struct shards *s, const struct shards_view *v, const struct lock_wait *w, size_t *ret_n, struct err *e);

#endif
