#include "spec/base/digest.h"

#include <openssl/sha.h>

void digest_sha256_hex(const void *p, size_t n, char out[DIGEST_HEX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[SHA256_DIGEST_LENGTH];

    SHA256(p, n, md);
    for (size_t i = 0; i < sizeof md; i++) {
        out[2 * i] = hex[md[i] >> 4];
        out[2 * i + 1] = hex[md[i] & 15];
    }
    out[DIGEST_HEX - 1] = '\0';
}

char *digest_sha256(struct arena *a, const void *p, size_t n)
{
    char *out = arena_alloc(a, DIGEST_HEX);

    digest_sha256_hex(p, n, out);
    return out;
}
