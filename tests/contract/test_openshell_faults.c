/* What the contract suite cannot ask of every backend: OpenShell's phases, its ways to fail, seeds, policies, lost records. On
 * the stand-in, with each of its switches. */
#include "backends/openshell.h"
#include "tests/lib/openshell_peer.h"
#include "tests/lib/openshell_world.h"
#include "tests/lib/scratch.h"

#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/manifest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALL "0123456789abcdef"
#define NAME    "ct-one"

static const char *const releases[] = {"0.0.36", "0.0.37", "0.0.88", "0.0.111"};
#define N_RELEASES (sizeof releases / sizeof *releases)

struct scene {
    struct openshell_peer p;
    struct arena *a;
    struct backend *b;
    struct err e;
};

static const struct call generous = {.timeout_ms = 60000};

#define must(s, call)                                                                                                            \
    do {                                                                                                                         \
        if ((call) < 0)                                                                                                          \
            fail_msg("%s: %s: %s", #call, err_class_name((s)->e.class), (s)->e.msg);                                             \
    } while (0)

#define must_fail(s, call, wanted)                                                                                               \
    do {                                                                                                                         \
        if ((call) >= 0)                                                                                                         \
            fail_msg("%s: went well", #call);                                                                                    \
        if ((s)->e.class != (wanted))                                                                                            \
            fail_msg("%s: %s is wanted: %s: %s", #call, err_class_name(wanted), err_class_name((s)->e.class), (s)->e.msg);       \
    } while (0)

#define must_say(s, words)                                                                                                       \
    do {                                                                                                                         \
        if (strstr((s)->e.msg, words) == NULL)                                                                                   \
            fail_msg("'%s' is not in: %s", words, (s)->e.msg);                                                                   \
    } while (0)

static void reopen(struct scene *s)
{
    struct backend_conf conf;

    openshell_ops.close(s->b);
    s->b = NULL;
    openshell_peer_conf(&s->p, s->a, &conf);
    conf.install = INSTALL;
    must(s, openshell_ops.open(&conf, &s->b, &s->e));
}

static void become(struct scene *s, const char *release)
{
    char json[64];

    openshell_peer_clean(&s->p);
    (void)snprintf(json, sizeof json, "\"%s\"", release);
    openshell_peer_switch(&s->p, "version", json);
    reopen(s);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    if (s == NULL)
        return -1;
    openshell_peer_start(&s->p, "0.0.111");
    s->a = arena_new();
    reopen(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    openshell_ops.close(s->b);
    arena_free(s->a);
    openshell_peer_stop(&s->p);
    free(s);
    return 0;
}

static void rehash(struct scene *s, struct desired *d)
{
    const char *json = node_json(s->a, d->create);

    d->config_hash = digest_sha256(s->a, json, strlen(json));
    must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
}

/* host: of the policy's one rule; NULL: no policy. */
static struct desired *desire(struct scene *s, const char *name, const char *mode, const char *host)
{
    struct desired *d = ARENA_NEW(s->a, struct desired);
    struct node *create = node_object(s->a), *dirs = node_array(s->a), *dir = node_object(s->a);

    node_set(s->a, create, "from", node_string(s->a, "base"));
    node_set(s->a, create, "mode", node_string(s->a, mode));
    if (host != NULL)
        node_set(s->a, create, "policyText",
                 node_printf(s->a,
                             "version: 1\nfilesystem_policy: {read_only: [/opt]}\nlandlock: {compatibility: best_effort}\n"
                             "network_policies: {web: {endpoints: [{host: %s, port: 443}]}}\n",
                             host));
    node_set(s->a, dir, "name", node_string(s->a, "workspace"));
    node_set(s->a, dir, "local", node_string(s->a, s->p.seed));
    node_push(s->a, dirs, dir);
    node_set(s->a, create, "dirs", dirs);
    *d = (struct desired){.endpoint = OPENSHELL_PEER_ENDPOINT,
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = "Sandbox/one",
                          .install = INSTALL,
                          .want = WANT_RUNNING,
                          .backend_id = "openshell",
                          .create = create};
    rehash(s, d);
    return d;
}

static int create_in(struct scene *s, const struct desired *d, const struct call *c, struct act_result *ret)
{
    return openshell_ops.apply(
        s->b, s->a, &(struct backend_act){.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000123}, c,
        ret, &s->e);
}

static const char *made(struct scene *s, const struct desired *d)
{
    struct act_result r = {0};

    must(s, create_in(s, d, &generous, &r));
    assert_non_null(r.id);
    return r.id;
}

static int act(struct scene *s, enum step step, const struct desired *d, const char *id, const struct call *c)
{
    struct act_result r;

    return openshell_ops.apply(s->b, s->a, &(struct backend_act){.step = step, .want = d, .name = d->name, .id = id}, c, &r,
                               &s->e);
}

static struct observed look(struct scene *s, const char *id)
{
    struct observed o = {0};

    must(s, openshell_ops.look(s->b, s->a, id, NAME, &generous, &o, &s->e));
    return o;
}

static struct observation observe(struct scene *s, const struct desired *d)
{
    struct observe_req req = {.desired = d, .n_desired = d != NULL};
    struct observation o = {0};

    must(s, openshell_ops.observe(s->b, s->a, &req, &generous, &o, &s->e));
    return o;
}

static bool log_has(const struct scene *s, const char *words)
{
    char *log = openshell_peer_log(&s->p);
    bool has = strstr(log, words) != NULL;

    free(log);
    return has;
}

static void assert_file(const struct scene *s, const char *path, const char *text)
{
    char *have = openshell_peer_file(&s->p, NAME, path);

    if (text == NULL ? have != NULL : have == NULL || strcmp(have, text) != 0)
        fail_msg("%s: '%s' is there, '%s' is wanted", path, have != NULL ? have : "(nothing)", text != NULL ? text : "(nothing)");
    free(have);
}

/* What tests change behind the driver's back. */
static struct node *world_open(struct scene *s, struct openshell_world *w)
{
    int i;

    openshell_world_open(w, s->a, s->p.world);
    i = openshell_world_find(w, NULL, NAME);
    return i >= 0 ? openshell_world_at(w, i) : NULL;
}

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

    become(s, "0.0.140");
    must(s, openshell_ops.probe(s->b, &generous, &info, &s->e));
    assert_string_equal(info.version, "0.0.140");
    assert_non_null(strstr(info.remark, "driven as 0.0.111"));
    made(s, desire(s, NAME, "remote", NULL));
    assert_true(log_has(s, "\"--detach\",\"--\",\"sleep\",\"infinity\""));
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
        become(s, releases[i]);
        made(s, desire(s, NAME, "remote", NULL));
        assert_true(log_has(s, words[i]));
        assert_true(log_has(s, "[\"--gateway\",\"ct\",\"sandbox\",\"create\",\"--name\",\"" NAME "\",\"--from\",\"base\""));
        assert_true(log_has(s, "\"reconclaw.owner=Sandbox..one\"") == (i > 0));
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

        become(s, releases[i]);
        d = desire(s, "ct-x", "remote", NULL);
        d->name = "openclaw-agent-main-25bffc4d";
        d->kind = RUNTIME_CONTAINER;
        must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
        if (i < 2) {
            must(s, create_in(s, d, &generous, &r));
            continue;
        }
        must_fail(s, create_in(s, d, &generous, &r), ERR_CONFIG);
        must_say(s, "name: 'openclaw-agent-main-25bffc4d': it is longer than 19 characters");
        assert_false(log_has(s, "\"create\""));
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
        become(s, releases[i]);
        openshell_world_open(&w, s->a, s->p.world);
        openshell_world_add(&w, "https://127.0.0.1:17670", "openclaw-agent-main-25bffc4d");
        openshell_world_add(&w, "https://127.0.0.1:17670", "oc-0123456789abcdef");
        openshell_world_add(&w, "https://127.0.0.1:17670", "somebody-else");
        openshell_world_add(&w, "https://elsewhere", "oc-fedcba9876543210");
        openshell_world_close(&w);
        o = observe(s, NULL);
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

        become(s, releases[i]);
        id = made(s, desire(s, NAME, "remote", NULL));
        openshell_peer_switch(&s->p, "authExpired", "true");
        must_fail(s, openshell_ops.observe(s->b, s->a, &req, &generous, &o, &s->e), ERR_UNAVAILABLE);
        must_say(s, "refuses the credentials");
        must_fail(s, openshell_ops.look(s->b, s->a, id, NAME, &generous, &one, &s->e), ERR_UNAVAILABLE);
        must_fail(s, act(s, STEP_REMOVE, desire(s, NAME, "remote", NULL), id, &generous), ERR_UNAVAILABLE);
        openshell_peer_switch(&s->p, "authExpired", NULL);
        assert_int_equal(look(s, id).state, RUN_RUNNING);
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

        become(s, releases[i]);
        id = made(s, desire(s, NAME, "remote", NULL));
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

        become(s, releases[i]);
        id = made(s, desire(s, NAME, "remote", NULL));
        openshell_peer_switch(&s->p, "emptyList", "1");
        assert_int_equal(observe(s, NULL).n, 1);
        openshell_peer_switch(&s->p, "emptyList", "1");
        assert_int_equal(look(s, id).state, RUN_RUNNING);
    }
}

static void a_get_that_says_not_found_is_checked_by_the_list(void **state)
{
    struct scene *s = *state;
    struct observed one = {.state = RUN_STATE_COUNT};

    become(s, "0.0.37"); /* a table has no ids: they come by get */
    made(s, desire(s, NAME, "remote", NULL));
    openshell_peer_switch(&s->p, "fail", "{\"get\": {\"times\": 2, \"text\": \"sandbox not found\"}}");
    must_fail(s, openshell_ops.look(s->b, s->a, NULL, NAME, &generous, &one, &s->e), ERR_INTERNAL);
    assert_int_equal(one.state, RUN_STATE_COUNT);
}

static void pages_are_put_together(void **state)
{
    struct scene *s = *state;
    struct openshell_world w;

    for (size_t i = 1; i < N_RELEASES; i += 2) {
        become(s, releases[i]);
        openshell_world_open(&w, s->a, s->p.world);
        for (int j = 0; j < 1001; j++)
            openshell_world_add(&w, "https://127.0.0.1:17670", arena_printf(s->a, "n%d", j));
        openshell_world_close(&w);
        made(s, desire(s, NAME, "remote", NULL));
        assert_int_equal(observe(s, NULL).n, 1);
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

        become(s, releases[i]);
        d = desire(s, NAME, "remote", "example.com");
        id = made(s, d);
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            struct observation o;

            openshell_peer_switch(&s->p, "phases", arena_printf(s->a, "{\"" NAME "\": \"%s\"}", rows[j].phase));
            o = observe(s, d);
            assert_int_equal(o.n, 1);
            assert_string_equal(run_state_name(o.v[0].state), run_state_name(rows[j].state));
            assert_int_equal(look(s, id).state, rows[j].state);
            assert_true(
                text_eq(fields_get(o.v[0].fields, "openshell.phase"), strcmp(rows[j].phase, "Error") == 0 ? "Error" : NULL));
        }
    }
}

static void a_create_waits_until_it_is_ready(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        become(s, releases[i]);
        openshell_peer_switch(&s->p, "provisionPolls", "3");
        made(s, desire(s, NAME, "remote", NULL));
        assert_file(s, "sandbox/a.txt", "first\n");
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

        become(s, releases[i]);
        d = desire(s, NAME, "remote", NULL);
        openshell_peer_switch(&s->p, "provisionPolls", "-1");
        must_fail(s, create_in(s, d, &little, &r), ERR_TIMEOUT);
        there = world_open(s, &w);
        assert_non_null(there);
        id = node_str(node_get(there, "id"));
        assert_string_equal(node_str(node_get(there, "phase")), "Provisioning");
        node_set(s->a, there, "left", node_number(s->a, 1));
        openshell_world_close(&w);
        reopen(s);
        assert_string_equal(made(s, d), id);
        assert_file(s, "sandbox/a.txt", "first\n");
    }
}

