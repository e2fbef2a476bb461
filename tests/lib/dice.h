/* dice: random numbers that repeat: of the bytes while there are any (a fuzzer's), then of the seed (0: only zeros). */
#ifndef RECONCLAW_TESTS_LIB_DICE_H
#define RECONCLAW_TESTS_LIB_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
    const uint8_t *bytes;
    size_t n;
    uint64_t seed;
};
unsigned dice_roll(struct dice *d, unsigned n); /* 0..n-1; n > 0 */
bool dice_chance(struct dice *d, unsigned percent);

#endif
