/* openshell: the rules of OpenClaw's plugin for backend "openshell", of either line: its config, names, and what it has the
 * openshell command do. Keys are judged by oc_validate() (spec/openclaw/keys), as far as OpenClaw judges them.
 *
 *     settings = oc_openshell_settings(a, config)        plugins.entries.openshell.config with its defaults, once per OpenClaw
 *     name = oc_openshell_name(a, line, scope_key)
 *     endpoint = oc_openshell_endpoint(a, settings)
 *     argv = oc_openshell_argv(a, settings, OC_OPENSHELL_GET, &(struct oc_openshell_call){.name = name})
 *
 * Everything returned is in the arena. */
#ifndef RECONCLAW_SPEC_OPENCLAW_OPENSHELL_H
#define RECONCLAW_SPEC_OPENCLAW_OPENSHELL_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>
#include <stddef.h>

/* config: the whole, valid. All of
 *
 *     {"mode": "mirror" or "remote", "command", "gateway", "gatewayEndpoint", "workspace", "from", "policy", "providers": [..],
 *      "gpu", "autoProviders", "remoteWorkspaceDir", "remoteAgentWorkspaceDir", "timeoutMs"}
 *
 * but gateway, gatewayEndpoint, workspace (2026.9) and policy where they are not set. In mode mirror the local workspace is the
 * canonical one, in mode remote that of the sandbox. */
struct node *oc_openshell_settings(struct arena *a, const struct node *config);
/* Of an object that a plugin's config, or one like it, is: NULL is {}. */
struct node *oc_openshell_defaults(struct arena *a, const struct node *plugin_config);

/* "openclaw-agent-main-25bffc4d"; of 2026.9 "oc-" and 16 characters. */
char *oc_openshell_name(struct arena *a, const struct oc_profile *line, const char *scope_key);
/* Of 2026.9: what an older plugin called it. Such a sandbox is used on if it is recorded and ready. NULL: there was no other. */
char *oc_openshell_old_name(struct arena *a, const struct oc_profile *line, const char *scope_key);

/* Which gateway: "openshell" for the active one, "openshell:lab", "openshell:https://lab.example", "openshell:lab@https://..",
 * each with "#" and the workspace behind where there is one. Names are unique within that. */
char *oc_openshell_endpoint(struct arena *a, const struct node *settings);

/* sandbox: a resolved one. ERR_CONFIG with a message that begins with the key, for what OpenClaw refuses when it is used. */
int oc_openshell_check(const struct node *sandbox, struct err *e);

enum oc_openshell_verb {
    OC_OPENSHELL_GET,
    OC_OPENSHELL_CREATE,
    OC_OPENSHELL_DELETE,
    OC_OPENSHELL_SSH_CONFIG,
    OC_OPENSHELL_UPLOAD,
    OC_OPENSHELL_DOWNLOAD,
    OC_OPENSHELL_VERB_COUNT
};

struct oc_openshell_call {
    const char *name;
    const char *from, *to;      /* of upload and download */
    const char *const *command; /* of create: its main process, NULL-terminated; NULL: none is named */
};

/* As OpenClaw runs it, without argv[0]; NULL-terminated. */
const char *const *oc_openshell_argv(struct arena *a, const struct node *settings, enum oc_openshell_verb verb,
                                     const struct oc_openshell_call *call);

#endif
