/* deadline: how long one call may still take, and whether it was told to stop. Every wait in backends/ goes through one, so
 * that a cancel is seen within DEADLINE_SLICE_MS wherever the call is. Monotonic time only. */
#ifndef RECONCLAW_BACKENDS_DEADLINE_H
#define RECONCLAW_BACKENDS_DEADLINE_H

#include "backends/backend.h"

#include <stdint.h>

#define DEADLINE_SLICE_MS 50

struct deadline {
    int64_t end_ms; /* monotonic */
    const atomic_bool *cancel;
};

int64_t deadline_now_ms(void);
struct deadline deadline_start(const struct call *c);
/* 0 and how long the next wait may be (1 to DEADLINE_SLICE_MS), or ERR_TIMEOUT or ERR_CANCELLED: "<what>: ...". */
int deadline_slice(const struct deadline *d, const char *what, int *ret_ms, struct err *e);
/* Waits one slice (shorter where max_ms is); the same errors. */
int deadline_pause(const struct deadline *d, const char *what, int max_ms, struct err *e);
/* Of the two, which it was: for replies that failed because the time was over. ERR_NONE where neither. */
enum err_class deadline_state(const struct deadline *d);
/* What is left of it, for a call that takes a time of its own. */
struct call deadline_rest(const struct deadline *d);

#endif
