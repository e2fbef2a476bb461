#include "spec/openclaw/resolve.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/roster.h"
#include "spec/openclaw/tools.h"

#include <string.h>

/* How A, D and the default become one value. */
enum rule {
    PICK,        /* the first that is given */
    NO_VNC,      /* likewise; the key is that of the line */
    TIMEOUT,     /* likewise; at most what a timer of the line can wait */
    TRIMMED,     /* likewise, trimmed; blank is absent */
    TRIMMED_OR,  /* likewise; blank is the default */
    BACKEND,     /* the first that is not blank, trimmed */
    LINES,       /* likewise picked; a list is joined by newlines */
    SECRET,      /* trimmed; a reference that nobody has resolved is absent */
    REMOTE_ROOT, /* a directory of the other host */
    MERGED,      /* by name */
    JOINED,      /* D's, then A's; absent where empty */
    JOINED_KEPT, /* D's, then A's; absent where neither has the key */
};

/* A built-in default: nothing (NODE_NULL), or one of the kinds that occur. */
struct def {
    enum node_kind kind;
    const char *s;
    double num;
    const char *const *list; /* of an array: items; of an object: key, value, key, value */
};
#define NO_DEF                                                                                                                   \
    {                                                                                                                            \
        NODE_NULL                                                                                                                \
    }
#define DEF_STR(text)                                                                                                            \
    {                                                                                                                            \
        NODE_STRING, .s = (text)                                                                                                 \
    }
#define DEF_NUM(x)                                                                                                               \
    {                                                                                                                            \
        NODE_NUMBER, .num = (x)                                                                                                  \
    }
#define DEF_BOOL(x)                                                                                                              \
    {                                                                                                                            \
        NODE_BOOL, .num = (x)                                                                                                    \
    }
#define DEF_LIST(...)                                                                                                            \
    {                                                                                                                            \
        NODE_ARRAY, .list = (const char *const[])                                                                                \
        {                                                                                                                        \
            __VA_ARGS__, NULL                                                                                                    \
        }                                                                                                                        \
    }
#define DEF_MAP(...)                                                                                                             \
    {                                                                                                                            \
        NODE_OBJECT, .list = (const char *const[])                                                                               \
        {                                                                                                                        \
            __VA_ARGS__, NULL                                                                                                    \
        }                                                                                                                        \
    }

struct row {
    const char *key;
    enum rule rule;
    struct def def;
};

static const struct row docker_rows[] = {
    {"image", PICK, DEF_STR("openclaw-sandbox:bookworm-slim")},
    {"containerPrefix", PICK, DEF_STR("openclaw-sbx-")},
    {"workdir", PICK, DEF_STR("/workspace")},
    {"readOnlyRoot", PICK, DEF_BOOL(true)},
    {"tmpfs", PICK, DEF_LIST("/tmp", "/var/tmp", "/run")},
    {"network", PICK, DEF_STR("none")},
    {"user", PICK, NO_DEF},
    {"capDrop", PICK, DEF_LIST("ALL")},
    {"env", MERGED, DEF_MAP("LANG", "C.UTF-8")},
    {"setupCommand", LINES, NO_DEF},
    {"pidsLimit", PICK, NO_DEF},
    {"memory", PICK, NO_DEF},
    {"memorySwap", PICK, NO_DEF},
    {"cpus", PICK, NO_DEF},
    {"gpus", TRIMMED, NO_DEF},
    {"ulimits", MERGED, NO_DEF},
    {"seccompProfile", PICK, NO_DEF},
    {"apparmorProfile", PICK, NO_DEF},
    {"dns", PICK, NO_DEF},
    {"extraHosts", PICK, NO_DEF},
    {"binds", JOINED, NO_DEF},
    {"dangerouslyAllowReservedContainerTargets", PICK, NO_DEF},
    {"dangerouslyAllowExternalBindSources", PICK, NO_DEF},
    {"dangerouslyAllowContainerNamespaceJoin", PICK, NO_DEF},
    {NULL, PICK, NO_DEF},
};

