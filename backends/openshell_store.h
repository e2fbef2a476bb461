/* openshell_store: what is written down here of each sandbox that was made here, in state_dir/openshell:
 *
 *     <digest of endpoint and name>.json    the record, replaced atomically
 *     <same>.lock                           held (flock) by whoever acts on that name, in any process
 *
 * OpenShell shows neither what a sandbox was made from nor whether that came to its end, and before 0.0.37 not even whose it is.
 * A record counts only while its id is that of the sandbox of its name. Losing it costs the fields, nothing else: ownership and
 * hash are in the labels, where the release has some. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_STORE_H
#define RECONCLAW_BACKENDS_OPENSHELL_STORE_H

#include "backends/deadline.h"
#include "spec/world.h"

#define OPENSHELL_RECORD_BYTES (1u << 20)

enum openshell_stage {
    OPENSHELL_CREATING, /* create was or is about to be called; id is NULL */
    OPENSHELL_FILLING,  /* it exists; seed and setup are not known to have ended */
    OPENSHELL_SETUP_FAILED,
    OPENSHELL_MADE,
    OPENSHELL_STAGE_COUNT
};

struct openshell_record {
    const char *endpoint, *name, *id, *install, *owner, *hash, *scope_key, *setup; /* setup: its digest */
    enum runtime_kind kind;
    int64_t created_at_ms;
    enum openshell_stage stage;
    const struct node *create;
};

struct openshell_store {
    char *dir, *parent; /* NULL: nothing is kept */
};

/* Any bytes decode or are refused. */
int openshell_record_decode(struct arena *a, const char *bytes, size_t n, struct openshell_record *ret, struct err *e);
char *openshell_record_encode(struct arena *a, const struct openshell_record *r, size_t *ret_n);

/* All of this endpoint. A record that cannot be read is left out: it proves nothing. ERR_UNAVAILABLE where the directory cannot
 * be read. */
int openshell_store_list(const struct openshell_store *s, struct arena *a, const char *endpoint, struct openshell_record **ret,
                         size_t *ret_n, struct err *e);
/* ret->name NULL: there is none. */
int openshell_store_read(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name,
                         struct openshell_record *ret, struct err *e);
int openshell_store_write(const struct openshell_store *s, struct arena *a, const struct openshell_record *r, struct err *e);
int openshell_store_remove(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name,
                           struct err *e);

/* ERR_BUSY where another holds it until the deadline. -1 in *ret_fd: nothing is kept, so nothing is locked. */
int openshell_store_lock(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name,
                         const struct deadline *d, int *ret_fd, struct err *e);
/* The lock's file goes with it. Accepts -1. */
void openshell_store_unlock(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name, int fd);

/* A new empty directory of ours alone below dir, for what a command is to read. */
int openshell_store_scratch(const struct openshell_store *s, struct arena *a, char **ret, struct err *e);
/* With what is in it. */
void openshell_store_discard(const char *scratch);

#endif
