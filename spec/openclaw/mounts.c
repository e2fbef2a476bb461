#include "spec/openclaw/mounts.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/create.h"

#include <string.h>

struct oc_bind oc_bind_split(struct arena *a, const char *bind)
{
    bool drive = ((bind[0] >= 'a' && bind[0] <= 'z') || (bind[0] >= 'A' && bind[0] <= 'Z')) && bind[1] == ':' &&
                 (bind[2] == '\\' || bind[2] == '/');
    const char *colon = strchr(bind + (drive ? 2 : 0), ':');
    if (colon == NULL)
        return (struct oc_bind){.source = arena_strdup(a, bind), .options = ""};
    size_t n = strcspn(colon + 1, ":");
    return (struct oc_bind){.source = arena_memdup0(a, bind, (size_t)(colon - bind)),
                            .target = arena_memdup0(a, colon + 1, n),
                            .options = colon[1 + n] == ':' ? arena_strdup(a, colon + 2 + n) : ""};
}

char *oc_container_path(struct arena *a, const char *path)
{
    if (*path == '/')
        return path_resolve(a, "/", path);
    char *s = path_join(a, ".", path); /* "." keeps it relative and is worked out again */
    size_t n = strlen(s);
    while (n > 0 && s[n - 1] == '/')
        s[--n] = '\0';
    return n == 0 || strcmp(s, ".") == 0 ? arena_strdup(a, "/") : s;
}

/* --- the plan ----------------------------------------------------------------------------------------------------------------
 */

/* One mount of the plan; source NULL: the owner's, as written. */
struct slot {
    const char *target; /* normalised */
    struct oc_mount mount;
    bool is_protected;
};

struct plan {
    struct arena *arena;
    const struct fs *fs;
    const struct oc_runtime *r;
    const struct oc_profile *line;
    VEC(struct slot) managed;
    VEC(struct slot) own; /* the owner's */
    VEC(struct oc_mount) skipped;
};

static struct slot *find(struct slot *v, size_t n, const char *target)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].target, target) == 0)
            return &v[i];
    return NULL;
}

static void add(struct plan *p, const char *source, const char *target, bool read_only, const char *kind, const char *key)
{
    struct arena *a = p->arena;
    const char *path = oc_container_path(a, target);
    const char *shown = p->line->plans_mounts ? path : target;
    struct slot s = {.target = path, .is_protected = strcmp(kind, "protectedSkill") == 0};
    s.mount =
        (struct oc_mount){.bind = arena_printf(a, "%s:%s:%s", source, shown, read_only ? "ro,z" : "z"), .key = key, .kind = kind};
    struct slot *there = p->line->plans_mounts ? find(p->managed.v, p->managed.n, path) : NULL;
    if (there != NULL)
        *there = s;
    else
        VEC_PUSH(a, &p->managed, s);
}

static void add_workspaces(struct plan *p)
{
    const struct oc_runtime *r = p->r;
    const char *workdir = node_str(node_get(r->docker, "workdir"));
    bool rw = text_eq(r->workspace_access, "rw"), none = text_eq(r->workspace_access, "none");
    add(p, r->workspace_dir, workdir != NULL ? workdir : "", !rw && !(none && p->line->private_writable), "workspace",
        "docker.workdir");
    if (!none && strcmp(r->workspace_dir, r->agent_workspace_dir) != 0)
        add(p, r->agent_workspace_dir, OC_AGENT_TARGET, !rw, "agent", "workspace");
}

/* --- skills -------------------------------------------------------------------------------------------------------------------
 */

static const char *skills_root(struct arena *a, const struct oc_runtime *r)
{
    if (!text_eq(r->workspace_access, "rw"))
        return r->workspace_dir;
    return r->skills_workspace_dir != NULL ? r->skills_workspace_dir : path_join(a, r->agent_workspace_dir, OC_SKILLS_WORKSPACE);
}

const char *oc_skills_dir(struct arena *a, const struct oc_runtime *r)
{
    if (!oc_line(r->line)->plans_mounts || text_eq(r->workspace_access, "ro"))
        return NULL;
    /* The agent's own are not copied onto themselves. */
    if (strcmp(skills_root(a, r), r->agent_workspace_dir) == 0)
        return NULL;
    return path_join(a, skills_root(a, r), "skills");
}

