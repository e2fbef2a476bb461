/* What OpenShell can do wrong, or be: another command of its name, phases, ways to fail. On the stand-in, with its switches. */
#include "tests/lib/openshell_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- which command ------------------------------------------------------------------------------------------------------------
 */

static void open_with(struct scene *s, const char *command)
{
    struct backend_conf conf;

    openshell_ops.close(s->b);
    s->b = NULL;
    openshell_peer_conf(&s->p, s->a, &conf);
    conf.install = INSTALL;
    node_set(s->a, (struct node *)conf.options, "command", node_string(s->a, command));
    must(s, openshell_ops.open(&conf, &s->b, &s->e));
}

static void npm_is_refused_and_never_run(void **state)
{
    struct scene *s = *state;
    struct backend_info info;
    const char *bin = scratch_path(s->p.top, "lib/node_modules/openshell/bin/openshell"), *script;
    char link[700];

    script = arena_printf(s->a, "#!/bin/sh\ntouch %s/was-run\necho openshell 0.1.0\n", s->p.top);
    scratch_write(s->p.top, "lib/node_modules/openshell/bin/openshell", script, strlen(script), 0755);
    scratch_write_text(s->p.top, "lib/node_modules/openshell/package.json", "{\"name\": \"openshell\", \"version\": \"0.1.0\"}");
    (void)snprintf(link, sizeof link, "%s/openshell", s->p.top);
    assert_int_equal(symlink(bin, link), 0);
    open_with(s, link);
    must_fail(s, openshell_ops.probe(s->b, &generous, &info, &s->e), ERR_REFUSED);
    must_say(s, "npm's package `openshell`");
    scratch_write(s->p.top, "script", "#!/usr/bin/env node\nx\n", 22, 0755);
    open_with(s, scratch_path(s->p.top, "script"));
    must_fail(s, openshell_ops.probe(s->b, &generous, &info, &s->e), ERR_REFUSED);
    must_say(s, "script for node");
    assert_false(scratch_exists(s->p.top, "was-run"));
}

static void what_is_no_openshell_is_told(void **state)
{
    static const struct {
        const char *script;
        enum err_class class;
        const char *says;
    } rows[] = {
        {"#!/bin/sh\necho something 1.2.3\n", ERR_UNSUPPORTED, "no OpenShell that is known"},
        {"#!/bin/sh\necho openshell 0.0.35\n", ERR_UNSUPPORTED, "0.0.36 or later is needed"},
        {"#!/bin/sh\necho openshell 0.0.36; exit 1\n", ERR_UNSUPPORTED, "status 1"},
        {"#!/bin/sh\necho TELEGRAM_BOT_TOKEN is required. >&2; exit 1\n", ERR_REFUSED, "chat bot"},
    };
    struct scene *s = *state;
    struct backend_info info;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scratch_write(s->p.top, "bin/openshell", rows[i].script, strlen(rows[i].script), 0755);
        open_with(s, scratch_path(s->p.top, "bin/openshell"));
        must_fail(s, openshell_ops.probe(s->b, &generous, &info, &s->e), rows[i].class);
        must_say(s, rows[i].says);
    }
    open_with(s, "/nonexistent/openshell");
    must_fail(s, openshell_ops.probe(s->b, &generous, &info, &s->e), ERR_UNAVAILABLE);
}

static void a_newer_release_is_driven_as_the_newest_known(void **state)
{
    struct scene *s = *state;
    struct backend_info info;

    scene_become(s, "0.0.140");
    must(s, openshell_ops.probe(s->b, &generous, &info, &s->e));
    assert_string_equal(info.version, "0.0.140");
    assert_non_null(strstr(info.remark, "driven as 0.0.111"));
    scene_made(s, scene_desire(s, NAME, "remote", NULL));
    assert_true(scene_log_has(s, "\"--detach\",\"--\",\"sleep\",\"infinity\""));
}

