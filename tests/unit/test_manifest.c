#include "spec/manifest.h"
#include "spec/manifest_diff.h"

#include "spec/base/limits.h"
#include "spec/base/vec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define D(p)                                                                                                                     \
    {                                                                                                                            \
        .path = (p), .type = MANIFEST_DIR, .mode = 0755                                                                          \
    }
#define F(p, h)                                                                                                                  \
    {                                                                                                                            \
        .path = (p), .type = MANIFEST_FILE, .mode = 0644, .size = 3, .digest = (h)                                               \
    }
#define L(p, t)                                                                                                                  \
    {                                                                                                                            \
        .path = (p), .type = MANIFEST_LINK, .target = (t)                                                                        \
    }

#define MAX 16
/* A manifest of the rows up to the first without a path. */
static struct manifest make(struct arena *a, const struct manifest_entry *rows)
{
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, MAX);
    struct manifest m;
    struct err e;
    size_t n = 0;

    for (; n < MAX && rows[n].path; n++)
        v[n] = rows[n];
    if (manifest_make(v, n, &m, &e) < 0)
        fail_msg("%s", e.msg);
    return m;
}

static char *emit(struct arena *a, const struct manifest *m)
{
    BUF_AUTO b = BUF_INIT(LIMIT_MANIFEST_BYTES);
    struct err e;

    if (manifest_emit(m, &b, &e) < 0)
        fail_msg("%s", e.msg);
    return arena_memdup0(a, b.s, b.n);
}

/* --- the text ----------------------------------------------------------------------------------------------------------------
 */

static void test_the_text_is_this(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct manifest_dir dirs[] = {{"workspace", "/home/a b/w"}};
    struct manifest m = make(a, (struct manifest_entry[MAX]){F("w/a.txt", HEX_A), L("w/l", "../a b"), D("w"),
                                                             F("w/new\nline\\", HEX_B), F("w/\xe2\x80\xae\xff", HEX_A)}),
                    again;
    const char *text, *body = "d 755 w\n"
                              "f 644 3 " HEX_A " w/a.txt\n"
                              "l ../a\\x20b w/l\n"
                              "f 644 3 " HEX_B " w/new\\x0aline\\x5c\n"
                              "f 644 3 " HEX_A " w/\\xe2\\x80\\xae\\xff\n";
    char tree[DIGEST_HEX], whole[DIGEST_HEX], digest[DIGEST_HEX];
    struct err e;

    m.id = "0123456789abcdef0123456789abcdef";
    m.install = "0123456789abcdef";
    m.created_at_ms = 1763838000000;
    m.dirs = dirs;
    m.n_dirs = 1;
    digest_sha256_hex(body, strlen(body), tree);
    text = emit(a, &m);
    assert_string_equal(text, arena_printf(a,
                                           "reconclaw-manifest 1\nid 0123456789abcdef0123456789abcdef\ninstall 0123456789abcdef\n"
                                           "created 1763838000000\ndir workspace /home/a\\x20b/w\ntree 5 %s\n%s",
                                           tree, body));
    assert_string_equal(m.tree, tree);
    digest_sha256_hex(text, strlen(text), whole);
    assert_int_equal(manifest_digest(&m, digest, &e), 0);
    assert_string_equal(digest, whole);
    if (manifest_parse(a, text, strlen(text), &again, &e) < 0)
        fail_msg("%s", e.msg);
    assert_string_equal(emit(a, &again), text);
    assert_string_equal(again.v[4].path, "w/\xe2\x80\xae\xff");
    assert_string_equal(again.dirs[0].local, "/home/a b/w");
    assert_int_equal(manifest_bytes(&again), 9);
    assert_string_equal(manifest_find(&again, "w/l")->target, "../a b");
    assert_null(manifest_find(&again, "w/"));
    assert_null(manifest_find(&again, "w/lx"));
}

static void test_an_empty_tree_is_a_tree(void **state)
{
    ARENA_AUTO a = arena_new();
    struct manifest m = make(a, (struct manifest_entry[MAX]){{0}}), again;
    struct err e;
    char *text = emit(a, &m);

    assert_int_equal(manifest_parse(a, text, strlen(text), &again, &e), 0);
    assert_int_equal(again.n, 0);
    assert_int_equal(again.created_at_ms, TIME_NONE);
    assert_null(again.id);
}

