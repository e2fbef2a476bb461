/* kinds_table: no key without its row of abilities, its sentence, and somebody who reads it. */
#include "spec/kinds.h"
#include "spec/kinds_table.h"
#include "tests/lib/spec_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof(*(a)))

static void every_key_has_its_row_of_abilities(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < kinds_sandbox_spec.n_fields; i++) {
        const struct schema_field *f = &kinds_sandbox_spec.fields[i];
        size_t rows = 0;
        for (size_t j = 0; j < n_sandbox_abilities; j++)
            rows += strcmp(sandbox_abilities[j].key, f->key) == 0;
        if (rows != 1)
            fail_msg("%zu rows for %s", rows, f->key);
        n++;
    }
    for (size_t i = 0; i < kinds_limits.n_fields; i++) {
        size_t rows = 0;
        for (size_t j = 0; j < n_sandbox_abilities; j++)
            rows += text_has_prefix(sandbox_abilities[j].key, "limits.") &&
                    strcmp(sandbox_abilities[j].key + 7, kinds_limits.fields[i].key) == 0;
        if (rows != 1)
            fail_msg("%zu rows for limits.%s", rows, kinds_limits.fields[i].key);
        n++;
    }
    assert_int_equal(n, n_sandbox_abilities);
    for (size_t j = 0; j < n_sandbox_abilities; j++)
        for (int b = 0; b < SANDBOX_BACKEND_COUNT; b++)
            assert_int_equal(sandbox_abilities[j].by[b].use == SANDBOX_CANNOT, sandbox_abilities[j].by[b].why != NULL);
}

