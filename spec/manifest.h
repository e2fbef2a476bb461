/* manifest: what a tree of files holds, as one value with one text. It is what was seeded, what is there now, or what a snapshot
 * contains; two of them are compared by manifest_diff.h.
 *
 * A tree is made of directories, regular files and symbolic links. Paths are relative, parts separated by '/', any bytes but NUL
 * in a part; no empty part, no "." and no "..". Every path's parent is an entry too, and a directory; the tree's own root is
 * none. Owners and times are no part of it: they differ from host to host.
 *
 * Calling sequence: fill an array of entries, manifest_make(), set the head's fields, manifest_emit(). Or manifest_parse() of
 * what came back, whoever had it in between.
 *
 * The text is lines, one per entry in order, words separated by one blank. In a word every byte outside printable ASCII, the
 * blank and the backslash stand as \xNN, so that no name reaches a terminal or ends a line. There is one text per manifest: what
 * is written in any other way (an unneeded escape, 0644 for 644, another order) is refused.
 *
 *     reconclaw-manifest 1
 *     id 0123456789abcdef0123456789abcdef
 *     install 0123456789abcdef
 *     created 1763838000000
 *     dir workspace /home/u/.openclaw/workspace
 *     tree 3 <digest of the lines below>
 *     d 755 workspace
 *     f 644 12 <digest> workspace/a.txt
 *     l ../a\x20b workspace/link
 */
#ifndef RECONCLAW_SPEC_MANIFEST_H
#define RECONCLAW_SPEC_MANIFEST_H

#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/base/err.h"
#include "spec/base/text.h"
#include "spec/world.h" /* TIME_NONE */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum manifest_type { MANIFEST_DIR, MANIFEST_FILE, MANIFEST_LINK, MANIFEST_TYPE_COUNT };

struct manifest_entry {
    const char *path;
    enum manifest_type type;
    unsigned mode;      /* permission bits (07777) of directories and files; 0 for links, which have none */
    uint64_t size;      /* of files, else 0 */
    const char *digest; /* SHA-256 of a file's bytes, 64 hex digits; NULL for the others */
    const char *target; /* text of a link; NULL for the others */
};

/* A local directory and the part of the tree that it became. */
struct manifest_dir {
    const char *name;  /* first part of the paths: "workspace" */
    const char *local; /* absolute path on the machine that made the manifest */
};

struct manifest {
    /* Head; NULL, TIME_NONE or none where not said. */
    const char *id;      /* of the tree */
    const char *install; /* whose it is */
    int64_t created_at_ms;
    const struct manifest_dir *dirs;
    size_t n_dirs;
    /* By path, in the order of their bytes. */
    const struct manifest_entry *v;
    size_t n;
    char tree[DIGEST_HEX]; /* digest of the entries alone: equal trees have equal ones, wherever they are */
};

/* What is wrong with a path ("has a part '..'"), or NULL. */
const char *manifest_path_flaw(const char *path);

/* Sorts v, which stays the caller's and is referred to, checks all of it (paths, parents, doubles, caps of limits.h, what each
 * type must and must not have), and computes the digest. The head is empty. ERR_INPUT with the path that is wrong. */
int manifest_make(struct manifest_entry *v, size_t n, struct manifest *ret, struct err *e);

/* The whole text is appended to b, or ERR_INPUT: over LIMIT_MANIFEST_BYTES or b's own cap, a head that cannot be written. */
int manifest_emit(const struct manifest *m, struct buf *b, struct err *e);
/* SHA-256 of the text, head included. */
int manifest_digest(const struct manifest *m, char ret[DIGEST_HEX], struct err *e);

/* Exactly what manifest_emit() writes, or ERR_INPUT: "manifest:LINE:COLUMN: ...". A cut text is refused, since the head counts
 * and digests the lines. ret refers to the arena alone. */
int manifest_parse(struct arena *a, const char *s, size_t n, struct manifest *ret, struct err *e);

/* The entry of a path, or NULL. */
const struct manifest_entry *manifest_find(const struct manifest *m, const char *path);
/* Sum of the files' sizes. */
uint64_t manifest_bytes(const struct manifest *m);
/* The part of m below directory `dir`, with paths relative to it and an empty head. ERR_NOT_FOUND where it is no directory. */
int manifest_below(struct arena *a, const struct manifest *m, const char *dir, struct manifest *ret, struct err *e);

/* Whether a link leads, or would lead if what is missing on its way were made, out of directory `root` of the tree ("": the whole
 * tree). Absolute targets do. Links on its way are followed within the manifest; a loop leads nowhere. */
bool manifest_link_escapes(const struct manifest *m, const char *root, const struct manifest_entry *link);

#endif
