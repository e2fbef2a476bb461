#include "backends/tree_part.h"
#include "backends/tree_walk.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a file as a stream --------------------------------------------------------------------------------------------------- */

struct tree_file {
    int fd;
    struct digest sha; /* of what was read so far */
};

static int file_read(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{
    struct tree_file *f = ctx;
    ssize_t n;

    do
        n = read(f->fd, p, max);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(e, ERR_IO, errno, "reading an archive");
    digest_update(&f->sha, p, (size_t)n);
    *ret_n = (size_t)n;
    return 0;
}

int tree_file_open(const char *path, struct tree_file **ret, struct err *e)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ARENA_AUTO a = arena_new();
    struct tree_file *f;
    struct stat st;

    if (fd < 0)
        return err_sys(e, err_class_of_errno(errno), errno, "opening '%s'", tree_shown(a, path));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_INPUT, 0, "'%s' is no file", tree_shown(a, path));
    }
    f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->fd = fd;
    digest_init(&f->sha);
    *ret = f;
    return 0;
}

struct tree_stream tree_file_stream(struct tree_file *f)
{
    return (struct tree_stream){.read = file_read, .ctx = f};
}

void tree_file_close(struct tree_file *f)
{
    if (!f)
        return;
    close(f->fd);
    free(f);
}

/* --- a compressed file ---------------------------------------------------------------------------------------------------- */

struct tree_archive {
    struct tree_part part;
    int fd;
    struct archive *raw; /* NULL once it is closed */
    uint64_t n;          /* bytes of the file */
    struct digest sha;   /* of the file */
    bool failed;
    struct err why; /* where failed */
};

static la_ssize_t on_write(struct archive *raw, void *ctx, const void *p, size_t n)
{
    struct tree_archive *w = ctx;
    ssize_t done;

    /* The library is not told of a failure, since one that was never frees its buffer. */
    if (w->failed)
        return (la_ssize_t)n;
    do
        done = write(w->fd, p, n);
    while (done < 0 && errno == EINTR);
    if (done < 0) {
        err_sys(&w->why, ERR_IO, errno, "writing an archive");
        w->failed = true;
        return (la_ssize_t)n;
    }
    digest_update(&w->sha, p, (size_t)done);
    w->n += (uint64_t)done;
    return done;
}

static int archive_failed(struct tree_archive *w, struct err *e)
{
    const char *text = archive_error_string(w->raw);

    if (!w->failed)
        err_set(&w->why, ERR_IO, 0, "writing an archive: %s", text ? text : "no reason given");
    w->failed = true; /* nothing that follows makes it whole */
    *e = w->why;
    return -1;
}

static int archive_put(void *ctx, const void *p, size_t n, struct err *e)
{
    struct tree_archive *w = ctx;

    if (w->failed || archive_write_data(w->raw, p, n) != (la_ssize_t)n || w->failed)
        return archive_failed(w, e);
    return 0;
}

static int archive_begin(struct tree_archive *w, enum tree_coding coding, struct err *e)
{
    static int (*const filters[TREE_CODING_COUNT])(struct archive *) = {
        [TREE_ZSTD] = archive_write_add_filter_zstd, [TREE_GZIP] = archive_write_add_filter_gzip};
    struct archive_entry *h = archive_entry_new();
    int r;

    if (!w->raw || !h)
        abort();
    archive_entry_set_pathname(h, "tar");
    archive_entry_set_filetype(h, AE_IFREG);
    r = filters[coding](w->raw);
    if (r == ARCHIVE_OK && coding == TREE_GZIP) /* no clock in it */
        r = archive_write_set_filter_option(w->raw, "gzip", "timestamp", NULL);
    if (r != ARCHIVE_OK)
        err_set(e, ERR_UNSUPPORTED, 0, "writing an archive: the archive library lacks gzip or zstd");
    else if (archive_write_set_format_raw(w->raw) != ARCHIVE_OK ||
             archive_write_set_bytes_in_last_block(w->raw, 1) != ARCHIVE_OK ||
             archive_write_set_bytes_per_block(w->raw, TREE_CHUNK) != ARCHIVE_OK ||
             archive_write_open2(w->raw, w, NULL, on_write, NULL, NULL) != ARCHIVE_OK ||
             archive_write_header(w->raw, h) != ARCHIVE_OK)
        r = archive_failed(w, e);
    archive_entry_free(h);
    return r == ARCHIVE_OK ? 0 : -1;
}

int tree_archive_open(const char *path, enum tree_coding coding, struct tree_archive **ret, struct err *e)
{
    struct tree_archive *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    w->fd = -1;
    digest_init(&w->sha);
    if (tree_part_open(path, &w->part, e) < 0) {
        free(w);
        return -1;
    }
    w->fd = openat(w->part.parent, w->part.part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    w->raw = archive_write_new();
    if (w->fd < 0)
        err_sys(e, ERR_IO, errno, "making an archive");
    if (w->fd < 0 || archive_begin(w, coding, e) < 0) {
        tree_archive_close(w);
        return -1;
    }
    *ret = w;
    return 0;
}

struct tree_sink tree_archive_sink(struct tree_archive *w)
{
    return (struct tree_sink){.write = archive_put, .ctx = w};
}

/* Read back from the disk, not from what the kernel still remembers of the writing. */
static int archive_read_back(struct arena *a, struct tree_archive *w, const struct tree_read_req *req, const struct call *c,
                             struct manifest *ret, char ret_digest[DIGEST_HEX], struct err *e)
{
    struct tree_file f = {.fd = w->fd};
    struct tree_stream from = tree_file_stream(&f);
    struct tree_read_req packed = *req;
    char written[DIGEST_HEX], rest[512];
    size_t n = 0;

    packed.compressed = true;
    digest_init(&f.sha);
    (void)posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (lseek(w->fd, 0, SEEK_SET) != 0)
        return err_sys(e, ERR_IO, errno, "reading an archive back");
    if (tree_index(a, &packed, &from, c, ret, NULL, e) < 0 || from.read(from.ctx, rest, sizeof rest, &n, e) < 0)
        return err_wrap(e, "reading an archive back");
    digest_final_hex(&f.sha, ret_digest);
    digest_final_hex(&w->sha, written);
    if (n > 0 || !text_eq(ret_digest, written))
        return err_set(e, ERR_IO, 0, "reading an archive back: it is not what was written");
    return 0;
}

int tree_archive_commit(struct arena *a, struct tree_archive *w, const struct tree_read_req *req, const struct call *c,
                        struct manifest *ret, struct tree_archive_info *ret_info, struct err *e)
{
    struct tree_archive_info info = {0};
    struct manifest m;

    if (w->failed || archive_write_close(w->raw) != ARCHIVE_OK || w->failed)
        return archive_failed(w, e);
    info.bytes = w->n;
    if (fsync(w->fd) < 0)
        return err_sys(e, ERR_IO, errno, "writing an archive to disk");
    if (archive_read_back(a, w, req, c, &m, info.digest, e) < 0 || tree_part_publish(&w->part, e) < 0)
        return -1;
    *ret = m;
    if (ret_info)
        *ret_info = info;
    return 0;
}

void tree_archive_close(struct tree_archive *w)
{
    if (!w)
        return;
    if (!w->failed)
        err_set(&w->why, ERR_CANCELLED, 0, "writing an archive: it was given up");
    w->failed = true; /* freeing would write what is left */
    archive_write_free(w->raw);
    if (w->fd >= 0)
        close(w->fd);
    tree_part_close(&w->part);
    free(w);
}
