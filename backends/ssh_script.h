/* ssh_script: what is run on the other host, and what its replies mean.
 *
 * One call is one script for /bin/sh, given on standard input: nothing of it stands in any argv over there, neither names nor
 * variables. The login shell, whichever it is, sees one line without a backslash or an exclamation mark that it could read in its
 * own way. A reply is lines between two that carry a random word which the script alone was given; what start-up files print
 * before it is passed over, and what has no end, or another number of lines than its end says, is an error.
 *
 * Needed over there: /bin/sh, mkdir mv rm find stat tar sha256sum ls cat, as busybox has them. */
#ifndef RECONCLAW_BACKENDS_SSH_SCRIPT_H
#define RECONCLAW_BACKENDS_SSH_SCRIPT_H

#include "backends/ssh_session.h"

#define SSH_WORD        33          /* a random word and a NUL */
#define SSH_REPLY_BYTES (64u << 20) /* of one reply */
#define SSH_OWNER_BYTES 65536u      /* of an owner.json */
#define SSH_COMPLAINT   512         /* bytes of what the script said on its error output, for messages */

/* 'it'"'"'s' */
void ssh_quote(struct buf *b, const char *word);
void ssh_word(char out[SSH_WORD]);

/* --- calls ----------------------------------------------------------------------------------------------------------------- */

struct ssh_reply {
    const char *const *lines; /* the first character says what it is about */
    size_t n;
    int status; /* of the script */
    const char *complaint;
};

struct ssh_script {
    const char *body;        /* text of the script; $1... are args */
    const char *const *args; /* NULL-terminated; may be NULL */
    const char *what;        /* "observing": for messages */
    ssh_feed_fn feed;        /* its input; may be NULL */
    void *feed_ctx;
};

/* In the body, `out TEXT...` writes one line of the reply, `fail WORD TEXT...` a line "!WORD TEXT" and ends with status 1. */
int ssh_script_run(struct ssh_link *s, struct arena *a, const struct ssh_script *script, const struct deadline *d,
                   struct ssh_reply *ret, struct err *e);

/* Pure. */
int ssh_reply_decode(struct arena *a, const char *word, const char *bytes, size_t n, struct ssh_reply *ret, struct err *e);
/* The text behind "!WORD " of the first such line, or NULL. */
const char *ssh_reply_failure(const struct ssh_reply *r, const char *word);

/* A command of the owner in a directory over there, its streams untouched. env: an object of strings, or NULL. Before it is
 * begun, `root` must be there: ERR_NOT_FOUND otherwise. */
struct ssh_command {
    const char *root, *workdir; /* workdir: absolute, or from root */
    const char *proof;          /* a condition in sh, with $R the root: ERR_NOT_FOUND where it does not hold; or NULL */
    const struct node *env;
    const char *const *argv; /* NULL-terminated */
    int fd_in, fd_out, fd_err;
    struct buf *output; /* where set: both outputs up to its max, instead of the descriptors */
    ssh_sink_fn sink;   /* where set: both outputs, instead of the descriptors */
    void *sink_ctx;
    bool tty;
};
int ssh_command_run(struct ssh_link *s, const struct ssh_command *command, const struct deadline *d, int *ret_status,
                    struct err *e);

/* --- what was seen --------------------------------------------------------------------------------------------------------- */

enum ssh_kind { SSH_ABSENT, SSH_DIR, SSH_OTHER };

/* One path that was asked for, or that the glob found. */
struct ssh_seen {
    const char *path;
    enum ssh_kind kind;
    const char *dev_ino;       /* "dev:ino" */
    const char *owner;         /* text of .reconclaw/owner.json, or NULL */
    const char *manifest;      /* first line of .reconclaw/manifest, or NULL; "" where it is empty */
    const char *epoch, *setup; /* of .reconclaw/epoch and .reconclaw/setup, or NULL */
    bool measured;
    uint64_t n_entries, bytes; /* below workspace/ and agent/ */
    int64_t changed_s;         /* newest mtime among them; 0: not known */
    const char *stamp;         /* of all sizes and times among them: another one, something changed */
    unsigned busy;             /* sessions with their cwd or an open file below it */
};

struct ssh_view {
    struct ssh_seen *v;
    size_t n;
    bool busy_known;
};

/* Shell: `sum ARGS...` sets n (entries), b (bytes), c (newest) and h (another whenever any of it is) of all that find(1) gives
 * for FIND, in which "$@" are the args; n is x where some of it cannot be read. Without args all is 0. */
#define SSH_SUM(find)                                                                                                            \
    "case $(stat -c %.9Z / 2>/dev/null) in *.[0-9]*)Z=%.9Z;;*)Z=%Z;;esac\n"                                                      \
    "sum(){ n=0;b=0;c=0;h=7;[ $# -gt 0 ]||return;z=$(find " find " -exec stat -c \"%f:%s:%Y:%i:$Z\" {} + "                       \
    "2>/dev/null)||{ "                                                                                                           \
    "n=x;b=;c=;return;}\n"                                                                                                       \
    "I=$IFS;for x in $z;do IFS=:;set -- $x;case $1 in 8*)b=$((b+$2));;esac;n=$((n+1));[ \"$3\" -le $c ]||c=$3\n"                 \
    "h=$(((h*31+$2*7+$3+$4*5+${5%.*}*3+1${5#*.})%1000000007));done;IFS=$I;}\n"
/* Pure: "$n${b:+ $b $c $h}" into n_entries, bytes, changed_s and measured. -1: it is nothing of the kind. */
int ssh_sum_decode(struct arena *a, const char *text, struct ssh_seen *s);

/* Pure. ERR_INPUT for what no script of ours writes. */
int ssh_view_decode(struct arena *a, const struct ssh_reply *r, struct ssh_view *ret, struct err *e);
const struct ssh_seen *ssh_view_find(const struct ssh_view *v, const char *path);

/* One round trip. tops: workspace roots, of which all openclaw-ssh-*, reconclaw-*, leftovers and whatever else
 * has an owner.json are listed. measure: count, sum
 * up and find the newest; otherwise only whether there is anything (n_entries 0 or more). ERR_UNAVAILABLE where a directory on
 * the way cannot be looked into: that is not "absent". */
int ssh_view_take(struct ssh_link *s, struct arena *a, const char *const *tops, size_t n_tops, const char *const *paths,
                  size_t n_paths, bool measure, const struct deadline *d, struct ssh_view *ret, struct err *e);

#endif
