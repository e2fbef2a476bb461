/* Any bytes as a world: every property of the planner holds in it. The first byte chooses the property. */
#include "tests/lib/plan_props.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct dice dice = {.bytes = n ? data + 1 : data, .n = n ? n - 1 : 0, .seed = 1};
    const struct prop *p = &plan_props[n ? data[0] % n_plan_props : 0];
    const char *what = p->holds(a, &dice);

    if (what) {
        (void)fprintf(stderr, "%s: %s\n", p->name, what);
        abort();
    }
    return 0;
}
