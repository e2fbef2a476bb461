#include "backends/bwrap_cgroup.h"

#include "spec/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const controller_names[] = {[BWRAP_MEMORY] = "memory", [BWRAP_PIDS] = "pids", [BWRAP_CPU] = "cpu"};
_Static_assert(sizeof controller_names / sizeof *controller_names == BWRAP_CONTROLLER_COUNT, "every controller has a name");

/* --- small files --------------------------------------------------------------------------------------------------- */

static char *read_text(struct arena *a, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    BUF_AUTO text = BUF_INIT(4u << 20);
    char bytes[8192];
    ssize_t n;

    if (fd < 0)
        return NULL;
    while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
        buf_put(&text, bytes, n > 0 ? (size_t)n : 0);
    close(fd);
    return n < 0 ? NULL : arena_memdup0(a, buf_str(&text), text.n);
}

static int write_text(const char *dir, const char *file, const char *text)
{
    char path[PATH_MAX];
    ssize_t n;
    int fd;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, file) >= sizeof path)
        return -1;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    n = write(fd, text, strlen(text));
    if (close(fd) < 0)
        return -1;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

static bool has_item(const char *list, const char *separators, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list; p != NULL && *p != '\0'; p += strspn(p, separators)) {
        size_t len = strcspn(p, separators);

        if (len == n && memcmp(p, word, n) == 0)
            return true;
        p += len;
    }
    return false;
}

static bool may_write(const char *dir, const char *file)
{
    char path[PATH_MAX];

    return (size_t)snprintf(path, sizeof path, "%s/%s", dir, file) < sizeof path && access(path, W_OK) == 0;
}

/* --- finding ------------------------------------------------------------------------------------------------------- */

/* "\040" of mountinfo. In place. */
static void unescape(char *s)
{
    char *to = s;

    for (; *s != '\0'; s++)
        if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
            *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        } else {
            *to++ = *s;
        }
    *to = '\0';
}

/* Our own group's path in the hierarchy of this controller ("" for v2), or NULL. */
static const char *own_path(struct arena *a, const char *self_cgroup, const char *controller)
{
    char *rest = arena_strdup(a, self_cgroup), *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *list = strchr(line, ':'), *path = list != NULL ? strchr(list + 1, ':') : NULL;

        if (path == NULL)
            continue;
        *path++ = '\0';
        if (*controller == '\0' ? list[1] == '\0' : has_item(list + 1, ",", controller))
            return path;
    }
    return NULL;
}

/* The topmost directory of `mount` on the way to our own group, above that one's own leaf, in which we may make groups and move
 * ourselves. */
static const char *topmost_writable(struct arena *a, const char *mount, const char *own)
{
    size_t n = strlen(own);

    for (size_t at = 0; at < n; at += 1 + strcspn(own + at + 1, "/")) {
        const char *dir = at == 0 ? mount : arena_printf(a, "%s%.*s", mount, (int)at, own);

        if (may_write(dir, "cgroup.procs") && may_write(dir, "."))
            return dir;
        if (own[at] == '\0')
            break;
    }
    return NULL;
}

static void use_mount(struct arena *a, const char *self_cgroup, const char *fstype, const char *mount, const char *options,
                      struct bwrap_cgroups *ret)
{
    bool v2 = text_eq(fstype, "cgroup2");
    const char *own, *base, *available;

    if (!v2 && !text_eq(fstype, "cgroup"))
        return;
    if (v2) {
        own = own_path(a, self_cgroup, "");
        base = own != NULL ? topmost_writable(a, mount, own) : NULL;
        if (base == NULL)
            return;
        ret->plain = base;
        available = read_text(a, arena_printf(a, "%s/cgroup.controllers", base));
        for (int c = 0; c < BWRAP_CONTROLLER_COUNT; c++)
            if (has_item(available, " \n", controller_names[c]))
                ret->of[c] = (struct bwrap_cgroup_place){.base = base, .v2 = true};
        return;
    }
    if (!may_write(mount, "cgroup.procs") || !may_write(mount, "."))
        return;
    if (has_item(options, ",", "name=systemd") && ret->plain == NULL)
        ret->plain = mount;
    for (int c = 0; c < BWRAP_CONTROLLER_COUNT; c++)
        if (has_item(options, ",", controller_names[c]) && ret->of[c].base == NULL)
            ret->of[c] = (struct bwrap_cgroup_place){.base = mount};
}

void bwrap_cgroups_find(struct arena *a, const char *sysroot, struct bwrap_cgroups *ret)
{
    char *rest = read_text(a, arena_printf(a, "%s/proc/self/mountinfo", sysroot)), *line;
    const char *self = read_text(a, arena_printf(a, "%s/proc/self/cgroup", sysroot));

    *ret = (struct bwrap_cgroups){0};
    while (self != NULL && (line = strsep(&rest, "\n")) != NULL) {
        /* id parent major:minor root MOUNT options [tags] - FSTYPE source SUPER-OPTIONS */
        char *tail = strstr(line, " - "), *mount = line, *fstype, *options;

        if (tail == NULL)
            continue;
        *tail = '\0';
        tail += 3;
        for (int i = 0; i < 4 && mount != NULL; i++)
            strsep(&mount, " ");
        if (mount == NULL)
            continue;
        mount[strcspn(mount, " ")] = '\0';
        unescape(mount);
        fstype = strsep(&tail, " ");
        strsep(&tail, " ");
        options = tail;
        if (fstype != NULL && options != NULL)
            use_mount(a, self, fstype, arena_printf(a, "%s%s", sysroot, mount), options, ret);
    }
}

