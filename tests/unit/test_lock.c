/* state/lock: OpenClaw's lock protocol. */
#include "spec/world.h"
#include "state/lock.h"
#include "tests/lib/child.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

struct fixture {
    char *dir;
    struct file_dir d;
};

static void begin(struct fixture *f)
{
    struct err e = {0};

    f->dir = scratch_make();
    assert_int_equal(file_dir_open(f->dir, false, NULL, &f->d, &e), 0);
}

static void end(struct fixture *f)
{
    file_dir_close(&f->d);
    scratch_remove(f->dir);
}

static struct lock_wait wait_ms(int ms)
{
    return (struct lock_wait){.now_ms = child_wall_ms(), .timeout_ms = ms};
}

/* --- the rules ---------------------------------------------------------------------------------------------------------------
 */

static void holders_are_decoded_as_openclaw_decodes_them(void **state)
{
    static const struct {
        const char *text;
        int64_t pid, created;
        bool has_start;
        uint64_t start;
    } cases[] = {
        {"{\"pid\":7,\"createdAt\":\"2026-05-03T10:00:00.123Z\",\"starttime\":99}", 7, 1777802400123, true, 99},
        {"{\n  \"pid\": 7\n}", 7, TIME_NONE, false, 0},
        {"{\"pid\":0}", 0, TIME_NONE, false, 0},
        {"{\"pid\":-1}", 0, TIME_NONE, false, 0},
        {"{\"pid\":1.5}", 0, TIME_NONE, false, 0},
        {"{\"pid\":\"7\"}", 0, TIME_NONE, false, 0},
        {"{\"pid\":9007199254740993}", 9007199254740992, TIME_NONE, false, 0},
        {"{\"pid\":1e300,\"starttime\":1e300}", INT64_MAX, TIME_NONE, true, INT64_MAX},
        {"{\"pid\":-1e300}", 0, TIME_NONE, false, 0},
        {"{\"starttime\":-1}", 0, TIME_NONE, false, 0},
        {"{\"starttime\":0}", 0, TIME_NONE, true, 0},
        {"", 0, TIME_NONE, false, 0},
        {"x", 0, TIME_NONE, false, 0},
        {"null", 0, TIME_NONE, false, 0},
        {"[7]", 0, TIME_NONE, false, 0},
        {"{\"createdAt\":\"1970-01-01T00:00:00Z\"}", 0, 0, false, 0},
        {"{\"createdAt\":\"1970-01-01T00:00:00.5Z\"}", 0, 500, false, 0},
        {"{\"createdAt\":\"1970-01-01T01:00:00+01:00\"}", 0, 0, false, 0},
        {"{\"createdAt\":\"1969-12-31T23:00:00.000-01:00\"}", 0, 0, false, 0},
        {"{\"createdAt\":\"2000-02-29T00:00:00.000Z\"}", 0, 951782400000, false, 0},
        {"{\"createdAt\":\"2026-13-01T00:00:00.000Z\"}", 0, TIME_NONE, false, 0},
        {"{\"createdAt\":\"2026-01-01T00:00:60.000Z\"}", 0, TIME_NONE, false, 0},
        {"{\"createdAt\":\"2026-01-01T00:00:00.000Zx\"}", 0, TIME_NONE, false, 0},
        {"{\"createdAt\":\"2026-01-01\\u0000\"}", 0, TIME_NONE, false, 0},
        {"{\"createdAt\":\"yesterday\"}", 0, TIME_NONE, false, 0},
        {"{\"createdAt\":1700000000000}", 0, TIME_NONE, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        struct lock_holder h;

        lock_decode(cases[i].text, strlen(cases[i].text), &h);
        if (h.pid != cases[i].pid || h.created_at_ms != cases[i].created || h.has_starttime != cases[i].has_start ||
            (h.has_starttime && h.starttime != cases[i].start))
            fail_msg("%s: pid %lld created %lld", cases[i].text, (long long)h.pid, (long long)h.created_at_ms);
    }
}

static void each_reason_to_take_a_lock_away_has_its_limit(void **state)
{
    enum { T = 10000000 };
    static const struct {
        const char *what;
        struct lock_holder h;
        struct lock_facts f;
        enum lock_verdict verdict;
    } cases[] = {
        {"alive", {7, T, false, 0}, {T, T, true, true, 5, false, false}, LOCK_HELD},
        {"dead", {7, T, false, 0}, {T, T, false, false, 0, false, false}, LOCK_STALE_DEAD},
        {"same start", {7, T, true, 5}, {T, T, true, true, 5, false, false}, LOCK_HELD},
        {"other start", {7, T, true, 5}, {T, T, true, true, 6, false, false}, LOCK_STALE_RECYCLED},
        {"start not readable", {7, T, true, 5}, {T, T, true, false, 0, false, false}, LOCK_HELD},
        {"30 min", {7, 0, false, 0}, {LOCK_STALE_MS, 0, true, true, 5, false, false}, LOCK_HELD},
        {"30 min and 1 ms", {7, 0, false, 0}, {LOCK_STALE_MS + 1, 0, true, true, 5, false, false}, LOCK_STALE_OLD},
        {"made in the future", {7, T + 5000, false, 0}, {T, T, true, true, 5, false, false}, LOCK_HELD},
        {"ours, held", {7, T, true, 5}, {T, T, true, true, 5, true, true}, LOCK_HELD},
        {"ours, not held", {7, T, true, 5}, {T, T, true, true, 5, true, false}, LOCK_STALE_SELF},
        {"ours, no start", {7, T, false, 0}, {T, T, true, true, 5, true, false}, LOCK_STALE_SELF},
        {"no pid, fresh", {0, T, false, 0}, {T, T, false, false, 0, false, false}, LOCK_HELD},
        {"no pid, 5 s", {0, T, false, 0}, {T + LOCK_ORPHAN_GRACE_MS, T, false, false, 0, false, false}, LOCK_HELD},
        {"no pid, over 5 s",
         {0, T, false, 0},
         {T + LOCK_ORPHAN_GRACE_MS + 1, T, false, false, 0, false, false},
         LOCK_STALE_GARBAGE},
        {"alive, no time, fresh", {7, TIME_NONE, false, 0}, {T, T, true, true, 5, false, false}, LOCK_HELD},
        {"alive, no time, over 5 s",
         {7, TIME_NONE, false, 0},
         {T + LOCK_ORPHAN_GRACE_MS + 1, T, true, true, 5, false, false},
         LOCK_STALE_GARBAGE},
        {"garbage touched in the future", {0, TIME_NONE, false, 0}, {T, T + 9000, false, false, 0, false, false}, LOCK_HELD},
        {"no pid but too old",
         {0, 0, false, 0},
         {LOCK_STALE_MS + 1, LOCK_STALE_MS + 1, false, false, 0, false, false},
         LOCK_STALE_OLD},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++)
        if (lock_judge(&cases[i].h, &cases[i].f) != cases[i].verdict)
            fail_msg("%s: %s", cases[i].what, lock_verdict_name(lock_judge(&cases[i].h, &cases[i].f)));
}

static void every_verdict_has_a_name(void **state)
{
    (void)state;
    for (enum lock_verdict v = 0; v < LOCK_VERDICT_COUNT; v++)
        assert_non_null(lock_verdict_name(v));
}

/* --- the file ----------------------------------------------------------------------------------------------------------------
 */

static void a_lock_looks_as_openclaw_writes_it(void **state)
{
    struct fixture f;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = {.now_ms = 1777802400123};
    struct err e = {0};
    uint64_t start;
    char want[256], *text;

    (void)state;
    begin(&f);
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), 0);
    assert_true(lock_pid_starttime(getpid(), &start));
    (void)snprintf(want, sizeof want,
                   "{\n  \"pid\": %d,\n  \"createdAt\": \"2026-05-03T10:00:00.123Z\",\n  \"starttime\": %llu\n}", (int)getpid(),
                   (unsigned long long)start);
    text = scratch_read(f.dir, "x.json.lock", NULL);
    /* The moment may be a few milliseconds later than the one given. */
    memcpy(strstr(text, ".") + 1, "123", 3);
    assert_string_equal(text, want);
    free(text);
    assert_true(lock_still_held(&l));
    lock_release(&l);
    assert_int_equal(scratch_count(f.dir, "."), 0);
    assert_false(lock_still_held(&l));
    lock_release(&l);
    end(&f);
}

