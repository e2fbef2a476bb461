/* reconciler/local_fs: the contract of spec/fs.h on the real file system, and that nothing in it can make us wait. */
#include "reconciler/local_fs.h"
#include "spec/base/path.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *a;
static char *dir;

static int set_up(void **state)
{
    a = arena_new();
    dir = scratch_make();
    return 0;
}

static int tear_down(void **state)
{
    scratch_remove(dir);
    arena_free(a);
    return 0;
}

static int read_file(const char *rel, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    *e = (struct err){0};
    return local_fs.read(NULL, a, path_resolve(a, dir, rel), max, ret, ret_n, e);
}

static void a_file_is_read_whole_up_to_the_cap(void **state)
{
    struct err e;
    char *bytes;
    size_t n;

    scratch_write(dir, "f", "a\0b\n", 4, 0644);
    scratch_write_text(dir, "empty", "");
    scratch_symlink(dir, "link", "f");
    assert_int_equal(read_file("f", 4, &bytes, &n, &e), 0);
    assert_int_equal(n, 4);
    assert_memory_equal(bytes, "a\0b\n", 5);
    assert_int_equal(read_file("link", 100, &bytes, &n, &e), 0);
    assert_int_equal(n, 4);
    assert_int_equal(read_file("empty", 0, &bytes, &n, &e), 0);
    assert_int_equal(n, 0);
    assert_string_equal(bytes, "");
    assert_int_equal(read_file("f", 3, &bytes, &n, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    assert_int_equal(e.sys, EFBIG);
}

static void a_file_without_a_size_is_read_to_its_end(void **state)
{
    struct err e = {0};
    char *bytes;
    size_t n;

    assert_int_equal(local_fs.read(NULL, a, "/proc/self/maps", 1 << 24, &bytes, &n, &e), 0);
    assert_true(n > 500);
    assert_int_equal(bytes[n - 1], '\n');
    assert_int_equal(local_fs.read(NULL, a, "/proc/self/maps", 100, &bytes, &n, &e), -1);
    assert_int_equal(e.sys, EFBIG);
}

static void what_is_no_file_is_refused_without_waiting(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct err e;
    char *bytes;
    size_t n;

    alarm(20); /* a read that waits ends the test */
    assert_int_equal(mkfifo(path_resolve(a, dir, "fifo"), 0600), 0);
    scratch_write_text(dir, "d/x", "");
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path_resolve(a, dir, "socket"), sizeof address.sun_path - 1);
    assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    scratch_symlink(dir, "null", "/dev/null");
    for (const char *const *p = (const char *const[]){"fifo", "d", "socket", "null", NULL}; *p; p++) {
        assert_int_equal(read_file(*p, 100, &bytes, &n, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
        assert_non_null(strstr(e.msg, "not a regular file"));
    }
    close(s);
    alarm(0);
}

static void what_is_not_there_is_not_found_and_a_loop_is_not(void **state)
{
    struct err e;
    struct fs_stat st;
    char *out;
    size_t n;

    scratch_write_text(dir, "f", "");
    scratch_symlink(dir, "dangling", "nothing");
    scratch_symlink(dir, "loop", "loop");
    for (const char *const *p = (const char *const[]){"missing", "f/below", "dangling", "no/such/dir", NULL}; *p; p++) {
        const char *path = path_resolve(a, dir, *p);

        assert_int_equal(read_file(*p, 100, &out, &n, &e), -1);
        assert_int_equal(e.class, ERR_NOT_FOUND);
        assert_int_equal(local_fs.stat(NULL, path, true, &st, &e), -1);
        assert_int_equal(e.class, ERR_NOT_FOUND);
        assert_int_equal(local_fs.realpath(NULL, a, path, &out, &e), -1);
        assert_int_equal(e.class, ERR_NOT_FOUND);
    }
    assert_int_equal(read_file("loop", 100, &out, &n, &e), -1);
    assert_int_equal(e.class, ERR_IO);
    assert_int_equal(e.sys, ELOOP);
}

static void stat_tells_kinds_and_links(void **state)
{
    struct fs_stat st;
    struct err e = {0};
    char *out;

    scratch_write_text(dir, "f", "abc");
    assert_int_equal(link(path_resolve(a, dir, "f"), path_resolve(a, dir, "g")), 0);
    scratch_symlink(dir, "l", "f");
    assert_int_equal(chmod(path_resolve(a, dir, "f"), 0640), 0);
    assert_int_equal(local_fs.stat(NULL, path_resolve(a, dir, "l"), false, &st, &e), 0);
    assert_int_equal(st.kind, FS_SYMLINK);
    assert_int_equal(local_fs.stat(NULL, path_resolve(a, dir, "l"), true, &st, &e), 0);
    assert_int_equal(st.kind, FS_FILE);
    assert_int_equal(st.size, 3);
    assert_int_equal(st.nlink, 2);
    assert_int_equal(st.mode & 07777, 0640);
    assert_int_equal(st.uid, geteuid());
    assert_int_equal(local_fs.stat(NULL, dir, true, &st, &e), 0);
    assert_int_equal(st.kind, FS_DIR);
    assert_int_equal(local_fs.stat(NULL, "/dev/null", true, &st, &e), 0);
    assert_int_equal(st.kind, FS_OTHER);
    assert_int_equal(local_fs.realpath(NULL, a, path_resolve(a, dir, "l"), &out, &e), 0);
    assert_string_equal(out, path_resolve(a, dir, "f"));
    assert_int_equal(local_fs.readlink(NULL, a, path_resolve(a, dir, "l"), &out, &e), 0);
    assert_string_equal(out, "f");
    assert_int_equal(local_fs.readlink(NULL, a, path_resolve(a, dir, "f"), &out, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_read_whole_up_to_the_cap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_without_a_size_is_read_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_without_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_found_and_a_loop_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stat_tells_kinds_and_links, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("local_fs", tests, NULL, NULL);
}
