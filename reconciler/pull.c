#include "reconciler/pull.h"

#include "backends/tree.h"
#include "reconciler/core/plan.h"
#include "reconciler/stream.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_TRIES 100

struct pulling {
    struct arena *a;
    const struct act *act;
    const struct call *call;
    const char *all; /* where everything goes first */
    struct manifest m;
};

/* --- everything ------------------------------------------------------------------------------------------------------------ */

static int receive(void *ctx, const struct tree_stream *from, struct err *e)
{
    static const struct tree_read_req req = {.links = TREE_LINKS_KEEP, .special_modes = true};
    struct pulling *x = ctx;

    return tree_receive(x->a, &req, from, x->all, x->call, &x->m, NULL, e);
}

static const char *workspace_of(const struct act *act)
{
    const struct node *dirs = node_get(act->want->create, "dirs");

    return node_is(dirs, NODE_ARRAY) && dirs->n_items > 0 ? node_str(node_get(dirs->items[0], "local")) : NULL;
}

/* A name that nothing has: of the time, and a number where that is taken. */
static int find_name(struct arena *a, const char *workspace, int64_t now_ms, const char **ret, struct err *e)
{
    time_t s = (time_t)(now_ms / 1000);
    char when[32];
    struct tm tm;
    struct stat st;

    if (!gmtime_r(&s, &tm) || strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm) == 0)
        return err_set(e, ERR_INPUT, 0, "the time has no name");
    for (int i = 1; i <= NAME_TRIES; i++) {
        *ret = i == 1 ? arena_printf(a, "%s.remote-%s", workspace, when) : arena_printf(a, "%s.remote-%s-%d", workspace, when, i);
        if (lstat(*ret, &st) < 0 && errno == ENOENT)
            return 0;
    }
    return err_set(e, ERR_CONFLICT, 0, "'%s' is there already", *ret);
}

/* --- what of it is kept ---------------------------------------------------------------------------------------------------- */

static bool is_at_or_above(const char *path, const char *wanted)
{
    size_t n = strlen(path);

    return strncmp(path, wanted, n) == 0 && (wanted[n] == '\0' || wanted[n] == '/');
}

/* Both are by path. */
static bool is_wanted(const struct manifest_entry *x, const struct manifest_changes *lost)
{
    for (size_t i = 0; i < lost->n; i++)
        if (lost->v[i].to && (strcmp(x->path, lost->v[i].to->path) == 0 ||
                              (x->type == MANIFEST_DIR && is_at_or_above(x->path, lost->v[i].to->path))))
            return true;
    return false;
}

static int choose(const struct pulling *x, const struct manifest_changes *lost, struct manifest *ret, struct err *e)
{
    struct manifest_entry *v = ARENA_ARRAY(x->a, struct manifest_entry, x->m.n);
    size_t n = 0;

    for (size_t i = 0; i < x->m.n; i++)
        if (is_wanted(&x->m.v[i], lost)) {
            v[n] = x->m.v[i];
            v[n++].mode &= 0777;
        }
    return manifest_make(v, n, ret, e);
}

/* Out of the one directory, which is ours alone, into the other: by path, so that a directory comes before what is in it. */
static int move_chosen(const struct pulling *x, const struct manifest *m, int from, int to, struct err *e)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_entry *v = &m->v[i];
        int rc = v->type == MANIFEST_DIR ? mkdirat(to, v->path, 0700) : renameat(from, v->path, to, v->path);

        if (rc < 0)
            return err_sys(e, ERR_IO, errno, "keeping '%s'", text_escaped(x->a, v->path));
    }
    for (size_t i = m->n; i-- > 0;)
        if (m->v[i].type != MANIFEST_LINK && fchmodat(to, m->v[i].path, m->v[i].mode, 0) < 0)
            return err_sys(e, ERR_IO, errno, "keeping '%s'", text_escaped(x->a, m->v[i].path));
    return syncfs(to) < 0 ? err_sys(e, ERR_IO, errno, "writing what was kept to disk") : 0;
}

