#include "spec/openclaw/keys_table.h"

#include "spec/base/path.h"
#include "spec/base/text.h"

#include <string.h>

#define STRINGS                                                                                                                  \
    {                                                                                                                            \
        SCHEMA_LIST, .item = &schema_string                                                                                      \
    }
#define OWN                                                                                                                      \
    "OpenClaw's own; not looked at here.",                                                                                       \
    {                                                                                                                            \
        SCHEMA_ANY                                                                                                               \
    }

static const struct schema_value *const string_or_number[] = {&schema_string, &schema_number, NULL};

/* --- tools ------------------------------------------------------------------------------------------------------------------ */

static const struct schema_field policy_fields[] = {
    {"allow", "Tools that are allowed; [] for all.", STRINGS},
    {"alsoAllow", "Tools allowed beside the default ones.", STRINGS},
    {"deny", "Tools that are denied.", STRINGS},
};

static void cross_policy(const struct schema_at *at)
{
    const struct node *allow = node_get(at->node, "allow"), *also = node_get(at->node, "alsoAllow");

    if (allow && also && allow->n_items > 0 && also->n_items > 0)
        schema_fail_in(at, "alsoAllow", "cannot stand beside a non-empty 'allow'; put both into one");
}

static const struct schema_object policy = {
    .name = "toolPolicy",
    .doc = "Tools of sandboxed sessions.",
    .fields = policy_fields,
    .n_fields = sizeof policy_fields / sizeof policy_fields[0],
    .cross = cross_policy,
};
static const struct schema_field tools_sandbox_fields[] = {
    {"tools", "Tools of sandboxed sessions.", {SCHEMA_OBJECT, .object = &policy}},
};
static const struct schema_object tools_sandbox =
    SCHEMA_OBJECT_OF("toolsSandbox", "Tools of sandboxed sessions.", tools_sandbox_fields);

static const struct schema_value sender = {SCHEMA_UNION, .any = string_or_number};
static const struct schema_value senders = {SCHEMA_LIST, .item = &sender};
static const struct schema_field elevated_fields[] = {
    {"enabled", "Elevated commands at all.", {SCHEMA_BOOL}},
    {"allowFrom", "Who may ask for them, by channel.", {SCHEMA_MAP, .item = &senders}},
};
static const struct schema_object elevated = SCHEMA_OBJECT_OF("elevated", "Commands outside the sandbox.", elevated_fields);

#define TOOLS_COMMON                                                                                                             \
    {"profile", OWN}, {"allow", OWN}, {"alsoAllow", OWN}, {"deny", OWN}, {"byProvider", OWN},                                    \
        {"elevated", "Commands outside the sandbox.", {SCHEMA_OBJECT, .object = &elevated}}, {"exec", OWN}, {"fs", OWN},         \
        {"loopDetection", OWN},                                                                                                  \
    {                                                                                                                            \
        "sandbox", "Tools of sandboxed sessions.",                                                                               \
        {                                                                                                                        \
            SCHEMA_OBJECT, .object = &tools_sandbox                                                                              \
        }                                                                                                                        \
    }
static const struct schema_field agent_tools_fields_2026_5[] = {TOOLS_COMMON};
static const struct schema_field agent_tools_fields_2026_9[] = {
    TOOLS_COMMON, {"toolsBySender", OWN}, {"codeMode", OWN}, {"swarm", OWN}, {"github", OWN}, {"message", OWN},
};
static const struct schema_object agent_tools_2026_5 =
    SCHEMA_OBJECT_OF("agentTools", "Tools of one agent.", agent_tools_fields_2026_5);
static const struct schema_object agent_tools_2026_9 =
    SCHEMA_OBJECT_OF("agentTools", "Tools of one agent.", agent_tools_fields_2026_9);
