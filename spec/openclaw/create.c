#include "spec/openclaw/create.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/path.h"
#include "spec/base/vec.h"
#include "spec/engine_ref.h"
#include "spec/engine_value.h"
#include "spec/openclaw/hash.h"
#include "spec/openclaw/names.h"

#include <inttypes.h>
#include <string.h>

struct names {
    const char **v;
    size_t n, cap;
};

struct builder {
    struct arena *arena;
    const struct oc_host *host;
    const struct oc_runtime *r;
    const struct oc_profile *line;
    struct node *body, *host_config;
    struct node *env; /* name -> "NAME=value": the docker command keeps the last of each name */
    struct names blocked, odd;
    const char *own; /* where image and network are set: "docker" or "browser" */
    struct err *err;
};

/* key: one of the Engine's, a literal. */
static struct node *set(struct builder *b, struct node *o, const char *key, struct node *v)
{
    return node_put(b->arena, o, key, v)->value;
}

static struct node *setting(const struct builder *b, const char *key)
{
    return node_get(b->r->docker, key);
}

/* --- text as it arrives through argv ------------------------------------------------------------------------------------------
 */

/* Node gives a child lone surrogates as U+FFFD and refuses NULs. */
static int argument(struct builder *b, const char *s, size_t n, const char **ret)
{
    if (memchr(s, '\0', n) != NULL)
        return err_set(b->err, ERR_CONFIG, 0, "holds a NUL");
    size_t out_n;
    *ret = oc_well_formed(b->arena, s, n, &out_n);
    return 0;
}

static int node_argument(struct builder *b, const struct node *n, const char **ret)
{
    return node_is(n, NODE_STRING) ? argument(b, n->s, n->s_n, ret) : argument(b, "", 0, ret);
}

/* The string under key as an argument; "" where there is none. */
static int text_setting(struct builder *b, const char *key, const char **ret)
{
    return node_argument(b, setting(b, key), ret) < 0 ? err_wrap(b->err, "docker.%s", key) : 0;
}

/* As text_setting, for what a browser has of its own. */
static int own_setting(struct builder *b, const char *key, const char **ret)
{
    return node_argument(b, setting(b, key), ret) < 0 ? err_wrap(b->err, "%s.%s", b->own, key) : 0;
}

static struct node *text(struct builder *b, const char *s)
{
    return node_string(b->arena, s);
}

/* Calls `each` with every string of the array under key; its error is wrapped with the item. */
static int for_each(struct builder *b, const char *key, int (*each)(struct builder *b, const char *s))
{
    const struct node *list = setting(b, key);
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
        const char *s = "";
        if (node_argument(b, list->items[i], &s) < 0 || each(b, s) < 0)
            return err_wrap(b->err, "docker.%s[%zu]", key, i);
    }
    return 0;
}

static void push_text(struct builder *b, struct node *o, const char *key, const char *s)
{
    struct node *list = node_get(o, key);
    if (!node_is(list, NODE_ARRAY))
        list = set(b, o, key, node_array(b->arena));
    node_push(b->arena, list, text(b, s));
}

/* --- environment ---------------------------------------------------------------------------------------------------------------
 */

/* OpenClaw's list of single names is covered by its endings, but for these two. */
static const char *const blocked_names[] = {"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"};
static const char *const blocked_endings[] = {"API_KEY", "TOKEN", "PASSWORD", "PRIVATE_KEY", "SECRET"};

