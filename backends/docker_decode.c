#include "backends/docker_podman.h"
#include "backends/docker_private.h"

#include "spec/base/num.h"

#include <stdio.h>
#include <string.h>

struct node *docker_node(struct arena *a, const json_t *j)
{
    struct node *n;

    switch (json_typeof(j)) {
    case JSON_OBJECT:
        n = node_object(a);
        for (void *at = json_object_iter((json_t *)j); at; at = json_object_iter_next((json_t *)j, at))
            node_set(a, n, json_object_iter_key(at), docker_node(a, json_object_iter_value(at)));
        return n;
    case JSON_ARRAY:
        n = node_array(a);
        for (size_t i = 0; i < json_array_size(j); i++)
            node_push(a, n, docker_node(a, json_array_get(j, i)));
        return n;
    case JSON_STRING:
        return node_string_n(a, json_string_value(j), json_string_length(j));
    case JSON_INTEGER:
    case JSON_REAL:
        return node_number(a, json_number_value(j));
    case JSON_TRUE:
    case JSON_FALSE:
        return node_bool(a, json_is_true(j));
    case JSON_NULL:
        break;
    }
    return node_null(a);
}

bool docker_is_id(const char *s)
{
    size_t n = s ? strspn(s, "0123456789abcdef") : 0;
    return n >= 12 && n <= 64 && s[n] == '\0';
}

/* n digits, and what stands after them (NUL: whatever it is, and it stays). */
static bool take_digits(const char **p, int n, char after, int64_t *ret)
{
    *ret = 0;
    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        *ret = *ret * 10 + (**p - '0');
    }
    if (after != '\0' && *(*p)++ != after)
        return false;
    return true;
}

