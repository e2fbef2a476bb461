/* workspace: the directories that are made before a runtime is. */
#include "reconciler/workspace.h"
#include "spec/base/arena.h"
#include "tests/lib/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What is to be there, and is a directory, afterwards. */
static void what_is_mounted_is_made_with_its_parents(void **state)
{
    char *dir = scratch_make();
    const struct host host = {.uid = getuid(), .gid = getgid()};
    const struct desired all = {.workspace_dir = scratch_path(dir, "a/ws"),
                                .agent_workspace_dir = scratch_path(dir, "b"),
                                .skills_dir = scratch_path(dir, "a/ws/skills")},
                         none = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(workspace_prepare(&host, NULL, &e), 0);
    assert_int_equal(workspace_prepare(&host, &none, &e), 0);
    assert_int_equal(scratch_count(dir, ""), 0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(workspace_prepare(&host, &all, &e), 0);
        assert_int_equal(scratch_count(dir, "a/ws"), 1);
        assert_int_equal(scratch_count(dir, "a/ws/skills"), 0);
        assert_int_equal(scratch_count(dir, "b"), 0);
    }
    scratch_remove(dir);
}

/* An owner may keep his workspace behind a link; skills stand where a sandbox may write. */
static void a_link_is_followed_to_a_workspace_and_not_to_skills(void **state)
{
    static const struct {
        const char *target; /* of "ws/skills"; NULL: a file */
    } table[] = {{"/etc"}, {"../elsewhere"}, {"nothing"}, {NULL}};
    const struct host host = {.uid = getuid(), .gid = getgid()};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *dir = scratch_make();
        struct desired want = {.workspace_dir = scratch_path(dir, "link")};
        struct err e = {0};

        scratch_mkdir(dir, "ws");
        scratch_mkdir(dir, "elsewhere");
        scratch_symlink(dir, "link", "ws");
        if (table[i].target)
            scratch_symlink(dir, "ws/skills", table[i].target);
        else
            scratch_write_text(dir, "ws/skills", "x");
        assert_int_equal(workspace_prepare(&host, &want, &e), 0);
        want.skills_dir = scratch_path(dir, "link/skills");
        assert_int_equal(workspace_prepare(&host, &want, &e), -1);
        assert_int_equal(e.class, ERR_REFUSED);
        assert_non_null(strstr(e.msg, "link/skills"));
        scratch_remove(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_mounted_is_made_with_its_parents),
        cmocka_unit_test(a_link_is_followed_to_a_workspace_and_not_to_skills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
