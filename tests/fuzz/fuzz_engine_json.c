/* An engine may answer anything: no crash, and fields are sorted, each once, none without a value. The input is a reply and,
 * behind a NUL each, a body that is wanted and an image. */
#include "spec/engine_fields.h"
#include "spec/read/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct fields f)
{
    for (size_t i = 0; i < f.n; i++)
        if (f.v[i].value == NULL || (i > 0 && strcmp(f.v[i - 1].name, f.v[i].name) >= 0))
            abort();
}

static struct node *next(struct arena *a, const uint8_t **data, size_t *size)
{
    struct err e = {0};
    const uint8_t *end = memchr(*data, '\0', *size);
    size_t n = end != NULL ? (size_t)(end - *data) : *size;
    struct node *tree = json_read_err(a, "reply", (const char *)*data, n, &e);
    *data += n + (end != NULL);
    *size -= n + (end != NULL);
    return tree;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nothing[1];
    ARENA_AUTO a = arena_new();
    if (size == 0)
        data = nothing;
    struct node *inspect = next(a, &data, &size), *want = next(a, &data, &size), *image = next(a, &data, &size);
    struct fields f;
    struct err e = {0};
    if (engine_inspect_fields(a, inspect, want, image, &f, &e) == 0) {
        check(f);
        struct field_change *changes;
        (void)fields_diff(a, engine_body_fields(a, want), f, &changes);
    }
    if (engine_inspect_fields(a, inspect, NULL, NULL, &f, &e) == 0)
        check(f);
    check(engine_body_fields(a, inspect));
    check(engine_body_fields(a, want));
    (void)engine_update_body(a, want);
    return 0;
}
