#include "state/registry.h"

#include "spec/base/text.h"

#include <stdlib.h>

bool registry_is_sqlite(const struct registry *r)
{
    return r->line->registry == OC_REGISTRY_SQLITE;
}

static void refuse(struct registry *r, const char *why, const char *remedy)
{
    r->driven = false;
    r->why = why;
    r->remedy = remedy;
}

void registry_open(struct arena *a, const struct oc_profile *line, const char *state_dir, const char *install,
                   const char *keep_dir, int busy_ms, struct registry *ret)
{
    const struct generation *g = &ret->generation;

    *ret = (struct registry){
        .line = line,
        .shards = {.state_dir = state_dir, .install = install, .keep_dir = keep_dir},
        .sqlite = {.state_dir = state_dir, .install = install, .keep_dir = keep_dir},
        .driven = true,
    };
    generation_detect(a, state_dir, busy_ms, &ret->generation);
    ret->why = g->why;
    ret->remedy = g->remedy;
    if (!g->may_write)
        refuse(ret, g->why, g->remedy);
    else if (registry_is_sqlite(ret) && !g->has_table)
        refuse(ret,
               arena_printf(a, "OpenClaw %s keeps its registry in '%s', %s", line->name, db_path(a, state_dir),
                            g->has_sqlite ? "which has no table of sandboxes yet" : "which is not there"),
               g->has_shard_dir || g->has_monolith ? "openclaw doctor --fix" : "openclaw sandbox explain, which makes it");
    else if (!registry_is_sqlite(ret) && g->has_table)
        ret->why = arena_printf(a, "the database '%s' of a newer OpenClaw is there and not looked at: the shards of %s count",
                                db_path(a, state_dir), line->name);
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

struct registry_cache {
    struct shards_cache *shards;
    struct sqlite_cache *sqlite;
};

struct registry_cache *registry_cache_new(void)
{
    struct registry_cache *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->shards = shards_cache_new();
    c->sqlite = sqlite_cache_new();
    return c;
}

void registry_cache_free(struct registry_cache *c)
{
    if (!c)
        return;
    shards_cache_free(c->shards);
    sqlite_cache_free(c->sqlite);
    free(c);
}

int registry_read(struct arena *a, const struct registry *r, struct registry_cache *cache, int busy_ms, int64_t now_ms,
                  struct registry_view *ret, struct err *e)
{
    struct registry_view v = {.is_sqlite = registry_is_sqlite(r)};

    if (v.is_sqlite) {
        if (sqlite_read(a, &r->sqlite, cache ? cache->sqlite : NULL, busy_ms, now_ms, &v.sqlite, e) < 0)
            return -1;
        v.records = v.sqlite.v;
        v.n = v.sqlite.n;
        v.issues = v.sqlite.issues;
    } else {
        if (shards_read(a, &r->shards, cache ? cache->shards : NULL, now_ms, &v.shards, e) < 0)
            return -1;
        v.records = shards_records(a, &v.shards, &v.n);
        v.issues = v.shards.issues;
    }
    *ret = v;
    return 0;
}

bool registry_is_hidden(const struct registry_view *v, enum runtime_kind kind, const char *name)
{
    return v->is_sqlite ? sqlite_is_hidden(&v->sqlite, kind, name) : shards_is_hidden(&v->shards, kind, name);
}

bool registry_has(const struct registry_view *v, enum runtime_kind kind, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->records[i].kind == kind && text_eq(v->records[i].name, name))
            return true;
    return false;
}

/* The shard that is this runtime's record, under whatever file name. */
static const struct shard *find_shard(const struct shards_view *v, enum runtime_kind kind, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (!v->v[i].shadowed && v->v[i].rec.kind == kind && text_eq(v->v[i].rec.name, name))
            return &v->v[i];
    return NULL;
}

int registry_version(struct arena *a, const struct registry *r, const struct registry_view *v, enum runtime_kind kind,
                     const char *name, int busy_ms, const char **ret, struct err *e)
{
    const struct shard *shard;

    if (registry_is_sqlite(r))
        return sqlite_version(a, &r->sqlite, kind, name, busy_ms, ret, e);
    shard = find_shard(&v->shards, kind, name);
    *ret = NULL;
    return shard ? shards_file_version(a, &r->shards, kind, shard->file, ret, e) : 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

int registry_put(const struct registry *r, const struct record *rec, enum shard_rule rule, const char *expect,
                 const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e)
{
    return registry_is_sqlite(r) ? sqlite_put(&r->sqlite, rec, rule, expect, w, ret_version, e)
                                 : shards_put(&r->shards, rec, rule, expect, w, ret_version, e);
}

int registry_remove(const struct registry *r, enum runtime_kind kind, const char *name, const char *expect,
                    const struct lock_wait *w, struct err *e)
{
    return registry_is_sqlite(r) ? sqlite_remove(&r->sqlite, kind, name, expect, w, e)
                                 : shards_remove(&r->shards, kind, name, expect, w, e);
}
