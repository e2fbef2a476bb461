/* profile: in what the lines of OpenClaw differ, as far as sandboxes depend on it. The one table of it: what is not here holds
 * for all lines, and no rule is written twice.
 *
 *     oc_profiles[OC_LINE_2026_5]      2026.5.3: sharded registry, agents.list, names by agent
 *     oc_profiles[OC_LINE_2026_9]      2026.9.6: SQLite registry, agents.entries, names by agent and workspace */
#ifndef RECONCLAW_SPEC_OPENCLAW_PROFILE_H
#define RECONCLAW_SPEC_OPENCLAW_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

enum oc_line { OC_LINE_2026_5, OC_LINE_2026_9, OC_LINE_COUNT };
enum oc_registry { OC_REGISTRY_SHARDS, OC_REGISTRY_SQLITE };

struct schema_object; /* spec/schema.h */
struct oc_tool_set;   /* spec/openclaw/tools.h */

struct oc_profile {
    enum oc_line line;
    const char *name;    /* "2026.5": what people write and read */
    const char *release; /* the one that the rules were taken from, and that tests run */

    /* What is recorded. */
    enum oc_registry registry;
    int database_schema; /* user_version of its database; 0: it has none */

    /* The config. */
    const struct schema_object *keys, *sandbox_keys; /* of the whole, and of agents.*.sandbox: spec/openclaw/keys_table.h */
    const struct oc_tool_set *tools;                 /* catalogue and sandbox defaults: spec/openclaw/tools_table.h */
    bool strict_env_block;                           /* sets fewer variables: spec/openclaw/env.h */
    int64_t max_timer_ms;                            /* longer timeouts are cut to it; 0: none is */
    bool tells_tmpfs_source;                         /* the sandbox tells whether docker.tmpfs was written: dockerTmpfsSource */

    /* Agents and sessions. */
    bool keyed_roster;        /* agents.entries, an object by id; agents.list is its older form */
    bool has_default_agent;   /* the marked agent or the first is everybody's; false: only one that is alone, or marked */
    bool strict_session_keys; /* "agent:<id>:<rest>" to the letter; false: runs of colons count as one */

    /* Names. */
    bool scope_by_workspace; /* scope keys other than "shared" end in ":workspace:" and a hash of the agent's workspace */
    bool workspace_in_state; /* the default workspace is in the state directory if that is given, and in that of a profile */
    bool bounded_names;      /* a name too long ends in 12 digits of its hash; false: it is cut off, and two may be one */

    /* Engines. */
    bool has_podman; /* backend "podman" is OpenClaw's own: podman.h */

    /* What a container is created from and hashed by: hash.h, mounts.h, security.h, create.h. */
    int mount_format_version;           /* of the label and the hash */
    const char *create_args_epoch;      /* of the label and the hash; NULL: neither has it */
    const char *env_policy_epoch;       /* in the hash of who sets a variable that older releases kept out; NULL: never */
    const char *browser_epoch;          /* of a browser's label (browserConfigEpoch) and hash (securityEpoch) */
    const char *browser_image_contract; /* label of a browser's image (OC_BROWSER_CONTRACT_LABEL); NULL: any image does */
    const char *no_vnc_key;             /* of sandbox.browser */
    bool runs_init;                     /* containers get an init as their first process */
    bool plans_mounts;                  /* one mount per target, the last wins; skills are mounted; all of it is hashed */
    bool private_writable;              /* with workspaceAccess none the sandbox may write to its own workspace */
    bool env_by_file;            /* variables come in a file, sorted; false: by argv, those that look like credentials not */
    bool takes_binds_as_written; /* binds are not trimmed before they are judged, and must not cover a blocked path */
    bool browser_has_token;      /* CDP asks for a token; without a configured source range it is open to all who have it */

    /* Remote runtimes: ssh.h, openshell.h. */
    bool strict_ssh_targets; /* a port is a whole number up to 65535, and neither user nor host holds what ssh would choke on */
    bool short_shell_names;  /* OpenShell's sandboxes have names of 19 characters, as its newer releases want them */
};

extern const struct oc_profile oc_profiles[OC_LINE_COUNT];

/* By its name; NULL: no such line. */
const struct oc_profile *oc_profile_find(const char *name);
/* The one a browser of this epoch (its label browserConfigEpoch) was made by; NULL: none that is known. */
const struct oc_profile *oc_profile_of_browser(const char *epoch);

/* For who was given none: that of 2026.5. */
static inline const struct oc_profile *oc_line(const struct oc_profile *line)
{
    return line ? line : &oc_profiles[OC_LINE_2026_5];
}

#endif
