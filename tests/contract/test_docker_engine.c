/* What only the docker backend has to show of its rounds: what a round costs, what a memo proves, and what a broken engine may
 * not be taken for. */
#include "spec/base/text.h"
#include "spec/read/json.h"
#include "tests/lib/docker_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST "GET /v1.41/containers/json"

/* --- bodies ------------------------------------------------------------------------------------------------------------------
 */

/* What this machine's kernel or engine has not; the rest of every vector is made for real. */
static bool is_beyond(const struct node *body)
{
    const struct node *host = node_get(body, "HostConfig"), *options = node_get(host, "SecurityOpt");
    for (size_t i = 0; node_is(options, NODE_ARRAY) && i < options->n_items; i++)
        if (text_has_prefix(node_str(options->items[i]), "apparmor="))
            return true;
    return node_is(node_get(host, "DeviceRequests"), NODE_ARRAY);
}

/* Sources below the test's own directory: the engine makes the ones that are missing. */
static void move_binds(struct rig *f, struct node *body)
{
    struct node *binds = node_path(body, "HostConfig", "Binds", NULL);
    for (size_t i = 0; node_is(binds, NODE_ARRAY) && i < binds->n_items; i++) {
        const char *s = node_str(binds->items[i]);
        if (s && s[0] == '/')
            binds->items[i] = node_printf(f->a, "%s/binds%s", test_engine_dir(f->engine), s);
    }
}

static char *read_file(const char *path, size_t *ret_n)
{
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    BUF_AUTO b = BUF_INIT(16u << 20);
    char bytes[65536];
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        buf_put(&b, bytes, n);
    fclose(in);
    *ret_n = b.n;
    char *s = malloc(b.n + 1);
    assert_non_null(s);
    memcpy(s, buf_str(&b), b.n + 1);
    return s;
}

static void test_vectors(void **state)
{
    struct rig *f = *state;
    size_t n, n_made = 0, n_refused = 0;
    char *text = read_file("tests/vectors/create.json", &n);
    const struct node *all = json_read_err(f->a, "create.json", text, n, &f->e);
    assert_non_null(all);
    free(text);
    for (size_t i = 0; i < all->n_items; i++) {
        const struct node *v = all->items[i];
        struct node *body = node_get(v, "engineBody");
        const char *name = node_str(node_get(v, "name"));
        if (!body || is_beyond(body))
            continue;
        body = node_copy(f->a, body);
        node_set(f->a, body, "Image", node_string(f->a, TEST_IMAGE));
        move_binds(f, body);
        struct desired *d = rig_desire(f, arena_printf(f->a, "v%zu", i), RUNTIME_CONTAINER, body);
        struct act_result r = {0};
        d->want = WANT_STOPPED;
        if (rig_create(f, d, &r) < 0) {
            /* The engine itself says no to what OpenClaw lets through; never for want of understanding here. */
            if (f->e.class != ERR_CONFIG && f->e.class != ERR_INTERNAL && f->e.class != ERR_NOT_FOUND)
                fail_msg("%s: %s: %s", name, err_class_name(f->e.class), f->e.msg);
            print_message("%s: refused: %s\n", name, f->e.msg);
            n_refused++;
            continue;
        }
        struct observation o = rig_observe(f, d, 1, NULL);
        const struct observed *seen = rig_find(&o, d->name);
        assert_non_null(seen);
        assert_int_equal(seen->kind, RUNTIME_CONTAINER);
        assert_int_equal(seen->ownership, OWN_OURS);
        assert_true(seen->created_at_ms == 1700000000000);
        assert_string_equal(seen->scope_key, node_str(node_path(body, "Labels", "openclaw.sessionKey", NULL)));
        assert_true(seen->fields_known);
        rig_assert_fields(f, name, d->fields, seen->fields);
        n_made++;
        const struct call c = rig_call(30000);
        const struct backend_act gone = {.step = STEP_REMOVE, .name = d->name, .id = r.id, .expect = seen};
        must(f, docker_ops.apply(f->b, f->a, &gone, &c, &r, &f->e));
    }
    print_message("%zu made, %zu refused by the engine\n", n_made, n_refused);
    assert_true(n_made > 100);
    assert_true(n_refused < 15);
}

/* --- what a round costs --------------------------------------------------------------------------------------------------------
 */

