/* A container made from a body inspects to the same fields; what differs is named under the owner's key. */
#include "spec/engine_fields.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CAPTURED "tests/data/engine/docker-20.10.24.json"

/* Every difference, one per line. */
static const char *diff(struct arena *a, const struct node *body, const struct node *inspect, const struct node *image)
{
    struct err e = {0};
    struct fields seen;
    struct field_change *changes;
    if (engine_inspect_fields(a, inspect, body, image, &seen, &e) < 0)
        fail_msg("%s", e.msg);
    /* From what there is to what is wanted. */
    size_t n = fields_diff(a, engine_body_fields(a, body), seen, &changes);
    BUF_AUTO b = BUF_INIT(1 << 20);
    for (size_t i = 0; i < n; i++) {
        buf_puts(&b, i > 0 ? "\n" : "");
        field_change_format(&b, &changes[i]);
    }
    return arena_strdup(a, buf_str(&b));
}

static const struct node *captured(struct arena *a, const struct node *all, const char *name)
{
    const struct node *list = node_get(all, "containers");
    for (size_t i = 0; i < list->n_items; i++)
        if (strcmp(node_str(node_get(list->items[i], "name")), name) == 0)
            return node_copy(a, list->items[i]);
    fail_msg("%s: not captured", name);
    return NULL;
}

static void a_container_inspects_to_the_fields_of_its_body(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *list = node_get(vectors_read(a, CAPTURED), "containers");
    assert_int_equal(list->n_items, 43);
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *c = list->items[i], *body = node_get(c, "body"), *inspect = node_get(c, "inspect");
        const char *with_image = diff(a, body, inspect, node_get(c, "image")), *without = diff(a, body, inspect, NULL);
        if (*with_image != '\0' || *without != '\0')
            fail_msg("%s:\n%s\nwithout its image:\n%s", node_str(node_get(c, "name")), with_image, without);
        assert_true(engine_body_fields(a, body).n > 5);
    }
}

/* What other engines show for the same container: HostConfig or Config, key, value ("" removes the key), and for which values
 * only. The texts are those of Docker 23 to 28 and Podman 4 and 5. */
static const struct {
    const char *section, *key, *only, *value;
} shown[] = {
    {"HostConfig", "NetworkMode", "'default'", "'bridge'"},
    {"HostConfig", "NetworkMode", "'bridge'", "'default'"},
    {"HostConfig", "MemorySwappiness", NULL, "-1"},
    {"HostConfig", "OomKillDisable", NULL, "null"},
    {"HostConfig", "PidsLimit", "null", "0"},
    {"HostConfig", "PidsLimit", "null", "-1"},
    {"HostConfig", "MemorySwap", "0", "-1"}, /* no swap accounting */
    {"HostConfig", "KernelMemory", NULL, ""},
    {"HostConfig", "KernelMemoryTCP", NULL, ""},
    {"HostConfig", "CgroupnsMode", NULL, "'private'"},
    {"HostConfig", "IpcMode", NULL, "'shareable'"},
    {"HostConfig", "Runtime", NULL, "'crun'"},
    {"HostConfig", "ShmSize", NULL, "65536000"},
    {"HostConfig", "CapDrop", "null", "[]"},
    {"HostConfig", "CapDrop", "['ALL']", "['all']"},
    {"HostConfig", "CapDrop", "['SYS_ADMIN','MKNOD']", "['CAP_MKNOD','CAP_SYS_ADMIN']"},
    {"HostConfig", "CapAdd", "null", "[]"},
    {"HostConfig", "Dns", "[]", "null"},
    {"HostConfig", "ExtraHosts", "null", "[]"},
    {"HostConfig", "Ulimits", "null", "[]"},
    {"HostConfig", "Ulimits", "null", "[{Name:'RLIMIT_NOFILE',Soft:1024,Hard:1024}]"},
    {"HostConfig", "DeviceRequests", "null", "[]"},
    {"HostConfig", "Devices", "[]", "null"},
    {"HostConfig", "SecurityOpt", "['no-new-privileges']", "['no-new-privileges=true']"},
    {"HostConfig", "SecurityOpt", "['no-new-privileges']", "['no-new-privileges:true']"},
    {"HostConfig", "Binds", "['/tmp/ocvec/ws:/workspace:ro,z']", "['/tmp/ocvec/ws:/workspace:ro,rprivate,rbind']"},
    {"HostConfig", "Binds", "['/tmp/ocvec/aws:/workspace:z']", "['/tmp/ocvec/aws:/workspace/:rw,rprivate,rbind']"},
    {"HostConfig", "PortBindings", "{'9222/tcp':[{HostIp:'127.0.0.1',HostPort:''}]}",
     "{'9222/tcp':[{HostIp:'127.0.0.1',HostPort:'0'}]}"},
    {"HostConfig", "Tmpfs", "{'/tmp':'','/var/tmp':'','/run':''}",
     "{'/tmp':'rw,rprivate,nosuid,nodev,tmpcopyup','/var/tmp':'rw,rprivate,nosuid,nodev,tmpcopyup',"
     "'/run':'rw,rprivate,nosuid,nodev,tmpcopyup'}"},
    {"Config", "Image", "'openclaw-sandbox:bookworm-slim'", "'docker.io/library/openclaw-sandbox:bookworm-slim'"},
    {"Config", "Image", "'openclaw-sandbox:bookworm-slim'", "'localhost/openclaw-sandbox:bookworm-slim'"},
    {"Config", "Volumes", "null", "{}"},
    {"Config", "Entrypoint", "null", "[]"},
    {"Config", "OnBuild", NULL, ""},
    {"Config", "Hostname", NULL, "'other'"},
    {"Config", "Domainname", NULL, ""},
};

