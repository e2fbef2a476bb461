/* state/doctor: migration of older registries. What OpenClaw's own doctor makes of them is in test_shards, by its vectors. */
#include "state/doctor.h"
#include "tests/lib/child.h"
#include "tests/lib/fault.h"
#include "tests/lib/registry.h"
#include "tests/lib/scratch.h"

#include <errno.h>
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

#define NOW_MS INT64_C(1700000123456)

static const char three[] =
    "{\"entries\":[{\"containerName\":\"a\",\"image\":\"1\"},{\"containerName\":\"b\",\"extra\":{\"x\":1}},"
    "{\"containerName\":\"a\",\"image\":\"2\"}]}";

static void begin(struct registry *f)
{
    registry_begin(f);
    f->wait = (struct lock_wait){.now_ms = NOW_MS, .timeout_ms = 2000};
}

static const char *shard_path(struct registry *f, const char *name)
{
    return registry_path(f, RUNTIME_CONTAINER, name);
}

static void expect_file(struct registry *f, const char *path, const char *text)
{
    char *bytes = scratch_read(f->dir, path, NULL);

    assert_non_null(bytes);
    assert_string_equal(bytes, text);
    free(bytes);
}

static void a_plan_changes_nothing_and_tells_each_fate(void **state)
{
    struct registry f;
    struct doctor_plan plan;
    const struct doctor_file *file;
    struct err e = {0};

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, "sandbox/containers.json",
                       "{\"entries\":[{\"containerName\":\"a\"},{\"containerName\":\"b\"},{\"containerName\":\"a\"},{"
                       "\"containerName\":\"c\"}]}");
    scratch_write_text(f.dir, "sandbox/browsers.json", "nope");
    scratch_write_text(f.dir, shard_path(&f, "b"), "{\"containerName\":\"b\"}");
    scratch_write_text(f.dir, shard_path(&f, "c"), "{bad");
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), 0);
    assert_false(plan.is_empty);
    file = &plan.files[0];
    assert_int_equal(file->status, DOCTOR_MIGRATED);
    assert_int_equal(file->n_entries, 4);
    assert_int_equal(file->entries[0].fate, DOCTOR_WRITE);
    assert_int_equal(file->entries[1].fate, DOCTOR_KEEP);
    assert_int_equal(file->entries[2].fate, DOCTOR_DUPLICATE);
    assert_int_equal(file->entries[3].fate, DOCTOR_REPLACE);
    assert_string_equal(file->entries[3].name, "c");
    assert_int_equal(plan.files[1].status, DOCTOR_QUARANTINED);
    assert_non_null(plan.files[1].why);
    assert_non_null(strstr(plan.files[1].quarantine, "browsers.json.invalid-1700000123456"));
    /* Two monoliths, one directory with two shards. */
    assert_int_equal(scratch_count(f.dir, "sandbox"), 3);
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 2);
    registry_end(&f);
}

static void nothing_to_do_is_an_empty_plan(void **state)
{
    struct registry f;
    struct doctor_plan plan;
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), 0);
    assert_true(plan.is_empty);
    assert_int_equal(doctor_apply(f.a, &f.s, &plan, &f.wait, &e), 0);
    assert_int_equal(scratch_count(f.dir, "."), 0);
    registry_end(&f);
}

