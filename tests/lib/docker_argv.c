#include "tests/lib/docker_argv.h"

#include "spec/base/limits.h"
#include "spec/base/path.h"
#include "spec/base/vec.h"
#include "spec/engine_ref.h"
#include "spec/engine_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct command {
    struct arena *arena;
    const struct fs *fs;
    struct node *body, *host;
    const char *env_file;
    struct err *err;
};

static void push(struct command *c, struct node *o, const char *key, const char *s)
{
    struct node *list = node_get(o, key);
    if (!node_is(list, NODE_ARRAY)) {
        list = node_array(c->arena);
        node_set(c->arena, o, key, list);
    }
    node_push(c->arena, list, node_string(c->arena, s));
}

static void text(struct command *c, struct node *o, const char *key, const char *s)
{
    node_set(c->arena, o, key, node_string(c->arena, s));
}

static void number(struct command *c, const char *key, int64_t v)
{
    node_set(c->arena, c->host, key, node_number(c->arena, (double)v));
}

static void split(struct command *c, const char *s, char by, const char **ret_name, const char **ret_value)
{
    size_t n = strcspn(s, (char[]){by, '\0'});
    *ret_name = arena_memdup0(c->arena, s, n);
    *ret_value = s[n] == by ? s + n + 1 : "";
}

static int on_label(struct command *c, const char *s)
{
    const char *name, *value;
    split(c, s, '=', &name, &value);
    text(c, node_get(c->body, "Labels"), name, value);
    return 0;
}

static int on_tmpfs(struct command *c, const char *s)
{
    const char *path, *options;
    if (node_get(c->host, "Tmpfs") == NULL)
        node_set(c->arena, c->host, "Tmpfs", node_object(c->arena));
    split(c, s, ':', &path, &options);
    text(c, node_get(c->host, "Tmpfs"), path, options);
    return 0;
}

static int on_network(struct command *c, const char *s)
{
    text(c, c->host, "NetworkMode", s);
    return 0;
}

static int on_user(struct command *c, const char *s)
{
    text(c, c->body, "User", s);
    return 0;
}

static int on_env(struct command *c, const char *s)
{
    push(c, c->body, "Env", s);
    return 0;
}

static int on_env_file(struct command *c, const char *s)
{
    (void)s;
    for (const char *p = c->env_file; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        push(c, c->body, "Env", arena_memdup0(c->arena, p, n));
        p += n + (p[n] == '\n');
    }
    return 0;
}

static int on_cap_drop(struct command *c, const char *s)
{
    push(c, c->host, "CapDrop", s);
    return 0;
}

static int on_security(struct command *c, const char *s)
{
    const char *name, *value;
    char *bytes, *json;
    size_t n, json_n;
    split(c, s, '=', &name, &value);
    if (strcmp(name, "seccomp") == 0) {
        if (c->fs->read(c->fs->ctx, c->arena, path_resolve(c->arena, "/", value), LIMIT_SHARD_BYTES, &bytes, &n, c->err) < 0 ||
            engine_compact_json(c->arena, bytes, n, &json, &json_n, c->err) < 0)
            return -1;
        s = arena_printf(c->arena, "seccomp=%s", json);
    }
    push(c, c->host, "SecurityOpt", s);
    return 0;
}

static int on_dns(struct command *c, const char *s)
{
    const char *ip;
    if (engine_parse_ip(c->arena, s, &ip, c->err) < 0)
        return -1;
    push(c, c->host, "Dns", ip);
    return 0;
}

static int on_host(struct command *c, const char *s)
{
    const char *host;
    if (engine_parse_extra_host(c->arena, s, &host, c->err) < 0)
        return -1;
    push(c, c->host, "ExtraHosts", host);
    return 0;
}

static int on_pids(struct command *c, const char *s)
{
    number(c, "PidsLimit", strtoll(s, NULL, 10));
    return 0;
}

static int on_memory(struct command *c, const char *s)
{
    int64_t v;
    if (engine_parse_size(s, &v, c->err) < 0)
        return -1;
    number(c, "Memory", v);
    return 0;
}

static int on_memory_swap(struct command *c, const char *s)
{
    int64_t v;
    if (engine_parse_memory_swap(s, &v, c->err) < 0)
        return -1;
    number(c, "MemorySwap", v);
    return 0;
}

static int on_cpus(struct command *c, const char *s)
{
    int64_t v;
    if (engine_parse_cpus(s, &v, c->err) < 0)
        return -1;
    number(c, "NanoCpus", v);
    return 0;
}

static int on_gpus(struct command *c, const char *s)
{
    struct node *request;
    if (engine_parse_gpus(c->arena, s, &request, c->err) < 0)
        return -1;
    node_set(c->arena, c->host, "DeviceRequests", node_array(c->arena));
    node_push(c->arena, node_get(c->host, "DeviceRequests"), request);
    return 0;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(node_str(node_get(*(struct node *const *)x, "Name")), node_str(node_get(*(struct node *const *)y, "Name")));
}

