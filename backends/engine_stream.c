#include "backends/engine_stream.h"

#include "spec/base/limits.h"

#include <string.h>

enum {
    AT_START,   /* array: before the [ */
    AT_FIRST,   /* array: an element or ] */
    AT_ELEMENT, /* array: an element, after a comma; lines: an element or the end */
    IN_ELEMENT,
    AFTER, /* array: a comma or ] */
    AT_END /* array: nothing but white space */
};

void engine_stream_init(struct engine_stream *s, enum engine_framing framing, engine_item_fn on_item, void *ctx)
{
    *s = (struct engine_stream){.framing = framing, .on_item = on_item, .ctx = ctx, .part = BUF_INIT(LIMIT_ITEM_BYTES)};
    s->state = framing == ENGINE_ARRAY ? AT_START : AT_ELEMENT;
}

void engine_stream_free(struct engine_stream *s)
{
    buf_free(&s->part);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int too_long(const struct engine_stream *s, struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "element %zu of the reply is longer than %u bytes", s->n_items, LIMIT_ITEM_BYTES);
}

static int decode(struct engine_stream *s, const char *p, size_t n, struct err *e)
{
    if (n > LIMIT_ITEM_BYTES)
        return too_long(s, e);
    json_error_t je;
    /* NULs are let through: a stranger's label must not make the whole list unreadable. engine_text() refuses them. */
    json_t *item = json_loadb(p, n, JSON_ALLOW_NUL, &je);
    if (!item)
        return err_set(e, ERR_INPUT, 0, "element %zu of the reply: %s", s->n_items, je.text);
    s->n_items++;
    int rc = s->on_item(s->ctx, item, e);
    json_decref(item);
    return rc;
}

/* Where the element that is open ends within [p, end), or NULL. Brackets are only counted here; whether they match is the
 * decoder's to say. */
static const char *element_end(struct engine_stream *s, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (s->in_string) {
            if (s->escaped)
                s->escaped = false;
            else if (*p == '\\')
                s->escaped = true;
            else if (*p == '"')
                s->in_string = false;
            continue;
        }
        switch (*p) {
        case '"':
            s->in_string = true;
            break;
        case '{':
        case '[':
            s->depth++;
            break;
        case '}':
        case ']':
            if (--s->depth == 0)
                return p + 1;
            break;
        }
    }
    return NULL;
}

/* Takes what is left of an element: whole in this chunk it is decoded in place, else it is gathered. */
static int take_element(struct engine_stream *s, const char **p, const char *end, struct err *e)
{
    const char *begin = *p, *stop = element_end(s, begin, end);
    *p = stop ? stop : end;
    if (stop && s->part.n == 0) {
        s->state = s->framing == ENGINE_ARRAY ? AFTER : AT_ELEMENT;
        return decode(s, begin, (size_t)(stop - begin), e);
    }
    buf_put(&s->part, begin, (size_t)(*p - begin));
    if (s->part.full)
        return too_long(s, e);
    if (!stop)
        return 0;
    s->state = s->framing == ENGINE_ARRAY ? AFTER : AT_ELEMENT;
    int rc = decode(s, buf_str(&s->part), s->part.n, e);
    buf_clear(&s->part);
    return rc;
}

static int unexpected(const struct engine_stream *s, char c, struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "unexpected byte 0x%02x after element %zu of the reply: no list of objects", (unsigned char)c,
                   s->n_items);
}

/* One byte between elements; the first byte of an element stays where it is. */
static int step(struct engine_stream *s, char c, struct err *e)
{
    switch (s->state) {
    case AT_START:
        if (c != '[')
            return unexpected(s, c, e);
        s->state = AT_FIRST;
        return 0;
    case AT_FIRST:
        if (c != ']')
            return unexpected(s, c, e);
        s->state = AT_END;
        return 0;
    case AFTER:
        if (c != ',' && c != ']')
            return unexpected(s, c, e);
        s->state = c == ',' ? AT_ELEMENT : AT_END;
        return 0;
    }
    return unexpected(s, c, e);
}

int engine_stream_feed(struct engine_stream *s, const char *p, size_t n, struct err *e)
{
    for (const char *end = p + n; p < end;) {
        if (s->state != IN_ELEMENT && is_space(*p)) {
            p++;
        } else if (s->state == IN_ELEMENT || ((s->state == AT_FIRST || s->state == AT_ELEMENT) && *p == '{')) {
            s->state = IN_ELEMENT;
            if (take_element(s, &p, end, e) < 0)
                return -1;
        } else if (step(s, *p++, e) < 0) {
            return -1;
        }
    }
    return 0;
}

int engine_stream_end(struct engine_stream *s, struct err *e)
{
    if (s->state == (s->framing == ENGINE_ARRAY ? AT_END : AT_ELEMENT))
        return 0;
    return err_set(e, ERR_INPUT, 0, "the reply ends in the middle, after %zu elements", s->n_items);
}

const char *engine_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    const char *s = json_string_value(v);
    return s && strlen(s) == json_string_length(v) ? s : NULL;
}
