/* keys: OpenClaw's strict keys, as far as sandboxes depend on them: every error, with its place. */
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

static void run_in(struct arena *a, const struct oc_places *at, const char *text, struct diags *d)
{
    struct node *root = data_json5(a, text);
    int rc;

    *d = (struct diags){.arena = a};
    rc = oc_validate(a, root, at, d);
    assert_int_equal(rc, d->n_errors ? -1 : 0);
    diags_sort(d);
}

static void run(struct arena *a, const char *text, struct diags *d)
{
    run_in(a, &places, text, d);
}

static void judge(const struct oc_places *at, const struct one *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct one *c = &list[i];
        ARENA_AUTO a = arena_new();
        struct diags d;

        run_in(a, at, c->text, &d);
        if (d.n != (c->key ? 1 : 0))
            fail_msg("%s: %zu errors; the first: %s: %s", c->text, d.n, d.n ? d.v[0].key : "", d.n ? d.v[0].msg : "");
        if (c->key && (strcmp(d.v[0].key, c->key) != 0 || !strstr(d.v[0].msg, c->says)))
            fail_msg("%s: %s: %s", c->text, d.v[0].key, d.v[0].msg);
        if (c->key && (d.v[0].pos.line != 1 || d.v[0].pos.col == 0 || !d.v[0].pos.file))
            fail_msg("%s: no place", c->text);
    }
}

static void each_key_is_judged_as_openclaw_judges_it(void **state)
{
    (void)state;
    judge(&places, cases, sizeof cases / sizeof cases[0]);
}

#define ID_64     "a123456789012345678901234567890123456789012345678901234567890123"
#define E(ids)    "{agents:{ownership:'explicit',entries:{" ids "}}}"
#define ENV(text) DOCKER("env:{" text "}")