static void a_held_lock_is_waited_for_and_its_holder_named(void **state)
{
    struct fixture f;
    LOCK_AUTO mine = LOCK_INIT;
    LOCK_AUTO other = LOCK_INIT;
    struct lock_wait w = wait_ms(1000), shortly = wait_ms(120);
    struct err e = {0};
    char pid[32];
    int64_t from;

    (void)state;
    begin(&f);
    assert_int_equal(lock_acquire(&mine, &f.d, "x.json", &w, &e), 0);
    from = file_monotonic_ms();
    assert_int_equal(lock_acquire(&other, &f.d, "x.json", &shortly, &e), -1);
    assert_int_equal(e.class, ERR_BUSY);
    assert_in_range(file_monotonic_ms() - from, 120, 1000);
    (void)snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_non_null(strstr(e.msg, pid));
    /* Another file's lock is another lock. */
    assert_int_equal(lock_acquire(&other, &f.d, "y.json", &w, &e), 0);
    end(&f);
}

struct second {
    struct fixture *f;
    int result;
};

static void *take_it_too(void *arg)
{
    struct second *s = arg;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = wait_ms(10000);
    struct err e = {0};

    s->result = lock_acquire(&l, &s->f->d, "x.json", &w, &e);
    return NULL;
}

static void a_thread_of_ours_waits_for_another(void **state)
{
    struct fixture f;
    struct second s = {.f = &f, .result = -2};
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = wait_ms(1000);
    struct err e = {0};
    pthread_t t;

    (void)state;
    begin(&f);
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), 0);
    assert_int_equal(pthread_create(&t, NULL, take_it_too, &s), 0);
    file_pause_ms(150);
    assert_true(lock_still_held(&l));
    assert_int_equal(s.result, -2);
    lock_release(&l);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(s.result, 0);
    end(&f);
}

