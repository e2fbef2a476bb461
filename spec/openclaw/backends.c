#include "spec/openclaw/backends.h"

#include "spec/base/text.h"

#include <string.h>

static const struct oc_backend backends[OC_BACKEND_COUNT] = {
    [OC_BACKEND_DOCKER] = {OC_BACKEND_DOCKER, "docker", true, true, "Image"},
    [OC_BACKEND_PODMAN] = {OC_BACKEND_PODMAN, "podman", true, false, "Image"},
    [OC_BACKEND_SSH] = {OC_BACKEND_SSH, "ssh", false, false, "Target"},
    [OC_BACKEND_OPENSHELL] = {OC_BACKEND_OPENSHELL, "openshell", false, false, "Source"},
};

static const struct oc_backend *find(const struct oc_profile *line, const char *s, size_t n)
{
    for (int i = 0; i < OC_BACKEND_COUNT; i++)
        if (strlen(backends[i].id) == n && memcmp(backends[i].id, s, n) == 0)
            return i == OC_BACKEND_PODMAN && !line->has_podman ? NULL : &backends[i];
    return NULL;
}

const struct oc_backend *oc_backend_find(const struct oc_profile *line, const char *id)
{
    return id ? find(line, id, strlen(id)) : NULL;
}

const struct oc_backend *oc_backend_of_endpoint(const struct oc_profile *line, const char *endpoint)
{
    return endpoint ? find(line, endpoint, strcspn(endpoint, ":")) : NULL;
}
