/* watch: every way a file is replaced gives a hint, and settle waits as it says. */
#include "spec/base/arena.h"
#include "watch/settle.h"
#include "watch/watch.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct arena *a;
    char root[64];
    struct watch *w;
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;

    f->a = arena_new();
    strncpy(f->root, "/tmp/reconclaw-watch-XXXXXX", sizeof f->root - 1);
    if (!mkdtemp(f->root) || watch_new(&f->w, &e) < 0)
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    watch_free(f->w);
    (void)nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(f->a);
    free(f);
    return 0;
}

static const char *at(struct fixture *f, const char *name)
{
    return arena_printf(f->a, "%s/%s", f->root, name);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

/* inotify queues before the system call that caused it returns: no waiting is needed, and none is done. */
static bool hinted(struct fixture *f)
{
    return watch_drain(f->w);
}

static void arm(struct fixture *f, const char *path, bool is_dir)
{
    static const char *const yaml[] = {".yaml", ".json", NULL};
    struct watch_target t = {.path = path, .is_dir = is_dir, .suffixes = yaml};
    struct err e = {0};

    if (watch_set(f->w, &t, 1, &e) < 0)
        fail_msg("%s", e.msg);
    (void)watch_drain(f->w);
}

static void a_write_in_place_is_seen(void **state)
{
    struct fixture *f = *state;

    write_file(at(f, "c.json"), "1");
    arm(f, at(f, "c.json"), false);
    assert_false(hinted(f));
    write_file(at(f, "c.json"), "2");
    assert_true(hinted(f));
    write_file(at(f, "other"), "x");
    assert_false(hinted(f));
}

static void a_write_that_never_closes_is_seen(void **state)
{
    struct fixture *f = *state;

    write_file(at(f, "c.json"), "1");
    int fd = open(at(f, "c.json"), O_WRONLY | O_APPEND | O_CLOEXEC);
    arm(f, at(f, "c.json"), false);
    assert_int_equal(write(fd, "2", 1), 1);
    assert_true(hinted(f));
    assert_int_equal(close(fd), 0);
}

static void an_atomic_rename_is_seen_every_time(void **state)
{
    struct fixture *f = *state;

    write_file(at(f, "c.json"), "1");
    arm(f, at(f, "c.json"), false);
    for (int i = 0; i < 5; i++) {
        write_file(at(f, ".c.json.swp"), "2");
        assert_false(hinted(f));
        assert_int_equal(rename(at(f, ".c.json.swp"), at(f, "c.json")), 0);
        assert_true(hinted(f));
    }
}

static void deletion_and_return_are_seen(void **state)
{
    struct fixture *f = *state;

    write_file(at(f, "c.json"), "1");
    arm(f, at(f, "c.json"), false);
    assert_int_equal(unlink(at(f, "c.json")), 0);
    assert_true(hinted(f));
    write_file(at(f, "c.json"), "1");
    assert_true(hinted(f));
    assert_int_equal(chmod(at(f, "c.json"), 0), 0);
    assert_true(hinted(f));
}

static void a_path_that_appears_step_by_step_is_followed(void **state)
{
    struct fixture *f = *state;
    const char *file = at(f, "a/b/c.json");

    arm(f, file, false);
    assert_int_equal(mkdir(at(f, "a"), 0700), 0);
    assert_true(hinted(f));
    arm(f, file, false);
    assert_int_equal(mkdir(at(f, "a/b"), 0700), 0);
    assert_true(hinted(f));
    arm(f, file, false);
    write_file(file, "1");
    assert_true(hinted(f));
}

static void a_directory_moved_away_is_seen(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(at(f, "a"), 0700) + mkdir(at(f, "a/b"), 0700), 0);
    write_file(at(f, "a/b/c.json"), "1");
    arm(f, at(f, "a/b/c.json"), false);
    assert_int_equal(rename(at(f, "a"), at(f, "z")), 0);
    assert_true(hinted(f));
    arm(f, at(f, "a/b/c.json"), false);
    assert_int_equal(rename(at(f, "z"), at(f, "a")), 0);
    assert_true(hinted(f));
}