static int on_ulimit(struct command *c, const char *s)
{
    struct engine_ulimit u;
    if (engine_parse_ulimit(s, &u, c->err) < 0)
        return -1;
    struct node *o = node_object(c->arena), *list = node_get(c->host, "Ulimits");
    text(c, o, "Name", u.name);
    node_set(c->arena, o, "Hard", node_number(c->arena, (double)u.hard));
    node_set(c->arena, o, "Soft", node_number(c->arena, (double)u.soft));
    if (!node_is(list, NODE_ARRAY)) {
        list = node_array(c->arena);
        node_set(c->arena, c->host, "Ulimits", list);
    }
    node_push(c->arena, list, o);
    qsort(list->items, list->n_items, sizeof *list->items, by_name);
    return 0;
}

static int on_workdir(struct command *c, const char *s)
{
    text(c, c->body, "WorkingDir", s);
    return 0;
}

static int on_volume(struct command *c, const char *s)
{
    struct engine_volume v;
    if (engine_parse_volume(c->arena, s, &v, c->err) < 0)
        return -1;
    if (v.source == NULL) {
        node_set(c->arena, node_get(c->body, "Volumes"), s, node_object(c->arena));
        return 0;
    }
    const struct node *binds = node_get(c->host, "Binds");
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++)
        if (strcmp(binds->items[i]->s, s) == 0)
            return 0;
    push(c, c->host, "Binds", s);
    return 0;
}

static int on_userns(struct command *c, const char *s)
{
    text(c, c->host, "UsernsMode", s);
    return 0;
}

static int on_name(struct command *c, const char *s)
{
    (void)c;
    (void)s;
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct command *c, const char *s);
} options[] = {
    {"--name", on_name},         {"--label", on_label},
    {"--tmpfs", on_tmpfs},       {"--network", on_network},
    {"--user", on_user},         {"--env", on_env},
    {"--env-file", on_env_file}, {"--cap-drop", on_cap_drop},
    {"--dns", on_dns},           {"--security-opt", on_security},
    {"--add-host", on_host},     {"--pids-limit", on_pids},
    {"--memory", on_memory},     {"--memory-swap", on_memory_swap},
    {"--cpus", on_cpus},         {"--gpus", on_gpus},
    {"--ulimit", on_ulimit},     {"--workdir", on_workdir},
    {"-v", on_volume},           {"--userns", on_userns},
};

/* true: it is one that takes no value. The last two say what podman's compatible API does anyway. */
static bool flag(struct command *c, const char *s)
{
    if (strcmp(s, "--init") == 0)
        node_set(c->arena, c->host, "Init", node_bool(c->arena, true));
    else if (strcmp(s, "--read-only") == 0)
        node_set(c->arena, c->host, "ReadonlyRootfs", node_bool(c->arena, true));
    else
        return strcmp(s, "--http-proxy=false") == 0 || strcmp(s, "--read-only-tmpfs=true") == 0;
    return true;
}

static const char *const unset[] = {"Binds", "CapDrop", "Tmpfs", "SecurityOpt", "Ulimits", "ExtraHosts", "DeviceRequests"};

int docker_argv_body(struct arena *a, const struct fs *fs, const struct node *blank, const struct node *argv,
                     const char *env_file, struct node **ret, struct err *e)
{
    struct command c = {.arena = a, .fs = fs, .body = node_copy(a, blank), .env_file = env_file, .err = e};
    const char *empty[] = {"User", "WorkingDir"};
    size_t i = 1;
    c.host = node_get(c.body, "HostConfig");
    node_unset(c.body, "Env");
    node_set(a, c.body, "Labels", node_object(a));
    node_set(a, c.body, "Volumes", node_object(a));
    for (size_t k = 0; k < sizeof empty / sizeof *empty; k++)
        text(&c, c.body, empty[k], "");
    for (size_t k = 0; k < sizeof unset / sizeof *unset; k++)
        if (strcmp(unset[k], "Binds") == 0 || strcmp(unset[k], "Tmpfs") == 0)
            node_unset(c.host, unset[k]);
        else
            node_set(a, c.host, unset[k], node_null(a));
    text(&c, c.host, "NetworkMode", "default");
    node_set(a, c.host, "ReadonlyRootfs", node_bool(a, false));
    for (; i < argv->n_items && argv->items[i]->s[0] == '-'; i++) {
        const char *s = argv->items[i]->s;
        size_t k = 0;
        if (flag(&c, s))
            continue;
        while (k < sizeof options / sizeof *options && strcmp(options[k].name, s) != 0)
            k++;
        if (k == sizeof options / sizeof *options || i + 1 == argv->n_items)
            fail_msg("the docker command's argument '%s' is not known here", s);
        if (options[k].set(&c, argv->items[++i]->s) < 0)
            return -1;
    }
    assert_true(i < argv->n_items);
    if (engine_check_image(argv->items[i]->s, e) < 0)
        return -1;
    text(&c, c.body, "Image", argv->items[i]->s);
    node_set(a, c.body, "Cmd", node_null(a));
    for (i++; i < argv->n_items; i++)
        push(&c, c.body, "Cmd", argv->items[i]->s);
    *ret = c.body;
    return 0;
}
