/* spec_files: which files a set is made of, what is refused, and that no set mixes two versions. */
#include "reconciler/local_fs.h"
#include "reconciler/spec_files.h"
#include "spec/base/limits.h"
#include "tests/lib/scratch.h"

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

#define N(a) (sizeof(a) / sizeof(*(a)))

struct fixture {
    struct arena *a;
    char *dir;
    struct diags d;
    struct spec_files files;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->a = arena_new();
    f->dir = scratch_make();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    scratch_remove(f->dir);
    arena_free(f->a);
    free(f);
    return 0;
}

static int read_with(struct fixture *f, const struct fs *fs, const char *const *names, size_t n)
{
    struct spec_files_conf conf = {
        .fs = fs,
        .cwd = f->dir,
        .xdg_config = arena_strdup(f->a, scratch_path(f->dir, "xdg")),
        .etc = arena_strdup(f->a, scratch_path(f->dir, "etc")),
    };
    f->d = (struct diags){.arena = f->a};
    return spec_files_read(f->a, &conf, names, n, &f->d, &f->files);
}

#define READ(f, ...)    read_with((f), &local_fs, (const char *const[]){__VA_ARGS__}, N(((const char *const[]){__VA_ARGS__})))
#define READ_DEFAULT(f) read_with((f), &local_fs, NULL, 0)

/* "name=bytes name=bytes" */
static const char *shown(struct fixture *f)
{
    const char *text = "";
    for (size_t i = 0; i < f->files.n; i++)
        text = arena_printf(f->a, "%s%s%s=%s", text, i ? " " : "", f->files.v[i].name, f->files.v[i].bytes);
    return text;
}

static void only_error(struct fixture *f, const char *name, const char *part)
{
    if (f->d.n_errors != 1 || strcmp(f->d.v[0].pos.file, name) != 0 || !strstr(f->d.v[0].msg, part))
        fail_msg("%zu errors, %s: %s", f->d.n_errors, f->d.n ? f->d.v[0].pos.file : "", f->d.n ? f->d.v[0].msg : "");
}

static void a_directory_is_read_by_name_and_ending(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"s/b.yaml",    "s/a.yml",   "s/c.json",     "s/B.yaml", "s/.hidden.yaml",
                                        "s/readme.md", "s/x.yaml~", "s/y.yaml.swp", "s/.yaml",  "s/deep/z.yaml"};
    for (size_t i = 0; i < N(names); i++)
        scratch_write_text(f->dir, names[i], "x");
    assert_int_equal(READ(f, "s"), 0);
    assert_string_equal(shown(f), "s/B.yaml=x s/a.yml=x s/b.yaml=x s/c.json=x");
    assert_string_equal(f->files.v[0].dir, scratch_path(f->dir, "s"));
    assert_false(f->files.implied);
}

static void files_and_directories_keep_their_order(void **state)
{
    struct fixture *f = *state;
    scratch_write_text(f->dir, "z.yaml", "1");
    scratch_write_text(f->dir, "s/a.yaml", "2");
    scratch_write_text(f->dir, "spec", "3");
    const char *absolute = arena_strdup(f->a, scratch_path(f->dir, "z.yaml"));
    assert_int_equal(READ(f, "z.yaml", "s/", "./spec"), 0);
    assert_string_equal(shown(f), "z.yaml=1 s/a.yaml=2 ./spec=3");
    assert_int_equal(f->files.n_watch, 3);
    assert_string_equal(f->files.watch[0], absolute);
    assert_string_equal(f->files.watch[1], scratch_path(f->dir, "s"));
    assert_int_equal(READ(f, absolute), 0);
    assert_string_equal(f->files.v[0].name, absolute);
}

static void what_cannot_be_read_is_told_by_name(void **state)
{
    struct fixture *f = *state;
    scratch_mkdir(f->dir, "empty");
    assert_int_equal(READ(f, "gone.yaml"), -1);
    only_error(f, "gone.yaml", "No such file");
    scratch_write_text(f->dir, "cut.yaml", "");
    assert_int_equal(READ(f, "cut.yaml"), -1);
    only_error(f, "cut.yaml", "is empty");
    assert_int_equal(READ(f, "empty"), -1);
    only_error(f, "empty", "holds no spec");
    assert_int_equal(READ(f, ""), -1);
    only_error(f, "''", "is no name");
    scratch_mkdir(f->dir, "s/sub.yaml");
    assert_int_equal(READ(f, "s"), -1);
    only_error(f, "s/sub.yaml", "directory");
    assert_int_equal(READ(f, "/dev/null"), -1);
    only_error(f, "/dev/null", "a device");
}