static void what_changed_since_the_plan_is_planned_anew(void **state)
{
    struct registry f;
    struct doctor_plan plan;
    struct err e = {0};

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, "sandbox/containers.json", "broken");
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), 0);
    assert_int_equal(plan.files[0].status, DOCTOR_QUARANTINED);
    /* Someone mends it, and OpenClaw writes a shard of its own in between. */
    scratch_write_text(f.dir, "sandbox/containers.json", three);
    scratch_write_text(f.dir, shard_path(&f, "b"), "{\"containerName\":\"b\",\"image\":\"newer\"}");
    assert_int_equal(doctor_apply(f.a, &f.s, &plan, &f.wait, &e), 0);
    assert_int_equal(plan.files[0].status, DOCTOR_MIGRATED);
    expect_file(&f, shard_path(&f, "a"), "{\n  \"containerName\": \"a\",\n  \"image\": \"1\"\n}\n");
    expect_file(&f, shard_path(&f, "b"), "{\"containerName\":\"b\",\"image\":\"newer\"}");
    assert_false(scratch_exists(f.dir, "sandbox/containers.json"));
    /* Or it goes. */
    scratch_write_text(f.dir, "sandbox/containers.json", three);
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), 0);
    assert_int_equal(unlink(scratch_path(f.dir, "sandbox/containers.json")), 0);
    assert_int_equal(doctor_apply(f.a, &f.s, &plan, &f.wait, &e), 0);
    assert_int_equal(plan.files[0].status, DOCTOR_MISSING);
    registry_end(&f);
}

static void an_older_quarantine_is_never_replaced(void **state)
{
    struct registry f;
    struct doctor_plan plan;
    struct err e = {0};

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, "sandbox/containers.json.invalid-1700000123456", "first");
    scratch_write_text(f.dir, "sandbox/containers.json.invalid-1700000123457", "second");
    scratch_write_text(f.dir, "sandbox/containers.json", "third");
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), 0);
    assert_int_equal(doctor_apply(f.a, &f.s, &plan, &f.wait, &e), 0);
    expect_file(&f, "sandbox/containers.json.invalid-1700000123456", "first");
    expect_file(&f, "sandbox/containers.json.invalid-1700000123457", "second");
    expect_file(&f, "sandbox/containers.json.invalid-1700000123458", "third");
    registry_end(&f);
}

static void a_corrupt_shard_is_kept_before_an_entry_takes_its_place(void **state)
{
    struct registry f;
    struct doctor_plan plan;
    struct err e = {0};

    (void)state;
    begin(&f);
    f.s.keep_dir = arena_printf(f.a, "%s/kept", f.dir);
    scratch_write_text(f.dir, "sandbox/containers.json", three);
    scratch_write_text(f.dir, shard_path(&f, "b"), "{bad");
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), 0);
    assert_int_equal(doctor_apply(f.a, &f.s, &plan, &f.wait, &e), 0);
    expect_file(&f, shard_path(&f, "b"), "{\n  \"containerName\": \"b\",\n  \"extra\": {\n    \"x\": 1\n  }\n}\n");
    assert_int_equal(scratch_count(f.dir, "kept"), 1);
    registry_end(&f);
}

