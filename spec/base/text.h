/* text: byte buffers with a cap in their type, and the string rules of JavaScript that OpenClaw's names depend on.
 * All text is UTF-8; lone surrogates of JavaScript strings are kept as their three-byte (WTF-8) form. */
#ifndef RECONCLAW_SPEC_BASE_TEXT_H
#define RECONCLAW_SPEC_BASE_TEXT_H

#include "spec/base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- buf: a growing, NUL-terminated byte buffer ------------------------------------------------------------------------ */

/* Once `max` would be passed, nothing more is added and `full` stays set; look at it once, at the end. */
struct buf {
    char *s; /* never NULL after the first put; buf_str() for certain */
    size_t n, cap, max;
    bool full;
};

#define BUF_INIT(limit) ((struct buf){.max = (limit)})
#define BUF_AUTO        __attribute__((cleanup(buf_free))) struct buf
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_clear(struct buf *b);      /* n = 0, full = false, memory kept */
const char *buf_str(struct buf *b); /* never NULL; valid until the next put */
void buf_free(struct buf *b);
/* For buffers that held a secret: overwritten before they are freed. */
void buf_wipe(struct buf *b);

/* --- slices ------------------------------------------------------------------------------------------------------------- */

bool text_has_prefix(const char *s, const char *prefix);
bool text_has_suffix(const char *s, const char *suffix);
bool text_eq(const char *a, const char *b); /* NULL equals NULL only */
int text_cmp(const char *a, const char *b); /* byte order, NULL first: for qsort */

/* --- UTF-8 -------------------------------------------------------------------------------------------------------------- */

/* Decodes one code point of [s, s+n) and returns its length in bytes, or 0 where the bytes are no UTF-8 (surrogates in their
 * three-byte form are accepted, overlong forms and values past U+10FFFF are not). n must be > 0. */
size_t utf8_decode(const char *s, size_t n, uint32_t *ret_cp);
/* Writes 1 to 4 bytes (surrogates too) and returns how many. */
size_t utf8_encode(uint32_t cp, char out[4]);
bool utf8_valid(const char *s, size_t n); /* strict: lone surrogates refused */

/* --- JavaScript's strings ------------------------------------------------------------------------------------------------ */

/* What String.prototype.trim and \s take for white space (OpenClaw 2026.5.3: ECMA-262 WhiteSpace and LineTerminator). */
bool js_is_space(uint32_t cp);
/* trim(): a copy in the arena. */
char *js_trim(struct arena *a, const char *s);
bool js_is_blank(const char *s); /* NULL or trim() is empty */
/* .length: UTF-16 code units. Invalid bytes count one each. */
size_t js_length(const char *s, size_t n);
/* .slice(0, units); a pair cut in half leaves its lone surrogate in three-byte form. */
char *js_slice(struct arena *a, const char *s, size_t units);
/* toLowerCase(): all of Unicode ("\u212a" gives "k"), by ICU in no locale. Bytes that are no UTF-8 stay as they are. */
char *js_lower(struct arena *a, const char *s);
char *js_lower_n(struct arena *a, const char *s, size_t n);

/* --- for people ---------------------------------------------------------------------------------------------------------- */

/* Appends s with control characters, DEL, C1, bidi overrides and invalid bytes as \xNN or \u{NNNN}: no outside byte reaches a
 * terminal or a log raw. */
void text_escape(struct buf *b, const char *s, size_t n);
char *text_escaped(struct arena *a, const char *s);
/* Damerau-Levenshtein, capped at 255: for "did you mean". */
unsigned text_distance(const char *a, const char *b);
/* The closest of n candidates within a third of the word's length (at least 1), or NULL. */
const char *text_closest(const char *word, const char *const *candidates, size_t n);

#endif
