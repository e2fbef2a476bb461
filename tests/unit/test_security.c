/* What OpenClaw refuses to make a container with, and what reconclaw refuses beyond it. */
#include "spec/openclaw/security.h"
#include "tests/lib/memfs.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Every vector in which reconclaw says no where OpenClaw says yes, and why: see security.h. */
static const struct {
    const char *vector;
    enum oc_denial why;
    bool only_2026_5; /* 2026.9 says no itself */
    const char *because;
} stricter[] = {
    {"var", OC_DENY_COVERS, true, "/var holds /var/run and with it the docker socket"},
    {"home", OC_DENY_COVERS, true, "the home holds .ssh, .aws and the other blocked directories"},
    {"dangling", OC_DENY_BLOCKED, false, "the link leads to /etc once its target exists"},
    {"dangling-sub", OC_DENY_BLOCKED, false, "the link leads to /etc once its target exists"},
    {"link-ssh", OC_DENY_BLOCKED, false, "the link leads to ~/.ssh once that exists"},
    {"loop", OC_DENY_UNCLEAR, false, "nobody knows where a loop of links will lead once it is mended"},
};

/* The golden cases of 2026.9 are the questions of 2026.5's and some of its own, asked of 2026.9.6. */
static const struct {
    enum oc_line line;
    const char *vectors;
    size_t n, n_stricter;
} lines[] = {{OC_LINE_2026_5, "security", 116, 6}, {OC_LINE_2026_9, "2026.9/security", 132, 4}};

static void plant(struct memfs *m, const struct node *fixture)
{
    struct arena *a = m->arena;
    const char *root = node_str(node_get(fixture, "root"));
    const struct node *create = node_get(fixture, "create"), *list;
    memfs_dir(m, root);
    list = node_get(create, "dirs");
    for (size_t i = 0; i < list->n_items; i++)
        memfs_dir(m, arena_printf(a, "%s/%s", root, list->items[i]->s));
    list = node_get(create, "files");
    for (size_t i = 0; i < list->n_items; i++)
        memfs_file(m, arena_printf(a, "%s/%s", root, list->items[i]->s), "x");
    list = node_get(create, "symlinks");
    for (size_t i = 0; i < list->n_members; i++)
        memfs_link(m, arena_printf(a, "%s/%s", root, list->members[i].key), list->members[i].value->s);
    memfs_dir(m, node_str(node_get(fixture, "homeRealpath")));
    memfs_file(m, "/etc/passwd", "x");
    memfs_dir(m, "/run");
    memfs_dir(m, "/var/lib/docker");
    memfs_link(m, "/var/run", "/run");
}

static size_t roots_of(const struct node *v, const char **roots)
{
    const struct node *list = node_get(v, "allowedSourceRoots");
    size_t n = 0;
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++)
        roots[n++] = list->items[i]->s;
    return n;
}

static void denials_equal_openclaws_but_for_the_table(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        struct node *list = vectors_load(a, lines[l].vectors);
        assert_int_equal(list->n_items, lines[l].n);
        struct memfs m;
        memfs_init(&m, a);
        plant(&m, list->items[0]);
        size_t n_stricter = 0;
        for (size_t i = 1; i < list->n_items; i++) {
            const struct node *v = list->items[i];
            const char *name = node_str(node_get(v, "name")), *home = node_str(node_get(v, "home"));
            struct oc_host host = {.fs = &m.fs, .home = home, .os_home = home, .cwd = "/"};
            const char *roots[8];
            size_t n_roots = roots_of(v, roots);
            enum oc_denial why = OC_DENY_NONE;
            struct err e = {0};
            int status =
                oc_check_security(a, &oc_profiles[lines[l].line], &host, node_get(v, "cfg"), NULL, roots, n_roots, &why, &e);
            const char *wanted = node_get(v, "ok")->b ? "none" : node_str(node_get(v, "reason"));
            for (size_t s = 0; s < sizeof stricter / sizeof *stricter; s++)
                if (strcmp(stricter[s].vector, name) == 0 && !(stricter[s].only_2026_5 && lines[l].line != OC_LINE_2026_5)) {
                    assert_string_equal(wanted, "none");
                    wanted = oc_denial_name(stricter[s].why);
                    n_stricter++;
                }
            /* The vectors call one of the two refusals of a network just that. */
            bool same = strcmp(oc_denial_name(why), wanted) == 0 ||
                        (strcmp(wanted, "network") == 0 && (why == OC_DENY_HOST_NETWORK || why == OC_DENY_NETWORK_JOIN));
            if (!same || (status == 0) != (why == OC_DENY_NONE))
                fail_msg("%s: %s: %s (%s), wanted %s", lines[l].vectors, name, oc_denial_name(why), e.msg, wanted);
            if (status < 0) {
                assert_int_equal(e.class, ERR_CONFIG);
                assert_true(text_has_prefix(e.msg, "docker."));
            }
        }
        assert_int_equal(n_stricter, lines[l].n_stricter);
    }
}

