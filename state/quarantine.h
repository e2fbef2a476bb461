/* quarantine: where a private workspace goes when its runtime was pruned: <root>/.reconclaw-quarantine/<entry>, on the same file
 * system, by one rename. Nothing is copied, and nothing in it is touched, until its owner asks for it back or lets it be
 * collected.
 *
 *     quarantine_identify(root, slug, &id)         before the prune: which directory it is
 *     quarantine_entry_name(a, now, slug)          what it will be called there
 *     quarantine_move(root, slug, entry, &id)      once the runtime is gone; again after a crash: it finds what was done
 *     quarantine_restore / quarantine_remove       later
 *
 * No symbolic link is followed below the root, no name is taken from a listing without being checked, and only the very
 * directory that was identified is moved or removed. Errors: ERR_REFUSED is final (it is no directory, another one,
 * something is mounted there): the directory stays where it is. ERR_NOT_FOUND: there is nothing. ERR_CONFLICT: the name is taken.
 * ERR_IO: may pass. After any error nothing has moved. */
#ifndef RECONCLAW_STATE_QUARANTINE_H
#define RECONCLAW_STATE_QUARANTINE_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/file.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUARANTINE_DIR     ".reconclaw-quarantine"
#define QUARANTINE_ENTRIES 1000000 /* files of one tree that are counted; more: its size is not known */
#define QUARANTINE_DEPTH   128     /* likewise */

struct quarantine_id {
    uint64_t dev, ino;
};

/* Whether it may be the name of a scope's directory: one part of a path that is neither hidden nor above it. */
bool quarantine_slug_ok(const char *slug);
/* "20261122T191500Z-agent-main-f331f052". */
char *quarantine_entry_name(struct arena *a, int64_t now_ms, const char *slug);
/* The slug in the name of an entry; NULL where it is none. Points into entry. */
const char *quarantine_entry_slug(const char *entry);

int quarantine_identify(const char *root, const char *slug, struct quarantine_id *ret, struct err *e);
/* What is in the quarantine below root under that name. */
int quarantine_find(const char *root, const char *entry, struct quarantine_id *ret, struct err *e);
/* Whether that is certain: something else, or nothing, is there. */
bool quarantine_is_gone(const char *root, const char *entry, const struct quarantine_id *id);
/* 0 also where it was moved before. The quarantine is made where it is missing, for its owner alone. */
int quarantine_move(const char *root, const char *slug, const char *entry, const struct quarantine_id *id,
                    const struct file_hook *hook, struct err *e);
/* Back to <root>/<slug>; ERR_CONFLICT where something is there. 0 also where it was moved back before. */
int quarantine_restore(const char *root, const char *slug, const char *entry, const struct quarantine_id *id,
                       const struct file_hook *hook, struct err *e);
/* Deletes the tree. Nothing outside of it, nothing that is mounted in it (a file system or a bind): ERR_REFUSED, and what was not
 * deleted stays. 0 also where it is gone. ERR_CANCELLED by cancel (may be NULL). */
int quarantine_remove(const char *root, const char *entry, const struct quarantine_id *id, const atomic_bool *cancel,
                      const struct file_hook *hook, struct err *e);

/* Bytes in a tree (its files' sizes, links not followed). -1: it could not be read in full, or is over the caps above. */
int64_t quarantine_measure(const char *root, const char *entry);
int64_t quarantine_measure_slug(const char *root, const char *slug);

/* Names: of the entries below root that have an entry's form, and (orphans) of the directories directly below root whose name may
 * be a slug. A missing root or quarantine has none. `changed_ms` is the directory's own time of change. */
struct quarantine_dir {
    const char *name;
    struct quarantine_id id;
    int64_t changed_ms;
};
int quarantine_list(struct arena *a, const char *root, struct quarantine_dir **ret, size_t *ret_n, struct err *e);
int quarantine_list_slugs(struct arena *a, const char *root, struct quarantine_dir **ret, size_t *ret_n, struct err *e);

#endif
