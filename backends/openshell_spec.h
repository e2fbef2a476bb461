/* openshell_spec: what `create` of an OpenShell runtime means: its settings, its fields, and the argv that makes it.
 *
 * Members of the create node:
 *
 *     gateway, gatewayEndpoint, workspace
 *         must agree with the endpoint; need not be there
 *     from
 *         image, community name, or the absolute path of a Dockerfile or its directory; default "openclaw"
 *     policyText
 *         the YAML of the policy: what is compared and what is sent are the same bytes
 *     policy
 *         absolute path of the policy file. Without policyText it is handed to openshell, and only the path is compared
 *     providers, gpu, autoProviders
 *     mode
 *         "mirror" (default; OpenClaw copies both ways around each exec: nothing is seeded here) or "remote"
 *     remoteWorkspaceDir, remoteAgentWorkspaceDir
 *         below /sandbox or /agent
 *     dirs
 *         [{"name": "workspace", "local": absolute, "remote": absolute}]: what is seeded in mode remote. Without
 *         `remote`, "agent" goes to remoteAgentWorkspaceDir and another to remoteWorkspaceDir
 *     env
 *         of what runs there, from 0.0.59 on; no secrets, since they would be in an argv
 *     version
 *         the release of openshell where it is known beforehand: names are then checked for it
 *     command
 *         absolute, or a name to be found on PATH. The endpoint's option says which is run
 *     timeoutMs, seed
 *         not used here
 *
 * Fields: openshell.from, .gpu, .mode, .providers, .remoteWorkspaceDir, .remoteAgentWorkspaceDir, .setup (digest) and the static
 * parts of the policy (.policy.filesystem_policy, .landlock, .process) are recreated; each rule of the policy's dynamic part
 * (.policy.network_policies.<key>, .policy.network_middlewares) is patched; .autoProviders and .env.<NAME> are shown only. In
 * mode remote seed.state is "whole", or "empty" of a sandbox that has no manifest of ours and nothing in it: it was never seeded.
 */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_SPEC_H
#define RECONCLAW_BACKENDS_OPENSHELL_SPEC_H

#include "backends/openshell_reply.h"
#include "spec/world.h"

#define OPENSHELL_MAX_PROVIDERS 32 /* the gateway's */
#define OPENSHELL_MAX_DIRS      8

enum openshell_profile { OPENSHELL_0_0_36, OPENSHELL_0_0_37, OPENSHELL_0_0_88, OPENSHELL_0_0_111, OPENSHELL_PROFILE_COUNT };

/* What a release can do, and where it differs. */
struct openshell_traits {
    struct openshell_release since;
    bool bootstraps;   /* starts a gateway by itself unless told not to */
    bool labels;       /* --label and --selector */
    bool env;          /* --env */
    bool short_names;  /* DNS labels of at most 19 characters */
    bool main_process; /* the command of create is the main process: it has to stay, and needs --detach */
    bool stops;        /* sandbox stop and start */
};

/* The newest profile that is not newer than the release; NULL: older than all. */
const struct openshell_traits *openshell_traits_of(struct openshell_release r);
/* Releases behind this one were not seen: *remark says so. */
bool openshell_release_is_known(struct openshell_release r);

struct openshell_dir {
    const char *name, *local, *remote;
};

struct openshell_spec {
    const char *from, *policy_path, *policy_text, *mode, *workspace_dir, *agent_dir;
    const struct node *policy; /* of policy_text; NULL: none */
    const struct node *env;    /* object of strings, or NULL */
    const char *providers[OPENSHELL_MAX_PROVIDERS];
    size_t n_providers;
    bool gpu, auto_providers;
    struct openshell_dir dirs[OPENSHELL_MAX_DIRS];
    size_t n_dirs; /* 0 in mode mirror */
};

/* ERR_CONFIG; the message begins with the key. */
int openshell_spec_decode(struct arena *a, const struct node *create, struct openshell_spec *ret, struct err *e);
/* NULL, or why no sandbox can have this name under these rules. */
const char *openshell_name_flaw(const char *name, bool short_names);
/* Whether the name has the form that OpenClaw 2026.5.3 or 2026.9 gives: its sandboxes bear no other mark. */
bool openshell_name_is_openclaw(const char *name);

/* Of what is wanted. setup: its digest, or NULL. */
struct fields openshell_spec_fields(struct arena *a, const struct openshell_spec *s, const char *setup);
/* Of what was made from `s` and shows the policy `live` now (NULL: it was not read): what the gateway adds by itself is no
 * difference. */
struct fields openshell_spec_observed(struct arena *a, const struct openshell_spec *s, const char *setup, const struct node *live,
                                      enum openshell_phase phase);
/* The policy to set so that `live` becomes `wanted` in its dynamic part; the rest stays as it lives. As JSON, which is YAML. */
char *openshell_policy_patched(struct arena *a, const struct node *live, const struct node *wanted);

/* argv behind the global flags, NULL-terminated. policy_file: of the text, or NULL. labels: "k=v"... */
const char *const *openshell_create_argv(struct arena *a, const struct openshell_spec *s, const struct openshell_traits *t,
                                         const char *name, const char *policy_file, const char *const *labels, size_t n_labels);

#endif
