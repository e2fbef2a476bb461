#include "spec/openclaw/tools.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/openclaw/names.h"

#include <string.h>

/* --- the catalogue of this release ------------------------------------------------------------------------------------------ */

static const struct {
    const char *tool, *group;
    bool in_openclaw; /* of group:openclaw too */
} catalogue[] = {
    {"read", "group:fs", false},
    {"write", "group:fs", false},
    {"edit", "group:fs", false},
    {"apply_patch", "group:fs", false},
    {"exec", "group:runtime", false},
    {"process", "group:runtime", false},
    {"code_execution", "group:runtime", true},
    {"web_search", "group:web", true},
    {"web_fetch", "group:web", true},
    {"x_search", "group:web", true},
    {"memory_search", "group:memory", true},
    {"memory_get", "group:memory", true},
    {"sessions_list", "group:sessions", true},
    {"sessions_history", "group:sessions", true},
    {"sessions_send", "group:sessions", true},
    {"sessions_spawn", "group:sessions", true},
    {"sessions_yield", "group:sessions", true},
    {"subagents", "group:sessions", true},
    {"session_status", "group:sessions", true},
    {"browser", "group:ui", true},
    {"canvas", "group:ui", true},
    {"message", "group:messaging", true},
    {"heartbeat_respond", "group:automation", true},
    {"cron", "group:automation", true},
    {"gateway", "group:automation", true},
    {"nodes", "group:nodes", true},
    {"agents_list", "group:agents", true},
    {"update_plan", "group:agents", true},
    {"image", "group:media", true},
    {"image_generate", "group:media", true},
    {"music_generate", "group:media", true},
    {"video_generate", "group:media", true},
    {"tts", "group:media", true},
};

static const char *const default_allow[] = {
    "exec",          "process",          "read",          "write",          "edit",           "apply_patch", "image",
    "sessions_list", "sessions_history", "sessions_send", "sessions_spawn", "sessions_yield", "subagents",   "session_status",
};

static const char *const default_deny[] = {"browser", "canvas", "nodes", "cron", "gateway"};

/* Channels in the order of OpenClaw's catalogue; by default a sandbox has none of their tools. */
static const char *const channels[] = {
    "feishu",      "wecom", "googlechat", "nostr",   "msteams",  "mattermost",    "nextcloud-talk", "matrix",
    "bluebubbles", "line",  "zalo",       "yuanbao", "zalouser", "synology-chat", "tlon",           "discord",
    "imessage",    "irc",   "qqbot",      "signal",  "slack",    "telegram",      "twitch",         "whatsapp",
};

/* OpenClaw's own chat window: a channel without a plugin, so without tools to deny. */
static const char webchat[] = "webchat";

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- lists of names --------------------------------------------------------------------------------------------------------- */

