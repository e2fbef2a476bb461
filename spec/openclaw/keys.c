#include "spec/openclaw/keys.h"

#include "spec/base/num.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/paths.h"

#include <string.h>

#define POSITIVE_INT     SCHEMA_RANGE(1, JS_MAX_SAFE_INTEGER)
#define NON_NEGATIVE_INT SCHEMA_RANGE(0, JS_MAX_SAFE_INTEGER)
#define STRINGS                                                                                                                  \
    {                                                                                                                            \
        SCHEMA_LIST, .item = &schema_string                                                                                      \
    }
#define OWN                                                                                                                      \
    "OpenClaw's own; not looked at here.",                                                                                       \
    {                                                                                                                            \
        SCHEMA_ANY                                                                                                               \
    }

/* --- sandbox.docker --------------------------------------------------------------------------------------------------------- */

static const struct schema_value string_list = STRINGS;
static const struct schema_value *const string_or_lines[] = {&schema_string, &string_list, NULL};
static const struct schema_value *const string_or_number[] = {&schema_string, &schema_number, NULL};

static const struct schema_field ulimit_fields[] = {
    {"soft", "Soft limit.", {SCHEMA_INT, .range = NON_NEGATIVE_INT}},
    {"hard", "Hard limit.", {SCHEMA_INT, .range = NON_NEGATIVE_INT}},
};
static const struct schema_object ulimit = SCHEMA_OBJECT_OF("ulimit", "One limit, soft and hard.", ulimit_fields);
static const struct schema_value ulimit_object = {SCHEMA_OBJECT, .object = &ulimit};
static const struct schema_value *const ulimit_forms[] = {&schema_string, &schema_number, &ulimit_object, NULL};
static const struct schema_value ulimit_value = {SCHEMA_UNION, .any = ulimit_forms};

static const struct schema_field docker_fields[] = {
    {"image", "Image of the container.", {SCHEMA_STRING}},
    {"containerPrefix", "What the container's name begins with.", {SCHEMA_STRING}},
    {"workdir", "Where the workspace is mounted, and commands run.", {SCHEMA_STRING}},
    {"readOnlyRoot", "Root file system read-only.", {SCHEMA_BOOL}},
    {"tmpfs", "Mount points of temporary file systems, each with options after a colon.", STRINGS},
    {"network", "Network of the container: none, bridge, or the name of one.", {SCHEMA_STRING}},
    {"user", "User inside, as uid:gid. Absent: the owner of the workspace.", {SCHEMA_STRING}},
    {"capDrop", "Capabilities to drop.", STRINGS},
    {"env", "Environment of the container.", {SCHEMA_MAP, .item = &schema_string}},
    {"setupCommand", "Run once inside, after creation; a list is joined by newlines.", {SCHEMA_UNION, .any = string_or_lines}},
    {"pidsLimit", "Most processes at a time.", {SCHEMA_INT, .range = POSITIVE_INT}},
    {"memory", "Memory limit.", {SCHEMA_UNION, .any = string_or_number}},
    {"memorySwap", "Limit of memory and swap together.", {SCHEMA_UNION, .any = string_or_number}},
    {"cpus", "CPUs it may use.", {SCHEMA_NUMBER, .range = SCHEMA_ABOVE(0)}},
    {"gpus", "GPUs, as docker's --gpus.", {SCHEMA_STRING, .min_length = 1}},
    {"ulimits", "Limits by name.", {SCHEMA_MAP, .item = &ulimit_value}},
    {"seccompProfile", "Path of a seccomp profile.", {SCHEMA_STRING}},
    {"apparmorProfile", "Name of an AppArmor profile.", {SCHEMA_STRING}},
    {"dns", "Name servers.", STRINGS},
    {"extraHosts", "Lines for /etc/hosts, name:address.", STRINGS},
    {"binds", "Bind mounts, source:target[:options].", STRINGS},
    {"dangerouslyAllowReservedContainerTargets", "Binds may cover /workspace and /agent.", {SCHEMA_BOOL}},
    {"dangerouslyAllowExternalBindSources", "Binds may lie outside the workspaces.", {SCHEMA_BOOL}},
    {"dangerouslyAllowContainerNamespaceJoin", "network may be container:<name>.", {SCHEMA_BOOL}},
};

