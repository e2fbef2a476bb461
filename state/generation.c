#include "state/generation.h"

#include "spec/base/text.h"
#include "state/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

/* How often a database that changes while it is read is begun anew. */
#define TRIES 5

static void set_unknown(struct generation *g, const char *why, const char *remedy)
{
    g->kind = GENERATION_UNKNOWN;
    g->may_write = false;
    g->why = why;
    g->remedy = remedy;
}

/* 1 there, 0 not, -1 not known (g says why). A regular file or a directory, or a link to one. */
static int probe(struct arena *a, const char *path, bool dir, struct stat *ret_st, struct generation *g)
{
    if (stat(path, ret_st) < 0) {
        char reason[128];

        if (errno == ENOENT)
            return 0;
        set_unknown(g, arena_printf(a, "%s cannot be looked at: %s", path, strerror_r(errno, reason, sizeof reason)), NULL);
        return -1;
    }
    if (dir ? S_ISDIR(ret_st->st_mode) : S_ISREG(ret_st->st_mode))
        return 1;
    set_unknown(g, arena_printf(a, "%s is no %s", path, dir ? "directory" : "regular file"), NULL);
    return -1;
}

/* --- the database ------------------------------------------------------------------------------------------------------------
 */

/* What decides how the database may be opened, and what must not change while it is read. */
struct db_files {
    struct stat db, wal;
    bool has_wal;     /* with something in it */
    bool has_shm;     /* index of the log */
    bool has_journal; /* rollback journal with something in it */
    bool wal_mode;    /* by the header */
    bool is_database; /* by the header */
};

static bool stat_nonempty(struct arena *a, const char *db, const char *suffix, struct stat *ret)
{
    return stat(arena_printf(a, "%s%s", db, suffix), ret) == 0 && ret->st_size > 0;
}

