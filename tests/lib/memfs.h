/* memfs: a tree of files in memory behind struct fs, for the rules that look at a file system. Links are followed as the
 * kernel does, at most 40 of them. Paths are absolute; directories on the way are made. */
#ifndef RECONCLAW_TESTS_LIB_MEMFS_H
#define RECONCLAW_TESTS_LIB_MEMFS_H

#include "spec/base/arena.h"
#include "spec/fs.h"

struct memfs_entry {
    char *path;
    enum fs_kind kind;
    char *bytes; /* of a file, or the target of a link */
    size_t n;
    uint32_t uid, gid;
    uint32_t mode; /* 0: 0644 */
    bool mounted;
    bool denied; /* whatever lies at or below it: EACCES */
};

struct memfs {
    struct arena *arena;
    struct memfs_entry *v;
    size_t n, cap;
    struct fs fs; /* what is handed to the code under test */
};

/* m must stay where it is. */
void memfs_init(struct memfs *m, struct arena *a);
struct memfs_entry *memfs_dir(struct memfs *m, const char *path);
struct memfs_entry *memfs_file(struct memfs *m, const char *path, const char *text);
struct memfs_entry *memfs_link(struct memfs *m, const char *path, const char *target);

#endif
