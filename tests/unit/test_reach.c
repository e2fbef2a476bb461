/* How hosts are reached: which settings in which order, what is recorded of them, and which handles are kept. No host is spoken
 * to. */
#include "reconciler/reach.h"

#include "backends/ssh.h"
#include "spec/base/text.h"
#include "spec/read/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOST   "ssh:u@h:22"
#define CREATE "{\"root\":\"/srv/a\",\"workspaceRoot\":\"/srv\",\"connection\":{\"user\":\"u\",\"host\":\"h\",\"port\":22"

struct rig {
    struct arena *a;
    struct reach *reach;
    struct host host;
};

static int begin(void **state)
{
    static struct rig rig;

    rig = (struct rig){.a = arena_new(), .reach = reach_new(), .host = {.user = "me"}};
    *state = &rig;
    return 0;
}

static int end(void **state)
{
    struct rig *r = *state;

    reach_free(r->reach);
    arena_free(r->a);
    return 0;
}

static struct node *json(struct rig *r, const char *text)
{
    struct err e = {0};
    struct node *n = json_read_err(r->a, "t", text, strlen(text), &e);

    if (!n)
        fail_msg("%s: %s", text, e.msg);
    return n;
}

static struct desired want(struct rig *r, const char *more)
{
    return (struct desired){.endpoint = HOST, .name = "a", .create = json(r, arena_printf(r->a, CREATE "%s}}", more))};
}

static const char *options(struct rig *r, const char *endpoint)
{
    BUF_AUTO b = BUF_INIT(65536);
    const struct node *n = reach_options(r->reach, r->a, endpoint);

    if (!n)
        return NULL;
    node_emit(&b, n, 0, 0);
    return arena_strdup(r->a, buf_str(&b));
}

static void settings_of_one_host_are_each_there_once_and_in_one_order(void **state)
{
    struct rig *r = *state;
    struct desired d[] = {want(r, ",\"strictHostKeyChecking\":false"), want(r, ",\"identityFile\":\"/i\""), want(r, ""),
                          want(r, ",\"identityFile\":\"/i\"")};
    struct desired turned[] = {d[2], d[1], d[0]};
    const struct record rec = {.endpoint = HOST,
                               .backend_target = json(r, "{\"root\":\"/old/a\",\"connection\":{\"user\":\"u\",\"host\":\"h\","
                                                         "\"port\":22,\"identityFile\":\"/before\"}}")};
    const char *one, *other;

    reach_set(r->reach, &r->host, d, 4, &rec, 1);
    one = options(r, HOST);
    reach_set(r->reach, &r->host, turned, 3, &rec, 1);
    other = options(r, HOST);
    assert_string_equal(one, other);
    const struct node *v = node_get(reach_options(r->reach, r->a, HOST), "connections");
    assert_int_equal(v->n_items, 4);
    assert_false(node_get(v->items[2], "strictHostKeyChecking")->b);
    assert_string_equal(node_str(node_get(v->items[3], "identityFile")), "/before");
    assert_non_null(strstr(one, "\"/old\""));
    assert_non_null(strstr(one, "\"/srv\""));
}

static void the_agent_of_today_is_used_where_none_is_named(void **state)
{
    struct rig *r = *state;
    struct desired d = want(r, ",\"identityFile\":\"/i\"");

    r->host.env = json(r, "{\"SSH_AUTH_SOCK\":\"/run/agent\"}");
    reach_set(r->reach, &r->host, &d, 1, NULL, 0);
    const struct node *v = node_get(reach_options(r->reach, r->a, HOST), "connections");
    assert_string_equal(node_str(node_get(v->items[0], "agentSocket")), "/run/agent");
    /* and is no reason to take what was recorded for something else */
    const struct record rec = {.endpoint = HOST, .backend_target = reach_place(r->a, &d)};
    reach_set(r->reach, &r->host, &d, 1, &rec, 1);
    assert_int_equal(node_get(reach_options(r->reach, r->a, HOST), "connections")->n_items, 1);
}

static void what_is_recorded_holds_no_secret(void **state)
{
    struct rig *r = *state;
    struct desired d = want(r, ",\"identityData\":\"KEY\",\"certificateData\":\"CERT\",\"knownHostsData\":\"HOSTS\","
                               "\"agentSocket\":\"/s\",\"identityFile\":\"/i\"");
    BUF_AUTO b = BUF_INIT(65536);

    node_get(node_get(d.create, "connection"), "identityData")->secret = true;
    node_emit(&b, reach_place(r->a, &d), 0, 0);
    assert_string_equal(buf_str(&b),
                        "{\"root\":\"/srv/a\",\"workspaceRoot\":\"/srv\",\"connection\":{\"user\":\"u\",\"host\":\"h\","
                        "\"port\":22,\"identityFile\":\"/i\"}}");
    d.endpoint = "docker";
    assert_null(reach_place(r->a, &d));
}

