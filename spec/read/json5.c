#include "spec/read/json5.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/read/json5_ident.h"
#include "spec/read/tree.h"
#include "spec/read/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define END UINT32_MAX /* no character: the end of the text */

struct reader {
    struct tree tree;
    struct arena *a;
    struct diags *d;
    const char *file;
    const char *p, *end;
    uint32_t c; /* the character at p, c_n bytes long */
    size_t c_n;
    bool c_bad;         /* no UTF-8: c stands for it */
    unsigned line, col; /* of c */
    bool after;         /* a value of the innermost container has ended: a comma or its end must follow */
    bool warned;
    struct buf text; /* of the token being read */
};

/* --- characters ------------------------------------------------------------------------------------------------------------- */

static struct pos here(const struct reader *r)
{
    return (struct pos){.file = r->file, .line = r->line, .col = r->col};
}

static void look(struct reader *r)
{
    if (r->p == r->end) {
        r->c = END;
        r->c_n = 0;
        r->c_bad = false;
        return;
    }
    r->c_n = utf8_decode_lossy(r->p, (size_t)(r->end - r->p), &r->c, &r->c_bad);
    if (r->c_bad && !r->warned) {
        r->warned = true;
        diag_warning(r->d, here(r), "", "bytes that are not UTF-8 are read as U+FFFD");
    }
}

static void next(struct reader *r)
{
    if (r->c == '\n') {
        r->line++;
        r->col = 1;
    } else {
        r->col++;
    }
    r->p += r->c_n;
    look(r);
}

/* Always -1. `want` completes the sentence. */
static int unexpected(struct reader *r, const char *want)
{
    const char *path = tree_path(&r->tree);
    struct pos pos = here(r);

    if (r->c == END)
        diag_error(r->d, pos, path, "unexpected end of the text: %s", want);
    else if (r->c == '\n' || r->c == '\r')
        diag_error(r->d, pos, path, "unexpected line break: %s", want);
    else if (r->c_bad)
        diag_error(r->d, pos, path, "unexpected byte 0x%02x, which is not UTF-8: %s", (unsigned char)*r->p, want);
    else if (r->c < 0x20 || r->c == 0x7f || js_is_space(r->c))
        diag_error(r->d, pos, path, "unexpected character U+%04X: %s", (unsigned)r->c, want);
    else if (r->c == '#')
        diag_error(r->d, pos, path, "unexpected character '#': %s (comments begin with // or /*)", want);
    else
        diag_error(r->d, pos, path, "unexpected character '%.*s': %s", (int)r->c_n, r->p, want);
    return -1;
}

/* --- white space and comments ----------------------------------------------------------------------------------------------- */

