#include "backends/openshell_spec.h"

#include "backends/openshell.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/remote.h"

#include <stdlib.h>
#include <string.h>

/* --- releases -------------------------------------------------------------------------------------------------------------- */

static const struct openshell_traits profiles[] = {
    [OPENSHELL_0_0_36] = {.since = {0, 0, 36}, .bootstraps = true},
    [OPENSHELL_0_0_37] = {.since = {0, 0, 37}, .labels = true},
    [OPENSHELL_0_0_88] = {.since = {0, 0, 88}, .labels = true, .env = true, .short_names = true},
    [OPENSHELL_0_0_111] =
        {.since = {0, 0, 111}, .labels = true, .env = true, .short_names = true, .main_process = true, .stops = true},
};

const struct openshell_traits *openshell_traits_of(struct openshell_release r)
{
    for (size_t i = OPENSHELL_PROFILE_COUNT; i-- > 0;)
        if (openshell_release_cmp(r, profiles[i].since) >= 0)
            return &profiles[i];
    return NULL;
}

bool openshell_release_is_known(struct openshell_release r)
{
    return openshell_release_cmp(r, profiles[0].since) >= 0 &&
           openshell_release_cmp(r, profiles[OPENSHELL_PROFILE_COUNT - 1].since) <= 0;
}

/* --- names ----------------------------------------------------------------------------------------------------------------- */

