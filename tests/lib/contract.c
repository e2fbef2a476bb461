#include "tests/lib/contract.h"

#include "spec/base/digest.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct contract *k; /* one per program */
static void *peer;

struct fixture {
    struct arena *a;
    struct backend *b;
    struct err e;
    char name[64], other[64];
};

/* --- what every binding has alike ---------------------------------------------------------------------------------- */

struct backend *contract_open(const struct contract *c, void *ctx, const char *install)
{
    ARENA_AUTO a = arena_new();
    struct backend_conf conf = {0};
    struct backend *b = NULL;
    struct err e;

    c->conf(ctx, a, &conf);
    conf.install = install;
    if (c->ops->open(&conf, &b, &e) < 0)
        fail_msg("%s", e.msg);
    return b;
}

static struct desired *desire_image(const struct contract *c, void *ctx, struct arena *a, const char *name,
                                    enum contract_variant v, const char *image)
{
    struct desired *d = ARENA_NEW(a, struct desired);
    struct backend_conf conf = {0};
    char *json;

    c->conf(ctx, a, &conf);
    *d = (struct desired){.endpoint = conf.endpoint,
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = arena_printf(a, "Sandbox/%s", name),
                          .install = CONTRACT_INSTALL,
                          .want = WANT_RUNNING,
                          .precreate = true,
                          .can_remake = true,
                          .backend_id = c->ops->name,
                          .image = image};
    c->want(ctx, a, d, v);
    json = node_json(a, d->create);
    d->config_hash = digest_sha256(a, json, strlen(json));
    return d;
}

struct desired *contract_desire(const struct contract *c, void *ctx, struct arena *a, const char *name, enum contract_variant v)
{
    return desire_image(c, ctx, a, name, v, c->image);
}

struct node *contract_secret(struct arena *a, const char *before)
{
    struct node *n = node_printf(a, "%s%s", before, CONTRACT_SECRET_VALUE);

    n->secret = true;
    return n;
}

static struct backend *open_handle(void)
{
    return contract_open(k, peer, CONTRACT_INSTALL);
}

/* --- helpers ------------------------------------------------------------------------------------------------------- */