static void a_name_alone_tells_how_a_host_is_reached(void **state)
{
    struct rig *r = *state;
    const struct record recs[] = {
        {.endpoint = "ssh:u@h:2200"}, {.endpoint = "ssh://u@alias"}, {.endpoint = "ssh://[fe80::1]:22"}};

    reach_set(r->reach, &r->host, NULL, 0, recs, 3);
    static const char *const said[][2] = {
        {"ssh:u@h:2200", "{\"user\":\"u\",\"host\":\"h\",\"port\":2200,\"userConfig\":false,\"strictHostKeyChecking\":true,"},
        {"ssh://u@alias", "{\"user\":\"u\",\"host\":\"alias\",\"userConfig\":true,\"strictHostKeyChecking\":true,"},
        {"ssh://[fe80::1]:22", "{\"host\":\"fe80::1\",\"port\":22,\"userConfig\":true,"},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!options(r, said[i][0]) || !strstr(options(r, said[i][0]), said[i][1]))
            fail_msg("%s: %s", said[i][0], options(r, said[i][0]));
    assert_null(options(r, "ssh://other"));
}

static struct backend *get(struct rig *r)
{
    const struct backend_conf conf = {.endpoint = HOST, .install = "i"};
    struct backend *b = NULL;
    struct err e = {0};

    if (reach_open(r->reach, &ssh_ops, &conf, &b, &e) < 0)
        fail_msg("%s", e.msg);
    return b;
}

static void one_session_of_a_host_is_kept(void **state)
{
    struct rig *r = *state;
    struct desired d = want(r, "");

    reach_set(r->reach, &r->host, &d, 1, NULL, 0);
    struct backend *one = get(r), *two = get(r);
    assert_ptr_not_equal(one, two); /* each is for one thread */
    reach_close(r->reach, one);
    reach_close(r->reach, two);
    assert_ptr_equal(get(r), one);
    reach_close(r->reach, one);
    /* The next round, with the same settings: also where something else is wanted there. */
    struct desired more[] = {d, d};
    reach_set(r->reach, &r->host, more, 2, NULL, 0);
    assert_ptr_equal(get(r), one);
    reach_close(r->reach, one);
}

static void a_session_ends_with_its_settings(void **state)
{
    struct rig *r = *state;
    struct desired d = want(r, ""), other = want(r, ",\"identityData\":\"KEY\"");
    const struct backend_conf conf = {.endpoint = HOST};
    struct backend *b, *used;
    struct err e = {0};

    reach_set(r->reach, &r->host, &d, 1, NULL, 0);
    used = get(r);
    b = get(r);
    reach_close(r->reach, b);
    reach_set(r->reach, &r->host, &other, 1, NULL, 0); /* ends b, which address sanitizers would see in use, and not `used` */
    assert_string_equal(ssh_backend_host_key(used), "");
    reach_close(r->reach, used);
    b = get(r);
    reach_close(r->reach, b);
    assert_ptr_equal(get(r), b);
    reach_close(r->reach, b);
    reach_set(r->reach, &r->host, NULL, 0, NULL, 0);
    assert_int_equal(reach_open(r->reach, &ssh_ops, &conf, &b, &e), -1);
    assert_int_equal(e.class, ERR_CONFIG);
    reach_close(r->reach, NULL);
}

/* A secret stands in no record: where a runtime moves away from, its owner is let in as where it moves to. */
static void an_old_place_is_reached_as_the_new_one(void **state)
{
    struct rig *r = *state;
    struct desired d = want(r, ",\"identityData\":\"KEY\"");
    const struct record rec = {
        .endpoint = "ssh:v@old:2200",
        .name = "a",
        .moved_to = HOST,
        .backend_target = json(r, "{\"root\":\"/old/a\",\"left\":[\"/older/a\"],\"connection\":{\"user\":\"v\",\"host\":\"old\","
                                  "\"port\":2200,\"strictHostKeyChecking\":true}}")};

    reach_set(r->reach, &r->host, &d, 1, &rec, 1);
    assert_string_equal(options(r, "ssh:v@old:2200"),
                        "{\"connections\":["
                        "{\"identityData\":\"KEY\",\"user\":\"v\",\"host\":\"old\",\"port\":2200},"
                        "{\"user\":\"v\",\"host\":\"old\",\"port\":2200,\"strictHostKeyChecking\":true}],"
                        "\"workspaceRoots\":[\"/old\",\"/older\"]}");
    assert_null(strstr(options(r, HOST), "old"));
}