static const char *tool_name(struct arena *a, const char *s)
{
    const char *name = js_lower(a, js_trim(a, s));

    if (strcmp(name, "bash") == 0)
        return "exec";
    if (strcmp(name, "apply-patch") == 0)
        return "apply_patch";
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
static void expand(struct arena *a, struct names *n, const char *entry, const struct node *from)
{
    const char *name = tool_name(a, entry);
    bool found = false;

    if (!*name)
        return;
    for (size_t i = 0; text_has_prefix(name, "group:") && i < N_OF(catalogue); i++)
        if (strcmp(name, catalogue[i].group) == 0 || (catalogue[i].in_openclaw && strcmp(name, "group:openclaw") == 0)) {
            add(a, n, catalogue[i].tool, from);
            found = true;
        }
    if (!found)
        add(a, n, name, from);
}

static void expand_list(struct arena *a, struct names *n, const struct node *list)
{
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++)
        if (node_str(list->items[i]))
            expand(a, n, list->items[i]->s, list->items[i]);
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
static const struct node *pick(struct arena *a, const struct node *agent, const struct node *global, const char *name,
                               struct oc_tools_source *ret)
{
    const struct node *of_agent = node_get(agent, name), *of_all = node_get(global, name);
    const struct node *n = node_is(of_agent, NODE_ARRAY) ? of_agent : node_is(of_all, NODE_ARRAY) ? of_all : NULL;

    *ret = (struct oc_tools_source){.key = arena_printf(a, "tools.sandbox.tools.%s", name)};
    if (n) {
        ret->level = n == of_agent ? OC_TOOLS_AGENT : OC_TOOLS_GLOBAL;
        ret->pos = n->pos;
    }
    if (ret->level == OC_TOOLS_AGENT)
        ret->key = arena_printf(a, "agents.list[].tools.sandbox.tools.%s", name);
    return n;
}

/* An explicit allow of something that is denied only by default lifts that default. */
static struct node *deny_by_default(struct arena *a, const struct node *allow, const struct node *also)
{
    struct names patterns = names_new(a), deny = names_new(a);

    expand_list(a, &patterns, allow);
    expand_list(a, &patterns, also);
    for (size_t i = 0; i < N_OF(default_deny); i++)
        if (!any_match(patterns.list, default_deny[i]))
            add(a, &deny, default_deny[i], NULL);
    for (size_t i = 0; i < N_OF(channels); i++)
        if (!any_match(patterns.list, channels[i]))
            add(a, &deny, channels[i], NULL);
    return deny.list;
}

struct oc_tools oc_tools_resolve(struct arena *a, const struct node *config, const char *agent_id)
{
    return oc_tools_of_entry(a, config, agent_id && *agent_id ? oc_agent_entry(a, config, oc_agent_id(a, agent_id)) : NULL);
}

struct oc_tools oc_tools_of_entry(struct arena *a, const struct node *config, const struct node *entry)
{
    const struct node *agent = node_path(entry, "tools", "sandbox", "tools", NULL);
    const struct node *global = node_path(config, "tools", "sandbox", "tools", NULL);
    struct oc_tools t;
    struct oc_tools_source also_source;
    const struct node *allow = pick(a, agent, global, "allow", &t.allow_source);
    const struct node *also = pick(a, agent, global, "alsoAllow", &also_source);
    const struct node *deny = pick(a, agent, global, "deny", &t.deny_source);
    struct names n = names_new(a), denied = names_new(a);

    if (!allow)
        for (size_t i = 0; i < N_OF(default_allow); i++)
            add(a, &n, default_allow[i], NULL);
    expand_list(a, &n, allow);
    /* An empty allow list allows everything: nothing to add. */
    if (!allow || allow->n_items > 0)
        expand_list(a, &n, also);
    expand_list(a, &denied, deny);
    t.deny = deny ? denied.list : deny_by_default(a, allow, also);
    if (n.list->n_items > 0 && !list_has(t.deny, "image"))
        add(a, &n, "image", NULL);
    t.allow = n.list;
    if (also_source.level > t.allow_source.level)
        t.allow_source = also_source;
    return t;
}

bool oc_tools_allow(struct arena *a, const struct oc_tools *t, const char *tool)
{
    const char *name = tool_name(a, tool);

    return !any_match(t->deny, name) && (t->allow->n_items == 0 || any_match(t->allow, name));
}

/* --- elevated --------------------------------------------------------------------------------------------------------------- */

const char *oc_channel_of(struct arena *a, const char *session_key)
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
    if (n < 3 || strcmp(part[0], "agent") != 0 || js_is_blank(part[1]))
        return NULL;
    part[2] = js_trim(a, part[2]);
    if (strcmp(part[2], webchat) == 0)
        return webchat;
    for (size_t i = 0; i < N_OF(channels); i++)
        if (strcmp(part[2], channels[i]) == 0)
            return channels[i];
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

struct oc_elevated oc_elevated_resolve(struct arena *a, const struct node *config, const char *agent_id, const char *channel)
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
        fail(&e, "enabled", "agents.list[].tools.elevated.enabled");
    if (!channel)
        return e;
    e.allow_global = tokens(a, global, channel);
    if (asks_agent)
        e.allow_agent = tokens(a, agent, channel);
    if (e.allow_global->n_items == 0)
        fail(&e, "allowFrom", arena_printf(a, "tools.elevated.allowFrom.%s", channel));
    if (asks_agent && e.allow_agent->n_items == 0)
        fail(&e, "allowFrom", arena_printf(a, "agents.list[].tools.elevated.allowFrom.%s", channel));
    e.allowed = e.n_failures == 0;
    e.always_allowed = e.allowed && list_has(e.allow_global, "*") && (!asks_agent || list_has(e.allow_agent, "*"));
    return e;
}

struct node *oc_keys_to_fix(struct arena *a, const char *mode, const char *channel)
{
    static const char *const keys[] = {
        "tools.sandbox.tools.allow",
        "tools.sandbox.tools.alsoAllow",
        "tools.sandbox.tools.deny",
        "agents.list[].tools.sandbox.tools.allow",
        "agents.list[].tools.sandbox.tools.alsoAllow",
        "agents.list[].tools.sandbox.tools.deny",
        "tools.elevated.enabled",
    };
    struct node *out = node_array(a);

    if (strcmp(mode, "off") != 0) {
        node_push(a, out, node_string(a, "agents.defaults.sandbox.mode=off"));
        node_push(a, out, node_string(a, "agents.list[].sandbox.mode=off"));
    }
    for (size_t i = 0; i < N_OF(keys); i++)
        node_push(a, out, node_string(a, keys[i]));
    if (channel)
        node_push(a, out, node_printf(a, "tools.elevated.allowFrom.%s", channel));
    return out;
}
