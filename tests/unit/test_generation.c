/* state/generation: which release's registry is there, and that asking leaves no trace. */
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "state/file.h"
#include "state/generation.h"
#include "tests/lib/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

/* As 2026.9.6 makes it. */
static const char table_sql[] =
    "CREATE TABLE sandbox_registry_entries (registry_kind TEXT NOT NULL, container_name TEXT NOT NULL, session_key TEXT,"
    " backend_id TEXT, runtime_label TEXT, image TEXT, created_at_ms INTEGER, last_used_at_ms INTEGER, config_label_kind TEXT,"
    " config_hash TEXT, cdp_port INTEGER, no_vnc_port INTEGER, entry_json TEXT NOT NULL, updated_at INTEGER NOT NULL,"
    " PRIMARY KEY (registry_kind, container_name)) STRICT";
static const char meta_sql[] =
    "CREATE TABLE schema_meta (meta_key TEXT PRIMARY KEY, role TEXT, schema_version INTEGER, agent_id TEXT, app_version TEXT,"
    " created_at INTEGER, updated_at INTEGER) STRICT;"
    "INSERT INTO schema_meta VALUES ('primary', 'global', 18, '', '2026.9.6', 1, 1)";
static const char content_sql[] =
    "CREATE TABLE config_machine_state (state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL,"
    " updated_at_ms INTEGER NOT NULL) STRICT";
static const char row_sql[] = "INSERT INTO sandbox_registry_entries (registry_kind, container_name, entry_json, updated_at)"
                              " VALUES ('container', 'c1', '{}', 1)";