/* Where it leads; itself, where that cannot be said. */
static const char *real(struct plan *p, const char *path)
{
    struct err ignored = {0};
    char *out;
    return p->fs->realpath(p->fs->ctx, p->arena, path, &out, &ignored) == 0 ? out : path;
}

static bool is_own_dir(struct plan *p, const char *root, const char *dir)
{
    struct fs_stat st;
    struct err ignored = {0};
    if (p->fs->stat(p->fs->ctx, dir, false, &st, &ignored) < 0 || st.kind != FS_DIR)
        return false;
    return path_is_inside(real(p, path_resolve(p->arena, "/", root)), real(p, path_resolve(p->arena, "/", dir)));
}

static void add_skills(struct plan *p)
{
    const struct oc_runtime *r = p->r;
    struct arena *a = p->arena;
    bool rw = text_eq(r->workspace_access, "rw");
    const char *root = rw ? r->agent_workspace_dir : r->workspace_dir, *workdir = node_str(node_get(r->docker, "workdir"));
    const struct {
        const char *root, *dir, *target;
    } from[] = {
        {root, "skills", "skills"},
        {root, ".agents/skills", ".agents/skills"},
        {rw ? skills_root(a, r) : NULL, "skills", OC_SKILLS_WORKSPACE "/skills"},
    };
    const char *copied = r->skills_are_copied ? oc_skills_dir(a, r) : NULL;

    if (!p->line->plans_mounts || text_eq(r->workspace_access, "ro"))
        return;
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        if (from[i].root == NULL)
            continue;
        const char *dir = path_join(a, from[i].root, from[i].dir);
        if (is_own_dir(p, from[i].root, dir) || (copied != NULL && strcmp(dir, copied) == 0))
            add(p, dir, arena_printf(a, "%s/%s", workdir != NULL ? workdir : "", from[i].target), true, "protectedSkill",
                "docker.workdir");
    }
}

/* --- the owner's ---------------------------------------------------------------------------------------------------------------
 */

static void add_own(struct plan *p)
{
    const struct oc_runtime *r = p->r;
    struct arena *a = p->arena;
    const struct node *binds = node_get(r->docker, "binds");
    const char *key = node_get(r->browser, "binds") != NULL ? "browser.binds" : "docker.binds";
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++) {
        const char *text = node_str(binds->items[i]) != NULL ? node_str(binds->items[i]) : "";
        struct oc_bind b = oc_bind_split(a, text);
        struct slot s = {.target = b.target != NULL ? oc_container_path(a, b.target) : text};
        s.mount = (struct oc_mount){.bind = text, .key = arena_printf(a, "%s[%zu]", key, i), .kind = "bind"};
        struct slot *over = p->line->plans_mounts ? find(p->managed.v, p->managed.n, s.target) : NULL;
        struct slot *again = p->line->plans_mounts ? find(p->own.v, p->own.n, s.target) : NULL;
        if (over != NULL && over->is_protected && b.target != NULL)
            VEC_PUSH(a, &p->skipped, s.mount);
        else if (again != NULL)
            *again = s;
        else
            VEC_PUSH(a, &p->own, s);
    }
}

struct oc_mounts oc_mounts_plan(struct arena *a, const struct fs *fs, const struct oc_runtime *r)
{
    struct plan p = {.arena = a, .fs = fs, .r = r, .line = oc_line(r->line)};
    VEC(struct oc_mount) all = {0};
    add_workspaces(&p);
    add_skills(&p);
    if (p.line->plans_mounts && r->attachments_dir != NULL)
        add(&p, r->attachments_dir, OC_ATTACHMENTS_TARGET, true, "protectedSkill", "attachments");
    add_own(&p);
    for (size_t i = 0; i < p.managed.n; i++)
        if (!p.line->plans_mounts || find(p.own.v, p.own.n, p.managed.v[i].target) == NULL)
            VEC_PUSH(a, &all, p.managed.v[i].mount);
    for (size_t i = 0; i < p.own.n; i++)
        VEC_PUSH(a, &all, p.own.v[i].mount);
    return (struct oc_mounts){.v = all.v, .n = all.n, .skipped = p.skipped.v, .n_skipped = p.skipped.n};
}
