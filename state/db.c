#include "state/db.h"

#include "spec/base/text.h"
#include "state/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define TRIES        5    /* how often a database that changes while it is read is begun anew */
#define PAUSE_MS     10   /* before that */
#define FRESH_MS     2000 /* a file changed this shortly before may change again without its time stamp showing it */
#define HEADER_BYTES 100

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

char *db_path(struct arena *a, const char *state_dir)
{
    return arena_printf(a, "%s/state/openclaw.sqlite", state_dir);
}

/* --- the files -------------------------------------------------------------------------------------------------------------- */

static void stamp_file(const char *path, struct db_stamp_file *ret)
{
    struct stat st;

    *ret = (struct db_stamp_file){0};
    if (stat(path, &st) == 0)
        *ret = (struct db_stamp_file){true, st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
}

void db_stamp(struct arena *a, const char *path, struct db_stamp *ret)
{
    stamp_file(path, &ret->db);
    stamp_file(arena_printf(a, "%s-wal", path), &ret->wal);
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_file(const struct db_stamp_file *a, const struct db_stamp_file *b)
{
    return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(a->mtime, b->mtime) &&
           same_time(a->ctime, b->ctime);
}

static bool is_fresh(const struct db_stamp_file *f, int64_t now_ms)
{
    return f->there && (int64_t)f->ctime.tv_sec * 1000 + f->ctime.tv_nsec / 1000000 + FRESH_MS > now_ms;
}

bool db_stamp_proves(const struct db_stamp *then, const struct db_stamp *now, int64_t now_ms)
{
    return same_file(&then->db, &now->db) && same_file(&then->wal, &now->wal) && !is_fresh(&then->db, now_ms) &&
           !is_fresh(&then->wal, now_ms);
}

/* What decides how the database may be opened, and what must not change while it is read. */
struct db_files {
    struct stat db, wal;
    bool has_wal;     /* with something in it */
    bool has_shm;     /* index of the log */
    bool has_journal; /* rollback journal with something in it */
    bool wal_mode;    /* by the header */
    bool is_database; /* by the header */
    bool is_cut;      /* shorter than its header says */
};

static bool stat_nonempty(struct arena *a, const char *db, const char *suffix, struct stat *ret)
{
    return stat(arena_printf(a, "%s%s", db, suffix), ret) == 0 && ret->st_size > 0;
}

static uint32_t number_at(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The header tells the number of pages, where the last writer was one that keeps it. */
static bool is_cut(const unsigned char header[HEADER_BYTES], off_t size)
{
    uint64_t page = (uint64_t)header[16] << 8 | header[17];

    page = page == 1 ? 65536 : page;
    return number_at(header + 24) == number_at(header + 92) && page * number_at(header + 28) > (uint64_t)size;
}

static int look_at_files(struct arena *a, const char *path, struct db_files *ret, struct err *e)
{
    static const char magic[16] = "SQLite format 3";
    unsigned char header[HEADER_BYTES] = {0};
    struct stat st;
    FD_AUTO fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t n;

    *ret = (struct db_files){0};
    if (fd < 0 || fstat(fd, &ret->db) < 0)
        return err_sys(e, err_class_of_errno(errno), errno, "opening OpenClaw's database '%s'", path);
    if (!S_ISREG(ret->db.st_mode))
        return err_set(e, ERR_INPUT, 0, "OpenClaw's database '%s' is no regular file", path);
    n = pread(fd, header, sizeof header, 0);
    if (n < 0)
        return err_sys(e, ERR_IO, errno, "reading OpenClaw's database '%s'", path);
    ret->has_wal = stat_nonempty(a, path, "-wal", &ret->wal);
    ret->has_shm = stat_nonempty(a, path, "-shm", &st);
    ret->has_journal = stat_nonempty(a, path, "-journal", &st);
    ret->is_database = n == HEADER_BYTES && memcmp(header, magic, sizeof magic) == 0;
    ret->wal_mode = header[18] == 2 || header[19] == 2;
    ret->is_cut = ret->is_database && !ret->has_wal && !ret->has_journal && is_cut(header, ret->db.st_size);
    return 0;
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && same_time(a->st_mtim, b->st_mtim);
}

static bool same_files(const struct db_files *a, const struct db_files *b)
{
    return same_stat(&a->db, &b->db) && a->has_wal == b->has_wal && a->has_journal == b->has_journal;
}

static int check_files(const char *path, const struct db_files *f, struct err *e)
{
    if (f->db.st_size == 0)
        return err_set(e, ERR_INPUT, 0, "OpenClaw's database '%s' is empty: not made yet, or cut off", path);
    if (!f->is_database)
        return err_set(e, ERR_INPUT, 0, "'%s' is not a database", path);
    if (f->is_cut)
        return err_set(e, ERR_INPUT, 0, "OpenClaw's database '%s' is shorter than it says: cut off", path);
    return 0;
}

/* --- SQLite ----------------------------------------------------------------------------------------------------------------- */

static enum err_class class_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return ERR_BUSY;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return ERR_INPUT;
    case SQLITE_SCHEMA:
        return ERR_CONFLICT;
    default:
        return ERR_IO;
    }
}

int db_fail(sqlite3 *db, int rc, struct err *e, const char *what)
{
    int sys = (rc & 0xff) == SQLITE_FULL ? ENOSPC : (rc & 0xff) == SQLITE_READONLY ? EROFS : db ? sqlite3_system_errno(db) : 0;

    return err_set(e, class_of(rc), sys, "%s: %s", what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

int db_query_one(struct arena *a, sqlite3 *db, const char *sql, int64_t *ret_number, const char **ret_text)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && ret_number)
        *ret_number = sqlite3_column_int64(stmt, 0);
    if (rc == SQLITE_ROW && ret_text)
        *ret_text = arena_strdup(a, (const char *)sqlite3_column_text(stmt, 0));
    (void)sqlite3_finalize(stmt);
    return rc;
}

/* A path as the path of a file: URI. */
static const char *uri_of(struct arena *a, const char *path, const char *query)
{
    BUF_AUTO b = BUF_INIT(64u << 10);

    buf_puts(&b, "file:");
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("/._-", *p))
            buf_putc(&b, (char)*p);
        else
            buf_printf(&b, "%%%02X", *p);
    }
    buf_puts(&b, query);
    return arena_strdup(a, buf_str(&b));
}

