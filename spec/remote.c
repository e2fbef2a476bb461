#include "spec/remote.h"

#include "spec/base/path.h"
#include "spec/fingerprint.h"
#include "spec/kinds_table.h"

static void put(struct arena *a, struct node *o, const char *key, const char *value)
{
    if (value)
        node_put(a, o, key, node_string(a, value));
}

static void put_parts(struct arena *a, struct node *create, const struct remote_parts *parts)
{
    struct node *dirs = node_array(a), *seed = node_object(a);

    for (size_t i = 0; i < parts->n_dirs; i++) {
        struct node *dir = node_object(a);

        put(a, dir, "name", parts->dirs[i].name);
        put(a, dir, "local", parts->dirs[i].local);
        put(a, dir, "remote", parts->dirs[i].remote);
        node_push(a, dirs, dir);
    }
    put(a, seed, "policy", kinds_seed_policy_words[parts->seed.policy]);
    put(a, seed, "from", kinds_seed_from_words[parts->seed.from]);
    node_put(a, create, "dirs", dirs);
    node_put(a, create, "env", parts->env);
    node_put(a, create, "seed", seed);
}

struct node *remote_ssh_create(struct arena *a, const char *workspace_root, const char *name, struct node *connection,
                               const struct remote_parts *parts)
{
    struct node *create = node_object(a);

    put(a, create, "root", path_join(a, workspace_root, name));
    put(a, create, "workspaceRoot", path_resolve(a, "/", workspace_root));
    node_put(a, create, "connection", connection);
    put_parts(a, create, parts);
    return create;
}

struct node *remote_openshell_create(struct arena *a, const struct node *settings, const struct remote_parts *parts)
{
    struct node *create = node_copy(a, settings);

    put_parts(a, create, parts);
    return create;
}

char *remote_hash(struct arena *a, const struct node *create, const char *setup)
{
    /* root: of ssh; the others: of openshell. */
    static const char *const keys[] = {"root", "from", "providers", "gpu", "autoProviders", "mode"};
    const struct node *dirs = node_get(create, "dirs");
    struct node *all = node_object(a), *places = node_array(a);

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (node_get(create, keys[i]))
            node_put(a, all, keys[i], node_get(create, keys[i]));
    for (size_t i = 0; i < dirs->n_items; i++) {
        const struct node *remote = node_get(dirs->items[i], "remote");

        node_push(a, places, node_copy(a, remote ? remote : node_get(dirs->items[i], "name")));
    }
    node_put(a, all, "dirs", places);
    put(a, all, "setup", setup);
    return fingerprint_of(a, all);
}
