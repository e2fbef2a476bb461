/* state/shards as a writer: what a write compares, keeps and leaves behind, also where it fails, crashes or has rivals. */
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/lib/child.h"
#include "tests/lib/fault.h"
#include "tests/lib/registry.h"
#include "tests/lib/scratch.h"
#include "tests/lib/vectors.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* --- writing -----------------------------------------------------------------------------------------------------------------
 */

static void a_recreate_tells_its_own_creation_and_keeps_the_last_use(void **state)
{
    struct registry f;
    struct record old = registry_record("r"), new = registry_record("r");
    struct shards_view view;
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    assert_int_equal(shards_put(&f.s, &old, SHARD_RECREATED, SHARDS_NO_ENTRY, &f.wait, NULL, &e), 0);
    new.created_at_ms = 1800000000000;
    new.last_used_at_ms = 1800000000000;
    new.image = "img:2";
    new.config_hash = "cdcd";
    assert_int_equal(shards_put(&f.s, &new, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_int_equal(view.n, 1);
    assert_true(view.v[0].rec.created_at_ms == 1800000000000);
    assert_true(view.v[0].rec.last_used_at_ms == 1700000001000);
    assert_string_equal(view.v[0].rec.image, "img:2");
    assert_string_equal(view.v[0].rec.config_hash, "cdcd");
    /* A hash that is not known any more is not the old one's. */
    new.config_hash = NULL;
    assert_int_equal(shards_put(&f.s, &new, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_null(view.v[0].rec.config_hash);
    registry_end(&f);
}

static void a_first_record_is_used_when_it_is_created(void **state)
{
    struct registry f;
    struct record rec = registry_record("r");
    struct shards_view view;
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    /* An old use that is no number does not count. */
    scratch_write_text(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r"), "{\"containerName\":\"r\",\"lastUsedAtMs\":\"x\"}");
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_true(view.v[0].rec.last_used_at_ms == rec.last_used_at_ms);
    registry_end(&f);
}

static void writes_compare_the_version_first(void **state)
{
    struct registry f;
    struct record rec = registry_record("r");
    char v1[DIGEST_HEX], v2[DIGEST_HEX];
    struct shards_view view;
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, "0000", &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, SHARDS_NO_ENTRY, &f.wait, v1, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_string_equal(view.v[0].rec.version, v1);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, SHARDS_NO_ENTRY, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    rec.image = "img:2";
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, v1, &f.wait, v2, &e), 0);
    assert_string_not_equal(v1, v2);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, v1, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", v1, &f.wait, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_true(scratch_exists(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r")));
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", v2, &f.wait, &e), 0);
    assert_false(scratch_exists(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r")));
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", v2, &f.wait, &e), 0);
    registry_end(&f);
}

static void a_misnamed_record_is_removed_where_it_is(void **state)
{
    struct registry f;
    struct shards_view view;
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    scratch_write_text(f.dir, "sandbox/containers/odd.json", "{\"containerName\":\"m\"}");
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_true(view.v[0].misnamed);
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "m", "0000", &f.wait, &e), 0);
    assert_true(scratch_exists(f.dir, "sandbox/containers/odd.json"));
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "m", view.v[0].rec.version, &f.wait, &e), 0);
    assert_false(scratch_exists(f.dir, "sandbox/containers/odd.json"));
    registry_end(&f);
}

