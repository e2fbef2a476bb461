#include "state/sqlite.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "state/file.h"
#include "state/row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE "sandbox_registry_entries"

/* --- whether it is understood ----------------------------------------------------------------------------------------------- */

/* The number of a query that has one row; nothing where it has none, or where the table that it asks is not there. */
static int ask_number(struct arena *a, sqlite3 *db, const char *sql, int64_t *ret, struct err *e)
{
    int rc = db_query_one(a, db, sql, ret, NULL);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_fail(db, rc, e, "reading OpenClaw's database");
    return 0;
}

static int not_understood(struct err *e, const char *why)
{
    return err_set(e, ERR_INPUT, 0, "OpenClaw's database is not understood: %s", why);
}

/* Of the newest schema a column more is another party's: OpenClaw goes on beside it, and so do we, who name ours. Of an older one
 * it may be a migration's. */
static int check_columns(struct arena *a, sqlite3 *db, const struct sqlite_facts *f, struct err *e)
{
    int64_t n = 0, there = 0;

    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++) {
        const char *sql =
            arena_printf(a, "SELECT count(*) FROM pragma_table_info('" TABLE "') WHERE name = '%s'", row_column_names[i]);

        if (ask_number(a, db, sql, &there, e) < 0)
            return -1;
        if (there != 1)
            return not_understood(e, arena_printf(a, "its table of sandboxes has no column %s", row_column_names[i]));
    }
    if (ask_number(a, db, "SELECT count(*) FROM pragma_table_info('" TABLE "')", &n, e) < 0)
        return -1;
    if (n != ROW_COLUMN_COUNT && f->user_version != SQLITE_SCHEMA_MAX)
        return not_understood(e,
                              arena_printf(a, "its table of sandboxes has %lld columns, not %d", (long long)n, ROW_COLUMN_COUNT));
    return 0;
}

