#include "state/quarantine.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STAMP_BYTES 16 /* "20261122T191500Z" */

/* --- names ----------------------------------------------------------------------------------------------------------------- */

bool quarantine_slug_ok(const char *slug)
{
    return slug && *slug && *slug != '.' && !strchr(slug, '/') && strlen(slug) <= NAME_MAX - STAMP_BYTES - 1;
}

char *quarantine_entry_name(struct arena *a, int64_t now_ms, const char *slug)
{
    time_t s = (time_t)(now_ms / 1000);
    struct tm tm = {0};
    char stamp[32] = "";

    if (now_ms < 0 || !gmtime_r(&s, &tm) || strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm) != STAMP_BYTES)
        (void)snprintf(stamp, sizeof stamp, "19700101T000000Z");
    return arena_printf(a, "%s-%s", stamp, slug);
}

const char *quarantine_entry_slug(const char *entry)
{
    static const char form[] = "dddddddd"
                               "Tdddddd"
                               "Z-";

    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? entry[i] < '0' || entry[i] > '9' : entry[i] != form[i])
            return NULL;
    return quarantine_slug_ok(entry + sizeof form - 1) ? entry + sizeof form - 1 : NULL;
}

/* --- directories ----------------------------------------------------------------------------------------------------------- */

static enum err_class class_of(int sys)
{
    switch (sys) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return ERR_CONFLICT;
    case ELOOP:
    case ENOTDIR:
    case EXDEV:
    case EBUSY:  /* something is mounted there */
    case EINVAL: /* a file system that cannot rename without replacing, or a directory into itself */
        return ERR_REFUSED;
    default:
        return ERR_IO;
    }
}

/* The root is the owner's word: links on the way to it are followed. */
static int open_root(const char *root, int *ret, struct err *e)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(e, class_of(errno), errno, "opening '%s'", root);
    *ret = fd;
    return 0;
}

static bool is(const struct quarantine_id *id, const struct stat *st)
{
    return id->dev == (uint64_t)st->st_dev && id->ino == (uint64_t)st->st_ino;
}

/* At `name`, or where that is "" at `dir` itself. A bind of a directory of the same file system has its device: only this tells.
 */
static bool is_mounted(int dir, const char *name)
{
    struct statx x;

    return statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH), STATX_TYPE, &x) == 0 &&
           (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* A directory itself, on the file system of the one it stands in. */
static int look(int dir, const char *name, const char *where, struct stat *ret, struct err *e)
{
    struct stat st, above;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(dir, &above) < 0)
        return err_sys(e, class_of(errno), errno, "looking at '%s/%s'", where, name);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_REFUSED, 0, "'%s/%s' is %s, no directory", where, name, S_ISLNK(st.st_mode) ? "a link" : "a file");
    if (st.st_dev != above.st_dev || is_mounted(dir, name))
        return err_set(e, ERR_REFUSED, EXDEV, "something is mounted at '%s/%s'", where, name);
    *ret = st;
    return 0;
}

/* Ours, or that of the owner of the root (who could do as they like with all of it anyway), and for nobody else to write. */
static int check_quarantine(int root_fd, int fd, const char *where, struct err *e)
{
    struct stat st, root;

    if (fstat(fd, &st) < 0 || fstat(root_fd, &root) < 0)
        return err_sys(e, ERR_IO, errno, "looking at '%s'", where);
    if (st.st_dev != root.st_dev || is_mounted(fd, ""))
        return err_set(e, ERR_REFUSED, EXDEV, "something is mounted at '%s'", where);
    if (st.st_uid != geteuid() && st.st_uid != root.st_uid)
        return err_set(e, ERR_REFUSED, 0, "'%s' belongs to user %u", where, (unsigned)st.st_uid);
    if (st.st_mode & 022)
        return err_set(e, ERR_REFUSED, 0, "'%s' may be written to by others: chmod 700 it", where);
    return 0;
}

