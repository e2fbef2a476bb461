/* journal: what was decided, done and verified, one JSON object a line, only ever appended to: `reconclaw history`.
 *
 *     {"seq":17,"timeMs":1700000000000,"event":"act-end","object":"OpenClaw/home","endpoint":"docker","kind":"container",
 *      "runtime":"openclaw-sbx-x","id":"...","act":"recreate","reason":"docker.memory changed",
 *      "fields":[{"name":"docker.memory","from":"512m","to":"1g"}],"outcome":"ok"}
 *
 * Files are <home>/journal/<seq of the first line, 20 digits>.jsonl; the last is written. At JOURNAL_FILE_BYTES a new one
 * is begun, and of the old ones JOURNAL_KEEP_FILES stay. A line is one write(2) under the directory's flock, so several
 * processes may append, with one ascending seq; the begin and end of an act are on the disk when journal_append returns. A
 * line torn by a crash is closed at the next open and skipped by readers, who count it.
 *
 * Values that are sensitive never come here: the caller gives text that is masked already. Acts that end well are counted in
 * state/turns.h, too. */
#ifndef RECONCLAW_STATE_JOURNAL_H
#define RECONCLAW_STATE_JOURNAL_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"
#include "state/home.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_FILE_BYTES   (8u << 20)
#define JOURNAL_KEEP_FILES   4u           /* beside the one that is written */
#define JOURNAL_LINE_BYTES   (512u << 10) /* a longer line is no line of ours */
#define JOURNAL_OUTPUT_BYTES (48u << 10)  /* of a setup's output: the first quarter and the last three */
#define JOURNAL_TEXT_BYTES   4096u        /* any other text: cut, with "..." */
#define JOURNAL_FIELDS       64u          /* changed fields of one act; further ones are counted only */

enum journal_event {
    JOURNAL_START, /* a run began: of the daemon, or of a command that acts */
    JOURNAL_STOP,
    JOURNAL_CONFIG,       /* a new generation of the specs is in force */
    JOURNAL_CONFIG_ERROR, /* it does not load: the last good one stays */
    JOURNAL_ROUND,        /* a round that found something to do */
    JOURNAL_ACT_BEGIN,
    JOURNAL_ACT_END,
    JOURNAL_HOLD,     /* an act waits */
    JOURNAL_REPORT,   /* by policy not acted on */
    JOURNAL_SETUP,    /* output of a setup */
    JOURNAL_UNKNOWN,  /* an endpoint cannot be read */
    JOURNAL_KNOWN,    /* ... and can be again */
    JOURNAL_FLAPPING, /* another owner keeps undoing an act: left alone */
    JOURNAL_PAUSE,
    JOURNAL_RESUME,
    JOURNAL_APPROVE,
    JOURNAL_ISSUE,       /* of the registry: a corrupt shard, a lock of a dead process */
    JOURNAL_DOCTOR,      /* a migration step */
    JOURNAL_UPGRADE,     /* an OpenClaw became one of another line */
    JOURNAL_QUARANTINED, /* a private workspace that a pruned runtime left behind was moved aside, or could not be */
    JOURNAL_RESTORED,    /* ... and back */
    JOURNAL_COLLECTED,   /* ... or was deleted */
    JOURNAL_SNAPSHOT,    /* a workspace of another host was saved, or could not be */
    JOURNAL_SNAPSHOT_DELETED,
    JOURNAL_EVENT_COUNT
};

enum journal_outcome { JOURNAL_NO_OUTCOME, JOURNAL_OK, JOURNAL_FAILED, JOURNAL_CANCELLED, JOURNAL_OUTCOME_COUNT };

/* Texts may be NULL: left out. */
struct journal_entry {
    uint64_t seq;    /* given by journal_append */
    int64_t time_ms; /* wall clock */
    enum journal_event event;
    const char *object;   /* "OpenClaw/home" */
    const char *endpoint; /* with it and `runtime` comes `kind` */
    const char *runtime;
    enum runtime_kind kind;
    const char *id;
    const char *act;   /* act_kind_name() */
    const char *guard; /* guard_name(), of a hold */
    const char *reason;
    const char *want; /* digest of all that was wanted: config hash, image id, running or stopped; NULL: absent */
    bool asked;       /* by the owner's command: no turn */
    const struct field_change *fields; /* masked: `sensitive` ones are written as "(sensitive)", whatever they hold */
    size_t n_fields;
    enum journal_outcome outcome;
    enum err_class error; /* of JOURNAL_FAILED */
    const char *message;  /* of the error */
    const char *output;   /* of JOURNAL_SETUP */
};

struct journal;

/* Repairs a torn end. file_bytes 0: JOURNAL_FILE_BYTES. The home outlives it. */
int journal_open(struct home *h, size_t file_bytes, struct journal **ret, struct err *e);
void journal_close(struct journal *j); /* accepts NULL */
/* From any thread. ERR_IO where the disk is full: the journal is as it was before. An act goes on without its line; whoever calls
 * says so. ret_seq may be NULL. */
int journal_append(struct journal *j, const struct journal_entry *entry, uint64_t *ret_seq, struct err *e);

/* --- reading -----------------------------------------------------------------------------------------------------------------
 */

struct journal_filter {
    int64_t since_ms;     /* TIME_NONE: from the beginning */
    const char *runtime;  /* its name; NULL: all */
    const char *endpoint; /* NULL: all */
    size_t limit;         /* the last so many that match; 0: all */
    uint64_t after_seq;   /* only later ones: to follow */
};

/* Calls on_entry for each, oldest first; the entry is good during the call. on_entry returns false to end. Lines that are none
 * are counted. A home without a journal is an empty one. Without a limit nothing is kept in memory but one line. */
int journal_read(struct home *h, const struct journal_filter *f, bool (*on_entry)(void *ctx, const struct journal_entry *entry),
                 void *ctx, size_t *ret_n_bad, struct err *e);

/* One line, without its newline, for tests and fuzzing. */
int journal_decode(struct arena *a, const char *line, size_t n, struct journal_entry *ret, struct err *e);
void journal_format(struct arena *a, const struct journal_entry *entry, struct buf *out);

const char *journal_event_name(enum journal_event v); /* "act-begin": stable */
const char *journal_outcome_name(enum journal_outcome v);

#endif
