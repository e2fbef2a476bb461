#include "spec/base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal digits that read back as d > 0 and the power of ten n such that d = 0.digits * 10^n. */
static int shortest_digits(double d, char digits[24], int *ret_n)
{
    for (int precision = 0; precision < 17; precision++) {
        char text[40];
        char *e;

        (void)snprintf(text, sizeof text, "%.*e", precision, d);
        if (strtod(text, &e) != d && precision < 16)
            continue;
        e = strchr(text, 'e');
        int k = 0;
        for (const char *p = text; p < e; p++)
            if (*p != '.')
                digits[k++] = *p;
        while (k > 1 && digits[k - 1] == '0')
            k--;
        digits[k] = '\0';
        *ret_n = (int)strtol(e + 1, NULL, 10) + 1;
        return k;
    }
    return 0;
}

const char *js_number(double d, char *out)
{
    /* More room than a double can need, so that the compiler sees that nothing is cut. */
    char digits[24], text[64], *p = text;
    int n, k;

    if (isnan(d) || isinf(d)) {
        (void)snprintf(out, JS_NUMBER_MAX, "%s", isnan(d) ? "NaN" : d < 0 ? "-Infinity" : "Infinity");
        return out;
    }
    if (d == 0) {
        (void)snprintf(out, JS_NUMBER_MAX, "0");
        return out;
    }
    if (d < 0) {
        *p++ = '-';
        d = -d;
    }
    size_t room = sizeof text - 1;
    k = shortest_digits(d, digits, &n);
    if (k <= n && n <= 21) {
        (void)snprintf(p, room, "%s%.*s", digits, n - k, "000000000000000000000");
    } else if (0 < n && n <= 21) {
        (void)snprintf(p, room, "%.*s.%s", n, digits, digits + n);
    } else if (-6 < n && n <= 0) {
        (void)snprintf(p, room, "0.%.*s%s", -n, "000000", digits);
    } else {
        (void)snprintf(p, room, "%c%s%se%c%d", digits[0], k > 1 ? "." : "", digits + 1, n > 0 ? '+' : '-', abs(n - 1));
    }
    memcpy(out, text, strnlen(text, JS_NUMBER_MAX - 1));
    out[strnlen(text, JS_NUMBER_MAX - 1)] = '\0';
    return out;
}

bool num_parse_u64(const char *s, uint64_t *ret)
{
    uint64_t v = 0;

    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool num_parse_i64(const char *s, int64_t *ret)
{
    bool negative = *s == '-';
    uint64_t v;

    if (!num_parse_u64(s + negative, &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
#define N_UNITS         (sizeof units / sizeof units[0])
#define DURATION_MAX_MS ((int64_t)100 * 366 * 86400000)

bool num_parse_duration_ms(const char *s, int64_t *ret_ms)
{
    int64_t total = 0;
    size_t next = 0;

    if (strcmp(s, "0") == 0) {
        *ret_ms = 0;
        return true;
    }
    if (!*s)
        return false;
    while (*s) {
        size_t n = strspn(s, "0123456789"), m = strspn(s + n, "dhms"), u = next;
        int64_t v = 0;

        if (n == 0 || n > 15 || m == 0)
            return false;
        for (size_t i = 0; i < n; i++)
            v = v * 10 + (s[i] - '0');
        while (u < N_UNITS && (strlen(units[u].name) != m || memcmp(units[u].name, s + n, m) != 0))
            u++;
        if (u == N_UNITS || __builtin_mul_overflow(v, units[u].ms, &v) || __builtin_add_overflow(total, v, &total))
            return false;
        next = u + 1;
        s += n + m;
    }
    if (total > DURATION_MAX_MS)
        return false;
    *ret_ms = total;
    return true;
}

const char *num_format_duration(int64_t ms, char *out)
{
    size_t n = 0;

    if (ms <= 0) {
        (void)snprintf(out, 48, "0");
        return out;
    }
    for (size_t u = 0; u < N_UNITS; u++) {
        if (ms < units[u].ms)
            continue;
        n += (size_t)snprintf(out + n, 48 - n, "%lld%s", (long long)(ms / units[u].ms), units[u].name);
        ms %= units[u].ms;
    }
    return out;
}

int64_t num_add_i64(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}
