/* engine_stream: splits what an engine sends, a JSON array of objects or a run of JSON objects, into its elements as the bytes
 * come, so that memory follows the largest element and not the reply.
 *
 *     engine_stream_init(&s, ENGINE_ARRAY, on_item, ctx);
 *     engine_stream_feed(&s, p, n, e) ...            any cut of the bytes gives the same elements
 *     engine_stream_end(&s, e)                       a reply that was cut, or is none, is an error here and never a short list
 *     engine_stream_free(&s)
 *
 * An element over LIMIT_ITEM_BYTES, and anything that is not such a list, is ERR_INPUT. After an error nothing more is fed. */
#ifndef RECONCLAW_BACKENDS_ENGINE_STREAM_H
#define RECONCLAW_BACKENDS_ENGINE_STREAM_H

#include "spec/base/err.h"
#include "spec/base/text.h"

#include <jansson.h>

enum engine_framing {
    ENGINE_ARRAY, /* [{...}, {...}]: a list */
    ENGINE_LINES, /* {...}{...}: events, white space between them or none; ends anywhere between two */
};

/* The element is the stream's and gone after the call. -1 stops the stream with that error. */
typedef int (*engine_item_fn)(void *ctx, json_t *item, struct err *e);

struct engine_stream {
    enum engine_framing framing;
    engine_item_fn on_item;
    void *ctx;
    size_t n_items;
    /* private */
    int state;
    size_t depth;
    bool in_string, escaped;
    struct buf part; /* of an element that a chunk ended in */
};

void engine_stream_init(struct engine_stream *s, enum engine_framing framing, engine_item_fn on_item, void *ctx);
int engine_stream_feed(struct engine_stream *s, const char *p, size_t n, struct err *e);
int engine_stream_end(struct engine_stream *s, struct err *e);
void engine_stream_free(struct engine_stream *s);

/* What decoders of an engine's JSON need: a member of an object as text, or NULL where it is missing, no string, or holds a NUL
 * (which no setting of ours does, and which must not be taken for the text before it). */
const char *engine_text(const json_t *object, const char *key);

#endif
