/* detect: which line of OpenClaw keeps a state directory. Pure: signs in, a profile and the reason out.
 *
 * The first that holds decides:
 *
 *  sign                                                            line
 *  --------------------------------------------------------------  ------------------------------------------------------------
 *  the spec names one                                              that
 *  a database of a newer schema than any line's here               the newest, but not known
 *  a config last written by a later year and month                 the newest, but not known
 *  a database with the table of sandboxes and the line's schema    2026.9
 *  ... of an older schema, and a config written between the lines  2026.9, but not known
 *  ... of an older schema                                          2026.9
 *  a database that cannot be read, or is gone since it was seen    as when it was last seen, else 2026.9
 *  a config last written by 2026.9, or with agents.entries         2026.9
 *  a config last written between the lines                         by its database: without the table 2026.5, but not known
 *  anything else: shards, a monolith, a config of 2026.5, nothing  2026.5
 *
 * Of a line that is not known (`known` false) runtimes are seen, planned and reported; only what the owner names is removed. */
#ifndef RECONCLAW_SPEC_OPENCLAW_DETECT_H
#define RECONCLAW_SPEC_OPENCLAW_DETECT_H

#include "spec/base/arena.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>
#include <stdint.h>

struct oc_signs {
    const struct oc_profile *asked; /* the spec's `line`; NULL: none */
    const struct oc_profile *last;  /* when it was last known for certain; NULL: never */
    bool has_database;              /* the file is there */
    bool readable;                  /* ... and was read */
    bool has_table;                 /* of sandboxes */
    int64_t user_version;           /* -1: not read */
    const char *app_version;        /* that made the database; or NULL */
    const char *touched_version;    /* the config's meta.lastTouchedVersion; or NULL */
    bool has_entries;               /* the config's agents.entries */
    bool has_shards;                /* or a monolith */
};

struct oc_detected {
    const struct oc_profile *line; /* never NULL */
    bool known;                    /* false: it is newer than, or between, the lines that are understood */
    bool certain;                  /* what is there says so: worth to be remembered as `last` */
    const char *why;               /* half a sentence: "its database has schema 18" */
};

void oc_detect(struct arena *a, const struct oc_signs *signs, struct oc_detected *ret);
/* Year * 100 + month of "2026.9.6" or "v2026.9.6-beta.1"; 0 where it is no such version. */
int oc_version_month(const char *version);

#endif
