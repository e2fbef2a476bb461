/* policy: defaults, layers, and that every key reaches its figure. */
#include "spec/policy.h"
#include "spec/read/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof(*(a)))

static const struct node *parse(struct arena *a, const struct schema_object *table, const char *text)
{
    struct diags d = {.arena = a};
    struct yaml_docs docs = {0};
    if (!text)
        return NULL;
    if (yaml_read(a, "t", text, strlen(text), &d, &docs) < 0 || docs.n != 1)
        fail_msg("the test's own YAML is wrong: %s", text);
    if (table && schema_check(a, table, docs.v[0], "", &d))
        fail_msg("%s: %s: %s", text, d.v[0].key, d.v[0].msg);
    return docs.v[0];
}

/* By field, so that padding does not count. */
static bool same(struct policy a, struct policy b)
{
    return a.hot_window_ms == b.hot_window_ms && a.cap_percent == b.cap_percent && a.cap_count == b.cap_count &&
           a.on_drift == b.on_drift && a.orphans == b.orphans && a.ghosts == b.ghosts && a.image_updates == b.image_updates &&
           a.prune == b.prune && a.protect == b.protect && a.ignore_busy == b.ignore_busy &&
           a.ignore_flapping == b.ignore_flapping && a.concurrency == b.concurrency && a.resync_ms == b.resync_ms &&
           a.on_prune == b.on_prune && a.retain_ms == b.retain_ms && a.retain_bytes == b.retain_bytes &&
           a.retain_count == b.retain_count && a.snapshot_count == b.snapshot_count && a.snapshot_ms == b.snapshot_ms &&
           a.snapshot_bytes == b.snapshot_bytes;
}

static const struct policy defaults = {
    .hot_window_ms = 300000,
    .cap_percent = 30,
    .cap_count = 1,
    .on_drift = ON_DRIFT_RECREATE,
    .orphans = ORPHANS_REPORT,
    .ghosts = GHOSTS_FORGET,
    .image_updates = IMAGE_UPDATES_RECREATE,
    .prune = true,
    .concurrency = 4,
    .resync_ms = 300000,
};

static void defaults_are_the_safe_ones(void **state)
{
    const struct node *none[2] = {NULL, NULL};
    assert_true(same(policy_resolve(NULL, 0), defaults));
    assert_true(same(policy_resolve(none, 2), defaults));
}

/* Layers from the weakest, and the figure that holds. */
static void layers_override_key_by_key(void **state)
{
    static const struct {
        const char *layers[3];
        struct {
            int64_t hot_window_ms;
            unsigned cap_percent, cap_count;
            enum orphans orphans;
        } want;
    } rows[] = {
        {{"{hotWindow: 1m}", NULL, NULL}, {60000, 30, 1, ORPHANS_REPORT}},
        {{"{hotWindow: 1m}", "{hotWindow: 2m}", NULL}, {120000, 30, 1, ORPHANS_REPORT}},
        {{"{hotWindow: 1m}", "{orphans: adopt}", NULL}, {60000, 30, 1, ORPHANS_ADOPT}},
        {{"{orphans: prune}", "{orphans: report}", NULL}, {300000, 30, 1, ORPHANS_REPORT}},
        {{"{removalCap: {percent: 10, count: 5}}", "{removalCap: {percent: 50}}", NULL}, {300000, 50, 5, ORPHANS_REPORT}},
        {{"{removalCap: {percent: 10, count: 5}}", "{removalCap: {}}", NULL}, {300000, 10, 5, ORPHANS_REPORT}},
        {{"{removalCap: {percent: 0, count: 0}}", NULL, NULL}, {300000, 0, 0, ORPHANS_REPORT}},
        {{"{hotWindow: 0}", NULL, NULL}, {0, 30, 1, ORPHANS_REPORT}},
        /* a guard that is off stays off until a layer switches it on */
        {{"{guards: {hot: false}}", "{hotWindow: 9m}", NULL}, {0, 30, 1, ORPHANS_REPORT}},
        {{"{hotWindow: 9m, guards: {hot: false}}", "{guards: {hot: true}}", NULL}, {540000, 30, 1, ORPHANS_REPORT}},
        {{"{guards: {cap: false}}", "{removalCap: {percent: 5}}", NULL}, {300000, 100, 1, ORPHANS_REPORT}},
        {{"{guards: {cap: false}}", NULL, "{guards: {cap: true}, removalCap: {count: 3}}"}, {300000, 30, 3, ORPHANS_REPORT}},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        const struct node *layers[3];
        for (size_t j = 0; j < 3; j++)
            layers[j] = parse(a, &policy_schema, rows[i].layers[j]);
        struct policy p = policy_resolve(layers, 3);
        if (p.hot_window_ms != rows[i].want.hot_window_ms || p.cap_percent != rows[i].want.cap_percent ||
            p.cap_count != rows[i].want.cap_count || p.orphans != rows[i].want.orphans)
            fail_msg("row %zu: %lld %u %u %d", i, (long long)p.hot_window_ms, p.cap_percent, p.cap_count, p.orphans);
    }
}

