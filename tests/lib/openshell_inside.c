#include "tests/lib/openshell_standin.h"

#include "spec/base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- inside a sandbox ------------------------------------------------------------------------------------------------------ */

/* The argv that runs a command with the sandbox's files at /sandbox, /agent and /tmp. */
char **os_inside(const struct node *s, const char *workdir, const char *const *command)
{
    const char *head[] = {"bwrap",
                          "--unshare-pid",
                          "--unshare-ipc",
                          "--die-with-parent",
                          "--clearenv",
                          "--setenv",
                          "PATH",
                          "/usr/local/bin:/usr/bin:/bin",
                          "--setenv",
                          "HOME",
                          "/sandbox",
                          "--setenv",
                          "LC_ALL",
                          "C.UTF-8",
                          "--ro-bind",
                          "/usr",
                          "/usr",
                          "--symlink",
                          "usr/bin",
                          "/bin",
                          "--symlink",
                          "usr/lib",
                          "/lib",
                          "--symlink",
                          "usr/lib64",
                          "/lib64",
                          "--symlink",
                          "usr/sbin",
                          "/sbin",
                          "--dir",
                          "/etc",
                          "--proc",
                          "/proc",
                          "--dev",
                          "/dev",
                          "--bind",
                          openshell_world_path(&os.w, s, "sandbox"),
                          "/sandbox",
                          "--bind",
                          openshell_world_path(&os.w, s, "agent"),
                          "/agent",
                          "--bind",
                          openshell_world_path(&os.w, s, "tmp"),
                          "/tmp",
                          "--chdir",
                          workdir != NULL ? workdir : "/sandbox",
                          "--"};
    size_t n = sizeof head / sizeof *head, m = 0;
    char **argv;

    while (command[m] != NULL)
        m++;
    argv = ARENA_ARRAY(os.a, char *, n + m + 1);
    for (size_t i = 0; i < n; i++)
        argv[i] = arena_strdup(os.a, head[i]);
    for (size_t i = 0; i < m; i++)
        argv[n + i] = arena_strdup(os.a, command[i]);
    return argv;
}

/* fd_in, fd_out: -1: ours. */
pid_t os_start(char **argv, int fd_in, int fd_out)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fd_in >= 0)
        (void)dup2(fd_in, 0);
    if (fd_out >= 0)
        (void)dup2(fd_out, 1);
    (void)execvp(argv[0], argv);
    _exit(127);
}

int os_wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* from | to; the status of the one inside the sandbox. */
static int run_pipe(char **from, char **to, bool from_counts)
{
    int ends[2], x, y;
    pid_t p, q;

    if (pipe2(ends, O_CLOEXEC) < 0)
        os_fail("pipe");
    p = os_start(from, -1, ends[1]);
    q = os_start(to, ends[0], -1);
    close(ends[0]);
    close(ends[1]);
    x = os_wait_for(p);
    y = os_wait_for(q);
    return from_counts && x != 0 ? x : y;
}

struct node *os_must_be_ready(const char *name)
{
    struct node *s = openshell_world_at(&os.w, os_must_find(name));

    if (!text_eq(openshell_world_phase(&os.w, s), "Ready"))
        os_fail_grpc("FailedPrecondition", "sandbox is not ready");
    return s;
}

static void on_alarm(int n)
{
    _exit(124);
}

void os_do_exec(void)
{
    const char *name = os_option("name"), *const *command = (const char *const *)os.trailing;
    const char *shell[OS_MAX_ARGS + 1] = {"sh", "-c", "exec \"$@\"", "exec"}; /* as sshd does it: 127 and 126 are the shell's */
    uint64_t seconds = 0;
    struct node *s;
    pid_t pid;

    if (os.trailing == NULL || os.trailing[0] == NULL)
        os_usage("the following required arguments were not provided:\n  <COMMAND>...");
    if (name == NULL || (os_option("timeout") != NULL && !num_parse_u64(os_option("timeout"), &seconds)))
        os_usage("a name is wanted");
    os_connect();
    for (int i = 0; os.version < 88 && os.trailing[i] != NULL; i++)
        if (strpbrk(os.trailing[i], "\r\n") != NULL)
            os_fail_grpc("InvalidArgument",
                         arena_printf(os.a, "command argument %d contains newline or carriage return characters", i));
    s = os_must_be_ready(name);
    os_world_close();
    for (size_t i = 0; i + 4 < OS_MAX_ARGS && command[i] != NULL; i++)
        shell[i + 4] = command[i];
    pid = os_start(os_inside(s, os_option("workdir"), shell), -1, -1);
    if (seconds > 0) {
        (void)sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
        (void)alarm((unsigned)seconds);
    }
    os_leave(os_wait_for(pid));
}

