#include "backends/bwrap_run.h"

#include "backends/proc.h"
#include "spec/read/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors as bwrap sees them; files of BWRAP_FILE_FD follow. */
enum { FD_ARGS = 3, FD_INFO = 4, FD_BLOCK = 5, FD_WHY = 6, FD_EXE = 7, FD_LAST_FIXED = FD_EXE };
#define FD_HIGH 100 /* where they wait before they get these numbers */

/* Everything that has to exist before fork(), since after it nothing may allocate. */
struct launch {
    const char **argv;
    const char *const *env;
    int fds[FD_LAST_FIXED + 1]; /* ours of the same name, above FD_HIGH; -1: none */
    int files[BWRAP_MAX_FILES];
    size_t n_files;
    char cgroups[BWRAP_MAX_CGROUPS][PATH_MAX];
    size_t n_cgroups;
    int info_read, block_write, why_read;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The command's side. */
static void launch_close_theirs(struct launch *l)
{
    for (size_t i = 0; i <= FD_LAST_FIXED; i++)
        close_fd(&l->fds[i]);
    for (size_t i = 0; i < l->n_files; i++)
        close_fd(&l->files[i]);
}

static void launch_close(struct launch *l)
{
    launch_close_theirs(l);
    close_fd(&l->info_read);
    close_fd(&l->block_write);
    close_fd(&l->why_read);
}

static int fd_raise(int fd, int *ret, struct err *e)
{
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH), sys = errno;

    if (fd >= 0)
        close(fd);
    if (high < 0)
        return err_sys(e, ERR_IO, sys, "a descriptor for the sandbox");
    *ret = high;
    return 0;
}

static int launch_pipe(int *ret_read, int *ret_write, struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(e, ERR_IO, errno, "pipe");
    if (fd_raise(ends[0], ret_read, e) < 0) {
        close(ends[1]);
        return -1;
    }
    return fd_raise(ends[1], ret_write, e);
}

/* bwrap itself, as a sealed copy; as it is where it has to be setuid. */
static int open_program(struct arena *a, const char **ret_path, int *ret_fd, struct err *e)
{
    const char *path = proc_find(a, "bwrap");
    struct stat st;
    char *bytes;
    ssize_t n;
    int fd;

    if (path == NULL)
        return err_set(e, ERR_UNAVAILABLE, ENOENT, "bwrap is not installed (Debian: apt install bubblewrap)");
    *ret_path = path;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > 64 << 20) {
        int sys = errno;

        close_fd(&fd);
        return err_sys(e, ERR_UNAVAILABLE, sys, "%s", path);
    }
    if ((st.st_mode & S_ISUID) != 0)
        return fd_raise(fd, ret_fd, e);
    bytes = arena_alloc(a, (size_t)st.st_size);
    n = read(fd, bytes, (size_t)st.st_size);
    close(fd);
    if (n != st.st_size)
        return err_set(e, ERR_IO, 0, "%s: cannot be read whole", path);
    fd = proc_memfd("bwrap", bytes, (size_t)n, e);
    return fd < 0 ? -1 : fd_raise(fd, ret_fd, e);
}

