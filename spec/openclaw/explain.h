/* explain: where the files of a session are, on this machine and in its sandbox, in the words of `openclaw sandbox explain`.
 * Behind oc_context_...() (context.h); nothing is looked up but the directories of skills. */
#ifndef RECONCLAW_SPEC_OPENCLAW_EXPLAIN_H
#define RECONCLAW_SPEC_OPENCLAW_EXPLAIN_H

#include "spec/openclaw/context.h"

/* effectiveHostWorkspaceRoot, runtimeWorkdir, workspaceSource ("sandbox" "agent", or "direct" outside of any sandbox) and
 * workspaceMounts[{hostRoot containerRoot writable source}]: those that are there now, in the order they are mounted in. A
 * backend whose runtimes are no containers has no mounts, and a null for its directory. */
struct node *oc_explain_workspace(struct arena *a, const struct oc_instance *oc, const struct oc_context *c);

#endif
