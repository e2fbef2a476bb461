#include "backends/tree_local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- stamps -------------------------------------------------------------------------------------------------------------------
 */

struct tree_stamp tree_stamp_of(const struct stat *st)
{
    return (struct tree_stamp){.dev = st->st_dev,
                               .ino = st->st_ino,
                               .size = st->st_size,
                               .mode = st->st_mode,
                               .mtime = st->st_mtim,
                               .ctime = st->st_ctim};
}

static bool time_equal(struct timespec x, struct timespec y)
{
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
}

bool tree_stamp_equal(const struct tree_stamp *x, const struct tree_stamp *y)
{
    return x->dev == y->dev && x->ino == y->ino && x->size == y->size && x->mode == y->mode && time_equal(x->mtime, y->mtime) &&
           time_equal(x->ctime, y->ctime);
}

int tree_changed(const struct tree *t, const struct tree_item *x, struct err *e)
{
    return err_set(e, ERR_CONFLICT, 0, "'%s' changed while it was copied", tree_shown(t->arena, x->x.path));
}

/* --- scanning ------------------------------------------------------------------------------------------------------------------
 */

struct scan {
    struct tree *t;
    const struct tree_scan_req *req;
    struct tree_notes notes;
    struct tree_count count;
    struct deadline deadline;
    VEC(struct tree_item) items;
    size_t root;
};

static int scan_err(struct scan *s, int sys, const char *path, struct err *e)
{
    return err_sys(e, err_class_of_errno(sys), sys, "looking at '%s'", tree_shown(s->t->arena, path));
}

/* Of a name that was listed and is not (any more) what it was a moment ago. */
static bool is_race(int sys)
{
    return sys == ENOENT || sys == ELOOP || sys == ENOTDIR || sys == ENXIO;
}

static int scan_race(struct scan *s, const char *path, struct err *e)
{
    return err_set(e, ERR_CONFLICT, 0, "'%s' changed while it was looked at", tree_shown(s->t->arena, path));
}

static int scan_add(struct scan *s, enum manifest_type type, const char *path, const char *below, const struct stat *st,
                    const char *target, struct err *e)
{
    uint64_t size = type == MANIFEST_FILE ? (uint64_t)st->st_size : 0;
    struct tree_item *x;

    if (tree_count_add(&s->count, path, target, size, e) < 0)
        return -1;
    x = VEC_ADD(s->t->arena, &s->items);
    x->x = (struct manifest_entry){
        .path = path, .type = type, .mode = type == MANIFEST_LINK ? 0 : st->st_mode & 0777, .size = size, .target = target};
    x->below = below;
    x->root = s->root;
    x->stamp = tree_stamp_of(st);
    return 0;
}

static int scan_link(struct scan *s, int dir, const char *name, const char *path, const char *below, const struct stat *st,
                     struct err *e)
{
    char target[LIMIT_TREE_PATH + 2];
    ssize_t n = readlinkat(dir, name, target, sizeof target);

    if (n < 0)
        return errno == EINVAL || is_race(errno) ? scan_race(s, path, e) : scan_err(s, errno, path, e);
    if (n == 0 || n > (ssize_t)LIMIT_TREE_PATH) {
        tree_note(&s->notes, path, true, "is a link whose target is empty or too long");
        return 0;
    }
    return scan_add(s, MANIFEST_LINK, path, below, st, arena_memdup0(s->t->arena, target, (size_t)n), e);
}

/* That it can be read is found out now, not in the middle of a stream. */
static int scan_file(struct scan *s, int dir, const char *name, const char *path, const char *below, const struct stat *st,
                     struct err *e)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        if (is_race(errno))
            return scan_race(s, path, e);
        if (errno != EACCES && errno != EPERM)
            return scan_err(s, errno, path, e);
        tree_note(&s->notes, path, true, "cannot be read");
        return 0;
    }
    close(fd);
    return scan_add(s, MANIFEST_FILE, path, below, st, NULL, e);
}

static int scan_dir(struct scan *s, int fd, const char *path, const char *below, struct err *e);

