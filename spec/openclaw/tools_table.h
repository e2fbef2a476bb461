/* tools_table: the tools that each line of OpenClaw knows, and what a sandbox may use of them by default. Through the profile:
 * oc_profile.tools. */
#ifndef RECONCLAW_SPEC_OPENCLAW_TOOLS_TABLE_H
#define RECONCLAW_SPEC_OPENCLAW_TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct oc_tool_set {
    const struct oc_tool {
        const char *tool, *group;
        bool in_openclaw; /* of group:openclaw too */
    } * catalogue;
    size_t n_catalogue;
    const struct oc_tool_alias {
        const char *from, *to;
    } * aliases;                 /* ended by a NULL */
    const char *const *allow;    /* where nothing is configured; ended by NULL */
    const char *const *deny;     /* where nothing is configured; ended by NULL */
    const char *const *channels; /* in the order of the catalogue; a sandbox has none of their tools by default */
    const char *image;           /* the tool that looks at pictures: allowed wherever it is not denied */
    const char *old_image;       /* its name before: who denies that, denies it; NULL: it had none */
    const char *entry_key;       /* an agent's entry, in messages: "agents.list[]" */
};

extern const struct oc_tool_set oc_tools_2026_5, oc_tools_2026_9;

#endif
