/* settle: how long to wait after a hint before looking. A pure state machine, `now` given by the caller on any monotonic
 * clock, in milliseconds. Hints that follow one another push the look back by SETTLE_QUIET_MS each time, but never past
 * SETTLE_MOST_MS after the first: an editor that saves in several steps is read once, a file that is written without end
 * is still read. */
#ifndef RECONCLAW_WATCH_SETTLE_H
#define RECONCLAW_WATCH_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#define SETTLE_QUIET_MS 200
#define SETTLE_MOST_MS  2000

/* Zeroed: nothing is pending. */
struct settle {
    bool pending;
    int64_t first_ms, last_ms;
};

void settle_hint(struct settle *s, int64_t now_ms);
/* When to look, or INT64_MAX where nothing is pending. */
int64_t settle_due_ms(const struct settle *s);
/* True once it is due; the caller looks again now, and hints that come during the look start anew: none is lost. */
bool settle_take(struct settle *s, int64_t now_ms);

#endif
