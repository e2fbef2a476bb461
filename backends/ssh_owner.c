#include "backends/ssh_owner.h"

#include "spec/node.h"
#include "spec/read/json.h"

#include <inttypes.h>
#include <string.h>

#define MAX_FIELDS 64

static bool is_id(const char *s)
{
    return s && *s && strlen(s) <= 64 && strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz:") == strlen(s);
}

static int take_fields(struct arena *a, const struct node *n, struct fields *ret)
{
    struct field *v = ARENA_ARRAY(a, struct field, MAX_FIELDS);
    if (!node_is(n, NODE_OBJECT) || n->n_members > MAX_FIELDS)
        return -1;
    for (size_t i = 0; i < n->n_members; i++) {
        const char *value = node_str(n->members[i].value);
        if (!value)
            return -1;
        v[i] = (struct field){.name = n->members[i].key, .value = value, .class = FIELD_RECREATE};
    }
    *ret = fields_make(a, v, n->n_members);
    return 0;
}

int ssh_owner_decode(struct arena *a, const char *text, struct ssh_owner *ret, struct err *e)
{
    const struct node *n = json_read_err(a, "owner.json", text, strlen(text), e);
    if (!n)
        return -1;
    struct ssh_owner o = {.id = node_str(node_get(n, "id")),
                          .install = node_str(node_get(n, "install")),
                          .name = node_str(node_get(n, "name")),
                          .owner = node_str(node_get(n, "owner")),
                          .scope_key = node_str(node_get(n, "scopeKey")),
                          .config_hash = node_str(node_get(n, "configHash")),
                          .kind = RUNTIME_KIND_COUNT,
                          .created_at_ms = TIME_NONE};
    const char *kind = node_str(node_get(n, "kind"));
    const struct node *created = node_get(n, "createdAtMs");
    for (int k = 0; kind && k < RUNTIME_KIND_COUNT; k++)
        if (strcmp(runtime_kind_name((enum runtime_kind)k), kind) == 0)
            o.kind = (enum runtime_kind)k;
    if (node_is(created, NODE_NUMBER) && created->num >= 0 && created->num < 9e15)
        o.created_at_ms = (int64_t)created->num;
    if (!is_id(o.id) || !o.install || !o.name || !*o.name || o.kind == RUNTIME_KIND_COUNT ||
        take_fields(a, node_get(n, "fields"), &o.fields) < 0)
        return err_set(e, ERR_INPUT, 0, "owner.json: it does not tell whose it is");
    *ret = o;
    return 0;
}

static void set(struct arena *a, struct node *n, const char *key, const char *value)
{
    if (value)
        node_set(a, n, key, node_string(a, value));
}

char *ssh_owner_encode(struct arena *a, const struct ssh_owner *o)
{
    struct node *n = node_object(a), *fields = node_object(a);
    set(a, n, "id", o->id); /* first: commands look for it in the line */
    set(a, n, "install", o->install);
    set(a, n, "name", o->name);
    set(a, n, "owner", o->owner);
    set(a, n, "kind", runtime_kind_name(o->kind));
    set(a, n, "scopeKey", o->scope_key);
    if (o->created_at_ms != TIME_NONE)
        node_set(a, n, "createdAtMs", node_number(a, (double)o->created_at_ms));
    set(a, n, "configHash", o->config_hash);
    for (size_t i = 0; i < o->fields.n; i++)
        if (!o->fields.v[i].sensitive)
            set(a, fields, o->fields.v[i].name, o->fields.v[i].value);
    node_set(a, n, "fields", fields);
    node_set(a, n, "seeded", node_bool(a, true));
    return node_json(a, n);
}

char *ssh_leftover_path(struct arena *a, const char *workspace_root, const struct ssh_leftover *l)
{
    char *id = arena_strdup(a, l->id);
    for (char *p = id; *p; p++)
        if (*p == ':')
            *p = '-';
    return arena_printf(a, "%s/.%s.%s-%s.%s", strcmp(workspace_root, "/") == 0 ? "" : workspace_root, l->name,
                        l->removal ? "gone" : "seed", id, l->install);
}

bool ssh_leftover_decode(struct arena *a, const char *file, struct ssh_leftover *ret)
{
    const char *at = NULL, *dot = strrchr(file, '.');
    for (const char *p = file; *p && (p = strchr(p + 1, '.'));)
        if (strncmp(p, ".seed-", 6) == 0 || strncmp(p, ".gone-", 6) == 0)
            at = p;
    if (file[0] != '.' || !at || at == file + 1 || dot <= at + 6 || !dot[1])
        return false;
    char *id = arena_memdup0(a, at + 6, (size_t)(dot - at - 6));
    if (strchr(id, ':'))
        return false;
    if (strncmp(id, "inode-", 6) == 0)
        for (char *p = id; (p = strchr(p, '-'));)
            *p = ':';
    if (!is_id(id))
        return false;
    *ret = (struct ssh_leftover){.name = arena_memdup0(a, file + 1, (size_t)(at - file - 1)),
                                 .id = id,
                                 .install = arena_strdup(a, dot + 1),
                                 .removal = at[1] == 'g'};
    return true;
}
