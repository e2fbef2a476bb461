/* backends: what each sandbox.backend of OpenClaw means to us. The one table of it. */
#ifndef RECONCLAW_SPEC_OPENCLAW_BACKENDS_H
#define RECONCLAW_SPEC_OPENCLAW_BACKENDS_H

#include "spec/openclaw/profile.h"

#include <stdbool.h>

enum oc_backend_id { OC_BACKEND_DOCKER, OC_BACKEND_PODMAN, OC_BACKEND_SSH, OC_BACKEND_OPENSHELL, OC_BACKEND_COUNT };

struct oc_backend {
    enum oc_backend_id which;
    const char *id;         /* as it is recorded, and how its endpoints begin */
    bool has_container;     /* made from an Engine create body, and compared by OpenClaw's config hash; else remote: a workspace
                               on another host, compared by a label alone */
    bool has_browsers;      /* others refuse a session whose config enables one */
    const char *label_kind; /* of what is recorded as its image: "Image" "Target" "Source" */
};

/* id: in lower case, trimmed. NULL: the line does not know it, or it is not driven here. */
const struct oc_backend *oc_backend_find(const struct oc_profile *line, const char *id);
/* By the name of an endpoint: "ssh:u@h:22". */
const struct oc_backend *oc_backend_of_endpoint(const struct oc_profile *line, const char *endpoint);

#endif