static void a_create_that_fails_after_it_was_done_is_done(void **state)
{
    struct scene *s = *state;
    struct act_result r;

    for (size_t i = 0; i < N_RELEASES; i++) {
        become(s, releases[i]);
        openshell_peer_switch(&s->p, "fail", "{\"create\": {\"times\": 1, \"after\": true}}");
        assert_int_equal(look(s, made(s, desire(s, NAME, "remote", NULL))).state, RUN_RUNNING);
        become(s, releases[i]);
        openshell_peer_switch(&s->p, "fail", "{\"create\": {\"times\": 1}}");
        must_fail(s, create_in(s, desire(s, NAME, "remote", NULL), &generous, &r), ERR_INTERNAL);
        assert_int_equal(look(s, NULL).state, RUN_ABSENT);
    }
}

static void what_openshell_refuses_is_told_by_class(void **state)
{
    struct scene *s = *state;
    struct desired *d = desire(s, NAME, "remote", NULL);
    struct node *providers = node_array(s->a);
    struct act_result r;

    node_push(s->a, providers, node_string(s->a, "github"));
    node_set(s->a, (struct node *)d->create, "providers", providers);
    rehash(s, d);
    must_fail(s, create_in(s, d, &generous, &r), ERR_NOT_FOUND);
    must_say(s, "provider 'github' not found");
    d = desire(s, NAME, "remote", "example.com");
    node_set(s->a, (struct node *)d->create, "policyText", node_string(s->a, "version: 1\nprocess: {run_as: root}\n"));
    rehash(s, d);
    must_fail(s, create_in(s, d, &generous, &r), ERR_CONFIG);
    must_say(s, "unknown field");
    assert_int_equal(look(s, NULL).state, RUN_ABSENT);
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

        become(s, releases[i]);
        d = desire(s, NAME, "remote", NULL);
        id = made(s, d);
        openshell_peer_switch(&s->p, "deletingPolls", "-1");
        must_fail(s, act(s, STEP_REMOVE, d, id, &little), ERR_TIMEOUT);
        must_say(s, "still Deleting");
        assert_int_equal(look(s, id).state, RUN_UNKNOWN);
        openshell_peer_clean(&s->p);
        id = made(s, d);
        openshell_peer_switch(&s->p, "deletingPolls", "4");
        must(s, act(s, STEP_REMOVE, d, id, &generous));
        assert_int_equal(look(s, id).state, RUN_ABSENT);
        assert_int_equal(scratch_count(s->p.top, "state/openshell"), 0);
    }
}