/* What 2026.9 judges in another way; a warning is one thing, too. */
static const struct one cases_2026_9[] = {
    /* the roster */
    {"{}", NULL, NULL},
    {"{agents:{}}", NULL, NULL},
    {"{agents:{entries:{}}}", NULL, NULL},
    {"{agents:{entries:{work:{}}}}", NULL, NULL},
    {"{agents:{entries:{_a:{}}}}", NULL, NULL},
    {"{agents:{entries:{" ID_64 ":{}}}}", NULL, NULL},
    {"{agents:{entries:{" ID_64 "4:{}}}}", "agents.entries." ID_64 "4", "64"},
    {"{agents:{entries:{'':{}}}}", "agents.entries[\"\"]", "no id"},
    {"{agents:{entries:{'-a':{}}}}", "agents.entries.-a", "no id"},
    {"{agents:{entries:{'Work Bot':{}}}}", "agents.entries[\"Work Bot\"]", "no id"},
    {"{agents:{entries:{'w\\u00f6rk':{}}}}", "agents.entries[\"w\xc3\xb6rk\"]", "no id"},
    {"{agents:{entries:[]}}", "agents.entries", ""},
    {"{agents:{entries:null}}", "agents.entries", ""},
    {"{agents:{entries:{a:null}}}", "agents.entries.a", "object"},
    {"{agents:{entries:{a:{id:'a'}}}}", "agents.entries.a.id", "the key that it stands under"},
    {"{agents:{entries:{a:{sanbox:{}}}}}", "agents.entries.a.sanbox", "did you mean 'sandbox'"},
    {"{agents:{entries:{a:{systemPromptOverride:'x'}}}}", "agents.entries.a.systemPromptOverride", "unknown key"},
    {E("a:{},b:{}"), NULL, NULL},
    {E("a:{},A:{}"), "agents.entries.A", "the same agent as 'a'"},
    {E("a:{agentDir:'/x'},b:{agentDir:'/x'}"), "agents.entries.b.agentDir", "'a' and 'b'"},
    {"{agents:{entries:{a:{},b:{}}}}", "agents.ownership", "explicit"},
    {"{agents:{ownership:'a',entries:{a:{}}}}", "agents.ownership", "explicit"},
    {"{agents:{ownership:'explicit'}}", "agents.ownership", "must be an agent"},
    {"{agents:{ownership:'explicit',entries:{}}}", "agents.ownership", "must be an agent"},
    {"{agents:{entries:{a:{default:true},b:{}}}}", "agents.entries.a.default", "mark"}, /* a warning */
    {"{agents:{entries:{a:{default:false}}}}", NULL, NULL},
    {E("a:{default:true},b:{}"), "agents.entries.a.default", "ownership"},
    /* the older roster, with a warning each */
    {"{agents:{list:[{id:'work'}]}}", "agents.list", "2026.5"},
    {"{agents:{list:[]}}", "agents.list", "2026.5"},
    {"{agents:{list:[],entries:{}}}", "agents.list", "beside agents.entries"},
    {"{agents:{list:{}}}", "agents.list", "list"},
    /* the sandbox */
    {BROWSER("noVncEnabled:false"), NULL, NULL},
    {BROWSER("enableNoVnc:false"), "agents.defaults.sandbox.browser.enableNoVnc", "'noVncEnabled'"},
    {BROWSER("binds:['/a:/b']"), NULL, NULL},
    {BROWSER("binds:['aa:/b']"), "agents.defaults.sandbox.browser.binds[0]", "absolute"},
    {BROWSER("binds:[' ']"), "agents.defaults.sandbox.browser.binds[0]", "blank"},
    {D("{perSession:true}"), "agents.defaults.sandbox.perSession", "scope"},
    {D("{tools:{}}"), "agents.defaults.sandbox.tools", "agents.entries.*.tools.sandbox.tools"},
    {DOCKER("binds:['/a']"), NULL, NULL},
    {DOCKER("binds:[' /a:/b']"), "agents.defaults.sandbox.docker.binds[0]", "without blanks"},
    {DOCKER("binds:[':/a']"), "agents.defaults.sandbox.docker.binds[0]", "absolute"},
    {DOCKER("binds:['C:\\\\x:/x','c:/x:/x','//?/C:/x:/y']"), "agents.defaults.sandbox.docker.binds[2]", "absolute"},
    {DOCKER("binds:['C:x:/x']"), "agents.defaults.sandbox.docker.binds[0]", "absolute"},
    {DOCKER("network:'host'"), "agents.defaults.sandbox.docker.network", "host"},
    {SSH("identityFile:''"), "agents.defaults.sandbox.ssh.identityFile", "empty"},
    {SSH("identityData:{source:'store',provider:'default',id:'KEY'}"), NULL, NULL},
    /* variables of a container */
    {ENV("_a1:'x',B:''"), NULL, NULL},
    {ENV("'1A':'x'"), "agents.defaults.sandbox.docker.env.1A", "letters, digits"},
    {ENV("' A':'x'"), "agents.defaults.sandbox.docker.env[\" A\"]", "letters, digits"},
    {ENV("'':'x'"), "agents.defaults.sandbox.docker.env[\"\"]", "letters, digits"},
    {ENV("A:'x\\ny'"), "agents.defaults.sandbox.docker.env.A", "one line"},
    {ENV("A:'x\\r'"), "agents.defaults.sandbox.docker.env.A", "one line"},
    {D("{backend:'ssh',docker:{env:{'A B':'x\\ny'}}}"), NULL, NULL},
    {D("{backend:' podman ',docker:{env:{'A B':'x'}}}"), "agents.defaults.sandbox.docker.env[\"A B\"]", "letters, digits"},
    {"{agents:{defaults:{sandbox:{docker:{env:{A:'x\\n'}}}},entries:{a:{sandbox:{docker:{env:{A:'y'}}}}}}}", NULL, NULL},
    {"{agents:{entries:{a:{sandbox:{docker:{env:{A:'x\\n'}}}}}}}", "agents.entries.a.sandbox.docker.env.A", "one line"},
    {"{agents:{entries:{a:{sandbox:{scope:'shared',docker:{env:{A:'x\\n'}}}}}}}", NULL, NULL},
    /* two agents, one fault of both: told once */
    {"{agents:{ownership:'explicit',defaults:{sandbox:{docker:{env:{A:'x\\n'}}}},entries:{a:{},b:{}}}}",
     "agents.defaults.sandbox.docker.env.A", "one line"},
    /* the rest of the file */
    {"{meta:{lastTouchedVersion:'2026.9.6',migrations:{}}}", NULL, NULL},
    {"{meta:{lastTouchedAt:'x'}}", "meta.lastTouchedAt", "doctor --fix"},
    {"{meta:{bogus:1}}", "meta.bogus", "unknown key"},
    {"{env:{vars:{A:'x'},shellEnv:{}}}", NULL, NULL},
    {"{env:{A:'x'}}", "env.A", "env.vars"},
    {"{env:{vars:{A:1}}}", "env.vars.A", "string"},
    {"{canvasHost:{}}", "canvasHost", "unknown key"},
    {"{plugins:{entries:{openshell:{config:{workspace:'x',mode:'mirror'}}}}}", NULL, NULL},
    {"{plugins:{entries:{openshell:{config:{mode:'x'}}}}}", "plugins.entries.openshell.config.mode", "mirror"},
};

