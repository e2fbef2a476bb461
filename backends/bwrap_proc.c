#include "backends/bwrap_proc.h"

#include "backends/bwrap_spec.h"
#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK_WORD "reconclaw-sandbox"

/* Whole small file of /proc; -1 with errno. NUL-terminated. */
static ssize_t read_small(const char *path, char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), sys;
    size_t n = 0;
    ssize_t r;

    if (fd < 0)
        return -1;
    while ((r = read(fd, bytes + n, size - 1 - n)) > 0 || (r < 0 && errno == EINTR))
        n += r > 0 ? (size_t)r : 0;
    sys = errno;
    close(fd);
    errno = sys;
    bytes[n] = '\0';
    return r < 0 ? -1 : (ssize_t)n;
}

static ssize_t read_proc(pid_t pid, const char *file, char *bytes, size_t size)
{
    char path[128];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    return read_small(path, bytes, size);
}

int bwrap_here_read(const char *state_dir, struct bwrap_here *ret, struct err *e)
{
    char digest[DIGEST_HEX], real[PATH_MAX];
    struct bwrap_here h;
    ssize_t n = read_small("/proc/sys/kernel/random/boot_id", h.boot_id, sizeof h.boot_id);

    if (n < 1)
        return err_sys(e, ERR_UNAVAILABLE, errno, "reading the boot id");
    h.boot_id[strcspn(h.boot_id, "\n")] = '\0';
    n = readlink("/proc/self/ns/pid", h.pid_ns, sizeof h.pid_ns - 1);
    if (n < 1)
        return err_sys(e, ERR_UNAVAILABLE, errno, "reading the pid namespace");
    h.pid_ns[n] = '\0';
    if (state_dir == NULL)
        real[0] = '\0'; /* not made yet: the mark of no sandbox */
    else if (realpath(state_dir, real) == NULL)
        return err_sys(e, ERR_UNAVAILABLE, errno, "%s", state_dir);
    digest_sha256_hex(real, strlen(real), digest);
    memcpy(h.key, digest, 16);
    h.key[16] = '\0';
    *ret = h;
    return 0;
}

/* --- one process --------------------------------------------------------------------------------------------------- */

int bwrap_process_start(pid_t pid, uint64_t *ret, struct err *e)
{
    char text[4096], *rest, *p = NULL;
    unsigned field = 3;

    if (read_proc(pid, "stat", text, sizeof text) < 0)
        return err_sys(e, errno == ENOENT || errno == ESRCH ? ERR_NOT_FOUND : ERR_UNAVAILABLE, errno, "/proc/%d/stat", (int)pid);
    rest = strrchr(text, ')'); /* the name before it may hold anything */
    rest = rest != NULL && rest[1] == ' ' ? rest + 2 : NULL;
    for (; (p = strsep(&rest, " ")) != NULL; field++) {
        if (field == 3 && (*p == 'Z' || *p == 'X'))
            return err_set(e, ERR_NOT_FOUND, 0, "/proc/%d/stat: it has ended", (int)pid);
        if (field == 22)
            break;
    }
    if (p == NULL || !num_parse_u64(p, ret))
        return err_set(e, ERR_UNAVAILABLE, 0, "/proc/%d/stat: no start time", (int)pid);
    return 0;
}

int bwrap_process_alive(const struct bwrap_here *h, const struct bwrap_process *p, bool *ret, int *ret_pidfd, struct err *e)
{
    struct err why;
    uint64_t start = 0;
    int pidfd, r;

    if (ret_pidfd != NULL)
        *ret_pidfd = -1;
    *ret = false;
    if (p->pid <= 0 || !text_eq(p->boot_id, h->boot_id))
        return 0;
    if (!text_eq(p->pid_ns, h->pid_ns))
        return err_set(e, ERR_UNAVAILABLE, 0, "process %d was counted in another pid namespace", p->pid);
    pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (pidfd < 0)
        return errno == ESRCH ? 0 : err_sys(e, ERR_UNAVAILABLE, errno, "pidfd_open %d", p->pid);
    r = bwrap_process_start(p->pid, &start, &why);
    if (r < 0 && why.class != ERR_NOT_FOUND) {
        close(pidfd);
        *e = why;
        return -1;
    }
    /* Equal start times: it lived since then, so the pidfd is its own. */
    *ret = r == 0 && start == p->start;
    if (*ret && ret_pidfd != NULL)
        *ret_pidfd = pidfd;
    else
        close(pidfd);
    return 0;
}

int bwrap_process_wait(int pidfd, const struct deadline *d, int max_ms, bool *ret_ended, struct err *e)
{
    int64_t end = deadline_now_ms() + max_ms;
    int ms;

    for (*ret_ended = false; !*ret_ended && (max_ms < 0 || deadline_now_ms() < end);) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        if (deadline_slice(d, "waiting for the sandbox's end", &ms, e) < 0)
            return -1;
        *ret_ended = poll(&p, 1, ms) > 0 && (p.revents & POLLIN) != 0;
    }
    return 0;
}

bool bwrap_process_parent(pid_t pid, pid_t *ret)
{
    char text[4096], *p;

    if (read_proc(pid, "stat", text, sizeof text) < 0)
        return false;
    p = strrchr(text, ')'); /* ") S 123 ..." */
    if (p == NULL || strlen(p) < 5 || p[4] < '0' || p[4] > '9')
        return false;
    *ret = (pid_t)strtol(p + 4, NULL, 10);
    return true;
}