static void a_delete_that_fails_is_judged_by_what_is_there(void **state)
{
    struct scene *s = *state;
    struct desired *d = desire(s, NAME, "remote", NULL);
    const char *id = made(s, d);

    openshell_peer_switch(&s->p, "fail", "{\"delete\": {\"times\": 1, \"text\": \"sandbox not found\"}}");
    must_fail(s, act(s, STEP_REMOVE, d, id, &generous), ERR_INTERNAL);
    assert_int_equal(look(s, id).state, RUN_RUNNING);
    openshell_peer_switch(&s->p, "fail", "{\"delete\": {\"times\": 1, \"after\": true}}");
    must(s, act(s, STEP_REMOVE, d, id, &generous));
    assert_int_equal(look(s, id).state, RUN_ABSENT);
}

/* --- seeds --------------------------------------------------------------------------------------------------------------------
 */

static void a_seed_is_whole_and_its_manifest_says_what_it_is(void **state)
{
    struct scene *s = *state;

    for (size_t i = 0; i < N_RELEASES; i++) {
        struct openshell_world w;
        struct manifest m;
        struct stat st;
        char *text, link[64];
        ssize_t n;

        become(s, releases[i]);
        made(s, desire(s, NAME, "remote", NULL));
        assert_file(s, "sandbox/a.txt", "first\n");
        assert_file(s, "sandbox/.hidden/b", "second\n");
        assert_non_null(world_open(s, &w));
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
        assert_true(log_has(s, "\"upload\",\"--no-git-ignore\""));
        assert_false(log_has(s, "first"));
        assert_false(log_has(s, "publish"));
    }
}

