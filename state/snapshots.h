/* snapshots: workspaces that were saved before something destroyed them, and who keeps them for how long. This is where they lie
 * and what they are called; the archives themselves are written, verified and unpacked by backends/tree.h, which
 * reconciler/snapshot.h joins to it.
 *
 *     <home>/snapshots/<runtime>/<time>.tar.zst     the archive, 0600
 *     <home>/snapshots/<runtime>/<time>.manifest    what is in it (spec/manifest.h)
 *     <home>/snapshots/<runtime>/<time>.json        whose it is, when, why, how large; written last: without it there is none
 *
 *     snapshots_begin(...)     room enough, a directory, a name that is free
 *     ... the archive is written to snapshot.path, and read back ...
 *     snapshots_commit(...)    from now on it counts, also after a crash
 *
 * What a crash leaves is half: an archive without its .json, a ".NAME.part-..." of an archive that was being written. The next
 * snapshots_begin() of that runtime removes it, and so does snapshots_sweep(); whoever calls either holds the round lock, and
 * acts on one runtime one at a time. */
#ifndef RECONCLAW_STATE_SNAPSHOTS_H
#define RECONCLAW_STATE_SNAPSHOTS_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/manifest.h"
#include "spec/world.h"
#include "state/home.h"
#include "state/issue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOTS_RESERVE_BYTES ((uint64_t)64 << 20) /* of the disk: they leave it to others */

struct snapshot {
    /* Whose. One runtime is identified by all four. */
    const char *endpoint, *runtime, *install;
    enum runtime_kind kind;
    const char *owner, *scope_key; /* or NULL */
    const char *tree_id;           /* immutable id of the tree that was saved; or NULL */
    const char *reason;            /* what it was saved from; or NULL */
    int64_t at_ms;
    uint64_t bytes;              /* of the archive */
    const char *digest;          /* of the archive */
    const char *manifest_digest; /* of the text of the manifest */
    const char *tree;            /* of what is in it: equal trees, equal digests */
    uint64_t n_entries, content_bytes;
    /* Not stored. */
    const char *name; /* "<runtime's directory>/<time>": what people call it */
    const char *path; /* of the archive, absolute */
};

struct snapshots_view {
    struct snapshot *v; /* by runtime's directory, oldest first */
    size_t n;
    struct issues issues;
};

/* All that count. A file that is none is an issue; only a directory that cannot be listed is an error. */
int snapshots_read(struct home *h, struct arena *a, struct snapshots_view *ret, struct err *e);
bool snapshot_is_of(const struct snapshot *s, const struct snapshot *like); /* of the same runtime */
/* The newest of the runtime that `like` identifies, or NULL. */
const struct snapshot *snapshots_find(const struct snapshots_view *v, const struct snapshot *like);
/* By what a person calls it: its name; or its runtime's name or its runtime's directory, for the newest of that. ERR_NOT_FOUND;
 * ERR_USAGE where several runtimes are called so. */
int snapshots_named(const struct snapshots_view *v, const char *name, const struct snapshot **ret, struct err *e);

/* *s tells whose, when and why; name and path are set, at_ms becomes later where that time is taken. content_bytes is what will
 * go in, as far as it is known. ERR_IO with sys ENOSPC: the disk has no room for that much. */
int snapshots_begin(struct home *h, struct arena *a, struct snapshot *s, struct err *e);
/* What the disk has room for, beside SNAPSHOTS_RESERVE_BYTES. */
int snapshots_free(struct home *h, uint64_t *ret, struct err *e);
/* Whether the disk still has room for so much more: to be asked now and then while an archive is written. */
int snapshots_room(struct home *h, uint64_t bytes, struct err *e);
/* The archive is whole and at s->path; bytes and digest are set. m is what is in it; n_entries, content_bytes and both digests
 * are set from it. */
int snapshots_commit(struct home *h, struct snapshot *s, const struct manifest *m, struct arena *a, struct err *e);
/* What is in it, by the manifest beside it. */
int snapshots_manifest(struct home *h, struct arena *a, const struct snapshot *s, struct manifest *ret, struct err *e);
/* 0 also where it is gone. A crash leaves a half one, never one that counts and is none. */
int snapshots_remove(struct home *h, const struct snapshot *s, struct err *e);
/* Removes what is half, of all runtimes. */
int snapshots_sweep(struct home *h, size_t *ret_n, struct err *e);

/* --- how long -------------------------------------------------------------------------------------------------------------- */

struct retention {
    unsigned count; /* of one runtime; 0: no limit */
    int64_t age_ms;
    uint64_t bytes; /* of one runtime's archives together */
};

/* Pure. Whether v[i] is to go, and why; NULL: it stays. The newest of a runtime stays while it may be the only copy: `alive` says
 * whether the workspace is certainly there. */
const char *snapshots_over(struct arena *a, const struct snapshots_view *v, size_t i, const struct retention *r, bool alive,
                           int64_t now_ms);

/* The format of the .json, for tests. ERR_INPUT where it is none. */
int snapshot_decode(struct arena *a, const char *bytes, size_t n, struct snapshot *ret, struct err *e);
void snapshot_format(struct arena *a, const struct snapshot *s, struct buf *out);

#endif