static int open_db(struct arena *a, const char *path, const char *query, int flags, sqlite3 **ret, struct err *e)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(uri_of(a, path, query), &db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK) {
        (void)db_fail(db, rc, e, arena_printf(a, "opening OpenClaw's database '%s'", path));
        (void)sqlite3_close(db);
        return -1;
    }
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    *ret = db;
    return 0;
}

static int take_turn(int timeout_ms, struct err *e)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (pthread_mutex_clocklock(&turn, CLOCK_MONOTONIC, &until) != 0)
        return err_set(e, ERR_BUSY, 0, "OpenClaw's database is being used by this program itself");
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

/* How to open it without leaving a trace. NULL: it cannot be. */
static const char *read_query(const struct db_files *f)
{
    if (!f->wal_mode)
        return "?mode=ro";
    /* No log: the file is all there is. SQLite would make a log and its index only to read it, so it is told that nothing
     * changes; whether that was true is looked at afterwards. */
    if (!f->has_wal)
        return "?mode=ro&immutable=1";
    return f->has_shm ? "?mode=ro&readonly_shm=1" : NULL;
}

static int try_read(struct arena *a, const char *path, int busy_ms, const struct db_files *files,
                    int (*use)(void *ctx, sqlite3 *db, struct err *e), void *ctx, struct err *e)
{
    const char *query = read_query(files);
    sqlite3 *db = NULL;
    int r;

    if (check_files(path, files, e) < 0)
        return -1;
    if (!query)
        return err_set(e, ERR_INPUT, 0, "OpenClaw's database '%s' has a write-ahead log without its index", path);
    if (open_db(a, path, query, SQLITE_OPEN_READONLY, &db, e) < 0)
        return -1;
    (void)sqlite3_busy_timeout(db, busy_ms);
    /* One transaction: one state of it, however many statements. */
    int rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    r = rc == SQLITE_OK ? use(ctx, db, e) : db_fail(db, rc, e, arena_printf(a, "reading OpenClaw's database '%s'", path));
    (void)sqlite3_close(db);
    return r;
}

