#include "backends/deadline.h"

#include <poll.h>
#include <time.h>

int64_t deadline_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct deadline deadline_start(const struct call *c)
{
    return (struct deadline){.end_ms = deadline_now_ms() + (c->timeout_ms > 0 ? c->timeout_ms : 0), .cancel = c->cancel};
}

enum err_class deadline_state(const struct deadline *d)
{
    if (d->cancel != NULL && atomic_load(d->cancel))
        return ERR_CANCELLED;
    return deadline_now_ms() >= d->end_ms ? ERR_TIMEOUT : ERR_NONE;
}

int deadline_slice(const struct deadline *d, const char *what, int *ret_ms, struct err *e)
{
    int64_t left;

    if (d->cancel != NULL && atomic_load(d->cancel))
        return err_set(e, ERR_CANCELLED, 0, "%s: cancelled", what);
    left = d->end_ms - deadline_now_ms();
    if (left <= 0)
        return err_set(e, ERR_TIMEOUT, 0, "%s: no end within the time given", what);
    *ret_ms = left < DEADLINE_SLICE_MS ? (int)left : DEADLINE_SLICE_MS;
    return 0;
}

int deadline_pause(const struct deadline *d, const char *what, int max_ms, struct err *e)
{
    int ms = 0;

    if (deadline_slice(d, what, &ms, e) < 0)
        return -1;
    poll(NULL, 0, ms < max_ms ? ms : max_ms);
    return 0;
}

struct call deadline_rest(const struct deadline *d)
{
    int64_t left = d->end_ms - deadline_now_ms();

    return (struct call){.timeout_ms = left < 1 ? 1 : left > INT32_MAX ? INT32_MAX : (int)left, .cancel = d->cancel};
}
