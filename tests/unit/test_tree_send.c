#include "backends/tree.h"

#include "tests/lib/scratch.h"
#include "tests/lib/trees.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sent_is_what_tar_unpacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