static int open_quarantine(int root_fd, const char *root, bool make, const struct file_hook *hook, int *ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *where = arena_printf(a, "%s/%s", root, QUARANTINE_DIR);
    FD_AUTO fd = openat(root_fd, QUARANTINE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && make) {
        const struct file_dir dir = {.fd = root_fd, .path = root, .hook = hook};
        int sys = file_step(hook, "mkdir");

        if (sys == 0 && mkdirat(root_fd, QUARANTINE_DIR, 0700) < 0 && errno != EEXIST)
            sys = errno;
        if (sys != 0)
            return err_sys(e, ERR_IO, sys, "creating '%s'", where);
        fd = openat(root_fd, QUARANTINE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            file_give_to_owner(&dir, fd);
    }
    if (fd < 0)
        return err_sys(e, class_of(errno), errno, "opening '%s'", where);
    if (check_quarantine(root_fd, fd, where, e) < 0)
        return -1;
    *ret = file_steal(&fd);
    return 0;
}

int quarantine_identify(const char *root, const char *slug, struct quarantine_id *ret, struct err *e)
{
    FD_AUTO fd = -1;
    struct stat st;

    if (!quarantine_slug_ok(slug))
        return err_set(e, ERR_REFUSED, 0, "'%s' is no name of a scope's directory", slug);
    if (open_root(root, &fd, e) < 0 || look(fd, slug, root, &st, e) < 0)
        return -1;
    *ret = (struct quarantine_id){(uint64_t)st.st_dev, (uint64_t)st.st_ino};
    return 0;
}

int quarantine_find(const char *root, const char *entry, struct quarantine_id *ret, struct err *e)
{
    FD_AUTO root_fd = -1;
    FD_AUTO fd = -1;
    struct stat st;

    if (!quarantine_entry_slug(entry))
        return err_set(e, ERR_NOT_FOUND, 0, "'%s' is no name of an entry of a quarantine", entry);
    if (open_root(root, &root_fd, e) < 0 || open_quarantine(root_fd, root, false, NULL, &fd, e) < 0 ||
        look(fd, entry, QUARANTINE_DIR, &st, e) < 0)
        return -1;
    *ret = (struct quarantine_id){(uint64_t)st.st_dev, (uint64_t)st.st_ino};
    return 0;
}

bool quarantine_is_gone(const char *root, const char *entry, const struct quarantine_id *id)
{
    struct quarantine_id now;
    struct err e = {0};

    if (quarantine_find(root, entry, &now, &e) < 0)
        return e.class == ERR_NOT_FOUND;
    return now.dev != id->dev || now.ino != id->ino;
}

/* --- moving ---------------------------------------------------------------------------------------------------------------- */

struct place {
    int fd;
    const char *path, *name;
};

static bool is_there(const struct place *p, const struct quarantine_id *id)
{
    struct stat st;

    return fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) && is(id, &st);
}

/* One rename, of the directory that `id` is, onto nothing. */
static int move(const struct place *from, const struct place *to, const struct quarantine_id *id, const struct file_hook *hook,
                struct err *e)
{
    struct stat st;
    struct err why = {0};
    int sys;

    if (look(from->fd, from->name, from->path, &st, &why) < 0 || !is(id, &st)) {
        if (is_there(to, id)) /* by us, before a crash */
            return 0;
        if (why.class != ERR_NONE) {
            *e = why;
            return -1;
        }
        return err_set(e, ERR_REFUSED, 0, "'%s/%s' is another directory than the one that was left behind", from->path,
                       from->name);
    }
    sys = file_step(hook, "rename");
    if (sys == 0 && renameat2(from->fd, from->name, to->fd, to->name, RENAME_NOREPLACE) < 0)
        sys = errno;
    if (sys != 0)
        return err_sys(e, class_of(sys), sys, "moving '%s/%s' to '%s/%s'", from->path, from->name, to->path, to->name);
    if (!is_there(to, id)) {
        /* Somebody put another thing under the name in between: it goes back, unseen. */
        (void)renameat2(to->fd, to->name, from->fd, from->name, RENAME_NOREPLACE);
        return err_set(e, ERR_REFUSED, 0, "'%s/%s' became another one while it was moved", from->path, from->name);
    }
    if (file_step(hook, "fsync") != 0 || fsync(to->fd) < 0 || fsync(from->fd) < 0)
        return 0; /* it is moved; whether a crash of the machine keeps it so, the record that follows finds out */
    return 0;
}

