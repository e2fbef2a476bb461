/* doctor: what `openclaw doctor --fix` of 2026.5.3 does to the registry of older releases, with the same result to the byte.
 *
 * Those releases kept `{"entries": [...]}` in sandbox/containers.json and sandbox/browsers.json. Each entry becomes a shard,
 * written as it stands, unless a readable shard of that runtime is there already (the shard wins; of two entries of one name
 * the first does); then the file goes. One without entries goes at once. One that is not understood, be it for a single entry,
 * is renamed to `<file>.invalid-<ms>`, whole.
 * Differences, each on the safe side: a file that cannot be renamed stays (OpenClaw deletes it); an older quarantined file is
 * never replaced; the bytes of a corrupt shard that an entry replaces are first kept (struct shards, keep_dir).
 *
 *     doctor_plan(...)     reads, decides, changes nothing: what `reconclaw doctor` shows
 *     doctor_apply(...)    plans each file once more under its lock, by the same code, and does that plan
 *
 * Whether shards may be written is for state/generation.h to say: where not, the plan is shown and not applied. */
#ifndef RECONCLAW_STATE_DOCTOR_H
#define RECONCLAW_STATE_DOCTOR_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/shards.h"

#include <stdbool.h>
#include <stddef.h>

#define DOCTOR_FILE_BYTES ((size_t)64 << 20)

enum doctor_status {
    DOCTOR_MISSING,       /* no such file: nothing to do */
    DOCTOR_MIGRATED,      /* entries become shards */
    DOCTOR_REMOVED_EMPTY, /* no entries: removed */
    DOCTOR_QUARANTINED,   /* not understood: renamed */
    DOCTOR_STATUS_COUNT
};

/* What becomes of one entry. */
enum doctor_fate {
    DOCTOR_WRITE,     /* a shard is written */
    DOCTOR_REPLACE,   /* ... in the place of one that is not readable */
    DOCTOR_KEEP,      /* the shard that is there wins */
    DOCTOR_DUPLICATE, /* an earlier entry of the same name wins */
    DOCTOR_FATE_COUNT
};

struct doctor_entry {
    const char *name; /* for people: escaped nowhere, cut at a NUL */
    const char *file; /* of its shard */
    enum doctor_fate fate;
    const struct node *entry;
};

struct doctor_file {
    enum runtime_kind kind;
    const char *path; /* <state dir>/sandbox/containers.json */
    enum doctor_status status;
    const char *why;        /* it is not understood; NULL otherwise */
    const char *quarantine; /* where it goes, or went; NULL otherwise */
    struct doctor_entry *entries;
    size_t n_entries;
};

#define DOCTOR_N_FILES 2
struct doctor_plan {
    struct doctor_file files[DOCTOR_N_FILES]; /* containers, browsers */
    bool is_empty;                            /* nothing to do */
};

/* ERR_IO where a file cannot be read (it is then not judged), ERR_INPUT where it is no regular file or larger than
 * DOCTOR_FILE_BYTES. */
int doctor_plan(struct arena *a, const struct shards *s, int64_t now_ms, struct doctor_plan *ret, struct err *e);
/* Does it; plan then tells what was done. On an error the files before it are done, the one it happened to still holds
 * everything that it held, and doing it again is safe. */
int doctor_apply(struct arena *a, const struct shards *s, struct doctor_plan *plan, const struct lock_wait *w, struct err *e);

const char *
doctor_status_name(enum doctor_status s); /* as OpenClaw's: "missing" "migrated" "removed-empty" "quarantined-invalid" */
const char *doctor_fate_name(enum doctor_fate f);

#endif