/* The network mode as OpenClaw compares it. */
static const char *network_mode(struct arena *a, const struct node *object)
{
    const char *s = node_str(node_get(object, "network"));

    return s ? js_lower(a, js_trim(a, s)) : "";
}

static bool joins_namespaces(const struct node *docker)
{
    const struct node *allow = node_get(docker, "dangerouslyAllowContainerNamespaceJoin");

    return node_is(allow, NODE_BOOL) && allow->b;
}

static void check_bind(const struct schema_at *docker, size_t i)
{
    const struct node *binds = node_get(docker->node, "binds");
    struct schema_at at = *docker;
    char *bind = js_trim(docker->a, binds->items[i]->s), *colon = strchr(bind, ':'), *source;

    at.node = binds->items[i];
    at.key = diag_index(docker->a, diag_key(docker->a, docker->key, "binds"), i);
    source = colon && colon > bind ? arena_memdup0(docker->a, bind, (size_t)(colon - bind)) : bind;
    if (!*bind)
        schema_fail(&at, "a bind mount must not be blank");
    else if (js_trim(docker->a, source)[0] != '/')
        schema_fail(&at, "the source of a bind mount must be an absolute path");
}

static void refuse_unconfined(const struct schema_at *at, const char *key, const char *what)
{
    const char *s = node_str(node_get(at->node, key));

    if (s && strcmp(js_lower(at->a, js_trim(at->a, s)), "unconfined") == 0)
        schema_fail_in(at, key, "an unconfined %s profile is refused; name a profile or leave the key out", what);
}

static void cross_docker(const struct schema_at *at)
{
    const struct node *binds = node_get(at->node, "binds");
    const char *network = network_mode(at->a, at->node);

    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++)
        check_bind(at, i);
    if (strcmp(network, "host") == 0)
        schema_fail_in(at, "network", "the host's network is refused; use bridge, none, or a network of your own");
    else if (text_has_prefix(network, "container:") && !joins_namespaces(at->node))
        schema_fail_in(at, "network",
                       "another container's network is refused unless this same object sets "
                       "dangerouslyAllowContainerNamespaceJoin: true");
    refuse_unconfined(at, "seccompProfile", "seccomp");
    refuse_unconfined(at, "apparmorProfile", "AppArmor");
}

static const struct schema_object docker = {
    .name = "sandboxDocker",
    .doc = "How the container is made.",
    .fields = docker_fields,
    .n_fields = sizeof docker_fields / sizeof docker_fields[0],
    .cross = cross_docker,
};

/* --- sandbox.browser, prune ------------------------------------------------------------------------------------------------- */

static const struct schema_field browser_fields[] = {
    {"enabled", "A browser container beside each sandbox, if the tool policy allows it.", {SCHEMA_BOOL}},
    {"image", "Image of the browser container.", {SCHEMA_STRING}},
    {"containerPrefix", "What the browser container's name begins with.", {SCHEMA_STRING}},
    {"network", "Network of the browser container.", {SCHEMA_STRING}},
    {"cdpPort", "DevTools port inside.", {SCHEMA_INT, .range = POSITIVE_INT}},
    {"cdpSourceRange", "Who may reach the DevTools port, in CIDR form.", {SCHEMA_STRING}},
    {"vncPort", "VNC port inside.", {SCHEMA_INT, .range = POSITIVE_INT}},
    {"noVncPort", "noVNC port inside.", {SCHEMA_INT, .range = POSITIVE_INT}},
    {"headless", "No display.", {SCHEMA_BOOL}},
    {"enableNoVnc", "noVNC where there is a display.", {SCHEMA_BOOL}},
    {"allowHostControl", "The agent may control the host's browser instead.", {SCHEMA_BOOL}},
    {"autoStart", "Start the browser when it is attached to.", {SCHEMA_BOOL}},
    {"autoStartTimeoutMs", "How long a start may take.", {SCHEMA_INT, .range = POSITIVE_INT}},
    {"binds", "Bind mounts in place of docker.binds.", STRINGS},
};

static void cross_browser(const struct schema_at *at)
{
    if (strcmp(network_mode(at->a, at->node), "host") == 0)
        schema_fail_in(at, "network", "the host's network is refused; use bridge or a network of your own");
}