/* One other value for every leaf of the table, and what it must change. */
static const struct {
    const char *yaml;
    size_t offset, size;
    int64_t to;
} leaves[] = {
#define LEAF(text, field, to)                                                                                                    \
    {                                                                                                                            \
        text, offsetof(struct policy, field), sizeof(((struct policy *)0)->field), (int64_t)(to)                                 \
    }
    LEAF("guards: {hot: false}", hot_window_ms, 0),
    LEAF("guards: {busy: false}", ignore_busy, true),
    LEAF("guards: {cap: false}", cap_percent, 100),
    LEAF("guards: {flapping: false}", ignore_flapping, true),
    LEAF("hotWindow: 7m", hot_window_ms, 420000),
    LEAF("removalCap: {percent: 100}", cap_percent, 100),
    LEAF("removalCap: {count: 8}", cap_count, 8),
    LEAF("resync: 1h", resync_ms, 3600000),
    LEAF("concurrency: 9", concurrency, 9),
    LEAF("orphans: report", orphans, ORPHANS_REPORT),
    LEAF("orphans: prune", orphans, ORPHANS_PRUNE),
    LEAF("orphans: adopt", orphans, ORPHANS_ADOPT),
    LEAF("ghosts: forget", ghosts, GHOSTS_FORGET),
    LEAF("ghosts: recreate", ghosts, GHOSTS_RECREATE),
    LEAF("ghosts: report", ghosts, GHOSTS_REPORT),
    LEAF("imageUpdates: recreate", image_updates, IMAGE_UPDATES_RECREATE),
    LEAF("imageUpdates: report", image_updates, IMAGE_UPDATES_REPORT),
    LEAF("imageUpdates: ignore", image_updates, IMAGE_UPDATES_IGNORE),
    LEAF("prune: false", prune, false),
    LEAF("workspaces: {onPrune: quarantine}", on_prune, ON_PRUNE_QUARANTINE),
    LEAF("workspaces: {onPrune: keep}", on_prune, ON_PRUNE_KEEP),
    LEAF("workspaces: {retention: {age: 30d}}", retain_ms, 30LL * 86400000),
    LEAF("workspaces: {retention: {size: 10g}}", retain_bytes, 10LL << 30),
    LEAF("workspaces: {retention: {count: 100}}", retain_count, 100),
    LEAF("snapshots: {keep: 10}", snapshot_count, 10),
    LEAF("snapshots: {age: 90d}", snapshot_ms, 90LL * 86400000),
    LEAF("snapshots: {size: 20g}", snapshot_bytes, 20LL << 30),
    LEAF("onDrift: recreate", on_drift, ON_DRIFT_RECREATE),
    LEAF("onDrift: remove", on_drift, ON_DRIFT_REMOVE),
    LEAF("onDrift: report", on_drift, ON_DRIFT_REPORT),
};

static void every_value_reaches_its_figure(void **state)
{
    for (size_t i = 0; i < N(leaves); i++) {
        ARENA_AUTO a = arena_new();
        const struct node *layer = parse(a, &policy_kind_schema, leaves[i].yaml);
        struct policy want = defaults;
        memcpy((char *)&want + leaves[i].offset, &leaves[i].to, leaves[i].size); /* little-endian, as all we run on */
        if (!same(policy_resolve(&layer, 1), want))
            fail_msg("%s does not do what it says", leaves[i].yaml);
    }
    ARENA_AUTO a = arena_new();
    const struct node *object = parse(a, NULL, "protect: true");
    struct policy want = defaults;
    want.protect = true;
    assert_true(same(policy_resolve(&object, 1), want));
}

static bool has_leaf(const char *key, const char *sub)
{
    for (size_t i = 0; i < N(leaves); i++)
        if (text_has_prefix(leaves[i].yaml, key) && leaves[i].yaml[strlen(key)] == ':' && (!sub || strstr(leaves[i].yaml, sub)))
            return true;
    return false;
}