/* 0 or an errno. */
static int look_at_files(struct arena *a, const char *path, struct db_files *ret)
{
    static const char magic[16] = "SQLite format 3";
    unsigned char header[20] = {0};
    struct stat st;
    FD_AUTO fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    *ret = (struct db_files){0};
    if (fd < 0 || fstat(fd, &ret->db) < 0 || pread(fd, header, sizeof header, 0) < 0)
        return errno;
    ret->has_wal = stat_nonempty(a, path, "-wal", &ret->wal);
    ret->has_shm = stat_nonempty(a, path, "-shm", &st);
    ret->has_journal = stat_nonempty(a, path, "-journal", &st);
    ret->is_database = memcmp(header, magic, sizeof magic) == 0;
    ret->wal_mode = header[18] == 2 || header[19] == 2;
    return 0;
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool same_files(const struct db_files *a, const struct db_files *b)
{
    return same_stat(&a->db, &b->db) && a->has_wal == b->has_wal && a->has_journal == b->has_journal;
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

/* One number or text of the first row. SQLITE_ROW, SQLITE_DONE, or an error. */
static int query_one(struct arena *a, sqlite3 *db, const char *sql, int64_t *ret_number, const char **ret_text)
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

static const char *const needed_columns[] = {"registry_kind", "container_name", "session_key",    "backend_id",
                                             "created_at_ms", "entry_json",     "last_used_at_ms"};

/* What the open database says. SQLITE_OK with g filled, or an error of SQLite's (then g is untouched but for why). */
static int read_db(struct arena *a, sqlite3 *db, struct generation *g)
{
    int64_t version = 0, n = 0;
    int rc = query_one(a, db, "PRAGMA user_version", &version, NULL);

    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
    g->user_version = version;
    if (version < 0 || version > GENERATION_SCHEMA_MAX) {
        set_unknown(g,
                    arena_printf(a, "OpenClaw's database has schema %lld; up to %d is understood", (long long)version,
                                 GENERATION_SCHEMA_MAX),
                    NULL);
        return SQLITE_OK;
    }
    rc = query_one(a, db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'sandbox_registry_entries'", &n,
                   NULL);
    if (rc != SQLITE_ROW)
        return rc;
    (void)query_one(a, db, "SELECT app_version FROM schema_meta WHERE meta_key = 'primary'", NULL, &g->app_version);
    if (n == 0)
        return SQLITE_OK;
    for (size_t i = 0; i < sizeof needed_columns / sizeof *needed_columns; i++) {
        const char *sql = arena_printf(a, "SELECT count(*) FROM pragma_table_info('sandbox_registry_entries') WHERE name = '%s'",
                                       needed_columns[i]);

        rc = query_one(a, db, sql, &n, NULL);
        if (rc != SQLITE_ROW)
            return rc;
        if (n != 1) {
            set_unknown(g,
                        arena_printf(a, "OpenClaw's database keeps sandboxes in a table that is not understood: no column %s",
                                     needed_columns[i]),
                        NULL);
            return SQLITE_OK;
        }
    }
    rc = query_one(a, db, "SELECT count(*) FROM sandbox_registry_entries", &n, NULL);
    if (rc != SQLITE_ROW)
        return rc;
    g->n_rows = (size_t)n;
    return SQLITE_OK;
}

/* How to open it without leaving a trace. NULL: it cannot be. */
static const char *open_query(const struct db_files *f)
{
    if (!f->wal_mode)
        return "?mode=ro";
    /* No log: the file is all there is. SQLite would make a log and its index only to read it, so it is told that nothing
     * changes; whether that was true is looked at afterwards. */
    if (!f->has_wal)
        return "?mode=ro&immutable=1";
    return f->has_shm ? "?mode=ro&readonly_shm=1" : NULL;
}

static int try_db(struct arena *a, const char *path, int busy_ms, const struct db_files *files, struct generation *g)
{
    const char *query = open_query(files);
    sqlite3 *db = NULL;
    int rc;

    /* SQLite itself takes a file shorter than a header for an empty database. */
    if (files->db.st_size > 0 && !files->is_database) {
        set_unknown(g, arena_printf(a, "%s is not a database", path), "openclaw doctor");
        return SQLITE_OK;
    }
    if (!query || (files->has_wal && files->db.st_size == 0)) {
        set_unknown(g, arena_printf(a, "%s has a write-ahead log without %s", path, query ? "its database" : "its index"),
                    "openclaw doctor");
        return SQLITE_OK;
    }
    rc = sqlite3_open_v2(uri_of(a, path, query), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(db, busy_ms);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        rc = read_db(a, db, g);
    }
    if (rc != SQLITE_OK)
        set_unknown(
            g, arena_printf(a, "OpenClaw's database %s cannot be read: %s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc)),
            rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT ? "openclaw doctor" : NULL);
    (void)sqlite3_close(db);
    return rc;
}

/* Reads it; begun anew where a writer came in between, since then the view may be torn. */
static void detect_sqlite(struct arena *a, const char *path, int busy_ms, struct generation *g)
{
    for (int i = 0; i < TRIES; i++) {
        struct generation now = *g;
        struct db_files before, after;
        int sys = look_at_files(a, path, &before);

        if (sys == 0) {
            (void)try_db(a, path, busy_ms, &before, &now);
            sys = look_at_files(a, path, &after);
        }
        if (sys != 0) {
            char reason[128];

            set_unknown(g, arena_printf(a, "%s cannot be read: %s", path, strerror_r(sys, reason, sizeof reason)), NULL);
            return;
        }
        if (same_files(&before, &after)) {
            *g = now;
            return;
        }
    }
    set_unknown(g, arena_printf(a, "%s changes faster than it can be read", path), NULL);
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------
 */

static enum generation_kind kind_of(const struct generation *g)
{
    if (g->n_rows > 0)
        return GENERATION_SQLITE;
    if (g->has_monolith)
        return g->has_shard_dir ? GENERATION_MIXED : GENERATION_MONOLITH;
    return g->has_shard_dir ? GENERATION_SHARDS : GENERATION_EMPTY;
}

static void conclude(struct arena *a, const char *db, struct generation *g)
{
    const char *release = g->app_version ? arena_printf(a, " (made by %s)", g->app_version) : "";

    g->kind = kind_of(g);
    g->may_write = g->kind != GENERATION_SQLITE;
    if (g->kind == GENERATION_SQLITE) {
        g->why = arena_printf(a, "OpenClaw keeps %zu %s in its database '%s'%s and reads no shards", g->n_rows,
                              g->n_rows == 1 ? "sandbox" : "sandboxes", db, release);
    } else if (g->has_monolith) {
        g->why = "a registry of an older OpenClaw waits to be migrated: what it holds is not seen by OpenClaw";
        g->remedy = "reconclaw doctor --fix";
    } else if (g->has_sqlite) {
        g->why = arena_printf(a, "OpenClaw's database '%s'%s is there, but holds no sandboxes", db, release);
    }
}

void generation_detect(struct arena *a, const char *state_dir, int busy_ms, struct generation *ret)
{
    const char *db = arena_printf(a, "%s/state/openclaw.sqlite", state_dir);
    static const struct {
        const char *path;
        bool dir;
    } places[] = {{"sandbox/containers.json", false},
                  {"sandbox/browsers.json", false},
                  {"sandbox/containers", true},
                  {"sandbox/browsers", true}};
    struct stat st;
    int there;

    *ret = (struct generation){.why = "", .user_version = -1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        there = probe(a, arena_printf(a, "%s/%s", state_dir, places[i].path), places[i].dir, &st, ret);
        if (there < 0)
            return;
        ret->has_monolith |= there == 1 && !places[i].dir;
        ret->has_shard_dir |= there == 1 && places[i].dir;
    }
    there = probe(a, db, false, &st, ret);
    if (there < 0)
        return;
    /* An empty file is no database yet: OpenClaw takes it for none, too. */
    ret->has_sqlite = there == 1 && (st.st_size > 0 || stat_nonempty(a, db, "-wal", &st));
    if (ret->has_sqlite)
        detect_sqlite(a, db, busy_ms, ret);
    if (ret->kind != GENERATION_UNKNOWN)
        conclude(a, db, ret);
}

static const char *const names[GENERATION_KIND_COUNT] = {
    [GENERATION_EMPTY] = "empty", [GENERATION_MONOLITH] = "monolith", [GENERATION_SHARDS] = "shards",
    [GENERATION_MIXED] = "mixed", [GENERATION_SQLITE] = "sqlite",     [GENERATION_UNKNOWN] = "unknown",
};

const char *generation_kind_name(enum generation_kind k)
{
    return names[k];
}