static const struct schema_object browser = {
    .name = "sandboxBrowser",
    .doc = "The browser container.",
    .fields = browser_fields,
    .n_fields = sizeof browser_fields / sizeof browser_fields[0],
    .cross = cross_browser,
};

static const struct schema_field prune_fields[] = {
    {"idleHours", "Removed when unused for longer; 0: never.", {SCHEMA_INT, .range = NON_NEGATIVE_INT}},
    {"maxAgeDays", "Removed when older; 0: never.", {SCHEMA_INT, .range = NON_NEGATIVE_INT}},
};
static const struct schema_object prune = SCHEMA_OBJECT_OF("sandboxPrune", "When a runtime is removed.", prune_fields);

/* --- sandbox.ssh ------------------------------------------------------------------------------------------------------------ */

static bool matches(const char *s, const char *first, const char *rest, size_t max)
{
    size_t n = strlen(s);

    return n > 0 && n <= max && strchr(first, s[0]) && strspn(s + 1, rest) == n - 1;
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static void check_secret_provider(const struct schema_at *at)
{
    if (!matches(at->node->s, LOWER, LOWER DIGITS "_-", 64))
        schema_fail(at, "must be a lower-case name like 'default'");
}

static void check_env_id(const struct schema_at *at)
{
    if (!matches(at->node->s, UPPER, UPPER DIGITS "_", 128))
        schema_fail(at, "must be the name of an environment variable, upper-case: SSH_IDENTITY");
}

/* "value", or an absolute JSON pointer: "~" only as "~0" or "~1". */
static void check_file_id(const struct schema_at *at)
{
    const char *s = at->node->s;

    if (strcmp(s, "value") == 0)
        return;
    if (*s != '/') {
        schema_fail(at, "must be 'value' or an absolute JSON pointer like /ssh/identity");
        return;
    }
    for (; (s = strchr(s, '~')); s++)
        if (s[1] != '0' && s[1] != '1') {
            schema_fail(at, "must be a JSON pointer: '~' is written '~0' and '/' inside a name '~1'");
            return;
        }
}

static void check_exec_id(const struct schema_at *at)
{
    const char *s = at->node->s;
    bool good = matches(s, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._:/-", 256);

    for (const char *p = s; good && p; p = strchr(p, '/')) {
        p += *p == '/';
        size_t n = strcspn(p, "/");

        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            good = false;
    }
    if (!good)
        schema_fail(at, "must be a name like vault/ssh/identity: letters, digits and ._:/- and no '.' or '..' part");
}

#define SECRET_FIELDS(word, id_check)                                                                                            \
    {                                                                                                                            \
        {"source", "Where the secret comes from.", {SCHEMA_ENUM, .words = SCHEMA_WORDS(word)}, .required = true},                \
            {"provider", "Which secret provider.", {SCHEMA_STRING, .check = check_secret_provider}, .required = true},           \
            {"id", "Which secret of it.", {SCHEMA_STRING, .check = (id_check)}, .required = true},                               \
    }
static const struct schema_field secret_env_fields[] = SECRET_FIELDS("env", check_env_id);
static const struct schema_field secret_file_fields[] = SECRET_FIELDS("file", check_file_id);
static const struct schema_field secret_exec_fields[] = SECRET_FIELDS("exec", check_exec_id);
static const struct schema_object secret_env = SCHEMA_OBJECT_OF("secretEnv", "From the environment.", secret_env_fields);
static const struct schema_object secret_file = SCHEMA_OBJECT_OF("secretFile", "From a file.", secret_file_fields);
static const struct schema_object secret_exec = SCHEMA_OBJECT_OF("secretExec", "From a command.", secret_exec_fields);
static const struct schema_case secret_cases[] = {{"env", &secret_env}, {"file", &secret_file}, {"exec", &secret_exec}};
static const struct schema_switch secret_ref = {
    .name = "secretRef", .doc = "A secret by reference.", .key = "source", .cases = secret_cases, .n_cases = 3};
static const struct schema_value secret_object = {SCHEMA_SWITCH, .choice = &secret_ref};
static const struct schema_value *const secret_forms[] = {&schema_string, &secret_object, NULL};
#define SECRET                                                                                                                   \
    {                                                                                                                            \
        SCHEMA_UNION, .any = secret_forms                                                                                        \
    }
#define NOT_EMPTY                                                                                                                \
    {                                                                                                                            \
        SCHEMA_STRING, .min_length = 1                                                                                           \
    }

static const struct schema_field ssh_fields[] = {
    {"target", "user@host:port.", NOT_EMPTY},
    {"command", "The ssh command.", NOT_EMPTY},
    {"workspaceRoot", "Absolute directory on the host that holds the workspaces.", NOT_EMPTY},
    {"strictHostKeyChecking", "Refuse unknown host keys.", {SCHEMA_BOOL}},
    {"updateHostKeys", "Learn new host keys.", {SCHEMA_BOOL}},
    {"identityFile", "Private key file.", NOT_EMPTY},
    {"certificateFile", "Certificate file.", NOT_EMPTY},
    {"knownHostsFile", "Known hosts file.", NOT_EMPTY},
    {"identityData", "Private key, as text or by reference; wins over the file.", SECRET},
    {"certificateData", "Certificate, as text or by reference; wins over the file.", SECRET},
    {"knownHostsData", "Known hosts, as text or by reference; wins over the file.", SECRET},
};
static const struct schema_object ssh = SCHEMA_OBJECT_OF("sandboxSsh", "The host of the ssh backend.", ssh_fields);

/* --- sandbox ---------------------------------------------------------------------------------------------------------------- */

static const struct schema_field sandbox_fields[] = {
    {"mode", "Which sessions run sandboxed.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("off", "non-main", "all")}},
    {"backend", "What runs the sandbox: docker, ssh, openshell, ...", NOT_EMPTY},
    {"workspaceAccess", "The agent's workspace inside.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("none", "ro", "rw")}},
    {"sessionToolsVisibility", "Sessions a sandboxed agent sees.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("spawned", "all")}},
    {"scope", "Who shares a runtime.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("session", "agent", "shared")}},
    {"workspaceRoot", "Directory that holds the sandboxes' own workspaces.", {SCHEMA_STRING}},
    {"docker", "How the container is made.", {SCHEMA_OBJECT, .object = &docker}},
    {"ssh", "The host of the ssh backend.", {SCHEMA_OBJECT, .object = &ssh}},
    {"browser", "The browser container.", {SCHEMA_OBJECT, .object = &browser}},
    {"prune", "When a runtime is removed.", {SCHEMA_OBJECT, .object = &prune}},
};

static const struct schema_hint sandbox_hints[] = {
    {"perSession", "write scope: \"session\" for true, scope: \"shared\" for false"},
    {"tools", "the tool policy of sandboxes stands at tools.sandbox.tools and agents.list[].tools.sandbox.tools"},
    {NULL, NULL},
};

static void cross_sandbox(const struct schema_at *at)
{
    const struct node *b = node_get(at->node, "browser");
    struct schema_at in = *at;

    if (!text_has_prefix(network_mode(at->a, b), "container:") || joins_namespaces(node_get(at->node, "docker")))
        return;
    in.node = b;
    in.key = diag_key(at->a, at->key, "browser");
    schema_fail_in(&in, "network",
                   "another container's network is refused unless sandbox.docker sets "
                   "dangerouslyAllowContainerNamespaceJoin: true");
}

const struct schema_object oc_keys_sandbox = {
    .name = "sandbox",
    .doc = "Where an agent's tools run.",
    .fields = sandbox_fields,
    .n_fields = sizeof sandbox_fields / sizeof sandbox_fields[0],
    .hints = sandbox_hints,
    .cross = cross_sandbox,
};
#define SANDBOX                                                                                                                  \
    {                                                                                                                            \
        SCHEMA_OBJECT, .object = &oc_keys_sandbox                                                                                \
    }

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
static const struct schema_field agent_tools_fields[] = {TOOLS_COMMON};
static const struct schema_object agent_tools = SCHEMA_OBJECT_OF("agentTools", "Tools of one agent.", agent_tools_fields);
static const struct schema_field tools_fields[] = {
    TOOLS_COMMON,     {"web", OWN},          {"media", OWN},     {"links", OWN},          {"sessions", OWN},
    {"message", OWN}, {"agentToAgent", OWN}, {"subagents", OWN}, {"sessions_spawn", OWN}, {"experimental", OWN},
};
static const struct schema_object tools = SCHEMA_OBJECT_OF("tools", "Tools of all agents.", tools_fields);

/* --- agents ----------------------------------------------------------------------------------------------------------------- */

static const struct schema_field entry_fields[] = {
    {"id", "Its name; compared in lower case, what is no letter, digit, _ or - as a dash.", {SCHEMA_STRING}, .required = true},
    {"default", "The agent of sessions that name none.", {SCHEMA_BOOL}},
    {"name", "Its name for people.", {SCHEMA_STRING}},
    {"workspace", "Its workspace directory.", {SCHEMA_STRING}},
    {"agentDir", "Its state directory, of no other agent.", {SCHEMA_STRING}},
    {"sandbox", "Where its tools run; over agents.defaults.sandbox.", SANDBOX},
    {"tools", "Its tools.", {SCHEMA_OBJECT, .object = &agent_tools}},
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
static const struct schema_object entry = SCHEMA_OBJECT_OF("agent", "One agent.", entry_fields);
static const struct schema_value entry_value = {SCHEMA_OBJECT, .object = &entry};

static const struct schema_field defaults_fields[] = {
    {"workspace", "Workspace of the default agent; others have a directory in it.", {SCHEMA_STRING}},
    {"sandbox", "Where the tools of all agents run.", SANDBOX},
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
static const struct schema_object defaults = SCHEMA_OBJECT_OF("agentDefaults", "What holds for all agents.", defaults_fields);

static const struct schema_field agents_fields[] = {
    {"defaults", "What holds for all agents.", {SCHEMA_OBJECT, .object = &defaults}},
    {"list", "The agents.", {SCHEMA_LIST, .item = &entry_value}},
};
static const struct schema_hint agents_hints[] = {
    {"entries", "this is the keyed form of newer releases of OpenClaw; 2026.5.3 reads agents.list"},
    {"ownership", "of newer releases of OpenClaw; 2026.5.3 has no such key"},
    {NULL, NULL},
};
static const struct schema_object agents = {
    .name = "agents",
    .doc = "The agents.",
    .fields = agents_fields,
    .n_fields = sizeof agents_fields / sizeof agents_fields[0],
    .hints = agents_hints,
};

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

static const struct schema_field plugin_fields[] = {
    {"enabled", "Whether the plugin is loaded.", {SCHEMA_BOOL}},
    {"config", "The OpenShell backend.", {SCHEMA_OBJECT, .object = &oc_keys_openshell}},
    {"hooks", OWN},
    {"subagent", OWN},
};
static const struct schema_object plugin = SCHEMA_OBJECT_OF("openshell", "The plugin behind the backend.", plugin_fields);
static const struct schema_field entries_fields[] = {
    {"openshell", "The plugin behind the backend.", {SCHEMA_OBJECT, .object = &plugin}},
};
static const struct schema_object entries = {
    .name = "pluginEntries", .doc = "Plugins by id.", .fields = entries_fields, .n_fields = 1, .open = true};
static const struct schema_field plugins_fields[] = {
    {"enabled", OWN}, {"allow", OWN}, {"deny", OWN},
    {"load", OWN},    {"slots", OWN}, {"entries", "Plugins by id.", {SCHEMA_OBJECT, .object = &entries}},
};
static const struct schema_object plugins = SCHEMA_OBJECT_OF("plugins", "Plugins.", plugins_fields);

/* --- the root --------------------------------------------------------------------------------------------------------------- */

static const struct schema_field session_fields[] = {
    {"scope", "One session for each sender, or one for all.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("per-sender", "global")}},
};
static const struct schema_object session = {
    .name = "session", .doc = "Sessions.", .fields = session_fields, .n_fields = 1, .open = true};

static const struct schema_field root_fields[] = {
    {"agents", "The agents.", {SCHEMA_OBJECT, .object = &agents}},
    {"tools", "Tools of all agents.", {SCHEMA_OBJECT, .object = &tools}},
    {"plugins", "Plugins.", {SCHEMA_OBJECT, .object = &plugins}},
    {"session", "Sessions.", {SCHEMA_OBJECT, .object = &session}},
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
const struct schema_object oc_keys = SCHEMA_OBJECT_OF("openclaw", "OpenClaw's config.", root_fields);

/* --- rules over the whole file ---------------------------------------------------------------------------------------------- */

struct agent_dir {
    const char *id, *dir;
    struct pos pos;
    const char *key;
};

#define ANYWHERE SIZE_MAX

/* An agent that only a binding names has the default directory too. place: of its entry in the list, or ANYWHERE. */
static struct agent_dir agent_dir(struct arena *a, const struct node *root, const char *id, size_t place,
                                  const struct oc_places *places)
{
    const struct node *list = node_path(root, "agents", "list", NULL), *own;
    const struct node *e = place == ANYWHERE ? oc_agent_entry(a, root, id) : list->items[place];
    struct agent_dir d = {.id = id, .key = "agents.list"};

    if (list)
        d.pos = list->pos;
    for (size_t i = place == ANYWHERE ? 0 : place; e && list && i < list->n_items; i++)
        if (list->items[i] == e) {
            d.key = diag_index(a, d.key, i);
            break;
        }
    own = node_get(e, "agentDir");
    if (e)
        d.pos = e->pos;
    if (own && !js_is_blank(node_str(own))) {
        d.pos = own->pos;
        d.key = diag_key(a, d.key, "agentDir");
        d.dir = oc_user_path(a, places->home, places->cwd, own->s);
    } else {
        d.dir = path_join(a, path_join(a, path_join(a, places->state_dir, "agents"), id), "agent");
    }
    return d;
}

struct agent_dirs {
    struct node *ids, *dirs; /* seen: id -> true, directory -> id */
};

static void check_agent_dir(struct arena *a, const struct node *root, const char *id, size_t place,
                            const struct oc_places *places, struct agent_dirs *seen, struct diags *d)
{
    struct agent_dir mine;
    const char *other;

    if (node_get(seen->ids, id))
        return;
    node_set(a, seen->ids, id, node_bool(a, true));
    mine = agent_dir(a, root, id, place, places);
    other = node_str(node_get(seen->dirs, mine.dir));
    if (other)
        diag_error(d, mine.pos, mine.key, "agents '%s' and '%s' have one state directory; each needs its own agentDir", other,
                   id);
    else
        node_set(a, seen->dirs, mine.dir, node_string(a, id));
}

/* Agents that share a state directory overwrite each other's credentials: OpenClaw refuses to start. Ids that normalise to one
 * are one agent; an entry without an id counts where it is the default agent. */
static void check_agent_dirs(struct arena *a, const struct node *root, const struct oc_places *places, struct diags *d)
{
    const struct node *list = node_path(root, "agents", "list", NULL), *bindings = node_get(root, "bindings");
    size_t n_list = node_is(list, NODE_ARRAY) ? list->n_items : 0;
    size_t n_bindings = node_is(bindings, NODE_ARRAY) ? bindings->n_items : 0;
    struct agent_dirs seen = {node_object(a), node_object(a)};

    check_agent_dir(a, root, oc_default_agent(a, oc_line_of(places), root), ANYWHERE, places, &seen, d);
    for (size_t i = 0; i < n_list + n_bindings; i++) {
        const struct node *item = i < n_list ? list->items[i] : bindings->items[i - n_list];
        const struct node *id = node_get(item, i < n_list ? "id" : "agentId");

        if (node_is(id, NODE_STRING) && id->s_n > 0 && (i < n_list || !js_is_blank(id->s))) {
            const char *agent = oc_agent_id_n(a, id->s, id->s_n);

            /* An entry without an id is main's, too. */
            check_agent_dir(a, root, agent, i < n_list && strcmp(agent, "main") != 0 ? i : ANYWHERE, places, &seen, d);
        }
    }
}

int oc_validate(struct arena *a, const struct node *root, const struct oc_places *places, struct diags *d)
{
    size_t before = d->n_errors;

    schema_check(a, &oc_keys, root, "", d);
    check_agent_dirs(a, root, places, d);
    return d->n_errors > before ? -1 : 0;
}
