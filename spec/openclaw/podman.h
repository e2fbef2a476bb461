/* podman: what OpenClaw 2026.9 does otherwise with backend "podman" than with docker: names, the hash, and what goes into the
 * container. Older lines know no podman.
 *
 *     prefix = oc_podman_prefix(docker.containerPrefix)         names.h
 *     docker = oc_podman_user(docker, ...)                       instead of oc_docker_user()
 *     hash   = oc_podman_hash(oc_hash(oc_hash_input(r)), ...)    of the label and the row
 *     oc_create_container(host, r, &create)                      as for docker
 *     oc_podman_adapt(engine, r, default_tmpfs, create.body)     and then this
 *
 * Of the arguments that OpenClaw gives podman beside docker's, the compatible API has --userns in HostConfig.UsernsMode;
 * --http-proxy=false and --read-only-tmpfs=true are what it does for every container it creates. There are no browsers. */
#ifndef RECONCLAW_SPEC_OPENCLAW_PODMAN_H
#define RECONCLAW_SPEC_OPENCLAW_PODMAN_H

#include "spec/openclaw/create.h"

#include <stdbool.h>

/* As `podman info` tells. */
struct oc_podman {
    bool rootless;
    unsigned major, minor; /* of its version; 0.0: not known, and then what needs one is refused */
};

/* As oc_docker_user(), but what root owns, or root's group, leaves it out: podman then keeps the caller's own id. */
struct node *oc_podman_user(struct arena *a, const struct fs *fs, struct node *docker, const char *workspace_dir);
/* docker: with the user. default_tmpfs: docker.tmpfs is nobody's setting (dockerTmpfsSource "default"). */
char *oc_podman_hash(struct arena *a, const char *hash, const struct node *docker, bool default_tmpfs);
/* Changes the body of oc_create_container() into podman's: without /run among the tmpfs that are by default, since podman keeps
 * its init there, and, rootless, with the caller's id kept. ERR_CONFIG, the message begins with the key, where OpenClaw refuses:
 * a mount over that init; rootless, a user that is a name or 0; what the version does not have. podman NULL: not known; what no
 * podman takes is refused, and the body is nobody's. */
int oc_podman_adapt(struct arena *a, const struct oc_podman *podman, const struct oc_runtime *r, bool default_tmpfs,
                    struct node *body, struct err *e);

#endif
