#include "spec/engine_fields.h"

#include "spec/base/digest.h"
#include "spec/base/limits.h"
#include "spec/base/path.h"
#include "spec/base/vec.h"
#include "spec/engine_ref.h"
#include "spec/engine_value.h"
#include "spec/openclaw/profile.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_CONTAINER, KIND_BROWSER, KIND_SANDBOX, KIND_COUNT };

/* One side of a comparison: a body, or what an engine shows of a container. */
struct side {
    struct arena *arena;
    enum kind kind;
    bool observed;
    const struct node *config; /* the body itself, or the reply's Config */
    const struct node *host;   /* HostConfig of either */
    const struct side *want;   /* what an observed side is compared with, or NULL */
    const struct node *image;  /* Config of the image, or NULL */
    struct {
        struct field *v;
        size_t n, cap;
    } out;
};

/* Under which key the owner writes it; an ending "[" or "." takes the name of one of many. */
enum key {
    KEY_IMAGE,
    KEY_NETWORK,
    KEY_USER,
    KEY_WORKDIR,
    KEY_COMMAND,
    KEY_ENTRYPOINT,
    KEY_INIT,
    KEY_READ_ONLY_ROOT,
    KEY_TMPFS,
    KEY_CAP_ADD,
    KEY_CAP_DROP,
    KEY_SECURITY,
    KEY_SECCOMP,
    KEY_APPARMOR,
    KEY_PRIVILEGED,
    KEY_PID_MODE,
    KEY_IPC_MODE,
    KEY_DNS,
    KEY_EXTRA_HOSTS,
    KEY_DEVICES,
    KEY_PIDS,
    KEY_MEMORY,
    KEY_MEMORY_SWAP,
    KEY_CPUS,
    KEY_GPUS,
    KEY_ULIMIT,
    KEY_ENV,
    KEY_BIND,
    KEY_PORT,
    KEY_LABEL,
    KEY_HASH,
    KEY_SETUP,
    KEY_COUNT
};

static const struct {
    const char *name[KIND_COUNT];
} keys[KEY_COUNT] = {
    [KEY_IMAGE] = {{"docker.image", "browser.image", "image"}},
    [KEY_NETWORK] = {{"docker.network", "browser.network", "network"}},
    [KEY_USER] = {{"docker.user", "docker.user", "user"}},
    [KEY_WORKDIR] = {{"docker.workdir", "docker.workdir", "workdir"}},
    [KEY_COMMAND] = {{"docker.command", "browser.command", "command"}},
    [KEY_ENTRYPOINT] = {{"docker.entrypoint", "browser.entrypoint", "entrypoint"}},
    [KEY_INIT] = {{"docker.init", "docker.init", "init"}},
    [KEY_READ_ONLY_ROOT] = {{"docker.readOnlyRoot", "docker.readOnlyRoot", "readOnlyRoot"}},
    [KEY_TMPFS] = {{"docker.tmpfs[", "docker.tmpfs[", "tmpfs["}},
    [KEY_CAP_ADD] = {{"docker.capAdd", "docker.capAdd", "capAdd"}},
    [KEY_CAP_DROP] = {{"docker.capDrop", "docker.capDrop", "capDrop"}},
    [KEY_SECURITY] = {{"docker.securityOpt", "docker.securityOpt", "securityOpt"}},
    [KEY_SECCOMP] = {{"docker.seccompProfile", "docker.seccompProfile", "seccompProfile"}},
    [KEY_APPARMOR] = {{"docker.apparmorProfile", "docker.apparmorProfile", "apparmorProfile"}},
    [KEY_PRIVILEGED] = {{"docker.privileged", "docker.privileged", "privileged"}},
    [KEY_PID_MODE] = {{"docker.pidMode", "docker.pidMode", "pidMode"}},
    [KEY_IPC_MODE] = {{"docker.ipcMode", "docker.ipcMode", "ipcMode"}},
    [KEY_DNS] = {{"docker.dns", "docker.dns", "dns"}},
    [KEY_EXTRA_HOSTS] = {{"docker.extraHosts", "docker.extraHosts", "extraHosts"}},
    [KEY_DEVICES] = {{"docker.devices", "docker.devices", "devices"}},
    [KEY_PIDS] = {{"docker.pidsLimit", "docker.pidsLimit", "limits.pids"}},
    [KEY_MEMORY] = {{"docker.memory", "docker.memory", "limits.memory"}},
    [KEY_MEMORY_SWAP] = {{"docker.memorySwap", "docker.memorySwap", "limits.memorySwap"}},
    [KEY_CPUS] = {{"docker.cpus", "docker.cpus", "limits.cpus"}},
    [KEY_GPUS] = {{"docker.gpus", "docker.gpus", "gpus"}},
    [KEY_ULIMIT] = {{"docker.ulimits.", "docker.ulimits.", "ulimits."}},
    [KEY_ENV] = {{"docker.env.", "docker.env.", "env."}},
    [KEY_BIND] = {{"docker.binds[", "browser.binds[", "workspaces["}},
    [KEY_PORT] = {{"docker.ports[", "browser.ports[", "ports["}},
    [KEY_LABEL] = {{"labels.", "labels.", "labels."}},
    [KEY_HASH] = {{"docker.configHash", "docker.configHash", "configHash"}},
    [KEY_SETUP] = {{"docker.setupCommand", "docker.setupCommand", "setup"}},
};

