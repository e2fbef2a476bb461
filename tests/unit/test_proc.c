#include "backends/proc.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int shell(struct arena *a, const char *script, struct proc_req *req, int timeout_ms, struct proc_result *res,
                 struct err *e)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};

    req->argv = argv;
    return proc_run(a, req, &(struct call){.timeout_ms = timeout_ms}, res, e);
}

static void test_status_and_output(void **state)
{
    static const struct {
        const char *script, *input;
        int status;
        const char *out, *err;
    } rows[] = {
        {"exit 0", NULL, 0, "", ""},
        {"exit 7", NULL, 7, "", ""},
        {"kill -9 $$", NULL, 137, "", ""},
        {"kill -15 $$", NULL, 143, "", ""},
        {"echo out; echo err >&2", NULL, 0, "out\n", "err\n"},
        {"cat", NULL, 0, "", ""},
        {"cat", "given", 0, "given", ""},
        {"pwd", NULL, 0, "/\n", ""},
        {"test -t 0 || test -t 1 || test -t 2", NULL, 1, "", ""},
        {"echo $FOO$PATH", NULL, 0, PROC_PATH "\n", ""},
        {"printf 'a\\0b'", NULL, 0, "a", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct proc_req req = {.input = rows[i].input, .n_input = rows[i].input != NULL ? strlen(rows[i].input) : 0};
        struct proc_result res;
        struct err e;

        if (shell(a, rows[i].script, &req, 10000, &res, &e) < 0)
            fail_msg("%s: %s", rows[i].script, e.msg);
        assert_int_equal(res.status, rows[i].status);
        assert_string_equal(res.out, rows[i].out);
        assert_string_equal(res.err, rows[i].err);
        assert_false(res.out_cut || res.err_cut);
    }
}

static void test_nul_bytes_are_counted(void **state)
{
    ARENA_AUTO a = arena_new();
    struct proc_req req = {0};
    struct proc_result res;
    struct err e;

    assert_int_equal(shell(a, "printf 'a\\0b'", &req, 10000, &res, &e), 0);
    assert_int_equal(res.n_out, 3);
    assert_memory_equal(res.out, "a\0b", 4);
}

static void test_cap(void **state)
{
    for (unsigned over = 0; over < 2; over++) {
        ARENA_AUTO a = arena_new();
        struct proc_req req = {.max_output = 100000};
        struct proc_result res;
        struct err e;
        const char *script = arena_printf(a, "head -c %u /dev/zero; head -c %u /dev/zero >&2; exit 5", 100000 + over, 99999u);

        assert_int_equal(shell(a, script, &req, 10000, &res, &e), 0);
        assert_int_equal(res.status, 5);
        assert_int_equal(res.n_out, 100000);
        assert_int_equal(res.n_err, 99999);
        assert_int_equal(res.out_cut, over);
        assert_false(res.err_cut);
    }
}

static void test_no_shell(void **state)
{
    ARENA_AUTO a = arena_new();
    const char *argv[] = {"/bin/echo", "$HOME; `id`", "*", NULL};
    struct proc_req req = {.argv = argv};
    struct proc_result res;
    struct err e;

    assert_int_equal(proc_run(a, &req, &(struct call){.timeout_ms = 10000}, &res, &e), 0);
    assert_string_equal(res.out, "$HOME; `id` *\n");
}

static void test_missing(void **state)
{
    ARENA_AUTO a = arena_new();
    const char *argv[] = {"/nonexistent/command", NULL};
    struct proc_req req = {.argv = argv};
    struct proc_result res = {.status = 77};
    struct err e;

    assert_int_equal(proc_run(a, &req, &(struct call){.timeout_ms = 10000}, &res, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    assert_int_equal(e.sys, ENOENT);
    assert_int_equal(res.status, 77);
}

static void test_env_and_workdir(void **state)
{
    ARENA_AUTO a = arena_new();
    const char *env[] = {"ONLY=this", NULL}, *argv[] = {"/usr/bin/env", NULL};
    struct proc_req req = {.argv = argv, .env = env, .workdir = "/usr"};
    struct proc_result res;
    struct err e;

    assert_int_equal(proc_run(a, &req, &(struct call){.timeout_ms = 10000}, &res, &e), 0);
    assert_string_equal(res.out, "ONLY=this\n");
    assert_int_equal(shell(a, "pwd", &req, 10000, &res, &e), 0);
    assert_string_equal(res.out, "/usr\n");
}

/* The secret comes by descriptor, and while the command lives it is in nobody's argv. */
static void test_secret_by_fd(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct proc_bytes fds[] = {{.fd = 5, .bytes = "s3cret-by-fd", .n = 12}};
    struct proc_req req = {.fds = fds, .n_fds = 1};
    struct proc_result res;
    struct err e;

    assert_int_equal(shell(a, "cat <&5; cat /proc/$$/cmdline /proc/$$/environ | grep -c 's3[c]ret'; ls /proc/self/fd | tail -n 1",
                           &req, 10000, &res, &e),
                     0);
    assert_true(text_has_prefix(res.out, "s3cret-by-fd0\n"));
}

static void test_no_descriptor_leaks(void **state)
{
    ARENA_AUTO a = arena_new();
    struct proc_req req = {0};
    struct proc_result res;
    struct err e;
    int ends[2];
    size_t before = 0, after = 0;
    struct dirent *ent;
    DIR *d;

    assert_int_equal(pipe(ends), 0); /* without close-on-exec: still not the command's business */
    d = opendir("/proc/self/fd");
    while ((ent = readdir(d)) != NULL)
        before++;
    closedir(d);
    assert_int_equal(shell(a, "ls /proc/self/fd | tr '\\n' ' '", &req, 10000, &res, &e), 0);
    assert_string_equal(res.out, "0 1 2 3 "); /* 3 is ls's own */
    d = opendir("/proc/self/fd");
    while ((ent = readdir(d)) != NULL)
        after++;
    closedir(d);
    assert_int_equal(before, after);
    close(ends[0]);
    close(ends[1]);
}

static void test_timeout_kills_the_group(void **state)
{
    ARENA_AUTO a = arena_new();
    struct proc_req req = {0};
    struct proc_result res;
    char path[] = "/tmp/reconclaw-proc-XXXXXX";
    int64_t start = now_ms();
    struct err e;
    int fd = mkstemp(path), pid = 0;

    assert_true(fd >= 0);
    assert_int_equal(shell(a, arena_printf(a, "sleep 1000 & echo $! > %s; wait", path), &req, 400, &res, &e), -1);
    assert_int_equal(e.class, ERR_TIMEOUT);
    assert_in_range(now_ms() - start, 350, 1500);
    char text[16] = "";
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_int_equal(sscanf(text, "%d", &pid), 1);
    for (int i = 0; i < 200 && kill(pid, 0) == 0; i++)
        poll(NULL, 0, 10);
    assert_int_equal(kill(pid, 0), -1);
    close(fd);
    unlink(path);
}

static void *cancel_soon(void *arg)
{
    poll(NULL, 0, 200);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void test_cancel(void **state)
{
    ARENA_AUTO a = arena_new();
    const char *argv[] = {"/bin/sleep", "1000", NULL};
    struct proc_req req = {.argv = argv};
    struct proc_result res;
    atomic_bool cancel = false;
    int64_t start = now_ms();
    struct err e;
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, cancel_soon, &cancel), 0);
    assert_int_equal(proc_run(a, &req, &(struct call){.timeout_ms = 20000, .cancel = &cancel}, &res, &e), -1);
    pthread_join(t, NULL);
    assert_int_equal(e.class, ERR_CANCELLED);
    assert_in_range(now_ms() - start, 150, 600);
    start = now_ms();
    assert_int_equal(proc_run(a, &req, &(struct call){.timeout_ms = 20000, .cancel = &cancel}, &res, &e), -1);
    assert_in_range(now_ms() - start, 0, 100);
}

static void test_grandchild_does_not_hold_us(void **state)
{
    ARENA_AUTO a = arena_new();
    struct proc_req req = {0};
    struct proc_result res;
    int64_t start = now_ms();
    struct err e;
    int pid;

    assert_int_equal(shell(a, "setsid sleep 5 & echo $!", &req, 10000, &res, &e), 0);
    assert_in_range(now_ms() - start, 0, 2000);
    assert_int_equal(sscanf(res.out, "%d", &pid), 1);
    kill(pid, SIGKILL);
}

static void test_find(void **state)
{
    ARENA_AUTO a = arena_new();

    assert_true(text_has_suffix(proc_find(a, "sh"), "/sh"));
    assert_null(proc_find(a, "no-such-command-here"));
    assert_null(proc_find(a, "")); /* a directory is no command */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"status, output, input, no terminal, a bare environment", test_status_and_output, NULL, NULL, NULL},
        {"output may hold NULs", test_nul_bytes_are_counted, NULL, NULL, NULL},
        {"each stream is cut at its cap, not one byte before", test_cap, NULL, NULL, NULL},
        {"arguments reach the command as they are", test_no_shell, NULL, NULL, NULL},
        {"a missing command is not found", test_missing, NULL, NULL, NULL},
        {"environment and directory are as given", test_env_and_workdir, NULL, NULL, NULL},
        {"a secret goes by descriptor and shows nowhere", test_secret_by_fd, NULL, NULL, NULL},
        {"no descriptor leaks, in either direction", test_no_descriptor_leaks, NULL, NULL, NULL},
        {"a timeout kills the command and what it started", test_timeout_kills_the_group, NULL, NULL, NULL},
        {"cancel ends it soon, or before it began", test_cancel, NULL, NULL, NULL},
        {"what outlives the command does not hold the call", test_grandchild_does_not_hold_us, NULL, NULL, NULL},
        {"commands are found on a fixed path", test_find, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