static void other_engines_show_the_same_container_otherwise(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *list = node_get(vectors_read(a, CAPTURED), "containers");
    for (size_t m = 0; m < sizeof shown / sizeof *shown; m++) {
        size_t n = 0;
        for (size_t i = 0; i < list->n_items; i++) {
            struct node *c = list->items[i], *inspect = node_copy(a, node_get(c, "inspect"));
            struct node *section = node_get(inspect, shown[m].section), *now = node_get(section, shown[m].key);
            if (shown[m].only != NULL && (now == NULL || !node_equal(now, vectors_json(a, shown[m].only))))
                continue;
            n++;
            if (*shown[m].value == '\0')
                (void)node_unset(section, shown[m].key);
            else
                node_set(a, section, shown[m].key, vectors_json(a, shown[m].value));
            const char *d = diff(a, node_get(c, "body"), inspect, node_get(c, "image"));
            if (*d != '\0')
                fail_msg("%s with %s %s: %s", node_str(node_get(c, "name")), shown[m].key, shown[m].value, d);
        }
        if (n == 0)
            fail_msg("%s %s: no container shows it", shown[m].key, shown[m].only);
    }
}

/* Sets body.path to value, where a path of two parts goes into a section. "" removes it. */
static void edit(struct arena *a, struct node *body, const char *path, const char *value)
{
    const char *dot = strchr(path, '/');
    struct node *o = body;
    if (dot != NULL) {
        o = node_get(body, arena_memdup0(a, path, (size_t)(dot - path)));
        path = dot + 1;
    }
    if (*value == '\0')
        (void)node_unset(o, path);
    else
        node_set(a, o, path, vectors_json(a, value));
}