static const struct row ssh_rows[] = {
    {"target", TRIMMED, NO_DEF},
    {"command", TRIMMED_OR, DEF_STR("ssh")},
    {"workspaceRoot", REMOTE_ROOT, DEF_STR("/tmp/openclaw-sandboxes")},
    {"strictHostKeyChecking", PICK, DEF_BOOL(true)},
    {"updateHostKeys", PICK, DEF_BOOL(true)},
    {"identityFile", TRIMMED, NO_DEF},
    {"certificateFile", TRIMMED, NO_DEF},
    {"knownHostsFile", TRIMMED, NO_DEF},
    {"identityData", SECRET, NO_DEF},
    {"certificateData", SECRET, NO_DEF},
    {"knownHostsData", SECRET, NO_DEF},
    {NULL, PICK, NO_DEF},
};

static const struct row browser_rows[] = {
    {"enabled", PICK, DEF_BOOL(false)},
    {"image", PICK, DEF_STR("openclaw-sandbox-browser:bookworm-slim")},
    {"containerPrefix", PICK, DEF_STR("openclaw-sbx-browser-")},
    {"network", PICK, DEF_STR("openclaw-sandbox-browser")},
    {"cdpPort", PICK, DEF_NUM(9222)},
    {"cdpSourceRange", PICK, NO_DEF},
    {"vncPort", PICK, DEF_NUM(5900)},
    {"noVncPort", PICK, DEF_NUM(6080)},
    {"headless", PICK, DEF_BOOL(false)},
    {"", NO_VNC, DEF_BOOL(true)},
    {"allowHostControl", PICK, DEF_BOOL(false)},
    {"autoStart", PICK, DEF_BOOL(true)},
    {"autoStartTimeoutMs", TIMEOUT, DEF_NUM(12000)},
    {"binds", JOINED_KEPT, NO_DEF},
    {NULL, PICK, NO_DEF},
};

static const struct row prune_rows[] = {
    {"idleHours", PICK, DEF_NUM(24)},
    {"maxAgeDays", PICK, DEF_NUM(7)},
    {NULL, PICK, NO_DEF},
};

static const struct {
    const char *key;
    const struct row *rows;
} objects[] = {{"docker", docker_rows}, {"ssh", ssh_rows}, {"browser", browser_rows}, {"prune", prune_rows}};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *oc_level_name(const struct oc_profile *line, enum oc_level level)
{
    const char *const names[OC_LEVEL_COUNT] = {"default", "agents.defaults",
                                               line->keyed_roster ? "agents.entries" : "agents.list"};

    return names[level];
}

static const char *row_key(const struct oc_profile *line, const struct row *row)
{
    return row->rule == NO_VNC ? line->no_vnc_key : row->key;
}

const char *const *oc_resolved_keys(struct arena *a, const struct oc_profile *line, const char *object)
{
    VEC(const char *) keys = {0};

    for (size_t i = 0; i < N_OF(objects); i++)
        if (strcmp(objects[i].key, object) == 0) {
            for (const struct row *r = objects[i].rows; r->key; r++)
                VEC_PUSH(a, &keys, row_key(line, r));
            VEC_PUSH(a, &keys, NULL);
            return keys.v;
        }
    return NULL;
}

/* One resolve under way. */
struct run {
    struct arena *a;
    struct diags *d;
    const struct oc_profile *line;
    const struct node *config, *entry; /* the whole, and the agent's entry in its list or NULL */
    VEC(struct oc_origin) origins;
    bool wants_origins;
    bool failed;
};

/* One value under way: the same key of both levels, either NULL. */
struct pair {
    const char *object, *key;             /* object NULL: of the sandbox itself */
    const struct node *v[OC_LEVEL_COUNT]; /* by level */
};

