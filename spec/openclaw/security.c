#include "spec/openclaw/security.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/mounts.h"

#include <string.h>

static const char *const denial_names[OC_DENIAL_COUNT] = {
    [OC_DENY_NONE] = "none",
    [OC_DENY_NOT_ABSOLUTE] = "source-not-absolute",
    [OC_DENY_BLOCKED] = "blocked",
    [OC_DENY_COVERS] = "covers-blocked",
    [OC_DENY_UNCLEAR] = "unclear",
    [OC_DENY_RESERVED] = "reserved-target",
    [OC_DENY_OUTSIDE] = "outside-roots",
    [OC_DENY_HOST_NETWORK] = "network-host",
    [OC_DENY_NETWORK_JOIN] = "network-join",
    [OC_DENY_SECCOMP] = "seccomp",
    [OC_DENY_APPARMOR] = "apparmor",
};

const char *oc_denial_name(enum oc_denial d)
{
    return denial_names[d];
}

static const char *const blocked_paths[] = {
    "/etc", "/private/etc", "/proc", "/sys", "/dev", "/root", "/boot", "/run", "/var/run", "/private/var/run",
};
static const char *const blocked_home_paths[] = {".aws", ".cargo", ".config", ".docker", ".gnupg", ".netrc", ".npm", ".ssh"};
static const char *const reserved_targets[] = {"/workspace", "/agent"};

#define N_OF(table) (sizeof(table) / sizeof *(table))

struct paths {
    const char **v;
    size_t n, cap;
};

struct checker {
    struct arena *arena;
    const struct oc_profile *line;
    const struct oc_host *host;
    struct paths blocked, roots;
    const char *binds_key, *network_key;
    enum oc_denial why;
    struct err *err;
};