/* --- reading -------------------------------------------------------------------------------------------------------------------
 */

static const char *text(const struct node *o, const char *key)
{
    const char *s = node_str(node_get(o, key));
    return s != NULL ? s : "";
}

static const char *set_text(const struct node *o, const char *key)
{
    const char *s = text(o, key);
    return *s != '\0' ? s : NULL;
}

static bool is_true(const struct node *o, const char *key)
{
    const struct node *n = node_get(o, key);
    return node_is(n, NODE_BOOL) && n->b;
}

/* Whole and within what an engine can mean; 0 otherwise. */
static int64_t number(const struct node *o, const char *key)
{
    const struct node *n = node_get(o, key);
    if (!node_is(n, NODE_NUMBER) || !(fabs(n->num) < 0x1p63))
        return 0;
    return (int64_t)n->num;
}

static size_t n_items(const struct node *list)
{
    return list != NULL && node_is(list, NODE_ARRAY) ? list->n_items : 0;
}

static const char *item(const struct node *list, size_t i)
{
    const char *s = i < n_items(list) ? node_str(list->items[i]) : NULL;
    return s != NULL ? s : "";
}

static size_t n_members(const struct node *o)
{
    return node_is(o, NODE_OBJECT) ? o->n_members : 0;
}

struct texts {
    const char **v;
    size_t n, cap;
};

static int by_text(const void *x, const void *y)
{
    return text_cmp(*(const char *const *)x, *(const char *const *)y);
}

static void sort_texts(struct texts *t)
{
    if (t->n > 1)
        qsort(t->v, t->n, sizeof *t->v, by_text);
}

/* "a, b"; NULL where there is none. */
static const char *join(struct arena *a, const struct texts *t, const char *between)
{
    BUF_AUTO b = BUF_INIT(LIMIT_ITEM_BYTES);
    for (size_t i = 0; i < t->n; i++) {
        buf_puts(&b, i > 0 ? between : "");
        buf_puts(&b, t->v[i]);
    }
    return t->n > 0 ? arena_strdup(a, buf_str(&b)) : NULL;
}

static const char *list_text(struct side *s, const struct node *list, bool ordered)
{
    struct texts t = {0};
    for (size_t i = 0; i < n_items(list); i++)
        VEC_PUSH(s->arena, &t, item(list, i));
    if (!ordered)
        sort_texts(&t);
    return join(s->arena, &t, ", ");
}

static const char *digest_text(struct arena *a, const char *s)
{
    return arena_printf(a, "sha256:%.12s", digest_sha256(a, s, strlen(s)));
}

/* --- putting fields ----------------------------------------------------------------------------------------------------------
 */

static bool is_limit(enum key key)
{
    return key == KEY_MEMORY || key == KEY_MEMORY_SWAP || key == KEY_CPUS || key == KEY_PIDS;
}

/* The class counts of the wanted side, or of the observed one where the field goes: and what goes is never patched, but for
 * the swap, which the update of a memory limit brings back to what the engine makes of it. */
static enum field_class class_of(const struct side *s, enum key key)
{
    bool settable = !s->observed || (key == KEY_MEMORY_SWAP && s->want != NULL && number(s->want->host, "Memory") > 0);
    return s->kind == KIND_SANDBOX && is_limit(key) && settable ? FIELD_PATCH : FIELD_RECREATE;
}

