/* num: numbers and durations, as text and back. */
#ifndef RECONCLAW_SPEC_BASE_NUM_H
#define RECONCLAW_SPEC_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JS_NUMBER_MAX       32 /* bytes that js_number needs, NUL included */
#define JS_MAX_SAFE_INTEGER 9007199254740991.0

/* ECMA-262 Number::toString(10): shortest digits that read back, 1e21 -> "1e+21", -0 -> "0". out has JS_NUMBER_MAX bytes. */
const char *js_number(double d, char *out);
/* Whole decimal digits only, no sign, no blanks, no overflow. */
bool num_parse_u64(const char *s, uint64_t *ret);
bool num_parse_i64(const char *s, int64_t *ret); /* an optional leading '-' */
/* "250ms" "5m" "1h30m" "7d" (units ms s m h d, descending, each once) or "0"; in milliseconds. Capped at 100 years. */
bool num_parse_duration_ms(const char *s, int64_t *ret_ms);
/* "5m", "1h30m", "7d"; reads back with num_parse_duration_ms. out has 48 bytes. */
const char *num_format_duration(int64_t ms, char *out);
/* Saturating, so that config values cannot overflow a sum of times. */
int64_t num_add_i64(int64_t a, int64_t b);

#endif
