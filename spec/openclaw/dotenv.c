#include "spec/openclaw/dotenv.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/read/utf8.h"

#include <stdint.h>
#include <string.h>

/* dotenv's whole grammar is one regular expression, matched again and again from where the last match ended:
 *
 *     ^ \s* (export\s+)? ([\w.-]+) (\s*=\s*? | :\s+?) (\s*'(\\'|[^'])*' | the same with " or ` | [^#\r\n]+)? \s* (#.*)? $
 *
 * with ^ and $ at every line. What follows is its matcher, with the backtracking that can matter worked out: white space may
 * span lines; a quoted value that is followed by something on its line is none, unless a quote escaped in it can end it. */

static const char *skip_space(const char *p, const char *end)
{
    uint32_t cp;
    size_t n;

    while (p < end && (n = utf8_decode(p, (size_t)(end - p), &cp)) > 0 && js_is_space(cp))
        p += n;
    return p;
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static const char *skip_key(const char *p, const char *end)
{
    while (p < end && is_key_char(*p))
        p++;
    return p;
}

static const char *line_end(const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (size_t)(end - p));

    return newline ? newline : end;
}

/* \s* (#.*)? $ at p: where it ends, or NULL. */
static const char *match_tail(const char *p, const char *end)
{
    const char *q = skip_space(p, end);

    if (q < end && *q == '#')
        return line_end(q, end);
    if (q == end)
        return q;
    while (q > p && *q != '\n')
        q--;
    return *q == '\n' ? q : NULL;
}

/* The separator at p: where the value may begin, or NULL. */
static const char *match_separator(const char *p, const char *end)
{
    const char *q = skip_space(p, end);

    if (q < end && *q == '=')
        return q + 1;
    if (p < end && *p == ':' && skip_space(p + 1, end) > p + 1) {
        uint32_t cp;

        return p + 1 + utf8_decode(p + 1, (size_t)(end - p - 1), &cp);
    }
    return NULL;
}

/* \s* and a quoted text at p: where its tail ends, or NULL. */
static const char *match_quoted(const char *p, const char *end, const char **ret_end)
{
    const char *open = skip_space(p, end), *q, *tail;

    if (open == end || !strchr("'\"`", *open))
        return NULL;
    for (q = open + 1; q < end && *q != *open; q++)
        if (*q == '\\' && q + 1 < end && q[1] == *open)
            q++;
    if (q < end && (tail = match_tail(q + 1, end))) {
        *ret_end = q + 1;
        return tail;
    }
    /* Backtracking: the last of the quotes escaped before q that the tail can follow. */
    for (q = q < end ? q - 1 : end - 1; q > open + 1; q--)
        if (*q == *open && (tail = match_tail(q + 1, end))) {
            *ret_end = q + 1;
            return tail;
        }
    return NULL;
}

/* trim(), one pair of quotes off, \n and \r of a double-quoted one made real. */
static struct node *make_value(struct arena *a, const char *p, const char *end)
{
    char *v = js_trim(a, arena_memdup0(a, p, (size_t)(end - p)));
    size_t n = strlen(v), out = 0;
    bool expand = v[0] == '"';

    if (n >= 2 && strchr("'\"`", v[0]) && v[n - 1] == v[0]) {
        v[n - 1] = '\0';
        v++;
        n -= 2;
    }
    for (size_t i = 0; i < n; i++) {
        bool escape = expand && v[i] == '\\' && (v[i + 1] == 'n' || v[i + 1] == 'r');

        v[out++] = !escape ? v[i] : v[++i] == 'n' ? '\n' : '\r';
    }
    return node_string_n(a, v, out);
}

/* An assignment whose name (and "export" before it) begins at p. Returns where the match ends, or NULL. */
static const char *match_assignment(struct arena *a, const char *p, const char *end, struct node *env)
{
    const char *key_end = skip_key(p, end), *q = key_end > p ? match_separator(key_end, end) : NULL, *value_end, *tail;

    if (!q)
        return NULL;
    tail = match_quoted(q, end, &value_end);
    if (!tail) {
        size_t n = 0;

        while (q + n < end && q[n] != '#' && q[n] != '\n')
            n++;
        value_end = q + n;
        tail = match_tail(value_end, end); /* a '#' or the end of a line: always matches */
    }
    const char *key = arena_memdup0(a, p, (size_t)(key_end - p));
    if (strcmp(key, "__proto__") != 0)
        node_set(a, env, key, make_value(a, q, value_end));
    return tail;
}

/* \r\n? becomes \n. NULs end no text for JavaScript, but no variable can hold one. */
static char *unify_lines(struct arena *a, const char *bytes, size_t *n)
{
    const char *text = utf8_scrub(a, bytes, *n, n);
    char *s = arena_memdup0(a, text, *n);
    size_t out = 0;

    for (size_t i = 0; i < *n; i++) {
        if (s[i] == '\r' && i + 1 < *n && s[i + 1] == '\n')
            continue;
        if (s[i] != '\0')
            s[out++] = s[i] == '\r' ? '\n' : s[i];
    }
    s[out] = '\0';
    *n = out;
    return s;
}

struct node *dotenv_read(struct arena *a, const char *bytes, size_t n)
{
    struct node *env = node_object(a);

    n = n < LIMIT_DOTENV_BYTES ? n : LIMIT_DOTENV_BYTES;
    const char *s = unify_lines(a, bytes, &n), *end = s + n;
    for (const char *line = s; line < end;) {
        const char *p = skip_space(line, end), *q = NULL, *tail = NULL;

        if (end - p > 6 && memcmp(p, "export", 6) == 0 && (q = skip_space(p + 6, end)) > p + 6)
            tail = match_assignment(a, q, end, env);
        if (!tail)
            tail = match_assignment(a, p, end, env);
        if (!tail)
            tail = line_end(p, end); /* the blank lines up to p would fail alike */
        line = tail < end ? line_end(tail, end) + 1 : end;
    }
    return env;
}