static void roots_that_were_left_are_told_until_they_are_gone(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *place, *before, *gone, *want;
    } rows[] = {
        {"{\"root\":\"/b/a\"}", NULL, NULL, "{\"root\":\"/b/a\"}"},
        {"{\"root\":\"/b/a\"}", "{\"root\":\"/b/a\"}", NULL, "{\"root\":\"/b/a\"}"},
        {"{\"root\":\"/b/a\"}", "{\"root\":\"/o/a\"}", NULL, "{\"root\":\"/b/a\",\"left\":[\"/o/a\"]}"},
        {"{\"root\":\"/b/a\"}", "{\"root\":\"/o/a\",\"left\":[\"/b/a\",\"/c/a\",\"/o/a\"]}", NULL,
         "{\"root\":\"/b/a\",\"left\":[\"/o/a\",\"/c/a\"]}"},
        {"{\"root\":\"/b/a\",\"left\":[\"/o/a\",\"/c/a\"]}", "{\"root\":\"/b/a\",\"left\":[\"/o/a\",\"/c/a\"]}", "/o/a",
         "{\"root\":\"/b/a\",\"left\":[\"/c/a\"]}"},
        {"{\"root\":\"/b/a\",\"left\":[\"/o/a\"]}", "{\"root\":\"/b/a\",\"left\":[\"/o/a\"]}", "/o/a", "{\"root\":\"/b/a\"}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        BUF_AUTO b = BUF_INIT(65536);

        node_emit(&b,
                  reach_place_after(r->a, json(r, rows[i].place), rows[i].before ? json(r, rows[i].before) : NULL, rows[i].gone),
                  0, 0);
        assert_string_equal(buf_str(&b), rows[i].want);
    }
}

static void the_command_that_is_wanted_comes_before_one_that_is_recorded(void **state)
{
    static const struct {
        const char *wanted[2], *recorded, *command; /* command NULL: the default, wherever that is */
    } rows[] = {
        {{"openshell", NULL}, NULL, NULL},   {{"/b", NULL}, NULL, "/b"},
        {{"/b", "/a"}, NULL, "/a"},          {{"/a", "openshell"}, NULL, "/a"},
        {{"openshell", NULL}, "/old", NULL}, {{"/new", NULL}, "/old", "/new"},
        {{NULL, NULL}, "/old", "/old"},      {{"no-such-command-here", NULL}, NULL, "no-such-command-here"},
    };
    struct rig *r = *state;

    r->host.env = json(r, "{\"PATH\":\"/nowhere\",\"OPENSHELL_X\":\"1\",\"SECRET\":\"2\"}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desired d[2];
        struct record rec = {.endpoint = "openshell:lab"};
        size_t n = 0;

        for (size_t k = 0; k < 2 && rows[i].wanted[k]; k++)
            d[n++] = (struct desired){.endpoint = "openshell:lab",
                                      .name = "a",
                                      .create = json(r, arena_printf(r->a, "{\"command\":\"%s\"}", rows[i].wanted[k]))};
        if (rows[i].recorded)
            rec.backend_target = json(r, arena_printf(r->a, "{\"command\":\"%s\"}", rows[i].recorded));
        reach_set(r->reach, &r->host, d, n, &rec, 1);
        const struct node *o = reach_options(r->reach, r->a, "openshell:lab");
        if (!text_eq(node_str(node_get(o, "command")), rows[i].command))
            fail_msg("row %zu: %s", i, options(r, "openshell:lab"));
        assert_string_equal(node_str(node_path(o, "env", "OPENSHELL_X", NULL)), "1");
        assert_null(node_path(o, "env", "SECRET", NULL));
    }
    struct desired one = {.endpoint = "openshell:lab",
                          .create = json(r, "{\"command\":\"/x\",\"remoteWorkspaceDir\":\"/sandbox/w\"}")};
    const struct node *place = reach_place(r->a, &one);
    assert_string_equal(node_str(node_get(place, "command")), "/x");
    assert_string_equal(node_str(node_get(place, "remoteWorkspaceDir")), "/sandbox/w");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(settings_of_one_host_are_each_there_once_and_in_one_order),
        T(the_agent_of_today_is_used_where_none_is_named),
        T(what_is_recorded_holds_no_secret),
        T(a_name_alone_tells_how_a_host_is_reached),
        T(one_session_of_a_host_is_kept),
        T(a_session_ends_with_its_settings),
        T(an_old_place_is_reached_as_the_new_one),
        T(roots_that_were_left_are_told_until_they_are_gone),
        T(the_command_that_is_wanted_comes_before_one_that_is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