static void all_that_is_wrong_is_told_and_the_rest_read(void **state)
{
    struct fixture *f = *state;
    scratch_write_text(f->dir, "s/good.yaml", "x");
    scratch_write(f->dir, "s/binary.yaml", "a\0b", 3, 0600);
    assert_int_equal(symlink("nowhere", scratch_path(f->dir, "s/link.yaml")), 0);
    assert_int_equal(mkfifo(scratch_path(f->dir, "s/fifo.yaml"), 0600), 0);
    assert_int_equal(READ(f, "s", "gone"), -1);
    assert_int_equal(f->d.n_errors, 4);
    assert_string_equal(f->d.v[0].pos.file, "s/binary.yaml");
    assert_non_null(strstr(f->d.v[0].msg, "NUL byte"));
    assert_string_equal(f->d.v[1].pos.file, "s/fifo.yaml");
    assert_non_null(strstr(f->d.v[1].msg, "FIFO"));
    assert_string_equal(f->d.v[2].pos.file, "s/link.yaml");
    assert_string_equal(f->d.v[3].pos.file, "gone");
    assert_string_equal(shown(f), "s/good.yaml=x");
    assert_int_equal(f->files.n_watch, 2);
}

static void a_spec_has_a_size_that_it_may_not_pass(void **state)
{
    struct fixture *f = *state;
    scratch_write_text(f->dir, "big.yaml", "");
    assert_int_equal(truncate(scratch_path(f->dir, "big.yaml"), (off_t)LIMIT_DOC_BYTES + 1), 0); /* a hole: takes no space */
    assert_int_equal(READ(f, "big.yaml"), -1);
    only_error(f, "big.yaml", "larger than 67108864 bytes");
    assert_int_equal(truncate(scratch_path(f->dir, "big.yaml"), (off_t)LIMIT_DOC_BYTES), 0);
    assert_int_equal(READ(f, "big.yaml"), -1);
    only_error(f, "big.yaml", "NUL byte");
}

static void the_number_of_files_is_capped(void **state)
{
    struct fixture *f = *state;
    const char **names = ARENA_ARRAY(f->a, const char *, SPEC_FILES_MAX + 2);
    scratch_write_text(f->dir, "a.yaml", "x");
    for (size_t i = 0; i < SPEC_FILES_MAX + 2; i++)
        names[i] = "a.yaml";
    assert_int_equal(read_with(f, &local_fs, names, SPEC_FILES_MAX), 0);
    assert_int_equal(f->files.n, SPEC_FILES_MAX);
    assert_int_equal(read_with(f, &local_fs, names, SPEC_FILES_MAX + 2), -1);
    only_error(f, "a.yaml", "more than 10000 spec files");
}

static void without_names_the_first_default_place_with_a_spec_counts(void **state)
{
    struct fixture *f = *state;
    const char *xdg = arena_strdup(f->a, scratch_path(f->dir, "xdg/reconclaw"));
    const char *etc = arena_strdup(f->a, scratch_path(f->dir, "etc/reconclaw"));
    assert_int_equal(READ_DEFAULT(f), 0);
    assert_true(f->files.implied);
    assert_int_equal(f->files.n, 0);
    assert_int_equal(f->files.n_watch, 2); /* both may come yet */
    assert_string_equal(f->files.watch[0], xdg);
    assert_string_equal(f->files.watch[1], etc);

    scratch_write_text(f->dir, "etc/reconclaw/e.yaml", "e");
    scratch_mkdir(f->dir, "xdg/reconclaw");
    assert_int_equal(READ_DEFAULT(f), 0);
    assert_string_equal(shown(f), arena_printf(f->a, "%s/e.yaml=e", etc));
    assert_false(f->files.implied);

    scratch_write_text(f->dir, "xdg/reconclaw/x.yaml", "x");
    assert_int_equal(READ_DEFAULT(f), 0);
    assert_string_equal(shown(f), arena_printf(f->a, "%s/x.yaml=x", xdg));
    assert_int_equal(f->files.n_watch, 2);
}

static void a_broken_default_place_is_not_passed_over(void **state)
{
    struct fixture *f = *state;
    scratch_write_text(f->dir, "etc/reconclaw/e.yaml", "e");
    assert_int_equal(mkdir(scratch_path(f->dir, "xdg"), 0700), 0);
    assert_int_equal(symlink("reconclaw", scratch_path(f->dir, "xdg/reconclaw")), 0); /* a loop */
    assert_int_equal(READ_DEFAULT(f), -1);
    assert_int_equal(f->d.n_errors, 1);
    assert_non_null(strstr(f->d.v[0].msg, "cannot be listed"));
    assert_int_equal(f->files.n, 0);
    assert_false(f->files.implied);
}

