#include "watch/watch.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the directory itself may undergo, and what may happen to names in it. IN_MODIFY is there for writers that never close. */
#define MASK_SELF  (IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR)
#define MASK_NAMES (IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB)
#define MAX_LINKS  40 /* as the kernel follows */

/* A name that matters in a directory, or (name NULL) all names with one of the suffixes. */
struct interest {
    const char *name;
    const char *const *suffixes;
};

struct dir {
    int wd;
    VEC(struct interest) interests;
};

struct watch {
    int fd;
    struct arena *arena; /* of the set in force */
    VEC(struct dir) dirs;
};

int watch_new(struct watch **ret, struct err *e)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "creating an inotify instance (see fs.inotify.max_user_instances)");
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->fd = fd;
    w->arena = arena_new();
    *ret = w;
    return 0;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    (void)close(w->fd);
    arena_free(w->arena);
    free(w);
}

int watch_fd(const struct watch *w)
{
    return w->fd;
}

size_t watch_count(const struct watch *w)
{
    return w->dirs.n;
}

/* --- building a set ------------------------------------------------------------------------------------------------------------
 */

struct building {
    struct watch *w;
    struct arena *arena;
    VEC(struct dir) dirs;
    struct err *e;
    bool failed;
};

/* inotify knows directories by inode: two ways to one directory give one wd, and IN_MASK_ADD keeps what was asked before. */
static struct dir *add_dir(struct building *b, const char *path, uint32_t mask)
{
    int wd = inotify_add_watch(b->w->fd, path, mask | MASK_SELF | IN_MASK_ADD);

    if (wd < 0) {
        /* Gone or unreadable since we looked: its parent is watched, and that is how we learn of its return. */
        if (errno != ENOENT && errno != ENOTDIR && !b->failed) {
            b->failed = true;
            err_sys(b->e, ERR_IO, errno, "watching '%s'", path);
        }
        return NULL;
    }
    for (size_t i = 0; i < b->dirs.n; i++)
        if (b->dirs.v[i].wd == wd)
            return &b->dirs.v[i];
    struct dir *d = VEC_ADD(b->arena, &b->dirs);
    d->wd = wd;
    return d;
}

static void add_name(struct building *b, const char *dir, const char *name)
{
    struct dir *d = add_dir(b, dir, MASK_NAMES);

    if (!d)
        return;
    for (size_t i = 0; i < d->interests.n; i++)
        if (text_eq(d->interests.v[i].name, name))
            return;
    VEC_PUSH(b->arena, &d->interests, ((struct interest){.name = arena_strdup(b->arena, name)}));
}

/* Walks `path` as the kernel would, watching each step. Returns where it ends with every link followed, or NULL where a part is
 * missing. */
static const char *walk(struct building *b, const char *path, unsigned *links)
{
    const char *at = "/";

    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        const char *name = arena_memdup0(b->arena, p, n);
        struct stat st;

        p += n;
        p += strspn(p, "/");
        if (n == 0 || strcmp(name, ".") == 0)
            continue;
        const char *next = arena_printf(b->arena, "%s%s%s", at, strcmp(at, "/") == 0 ? "" : "/", name);
        if (strcmp(name, "..") == 0) {
            char *slash = strrchr(at, '/');

            at = slash == at ? "/" : arena_memdup0(b->arena, at, (size_t)(slash - at));
            continue;
        }
        if (lstat(next, &st) < 0) {
            add_name(b, at, name); /* to see it come */
            return NULL;
        }
        if (S_ISLNK(st.st_mode)) {
            char target[PATH_MAX];
            ssize_t len = readlink(next, target, sizeof target - 1);

            add_name(b, at, name);
            if (len < 0 || ++*links > MAX_LINKS)
                return NULL;
            target[len] = '\0';
            at = walk(b, target[0] == '/' ? target : arena_printf(b->arena, "%s/%s", at, target), links);
            if (!at)
                return NULL;
            continue;
        }
        if (!S_ISDIR(st.st_mode)) {
            add_name(b, at, name);
            return *p ? NULL : next;
        }
        (void)add_dir(b, next, 0);
        at = next;
    }
    return at;
}

static void add_target(struct building *b, const struct watch_target *t)
{
    unsigned links = 0;
    const char *end = walk(b, t->path, &links);
    struct dir *d;

    if (!t->is_dir || !end)
        return;
    d = add_dir(b, end, MASK_NAMES);
    if (d)
        VEC_PUSH(b->arena, &d->interests, ((struct interest){.suffixes = t->suffixes}));
}

int watch_set(struct watch *w, const struct watch_target *v, size_t n, struct err *e)
{
    struct building b = {.w = w, .arena = arena_new(), .e = e};

    for (size_t i = 0; i < n; i++)
        add_target(&b, &v[i]);
    /* Only now let go of what is no longer asked for: there is no moment without a watch. */
    for (size_t i = 0; i < w->dirs.n; i++) {
        bool kept = false;

        for (size_t k = 0; k < b.dirs.n && !kept; k++)
            kept = b.dirs.v[k].wd == w->dirs.v[i].wd;
        if (!kept)
            (void)inotify_rm_watch(w->fd, w->dirs.v[i].wd);
    }
    arena_free(w->arena);
    w->arena = b.arena;
    w->dirs.v = b.dirs.v;
    w->dirs.n = b.dirs.n;
    w->dirs.cap = b.dirs.cap;
    return b.failed ? -1 : 0;
}

/* --- draining
 * -------------------------------------------------------------------------------------------------------------------- */

static bool matches(const struct interest *in, const char *name, uint32_t mask)
{
    if (in->name)
        return strcmp(in->name, name) == 0;
    if (!in->suffixes)
        return true;
    /* A directory or link among the names may be what the files are reached through. */
    if (mask & IN_ISDIR)
        return (mask & (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM)) != 0;
    if (text_has_prefix(name, ".."))
        return true;
    for (const char *const *s = in->suffixes; *s; s++)
        if (text_has_suffix(name, *s))
            return true;
    return false;
}

static bool is_hint(const struct watch *w, const struct inotify_event *ev)
{
    if (ev->mask & IN_Q_OVERFLOW)
        return true;
    for (size_t i = 0; i < w->dirs.n; i++) {
        const struct dir *d = &w->dirs.v[i];

        if (d->wd != ev->wd)
            continue;
        if (ev->mask & (IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED))
            return true;
        for (size_t k = 0; k < d->interests.n; k++)
            if (ev->len > 0 && matches(&d->interests.v[k], ev->name, ev->mask))
                return true;
    }
    return false; /* of a watch that was let go */
}

bool watch_drain(struct watch *w)
{
    _Alignas(struct inotify_event) char bytes[16 << 10];
    bool hint = false;
    ssize_t n;

    while ((n = read(w->fd, bytes, sizeof bytes)) > 0) {
        for (char *p = bytes; p < bytes + n;) {
            const struct inotify_event *ev = (const struct inotify_event *)p;

            hint = is_hint(w, ev) || hint;
            p += sizeof *ev + ev->len;
        }
    }
    return hint;
}
