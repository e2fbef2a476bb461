/* quarantine, leftovers: directories are moved, put back and deleted whole or not at all, only the very one that was meant, and
 * no link leads anywhere; the records that tell of them come back as they were written. */
#include "state/leftovers.h"
#include "state/quarantine.h"
#include "tests/lib/child.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N(v)  (sizeof(v) / sizeof *(v))
#define SLUG  "agent-main-f331f052"
#define ENTRY "20261122T191500Z-" SLUG
#define KEPT  QUARANTINE_DIR "/" ENTRY
#define NOW   ((int64_t)1795374900000) /* 2026-11-22T19:15:00Z */

static char *make_root(void)
{
    char *dir = scratch_make();

    scratch_write_text(dir, SLUG "/note", "the only copy");
    scratch_write_text(dir, SLUG "/deep/er/file", "x");
    return dir;
}

static struct quarantine_id identify(const char *dir)
{
    struct quarantine_id id;
    struct err e = {0};

    if (quarantine_identify(dir, SLUG, &id, &e) < 0)
        fail_msg("%s", e.msg);
    return id;
}

static bool is_whole(const char *dir, const char *at)
{
    char path[200];
    size_t n;
    char *text;
    bool ok;

    (void)snprintf(path, sizeof path, "%s/note", at);
    text = scratch_read(dir, path, &n);
    (void)snprintf(path, sizeof path, "%s/deep/er/file", at);
    ok = text && strcmp(text, "the only copy") == 0 && scratch_exists(dir, path);
    free(text);
    return ok;
}

static void names_are_told_from_what_is_none(void **state)
{
    static const struct {
        const char *entry, *slug;
    } entries[] = {
        {ENTRY, SLUG},
        {"20261122T191500Z-x", "x"},
        {"20261122T191500Z-", NULL},
        {"20261122T191500Z-.hidden", NULL},
        {"20261122T191500Z-a/b", NULL},
        {"20261122T191500Z-..", NULL},
        {"20261122T19150Z-x", NULL},
        {"2026112aT191500Z-x", NULL},
        {"x", NULL},
        {"", NULL},
    };
    static const struct {
        const char *slug;
        bool ok;
    } slugs[] = {{SLUG, true},   {"", false}, {".", false}, {"..", false}, {".reconclaw-quarantine", false},
                 {"a/b", false}, {"a", true}};
    ARENA_AUTO a = arena_new();
    char longest[260];

    for (size_t i = 0; i < N(entries); i++) {
        const char *slug = quarantine_entry_slug(entries[i].entry);

        if (!slug != !entries[i].slug || (slug && strcmp(slug, entries[i].slug) != 0))
            fail_msg("%s", entries[i].entry);
    }
    for (size_t i = 0; i < N(slugs); i++)
        assert_int_equal(quarantine_slug_ok(slugs[i].slug), slugs[i].ok);
    memset(longest, 'a', sizeof longest);
    longest[238] = '\0';
    assert_true(quarantine_slug_ok(longest));
    longest[238] = 'a';
    longest[239] = '\0';
    assert_false(quarantine_slug_ok(longest));
    assert_string_equal(quarantine_entry_name(a, NOW, SLUG), ENTRY);
    assert_string_equal(quarantine_entry_name(a, -1, "x"), "19700101T000000Z-x");
}

static void a_directory_is_moved_kept_and_put_back(void **state)
{
    char *dir = make_root();
    struct quarantine_id id = identify(dir), found;
    struct err e = {0};
    struct stat st;

    assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), 0);
    assert_false(scratch_exists(dir, SLUG));
    assert_true(is_whole(dir, KEPT));
    assert_int_equal(stat(scratch_path(dir, QUARANTINE_DIR), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(quarantine_find(dir, ENTRY, &found, &e), 0);
    assert_int_equal(found.ino, id.ino);
    assert_false(quarantine_is_gone(dir, ENTRY, &id));
    assert_int_equal(quarantine_measure(dir, ENTRY), 14);
    /* Again, as after a crash: it was done. */
    assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), 0);
    assert_int_equal(quarantine_restore(dir, SLUG, ENTRY, &id, NULL, &e), 0);
    assert_true(is_whole(dir, SLUG));
    assert_int_equal(quarantine_restore(dir, SLUG, ENTRY, &id, NULL, &e), 0);
    assert_true(quarantine_is_gone(dir, ENTRY, &id));
    scratch_remove(dir);
}