static void what_is_no_regular_file_is_never_replaced(void **state)
{
    struct registry f;
    struct record rec = registry_record("r");
    struct err e = {0};
    const char *path;
    struct stat st;

    (void)state;
    registry_begin(&f);
    path = registry_path(&f, RUNTIME_CONTAINER, "r");
    scratch_write_text(f.dir, "target", "{\"containerName\":\"r\"}");
    scratch_mkdir(f.dir, "sandbox/containers");
    assert_int_equal(symlink("../../target", scratch_path(f.dir, path)), 0);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", NULL, &f.wait, &e), -1);
    assert_int_equal(lstat(scratch_path(f.dir, path), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(unlink(scratch_path(f.dir, path)), 0);
    assert_int_equal(mkfifo(scratch_path(f.dir, path), 0600), 0);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    assert_int_equal(lstat(scratch_path(f.dir, path), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
    registry_end(&f);
}

static void bytes_that_are_replaced_unread_are_kept(void **state)
{
    struct registry f;
    struct record rec = registry_record("r");
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    f.s.keep_dir = arena_printf(f.a, "%s/kept", f.dir);
    scratch_write_text(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r"), "{bad but precious");
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(scratch_count(f.dir, "kept"), 1);
    /* An entry that was understood was merged: nothing to keep. */
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(scratch_count(f.dir, "kept"), 1);
    registry_end(&f);
}

static void an_entry_of_the_largest_size_is_written_and_read(void **state)
{
    struct registry f;
    struct record rec = registry_record("r");
    struct shards_view view;
    struct err e = {0};
    BUF_AUTO text = BUF_INIT(2u << 20);
    char *image;
    size_t room;

    (void)state;
    registry_begin(&f);
    rec.image = "";
    shard_format(f.a, shard_from_record(f.a, &rec), &text);
    room = LIMIT_SHARD_BYTES - text.n;
    image = arena_alloc(f.a, room + 2);
    memset(image, 'x', room);
    rec.image = image;
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_int_equal(view.n, 1);
    image[room] = 'x';
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    registry_end(&f);
}

/* What 2026.9 wrote of them, key by key; 2026.5 writes the same entry. */
static void what_is_on_another_host_has_a_label_and_no_hash(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct node *vectors = vectors_load(a, "2026.9/registry");
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < vectors->n_items; i++) {
        const struct node *v = vectors->items[i], *rows = node_get(v, "rows");
        const struct node *row = node_is(rows, NODE_ARRAY) && rows->n_items == 1 ? rows->items[0] : NULL;
        const char *backend = row ? node_str(node_get(row, "backend_id")) : NULL;
        const char *text = row ? node_str(node_get(row, "entry_json")) : NULL;
        struct registry f;
        struct record rec;
        struct shards_view view;
        struct err e = {0};

        if (!text || (!text_eq(backend, "ssh") && !text_eq(backend, "openshell")))
            continue;
        n++;
        rec = shard_to_record(a, RUNTIME_CONTAINER, vectors_json(a, text));
        rec.config_hash = "00";
        rec.workspace_dir = "/w";
        assert_string_equal(node_json(a, shard_from_record(a, &rec)), text);
        registry_begin(&f);
        assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
        assert_int_equal(view.n, 1);
        assert_null(view.v[0].rec.config_hash);
        assert_string_equal(view.v[0].rec.image, rec.image);
        assert_string_equal(view.v[0].rec.config_label_kind, text_eq(backend, "ssh") ? "Target" : "Source");
        registry_end(&f);
    }
    assert_true(n >= 2);
}

static void root_leaves_the_owner_of_the_directory_its_files(void **state)
{
    struct registry f;
    struct record rec = registry_record("r");
    struct err e = {0};
    struct stat st;

    (void)state;
    registry_begin(&f);
    if (geteuid() == 0) {
        assert_int_equal(chown(f.dir, 65534, 65534), 0);
        assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        assert_int_equal(stat(scratch_path(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r")), &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(stat(scratch_path(f.dir, "sandbox/containers"), &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_int_equal(st.st_mode & 0777, 0700);
    } else {
        assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        assert_int_equal(stat(scratch_path(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r")), &st), 0);
        assert_int_equal(st.st_uid, geteuid());
    }
    registry_end(&f);
}

static int put_fails_whole(void *ctx)
{
    struct registry *f = ctx;
    struct record rec = registry_record("a");
    struct err e = {0};

    return shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) == -1 && e.class == ERR_IO ? 0 : 1;
}

static void a_directory_without_write_permission_stays_as_it_is(void **state)
{
    struct registry f;
    struct record rec = registry_record("a");
    struct err e = {0};
    char *before, *after;

    (void)state;
    registry_begin(&f);
    assert_int_equal(chmod(f.dir, 0755), 0);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    before = scratch_read(f.dir, registry_path(&f, RUNTIME_CONTAINER, "a"), NULL);
    assert_int_equal(chmod(scratch_path(f.dir, "sandbox"), 0755), 0);
    assert_int_equal(chmod(scratch_path(f.dir, "sandbox/containers"), 0555), 0);
    assert_int_equal(child_run_as_nobody(put_fails_whole, &f), 0);
    after = scratch_read(f.dir, registry_path(&f, RUNTIME_CONTAINER, "a"), NULL);
    assert_string_equal(before, after);
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
    free(before);
    free(after);
    registry_end(&f);
}

/* --- faults ------------------------------------------------------------------------------------------------------------------
 */

/* The shard is whole: the old one or the new one. */
static void check_old_or_new(struct registry *f, const char *what, int at)
{
    struct shards_view view;
    struct err e = {0};

    assert_int_equal(shards_read(f->a, &f->s, NULL, child_wall_ms(), &view, &e), 0);
    if (view.n != 1 || (!text_eq(view.v[0].rec.image, "img:1") && !text_eq(view.v[0].rec.image, "img:2")))
        fail_msg("%s at step %d: the shard is lost or torn", what, at);
}

static void a_step_that_fails_leaves_the_old_shard_and_no_temp_file(void **state)
{
    struct registry f;
    struct record old = registry_record("r"), new = registry_record("r");
    struct err e = {0};
    int failed = 0;

    (void)state;
    new.image = "img:2";
    for (int at = 1; at < 40; at++) {
        struct fault fault = {.at = at, .sys = ENOSPC};
        struct file_hook hook = {fault_step, &fault};
        int r;

        registry_begin(&f);
        assert_int_equal(shards_put(&f.s, &old, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        f.s.hook = &hook;
        r = shards_put(&f.s, &new, SHARD_RECREATED, NULL, &f.wait, NULL, &e);
        f.s.hook = NULL;
        check_old_or_new(&f, "failure", at);
        if (r < 0) {
            char *now = scratch_read(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r"), NULL);

            failed++;
            assert_int_equal(e.class, ERR_IO);
            assert_int_equal(e.sys, ENOSPC);
            assert_non_null(strstr(now, "img:1"));
            free(now);
            assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
        }
        registry_end(&f);
        if (fault.seen < at) {
            assert_true(failed >= 6);
            return;
        }
    }
    fail_msg("the write never ends");
}

static int put_second(void *ctx)
{
    struct registry *f = ctx;
    struct record rec = registry_record("r");
    struct err e = {0};

    rec.image = "img:2";
    return shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) == 0 ? 0 : 1;
}

static void a_crash_at_any_step_loses_nothing_and_the_next_writer_goes_on(void **state)
{
    struct record old = registry_record("r"), third = registry_record("r");
    struct err e = {0};

    (void)state;
    third.image = "img:3";
    for (int at = 1; at < 40; at++) {
        struct fault fault = {.at = at, .die = true};
        struct file_hook hook = {fault_step, &fault};
        struct shards_view view;
        struct registry f;
        size_t swept = 0;
        int status;

        registry_begin(&f);
        assert_int_equal(shards_put(&f.s, &old, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        f.s.hook = &hook;
        status = child_run(put_second, &f);
        f.s.hook = NULL;
        check_old_or_new(&f, "crash", at);
        /* An empty lock is given its grace of 5 s: then it is an hour later. */
        f.wait.now_ms += 3600000;
        assert_int_equal(shards_put(&f.s, &third, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        assert_int_equal(shards_read(f.a, &f.s, NULL, f.wait.now_ms, &view, &e), 0);
        assert_int_equal(view.n, 1);
        assert_string_equal(view.v[0].rec.image, "img:3");
        assert_int_equal(shards_sweep(&f.s, &view, &f.wait, &swept, &e), 0);
        assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
        registry_end(&f);
        if (status == 0) {
            assert_true(at > 6);
            return;
        }
        assert_int_equal(status, FAULT_EXIT_STATUS);
    }
    fail_msg("the write never ends");
}

/* A real full disk. Root mounts a small tmpfs in a namespace of its own; where that is not allowed, the largest size of a file
 * is what runs out. */
static int put_on_a_full_disk(void *ctx)
{
    struct registry *f = ctx;
    struct record rec = registry_record("r");
    struct err e = {0};
    char *image = arena_alloc(f->a, 400001);
    bool mounted = unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
                   mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                   mount("tmpfs", f->dir, "tmpfs", 0, "size=256k,mode=0700") == 0;
    char *now;

    if (!mounted) {
        struct rlimit limit = {65536, 65536};

        (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            return 10;
    }
    if (shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) < 0)
        return 11;
    memset(image, 'x', 400000);
    rec.image = image;
    if (shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) == 0)
        return 12;
    if (e.class != ERR_IO || e.sys != (mounted ? ENOSPC : EFBIG))
        return 13;
    now = scratch_read(f->dir, registry_path(f, RUNTIME_CONTAINER, "r"), NULL);
    if (!now || !strstr(now, "img:1") || scratch_count(f->dir, "sandbox/containers") != 1)
        return 14;
    free(now);
    rec.image = "img:2";
    if (shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) < 0)
        return 15;
    return 0;
}

static void a_full_disk_leaves_the_old_shard_whole(void **state)
{
    struct registry f;

    (void)state;
    registry_begin(&f);
    assert_int_equal(child_run(put_on_a_full_disk, &f), 0);
    registry_end(&f);
}

static void sweeping_spares_what_is_no_leftover(void **state)
{
    struct registry f;
    struct shards_view view;
    struct err e = {0};
    size_t n = 0;

    (void)state;
    registry_begin(&f);
    scratch_write_text(f.dir, "sandbox/containers/a.json.0f8fad5b-d9cb-469f-a165-70867728950e.tmp", "{");
    scratch_write_text(f.dir, "sandbox/browsers/b.json.0f8fad5b-d9cb-469f-a165-70867728950e.tmp", "{");
    scratch_write_text(f.dir, "sandbox/containers/a.json.backup.tmp", "{");
    scratch_write_text(f.dir, "sandbox/containers/a.json", "{}");
    assert_int_equal(shards_read(f.a, &f.s, NULL, child_wall_ms(), &view, &e), 0);
    assert_int_equal(shards_sweep(&f.s, &view, &f.wait, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 2);
    assert_int_equal(scratch_count(f.dir, "sandbox/browsers"), 0);
    registry_end(&f);
}

/* --- two writers -------------------------------------------------------------------------------------------------------------
 */

enum { WRITERS = 3, TIMES = 60 };

/* Adds one to a number that stands in the image, again and again, by compare-and-swap. */
static int count_up(void *ctx)
{
    struct registry *f = ctx;

    for (int done = 0; done < TIMES;) {
        ARENA_AUTO a = arena_new();
        struct shards_view view;
        struct record *records;
        struct err e = {0};
        size_t n;

        f->wait.now_ms = child_wall_ms();
        if (shards_read(a, &f->s, NULL, f->wait.now_ms, &view, &e) < 0)
            return 1;
        records = shards_records(a, &view, &n);
        if (n != 1)
            return 2;
        records[0].image = arena_printf(a, "%ld", strtol(records[0].image, NULL, 10) + 1);
        if (shards_put(&f->s, &records[0], SHARD_RECREATED, records[0].version, &f->wait, NULL, &e) == 0)
            done++;
        else if (e.class != ERR_CONFLICT)
            return 3;
    }
    return 0;
}

static void two_processes_on_one_shard_lose_no_update(void **state)
{
    struct registry f;
    struct record rec = registry_record("r");
    struct shards_view view;
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    f.wait.timeout_ms = 60000;
    rec.image = "0";
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    child_run_rivals(WRITERS, count_up, &f);
    assert_int_equal(shards_read(f.a, &f.s, NULL, child_wall_ms(), &view, &e), 0);
    assert_int_equal(view.n, 1);
    assert_int_equal(view.issues.n, 0);
    assert_int_equal(strtol(view.v[0].rec.image, NULL, 10), WRITERS * TIMES);
    registry_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_without_write_permission_stays_as_it_is),
        cmocka_unit_test(a_recreate_tells_its_own_creation_and_keeps_the_last_use),
        cmocka_unit_test(a_first_record_is_used_when_it_is_created),
        cmocka_unit_test(writes_compare_the_version_first),
        cmocka_unit_test(a_misnamed_record_is_removed_where_it_is),
        cmocka_unit_test(what_is_no_regular_file_is_never_replaced),
        cmocka_unit_test(bytes_that_are_replaced_unread_are_kept),
        cmocka_unit_test(an_entry_of_the_largest_size_is_written_and_read),
        cmocka_unit_test(what_is_on_another_host_has_a_label_and_no_hash),
        cmocka_unit_test(root_leaves_the_owner_of_the_directory_its_files),
        cmocka_unit_test(a_step_that_fails_leaves_the_old_shard_and_no_temp_file),
        cmocka_unit_test(a_crash_at_any_step_loses_nothing_and_the_next_writer_goes_on),
        cmocka_unit_test(a_full_disk_leaves_the_old_shard_whole),
        cmocka_unit_test(sweeping_spares_what_is_no_leftover),
        cmocka_unit_test(two_processes_on_one_shard_lose_no_update),
    };

    return cmocka_run_group_tests_name("shards: writing", tests, NULL, NULL);
}