/* "agents.list[1].sandbox", "agents.entries.work.sandbox": what paths of a level begin with. */
static const char *base_key(const struct run *r, enum oc_level level)
{
    if (level == OC_LEVEL_DEFAULTS)
        return "agents.defaults.sandbox";
    return diag_key(r->a, oc_roster_key_of(r->a, r->config, r->entry), "sandbox");
}

static const char *full_key(const struct run *r, enum oc_level level, const struct pair *p)
{
    const char *base = base_key(r, level);

    return diag_key(r->a, p->object ? diag_key(r->a, base, p->object) : base, p->key);
}

static const char *short_key(const struct run *r, const struct pair *p)
{
    return diag_key(r->a, p->object ? p->object : "", p->key);
}

/* The three forms of an origin: of a value, of one name of a map, of one item of a joined list. */
static void origin(struct run *r, const struct pair *p, enum oc_level level, struct pos pos)
{
    if (r->wants_origins)
        VEC_PUSH(r->a, &r->origins,
                 ((struct oc_origin){short_key(r, p), level, level == OC_LEVEL_BUILT_IN ? NULL : full_key(r, level, p), pos}));
}

static void origin_of_name(struct run *r, const struct pair *p, enum oc_level level, const char *name, struct pos pos)
{
    if (r->wants_origins)
        VEC_PUSH(r->a, &r->origins,
                 ((struct oc_origin){diag_key(r->a, short_key(r, p), name), level,
                                     level == OC_LEVEL_BUILT_IN ? NULL : diag_key(r->a, full_key(r, level, p), name), pos}));
}

static void origin_of_item(struct run *r, const struct pair *p, enum oc_level level, size_t at, size_t from, struct pos pos)
{
    if (r->wants_origins)
        VEC_PUSH(r->a, &r->origins,
                 ((struct oc_origin){diag_index(r->a, short_key(r, p), at), level, diag_index(r->a, full_key(r, level, p), from),
                                     pos}));
}

static enum oc_level pick_level(const struct pair *p)
{
    return p->v[OC_LEVEL_AGENT] ? OC_LEVEL_AGENT : p->v[OC_LEVEL_DEFAULTS] ? OC_LEVEL_DEFAULTS : OC_LEVEL_BUILT_IN;
}

static struct node *default_of(struct arena *a, const struct def *def)
{
    struct node *n;

    switch (def->kind) {
    case NODE_STRING:
        return node_string(a, def->s);
    case NODE_NUMBER:
        return node_number(a, def->num);
    case NODE_BOOL:
        return node_bool(a, def->num != 0);
    case NODE_ARRAY:
        n = node_array(a);
        for (const char *const *s = def->list; *s; s++)
            node_push(a, n, node_string(a, *s));
        return n;
    case NODE_OBJECT:
        n = node_object(a);
        for (const char *const *s = def->list; *s; s += 2)
            node_set(a, n, s[0], node_string(a, s[1]));
        return n;
    case NODE_NULL:
    case NODE_KIND_COUNT:
        break;
    }
    return NULL;
}

/* Nobody changes a value below a resolved object: those that are as they were written are the config's own. */
static struct node *shared(const struct node *n)
{
    return (struct node *)n;
}

/* A string that keeps the place and the secrecy of what it was made from. */
static struct node *derived(struct arena *a, const char *s, const struct node *from)
{
    struct node *n = node_string(a, s);

    n->pos = from->pos;
    n->secret = from->secret;
    return n;
}

static struct node *trimmed(struct arena *a, const struct node *n)
{
    const char *s = node_str(n);

    return n && s && !js_is_blank(s) ? derived(a, js_trim(a, s), n) : NULL;
}

static struct node *joined_lines(struct arena *a, const struct node *n)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 2);
    struct node *out;
    bool secret = n->secret;

    if (n->kind != NODE_ARRAY)
        return shared(n);
    for (size_t i = 0; i < n->n_items; i++) {
        const struct node *line = n->items[i];

        if (i > 0)
            buf_putc(&b, '\n');
        if (line->kind == NODE_STRING)
            buf_put(&b, line->s, line->s_n);
        secret = secret || line->secret;
    }
    out = derived(a, buf_str(&b), n);
    out->secret = secret;
    return out;
}

