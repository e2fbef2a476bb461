#include "reconciler/openshell_options.h"

#include "spec/base/text.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_COMMAND "openshell"

/* As a shell would find it: the first on PATH. NULL: none, and the backend looks in the usual places. */
static const char *on_path(struct arena *a, const struct host *h, const char *name)
{
    const char *dir = host_env(h, "PATH");

    while (dir && *dir) {
        size_t n = strcspn(dir, ":");
        const char *path = arena_printf(a, "%.*s/%s", (int)n, dir, name);
        struct stat st;

        if (*dir == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
            return path;
        dir += n + (dir[n] == ':');
    }
    return NULL;
}

struct node *openshell_options(struct arena *a, const struct host *h, const char *command)
{
    static const char *const names[] = {"HOME",          "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME",
                                        "SSL_CERT_FILE", "SSL_CERT_DIR",    "HTTP_PROXY",     "HTTPS_PROXY",
                                        "NO_PROXY",      "http_proxy",      "https_proxy",    "no_proxy"};
    const char *found;
    struct node *options = node_object(a), *env = node_object(a);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (host_env(h, names[i]))
            node_set(a, env, names[i], node_string(a, host_env(h, names[i])));
    for (size_t i = 0; node_is(h->env, NODE_OBJECT) && i < h->env->n_members; i++)
        if (text_has_prefix(h->env->members[i].key, "OPENSHELL_"))
            node_set(a, env, h->env->members[i].key, h->env->members[i].value);
    node_set(a, options, "env", env);
    if (!command)
        command = DEFAULT_COMMAND;
    found = strchr(command, '/') ? command : on_path(a, h, command);
    if (found || strcmp(command, DEFAULT_COMMAND) != 0)
        node_set(a, options, "command", node_string(a, found ? found : command));
    return options;
}