static int check_names(const char *slug, const char *entry, struct err *e)
{
    if (!quarantine_slug_ok(slug) || !quarantine_entry_slug(entry))
        return err_set(e, ERR_REFUSED, 0, "'%s' and '%s' are no names of a scope's directory and an entry of a quarantine", slug,
                       entry);
    return 0;
}

int quarantine_move(const char *root, const char *slug, const char *entry, const struct quarantine_id *id,
                    const struct file_hook *hook, struct err *e)
{
    FD_AUTO root_fd = -1;
    FD_AUTO fd = -1;

    if (check_names(slug, entry, e) < 0 || open_root(root, &root_fd, e) < 0)
        return -1;
    if (open_quarantine(root_fd, root, true, hook, &fd, e) < 0)
        return -1;
    return move(&(struct place){root_fd, root, slug}, &(struct place){fd, QUARANTINE_DIR, entry}, id, hook, e);
}

int quarantine_restore(const char *root, const char *slug, const char *entry, const struct quarantine_id *id,
                       const struct file_hook *hook, struct err *e)
{
    FD_AUTO root_fd = -1;
    FD_AUTO fd = -1;

    if (check_names(slug, entry, e) < 0 || open_root(root, &root_fd, e) < 0 ||
        open_quarantine(root_fd, root, false, hook, &fd, e) < 0)
        return -1;
    return move(&(struct place){fd, QUARANTINE_DIR, entry}, &(struct place){root_fd, root, slug}, id, hook, e);
}

/* --- walking --------------------------------------------------------------------------------------------------------------- */

static DIR *open_dir(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = own < 0 ? NULL : fdopendir(own);

    if (!d && own >= 0)
        (void)close(own);
    return d;
}

/* The next name, "." and ".." left out; NULL at the end (errno 0) and where it cannot be read. */
static const char *next_name(DIR *d)
{
    for (;;) {
        errno = 0;
        struct dirent *x = readdir(d);

        if (!x)
            return NULL;
        if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
            return x->d_name;
    }
}

static bool add_sizes(int dir, unsigned depth, uint64_t *n_left, int64_t *sum)
{
    DIR *d = open_dir(dir);
    const char *name;
    bool ok = d && depth < QUARANTINE_DEPTH;

    while (ok && (name = next_name(d))) {
        struct stat st;

        if (*n_left == 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            ok = false;
            break;
        }
        --*n_left;
        if (S_ISREG(st.st_mode))
            *sum += st.st_size;
        if (S_ISDIR(st.st_mode)) {
            FD_AUTO fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            ok = fd >= 0 && add_sizes(fd, depth + 1, n_left, sum);
        }
    }
    ok = ok && errno == 0;
    if (d)
        (void)closedir(d);
    return ok;
}

static int64_t measure(int dir, const char *name)
{
    FD_AUTO fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    uint64_t n_left = QUARANTINE_ENTRIES;
    int64_t sum = 0;

    return fd >= 0 && add_sizes(fd, 0, &n_left, &sum) ? sum : -1;
}

int64_t quarantine_measure(const char *root, const char *entry)
{
    FD_AUTO root_fd = -1;
    FD_AUTO fd = -1;
    struct err ignored;

    if (open_root(root, &root_fd, &ignored) < 0 || open_quarantine(root_fd, root, false, NULL, &fd, &ignored) < 0)
        return -1;
    return measure(fd, entry);
}

