/* records: what reconclaw itself remembers of a runtime, one file each: of `kind: Sandbox` runtimes all of it, of OpenClaw's
 * what its registry cannot hold: the immutable id, that a create or recreate was begun and not seen to end, that the setup
 * failed.
 *
 * A crash between two steps is always recoverable, because the intent is written before the act:
 *
 *     record_put(creating = true)          before the first request
 *     ... create, start, setup ...
 *     record_put(creating = false, id)     once it is seen to be there        or record_remove, once it is seen to be gone
 *
 * Whoever finds `creating` set knows that the act may have happened in part, and looks. A record goes only while it still has
 * the version that was read (compare-and-swap), so that a successor of the same name is never lost.
 *
 * One record is identified by endpoint, kind, install and name. Files are JSON, written whole or not at all. */
#ifndef RECONCLAW_STATE_RECORDS_H
#define RECONCLAW_STATE_RECORDS_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/world.h"
#include "state/home.h"
#include "state/issue.h"

#include <stddef.h>

#define RECORDS_NO_RECORD "" /* as `expect`: only where there is none */

struct records_view {
    struct record *v; /* by file name; `version` is set */
    size_t n;
    struct issues issues;
};

/* All of them. A file that is no record is an issue; only a directory that cannot be listed is an error. */
int records_read_all(struct home *h, struct arena *a, struct records_view *ret, struct err *e);
/* Writes one. expect: NULL (whatever is there), RECORDS_NO_RECORD, or the version it must have: ERR_CONFLICT otherwise.
 * rec->version and rec->unwanted_because are not stored. ret_version may be NULL. */
int record_put(struct home *h, const struct record *rec, const char *expect, char ret_version[DIGEST_HEX], struct err *e);
/* Removes the record that rec identifies. 0 where it is gone; ERR_CONFLICT where it has another version than expect, unless
 * that is NULL. */
int record_remove(struct home *h, const struct record *rec, const char *expect, struct err *e);
/* The one that rec identifies, or NULL. */
const struct record *records_find(const struct records_view *v, const struct record *rec);

/* The format, for tests and fuzzing: ERR_INPUT where it is no record. */
int record_decode(struct arena *a, const char *bytes, size_t n, struct record *ret, struct err *e);
void record_format(struct arena *a, const struct record *rec, struct buf *out);

#endif
