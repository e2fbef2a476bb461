#include "backends/docker_podman.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/engine_fields.h"

#include <stdlib.h>
#include <string.h>

/* --- what podman can do ------------------------------------------------------------------------------------------------------
 */

const char *const podman_how_words[PODMAN_HOW_COUNT] = {"yes", "not shown", "partly", "no"};

const struct podman_field podman_fields[] = {
    {"image", PODMAN_SEEN, "shown under docker.io/library/ or localhost/"},
    {"network", PODMAN_SEEN, "a network by name is shown as bridge, its name elsewhere"},
    {"user", PODMAN_SEEN, ""},
    {"workdir", PODMAN_SEEN, ""},
    {"command", PODMAN_SEEN, ""},
    {"entrypoint", PODMAN_SEEN, ""},
    {"readOnlyRoot", PODMAN_SEEN, "brings /run, /tmp and /var/tmp along as tmpfs"},
    {"tmpfs[", PODMAN_PARTLY, "no uid= and gid="},
    {"capAdd", PODMAN_SEEN, "shown as the difference to the engine's own set"},
    {"capDrop", PODMAN_SEEN, "shown as the difference to the engine's own set"},
    {"securityOpt", PODMAN_SEEN, ""},
    {"seccompProfile", PODMAN_PARTLY, "no profile as text: a path on the engine's machine, or unconfined"},
    {"apparmorProfile", PODMAN_SEEN, "refused by the engine where AppArmor is off"},
    {"privileged", PODMAN_SEEN, ""},
    {"pidMode", PODMAN_SEEN, ""},
    {"ipcMode", PODMAN_BLIND, "always shown as shareable"},
    {"dns", PODMAN_SEEN, ""},
    {"extraHosts", PODMAN_SEEN, ""},
    {"devices", PODMAN_SEEN, "shown without permissions"},
    {"limits.pids", PODMAN_SEEN, "2048 where none is given; a change recreates"},
    {"limits.memory", PODMAN_SEEN, "a change recreates"},
    {"limits.memorySwap", PODMAN_PARTLY, "no -1: it would be twice the memory; a change recreates"},
    {"limits.cpus", PODMAN_SEEN, "rounded to 0.00001; a change recreates"},
    {"gpus", PODMAN_REFUSED, "left out without a word"},
    {"ulimits.", PODMAN_SEEN, "one that is not asked for any more is not seen to go"},
    {"env.", PODMAN_SEEN, "PATH, TERM, HOME, HOSTNAME and container are added"},
    {"workspaces[", PODMAN_SEEN, "a volume of no name is shown as one by its id"},
    {"ports[", PODMAN_SEEN, "a port that the engine chose is shown as asked for"},
    {"labels.", PODMAN_SEEN, ""},
    {"configHash", PODMAN_SEEN, ""},
    {"setup", PODMAN_SEEN, ""},
};
const size_t n_podman_fields = sizeof podman_fields / sizeof *podman_fields;

static const char *text(const struct node *o, const char *key)
{
    const char *s = node_str(node_get(o, key));
    return s ? s : "";
}

static double number(const struct node *o, const char *key)
{
    const struct node *n = node_get(o, key);
    return node_is(n, NODE_NUMBER) ? n->num : 0;
}

static size_t n_items(const struct node *list)
{
    return node_is(list, NODE_ARRAY) ? list->n_items : 0;
}

static const char *item_text(const struct node *list, size_t i)
{
    const char *s = i < n_items(list) ? node_str(list->items[i]) : NULL;
    return s ? s : "";
}

static size_t n_members(const struct node *o)
{
    return node_is(o, NODE_OBJECT) ? o->n_members : 0;
}

/* The word of a list of them that begins like this, or NULL. */
static const char *word_in(const char *list, const char *prefix)
{
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (text_has_prefix(p, prefix))
            return p;
    return NULL;
}

static const char *field_of(struct fields f, const char *part)
{
    for (size_t i = 0; i < f.n; i++)
        if (strstr(f.v[i].name, part))
            return f.v[i].name;
    return part;
}

