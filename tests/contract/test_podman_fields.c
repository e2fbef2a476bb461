/* Every row of the table of what podman can do, on its real service: what was made as asked shows no drift, a change of it is
 * named, and what is refused is refused before anything is sent. And the table is the one that the manual prints. */
#include "backends/docker.h"
#include "backends/docker_podman.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "tests/lib/engine.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(a)    (sizeof(a) / sizeof(*(a)))
#define INSTALL "0123456789abcdef"
#define ONE     "fields:1"
#define TWO     "fields:2"

static struct test_engine *engine;
static struct backend *backend;
static char bind_dir[128];

/* Members of the body (DIR is a directory of this machine); what the change is called; what of it is refused, or NULL. A row
 * has as many cases as it needs. */
static const struct field_case {
    const char *row, *one, *two, *changed, *refused;
} cases[] = {
    {"image", "{}", "{Image:'" TWO "'}", "image", NULL},
    {"network", "{HostConfig:{NetworkMode:'none'}}", "{HostConfig:{NetworkMode:'bridge'}}", "network", NULL},
    {"network", "{HostConfig:{NetworkMode:'host'}}", "{HostConfig:{NetworkMode:'none'}}", "network", NULL},
    {"user", "{User:'1000:1000'}", "{User:'0'}", "user", NULL},
    {"workdir", "{WorkingDir:'/tmp'}", "{WorkingDir:'/'}", "workdir", NULL},
    {"command", "{Cmd:['sleep','infinity']}", "{Cmd:['sleep','1000']}", "command", NULL},
    {"entrypoint", "{Entrypoint:['/bin/busybox'],Cmd:['sleep','1000']}", "{Cmd:['sleep','1000']}", "entrypoint", NULL},
    {"readOnlyRoot", "{HostConfig:{ReadonlyRootfs:true}}", "{}", "readOnlyRoot", NULL},
    {"readOnlyRoot", "{HostConfig:{ReadonlyRootfs:true,Tmpfs:{'/tmp':'','/run':'size=1m'}}}",
     "{HostConfig:{Tmpfs:{'/tmp':'','/run':"
     "'size=1m'}}}",
     "readOnlyRoot", NULL},
    {"tmpfs[", "{HostConfig:{Tmpfs:{'/scratch':''}}}", "{}", "tmpfs[/scratch]", "{HostConfig:{Tmpfs:{'/a':'rw,uid=1000'}}}"},
    {"tmpfs[", "{HostConfig:{Tmpfs:{'/scratch':'rw,noexec,size=64m'}}}", "{HostConfig:{Tmpfs:{'/scratch':'rw,size=64m'}}}",
     "tmpfs[/scratch]", NULL},
    {"capAdd", "{HostConfig:{CapAdd:['SYS_PTRACE']}}", "{}", "capAdd", NULL},
    {"capAdd", "{HostConfig:{CapDrop:['ALL'],CapAdd:['NET_RAW','SYS_PTRACE']}}", "{HostConfig:{CapDrop:['ALL']}}", "capAdd",
     NULL},
    {"capDrop", "{HostConfig:{CapDrop:['ALL']}}", "{}", "capDrop", NULL},
    {"capDrop", "{HostConfig:{CapDrop:['cap_net_raw']}}", "{HostConfig:{CapDrop:['ALL']}}", "capDrop", NULL},
    {"securityOpt", "{HostConfig:{SecurityOpt:['no-new-privileges']}}", "{}", "securityOpt", NULL},
    {"seccompProfile", "{HostConfig:{SecurityOpt:['seccomp=unconfined']}}", "{}", "seccompProfile",
     "{HostConfig:{SecurityOpt:['seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}']}}"},
    {"apparmorProfile", "{HostConfig:{SecurityOpt:['apparmor=unconfined']}}", "{}", "apparmorProfile", NULL},
    {"privileged", "{HostConfig:{Privileged:true}}", "{}", "privileged", NULL},
    {"pidMode", "{HostConfig:{PidMode:'host'}}", "{}", "pidMode", NULL},
    {"ipcMode", "{HostConfig:{IpcMode:'host'}}", "{}", NULL, NULL},
    {"dns", "{HostConfig:{Dns:['192.0.2.1']}}", "{HostConfig:{Dns:['192.0.2.2']}}", "dns", NULL},
    {"extraHosts", "{HostConfig:{ExtraHosts:['a:192.0.2.1']}}", "{}", "extraHosts", NULL},
    {"devices", "{HostConfig:{Devices:[{PathOnHost:'/dev/null',PathInContainer:'/dev/nix',CgroupPermissions:'rwm'}]}}", "{}",
     "devices", NULL},
    {"limits.pids", "{HostConfig:{PidsLimit:50}}", "{}", "limits.pids", NULL},
    {"limits.memory", "{HostConfig:{Memory:67108864}}", "{HostConfig:{Memory:134217728}}", "limits.memory", NULL},
    {"limits.memorySwap", "{HostConfig:{Memory:67108864,MemorySwap:268435456}}", "{HostConfig:{Memory:67108864}}",
     "limits.memorySwap", "{HostConfig:{Memory:67108864,MemorySwap:-1}}"},
    {"limits.cpus", "{HostConfig:{NanoCpus:500000000}}", "{HostConfig:{NanoCpus:250000000}}", "limits.cpus", NULL},
    {"limits.cpus", "{HostConfig:{NanoCpus:333333333}}", "{HostConfig:{NanoCpus:333400000}}", "limits.cpus", NULL},
    {"gpus", NULL, NULL, NULL, "{HostConfig:{DeviceRequests:[{Count:-1,Capabilities:[['gpu']]}]}}"},
    {"ulimits.", "{HostConfig:{Ulimits:[{Name:'nofile',Soft:512,Hard:1024},{Name:'nproc',Soft:100,Hard:100}]}}",
     "{HostConfig:{Ulimits:[{Name:'nofile',Soft:512,Hard:512},{Name:'nproc',Soft:100,Hard:100}]}}", "ulimits.nofile", NULL},
    {"env.", "{Env:['A=1']}", "{Env:['A=2']}", "env.A", NULL},
    {"env.", "{Env:['A=1','HOME=/h','TERM=dumb']}", "{Env:['HOME=/h','TERM=dumb']}", "env.A", NULL},
    {"env.", "{Env:['PATH=/bin']}", "{Env:['PATH=/bin','TERM=xterm-256color']}", "env.TERM", NULL},
    {"workspaces[", "{HostConfig:{Binds:['DIR:/workspace:z']}}", "{HostConfig:{Binds:['DIR:/workspace:ro,z']}}",
     "workspaces[/workspace]", NULL},
    {"workspaces[", "{Volumes:{'/cache':{}},HostConfig:{Binds:['fields-volume:/data']}}",
     "{HostConfig:{Binds:['fields-volume:/data']}}", "workspaces[/cache]", NULL},
    {"ports[",
     "{ExposedPorts:{'80/tcp':{}},HostConfig:{NetworkMode:'bridge',PortBindings:{'80/tcp':[{HostIp:'127.0.0.1',HostPort:''}]}}}",
     "{HostConfig:{NetworkMode:'bridge'}}", "ports[80/tcp]", NULL},
    {"labels.", "{Labels:{team:'red'}}", "{Labels:{team:'blue'}}", "labels.team", NULL},
    {"setup", "{Labels:{'reconclaw.setup':'0123456789abcdef'}}", "{}", "setup", NULL},
    {"configHash", "{Labels:{'openclaw.sandbox':'1'}}", "{Labels:{'openclaw.sandbox':'1'},StopSignal:'SIGINT'}",
     "docker.configHash", NULL},
};