static int deny(struct checker *c, enum oc_denial why, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int deny(struct checker *c, enum oc_denial why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *msg = arena_vprintf(c->arena, fmt, ap);
    va_end(ap);
    c->why = why;
    return err_set(c->err, ERR_CONFIG, 0, "%s", msg);
}

static void add_path(struct checker *c, struct paths *to, const char *path)
{
    for (size_t i = 0; i < to->n; i++)
        if (strcmp(to->v[i], path) == 0)
            return;
    VEC_PUSH(c->arena, to, path);
}

/* --- paths ----------------------------------------------------------------------------------------------------------------- */

/* "\\?\C:\x" and "//?/x" without their first four characters; "UNC" then stands for a leading double slash. */
static const char *without_namespace(struct arena *a, const char *s)
{
    bool back = strncmp(s, "\\\\?\\", 4) == 0;
    if (!back && strncmp(s, "//?/", 4) != 0)
        return s;
    s += 4;
    bool unc = strncasecmp(s, "UNC", 3) == 0 && s[3] == (back ? '\\' : '/');
    return unc ? arena_printf(a, "//%s", s + 4) : s;
}

static bool has_drive(const char *s)
{
    return ((s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z')) && s[1] == ':' && (s[2] == '\\' || s[2] == '/');
}

/* What the line would take away from around a text before it reads it. */
static char *outer_trim(struct checker *c, const char *s)
{
    return c->line->takes_binds_as_written ? arena_strdup(c->arena, s) : js_trim(c->arena, s);
}

/* OpenClaw's normalizeSandboxHostPath: how it reads a path before it judges it. Relative paths stay so. */
static char *normalize(struct checker *c, const char *path)
{
    struct arena *a = c->arena;
    const char *trimmed = outer_trim(c, path);
    char *s = arena_strdup(a, without_namespace(a, trimmed));
    bool turn =
        !c->line->takes_binds_as_written || has_drive(s) || text_has_prefix(trimmed, "\\\\") || text_has_prefix(trimmed, "//?/");
    for (char *p = s; turn && *p != '\0'; p++)
        if (*p == '\\')
            *p = '/';
    if (*s == '/' || *s == '\0')
        return path_resolve(a, "/", s);
    /* "." keeps it relative and is worked out again. */
    char *out = path_join(a, ".", s);
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/')
        out[--n] = '\0';
    return out;
}

/* Whether OpenClaw takes it for absolute. */
static bool is_absolute(struct checker *c, const char *source)
{
    const char *s = c->line->takes_binds_as_written ? without_namespace(c->arena, source) : source;
    return *s == '/' || (c->line->takes_binds_as_written && has_drive(s));
}

/* Where a normalised absolute path leads: every link on the way followed, a missing rest taken as it stands, also behind a link
 * whose target is missing. -1 where that cannot be said: a loop, or a directory that may not be looked into. */
static int canonical(struct checker *c, const char *path, char **ret, struct err *e)
{
    enum { MAX_LINKS = 40 };
    struct arena *a = c->arena;
    const struct fs *fs = c->host->fs;
    char *at = arena_strdup(a, "/");
    const char *rest = path;
    for (unsigned links = 0;;) {
        while (*rest == '/')
            rest++;
        size_t n = strcspn(rest, "/");
        if (n == 0)
            break;
        char *next = path_resolve(a, at, arena_memdup0(a, rest, n));
        struct fs_stat st;
        struct err failed = {0};
        if (fs->stat(fs->ctx, next, false, &st, &failed) < 0) {
            if (failed.class != ERR_NOT_FOUND) {
                *e = failed;
                return -1;
            }
            at = path_resolve(a, at, rest);
            break;
        }
        rest += n;
        if (st.kind != FS_SYMLINK) {
            at = next;
            continue;
        }
        char *target;
        if (++links > MAX_LINKS)
            return err_set(e, ERR_IO, 0, "%s: too many levels of symbolic links", path);
        if (fs->readlink(fs->ctx, a, next, &target, e) < 0)
            return -1;
        if (*target == '/')
            at = arena_strdup(a, "/");
        rest = arena_printf(a, "%s%s", target, rest);
    }
    *ret = at;
    return 0;
}

/* As canonical; where it cannot be said, the path itself. */
static char *canonical_or_self(struct checker *c, char *path)
{
    struct err ignored = {0};
    char *real;
    return *path == '/' && canonical(c, path, &real, &ignored) == 0 ? real : path;
}

static void add_blocked(struct checker *c)
{
    for (size_t i = 0; i < N_OF(blocked_paths); i++)
        add_path(c, &c->blocked, blocked_paths[i]);
    const char *homes[] = {c->host->home, c->host->os_home};
    for (size_t h = 0; h < N_OF(homes); h++) {
        if (homes[h] == NULL)
            continue;
        char *home = normalize(c, homes[h]);
        const char *forms[] = {home, canonical_or_self(c, home)};
        for (size_t f = 0; f < N_OF(forms); f++)
            for (size_t i = 0; strcmp(forms[f], "/") != 0 && i < N_OF(blocked_home_paths); i++)
                add_path(c, &c->blocked, path_join(c->arena, forms[f], blocked_home_paths[i]));
    }
}

static void add_roots(struct checker *c, const char *const *roots, size_t n_roots)
{
    for (size_t i = 0; i < n_roots; i++) {
        const char *root_dir = outer_trim(c, roots[i]);
        if (!is_absolute(c, root_dir))
            continue;
        char *root = normalize(c, root_dir);
        add_path(c, &c->roots, root);
        add_path(c, &c->roots, canonical_or_self(c, root));
    }
}

/* --- binds ----------------------------------------------------------------------------------------------------------------- */

/* covers: what is above a blocked path brings it along, and is refused too. */
static int check_blocked(struct checker *c, const char *bind, const char *source, bool covers)
{
    if (strcmp(source, "/") == 0)
        return deny(c, OC_DENY_COVERS, "'%s' mounts the whole of /", bind);
    for (size_t i = 0; i < c->blocked.n; i++) {
        if (path_is_inside(c->blocked.v[i], source))
            return deny(c, OC_DENY_BLOCKED, "'%s' mounts %s, which no sandbox gets", bind, c->blocked.v[i]);
        if (covers && path_is_inside(source, c->blocked.v[i]))
            return deny(c, OC_DENY_COVERS, "'%s' mounts %s with %s in it, which no sandbox gets", bind, source, c->blocked.v[i]);
    }
    return 0;
}

static int check_roots(struct checker *c, const char *bind, const char *source)
{
    for (size_t i = 0; i < c->roots.n; i++)
        if (strcmp(c->roots.v[i], "/") == 0 || path_is_inside(c->roots.v[i], source))
            return 0;
    if (c->roots.n == 0)
        return 0;
    return deny(c, OC_DENY_OUTSIDE,
                "'%s': %s lies in neither workspace; docker.dangerouslyAllowExternalBindSources: true would allow it", bind,
                source);
}

static int check_target(struct checker *c, const char *bind, const char *target)
{
    const char *path = *target == '/' ? normalize(c, target) : "";
    for (size_t i = 0; i < N_OF(reserved_targets); i++)
        if (path_is_inside(reserved_targets[i], path))
            return deny(c, OC_DENY_RESERVED,
                        "'%s' mounts over %s; docker.dangerouslyAllowReservedContainerTargets: true would allow it", bind,
                        reserved_targets[i]);
    return 0;
}

static bool flag(const struct node *docker, const char *key)
{
    const struct node *n = node_get(docker, key);
    return node_is(n, NODE_BOOL) && n->b;
}

/* What OpenClaw does not look at: where unfinished links lead, what lies below the source, and the place that the engine itself
 * would look at, which takes the source as written, neither trimmed nor turned. `path` as OpenClaw reads it. */
static int check_strictly(struct checker *c, const char *written, const char *path)
{
    const char *source = oc_bind_split(c->arena, written).source;
    const char *places[] = {path, *source == '/' ? path_resolve(c->arena, "/", source) : path};
    const char *bind = js_trim(c->arena, written);
    for (size_t i = 0; i < N_OF(places) && *places[i] == '/'; i++) {
        char *real;
        struct err unclear = {0};
        if (canonical(c, places[i], &real, &unclear) < 0)
            return deny(c, OC_DENY_UNCLEAR, "'%s': where it leads cannot be known: %s", bind, unclear.msg);
        if (check_blocked(c, bind, places[i], true) < 0 || check_blocked(c, bind, real, true) < 0)
            return -1;
    }
    return 0;
}

static int check_bind(struct checker *c, const struct node *docker, const char *written)
{
    struct arena *a = c->arena;
    const char *bind = js_trim(a, written);
    bool covers = c->line->takes_binds_as_written;
    if (*bind == '\0')
        return 0;
    struct oc_bind b = oc_bind_split(a, outer_trim(c, written));
    const char *source = outer_trim(c, b.source), *target = outer_trim(c, b.target != NULL ? b.target : "");
    if (!is_absolute(c, source))
        return deny(c, OC_DENY_NOT_ABSOLUTE, "'%s': the source is no absolute path", bind);
    char *path = normalize(c, source), *real = canonical_or_self(c, path);
    if (check_blocked(c, bind, path, covers) < 0 || check_blocked(c, bind, real, covers) < 0)
        return -1;
    if (!flag(docker, "dangerouslyAllowReservedContainerTargets") && check_target(c, bind, target) < 0)
        return -1;
    if (!flag(docker, "dangerouslyAllowExternalBindSources") &&
        (check_roots(c, bind, path) < 0 || check_roots(c, bind, real) < 0))
        return -1;
    return check_strictly(c, written, path);
}

/* --- the rest -------------------------------------------------------------------------------------------------------------- */

static const char *trimmed(struct arena *a, const struct node *docker, const char *key)
{
    const char *s = node_str(node_get(docker, key));
    return s != NULL ? js_trim(a, s) : "";
}

static int check_network(struct checker *c, const struct node *docker)
{
    const char *network = trimmed(c->arena, docker, "network");
    if (strcasecmp(network, "host") == 0)
        return deny(c, OC_DENY_HOST_NETWORK, "%s: '%s' would share the host's network", c->network_key, network);
    if (strncasecmp(network, "container:", strlen("container:")) == 0 && !flag(docker, "dangerouslyAllowContainerNamespaceJoin"))
        return deny(c, OC_DENY_NETWORK_JOIN,
                    "%s: '%s' would join another container's network; "
                    "docker.dangerouslyAllowContainerNamespaceJoin: true would allow it",
                    c->network_key, network);
    return 0;
}

static int check_profile(struct checker *c, const struct node *docker, const char *key, enum oc_denial why)
{
    if (strcasecmp(trimmed(c->arena, docker, key), "unconfined") != 0)
        return 0;
    return deny(c, why, "docker.%s: 'unconfined' would take the confinement away", key);
}

static int check_all(struct checker *c, const struct node *docker)
{
    const struct node *binds = node_get(docker, "binds");
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++) {
        const char *bind = node_str(binds->items[i]);
        if (bind != NULL && check_bind(c, docker, bind) < 0)
            return err_wrap(c->err, "%s[%zu]", c->binds_key, i);
    }
    if (check_network(c, docker) < 0 || check_profile(c, docker, "seccompProfile", OC_DENY_SECCOMP) < 0)
        return -1;
    return check_profile(c, docker, "apparmorProfile", OC_DENY_APPARMOR);
}

int oc_check_security(struct arena *a, const struct oc_profile *line, const struct oc_host *host, const struct node *docker,
                      const struct node *browser, const char *const *roots, size_t n_roots, enum oc_denial *ret, struct err *e)
{
    struct checker c = {.arena = a,
                        .line = oc_line(line),
                        .host = host,
                        .binds_key = node_get(browser, "binds") != NULL ? "browser.binds" : "docker.binds",
                        .network_key = browser != NULL ? "browser.network" : "docker.network",
                        .err = e};
    const struct node *binds = node_get(docker, "binds");
    if (node_is(binds, NODE_ARRAY) && binds->n_items > 0) { /* the look at the file system is for binds alone */
        add_blocked(&c);
        add_roots(&c, roots, n_roots);
    }
    int status = check_all(&c, docker);
    if (ret != NULL)
        *ret = c.why;
    return status;
}
