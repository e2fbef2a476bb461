/* Traces: any bytes decode or are refused by line, and every recorded answer decodes or is an error. */
#include "backends/replay.h"
#include "backends/trace_codec.h"

#include "spec/base/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct replay_line *lines;
    size_t n_lines;
    struct err e = {0};

    if (replay_decode(a, arena_memdup0(a, data, n), n, &lines, &n_lines, &e) < 0) {
        if (e.class != ERR_INPUT || !text_has_prefix(e.msg, "line "))
            abort();
        return 0;
    }
    for (size_t i = 0; i < n_lines; i++) {
        const struct observe_req req = {0};
        struct observation o;
        struct observed one;
        struct act_result r;
        struct backend_info info;

        if (trace_decode_observe(a, lines[i].result, &req, "replay:x", &o, &e) == 0) {
            trace_result_observe(a, &o, &req);
        }
        if (trace_decode_look(a, lines[i].result, "replay:x", &one, &e) == 0)
            trace_result_look(a, &one);
        if (trace_decode_apply(a, lines[i].result, &r, &e) == 0)
            trace_result_apply(a, &r);
        if (trace_decode_probe(lines[i].result, &info, &e) == 0)
            trace_result_probe(a, &info);
        if (trace_decode_error(lines[i].error, &e) == 0)
            abort();
    }
    return 0;
}