static void every_key_and_word_has_a_leaf_here(void **state)
{
    for (size_t i = 0; i < policy_kind_schema.n_fields; i++) {
        ARENA_AUTO a = arena_new();
        const struct schema_field *f = &policy_kind_schema.fields[i];
        const struct schema_object *inner = f->value.type == SCHEMA_OBJECT ? f->value.object : NULL;
        if (!inner && !has_leaf(f->key, NULL))
            fail_msg("no leaf for %s", f->key);
        for (size_t j = 0; inner && j < inner->n_fields; j++)
            if (!has_leaf(f->key, inner->fields[j].key))
                fail_msg("no leaf for %s.%s", f->key, inner->fields[j].key);
        for (size_t j = 0; inner && j < inner->n_fields; j++) {
            const struct schema_value *v = &inner->fields[j].value;

            for (size_t k = 0; v->words && v->words[k]; k++)
                if (!has_leaf(f->key, v->words[k]))
                    fail_msg("no leaf for %s.%s: %s", f->key, inner->fields[j].key, v->words[k]);
            for (size_t k = 0; v->type == SCHEMA_OBJECT && k < v->object->n_fields; k++)
                if (!has_leaf(f->key, arena_printf(a, "%s: {%s:", inner->fields[j].key, v->object->fields[k].key)))
                    fail_msg("no leaf for %s.%s.%s", f->key, inner->fields[j].key, v->object->fields[k].key);
        }
        for (size_t j = 0; f->value.words && f->value.words[j]; j++)
            if (!has_leaf(f->key, f->value.words[j]))
                fail_msg("no leaf for %s: %s", f->key, f->value.words[j]);
    }
}

static void defaults_told_are_those_in_force(void **state)
{
    for (size_t i = 0; i < policy_kind_schema.n_fields; i++) {
        ARENA_AUTO a = arena_new();
        const struct schema_field *f = &policy_kind_schema.fields[i];
        const struct schema_object *inner = f->value.type == SCHEMA_OBJECT ? f->value.object : NULL;
        assert_true(inner || f->def);
        for (size_t j = 0; j < (inner ? inner->n_fields : 1); j++) {
            /* Nothing is deleted unless a key says so. */
            if (inner && (inner->fields[j].value.type == SCHEMA_OBJECT || strcmp(f->key, "snapshots") == 0))
                continue;
            const char *text = inner ? arena_printf(a, "%s: {%s: %s}", f->key, inner->fields[j].key, inner->fields[j].def)
                                     : arena_printf(a, "%s: %s", f->key, f->def);
            const struct node *layer = parse(a, &policy_kind_schema, text);
            if (!same(policy_resolve(&layer, 1), defaults))
                fail_msg("%s is not the default", text);
        }
    }
}

static void an_object_takes_all_of_a_policy_but_on_drift(void **state)
{
    assert_int_equal(policy_kind_schema.n_fields, policy_schema.n_fields + 1);
    assert_null(schema_find(&policy_schema, "onDrift"));
    for (size_t i = 0; i < policy_schema.n_fields; i++)
        assert_non_null(schema_find(&policy_kind_schema, policy_schema.fields[i].key));
}

static void limits_hold_at_n_and_n_plus_one(void **state)
{
    static const struct {
        const char *yaml;
        bool good;
    } rows[] = {
        {"workspaces: {retention: {age: 1h}}", true},
        {"workspaces: {retention: {age: 59m}}", false},
        {"workspaces: {retention: {age: 0}}", false},
        {"workspaces: {retention: {size: 0}}", false},
        {"workspaces: {retention: {size: 1}}", true},
        {"workspaces: {retention: {count: 0}}", false},
        {"snapshots: {keep: 0}", false},
        {"snapshots: {keep: 1}", true},
        {"snapshots: {age: 59m}", false},
        {"snapshots: {age: 1h}", true},
        {"snapshots: {size: 0}", false},
        {"snapshots: {size: 1}", true},
        {"workspaces: {retention: {count: 1}}", true},
        {"workspaces: {onPrune: delete}", false},
        {"removalCap: {percent: 0}", true},
        {"removalCap: {percent: -1}", false},
        {"removalCap: {percent: 100}", true},
        {"removalCap: {percent: 101}", false},
        {"removalCap: {count: 0}", true},
        {"removalCap: {count: 1000000}", true},
        {"removalCap: {count: 1000001}", false},
        {"concurrency: 1", true},
        {"concurrency: 0", false},
        {"concurrency: 256", true},
        {"concurrency: 257", false},
        {"resync: 10s", true},
        {"resync: 9999ms", false},
        {"resync: 1d", true},
        {"resync: 1d1ms", false},
        {"hotWindow: 0", true},
        {"hotWindow: 1", false},
        {"hotWindow: '0'", true},
        {"hotWindow: 0s", true},
        {"hotWindow: 30d", true},
        {"hotWindow: 30d1ms", false},
        {"hotWindow: -5m", false},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        bool good = schema_check(a, &policy_schema, parse(a, NULL, rows[i].yaml), "spec.policy", &d) == 0;
        if (good != rows[i].good || (d.n_errors == 0) != good)
            fail_msg("%s: %s", rows[i].yaml, good ? "accepted" : d.v[0].msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_safe_ones),       cmocka_unit_test(layers_override_key_by_key),
        cmocka_unit_test(every_value_reaches_its_figure),   cmocka_unit_test(every_key_and_word_has_a_leaf_here),
        cmocka_unit_test(defaults_told_are_those_in_force), cmocka_unit_test(an_object_takes_all_of_a_policy_but_on_drift),
        cmocka_unit_test(limits_hold_at_n_and_n_plus_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
