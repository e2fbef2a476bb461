/* A line of the journal, and a record of our own: what is read is written again to the same. */
#include "spec/base/text.h"
#include "state/journal.h"
#include "state/records.h"
#include "tests/lib/fuzz.h"

#include <string.h>

static void check_line(struct arena *a, const char *bytes, size_t size)
{
    BUF_AUTO first = BUF_INIT(JOURNAL_LINE_BYTES);
    BUF_AUTO second = BUF_INIT(JOURNAL_LINE_BYTES);
    struct journal_entry entry, again;
    struct err e = {0};

    if (journal_decode(a, bytes, size, &entry, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT && e.msg[0]);
        return;
    }
    FUZZ_ASSERT(entry.event < JOURNAL_EVENT_COUNT && entry.outcome < JOURNAL_OUTCOME_COUNT && entry.error < ERR_CLASS_COUNT);
    FUZZ_ASSERT(entry.n_fields <= JOURNAL_FIELDS);
    journal_format(a, &entry, &first);
    FUZZ_ASSERT(!first.full && first.n > 0 && first.s[first.n - 1] == '\n' && !memchr(first.s, '\n', first.n - 1));
    FUZZ_ASSERT(journal_decode(a, first.s, first.n - 1, &again, &e) == 0);
    FUZZ_ASSERT(again.seq == entry.seq && again.time_ms == entry.time_ms && again.event == entry.event);
    /* Cut texts stay as they were cut. */
    journal_format(a, &again, &second);
    FUZZ_ASSERT(first.n == second.n && memcmp(first.s, second.s, first.n) == 0);
}

static void check_record(struct arena *a, const char *bytes, size_t size)
{
    BUF_AUTO first = BUF_INIT(64u << 20);
    BUF_AUTO second = BUF_INIT(64u << 20);
    struct record rec, again;
    struct err e = {0};

    if (record_decode(a, bytes, size, &rec, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT && e.msg[0]);
        return;
    }
    FUZZ_ASSERT(rec.name && rec.endpoint && rec.kind < RUNTIME_KIND_COUNT && rec.version);
    record_format(a, &rec, &first);
    FUZZ_ASSERT(record_decode(a, first.s, first.n, &again, &e) == 0);
    record_format(a, &again, &second);
    FUZZ_ASSERT(first.n == second.n && memcmp(first.s, second.s, first.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();

    check_line(a, (const char *)data, size);
    check_record(a, (const char *)data, size);
    return 0;
}
