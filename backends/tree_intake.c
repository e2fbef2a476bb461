#include "backends/tree_intake.h"

#include "spec/manifest_diff.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TAR_BLOCK    512u
#define TAR_END      (2 * TAR_BLOCK) /* of zeros, at least */
#define TAR_TAIL_MAX (1u << 20)      /* and at most this many, to fill a tape's block */

/* The reader of one tar stream. */
struct tar {
    struct intake *in;
    const struct tree_stream *from;
    struct archive *tar;
    char *buf;              /* TREE_CHUNK */
    uint64_t n_read, zeros; /* bytes of the stream so far, and how many zeros it ends in */
    bool ended, failed;     /* the stream did; it said an error */
    struct err why;         /* where failed */
};

static int tar_fill(struct tar *t, size_t *ret_n)
{
    size_t n = 0, zeros = 0;
    int ms = 0;

    *ret_n = 0;
    if (t->failed)
        return -1;
    if (t->ended)
        return 0;
    if (deadline_slice(&t->in->deadline, "reading a tree", &ms, &t->why) < 0 ||
        t->from->read(t->from->ctx, t->buf, TREE_CHUNK, &n, &t->why) < 0) {
        t->failed = true;
        return -1;
    }
    t->ended = n == 0;
    t->n_read += n;
    while (zeros < n && t->buf[n - zeros - 1] == '\0')
        zeros++;
    t->zeros = zeros == n ? t->zeros + n : zeros;
    *ret_n = n;
    return 0;
}

static la_ssize_t on_read(struct archive *tar, void *ctx, const void **ret)
{
    struct tar *t = ctx;
    size_t n;

    if (tar_fill(t, &n) < 0)
        return -1;
    *ret = t->buf;
    return (la_ssize_t)n;
}

static int tar_failed(struct tar *t, struct err *e)
{
    const char *text = archive_error_string(t->tar);

    if (t->failed)
        *e = t->why;
    else
        err_set(e, ERR_INPUT, 0, "reading a tar stream: %s", text ? text : "it is damaged");
    return -1;
}

static int bad(struct intake *in, const char *path, const char *flaw, struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "reading a tar stream: '%s' %s", tree_shown(in->arena, path), flaw);
}

/* "./a//b/" -> "a/b"; "." -> "". Empty and "." parts mean nothing, ".." and a leading slash are refused. NULL with e. */
static char *clean_path(struct intake *in, const char *path, struct err *e)
{
    char *out = arena_alloc(in->arena, strlen(path) + 1);
    const char *flaw;
    size_t n = 0;

    if (*path == '/')
        return bad(in, path, "is absolute", e), NULL;
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");

        if (len > 0 && !(len == 1 && *p == '.')) {
            if (n > 0)
                out[n++] = '/';
            memcpy(out + n, p, len);
            n += len;
        }
        p += len + (p[len] == '/');
    }
    out[n] = '\0';
    flaw = n > 0 ? manifest_path_flaw(out) : NULL;
    return flaw ? (bad(in, path, flaw, e), NULL) : out;
}

/* --- entries ------------------------------------------------------------------------------------------------------------------
 */

static int take_file(struct tar *t, struct intake_item *x, struct err *e)
{
    struct intake *in = t->in;
    char hex[DIGEST_HEX];
    uint64_t n_done = 0;
    struct digest sha;

    if (in->on_file && in->on_file(in->ctx, x->x.path, e) < 0)
        return -1;
    digest_init(&sha);
    for (;;) {
        const void *p;
        size_t n;
        la_int64_t at;
        int ms, r = archive_read_data_block(t->tar, &p, &n, &at);

        if (r == ARCHIVE_EOF)
            break;
        if (r < ARCHIVE_WARN)
            return tar_failed(t, e);
        if (deadline_slice(&in->deadline, "reading a tree", &ms, e) < 0)
            return -1;
        /* A hole costs the sender nothing and us all its zeros: no tar that we ask for has any. */
        if ((uint64_t)at != n_done || n > x->x.size - n_done)
            return bad(in, x->x.path, "is sparse, or not as long as it says", e);
        digest_update(&sha, p, n);
        if (n > 0 && in->on_bytes && in->on_bytes(in->ctx, p, n, e) < 0)
            return -1;
        n_done += n;
    }
    if (n_done != x->x.size)
        return bad(in, x->x.path, "is sparse, or not as long as it says", e);
    digest_final_hex(&sha, hex);
    x->x.digest = arena_memdup0(in->arena, hex, DIGEST_HEX - 1);
    return in->on_file_end ? in->on_file_end(in->ctx, e) : 0;
}

static int take_alias(struct intake *in, const char *path, const char *target, size_t seq, struct err *e)
{
    struct intake_alias *x = VEC_ADD(in->arena, &in->aliases);

    x->path = path;
    x->seq = seq;
    x->target = clean_path(in, target, e);
    if (!x->target)
        return -1;
    /* Its size counts when it is known. */
    return tree_count_add(&in->count, path, x->target, 0, e);
}

