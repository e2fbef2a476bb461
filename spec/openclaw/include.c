#include "spec/openclaw/include.h"

#include "spec/base/limits.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/openclaw/crumb.h"
#include "spec/read/json5.h"

#include <string.h>

#define KEY "$include"

/* --- the files of a config -----------------------------------------------------------------------------------------------------
 */

#define LINKS_MAX 40 /* as the kernel: beyond it a path does not resolve */

static void add_dir(struct arena *a, struct oc_file *f, const char *dir)
{
    for (size_t i = 0; i < f->n_dirs; i++)
        if (strcmp(f->dirs[i], dir) == 0)
            return;
    const char **grown = ARENA_ARRAY(a, const char *, f->n_dirs + 1);
    for (size_t i = 0; i < f->n_dirs; i++)
        grown[i] = f->dirs[i];
    grown[f->n_dirs++] = dir;
    f->dirs = grown;
}

/* Follows the path one name at a time. Each link on the way can be swapped by a change in the directory that holds it. */
static void find_dirs(struct arena *a, const struct fs *fs, struct oc_file *f)
{
    const char *at = "/", *rest = f->path;
    size_t links = 0;

    add_dir(a, f, path_dirname(a, f->path));
    while (rest += strspn(rest, "/"), *rest) {
        size_t n = strcspn(rest, "/");
        char *entry = path_resolve(a, at, arena_memdup0(a, rest, n)), *target;
        struct err e = {0};

        rest += n;
        if (fs->readlink(fs->ctx, a, entry, &target, &e) < 0) {
            at = entry;
            continue;
        }
        add_dir(a, f, at);
        if (++links > LINKS_MAX)
            return;
        rest = arena_printf(a, "%s/%s", target, rest);
        if (target[0] == '/')
            at = "/";
    }
    add_dir(a, f, path_dirname(a, at));
}

struct oc_file *oc_files_add(struct arena *a, const struct fs *fs, struct oc_files *files, const char *path)
{
    struct err e = {0};
    char *real;

    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->v[i].path, path) == 0)
            return &files->v[i];
    struct oc_file *f = VEC_ADD(a, files);
    f->path = arena_strdup(a, path);
    if (fs->realpath(fs->ctx, a, path, &real, &e) == 0)
        f->real = real;
    find_dirs(a, fs, f);
    return f;
}

/* --- the walk ------------------------------------------------------------------------------------------------------------------
 */

struct root {
    const char *dir, *real;
};

struct walk {
    struct arena *a;
    const struct fs *fs;
    struct diags *d;
    struct oc_files *files;
    struct root *roots; /* [0] is the directory of the root config */
    size_t n_roots;
    size_t n_files, bytes; /* included so far, counting each time */
};

/* The file that is being worked on, and those that include it. */
struct chain {
    const struct chain *up;
    const char *path, *dir;
    unsigned depth;
};

static struct node *process(struct walk *w, const struct chain *file, const struct crumb *at, struct node *n, size_t depth);

static bool is_blocked_key(const struct node_member *m)
{
    return strlen(m->key) == m->key_n &&
           (strcmp(m->key, "__proto__") == 0 || strcmp(m->key, "prototype") == 0 || strcmp(m->key, "constructor") == 0);
}

/* Both trees belong to this load alone, so the merged one is made of their nodes. */
static struct node *merge(struct arena *a, struct node *target, struct node *source)
{
    if (target->kind == NODE_ARRAY && source->kind == NODE_ARRAY) {
        for (size_t i = 0; i < source->n_items; i++)
            node_push(a, target, source->items[i]);
        return target;
    }
    if (target->kind != NODE_OBJECT || source->kind != NODE_OBJECT)
        return source;
    for (size_t i = 0; i < source->n_members; i++) {
        const struct node_member *m = &source->members[i];
        struct node_member *old = node_member(target, m->key, m->key_n);

        if (is_blocked_key(m))
            continue;
        struct node *value = old ? merge(a, old->value, m->value) : m->value;
        if (!old || value == m->value)
            node_set_n(a, target, m->key, m->key_n, value)->pos = m->pos;
    }
    return target;
}

static bool is_allowed(const struct walk *w, const char *path, bool real)
{
    for (size_t i = 0; i < w->n_roots; i++)
        if (path_is_inside(real ? w->roots[i].real : w->roots[i].dir, path))
            return true;
    return false;
}