static const struct schema_field tools_fields_2026_5[] = {
    TOOLS_COMMON,     {"web", OWN},          {"media", OWN},     {"links", OWN},          {"sessions", OWN},
    {"message", OWN}, {"agentToAgent", OWN}, {"subagents", OWN}, {"sessions_spawn", OWN}, {"experimental", OWN},
};
static const struct schema_field tools_fields_2026_9[] = {
    TOOLS_COMMON,     {"toolsBySender", OWN}, {"web", OWN},        {"github", OWN},         {"media", OWN},
    {"links", OWN},   {"sessions", OWN},      {"toolSearch", OWN}, {"codeMode", OWN},       {"swarm", OWN},
    {"message", OWN}, {"agentToAgent", OWN},  {"subagents", OWN},  {"sessions_spawn", OWN}, {"updatePlan", OWN},
};
static const struct schema_object tools_2026_5 = SCHEMA_OBJECT_OF("tools", "Tools of all agents.", tools_fields_2026_5);
static const struct schema_object tools_2026_9 = SCHEMA_OBJECT_OF("tools", "Tools of all agents.", tools_fields_2026_9);

/* --- agents ----------------------------------------------------------------------------------------------------------------- */

#define ENTRY_ID                                                                                                                 \
    {                                                                                                                            \
        "id", "Its name; compared in lower case, what is no letter, digit, _ or - as a dash.", {SCHEMA_STRING}, .required = true \
    }
#define ENTRY_FIELDS(the_sandbox, the_tools)                                                                                     \
    {"default", "The agent of sessions that name none.", {SCHEMA_BOOL}}, {"name", "Its name for people.", {SCHEMA_STRING}},      \
        {"workspace", "Its workspace directory.", {SCHEMA_STRING}},                                                              \
        {"agentDir", "Its state directory, of no other agent.", {SCHEMA_STRING}},                                                \
        {"sandbox", "Where its tools run; over agents.defaults.sandbox.", {SCHEMA_OBJECT, .object = &(the_sandbox)}},            \
    {                                                                                                                            \
        "tools", "Its tools.",                                                                                                   \
        {                                                                                                                        \
            SCHEMA_OBJECT, .object = &(the_tools)                                                                                \
        }                                                                                                                        \
    }
#define DEFAULTS_FIELDS(the_sandbox)                                                                                             \
    {"workspace", "Workspace of the default agent; others have a directory in it.", {SCHEMA_STRING}},                            \
    {                                                                                                                            \
        "sandbox", "Where the tools of all agents run.",                                                                         \
        {                                                                                                                        \
            SCHEMA_OBJECT, .object = &(the_sandbox)                                                                              \
        }                                                                                                                        \
    }

/* 2026.5: a list. */

static const struct schema_field entry_fields_2026_5[] = {
    ENTRY_ID,
    ENTRY_FIELDS(oc_sandbox_2026_5, agent_tools_2026_5),
    {"systemPromptOverride", OWN},
    {"agentRuntime", OWN},
    {"embeddedHarness", OWN},
    {"model", OWN},
    {"thinkingDefault", OWN},
    {"reasoningDefault", OWN},
    {"fastModeDefault", OWN},
    {"skills", OWN},
    {"memorySearch", OWN},
    {"humanDelay", OWN},
    {"tts", OWN},
    {"skillsLimits", OWN},
    {"contextLimits", OWN},
    {"contextTokens", OWN},
    {"heartbeat", OWN},
    {"identity", OWN},
    {"groupChat", OWN},
    {"subagents", OWN},
    {"embeddedPi", OWN},
    {"params", OWN},
    {"runtime", OWN},
};
static const struct schema_object entry_2026_5 = SCHEMA_OBJECT_OF("agent", "One agent.", entry_fields_2026_5);
static const struct schema_value entry_value_2026_5 = {SCHEMA_OBJECT, .object = &entry_2026_5};