static sqlite3 *db_open(const char *dir)
{
    sqlite3 *db = NULL;

    scratch_mkdir(dir, "state");
    assert_int_equal(sqlite3_open(scratch_path(dir, "state/openclaw.sqlite"), &db), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *msg = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
        fail_msg("%s: %s", sql, msg);
}

static void make_db(const char *dir, const char *const *sql)
{
    sqlite3 *db = db_open(dir);

    for (; *sql; sql++)
        run(db, *sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Names, sizes and bytes of a directory. mtimes, too: nothing may be touched. */
static char *fingerprint(struct arena *a, const char *dir)
{
    struct file_dir d;
    struct file_name *names;
    struct err e = {0};
    BUF_AUTO all = BUF_INIT(64u << 20);
    size_t n;

    if (file_dir_open(dir, false, NULL, &d, &e) < 0)
        return arena_strdup(a, "none");
    assert_int_equal(file_list(a, &d, &names, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        char *bytes;
        size_t len;

        assert_int_equal(stat(scratch_path(dir, names[i].name), &st), 0);
        buf_printf(&all, "%s %lld %lld.%09ld ", names[i].name, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                   (long)st.st_mtim.tv_nsec);
        bytes = scratch_read(dir, names[i].name, &len);
        buf_puts(&all, bytes ? digest_sha256(a, bytes, len) : "?");
        free(bytes);
    }
    file_dir_close(&d);
    return arena_strdup(a, buf_str(&all));
}

/* Detects, and sees that nothing changed. */
static struct generation detect(struct arena *a, const char *dir)
{
    const char *state = arena_printf(a, "%s/state", dir);
    char *before = fingerprint(a, state), *after;
    struct generation g;

    generation_detect(a, dir, 50, &g);
    after = fingerprint(a, state);
    assert_string_equal(before, after);
    assert_non_null(g.why);
    assert_true(g.may_write == (g.kind != GENERATION_UNKNOWN));
    if (!g.may_write)
        assert_true(strlen(g.why) > 0);
    return g;
}

static void directories_without_a_database(void **state)
{
    static const struct {
        const char *paths[4];
        enum generation_kind kind;
        bool remedy;
    } cases[] = {
        {{NULL}, GENERATION_EMPTY, false},
        {{"openclaw.json"}, GENERATION_EMPTY, false},
        {{"sandbox/containers/x.json"}, GENERATION_SHARDS, false},
        {{"sandbox/browsers/x.json"}, GENERATION_SHARDS, false},
        {{"sandbox/containers.json"}, GENERATION_MONOLITH, true},
        {{"sandbox/browsers.json"}, GENERATION_MONOLITH, true},
        {{"sandbox/containers.json", "sandbox/browsers/x.json"}, GENERATION_MIXED, true},
        {{"sandbox/containers.json.invalid-1"}, GENERATION_EMPTY, false},
        {{"sandbox"}, GENERATION_UNKNOWN, false},
        {{"sandbox/containers"}, GENERATION_UNKNOWN, false},
        {{"sandbox/containers.json/x"}, GENERATION_UNKNOWN, false},
        {{"state/openclaw.sqlite/x"}, GENERATION_UNKNOWN, false},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct generation g;

        for (size_t k = 0; k < N(cases[i].paths) && cases[i].paths[k]; k++)
            scratch_write_text(dir, cases[i].paths[k], "{}");
        generation_detect(a, dir, 0, &g);
        if (g.kind != cases[i].kind)
            fail_msg("case %zu: %s: %s", i, generation_kind_name(g.kind), g.why);
        assert_int_equal(g.remedy != NULL, cases[i].remedy);
        assert_true(g.user_version == -1);
        scratch_remove(dir);
    }
}

static void a_missing_state_directory_is_empty(void **state)
{
    ARENA_AUTO a = arena_new();
    struct generation g;

    (void)state;
    generation_detect(a, "/nonexistent/openclaw", 0, &g);
    assert_int_equal(g.kind, GENERATION_EMPTY);
    assert_true(g.may_write);
}

static void databases_decide_by_schema_and_rows(void **state)
{
    static const struct {
        const char *sql[6];
        enum generation_kind kind;
        int64_t version;
        size_t rows;
        const char *why;
    } cases[] = {
        {{table_sql, meta_sql, row_sql, "PRAGMA user_version=18"}, GENERATION_SQLITE, 18, 1, "openclaw.sqlite"},
        {{table_sql, row_sql, "PRAGMA user_version=0"}, GENERATION_SQLITE, 0, 1, "migrated"},
        {{table_sql, row_sql, "PRAGMA user_version=1"}, GENERATION_SQLITE, 1, 1, ""},
        {{table_sql, meta_sql, "PRAGMA user_version=18"}, GENERATION_SQLITE, 18, 0, "migrated"},
        {{meta_sql, "PRAGMA user_version=18"}, GENERATION_UNKNOWN, 18, 0, "no table of sandboxes"},
        {{"PRAGMA user_version=17"}, GENERATION_SHARDS, 17, 0, ""},
        {{table_sql, meta_sql, "PRAGMA user_version=17"}, GENERATION_UNKNOWN, 17, 0, "half migrated"},
        {{table_sql, content_sql, "INSERT INTO config_machine_state VALUES ('state.schema.contentVersion', '18', 1)",
          "PRAGMA user_version=18"},
         GENERATION_SQLITE,
         18,
         0,
         ""},
        {{table_sql, content_sql, "INSERT INTO config_machine_state VALUES ('state.schema.contentVersion', '19', 1)",
          "PRAGMA user_version=18"},
         GENERATION_UNKNOWN,
         18,
         0,
         "what it holds has schema 19"},
        {{table_sql, content_sql, "INSERT INTO config_machine_state VALUES ('state.schema.contentVersion', '\"x\"', 1)",
          "PRAGMA user_version=18"},
         GENERATION_UNKNOWN,
         18,
         0,
         "what it holds"},
        {{table_sql, "CREATE TRIGGER t AFTER INSERT ON sandbox_registry_entries BEGIN SELECT 1; END", "PRAGMA user_version=18"},
         GENERATION_UNKNOWN,
         18,
         0,
         "trigger"},
        /* A column more is somebody's own in the newest table that is known, and not understood in an older one. */
        {{table_sql, "ALTER TABLE sandbox_registry_entries ADD COLUMN more TEXT", "PRAGMA user_version=18"},
         GENERATION_SQLITE,
         18,
         0,
         ""},
        {{table_sql, "ALTER TABLE sandbox_registry_entries ADD COLUMN more TEXT", "PRAGMA user_version=17"},
         GENERATION_UNKNOWN,
         17,
         0,
         "15 columns"},
        {{table_sql, "PRAGMA user_version=19"}, GENERATION_UNKNOWN, 19, 0, "schema 19"},
        {{table_sql, row_sql, "PRAGMA user_version=-1"}, GENERATION_UNKNOWN, -1, 0, "schema -1"},
        {{"CREATE TABLE sandbox_registry_entries (x TEXT)", "PRAGMA user_version=18"}, GENERATION_UNKNOWN, 18, 0, "no column"},
        {{"CREATE VIEW sandbox_registry_entries AS SELECT 1 AS x", "PRAGMA user_version=18"},
         GENERATION_UNKNOWN,
         18,
         0,
         "no table"},
        {{"CREATE TABLE schema_meta (odd TEXT)", "PRAGMA user_version=3"}, GENERATION_SHARDS, 3, 0, ""},
    };
    static const char *const modes[] = {"PRAGMA journal_mode=WAL", "PRAGMA journal_mode=DELETE"};

    (void)state;
    for (size_t m = 0; m < N(modes); m++)
        for (size_t i = 0; i < N(cases); i++) {
            ARENA_AUTO a = arena_new();
            char *dir = scratch_make();
            const char *sql[8] = {modes[m]};
            struct generation g;

            for (size_t k = 0; k < N(cases[i].sql); k++)
                sql[k + 1] = cases[i].sql[k];
            make_db(dir, sql);
            scratch_write_text(dir, "sandbox/containers/x.json", "{}");
            g = detect(a, dir);
            if (g.kind != cases[i].kind || g.user_version != cases[i].version || g.n_rows != cases[i].rows ||
                !strstr(g.why, cases[i].why))
                fail_msg("case %zu, %s: %s, version %lld, %zu rows: %s", i, modes[m], generation_kind_name(g.kind),
                         (long long)g.user_version, g.n_rows, g.why);
            scratch_remove(dir);
        }
}

static void what_is_no_database_is_unknown_and_stays(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum generation_kind kind;
    } cases[] = {
        {"", 0, GENERATION_UNKNOWN},
        {"x", 1, GENERATION_UNKNOWN},
        {"this is no database, and long enough to have a header of its own; it goes on and on and on and on and on and on", 110,
         GENERATION_UNKNOWN},
        {"SQLite format 3\0and then rubbish that is longer than a header would be, so that it is looked at in earnest, all of it",
         110, GENERATION_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct generation g;

        scratch_write(dir, "state/openclaw.sqlite", cases[i].bytes, cases[i].n, 0600);
        g = detect(a, dir);
        if (g.kind != cases[i].kind)
            fail_msg("case %zu: %s: %s", i, generation_kind_name(g.kind), g.why);
        scratch_remove(dir);
    }
}

/* Another process with the database open, that runs one statement each time it is told to. */
struct writer {
    pid_t pid;
    int fd;
};

static struct writer start_writer(const char *dir)
{
    struct writer w;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    w.pid = fork();
    if (w.pid == 0) {
        char sql[512];
        ssize_t n;
        sqlite3 *db;

        (void)close(fds[0]);
        db = db_open(dir);
        while ((n = recv(fds[1], sql, sizeof sql - 1, 0)) > 0) {
            sql[n] = '\0';
            run(db, sql);
            (void)!send(fds[1], "", 1, 0);
        }
        (void)sqlite3_close(db);
        _exit(0);
    }
    (void)close(fds[1]);
    w.fd = fds[0];
    return w;
}

static void tell(const struct writer *w, const char *sql)
{
    char c;

    assert_int_equal(send(w->fd, sql, strlen(sql), 0), (ssize_t)strlen(sql));
    assert_int_equal(recv(w->fd, &c, 1, 0), 1);
}

static void stop_writer(struct writer *w, bool kill_it)
{
    if (kill_it)
        assert_int_equal(kill(w->pid, SIGKILL), 0);
    (void)close(w->fd);
    assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
}

static void rows_that_are_still_in_the_log_count(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    static const char *const setup[] = {"PRAGMA journal_mode=WAL", table_sql, "PRAGMA user_version=18", NULL};
    struct generation g;
    struct writer w;

    (void)state;
    make_db(dir, setup);
    assert_int_equal(detect(a, dir).n_rows, 0);
    /* A live writer: its row is in the log alone. */
    w = start_writer(dir);
    tell(&w, "PRAGMA wal_autocheckpoint=0");
    tell(&w, row_sql);
    g = detect(a, dir);
    assert_int_equal(g.kind, GENERATION_SQLITE);
    assert_int_equal(g.n_rows, 1);
    /* In the midst of its transaction the old rows are what is there. */
    tell(&w, "BEGIN IMMEDIATE");
    tell(&w, "DELETE FROM sandbox_registry_entries");
    assert_int_equal(detect(a, dir).n_rows, 1);
    tell(&w, "COMMIT");
    assert_int_equal(detect(a, dir).n_rows, 0);
    stop_writer(&w, false);
    assert_int_equal(detect(a, dir).n_rows, 0);
    scratch_remove(dir);
}

static void a_log_that_a_crash_left_is_read(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    static const char *const setup[] = {"PRAGMA journal_mode=WAL", table_sql, "PRAGMA user_version=18", NULL};
    struct generation g;
    pid_t pid;

    (void)state;
    make_db(dir, setup);
    pid = fork();
    if (pid == 0) {
        sqlite3 *db = db_open(dir);

        run(db, "PRAGMA wal_autocheckpoint=0");
        run(db, row_sql);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(scratch_exists(dir, "state/openclaw.sqlite-wal"));
    g = detect(a, dir);
    assert_int_equal(g.kind, GENERATION_SQLITE);
    assert_int_equal(g.n_rows, 1);
    /* Without its index the log cannot be read without making one: not understood, never guessed. */
    assert_int_equal(unlink(scratch_path(dir, "state/openclaw.sqlite-shm")), 0);
    g = detect(a, dir);
    assert_int_equal(g.kind, GENERATION_UNKNOWN);
    assert_non_null(g.remedy);
    scratch_remove(dir);
}

static void a_database_that_is_locked_is_unknown(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    static const char *const setup[] = {"PRAGMA journal_mode=DELETE", table_sql, row_sql, "PRAGMA user_version=18", NULL};
    struct generation g;
    struct writer w;

    (void)state;
    make_db(dir, setup);
    w = start_writer(dir);
    tell(&w, "BEGIN EXCLUSIVE");
    g = detect(a, dir);
    assert_int_equal(g.kind, GENERATION_UNKNOWN);
    assert_non_null(strstr(g.why, "locked"));
    stop_writer(&w, true);
    assert_int_equal(detect(a, dir).kind, GENERATION_SQLITE);
    scratch_remove(dir);
}

/* A rollback journal that a crash left must be played back before anything is read, which only a writer may do. */
static void a_half_done_transaction_is_unknown(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    static const char *const setup[] = {"PRAGMA journal_mode=DELETE", table_sql, row_sql, "PRAGMA user_version=18", NULL};
    struct writer w;

    (void)state;
    make_db(dir, setup);
    w = start_writer(dir);
    tell(&w, "PRAGMA cache_size=1");
    tell(&w, "BEGIN IMMEDIATE");
    tell(&w, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO sandbox_registry_entries"
             " (registry_kind, container_name, entry_json, updated_at) SELECT 'container', 'x' || i, '{}', 1 FROM n");
    stop_writer(&w, true);
    assert_true(scratch_exists(dir, "state/openclaw.sqlite-journal"));
    assert_int_equal(detect(a, dir).kind, GENERATION_UNKNOWN);
    scratch_remove(dir);
}

static void what_may_not_be_read_is_unknown(void **state)
{
    char *dir = scratch_make();
    static const char *const setup[] = {table_sql, row_sql, NULL};
    int status;
    pid_t pid;

    (void)state;
    make_db(dir, setup);
    assert_int_equal(chmod(dir, 0755), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chmod(scratch_path(dir, i == 0 ? "state/openclaw.sqlite" : "state"), 0), 0);
        pid = fork();
        if (pid == 0) {
            ARENA_AUTO a = arena_new();
            struct generation g;

            if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
                _exit(2);
            generation_detect(a, dir, 0, &g);
            _exit(g.kind == GENERATION_UNKNOWN && !g.may_write ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    scratch_remove(dir);
}

static void odd_characters_in_the_path_do_no_harm(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    const char *odd = arena_printf(a, "%s/%s", dir, "a b?c#d%41&mode=rw;\xc3\xbc");
    static const char *const setup[] = {table_sql, row_sql, NULL};

    (void)state;
    assert_int_equal(mkdir(odd, 0700), 0);
    make_db(odd, setup);
    assert_int_equal(detect(a, odd).n_rows, 1);
    scratch_remove(dir);
}

static void a_writer_that_never_rests_is_never_misread(void **state)
{
    char *dir = scratch_make();
    static const char *const setup[] = {"PRAGMA journal_mode=WAL", table_sql, row_sql, "PRAGMA user_version=18", NULL};
    int unknown = 0;
    pid_t pid;

    (void)state;
    make_db(dir, setup);
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 400; i++) {
            sqlite3 *db = NULL;

            /* Each close checkpoints, and takes the log away. There is always at least one row. */
            if (sqlite3_open(scratch_path(dir, "state/openclaw.sqlite"), &db) == SQLITE_OK) {
                (void)sqlite3_busy_timeout(db, 1000);
                (void)sqlite3_exec(db,
                                   "INSERT OR REPLACE INTO sandbox_registry_entries (registry_kind, container_name, entry_json,"
                                   " updated_at) VALUES ('container', 'c2', '{}', 1)",
                                   NULL, NULL, NULL);
            }
            (void)sqlite3_close(db);
        }
        _exit(0);
    }
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        ARENA_AUTO a = arena_new();
        struct generation g;

        generation_detect(a, dir, 100, &g);
        if (g.kind != GENERATION_SQLITE && g.kind != GENERATION_UNKNOWN)
            fail_msg("taken for %s: %s", generation_kind_name(g.kind), g.why);
        if (g.kind == GENERATION_SQLITE)
            assert_true(g.n_rows == 1 || g.n_rows == 2);
        unknown += g.kind == GENERATION_UNKNOWN;
    }
    print_message("# unknown in between: %d\n", unknown);
    scratch_remove(dir);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (enum generation_kind i = 0; i < GENERATION_KIND_COUNT; i++) {
        assert_non_null(generation_kind_name(i));
        for (enum generation_kind k = 0; k < i; k++)
            assert_string_not_equal(generation_kind_name(i), generation_kind_name(k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_without_a_database),
        cmocka_unit_test(a_missing_state_directory_is_empty),
        cmocka_unit_test(databases_decide_by_schema_and_rows),
        cmocka_unit_test(what_is_no_database_is_unknown_and_stays),
        cmocka_unit_test(rows_that_are_still_in_the_log_count),
        cmocka_unit_test(a_log_that_a_crash_left_is_read),
        cmocka_unit_test(a_database_that_is_locked_is_unknown),
        cmocka_unit_test(a_half_done_transaction_is_unknown),
        cmocka_unit_test(what_may_not_be_read_is_unknown),
        cmocka_unit_test(odd_characters_in_the_path_do_no_harm),
        cmocka_unit_test(a_writer_that_never_rests_is_never_misread),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
