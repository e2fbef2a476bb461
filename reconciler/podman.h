/* podman: what the rules for OpenClaw's podman runtimes have to know of the service that stands for "podman", and whether that is
 * the podman of the OpenClaw in question at all. */
#ifndef RECONCLAW_RECONCILER_PODMAN_H
#define RECONCLAW_RECONCILER_PODMAN_H

#include "reconciler/endpoint.h"
#include "spec/base/err.h"
#include "spec/openclaw/podman.h"

#include <stdatomic.h>
#include <stdbool.h>

#define PODMAN_ASK_MS 5000 /* as OpenClaw 2026.9.6 waits for `podman info` */

/* "local" is the podman of the user whose OpenClaw it is. Ours is another one where we are another user, and what is not to be
 * seen there may well run: unless the owner says where the service is. */
bool podman_is_of(const struct host *host, const char *state_dir);

/* Whether it runs without root, and which version it is. One probe of the endpoint; an error where it does not answer, or is
 * none. cancel may be NULL. */
int podman_ask(const struct endpoint_opener *o, int timeout_ms, const atomic_bool *cancel, struct oc_podman *ret, struct err *e);

#endif