static struct field *put_named(struct side *s, enum key key, const char *name, const char *value)
{
    struct field *f = VEC_ADD(s->arena, &s->out);
    *f = (struct field){.name = name, .value = value, .class = class_of(s, key)};
    return f;
}

/* value NULL: not set. */
static void put(struct side *s, enum key key, const char *value)
{
    if (value != NULL)
        (void)put_named(s, key, keys[key].name[s->kind], value);
}

static struct field *put_one_of(struct side *s, enum key key, const char *which, const char *value)
{
    const char *prefix = keys[key].name[s->kind];
    bool bracket = prefix[strlen(prefix) - 1] == '[';
    return put_named(s, key, arena_printf(s->arena, "%s%s%s", prefix, which, bracket ? "]" : ""), value);
}

/* --- image, network, process ---------------------------------------------------------------------------------------------------
 */

static void put_image(struct side *s)
{
    const char *ref = set_text(s->config, "Image");
    if (ref == NULL)
        return;
    const char *wanted = s->want != NULL ? text(s->want->config, "Image") : "";
    put(s, KEY_IMAGE, engine_short_image(s->arena, engine_shows_image(s->arena, ref, wanted) ? wanted : ref));
}

static void put_network(struct side *s)
{
    const char *mode = text(s->host, "NetworkMode"), *wanted = s->want != NULL ? text(s->want->host, "NetworkMode") : "";
    if (*mode == '\0' || strcmp(mode, "default") == 0)
        mode = "bridge";
    /* The engine keeps the id of a container that is given by name. */
    if (text_has_prefix(mode, "container:") && text_has_prefix(wanted, "container:") && strlen(mode) == strlen("container:") + 64)
        mode = wanted;
    put(s, KEY_NETWORK, mode);
}

/* A text of Config that the image gives where the body does not. */
static const char *own_text(const struct side *s, const char *key)
{
    const char *value = set_text(s->config, key);
    if (!s->observed || value == NULL || s->want == NULL || set_text(s->want->config, key) != NULL)
        return value;
    return s->image == NULL || strcmp(value, text(s->image, key)) == 0 ? NULL : value;
}

/* The same for a list of words. */
static const char *own_words(struct side *s, const char *key)
{
    const struct node *list = node_get(s->config, key);
    if (n_items(list) == 0)
        return NULL;
    if (s->observed && s->want != NULL && n_items(node_get(s->want->config, key)) == 0 &&
        (s->image == NULL || node_equal(list, node_get(s->image, key))))
        return NULL;
    return node_json(s->arena, list);
}

static void put_process(struct side *s)
{
    const char *workdir = own_text(s, "WorkingDir");
    put(s, KEY_USER, own_text(s, "User"));
    if (workdir != NULL)
        put(s, KEY_WORKDIR, *workdir == '/' ? path_resolve(s->arena, "/", workdir) : workdir);
    put(s, KEY_COMMAND, own_words(s, "Cmd"));
    put(s, KEY_ENTRYPOINT, own_words(s, "Entrypoint"));
    put(s, KEY_INIT, is_true(s->host, "Init") ? "true" : NULL);
}

/* --- confinement
 * ------------------------------------------------------------------------------------------------------------------ */

/* "cap_net_raw" and "NET_RAW" are one; "ALL" holds every other. */
static const char *caps_text(struct side *s, const char *key)
{
    const struct node *list = node_get(s->host, key);
    struct texts t = {0};
    for (size_t i = 0; i < n_items(list); i++) {
        char *cap = arena_strdup(s->arena, item(list, i));
        for (char *p = cap; *p != '\0'; p++)
            *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
        cap += text_has_prefix(cap, "CAP_") ? strlen("CAP_") : 0;
        if (strcmp(cap, "ALL") == 0)
            return "ALL";
        VEC_PUSH(s->arena, &t, cap);
    }
    sort_texts(&t);
    size_t kept = 0;
    for (size_t i = 0; i < t.n; i++)
        if (kept == 0 || strcmp(t.v[i], t.v[kept - 1]) != 0)
            t.v[kept++] = t.v[i];
    t.n = kept;
    return join(s->arena, &t, ", ");
}

static const char *option_value(const char *option, const char *name)
{
    size_t n = strlen(name);
    return strncmp(option, name, n) == 0 && (option[n] == '=' || option[n] == ':') ? option + n + 1 : NULL;
}