static int take_special(struct intake *in, const char *path, struct err *e)
{
    tree_note(&in->notes, path, false, "is a socket, FIFO or device: left out");
    return tree_count_add(&in->count, path, NULL, 0, e);
}

static int take_entry(struct tar *t, struct archive_entry *h, size_t seq, struct err *e)
{
    struct intake *in = t->in;
    const char *raw = archive_entry_pathname(h), *alias = archive_entry_hardlink(h), *target = archive_entry_symlink(h);
    const mode_t type = archive_entry_filetype(h);
    const la_int64_t size = archive_entry_size(h);
    struct intake_item *x;
    char *path;

    if (!raw || size < 0)
        return err_set(e, ERR_INPUT, 0, "reading a tar stream: an entry without a name or size");
    path = clean_path(in, raw, e);
    if (!path)
        return -1;
    if (*path == '\0')
        return type == AE_IFDIR && !alias ? tree_count_add(&in->count, "", NULL, 0, e) : bad(in, raw, "is no directory", e);
    if (alias)
        return take_alias(in, path, alias, seq, e);
    if (type != AE_IFDIR && type != AE_IFREG && type != AE_IFLNK)
        return take_special(in, path, e);
    x = VEC_ADD(in->arena, &in->items);
    x->seq = seq;
    x->mtime = archive_entry_mtime_is_set(h) ? archive_entry_mtime(h) : 0;
    x->x.path = path;
    if (type != AE_IFLNK)
        x->x.mode = archive_entry_perm(h) & (in->req->special_modes ? 07777 : 0777);
    if (type == AE_IFLNK) {
        x->x.type = MANIFEST_LINK;
        if (!target || *target == '\0' || strlen(target) > LIMIT_TREE_PATH)
            return bad(in, path, "is a link whose target is empty or too long", e);
        x->x.target = arena_strdup(in->arena, target);
    } else {
        x->x.type = type == AE_IFDIR ? MANIFEST_DIR : MANIFEST_FILE;
        x->x.size = type == AE_IFDIR ? 0 : (uint64_t)size;
    }
    if (tree_count_add(&in->count, path, x->x.target, x->x.size, e) < 0)
        return -1;
    if (type == AE_IFDIR)
        return in->on_dir ? in->on_dir(in->ctx, path, e) : 0;
    return type == AE_IFREG ? take_file(t, x, e) : 0;
}

/* The library takes a stream that ends between two entries for whole. It is only with its two blocks of zeros, after which
 * nothing but zeros may come. */
static int check_end(struct tar *t, struct err *e)
{
    const uint64_t end = (uint64_t)archive_read_header_position(t->tar);
    size_t n = 0;

    do {
        if (tar_fill(t, &n) < 0)
            return tar_failed(t, e);
    } while (n > 0 && t->n_read - end <= TAR_TAIL_MAX);
    if (n > 0)
        return err_set(e, ERR_INPUT, 0, "reading a tar stream: it goes on behind its end");
    if (t->n_read - end < TAR_END)
        return err_set(e, ERR_INPUT, 0, "reading a tar stream: it is cut: its end is missing");
    if (t->zeros < t->n_read - end)
        return err_set(e, ERR_INPUT, 0, "reading a tar stream: it goes on behind its end");
    return 0;
}

static int tar_entries(struct tar *t, struct err *e)
{
    if (archive_read_support_format_tar(t->tar) != ARCHIVE_OK ||
        archive_read_open2(t->tar, t, NULL, on_read, NULL, NULL) != ARCHIVE_OK)
        return tar_failed(t, e);
    for (size_t seq = 0;; seq++) {
        struct archive_entry *h;
        int ms, r = archive_read_next_header(t->tar, &h);

        if (r == ARCHIVE_EOF)
            return check_end(t, e);
        /* A warning is that a name is not of the locale's charset; it is taken as the bytes that it is. */
        if (r < ARCHIVE_WARN)
            return tar_failed(t, e);
        if (deadline_slice(&t->in->deadline, "reading a tree", &ms, e) < 0 || take_entry(t, h, seq, e) < 0)
            return -1;
    }
}

static int tar_run(struct intake *in, const struct tree_stream *from, struct err *e)
{
    struct tar t = {.in = in, .from = from, .tar = archive_read_new(), .buf = malloc(TREE_CHUNK)};
    int r;

    if (!t.tar || !t.buf)
        abort();
    r = tar_entries(&t, e);
    archive_read_free(t.tar);
    free(t.buf);
    return r;
}

/* --- the whole -----------------------------------------------------------------------------------------------------------------
 */

static int item_compare(const void *x, const void *y)
{
    return strcmp(((const struct intake_item *)x)->x.path, ((const struct intake_item *)y)->x.path);
}

