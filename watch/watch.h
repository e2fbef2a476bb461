/* watch: inotify over files and directories that may be replaced, swapped by symbolic link, removed, or not there yet.
 * It says only "look again": what changed is for the reader to find.
 *
 * Calling sequence: watch_new; watch_set with everything that is read; THEN read (arm, then look: what changes in between
 * gives a hint); when watch_fd is readable, watch_drain; when what is read changes (another $include, a link that points
 * elsewhere now), watch_set again, then read again.
 *
 * A file is watched by its directory, so that a rename over it is seen; every directory on the way is watched for being
 * moved or removed, every symbolic link on the way for being swapped (the `..data` way of a ConfigMap), and where the way
 * ends early, the deepest directory that exists is watched for the next name to appear. */
#ifndef RECONCLAW_WATCH_WATCH_H
#define RECONCLAW_WATCH_WATCH_H

#include "spec/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct watch;

struct watch_target {
    const char *path;            /* absolute */
    bool is_dir;                 /* the names in it matter: those that end in one of `suffixes`, and links */
    const char *const *suffixes; /* NULL-terminated; NULL: every name */
};

int watch_new(struct watch **ret, struct err *e);
void watch_free(struct watch *w);    /* accepts NULL */
int watch_fd(const struct watch *w); /* for poll; non-blocking, close-on-exec, owned by w */

/* Replaces the whole set. On failure (ENOSPC: fs.inotify.max_user_watches) what could be watched is, the err names the first
 * path that could not, and the caller falls back to its slow audit for it. A missing path is no failure. */
int watch_set(struct watch *w, const struct watch_target *v, size_t n, struct err *e);

/* Reads all that is queued. True: something that matters may have changed (also after a queue overflow, and where the set itself
 * no longer fits the tree, so that watch_set must be called again with what is read then). */
bool watch_drain(struct watch *w);

/* How many directories are watched, for status and tests. */
size_t watch_count(const struct watch *w);

#endif
