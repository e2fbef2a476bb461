/* docker_podman: where podman's compatible API differs from Docker's, in one place. All of it was seen on the service of Podman
 * 4.3; nothing is taken for podman's that has not said so in GET /version (backends/engine_http.h, engine_flavour).
 *
 * Endpoint "podman" or "podman:<address>". The driver is docker's; what podman shows in other words is put into Docker's
 * (podman_inspection), what it answers in other words is told by engine_status_err, and what it cannot do is refused before
 * anything is sent (podman_check): the table below says which is which, for every field of spec/engine_fields.h.
 *
 * Limits are not changed in place: podman 4.3 has no POST /containers/ID/update (its own one changes the limit, and goes on
 * showing the old). They recreate. */
#ifndef RECONCLAW_BACKENDS_DOCKER_PODMAN_H
#define RECONCLAW_BACKENDS_DOCKER_PODMAN_H

#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/world.h"

enum podman_how {
    PODMAN_SEEN,    /* made as asked, shown, and a change is drift */
    PODMAN_BLIND,   /* made as asked, and not shown: taken for what is wanted */
    PODMAN_PARTLY,  /* as seen, but for what the note says, which is refused */
    PODMAN_REFUSED, /* podman would leave it out without a word, or fail */
    PODMAN_HOW_COUNT
};
extern const char *const podman_how_words[PODMAN_HOW_COUNT]; /* "yes" "not shown" "partly" "no" */

/* One row per field, under the name that a Sandbox has for it (OpenClaw's is the same behind "docker."); one that ends in "[" or
 * "." stands for all that begin so. backends/PODMAN.md prints it. */
struct podman_field {
    const char *name;
    enum podman_how how;
    const char *note; /* what is different from docker, or "" */
};
extern const struct podman_field podman_fields[];
extern const size_t n_podman_fields;

/* Whether podman can make this body; ERR_CONFIG with the first key that it cannot. fields: what the body means, whose classes
 * are set to what a change costs here. */
int podman_check(struct arena *a, const struct node *body, struct fields *fields, struct err *e);

/* HostConfig.UsernsMode of a container that a rootless service makes: the user inside is who runs the service, so that the files
 * of a workspace stay its owner's (OpenClaw 2026.9 does the same by --userns). NULL where that needs nothing: root inside is the
 * service's user anyway, and what the body says itself stays. */
const char *podman_userns(struct arena *a, const struct node *body);

/* The reply of GET /containers/ID/json in Docker's words: defaults that podman writes out are taken out again, unless `want`
 * (the body it is compared with, or NULL) asks for them. What needs no change is shared with item. */
const struct node *podman_inspection(struct arena *a, const struct node *item, const struct node *want);

#endif
