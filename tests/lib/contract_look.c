/* contract: open, probe, check, observe and look. */
#include "tests/lib/contract_suite.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static void test_table(void **state)
{
    size_t n, hits = 0;
    const struct backend_ops *const *all = backend_all(&n);
    struct fixture *f = *state;

    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(backend_find(all[i]->name), all[i]);
        hits += all[i] == suite->ops;
    }
    assert_int_equal(hits, 1);
    assert_ptr_equal(backend_find(suite_desire(f, f->name, CONTRACT_BASE)->endpoint), suite->ops);
    assert_true(suite->ops->open && suite->ops->probe && suite->ops->observe && suite->ops->look && suite->ops->check &&
                suite->ops->apply && suite->ops->close);
}

static void test_close_null(void **state)
{
    suite->ops->close(NULL);
}

static void test_open_down(void **state)
{
    struct backend *b;

    suite->down(suite_peer, true);
    b = suite_open();
    assert_non_null(b);
    assert_ptr_equal(b->ops, suite->ops);
    suite->ops->close(b);
}

static void test_probe(void **state)
{
    struct fixture *f = *state;
    struct call c = suite_call();
    struct backend_info info = {0};

    must(f, suite->ops->probe(f->b, &c, &info, &f->e));
    assert_true(info.version[0] != '\0');
    assert_non_null(memchr(info.version, '\0', sizeof info.version));
    assert_non_null(memchr(info.remark, '\0', sizeof info.remark));
}

static void test_probe_down(void **state)
{
    struct fixture *f = *state;
    struct call c = {.timeout_ms = 2000};
    struct backend_info info;

    suite->down(suite_peer, true);
    f->e = (struct err){0};
    assert_int_equal(suite->ops->probe(f->b, &c, &info, &f->e), -1);
    if (f->e.class != ERR_UNAVAILABLE && f->e.class != ERR_TIMEOUT)
        fail_msg("unavailable or timeout is wanted: %s: %s", err_class_name(f->e.class), f->e.msg);
}

/* --- check --------------------------------------------------------------------------------------------------------- */

static void test_check_fields(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct fields again;

    assert_true(d->fields.n > 0);
    for (size_t i = 0; i < d->fields.n; i++) {
        assert_non_null(d->fields.v[i].value);
        assert_true(d->fields.v[i].class < FIELD_CLASS_COUNT);
        if (i > 0)
            assert_true(strcmp(d->fields.v[i - 1].name, d->fields.v[i].name) < 0);
    }
    must(f, suite->ops->check(f->a, d, &again, &f->e));
    suite_assert_fields(f, d->fields, again);
}

static void test_check_needs_nothing(void **state)
{
    struct fixture *f = *state;

    suite->down(suite_peer, true);
    assert_true(suite_desire(f, f->name, CONTRACT_BASE)->fields.n > 0);
}

static size_t changes_of_class(struct fixture *f, struct fields x, struct fields y, enum field_class class)
{
    struct field_change *ch;
    size_t n = fields_diff(f->a, x, y, &ch), hits = 0;

    for (size_t i = 0; i < n; i++)
        hits += ch[i].class == class;
    assert_true(n == hits);
    return n;
}

static void test_check_variants(void **state)
{
    struct fixture *f = *state;
    struct fields base = suite_desire(f, f->name, CONTRACT_BASE)->fields;

    assert_true(changes_of_class(f, base, suite_desire(f, f->name, CONTRACT_OTHER)->fields, FIELD_RECREATE) == 1);
    if (!(suite->lacks & CONTRACT_NO_PATCH))
        assert_true(changes_of_class(f, base, suite_desire(f, f->name, CONTRACT_PATCHED)->fields, FIELD_PATCH) == 1);
}

static struct desired *spoiled(struct fixture *f, const char **ret_key)
{
    struct desired *d = contract_desire(suite, suite_peer, f->a, f->name, CONTRACT_BASE);
    struct node *create = node_copy(f->a, d->create);

