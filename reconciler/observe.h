/* observe: all endpoints of a round looked at, each in a thread of its own, so that one that hangs delays no other's answer
 * beyond its deadline. What could not be listed comes back as an observation that is not ok, with the reason. */
#ifndef RECONCLAW_RECONCILER_OBSERVE_H
#define RECONCLAW_RECONCILER_OBSERVE_H

#include "backends/backend.h"
#include "reconciler/endpoint.h"
#include "spec/base/arena.h"
#include "spec/world.h"

#include <stdatomic.h>
#include <stddef.h>

#define OBSERVE_TIMEOUT_MS 30000
#define OBSERVE_SLOW_MS    3000 /* of an endpoint that did not answer the last time */

/* One endpoint to look at. The request's pointers stay the caller's. */
struct observe_one {
    const char *endpoint;
    struct observe_req req;
    int timeout_ms;
    struct arena *arena;     /* filled here: what the observation lives in; the caller frees it */
    struct observation seen; /* filled here */
    bool timed_out;          /* filled here: it is not ok since the deadline passed */
};

/* Returns when all have answered, timed out or been cancelled (cancel may be NULL). */
void observe_all(const struct endpoint_opener *o, struct observe_one *v, size_t n, const atomic_bool *cancel);

#endif
