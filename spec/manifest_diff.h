/* manifest_diff: what became of a tree, and whether seeding it anew would lose something. Pure; all lists are by path. */
#ifndef RECONCLAW_SPEC_MANIFEST_DIFF_H
#define RECONCLAW_SPEC_MANIFEST_DIFF_H

#include "spec/manifest.h"

enum manifest_change_kind { MANIFEST_ADDED, MANIFEST_CHANGED, MANIFEST_REMOVED, MANIFEST_CHANGE_KIND_COUNT };

/* What of a changed entry differs. */
enum {
    MANIFEST_WHAT_TYPE = 1,    /* and then nothing else is compared */
    MANIFEST_WHAT_CONTENT = 2, /* size or digest */
    MANIFEST_WHAT_MODE = 4,
    MANIFEST_WHAT_TARGET = 8,
};

struct manifest_change {
    enum manifest_change_kind kind;
    unsigned what;                          /* of MANIFEST_CHANGED */
    const struct manifest_entry *from, *to; /* NULL: it is not there on that side. Point into the manifests */
};

struct manifest_changes {
    const struct manifest_change *v;
    size_t n;
    size_t n_of[MANIFEST_CHANGE_KIND_COUNT];
};

struct manifest_changes manifest_compare(struct arena *a, const struct manifest *base, const struct manifest *now);

enum manifest_verdict {
    MANIFEST_SAME,             /* remote and local hold the same: there is nothing to seed */
    MANIFEST_REMOTE_UNCHANGED, /* remote holds nothing that local does not have too, or that was not seeded: seed freely */
    MANIFEST_REMOTE_CHANGED,   /* remote was changed since, local was not: seeding undoes `lost` */
    MANIFEST_BOTH_CHANGED,     /* both were: seeding undoes `lost` */
    MANIFEST_VERDICT_COUNT
};

struct manifest_three_way {
    enum manifest_verdict verdict;
    struct manifest_changes remote; /* since the seed; against an empty tree where there is none */
    struct manifest_changes local;  /* since the seed; likewise */
    /* What seeding local over remote undoes: each change that was made there since the seed and is not in local too. An addition
     * or a change is work that would be gone; a removal is a file that would come back. */
    struct manifest_changes lost;
    uint64_t lost_bytes; /* of files there that would be gone */
};

/* seed may be NULL (nobody recorded one): then whatever is there and not the same in local would be lost. */
struct manifest_three_way manifest_three_way(struct arena *a, const struct manifest *seed, const struct manifest *remote,
                                             const struct manifest *local);

/* For people, one line per change, each indented by two blanks and ended by a newline, names escaped: "+ path (12 bytes)",
 * "~ path (content, mode 644 -> 755)", "- path". At most max lines of changes, then "and 37 more". */
void manifest_changes_format(struct buf *b, const struct manifest_changes *c, size_t max);

/* "same", "remote-unchanged", ...: stable. */
const char *manifest_verdict_name(enum manifest_verdict v);
const char *manifest_change_kind_name(enum manifest_change_kind k);
const char *manifest_type_name(enum manifest_type t);

#endif
