/* away: a runtime of OpenClaw's on another host: a directory there by ssh, or a sandbox of OpenShell.
 *
 * What is copied there at first is the local workspace and, where the access is not "none" and the two differ, the agent's.
 * OpenClaw lays those directories out, with its bootstrap files and copies of skills, at the first use of a scope; which skills
 * it copies, only its gateway knows. A copy that is made before that would be taken for the whole: OpenClaw does not look at what
 * is in it. So only what OpenClaw has laid out once may be copied beforehand, which its AGENTS.md tells. */
#ifndef RECONCLAW_SPEC_OPENCLAW_AWAY_H
#define RECONCLAW_SPEC_OPENCLAW_AWAY_H

#include "spec/openclaw/context.h"
#include "spec/world.h"

/* Fills in c->container of a context whose backend is remote: name, endpoint, label, create (spec/remote.h), config_hash,
 * only_copy and laid_out. ERR_CONFIG with a message that begins with the key for what OpenClaw refuses, and for a secret that
 * cannot be had. */
int oc_away_make(struct arena *a, const struct oc_instance *oc, struct oc_context *c, struct err *e);

/* Where a recorded runtime is, as far as its row tells: of ssh the target it was made at; of openshell nothing, so that it is
 * taken to be where it would be made now. NULL: it cannot be told. */
char *oc_away_endpoint(struct arena *a, const struct oc_instance *oc, const struct record *rec, const struct oc_backend *how);
/* Where a recorded runtime of ssh stands, of which only the target is known: at the root where it would be made today, `guessed`.
 * As record.backend_target; NULL: no guess. */
struct node *oc_away_guess(struct arena *a, const struct oc_instance *oc, const struct record *rec, const struct oc_context *c);
/* Whether what is there is the only copy, as far as the config tells. */
bool oc_away_holds_data(struct arena *a, const struct oc_instance *oc, const struct oc_backend *how);

#endif
