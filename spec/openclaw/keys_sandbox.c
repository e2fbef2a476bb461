#include "spec/openclaw/keys_table.h"

#include "spec/base/num.h"
#include "spec/base/text.h"

#include <string.h>

#define POSITIVE_INT     SCHEMA_RANGE(1, JS_MAX_SAFE_INTEGER)
#define NON_NEGATIVE_INT SCHEMA_RANGE(0, JS_MAX_SAFE_INTEGER)
#define STRINGS                                                                                                                  \
    {                                                                                                                            \
        SCHEMA_LIST, .item = &schema_string                                                                                      \
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

/* 2026.5: all is trimmed, and a colon at the very beginning is no separator. */
static void check_bind(const struct schema_at *at)
{
    char *bind = js_trim(at->a, at->node->s), *colon = strchr(bind, ':'), *source;

    source = colon && colon > bind ? arena_memdup0(at->a, bind, (size_t)(colon - bind)) : bind;
    if (!*bind)
        schema_fail(at, "a bind mount must not be blank");
    else if (js_trim(at->a, source)[0] != '/')
        schema_fail(at, "the source of a bind mount must be an absolute path");
}

static bool has_drive(const char *s)
{
    return ((s[0] >= 'A' && s[0] <= 'Z') || (s[0] >= 'a' && s[0] <= 'z')) && s[1] == ':' && (s[2] == '/' || s[2] == '\\');
}

/* 2026.9's isSandboxHostPathAbsolute: of POSIX or on a Windows drive, maybe with a prefix for long paths. */
static bool is_host_path(const char *s)
{
    if (text_has_prefix(s, "\\\\?\\"))
        return s[4] == '/' || has_drive(s + 4);
    if (text_has_prefix(s, "//?/"))
        return s[4] == '/' || has_drive(s + 4) || strncasecmp(s + 4, "UNC/", 4) == 0;
    return *s == '/' || has_drive(s);
}

/* 2026.9: nothing is trimmed, and the colon of a drive is no separator. */
static void check_exact_bind(const struct schema_at *at)
{
    const char *bind = at->node->s, *colon = strchr(bind + (has_drive(bind) ? 2 : 0), ':');
    const char *source = colon ? arena_memdup0(at->a, bind, (size_t)(colon - bind)) : bind;

    if (js_is_blank(bind))
        schema_fail(at, "a bind mount must not be blank");
    else if (!is_host_path(source))
        schema_fail(at, "the source of a bind mount must be an absolute path, without blanks before it");
}

static void check_binds(const struct schema_at *object, void (*check)(const struct schema_at *))
{
    const struct node *binds = node_get(object->node, "binds");

    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++) {
        struct schema_at at = *object;

        at.node = binds->items[i];
        at.key = diag_index(object->a, diag_key(object->a, object->key, "binds"), i);
        check(&at);
    }
}

static void refuse_unconfined(const struct schema_at *at, const char *key, const char *what)
{
    const char *s = node_str(node_get(at->node, key));

    if (s && strcmp(js_lower(at->a, js_trim(at->a, s)), "unconfined") == 0)
        schema_fail_in(at, key, "an unconfined %s profile is refused; name a profile or leave the key out", what);
}

static void check_docker(const struct schema_at *at)
{
    const char *network = network_mode(at->a, at->node);

    if (strcmp(network, "host") == 0)
        schema_fail_in(at, "network", "the host's network is refused; use bridge, none, or a network of your own");
    else if (text_has_prefix(network, "container:") && !joins_namespaces(at->node))
        schema_fail_in(at, "network",
                       "another container's network is refused unless this same object sets "
                       "dangerouslyAllowContainerNamespaceJoin: true");
    refuse_unconfined(at, "seccompProfile", "seccomp");
    refuse_unconfined(at, "apparmorProfile", "AppArmor");
}

static void cross_docker_2026_5(const struct schema_at *at)
{
    check_binds(at, check_bind);
    check_docker(at);
}

static void cross_docker_2026_9(const struct schema_at *at)
{
    check_binds(at, check_exact_bind);
    check_docker(at);
}

#define DOCKER_OBJECT(hook)                                                                                                      \
    {                                                                                                                            \
        .name = "sandboxDocker", .doc = "How the container is made.", .fields = docker_fields,                                   \
        .n_fields = sizeof docker_fields / sizeof docker_fields[0], .cross = (hook),                                             \
    }
static const struct schema_object docker_2026_5 = DOCKER_OBJECT(cross_docker_2026_5);
static const struct schema_object docker_2026_9 = DOCKER_OBJECT(cross_docker_2026_9);

/* --- sandbox.browser, prune ------------------------------------------------------------------------------------------------- */

