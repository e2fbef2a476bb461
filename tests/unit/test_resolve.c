/* resolve: agents.defaults and the agents become one sandbox, as OpenClaw itself resolved them. */
#include "spec/openclaw/keys.h"
#include "spec/openclaw/resolve.h"
#include "spec/schema.h"
#include "tests/lib/data.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct oc_places places = {.home = "/tmp/ocvec/home", .state_dir = "/tmp/ocvec/home/.openclaw", .cwd = "/tmp/ocvec"};

static void print_diags(const struct diags *d)
{
    BUF_AUTO b = BUF_INIT(1u << 20);

    for (size_t i = 0; i < d->n; i++) {
        diag_format(&b, &d->v[i]);
        buf_putc(&b, '\n');
    }
    print_message("%s", buf_str(&b));
}

static bool has_key_order(const struct node *object, const struct node *order)
{
    if (object->n_members != order->n_items)
        return false;
    for (size_t i = 0; i < order->n_items; i++)
        if (strcmp(object->members[i].key, order->items[i]->s) != 0)
            return false;
    return true;
}

/* What OpenClaw tells of agents beside a sandbox; 2026.9's vectors have that. */
static const char *run_agents(struct arena *a, const struct node *v, const struct node *root, const struct oc_places *at)
{
    const struct node *ids = node_get(v, "agentIds"), *list = node_path(root, "agents", "list", NULL);
    const char *owner = oc_default_agent(a, oc_line_of(at), root), *wanted = node_str(node_get(v, "defaultAgent"));

    if (!ids)
        return NULL;
    /* Without a roster there is main alone. */
    if ((list && list->n_items > 0 ? list->n_items : 1) != ids->n_items)
        return "another number of agents";
    for (size_t i = 0; list && i < list->n_items; i++) {
        const struct node *id = node_get(list->items[i], "id");

        if (strcmp(oc_agent_id_n(a, id->s, id->s_n), ids->items[i]->s) != 0)
            return "other agents";
        /* The vector asks for the sole agent; sessions without an agent are of the marked one all the same. */
        if (!wanted && node_is(node_get(list->items[i], "default"), NODE_BOOL) && node_get(list->items[i], "default")->b)
            wanted = ids->items[i]->s;
    }
    if (!text_eq(owner, wanted))
        return "another default agent";
    if (!text_eq(oc_agent_workspace_dir(a, root, data_str(v, "agentId"), at), data_str(v, "agentWorkspace")))
        return oc_agent_workspace_dir(a, root, data_str(v, "agentId"), at);
    return NULL;
}

static bool has_warning(const struct diags *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].level == DIAG_WARNING)
            return true;
    return false;
}

/* What is wrong, or NULL. */
static const char *run_vector(struct arena *a, const struct node *v, const struct oc_places *at)
{
    struct diags d = {.arena = a};
    struct oc_sandbox s;
    bool ok = data_get(v, "ok", NODE_BOOL)->b, loads = ok || strcmp(data_str(v, "stage"), "load") != 0;
    struct node *root = data_config(a, data_str(v, "configText"), data_get(v, "env", NODE_OBJECT), at, &d);
    const struct node *order = node_get(v, "ulimitOrder");

    if (!!root != loads) {
        print_diags(&d);
        return loads ? "refused, but OpenClaw takes it" : "taken, but OpenClaw refuses it";
    }
    for (size_t i = 0; !root && i < d.n; i++)
        if (d.v[i].level == DIAG_ERROR && d.v[i].pos.line == 0)
            return "an error without a place";
    if (!root)
        return NULL;
    /* Where ownership is explicit in a keyed roster, what OpenClaw warns of has nothing to do with agents. */
    if (node_get(v, "has_warnings") && !node_path(root, "agents", "entries", NULL) && !has_warning(&d))
        return "no warning";
    if ((oc_resolve(a, root, at, data_str(v, "agentId"), &s, &d) == 0) != ok)
        return ok ? "not resolved" : "resolved, but OpenClaw refuses";
    if (!ok)
        return NULL;
    if (!node_equal(s.config, data_get(v, "resolved", NODE_OBJECT)))
        return node_json(a, s.config);
    if (!has_key_order(node_path(s.config, "docker", "env", NULL), data_get(v, "envOrder", NODE_ARRAY)))
        return "env is in another order";
    if (order && !has_key_order(node_path(s.config, "docker", "ulimits", NULL), order))
        return "ulimits are in another order";
    return run_agents(a, v, root, at);
}