static struct call long_call(void)
{
    return (struct call){.timeout_ms = k->timeout_ms > 0 ? k->timeout_ms : 20000};
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define must(f, call)                                                                                                            \
    do {                                                                                                                         \
        if ((call) < 0)                                                                                                          \
            fail_msg("%s: %s: %s", #call, err_class_name((f)->e.class), (f)->e.msg);                                             \
    } while (0)

#define must_fail(f, call, wanted_class)                                                                                         \
    do {                                                                                                                         \
        (f)->e = (struct err){0};                                                                                                \
        if ((call) >= 0)                                                                                                         \
            fail_msg("%s: went well", #call);                                                                                    \
        if ((f)->e.class != (wanted_class))                                                                                      \
            fail_msg("%s: %s is wanted: %s: %s", #call, err_class_name(wanted_class), err_class_name((f)->e.class), (f)->e.msg); \
        assert_true((f)->e.msg[0] != '\0');                                                                                      \
    } while (0)

static struct desired *desire(struct fixture *f, const char *name, enum contract_variant v)
{
    struct desired *d = contract_desire(k, peer, f->a, name, v);

    must(f, k->ops->check(f->a, d, &d->fields, &f->e));
    return d;
}

static int create(struct fixture *f, const struct desired *d, struct act_result *ret)
{
    struct call c = long_call();
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000123};

    return k->ops->apply(f->b, f->a, &act, &c, ret, &f->e);
}

static const char *made(struct fixture *f, const struct desired *d)
{
    struct act_result r = {0};

    must(f, create(f, d, &r));
    assert_non_null(r.id);
    assert_int_equal(r.setup_status, 0);
    return r.id;
}

static int step(struct fixture *f, enum step s, const struct desired *d, const char *id, const struct observed *expect)
{
    struct call c = long_call();
    struct backend_act act = {.step = s, .want = d, .name = d->name, .id = id, .expect = expect};
    struct act_result r = {0};

    return k->ops->apply(f->b, f->a, &act, &c, &r, &f->e);
}

static int observe_as(struct fixture *f, const struct observe_req *req, struct observation *ret)
{
    struct call c = long_call();

    return k->ops->observe(f->b, f->a, req, &c, ret, &f->e);
}

/* The whole listing, with `d` wanted (may be NULL). */
static struct observation observe(struct fixture *f, const struct desired *d, const char *memo)
{
    struct observe_req req = {.desired = d, .n_desired = d != NULL, .memo = memo};
    struct observation o = {0};

    must(f, observe_as(f, &req, &o));
    assert_true(o.ok);
    assert_string_equal(o.endpoint, desire(f, f->name, CONTRACT_BASE)->endpoint);
    for (size_t i = 0; i < o.n; i++) {
        assert_string_equal(o.v[i].endpoint, o.endpoint);
        assert_non_null(o.v[i].name);
        assert_true(o.v[i].state != RUN_ABSENT);
        for (size_t j = 0; j < i; j++)
            assert_false(text_eq(o.v[i].id, o.v[j].id));
    }
    return o;
}

static const struct observed *find(const struct observation *o, const char *name)
{
    const struct observed *hit = NULL;

    for (size_t i = 0; i < o->n; i++)
        if (text_eq(o->v[i].name, name)) {
            assert_null(hit);
            hit = &o->v[i];
        }
    return hit;
}

static const struct observed *seen(struct fixture *f, const struct desired *d)
{
    struct observation *o = ARENA_NEW(f->a, struct observation);

    *o = observe(f, d, NULL);
    return find(o, d->name);
}

static struct observed look(struct fixture *f, const char *id, const char *name)
{
    struct call c = long_call();
    struct observed o = {0};

    must(f, k->ops->look(f->b, f->a, id, name, &c, &o, &f->e));
    return o;
}

static void assert_fields_equal(struct fixture *f, struct fields want, struct fields got)
{
    struct field_change *ch;
    size_t n = fields_diff(f->a, want, got, &ch);
    BUF_AUTO text = BUF_INIT(65536);

    for (size_t i = 0; i < n; i++) {
        buf_puts(&text, "\n  ");
        field_change_format(&text, &ch[i]);
    }
    if (n > 0)
        fail_msg("%zu fields differ (from what is wanted to what is seen):%s", n, buf_str(&text));
}

static void assert_state(struct fixture *f, const struct desired *d, const char *id, enum run_state s)
{
    const struct observed *o = seen(f, d);

    assert_non_null(o);
    assert_string_equal(o->id, id);
    assert_string_equal(run_state_name(o->state), run_state_name(s));
    assert_string_equal(run_state_name(look(f, id, d->name).state), run_state_name(s));
}

static void assert_gone(struct fixture *f, const struct desired *d, const char *id)
{
    assert_int_equal(look(f, id, d->name).state, RUN_ABSENT);
    assert_null(seen(f, d));
}

/* What the backend makes for another install is foreign to ours; its creation time tells it from any other. */
static void make_foreign(struct fixture *f)
{
    struct desired *d = contract_desire(k, peer, f->a, f->name, CONTRACT_BASE);
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 5};
    struct call c = long_call();
    struct act_result r;
    struct backend *b;

    if (k->foreign != NULL) {
        k->foreign(peer, f->name);
        return;
    }
    b = contract_open(k, peer, CONTRACT_OTHER_INSTALL);
    d->install = CONTRACT_OTHER_INSTALL;
    must(f, k->ops->apply(b, f->a, &act, &c, &r, &f->e));
    k->ops->close(b);
}

static bool foreign_intact(struct fixture *f)
{
    struct call c = long_call();
    struct observed o = {0};
    struct backend *b;

    if (k->foreign_intact != NULL)
        return k->foreign_intact(peer, f->name);
    b = contract_open(k, peer, CONTRACT_OTHER_INSTALL);
    must(f, k->ops->look(b, f->a, NULL, f->name, &c, &o, &f->e));
    k->ops->close(b);
    return o.ownership == OWN_OURS && o.state == RUN_RUNNING && o.created_at_ms == 5;
}

/* --- open, probe, close -------------------------------------------------------------------------------------------- */

static void test_table(void **state)
{
    size_t n, hits = 0;
    const struct backend_ops *const *all = backend_all(&n);
    struct fixture *f = *state;

    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(backend_find(all[i]->name), all[i]);
        hits += all[i] == k->ops;
    }
    assert_int_equal(hits, 1);
    assert_ptr_equal(backend_find(desire(f, f->name, CONTRACT_BASE)->endpoint), k->ops);
    assert_true(k->ops->open && k->ops->probe && k->ops->observe && k->ops->look && k->ops->check && k->ops->apply &&
                k->ops->close);
}

static void test_close_null(void **state)
{
    k->ops->close(NULL);
}

static void test_open_down(void **state)
{
    struct backend *b;

    k->down(peer, true);
    b = open_handle();
    assert_non_null(b);
    assert_ptr_equal(b->ops, k->ops);
    k->ops->close(b);
}

static void test_probe(void **state)
{
    struct fixture *f = *state;
    struct call c = long_call();
    struct backend_info info = {0};

    must(f, k->ops->probe(f->b, &c, &info, &f->e));
    assert_true(info.version[0] != '\0');
    assert_non_null(memchr(info.version, '\0', sizeof info.version));
    assert_non_null(memchr(info.remark, '\0', sizeof info.remark));
}

static void test_probe_down(void **state)
{
    struct fixture *f = *state;
    struct call c = {.timeout_ms = 2000};
    struct backend_info info;

    k->down(peer, true);
    f->e = (struct err){0};
    assert_int_equal(k->ops->probe(f->b, &c, &info, &f->e), -1);
    if (f->e.class != ERR_UNAVAILABLE && f->e.class != ERR_TIMEOUT)
        fail_msg("unavailable or timeout is wanted: %s: %s", err_class_name(f->e.class), f->e.msg);
}

/* --- check --------------------------------------------------------------------------------------------------------- */

static void test_check_fields(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct fields again;

    assert_true(d->fields.n > 0);
    for (size_t i = 0; i < d->fields.n; i++) {
        assert_non_null(d->fields.v[i].value);
        assert_true(d->fields.v[i].class < FIELD_CLASS_COUNT);
        if (i > 0)
            assert_true(strcmp(d->fields.v[i - 1].name, d->fields.v[i].name) < 0);
    }
    must(f, k->ops->check(f->a, d, &again, &f->e));
    assert_fields_equal(f, d->fields, again);
}

static void test_check_needs_nothing(void **state)
{
    struct fixture *f = *state;

    k->down(peer, true);
    assert_true(desire(f, f->name, CONTRACT_BASE)->fields.n > 0);
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
    struct fields base = desire(f, f->name, CONTRACT_BASE)->fields;

    assert_true(changes_of_class(f, base, desire(f, f->name, CONTRACT_OTHER)->fields, FIELD_RECREATE) == 1);
    if (!(k->lacks & CONTRACT_NO_PATCH))
        assert_true(changes_of_class(f, base, desire(f, f->name, CONTRACT_PATCHED)->fields, FIELD_PATCH) == 1);
}

static struct desired *spoiled(struct fixture *f, const char **ret_key)
{
    struct desired *d = contract_desire(k, peer, f->a, f->name, CONTRACT_BASE);
    struct node *create = node_copy(f->a, d->create);

    *ret_key = k->spoil(f->a, create);
    d->create = create;
    return d;
}

static void test_check_refuses(void **state)
{
    struct fixture *f = *state;
    const char *key;
    struct desired *d = spoiled(f, &key);
    struct fields mark = {.n = 77}, fields = mark;

    must_fail(f, k->ops->check(f->a, d, &fields, &f->e), ERR_CONFIG);
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

    must_fail(f, create(f, d, &r), ERR_CONFIG);
    assert_null(seen(f, desire(f, f->name, CONTRACT_BASE)));
}

/* --- observe and look ---------------------------------------------------------------------------------------------- */

static void test_observe_empty(void **state)
{
    struct fixture *f = *state;
    struct observation o = observe(f, NULL, NULL);

    assert_int_equal(o.n, 0);
}

static void test_fresh_equals_wanted(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);
    struct observation all = observe(f, NULL, NULL);
    const struct observed *o = find(&all, d->name);
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
    assert_true(o->busy_known);
    assert_int_equal(o->busy, 0);
    assert_true(o->fields_known);
    assert_fields_equal(f, d->fields, o->fields);
    l = look(f, id, d->name);
    assert_string_equal(l.id, id);
    assert_string_equal(l.name, d->name);
    assert_int_equal(l.ownership, OWN_OURS);
    assert_string_equal(l.owner, d->owner);
    assert_true(l.fields_known);
    assert_fields_equal(f, d->fields, l.fields);
}

