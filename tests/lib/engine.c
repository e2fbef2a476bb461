#include "tests/lib/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct test_engine {
    char dir[80];
    char host[128];
    bool shared;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("test engine: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

/* Runs engine.sh with up to four arguments; what it prints is not needed, only whether it worked. */
static int run(const char *verb, const char *dir, const char *a, const char *b, const char *c)
{
    const char *argv[] = {"tests/lib/engine.sh", verb, dir, a, b, c, NULL};
    pid_t pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
            _exit(126);
        execv(argv[0], (char *const *)argv);
        fprintf(stderr, "%s: %s (tests run from the root of the repository)\n", argv[0], strerror(errno));
        _exit(127);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die("waitpid: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void set_dir(struct test_engine *en, const char *dir)
{
    int n = snprintf(en->dir, sizeof en->dir, "%s", dir);
    if (n < 0 || (size_t)n >= sizeof en->dir)
        die("%s: too long", dir);
    snprintf(en->host, sizeof en->host, "unix://%s/s.sock", en->dir);
}

static struct test_engine *engine_new(void)
{
    struct test_engine *en = calloc(1, sizeof *en);
    if (!en)
        die("out of memory");
    return en;
}

static struct test_engine *start(const char *option)
{
    struct test_engine *en = engine_new();
    const char *tmp = getenv("TMPDIR");
    char dir[80], pid[24];
    int n = snprintf(dir, sizeof dir, "%s/rc-engine-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= sizeof dir || !mkdtemp(dir))
        die("mkdtemp: %s", strerror(errno));
    set_dir(en, dir);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (run("start", en->dir, "--with-pid", pid, option) != 0) {
        run("stop", en->dir, NULL, NULL, NULL);
        die("no engine, so nothing can be tested");
    }
    return en;
}

struct test_engine *test_engine_start(bool with_bridge)
{
    return start(with_bridge ? "--bridge" : NULL);
}

struct test_engine *test_engine_start_podman(void)
{
    return start("--podman");
}

struct test_engine *test_engine_acquire(void)
{
    const char *dir = getenv("RECONCLAW_TEST_ENGINE");
    if (!dir || !*dir)
        return test_engine_start(false);
    struct test_engine *en = engine_new();
    set_dir(en, dir);
    en->shared = true;
    if (access(test_engine_sock(en), R_OK | W_OK) < 0)
        die("RECONCLAW_TEST_ENGINE=%s: %s", dir, strerror(errno));
    return en;
}

void test_engine_release(struct test_engine *en)
{
    if (!en)
        return;
    if (!en->shared && run("stop", en->dir, NULL, NULL, NULL) != 0)
        fprintf(stderr, "test engine: could not stop %s\n", en->dir);
    free(en);
}

const char *test_engine_host(const struct test_engine *en)
{
    return en->host;
}
const char *test_engine_sock(const struct test_engine *en)
{
    return en->host + strlen("unix://");
}
const char *test_engine_dir(const struct test_engine *en)
{
    return en->dir;
}

void test_engine_kill(struct test_engine *en)
{
    if (en->shared)
        die("a shared engine must not be killed: use test_engine_start");
    if (run("kill", en->dir, NULL, NULL, NULL) != 0)
        die("kill failed");
}

void test_engine_restart(struct test_engine *en)
{
    if (run("restart", en->dir, NULL, NULL, NULL) != 0)
        die("restart failed");
}

void test_engine_image(struct test_engine *en, const char *name, const char *mark)
{
    if (run("image", en->dir, name, mark, NULL) != 0)
        die("loading %s failed", name);
}
