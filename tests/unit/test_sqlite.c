/* state/sqlite: OpenClaw 2026.9's registry, read and written as an outside party may. */
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "state/db.h"
#include "state/row.h"
#include "state/sqlite.h"
#include "tests/lib/scratch.h"
#include "tests/lib/vectors.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])
#define NOW      INT64_C(1700000000000)

struct fixture {
    struct arena *a;
    char *dir;
    struct sqlite_registry s;
    struct lock_wait wait;
};

static sqlite3 *db_open(const char *dir)
{
    sqlite3 *db = NULL;

    assert_int_equal(
        sqlite3_open_v2(scratch_path(dir, "state/openclaw.sqlite"), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
        SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10000);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *msg = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
        fail_msg("%s: %s", sql, msg);
}

static void sql(const char *dir, const char *text)
{
    sqlite3 *db = db_open(dir);

    run(db, text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* As 2026.9.6 makes it, in WAL mode. */
static void make_db(struct fixture *f)
{
    size_t n;
    char *schema = vectors_bytes(f->a, "tests/data/openclaw/state-18.sql", &n);

    scratch_mkdir(f->dir, "state");
    sql(f->dir, schema);
}

static void begin(struct fixture *f)
{
    *f = (struct fixture){.a = arena_new(), .dir = scratch_make(), .wait = {.now_ms = NOW, .timeout_ms = 300}};
    f->s = (struct sqlite_registry){
        .state_dir = f->dir, .install = "0123456789abcdef", .keep_dir = arena_printf(f->a, "%s/kept", f->dir)};
    make_db(f);
}

static void end(struct fixture *f)
{
    scratch_remove(f->dir);
    arena_free(f->a);
}

static struct sqlite_view read_all(struct fixture *f)
{
    struct sqlite_view v;
    struct err e = {0};

    if (sqlite_read(f->a, &f->s, NULL, 200, NOW, &v, &e) < 0)
        fail_msg("%s", e.msg);
    return v;
}

static struct node *entry_of(struct arena *a, const char *name, int64_t created, const char *image)
{
    return vectors_json(a, arena_printf(a,
                                        "{containerName: '%s', backendId: 'docker', runtimeLabel: '%s', sessionKey: 'shared', "
                                        "createdAtMs: %lld, lastUsedAtMs: %lld, image: '%s', configLabelKind: 'Image', "
                                        "configHash: 'h'}",
                                        name, name, (long long)created, (long long)created, image));
}

static int put(struct fixture *f, const struct node *entry, enum shard_rule rule, const char *expect, struct err *e)
{
    return sqlite_update(&f->s, RUNTIME_CONTAINER, entry, rule, expect, &f->wait, NULL, e);
}

/* --- OpenClaw's own cases ----------------------------------------------------------------------------------------------------
 */

/* What the registry code of OpenClaw can besides, and an outside party must not. */
static const struct {
    const char *op, *why;
} openclaw_only[] = {
    {"ins", "insert-if-missing is what its doctor does with shards: migrating is its alone"},
    {"reserve", "a reservation is a lease of a provider's (crabbox): never made from outside"},
    {"complete", "likewise"},
    {"rm", "removes the runtime itself between two writes; ours is removed by its backend, and the row by compare-and-swap"},
};

static bool is_openclaw_only(const struct node *ops)
{
    for (size_t i = 0; i < ops->n_items; i++)
        for (size_t k = 0; k < N(openclaw_only); k++)
            if (text_eq(node_str(ops->items[i]->items[0]), openclaw_only[k].op))
                return true;
    return false;
}

static void run_op(struct fixture *f, const struct node *op, const struct node *result)
{
    const char *word = node_str(op->items[0]);
    enum runtime_kind kind = word[0] == 'b' ? RUNTIME_BROWSER : RUNTIME_CONTAINER;
    struct err e = {0};
    int r = -1;

    if (text_eq(word, "t")) {
        f->wait.now_ms += (int64_t)op->items[1]->num;
        return;
    }
    if (text_eq(word, "sql")) {
        sql(f->dir, node_str(op->items[1]));
        return;
    }
    if (text_eq(word, "u") || text_eq(word, "bu"))
        r = sqlite_update(&f->s, kind, op->items[1], SHARD_OPENCLAW, NULL, &f->wait, NULL, &e);
    else if (text_eq(word, "r") || text_eq(word, "br"))
        r = sqlite_remove(&f->s, kind, node_str(op->items[1]), NULL, &f->wait, &e);
    else
        fail_msg("no such op: %s", word);
    if ((r == 0) != text_eq(node_str(result), "ok"))
        fail_msg("%s: %s, not %s", word, e.msg, node_json(f->a, result));
}

static void check_rows(struct fixture *f, const struct node *want)
{
    sqlite3 *db = db_open(f->dir);
    sqlite3_stmt *stmt;
    size_t at = 0;

    assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM sandbox_registry_entries ORDER BY 1, 2", -1, &stmt, NULL), SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; at++) {
        assert_true(at < want->n_items);
        assert_int_equal(sqlite3_column_count(stmt), ROW_COLUMN_COUNT);
        for (int c = 0; c < ROW_COLUMN_COUNT; c++) {
            const char *column = sqlite3_column_name(stmt, c), *has = (const char *)sqlite3_column_text(stmt, c);
            const struct node *v = node_get(want->items[at], column);
            const char *wish = node_is(v, NODE_STRING) ? v->s : node_is(v, NODE_NULL) ? NULL : node_json(f->a, v);

            assert_string_equal(column, row_column_names[c]);
            if (!text_eq(has, wish))
                fail_msg("%s is %s, not %s", column, has ? has : "NULL", wish ? wish : "NULL");
        }
    }
    assert_int_equal(at, want->n_items);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Names, order and what a record holds of each entry that OpenClaw lists. */
static void check_listing(struct fixture *f, enum runtime_kind kind, const struct node *want)
{
    struct sqlite_view v = read_all(f);
    size_t at = 0;

    for (size_t i = 0; i < v.n; i++) {
        struct record rec;

        if (v.v[i].kind != kind)
            continue;
        assert_true(at < want->n_items);
        rec = shard_to_record(f->a, kind, want->items[at++]);
        assert_string_equal(v.v[i].name, rec.name);
        assert_string_equal(v.v[i].endpoint, rec.endpoint);
        assert_string_equal(v.v[i].backend_id, rec.backend_id);
        assert_string_equal(v.v[i].runtime_label, rec.runtime_label);
        assert_string_equal(v.v[i].scope_key, rec.scope_key);
        assert_string_equal(v.v[i].image, rec.image);
        assert_string_equal(v.v[i].config_label_kind, rec.config_label_kind);
        assert_true(text_eq(v.v[i].config_hash, rec.config_hash));
        assert_true(text_eq(v.v[i].workspace_dir, rec.workspace_dir));
        assert_true(v.v[i].created_at_ms == rec.created_at_ms && v.v[i].last_used_at_ms == rec.last_used_at_ms);
        assert_int_equal(v.v[i].cdp_port, rec.cdp_port);
        assert_int_equal(v.v[i].no_vnc_port, rec.no_vnc_port);
        assert_int_equal(!v.v[i].backend_target, !rec.backend_target);
        if (rec.backend_target)
            assert_true(node_equal(v.v[i].backend_target, rec.backend_target));
    }
    assert_int_equal(at, want->n_items);
}

static void rows_and_listings_equal_openclaws(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *vectors = vectors_load(a, "2026.9/registry");
    size_t n_run = 0, n_left = 0;

    (void)state;
    for (size_t i = 0; i < vectors->n_items; i++) {
        const struct node *v = vectors->items[i], *ops = node_get(v, "ops");
        struct fixture f;

        if (is_openclaw_only(ops)) {
            n_left++;
            continue;
        }
        print_message("# %s\n", node_str(node_get(v, "name")));
        begin(&f);
        f.wait.now_ms = (int64_t)node_get(v, "nowStart")->num;
        for (size_t k = 0; k < ops->n_items; k++)
            run_op(&f, ops->items[k], node_get(v, "results")->items[k]);
        check_rows(&f, node_get(v, "rows"));
        check_listing(&f, RUNTIME_CONTAINER, node_get(v, "readContainers"));
        check_listing(&f, RUNTIME_BROWSER, node_get(v, "readBrowsers"));
        end(&f);
        n_run++;
    }
    assert_int_equal(n_run + n_left, 45);
    assert_int_equal(n_left, 11);
}

/* --- reading -----------------------------------------------------------------------------------------------------------------
 */

static void rows_that_cannot_be_read_are_hidden_not_absent(void **state)
{
    static const struct {
        const char *json;
        bool hidden;
    } cases[] = {
        {"{bad", true},
        {"[]", true},
        {"null", true},
        {"", true},
        {"{}", false},
        {"{\"backendId\":5}", true},
        {"{\"containerName\":7,\"sessionKey\":8}", false},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        struct fixture f;
        struct sqlite_view v;

        begin(&f);
        sql(f.dir, arena_printf(f.a,
                                "INSERT INTO sandbox_registry_entries (registry_kind, container_name, entry_json, updated_at) "
                                "VALUES ('container', 'c', '%s', 1), ('container', 'd', '{}', 1), ('weird', 'x', '{}', 1)",
                                cases[i].json));
        v = read_all(&f);
        assert_int_equal(v.n, cases[i].hidden ? 1 : 2);
        assert_int_equal(sqlite_is_hidden(&v, RUNTIME_CONTAINER, "c"), cases[i].hidden);
        assert_false(sqlite_is_hidden(&v, RUNTIME_BROWSER, "c"));
        assert_false(sqlite_is_hidden(&v, RUNTIME_CONTAINER, "d"));
        assert_int_equal(v.issues.n, cases[i].hidden ? 2 : 1); /* the weird one, too */
        end(&f);
    }
}

static void a_row_is_read_up_to_its_cap_and_hidden_over_it(void **state)
{
    struct fixture f;

    (void)state;
    for (int over = 0; over < 2; over++) {
        struct sqlite_view v;

        begin(&f);
        /* kind 9 + name 1 + '{"x":""}' 8 bytes */
        sql(f.dir, arena_printf(f.a,
                                "INSERT INTO sandbox_registry_entries (registry_kind, container_name, entry_json, updated_at) "
                                "VALUES ('container', 'c', '{\"x\":\"' || replace(hex(zeroblob(%u)), '00', 'a') || '\"}', 1)",
                                LIMIT_SHARD_BYTES - 18 + (unsigned)over));
        v = read_all(&f);
        assert_int_equal(v.n, !over);
        assert_int_equal(v.issues.n, over);
        end(&f);
    }
}

/* Names and times of everything beside the database. */
static char *picture(struct fixture *f)
{
    BUF_AUTO b = BUF_INIT(1u << 20);
    static const char *const names[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < N(names); i++) {
        struct stat st;

        if (stat(arena_printf(f->a, "%s/state/openclaw.sqlite%s", f->dir, names[i]), &st) == 0)
            buf_printf(&b, "%s %lu %lld %lld.%ld\n", names[i], (unsigned long)st.st_ino, (long long)st.st_size,
                       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    buf_printf(&b, "%d", scratch_count(f->dir, "state"));
    return arena_strdup(f->a, buf_str(&b));
}

static void reading_leaves_no_trace_and_an_unchanged_database_is_not_read_again(void **state)
{
    struct sqlite_cache *c = sqlite_cache_new();
    struct fixture f;
    struct sqlite_view v;
    struct err e = {0};
    char *before;
    struct timespec old[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
    /* So late that nothing is fresh. */
    const int64_t late = INT64_C(4000000000000);

    (void)state;
    begin(&f);
    assert_int_equal(put(&f, entry_of(f.a, "a", 1, "i"), SHARD_OPENCLAW, NULL, &e), 0);
    assert_int_equal(utimensat(AT_FDCWD, scratch_path(f.dir, "state/openclaw.sqlite"), old, 0), 0);
    before = picture(&f);
    assert_int_equal(sqlite_read(f.a, &f.s, c, 200, late, &v, &e), 0);
    assert_int_equal(sqlite_read(f.a, &f.s, c, 200, late, &v, &e), 0);
    assert_int_equal(v.n, 1);
    assert_string_equal(v.v[0].name, "a");
    assert_int_equal(sqlite_cache_reads(c), 1);
    assert_string_equal(picture(&f), before);
    assert_int_equal(put(&f, entry_of(f.a, "b", 1, "i"), SHARD_OPENCLAW, NULL, &e), 0);
    assert_int_equal(sqlite_read(f.a, &f.s, c, 200, late, &v, &e), 0);
    assert_int_equal(v.n, 2);
    assert_int_equal(sqlite_cache_reads(c), 2);
    /* What was changed a moment ago is not believed to stay so. */
    assert_int_equal(sqlite_read(f.a, &f.s, c, 200, 0, &v, &e), 0);
    assert_int_equal(sqlite_cache_reads(c), 3);
    sqlite_cache_free(c);
    end(&f);
}

/* --- writing -----------------------------------------------------------------------------------------------------------------
 */

static void a_row_is_written_and_removed_only_as_it_was_seen(void **state)
{
    struct fixture f;
    struct sqlite_view v;
    struct err e = {0};
    const char *version;

    (void)state;
    begin(&f);
    assert_int_equal(put(&f, entry_of(f.a, "a", 1, "i"), SHARD_OPENCLAW, SQLITE_NO_ENTRY, &e), 0);
    assert_int_equal(put(&f, entry_of(f.a, "a", 2, "i"), SHARD_OPENCLAW, SQLITE_NO_ENTRY, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    v = read_all(&f);
    assert_int_equal(sqlite_version(f.a, &f.s, RUNTIME_CONTAINER, "a", 200, &version, &e), 0);
    assert_string_equal(version, v.v[0].version);
    /* Any column counts. */
    sql(f.dir, "UPDATE sandbox_registry_entries SET last_used_at_ms = 99");
    assert_int_equal(sqlite_version(f.a, &f.s, RUNTIME_CONTAINER, "a", 200, &version, &e), 0);
    assert_string_not_equal(version, v.v[0].version);
    assert_int_equal(put(&f, entry_of(f.a, "a", 3, "i"), SHARD_OPENCLAW, v.v[0].version, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(sqlite_remove(&f.s, RUNTIME_CONTAINER, "a", v.v[0].version, &f.wait, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(sqlite_remove(&f.s, RUNTIME_BROWSER, "a", NULL, &f.wait, &e), 0);
    assert_int_equal(read_all(&f).n, 1);
    assert_int_equal(sqlite_remove(&f.s, RUNTIME_CONTAINER, "a", version, &f.wait, &e), 0);
    assert_int_equal(sqlite_remove(&f.s, RUNTIME_CONTAINER, "a", version, &f.wait, &e), 0);
    assert_int_equal(read_all(&f).n, 0);
    assert_int_equal(sqlite_version(f.a, &f.s, RUNTIME_CONTAINER, "a", 200, &version, &e), 0);
    assert_null(version);
    end(&f);
}

static void what_we_made_anew_is_told_as_it_is_now_and_is_no_use(void **state)
{
    struct fixture f;
    struct sqlite_view v;
    struct err e = {0};
    struct record rec;

    (void)state;
    begin(&f);
    assert_int_equal(put(&f, entry_of(f.a, "a", 10, "old"), SHARD_OPENCLAW, NULL, &e), 0);
    rec = (struct record){.name = "a",
                          .kind = RUNTIME_CONTAINER,
                          .backend_id = "docker",
                          .runtime_label = "a",
                          .scope_key = "shared",
                          .created_at_ms = 500,
                          .last_used_at_ms = 600,
                          .image = "new",
                          .config_label_kind = "Image",
                          .config_hash = "h2",
                          .workspace_dir = "/w"};
    assert_int_equal(sqlite_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    v = read_all(&f);
    assert_int_equal(v.n, 1);
    assert_true(v.v[0].created_at_ms == 500 && v.v[0].last_used_at_ms == 10);
    assert_string_equal(v.v[0].image, "new");
    assert_string_equal(v.v[0].config_hash, "h2");
    assert_string_equal(v.v[0].workspace_dir, "/w");
    end(&f);
}

static void the_bytes_of_an_unreadable_row_are_kept_before_it_goes(void **state)
{
    struct fixture f;
    struct err e = {0};

    (void)state;
    begin(&f);
    sql(f.dir, "INSERT INTO sandbox_registry_entries (registry_kind, container_name, entry_json, updated_at) "
               "VALUES ('container', 'c', '{bad', 1)");
    assert_int_equal(put(&f, entry_of(f.a, "c", 1, "i"), SHARD_OPENCLAW, NULL, &e), 0);
    assert_int_equal(scratch_count(f.dir, "kept"), 1);
    assert_int_equal(read_all(&f).n, 1);
    end(&f);
}

/* Each: what is done to the database, and the class that a write and a read then end with. Nothing of it is changed. */
static void what_is_not_understood_is_neither_read_nor_written(void **state)
{
    static const struct {
        const char *sql, *text;
    } cases[] = {
        {"PRAGMA user_version=19", "schema 19"},
        {"PRAGMA user_version=17", "half migrated"},
        {"DROP TABLE sandbox_registry_entries", "no table"},
        {"ALTER TABLE sandbox_registry_entries ADD COLUMN x TEXT; UPDATE schema_meta SET schema_version = 17; PRAGMA "
         "user_version=17",
         "15 columns"},
        {"ALTER TABLE sandbox_registry_entries RENAME COLUMN image TO picture", "no column image"},
        {"CREATE TRIGGER t AFTER INSERT ON sandbox_registry_entries BEGIN SELECT 1; END", "trigger"},
        {"INSERT INTO config_machine_state VALUES ('state.schema.contentVersion', '19', 1)", "schema 19"},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        struct fixture f;
        struct sqlite_view v;
        struct err e = {0};
        char *bytes, *after;
        size_t n, after_n;

        begin(&f);
        sql(f.dir, cases[i].sql);
        bytes = scratch_read(f.dir, "state/openclaw.sqlite", &n);
        assert_int_equal(sqlite_read(f.a, &f.s, NULL, 50, NOW, &v, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
        if (!strstr(e.msg, cases[i].text))
            fail_msg("%s: %s", cases[i].sql, e.msg);
        e = (struct err){0};
        assert_int_equal(put(&f, entry_of(f.a, "a", 1, "i"), SHARD_OPENCLAW, NULL, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
        e = (struct err){0};
        assert_int_equal(sqlite_remove(&f.s, RUNTIME_CONTAINER, "a", NULL, &f.wait, &e), -1);
        after = scratch_read(f.dir, "state/openclaw.sqlite", &after_n);
        assert_int_equal(n, after_n);
        assert_memory_equal(bytes, after, n);
        free(bytes);
        free(after);
        end(&f);
    }
}

/* OpenClaw 2026.9.6 goes on with it. */
static void a_column_of_another_party_is_left_as_it_is(void **state)
{
    struct fixture f;
    struct sqlite_view v;
    struct err e = {0};
    sqlite3 *db;
    int64_t n = 0;

    (void)state;
    begin(&f);
    assert_int_equal(put(&f, entry_of(f.a, "a", 1, "i"), SHARD_OPENCLAW, NULL, &e), 0);
    sql(f.dir, "ALTER TABLE sandbox_registry_entries ADD COLUMN x TEXT; UPDATE sandbox_registry_entries SET x = 'theirs'");
    assert_int_equal(put(&f, entry_of(f.a, "a", 2, "j"), SHARD_OPENCLAW, NULL, &e), 0);
    assert_int_equal(put(&f, entry_of(f.a, "b", 3, "j"), SHARD_OPENCLAW, NULL, &e), 0);
    v = read_all(&f);
    assert_int_equal(v.n, 2);
    assert_int_equal(v.issues.n, 0);
    db = db_open(f.dir);
    assert_int_equal(db_query_one(f.a, db,
                                  "SELECT count(*) FROM sandbox_registry_entries WHERE "
                                  "(container_name = 'a' AND x = 'theirs') OR (container_name = 'b' AND x IS NULL)",
                                  &n, NULL),
                     SQLITE_ROW);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(n, 2);
    end(&f);
}

static void a_file_that_is_missing_empty_cut_or_rubbish_is_told_and_stays(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        struct sqlite_view v;
        struct err e = {0};
        const enum err_class want = i == 0 ? ERR_NOT_FOUND : ERR_INPUT;

        begin(&f);
        if (i == 0)
            scratch_clear(f.dir, "state/openclaw.sqlite");
        else if (i == 1)
            assert_int_equal(truncate(scratch_path(f.dir, "state/openclaw.sqlite"), 0), 0);
        else if (i == 2)
            assert_int_equal(truncate(scratch_path(f.dir, "state/openclaw.sqlite"), 8192), 0);
        else
            scratch_write_text(f.dir, "state/openclaw.sqlite",
                               "garbage, and long enough to be looked at as what has a header: more than "
                               "a hundred bytes of it, all of them rubbish");
        assert_int_equal(sqlite_read(f.a, &f.s, NULL, 50, NOW, &v, &e), -1);
        assert_int_equal(e.class, want);
        e = (struct err){0};
        assert_int_equal(put(&f, entry_of(f.a, "a", 1, "i"), SHARD_OPENCLAW, NULL, &e), -1);
        assert_int_equal(e.class, want);
        assert_int_equal(scratch_exists(f.dir, "state/openclaw.sqlite"), i > 0);
        end(&f);
    }
}

static void a_write_lock_is_waited_for_and_then_told(void **state)
{
    struct fixture f;
    struct err e = {0};
    sqlite3 *db;
    struct sqlite_view v;
    atomic_bool cancel = false;

    (void)state;
    begin(&f);
    assert_int_equal(put(&f, entry_of(f.a, "a", 1, "i"), SHARD_OPENCLAW, NULL, &e), 0);
    db = db_open(f.dir);
    run(db, "BEGIN IMMEDIATE; UPDATE sandbox_registry_entries SET image = 'theirs'");
    assert_int_equal(put(&f, entry_of(f.a, "a", 2, "ours"), SHARD_OPENCLAW, NULL, &e), -1);
    assert_int_equal(e.class, ERR_BUSY);
    f.wait.cancel = &cancel;
    atomic_store(&cancel, true);
    assert_int_equal(put(&f, entry_of(f.a, "a", 2, "ours"), SHARD_OPENCLAW, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CANCELLED);
    f.wait.cancel = NULL;
    /* Who only reads is not held up. */
    v = read_all(&f);
    assert_string_equal(v.v[0].image, "i");
    run(db, "COMMIT");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    e = (struct err){0};
    assert_int_equal(put(&f, entry_of(f.a, "a", 2, "ours"), SHARD_OPENCLAW, NULL, &e), 0);
    assert_string_equal(read_all(&f).v[0].image, "theirs");
    end(&f);
}

/* A disk that is full, by a limit on file sizes; and a directory that may not be written. */
static void a_write_that_fails_leaves_the_old_row_whole(void **state)
{
    struct fixture f;
    struct err e = {0};
    struct sqlite_view v;
    int status;
    pid_t pid;

    (void)state;
    begin(&f);
    assert_int_equal(put(&f, entry_of(f.a, "a", 1, "i"), SHARD_OPENCLAW, NULL, &e), 0);
    pid = fork();
    if (pid == 0) {
        const struct rlimit none = {.rlim_cur = 4096, .rlim_max = 4096};
        struct err own = {0};

        (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        if (setrlimit(RLIMIT_FSIZE, &none) < 0)
            _exit(9);
        if (put(&f, entry_of(f.a, "a", 2, "j"), SHARD_RECREATED, NULL, &own) == 0)
            _exit(1);
        _exit(own.class == ERR_IO ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    v = read_all(&f);
    assert_int_equal(v.n, 1);
    assert_string_equal(v.v[0].image, "i");
    e = (struct err){0};
    assert_int_equal(put(&f, entry_of(f.a, "a", 2, "j"), SHARD_RECREATED, NULL, &e), 0);
    assert_string_equal(read_all(&f).v[0].image, "j");
    end(&f);
}

static void what_the_table_cannot_hold_is_refused(void **state)
{
    static const char *const cases[] = {
        "{containerName: 'a', createdAtMs: 1.5}",
        "{containerName: 'a', lastUsedAtMs: 1e300}",
        "{containerName: ''}",
        "{containerName: 5}",
        "{}",
    };
    struct fixture f;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < N(cases); i++) {
        struct err e = {0};

        assert_int_equal(put(&f, vectors_json(f.a, cases[i]), SHARD_OPENCLAW, NULL, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
    }
    assert_int_equal(read_all(&f).n, 0);
    end(&f);
}

/* Two processes that add to one row's count, each by reading and swapping: nothing is lost. */
static void writers_of_two_processes_lose_nothing(void **state)
{
    struct fixture f;
    struct err e = {0};
    enum { TIMES = 40, WRITERS = 2 };
    pid_t pids[WRITERS];

    (void)state;
    begin(&f);
    assert_int_equal(put(&f, entry_of(f.a, "a", 0, "i"), SHARD_OPENCLAW, NULL, &e), 0);
    f.wait.timeout_ms = 20000;
    for (int w = 0; w < WRITERS; w++) {
        pids[w] = fork();
        if (pids[w] == 0) {
            for (int i = 0; i < TIMES;) {
                struct sqlite_view v;
                struct record rec;
                struct err own = {0};

                if (sqlite_read(f.a, &f.s, NULL, 20000, NOW, &v, &own) < 0) {
                    if (own.class == ERR_BUSY || own.class == ERR_INPUT)
                        continue; /* the other one's log comes and goes */
                    _exit(1);
                }
                rec = v.v[0];
                rec.created_at_ms++;
                if (sqlite_put(&f.s, &rec, SHARD_RECREATED, rec.version, &f.wait, NULL, &own) == 0)
                    i++;
                else if (own.class != ERR_CONFLICT)
                    _exit(2);
            }
            _exit(0);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;

        assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_true(read_all(&f).v[0].created_at_ms == (int64_t)WRITERS * TIMES);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_listings_equal_openclaws),
        cmocka_unit_test(rows_that_cannot_be_read_are_hidden_not_absent),
        cmocka_unit_test(a_row_is_read_up_to_its_cap_and_hidden_over_it),
        cmocka_unit_test(reading_leaves_no_trace_and_an_unchanged_database_is_not_read_again),
        cmocka_unit_test(a_row_is_written_and_removed_only_as_it_was_seen),
        cmocka_unit_test(what_we_made_anew_is_told_as_it_is_now_and_is_no_use),
        cmocka_unit_test(the_bytes_of_an_unreadable_row_are_kept_before_it_goes),
        cmocka_unit_test(what_is_not_understood_is_neither_read_nor_written),
        cmocka_unit_test(a_column_of_another_party_is_left_as_it_is),
        cmocka_unit_test(a_file_that_is_missing_empty_cut_or_rubbish_is_told_and_stays),
        cmocka_unit_test(a_write_lock_is_waited_for_and_then_told),
        cmocka_unit_test(a_write_that_fails_leaves_the_old_row_whole),
        cmocka_unit_test(what_the_table_cannot_hold_is_refused),
        cmocka_unit_test(writers_of_two_processes_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
