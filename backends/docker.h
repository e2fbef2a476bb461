/* docker: containers of one engine over the Engine API: OpenClaw's sandboxes and browsers, and `kind: Sandbox` objects. Endpoint
 * "docker", or "docker:<address>" with an address as in backends/engine_http.h. Podman's compatible API is spoken to in the same
 * way, with nothing taken for granted that only Docker promises.
 *
 * What `create` of a desired runtime is: a body of POST /containers/create (spec/kinds_desired.h, spec/openclaw/create.h). These
 * labels are put in here, over whatever the body has: reconclaw.install, reconclaw.owner and the names of secret variables
 * (reconclaw.secretEnv) on everything; the time of creation
 * as openclaw.createdAtMs, and as reconclaw.createdAtMs on a `kind: Sandbox`; reconclaw.configHash on a `kind: Sandbox`.
 *
 * What a failed create leaves behind: nothing, or a container under the wanted name that was never started (a later create goes
 * on with it), or one whose setup failed. Whether the setup of a container that runs went well, the engine cannot tell: the
 * caller's record has to. A setup that is cancelled or out of time is killed, as far as the container has sh and grep.
 *
 * A listing is one request, whatever runs there. Looked at one by one are only the runtimes of ours and OpenClaw's that the
 * memo does not prove to be as they were when they were last found equal to what is wanted. The memo is a proof by the engine's
 * own record of events: it names the last event seen, and as long as the engine still has that one, it has all that came after
 * (an engine that was restarted, or had too many events since, has it no more, and everything is looked at again). */
#ifndef RECONCLAW_BACKENDS_DOCKER_H
#define RECONCLAW_BACKENDS_DOCKER_H

#include "backends/backend.h"

extern const struct backend_ops docker_ops;

/* The same driver for endpoints that must be podman: "podman" or "podman:<address>". What podman cannot do is refused by check()
 * (backends/docker_podman.h). A "docker" endpoint where podman answers works as well, but for limits changed in place. */
#define PODMAN_DEFAULT_ADDRESS "unix:///run/podman/podman.sock"
extern const struct backend_ops podman_ops;

#endif
