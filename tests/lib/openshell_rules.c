#include "tests/lib/openshell_rules.h"

#include "spec/read/yaml.h"

#include <stdio.h>
#include <string.h>

static const char *const top_keys[] = {"version", "filesystem_policy", "landlock", "process", "network_policies", NULL};
static const char *const new_top_keys[] = {"version",          "filesystem_policy",   "landlock", "process",
                                           "network_policies", "network_middlewares", NULL};
static const char *const filesystem_keys[] = {"include_workdir", "read_only", "read_write", NULL};
static const char *const landlock_keys[] = {"compatibility", NULL};
static const char *const process_keys[] = {"run_as_user", "run_as_group", NULL};
static const char *const rule_keys[] = {"name", "endpoints", "binaries", NULL};
static const char *const endpoint_keys[] = {"host",
                                            "port",
                                            "ports",
                                            "protocol",
                                            "tls",
                                            "enforcement",
                                            "access",
                                            "rules",
                                            "deny_rules",
                                            "allowed_ips",
                                            "allow_encoded_slash",
                                            "path",
                                            NULL};

static int only_keys(const struct node *n, const char *what, const char *const *keys, struct err *e)
{
    if (n == NULL)
        return 0;
    if (!node_is(n, NODE_OBJECT))
        return err_set(e, ERR_CONFIG, 0, "failed to parse sandbox policy: %s: invalid type, expected a map", what);
    for (size_t i = 0; i < n->n_members; i++) {
        bool known = false;

        for (const char *const *k = keys; *k != NULL; k++)
            known = known || strcmp(*k, n->members[i].key) == 0;
        if (!known)
            return err_set(e, ERR_CONFIG, 0, "failed to parse sandbox policy: %s: unknown field `%s`", what, n->members[i].key);
    }
    return 0;
}

static int check_paths(const struct node *list, struct err *e)
{
    for (size_t i = 0; list != NULL && i < list->n_items; i++) {
        const char *p = node_str(list->items[i]);

        if (p == NULL || p[0] != '/' || strstr(p, "..") != NULL)
            return err_set(e, ERR_CONFIG, 0, "invalid filesystem path '%s': must be absolute, without '..'", p != NULL ? p : "");
    }
    return 0;
}

static int check_rules(const struct node *rules, struct err *e)
{
    for (size_t i = 0; rules != NULL && i < rules->n_members; i++) {
        const struct node *r = rules->members[i].value, *ends = node_get(r, "endpoints");

        if (only_keys(r, rules->members[i].key, rule_keys, e) < 0)
            return -1;
        for (size_t j = 0; ends != NULL && j < ends->n_items; j++)
            if (only_keys(ends->items[j], "endpoints", endpoint_keys, e) < 0)
                return -1;
    }
    return 0;
}