static bool is_low(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_hex(const char *s, size_t min, size_t max)
{
    size_t n = strspn(s, "0123456789abcdef");

    return n >= min && n <= max && s[n] == '\0';
}

const char *openshell_name_flaw(const char *name, bool short_names)
{
    size_t n = name != NULL ? strlen(name) : 0;

    if (n == 0)
        return "it is empty";
    if (n > (short_names ? 19u : 253u))
        return short_names
                   ? "it is longer than 19 characters, and openshell 0.0.88 and later take no more: choose a shorter name "
                     "(OpenClaw 2026.9 gives such names itself)"
                   : "it is longer than 253 characters";
    for (size_t i = 0; i < n; i++)
        if (!is_low(name[i]) && name[i] != '-' && (short_names || strchr("._ABCDEFGHIJKLMNOPQRSTUVWXYZ", name[i]) == NULL))
            return short_names ? "openshell 0.0.88 and later take lower-case letters, digits and '-' only"
                               : "letters, digits, '-', '.' and '_' are wanted";
    if (!is_low(name[0]) && (short_names || name[0] == '-'))
        return "it begins with no letter or digit";
    if (short_names && (name[n - 1] == '-' || strstr(name, "--") != NULL))
        return "openshell 0.0.88 and later take no '-' at the end, and none doubled";
    return NULL;
}

bool openshell_name_is_openclaw(const char *name)
{
    const char *dash = strrchr(name, '-');

    if (text_has_prefix(name, "oc-")) {
        size_t n = strlen(name + 3);

        for (size_t i = 0; i < n; i++)
            if (!is_low(name[3 + i]))
                return false;
        return n == 16;
    }
    return text_has_prefix(name, "openclaw-") && dash > name + sizeof "openclaw-" - 2 && is_hex(dash + 1, 1, 8);
}

/* --- decoding -------------------------------------------------------------------------------------------------------------- */

static int get_text(const struct node *create, const char *key, const char **ret, struct err *e)
{
    const struct node *n = node_get(create, key);

    if (n == NULL || n->kind == NODE_NULL)
        return 0;
    if (n->secret)
        return err_set(e, ERR_CONFIG, 0, "%s: a secret would be seen in the command line of openshell", key);
    if (n->kind != NODE_STRING || n->s_n == 0 || strlen(n->s) != n->s_n)
        return err_set(e, ERR_CONFIG, 0, "%s: a text is wanted", key);
    *ret = n->s;
    return 0;
}

static int get_bool(const struct node *create, const char *key, bool *ret, struct err *e)
{
    const struct node *n = node_get(create, key);

    if (n == NULL || n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_BOOL)
        return err_set(e, ERR_CONFIG, 0, "%s: true or false is wanted", key);
    *ret = n->b;
    return 0;
}

static int get_remote_dir(struct arena *a, const struct node *create, const char *key, const char **ret, struct err *e)
{
    if (get_text(create, key, ret, e) < 0)
        return -1;
    if ((*ret)[0] != '/')
        return err_set(e, ERR_CONFIG, 0, "%s: '%s' is not absolute", key, *ret);
    *ret = path_resolve(a, "/", *ret);
    if (!path_is_inside("/sandbox", *ret) && !path_is_inside("/agent", *ret))
        return err_set(e, ERR_CONFIG, 0, "%s: '%s' is not below /sandbox or /agent", key, *ret);
    return 0;
}

static int get_providers(const struct node *create, struct openshell_spec *s, struct err *e)
{
    const struct node *list = node_get(create, "providers");

    if (list == NULL || list->kind == NODE_NULL)
        return 0;
    if (list->kind != NODE_ARRAY || list->n_items > OPENSHELL_MAX_PROVIDERS)
        return err_set(e, ERR_CONFIG, 0, "providers: a list of at most %d is wanted", OPENSHELL_MAX_PROVIDERS);
    for (size_t i = 0; i < list->n_items; i++) {
        const char *p = node_str(list->items[i]);
        bool again = false;

        if (p == NULL || *p == '\0' || *p == '-' || strpbrk(p, " \t\r\n") != NULL || strlen(p) != list->items[i]->s_n)
            return err_set(e, ERR_CONFIG, 0, "providers[%zu]: a name is wanted", i);
        for (size_t j = 0; j < s->n_providers; j++)
            again = again || strcmp(s->providers[j], p) == 0;
        if (!again)
            s->providers[s->n_providers++] = p;
    }
    return 0;
}

/* A part of a path, and of the names of files here. */
static bool is_dir_name(const char *s)
{
    size_t n = s != NULL ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") : 0;

    return n > 0 && n <= 64 && s[n] == '\0';
}

static int get_dir(struct arena *a, const struct node *n, const struct openshell_spec *s, struct openshell_dir *ret,
                   struct err *e)
{
    struct openshell_dir d = {.name = node_str(node_get(n, "name")), .local = node_str(node_get(n, "local"))};

    if (!is_dir_name(d.name))
        return err_set(e, ERR_CONFIG, 0, "name: lower-case letters, digits, '-' and '_' are wanted");
    if (d.local == NULL || d.local[0] != '/')
        return err_set(e, ERR_CONFIG, 0, "local: an absolute path is wanted");
    d.remote = strcmp(d.name, "agent") == 0 ? s->agent_dir : s->workspace_dir;
    if (get_remote_dir(a, n, "remote", &d.remote, e) < 0)
        return -1;
    *ret = d;
    return 0;
}

static int get_dirs(struct arena *a, const struct node *create, struct openshell_spec *s, struct err *e)
{
    const struct node *list = node_get(create, "dirs");

    if (list == NULL || list->kind == NODE_NULL)
        return 0;
    if (list->kind != NODE_ARRAY || list->n_items > OPENSHELL_MAX_DIRS)
        return err_set(e, ERR_CONFIG, 0, "dirs: a list of at most %d is wanted", OPENSHELL_MAX_DIRS);
    for (size_t i = 0; i < list->n_items; i++) {
        if (get_dir(a, list->items[i], s, &s->dirs[i], e) < 0)
            return err_wrap(e, "dirs[%zu]", i);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(s->dirs[j].name, s->dirs[i].name) == 0)
                return err_set(e, ERR_CONFIG, 0, "dirs[%zu].name: '%s' is there twice", i, s->dirs[i].name);
            if (path_is_inside(s->dirs[j].remote, s->dirs[i].remote) || path_is_inside(s->dirs[i].remote, s->dirs[j].remote))
                return err_set(e, ERR_CONFIG, 0, "dirs[%zu]: '%s' and '%s' lie one in the other", i, s->dirs[j].remote,
                               s->dirs[i].remote);
        }
        s->n_dirs++;
    }
    if (strcmp(s->mode, "mirror") == 0)
        s->n_dirs = 0; /* OpenClaw brings them along itself, before each exec */
    return 0;
}

