#include "spec/openclaw/profile.h"

#include "spec/openclaw/keys_table.h"
#include "spec/openclaw/tools_table.h"

#include <stddef.h>
#include <string.h>

const struct oc_profile oc_profiles[OC_LINE_COUNT] = {
    [OC_LINE_2026_5] =
        {
            .line = OC_LINE_2026_5,
            .name = "2026.5",
            .release = "2026.5.3",
            .keys = &oc_keys_2026_5,
            .sandbox_keys = &oc_sandbox_2026_5,
            .tools = &oc_tools_2026_5,
            .has_default_agent = true,
            .mount_format_version = 2,
            .browser_epoch = "2026-04-05-cdp-source-range",
            .no_vnc_key = "enableNoVnc",
        },
    [OC_LINE_2026_9] =
        {
            .line = OC_LINE_2026_9,
            .name = "2026.9",
            .release = "2026.9.6",
            .registry = OC_REGISTRY_SQLITE,
            .database_schema = 18,
            .keys = &oc_keys_2026_9,
            .sandbox_keys = &oc_sandbox_2026_9,
            .tools = &oc_tools_2026_9,
            .strict_env_block = true,
            .max_timer_ms = 2147000000,
            .tells_tmpfs_source = true,
            .keyed_roster = true,
            .strict_session_keys = true,
            .scope_by_workspace = true,
            .workspace_in_state = true,
            .bounded_names = true,
            .has_podman = true,
            .mount_format_version = 4,
            .create_args_epoch = "2026-08-25-container-env-file",
            .env_policy_epoch = "explicit-config-env-v1",
            .browser_epoch = "2026-05-12-cdp-relay-auth",
            .browser_image_contract = "2026-05-12-cdp-relay-auth",
            .no_vnc_key = "noVncEnabled",
            .runs_init = true,
            .plans_mounts = true,
            .private_writable = true,
            .env_by_file = true,
            .takes_binds_as_written = true,
            .browser_has_token = true,
            .strict_ssh_targets = true,
            .short_shell_names = true,
        },
};

const struct oc_profile *oc_profile_find(const char *name)
{
    for (int i = 0; i < OC_LINE_COUNT; i++)
        if (strcmp(oc_profiles[i].name, name) == 0)
            return &oc_profiles[i];
    return NULL;
}

const struct oc_profile *oc_profile_of_browser(const char *epoch)
{
    for (int i = 0; epoch != NULL && i < OC_LINE_COUNT; i++)
        if (strcmp(oc_profiles[i].browser_epoch, epoch) == 0)
            return &oc_profiles[i];
    return NULL;
}
