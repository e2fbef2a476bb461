/* A lock file from outside: decoded to what the rules can judge, and the judgement is safe. */
#include "spec/world.h"
#include "state/lock.h"
#include "tests/lib/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lock_holder h;
    struct lock_facts f = {0};
    enum lock_verdict v;

    lock_decode((const char *)data, size, &h);
    FUZZ_ASSERT(h.pid >= 0);
    FUZZ_ASSERT(h.has_starttime || h.starttime == 0);
    /* Touched this moment and made just now by a live process of that start: never taken away. */
    f = (struct lock_facts){.now_ms = h.created_at_ms == TIME_NONE ? 0 : h.created_at_ms,
                            .alive = true,
                            .starttime_known = true,
                            .starttime = h.starttime};
    f.mtime_ms = f.now_ms;
    v = lock_judge(&h, &f);
    FUZZ_ASSERT(v == LOCK_HELD);
    /* Of a process that is gone: always, and at once. */
    f.alive = false;
    FUZZ_ASSERT(h.pid == 0 || lock_judge(&h, &f) == LOCK_STALE_DEAD);
    /* Nothing holds for ever. */
    f = (struct lock_facts){.now_ms = INT64_MAX / 2, .alive = true};
    FUZZ_ASSERT(lock_judge(&h, &f) != LOCK_HELD);
    FUZZ_ASSERT(v < LOCK_VERDICT_COUNT && lock_verdict_name(v));
    return 0;
}
