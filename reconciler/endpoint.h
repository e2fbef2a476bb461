/* endpoint: from an endpoint's name to a backend's handle, with what the environment says about it. */
#ifndef RECONCLAW_RECONCILER_ENDPOINT_H
#define RECONCLAW_RECONCILER_ENDPOINT_H

#include "backends/backend.h"
#include "reconciler/host.h"
#include "reconciler/reach.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/fs.h"

/* How handles of this process are opened: plain data, shared by threads that only read it. */
struct endpoint_opener {
    const struct host *host;
    const char *state_dir; /* our own state directory; NULL: not made yet */
    const char *install;   /* of our own records */
    struct reach *reach;   /* how other hosts are reached: they cannot be, without */
};

/* "docker" follows DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH as the docker client does; "docker:ADDRESS" does not
 * look at DOCKER_HOST. "podman" follows CONTAINER_HOST; without it, root's is /run/podman/podman.sock, another user's
 * $XDG_RUNTIME_DIR/podman/podman.sock (without that variable: /run/user/UID/...). "openshell" takes the command that is wanted or
 * recorded there, else the one that is first on PATH. ERR_UNSUPPORTED for a name that no backend of this version drives.
 * The caller closes the handle. */
int endpoint_open(const struct endpoint_opener *o, const char *endpoint, struct backend **ret, struct err *e);
/* Puts into d->create what its backend needs of the files of this machine: of openshell, the text of its policy. */
int endpoint_complete(struct arena *a, const struct fs *fs, struct desired *d, struct err *e);
/* Closes a handle; of another host it may be kept, with its session, for the next who opens it. b may be NULL. */
void endpoint_close(const struct endpoint_opener *o, struct backend *b);
/* Closes a handle for good, for cleanup attributes. */
void endpoint_closep(struct backend **b);

#endif
