#include "tests/lib/memfs.h"

#include "spec/base/path.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <string.h>

enum { MAX_LINKS = 40 };

static struct memfs_entry *find(struct memfs *m, const char *path)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].path, path) == 0)
            return &m->v[i];
    return NULL;
}

static struct memfs_entry *add(struct memfs *m, const char *path, enum fs_kind kind)
{
    const char *parent = path_dirname(m->arena, path);
    if (strcmp(path, "/") != 0 && find(m, parent) == NULL)
        (void)add(m, parent, FS_DIR);
    struct memfs_entry *e = find(m, path);
    if (e == NULL)
        e = VEC_ADD(m->arena, m);
    *e = (struct memfs_entry){.path = arena_strdup(m->arena, path), .kind = kind};
    return e;
}

struct memfs_entry *memfs_dir(struct memfs *m, const char *path)
{
    return add(m, path, FS_DIR);
}

struct memfs_entry *memfs_file(struct memfs *m, const char *path, const char *text)
{
    struct memfs_entry *e = add(m, path, FS_FILE);
    e->bytes = arena_strdup(m->arena, text);
    e->n = strlen(text);
    return e;
}

struct memfs_entry *memfs_link(struct memfs *m, const char *path, const char *target)
{
    struct memfs_entry *e = add(m, path, FS_SYMLINK);
    e->bytes = arena_strdup(m->arena, target);
    e->n = strlen(target);
    return e;
}

/* The entry at path, and in *ret_real where it is without links. 0 or an errno. */
static int walk(struct memfs *m, struct arena *a, const char *path, bool follow, struct memfs_entry **ret, char **ret_real)
{
    const char *rest = path;
    char *at = arena_strdup(a, "/");
    struct memfs_entry *e = find(m, "/");
    for (int links = 0; *rest != '\0';) {
        while (*rest == '/')
            rest++;
        size_t n = strcspn(rest, "/");
        if (n == 0)
            break;
        if (e == NULL)
            return ENOENT;
        if (e->kind != FS_DIR)
            return ENOTDIR;
        if (e->denied)
            return EACCES;
        char *parent = at;
        at = path_resolve(a, at, arena_memdup0(a, rest, n));
        rest += n;
        e = find(m, at);
        if (e != NULL && e->kind == FS_SYMLINK && (follow || *rest != '\0')) {
            if (++links > MAX_LINKS)
                return ELOOP;
            rest = arena_printf(a, "%s/%s", e->bytes, rest);
            at = *e->bytes == '/' ? arena_strdup(a, "/") : parent;
            e = find(m, at);
        }
    }
    if (e == NULL)
        return ENOENT;
    *ret = e;
    *ret_real = at;
    return 0;
}

static int failed(struct err *e, int sys, const char *path)
{
    return err_sys(e, sys == ENOENT || sys == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, sys, "%s", path);
}

static int memfs_stat(void *ctx, const char *path, bool follow, struct fs_stat *ret, struct err *e)
{
    struct memfs *m = ctx;
    struct memfs_entry *entry;
    char *real;
    int sys = walk(m, m->arena, path, follow, &entry, &real);
    if (sys != 0)
        return failed(e, sys, path);
    *ret = (struct fs_stat){.kind = entry->kind,
                            .size = entry->n,
                            .nlink = 1,
                            .ino = (uint64_t)(entry - m->v) + 1,
                            .uid = entry->uid,
                            .gid = entry->gid,
                            .mode = entry->mode ? entry->mode : 0644,
                            .mounted = entry->mounted};
    return 0;
}

static int memfs_read(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    struct memfs *m = ctx;
    struct memfs_entry *entry;
    char *real;
    int sys = walk(m, a, path, true, &entry, &real);
    if (sys != 0)
        return failed(e, sys, path);
    if (entry->kind != FS_FILE)
        return err_set(e, ERR_INPUT, 0, "%s: no regular file", path);
    if (entry->n > max)
        return err_set(e, ERR_INPUT, EFBIG, "%s: too large", path);
    *ret = arena_memdup0(a, entry->bytes, entry->n);
    *ret_n = entry->n;
    return 0;
}

static int memfs_realpath(void *ctx, struct arena *a, const char *path, char **ret, struct err *e)
{
    struct memfs_entry *entry;
    int sys = walk(ctx, a, path, true, &entry, ret);
    return sys == 0 ? 0 : failed(e, sys, path);
}

static int memfs_readlink(void *ctx, struct arena *a, const char *path, char **ret, struct err *e)
{
    struct memfs_entry *entry;
    char *real;
    int sys = walk(ctx, a, path, false, &entry, &real);
    if (sys == 0 && entry->kind != FS_SYMLINK)
        sys = EINVAL;
    if (sys != 0)
        return failed(e, sys, path);
    *ret = arena_memdup0(a, entry->bytes, entry->n);
    return 0;
}

void memfs_init(struct memfs *m, struct arena *a)
{
    *m = (struct memfs){.arena = a};
    m->fs = (struct fs){.ctx = m, .stat = memfs_stat, .read = memfs_read, .realpath = memfs_realpath, .readlink = memfs_readlink};
    (void)add(m, "/", FS_DIR);
}