static void test_no_op_requests(void **state)
{
    struct rig *f = *state;
    struct desired d[5];
    for (size_t i = 0; i < 5; i++) {
        d[i] = *rig_simple(f, arena_printf(f->a, "noop%zu", i));
        rig_made(f, &d[i]);
    }
    engine_proxy_forget(f->proxy);
    struct observation first = rig_observe(f, d, 5, NULL);
    assert_int_equal(engine_proxy_mutating(f->proxy), 0);
    assert_non_null(first.memo);
    /* list, events, one image, five inspections */
    assert_int_equal(engine_proxy_count(f->proxy, "/json"), 7);
    assert_int_equal(engine_proxy_count(f->proxy, LIST), 1);
    engine_proxy_forget(f->proxy);
    struct observation again = rig_observe(f, d, 5, first.memo);
    char *log = engine_proxy_log(f->proxy);
    if (engine_proxy_count(f->proxy, "GET ") != 2 || engine_proxy_mutating(f->proxy) != 0)
        fail_msg("more than a list and the events:\n%s", log);
    free(log);
    assert_int_equal(again.n, 5);
    assert_string_equal(again.images[0].id, first.images[0].id);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(again.v[i].state, RUN_RUNNING);
        assert_false(again.v[i].fields_known);
    }
    /* And the next one still knows. */
    engine_proxy_forget(f->proxy);
    rig_observe(f, d, 5, again.memo);
    assert_int_equal(engine_proxy_count(f->proxy, "GET "), 2);
}

static void test_strangers_cost_nothing(void **state)
{
    struct rig *f = *state;
    BUF_AUTO list = BUF_INIT(32u << 20);
    buf_puts(&list, "HTTP/1.1 200 OK\r\nServer: Docker/x\r\nDate: Sun, 22 Nov 2026 12:41:44 GMT\r\n\r\n[");
    for (int i = 0; i < 10000; i++)
        buf_printf(
            &list,
            "%s{\"Id\":\"%064d\",\"Names\":[\"/stranger-%d\"],\"Image\":\"other:%d\",\"ImageID\":\"sha256:%064d\",\"Labels\":"
            "{\"com.example\":\"a label of some length that nobody here asked for\"},\"State\":\"running\"}",
            i ? "," : "", i, i, i, i);
    buf_puts(&list, "]");
    engine_proxy_fault(f->proxy, LIST, FAULT_REPLY, 0, buf_str(&list));
    struct desired *d = rig_simple(f, "absent");
    size_t before = arena_used(f->a);
    const struct call c = rig_call(60000);
    const struct observe_req req = {.desired = d, .n_desired = 1};
    struct observation o = {0};
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e));
    assert_int_equal(o.n, 0);
    /* Names have to be compared, one after the other. */
    if (arena_used(f->a) - before > 65536)
        fail_msg("%zu bytes kept", arena_used(f->a) - before);
}

/* --- the memo ----------------------------------------------------------------------------------------------------------------
 */

/* Whether the container was looked at again, given this memo. */
static bool looked_at(struct rig *f, const struct desired *d, const char *memo, struct observation *ret)
{
    engine_proxy_forget(f->proxy);
    *ret = rig_observe(f, d, 1, memo);
    const struct observed *o = rig_find(ret, d->name);
    assert_non_null(o);
    char *line = arena_printf(f->a, "/containers/%s/json", o->id);
    return engine_proxy_count(f->proxy, line) > 0;
}

static void test_memo_sees_update(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "updated");
    const char *id = rig_made(f, d);
    struct field_change *ch;
    struct observation o = rig_observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    rig_request(f, "POST", arena_printf(f->a, "/containers/%s/update", id), "{\"Memory\":134217728,\"MemorySwap\":268435456}");
    assert_true(looked_at(f, d, o.memo, &o));
    assert_true(fields_diff(f->a, d->fields, rig_find(&o, d->name)->fields, &ch) > 0);
    assert_string_equal(ch[0].name, "limits.memory");
    /* As long as it differs it is looked at: what differs has to be shown. */
    assert_true(looked_at(f, d, o.memo, &o));
    rig_request(f, "POST", arena_printf(f->a, "/containers/%s/update", id), "{\"Memory\":67108864,\"MemorySwap\":134217728}");
    assert_true(looked_at(f, d, o.memo, &o));
    rig_assert_fields(f, "updated back", d->fields, rig_find(&o, d->name)->fields);
    assert_false(looked_at(f, d, o.memo, &o));
}

static void test_memo_sees_network(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "joins");
    d->want = WANT_STOPPED;
    const char *id = rig_made(f, d);
    struct observation o = rig_observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    rig_request(f, "POST", "/networks/none/disconnect", arena_printf(f->a, "{\"Container\":\"%s\",\"Force\":true}", id));
    assert_true(looked_at(f, d, o.memo, &o));
}

