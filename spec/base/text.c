#include "spec/base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ustring.h>

/* --- buf ------------------------------------------------------------------------------------------------------------------ */

static bool buf_room(struct buf *b, size_t n)
{
    if (b->full || n > b->max || b->n > b->max - n) {
        b->full = true;
        return false;
    }
    if (b->n + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap : 64;

        while (cap < b->n + n + 1)
            cap *= 2;
        char *s = realloc(b->s, cap);
        if (!s)
            abort();
        b->s = s;
        b->cap = cap;
    }
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (!buf_room(b, n))
        return;
    if (n > 0)
        memcpy(b->s + b->n, p, n);
    b->n += n;
    b->s[b->n] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        abort();
    if (buf_room(b, (size_t)n)) {
        (void)vsnprintf(b->s + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->full = false;
    if (b->s)
        b->s[0] = '\0';
}

const char *buf_str(struct buf *b)
{
    return b->s ? b->s : "";
}

void buf_free(struct buf *b)
{
    free(b->s);
    *b = (struct buf){.max = b->max};
}

void buf_wipe(struct buf *b)
{
    if (b->s)
        explicit_bzero(b->s, b->cap);
    buf_free(b);
}

/* --- slices --------------------------------------------------------------------------------------------------------------- */

bool text_has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_has_suffix(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);

    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool text_eq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int text_cmp(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

/* --- UTF-8 ---------------------------------------------------------------------------------------------------------------- */

size_t utf8_decode(const char *s, size_t n, uint32_t *ret_cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s;
    size_t len;
    uint32_t cp;

    if (p[0] < 0x80) {
        *ret_cp = p[0];
        return 1;
    }
    if ((p[0] & 0xe0) == 0xc0) {
        len = 2;
        cp = p[0] & 0x1f;
    } else if ((p[0] & 0xf0) == 0xe0) {
        len = 3;
        cp = p[0] & 0x0f;
    } else if ((p[0] & 0xf8) == 0xf0) {
        len = 4;
        cp = p[0] & 0x07;
    } else {
        return 0;
    }
    if (n < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        cp = cp << 6 | (p[i] & 0x3f);
    }
    if (cp < least[len] || cp > 0x10ffff)
        return 0;
    *ret_cp = cp;
    return len;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

bool utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t len = utf8_decode(s + i, n - i, &cp);

        if (len == 0 || (cp >= 0xd800 && cp <= 0xdfff))
            return false;
        i += len;
    }
    return true;
}

/* --- JavaScript's strings ------------------------------------------------------------------------------------------------- */

bool js_is_space(uint32_t cp)
{
    return (cp >= 0x09 && cp <= 0x0d) || cp == 0x20 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000 || cp == 0xfeff;
}

/* The part of [s, s+n) that trim() keeps. */
static void trim_range(const char *s, size_t n, size_t *ret_from, size_t *ret_to)
{
    size_t from = 0, to = 0;
    bool leading = true;

    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);
        bool space = len > 0 && js_is_space(cp);

        if (len == 0)
            len = 1;
        if (!space) {
            if (leading)
                from = i;
            leading = false;
            to = i + len;
        }
        i += len;
    }
    *ret_from = leading ? 0 : from;
    *ret_to = leading ? 0 : to;
}

char *js_trim(struct arena *a, const char *s)
{
    size_t from, to;

    trim_range(s, strlen(s), &from, &to);
    return arena_memdup0(a, s + from, to - from);
}

bool js_is_blank(const char *s)
{
    size_t from, to;

    if (!s)
        return true;
    trim_range(s, strlen(s), &from, &to);
    return from == to;
}

size_t js_length(const char *s, size_t n)
{
    size_t units = 0;

    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);

        units += cp >= 0x10000 ? 2 : 1;
        i += len ? len : 1;
    }
    return units;
}

char *js_slice(struct arena *a, const char *s, size_t units)
{
    size_t n = strlen(s), i = 0;
    char half[4];

    while (i < n && units > 0) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);

        if (cp >= 0x10000 && units == 1) {
            size_t h = utf8_encode(0xd800 + ((cp - 0x10000) >> 10), half);

            return arena_printf(a, "%.*s%.*s", (int)i, s, (int)h, half);
        }
        units -= cp >= 0x10000 ? 2 : 1;
        i += len ? len : 1;
    }
    return arena_memdup0(a, s, i);
}