static int refuse(struct err *e, const char *key, const char *why)
{
    return err_set(e, ERR_CONFIG, 0, "%s: podman %s", key, why);
}

int podman_check(struct arena *a, const struct node *body, struct fields *fields, struct err *e)
{
    const struct node *host = node_get(body, "HostConfig"), *security = node_get(host, "SecurityOpt");
    const struct node *tmpfs = node_get(host, "Tmpfs");
    if (n_items(node_get(host, "DeviceRequests")) > 0)
        return refuse(e, field_of(*fields, "gpus"), "gives no graphics processors through this API: name the devices");
    if (number(host, "MemorySwap") == -1)
        return refuse(e, field_of(*fields, "memorySwap"), "takes no limit (-1) for twice the memory: name a limit");
    for (size_t i = 0; i < n_items(security); i++) {
        const char *option = item_text(security, i);
        if (text_has_prefix(option, "seccomp=") && option[strlen("seccomp=")] == '{')
            return refuse(e, field_of(*fields, "seccompProfile"),
                          "takes a profile by its path on the engine's machine, not as a text");
    }
    for (size_t i = 0; i < n_members(tmpfs); i++) {
        const char *options = text(tmpfs, tmpfs->members[i].key);
        if (word_in(options, "uid=") || word_in(options, "gid="))
            return refuse(e, field_of(*fields, arena_printf(a, "tmpfs[%s]", tmpfs->members[i].key)),
                          "knows neither uid= nor gid= of a tmpfs");
    }
    struct field *v = ARENA_ARRAY(a, struct field, fields->n);
    for (size_t i = 0; i < fields->n; i++) {
        v[i] = fields->v[i];
        if (v[i].class == FIELD_PATCH)
            v[i].class = FIELD_RECREATE;
    }
    fields->v = v;
    return 0;
}

/* --- what podman shows ---------------------------------------------------------------------------------------------------------
 */

struct shown {
    struct arena *a;
    const struct node *item, *config, *host; /* as podman shows them */
    const struct node *want, *want_host;     /* or NULL */
    struct node *out_config, *out_host;      /* in Docker's words */
};

static void put_text(struct shown *s, struct node *o, const char *key, const char *value)
{
    node_set(s->a, o, key, node_string(s->a, value));
}

/* Whether the wanted list has "NAME=". */
static bool asks_for(const struct node *env, const char *pair)
{
    size_t n = strcspn(pair, "=") + 1;
    for (size_t i = 0; i < n_items(env); i++)
        if (strncmp(item_text(env, i), pair, n) == 0)
            return true;
    return false;
}

/* Podman's own variables, whose values it makes up. HOME is the user's by the image's passwd, or the working directory. */
static bool is_own_variable(const struct shown *s, const char *pair)
{
    static const char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const char *value = strchr(pair, '=');
    if (!value)
        return false;
    value++;
    if (text_has_prefix(pair, "HOSTNAME="))
        return strcmp(value, text(s->config, "Hostname")) == 0;
    if (text_has_prefix(pair, "HOME="))
        return strcmp(value, "/") == 0 || strcmp(value, "/root") == 0 || text_has_prefix(value, "/home/") ||
               strcmp(value, text(s->config, "WorkingDir")) == 0;
    return strcmp(pair, path) == 0 || strcmp(pair, "TERM=xterm") == 0 || strcmp(pair, "container=podman") == 0;
}

static void say_env(struct shown *s)
{
    const struct node *env = node_get(s->config, "Env"), *asked = node_get(s->want, "Env");
    struct node *out = node_array(s->a);
    for (size_t i = 0; i < n_items(env); i++)
        if (asks_for(asked, item_text(env, i)) || !is_own_variable(s, item_text(env, i)))
            node_push(s->a, out, env->items[i]);
    node_set(s->a, s->out_config, "Env", out);
}

