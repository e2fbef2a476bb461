#include "backends/bwrap_enter.h"

#include "backends/proc.h"
#include "spec/base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ENTER_NAME "reconclaw-enter"

/* Descriptors of the entering process. */
enum { FD_REQUEST = 3, FD_ANSWER = 4, FD_PIDFD = 5, FD_SESSION = 6, FD_EXE = 7, N_FDS = 8 };
#define FD_HIGH 100

/* The request: NUL-terminated texts in this order: namespaces (a number), tty (0 or 1), workdir, the numbers of groups,
 * arguments and variables, then these. The answer: "+<pid>\n" of the
 * command, then "<status>\n"; or "!<errno> <what>\n" where it came to nothing. */

/* --- the entering process ------------------------------------------------------------------------------------------ */

struct entering {
    char *at, *end; /* of the request */
    int namespaces;
    bool tty;
    const char *workdir;
    char **groups, **argv, **env;
    int group_fds[BWRAP_MAX_CGROUPS];
    size_t n_groups;
    int master, slave; /* of the terminal */
};

static void __attribute__((noreturn)) give_up(int fd, const char *what)
{
    dprintf(fd, "!%d %s\n", errno, what);
    _exit(126);
}

static char *next_text(struct entering *x)
{
    char *s = x->at;

    if (s >= x->end)
        give_up(FD_ANSWER, "request");
    x->at += strlen(s) + 1;
    return s;
}

static size_t next_number(struct entering *x)
{
    uint64_t n;

    if (!num_parse_u64(next_text(x), &n) || n > UINT32_MAX)
        give_up(FD_ANSWER, "request");
    return (size_t)n;
}

static char **next_list(struct entering *x, size_t n)
{
    char **v = n < (size_t)(x->end - x->at) ? calloc(n + 1, sizeof *v) : NULL;

    if (v == NULL)
        give_up(FD_ANSWER, "memory");
    for (size_t i = 0; i < n; i++)
        v[i] = next_text(x);
    return v;
}

static void request_read(struct entering *x)
{
    struct stat st;
    size_t n_argv, n_env;
    char *bytes;

    if (fstat(FD_REQUEST, &st) < 0 || st.st_size < 2)
        give_up(FD_ANSWER, "request");
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, FD_REQUEST, 0);
    if (bytes == MAP_FAILED || bytes[st.st_size - 1] != '\0')
        give_up(FD_ANSWER, "request");
    x->at = bytes;
    x->end = bytes + st.st_size;
    x->namespaces = (int)next_number(x);
    x->tty = next_number(x) != 0;
    x->workdir = next_text(x);
    x->n_groups = next_number(x);
    n_argv = next_number(x);
    n_env = next_number(x);
    if (x->n_groups > BWRAP_MAX_CGROUPS || n_argv == 0)
        give_up(FD_ANSWER, "request");
    x->groups = next_list(x, x->n_groups);
    x->argv = next_list(x, n_argv);
    x->env = next_list(x, n_env);
}

/* The terminal is made with the sandbox's own devpts, so that its name means something inside. */
static void terminal_make(struct entering *x)
{
    struct winsize size;

    x->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (x->master < 0 || unlockpt(x->master) < 0)
        give_up(FD_ANSWER, "making a terminal");
    x->slave = ioctl(x->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (x->slave < 0)
        give_up(FD_ANSWER, "opening the terminal");
    if (ioctl(0, TIOCGWINSZ, &size) == 0)
        ioctl(x->master, TIOCSWINSZ, &size);
}

static void drop_privileges(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};

    for (unsigned long cap = 0; cap < 64; cap++)
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            give_up(FD_ANSWER, "dropping capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &head, none) < 0)
        give_up(FD_ANSWER, "dropping capabilities");
}

/* execvp with the sandbox's PATH. */
static void exec_search(const struct entering *x)
{
    const char *path = PROC_PATH, *file = x->argv[0];
    int why = ENOENT;

    for (char **p = x->env; *p != NULL; p++)
        if (text_has_prefix(*p, "PATH="))
            path = *p + 5;
    if (strchr(file, '/') != NULL) {
        execve(file, x->argv, x->env);
        return;
    }
    for (const char *p = path; p != NULL; p = strchr(p, ':')) {
        char full[PATH_MAX];
        int n;

        p += *p == ':';
        n = (int)strcspn(p, ":");
        if ((size_t)snprintf(full, sizeof full, "%.*s%s%s", n, p, n > 0 ? "/" : "", file) >= sizeof full)
            continue;
        execve(full, x->argv, x->env);
        if (errno == EACCES)
            why = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR)
            return;
    }
    errno = why;
}

