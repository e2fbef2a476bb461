#include "spec/openclaw/ssh_mounts.h"

#include "spec/base/path.h"
#include "spec/base/text.h"

#include <string.h>

struct oc_remote_mounts oc_remote_mounts(struct arena *a, const struct oc_profile *line, const char *workspace_access,
                                         const char *workspace_dir, const char *agent_workspace_dir, const char *cwd,
                                         const char *remote_workspace, const char *remote_agent)
{
    bool rw = text_eq(workspace_access, "rw"), own = oc_line(line)->private_writable && text_eq(workspace_access, "none");
    struct oc_remote_mounts m = {.n = 1, .writable = rw || own};

    m.v[0] = (struct oc_remote_mount){"workspace", path_resolve(a, cwd, workspace_dir), path_resolve(a, "/", remote_workspace),
                                      rw || own};
    m.v[1] = (struct oc_remote_mount){"agent", path_resolve(a, cwd, agent_workspace_dir), path_resolve(a, "/", remote_agent), rw};
    m.n += !text_eq(workspace_access, "none") && strcmp(m.v[0].local, m.v[1].local) != 0;
    return m;
}

/* The deepest one that holds the path. */
static const struct oc_remote_mount *by_remote(const struct oc_remote_mounts *m, const char *path)
{
    const struct oc_remote_mount *best = NULL;

    for (size_t i = 0; i < m->n; i++)
        if (path_is_inside(m->v[i].remote, path) && (!best || strlen(m->v[i].remote) > strlen(best->remote)))
            best = &m->v[i];
    return best;
}

static const struct oc_remote_mount *by_local(const struct oc_remote_mounts *m, const char *path)
{
    for (size_t i = 0; i < m->n; i++)
        if (path_is_inside(m->v[i].local, path))
            return &m->v[i];
    return NULL;
}

enum oc_reach oc_remote_reach(struct arena *a, const struct oc_remote_mounts *m, const char *path, bool writes, const char **ret)
{
    const char *text = js_trim(a, path), *local = path_resolve(a, m->v[0].local, text), *remote = NULL;
    const struct oc_remote_mount *mount = NULL;
    char *posix = arena_strdup(a, text);

    for (char *c = posix; *c; c++)
        if (*c == '\\')
            *c = '/';
    if (*posix == '/') {
        remote = path_resolve(a, "/", posix);
        mount = by_remote(m, remote);
    }
    if (!mount && (mount = by_local(m, local)))
        remote = path_resolve(a, mount->remote, arena_printf(a, "./%s", local + strlen(mount->local)));
    if (!mount)
        return OC_REACH_ESCAPES;
    if (ret)
        *ret = remote;
    return writes && !(m->writable && mount->writable) ? OC_REACH_READ_ONLY : OC_REACH_OK;
}
