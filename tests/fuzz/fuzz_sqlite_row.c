/* A row of OpenClaw's SQLite registry from outside: whatever it holds, what we make of it holds together. The cells of the table
 * in their order, each behind a byte 0xff: 'n' NULL, 'i' and digits, 'o' of another type, anything else the text behind that
 * byte. */
#include "spec/base/num.h"
#include "state/row.h"
#include "state/shard.h"
#include "tests/lib/fuzz.h"

#include <string.h>

static struct row cells_of(struct arena *a, const char *bytes, size_t n)
{
    struct row row = {0};
    const char *at = bytes, *end = bytes + n;

    for (size_t i = 0; i < ROW_COLUMN_COUNT && at < end; i++) {
        const char *cut = memchr(at, 0xff, (size_t)(end - at)), *stop = cut ? cut : end;
        struct cell *c = &row.v[i];
        int64_t number = 0;

        c->s_n = stop > at ? (size_t)(stop - at) - 1 : 0;
        c->s = arena_memdup0(a, stop > at ? at + 1 : "", c->s_n);
        if (stop == at || *at == 'n')
            *c = (struct cell){.kind = CELL_NULL};
        else if (*at == 'i' && num_parse_i64(c->s, &number))
            *c = (struct cell){.kind = CELL_INTEGER, .number = number};
        else
            c->kind = *at == 'o' ? CELL_OTHER : CELL_TEXT;
        at = cut ? cut + 1 : end;
    }
    return row;
}

/* What is stored reads back as itself: from the second time on nothing changes any more. */
static void check_round_trip(struct arena *a, enum runtime_kind kind, const struct node *entry)
{
    struct row row;
    struct node *again = NULL, *third = NULL;
    enum runtime_kind k = kind;
    char first[DIGEST_HEX], second[DIGEST_HEX];
    struct err e = {0};

    if (row_encode(a, kind, entry, 1, &row, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT && e.msg[0]);
        return;
    }
    FUZZ_ASSERT(row_decode(a, &row, &k, &again, &e) == 0 && k == kind);
    FUZZ_ASSERT(row_encode(a, kind, again, 1, &row, &e) == 0);
    row_digest(&row, first);
    FUZZ_ASSERT(row_decode(a, &row, &k, &third, &e) == 0);
    FUZZ_ASSERT(node_equal(again, third));
    FUZZ_ASSERT(row_encode(a, kind, third, 1, &row, &e) == 0);
    row_digest(&row, second);
    FUZZ_ASSERT(strcmp(first, second) == 0);
}

static bool is_nullish(const struct node *n)
{
    return !n || node_is(n, NODE_NULL);
}

/* OpenClaw's rule for a row, said once more in its own words. */
static void check_merge(struct arena *a, const struct node *entry)
{
    struct node *old = node_copy(a, entry), *fresh = node_object(a), *merged;

    node_set(a, fresh, "containerName", node_get(entry, "containerName"));
    node_set(a, old, "workspaceDir", node_string(a, "/old"));
    merged = shard_merge_row(a, RUNTIME_CONTAINER, fresh, old, SHARD_OPENCLAW);
    FUZZ_ASSERT(strcmp(node_str(node_get(merged, "workspaceDir")), "/old") == 0);
    FUZZ_ASSERT(is_nullish(node_get(old, "backendTarget")) == is_nullish(node_get(merged, "backendTarget")));
    FUZZ_ASSERT(is_nullish(node_get(old, "runtimeState")) == is_nullish(node_get(merged, "runtimeState")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    const struct row row = cells_of(a, (const char *)data, size);
    enum runtime_kind kind = RUNTIME_KIND_COUNT;
    struct node *entry = NULL;
    struct err e = {0};
    struct record rec;

    if (row_decode(a, &row, &kind, &entry, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT && e.msg[0] && !entry);
        return 0;
    }
    FUZZ_ASSERT(kind == RUNTIME_CONTAINER || kind == RUNTIME_BROWSER);
    FUZZ_ASSERT(row_name(&row) && strcmp(node_str(node_get(entry, "containerName")), row_name(&row)) == 0);
    FUZZ_ASSERT(node_is(node_get(entry, "sessionKey"), NODE_STRING) && node_is(node_get(entry, "image"), NODE_STRING));
    FUZZ_ASSERT(node_is(node_get(entry, "createdAtMs"), NODE_NUMBER) && node_is(node_get(entry, "lastUsedAtMs"), NODE_NUMBER));
    check_round_trip(a, kind, entry);
    if (kind == RUNTIME_CONTAINER)
        check_merge(a, entry);
    rec = shard_to_record(a, kind, entry);
    FUZZ_ASSERT(rec.name && rec.endpoint && rec.backend_id && rec.config_label_kind && rec.runtime_label);
    return 0;
}