/* The text of these lines, with a head that counts and digests them as they are. */
static char *with_head(struct arena *a, const char *head, const char *lines)
{
    char tree[DIGEST_HEX];
    size_t n = 0;

    for (const char *p = lines; *p; p++)
        n += *p == '\n';
    digest_sha256_hex(lines, strlen(lines), tree);
    return arena_printf(a, "reconclaw-manifest 1\n%stree %zu %s\n%s", head, n, tree, lines);
}

static void test_what_is_not_written_so_is_refused(void **state)
{
    static const struct {
        const char *head, *lines, *why; /* NULL: it is right */
    } rows[] = {
        {"", "d 755 a\n", NULL},
        {"id x\ninstall y\ncreated 0\ndir a /b\n", "d 755 a\n", NULL},
        {"", "d 0755 a\n", "manifest:3:3: no valid mode"},
        {"", "d 17777 a\n", "manifest:3:3: no valid mode"},
        {"", "d 7777 a\n", NULL},
        {"", "d 758 a\n", "manifest:3:3: no valid mode"},
        {"", "d  755 a\n", "manifest:3:3: a word is missing"},
        {"", "d 755 a \n", "manifest:3:8: the line should end here"},
        {"", "d 755 a b\n", "manifest:3:8: the line should end here"},
        {"", "d 755\n", "manifest:3:6: more words are expected"},
        {"", "d 755 a\n\n", "manifest:4:1: a word is missing"},
        {"", "x 755 a\n", "manifest:3:1: no known type of entry"},
        {"", "d 755 a\r\n", "manifest:3:8: a byte that must be escaped"},
        {"", "d 755 \xc3\xa9\n", "manifest:3:7: a byte that must be escaped"},
        {"", "d 755 \\xc3\\xa9\n", NULL},
        {"", "d 755 a\\x\n", "manifest:3:8: no valid escape"},
        {"", "d 755 a\\x0\n", "manifest:3:8: no valid escape"},
        {"", "d 755 a\\xC3\n", "manifest:3:8: no valid escape"},
        {"", "d 755 a\\n\n", "manifest:3:8: no valid escape"},
        {"", "d 755 a\\x00\n", "manifest:3:8: a NUL"},
        {"", "d 755 \\x61\n", "manifest:3:7: an escape that is not needed"},
        {"", "d 755 .\n", "manifest:3:1: has a part '.'"},
        {"", "d 755 ..\n", "manifest:3:1: has a part '..'"},
        {"", "d 755 /a\n", "manifest:3:1: is absolute"},
        {"", "d 755 a\nd 755 a/\n", "manifest:4:1: has an empty part"},
        {"", "d 755 a\nd 755 a/../b\n", "manifest:4:1: has a part '..'"},
        {"", "d 755 b\nd 755 a\n", "manifest:4:1: is out of order"},
        {"", "d 755 a\nd 755 a\n", "manifest:4:1: is there twice"},
        {"", "d 755 a/b\n", "manifest:3:1: has no parent"},
        {"", "f 644 0 " HEX_A " a\nd 755 a/b\n", "manifest:4:1: is below what is no directory"},
        {"", "l x a\nd 755 a/b\n", "manifest:4:1: is below what is no directory"},
        {"", "f 644 03 " HEX_A " a\n", "manifest:3:7: no valid number"},
        {"", "f 644 -3 " HEX_A " a\n", "manifest:3:7: no valid number"},
        {"", "f 644 68719476736 " HEX_A " a\n", NULL},
        {"", "f 644 68719476737 " HEX_A " a\n", "manifest:3:7: no valid number"},
        {"", "f 644 68719476736 " HEX_A " a\nf 644 1 " HEX_A " b\n", "manifest:4:1: the files are too big together"},
        {"", "f 644 3 aa a\n", "manifest:3:1: has no valid digest"},
        {"", "f 644 3 A" HEX_A " a\n", "manifest:3:1: has no valid digest"},
        {"install y\nid x\n", "", "manifest:3:1: not the line that is expected here"},
        {"created -1\n", "", "manifest:2:9: no valid number"},
        {"created 9223372036854775808\n", "", "manifest:2:9: no valid number"},
        {"created 9223372036854775807\n", "", NULL},
        {"dir a b\n", "", "manifest:2:1: a local directory has no absolute path"},
        {"dir a /b\ndir a /c\n", "", "manifest:3:1: two local directories have one name"},
        {"dir a/b /c\n", "", "manifest:2:1: the name of a local directory is no file name"},
        {"id x y\n", "", "manifest:2:5: the line should end here"},
        {"what x\n", "", "manifest:2:1: not the line that is expected here"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        char *text = with_head(a, rows[i].head, rows[i].lines);
        struct manifest m;
        struct err e;
        int r = manifest_parse(a, text, strlen(text), &m, &e);

        if (r < 0 && !rows[i].why)
            fail_msg("row %zu: %s", i, e.msg);
        if (rows[i].why) {
            if (r == 0)
                fail_msg("row %zu is taken, and should be '%s'", i, rows[i].why);
            assert_string_equal(e.msg, rows[i].why);
            assert_int_equal(e.class, ERR_INPUT);
        } else {
            assert_string_equal(emit(a, &m), text);
        }
    }
}

static void test_a_text_that_is_cut_or_changed_anywhere_is_refused(void **state)
{
    ARENA_AUTO a = arena_new();
    char *text = with_head(a, "id x\ndir a /b\n", "d 755 a\nf 644 3 " HEX_A " a/f\nl f a/l\n");
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        struct manifest m;
        struct err e;

        assert_int_equal(manifest_parse(a, text, i, &m, &e), -1);
        /* The head is not under the digest, all else is. */
        if (i < 35 || text[i] == '\n')
            continue;
        text[i] ^= 1;
        if (i >= (size_t)(strstr(text, "tree") ? strstr(text, "tree") - text : 0) && manifest_parse(a, text, n, &m, &e) == 0)
            fail_msg("byte %zu can be changed: %s", i, text);
        text[i] ^= 1;
    }
}

