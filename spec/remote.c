#include "spec/remote.h"

#include "spec/base/path.h"
#include "spec/fingerprint.h"
#include "spec/kinds_table.h"

#define POLICY_BYTES_MAX 262144u

static void put_parts(struct arena *a, struct node *create, const struct remote_parts *parts)
{
    struct node *dirs = node_array(a), *seed = node_object(a);

    for (size_t i = 0; i < parts->n_dirs; i++) {
        struct node *dir = node_object(a);

        node_set_text(a, dir, "name", parts->dirs[i].name);
        node_set_text(a, dir, "local", parts->dirs[i].local);
        node_push(a, dirs, dir);
    }
    node_set_text(a, seed, "policy", kinds_seed_policy_words[parts->seed.policy]);
    node_set_text(a, seed, "from", kinds_seed_from_words[parts->seed.from]);
    node_put(a, create, "dirs", dirs);
    node_put(a, create, "env", parts->env);
    node_put(a, create, "seed", seed);
}

struct node *remote_ssh_create(struct arena *a, const char *workspace_root, const char *name, struct node *connection,
                               const struct remote_parts *parts)
{
    struct node *create = node_object(a);

    node_set_text(a, create, "root", path_join(a, workspace_root, name));
    node_set_text(a, create, "workspaceRoot", path_resolve(a, "/", workspace_root));
    node_put(a, create, "connection", connection);
    put_parts(a, create, parts);
    return create;
}

struct node *remote_openshell_create(struct arena *a, const struct fs *fs, const struct node *settings,
                                     const struct remote_parts *parts, const char **ret_why)
{
    struct node *create = node_copy(a, settings);
    const char *policy = node_str(node_get(create, "policy"));
    struct err e = {0};
    char *text;
    size_t n;

    if (policy && fs && fs->read(fs->ctx, a, policy, POLICY_BYTES_MAX, &text, &n, &e) == 0)
        node_put(a, create, "policyText", node_string_n(a, text, n));
    if (e.class && ret_why)
        *ret_why = e.class == ERR_NOT_FOUND ? arena_printf(a, "there is no file %s", policy) : arena_strdup(a, e.msg);
    put_parts(a, create, parts);
    return create;
}

char *remote_hash(struct arena *a, const struct node *create, const char *setup)
{
    /* All of openshell. Where a tree of ssh stands is seen. */
    static const char *const keys[] = {"from", "providers", "gpu", "mode", "remoteWorkspaceDir", "remoteAgentWorkspaceDir"};
    const struct node *dirs = node_get(create, "dirs");
    struct node *all = node_object(a), *names = node_array(a);

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (node_get(create, keys[i]))
            node_put(a, all, keys[i], node_get(create, keys[i]));
    for (size_t i = 0; i < dirs->n_items; i++)
        node_push(a, names, node_get(dirs->items[i], "name"));
    node_put(a, all, "dirs", names);
    node_set_text(a, all, "setup", setup);
    return fingerprint_of(a, all);
}
