/* seeds: manifests of what workspaces on other hosts were filled with, each a file named by its own digest:
 *
 *     <home>/seeds/<digest>.manifest     the text of spec/manifest.h, 0600
 *
 * What belongs to which runtime, the records tell (record.seed.manifest). A manifest is on disk before the record that names it:
 *
 *     seeds_put(...)      then record_put() with the digest
 *     seeds_get(...)      by the digest of the record
 *     seeds_sweep(...)    all that no record names any more: of runtimes that are gone or were seeded anew, and what a crash
 *                         between the first two has left
 *
 * Whoever calls seeds_put() or seeds_sweep() holds the round lock. */
#ifndef RECONCLAW_STATE_SEEDS_H
#define RECONCLAW_STATE_SEEDS_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/manifest.h"
#include "state/home.h"

#include <stddef.h>

/* Idempotent. ret_digest: of the text, head included. */
int seeds_put(struct home *h, const struct manifest *m, char ret_digest[DIGEST_HEX], struct err *e);
/* ERR_NOT_FOUND: there is none; ERR_INPUT: it is damaged. *ret is in the arena. */
int seeds_get(struct home *h, struct arena *a, const char *digest, struct manifest *ret, struct err *e);
/* All but those of `named`, and half-written ones. *ret_n: how many files there were; with `dry` they stay. */
int seeds_sweep(struct home *h, const char *const *named, size_t n, bool dry, size_t *ret_n, struct err *e);

#endif
