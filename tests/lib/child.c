#include "tests/lib/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>
#include <grp.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RIVALS = 16 };

static bool become_nobody(void)
{
    return geteuid() != 0 ||
           (setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

static pid_t start(int (*fn)(void *ctx), void *ctx, bool nobody)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(nobody && !become_nobody() ? 100 : fn(ctx));
    assert_true(pid > 0);
    return pid;
}

static int finish(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int child_run(int (*fn)(void *ctx), void *ctx)
{
    return finish(start(fn, ctx, false));
}

int child_run_as_nobody(int (*fn)(void *ctx), void *ctx)
{
    return finish(start(fn, ctx, true));
}

void child_run_rivals(unsigned n, int (*fn)(void *ctx), void *ctx)
{
    pid_t pids[MAX_RIVALS];
    int failed = 0;

    assert_true(n <= MAX_RIVALS);
    for (unsigned i = 0; i < n; i++)
        pids[i] = start(fn, ctx, false);
    for (unsigned i = 0; i < n; i++) {
        int status = finish(pids[i]);

        failed = failed != 0 ? failed : status;
    }
    assert_int_equal(failed, 0);
}

int child_group_as_nobody(int (*run)(void))
{
    int status;
    pid_t pid;

    if (geteuid() != 0)
        return 0;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int failed = become_nobody() ? run() : 1;

        fflush(NULL);
        _exit(failed > 100 ? 100 : failed);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        return 1;
    return WEXITSTATUS(status);
}

int64_t child_wall_ms(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