static int launch_prepare(const struct bwrap_run *x, struct arena *a, const struct bwrap_record *r, const struct bwrap_spec *spec,
                          const struct bwrap_args *args, struct launch *l, struct err *e)
{
    size_t n_command = 0, n = 0;
    const char *path;
    int fd;

    *l = (struct launch){.info_read = -1, .block_write = -1, .why_read = -1};
    for (size_t i = 0; i <= FD_LAST_FIXED; i++)
        l->fds[i] = -1;
    while (spec->command[n_command] != NULL)
        n_command++;
    l->argv = ARENA_ARRAY(a, const char *, n_command + 9);
    l->argv[n++] = bwrap_mark(a, x->here, r);
    l->argv[n++] = "--args";
    l->argv[n++] = "3";
    l->argv[n++] = "--info-fd";
    l->argv[n++] = "4";
    l->argv[n++] = "--block-fd";
    l->argv[n++] = "5";
    l->argv[n++] = "--";
    memcpy(l->argv + n, spec->command, n_command * sizeof(char *));
    l->env = bwrap_spec_environ(a, spec, false);
    for (size_t i = 0; i < r->n_cgroups; i++)
        snprintf(l->cgroups[l->n_cgroups++], PATH_MAX, "%s/cgroup.procs", r->cgroups[i]);
    if (open_program(a, &path, &l->fds[FD_EXE], e) < 0)
        return -1;
    fd = proc_memfd("args", args->bytes, args->n, e);
    if (fd < 0 || fd_raise(fd, &l->fds[FD_ARGS], e) < 0 || launch_pipe(&l->info_read, &l->fds[FD_INFO], e) < 0 ||
        launch_pipe(&l->fds[FD_BLOCK], &l->block_write, e) < 0 || launch_pipe(&l->why_read, &l->fds[FD_WHY], e) < 0)
        return -1;
    for (size_t i = 0; i < args->n_files; i++) {
        fd = proc_memfd("file", args->files[i].content, strlen(args->files[i].content), e);
        if (fd < 0 || fd_raise(fd, &l->files[l->n_files], e) < 0)
            return -1;
        l->n_files++;
    }
    return 0;
}

/* --- after fork: async-signal-safe calls only ---------------------------------------------------------------------- */

static void why_and_exit(const char *what)
{
    char text[256];
    int n = snprintf(text, sizeof text, "%d %s", errno, what);

    if (n > 0 && write(FD_HIGH - 1, text, (size_t)n) < 0)
        _exit(126);
    _exit(127);
}

