#include "spec/openclaw/podman.h"

#include "spec/base/path.h"
#include "spec/base/text.h"

#include <string.h>

#define INIT_PATH "/run/podman-init"

struct node *oc_podman_user(struct arena *a, const struct fs *fs, struct node *docker, const char *workspace_dir)
{
    struct err ignored = {0};
    struct fs_stat st;
    if (fs->stat(fs->ctx, workspace_dir, true, &st, &ignored) == 0 && (st.uid == 0 || st.gid == 0))
        return docker;
    return oc_docker_user(a, fs, docker, workspace_dir);
}

char *oc_podman_hash(struct arena *a, const char *hash, const struct node *docker, bool default_tmpfs)
{
    const char *user = node_str(node_get(docker, "user"));
    return arena_printf(a, "%s:podman-runtime-v9:%s:%s", hash, user != NULL && *user != '\0' ? "configured-user" : "keep-id",
                        default_tmpfs ? "default" : "configured");
}

/* --- the init ------------------------------------------------------------------------------------------------------------------
 */

/* At, above or below it. */
static bool covers_init(struct arena *a, const char *target)
{
    const char *path = oc_container_path(a, target);
    return path_is_inside(path, INIT_PATH) || path_is_inside(INIT_PATH, path);
}

static int check_init(struct arena *a, const struct oc_runtime *r, bool default_tmpfs, struct err *e)
{
    static const char why[] = "'%s' would cover podman's init at " INIT_PATH;
    const struct node *tmpfs = node_get(r->docker, "tmpfs"), *binds = node_get(r->docker, "binds");
    const char *workdir = node_str(node_get(r->docker, "workdir"));
    if (workdir != NULL && covers_init(a, workdir))
        return err_set(e, ERR_CONFIG, 0, "docker.workdir: '%s' would cover podman's init at " INIT_PATH, workdir);
    for (size_t i = 0; node_is(tmpfs, NODE_ARRAY) && i < tmpfs->n_items; i++) {
        const char *s = node_str(tmpfs->items[i]);
        if (s == NULL || (default_tmpfs && strcmp(s, "/run") == 0))
            continue;
        if (covers_init(a, arena_memdup0(a, s, strcspn(s, ":")))) {
            (void)err_set(e, ERR_CONFIG, 0, why, s);
            return err_wrap(e, "docker.tmpfs[%zu]", i);
        }
    }
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++) {
        const char *s = node_str(binds->items[i]), *target = s != NULL ? oc_bind_split(a, s).target : NULL;
        if (target != NULL && *target != '\0' && covers_init(a, target)) {
            (void)err_set(e, ERR_CONFIG, 0, why, s);
            return err_wrap(e, "docker.binds[%zu]", i);
        }
    }
    return 0;
}

/* --- the user ------------------------------------------------------------------------------------------------------------------
 */

static bool is_at_least(const struct oc_podman *p, unsigned major, unsigned minor)
{
    return p->major > major || (p->major == major && p->minor >= minor);
}

/* Decimal digits without leading zeros; NULL where it is no number. */
static const char *id_text(struct arena *a, const char *s, size_t n)
{
    size_t zeros = 0;
    if (n == 0 || strspn(s, "0123456789") < n)
        return NULL;
    while (zeros + 1 < n && s[zeros] == '0')
        zeros++;
    return arena_memdup0(a, s + zeros, n - zeros);
}

/* "keep-id", "keep-id:uid=1000", "keep-id:uid=1000,gid=1000". */
static int keep_id(struct arena *a, const struct oc_podman *p, const char *user, const char **ret, struct err *e)
{
    const char *trimmed = user != NULL ? js_trim(a, user) : "";
    if (*trimmed == '\0') {
        *ret = "keep-id";
        return 0;
    }
    if (!is_at_least(p, 4, 3))
        return err_set(e, ERR_CONFIG, 0, "docker.user: to map '%s', rootless podman must be of version 4.3 or newer", trimmed);
    size_t n = strcspn(trimmed, ":");
    const char *uid = id_text(a, trimmed, n),
               *gid = trimmed[n] == ':' ? id_text(a, trimmed + n + 1, strlen(trimmed + n + 1)) : "";
    if (uid == NULL || gid == NULL)
        return err_set(e, ERR_CONFIG, 0, "docker.user: for rootless podman '%s' must be a number, or two with a ':'", trimmed);
    if (strcmp(uid, "0") == 0 || strcmp(gid, "0") == 0)
        return err_set(e, ERR_CONFIG, 0, "docker.user: '%s' is root, whom rootless podman cannot make the owner of a workspace",
                       trimmed);
    *ret = arena_printf(a, "keep-id:uid=%s%s%s", uid, *gid != '\0' ? ",gid=" : "", gid);
    return 0;
}

int oc_podman_adapt(struct arena *a, const struct oc_podman *podman, const struct oc_runtime *r, bool default_tmpfs,
                    struct node *body, struct err *e)
{
    struct node *host = node_get(body, "HostConfig"), *tmpfs = node_get(host, "Tmpfs");
    const char *mode = NULL;
    if (check_init(a, r, default_tmpfs, e) < 0)
        return -1;
    if (podman == NULL)
        return 0;
    if (!js_is_blank(node_str(node_get(r->docker, "gpus"))) && !is_at_least(podman, 5, 0))
        return err_set(e, ERR_CONFIG, 0, "docker.gpus: podman must be of version 5.0 or newer");
    if (podman->rootless && keep_id(a, podman, node_str(node_get(r->docker, "user")), &mode, e) < 0)
        return -1;
    if (default_tmpfs && tmpfs != NULL)
        (void)node_unset(tmpfs, "/run");
    if (mode != NULL)
        node_set(a, host, "UsernsMode", node_string(a, mode));
    return 0;
}
