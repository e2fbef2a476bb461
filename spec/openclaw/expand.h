/* expand: what one `kind: OpenClaw` wants, and which of its recorded runtimes nobody wants any more.
 *
 * OpenClaw makes a runtime at the first use of its scope and lists sessions nowhere. So:
 *
 *   ensure: all       wants, beforehand, one runtime for each agent that is sandboxed: of scope "agent:<id>", of scope "shared"
 *                     (one for all of them), or, where scope is session, of the agent's main session if that is sandboxed
 *                     at all. They are exempt from the idle prune; at their maximum age they are made anew.
 *                     One whose config hash is not certain (context.h) is left to its first use: OpenClaw might make it anew.
 *   ensure: existing  and also `all`, wants what is recorded, or shown under a name and scope of ours, and is still meant to be:
 *
 *       its agent is configured, not off, and has the same scope (and, of 2026.9, workspace); its backend is the one that has
 *       it, docker or (of 2026.9) podman; its name is what the config gives today. A runtime of a session is wanted as long as
 * its agent is. A browser must be enabled and allowed by the tool policy besides.
 *
 * After an upgrade of OpenClaw to another line nothing goes by its old name any more: "superseded: OpenClaw 2026.9 names it ...".
 * A runtime that 2026.9 keeps for one person or session is left alone as long as its agent is there.
 *
 * Whatever else is recorded in this install by OpenClaw for docker or the local podman gets record.unwanted_because. This decides
 * what is deleted, so in doubt it is left alone, neither wanted nor unwanted: a record of another backend or install, one without
 * a scope key, one of an agent whose config has an error, or of backend podman while that podman is not known (oc->podman). What
 * is recorded on another podman stays there: nothing of its name is made on the local one. What is shown without a record is
 * wanted only if it certainly is of this install: by our label, or by OpenClaw's config hash (which holds this install's
 * directories). A config file that is not there is an empty config to OpenClaw; here nothing is unwanted because of it.
 *
 * Runtimes on other hosts (ssh, openshell) hold the only copy of what was done there. Where one is, our own record tells, else
 * for ssh the target in its row, at which it was made; whatever the config says now, it is there that it is looked for. If it is
 * wanted elsewhere now, it has moved (record.moved_to): not unwanted, and desired at its new place. ensure: all makes one
 * beforehand only where OpenClaw has laid out what it begins as a copy of (spec/openclaw/away.h). What an older OpenShell plugin
 * named is used on by OpenClaw, and left alone.
 *
 * A scope key that several agents may use ("shared"; in 2026.5 also "agent:main", which is also that of keys that name no agent,
 * under the default agent's config) is wanted if any of them wants it, and then in the form that it has, if that is right for one
 * of them; else in the first's. */
#ifndef RECONCLAW_SPEC_OPENCLAW_EXPAND_H
#define RECONCLAW_SPEC_OPENCLAW_EXPAND_H

#include "spec/diag.h"
#include "spec/kinds.h"
#include "spec/openclaw/context.h"
#include "spec/world.h"

#include <stddef.h>

#define OC_PODMAN_ENDPOINT "podman" /* of the user whose OpenClaw it is */

struct oc_expand {
    const struct openclaw_object *object;
    const struct oc_instance *oc;
    const char *install;  /* of its state directory */
    const char *endpoint; /* where OpenClaw's docker runtimes live: "docker"; podman's: OC_PODMAN_ENDPOINT */
    /* Whether a remote backend ("ssh", "openshell") is driven here; NULL: all are. */
    bool (*drives)(const char *backend);
    /* All that is recorded; of other installs and kinds, too. unwanted_because, dirs, moved_to, and of remote ones endpoint and
     * holds_data are written to. */
    struct record *records;
    size_t n_records;
    const struct observation *observations;
    size_t n_observations;
    struct leftover *leftovers; /* `lives` is written to, of this install's */
    size_t n_leftovers;
    bool with_dirs; /* private directories and their users are asked for even where nothing is unwanted */
};

struct oc_expansion {
    struct desired *v; /* `fields` is left to the backend's check() */
    size_t n;
    size_t n_foreign_backend; /* records of other backends: not driven by this version, and not touched */
    size_t n_unplaced;        /* records of remote runtimes that do not tell where those are: not touched either */
    size_t n_other_podman;    /* records on a podman that is not the local one: not touched either */
    /* Where something unwanted has a private directory (private.h), or with_dirs: every record of this install has its dirs,
     * these are the workspaces of all agents, and private directories are below these roots. */
    bool has_dirs;
    const struct dir_use *uses;
    size_t n_uses;
    const char *const *roots;
    size_t n_roots;
};

/* 0, or -1 where some agent's config has errors that only show when it is used (added to d): the other agents are expanded,
 * nothing of that agent is wanted or unwanted, and nothing of this install should be removed while it lasts. ret is set in both
 * cases. Warnings tell of agents that OpenClaw lets fight over one runtime. */
int oc_expand(struct arena *a, const struct oc_expand *in, struct oc_expansion *ret, struct diags *d);

/* Agents and contexts do not depend on records and observations: with a memo, a second expansion in the same arena, of the same
 * config in the same round, finds them. Errors are told each time. */
struct oc_memo *oc_memo_new(struct arena *a);

/* Whether some agent is sandboxed by podman: then oc->podman is asked for. It may be found out afterwards, with the same memo. */
bool oc_asks_podman(struct arena *a, const struct oc_instance *oc);

/* For `validate`: what would go wrong when the agents are used. Every agent that is not off is looked at in full, whether or not
 * it has a runtime. -1 after adding errors to d. */
int oc_check_agents(struct arena *a, const struct oc_instance *oc, struct diags *d);

#endif
