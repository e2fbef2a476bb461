/* load: everything that says what is wanted, read in one go: spec files, and the OpenClaw config of each `kind: OpenClaw`.
 * All errors are found at once. A load lives in an arena of its own and is shared by reference: the daemon keeps the last good
 * one of each part while a newer one is broken.
 *
 * A part is the set of spec files, or one OpenClaw config. load_read(previous) puts the previous load's good part in the place
 * of a broken one (last good), so that a broken openclaw.json stops neither the sandboxes of the YAML specs nor another
 * OpenClaw. Without a previous good part there is nothing: nothing of that part is wanted, and nothing is removed. */
#ifndef RECONCLAW_RECONCILER_LOAD_H
#define RECONCLAW_RECONCILER_LOAD_H

#include "reconciler/host.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/diag.h"
#include "spec/kinds.h"
#include "spec/openclaw/detect.h"
#include "spec/openclaw/load.h"
#include "spec/openclaw/names.h"
#include "watch/watch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define INSTALL_HEX 17 /* 16 hex digits and a NUL */

struct load_openclaw {
    const struct openclaw_object *object;
    struct oc_paths paths;
    struct oc_places places;     /* its `line` is detected.line */
    struct oc_detected detected; /* which line of OpenClaw it is, and why */
    struct oc_source source;     /* root is NULL where there is neither a good config nor a last good one */
    char install[INSTALL_HEX];
    bool ok;                           /* false: its config does not load; what is here is the last good one, or nothing */
    const struct oc_profile *good_for; /* the line whose rules found it good */
    const char *locale;                /* that OpenClaw's hash sorts by */
    struct load *lender;               /* the load that the source belongs to, where it is a previous one; counted */
};

struct load {
    struct arena *arena;
    atomic_uint refs; /* held by the loop and by the round in its thread */
    struct diags diags;
    bool specs_ok; /* false: specs and openclaws are the previous load's */
    bool implied;  /* no spec was found: one OpenClaw on the default config */
    struct specs specs;
    struct load_openclaw *openclaws;
    size_t n_openclaws;
    const struct load_file {
        const char *name, *path; /* as in positions; absolute */
    } * files;
    size_t n_files;
    const char *const *places; /* absolute paths of the files and directories that were asked for */
    size_t n_places;
    struct watch_target *watch; /* everything that was read, or looked for */
    size_t n_watch;
    char digest[DIGEST_HEX]; /* of all that was read: equal digests mean equal wishes */
    struct load *specs_lender;
};

/* names: as for spec_files_read(). Never NULL. previous may be NULL; it is not changed, and referred to where it lends. */
struct load *load_read(const struct host *host, const char *const *names, size_t n_names, struct load *previous);
struct load *load_ref(struct load *l);
void load_unref(struct load *l); /* accepts NULL */
void load_unrefp(struct load **l);
#define LOAD_AUTO __attribute__((cleanup(load_unrefp))) struct load *
/* Whether every part is good. */
bool load_is_good(const struct load *l);

/* Whether the spec file `path` belongs to what this load was asked for: an object that came from it and is no longer named is
 * no longer wanted. Never where no spec was found at all: an empty place is not taken for a wish. */
bool load_covers(const struct load *l, const char *path);
/* Absolute path of a spec file by the name that stands in positions, or NULL. */
const char *load_file_path(const struct load *l, const char *name);

/* [{"object": "OpenClaw/home", "line": "2026.9", "known": true, "why": "..."}]: which line each OpenClaw is found to be. */
struct node *load_lines_json(struct arena *a, const struct load *l);

/* The install of a state directory: 16 hex digits of its real path's digest. */
void load_install_id(const char *state_dir, char ret[INSTALL_HEX]);

#endif
