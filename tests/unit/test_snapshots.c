/* state/snapshots: where saved workspaces lie, what counts as one, what a crash leaves, and how long they stay. */
#include "spec/base/text.h"
#include "state/snapshots.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])
#define NOON     1763812800000 /* 2025-11-22T12:00:00Z */
#define HOUR     3600000

struct fixture {
    struct arena *a;
    char *dir;
    struct home *home;
};

static void begin(struct fixture *f, const struct file_hook *hook)
{
    struct err e = {0};

    f->a = arena_new();
    f->dir = scratch_make();
    if (home_open(f->dir, hook, &f->home, &e) < 0)
        fail_msg("%s", e.msg);
}

static void end(struct fixture *f)
{
    home_close(f->home);
    scratch_remove(f->dir);
    arena_free(f->a);
}

static struct snapshot of(const char *runtime, int64_t at_ms)
{
    return (struct snapshot){.endpoint = "ssh:u@h:22",
                             .runtime = runtime,
                             .install = "0123456789abcdef",
                             .kind = RUNTIME_SANDBOX,
                             .owner = "Sandbox/a",
                             .reason = "its target changed",
                             .at_ms = at_ms};
}

/* One file in a directory. */
static struct manifest contents(void)
{
    static struct manifest_entry v[2];
    struct manifest m;
    struct err e = {0};

    v[0] = (struct manifest_entry){.path = "workspace", .type = MANIFEST_DIR, .mode = 0755};
    v[1] = (struct manifest_entry){.path = "workspace/x",
                                   .type = MANIFEST_FILE,
                                   .mode = 0644,
                                   .size = 3,
                                   .digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    if (manifest_make(v, 2, &m, &e) < 0)
        fail_msg("%s", e.msg);
    return m;
}

static void write_archive(struct fixture *f, struct snapshot *s)
{
    scratch_write_text("/", s->path + 1, "archive");
    s->bytes = 7;
    s->digest = digest_sha256(f->a, "archive", 7);
}

static int take_err(struct fixture *f, struct snapshot *s, struct err *e)
{
    struct manifest m = contents();

    if (snapshots_begin(f->home, f->a, s, e) < 0)
        return -1;
    write_archive(f, s);
    return snapshots_commit(f->home, s, &m, f->a, e);
}

static struct snapshot take(struct fixture *f, const char *runtime, int64_t at_ms)
{
    struct snapshot s = of(runtime, at_ms);
    struct err e = {0};

    if (take_err(f, &s, &e) < 0)
        fail_msg("%s", e.msg);
    return s;
}

static struct snapshots_view view_of(struct fixture *f)
{
    struct snapshots_view v;
    struct err e = {0};

    if (snapshots_read(f->home, f->a, &v, &e) < 0)
        fail_msg("%s", e.msg);
    return v;
}

static void what_was_committed_is_read_back(void **state)
{
    struct fixture f;
    struct snapshot s;
    struct snapshots_view v;
    struct manifest m;
    struct err e = {0};

    (void)state;
    begin(&f, NULL);
    s = take(&f, "reconclaw-a", NOON + 7);
    assert_non_null(strstr(s.path, "/20251122T120000.007Z.tar.zst"));
    v = view_of(&f);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.issues.n, 0);
    assert_true(snapshot_is_of(&v.v[0], &s));
    assert_string_equal(v.v[0].path, s.path);
    assert_string_equal(v.v[0].reason, "its target changed");
    assert_int_equal(v.v[0].at_ms, NOON + 7);
    assert_int_equal(v.v[0].n_entries, 2);
    assert_int_equal(v.v[0].content_bytes, 3);
    assert_int_equal(snapshots_manifest(f.home, f.a, &v.v[0], &m, &e), 0);
    assert_int_equal(m.n, 2);
    assert_string_equal(m.tree, v.v[0].tree);
    assert_int_equal(snapshots_remove(f.home, &v.v[0], &e), 0);
    assert_int_equal(snapshots_remove(f.home, &v.v[0], &e), 0);
    assert_int_equal(view_of(&f).n, 0);
    assert_int_equal(scratch_count(f.dir, "snapshots"), 0);
    end(&f);
}

