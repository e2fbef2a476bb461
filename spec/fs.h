/* fs: the few looks at the file system that OpenClaw's rules need ($include, bind sources, the owner of a workspace),
 * as callbacks, so that spec/ stays pure. reconciler/local_fs.c answers from the real one; tests answer from a tree of
 * their own. Paths are absolute. */
#ifndef RECONCLAW_SPEC_FS_H
#define RECONCLAW_SPEC_FS_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fs_kind { FS_FILE, FS_DIR, FS_SYMLINK, FS_OTHER };

struct fs_stat {
    enum fs_kind kind;
    uint64_t size, nlink, dev, ino;
    uint32_t uid, gid, mode;
    bool mounted; /* something is mounted there: a file system, or a bind of another place */
};

struct fs {
    void *ctx;
    /* Follows links if `follow`. ERR_NOT_FOUND for ENOENT and ENOTDIR; ELOOP and EACCES are ERR_IO with sys set. */
    int (*stat)(void *ctx, const char *path, bool follow, struct fs_stat *ret, struct err *e);
    /* The whole of a regular file, never blocking on a FIFO or device (those are ERR_INPUT); over max bytes: ERR_INPUT, sys
     * EFBIG. The bytes get a NUL behind them. */
    int (*read)(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e);
    /* realpath(3). */
    int (*realpath)(void *ctx, struct arena *a, const char *path, char **ret, struct err *e);
    /* Target text of a symbolic link. */
    int (*readlink)(void *ctx, struct arena *a, const char *path, char **ret, struct err *e);
};

#endif
