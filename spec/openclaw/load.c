#include "spec/openclaw/load.h"

#include "spec/base/limits.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/openclaw/env.h"
#include "spec/openclaw/roster.h"
#include "spec/read/json5.h"

#include <string.h>

struct load {
    struct arena *a;
    const struct fs *fs;
    const struct oc_paths *paths;
    struct diags *d;
    struct oc_source *source;
};

/* --- .env
 * ------------------------------------------------------------------------------------------------------------------------- */

static void read_dotenv(struct load *l, const char *path)
{
    struct err e = {0};
    char *bytes;
    size_t n;

    if (oc_files_add(l->a, l->fs, &l->source->files, path)->found)
        return;
    if (l->fs->read(l->fs->ctx, l->a, path, LIMIT_DOTENV_BYTES, &bytes, &n, &e) == 0) {
        oc_files_add(l->a, l->fs, &l->source->files, path)->found = true;
        oc_env_apply_dotenv(l->a, bytes, n, l->source->env);
    } else if (e.class != ERR_NOT_FOUND) {
        diag_warning(l->d, (struct pos){.file = path}, "", "the variables in it are missing: %s", e.msg);
    }
}

/* OpenClaw's command line reads the state directory's first; gateway.env unless the state directory is a special one; and at
 * each load the one of what it takes for the config's directory. A variable that is set stays, so the order counts. */
static void read_dotenvs(struct load *l, const struct node *env)
{
    const struct oc_paths *p = l->paths;
    const char *state = oc_env_get(l->a, env, "OPENCLAW_STATE_DIR"), *config = oc_env_get(l->a, env, "OPENCLAW_CONFIG_PATH");
    const char *usual = path_join(l->a, p->home, ".openclaw");

    read_dotenv(l, path_join(l->a, p->state_dir, ".env"));
    if (!state || strcmp(p->state_dir, usual) == 0)
        read_dotenv(l, path_join(l->a, p->home, ".config/openclaw/gateway.env"));
    if (!state)
        read_dotenv(l, path_join(l->a, config ? path_dirname(l->a, p->config_path) : usual, ".env"));
}

/* --- the config
 * ------------------------------------------------------------------------------------------------------------------- */

static struct oc_include_roots include_roots(struct arena *a, const struct oc_paths *p, const struct node *env)
{
    const char *list = oc_env_get(a, env, "OPENCLAW_INCLUDE_ROOTS");
    const char *home = oc_home(a, env, p->cwd, p->os_home);
    VEC(const char *) roots = {0};

    while (list && *list) {
        size_t n = strcspn(list, ":");
        const char *entry = arena_memdup0(a, list, n);

        if (!js_is_blank(entry))
            VEC_PUSH(a, &roots, oc_user_path(a, home, p->cwd, entry));
        list += n;
        list += *list == ':';
    }
    return (struct oc_include_roots){.v = roots.v, .n = roots.n};
}

/* The config's bytes. False after adding an error, or where there is no config. */
static bool read_config(struct load *l, char **ret, size_t *ret_n)
{
    const char *path = l->paths->config_path;
    struct pos pos = {.file = path};
    struct err e = {0};
    struct fs_stat st;

    oc_files_add(l->a, l->fs, &l->source->files, path);
    if (l->fs->read(l->fs->ctx, l->a, path, LIMIT_DOC_BYTES, ret, ret_n, &e) == 0) {
        l->source->files.v[0].found = true;
        return true;
    }
    if (e.class != ERR_NOT_FOUND)
        diag_error(l->d, pos, "", "%s", e.msg);
    else if (l->fs->stat(l->fs->ctx, path, false, &st, &e) == 0)
        diag_error(l->d, pos, "", "%s", st.kind == FS_SYMLINK ? "a link to nothing" : "changed while it was read");
    else if (e.class != ERR_NOT_FOUND)
        diag_error(l->d, pos, "", "%s", e.msg);
    else
        l->source->missing = true;
    return false;
}

int oc_load(struct arena *a, const struct fs *fs, const struct oc_paths *paths, const struct node *env, struct diags *d,
            struct oc_source *ret)
{
    struct load l = {.a = a, .fs = fs, .paths = paths, .d = d, .source = ret};
    char *bytes;
    size_t n;

    *ret = (struct oc_source){.env = node_copy(a, env)};
    bool have = read_config(&l, &bytes, &n);
    read_dotenvs(&l, env);
    if (ret->missing) {
        ret->root = node_object(a);
        return 0;
    }
    struct node *root = have ? json5_read(a, paths->config_path, bytes, n, d) : NULL;
    if (root)
        root = oc_include(a, fs, paths->config_path, include_roots(a, paths, ret->env), root, &ret->files, d);
    if (!root)
        return -1;
    ret->root = root;
    return 0;
}

void oc_load_variables(struct arena *a, const struct oc_profile *line, struct oc_source *source, struct diags *d)
{
    oc_env_apply_block(a, line, source->root, source->env);
    oc_env_substitute(a, source->root, source->env, d);
    node_js_order(a, source->root);
}

/* --- after the check
 * ---------------------------------------------------------------------------------------------------------------- */

/* /(dir|path|paths|file|root|workspace)$/i */
static bool is_path_key(const char *key)
{
    static const char *const ends[] = {"dir", "path", "paths", "file", "root", "workspace"};
    size_t n = strlen(key);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t m = strlen(ends[i]);

        if (n >= m && strcasecmp(key + n - m, ends[i]) == 0)
            return true;
    }
    return strcmp(key, "pathPrepend") == 0;
}

static void expand(struct arena *a, struct node *n, const char *home, const char *cwd)
{
    if (strlen(n->s) != n->s_n || !oc_has_tilde(js_trim(a, n->s)))
        return;
    n->s = oc_user_path(a, home, cwd, n->s);
    n->s_n = strlen(n->s);
}

/* key: under which the value stands, or NULL. A list's texts count only where the list's own key is one of two. */
static void expand_below(struct arena *a, const char *key, struct node *n, const char *home, const char *cwd)
{
    bool list = key && (strcmp(key, "paths") == 0 || strcmp(key, "pathPrepend") == 0);

    if (n->kind == NODE_STRING && key && is_path_key(key))
        expand(a, n, home, cwd);
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++) {
        if (n->items[i]->kind != NODE_STRING)
            expand_below(a, NULL, n->items[i], home, cwd);
        else if (list)
            expand(a, n->items[i], home, cwd);
    }
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        expand_below(a, n->members[i].key, n->members[i].value, home, cwd);
}

void oc_normalise(struct arena *a, const struct oc_paths *paths, struct oc_source *source)
{
    source->root = oc_roster(a, source->root);
    struct node_member *main_key = node_member(node_get(source->root, "session"), "mainKey", strlen("mainKey"));

    expand_below(a, NULL, source->root, oc_home(a, source->env, paths->cwd, paths->os_home), paths->cwd);
    if (main_key) {
        struct pos pos = main_key->value->pos;

        main_key->value = node_string(a, "main");
        main_key->value->pos = pos;
    }
}