    *ret_key = suite->spoil(f->a, create);
    d->create = create;
    return d;
}

static void test_check_refuses(void **state)
{
    struct fixture *f = *state;
    const char *key;
    struct desired *d = spoiled(f, &key);
    struct fields mark = {.n = 77}, fields = mark;

    must_fail(f, suite->ops->check(f->a, d, &fields, &f->e), ERR_CONFIG);
    if (!text_has_prefix(f->e.msg, key))
        fail_msg("the message begins with the key '%s': %s", key, f->e.msg);
    assert_int_equal(fields.n, mark.n);
}

static void test_create_checks(void **state)
{
    struct fixture *f = *state;
    const char *key;
    struct desired *d = spoiled(f, &key);
    struct act_result r = {0};

    must_fail(f, suite_create(f, d, &r), ERR_CONFIG);
    assert_null(suite_seen(f, suite_desire(f, f->name, CONTRACT_BASE)));
}

/* --- observe and look ---------------------------------------------------------------------------------------------- */

/* The round's arena stays; handles come and go. */
static void test_outlives_the_handle(void **state)
{
    struct fixture *f = *state;
    const struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const struct observe_req req = {.desired = d, .n_desired = 1};
    const struct call c = suite_call();
    struct observation seen;
    struct observed looked;
    struct backend *b;

    (void)suite_made(f, d);
    b = suite_open();
    must(f, b->ops->observe(b, f->a, &req, &c, &seen, &f->e));
    must(f, b->ops->look(b, f->a, NULL, d->name, &c, &looked, &f->e));
    b->ops->close(b);
    assert_string_equal(seen.endpoint, d->endpoint);
    assert_string_equal(suite_find(&seen, d->name)->endpoint, d->endpoint);
    assert_string_equal(looked.endpoint, d->endpoint);
    assert_string_equal(looked.id, suite_find(&seen, d->name)->id);
}

static void test_observe_empty(void **state)
{
    struct fixture *f = *state;
    struct observation o = suite_observe(f, NULL, NULL);

    assert_int_equal(o.n, 0);
}

static void test_fresh_equals_wanted(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);
    struct observation all = suite_observe(f, NULL, NULL);
    const struct observed *o = suite_find(&all, d->name);
    struct observed l;

    assert_non_null(o);
    assert_string_equal(o->id, id);
    assert_int_equal(o->kind, d->kind);
    assert_int_equal(o->ownership, OWN_OURS);
    assert_int_equal(o->state, RUN_RUNNING);
    assert_string_equal(o->install, CONTRACT_INSTALL);
    assert_string_equal(o->owner, d->owner);
    assert_string_equal(o->config_hash, d->config_hash);
    assert_true(o->created_at_ms == 1700000000123);
    assert_true(o->busy_known == !(suite->lacks & CONTRACT_NO_BUSY));
    assert_int_equal(o->busy, 0);
    assert_true(o->fields_known);
    suite_assert_fields(f, d->fields, o->fields);
    l = suite_look_at(f, id, d->name);
    assert_string_equal(l.id, id);
    assert_string_equal(l.name, d->name);
    assert_int_equal(l.ownership, OWN_OURS);
    assert_string_equal(l.owner, d->owner);
    assert_true(l.fields_known);
    suite_assert_fields(f, d->fields, l.fields);
}

static void test_observe_all(void **state)
{
    struct fixture *f = *state;
    struct desired *d1 = suite_desire(f, f->name, CONTRACT_BASE), *d2 = suite_desire(f, f->other, CONTRACT_OTHER);
    const char *id1 = suite_made(f, d1), *id2 = suite_made(f, d2);
    struct observation o = suite_observe(f, NULL, NULL);

    assert_int_equal(o.n, 2);
    assert_string_equal(suite_find(&o, d1->name)->id, id1);
    assert_string_equal(suite_find(&o, d2->name)->id, id2);
    assert_string_not_equal(id1, id2);
}

