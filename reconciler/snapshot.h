/* snapshot: saves the workspace of a runtime on another host, and unpacks what was saved. Joins where snapshots lie
 * (state/snapshots.h) to how a tree becomes an archive (backends/tree.h).
 *
 *     snapshot_take(...)      before an act destroys the workspace: on 0 it is on disk, was read back, and counts
 *     snapshot_unpack(...)    into a directory that does not exist yet: to look at, or to seed from
 *     snapshot_verify(...)    whether it still is what was written */
#ifndef RECONCLAW_RECONCILER_SNAPSHOT_H
#define RECONCLAW_RECONCILER_SNAPSHOT_H

#include "backends/backend.h"
#include "reconciler/round.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"
#include "state/home.h"
#include "state/journal.h"
#include "state/snapshots.h"

#include <stdint.h>

/* Whose snapshots those of this act's runtime are. Texts are those of the act. */
struct snapshot snapshot_of(const struct act *act, const char *install);

/* What act->obs shows, by its id. ERR_IO with sys ENOSPC where there is no room on disk, ERR_UNSUPPORTED where the backend
 * cannot save a tree: then nothing may be destroyed. Any other failure leaves no snapshot either. ret is in the arena. */
int snapshot_take(struct home *h, struct arena *a, const struct act *act, const char *install, int64_t now_ms, struct backend *b,
                  const struct call *c, struct snapshot *ret, struct err *e);

/* To dir, absolute, whose parent exists and which does not itself (ERR_CONFLICT). What comes out is what the manifest beside the
 * archive says, or nothing is there (ERR_CONFLICT, ERR_INPUT). */
int snapshot_unpack(struct home *h, struct arena *a, const struct snapshot *s, const char *dir, const struct call *c,
                    struct err *e);

/* What a workspace begins with that is made again, or elsewhere, where its spec says so (seed.from: snapshot) and there is one:
 * the newest (or act->restores, whatever the spec says), unpacked below the home until the next snapshot_collect(). Else *ret is
 * NULL: what is local. */
int snapshot_seed(struct home *h, struct arena *a, const struct act *act, const char *install, const struct call *c,
                  const char **ret, struct err *e);

/* Whether what b shows of act's runtime is what act->restores holds of its wanted directories: ERR_CONFLICT names differences. */
int snapshot_prove(struct home *h, struct arena *a, const struct act *act, struct backend *b, const struct call *c,
                   struct err *e);

/* Reads all of the archive: whether it still is what was written. */
int snapshot_verify(struct home *h, struct arena *a, const struct snapshot *s, const struct call *c, struct err *e);

/* Whether retention, as the round's policy of its runtime has it, lets view->v[i] go, and why; NULL: it stays. */
const char *snapshot_over(struct arena *a, const struct round *r, const struct snapshots_view *view, size_t i);
/* Told in the journal, whether it could be or not. */
int snapshot_delete(struct home *h, struct journal *j, const struct snapshot *s, const char *why, struct err *e);
/* All that are over their retention, what is half, and what was unpacked. After acts, under the round lock; best effort: what
 * stays is tried again.
 */
void snapshot_collect(struct home *h, struct journal *j, const struct round *r);

#endif
