#include "spec/openclaw/tools.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/openclaw/names.h"
#include "spec/openclaw/tools_table.h"

#include <string.h>

/* OpenClaw's own chat window: a channel without a plugin, so without tools to deny. */
static const char webchat[] = "webchat";

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- lists of names --------------------------------------------------------------------------------------------------------- */

static const char *tool_name(struct arena *a, const struct oc_tool_set *set, const char *s)
{
    const char *name = js_lower(a, js_trim(a, s));

    for (const struct oc_tool_alias *alias = set->aliases; alias->from; alias++)
        if (strcmp(name, alias->from) == 0)
            return alias->to;
    return name;
}

static bool list_has(const struct node *list, const char *s)
{
    for (size_t i = 0; i < list->n_items; i++)
        if (strcmp(list->items[i]->s, s) == 0)
            return true;
    return false;
}

/* A list in which each name stands once. Short ones, as nearly all are, are simply looked through. */
enum { SHORT_LIST = 48 };
struct names {
    struct node *list, *seen; /* seen: of a long list, else NULL */
};

static bool has(struct arena *a, struct names *n, const char *s)
{
    if (n->list->n_items <= SHORT_LIST)
        return list_has(n->list, s);
    if (!n->seen) {
        n->seen = node_object(a);
        for (size_t i = 0; i < n->list->n_items; i++)
            node_set(a, n->seen, n->list->items[i]->s, n->list->items[i]);
    }
    return node_get(n->seen, s) != NULL;
}

static void add(struct arena *a, struct names *n, const char *s, const struct node *from)
{
    struct node *item;

    if (has(a, n, s))
        return;
    item = node_string(a, s);
    if (from) {
        item->pos = from->pos;
        item->secret = from->secret;
    }
    node_push(a, n->list, item);
    if (n->seen)
        node_set(a, n->seen, s, item);
}

/* Adds what one entry stands for: a tool, a glob, or the tools of a group. */
static void expand(struct arena *a, const struct oc_tool_set *set, struct names *n, const char *entry, const struct node *from)
{
    const char *name = tool_name(a, set, entry);
    bool found = false;

    if (!*name)
        return;
    for (size_t i = 0; text_has_prefix(name, "group:") && i < set->n_catalogue; i++)
        if (strcmp(name, set->catalogue[i].group) == 0 ||
            (set->catalogue[i].in_openclaw && strcmp(name, "group:openclaw") == 0)) {
            add(a, n, set->catalogue[i].tool, from);
            found = true;
        }
    if (!found)
        add(a, n, name, from);
}

static void expand_list(struct arena *a, const struct oc_tool_set *set, struct names *n, const struct node *list)
{
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++)
        if (node_str(list->items[i]))
            expand(a, set, n, list->items[i]->s, list->items[i]);
}

static struct names names_new(struct arena *a)
{
    return (struct names){node_array(a), NULL};
}

