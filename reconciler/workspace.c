#include "reconciler/workspace.h"

#include "spec/base/arena.h"
#include "spec/base/text.h"
#include "spec/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int give_to_owner_above(struct arena *a, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct stat above;
    int dir = open(slash == path ? "/" : arena_memdup0(a, path, (size_t)(slash - path)), O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = dir < 0 ? -1 : fstat(dir, &above);

    if (r == 0)
        r = fchownat(dir, slash + 1, above.st_uid, above.st_gid, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        err_sys(e, ERR_IO, errno, "giving the workspace '%s' to its owner", path);
    if (dir >= 0)
        (void)close(dir);
    return r;
}

/* mkdir -p, each new directory given to the owner of the one above where we are root. */
static int make_dirs(struct arena *a, const char *path, bool root, struct err *e)
{
    char *p = arena_strdup(a, path);

    for (char *at = p + 1;; at++) {
        char end = *at;

        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        if (mkdir(p, 0755) == 0) {
            if (root && give_to_owner_above(a, p, e) < 0)
                return -1;
        } else if (errno != EEXIST) {
            return err_sys(e, ERR_IO, errno, "making the workspace '%s'", p);
        }
        *at = end;
        if (end == '\0')
            return 0;
    }
}

int workspace_prepare(const struct host *host, const struct desired *want, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const struct node *binds = want ? node_path(want->create, "HostConfig", "Binds", NULL) : NULL;

    /* The workspace is the first bind, the agent's the second where it is mounted at all; the rest are the owner's own, and a
     * missing one of those is for the engine to complain about. */
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items && i < 2; i++) {
        const char *bind = node_str(binds->items[i]), *colon = bind ? strchr(bind, ':') : NULL;

        if (!colon || bind[0] != '/' || (i == 1 && !text_has_prefix(colon, ":/agent:")))
            continue;
        if (make_dirs(a, arena_memdup0(a, bind, (size_t)(colon - bind)), host->uid == 0, e) < 0)
            return -1;
    }
    return 0;
}
