#include "state/home.h"

#include "spec/base/digest.h"
#include "spec/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_BYTES   1000
#define LEFTOVER_MS 600000

static const char *const dir_names[] = {"keys", "records", "journal", "kept", "leftovers", "snapshots", "seeds"};
enum { DIR_KEYS, DIR_RECORDS, DIR_JOURNAL, DIR_KEPT, DIR_LEFTOVERS, DIR_SNAPSHOTS, DIR_SEEDS, N_DIRS };

struct home {
    struct arena *arena;
    struct file_dir base, dirs[N_DIRS];
    int lock_fd;
};

static int check_base(const struct file_dir *d, struct err *e)
{
    struct stat st;

    if (fstat(d->fd, &st) < 0)
        return err_sys(e, ERR_IO, errno, "looking at %s", d->path);
    if (st.st_uid != geteuid())
        return err_set(e, ERR_REFUSED, 0, "%s belongs to user %u, not to user %u: give it to that user, or use another directory",
                       d->path, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & 077)
        return err_set(e, ERR_REFUSED, 0, "%s is open to others (mode %04o): chmod 700 %s", d->path, (unsigned)st.st_mode & 07777,
                       d->path);
    return 0;
}

int home_open(const char *base, const struct file_hook *hook, struct home **ret, struct err *e)
{
    struct home *h = calloc(1, sizeof *h);

    if (!h)
        abort();
    *h = (struct home){.arena = arena_new(), .base.fd = -1, .lock_fd = -1};
    for (size_t i = 0; i < N_DIRS; i++)
        h->dirs[i].fd = -1;
    if (file_dir_open(arena_strdup(h->arena, base), true, hook, &h->base, e) < 0 || check_base(&h->base, e) < 0)
        goto fail;
    for (size_t i = 0; i < N_DIRS; i++)
        if (file_dir_open(arena_printf(h->arena, "%s/%s", base, dir_names[i]), true, hook, &h->dirs[i], e) < 0)
            goto fail;
    *ret = h;
    return 0;
fail:
    home_close(h);
    return err_wrap(e, "opening reconclaw's state directory");
}

void home_close(struct home *h)
{
    if (!h)
        return;
    home_unlock(h);
    for (size_t i = 0; i < N_DIRS; i++)
        file_dir_close(&h->dirs[i]);
    file_dir_close(&h->base);
    arena_free(h->arena);
    free(h);
}

const char *home_path(const struct home *h)
{
    return h->base.path;
}

const char *home_keep_dir(const struct home *h)
{
    return h->dirs[DIR_KEPT].path;
}

const struct file_dir *home_dir(const struct home *h, const char *name)
{
    for (size_t i = 0; i < N_DIRS; i++)
        if (text_eq(dir_names[i], name))
            return &h->dirs[i];
    return NULL;
}

/* --- the daemon's lock -------------------------------------------------------------------------------------------------------
 */

/* An open-file-description lock: it goes with the last descriptor, is not lost when something else closes the file, and
 * holds between handles of one process, too. */
static int try_lock(int fd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_SETLK, &l) < 0 ? errno : 0;
}

int home_lock(struct home *h, const char *who, struct err *e)
{
    char text[128] = {0};
    FD_AUTO fd = openat(h->base.fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t n;
    int sys;

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "opening %s/lock", h->base.path);
    sys = try_lock(fd);
    if (sys == EAGAIN || sys == EACCES) {
        n = read(fd, text, sizeof text - 1);
        text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
        return err_set(e, ERR_BUSY, EAGAIN, "%s is in use by process %s", h->base.path, *text ? text : "(unknown)");
    }
    if (sys != 0)
        return err_sys(e, ERR_IO, sys, "locking %s/lock", h->base.path);
    n = snprintf(text, sizeof text, "%d (%s)\n", (int)getpid(), who);
    /* For people; the lock itself does not depend on it, so a full disk is no reason to stop. */
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, text, (size_t)n, 0);
    file_closep(&h->lock_fd);
    h->lock_fd = file_steal(&fd);
    return 0;
}

void home_unlock(struct home *h)
{
    file_closep(&h->lock_fd);
}

