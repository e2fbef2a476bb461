/* lock: OpenClaw's lock on one registry file (2026.5.3, session-write-lock), so that it and reconclaw never write the same
 * shard at once.
 *
 * The lock of FILE is the file `FILE.lock` beside it, made with O_CREAT|O_EXCL, holding who made it:
 *
 *     {
 *       "pid": 4711,
 *       "createdAt": "2026-05-03T10:00:00.000Z",
 *       "starttime": 123456            field 22 of /proc/<pid>/stat; left out where it cannot be read
 *     }
 *
 * Who finds it there waits min(1000, 50 * attempt, what remains) ms and tries again, 60 s in all. It is taken away from
 * - a pid that does not run (no such process, or a zombie),
 * - a pid whose start time is another (the number was used again),
 * - anyone after 30 minutes,
 * - our own process where no lock of ours is held under that name (we crashed and got our old pid back),
 * - a lock without a pid or a readable time, where nothing else is wrong, once it was not touched for 5 s.
 * Differences, each on the safe side: a pid that may not be signalled is alive (OpenClaw takes EPERM for dead, and would write
 * under another user's lock); of several reconclaw processes that find a dead lock, exactly one takes it away, so that none
 * removes the lock that another has just made; a lock that was taken from us is not removed when we let go.
 *
 * lock_acquire ... lock_release, or let LOCK_AUTO do it. A lock belongs to one thread at a time. */
#ifndef RECONCLAW_STATE_LOCK_H
#define RECONCLAW_STATE_LOCK_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/file.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCK_TIMEOUT_MS      60000
#define LOCK_STALE_MS        1800000
#define LOCK_ORPHAN_GRACE_MS 5000
#define LOCK_BYTES_MAX       4096

struct lock_wait {
    int64_t now_ms;            /* wall clock at the call; what passes while waiting is added by the monotonic clock */
    int timeout_ms;            /* 0: LOCK_TIMEOUT_MS */
    const atomic_bool *cancel; /* may be NULL */
};

struct lock {
    int dir_fd, fd; /* fd -1: not held */
    char *name;
    const struct file_hook *hook;
};
#define LOCK_INIT ((struct lock){.dir_fd = -1, .fd = -1})
#define LOCK_AUTO __attribute__((cleanup(lock_release))) struct lock

/* Takes the lock of `file` in d. ERR_BUSY when the time is up, naming the holder; ERR_CANCELLED; ERR_IO. */
int lock_acquire(struct lock *l, const struct file_dir *d, const char *file, const struct lock_wait *w, struct err *e);
void lock_release(struct lock *l); /* accepts one that is not held */
/* False once another has taken it away: to be asked before the write that it guards. */
bool lock_still_held(const struct lock *l);

/* --- the rules, for tests and for a look without a wait ------------------------------------------------------------------- */

/* What a lock file says. pid 0, created_at_ms TIME_NONE, has_starttime false: not, or not readably. */
struct lock_holder {
    int64_t pid;
    int64_t created_at_ms;
    bool has_starttime;
    uint64_t starttime;
};

/* What the system says about the holder. */
struct lock_facts {
    int64_t now_ms, mtime_ms;
    bool alive; /* runs, and is no zombie */
    bool starttime_known;
    uint64_t starttime; /* of the pid now */
    bool own_pid;       /* it is this process ... */
    bool held_here;     /* ... and one of its threads does hold the lock */
};

enum lock_verdict {
    LOCK_HELD,
    LOCK_STALE_DEAD,     /* no such process */
    LOCK_STALE_RECYCLED, /* another process under its number */
    LOCK_STALE_OLD,
    LOCK_STALE_SELF,    /* ours, of an earlier life */
    LOCK_STALE_GARBAGE, /* not readable and left alone for long enough */
    LOCK_VERDICT_COUNT
};

/* Decodes anything; what is not understood stays unset. */
void lock_decode(const char *bytes, size_t n, struct lock_holder *ret);
/* Pure. */
enum lock_verdict lock_judge(const struct lock_holder *h, const struct lock_facts *f);
const char *lock_verdict_name(enum lock_verdict v);
/* Reads and judges the lock file `name` ("....json.lock"). ERR_NOT_FOUND where it is gone. */
int lock_look(const struct file_dir *d, const char *name, int64_t now_ms, struct lock_holder *ret_holder,
              enum lock_verdict *ret_verdict, struct err *e);

/* Field 22 of /proc/<pid>/stat; false where there is none. */
bool lock_pid_starttime(int64_t pid, uint64_t *ret);

#endif