static const struct oc_places places_2026_9 = {
    .home = "/h", .state_dir = "/h/.openclaw", .cwd = "/cwd", .line = &oc_profiles[OC_LINE_2026_9]};

static void each_key_is_judged_as_openclaw_2026_9_judges_it(void **state)
{
    (void)state;
    judge(&places_2026_9, cases_2026_9, sizeof cases_2026_9 / sizeof cases_2026_9[0]);
}

/* Each of these is refused in OpenClaw as an unknown `list`; here at what makes it so, beside the warning. */
static void a_list_is_taken_over_only_with_ids_in_normal_form(void **state)
{
    static const struct one lists[] = {
        {"{agents:{list:[{id:'Work'}]}}", "agents.list[0].id", "'work'"},
        {"{agents:{list:[{id:' work'}]}}", "agents.list[0].id", "'work'"},
        {"{agents:{list:[{id:''}]}}", "agents.list[0].id", "'main'"},
        {"{agents:{ownership:'explicit',list:[{id:'a'},{id:'a'}]}}", "agents.list[1].id", "another agent"},
        {"{agents:{list:[{id:'a'},{id:'b'}]}}", "agents.ownership", "explicit"},
        {"{agents:{list:[{id:'a',default:true},{id:'b',default:true}]}}", "agents.list[1].default", "another agent"},
        {"{agents:{list:[{}]}}", "agents.list[0].id", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        ARENA_AUTO a = arena_new();
        struct diags d;
        size_t found = 0;

        run_in(a, &places_2026_9, lists[i].text, &d);
        for (size_t k = 0; k < d.n; k++)
            if (d.v[k].level == DIAG_ERROR && strcmp(d.v[k].key, lists[i].key) == 0 && strstr(d.v[k].msg, lists[i].says))
                found++;
        if (found != 1 || d.n_errors != 1)
            fail_msg("%s: %zu errors; the last: %s: %s", lists[i].text, d.n_errors, d.v[d.n - 1].key, d.v[d.n - 1].msg);
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
    static const struct {
        enum oc_line line;
        const char *roster;
        size_t n_root, n_agents, n_defaults, n_entry, n_tools, n_agent_tools;
    } lines[] = {
        {OC_LINE_2026_5, "list", 42, 2, 58, 28, 19, 10},
        {OC_LINE_2026_9, "entries", 44, 4, 54, 36, 24, 15},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct schema_object *keys = oc_profiles[lines[i].line].keys, *sandbox = oc_profiles[lines[i].line].sandbox_keys;
        const struct schema_object *agents = schema_find(keys, "agents")->value.object;
        const struct schema_object *entry = schema_find(agents, lines[i].roster)->value.item->object;

        walk(keys, 0);
        assert_int_equal(keys->n_fields, lines[i].n_root);
        assert_int_equal(agents->n_fields, lines[i].n_agents);
        assert_int_equal(schema_find(agents, "defaults")->value.object->n_fields, lines[i].n_defaults);
        assert_int_equal(entry->n_fields, lines[i].n_entry);
        assert_int_equal(schema_find(keys, "tools")->value.object->n_fields, lines[i].n_tools);
        assert_int_equal(schema_find(entry, "tools")->value.object->n_fields, lines[i].n_agent_tools);
        assert_ptr_equal(schema_find(entry, "sandbox")->value.object, sandbox);
        assert_int_equal(sandbox->n_fields, 10);
        assert_int_equal(schema_find(sandbox, "docker")->value.object->n_fields, 24);
        assert_int_equal(schema_find(sandbox, "browser")->value.object->n_fields, 14);
        assert_non_null(schema_find(schema_find(sandbox, "browser")->value.object, oc_profiles[lines[i].line].no_vnc_key));
        assert_int_equal(schema_find(sandbox, "ssh")->value.object->n_fields, 11);
        assert_int_equal(schema_find(sandbox, "prune")->value.object->n_fields, 2);
    }
    assert_int_equal(oc_keys_openshell.n_fields, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_is_judged_as_openclaw_judges_it),
        cmocka_unit_test(each_key_is_judged_as_openclaw_2026_9_judges_it),
        cmocka_unit_test(a_list_is_taken_over_only_with_ids_in_normal_form),
        cmocka_unit_test(openshell_is_judged_as_the_plugin_judges_it),
        cmocka_unit_test(every_error_is_told_at_its_place),
        cmocka_unit_test(agents_do_not_share_a_state_directory),
        cmocka_unit_test(secrets_are_not_repeated_in_errors),
        cmocka_unit_test(tables_hold_the_keys_of_the_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
