/* include: the $include of OpenClaw's config, of either line, and the files a config is made of.
 *
 * "$include" holds a path or a list of paths, in any object. Included values are merged in their order, then the object's other
 * keys over them: arrays are joined, objects merged, else the later value counts. Paths are relative to the directory of the
 * including file as it was named (links are not followed for that); the file must lie below the root config's directory or an
 * entry of OPENCLAW_INCLUDE_ROOTS, both by name and after following links; be a regular file with one name, of at most
 * LIMIT_INCLUDE_BYTES; nested at most LIMIT_INCLUDE_DEPTH deep and not in itself. "__proto__" is dropped everywhere;
 * "prototype" and "constructor" where they would be merged over something.
 *
 * Ours alone: all errors are reported, not the first; one config may include at most LIMIT_INCLUDE_FILES files and
 * LIMIT_INCLUDE_TOTAL bytes, counting each time, so that files that include each other cannot grow without bound. */
#ifndef RECONCLAW_SPEC_OPENCLAW_INCLUDE_H
#define RECONCLAW_SPEC_OPENCLAW_INCLUDE_H

#include "spec/base/arena.h"
#include "spec/base/vec.h"
#include "spec/diag.h"
#include "spec/fs.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>

/* A file that a config was read from, or would have been if it were there. */
struct oc_file {
    const char *path;        /* as named: absolute, links not followed */
    const char *real;        /* after following links; NULL where that failed */
    bool found;              /* it was read */
    const char *const *dirs; /* in which a change of an entry changes the file: its own, and those of links on the way to it */
    size_t n_dirs;
};

struct oc_files {
    struct oc_file *v;
    size_t n, cap;
};

/* Adds a file once, with its directories, and returns it (valid until the next call). */
struct oc_file *oc_files_add(struct arena *a, const struct fs *fs, struct oc_files *files, const char *path);

struct oc_include_roots {
    const char *const *v; /* absolute, normalised */
    size_t n;
};

/* Works every $include out of the tree, in place, and returns the new root; NULL after adding errors. Every file that was
 * looked for is in `files`, also then. config_path is absolute; `root` was read from it. */
struct node *oc_include(struct arena *a, const struct fs *fs, const char *config_path, struct oc_include_roots roots,
                        struct node *root, struct oc_files *files, struct diags *d);

#endif
