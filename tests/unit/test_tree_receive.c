#include "backends/tree.h"

#include "spec/base/limits.h"
#include "tests/lib/scratch.h"
#include "tests/lib/trees.h"

#include <setjmp.h>
#include <stdarg.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct call minute = {.timeout_ms = 60000};

/* --- hostile streams ----------------------------------------------------------------------------------------------------------
 */

struct entry {
    const char *path;
    unsigned type;    /* AE_IF*; 0: no more */
    const char *text; /* content, or target of a link */
    const char *hardlink;
    unsigned mode; /* 0: 0644 */
};

static la_ssize_t on_write(struct archive *tar, void *ctx, const void *p, size_t n)
{
    struct trees_memory *m = ctx;
    struct tree_sink to = trees_sink(m);
    struct err e;

    return to.write(to.ctx, p, n, &e) == 0 ? (la_ssize_t)n : -1;
}

static void make_tar(const struct entry *v, struct trees_memory *m)
{
    struct archive *tar = archive_write_new();

    archive_write_set_format_gnutar(tar);
    archive_write_set_bytes_in_last_block(tar, 1);
    assert_int_equal(archive_write_open2(tar, m, NULL, on_write, NULL, NULL), ARCHIVE_OK);
    for (; v->path; v++) {
        struct archive_entry *h = archive_entry_new();

        archive_entry_copy_pathname(h, v->path);
        archive_entry_set_filetype(h, v->type);
        archive_entry_set_perm(h, v->mode ? v->mode : 0644);
        archive_entry_set_size(h, v->type == AE_IFREG && v->text ? (la_int64_t)strlen(v->text) : 0);
        if (v->type == AE_IFLNK)
            archive_entry_copy_symlink(h, v->text);
        if (v->hardlink)
            archive_entry_copy_hardlink(h, v->hardlink);
        assert_int_equal(archive_write_header(tar, h), ARCHIVE_OK);
        if (v->type == AE_IFREG && v->text)
            assert_int_equal(archive_write_data(tar, v->text, strlen(v->text)), strlen(v->text));
        archive_entry_free(h);
    }
    assert_int_equal(archive_write_close(tar), ARCHIVE_OK);
    archive_write_free(tar);
}

#define DIR_(p)                                                                                                                  \
    {                                                                                                                            \
        p, AE_IFDIR, NULL, NULL, 0755                                                                                            \
    }
#define FILE_(p, s)                                                                                                              \
    {                                                                                                                            \
        p, AE_IFREG, s, NULL, 0                                                                                                  \
    }
#define LINK_(p, t)                                                                                                              \
    {                                                                                                                            \
        p, AE_IFLNK, t, NULL, 0                                                                                                  \
    }
#define HARD_(p, t)                                                                                                              \
    {                                                                                                                            \
        p, AE_IFREG, NULL, t, 0                                                                                                  \
    }