static void sort_items(struct intake *in)
{
    if (in->items.n > 1)
        qsort(in->items.v, in->items.n, sizeof *in->items.v, item_compare);
}

static const struct intake_item *find_item(const struct intake *in, size_t n, const char *path)
{
    const struct intake_item key = {.x.path = path};

    return n > 0 ? bsearch(&key, in->items.v, n, sizeof *in->items.v, item_compare) : NULL;
}

static int apply_aliases(struct intake *in, struct err *e)
{
    const size_t n = in->items.n;

    for (size_t i = 0; i < in->aliases.n; i++) {
        const struct intake_alias *alias = &in->aliases.v[i];
        const struct intake_item *same = find_item(in, n, alias->target);
        struct intake_item x;

        if (!same || same->x.type == MANIFEST_DIR)
            return bad(in, alias->path, "is a hard link to what is no file of the stream", e);
        x = *same;
        x.x.path = alias->path;
        x.seq = alias->seq;
        in->count.entries--; /* was counted with its name */
        if (tree_count_add(&in->count, "", x.x.target, x.x.size, e) < 0)
            return -1;
        if (x.x.type == MANIFEST_FILE && in->on_copy && in->on_copy(in->ctx, same->x.path, alias->path, e) < 0)
            return -1;
        VEC_PUSH(in->arena, &in->items, x);
    }
    sort_items(in);
    return 0;
}

/* One who writes as he reads has no directory yet for what comes before it; who only reads must not say otherwise. */
static int check_order(struct intake *in, struct err *e)
{
    for (size_t i = 0; i < in->items.n; i++) {
        const struct intake_item *x = &in->items.v[i], *parent;
        const char *slash = strrchr(x->x.path, '/');

        if (i > 0 && text_eq(in->items.v[i - 1].x.path, x->x.path))
            return bad(in, x->x.path, "is there twice", e);
        if (!slash)
            continue;
        parent = find_item(in, in->items.n, arena_memdup0(in->arena, x->x.path, (size_t)(slash - x->x.path)));
        if (!parent || parent->x.type != MANIFEST_DIR || parent->seq > x->seq)
            return bad(in, x->x.path, "does not come after its directory", e);
    }
    return 0;
}

static int apply_links(struct intake *in, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, in->items.n);
    bool *skip = ARENA_ARRAY(a, bool, in->items.n);
    size_t kept = 0;

    for (size_t i = 0; i < in->items.n; i++)
        v[i] = in->items.v[i].x;
    tree_links_apply(v, in->items.n, "", in->req->links, &in->notes, skip);
    for (size_t i = 0; i < in->items.n; i++)
        if (!skip[i])
            in->items.v[kept++] = in->items.v[i];
    in->items.n = kept;
    return tree_notes_check(&in->notes, "reading a tar stream", e);
}

int intake_run(struct intake *in, const struct tree_stream *from, struct err *e)
{
    struct tree_stream plain = *from;
    struct unpack *u = NULL;
    int r;

    if (in->req->compressed) {
        if (unpack_open(from, &u, e) < 0)
            return -1;
        plain = unpack_stream(u);
    }
    r = tar_run(in, &plain, e);
    unpack_close(u);
    if (r < 0)
        return -1;
    sort_items(in);
    return apply_aliases(in, e) < 0 || check_order(in, e) < 0 || apply_links(in, e) < 0 ? -1 : 0;
}

int intake_manifest(struct intake *in, struct manifest *ret, struct err *e)
{
    struct manifest_entry *v = ARENA_ARRAY(in->arena, struct manifest_entry, in->items.n);
    struct manifest m;

    for (size_t i = 0; i < in->items.n; i++)
        v[i] = in->items.v[i].x;
    if (manifest_make(v, in->items.n, &m, e) < 0)
        return err_wrap(e, "reading a tar stream");
    if (in->req->expect && !text_eq(in->req->expect->tree, m.tree)) {
        ARENA_AUTO a = arena_new();
        struct manifest_changes c = manifest_compare(a, in->req->expect, &m);
        BUF_AUTO b = BUF_INIT(900);

        manifest_changes_format(&b, &c, 4);
        for (char *p = b.s; p && *p; p++)
            *p = *p == '\n' ? ';' : *p;
        return err_set(e, ERR_CONFLICT, 0, "reading a tar stream: not what was expected:%s", buf_str(&b));
    }
    *ret = m;
    return 0;
}

int tree_index(struct arena *a, const struct tree_read_req *req, const struct tree_stream *from, const struct call *c,
               struct manifest *ret, struct tree_remarks *ret_remarks, struct err *e)
{
    struct intake in = {
        .arena = a, .req = req, .deadline = deadline_start(c), .count = tree_count_start(&req->limits), .notes = {.arena = a}};
    int r = intake_run(&in, from, e);

    if (ret_remarks)
        *ret_remarks = tree_notes_get(&in.notes);
    return r < 0 ? -1 : intake_manifest(&in, ret, e);
}