static void a_cancel_ends_the_wait(void **state)
{
    struct fixture f;
    LOCK_AUTO mine = LOCK_INIT;
    LOCK_AUTO other = LOCK_INIT;
    atomic_bool cancel = true;
    struct lock_wait w = wait_ms(60000);
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(lock_acquire(&mine, &f.d, "x.json", &w, &e), 0);
    w.cancel = &cancel;
    assert_int_equal(lock_acquire(&other, &f.d, "x.json", &w, &e), -1);
    assert_int_equal(e.class, ERR_CANCELLED);
    end(&f);
}

static pid_t dead_pid(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static void a_dead_ones_lock_is_taken_over_at_once(void **state)
{
    struct fixture f;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = wait_ms(1000);
    struct err e = {0};
    char text[128];
    int64_t from = file_monotonic_ms();

    (void)state;
    begin(&f);
    (void)snprintf(text, sizeof text, "{\"pid\":%d,\"createdAt\":\"2026-11-22T03:04:43.870Z\"}", (int)dead_pid());
    scratch_write_text(f.dir, "x.json.lock", text);
    w.now_ms = 1795316683870;
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), 0);
    assert_true(file_monotonic_ms() - from < 900);
    end(&f);
}

static void a_zombies_lock_is_taken_over(void **state)
{
    struct fixture f;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = wait_ms(2000);
    struct err e = {0};
    siginfo_t info;
    pid_t pid;

    (void)state;
    begin(&f);
    pid = fork();
    if (pid == 0) {
        LOCK_AUTO held = LOCK_INIT;

        _exit(lock_acquire(&held, &f.d, "x.json", &w, &e) == 0 ? 0 : 1);
    }
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_true(scratch_exists(f.dir, "x.json.lock"));
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    end(&f);
}

static int is_kept_out(void *ctx)
{
    struct fixture *f = ctx;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = {.now_ms = 1777802400000, .timeout_ms = 150};
    struct err e = {0};

    return lock_acquire(&l, &f->d, "x.json", &w, &e) == -1 && e.class == ERR_BUSY ? 0 : 1;
}

static void a_live_process_of_another_user_keeps_its_lock(void **state)
{
    struct fixture f;
    char text[160];
    uint64_t start;

    (void)state;
    begin(&f);
    assert_int_equal(chmod(f.dir, 0777), 0);
    assert_true(lock_pid_starttime(getpid(), &start));
    (void)snprintf(text, sizeof text, "{\"pid\":%d,\"createdAt\":\"2026-05-03T10:00:00.000Z\",\"starttime\":%llu}", (int)getpid(),
                   (unsigned long long)start);
    scratch_write_text(f.dir, "x.json.lock", text);
    assert_int_equal(child_run_as_nobody(is_kept_out, &f), 0);
    assert_true(scratch_exists(f.dir, "x.json.lock"));
    end(&f);
}

static void our_own_pid_of_an_earlier_life_does_not_hold(void **state)
{
    struct fixture f;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = wait_ms(1000);
    struct err e = {0};
    char text[128];

    (void)state;
    begin(&f);
    (void)snprintf(text, sizeof text, "{\"pid\":%d,\"createdAt\":\"2026-05-03T10:00:00.000Z\"}", (int)getpid());
    scratch_write_text(f.dir, "x.json.lock", text);
    w.now_ms = 1777802400000;
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), 0);
    end(&f);
}

