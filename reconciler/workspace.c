#include "reconciler/workspace.h"

#include "spec/base/arena.h"

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
    struct stat st;

    if (!want)
        return 0;
    /* A missing source of the owner's own binds is for the engine to complain about. */
    const char *const dirs[] = {want->workspace_dir, want->agent_workspace_dir, want->skills_dir};
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        if (dirs[i] && make_dirs(a, dirs[i], host->uid == 0, e) < 0)
            return -1;
    if (want->skills_dir && (lstat(want->skills_dir, &st) < 0 || !S_ISDIR(st.st_mode)))
        return err_set(e, ERR_REFUSED, 0, "'%s' is no directory, or a link to one: the engine would mount what it leads to",
                       want->skills_dir);
    return 0;
}