static void what_differs_is_named_under_the_owners_key(void **state)
{
    static const struct {
        const char *container, *path, *value, *diff;
    } table[] = {
        {"c:mem-str", "HostConfig/Memory", "2147483648", "docker.memory: 1g -> 2g\ndocker.memorySwap: (none) -> 2g"},
        {"c:mem-str", "HostConfig/MemorySwap", "-1", "docker.memorySwap: (none) -> -1"},
        {"x-mem-num", "HostConfig/Memory", "0", "docker.memory: 512m -> (none)"},
        {"c:empty", "HostConfig/NanoCpus", "500000000", "docker.cpus: (none) -> 0.5"},
        {"c:cpus-frac", "HostConfig/NanoCpus", "2000000000", "docker.cpus: 0.5 -> 2"},
        {"c:pids", "HostConfig/PidsLimit", "0", "docker.pidsLimit: 256 -> (none)"},
        {"c:empty", "Image", "'debian:bookworm'", "docker.image: openclaw-sandbox:bookworm-slim -> debian:bookworm"},
        {"c:empty", "Env", "['LANG=de_DE','OPENCLAW_CLI=1']", "docker.env.LANG: C.UTF-8 -> de_DE"},
        {"c:env", "Env", "['A=1','OPENCLAW_CLI=1']", ""}, /* without the image nobody knows where B comes from */
        {"c:empty", "User", "'0:0'", "docker.user: (none) -> 0:0"},
        {"c:user", "User", "'1:1'", "docker.user: 1000:1000 -> 1:1"},
        {"c:empty", "HostConfig/NetworkMode", "'default'", "docker.network: none -> bridge"},
        {"c:empty", "HostConfig/ReadonlyRootfs", "false", "docker.readOnlyRoot: true -> false"},
        {"c:empty", "HostConfig/CapDrop", "['NET_RAW','CAP_MKNOD']", "docker.capDrop: ALL -> MKNOD, NET_RAW"},
        {"c:capdrop-empty", "HostConfig/CapDrop", "['ALL']", "docker.capDrop: (none) -> ALL"},
        {"c:empty", "HostConfig/Tmpfs", "{'/tmp':'size=1m','/run':''}",
         "docker.tmpfs[/tmp]: (default) -> size=1m\ndocker.tmpfs[/var/tmp]: (default) -> (none)"},
        {"c:empty", "HostConfig/Binds", "['/x:/workspace:z','/a:/agent:ro,z','/d:/data']",
         "agentWorkspaceDir: (none) -> /a:ro\ndocker.binds[/data]: (none) -> /d\nworkspaceDir: /tmp/ocvec/ws:ro -> /x"},
        {"c:empty", "Volumes", "{'/v':{}}", "docker.binds[/v]: (none) -> (anonymous volume)"},
        {"x-dns", "HostConfig/Dns", "['8.8.8.8','1.1.1.1']", "docker.dns: 1.1.1.1, 8.8.8.8 -> 8.8.8.8, 1.1.1.1"},
        {"x-hosts", "HostConfig/ExtraHosts", "['h:host-gateway','a:1.2.3.4']", ""},
        {"c:ulimits", "HostConfig/Ulimits", "[{Name:'nofile',Soft:1,Hard:2}]",
         "docker.ulimits.core: 0 -> (none)\ndocker.ulimits.nofile: 1024:2048 -> 1:2\ndocker.ulimits.nproc: 256 -> (none)"},
        {"c:gpus", "HostConfig/DeviceRequests", "[{Driver:'',Count:0,DeviceIDs:['0','1'],Capabilities:[['gpu']]}]",
         "docker.gpus: all -> device=0, 1"},
        {"c:empty", "HostConfig/SecurityOpt", "['no-new-privileges','apparmor=x','seccomp={\"a\":1}']",
         "docker.apparmorProfile: (none) -> x\ndocker.seccompProfile: (none) -> sha256:015abd7f5cc5"},
        {"c:empty", "Cmd", "['sleep','1 2']", "docker.command: [\"sleep\",\"infinity\"] -> [\"sleep\",\"1 2\"]"},
        {"c:empty", "Labels/openclaw.sessionKey", "'agent:other'", "labels.openclaw.sessionKey: agent:main -> agent:other"},
        {"c:empty", "Labels/openclaw.createdAtMs", "'1'", ""},
        {"c:empty", "Labels/openclaw.configHash", "'beef'",
         "docker.configHash: 1f492296651190648dd63cf29977955286d8f87193eb71d89b3bc1a5d5b79af7 -> beef"},
        {"browser", "HostConfig/NetworkMode", "'n'", "browser.network: openclaw-sandbox-browser -> n"},
        {"sandbox", "HostConfig/Memory", "1073741824", "limits.memory: 512m -> 1g"},
        {"sandbox", "HostConfig/Binds", "['/tmp/ocvec/ws:/workspace:ro','/tmp/ocvec/aws:/ro:ro']",
         "workspaces[/workspace]: /tmp/ocvec/ws -> /tmp/ocvec/ws:ro"},
        {"sandbox", "Labels/team", "'blue'", "labels.team: red -> blue"},
        {"sandbox", "Labels/reconclaw.setup", "'cccccccccccccccc'", "setup: sha256:bbbbbbbbbbbb -> sha256:cccccccccccc"},
        {"sandbox", "Labels/reconclaw.install", "'fedcba9876543210'", ""},
        {"join", "HostConfig/NetworkMode", "'none'", NULL}, /* the engine shows an id: any text, but a difference */
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct node *c = captured(a, all, table[i].container);
        struct node *body = node_get(c, "body");
        edit(a, body, table[i].path, table[i].value);
        const char *d = diff(a, body, node_get(c, "inspect"), NULL);
        if (table[i].diff == NULL ? *d == '\0' : strcmp(d, table[i].diff) != 0)
            fail_msg("%s %s:\n got    %s\n wanted %s", table[i].container, table[i].path, d, table[i].diff);
    }
}