#define FAIL(w, at, value, ...) diag_error((w)->d, (value)->pos, crumb_path((w)->a, (at)), __VA_ARGS__)

/* Whether the included file may be read at all. */
static bool check_place(struct walk *w, const struct chain *file, const struct crumb *at, const struct node *value,
                        const char *path, char **ret_real)
{
    struct err e = {0};

    if (!is_allowed(w, path, false)) {
        FAIL(w, at, value, "'%s' is outside of %s (OPENCLAW_INCLUDE_ROOTS may allow more directories)", path, w->roots[0].dir);
        return false;
    }
    oc_files_add(w->a, w->fs, w->files, path);
    if (w->fs->realpath(w->fs->ctx, w->a, path, ret_real, &e) < 0) {
        if (e.class == ERR_NOT_FOUND)
            FAIL(w, at, value, "'%s' does not exist", path);
        else
            FAIL(w, at, value, "cannot include '%s': %s", path, e.msg);
        return false;
    }
    if (!is_allowed(w, *ret_real, true)) {
        FAIL(w, at, value, "'%s' leads by a link to '%s', outside of %s", path, *ret_real, w->roots[0].dir);
        return false;
    }
    const struct chain *c = file;
    do {
        if (strcmp(c->path, path) == 0) {
            FAIL(w, at, value, "'%s' includes itself", path);
            return false;
        }
    } while ((c = c->up));
    if (file->depth >= LIMIT_INCLUDE_DEPTH) {
        FAIL(w, at, value, "includes are nested deeper than %u", LIMIT_INCLUDE_DEPTH);
        return false;
    }
    return true;
}

static bool check_file(struct walk *w, const struct crumb *at, const struct node *value, const char *path, const char *real)
{
    struct err e = {0};
    struct fs_stat st = {0};

    if (w->fs->stat(w->fs->ctx, real, false, &st, &e) < 0)
        FAIL(w, at, value, "cannot include '%s': %s", path, e.msg);
    else if (st.kind != FS_FILE)
        FAIL(w, at, value, "'%s' is %s, not a regular file", path, st.kind == FS_DIR ? "a directory" : "a special file");
    else if (st.nlink > 1)
        FAIL(w, at, value, "'%s' has %llu names (hard links); an included file must have one", path,
             (unsigned long long)st.nlink);
    else if (st.size > LIMIT_INCLUDE_BYTES)
        FAIL(w, at, value, "'%s' is larger than %u bytes", path, LIMIT_INCLUDE_BYTES);
    else if (w->n_files >= LIMIT_INCLUDE_FILES)
        FAIL(w, at, value, "more than %u files are included", LIMIT_INCLUDE_FILES);
    else if (st.size > LIMIT_INCLUDE_TOTAL - w->bytes)
        FAIL(w, at, value, "the included files are larger than %u bytes together", LIMIT_INCLUDE_TOTAL);
    else
        return true;
    return false;
}

/* NULL after adding errors. */
static struct node *load_file(struct walk *w, const struct chain *file, const struct crumb *at, const struct node *value,
                              size_t depth)
{
    struct err e = {0};
    char *real, *bytes;
    size_t n;

    if (w->d->n_errors >= LIMIT_DIAGS)
        return NULL; /* enough to tell; what is left to try may be millions */
    if (strlen(value->s) != value->s_n) {
        FAIL(w, at, value, "a path cannot hold a NUL");
        return NULL;
    }
    char *path = path_resolve(w->a, file->dir, value->s);
    if (!check_place(w, file, at, value, path, &real) || !check_file(w, at, value, path, real))
        return NULL;
    if (w->fs->read(w->fs->ctx, w->a, real, LIMIT_INCLUDE_BYTES, &bytes, &n, &e) < 0) {
        FAIL(w, at, value, "cannot include '%s': %s", path, e.msg);
        return NULL;
    }
    oc_files_add(w->a, w->fs, w->files, path)->found = true;
    w->n_files++;
    w->bytes += n < LIMIT_INCLUDE_TOTAL - w->bytes ? n : LIMIT_INCLUDE_TOTAL - w->bytes;
    struct node *parsed = json5_read(w->a, path, bytes, n, w->d);
    struct chain inner = {.up = file, .path = path, .dir = path_dirname(w->a, path), .depth = file->depth + 1};
    return parsed ? process(w, &inner, at->up, parsed, depth) : NULL;
}