static void resolves_every_config_as_openclaw_does(void **state)
{
    static const struct {
        enum oc_line line;
        const char *vectors, *home, *cwd;
        size_t n;
    } lines[] = {
        {OC_LINE_2026_5, "resolve", "/tmp/ocvec/home", "/tmp/ocvec", 182},
        {OC_LINE_2026_9, "2026.9/resolve", "/tmp/ocvec9/home", "/tmp/ocvec9", 294},
    };
    ARENA_AUTO a = arena_new();
    unsigned n_failed = 0;

    (void)state;
    for (size_t l = 0; l < sizeof lines / sizeof lines[0]; l++) {
        struct node *vectors = vectors_load(a, lines[l].vectors);
        const struct oc_places at = {.home = lines[l].home,
                                     .state_dir = arena_printf(a, "%s/.openclaw", lines[l].home),
                                     .cwd = lines[l].cwd,
                                     .line = &oc_profiles[lines[l].line]};

        assert_int_equal(vectors->n_items, lines[l].n);
        for (size_t i = 0; i < vectors->n_items; i++) {
            const char *wrong = run_vector(a, vectors->items[i], &at);

            if (wrong)
                print_error("%s %s: %.800s\n", at.line->name, data_str(vectors->items[i], "name"), wrong);
            n_failed += wrong != NULL;
        }
    }
    assert_int_equal(n_failed, 0);
}

/* The vectors of the ssh keys come from the resolver alone: their config passed no schema, so perSession is there too. */
static void resolves_ssh_as_openclaw_does(void **state)
{
    static const char *const keys[] = {"mode", "backend", "scope", "workspaceAccess", "prune"};
    ARENA_AUTO a = arena_new();
    struct node *cases = data_get(vectors_read(a, "tests/vectors/ssh-config-resolve.json"), "cases", NODE_ARRAY);

    (void)state;
    assert_true(cases->n_items > 0);
    for (size_t i = 0; i < cases->n_items; i++) {
        struct node *v = cases->items[i], *ok = node_path(v, "result", "ok", NULL), *ssh;
        struct diags d = {.arena = a};
        struct oc_sandbox s;
        int rc = oc_resolve(a, data_get(v, "config", NODE_OBJECT), &places, node_str(node_get(v, "agentId")), &s, &d);

        assert_int_equal(rc, ok ? 0 : -1);
        if (!ok)
            continue;
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            assert_true(node_equal(node_get(s.config, keys[k]), node_get(ok, keys[k])));
        ssh = node_get(ok, "ssh");
        for (size_t k = 0; k < ssh->n_members; k++) {
            const struct node *mine = node_path(s.config, "ssh", ssh->members[k].key, NULL);

            if (ssh->members[k].value->kind == NODE_NULL)
                assert_null(mine);
            else
                assert_true(mine && node_equal(mine, ssh->members[k].value));
        }
    }
}

static void inline_ssh_keys_are_never_shown(void **state)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1u << 20);
    struct diags d = {.arena = a};
    struct oc_sandbox s;
    struct node *root = data_json5(a, "{agents:{defaults:{sandbox:{ssh:{identityData:' CANARY ',knownHostsData:'CANARY'}}}}}");

    (void)state;
    assert_int_equal(oc_resolve(a, root, &places, "main", &s, &d), 0);
    assert_string_equal(node_str(node_path(s.config, "ssh", "identityData", NULL)), "CANARY");
    node_emit(&b, s.config, 2, NODE_EMIT_REDACT);
    assert_null(strstr(buf_str(&b), "CANARY"));
}