static void a_workspace_keeps_its_name_where_the_workdir_moves(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    const struct node *c = captured(a, all, "c:workdir");
    edit(a, node_get(c, "body"), "WorkingDir", "'/w'");
    edit(a, node_get(c, "body"), "HostConfig/Binds", "['/tmp/ocvec/ws:/w:ro,z']");
    assert_string_equal(diff(a, node_get(c, "body"), node_get(c, "inspect"), NULL), "docker.workdir: /home/sandbox -> /w");
}

static void the_image_tells_what_no_body_has_asked_for(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    const struct node *c = captured(a, all, "c:env");
    struct node *body = node_get(c, "body");
    edit(a, body, "Env", "['A=1','OPENCLAW_CLI=1']");
    /* B goes, and what goes may have been a secret. */
    assert_string_equal(diff(a, body, node_get(c, "inspect"), node_get(c, "image")), "docker.env.B: (sensitive) -> (none)");

    c = captured(a, all, "rich-set"); /* IMG=2 and a user over the image's own */
    body = node_get(c, "body");
    edit(a, body, "Env", "['LANG=C.UTF-8','OPENCLAW_CLI=1']");
    edit(a, body, "User", "''");
    assert_string_equal(diff(a, body, node_get(c, "inspect"), node_get(c, "image")),
                        "docker.env.IMG: (sensitive) -> (none)\ndocker.user: 0:0 -> (none)");

    c = captured(a, all, "sandbox-rich");
    body = node_get(c, "body");
    edit(a, body, "Labels/team", "");
    assert_string_equal(diff(a, body, node_get(c, "inspect"), node_get(c, "image")), "labels.team: red -> (none)");
    assert_string_equal(diff(a, body, node_get(c, "inspect"), NULL), "");
}

static void the_hash_is_shown_only_where_nothing_else_explains_it(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    const struct node *c = captured(a, all, "sandbox");
    struct node *body = node_get(c, "body");
    edit(a, body, "Labels/reconclaw.configHash", "'beef'");
    assert_true(text_has_prefix(diff(a, body, node_get(c, "inspect"), NULL), "configHash: aaaa"));
    edit(a, body, "User", "'7:7'");
    assert_string_equal(diff(a, body, node_get(c, "inspect"), NULL), "user: 0:0 -> 7:7");
    /* The hash is equal, and yet something was changed by hand. */
    c = captured(a, all, "c:pids");
    edit(a, node_get(c, "inspect"), "HostConfig/PidsLimit", "7");
    assert_string_equal(diff(a, node_get(c, "body"), node_get(c, "inspect"), NULL), "docker.pidsLimit: 7 -> 256");
    /* Without a body to compare with, it is a field like others. */
    struct fields f;
    struct err e = {0};
    assert_int_equal(engine_inspect_fields(a, node_get(c, "inspect"), NULL, NULL, &f, &e), 0);
    assert_string_equal(fields_get(f, "docker.configHash"),
                        node_str(node_path(c, "inspect", "Config", "Labels", "openclaw.configHash", NULL)));
}