/* In the sandbox's pid namespace, on the way to the command. */
static void __attribute__((noreturn)) enter_child(const struct entering *x)
{
    sigset_t none;
    int why;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (size_t i = 0; i < x->n_groups; i++)
        if (write(x->group_fds[i], "0", 1) != 1)
            give_up(FD_ANSWER, x->groups[i]);
    setsid(); /* and so away from the caller's terminal: no input can be pushed into it */
    if (x->tty) {
        for (int i = 0; i < 3; i++)
            dup2(x->slave, i);
        ioctl(0, TIOCSCTTY, 0);
    }
    drop_privileges();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* lost when credentials change */
    if (chdir(x->workdir) < 0)
        give_up(FD_ANSWER, x->workdir);
    umask(022);
    for (int s = 1; s < 65; s++)
        sigaction(s, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    syscall(SYS_close_range, 3, ~0U, 0);
    exec_search(x);
    why = errno;
    dprintf(2, "%s: %s\n", x->argv[0], strerror(why));
    _exit(why == ENOENT || why == ENOTDIR ? 127 : 126);
}

/* Copies what is there; false at the end. */
static bool relay(int from, int to)
{
    char bytes[8192];
    ssize_t n = read(from, bytes, sizeof bytes);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    for (ssize_t done = 0; done < n;) {
        ssize_t put = write(to, bytes + done, (size_t)(n - done));

        if (put < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = to, .events = POLLOUT}, 1, 100);
            continue;
        }
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? put : 0;
    }
    return n > 0;
}

/* Until the command has ended and its terminal is drained. */
static void terminal_relay(const struct entering *x, int pidfd)
{
    struct pollfd p[3] = {{.fd = 0, .events = POLLIN}, {.fd = x->master, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    struct winsize size = {0}, now;

    for (;;) {
        if (ioctl(0, TIOCGWINSZ, &now) == 0 && memcmp(&now, &size, sizeof now) != 0) {
            size = now;
            ioctl(x->master, TIOCSWINSZ, &size);
        }
        if (poll(p, 3, 250) < 0)
            continue;
        if (p[0].revents != 0 && !relay(0, x->master)) {
            p[0].fd = -1;
            if (write(x->master, "\x04", 1) < 0) /* end of input */
                break;
        }
        if (p[1].revents != 0 && !relay(x->master, 1))
            break;
        if (p[1].revents == 0 && p[2].revents != 0)
            break;
    }
}

static void __attribute__((noreturn)) enter_main(void)
{
    struct entering x = {.master = -1, .slave = -1};
    int status;
    pid_t pid;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NAME, ENTER_NAME, 0, 0, 0);
    request_read(&x);
    for (size_t i = 0; i < x.n_groups; i++)
        if ((x.group_fds[i] = open(x.groups[i], O_WRONLY | O_CLOEXEC)) < 0)
            give_up(FD_ANSWER, x.groups[i]);
    if (setns(FD_PIDFD, x.namespaces) < 0)
        give_up(FD_ANSWER, "entering the sandbox's namespaces");
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (x.tty)
        terminal_make(&x);
    pid = fork();
    if (pid < 0)
        give_up(FD_ANSWER, "fork");
    if (pid == 0)
        enter_child(&x);
    dprintf(FD_ANSWER, "+%d\n", (int)pid);
    if (x.tty) {
        int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

        close(x.slave);
        terminal_relay(&x, pidfd);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    dprintf(FD_ANSWER, "%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    _exit(0);
}

/* glibc gives constructors what main gets. */
__attribute__((constructor)) static void enter_instead_of_main(int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], ENTER_NAME) == 0)
        enter_main();
}

