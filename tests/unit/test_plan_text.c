/* plan_text: a plan's text and JSON against golden files (RECONCLAW_GOLDEN=write makes them anew). */
#include "reconciler/core/plan_text.h"
#include "tests/lib/scene.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set_show(struct scene *s)
{
    static const struct field secret_old[] = {{"docker.env.TOKEN", "s3cret-old", FIELD_RECREATE, true}};
    static const struct field secret_new[] = {{"docker.env.TOKEN", "s3cret-new", FIELD_RECREATE, true}};
    struct desired d = scene_desired(s);
    struct record r = scene_record();
    struct observed o = scene_observed(s);

    d.precreate = true;
    d.name = "a-new";
    d.scope_key = "agent:a";
    VEC_PUSH(s->a, &s->desired, d);

    d.name = r.name = o.name = "b-changed";
    d.scope_key = r.scope_key = o.scope_key = "agent:b";
    d.fields = (struct fields){secret_new, 1};
    o.fields = (struct fields){secret_old, 1};
    o.config_hash = "old";
    o.id = "id-b";
    VEC_PUSH(s->a, &s->desired, d);
    VEC_PUSH(s->a, &s->records, r);
    VEC_PUSH(s->a, &s->seen, o);

    d.name = r.name = o.name = "c-hot";
    d.scope_key = r.scope_key = o.scope_key = "agent:c";
    d.fields = scene_fields(s->a, "1g", "/tmp", "none");
    o.fields = scene_fields(s->a, "512m", "/tmp", "bridge");
    d.policy.hot_window_ms = WINDOW;
    r.last_used_at_ms = NOW - 12000;
    o.id = "id-c";
    VEC_PUSH(s->a, &s->desired, d);
    VEC_PUSH(s->a, &s->records, r);
    VEC_PUSH(s->a, &s->seen, o);

    d = scene_desired(s);
    d.precreate = true;
    d.name = "d-\033[31m\"odd\"";
    d.scope_key = "agent:d";
    d.image = "img:1";
    VEC_PUSH(s->a, &s->images, ((struct image_state){.ref = "img:1"}));
    VEC_PUSH(s->a, &s->desired, d);

    r = scene_record();
    o = scene_observed(s);
    r.name = o.name = "e-unwanted";
    r.scope_key = o.scope_key = "agent:e";
    r.unwanted_because = "agent 'e' is gone";
    o.id = "id-e";
    VEC_PUSH(s->a, &s->records, r);
    VEC_PUSH(s->a, &s->seen, o);

    o = scene_observed(s);
    o.name = "f-orphan";
    o.id = "id-f";
    o.scope_key = "agent:f";
    VEC_PUSH(s->a, &s->seen, o);
    s->install.policy.orphans = ORPHANS_REPORT;

    d = scene_desired(s);
    o = scene_observed(s);
    d.precreate = true;
    d.name = o.name = "g-adopted";
    d.scope_key = o.scope_key = "agent:g";
    o.state = RUN_STOPPED;
    o.id = "id-g";
    VEC_PUSH(s->a, &s->desired, d);
    VEC_PUSH(s->a, &s->seen, o);

    d = scene_desired(s);
    d.precreate = true;
    d.endpoint = "fake:gone";
    d.name = "h-unknown";
    VEC_PUSH(s->a, &s->desired, d);
}

static void compare_golden(const char *path, const char *got)
{
    ARENA_AUTO a = arena_new();
    const char *mode = getenv("RECONCLAW_GOLDEN");
    size_t n;

    if (mode && strcmp(mode, "write") == 0) {
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(got, 1, strlen(got), f), strlen(got));
        assert_int_equal(fclose(f), 0);
    }
    assert_string_equal(vectors_bytes(a, path, &n), got);
}

static void test_golden(void **state)
{
    BUF_AUTO json = BUF_INIT(1u << 20), text = BUF_INIT(1u << 20), colour = BUF_INIT(1u << 20);
    struct scene s;

    scene_begin(&s);
    set_show(&s);
    (void)scene_plan(&s);
    plan_emit_json(&json, &s.plan);
    plan_emit_text(&text, &s.plan, 0);
    plan_emit_text(&colour, &s.plan, PLAN_TEXT_COLOUR);
    compare_golden("tests/data/plan/show.json", buf_str(&json));
    compare_golden("tests/data/plan/show.txt", buf_str(&text));
    assert_null(strstr(buf_str(&json), "s3cret"));
    assert_null(strstr(buf_str(&text), "s3cret"));
    assert_null(strchr(buf_str(&text), '\033'));
    assert_non_null(strstr(buf_str(&colour), "\033[32m  +\033[0m create"));
    scene_end(&s);
}

static void test_nothing(void **state)
{
    BUF_AUTO text = BUF_INIT(65536);
    const struct world w = {0};
    ARENA_AUTO a = arena_new();
    struct plan p;

    plan_compute(a, &w, NOW, &p);
    plan_emit_text(&text, &p, 0);
    assert_string_equal(buf_str(&text), "Plan: nothing to do.\n");
    assert_true(plan_is_empty(&p));
    assert_int_equal(p.next_due_ms, TIME_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("the plan's text and JSON are as they were, and show no secret", test_golden),
        TEST("an empty world is an empty plan", test_nothing),
    };

    return cmocka_run_group_tests_name("plan: text", tests, NULL, NULL);
}
