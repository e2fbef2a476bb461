#include "backends/bwrap_store.h"

#include "backends/bwrap_spec.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_MAX_ENTRIES 100000

/* --- reading ------------------------------------------------------------------------------------------------------- */

static int no_dir(struct err *e)
{
    return err_set(e, ERR_IO, 0, "there is no state directory to keep sandboxes in");
}

/* The open directory, or -1: `absent` where it does not exist yet but state_dir does. */
static int dir_open(const struct bwrap_store *s, bool *absent, struct err *e)
{
    int fd, sys;
    struct stat st;

    *absent = s->dir == NULL;
    if (*absent)
        return -1;
    fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    sys = errno;
    if (fd >= 0)
        return fd;
    if (sys == ENOENT && stat(s->parent, &st) == 0 && S_ISDIR(st.st_mode)) {
        *absent = true;
        return -1;
    }
    return err_sys(e, ERR_UNAVAILABLE, sys, "%s", s->dir);
}

static int file_read(int dirfd, const char *file, struct arena *a, char **ret, size_t *ret_n, struct err *e)
{
    int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), sys;
    struct stat st;
    size_t n = 0;
    ssize_t r = 0;
    char *bytes;

    if (fd < 0)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_INPUT, errno, "opening it");
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size > BWRAP_RECORD_BYTES) {
        close(fd);
        return err_set(e, ERR_INPUT, 0, "no regular file of ours below %u bytes", BWRAP_RECORD_BYTES);
    }
    bytes = arena_alloc(a, (size_t)st.st_size + 1);
    while (n < (size_t)st.st_size && ((r = read(fd, bytes + n, (size_t)st.st_size - n)) > 0 || (r < 0 && errno == EINTR)))
        n += r > 0 ? (size_t)r : 0;
    sys = errno;
    close(fd);
    if (r < 0)
        return err_sys(e, ERR_INPUT, sys, "reading it");
    *ret = bytes;
    *ret_n = n;
    return 0;
}

static int record_read(int dirfd, struct arena *a, const char *name, struct bwrap_record *ret, struct err *e)
{
    const char *file = arena_printf(a, "%s.json", name);
    struct bwrap_record r;
    char *bytes = NULL;
    size_t n = 0;

    if (file_read(dirfd, file, a, &bytes, &n, e) < 0 || bwrap_record_decode(a, bytes, n, &r, e) < 0)
        return err_wrap(e, "record '%s'", file);
    if (!text_eq(r.name, name))
        return err_set(e, ERR_INPUT, 0, "record '%s': is of '%s'", file, r.name);
    *ret = r;
    return 0;
}

int bwrap_store_read(const struct bwrap_store *s, struct arena *a, const char *name, struct bwrap_record *ret, struct err *e)
{
    bool absent;
    int dirfd, r;

    if (bwrap_name_flaw(name) != NULL)
        return err_set(e, ERR_NOT_FOUND, 0, "record '%s': no such name can be", name);
    dirfd = dir_open(s, &absent, e);
    if (dirfd < 0)
        return absent ? err_set(e, ERR_NOT_FOUND, 0, "record '%s': there are none yet", name) : -1;
    r = record_read(dirfd, a, name, ret, e);
    close(dirfd);
    return r;
}

static int entry_cmp(const void *x, const void *y)
{
    return strcmp(((const struct bwrap_entry *)x)->name, ((const struct bwrap_entry *)y)->name);
}

int bwrap_store_list(const struct bwrap_store *s, struct arena *a, struct bwrap_entry **ret, size_t *ret_n, struct err *e)
{
    VEC(struct bwrap_entry) out = {0};
    struct dirent *ent;
    bool absent;
    int fd = dir_open(s, &absent, e), sys;
    DIR *dir;

    if (fd < 0 && !absent)
        return -1;
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (errno = 0; dir != NULL && (ent = readdir(dir)) != NULL; errno = 0) {
        struct bwrap_entry *x;
        struct err why = {0};

        if (!text_has_suffix(ent->d_name, ".json") || ent->d_name[0] == '.')
            continue;
        if (out.n == STORE_MAX_ENTRIES) {
            closedir(dir);
            return err_set(e, ERR_UNAVAILABLE, 0, "%s: more than %d records", s->dir, STORE_MAX_ENTRIES);
        }
        x = VEC_ADD(a, &out);
        x->name = arena_memdup0(a, ent->d_name, strlen(ent->d_name) - strlen(".json"));
        if (record_read(fd, a, x->name, &x->r, &why) < 0) {
            if (why.class == ERR_NOT_FOUND)
                out.n--; /* removed since it was listed */
            else
                x->why = arena_strdup(a, why.msg);
        }
    }
    sys = errno;
    if (dir != NULL)
        closedir(dir);
    if (sys != 0 && fd >= 0)
        return err_sys(e, ERR_UNAVAILABLE, sys, "listing %s", s->dir);
    if (out.n > 1)
        qsort(out.v, out.n, sizeof *out.v, entry_cmp);
    *ret = out.v;
    *ret_n = out.n;
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

static int dir_make(const struct bwrap_store *s, struct err *e)
{
    bool absent;
    int fd;

    if (!s->dir)
        return no_dir(e);
    if (mkdir(s->dir, 0700) < 0 && errno != EEXIST)
        return err_sys(e, errno == ENOENT ? ERR_UNAVAILABLE : ERR_IO, errno, "making %s", s->dir);
    fd = dir_open(s, &absent, e);
    if (fd < 0 && absent)
        return err_set(e, ERR_UNAVAILABLE, 0, "%s: vanished", s->dir);
    return fd;
}

static int file_fill(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, bytes, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes += put;
        n -= (size_t)put;
    }
    return fsync(fd);
}