static int get_env(const struct node *create, struct openshell_spec *s, struct err *e)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    const struct node *env = node_get(create, "env");

    if (env == NULL || env->kind == NODE_NULL)
        return 0;
    if (env->kind != NODE_OBJECT || env->n_members > 128)
        return err_set(e, ERR_CONFIG, 0, "env: an object of at most 128 texts is wanted");
    for (size_t i = 0; i < env->n_members; i++) {
        const struct node *v = env->members[i].value;
        const char *key = env->members[i].key;

        if (v->secret)
            return err_set(e, ERR_CONFIG, 0,
                           "env.%s: a secret would be seen in the command line of openshell: give it by a provider", key);
        if (node_str(v) == NULL || strlen(v->s) != v->s_n || v->s_n > 8192 || strpbrk(v->s, "\r\n") != NULL)
            return err_set(e, ERR_CONFIG, 0, "env.%s: a text of one line and at most 8192 bytes is wanted", key);
        if (key[0] == '\0' || key[strspn(key, letters)] != '\0' || (key[0] >= '0' && key[0] <= '9'))
            return err_set(e, ERR_CONFIG, 0, "env.%s: no name of a variable", key);
    }
    s->env = env->n_members > 0 ? env : NULL;
    return 0;
}

static int get_policy(struct arena *a, const struct node *create, struct openshell_spec *s, struct err *e)
{
    static const char *const parts[] = {"version",          "filesystem_policy",   "landlock", "process",
                                        "network_policies", "network_middlewares", NULL};
    const struct node *version;
    struct node *policy;

    if (get_text(create, "policy", &s->policy_path, e) < 0 || get_text(create, "policyText", &s->policy_text, e) < 0)
        return -1;
    if (s->policy_path != NULL && s->policy_path[0] != '/')
        return err_set(e, ERR_CONFIG, 0, "policy: '%s': openshell wants a file, and its path has to be absolute", s->policy_path);
    if (s->policy_text == NULL)
        return 0;
    if (strlen(s->policy_text) > OPENSHELL_POLICY_BYTES)
        return err_set(e, ERR_CONFIG, 0, "policyText: is longer than %u bytes", OPENSHELL_POLICY_BYTES);
    if (openshell_policy_yaml(a, "policy", s->policy_text, strlen(s->policy_text), &policy, e) < 0) {
        e->class = ERR_CONFIG;
        return err_wrap(e, "policyText");
    }
    version = node_get(policy, "version");
    if (!node_is(version, NODE_NUMBER) || version->num != 1)
        return err_set(e, ERR_CONFIG, 0, "policyText: version: 1 is wanted");
    for (size_t i = 0; i < policy->n_members; i++) {
        bool known = false;

        for (const char *const *p = parts; *p != NULL; p++)
            known = known || strcmp(*p, policy->members[i].key) == 0;
        if (!known)
            return err_set(e, ERR_CONFIG, 0, "policyText: %s: no part of a policy", policy->members[i].key);
    }
    s->policy = policy;
    return 0;
}

int openshell_spec_decode(struct arena *a, const struct node *create, struct openshell_spec *ret, struct err *e)
{
    struct openshell_spec s = {
        .from = "openclaw", .mode = "mirror", .workspace_dir = "/sandbox", .agent_dir = "/agent", .auto_providers = true};

    if (!node_is(create, NODE_OBJECT))
        return err_set(e, ERR_CONFIG, 0, "create: an object is wanted");
    if (get_text(create, "from", &s.from, e) < 0 || get_text(create, "mode", &s.mode, e) < 0 ||
        get_bool(create, "gpu", &s.gpu, e) < 0 || get_bool(create, "autoProviders", &s.auto_providers, e) < 0 ||
        get_providers(create, &s, e) < 0 || get_remote_dir(a, create, "remoteWorkspaceDir", &s.workspace_dir, e) < 0 ||
        get_remote_dir(a, create, "remoteAgentWorkspaceDir", &s.agent_dir, e) < 0 || get_policy(a, create, &s, e) < 0)
        return -1;
    if (strcmp(s.mode, "mirror") != 0 && strcmp(s.mode, "remote") != 0)
        return err_set(e, ERR_CONFIG, 0, "mode: '%s': mirror or remote is wanted", s.mode);
    if (s.from[0] == '-' || text_has_prefix(s.from, "./") || text_has_prefix(s.from, "../") || strcmp(s.from, ".") == 0 ||
        strcmp(s.from, "..") == 0)
        return err_set(e, ERR_CONFIG, 0, "from: '%s': a name, an image or an absolute path is wanted", s.from);
    if (get_dirs(a, create, &s, e) < 0 || get_env(create, &s, e) < 0)
        return -1;
    *ret = s;
    return 0;
}