static const struct podman_field *row_of(const char *field)
{
    if (text_has_prefix(field, "docker."))
        field += strlen("docker.");
    for (size_t i = 0; i < n_podman_fields; i++) {
        const char *name = podman_fields[i].name;
        bool open = strchr("[.", name[strlen(name) - 1]) != NULL;
        if (open ? text_has_prefix(field, name) : strcmp(field, name) == 0)
            return &podman_fields[i];
    }
    return NULL;
}

/* DIR in its texts becomes a directory that is there. */
static void fill_in(struct arena *a, struct node *n)
{
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        fill_in(a, n->members[i].value);
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++) {
        const char *s = node_str(n->items[i]);
        if (s && text_has_prefix(s, "DIR:"))
            n->items[i] = node_printf(a, "%s%s", bind_dir, s + strlen("DIR"));
        else
            fill_in(a, n->items[i]);
    }
}

static struct desired desire(struct arena *a, const char *name, const char *text)
{
    struct node *create = node_copy(a, vectors_json(a, text));
    if (!node_get(create, "Image"))
        node_set(a, create, "Image", node_string(a, ONE));
    if (!node_get(create, "Cmd"))
        node_set(a, create, "Cmd", node_copy(a, vectors_json(a, "['sleep','infinity']")));
    if (!node_get(create, "HostConfig"))
        node_set(a, create, "HostConfig", node_object(a));
    struct node *host = node_get(create, "HostConfig");
    if (!node_get(host, "NetworkMode"))
        node_set(a, host, "NetworkMode", node_string(a, "none"));
    fill_in(a, create);
    const char *json = node_json(a, create);
    struct desired d = {.endpoint = "podman",
                        .name = name,
                        .kind = node_path(create, "Labels", "openclaw.sandbox", NULL) ? RUNTIME_CONTAINER : RUNTIME_SANDBOX,
                        .owner = "Sandbox/fields",
                        .install = INSTALL,
                        /* A bridge would be the machine's, not the test's. */
                        .want = strstr(text, "'bridge'") ? WANT_STOPPED : WANT_RUNNING,
                        .backend_id = "podman",
                        .image = node_str(node_get(create, "Image")),
                        .config_hash = digest_sha256(a, json, strlen(json)),
                        .create = create};
    return d;
}

