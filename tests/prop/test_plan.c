/* The planner's eight properties over random worlds. RECONCLAW_SEED repeats one world, RECONCLAW_WORLDS says how many each
 * property gets. */
#include "tests/lib/plan_props.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define WORLDS 4000

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);

    return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static void test_property(void **state)
{
    const struct prop *p = *state;
    uint64_t one = env_number("RECONCLAW_SEED", 0), worlds = one ? 1 : env_number("RECONCLAW_WORLDS", WORLDS);
    struct timespec ts;
    uint64_t first;

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    first = one ? one : (uint64_t)ts.tv_sec * 1000003u + (uint64_t)ts.tv_nsec;
    for (uint64_t i = 0; i < worlds; i++) {
        struct dice dice = {.seed = first + i ? first + i : 1};
        ARENA_AUTO a = arena_new();
        const char *what = p->holds(a, &dice);

        if (what) {
            (void)fprintf(stderr, "%s\n", what);
            fail_msg("RECONCLAW_SEED=%llu", (unsigned long long)(first + i));
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[16] = {0};

    for (size_t i = 0; i < n_plan_props; i++)
        tests[i] = (struct CMUnitTest){
            .name = plan_props[i].name, .test_func = test_property, .initial_state = (void *)(uintptr_t)&plan_props[i]};
    return _cmocka_run_group_tests("the planner, over random worlds", tests, n_plan_props, NULL, NULL);
}