static void every_value_tells_where_it_came_from(void **state)
{
    static const struct {
        const char *key;
        enum oc_level level;
        const char *from;
        unsigned line;
    } wanted[] = {
        {"mode", OC_LEVEL_DEFAULTS, "agents.defaults.sandbox.mode", 2},
        {"backend", OC_LEVEL_BUILT_IN, NULL, 0},
        {"scope", OC_LEVEL_AGENT, "agents.list[1].sandbox.scope", 6},
        {"docker.image", OC_LEVEL_AGENT, "agents.list[1].sandbox.docker.image", 7},
        {"docker.env.A", OC_LEVEL_DEFAULTS, "agents.defaults.sandbox.docker.env.A", 3},
        {"docker.env.B", OC_LEVEL_AGENT, "agents.list[1].sandbox.docker.env.B", 8},
        {"docker.env.C", OC_LEVEL_AGENT, "agents.list[1].sandbox.docker.env.C", 8},
        {"docker.binds[0]", OC_LEVEL_DEFAULTS, "agents.defaults.sandbox.docker.binds[0]", 4},
        {"docker.binds[1]", OC_LEVEL_AGENT, "agents.list[1].sandbox.docker.binds[0]", 9},
        {"docker.ulimits.nofile", OC_LEVEL_AGENT, "agents.list[1].sandbox.docker.ulimits.nofile", 9},
        {"browser.binds", OC_LEVEL_DEFAULTS, "agents.defaults.sandbox.browser.binds", 4},
        {"ssh.command", OC_LEVEL_BUILT_IN, NULL, 0},
        {"tools.allow", OC_LEVEL_DEFAULTS, "tools.sandbox.tools.alsoAllow", 10},
        {"tools.deny", OC_LEVEL_BUILT_IN, NULL, 0},
        {"prune.idleHours", OC_LEVEL_BUILT_IN, NULL, 0},
    };
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct oc_origins o_all;
    struct node *root = data_json5(a, "{agents:{defaults:{sandbox:{\n"
                                      " mode:'all',\n"
                                      " docker:{env:{A:'1',B:'2'},\n"
                                      "  binds:['/a:/a']},browser:{binds:[]},ssh:{command:' '}}},\n"
                                      " list:[{id:'main'},{id:'w',sandbox:{\n"
                                      "  scope:'agent',\n"
                                      "  docker:{image:'x',\n"
                                      "   env:{B:'3',C:'4'},\n"
                                      "   binds:['/b:/b'],ulimits:{nofile:1}}}}]},\n"
                                      " tools:{sandbox:{tools:{alsoAllow:['browser']}}}}");

    (void)state;
    assert_int_equal(oc_validate(a, root, &places, &d), 0);
    o_all = oc_resolve_origins(a, root, &places, "W");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct oc_origin *o = NULL;

        for (size_t j = 0; j < o_all.n; j++)
            if (strcmp(o_all.v[j].key, wanted[i].key) == 0) {
                assert_null(o); /* each key once */
                o = &o_all.v[j];
            }
        if (!o)
            fail_msg("%s: no origin", wanted[i].key);
        if (o->level != wanted[i].level || !text_eq(o->from, wanted[i].from) || o->pos.line != wanted[i].line)
            fail_msg("%s: from %s line %u (%s)", o->key, o->from ? o->from : "-", o->pos.line,
                     oc_level_name(oc_line_of(&places), o->level));
    }
}

