#include "reconciler/host.h"

#include "spec/base/text.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const struct node *read_env(struct arena *a)
{
    struct node *env = node_object(a);

    for (char **p = environ; p && *p; p++) {
        const char *eq = strchr(*p, '=');

        if (eq && eq != *p && utf8_valid(*p, strlen(*p)))
            node_set_n(a, env, *p, (size_t)(eq - *p), node_string(a, eq + 1));
    }
    return env;
}

const char *host_env(const struct host *h, const char *name)
{
    const char *value = node_str(node_get(h->env, name));

    return value && value[0] ? value : NULL;
}

static const char *own_state_dir(struct arena *a, const struct host *h)
{
    const char *dir = host_env(h, "RECONCLAW_STATE_DIR");

    if (dir)
        return host_path(a, h, dir);
    dir = host_env(h, "XDG_STATE_HOME");
    if (dir && dir[0] == '/')
        return arena_printf(a, "%s/reconclaw", dir);
    if (h->uid == 0)
        return "/var/lib/reconclaw";
    return arena_printf(a, "%s/.local/state/reconclaw", h->home);
}

int host_read(struct arena *a, struct host *ret, struct err *e)
{
    struct host h = {.env = read_env(a), .uid = geteuid(), .gid = getegid()};
    char cwd[PATH_MAX];

    if (!getcwd(cwd, sizeof cwd))
        return err_sys(e, ERR_IO, errno, "finding the working directory");
    const struct passwd *pw = getpwuid(h.uid); /* before any thread is started */

    h.cwd = arena_strdup(a, cwd);
    h.user = arena_strdup(a, pw ? pw->pw_name : NULL);
    h.home = host_env(&h, "HOME");
    if (!h.home)
        h.home = arena_strdup(a, pw && pw->pw_dir ? pw->pw_dir : "/");
    h.xdg_config = host_env(&h, "XDG_CONFIG_HOME");
    if (!h.xdg_config || h.xdg_config[0] != '/')
        h.xdg_config = arena_printf(a, "%s/.config", h.home);
    h.home_dir = own_state_dir(a, &h);
    *ret = h;
    return 0;
}

const char *host_path(struct arena *a, const struct host *h, const char *path)
{
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
        return arena_printf(a, "%s%s", h->home, path + 1);
    if (path[0] == '/')
        return arena_strdup(a, path);
    return arena_printf(a, "%s/%s", h->cwd, path);
}

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t host_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t host_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

uint32_t host_random(void)
{
    uint32_t x;

    if (getrandom(&x, sizeof x, GRND_NONBLOCK) != (ssize_t)sizeof x)
        x = (uint32_t)host_monotonic_ms() * 2654435761u;
    return x;
}
