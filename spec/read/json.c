#include "spec/read/json.h"

#include "spec/base/limits.h"
#include "spec/read/json5.h"

#include <jansson.h>
#include <string.h>

static int hex_unit(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int h = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

        if (h < 0)
            return -1;
        v = v << 4 | h;
    }
    return v;
}

/* Of an escape \uHHHH at p: its unit, or -1. */
static int unit_at(const char *p, const char *end)
{
    return end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex_unit(p + 2) : -1;
}

/* jansson refuses lone surrogates, which JSON.stringify writes as escapes. For its verdict they are replaced by \ufffd: of
 * the same length, so that its positions hold. Returns the bytes themselves where there is none. A backslash outside of
 * strings is an error whatever follows it, so strings need not be told apart here. */
static const char *without_lone_surrogates(struct arena *a, const char *bytes, size_t n)
{
    static const char stand_in[6] = {'\\', 'u', 'f', 'f', 'f', 'd'};
    const char *end = bytes + n;
    char *copy = NULL;

    for (const char *p = bytes; (p = memchr(p, '\\', (size_t)(end - p)));) {
        int unit = unit_at(p, end), second;

        if (unit < 0xd800 || unit > 0xdfff) {
            p += end - p >= 2 ? 2 : 1;
            continue;
        }
        second = unit < 0xdc00 ? unit_at(p + 6, end) : -1;
        if (second >= 0xdc00 && second <= 0xdfff) {
            p += 12;
            continue;
        }
        if (!copy)
            copy = arena_memdup0(a, bytes, n);
        memcpy(copy + (p - bytes), stand_in, sizeof stand_in);
        p += sizeof stand_in;
    }
    return copy ? copy : bytes;
}

struct node *json_read(struct arena *a, const char *file, const char *bytes, size_t n, struct diags *d)
{
    json_error_t error;

    if (n > LIMIT_DOC_BYTES)
        return json5_read(a, file, bytes, n, d); /* which says so */
    json_t *value = json_loadb(n > 0 ? without_lone_surrogates(a, bytes, n) : "", n,
                               JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    if (!value) {
        struct pos pos = {.file = arena_strdup(a, file)};

        if (error.line > 0) {
            pos.line = (unsigned)error.line;
            pos.col = error.column > 0 ? (unsigned)error.column : 1;
        }
        diag_error(d, pos, "", "not JSON: %s", error.text);
        return NULL;
    }
    json_decref(value);
    return json5_read(a, file, bytes, n, d);
}

struct node *json_read_err(struct arena *a, const char *what, const char *bytes, size_t n, struct err *e)
{
    struct diags d = {.arena = a};
    struct node *root = json_read(a, what, bytes, n, &d);

    if (root)
        return root;
    for (size_t i = 0; i < d.n; i++) {
        BUF_AUTO b = BUF_INIT(sizeof e->msg);

        if (d.v[i].level != DIAG_ERROR)
            continue;
        diag_format(&b, &d.v[i]);
        err_set(e, ERR_INPUT, 0, "%s", buf_str(&b));
        return NULL;
    }
    err_set(e, ERR_INPUT, 0, "%s: not JSON", what);
    return NULL;
}
