#include "reconciler/podman.h"

#include "reconciler/local_fs.h"
#include "spec/openclaw/expand.h"

bool podman_is_of(const struct host *host, const char *state_dir)
{
    struct fs_stat st = {0};
    struct err e = {0};

    return host_env(host, "CONTAINER_HOST") ||
           (local_fs.stat(local_fs.ctx, state_dir, true, &st, &e) == 0 && st.uid == host->uid);
}

int podman_ask(const struct endpoint_opener *o, int timeout_ms, const atomic_bool *cancel, struct oc_podman *ret, struct err *e)
{
    const struct call call = {.timeout_ms = timeout_ms, .cancel = cancel};
    __attribute__((cleanup(endpoint_closep))) struct backend *b = NULL;
    struct backend_info info = {0};

    if (endpoint_open(o, OC_PODMAN_ENDPOINT, &b, e) < 0 || b->ops->probe(b, &call, &info, e) < 0)
        return -1;
    *ret = (struct oc_podman){.rootless = info.rootless, .major = info.major, .minor = info.minor};
    return 0;
}
