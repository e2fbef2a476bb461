#include "backends/tree_local.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The writer of one tar stream. What the sink says is kept, since the library only passes on that it failed; and the library is
 * not told, since one that was never frees its buffer: what it still gives goes nowhere. */
struct sender {
    struct tree *t;
    const struct tree_sink *to;
    struct deadline deadline;
    struct archive *tar;
    struct archive_entry *entry;
    bool failed;
    struct err why; /* where failed */
};

static la_ssize_t on_write(struct archive *tar, void *ctx, const void *p, size_t n)
{
    struct sender *s = ctx;
    int ms = 0;

    if (!s->failed &&
        (deadline_slice(&s->deadline, "sending a tree", &ms, &s->why) < 0 || s->to->write(s->to->ctx, p, n, &s->why) < 0))
        s->failed = true;
    return (la_ssize_t)n;
}

static int send_failed(struct sender *s, struct err *e)
{
    const char *text = archive_error_string(s->tar);

    if (s->failed)
        *e = s->why;
    else
        err_set(e, ERR_IO, archive_errno(s->tar), "writing a tar stream: %s", text ? text : "no reason given");
    return -1;
}

static int on_bytes(void *ctx, const void *p, size_t n, struct err *e)
{
    struct sender *s = ctx;

    return archive_write_data(s->tar, p, n) == (la_ssize_t)n && !s->failed ? 0 : send_failed(s, e);
}

static int send_header(struct sender *s, const struct tree_item *x, const char *name, struct err *e)
{
    static const unsigned types[MANIFEST_TYPE_COUNT] = {
        [MANIFEST_DIR] = AE_IFDIR, [MANIFEST_FILE] = AE_IFREG, [MANIFEST_LINK] = AE_IFLNK};
    struct archive_entry *h = archive_entry_clear(s->entry);

    archive_entry_copy_pathname(h, name);
    archive_entry_set_filetype(h, types[x->x.type]);
    archive_entry_set_perm(h, x->x.type == MANIFEST_LINK ? 0777 : (mode_t)x->x.mode);
    archive_entry_set_size(h, (la_int64_t)x->x.size);
    /* Times before 1970 are refused or warned of by what reads it. */
    archive_entry_set_mtime(h, x->stamp.mtime.tv_sec > 0 ? x->stamp.mtime.tv_sec : 0, 0);
    if (x->x.type == MANIFEST_LINK)
        archive_entry_copy_symlink(h, x->x.target);
    return archive_write_header(s->tar, h) < ARCHIVE_WARN || s->failed ? send_failed(s, e) : 0;
}

static int send_item(struct sender *s, struct tree_item *x, const char *name, struct tree_place *place, struct err *e)
{
    char target[LIMIT_TREE_PATH + 1];
    const char *last;
    ssize_t n;
    int dir;

    switch (x->x.type) {
    case MANIFEST_DIR:
        break;
    case MANIFEST_LINK:
        dir = tree_place_parent(place, x->below, &last);
        n = dir < 0 ? -1 : readlinkat(dir, last, target, sizeof target);
        if (n < 0 || (size_t)n != strlen(x->x.target) || memcmp(target, x->x.target, (size_t)n) != 0)
            return tree_changed(s->t, x, e);
        break;
    case MANIFEST_FILE:
        if (send_header(s, x, name, e) < 0 || tree_item_read(s->t, x, place, &s->deadline, on_bytes, s, e) < 0)
            return -1;
        return archive_write_finish_entry(s->tar) < ARCHIVE_WARN || s->failed ? send_failed(s, e) : 0;
    case MANIFEST_TYPE_COUNT:
        abort();
    }
    return send_header(s, x, name, e);
}

/* The name that an entry has in the stream, or NULL where it is not sent. */
static const char *name_in_stream(const struct tree_item *x, const char *dir, const struct tree_root *root)
{
    if (!dir)
        return x->x.path;
    return text_eq(root->name, dir) && *x->below ? x->below : NULL;
}

static int send_items(struct sender *s, const char *dir, struct err *e)
{
    struct tree *t = s->t;
    struct tree_place *places = ARENA_ARRAY(t->arena, struct tree_place, t->n_roots);
    int r = 0, ms = 0;

    for (size_t i = 0; i < t->n_roots; i++)
        tree_place_init(&places[i], t->roots[i].fd);
    for (size_t i = 0; i < t->n && r == 0; i++) {
        struct tree_item *x = &t->items[i];
        const char *name = name_in_stream(x, dir, &t->roots[x->root]);

        if (name)
            r = deadline_slice(&s->deadline, "sending a tree", &ms, e) < 0 ? -1 : send_item(s, x, name, &places[x->root], e);
    }
    for (size_t i = 0; i < t->n_roots; i++)
        tree_place_close(&places[i]);
    if (r < 0 || tree_still(t, &s->deadline, e) < 0)
        return -1;
    /* Only now the end of the stream: what is not whole must not look whole at the other side either. */
    return archive_write_close(s->tar) != ARCHIVE_OK || s->failed ? send_failed(s, e) : 0;
}

int tree_send(struct tree *t, const char *dir, const struct tree_sink *to, const struct call *c, struct err *e)
{
    struct sender s = {.t = t, .to = to, .deadline = deadline_start(c)};
    bool known = !dir;
    int r;

    for (size_t i = 0; i < t->n_roots; i++)
        known |= text_eq(t->roots[i].name, dir);
    if (!known)
        return err_set(e, ERR_INPUT, 0, "sending a tree: it has no such directory");
    s.tar = archive_write_new();
    s.entry = archive_entry_new();
    if (!s.tar || !s.entry || archive_write_set_format_gnutar(s.tar) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(s.tar, TREE_CHUNK) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(s.tar, 1) != ARCHIVE_OK ||
        archive_write_open2(s.tar, &s, NULL, on_write, NULL, NULL) != ARCHIVE_OK)
        r = err_set(e, ERR_IO, 0, "beginning a tar stream");
    else
        r = send_items(&s, dir, e);
    s.failed = true; /* where it failed, freeing would write what is left, and the end, to the sink */
    archive_entry_free(s.entry);
    if (s.tar)
        archive_write_free(s.tar);
    return r;
}