static void test_each_cap_of_paths_holds_at_n_and_not_at_n_plus_1(void **state)
{
    char part[LIMIT_TREE_NAME + 2], deep[2 * LIMIT_TREE_DEPTH + 4] = "", path[LIMIT_TREE_PATH + 2];

    memset(part, 'a', sizeof part);
    part[LIMIT_TREE_NAME + 1] = '\0';
    assert_string_equal(manifest_path_flaw(part), "has a part that is too long");
    part[LIMIT_TREE_NAME] = '\0';
    assert_null(manifest_path_flaw(part));
    for (unsigned i = 0; i < LIMIT_TREE_DEPTH; i++)
        memcpy(deep + 2 * i, "/a", 3);
    assert_null(manifest_path_flaw(deep + 1));
    memcpy(deep + 2 * LIMIT_TREE_DEPTH, "/a", 3);
    assert_string_equal(manifest_path_flaw(deep + 1), "is too deep");
    memset(path, 'a', sizeof path);
    for (size_t i = 200; i < LIMIT_TREE_PATH; i += 200)
        path[i] = '/';
    path[LIMIT_TREE_PATH + 1] = '\0';
    assert_string_equal(manifest_path_flaw(path), "is too long");
    path[LIMIT_TREE_PATH] = '\0';
    assert_null(manifest_path_flaw(path));
}

static void test_too_many_entries_are_refused(void **state)
{
    ARENA_AUTO a = arena_new();
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, LIMIT_TREE_ENTRIES + 1);
    struct manifest m;
    struct err e;

    for (size_t i = 0; i <= LIMIT_TREE_ENTRIES; i++)
        v[i] = (struct manifest_entry){.path = arena_printf(a, "%zu", i), .type = MANIFEST_DIR};
    assert_int_equal(manifest_make(v, LIMIT_TREE_ENTRIES + 1, &m, &e), -1);
    assert_int_equal(manifest_make(v, LIMIT_TREE_ENTRIES, &m, &e), 0);
}

