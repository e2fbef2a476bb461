/* bwrap_store: the directory state_dir/bubblewrap: one record per sandbox, replaced atomically, and its locks.
 *
 *     <name>.json       the record: see bwrap_record.h
 *     <name>.lock       held (flock) by whoever acts on <name>, in any process
 *     <id>.exec-<hex>   held (flock) as long as one exec session lives
 *
 * The directory is made at the first write; while it does not exist there are no sandboxes, as long as state_dir is there. */
#ifndef RECONCLAW_BACKENDS_BWRAP_STORE_H
#define RECONCLAW_BACKENDS_BWRAP_STORE_H

#include "backends/bwrap_record.h"
#include "backends/deadline.h"

struct bwrap_store {
    char *dir;    /* state_dir/bubblewrap; NULL: none was made yet, so there are no sandboxes, and none can be made */
    char *parent; /* state_dir */
};

struct bwrap_entry {
    const char *name;
    struct bwrap_record r;
    const char *why; /* not NULL: could not be read, and why; r is empty */
};

/* All records by name. ERR_UNAVAILABLE where state_dir or the directory cannot be listed. */
int bwrap_store_list(const struct bwrap_store *s, struct arena *a, struct bwrap_entry **ret, size_t *ret_n, struct err *e);
/* One by name; ERR_NOT_FOUND, ERR_UNAVAILABLE; ERR_INPUT where it cannot be read. */
int bwrap_store_read(const struct bwrap_store *s, struct arena *a, const char *name, struct bwrap_record *ret, struct err *e);
/* Written, synced, renamed, and the directory synced: after 0 it is there also after a power cut. */
int bwrap_store_write(const struct bwrap_store *s, struct arena *a, const struct bwrap_record *r, struct err *e);
int bwrap_store_remove(const struct bwrap_store *s, const char *name, struct err *e);

/* Waits for it within the deadline; ERR_BUSY where another holds it until then. */
int bwrap_store_lock(const struct bwrap_store *s, const char *name, const struct deadline *d, int *ret_fd, struct err *e);
/* The lock file goes with its sandbox: `gone` removes it. Accepts -1. */
void bwrap_store_unlock(const struct bwrap_store *s, const char *name, int fd, bool gone);

/* A lock that counts as one live session of `id` until the last copy of the descriptor is closed. -1 with e. */
int bwrap_store_session(const struct bwrap_store *s, const char *id, struct err *e);
/* The ids of all live sessions, each as often as it has some; files of dead ones are removed. */
int bwrap_store_sessions(const struct bwrap_store *s, struct arena *a, const char *const **ret, size_t *ret_n, struct err *e);

#endif