static int has_table(struct arena *a, sqlite3 *db, const char *name, bool *ret, struct err *e)
{
    int64_t n = 0;

    if (ask_number(a, db, arena_printf(a, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '%s'", name), &n,
                   e) < 0)
        return -1;
    *ret = n > 0;
    return 0;
}

/* A number that some table of OpenClaw's may tell; of a table of another shape it is not asked. */
static int64_t told_number(struct arena *a, sqlite3 *db, const char *sql)
{
    int64_t n = -1;

    return db_query_one(a, db, sql, &n, NULL) == SQLITE_ROW ? n : -1;
}

/* A migration that did not come to its end, or content that is newer than the version says. */
static int check_migration(struct arena *a, sqlite3 *db, const struct sqlite_facts *f, struct err *e)
{
    int64_t meta = told_number(a, db, "SELECT schema_version FROM schema_meta WHERE meta_key = 'primary'");
    const char *text = NULL;
    int64_t content = -1;

    if (meta >= 0 && meta != f->user_version)
        return not_understood(
            e, arena_printf(a, "half migrated: schema %lld, by its own word %lld", (long long)f->user_version, (long long)meta));
    if (db_query_one(a, db, "SELECT value_json FROM config_machine_state WHERE state_key = 'state.schema.contentVersion'", NULL,
                     &text) == SQLITE_ROW &&
        (!text || !num_parse_i64(text, &content) || content > SQLITE_SCHEMA_MAX))
        return not_understood(
            e, arena_printf(a, "what it holds has schema %s; up to %d is understood", text ? text : "(none)", SQLITE_SCHEMA_MAX));
    return 0;
}

static int check_database(struct arena *a, sqlite3 *db, struct sqlite_facts *ret, struct err *e)
{
    int64_t triggers = 0;

    *ret = (struct sqlite_facts){.user_version = -1};
    if (ask_number(a, db, "PRAGMA user_version", &ret->user_version, e) < 0)
        return -1;
    if (ret->user_version < 0 || ret->user_version > SQLITE_SCHEMA_MAX)
        return not_understood(
            e, arena_printf(a, "it has schema %lld; up to %d is understood", (long long)ret->user_version, SQLITE_SCHEMA_MAX));
    (void)db_query_one(a, db, "SELECT app_version FROM schema_meta WHERE meta_key = 'primary'", NULL, &ret->app_version);
    if (check_migration(a, db, ret, e) < 0 || has_table(a, db, TABLE, &ret->has_table, e) < 0)
        return -1;
    if (!ret->has_table)
        return ret->user_version == SQLITE_SCHEMA_MAX ? not_understood(e, "half migrated: it has no table of sandboxes") : 0;
    if (check_columns(a, db, ret, e) < 0 ||
        ask_number(a, db, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '" TABLE "'", &triggers, e) <
            0)
        return -1;
    return triggers > 0 ? not_understood(e, "another's trigger is on its table of sandboxes") : 0;
}

struct looking {
    struct arena *a;
    struct sqlite_facts *facts;
};

static int use_look(void *ctx, sqlite3 *db, struct err *e)
{
    struct looking *x = ctx;
    int64_t n = 0;

    if (check_database(x->a, db, x->facts, e) < 0)
        return -1;
    if (x->facts->has_table && ask_number(x->a, db, "SELECT count(*) FROM " TABLE, &n, e) < 0)
        return -1;
    x->facts->n_rows = (size_t)n;
    return 0;
}

int sqlite_look(struct arena *a, const char *state_dir, int busy_ms, struct sqlite_facts *ret, struct err *e)
{
    struct looking x = {.a = a, .facts = ret};

    *ret = (struct sqlite_facts){.user_version = -1};
    return db_read(a, db_path(a, state_dir), busy_ms, use_look, &x, e);
}

/* --- rows ------------------------------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                                  \
    "registry_kind, container_name, session_key, backend_id, runtime_label, image, created_at_ms, last_used_at_ms, "             \
    "config_label_kind, config_hash, cdp_port, no_vnc_port, entry_json, updated_at"
_Static_assert(ROW_COLUMN_COUNT == 14, "COLUMNS and the statements below name each column once");

static void take_row(struct arena *a, sqlite3_stmt *stmt, struct row *ret)
{
    *ret = (struct row){0};
    for (int i = 0; i < ROW_COLUMN_COUNT; i++) {
        struct cell *c = &ret->v[i];

        switch (sqlite3_column_type(stmt, i)) {
        case SQLITE_NULL:
            c->kind = CELL_NULL;
            break;
        case SQLITE_INTEGER:
            c->kind = CELL_INTEGER;
            c->number = sqlite3_column_int64(stmt, i);
            break;
        case SQLITE_TEXT:
        default:
            c->kind = sqlite3_column_type(stmt, i) == SQLITE_TEXT ? CELL_TEXT : CELL_OTHER;
            c->s = (const char *)sqlite3_column_text(stmt, i);
            c->s_n = (size_t)sqlite3_column_bytes(stmt, i);
            c->s = arena_memdup0(a, c->s ? c->s : "", c->s_n);
        }
    }
}

static uint64_t row_bytes(const struct row *row)
{
    uint64_t n = 0;

    for (size_t i = 0; i < ROW_COLUMN_COUNT; i++)
        n += row->v[i].s_n;
    return n;
}

struct reading {
    struct arena *a;
    const struct sqlite_registry *s;
    const char *path;
    VEC(struct record) records;
    struct issues issues;
    uint64_t total_bytes;
    bool has_table;
};

static void add_row(struct reading *r, const struct row *row)
{
    enum runtime_kind kind;
    const char *name = row_name(row), *kind_text = row->v[ROW_REGISTRY_KIND].s;
    const char *where = arena_printf(r->a, "%s/%s", kind_text ? kind_text : "?", name ? name : "?");
    char version[DIGEST_HEX];
    struct node *entry;
    struct err e = {0};
    struct record rec;

    if (row_bytes(row) > LIMIT_SHARD_BYTES) {
        issue_add(r->a, &r->issues, ISSUE_TOO_LARGE, r->path, where, name, true, "larger than %u bytes", LIMIT_SHARD_BYTES);
        return;
    }
    if (row_decode(r->a, row, &kind, &entry, &e) < 0) {
        issue_add(r->a, &r->issues, ISSUE_CORRUPT, r->path, where, name, true, "%s: what was recorded there is unknown", e.msg);
        return;
    }
    if (!name || !name[0]) { /* a NULL was refused above */
        issue_add(r->a, &r->issues, ISSUE_FIELD, r->path, where, NULL, false, "container_name is empty: not used");
        return;
    }
    rec = shard_to_record(r->a, kind, entry);
    row_digest(row, version);
    rec.install = arena_strdup(r->a, r->s->install);
    rec.version = arena_strdup(r->a, version);
    VEC_PUSH(r->a, &r->records, rec);
}

