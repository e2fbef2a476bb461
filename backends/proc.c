#include "backends/proc.h"

#include "backends/deadline.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROC_HIGH_FD 64 /* descriptors wait above this before they get their numbers in the child */
#define PROC_MAX_FDS 16
#define PROC_REAP_MS 150 /* how long a killed command may take to be gone */

int proc_memfd(const char *name, const void *bytes, size_t n, struct err *e)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const char *p = bytes;

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "memfd_create");
    while (n > 0) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            int sys = errno;

            close(fd);
            return err_sys(e, ERR_IO, sys, "writing to memory");
        }
        p += put;
        n -= (size_t)put;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        int sys = errno;

        close(fd);
        return err_sys(e, ERR_IO, sys, "sealing memory");
    }
    return fd;
}

const char *proc_find(struct arena *a, const char *name)
{
    for (const char *dir = PROC_PATH, *end; *dir != '\0'; dir = *end != '\0' ? end + 1 : end) {
        const char *path;
        struct stat st;

        end = dir + strcspn(dir, ":");
        path = arena_printf(a, "%.*s/%s", (int)(end - dir), dir, name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

/* --- starting ------------------------------------------------------------------------------------------------------ */

/* Descriptors of one run; -1 where closed. `child` are above PROC_HIGH_FD and belong to the command. */
struct proc_fds {
    int child[3 + PROC_MAX_FDS];
    int number[3 + PROC_MAX_FDS];
    size_t n;
    int out, err; /* our ends */
};

static void fds_close(struct proc_fds *f)
{
    for (size_t i = 0; i < f->n; i++)
        close(f->child[i]);
    f->n = 0;
}

/* Takes fd over. */
static int fds_add(struct proc_fds *f, int fd, int number, struct err *e)
{
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, PROC_HIGH_FD), sys = errno;

    if (fd >= 0)
        close(fd);
    if (high < 0)
        return err_sys(e, ERR_IO, sys, "descriptor %d of the command", number);
    f->child[f->n] = high;
    f->number[f->n++] = number;
    return 0;
}

static int fds_pipe(struct proc_fds *f, int number, int *ret_read, struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(e, ERR_IO, errno, "pipe");
    *ret_read = ends[0];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return fds_add(f, ends[1], number, e);
}

static int fds_make(struct proc_fds *f, const struct proc_req *req, struct err *e)
{
    int in = req->input != NULL ? proc_memfd("input", req->input, req->n_input, e) : open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (req->n_fds > PROC_MAX_FDS)
        return err_set(e, ERR_UNSUPPORTED, 0, "%zu descriptors for a command", req->n_fds);
    if (in < 0 && req->input != NULL)
        return -1;
    if (fds_add(f, in, 0, e) < 0 || fds_pipe(f, 1, &f->out, e) < 0 || fds_pipe(f, 2, &f->err, e) < 0)
        return -1;
    for (size_t i = 0; i < req->n_fds; i++) {
        int fd = proc_memfd("input", req->fds[i].bytes, req->fds[i].n, e);

        if (fd < 0 || fds_add(f, fd, req->fds[i].fd, e) < 0)
            return -1;
    }
    return 0;
}

static int proc_start(const struct proc_req *req, struct proc_fds *f, pid_t *ret_pid, struct err *e)
{
    static const char *const plain_env[] = {"PATH=" PROC_PATH, "LC_ALL=C.UTF-8", NULL};
    const char *const *env = req->env != NULL ? req->env : plain_env;
    posix_spawn_file_actions_t acts;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int last = 2, r;

    posix_spawn_file_actions_init(&acts);
    posix_spawnattr_init(&attr);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (size_t i = 0; i < f->n; i++) {
        posix_spawn_file_actions_adddup2(&acts, f->child[i], f->number[i]);
        last = f->number[i] > last ? f->number[i] : last;
    }
    posix_spawn_file_actions_addclosefrom_np(&acts, last + 1);
    posix_spawn_file_actions_addchdir_np(&acts, req->workdir != NULL ? req->workdir : "/");
    r = posix_spawn(ret_pid, req->argv[0], &acts, &attr, (char *const *)req->argv, (char *const *)env);
    posix_spawn_file_actions_destroy(&acts);
    posix_spawnattr_destroy(&attr);
    fds_close(f);
    if (r != 0)
        return err_sys(e, err_class_of_errno(r), r, "%s", req->argv[0]);
    return 0;
}

/* --- running ------------------------------------------------------------------------------------------------------- */

/* Reads what there is; false at the end of the stream. */
static bool stream_read(int fd, struct buf *to, bool *cut)
{
    char bytes[16384];
    ssize_t n;

    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        size_t room = to->max - to->n, take = (size_t)n < room ? (size_t)n : room;

        buf_put(to, bytes, take);
        *cut = *cut || take < (size_t)n;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void proc_kill(pid_t pid, int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    kill(-pid, SIGKILL);
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    poll(&p, 1, PROC_REAP_MS);
    waitpid(pid, NULL, WNOHANG);
}

struct proc_streams {
    struct buf out, err;
    bool out_cut, err_cut;
};

/* Until the command has ended and what it wrote is read. */
static int proc_wait(struct proc_fds *f, int pidfd, const struct deadline *d, const char *what, struct proc_streams *s,
                     struct err *e)
{
    struct pollfd p[3] = {{.fd = pidfd, .events = POLLIN}, {.fd = f->out, .events = POLLIN}, {.fd = f->err, .events = POLLIN}};
    int ms;

    for (;;) {
        if (deadline_slice(d, what, &ms, e) < 0)
            return -1;
        if (poll(p, 3, ms) < 0)
            continue;
        if (p[1].revents != 0 && !stream_read(f->out, &s->out, &s->out_cut))
            p[1].fd = -1;
        if (p[2].revents != 0 && !stream_read(f->err, &s->err, &s->err_cut))
            p[2].fd = -1;
        if ((p[0].revents & POLLIN) != 0)
            break;
    }
    if (p[1].fd >= 0)
        stream_read(f->out, &s->out, &s->out_cut);
    if (p[2].fd >= 0)
        stream_read(f->err, &s->err, &s->err_cut);
    return 0;
}

static int proc_run_fds(struct arena *a, const struct proc_req *req, const struct call *c, struct proc_fds *f,
                        struct proc_result *ret, struct err *e)
{
    size_t max = req->max_output > 0 ? req->max_output : LIMIT_OUTPUT_BYTES;
    struct proc_streams s = {.out = BUF_INIT(max), .err = BUF_INIT(max)};
    struct deadline d = deadline_start(c);
    siginfo_t info = {0};
    int pidfd, ms, r;
    pid_t pid;

    if (deadline_slice(&d, req->argv[0], &ms, e) < 0 || fds_make(f, req, e) < 0 || proc_start(req, f, &pid, e) < 0)
        return -1;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        int sys = errno;

        kill(-pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return err_sys(e, ERR_IO, sys, "pidfd_open");
    }
    r = proc_wait(f, pidfd, &d, req->argv[0], &s, e);
    if (r < 0)
        proc_kill(pid, pidfd);
    else if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) == 0)
        *ret = (struct proc_result){.status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status,
                                    .out = arena_memdup0(a, buf_str(&s.out), s.out.n),
                                    .err = arena_memdup0(a, buf_str(&s.err), s.err.n),
                                    .n_out = s.out.n,
                                    .n_err = s.err.n,
                                    .out_cut = s.out_cut,
                                    .err_cut = s.err_cut};
    else
        r = err_sys(e, ERR_IO, errno, "%s: waiting for its end", req->argv[0]);
    close(pidfd);
    buf_wipe(&s.out);
    buf_wipe(&s.err);
    return r;
}

int proc_run(struct arena *a, const struct proc_req *req, const struct call *c, struct proc_result *ret, struct err *e)
{
    struct proc_fds f = {.out = -1, .err = -1};
    int r = proc_run_fds(a, req, c, &f, ret, e);

    fds_close(&f);
    if (f.out >= 0)
        close(f.out);
    if (f.err >= 0)
        close(f.err);
    return r;
}
