/* The low-level calls, since SHA256() looks its algorithm up anew in the library's providers each time, which costs ten times
 * what a short text does and loads the library's configuration file. They are marked as deprecated, and stay. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "spec/base/digest.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest), "struct digest holds the library's state");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct digest), "struct digest is aligned for the library's state");

void digest_init(struct digest *d)
{
    SHA256_Init((SHA256_CTX *)(void *)d);
}

void digest_update(struct digest *d, const void *p, size_t n)
{
    SHA256_Update((SHA256_CTX *)(void *)d, p, n);
}

void digest_final_hex(struct digest *d, char out[DIGEST_HEX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[SHA256_DIGEST_LENGTH];

    SHA256_Final(md, (SHA256_CTX *)(void *)d);
    for (size_t i = 0; i < sizeof md; i++) {
        out[2 * i] = hex[md[i] >> 4];
        out[2 * i + 1] = hex[md[i] & 15];
    }
    out[DIGEST_HEX - 1] = '\0';
}

void digest_sha256_hex(const void *p, size_t n, char out[DIGEST_HEX])
{
    struct digest d;

    digest_init(&d);
    digest_update(&d, p, n);
    digest_final_hex(&d, out);
}

char *digest_sha256(struct arena *a, const void *p, size_t n)
{
    char *out = arena_alloc(a, DIGEST_HEX);

    digest_sha256_hex(p, n, out);
    return out;
}
