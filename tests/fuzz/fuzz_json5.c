/* JSON5: whatever the bytes, either one error in them, or a whole tree. */
#include "spec/read/json5.h"
#include "tests/lib/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct node *root = json5_read(a, "f", (const char *)data, size, &d);

    fuzz_check_diags(&d, !root, "f");
    FUZZ_ASSERT(d.n_errors <= 1);
    if (root)
        fuzz_check_tree(a, root, "f");
    return 0;
}