static int leftovers(struct scene *s)
{
    struct openshell_world w;
    int n;

    assert_non_null(world_open(s, &w));
    n = scratch_count(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox"), ".");
    openshell_world_close(&w);
    return n;
}

static void nothing_is_left_of_the_way_there(void **state)
{
    struct scene *s = *state;

    made(s, desire(s, NAME, "remote", NULL));
    assert_int_equal(leftovers(s), 5); /* .hidden a.txt run link .reconclaw */
    assert_int_equal(scratch_count(s->p.top, "state/openshell"), 1);
}

static void a_link_that_leads_outside_is_refused_before_anything_is_made(void **state)
{
    struct scene *s = *state;
    struct act_result r;

    scratch_symlink(s->p.top, "seed/escape", "/etc/passwd");
    must_fail(s, create_in(s, desire(s, NAME, "remote", NULL), &generous, &r), ERR_INPUT);
    must_say(s, "escape");
    assert_false(log_has(s, "\"create\""));
    scratch_clear(s->p.top, "seed");
    must_fail(s, create_in(s, desire(s, NAME, "remote", NULL), &generous, &r), ERR_IO);
    assert_false(log_has(s, "\"create\""));
}

static void half_a_seed_is_begun_again_and_nothing_is_lost(void **state)
{
    static const char *const faults[] = {
        "{\"upload\": {\"times\": 1}}",
        "{\"upload\": {\"times\": 1, \"after\": true}}",
        "{\"exec\": {\"times\": 1}}",
    };
    struct scene *s = *state;
    struct act_result r;

    for (size_t i = 0; i < N_RELEASES; i++)
        for (size_t j = 0; j < sizeof faults / sizeof *faults; j++) {
            struct desired *d;
            struct openshell_world w;
            const char *id;

            become(s, releases[i]);
            d = desire(s, NAME, "remote", NULL);
            openshell_peer_switch(&s->p, "fail", faults[j]);
            must_fail(s, create_in(s, d, &generous, &r), ERR_INTERNAL);
            assert_file(s, "sandbox/.reconclaw/manifest", NULL);
            assert_file(s, "sandbox/a.txt", NULL);
            id = node_str(node_get(world_open(s, &w), "id"));
            scratch_write_text(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox"), "a.txt", "somebody's");
            openshell_world_close(&w);
            assert_string_equal(made(s, d), id);
            assert_file(s, "sandbox/a.txt", "first\n");
            assert_string_equal(made(s, d), id);
            /* .hidden a.txt run link .reconclaw, and .reconclaw-replaced-<id> with somebody's */
            assert_int_equal(leftovers(s), 6);
        }
}

static void what_is_seeded_is_never_seeded_again(void **state)
{
    struct scene *s = *state;
    struct desired *d = desire(s, NAME, "remote", NULL);
    const char *id = made(s, d);
    struct openshell_world w;

    world_open(s, &w);
    scratch_write_text(openshell_world_path(&w, openshell_world_at(&w, 0), "sandbox"), "a.txt", "changed there");
    openshell_world_close(&w);
    assert_string_equal(made(s, d), id);
    assert_file(s, "sandbox/a.txt", "changed there");
}

static void mirror_is_left_to_openclaw(void **state)
{
    struct scene *s = *state;

    made(s, desire(s, NAME, "mirror", NULL));
    assert_file(s, "sandbox/a.txt", NULL);
    assert_false(log_has(s, "\"upload\""));
    assert_false(log_has(s, "\"exec\""));
}

static void a_setup_that_was_cut_is_not_taken_for_done(void **state)
{
    struct scene *s = *state;
    struct desired *d = desire(s, NAME, "remote", NULL);
    struct act_result r = {0};
    struct call little = {.timeout_ms = 2500};
    const char *id;

    d->setup = "echo once >>/sandbox/setup\nsleep 30";
    must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
    must_fail(s, create_in(s, d, &little, &r), ERR_TIMEOUT);
    id = look(s, NULL).id;
    d->setup = "echo once >>/sandbox/setup";
    must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
    assert_string_not_equal(made(s, d), id);
    assert_file(s, "sandbox/setup", "once\n");
    assert_false(log_has(s, "echo once"));
}

/* --- policies -----------------------------------------------------------------------------------------------------------------
 */

static int patch(struct scene *s, const struct desired *d, const char *id)
{
    return act(s, STEP_PATCH, d, id, &(struct call){.timeout_ms = 20000});
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

        become(s, releases[i]);
        d = desire(s, NAME, "remote", "example.com");
        d2 = desire(s, NAME, "remote", "example.org");
        id = made(s, d);
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            openshell_peer_switch(&s->p, "policyWait", arena_printf(s->a, "\"%s\"", rows[j].then));
            must_fail(s, patch(s, d2, id), rows[j].class);
            assert_string_equal(look(s, id).config_hash, d->config_hash);
        }
        openshell_peer_switch(&s->p, "policyWait", NULL);
        must(s, patch(s, d2, id));
        assert_string_equal(look(s, id).config_hash, d2->config_hash);
        assert_true(log_has(s, "\"--wait\""));
    }
}