/* From the disk, file by file. */
static int read_back(const struct pulling *x, const char *dir, const struct manifest *m, struct err *e)
{
    const struct tree_dir top = {.name = "", .path = dir};
    const struct tree_scan_req req = {.dirs = &top, .n_dirs = 1, .links = TREE_LINKS_KEEP, .digest = true};
    const struct manifest *is;
    struct tree *t = NULL;
    int rc = -1;

    if (tree_scan(x->a, &req, x->call, &t, NULL, e) < 0)
        return -1;
    is = tree_manifest(t);
    if (is && strcmp(is->tree, m->tree) == 0)
        rc = 0;
    else
        (void)err_set(e, ERR_CONFLICT, 0, "what was kept in '%s' is not what was sent", text_escaped(x->a, dir));
    tree_close(t);
    return rc;
}

static int keep(const struct pulling *x, const struct manifest_changes *lost, const char *part, const char *to, struct err *e)
{
    int from_fd = open(x->all, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to_fd = -1, rc = -1;
    struct manifest m;

    if (choose(x, lost, &m, e) == 0) {
        if (from_fd >= 0 && mkdir(part, 0700) == 0)
            to_fd = open(part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (to_fd < 0)
            (void)err_sys(e, ERR_IO, errno, "making '%s'", text_escaped(x->a, part));
        else if (move_chosen(x, &m, from_fd, to_fd, e) == 0 && read_back(x, part, &m, e) == 0)
            rc = renameat2(AT_FDCWD, part, AT_FDCWD, to, RENAME_NOREPLACE) < 0
                     ? err_sys(e, ERR_IO, errno, "making '%s'", text_escaped(x->a, to))
                     : 0;
    }
    if (from_fd >= 0)
        (void)close(from_fd);
    if (to_fd >= 0)
        (void)close(to_fd);
    return rc;
}

/* --- all of it ------------------------------------------------------------------------------------------------------------- */

static int pull(struct pulling *x, const struct endpoint_opener *o, const struct manifest_changes *lost, const char *part,
                const char *to, struct err *e)
{
    struct backend *b = NULL;
    int rc;

    if (endpoint_open(o, x->act->endpoint, &b, e) < 0)
        return -1;
    rc = stream_save(b, x->act->obs->id, x->act->name, receive, x, x->call, e);
    endpoint_close(o, b);
    if (rc == 0 && !text_eq(x->m.tree, x->act->seed->remote_tree))
        rc = err_set(e, ERR_CONFLICT, 0, "it was changed since it was looked at");
    return rc < 0 ? -1 : keep(x, lost, part, to, e);
}

int pull_changes(const struct endpoint_opener *o, struct arena *a, const struct act *act, const struct manifest_changes *lost,
                 int64_t now_ms, const struct call *c, const char **ret, struct err *e)
{
    struct pulling x = {.a = a, .act = act, .call = c};
    const char *workspace = workspace_of(act), *to, *dir, *part;
    struct err ignored;
    bool any = false;
    int fd, rc;

    *ret = NULL;
    for (size_t i = 0; i < lost->n; i++)
        any = any || lost->v[i].to;
    if (!any)
        return 0;
    if (!workspace)
        return err_set(e, ERR_CONFIG, 0, "keeping what was changed in '%s': it is seeded from nothing", act->name);
    if (find_name(a, workspace, now_ms, &to, e) < 0)
        return err_wrap(e, "keeping what was changed in '%s'", act->name);
    dir = path_dirname(a, to);
    x.all = arena_printf(a, "%s/.%s.all", dir, strrchr(to, '/') + 1);
    part = arena_printf(a, "%s/.%s.part", dir, strrchr(to, '/') + 1);
    rc = pull(&x, o, lost, part, to, e);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)tree_remove(fd, strrchr(x.all, '/') + 1, c, &ignored);
        (void)tree_remove(fd, strrchr(part, '/') + 1, c, &ignored);
        (void)close(fd);
    }
    if (rc < 0)
        return err_wrap(e, "keeping what was changed in '%s'", act->name);
    *ret = to;
    return 0;
}