/* "bridge" is whatever is no other mode; which network it is stands elsewhere. */
static void say_network(struct shown *s)
{
    const struct node *networks = node_path(s->item, "NetworkSettings", "Networks", NULL);
    if (strcmp(text(s->host, "NetworkMode"), "bridge") != 0 || n_members(networks) != 1)
        return;
    const char *name = networks->members[0].key;
    bool is_default = strcmp(name, "podman") == 0 && strcmp(text(s->want_host, "NetworkMode"), "podman") != 0;
    put_text(s, s->out_host, "NetworkMode", is_default ? "bridge" : name);
}

static void say_modes(struct shown *s)
{
    if (strcmp(text(s->host, "PidMode"), "private") == 0)
        put_text(s, s->out_host, "PidMode", "");
    /* Whatever it is. */
    if (s->want && strcmp(text(s->host, "IpcMode"), "shareable") == 0)
        put_text(s, s->out_host, "IpcMode", text(s->want_host, "IpcMode"));
}

/* Where neither the body nor the image says where to start. */
static void say_workdir(struct shown *s)
{
    if (s->want && strcmp(text(s->config, "WorkingDir"), "/") == 0 && !*text(s->want, "WorkingDir"))
        put_text(s, s->out_config, "WorkingDir", "");
}

/* --- capabilities --------------------------------------------------------------------------------------------------------------
 */

/* What podman gives without a word. The last three are older releases' and the compatible API's. */
static const char *const own_caps[] = {"CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",       "NET_BIND_SERVICE",
                                       "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT", "AUDIT_WRITE",
                                       "MKNOD",   "NET_RAW"};
#define N_OWN_CAPS  (sizeof own_caps / sizeof *own_caps)
#define N_SURE_CAPS (N_OWN_CAPS - 3)

static bool has_cap(const struct node *list, const char *cap)
{
    for (size_t i = 0; i < n_items(list); i++) {
        const char *s = item_text(list, i);
        s += strncasecmp(s, "CAP_", 4) == 0 ? 4 : 0;
        if (strcasecmp(s, cap) == 0)
            return true;
    }
    return false;
}

/* Whether a container of these lists has it, where it would have it without. */
static bool holds(const struct node *add, const struct node *drop, const char *cap, bool own)
{
    if (has_cap(drop, cap))
        return false;
    if (has_cap(add, cap) || has_cap(add, "ALL"))
        return true;
    return own && !has_cap(drop, "ALL");
}

/* Whether the two pairs of lists come to the same, where podman's own set are the first n of the table. */
static bool same_caps(const struct node *add1, const struct node *drop1, const struct node *add2, const struct node *drop2,
                      size_t n)
{
    const struct node *const lists[] = {add1, drop1, add2, drop2};
    for (size_t i = 0; i < N_OWN_CAPS; i++)
        if (holds(add1, drop1, own_caps[i], i < n) != holds(add2, drop2, own_caps[i], i < n))
            return false;
    for (size_t l = 0; l < 4; l++)
        for (size_t i = 0; i < n_items(lists[l]); i++) {
            const char *cap = item_text(lists[l], i);
            cap += strncasecmp(cap, "CAP_", 4) == 0 ? 4 : 0;
            bool own = strcasecmp(cap, "ALL") == 0;
            for (size_t k = 0; k < N_OWN_CAPS && !own; k++)
                own = strcasecmp(own_caps[k], cap) == 0;
            if (!own && holds(add1, drop1, cap, false) != holds(add2, drop2, cap, false))
                return false;
        }
    return true;
}