static void what_cannot_be_known_is_refused(void **state)
{
    static const struct {
        const char *bind;
        enum oc_denial why;
        bool external; /* dangerouslyAllowExternalBindSources */
    } table[] = {
        {"/ws/ok:/d", OC_DENY_NONE},
        {"/ws/new/deeper:/d", OC_DENY_NONE},
        {"/ws/locked/x:/d", OC_DENY_UNCLEAR}, /* a directory that may not be looked into */
        {"/ws/a:/d", OC_DENY_UNCLEAR},        /* a -> b -> a */
        {"/ws/up:/d", OC_DENY_BLOCKED},       /* ../etc, relative to the link's own place */
        {"/ws/twice/x:/d", OC_DENY_BLOCKED},  /* link to a link to nothing in /run */
        {"/ws/away:/d", OC_DENY_OUTSIDE},     /* dangling, out of the workspace */
        {"/ws/inward/x:/d", OC_DENY_NONE},    /* dangling, but within it */
        {"/ws/file/x:/d", OC_DENY_NONE},      /* below a file: the engine will say so */
        {"/ws/blank :/d", OC_DENY_BLOCKED},   /* "blank " is a link to /etc, "blank" is not */
        {"/ws\\evil:/d", OC_DENY_BLOCKED},    /* the engine takes the backslash as it is */
        {"/:/d", OC_DENY_COVERS},
        {"/h:/d", OC_DENY_OUTSIDE},
        {"/h:/d", OC_DENY_COVERS, true},
        {"/h/u:/d", OC_DENY_COVERS, true},
        {"/real/u:/d", OC_DENY_COVERS, true},
        {"/var:/d", OC_DENY_COVERS, true},
        {"/usr:/d", OC_DENY_NONE, true},
        {"/real/u/.ssh:/d", OC_DENY_BLOCKED}, /* the home's real place */
        {"//?/ws/ok:/d", OC_DENY_OUTSIDE},    /* a Windows prefix makes it relative */
        {"//?/UNC/etc:/d", OC_DENY_BLOCKED},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct memfs m;
    memfs_init(&m, a);
    memfs_dir(&m, "/ws/ok");
    memfs_dir(&m, "/ws/locked")->denied = true;
    memfs_file(&m, "/ws/file", "");
    memfs_link(&m, "/ws/a", "b");
    memfs_link(&m, "/ws/b", "a");
    memfs_link(&m, "/ws/up", "../etc");
    memfs_link(&m, "/ws/twice", "/ws/second");
    memfs_link(&m, "/ws/second", "/run/nothing");
    memfs_link(&m, "/ws/away", "/srv/nothing");
    memfs_link(&m, "/ws/inward", "/ws/nothing");
    memfs_dir(&m, "/ws/blank");
    memfs_link(&m, "/ws/blank ", "/etc");
    memfs_link(&m, "/ws\\evil", "/etc");
    memfs_dir(&m, "/ws/evil");
    memfs_dir(&m, "/real/u");
    memfs_link(&m, "/h/u", "/real/u");
    const char *roots[] = {"/ws"};
    struct oc_host host = {.fs = &m.fs, .home = "/h/u", .os_home = "/h/u", .cwd = "/"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct node *docker = node_object(a), *binds = node_array(a);
        node_push(a, binds, node_string(a, table[i].bind));
        node_set(a, docker, "binds", binds);
        node_set(a, docker, "dangerouslyAllowExternalBindSources", node_bool(a, table[i].external));
        enum oc_denial why;
        struct err e = {0};
        (void)oc_check_security(a, NULL, &host, docker, NULL, roots, 1, &why, &e);
        if (why != table[i].why)
            fail_msg("%s: %s (%s), wanted %s", table[i].bind, oc_denial_name(why), e.msg, oc_denial_name(table[i].why));
    }
}

static void as_many_links_as_the_kernel_follows_are_followed(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    for (int n = 40; n <= 41; n++) {
        struct memfs m;
        memfs_init(&m, a);
        memfs_dir(&m, "/ws/0");
        for (int i = 1; i <= n; i++)
            memfs_link(&m, arena_printf(a, "/ws/%d", i), arena_printf(a, "%d", i - 1));
        struct oc_host host = {.fs = &m.fs, .home = "/h", .os_home = "/h", .cwd = "/"};
        struct node *docker = node_object(a), *binds = node_array(a);
        node_push(a, binds, node_printf(a, "/ws/%d:/d", n));
        node_set(a, docker, "binds", binds);
        enum oc_denial why;
        struct err e = {0};
        (void)oc_check_security(a, NULL, &host, docker, NULL, NULL, 0, &why, &e);
        assert_int_equal(why, n == 40 ? OC_DENY_NONE : OC_DENY_UNCLEAR);
    }
}

static void every_denial_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < OC_DENIAL_COUNT; i++) {
        assert_non_null(oc_denial_name((enum oc_denial)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(oc_denial_name((enum oc_denial)i), oc_denial_name((enum oc_denial)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denials_equal_openclaws_but_for_the_table),
        cmocka_unit_test(what_cannot_be_known_is_refused),
        cmocka_unit_test(as_many_links_as_the_kernel_follows_are_followed),
        cmocka_unit_test(every_denial_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