/* NULL after adding errors. `at` is the place of the $include key. */
static struct node *load_value(struct walk *w, const struct chain *file, const struct crumb *at, const struct node *value,
                               size_t depth)
{
    struct node *merged;
    bool failed = false;

    if (value->kind == NODE_STRING)
        return load_file(w, file, at, value, depth);
    if (value->kind != NODE_ARRAY) {
        FAIL(w, at, value, "must be a path or a list of paths, not %s", node_kind_name(value->kind));
        return NULL;
    }
    merged = node_object(w->a);
    merged->pos = value->pos;
    for (size_t i = 0; i < value->n_items; i++) {
        const struct node *item = value->items[i];
        struct crumb here = {.up = at->up, .key = KEY};
        struct node *part = NULL;

        if (item->kind == NODE_STRING)
            part = load_file(w, file, &here, item, depth);
        else
            FAIL(w, &((struct crumb){.up = at, .index = i}), item, "must be a path, not %s", node_kind_name(item->kind));
        if (part)
            merged = merge(w->a, merged, part);
        else
            failed = true;
    }
    return failed ? NULL : merged;
}

/* Every member of an object but $include; NULL values mark what failed. */
static bool process_members(struct walk *w, const struct chain *file, const struct crumb *at, struct node *object, size_t depth)
{
    bool ok = true;

    for (size_t i = 0; i < object->n_members; i++) {
        struct node_member *m = &object->members[i];
        struct crumb here = {.up = at, .key = m->key};

        m->value = process(w, file, &here, m->value, depth + 1);
        ok = ok && m->value;
    }
    node_unset(object, "__proto__"); /* what it includes has to be right all the same */
    return ok;
}

static struct node *process_include(struct walk *w, const struct chain *file, const struct crumb *at, struct node *object,
                                    size_t depth)
{
    struct node *value = node_get(object, KEY);
    struct crumb here = {.up = at, .key = KEY};
    struct node *included = load_value(w, file, &here, value, depth);

    if (object->n_members == 1)
        return included;
    node_unset(object, KEY);
    bool ok = process_members(w, file, at, object, depth);
    if (!included || !ok)
        return NULL;
    if (included->kind != NODE_OBJECT) {
        FAIL(w, &here, value, "beside other keys the included value must be an object, not %s", node_kind_name(included->kind));
        return NULL;
    }
    return merge(w->a, included, object);
}

/* NULL after adding errors; the walk goes on to find all of them. Depth is capped by the reader in one file, and here over
 * nested files, so the recursion is bounded by LIMIT_DOC_DEPTH. */
static struct node *process(struct walk *w, const struct chain *file, const struct crumb *at, struct node *n, size_t depth)
{
    bool ok = true;

    if (n->kind != NODE_ARRAY && n->kind != NODE_OBJECT)
        return n;
    if (depth >= LIMIT_DOC_DEPTH) {
        FAIL(w, at, n, "nested deeper than %u levels", LIMIT_DOC_DEPTH);
        return NULL;
    }
    if (n->kind == NODE_OBJECT) {
        if (node_get(n, KEY))
            return process_include(w, file, at, n, depth);
        return process_members(w, file, at, n, depth) ? n : NULL;
    }
    for (size_t i = 0; i < n->n_items; i++) {
        struct crumb here = {.up = at, .index = i};

        n->items[i] = process(w, file, &here, n->items[i], depth + 1);
        ok = ok && n->items[i];
    }
    return ok ? n : NULL;
}

static struct root make_root(const struct walk *w, const char *dir)
{
    struct err e = {0};
    char *real = NULL;

    return (struct root){.dir = dir, .real = w->fs->realpath(w->fs->ctx, w->a, dir, &real, &e) == 0 ? real : dir};
}

struct node *oc_include(struct arena *a, const struct fs *fs, const char *config_path, struct oc_include_roots roots,
                        struct node *root, struct oc_files *files, struct diags *d)
{
    struct walk w = {.a = a, .fs = fs, .d = d, .files = files};
    struct chain main_file = {.path = config_path, .dir = path_dirname(a, config_path)};

    w.roots = ARENA_ARRAY(a, struct root, roots.n + 1);
    w.roots[w.n_roots++] = make_root(&w, main_file.dir);
    for (size_t i = 0; i < roots.n; i++)
        w.roots[w.n_roots++] = make_root(&w, roots.v[i]);
    return process(&w, &main_file, NULL, root, 0);
}