static void test_a_wrong_entry_is_not_made(void **state)
{
    static const struct {
        struct manifest_entry v[3];
        const char *why;
    } rows[] = {
        {{{.path = "", .type = MANIFEST_DIR}}, "'' is empty"},
        {{{.path = "a", .type = MANIFEST_DIR, .mode = 010000}}, "'a' has no valid mode"},
        {{{.path = "a", .type = MANIFEST_DIR, .size = 1}}, "'a' is a directory with a content"},
        {{{.path = "a", .type = MANIFEST_FILE}}, "'a' has no valid digest"},
        {{{.path = "a", .type = MANIFEST_FILE, .digest = HEX_A, .target = "b"}}, "'a' is a file with a target"},
        {{{.path = "a", .type = MANIFEST_LINK}}, "'a' is a link without a target"},
        {{{.path = "a", .type = MANIFEST_LINK, .target = ""}}, "'a' is a link without a target"},
        {{{.path = "a", .type = MANIFEST_LINK, .target = "b", .mode = 0777}}, "'a' is a link with a mode or content"},
        {{{.path = "a", .type = MANIFEST_TYPE_COUNT}}, "'a' is of no known type"},
        {{D("a"), D("a")}, "'a' is there twice"},
        {{D("a/\x1b[m")}, "'a/\\x1b[m' has no parent"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct manifest_entry v[3];
        struct manifest m;
        struct err e;

        memcpy(v, rows[i].v, sizeof v);
        assert_int_equal(manifest_make(v, v[1].path ? 2 : 1, &m, &e), -1);
        assert_string_equal(e.msg, rows[i].why);
    }
}

/* --- questions
 * ------------------------------------------------------------------------------------------------------------------ */

static void test_below_a_directory(void **state)
{
    ARENA_AUTO a = arena_new();
    struct manifest m = make(a, (struct manifest_entry[MAX]){D("a"), D("a-b"), F("a-b/x", HEX_A), F("a/f", HEX_A), D("a/d"),
                                                             L("a/d/l", "f"), F("ab", HEX_A)}),
                    below;
    struct err e;

    assert_int_equal(manifest_below(a, &m, "a", &below, &e), 0);
    assert_int_equal(below.n, 3);
    assert_string_equal(below.v[0].path, "d");
    assert_string_equal(below.v[1].path, "d/l");
    assert_string_equal(below.v[2].path, "f");
    assert_int_equal(manifest_below(a, &m, "ab", &below, &e), -1);
    assert_int_equal(e.class, ERR_NOT_FOUND);
    assert_int_equal(manifest_below(a, &m, "none", &below, &e), -1);
}

static void test_links_that_lead_outside(void **state)
{
    static const struct {
        const char *path, *target;
        bool of_tree, of_w; /* escapes the whole tree, escapes "w" */
    } rows[] = {
        {"w/x", "f", false, false},          {"w/x", "/w/f", true, true},
        {"w/x", "..", false, true},          {"w/x", "../g/f", false, true},
        {"w/x", "../..", true, true},        {"w/x", "../w/f", false, true}, /* w itself has no name on the other side of it */
        {"w/x", "d/../f", false, false},     {"w/x", "d/../..", false, true},
        {"w/x", "none/../..", false, true},  {"w/x", "none/../../..", true, true},
        {"w/x", "x", false, false},          {"w/x", "x/..", false, false},
        {"w/x", "up/f", false, true},        {"w/x", "up/up/..", false, true},
        {"w/x", "d/back/f", false, false},   {"w/x", "d/back/../g", false, true},
        {"w/x", "d/back/../..", true, true}, {"w/x", "abs/f", true, true},
        {"w/x", ".//./f", false, false},     {"w/x", "f/../f", false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        struct manifest m =
            make(a, (struct manifest_entry[MAX]){D("g"), F("g/f", HEX_A), D("w"), L("w/abs", "/"), D("w/d"), L("w/d/back", ".."),
                                                 F("w/f", HEX_A), L("w/up", "../w"), L(rows[i].path, rows[i].target)});
        const struct manifest_entry *x = manifest_find(&m, rows[i].path);

        if (manifest_link_escapes(&m, "", x) != rows[i].of_tree || manifest_link_escapes(&m, "w", x) != rows[i].of_w)
            fail_msg("%s -> %s", rows[i].path, rows[i].target);
    }
}

/* --- differences
 * ---------------------------------------------------------------------------------------------------------------- */

static void test_what_became_of_a_tree(void **state)
{
    ARENA_AUTO a = arena_new();
    struct manifest base = make(a, (struct manifest_entry[MAX]){D("d"), F("d/gone", HEX_A), F("d/same", HEX_A),
                                                                F("d/content", HEX_A), F("d/mode", HEX_A), L("d/target", "x"),
                                                                F("d/type", HEX_A)}),
                    now = make(a, (struct manifest_entry[MAX]){
                                      D("d"),
                                      F("d/same", HEX_A),
                                      F("d/content", HEX_B),
                                      {.path = "d/mode", .type = MANIFEST_FILE, .mode = 0755, .size = 3, .digest = HEX_B},
                                      L("d/target", "y\n"),
                                      D("d/type"),
                                      F("d/\x1bnew", HEX_A),
                                      L("new", "d")});
    struct manifest_changes c = manifest_compare(a, &base, &now);
    BUF_AUTO b = BUF_INIT(10000);

    manifest_changes_format(&b, &c, 100);
    assert_string_equal(buf_str(&b), "  + d/\\x1bnew (3 bytes)\n"
                                     "  ~ d/content (content)\n"
                                     "  - d/gone\n"
                                     "  ~ d/mode (content, mode 644 -> 755)\n"
                                     "  ~ d/target (target x -> y\\n)\n"
                                     "  ~ d/type (file -> directory)\n"
                                     "  + new -> d\n");
    assert_int_equal(c.n_of[MANIFEST_ADDED], 2);
    assert_int_equal(c.n_of[MANIFEST_CHANGED], 4);
    assert_int_equal(c.n_of[MANIFEST_REMOVED], 1);
    buf_clear(&b);
    manifest_changes_format(&b, &c, 2);
    assert_string_equal(buf_str(&b), "  + d/\\x1bnew (3 bytes)\n  ~ d/content (content)\n  and 5 more\n");
    buf_clear(&b);
    manifest_changes_format(&b, &c, 7);
    assert_null(strstr(buf_str(&b), "more"));
    assert_int_equal(manifest_compare(a, &base, &base).n, 0);
}

static void test_three_way(void **state)
{
    /* Each tree is the file f with this content (0: it is not there). */
    static const struct {
        char seed, remote, local;
        bool no_seed;
        enum manifest_verdict verdict;
        size_t lost;
    } rows[] = {
        {'a', 'a', 'a', false, MANIFEST_SAME, 0},
        {'a', 'a', 'b', false, MANIFEST_REMOTE_UNCHANGED, 0},
        {'a', 'a', 0, false, MANIFEST_REMOTE_UNCHANGED, 0},
        {0, 0, 'b', false, MANIFEST_REMOTE_UNCHANGED, 0},
        {'a', 'b', 'a', false, MANIFEST_REMOTE_CHANGED, 1},
        {'a', 0, 'a', false, MANIFEST_REMOTE_CHANGED, 1},
        {0, 'b', 0, false, MANIFEST_REMOTE_CHANGED, 1},
        {'a', 'b', 'b', false, MANIFEST_SAME, 0},
        {'a', 0, 0, false, MANIFEST_SAME, 0},
        {0, 'b', 'b', false, MANIFEST_SAME, 0},
        {'a', 'b', 'c', false, MANIFEST_BOTH_CHANGED, 1},
        {'a', 'b', 0, false, MANIFEST_BOTH_CHANGED, 1},
        {'a', 0, 'b', false, MANIFEST_BOTH_CHANGED, 1},
        {0, 'a', 'b', false, MANIFEST_BOTH_CHANGED, 1},
        {0, 'a', 'a', true, MANIFEST_SAME, 0},
        {0, 'a', 'b', true, MANIFEST_BOTH_CHANGED, 1},
        {0, 'a', 0, true, MANIFEST_REMOTE_CHANGED, 1},
        {0, 0, 'a', true, MANIFEST_REMOTE_UNCHANGED, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO a = arena_new();
        const char contents[3] = {rows[i].seed, rows[i].remote, rows[i].local};
        struct manifest m[3];
        struct manifest_three_way t;

        for (size_t k = 0; k < 3; k++) {
            char hex[DIGEST_HEX];

            memset(hex, contents[k], DIGEST_HEX - 1);
            hex[DIGEST_HEX - 1] = '\0';
            m[k] = make(a, (struct manifest_entry[MAX]){D("d"), contents[k] ? (struct manifest_entry)F("f", arena_strdup(a, hex))
                                                                            : (struct manifest_entry){0}});
        }
        if (rows[i].no_seed)
            for (size_t k = 1; k < 3; k++)
                m[k].v++, m[k].n--; /* without "d" */
        t = manifest_three_way(a, rows[i].no_seed ? NULL : &m[0], &m[1], &m[2]);
        if (t.verdict != rows[i].verdict || t.lost.n != rows[i].lost)
            fail_msg("row %zu: %s, %zu lost", i, manifest_verdict_name(t.verdict), t.lost.n);
        assert_int_equal(t.lost_bytes, rows[i].lost && rows[i].remote ? 3 : 0);
    }
}

static void test_what_is_in_local_too_is_not_lost(void **state)
{
    ARENA_AUTO a = arena_new();
    struct manifest seed = make(a, (struct manifest_entry[MAX]){F("x", HEX_A), F("y", HEX_A)}),
                    remote = make(a, (struct manifest_entry[MAX]){F("x", HEX_B), F("both", HEX_B), F("only", HEX_B)}),
                    local = make(a, (struct manifest_entry[MAX]){F("x", HEX_B), F("both", HEX_B), F("local", HEX_A)});
    struct manifest_three_way t = manifest_three_way(a, &seed, &remote, &local);

    assert_int_equal(t.verdict, MANIFEST_BOTH_CHANGED);
    assert_int_equal(t.remote.n, 4);
    assert_int_equal(t.lost.n, 1);
    assert_string_equal(t.lost.v[0].to->path, "only");
}

/* Applying what was found to the one side gives the other. */
static void test_differences_of_random_trees_add_up(void **state)
{
    unsigned seed = (unsigned)time(NULL);

    print_message("seed %u\n", seed);
    for (unsigned round = 0; round < 300; round++) {
        ARENA_AUTO a = arena_new();
        struct manifest m[2];
        struct manifest_changes c;
        struct err e;

        for (size_t k = 0; k < 2; k++) {
            VEC(struct manifest_entry) v = {0};

            for (unsigned i = 0; i < 12; i++) {
                seed = seed * 1103515245u + 12345u;
                const unsigned r = seed >> 16;
                const char *path = arena_printf(a, "%c", 'a' + i);

                if (r % 4 == 0)
                    VEC_PUSH(a, &v, ((struct manifest_entry)F(path, r & 16 ? HEX_A : HEX_B)));
                else if (r % 4 == 1)
                    VEC_PUSH(a, &v, ((struct manifest_entry)L(path, r & 16 ? "x" : "y")));
                else if (r % 4 == 2)
                    VEC_PUSH(a, &v, ((struct manifest_entry)D(path)));
            }
            assert_int_equal(manifest_make(v.v, v.n, &m[k], &e), 0);
        }
        c = manifest_compare(a, &m[0], &m[1]);
        VEC(struct manifest_entry) v = {0};
        for (size_t i = 0; i < m[0].n; i++) {
            const struct manifest_entry *x = &m[0].v[i];

            for (size_t k = 0; k < c.n; k++)
                if (c.v[k].from == x) {
                    x = c.v[k].to;
                    break;
                }
            if (x)
                VEC_PUSH(a, &v, *x);
        }
        for (size_t k = 0; k < c.n; k++)
            if (c.v[k].kind == MANIFEST_ADDED)
                VEC_PUSH(a, &v, *c.v[k].to);
        struct manifest made;

        assert_int_equal(manifest_make(v.v, v.n, &made, &e), 0);
        assert_string_equal(made.tree, m[1].tree);
        assert_int_equal(c.n, c.n_of[0] + c.n_of[1] + c.n_of[2]);
        assert_int_equal(c.n == 0, text_eq(m[0].tree, m[1].tree));
    }
}

static void test_every_name_is_there(void **state)
{
    for (unsigned i = 0; i < MANIFEST_VERDICT_COUNT; i++)
        assert_non_null(manifest_verdict_name(i));
    for (unsigned i = 0; i < MANIFEST_CHANGE_KIND_COUNT; i++)
        assert_non_null(manifest_change_kind_name(i));
    for (unsigned i = 0; i < MANIFEST_TYPE_COUNT; i++)
        assert_non_null(manifest_type_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_text_is_this),
        cmocka_unit_test(test_an_empty_tree_is_a_tree),
        cmocka_unit_test(test_what_is_not_written_so_is_refused),
        cmocka_unit_test(test_a_text_that_is_cut_or_changed_anywhere_is_refused),
        cmocka_unit_test(test_each_cap_of_paths_holds_at_n_and_not_at_n_plus_1),
        cmocka_unit_test(test_too_many_entries_are_refused),
        cmocka_unit_test(test_a_wrong_entry_is_not_made),
        cmocka_unit_test(test_below_a_directory),
        cmocka_unit_test(test_links_that_lead_outside),
        cmocka_unit_test(test_what_became_of_a_tree),
        cmocka_unit_test(test_three_way),
        cmocka_unit_test(test_what_is_in_local_too_is_not_lost),
        cmocka_unit_test(test_differences_of_random_trees_add_up),
        cmocka_unit_test(test_every_name_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