static void what_is_no_file_is_an_error_and_stays(void **state)
{
    struct registry f;
    struct doctor_plan plan;
    struct err e = {0};

    (void)state;
    begin(&f);
    scratch_mkdir(f.dir, "sandbox/containers.json");
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    assert_int_equal(rmdir(scratch_path(f.dir, "sandbox/containers.json")), 0);
    assert_int_equal(mkfifo(scratch_path(f.dir, "sandbox/containers.json"), 0600), 0);
    assert_int_equal(doctor_plan(f.a, &f.s, NOW_MS, &plan, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    registry_end(&f);
}

/* Every entry is in the monolith still, or in its shard. */
static void check_nothing_lost(struct registry *f, int at)
{
    bool whole = scratch_exists(f->dir, "sandbox/containers.json");
    bool shards = scratch_exists(f->dir, shard_path(f, "a")) && scratch_exists(f->dir, shard_path(f, "b"));
    bool quarantined =
        scratch_exists(f->dir, "sandbox/browsers.json") || scratch_exists(f->dir, "sandbox/browsers.json.invalid-1700000123456");

    if (!(whole || shards) || !quarantined)
        fail_msg("step %d lost something", at);
}

static int run_doctor(void *ctx)
{
    struct registry *f = ctx;
    struct doctor_plan plan;
    struct err e = {0};

    if (doctor_plan(f->a, &f->s, NOW_MS, &plan, &e) < 0)
        return 1;
    return doctor_apply(f->a, &f->s, &plan, &f->wait, &e) == 0 ? 0 : e.class == ERR_IO ? 2 : 3;
}

static void lay_out(struct registry *f)
{
    begin(f);
    scratch_write_text(f->dir, "sandbox/containers.json", three);
    scratch_write_text(f->dir, "sandbox/browsers.json", "[]");
}

static void check_done(struct registry *f)
{
    expect_file(f, shard_path(f, "a"), "{\n  \"containerName\": \"a\",\n  \"image\": \"1\"\n}\n");
    assert_true(scratch_exists(f->dir, shard_path(f, "b")));
    /* containers/, and the quarantined file, whose name tells when it was done; a lock that was not let go may stay, stale. */
    (void)unlink(scratch_path(f->dir, "sandbox/containers.json.lock"));
    (void)unlink(scratch_path(f->dir, "sandbox/browsers.json.lock"));
    assert_int_equal(scratch_count(f->dir, "sandbox"), 2);
    assert_false(scratch_exists(f->dir, "sandbox/containers.json"));
    assert_false(scratch_exists(f->dir, "sandbox/browsers.json"));
}

static void a_step_that_fails_loses_nothing_and_the_next_run_ends_it(void **state)
{
    (void)state;
    for (int at = 1; at < 80; at++) {
        struct fault fault = {.at = at, .sys = ENOSPC};
        struct file_hook hook = {fault_step, &fault};
        struct registry f;
        int r;

        lay_out(&f);
        f.s.hook = &hook;
        r = run_doctor(&f);
        f.s.hook = NULL;
        check_nothing_lost(&f, at);
        assert_true(r == 0 || r == 2);
        /* A lock whose removal "failed" is of this process, and held by none of it. */
        assert_int_equal(run_doctor(&f), 0);
        check_done(&f);
        registry_end(&f);
        if (fault.seen < at) {
            assert_true(at > 15);
            return;
        }
    }
    fail_msg("it never ends");
}

static void a_crash_at_any_step_loses_nothing_and_the_next_run_ends_it(void **state)
{
    (void)state;
    for (int at = 1; at < 80; at++) {
        struct fault fault = {.at = at, .die = true};
        struct file_hook hook = {fault_step, &fault};
        struct registry f;
        int status;

        lay_out(&f);
        f.s.hook = &hook;
        status = child_run(run_doctor, &f);
        f.s.hook = NULL;
        check_nothing_lost(&f, at);
        /* A lock that was not written yet is given 5 s. */
        f.wait.now_ms = INT64_C(1) << 42;
        assert_int_equal(run_doctor(&f), 0);
        check_done(&f);
        registry_end(&f);
        if (status == 0) {
            assert_true(at > 15);
            return;
        }
        assert_int_equal(status, FAULT_EXIT_STATUS);
    }
    fail_msg("it never ends");
}

static void names_are_complete(void **state)
{
    (void)state;
    for (enum doctor_status s = 0; s < DOCTOR_STATUS_COUNT; s++)
        assert_non_null(doctor_status_name(s));
    for (enum doctor_fate s = 0; s < DOCTOR_FATE_COUNT; s++)
        assert_non_null(doctor_fate_name(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_changes_nothing_and_tells_each_fate),
        cmocka_unit_test(nothing_to_do_is_an_empty_plan),
        cmocka_unit_test(what_changed_since_the_plan_is_planned_anew),
        cmocka_unit_test(an_older_quarantine_is_never_replaced),
        cmocka_unit_test(a_corrupt_shard_is_kept_before_an_entry_takes_its_place),
        cmocka_unit_test(what_is_no_file_is_an_error_and_stays),
        cmocka_unit_test(a_step_that_fails_loses_nothing_and_the_next_run_ends_it),
        cmocka_unit_test(a_crash_at_any_step_loses_nothing_and_the_next_run_ends_it),
        cmocka_unit_test(names_are_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