static enum field_class class_of_change(struct arena *a, const struct node *c, const char *name)
{
    struct fields seen;
    struct err e = {0};
    struct field_change *changes;
    assert_int_equal(engine_inspect_fields(a, node_get(c, "inspect"), node_get(c, "body"), NULL, &seen, &e), 0);
    size_t n = fields_diff(a, engine_body_fields(a, node_get(c, "body")), seen, &changes);
    for (size_t i = 0; i < n; i++)
        if (strcmp(changes[i].name, name) == 0)
            return changes[i].class;
    fail_msg("%s did not change", name);
    return FIELD_CLASS_COUNT;
}

static void only_a_sandboxs_limits_are_patched_and_only_to_other_ones(void **state)
{
    static const struct {
        const char *container, *path, *value, *field;
        enum field_class class;
    } table[] = {
        {"sandbox", "HostConfig/Memory", "1073741824", "limits.memory", FIELD_PATCH},
        {"sandbox", "HostConfig/NanoCpus", "1000000000", "limits.cpus", FIELD_PATCH},
        {"sandbox", "HostConfig/PidsLimit", "7", "limits.pids", FIELD_PATCH},
        {"sandbox", "HostConfig/Memory", "0", "limits.memory", FIELD_RECREATE},
        {"sandbox", "HostConfig/NanoCpus", "", "limits.cpus", FIELD_RECREATE},
        {"sandbox", "HostConfig/PidsLimit", "null", "limits.pids", FIELD_RECREATE},
        {"sandbox", "User", "'1:1'", "user", FIELD_RECREATE},
        {"c:mem-str", "HostConfig/Memory", "536870912", "docker.memory", FIELD_RECREATE},
        {"c:pids", "HostConfig/PidsLimit", "7", "docker.pidsLimit", FIELD_RECREATE},
        {"c:cpus-frac", "HostConfig/NanoCpus", "7", "docker.cpus", FIELD_RECREATE},
        {"browser", "HostConfig/PidsLimit", "7", "docker.pidsLimit", FIELD_RECREATE},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct node *c = captured(a, all, table[i].container);
        edit(a, node_get(c, "body"), table[i].path, table[i].value);
        assert_int_equal(class_of_change(a, c, table[i].field), table[i].class);
    }
}

static void a_limit_that_the_kernel_cannot_hold_is_no_drift(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    const struct node *c = captured(a, all, "x-mem-num");
    struct node *inspect = node_get(c, "inspect"), *body = node_get(c, "body");
    edit(a, inspect, "HostConfig/Memory", "0");
    edit(a, inspect, "HostConfig/MemorySwap", "-1");
    assert_string_equal(diff(a, body, inspect, NULL), "");
    edit(a, body, "Labels/openclaw.configHash", "'beef'"); /* made from another config */
    assert_string_equal(diff(a, body, inspect, NULL), "docker.memory: (none) -> 512m");
}