#define BROWSER_FIELDS(no_vnc)                                                                                                   \
    {"enabled", "A browser container beside each sandbox, if the tool policy allows it.", {SCHEMA_BOOL}},                        \
        {"image", "Image of the browser container.", {SCHEMA_STRING}},                                                           \
        {"containerPrefix", "What the browser container's name begins with.", {SCHEMA_STRING}},                                  \
        {"network", "Network of the browser container.", {SCHEMA_STRING}},                                                       \
        {"cdpPort", "DevTools port inside.", {SCHEMA_INT, .range = POSITIVE_INT}},                                               \
        {"cdpSourceRange", "Who may reach the DevTools port, in CIDR form.", {SCHEMA_STRING}},                                   \
        {"vncPort", "VNC port inside.", {SCHEMA_INT, .range = POSITIVE_INT}},                                                    \
        {"noVncPort", "noVNC port inside.", {SCHEMA_INT, .range = POSITIVE_INT}}, {"headless", "No display.", {SCHEMA_BOOL}},    \
        {(no_vnc), "noVNC where there is a display.", {SCHEMA_BOOL}},                                                            \
        {"allowHostControl", "The agent may control the host's browser instead.", {SCHEMA_BOOL}},                                \
        {"autoStart", "Start the browser when it is attached to.", {SCHEMA_BOOL}},                                               \
        {"autoStartTimeoutMs", "How long a start may take.", {SCHEMA_INT, .range = POSITIVE_INT}},                               \
    {                                                                                                                            \
        "binds", "Bind mounts in place of docker.binds.", STRINGS                                                                \
    }
static const struct schema_field browser_fields_2026_5[] = {BROWSER_FIELDS("enableNoVnc")};
static const struct schema_field browser_fields_2026_9[] = {BROWSER_FIELDS("noVncEnabled")};

static void cross_browser_2026_5(const struct schema_at *at)
{
    if (strcmp(network_mode(at->a, at->node), "host") == 0)
        schema_fail_in(at, "network", "the host's network is refused; use bridge or a network of your own");
}

static void cross_browser_2026_9(const struct schema_at *at)
{
    check_binds(at, check_exact_bind);
    cross_browser_2026_5(at);
}

static const struct schema_hint browser_hints_2026_5[] = {
    {"noVncEnabled", "this is a key of OpenClaw 2026.9; that of 2026.5 is 'enableNoVnc'"},
    {NULL, NULL},
};
static const struct schema_hint browser_hints_2026_9[] = {
    {"enableNoVnc", "this is a key of OpenClaw 2026.5; that of 2026.9 is 'noVncEnabled'"},
    {NULL, NULL},
};

#define BROWSER_OBJECT(the_fields, the_hints, hook)                                                                              \
    {                                                                                                                            \
        .name = "sandboxBrowser", .doc = "The browser container.", .fields = (the_fields),                                       \
        .n_fields = sizeof(the_fields) / sizeof((the_fields)[0]), .hints = (the_hints), .cross = (hook),                         \
    }
static const struct schema_object browser_2026_5 =
    BROWSER_OBJECT(browser_fields_2026_5, browser_hints_2026_5, cross_browser_2026_5);
static const struct schema_object browser_2026_9 =
    BROWSER_OBJECT(browser_fields_2026_9, browser_hints_2026_9, cross_browser_2026_9);

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
static const struct schema_field secret_store_fields[] = SECRET_FIELDS("store", check_env_id);
static const struct schema_object secret_env = SCHEMA_OBJECT_OF("secretEnv", "From the environment.", secret_env_fields);
static const struct schema_object secret_file = SCHEMA_OBJECT_OF("secretFile", "From a file.", secret_file_fields);
static const struct schema_object secret_exec = SCHEMA_OBJECT_OF("secretExec", "From a command.", secret_exec_fields);
static const struct schema_object secret_store = SCHEMA_OBJECT_OF("secretStore", "From the store.", secret_store_fields);
static const struct schema_case secret_cases[] = {
    {"env", &secret_env}, {"file", &secret_file}, {"exec", &secret_exec}, {"store", &secret_store}};
#define SECRET_REF(n)                                                                                                            \
    {                                                                                                                            \
        .name = "secretRef", .doc = "A secret by reference.", .key = "source", .cases = secret_cases, .n_cases = (n)             \
    }
static const struct schema_switch secret_ref_2026_5 = SECRET_REF(3); /* without the store */
static const struct schema_switch secret_ref_2026_9 = SECRET_REF(4);
static const struct schema_value secret_object_2026_5 = {SCHEMA_SWITCH, .choice = &secret_ref_2026_5};
static const struct schema_value secret_object_2026_9 = {SCHEMA_SWITCH, .choice = &secret_ref_2026_9};
static const struct schema_value *const secret_2026_5[] = {&schema_string, &secret_object_2026_5, NULL};
static const struct schema_value *const secret_2026_9[] = {&schema_string, &secret_object_2026_9, NULL};
#define NOT_EMPTY                                                                                                                \
    {                                                                                                                            \
        SCHEMA_STRING, .min_length = 1                                                                                           \
    }