static bool is_pid(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n > 0 && n < 10 && s[n] == '\0';
}

size_t bwrap_process_children(pid_t init, pid_t pids[BWRAP_MAX_CHILDREN])
{
    char file[64], text[4096], *rest = text, *p;
    size_t n = 0;
    DIR *dir;

    snprintf(file, sizeof file, "task/%d/children", (int)init);
    if (read_proc(init, file, text, sizeof text) >= 0) {
        while ((p = strsep(&rest, " ")) != NULL && n < BWRAP_MAX_CHILDREN)
            if (is_pid(p))
                pids[n++] = (pid_t)strtol(p, NULL, 10);
        return n;
    }
    /* A kernel without CONFIG_PROC_CHILDREN. */
    dir = opendir("/proc");
    for (struct dirent *ent; dir != NULL && n < BWRAP_MAX_CHILDREN && (ent = readdir(dir)) != NULL;) {
        pid_t pid = is_pid(ent->d_name) ? (pid_t)strtol(ent->d_name, NULL, 10) : 0, parent;

        if (pid > 0 && bwrap_process_parent(pid, &parent) && parent == init)
            pids[n++] = pid;
    }
    if (dir != NULL)
        closedir(dir);
    return n;
}

bool bwrap_process_same_exe(pid_t a, pid_t b)
{
    char path[64];
    struct stat x, y;

    snprintf(path, sizeof path, "/proc/%d/exe", (int)a);
    if (stat(path, &x) < 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)b);
    return stat(path, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* --- marks --------------------------------------------------------------------------------------------------------- */

const char *bwrap_mark(struct arena *a, const struct bwrap_here *h, const struct bwrap_record *r)
{
    return arena_printf(a, MARK_WORD " %s %s %s %s %lld %s %s", h->key, r->id, r->install, r->hash != NULL ? r->hash : "-",
                        (long long)r->created_at_ms, r->owner, r->name);
}

bool bwrap_mark_decode(struct arena *a, const char *key, const char *text, struct bwrap_record *ret)
{
    char *rest = arena_strdup(a, text), *words[8];
    size_t n = 0;
    int64_t created;

    for (char *p; (p = strsep(&rest, " ")) != NULL;) {
        if (n == 8)
            return false;
        words[n++] = p;
    }
    if (n != 8 || !text_eq(words[0], MARK_WORD) || !text_eq(words[1], key) || strlen(words[2]) != 32 ||
        strspn(words[2], "0123456789abcdef") != 32 || !num_parse_i64(words[5], &created) || bwrap_name_flaw(words[7]) != NULL)
        return false;
    *ret = (struct bwrap_record){.id = words[2],
                                 .install = words[3],
                                 .hash = text_eq(words[4], "-") ? NULL : words[4],
                                 .created_at_ms = created,
                                 .owner = words[6],
                                 .name = words[7]};
    return true;
}

/* Init of a pid namespace below ours: its last NSpid is 1, and there are at least two. */
static bool is_namespace_init(pid_t pid)
{
    char text[8192], *p, *end;

    if (read_proc(pid, "status", text, sizeof text) < 0 || (p = strstr(text, "\nNSpid:")) == NULL)
        return false;
    p += strlen("\nNSpid:");
    end = p + strcspn(p, "\n");
    *end = '\0';
    return end - p > 2 && text_has_suffix(p, "\t1") && strchr(p + 1, '\t') != NULL;
}

static bool is_ours(pid_t pid)
{
    char path[32];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &st) == 0 && st.st_uid == geteuid();
}

int bwrap_scan(const struct bwrap_here *h, struct arena *a, struct bwrap_orphan **ret, size_t *ret_n, struct err *e)
{
    VEC(struct bwrap_orphan) out = {0};
    DIR *dir = opendir("/proc");
    struct dirent *ent;
    int sys;

    if (dir == NULL)
        return err_sys(e, ERR_UNAVAILABLE, errno, "listing /proc");
    for (errno = 0; (ent = readdir(dir)) != NULL; errno = 0) {
        struct bwrap_orphan o = {0};
        struct err why;
        char text[1024];
        pid_t pid;

        if (!is_pid(ent->d_name))
            continue;
        pid = (pid_t)strtol(ent->d_name, NULL, 10);
        if (read_proc(pid, "cmdline", text, sizeof text) <= 0 || !text_has_prefix(text, MARK_WORD " ") ||
            !bwrap_mark_decode(a, h->key, text, &o.r) || !is_ours(pid))
            continue;
        o.init = is_namespace_init(pid);
        if (bwrap_process_start(pid, &o.process.start, &why) < 0)
            continue; /* it ended meanwhile */
        o.process.pid = (int32_t)pid;
        o.process.boot_id = arena_strdup(a, h->boot_id);
        o.process.pid_ns = arena_strdup(a, h->pid_ns);
        o.r.process = o.process;
        VEC_PUSH(a, &out, o);
    }
    sys = errno;
    closedir(dir);
    if (sys != 0)
        return err_sys(e, ERR_UNAVAILABLE, sys, "listing /proc");
    *ret = out.v;
    *ret_n = out.n;
    return 0;
}
