#include "spec/openclaw/private.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <string.h>

typedef VEC(struct private_dir) dirs_vec;

struct asking {
    struct arena *a;
    const struct fs *fs;
    const char *slug;
    const char *doubt; /* of all */
    dirs_vec dirs;
};

char *oc_private_root(struct arena *a, const char *workspace_root, const struct oc_places *places)
{
    return oc_sandbox_workspace_dir(a, workspace_root, "shared", "shared", places);
}

char *oc_private_skills_root(struct arena *a, const struct oc_places *places)
{
    return path_join(a, places->state_dir, "sandbox/skills-workspaces");
}

/* What stands there decides: nothing, a directory, or something to keep one's hands off. */
static void add(struct asking *x, const char *root, const char *doubt)
{
    const char *path = path_join(x->a, root, x->slug);
    struct private_dir d = {.root = root, .slug = x->slug, .real = path, .doubt = doubt ? doubt : x->doubt};
    struct fs_stat st = {0};
    struct err e = {0};
    char *real = NULL;

    for (size_t i = 0; i < x->dirs.n; i++)
        if (strcmp(x->dirs.v[i].root, root) == 0)
            return;
    if (x->fs->stat(x->fs->ctx, path, false, &st, &e) < 0) {
        if (e.class == ERR_NOT_FOUND)
            return;
        d.doubt = "it cannot be looked at";
    } else if (st.kind != FS_DIR) {
        d.doubt = "it is a link, or no directory";
    } else if (st.mounted) {
        d.doubt = "something is mounted there";
    }
    if (x->fs->realpath(x->fs->ctx, x->a, root, &real, &e) == 0)
        d.real = path_join(x->a, real, x->slug);
    else
        d.doubt = "where it is cannot be told";
    VEC_PUSH(x->a, &x->dirs, d);
}

static size_t hex_tail(const char *s)
{
    size_t n = strlen(s), k = 0;

    while (k < n && ((s[n - 1 - k] >= '0' && s[n - 1 - k] <= '9') || (s[n - 1 - k] >= 'a' && s[n - 1 - k] <= 'f')))
        k++;
    return k;
}

bool oc_is_slug(const char *name)
{
    size_t n = strlen(name), hex = hex_tail(name);

    if (text_has_prefix(name, "workspace-") && n == strlen("workspace-") + 32 && hex >= 32)
        return true;
    return n > 9 && *name != '.' && hex >= 8 && name[n - 9] == '-';
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

size_t oc_private_dirs(struct arena *a, const struct fs *fs, const struct oc_places *places, const struct record *rec,
                       const char *const *roots, size_t n_roots, const char *doubt, const struct private_dir **ret)
{
    const char *key = rec->scope_key ? js_trim(a, rec->scope_key) : "", *said = NULL;
    struct asking x = {.a = a, .fs = fs, .doubt = doubt};
    bool found = false;

    *ret = NULL;
    if (!*key || strcmp(key, "shared") == 0)
        return 0;
    /* 2026.9 gives keys without a workspace the slugs of 2026.5: its rule is that of both. */
    x.slug = oc_slug(a, &oc_profiles[OC_LINE_2026_9], key);
    if (!doubt && rec->name && !strstr(rec->name, x.slug))
        x.doubt = "the runtime's name does not tell of it";
    if (rec->workspace_dir)
        said = path_resolve(a, "/", rec->workspace_dir);
    for (size_t i = 0; i < n_roots; i++) {
        const char *root = oc_private_root(a, roots[i], places);
        bool same = said && strcmp(said, path_join(a, root, x.slug)) == 0;

        found = found || same;
        if (!said || same)
            add(&x, root, NULL);
    }
    /* The workspaceRoot was another one when it was made. */
    if (said && !found && strcmp(last_part(said), x.slug) == 0)
        add(&x, path_dirname(a, said), "it is below no workspaceRoot of today's config");
    if (oc_is_workspace_key(key))
        add(&x, oc_private_skills_root(a, places), NULL);
    *ret = x.dirs.v;
    return x.dirs.n;
}