static void secrets_are_sensitive_whichever_side_knows(void **state)
{
    static const struct {
        const char *was, *is; /* one variable each */
        bool secret;          /* marked in the body */
        const char *diff;
    } table[] = {
        {"COLOUR=red", "COLOUR=blue", false, "docker.env.COLOUR: red -> blue"},
        {"COLOUR=red", "COLOUR=blue", true, "docker.env.COLOUR: (sensitive) -> (sensitive)"},
        {"MY_TOKEN=a", "MY_TOKEN=b", false, "docker.env.MY_TOKEN: (sensitive) -> (sensitive)"},
        {"dsn=a", "dsn=b", false, "docker.env.dsn: (sensitive) -> (sensitive)"},
        {"X=abcdefghijklmno1", "X=b", false, "docker.env.X: (sensitive) -> (sensitive)"},
        {"X=/opt/bin/abcdefghijk1", "X=b", false, "docker.env.X: /opt/bin/abcdefghijk1 -> b"},
        {"X=abcdefghijklmn1", "X=b", false, "docker.env.X: abcdefghijklmn1 -> b"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct node *c = captured(a, all, "c:empty");
        struct node *env[] = {node_get(node_get(c, "body"), "Env"), node_path(c, "inspect", "Config", "Env", NULL)};
        node_push(a, env[1], node_string(a, table[i].was));
        struct node *is = node_string(a, table[i].is);
        is->secret = table[i].secret;
        node_push(a, env[0], is);
        assert_string_equal(diff(a, node_get(c, "body"), node_get(c, "inspect"), NULL), table[i].diff);
    }
}

static void what_was_secret_when_it_was_made_stays_so(void **state)
{
    static const struct {
        const char *label, *diff;
    } table[] = {
        {"COLOUR", "docker.env.COLOUR: (sensitive) -> (sensitive)"},
        {"A=COLOUR=B", "docker.env.COLOUR: (sensitive) -> (sensitive)"},
        {"A=COLOURS", "docker.env.COLOUR: red -> blue"},
        {"MY_COLOUR=COLOU", "docker.env.COLOUR: red -> blue"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct node *c = captured(a, all, "c:empty");
        node_push(a, node_path(c, "inspect", "Config", "Env", NULL), node_string(a, "COLOUR=red"));
        node_push(a, node_get(node_get(c, "body"), "Env"), node_string(a, "COLOUR=blue"));
        node_set(a, node_path(c, "inspect", "Config", "Labels", NULL), ENGINE_LABEL_SECRETS, node_string(a, table[i].label));
        assert_string_equal(diff(a, node_get(c, "body"), node_get(c, "inspect"), NULL), table[i].diff);
    }
    struct node *body = vectors_json(a, "{Env:['A=1','B=2','C=3']}");
    assert_null(engine_secret_names(a, body));
    node_get(body, "Env")->items[0]->secret = node_get(body, "Env")->items[2]->secret = true;
    assert_string_equal(engine_secret_names(a, body), "A=C");
}

static void a_browsers_variables_are_its_settings_and_its_password_is_none(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *all = vectors_read(a, CAPTURED);
    const struct node *c = captured(a, all, "browser");
    struct fields f = engine_body_fields(a, node_get(c, "body"));
    assert_string_equal(fields_get(f, "browser.cdpPort"), "9222");
    assert_string_equal(fields_get(f, "browser.enableNoVnc"), "1");
    assert_string_equal(fields_get(f, "browser.ports[9222/tcp]"), "127.0.0.1:");
    assert_string_equal(fields_get(f, "browser.image"), "openclaw-sandbox:bookworm-slim");
    assert_string_equal(fields_get(f, "workspaceDir"), "/tmp/ocvec/ws:ro");
    struct node *env = node_path(c, "inspect", "Config", "Env", NULL);
    size_t n = 0;
    for (size_t i = 0; i < env->n_items; i++)
        if (text_has_prefix(env->items[i]->s, "OPENCLAW_BROWSER_NOVNC_PASSWORD=")) {
            env->items[i] = node_string(a, "OPENCLAW_BROWSER_NOVNC_PASSWORD=another1");
            n++;
        }
    assert_int_equal(n, 1);
    assert_string_equal(diff(a, node_get(c, "body"), node_get(c, "inspect"), NULL), "");
}

static void an_update_brings_the_swap_along(void **state)
{
    static const struct {
        const char *body, *update;
    } table[] = {
        {"{HostConfig:{Memory:1024,NanoCpus:5,PidsLimit:7}}", "{Memory:1024,MemorySwap:2048,NanoCpus:5,PidsLimit:7}"},
        {"{HostConfig:{Memory:1024,MemorySwap:-1}}", "{Memory:1024,MemorySwap:-1}"},
        {"{HostConfig:{Memory:0,PidsLimit:null}}", "{}"},
        {"{}", "{}"},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_true(node_equal(engine_update_body(a, vectors_json(a, table[i].body)), vectors_json(a, table[i].update)));
}

static void every_setting_has_a_field_for_every_kind(void **state)
{
    static const char body[] =
        "{Image:'i:1',User:'u',WorkingDir:'/w',Cmd:['c'],Entrypoint:['e'],Env:['A=1'],Volumes:{'/v':{}},Labels:{%s},HostConfig:{"
        "NetworkMode:'n',ReadonlyRootfs:true,Tmpfs:{'/"
        "t':'x'},CapAdd:['A'],CapDrop:['B'],SecurityOpt:['s=1','seccomp=x','apparmor="
        "y'],Privileged:true,PidMode:'host',IpcMode:'host',Dns:['1.1.1.1'],ExtraHosts:['a:1.1.1.1'],Devices:[{PathOnHost:'/dev/"
        "a',"
        "PathInContainer:'/dev/b',CgroupPermissions:'r'}],PidsLimit:1,Memory:1024,MemorySwap:4096,NanoCpus:1,DeviceRequests:[{"
        "Count:-1}],Ulimits:[{Name:'core',Soft:0,Hard:0}],Binds:['/a:/b'],PortBindings:{'1/tcp':[{HostIp:'',HostPort:'2'}]}}}";
    static const struct {
        const char *labels;
        size_t n;
    } kinds[] = {
        {"'openclaw.configHash':'h','openclaw.sandbox':'1','reconclaw.setup':'s'", 32},
        {"'openclaw.configHash':'h','openclaw.sandboxBrowser':'1','reconclaw.setup':'s'", 32},
        {"'reconclaw.configHash':'h','team':'1','reconclaw.setup':'s'", 32},
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < 3; i++) {
        struct buf b = BUF_INIT(1 << 16);
        const char *at = strstr(body, "%s");
        buf_put(&b, body, (size_t)(at - body));
        buf_puts(&b, kinds[i].labels);
        buf_puts(&b, at + 2);
        struct fields f = engine_body_fields(a, vectors_json(a, buf_str(&b)));
        buf_free(&b);
        assert_int_equal(f.n, kinds[i].n);
        for (size_t k = 0; k < f.n; k++) {
            assert_non_null(f.v[k].name);
            assert_non_null(f.v[k].value);
            assert_true(f.v[k].value[0] != '\0');
        }
    }
}

static void what_is_no_container_is_an_error(void **state)
{
    static const char *const replies[] = {
        "{}", "[]", "null", "{Config:{}}", "{HostConfig:{}}", "{Config:[],HostConfig:{}}", "{Config:{},HostConfig:'x'}",
    };
    (void)state;
    ARENA_AUTO a = arena_new();
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct err e = {0};
        struct fields f;
        assert_int_equal(engine_inspect_fields(a, vectors_json(a, replies[i]), NULL, NULL, &f, &e), -1);
        assert_int_equal(e.class, ERR_INPUT);
    }
    /* A container of nothing but wrong types still is one. */
    struct err e = {0};
    struct fields f;
    assert_int_equal(engine_inspect_fields(a,
                                           vectors_json(a, "{Config:{Env:{},Labels:[1],Image:7,Cmd:'x',Volumes:[]},HostConfig:{"
                                                           "Binds:[1,{}],Memory:'x',Tmpfs:[],Ulimits:[null,1],PortBindings:{a:1},"
                                                           "DeviceRequests:[1],NanoCpus:1e300,CapDrop:[{}]}}"),
                                           NULL, NULL, &f, &e),
                     0);
    assert_int_equal(engine_body_fields(a, vectors_json(a, "[1]")).n, 0);
    assert_int_equal(engine_body_fields(a, NULL).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_inspects_to_the_fields_of_its_body),
        cmocka_unit_test(other_engines_show_the_same_container_otherwise),
        cmocka_unit_test(what_differs_is_named_under_the_owners_key),
        cmocka_unit_test(a_workspace_keeps_its_name_where_the_workdir_moves),
        cmocka_unit_test(the_image_tells_what_no_body_has_asked_for),
        cmocka_unit_test(the_hash_is_shown_only_where_nothing_else_explains_it),
        cmocka_unit_test(only_a_sandboxs_limits_are_patched_and_only_to_other_ones),
        cmocka_unit_test(a_limit_that_the_kernel_cannot_hold_is_no_drift),
        cmocka_unit_test(secrets_are_sensitive_whichever_side_knows),
        cmocka_unit_test(what_was_secret_when_it_was_made_stays_so),
        cmocka_unit_test(a_browsers_variables_are_its_settings_and_its_password_is_none),
        cmocka_unit_test(an_update_brings_the_swap_along),
        cmocka_unit_test(every_setting_has_a_field_for_every_kind),
        cmocka_unit_test(what_is_no_container_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