static void put_security(struct side *s)
{
    const struct node *list = node_get(s->host, "SecurityOpt");
    struct texts rest = {0};
    for (size_t i = 0; i < n_items(list); i++) {
        const char *option = item(list, i), *value;
        if ((value = option_value(option, "seccomp")) != NULL) {
            put(s, KEY_SECCOMP, *value == '{' ? digest_text(s->arena, value) : value);
        } else if ((value = option_value(option, "apparmor")) != NULL) {
            put(s, KEY_APPARMOR, value);
        } else {
            value = option_value(option, "no-new-privileges");
            if (value == NULL || strcmp(value, "false") != 0)
                VEC_PUSH(s->arena, &rest, value != NULL ? "no-new-privileges" : option);
        }
    }
    sort_texts(&rest);
    put(s, KEY_SECURITY, join(s->arena, &rest, ", "));
    put(s, KEY_CAP_ADD, caps_text(s, "CapAdd"));
    put(s, KEY_CAP_DROP, caps_text(s, "CapDrop"));
    put(s, KEY_READ_ONLY_ROOT, is_true(s->host, "ReadonlyRootfs") ? "true" : "false");
    put(s, KEY_PRIVILEGED, is_true(s->host, "Privileged") ? "true" : NULL);
    put(s, KEY_PID_MODE, set_text(s->host, "PidMode"));
    const char *ipc = set_text(s->host, "IpcMode");
    bool own_ipc = ipc == NULL || strcmp(ipc, "private") == 0 || strcmp(ipc, "shareable") == 0;
    put(s, KEY_IPC_MODE, own_ipc ? NULL : ipc);
}

/* --- limits
 * ------------------------------------------------------------------------------------------------------------------------ */

static const char *hash_of(const struct node *config)
{
    const struct node *labels = node_get(config, "Labels");
    const char *hash = set_text(labels, ENGINE_LABEL_OPENCLAW_HASH);
    return hash != NULL ? hash : set_text(labels, ENGINE_LABEL_HASH);
}

static const char *size_text(struct side *s, int64_t bytes)
{
    return engine_format_size(bytes, arena_alloc(s->arena, ENGINE_VALUE_MAX));
}

static void put_memory(struct side *s)
{
    int64_t memory = number(s->host, "Memory"), swap = number(s->host, "MemorySwap");
    if (s->observed && s->want != NULL) {
        /* A kernel that cannot limit memory, or swap: the engine makes the container without (and warned). Nobody can take a
         * limit away later, so that this is no drift where the container was made from the very config. */
        int64_t wanted = number(s->want->host, "Memory");
        if (memory == 0 && wanted > 0 && text_eq(hash_of(s->config), hash_of(s->want->config)))
            memory = wanted;
        if (swap == -1 && number(s->want->host, "MemorySwap") == 0)
            swap = 0;
    }
    put(s, KEY_MEMORY, memory > 0 ? size_text(s, memory) : NULL);
    /* Without another word, the engine allows as much swap as memory again. */
    bool by_default = swap == 0 || (memory > 0 && memory <= INT64_MAX / 2 && swap == memory * 2);
    put(s, KEY_MEMORY_SWAP, by_default ? NULL : size_text(s, swap));
}

static int64_t nano_cpus(const struct node *host)
{
    int64_t nano = number(host, "NanoCpus"), quota = number(host, "CpuQuota"), period = number(host, "CpuPeriod");
    if (nano != 0 || quota <= 0 || period <= 0)
        return nano;
    return (int64_t)((double)quota / (double)period * 1e9 + 0.5); /* as Podman tells it */
}

static void put_ulimits(struct side *s)
{
    const struct node *list = node_get(s->host, "Ulimits");
    for (size_t i = 0; i < n_items(list); i++) {
        const char *name = set_text(list->items[i], "Name");
        if (name == NULL)
            continue;
        bool podman = text_has_prefix(name, "RLIMIT_");
        char *lower = arena_strdup(s->arena, name + (podman ? strlen("RLIMIT_") : 0));
        for (char *p = lower; *p != '\0'; p++)
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        const struct node *wanted = s->want != NULL ? node_get(s->want->host, "Ulimits") : NULL;
        bool asked = !podman || s->want == NULL; /* Podman lists its own defaults too */
        for (size_t k = 0; k < n_items(wanted); k++)
            asked = asked || strcmp(text(wanted->items[k], "Name"), lower) == 0;
        int64_t soft = number(list->items[i], "Soft"), hard = number(list->items[i], "Hard");
        if (asked && soft == hard)
            (void)put_one_of(s, KEY_ULIMIT, lower, arena_printf(s->arena, "%" PRId64, soft));
        else if (asked)
            (void)put_one_of(s, KEY_ULIMIT, lower, arena_printf(s->arena, "%" PRId64 ":%" PRId64, soft, hard));
    }
}

