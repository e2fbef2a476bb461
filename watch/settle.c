#include "watch/settle.h"

void settle_hint(struct settle *s, int64_t now_ms)
{
    if (!s->pending)
        s->first_ms = now_ms;
    s->pending = true;
    s->last_ms = now_ms;
}

int64_t settle_due_ms(const struct settle *s)
{
    int64_t quiet = s->last_ms + SETTLE_QUIET_MS, most = s->first_ms + SETTLE_MOST_MS;

    if (!s->pending)
        return INT64_MAX;
    return quiet < most ? quiet : most;
}

bool settle_take(struct settle *s, int64_t now_ms)
{
    if (settle_due_ms(s) > now_ms)
        return false;
    s->pending = false;
    return true;
}
