/* file: the one way in which this room reads and replaces small files.
 *
 * A reader never blocks (a FIFO is no file), never reads more than it was told to, and needs four system calls. A writer
 * follows OpenClaw's protocol (2026.5.3, json-files): temp file `<name>.<uuid v4>.tmp` beside the target, write, fsync, chmod,
 * rename, fsync of the directory. Whatever fails before the rename, the old file is whole and the temp file is gone; after a
 * crash the old or the new file is there, perhaps with a leftover temp file beside it. A process that runs as root gives
 * what it makes to the owner of the directory, so that OpenClaw, running as its user, still reads its own registry.
 *
 * Directories are given as a descriptor and, for messages, as a path. */
#ifndef RECONCLAW_STATE_FILE_H
#define RECONCLAW_STATE_FILE_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/base/text.h"

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Called before each step that changes the disk, with the step's name: "create" "write" "fsync" "chmod" "rename" "unlink"
 * "mkdir" "lock". Returns 0, or the errno that the step is to fail with. NULL in the product; how tests put a full disk or a
 * crash at every point. */
struct file_hook {
    int (*step)(void *ctx, const char *what);
    void *ctx;
};
int file_step(const struct file_hook *hook, const char *what);

struct file_dir {
    int fd;
    const char *path; /* for messages */
    const struct file_hook *hook;
};

/* A descriptor that is closed when its variable goes. -1: none. */
void file_closep(int *fd);
#define FD_AUTO __attribute__((cleanup(file_closep))) int
/* The descriptor, which is the caller's from now on. */
int file_steal(int *fd);

/* Opens the directory; ERR_NOT_FOUND where it is missing and not `make`, ERR_IO for all else. `make` creates it and its parents,
 * mode 0700. */
int file_dir_open(const char *path, bool make, const struct file_hook *hook, struct file_dir *ret, struct err *e);
void file_dir_close(struct file_dir *d); /* accepts a zeroed one with fd -1 */

/* All names but . and .., sorted by bytes. All of them or an error. types (may be NULL) gives DT_REG, ... or DT_UNKNOWN. */
struct file_name {
    const char *name;
    unsigned char type;
};
int file_list(struct arena *a, const struct file_dir *d, struct file_name **ret, size_t *ret_n, struct err *e);

/* The whole of a regular file, a NUL behind it. ERR_NOT_FOUND; ERR_INPUT with sys EFBIG over max bytes, with sys EISDIR or
 * ENXIO for what is no regular file; ERR_IO. Symbolic links are followed. st may be NULL. */
int file_read(struct arena *a, const struct file_dir *d, const char *name, size_t max, char **ret, size_t *ret_n, struct stat *st,
              struct err *e);

enum file_sync { FILE_SYNC, FILE_NO_SYNC };

/* Replaces or creates `name`. */
int file_replace(const struct file_dir *d, const char *name, const void *bytes, size_t n, mode_t mode, enum file_sync sync,
                 struct err *e);
/* Whether `name` looks like the temp file of an interrupted write, of us or of OpenClaw. */
bool file_is_leftover(const char *name);
/* 0 also where there is nothing. */
int file_remove(const struct file_dir *d, const char *name, struct err *e);
/* Writes all bytes to fd; 0 or an errno. */
int file_write_all(int fd, const void *bytes, size_t n, const struct file_hook *hook);
/* What root makes in another's directory is given to that other. Best effort. */
void file_give_to_owner(const struct file_dir *d, int fd);

/* Serialises those who change files of a directory that is ours alone: waits for flock(2) on it, ERR_BUSY after timeout_ms.
 * Closing the descriptor (FD_AUTO) lets go. */
int file_dir_flock(const struct file_dir *d, int timeout_ms, int *ret_fd, struct err *e);

/* CLOCK_MONOTONIC in milliseconds, for deadlines of a wait. */
int64_t file_monotonic_ms(void);
/* Waits that long. */
void file_pause_ms(int ms);

#endif