static void a_release_that_changes_under_us_is_seen(void **state)
{
    struct scene *s = *state;
    struct backend_info info;
    const char *script = "#!/bin/sh\necho openshell 0.0.35\n";

    open_with(s, s->p.command);
    must(s, openshell_ops.probe(s->b, &generous, &info, &s->e));
    scratch_write(s->p.top, "bin/openshell", script, strlen(script), 0755);
    open_with(s, scratch_path(s->p.top, "bin/openshell"));
    must_fail(s, openshell_ops.probe(s->b, &generous, &info, &s->e), ERR_UNSUPPORTED);
    script = arena_printf(s->a, "#!/bin/sh\nexec %s \"$@\"\n", s->p.command);
    scratch_write(s->p.top, "bin/openshell", script, strlen(script), 0755);
    must(s, openshell_ops.probe(s->b, &generous, &info, &s->e));
}

static void argv_is_of_its_release(void **state)
{
    static const char *const words[] = {
        "\"--auto-providers\",\"--no-bootstrap\",\"--no-tty\",\"--\",\"true\"]",
        "\"--no-tty\",\"--\",\"true\"]",
        "\"--no-tty\",\"--\",\"true\"]",
        "\"--no-tty\",\"--detach\",\"--\",\"sleep\",\"infinity\"]",
    };
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        scene_become(s, releases[i]);
        scene_made(s, scene_desire(s, NAME, "remote", NULL));
        assert_true(scene_log_has(s, words[i]));
        assert_true(scene_log_has(s, "[\"--gateway\",\"ct\",\"sandbox\",\"create\",\"--name\",\"" NAME "\",\"--from\",\"base\""));
        assert_true(scene_log_has(s, "\"reconclaw.owner=Sandbox..one\"") == (i > 0));
    }
}

/* --- names --------------------------------------------------------------------------------------------------------------------
 */

static void long_names_are_refused_where_they_are_not_taken(void **state)
{
    struct scene *s = *state;
    struct act_result r;

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct desired *d;

        scene_become(s, releases[i]);
        d = scene_desire(s, "ct-x", "remote", NULL);
        d->name = "openclaw-agent-main-25bffc4d";
        d->kind = RUNTIME_CONTAINER;
        must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
        if (i < 2) {
            must(s, scene_create(s, d, &generous, &r));
            continue;
        }
        must_fail(s, scene_create(s, d, &generous, &r), ERR_CONFIG);
        must_say(s, "name: 'openclaw-agent-main-25bffc4d': it is longer than 19 characters");
        assert_false(scene_log_has(s, "\"create\""));
        node_set(s->a, (struct node *)d->create, "version", node_string(s->a, releases[i]));
        must_fail(s, openshell_ops.check(s->a, d, &d->fields, &s->e), ERR_CONFIG);
    }
}

static void openclaws_own_are_openclaws(void **state)
{
    struct scene *s = *state;
    struct openshell_world w;
    struct observation o;

    for (size_t i = 0; i < N_RELEASES; i++) {
        scene_become(s, releases[i]);
        openshell_world_open(&w, s->a, s->p.world);
        openshell_world_add(&w, "https://127.0.0.1:17670", "openclaw-agent-main-25bffc4d");
        openshell_world_add(&w, "https://127.0.0.1:17670", "oc-0123456789abcdef");
        openshell_world_add(&w, "https://127.0.0.1:17670", "somebody-else");
        openshell_world_add(&w, "https://elsewhere", "oc-fedcba9876543210");
        openshell_world_close(&w);
        o = scene_observe(s, NULL);
        assert_int_equal(o.n, 2);
        for (size_t j = 0; j < o.n; j++) {
            assert_int_equal(o.v[j].ownership, OWN_OPENCLAW);
            assert_int_equal(o.v[j].kind, RUNTIME_CONTAINER);
            assert_null(o.v[j].install);
        }
    }
}

/* --- what fails ---------------------------------------------------------------------------------------------------------------
 */

static void an_expired_login_is_unavailable_and_never_absent(void **state)
{
    struct scene *s = *state;
    struct observation o;
    struct observed one;
    struct observe_req req = {0};

    for (size_t i = 0; i < N_RELEASES; i++) {
        const char *id;

        scene_become(s, releases[i]);
        id = scene_made(s, scene_desire(s, NAME, "remote", NULL));
        openshell_peer_switch(&s->p, "authExpired", "true");
        must_fail(s, openshell_ops.observe(s->b, s->a, &req, &generous, &o, &s->e), ERR_UNAVAILABLE);
        must_say(s, "refuses the credentials");
        must_fail(s, openshell_ops.look(s->b, s->a, id, NAME, &generous, &one, &s->e), ERR_UNAVAILABLE);
        must_fail(s, scene_act(s, STEP_REMOVE, scene_desire(s, NAME, "remote", NULL), id, &generous), ERR_UNAVAILABLE);
        openshell_peer_switch(&s->p, "authExpired", NULL);
        assert_int_equal(scene_look(s, id).state, RUN_RUNNING);
    }
}

