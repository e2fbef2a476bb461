/* plan, beside OpenClaw: its own decisions are ours, and a hash of its that is not certain decides nothing. */
#include "tests/lib/scene.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(v) (sizeof(v) / sizeof *(v))

/* --- OpenClaw's own decisions
 * ------------------------------------------------------------------------------------------------------- */

static size_t asked_at(const struct node *calls, const char *verb)
{
    for (size_t i = 0; i < calls->n_items; i++)
        if (text_eq(node_str(calls->items[i]->items[0]), verb))
            return i;
    return SIZE_MAX;
}

/* One case of either line's golden file. */
struct lifecycle {
    const char *name, *container, *state, *label, *hash;
    const struct node *calls;
    struct record rec;
    bool recorded, has_image, ok;
};

static struct lifecycle case_of_5(const struct node *v)
{
    const struct node *reg = node_get(v, "registryBefore");
    struct lifecycle c = {.state = node_str(node_get(v, "dockerState")),
                          .label = node_str(node_get(v, "labelHash")),
                          .calls = node_get(v, "dockerCalls"),
                          .rec = scene_record(),
                          .recorded = node_is(reg, NODE_OBJECT),
                          .has_image = node_get(v, "imagePresent")->b};

    if (!c.recorded)
        return c;
    c.rec.created_at_ms = (int64_t)node_get(reg, "createdAtMs")->num;
    c.rec.last_used_at_ms = (int64_t)node_get(reg, "lastUsedAtMs")->num;
    c.rec.config_hash = node_str(node_get(reg, "configHash"));
    return c;
}

static struct lifecycle case_of_9(const struct node *v)
{
    const struct node *last = node_get(v, "last");
    struct lifecycle c = {.state = node_str(node_get(v, "st")),
                          .label = node_str(node_get(v, "hash")),
                          .calls = node_get(v, "calls"),
                          .rec = scene_record(),
                          .recorded = last != NULL,
                          .has_image = !node_get(v, "img")};

    if (!c.recorded)
        return c;
    c.rec.last_used_at_ms = (int64_t)last->num;
    c.rec.config_hash = node_str(node_get(v, "regHash"));
    return c;
}

static void set_lifecycle(struct scene *s, const struct lifecycle *c)
{
    struct observed o = scene_observed(s);
    struct record r = c->rec;

    scene_want(s, D_PRE);
    s->desired.v[0].setup = NULL;
    s->desired.v[0].policy.hot_window_ms = WINDOW;
    s->desired.v[0].idle_ms = s->desired.v[0].max_age_ms = 0;
    if (c->container)
        s->desired.v[0].name = r.name = o.name = c->container;
    s->desired.v[0].config_hash = c->hash;
    s->desired.v[0].image = "img";
    VEC_PUSH(s->a, &s->images, ((struct image_state){.ref = "img", .id = c->has_image ? "sha256:1" : NULL}));
    if (c->recorded)
        VEC_PUSH(s->a, &s->records, r);
    if (strcmp(c->state, "missing") == 0)
        return;
    o.ownership = OWN_OPENCLAW;
    o.install = o.owner = NULL;
    o.state = strcmp(c->state, "running") == 0 ? RUN_RUNNING : RUN_STOPPED;
    o.config_hash = c->label;
    o.fields_known = false;
    o.busy_known = false;
    VEC_PUSH(s->a, &s->seen, o);
}

/* What is planned for each state that 2026.9's cases show, and what OpenClaw itself does. */
static const struct {
    const char *name, *acts, *openclaw;
} decisions[] = {
    {"missing", "create", "creates it"},
    {"running-match", "", "uses it"},
    {"running-match-noreg", "adopt", "uses it, and records it"},
    {"running-mismatch-hot", "hold(recreate)/hot", "uses it with a warning: the mounts are the same"},
    {"running-mismatch-hot-mounts", "hold(recreate)/hot", "fails: it is in use, and mounts what it should not"},
    {"running-mismatch-hot-extra-bind", "hold(recreate)/hot", "fails likewise"},
    {"running-mismatch-hot-nested-tmpfs", "hold(recreate)/hot", "fails likewise"},
    {"running-mismatch-299999", "hold(recreate)/hot", "uses it with a warning"},
    {"running-mismatch-300000", "recreate", "makes it anew"},
    {"running-mismatch-noreg", "adopt hold(recreate)/hot", "uses it with a warning: who knows since when"},
    {"stopped-mismatch-hot", "recreate", "makes it anew"},
    {"running-nolabel-reg-match", "", "uses it, by its row's hash"},
    {"running-mismatch-hot-requireCurrent", "hold(recreate)/hot", "fails: this caller takes no other"},
    {"create-fails", "create", "creates it, and is refused"},
    {"start-fails", "create", "creates it, and takes it away again"},
    {"start-fails-rm-fails", "create", "creates it, and cannot take it away again"},
    {"setup-fails-existing-row", "create", "creates it, and takes it and its row away again"},
    {"image-missing", "hold(create)/image", "fails before it creates anything"},
    {"scope-shared-hot", "hold(recreate)/hot", "uses it with a warning"},
    {"scope-session-hot", "hold(recreate)/hot", "fails: other mounts"},
    {"mismatch-cold-rm-fails", "recreate", "goes on as if it were removed"},
};