static int scan_name(struct scan *s, int dir, const char *name, const char *in, const char *below_in, struct err *e)
{
    struct arena *a = s->t->arena;
    const char *path = *in ? arena_printf(a, "%s/%s", in, name) : arena_strdup(a, name);
    const char *below = *below_in ? path + (strlen(in) - strlen(below_in)) : path + (strlen(path) - strlen(name));
    const char *flaw = manifest_path_flaw(path);
    struct stat st;
    int fd, r, ms = 0;

    if (deadline_slice(&s->deadline, "looking at a directory", &ms, e) < 0)
        return -1;
    if (flaw) {
        tree_note(&s->notes, path, true, "%s", flaw);
        return 0;
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return is_race(errno) ? scan_race(s, path, e) : scan_err(s, errno, path, e);
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
        return scan_file(s, dir, name, path, below, &st, e);
    case S_IFLNK:
        return scan_link(s, dir, name, path, below, &st, e);
    case S_IFDIR:
        break;
    default:
        tree_note(&s->notes, path, false, "is a socket, FIFO or device: left out");
        return 0;
    }
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (is_race(errno))
            return scan_race(s, path, e);
        if (errno != EACCES && errno != EPERM)
            return scan_err(s, errno, path, e);
        tree_note(&s->notes, path, true, "cannot be read");
        return 0;
    }
    r = scan_add(s, MANIFEST_DIR, path, below, &st, NULL, e);
    if (r == 0)
        r = scan_dir(s, fd, path, below, e);
    close(fd);
    return r;
}

/* All names are read before any is looked at, so that one descriptor is open per level. */
static int scan_names(struct scan *s, int fd, const char *path, char ***ret, size_t *ret_n, struct err *e)
{
    VEC(char *) names = {0};
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *ent;
    int sys;

    if (!d) {
        sys = errno;
        if (copy >= 0)
            close(copy);
        return scan_err(s, sys, path, e);
    }
    while ((errno = 0, ent = readdir(d))) {
        if (text_eq(ent->d_name, ".") || text_eq(ent->d_name, ".."))
            continue;
        VEC_PUSH(s->t->arena, &names, arena_strdup(s->t->arena, ent->d_name));
        if (names.n > s->count.max.max_entries)
            break; /* each of them is an entry, or is remarked on */
    }
    sys = errno;
    closedir(d);
    if (names.n > s->count.max.max_entries) {
        s->count.entries = s->count.max.max_entries;
        return tree_count_add(&s->count, *path ? path : ".", NULL, 0, e);
    }
    if (sys != 0)
        return scan_err(s, sys, path, e);
    *ret = names.v;
    *ret_n = names.n;
    return 0;
}

static int scan_dir(struct scan *s, int fd, const char *path, const char *below, struct err *e)
{
    char **names = NULL;
    size_t n = 0;

    if (scan_names(s, fd, path, &names, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (scan_name(s, fd, names[i], path, below, e) < 0)
            return -1;
    return 0;
}

static int scan_root(struct scan *s, size_t i, struct err *e)
{
    const struct tree_dir *dir = &s->req->dirs[i];
    struct tree_root *root = &s->t->roots[i];
    struct stat st;

    *root =
        (struct tree_root){.name = arena_strdup(s->t->arena, dir->name), .path = arena_strdup(s->t->arena, dir->path), .fd = -1};
    root->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->t->n_roots = i + 1;
    s->root = i;
    if (root->fd < 0 || fstat(root->fd, &st) < 0)
        return scan_err(s, errno, dir->path, e);
    root->stamp = tree_stamp_of(&st);
    if (*root->name && scan_add(s, MANIFEST_DIR, root->name, "", &st, NULL, e) < 0)
        return -1;
    return scan_dir(s, root->fd, root->name, "", e);
}

static int item_compare(const void *x, const void *y)
{
    return strcmp(((const struct tree_item *)x)->x.path, ((const struct tree_item *)y)->x.path);
}

/* What is to be done with links that lead outside, once all is known that they may lead to. */
static int scan_links(struct scan *s, struct err *e)
{
    struct tree *t = s->t;
    ARENA_AUTO a = arena_new();
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, t->n);
    bool *skip = ARENA_ARRAY(a, bool, t->n);
    size_t kept = 0;

    for (size_t i = 0; i < t->n; i++)
        v[i] = t->items[i].x;
    for (size_t i = 0; i < t->n_roots; i++)
        tree_links_apply(v, t->n, t->roots[i].name, s->req->links, &s->notes, skip);
    for (size_t i = 0; i < t->n; i++)
        if (!skip[i])
            t->items[kept++] = t->items[i];
    t->n = kept;
    return tree_notes_check(&s->notes, t->n_roots == 1 ? t->roots[0].path : "copying directories", e);
}

static int read_all(struct tree *t, const struct deadline *d, struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < t->n_roots && r == 0; i++) {
        struct tree_place *place = arena_alloc(t->arena, sizeof *place);

        tree_place_init(place, t->roots[i].fd);
        for (size_t j = 0; j < t->n && r == 0; j++)
            if (t->items[j].root == i && t->items[j].x.type == MANIFEST_FILE)
                r = tree_item_read(t, &t->items[j], place, d, NULL, NULL, e);
        tree_place_close(place);
    }
    return r < 0 ? -1 : tree_still(t, d, e);
}