static const struct schema_field defaults_fields_2026_5[] = {
    DEFAULTS_FIELDS(oc_sandbox_2026_5),
    {"params", OWN},
    {"agentRuntime", OWN},
    {"embeddedHarness", OWN},
    {"model", OWN},
    {"imageModel", OWN},
    {"imageGenerationModel", OWN},
    {"videoGenerationModel", OWN},
    {"musicGenerationModel", OWN},
    {"mediaGenerationAutoProviderFallback", OWN},
    {"pdfModel", OWN},
    {"pdfMaxBytesMb", OWN},
    {"pdfMaxPages", OWN},
    {"models", OWN},
    {"skills", OWN},
    {"silentReply", OWN},
    {"silentReplyRewrite", OWN},
    {"repoRoot", OWN},
    {"systemPromptOverride", OWN},
    {"promptOverlays", OWN},
    {"skipBootstrap", OWN},
    {"skipOptionalBootstrapFiles", OWN},
    {"contextInjection", OWN},
    {"bootstrapMaxChars", OWN},
    {"bootstrapTotalMaxChars", OWN},
    {"experimental", OWN},
    {"bootstrapPromptTruncationWarning", OWN},
    {"userTimezone", OWN},
    {"startupContext", OWN},
    {"contextLimits", OWN},
    {"timeFormat", OWN},
    {"envelopeTimezone", OWN},
    {"envelopeTimestamp", OWN},
    {"envelopeElapsed", OWN},
    {"contextTokens", OWN},
    {"cliBackends", OWN},
    {"memorySearch", OWN},
    {"contextPruning", OWN},
    {"compaction", OWN},
    {"embeddedPi", OWN},
    {"thinkingDefault", OWN},
    {"verboseDefault", OWN},
    {"reasoningDefault", OWN},
    {"elevatedDefault", OWN},
    {"blockStreamingDefault", OWN},
    {"blockStreamingBreak", OWN},
    {"blockStreamingChunk", OWN},
    {"blockStreamingCoalesce", OWN},
    {"humanDelay", OWN},
    {"timeoutSeconds", OWN},
    {"mediaMaxMb", OWN},
    {"imageMaxDimensionPx", OWN},
    {"typingIntervalSeconds", OWN},
    {"typingMode", OWN},
    {"heartbeat", OWN},
    {"maxConcurrent", OWN},
    {"subagents", OWN},
};
static const struct schema_object defaults_2026_5 =
    SCHEMA_OBJECT_OF("agentDefaults", "What holds for all agents.", defaults_fields_2026_5);

static const struct schema_field agents_fields_2026_5[] = {
    {"defaults", "What holds for all agents.", {SCHEMA_OBJECT, .object = &defaults_2026_5}},
    {"list", "The agents.", {SCHEMA_LIST, .item = &entry_value_2026_5}},
};
static const struct schema_hint agents_hints_2026_5[] = {
    {"entries", "this is the keyed form of OpenClaw 2026.9; 2026.5 reads agents.list"},
    {"ownership", "this is a key of OpenClaw 2026.9; 2026.5 has no such key"},
    {NULL, NULL},
};
static const struct schema_object agents_2026_5 = {
    .name = "agents",
    .doc = "The agents.",
    .fields = agents_fields_2026_5,
    .n_fields = sizeof agents_fields_2026_5 / sizeof agents_fields_2026_5[0],
    .hints = agents_hints_2026_5,
};

/* 2026.9: by id. A list is taken for the older form of that; what it must be like for that, oc_validate() tells. */

#define ENTRY_FIELDS_2026_9                                                                                                      \
    ENTRY_FIELDS(oc_sandbox_2026_9, agent_tools_2026_9), {"description", OWN}, {"cwd", OWN}, {"model", OWN},                     \
        {"utilityModel", OWN}, {"decisionModel", OWN}, {"models", OWN}, {"modelPolicy", OWN}, {"thinkingDefault", OWN},          \
        {"verboseDefault", OWN}, {"toolProgressDetail", OWN}, {"reasoningDefault", OWN}, {"fastModeDefault", OWN},               \
        {"contextInjection", OWN}, {"bootstrapMaxChars", OWN}, {"bootstrapTotalMaxChars", OWN}, {"experimental", OWN},           \
        {"skills", OWN}, {"subagents", OWN}, {"embeddedAgent", OWN}, {"params", OWN}, {"runtime", OWN}, {"memory", OWN},         \
        {"humanDelay", OWN}, {"typingMode", OWN}, {"tts", OWN}, {"skillsLimits", OWN}, {"contextLimits", OWN},                   \
        {"heartbeat", OWN}, {"identity", OWN},                                                                                   \
    {                                                                                                                            \
        "groupChat", OWN                                                                                                         \
    }
