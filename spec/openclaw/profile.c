#include "spec/openclaw/profile.h"

#include <stddef.h>
#include <string.h>

const struct oc_profile oc_profiles[OC_LINE_COUNT] = {
    [OC_LINE_2026_5] = {.line = OC_LINE_2026_5, .name = "2026.5", .release = "2026.5.3", .has_default_agent = true},
    [OC_LINE_2026_9] = {.line = OC_LINE_2026_9,
                        .name = "2026.9",
                        .release = "2026.9.6",
                        .keyed_roster = true,
                        .strict_session_keys = true,
                        .scope_by_workspace = true,
                        .bounded_names = true},
};

const struct oc_profile *oc_profile_find(const char *name)
{
    for (int i = 0; i < OC_LINE_COUNT; i++)
        if (strcmp(oc_profiles[i].name, name) == 0)
            return &oc_profiles[i];
    return NULL;
}