int home_is_locked(const struct home *h, bool *ret, struct err *e)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    FD_AUTO fd = openat(h->base.fd, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT)
        return err_sys(e, ERR_IO, errno, "opening %s/lock", h->base.path);
    if (fd >= 0 && fcntl(fd, F_OFD_GETLK, &l) < 0)
        return err_sys(e, ERR_IO, errno, "asking for the lock on %s/lock", h->base.path);
    *ret = fd >= 0 && l.l_type != F_UNLCK;
    return 0;
}

/* --- keys --------------------------------------------------------------------------------------------------------------------
 */

/* The key with all but [A-Za-z0-9_-.] as %XX; long ones are cut and end in their digest. Never begins with a dot. */
static int key_file(struct arena *a, const char *key, const char **ret, struct err *e)
{
    BUF_AUTO b = BUF_INIT(4096);

    if (!*key || strlen(key) > KEY_BYTES)
        return err_set(e, ERR_INPUT, 0, "a key of %zu bytes: 1 to %d are allowed", strlen(key), KEY_BYTES);
    for (const unsigned char *p = (const unsigned char *)key; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' ||
                     (*p == '.' && p != (const unsigned char *)key);

        if (plain)
            buf_putc(&b, (char)*p);
        else
            buf_printf(&b, "%%%02X", *p);
    }
    if (b.n <= 120)
        *ret = arena_strdup(a, buf_str(&b));
    else
        *ret = arena_printf(a, "%.80s-%.32s", buf_str(&b), digest_sha256(a, key, strlen(key)));
    return 0;
}

static int put(struct home *h, const char *key, const void *bytes, size_t n, enum file_sync sync, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *file = NULL;

    if (n > HOME_VALUE_BYTES)
        return err_set(e, ERR_INPUT, EFBIG, "a value of %zu bytes for '%s': more than %zu", n, key, HOME_VALUE_BYTES);
    if (key_file(a, key, &file, e) < 0)
        return -1;
    return file_replace(&h->dirs[DIR_KEYS], file, bytes, n, 0600, sync, e);
}

const char *home_key_path(struct home *h, struct arena *a, const char *key)
{
    struct err ignored;
    const char *file = NULL;

    return key_file(a, key, &file, &ignored) < 0 ? NULL : arena_printf(a, "%s/%s", h->dirs[DIR_KEYS].path, file);
}

int home_put(struct home *h, const char *key, const void *bytes, size_t n, struct err *e)
{
    return put(h, key, bytes, n, FILE_SYNC, e);
}

int home_put_soft(struct home *h, const char *key, const void *bytes, size_t n, struct err *e)
{
    return put(h, key, bytes, n, FILE_NO_SYNC, e);
}

int home_get(struct home *h, struct arena *a, const char *key, char **ret, size_t *ret_n, struct err *e)
{
    struct err own = {0};
    const char *file = NULL;

    if (key_file(a, key, &file, e) < 0)
        return -1;
    if (file_read(a, &h->dirs[DIR_KEYS], file, HOME_VALUE_BYTES, ret, ret_n, NULL, &own) < 0) {
        if (own.class != ERR_NOT_FOUND) {
            *e = own;
            return -1;
        }
        *ret = NULL;
        *ret_n = 0;
    }
    return 0;
}

int home_delete(struct home *h, const char *key, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *file = NULL;

    if (key_file(a, key, &file, e) < 0)
        return -1;
    return file_remove(&h->dirs[DIR_KEYS], file, e);
}

int home_sweep(struct home *h, int64_t now_ms, struct err *e)
{
    for (size_t i = 0; i < N_DIRS; i++) {
        ARENA_AUTO a = arena_new();
        struct file_name *names = NULL;
        size_t n = 0;

        if (file_list(a, &h->dirs[i], &names, &n, e) < 0)
            return -1;
        for (size_t k = 0; k < n; k++) {
            struct stat st;

            if (!file_is_leftover(names[k].name) || fstatat(h->dirs[i].fd, names[k].name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                (int64_t)st.st_mtim.tv_sec * 1000 + LEFTOVER_MS > now_ms)
                continue;
            if (file_remove(&h->dirs[i], names[k].name, e) < 0)
                return -1;
        }
    }
    return 0;
}
