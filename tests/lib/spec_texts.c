#include "tests/lib/spec_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct spec_file spec_text(const char *name, const char *text)
{
    return (struct spec_file){.name = name, .dir = "/specs", .bytes = text, .n = strlen(text)};
}

const char *spec_told(struct arena *a, struct diags *d)
{
    struct buf b = BUF_INIT(1u << 20);
    diags_sort(d);
    for (size_t i = 0; i < d->n; i++) {
        diag_format(&b, &d->v[i]);
        buf_putc(&b, '\n');
    }
    const char *text = arena_strdup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

struct specs spec_objects(struct arena *a, const char *text)
{
    struct diags d = {.arena = a};
    struct specs s = {0};
    struct spec_file f = spec_text("t", text);
    if (specs_load(a, &f, 1, "/home/u", &d, &s) < 0)
        fail_msg("%s\n%s", text, spec_told(a, &d));
    return s;
}