static int scan_all(struct scan *s, struct err *e)
{
    struct tree *t = s->t;

    for (size_t i = 0; i < s->req->n_dirs; i++)
        if (scan_root(s, i, e) < 0)
            return -1;
    t->items = s->items.v;
    t->n = s->items.n;
    t->bytes = s->count.bytes;
    if (t->n > 1)
        qsort(t->items, t->n, sizeof *t->items, item_compare);
    if (scan_links(s, e) < 0)
        return -1;
    return s->req->digest ? read_all(t, &s->deadline, e) : 0;
}

static int check_dirs(const struct tree_scan_req *req, struct err *e)
{
    if (req->n_dirs == 0 || req->n_dirs > LIMIT_TREE_DIRS)
        return err_set(e, ERR_INPUT, 0, "copying directories: none, or more than %u", LIMIT_TREE_DIRS);
    for (size_t i = 0; i < req->n_dirs; i++) {
        const char *name = req->dirs[i].name;

        if (*name == '\0' ? req->n_dirs > 1 : manifest_path_flaw(name) || strchr(name, '/'))
            return err_set(e, ERR_INPUT, 0, "copying directories: a name that is none");
        for (size_t j = 0; j < i; j++)
            if (text_eq(name, req->dirs[j].name))
                return err_set(e, ERR_INPUT, 0, "copying directories: two have one name");
    }
    return 0;
}

int tree_scan(struct arena *a, const struct tree_scan_req *req, const struct call *c, struct tree **ret,
              struct tree_remarks *ret_remarks, struct err *e)
{
    struct scan s = {.req = req, .notes = {.arena = a}, .count = tree_count_start(&req->limits), .deadline = deadline_start(c)};
    int r;

    if (check_dirs(req, e) < 0)
        return -1;
    s.t = ARENA_NEW(a, struct tree);
    s.t->arena = a;
    s.t->roots = ARENA_ARRAY(a, struct tree_root, req->n_dirs);
    r = scan_all(&s, e);
    if (ret_remarks)
        *ret_remarks = tree_notes_get(&s.notes);
    if (r < 0) {
        tree_close(s.t);
        return -1;
    }
    *ret = s.t;
    return 0;
}

int tree_read(struct tree *t, const struct call *c, struct err *e)
{
    const struct deadline d = deadline_start(c);

    return read_all(t, &d, e);
}

static int64_t stamp_add(struct digest *d, const char *path, const char *target, const struct tree_stamp *s)
{
    char line[256];
    int n = snprintf(line, sizeof line, "%zu %zu %llx %llx %llx %o %lld.%09ld %lld.%09ld\n", strlen(path), strlen(target),
                     (unsigned long long)s->dev, (unsigned long long)s->ino, (unsigned long long)s->size, (unsigned)s->mode,
                     (long long)s->mtime.tv_sec, s->mtime.tv_nsec, (long long)s->ctime.tv_sec, s->ctime.tv_nsec);
    digest_update(d, line, (size_t)n);
    digest_update(d, path, strlen(path));
    digest_update(d, target, strlen(target));
    return (int64_t)s->ctime.tv_sec * 1000 + s->ctime.tv_nsec / 1000000;
}

void tree_stamp_digest(const struct tree *t, char ret[DIGEST_HEX], int64_t *ret_newest_ms)
{
    int64_t newest = INT64_MIN, at;
    struct digest d;

    digest_init(&d);
    for (size_t i = 0; i < t->n_roots; i++) {
        at = stamp_add(&d, t->roots[i].path, t->roots[i].name, &t->roots[i].stamp);
        newest = at > newest ? at : newest;
    }
    for (size_t i = 0; i < t->n; i++) {
        at = stamp_add(&d, t->items[i].x.path, t->items[i].x.target ? t->items[i].x.target : "", &t->items[i].stamp);
        newest = at > newest ? at : newest;
    }
    digest_final_hex(&d, ret);
    *ret_newest_ms = newest;
}

void tree_close(struct tree *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_roots; i++)
        if (t->roots[i].fd >= 0)
            close(t->roots[i].fd);
    t->n_roots = 0;
}

size_t tree_entries(const struct tree *t)
{
    return t->n;
}

uint64_t tree_bytes(const struct tree *t)
{
    return t->bytes;
}

