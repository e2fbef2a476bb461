#include "spec/kinds_table.h"

#include "spec/base/num.h"
#include "spec/base/path.h"
#include "spec/policy.h"
#include "spec/ssh_name.h"

#include <string.h>

#define NAME_MAX_BYTES  63
#define LABEL_MAX_BYTES 256
#define MAX_WORKSPACES  64
#define MIN_MEMORY      (6.0 * 1024 * 1024) /* the least that the engine takes */
#define MAX_CPUS        4096
#define MAX_PIDS        4194304 /* PID_MAX_LIMIT of Linux */

const char *const kinds_backend_words[] = {"docker", "bubblewrap", "ssh", "openshell", NULL};
const char *const kinds_engine_words[] = {"docker", "podman", NULL};
const char *const kinds_ensure_words[] = {"existing", "all", NULL};
const char *const kinds_line_words[] = {"2026.5", "2026.9", NULL};
const char *const kinds_state_words[] = {"running", "stopped", "absent", NULL};
const char *const kinds_seed_policy_words[] = {"once", "onChange", "manual", NULL};
const char *const kinds_seed_from_words[] = {"snapshot", "local", NULL};
_Static_assert(sizeof kinds_backend_words / sizeof *kinds_backend_words == SANDBOX_BACKEND_COUNT + 1, "a word per value");
_Static_assert(sizeof kinds_engine_words / sizeof *kinds_engine_words == SANDBOX_ENGINE_COUNT + 1, "a word per value");
_Static_assert(sizeof kinds_ensure_words / sizeof *kinds_ensure_words == ENSURE_COUNT + 1, "a word per value");
_Static_assert(sizeof kinds_line_words / sizeof *kinds_line_words == OC_LINE_COUNT + 1, "a word per value");
_Static_assert(sizeof kinds_state_words / sizeof *kinds_state_words == WANT_COUNT + 1, "a word per value");
_Static_assert(sizeof kinds_seed_policy_words / sizeof *kinds_seed_policy_words == SEED_POLICY_COUNT + 1, "a word per value");
_Static_assert(sizeof kinds_seed_from_words / sizeof *kinds_seed_from_words == SEED_FROM_COUNT + 1, "a word per value");