static void a_listing_that_fails_is_no_empty_one(void **state)
{
    struct scene *s = *state;
    struct observe_req req = {0};
    struct observation o = {.n = 77};
    struct observed one = {.state = RUN_STATE_COUNT};

    for (size_t i = 0; i < N_RELEASES; i++) {
        const char *id;

        scene_become(s, releases[i]);
        id = scene_made(s, scene_desire(s, NAME, "remote", NULL));
        openshell_peer_switch(&s->p, "fail", "{\"list\": {\"times\": 1, \"text\": \"sandbox not found\"}}");
        must_fail(s, openshell_ops.observe(s->b, s->a, &req, &generous, &o, &s->e), ERR_INTERNAL);
        assert_int_equal(o.n, 77);
        openshell_peer_switch(&s->p, "fail", "{\"list\": {\"times\": 1, \"text\": \"sandbox not found\"}}");
        must_fail(s, openshell_ops.look(s->b, s->a, id, NAME, &generous, &one, &s->e), ERR_INTERNAL);
        assert_int_equal(one.state, RUN_STATE_COUNT);
    }
}

static void one_empty_listing_is_not_believed(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        const char *id;

        scene_become(s, releases[i]);
        id = scene_made(s, scene_desire(s, NAME, "remote", NULL));
        openshell_peer_switch(&s->p, "emptyList", "1");
        assert_int_equal(scene_observe(s, NULL).n, 1);
        openshell_peer_switch(&s->p, "emptyList", "1");
        assert_int_equal(scene_look(s, id).state, RUN_RUNNING);
    }
}

static void a_get_that_says_not_found_is_checked_by_the_list(void **state)
{
    struct scene *s = *state;
    struct observed one = {.state = RUN_STATE_COUNT};

    scene_become(s, "0.0.37"); /* a table has no ids: they come by get */
    scene_made(s, scene_desire(s, NAME, "remote", NULL));
    openshell_peer_switch(&s->p, "fail", "{\"get\": {\"times\": 2, \"text\": \"sandbox not found\"}}");
    must_fail(s, openshell_ops.look(s->b, s->a, NULL, NAME, &generous, &one, &s->e), ERR_INTERNAL);
    assert_int_equal(one.state, RUN_STATE_COUNT);
}

static void pages_are_put_together(void **state)
{
    struct scene *s = *state;
    struct openshell_world w;

    for (size_t i = 1; i < N_RELEASES; i += 2) {
        scene_become(s, releases[i]);
        openshell_world_open(&w, s->a, s->p.world);
        for (int j = 0; j < 1001; j++)
            openshell_world_add(&w, "https://127.0.0.1:17670", arena_printf(s->a, "n%d", j));
        openshell_world_close(&w);
        scene_made(s, scene_desire(s, NAME, "remote", NULL));
        assert_int_equal(scene_observe(s, NULL).n, 1);
    }
}

/* --- phases -------------------------------------------------------------------------------------------------------------------
 */

static void phases_are_told_apart(void **state)
{
    static const struct {
        const char *phase;
        enum run_state state;
    } rows[] = {{"Ready", RUN_RUNNING},        {"Stopped", RUN_STOPPED},  {"Error", RUN_STOPPED},
                {"Provisioning", RUN_UNKNOWN}, {"Deleting", RUN_UNKNOWN}, {"Starting", RUN_UNKNOWN},
                {"Stopping", RUN_UNKNOWN},     {"Unknown", RUN_UNKNOWN},  {"Unspecified", RUN_UNKNOWN},
                {"Hibernating", RUN_UNKNOWN}};
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i += 3) {
        struct desired *d;
        const char *id;

        scene_become(s, releases[i]);
        d = scene_desire(s, NAME, "remote", "example.com");
        id = scene_made(s, d);
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            struct observation o;

            openshell_peer_switch(&s->p, "phases", arena_printf(s->a, "{\"" NAME "\": \"%s\"}", rows[j].phase));
            o = scene_observe(s, d);
            assert_int_equal(o.n, 1);
            assert_string_equal(run_state_name(o.v[0].state), run_state_name(rows[j].state));
            assert_int_equal(scene_look(s, id).state, rows[j].state);
            assert_true(
                text_eq(fields_get(o.v[0].fields, "openshell.phase"), strcmp(rows[j].phase, "Error") == 0 ? "Error" : NULL));
        }
    }
}