static void test_observe_down(void **state)
{
    struct fixture *f = *state;
    struct observe_req req = {0};
    struct observation o = {.n = 77};

    suite_made(f, suite_desire(f, f->name, CONTRACT_BASE));
    suite->down(suite_peer, true);
    must_fail(f, suite_observe_as(f, &req, &o), ERR_UNAVAILABLE);
    assert_int_equal(o.n, 77);
    suite->down(suite_peer, false);
    assert_non_null(suite_seen(f, suite_desire(f, f->name, CONTRACT_BASE)));
}

static void test_look_absent(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id;

    assert_int_equal(suite_look_at(f, NULL, d->name).state, RUN_ABSENT);
    id = suite_made(f, d);
    assert_int_equal(suite_look_at(f, NULL, d->name).state, RUN_RUNNING);
    assert_string_equal(suite_look_at(f, NULL, d->name).id, id);
    must(f, suite_step(f, STEP_REMOVE, d, id, NULL));
    assert_int_equal(suite_look_at(f, id, d->name).state, RUN_ABSENT);
    assert_int_equal(suite_look_at(f, NULL, d->name).state, RUN_ABSENT);
}

static void test_look_down(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct call c = {.timeout_ms = 2000};
    struct observed o = {.state = RUN_STATE_COUNT};
    const char *id = suite_made(f, d);

    suite->down(suite_peer, true);
    must_fail(f, suite->ops->look(f->b, f->a, id, d->name, &c, &o, &f->e), ERR_UNAVAILABLE);
    assert_int_equal(o.state, RUN_STATE_COUNT);
    must_fail(f, suite->ops->look(f->b, f->a, NULL, d->name, &c, &o, &f->e), ERR_UNAVAILABLE);
}

static void test_foreign_listed_by_name(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct observation o;

    suite_make_foreign(f);
    o = suite_observe(f, NULL, NULL);
    assert_null(suite_find(&o, f->name));
    o = suite_observe(f, d, NULL);
    assert_non_null(suite_find(&o, f->name));
    assert_int_equal(suite_find(&o, f->name)->ownership, OWN_FOREIGN);
}

static void test_died_is_stopped(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);

    suite->die(suite_peer, d->name, id);
    suite_assert_state(f, d, id, RUN_STOPPED);
    must(f, suite_step(f, STEP_START, d, id, NULL));
    suite_assert_state(f, d, id, RUN_RUNNING);
}

static void test_vanished_is_absent(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);

    suite->vanish(suite_peer, d->name, id);
    suite_assert_gone(f, d, id);
    must(f, suite_step(f, STEP_REMOVE, d, id, NULL));
}

static void test_drift_seen(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct observation first, after;
    const struct observed *o;
    struct field_change *ch;
    const char *id = suite_made(f, d);

    first = suite_observe(f, d, NULL);
    suite->drift(suite_peer, d->name, id);
    for (unsigned round = 0; round < 2; round++) {
        after = suite_observe(f, d, round == 0 ? first.memo : NULL);
        o = suite_find(&after, d->name);
        assert_non_null(o);
        assert_true(o->fields_known);
        assert_true(fields_diff(f->a, d->fields, o->fields, &ch) > 0);
    }
}

static void test_memo_saves_only_time(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d1 = suite_desire(f, f->name, CONTRACT_OTHER);
    struct observation first, o;
    struct observe_req deep = {.desired = d, .n_desired = 1, .deep = true};

    suite_made(f, d);
    first = suite_observe(f, d, NULL);
    assert_true(suite_find(&first, d->name)->fields_known);
    o = suite_observe(f, d, first.memo);
    assert_int_equal(o.n, 1);
    assert_string_equal(o.v[0].id, first.v[0].id);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
    if (o.v[0].fields_known)
        suite_assert_fields(f, d->fields, o.v[0].fields);
    /* Another hash is wanted now: it has to be looked at, whatever the memo says. */
    o = suite_observe(f, d1, first.memo);
    assert_true(o.v[0].fields_known);
    suite_assert_fields(f, d->fields, o.v[0].fields);
    o = suite_observe(f, d, "no memo of this backend \x01");
    assert_true(o.v[0].fields_known);
    deep.memo = first.memo;
    must(f, suite_observe_as(f, &deep, &o));
    assert_true(o.v[0].fields_known);
}

