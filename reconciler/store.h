/* store: what lives from round to round: reconclaw's state directory, the memory of registry files that were read, and which
 * endpoints hang. Belongs to one thread at a time (the round's, while one runs). */
#ifndef RECONCLAW_RECONCILER_STORE_H
#define RECONCLAW_RECONCILER_STORE_H

#include "reconciler/host.h"
#include "reconciler/load.h"
#include "reconciler/reach.h"
#include "spec/base/err.h"
#include "state/home.h"
#include "state/registry.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct store {
    struct home *home;         /* NULL: not made yet, and not to be made (a dry run) */
    char install[INSTALL_HEX]; /* of our own records */
    struct cache_slot *slots;  /* private */
    size_t n_slots;
    /* Endpoints that let the last look at them run into its deadline: until they answer, they get a short one, so that what hangs
     * does not make every round wait that others are in. A deep round gives the full one. */
    char **slow;
    size_t n_slow;
    struct reach *reach; /* other hosts, and the sessions with them */
};

/* home_dir is opened where it exists, and made only with `make`. */
int store_open(const struct host *host, bool make, struct store *ret, struct err *e);
void store_close(struct store *s);

/* One process at a time acts with this state directory: waits until the lock is free, ERR_CANCELLED by cancel (may be NULL),
 * ERR_BUSY after timeout_ms. Closing the descriptor lets go. */
int store_lock(const struct store *s, int timeout_ms, const atomic_bool *cancel, int *ret_fd, struct err *e);

/* What is remembered of the registry of an install. */
struct registry_cache *store_cache(struct store *s, const char *install);
/* Whether the last look at an endpoint ran into its deadline, and nothing came since. */
bool store_is_slow(const struct store *s, const char *endpoint);
/* How a look ended: it timed out, it was answered, or neither. */
void store_note_look(struct store *s, const char *endpoint, bool timed_out, bool answered);

#endif
