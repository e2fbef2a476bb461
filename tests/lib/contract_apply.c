/* contract: create, start, stop, patch, remove, and the setup. */
#include "tests/lib/contract_suite.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void test_image_missing(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire_image(f, f->name, CONTRACT_BASE, suite->image_missing);
    struct act_result r = {0};

    must(f, suite->ops->check(f->a, d, &d->fields, &f->e));
    must_fail(f, suite_create(f, d, &r), ERR_NOT_FOUND);
    assert_null(suite_seen(f, d));
}

static void test_create_twice(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d), *again = suite_made(f, d);
    struct observation o = suite_observe(f, d, NULL);

    assert_string_equal(id, again);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
}

static void test_create_starts_stopped(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);

    must(f, suite_step(f, STEP_STOP, d, id, NULL));
    assert_string_equal(suite_made(f, d), id);
    suite_assert_state(f, d, id, RUN_RUNNING);
}

static void test_create_stopped(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id;

    d->want = WANT_STOPPED;
    id = suite_made(f, d);
    suite_assert_state(f, d, id, RUN_STOPPED);
    must(f, suite_step(f, STEP_START, d, id, NULL));
    suite_assert_state(f, d, id, RUN_RUNNING);
}

static void test_create_other_hash(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d1 = suite_desire(f, f->name, CONTRACT_OTHER);
    struct act_result r = {.setup_status = 77};
    const char *id = suite_made(f, d);

    assert_string_not_equal(d->config_hash, d1->config_hash);
    must_fail(f, suite_create(f, d1, &r), ERR_CONFLICT);
    assert_int_equal(r.setup_status, 77);
    suite_assert_state(f, d, id, RUN_RUNNING);
    suite_assert_fields(f, d->fields, suite_seen(f, d)->fields);
}

static void test_create_over_foreign(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};

    suite_make_foreign(f);
    must_fail(f, suite_create(f, d, &r), ERR_CONFLICT);
    assert_true(suite_foreign_intact(f));
}

static void test_stop_and_start(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);

    must(f, suite_step(f, STEP_START, d, id, NULL));
    suite_assert_state(f, d, id, RUN_RUNNING);
    must(f, suite_step(f, STEP_STOP, d, id, NULL));
    suite_assert_state(f, d, id, RUN_STOPPED);
    must(f, suite_step(f, STEP_STOP, d, id, NULL));
    suite_assert_state(f, d, id, RUN_STOPPED);
    suite_assert_fields(f, d->fields, suite_seen(f, d)->fields);
    must(f, suite_step(f, STEP_START, d, id, NULL));
    must(f, suite_step(f, STEP_START, d, id, NULL));
    suite_assert_state(f, d, id, RUN_RUNNING);
    suite_assert_fields(f, d->fields, suite_seen(f, d)->fields);
}

static void test_remove(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d2 = suite_desire(f, f->other, CONTRACT_BASE);
    const char *id = suite_made(f, d), *id2 = suite_made(f, d2);

    must(f, suite_step(f, STEP_REMOVE, d, id, suite_seen(f, d)));
    suite_assert_gone(f, d, id);
    must(f, suite_step(f, STEP_REMOVE, d, id, NULL));
    suite_assert_state(f, d2, id2, RUN_RUNNING);
    if (!(suite->lacks & CONTRACT_NO_STOP))
        must(f, suite_step(f, STEP_STOP, d2, id2, NULL));
    must(f, suite_step(f, STEP_REMOVE, d2, id2, NULL));
    suite_assert_gone(f, d2, id2);
}

static void test_gone_id(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);

    must(f, suite_step(f, STEP_REMOVE, d, id, NULL));
    must_fail(f, suite_step(f, STEP_START, d, id, NULL), ERR_NOT_FOUND);
    must_fail(f, suite_step(f, STEP_STOP, d, id, NULL), ERR_NOT_FOUND);
    suite_assert_gone(f, d, id);
}

static void test_successor_is_spared(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *old = suite_made(f, d), *id;
    const struct observed *was = suite_seen(f, d);

    suite->vanish(suite_peer, d->name, old);
    id = suite_made(f, d);
    assert_string_not_equal(id, old);
    must(f, suite_step(f, STEP_REMOVE, d, old, was));
    must(f, suite_step(f, STEP_REMOVE, d, old, NULL));
    must_fail(f, suite_step(f, STEP_STOP, d, old, was), ERR_NOT_FOUND);
    must_fail(f, suite_step(f, STEP_START, d, old, NULL), ERR_NOT_FOUND);
    suite_assert_state(f, d, id, RUN_RUNNING);
    assert_int_equal(suite_look_at(f, old, d->name).state, RUN_ABSENT);
}

