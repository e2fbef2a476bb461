/* issue: what is wrong with a state directory, one by one. An issue never stops a read and nothing is lost by it: the file it
 * names is left as it is, for a person (or `reconclaw doctor`) to look at. */
#ifndef RECONCLAW_STATE_ISSUE_H
#define RECONCLAW_STATE_ISSUE_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/file.h"

#include <stdbool.h>
#include <stddef.h>

enum issue_kind {
    ISSUE_UNREADABLE, /* permission, or the disk failed */
    ISSUE_TOO_LARGE,  /* more than LIMIT_SHARD_BYTES */
    ISSUE_NOT_A_FILE, /* a directory, FIFO, socket or device under a record's name */
    ISSUE_SYMLINK,    /* read as OpenClaw reads it, but never written */
    ISSUE_CORRUPT,    /* its bytes are no record */
    ISSUE_FIELD,      /* a record, but one field of it has the wrong type */
    ISSUE_MISNAMED,   /* a record under a file name that is not its runtime's */
    ISSUE_DUPLICATE,  /* a second record of one runtime */
    ISSUE_ALIEN,      /* no file of ours or of OpenClaw */
    ISSUE_LEFTOVER,   /* temp file of an interrupted write */
    ISSUE_STALE_LOCK, /* lock of a process that is gone; the next writer takes it over */
    ISSUE_KIND_COUNT
};

struct issue {
    enum issue_kind kind;
    const char *path;    /* of the file */
    const char *runtime; /* where it is known; NULL otherwise */
    const char *text;    /* one sentence without the path and without a full stop */
    bool hides_record;   /* what was recorded under this name cannot be read: it is unknown, not absent */
};

struct issues {
    struct issue *v;
    size_t n, cap;
};

void issue_add(struct arena *a, struct issues *all, enum issue_kind kind, const char *dir, const char *file, const char *runtime,
               bool hides_record, const char *fmt, ...) __attribute__((format(printf, 8, 9)));
/* Of a file_read() that failed. */
void issue_add_err(struct arena *a, struct issues *all, const char *dir, const char *file, const struct err *e);
/* One file of a directory that is ours alone and holds only "*.json". false: there is nothing to decode, since it went meanwhile
 * or an issue now says what it is instead. */
bool issue_read_own(struct arena *a, struct issues *all, const struct file_dir *d, const char *file, char **ret, size_t *ret_n);
struct issue issue_copy(struct arena *a, const struct issue *from);
const char *issue_kind_name(enum issue_kind kind); /* "unreadable" "too-large" ...: stable */

#endif