static void values_of_a_keyed_agent_tell_its_key(void **state)
{
    static const struct oc_places at = {
        .home = "/h", .state_dir = "/h/.openclaw", .cwd = "/", .line = &oc_profiles[OC_LINE_2026_9]};
    static const struct {
        const char *key, *from;
        unsigned line;
    } wanted[] = {
        {"mode", "agents.entries.Work.sandbox.mode", 4},
        {"docker.env.A", "agents.entries.Work.sandbox.docker.env.A", 5},
        {"docker.binds[0]", "agents.entries.Work.sandbox.docker.binds[0]", 6},
        {"dockerTmpfsSource", "agents.defaults.sandbox.docker.tmpfs", 2},
        {"browser.noVncEnabled", NULL, 0},
    };
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct node *root = data_config(a,
                                    "{agents:{ownership:'explicit',\n"
                                    "defaults:{sandbox:{docker:{tmpfs:[]}}},\n"
                                    "entries:{main:{},Work:{sandbox:{\n"
                                    "mode:'all',\n"
                                    "docker:{env:{A:'x'},\n"
                                    "binds:['/a:/a']}}}}}}",
                                    NULL, &at, &d);
    struct oc_origins o;

    (void)state;
    assert_non_null(root);
    o = oc_resolve_origins(a, root, &at, "work");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct oc_origin *found = oc_origin_find(a, o, wanted[i].key);

        assert_non_null(found);
        if (!text_eq(found->from, wanted[i].from) || found->pos.line != wanted[i].line)
            fail_msg("%s: from %s line %u", wanted[i].key, found->from, found->pos.line);
    }
}

/* Counts the leaves that origins tell of: scalars, and entries of merged maps and joined lists; other lists and maps as a whole.
 */
static void origins_cover_the_whole_sandbox(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct oc_sandbox s;
    struct oc_origins o;
    struct node *root = data_json5(a, "{agents:{defaults:{sandbox:{docker:{env:{},dns:['a'],ulimits:{},user:'1'}}}}}");

    (void)state;
    assert_int_equal(oc_resolve(a, root, &places, NULL, &s, &d), 0);
    o = oc_resolve_origins(a, root, &places, NULL);
    for (size_t i = 0; i < s.config->n_members; i++) {
        const struct node_member *top = &s.config->members[i];
        bool nested = top->value->kind == NODE_OBJECT;

        for (size_t j = 0; j < (nested ? top->value->n_members : 1); j++) {
            const char *key = nested ? diag_key(a, top->key, top->value->members[j].key) : top->key;
            bool found = false;

            for (size_t k = 0; k < o.n; k++)
                found = found || (text_has_prefix(o.v[k].key, key) && strchr(".", o.v[k].key[strlen(key)]));
            if (!found)
                fail_msg("%s has no origin", key);
        }
    }
}

static void resolver_and_schema_know_the_same_keys(void **state)
{
    static const char *const objects[] = {"docker", "ssh", "browser", "prune"};
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t l = 0; l < OC_LINE_COUNT; l++)
        for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
            const struct schema_object *t = schema_find(oc_profiles[l].sandbox_keys, objects[i])->value.object;
            const char *const *keys = oc_resolved_keys(a, &oc_profiles[l], objects[i]);
            size_t n = 0;

            for (; keys[n]; n++)
                if (!schema_find(t, keys[n]))
                    fail_msg("%s.%s is resolved, but no key of %s", objects[i], keys[n], oc_profiles[l].name);
            assert_int_equal(n, t->n_fields);
        }
    assert_null(oc_resolved_keys(a, &oc_profiles[0], "nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_every_config_as_openclaw_does), cmocka_unit_test(resolves_ssh_as_openclaw_does),
        cmocka_unit_test(inline_ssh_keys_are_never_shown),        cmocka_unit_test(every_value_tells_where_it_came_from),
        cmocka_unit_test(values_of_a_keyed_agent_tell_its_key),   cmocka_unit_test(origins_cover_the_whole_sandbox),
        cmocka_unit_test(resolver_and_schema_know_the_same_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