static void garbage_is_given_five_seconds(void **state)
{
    struct fixture f;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = wait_ms(150);
    struct lock_holder h;
    enum lock_verdict v;
    struct err e = {0};

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, "x.json.lock", "{\"pid\":");
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), -1);
    assert_int_equal(e.class, ERR_BUSY);
    assert_non_null(strstr(e.msg, "unknown process"));
    assert_int_equal(lock_look(&f.d, "x.json.lock", child_wall_ms() + 6000, &h, &v, &e), 0);
    assert_int_equal(v, LOCK_STALE_GARBAGE);
    w.now_ms = child_wall_ms() + 6000;
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), 0);
    lock_release(&l);
    assert_int_equal(lock_look(&f.d, "x.json.lock", 0, &h, &v, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    end(&f);
}

static void a_lock_that_was_taken_from_us_is_left_to_its_new_holder(void **state)
{
    struct fixture f;
    LOCK_AUTO l = LOCK_INIT;
    struct lock_wait w = wait_ms(1000);
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), 0);
    assert_int_equal(unlink(scratch_path(f.dir, "x.json.lock")), 0);
    scratch_write_text(f.dir, "x.json.lock", "another's");
    assert_false(lock_still_held(&l));
    lock_release(&l);
    assert_true(scratch_exists(f.dir, "x.json.lock"));
    end(&f);
}

static void a_failure_while_locking_leaves_no_lock_behind(void **state)
{
    (void)state;
    for (int at = 1; at <= 2; at++) {
        struct fault fault = {.at = at, .sys = ENOSPC};
        struct file_hook hook = {fault_step, &fault};
        struct fixture f;
        LOCK_AUTO l = LOCK_INIT;
        struct lock_wait w = wait_ms(500);
        struct err e = {0};

        begin(&f);
        f.d.hook = &hook;
        assert_int_equal(lock_acquire(&l, &f.d, "x.json", &w, &e), -1);
        assert_int_equal(e.class, ERR_IO);
        assert_int_equal(e.sys, ENOSPC);
        assert_int_equal(scratch_count(f.dir, "."), 0);
        end(&f);
    }
}

/* Many processes find one dead lock, again and again: never two at once inside. */
static int in_turns(void *ctx)
{
    struct fixture *f = ctx;

    for (int i = 0; i < 40; i++) {
        LOCK_AUTO l = LOCK_INIT;
        struct lock_wait w = wait_ms(60000);
        struct err e = {0};
        int fd;

        if (lock_acquire(&l, &f->d, "x.json", &w, &e) < 0)
            return 1;
        fd = open(scratch_path(f->dir, "inside"), O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0)
            return 2;
        (void)close(fd);
        if (unlink(scratch_path(f->dir, "inside")) < 0)
            return 3;
        /* Every third time it "crashes": its lock stays, and is a dead one's for all who come. */
        if (i % 3 == 2) {
            char text[64];
            int lock_fd = open(scratch_path(f->dir, "x.json.lock"), O_WRONLY | O_TRUNC);

            (void)snprintf(text, sizeof text, "{\"pid\":999999999,\"createdAt\":\"2026-05-03T10:00:00.000Z\"}");
            if (lock_fd < 0 || write(lock_fd, text, strlen(text)) < 0)
                return 4;
            (void)close(lock_fd);
            file_closep(&l.fd);
            file_closep(&l.dir_fd);
            free(l.name);
            l = LOCK_INIT;
        }
    }
    return 0;
}

static void a_dead_lock_is_taken_over_by_exactly_one(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    child_run_rivals(6, in_turns, &f);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holders_are_decoded_as_openclaw_decodes_them),
        cmocka_unit_test(each_reason_to_take_a_lock_away_has_its_limit),
        cmocka_unit_test(every_verdict_has_a_name),
        cmocka_unit_test(a_lock_looks_as_openclaw_writes_it),
        cmocka_unit_test(a_held_lock_is_waited_for_and_its_holder_named),
        cmocka_unit_test(a_thread_of_ours_waits_for_another),
        cmocka_unit_test(a_cancel_ends_the_wait),
        cmocka_unit_test(a_dead_ones_lock_is_taken_over_at_once),
        cmocka_unit_test(a_zombies_lock_is_taken_over),
        cmocka_unit_test(a_live_process_of_another_user_keeps_its_lock),
        cmocka_unit_test(our_own_pid_of_an_earlier_life_does_not_hold),
        cmocka_unit_test(garbage_is_given_five_seconds),
        cmocka_unit_test(a_lock_that_was_taken_from_us_is_left_to_its_new_holder),
        cmocka_unit_test(a_failure_while_locking_leaves_no_lock_behind),
        cmocka_unit_test(a_dead_lock_is_taken_over_by_exactly_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