static void a_symlink_swap_of_a_configmap_is_seen(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(at(f, "..1"), 0700) + mkdir(at(f, "..2"), 0700), 0);
    write_file(at(f, "..1/c.yaml"), "1");
    write_file(at(f, "..2/c.yaml"), "2");
    assert_int_equal(symlink("..1", at(f, "..data")) + symlink("..data/c.yaml", at(f, "c.yaml")), 0);
    for (int as_dir = 0; as_dir < 2; as_dir++) {
        arm(f, as_dir ? f->root : at(f, "c.yaml"), as_dir);
        assert_int_equal(symlink(as_dir ? "..1" : "..2", at(f, "..tmp")), 0);
        assert_int_equal(rename(at(f, "..tmp"), at(f, "..data")), 0);
        assert_true(hinted(f));
    }
}

static void a_link_target_elsewhere_is_watched(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mkdir(at(f, "real"), 0700) + mkdir(at(f, "cfg"), 0700), 0);
    write_file(at(f, "real/c.json"), "1");
    assert_int_equal(symlink(at(f, "real/c.json"), at(f, "cfg/c.json")), 0);
    arm(f, at(f, "cfg/c.json"), false);
    write_file(at(f, "real/c.json"), "2");
    assert_true(hinted(f));
}

static void a_link_loop_ends(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(symlink("loop", at(f, "loop")), 0);
    arm(f, at(f, "loop"), false);
    assert_int_equal(unlink(at(f, "loop")), 0);
    assert_true(hinted(f));
}

static void a_directory_hints_on_its_suffixes_only(void **state)
{
    struct fixture *f = *state;

    arm(f, f->root, true);
    write_file(at(f, "notes.txt"), "x");
    assert_false(hinted(f));
    write_file(at(f, "new.yaml"), "x");
    assert_true(hinted(f));
    assert_int_equal(unlink(at(f, "new.yaml")), 0);
    assert_true(hinted(f));
}

static void a_queue_overflow_is_a_hint(void **state)
{
    struct fixture *f = *state;
    FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    long most = 16384;

    if (limit) {
        assert_int_equal(fscanf(limit, "%ld", &most), 1);
        (void)fclose(limit);
    }
    write_file(at(f, "a"), "");
    write_file(at(f, "b"), "");
    arm(f, at(f, "c.json"), false);
    /* Events of other names only; alternating, so that the kernel does not fold them. */
    for (long i = 0; i < most + 16; i++)
        assert_int_equal(chmod(at(f, i % 2 ? "a" : "b"), 0600), 0);
    assert_true(hinted(f));
}

static void letting_go_stops_the_hints(void **state)
{
    struct fixture *f = *state;
    struct err e;

    write_file(at(f, "c.json"), "1");
    arm(f, at(f, "c.json"), false);
    assert_true(watch_count(f->w) > 0);
    assert_int_equal(watch_set(f->w, NULL, 0, &e), 0);
    assert_int_equal(watch_count(f->w), 0);
    (void)watch_drain(f->w);
    write_file(at(f, "c.json"), "2");
    assert_false(hinted(f));
}

static void settle_waits_for_quiet_but_not_for_ever(void **state)
{
    struct settle s = {0};

    assert_true(settle_due_ms(&s) == INT64_MAX);
    assert_false(settle_take(&s, 1000000));
    settle_hint(&s, 1000);
    assert_int_equal(settle_due_ms(&s), 1000 + SETTLE_QUIET_MS);
    assert_false(settle_take(&s, 1000 + SETTLE_QUIET_MS - 1));
    for (int64_t now = 1100; now < 5000; now += 100) {
        settle_hint(&s, now);
        assert_true(settle_due_ms(&s) <= 1000 + SETTLE_MOST_MS);
    }
    assert_true(settle_take(&s, 1000 + SETTLE_MOST_MS));
    assert_false(settle_take(&s, 9000));
    settle_hint(&s, 9000); /* during the look: not lost */
    assert_true(settle_take(&s, 9000 + SETTLE_QUIET_MS));
}

#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCH_TEST(a_write_in_place_is_seen),
        WATCH_TEST(a_write_that_never_closes_is_seen),
        WATCH_TEST(an_atomic_rename_is_seen_every_time),
        WATCH_TEST(deletion_and_return_are_seen),
        WATCH_TEST(a_path_that_appears_step_by_step_is_followed),
        WATCH_TEST(a_directory_moved_away_is_seen),
        WATCH_TEST(a_symlink_swap_of_a_configmap_is_seen),
        WATCH_TEST(a_link_target_elsewhere_is_watched),
        WATCH_TEST(a_link_loop_ends),
        WATCH_TEST(a_directory_hints_on_its_suffixes_only),
        WATCH_TEST(a_queue_overflow_is_a_hint),
        WATCH_TEST(letting_go_stops_the_hints),
        cmocka_unit_test(settle_waits_for_quiet_but_not_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