static const struct schema_field entry_fields_2026_9[] = {ENTRY_FIELDS_2026_9};
static const struct schema_field listed_fields_2026_9[] = {ENTRY_ID, ENTRY_FIELDS_2026_9};
static const struct schema_hint entry_hints_2026_9[] = {
    {"id", "in agents.entries an agent's id is the key that it stands under"},
    {NULL, NULL},
};
static const struct schema_object entry_2026_9 = {
    .name = "agent",
    .doc = "One agent.",
    .fields = entry_fields_2026_9,
    .n_fields = sizeof entry_fields_2026_9 / sizeof entry_fields_2026_9[0],
    .hints = entry_hints_2026_9,
};
static const struct schema_object listed_2026_9 = SCHEMA_OBJECT_OF("listedAgent", "One agent.", listed_fields_2026_9);
static const struct schema_value entry_value_2026_9 = {SCHEMA_OBJECT, .object = &entry_2026_9};
static const struct schema_value listed_value_2026_9 = {SCHEMA_OBJECT, .object = &listed_2026_9};

static void check_agent_key(const struct schema_at *at, const char *name)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    size_t n = strlen(name);

    if (n == 0 || n > 64 || !strchr(first, name[0]) ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != n)
        schema_fail(at, "'%s' is no id of an agent: at most 64 letters, digits, _ and -, and no - at the beginning", name);
}

static const struct schema_field defaults_fields_2026_9[] = {
    DEFAULTS_FIELDS(oc_sandbox_2026_9),
    {"params", OWN},
    {"model", OWN},
    {"modelSelectionScope", OWN},
    {"utilityModel", OWN},
    {"decisionModel", OWN},
    {"imageModel", OWN},
    {"mediaModels", OWN},
    {"voiceModel", OWN},
    {"pdfModel", OWN},
    {"pdfMaxMb", OWN},
    {"pdfMaxPages", OWN},
    {"models", OWN},
    {"modelPolicy", OWN},
    {"cwd", OWN},
    {"skills", OWN},
    {"silentReply", OWN},
    {"repoRoot", OWN},
    {"skipBootstrap", OWN},
    {"skipOptionalBootstrapFiles", OWN},
    {"contextInjection", OWN},
    {"bootstrapMaxChars", OWN},
    {"bootstrapTotalMaxChars", OWN},
    {"experimental", OWN},
    {"userTimezone", OWN},
    {"startupContext", OWN},
    {"contextPruning", OWN},
    {"compaction", OWN},
    {"embeddedAgent", OWN},
    {"thinkingDefault", OWN},
    {"fastModeDefault", OWN},
    {"verboseDefault", OWN},
    {"toolProgressDetail", OWN},
    {"reasoningDefault", OWN},
    {"elevatedDefault", OWN},
    {"blockStreamingDefault", OWN},
    {"blockStreamingBreak", OWN},
    {"timeoutSeconds", OWN},
    {"mediaMaxMb", OWN},
    {"imageMaxDimensionPx", OWN},
    {"imageQuality", OWN},
    {"typingIntervalSeconds", OWN},
    {"systemAgent", OWN},
    {"authInheritance", OWN},
    {"sessionStore", OWN},
    {"maxConcurrent", OWN},
    {"subagents", OWN},
    {"contextLimits", OWN},
    {"blockStreamingChunk", OWN},
    {"blockStreamingCoalesce", OWN},
    {"humanDelay", OWN},
    {"typingMode", OWN},
    {"heartbeat", OWN},
};
static const struct schema_object defaults_2026_9 =
    SCHEMA_OBJECT_OF("agentDefaults", "What holds for all agents.", defaults_fields_2026_9);

