#include "backends/tree.h"

#include "backends/proc.h"
#include "tests/lib/scratch.h"
#include "tests/lib/trees.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct call minute = {.timeout_ms = 60000};

static struct tree *scan_one(struct arena *a, const char *dir, enum tree_links links)
{
    struct tree_dir d = {.name = "", .path = dir};
    struct tree_scan_req req = {.dirs = &d, .n_dirs = 1, .links = links};
    struct tree *t = NULL;
    struct err e;

    if (tree_scan(a, &req, &minute, &t, NULL, &e) < 0)
        fail_msg("%s", e.msg);
    return t;
}

static void send_or_fail(struct tree *t, const char *dir, struct trees_memory *m)
{
    struct tree_sink to = trees_sink(m);
    struct err e;

    if (tree_send(t, dir, &to, &minute, &e) < 0)
        fail_msg("%s", e.msg);
}

static const char *const tars[] = {"tar", "busybox tar"};

static void test_what_is_sent_is_what_tar_unpacks(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);

    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 6; i++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct trees_memory m = {0};
        struct manifest before, after;
        struct tree *t;

        scratch_mkdir(dir, "from");
        trees_make(scratch_path(dir, "from"), seed + i, 150);
        before = trees_manifest(a, scratch_path(dir, "from"));
        t = scan_one(a, scratch_path(dir, "from"), TREE_LINKS_KEEP);
        assert_null(tree_manifest(t));
        send_or_fail(t, NULL, &m);
        trees_assert_equal(&before, tree_manifest(t), "sent");
        assert_int_equal(tree_entries(t), before.n);
        assert_int_equal(tree_bytes(t), manifest_bytes(&before));
        tree_close(t);
        for (size_t k = 0; k < 2; k++) {
            const char *to = k == 0 ? "gnu" : "busybox";

            scratch_mkdir(dir, to);
            assert_int_equal(trees_extract(tars[k], scratch_path(dir, to), &m), 0);
            after = trees_manifest(a, scratch_path(dir, to));
            trees_assert_equal(&before, &after, tars[k]);
        }
        trees_memory_free(&m);
        scratch_remove(dir);
    }
}

