/* contract: exec, busy and follow. */
#include "tests/lib/contract_suite.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct exec_io {
    int out[2], err[2], in[2];
    char out_text[4096], err_text[4096];
};

static void exec_read(int fd, char *text, size_t size)
{
    size_t n = 0;

    for (ssize_t r; n + 1 < size && (r = read(fd, text + n, size - 1 - n)) > 0;)
        n += (size_t)r;
    text[n] = '\0';
    close(fd);
}

/* Small outputs only: they have to fit into a pipe. */
static int exec_script(struct fixture *f, const struct desired *d, const char *id, const char *script, const char *input,
                       const char *workdir, struct exec_io *io, int *ret_status)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct call c = suite_call();
    int r;

    assert_int_equal(pipe2(io->out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(io->err, O_CLOEXEC), 0);
    assert_int_equal(pipe2(io->in, O_CLOEXEC), 0);
    if (input != NULL)
        assert_int_equal(write(io->in[1], input, strlen(input)), (ssize_t)strlen(input));
    close(io->in[1]);
    r = suite->ops->exec(f->b,
                         &(struct exec_req){.name = d->name,
                                            .id = id,
                                            .argv = argv,
                                            .workdir = workdir,
                                            .fd_in = input != NULL ? io->in[0] : -1,
                                            .fd_out = io->out[1],
                                            .fd_err = io->err[1]},
                         &c, ret_status, &f->e);
    close(io->in[0]);
    close(io->out[1]); /* EBADF here would mean that exec closed what is ours */
    close(io->err[1]);
    exec_read(io->out[0], io->out_text, sizeof io->out_text);
    exec_read(io->err[0], io->err_text, sizeof io->err_text);
    return r;
}

static void test_exec(void **state)
{
    static const struct {
        const char *script, *input, *workdir;
        int status;
        const char *out, *err;
    } rows[] = {
        {"exit 0", NULL, NULL, 0, "", ""},
        {"exit 7", NULL, NULL, 7, "", ""},
        {"exit 255", NULL, NULL, 255, "", ""},
        {"echo hello", NULL, NULL, 0, "hello\n", ""},
        {"echo out; echo err >&2; exit 3", NULL, NULL, 3, "out\n", "err\n"},
        {"kill -9 $$", NULL, NULL, 137, "", ""},
        {"kill -15 $$", NULL, NULL, 143, "", ""},
        {"cat", "given\n", NULL, 0, "given\n", ""},
        {"cat", NULL, NULL, 0, "", ""},
        {"pwd", NULL, "/tmp", 0, "/tmp\n", ""},
    };
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct exec_io io;
        int status = -1;

        must(f, exec_script(f, d, id, rows[i].script, rows[i].input, rows[i].workdir, &io, &status));
        if (status != rows[i].status || !text_eq(io.out_text, rows[i].out) || !text_eq(io.err_text, rows[i].err))
            fail_msg("%s: status %d, out '%s', err '%s'", rows[i].script, status, io.out_text, io.err_text);
    }
    suite_assert_state(f, d, id, RUN_RUNNING);
}

static void test_exec_no_command(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);
    const char *argv[] = {"no-such-command-here", NULL};
    struct call c = suite_call();
    int status = -1;

    must(f, suite->ops->exec(f->b,
                             &(struct exec_req){.name = d->name, .id = id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                             &c, &status, &f->e));
    assert_int_equal(status, 127);
}

static void test_exec_refused(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);
    struct exec_io io;
    int status = 77;

    if (!(suite->lacks & CONTRACT_NO_STOP)) {
        must(f, suite_step(f, STEP_STOP, d, id, NULL));
        must_fail(f, exec_script(f, d, id, "exit 0", NULL, NULL, &io, &status), ERR_CONFLICT);
    }
    must(f, suite_step(f, STEP_REMOVE, d, id, NULL));
    must_fail(f, exec_script(f, d, id, "exit 0", NULL, NULL, &io, &status), ERR_NOT_FOUND);
    assert_int_equal(status, 77);
}

struct live_exec {
    struct backend *b;
    const char *name, *id;
    struct suite_canceller cancel;
    int r, status;
    struct err e;
    int64_t end_ms;
};

static void *exec_sleep(void *arg)
{
    struct live_exec *x = arg;
    const char *argv[] = {"sh", "-c", "sleep 300", NULL};
    struct call c = {.timeout_ms = 60000, .cancel = &x->cancel.cancel};

    x->r = suite->ops->exec(
        x->b, &(struct exec_req){.name = x->name, .id = x->id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1}, &c,
        &x->status, &x->e);
    x->end_ms = suite_now_ms();
    return NULL;
}

