#include "spec/engine_value.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

static int refuse(struct err *e, const char *s, const char *why)
{
    return err_set(e, ERR_CONFIG, 0, "'%s' %s", s, why);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* --- sizes -------------------------------------------------------------------------------------------------------------------
 */

int engine_parse_size(const char *s, int64_t *ret_bytes, struct err *e)
{
    static const char units[] = "kmgtp";
    const char *p = s;
    bool dot = false, ok = is_digit(*p);
    for (; is_digit(*p) || (*p == '.' && !dot && is_digit(p[1])); p++)
        dot = dot || *p == '.';
    const char *unit = *p == ' ' ? p + 1 : p;
    const char *factor = *unit != '\0' ? strchr(units, to_lower(*unit)) : NULL;
    unit += factor != NULL;
    unit += to_lower(*unit) == 'i';
    unit += to_lower(*unit) == 'b';
    if (!ok || *unit != '\0')
        return refuse(e, s, "is no size (wanted: 512m, 1.5g)");
    double v = strtod(s, NULL);
    if (factor != NULL)
        v = ldexp(v, 10 * (int)(factor - units + 1));
    if (v >= 0x1p63)
        return refuse(e, s, "is too large");
    *ret_bytes = (int64_t)v;
    return 0;
}

int engine_parse_memory_swap(const char *s, int64_t *ret_bytes, struct err *e)
{
    if (strcmp(s, "-1") == 0) {
        *ret_bytes = -1;
        return 0;
    }
    return engine_parse_size(s, ret_bytes, e);
}

const char *engine_format_size(int64_t bytes, char *out)
{
    static const char units[] = "kmgtp";
    char unit[2] = "";
    for (size_t i = 0; bytes > 0 && bytes % 1024 == 0 && units[i] != '\0'; i++) {
        bytes /= 1024;
        unit[0] = units[i];
    }
    (void)snprintf(out, ENGINE_VALUE_MAX, "%" PRId64 "%s", bytes, unit);
    return out;
}

/* --- cpus --------------------------------------------------------------------------------------------------------------------
 */

/* v * 10 + digit, where that stays below 2^63. */
static bool push_digit(int64_t *v, int digit)
{
    if (*v > (INT64_MAX - digit) / 10)
        return false;
    *v = *v * 10 + digit;
    return true;
}

int engine_parse_cpus(const char *s, int64_t *ret_nano, struct err *e)
{
    enum { MAX_EXPONENT = 100000 };
    const char *p = s;
    bool negative = *p == '-', dot = false, fits = true;
    p += *p == '+' || *p == '-';
    /* The value in nanocpus is v * 10^power. Zeros wait in `pending` until another digit shows that they are not the last. */
    int64_t v = 0;
    long power = 9, pending = 0, n_digits = 0;
    for (; is_digit(*p) || (*p == '.' && !dot); p++) {
        if (*p == '.') {
            dot = true;
            continue;
        }
        n_digits++;
        power -= dot;
        if (*p == '0') {
            pending++;
            continue;
        }
        for (; pending > 0; pending--)
            fits = fits && push_digit(&v, 0);
        fits = fits && push_digit(&v, *p - '0');
    }
    power += pending;
    bool ok = n_digits > 0;
    if (ok && to_lower(*p) == 'e') {
        bool minus = *++p == '-';
        p += *p == '+' || *p == '-';
        ok = is_digit(*p);
        long exponent = 0;
        for (; is_digit(*p); p++)
            exponent = exponent < MAX_EXPONENT ? exponent * 10 + (*p - '0') : exponent;
        power += minus ? -exponent : exponent;
    }
    if (!ok || *p != '\0')
        return refuse(e, s, "is no number of cpus (wanted: 1.5)");
    if (v != 0 && power < 0)
        return refuse(e, s, "is too precise: cpus come in steps of 0.000000001");
    for (; v != 0 && fits && power > 0; power--)
        fits = push_digit(&v, 0);
    if (!fits)
        return refuse(e, s, "is too large or too precise");
    *ret_nano = negative ? -v : v;
    return 0;
}

const char *engine_format_cpus(int64_t nano, char *out)
{
    uint64_t v = nano < 0 ? -(uint64_t)nano : (uint64_t)nano, fraction = v % 1000000000u;
    int width = 9;
    for (; fraction != 0 && fraction % 10 == 0; width--)
        fraction /= 10;
    const char *sign = nano < 0 ? "-" : "";
    if (fraction == 0)
        (void)snprintf(out, ENGINE_VALUE_MAX, "%s%" PRIu64, sign, v / 1000000000u);
    else
        (void)snprintf(out, ENGINE_VALUE_MAX, "%s%" PRIu64 ".%0*" PRIu64, sign, v / 1000000000u, width, fraction);
    return out;
}

/* --- ulimits ------------------------------------------------------------------------------------------------------------------
 */

static const char *const ulimit_names[] = {"core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                                           "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

/* Go's strconv.ParseInt(s, 10, 64). */
static bool parse_int(const char *s, size_t n, int64_t *ret)
{
    bool negative = n > 0 && *s == '-';
    size_t i = n > 0 && (*s == '-' || *s == '+');
    uint64_t v = 0, max = (uint64_t)INT64_MAX + negative;
    if (i == n)
        return false;
    for (; i < n; i++) {
        unsigned digit = (unsigned)(s[i] - '0');
        if (!is_digit(s[i]) || v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

int engine_parse_ulimit(const char *s, struct engine_ulimit *ret, struct err *e)
{
    const char *value = strchr(s, '=');
    if (value == NULL)
        return refuse(e, s, "is no ulimit (wanted: nofile=1024:2048)");
    struct engine_ulimit u = {0};
    size_t n = (size_t)(value++ - s);
    for (size_t i = 0; i < sizeof ulimit_names / sizeof *ulimit_names; i++)
        if (strlen(ulimit_names[i]) == n && memcmp(ulimit_names[i], s, n) == 0)
            u.name = ulimit_names[i];
    if (u.name == NULL)
        return refuse(e, s, "names no ulimit");
    const char *colon = strchr(value, ':');
    size_t soft_n = colon != NULL ? (size_t)(colon - value) : strlen(value);
    if (!parse_int(value, soft_n, &u.soft) || (colon != NULL && !parse_int(colon + 1, strlen(colon + 1), &u.hard)))
        return refuse(e, s, "has no whole numbers as limits (wanted: nofile=1024:2048)");
    if (colon == NULL)
        u.hard = u.soft;
    if (u.hard != -1 && (u.soft == -1 || u.soft > u.hard))
        return refuse(e, s, "has a soft limit above the hard one");
    *ret = u;
    return 0;
}

/* --- gpus
 * ----------------------------------------------------------------------------------------------------------------------- */

struct strings {
    char **v;
    size_t n, cap;
};

/* The first record of a CSV text, as Go's encoding/csv reads it: quoted fields may hold commas and doubled quotes. */
static bool read_csv(struct arena *a, const char *s, struct strings *out)
{
    for (;;) {
        char *field = arena_alloc(a, strlen(s) + 1);
        size_t n = 0;
        if (*s == '"') {
            for (s++; *s != '\0' && (*s != '"' || s[1] == '"'); s++) {
                field[n++] = *s;
                s += *s == '"';
            }
            if (*s++ != '"' || (*s != '\0' && *s != ',' && *s != '\n'))
                return false;
        } else {
            size_t len = strcspn(s, ",\n");
            if (memchr(s, '"', len) != NULL)
                return false;
            memcpy(field, s, len);
            n = len;
            s += len;
        }
        field[n] = '\0';
        *VEC_ADD(a, out) = field;
        if (*s != ',')
            return true;
        s++;
    }
}

static bool parse_count(const char *s, int64_t *ret)
{
    *ret = -1;
    return strcmp(s, "all") == 0 || parse_int(s, strlen(s), ret);
}

/* strings.Split(s, ","): "" gives one empty string. */
static struct node *split_list(struct arena *a, const char *s)
{
    struct node *list = node_array(a);
    for (;;) {
        size_t n = strcspn(s, ",");
        node_push(a, list, node_string_n(a, s, n));
        if (s[n] == '\0')
            return list;
        s += n + 1;
    }
}

static bool parse_gpu_options(struct arena *a, const char *s, struct node *options)
{
    struct strings fields = {0};
    if (!read_csv(a, s, &fields))
        return false;
    for (size_t i = 0; i < fields.n; i++) {
        size_t n = strcspn(fields.v[i], "=");
        const char *value = fields.v[i][n] == '=' ? fields.v[i] + n + 1 : "";
        node_set_n(a, options, fields.v[i], n, node_string(a, value));
    }
    return true;
}

int engine_parse_gpus(struct arena *a, const char *s, struct node **ret, struct err *e)
{
    struct strings fields = {0};
    if (!read_csv(a, s, &fields))
        return refuse(e, s, "has a misplaced quote");
    const char *driver = "";
    int64_t count = 0;
    struct node *devices = NULL, *options = node_object(a), *capabilities = NULL, *seen = node_object(a);
    for (size_t i = 0; i < fields.n; i++) {
        char *key = fields.v[i], *value = strchr(key, '=');
        if (value != NULL)
            *value++ = '\0';
        if (node_get(seen, key) != NULL)
            return err_set(e, ERR_CONFIG, 0, "'%s' gives '%s' twice", s, key);
        node_set(a, seen, key, node_bool(a, true));
        if (value == NULL || strcmp(key, "count") == 0) {
            if (!parse_count(value != NULL ? value : key, &count))
                return err_set(e, ERR_CONFIG, 0, "'%s': the count is neither \"all\" nor a whole number", s);
            node_set(a, seen, "count", node_bool(a, true));
        } else if (strcmp(key, "driver") == 0) {
            driver = value;
        } else if (strcmp(key, "device") == 0) {
            devices = split_list(a, value);
        } else if (strcmp(key, "capabilities") == 0) {
            capabilities = split_list(a, value);
            node_push(a, capabilities, node_string(a, "gpu"));
        } else if (strcmp(key, "options") != 0) {
            return err_set(e, ERR_CONFIG, 0, "'%s': unknown key '%s'", s, key);
        } else if (!parse_gpu_options(a, value, options)) {
            return refuse(e, s, "has a misplaced quote");
        }
    }
    if (node_get(seen, "count") == NULL && devices == NULL)
        count = 1;
    if (capabilities == NULL) {
        capabilities = node_array(a);
        node_push(a, capabilities, node_string(a, "gpu"));
    }
    struct node *request = node_object(a), *all_of = node_array(a);
    node_push(a, all_of, capabilities);
    node_set(a, request, "Driver", node_string(a, driver));
    node_set(a, request, "Count", node_number(a, (double)count));
    node_set(a, request, "DeviceIDs", devices != NULL ? devices : node_null(a));
    node_set(a, request, "Capabilities", all_of);
    node_set(a, request, "Options", options);
    *ret = request;
    return 0;
}

/* --- volumes
 * ---------------------------------------------------------------------------------------------------------------------- */

/* "C" of "C:\\x": a section of one letter is taken together with what follows its colon. */
static bool is_drive_letter(const char *s, size_t n)
{
    uint32_t cp = 0;
    return n > 0 && utf8_decode(s, n, &cp) == n && (U_GET_GC_MASK((UChar32)cp) & U_GC_L_MASK) != 0;
}

int engine_parse_volume(struct arena *a, const char *s, struct engine_volume *ret, struct err *e)
{
    struct engine_volume v = {.options = ""};
    size_t len = strlen(s);
    if (len == 0)
        return refuse(e, s, "is no volume");
    if (len <= 2) {
        v.target = arena_strdup(a, s);
        *ret = v;
        return 0;
    }
    for (const char *p = s;;) {
        size_t n = strcspn(p, ":");
        if (p[n] == ':' && is_drive_letter(p, n))
            n += 1 + strcspn(p + n + 1, ":");
        bool last = p[n] == '\0';
        if (n == 0)
            return refuse(e, s, "has an empty section between colons");
        char *section = arena_memdup0(a, p, n);
        if (v.source == NULL && !last)
            v.source = section;
        else if (v.target == NULL)
            v.target = section;
        else if (!last)
            return refuse(e, s, "has too many colons");
        else
            v.options = section;
        if (last)
            break;
        p += n + 1;
    }
    *ret = v;
    return 0;
}

/* --- JSON
 * -------------------------------------------------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    return is_digit(c) ? c - '0' : to_lower(c) >= 'a' && to_lower(c) <= 'f' ? to_lower(c) - 'a' + 10 : -1;
}

struct compactor {
    const char *s, *end;
    char *out;
    size_t n;
};

static char peek(const struct compactor *c)
{
    return c->s < c->end ? *c->s : '\0';
}

static void skip_blanks(struct compactor *c)
{
    while (c->s < c->end && (*c->s == ' ' || *c->s == '\t' || *c->s == '\n' || *c->s == '\r'))
        c->s++;
}

static bool copy_string(struct compactor *c)
{
    if (peek(c) != '"')
        return false;
    c->out[c->n++] = *c->s++;
    while (c->s < c->end && (unsigned char)*c->s >= 0x20) {
        char ch = c->out[c->n++] = *c->s++;
        if (ch == '"')
            return true;
        if (ch != '\\')
            continue;
        char escape = peek(c);
        if (escape == '\0' || strchr("\"\\/bfnrtu", escape) == NULL)
            return false;
        c->out[c->n++] = *c->s++;
        for (int i = 0; escape == 'u' && i < 4; i++) {
            if (hex_value(peek(c)) < 0)
                return false;
            c->out[c->n++] = *c->s++;
        }
    }
    return false;
}

static bool copy_number_digits(struct compactor *c)
{
    if (!is_digit(peek(c)))
        return false;
    while (is_digit(peek(c)))
        c->out[c->n++] = *c->s++;
    return true;
}

static bool copy_number(struct compactor *c)
{
    if (peek(c) == '-')
        c->out[c->n++] = *c->s++;
    if (peek(c) == '0')
        c->out[c->n++] = *c->s++;
    else if (!copy_number_digits(c))
        return false;
    if (peek(c) == '.') {
        c->out[c->n++] = *c->s++;
        if (!copy_number_digits(c))
            return false;
    }
    if (to_lower(peek(c)) == 'e') {
        c->out[c->n++] = *c->s++;
        if (peek(c) == '+' || peek(c) == '-')
            c->out[c->n++] = *c->s++;
        return copy_number_digits(c);
    }
    return true;
}

static bool copy_scalar(struct compactor *c)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(c->end - c->s) >= n && memcmp(c->s, words[i], n) == 0) {
            memcpy(c->out + c->n, words[i], n);
            c->n += n;
            c->s += n;
            return true;
        }
    }
    return peek(c) == '"' ? copy_string(c) : copy_number(c);
}

/* `"key":` of an object's member. */
static bool copy_key(struct compactor *c)
{
    skip_blanks(c);
    if (!copy_string(c))
        return false;
    skip_blanks(c);
    if (peek(c) != ':')
        return false;
    c->out[c->n++] = *c->s++;
    return true;
}

/* One value, without recursion: closers holds what each open object or array ends with. */
static bool copy_value(struct compactor *c, char closers[LIMIT_DOC_DEPTH])
{
    size_t depth = 0;
    for (;;) {
        skip_blanks(c);
        char ch = peek(c);
        if (ch == '{' || ch == '[') {
            if (depth == LIMIT_DOC_DEPTH)
                return false;
            closers[depth++] = ch == '{' ? '}' : ']';
            c->out[c->n++] = *c->s++;
            skip_blanks(c);
            if (peek(c) != closers[depth - 1]) {
                if (ch == '{' && !copy_key(c))
                    return false;
                continue;
            }
        } else if (!copy_scalar(c)) {
            return false;
        }
        for (skip_blanks(c); depth > 0 && peek(c) == closers[depth - 1]; skip_blanks(c)) {
            c->out[c->n++] = *c->s++;
            depth--;
        }
        if (depth == 0)
            return true;
        if (peek(c) != ',')
            return false;
        c->out[c->n++] = *c->s++;
        if (closers[depth - 1] == '}' && !copy_key(c))
            return false;
    }
}

int engine_compact_json(struct arena *a, const char *s, size_t n, char **ret, size_t *ret_n, struct err *e)
{
    char closers[LIMIT_DOC_DEPTH];
    struct compactor c = {.s = s, .end = s + n, .out = arena_alloc(a, n + 1)};
    bool ok = copy_value(&c, closers);
    if (!ok || c.s != c.end)
        return err_set(e, ERR_CONFIG, 0, "is no JSON (byte %zu)", (size_t)(c.s - s));
    *ret = c.out;
    *ret_n = c.n;
    return 0;
}