static void a_create_waits_until_it_is_ready(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        scene_become(s, releases[i]);
        openshell_peer_switch(&s->p, "provisionPolls", "3");
        scene_made(s, scene_desire(s, NAME, "remote", NULL));
        scene_assert_file(s, "sandbox/a.txt", "first\n");
    }
}

static void a_create_whose_time_runs_out_goes_on_from_there(void **state)
{
    struct scene *s = *state;
    struct act_result r;
    struct call little = {.timeout_ms = 1500};

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct desired *d;
        struct openshell_world w;
        struct node *there;
        const char *id;

        scene_become(s, releases[i]);
        d = scene_desire(s, NAME, "remote", NULL);
        openshell_peer_switch(&s->p, "provisionPolls", "-1");
        must_fail(s, scene_create(s, d, &little, &r), ERR_TIMEOUT);
        there = scene_world_open(s, &w);
        assert_non_null(there);
        id = node_str(node_get(there, "id"));
        assert_string_equal(node_str(node_get(there, "phase")), "Provisioning");
        node_set(s->a, there, "left", node_number(s->a, 1));
        openshell_world_close(&w);
        scene_reopen(s);
        assert_string_equal(scene_made(s, d), id);
        scene_assert_file(s, "sandbox/a.txt", "first\n");
    }
}

static void a_create_that_fails_after_it_was_done_is_done(void **state)
{
    struct scene *s = *state;
    struct act_result r;

    for (size_t i = 0; i < N_RELEASES; i++) {
        scene_become(s, releases[i]);
        openshell_peer_switch(&s->p, "fail", "{\"create\": {\"times\": 1, \"after\": true}}");
        assert_int_equal(scene_look(s, scene_made(s, scene_desire(s, NAME, "remote", NULL))).state, RUN_RUNNING);
        scene_become(s, releases[i]);
        openshell_peer_switch(&s->p, "fail", "{\"create\": {\"times\": 1}}");
        must_fail(s, scene_create(s, scene_desire(s, NAME, "remote", NULL), &generous, &r), ERR_INTERNAL);
        assert_int_equal(scene_look(s, NULL).state, RUN_ABSENT);
    }
}

static void what_openshell_refuses_is_told_by_class(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", NULL);
    struct node *providers = node_array(s->a);
    struct act_result r;

    node_push(s->a, providers, node_string(s->a, "github"));
    node_set(s->a, (struct node *)d->create, "providers", providers);
    scene_rehash(s, d);
    must_fail(s, scene_create(s, d, &generous, &r), ERR_NOT_FOUND);
    must_say(s, "provider 'github' not found");
    d = scene_desire(s, NAME, "remote", "example.com");
    node_set(s->a, (struct node *)d->create, "policyText", node_string(s->a, "version: 1\nprocess: {run_as: root}\n"));
    scene_rehash(s, d);
    must_fail(s, scene_create(s, d, &generous, &r), ERR_CONFIG);
    must_say(s, "unknown field");
    assert_int_equal(scene_look(s, NULL).state, RUN_ABSENT);
}

/* --- removing -----------------------------------------------------------------------------------------------------------------
 */

static void deleting_is_not_absent(void **state)
{
    struct scene *s = *state;
    struct call little = {.timeout_ms = 1000};

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct desired *d;
        const char *id;

        scene_become(s, releases[i]);
        d = scene_desire(s, NAME, "remote", NULL);
        id = scene_made(s, d);
        openshell_peer_switch(&s->p, "deletingPolls", "-1");
        must_fail(s, scene_act(s, STEP_REMOVE, d, id, &little), ERR_TIMEOUT);
        must_say(s, "still Deleting");
        assert_int_equal(scene_look(s, id).state, RUN_UNKNOWN);
        openshell_peer_clean(&s->p);
        id = scene_made(s, d);
        openshell_peer_switch(&s->p, "deletingPolls", "4");
        must(s, scene_act(s, STEP_REMOVE, d, id, &generous));
        assert_int_equal(scene_look(s, id).state, RUN_ABSENT);
        assert_int_equal(scratch_count(s->p.top, "state/openshell"), 0);
    }
}