static const struct schema_field agents_fields_2026_9[] = {
    {"ownership",
     "That nobody owns what names no agent; for two agents and more.",
     {SCHEMA_ENUM, .words = SCHEMA_WORDS("explicit")}},
    {"defaults", "What holds for all agents.", {SCHEMA_OBJECT, .object = &defaults_2026_9}},
    {"entries",
     "The agents, by id.",
     {SCHEMA_MAP, .item = &entry_value_2026_9, .key_check = check_agent_key, .key_pattern = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"}},
    {"list", "The agents, in the older form.", {SCHEMA_LIST, .item = &listed_value_2026_9}},
};
static const struct schema_object agents_2026_9 = SCHEMA_OBJECT_OF("agents", "The agents.", agents_fields_2026_9);

/* --- plugins.entries.openshell ---------------------------------------------------------------------------------------------- */

static void check_not_blank(const struct schema_at *at)
{
    if (js_is_blank(at->node->s))
        schema_fail(at, "must not be blank");
}

/* Normalised as POSIX does, a remote directory is /sandbox, /agent or below. */
static void check_remote_dir(const struct schema_at *at)
{
    char *s = js_trim(at->a, at->node->s);
    const char *dir;

    if (!*s) {
        schema_fail(at, "must not be blank");
        return;
    }
    if (*s != '/') {
        schema_fail(at, "must be an absolute path");
        return;
    }
    dir = path_resolve(at->a, "/", s);
    if (!path_is_inside("/sandbox", dir) && !path_is_inside("/agent", dir))
        schema_fail(at, "must be /sandbox, /agent, or a directory below one of them");
}

#define NOT_BLANK                                                                                                                \
    {                                                                                                                            \
        SCHEMA_STRING, .min_length = 1, .check = check_not_blank                                                                 \
    }
#define REMOTE_DIR                                                                                                               \
    {                                                                                                                            \
        SCHEMA_STRING, .min_length = 1, .check = check_remote_dir                                                                \
    }
static const struct schema_value not_blank = NOT_BLANK;

static const struct schema_field openshell_fields[] = {
    {"mode", "Which side's workspace is canonical.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("mirror", "remote")}},
    {"command", "The openshell command.", NOT_BLANK},
    {"gateway", "Name of the gateway.", NOT_BLANK},
    {"gatewayEndpoint", "Address of the gateway.", NOT_BLANK},
    {"from", "What a sandbox is made from.", NOT_BLANK},
    {"policy", "Policy file of a sandbox.", NOT_BLANK},
    {"providers", "Providers attached to a sandbox.", {SCHEMA_LIST, .item = &not_blank}},
    {"gpu", "Ask for a GPU.", {SCHEMA_BOOL}},
    {"autoProviders", "Make missing providers.", {SCHEMA_BOOL}},
    {"remoteWorkspaceDir", "Workspace inside.", REMOTE_DIR},
    {"remoteAgentWorkspaceDir", "The agent's workspace inside.", REMOTE_DIR},
    {"timeoutSeconds", "How long one command may take.", {SCHEMA_NUMBER, .range = SCHEMA_RANGE(1, INFINITY)}},
};
const struct schema_object oc_keys_openshell = SCHEMA_OBJECT_OF("openshellConfig", "The OpenShell backend.", openshell_fields);

/* Of 2026.9 the plugin has a release of its own, and keys of its own. */
static const struct schema_object openshell_2026_9 = {.name = "openshellConfig",
                                                      .doc = "The OpenShell backend.",
                                                      .fields = openshell_fields,
                                                      .n_fields = sizeof openshell_fields / sizeof openshell_fields[0],
                                                      .open = true};

#define PLUGIN_FIELDS(the_config)                                                                                                \
    {"enabled", "Whether the plugin is loaded.", {SCHEMA_BOOL}},                                                                 \
        {"config", "The OpenShell backend.", {SCHEMA_OBJECT, .object = &(the_config)}}, {"hooks", OWN},                          \
    {                                                                                                                            \
        "subagent", OWN                                                                                                          \
    }
static const struct schema_field plugin_fields_2026_5[] = {PLUGIN_FIELDS(oc_keys_openshell)};
static const struct schema_field plugin_fields_2026_9[] = {PLUGIN_FIELDS(openshell_2026_9), {"llm", OWN}};
static const struct schema_object plugin_2026_5 =
    SCHEMA_OBJECT_OF("openshell", "The plugin behind the backend.", plugin_fields_2026_5);
static const struct schema_object plugin_2026_9 =
    SCHEMA_OBJECT_OF("openshell", "The plugin behind the backend.", plugin_fields_2026_9);
static const struct schema_field plugin_entries_fields_2026_5[] = {
    {"openshell", "The plugin behind the backend.", {SCHEMA_OBJECT, .object = &plugin_2026_5}},
};
static const struct schema_field plugin_entries_fields_2026_9[] = {
    {"openshell", "The plugin behind the backend.", {SCHEMA_OBJECT, .object = &plugin_2026_9}},
};
static const struct schema_object plugin_entries_2026_5 = {
    .name = "pluginEntries", .doc = "Plugins by id.", .fields = plugin_entries_fields_2026_5, .n_fields = 1, .open = true};
static const struct schema_object plugin_entries_2026_9 = {
    .name = "pluginEntries", .doc = "Plugins by id.", .fields = plugin_entries_fields_2026_9, .n_fields = 1, .open = true};
#define PLUGINS_FIELDS(the_entries)                                                                                              \
    {"enabled", OWN}, {"allow", OWN}, {"deny", OWN}, {"load", OWN}, {"slots", OWN},                                              \
    {                                                                                                                            \
        "entries", "Plugins by id.",                                                                                             \
        {                                                                                                                        \
            SCHEMA_OBJECT, .object = &(the_entries)                                                                              \
        }                                                                                                                        \
    }
static const struct schema_field plugins_fields_2026_5[] = {PLUGINS_FIELDS(plugin_entries_2026_5)};
static const struct schema_field plugins_fields_2026_9[] = {PLUGINS_FIELDS(plugin_entries_2026_9)};
static const struct schema_object plugins_2026_5 = SCHEMA_OBJECT_OF("plugins", "Plugins.", plugins_fields_2026_5);
static const struct schema_object plugins_2026_9 = SCHEMA_OBJECT_OF("plugins", "Plugins.", plugins_fields_2026_9);

/* --- the root --------------------------------------------------------------------------------------------------------------- */

static const struct schema_field session_fields[] = {
    {"scope", "One session for each sender, or one for all.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("per-sender", "global")}},
};
static const struct schema_object session = {
    .name = "session", .doc = "Sessions.", .fields = session_fields, .n_fields = 1, .open = true};

#define ROOT_FIELDS(the_agents, the_tools, the_plugins)                                                                          \
    {"agents", "The agents.", {SCHEMA_OBJECT, .object = &(the_agents)}},                                                         \
        {"tools", "Tools of all agents.", {SCHEMA_OBJECT, .object = &(the_tools)}},                                              \
        {"plugins", "Plugins.", {SCHEMA_OBJECT, .object = &(the_plugins)}},                                                      \
    {                                                                                                                            \
        "session", "Sessions.",                                                                                                  \
        {                                                                                                                        \
            SCHEMA_OBJECT, .object = &session                                                                                    \
        }                                                                                                                        \
    }

static const struct schema_field root_fields_2026_5[] = {
    ROOT_FIELDS(agents_2026_5, tools_2026_5, plugins_2026_5),
    {"$schema", OWN},
    {"meta", OWN},
    {"env", OWN},
    {"wizard", OWN},
    {"diagnostics", OWN},
    {"logging", OWN},
    {"cli", OWN},
    {"crestodian", OWN},
    {"update", OWN},
    {"browser", OWN},
    {"ui", OWN},
    {"secrets", OWN},
    {"auth", OWN},
    {"accessGroups", OWN},
    {"acp", OWN},
    {"models", OWN},
    {"nodeHost", OWN},
    {"bindings", OWN},
    {"broadcast", OWN},
    {"audio", OWN},
    {"media", OWN},
    {"messages", OWN},
    {"commands", OWN},
    {"approvals", OWN},
    {"cron", OWN},
    {"commitments", OWN},
    {"hooks", OWN},
    {"web", OWN},
    {"channels", OWN},
    {"discovery", OWN},
    {"canvasHost", OWN},
    {"talk", OWN},
    {"gateway", OWN},
    {"memory", OWN},
    {"mcp", OWN},
    {"skills", OWN},
    {"surfaces", OWN},
    {"proxy", OWN},
};
const struct schema_object oc_keys_2026_5 = SCHEMA_OBJECT_OF("openclaw", "OpenClaw's config.", root_fields_2026_5);

static const struct schema_field meta_fields_2026_9[] = {
    {"lastTouchedVersion", "The release that wrote the file last.", {SCHEMA_STRING}},
    {"migrations", OWN},
};
static const struct schema_hint meta_hints_2026_9[] = {
    {"lastTouchedAt", "this is a key of OpenClaw 2026.5; 2026.9 refuses the file until its `openclaw doctor --fix` has been run"},
    {NULL, NULL},
};
static const struct schema_object meta_2026_9 = {
    .name = "meta",
    .doc = "What OpenClaw notes about the file.",
    .fields = meta_fields_2026_9,
    .n_fields = sizeof meta_fields_2026_9 / sizeof meta_fields_2026_9[0],
    .hints = meta_hints_2026_9,
};

static const struct schema_field env_fields_2026_9[] = {
    {"vars", "Variables that are set where they are not.", {SCHEMA_MAP, .item = &schema_string}},
    {"shellEnv", OWN},
};
static const struct schema_object env_2026_9;
static void cross_env_2026_9(const struct schema_at *at)
{
    for (size_t i = 0; node_is(at->node, NODE_OBJECT) && i < at->node->n_members; i++) {
        const struct node_member *m = &at->node->members[i];

        if (!schema_find(&env_2026_9, m->key))
            schema_fail_in(at, m->key, "unknown key; OpenClaw 2026.9 has variables in env.vars");
    }
}
static const struct schema_object env_2026_9 = {
    .name = "env",
    .doc = "The environment.",
    .fields = env_fields_2026_9,
    .n_fields = sizeof env_fields_2026_9 / sizeof env_fields_2026_9[0],
    .open = true, /* what is not known is told by the hook */
    .cross = cross_env_2026_9,
    .cross_always = true,
};

static const struct schema_field root_fields_2026_9[] = {
    ROOT_FIELDS(agents_2026_9, tools_2026_9, plugins_2026_9),
    {"meta", "What OpenClaw notes about the file.", {SCHEMA_OBJECT, .object = &meta_2026_9}},
    {"env", "The environment.", {SCHEMA_OBJECT, .object = &env_2026_9}},
    {"$schema", OWN},
    {"wizard", OWN},
    {"diagnostics", OWN},
    {"logging", OWN},
    {"update", OWN},
    {"telemetry", OWN},
    {"browser", OWN},
    {"ui", OWN},
    {"secrets", OWN},
    {"auth", OWN},
    {"accessGroups", OWN},
    {"acp", OWN},
    {"models", OWN},
    {"nodeHost", OWN},
    {"worktreeRoot", OWN},
    {"worktreeAcceleration", OWN},
    {"security", OWN},
    {"bindings", OWN},
    {"broadcast", OWN},
    {"attachments", OWN},
    {"messages", OWN},
    {"tts", OWN},
    {"commands", OWN},
    {"approvals", OWN},
    {"cron", OWN},
    {"transcripts", OWN},
    {"hooks", OWN},
    {"channels", OWN},
    {"discovery", OWN},
    {"talk", OWN},
    {"gateway", OWN},
    {"cloudWorkers", OWN},
    {"desktop", OWN},
    {"memory", OWN},
    {"mcp", OWN},
    {"skills", OWN},
    {"surfaces", OWN},
    {"proxy", OWN},
};
const struct schema_object oc_keys_2026_9 = SCHEMA_OBJECT_OF("openclaw", "OpenClaw's config.", root_fields_2026_9);