bool oc_env_is_credential(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof blocked_names / sizeof *blocked_names; i++)
        if (strcasecmp(name, blocked_names[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof blocked_endings / sizeof *blocked_endings; i++) {
        size_t m = strlen(blocked_endings[i]);
        if (n >= m && strcasecmp(name + n - m, blocked_endings[i]) == 0)
            return true;
    }
    return false;
}

/* A long run of the base64 alphabet, or simply long: OpenClaw warns of such values. */
static bool value_is_odd(const struct builder *b, const char *s, size_t n)
{
    enum { MAX_LENGTH = 32768, MIN_BASE64 = 80 };
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    return (b->line->env_by_file ? n : js_length(s, n)) > MAX_LENGTH || (n >= MIN_BASE64 && strspn(s, base64) == n);
}

/* What a line of the file can hold: OpenClaw refuses the rest, and the docker command lines that do not fit its buffer. */
static int check_file_line(struct builder *b, const char *name, const char *value)
{
    enum { MAX_LINE = 65535 };
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char others[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    if (strspn(name, letters) == 0 || name[strspn(name, others)] != '\0')
        return err_set(b->err, ERR_CONFIG, 0, "'%s' is no name of a variable (wanted: letters, digits and _)", name);
    if (strpbrk(value, "\r\n") != NULL)
        return err_set(b->err, ERR_CONFIG, 0, "the value of '%s' has more than one line", name);
    if (strlen(name) + 1 + strlen(value) > MAX_LINE)
        return err_set(b->err, ERR_CONFIG, 0, "'%s' is longer than %d bytes with its value", name, MAX_LINE);
    return 0;
}

static int add_env(struct builder *b, const char *name, const char *value, bool secret)
{
    if (*name == '=' || *name == '\0')
        return err_set(b->err, ERR_CONFIG, 0, "the name of a variable is empty");
    struct node *v = node_printf(b->arena, "%s=%s", name, value);
    v->secret = secret;
    node_set_n(b->arena, b->env, name, strcspn(name, "="), v);
    return 0;
}

static int sanitize_env(struct builder *b)
{
    const struct node *env = setting(b, "env");
    for (size_t i = 0; node_is(env, NODE_OBJECT) && i < env->n_members; i++) {
        const struct node_member *m = &env->members[i];
        const struct node *v = m->value;
        if (strlen(m->key) != m->key_n)
            return err_set(b->err, ERR_CONFIG, 0, "docker.env: the name of a variable holds a NUL");
        const char *name = js_trim(b->arena, m->key), *value = "";
        /* OpenClaw's copy assigns to obj["__proto__"], which makes no member of it. */
        if (*name == '\0' || !node_is(v, NODE_STRING) || strcmp(name, "__proto__") == 0)
            continue;
        if ((!b->line->env_by_file && oc_env_is_credential(name)) || memchr(v->s, '\0', v->s_n) != NULL) {
            VEC_PUSH(b->arena, &b->blocked, name);
            continue;
        }
        if (value_is_odd(b, v->s, v->s_n))
            VEC_PUSH(b->arena, &b->odd, name);
        if (argument(b, name, strlen(name), &name) < 0 || argument(b, v->s, v->s_n, &value) < 0 ||
            (b->line->env_by_file && check_file_line(b, name, value) < 0) || add_env(b, name, value, v->secret) < 0)
            return err_wrap(b->err, "docker.env");
    }
    return add_env(b, "OPENCLAW_CLI", "1", false);
}

static int put_env(struct builder *b)
{
    struct node *list = set(b, b->body, "Env", node_array(b->arena)), *sorted = b->env;
    if (b->line->env_by_file && b->r->collator != NULL && oc_canonical(b->arena, b->r->collator, b->env, &sorted, b->err) < 0)
        return -1;
    for (size_t i = 0; i < sorted->n_members; i++)
        node_push(b->arena, list, sorted->members[i].value);
    return 0;
}

/* --- the parts of a body
 * --------------------------------------------------------------------------------------------------------- */

struct node *oc_create_labels(struct arena *a, const struct oc_runtime *r, bool is_browser)
{
    const struct oc_profile *line = oc_line(r->line);
    struct node *o = node_object(a);
    size_t n;
    node_set(a, o, "openclaw.sandbox", node_string(a, "1"));
    node_set(a, o, "openclaw.sessionKey", node_string(a, oc_well_formed(a, r->scope_key, strlen(r->scope_key), &n)));
    node_set(a, o, "openclaw.createdAtMs", node_printf(a, "%" PRId64, r->created_at_ms));
    node_set(a, o, "openclaw.mountFormatVersion", node_printf(a, "%d", line->mount_format_version));
    if (line->create_args_epoch != NULL)
        node_set(a, o, "openclaw.createArgsEpoch", node_string(a, line->create_args_epoch));
    if (r->config_hash != NULL && *r->config_hash != '\0')
        node_set(a, o, "openclaw.configHash", node_string(a, r->config_hash));
    if (is_browser) {
        node_set(a, o, "openclaw.sandboxBrowser", node_string(a, "1"));
        node_set(a, o, "openclaw.browserConfigEpoch", node_string(a, line->browser_epoch));
    }
    return o;
}

/* What the docker command (20.10.24, API 1.41) sends beside what this file sets. */
static const char *const empty_texts[] = {"ContainerIDFile", "VolumeDriver", "CgroupnsMode", "IpcMode",
                                          "Cgroup",          "PidMode",      "UTSMode",      "UsernsMode",
                                          "Isolation",       "CgroupParent", "CpusetCpus",   "CpusetMems"};
static const char *const zeros[] = {"OomScoreAdj",       "ShmSize",
                                    "CpuShares",         "Memory",
                                    "NanoCpus",          "BlkioWeight",
                                    "CpuPeriod",         "CpuQuota",
                                    "CpuRealtimePeriod", "CpuRealtimeRuntime",
                                    "KernelMemory",      "KernelMemoryTCP",
                                    "MemoryReservation", "MemorySwap",
                                    "PidsLimit",         "CpuCount",
                                    "CpuPercent",        "IOMaximumIOps",
                                    "IOMaximumBandwidth"};
static const char *const nulls[] = {"VolumesFrom",
                                    "CapAdd",
                                    "CapDrop",
                                    "ExtraHosts",
                                    "GroupAdd",
                                    "Links",
                                    "BlkioDeviceReadBps",
                                    "BlkioDeviceWriteBps",
                                    "BlkioDeviceReadIOps",
                                    "BlkioDeviceWriteIOps",
                                    "DeviceCgroupRules",
                                    "DeviceRequests",
                                    "Ulimits",
                                    "MaskedPaths",
                                    "ReadonlyPaths"};
static const char *const empty_lists[] = {"Dns", "DnsOptions", "DnsSearch", "BlkioWeightDevice", "Devices"};
static const char *const falses[] = {"AutoRemove", "Privileged", "PublishAllPorts", "OomKillDisable", "ReadonlyRootfs"};

#define FOR_TABLE(i, table) for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++)

static void put_defaults(struct builder *b)
{
    struct arena *a = b->arena;
    static const char *const texts[] = {"Hostname", "Domainname", "User", "WorkingDir"};
    static const char *const closed[] = {"AttachStdin", "Tty", "OpenStdin", "StdinOnce"};
    /* One node for all that is alike: what is set later takes a place, and changes none of these. */
    struct node *empty = text(b, ""), *no = node_bool(a, false), *yes = node_bool(a, true), *zero = node_number(a, 0),
                *null = node_null(a);

    node_reserve(a, b->body, 24);
    FOR_TABLE(i, texts)
    set(b, b->body, texts[i], empty);
    FOR_TABLE(i, closed)
    set(b, b->body, closed[i], no);
    set(b, b->body, "AttachStdout", yes);
    set(b, b->body, "AttachStderr", yes);
    set(b, b->body, "Cmd", null);
    set(b, b->body, "Entrypoint", null);
    set(b, b->body, "OnBuild", null);
    set(b, b->body, "Volumes", node_object(a));
    set(b, set(b, b->body, "NetworkingConfig", node_object(a)), "EndpointsConfig", node_object(a));

    struct node *h = b->host_config = set(b, b->body, "HostConfig", node_object(a));
    node_reserve(a, h, 72);
    FOR_TABLE(i, empty_texts)
    set(b, h, empty_texts[i], empty);
    FOR_TABLE(i, zeros)
    set(b, h, zeros[i], zero);
    FOR_TABLE(i, nulls)
    set(b, h, nulls[i], null);
    FOR_TABLE(i, empty_lists)
    set(b, h, empty_lists[i], node_array(a));
    FOR_TABLE(i, falses)
    set(b, h, falses[i], no);
    set(b, h, "MemorySwappiness", node_number(a, -1));
    set(b, h, "PortBindings", node_object(a));
    struct node *size = set(b, h, "ConsoleSize", node_array(a));
    node_push(a, size, zero);
    node_push(a, size, zero);
    struct node *log = set(b, h, "LogConfig", node_object(a));
    set(b, log, "Type", empty);
    set(b, log, "Config", node_object(a));
    struct node *restart = set(b, h, "RestartPolicy", node_object(a));
    set(b, restart, "Name", text(b, "no"));
    set(b, restart, "MaximumRetryCount", zero);
}

static int put_tmpfs(struct builder *b, const char *s)
{
    struct node *tmpfs = node_get(b->host_config, "Tmpfs");
    if (tmpfs == NULL)
        tmpfs = set(b, b->host_config, "Tmpfs", node_object(b->arena));
    size_t n = strcspn(s, ":");
    node_set_n(b->arena, tmpfs, s, n, text(b, s[n] == ':' ? s + n + 1 : ""));
    return 0;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int put_network(struct builder *b)
{
    const char *s;
    if (own_setting(b, "network", &s) < 0)
        return -1;
    if (*s != '\0' && js_is_blank(s))
        return err_set(b->err, ERR_CONFIG, 0, "%s.network: names no network", b->own);
    /* The docker command reads name=x,alias=y here, by which "name=host" would step round the check for "host". */
    for (const char *p = strchr(s, '='); p != NULL; p = strchr(p + 1, '='))
        if (p > s && is_word(p[-1]) && is_word(p[1]))
            return err_set(b->err, ERR_CONFIG, 0, "%s.network: '%s' is no plain name of a network", b->own, s);
    set(b, b->host_config, "NetworkMode", text(b, *s != '\0' ? s : "default"));
    return 0;
}

static int put_cap_drop(struct builder *b, const char *s)
{
    push_text(b, b->host_config, "CapDrop", s);
    return 0;
}

static int put_seccomp(struct builder *b)
{
    const char *s;
    if (text_setting(b, "seccompProfile", &s) < 0)
        return -1;
    if (*s == '\0')
        return 0;
    const struct fs *fs = b->host->fs;
    const char *path = path_resolve(b->arena, b->host->cwd, s);
    char *bytes, *json;
    size_t n, json_n;
    if (fs->read(fs->ctx, b->arena, path, LIMIT_SHARD_BYTES, &bytes, &n, b->err) < 0 ||
        engine_compact_json(b->arena, bytes, n, &json, &json_n, b->err) < 0) {
        b->err->class = ERR_CONFIG;
        return err_wrap(b->err, "docker.seccompProfile: '%s'", s);
    }
    /* Go's JSON encoder puts U+FFFD for what is no UTF-8. */
    push_text(b, b->host_config, "SecurityOpt",
              arena_printf(b->arena, "seccomp=%s", oc_well_formed(b->arena, json, json_n, &json_n)));
    return 0;
}

static int put_apparmor(struct builder *b)
{
    const char *s;
    if (text_setting(b, "apparmorProfile", &s) < 0)
        return -1;
    if (*s != '\0')
        push_text(b, b->host_config, "SecurityOpt", arena_printf(b->arena, "apparmor=%s", s));
    return 0;
}

static int put_dns(struct builder *b, const char *s)
{
    if (js_is_blank(s))
        return 0;
    const char *ip;
    if (engine_parse_ip(b->arena, s, &ip, b->err) < 0)
        return -1;
    push_text(b, b->host_config, "Dns", ip);
    return 0;
}

static int put_extra_host(struct builder *b, const char *s)
{
    if (js_is_blank(s))
        return 0;
    const char *host;
    if (engine_parse_extra_host(b->arena, s, &host, b->err) < 0)
        return -1;
    push_text(b, b->host_config, "ExtraHosts", host);
    return 0;
}

/* --- limits
 * ---------------------------------------------------------------------------------------------------------------------- */

/* A number as JavaScript writes it, a string trimmed; "" where there is none. */
static int limit_text(struct builder *b, const struct node *n, const char **ret)
{
    if (node_is(n, NODE_NUMBER)) {
        char *out = arena_alloc(b->arena, JS_NUMBER_MAX);
        *ret = n->num - n->num == 0 ? js_number(n->num, out) : "";
        return 0;
    }
    if (node_argument(b, n, ret) < 0)
        return -1;
    *ret = js_trim(b->arena, *ret);
    return 0;
}

static int put_size(struct builder *b, const char *key, const char *field, int (*parse)(const char *, int64_t *, struct err *))
{
    const char *s;
    int64_t bytes;
    if (limit_text(b, setting(b, key), &s) < 0)
        return err_wrap(b->err, "docker.%s", key);
    if (*s == '\0')
        return 0;
    if (parse(s, &bytes, b->err) < 0)
        return err_wrap(b->err, "docker.%s", key);
    set(b, b->host_config, field, node_number(b->arena, (double)bytes));
    return 0;
}

static int put_ulimits(struct builder *b)
{
    static const char *const keys[] = {"Name", "Hard", "Soft"};
    const struct node *all = setting(b, "ulimits");
    struct node *sorted = node_array(b->arena);
    for (size_t i = 0; node_is(all, NODE_OBJECT) && i < all->n_members; i++) {
        const char *name = "", *value = "";
        const struct node *v = all->members[i].value;
        if (argument(b, all->members[i].key, all->members[i].key_n, &name) < 0)
            return err_wrap(b->err, "docker.ulimits");
        if (js_is_blank(name))
            continue;
        if (node_is(v, NODE_OBJECT)) {
            const struct node *limits[] = {node_get(v, "soft"), node_get(v, "hard")};
            char text_of[2][JS_NUMBER_MAX] = {"", ""};
            for (size_t l = 0; l < 2; l++)
                if (node_is(limits[l], NODE_NUMBER))
                    (void)js_number(limits[l]->num > 0 ? limits[l]->num : 0, text_of[l]);
            bool both = *text_of[0] != '\0' && *text_of[1] != '\0';
            value = arena_printf(b->arena, "%s%s%s", text_of[0], both ? ":" : "", text_of[1]);
        } else if (limit_text(b, v, &value) < 0) {
            return err_wrap(b->err, "docker.ulimits.%s", name);
        }
        struct engine_ulimit u;
        if (*value == '\0')
            continue;
        if (engine_parse_ulimit(arena_printf(b->arena, "%s=%s", name, value), &u, b->err) < 0)
            return err_wrap(b->err, "docker.ulimits.%s", name);
        struct node *o = node_object(b->arena);
        node_set(b->arena, o, keys[0], text(b, u.name));
        node_set(b->arena, o, keys[1], node_number(b->arena, (double)u.hard));
        node_set(b->arena, o, keys[2], node_number(b->arena, (double)u.soft));
        size_t at = 0;
        while (at < sorted->n_items && strcmp(node_str(node_get(sorted->items[at], "Name")), u.name) < 0)
            at++;
        node_push(b->arena, sorted, o);
        memmove(sorted->items + at + 1, sorted->items + at, (sorted->n_items - 1 - at) * sizeof *sorted->items);
        sorted->items[at] = o;
    }
    if (sorted->n_items > 0)
        set(b, b->host_config, "Ulimits", sorted);
    return 0;
}

static int put_gpus(struct builder *b)
{
    const char *s;
    struct node *request;
    if (text_setting(b, "gpus", &s) < 0)
        return -1;
    s = js_trim(b->arena, s);
    if (*s == '\0')
        return 0;
    if (engine_parse_gpus(b->arena, s, &request, b->err) < 0)
        return err_wrap(b->err, "docker.gpus");
    node_push(b->arena, set(b, b->host_config, "DeviceRequests", node_array(b->arena)), request);
    return 0;
}

static int put_limits(struct builder *b)
{
    const struct node *pids = setting(b, "pidsLimit"), *cpus = setting(b, "cpus");
    char out[JS_NUMBER_MAX];
    if (node_is(pids, NODE_NUMBER) && pids->num > 0) {
        if (pids->num > JS_MAX_SAFE_INTEGER || pids->num != (double)(int64_t)pids->num)
            return err_set(b->err, ERR_CONFIG, 0, "docker.pidsLimit: '%s' is no whole number", js_number(pids->num, out));
        set(b, b->host_config, "PidsLimit", node_number(b->arena, pids->num));
    }
    if (node_is(cpus, NODE_NUMBER) && cpus->num > 0) {
        int64_t nano;
        if (engine_parse_cpus(js_number(cpus->num, out), &nano, b->err) < 0)
            return err_wrap(b->err, "docker.cpus");
        set(b, b->host_config, "NanoCpus", node_number(b->arena, (double)nano));
    }
    if (put_size(b, "memory", "Memory", engine_parse_size) < 0 ||
        put_size(b, "memorySwap", "MemorySwap", engine_parse_memory_swap) < 0)
        return -1;
    return put_gpus(b) < 0 ? -1 : put_ulimits(b);
}

/* --- mounts
 * ---------------------------------------------------------------------------------------------------------------------- */

/* One -v. The docker command keeps each text once. */
static int put_volume(struct builder *b, const char *s)
{
    struct engine_volume v;
    if (engine_parse_volume(b->arena, s, &v, b->err) < 0)
        return -1;
    if (v.source == NULL) {
        node_set(b->arena, node_get(b->body, "Volumes"), s, node_object(b->arena));
        return 0;
    }
    const struct node *binds = node_get(b->host_config, "Binds");
    for (size_t i = 0; binds != NULL && i < binds->n_items; i++)
        if (strcmp(binds->items[i]->s, s) == 0)
            return 0;
    push_text(b, b->host_config, "Binds", s);
    return 0;
}

static int put_mounts(struct builder *b)
{
    const struct oc_mounts *m = b->r->mounts;
    for (size_t i = 0; i < m->n; i++) {
        const char *s = "";
        if (argument(b, m->v[i].bind, strlen(m->v[i].bind), &s) < 0 || put_volume(b, s) < 0)
            return err_wrap(b->err, "%s", m->v[i].key);
    }
    return 0;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------------------------------- */

static int put_image(struct builder *b)
{
    const char *image;
    if (own_setting(b, "image", &image) < 0)
        return -1;
    if (engine_check_image(image, b->err) < 0)
        return err_wrap(b->err, "%s.image", b->own);
    set(b, b->body, "Image", text(b, image));
    return 0;
}

static int put_common(struct builder *b, bool is_browser)
{
    const struct oc_runtime *r = b->r;
    const char *roots[] = {r->workspace_dir, r->agent_workspace_dir}, *user;
    const struct node *read_only = setting(b, "readOnlyRoot");
    b->line = oc_line(r->line);
    if (oc_check_security(b->arena, b->line, b->host, r->docker, is_browser ? r->browser : NULL, roots, 2, NULL, b->err) < 0)
        return -1;
    b->body = node_object(b->arena);
    b->env = node_object(b->arena);
    put_defaults(b);
    set(b, b->body, "Labels", oc_create_labels(b->arena, r, is_browser));
    if (b->line->runs_init)
        set(b, b->host_config, "Init", node_bool(b->arena, true));
    set(b, b->host_config, "ReadonlyRootfs", node_bool(b->arena, node_is(read_only, NODE_BOOL) && read_only->b));
    push_text(b, b->host_config, "SecurityOpt", "no-new-privileges");
    if (text_setting(b, "user", &user) < 0 || put_image(b) < 0 || for_each(b, "tmpfs", put_tmpfs) < 0 || put_network(b) < 0 ||
        sanitize_env(b) < 0 || for_each(b, "capDrop", put_cap_drop) < 0 || put_seccomp(b) < 0 || put_apparmor(b) < 0 ||
        for_each(b, "dns", put_dns) < 0 || for_each(b, "extraHosts", put_extra_host) < 0 || put_limits(b) < 0)
        return -1;
    set(b, b->body, "User", text(b, user));
    return put_mounts(b);
}

static int finish(struct builder *b, struct oc_create *ret)
{
    if (put_env(b) < 0)
        return -1;
    *ret = (struct oc_create){
        .body = b->body, .blocked_env = b->blocked.v, .n_blocked_env = b->blocked.n, .odd_env = b->odd.v, .n_odd_env = b->odd.n};
    return 0;
}

int oc_create_container(struct arena *a, const struct oc_host *host, const struct oc_runtime *r, struct oc_create *ret,
                        struct err *e)
{
    struct builder b = {.arena = a, .host = host, .r = r, .own = "docker", .err = e};
    const char *workdir = "";
    if (put_common(&b, false) < 0 || text_setting(&b, "workdir", &workdir) < 0)
        return -1;
    set(&b, b.body, "WorkingDir", text(&b, workdir));
    struct node *cmd = set(&b, b.body, "Cmd", node_array(a));
    node_push(a, cmd, text(&b, "sleep"));
    node_push(a, cmd, text(&b, "infinity"));
    return finish(&b, ret);
}

/* --- browsers
 * -------------------------------------------------------------------------------------------------------------------- */

static bool is_true(const struct node *n)
{
    return node_is(n, NODE_BOOL) && n->b;
}

bool oc_wants_no_vnc(const struct oc_profile *line, const struct node *browser)
{
    return is_true(node_get(browser, oc_line(line)->no_vnc_key)) && !is_true(node_get(browser, "headless"));
}

const char *oc_cdp_source_range(struct arena *a, const struct oc_profile *line, const struct node *browser, const char *network,
                                const char *driver, const char *const *gateways, size_t n_gateways)
{
    const char *set_range = node_str(node_get(browser, "cdpSourceRange"));
    if (!js_is_blank(set_range))
        return js_trim(a, set_range);
    if (oc_line(line)->browser_has_token)
        return NULL;
    if (js_is_blank(driver) || strcmp(js_trim(a, driver), "bridge") == 0)
        for (size_t i = 0; i < n_gateways; i++)
            if (!js_is_blank(gateways[i]) && strchr(gateways[i], ':') == NULL)
                return arena_printf(a, "%s/32", js_trim(a, gateways[i]));
    return network != NULL && strcasecmp(js_trim(a, network), "none") == 0 ? "127.0.0.1/32" : NULL;
}

static int put_port(struct builder *b, const char *key)
{
    enum { MAX_PORT = 65535 };
    struct arena *a = b->arena;
    const struct node *port = node_get(b->r->browser, key);
    if (!node_is(port, NODE_NUMBER) || !(port->num >= 0 && port->num <= MAX_PORT) || port->num != (double)(int)port->num)
        return err_set(b->err, ERR_CONFIG, 0, "browser.%s: is no port (wanted: 1 to %d)", key, MAX_PORT);
    const char *name = arena_printf(a, "%d/tcp", (int)port->num);
    struct node *exposed = node_get(b->body, "ExposedPorts"), *bindings = node_get(b->host_config, "PortBindings");
    if (exposed == NULL)
        exposed = set(b, b->body, "ExposedPorts", node_object(a));
    node_set(a, exposed, name, node_object(a));
    struct node *list = node_get(bindings, name), *binding = node_object(a);
    if (list == NULL)
        list = node_set(a, bindings, name, node_array(a))->value;
    set(b, binding, "HostIp", text(b, "127.0.0.1"));
    set(b, binding, "HostPort", text(b, ""));
    node_push(a, list, binding);
    return 0;
}

static int put_browser_env(struct builder *b)
{
    const struct node *browser = b->r->browser;
    const struct {
        const char *name, *key;
    } from[] = {{"OPENCLAW_BROWSER_HEADLESS", "headless"}, {"OPENCLAW_BROWSER_ENABLE_NOVNC", b->line->no_vnc_key},
                {"OPENCLAW_BROWSER_CDP_PORT", "cdpPort"},  {"OPENCLAW_BROWSER_AUTO_START_TIMEOUT_MS", "autoStartTimeoutMs"},
                {"OPENCLAW_BROWSER_VNC_PORT", "vncPort"},  {"OPENCLAW_BROWSER_NOVNC_PORT", "noVncPort"}};
    FOR_TABLE(i, from)
    {
        const struct node *v = node_get(browser, from[i].key);
        char out[JS_NUMBER_MAX];
        const char *value = node_is(v, NODE_NUMBER) ? js_number(v->num, out) : is_true(v) ? "1" : "0";
        if (add_env(b, from[i].name, value, false) < 0)
            return -1;
    }
    if (b->r->cdp_source_range != NULL) {
        const char *range;
        if (argument(b, b->r->cdp_source_range, strlen(b->r->cdp_source_range), &range) < 0)
            return err_wrap(b->err, "browser.cdpSourceRange");
        (void)add_env(b, "OPENCLAW_BROWSER_CDP_SOURCE_RANGE", range, false);
    }
    (void)add_env(b, "OPENCLAW_BROWSER_NO_SANDBOX", "1", false);
    if (oc_wants_no_vnc(b->line, browser) && b->r->no_vnc_password != NULL)
        (void)add_env(b, "OPENCLAW_BROWSER_NOVNC_PASSWORD", b->r->no_vnc_password, true);
    if (b->line->browser_has_token && b->r->cdp_token != NULL)
        (void)add_env(b, OC_BROWSER_TOKEN_VARIABLE, b->r->cdp_token, true);
    return 0;
}

int oc_create_browser(struct arena *a, const struct oc_host *host, const struct oc_runtime *r, struct oc_create *ret,
                      struct err *e)
{
    struct builder b = {.arena = a, .host = host, .r = r, .own = "browser", .err = e};
    const char *network = node_str(node_get(r->docker, "network"));
    if (oc_line(r->line)->browser_has_token && network != NULL && strcmp(js_lower(a, js_trim(a, network)), "none") == 0)
        return err_set(e, ERR_CONFIG, 0, "browser.network: 'none' leaves no way to a browser");
    if (put_common(&b, true) < 0 || put_port(&b, "cdpPort") < 0 ||
        (oc_wants_no_vnc(r->line, r->browser) && put_port(&b, "noVncPort") < 0) || put_browser_env(&b) < 0)
        return -1;
    return finish(&b, ret);
}

struct node *oc_docker_user(struct arena *a, const struct fs *fs, struct node *docker, const char *workspace_dir)
{
    struct err ignored = {0};
    struct fs_stat st;
    if (!js_is_blank(node_str(node_get(docker, "user"))) || fs->stat(fs->ctx, workspace_dir, true, &st, &ignored) < 0)
        return docker;
    struct node *o = node_copy(a, docker);
    node_set(a, o, "user", node_printf(a, "%u:%u", st.uid, st.gid));
    return o;
}