const char *bwrap_cgroups_remark(struct arena *a, const struct bwrap_cgroups *g)
{
    BUF_AUTO text = BUF_INIT(256);

    for (int c = 0; c < BWRAP_CONTROLLER_COUNT; c++)
        if (g->of[c].base == NULL)
            buf_printf(&text, "%s%s", text.n > 0 ? ", " : "", controller_names[c]);
    if (text.n > 0)
        buf_puts(&text, ": no control group can be made, limits of these are not enforced");
    return arena_strdup(a, buf_str(&text));
}

/* --- making -------------------------------------------------------------------------------------------------------- */

static bool add_dir(struct bwrap_record *r, const char *dir)
{
    for (size_t i = 0; i < r->n_cgroups; i++)
        if (text_eq(r->cgroups[i], dir))
            return true;
    if (r->n_cgroups == BWRAP_MAX_CGROUPS || (mkdir(dir, 0755) < 0 && errno != EEXIST))
        return false;
    r->cgroups[r->n_cgroups++] = dir;
    return true;
}

/* Each level hands the controllers down; where it may not, the files of the leaf are missing and the limit is told to fail. */
static void make_at(struct arena *a, const char *base, bool v2, struct bwrap_record *r)
{
    const char *ours = arena_printf(a, "%s/reconclaw", base), *leaf = arena_printf(a, "%s/%s", ours, r->id);

    if (mkdir(ours, 0755) < 0 && errno != EEXIST)
        return;
    for (int c = 0; v2 && c < BWRAP_CONTROLLER_COUNT; c++) {
        char word[16];

        snprintf(word, sizeof word, "+%s", controller_names[c]);
        write_text(base, "cgroup.subtree_control", word);
        write_text(ours, "cgroup.subtree_control", word);
    }
    add_dir(r, leaf);
}

void bwrap_cgroups_make(struct arena *a, const struct bwrap_cgroups *g, const struct bwrap_limits *l, struct bwrap_record *r,
                        struct bwrap_warnings *warnings)
{
    if (g->plain != NULL)
        make_at(a, g->plain, true, r);
    for (int c = 0; c < BWRAP_CONTROLLER_COUNT; c++)
        if (g->of[c].base != NULL)
            make_at(a, g->of[c].base, g->of[c].v2, r);
    bwrap_cgroups_limit(a, l, r, warnings);
}

/* --- limits -------------------------------------------------------------------------------------------------------- */

/* Into the first group that has the file; -1 where none does or takes it. */
static int write_limit(const struct bwrap_record *r, const char *file, const char *text)
{
    for (size_t i = 0; i < r->n_cgroups; i++)
        if (write_text(r->cgroups[i], file, text) == 0)
            return 0;
    return -1;
}

static const char *number_or(struct arena *a, uint64_t n, const char *none)
{
    return n == 0 ? none : arena_printf(a, "%llu", (unsigned long long)n);
}

static bool limit_memory(struct arena *a, uint64_t bytes, const struct bwrap_record *r)
{
    const char *v1 = number_or(a, bytes, "-1");

    if (write_limit(r, "memory.max", number_or(a, bytes, "max")) == 0) {
        write_limit(r, "memory.swap.max", bytes == 0 ? "max" : "0");
        return true;
    }
    /* With swap accounting the sum may never be the smaller one, so lowering and raising take opposite orders. */
    if (write_limit(r, "memory.limit_in_bytes", v1) < 0) {
        write_limit(r, "memory.memsw.limit_in_bytes", v1);
        if (write_limit(r, "memory.limit_in_bytes", v1) < 0)
            return false;
    }
    write_limit(r, "memory.memsw.limit_in_bytes", v1);
    return true;
}

static bool limit_cpu(struct arena *a, double cpus, const struct bwrap_record *r)
{
    long quota = lround(cpus * 100000);

    if (quota > 0 && quota < 1000)
        quota = 1000; /* the kernel's least */
    if (write_limit(r, "cpu.max", quota == 0 ? "max 100000" : arena_printf(a, "%ld 100000", quota)) == 0)
        return true;
    write_limit(r, "cpu.cfs_period_us", "100000");
    return write_limit(r, "cpu.cfs_quota_us", quota == 0 ? "-1" : arena_printf(a, "%ld", quota)) == 0;
}

static void warn(struct arena *a, struct bwrap_warnings *w, enum bwrap_controller c)
{
    w->v[w->n++] = arena_printf(a, "limits.%s is not enforced: no control group for it can be made here",
                                c == BWRAP_CPU ? "cpus" : controller_names[c]);
}

void bwrap_cgroups_limit(struct arena *a, const struct bwrap_limits *l, const struct bwrap_record *r,
                         struct bwrap_warnings *warnings)
{
    if (!limit_memory(a, l->memory_bytes, r) && l->memory_bytes > 0)
        warn(a, warnings, BWRAP_MEMORY);
    if (write_limit(r, "pids.max", number_or(a, l->pids, "max")) < 0 && l->pids > 0)
        warn(a, warnings, BWRAP_PIDS);
    if (!limit_cpu(a, l->cpus, r) && l->cpus > 0)
        warn(a, warnings, BWRAP_CPU);
}

void bwrap_cgroups_derive(struct arena *a, const struct bwrap_cgroups *g, struct bwrap_record *r)
{
    for (int c = -1; c < BWRAP_CONTROLLER_COUNT; c++) {
        const char *base = c < 0 ? g->plain : g->of[c].base;

        if (base != NULL)
            r->cgroups[r->n_cgroups++] = arena_printf(a, "%s/reconclaw/%s", base, r->id);
    }
}

void bwrap_cgroups_remove(struct bwrap_record *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_cgroups; i++)
        if (rmdir(r->cgroups[i]) < 0 && errno != ENOENT)
            r->cgroups[n++] = r->cgroups[i];
    r->n_cgroups = n;
}
