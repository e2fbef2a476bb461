#include "state/file.h"

#include "spec/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int file_step(const struct file_hook *hook, const char *what)
{
    return hook ? hook->step(hook->ctx, what) : 0;
}

void file_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

int file_steal(int *fd)
{
    int own = *fd;

    *fd = -1;
    return own;
}

void file_dir_close(struct file_dir *d)
{
    file_closep(&d->fd);
}

/* mkdir -p. What root makes below a user's directory belongs to that user. */
static int make_dirs(const char *path, const struct file_hook *hook, struct err *e)
{
    BUF_AUTO part = BUF_INIT(64u << 10);
    struct stat parent = {0};

    for (const char *p = path; *p;) {
        const char *slash = strchr(p + 1, '/');
        int sys;

        p = slash ? slash : p + strlen(p);
        if (p > path && p[-1] == '/')
            continue;
        buf_clear(&part);
        buf_put(&part, path, (size_t)(p - path));
        if (stat(buf_str(&part), &parent) == 0)
            continue;
        sys = file_step(hook, "mkdir");
        if (sys == 0 && mkdir(buf_str(&part), 0700) < 0 && errno != EEXIST)
            sys = errno;
        if (sys != 0)
            return err_sys(e, ERR_IO, sys, "creating directory %s", buf_str(&part));
        if (geteuid() == 0 && parent.st_uid != 0)
            (void)!lchown(buf_str(&part), parent.st_uid, parent.st_gid);
    }
    return 0;
}

int file_dir_open(const char *path, bool make, const struct file_hook *hook, struct file_dir *ret, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && make) {
        if (make_dirs(path, hook, e) < 0)
            return -1;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening directory %s", path);
    *ret = (struct file_dir){.fd = fd, .path = path, .hook = hook};
    return 0;
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(((const struct file_name *)a)->name, ((const struct file_name *)b)->name);
}

int file_list(struct arena *a, const struct file_dir *d, struct file_name **ret, size_t *ret_n, struct err *e)
{
    VEC(struct file_name) names = {0};
    int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int sys;

    if (!dir) {
        sys = errno;
        if (fd >= 0)
            (void)close(fd);
        return err_sys(e, ERR_IO, sys, "listing %s", d->path);
    }
    while (errno = 0, (entry = readdir(dir))) {
        if (text_eq(entry->d_name, ".") || text_eq(entry->d_name, ".."))
            continue;
        VEC_PUSH(a, &names, ((struct file_name){arena_strdup(a, entry->d_name), entry->d_type}));
    }
    sys = errno;
    (void)closedir(dir);
    if (sys != 0)
        return err_sys(e, ERR_IO, sys, "listing %s", d->path);
    if (names.n > 0)
        qsort(names.v, names.n, sizeof *names.v, name_cmp);
    *ret = names.v;
    *ret_n = names.n;
    return 0;
}