static void test_observe_all(void **state)
{
    struct fixture *f = *state;
    struct desired *d1 = desire(f, f->name, CONTRACT_BASE), *d2 = desire(f, f->other, CONTRACT_OTHER);
    const char *id1 = made(f, d1), *id2 = made(f, d2);
    struct observation o = observe(f, NULL, NULL);

    assert_int_equal(o.n, 2);
    assert_string_equal(find(&o, d1->name)->id, id1);
    assert_string_equal(find(&o, d2->name)->id, id2);
    assert_string_not_equal(id1, id2);
}

static void test_observe_down(void **state)
{
    struct fixture *f = *state;
    struct observe_req req = {0};
    struct observation o = {.n = 77};

    made(f, desire(f, f->name, CONTRACT_BASE));
    k->down(peer, true);
    must_fail(f, observe_as(f, &req, &o), ERR_UNAVAILABLE);
    assert_int_equal(o.n, 77);
    k->down(peer, false);
    assert_non_null(seen(f, desire(f, f->name, CONTRACT_BASE)));
}

static void test_look_absent(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id;

    assert_int_equal(look(f, NULL, d->name).state, RUN_ABSENT);
    id = made(f, d);
    assert_int_equal(look(f, NULL, d->name).state, RUN_RUNNING);
    assert_string_equal(look(f, NULL, d->name).id, id);
    must(f, step(f, STEP_REMOVE, d, id, NULL));
    assert_int_equal(look(f, id, d->name).state, RUN_ABSENT);
    assert_int_equal(look(f, NULL, d->name).state, RUN_ABSENT);
}

static void test_look_down(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct call c = {.timeout_ms = 2000};
    struct observed o = {.state = RUN_STATE_COUNT};
    const char *id = made(f, d);

    k->down(peer, true);
    must_fail(f, k->ops->look(f->b, f->a, id, d->name, &c, &o, &f->e), ERR_UNAVAILABLE);
    assert_int_equal(o.state, RUN_STATE_COUNT);
    must_fail(f, k->ops->look(f->b, f->a, NULL, d->name, &c, &o, &f->e), ERR_UNAVAILABLE);
}

static void test_foreign_listed_by_name(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct observation o;

    make_foreign(f);
    o = observe(f, NULL, NULL);
    assert_null(find(&o, f->name));
    o = observe(f, d, NULL);
    assert_non_null(find(&o, f->name));
    assert_int_equal(find(&o, f->name)->ownership, OWN_FOREIGN);
}

static void test_died_is_stopped(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);

    k->die(peer, d->name, id);
    assert_state(f, d, id, RUN_STOPPED);
    must(f, step(f, STEP_START, d, id, NULL));
    assert_state(f, d, id, RUN_RUNNING);
}

static void test_vanished_is_absent(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);

    k->vanish(peer, d->name, id);
    assert_gone(f, d, id);
    must(f, step(f, STEP_REMOVE, d, id, NULL));
}

static void test_drift_seen(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct observation first, after;
    const struct observed *o;
    struct field_change *ch;
    const char *id = made(f, d);

    first = observe(f, d, NULL);
    k->drift(peer, d->name, id);
    for (unsigned round = 0; round < 2; round++) {
        after = observe(f, d, round == 0 ? first.memo : NULL);
        o = find(&after, d->name);
        assert_non_null(o);
        assert_true(o->fields_known);
        assert_true(fields_diff(f->a, d->fields, o->fields, &ch) > 0);
    }
}

static void test_memo_saves_only_time(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d1 = desire(f, f->name, CONTRACT_OTHER);
    struct observation first, o;
    struct observe_req deep = {.desired = d, .n_desired = 1, .deep = true};

    made(f, d);
    first = observe(f, d, NULL);
    assert_true(find(&first, d->name)->fields_known);
    o = observe(f, d, first.memo);
    assert_int_equal(o.n, 1);
    assert_string_equal(o.v[0].id, first.v[0].id);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
    if (o.v[0].fields_known)
        assert_fields_equal(f, d->fields, o.v[0].fields);
    /* Another hash is wanted now: it has to be looked at, whatever the memo says. */
    o = observe(f, d1, first.memo);
    assert_true(o.v[0].fields_known);
    assert_fields_equal(f, d->fields, o.v[0].fields);
    o = observe(f, d, "no memo of this backend \x01");
    assert_true(o.v[0].fields_known);
    deep.memo = first.memo;
    must(f, observe_as(f, &deep, &o));
    assert_true(o.v[0].fields_known);
}

static void test_images(void **state)
{
    struct fixture *f = *state;
    const char *refs[] = {k->image, k->image_missing};
    struct observe_req req = {.images = refs, .n_images = 2};
    struct observation o = {0}, later = {0};
    struct desired *d = desire(f, f->name, CONTRACT_BASE);

    made(f, d);
    must(f, observe_as(f, &req, &o));
    assert_int_equal(o.n_images, 2);
    assert_string_equal(o.images[0].ref, k->image);
    assert_non_null(o.images[0].id);
    assert_string_equal(o.images[1].ref, k->image_missing);
    assert_null(o.images[1].id);
    assert_string_equal(o.v[0].image_id, o.images[0].id);
    if (k->retag == NULL)
        return;
    k->retag(peer, k->image);
    req.memo = o.memo;
    must(f, observe_as(f, &req, &later));
    assert_non_null(later.images[0].id);
    assert_string_not_equal(later.images[0].id, o.images[0].id);
    assert_string_equal(later.v[0].image_id, o.images[0].id);
}

static void test_image_missing(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire_image(k, peer, f->a, f->name, CONTRACT_BASE, k->image_missing);
    struct act_result r = {0};

    must(f, k->ops->check(f->a, d, &d->fields, &f->e));
    must_fail(f, create(f, d, &r), ERR_NOT_FOUND);
    assert_null(seen(f, d));
}

/* --- apply --------------------------------------------------------------------------------------------------------- */

static void test_create_twice(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d), *again = made(f, d);
    struct observation o = observe(f, d, NULL);

    assert_string_equal(id, again);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
}

static void test_create_starts_stopped(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);

    must(f, step(f, STEP_STOP, d, id, NULL));
    assert_string_equal(made(f, d), id);
    assert_state(f, d, id, RUN_RUNNING);
}