/* In the words of --gpus. */
static const char *gpu_text(struct side *s, const struct node *request)
{
    struct texts t = {0};
    int64_t count = number(request, "Count");
    if (*text(request, "Driver") != '\0')
        VEC_PUSH(s->arena, &t, arena_printf(s->arena, "driver=%s", text(request, "Driver")));
    const char *devices = list_text(s, node_get(request, "DeviceIDs"), true);
    if (devices != NULL)
        VEC_PUSH(s->arena, &t, arena_printf(s->arena, "device=%s", devices));
    if (count != 0 || devices == NULL)
        VEC_PUSH(s->arena, &t, count == -1 ? "all" : arena_printf(s->arena, "%" PRId64, count));
    const struct node *any = node_get(request, "Capabilities");
    for (size_t i = 0; i < n_items(any); i++) {
        const char *all = list_text(s, any->items[i], false);
        if (all != NULL && strcmp(all, "gpu") != 0)
            VEC_PUSH(s->arena, &t, arena_printf(s->arena, "capabilities=%s", all));
    }
    const struct node *options = node_get(request, "Options");
    for (size_t i = 0; i < n_members(options); i++)
        VEC_PUSH(s->arena, &t, arena_printf(s->arena, "%s=%s", options->members[i].key, text(options, options->members[i].key)));
    return join(s->arena, &t, " ");
}

static const char *device_text(struct side *s, const struct node *d)
{
    return arena_printf(s->arena, "%s:%s:%s", text(d, "PathOnHost"), text(d, "PathInContainer"), text(d, "CgroupPermissions"));
}

static const char *texts_of(struct side *s, const char *key, const char *(*one)(struct side *, const struct node *))
{
    const struct node *list = node_get(s->host, key);
    struct texts t = {0};
    for (size_t i = 0; i < n_items(list); i++)
        VEC_PUSH(s->arena, &t, one(s, list->items[i]));
    sort_texts(&t);
    return join(s->arena, &t, ", ");
}

static void put_limits(struct side *s)
{
    int64_t pids = number(s->host, "PidsLimit"), nano = nano_cpus(s->host);
    put_memory(s);
    put(s, KEY_PIDS, pids > 0 ? arena_printf(s->arena, "%" PRId64, pids) : NULL);
    put(s, KEY_CPUS, nano > 0 ? engine_format_cpus(nano, arena_alloc(s->arena, ENGINE_VALUE_MAX)) : NULL);
    put_ulimits(s);
    put(s, KEY_GPUS, texts_of(s, "DeviceRequests", gpu_text));
    put(s, KEY_DEVICES, texts_of(s, "Devices", device_text));
}

/* --- environment
 * ---------------------------------------------------------------------------------------------------------------------- */

/* Variables of a browser that say what the owner has set under another key. */
static const struct {
    const char *variable, *key;
} browser_keys[] = {
    {"OPENCLAW_BROWSER_HEADLESS", "browser.headless"},
    {"OPENCLAW_BROWSER_ENABLE_NOVNC", NULL}, /* by the line of OpenClaw */
    {"OPENCLAW_BROWSER_CDP_PORT", "browser.cdpPort"},
    {"OPENCLAW_BROWSER_AUTO_START_TIMEOUT_MS", "browser.autoStartTimeoutMs"},
    {"OPENCLAW_BROWSER_CDP_SOURCE_RANGE", "browser.cdpSourceRange"},
    {"OPENCLAW_BROWSER_VNC_PORT", "browser.vncPort"},
    {"OPENCLAW_BROWSER_NOVNC_PORT", "browser.noVncPort"},
};

/* Made anew for every browser: no settings. */
static bool is_browser_secret(const struct side *s, const char *name)
{
    return s->kind == KIND_BROWSER &&
           (strcmp(name, "OPENCLAW_BROWSER_NOVNC_PASSWORD") == 0 || strcmp(name, "OPENCLAW_BROWSER_CDP_AUTH_TOKEN") == 0);
}