int64_t quarantine_measure_slug(const char *root, const char *slug)
{
    FD_AUTO fd = -1;
    struct err ignored;

    return quarantine_slug_ok(slug) && open_root(root, &fd, &ignored) == 0 ? measure(fd, slug) : -1;
}

/* --- removing --------------------------------------------------------------------------------------------------------------- */

/* A tree of any depth goes with two descriptors: the directories in a directory are first moved up to the top, under names that
 * nobody chose, until what remains is flat. */
struct removal {
    int top;
    dev_t dev;
    const char *where;
    uint64_t n; /* names given so far */
    const atomic_bool *cancel;
    const struct file_hook *hook;
};

/* A directory that its owner has closed to himself. */
static int open_child(const struct removal *r, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, fd = openat(r->top, name, flags);
    char self[64];

    if (fd >= 0 && faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    fd = openat(r->top, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    (void)!chmod(self, 0700);
    (void)close(fd);
    return openat(r->top, name, flags);
}

/* A directory may only be moved by who may write to it: its `..` changes. */
static int hoist(struct removal *r, int dir, const char *name)
{
    char to[32], self[64];

    for (;;) {
        (void)snprintf(to, sizeof to, ".reconclaw-%llu", (unsigned long long)r->n++);
        if (renameat2(dir, name, r->top, to, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno == EACCES) {
            FD_AUTO fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
            if (fd < 0 || chmod(self, 0700) < 0 || renameat2(dir, name, r->top, to, RENAME_NOREPLACE) < 0)
                return errno;
            return 0;
        }
        if (errno != EEXIST)
            return errno;
    }
}

static bool is_cancelled(const struct removal *r)
{
    return r->cancel && atomic_load(r->cancel);
}

/* Everything in `dir` that is no directory goes, and what is one moves to the top (dir_is_top: stays). 0 or an errno. */
static int flatten(struct removal *r, int dir, bool dir_is_top)
{
    DIR *d = open_dir(dir);
    const char *name;
    int sys = d ? 0 : errno;

    while (sys == 0 && (name = next_name(d))) {
        struct stat st;

        if (is_cancelled(r))
            sys = ECANCELED;
        else if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            sys = errno;
        else if (S_ISDIR(st.st_mode) && (st.st_dev != r->dev || is_mounted(dir, name)))
            sys = EXDEV;
        else if (S_ISDIR(st.st_mode))
            sys = dir_is_top ? 0 : hoist(r, dir, name);
        else if ((sys = file_step(r->hook, "unlink")) == 0 && unlinkat(dir, name, 0) < 0)
            sys = errno == EBUSY ? EXDEV : errno; /* a bind of a file */
        if (sys == 0)
            errno = 0;
    }
    if (sys == 0)
        sys = errno;
    if (d)
        (void)closedir(d);
    return sys;
}

/* One directory at the top: emptied of all but what moves up, and removed. */
static int remove_child(struct removal *r, const char *name)
{
    FD_AUTO fd = open_child(r, name);
    struct stat st;
    int sys;

    if (fd < 0 || fstat(fd, &st) < 0)
        return errno;
    if (st.st_dev != r->dev || is_mounted(fd, ""))
        return EXDEV;
    sys = flatten(r, fd, false);
    if (sys == 0 && unlinkat(r->top, name, AT_REMOVEDIR) < 0)
        sys = errno == EBUSY ? EXDEV : errno;
    return sys;
}

/* 0 with *ret_any false: there is no directory left at the top. */
static int remove_children(struct removal *r, bool *ret_any)
{
    DIR *d = open_dir(r->top);
    const char *name;
    int sys = d ? 0 : errno;

    *ret_any = false;
    while (sys == 0 && (name = next_name(d))) {
        *ret_any = true;
        sys = is_cancelled(r) ? ECANCELED : remove_child(r, name);
        if (sys == 0)
            errno = 0;
    }
    if (sys == 0)
        sys = errno;
    if (d)
        (void)closedir(d);
    return sys;
}

static int remove_tree(struct removal *r, struct err *e)
{
    bool any = true;
    int sys = flatten(r, r->top, true);

    while (sys == 0 && any)
        sys = remove_children(r, &any);
    if (sys == ECANCELED)
        return err_set(e, ERR_CANCELLED, 0, "told to stop while deleting '%s'", r->where);
    if (sys == EXDEV)
        return err_set(e, ERR_REFUSED, sys, "something is mounted in '%s': it is not deleted", r->where);
    return sys ? err_sys(e, ERR_IO, sys, "deleting '%s'", r->where) : 0;
}

int quarantine_remove(const char *root, const char *entry, const struct quarantine_id *id, const atomic_bool *cancel,
                      const struct file_hook *hook, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const char *where = arena_printf(a, "%s/%s/%s", root, QUARANTINE_DIR, entry);
    FD_AUTO root_fd = -1;
    FD_AUTO fd = -1;
    FD_AUTO top = -1;
    struct stat st;
    struct err why = {0};

    if (!quarantine_entry_slug(entry))
        return err_set(e, ERR_REFUSED, 0, "'%s' is no name of an entry of a quarantine", entry);
    if (open_root(root, &root_fd, &why) < 0 || open_quarantine(root_fd, root, false, hook, &fd, &why) < 0 ||
        look(fd, entry, QUARANTINE_DIR, &st, &why) < 0) {
        if (why.class == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    struct removal r = {.top = fd, .dev = st.st_dev, .where = where, .cancel = cancel, .hook = hook};
    top = open_child(&r, entry);
    if (top < 0 || fstat(top, &st) < 0)
        return err_sys(e, class_of(errno), errno, "opening '%s'", where);
    if (!is(id, &st))
        return err_set(e, ERR_REFUSED, 0, "'%s' is another directory than the one that was put there", where);
    r.top = top;
    if (remove_tree(&r, e) < 0)
        return -1;
    if (unlinkat(fd, entry, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_sys(e, ERR_IO, errno, "deleting '%s'", where);
    (void)!fsync(fd);
    return 0;
}

/* --- listing --------------------------------------------------------------------------------------------------------------- */

static int list(struct arena *a, int fd, const char *path, bool entries, struct quarantine_dir **ret, size_t *ret_n,
                struct err *e)
{
    const struct file_dir dir = {.fd = fd, .path = path};
    VEC(struct quarantine_dir) v = {0};
    struct file_name *names;
    size_t n;

    if (file_list(a, &dir, &names, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct stat st;

        if (entries ? !quarantine_entry_slug(names[i].name) : !quarantine_slug_ok(names[i].name))
            continue;
        if (fstatat(fd, names[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
            continue;
        VEC_PUSH(a, &v,
                 ((struct quarantine_dir){.name = names[i].name,
                                          .id = {(uint64_t)st.st_dev, (uint64_t)st.st_ino},
                                          .changed_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000}));
    }
    *ret = v.v;
    *ret_n = v.n;
    return 0;
}

int quarantine_list(struct arena *a, const char *root, struct quarantine_dir **ret, size_t *ret_n, struct err *e)
{
    FD_AUTO root_fd = -1;
    FD_AUTO fd = -1;
    struct err why = {0};

    if (open_root(root, &root_fd, &why) < 0 || open_quarantine(root_fd, root, false, NULL, &fd, &why) < 0) {
        *ret = NULL;
        *ret_n = 0;
        if (why.class == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    return list(a, fd, arena_printf(a, "%s/%s", root, QUARANTINE_DIR), true, ret, ret_n, e);
}

int quarantine_list_slugs(struct arena *a, const char *root, struct quarantine_dir **ret, size_t *ret_n, struct err *e)
{
    FD_AUTO fd = -1;
    struct err why = {0};

    if (open_root(root, &fd, &why) < 0) {
        *ret = NULL;
        *ret_n = 0;
        if (why.class == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    return list(a, fd, root, false, ret, ret_n, e);
}