static void test_exec_is_busy(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct live_exec x = {.b = suite_open(), .name = d->name, .status = 77};
    const struct observed *o;
    int64_t give_up;
    pthread_t t;

    x.id = suite_made(f, d);
    assert_int_equal(suite_seen(f, d)->busy, 0);
    assert_int_equal(pthread_create(&t, NULL, exec_sleep, &x), 0);
    give_up = suite_now_ms() + 10000;
    do
        o = suite_seen(f, d);
    while (o != NULL && o->busy == 0 && suite_now_ms() < give_up);
    atomic_store(&x.cancel.cancel, true);
    x.cancel.at_ms = suite_now_ms();
    pthread_join(t, NULL);
    suite->ops->close(x.b);
    assert_non_null(o);
    assert_true(o->busy_known);
    assert_int_equal(o->busy, 1);
    assert_int_equal(x.r, -1);
    assert_string_equal(err_class_name(x.e.class), err_class_name(ERR_CANCELLED));
    assert_int_equal(x.status, 77);
    assert_in_range(x.end_ms - x.cancel.at_ms, 0, 200);
    give_up = suite_now_ms() + 5000;
    do
        o = suite_seen(f, d);
    while (o->busy > 0 && suite_now_ms() < give_up);
    assert_int_equal(o->busy, 0);
    assert_int_equal(o->state, RUN_RUNNING);
}

static void test_exec_timeout(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);
    const char *argv[] = {"sh", "-c", "sleep 300", NULL};
    struct call c = {.timeout_ms = 500};
    int64_t start = suite_now_ms(), give_up;
    int status = 77;

    must_fail(f,
              suite->ops->exec(
                  f->b, &(struct exec_req){.name = d->name, .id = id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1}, &c,
                  &status, &f->e),
              ERR_TIMEOUT);
    assert_in_range(suite_now_ms() - start, 400, 2000);
    give_up = suite_now_ms() + 5000;
    while (suite_seen(f, d)->busy > 0 && suite_now_ms() < give_up)
        ;
    assert_int_equal(suite_seen(f, d)->busy, 0);
}

struct follower {
    struct backend *b;
    atomic_uint hints;
    struct suite_canceller cancel;
    int r;
    struct err e;
    int64_t end_ms;
};

static void count_hint(void *ctx)
{
    atomic_fetch_add(&((struct follower *)ctx)->hints, 1);
}

static void *follow(void *arg)
{
    struct follower *x = arg;
    struct call c = {.timeout_ms = 1, .cancel = &x->cancel.cancel};

    x->r = suite->ops->follow(x->b, count_hint, x, &c, &x->e);
    x->end_ms = suite_now_ms();
    return NULL;
}

static bool hints_pass(struct follower *x, unsigned n)
{
    for (int64_t give_up = suite_now_ms() + 10000; atomic_load(&x->hints) <= n && suite_now_ms() < give_up;)
        poll(NULL, 0, 5);
    return atomic_load(&x->hints) > n;
}

static void test_follow(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct follower x = {.b = suite_open(), .r = 77};
    struct act_result made_one = {0};
    bool armed, created, died = false;
    unsigned n;
    pthread_t t;
    int r;

    assert_int_equal(pthread_create(&t, NULL, follow, &x), 0);
    armed = hints_pass(&x, 0);
    n = atomic_load(&x.hints);
    r = suite_create(f, d, &made_one);
    created = hints_pass(&x, n);
    poll(NULL, 0, 300); /* what belongs to the creation comes in; later hints are of the death */
    n = atomic_load(&x.hints);
    if (r == 0) {
        suite->die(suite_peer, d->name, made_one.id);
        died = hints_pass(&x, n);
    }
    x.cancel.at_ms = suite_now_ms();
    atomic_store(&x.cancel.cancel, true);
    pthread_join(t, NULL);
    suite->ops->close(x.b);
    must(f, r);
    assert_true(armed);
    assert_true(created);
    assert_true(died);
    if (x.r != 0)
        fail_msg("follow: %s", x.e.msg);
    assert_in_range(x.end_ms - x.cancel.at_ms, 0, 200);
}

static void test_follow_breaks(void **state)
{
    struct fixture *f = *state;
    struct follower x = {.b = f->b};

    suite->down(suite_peer, true);
    follow(&x);
    assert_int_equal(x.r, -1);
    assert_int_equal(atomic_load(&x.hints), 0);
    assert_true(x.e.class == ERR_UNAVAILABLE);
}

static const struct suite_row rows[] = {
    {"exec gives status, output and input", test_exec, 0, SUITE_EXEC},
    {"exec of a missing command is 127", test_exec_no_command, 0, SUITE_EXEC},
    {"exec in what does not run is an error", test_exec_refused, 0, SUITE_EXEC},
    {"a live exec is busy, and cancel ends it", test_exec_is_busy, CONTRACT_NO_BUSY, SUITE_EXEC},
    {"an exec that takes too long is ended", test_exec_timeout, 0, SUITE_EXEC},
    {"follow hints when armed and at each change, until cancel", test_follow, 0, SUITE_FOLLOW},
    {"follow of a dead endpoint breaks", test_follow_breaks, 0, SUITE_FOLLOW},
};

const struct suite_part suite_exec = {rows, sizeof rows / sizeof *rows};