/* What the owner of the wanted browser writes to have noVNC. */
static const char *no_vnc_key(const struct side *s)
{
    const struct node *labels = node_get((s->want != NULL ? s->want : s)->config, "Labels");
    const struct oc_profile *line = oc_line(oc_profile_of_browser(set_text(labels, "openclaw.browserConfigEpoch")));
    return arena_printf(s->arena, "browser.%s", line->no_vnc_key);
}

/* The last "NAME=value" of that name, or NULL. */
static const struct node *find_variable(const struct node *env, const char *name, size_t n)
{
    const struct node *found = NULL;
    for (size_t i = 0; i < n_items(env); i++) {
        const char *s = item(env, i);
        if (strncmp(s, name, n) == 0 && s[n] == '=')
            found = env->items[i];
    }
    return found;
}

/* Whether a value might be a credential, by its name or its looks: 16 or more letters and digits without a break. */
static bool looks_secret(const char *name, const char *value)
{
    static const char *const words[] = {"KEY", "TOKEN", "PASS", "SECRET", "CRED", "AUTH", "COOKIE", "SESSION", "PRIVATE", "DSN"};
    static const char broken[] = " /.:,;~$\\";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(name, words[i]) != NULL)
            return true;
    size_t run = strcspn(value, broken);
    return run >= 16 && value[run] == '\0' && strcspn(value, "0123456789") < run;
}

/* Whether the label of whoever made the container says so. */
static bool was_secret(const struct side *s, const char *name)
{
    const char *p = set_text(node_get(s->config, "Labels"), ENGINE_LABEL_SECRETS);
    size_t n = strlen(name);
    for (; p != NULL; p = strchr(p, '='), p = p != NULL ? p + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == '=' || p[n] == '\0'))
            return true;
    return false;
}

static void put_variable(struct side *s, const struct node *pair, const char *name, const char *value)
{
    const struct node *wanted = s->want != NULL ? find_variable(node_get(s->want->config, "Env"), name, strlen(name)) : NULL;
    if (s->observed && s->want != NULL && wanted == NULL) {
        const struct node *given = find_variable(node_get(s->image, "Env"), name, strlen(name));
        if (s->image == NULL || (given != NULL && strcmp(given->s, pair->s) == 0))
            return;
    }
    for (size_t i = 0; s->kind == KIND_BROWSER && i < sizeof browser_keys / sizeof *browser_keys; i++)
        if (strcmp(browser_keys[i].variable, name) == 0) {
            (void)put_named(s, KEY_ENV, browser_keys[i].key != NULL ? browser_keys[i].key : no_vnc_key(s), value);
            return;
        }
    struct field *f = put_one_of(s, KEY_ENV, name, value);
    /* What goes may have been a secret when it came. */
    f->sensitive = pair->secret || looks_secret(name, value) || was_secret(s, name) || (wanted != NULL && wanted->secret) ||
                   (s->observed && s->want != NULL && wanted == NULL);
}

static void put_env(struct side *s)
{
    const struct node *env = node_get(s->config, "Env");
    for (size_t i = 0; i < n_items(env); i++) {
        const char *pair = item(env, i);
        size_t n = strcspn(pair, "=");
        if (n == 0 || pair[n] != '=')
            continue;
        const char *name = arena_memdup0(s->arena, pair, n);
        if (!is_browser_secret(s, name))
            put_variable(s, env->items[i], name, pair + n + 1);
    }
}

/* --- mounts
 * ------------------------------------------------------------------------------------------------------------------------------
 */

/* The options that change what the sandbox can do; rw and the rest are what every bind has, z and Z work at creation only. */
static const char *mount_options(struct side *s, const char *options)
{
    static const char *const ignored[] = {"rw", "rbind", "bind", "rprivate", "private", "z", "Z", ""};
    struct texts t = {0};
    for (const char *p = options;;) {
        size_t n = strcspn(p, ",");
        const char *option = arena_memdup0(s->arena, p, n);
        bool keep = true;
        for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
            keep = keep && strcmp(option, ignored[i]) != 0;
        if (keep)
            VEC_PUSH(s->arena, &t, option);
        if (p[n] == '\0')
            break;
        p += n + 1;
    }
    sort_texts(&t);
    const char *joined = join(s->arena, &t, ",");
    return joined != NULL ? joined : "";
}