static void test_create_stopped(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id;

    d->want = WANT_STOPPED;
    id = made(f, d);
    assert_state(f, d, id, RUN_STOPPED);
    must(f, step(f, STEP_START, d, id, NULL));
    assert_state(f, d, id, RUN_RUNNING);
}

static void test_create_other_hash(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d1 = desire(f, f->name, CONTRACT_OTHER);
    struct act_result r = {.setup_status = 77};
    const char *id = made(f, d);

    assert_string_not_equal(d->config_hash, d1->config_hash);
    must_fail(f, create(f, d1, &r), ERR_CONFLICT);
    assert_int_equal(r.setup_status, 77);
    assert_state(f, d, id, RUN_RUNNING);
    assert_fields_equal(f, d->fields, seen(f, d)->fields);
}

static void test_create_over_foreign(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};

    make_foreign(f);
    must_fail(f, create(f, d, &r), ERR_CONFLICT);
    assert_true(foreign_intact(f));
}

static void test_stop_and_start(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);

    must(f, step(f, STEP_START, d, id, NULL));
    assert_state(f, d, id, RUN_RUNNING);
    must(f, step(f, STEP_STOP, d, id, NULL));
    assert_state(f, d, id, RUN_STOPPED);
    must(f, step(f, STEP_STOP, d, id, NULL));
    assert_state(f, d, id, RUN_STOPPED);
    assert_fields_equal(f, d->fields, seen(f, d)->fields);
    must(f, step(f, STEP_START, d, id, NULL));
    must(f, step(f, STEP_START, d, id, NULL));
    assert_state(f, d, id, RUN_RUNNING);
    assert_fields_equal(f, d->fields, seen(f, d)->fields);
}

static void test_remove(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d2 = desire(f, f->other, CONTRACT_BASE);
    const char *id = made(f, d), *id2 = made(f, d2);

    must(f, step(f, STEP_REMOVE, d, id, seen(f, d)));
    assert_gone(f, d, id);
    must(f, step(f, STEP_REMOVE, d, id, NULL));
    assert_state(f, d2, id2, RUN_RUNNING);
    must(f, step(f, STEP_STOP, d2, id2, NULL));
    must(f, step(f, STEP_REMOVE, d2, id2, NULL));
    assert_gone(f, d2, id2);
}

static void test_gone_id(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);

    must(f, step(f, STEP_REMOVE, d, id, NULL));
    must_fail(f, step(f, STEP_START, d, id, NULL), ERR_NOT_FOUND);
    must_fail(f, step(f, STEP_STOP, d, id, NULL), ERR_NOT_FOUND);
    assert_gone(f, d, id);
}

static void test_successor_is_spared(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *old = made(f, d), *id;
    const struct observed *was = seen(f, d);

    k->vanish(peer, d->name, old);
    id = made(f, d);
    assert_string_not_equal(id, old);
    must(f, step(f, STEP_REMOVE, d, old, was));
    must(f, step(f, STEP_REMOVE, d, old, NULL));
    must_fail(f, step(f, STEP_STOP, d, old, was), ERR_NOT_FOUND);
    must_fail(f, step(f, STEP_START, d, old, NULL), ERR_NOT_FOUND);
    assert_state(f, d, id, RUN_RUNNING);
    assert_int_equal(look(f, old, d->name).state, RUN_ABSENT);
}

static void test_expectation(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);
    const struct observed *o = seen(f, d);
    struct observed wrong[4] = {*o, *o, *o, *o};

    wrong[0].owner = "Sandbox/somebody-else";
    wrong[1].install = "ffffffffffffffff";
    wrong[2].ownership = OWN_OPENCLAW;
    wrong[3].name = f->other;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        must_fail(f, step(f, STEP_STOP, d, id, &wrong[i]), ERR_CONFLICT);
        must_fail(f, step(f, STEP_REMOVE, d, id, &wrong[i]), ERR_CONFLICT);
        assert_state(f, d, id, RUN_RUNNING);
    }
    must(f, step(f, STEP_STOP, d, id, o));
    must(f, step(f, STEP_REMOVE, d, id, seen(f, d)));
    assert_gone(f, d, id);
}

static void test_patch(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d2 = desire(f, f->name, CONTRACT_PATCHED);
    struct call c = long_call();
    struct backend_act act = {.step = STEP_PATCH, .want = d2, .name = d->name};
    struct act_result r = {0};
    struct observed wrong;
    struct field_change *ch;

    act.id = made(f, d);
    wrong = *seen(f, d);
    wrong.owner = "Sandbox/somebody-else";
    act.n_changes = fields_diff(f->a, d2->fields, d->fields, &ch);
    for (size_t i = 0; i < act.n_changes; i++) { /* from what is there to what is wanted */
        ch[i].from = fields_get(d->fields, ch[i].name);
        ch[i].to = fields_get(d2->fields, ch[i].name);
    }
    act.changes = ch;
    act.expect = &wrong;
    must_fail(f, k->ops->apply(f->b, f->a, &act, &c, &r, &f->e), ERR_CONFLICT);
    assert_fields_equal(f, d->fields, seen(f, d)->fields);
    act.expect = seen(f, d);
    for (unsigned round = 0; round < 2; round++) {
        must(f, k->ops->apply(f->b, f->a, &act, &c, &r, &f->e));
        assert_state(f, d, act.id, RUN_RUNNING);
        assert_fields_equal(f, d2->fields, seen(f, d)->fields);
    }
    must(f, step(f, STEP_STOP, d, act.id, NULL));
    must(f, step(f, STEP_START, d2, act.id, NULL));
    assert_fields_equal(f, d2->fields, seen(f, d2)->fields);
}

static void test_setup(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};

    d->setup = "echo made; echo aside >&2";
    must(f, k->ops->check(f->a, d, &d->fields, &f->e));
    must(f, create(f, d, &r));
    assert_int_equal(r.setup_status, 0);
    assert_non_null(r.setup_output);
    assert_non_null(strstr(r.setup_output, "made"));
    assert_non_null(strstr(r.setup_output, "aside"));
    assert_state(f, d, r.id, RUN_RUNNING);
    assert_fields_equal(f, d->fields, seen(f, d)->fields);
}

