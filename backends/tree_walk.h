/* tree_walk: what scanning, sending and receiving share: going through a directory by descriptors, remarks, caps. For tree*.c
 * alone. */
#ifndef RECONCLAW_BACKENDS_TREE_WALK_H
#define RECONCLAW_BACKENDS_TREE_WALK_H

#include "backends/deadline.h"
#include "backends/tree.h"
#include "spec/base/limits.h"
#include "spec/base/vec.h"

#include <time.h>

/* A place in a directory tree: the descriptors of all directories on the way to it. No part of the way is a symbolic link. */
struct tree_place {
    int root; /* borrowed */
    size_t n;
    int fds[LIMIT_TREE_DEPTH];
    size_t ends[LIMIT_TREE_DEPTH]; /* where the part of each ends in path */
    char path[LIMIT_TREE_PATH + 1];
};

void tree_place_init(struct tree_place *p, int root);
/* The descriptor of the directory path[0..n) ("": the root), which stays the place's; -1 with errno. Ways that have their
 * beginning in common with the last one are cheap. */
int tree_place_go(struct tree_place *p, const char *path, size_t n);
/* Of the directory that path is in; ret_name is its last part. */
int tree_place_parent(struct tree_place *p, const char *path, const char **ret_name);
void tree_place_close(struct tree_place *p);

struct tree_notes {
    struct arena *arena;
    VEC(struct tree_remark) v;
    size_t n_refused; /* also those that are not kept */
};
void tree_note(struct tree_notes *n, const char *path, bool refused, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
struct tree_remarks tree_notes_get(const struct tree_notes *n);
/* -1 with the first few refused paths, "<what>: 3 paths cannot be copied: ...", or 0 where there are none. */
int tree_notes_check(const struct tree_notes *n, const char *what, struct err *e);
/* A path for an error; in a static-free way: in the arena. */
const char *tree_shown(struct arena *a, const char *path);

/* What has been let in, against the caps. */
struct tree_count {
    struct tree_limits max;
    size_t entries, names;
    uint64_t bytes;
};
struct tree_count tree_count_start(const struct tree_limits *limits);
/* Of one more entry. ERR_INPUT where it is one too many. */
int tree_count_add(struct tree_count *c, const char *path, const char *target, uint64_t size, struct err *e);

/* Applies what is to be done with links that lead out of `root` of the tree that the n entries are (sorted); refused and skipped
 * ones are noted, skip[i] set for the latter. */
void tree_links_apply(const struct manifest_entry *v, size_t n, const char *root, enum tree_links links, struct tree_notes *notes,
                      bool *skip);

#endif