static const char *decision(const char *name)
{
    for (size_t i = 0; i < N(decisions); i++)
        if (strcmp(decisions[i].name, name) == 0)
            return decisions[i].acts;
    return NULL;
}

static const struct {
    const char *vectors;
    struct lifecycle (*read)(const struct node *v);
    size_t n;
} lifecycles[] = {{"lifecycle", case_of_5, 36}, {"2026.9/lifecycle", case_of_9, N(decisions)}};

/* Removed and made anew, started, or kept: the same as OpenClaw did. What it would have created, we create. Where it fails rather
 * than use a runtime, we hold until it is out of use. */
static void test_lifecycle(void **state)
{
    ARENA_AUTO a = arena_new();

    for (size_t l = 0; l < N(lifecycles); l++) {
        const struct node *all = vectors_load(a, lifecycles[l].vectors);

        assert_true(all->n_items >= lifecycles[l].n);
        for (size_t i = 0; i < all->n_items; i++) {
            const struct node *v = all->items[i];
            struct lifecycle c = lifecycles[l].read(v);
            const char *listed;
            struct scene s;
            size_t rm = asked_at(c.calls, "rm"), create = asked_at(c.calls, "create"), start = asked_at(c.calls, "start");
            bool created = create != SIZE_MAX, removed = rm != SIZE_MAX && (!created || rm < create);

            c.name = node_str(node_get(v, "name"));
            c.container = node_str(node_get(v, "containerName"));
            c.hash = node_get(v, "expectedHash") ? node_str(node_get(v, "expectedHash")) : HASH;
            c.ok = node_get(v, "ok")->b;
            listed = decision(c.name);
            scene_begin(&s);
            set_lifecycle(&s, &c);
            (void)scene_plan(&s);
            if (s.plan.count[ACT_RECREATE] != removed || s.plan.count[ACT_START] != (start != SIZE_MAX && !created) ||
                s.plan.count[ACT_CREATE] != (created && !removed) || (!c.ok && !created && s.plan.count[ACT_HOLD] != 1))
                fail_msg("%s: [%s]", c.name, s.text);
            if (l > 0 && !text_eq(listed, s.text))
                fail_msg("%s: [%s], listed as [%s]", c.name, s.text, listed);
            if (s.records.n == 0 && s.seen.n && !removed)
                assert_int_equal(s.plan.acts[0].kind, ACT_ADOPT);
            scene_end(&s);
        }
    }
}

/* --- a hash that cannot be worked out from outside
 * ------------------------------------------------------------------------------------ */