static char *slurp(struct arena *a, const char *path, size_t *ret_n)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    FILE *f = fopen(path, "re");
    char bytes[4096];
    size_t got;

    if (f == NULL)
        return NULL;
    while ((got = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_put(&text, bytes, got);
    (void)fclose(f);
    *ret_n = text.n;
    return arena_memdup0(a, buf_str(&text), text.n);
}

int openshell_rules_read(struct arena *a, const char *path, int version, struct node **ret, struct err *e)
{
    struct diags d = {.arena = a};
    struct yaml_docs docs;
    const struct node *v, *fs;
    size_t n = 0;
    char *text = slurp(a, path, &n);

    if (text == NULL)
        return err_set(e, ERR_CONFIG, 0, "failed to read sandbox policy from %s", path);
    if (yaml_read(a, path, text, n, &d, &docs) < 0 || docs.n != 1)
        return err_set(e, ERR_CONFIG, 0, "failed to parse sandbox policy YAML");
    if (only_keys(docs.v[0], "policy", version >= 86 ? new_top_keys : top_keys, e) < 0)
        return -1;
    v = node_get(docs.v[0], "version");
    if (!node_is(v, NODE_NUMBER) || v->num != 1)
        return err_set(e, ERR_CONFIG, 0, "failed to parse sandbox policy: unsupported version");
    fs = node_get(docs.v[0], "filesystem_policy");
    if (only_keys(fs, "filesystem_policy", filesystem_keys, e) < 0 ||
        only_keys(node_get(docs.v[0], "landlock"), "landlock", landlock_keys, e) < 0 ||
        only_keys(node_get(docs.v[0], "process"), "process", process_keys, e) < 0 ||
        check_paths(node_get(fs, "read_only"), e) < 0 || check_paths(node_get(fs, "read_write"), e) < 0 ||
        check_rules(node_get(docs.v[0], "network_policies"), e) < 0)
        return -1;
    *ret = docs.v[0];
    return 0;
}

static bool has(const struct node *list, const char *s)
{
    for (size_t i = 0; list != NULL && i < list->n_items; i++)
        if (text_eq(node_str(list->items[i]), s))
            return true;
    return false;
}

static void add_path(struct arena *a, struct node *fs, const char *key, const char *path)
{
    if (node_get(fs, key) == NULL)
        node_set(a, fs, key, node_array(a));
    if (!has(node_get(fs, key), path))
        node_push(a, node_get(fs, key), node_string(a, path));
}

struct node *openshell_rules_start(struct arena *a, const struct node *policy)
{
    struct node *p = policy != NULL ? node_copy(a, policy) : node_object(a), *fs, *x;

    if (policy == NULL) {
        node_set(a, p, "version", node_number(a, 1));
        fs = node_object(a);
        node_set(a, fs, "include_workdir", node_bool(a, true));
        node_set(a, p, "filesystem_policy", fs);
        x = node_object(a);
        node_set(a, x, "compatibility", node_string(a, "best_effort"));
        node_set(a, p, "landlock", x);
        x = node_object(a);
        node_set(a, x, "run_as_user", node_string(a, "sandbox"));
        node_set(a, x, "run_as_group", node_string(a, "sandbox"));
        node_set(a, p, "process", x);
    }
    fs = node_get(p, "filesystem_policy");
    if (fs != NULL) {
        add_path(a, fs, "read_only", "/usr");
        add_path(a, fs, "read_only", "/proc");
        add_path(a, fs, "read_write", "/tmp");
        add_path(a, fs, "read_write", "/dev/null");
    }
    return p;
}

static int only_added(const struct node *was, const struct node *is, const char *key, struct err *e)
{
    const struct node *list = node_get(was, key);

    for (size_t i = 0; list != NULL && i < list->n_items; i++)
        if (!has(node_get(is, key), node_str(list->items[i])))
            return err_set(e, ERR_REFUSED, 0, "filesystem %s path '%s' cannot be removed on a live sandbox", key,
                           node_str(list->items[i]));
    return 0;
}

static bool same(const struct node *a, const struct node *b)
{
    return a == NULL || b == NULL ? a == b : node_equal(a, b);
}

static bool is_true(const struct node *n)
{
    return node_is(n, NODE_BOOL) && n->b;
}

int openshell_rules_change(const struct node *baseline, const struct node *policy, struct err *e)
{
    const struct node *was = node_get(baseline, "filesystem_policy"), *is = node_get(policy, "filesystem_policy");

    if (was != NULL && is == NULL)
        return err_set(e, ERR_REFUSED, 0, "filesystem policy cannot be removed on a live sandbox");
    if (was != NULL && is_true(node_get(was, "include_workdir")) != is_true(node_get(is, "include_workdir")))
        return err_set(e, ERR_REFUSED, 0, "filesystem include_workdir cannot be changed on a live sandbox");
    if (only_added(was, is, "read_only", e) < 0 || only_added(was, is, "read_write", e) < 0)
        return -1;
    if (!same(node_get(baseline, "landlock"), node_get(policy, "landlock")))
        return err_set(e, ERR_REFUSED, 0, "landlock policy cannot be changed on a live sandbox (applied at startup)");
    if (!same(node_get(baseline, "process"), node_get(policy, "process")))
        return err_set(e, ERR_REFUSED, 0, "process policy cannot be changed on a live sandbox (applied at startup)");
    return 0;
}

struct node *openshell_rules_effective(struct arena *a, const struct node *policy, const struct node *providers)
{
    struct node *p = node_copy(a, policy), *rules;

    if (providers == NULL || providers->n_items == 0)
        return p;
    if (node_get(p, "network_policies") == NULL)
        node_set(a, p, "network_policies", node_object(a));
    rules = node_get(p, "network_policies");
    for (size_t i = 0; i < providers->n_items; i++) {
        const char *name = node_str(providers->items[i]);
        struct node *r = node_object(a), *list = node_array(a), *end = node_object(a);

        node_set(a, end, "host", node_printf(a, "api.%s.example", name));
        node_set(a, end, "port", node_number(a, 443));
        node_push(a, list, end);
        node_set(a, r, "endpoints", list);
        node_set(a, rules, arena_printf(a, "_provider_%s", name), r);
    }
    return p;
}

/* --- YAML ------------------------------------------------------------------------------------------------------------------ */

static void put_scalar(struct buf *b, const struct node *n)
{
    const char *s = node_str(n);
    bool plain = s != NULL && ((s[0] >= 'a' && s[0] <= 'z') || s[0] == '/' || s[0] == '_');

    for (const char *c = s; plain && *c != '\0'; c++)
        plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("/._-", *c) != NULL;
    if (plain && (strcmp(s, "true") == 0 || strcmp(s, "false") == 0 || strcmp(s, "null") == 0))
        plain = false;
    if (plain)
        buf_puts(b, s);
    else
        node_emit(b, n, 0, 0);
}

static bool is_nested(const struct node *n)
{
    return (node_is(n, NODE_OBJECT) && n->n_members > 0) || (node_is(n, NODE_ARRAY) && n->n_items > 0);
}

static void put_spaces(struct buf *b, unsigned n)
{
    while (n-- > 0)
        buf_putc(b, ' ');
}

static void put_members(struct buf *b, const struct node *n, unsigned indent, bool first_inline)
{
    for (size_t i = 0; i < n->n_members; i++) {
        const struct node *v = n->members[i].value;
        struct node key = {.kind = NODE_STRING, .s = n->members[i].key, .s_n = n->members[i].key_n};

        put_spaces(b, i == 0 && first_inline ? 0 : indent);
        put_scalar(b, &key);
        buf_puts(b, is_nested(v) ? ":\n" : ": ");
        if (is_nested(v))
            openshell_rules_yaml(b, v, node_is(v, NODE_OBJECT) ? indent + 2 : indent);
        else {
            put_scalar(b, v);
            buf_putc(b, '\n');
        }
    }
}

void openshell_rules_yaml(struct buf *b, const struct node *n, unsigned indent)
{
    if (node_is(n, NODE_OBJECT)) {
        put_members(b, n, indent, false);
        return;
    }
    for (size_t i = 0; node_is(n, NODE_ARRAY) && i < n->n_items; i++) {
        const struct node *v = n->items[i];

        put_spaces(b, indent);
        buf_puts(b, "- ");
        if (node_is(v, NODE_OBJECT) && v->n_members > 0)
            put_members(b, v, indent + 2, true);
        else {
            put_scalar(b, v);
            buf_putc(b, '\n');
        }
    }
}