int db_read(struct arena *a, const char *path, int busy_ms, int (*use)(void *ctx, sqlite3 *db, struct err *e), void *ctx,
            struct err *e)
{
    struct err own = {0};
    bool steady = false;
    int r = -1;

    if (take_turn(busy_ms, e) < 0)
        return -1;
    for (int i = 0; i < TRIES && (r < 0 || !steady); i++) {
        struct db_files before, after;
        struct err ignored = {0};

        /* A writer that comes or goes leaves the files in a state between two for a moment. */
        if (i > 0)
            file_pause_ms(PAUSE_MS);
        r = look_at_files(a, path, &before, &own);
        steady = r < 0;
        if (r < 0 && own.class == ERR_NOT_FOUND)
            break;
        if (r < 0)
            continue;
        r = try_read(a, path, busy_ms, &before, use, ctx, &own);
        steady = look_at_files(a, path, &after, &ignored) == 0 && same_files(&before, &after);
        if (r < 0 && own.class == ERR_BUSY)
            break; /* it was waited for */
    }
    (void)pthread_mutex_unlock(&turn);
    if (r == 0 && !steady)
        return err_set(e, ERR_BUSY, 0, "OpenClaw's database '%s' changes faster than it can be read", path);
    if (r < 0)
        *e = own;
    return r;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

struct waiting {
    const struct lock_wait *w;
    int64_t end_ms;
};

static bool is_cancelled(const struct lock_wait *w)
{
    return w->cancel && atomic_load(w->cancel);
}

static int on_busy(void *ctx, int times)
{
    const struct waiting *x = ctx;

    if (is_cancelled(x->w) || file_monotonic_ms() >= x->end_ms)
        return 0;
    file_pause_ms(times < 5 ? 2 : 25);
    return 1;
}

/* Another file is under the name now: what we would write is nobody's. */
static bool has_moved(sqlite3 *db)
{
    int moved = 0;

    return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

static int write_open(struct arena *a, sqlite3 *db, const char *path, const struct waiting *x,
                      int (*use)(void *ctx, sqlite3 *db, struct err *e), void *ctx, struct err *e)
{
    const char *what = arena_printf(a, "writing OpenClaw's database '%s'", path);
    int rc, r;

    if (sqlite3_db_readonly(db, "main") == 1)
        return err_set(e, ERR_IO, EROFS, "%s: it may not be written here", what);
    rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK && class_of(rc) == ERR_BUSY && is_cancelled(x->w))
        return err_set(e, ERR_CANCELLED, 0, "%s: told to stop", what);
    if (rc != SQLITE_OK)
        return db_fail(db, rc, e, what);
    r = has_moved(db) ? err_set(e, ERR_CONFLICT, 0, "%s: another file has taken its place", what) : use(ctx, db, e);
    if (r == 0 && has_moved(db))
        r = err_set(e, ERR_CONFLICT, 0, "%s: another file has taken its place", what);
    rc = r == 0 ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : SQLITE_OK;
    if (rc != SQLITE_OK)
        r = db_fail(db, rc, e, what);
    if (sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

int db_write(struct arena *a, const char *path, const struct lock_wait *w, int (*use)(void *ctx, sqlite3 *db, struct err *e),
             void *ctx, struct err *e)
{
    int timeout_ms = w->timeout_ms > 0 ? w->timeout_ms : DB_WAIT_MS;
    struct waiting x = {.w = w, .end_ms = file_monotonic_ms() + timeout_ms};
    struct db_files files;
    sqlite3 *db = NULL;
    int r;

    if (take_turn(timeout_ms, e) < 0)
        return -1;
    r = look_at_files(a, path, &files, e);
    if (r == 0)
        r = check_files(path, &files, e);
    if (r == 0)
        r = open_db(a, path, "?mode=rw", SQLITE_OPEN_READWRITE, &db, e);
    if (r == 0) {
        (void)sqlite3_busy_handler(db, on_busy, &x);
        r = write_open(a, db, path, &x, use, ctx, e);
    }
    (void)sqlite3_close(db);
    (void)pthread_mutex_unlock(&turn);
    return r;
}