static void test_setup_fails(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};
    const struct observed *o;

    d->setup = "echo before; echo trouble >&2; exit 7";
    must(f, k->ops->check(f->a, d, &d->fields, &f->e));
    must_fail(f, create(f, d, &r), ERR_REFUSED);
    assert_int_equal(r.setup_status, 7);
    assert_non_null(r.setup_output);
    assert_non_null(strstr(r.setup_output, "trouble"));
    assert_non_null(r.id);
    o = seen(f, d);
    assert_non_null(o);
    assert_string_equal(o->id, r.id);
    assert_int_equal(o->ownership, OWN_OURS);
    must(f, step(f, STEP_REMOVE, d, r.id, o));
    assert_gone(f, d, r.id);
}

static void test_setup_failed_is_remade(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct act_result r = {0};
    const char *first;

    d->setup = "echo again; exit 7";
    must(f, k->ops->check(f->a, d, &d->fields, &f->e));
    must_fail(f, create(f, d, &r), ERR_REFUSED);
    first = r.id;
    r = (struct act_result){0};
    must_fail(f, create(f, d, &r), ERR_REFUSED);
    assert_int_equal(r.setup_status, 7);
    assert_string_not_equal(r.id, first);
    assert_int_equal(observe(f, d, NULL).n, 1);
    d->setup = "echo well";
    must(f, create(f, d, &r));
    assert_state(f, d, r.id, RUN_RUNNING);
}

/* --- endpoints that fail ------------------------------------------------------------------------------------------- */

enum doing { DO_PROBE, DO_OBSERVE, DO_LOOK, DO_CREATE, DO_STOP, DO_REMOVE, DO_COUNT };

static int do_it(struct fixture *f, enum doing what, const struct desired *d, const struct desired *d2, const char *id,
                 const struct call *c)
{
    struct backend_act act = {.name = d->name, .id = id};
    struct observe_req req = {0};
    struct observation o;
    struct observed one;
    struct act_result r;
    struct backend_info info;

    switch (what) {
    case DO_PROBE:
        return k->ops->probe(f->b, c, &info, &f->e);
    case DO_OBSERVE:
        return k->ops->observe(f->b, f->a, &req, c, &o, &f->e);
    case DO_LOOK:
        return k->ops->look(f->b, f->a, id, d->name, c, &one, &f->e);
    case DO_CREATE:
        act = (struct backend_act){.step = STEP_CREATE, .want = d2, .name = d2->name, .created_at_ms = 1};
        break;
    case DO_STOP:
        act.step = STEP_STOP;
        break;
    case DO_REMOVE:
    case DO_COUNT:
        act.step = STEP_REMOVE;
        break;
    }
    return k->ops->apply(f->b, f->a, &act, c, &r, &f->e);
}

static void test_acts_down(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d2 = desire(f, f->other, CONTRACT_BASE);
    struct call c = {.timeout_ms = 2000};
    const char *id = made(f, d);

    k->down(peer, true);
    for (enum doing w = 0; w < DO_COUNT; w++)
        must_fail(f, do_it(f, w, d, d2, id, &c), ERR_UNAVAILABLE);
    k->down(peer, false);
    assert_non_null(seen(f, d));
}

static void test_timeouts(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d2 = desire(f, f->other, CONTRACT_BASE);
    struct call c = {.timeout_ms = 300};
    const char *id = made(f, d);

    k->hang(peer, true);
    for (enum doing w = 0; w < DO_COUNT; w++) {
        int64_t start = now_ms();

        must_fail(f, do_it(f, w, d, d2, id, &c), ERR_TIMEOUT);
        assert_in_range(now_ms() - start, 250, 1500);
    }
    k->hang(peer, false);
    /* Whatever became of them, the listing tells the truth, and each can be done again to its end. */
    for (unsigned i = 0; i < 2; i++) {
        const struct desired *x = i == 0 ? d : d2;
        const struct observed *o = seen(f, x);

        if (o == NULL)
            assert_int_equal(look(f, NULL, x->name).state, RUN_ABSENT);
        else
            assert_int_equal(look(f, o->id, x->name).state, o->state);
    }
    must(f, step(f, STEP_REMOVE, d, id, NULL));
    assert_gone(f, d, id);
    assert_state(f, d2, made(f, d2), RUN_RUNNING);
}

struct canceller {
    atomic_bool cancel;
    int after_ms;
    int64_t at_ms;
};

static void *cancel_later(void *arg)
{
    struct canceller *x = arg;

    poll(NULL, 0, x->after_ms);
    x->at_ms = now_ms();
    atomic_store(&x->cancel, true);
    return NULL;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d2 = desire(f, f->other, CONTRACT_BASE);
    const char *id = made(f, d);

    k->hang(peer, true);
    for (enum doing w = 0; w < DO_COUNT; w++) {
        struct canceller x = {.after_ms = 150};
        struct call c = {.timeout_ms = 20000, .cancel = &x.cancel};
        pthread_t t;
        int64_t end;

        assert_int_equal(pthread_create(&t, NULL, cancel_later, &x), 0);
        f->e = (struct err){0};
        int r = do_it(f, w, d, d2, id, &c);
        end = now_ms();
        pthread_join(t, NULL);
        assert_int_equal(r, -1);
        assert_string_equal(err_class_name(f->e.class), err_class_name(ERR_CANCELLED));
        assert_in_range(end - x.at_ms, 0, 200);
    }
}

static void test_cancelled_before(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE), *d2 = desire(f, f->other, CONTRACT_BASE);
    atomic_bool cancel = true;
    struct call c = {.timeout_ms = 20000, .cancel = &cancel};
    const char *id = made(f, d);

    for (enum doing w = 0; w < DO_COUNT; w++) {
        int64_t start = now_ms();

        must_fail(f, do_it(f, w, d, d2, id, &c), ERR_CANCELLED);
        assert_in_range(now_ms() - start, 0, 200);
    }
    assert_state(f, d, id, RUN_RUNNING);
    assert_null(seen(f, d2));
}

static void test_setup_cancelled(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct canceller x = {.after_ms = 1000};
    struct call c = {.timeout_ms = 20000, .cancel = &x.cancel};
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1};
    struct act_result r;
    pthread_t t;
    int64_t end;

    d->setup = "sleep 60";
    must(f, k->ops->check(f->a, d, &d->fields, &f->e));
    assert_int_equal(pthread_create(&t, NULL, cancel_later, &x), 0);
    must_fail(f, k->ops->apply(f->b, f->a, &act, &c, &r, &f->e), ERR_CANCELLED);
    end = now_ms();
    pthread_join(t, NULL);
    assert_in_range(end - x.at_ms, 0, 200);
}