static void nothing_is_replaced(void **state)
{
    char *dir = make_root();
    struct quarantine_id id = identify(dir);
    struct err e = {0};

    scratch_write_text(dir, KEPT "/other", "y");
    assert_int_equal(chmod(scratch_path(dir, QUARANTINE_DIR), 0700), 0);
    assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_true(is_whole(dir, SLUG));
    assert_true(scratch_exists(dir, KEPT "/other"));
    scratch_clear(dir, KEPT);
    assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), 0);
    scratch_mkdir(dir, SLUG);
    assert_int_equal(quarantine_restore(dir, SLUG, ENTRY, &id, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_true(is_whole(dir, KEPT));
    scratch_remove(dir);
}

/* What stands under the name now, where something else was meant. */
static void only_the_very_directory_is_touched(void **state)
{
    static const struct {
        const char *what;
        enum err_class class;
    } rows[] = {{"link", ERR_REFUSED}, {"file", ERR_REFUSED}, {"another", ERR_REFUSED}, {"nothing", ERR_NOT_FOUND}};

    for (size_t i = 0; i < N(rows); i++) {
        char *dir = make_root();
        struct quarantine_id id = identify(dir), now;
        struct err e = {0};

        assert_int_equal(rename(scratch_path(dir, SLUG), scratch_path(dir, "elsewhere")), 0);
        if (i == 0)
            scratch_symlink(dir, SLUG, "elsewhere");
        else if (i == 1)
            scratch_write_text(dir, SLUG, "z");
        else if (i == 2)
            scratch_write_text(dir, SLUG "/new", "z");
        if (i != 2)
            assert_int_equal(quarantine_identify(dir, SLUG, &now, &e), -1);
        e = (struct err){0};
        assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), -1);
        if (e.class != rows[i].class)
            fail_msg("%s: %s", rows[i].what, e.msg);
        assert_true(is_whole(dir, "elsewhere"));
        assert_false(scratch_exists(dir, KEPT));
        if (i < 3)
            assert_true(scratch_exists(dir, SLUG));
        scratch_remove(dir);
    }
}

static void a_quarantine_that_is_not_ours_is_not_used(void **state)
{
    char *dir = make_root();
    struct quarantine_id id = identify(dir);
    struct err e = {0};

    scratch_mkdir(dir, "trap");
    scratch_symlink(dir, QUARANTINE_DIR, "trap");
    assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    assert_int_equal(unlink(scratch_path(dir, QUARANTINE_DIR)), 0);
    scratch_mkdir(dir, QUARANTINE_DIR);
    assert_int_equal(chmod(scratch_path(dir, QUARANTINE_DIR), 0777), 0);
    assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    assert_non_null(strstr(e.msg, "chmod 700"));
    if (geteuid() == 0) {
        assert_int_equal(chmod(scratch_path(dir, QUARANTINE_DIR), 0700), 0);
        assert_int_equal(chown(scratch_path(dir, QUARANTINE_DIR), 12345, 12345), 0);
        assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), -1);
        assert_non_null(strstr(e.msg, "belongs to user 12345"));
    }
    assert_true(is_whole(dir, SLUG));
    assert_int_equal(scratch_count(dir, "trap"), 0);
    scratch_remove(dir);
}

/* EXDEV EACCES ENOSPC at each step, and the end of the process there: the tree is whole in one of its two places, and a second
 * try comes to the end. */
static void a_fault_or_crash_at_any_step_leaves_it_whole(void **state)
{
    static const int errors[] = {EXDEV, EACCES, ENOSPC, 0};

    for (size_t k = 0; k < N(errors); k++) {
        bool more = true;
        int at;

        for (at = 1; more; at++) {
            struct fault fault = {.at = at, .sys = errors[k], .die = errors[k] == 0};
            const struct file_hook hook = {fault_step, &fault};
            char *dir = make_root();
            struct quarantine_id id = identify(dir);
            struct err e = {0};
            int status = 0, r;
            pid_t pid;

            if (fault.die) {
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                    (void)quarantine_move(dir, SLUG, ENTRY, &id, &hook, &e);
                    _exit(fault.seen);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                more = WEXITSTATUS(status) == FAULT_EXIT_STATUS;
            } else {
                r = quarantine_move(dir, SLUG, ENTRY, &id, &hook, &e);
                more = fault.seen >= at;
                if (r < 0)
                    assert_int_equal(e.class, errors[k] == EXDEV && strstr(e.msg, "moving") ? ERR_REFUSED : ERR_IO);
            }
            assert_int_not_equal(is_whole(dir, SLUG), is_whole(dir, KEPT));
            assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), 0);
            assert_true(is_whole(dir, KEPT));
            scratch_remove(dir);
        }
        assert_int_equal(at, 5); /* mkdir, rename, fsync, and none */
    }
}

