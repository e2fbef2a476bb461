/* YAML: whatever the bytes, either errors in them, or whole trees. */
#include "spec/read/yaml.h"
#include "tests/lib/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct yaml_docs docs = {0};
    int failed = yaml_read(a, "f", (const char *)data, size, &d, &docs);

    fuzz_check_diags(&d, failed, "f");
    for (size_t i = 0; i < docs.n; i++)
        fuzz_check_tree(a, docs.v[i], "f");
    return 0;
}
