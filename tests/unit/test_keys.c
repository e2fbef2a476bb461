/* keys: OpenClaw 2026.5.3's strict keys, as far as sandboxes depend on them: every error, with its place. */
#include "spec/openclaw/keys.h"
#include "spec/openclaw/keys_table.h"
#include "tests/lib/data.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct oc_places places = {.home = "/h", .state_dir = "/h/.openclaw", .cwd = "/cwd"};

#define D(text)       "{agents:{defaults:{sandbox:" text "}}}"
#define DOCKER(text)  D("{docker:{" text "}}")
#define SSH(text)     D("{ssh:{" text "}}")
#define BROWSER(text) D("{browser:{" text "}}")
#define AGENT(text)   "{agents:{list:[{id:'a'," text "}]}}"
#define SHELL(text)   "{plugins:{entries:{openshell:{config:{" text "}}}}}"

/* key NULL: accepted. Otherwise the one error, where it stands, and a part of what it says. */
struct one {
    const char *text, *key, *says;
};

static const struct one cases[] = {
    /* the way down */
    {"{}", NULL, NULL},
    {"[]", "", "object"},
    {"null", "", "object"},
    {"{agent:{}}", "agent", "did you mean 'agents'"},
    {"{channels:{x:{y:[1,null]}},gateway:{port:'x'},meta:{}}", NULL, NULL},
    {"{meta:null}", "meta", ""},
    {"{agents:{lists:[]}}", "agents.lists", "did you mean 'list'"},
    {"{agents:{entries:{}}}", "agents.entries", "agents.list"},
    {"{agents:{defaults:{sanbox:{}}}}", "agents.defaults.sanbox", "did you mean 'sandbox'"},
    {"{agents:{list:[{id:'a',sanbox:{}}]}}", "agents.list[0].sanbox", "did you mean 'sandbox'"},
    {"{agents:{list:{}}}", "agents.list", "list"},
    {"{agents:{list:[{}]}}", "agents.list[0].id", ""},
    {"{agents:{list:[{id:''}]}}", NULL, NULL},
    {"{agents:{list:[{id:1}]}}", "agents.list[0].id", "string"},
    {"{agents:{list:[null]}}", "agents.list[0]", "object"},
    {AGENT("default:1"), "agents.list[0].default", "true or false"},
    {AGENT("default:false,name:'x',workspace:'',agentDir:'y'"), NULL, NULL},
    {AGENT("workspace:null"), "agents.list[0].workspace", "string"},
    {AGENT("enabled:false"), "agents.list[0].enabled", "unknown key"},
    {"{session:{scope:'global',mainKey:'x',store:'y'}}", NULL, NULL},
    {"{session:{scope:'all'}}", "session.scope", "per-sender"},
    /* sandbox */
    {D("{}"), NULL, NULL},
    {D("null"), "agents.defaults.sandbox", "object"},
    {D("[]"), "agents.defaults.sandbox", "object"},
    {D("{mode:'on'}"), "agents.defaults.sandbox.mode", "non-main"},
    {D("{mode:'All'}"), "agents.defaults.sandbox.mode", "all"},
    {D("{mode:null}"), "agents.defaults.sandbox.mode", ""},
    {D("{backend:''}"), "agents.defaults.sandbox.backend", "empty"},
    {D("{backend:' '}"), NULL, NULL},
    {D("{scope:'global'}"), "agents.defaults.sandbox.scope", "session"},
    {D("{workspaceAccess:'write'}"), "agents.defaults.sandbox.workspaceAccess", "rw"},
    {D("{workspaceRoot:''}"), NULL, NULL},
    {D("{sessionToolsVisibility:'spawned'}"), NULL, NULL},
    {D("{sessionToolsVisibility:'none'}"), "agents.defaults.sandbox.sessionToolsVisibility", "spawned"},
    {D("{perSession:true}"), "agents.defaults.sandbox.perSession", "scope: \"session\""},
    {AGENT("sandbox:{perSession:false}"), "agents.list[0].sandbox.perSession", "scope: \"shared\""},
    {D("{tools:{}}"), "agents.defaults.sandbox.tools", "tools.sandbox.tools"},
    {D("{'a b':1}"), "agents.defaults.sandbox[\"a b\"]", "unknown key"},
    /* docker */
    {DOCKER("image:'',containerPrefix:'',workdir:'',network:'',user:'',memory:'banana',env:{}"), NULL, NULL},
    {DOCKER("image:5"), "agents.defaults.sandbox.docker.image", "string"},
    {DOCKER("priviledged:true"), "agents.defaults.sandbox.docker.priviledged", "unknown key"},
    {DOCKER("memmory:'1g'"), "agents.defaults.sandbox.docker.memmory", "did you mean 'memory'"},
    {DOCKER("readOnlyRoot:'false'"), "agents.defaults.sandbox.docker.readOnlyRoot", "true or false"},
    {DOCKER("tmpfs:'/tmp'"), "agents.defaults.sandbox.docker.tmpfs", "list"},
    {DOCKER("tmpfs:['/a',1]"), "agents.defaults.sandbox.docker.tmpfs[1]", "string"},
    {DOCKER("env:{A:1}"), "agents.defaults.sandbox.docker.env.A", "string"},
    {DOCKER("env:{'A B':null}"), "agents.defaults.sandbox.docker.env[\"A B\"]", "string"},
    {DOCKER("setupCommand:[]"), NULL, NULL},
    {DOCKER("setupCommand:['a',2]"), "agents.defaults.sandbox.docker.setupCommand[1]", "string"},
    {DOCKER("setupCommand:{}"), "agents.defaults.sandbox.docker.setupCommand", "string"},
    {DOCKER("pidsLimit:1"), NULL, NULL},
    {DOCKER("pidsLimit:0"), "agents.defaults.sandbox.docker.pidsLimit", "1"},
    {DOCKER("pidsLimit:9007199254740991"), NULL, NULL},
    {DOCKER("pidsLimit:9007199254740992"), "agents.defaults.sandbox.docker.pidsLimit", ""},
    {DOCKER("pidsLimit:1.5"), "agents.defaults.sandbox.docker.pidsLimit", "whole"},
    {DOCKER("memory:-1.5,memorySwap:'-1'"), NULL, NULL},
    {DOCKER("memory:Infinity"), "agents.defaults.sandbox.docker.memory", ""},
    {DOCKER("memorySwap:NaN"), "agents.defaults.sandbox.docker.memorySwap", ""},
    {DOCKER("memory:true"), "agents.defaults.sandbox.docker.memory", "number"},
    {DOCKER("cpus:0.01"), NULL, NULL},
    {DOCKER("cpus:0"), "agents.defaults.sandbox.docker.cpus", "0"},
    {DOCKER("cpus:'2'"), "agents.defaults.sandbox.docker.cpus", "number"},
    {DOCKER("gpus:''"), "agents.defaults.sandbox.docker.gpus", "empty"},
    {DOCKER("gpus:' '"), NULL, NULL},
    {DOCKER("ulimits:{a:'1:2',b:3,c:{soft:0},d:{}}"), NULL, NULL},
    {DOCKER("ulimits:{a:{soft:-1}}"), "agents.defaults.sandbox.docker.ulimits.a.soft", "0"},
    {DOCKER("ulimits:{a:{soft:1.5}}"), "agents.defaults.sandbox.docker.ulimits.a.soft", "whole"},
    {DOCKER("ulimits:{a:{max:1}}"), "agents.defaults.sandbox.docker.ulimits.a.max", "unknown key"},
    {DOCKER("ulimits:{a:true}"), "agents.defaults.sandbox.docker.ulimits.a", "number"},
    {DOCKER("network:' HOST '"), "agents.defaults.sandbox.docker.network", "host"},
    {DOCKER("network:'hosts'"), NULL, NULL},
    {DOCKER("network:'Container:x'"), "agents.defaults.sandbox.docker.network", "dangerously"},
    {DOCKER("network:'container:x',dangerouslyAllowContainerNamespaceJoin:true"), NULL, NULL},
    {DOCKER("network:'container:x',dangerouslyAllowContainerNamespaceJoin:false"), "agents.defaults.sandbox.docker.network", ""},
    {DOCKER("seccompProfile:' Unconfined'"), "agents.defaults.sandbox.docker.seccompProfile", "unconfined"},
    {DOCKER("apparmorProfile:'UNCONFINED'"), "agents.defaults.sandbox.docker.apparmorProfile", "unconfined"},
    {DOCKER("binds:['/a:/b','  /c','/']"), NULL, NULL},
    {DOCKER("binds:['/a:/b',' ']"), "agents.defaults.sandbox.docker.binds[1]", "blank"},
    {DOCKER("binds:['./a:/a']"), "agents.defaults.sandbox.docker.binds[0]", "absolute"},
    {DOCKER("binds:[':/a']"), "agents.defaults.sandbox.docker.binds[0]", "absolute"},
    {DOCKER("binds:['vol']"), "agents.defaults.sandbox.docker.binds[0]", "absolute"},
    {DOCKER("dangerouslyAllowExternalBindSources:'true'"), "agents.defaults.sandbox.docker.dangerouslyAllowExternalBindSources",
     "true or false"},
    /* browser */
    {BROWSER("enabled:true,cdpPort:70000,autoStartTimeoutMs:1,binds:['rel:/x'],cdpSourceRange:''"), NULL, NULL},
    {BROWSER("cdpPort:0"), "agents.defaults.sandbox.browser.cdpPort", "1"},
    {BROWSER("noVnc:true"), "agents.defaults.sandbox.browser.noVnc", "unknown key"},
    {BROWSER("network:'HOST'"), "agents.defaults.sandbox.browser.network", "host"},
    {BROWSER("network:'container:x'"), "agents.defaults.sandbox.browser.network", "sandbox.docker"},
    {D("{browser:{network:'container:x'},docker:{dangerouslyAllowContainerNamespaceJoin:true}}"), NULL, NULL},
    /* prune */
    {D("{prune:{idleHours:0,maxAgeDays:0}}"), NULL, NULL},
    {D("{prune:{idleHours:-1}}"), "agents.defaults.sandbox.prune.idleHours", "0"},
    {D("{prune:{maxAgeDays:0.5}}"), "agents.defaults.sandbox.prune.maxAgeDays", "whole"},
    {D("{prune:{idle:1}}"), "agents.defaults.sandbox.prune.idle", "unknown key"},
    /* ssh */
    {SSH("target:'',command:'x'"), "agents.defaults.sandbox.ssh.target", "empty"},
    {SSH("workspaceRoot:'rel'"), NULL, NULL}, /* refused when it is resolved */
    {SSH("identityFile:''"), "agents.defaults.sandbox.ssh.identityFile", "empty"},
    {SSH("identityData:''"), NULL, NULL},
    {SSH("identityData:5"), "agents.defaults.sandbox.ssh.identityData", "string"},
    {SSH("identityData:{source:'env',provider:'default',id:'SSH_ID'}"), NULL, NULL},
    {SSH("identityData:{source:'env',provider:'default',id:'ssh_id'}"), "agents.defaults.sandbox.ssh.identityData.id", "upper"},
    {SSH("identityData:{source:'env',provider:'Default',id:'A'}"), "agents.defaults.sandbox.ssh.identityData.provider", "lower"},
    {SSH("identityData:{source:'env',id:'A'}"), "agents.defaults.sandbox.ssh.identityData.provider", ""},
    {SSH("identityData:{source:'vault',provider:'d',id:'A'}"), "agents.defaults.sandbox.ssh.identityData.source", "env"},
    {SSH("identityData:{provider:'d',id:'A'}"), "agents.defaults.sandbox.ssh.identityData.source", ""},
    {SSH("identityData:{source:'env',provider:'d',id:'A',x:1}"), "agents.defaults.sandbox.ssh.identityData.x", "unknown key"},
    {SSH("certificateData:{source:'file',provider:'d',id:'/a/b~1c~0'}"), NULL, NULL},
    {SSH("certificateData:{source:'file',provider:'d',id:'value'}"), NULL, NULL},
    {SSH("certificateData:{source:'file',provider:'d',id:'a'}"), "agents.defaults.sandbox.ssh.certificateData.id", "pointer"},
    {SSH("certificateData:{source:'file',provider:'d',id:'/a~2'}"), "agents.defaults.sandbox.ssh.certificateData.id", "~"},
    {SSH("knownHostsData:{source:'exec',provider:'d',id:'vault/ssh.key:1'}"), NULL, NULL},
    {SSH("knownHostsData:{source:'exec',provider:'d',id:'a/../b'}"), "agents.defaults.sandbox.ssh.knownHostsData.id", ".."},
    {SSH("knownHostsData:{source:'exec',provider:'d',id:'.'}"), "agents.defaults.sandbox.ssh.knownHostsData.id", ""},
    {SSH("knownHostsData:{source:'exec',provider:'d',id:'a/./b'}"), "agents.defaults.sandbox.ssh.knownHostsData.id", ""},
    {SSH("knownHostsData:{source:'exec',provider:'d',id:'a/...'}"), NULL, NULL},
    /* tool policy and elevated */
    {"{tools:{sandbox:{tools:{allow:['a'],deny:[]}},web:{},profile:'full'}}", NULL, NULL},
    {"{tools:{sandbox:{tools:{allow:['a'],alsoAllow:['b']}}}}", "tools.sandbox.tools.alsoAllow", "allow"},
    {"{tools:{sandbox:{tools:{allow:[],alsoAllow:['b']}}}}", NULL, NULL},
    {"{tools:{sandbox:{tools:{allow:'a'}}}}", "tools.sandbox.tools.allow", "list"},
    {"{tools:{sandbox:{tool:{}}}}", "tools.sandbox.tool", "did you mean 'tools'"},
    {"{tools:{sandboxes:{}}}", "tools.sandboxes", "did you mean 'sandbox'"},
    {AGENT("tools:{sandbox:{tools:{deny:[1]}}}"), "agents.list[0].tools.sandbox.tools.deny[0]", "string"},
    {AGENT("tools:{web:{}}"), "agents.list[0].tools.web", "unknown key"},
    {"{tools:{elevated:{enabled:true,allowFrom:{telegram:['*',5]}}}}", NULL, NULL},
    {"{tools:{elevated:{allowFrom:{telegram:'*'}}}}", "tools.elevated.allowFrom.telegram", "list"},
    {AGENT("tools:{elevated:{on:true}}"), "agents.list[0].tools.elevated.on", "unknown key"},
    /* openshell */
    {"{plugins:{entries:{other:{x:1},openshell:{enabled:true,config:{}}}}}", NULL, NULL},
    {"{plugins:{entries:{openshell:{conf:{}}}}}", "plugins.entries.openshell.conf", "did you mean 'config'"},
    {SHELL("mode:'Remote'"), "plugins.entries.openshell.config.mode", "remote"},
    {SHELL("gpu:'yes'"), "plugins.entries.openshell.config.gpu", "true or false"},
};