static void test_memo_is_of_one_wish(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "wish"), other;
    struct node *body = node_copy(f->a, d->create);
    rig_made(f, d);
    struct observation o = rig_observe(f, d, 1, NULL);
    const char *memo = o.memo;
    node_set(f->a, body, "WorkingDir", node_string(f->a, "/tmp"));
    other = *rig_desire(f, "wish", RUNTIME_SANDBOX, body);
    assert_true(looked_at(f, &other, memo, &o));
    assert_true(o.v[0].fields_known);
    /* The same label, but more is compared now than was then. */
    other.config_hash = d->config_hash;
    assert_true(looked_at(f, &other, memo, &o));
    assert_false(looked_at(f, d, memo, &o));
}

static void test_memo_after_many_events(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "crowded");
    rig_made(f, d);
    struct observation o = rig_observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    /* The engine keeps 256 events: a tag and its removal are two. */
    for (int i = 0; i < 130; i++) {
        rig_request(f, "POST", "/images/" TEST_IMAGE "/tag?repo=crowd&tag=x", NULL);
        rig_request(f, "DELETE", "/images/crowd:x", NULL);
    }
    assert_true(looked_at(f, d, o.memo, &o));
    assert_false(looked_at(f, d, o.memo, &o));
}

static void test_memo_after_restart(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "survivor");
    rig_made(f, d);
    struct observation o = rig_observe(f, d, 1, NULL);
    assert_false(looked_at(f, d, o.memo, &o));
    test_engine_kill(f->engine);
    test_engine_restart(f->engine);
    assert_true(looked_at(f, d, o.memo, &o));
    assert_int_equal(rig_find(&o, d->name)->state, RUN_RUNNING);
}

static void test_memo_without_a_clock(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "clock");
    const struct call c = rig_call(30000);
    rig_made(f, d);
    struct observation o = rig_observe(f, d, 1, NULL);
    static const int64_t offsets[] = {INT64_MIN, 5000, -60000};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct observe_req req = {.desired = d, .n_desired = 1, .memo = o.memo};
        req.now_ms = offsets[i] == INT64_MIN ? 0 : rig_wall_ms() + offsets[i];
        struct observation got = {0};
        int64_t begun = deadline_now_ms();
        must(f, docker_ops.observe(f->b, f->a, &req, &c, &got, &f->e));
        assert_true(rig_find(&got, d->name)->fields_known);
        assert_in_range(deadline_now_ms() - begun, 0, 3000);
    }
}

static void test_memo_garbage(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "garbage");
    rig_made(f, d);
    struct observation o = rig_observe(f, d, 1, NULL), got;
    char *cut = arena_strdup(f->a, o.memo);
    /* Any part of a memo proves at most what the whole does, and mostly nothing. */
    for (size_t n = strlen(cut); n-- > 0;) {
        cut[n] = '\0';
        if (n % 7 == 0)
            assert_true(looked_at(f, d, cut, &got));
    }
    static const char *const texts[] = {"", "\n", "docker-memo 1\n", "docker-memo 1\n-5 x\n", "docker-memo 2\n1 a\n", "\xff\xfe"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(looked_at(f, d, texts[i], &got));
}

/* --- images ------------------------------------------------------------------------------------------------------------------
 */

static void test_retag(void **state)
{
    struct rig *f = *state;
    struct node *body =
        rig_parse(f, "{\"Image\":\"moving:1\",\"Cmd\":[\"sleep\",\"infinity\"],\"HostConfig\":{\"NetworkMode\":\"none\"}}");
    const struct call c = rig_call(30000);
    const char *refs[] = {"moving:1", "missing:1", "no reference at all/../x", TEST_IMAGE_OTHER};
    test_engine_image(f->engine, "moving:1", "one");
    struct desired *d = rig_desire(f, "retag", RUNTIME_SANDBOX, body);
    rig_made(f, d);
    struct observe_req req = {.images = refs, .n_images = 4, .desired = d, .n_desired = 1, .now_ms = rig_wall_ms()};
    struct observation first = {0}, second = {0};
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &first, &f->e));
    assert_string_equal(first.images[0].id, rig_find(&first, d->name)->image_id);
    assert_null(first.images[1].id);
    assert_null(first.images[2].id);
    assert_non_null(first.images[3].id);
    test_engine_image(f->engine, "moving:1", "two");
    req.memo = first.memo;
    req.now_ms = rig_wall_ms();
    must(f, docker_ops.observe(f->b, f->a, &req, &c, &second, &f->e));
    const struct observed *o = rig_find(&second, d->name);
    assert_string_equal(o->image_id, first.images[0].id);
    assert_string_not_equal(second.images[0].id, first.images[0].id);
    /* About to be acted on: its whole state is known. */
    assert_true(o->fields_known && o->busy_known);
    assert_string_equal(o->image, "moving:1");
}

