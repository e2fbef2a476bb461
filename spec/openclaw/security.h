/* security: which binds, networks and profiles of a docker object OpenClaw refuses to make a container with, in its order: each
 * bind, network, seccomp, apparmor. The first refusal is the answer.
 *
 * 2026.5 trims a bind and turns its backslashes before it judges it, and lets a source pass that holds a blocked path. 2026.9
 * takes it as it is written (but for Windows paths, whose drive letter makes them absolute), and refuses such a source.
 *
 * reconclaw refuses more, of either line, since what OpenClaw lets through there ends with a mount of what it means to keep out:
 *
 * - a bind source that is, or leads through, a symbolic link whose target does not exist: OpenClaw judges the link's own place,
 *   the engine mounts the target once it exists. Judged by the target here.
 * - a bind source that runs into a loop of links, or through a directory that may not be looked into: what it will lead to
 *   cannot be known.
 * - a bind source that holds a blocked path (/var holds /var/run, the home holds .ssh): with it the blocked path is mounted.
 * (2026.9 refuses that itself.)
 * - a bind source with blanks or backslashes: where OpenClaw trims and turns them before it judges, the engine takes them as
 *   written. Both must be free of blocked paths. */
#ifndef RECONCLAW_SPEC_OPENCLAW_SECURITY_H
#define RECONCLAW_SPEC_OPENCLAW_SECURITY_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/fs.h"
#include "spec/node.h"
#include "spec/openclaw/profile.h"

#include <stddef.h>

/* The machine whose directories are bound. Absolute paths. */
struct oc_host {
    const struct fs *fs;
    const char *home;    /* OPENCLAW_HOME, else as os_home */
    const char *os_home; /* HOME */
    const char *cwd;     /* what a relative seccompProfile is resolved against */
};

enum oc_denial {
    OC_DENY_NONE,
    OC_DENY_NOT_ABSOLUTE, /* a bind's source does not begin with "/" */
    OC_DENY_BLOCKED,      /* a bind's source is a blocked path or below it */
    OC_DENY_COVERS,       /* a bind's source holds a blocked path */
    OC_DENY_UNCLEAR,      /* where a bind's source leads cannot be known */
    OC_DENY_RESERVED,     /* a bind's target is /workspace, /agent or below */
    OC_DENY_OUTSIDE,      /* a bind's source is in no workspace, and dangerouslyAllowExternalBindSources is not set */
    OC_DENY_HOST_NETWORK, /* network: host */
    OC_DENY_NETWORK_JOIN, /* network: container:x without dangerouslyAllowContainerNamespaceJoin */
    OC_DENY_SECCOMP,      /* seccompProfile: unconfined */
    OC_DENY_APPARMOR,     /* apparmorProfile: unconfined */
    OC_DENIAL_COUNT
};

/* "blocked", "outside-roots": stable. */
const char *oc_denial_name(enum oc_denial d);

/* line NULL: 2026.5. docker: a resolved docker object; for a browser that of oc_browser_docker(), and browser is then
 * sandbox.browser (only for the names of keys), else NULL. roots: the workspaces that binds may lie in; none: anywhere.
 * ERR_CONFIG with a message that begins with the key ("docker.binds[0]: "), and the reason in *ret (which may be NULL). */
int oc_check_security(struct arena *a, const struct oc_profile *line, const struct oc_host *host, const struct node *docker,
                      const struct node *browser, const char *const *roots, size_t n_roots, enum oc_denial *ret, struct err *e);

#endif