/* --- a mounted ConfigMap: a.yaml -> ..data/a.yaml, ..data -> ..v1 --------------------------------------------------------------
 */

static void mount_version(struct fixture *f, int version)
{
    for (char c = 'a'; c <= 'c'; c++)
        scratch_write_text(f->dir, arena_printf(f->a, "m/..v%d/%c.yaml", version, c), arena_printf(f->a, "%d", version));
    const char *fresh = arena_strdup(f->a, scratch_path(f->dir, "m/..data_tmp"));
    assert_int_equal(symlink(arena_printf(f->a, "..v%d", version), fresh), 0);
    assert_int_equal(rename(fresh, scratch_path(f->dir, "m/..data")), 0);
}

static struct swapping {
    struct fixture *f;
    int reads, swap_at[8], version;
} swapping;

/* Swaps the whole set between two reads, as the kubelet does. */
static int swapping_read(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    swapping.reads++;
    for (size_t i = 0; i < N(swapping.swap_at); i++)
        if (swapping.swap_at[i] == swapping.reads)
            mount_version(swapping.f, ++swapping.version);
    return local_fs.read(ctx, a, path, max, ret, ret_n, e);
}

static void a_swapped_set_is_never_mixed(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int swap_at[3];
        const char *want;
        int reads;
    } rows[] = {
        {{0, 0, 0}, "m/a.yaml=1 m/b.yaml=1 m/c.yaml=1", 3}, {{1, 0, 0}, "m/a.yaml=2 m/b.yaml=2 m/c.yaml=2", 6},
        {{2, 0, 0}, "m/a.yaml=2 m/b.yaml=2 m/c.yaml=2", 6}, {{3, 0, 0}, "m/a.yaml=2 m/b.yaml=2 m/c.yaml=2", 6},
        {{2, 5, 0}, "m/a.yaml=3 m/b.yaml=3 m/c.yaml=3", 9}, {{3, 5, 9}, "m/a.yaml=4 m/b.yaml=4 m/c.yaml=4", 12},
    };
    struct fs fs = local_fs;
    fs.read = swapping_read;
    for (size_t i = 0; i < N(rows); i++) {
        scratch_remove(f->dir);
        f->dir = scratch_make();
        swapping = (struct swapping){.f = f, .version = 1};
        memcpy(swapping.swap_at, rows[i].swap_at, sizeof rows[i].swap_at);
        mount_version(f, 1);
        for (char c = 'a'; c <= 'c'; c++)
            assert_int_equal(
                symlink(arena_printf(f->a, "..data/%c.yaml", c), scratch_path(f->dir, arena_printf(f->a, "m/%c.yaml", c))), 0);
        assert_int_equal(read_with(f, &fs, (const char *const[]){"m"}, 1), 0);
        assert_string_equal(shown(f), rows[i].want);
        assert_int_equal(swapping.reads, rows[i].reads);
        assert_string_equal(f->files.v[0].dir, scratch_path(f->dir, "m"));
    }
}

/* The old version vanishes while it is read: what failed then is not told of the new one. */
static void errors_of_a_version_that_is_gone_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct fs fs = local_fs;
    fs.read = swapping_read;
    swapping = (struct swapping){.f = f, .version = 1, .swap_at = {1}};
    mount_version(f, 1);
    scratch_write(f->dir, "m/..v1/b.yaml", "\0", 1, 0600);
    for (char c = 'a'; c <= 'c'; c++)
        assert_int_equal(symlink(arena_printf(f->a, "..v1/%c.yaml", c), scratch_path(f->dir, arena_printf(f->a, "m/%c.yaml", c))),
                         0);
    assert_int_equal(read_with(f, &fs, (const char *const[]){"m"}, 1), -1); /* these links are not through ..data */
    only_error(f, "m/b.yaml", "NUL byte");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_directory_is_read_by_name_and_ending),
        T(files_and_directories_keep_their_order),
        T(what_cannot_be_read_is_told_by_name),
        T(all_that_is_wrong_is_told_and_the_rest_read),
        T(a_spec_has_a_size_that_it_may_not_pass),
        T(the_number_of_files_is_capped),
        T(without_names_the_first_default_place_with_a_spec_counts),
        T(a_broken_default_place_is_not_passed_over),
        T(a_swapped_set_is_never_mixed),
        T(errors_of_a_version_that_is_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