static void test_missing_image(void **state)
{
    struct rig *f = *state;
    static const struct {
        const char *image, *remedy;
    } rows[] = {
        {"missing:1", "docker pull missing:1"},
        {"openclaw-sandbox:nope", "scripts/sandbox-setup.sh"},
        {"openclaw-sandbox-browser:nope", "scripts/sandbox-browser-setup.sh"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct node *body = rig_parse(f, "{\"HostConfig\":{\"NetworkMode\":\"none\"}}");
        struct act_result r = {0};
        node_set(f->a, body, "Image", node_string(f->a, rows[i].image));
        assert_int_equal(rig_create(f, rig_desire(f, "missing", RUNTIME_SANDBOX, body), &r), -1);
        assert_int_equal(f->e.class, ERR_NOT_FOUND);
        if (!strstr(f->e.msg, rows[i].image) || !strstr(f->e.msg, rows[i].remedy))
            fail_msg("%s", f->e.msg);
    }
    assert_int_equal(engine_proxy_count(f->proxy, "images/create"), 0);
}

/* --- breaking off ---------------------------------------------------------------------------------------------------------- */

static void test_cut_lists(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "cut");
    const struct call c = rig_call(10000);
    rig_made(f, d);
    for (long at = 0; at < 1200; at += 37) {
        struct observe_req req = {.desired = d, .n_desired = 1};
        struct observation o = {.n = 77};
        engine_proxy_fault(f->proxy, LIST, FAULT_CUT, at, NULL);
        if (docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e) == 0)
            fail_msg("a list cut after %ld bytes passes", at);
        assert_int_equal(o.n, 77);
        engine_proxy_clear(f->proxy);
    }
    static const char *const parts[] = {"/images/", "/json"};
    for (size_t i = 0; i < 2; i++) {
        struct observe_req req = {.desired = d, .n_desired = 1};
        struct observation o = {.n = 77};
        engine_proxy_fault(f->proxy, parts[i], FAULT_STATUS, 500, NULL);
        assert_int_equal(docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e), -1);
        assert_int_equal(f->e.class, ERR_INTERNAL);
        engine_proxy_clear(f->proxy);
    }
    struct observation o = rig_observe(f, d, 1, NULL);
    assert_int_equal(o.n, 1);
}

static void *kill_soon(void *arg)
{
    poll(NULL, 0, 100);
    test_engine_kill(((struct rig *)arg)->engine);
    return NULL;
}

static void test_killed_while_listing(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "kept");
    const struct call c = rig_call(10000);
    const struct observe_req req = {.desired = d, .n_desired = 1};
    struct observation o = {.n = 77};
    pthread_t t;
    rig_made(f, d);
    /* The request is on its way when the engine dies, and has reached nobody when it is passed on. */
    engine_proxy_fault(f->proxy, LIST, FAULT_DELAY, 300, NULL);
    assert_int_equal(pthread_create(&t, NULL, kill_soon, f), 0);
    int rc = docker_ops.observe(f->b, f->a, &req, &c, &o, &f->e);
    pthread_join(t, NULL);
    assert_int_equal(rc, -1);
    assert_true(err_is_transient(f->e.class));
    assert_int_equal(o.n, 77);
    struct observed one = {.state = RUN_STATE_COUNT};
    assert_int_equal(docker_ops.look(f->b, f->a, NULL, d->name, &c, &one, &f->e), -1);
    assert_int_equal(f->e.class, ERR_UNAVAILABLE);
    engine_proxy_clear(f->proxy);
    test_engine_restart(f->engine);
    o = rig_observe(f, d, 1, NULL);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
}