#define SSH_FIELDS(secret)                                                                                                       \
    {"target", "user@host:port.", NOT_EMPTY}, {"command", "The ssh command.", NOT_EMPTY},                                        \
        {"workspaceRoot", "Absolute directory on the host that holds the workspaces.", NOT_EMPTY},                               \
        {"strictHostKeyChecking", "Refuse unknown host keys.", {SCHEMA_BOOL}},                                                   \
        {"updateHostKeys", "Learn new host keys.", {SCHEMA_BOOL}}, {"identityFile", "Private key file.", NOT_EMPTY},             \
        {"certificateFile", "Certificate file.", NOT_EMPTY}, {"knownHostsFile", "Known hosts file.", NOT_EMPTY},                 \
        {"identityData", "Private key, as text or by reference; wins over the file.", {SCHEMA_UNION, .any = (secret)}},          \
        {"certificateData", "Certificate, as text or by reference; wins over the file.", {SCHEMA_UNION, .any = (secret)}},       \
    {                                                                                                                            \
        "knownHostsData", "Known hosts, as text or by reference; wins over the file.",                                           \
        {                                                                                                                        \
            SCHEMA_UNION, .any = (secret)                                                                                        \
        }                                                                                                                        \
    }
static const struct schema_field ssh_fields_2026_5[] = {SSH_FIELDS(secret_2026_5)};
static const struct schema_field ssh_fields_2026_9[] = {SSH_FIELDS(secret_2026_9)};
static const struct schema_object ssh_2026_5 = SCHEMA_OBJECT_OF("sandboxSsh", "The host of the ssh backend.", ssh_fields_2026_5);
static const struct schema_object ssh_2026_9 = SCHEMA_OBJECT_OF("sandboxSsh", "The host of the ssh backend.", ssh_fields_2026_9);

/* --- sandbox ---------------------------------------------------------------------------------------------------------------- */

#define SANDBOX_FIELDS(the_docker, the_ssh, the_browser)                                                                         \
    {"mode", "Which sessions run sandboxed.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("off", "non-main", "all")}},                   \
        {"backend", "What runs the sandbox: docker, podman, ssh, openshell, ...", NOT_EMPTY},                                    \
        {"workspaceAccess", "The agent's workspace inside.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("none", "ro", "rw")}},          \
        {"sessionToolsVisibility", "Sessions a sandboxed agent sees.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("spawned", "all")}},  \
        {"scope", "Who shares a runtime.", {SCHEMA_ENUM, .words = SCHEMA_WORDS("session", "agent", "shared")}},                  \
        {"workspaceRoot", "Directory that holds the sandboxes' own workspaces.", {SCHEMA_STRING}},                               \
        {"docker", "How the container is made.", {SCHEMA_OBJECT, .object = &(the_docker)}},                                      \
        {"ssh", "The host of the ssh backend.", {SCHEMA_OBJECT, .object = &(the_ssh)}},                                          \
        {"browser", "The browser container.", {SCHEMA_OBJECT, .object = &(the_browser)}},                                        \
    {                                                                                                                            \
        "prune", "When a runtime is removed.",                                                                                   \
        {                                                                                                                        \
            SCHEMA_OBJECT, .object = &prune                                                                                      \
        }                                                                                                                        \
    }
static const struct schema_field sandbox_fields_2026_5[] = {SANDBOX_FIELDS(docker_2026_5, ssh_2026_5, browser_2026_5)};
static const struct schema_field sandbox_fields_2026_9[] = {SANDBOX_FIELDS(docker_2026_9, ssh_2026_9, browser_2026_9)};

#define SANDBOX_HINTS(roster)                                                                                                    \
    {"perSession", "write scope: \"session\" for true, scope: \"shared\" for false"},                                            \
        {"tools", "the tool policy of sandboxes stands at tools.sandbox.tools and " roster ".tools.sandbox.tools"},              \
    {                                                                                                                            \
        NULL, NULL                                                                                                               \
    }
static const struct schema_hint sandbox_hints_2026_5[] = {SANDBOX_HINTS("agents.list[]")};
static const struct schema_hint sandbox_hints_2026_9[] = {SANDBOX_HINTS("agents.entries.*")};

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

#define SANDBOX_OBJECT(the_fields, the_hints)                                                                                    \
    {                                                                                                                            \
        .name = "sandbox", .doc = "Where an agent's tools run.", .fields = (the_fields),                                         \
        .n_fields = sizeof(the_fields) / sizeof((the_fields)[0]), .hints = (the_hints), .cross = cross_sandbox,                  \
    }
const struct schema_object oc_sandbox_2026_5 = SANDBOX_OBJECT(sandbox_fields_2026_5, sandbox_hints_2026_5);
const struct schema_object oc_sandbox_2026_9 = SANDBOX_OBJECT(sandbox_fields_2026_9, sandbox_hints_2026_9);