/* Podman works out which capabilities there are, and shows them as the difference to its own set. */
static void say_caps(struct shown *s)
{
    const struct node *add = node_get(s->host, "CapAdd"), *drop = node_get(s->host, "CapDrop");
    const struct node *want_add = node_get(s->want_host, "CapAdd"), *want_drop = node_get(s->want_host, "CapDrop");
    /* "ALL" is written out as all that this kernel has; three that no container has by default stand for them. */
    bool every = has_cap(add, "SYS_ADMIN") && has_cap(add, "SYS_MODULE") && has_cap(add, "SYS_TIME");
    struct node *all = node_array(s->a);
    node_push(s->a, all, node_string(s->a, "ALL"));
    if (every)
        add = all;
    if (s->want &&
        (same_caps(want_add, want_drop, add, drop, N_SURE_CAPS) || same_caps(want_add, want_drop, add, drop, N_OWN_CAPS))) {
        node_set(s->a, s->out_host, "CapAdd", want_add ? node_copy(s->a, want_add) : node_array(s->a));
        node_set(s->a, s->out_host, "CapDrop", want_drop ? node_copy(s->a, want_drop) : node_array(s->a));
        return;
    }
    size_t dropped = 0;
    for (size_t i = 0; i < N_SURE_CAPS; i++)
        dropped += has_cap(drop, own_caps[i]);
    if (every)
        node_set(s->a, s->out_host, "CapAdd", all);
    if (dropped == N_SURE_CAPS)
        node_set(s->a, s->out_host, "CapDrop", all);
}

/* --- limits --------------------------------------------------------------------------------------------------------------------
 */

#define OWN_PIDS_LIMIT 2048  /* containers.conf: pids_limit */
#define CPU_STEP       10000 /* nanoseconds per second: a quota is in microseconds of 100 ms */

/* Made from this very config. */
static bool is_made_so(const struct shown *s)
{
    static const char *const labels[] = {ENGINE_LABEL_HASH, ENGINE_LABEL_OPENCLAW_HASH};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        const char *hash = text(node_get(s->config, "Labels"), labels[i]);
        if (*hash && strcmp(hash, text(node_get(s->want, "Labels"), labels[i])) == 0)
            return true;
    }
    return false;
}

static void say_limits(struct shown *s)
{
    static const char *const limits[] = {"Memory", "MemorySwap", "PidsLimit", "NanoCpus"};
    /* Without root, and with cgroups of version 1, nothing can be limited, and the limits are dropped without a word. Nobody can
     * take one away later. */
    for (size_t i = 0; i < sizeof limits / sizeof *limits && is_made_so(s); i++)
        if (number(s->host, limits[i]) == 0 && number(s->want_host, limits[i]) > 0)
            node_set(s->a, s->out_host, limits[i], node_number(s->a, number(s->want_host, limits[i])));
    double pids = number(s->host, "PidsLimit"), nano = number(s->host, "NanoCpus"), wanted = number(s->want_host, "NanoCpus");
    if (pids == OWN_PIDS_LIMIT && number(s->want_host, "PidsLimit") == 0)
        node_set(s->a, s->out_host, "PidsLimit", node_number(s->a, 0));
    if (wanted > nano && wanted < nano + CPU_STEP)
        node_set(s->a, s->out_host, "NanoCpus", node_number(s->a, wanted));
}

/* Podman lists its own defaults, too, which nothing tells from what was asked for: only what is wanted is compared. */
static void say_ulimits(struct shown *s)
{
    const struct node *ulimits = node_get(s->host, "Ulimits"), *asked = node_get(s->want_host, "Ulimits");
    struct node *out = node_array(s->a);
    for (size_t i = 0; i < n_items(ulimits); i++) {
        const char *name = text(ulimits->items[i], "Name");
        name += text_has_prefix(name, "RLIMIT_") ? strlen("RLIMIT_") : 0;
        for (size_t k = 0; k < n_items(asked); k++)
            if (strcasecmp(text(asked->items[k], "Name"), name) == 0) {
                struct node *copy = node_share(s->a, ulimits->items[i]);
                put_text(s, copy, "Name", text(asked->items[k], "Name"));
                node_push(s->a, out, copy);
                break;
            }
    }
    node_set(s->a, s->out_host, "Ulimits", out);
}

