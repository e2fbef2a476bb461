/* Whatever text comes: no crash; what is taken is within bounds; what is formatted reads back. */
#include "spec/engine_ref.h"
#include "spec/engine_value.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    const char *s = arena_memdup0(a, data, size), *text;
    struct err e = {0};
    int64_t v, back;
    char out[ENGINE_VALUE_MAX], *json, *again;
    size_t n, again_n;
    struct engine_ulimit u;
    struct engine_volume volume;
    struct node *request;
    if (engine_parse_size(s, &v, &e) == 0) {
        must(v >= 0);
        /* Above 2^53 a size is no exact number of bytes in docker's arithmetic either. */
        if (v < INT64_C(1) << 53)
            must(engine_parse_size(engine_format_size(v, out), &back, &e) == 0 && back == v);
    }
    if (engine_parse_memory_swap(s, &v, &e) == 0)
        must(v >= -1);
    if (engine_parse_cpus(s, &v, &e) == 0)
        must(engine_parse_cpus(engine_format_cpus(v, out), &back, &e) == 0 && back == v);
    if (engine_parse_ulimit(s, &u, &e) == 0) {
        struct engine_ulimit same;
        must(u.hard == -1 || (u.soft != -1 && u.soft <= u.hard));
        must(engine_parse_ulimit(arena_printf(a, "%s=%lld:%lld", u.name, (long long)u.soft, (long long)u.hard), &same, &e) == 0);
        must(same.soft == u.soft && same.hard == u.hard);
    }
    if (engine_parse_gpus(a, s, &request, &e) == 0)
        must(node_is(node_get(request, "Capabilities"), NODE_ARRAY));
    if (engine_parse_volume(a, s, &volume, &e) == 0)
        must(volume.target != NULL && *volume.target != '\0');
    if (engine_parse_ip(a, s, &text, &e) == 0) {
        const char *same;
        must(engine_parse_ip(a, text, &same, &e) == 0 && strcmp(text, same) == 0);
    }
    if (engine_parse_extra_host(a, s, &text, &e) == 0)
        must(strchr(text, ':') != NULL);
    if (engine_check_image(s, &e) == 0)
        must(*s != '\0' && strpbrk(s, " \n$;&|") == NULL);
    (void)engine_is_container_name(s);
    if (engine_compact_json(a, (const char *)data, size, &json, &n, &e) == 0) {
        must(n <= size);
        must(engine_compact_json(a, json, n, &again, &again_n, &e) == 0 && again_n == n && memcmp(json, again, n) == 0);
    }
    return 0;
}