int64_t docker_time_ms(const char *s)
{
    int64_t y, mo, d, h, mi, sec;
    const char *p = s;
    if (!s || !take_digits(&p, 4, '-', &y) || !take_digits(&p, 2, '-', &mo) || !take_digits(&p, 2, 'T', &d) ||
        !take_digits(&p, 2, ':', &h) || !take_digits(&p, 2, ':', &mi) || !take_digits(&p, 2, '\0', &sec) || y < 1970 || mo < 1 ||
        mo > 12)
        return TIME_NONE;
    int64_t ms = 0;
    if (*p == '.') {
        int64_t scale = 100;
        for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
            ms += scale * (*p - '0');
    }
    int64_t zone = 0;
    if (*p == '+' || *p == '-') {
        int64_t zh, zm, sign = *p++ == '+' ? 1 : -1;
        if (!take_digits(&p, 2, ':', &zh) || !take_digits(&p, 2, '\0', &zm) || *p)
            return TIME_NONE;
        zone = sign * (zh * 60 + zm) * 60000;
    } else if (strcmp(p, "Z") != 0) {
        return TIME_NONE;
    }
    /* Days since 1970 of a date: years are counted from March, so that the leap day comes last. */
    int64_t yy = mo > 2 ? y : y - 1, era = yy / 400, yoe = yy % 400;
    int64_t doy = (153 * (mo + (mo > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    return (((days * 24 + h) * 60 + mi) * 60 + sec) * 1000 + ms - zone;
}

const char *docker_env(const struct node *env, const char *key)
{
    size_t n = strlen(key);
    const char *hit = NULL;
    for (size_t i = 0; node_is(env, NODE_ARRAY) && i < env->n_items; i++) {
        const char *s = node_str(env->items[i]);
        /* Of a variable that is given twice, the later counts. */
        if (s && strncmp(s, key, n) == 0 && s[n] == '=')
            hit = s + n + 1;
    }
    return hit;
}

static enum run_state state_of(const char *s)
{
    static const struct {
        const char *word;
        enum run_state state;
    } words[] = {
        {"created", RUN_STOPPED}, {"exited", RUN_STOPPED},     {"dead", RUN_STOPPED},       {"running", RUN_RUNNING},
        {"paused", RUN_RUNNING},  {"restarting", RUN_RUNNING}, {"configured", RUN_STOPPED}, /* podman */
    };
    for (size_t i = 0; s && i < sizeof words / sizeof *words; i++)
        if (strcmp(s, words[i].word) == 0)
            return words[i].state;
    /* "removing", and what is yet to be invented. */
    return RUN_UNKNOWN;
}

/* What the labels say, whichever JSON they came in. */
typedef const char *(*label_fn)(const void *labels, const char *key);

static void decode_labels(struct arena *a, const void *labels, label_fn label, struct observed *o)
{
    const char *install = label(labels, LABEL_OUR_INSTALL);
    bool openclaw = text_eq(label(labels, LABEL_SANDBOX), "1");
    bool sandbox = label(labels, LABEL_OUR_HASH) != NULL;
    o->ownership = install ? OWN_OURS : openclaw ? OWN_OPENCLAW : OWN_FOREIGN;
    if (o->ownership == OWN_FOREIGN)
        return;
    o->kind = sandbox                                      ? RUNTIME_SANDBOX
              : text_eq(label(labels, LABEL_BROWSER), "1") ? RUNTIME_BROWSER
              : openclaw                                   ? RUNTIME_CONTAINER
                                                           : RUNTIME_SANDBOX;
    sandbox = o->kind == RUNTIME_SANDBOX;
    o->install = arena_strdup(a, install);
    o->owner = install ? arena_strdup(a, label(labels, LABEL_OUR_OWNER)) : NULL;
    o->scope_key = arena_strdup(a, label(labels, LABEL_SESSION_KEY));
    o->config_hash = arena_strdup(a, label(labels, sandbox ? LABEL_OUR_HASH : LABEL_HASH));
    const char *created = label(labels, sandbox ? LABEL_OUR_CREATED : LABEL_CREATED);
    int64_t ms;
    if (created && num_parse_i64(created, &ms))
        o->created_at_ms = ms;
}

static const char *label_of_json(const void *labels, const char *key)
{
    return engine_text(labels, key);
}

static const char *label_of_node(const void *labels, const char *key)
{
    const struct node *v = node_get(labels, key);
    const char *s = node_str(v);
    return s && strlen(s) == v->s_n ? s : NULL;
}

/* Names are "/name", and "/other/alias" for the links of other containers. */
static const char *own_name(const char *s)
{
    return s && s[0] == '/' && s[1] && !strchr(s + 1, '/') ? s + 1 : NULL;
}

const char *docker_listed_name(const json_t *item)
{
    const json_t *v;
    size_t i;
    json_array_foreach(json_object_get(item, "Names"), i, v)
    {
        const char *s = json_string_value(v);
        /* Podman gives no slash. */
        const char *name = own_name(s) ? own_name(s) : s && *s && !strchr(s, '/') ? s : NULL;
        if (name)
            return name;
    }
    return NULL;
}

int docker_decode_listed(struct arena *a, const struct docker *dk, const json_t *item, struct observed *ret, struct err *e)
{
    const char *id = engine_text(item, "Id"), *name = docker_listed_name(item);
    if (!docker_is_id(id))
        return err_set(e, ERR_INPUT, 0, "an element of the list of containers has no id");
    const json_t *created = json_object_get(item, "Created");
    struct observed o = {
        .endpoint = arena_strdup(a, dk->endpoint),
        .id = arena_strdup(a, id),
        /* Half created or half removed: it has no name then. */
        .name = arena_strdup(a, name ? name : id),
        .kind = RUNTIME_CONTAINER,
        .state = state_of(engine_text(item, "State")),
        .created_at_ms = json_is_integer(created) ? json_integer_value(created) * 1000 : TIME_NONE,
        .image_id = arena_strdup(a, engine_text(item, "ImageID")),
        .image = arena_strdup(a, engine_text(item, "Image")),
    };
    decode_labels(a, json_object_get(item, "Labels"), label_of_json, &o);
    *ret = o;
    return 0;
}

static int host_port(const struct node *ports, const char *private_port)
{
    char key[32];
    uint64_t n = 0;
    if (!private_port || strlen(private_port) > 20)
        return 0;
    (void)snprintf(key, sizeof key, "%s/tcp", private_port);
    const struct node *list = node_get(ports, key);
    const char *port = node_is(list, NODE_ARRAY) && list->n_items > 0 ? node_str(node_get(list->items[0], "HostPort")) : NULL;
    return port && num_parse_u64(port, &n) && n <= 65535 ? (int)n : 0;
}

int docker_decode_inspected(struct arena *a, const struct docker *dk, const struct node *item, const struct desired *want,
                            const struct node *image, struct observed *ret, struct err *e)
{
    const struct node *body = want ? docker_labelled(a, want, want->create, TIME_NONE) : NULL;
    if (dk->flavour == ENGINE_PODMAN)
        item = podman_inspection(a, item, body);
    const char *id = node_str(node_get(item, "Id")), *name = node_str(node_get(item, "Name"));
    const struct node *config = node_get(item, "Config"), *state = node_get(item, "State");
    if (!docker_is_id(id) || !name || !node_is(config, NODE_OBJECT) || !node_is(state, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "the inspection of a container lacks its id, name, state or config");
    struct observed o = {
        .endpoint = arena_strdup(a, dk->endpoint),
        .id = id,
        .name = own_name(name) ? own_name(name) : name,
        .kind = RUNTIME_CONTAINER,
        .state = state_of(node_str(node_get(state, "Status"))),
        .created_at_ms = docker_time_ms(node_str(node_get(item, "Created"))),
        .image_id = node_str(node_get(item, "Image")),
        .image = node_str(node_get(config, "Image")),
    };
    decode_labels(a, node_get(config, "Labels"), label_of_node, &o);
    if (o.kind == RUNTIME_BROWSER && o.state == RUN_RUNNING) {
        const struct node *ports = node_path(item, "NetworkSettings", "Ports", NULL), *env = node_get(config, "Env");
        o.cdp_port = host_port(ports, docker_env(env, "OPENCLAW_BROWSER_CDP_PORT"));
        o.no_vnc_port = host_port(ports, docker_env(env, "OPENCLAW_BROWSER_NOVNC_PORT"));
    }
    o.busy_known = o.state == RUN_STOPPED;
    if (!want || want->kind != o.kind)
        body = NULL;
    if (engine_inspect_fields(a, item, body, image, &o.fields, e) < 0)
        return -1;
    const struct desired unwanted = {.kind = o.kind, .create = config};
    o.fields = docker_settled(a, body ? want : &unwanted, o.fields);
    o.fields_known = true;
    *ret = o;
    return 0;
}
