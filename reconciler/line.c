#include "reconciler/line.h"

#include "spec/base/text.h"
#include "state/generation.h"

#include <string.h>
#include <sys/stat.h>

#define BUSY_MS 250 /* the loop waits for it */

static const char *key_of(struct arena *a, const char *install)
{
    return arena_printf(a, "line:%s", install);
}

const struct oc_profile *line_last(struct home *h, const char *install)
{
    ARENA_AUTO a = arena_new();
    char *name = NULL;
    struct err ignored;
    size_t n;

    if (!h || home_get(h, a, key_of(a, install), &name, &n, &ignored) < 0 || !name)
        return NULL;
    return oc_profile_find(name);
}

void line_remember(struct home *h, const char *install, const struct oc_profile *line)
{
    ARENA_AUTO a = arena_new();
    struct err ignored;

    if (h && line_last(h, install) != line)
        (void)home_put_soft(h, key_of(a, install), line->name, strlen(line->name), &ignored);
}

/* Of our state directory as it is; none is made for it. */
static const struct oc_profile *last_of_host(struct arena *a, const struct host *host, const char *install)
{
    const struct oc_profile *last;
    struct home *h = NULL;
    struct err ignored;
    struct stat st;

    if (stat(arena_printf(a, "%s/records", host->home_dir), &st) < 0 || home_open(host->home_dir, NULL, &h, &ignored) < 0)
        return NULL;
    last = line_last(h, install);
    home_close(h);
    return last;
}

void line_detect(struct arena *a, const struct host *host, const char *state_dir, const char *install, const struct node *config,
                 const struct oc_profile *asked, struct oc_detected *ret)
{
    struct generation g;
    struct oc_signs signs;

    generation_detect(a, state_dir, BUSY_MS, &g);
    signs = (struct oc_signs){
        .asked = asked,
        .last = last_of_host(a, host, install),
        .has_database = g.has_sqlite,
        .readable = g.has_sqlite && g.may_write,
        .has_table = g.has_table,
        .user_version = g.user_version,
        .app_version = g.app_version,
        .touched_version = node_str(node_path(config, "meta", "lastTouchedVersion", NULL)),
        .has_entries = node_is(node_path(config, "agents", "entries", NULL), NODE_OBJECT),
        .has_shards = g.has_shard_dir || g.has_monolith,
    };
    oc_detect(a, &signs, ret);
}