/* "*" stands for any run of characters, all else for itself. */
static bool glob_match(const char *glob, const char *s)
{
    const char *star = NULL, *back = s;

    while (*s) {
        if (*glob == '*') {
            star = glob++;
            back = s;
        } else if (*glob == *s) {
            glob++;
            s++;
        } else if (star) {
            glob = star + 1;
            s = ++back;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return !*glob;
}

static bool any_match(const struct node *globs, const char *tool)
{
    for (size_t i = 0; i < globs->n_items; i++)
        if (glob_match(globs->items[i]->s, tool))
            return true;
    return false;
}

/* --- the sandbox tool policy ------------------------------------------------------------------------------------------------ */

static const char *const level_names[OC_TOOLS_LEVEL_COUNT] = {"default", "global", "agent"};

const char *oc_tools_level_name(enum oc_tools_level level)
{
    return level_names[level];
}

/* One list as configured: the agent's, else the global one, else NULL with the level of a default. */
static const struct node *pick(struct arena *a, const struct oc_tool_set *set, const struct node *agent,
                               const struct node *global, const char *name, struct oc_tools_source *ret)
{
    const struct node *of_agent = node_get(agent, name), *of_all = node_get(global, name);
    const struct node *n = node_is(of_agent, NODE_ARRAY) ? of_agent : node_is(of_all, NODE_ARRAY) ? of_all : NULL;

    *ret = (struct oc_tools_source){.key = arena_printf(a, "tools.sandbox.tools.%s", name)};
    if (n) {
        ret->level = n == of_agent ? OC_TOOLS_AGENT : OC_TOOLS_GLOBAL;
        ret->pos = n->pos;
    }
    if (ret->level == OC_TOOLS_AGENT)
        ret->key = arena_printf(a, "%s.tools.sandbox.tools.%s", set->entry_key, name);
    return n;
}

/* An explicit allow of something that is denied only by default lifts that default. */
static struct node *deny_by_default(struct arena *a, const struct oc_tool_set *set, const struct node *allow,
                                    const struct node *also)
{
    struct names patterns = names_new(a), deny = names_new(a);
    const char *const *lists[] = {set->deny, set->channels};

    expand_list(a, set, &patterns, allow);
    expand_list(a, set, &patterns, also);
    for (size_t l = 0; l < N_OF(lists); l++)
        for (const char *const *tool = lists[l]; *tool; tool++)
            if (!any_match(patterns.list, *tool))
                add(a, &deny, *tool, NULL);
    return deny.list;
}

struct oc_tools oc_tools_resolve(struct arena *a, const struct oc_profile *line, const struct node *config, const char *agent_id)
{
    return oc_tools_of_entry(a, line, config, agent_id && *agent_id ? oc_agent_entry(a, config, oc_agent_id(a, agent_id)) : NULL);
}

struct oc_tools oc_tools_of_entry(struct arena *a, const struct oc_profile *line, const struct node *config,
                                  const struct node *entry)
{
    const struct oc_tool_set *set = line->tools;
    const struct node *agent = node_path(entry, "tools", "sandbox", "tools", NULL);
    const struct node *global = node_path(config, "tools", "sandbox", "tools", NULL);
    struct oc_tools t;
    struct oc_tools_source also_source;
    const struct node *allow = pick(a, set, agent, global, "allow", &t.allow_source);
    const struct node *also = pick(a, set, agent, global, "alsoAllow", &also_source);
    const struct node *deny = pick(a, set, agent, global, "deny", &t.deny_source);
    struct names n = names_new(a), denied = names_new(a);

    if (!allow)
        for (const char *const *tool = set->allow; *tool; tool++)
            add(a, &n, *tool, NULL);
    expand_list(a, set, &n, allow);
    /* An empty allow list allows everything: nothing to add. */
    if (!allow || allow->n_items > 0)
        expand_list(a, set, &n, also);
    expand_list(a, set, &denied, deny);
    t.deny = deny ? denied.list : deny_by_default(a, set, allow, also);
    if (set->old_image && any_match(t.deny, set->old_image) && !any_match(t.deny, set->image))
        node_push(a, t.deny, node_string(a, set->image));
    if (n.list->n_items > 0 && !list_has(t.deny, set->image))
        add(a, &n, set->image, NULL);
    t.allow = n.list;
    if (also_source.level > t.allow_source.level)
        t.allow_source = also_source;
    return t;
}

bool oc_tools_allow(struct arena *a, const struct oc_profile *line, const struct oc_tools *t, const char *tool)
{
    const char *name = tool_name(a, line->tools, tool);

    return !any_match(t->deny, name) && (t->allow->n_items == 0 || any_match(t->allow, name));
}

/* --- elevated --------------------------------------------------------------------------------------------------------------- */

const char *oc_channel_of(struct arena *a, const struct oc_profile *line, const char *session_key)
{
    char *key = js_lower(a, js_trim(a, session_key)), *p = key;
    const char *part[3] = {NULL, NULL, NULL};
    size_t n = 0;

    while (*p && n < 3) {
        size_t len = strcspn(p, ":");

        if (len > 0)
            part[n++] = arena_memdup0(a, p, len);
        p += len + (p[len] == ':');
    }
    if (n < 3 || strcmp(part[0], "agent") != 0 || js_is_blank(part[1]) ||
        (line->strict_session_keys && !oc_session_key_agent(a, line, session_key)))
        return NULL;
    part[2] = js_trim(a, part[2]);
    if (strcmp(part[2], webchat) == 0)
        return webchat;
    for (const char *const *channel = line->tools->channels; *channel; channel++)
        if (strcmp(part[2], *channel) == 0)
            return *channel;
    return NULL;
}

/* The tokens of one channel's list; numbers as JavaScript prints them. */
static struct node *tokens(struct arena *a, const struct node *elevated, const char *channel)
{
    const struct node *list = node_get(node_get(elevated, "allowFrom"), channel);
    struct node *out = node_array(a);
    char number[JS_NUMBER_MAX];

    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
        const struct node *n = list->items[i];

        if (n->kind == NODE_NUMBER)
            node_push(a, out, node_string(a, js_number(n->num, number)));
        else if (n->kind == NODE_STRING && !js_is_blank(n->s))
            node_push(a, out, node_string(a, js_trim(a, n->s)));
    }
    return out;
}

static bool is_false(const struct node *n)
{
    return node_is(n, NODE_BOOL) && !n->b;
}

static void fail(struct oc_elevated *e, const char *gate, const char *key)
{
    e->failures[e->n_failures++] = (struct oc_gate){gate, key};
}

struct oc_elevated oc_elevated_resolve(struct arena *a, const struct oc_profile *line, const struct node *config,
                                       const char *agent_id, const char *channel)
{
    const struct node *entry = agent_id ? oc_agent_entry(a, config, oc_agent_id(a, agent_id)) : NULL;
    const struct node *global = node_path(config, "tools", "elevated", NULL);
    const struct node *agent = node_path(entry, "tools", "elevated", NULL);
    bool asks_agent = node_is(node_get(agent, "allowFrom"), NODE_OBJECT);
    struct oc_elevated e = {.channel = channel};

    e.enabled = !is_false(node_get(global, "enabled")) && !is_false(node_get(agent, "enabled"));
    if (is_false(node_get(global, "enabled")))
        fail(&e, "enabled", "tools.elevated.enabled");
    if (is_false(node_get(agent, "enabled")))
        fail(&e, "enabled", arena_printf(a, "%s.tools.elevated.enabled", line->tools->entry_key));
    if (!channel)
        return e;
    e.allow_global = tokens(a, global, channel);
    if (asks_agent)
        e.allow_agent = tokens(a, agent, channel);
    if (e.allow_global->n_items == 0)
        fail(&e, "allowFrom", arena_printf(a, "tools.elevated.allowFrom.%s", channel));
    if (asks_agent && e.allow_agent->n_items == 0)
        fail(&e, "allowFrom", arena_printf(a, "%s.tools.elevated.allowFrom.%s", line->tools->entry_key, channel));
    e.allowed = e.n_failures == 0;
    e.always_allowed = e.allowed && list_has(e.allow_global, "*") && (!asks_agent || list_has(e.allow_agent, "*"));
    return e;
}

struct node *oc_keys_to_fix(struct arena *a, const struct oc_profile *line, const char *mode, const char *channel)
{
    static const char *const keys[] = {"allow", "alsoAllow", "deny"};
    const char *entry = line->tools->entry_key;
    struct node *out = node_array(a);

    if (strcmp(mode, "off") != 0) {
        node_push(a, out, node_string(a, "agents.defaults.sandbox.mode=off"));
        node_push(a, out, node_printf(a, "%s.sandbox.mode=off", entry));
    }
    for (size_t i = 0; i < N_OF(keys); i++)
        node_push(a, out, node_printf(a, "tools.sandbox.tools.%s", keys[i]));
    for (size_t i = 0; i < N_OF(keys); i++)
        node_push(a, out, node_printf(a, "%s.tools.sandbox.tools.%s", entry, keys[i]));
    node_push(a, out, node_string(a, "tools.elevated.enabled"));
    if (channel)
        node_push(a, out, node_printf(a, "tools.elevated.allowFrom.%s", channel));
    return out;
}
