#include "backends/tree.h"

#include "tests/lib/scratch.h"
#include "tests/lib/trees.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct call minute = {.timeout_ms = 60000};
static const char *const names[TREE_CODING_COUNT] = {[TREE_ZSTD] = "a.tar.zst", [TREE_GZIP] = "a.tar.gz"};

/* A random tree as tar bytes. */
static struct manifest make_stream(struct arena *a, const char *dir, uint64_t seed, struct trees_memory *m)
{
    scratch_mkdir(dir, "from");
    trees_make(scratch_path(dir, "from"), seed, 60);
    trees_create("tar", "", scratch_path(dir, "from"), m);
    return trees_manifest(a, scratch_path(dir, "from"));
}

static void put_all(struct tree_archive *w, const struct trees_memory *m)
{
    struct tree_sink to = tree_archive_sink(w);
    struct err e;

    for (size_t at = 0; at < m->n; at += 10000)
        if (to.write(to.ctx, m->s + at, m->n - at < 10000 ? m->n - at : 10000, &e) < 0)
            fail_msg("%s", e.msg);
}

static void test_an_archive_holds_what_was_written(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);

    print_message("seed %llu\n", (unsigned long long)seed);
    for (enum tree_coding coding = 0; coding < TREE_CODING_COUNT; coding++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make(), hex[DIGEST_HEX], *bytes;
        struct trees_memory m = {0};
        struct manifest want = make_stream(a, dir, seed + coding, &m), got, restored;
        struct tree_read_req req = {.links = TREE_LINKS_KEEP, .expect = &want};
        struct tree_archive_info info;
        struct tree_archive *w;
        struct tree_stream from;
        struct tree_file *f;
        struct stat st;
        struct err e;
        size_t n;

        assert_int_equal(tree_archive_open(scratch_path(dir, names[coding]), coding, &w, &e), 0);
        put_all(w, &m);
        assert_false(scratch_exists(dir, names[coding]));
        if (tree_archive_commit(a, w, &req, &minute, &got, &info, &e) < 0)
            fail_msg("%s", e.msg);
        tree_archive_close(w);
        trees_assert_equal(&want, &got, "archived");
        assert_int_equal(lstat(scratch_path(dir, names[coding]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(info.bytes, st.st_size);
        bytes = scratch_read(dir, names[coding], &n);
        digest_sha256_hex(bytes, n, hex);
        free(bytes);
        assert_string_equal(info.digest, hex);
        assert_int_equal(scratch_count(dir, "."), 2); /* from, the archive */
        assert_int_equal(tree_file_open(scratch_path(dir, names[coding]), &f, &e), 0);
        req.compressed = true;
        from = tree_file_stream(f);
        if (tree_receive(a, &req, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e) < 0)
            fail_msg("%s", e.msg);
        tree_file_close(f);
        restored = trees_manifest(a, scratch_path(dir, "to"));
        trees_assert_equal(&want, &restored, "restored");
        assert_int_equal(tree_archive_open(scratch_path(dir, names[coding]), coding, &w, &e), -1);
        assert_int_equal(e.class, ERR_CONFLICT);
        trees_memory_free(&m);
        scratch_remove(dir);
    }
}

static void test_an_archive_that_is_not_committed_leaves_nothing(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    struct trees_memory m = {0};
    struct tree_archive *w;
    struct err e;

    make_stream(a, dir, 1, &m);
    assert_int_equal(tree_archive_open(scratch_path(dir, "x"), TREE_ZSTD, &w, &e), 0);
    put_all(w, &m);
    assert_int_equal(scratch_count(dir, "."), 2);
    tree_archive_close(w);
    assert_int_equal(scratch_count(dir, "."), 1);
    tree_archive_close(NULL);
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void test_a_cut_stream_or_another_tree_is_no_archive(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    struct trees_memory m = {0};
    struct manifest want = make_stream(a, dir, 2, &m), other = {0}, got;
    const size_t whole = m.n;

    /* The last: whole, and not what is expected. */
    for (size_t cut = 0; cut <= whole; cut += whole / 37 + 1) {
        const bool all = cut + whole / 37 + 1 > whole;
        struct tree_read_req req = {.links = TREE_LINKS_KEEP, .expect = all ? &other : cut % 2 ? &want : NULL};
        struct tree_archive *w;
        struct err e;

        m.n = all ? whole : cut;
        assert_int_equal(tree_archive_open(scratch_path(dir, "x"), TREE_ZSTD, &w, &e), 0);
        put_all(w, &m);
        assert_int_equal(tree_archive_commit(a, w, &req, &minute, &got, NULL, &e), -1);
        assert_int_equal(e.class, all ? ERR_CONFLICT : ERR_INPUT);
        tree_archive_close(w);
        assert_int_equal(scratch_count(dir, "."), 1);
    }
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void test_a_damaged_or_cut_file_is_refused(void **state)
{
    for (enum tree_coding coding = 0; coding < TREE_CODING_COUNT; coding++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make(), *bytes;
        struct trees_memory m = {0}, file = {0};
        struct manifest want = make_stream(a, dir, 3, &m), got;
        struct tree_read_req req = {.links = TREE_LINKS_KEEP, .expect = &want, .compressed = true};
        struct tree_stream from;
        struct tree_archive *w;
        struct err e;
        size_t n;

        assert_int_equal(tree_archive_open(scratch_path(dir, "x"), coding, &w, &e), 0);
        put_all(w, &m);
        assert_int_equal(tree_archive_commit(a, w, &req, &minute, &got, NULL, &e), 0);
        tree_archive_close(w);
        bytes = scratch_read(dir, "x", &n);
        file.s = bytes;
        for (size_t cut = 0; cut < n; cut += cut + 40 < n ? 1 + n / 60 : 1) {
            file.n = cut;
            from = trees_stream(&file);
            if (tree_index(a, &req, &from, &minute, &got, NULL, &e) == 0)
                fail_msg("%zu of %zu bytes are taken for all", cut, n);
            assert_int_equal(e.class, ERR_INPUT);
        }
        file.n = n;
        /* Damage may hide in what means nothing (a time in a gzip header), but never gives another tree. */
        for (size_t at = 0; at < n; at += 1 + n / 60) {
            bytes[at] ^= 0x20;
            from = trees_stream(&file);
            if (tree_index(a, &req, &from, &minute, &got, NULL, &e) == 0)
                trees_assert_equal(&want, &got, "damaged");
            bytes[at] ^= 0x20;
        }
        from = trees_stream(&m);
        assert_int_equal(tree_index(a, &req, &from, &minute, &got, NULL, &e), -1);
        assert_non_null(strstr(e.msg, "neither gzip nor zstd"));
        trees_memory_free(&m);
        trees_memory_free(&file);
        scratch_remove(dir);
    }
}

/* The stream of a tree that does not get smaller by packing. */
static void make_noise(const char *dir, struct trees_memory *m)
{
    static uint64_t noise[40000];
    uint64_t random = 7;

    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        noise[i] = trees_random(&random);
    scratch_write_text(dir, "from/first", "x");
    scratch_write(dir, "from/second", noise, sizeof noise, 0600);
    trees_create("tar", "", scratch_path(dir, "from"), m);
}

static void test_a_write_that_fails_leaves_nothing(void **state)
{
    ARENA_AUTO a = arena_new();
    struct rlimit before, small;
    char *dir = scratch_make();
    struct trees_memory m = {0};
    struct tree_archive *w;
    struct tree_sink to;
    struct tree_stream from;
    struct manifest got;
    struct err e = {0};
    int r = 0;

    make_noise(dir, &m);
    (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(tree_archive_open(scratch_path(dir, "x"), TREE_ZSTD, &w, &e), 0);
    to = tree_archive_sink(w);
    for (size_t at = 0; at < m.n && r == 0; at += 10000)
        r = to.write(to.ctx, m.s + at, m.n - at < 10000 ? m.n - at : 10000, &e);
    if (r == 0)
        r = tree_archive_commit(a, w, &(struct tree_read_req){0}, &minute, &got, NULL, &e);
    tree_archive_close(w);
    assert_int_equal(r, -1);
    assert_int_equal(e.class, ERR_IO);
    assert_int_equal(e.sys, EFBIG);
    assert_int_equal(scratch_count(dir, "."), 1);
    from = trees_stream(&m);
    r = tree_receive(a, &(struct tree_read_req){0}, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(r, -1);
    assert_int_equal(e.class, ERR_IO);
    assert_int_equal(e.sys, EFBIG);
    assert_int_equal(scratch_count(dir, "."), 1);
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(10);
    close(fd);
}

/* A small disk of our own at dir, in a process of our own. */
static void mount_small_disk(const char *dir)
{
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    char map[64];

    if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
        _exit(11);
    if (uid != 0) {
        write_text("/proc/self/setgroups", "deny");
        (void)snprintf(map, sizeof map, "%u %u 1", uid, uid);
        write_text("/proc/self/uid_map", map);
        (void)snprintf(map, sizeof map, "%u %u 1", gid, gid);
        write_text("/proc/self/gid_map", map);
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", dir, "tmpfs", 0, "size=200k") < 0)
        _exit(12);
}

static int in_small_disk(const char *dir, struct trees_memory *m)
{
    ARENA_AUTO a = arena_new();
    struct tree_archive *w;
    struct tree_stream from = trees_stream(m);
    struct manifest got;
    struct tree_sink to;
    struct err e;
    int r = 0;

    mount_small_disk(dir);
    if (tree_archive_open(scratch_path(dir, "x"), TREE_ZSTD, &w, &e) < 0)
        return 1;
    to = tree_archive_sink(w);
    for (size_t at = 0; at < m->n && r == 0; at += 10000)
        r = to.write(to.ctx, m->s + at, m->n - at < 10000 ? m->n - at : 10000, &e);
    if (r == 0)
        r = tree_archive_commit(a, w, &(struct tree_read_req){0}, &minute, &got, NULL, &e);
    tree_archive_close(w);
    if (r == 0 || e.class != ERR_IO || e.sys != ENOSPC || scratch_count(dir, ".") != 0)
        return 2;
    if (tree_receive(a, &(struct tree_read_req){0}, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e) == 0)
        return 3;
    return e.class != ERR_IO || e.sys != ENOSPC || scratch_count(dir, ".") != 0 ? 4 : 0;
}

static void test_a_disk_that_is_full_says_so_and_is_left_clean(void **state)
{
    char *dir = scratch_make();
    struct trees_memory m = {0};
    int status;
    pid_t child;

    make_noise(dir, &m);
    scratch_mkdir(dir, "disk");
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(in_small_disk(scratch_path(dir, "disk"), &m));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void test_a_local_tree_goes_straight_into_an_archive(void **state)
{
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    const struct tree_dir d = {.name = "workspace", .path = scratch_path(dir, "from")};
    struct tree_scan_req req = {.dirs = &d, .n_dirs = 1, .links = TREE_LINKS_KEEP};
    struct tree_read_req back = {.links = TREE_LINKS_KEEP};
    struct tree_archive *w;
    struct manifest got;
    struct tree_sink to;
    struct tree *t;
    struct err e;

    scratch_mkdir(dir, "from");
    trees_make(scratch_path(dir, "from"), 5, 80);
    assert_int_equal(tree_scan(a, &req, &minute, &t, NULL, &e), 0);
    assert_int_equal(tree_archive_open(scratch_path(dir, "x"), TREE_GZIP, &w, &e), 0);
    to = tree_archive_sink(w);
    assert_int_equal(tree_send(t, NULL, &to, &minute, &e), 0);
    back.expect = tree_manifest(t);
    if (tree_archive_commit(a, w, &back, &minute, &got, NULL, &e) < 0)
        fail_msg("%s", e.msg);
    trees_assert_equal(tree_manifest(t), &got, "archived");
    tree_archive_close(w);
    tree_close(t);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_archive_holds_what_was_written),
        cmocka_unit_test(test_an_archive_that_is_not_committed_leaves_nothing),
        cmocka_unit_test(test_a_cut_stream_or_another_tree_is_no_archive),
        cmocka_unit_test(test_a_damaged_or_cut_file_is_refused),
        cmocka_unit_test(test_a_write_that_fails_leaves_nothing),
        cmocka_unit_test(test_a_disk_that_is_full_says_so_and_is_left_clean),
        cmocka_unit_test(test_a_local_tree_goes_straight_into_an_archive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