/* --- the calling side ---------------------------------------------------------------------------------------------- */

static void put_text(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s) + 1);
}

static void put_number(struct buf *b, size_t n)
{
    buf_printf(b, "%zu", n);
    buf_putc(b, '\0');
}

/* Those in which the sandbox is not where we are: joining what is shared would need a privilege, and change nothing. */
static int namespaces_of(struct arena *a, pid_t pid, int *ret, struct err *e)
{
    static const struct {
        const char *name;
        int flag;
    } rows[] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"pid", CLONE_NEWPID},      {"ipc", CLONE_NEWIPC},
                {"uts", CLONE_NEWUTS},   {"net", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP}};
    int flags = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char ours[64], theirs[64];
        ssize_t n = readlink(arena_printf(a, "/proc/self/ns/%s", rows[i].name), ours, sizeof ours);
        ssize_t m = readlink(arena_printf(a, "/proc/%d/ns/%s", (int)pid, rows[i].name), theirs, sizeof theirs);

        if (n < 0 || m < 0)
            return err_sys(e, errno == ENOENT ? ERR_CONFLICT : ERR_IO, errno, "namespaces of process %d", (int)pid);
        if (n != m || memcmp(ours, theirs, (size_t)n) != 0)
            flags |= rows[i].flag;
    }
    *ret = flags;
    return 0;
}

static const char *environ_get(const char *bytes, size_t n, const char *name)
{
    size_t len = strlen(name);

    for (size_t at = 0; at < n; at += strlen(bytes + at) + 1)
        if (strncmp(bytes + at, name, len) == 0 && bytes[at + len] == '=')
            return bytes + at + len + 1;
    return NULL;
}

/* The values that the record does not keep, from the environment of the sandbox's init. */
static int take_secrets(struct arena *a, pid_t init, struct bwrap_spec *spec, struct err *e)
{
    const char *path = arena_printf(a, "/proc/%d/environ", (int)init);
    BUF_AUTO text = BUF_INIT(64u << 20);
    char bytes[16384];
    ssize_t n;
    int fd;

    spec->env = memcpy(arena_alloc_array(a, spec->n_env, sizeof *spec->env), spec->env, spec->n_env * sizeof *spec->env);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "%s", path);
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        buf_put(&text, bytes, (size_t)n);
    close(fd);
    for (size_t i = 0; i < spec->n_env; i++)
        if (spec->env[i].value == NULL)
            spec->env[i].value = arena_strdup(a, environ_get(buf_str(&text), text.n, spec->env[i].name));
    buf_wipe(&text);
    explicit_bzero(bytes, sizeof bytes);
    return 0;
}

static size_t list_length(const char *const *v)
{
    size_t n = 0;

    while (v[n] != NULL)
        n++;
    return n;
}

static int request_write(struct arena *a, const struct bwrap_enter *x, int *ret_fd, struct err *e)
{
    struct bwrap_spec spec = *x->spec;
    BUF_AUTO text = BUF_INIT(16u << 20);
    const char *const *plain, *const *loader;
    int namespaces = 0, fd;
    bool secrets = false;

    for (size_t i = 0; i < spec.n_env; i++)
        secrets = secrets || spec.env[i].value == NULL;
    if (namespaces_of(a, x->process->pid, &namespaces, e) < 0 || (secrets && take_secrets(a, x->process->pid, &spec, e) < 0))
        return -1;
    plain = bwrap_spec_environ(a, &spec, false);
    loader = bwrap_spec_environ(a, &spec, true);
    put_number(&text, (size_t)namespaces);
    put_number(&text, x->tty);
    put_text(&text, x->workdir != NULL ? x->workdir : spec.workdir);
    put_number(&text, x->record->n_cgroups);
    put_number(&text, list_length(x->argv));
    put_number(&text, list_length(plain) + list_length(loader));
    for (size_t i = 0; i < x->record->n_cgroups; i++)
        put_text(&text, arena_printf(a, "%s/cgroup.procs", x->record->cgroups[i]));
    for (const char *const *p = x->argv; *p != NULL; p++)
        put_text(&text, *p);
    for (const char *const *p = plain; *p != NULL; p++)
        put_text(&text, *p);
    for (const char *const *p = loader; *p != NULL; p++)
        put_text(&text, *p);
    if (text.full)
        return err_set(e, ERR_REFUSED, E2BIG, "the command's arguments and environment are too long");
    fd = proc_memfd("request", text.s, text.n, e);
    buf_wipe(&text);
    if (fd < 0)
        return -1;
    *ret_fd = fd;
    return 0;
}

