#include "backends/backend.h"

#include "backends/bubblewrap.h"
#include "backends/docker.h"
#include "backends/fake.h"
#include "backends/openshell.h"
#include "backends/replay.h"
#include "backends/ssh.h"
#include "backends/trace.h"

#include <string.h>

static const struct backend_ops *const backends[] = {
    &bubblewrap_ops, &docker_ops, &fake_ops, &openshell_ops, &podman_ops, &replay_ops, &ssh_ops, &trace_ops,
};

const struct backend_ops *const *backend_all(size_t *ret_n)
{
    *ret_n = sizeof backends / sizeof *backends;
    return backends;
}

const struct backend_ops *backend_find(const char *endpoint)
{
    size_t n = strcspn(endpoint, ":");

    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strlen(backends[i]->name) == n && memcmp(backends[i]->name, endpoint, n) == 0)
            return backends[i];
    return NULL;
}