static void test_expectation(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);
    const struct observed *o = suite_seen(f, d);
    struct observed wrong[4] = {*o, *o, *o, *o};

    wrong[0].owner = "Sandbox/somebody-else";
    wrong[1].install = "ffffffffffffffff";
    wrong[2].ownership = OWN_OPENCLAW;
    wrong[3].name = f->other;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        must_fail(f, suite_step(f, STEP_STOP, d, id, &wrong[i]), ERR_CONFLICT);
        must_fail(f, suite_step(f, STEP_REMOVE, d, id, &wrong[i]), ERR_CONFLICT);
        suite_assert_state(f, d, id, RUN_RUNNING);
    }
    if (!(suite->lacks & CONTRACT_NO_STOP))
        must(f, suite_step(f, STEP_STOP, d, id, o));
    must(f, suite_step(f, STEP_REMOVE, d, id, suite_seen(f, d)));
    suite_assert_gone(f, d, id);
}

static void test_patch(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE), *d2 = suite_desire(f, f->name, CONTRACT_PATCHED);
    struct call c = suite_call();
    struct backend_act act = {.step = STEP_PATCH, .want = d2, .name = d->name};
    struct act_result r = {0};
    struct observed wrong;
    struct field_change *ch;

    act.id = suite_made(f, d);
    wrong = *suite_seen(f, d);
    wrong.owner = "Sandbox/somebody-else";
    act.n_changes = fields_diff(f->a, d2->fields, d->fields, &ch);
    for (size_t i = 0; i < act.n_changes; i++) { /* from what is there to what is wanted */
        ch[i].from = fields_get(d->fields, ch[i].name);
        ch[i].to = fields_get(d2->fields, ch[i].name);
    }
    act.changes = ch;
    act.expect = &wrong;
    must_fail(f, suite->ops->apply(f->b, f->a, &act, &c, &r, &f->e), ERR_CONFLICT);
    suite_assert_fields(f, d->fields, suite_seen(f, d)->fields);
    act.expect = suite_seen(f, d);
    for (unsigned round = 0; round < 2; round++) {
        must(f, suite->ops->apply(f->b, f->a, &act, &c, &r, &f->e));
        suite_assert_state(f, d, act.id, RUN_RUNNING);
        suite_assert_fields(f, d2->fields, suite_seen(f, d)->fields);
    }
    if (!(suite->lacks & CONTRACT_NO_STOP)) {
        must(f, suite_step(f, STEP_STOP, d, act.id, NULL));
        must(f, suite_step(f, STEP_START, d2, act.id, NULL));
    }
    suite_assert_fields(f, d2->fields, suite_seen(f, d2)->fields);
}

static void test_setup(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};

    d->setup = "echo made; echo aside >&2";
    must(f, suite->ops->check(f->a, d, &d->fields, &f->e));
    must(f, suite_create(f, d, &r));
    assert_int_equal(r.setup_status, 0);
    assert_non_null(r.setup_output);
    assert_non_null(strstr(r.setup_output, "made"));
    assert_non_null(strstr(r.setup_output, "aside"));
    suite_assert_state(f, d, r.id, RUN_RUNNING);
    suite_assert_fields(f, d->fields, suite_seen(f, d)->fields);
}

static void test_setup_fails(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};
    const struct observed *o;

    d->setup = "echo before; echo trouble >&2; exit 7";
    must(f, suite->ops->check(f->a, d, &d->fields, &f->e));
    must_fail(f, suite_create(f, d, &r), ERR_REFUSED);
    assert_int_equal(r.setup_status, 7);
    assert_non_null(r.setup_output);
    assert_non_null(strstr(r.setup_output, "trouble"));
    assert_non_null(r.id);
    o = suite_seen(f, d);
    assert_non_null(o);
    assert_string_equal(o->id, r.id);
    assert_int_equal(o->ownership, OWN_OURS);
    must(f, suite_step(f, STEP_REMOVE, d, r.id, o));
    suite_assert_gone(f, d, r.id);
}