/* --- exec, busy, follow -------------------------------------------------------------------------------------------- */

struct exec_io {
    int out[2], err[2], in[2];
    char out_text[4096], err_text[4096];
};

static void exec_read(int fd, char *text, size_t size)
{
    size_t n = 0;

    for (ssize_t r; n + 1 < size && (r = read(fd, text + n, size - 1 - n)) > 0;)
        n += (size_t)r;
    text[n] = '\0';
    close(fd);
}

/* Small outputs only: they have to fit into a pipe. */
static int exec_script(struct fixture *f, const struct desired *d, const char *id, const char *script, const char *input,
                       const char *workdir, struct exec_io *io, int *ret_status)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct call c = long_call();
    int r;

    assert_int_equal(pipe2(io->out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(io->err, O_CLOEXEC), 0);
    assert_int_equal(pipe2(io->in, O_CLOEXEC), 0);
    if (input != NULL)
        assert_int_equal(write(io->in[1], input, strlen(input)), (ssize_t)strlen(input));
    close(io->in[1]);
    r = k->ops->exec(f->b,
                     &(struct exec_req){.name = d->name,
                                        .id = id,
                                        .argv = argv,
                                        .workdir = workdir,
                                        .fd_in = input != NULL ? io->in[0] : -1,
                                        .fd_out = io->out[1],
                                        .fd_err = io->err[1]},
                     &c, ret_status, &f->e);
    close(io->in[0]);
    close(io->out[1]); /* EBADF here would mean that exec closed what is ours */
    close(io->err[1]);
    exec_read(io->out[0], io->out_text, sizeof io->out_text);
    exec_read(io->err[0], io->err_text, sizeof io->err_text);
    return r;
}

static void test_exec(void **state)
{
    static const struct {
        const char *script, *input, *workdir;
        int status;
        const char *out, *err;
    } rows[] = {
        {"exit 0", NULL, NULL, 0, "", ""},
        {"exit 7", NULL, NULL, 7, "", ""},
        {"exit 255", NULL, NULL, 255, "", ""},
        {"echo hello", NULL, NULL, 0, "hello\n", ""},
        {"echo out; echo err >&2; exit 3", NULL, NULL, 3, "out\n", "err\n"},
        {"kill -9 $$", NULL, NULL, 137, "", ""},
        {"kill -15 $$", NULL, NULL, 143, "", ""},
        {"cat", "given\n", NULL, 0, "given\n", ""},
        {"cat", NULL, NULL, 0, "", ""},
        {"pwd", NULL, "/tmp", 0, "/tmp\n", ""},
    };
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct exec_io io;
        int status = -1;

        must(f, exec_script(f, d, id, rows[i].script, rows[i].input, rows[i].workdir, &io, &status));
        if (status != rows[i].status || !text_eq(io.out_text, rows[i].out) || !text_eq(io.err_text, rows[i].err))
            fail_msg("%s: status %d, out '%s', err '%s'", rows[i].script, status, io.out_text, io.err_text);
    }
    assert_state(f, d, id, RUN_RUNNING);
}

static void test_exec_no_command(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);
    const char *argv[] = {"no-such-command-here", NULL};
    struct call c = long_call();
    int status = -1;

    must(f,
         k->ops->exec(f->b, &(struct exec_req){.name = d->name, .id = id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                      &c, &status, &f->e));
    assert_int_equal(status, 127);
}

static void test_exec_refused(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);
    struct exec_io io;
    int status = 77;

    must(f, step(f, STEP_STOP, d, id, NULL));
    must_fail(f, exec_script(f, d, id, "exit 0", NULL, NULL, &io, &status), ERR_CONFLICT);
    must(f, step(f, STEP_REMOVE, d, id, NULL));
    must_fail(f, exec_script(f, d, id, "exit 0", NULL, NULL, &io, &status), ERR_NOT_FOUND);
    assert_int_equal(status, 77);
}

struct live_exec {
    struct backend *b;
    const char *name, *id;
    struct canceller cancel;
    int r, status;
    struct err e;
    int64_t end_ms;
};