static const struct {
    const char *name;
    struct entry v[8];
    enum tree_links links;
    const char *refused; /* part of the message, or NULL: it is taken */
    const char *text;    /* where taken: "path path ...", each with its type */
} streams[] = {
    {"empty", {{0}}, 0, NULL, ""},
    {"only the root", {DIR_("./")}, 0, NULL, ""},
    {"all kinds", {DIR_("./"), DIR_("./a/"), FILE_("./a/f", "x"), LINK_("./a/l", "f")}, 0, NULL, "a/ a/f a/l@"},
    {"odd but harmless names", {DIR_("a//"), FILE_("./a/./f", "x")}, 0, NULL, "a/ a/f"},
    {"a way up", {FILE_("../f", "x")}, 0, "has a part '..'", NULL},
    {"a way up in the middle", {DIR_("a"), FILE_("a/../../f", "x")}, 0, "has a part '..'", NULL},
    {"an absolute name", {FILE_("/f", "x")}, 0, "is absolute", NULL},
    {"a file through a link",
     {LINK_("a", "/tmp"), FILE_("a/f", "x")},
     TREE_LINKS_KEEP,
     "does not come after its directory",
     NULL},
    {"a file through a link that stays inside",
     {DIR_("d"), LINK_("a", "d"), FILE_("a/f", "x")},
     TREE_LINKS_KEEP,
     "does not come after its directory",
     NULL},
    {"a directory over a link", {LINK_("a", "/tmp"), DIR_("a"), FILE_("a/f", "x")}, TREE_LINKS_KEEP, "is there twice", NULL},
    {"a link over a directory", {DIR_("a"), LINK_("a", "/tmp"), FILE_("a/f", "x")}, TREE_LINKS_KEEP, "is there twice", NULL},
    {"a file through a file", {FILE_("a", "x"), FILE_("a/f", "x")}, 0, "does not come after its directory", NULL},
    {"a file before its directory", {FILE_("a/f", "x"), DIR_("a")}, 0, "does not come after its directory", NULL},
    {"a file without its directory", {FILE_("a/f", "x")}, 0, "does not come after its directory", NULL},
    {"a file twice", {FILE_("a", "x"), FILE_("a", "y")}, 0, "is there twice", NULL},
    {"a directory twice", {DIR_("a"), DIR_("a/")}, 0, "is there twice", NULL},
    {"the root as a file", {FILE_(".", "x")}, 0, NULL, NULL},
    {"a link to outside", {LINK_("a", "../x")}, TREE_LINKS_REFUSE, "'a' is a link that leads outside ('../x')", NULL},
    {"an absolute link", {LINK_("a", "/etc/passwd")}, TREE_LINKS_REFUSE, "'a' is an absolute link ('/etc/passwd')", NULL},
    {"a link through a link to outside",
     {DIR_("d"), LINK_("d/l", ".."), LINK_("a", "d/l/../x")},
     TREE_LINKS_REFUSE,
     "'a' is a link that leads outside",
     NULL},
    {"a link to outside, left out", {FILE_("f", "x"), LINK_("a", "../x")}, TREE_LINKS_SKIP, NULL, "f"},
    {"a link to outside, kept", {FILE_("f", "x"), LINK_("a", "../x")}, TREE_LINKS_KEEP, NULL, "a@ f"},
    {"a hard link", {FILE_("f", "x"), HARD_("g", "f")}, 0, NULL, "f g"},
    {"a hard link by an odd name", {DIR_("./"), DIR_("./d"), FILE_("./d/f", "x"), HARD_("./g", "./d/f")}, 0, NULL, "d/ d/f g"},
    {"a hard link to outside", {HARD_("g", "../f")}, 0, "has a part '..'", NULL},
    {"a hard link to an absolute name", {HARD_("g", "/etc/passwd")}, 0, "is absolute", NULL},
    {"a hard link to nothing", {HARD_("g", "f")}, 0, "is a hard link to what is no file of the stream", NULL},
    {"a hard link to a directory", {DIR_("f"), HARD_("g", "f")}, 0, "is a hard link to what is no file of the stream", NULL},
    {"a hard link to itself", {HARD_("g", "g")}, 0, "is a hard link to what is no file of the stream", NULL},
    {"a hard link through a link",
     {LINK_("l", "/etc"), HARD_("g", "l/passwd")},
     TREE_LINKS_KEEP,
     "is a hard link to what is no file of the stream",
     NULL},
    {"a hard link over a file", {FILE_("f", "x"), FILE_("g", "y"), HARD_("g", "f")}, 0, "is there twice", NULL},
    {"a hard link to a link", {FILE_("f", "x"), LINK_("l", "f"), HARD_("g", "l")}, 0, NULL, "f g@ l@"},
    {"a device, left out", {{"d", AE_IFCHR, NULL, NULL, 0}, {"b", AE_IFBLK, NULL, NULL, 0}, FILE_("f", "x")}, 0, NULL, "f"},
    {"a FIFO, left out", {{"p", AE_IFIFO, NULL, NULL, 0}, FILE_("f", "x")}, 0, NULL, "f"},
};

static char *manifest_text(struct arena *a, const struct manifest *m)
{
    BUF_AUTO b = BUF_INIT(1u << 20);

    for (size_t i = 0; i < m->n; i++)
        buf_printf(&b, "%s%s%s", i > 0 ? " " : "", m->v[i].path,
                   m->v[i].type == MANIFEST_DIR    ? "/"
                   : m->v[i].type == MANIFEST_LINK ? "@"
                                                   : "");
    return arena_memdup0(a, buf_str(&b), b.n);
}

