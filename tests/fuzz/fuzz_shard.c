/* A registry shard from outside: whatever it holds, what we make of it holds together. */
#include "spec/base/limits.h"
#include "state/shard.h"
#include "tests/lib/fuzz.h"

#include <string.h>

/* Written and read again it is the same entry, and writing it once more gives the same bytes. */
static void check_round_trip(struct arena *a, const struct node *entry)
{
    BUF_AUTO first = BUF_INIT(64u << 20);
    BUF_AUTO second = BUF_INIT(64u << 20);
    struct node *again;
    struct err e = {0};

    shard_format(a, entry, &first);
    FUZZ_ASSERT(first.n > 0 && first.s[first.n - 1] == '\n' && !first.full);
    FUZZ_ASSERT(shard_decode(a, first.s, first.n, &again, &e) == 0);
    shard_format(a, again, &second);
    /* "containerName" comes first when it is read; so it does from then on. */
    buf_clear(&first);
    FUZZ_ASSERT(shard_decode(a, second.s, second.n, &again, &e) == 0);
    shard_format(a, again, &first);
    FUZZ_ASSERT(first.n == second.n && memcmp(first.s, second.s, first.n) == 0);
}

static bool is_nullish(const struct node *n)
{
    return !n || node_is(n, NODE_NULL);
}

/* OpenClaw's rule, said once more in its own words. */
static void check_merge(struct arena *a, const struct node *entry, const struct node *old)
{
    static const char *const old_first[] = {"createdAtMs", "image"};
    static const char *const new_first[] = {"backendId", "runtimeLabel", "configLabelKind", "configHash"};
    struct node *merged = shard_merge(a, RUNTIME_CONTAINER, entry, old, SHARD_OPENCLAW);

    for (size_t i = 0; i < 2; i++) {
        const struct node *want =
            is_nullish(node_get(old, old_first[i])) ? node_get(entry, old_first[i]) : node_get(old, old_first[i]);

        FUZZ_ASSERT(is_nullish(want) ? is_nullish(node_get(merged, old_first[i]))
                                     : node_equal(want, node_get(merged, old_first[i])));
    }
    for (size_t i = 0; i < 4; i++) {
        const struct node *want =
            is_nullish(node_get(entry, new_first[i])) ? node_get(old, new_first[i]) : node_get(entry, new_first[i]);

        FUZZ_ASSERT(is_nullish(want) ? is_nullish(node_get(merged, new_first[i]))
                                     : node_equal(want, node_get(merged, new_first[i])));
    }
    /* A recreate never takes over the old hash, and never counts as use. */
    merged = shard_merge(a, RUNTIME_CONTAINER, entry, old, SHARD_RECREATED);
    FUZZ_ASSERT(!node_get(entry, "configHash") == !node_get(merged, "configHash"));
    if (node_is(node_get(old, "lastUsedAtMs"), NODE_NUMBER))
        FUZZ_ASSERT(node_equal(node_get(merged, "lastUsedAtMs"), node_get(old, "lastUsedAtMs")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    const char *bytes = (const char *)data;
    const uint8_t *cut = size > 0 ? memchr(data, 0xff, size) : NULL;
    size_t n = cut ? (size_t)(cut - data) : size;
    struct node *entry = NULL, *old = NULL;
    struct err e = {0};
    struct record rec;

    if (shard_decode(a, bytes, n, &entry, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT && e.msg[0] && !entry);
        return 0;
    }
    fuzz_check_tree(a, entry, NULL);
    FUZZ_ASSERT(node_is(node_get(entry, "containerName"), NODE_STRING));
    check_round_trip(a, entry);
    /* Behind a byte that is no text may stand the entry that was there before. */
    if (cut && shard_decode(a, bytes + n + 1, size - n - 1, &old, &e) == 0)
        check_merge(a, entry, old);
    check_merge(a, entry, NULL);
    if (shard_normalise(a, RUNTIME_CONTAINER, entry, &e) < 0)
        return 0;
    rec = shard_to_record(a, RUNTIME_CONTAINER, entry);
    FUZZ_ASSERT(rec.name && rec.endpoint && rec.endpoint[0] && rec.backend_id && rec.config_label_kind && rec.runtime_label);
    FUZZ_ASSERT(rec.cdp_port >= 0 && rec.cdp_port <= 65535 && rec.no_vnc_port >= 0 && rec.no_vnc_port <= 65535);
    return 0;
}
