/* kinds_desired: what the Sandbox objects ask of their backends.
 *
 * `create` of a docker sandbox is a body of the Engine's POST /containers/create, holding only what the object sets, with
 * the labels reconclaw.owner ("Sandbox/NAME"), reconclaw.install, reconclaw.configHash and, where there is a setup,
 * reconclaw.setup (its digest) beside the object's own.
 *
 * `create` of a bubblewrap sandbox, every path absolute and normalised:
 *
 *     {
 *       "root": "/srv/rootfs",          absent: this machine's system directories, read-only
 *       "workspaces": [{"path": "/home/u/scratch", "target": "/workspace", "readOnly": false}],
 *       "env": {"LANG": "C.UTF-8"},     sorted; values from secret references are secret nodes
 *       "limits": {"memoryBytes": 536870912, "pids": 100, "cpus": 1.5},   each only where set
 *       "network": "none",              or "host"
 *       "command": ["sleep", "infinity"],   absent: idle
 *       "workdir": "/workspace",
 *       "labels": {"team": "red"}       the object's own; absent: none
 *     }
 *
 * `create` of an ssh or openshell sandbox, and what its config_hash covers: spec/remote.h.
 *
 * `setup` of all is in struct desired. config_hash of docker's and bubblewrap's is the fingerprint of `create` and setup: a
 * changed secret is drift and never shown. */
#ifndef RECONCLAW_SPEC_KINDS_DESIRED_H
#define RECONCLAW_SPEC_KINDS_DESIRED_H

#include "spec/base/err.h"
#include "spec/fs.h"
#include "spec/kinds.h"
#include "spec/secret.h"

#define SANDBOX_LABEL_OWNER   "reconclaw.owner"
#define SANDBOX_LABEL_INSTALL "reconclaw.install"

struct kinds_desired_conf {
    const char *install;                 /* 16 hex digits */
    const struct secret_source *secrets; /* NULL: references are refused */
    const struct fs *fs;                 /* for the owner of a workspace and where its links lead; NULL: not looked at */
    const char *home;                    /* as for specs_load */
    bool check_only; /* a secret that is not here is a warning and its value empty: a pipeline's machine has none */
};

/* One desired runtime per Sandbox, in order; `fields` is left to the backend's check(). A reference that leads nowhere is an
 * error at its place and fails the whole: a sandbox is never left out silently, since what is not wanted is pruned. A workspace
 * that does not exist is a warning, since it may come back; one that leads by links to a place no sandbox is shown, an error. */
int specs_to_desired(struct arena *a, const struct specs *s, const struct kinds_desired_conf *conf, struct diags *d,
                     struct desired **ret, size_t *ret_n);

#endif