static void test_images(void **state)
{
    struct fixture *f = *state;
    const char *refs[] = {suite->image, suite->image_missing};
    struct observe_req req = {.images = refs, .n_images = 2};
    struct observation o = {0}, later = {0};
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);

    suite_made(f, d);
    must(f, suite_observe_as(f, &req, &o));
    assert_int_equal(o.n_images, 2);
    assert_string_equal(o.images[0].ref, suite->image);
    assert_non_null(o.images[0].id);
    assert_string_equal(o.images[1].ref, suite->image_missing);
    assert_null(o.images[1].id);
    assert_string_equal(o.v[0].image_id, o.images[0].id);
    if (suite->retag == NULL)
        return;
    suite->retag(suite_peer, suite->image);
    req.memo = o.memo;
    must(f, suite_observe_as(f, &req, &later));
    assert_non_null(later.images[0].id);
    assert_string_not_equal(later.images[0].id, o.images[0].id);
    assert_string_equal(later.v[0].image_id, o.images[0].id);
}

static const struct suite_row rows[] = {
    {"it is in the table once, and found by its endpoint's name", test_table, 0, SUITE_ANY},
    {"close accepts NULL", test_close_null, 0, SUITE_ANY},
    {"open sends nothing", test_open_down, 0, SUITE_ANY},
    {"probe says what answers", test_probe, 0, SUITE_ANY},
    {"probe says that nothing answers", test_probe_down, 0, SUITE_ANY},
    {"check gives sorted fields, the same each time", test_check_fields, 0, SUITE_ANY},
    {"check needs no endpoint", test_check_needs_nothing, 0, SUITE_ANY},
    {"check tells a change of each class", test_check_variants, 0, SUITE_ANY},
    {"check refuses what cannot be done, by key", test_check_refuses, 0, SUITE_ANY},
    {"create refuses what check refuses", test_create_checks, 0, SUITE_ANY},
    {"an empty endpoint is an empty list", test_observe_empty, 0, SUITE_ANY},
    {"a fresh runtime shows exactly what was wanted", test_fresh_equals_wanted, 0, SUITE_ANY},
    {"observe lists all of ours", test_observe_all, 0, SUITE_ANY},
    {"what was seen outlives the handle that saw it", test_outlives_the_handle, 0, SUITE_ANY},
    {"observe of a dead endpoint is an error, not an empty list", test_observe_down, 0, SUITE_ANY},
    {"look says absent only where it is", test_look_absent, 0, SUITE_ANY},
    {"look at a dead endpoint is an error, not absent", test_look_down, 0, SUITE_ANY},
    {"a foreign runtime is listed only under a wanted name", test_foreign_listed_by_name, 0, SUITE_ANY},
    {"what ended by itself is stopped and can be started", test_died_is_stopped, CONTRACT_NO_STOP, SUITE_ANY},
    {"what was taken away is absent, and removing it succeeds", test_vanished_is_absent, 0, SUITE_ANY},
    {"drift is seen field by field, also with a memo", test_drift_seen, 0, SUITE_DRIFT},
    {"a memo saves looks and changes no answer", test_memo_saves_only_time, 0, SUITE_ANY},
    {"images that are asked for have ids or none", test_images, CONTRACT_NO_IMAGES, SUITE_ANY},
};

const struct suite_part suite_look = {rows, sizeof rows / sizeof *rows};
