/* Engine lists and command outputs from hostile bytes: the first byte chooses which, the second how they are cut. Whatever the
 * cut, the result is the same. */
#include "backends/engine_exec.h"
#include "backends/engine_stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct result {
    uint64_t sum;
    size_t n_items;
    int rc;
};

static int on_item(void *ctx, json_t *item, struct err *e)
{
    struct result *r = ctx;
    char *s = json_dumps(item, JSON_COMPACT);
    for (const char *p = s; p && *p; p++)
        r->sum = r->sum * 1099511628211u + (unsigned char)*p;
    free(s);
    (void)engine_text(item, "Id");
    r->n_items++;
    return 0;
}

static int on_output(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    struct result *r = ctx;
    if (stream != 1 && stream != 2)
        abort();
    for (size_t i = 0; i < n; i++)
        r->sum = r->sum * 1099511628211u + (unsigned char)p[i] + (unsigned)stream * 256u;
    return 0;
}

static struct result list(enum engine_framing framing, const char *p, size_t n, size_t chunk)
{
    struct result r = {0};
    struct engine_stream s;
    struct err e = {0};
    engine_stream_init(&s, framing, on_item, &r);
    for (size_t i = 0; r.rc == 0 && i < n; i += chunk)
        r.rc = engine_stream_feed(&s, p + i, n - i < chunk ? n - i : chunk, &e);
    if (r.rc == 0)
        r.rc = engine_stream_end(&s, &e);
    if (r.rc < 0 && (e.class != ERR_INPUT || !e.msg[0]))
        abort();
    if (s.n_items != r.n_items)
        abort();
    engine_stream_free(&s);
    return r;
}

static struct result output(const char *p, size_t n, size_t chunk)
{
    struct result r = {0};
    struct engine_demux x = {0};
    struct err e = {0};
    for (size_t i = 0; r.rc == 0 && i < n; i += chunk)
        r.rc = engine_demux_feed(&x, p + i, n - i < chunk ? n - i : chunk, on_output, &r, &e);
    if (r.rc == 0)
        r.rc = engine_demux_end(&x, &e);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    size_t chunk = 1 + data[1] % 61;
    const char *p = (const char *)data + 2;
    n -= 2;
    struct result whole, cut;
    if (data[0] % 3 == 2) {
        whole = output(p, n, n ? n : 1);
        cut = output(p, n, chunk);
    } else {
        enum engine_framing framing = data[0] % 3 ? ENGINE_LINES : ENGINE_ARRAY;
        whole = list(framing, p, n, n ? n : 1);
        cut = list(framing, p, n, chunk);
    }
    if (whole.rc != cut.rc || whole.sum != cut.sum || whole.n_items != cut.n_items)
        abort();
    return 0;
}
