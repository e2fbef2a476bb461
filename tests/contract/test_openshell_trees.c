/* What is in OpenShell's sandboxes: seeds, policies, what is known of them when records are lost. On the stand-in. */
#include "tests/lib/openshell_scene.h"

#include "backends/tree.h"
#include "spec/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- seeds --------------------------------------------------------------------------------------------------------------------
 */

static void a_seed_is_whole_and_its_manifest_says_what_it_is(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct openshell_world w;
        struct act_result r = {0};
        struct manifest m;
        struct stat st;
        char *text, link[64];
        ssize_t n;

        scene_become(s, releases[i]);
        must(s, scene_create(s, scene_desire(s, NAME, "remote", NULL), &generous, &r));
        assert_true(r.seeded_local);
        assert_non_null(manifest_find(r.seeded, "workspace/a.txt"));
        scene_assert_file(s, "sandbox/a.txt", "first\n");
        scene_assert_file(s, "sandbox/.hidden/b", "second\n");
        assert_non_null(scene_world_open(s, &w));
        assert_int_equal(stat(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox/run"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0755);
        n = readlink(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox/link"), link, sizeof link);
        openshell_world_close(&w);
        assert_int_equal(n, 5);
        text = openshell_peer_file(&s->p, NAME, "sandbox/.reconclaw/manifest");
        assert_non_null(text);
        must(s, manifest_parse(s->a, text, strlen(text), &m, &s->e));
        free(text);
        assert_string_equal(m.install, INSTALL);
        assert_true(m.created_at_ms == 1700000000123);
        assert_non_null(manifest_find(&m, "workspace/.hidden/b"));
        assert_true(scene_log_has(s, "\"ssh-config\",\"" NAME "\""));
        assert_false(scene_log_has(s, "\"upload\""));
        assert_false(scene_log_has(s, "reconclaw-seed"));
    }
}

static int leftovers(struct scene *s)
{
    struct openshell_world w;
    int n;

    assert_non_null(scene_world_open(s, &w));
    n = scratch_count(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox"), ".");
    openshell_world_close(&w);
    return n;
}

static void nothing_is_left_of_the_way_there(void **state)
{
    struct scene *s = *state;

    scene_made(s, scene_desire(s, NAME, "remote", NULL));
    assert_int_equal(leftovers(s), 5); /* .hidden a.txt run link .reconclaw */
    assert_int_equal(scratch_count(s->p.top, "state/openshell"), 1);
}

static void a_link_that_leads_outside_is_refused_before_anything_is_made(void **state)
{
    struct scene *s = *state;
    struct act_result r;

    scratch_symlink(s->p.top, "seed/escape", "/etc/passwd");
    must_fail(s, scene_create(s, scene_desire(s, NAME, "remote", NULL), &generous, &r), ERR_INPUT);
    must_say(s, "escape");
    assert_false(scene_log_has(s, "\"create\""));
    scratch_clear(s->p.top, "seed");
    must_fail(s, scene_create(s, scene_desire(s, NAME, "remote", NULL), &generous, &r), ERR_IO);
    assert_false(scene_log_has(s, "\"create\""));
}

static void half_a_seed_is_begun_again_and_nothing_is_lost(void **state)
{
    static const char *const faults[] = {
        "{\"ssh-config\": {\"times\": 1}}",
        "{\"ssh-proxy\": {\"times\": 1}}",
    };
    struct scene *s = *state;
    struct act_result r;

    for (size_t i = 0; i < N_RELEASES; i++)
        for (size_t j = 0; j < sizeof faults / sizeof *faults; j++) {
            struct desired *d;
            struct openshell_world w;
            const char *id;

            scene_become(s, releases[i]);
            d = scene_desire(s, NAME, "remote", NULL);
            openshell_peer_switch(&s->p, "fail", faults[j]);
            must_fail(s, scene_create(s, d, &generous, &r), j == 0 ? ERR_INTERNAL : ERR_UNAVAILABLE);
            must_say(s, "database is locked");
            scene_assert_file(s, "sandbox/.reconclaw/manifest", NULL);
            scene_assert_file(s, "sandbox/a.txt", NULL);
            id = node_str(node_get(scene_world_open(s, &w), "id"));
            scratch_write_text(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox"), "a.txt", "somebody's");
            openshell_world_close(&w);
            assert_string_equal(scene_made(s, d), id);
            scene_assert_file(s, "sandbox/a.txt", "first\n");
            assert_string_equal(scene_made(s, d), id);
            /* .hidden a.txt run link .reconclaw, and .reconclaw-replaced-<id> with somebody's */
            assert_int_equal(leftovers(s), 6);
        }
}

static void what_is_seeded_is_never_seeded_again(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", NULL);
    const char *id = scene_made(s, d);
    struct openshell_world w;

    scene_world_open(s, &w);
    scratch_write_text(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox"), "a.txt", "changed there");
    openshell_world_close(&w);
    assert_string_equal(scene_made(s, d), id);
    scene_assert_file(s, "sandbox/a.txt", "changed there");
}

static void mirror_is_left_to_openclaw(void **state)
{
    struct scene *s = *state;

    scene_made(s, scene_desire(s, NAME, "mirror", NULL));
    scene_assert_file(s, "sandbox/a.txt", NULL);
    assert_false(scene_log_has(s, "\"ssh-config\""));
}

/* What was written there before the seed, and what was seeded, are there or aside, whole, wherever it was cut. */
static void a_seed_that_is_cut_at_any_byte_is_done_again(void **state)
{
    struct scene *s = *state;
    unsigned seed = (unsigned)time(NULL);
    char big[20000];

    print_message("seed %u\n", seed);
    memset(big, 'x', sizeof big);
    for (unsigned i = 0; i < 16; i++) {
        struct desired *d;
        struct act_result r;
        char text[32];
        int ended;

        scene_become(s, releases[i % 2 == 0 ? 3 : 0]);
        scratch_write(s->p.top, "seed/big", big, sizeof big, 0644);
        d = scene_desire(s, NAME, "remote", NULL);
        (void)snprintf(text, sizeof text, "%d", rand_r(&seed) % 60000);
        openshell_peer_switch(&s->p, "sshCut", text);
        ended = scene_create(s, d, &generous, &r);
        openshell_peer_switch(&s->p, "sshCut", NULL);
        if (ended < 0) {
            if (s->e.class != ERR_UNAVAILABLE)
                fail_msg("cut at %s: %s: %s", text, err_class_name(s->e.class), s->e.msg);
            (void)scene_made(s, d);
        }
        scene_assert_file(s, "sandbox/a.txt", "first\n");
        scene_assert_file(s, "sandbox/.hidden/b", "second\n");
        assert_int_equal(fields_diff(s->a, d->fields, scene_look(s, NULL).fields, &(struct field_change *){0}), 0);
    }
}

/* --- what is there ------------------------------------------------------------------------------------------------------------
 */

static void what_is_in_it_is_measured_and_a_seed_that_never_was_is_told(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct openshell_world w;
        struct desired *d;
        struct observed o;
        struct field_change *ch;

        scene_become(s, releases[i]);
        d = scene_desire(s, NAME, "remote", NULL);
        o = scene_look(s, scene_made(s, d));
        assert_true(o.content_known);
        assert_int_equal(o.n_entries, 5); /* a.txt .hidden .hidden/b run link */
        assert_int_equal(o.content_bytes, 6 + 7 + 10);
        assert_true(o.changed_at_ms > 0);
        assert_string_equal(fields_get(o.fields, "seed.state"), "whole");
        assert_int_equal(scene_observe(s, d).v[0].n_entries, 5);
        /* OpenClaw's own, which it made and did not come to seed. */
        openshell_world_open(&w, s->a, s->p.world);
        openshell_world_add(&w, "https://127.0.0.1:17670", "oc-0123456789abcdef");
        openshell_world_close(&w);
        d = scene_desire(s, "oc-0123456789abcdef", "remote", NULL);
        d->kind = RUNTIME_CONTAINER;
        o = scene_observe(s, d).v[1];
        assert_int_equal(o.ownership, OWN_OPENCLAW);
        assert_true(o.content_known && o.n_entries == 0);
        assert_int_equal(fields_diff(s->a, d->fields, o.fields, &ch), 1);
        assert_string_equal(ch[0].name, "seed.state");
        assert_string_equal(ch[0].from, "empty");
    }
}

static void what_cannot_be_looked_into_is_not_known_and_nothing_else(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", NULL);
    struct observed o;
    const char *id = scene_made(s, d);

    scene_reopen(s);
    openshell_peer_switch(&s->p, "fail", "{\"ssh-proxy\": {\"times\": 100}}");
    o = scene_look(s, id);
    assert_int_equal(o.state, RUN_RUNNING);
    assert_false(o.content_known);
    assert_int_equal(fields_diff(s->a, d->fields, o.fields, &(struct field_change *){0}), 0);
    openshell_peer_switch(&s->p, "fail", NULL);
    assert_true(scene_look(s, id).content_known);
}

struct saved {
    struct buf tar;
    size_t at;
};

static int save_some(void *ctx, const void *p, size_t n, struct err *e)
{
    struct saved *x = ctx;

    buf_put(&x->tar, p, n);
    return 0;
}

static int read_some(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{
    struct saved *x = ctx;

    *ret_n = x->tar.n - x->at < max ? x->tar.n - x->at : max;
    memcpy(p, x->tar.s + x->at, *ret_n);
    x->at += *ret_n;
    return 0;
}

static void its_tree_is_saved_and_seeds_another(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct saved x = {.tar = BUF_INIT(1u << 24)};
        const struct tree_read_req req = {.links = TREE_LINKS_KEEP};
        const struct tree_stream from = {.read = read_some, .ctx = &x};
        struct backend_act act = {.step = STEP_CREATE, .name = NAME, .created_at_ms = 1700000000123};
        struct act_result r = {0};
        struct openshell_world w;
        struct manifest m;
        struct desired *d;
        const char *id, *sandbox;

        scene_become(s, releases[i]);
        d = scene_desire(s, NAME, "remote", NULL);
        id = scene_made(s, d);
        sandbox = openshell_world_path(&w, scene_world_open(s, &w), "sandbox");
        scratch_write_text(sandbox, "made/there", "over there");
        scratch_symlink(sandbox, "outside", "/etc/passwd");
        scratch_write_text(openshell_world_path(&w, openshell_world_at(&w, 0), "agent"), "notes", "n");
        openshell_world_close(&w);
        must(s, openshell_ops.save(s->b, id, NAME, save_some, &x, &generous, &s->e));
        must(s, tree_receive(s->a, &req, &from, scratch_path(s->p.top, "saved"), &generous, &m, NULL, &s->e));
        buf_free(&x.tar);
        assert_non_null(manifest_find(&m, "workspace/.hidden/b"));
        assert_non_null(manifest_find(&m, "workspace/outside"));
        assert_non_null(manifest_find(&m, "agent/notes"));
        for (size_t k = 0; k < m.n; k++)
            assert_null(strstr(m.v[k].path, ".reconclaw"));
        must(s, scene_act(s, STEP_REMOVE, d, id, &generous));
        must_fail(s, openshell_ops.save(s->b, id, NAME, save_some, &x, &generous, &s->e), ERR_NOT_FOUND);
        act.want = d;
        act.seed_dir = scratch_path(s->p.top, "saved");
        must(s, openshell_ops.apply(s->b, s->a, &act, &generous, &r, &s->e));
        scene_assert_file(s, "sandbox/made/there", "over there");
        scene_assert_file(s, "sandbox/a.txt", "first\n");
        scratch_clear(s->p.top, "saved");
    }
}

static void what_is_not_ready_is_not_saved(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", NULL);
    const char *id = scene_made(s, d);
    struct saved x = {.tar = BUF_INIT(1u << 24)};

    openshell_peer_switch(&s->p, "phases", "{\"" NAME "\": \"Stopped\"}");
    must_fail(s, openshell_ops.save(s->b, id, NAME, save_some, &x, &generous, &s->e), ERR_CONFLICT);
    must_say(s, "is Stopped");
    openshell_peer_switch(&s->p, "phases", NULL);
    openshell_peer_switch(&s->p, "sshCut", "5000");
    scene_reopen(s);
    openshell_peer_switch(&s->p, "fail", "{\"ssh-proxy\": {\"times\": 1}}");
    must_fail(s, openshell_ops.save(s->b, id, NAME, save_some, &x, &generous, &s->e), ERR_UNAVAILABLE);
    buf_free(&x.tar);
}

static void a_gateway_without_a_name_leads_to_no_sandbox_and_that_is_told(void **state)
{
    struct scene *s = *state;
    struct backend_conf conf;
    struct saved x = {0};
    const char *id;

    openshell_ops.close(s->b);
    openshell_peer_conf(&s->p, s->a, &conf);
    conf.endpoint = "openshell:https://127.0.0.1:17670";
    conf.address = "https://127.0.0.1:17670";
    conf.install = INSTALL;
    must(s, openshell_ops.open(&conf, &s->b, &s->e));
    struct desired *d = scene_desire(s, NAME, "mirror", NULL);
    d->endpoint = conf.endpoint;
    id = scene_made(s, d);
    must_fail(s, openshell_ops.save(s->b, id, NAME, save_some, &x, &generous, &s->e), ERR_UNAVAILABLE);
    must_say(s, "openshell gateway add https://127.0.0.1:17670");
}

static void a_setup_that_was_cut_is_not_taken_for_done(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", NULL);
    struct act_result r = {0};
    struct call little = {.timeout_ms = 2500};
    const char *id;

    d->setup = "echo once >>/sandbox/setup\nsleep 30";
    must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
    must_fail(s, scene_create(s, d, &little, &r), ERR_TIMEOUT);
    id = scene_look(s, NULL).id;
    d->setup = "echo once >>/sandbox/setup";
    must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
    assert_string_not_equal(scene_made(s, d), id);
    scene_assert_file(s, "sandbox/setup", "once\n");
    assert_false(scene_log_has(s, "echo once"));
}

/* --- policies -----------------------------------------------------------------------------------------------------------------
 */

static int patch(struct scene *s, const struct desired *d, const char *id)
{
    return scene_act(s, STEP_PATCH, d, id, &(struct call){.timeout_ms = 20000});
}

static void what_becomes_of_a_policy_is_told(void **state)
{
    static const struct {
        const char *then;
        enum err_class class;
    } rows[] = {{"failed", ERR_REFUSED}, {"timeout", ERR_TIMEOUT}, {"superseded", ERR_CONFLICT}};
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i += 3) {
        struct desired *d, *d2;
        const char *id;

        scene_become(s, releases[i]);
        d = scene_desire(s, NAME, "remote", "example.com");
        d2 = scene_desire(s, NAME, "remote", "example.org");
        id = scene_made(s, d);
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            openshell_peer_switch(&s->p, "policyWait", arena_printf(s->a, "\"%s\"", rows[j].then));
            must_fail(s, patch(s, d2, id), rows[j].class);
            assert_string_equal(scene_look(s, id).config_hash, d->config_hash);
        }
        openshell_peer_switch(&s->p, "policyWait", NULL);
        must(s, patch(s, d2, id));
        assert_string_equal(scene_look(s, id).config_hash, d2->config_hash);
        assert_true(scene_log_has(s, "\"--wait\""));
    }
}

static void the_static_part_is_not_patched(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", "example.com"), *d2 = scene_desire(s, NAME, "remote", "example.com");
    const char *id = scene_made(s, d);
    struct field_change *ch;
    struct openshell_world w;
    struct node *fs;

    node_set(s->a, (struct node *)d2->create, "policyText",
             node_string(s->a, "version: 1\nfilesystem_policy: {read_only: [/srv]}\nlandlock: {compatibility: best_effort}\n"
                               "network_policies: {web: {endpoints: [{host: example.com, port: 443}]}}\n"));
    scene_rehash(s, d2);
    assert_int_equal(fields_diff(s->a, d2->fields, scene_look(s, id).fields, &ch), 1);
    assert_string_equal(ch[0].name, "openshell.policy.filesystem_policy");
    assert_int_equal(ch[0].class, FIELD_RECREATE);
    must_fail(s, patch(s, d2, id), ERR_REFUSED);
    /* More paths than were asked for are no difference, fewer are. */
    assert_int_equal(fields_diff(s->a, d->fields, scene_look(s, id).fields, &ch), 0);
    fs = node_path(scene_world_open(s, &w), "policy", "filesystem_policy", NULL);
    node_set(s->a, fs, "read_only", node_array(s->a));
    openshell_world_close(&w);
    assert_int_equal(fields_diff(s->a, d->fields, scene_look(s, id).fields, &ch), 1);
    assert_int_equal(ch[0].class, FIELD_RECREATE);
}

static void rules_of_providers_are_no_difference(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", "example.com");
    struct node *providers = node_array(s->a);
    struct field_change *ch;

    openshell_peer_switch(&s->p, "providers", "[\"github\"]");
    node_push(s->a, providers, node_string(s->a, "github"));
    node_set(s->a, (struct node *)d->create, "providers", providers);
    scene_rehash(s, d);
    assert_int_equal(fields_diff(s->a, d->fields, scene_look(s, scene_made(s, d)).fields, &ch), 0);
    assert_string_equal(fields_get(d->fields, "openshell.providers"), "github");
}

/* --- records ------------------------------------------------------------------------------------------------------------------
 */

static void a_lost_record_costs_no_more_than_it_must(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct desired *d;
        struct observation o;
        struct act_result r;
        const char *id;

        scene_become(s, releases[i]);
        d = scene_desire(s, NAME, "remote", "example.com");
        id = scene_made(s, d);
        scratch_clear(s->p.top, "state/openshell");
        o = scene_observe(s, d);
        assert_int_equal(o.n, 1);
        if (i == 0) { /* no labels: nothing says that it is ours, so it is let be */
            assert_int_equal(o.v[0].ownership, OWN_FOREIGN);
            must_fail(s, scene_create(s, d, &generous, &r), ERR_CONFLICT);
            continue;
        }
        assert_int_equal(o.v[0].ownership, OWN_OURS);
        assert_string_equal(o.v[0].owner, d->owner);
        assert_string_equal(o.v[0].config_hash, d->config_hash);
        assert_true(o.v[0].created_at_ms == 1700000000123);
        assert_true(o.v[0].fields_known);
        assert_string_equal(scene_made(s, d), id);
    }
}

static void a_record_of_another_id_proves_nothing(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", NULL);
    struct openshell_world w;
    struct observation o;

    scene_become(s, "0.0.36");
    scene_made(s, d);
    scene_world_open(s, &w);
    openshell_world_drop(&w, 0);
    openshell_world_add(&w, "https://127.0.0.1:17670", NAME);
    openshell_world_close(&w);
    o = scene_observe(s, d);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].ownership, OWN_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_seed_is_whole_and_its_manifest_says_what_it_is),
        TEST(nothing_is_left_of_the_way_there),
        TEST(a_link_that_leads_outside_is_refused_before_anything_is_made),
        TEST(half_a_seed_is_begun_again_and_nothing_is_lost),
        TEST(what_is_seeded_is_never_seeded_again),
        TEST(mirror_is_left_to_openclaw),
        TEST(a_seed_that_is_cut_at_any_byte_is_done_again),
        TEST(what_is_in_it_is_measured_and_a_seed_that_never_was_is_told),
        TEST(what_cannot_be_looked_into_is_not_known_and_nothing_else),
        TEST(its_tree_is_saved_and_seeds_another),
        TEST(what_is_not_ready_is_not_saved),
        TEST(a_gateway_without_a_name_leads_to_no_sandbox_and_that_is_told),
        TEST(a_setup_that_was_cut_is_not_taken_for_done),
        TEST(what_becomes_of_a_policy_is_told),
        TEST(the_static_part_is_not_patched),
        TEST(rules_of_providers_are_no_difference),
        TEST(a_lost_record_costs_no_more_than_it_must),
        TEST(a_record_of_another_id_proves_nothing),
    };

    return cmocka_run_group_tests_name("openshell: trees", tests, NULL, NULL);
}