static void say_devices(struct shown *s)
{
    const struct node *devices = node_get(s->host, "Devices"), *asked = node_get(s->want_host, "Devices");
    struct node *out = node_array(s->a);
    for (size_t i = 0; i < n_items(devices); i++) {
        const struct node *d = devices->items[i];
        const char *permissions = text(d, "CgroupPermissions");
        for (size_t k = 0; !*permissions && k < n_items(asked); k++)
            if (strcmp(text(asked->items[k], "PathInContainer"), text(d, "PathInContainer")) == 0)
                permissions = text(asked->items[k], "CgroupPermissions");
        struct node *copy = node_is(d, NODE_OBJECT) ? node_share(s->a, d) : node_object(s->a);
        put_text(s, copy, "CgroupPermissions", *permissions ? permissions : "rwm");
        node_push(s->a, out, copy);
    }
    node_set(s->a, s->out_host, "Devices", out);
}

/* --- mounts
 * ----------------------------------------------------------------------------------------------------------------------
 */

static bool is_word(const char *list, const char *word, size_t n)
{
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == n && strncmp(p, word, n) == 0)
            return true;
    return false;
}

/* `list` without the words that are `own` and not `asked`. */
static const char *without(struct arena *a, const char *list, const char *own, const char *asked)
{
    const char *out = "";
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");
        if (!is_word(own, p, n) || is_word(asked, p, n))
            out = arena_printf(a, "%s%s%.*s", out, *out ? "," : "", (int)n, p);
    }
    return out;
}

/* Whether every word of each is one of the other. */
static bool same_words(const char *x, const char *y)
{
    for (const char *p = x; *p; p += strcspn(p, ","), p += *p == ',')
        if (!is_word(y, p, strcspn(p, ",")))
            return false;
    for (const char *p = y; *p; p += strcspn(p, ","), p += *p == ',')
        if (!is_word(x, p, strcspn(p, ",")))
            return false;
    return true;
}

static void say_tmpfs(struct shown *s)
{
    static const char own[] = "rw,rprivate,nosuid,nodev,tmpcopyup";
    static const char *const brought[] = {"/run", "/tmp", "/var/tmp"}; /* where the root is read-only */
    const struct node *tmpfs = node_get(s->host, "Tmpfs"), *asked = node_get(s->want_host, "Tmpfs");
    const struct node *read_only = node_get(s->host, "ReadonlyRootfs");
    struct node *out = node_object(s->a);
    for (size_t i = 0; i < n_members(tmpfs); i++) {
        const char *target = tmpfs->members[i].key, *options = text(tmpfs, target), *wanted = node_str(node_get(asked, target));
        bool own_mount = node_is(read_only, NODE_BOOL) && read_only->b && !wanted && strcmp(options, own) == 0;
        bool skip = false;
        for (size_t k = 0; own_mount && k < sizeof brought / sizeof *brought; k++)
            skip = skip || strcmp(target, brought[k]) == 0;
        if (skip)
            continue;
        options = without(s->a, options, own, wanted ? wanted : "");
        put_text(s, out, target, wanted && same_words(options, wanted) ? wanted : options);
    }
    node_set(s->a, s->out_host, "Tmpfs", out);
}

/* A volume that nobody named is called by 64 digits. */
static bool is_anonymous(const char *bind)
{
    return strspn(bind, "0123456789abcdef") == 64 && bind[64] == ':';
}

/* The options behind SOURCE:TARGET, or "". */
static const char *bind_options(const char *bind)
{
    const char *target = strchr(bind, ':'), *options = target ? strchr(target + 1, ':') : NULL;
    return options ? options + 1 : "";
}

/* Those of the wanted bind of the same source and target. */
static const char *asked_options(const struct shown *s, const char *bind, size_t n)
{
    const struct node *asked = node_get(s->want_host, "Binds");
    for (size_t i = 0; i < n_items(asked); i++) {
        const char *wanted = item_text(asked, i);
        if (strncmp(wanted, bind, n) == 0 && (wanted[n] == ':' || wanted[n] == '\0'))
            return bind_options(wanted);
    }
    return "";
}