static void test_uncertain_hash(void **state)
{
    static const struct field hashes[] = {{"docker.configHash", HASH, FIELD_RECREATE, false},
                                          {"docker.configHash", "old", FIELD_RECREATE, false}};
    static const struct {
        const char *name, *label;
        bool compared, named, field, listed;
        const char *acts;
    } table[] = {
        {"another hash, and equal fields", "old", true, false, false, true, ""},
        {"another hash, that the backend names", "old", true, true, false, true, ""},
        {"another hash, and nobody compared fields", "old", false, false, false, true, ""},
        {"no hash at all", NULL, true, false, false, true, ""},
        {"another hash, and another field", "old", true, false, true, true, "recreate"},
        {"the same hash, and another field", HASH, true, false, true, true, "recreate"},
        {"another hash in the record, and the endpoint is not known", "old", false, false, false, false, ""},
    };

    for (size_t i = 0; i < N(table); i++)
        for (int certain = 0; certain < 2; certain++) {
            struct scene s;

            scene_begin(&s);
            s.listed = table[i].listed;
            scene_want(&s, D_PRE);
            scene_recorded(&s, R_OK);
            scene_seen(&s, O_RUNNING);
            s.desired.v[0].setup = NULL;
            s.desired.v[0].hash_uncertain = certain ? NULL : "docker.env.FAL_KEY";
            s.records.v[0].config_hash = table[i].label;
            s.seen.v[0].config_hash = table[i].label;
            s.seen.v[0].fields_known = table[i].compared;
            if (table[i].named) {
                s.desired.v[0].fields = (struct fields){&hashes[0], 1};
                s.seen.v[0].fields = (struct fields){&hashes[1], 1};
            }
            if (table[i].field)
                s.seen.v[0].fields = scene_fields(s.a, "1g", "/tmp", "bridge");
            (void)scene_plan(&s);
            if (!certain && strcmp(s.text, table[i].acts) != 0)
                fail_msg("%s: [%s]", table[i].name, s.text);
            if (certain && strcmp(s.text, table[i].listed ? "recreate" : "hold(recreate)/unknown") != 0)
                fail_msg("%s, and the hash is certain: [%s]", table[i].name, s.text);
            scene_end(&s);
        }
}

/* On another host OpenClaw writes no hash: its fields are all there is to compare. */
static void test_no_hash_elsewhere(void **state)
{
    static const struct {
        const char *name, *label_kind, *seen, *recorded;
        bool compared, field;
        const char *acts;
    } table[] = {
        {"made by OpenClaw on another host", "Target", NULL, NULL, true, false, ""},
        {"so, and a field differs", "Target", NULL, NULL, true, true, "recreate"},
        {"made by reconclaw there, from something else", "Target", "old", NULL, true, false, "recreate"},
        {"recorded there with another hash", "Target", NULL, "old", true, false, "recreate"},
        {"a container without a hash", NULL, NULL, NULL, true, false, "recreate"},
    };

    for (size_t i = 0; i < N(table); i++) {
        struct scene s;

        scene_begin(&s);
        scene_want(&s, D_EXIST);
        scene_recorded(&s, R_OK);
        scene_seen(&s, O_RUNNING);
        s.desired.v[0].config_label_kind = table[i].label_kind;
        s.records.v[0].config_hash = table[i].recorded;
        s.seen.v[0].config_hash = table[i].seen;
        s.seen.v[0].fields_known = table[i].compared;
        if (table[i].field)
            s.seen.v[0].fields = scene_fields(s.a, "1g", "/tmp", "bridge");
        if (strcmp(scene_plan(&s), table[i].acts) != 0)
            fail_msg("%s: [%s]", table[i].name, s.text);
        scene_end(&s);
    }
}

/* Two registries, one of them perhaps reconclaw's own; the runtime is wanted and recorded by the first. */
static void test_mark_of_a_registry(void **state)
{
    static const struct {
        const char *name, *mark;
        bool own;
        const char *acts;
    } table[] = {
        {"no mark", NULL, false, ""},
        {"the registry's own mark", OURS, false, ""},
        {"the mark of another registry: it is that one's", THEIRS, false, "forget prune"},
        {"the mark of reconclaw's own install: it tells who made it", THEIRS, true, ""},
    };

    for (size_t i = 0; i < N(table); i++) {
        struct scene s;

        scene_begin(&s);
        scene_want(&s, D_EXIST);
        scene_recorded(&s, R_OK);
        scene_seen(&s, O_RUNNING);
        s.other = s.install;
        s.other.id = THEIRS;
        s.other.own = table[i].own;
        s.has_other = true;
        s.seen.v[0].install = table[i].mark;
        if (!table[i].mark)
            s.seen.v[0].ownership = OWN_OPENCLAW;
        if (strcmp(scene_plan(&s), table[i].acts) != 0)
            fail_msg("%s: [%s]", table[i].name, s.text);
        scene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("OpenClaw's own decisions are ours", test_lifecycle),
        TEST("a hash that is not certain is no drift by itself", test_uncertain_hash),
        TEST("what OpenClaw made on another host has no hash, and that is no drift", test_no_hash_elsewhere),
        TEST("a registry's mark says whose a runtime is, the mark of reconclaw's own does not", test_mark_of_a_registry),
    };

    return cmocka_run_group_tests_name("plan: OpenClaw", tests, NULL, NULL);
}
