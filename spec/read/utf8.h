/* utf8: outside bytes as text, the way Node reads a file "as utf8" (WHATWG Encoding): what is no UTF-8 becomes U+FFFD, one
 * for each maximal part of a sequence; surrogates in three-byte form are no UTF-8. */
#ifndef RECONCLAW_SPEC_READ_UTF8_H
#define RECONCLAW_SPEC_READ_UTF8_H

#include "spec/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffdu

/* Decodes the character at s; n > 0. Returns how many bytes it took. *ret_bad tells a replaced one from a real U+FFFD. */
size_t utf8_decode_lossy(const char *s, size_t n, uint32_t *ret_cp, bool *ret_bad);
/* The text with its bad parts replaced, NUL-terminated; s itself, uncopied, where there are none. */
const char *utf8_scrub(struct arena *a, const char *s, size_t n, size_t *ret_n);

#endif