static void test_streams_are_taken_or_refused(void **state)
{
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct trees_memory m = {0};
        struct tree_read_req req = {.links = streams[i].links};
        struct manifest index, got;
        struct tree_stream from;
        struct err e = {0}, again = {0};
        int r, s;

        print_message("%s\n", streams[i].name);
        make_tar(streams[i].v, &m);
        from = trees_stream(&m);
        r = tree_index(a, &req, &from, &minute, &index, NULL, &e);
        from = trees_stream(&m);
        s = tree_receive(a, &req, &from, scratch_path(dir, "to"), &minute, &got, NULL, &again);
        assert_int_equal(r, s);
        if (streams[i].text) {
            struct manifest there;

            if (r < 0)
                fail_msg("%s", e.msg);
            assert_string_equal(manifest_text(a, &index), streams[i].text);
            trees_assert_equal(&index, &got, "received");
            there = trees_manifest(a, scratch_path(dir, "to"));
            trees_assert_equal(&index, &there, "on disk");
            assert_int_equal(scratch_count(dir, "."), 1);
        } else {
            assert_int_equal(r, -1);
            assert_int_equal(e.class, ERR_INPUT);
            assert_int_equal(again.class, ERR_INPUT);
            if (streams[i].refused) {
                if (!strstr(e.msg, streams[i].refused))
                    fail_msg("%s", e.msg);
                if (!strstr(again.msg, streams[i].refused))
                    fail_msg("%s", again.msg);
            }
            assert_int_equal(scratch_count(dir, "."), 0);
        }
        trees_memory_free(&m);
        scratch_remove(dir);
    }
}

static void test_what_is_left_out_is_said(void **state)
{
    static const struct entry v[] = {{"p", AE_IFIFO, NULL, NULL, 0}, LINK_("a", "/x"), FILE_("f", "x"), {0}};
    ARENA_AUTO a = arena_new();
    struct trees_memory m = {0};
    struct tree_read_req req = {.links = TREE_LINKS_SKIP};
    struct tree_remarks remarks;
    struct tree_stream from;
    struct manifest got;
    struct err e;

    make_tar(v, &m);
    from = trees_stream(&m);
    assert_int_equal(tree_index(a, &req, &from, &minute, &got, &remarks, &e), 0);
    assert_int_equal(remarks.n, 2);
    assert_string_equal(remarks.v[0].path, "p");
    assert_string_equal(remarks.v[1].path, "a");
    assert_string_equal(remarks.v[1].why, "is an absolute link ('/x')");
    assert_false(remarks.v[0].refused || remarks.v[1].refused);
    trees_memory_free(&m);
}

/* --- caps
 * ------------------------------------------------------------------------------------------------------------------------ */

static int index_with(struct trees_memory *m, struct tree_read_req req, struct err *e)
{
    struct tree_stream from = trees_stream(m);
    ARENA_AUTO a = arena_new();
    struct manifest got;

    return tree_index(a, &req, &from, &minute, &got, NULL, e);
}

