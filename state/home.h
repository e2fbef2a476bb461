/* home: reconclaw's own state directory. Where it is, the caller decides ($XDG_STATE_HOME/reconclaw, /var/lib/reconclaw):
 *
 *     <base>/            0700, ours alone
 *       lock             held by the one daemon of this directory; says its pid
 *       keys/            small values by name: backend memos, pauses, the last good specs' digest      (this header)
 *       records/         one file per runtime that we made or are about to make                        (state/records.h)
 *       journal/         what was decided, done and verified                                           (state/journal.h)
 *       leftovers/       private workspaces that pruned runtimes left behind                           (state/leftovers.h)
 *       snapshots/       workspaces that were saved before something destroyed them                    (state/snapshots.h)
 *       seeds/           what workspaces on other hosts were filled with                               (state/seeds.h)
 *       kept/            bytes of registry files that were replaced unread                             (state/shards.h)
 *
 * home_open ... home_close. Every write is whole or not at all (state/file.h). The handle may be used by several threads at
 * once; only home_lock and home_unlock belong to one. */
#ifndef RECONCLAW_STATE_HOME_H
#define RECONCLAW_STATE_HOME_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/file.h"

#include <stdbool.h>
#include <stddef.h>

#define HOME_VALUE_BYTES ((size_t)16 << 20) /* one key's value */
#define HOME_WAIT_MS     10000              /* for another process that changes the same part of it */

struct home;

/* Makes what is missing. ERR_REFUSED where the directory is another user's, or others may write or look into it: the message
 * says how to mend it. */
int home_open(const char *base, const struct file_hook *hook, struct home **ret, struct err *e);
void home_close(struct home *h); /* accepts NULL; lets go of the lock */
const char *home_path(const struct home *h);
const char *home_keep_dir(const struct home *h); /* for struct shards */

/* One daemon per directory: held until home_unlock, home_close or the end of the process, however it ends. ERR_BUSY names the
 * process that has it. `who` ("run", "apply") stands in the lock beside the pid, for that message. */
int home_lock(struct home *h, const char *who, struct err *e);
void home_unlock(struct home *h);
/* Whether somebody holds it now. Writes nothing, and is in nobody's way. */
int home_is_locked(const struct home *h, bool *ret, struct err *e);

/* Values by name. Names are any text of at most 1000 bytes ("memo:docker:unix:///run/x.sock"). */
int home_put(struct home *h, const char *key, const void *bytes, size_t n, struct err *e);
/* NULL-terminated beyond n. A key that is not there: 0 with *ret NULL. */
int home_get(struct home *h, struct arena *a, const char *key, char **ret, size_t *ret_n, struct err *e);
int home_delete(struct home *h, const char *key, struct err *e); /* 0 also where it is not there */
/* As home_put, but a crash of the machine may bring the old value back: for what can be worked out again. */
int home_put_soft(struct home *h, const char *key, const void *bytes, size_t n, struct err *e);

/* Where a key's value lies, for a watch. NULL for a key that cannot be one. */
const char *home_key_path(struct home *h, struct arena *a, const char *key);

/* Removes temp files of interrupted writes that are older than ten minutes. */
int home_sweep(struct home *h, int64_t now_ms, struct err *e);

/* A directory of the home, for its other parts: "records", "journal". The descriptor stays the home's. */
const struct file_dir *home_dir(const struct home *h, const char *name);

#endif