void os_do_upload(void)
{
    const char *name = os_word(0, "NAME"), *local = os_word(1, "LOCAL_PATH"), *dest = os.n_words > 2 ? os.words[2] : "/sandbox",
               *base, *into;
    struct node *s;
    struct stat st;
    int status;

    os_connect();
    if (lstat(local, &st) < 0)
        os_fail(arena_printf(os.a, "local path does not exist: %s", local));
    s = os_must_be_ready(name);
    os_world_close();
    (void)fprintf(stderr, "Uploading %s -> sandbox:%s\n", local, dest);
    base = strrchr(local, '/') != NULL ? strrchr(local, '/') + 1 : local;
    if (S_ISDIR(st.st_mode)) {
        bool flat = os.version <= 36 || strcmp(base, ".") == 0 || base[0] == '\0';
        const char *tar[] = {"tar",
                             os.version <= 36 ? "-chf" : "-cf",
                             "-",
                             "-C",
                             flat ? local : arena_printf(os.a, "%s/..", local),
                             "--",
                             flat ? "." : base,
                             NULL};
        const char *in[] = {"sh", "-c", "mkdir -p \"$1\" && tar xf - -C \"$1\"", "upload", dest, NULL};

        if (!flat && strchr(local, '/') == NULL)
            tar[4] = ".";
        status = run_pipe((char **)tar, os_inside(s, NULL, in), true);
    } else {
        const char *slash = strrchr(dest, '/'), *target = dest;
        const char *cat[] = {"cat", "--", local, NULL};

        if (slash != NULL && slash[1] == '\0')
            target = arena_printf(os.a, "%s%s", dest, base);
        else if (slash == dest) /* the parent is / */
            target = arena_printf(os.a, "%s/%s", dest, base);
        into = arena_printf(os.a, "%o", (unsigned)st.st_mode & 07777);
        const char *in[] = {
            "sh",
            "-c",
            "mkdir -p \"$(dirname \"$1\")\" && { [ -d \"$1\" ] || rm -f \"$1\"; } && cat >\"$1\" && chmod \"$2\" \"$1\"",
            "upload",
            target,
            into,
            NULL};

        status = run_pipe((char **)cat, os_inside(s, NULL, in), true);
    }
    if (status != 0)
        os_fail(arena_printf(os.a, "ssh tar extract exited with status exit status: %d", status));
    os_world_open();
    os_fail_as_told(true);
    (void)fprintf(stderr, "\xe2\x9c\x93 Upload complete\n");
}

/* The first line that a command inside prints. */
static const char *ask(const struct node *s, const char *script, const char *arg)
{
    const char *in[] = {"sh", "-c", script, "ask", arg, NULL};
    char text[PATH_MAX];
    size_t n = 0;
    ssize_t got;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        os_fail("pipe");
    pid = os_start(os_inside(s, NULL, in), -1, ends[1]);
    close(ends[1]);
    while (n + 1 < sizeof text && (got = read(ends[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    close(ends[0]);
    (void)os_wait_for(pid);
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return arena_strdup(os.a, text);
}

static bool below(const char *path, const char *top)
{
    size_t n = strlen(top);

    return strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

void os_do_download(void)
{
    const char *name = os_word(0, "NAME"), *from = os_word(1, "SANDBOX_PATH"), *dest = os.n_words > 2 ? os.words[2] : ".",
               *real = from, *base;
    struct node *s;
    struct stat st;
    int status;

    os_connect();
    s = os_must_be_ready(name);
    os_world_close();
    (void)fprintf(stderr, "Downloading sandbox:%s -> %s\n", from, dest);
    if (os.version >= 41) {
        const char *clean = ask(s, "realpath -ms -- \"$1\"", from);

        if (!below(clean, "/sandbox"))
            os_fail(arena_printf(os.a, "sandbox source path '%s' is outside the sandbox workspace (/sandbox)", from));
        real = ask(s, "realpath -e -- \"$1\" 2>/dev/null", from);
        if (real[0] == '\0')
            os_fail(arena_printf(os.a, "sandbox source path '%s' does not exist", from));
        if (!below(real, "/sandbox"))
            os_fail(arena_printf(os.a, "sandbox source path '%s' resolves to '%s', outside the sandbox workspace (/sandbox)",
                                 from, real));
    }
    base = strrchr(real, '/') != NULL ? strrchr(real, '/') + 1 : real;
    if (text_eq(ask(s, "test -d \"$1\" && echo d", real), "d")) {
        const char *in[] = {"tar", "-cf", "-", "-C", real, ".", NULL}, *tar[] = {"tar", "-xf", "-", "-C", dest, NULL};

        (void)mkdir(dest, 0777);
        status = run_pipe(os_inside(s, NULL, in), (char **)tar, true);
    } else {
        const char *in[] = {"cat", "--", real, NULL};
        int fd;

        if (os.version <= 36 || dest[strlen(dest) - 1] == '/' || (stat(dest, &st) == 0 && S_ISDIR(st.st_mode))) {
            (void)mkdir(dest, 0777);
            dest = arena_printf(os.a, "%s/%s", dest, base);
        }
        fd = open(dest, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0)
            os_fail(arena_printf(os.a, "failed to write %s", dest));
        status = os_wait_for(os_start(os_inside(s, NULL, in), -1, fd));
        close(fd);
    }
    if (status != 0)
        os_fail(arena_printf(os.a, "ssh tar create exited with status exit status: %d", status));
    os_world_open();
    os_fail_as_told(true);
    (void)fprintf(stderr, "\xe2\x9c\x93 Download complete\n");
}
