/* load: reads OpenClaw's config as OpenClaw, of either line, does, up to but not including the check of its keys:
 *
 *     .env files -> JSON5 -> $include      oc_load
 *     (the caller finds the line: detect.h)
 *     env block -> ${NAME}                 oc_load_variables
 *     (the caller checks the keys)
 *     `~` in paths, session.mainKey        oc_normalise
 *
 * Of the .env files those that belong to the installation are read (the state directory's, gateway.env, the one beside an
 * OPENCLAW_CONFIG_PATH); the one in the current directory is not: it is whoever's shell runs us, not the gateway's. */
#ifndef RECONCLAW_SPEC_OPENCLAW_LOAD_H
#define RECONCLAW_SPEC_OPENCLAW_LOAD_H

#include "spec/base/arena.h"
#include "spec/diag.h"
#include "spec/fs.h"
#include "spec/node.h"
#include "spec/openclaw/include.h"
#include "spec/openclaw/paths.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>

struct oc_source {
    struct node *root;     /* any JSON value, in the end in JavaScript's key order; NULL where the load failed */
    bool missing;          /* there is no config file; root is {} */
    struct node *env;      /* in force after .env files, then after the env block */
    struct oc_files files; /* looked for, in this order; the config is the first. A watcher watches all their dirs */
};

/* 0, or -1 after adding errors. ret is set in both cases, so that a broken config can be watched for its mending. Warnings
 * (keys given twice, an unreadable .env) do not fail it. A config that exists but cannot be read, is no
 * regular file, or is a link to nothing is an error, never an empty config. */
int oc_load(struct arena *a, const struct fs *fs, const struct oc_paths *paths, const struct node *env, struct diags *d,
            struct oc_source *ret);

/* What a load that did not fail has left to do, in place: the env block into source->env, and that into the texts. No error. */
void oc_load_variables(struct arena *a, const struct oc_profile *line, struct oc_source *source, struct diags *d);

/* In place, once the keys are found to be right. Texts whose key ends in dir, path, paths, file, root or workspace and that
 * begin with ~, and those in lists named `paths` or `pathPrepend`, become absolute; session.mainKey is always "main". A keyed
 * roster gets its list beside it (spec/openclaw/roster). */
void oc_normalise(struct arena *a, const struct oc_paths *paths, struct oc_source *source);

#endif