static void test_setup_failed_is_remade(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};
    const char *first;

    d->setup = "echo again; exit 7";
    must(f, suite->ops->check(f->a, d, &d->fields, &f->e));
    must_fail(f, suite_create(f, d, &r), ERR_REFUSED);
    first = r.id;
    r = (struct act_result){0};
    must_fail(f, suite_create(f, d, &r), ERR_REFUSED);
    assert_int_equal(r.setup_status, 7);
    assert_string_not_equal(r.id, first);
    assert_int_equal(suite_observe(f, d, NULL).n, 1);
    d->setup = "echo well";
    must(f, suite_create(f, d, &r));
    suite_assert_state(f, d, r.id, RUN_RUNNING);
}

/* Whether a file holds the secret; unreadable ones do not count. */
static bool file_holds_secret(const char *path)
{
    static char bytes[1 << 17];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;

    if (fd >= 0)
        close(fd);
    return n > 0 && memmem(bytes, (size_t)n, CONTRACT_SECRET_VALUE, strlen(CONTRACT_SECRET_VALUE)) != NULL;
}

static void test_secret(void **state)
{
    struct fixture *f = *state;
    struct desired *d = suite_desire(f, f->name, CONTRACT_WITH_SECRET), *plain = suite_desire(f, f->name, CONTRACT_BASE);
    const char *id = suite_made(f, d);
    struct field_change *ch;
    struct act_result r;
    BUF_AUTO text = BUF_INIT(65536);
    struct dirent *ent;
    DIR *proc = opendir("/proc");

    assert_non_null(proc);
    while ((ent = readdir(proc)) != NULL) {
        char path[300];

        snprintf(path, sizeof path, "/proc/%s/cmdline", ent->d_name);
        if (file_holds_secret(path))
            fail_msg("%s holds the secret", path);
    }
    closedir(proc);
    suite_assert_fields(f, d->fields, suite_seen(f, d)->fields);
    for (size_t i = fields_diff(f->a, plain->fields, suite_seen(f, d)->fields, &ch); i > 0; i--) {
        assert_true(ch[i - 1].sensitive);
        field_change_format(&text, &ch[i - 1]);
    }
    assert_true(text.n > 0);
    assert_null(strstr(buf_str(&text), CONTRACT_SECRET_VALUE));
    must_fail(f, suite_create(f, plain, &r), ERR_CONFLICT);
    assert_null(strstr(f->e.msg, CONTRACT_SECRET_VALUE));
    must(f, suite_step(f, STEP_STOP, d, id, NULL));
    must(f, suite_step(f, STEP_START, d, id, NULL));
    suite_assert_fields(f, d->fields, suite_seen(f, d)->fields);
}

static const struct suite_row rows[] = {
    {"creating from a missing image is not found", test_image_missing, CONTRACT_NO_IMAGES, SUITE_ANY},
    {"creating twice is one runtime", test_create_twice, 0, SUITE_ANY},
    {"creating what is stopped starts it", test_create_starts_stopped, CONTRACT_NO_STOP, SUITE_ANY},
    {"a runtime wanted stopped is made stopped", test_create_stopped, CONTRACT_NO_STOP, SUITE_ANY},
    {"creating over another hash is a conflict and changes nothing", test_create_other_hash, 0, SUITE_ANY},
    {"creating over a foreign runtime is a conflict and changes nothing", test_create_over_foreign, 0, SUITE_ANY},
    {"stop and start are idempotent and keep the runtime", test_stop_and_start, CONTRACT_NO_STOP, SUITE_ANY},
    {"remove returns when it is gone, and twice succeeds", test_remove, 0, SUITE_ANY},
    {"starting or stopping what is gone is not found", test_gone_id, 0, SUITE_ANY},
    {"acts by an old id never hit a successor of the same name", test_successor_is_spared, 0, SUITE_ANY},
    {"acts on what is not as observed are conflicts", test_expectation, 0, SUITE_ANY},
    {"patch changes fields in place", test_patch, CONTRACT_NO_PATCH, SUITE_ANY},
    {"setup runs once and its output is kept", test_setup, 0, SUITE_ANY},
    {"a setup that fails is refused, with status and output", test_setup_fails, 0, SUITE_ANY},
    {"what had its setup fail is made anew", test_setup_failed_is_remade, CONTRACT_NO_SETUP_MARK, SUITE_ANY},
    {"a secret is in no argv, message or change", test_secret, CONTRACT_NO_SECRET, SUITE_ANY},
};

const struct suite_part suite_apply = {rows, sizeof rows / sizeof *rows};