static void *exec_sleep(void *arg)
{
    struct live_exec *x = arg;
    const char *argv[] = {"sh", "-c", "sleep 300", NULL};
    struct call c = {.timeout_ms = 60000, .cancel = &x->cancel.cancel};

    x->r = k->ops->exec(x->b,
                        &(struct exec_req){.name = x->name, .id = x->id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                        &c, &x->status, &x->e);
    x->end_ms = now_ms();
    return NULL;
}

static void test_exec_is_busy(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct live_exec x = {.b = open_handle(), .name = d->name, .status = 77};
    const struct observed *o;
    int64_t give_up;
    pthread_t t;

    x.id = made(f, d);
    assert_int_equal(seen(f, d)->busy, 0);
    assert_int_equal(pthread_create(&t, NULL, exec_sleep, &x), 0);
    give_up = now_ms() + 10000;
    do
        o = seen(f, d);
    while (o != NULL && o->busy == 0 && now_ms() < give_up);
    atomic_store(&x.cancel.cancel, true);
    x.cancel.at_ms = now_ms();
    pthread_join(t, NULL);
    k->ops->close(x.b);
    assert_non_null(o);
    assert_true(o->busy_known);
    assert_int_equal(o->busy, 1);
    assert_int_equal(x.r, -1);
    assert_string_equal(err_class_name(x.e.class), err_class_name(ERR_CANCELLED));
    assert_int_equal(x.status, 77);
    assert_in_range(x.end_ms - x.cancel.at_ms, 0, 200);
    give_up = now_ms() + 5000;
    do
        o = seen(f, d);
    while (o->busy > 0 && now_ms() < give_up);
    assert_int_equal(o->busy, 0);
    assert_int_equal(o->state, RUN_RUNNING);
}

static void test_exec_timeout(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);
    const char *argv[] = {"sh", "-c", "sleep 300", NULL};
    struct call c = {.timeout_ms = 500};
    int64_t start = now_ms(), give_up;
    int status = 77;

    must_fail(f,
              k->ops->exec(f->b,
                           &(struct exec_req){.name = d->name, .id = id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                           &c, &status, &f->e),
              ERR_TIMEOUT);
    assert_in_range(now_ms() - start, 400, 2000);
    give_up = now_ms() + 5000;
    while (seen(f, d)->busy > 0 && now_ms() < give_up)
        ;
    assert_int_equal(seen(f, d)->busy, 0);
}

struct follower {
    struct backend *b;
    atomic_uint hints;
    struct canceller cancel;
    int r;
    struct err e;
    int64_t end_ms;
};

static void count_hint(void *ctx)
{
    atomic_fetch_add(&((struct follower *)ctx)->hints, 1);
}

static void *follow(void *arg)
{
    struct follower *x = arg;
    struct call c = {.timeout_ms = 1, .cancel = &x->cancel.cancel};

    x->r = k->ops->follow(x->b, count_hint, x, &c, &x->e);
    x->end_ms = now_ms();
    return NULL;
}

static bool hints_pass(struct follower *x, unsigned n)
{
    for (int64_t give_up = now_ms() + 10000; atomic_load(&x->hints) <= n && now_ms() < give_up;)
        poll(NULL, 0, 5);
    return atomic_load(&x->hints) > n;
}

static void test_follow(void **state)
{
    struct fixture *f = *state;
    struct desired *d = desire(f, f->name, CONTRACT_BASE);
    struct follower x = {.b = open_handle(), .r = 77};
    struct act_result made_one = {0};
    bool armed, created, died = false;
    unsigned n;
    pthread_t t;
    int r;

    assert_int_equal(pthread_create(&t, NULL, follow, &x), 0);
    armed = hints_pass(&x, 0);
    n = atomic_load(&x.hints);
    r = create(f, d, &made_one);
    created = hints_pass(&x, n);
    poll(NULL, 0, 300); /* what belongs to the creation comes in; later hints are of the death */
    n = atomic_load(&x.hints);
    if (r == 0) {
        k->die(peer, d->name, made_one.id);
        died = hints_pass(&x, n);
    }
    x.cancel.at_ms = now_ms();
    atomic_store(&x.cancel.cancel, true);
    pthread_join(t, NULL);
    k->ops->close(x.b);
    must(f, r);
    assert_true(armed);
    assert_true(created);
    assert_true(died);
    if (x.r != 0)
        fail_msg("follow: %s", x.e.msg);
    assert_in_range(x.end_ms - x.cancel.at_ms, 0, 200);
}

static void test_follow_breaks(void **state)
{
    struct fixture *f = *state;
    struct follower x = {.b = f->b};

    k->down(peer, true);
    follow(&x);
    assert_int_equal(x.r, -1);
    assert_int_equal(atomic_load(&x.hints), 0);
    assert_true(x.e.class == ERR_UNAVAILABLE);
}

/* --- threads and secrets ------------------------------------------------------------------------------------------- */

struct worker {
    const char *name;
    unsigned failures;
    char why[1200];
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct fixture f = {.a = arena_new(), .b = open_handle()};
    struct desired *d = contract_desire(k, peer, f.a, w->name, CONTRACT_BASE);
    struct call c = long_call();

    for (unsigned i = 0; i < 3 && w->failures == 0; i++) {
        struct observe_req req = {0};
        struct observation o = {0};
        struct act_result r = {0};
        struct backend_act act = {.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1};
        bool ok = k->ops->apply(f.b, f.a, &act, &c, &r, &f.e) == 0 && k->ops->observe(f.b, f.a, &req, &c, &o, &f.e) == 0;
        size_t hits = 0;

        for (size_t j = 0; ok && j < o.n; j++)
            hits += text_eq(o.v[j].name, w->name) && text_eq(o.v[j].id, r.id) && o.v[j].state == RUN_RUNNING;
        act = (struct backend_act){.step = STEP_REMOVE, .name = d->name, .id = r.id};
        ok = ok && hits == 1 && k->ops->apply(f.b, f.a, &act, &c, &r, &f.e) == 0;
        if (!ok) {
            w->failures++;
            snprintf(w->why, sizeof w->why, "%s: listed %zu times: %s", w->name, hits, f.e.msg);
        }
    }
    k->ops->close(f.b);
    arena_free(f.a);
    return NULL;
}

static void test_two_handles(void **state)
{
    struct fixture *f = *state;
    struct worker w[2] = {{.name = f->name}, {.name = f->other}};
    pthread_t t[2];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    for (size_t i = 0; i < 2; i++)
        if (w[i].failures > 0)
            fail_msg("%s", w[i].why);
    assert_int_equal(observe(f, NULL, NULL).n, 0);
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
    struct desired *d = desire(f, f->name, CONTRACT_WITH_SECRET), *plain = desire(f, f->name, CONTRACT_BASE);
    const char *id = made(f, d);
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
    assert_fields_equal(f, d->fields, seen(f, d)->fields);
    for (size_t i = fields_diff(f->a, plain->fields, seen(f, d)->fields, &ch); i > 0; i--) {
        assert_true(ch[i - 1].sensitive);
        field_change_format(&text, &ch[i - 1]);
    }
    assert_true(text.n > 0);
    assert_null(strstr(buf_str(&text), CONTRACT_SECRET_VALUE));
    must_fail(f, create(f, plain, &r), ERR_CONFLICT);
    assert_null(strstr(f->e.msg, CONTRACT_SECRET_VALUE));
    must(f, step(f, STEP_STOP, d, id, NULL));
    must(f, step(f, STEP_START, d, id, NULL));
    assert_fields_equal(f, d->fields, seen(f, d)->fields);
}

/* --- the list ------------------------------------------------------------------------------------------------------ */

static const struct row {
    const char *name;
    CMUnitTestFunction test;
    unsigned needs; /* not in the list of a backend that lacks it */
    enum { ANY, HANG, DRIFT, EXEC, FOLLOW } means;
} rows[] = {
    {"it is in the table once, and found by its endpoint's name", test_table, 0, ANY},
    {"close accepts NULL", test_close_null, 0, ANY},
    {"open sends nothing", test_open_down, 0, ANY},
    {"probe says what answers", test_probe, 0, ANY},
    {"probe says that nothing answers", test_probe_down, 0, ANY},
    {"check gives sorted fields, the same each time", test_check_fields, 0, ANY},
    {"check needs no endpoint", test_check_needs_nothing, 0, ANY},
    {"check tells a change of each class", test_check_variants, 0, ANY},
    {"check refuses what cannot be done, by key", test_check_refuses, 0, ANY},
    {"create refuses what check refuses", test_create_checks, 0, ANY},
    {"an empty endpoint is an empty list", test_observe_empty, 0, ANY},
    {"a fresh runtime shows exactly what was wanted", test_fresh_equals_wanted, 0, ANY},
    {"observe lists all of ours", test_observe_all, 0, ANY},
    {"observe of a dead endpoint is an error, not an empty list", test_observe_down, 0, ANY},
    {"look says absent only where it is", test_look_absent, 0, ANY},
    {"look at a dead endpoint is an error, not absent", test_look_down, 0, ANY},
    {"a foreign runtime is listed only under a wanted name", test_foreign_listed_by_name, 0, ANY},
    {"what ended by itself is stopped and can be started", test_died_is_stopped, 0, ANY},
    {"what was taken away is absent, and removing it succeeds", test_vanished_is_absent, 0, ANY},
    {"drift is seen field by field, also with a memo", test_drift_seen, 0, DRIFT},
    {"a memo saves looks and changes no answer", test_memo_saves_only_time, 0, ANY},
    {"images that are asked for have ids or none", test_images, CONTRACT_NO_IMAGES, ANY},
    {"creating from a missing image is not found", test_image_missing, CONTRACT_NO_IMAGES, ANY},
    {"creating twice is one runtime", test_create_twice, 0, ANY},
    {"creating what is stopped starts it", test_create_starts_stopped, 0, ANY},
    {"a runtime wanted stopped is made stopped", test_create_stopped, 0, ANY},
    {"creating over another hash is a conflict and changes nothing", test_create_other_hash, 0, ANY},
    {"creating over a foreign runtime is a conflict and changes nothing", test_create_over_foreign, 0, ANY},
    {"stop and start are idempotent and keep the runtime", test_stop_and_start, 0, ANY},
    {"remove returns when it is gone, and twice succeeds", test_remove, 0, ANY},
    {"starting or stopping what is gone is not found", test_gone_id, 0, ANY},
    {"acts by an old id never hit a successor of the same name", test_successor_is_spared, 0, ANY},
    {"acts on what is not as observed are conflicts", test_expectation, 0, ANY},
    {"patch changes fields in place", test_patch, CONTRACT_NO_PATCH, ANY},
    {"setup runs once and its output is kept", test_setup, 0, ANY},
    {"a setup that fails is refused, with status and output", test_setup_fails, 0, ANY},
    {"what had its setup fail is made anew", test_setup_failed_is_remade, CONTRACT_NO_SETUP_MARK, ANY},
    {"every call to a dead endpoint is unavailable", test_acts_down, 0, ANY},
    {"a silent endpoint is a timeout, and the truth can be seen later", test_timeouts, 0, HANG},
    {"cancel ends every call within 200 ms", test_cancel, 0, HANG},
    {"what is cancelled before it began does nothing", test_cancelled_before, 0, ANY},
    {"cancel ends a create in its setup within 200 ms", test_setup_cancelled, 0, ANY},
    {"exec gives status, output and input", test_exec, 0, EXEC},
    {"exec of a missing command is 127", test_exec_no_command, 0, EXEC},
    {"exec in what does not run is an error", test_exec_refused, 0, EXEC},
    {"a live exec is busy, and cancel ends it", test_exec_is_busy, 0, EXEC},
    {"an exec that takes too long is ended", test_exec_timeout, 0, EXEC},
    {"follow hints when armed and at each change, until cancel", test_follow, 0, FOLLOW},
    {"follow of a dead endpoint breaks", test_follow_breaks, 0, FOLLOW},
    {"two handles work in two threads", test_two_handles, 0, ANY},
    {"a secret is in no argv, message or change", test_secret, CONTRACT_NO_SECRET, ANY},
};

static bool applies(const struct row *r)
{
    if ((r->needs & k->lacks) != 0)
        return false;
    switch (r->means) {
    case ANY:
        return true;
    case HANG:
        return k->hang != NULL;
    case DRIFT:
        return k->drift != NULL;
    case EXEC:
        return k->ops->exec != NULL;
    case FOLLOW:
        return k->ops->follow != NULL;
    }
    return false;
}

static int fixture_setup(void **state)
{
    static unsigned serial;
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL)
        return -1;
    f->a = arena_new();
    f->b = open_handle();
    snprintf(f->name, sizeof f->name, CONTRACT_PREFIX "t%u-a", ++serial);
    snprintf(f->other, sizeof f->other, CONTRACT_PREFIX "t%u-b", serial);
    *state = f;
    return f->b != NULL ? 0 : -1;
}