/* Lower-cases [s, s+n), all of it UTF-8, onto out. */
static void lower_run(struct arena *a, struct buf *out, const char *s, size_t n)
{
    UChar *from = ARENA_ARRAY(a, UChar, n + 1), *to;
    int32_t n_from = 0, n_to;
    UErrorCode status = U_ZERO_ERROR;

    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;

        i += utf8_decode(s + i, n - i, &cp);
        if (cp >= 0x10000) {
            from[n_from++] = (UChar)(0xd800 + ((cp - 0x10000) >> 10));
            from[n_from++] = (UChar)(0xdc00 + ((cp - 0x10000) & 0x3ff));
        } else {
            from[n_from++] = (UChar)cp;
        }
    }
    /* No character grows to more than three units (U+0130 to two). */
    to = ARENA_ARRAY(a, UChar, 3 * (size_t)n_from + 1);
    n_to = u_strToLower(to, 3 * n_from + 1, from, n_from, "", &status);
    if (U_FAILURE(status)) {
        buf_put(out, s, n);
        return;
    }
    for (int32_t i = 0; i < n_to; i++) {
        uint32_t cp = to[i];
        char utf8[4];

        if (cp >= 0xd800 && cp < 0xdc00 && i + 1 < n_to && to[i + 1] >= 0xdc00 && to[i + 1] < 0xe000)
            cp = 0x10000 + ((cp - 0xd800) << 10) + (to[++i] - 0xdc00u);
        buf_put(out, utf8, utf8_encode(cp, utf8));
    }
}

char *js_lower_n(struct arena *a, const char *s, size_t n)
{
    BUF_AUTO out = BUF_INIT(SIZE_MAX / 8);
    char *copy = arena_memdup0(a, s, n);
    size_t run = 0, i = 0;

    while (i < n && (unsigned char)copy[i] < 0x80) {
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
        i++;
    }
    if (i == n)
        return copy;
    /* From the start again: what a letter becomes may depend on its neighbours (a final sigma). */
    for (i = 0; i < n;) {
        uint32_t cp;
        size_t len = utf8_decode(s + i, n - i, &cp);

        if (len == 0) {
            lower_run(a, &out, s + run, i - run);
            buf_putc(&out, s[i]);
            run = ++i;
        } else {
            i += len;
        }
    }
    lower_run(a, &out, s + run, n - run);
    return arena_memdup0(a, buf_str(&out), out.n);
}

char *js_lower(struct arena *a, const char *s)
{
    return js_lower_n(a, s, strlen(s));
}

/* --- for people ----------------------------------------------------------------------------------------------------------- */

/* What could move the cursor, colour the terminal or reorder a line. */
static bool is_harmful(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x061c || cp == 0x200e || cp == 0x200f ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff || (cp >= 0xd800 && cp <= 0xdfff) ||
           (cp >= 0xe0000 && cp <= 0xe007f);
}

void text_escape(struct buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);

        if (len == 0) {
            buf_printf(b, "\\x%02x", (unsigned char)s[i]);
            len = 1;
        } else if (cp == '\n') {
            buf_puts(b, "\\n");
        } else if (cp == '\t') {
            buf_puts(b, "\\t");
        } else if (cp < 0x80 && is_harmful(cp)) {
            buf_printf(b, "\\x%02x", cp);
        } else if (is_harmful(cp)) {
            buf_printf(b, "\\u{%04x}", cp);
        } else {
            buf_put(b, s + i, len);
        }
        i += len;
    }
}

char *text_escaped(struct arena *a, const char *s)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    text_escape(&b, s, strlen(s));
    return arena_memdup0(a, buf_str(&b), b.n);
}

#define DISTANCE_MAX 63

unsigned text_distance(const char *a, const char *b)
{
    unsigned d[DISTANCE_MAX + 2][DISTANCE_MAX + 2];
    size_t n = strlen(a), m = strlen(b);

    if (n > DISTANCE_MAX || m > DISTANCE_MAX)
        return 255;
    for (size_t i = 0; i <= n; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n][m];
}

const char *text_closest(const char *word, const char *const *candidates, size_t n)
{
    size_t len = strlen(word);
    unsigned limit = len < 6 ? (len < 3 ? 1 : 2) : (unsigned)(len / 3);
    const char *closest = NULL;
    unsigned best = limit + 1;

    for (size_t i = 0; i < n; i++) {
        unsigned d = text_distance(word, candidates[i]);

        if (d < best) {
            best = d;
            closest = candidates[i];
        }
    }
    return closest;
}