static void put_mount(struct side *s, const char *target, const char *value)
{
    const char *path = *target == '/' ? path_resolve(s->arena, "/", target) : target;
    /* A browser's body does not tell docker.workdir: its workspace is known by the usual place alone. */
    const char *workdir = s->kind == KIND_CONTAINER ? own_text(s, "WorkingDir") : NULL;
    workdir = workdir != NULL && *workdir == '/' ? path_resolve(s->arena, "/", workdir) : "/workspace";
    if (s->kind != KIND_SANDBOX && strcmp(path, workdir) == 0)
        (void)put_named(s, KEY_BIND, "workspaceDir", value);
    else if (s->kind != KIND_SANDBOX && strcmp(path, "/agent") == 0)
        (void)put_named(s, KEY_BIND, "agentWorkspaceDir", value);
    else
        (void)put_one_of(s, KEY_BIND, path, value);
}

static void put_mounts(struct side *s)
{
    const struct node *binds = node_get(s->host, "Binds"), *volumes = node_get(s->config, "Volumes");
    for (size_t i = 0; i < n_items(binds); i++) {
        struct engine_volume v;
        struct err ignored = {0};
        if (engine_parse_volume(s->arena, item(binds, i), &v, &ignored) < 0 || v.source == NULL)
            continue;
        const char *source = *v.source == '/' ? path_resolve(s->arena, "/", v.source) : v.source;
        const char *options = mount_options(s, v.options);
        put_mount(s, v.target, *options != '\0' ? arena_printf(s->arena, "%s:%s", source, options) : source);
    }
    for (size_t i = 0; i < n_members(volumes); i++) {
        const char *target = volumes->members[i].key;
        bool asked = s->want == NULL || node_get(node_get(s->want->config, "Volumes"), target) != NULL;
        if (asked || (s->image != NULL && node_get(node_get(s->image, "Volumes"), target) == NULL))
            put_mount(s, target, "(anonymous volume)");
    }
    const struct node *tmpfs = node_get(s->host, "Tmpfs");
    for (size_t i = 0; i < n_members(tmpfs); i++) {
        const char *target = tmpfs->members[i].key, *options = text(tmpfs, target);
        const struct node *wanted = s->want != NULL ? node_get(node_get(s->want->host, "Tmpfs"), target) : NULL;
        /* Podman writes its own defaults behind what was asked. */
        const char *asked = node_str(wanted);
        if (asked != NULL && (text_has_prefix(options, asked)) && strstr(options, "tmpcopyup") != NULL)
            options = asked;
        (void)put_one_of(s, KEY_TMPFS, target, *options != '\0' ? options : "(default)");
    }
}

static void put_ports(struct side *s)
{
    const struct node *ports = node_get(s->host, "PortBindings");
    for (size_t i = 0; i < n_members(ports); i++) {
        const struct node *list = ports->members[i].value;
        struct texts t = {0};
        for (size_t k = 0; k < n_items(list); k++) {
            const char *ip = text(list->items[k], "HostIp"), *port = text(list->items[k], "HostPort");
            VEC_PUSH(s->arena, &t, arena_printf(s->arena, "%s:%s", ip, strcmp(port, "0") == 0 ? "" : port));
        }
        sort_texts(&t);
        const char *value = join(s->arena, &t, ", ");
        if (value != NULL)
            (void)put_one_of(s, KEY_PORT, ports->members[i].key, value);
    }
}

/* --- labels
 * -------------------------------------------------------------------------------------------------------------------------------
 */

/* Whether a label says how the container is to be, rather than whose it is or when it was made. */
static bool is_setting(const struct side *s, const char *label)
{
    if (strcmp(label, ENGINE_LABEL_OPENCLAW_HASH) == 0 || strcmp(label, "openclaw.createdAtMs") == 0)
        return false;
    if (s->kind != KIND_SANDBOX)
        return text_has_prefix(label, "openclaw.");
    return !text_has_prefix(label, "reconclaw.");
}

static void put_labels(struct side *s)
{
    const struct node *labels = node_get(s->config, "Labels");
    for (size_t i = 0; i < n_members(labels); i++) {
        const char *name = labels->members[i].key, *value = text(labels, name);
        if (!is_setting(s, name))
            continue;
        bool asked = s->want == NULL || node_get(node_get(s->want->config, "Labels"), name) != NULL;
        const char *given = node_str(node_get(node_get(s->image, "Labels"), name));
        if (asked || (s->image != NULL && !text_eq(given, value)))
            (void)put_one_of(s, KEY_LABEL, name, value);
    }
    const char *setup = set_text(labels, ENGINE_LABEL_SETUP);
    put(s, KEY_SETUP, setup != NULL ? arena_printf(s->arena, "sha256:%.12s", setup) : NULL);
}