static void run(struct arena *a, const char *text, struct diags *d)
{
    struct node *root = data_json5(a, text);
    int rc;

    *d = (struct diags){.arena = a};
    rc = oc_validate(a, root, &places, d);
    assert_int_equal(rc, d->n_errors ? -1 : 0);
    diags_sort(d);
}

static void each_key_is_judged_as_openclaw_judges_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct one *c = &cases[i];
        ARENA_AUTO a = arena_new();
        struct diags d;

        run(a, c->text, &d);
        if (d.n != (c->key ? 1 : 0))
            fail_msg("%s: %zu errors; the first: %s: %s", c->text, d.n, d.n ? d.v[0].key : "", d.n ? d.v[0].msg : "");
        if (c->key && (strcmp(d.v[0].key, c->key) != 0 || !strstr(d.v[0].msg, c->says)))
            fail_msg("%s: %s: %s", c->text, d.v[0].key, d.v[0].msg);
        if (c->key && (d.v[0].pos.line != 1 || d.v[0].pos.col == 0 || !d.v[0].pos.file))
            fail_msg("%s: no place", c->text);
    }
}

/* The very configs that the plugin itself was given. */
static void openshell_is_judged_as_the_plugin_judges_it(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *v = data_get(vectors_read(a, "tests/vectors/ssh-openshell-config.json"), "cases", NODE_ARRAY);

    (void)state;
    assert_true(v->n_items > 20);
    for (size_t i = 0; i < v->n_items; i++) {
        struct node *config = node_get(v->items[i], "pluginConfig"), *root = node_object(a), *entries = node_object(a);
        struct node *plugins = node_object(a), *plugin = node_object(a);
        struct diags d = {.arena = a};

        if (config->kind != NODE_OBJECT)
            continue;
        node_set(a, plugin, "config", config);
        node_set(a, entries, "openshell", plugin);
        node_set(a, plugins, "entries", entries);
        node_set(a, root, "plugins", plugins);
        if ((oc_validate(a, root, &places, &d) == 0) != (node_get(v->items[i], "observed") != NULL))
            fail_msg("%s: %s", node_json(a, config), d.n ? d.v[0].msg : "accepted");
    }
}