static void two_at_one_time_have_two_names(void **state)
{
    struct fixture f;
    struct snapshot x, y;

    (void)state;
    begin(&f, NULL);
    x = take(&f, "a", NOON);
    y = take(&f, "a", NOON);
    assert_int_equal(y.at_ms, NOON + 1);
    assert_string_not_equal(x.path, y.path);
    assert_int_equal(view_of(&f).n, 2);
    end(&f);
}

/* Names of other hosts reach no path of this one. */
static void no_name_leads_out_of_the_directory(void **state)
{
    static const char too_long[] = "0123456789012345678901234567890123456789012345678901234567890123456789"
                                   "0123456789012345678901234567890123456789";
    static const char *const names[] = {"..", ".", "../../x", "a/b", ".hidden", "\x1b[31m", "a b", "-", too_long};
    struct fixture f;

    (void)state;
    begin(&f, NULL);
    for (size_t i = 0; i < N(names); i++) {
        struct snapshot s = take(&f, names[i], NOON);
        const char *base = scratch_path(f.dir, "snapshots/");

        assert_int_equal(strncmp(s.path, base, strlen(base)), 0);
        assert_null(strstr(s.path, "/../"));
        assert_int_equal(strspn(s.name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./"), strlen(s.name));
    }
    assert_int_equal(view_of(&f).n, N(names));
    assert_int_equal(scratch_count(f.dir, "snapshots"), N(names));
    end(&f);
}

static void names_find_the_newest_of_one_runtime(void **state)
{
    struct fixture f;
    struct snapshot old, new, other = of("a", NOON);
    struct snapshots_view v;
    const struct snapshot *found;
    struct err e = {0};

    (void)state;
    begin(&f, NULL);
    old = take(&f, "a", NOON);
    new = take(&f, "a", NOON + HOUR);
    (void)take(&f, "b", NOON + 2 * HOUR);
    v = view_of(&f);
    assert_int_equal(snapshots_named(&v, "a", &found, &e), 0);
    assert_string_equal(found->name, new.name);
    assert_int_equal(snapshots_named(&v, old.name, &found, &e), 0);
    assert_string_equal(found->name, old.name);
    assert_string_equal(snapshots_find(&v, &other)->name, new.name);
    assert_int_equal(snapshots_named(&v, "c", &found, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    other.endpoint = "ssh:u@elsewhere:22";
    assert_null(snapshots_find(&v, &other));
    assert_int_equal(take_err(&f, &other, &e), 0);
    v = view_of(&f);
    assert_int_equal(snapshots_named(&v, "a", &found, &e), -1);
    assert_int_equal(e.class, ERR_USAGE);
    end(&f);
}

static void what_is_half_does_not_count_and_goes(void **state)
{
    struct fixture f;
    struct snapshot whole, half = of("a", NOON + HOUR), next = of("a", NOON + 2 * HOUR);
    const char *part;
    struct err e = {0};
    size_t n = 0;

    (void)state;
    begin(&f, NULL);
    whole = take(&f, "a", NOON);
    assert_int_equal(snapshots_begin(f.home, f.a, &half, &e), 0);
    write_archive(&f, &half);
    part = arena_printf(f.a, "%.*s/.x.tar.zst.part-0123456789abcdef", (int)(strrchr(half.path, '/') - half.path), half.path);
    scratch_write_text("/", part + 1, "half");
    assert_int_equal(view_of(&f).n, 1);
    assert_int_equal(snapshots_sweep(f.home, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(access(half.path, F_OK), -1);
    assert_int_equal(access(part, F_OK), -1);
    assert_int_equal(access(whole.path, F_OK), 0);
    /* The next one of the same runtime does so as well. */
    write_archive(&f, &half);
    assert_int_equal(snapshots_begin(f.home, f.a, &next, &e), 0);
    assert_int_equal(access(half.path, F_OK), -1);
    assert_int_equal(view_of(&f).n, 1);
    end(&f);
}

static void damage_is_told_and_counts_for_nothing(void **state)
{
    struct fixture f;
    struct snapshot s;
    struct snapshots_view v;
    struct manifest m;
    struct err e = {0};
    char *json, *manifest, *bytes;
    size_t n;

    (void)state;
    begin(&f, NULL);
    s = take(&f, "a", NOON);
    json = arena_printf(f.a, "snapshots/%s.json", s.name);
    manifest = arena_printf(f.a, "snapshots/%s.manifest", s.name);
    bytes = scratch_read(f.dir, manifest, &n);
    scratch_write_text(f.dir, manifest, "reconclaw-manifest 1\n");
    v = view_of(&f);
    assert_int_equal(snapshots_manifest(f.home, f.a, &v.v[0], &m, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    scratch_clear(f.dir, manifest);
    v = view_of(&f);
    assert_int_equal(v.n, 0);
    assert_int_equal(v.issues.n, 1);
    scratch_write(f.dir, manifest, bytes, n, 0600);
    free(bytes);
    assert_int_equal(view_of(&f).n, 1);
    bytes = scratch_read(f.dir, json, &n);
    scratch_write_text(f.dir, json, "{");
    v = view_of(&f);
    assert_int_equal(v.n, 0);
    assert_int_equal(v.issues.n, 1);
    /* One that was put under another runtime's name. */
    scratch_write(f.dir, json, bytes, n, 0600);
    scratch_write(f.dir, "snapshots/other-0123456789abcdef/20251122T120000.000Z.json", bytes, n, 0600);
    free(bytes);
    v = view_of(&f);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.issues.n, 1);
    assert_int_equal(v.issues.v[0].kind, ISSUE_MISNAMED);
    end(&f);
}

static void a_json_that_is_none_is_refused(void **state)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO text = BUF_INIT(1u << 16);
    struct snapshot s = of("a", NOON), back;
    struct err e = {0};
    const char *good;
    static const char *const gone[] = {"\"format\": 1", "\"kind\": \"sandbox\"", "\"endpoint\"", "\"atMs\": 1", "\"digest\": \""};

    (void)state;
    s.digest = s.tree = s.manifest_digest = digest_sha256(a, "", 0);
    snapshot_format(a, &s, &text);
    good = arena_strdup(a, buf_str(&text));
    assert_int_equal(snapshot_decode(a, good, strlen(good), &back, &e), 0);
    assert_true(snapshot_is_of(&s, &back));
    for (size_t i = 0; i < N(gone); i++) {
        char *bad = arena_strdup(a, good), *at = strstr(bad, gone[i]);

        assert_non_null(at);
        at[strlen(gone[i]) - 2] ^= 1;
        if (snapshot_decode(a, bad, strlen(bad), &back, &e) == 0 && snapshot_is_of(&s, &back) && back.at_ms == s.at_ms)
            fail_msg("taken: %s", bad);
    }
}

/* Each step of taking one fails, or the process ends there: there is the snapshot or there is none, and the next one succeeds. */
static void a_failure_or_crash_at_any_step_leaves_a_whole_one_or_none(void **state)
{
    (void)state;
    for (int die = 0; die < 2; die++) {
        for (int at = 1, more = 1; more; at++) {
            struct fixture f;
            struct fault fault = {0};
            struct file_hook hook = {fault_step, &fault};
            struct snapshot s = of("a", NOON);
            struct snapshots_view v;
            struct err e = {0};
            pid_t pid;
            int status, rc = 0;

            begin(&f, &hook);
            fault = (struct fault){.at = at, .sys = ENOSPC, .die = die};
            if (die) {
                pid = fork();
                if (pid == 0)
                    _exit(take_err(&f, &s, &e) < 0 ? 1 : 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status));
                rc = WEXITSTATUS(status) ? -1 : 0;
                more = rc < 0;
            } else {
                rc = take_err(&f, &s, &e);
                more = fault.seen >= at;
                if (rc < 0)
                    assert_int_equal(e.sys, ENOSPC);
            }
            fault = (struct fault){0};
            v = view_of(&f);
            assert_true(v.n <= 1);
            assert_int_equal(v.issues.n, 0);
            if (rc == 0)
                assert_int_equal(v.n, 1);
            s = take(&f, "a", NOON + HOUR);
            assert_int_equal(view_of(&f).n, v.n + 1);
            end(&f);
            assert_true(at < 100);
        }
    }
}

static void a_disk_without_room_is_refused_before_anything_is_written(void **state)
{
    struct fixture f;
    struct snapshot s = of("a", NOON);
    struct err e = {0};

    (void)state;
    begin(&f, NULL);
    s.content_bytes = UINT64_MAX - 1;
    assert_int_equal(snapshots_begin(f.home, f.a, &s, &e), -1);
    assert_int_equal(e.class, ERR_IO);
    assert_int_equal(e.sys, ENOSPC);
    assert_int_equal(snapshots_room(f.home, 0, &e), 0);
    end(&f);
}

static void retention_spares_the_only_copy(void **state)
{
    /* Three of one runtime, an hour apart, 100 bytes each; now is an hour after the newest. Which go? */
    static const struct {
        struct retention r;
        bool alive;
        const char *go;
    } rows[] = {
        {{0}, true, "..."},
        {{.count = 3}, true, "..."},
        {{.count = 2}, true, "x.."},
        {{.count = 1}, false, "xx."},
        {{.age_ms = 3 * HOUR}, true, "..."},
        {{.age_ms = 3 * HOUR - 1}, true, "x.."},
        {{.age_ms = 1}, true, "xxx"},
        {{.age_ms = 1}, false, "xx."},
        {{.bytes = 300}, true, "..."},
        {{.bytes = 299}, true, "x.."},
        {{.bytes = 99}, true, "xxx"},
        {{.bytes = 99}, false, "xx."},
    };
    struct snapshot v[4];
    const struct snapshots_view view = {.v = v, .n = N(v)};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        v[i] = of("a", NOON + (int64_t)i * HOUR);
        v[i].bytes = 100;
    }
    v[3] = of("b", NOON + 9 * (int64_t)HOUR); /* another runtime's counts for nothing */
    v[3].bytes = 1000;
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        char go[4] = "...";

        for (size_t k = 0; k < 3; k++)
            if (snapshots_over(a, &view, k, &rows[i].r, rows[i].alive, NOON + 3 * (int64_t)HOUR))
                go[k] = 'x';
        if (strcmp(go, rows[i].go) != 0)
            fail_msg("row %zu: %s, not %s", i, go, rows[i].go);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_read_back),
        cmocka_unit_test(two_at_one_time_have_two_names),
        cmocka_unit_test(no_name_leads_out_of_the_directory),
        cmocka_unit_test(names_find_the_newest_of_one_runtime),
        cmocka_unit_test(what_is_half_does_not_count_and_goes),
        cmocka_unit_test(damage_is_told_and_counts_for_nothing),
        cmocka_unit_test(a_json_that_is_none_is_refused),
        cmocka_unit_test(a_failure_or_crash_at_any_step_leaves_a_whole_one_or_none),
        cmocka_unit_test(a_disk_without_room_is_refused_before_anything_is_written),
        cmocka_unit_test(retention_spares_the_only_copy),
    };

    return cmocka_run_group_tests_name("snapshots", tests, NULL, NULL);
}