/* This program, as bytes that nobody can change. */
static int open_self(int *ret, struct err *e)
{
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = -1, sys = 0;
    struct stat st = {0};
    off_t at = 0;

    if (from < 0 || fstat(from, &st) < 0 || (to = memfd_create(ENTER_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING)) < 0)
        sys = errno;
    while (sys == 0 && at < st.st_size) {
        ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));

        if (n == 0 || (n < 0 && errno != EINTR))
            sys = n == 0 ? EIO : errno;
    }
    if (sys == 0 && fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        sys = errno;
    if (from >= 0)
        close(from);
    if (sys != 0) {
        if (to >= 0)
            close(to);
        return err_sys(e, ERR_IO, sys, "copying this program to memory");
    }
    *ret = to;
    return 0;
}

struct enter_fds {
    int v[N_FDS]; /* ours of the same number, above FD_HIGH */
    int answer;   /* our end */
    int output;   /* our end of what is captured, or -1 */
};

static void enter_fds_close(struct enter_fds *f)
{
    for (size_t i = 0; i < N_FDS; i++)
        if (f->v[i] >= 0)
            close(f->v[i]);
    if (f->answer >= 0)
        close(f->answer);
    if (f->output >= 0)
        close(f->output);
}

/* A copy above FD_HIGH; `own` is closed, whatever comes of it. */
static int fds_put(struct enter_fds *f, int number, int fd, bool own, struct err *e)
{
    int sys;

    f->v[number] = fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH);
    sys = errno;
    if (own)
        close(fd);
    return f->v[number] < 0 ? err_sys(e, ERR_IO, sys, "descriptor %d", number) : 0;
}

static int capture_make(struct enter_fds *f, struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(e, ERR_IO, errno, "pipe");
    f->output = ends[0];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    if (fds_put(f, 1, ends[1], false, e) < 0) {
        close(ends[1]);
        return -1;
    }
    return fds_put(f, 2, ends[1], true, e);
}

static int enter_fds_make(struct arena *a, const struct bwrap_enter *x, struct enter_fds *f, struct err *e)
{
    const int given[3] = {x->fd_in, x->fd_out, x->fd_err};
    int ends[2], fd = -1;

    if (x->output != NULL && capture_make(f, e) < 0)
        return -1;
    for (int i = 0; i < (x->output != NULL ? 1 : 3); i++) {
        fd = given[i] >= 0 ? given[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return err_sys(e, ERR_IO, errno, "/dev/null");
        if (fds_put(f, i, fd, given[i] < 0, e) < 0)
            return -1;
    }
    if (request_write(a, x, &fd, e) < 0 || fds_put(f, FD_REQUEST, fd, true, e) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(e, ERR_IO, errno, "pipe");
    f->answer = ends[0];
    if (fds_put(f, FD_ANSWER, ends[1], true, e) < 0 || fds_put(f, FD_PIDFD, x->pidfd, false, e) < 0 ||
        fds_put(f, FD_SESSION, x->session_fd, false, e) < 0 || open_self(&fd, e) < 0)
        return -1;
    return fds_put(f, FD_EXE, fd, true, e);
}

static int enter_spawn(const struct enter_fds *f, pid_t *ret, struct err *e)
{
    static const char *const argv[] = {ENTER_NAME, NULL}, *const env[] = {NULL};
    posix_spawn_file_actions_t acts;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&acts);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (int i = 0; i < N_FDS; i++)
        posix_spawn_file_actions_adddup2(&acts, f->v[i], i);
    posix_spawn_file_actions_addclosefrom_np(&acts, N_FDS);
    r = posix_spawn(ret, "/proc/self/fd/7", &acts, &attr, (char *const *)argv, (char *const *)env);
    posix_spawn_file_actions_destroy(&acts);
    posix_spawnattr_destroy(&attr);
    return r != 0 ? err_sys(e, ERR_IO, r, "starting the entering process") : 0;
}

/* The answer's lines, in whichever order they came: the command's pid, its status, what failed. */
static int answer_decode(const char *text, pid_t *command, int *ret_status, struct err *e)
{
    const char *failed = NULL, *status = NULL;

    *command = 0;
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        if (*line == '+')
            *command = (pid_t)strtol(line + 1, NULL, 10);
        else if (*line == '!' && failed == NULL)
            failed = line + 1;
        else if (*line >= '0' && *line <= '9')
            status = line;
    }
    if (failed != NULL) {
        char *what;
        int sys = (int)strtol(failed, &what, 10);

        what += *what == ' ';
        return err_sys(e, sys == ENOENT || sys == ENOTDIR ? ERR_REFUSED : ERR_IO, sys, "%.*s", (int)strcspn(what, "\n"), what);
    }
    if (status == NULL)
        return err_set(e, ERR_IO, 0, "the entering process ended without an answer");
    *ret_status = (int)strtol(status, NULL, 10);
    return 0;
}

