/* tree_intake: a tar stream, entry by entry, as nothing but checked names and bytes; what is done with them is its user's. For
 * tree*.c alone. */
#ifndef RECONCLAW_BACKENDS_TREE_INTAKE_H
#define RECONCLAW_BACKENDS_TREE_INTAKE_H

#include "backends/tree_walk.h"

struct intake_item {
    struct manifest_entry x;
    size_t seq;    /* its place in the stream */
    int64_t mtime; /* seconds */
};

/* Another name of what came under `target`. */
struct intake_alias {
    const char *path, *target;
    size_t seq;
};

struct intake {
    struct arena *arena;
    const struct tree_read_req *req;
    struct deadline deadline;
    struct tree_count count;
    struct tree_notes notes;
    VEC(struct intake_item) items;
    VEC(struct intake_alias) aliases;
    /* NULL: nothing is done with it. Links are only told at the end, in items: they may yet be skipped. */
    int (*on_dir)(void *ctx, const char *path, struct err *e);
    int (*on_file)(void *ctx, const char *path, struct err *e); /* then on_bytes, then on_file_end */
    int (*on_bytes)(void *ctx, const void *p, size_t n, struct err *e);
    int (*on_file_end)(void *ctx, struct err *e);
    int (*on_copy)(void *ctx, const char *from, const char *to, struct err *e); /* of a file that ended, for a hard link */
    void *ctx;
};

/* Reads the stream to its end and checks it as a whole. On 0 items are by path, aliases are items of their own, and links that
 * the request does not let in are gone. */
int intake_run(struct intake *in, const struct tree_stream *from, struct err *e);
/* The manifest, compared with what is expected. */
int intake_manifest(struct intake *in, struct manifest *ret, struct err *e);

/* What a stream of gzip or zstd holds, as a stream. */
struct unpack;
int unpack_open(const struct tree_stream *from, struct unpack **ret, struct err *e);
struct tree_stream unpack_stream(struct unpack *u);
void unpack_close(struct unpack *u); /* accepts NULL */

#endif