/* --- policies -------------------------------------------------------------------------------------------------------------- */

static bool is_nothing(const struct node *n)
{
    switch (n->kind) {
    case NODE_NULL:
        return true;
    case NODE_BOOL:
        return !n->b;
    case NODE_NUMBER:
        return n->num == 0;
    case NODE_STRING:
        return n->s_n == 0;
    case NODE_ARRAY:
        return n->n_items == 0;
    case NODE_OBJECT:
        return n->n_members == 0;
    case NODE_KIND_COUNT:
        break;
    }
    return false;
}

static int key_cmp(const void *x, const void *y)
{
    return strcmp(((const struct node_member *)x)->key, ((const struct node_member *)y)->key);
}

/* Without what means the same as not being there, keys in order, `port` as `ports`: equal rules have equal texts. */
static struct node *normal(struct arena *a, const struct node *n)
{
    struct node *out;

    if (node_is(n, NODE_ARRAY)) {
        out = node_array(a);
        for (size_t i = 0; i < n->n_items; i++)
            node_push(a, out, normal(a, n->items[i]));
        return out;
    }
    if (!node_is(n, NODE_OBJECT))
        return node_copy(a, n);
    VEC(struct node_member) sorted = {0};

    for (size_t i = 0; i < n->n_members; i++)
        if (!is_nothing(n->members[i].value))
            VEC_PUSH(a, &sorted, n->members[i]);
    if (sorted.n > 1)
        qsort(sorted.v, sorted.n, sizeof *sorted.v, key_cmp);
    out = node_object(a);
    for (size_t i = 0; i < sorted.n; i++) {
        struct node *v = normal(a, sorted.v[i].value);
        const char *key = sorted.v[i].key;

        if (strcmp(key, "port") == 0 && node_is(v, NODE_NUMBER) && node_get(n, "ports") == NULL) {
            struct node *list = node_array(a);

            node_push(a, list, v);
            node_set(a, out, "ports", list);
        } else if (!is_nothing(v))
            node_set_n(a, out, key, sorted.v[i].key_n, v);
    }
    return out;
}

static const char *text_of(struct arena *a, const struct node *n)
{
    return node_json(a, normal(a, n));
}

/* `name` says the same as the key. */
static const char *rule_text(struct arena *a, const struct node_member *m)
{
    struct node *r = normal(a, m->value);

    if (text_eq(node_str(node_get(r, "name")), m->key))
        node_unset(r, "name");
    return node_json(a, r);
}

static bool has(const struct node *list, const struct node *item)
{
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++)
        if (node_equal(list->items[i], item))
            return true;
    return false;
}

/* Paths are added at start-up, and can be added later: more than was asked for is what was asked for. */
static bool filesystem_is_kept(const struct node *made, const struct node *live)
{
    static const char *const lists[] = {"read_only", "read_write"};
    const struct node *x = node_get(made, "include_workdir"), *y = node_get(live, "include_workdir");

    if ((node_is(x, NODE_BOOL) && x->b) != (node_is(y, NODE_BOOL) && y->b))
        return false;
    for (size_t i = 0; i < 2; i++) {
        const struct node *list = node_get(made, lists[i]);

        for (size_t j = 0; node_is(list, NODE_ARRAY) && j < list->n_items; j++)
            if (!has(node_get(live, lists[i]), list->items[j]))
                return false;
    }
    return true;
}

/* Each setting that was made is there; what the gateway filled in beside it is no difference. */
static bool section_is_kept(struct arena *a, const struct node *made, const struct node *live)
{
    const struct node *m = normal(a, made), *l = normal(a, live != NULL ? live : node_object(a));

    for (size_t i = 0; node_is(m, NODE_OBJECT) && i < m->n_members; i++) {
        const struct node *v = node_get(l, m->members[i].key);

        if (v == NULL || !node_equal(v, m->members[i].value))
            return false;
    }
    return true;
}