const struct manifest *tree_manifest(struct tree *t)
{
    struct manifest_entry *v;
    struct manifest_dir *dirs;
    struct err e;

    if (t->manifest_made)
        return &t->manifest;
    v = ARENA_ARRAY(t->arena, struct manifest_entry, t->n);
    for (size_t i = 0; i < t->n; i++) {
        v[i] = t->items[i].x;
        if (v[i].type == MANIFEST_FILE && !v[i].digest)
            return NULL;
    }
    if (manifest_make(v, t->n, &t->manifest, &e) < 0)
        return NULL;
    dirs = ARENA_ARRAY(t->arena, struct manifest_dir, t->n_roots);
    for (size_t i = 0; i < t->n_roots; i++)
        if (*t->roots[i].name)
            dirs[t->manifest.n_dirs++] = (struct manifest_dir){.name = t->roots[i].name, .local = t->roots[i].path};
    t->manifest.dirs = dirs;
    t->manifest_made = true;
    return &t->manifest;
}

/* --- reading and looking again ------------------------------------------------------------------------------------------------
 */

/* The bytes of an open file, exactly as many as it has. */
static int read_bytes(struct tree *t, struct tree_item *x, int fd, const struct deadline *d, struct digest *sha,
                      int (*on_bytes)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, struct err *e)
{
    char buf[TREE_CHUNK];
    uint64_t left = x->x.size;
    int ms = 0;

    for (;;) {
        /* One byte more than is left, so that a file that grew is seen. */
        size_t want = left < sizeof buf ? (size_t)left + 1 : sizeof buf;
        ssize_t n = read(fd, buf, want);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "reading '%s'", tree_shown(t->arena, x->x.path));
        if (n == 0)
            return left == 0 ? 0 : tree_changed(t, x, e);
        if ((uint64_t)n > left)
            return tree_changed(t, x, e);
        digest_update(sha, buf, (size_t)n);
        if (on_bytes && on_bytes(ctx, buf, (size_t)n, e) < 0)
            return -1;
        left -= (uint64_t)n;
        if (deadline_slice(d, "reading files", &ms, e) < 0)
            return -1;
    }
}

static bool fd_is_still(int fd, const struct tree_stamp *stamp)
{
    struct tree_stamp now;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    now = tree_stamp_of(&st);
    return tree_stamp_equal(&now, stamp);
}

int tree_item_read(struct tree *t, struct tree_item *x, struct tree_place *place, const struct deadline *d,
                   int (*on_bytes)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, struct err *e)
{
    char hex[DIGEST_HEX];
    struct digest sha;
    const char *name;
    int dir = tree_place_parent(place, x->below, &name), fd, r;

    fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return is_race(errno) || errno == EACCES ? tree_changed(t, x, e)
                                                 : err_sys(e, ERR_IO, errno, "opening '%s'", tree_shown(t->arena, x->x.path));
    digest_init(&sha);
    r = fd_is_still(fd, &x->stamp) ? read_bytes(t, x, fd, d, &sha, on_bytes, ctx, e) : tree_changed(t, x, e);
    if (r == 0 && !fd_is_still(fd, &x->stamp))
        r = tree_changed(t, x, e);
    close(fd);
    if (r < 0)
        return -1;
    digest_final_hex(&sha, hex);
    if (x->x.digest && !text_eq(x->x.digest, hex))
        return tree_changed(t, x, e);
    if (!x->x.digest)
        x->x.digest = arena_memdup0(t->arena, hex, DIGEST_HEX - 1);
    return 0;
}

static int still_in(struct tree *t, size_t root, struct tree_place *place, const struct deadline *d, struct err *e)
{
    int ms = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct tree_item *x = &t->items[i];
        struct tree_stamp now;
        const char *name;
        struct stat st;
        int dir;

        if (x->root != root || *x->below == '\0')
            continue;
        if (deadline_slice(d, "looking at files again", &ms, e) < 0)
            return -1;
        dir = tree_place_parent(place, x->below, &name);
        if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return tree_changed(t, x, e);
        now = tree_stamp_of(&st);
        if (!tree_stamp_equal(&now, &x->stamp))
            return tree_changed(t, x, e);
    }
    if (!fd_is_still(t->roots[root].fd, &t->roots[root].stamp))
        return err_set(e, ERR_CONFLICT, 0, "'%s' changed while it was copied", tree_shown(t->arena, t->roots[root].path));
    return 0;
}

int tree_still(struct tree *t, const struct deadline *d, struct err *e)
{
    struct tree_place *place = arena_alloc(t->arena, sizeof *place);
    int r = 0;

    for (size_t i = 0; i < t->n_roots && r == 0; i++) {
        tree_place_init(place, t->roots[i].fd);
        r = still_in(t, i, place, d, e);
        tree_place_close(place);
    }
    return r;
}