static void every_error_is_told_at_its_place(void **state)
{
    static const struct {
        const char *key;
        unsigned line, col;
    } wanted[] = {
        {"agents.defaults.sandbox.mode", 3, 11},        {"agents.defaults.sandbox.docker.pidsLimit", 4, 23},
        {"agents.defaults.sandbox.docker.foo", 4, 26},  {"agents.defaults.sandbox.docker.network", 4, 41},
        {"agents.list[0].sandbox.docker.image", 6, 43}, {"tools.sandbox.tools.alow", 7, 25},
    };
    ARENA_AUTO a = arena_new();
    struct diags d;

    (void)state;
    /* A cross check runs beside a bad range and an unknown key, but not where a type in the same object is wrong. */
    run(a,
        "{agents: {\n"
        "  defaults: {sandbox: {\n"
        "    mode: 'on',\n"
        "    docker: {pidsLimit: 0, foo: 1, network: 'host'}}},\n"
        "  list: [\n"
        "    {id: 'a', sandbox: {docker: {image:   5, network: 'host'}}}]},\n"
        " tools: {sandbox: {tools: {alow: []}}}}",
        &d);
    for (size_t i = 0; i < d.n && i < sizeof wanted / sizeof wanted[0]; i++)
        if (strcmp(d.v[i].key, wanted[i].key) != 0 || d.v[i].pos.line != wanted[i].line)
            fail_msg("%zu: %s at %u:%u: %s", i, d.v[i].key, d.v[i].pos.line, d.v[i].pos.col, d.v[i].msg);
    assert_int_equal(d.n, sizeof wanted / sizeof wanted[0]);
    assert_string_equal(d.v[5].msg, "unknown key; did you mean 'allow'?");
}

