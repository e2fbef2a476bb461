/* state/home: our own state directory, its lock, its keys. */
#include "spec/base/text.h"
#include "state/home.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

static struct home *open_home(const char *dir)
{
    struct home *h = NULL;
    struct err e = {0};

    if (home_open(dir, NULL, &h, &e) < 0)
        fail_msg("%s", e.msg);
    return h;
}

static void a_home_is_made_for_us_alone(void **state)
{
    char *dir = scratch_make();
    char base[256];
    struct home *h;
    struct stat st;

    (void)state;
    (void)snprintf(base, sizeof base, "%s/a/b/reconclaw", dir);
    h = open_home(base);
    assert_string_equal(home_path(h), base);
    for (size_t i = 0; i < 7; i++) {
        static const char *const parts[] = {"", "keys", "records", "journal", "kept", "leftovers", "snapshots", "seeds"};

        assert_int_equal(stat(scratch_path(base, parts[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
    }
    assert_int_equal(home_dir(h, "records")->fd >= 0, true);
    assert_null(home_dir(h, "other"));
    home_close(h);
    home_close(NULL);
    /* Again, as it is. */
    home_close(open_home(base));
    scratch_remove(dir);
}

static void a_home_open_to_others_is_refused(void **state)
{
    static const mode_t modes[] = {0755, 0710, 0701, 0770};
    char *dir = scratch_make();

    (void)state;
    for (size_t i = 0; i < N(modes); i++) {
        struct home *h = NULL;
        struct err e = {0};

        assert_int_equal(chmod(dir, modes[i]), 0);
        assert_int_equal(home_open(dir, NULL, &h, &e), -1);
        assert_int_equal(e.class, ERR_REFUSED);
        assert_non_null(strstr(e.msg, "chmod 700"));
        assert_null(h);
    }
    scratch_remove(dir);
}

static void a_home_of_another_user_is_refused(void **state)
{
    char *dir = scratch_make();
    int status;
    pid_t pid;

    (void)state;
    if (geteuid() == 0) {
        struct home *h = NULL;
        struct err e = {0};

        assert_int_equal(chown(dir, 65534, 65534), 0);
        assert_int_equal(home_open(dir, NULL, &h, &e), -1);
        assert_int_equal(e.class, ERR_REFUSED);
        assert_non_null(strstr(e.msg, "belongs to user 65534"));
        assert_int_equal(chown(dir, 0, 0), 0);
    }
    /* And one that cannot even be entered is an error of its own. */
    assert_int_equal(chmod(dir, 0), 0);
    pid = fork();
    if (pid == 0) {
        struct home *h = NULL;
        struct err e = {0};

        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(2);
        _exit(home_open(dir, NULL, &h, &e) == -1 && e.class == ERR_IO ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    scratch_remove(dir);
}

static void one_daemon_holds_a_home_and_is_named(void **state)
{
    char *dir = scratch_make();
    struct home *h = open_home(dir), *second = open_home(dir);
    struct err e = {0};
    char want[64], c;
    bool locked = true;
    int fds[2];
    pid_t pid;

    (void)state;
    assert_int_equal(home_is_locked(h, &locked, &e), 0);
    assert_false(locked);
    assert_int_equal(home_lock(h, "run", &e), 0);
    assert_int_equal(home_is_locked(second, &locked, &e), 0);
    assert_true(locked);
    /* Not twice in one process either. */
    assert_int_equal(home_lock(second, "apply", &e), -1);
    assert_int_equal(e.class, ERR_BUSY);
    (void)snprintf(want, sizeof want, "process %d (run)", (int)getpid());
    assert_non_null(strstr(e.msg, want));
    home_unlock(h);
    assert_int_equal(home_is_locked(second, &locked, &e), 0);
    assert_false(locked);
    assert_int_equal(home_lock(second, "apply", &e), 0);
    home_close(second);
    /* Another process; it ends badly, and nothing is in the way. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pid = fork();
    if (pid == 0) {
        struct home *child = open_home(dir);

        if (home_lock(child, "a much longer name than anyone would give", &e) < 0)
            _exit(1);
        (void)!write(fds[1], "x", 1);
        (void)!read(fds[1], &c, 1);
        _exit(0);
    }
    assert_int_equal(read(fds[0], &c, 1), 1);
    assert_int_equal(home_lock(h, "run", &e), -1);
    (void)snprintf(want, sizeof want, "process %d ", (int)pid);
    assert_non_null(strstr(e.msg, want));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(home_lock(h, "run", &e), 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
    home_close(h);
    scratch_remove(dir);
}

static void values_come_back_under_any_name(void **state)
{
    static const char *const keys[] = {
        "paused.json",
        "memo:docker:unix:///run/user/1000/docker.sock",
        ".",
        "..",
        "../x",
        "a/b",
        "A",
        "a",
        "a%2Fb",
        "\xc3\xbc \n\x01",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"
        "789012345678901234567890a",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"
        "789012345678901234567890b"};
    char *dir = scratch_make();
    struct home *h = open_home(dir);
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < N(keys); i++)
        assert_int_equal(home_put(h, keys[i], keys[i], strlen(keys[i]) + 1, &e), 0);
    assert_int_equal(scratch_count(dir, "keys"), N(keys));
    assert_int_equal(scratch_count(dir, "."), 7);
    for (size_t i = 0; i < N(keys); i++) {
        ARENA_AUTO a = arena_new();
        char *bytes;
        size_t n;

        assert_int_equal(home_get(h, a, keys[i], &bytes, &n, &e), 0);
        assert_int_equal(n, strlen(keys[i]) + 1);
        assert_string_equal(bytes, keys[i]);
        assert_int_equal(home_delete(h, keys[i], &e), 0);
        assert_int_equal(home_delete(h, keys[i], &e), 0);
        assert_int_equal(home_get(h, a, keys[i], &bytes, &n, &e), 0);
        assert_null(bytes);
    }
    assert_int_equal(scratch_count(dir, "keys"), 0);
    home_close(h);
    scratch_remove(dir);
}

static void keys_and_values_have_limits(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    struct home *h = open_home(dir);
    char *key = arena_alloc(a, 1002), *big = arena_alloc(a, HOME_VALUE_BYTES + 1), *bytes;
    struct err e = {0};
    size_t n;

    (void)state;
    memset(key, 'k', 1000);
    assert_int_equal(home_put(h, key, "v", 1, &e), 0);
    key[1000] = 'k';
    assert_int_equal(home_put(h, key, "v", 1, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    assert_int_equal(home_put(h, "", "v", 1, &e), -1);
    assert_int_equal(home_put(h, "big", big, HOME_VALUE_BYTES, &e), 0);
    assert_int_equal(home_get(h, a, "big", &bytes, &n, &e), 0);
    assert_int_equal(n, HOME_VALUE_BYTES);
    assert_int_equal(home_put(h, "big", big, HOME_VALUE_BYTES + 1, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    home_close(h);
    scratch_remove(dir);
}

static void a_value_is_the_old_or_the_new_one_whatever_happens(void **state)
{
    (void)state;
    for (int at = 1; at < 20; at++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct home *h = open_home(dir);
        struct err e = {0};
        char *bytes;
        size_t n;
        int status;
        pid_t pid;

        assert_int_equal(home_put(h, "k", "old", 3, &e), 0);
        home_close(h);
        pid = fork();
        if (pid == 0) {
            struct fault fault = {.at = at, .die = true};
            struct file_hook hook = {fault_step, &fault};

            if (home_open(dir, &hook, &h, &e) < 0)
                _exit(1);
            _exit(home_put(h, "k", "new", 3, &e) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        h = open_home(dir);
        assert_int_equal(home_get(h, a, "k", &bytes, &n, &e), 0);
        assert_true(text_eq(bytes, "old") || text_eq(bytes, "new"));
        /* What the crash left goes, once it is old. */
        assert_int_equal(home_sweep(h, (int64_t)time(NULL) * 1000 + 3600000, &e), 0);
        assert_int_equal(scratch_count(dir, "keys"), 1);
        home_close(h);
        scratch_remove(dir);
        if (WEXITSTATUS(status) == 0) {
            assert_true(at >= 6);
            return;
        }
        assert_int_equal(WEXITSTATUS(status), FAULT_EXIT_STATUS);
    }
    fail_msg("it never ends");
}

static void a_fresh_temp_file_is_not_swept(void **state)
{
    char *dir = scratch_make();
    struct home *h = open_home(dir);
    struct err e = {0};

    (void)state;
    scratch_write_text(dir, "keys/k.0f8fad5b-d9cb-469f-a165-70867728950e.tmp", "x");
    assert_int_equal(home_sweep(h, (int64_t)time(NULL) * 1000, &e), 0);
    assert_int_equal(scratch_count(dir, "keys"), 1);
    home_close(h);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_home_is_made_for_us_alone),
        cmocka_unit_test(a_home_open_to_others_is_refused),
        cmocka_unit_test(a_home_of_another_user_is_refused),
        cmocka_unit_test(one_daemon_holds_a_home_and_is_named),
        cmocka_unit_test(values_come_back_under_any_name),
        cmocka_unit_test(keys_and_values_have_limits),
        cmocka_unit_test(a_value_is_the_old_or_the_new_one_whatever_happens),
        cmocka_unit_test(a_fresh_temp_file_is_not_swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
