#include "backends/tree_part.h"

#include "backends/tree_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int tree_part_open(const char *path, struct tree_part *ret, struct err *e)
{
    struct tree_part p = {.parent = -1};
    ARENA_AUTO a = arena_new();
    const char *shown = tree_shown(a, path), *slash = strrchr(path, '/');
    struct stat st;
    uint64_t random;

    if (path[0] != '/' || manifest_path_flaw(slash + 1))
        return err_set(e, ERR_INPUT, 0, "'%s' is no absolute path of something to be made", shown);
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_sys(e, ERR_IO, errno, "naming '%s'", shown);
    (void)snprintf(p.name, sizeof p.name, "%s", slash + 1);
    (void)snprintf(p.part, sizeof p.part, ".%.200s.part-%016llx", p.name, (unsigned long long)random);
    p.parent = open(slash == path ? "/" : arena_memdup0(a, path, (size_t)(slash - path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p.parent < 0)
        return err_sys(e, err_class_of_errno(errno), errno, "opening the directory of '%s'", shown);
    if (fstatat(p.parent, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        close(p.parent);
        return err_set(e, ERR_CONFLICT, EEXIST, "'%s' exists", shown);
    }
    *ret = p;
    return 0;
}

/* Where the file system does not know the flag: a file gets its name as a second one, which refuses what exists; a directory
 * takes the place of nothing but an empty one. */
static int rename_into_nothing(const struct tree_part *p)
{
    struct stat st;

    if (renameat2(p->parent, p->part, p->parent, p->name, RENAME_NOREPLACE) == 0)
        return 0;
    if ((errno != EINVAL && errno != ENOSYS) || fstatat(p->parent, p->part, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (S_ISDIR(st.st_mode))
        return renameat(p->parent, p->part, p->parent, p->name);
    return linkat(p->parent, p->part, p->parent, p->name, 0) < 0 ? -1 : unlinkat(p->parent, p->part, 0);
}

int tree_part_publish(struct tree_part *p, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *shown = tree_shown(a, p->name);

    if (rename_into_nothing(p) < 0) {
        if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
            return err_set(e, ERR_CONFLICT, EEXIST, "'%s' exists", shown);
        return err_sys(e, ERR_IO, errno, "making '%s'", shown);
    }
    p->published = true;
    return fsync(p->parent) < 0 ? err_sys(e, ERR_IO, errno, "writing '%s' to disk", shown) : 0;
}

void tree_part_close(struct tree_part *p)
{
    struct err ignored;

    if (p->parent < 0)
        return;
    if (!p->published)
        (void)tree_remove(p->parent, p->part, &(struct call){.timeout_ms = 60000}, &ignored);
    close(p->parent);
    p->parent = -1;
}