static void test_links_that_lead_outside_are_named_all_together(void **state)
{
    static const struct {
        const char *path, *target;
        bool refused;
    } links[] = {
        {"a/abs", "/etc/passwd", true},
        {"a/up", "../../x", true},
        {"a/dangling-out", "../../nowhere", true},
        {"a/in", "../f", false},
        {"a/dangling-in", "none", false},
        {"a/self", "self", false},
        {"a/root", "..", false},
        {"above", "..", true},
        {"a/via", "in-dir/../../..", true},
        {"a/in-dir", "d", false},
        {"a/dot", "./.", false},
        {"a/through-abs", "abs", true},
    };
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    const struct tree_dir d = {.name = "", .path = dir};
    struct tree_scan_req req = {.dirs = &d, .n_dirs = 1};
    struct tree_remarks remarks;
    struct tree *t;
    struct err e;
    size_t n = 0;

    scratch_write_text(dir, "f", "x");
    scratch_write_text(dir, "a/d/f", "x");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        scratch_symlink(dir, links[i].path, links[i].target);
    assert_int_equal(tree_scan(a, &req, &minute, &t, &remarks, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    assert_non_null(strstr(e.msg, "6 paths cannot be copied"));
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        bool found = false;

        for (size_t k = 0; k < remarks.n; k++)
            found |= text_eq(remarks.v[k].path, links[i].path);
        if (found != links[i].refused)
            fail_msg("%s -> %s: %s", links[i].path, links[i].target, found ? "refused" : "let in");
        n += found;
    }
    assert_int_equal(n, remarks.n);
    req.links = TREE_LINKS_SKIP;
    assert_int_equal(tree_scan(a, &req, &minute, &t, &remarks, &e), 0);
    assert_int_equal(remarks.n, n);
    assert_int_equal(tree_entries(t), 4 + sizeof links / sizeof *links - n);
    tree_close(t);
    req.links = TREE_LINKS_KEEP;
    assert_int_equal(tree_scan(a, &req, &minute, &t, &remarks, &e), 0);
    assert_int_equal(remarks.n, 0);
    tree_close(t);
    scratch_remove(dir);
}

static void test_two_directories_are_two_trees(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make(), *shown;
    const struct tree_dir d[] = {{.name = "workspace", .path = scratch_path(dir, "w")},
                                 {.name = "agent", .path = scratch_path(dir, "g")}};
    struct tree_scan_req req = {.dirs = d, .n_dirs = 2};
    struct trees_memory m = {0}, part = {0};
    const struct manifest *got;
    struct manifest index, below;
    struct tree_stream from;
    struct tree *t;
    struct err e;

    scratch_write_text(dir, "w/d/f", "one");
    scratch_symlink(dir, "w/l", "d/f");
    scratch_write_text(dir, "g/f", "two");
    assert_int_equal(tree_scan(a, &req, &minute, &t, NULL, &e), 0);
    send_or_fail(t, "workspace", &part);
    assert_null(tree_manifest(t));
    send_or_fail(t, NULL, &m);
    got = tree_manifest(t);
    assert_non_null(got);
    assert_int_equal(got->n, 6);
    assert_string_equal(got->v[0].path, "agent");
    assert_string_equal(got->v[5].path, "workspace/l");
    assert_int_equal(got->n_dirs, 2);
    assert_string_equal(got->dirs[0].name, "workspace");
    assert_string_equal(got->dirs[0].local, scratch_path(dir, "w"));
    from = trees_stream(&m);
    assert_int_equal(tree_index(a, &(struct tree_read_req){.expect = got}, &from, &minute, &index, NULL, &e), 0);
    assert_int_equal(manifest_below(a, got, "workspace", &below, &e), 0);
    from = trees_stream(&part);
    assert_int_equal(tree_index(a, &(struct tree_read_req){.expect = &below}, &from, &minute, &index, NULL, &e), 0);
    assert_int_equal(index.n, 3);
    assert_int_equal(tree_send(t, "other", &(struct tree_sink){0}, &minute, &e), -1);
    tree_close(t);
    /* What is beside it here is not beside it there. */
    scratch_symlink(dir, "w/out", "../agent/f");
    assert_int_equal(tree_scan(a, &req, &minute, &t, NULL, &e), -1);
    shown = strstr(e.msg, "'workspace/out' is a link that leads outside ('../agent/f')");
    assert_non_null(shown);
    trees_memory_free(&m);
    trees_memory_free(&part);
    scratch_remove(dir);
}

static void test_what_is_no_file_is_left_out_with_a_remark(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    const struct tree_dir d = {.name = "", .path = dir};
    struct tree_scan_req req = {.dirs = &d, .n_dirs = 1, .digest = true};
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct tree_remarks remarks;
    struct tree *t;
    struct err e;

    scratch_write_text(dir, "f", "x");
    assert_int_equal(mkfifo(scratch_path(dir, "p"), 0600), 0);
    (void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s", scratch_path(dir, "s"));
    assert_int_equal(bind(s, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(tree_scan(a, &req, &minute, &t, &remarks, &e), 0);
    assert_int_equal(remarks.n, 2);
    assert_false(remarks.v[0].refused);
    assert_int_equal(tree_manifest(t)->n, 1);
    tree_close(t);
    close(s);
    scratch_remove(dir);
}

static void test_caps_hold_at_n_and_not_at_n_plus_1(void **state)
{
    static const struct {
        struct tree_limits limits;
        bool fits;
    } rows[] = {
        {{.max_entries = 4}, true}, {{.max_entries = 3}, false},   {{.max_entries = 1}, false},    {{.max_bytes = 8}, true},
        {{.max_bytes = 7}, false},  {{.max_file_bytes = 5}, true}, {{.max_file_bytes = 4}, false},
    };
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    const struct tree_dir d = {.name = "", .path = dir};
    struct tree *t;
    struct err e;

    scratch_write_text(dir, "d/five", "12345");
    scratch_write_text(dir, "d/three", "123");
    scratch_symlink(dir, "l", "d");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tree_scan_req req = {.dirs = &d, .n_dirs = 1, .limits = rows[i].limits};
        int r = tree_scan(a, &req, &minute, &t, NULL, &e);

        assert_int_equal(r, rows[i].fits ? 0 : -1);
        if (r == 0)
            tree_close(t);
        else
            assert_int_equal(e.class, ERR_INPUT);
    }
    /* A sparse giant is as big as it says. */
    assert_int_equal(truncate(scratch_path(dir, "d/three"), (off_t)1 << 40), 0);
    struct tree_scan_req req = {.dirs = &d, .n_dirs = 1};
    assert_int_equal(tree_scan(a, &req, &minute, &t, NULL, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    scratch_remove(dir);
}

static void test_a_directory_that_is_not_there_is_said(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    struct tree_dir d = {.name = "workspace", .path = scratch_path(dir, "none")};
    struct tree_scan_req req = {.dirs = &d, .n_dirs = 1};
    struct tree *t;
    struct err e;

    assert_int_equal(tree_scan(a, &req, &minute, &t, NULL, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"a/b", "..", "/"};

        d = (struct tree_dir){.name = names[i], .path = dir};
        assert_int_equal(tree_scan(a, &req, &minute, &t, NULL, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
    }
    scratch_remove(dir);
}

static void test_a_file_past_8_gib_has_its_size_in_the_stream(void **state)
{
    static const char *const list[] = {"tar -tvf -", "busybox tar -tvf -"};
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    struct trees_memory m = {.fail_at = 3 * TREE_CHUNK};
    struct tree_sink to = trees_sink(&m);
    struct tree *t;
    struct err e;

    scratch_write_text(dir, "from/big", "x");
    if (truncate(scratch_path(dir, "from/big"), ((off_t)9 << 30) + 5) < 0)
        fail_msg("no file of that size can be made here");
    t = scan_one(a, scratch_path(dir, "from"), TREE_LINKS_REFUSE);
    assert_int_equal(tree_send(t, NULL, &to, &minute, &e), -1);
    assert_int_equal(e.class, ERR_UNAVAILABLE);
    assert_string_equal(e.msg, "the line is cut");
    tree_close(t);
    for (size_t i = 0; i < 2; i++) {
        FILE *f = fopen(scratch_path(dir, "part"), "w");
        char *command, line[256] = "";
        struct proc_result r;

        assert_non_null(f);
        assert_int_equal(fwrite(m.s, 1, m.n, f), m.n);
        (void)fclose(f);
        command = arena_printf(a, "exec %s <part", list[i]);
        const char *argv[] = {"/bin/sh", "-c", command, NULL};

        assert_int_equal(proc_run(a, &(struct proc_req){.argv = argv, .workdir = dir}, &minute, &r, &e), 0);
        (void)snprintf(line, sizeof line, "%s", r.out);
        if (!strstr(line, "9663676421"))
            fail_msg("%s: %s %s", list[i], line, r.err);
    }
    trees_memory_free(&m);
    scratch_remove(dir);
}

/* --- changes in between ------------------------------------------------------------------------------------------------------
 */

struct race {
    const char *dir;
    void (*act)(const char *dir);
    size_t at; /* bytes that have gone before */
    bool done;
};

static void race_now(void *ctx, size_t n_before)
{
    struct race *r = ctx;

    if (r->done || n_before < r->at)
        return;
    r->done = true;
    r->act(r->dir);
}

static void add_file(const char *dir)
{
    scratch_write_text(dir, "d/new", "x");
}
static void remove_file(const char *dir)
{
    scratch_clear(dir, "z");
}
static void grow_file(const char *dir)
{
    assert_int_equal(truncate(scratch_path(dir, "z"), 400000), 0);
}
static void shrink_file(const char *dir)
{
    assert_int_equal(truncate(scratch_path(dir, "m"), 10), 0);
}
static void rewrite_sent_file(const char *dir)
{
    scratch_write_text(dir, "a", "y");
}
static void swap_file_for_link(const char *dir)
{
    scratch_clear(dir, "z");
    scratch_symlink(dir, "z", "/etc/passwd");
}
static void swap_dir_for_link(const char *dir)
{
    scratch_clear(dir, "y");
    scratch_symlink(dir, "y", "/etc");
}
static void swap_file_for_fifo(const char *dir)
{
    scratch_clear(dir, "z");
    assert_int_equal(mkfifo(scratch_path(dir, "z"), 0600), 0);
}
static void change_link(const char *dir)
{
    scratch_clear(dir, "w");
    scratch_symlink(dir, "w", "b");
}
static void change_mode(const char *dir)
{
    assert_int_equal(chmod(scratch_path(dir, "a"), 0600), 0);
}
static void change_bytes_and_put_the_time_back(const char *dir)
{
    struct stat st;

    assert_int_equal(stat(scratch_path(dir, "a"), &st), 0);
    scratch_write_text(dir, "a", "y");
    assert_int_equal(utimensat(AT_FDCWD, scratch_path(dir, "a"), (struct timespec[2]){st.st_atim, st.st_mtim}, 0), 0);
}

static void test_what_changes_while_it_is_sent_is_noticed(void **state)
{
    static const struct {
        const char *name;
        void (*act)(const char *dir);
    } rows[] = {
        {"a file appears", add_file},
        {"a file goes", remove_file},
        {"a file grows", grow_file},
        {"a file shrinks", shrink_file},
        {"a file that was sent is written", rewrite_sent_file},
        {"a file becomes a link", swap_file_for_link},
        {"a directory becomes a link", swap_dir_for_link},
        {"a file becomes a FIFO", swap_file_for_fifo},
        {"a link gets another target", change_link},
        {"a mode changes", change_mode},
        {"bytes change and the time is put back", change_bytes_and_put_the_time_back},
    };
    static char big[300000];

    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct race race = {.dir = dir, .act = rows[i / 2].act, .at = i % 2 ? 3 * TREE_CHUNK : 0};
        struct trees_memory m = {.on_write = race_now, .ctx = &race};
        struct tree_sink to = trees_sink(&m);
        struct tree *t;
        struct err e;

        scratch_write_text(dir, "a", "x");
        scratch_mkdir(dir, "d");
        scratch_write(dir, "m", big, sizeof big, 0644);
        scratch_symlink(dir, "w", "a");
        scratch_write_text(dir, "y/passwd", "x");
        scratch_write(dir, "z", big, sizeof big, 0644);
        t = scan_one(a, dir, TREE_LINKS_REFUSE);
        if (tree_send(t, NULL, &to, &minute, &e) == 0)
            fail_msg("%s: not noticed", rows[i / 2].name);
        assert_true(race.done);
        if (e.class != ERR_CONFLICT)
            fail_msg("%s: %s: %s", rows[i / 2].name, err_class_name(e.class), e.msg);
        /* Nothing from outside, and no end that would make it look whole. */
        assert_null(memmem(m.s, m.n, "root:", 5));
        struct tree_stream from = trees_stream(&m);
        struct manifest got;

        assert_int_equal(tree_index(a, &(struct tree_read_req){0}, &from, &minute, &got, NULL, &(struct err){0}), -1);
        tree_close(t);
        trees_memory_free(&m);
        scratch_remove(dir);
    }
}

struct swapper {
    const char *dir;
    atomic_bool stop;
};

static void *swap_again_and_again(void *ctx)
{
    struct swapper *s = ctx;
    char sub[4096], outside[4096], aside[4096];

    (void)snprintf(sub, sizeof sub, "%s/in/sub", s->dir);
    (void)snprintf(outside, sizeof outside, "%s/link", s->dir);
    (void)snprintf(aside, sizeof aside, "%s/aside", s->dir);
    while (!atomic_load(&s->stop)) {
        (void)rename(sub, aside);
        if (symlink("../secret", sub) == 0)
            (void)rename(sub, outside);
        (void)rename(aside, sub);
        (void)unlink(outside);
    }
    return NULL;
}

/* The directory is, again and again, a link to one outside for a moment. Whatever the scan and the send say, what is outside
 * never comes along. */
static void test_a_link_swapped_in_leads_nowhere(void **state)
{
    char *dir = scratch_make();
    struct swapper s = {.dir = dir};
    unsigned whole = 0;
    pthread_t thread;

    scratch_write_text(dir, "in/sub/f", "inside");
    scratch_write_text(dir, "secret/f", "canary!");
    assert_int_equal(pthread_create(&thread, NULL, swap_again_and_again, &s), 0);
    for (unsigned i = 0; i < 300; i++) {
        ARENA_AUTO a = arena_new();
        const struct tree_dir d = {.name = "", .path = scratch_path(dir, "in")};
        struct tree_scan_req req = {.dirs = &d, .n_dirs = 1, .links = TREE_LINKS_KEEP, .digest = i % 2};
        struct trees_memory m = {0};
        struct tree_sink to = trees_sink(&m);
        struct tree *t;
        struct err e;

        if (tree_scan(a, &req, &minute, &t, NULL, &e) < 0) {
            assert_int_equal(e.class, ERR_CONFLICT);
            continue;
        }
        if (tree_send(t, NULL, &to, &minute, &e) < 0)
            assert_int_equal(e.class, ERR_CONFLICT);
        else
            whole++;
        assert_null(m.n > 0 ? memmem(m.s, m.n, "canary!", 7) : NULL);
        tree_close(t);
        trees_memory_free(&m);
    }
    atomic_store(&s.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    print_message("%u of 300 found it standing still\n", whole);
    scratch_remove(dir);
}

static void test_a_sink_that_fails_ends_it_at_any_byte(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    static char big[200000];
    struct tree *t;
    struct err e;

    scratch_write_text(dir, "a", "x");
    scratch_write(dir, "m", big, sizeof big, 0644);
    t = scan_one(a, dir, TREE_LINKS_REFUSE);
    for (size_t at = 1; at < 200000; at += 9973) {
        struct trees_memory m = {.fail_at = at};
        struct tree_sink to = trees_sink(&m);

        assert_int_equal(tree_send(t, NULL, &to, &minute, &e), -1);
        assert_int_equal(e.class, ERR_UNAVAILABLE);
        trees_memory_free(&m);
    }
    struct trees_memory m = {0};
    const atomic_bool cancel = true;
    struct tree_sink to = trees_sink(&m);

    assert_int_equal(tree_send(t, NULL, &to, &(struct call){.timeout_ms = 1000, .cancel = &cancel}, &e), -1);
    assert_int_equal(e.class, ERR_CANCELLED);
    assert_int_equal(m.n, 0);
    send_or_fail(t, NULL, &m); /* and a tree may be sent again */
    trees_memory_free(&m);
    tree_close(t);
    scratch_remove(dir);
}

static void test_one_that_may_not_read_is_told_all_at_once(void **state)
{
    char *dir = scratch_make();
    pid_t child;
    int status;

    scratch_write(dir, "a", "x", 1, 0);
    scratch_write_text(dir, "b/f", "x");
    assert_int_equal(chmod(scratch_path(dir, "b"), 0), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ARENA_AUTO a = arena_new();
        const struct tree_dir d = {.name = "", .path = dir};
        struct tree_scan_req req = {.dirs = &d, .n_dirs = 1};
        struct tree *t;
        struct err e;

        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(3);
        _exit(tree_scan(a, &req, &minute, &t, NULL, &e) < 0 && e.class == ERR_INPUT &&
                      strstr(e.msg, "2 paths cannot be copied") && strstr(e.msg, "'a' cannot be read") &&
                      strstr(e.msg, "'b' cannot be read")
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sent_is_what_tar_unpacks),
        cmocka_unit_test(test_links_that_lead_outside_are_named_all_together),
        cmocka_unit_test(test_two_directories_are_two_trees),
        cmocka_unit_test(test_what_is_no_file_is_left_out_with_a_remark),
        cmocka_unit_test(test_caps_hold_at_n_and_not_at_n_plus_1),
        cmocka_unit_test(test_a_directory_that_is_not_there_is_said),
        cmocka_unit_test(test_a_file_past_8_gib_has_its_size_in_the_stream),
        cmocka_unit_test(test_what_changes_while_it_is_sent_is_noticed),
        cmocka_unit_test(test_a_link_swapped_in_leads_nowhere),
        cmocka_unit_test(test_a_sink_that_fails_ends_it_at_any_byte),
        cmocka_unit_test(test_one_that_may_not_read_is_told_all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