static void reset_signals(void)
{
    sigset_t none;

    for (int s = 1; s < 65; s++)
        sigaction(s, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts it at its number; without close-on-exec. */
static void place(int from, int to)
{
    if (dup2(from, to) < 0)
        why_and_exit("a descriptor");
}

static void __attribute__((noreturn)) launch_child(const struct launch *l)
{
    int null;

    if (dup3(l->fds[FD_WHY], FD_HIGH - 1, O_CLOEXEC) < 0)
        _exit(126);
    for (size_t i = 0; i < l->n_cgroups; i++) {
        int fd = open(l->cgroups[i], O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "0", 1) != 1)
            why_and_exit(l->cgroups[i]);
        close(fd);
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        why_and_exit("/dev/null");
    for (int i = 0; i < 3; i++)
        place(null, i);
    place(l->fds[FD_ARGS], FD_ARGS);
    place(l->fds[FD_INFO], FD_INFO);
    place(l->fds[FD_BLOCK], FD_BLOCK);
    if (dup3(l->fds[FD_EXE], FD_EXE, O_CLOEXEC) < 0)
        why_and_exit("a descriptor");
    for (size_t i = 0; i < l->n_files; i++)
        place(l->files[i], BWRAP_FILE_FD + (int)i);
    syscall(SYS_close_range, FD_HIGH, ~0U, 0);
    if (chdir("/") < 0)
        why_and_exit("/");
    umask(022);
    reset_signals();
    execveat(FD_EXE, "", (char *const *)l->argv, (char *const *)l->env, AT_EMPTY_PATH);
    why_and_exit("bwrap");
    _exit(127);
}

/* Forks twice, so that the sandbox is nobody's child but init's. */
static int launch_fork(struct launch *l, struct err *e)
{
    sigset_t all, old;
    pid_t pid;
    int status, sys;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* no handler of ours runs in the child */
    pid = fork();
    if (pid == 0) {
        pid_t inner;

        setsid();
        inner = fork();
        if (inner == 0)
            launch_child(l);
        _exit(inner < 0 ? 1 : 0);
    }
    sys = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    launch_close_theirs(l);
    if (pid < 0)
        return err_sys(e, ERR_IO, sys, "fork");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

/* --- bringing it up ------------------------------------------------------------------------------------------------ */

/* Reads to the end of the stream, at most size - 1 bytes. */
static int read_all(int fd, const struct deadline *d, const char *what, char *text, size_t size, struct err *e)
{
    size_t n = 0;
    int ms;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t r;

        if (deadline_slice(d, what, &ms, e) < 0)
            return -1;
        if (poll(&p, 1, ms) <= 0)
            continue;
        r = read(fd, text + n, size - 1 - n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        n += (size_t)r;
    }
    text[n] = '\0';
    return 0;
}

/* bwrap said nothing: it has ended. The same again without the command, to hear why. */
static int explain_failure(struct arena *a, const struct bwrap_args *args, const struct deadline *d, struct err *e)
{
    struct proc_bytes fds[1 + BWRAP_MAX_FILES] = {{.fd = FD_ARGS, .bytes = args->bytes, .n = args->n}};
    const char *argv[] = {proc_find(a, "bwrap"), "--args", "3", "--", "/dev/null", NULL};
    struct call c = {.timeout_ms = 3000, .cancel = d->cancel};
    struct proc_result res;
    struct err ignored;

    for (size_t i = 0; i < args->n_files; i++)
        fds[1 + i] = (struct proc_bytes){
            .fd = BWRAP_FILE_FD + (int)i, .bytes = args->files[i].content, .n = strlen(args->files[i].content)};
    if (argv[0] == NULL ||
        proc_run(a, &(struct proc_req){.argv = argv, .fds = fds, .n_fds = 1 + args->n_files, .max_output = 600}, &c, &res,
                 &ignored) < 0 ||
        res.n_err == 0 || strstr(res.err, "execvp /dev/null") != NULL)
        return err_set(e, ERR_REFUSED, 0, "bwrap ended before the sandbox was made");
    return err_set(e, ERR_REFUSED, res.status, "%.*s", (int)strcspn(res.err, "\n"), res.err);
}

/* Waits for the pid of the sandbox's init, while it is held back. */
static int await_init(struct arena *a, struct launch *l, const struct bwrap_args *args, const struct deadline *d, pid_t *ret,
                      struct err *e)
{
    char text[4096];
    const struct node *pid;

    if (read_all(l->why_read, d, "starting bwrap", text, 256, e) < 0)
        return -1;
    if (text[0] != '\0') {
        char *what = strchr(text, ' ');

        return err_sys(e, ERR_IO, (int)strtol(text, NULL, 10), "starting bwrap: %s", what != NULL ? what + 1 : "");
    }
    if (read_all(l->info_read, d, "waiting for bwrap", text, sizeof text, e) < 0)
        return -1;
    if (text[0] == '\0')
        return explain_failure(a, args, d, e);
    pid = node_get(json_read_err(a, "bwrap's info", text, strlen(text), e), "child-pid");
    if (!node_is(pid, NODE_NUMBER) || !(pid->num > 1 && pid->num < INT32_MAX))
        return err_set(e, ERR_INTERNAL, 0, "bwrap told no pid");
    *ret = (pid_t)pid->num;
    return 0;
}

static bool is_directory(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_DIRECTORY, .resolve = RESOLVE_IN_ROOT};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_program(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    struct stat st;
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

/* bwrap has finished the sandbox's root: the last it does is to make it read-only, and it is a tmpfs. */
static bool root_is_ready(pid_t init)
{
    char text[65536];
    size_t n = 0;
    ssize_t r = 0;
    int fd;

    snprintf(text, sizeof text, "/proc/%d/mountinfo", (int)init);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (r = read(fd, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)r;
    if (fd >= 0)
        close(fd);
    text[n] = '\0';
    for (char *rest = text, *line; fd >= 0 && (line = strsep(&rest, "\n")) != NULL;)
        if (strstr(line, " / ro,") != NULL && strstr(line, " - tmpfs ") != NULL)
            return true;
    return false;
}

/* Whether the command is there, seen from inside before it is let go; so that a misspelt one is told as such. */
static int check_command(struct arena *a, pid_t init, int pidfd, const struct bwrap_spec *spec, const struct bwrap_args *args,
                         const struct deadline *d, struct err *e)
{
    const char *const *env = bwrap_spec_environ(a, spec, false);
    const char *command = spec->command[0], *path = PROC_PATH;
    bool found = false, ended = false, workdir;
    int root;

    while (!root_is_ready(init)) {
        if (bwrap_process_wait(pidfd, d, 2, &ended, e) < 0)
            return -1;
        if (ended)
            return explain_failure(a, args, d, e);
    }
    root = open(arena_printf(a, "/proc/%d/root", (int)init), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return 0; /* it will be seen soon enough */
    for (size_t i = 0; env[i] != NULL; i++)
        if (text_has_prefix(env[i], "PATH="))
            path = env[i] + 5;
    if (strchr(command, '/') != NULL)
        found = is_program(root, command[0] == '/' ? command : arena_printf(a, "%s/%s", spec->workdir, command));
    for (const char *p = path; strchr(command, '/') == NULL && !found && p != NULL; p = strchr(p, ':')) {
        p += *p == ':';
        found = is_program(root, arena_printf(a, "%.*s/%s", (int)strcspn(p, ":"), p, command));
    }
    workdir = is_directory(root, spec->workdir);
    close(root);
    if (!workdir)
        return err_set(e, ERR_REFUSED, ENOENT, "workdir: '%s' is not there in the sandbox", spec->workdir);
    if (!found)
        return err_set(e, ERR_REFUSED, ENOENT, "command: '%s' is not there in the sandbox%s", command,
                       spec->idle ? ": its root needs a sleep, or give a command" : "");
    return 0;
}

/* From bwrap's init alone to init with the command below it. */
static int await_command(const struct bwrap_process *p, int pidfd, const struct deadline *d, struct err *e)
{
    for (;;) {
        pid_t pids[BWRAP_MAX_CHILDREN];
        bool ended;

        if (bwrap_process_wait(pidfd, d, 2, &ended, e) < 0)
            return -1;
        if (ended)
            return err_set(e, ERR_REFUSED, 0, "the sandbox ended as soon as its command was started");
        if (bwrap_process_children(p->pid, pids) > 0 && !bwrap_process_same_exe(p->pid, pids[0]))
            return 0;
    }
}

static int bring_up(const struct bwrap_run *x, struct arena *a, struct bwrap_record *r, const struct bwrap_spec *spec,
                    const struct bwrap_args *args, struct launch *l, struct err *e)
{
    struct bwrap_process p = {.boot_id = x->here->boot_id, .pid_ns = x->here->pid_ns};
    bool alive;
    pid_t init = 0;
    int pidfd, r1;

    if (await_init(a, l, args, x->deadline, &init, e) < 0)
        return -1;
    p.pid = (int32_t)init;
    if (bwrap_process_start(init, &p.start, e) < 0)
        return e->class == ERR_NOT_FOUND ? explain_failure(a, args, x->deadline, e) : -1;
    if (bwrap_process_alive(x->here, &p, &alive, &pidfd, e) < 0)
        return -1;
    if (!alive)
        return explain_failure(a, args, x->deadline, e);
    r->process = p;
    r1 = check_command(a, init, pidfd, spec, args, x->deadline, e);
    if (r1 == 0)
        r1 = bwrap_store_write(x->store, a, r, e);
    if (r1 == 0 && write(l->block_write, "1", 1) != 1)
        r1 = err_sys(e, ERR_IO, errno, "letting the command go");
    if (r1 == 0)
        r1 = await_command(&p, pidfd, x->deadline, e);
    close(pidfd);
    return r1;
}

int bwrap_start(const struct bwrap_run *x, struct arena *a, struct bwrap_record *r, const struct bwrap_spec *spec,
                struct bwrap_warnings *warnings, struct err *e)
{
    struct bwrap_cgroups groups;
    struct bwrap_args args;
    struct launch l;
    char host[64];
    int ret;

    snprintf(host, sizeof host, "%s", r->name);
    if (bwrap_spec_args(a, spec, host, spec->limits.memory_bytes, &args, e) < 0)
        return -1;
    bwrap_cgroups_find(a, "", &groups);
    r->n_cgroups = 0;
    r->process = (struct bwrap_process){0};
    bwrap_cgroups_make(a, &groups, &spec->limits, r, warnings);
    ret = bwrap_store_write(x->store, a, r, e);
    if (ret == 0) {
        ret = launch_prepare(x, a, r, spec, &args, &l, e);
        if (ret == 0)
            ret = launch_fork(&l, e);
        if (ret == 0)
            ret = bring_up(x, a, r, spec, &args, &l, e);
        if (ret < 0) {
            struct deadline d = {.end_ms = deadline_now_ms() + 2000};
            struct bwrap_run quick = {.store = x->store, .here = x->here, .deadline = &d};
            struct err ignored;

            bwrap_stop(&quick, r, false, &ignored);
            bwrap_store_write(x->store, a, r, &ignored);
        }
        launch_close(&l);
    } else {
        bwrap_cgroups_remove(r);
    }
    return ret;
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

static void signal_children(pid_t init, int sig)
{
    pid_t pids[BWRAP_MAX_CHILDREN];
    size_t n = bwrap_process_children(init, pids);

    for (size_t i = 0; i < n; i++) {
        int pidfd = (int)syscall(SYS_pidfd_open, pids[i], 0);
        pid_t again[BWRAP_MAX_CHILDREN];
        size_t m = bwrap_process_children(init, again);

        /* Still a child of that init after we hold it: it is the one we mean. */
        for (size_t j = 0; pidfd >= 0 && j < m; j++)
            if (again[j] == pids[i])
                syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
        close_fd(&pidfd);
    }
}

static int stop_init(const struct bwrap_process *p, int pidfd, const struct deadline *d, bool gently, struct err *e)
{
    bool ended = false;

    if (gently) {
        int64_t half = (d->end_ms - deadline_now_ms()) / 2;

        signal_children(p->pid, SIGTERM);
        if (bwrap_process_wait(pidfd, d, half < BWRAP_GRACE_MS ? (int)half : BWRAP_GRACE_MS, &ended, e) < 0)
            return -1;
    }
    if (!ended && syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return err_sys(e, err_class_of_errno(errno), errno, "killing process %d", p->pid);
    while (!ended)
        if (bwrap_process_wait(pidfd, d, -1, &ended, e) < 0)
            return -1;
    return 0;
}

int bwrap_stop(const struct bwrap_run *x, struct bwrap_record *r, bool gently, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct bwrap_orphan *marked = NULL;
    size_t n_marked = 0;
    struct err ignored;
    bool alive;
    int pidfd;

    if (bwrap_process_alive(x->here, &r->process, &alive, &pidfd, e) < 0)
        return -1;
    if (alive) {
        int ret = stop_init(&r->process, pidfd, x->deadline, gently, e);

        close(pidfd);
        if (ret < 0)
            return -1;
    }
    /* One that was started and not written down. */
    if (bwrap_scan(x->here, a, &marked, &n_marked, e) < 0)
        return -1;
    for (size_t i = 0; i < n_marked; i++) {
        int ret;

        if (!text_eq(marked[i].r.id, r->id))
            continue;
        if (bwrap_process_alive(x->here, &marked[i].process, &alive, &pidfd, e) < 0)
            return -1;
        ret = alive ? stop_init(&marked[i].process, pidfd, x->deadline, gently && marked[i].init, e) : 0;
        close_fd(&pidfd);
        if (ret < 0)
            return -1;
    }
    r->process = (struct bwrap_process){0};
    if (r->n_cgroups == 0 && r->create == NULL) { /* known by its mark only */
        struct bwrap_cgroups groups;

        bwrap_cgroups_find(a, "", &groups);
        bwrap_cgroups_derive(a, &groups, r);
    }
    /* bwrap's outer process leaves the groups a moment after its sandbox. */
    bwrap_cgroups_remove(r);
    for (int tries = 0; r->n_cgroups > 0 && tries < 100 && deadline_pause(x->deadline, "", 10, &ignored) == 0; tries++)
        bwrap_cgroups_remove(r);
    if (r->create == NULL)
        r->n_cgroups = 0; /* named in our arena */
    return 0;
}