static void the_static_part_is_not_patched(void **state)
{
    struct scene *s = *state;
    struct desired *d = desire(s, NAME, "remote", "example.com"), *d2 = desire(s, NAME, "remote", "example.com");
    const char *id = made(s, d);
    struct field_change *ch;
    struct openshell_world w;
    struct node *fs;

    node_set(s->a, (struct node *)d2->create, "policyText",
             node_string(s->a, "version: 1\nfilesystem_policy: {read_only: [/srv]}\nlandlock: {compatibility: best_effort}\n"
                               "network_policies: {web: {endpoints: [{host: example.com, port: 443}]}}\n"));
    rehash(s, d2);
    assert_int_equal(fields_diff(s->a, d2->fields, look(s, id).fields, &ch), 1);
    assert_string_equal(ch[0].name, "openshell.policy.filesystem_policy");
    assert_int_equal(ch[0].class, FIELD_RECREATE);
    must_fail(s, patch(s, d2, id), ERR_REFUSED);
    /* More paths than were asked for are no difference, fewer are. */
    assert_int_equal(fields_diff(s->a, d->fields, look(s, id).fields, &ch), 0);
    fs = node_path(world_open(s, &w), "policy", "filesystem_policy", NULL);
    node_set(s->a, fs, "read_only", node_array(s->a));
    openshell_world_close(&w);
    assert_int_equal(fields_diff(s->a, d->fields, look(s, id).fields, &ch), 1);
    assert_int_equal(ch[0].class, FIELD_RECREATE);
}

