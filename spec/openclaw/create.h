/* create: the Engine API body that OpenClaw, by way of `docker create`, makes a container or a browser from.
 *
 *     docker = oc_docker_user(fs, sandbox.docker, workspace_dir)           fills in the user
 *     mounts = oc_mounts_plan(fs, runtime)                                 mounts.h
 *     hash   = oc_hash(oc_hash_input(runtime))                             hash.h
 *     oc_create_container(host, runtime, &create)                          checks everything, reads the seccomp profile
 *
 * and for a browser oc_browser_docker() behind oc_docker_user(), and oc_create_browser(). What OpenClaw or the docker command
 * would refuse is refused: ERR_CONFIG, the message begins with the key ("docker.memory: "). Values are put into the body as they
 * would arrive through the command's argv. */
#ifndef RECONCLAW_SPEC_OPENCLAW_CREATE_H
#define RECONCLAW_SPEC_OPENCLAW_CREATE_H

#include "spec/openclaw/hash.h"
#include "spec/openclaw/mounts.h"
#include "spec/openclaw/profile.h"
#include "spec/openclaw/security.h"

#include <stdbool.h>
#include <stdint.h>

/* docker, or a copy of it with user "<uid>:<gid>" of the workspace's owner where it has none or a blank one. Where the
 * directory cannot be looked at it stays as it is, as with OpenClaw. The hash is of the result. */
struct node *oc_docker_user(struct arena *a, const struct fs *fs, struct node *docker, const char *workspace_dir);

struct oc_runtime {
    const struct oc_profile *line; /* NULL: 2026.5 */
    const struct node *docker;     /* of oc_docker_user(); for a browser of oc_browser_docker() on top */
    const struct node *browser;    /* sandbox.browser; for a browser only */
    const char *workspace_access;  /* "none" "ro" "rw" */
    const char *workspace_dir, *agent_workspace_dir;
    const char *skills_workspace_dir; /* of oc_dirs(), for access "rw"; NULL: OC_SKILLS_WORKSPACE below the agent's */
    bool skills_are_copied;           /* see mounts.h */
    const char *attachments_dir;      /* of a subagent's session, its real path; NULL: none */
    const struct oc_mounts *mounts;   /* of oc_mounts_plan(), from all of the above */
    const char *scope_key;
    const char *config_hash;
    int64_t created_at_ms;
    struct oc_collator *collator; /* sorts the variables of who gets them by file; NULL: they stay as configured */
    /* For a browser; NULL leaves each out, for who knows the network or makes secrets up. */
    const char *cdp_source_range; /* of oc_cdp_source_range() */
    const char *no_vnc_password;  /* with noVNC: 8 characters of [0-9A-Za-z] */
    const char *cdp_token;        /* 2026.9: 48 hex digits */
};

struct oc_create {
    struct node *body;
    /* Names of variables that OpenClaw keeps from a sandbox (they look like credentials, or hold a NUL), and of those it only
     * warns of. */
    const char *const *blocked_env;
    size_t n_blocked_env;
    const char *const *odd_env;
    size_t n_odd_env;
};

int oc_create_container(struct arena *a, const struct oc_host *host, const struct oc_runtime *r, struct oc_create *ret,
                        struct err *e);
int oc_create_browser(struct arena *a, const struct oc_host *host, const struct oc_runtime *r, struct oc_create *ret,
                      struct err *e);

/* The labels alone: an object of strings. */
struct node *oc_create_labels(struct arena *a, const struct oc_runtime *r, bool is_browser);

/* Whether a browser gets noVNC: it is enabled (under the line's key) and the browser not headless. */
bool oc_wants_no_vnc(const struct oc_profile *line, const struct node *browser);
/* browser.cdpSourceRange; of 2026.9 that alone, NULL where it is not set. Of 2026.5 else from the network's first IPv4 gateway
 * where its driver is bridge or not known (NULL), else loopback where there is no network; NULL where it cannot be derived.
 * gateways as the engine lists them. */
const char *oc_cdp_source_range(struct arena *a, const struct oc_profile *line, const struct node *browser, const char *network,
                                const char *driver, const char *const *gateways, size_t n_gateways);

#define OC_BROWSER_CONTRACT_LABEL "org.openclaw.sandbox-browser.contract"
#define OC_BROWSER_TOKEN_VARIABLE "OPENCLAW_BROWSER_CDP_AUTH_TOKEN"

/* Whether a variable's name looks like that of a credential. 2026.5 keeps such from sandboxes; 2026.9 does not any more. */
bool oc_env_is_credential(const char *name);

#endif
