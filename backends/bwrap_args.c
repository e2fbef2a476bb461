/* The file-system view of a sandbox, as arguments of bwrap. The root of the sandbox is a tmpfs of its own into which each
 * top-level entry is bound read-only, so that mount points (/workspace, /proc) need not exist in what it is made from; at the end
 * it becomes read-only itself. */
#include "backends/bwrap_spec.h"

#include "spec/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BWRAP_MAX_ROOT_ENTRIES 1000

struct args {
    struct arena *a;
    struct buf text;
    struct bwrap_args *out;
};

static void arg(struct args *x, const char *s)
{
    buf_put(&x->text, s, strlen(s) + 1);
}

static void arg2(struct args *x, const char *option, const char *value)
{
    arg(x, option);
    arg(x, value);
}

static void arg3(struct args *x, const char *option, const char *from, const char *to)
{
    arg2(x, option, from);
    arg(x, to);
}

static void arg_file(struct args *x, const char *dest, const char *content)
{
    struct bwrap_args *out = x->out;

    arg3(x, "--file", arena_printf(x->a, "%zu", BWRAP_FILE_FD + out->n_files), dest);
    out->files[out->n_files++] = (struct bwrap_file){.content = content};
}

static void arg_tmpfs(struct args *x, const char *dest, uint64_t bytes, const char *perms)
{
    arg2(x, "--perms", perms);
    if (bytes > 0)
        arg2(x, "--size", arena_printf(x->a, "%llu", (unsigned long long)bytes));
    arg2(x, "--tmpfs", dest);
}

static void arg_same(struct args *x, const char *option, const char *path)
{
    arg3(x, option, path, path);
}

/* A link stays a link, since /bin is one into /usr on a merged system. */
static void arg_entry(struct args *x, const char *from, const char *to)
{
    struct stat st;
    char target[4096];
    ssize_t n;

    if (lstat(from, &st) < 0)
        return;
    if (!S_ISLNK(st.st_mode)) {
        arg3(x, "--ro-bind", from, to);
        return;
    }
    n = readlink(from, target, sizeof target - 1);
    if (n > 0) {
        target[n] = '\0';
        arg3(x, "--symlink", target, to);
    }
}

