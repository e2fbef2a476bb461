#include "backends/tree_intake.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

struct unpack {
    struct tree_stream from;
    struct archive *raw;
    char *buf; /* TREE_CHUNK */
    bool begun, failed;
    struct err why; /* where failed */
};

static la_ssize_t on_read(struct archive *raw, void *ctx, const void **ret)
{
    struct unpack *u = ctx;
    size_t n = 0;

    if (u->failed || u->from.read(u->from.ctx, u->buf, TREE_CHUNK, &n, &u->why) < 0) {
        u->failed = true;
        return -1;
    }
    *ret = u->buf;
    return (la_ssize_t)n;
}

static int unpack_failed(struct unpack *u, struct err *e)
{
    const char *text = archive_error_string(u->raw);

    if (u->failed)
        *e = u->why;
    else
        err_set(e, ERR_INPUT, 0, "unpacking a stream: %s", text ? text : "it is damaged");
    return -1;
}

/* The stream is looked at only when it is read, so that an error there has the same way as any other. */
static int unpack_begin(struct unpack *u, struct err *e)
{
    struct archive_entry *h;

    if (archive_read_open2(u->raw, u, NULL, on_read, NULL, NULL) != ARCHIVE_OK ||
        archive_read_next_header(u->raw, &h) < ARCHIVE_WARN)
        return unpack_failed(u, e);
    if (archive_filter_code(u->raw, 0) == ARCHIVE_FILTER_NONE)
        return err_set(e, ERR_INPUT, 0, "unpacking a stream: it is neither gzip nor zstd");
    u->begun = true;
    return 0;
}

static int unpack_read(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{
    struct unpack *u = ctx;
    la_ssize_t n;

    if (!u->begun && unpack_begin(u, e) < 0)
        return -1;
    n = archive_read_data(u->raw, p, max);
    if (n < 0)
        return unpack_failed(u, e);
    *ret_n = (size_t)n;
    return 0;
}

int unpack_open(const struct tree_stream *from, struct unpack **ret, struct err *e)
{
    struct unpack *u = calloc(1, sizeof *u);

    if (!u || !(u->buf = malloc(TREE_CHUNK)))
        abort();
    u->from = *from;
    u->raw = archive_read_new();
    if (!u->raw || archive_read_support_format_raw(u->raw) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(u->raw) != ARCHIVE_OK || archive_read_support_filter_zstd(u->raw) != ARCHIVE_OK) {
        unpack_close(u);
        return err_set(e, ERR_UNSUPPORTED, 0, "unpacking a stream: the archive library lacks gzip or zstd");
    }
    *ret = u;
    return 0;
}

struct tree_stream unpack_stream(struct unpack *u)
{
    return (struct tree_stream){.read = unpack_read, .ctx = u};
}

void unpack_close(struct unpack *u)
{
    if (!u)
        return;
    if (u->raw)
        archive_read_free(u->raw);
    free(u->buf);
    free(u);
}