static struct node *remote_root(struct run *r, const struct node *n, const struct pair *p)
{
    char *s = js_trim(r->a, n->s);
    size_t len;

    for (char *c = s; *c; c++)
        if (*c == '\\')
            *c = '/';
    if (*s != '/') {
        diag_error(r->d, n->pos, full_key(r, pick_level(p), p), "must be an absolute path on the remote host");
        r->failed = true;
        return NULL;
    }
    for (len = strlen(s); len > 1 && s[len - 1] == '/';)
        s[--len] = '\0';
    return derived(r->a, s, n);
}

static struct node *timer_of(struct run *r, const struct node *n)
{
    double most = (double)r->line->max_timer_ms;

    if (n->kind != NODE_NUMBER || most <= 0 || n->num <= most)
        return shared(n);
    struct node *out = node_number(r->a, most);
    out->pos = n->pos;
    return out;
}

/* D's entries with A's over them. */
static struct node *merged(struct run *r, const struct pair *p, const struct def *def)
{
    struct node *out = node_object(r->a), *built_in = p->v[OC_LEVEL_DEFAULTS] ? NULL : default_of(r->a, def);
    const struct node *given = p->v[pick_level(p)];
    const struct node *layer[] = {built_in, p->v[OC_LEVEL_DEFAULTS], p->v[OC_LEVEL_AGENT]};

    if (!layer[0] && !layer[1] && !layer[2])
        return NULL;
    for (size_t i = 0; i < N_OF(layer); i++)
        for (size_t j = 0; layer[i] && layer[i]->kind == NODE_OBJECT && j < layer[i]->n_members; j++) {
            const struct node_member *m = &layer[i]->members[j];
            struct node_member *mine = node_set_n(r->a, out, m->key, m->key_n, shared(m->value));

            mine->pos = m->pos;
        }
    node_js_order(r->a, out);
    for (size_t j = 0; r->wants_origins && j < out->n_members; j++) {
        const struct node_member *m = &out->members[j];
        enum oc_level last = OC_LEVEL_BUILT_IN;

        /* The layers stand in the order of enum oc_level. */
        for (size_t i = 0; i < N_OF(layer); i++)
            if (layer[i] && node_member(layer[i], m->key, m->key_n))
                last = (enum oc_level)i;
        origin_of_name(r, p, last, m->key, m->value->pos);
    }
    if (out->n_members == 0 && given)
        origin(r, p, pick_level(p), given->pos);
    return out;
}

static struct node *joined(struct run *r, const struct pair *p, bool keep_empty)
{
    struct node *out = node_array(r->a);

    for (enum oc_level level = OC_LEVEL_DEFAULTS; level < OC_LEVEL_COUNT; level++)
        for (size_t i = 0; node_is(p->v[level], NODE_ARRAY) && i < p->v[level]->n_items; i++) {
            const struct node *n = p->v[level]->items[i];

            origin_of_item(r, p, level, out->n_items, i, n->pos);
            node_push(r->a, out, shared(n));
        }
    if (out->n_items > 0)
        return out;
    if (!keep_empty || pick_level(p) == OC_LEVEL_BUILT_IN)
        return NULL;
    origin(r, p, pick_level(p), p->v[pick_level(p)]->pos);
    return out;
}

/* The first of the levels with text other than blanks. */
static struct node *first_text(struct run *r, struct pair *p)
{
    if (!trimmed(r->a, p->v[OC_LEVEL_AGENT]))
        p->v[OC_LEVEL_AGENT] = NULL;
    if (!trimmed(r->a, p->v[OC_LEVEL_DEFAULTS]))
        p->v[OC_LEVEL_DEFAULTS] = NULL;
    return trimmed(r->a, p->v[pick_level(p)]);
}