/* What there is, up to the cap. false at the end. */
static bool capture_read(int fd, struct buf *to)
{
    char bytes[16384];
    ssize_t n;

    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        size_t room = to->max - to->n;

        buf_put(to, bytes, (size_t)n < room ? (size_t)n : room);
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static int enter_wait(const struct enter_fds *f, struct buf *output, const struct deadline *d, char *text, size_t size,
                      struct err *e)
{
    struct pollfd p[2] = {{.fd = f->answer, .events = POLLIN}, {.fd = f->output, .events = POLLIN}};
    size_t n = 0;
    int ms;

    for (;;) {
        ssize_t r;

        if (deadline_slice(d, "exec", &ms, e) < 0)
            return -1;
        if (poll(p, 2, ms) <= 0)
            continue;
        if (p[1].revents != 0 && !capture_read(f->output, output))
            p[1].fd = -1;
        if (p[0].revents == 0)
            continue;
        r = read(f->answer, text + n, size - 1 - n);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        n += (size_t)r;
        text[n] = '\0';
    }
    if (p[1].fd >= 0)
        capture_read(f->output, output);
    return 0;
}

/* The command first, while its parent, not reaped yet, proves that the pid is still its. */
static void enter_kill(pid_t helper, const char *text)
{
    pid_t command = 0, parent = 0;
    struct err ignored;
    int status, pidfd;

    answer_decode(text, &command, &status, &ignored);
    pidfd = command > 1 ? (int)syscall(SYS_pidfd_open, command, 0) : -1;
    if (pidfd >= 0 && bwrap_process_parent(command, &parent) && parent == helper)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    if (pidfd >= 0)
        close(pidfd);
    kill(helper, SIGKILL);
}

int bwrap_enter_run(struct arena *a, const struct bwrap_enter *x, const struct deadline *d, int *ret_status, struct err *e)
{
    struct enter_fds f = {.answer = -1, .output = -1};
    pid_t helper, command;
    char text[4096] = "";
    int r;

    for (size_t i = 0; i < N_FDS; i++)
        f.v[i] = -1;
    r = enter_fds_make(a, x, &f, e);
    if (r == 0)
        r = enter_spawn(&f, &helper, e);
    for (size_t i = 0; i < N_FDS; i++) {
        if (f.v[i] >= 0)
            close(f.v[i]);
        f.v[i] = -1;
    }
    if (r == 0) {
        r = enter_wait(&f, x->output, d, text, sizeof text, e);
        if (r < 0)
            enter_kill(helper, text);
        while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
            ;
        if (r == 0)
            r = answer_decode(text, &command, ret_status, e);
    }
    enter_fds_close(&f);
    return r;
}