int kinds_word_index(const char *const *words, const char *word)
{
    for (int i = 0; word && words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/* --- strings of a form -------------------------------------------------------------------------------------------------- */

/* Bytes of these classes, by hand: isalnum() and its like depend on the locale. */
static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* Alphanumeric ends, and between them alphanumerics and `inner`. */
static bool is_framed(const char *s, const char *inner)
{
    size_t n = strlen(s);
    if (n == 0 || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && !strchr(inner, s[i]))
            return false;
    return true;
}

#define NAME_PATTERN "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
static void check_name(const struct schema_at *at)
{
    const char *s = at->node->s;
    bool good = strlen(s) <= NAME_MAX_BYTES && is_framed(s, "-");
    for (const char *p = s; good && *p; p++)
        good = *p == '-' || is_lower(*p) || is_digit(*p);
    if (!good)
        schema_fail(at, "must be 1 to %d lower-case letters, digits and '-', not beginning or ending with '-'", NAME_MAX_BYTES);
}

/* Our own and OpenClaw's labels say whose a runtime is: nobody else writes them. */
static const char *const label_owners[] = {"reconclaw.", "openclaw.", "com.docker.", "io.podman."};
#define LABEL_KEY_PATTERN                                                                                                        \
    "^(?!reconclaw\\.|openclaw\\.|com\\.docker\\.|io\\.podman\\.)[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$"
static void check_label_key(const struct schema_at *at, const char *name)
{
    for (size_t i = 0; i < sizeof label_owners / sizeof *label_owners; i++)
        if (text_has_prefix(name, label_owners[i])) {
            schema_fail(at, "labels that begin with '%s' are not free to use", label_owners[i]);
            return;
        }
    if (strlen(name) > NAME_MAX_BYTES || !is_framed(name, "._/-"))
        schema_fail(
            at, "a label's name must be 1 to %d letters, digits and any of . _ - /, beginning and ending with a letter or digit",
            NAME_MAX_BYTES);
}

static void check_label_value(const struct schema_at *at)
{
    if (at->node->s_n > LABEL_MAX_BYTES)
        schema_fail(at, "must be at most %d bytes long", LABEL_MAX_BYTES);
}

#define ENV_PATTERN "^[A-Za-z_][A-Za-z0-9_]*$"
static bool is_env_name(const char *s)
{
    if (!*s || is_digit(*s))
        return false;
    for (; *s; s++)
        if (!is_alnum(*s) && *s != '_')
            return false;
    return true;
}

static void check_env_key(const struct schema_at *at, const char *name)
{
    if (!is_env_name(name))
        schema_fail(at, "a variable's name must be letters, digits and '_', not beginning with a digit");
}

static void check_env_name(const struct schema_at *at)
{
    if (!is_env_name(at->node->s))
        schema_fail(at, "must be the name of an environment variable: letters, digits and '_', not beginning with a digit");
}

/* Of this machine: made absolute later, when HOME and the file's directory are known. */
#define PATH_PATTERN "^([^~]|~(/|$))"
static void check_path(const struct schema_at *at)
{
    const char *s = at->node->s;
    if (s[0] == '~' && s[1] != '/' && s[1] != '\0')
        schema_fail(at, "only '~/' is expanded, not another user's home");
}

/* Inside the sandbox. Written plainly, so that two ways of writing one place cannot differ. */
#define TARGET_PATTERN "^/(?!/)(?!.*//)(?!(.*/)?\\.\\.?(/|$)).*[^/]$"
static void check_target(const struct schema_at *at)
{
    const char *s = at->node->s;
    bool good = s[0] == '/' && s[1] && s[at->node->s_n - 1] != '/';
    for (const char *p = s; good && p; p = strchr(p + 1, '/')) {
        size_t n = strcspn(p + 1, "/");
        good = n > 0 && !(n == 1 && p[1] == '.') && !(n == 2 && p[1] == '.' && p[2] == '.');
    }
    if (!good)
        schema_fail(at, "must be an absolute path below '/', without '.', '..', doubled or trailing slashes");
}

#define WORKDIR_PATTERN "^/$|" TARGET_PATTERN
static void check_workdir(const struct schema_at *at)
{
    if (strcmp(at->node->s, "/") != 0)
        check_target(at);
}

#define ENDPOINT_PATTERN "^(unix:///|tcp://)[^ ]+$"
static void check_endpoint(const struct schema_at *at)
{
    const char *s = at->node->s;
    static const char *const schemes[] = {"unix:///", "tcp://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (text_has_prefix(s, schemes[i]) && s[strlen(schemes[i])] && !strchr(s, ' '))
            return;
    schema_fail(at, "must be unix:///path or tcp://host:port");
}

/* --- Sandbox --------------------------------------------------------------------------------------------------------------- */

static const struct schema_field env_ref_fields[] = {
    {"fromEnv",
     "Name of a variable in reconclaw's own environment.",
     {SCHEMA_STRING, .min_length = 1, .check = check_env_name, .pattern = ENV_PATTERN}},
    {"fromFile",
     "File that holds the value; one newline at its end is dropped.",
     {SCHEMA_STRING, .min_length = 1, .check = check_path, .pattern = PATH_PATTERN}},
};
static const struct schema_hint env_ref_hints[] = {
    {"value", "write the text itself in place of the object"},
    {NULL, NULL},
};
const struct schema_object kinds_env_ref = {
    .name = "secretRef",
    .doc = "Where the value comes from. Never shown in a plan, a log or an error.",
    .fields = env_ref_fields,
    .n_fields = sizeof env_ref_fields / sizeof *env_ref_fields,
    .one_of = true,
    .hints = env_ref_hints,
};
static const struct schema_value env_literal = {SCHEMA_STRING};
static const struct schema_value env_ref = {SCHEMA_OBJECT, .object = &kinds_env_ref};
static const struct schema_value *const env_value_any[] = {&env_literal, &env_ref, NULL};
static const struct schema_value env_value = {SCHEMA_UNION, .any = env_value_any};

static const struct schema_field workspace_fields[] = {
    {"path",
     "Directory on this machine. '~/' is the home of the user who runs reconclaw; a relative path starts at the spec's "
     "directory.",
     {SCHEMA_STRING, .min_length = 1, .check = check_path, .pattern = PATH_PATTERN},
     .required = true},
    {"target",
     "Where it appears in the sandbox; with ssh /workspace or /agent, below its own directory there; with openshell /sandbox, "
     "which is then the default, /agent, or below. The first workspace may leave it out; the others need one.",
     {SCHEMA_STRING, .min_length = 1, .check = check_target, .pattern = TARGET_PATTERN},
     .def = "\"/workspace\""},
    {"readOnly", "Whether the sandbox may only read it.", {SCHEMA_BOOL}, .def = "false"},
};
static const struct schema_hint workspace_hints[] = {
    {"source", "did you mean 'path'?"},
    {"src", "did you mean 'path'?"},
    {"dst", "did you mean 'target'?"},
    {"ro", "did you mean 'readOnly'?"},
    {NULL, NULL},
};
const struct schema_object kinds_workspace = {
    .name = "workspace",
    .doc = "A directory of this machine inside the sandbox.",
    .fields = workspace_fields,
    .n_fields = sizeof workspace_fields / sizeof *workspace_fields,
    .hints = workspace_hints,
};
static const struct schema_value workspace_value = {SCHEMA_OBJECT, .object = &kinds_workspace};

static const char *workspace_target(const struct node *list, size_t i)
{
    const char *target = node_str(node_get(list->items[i], "target"));
    return target ? target : i == 0 ? "/workspace" : NULL;
}

static void check_workspaces(const struct schema_at *at)
{
    for (size_t i = 0; i < at->node->n_items; i++) {
        const char *target = workspace_target(at->node, i);
        struct schema_at item = {at->a, at->d, diag_index(at->a, at->key, i), at->node->items[i], at->found};
        if (!target)
            schema_fail_in(&item, "target", "is required for all workspaces but the first");
        for (size_t j = 0; target && j < i; j++)
            if (text_eq(workspace_target(at->node, j), target)) {
                schema_fail_in(&item, "target", "'%s' is the target of workspaces[%zu] too", text_escaped(at->a, target), j);
                break;
            }
    }
}

static const struct schema_field limits_fields[] = {
    {"memory",
     "Most memory, as \"512m\" or \"2g\", or in bytes.",
     {SCHEMA_SIZE, .range = SCHEMA_RANGE(MIN_MEMORY, JS_MAX_SAFE_INTEGER)}},
    {"cpus",
     "Most processors' worth of time; 0.5 is half of one.",
     {SCHEMA_NUMBER, .range = &(const struct schema_range){.min = 0, .max = MAX_CPUS, .above_min = true}}},
    {"pids", "Most processes and threads at a time.", {SCHEMA_INT, .range = SCHEMA_RANGE(1, MAX_PIDS)}},
};
const struct schema_object kinds_limits =
    SCHEMA_OBJECT_OF("limits", "What the sandbox may use; what is not given is not limited.", limits_fields);

static const struct schema_value setup_lines = {SCHEMA_LIST, .item = &schema_string};

static void check_command(const struct schema_at *at)
{
    if (at->node->items[0]->s_n == 0)
        schema_fail(at, "the first word names the program: it must not be empty");
}

/* --- remote sandboxes ------------------------------------------------------------------------------------------------------- */

static void check_ssh_target(const struct schema_at *at)
{
    struct ssh_name ignored;
    struct err e = {0};
    if (ssh_name_read(at->a, at->node->s, &ignored, &e) < 0)
        schema_fail(at, "%s", e.msg);
}

#define LOCAL_FILE                                                                                                               \
    {                                                                                                                            \
        SCHEMA_STRING, .min_length = 1, .check = check_path, .pattern = PATH_PATTERN                                             \
    }
static const struct schema_field ssh_fields[] = {
    {"target",
     "user@host:port, or an alias of ~/.ssh/config, which is followed as ssh does. IPv6 with a port: [fe80::1]:22.",
     {SCHEMA_STRING, .min_length = 1, .check = check_ssh_target},
     .required = true},
    {"workspaceRoot",
     "Directory on the host in which the sandbox has its own. Not one that is emptied at a restart, like /tmp.",
     {SCHEMA_STRING, .min_length = 1, .check = check_workdir, .pattern = WORKDIR_PATTERN},
     .required = true},
    {"strictHostKeyChecking", "Whether a host whose key is not known is refused.", {SCHEMA_BOOL}, .def = "true"},
    {"updateHostKeys", "Whether further keys that a known host names are learnt.", {SCHEMA_BOOL}, .def = "true"},
    {"identityFile", "Private key. By default what ssh would try.", LOCAL_FILE},
    {"certificateFile", "Certificate of the private key.", LOCAL_FILE},
    {"knownHostsFile", "Known hosts. By default the user's and the system's.", LOCAL_FILE},
    {"identityData",
     "Private key by reference, in place of a file; kept in memory only.",
     {SCHEMA_OBJECT, .object = &kinds_env_ref}},
    {"certificateData", "Certificate, as text or by reference, in place of a file.", {SCHEMA_UNION, .any = env_value_any}},
    {"knownHostsData", "Known hosts, as text or by reference, in place of a file.", {SCHEMA_UNION, .any = env_value_any}},
};
static const char *const ssh_pairs[][2] = {
    {"identityFile", "identityData"}, {"certificateFile", "certificateData"}, {"knownHostsFile", "knownHostsData"}};
/* What is known by file and by value at once would be one of them only. */
static void check_ssh(const struct schema_at *at)
{
    for (size_t i = 0; i < sizeof ssh_pairs / sizeof *ssh_pairs; i++)
        if (node_get(at->node, ssh_pairs[i][0]) && node_get(at->node, ssh_pairs[i][1]))
            schema_fail_in(at, ssh_pairs[i][0], "%s is given, too: one of the two", ssh_pairs[i][1]);
}

/* Of each pair at most one. */
static void ssh_json(struct arena *a, struct node *schema)
{
    struct node *all = node_array(a);
    for (size_t i = 0; i < sizeof ssh_pairs / sizeof *ssh_pairs; i++) {
        struct node *rule = node_object(a), *both = node_object(a), *names = node_array(a);
        node_push(a, names, node_string(a, ssh_pairs[i][0]));
        node_push(a, names, node_string(a, ssh_pairs[i][1]));
        node_set(a, both, "required", names);
        node_set(a, rule, "not", both);
        node_push(a, all, rule);
    }
    node_set(a, schema, "allOf", all);
}

static const struct schema_hint ssh_hints[] = {
    {"host", "did you mean 'target'?"},        {"user", "write target: user@host"},
    {"port", "write target: user@host:port"},  {"identity", "did you mean 'identityFile' or 'identityData'?"},
    {"root", "did you mean 'workspaceRoot'?"}, {NULL, NULL},
};
const struct schema_object kinds_ssh = {
    .name = "ssh",
    .doc = "The host, and how it is reached.",
    .fields = ssh_fields,
    .n_fields = sizeof ssh_fields / sizeof *ssh_fields,
    .hints = ssh_hints,
    .cross = check_ssh,
    .cross_json = ssh_json,
};

#define NOT_EMPTY                                                                                                                \
    {                                                                                                                            \
        SCHEMA_STRING, .min_length = 1                                                                                           \
    }
static const struct schema_value provider_value = NOT_EMPTY;
static const struct schema_field openshell_fields[] = {
    {"command", "The openshell command. By default the one that is found on PATH; npm's package of that name is another program.",
     LOCAL_FILE},
    {"gateway", "Name of the gateway. By default the active one.", NOT_EMPTY},
    {"gatewayEndpoint", "Address of the gateway.", NOT_EMPTY},
    {"workspace", "OpenShell's workspace, in which the sandbox has its name.", NOT_EMPTY},
    {"from", "What the sandbox is made from: a community name or an image.", NOT_EMPTY, .def = "\"openclaw\""},
    {"policy", "File that holds the policy.", LOCAL_FILE},
    {"providers", "Providers attached to it.", {SCHEMA_LIST, .item = &provider_value}, .def = "[]"},
    {"gpu", "Whether it has a GPU.", {SCHEMA_BOOL}, .def = "false"},
    {"autoProviders", "Whether providers that are missing are made.", {SCHEMA_BOOL}, .def = "true"},
    {"timeout",
     "How long one command may take.",
     {SCHEMA_DURATION, .range = SCHEMA_RANGE(1000, 24 * 3600 * 1000)},
     .def = "\"2m\""},
};
const struct schema_object kinds_openshell = SCHEMA_OBJECT_OF("openshell", "The sandbox of OpenShell.", openshell_fields);

static const struct schema_field seed_fields[] = {
    {"policy",
     "When local files are copied to the remote workspace, which is the canonical one from then on: once; again whenever they "
     "change, as long as nothing has there (onChange); or by reconclaw reseed alone (manual).",
     {SCHEMA_ENUM, .words = kinds_seed_policy_words},
     .def = "\"once\""},
    {"from",
     "What a workspace that is made again, or moved, begins with: the last snapshot of it where there is one, else the local "
     "files; or always those.",
     {SCHEMA_ENUM, .words = kinds_seed_from_words},
     .def = "\"snapshot\""},
};
const struct schema_object kinds_seed = SCHEMA_OBJECT_OF("seed", "How a remote workspace gets its files.", seed_fields);

/* Where a remote workspace may be, and that none can be mounted read-only. */
static void check_remote_workspaces(const struct schema_at *at, const char *word, bool openshell)
{
    const struct node *list = node_get(at->node, "workspaces");
    if (!openshell && node_is(list, NODE_ARRAY) && list->n_items == 0)
        schema_fail_in(at, "workspaces", "backend ssh copies at least one directory");
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
        const char *key = diag_index(at->a, arena_printf(at->a, "%s.workspaces", at->key), i);
        struct schema_at item = {at->a, at->d, key, list->items[i], at->found};
        const struct node *read_only = node_get(item.node, "readOnly");
        const char *target = node_str(node_get(item.node, "target"));
        if (node_is(read_only, NODE_BOOL) && read_only->b)
            schema_fail_in(&item, "readOnly", "backend %s copies it: nothing keeps the sandbox from writing", word);
        if (openshell && !target && i == 0)
            target = "/sandbox";
        if (openshell && i >= 2)
            schema_fail(&item, "backend openshell copies two directories at most");
        if (!target)
            continue;
        if (!openshell && strcmp(target, "/workspace") != 0 && strcmp(target, "/agent") != 0)
            schema_fail_in(&item, "target", "backend ssh has two places: /workspace and /agent");
        else if (openshell && !path_is_inside("/sandbox", target) && !path_is_inside("/agent", target))
            schema_fail_in(&item, "target", "backend openshell has it in /sandbox, /agent, or below one of them");
        for (size_t j = 0; openshell && j < i; j++) {
            const char *other = node_str(node_get(list->items[j], "target"));
            other = other ? other : "/sandbox";
            if (path_is_inside(other, target) || path_is_inside(target, other)) {
                schema_fail_in(&item, "target", "is in that of workspaces[%zu], or holds it", j);
                break;
            }
        }
    }
}

static const struct schema_hint backend_hints[] = {
#define NOT_DRIVEN(what)                                                                                                         \
    {                                                                                                                            \
        what, "not driven by this version of reconclaw, which drives docker, bubblewrap, ssh and openshell"                      \
    }
    NOT_DRIVEN("docker-sandboxes"),
    NOT_DRIVEN("sbx"),
    NOT_DRIVEN("kubernetes"),
#undef NOT_DRIVEN
    {"podman", "write backend: docker, and engine: podman"},
    {"bwrap", "write bubblewrap"},
    {NULL, NULL},
};

static const struct schema_field sandbox_fields[] = {
    {"backend",
     "What the sandbox is made of: a container of a docker engine; a local namespace that needs neither daemon nor root; a "
     "directory on another host; a sandbox of OpenShell.",
     {SCHEMA_ENUM, .words = kinds_backend_words, .word_hints = backend_hints},
     .required = true},
    {"engine",
     "Who makes the container. podman is driven through its service (podman system service), rootful or rootless.",
     {SCHEMA_ENUM, .words = kinds_engine_words},
     .def = "\"docker\""},
    {"endpoint",
     "Which engine: unix:///path or tcp://host:port. By default the one that the docker or podman command would use.",
     {SCHEMA_STRING, .min_length = 1, .check = check_endpoint, .pattern = ENDPOINT_PATTERN}},
    {"image", "Image to make the container from. It is never pulled silently.", {SCHEMA_STRING, .min_length = 1}},
    {"root",
     "Directory that becomes the root of the sandbox, read-only. By default this machine's own system directories.",
     {SCHEMA_STRING, .min_length = 1, .check = check_path, .pattern = PATH_PATTERN}},
    {"workspaces",
     "Directories of this machine that the sandbox works on.",
     {SCHEMA_LIST, .item = &workspace_value, .range = SCHEMA_RANGE(0, MAX_WORKSPACES), .check = check_workspaces},
     .def = "[]"},
    {"env",
     "Environment variables: a text, or where a secret is to be had.",
     {SCHEMA_MAP, .item = &env_value, .key_check = check_env_key, .key_pattern = ENV_PATTERN},
     .def = "{}"},
    {"limits", "What the sandbox may use.", {SCHEMA_OBJECT, .object = &kinds_limits}},
    {"network",
     "none; with bubblewrap also host; with docker also bridge or the name of a network.",
     {SCHEMA_STRING, .min_length = 1},
     .def = "\"none\""},
    {"user",
     "User inside the container: name, uid or uid:gid. By default the owner of the first workspace, else the image's.",
     {SCHEMA_STRING, .min_length = 1}},
    {"workdir",
     "Directory that commands start in. By default the first workspace, else the image's or '/'.",
     {SCHEMA_STRING, .min_length = 1, .check = check_workdir, .pattern = WORKDIR_PATTERN}},
    {"command",
     "What runs in the sandbox, as a list of words; no shell reads it. By default it idles.",
     {SCHEMA_LIST, .item = &schema_string, .range = SCHEMA_RANGE(1, INFINITY), .check = check_command}},
    {"setup",
     "Shell commands that are run once inside, after it was made; a list is joined by newlines.",
     {SCHEMA_UNION, .any = (const struct schema_value *const[]){&schema_string, &setup_lines, NULL}}},
    {"ssh", "The host, and how it is reached.", {SCHEMA_OBJECT, .object = &kinds_ssh}},
    {"openshell", "The sandbox of OpenShell.", {SCHEMA_OBJECT, .object = &kinds_openshell}},
    {"seed", "How a remote workspace gets its files.", {SCHEMA_OBJECT, .object = &kinds_seed}},
    {"state",
     "Whether it shall run, be there but not run, or not be there.",
     {SCHEMA_ENUM, .words = kinds_state_words},
     .def = "\"running\""},
    {"protect", "Whether nothing that removes or restarts it is done, whatever the reason.", {SCHEMA_BOOL}, .def = "false"},
    {"onDrift",
     "What becomes of it where it differs from this spec.",
     {SCHEMA_ENUM, .words = policy_on_drift_words},
     .def = "\"recreate\""},
    {"policy", "What of the Policy does not hold for it.", {SCHEMA_OBJECT, .object = &policy_schema}},
};

const struct sandbox_ability sandbox_abilities[] = {
#define MAY                                                                                                                      \
    {                                                                                                                            \
        SANDBOX_MAY, NULL                                                                                                        \
    }
#define MUST                                                                                                                     \
    {                                                                                                                            \
        SANDBOX_MUST, NULL                                                                                                       \
    }
#define CANNOT(w)                                                                                                                \
    {                                                                                                                            \
        SANDBOX_CANNOT, w                                                                                                        \
    }
    /* key, docker, bubblewrap, ssh, openshell */
    {"backend", {MUST, MUST, MUST, MUST}},
    {"engine", {MAY, CANNOT("needs no engine"), CANNOT("needs no engine"), CANNOT("needs no engine")}},
    {"endpoint",
     {MAY, CANNOT("always runs on this machine"), CANNOT("is where ssh.target says"), CANNOT("is where openshell.gateway says")}},
    {"image",
     {MUST, CANNOT("has no images: name a directory with root"), CANNOT("has no images"), CANNOT("is made from openshell.from")}},
    {"root",
     {CANNOT("runs from an image: name it with image"), MAY, CANNOT("has a directory below ssh.workspaceRoot"),
      CANNOT("is made from openshell.from")}},
    {"workspaces", {MAY, MAY, MUST, MAY}},
    {"env", {MAY, MAY, MAY, MAY}},
#define LIMITS                                                                                                                   \
    {                                                                                                                            \
        MAY, MAY, CANNOT("limits nothing on its host"), CANNOT("has the limits of what it is made from")                         \
    }
    {"limits", LIMITS},
    {"limits.memory", LIMITS},
    {"limits.cpus", LIMITS},
    {"limits.pids", LIMITS},
#undef LIMITS
    {"network", {MAY, MAY, CANNOT("has the network of its host"), CANNOT("has its network ruled by openshell.policy")}},
    {"user",
     {MAY, CANNOT("runs as the user who runs reconclaw"), CANNOT("runs as the user of ssh.target"),
      CANNOT("runs as the user that its policy names")}},
    {"workdir", {MAY, MAY, CANNOT("starts in its first workspace"), CANNOT("starts in its first workspace")}},
    {"command", {MAY, MAY, CANNOT("keeps nothing running"), CANNOT("keeps a process of its own running")}},
    {"setup", {MAY, MAY, MAY, MAY}},
    {"ssh",
     {CANNOT("is made on the host of its engine"), CANNOT("always runs on this machine"), MUST,
      CANNOT("is where openshell.gateway says")}},
    {"openshell",
     {CANNOT("is no sandbox of OpenShell"), CANNOT("is no sandbox of OpenShell"), CANNOT("is no sandbox of OpenShell"), MAY}},
#define LOCAL CANNOT("works on the directories of this machine themselves: nothing is copied")
    {"seed", {LOCAL, LOCAL, MAY, MAY}},
#undef LOCAL
    {"state", {MAY, MAY, MAY, MAY}},
    {"protect", {MAY, MAY, MAY, MAY}},
    {"onDrift", {MAY, MAY, MAY, MAY}},
    {"policy", {MAY, MAY, MAY, MAY}},
#undef MAY
#undef MUST
#undef CANNOT
};
const size_t n_sandbox_abilities = sizeof sandbox_abilities / sizeof *sandbox_abilities;

/* "limits.cpus" below the spec, or NULL. */
static const struct node *ability_node(struct arena *a, const struct node *spec, const char *key)
{
    const char *dot = strchr(key, '.');
    if (!dot)
        return node_get(spec, key);
    const struct node *outer = node_get(spec, arena_memdup0(a, key, (size_t)(dot - key)));
    return node_get(outer, dot + 1);
}

static void check_network(const struct schema_at *at, enum sandbox_backend backend)
{
    const char *s = node_str(node_get(at->node, "network"));
    if (!s || !*s || strcmp(s, "none") == 0)
        return;
    if (backend == SANDBOX_BUBBLEWRAP) {
        if (strcmp(s, "host") != 0)
            schema_fail_in(at, "network", "backend bubblewrap has only none and host");
    } else if (strcmp(s, "host") == 0 || text_has_prefix(s, "container:")) {
        schema_fail_in(at, "network",
                       "backend docker gives a sandbox no network that is another's: none, bridge or the name of a network");
    } else if (!is_alnum(*s) || s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")]) {
        schema_fail_in(at, "network", "must be none, bridge or the name of a network");
    }
}
#define DOCKER_NETWORK_PATTERN "^(?!host$)[A-Za-z0-9][A-Za-z0-9_.-]*$"

/* What the backend makes of each key. Looks at kinds itself. */
static void check_sandbox(const struct schema_at *at)
{
    const char *word = node_str(node_get(at->node, "backend"));
    int backend = kinds_word_index(kinds_backend_words, word);
    if (backend < 0)
        return;
    for (size_t i = 0; i < n_sandbox_abilities; i++) {
        const struct sandbox_ability *row = &sandbox_abilities[i];
        const struct node *v = ability_node(at->a, at->node, row->key);
        struct schema_at here = {at->a, at->d, arena_printf(at->a, "%s.%s", at->key, row->key), v ? v : at->node, at->found};
        if (v && row->by[backend].use == SANDBOX_CANNOT)
            schema_fail(&here, "backend %s %s", word, row->by[backend].why);
        else if (!v && row->by[backend].use == SANDBOX_MUST)
            schema_fail(&here, "backend %s needs it", word);
    }
    if (backend == SANDBOX_DOCKER || backend == SANDBOX_BUBBLEWRAP)
        check_network(at, (enum sandbox_backend)backend);
    else
        check_remote_workspaces(at, word, backend == SANDBOX_OPENSHELL);
    if (backend == SANDBOX_SSH && text_eq(node_str(node_get(at->node, "state")), "stopped"))
        schema_fail_in(at, "state", "backend ssh keeps nothing running that could be stopped: running or absent");
}

/* Puts `schema` under a dotted key of an object's schema. */
static void put_property(struct arena *a, struct node *then, const char *key, struct node *schema)
{
    const char *dot = strchr(key, '.');
    struct node *properties = node_get(then, "properties");
    if (!properties)
        properties = node_set(a, then, "properties", node_object(a))->value;
    if (!dot) {
        node_set(a, properties, key, schema);
        return;
    }
    const char *outer = arena_memdup0(a, key, (size_t)(dot - key));
    struct node *inner = node_get(properties, outer);
    if (!inner)
        inner = node_set(a, properties, outer, node_object(a))->value;
    if (inner->kind == NODE_OBJECT) /* else the whole of it is refused already */
        put_property(a, inner, dot + 1, schema);
}

static void sandbox_json(struct arena *a, struct node *schema)
{
    struct node *all = node_array(a);
    for (int b = 0; b < SANDBOX_BACKEND_COUNT; b++) {
        struct node *branch = node_object(a), *when = node_object(a), *is = node_object(a), *then = node_object(a),
                    *must = node_array(a);
        node_set(a, is, "const", node_string(a, kinds_backend_words[b]));
        put_property(a, when, "backend", is);
        struct node *has = node_array(a);
        node_push(a, has, node_string(a, "backend"));
        node_set(a, when, "required", has);
        for (size_t i = 0; i < n_sandbox_abilities; i++) {
            const struct sandbox_ability *row = &sandbox_abilities[i];
            if (row->by[b].use == SANDBOX_CANNOT)
                put_property(a, then, row->key, node_bool(a, false));
            else if (row->by[b].use == SANDBOX_MUST && !strchr(row->key, '.'))
                node_push(a, must, node_string(a, row->key));
        }
        if (b == SANDBOX_DOCKER || b == SANDBOX_BUBBLEWRAP) {
            struct node *network = node_object(a);
            node_set(a, network, "pattern", node_string(a, b == SANDBOX_BUBBLEWRAP ? "^(none|host)$" : DOCKER_NETWORK_PATTERN));
            put_property(a, then, "network", network);
        }
        if (b == SANDBOX_SSH || b == SANDBOX_OPENSHELL) {
            struct node *items = node_object(a), *item = node_object(a), *no = node_object(a);
            node_set(a, no, "const", node_bool(a, false));
            put_property(a, item, "readOnly", no);
            node_set(a, items, "items", item);
            if (b == SANDBOX_OPENSHELL)
                node_set(a, items, "maxItems", node_number(a, 2));
            else
                node_set(a, items, "minItems", node_number(a, 1));
            put_property(a, then, "workspaces", items);
        }
        if (b == SANDBOX_SSH) {
            struct node *state = node_object(a), *stopped = node_object(a);
            node_set(a, stopped, "const", node_string(a, "stopped"));
            node_set(a, state, "not", stopped);
            put_property(a, then, "state", state);
        }
        node_set(a, then, "required", must);
        node_set(a, branch, "if", when);
        node_set(a, branch, "then", then);
        node_push(a, all, branch);
    }
    node_set(a, schema, "allOf", all);
}

static const struct schema_hint sandbox_hints[] = {
    {"labels", "labels stand in metadata"},
    {"name", "the name stands in metadata"},
    {"workspace", "did you mean 'workspaces', a list?"},
    {"memory", "did you mean 'limits.memory'?"},
    {"cpus", "did you mean 'limits.cpus'?"},
    {"pids", "did you mean 'limits.pids'?"},
    {"setupCommand", "did you mean 'setup'?"},
    {NULL, NULL},
};
const struct schema_object kinds_sandbox_spec = {
    .name = "SandboxSpec",
    .doc = "One sandbox.",
    .fields = sandbox_fields,
    .n_fields = sizeof sandbox_fields / sizeof *sandbox_fields,
    .hints = sandbox_hints,
    .cross = check_sandbox,
    .cross_always = true,
    .cross_json = sandbox_json,
};

/* --- OpenClaw ----------------------------------------------------------------------------------------------------------------
 */

static const struct schema_field openclaw_fields[] = {
    {"config",
     "OpenClaw's own config. By default the one that OpenClaw would find.",
     {SCHEMA_STRING, .min_length = 1, .check = check_path, .pattern = PATH_PATTERN}},
    {"stateDir",
     "OpenClaw's state directory, where it is not the one that OpenClaw would find.",
     {SCHEMA_STRING, .min_length = 1, .check = check_path, .pattern = PATH_PATTERN}},
    {"ensure",
     "existing keeps the runtimes that are registered in step; all also makes one per agent beforehand.",
     {SCHEMA_ENUM, .words = kinds_ensure_words},
     .def = "\"existing\""},
    {"line",
     "The line of OpenClaw that keeps this state directory; found by what is there unless given. In YAML in quotes: \"2026.9\".",
     {SCHEMA_ENUM, .words = kinds_line_words}},
    {"onDrift",
     "What becomes of a runtime that differs from the config: made anew at once, removed until its next use, or only told.",
     {SCHEMA_ENUM, .words = policy_on_drift_words},
     .def = "\"recreate\""},
    {"seed",
     "How the workspaces of its remote runtimes (ssh, openshell) get their files.",
     {SCHEMA_OBJECT, .object = &kinds_seed}},
    {"policy", "What of the Policy does not hold for these runtimes.", {SCHEMA_OBJECT, .object = &policy_schema}},
};
static const struct schema_hint openclaw_hints[] = {
    {"protect", "protect is a key of each Sandbox"},
    {"stateDirectory", "did you mean 'stateDir'?"},
    {NULL, NULL},
};
const struct schema_object kinds_openclaw_spec = {
    .name = "OpenClawSpec",
    .doc = "One installation of OpenClaw, whose sandboxes are kept in step with its config.",
    .fields = openclaw_fields,
    .n_fields = sizeof openclaw_fields / sizeof *openclaw_fields,
    .hints = openclaw_hints,
};

/* --- documents ---------------------------------------------------------------------------------------------------------------
 */

static const struct schema_value label_value = {SCHEMA_STRING, .check = check_label_value};
static const struct schema_field metadata_fields[] = {
    {"name",
     "Name of the object, unique among those of its kind.",
     {SCHEMA_STRING, .min_length = 1, .check = check_name, .pattern = NAME_PATTERN},
     .required = true},
    {"labels",
     "Labels of your own; a sandbox carries them.",
     {SCHEMA_MAP, .item = &label_value, .key_check = check_label_key, .key_pattern = LABEL_KEY_PATTERN},
     .def = "{}"},
};
const struct schema_object kinds_metadata = SCHEMA_OBJECT_OF("metadata", "How the object is called.", metadata_fields);

#define DOCUMENT(kind_name, kind_doc, spec_table)                                                                                \
    {                                                                                                                            \
        .name = kind_name, .doc = kind_doc,                                                                                      \
        .fields =                                                                                                                \
            (const struct schema_field[]){                                                                                       \
                {"apiVersion",                                                                                                   \
                 "Version of this surface.",                                                                                     \
                 {SCHEMA_ENUM, .words = SCHEMA_WORDS(SPECS_API_VERSION)},                                                        \
                 .required = true},                                                                                              \
                {"kind", "What the document describes.", {SCHEMA_ENUM, .words = SCHEMA_WORDS(kind_name)}, .required = true},     \
                {"metadata", "How the object is called.", {SCHEMA_OBJECT, .object = &kinds_metadata}, .required = true},         \
                {"spec", "What is wanted.", {SCHEMA_OBJECT, .object = spec_table}, .required = true},                            \
            },                                                                                                                   \
        .n_fields = 4,                                                                                                           \
    }

static const struct schema_object openclaw_document =
    DOCUMENT("OpenClaw", "An installation of OpenClaw whose sandboxes are kept in step.", &kinds_openclaw_spec);
static const struct schema_object sandbox_document = DOCUMENT("Sandbox", "A sandbox of its own.", &kinds_sandbox_spec);
static const struct schema_object policy_document = DOCUMENT("Policy", "What may be done without asking.", &policy_kind_schema);

static const struct schema_case kind_cases[] = {
    {"OpenClaw", &openclaw_document},
    {"Sandbox", &sandbox_document},
    {"Policy", &policy_document},
};
static const struct schema_switch kind_switch = {
    .name = "document",
    .doc = "One document of a reconclaw spec.",
    .key = "kind",
    .cases = kind_cases,
    .n_cases = sizeof kind_cases / sizeof *kind_cases,
};
const struct schema_value kinds_document = {SCHEMA_SWITCH, .choice = &kind_switch};
