#include "backends/bwrap_spec.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const idle_command[] = {"sleep", "infinity", NULL};

/* --- decoding ------------------------------------------------------------------------------------------------------ */

static int decode_path(const struct node *n, const char *key, const char **ret, struct err *e)
{
    const char *s = node_str(n);

    if (s == NULL || s[0] != '/' || strlen(s) != n->s_n)
        return err_set(e, ERR_CONFIG, 0, "%s: an absolute path is wanted", key);
    for (const char *p = s; *p != '\0'; p++)
        if (p[0] == '/' && ((p[1] == '.' && (p[2] == '/' || p[2] == '\0' || (p[2] == '.' && (p[3] == '/' || p[3] == '\0')))) ||
                            p[1] == '/' || (p[1] == '\0' && p != s)))
            return err_set(e, ERR_CONFIG, 0, "%s: '%s' is not normalised", key, s);
    *ret = s;
    return 0;
}

static bool is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static int decode_workspace(struct arena *a, const struct node *n, size_t i, struct bwrap_workspace *w, struct err *e)
{
    static const char *const taken[] = {"/proc", "/dev", "/sys", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"};
    const struct node *ro = node_get(n, "readOnly");
    const char *key = arena_printf(a, "workspaces[%zu]", i);

    if (!node_is(n, NODE_OBJECT))
        return err_set(e, ERR_CONFIG, 0, "%s: an object is wanted", key);
    if (decode_path(node_get(n, "path"), arena_printf(a, "%s.path", key), &w->path, e) < 0 ||
        decode_path(node_get(n, "target"), arena_printf(a, "%s.target", key), &w->target, e) < 0)
        return -1;
    if (ro != NULL && ro->kind != NODE_BOOL)
        return err_set(e, ERR_CONFIG, 0, "%s.readOnly: true or false is wanted", key);
    w->read_only = ro != NULL && ro->b;
    if (text_eq(w->target, "/"))
        return err_set(e, ERR_CONFIG, 0, "%s.target: '/' is the sandbox's own", key);
    for (size_t j = 0; j < sizeof taken / sizeof *taken; j++)
        if (is_below(w->target, taken[j]))
            return err_set(e, ERR_CONFIG, 0, "%s.target: '%s' is the sandbox's own", key, w->target);
    return 0;
}

static int workspace_cmp(const void *x, const void *y)
{
    return strcmp(((const struct bwrap_workspace *)x)->target, ((const struct bwrap_workspace *)y)->target);
}

static int decode_workspaces(struct arena *a, const struct node *n, struct bwrap_spec *s, struct err *e)
{
    if (n == NULL)
        return 0;
    if (n->kind != NODE_ARRAY)
        return err_set(e, ERR_CONFIG, 0, "workspaces: a list is wanted");
    if (n->n_items > BWRAP_MAX_WORKSPACES)
        return err_set(e, ERR_CONFIG, 0, "workspaces: more than %d", BWRAP_MAX_WORKSPACES);
    s->workspaces = ARENA_ARRAY(a, struct bwrap_workspace, n->n_items);
    s->n_workspaces = n->n_items;
    for (size_t i = 0; i < n->n_items; i++)
        if (decode_workspace(a, n->items[i], i, &s->workspaces[i], e) < 0)
            return -1;
    qsort(s->workspaces, s->n_workspaces, sizeof *s->workspaces, workspace_cmp);
    for (size_t i = 1; i < s->n_workspaces; i++)
        if (text_eq(s->workspaces[i - 1].target, s->workspaces[i].target))
            return err_set(e, ERR_CONFIG, 0, "workspaces: two of them at '%s'", s->workspaces[i].target);
    return 0;
}

static bool env_name_ok(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    for (; *s != '\0'; s++)
        if (!isalnum((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

/* What makes the dynamic loader of the program that starts the sandbox do something. */
static bool is_loader_env(const char *name)
{
    static const char *const others[] = {"GCONV_PATH",  "GETCONF_DIR",  "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN",
                                         "LOCPATH",     "MALLOC_TRACE", "NIS_PATH",       "NLSPATH",     "RESOLV_HOST_CONF",
                                         "RES_OPTIONS", "TMPDIR",       "TZDIR"};

    if (text_has_prefix(name, "LD_") || text_has_prefix(name, "MALLOC_"))
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (text_eq(name, others[i]))
            return true;
    return false;
}

static const char *secret_digest(struct arena *a, const char *name, const char *value, size_t n)
{
    BUF_AUTO text = BUF_INIT(SIZE_MAX / 2);
    const char *digest;

    buf_puts(&text, "reconclaw env ");
    buf_puts(&text, name);
    buf_putc(&text, '=');
    buf_put(&text, value, n);
    digest = arena_printf(a, "sha256:%s", digest_sha256(a, text.s, text.n));
    buf_wipe(&text);
    return digest;
}

static int decode_env_value(struct arena *a, const struct node *v, const char *key, struct bwrap_env *env, struct err *e)
{
    const struct node *kept = node_get(v, "secret");

    if (node_is(v, NODE_OBJECT) && v->n_members == 1 && node_is(kept, NODE_STRING) && text_has_prefix(kept->s, "sha256:")) {
        env->digest = kept->s;
        return 0;
    }
    if (!node_is(v, NODE_STRING))
        return err_set(e, ERR_CONFIG, 0, "%s: a text is wanted", key);
    if (strlen(v->s) != v->s_n)
        return err_set(e, ERR_CONFIG, 0, "%s: holds a NUL", key);
    env->value = v->s;
    if (v->secret)
        env->digest = secret_digest(a, env->name, v->s, v->s_n);
    return 0;
}

static int env_cmp(const void *x, const void *y)
{
    return strcmp(((const struct bwrap_env *)x)->name, ((const struct bwrap_env *)y)->name);
}

static int decode_env(struct arena *a, const struct node *n, struct bwrap_spec *s, struct err *e)
{
    if (n == NULL)
        return 0;
    if (n->kind != NODE_OBJECT)
        return err_set(e, ERR_CONFIG, 0, "env: an object is wanted");
    if (n->n_members > BWRAP_MAX_ENV)
        return err_set(e, ERR_CONFIG, 0, "env: more than %d variables", BWRAP_MAX_ENV);
    s->env = ARENA_ARRAY(a, struct bwrap_env, n->n_members);
    s->n_env = n->n_members;
    for (size_t i = 0; i < n->n_members; i++) {
        const struct node_member *m = &n->members[i];
        const char *key = arena_printf(a, "env.%s", m->key);

        if (strlen(m->key) != m->key_n || !env_name_ok(m->key))
            return err_set(e, ERR_CONFIG, 0, "%s: no name of a variable", key);
        s->env[i].name = m->key;
        if (decode_env_value(a, m->value, key, &s->env[i], e) < 0)
            return -1;
        if (s->env[i].digest != NULL && is_loader_env(m->key))
            return err_set(e, ERR_CONFIG, 0, "%s: this variable cannot be a secret", key);
    }
    qsort(s->env, s->n_env, sizeof *s->env, env_cmp);
    return 0;
}

static int decode_limit(const struct node *limits, const char *name, double min, double max, bool whole, double *ret,
                        struct err *e)
{
    const struct node *n = node_get(limits, name);

    if (n == NULL)
        return 0;
    if (n->kind != NODE_NUMBER || !(n->num >= min && n->num <= max) || (whole && n->num != floor(n->num)))
        return err_set(e, ERR_CONFIG, 0, "limits.%s: a %snumber from %.10g to %.10g is wanted", name, whole ? "whole " : "", min,
                       max);
    *ret = n->num;
    return 0;
}

static int only_keys(const struct node *n, const char *prefix, const char *const *keys, struct err *e)
{
    for (size_t i = 0; i < n->n_members; i++) {
        const char *const *k = keys;

        while (*k != NULL && !text_eq(*k, n->members[i].key))
            k++;
        if (*k == NULL)
            return err_set(e, ERR_CONFIG, 0, "%s%s: bubblewrap has nothing for this", prefix, n->members[i].key);
    }
    return 0;
}

static int decode_limits(const struct node *n, struct bwrap_limits *l, struct err *e)
{
    static const char *const keys[] = {"memoryBytes", "pids", "cpus", NULL};
    double memory = 0, pids = 0;

    if (n == NULL)
        return 0;
    if (n->kind != NODE_OBJECT)
        return err_set(e, ERR_CONFIG, 0, "limits: an object is wanted");
    if (only_keys(n, "limits.", keys, e) < 0 ||
        decode_limit(n, "memoryBytes", 1 << 20, JS_MAX_SAFE_INTEGER, true, &memory, e) < 0 ||
        decode_limit(n, "pids", 2, 1 << 22, true, &pids, e) < 0 || decode_limit(n, "cpus", 0.01, 1 << 16, false, &l->cpus, e) < 0)
        return -1;
    l->memory_bytes = (uint64_t)memory;
    l->pids = (uint64_t)pids;
    return 0;
}

static int decode_command(struct arena *a, const struct node *n, struct bwrap_spec *s, struct err *e)
{
    const char **argv;

    s->idle = n == NULL;
    s->command = idle_command;
    if (n == NULL)
        return 0;
    if (n->kind != NODE_ARRAY || n->n_items == 0 || n->n_items > BWRAP_MAX_ARGV)
        return err_set(e, ERR_CONFIG, 0, "command: a list of 1 to %d texts is wanted", BWRAP_MAX_ARGV);
    argv = ARENA_ARRAY(a, const char *, n->n_items + 1);
    for (size_t i = 0; i < n->n_items; i++) {
        if (node_str(n->items[i]) == NULL || strlen(n->items[i]->s) != n->items[i]->s_n || (i == 0 && n->items[i]->s_n == 0))
            return err_set(e, ERR_CONFIG, 0, "command[%zu]: a text without NULs is wanted", i);
        if (n->items[i]->secret)
            return err_set(e, ERR_CONFIG, 0, "command[%zu]: a secret would show in the process list: give it by env", i);
        argv[i] = n->items[i]->s;
    }
    s->command = argv;
    return 0;
}

int bwrap_spec_decode(struct arena *a, const struct node *create, struct bwrap_spec *ret, struct err *e)
{
    static const char *const keys[] = {"root", "workspaces", "env", "limits", "network", "command", "workdir", "labels", NULL};
    const struct node *root = node_get(create, "root"), *workdir = node_get(create, "workdir");
    const struct node *network = node_get(create, "network"), *labels = node_get(create, "labels");
    struct bwrap_spec s = {.workdir = "/"};

    if (!node_is(create, NODE_OBJECT))
        return err_set(e, ERR_CONFIG, 0, "create: an object is wanted");
    if (only_keys(create, "", keys, e) < 0 || (root != NULL && decode_path(root, "root", &s.root, e) < 0) ||
        decode_workspaces(a, node_get(create, "workspaces"), &s, e) < 0 || decode_env(a, node_get(create, "env"), &s, e) < 0 ||
        decode_limits(node_get(create, "limits"), &s.limits, e) < 0 ||
        decode_command(a, node_get(create, "command"), &s, e) < 0 ||
        (workdir != NULL && decode_path(workdir, "workdir", &s.workdir, e) < 0))
        return -1;
    if (network != NULL && !text_eq(node_str(network), "none") && !text_eq(node_str(network), "host"))
        return err_set(e, ERR_CONFIG, 0, "network: bubblewrap has 'none' and 'host' only");
    s.network_host = text_eq(node_str(network), "host");
    if (labels != NULL && labels->kind != NODE_OBJECT)
        return err_set(e, ERR_CONFIG, 0, "labels: an object is wanted");
    for (size_t i = 0; labels != NULL && i < labels->n_members; i++)
        if (node_str(labels->members[i].value) == NULL)
            return err_set(e, ERR_CONFIG, 0, "labels.%s: a text is wanted", labels->members[i].key);
    s.labels = labels;
    *ret = s;
    return 0;
}

const char *bwrap_name_flaw(const char *name)
{
    size_t n = name != NULL ? strlen(name) : 0;

    if (n == 0 || n > BWRAP_MAX_NAME)
        return "1 to 100 characters are wanted";
    if (!isalnum((unsigned char)name[0]))
        return "it has to begin with a letter or digit";
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL)
            return "only letters, digits, '.', '_' and '-' are possible";
    return NULL;
}

/* --- fields -------------------------------------------------------------------------------------------------------- */

static const char *format_bytes(struct arena *a, uint64_t n)
{
    static const char units[] = " kmg";
    size_t u = 0;

    for (; u < 3 && n % 1024 == 0; u++)
        n /= 1024;
    return u == 0 ? arena_printf(a, "%llu", (unsigned long long)n) : arena_printf(a, "%llu%c", (unsigned long long)n, units[u]);
}

struct field_list {
    struct arena *a;
    VEC(struct field) f;
};

static struct field *put(struct field_list *l, const char *name, const char *value, enum field_class class)
{
    struct field *f = VEC_ADD(l->a, &l->f);

    *f = (struct field){.name = name, .value = arena_strdup(l->a, value), .class = class};
    return f;
}

static void put_limits(struct field_list *l, const struct bwrap_limits *limits)
{
    char cpus[JS_NUMBER_MAX];

    if (limits->memory_bytes > 0)
        put(l, "limits.memory", format_bytes(l->a, limits->memory_bytes), FIELD_PATCH);
    if (limits->pids > 0)
        put(l, "limits.pids", arena_printf(l->a, "%llu", (unsigned long long)limits->pids), FIELD_PATCH);
    if (limits->cpus > 0)
        put(l, "limits.cpus", js_number(limits->cpus, cpus), FIELD_PATCH);
}

struct fields bwrap_spec_fields(struct arena *a, const struct bwrap_spec *s, const char *setup_digest)
{
    struct field_list l = {.a = a};

    if (s->root != NULL)
        put(&l, "root", s->root, FIELD_RECREATE);
    for (size_t i = 0; i < s->n_workspaces; i++)
        put(&l, arena_printf(a, "workspaces.%s", s->workspaces[i].target),
            arena_printf(a, "%s%s", s->workspaces[i].path, s->workspaces[i].read_only ? " (read-only)" : ""), FIELD_RECREATE);
    for (size_t i = 0; i < s->n_env; i++) {
        const struct bwrap_env *v = &s->env[i];

        put(&l, arena_printf(a, "env.%s", v->name), v->digest != NULL ? v->digest : v->value, FIELD_RECREATE)->sensitive =
            v->digest != NULL;
    }
    put_limits(&l, &s->limits);
    put(&l, "network", s->network_host ? "host" : "none", FIELD_RECREATE);
    if (!s->idle) {
        struct node *list = node_array(a);

        for (const char *const *p = s->command; *p != NULL; p++)
            node_push(a, list, node_string(a, *p));
        put(&l, "command", node_json(a, list), FIELD_RECREATE);
    }
    put(&l, "workdir", s->workdir, FIELD_RECREATE);
    for (size_t i = 0; s->labels != NULL && i < s->labels->n_members; i++)
        put(&l, arena_printf(a, "labels.%s", s->labels->members[i].key), node_str(s->labels->members[i].value), FIELD_PATCH);
    if (setup_digest != NULL)
        put(&l, "setup", setup_digest, FIELD_RECREATE);
    return fields_make(a, l.f.v, l.f.n);
}

const char *bwrap_setup_digest(struct arena *a, const char *setup)
{
    return setup == NULL ? NULL : arena_printf(a, "sha256:%s", digest_sha256(a, setup, strlen(setup)));
}

struct node *bwrap_spec_masked(struct arena *a, const struct node *create)
{
    struct node *copy = node_copy(a, create), *env = node_get(copy, "env");

    for (size_t i = 0; node_is(env, NODE_OBJECT) && i < env->n_members; i++) {
        struct node_member *m = &env->members[i];

        if (m->value->kind == NODE_STRING && m->value->secret) {
            struct node *kept = node_object(a);

            node_set(a, kept, "secret", node_string(a, secret_digest(a, m->key, m->value->s, m->value->s_n)));
            m->value = kept;
        }
    }
    return copy;
}

bool bwrap_spec_take_secrets(struct bwrap_spec *s, const struct bwrap_spec *from)
{
    bool all = true;

    for (size_t i = 0; i < s->n_env; i++) {
        if (s->env[i].value != NULL)
            continue;
        for (size_t j = 0; from != NULL && j < from->n_env; j++)
            if (text_eq(from->env[j].name, s->env[i].name) && text_eq(from->env[j].digest, s->env[i].digest))
                s->env[i].value = from->env[j].value;
        all = all && s->env[i].value != NULL;
    }
    return all;
}

/* --- environment --------------------------------------------------------------------------------------------------- */

const char *const *bwrap_spec_environ(struct arena *a, const struct bwrap_spec *s, bool loader)
{
    static const char *const defaults[][2] = {
        {"HOME", "/home/sandbox"}, {"LANG", "C.UTF-8"}, {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
    const size_t n_defaults = sizeof defaults / sizeof *defaults;
    const char **v = ARENA_ARRAY(a, const char *, s->n_env + n_defaults + 1);
    size_t n = 0;

    for (size_t i = 0; !loader && i < n_defaults; i++) {
        struct bwrap_env key = {.name = defaults[i][0]};

        if (s->n_env == 0 || bsearch(&key, s->env, s->n_env, sizeof *s->env, env_cmp) == NULL)
            v[n++] = arena_printf(a, "%s=%s", defaults[i][0], defaults[i][1]);
    }
    for (size_t i = 0; i < s->n_env; i++)
        if (is_loader_env(s->env[i].name) == loader && s->env[i].value != NULL)
            v[n++] = arena_printf(a, "%s=%s", s->env[i].name, s->env[i].value);
    return v;
}
