/* Times as engines write them: RFC 3339, up to nanoseconds. */
#include "backends/docker_private.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

static void times_of_the_engine(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T12:34:56Z", 1709210096000},
        {"2024-02-29T12:34:56.7Z", 1709210096700},
        {"2024-02-29T12:34:56.789999999Z", 1709210096789},
        {"2024-02-29T14:04:56.789+01:30", 1709210096789},
        {"2024-02-29T11:34:56-01:00", 1709210096000},
        {"0001-01-01T00:00:00Z", TIME_NONE}, /* the engine's word for never */
        {"", TIME_NONE},
        {"2024-02-29", TIME_NONE},
        {"2024-02-29T12:34:56", TIME_NONE},
        {"2024-02-29T12:34:5", TIME_NONE},
        {"2024-13-01T00:00:00Z", TIME_NONE},
        {"2024-00-01T00:00:00Z", TIME_NONE},
        {"2024-01--1T00:00:00Z", TIME_NONE},
        {"2024-01-01 00:00:00Z", TIME_NONE},
        {"2024-01-01T00:00:00Zx", TIME_NONE},
        {"2024-01-01T00:00:00+0100", TIME_NONE},
        {"2024-01-01T00:00:00+01:00x", TIME_NONE},
    };

    for (size_t i = 0; i < N(rows); i++) {
        int64_t ms = docker_time_ms(rows[i].text);

        if (ms != rows[i].ms)
            fail_msg("'%s': %lld instead of %lld", rows[i].text, (long long)ms, (long long)rows[i].ms);
    }
    assert_true(docker_time_ms(NULL) == TIME_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times_of_the_engine)};

    return cmocka_run_group_tests_name("docker_time", tests, NULL, NULL);
}