static int use_read(void *ctx, sqlite3 *db, struct err *e)
{
    struct reading *r = ctx;
    struct sqlite_facts facts;
    sqlite3_stmt *stmt = NULL;
    int rc;

    r->records.n = 0;
    r->issues.n = 0;
    r->total_bytes = 0;
    if (check_database(r->a, db, &facts, e) < 0)
        return -1;
    r->has_table = facts.has_table;
    if (!facts.has_table)
        return 0;
    rc = sqlite3_prepare_v2(db,
                            "SELECT " COLUMNS " FROM " TABLE " ORDER BY registry_kind = 'browser', container_name COLLATE BINARY",
                            -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct row row;

        take_row(r->a, stmt, &row);
        r->total_bytes += row_bytes(&row);
        if (r->total_bytes > SQLITE_TOTAL_BYTES) {
            (void)sqlite3_finalize(stmt);
            return err_set(e, ERR_INPUT, EFBIG, "reading '%s': more than %llu bytes of sandboxes", r->path,
                           (unsigned long long)SQLITE_TOTAL_BYTES);
        }
        add_row(r, &row);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : db_fail(db, rc, e, arena_printf(r->a, "reading '%s'", r->path));
}

struct sqlite_cache {
    struct arena *arena;
    bool good;
    struct db_stamp stamp;
    struct sqlite_view view;
    size_t reads;
};

struct sqlite_cache *sqlite_cache_new(void)
{
    struct sqlite_cache *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    return c;
}

void sqlite_cache_free(struct sqlite_cache *c)
{
    if (c)
        arena_free(c->arena);
    free(c);
}

size_t sqlite_cache_reads(const struct sqlite_cache *c)
{
    return c->reads;
}

static void copy_view(struct arena *a, const struct sqlite_view *from, struct sqlite_view *ret)
{
    struct sqlite_view view = {.v = ARENA_ARRAY(a, struct record, from->n), .n = from->n};

    for (size_t i = 0; i < from->n; i++)
        view.v[i] = shard_copy_record(a, &from->v[i]);
    for (size_t i = 0; i < from->issues.n; i++)
        VEC_PUSH(a, &view.issues, issue_copy(a, &from->issues.v[i]));
    *ret = view;
}

int sqlite_read(struct arena *a, const struct sqlite_registry *s, struct sqlite_cache *cache, int busy_ms, int64_t now_ms,
                struct sqlite_view *ret, struct err *e)
{
    struct reading r = {.a = a, .s = s, .path = db_path(a, s->state_dir)};
    struct db_stamp before;

    db_stamp(a, r.path, &before);
    if (cache && cache->good && db_stamp_proves(&cache->stamp, &before, now_ms)) {
        copy_view(a, &cache->view, ret);
        return 0;
    }
    if (cache) {
        cache->good = false;
        cache->reads++;
    }
    if (db_read(a, r.path, busy_ms, use_read, &r, e) < 0)
        return -1;
    if (!r.has_table)
        return err_set(e, ERR_NOT_FOUND, 0, "OpenClaw's database '%s' has no table of sandboxes", r.path);
    *ret = (struct sqlite_view){.v = r.records.v, .n = r.records.n, .issues = r.issues};
    if (cache) {
        arena_free(cache->arena);
        cache->arena = arena_new();
        copy_view(cache->arena, ret, &cache->view);
        cache->stamp = before;
        cache->good = true;
    }
    return 0;
}

bool sqlite_is_hidden(const struct sqlite_view *v, enum runtime_kind kind, const char *name)
{
    ARENA_AUTO a = arena_new();
    const char *path = arena_printf(a, "/%s/%s", row_kind_name(kind), name);

    for (size_t i = 0; i < v->issues.n; i++)
        if (v->issues.v[i].hides_record && text_has_suffix(v->issues.v[i].path, path))
            return true;
    return false;
}

/* --- one row ---------------------------------------------------------------------------------------------------------------- */

/* What is under a name right now. */
struct current {
    bool exists;
    struct row row;
    struct node *entry; /* NULL: missing, or not readable */
    char version[DIGEST_HEX];
};

static int read_current(struct arena *a, sqlite3 *db, enum runtime_kind kind, const char *name, struct current *ret,
                        struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    struct err own = {0};
    enum runtime_kind k;
    int rc = sqlite3_prepare_v2(db, "SELECT " COLUMNS " FROM " TABLE " WHERE registry_kind = ? AND container_name = ?", -1, &stmt,
                                NULL);

    *ret = (struct current){0};
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, row_kind_name(kind), -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        ret->exists = true;
        take_row(a, stmt, &ret->row);
        row_digest(&ret->row, ret->version);
        if (row_decode(a, &ret->row, &k, &ret->entry, &own) < 0)
            ret->entry = NULL;
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_fail(db, rc, e, "reading a row of OpenClaw's database");
}

struct one {
    struct arena *a;
    const struct sqlite_registry *s;
    enum runtime_kind kind;
    const char *name;
    const struct node *entry; /* NULL: to be removed */
    enum shard_rule rule;
    const char *expect;
    int64_t now_ms;
    char version[DIGEST_HEX];
    bool exists;
};

static int check_writable(struct arena *a, sqlite3 *db, struct err *e)
{
    struct sqlite_facts facts;

    if (check_database(a, db, &facts, e) < 0)
        return -1;
    return facts.has_table ? 0 : not_understood(e, "it has no table of sandboxes");
}

static int check_expected(const struct one *x, const struct current *now, struct err *e)
{
    if (!x->expect)
        return 0;
    if (!*x->expect && now->entry)
        return err_set(e, ERR_CONFLICT, 0, "another has written its row meanwhile");
    if (*x->expect && !now->exists)
        return err_set(e, ERR_CONFLICT, 0, "another has removed its row meanwhile");
    if (*x->expect && !text_eq(x->expect, now->version))
        return err_set(e, ERR_CONFLICT, 0, "another has changed its row meanwhile");
    return 0;
}

/* Bytes that we do not understand are not ours to lose. */
static int keep_bytes(const struct one *x, const struct current *now, struct err *e)
{
    const struct cell *json = &now->row.v[ROW_ENTRY_JSON];
    struct file_dir keep = {.fd = -1};
    int r;

    if (!x->s->keep_dir || !now->exists || now->entry)
        return 0;
    if (file_dir_open(x->s->keep_dir, true, NULL, &keep, e) < 0)
        return err_wrap(e, "keeping its old row");
    r = file_replace(&keep, arena_printf(x->a, "%.16s.%s", now->version, shard_file_name(x->a, x->name, strlen(x->name))),
                     json->s ? json->s : "", json->s_n, 0600, FILE_SYNC, e);
    file_dir_close(&keep);
    return r < 0 ? err_wrap(e, "keeping its old row") : 0;
}

static int bind_cell(sqlite3_stmt *stmt, int at, const struct cell *c)
{
    switch (c->kind) {
    case CELL_INTEGER:
        return sqlite3_bind_int64(stmt, at, c->number);
    case CELL_TEXT:
        return sqlite3_bind_text64(stmt, at, c->s, c->s_n, SQLITE_STATIC, SQLITE_UTF8);
    case CELL_NULL:
    case CELL_OTHER:
        break;
    }
    return sqlite3_bind_null(stmt, at);
}

static int store_row(sqlite3 *db, const struct row *row, struct err *e)
{
    static const char sql[] =
        "INSERT INTO " TABLE " (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (registry_kind, container_name) "
        "DO UPDATE SET session_key = excluded.session_key, backend_id = excluded.backend_id, runtime_label = "
        "excluded.runtime_label, image = excluded.image, created_at_ms = excluded.created_at_ms, last_used_at_ms = "
        "excluded.last_used_at_ms, config_label_kind = excluded.config_label_kind, config_hash = excluded.config_hash, cdp_port "
        "= "
        "excluded.cdp_port, no_vnc_port = excluded.no_vnc_port, entry_json = excluded.entry_json, updated_at = "
        "excluded.updated_at";
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    for (int i = 0; rc == SQLITE_OK && i < ROW_COLUMN_COUNT; i++)
        rc = bind_cell(stmt, i + 1, &row->v[i]);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : db_fail(db, rc, e, "writing OpenClaw's database");
}

static int use_update(void *ctx, sqlite3 *db, struct err *e)
{
    struct one *x = ctx;
    struct current now;
    struct row row;

    if (check_writable(x->a, db, e) < 0 || read_current(x->a, db, x->kind, x->name, &now, e) < 0 ||
        check_expected(x, &now, e) < 0 ||
        row_encode(x->a, x->kind, shard_merge_row(x->a, x->kind, x->entry, now.entry, x->rule), x->now_ms, &row, e) < 0)
        return -1;
    if (row_bytes(&row) > LIMIT_SHARD_BYTES)
        return err_set(e, ERR_REFUSED, EFBIG, "the entry is larger than %u bytes", LIMIT_SHARD_BYTES);
    if (keep_bytes(x, &now, e) < 0 || store_row(db, &row, e) < 0)
        return -1;
    row_digest(&row, x->version);
    return 0;
}

static int use_remove(void *ctx, sqlite3 *db, struct err *e)
{
    struct one *x = ctx;
    sqlite3_stmt *stmt = NULL;
    struct current now;
    int rc;

    if (check_writable(x->a, db, e) < 0 || read_current(x->a, db, x->kind, x->name, &now, e) < 0)
        return -1;
    if (!now.exists)
        return 0;
    if (check_expected(x, &now, e) < 0 || keep_bytes(x, &now, e) < 0)
        return -1;
    rc = sqlite3_prepare_v2(db, "DELETE FROM " TABLE " WHERE registry_kind = ? AND container_name = ?", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, row_kind_name(x->kind), -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 2, x->name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : db_fail(db, rc, e, "writing OpenClaw's database");
}

static int use_version(void *ctx, sqlite3 *db, struct err *e)
{
    struct one *x = ctx;
    struct current now;

    if (check_writable(x->a, db, e) < 0 || read_current(x->a, db, x->kind, x->name, &now, e) < 0)
        return -1;
    x->exists = now.exists;
    memcpy(x->version, now.version, sizeof x->version);
    return 0;
}

int sqlite_version(struct arena *a, const struct sqlite_registry *s, enum runtime_kind kind, const char *name, int busy_ms,
                   const char **ret, struct err *e)
{
    struct one x = {.a = a, .s = s, .kind = kind, .name = name};

    if (db_read(a, db_path(a, s->state_dir), busy_ms, use_version, &x, e) < 0)
        return -1;
    *ret = x.exists ? arena_strdup(a, x.version) : NULL;
    return 0;
}

int sqlite_update(const struct sqlite_registry *s, enum runtime_kind kind, const struct node *entry, enum shard_rule rule,
                  const char *expect, const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e)
{
    ARENA_AUTO a = arena_new();
    const struct node *name = node_get(entry, "containerName");
    struct one x = {.a = a, .s = s, .kind = kind, .entry = entry, .rule = rule, .expect = expect, .now_ms = w->now_ms};

    if (!node_is(name, NODE_STRING) || strlen(name->s) != name->s_n)
        return err_set(e, ERR_INPUT, 0, "recording a runtime without a name");
    x.name = name->s;
    if (db_write(a, db_path(a, s->state_dir), w, use_update, &x, e) < 0)
        return err_wrap(e, "recording '%s'", name->s);
    if (ret_version)
        memcpy(ret_version, x.version, DIGEST_HEX);
    return 0;
}

int sqlite_put(const struct sqlite_registry *s, const struct record *rec, enum shard_rule rule, const char *expect,
               const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e)
{
    ARENA_AUTO a = arena_new();

    return sqlite_update(s, rec->kind, shard_from_record(a, rec), rule, expect, w, ret_version, e);
}

int sqlite_remove(const struct sqlite_registry *s, enum runtime_kind kind, const char *name, const char *expect,
                  const struct lock_wait *w, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct one x = {.a = a, .s = s, .kind = kind, .name = name, .expect = expect, .now_ms = w->now_ms};

    if (db_write(a, db_path(a, s->state_dir), w, use_remove, &x, e) < 0)
        return err_wrap(e, "removing the record of '%s'", name);
    return 0;
}