int bwrap_store_write(const struct bwrap_store *s, struct arena *a, const struct bwrap_record *r, struct err *e)
{
    const char *file = arena_printf(a, "%s.json", r->name), *tmp = arena_printf(a, ".%s.json.new", r->name);
    size_t n;
    const char *bytes = bwrap_record_encode(a, r, &n);
    int dirfd, fd, bad, sys;

    if (n > BWRAP_RECORD_BYTES)
        return err_set(e, ERR_REFUSED, 0, "record '%s': larger than %u bytes", file, BWRAP_RECORD_BYTES);
    dirfd = dir_make(s, e);
    if (dirfd < 0)
        return -1;
    unlinkat(dirfd, tmp, 0); /* of one that died here: we hold the lock of the name */
    fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bad = fd < 0 || file_fill(fd, bytes, n) < 0;
    sys = errno;
    if (fd >= 0 && close(fd) < 0 && !bad) {
        bad = true;
        sys = errno;
    }
    if (!bad && (renameat(dirfd, tmp, dirfd, file) < 0 || fsync(dirfd) < 0)) {
        bad = true;
        sys = errno;
    }
    if (bad)
        unlinkat(dirfd, tmp, 0);
    close(dirfd);
    return bad ? err_sys(e, ERR_IO, sys, "writing record '%s'", file) : 0;
}

int bwrap_store_remove(const struct bwrap_store *s, const char *name, struct err *e)
{
    char file[NAME_MAX + 1];
    bool absent;
    int dirfd = dir_open(s, &absent, e), sys = 0;

    if (dirfd < 0)
        return absent ? 0 : -1;
    snprintf(file, sizeof file, "%s.json", name);
    if ((unlinkat(dirfd, file, 0) < 0 && errno != ENOENT) || fsync(dirfd) < 0)
        sys = errno;
    close(dirfd);
    return sys != 0 ? err_sys(e, ERR_IO, sys, "removing record '%s'", file) : 0;
}

/* --- locks --------------------------------------------------------------------------------------------------------- */

/* The file may have been unlinked between our open and our lock: then it is not the one that others see. */
static bool lock_is_current(int dirfd, const char *file, int fd)
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && fstatat(dirfd, file, &theirs, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == theirs.st_ino &&
           ours.st_dev == theirs.st_dev;
}

int bwrap_store_lock(const struct bwrap_store *s, const char *name, const struct deadline *d, int *ret_fd, struct err *e)
{
    char file[NAME_MAX + 1];
    int dirfd = dir_make(s, e);

    if (dirfd < 0)
        return -1;
    snprintf(file, sizeof file, "%s.lock", name);
    for (;;) {
        int fd = openat(dirfd, file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0) {
            int sys = errno;

            close(dirfd);
            return err_sys(e, ERR_IO, sys, "lock of '%s'", name);
        }
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && lock_is_current(dirfd, file, fd)) {
            close(dirfd);
            *ret_fd = fd;
            return 0;
        }
        close(fd);
        if (deadline_pause(d, "waiting for the lock", 10, e) < 0) {
            close(dirfd);
            if (e->class == ERR_TIMEOUT)
                e->class = ERR_BUSY;
            return err_wrap(e, "'%s' is being acted on by another", name);
        }
    }
}

void bwrap_store_unlock(const struct bwrap_store *s, const char *name, int fd, bool gone)
{
    char path[PATH_MAX];

    if (fd < 0)
        return;
    if (gone && (size_t)snprintf(path, sizeof path, "%s/%s.lock", s->dir, name) < sizeof path)
        unlink(path);
    close(fd);
}

int bwrap_store_session(const struct bwrap_store *s, const char *id, struct err *e)
{
    int dirfd = dir_make(s, e);

    if (dirfd < 0)
        return -1;
    for (unsigned tries = 0; tries < 100; tries++) {
        char file[NAME_MAX + 1];
        uint64_t r = 0;
        int fd;

        if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
            break;
        snprintf(file, sizeof file, "%s.exec-%016llx", id, (unsigned long long)r);
        fd = openat(dirfd, file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        /* One that counts may have taken it for dead before we locked it. */
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && lock_is_current(dirfd, file, fd)) {
            close(dirfd);
            return fd;
        }
        if (fd < 0 && errno != EEXIST)
            break;
        if (fd >= 0)
            close(fd);
    }
    close(dirfd);
    return err_sys(e, ERR_IO, errno, "session of %s", id);
}

int bwrap_store_sessions(const struct bwrap_store *s, struct arena *a, const char *const **ret, size_t *ret_n, struct err *e)
{
    VEC(const char *) ids = {0};
    struct dirent *ent;
    bool absent;
    int dirfd = dir_open(s, &absent, e);
    DIR *dir;

    if (dirfd < 0 && !absent)
        return -1;
    dir = dirfd >= 0 ? fdopendir(dirfd) : NULL;
    while (dir != NULL && (ent = readdir(dir)) != NULL) {
        const char *mark = strstr(ent->d_name, ".exec-");
        int fd;

        if (mark == NULL)
            continue;
        fd = openat(dirfd, ent->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd, ent->d_name, 0);
        else
            VEC_PUSH(a, &ids, arena_memdup0(a, ent->d_name, (size_t)(mark - ent->d_name)));
        close(fd);
    }
    if (dir != NULL)
        closedir(dir);
    *ret = ids.v;
    *ret_n = ids.n;
    return 0;
}