/* --- the whole
 * ---------------------------------------------------------------------------------------------------------------------------- */

static enum kind kind_of(const struct node *config)
{
    const struct node *labels = node_get(config, "Labels");
    if (node_get(labels, ENGINE_LABEL_OPENCLAW_BROWSER) != NULL)
        return KIND_BROWSER;
    return node_get(labels, ENGINE_LABEL_OPENCLAW) != NULL || node_get(labels, ENGINE_LABEL_OPENCLAW_HASH) != NULL
               ? KIND_CONTAINER
               : KIND_SANDBOX;
}

static struct side body_side(struct arena *a, const struct node *body)
{
    return (struct side){.arena = a, .kind = kind_of(body), .config = body, .host = node_get(body, "HostConfig")};
}

static struct fields collect(struct side *s)
{
    put_image(s);
    put_network(s);
    put_process(s);
    put_security(s);
    put_limits(s);
    put(s, KEY_DNS, list_text(s, node_get(s->host, "Dns"), true));
    put(s, KEY_EXTRA_HOSTS, list_text(s, node_get(s->host, "ExtraHosts"), false));
    put_env(s);
    put_mounts(s);
    put_ports(s);
    put_labels(s);
    return fields_make(s->arena, s->out.v, s->out.n);
}

static struct fields with_hash(struct side *s, const char *hash)
{
    put(s, KEY_HASH, hash);
    return fields_make(s->arena, s->out.v, s->out.n);
}

struct fields engine_body_fields(struct arena *a, const struct node *body)
{
    struct side s = body_side(a, body);
    if (!node_is(body, NODE_OBJECT))
        return (struct fields){0};
    (void)collect(&s);
    return with_hash(&s, hash_of(body));
}

int engine_inspect_fields(struct arena *a, const struct node *inspect, const struct node *want, const struct node *image,
                          struct fields *ret, struct err *e)
{
    const struct node *config = node_get(inspect, "Config"), *host = node_get(inspect, "HostConfig");
    if (!node_is(config, NODE_OBJECT) || !node_is(host, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "the engine's reply is no container: it has no Config or no HostConfig");
    struct side w = body_side(a, want);
    struct side s = {.arena = a,
                     .kind = want != NULL ? w.kind : kind_of(config),
                     .observed = true,
                     .config = config,
                     .host = host,
                     .want = want != NULL ? &w : NULL,
                     .image = node_get(image, "Config")};
    struct fields seen = collect(&s);
    const char *hash = hash_of(config);
    if (want != NULL) {
        /* Another field explains why the hash is another one: then the hash itself is not shown. */
        struct field_change *changes;
        if (fields_diff(a, collect(&w), seen, &changes) > 0)
            hash = hash_of(want);
    }
    *ret = with_hash(&s, hash);
    return 0;
}

const char *engine_secret_names(struct arena *a, const struct node *body)
{
    const struct node *env = node_get(body, "Env");
    const char *names = NULL;
    for (size_t i = 0; i < n_items(env); i++) {
        const char *pair = item(env, i);
        if (env->items[i]->secret)
            names =
                arena_printf(a, "%s%s%.*s", names != NULL ? names : "", names != NULL ? "=" : "", (int)strcspn(pair, "="), pair);
    }
    return names;
}

struct node *engine_update_body(struct arena *a, const struct node *body)
{
    const struct node *host = node_get(body, "HostConfig");
    struct node *o = node_object(a);
    int64_t memory = number(host, "Memory"), swap = number(host, "MemorySwap"), nano = number(host, "NanoCpus");
    int64_t pids = number(host, "PidsLimit");
    if (memory > 0) {
        node_set(a, o, "Memory", node_number(a, (double)memory));
        node_set(a, o, "MemorySwap", node_number(a, swap != 0 ? (double)swap : (double)memory * 2));
    }
    if (nano > 0)
        node_set(a, o, "NanoCpus", node_number(a, (double)nano));
    if (pids > 0)
        node_set(a, o, "PidsLimit", node_number(a, (double)pids));
    return o;
}