/* --- fields ---------------------------------------------------------------------------------------------------------------- */

struct field_list {
    struct arena *a;
    struct field *v;
    size_t n, cap;
};

static void add(struct field_list *f, const char *name, const char *value, enum field_class class)
{
    VEC(struct field) list = {f->v, f->n, f->cap};

    if (value == NULL)
        return;
    VEC_PUSH(f->a, &list, ((struct field){.name = name, .value = value, .class = class}));
    f->v = list.v;
    f->n = list.n;
    f->cap = list.cap;
}

static int text_order(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static const char *providers_text(struct arena *a, const struct openshell_spec *s)
{
    const char *sorted[OPENSHELL_MAX_PROVIDERS];
    BUF_AUTO b = BUF_INIT(65536);

    if (s->n_providers == 0)
        return NULL;
    memcpy(sorted, s->providers, s->n_providers * sizeof *sorted);
    qsort(sorted, s->n_providers, sizeof *sorted, text_order);
    for (size_t i = 0; i < s->n_providers; i++)
        buf_printf(&b, "%s%s", i > 0 ? "," : "", sorted[i]);
    return arena_strdup(a, buf_str(&b));
}

static void add_settings(struct field_list *f, const struct openshell_spec *s, const char *setup)
{
    add(f, "openshell.from", s->from, FIELD_RECREATE);
    add(f, "openshell.mode", s->mode, FIELD_RECREATE);
    add(f, "openshell.gpu", s->gpu ? "true" : "false", FIELD_RECREATE);
    add(f, "openshell.autoProviders", s->auto_providers ? "true" : "false", FIELD_NONE);
    add(f, "openshell.providers", providers_text(f->a, s), FIELD_RECREATE);
    add(f, "openshell.remoteWorkspaceDir", s->workspace_dir, FIELD_RECREATE);
    add(f, "openshell.remoteAgentWorkspaceDir", s->agent_dir, FIELD_RECREATE);
    add(f, "openshell.setup", setup, FIELD_RECREATE);
    if (s->n_dirs > 0)
        add(f, REMOTE_SEED_STATE, REMOTE_SEED_WHOLE, FIELD_RECREATE);
    if (s->policy == NULL)
        add(f, "openshell.policy", s->policy_path, FIELD_RECREATE);
    for (size_t i = 0; s->env != NULL && i < s->env->n_members; i++)
        add(f, arena_printf(f->a, "openshell.env.%s", s->env->members[i].key), node_str(s->env->members[i].value), FIELD_NONE);
}

static void add_dynamic(struct field_list *f, const struct node *policy)
{
    const struct node *rules = node_get(policy, "network_policies"), *middle = node_get(policy, "network_middlewares");

    for (size_t i = 0; node_is(rules, NODE_OBJECT) && i < rules->n_members; i++)
        if (!text_has_prefix(rules->members[i].key, "_provider_")) /* composed by the gateway */
            add(f, arena_printf(f->a, "openshell.policy.network_policies.%s", rules->members[i].key),
                rule_text(f->a, &rules->members[i]), FIELD_PATCH);
    if (middle != NULL && !is_nothing(middle))
        add(f, "openshell.policy.network_middlewares", text_of(f->a, middle), FIELD_PATCH);
}

static const char *const static_parts[] = {"filesystem_policy", "landlock", "process"};

struct fields openshell_spec_fields(struct arena *a, const struct openshell_spec *s, const char *setup)
{
    struct field_list f = {.a = a};

    add_settings(&f, s, setup);
    for (size_t i = 0; s->policy != NULL && i < 3; i++)
        if (node_get(s->policy, static_parts[i]) != NULL)
            add(&f, arena_printf(a, "openshell.policy.%s", static_parts[i]), text_of(a, node_get(s->policy, static_parts[i])),
                FIELD_RECREATE);
    add_dynamic(&f, s->policy);
    return fields_make(a, f.v, f.n);
}

struct fields openshell_spec_observed(struct arena *a, const struct openshell_spec *s, const char *setup, const struct node *live,
                                      enum openshell_phase phase)
{
    struct field_list f = {.a = a};

    add_settings(&f, s, setup);
    if (phase == OPENSHELL_ERROR)
        add(&f, "openshell.phase", openshell_phase_name(phase), FIELD_RECREATE);
    for (size_t i = 0; s->policy != NULL && i < 3; i++) {
        const struct node *made = node_get(s->policy, static_parts[i]), *is = node_get(live, static_parts[i]);
        bool kept;

        if (made == NULL)
            continue;
        kept = live == NULL || (i == 0 ? filesystem_is_kept(made, is) : section_is_kept(a, made, is));
        add(&f, arena_printf(a, "openshell.policy.%s", static_parts[i]),
            text_of(a, kept         ? made
                       : is != NULL ? is
                                    : node_object(a)),
            FIELD_RECREATE);
    }
    if (s->policy != NULL)
        add_dynamic(&f, live != NULL ? live : s->policy);
    return fields_make(a, f.v, f.n);
}

char *openshell_policy_patched(struct arena *a, const struct node *live, const struct node *wanted)
{
    struct node *out = node_object(a), *rules = node_get(live, "network_policies");

    node_set(a, out, "version", node_number(a, 1));
    for (size_t i = 0; i < 3; i++)
        if (node_get(live, static_parts[i]) != NULL)
            node_set(a, out, static_parts[i], node_get(live, static_parts[i]));
    if (node_get(wanted, "network_policies") != NULL || rules != NULL)
        node_set(a, out, "network_policies",
                 node_get(wanted, "network_policies") != NULL ? node_get(wanted, "network_policies") : node_object(a));
    if (node_get(wanted, "network_middlewares") != NULL)
        node_set(a, out, "network_middlewares", node_get(wanted, "network_middlewares"));
    return node_json(a, out);
}

/* --- argv ------------------------------------------------------------------------------------------------------------------ */

const char *const *openshell_create_argv(struct arena *a, const struct openshell_spec *s, const struct openshell_traits *t,
                                         const char *name, const char *policy_file, const char *const *labels, size_t n_labels)
{
    VEC(const char *) v = {0};
    const char *policy = policy_file != NULL ? policy_file : s->policy_path;
    static const char *const head[] = {"sandbox", "create", "--name"};

    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        VEC_PUSH(a, &v, head[i]);
    VEC_PUSH(a, &v, name);
    VEC_PUSH(a, &v, "--from");
    VEC_PUSH(a, &v, s->from);
    if (policy != NULL) {
        VEC_PUSH(a, &v, "--policy");
        VEC_PUSH(a, &v, policy);
    }
    if (s->gpu)
        VEC_PUSH(a, &v, "--gpu");
    VEC_PUSH(a, &v, s->auto_providers ? "--auto-providers" : "--no-auto-providers");
    for (size_t i = 0; i < s->n_providers; i++) {
        VEC_PUSH(a, &v, "--provider");
        VEC_PUSH(a, &v, s->providers[i]);
    }
    for (size_t i = 0; t->labels && i < n_labels; i++) {
        VEC_PUSH(a, &v, "--label");
        VEC_PUSH(a, &v, labels[i]);
    }
    for (size_t i = 0; t->env && s->env != NULL && i < s->env->n_members; i++) {
        VEC_PUSH(a, &v, "--env");
        VEC_PUSH(a, &v, arena_printf(a, "%s=%s", s->env->members[i].key, node_str(s->env->members[i].value)));
    }
    if (t->bootstraps)
        VEC_PUSH(a, &v, "--no-bootstrap"); /* a gateway that is down is to be told, not to be made */
    VEC_PUSH(a, &v, "--no-tty");
    if (t->main_process) {
        /* It has to stay: when it ends, with whatever status, the sandbox is an error. */
        VEC_PUSH(a, &v, "--detach");
        VEC_PUSH(a, &v, "--");
        VEC_PUSH(a, &v, "sleep");
        VEC_PUSH(a, &v, "infinity");
    } else {
        VEC_PUSH(a, &v, "--");
        VEC_PUSH(a, &v, "true");
    }
    VEC_PUSH(a, &v, NULL);
    return v.v;
}