/* The resolved value, or NULL: absent. */
static struct node *resolve_value(struct run *r, struct pair *p, enum rule rule, const struct def *def)
{
    enum oc_level level = pick_level(p);
    struct node *given = NULL, *n;

    switch (rule) {
    case MERGED:
        return merged(r, p, def);
    case JOINED:
        return joined(r, p, false);
    case JOINED_KEPT:
        return joined(r, p, true);
    case BACKEND:
        given = first_text(r, p);
        level = pick_level(p);
        break;
    case TIMEOUT:
        given = p->v[level] ? timer_of(r, p->v[level]) : NULL;
        break;
    case PICK:
    case NO_VNC:
        given = p->v[level] ? shared(p->v[level]) : NULL;
        break;
    case LINES:
        given = p->v[level] ? joined_lines(r->a, p->v[level]) : NULL;
        break;
    case TRIMMED:
    case SECRET:
        given = trimmed(r->a, p->v[level]);
        if (given && rule == SECRET)
            given->secret = true;
        break;
    case TRIMMED_OR:
    case REMOTE_ROOT:
        given = trimmed(r->a, p->v[level]);
        if (!given)
            level = OC_LEVEL_BUILT_IN;
        if (given && rule == REMOTE_ROOT)
            given = remote_root(r, given, p);
        break;
    }
    n = given ? given : level == OC_LEVEL_BUILT_IN ? default_of(r->a, def) : NULL;
    if (n)
        origin(r, p, level, n->pos);
    return n;
}

static void resolve_key(struct run *r, struct node *out, struct pair p, enum rule rule, struct def def)
{
    struct node *n = resolve_value(r, &p, rule, &def);

    if (n)
        node_put(r->a, out, p.key, n);
}

static struct node *resolve_object(struct run *r, const char *key, const struct row *rows, const struct node *agent,
                                   const struct node *defaults)
{
    struct node *out = node_object(r->a);

    for (const struct row *row = rows; row->key; row++) {
        struct pair p = {.object = key, .key = row_key(r->line, row)};

        p.v[OC_LEVEL_AGENT] = node_get(agent, p.key);
        p.v[OC_LEVEL_DEFAULTS] = node_get(defaults, p.key);
        resolve_key(r, out, p, row->rule, row->def);
    }
    return out;
}

/* scope, where it is not given, from the older perSession, which no file can hold any more. */
static const char *default_scope(const struct node *agent, const struct node *defaults)
{
    const struct node *per_session = node_get(agent, "perSession");

    if (!per_session)
        per_session = node_get(defaults, "perSession");
    return !node_is(per_session, NODE_BOOL) ? "agent" : per_session->b ? "session" : "shared";
}

static struct node *resolve_tools(struct run *r, const struct node *config)
{
    struct oc_tools t = oc_tools_of_entry(r->a, r->line, config, r->entry);
    struct node *out = node_object(r->a);
    const struct oc_tools_source *source[] = {&t.allow_source, &t.deny_source};
    static const char *const keys[] = {"tools.allow", "tools.deny"};

    node_set(r->a, out, "allow", t.allow);
    node_set(r->a, out, "deny", t.deny);
    for (size_t i = 0; r->wants_origins && i < N_OF(source); i++) {
        enum oc_level level = source[i]->level == OC_TOOLS_AGENT    ? OC_LEVEL_AGENT
                              : source[i]->level == OC_TOOLS_GLOBAL ? OC_LEVEL_DEFAULTS
                                                                    : OC_LEVEL_BUILT_IN;

        VEC_PUSH(r->a, &r->origins,
                 ((struct oc_origin){keys[i], level, level == OC_LEVEL_BUILT_IN ? NULL : source[i]->key, source[i]->pos}));
    }
    return out;
}

