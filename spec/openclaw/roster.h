/* roster: the agents of a config in the one form that all else reads, agents.list. 2026.9 writes them by id, as agents.entries.
 *
 *     config = oc_roster(a, root)            once, at oc_normalise(); agents.entries stays beside what is made of it
 *     oc_roster_key(a, config, i)            where the i-th agent was written: "agents.list[1]" "agents.entries.work" */
#ifndef RECONCLAW_SPEC_OPENCLAW_ROSTER_H
#define RECONCLAW_SPEC_OPENCLAW_ROSTER_H

#include "spec/node.h"

#include <stddef.h>

/* root itself where the agents are not keyed; else a copy of it, as deep as the list: each item is the agent's own members and
 * its key as `id`, in the order of the keys. An agent that is no object is left out. root is not changed. */
struct node *oc_roster(struct arena *a, struct node *root);

/* Of agents.list[i], for messages. */
const char *oc_roster_key(struct arena *a, const struct node *config, size_t i);
/* The same of an entry in it; "agents.list" where it is none of the list's. */
const char *oc_roster_key_of(struct arena *a, const struct node *config, const struct node *entry);

#endif