static void what_is_deleted_is_that_tree_and_no_more(void **state)
{
    char *dir = make_root(), path[8000];
    struct quarantine_id id = identify(dir), wrong;
    struct err e = {0};
    atomic_bool cancel = true;
    size_t n;

    scratch_write_text(dir, "outside/file", "stays");
    scratch_symlink(dir, SLUG "/link", "../outside");
    scratch_symlink(dir, SLUG "/deep/abs", scratch_path(dir, "outside"));
    scratch_write_text(dir, SLUG "/.reconclaw-0/f", "a name that removal would choose");
    n = (size_t)snprintf(path, sizeof path, "%s", SLUG);
    for (int i = 0; i < 1500; i++) /* more levels than descriptors */
        n += (size_t)snprintf(path + n, sizeof path - n, "/d");
    path[3000] = '\0'; /* as far as one call can make it */
    scratch_mkdir(dir, path);
    scratch_mkdir(dir, SLUG "/closed/in");
    assert_int_equal(chmod(scratch_path(dir, SLUG "/closed/in"), 0), 0);
    assert_int_equal(chmod(scratch_path(dir, SLUG "/closed"), 0), 0);
    assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), 0);
    assert_int_equal(quarantine_measure(dir, ENTRY), -1); /* too deep to be counted */
    wrong = (struct quarantine_id){id.dev, id.ino + 1};
    assert_int_equal(quarantine_remove(dir, ENTRY, &wrong, NULL, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    assert_true(is_whole(dir, KEPT));
    assert_int_equal(quarantine_remove(dir, ENTRY, &id, &cancel, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CANCELLED);
    if (quarantine_remove(dir, ENTRY, &id, NULL, NULL, &e) < 0)
        fail_msg("%s", e.msg);
    assert_int_equal(scratch_count(dir, QUARANTINE_DIR), 0);
    assert_true(scratch_exists(dir, "outside/file"));
    assert_int_equal(quarantine_remove(dir, ENTRY, &id, NULL, NULL, &e), 0);
    assert_int_equal(quarantine_remove(dir, "../outside", &id, NULL, NULL, &e), -1);
    assert_true(scratch_exists(dir, "outside/file"));
    scratch_remove(dir);
}

static void a_removal_that_breaks_off_is_ended_by_the_next(void **state)
{
    bool more = true;
    int at;

    for (at = 1; more; at++) {
        struct fault fault = {.at = at, .sys = EIO};
        const struct file_hook hook = {fault_step, &fault};
        char *dir = make_root();
        struct quarantine_id id = identify(dir);
        struct err e = {0};

        assert_int_equal(quarantine_move(dir, SLUG, ENTRY, &id, NULL, &e), 0);
        if (quarantine_remove(dir, ENTRY, &id, NULL, &hook, &e) < 0)
            assert_int_equal(e.class, ERR_IO);
        more = fault.seen >= at;
        assert_int_equal(quarantine_remove(dir, ENTRY, &id, NULL, NULL, &e), 0);
        assert_int_equal(scratch_count(dir, QUARANTINE_DIR), 0);
        scratch_remove(dir);
    }
    assert_int_equal(at, 4); /* two files, and none */
}

/* Root as we are, or as the only user of a namespace of our own. What is mounted here goes with the process. */
static bool can_mount(void)
{
    return unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool put_mount(const char *dir, const char *on, bool tmpfs)
{
    char at[300];

    (void)snprintf(at, sizeof at, "%s/%s", dir, on);
    return tmpfs ? mount("tmpfs", at, "tmpfs", 0, "size=64k") == 0
                 : mount(scratch_path(dir, "outside"), at, NULL, MS_BIND, NULL) == 0;
}

static bool is_refused(int rc, const struct err *e)
{
    return rc < 0 && e->class == ERR_REFUSED && strstr(e->msg, "something is mounted") != NULL;
}

struct mounting {
    char *dir;
    bool tmpfs;
    const char *within;
};

/* On the directory itself, since it was looked at. */
static int mount_over(void *ctx)
{
    const struct mounting *m = ctx;
    struct quarantine_id id = identify(m->dir), now;
    struct err e = {0};

    if (!can_mount() || !put_mount(m->dir, SLUG, m->tmpfs))
        return 1;
    if (!is_refused(quarantine_identify(m->dir, SLUG, &now, &e), &e))
        return 2;
    if (!is_refused(quarantine_move(m->dir, SLUG, ENTRY, &id, NULL, &e), &e))
        return 3;
    return scratch_count(m->dir, QUARANTINE_DIR) == 0 ? 0 : 4;
}

/* In what is deleted, however often one tries. */
static int mount_within(void *ctx)
{
    const struct mounting *m = ctx;
    struct quarantine_id id = identify(m->dir);
    struct err e = {0};
    char at[200];

    (void)snprintf(at, sizeof at, KEPT "%s", m->within);
    if (!can_mount() || quarantine_move(m->dir, SLUG, ENTRY, &id, NULL, &e) < 0 || !put_mount(m->dir, at, m->tmpfs))
        return 1;
    for (int i = 0; i < 2; i++)
        if (!is_refused(quarantine_remove(m->dir, ENTRY, &id, NULL, NULL, &e), &e))
            return 2;
    return scratch_exists(m->dir, "outside/file") ? 0 : 3;
}

static void what_is_mounted_is_not_moved_and_not_deleted(void **state)
{
    static const char *const within[] = {"/deep", "/deep/er", ""};

    for (int i = 0; i < 2 * (1 + (int)N(within)); i++) {
        struct mounting m = {.dir = make_root(), .tmpfs = i % 2, .within = i / 2 ? within[i / 2 - 1] : NULL};

        scratch_write_text(m.dir, "outside/file", "stays");
        int rc = child_run(m.within ? mount_within : mount_over, &m);
        if (rc != 0)
            fail_msg("%s%s: %d", m.within ? m.within : "over", m.tmpfs ? ", tmpfs" : "", rc);
        assert_true(scratch_exists(m.dir, "outside/file"));
        if (!m.within)
            assert_true(is_whole(m.dir, SLUG));
        scratch_remove(m.dir);
    }
}

static void lists_show_directories_of_the_right_form(void **state)
{
    char *dir = make_root();
    ARENA_AUTO a = arena_new();
    struct quarantine_dir *v;
    struct err e = {0};
    size_t n;

    assert_int_equal(quarantine_list(a, dir, &v, &n, &e), 0);
    assert_int_equal(n, 0);
    assert_int_equal(quarantine_list(a, scratch_path(dir, "none"), &v, &n, &e), 0);
    assert_int_equal(quarantine_list_slugs(a, scratch_path(dir, "none"), &v, &n, &e), 0);
    assert_int_equal(n, 0);
    scratch_mkdir(dir, KEPT);
    assert_int_equal(chmod(scratch_path(dir, QUARANTINE_DIR), 0700), 0);
    scratch_mkdir(dir, QUARANTINE_DIR "/mine");
    scratch_write_text(dir, QUARANTINE_DIR "/20261122T191500Z-file", "f");
    scratch_symlink(dir, QUARANTINE_DIR "/20261122T191500Z-link", ENTRY);
    scratch_symlink(dir, "agent-x-00000000", SLUG);
    assert_int_equal(quarantine_list(a, dir, &v, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(v[0].name, ENTRY);
    assert_int_equal(quarantine_list_slugs(a, dir, &v, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(v[0].name, SLUG);
    scratch_remove(dir);
}

/* --- records --------------------------------------------------------------------------------------------------------------- */

static const struct leftover sample = {.state = LEFTOVER_KEPT,
                                       .install = "1111111111111111",
                                       .root = "/r",
                                       .slug = SLUG,
                                       .entry = ENTRY,
                                       .endpoint = "docker",
                                       .runtime = "openclaw-sbx-" SLUG,
                                       .scope_key = "agent:main",
                                       .kind = RUNTIME_BROWSER,
                                       .reason = "superseded: \"x\"",
                                       .at_ms = NOW,
                                       .dev = 2049,
                                       .ino = UINT64_MAX,
                                       .bytes = -1,
                                       .error = "no"};

static void a_record_comes_back_as_it_was(void **state)
{
    char *dir = scratch_make();
    ARENA_AUTO a = arena_new();
    struct leftovers_view view;
    struct leftover later = sample, next = sample;
    struct home *h;
    struct err e = {0};

    assert_int_equal(chmod(dir, 0700), 0);
    assert_int_equal(home_open(dir, NULL, &h, &e), 0);
    later.entry = "20261123T191500Z-" SLUG;
    later.at_ms = NOW + 1;
    assert_int_equal(leftover_put(h, &later, &e), 0);
    next.state = LEFTOVER_LEAVING;
    assert_int_equal(leftover_put(h, &next, &e), 0);
    assert_int_equal(leftover_put(h, &sample, &e), 0);
    scratch_write_text(dir, "leftovers/garbage.json", "{");
    assert_int_equal(leftovers_read(h, a, &view, &e), 0);
    assert_int_equal(view.n, 2);
    assert_int_equal(view.issues.n, 1);
    assert_string_equal(view.v[1].entry, later.entry);
    const struct leftover *l = &view.v[0];
    assert_int_equal(l->state, LEFTOVER_KEPT);
    assert_int_equal(l->kind, RUNTIME_BROWSER);
    assert_true(l->ino == UINT64_MAX && l->dev == 2049 && l->bytes == -1 && l->at_ms == NOW);
    assert_string_equal(l->root, "/r");
    assert_string_equal(l->reason, sample.reason);
    assert_string_equal(l->error, "no");
    assert_int_equal(leftover_remove(h, &sample, &e), 0);
    assert_int_equal(leftover_remove(h, &sample, &e), 0);
    assert_int_equal(leftovers_read(h, a, &view, &e), 0);
    assert_int_equal(view.n, 1);
    home_close(h);
    scratch_remove(dir);
}

static void a_record_that_leads_astray_is_none(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"\"/r\"", "\"r\""},
        {"\"slug\": \"" SLUG "\"", "\"slug\": \"..\""},
        {"\"slug\": \"" SLUG "\"", "\"slug\": \"other\""},
        {"\"" ENTRY "\"", "\"20261122T191500Z-../../etc\""},
        {"\"kept\"", "\"mine\""},
        {"\"browser\"", "\"x\""},
        {"\"2049\"", "2049"},
        {"\"format\": 1", "\"format\": 2"},
        {"\"atMs\": 1795374900000", "\"atMs\": 0.5"},
    };
    ARENA_AUTO a = arena_new();
    BUF_AUTO good = BUF_INIT(1u << 16);
    struct leftover l;
    struct err e = {0};

    leftover_format(a, &sample, &good);
    assert_int_equal(leftover_decode(a, buf_str(&good), good.n, &l, &e), 0);
    for (size_t i = 0; i < N(rows); i++) {
        const char *at = strstr(buf_str(&good), rows[i].from);
        const char *text;

        if (!at)
            fail_msg("%s is not in %s", rows[i].from, buf_str(&good));
        text = arena_printf(a, "%.*s%s%s", (int)(at - buf_str(&good)), buf_str(&good), rows[i].to, at + strlen(rows[i].from));
        if (leftover_decode(a, text, strlen(text), &l, &e) == 0)
            fail_msg("%s passes", rows[i].to);
        assert_int_equal(e.class, ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_from_what_is_none),
        cmocka_unit_test(a_directory_is_moved_kept_and_put_back),
        cmocka_unit_test(nothing_is_replaced),
        cmocka_unit_test(only_the_very_directory_is_touched),
        cmocka_unit_test(a_quarantine_that_is_not_ours_is_not_used),
        cmocka_unit_test(a_fault_or_crash_at_any_step_leaves_it_whole),
        cmocka_unit_test(what_is_deleted_is_that_tree_and_no_more),
        cmocka_unit_test(a_removal_that_breaks_off_is_ended_by_the_next),
        cmocka_unit_test(what_is_mounted_is_not_moved_and_not_deleted),
        cmocka_unit_test(lists_show_directories_of_the_right_form),
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(a_record_that_leads_astray_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
