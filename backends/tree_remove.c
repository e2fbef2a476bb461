#include "backends/deadline.h"
#include "backends/tree.h"
#include "spec/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One descriptor is open per level. What is deeper is moved up to the top, and met there again. */
#define LEVELS 64

struct remover {
    struct deadline deadline;
    int top; /* the directory that is removed */
    unsigned n_moved;
};

static int remove_err(const char *name, struct err *e)
{
    const int sys = errno;
    ARENA_AUTO a = arena_new();

    return err_sys(e, ERR_IO, sys, "removing '%s'", text_escaped(a, name));
}

/* Of our own directories the mode is no hindrance. NULL where it is no directory: *ret_gone tells whether it is nothing at all.
 */
static DIR *open_dir(int at, const char *name, bool *ret_gone)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags);
    DIR *d;

    if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
        fd = openat(at, name, flags);
    *ret_gone = fd < 0 && errno == ENOENT;
    if (fd < 0)
        return NULL;
    d = fdopendir(fd);
    if (!d)
        close(fd);
    return d;
}

static int remove_in(struct remover *r, DIR *d, unsigned level, struct err *e);

static int remove_dir(struct remover *r, int at, const char *name, unsigned level, struct err *e)
{
    bool gone;
    DIR *d;
    int done;

    if (level == LEVELS) {
        char moved[32];

        if (fchmodat(at, name, 0700, 0) < 0 && errno != EPERM)
            return errno == ENOENT ? 0 : remove_err(name, e);
        do /* perhaps something has that name already */
            (void)snprintf(moved, sizeof moved, ".removing-%u", r->n_moved++);
        while (renameat2(at, name, r->top, moved, RENAME_NOREPLACE) < 0 && errno == EEXIST);
        if (faccessat(at, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return remove_err(name, e);
        return 0;
    }
    d = open_dir(at, name, &gone);
    if (!d)
        return gone ? 0 : remove_err(name, e);
    if (level == 0)
        r->top = dirfd(d);
    do
        done = remove_in(r, d, level, e);
    while (done == 1);
    if (done == 0 && unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        done = remove_err(name, e);
    closedir(d);
    return done;
}

/* 1: something may be there yet, look again. */
static int remove_in(struct remover *r, DIR *d, unsigned level, struct err *e)
{
    const unsigned n_moved = r->n_moved;
    struct dirent *ent;
    int ms = 0;

    rewinddir(d);
    while ((errno = 0, ent = readdir(d))) {
        struct stat st;

        if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
            continue;
        if (deadline_slice(&r->deadline, "removing a directory", &ms, e) < 0)
            return -1;
        if (unlinkat(dirfd(d), ent->d_name, 0) == 0 || errno == ENOENT)
            continue;
        if (errno == EACCES && fchmod(dirfd(d), 0700) == 0 && unlinkat(dirfd(d), ent->d_name, 0) == 0)
            continue;
        if (fstatat(dirfd(d), ent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            return remove_err(ent->d_name, e);
        if (remove_dir(r, dirfd(d), ent->d_name, level + 1, e) < 0)
            return -1;
    }
    if (errno != 0)
        return remove_err("a directory", e);
    return level == 0 && r->n_moved > n_moved;
}

int tree_remove(int dir_fd, const char *name, const struct call *c, struct err *e)
{
    struct remover r = {.deadline = deadline_start(c), .top = -1};

    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    return remove_dir(&r, dir_fd, name, 0, e);
}