static void rules_of_providers_are_no_difference(void **state)
{
    struct scene *s = *state;
    struct desired *d = desire(s, NAME, "remote", "example.com");
    struct node *providers = node_array(s->a);
    struct field_change *ch;

    openshell_peer_switch(&s->p, "providers", "[\"github\"]");
    node_push(s->a, providers, node_string(s->a, "github"));
    node_set(s->a, (struct node *)d->create, "providers", providers);
    rehash(s, d);
    assert_int_equal(fields_diff(s->a, d->fields, look(s, made(s, d)).fields, &ch), 0);
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

        become(s, releases[i]);
        d = desire(s, NAME, "remote", "example.com");
        id = made(s, d);
        scratch_clear(s->p.top, "state/openshell");
        o = observe(s, d);
        assert_int_equal(o.n, 1);
        if (i == 0) { /* no labels: nothing says that it is ours, so it is let be */
            assert_int_equal(o.v[0].ownership, OWN_FOREIGN);
            must_fail(s, create_in(s, d, &generous, &r), ERR_CONFLICT);
            continue;
        }
        assert_int_equal(o.v[0].ownership, OWN_OURS);
        assert_string_equal(o.v[0].owner, d->owner);
        assert_string_equal(o.v[0].config_hash, d->config_hash);
        assert_true(o.v[0].created_at_ms == 1700000000123);
        assert_true(o.v[0].fields_known);
        assert_string_equal(made(s, d), id);
    }
}

static void a_record_of_another_id_proves_nothing(void **state)
{
    struct scene *s = *state;
    struct desired *d = desire(s, NAME, "remote", NULL);
    struct openshell_world w;
    struct observation o;

    become(s, "0.0.36");
    made(s, d);
    world_open(s, &w);
    openshell_world_drop(&w, 0);
    openshell_world_add(&w, "https://127.0.0.1:17670", NAME);
    openshell_world_close(&w);
    o = observe(s, d);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].ownership, OWN_FOREIGN);
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
        assert_true(log_has(s, rows[i].argv));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
        TEST(a_seed_is_whole_and_its_manifest_says_what_it_is),
        TEST(nothing_is_left_of_the_way_there),
        TEST(a_link_that_leads_outside_is_refused_before_anything_is_made),
        TEST(half_a_seed_is_begun_again_and_nothing_is_lost),
        TEST(what_is_seeded_is_never_seeded_again),
        TEST(mirror_is_left_to_openclaw),
        TEST(a_setup_that_was_cut_is_not_taken_for_done),
        TEST(what_becomes_of_a_policy_is_told),
        TEST(the_static_part_is_not_patched),
        TEST(rules_of_providers_are_no_difference),
        TEST(a_lost_record_costs_no_more_than_it_must),
        TEST(a_record_of_another_id_proves_nothing),
        TEST(options_are_checked),
        TEST(addresses_become_flags),
    };

    return cmocka_run_group_tests_name("openshell: faults", tests, NULL, NULL);
}
