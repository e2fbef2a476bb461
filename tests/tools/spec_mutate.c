/* spec_mutate: changes spec documents at random and says of each result what the table finds, one JSON object per line:
 * {"doc": ..., "bad": <SCHEMA_BAD_* bits>, "keys": [<keys of the errors>]}. For comparing schema_check with the JSON Schema.
 *
 *     spec_mutate SEED COUNT FILE.yaml... */
#include "spec/base/num.h"
#include "spec/kinds_table.h"
#include "spec/read/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static size_t pick(size_t n) /* splitmix64 */
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (size_t)((z ^ (z >> 31)) % n);
}

/* YAML of values that are right somewhere and wrong elsewhere. */
static const char values[] =
    "[null, true, false, 0, 1, -1, 7, 1.5, 100, 101, 4194305, 10000000, 9007199254740991, 1e300, '', ' ', x, X, -x, a-b, a_b, "
    "a.b, x/y,"
    " /, /a, /a/, //a, /a/../b, /a/./b, /a/.b, /a/..b, '/a\\n', ~/a, '~', ~b, ./a, a b, none, ro, host, bridge, 'container:x', "
    "docker,"
    " bubblewrap, ssh, openshell, once, snapshot, u@h, 'h:0', '[::1]:22', {target: h, workspaceRoot: /w}, {target: h}, {from: "
    "local}, "
    "{gateway: g}, {policy: once}, {path: /p, readOnly: true}, 0, '0', 5m, 5x, 1h30m, m, 30m1h, 1ms, 10s, 40d, 512m, 1.5g, 64 "
    "KiB, 6m, 1k, 5mm, .5g, all, existing, "
    "report,"
    " recreate, adopt, prune, running, stopped, absent, OpenClaw, Sandbox, Policy, reconclaw/v1, reconclaw/v2, 'unix:///x', "
    "'unix://x',"
    " 'unix:///', 'tcp://h:1', 'tcp://', 'tcp://a b', reconclaw.x, openclaw.y, openclaws, [], [a], ['', b], [a, 1], [[]], {}, "
    "{A: b},"
    " {a: b}, {'1': x}, {fromEnv: A}, {fromFile: a}, {fromEnv: A, fromFile: a}, {fromEnv: 1a}, {path: /p}, {path: /p, target: "
    "/q},"
    " {path: /p, target: q}, [{path: /p}], [{path: /p, readOnly: 1}], {percent: 5}, {percent: 101}, {hot: false}, {hot: 0},"
    " {memory: 1g, cpus: 0.1}, {cpus: 0}, {pids: 1}, {pids: 1.5}, {name: a}, {name: A}, {name: a, labels: {x: y}}]";

static const char *const junk[] = {"x", "", "Name", "a b", "A", "A1", "1A", "x/y", "reconclaw.z", "constructor"};

/* A key that some table has, or one that none has. */
static const char *any_key(void)
{
    static const struct schema_object *const tables[] = {&kinds_openclaw_spec, &kinds_sandbox_spec, &kinds_workspace,
                                                         &kinds_limits,        &kinds_env_ref,      &kinds_metadata,
                                                         &kinds_ssh,           &kinds_openshell,    &kinds_seed};
    size_t i = pick(sizeof tables / sizeof *tables + 2);
    if (i >= sizeof tables / sizeof *tables)
        return junk[pick(sizeof junk / sizeof *junk)];
    return tables[i]->fields[pick(tables[i]->n_fields)].key;
}

static struct node *mutate(struct arena *a, struct node *n, const struct node *pool)
{
    size_t n_children = n->kind == NODE_ARRAY ? n->n_items : n->kind == NODE_OBJECT ? n->n_members : 0;
    if (n_children && pick(5)) { /* deeper */
        size_t i = pick(n_children);
        if (n->kind == NODE_ARRAY)
            n->items[i] = mutate(a, n->items[i], pool);
        else
            n->members[i].value = mutate(a, n->members[i].value, pool);
        return n;
    }
    struct node *value = node_copy(a, pool->items[pick(pool->n_items)]);
    if (n->kind == NODE_OBJECT && pick(4)) {
        if (n_children && pick(3) == 0)
            node_unset(n, n->members[pick(n_children)].key);
        else
            node_set(a, n, any_key(), value);
        return n;
    }
    if (n->kind == NODE_ARRAY && pick(3)) {
        node_push(a, n, value);
        return n;
    }
    return value;
}

static bool put_line(struct arena *a, const struct node *doc)
{
    struct diags d = {.arena = a};
    struct node *line = node_object(a), *keys = node_array(a);
    unsigned bad = schema_check_value(a, &kinds_document, doc, "", &d);
    for (size_t i = 0; i < d.n; i++)
        node_push(a, keys, node_string(a, d.v[i].key));
    node_set(a, line, "doc", node_copy(a, doc));
    node_set(a, line, "bad", node_number(a, bad));
    node_set(a, line, "keys", keys);
    return puts(node_json(a, line)) != EOF;
}

static char *read_whole(struct arena *a, const char *name, size_t *ret_n)
{
    static char bytes[1 << 20];
    FILE *f = fopen(name, "rb");
    if (!f)
        return NULL;
    *ret_n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return arena_memdup0(a, bytes, *ret_n);
}

static int complain(const struct diags *d)
{
    for (size_t i = 0; i < d->n; i++)
        fprintf(stderr, "%s:%u:%u: %s\n", d->v[i].pos.file, d->v[i].pos.line, d->v[i].pos.col, d->v[i].msg);
    return 1;
}

int main(int argc, char **argv)
{
    uint64_t count = 0;
    struct arena *a = arena_new();
    struct diags d = {.arena = a};
    struct yaml_docs pool = {0}, docs[64];
    size_t n_files = 0, n = 0;
    if (argc < 4 || argc > 60 || !num_parse_u64(argv[1], &state) || !num_parse_u64(argv[2], &count))
        return 64;
    if (yaml_read(a, "values", values, strlen(values), &d, &pool) < 0)
        return complain(&d);
    for (int i = 3; i < argc; i++) {
        char *bytes = read_whole(a, argv[i], &n);
        if (!bytes || yaml_read(a, argv[i], bytes, n, &d, &docs[n_files]) < 0)
            return complain(&d);
        for (size_t j = 0; j < docs[n_files].n; j++)
            if (!put_line(a, docs[n_files].v[j]))
                return 1;
        n_files++;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct arena *b = arena_new();
        const struct yaml_docs *from = &docs[pick(n_files)];
        struct node *doc = node_copy(b, from->v[pick(from->n)]);
        for (size_t turns = 1 + pick(3); turns > 0; turns--)
            doc = mutate(b, doc, pool.v[0]);
        bool good = put_line(b, doc);
        arena_free(b);
        if (!good)
            return 1;
    }
    arena_free(a);
    return 0;
}
