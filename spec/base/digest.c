/* The low-level calls, since SHA256() looks its algorithm up anew in the library's providers each time, which costs ten times
 * what a short text does and loads the library's configuration file. They are marked as deprecated, and stay. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "spec/base/digest.h"

#include <openssl/sha.h>

void digest_sha256_hex(const void *p, size_t n, char out[DIGEST_HEX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[SHA256_DIGEST_LENGTH];
    SHA256_CTX sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, p, n);
    SHA256_Final(md, &sha);
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
