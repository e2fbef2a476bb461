/* tree_local: a local tree as a scan saw it. For tree*.c alone. */
#ifndef RECONCLAW_BACKENDS_TREE_LOCAL_H
#define RECONCLAW_BACKENDS_TREE_LOCAL_H

#include "backends/tree_walk.h"

#include <sys/stat.h>

/* What must not change between two looks. */
struct tree_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    mode_t mode;
    struct timespec mtime, ctime;
};

struct tree_item {
    struct manifest_entry x; /* of files: digest NULL until it is known */
    const char *below;       /* x.path without the name of its directory; "" for that itself */
    size_t root;             /* in roots */
    struct tree_stamp stamp;
};

struct tree_root {
    const char *name, *path; /* as asked for */
    int fd;
    struct tree_stamp stamp;
};

struct tree {
    struct arena *arena;
    struct tree_root *roots;
    size_t n_roots;
    struct tree_item *items; /* by path */
    size_t n;
    uint64_t bytes;
    struct manifest manifest;
    bool manifest_made;
};

struct tree_stamp tree_stamp_of(const struct stat *st);
bool tree_stamp_equal(const struct tree_stamp *x, const struct tree_stamp *y);
/* Always -1: ERR_CONFLICT, "'a/b' changed while it was copied". */
int tree_changed(const struct tree *t, const struct tree_item *x, struct err *e);

/* Reads all of a file that must be as its stamp says, into its digest and, where on_bytes is not NULL, to that. */
int tree_item_read(struct tree *t, struct tree_item *x, struct tree_place *place, const struct deadline *d,
                   int (*on_bytes)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, struct err *e);
/* Looks at everything once more: ERR_CONFLICT where it is not as the scan saw it. */
int tree_still(struct tree *t, const struct deadline *d, struct err *e);

#endif
