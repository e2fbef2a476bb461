#include "spec/openclaw/paths.h"

#include "spec/base/path.h"
#include "spec/base/text.h"

#include <string.h>

#define CONFIG_NAME        "openclaw.json"
#define LEGACY_CONFIG_NAME "clawdbot.json"
#define STATE_NAME         ".openclaw"
#define LEGACY_STATE_NAME  ".clawdbot"

char *oc_env_get(struct arena *a, const struct node *env, const char *name)
{
    const char *value = node_str(node_get(env, name));

    return js_is_blank(value) ? NULL : js_trim(a, value);
}

bool oc_has_tilde(const char *path)
{
    return path[0] == '~' && (path[1] == '\0' || path[1] == '/' || path[1] == '\\');
}

/* A home that scripts wrote as the text of "nothing" is none. */
static char *home_value(struct arena *a, const char *value)
{
    char *trimmed = js_is_blank(value) ? NULL : js_trim(a, value);

    return trimmed && strcmp(trimmed, "undefined") != 0 && strcmp(trimmed, "null") != 0 ? trimmed : NULL;
}

static char *raw_os_home(struct arena *a, const struct node *env, const char *os_home)
{
    char *home = home_value(a, node_str(node_get(env, "HOME")));

    if (!home)
        home = home_value(a, node_str(node_get(env, "USERPROFILE")));
    return home ? home : home_value(a, os_home);
}

char *oc_home(struct arena *a, const struct node *env, const char *cwd, const char *os_home)
{
    char *home = home_value(a, node_str(node_get(env, "OPENCLAW_HOME")));
    char *fallback = raw_os_home(a, env, os_home);

    if (!home)
        home = fallback;
    else if (oc_has_tilde(home))
        home = fallback ? arena_printf(a, "%s%s", fallback, home + 1) : NULL;
    return path_resolve(a, cwd, home ? home : cwd);
}

char *oc_user_path(struct arena *a, const char *home, const char *cwd, const char *path)
{
    char *p = js_trim(a, path);

    if (oc_has_tilde(p))
        p = arena_printf(a, "%s%s", home, p + 1);
    return path_resolve(a, cwd, p);
}

static bool may_exist(const struct fs *fs, const char *path)
{
    struct fs_stat st;
    struct err e = {0};

    return fs->stat(fs->ctx, path, true, &st, &e) == 0 || e.class != ERR_NOT_FOUND;
}

/* The first of the two names that is in the directory, or NULL. */
static char *config_in(struct arena *a, const struct fs *fs, const char *dir)
{
    static const char *const names[] = {CONFIG_NAME, LEGACY_CONFIG_NAME};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = path_join(a, dir, names[i]);

        if (may_exist(fs, path))
            return path;
    }
    return NULL;
}

void oc_paths_find(struct arena *a, const struct fs *fs, const struct node *env, const char *cwd, const char *os_home,
                   struct oc_paths *ret)
{
    struct oc_paths p = {.cwd = arena_strdup(a, cwd), .os_home = arena_strdup(a, os_home)};
    const char *state = oc_env_get(a, env, "OPENCLAW_STATE_DIR"), *config = oc_env_get(a, env, "OPENCLAW_CONFIG_PATH");
    bool probe = !text_eq(node_str(node_get(env, "OPENCLAW_TEST_FAST")), "1");

    p.home = oc_home(a, env, cwd, os_home);
    const char *usual = path_join(a, p.home, STATE_NAME), *legacy = path_join(a, p.home, LEGACY_STATE_NAME);
    if (state)
        p.state_dir = oc_user_path(a, p.home, cwd, state);
    else
        p.state_dir = probe && !may_exist(fs, usual) && may_exist(fs, legacy) ? legacy : usual;
    if (config)
        p.config_path = oc_user_path(a, p.home, cwd, config);
    else if (probe) {
        p.config_path = config_in(a, fs, p.state_dir);
        if (!p.config_path && !state)
            p.config_path = config_in(a, fs, usual);
        if (!p.config_path && !state)
            p.config_path = config_in(a, fs, legacy);
    }
    if (!p.config_path)
        p.config_path = path_join(a, p.state_dir, CONFIG_NAME);
    *ret = p;
}

/* /^[a-z0-9][a-z0-9_-]{0,63}$/i */
static bool is_profile(const char *s)
{
    static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t n = strlen(s);

    return n > 0 && n <= 64 && strspn(s, alnum) == n && s[0] != '_' && s[0] != '-';
}

int oc_profile_apply(struct arena *a, const char *profile, const struct node *env, const char *cwd, const char *os_home,
                     struct node **ret_env, struct err *e)
{
    if (!is_profile(profile))
        return err_set(e, ERR_USAGE, 0, "profile '%s': at most 64 letters, digits, '_' and '-', beginning with a letter or digit",
                       profile);
    struct node *copy = node_copy(a, env);
    char *state = oc_env_get(a, env, "OPENCLAW_STATE_DIR");
    node_set(a, copy, "OPENCLAW_PROFILE", node_string(a, profile));
    if (!state) {
        bool plain = strcasecmp(profile, "default") == 0;

        state = path_join(a, oc_home(a, env, cwd, os_home),
                          arena_printf(a, "%s%s%s", STATE_NAME, plain ? "" : "-", plain ? "" : profile));
        node_set(a, copy, "OPENCLAW_STATE_DIR", node_string(a, state));
    }
    if (!oc_env_get(a, env, "OPENCLAW_CONFIG_PATH"))
        node_set(a, copy, "OPENCLAW_CONFIG_PATH", node_string(a, path_join(a, state, CONFIG_NAME)));
    *ret_env = copy;
    return 0;
}