static bool is_line_end(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

static int skip_comment(struct reader *r)
{
    next(r);
    if (r->c == '/') {
        while (r->c != END && !is_line_end(r->c))
            next(r);
        return 0;
    }
    if (r->c != '*')
        return unexpected(r, "a comment begins with // or /*");
    next(r);
    for (;;) {
        bool star = r->c == '*';

        if (r->c == END)
            return unexpected(r, "the comment is not closed by */");
        next(r);
        if (star && r->c == '/')
            break;
    }
    next(r);
    return 0;
}

static int skip_blank(struct reader *r)
{
    for (;;) {
        if (r->c == '/') {
            if (skip_comment(r) < 0)
                return -1;
        } else if (r->c != END && js_is_space(r->c)) {
            next(r);
        } else {
            return 0;
        }
    }
}

/* --- strings and keys ------------------------------------------------------------------------------------------------------- */

static int hex_value(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (int)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (int)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (int)(c - 'A') + 10;
    return -1;
}

static int read_hex(struct reader *r, int digits, uint32_t *ret)
{
    uint32_t v = 0;

    for (int i = 0; i < digits; i++) {
        int h = hex_value(r->c);

        if (h < 0)
            return unexpected(r, digits == 2 ? "\\x takes two hexadecimal digits" : "\\u takes four hexadecimal digits");
        v = v << 4 | (uint32_t)h;
        next(r);
    }
    *ret = v;
    return 0;
}

static void put_char(struct buf *b, uint32_t cp)
{
    char out[4];

    buf_put(b, out, utf8_encode(cp, out));
}

/* A JavaScript string is UTF-16: a low surrogate behind a high one, however each was written, makes one character. High ones
 * can be in the buffer only from an escape, since the bytes of one are no UTF-8. */
static void put_unit(struct buf *b, uint32_t unit)
{
    if (unit >= 0xdc00 && unit <= 0xdfff && b->n >= 3 && (unsigned char)b->s[b->n - 3] == 0xed) {
        uint32_t high;

        if (utf8_decode(b->s + b->n - 3, 3, &high) == 3 && high >= 0xd800 && high <= 0xdbff) {
            b->n -= 3;
            unit = 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
        }
    }
    put_char(b, unit);
}

static int read_escape(struct reader *r)
{
    static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
    uint32_t c = r->c, unit = 0;
    const char *simple = c > 0 && c < 0x80 ? strchr(from, (int)c) : NULL;

    if (c == END)
        return unexpected(r, "the string is not closed");
    if (c >= '1' && c <= '9')
        return unexpected(r, "a backslash before a digit means nothing here");
    if (c == 'x' || c == 'u') {
        next(r);
        if (read_hex(r, c == 'x' ? 2 : 4, &unit) < 0)
            return -1;
        put_unit(&r->text, unit);
        return 0;
    }
    next(r);
    if (c == '0') {
        if (r->c >= '0' && r->c <= '9')
            return unexpected(r, "a digit cannot follow \\0");
        buf_putc(&r->text, '\0');
    } else if (c == '\r') {
        if (r->c == '\n')
            next(r);
    } else if (simple) {
        buf_putc(&r->text, to[simple - from]);
    } else if (!is_line_end(c)) {
        put_char(&r->text, c);
    }
    return 0;
}

/* Most of a text is plain ASCII: taken in one piece up to what needs a look. */
static void read_plain(struct reader *r, uint32_t quote)
{
    const char *p = r->p;

    while (p < r->end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f && *p != '\\' && (unsigned char)*p != quote)
        p++;
    if (p == r->p)
        return;
    buf_put(&r->text, r->p, (size_t)(p - r->p));
    r->col += (unsigned)(p - r->p);
    r->p = p;
    look(r);
}

/* Into r->text. */
static int read_string(struct reader *r)
{
    uint32_t quote = r->c;

    buf_clear(&r->text);
    next(r);
    for (;;) {
        read_plain(r, quote);
        if (r->c == quote)
            break;
        if (r->c == END)
            return unexpected(r, "the string is not closed");
        if (r->c == '\n' || r->c == '\r')
            return unexpected(r, "the string is not closed (a line break in it is written \\n)");
        if (r->c == '\\') {
            next(r);
            if (read_escape(r) < 0)
                return -1;
        } else {
            put_char(&r->text, r->c);
            next(r);
        }
    }
    next(r);
    return 0;
}

/* A key without quotes, into r->text. */
static int read_identifier(struct reader *r)
{
    buf_clear(&r->text);
    for (bool first = true;; first = false) {
        struct pos pos = here(r);
        uint32_t cp = r->c;
        bool escaped = cp == '\\';

        if (escaped) {
            next(r);
            if (r->c != 'u')
                return unexpected(r, "in a key without quotes only \\u may follow a backslash");
            next(r);
            if (read_hex(r, 4, &cp) < 0)
                return -1;
        }
        if (!(first ? json5_is_id_start(cp) : json5_is_id_part(cp))) {
            if (escaped) {
                diag_error(r->d, pos, tree_path(&r->tree), "a key without quotes cannot hold U+%04X here", (unsigned)cp);
                return -1;
            }
            return first ? unexpected(r, "expected a key or '}'") : 0;
        }
        put_char(&r->text, cp);
        if (!escaped)
            next(r);
    }
}

static int read_key(struct reader *r)
{
    struct pos pos = here(r);

    if ((r->c == '"' || r->c == '\'' ? read_string(r) : read_identifier(r)) < 0)
        return -1;
    const struct node_member *before = tree_key(&r->tree, buf_str(&r->text), r->text.n, pos);
    if (before)
        diag_warning(r->d, pos, tree_path(&r->tree), "given before at line %u; the later value counts", before->pos.line);
    if (skip_blank(r) < 0)
        return -1;
    if (r->c != ':')
        return unexpected(r, "expected ':' after the key");
    next(r);
    return skip_blank(r);
}

/* --- values ----------------------------------------------------------------------------------------------------------------- */

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static void skip_digits(struct reader *r)
{
    while (is_digit(r->c))
        next(r);
}

static int read_word(struct reader *r, const char *word)
{
    for (const char *p = word; *p; p++) {
        if (r->c != (unsigned char)*p)
            return unexpected(r, "expected a value (a text stands in quotes)");
        next(r);
    }
    return 0;
}

static int read_decimal(struct reader *r)
{
    bool leading = r->c != '.';

    if (r->c == '0') {
        next(r);
    } else {
        skip_digits(r);
    }
    if (r->c == '.') {
        next(r);
        if (!leading && !is_digit(r->c))
            return unexpected(r, "expected a digit");
        skip_digits(r);
    }
    if (r->c == 'e' || r->c == 'E') {
        next(r);
        if (r->c == '+' || r->c == '-')
            next(r);
        if (!is_digit(r->c))
            return unexpected(r, "expected a digit of the exponent");
        skip_digits(r);
    }
    return 0;
}

static int read_number(struct reader *r, double *ret)
{
    double sign = r->c == '-' ? -1 : 1;

    if (r->c == '-' || r->c == '+')
        next(r);
    if (r->c == 'I' || r->c == 'N') {
        *ret = r->c == 'I' ? sign * (double)INFINITY : (double)NAN;
        return read_word(r, r->c == 'I' ? "Infinity" : "NaN");
    }
    if (!is_digit(r->c) && r->c != '.')
        return unexpected(r, "expected a number");
    const char *start = r->p;
    if (r->end - r->p >= 2 && start[0] == '0' && (start[1] == 'x' || start[1] == 'X')) {
        next(r);
        next(r);
        if (hex_value(r->c) < 0)
            return unexpected(r, "expected a hexadecimal digit");
        while (hex_value(r->c) >= 0)
            next(r);
    } else if (read_decimal(r) < 0) {
        return -1;
    }
    buf_clear(&r->text);
    buf_put(&r->text, start, (size_t)(r->p - start));
    /* strtod reads exactly these digits, correctly rounded as ECMAScript asks; too large gives infinity there and here. */
    *ret = sign * strtod(r->text.s, NULL);
    return 0;
}

static int read_scalar(struct reader *r, struct node **ret)
{
    double num = 0;

    switch (r->c) {
    case 'n':
        *ret = node_null(r->a);
        return read_word(r, "null");
    case 't':
        *ret = node_bool(r->a, true);
        return read_word(r, "true");
    case 'f':
        *ret = node_bool(r->a, false);
        return read_word(r, "false");
    case '"':
    case '\'':
        if (read_string(r) < 0)
            return -1;
        *ret = node_string_n(r->a, buf_str(&r->text), r->text.n);
        return 0;
    default:
        if (!is_digit(r->c) && (r->c >= 0x80 || !strchr("+-.IN", (int)r->c) || r->c == 0))
            return unexpected(r, "expected a value");
        if (read_number(r, &num) < 0)
            return -1;
        *ret = node_number(r->a, num);
        return 0;
    }
}

static int read_value(struct reader *r)
{
    struct pos pos = here(r);
    struct node *value = NULL;

    if (r->c == '{' || r->c == '[') {
        value = r->c == '{' ? node_object(r->a) : node_array(r->a);
        next(r);
        r->after = false;
    } else if (read_scalar(r, &value) < 0) {
        return -1;
    } else {
        r->after = true;
    }
    return tree_add(&r->tree, value, pos);
}

/* One step inside the innermost container: its end, a comma, or an element. */
static int read_element(struct reader *r)
{
    bool object = tree_top(&r->tree)->kind == NODE_OBJECT;

    if (r->c == (object ? '}' : ']')) {
        next(r);
        tree_leave(&r->tree);
        r->after = true;
        return 0;
    }
    if (r->after) {
        if (r->c != ',')
            return unexpected(r, object ? "expected ',' or '}'" : "expected ',' or ']'");
        next(r);
        r->after = false;
        return 0;
    }
    if (object && read_key(r) < 0)
        return -1;
    return read_value(r);
}

static int read_text(struct reader *r)
{
    look(r);
    if (skip_blank(r) < 0 || read_value(r) < 0)
        return -1;
    while (tree_top(&r->tree))
        if (skip_blank(r) < 0 || read_element(r) < 0)
            return -1;
    if (skip_blank(r) < 0)
        return -1;
    return r->c == END ? 0 : unexpected(r, "expected nothing more after the value");
}

struct node *json5_read(struct arena *a, const char *file, const char *bytes, size_t n, struct diags *d)
{
    struct reader r = {.a = a, .d = d, .file = arena_strdup(a, file), .p = bytes, .end = bytes + n, .line = 1, .col = 1};

    if (n > LIMIT_DOC_BYTES) {
        diag_error(d, (struct pos){.file = r.file}, "", "larger than %u bytes", LIMIT_DOC_BYTES);
        return NULL;
    }
    if (n >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0)) {
        diag_error(d, here(&r), "", "the text is UTF-16; it must be UTF-8");
        return NULL;
    }
    r.text = BUF_INIT(3 * (size_t)LIMIT_DOC_BYTES); /* a bad byte becomes three */
    tree_init(&r.tree, a, d);
    struct node *root = read_text(&r) < 0 ? NULL : r.tree.root;
    tree_free(&r.tree);
    buf_free(&r.text);
    return root;
}
