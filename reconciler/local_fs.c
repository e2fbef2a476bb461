#include "reconciler/local_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int fail(struct err *e, const char *what, const char *path)
{
    int sys = errno;

    return err_sys(e, err_class_of_errno(sys), sys, "%s '%s'", what, path);
}

static int local_stat(void *ctx, const char *path, bool follow, struct fs_stat *ret, struct err *e)
{
    struct statx st;

    if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | (follow ? 0 : AT_SYMLINK_NOFOLLOW), STATX_BASIC_STATS, &st) < 0)
        return fail(e, "looking at", path);
    *ret = (struct fs_stat){
        .kind = S_ISREG(st.stx_mode)   ? FS_FILE
                : S_ISDIR(st.stx_mode) ? FS_DIR
                : S_ISLNK(st.stx_mode) ? FS_SYMLINK
                                       : FS_OTHER,
        .size = st.stx_size,
        .nlink = st.stx_nlink,
        .dev = makedev(st.stx_dev_major, st.stx_dev_minor),
        .ino = st.stx_ino,
        .uid = st.stx_uid,
        .gid = st.stx_gid,
        .mode = st.stx_mode,
        .mounted = (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0,
    };
    return 0;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISCHR(mode)  ? "a device"
           : S_ISBLK(mode)  ? "a device"
                            : "a special file";
}

static int too_large(struct err *e, const char *path, size_t max)
{
    return err_set(e, ERR_INPUT, EFBIG, "reading '%s': larger than %zu bytes", path, max);
}

/* The size that stat tells is a guess: a file may grow, and those of /proc have none. */
static int read_all(int fd, struct arena *a, const char *path, size_t guess, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    size_t cap = guess + 1, n = 0; /* one more byte than expected shows the end without a second round */
    char *bytes = arena_alloc(a, cap + 1);

    for (;;) {
        ssize_t got = read(fd, bytes + n, cap - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(e, "reading", path);
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max)
            return too_large(e, path, max);
        if (n == cap) {
            cap = cap < max ? 2 * cap : cap + 1;
            bytes = memcpy(arena_alloc(a, cap + 1), bytes, n);
        }
    }
    bytes[n] = '\0';
    *ret = bytes;
    *ret_n = n;
    return 0;
}

static int local_read(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    struct stat st;

    /* Looked at first, since opening a device can have effects; and again once open, since it may have been replaced. */
    if (stat(path, &st) < 0)
        return fail(e, "reading", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INPUT, 0, "reading '%s': it is %s, not a regular file", path, kind_of(st.st_mode));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail(e, "reading", path);
    int r;
    if (fstat(fd, &st) < 0)
        r = fail(e, "reading", path);
    else if (!S_ISREG(st.st_mode))
        r = err_set(e, ERR_INPUT, 0, "reading '%s': it is %s, not a regular file", path, kind_of(st.st_mode));
    else if (st.st_size > 0 && (uintmax_t)st.st_size > max)
        r = too_large(e, path, max);
    else
        r = read_all(fd, a, path, (size_t)st.st_size, max, ret, ret_n, e);
    close(fd);
    return r;
}

static int local_realpath(void *ctx, struct arena *a, const char *path, char **ret, struct err *e)
{
    char *real = realpath(path, NULL);

    if (!real)
        return fail(e, "resolving", path);
    *ret = arena_strdup(a, real);
    free(real);
    return 0;
}

static int local_readlink(void *ctx, struct arena *a, const char *path, char **ret, struct err *e)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);

    if (n < 0)
        return fail(e, "reading the link", path);
    *ret = arena_memdup0(a, target, (size_t)n);
    return 0;
}

const struct fs local_fs = {
    .stat = local_stat,
    .read = local_read,
    .realpath = local_realpath,
    .readlink = local_readlink,
};