/* Podman has defaults of its own, which a docker.tmpfs that is written takes the place of. */
static void tmpfs_source(struct run *r, struct node *out, const struct node *agent, const struct node *defaults)
{
    const struct pair p = {
        .object = "docker", .key = "tmpfs", .v = {NULL, node_get(defaults, "tmpfs"), node_get(agent, "tmpfs")}};
    enum oc_level level = pick_level(&p);
    bool built_in = level == OC_LEVEL_BUILT_IN;

    node_set(r->a, out, "dockerTmpfsSource", node_string(r->a, built_in ? "default" : "configured"));
    struct oc_origin o = {.key = "dockerTmpfsSource", .level = level};

    if (!built_in) {
        o.from = full_key(r, level, &p);
        o.pos = p.v[level]->pos;
    }
    if (r->wants_origins)
        VEC_PUSH(r->a, &r->origins, o);
}

static struct node *resolve(struct run *r, const struct node *config, const struct oc_places *places, const char *agent_id)
{
    const struct node *defaults = node_path(config, "agents", "defaults", "sandbox", NULL), *agent;
    const char *root = path_join(r->a, places->state_dir, "sandboxes");
    struct node *out = node_object(r->a);
    bool is_shared;

    r->line = oc_line_of(places);
    r->config = config;
    r->entry = agent_id && *agent_id ? oc_agent_entry(r->a, config, oc_agent_id(r->a, agent_id)) : NULL;
    agent = node_get(r->entry, "sandbox");
#define KEY(name) ((struct pair){.key = (name), .v = {NULL, node_get(defaults, (name)), node_get(agent, (name))}})
    resolve_key(r, out, KEY("mode"), PICK, (struct def)DEF_STR("off"));
    resolve_key(r, out, KEY("backend"), BACKEND, (struct def)DEF_STR("docker"));
    resolve_key(r, out, KEY("scope"), PICK, (struct def)DEF_STR(default_scope(agent, defaults)));
    resolve_key(r, out, KEY("workspaceAccess"), PICK, (struct def)DEF_STR("none"));
    resolve_key(r, out, KEY("workspaceRoot"), PICK, (struct def)DEF_STR(root));
#undef KEY
    is_shared = text_eq(node_str(node_get(out, "scope")), "shared");
    if (r->line->tells_tmpfs_source)
        tmpfs_source(r, out, is_shared ? NULL : node_get(agent, "docker"), node_get(defaults, "docker"));
    for (size_t i = 0; i < N_OF(objects); i++) {
        const char *key = objects[i].key;

        if (objects[i].rows == prune_rows)
            node_set(r->a, out, "tools", resolve_tools(r, config));
        node_put(r->a, out, key,
                 resolve_object(r, key, objects[i].rows, is_shared ? NULL : node_get(agent, key), node_get(defaults, key)));
    }
    return out;
}

int oc_resolve(struct arena *a, const struct node *config, const struct oc_places *places, const char *agent_id,
               struct oc_sandbox *ret, struct diags *d)
{
    struct run r = {.a = a, .d = d};
    struct node *out = resolve(&r, config, places, agent_id);

    if (r.failed)
        return -1;
    *ret = (struct oc_sandbox){.config = out, .entry = r.entry};
    return 0;
}

struct oc_origins oc_resolve_origins(struct arena *a, const struct node *config, const struct oc_places *places,
                                     const char *agent_id)
{
    struct diags ignored = {.arena = a};
    struct run r = {.a = a, .d = &ignored, .wants_origins = true};

    (void)resolve(&r, config, places, agent_id);
    return (struct oc_origins){r.origins.v, r.origins.n};
}

const struct oc_origin *oc_origin_find(struct arena *a, struct oc_origins o, const char *key)
{
    char *k = arena_strdup(a, key);

    while (*k) {
        size_t cut = strlen(k);

        for (size_t i = 0; i < o.n; i++)
            if (strcmp(o.v[i].key, k) == 0)
                return o.v + i;
        while (cut > 0 && k[cut] != '.' && k[cut] != '[')
            cut--;
        k[cut] = '\0';
    }
    return NULL;
}
