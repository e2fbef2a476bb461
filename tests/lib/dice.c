#include "tests/lib/dice.h"

unsigned dice_roll(struct dice *d, unsigned n)
{
    uint64_t z;

    if (d->n) {
        unsigned v = *d->bytes++;

        d->n--;
        return v % n;
    }
    if (!d->seed)
        return 0;
    z = d->seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % n);
}

bool dice_chance(struct dice *d, unsigned percent)
{
    return dice_roll(d, 100) < percent;
}
