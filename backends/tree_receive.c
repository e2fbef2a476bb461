#include "backends/tree_intake.h"
#include "backends/tree_part.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The temporary directory that is being filled. Links are made last, so that there is none to be followed. */
struct receiver {
    struct arena *arena;
    struct tree_part part;
    int root;
    struct tree_place *place;
    int file; /* that is being written, or -1 */
    const char *file_path;
};

static int receive_err(struct receiver *r, const char *path, struct err *e)
{
    const int sys = errno;

    if (sys == EEXIST)
        return err_set(e, ERR_INPUT, 0, "reading a tar stream: '%s' is there twice", tree_shown(r->arena, path));
    if (sys == ENOENT || sys == ENOTDIR || sys == ELOOP)
        return err_set(e, ERR_INPUT, 0, "reading a tar stream: '%s' does not come after its directory",
                       tree_shown(r->arena, path));
    return err_sys(e, ERR_IO, sys, "writing '%s'", tree_shown(r->arena, path));
}

static int make_dir(void *ctx, const char *path, struct err *e)
{
    struct receiver *r = ctx;
    const char *name;
    int dir = tree_place_parent(r->place, path, &name);

    return dir < 0 || mkdirat(dir, name, 0700) < 0 ? receive_err(r, path, e) : 0;
}

static int make_file(void *ctx, const char *path, struct err *e)
{
    struct receiver *r = ctx;
    const char *name;
    int dir = tree_place_parent(r->place, path, &name);

    r->file = dir < 0 ? -1 : openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    r->file_path = path;
    return r->file < 0 ? receive_err(r, path, e) : 0;
}

static int put_bytes(void *ctx, const void *p, size_t n, struct err *e)
{
    struct receiver *r = ctx;
    const char *s = p;

    while (n > 0) {
        ssize_t done = write(r->file, s, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return receive_err(r, r->file_path, e);
        s += done;
        n -= (size_t)done;
    }
    return 0;
}

static int end_file(void *ctx, struct err *e)
{
    struct receiver *r = ctx;
    int fd = r->file;

    r->file = -1;
    return close(fd) < 0 ? receive_err(r, r->file_path, e) : 0;
}

static int copy_file(void *ctx, const char *from, const char *to, struct err *e)
{
    struct receiver *r = ctx;
    char buf[TREE_CHUNK];
    const char *name;
    int dir = tree_place_parent(r->place, from, &name), in, ret = 0;
    ssize_t n;

    in = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return receive_err(r, from, e);
    if (make_file(r, to, e) < 0) {
        close(in);
        return -1;
    }
    while (ret == 0 && (n = read(in, buf, sizeof buf)) != 0)
        ret = n < 0 ? (errno == EINTR ? 0 : receive_err(r, from, e)) : put_bytes(r, buf, (size_t)n, e);
    close(in);
    return ret < 0 ? -1 : end_file(r, e);
}

/* Links, and then modes and times, what is inside a directory before itself. */
static int finish_items(struct receiver *r, const struct intake *in, struct err *e)
{
    for (size_t i = 0; i < in->items.n; i++) {
        const struct manifest_entry *x = &in->items.v[i].x;
        const char *name;
        int dir;

        if (x->type != MANIFEST_LINK)
            continue;
        dir = tree_place_parent(r->place, x->path, &name);
        if (dir < 0 || symlinkat(x->target, dir, name) < 0)
            return receive_err(r, x->path, e);
    }
    for (size_t i = in->items.n; i-- > 0;) {
        const struct intake_item *x = &in->items.v[i];
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = x->mtime}};
        const char *name;
        int dir = tree_place_parent(r->place, x->x.path, &name);

        /* Times that the file system cannot hold are no reason to have nothing. */
        if (dir < 0 || (x->x.type != MANIFEST_LINK && fchmodat(dir, name, x->x.mode, 0) < 0))
            return receive_err(r, x->x.path, e);
        (void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
    }
    return 0;
}

static int begin(struct receiver *r, const char *dir, struct err *e)
{
    if (tree_part_open(dir, &r->part, e) < 0)
        return -1;
    if (mkdirat(r->part.parent, r->part.part, 0700) < 0 ||
        (r->root = openat(r->part.parent, r->part.part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        return err_sys(e, ERR_IO, errno, "making '%s'", tree_shown(r->arena, dir));
    r->place = ARENA_NEW(r->arena, struct tree_place);
    tree_place_init(r->place, r->root);
    return 0;
}

static int publish(struct receiver *r, struct err *e)
{
    /* One call for all files, where one for each would be a wait for each. */
    if (syncfs(r->root) < 0)
        return err_sys(e, ERR_IO, errno, "writing a tree to disk");
    return tree_part_publish(&r->part, e);
}

static void end(struct receiver *r)
{
    if (r->file >= 0)
        close(r->file);
    if (r->place)
        tree_place_close(r->place);
    if (r->root >= 0)
        close(r->root);
    tree_part_close(&r->part);
}

int tree_receive(struct arena *a, const struct tree_read_req *req, const struct tree_stream *from, const char *dir,
                 const struct call *c, struct manifest *ret, struct tree_remarks *ret_remarks, struct err *e)
{
    struct receiver r = {.arena = a, .part.parent = -1, .root = -1, .file = -1};
    struct intake in = {.arena = a,
                        .req = req,
                        .deadline = deadline_start(c),
                        .count = tree_count_start(&req->limits),
                        .notes = {.arena = a},
                        .on_dir = make_dir,
                        .on_file = make_file,
                        .on_bytes = put_bytes,
                        .on_file_end = end_file,
                        .on_copy = copy_file,
                        .ctx = &r};
    struct manifest m;
    int ok;

    ok = begin(&r, dir, e) == 0 && intake_run(&in, from, e) == 0 && intake_manifest(&in, &m, e) == 0 &&
         finish_items(&r, &in, e) == 0 && publish(&r, e) == 0;
    if (ret_remarks)
        *ret_remarks = tree_notes_get(&in.notes);
    end(&r);
    if (!ok)
        return -1;
    *ret = m;
    return 0;
}