static void say_binds(struct shown *s)
{
    /* What the mount has that the source is on, podman gives to the bind, and shows as its options. */
    static const char inherited[] = "nosuid,nodev,noexec";
    const struct node *binds = node_get(s->host, "Binds"), *volumes = node_get(s->config, "Volumes");
    struct node *out = node_array(s->a), *own = node_is(volumes, NODE_OBJECT) ? node_share(s->a, volumes) : node_object(s->a);
    for (size_t i = 0; i < n_items(binds); i++) {
        const char *bind = item_text(binds, i), *target = strchr(bind, ':');
        size_t n = target ? strcspn(target + 1, ":") : 0;
        size_t end = target ? (size_t)(target + 1 + n - bind) : 0;
        if (!target) {
            node_push(s->a, out, binds->items[i]);
        } else if (is_anonymous(bind)) {
            node_set_n(s->a, own, target + 1, n, node_object(s->a));
        } else {
            const char *options = without(s->a, bind_options(bind), inherited, asked_options(s, bind, end));
            node_push(s->a, out, node_printf(s->a, "%.*s:%s", (int)end, bind, options));
        }
    }
    node_set(s->a, s->out_host, "Binds", out);
    node_set(s->a, s->out_config, "Volumes", own);
}

/* A port that was left to the engine to choose. */
static void say_ports(struct shown *s)
{
    const struct node *ports = node_get(s->host, "PortBindings"), *asked = node_get(s->want_host, "PortBindings");
    struct node *out = node_object(s->a);
    for (size_t i = 0; i < n_members(ports); i++) {
        const char *key = ports->members[i].key;
        const struct node *list = ports->members[i].value, *wanted = node_get(asked, key);
        struct node *copies = node_array(s->a);
        for (size_t k = 0; k < n_items(list); k++) {
            struct node *copy = node_is(list->items[k], NODE_OBJECT) ? node_share(s->a, list->items[k]) : node_object(s->a);
            const char *port = k < n_items(wanted) ? text(wanted->items[k], "HostPort") : "-";
            if (!*port || strcmp(port, "0") == 0)
                put_text(s, copy, "HostPort", "");
            node_push(s->a, copies, copy);
        }
        node_set(s->a, out, key, copies);
    }
    node_set(s->a, s->out_host, "PortBindings", out);
}

/* --- whose files they are ------------------------------------------------------------------------------------------------------
 */

const char *podman_userns(struct arena *a, const struct node *body)
{
    const char *user = text(body, "User");
    size_t n = strspn(user, "0123456789");
    const char *group = user[n] == ':' ? user + n + 1 : "";
    size_t n_group = strspn(group, "0123456789");
    if (*text(node_get(body, "HostConfig"), "UsernsMode") || !*user || n == 0 || strspn(user, "0") == n)
        return NULL;
    if (user[n] == '\0')
        return arena_printf(a, "keep-id:uid=%s,gid=%s", user, user);
    if (user[n] != ':' || n_group == 0 || group[n_group] != '\0' || strspn(group, "0") == n_group)
        return "keep-id";
    return arena_printf(a, "keep-id:uid=%.*s,gid=%s", (int)n, user, group);
}

const struct node *podman_inspection(struct arena *a, const struct node *item, const struct node *want)
{
    struct shown s = {.a = a,
                      .item = item,
                      .config = node_get(item, "Config"),
                      .host = node_get(item, "HostConfig"),
                      .want = want,
                      .want_host = node_get(want, "HostConfig")};
    if (!node_is(s.config, NODE_OBJECT) || !node_is(s.host, NODE_OBJECT))
        return item;
    s.out_config = node_share(a, s.config);
    s.out_host = node_share(a, s.host);
    say_env(&s);
    say_network(&s);
    say_modes(&s);
    say_workdir(&s);
    say_caps(&s);
    say_limits(&s);
    say_ulimits(&s);
    say_devices(&s);
    say_tmpfs(&s);
    say_binds(&s);
    say_ports(&s);
    struct node *out = node_share(a, item);
    node_set(a, out, "Config", s.out_config);
    node_set(a, out, "HostConfig", s.out_host);
    return out;
}