/* Text of all that was decoded of the first object, so that a key that no decoder reads shows. */
static const char *dump(struct arena *a, const struct specs *s)
{
    struct buf b = BUF_INIT(1u << 20);
    const struct policy *p = &s->policy;
    for (size_t i = 0; i < s->n_sandboxes; i++) {
        const struct sandbox_object *o = &s->sandboxes[i];
        p = &o->policy;
        buf_printf(&b, "%s %d %d %s %s %s %llu %llu %g %s %s %s %s %d", o->head.name, o->backend, o->engine, o->endpoint,
                   o->image, o->root, (unsigned long long)o->memory_bytes, (unsigned long long)o->pids, o->cpus, o->network,
                   o->user, o->workdir, o->setup, o->want);
        if (o->head.labels)
            node_emit(&b, o->head.labels, 0, 0);
        for (size_t j = 0; j < o->n_workspaces; j++)
            buf_printf(&b, " %s:%s:%d", o->workspaces[j].path, o->workspaces[j].target, o->workspaces[j].read_only);
        for (size_t j = 0; j < o->n_env; j++)
            buf_printf(&b, " %s=%s,%s,%s", o->env[j].name, o->env[j].value, o->env[j].from_env, o->env[j].from_file);
        for (size_t j = 0; o->command && o->command[j]; j++)
            buf_printf(&b, " %s", o->command[j]);
        buf_printf(&b, " %d %d %s %s %d %s %d %d %s %s %s", o->seed.policy, o->seed.from, o->ssh.target.user, o->ssh.target.host,
                   o->ssh.target.port, o->ssh.workspace_root, o->ssh.strict_host_keys, o->ssh.update_host_keys,
                   o->ssh.identity_file, o->ssh.certificate_file, o->ssh.known_hosts_file);
        for (size_t j = 0; j < o->ssh.n_data; j++)
            buf_printf(&b, " %s=%s,%s,%s", o->ssh.data[j].name, o->ssh.data[j].value, o->ssh.data[j].from_env,
                       o->ssh.data[j].from_file);
        if (o->openshell)
            node_emit(&b, o->openshell, 0, 0);
    }
    for (size_t i = 0; i < s->n_openclaws; i++) {
        const struct openclaw_object *o = &s->openclaws[i];
        p = &o->policy;
        buf_printf(&b, "%s %s %s %d %s %d %d", o->head.name, o->config, o->state_dir, o->ensure, o->line ? o->line->name : "-",
                   o->seed.policy, o->seed.from);
        if (o->head.labels)
            node_emit(&b, o->head.labels, 0, 0);
    }
    buf_printf(&b, " %lld %u %u %d %d %d %d %d %d %u %lld", (long long)p->hot_window_ms, p->cap_percent, p->cap_count,
               p->on_drift, p->orphans, p->ghosts, p->image_updates, p->prune, p->protect, p->concurrency,
               (long long)p->resync_ms);
    const char *text = arena_strdup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

/* For each key: a base text, and the same with the key set to something else. */
static const struct {
    const char *key, *base, *other;
} keys[] = {
    {"Sandbox.backend", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: docker, image: x}")},
    {"Sandbox.engine", SANDBOX("{backend: docker, image: x}"), SANDBOX("{backend: docker, image: x, engine: podman}")},
    {"Sandbox.endpoint", SANDBOX("{backend: docker, image: x}"), SANDBOX("{backend: docker, image: x, endpoint: tcp://h}")},
    {"Sandbox.image", SANDBOX("{backend: docker, image: x}"), SANDBOX("{backend: docker, image: y}")},
    {"Sandbox.root", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, root: /srv}")},
    {"Sandbox.workspaces", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, workspaces: [{path: /w}]}")},
    {"Sandbox.workspaces.path", SANDBOX("{backend: bubblewrap, workspaces: [{path: /w}]}"),
     SANDBOX("{backend: bubblewrap, workspaces: [{path: /v}]}")},
    {"Sandbox.workspaces.target", SANDBOX("{backend: bubblewrap, workspaces: [{path: /w}]}"),
     SANDBOX("{backend: bubblewrap, workspaces: [{path: /w, target: /t}]}")},
    {"Sandbox.workspaces.readOnly", SANDBOX("{backend: bubblewrap, workspaces: [{path: /w}]}"),
     SANDBOX("{backend: bubblewrap, workspaces: [{path: /w, readOnly: true}]}")},
    {"Sandbox.env", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, env: {A: b}}")},
    {"Sandbox.env.fromEnv", SANDBOX("{backend: bubblewrap, env: {A: b}}"),
     SANDBOX("{backend: bubblewrap, env: {A: {fromEnv: b}}}")},
    {"Sandbox.env.fromFile", SANDBOX("{backend: bubblewrap, env: {A: {fromEnv: b}}}"),
     SANDBOX("{backend: bubblewrap, env: {A: {fromFile: b}}}")},
    {"Sandbox.limits", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, limits: {pids: 1}}")},
    {"Sandbox.limits.memory", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, limits: {memory: 1g}}")},
    {"Sandbox.limits.cpus", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, limits: {cpus: 1}}")},
    {"Sandbox.limits.pids", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, limits: {pids: 1}}")},
    {"Sandbox.network", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, network: host}")},
    {"Sandbox.user", SANDBOX("{backend: docker, image: x}"), SANDBOX("{backend: docker, image: x, user: u}")},
    {"Sandbox.workdir", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, workdir: /}")},
    {"Sandbox.command", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, command: [a]}")},
    {"Sandbox.setup", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, setup: a}")},
    {"Sandbox.ssh", SANDBOX("{backend: bubblewrap}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}")},
    {"Sandbox.ssh.target", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: u@h, workspaceRoot: /w}}")},
    {"Sandbox.ssh.workspaceRoot", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /v}}")},
    {"Sandbox.ssh.strictHostKeyChecking",
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, strictHostKeyChecking: false}}")},
    {"Sandbox.ssh.updateHostKeys", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, updateHostKeys: false}}")},
    {"Sandbox.ssh.identityFile", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, identityFile: /i}}")},
    {"Sandbox.ssh.certificateFile", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, certificateFile: /i}}")},
    {"Sandbox.ssh.knownHostsFile", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, knownHostsFile: /i}}")},
    {"Sandbox.ssh.identityData", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, identityData: {fromEnv: I}}}")},
    {"Sandbox.ssh.certificateData", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, certificateData: text}}")},
    {"Sandbox.ssh.knownHostsData", SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w}}"),
     SANDBOX("{backend: ssh, workspaces: [{path: /a}], ssh: {target: h, workspaceRoot: /w, knownHostsData: {fromFile: /k}}}")},
    {"Sandbox.openshell", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {gateway: x}}")},
    {"Sandbox.openshell.command", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {command: /x}}")},
    {"Sandbox.openshell.gateway", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {gateway: x}}")},
    {"Sandbox.openshell.gatewayEndpoint", SANDBOX("{backend: openshell}"),
     SANDBOX("{backend: openshell, openshell: {gatewayEndpoint: x}}")},
    {"Sandbox.openshell.workspace", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {workspace: x}}")},
    {"Sandbox.openshell.from", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {from: x}}")},
    {"Sandbox.openshell.policy", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {policy: x}}")},
    {"Sandbox.openshell.providers", SANDBOX("{backend: openshell}"),
     SANDBOX("{backend: openshell, openshell: {providers: [x]}}")},
    {"Sandbox.openshell.gpu", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {gpu: true}}")},
    {"Sandbox.openshell.autoProviders", SANDBOX("{backend: openshell}"),
     SANDBOX("{backend: openshell, openshell: {autoProviders: false}}")},
    {"Sandbox.openshell.timeout", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, openshell: {timeout: 5s}}")},
    {"Sandbox.seed", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, seed: {policy: manual}}")},
    {"Sandbox.seed.policy", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, seed: {policy: onChange}}")},
    {"Sandbox.seed.from", SANDBOX("{backend: openshell}"), SANDBOX("{backend: openshell, seed: {from: local}}")},
    {"OpenClaw.seed", OPENCLAW("{}"), OPENCLAW("{seed: {policy: manual}}")},
    {"Sandbox.state", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, state: absent}")},
    {"Sandbox.protect", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, protect: true}")},
    {"Sandbox.onDrift", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, onDrift: remove}")},
    {"Sandbox.policy", SANDBOX("{backend: bubblewrap}"), SANDBOX("{backend: bubblewrap, policy: {prune: false}}")},
    {"OpenClaw.config", OPENCLAW("{}"), OPENCLAW("{config: /a}")},
    {"OpenClaw.stateDir", OPENCLAW("{}"), OPENCLAW("{stateDir: /a}")},
    {"OpenClaw.ensure", OPENCLAW("{}"), OPENCLAW("{ensure: all}")},
    {"OpenClaw.line", OPENCLAW("{}"), OPENCLAW("{line: '2026.9'}")},
    {"OpenClaw.onDrift", OPENCLAW("{}"), OPENCLAW("{onDrift: report}")},
    {"OpenClaw.policy", OPENCLAW("{}"), OPENCLAW("{policy: {resync: 1h}}")},
    {"metadata.name", OPENCLAW("{}"), "{apiVersion: reconclaw/v1, kind: OpenClaw, metadata: {name: b}, spec: {}}"},
    {"metadata.labels", OPENCLAW("{}"),
     "{apiVersion: reconclaw/v1, kind: OpenClaw, metadata: {name: a, labels: {x: y}}, spec: {}}"},
};

