#include "spec/openclaw/roster.h"

#include "spec/diag.h"

/* A copy of an object and its members, not of their values. */
static struct node *shallow(struct arena *a, const struct node *n)
{
    struct node *copy = node_object(a);

    copy->pos = n->pos;
    copy->secret = n->secret;
    for (size_t i = 0; i < n->n_members; i++) {
        const struct node_member *m = &n->members[i];

        node_set_n(a, copy, m->key, m->key_n, m->value)->pos = m->pos;
    }
    return copy;
}

struct node *oc_roster(struct arena *a, struct node *root)
{
    const struct node *agents = node_get(root, "agents"), *entries = node_get(agents, "entries");

    if (!node_is(entries, NODE_OBJECT))
        return root;
    struct node *list = node_array(a), *new_agents = shallow(a, agents), *new_root = shallow(a, root);

    list->pos = entries->pos;
    for (size_t i = 0; i < entries->n_members; i++) {
        const struct node_member *m = &entries->members[i];
        struct node *id, *entry;

        if (m->value->kind != NODE_OBJECT)
            continue;
        id = node_string_n(a, m->key, m->key_n);
        id->pos = m->pos;
        entry = shallow(a, m->value);
        node_set(a, entry, "id", id)->pos = m->pos;
        node_push(a, list, entry);
    }
    node_set(a, new_agents, "list", list);
    node_set(a, new_root, "agents", new_agents);
    return new_root;
}

const char *oc_roster_key(struct arena *a, const struct node *config, size_t i)
{
    const struct node *agents = node_get(config, "agents"), *list = node_get(agents, "list");

    if (!node_is(node_get(agents, "entries"), NODE_OBJECT))
        return diag_index(a, "agents.list", i);
    return diag_key(a, "agents.entries", node_str(node_get(list->items[i], "id")));
}

const char *oc_roster_key_of(struct arena *a, const struct node *config, const struct node *entry)
{
    const struct node *list = node_path(config, "agents", "list", NULL);

    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++)
        if (list->items[i] == entry)
            return oc_roster_key(a, config, i);
    return "agents.list";
}
