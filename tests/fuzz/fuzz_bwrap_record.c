/* Records of sandboxes and marks of their processes: any bytes decode or are refused, and what decodes survives a round trip. */
#include "backends/bwrap_proc.h"
#include "backends/bwrap_record.h"
#include "backends/bwrap_spec.h"

#include "spec/base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct bwrap_record r, again, marked;
    struct bwrap_spec spec;
    struct err e;
    char *bytes, *text = arena_memdup0(a, data, n);
    size_t len;

    if (bwrap_mark_decode(a, "0011223344556677", text, &marked))
        check(bwrap_name_flaw(marked.name) == NULL && strlen(marked.id) == 32);
    if (bwrap_record_decode(a, text, n, &r, &e) < 0)
        return 0;
    check(bwrap_name_flaw(r.name) == NULL && strlen(r.id) == 32);
    check(bwrap_spec_decode(a, r.create, &spec, &e) == 0);
    bwrap_spec_fields(a, &spec, r.setup_digest);
    for (size_t i = 0; i < r.n_cgroups; i++)
        check(r.cgroups[i][0] == '/' && text_has_suffix(r.cgroups[i], r.id));
    bytes = bwrap_record_encode(a, &r, &len);
    check(bwrap_record_decode(a, bytes, len, &again, &e) == 0);
    check(text_eq(again.id, r.id) && text_eq(again.owner, r.owner) && again.created_at_ms == r.created_at_ms &&
          again.process.pid == r.process.pid && again.process.start == r.process.start && again.phase == r.phase &&
          again.n_cgroups == r.n_cgroups && node_equal(again.create, r.create));
    return 0;
}