static void agents_do_not_share_a_state_directory(void **state)
{
    static const struct one dirs[] = {
        {"{agents:{list:[{id:'a',agentDir:'/x'},{id:'b',agentDir:'/x'}]}}", "agents.list[1].agentDir", "'a' and 'b'"},
        {"{agents:{list:[{id:'a',agentDir:'/x'},{id:'b',agentDir:' /y/../x/ '}]}}", "agents.list[1].agentDir", "'a' and 'b'"},
        {"{agents:{list:[{id:'a',agentDir:'x'},{id:'b',agentDir:'/cwd/x'}]}}", "agents.list[1].agentDir", "'a' and 'b'"},
        {"{agents:{list:[{id:'a',agentDir:'/h/.openclaw/agents/b/agent'},{id:'b'}]}}", "agents.list[1]", "'a' and 'b'"},
        {"{agents:{list:[{id:'a',agentDir:'/h/.openclaw/agents/c/agent'}]},bindings:[{agentId:'C'}]}", "agents.list",
         "'a' and 'c'"},
        {"{agents:{list:[{id:'a',agentDir:'/x'},{id:'A',agentDir:'/x'}]}}", NULL, NULL}, /* one agent, written twice */
        {"{agents:{list:[{id:'a',agentDir:'~/x'},{id:'b',agentDir:'/h/x'}]}}", "agents.list[1].agentDir", "'a' and 'b'"},
        {"{agents:{list:[{id:'',agentDir:'/x'},{id:'b',agentDir:'/x'}]}}", "agents.list[1].agentDir", "'main' and 'b'"},
        {"{agents:{list:[{id:'b',agentDir:'/x'},{id:'',agentDir:'/x'}]}}", NULL, NULL}, /* it has no id, and is not the default */
        {"{agents:{list:[{id:'a',agentDir:' '},{id:'b'}]}}", NULL, NULL},
        {"{agents:{list:[{id:'a'}]},bindings:[{agentId:'a'},{agentId:'b'},{agentId:' '},5]}", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        ARENA_AUTO a = arena_new();
        struct diags d;

        run(a, dirs[i].text, &d);
        if (d.n != (dirs[i].key ? 1 : 0) ||
            (dirs[i].key && (strcmp(d.v[0].key, dirs[i].key) != 0 || !strstr(d.v[0].msg, dirs[i].says))))
            fail_msg("%s: %s: %s", dirs[i].text, d.n ? d.v[0].key : "", d.n ? d.v[0].msg : "");
    }
}

static void secrets_are_not_repeated_in_errors(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct node *root =
        data_json5(a, "{agents:{defaults:{sandbox:{mode:'CANARY',docker:{binds:['CANARY:/x'],network:'host'}}}}}");
    struct node *sandbox = node_path(root, "agents", "defaults", "sandbox", NULL);

    (void)state;
    node_get(sandbox, "mode")->secret = true;
    node_path(sandbox, "docker", "binds", NULL)->items[0]->secret = true;
    assert_int_equal(oc_validate(a, root, &places, &d), -1);
    for (size_t i = 0; i < d.n; i++)
        assert_null(strstr(d.v[i].msg, "CANARY"));
}

static void walk(const struct schema_object *t, unsigned depth)
{
    if (depth > 12)
        fail_msg("%s: too deep", t->name);
    for (size_t i = 0; i < t->n_fields; i++) {
        const struct schema_value *v = &t->fields[i].value;

        if (!t->fields[i].doc || !*t->fields[i].doc)
            fail_msg("%s.%s: no doc", t->name, t->fields[i].key);
        for (size_t j = 0; j < i; j++)
            if (strcmp(t->fields[i].key, t->fields[j].key) == 0)
                fail_msg("%s.%s stands twice", t->name, t->fields[i].key);
        while (v->item)
            v = v->item;
        if (v->type == SCHEMA_OBJECT)
            walk(v->object, depth + 1);
    }
}

/* The names of OpenClaw's own schema, per table: a key more or less is a config refused or a typo missed. */
static void tables_hold_the_keys_of_the_release(void **state)
{
    const struct schema_object *agents = schema_find(&oc_keys_2026_5, "agents")->value.object;

    (void)state;
    walk(&oc_keys_2026_5, 0);
    assert_int_equal(oc_keys_2026_5.n_fields, 42);
    assert_int_equal(agents->n_fields, 2);
    assert_int_equal(schema_find(agents, "defaults")->value.object->n_fields, 58);
    assert_int_equal(schema_find(agents, "list")->value.item->object->n_fields, 28);
    assert_int_equal(schema_find(&oc_keys_2026_5, "tools")->value.object->n_fields, 19);
    assert_int_equal(oc_sandbox_2026_5.n_fields, 10);
    assert_int_equal(schema_find(&oc_sandbox_2026_5, "docker")->value.object->n_fields, 24);
    assert_int_equal(schema_find(&oc_sandbox_2026_5, "browser")->value.object->n_fields, 14);
    assert_int_equal(schema_find(&oc_sandbox_2026_5, "ssh")->value.object->n_fields, 11);
    assert_int_equal(schema_find(&oc_sandbox_2026_5, "prune")->value.object->n_fields, 2);
    assert_int_equal(oc_keys_openshell.n_fields, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_is_judged_as_openclaw_judges_it), cmocka_unit_test(openshell_is_judged_as_the_plugin_judges_it),
        cmocka_unit_test(every_error_is_told_at_its_place),         cmocka_unit_test(agents_do_not_share_a_state_directory),
        cmocka_unit_test(secrets_are_not_repeated_in_errors),       cmocka_unit_test(tables_hold_the_keys_of_the_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
