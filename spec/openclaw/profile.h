/* profile: in what the lines of OpenClaw differ, as far as sandboxes depend on it. The one table of it: what is not here holds
 * for all lines, and no rule is written twice.
 *
 *     oc_profiles[OC_LINE_2026_5]      2026.5.3: sharded registry, agents.list, names by agent
 *     oc_profiles[OC_LINE_2026_9]      2026.9.6: SQLite registry, agents.entries, names by agent and workspace */
#ifndef RECONCLAW_SPEC_OPENCLAW_PROFILE_H
#define RECONCLAW_SPEC_OPENCLAW_PROFILE_H

#include <stdbool.h>

enum oc_line { OC_LINE_2026_5, OC_LINE_2026_9, OC_LINE_COUNT };

struct oc_profile {
    enum oc_line line;
    const char *name;    /* "2026.5": what people write and read */
    const char *release; /* the one that the rules were taken from, and that tests run */

    /* Agents and sessions. */
    bool keyed_roster;        /* agents.entries, an object by id; agents.list is its older form */
    bool has_default_agent;   /* the marked agent or the first is everybody's; false: only one that is alone, or marked */
    bool strict_session_keys; /* "agent:<id>:<rest>" to the letter; false: runs of colons count as one */

    /* Names. */
    bool scope_by_workspace; /* scope keys other than "shared" end in ":workspace:" and a hash of the agent's workspace */
    bool bounded_names;      /* a name too long ends in 12 digits of its hash; false: it is cut off, and two may be one */
};

extern const struct oc_profile oc_profiles[OC_LINE_COUNT];

/* By its name; NULL: no such line. */
const struct oc_profile *oc_profile_find(const char *name);

#endif
