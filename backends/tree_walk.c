#include "backends/tree_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tree_place_init(struct tree_place *p, int root)
{
    p->root = root;
    p->n = 0;
    p->path[0] = '\0';
}

static void place_pop(struct tree_place *p)
{
    close(p->fds[--p->n]);
    p->path[p->n > 0 ? p->ends[p->n - 1] : 0] = '\0';
}

void tree_place_close(struct tree_place *p)
{
    while (p->n > 0)
        place_pop(p);
}

/* Whether where we are is path[0..n) or above it. */
static bool place_is_on_way(const struct tree_place *p, const char *path, size_t n)
{
    size_t here = p->n > 0 ? p->ends[p->n - 1] : 0;

    return here == 0 || (here <= n && memcmp(p->path, path, here) == 0 && (here == n || path[here] == '/'));
}

int tree_place_go(struct tree_place *p, const char *path, size_t n)
{
    if (n > LIMIT_TREE_PATH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    while (!place_is_on_way(p, path, n))
        place_pop(p);
    for (;;) {
        size_t here = p->n > 0 ? p->ends[p->n - 1] : 0, from = here > 0 ? here + 1 : 0, end = from;
        int at = p->n > 0 ? p->fds[p->n - 1] : p->root, fd;

        if (here == n)
            return at;
        while (end < n && path[end] != '/')
            end++;
        if (p->n == LIMIT_TREE_DEPTH) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(p->path + here, path + here, end - here);
        p->path[end] = '\0';
        fd = openat(at, p->path + from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
            p->path[here] = '\0';
            return -1;
        }
        p->fds[p->n] = fd;
        p->ends[p->n++] = end;
    }
}

int tree_place_parent(struct tree_place *p, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');

    *ret_name = slash ? slash + 1 : path;
    return tree_place_go(p, path, slash ? (size_t)(slash - path) : 0);
}

/* --- remarks ------------------------------------------------------------------------------------------------------------------
 */

void tree_note(struct tree_notes *n, const char *path, bool refused, const char *fmt, ...)
{
    struct tree_remark *r;
    va_list ap;

    n->n_refused += refused;
    if (n->v.n == LIMIT_DIAGS)
        return;
    r = VEC_ADD(n->arena, &n->v);
    r->path = arena_strdup(n->arena, path);
    r->refused = refused;
    va_start(ap, fmt);
    r->why = arena_vprintf(n->arena, fmt, ap);
    va_end(ap);
}

struct tree_remarks tree_notes_get(const struct tree_notes *n)
{
    return (struct tree_remarks){n->v.v, n->v.n};
}

const char *tree_shown(struct arena *a, const char *path)
{
    BUF_AUTO b = BUF_INIT(256);
    size_t n = strlen(path);

    text_escape(&b, path, n > 160 ? 160 : n);
    if (n > 160)
        buf_puts(&b, "...");
    return arena_memdup0(a, buf_str(&b), b.n);
}

int tree_notes_check(const struct tree_notes *n, const char *what, struct err *e)
{
    BUF_AUTO b = BUF_INIT(900);
    size_t shown = 0;

    if (n->n_refused == 0)
        return 0;
    for (size_t i = 0; i < n->v.n && shown < 4; i++)
        if (n->v.v[i].refused)
            buf_printf(&b, "%s'%s' %s", shown++ > 0 ? "; " : "", tree_shown(n->arena, n->v.v[i].path), n->v.v[i].why);
    if (n->n_refused > shown)
        buf_printf(&b, "; and %zu more", n->n_refused - shown);
    return err_set(e, ERR_INPUT, 0, "%s: %zu path%s cannot be copied: %s", what, n->n_refused, n->n_refused == 1 ? "" : "s",
                   buf_str(&b));
}

/* --- caps ---------------------------------------------------------------------------------------------------------------------
 */

struct tree_count tree_count_start(const struct tree_limits *limits)
{
    struct tree_count c = {.max = *limits};

    if (c.max.max_entries == 0 || c.max.max_entries > LIMIT_TREE_ENTRIES)
        c.max.max_entries = LIMIT_TREE_ENTRIES;
    if (c.max.max_bytes == 0 || c.max.max_bytes > LIMIT_TREE_BYTES)
        c.max.max_bytes = LIMIT_TREE_BYTES;
    if (c.max.max_file_bytes == 0 || c.max.max_file_bytes > c.max.max_bytes)
        c.max.max_file_bytes = c.max.max_bytes;
    return c;
}

static int too_big(const char *path, const char *what, uint64_t max, struct err *e)
{
    ARENA_AUTO a = arena_new();

    return err_set(e, ERR_INPUT, EFBIG, "'%s': %s more than %llu", tree_shown(a, path), what, (unsigned long long)max);
}

int tree_count_add(struct tree_count *c, const char *path, const char *target, uint64_t size, struct err *e)
{
    c->entries++;
    c->names += strlen(path) + (target ? strlen(target) : 0);
    if (c->entries > c->max.max_entries)
        return too_big(path, "the tree has files and directories,", c->max.max_entries, e);
    if (c->names > LIMIT_TREE_NAMES)
        return too_big(path, "the names of the tree have bytes,", LIMIT_TREE_NAMES, e);
    if (size > c->max.max_file_bytes)
        return too_big(path, "it has bytes,", c->max.max_file_bytes, e);
    c->bytes += size;
    if (c->bytes > c->max.max_bytes)
        return too_big(path, "with it, the files of the tree have bytes,", c->max.max_bytes, e);
    return 0;
}

/* --- links --------------------------------------------------------------------------------------------------------------------
 */

void tree_links_apply(const struct manifest_entry *v, size_t n, const char *root, enum tree_links links, struct tree_notes *notes,
                      bool *skip)
{
    const struct manifest m = {.v = v, .n = n};
    const size_t n_root = strlen(root);

    if (links == TREE_LINKS_KEEP)
        return;
    for (size_t i = 0; i < n; i++) {
        if (v[i].type != MANIFEST_LINK)
            continue;
        if (n_root > 0 && !(strncmp(v[i].path, root, n_root) == 0 && v[i].path[n_root] == '/'))
            continue;
        if (!manifest_link_escapes(&m, root, &v[i]))
            continue;
        skip[i] = links == TREE_LINKS_SKIP;
        tree_note(notes, v[i].path, !skip[i],
                  v[i].target[0] == '/' ? "is an absolute link ('%s')" : "is a link that leads outside ('%s')",
                  tree_shown(notes->arena, v[i].target));
    }
}