static int read_all(int fd, char *buf, size_t room, size_t *ret_n)
{
    size_t n = 0;

    while (n < room) {
        ssize_t got = read(fd, buf + n, room - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        n += (size_t)got;
        /* A short read of a regular file is its end: no second call to see zero. */
        if (n < room)
            break;
    }
    *ret_n = n;
    return 0;
}

int file_read(struct arena *a, const struct file_dir *d, const char *name, size_t max, char **ret, size_t *ret_n, struct stat *st,
              struct err *e)
{
    struct stat own;
    FD_AUTO fd = openat(d->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char *bytes;
    size_t n = 0;
    int sys;

    if (!st)
        st = &own;
    if (fd < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening %s/%s", d->path, name);
    if (fstat(fd, st) < 0)
        return err_sys(e, ERR_IO, errno, "reading %s/%s", d->path, name);
    if (!S_ISREG(st->st_mode))
        return err_set(e, ERR_INPUT, S_ISDIR(st->st_mode) ? EISDIR : ENXIO, "reading %s/%s: %s, not a regular file", d->path,
                       name, S_ISDIR(st->st_mode) ? "a directory" : "a pipe, socket or device");
    if ((uint64_t)st->st_size > max)
        return err_set(e, ERR_INPUT, EFBIG, "reading %s/%s: %lld bytes, more than %zu", d->path, name, (long long)st->st_size,
                       max);
    bytes = arena_alloc(a, (size_t)st->st_size + 2);
    sys = read_all(fd, bytes, (size_t)st->st_size + 1, &n);
    if (sys != 0)
        return err_sys(e, ERR_IO, sys, "reading %s/%s", d->path, name);
    if (n > (size_t)st->st_size)
        return err_set(e, ERR_BUSY, 0, "reading %s/%s: it grew meanwhile", d->path, name);
    bytes[n] = '\0';
    *ret = bytes;
    *ret_n = n;
    return 0;
}

int file_write_all(int fd, const void *bytes, size_t n, const struct file_hook *hook)
{
    const char *p = bytes;
    int sys = file_step(hook, "write");

    if (sys != 0)
        return sys;
    while (n > 0) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

void file_give_to_owner(const struct file_dir *d, int fd)
{
    struct stat st;

    if (geteuid() == 0 && fstat(d->fd, &st) == 0 && (st.st_uid != 0 || st.st_gid != 0))
        (void)!fchown(fd, st.st_uid, st.st_gid);
}

/* RFC 9562 version 4, from the kernel's random numbers. */
static void put_uuid(struct buf *b)
{
    unsigned char r[16];

    while (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
        ;
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof r; i++)
        buf_printf(b, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", r[i]);
}

bool file_is_leftover(const char *name)
{
    size_t n = strlen(name);
    const char *uuid;

    if (n < 41 || !text_has_suffix(name, ".tmp"))
        return false;
    uuid = name + n - 40;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? uuid[i] != '-' : !strchr("0123456789abcdef", uuid[i]))
            return false;
    }
    return uuid[-1] == '.';
}

static int fill_temp(const struct file_dir *d, int fd, const void *bytes, size_t n, mode_t mode, enum file_sync sync,
                     const char **ret_what)
{
    int sys;

    *ret_what = "writing";
    sys = file_write_all(fd, bytes, n, d->hook);
    if (sys == 0 && sync == FILE_SYNC) {
        *ret_what = "syncing";
        sys = file_step(d->hook, "fsync");
        if (sys == 0 && fsync(fd) < 0)
            sys = errno;
    }
    if (sys == 0) {
        /* The umask of whoever started us has no say in the mode. */
        *ret_what = "setting the mode of";
        sys = file_step(d->hook, "chmod");
        if (sys == 0 && fchmod(fd, mode) < 0)
            sys = errno;
    }
    if (sys == 0)
        file_give_to_owner(d, fd);
    return sys;
}

int file_replace(const struct file_dir *d, const char *name, const void *bytes, size_t n, mode_t mode, enum file_sync sync,
                 struct err *e)
{
    BUF_AUTO temp = BUF_INIT(4096);
    const char *what = "creating";
    int sys, fd = -1;

    buf_printf(&temp, "%s.", name);
    put_uuid(&temp);
    buf_puts(&temp, ".tmp");
    sys = file_step(d->hook, "create");
    if (sys == 0) {
        fd = openat(d->fd, buf_str(&temp), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        sys = fd < 0 ? errno : 0;
    }
    if (sys != 0)
        return err_sys(e, ERR_IO, sys, "creating %s/%s", d->path, buf_str(&temp));
    sys = fill_temp(d, fd, bytes, n, mode, sync, &what);
    /* Some file systems say only here that the disk is full. */
    if (close(fd) < 0 && sys == 0)
        sys = errno;
    if (sys == 0) {
        what = "renaming to";
        sys = file_step(d->hook, "rename");
        if (sys == 0 && renameat(d->fd, buf_str(&temp), d->fd, name) < 0)
            sys = errno;
    }
    if (sys != 0) {
        (void)unlinkat(d->fd, buf_str(&temp), 0);
        return err_sys(e, ERR_IO, sys, "%s %s/%s", what, d->path, name);
    }
    /* The new file is there for everyone; that the directory could not be synced would only be told as a failure that was none.
     */
    if (sync == FILE_SYNC && file_step(d->hook, "fsync-dir") == 0)
        (void)fsync(d->fd);
    return 0;
}

int file_remove(const struct file_dir *d, const char *name, struct err *e)
{
    int sys = file_step(d->hook, "unlink");

    if (sys == 0 && unlinkat(d->fd, name, 0) < 0 && errno != ENOENT)
        sys = errno;
    return sys == 0 ? 0 : err_sys(e, ERR_IO, sys, "removing %s/%s", d->path, name);
}

int64_t file_monotonic_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void file_pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

int file_dir_flock(const struct file_dir *d, int timeout_ms, int *ret_fd, struct err *e)
{
    int64_t deadline = file_monotonic_ms() + timeout_ms;
    FD_AUTO fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int sys = file_step(d->hook, "lock");

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "opening %s", d->path);
    if (sys != 0)
        return err_sys(e, ERR_IO, sys, "locking %s", d->path);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return err_sys(e, ERR_IO, errno, "locking %s", d->path);
        if (file_monotonic_ms() >= deadline)
            return err_set(e, ERR_BUSY, EWOULDBLOCK, "locking %s: held by another process for %d ms", d->path, timeout_ms);
        file_pause_ms(2);
    }
    *ret_fd = file_steal(&fd);
    return 0;
}
