/* private: which directories one scope of OpenClaw's has for itself, by its key, its record and what stands there. */
#include "spec/base/text.h"
#include "spec/openclaw/private.h"
#include "tests/lib/memfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N(v)   (sizeof(v) / sizeof *(v))
#define OLD    "agent-main-f331f052"
#define HEX    "0123456789abcdef0123456789abcdef"
#define NEWKEY "agent:main:workspace:" HEX

/* "/root/slug(doubt) ..." */
static const char *dirs_of(struct arena *a, const struct fs *fs, const struct record *rec, const char *doubt)
{
    const struct oc_places places = {.home = "/h", .state_dir = "/s", .cwd = "/", .line = &oc_profiles[OC_LINE_2026_9]};
    const char *const roots[] = {"/s/sandboxes", "~/rooms"};
    const struct private_dir *v;
    size_t n = oc_private_dirs(a, fs, &places, rec, roots, N(roots), doubt, &v);
    BUF_AUTO b = BUF_INIT(65536);

    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s(%s)", i ? " " : "", v[i].real, v[i].doubt ? v[i].doubt : "");
    return arena_strdup(a, buf_str(&b));
}

static void a_scope_has_what_its_key_and_record_tell(void **state)
{
    ARENA_AUTO a = arena_new();
    const char *slug = oc_slug(a, &oc_profiles[OC_LINE_2026_9], NEWKEY), *name = arena_printf(a, "openclaw-sbx-%s", slug);
    const struct {
        const char *key, *name, *said, *doubt, *want;
    } rows[] = {
        {"agent:main", "openclaw-sbx-" OLD, NULL, NULL, "/s/sandboxes/" OLD "() /h/rooms/" OLD "()"},
        {" agent:main ", "openclaw-sbx-browser-" OLD, NULL, NULL, "/s/sandboxes/" OLD "() /h/rooms/" OLD "()"},
        {"agent:main", "openclaw-sbx-" OLD, "/h/rooms/" OLD, NULL, "/h/rooms/" OLD "()"},
        {"agent:main", "openclaw-sbx-" OLD, "/h/rooms/x/../" OLD, NULL, "/h/rooms/" OLD "()"},
        {"agent:main", "openclaw-sbx-" OLD, "/w/main", NULL, ""}, /* rw: the agent's own */
        {"agent:main", "openclaw-sbx-" OLD, "/before/" OLD, NULL,
         "/before/" OLD "(it is below no workspaceRoot of today's config)"},
        {"agent:main", "a-prefix-so-long-that-it-is-cut-agent-main-f3", "/s/sandboxes/" OLD, NULL,
         "/s/sandboxes/" OLD "(the runtime's name does not tell of it)"},
        {"agent:main", "openclaw-sbx-" OLD, "/s/sandboxes/" OLD, "it lives", "/s/sandboxes/" OLD "(it lives)"},
        {"shared", "openclaw-sbx-shared", NULL, NULL, ""},
        {"", "openclaw-sbx-x", NULL, NULL, ""},
        {"agent:gone", "openclaw-sbx-agent-gone-00000000", NULL, NULL, ""}, /* nothing is there */
        {NEWKEY, name, arena_printf(a, "/s/sandboxes/%s", slug), NULL,
         arena_printf(a, "/s/sandboxes/%s() /s/sandbox/skills-workspaces/%s()", slug, slug)},
        {NEWKEY, name, "/w/main", NULL, arena_printf(a, "/s/sandbox/skills-workspaces/%s()", slug)}, /* rw: only its skills */
    };
    struct memfs m;

    memfs_init(&m, a);
    memfs_dir(&m, "/s/sandboxes/" OLD);
    memfs_dir(&m, "/h/rooms/" OLD);
    memfs_dir(&m, "/h/rooms/x");
    memfs_dir(&m, "/before/" OLD);
    memfs_dir(&m, "/w/main");
    memfs_dir(&m, arena_printf(a, "/s/sandboxes/%s", slug));
    memfs_dir(&m, arena_printf(a, "/s/sandbox/skills-workspaces/%s", slug));
    for (size_t i = 0; i < N(rows); i++) {
        const struct record rec = {.name = rows[i].name, .scope_key = rows[i].key, .workspace_dir = rows[i].said};

        const char *got = dirs_of(a, &m.fs, &rec, rows[i].doubt);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s", i, got);
    }
}

static void what_is_no_directory_is_in_doubt_and_real_paths_are_told(void **state)
{
    ARENA_AUTO a = arena_new();
    const struct record rec = {.name = "p-" OLD, .scope_key = "agent:main"};
    struct memfs m;

    memfs_init(&m, a);
    memfs_dir(&m, "/real/sandboxes");
    memfs_dir(&m, "/s");
    memfs_link(&m, "/s/sandboxes", "/real/sandboxes");
    memfs_dir(&m, "/w/main");
    memfs_link(&m, "/real/sandboxes/" OLD, "/w/main");
    assert_string_equal(dirs_of(a, &m.fs, &rec, NULL), "/real/sandboxes/" OLD "(it is a link, or no directory)");
    memfs_init(&m, a);
    memfs_dir(&m, "/real/sandboxes/" OLD);
    memfs_dir(&m, "/s");
    memfs_link(&m, "/s/sandboxes", "/real/sandboxes");
    assert_string_equal(dirs_of(a, &m.fs, &rec, NULL), "/real/sandboxes/" OLD "()");
    memfs_dir(&m, "/real/sandboxes/" OLD)->mounted = true;
    assert_string_equal(dirs_of(a, &m.fs, &rec, NULL), "/real/sandboxes/" OLD "(something is mounted there)");
}

/* What cannot be looked at is not taken for absent: it is told, and left alone. */
static void what_cannot_be_looked_at_is_in_doubt(void **state)
{
    static const struct {
        const char *denied, *want;
    } rows[] = {
        {"/s/sandboxes", "/s/sandboxes/" OLD "(it cannot be looked at)"},
        {"/s", "/s/sandboxes/" OLD "(where it is cannot be told)"},
        /* Closed to us, but what it is can be told: a rename of it needs no more. */
        {"/s/sandboxes/" OLD, "/s/sandboxes/" OLD "()"},
    };

    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        const struct record rec = {.name = "p-" OLD, .scope_key = "agent:main"};
        struct memfs m;

        memfs_init(&m, a);
        memfs_dir(&m, "/h");
        memfs_dir(&m, "/s/sandboxes/" OLD);
        memfs_dir(&m, rows[i].denied)->denied = true;
        const char *got = dirs_of(a, &m.fs, &rec, NULL);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].denied, got);
    }
}

static void slugs_are_told_by_their_form(void **state)
{
    static const struct {
        const char *name;
        bool is;
    } rows[] = {{OLD, true},          {"workspace-" HEX, true}, {"agent-main-f331f05", false}, {"agent-main-f331f05g", false},
                {"-f331f052", false}, {"x-f331f052", true},     {"workspace", false},          {".x-f331f052", false},
                {"notes", false}};

    for (size_t i = 0; i < N(rows); i++)
        if (oc_is_slug(rows[i].name) != rows[i].is)
            fail_msg("%s", rows[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scope_has_what_its_key_and_record_tell),
        cmocka_unit_test(what_is_no_directory_is_in_doubt_and_real_paths_are_told),
        cmocka_unit_test(what_cannot_be_looked_at_is_in_doubt),
        cmocka_unit_test(slugs_are_told_by_their_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