static void test_caps_hold_at_n_and_not_at_n_plus_1(void **state)
{
    static const struct entry v[] = {
        FILE_("a", "12345"), FILE_("b", "123"), HARD_("c", "a"), {"p", AE_IFIFO, NULL, NULL, 0}, {0}};
    struct trees_memory m = {0};
    struct err e;

    make_tar(v, &m);
    assert_int_equal(index_with(&m, (struct tree_read_req){.limits.max_entries = 4}, &e), 0);
    assert_int_equal(index_with(&m, (struct tree_read_req){.limits.max_entries = 3}, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    assert_int_equal(index_with(&m, (struct tree_read_req){.limits.max_bytes = 13}, &e), 0);
    assert_int_equal(index_with(&m, (struct tree_read_req){.limits.max_bytes = 12}, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    assert_int_equal(index_with(&m, (struct tree_read_req){.limits.max_file_bytes = 5}, &e), 0);
    assert_int_equal(index_with(&m, (struct tree_read_req){.limits.max_file_bytes = 4}, &e), -1);
    assert_int_equal(e.class, ERR_INPUT);
    trees_memory_free(&m);
}

static void test_depth_and_length_of_names_are_capped(void **state)
{
    struct entry v[LIMIT_TREE_DEPTH + 2] = {0};
    char path[LIMIT_TREE_DEPTH + 1][2 * LIMIT_TREE_DEPTH + 4], name[LIMIT_TREE_NAME + 2];
    struct trees_memory m = {0};
    struct err e;

    for (size_t i = 0; i <= LIMIT_TREE_DEPTH; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s%sd", i > 0 ? path[i - 1] : "", i > 0 ? "/" : "");
        v[i] = (struct entry)DIR_(path[i]);
    }
    make_tar(v, &m);
    assert_int_equal(index_with(&m, (struct tree_read_req){0}, &e), -1);
    assert_non_null(strstr(e.msg, "too deep"));
    trees_memory_free(&m);
    v[LIMIT_TREE_DEPTH].path = NULL;
    make_tar(v, &m);
    assert_int_equal(index_with(&m, (struct tree_read_req){0}, &e), 0);
    trees_memory_free(&m);
    memset(name, 'n', sizeof name);
    name[LIMIT_TREE_NAME + 1] = '\0';
    for (size_t n = LIMIT_TREE_NAME + 1; n >= LIMIT_TREE_NAME; n--) {
        struct entry one[] = {FILE_(name, "x"), {0}};

        name[n] = '\0';
        make_tar(one, &m);
        assert_int_equal(index_with(&m, (struct tree_read_req){0}, &e), n > LIMIT_TREE_NAME ? -1 : 0);
        trees_memory_free(&m);
    }
}

/* A header that promises what does not come, of any size, costs nothing. */
static void test_huge_sizes_are_refused_before_anything_is_written(void **state)
{
    static const struct entry v[] = {FILE_("a", "12345"), {0}};
    static const char *const sizes[] = {"77777777777", "00000002000", "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *dir = scratch_make();
        struct trees_memory m = {0};
        struct tree_stream from;
        struct manifest got;
        unsigned sum = 0;
        struct err e;
        ARENA_AUTO a = arena_new();

        make_tar(v, &m);
        memcpy(m.s + 124, sizes[i], 11);
        memset(m.s + 148, ' ', 8);
        for (size_t k = 0; k < 512; k++)
            sum += (unsigned char)m.s[k];
        (void)snprintf(m.s + 148, 8, "%06o", sum);
        from = trees_stream(&m);
        assert_int_equal(tree_receive(a, &(struct tree_read_req){.limits.max_bytes = 1u << 20}, &from, scratch_path(dir, "to"),
                                      &minute, &got, NULL, &e),
                         -1);
        assert_int_equal(e.class, ERR_INPUT);
        assert_int_equal(scratch_count(dir, "."), 0);
        trees_memory_free(&m);
        scratch_remove(dir);
    }
}

/* --- truth
 * ------------------------------------------------------------------------------------------------------------------------ */

static void test_a_stream_cut_at_any_byte_is_refused(void **state)
{
    static const struct entry v[] = {DIR_("./"),        DIR_("d"), FILE_("d/f", "some text"), FILE_("e", ""), LINK_("l", "d/f"),
                                     HARD_("z", "d/f"), {0}};
    char *dir = scratch_make();
    struct trees_memory m = {0};
    size_t whole;

    make_tar(v, &m);
    whole = m.n;
    for (size_t n = 0; n < whole; n++) {
        ARENA_AUTO a = arena_new();
        struct tree_stream from;
        struct manifest got;
        struct err e = {0};

        m.n = n;
        m.max_read = n % 3 == 0 ? 100 : 0;
        from = trees_stream(&m);
        if (tree_index(a, &(struct tree_read_req){0}, &from, &minute, &got, NULL, &e) == 0)
            fail_msg("%zu of %zu bytes are taken for all", n, whole);
        assert_int_equal(e.class, ERR_INPUT);
        if (n % 97 != 0)
            continue;
        from = trees_stream(&m);
        assert_int_equal(tree_receive(a, &(struct tree_read_req){0}, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e),
                         -1);
        assert_int_equal(scratch_count(dir, "."), 0);
    }
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void test_a_stream_that_fails_is_told_as_it_says(void **state)
{
    static const struct entry v[] = {DIR_("d"), FILE_("d/f", "some text"), {0}};
    char *dir = scratch_make();
    struct trees_memory m = {0};

    make_tar(v, &m);
    for (size_t n = 1; n < m.n; n += 61) {
        ARENA_AUTO a = arena_new();
        struct tree_stream from;
        struct manifest got;
        struct err e = {0};

        m.fail_at = n;
        m.max_read = 61;
        from = trees_stream(&m);
        assert_int_equal(tree_receive(a, &(struct tree_read_req){0}, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e),
                         -1);
        assert_int_equal(e.class, ERR_UNAVAILABLE);
        assert_string_equal(e.msg, "the line is cut");
        assert_int_equal(scratch_count(dir, "."), 0);
    }
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void test_bytes_behind_the_end_are_refused(void **state)
{
    static const struct entry v[] = {FILE_("f", "some text"), {0}};
    struct trees_memory m = {0};
    struct tree_sink to = trees_sink(&m);
    char *zeros = calloc(1, 2u << 20);
    struct err e;

    make_tar(v, &m);
    /* GNU tar fills its last block of 10 KiB. */
    assert_int_equal(to.write(to.ctx, zeros, 10240, &e), 0);
    assert_int_equal(index_with(&m, (struct tree_read_req){0}, &e), 0);
    assert_int_equal(to.write(to.ctx, "x", 1, &e), 0);
    assert_int_equal(index_with(&m, (struct tree_read_req){0}, &e), -1);
    assert_non_null(strstr(e.msg, "behind its end"));
    m.n--;
    assert_int_equal(to.write(to.ctx, zeros, 2u << 20, &e), 0);
    assert_int_equal(index_with(&m, (struct tree_read_req){0}, &e), -1);
    free(zeros);
    trees_memory_free(&m);
}

static void test_what_was_expected_must_come(void **state)
{
    static const struct entry v[] = {FILE_("f", "some text"), {0}}, w[] = {FILE_("f", "other text"), {0}};
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    struct trees_memory m = {0}, other = {0};
    struct manifest want, got;
    struct tree_stream from;
    struct err e;

    make_tar(v, &m);
    make_tar(w, &other);
    from = trees_stream(&m);
    assert_int_equal(tree_index(a, &(struct tree_read_req){0}, &from, &minute, &want, NULL, &e), 0);
    from = trees_stream(&other);
    assert_int_equal(
        tree_receive(a, &(struct tree_read_req){.expect = &want}, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_non_null(strstr(e.msg, "~ f (content)"));
    assert_int_equal(scratch_count(dir, "."), 0);
    from = trees_stream(&m);
    assert_int_equal(
        tree_receive(a, &(struct tree_read_req){.expect = &want}, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e), 0);
    from = trees_stream(&m);
    assert_int_equal(tree_receive(a, &(struct tree_read_req){0}, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    trees_memory_free(&m);
    trees_memory_free(&other);
    scratch_remove(dir);
}

static void test_special_modes_come_only_where_asked(void **state)
{
    static const struct entry v[] = {{"s", AE_IFREG, "x", NULL, 06755}, {"t", AE_IFDIR, NULL, NULL, 01777}, {0}};

    for (int special = 0; special < 2; special++) {
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct trees_memory m = {0};
        struct tree_stream from;
        struct manifest got;
        struct stat st;
        struct err e;

        make_tar(v, &m);
        from = trees_stream(&m);
        assert_int_equal(tree_receive(a, &(struct tree_read_req){.special_modes = special}, &from, scratch_path(dir, "to"),
                                      &minute, &got, NULL, &e),
                         0);
        assert_int_equal(lstat(scratch_path(dir, "to/s"), &st), 0);
        assert_int_equal(st.st_mode & 07777, special ? 06755 : 0755);
        assert_int_equal(got.v[0].mode, st.st_mode & 07777);
        assert_int_equal(lstat(scratch_path(dir, "to/t"), &st), 0);
        assert_int_equal(st.st_mode & 07777, special ? 01777 : 0777);
        trees_memory_free(&m);
        scratch_remove(dir);
    }
}

/* --- the real ones
 * ---------------------------------------------------------------------------------------------------------------- */

static void test_what_tar_packs_is_what_is_received(void **state)
{
    static const char *const packers[][2] = {
        {"tar", ""}, {"tar", "--format=posix"}, {"tar", "--format=ustar"}, {"busybox tar", ""}};
    uint64_t seed = (uint64_t)time(NULL);

    print_message("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < 2 * sizeof packers / sizeof *packers; i++) {
        const char *const *packer = packers[i / 2];
        ARENA_AUTO a = arena_new();
        char *dir = scratch_make();
        struct trees_memory m = {0};
        struct tree_read_req req = {.links = TREE_LINKS_KEEP};
        struct manifest before, index, got, after;
        struct tree_stream from;
        struct stat x, y;
        struct err e;

        scratch_mkdir(dir, "from");
        /* The old format cannot have long names, busybox packs no link to a long one. */
        if (text_eq(packer[1], "--format=ustar"))
            scratch_write_text(dir, "from/d/h\xc3\xa9llo\xff", "x");
        else
            trees_make(scratch_path(dir, "from"), seed + i, 120);
        before = trees_manifest(a, scratch_path(dir, "from"));
        trees_create(packer[0], packer[1], scratch_path(dir, "from"), &m);
        m.max_read = i % 2 ? 777 : 0;
        from = trees_stream(&m);
        if (tree_index(a, &req, &from, &minute, &index, NULL, &e) < 0)
            fail_msg("%s %s: %s", packer[0], packer[1], e.msg);
        trees_assert_equal(&before, &index, packer[0]);
        from = trees_stream(&m);
        if (tree_receive(a, &req, &from, scratch_path(dir, "to"), &minute, &got, NULL, &e) < 0)
            fail_msg("%s %s: %s", packer[0], packer[1], e.msg);
        trees_assert_equal(&before, &got, packer[0]);
        after = trees_manifest(a, scratch_path(dir, "to"));
        trees_assert_equal(&before, &after, packer[0]);
        for (size_t k = 0; k < before.n; k++) {
            assert_int_equal(lstat(scratch_path(scratch_path(dir, "from"), before.v[k].path), &x), 0);
            assert_int_equal(lstat(scratch_path(scratch_path(dir, "to"), before.v[k].path), &y), 0);
            assert_int_equal(x.st_mtim.tv_sec, y.st_mtim.tv_sec);
            assert_true(y.st_nlink == 1 || S_ISDIR(y.st_mode));
        }
        trees_memory_free(&m);
        scratch_remove(dir);
    }
}

static void test_a_sparse_archive_is_refused(void **state)
{
    char *dir = scratch_make();
    struct trees_memory m = {0};
    struct err e;

    scratch_write_text(dir, "from/holes", "x");
    assert_int_equal(truncate(scratch_path(dir, "from/holes"), 16 << 20), 0);
    trees_create("tar", "-S", scratch_path(dir, "from"), &m);
    assert_true(m.n < 100000);
    assert_int_equal(index_with(&m, (struct tree_read_req){0}, &e), -1);
    assert_non_null(strstr(e.msg, "is sparse"));
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void test_a_time_limit_and_a_cancel_end_it(void **state)
{
    static const struct entry v[] = {FILE_("f", "some text"), {0}};
    const atomic_bool cancel = true;
    ARENA_AUTO a = arena_new();
    char *dir = scratch_make();
    struct trees_memory m = {0};
    struct tree_stream from;
    struct manifest got;
    struct err e;

    make_tar(v, &m);
    from = trees_stream(&m);
    assert_int_equal(tree_receive(a, &(struct tree_read_req){0}, &from, scratch_path(dir, "to"),
                                  &(struct call){.timeout_ms = 1000, .cancel = &cancel}, &got, NULL, &e),
                     -1);
    assert_int_equal(e.class, ERR_CANCELLED);
    assert_int_equal(scratch_count(dir, "."), 0);
    trees_memory_free(&m);
    scratch_remove(dir);
}

static void test_a_tree_of_any_depth_is_removed(void **state)
{
    char *dir = scratch_make();
    int fd = open(dir, O_RDONLY | O_DIRECTORY), top = fd;
    struct err e;

    scratch_write_text(dir, "keep/f", "x");
    for (unsigned i = 0; i < 300; i++) {
        int next;

        assert_int_equal(mkdirat(fd, i == 0 ? "deep" : "d", 0755), 0);
        next = openat(fd, i == 0 ? "deep" : "d", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        assert_int_equal(symlinkat(dir, next, "out"), 0);
        if (i == 0)
            assert_int_equal(mkdirat(next, ".removing-0", 0), 0);
        if (fd != top)
            close(fd);
        fd = next;
    }
    close(fd);
    assert_int_equal(tree_remove(top, "deep", &minute, &e), 0);
    assert_int_equal(tree_remove(top, "deep", &minute, &e), 0);
    assert_int_equal(scratch_count(dir, "."), 1);
    assert_true(scratch_exists(dir, "keep/f"));
    close(top);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_are_taken_or_refused),
        cmocka_unit_test(test_what_is_left_out_is_said),
        cmocka_unit_test(test_caps_hold_at_n_and_not_at_n_plus_1),
        cmocka_unit_test(test_depth_and_length_of_names_are_capped),
        cmocka_unit_test(test_huge_sizes_are_refused_before_anything_is_written),
        cmocka_unit_test(test_a_stream_cut_at_any_byte_is_refused),
        cmocka_unit_test(test_a_stream_that_fails_is_told_as_it_says),
        cmocka_unit_test(test_bytes_behind_the_end_are_refused),
        cmocka_unit_test(test_what_was_expected_must_come),
        cmocka_unit_test(test_special_modes_come_only_where_asked),
        cmocka_unit_test(test_what_tar_packs_is_what_is_received),
        cmocka_unit_test(test_a_sparse_archive_is_refused),
        cmocka_unit_test(test_a_time_limit_and_a_cancel_end_it),
        cmocka_unit_test(test_a_tree_of_any_depth_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