static void test_lost_answers(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "lost");
    struct act_result r = {0};
    const struct call c = rig_call(10000);
    static const char *const steps[] = {"/containers/create", "/start"};
    d->setup = "echo once >> /tmp/setup";
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        engine_proxy_fault(f->proxy, steps[i], FAULT_DROP, 0, NULL);
        assert_int_equal(rig_create(f, d, &r), -1);
        assert_int_equal(f->e.class, ERR_UNAVAILABLE);
        engine_proxy_clear(f->proxy);
        if (i > 0)
            break;
        /* Made, but never started: the next attempt goes on with it. */
        must(f, rig_create(f, d, &r));
        assert_int_equal(r.setup_status, 0);
        assert_non_null(r.setup_output);
        struct observation o = rig_observe(f, d, 1, NULL);
        assert_int_equal(o.n, 1);
        assert_string_equal(o.v[0].id, r.id);
        assert_int_equal(o.v[0].state, RUN_RUNNING);
        /* A removal whose answer is lost has happened all the same. */
        const struct backend_act gone = {.step = STEP_REMOVE, .name = d->name, .id = r.id, .expect = &o.v[0]};
        engine_proxy_fault(f->proxy, "DELETE", FAULT_DROP, 0, NULL);
        assert_int_equal(docker_ops.apply(f->b, f->a, &gone, &c, &r, &f->e), -1);
        engine_proxy_clear(f->proxy);
        must(f, docker_ops.apply(f->b, f->a, &gone, &c, &r, &f->e));
        assert_int_equal(rig_observe(f, d, 1, NULL).n, 0);
    }
}

static void test_remove_reads_again(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "reread");
    const struct call c = rig_call(10000);
    struct act_result r;
    const char *id = rig_made(f, d);
    struct observation o = rig_observe(f, d, 1, NULL);
    struct observed was = *rig_find(&o, d->name);
    /* A removal by half an id, or by name, is none: the id is whole. */
    struct backend_act act = {.step = STEP_REMOVE, .name = d->name, .id = id, .expect = &was};
    rig_request(f, "POST", arena_printf(f->a, "/containers/%s/rename?name=" RIG_PREFIX "renamed", id), NULL);
    engine_proxy_forget(f->proxy);
    assert_int_equal(docker_ops.apply(f->b, f->a, &act, &c, &r, &f->e), -1);
    assert_int_equal(f->e.class, ERR_CONFLICT);
    assert_int_equal(engine_proxy_mutating(f->proxy), 0);
    was.name = RIG_PREFIX "renamed";
    must(f, docker_ops.apply(f->b, f->a, &act, &c, &r, &f->e));
    assert_int_equal(engine_proxy_count(f->proxy, arena_printf(f->a, "DELETE /v1.41/containers/%s?", id)), 1);
}

static void test_names_are_whole(void **state)
{
    struct rig *f = *state;
    struct desired *d = rig_simple(f, "whole");
    const struct call c = rig_call(10000);
    struct observed o = {0};
    const char *id = rig_made(f, d);
    char part[13];
    (void)snprintf(part, sizeof part, "%s", id);
    /* The engine would find it by the beginning of its id; a name is not that. */
    must(f, docker_ops.look(f->b, f->a, NULL, part, &c, &o, &f->e));
    assert_int_equal(o.state, RUN_ABSENT);
    must(f, docker_ops.look(f->b, f->a, NULL, d->name, &c, &o, &f->e));
    assert_string_equal(o.id, id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with("what OpenClaw's vectors ask for is made, and inspects back to equal fields", test_vectors),
        with("a round without news is a list and the events, and changes nothing", test_no_op_requests),
        with("ten thousand strangers leave nothing behind", test_strangers_cost_nothing),
        with("a memo notices an update behind our back", test_memo_sees_update),
        with("a memo notices a network that was left", test_memo_sees_network),
        with("a memo is about what was wanted then", test_memo_is_of_one_wish),
        with("a memo proves nothing once events may be lost", test_memo_after_many_events),
        own("a memo proves nothing after the engine was restarted", test_memo_after_restart),
        with("a memo proves nothing without a common clock, and nothing waits for it", test_memo_without_a_clock),
        with("a damaged memo costs only time", test_memo_garbage),
        with("a tag that moved is noticed", test_retag),
        with("a missing image is named with what would get it, and nothing is pulled", test_missing_image),
        with("a cut list is an error wherever it is cut", test_cut_lists),
        own("an engine killed while it lists is an error, and nothing is absent", test_killed_while_listing),
        with("acts whose answers are lost can be done again", test_lost_answers),
        with("a removal reads again what it removes", test_remove_reads_again),
        with("a name is not the beginning of an id", test_names_are_whole),
    };
    return cmocka_run_group_tests_name("docker: rounds", tests, rig_start, rig_stop);
}