static void args_system(struct args *x, const struct bwrap_spec *s, const char *hostname)
{
    static const char *const top[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    static const char *const etc[] = {"/etc/ld.so.cache",  "/etc/ld.so.conf", "/etc/ld.so.conf.d",
                                      "/etc/alternatives", "/etc/localtime",  "/etc/mime.types"};
    static const char *const net[] = {"/etc/resolv.conf", "/etc/services",        "/etc/protocols",
                                      "/etc/ssl",         "/etc/ca-certificates", "/etc/pki"};
    unsigned uid = (unsigned)getuid(), gid = (unsigned)getgid();

    for (size_t i = 0; i < sizeof top / sizeof *top; i++)
        arg_entry(x, top[i], top[i]);
    for (size_t i = 0; i < sizeof etc / sizeof *etc; i++)
        arg_same(x, "--ro-bind-try", etc[i]);
    for (size_t i = 0; s->network_host && i < sizeof net / sizeof *net; i++)
        arg_same(x, "--ro-bind-try", net[i]);
    arg_file(x, "/etc/passwd",
             arena_printf(x->a, "sandbox:x:%u:%u:sandbox:/home/sandbox:/bin/sh\n%s", uid, gid,
                          uid != 65534 ? "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n" : ""));
    arg_file(x, "/etc/group", arena_printf(x->a, "sandbox:x:%u:\n%s", gid, gid != 65534 ? "nogroup:x:65534:\n" : ""));
    arg_file(x, "/etc/hosts", arena_printf(x->a, "127.0.0.1 localhost %s\n::1 localhost\n", hostname));
    arg_file(x, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
}

static bool is_own(const char *name)
{
    static const char *const own[] = {".", "..", "proc", "dev", "sys", "tmp", "run", "home"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (text_eq(name, own[i]))
            return true;
    return false;
}

static int name_cmp(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int args_root(struct args *x, const char *root, struct err *e)
{
    DIR *dir = opendir(root);
    VEC(const char *) names = {0};
    struct dirent *ent;

    if (dir == NULL)
        return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_REFUSED, errno, "root: %s", root);
    while (names.n <= BWRAP_MAX_ROOT_ENTRIES && (ent = readdir(dir)) != NULL)
        if (!is_own(ent->d_name))
            VEC_PUSH(x->a, &names, arena_strdup(x->a, ent->d_name));
    closedir(dir);
    if (names.n == 0 || names.n > BWRAP_MAX_ROOT_ENTRIES)
        return err_set(e, ERR_REFUSED, 0, "root: %s: %s", root, names.n == 0 ? "nothing in it" : "no root: too many entries");
    qsort(names.v, names.n, sizeof *names.v, name_cmp);
    for (size_t i = 0; i < names.n; i++)
        arg_entry(x, arena_printf(x->a, "%s/%s", text_eq(root, "/") ? "" : root, names.v[i]),
                  arena_printf(x->a, "/%s", names.v[i]));
    return 0;
}

/* Where we are root so is what runs inside, without any capability; but many files of /proc ask for no more than root's uid:
 * /proc/sys/kernel/core_pattern would run a program outside. bwrap 0.8 leaves them writable. The same list as an engine's for
 * its containers: the first read-only, the others empty. For an ordinary user it is the same, for one behaviour. */
static void args_cover_proc(struct args *x)
{
    static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
    static const char *const empty[] = {"/proc/acpi",        "/proc/asound",     "/proc/interrupts",    "/proc/kallsyms",
                                        "/proc/kcore",       "/proc/keys",       "/proc/kmsg",          "/proc/kpagecgroup",
                                        "/proc/kpagecount",  "/proc/kpageflags", "/proc/latency_stats", "/proc/mtrr",
                                        "/proc/sched_debug", "/proc/scsi",       "/proc/slabinfo",      "/proc/timer_list",
                                        "/proc/timer_stats", "/proc/vmallocinfo"};
    struct stat st;

    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++)
        if (stat(read_only[i], &st) == 0)
            arg_same(x, "--ro-bind", read_only[i]);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        if (stat(empty[i], &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            arg2(x, "--tmpfs", empty[i]);
            arg2(x, "--remount-ro", empty[i]);
        } else {
            arg3(x, "--ro-bind", "/dev/null", empty[i]);
        }
    }
}

static int args_workspaces(struct args *x, const struct bwrap_spec *s, struct err *e)
{
    for (size_t i = 0; i < s->n_workspaces; i++) {
        const struct bwrap_workspace *w = &s->workspaces[i];
        struct stat st;

        if (stat(w->path, &st) < 0)
            return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_REFUSED, errno, "workspaces: %s", w->path);
        if (!S_ISDIR(st.st_mode))
            return err_set(e, ERR_REFUSED, 0, "workspaces: %s: no directory", w->path);
        arg3(x, w->read_only ? "--ro-bind" : "--bind", w->path, w->target);
    }
    return 0;
}

static void args_namespaces(struct args *x, const struct bwrap_spec *s, const char *hostname)
{
    static const char *const plain[] = {"--unshare-user",   "--unshare-ipc",        "--unshare-pid", "--unshare-uts",
                                        "--disable-userns", "--unshare-cgroup-try", "--new-session"};

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        arg(x, plain[i]);
    if (!s->network_host)
        arg(x, "--unshare-net");
    arg2(x, "--cap-drop", "ALL");
    arg2(x, "--hostname", hostname);
}

int bwrap_spec_args(struct arena *a, const struct bwrap_spec *s, const char *hostname, uint64_t tmp_bytes, struct bwrap_args *ret,
                    struct err *e)
{
    struct bwrap_args out = {0};
    struct args x = {.a = a, .text = BUF_INIT(16u << 20), .out = &out};
    const char *const *env = bwrap_spec_environ(a, s, true);
    int r = 0;

    args_namespaces(&x, s, hostname);
    if (s->root == NULL)
        args_system(&x, s, hostname);
    else
        r = args_root(&x, s->root, e);
    arg2(&x, "--proc", "/proc");
    args_cover_proc(&x);
    arg2(&x, "--dev", "/dev");
    arg_tmpfs(&x, "/tmp", tmp_bytes, "1777");
    arg_tmpfs(&x, "/run", tmp_bytes, "0755");
    arg_tmpfs(&x, "/home/sandbox", tmp_bytes, "0700");
    if (s->root == NULL)
        arg3(&x, "--symlink", "/tmp", "/var/tmp");
    if (r == 0)
        r = args_workspaces(&x, s, e);
    arg2(&x, "--remount-ro", "/");
    arg2(&x, "--chdir", s->workdir);
    for (size_t i = 0; env[i] != NULL; i++) {
        size_t n = strcspn(env[i], "=");

        arg3(&x, "--setenv", arena_memdup0(a, env[i], n), env[i] + n + 1);
    }
    if (r == 0 && x.text.full)
        r = err_set(e, ERR_REFUSED, 0, "the sandbox's arguments are too long");
    if (r == 0) {
        out.bytes = arena_memdup0(a, x.text.s, x.text.n);
        out.n = x.text.n;
        *ret = out;
    }
    buf_free(&x.text);
    return r;
}
