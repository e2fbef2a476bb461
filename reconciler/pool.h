/* pool: which act of a plan may run now. No threads, no locks, no clock: the executor asks under its mutex, and a test asks
 * alone.
 *
 *     pool_make(...)
 *     while ((i = pool_take(p)) != POOL_NONE)  run act i, side by side with others;  pool_end(p, i, succeeded)
 *     pool_left(p) == 0: all have ended
 *
 * An act is ready when all that it comes after have succeeded; where one did not, it is lost, and on_lost is told (as is all that
 * waits for it in turn). Ready acts of one endpoint start in the order of the plan, at most so many at a time, one at a time per
 * runtime. Each call costs O(1), but for what it frees or loses and the few acts of one runtime. */
#ifndef RECONCLAW_RECONCILER_POOL_H
#define RECONCLAW_RECONCILER_POOL_H

#include "reconciler/core/plan.h"
#include "spec/base/arena.h"

#define POOL_NONE SIZE_MAX

struct pool;

struct pool_conf {
    unsigned concurrency; /* per endpoint; a policy of an act there may say less */
    /* Act i does not run, since act `before` did not succeed. */
    void (*on_lost)(void *ctx, size_t i, size_t before);
    void *ctx;
};

/* Everything is in the arena. */
struct pool *pool_make(struct arena *a, const struct plan *plan, const struct pool_conf *conf);
/* An act that starts now, or POOL_NONE. */
size_t pool_take(struct pool *p);
void pool_end(struct pool *p, size_t i, bool succeeded);
/* An act that has not begun, taken off for good without running; POOL_NONE where there is none. */
size_t pool_drop(struct pool *p);
/* Acts that have neither ended nor been lost or dropped. */
size_t pool_left(const struct pool *p);

#endif
