/* schema_dump: prints the JSON Schema of a spec document, for tests that run without the program itself. */
#include "spec/kinds.h"

#include <stdio.h>

int main(void)
{
    struct arena *a = arena_new();
    BUF_AUTO text = BUF_INIT(1u << 20);
    node_emit(&text, specs_schema(a), 2, 0);
    int rc = text.full || puts(buf_str(&text)) == EOF;
    arena_free(a);
    return rc;
}