static const struct call call = {.timeout_ms = 60000};

static struct desired checked(struct arena *a, const char *name, const char *text)
{
    struct desired d = desire(a, name, text);
    struct err e = {0};
    if (podman_ops.check(a, &d, &d.fields, &e) < 0)
        fail_msg("%s: %s", text, e.msg);
    for (size_t i = 0; i < d.fields.n; i++) {
        if (!row_of(d.fields.v[i].name))
            fail_msg("%s has no row in the table", d.fields.v[i].name);
        assert_int_not_equal(d.fields.v[i].class, FIELD_PATCH);
    }
    return d;
}

static size_t differ(struct arena *a, struct desired *d, struct field_change **changes)
{
    struct observation seen;
    struct err e = {0};
    if (backend->ops->observe(backend, a, &(struct observe_req){.desired = d, .n_desired = 1, .deep = true}, &call, &seen, &e) <
        0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < seen.n; i++)
        if (strcmp(seen.v[i].name, d->name) == 0) {
            assert_true(seen.v[i].fields_known);
            return fields_diff(a, d->fields, seen.v[i].fields, changes);
        }
    fail_msg("%s is not seen", d->name);
    return 0;
}

static void remove_it(struct arena *a, const char *name)
{
    struct observed o;
    struct act_result r;
    struct err e = {0};
    if (backend->ops->look(backend, a, NULL, name, &call, &o, &e) < 0)
        fail_msg("%s", e.msg);
    if (o.state != RUN_ABSENT &&
        backend->ops->apply(backend, a, &(struct backend_act){.step = STEP_REMOVE, .name = name, .id = o.id, .expect = &o}, &call,
                            &r, &e) < 0)
        fail_msg("%s", e.msg);
}

static size_t n_failed;

static void note_changes(const char *what, const struct field_case *c, const struct field_change *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        print_error("  %s: %s -> %s\n", v[i].name, v[i].from ? v[i].from : "(none)", v[i].to ? v[i].to : "(none)");
    print_error("%s: %s: %s\n", c->row, c->one, what);
    n_failed++;
}

static void try_case(const struct field_case *c, size_t i)
{
    ARENA_AUTO a = arena_new();
    const char *name = arena_printf(a, "pf-%zu", i);
    struct desired one = checked(a, name, c->one), two = checked(a, name, c->two);
    struct field_change *changes;
    struct act_result r;
    struct err e = {0};
    if (backend->ops->apply(backend, a,
                            &(struct backend_act){.step = STEP_CREATE, .name = name, .want = &one, .created_at_ms = 1}, &call, &r,
                            &e) < 0) {
        /* A kernel without it is the one reason not to make it, and the engine says so. */
        if (strcmp(c->row, "apparmorProfile") != 0 || !strstr(e.msg, "Apparmor is not enabled"))
            fail_msg("%s: %s", c->one, e.msg);
        return;
    }
    size_t n = differ(a, &one, &changes);
    if (n != 0)
        note_changes("a second look shows drift", c, changes, n);
    n = differ(a, &two, &changes);
    if (c->changed ? n != 1 || strcmp(changes[0].name, c->changed) != 0 : n != 0)
        note_changes(c->changed ? "the change alone is not what is named" : "it is shown", c, changes, n);
    remove_it(a, name);
}

