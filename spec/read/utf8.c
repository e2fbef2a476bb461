#include "spec/read/utf8.h"

#include "spec/base/text.h"

#include <stdint.h>

size_t utf8_decode_lossy(const char *s, size_t n, uint32_t *ret_cp, bool *ret_bad)
{
    const unsigned char *p = (const unsigned char *)s;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t more;
    uint32_t cp;

    *ret_bad = false;
    if (p[0] < 0x80) {
        *ret_cp = p[0];
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        more = 1;
        cp = p[0] & 0x1f;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        more = 2;
        cp = p[0] & 0x0f;
        low = p[0] == 0xe0 ? 0xa0 : low;
        high = p[0] == 0xed ? 0x9f : high;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        more = 3;
        cp = p[0] & 0x07;
        low = p[0] == 0xf0 ? 0x90 : low;
        high = p[0] == 0xf4 ? 0x8f : high;
    } else {
        more = 0;
        cp = 0;
    }
    for (size_t i = 1; more > 0 && i <= more; i++) {
        if (i == n || p[i] < low || p[i] > high) {
            *ret_bad = true;
            *ret_cp = UTF8_REPLACEMENT;
            return i;
        }
        cp = cp << 6 | (p[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *ret_bad = more == 0;
    *ret_cp = more == 0 ? UTF8_REPLACEMENT : cp;
    return more + 1;
}

const char *utf8_scrub(struct arena *a, const char *s, size_t n, size_t *ret_n)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX);
    uint32_t cp;
    bool bad;

    *ret_n = n;
    if (utf8_valid(s, n))
        return s;
    for (size_t i = 0, len; i < n; i += len) {
        len = utf8_decode_lossy(s + i, n - i, &cp, &bad);
        buf_put(&b, bad ? "\xef\xbf\xbd" : s + i, bad ? 3 : len);
    }
    *ret_n = b.n;
    return arena_memdup0(a, b.s, b.n);
}
