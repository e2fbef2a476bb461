/* db: OpenClaw's database (`<state dir>/state/openclaw.sqlite`, since 2026.5.30), opened as an outside party may.
 *
 * It is never created and never migrated. Reading leaves no trace: no -wal or -shm file comes or goes (OpenClaw keeps the
 * database in WAL mode), a write-ahead log beside it is read along, and one without its index is not understood. Where another
 * wrote while it was read, the reading is begun anew. Writing is one short BEGIN IMMEDIATE that ends before this returns.
 *
 * SQLite's locks are the process's and go with any descriptor of the file that the process closes. So all of this takes turns:
 * two threads are never in the same database at once, and nothing else in this program may open it. */
#ifndef RECONCLAW_STATE_DB_H
#define RECONCLAW_STATE_DB_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/lock.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#define DB_WAIT_MS 10000 /* for another's write, where a struct lock_wait gives no time */

char *db_path(struct arena *a, const char *state_dir);

/* What changes whenever the database does. (data_version would count only for a connection that is kept open, and a database that
 * is held open is in the way of whoever replaces it.) */
struct db_stamp {
    struct db_stamp_file {
        bool there;
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec mtime, ctime;
    } db, wal;
};
void db_stamp(struct arena *a, const char *path, struct db_stamp *ret);
/* Equal, and so old at now_ms that no later change can hide in the clock's grain. */
bool db_stamp_proves(const struct db_stamp *then, const struct db_stamp *now, int64_t now_ms);

/* Runs `use` on a read-only connection; more than once where a writer came in between, so it begins with nothing each time.
 * ERR_NOT_FOUND: no such file. ERR_INPUT: it is no database, empty, cut off, damaged, or left by a crash in a state that only a
 * writer mends. ERR_BUSY: locked for busy_ms, or it changes faster than it can be read. ERR_IO. */
int db_read(struct arena *a, const char *path, int busy_ms, int (*use)(void *ctx, sqlite3 *db, struct err *e), void *ctx,
            struct err *e);
/* Runs `use` once, inside a transaction that is committed where it returns 0 and undone otherwise. The classes of db_read, and
 * ERR_CONFLICT: the file was replaced meanwhile; ERR_CANCELLED; ERR_IO: disk full, read-only. On -1 everything in it is as it
 * was. */
int db_write(struct arena *a, const char *path, const struct lock_wait *w, int (*use)(void *ctx, sqlite3 *db, struct err *e),
             void *ctx, struct err *e);

/* Of an SQLite call that failed: "<what>: <its message>". -1. */
int db_fail(sqlite3 *db, int rc, struct err *e, const char *what);
/* One number or text of the first row. SQLITE_ROW, SQLITE_DONE, or an error of SQLite's. */
int db_query_one(struct arena *a, sqlite3 *db, const char *sql, int64_t *ret_number, const char **ret_text);

#endif
