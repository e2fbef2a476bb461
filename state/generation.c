#include "state/generation.h"

#include "state/sqlite.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

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

static void detect_sqlite(struct arena *a, const char *state_dir, int busy_ms, struct generation *g)
{
    struct sqlite_facts facts;
    struct err e = {0};

    if (sqlite_look(a, state_dir, busy_ms, &facts, &e) < 0)
        set_unknown(g, arena_strdup(a, e.msg), e.class == ERR_INPUT ? "openclaw doctor" : NULL);
    g->user_version = facts.user_version;
    g->app_version = facts.app_version;
    g->has_table = facts.has_table;
    g->n_rows = facts.n_rows;
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------
 */

static enum generation_kind kind_of(const struct generation *g)
{
    if (g->has_table)
        return GENERATION_SQLITE;
    if (g->has_monolith)
        return g->has_shard_dir ? GENERATION_MIXED : GENERATION_MONOLITH;
    return g->has_shard_dir ? GENERATION_SHARDS : GENERATION_EMPTY;
}

static void conclude(struct arena *a, const char *db, struct generation *g)
{
    g->kind = kind_of(g);
    g->may_write = true;
    if (g->kind == GENERATION_SQLITE && (g->has_monolith || g->has_shard_dir)) {
        g->why = arena_printf(a,
                              "what an older OpenClaw left in sandbox/ is not seen by the one that keeps '%s'; it waits to be "
                              "migrated",
                              db);
        g->remedy = "openclaw doctor --fix";
    } else if (g->has_monolith && g->kind != GENERATION_SQLITE) {
        g->why = "a registry of an older OpenClaw waits to be migrated: what it holds is not seen by OpenClaw";
        g->remedy = "reconclaw doctor --fix";
    }
}

void generation_detect(struct arena *a, const char *state_dir, int busy_ms, struct generation *ret)
{
    const char *db = db_path(a, state_dir);
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
    ret->has_sqlite = there == 1;
    if (ret->has_sqlite)
        detect_sqlite(a, state_dir, busy_ms, ret);
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
