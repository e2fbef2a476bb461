/* digest: SHA-256 by libcrypto. */
#ifndef RECONCLAW_SPEC_BASE_DIGEST_H
#define RECONCLAW_SPEC_BASE_DIGEST_H

#include "spec/base/arena.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_HEX 65 /* 64 lower-case hex digits and a NUL */

void digest_sha256_hex(const void *p, size_t n, char out[DIGEST_HEX]);
/* The same, piece by piece: init, update as often as wanted, final. Plain data: may be copied, needs no freeing. */
struct digest {
    uint64_t state[14];
};
void digest_init(struct digest *d);
void digest_update(struct digest *d, const void *p, size_t n);
void digest_final_hex(struct digest *d, char out[DIGEST_HEX]);

char *digest_sha256(struct arena *a, const void *p, size_t n);

#endif