static void a_delete_that_fails_is_judged_by_what_is_there(void **state)
{
    struct scene *s = *state;
    struct desired *d = scene_desire(s, NAME, "remote", NULL);
    const char *id = scene_made(s, d);

    openshell_peer_switch(&s->p, "fail", "{\"delete\": {\"times\": 1, \"text\": \"sandbox not found\"}}");
    must_fail(s, scene_act(s, STEP_REMOVE, d, id, &generous), ERR_INTERNAL);
    assert_int_equal(scene_look(s, id).state, RUN_RUNNING);
    openshell_peer_switch(&s->p, "fail", "{\"delete\": {\"times\": 1, \"after\": true}}");
    must(s, scene_act(s, STEP_REMOVE, d, id, &generous));
    assert_int_equal(scene_look(s, id).state, RUN_ABSENT);
}

static void options_are_checked(void **state)
{
    struct scene *s = *state;
    struct backend_conf conf;
    struct backend *b = NULL;

    openshell_peer_conf(&s->p, s->a, &conf);
    node_set(s->a, (struct node *)conf.options, "command", node_string(s->a, "openshell"));
    must_fail(s, openshell_ops.open(&conf, &b, &s->e), ERR_CONFIG);
    openshell_peer_conf(&s->p, s->a, &conf);
    node_set(s->a, (struct node *)conf.options, "shell", node_string(s->a, "/bin/sh"));
    must_fail(s, openshell_ops.open(&conf, &b, &s->e), ERR_CONFIG);
    openshell_peer_conf(&s->p, s->a, &conf);
    conf.address = "-x";
    must_fail(s, openshell_ops.open(&conf, &b, &s->e), ERR_CONFIG);
    assert_null(b);
}

static void addresses_become_flags(void **state)
{
    static const struct {
        const char *address, *argv;
    } rows[] = {
        {"ct", "[\"--gateway\",\"ct\",\"status\""},
        {"https://127.0.0.1:17670", "[\"--gateway-endpoint\",\"https://127.0.0.1:17670\",\"status\""},
        {"ct@https://127.0.0.1:17670", "[\"--gateway\",\"ct\",\"--gateway-endpoint\",\"https://127.0.0.1:17670\",\"status\""},
        {"ct#w", "[\"--gateway\",\"ct\",\"--workspace\",\"w\",\"status\""},
    };
    struct scene *s = *state;
    struct backend_conf conf;
    struct backend_info info;
    struct backend *b;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        openshell_peer_conf(&s->p, s->a, &conf);
        conf.address = rows[i].address;
        must(s, openshell_ops.open(&conf, &b, &s->e));
        must(s, openshell_ops.probe(b, &generous, &info, &s->e));
        openshell_ops.close(b);
        assert_true(scene_log_has(s, rows[i].argv));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(npm_is_refused_and_never_run),
        TEST(what_is_no_openshell_is_told),
        TEST(a_newer_release_is_driven_as_the_newest_known),
        TEST(a_release_that_changes_under_us_is_seen),
        TEST(argv_is_of_its_release),
        TEST(long_names_are_refused_where_they_are_not_taken),
        TEST(openclaws_own_are_openclaws),
        TEST(an_expired_login_is_unavailable_and_never_absent),
        TEST(a_listing_that_fails_is_no_empty_one),
        TEST(one_empty_listing_is_not_believed),
        TEST(a_get_that_says_not_found_is_checked_by_the_list),
        TEST(pages_are_put_together),
        TEST(phases_are_told_apart),
        TEST(a_create_waits_until_it_is_ready),
        TEST(a_create_whose_time_runs_out_goes_on_from_there),
        TEST(a_create_that_fails_after_it_was_done_is_done),
        TEST(what_openshell_refuses_is_told_by_class),
        TEST(deleting_is_not_absent),
        TEST(a_delete_that_fails_is_judged_by_what_is_there),
        TEST(options_are_checked),
        TEST(addresses_become_flags),
    };

    return cmocka_run_group_tests_name("openshell: faults", tests, NULL, NULL);
}
