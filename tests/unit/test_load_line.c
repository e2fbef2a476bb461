/* reconciler/load: which line's rules a config is read by, and which found the last good one good, over an upgrade in place. */
#include "reconciler/load.h"
#include "spec/base/path.h"
#include "tests/lib/scratch.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define OLD_CONFIG                                                                                                               \
    "{agents: {list: [{id: 'a', default: true}, {id: 'b'}]}, meta: {lastTouchedVersion: '2026.5.3', lastTouchedAt: 'x'}}"
#define NEW_CONFIG "{agents: {ownership: 'explicit', entries: {a: {}, b: {}}}, meta: {lastTouchedVersion: '2026.9.6'}}"

struct fixture {
    struct arena *a;
    char *dir;
    struct host host;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.a = arena_new(), .dir = scratch_make()};
    f->host = (struct host){.env = node_object(f->a),
                            .cwd = f->dir,
                            .home = f->dir,
                            .xdg_config = path_join(f->a, f->dir, ".config"),
                            .home_dir = path_join(f->a, f->dir, "own")};
}

static void end(struct fixture *f)
{
    scratch_remove(f->dir);
    arena_free(f->a);
}

/* As 2026.9.6 makes it. */
static void make_database(struct fixture *f)
{
    sqlite3 *db = NULL;
    size_t n;

    scratch_mkdir(f->dir, ".openclaw/state");
    assert_int_equal(sqlite3_open(scratch_path(f->dir, ".openclaw/state/openclaw.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, vectors_bytes(f->a, "tests/data/openclaw/state-18.sql", &n), NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The line in force, the one whose rules found what is here good (OC_LINE_COUNT: nothing is here), and whether that is the config
 * as it is now. */
static struct load *reads(struct fixture *f, struct load *previous, enum oc_line line, enum oc_line good_for, bool ok)
{
    struct load *l = load_read(&f->host, NULL, 0, previous);

    assert_int_equal(l->n_openclaws, 1);
    const struct load_openclaw *o = &l->openclaws[0];
    assert_int_equal(o->places.line->line, line);
    assert_ptr_equal(o->places.line, o->detected.line);
    assert_int_equal(o->ok, ok);
    assert_int_equal(o->source.root != NULL, good_for != OC_LINE_COUNT);
    if (good_for == OC_LINE_COUNT)
        assert_null(o->good_for);
    else
        assert_int_equal(o->good_for->line, good_for);
    return l;
}

static void a_last_good_config_is_told_by_the_line_that_found_it_good(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, ".openclaw/openclaw.json", OLD_CONFIG);
    LOAD_AUTO old = reads(&f, NULL, OC_LINE_2026_5, OC_LINE_2026_5, true);
    /* Its doctor has made the database, and not yet the config. */
    make_database(&f);
    LOAD_AUTO between = reads(&f, old, OC_LINE_2026_9, OC_LINE_2026_5, false);
    /* However often it is looked at, and however broken it is by then. */
    scratch_write_text(f.dir, ".openclaw/openclaw.json", "{");
    LOAD_AUTO later = reads(&f, between, OC_LINE_2026_9, OC_LINE_2026_5, false);
    scratch_write_text(f.dir, ".openclaw/openclaw.json", NEW_CONFIG);
    LOAD_AUTO new = reads(&f, later, OC_LINE_2026_9, OC_LINE_2026_9, true);
    /* From then on what breaks has a last good one of its own line. */
    scratch_write_text(f.dir, ".openclaw/openclaw.json", OLD_CONFIG);
    LOAD_AUTO broken = reads(&f, new, OC_LINE_2026_9, OC_LINE_2026_9, false);
    assert_non_null(node_path(broken->openclaws[0].source.root, "agents", "entries", NULL));
    end(&f);
}

static void without_a_last_good_config_no_line_found_one(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, ".openclaw/openclaw.json", OLD_CONFIG);
    make_database(&f);
    LOAD_AUTO first = reads(&f, NULL, OC_LINE_2026_9, OC_LINE_COUNT, false);
    LOAD_AUTO second = reads(&f, first, OC_LINE_2026_9, OC_LINE_COUNT, false);
    assert_int_equal(second->n_openclaws, 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_last_good_config_is_told_by_the_line_that_found_it_good),
        cmocka_unit_test(without_a_last_good_config_no_line_found_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
