/* spec_files: the spec files that a command works on, read from where the user named them or from where they stand by default.
 *
 * A directory is read by the names that end in .yaml, .yml or .json, sorted by byte; names that begin with a dot are passed over
 * (editors' leftovers, and the ..data of a mounted ConfigMap, whose files are links through it), and directories below are not
 * entered. If ..data is swapped while it is read, it is read anew, so that a set never mixes two versions. */
#ifndef RECONCLAW_RECONCILER_SPEC_FILES_H
#define RECONCLAW_RECONCILER_SPEC_FILES_H

#include "spec/base/arena.h"
#include "spec/diag.h"
#include "spec/fs.h"
#include "spec/kinds.h"

#include <stdbool.h>
#include <stddef.h>

#define SPEC_FILES_MAX 10000u /* of one load */

struct spec_files {
    struct spec_file *v; /* in the arena; order: as given, those of a directory by name */
    size_t n;
    bool implied; /* nothing was named and nothing stands in the default places: specs_implied() */
    /* Absolute paths where a change may matter, whether or not they exist now: for the watch. */
    const char **watch;
    size_t n_watch;
};

struct spec_files_conf {
    const struct fs *fs;
    const char *cwd;        /* absolute: relative names start here */
    const char *xdg_config; /* absolute, or NULL: $XDG_CONFIG_HOME */
    const char *etc;        /* NULL: "/etc" */
};

/* names: files and directories as the user wrote them; n_names 0: $XDG_CONFIG_HOME/reconclaw, else /etc/reconclaw, the first that
 * holds a spec. -1: something could not be read, or a directory that was named holds no spec (an empty set would mean that
 * nothing is wanted any more); the errors are in d, and all that can be read has been. `watch` is set in either case. */
int spec_files_read(struct arena *a, const struct spec_files_conf *conf, const char *const *names, size_t n_names,
                    struct diags *d, struct spec_files *ret);

#endif
