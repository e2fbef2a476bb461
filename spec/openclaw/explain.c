#include "spec/openclaw/explain.h"

#include "spec/base/path.h"
#include "spec/base/text.h"

#include <string.h>

/* One of a bind's options, as OpenClaw reads them for its file tools: trimmed, in any case. */
static bool has_option(struct arena *a, const char *options, const char *option)
{
    while (*options) {
        size_t n = strcspn(options, ",");

        if (strcmp(js_lower(a, js_trim(a, arena_memdup0(a, options, n))), option) == 0)
            return true;
        options += n + (options[n] == ',');
    }
    return false;
}

static struct node *mount_json(struct arena *a, const struct oc_instance *oc, const struct oc_mount *m)
{
    struct oc_bind b = oc_bind_split(a, m->bind);
    struct node *o = node_object(a);

    /* What an engine would take for a volume, or refuse, is no directory. */
    if (!b.source[0] || !b.target || b.target[0] != '/')
        return NULL;
    node_set(a, o, "hostRoot", node_string(a, path_resolve(a, oc->places->cwd, b.source)));
    node_set(a, o, "containerRoot", node_string(a, oc_container_path(a, b.target)));
    node_set(a, o, "writable", node_bool(a, !has_option(a, b.options, "ro")));
    node_set(a, o, "source", node_string(a, m->kind));
    return o;
}

struct node *oc_explain_workspace(struct arena *a, const struct oc_instance *oc, const struct oc_context *c)
{
    const char *backend = js_lower(a, c->backend), *workdir = node_str(node_path(c->sandbox.config, "docker", "workdir", NULL));
    bool has_mounts = c->sandboxed && (strcmp(backend, "docker") == 0 || strcmp(backend, "podman") == 0);
    const struct oc_runtime r = {.line = oc_line_of(oc->places),
                                 .docker = node_get(c->sandbox.config, "docker"),
                                 .workspace_access = c->workspace_access,
                                 .workspace_dir = c->workspace_dir,
                                 .agent_workspace_dir = c->agent_workspace_dir,
                                 .skills_workspace_dir = c->skills_workspace_dir};
    const struct oc_mounts mounts = has_mounts ? oc_mounts_plan(a, oc->fs, &r) : (struct oc_mounts){0};
    const char *source = strcmp(c->workspace_access, "rw") == 0 ? "agent" : "sandbox";
    struct node *o = node_object(a), *list = node_array(a);

    for (size_t i = 0; i < mounts.n; i++) {
        struct node *m = mount_json(a, oc, &mounts.v[i]);

        if (m)
            node_push(a, list, m);
    }
    node_set(a, o, "effectiveHostWorkspaceRoot", node_string(a, c->sandboxed ? c->workspace_dir : c->agent_workspace_dir));
    if (!c->sandboxed)
        workdir = c->agent_workspace_dir;
    else if (!has_mounts)
        workdir = NULL;
    node_set(a, o, "runtimeWorkdir", workdir ? node_string(a, workdir) : node_null(a));
    node_set(a, o, "workspaceSource", node_string(a, c->sandboxed ? source : "direct"));
    node_set(a, o, "workspaceMounts", list);
    return o;
}