static void remove_all(struct fixture *f, const char *install)
{
    struct backend *b = contract_open(k, peer, install);
    struct call c = long_call();
    struct observe_req req = {0};
    struct observation o = {0};
    struct act_result r;

    must(f, k->ops->observe(b, f->a, &req, &c, &o, &f->e));
    for (size_t i = 0; i < o.n; i++) {
        struct backend_act act = {.step = STEP_REMOVE, .name = o.v[i].name, .id = o.v[i].id};

        must(f, k->ops->apply(b, f->a, &act, &c, &r, &f->e));
    }
    k->ops->close(b);
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    k->down(peer, false);
    if (k->hang != NULL)
        k->hang(peer, false);
    if (k->clean != NULL) {
        k->clean(peer);
    } else {
        remove_all(f, CONTRACT_INSTALL);
        remove_all(f, CONTRACT_OTHER_INSTALL);
    }
    k->ops->close(f->b);
    arena_free(f->a);
    free(f);
    return 0;
}

static int peer_start(void **state)
{
    peer = k->start();
    return peer != NULL ? 0 : -1;
}

static int peer_stop(void **state)
{
    if (peer != NULL)
        k->stop(peer);
    return 0;
}

int contract_run(const struct contract *contract)
{
    static struct CMUnitTest tests[sizeof rows / sizeof *rows];
    size_t n = 0;
    char group[64];

    k = contract;
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (applies(&rows[i]))
            tests[n++] = (struct CMUnitTest){
                .name = rows[i].name, .test_func = rows[i].test, .setup_func = fixture_setup, .teardown_func = fixture_teardown};
    snprintf(group, sizeof group, "contract: %s", k->ops->name);
    return _cmocka_run_group_tests(group, tests, n, peer_start, peer_stop);
}