static void what_was_made_as_asked_shows_no_drift_and_a_change_is_named(void **state)
{
    for (size_t i = 0; i < N(cases); i++)
        if (cases[i].one)
            try_case(&cases[i], i);
    assert_int_equal(n_failed, 0);
}

static void what_cannot_be_done_is_refused_under_its_key(void **state)
{
    for (size_t i = 0; i < N(cases); i++) {
        ARENA_AUTO a = arena_new();
        struct fields f;
        struct err e = {0};
        if (!cases[i].refused)
            continue;
        struct desired d = desire(a, "x1", cases[i].refused);
        assert_int_equal(podman_ops.check(a, &d, &f, &e), -1);
        assert_int_equal(e.class, ERR_CONFIG);
        if (!text_has_prefix(e.msg, cases[i].row))
            fail_msg("%s: %s", cases[i].row, e.msg);
        /* Docker can. */
        assert_int_equal(docker_ops.check(a, &d, &f, &e), 0);
    }
}

static void every_row_has_its_cases(void **state)
{
    for (size_t i = 0; i < n_podman_fields; i++) {
        bool made = false, refused = false, shown = false;
        for (size_t k = 0; k < N(cases); k++)
            if (strcmp(cases[k].row, podman_fields[i].name) == 0) {
                made |= cases[k].one != NULL;
                shown |= cases[k].changed != NULL;
                refused |= cases[k].refused != NULL;
            }
        enum podman_how how = podman_fields[i].how;
        if (made != (how != PODMAN_REFUSED) || refused != (how == PODMAN_PARTLY || how == PODMAN_REFUSED) ||
            shown != (how == PODMAN_SEEN || how == PODMAN_PARTLY))
            fail_msg("%s is not '%s'", podman_fields[i].name, podman_how_words[how]);
    }
    for (size_t k = 0; k < N(cases); k++)
        assert_non_null(row_of(cases[k].row));
}

static void the_manual_prints_the_table(void **state)
{
    ARENA_AUTO a = arena_new();
    size_t n;
    const char *manual = vectors_bytes(a, "backends/PODMAN.md", &n);
    for (size_t i = 0; i < n_podman_fields; i++) {
        const struct podman_field *f = &podman_fields[i];
        const char *line = arena_printf(a, "| `%s` | %s | %s |\n", f->name, podman_how_words[f->how], f->note);
        if (!strstr(manual, line))
            fail_msg("backends/PODMAN.md lacks: %s", line);
    }
}

/* What OpenClaw's rules for its containers go by. */
static void its_version_and_whose_it_is_are_told(void **state)
{
    struct backend_info info = {0};
    struct err e = {0};
    char version[32];

    (void)state;
    if (podman_ops.probe(backend, &call, &info, &e) < 0)
        fail_msg("%s", e.msg);
    (void)snprintf(version, sizeof version, "Podman %u.%u.", info.major, info.minor);
    assert_true(info.major >= 3 && strncmp(info.version, version, strlen(version)) == 0);
    assert_false(info.rootless); /* engine.sh starts it as root */
}

static int start(void **state)
{
    struct err e;
    engine = test_engine_start_podman();
    test_engine_image(engine, ONE, "1");
    test_engine_image(engine, TWO, "2");
    (void)snprintf(bind_dir, sizeof bind_dir, "%s/cli", test_engine_dir(engine));
    const struct backend_conf conf = {.endpoint = "podman", .address = test_engine_host(engine), .install = INSTALL};
    return podman_ops.open(&conf, &backend, &e);
}

static int stop(void **state)
{
    podman_ops.close(backend);
    test_engine_release(engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_cases),
        cmocka_unit_test(what_was_made_as_asked_shows_no_drift_and_a_change_is_named),
        cmocka_unit_test(what_cannot_be_done_is_refused_under_its_key),
        cmocka_unit_test(its_version_and_whose_it_is_are_told),
        cmocka_unit_test(the_manual_prints_the_table),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
