/* The whole load of a config over a file system in memory. The input is a list of files, each "@<letter>" and its text up to the
 * next '@' at the begin of a line; letters choose among fixed names. */
#include "spec/base/path.h"
#include "spec/openclaw/load.h"
#include "tests/lib/fuzz.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *path, *link_to; /* link_to: a link, there from the start */
} names[] = {
    {"/h/.openclaw/openclaw.json", NULL},
    {"/h/.openclaw/a", NULL},
    {"/h/.openclaw/b", NULL},
    {"/h/.openclaw/d/c", NULL},
    {"/h/.openclaw/.env", NULL},
    {"/h/.openclaw/l", "d/c"},
    {"/h/.openclaw/out", "/etc/x"},
    {"/etc/x", NULL},
    {"/h/.openclaw/loop", "loop"},
    {"/h/.openclaw/e", "d/../d"},
    {"/root/r", NULL},
};
#define N_NAMES (sizeof names / sizeof names[0])

struct memory {
    const char *text[N_NAMES]; /* NULL: not there */
    size_t n[N_NAMES];
};

static int miss(struct err *e, const char *path)
{
    return err_sys(e, ERR_NOT_FOUND, ENOENT, "looking at '%s'", path);
}

static bool is_dir(const char *path)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (path_is_inside(path, names[i].path) && strcmp(path, names[i].path) != 0)
            return true;
    return false;
}

static int find(const char *path)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(names[i].path, path) == 0)
            return (int)i;
    return -1;
}

static int memory_readlink(void *ctx, struct arena *a, const char *path, char **ret, struct err *e)
{
    int i = find(path);

    if (i < 0 || !names[i].link_to)
        return err_sys(e, ERR_IO, EINVAL, "reading the link '%s'", path);
    *ret = arena_strdup(a, names[i].link_to);
    return 0;
}

static int memory_realpath(void *ctx, struct arena *a, const char *path, char **ret, struct err *e)
{
    struct memory *m = ctx;
    const char *at = "/", *rest = path;

    for (int links = 0; rest += strspn(rest, "/"), *rest;) {
        size_t n = strcspn(rest, "/");
        char *entry = path_resolve(a, at, arena_memdup0(a, rest, n)), *target;
        struct err ignored = {0};

        rest += n;
        if (memory_readlink(ctx, a, entry, &target, &ignored) == 0) {
            if (++links > 8)
                return err_sys(e, ERR_IO, ELOOP, "resolving '%s'", path);
            rest = arena_printf(a, "%s/%s", target, rest);
            at = target[0] == '/' ? "/" : at;
            continue;
        }
        at = entry;
        if (!is_dir(at) && (find(at) < 0 || !m->text[find(at)]))
            return miss(e, path);
    }
    *ret = arena_strdup(a, at);
    return 0;
}

static int memory_stat(void *ctx, const char *path, bool follow, struct fs_stat *ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct memory *m = ctx;
    char *real = arena_strdup(a, path);
    int i;

    if (follow && memory_realpath(ctx, a, path, &real, e) < 0)
        return -1;
    i = find(real);
    if (i >= 0 && names[i].link_to)
        *ret = (struct fs_stat){.kind = FS_SYMLINK, .nlink = 1};
    else if (i >= 0 && m->text[i])
        *ret = (struct fs_stat){.kind = FS_FILE, .nlink = 1 + (i == 10), .size = m->n[i]};
    else if (is_dir(real))
        *ret = (struct fs_stat){.kind = FS_DIR, .nlink = 2};
    else
        return miss(e, path);
    return 0;
}

static int memory_read(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    struct memory *m = ctx;
    char *real;

    if (memory_realpath(ctx, a, path, &real, e) < 0)
        return -1;
    int i = find(real);
    if (i < 0)
        return err_set(e, ERR_INPUT, 0, "reading '%s': a directory", path);
    if (m->n[i] > max)
        return err_set(e, ERR_INPUT, EFBIG, "reading '%s': too large", path);
    *ret = arena_memdup0(a, m->text[i], m->n[i]);
    *ret_n = m->n[i];
    return 0;
}

static void check_keys(const struct node *n)
{
    FUZZ_ASSERT(!node_get(n, "$include") && !node_get(n, "__proto__"));
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++)
        check_keys(n->items[i]);
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        check_keys(n->members[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    struct memory m = {0};
    const struct fs fs = {
        .ctx = &m, .stat = memory_stat, .read = memory_read, .realpath = memory_realpath, .readlink = memory_readlink};
    const char *text = arena_memdup0(a, data, size), *end = text + size;
    struct diags d = {.arena = a}, d2 = {.arena = a};
    struct oc_paths paths;
    struct oc_source source, source2;
    struct node *env = node_object(a);

    for (const char *p = text; p + 2 <= end && p[0] == '@';) {
        size_t i = (unsigned char)p[1] % N_NAMES;
        const char *next = memmem(p + 2, (size_t)(end - p - 2), "\n@", 2);

        m.text[i] = p + 2;
        m.n[i] = (size_t)((next ? next : end) - p - 2);
        p = next ? next + 1 : end;
    }
    node_set(a, env, "V", node_string(a, "a"));
    node_set(a, env, "OPENCLAW_INCLUDE_ROOTS", node_string(a, "/root:rel"));
    oc_paths_find(a, &fs, env, "/h", "/h", &paths);
    int failed = oc_load(a, &fs, &paths, env, &d, &source);
    fuzz_check_diags(&d, failed, NULL);
    FUZZ_ASSERT((source.root == NULL) == (failed != 0) && source.files.n > 0 && source.env);
    FUZZ_ASSERT(oc_load(a, &fs, &paths, env, &d2, &source2) == failed && d2.n == d.n);
    if (failed)
        return 0;
    oc_load_variables(a, &oc_profiles[size % OC_LINE_COUNT], &source, &d);
    oc_load_variables(a, &oc_profiles[size % OC_LINE_COUNT], &source2, &d2);
    FUZZ_ASSERT(d2.n == d.n);
    FUZZ_ASSERT(node_equal(source.root, source2.root) && node_equal(source.env, source2.env));
    check_keys(source.root);
    oc_normalise(a, &paths, &source);
    fuzz_check_tree(a, source.root, NULL);
    return 0;
}