static void need_key(const char *prefix, const struct schema_object *t)
{
    for (size_t i = 0; i < t->n_fields; i++) {
        size_t n = 0;
        for (size_t j = 0; j < N(keys); j++)
            n += text_has_prefix(keys[j].key, prefix) && strcmp(keys[j].key + strlen(prefix), t->fields[i].key) == 0;
        if (n != 1)
            fail_msg("%zu rows for %s%s", n, prefix, t->fields[i].key);
    }
}

static void every_key_is_decoded(void **state)
{
    for (size_t i = 0; i < N(keys); i++) {
        ARENA_AUTO a = arena_new();
        struct specs one = spec_objects(a, keys[i].base), two = spec_objects(a, keys[i].other);
        if (strcmp(dump(a, &one), dump(a, &two)) == 0)
            fail_msg("%s is read by nobody", keys[i].key);
    }
    need_key("Sandbox.", &kinds_sandbox_spec);
    need_key("Sandbox.workspaces.", &kinds_workspace);
    need_key("Sandbox.env.", &kinds_env_ref);
    need_key("Sandbox.limits.", &kinds_limits);
    need_key("Sandbox.ssh.", &kinds_ssh);
    need_key("Sandbox.openshell.", &kinds_openshell);
    need_key("Sandbox.seed.", &kinds_seed);
    need_key("OpenClaw.", &kinds_openclaw_spec);
    need_key("metadata.", &kinds_metadata);
}

static void describe_all(const struct schema_object *t)
{
    for (size_t i = 0; i < t->n_fields; i++) {
        const struct schema_field *f = &t->fields[i];
        if (!f->doc || strlen(f->doc) < 10 || f->doc[strlen(f->doc) - 1] != '.')
            fail_msg("%s.%s has no sentence", t->name, f->key);
        if (f->value.type == SCHEMA_OBJECT)
            describe_all(f->value.object);
    }
}

static void every_key_is_described(void **state)
{
    for (size_t i = 0; i < kinds_document.choice->n_cases; i++)
        describe_all(kinds_document.choice->cases[i].object);
    describe_all(&kinds_workspace);
    describe_all(&kinds_env_ref);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_has_its_row_of_abilities),
        cmocka_unit_test(every_key_is_decoded),
        cmocka_unit_test(every_key_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
