/* kinds_desired: what Sandbox objects ask of their backends, where secrets come from and where they do not go. */
#include "backends/backend.h"
#include "spec/kinds_desired.h"
#include "tests/lib/memfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(a)    (sizeof(a) / sizeof(*(a)))
#define INSTALL "0123456789abcdef"

/* --- a source of secrets ------------------------------------------------------------------------------------------------------
 */

struct vault {
    const char *token; /* of variable TOKEN; NULL: not set */
    const char *bytes; /* of file /home/u/key */
    size_t n;
    unsigned asked;
};

static int vault_env(void *ctx, struct arena *a, const char *name, char **ret, struct err *e)
{
    struct vault *v = ctx;
    v->asked++;
    if (strcmp(name, "TOKEN") != 0 || !v->token)
        return err_set(e, ERR_NOT_FOUND, 0, "no variable");
    *ret = arena_strdup(a, v->token);
    return 0;
}

static int vault_file(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    struct vault *v = ctx;
    v->asked++;
    if (strcmp(path, "/home/u/key") != 0)
        return err_set(e, ERR_NOT_FOUND, 0, "no file");
    if (v->n > max)
        return err_set(e, ERR_INPUT, 0, "is larger than %zu bytes", max);
    *ret = arena_memdup0(a, v->bytes, v->n);
    *ret_n = v->n;
    return 0;
}

struct round {
    struct arena *a;
    struct diags d;
    struct vault vault;
    struct memfs fs;
    bool no_fs, no_secrets, check_only;
    struct desired *v;
    size_t n;
};

static int setup(void **state)
{
    struct round *r = calloc(1, sizeof *r);
    r->a = arena_new();
    r->d.arena = r->a;
    r->vault = (struct vault){.token = "hunter2", .bytes = "s3cret\n", .n = 7};
    memfs_init(&r->fs, r->a);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct round *r = *state;
    arena_free(r->a);
    free(r);
    return 0;
}

static int desire(struct round *r, const char *text)
{
    struct secret_source source = {.ctx = &r->vault, .env = vault_env, .file = vault_file};
    struct kinds_desired_conf conf = {
        .install = INSTALL,
        .secrets = r->no_secrets ? NULL : &source,
        .fs = r->no_fs ? NULL : &r->fs.fs,
        .home = "/home/u",
        .check_only = r->check_only,
    };
    struct spec_file f = {.name = "t", .dir = "/specs", .bytes = text, .n = strlen(text)};
    struct specs s = {0};
    r->d = (struct diags){.arena = r->a};
    if (specs_load(r->a, &f, 1, "/home/u", &r->d, &s) < 0)
        fail_msg("%s: %s: %s", text, r->d.v[0].key, r->d.v[0].msg);
    return specs_to_desired(r->a, &s, &conf, &r->d, &r->v, &r->n);
}

static const char *told(struct round *r)
{
    struct buf b = BUF_INIT(1u << 20);
    for (size_t i = 0; i < r->d.n; i++) {
        diag_format(&b, &r->d.v[i]);
        buf_putc(&b, '\n');
    }
    const char *text = arena_strdup(r->a, buf_str(&b));
    buf_free(&b);
    return text;
}

#define SANDBOX(name, spec) "apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: " name "}\nspec: " spec "\n"

/* --- shapes -------------------------------------------------------------------------------------------------------------------
 */

static void bubblewrap_is_asked_with_a_plain_object(void **state)
{
    struct round *r = *state;
    memfs_dir(&r->fs, "/home/u/scratch");
    memfs_dir(&r->fs, "/srv/x");
    assert_int_equal(desire(r, "apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: scratch, labels: {team: red}}\n"
                               "spec:\n  backend: bubblewrap\n  root: /srv/rootfs\n"
                               "  workspaces: [{path: ~/scratch}, {path: /srv/x, target: /x, readOnly: true}]\n"
                               "  env: {Z: '1', LANG: C.UTF-8}\n  limits: {memory: 512m, pids: 100, cpus: 1.5}\n  network: host\n"
                               "  command: [sh, -c, x]\n  setup: touch /tmp/x\n"),
                     0);
    assert_int_equal(r->n, 1);
    assert_string_equal(told(r), "");
    const struct desired *d = &r->v[0];
    assert_string_equal(node_json(r->a, d->create),
                        "{\"root\":\"/srv/rootfs\",\"workspaces\":[{\"path\":\"/home/u/scratch\",\"target\":\"/workspace\","
                        "\"readOnly\":false},{\"path\":\"/srv/x\",\"target\":\"/x\",\"readOnly\":true}],"
                        "\"env\":{\"LANG\":\"C.UTF-8\",\"Z\":\"1\"},"
                        "\"limits\":{\"memoryBytes\":536870912,\"pids\":100,\"cpus\":1.5},\"network\":\"host\","
                        "\"command\":[\"sh\",\"-c\",\"x\"],\"workdir\":\"/workspace\",\"labels\":{\"team\":\"red\"}}");
    assert_string_equal(d->endpoint, "bubblewrap");
    assert_string_equal(d->name, "scratch");
    assert_string_equal(d->backend_id, "bubblewrap");
    assert_string_equal(d->owner, "Sandbox/scratch");
    assert_string_equal(d->install, INSTALL);
    assert_string_equal(d->setup, "touch /tmp/x");
    assert_null(d->image);
    assert_int_equal(d->kind, RUNTIME_SANDBOX);
    assert_int_equal(d->want, WANT_RUNNING);
    assert_true(d->precreate);
    assert_true(d->can_remake);
    assert_int_equal(strlen(d->config_hash), 64);
    assert_int_equal(d->origin.line, 3);
    assert_int_equal(d->policy.hot_window_ms, 300000);
}

static void bubblewrap_alone_needs_nothing(void **state)
{
    struct round *r = *state;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap}")), 0);
    assert_string_equal(node_json(r->a, r->v[0].create),
                        "{\"workspaces\":[],\"env\":{},\"limits\":{},\"network\":\"none\",\"workdir\":\"/\"}");
}

static void docker_is_asked_with_an_engine_body(void **state)
{
    struct round *r = *state;
    struct memfs_entry *ws = memfs_dir(&r->fs, "/home/u/scratch");
    ws->uid = 1000;
    ws->gid = 100;
    assert_int_equal(desire(r, "apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: scratch, labels: {team: red}}\n"
                               "spec:\n  backend: docker\n  endpoint: unix:///run/d.sock\n  image: alpine:3\n"
                               "  workspaces: [{path: ~/scratch}, {path: /home/u/scratch, target: /x, readOnly: true}]\n"
                               "  env: {Z: '1', A: b}\n  limits: {memory: 512m, pids: 100, cpus: 0.1}\n  network: bridge\n"
                               "  workdir: /x\n  setup: apk add git\n"),
                     0);
    const struct desired *d = &r->v[0];
    const struct node *host = node_get(d->create, "HostConfig"), *labels = node_get(d->create, "Labels");
    assert_string_equal(
        node_json(r->a, host),
        "{\"Binds\":[\"/home/u/scratch:/workspace\",\"/home/u/scratch:/x:ro\"],\"NetworkMode\":\"bridge\","
        "\"CapDrop\":[\"ALL\"],\"SecurityOpt\":[\"no-new-privileges\"],\"Memory\":536870912,\"NanoCpus\":100000000,"
        "\"PidsLimit\":100}");
    assert_string_equal(node_json(r->a, node_get(d->create, "Env")), "[\"A=b\",\"Z=1\"]");
    assert_string_equal(node_json(r->a, node_get(d->create, "Cmd")), "[\"sleep\",\"infinity\"]");
    assert_string_equal(node_str(node_get(d->create, "Image")), "alpine:3");
    assert_string_equal(node_str(node_get(d->create, "User")), "1000:100");
    assert_string_equal(node_str(node_get(d->create, "WorkingDir")), "/x");
    assert_string_equal(node_str(node_get(labels, "team")), "red");
    assert_string_equal(node_str(node_get(labels, "reconclaw.owner")), "Sandbox/scratch");
    assert_string_equal(node_str(node_get(labels, "reconclaw.install")), INSTALL);
    assert_string_equal(node_str(node_get(labels, "reconclaw.configHash")), d->config_hash);
    assert_non_null(node_get(labels, "reconclaw.setup"));
    assert_string_equal(d->endpoint, "docker:unix:///run/d.sock");
    assert_string_equal(d->name, "reconclaw-scratch");
    assert_string_equal(d->image, "alpine:3");
    assert_string_equal(d->setup, "apk add git");
}

static void an_engine_is_an_endpoint_of_its_own(void **state)
{
    struct round *r = *state;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: docker, image: i, engine: podman}")), 0);
    assert_string_equal(r->v[0].endpoint, "podman");
    assert_string_equal(r->v[0].backend_id, "podman");
    assert_string_equal(r->v[0].name, "reconclaw-a");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: docker, image: i, engine: podman, endpoint: 'unix:///run/p.sock'}")), 0);
    assert_string_equal(r->v[0].endpoint, "podman:unix:///run/p.sock");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: docker, image: i, engine: docker}")), 0);
    assert_string_equal(r->v[0].endpoint, "docker");
}

static void the_user_is_the_one_written_else_the_owner_else_the_images(void **state)
{
    struct round *r = *state;
    memfs_dir(&r->fs, "/w")->uid = 7;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: docker, image: i, user: root, workspaces: [{path: /w}]}")), 0);
    assert_string_equal(node_str(node_get(r->v[0].create, "User")), "root");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: docker, image: i, workspaces: [{path: /w}]}")), 0);
    assert_string_equal(node_str(node_get(r->v[0].create, "User")), "7:0");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: docker, image: i}")), 0);
    assert_null(node_get(r->v[0].create, "User"));
    r->no_fs = true;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: docker, image: i, workspaces: [{path: /w}]}")), 0);
    assert_null(node_get(r->v[0].create, "User"));
}

static void states_become_wishes(void **state)
{
    struct round *r = *state;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, state: stopped}") "---\n" SANDBOX(
                                   "b", "{backend: bubblewrap, state: absent}") "---\n" SANDBOX("c", "{backend: bubblewrap}")),
                     0);
    assert_int_equal(r->n, 3);
    assert_int_equal(r->v[0].want, WANT_STOPPED);
    assert_int_equal(r->v[1].want, WANT_ABSENT);
    assert_int_equal(r->v[2].want, WANT_RUNNING);
}

/* --- workspaces on this machine ------------------------------------------------------------------------------------------------
 */

static void a_missing_workspace_is_a_warning_and_still_wanted(void **state)
{
    struct round *r = *state;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, workspaces: [{path: /gone}]}")), 0);
    assert_int_equal(r->n, 1);
    assert_string_equal(told(r), "t:4:49: spec.workspaces[0].path: warning: there is no directory /gone\n");
}

static void a_link_to_a_hidden_place_is_refused(void **state)
{
    struct round *r = *state;
    memfs_dir(&r->fs, "/etc/x");
    memfs_dir(&r->fs, "/home/u/.ssh");
    memfs_link(&r->fs, "/srv/one", "/etc/x");
    memfs_link(&r->fs, "/srv/two", "/home");
    memfs_link(&r->fs, "/srv/fine", "/srv/real");
    memfs_dir(&r->fs, "/srv/real");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, workspaces: [{path: /srv/one}]}")), -1);
    assert_string_equal(
        told(r), "t:4:49: spec.workspaces[0].path: is a link to /etc/x, which lies in /etc, which is not shown to a sandbox\n");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, workspaces: [{path: /srv/two, readOnly: true}]}")), -1);
    assert_int_equal(r->d.n_errors, 1);
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, workspaces: [{path: /srv/fine}]}")), 0);
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, state: absent, workspaces: [{path: /srv/one}]}")), 0);
}

/* --- secrets -------------------------------------------------------------------------------------------------------------------
 */

#define SECRETIVE        SANDBOX("a", "{backend: bubblewrap, env: {T: {fromEnv: TOKEN}, K: {fromFile: ~/key}, L: plain}}")
#define SECRETIVE_DOCKER SANDBOX("a", "{backend: docker, image: i, env: {T: {fromEnv: TOKEN}, K: {fromFile: ~/key}, L: plain}}")

static void secrets_are_read_and_marked(void **state)
{
    struct round *r = *state;
    assert_int_equal(desire(r, SECRETIVE), 0);
    const struct node *env = node_get(r->v[0].create, "env");
    assert_string_equal(node_str(node_get(env, "T")), "hunter2");
    assert_true(node_get(env, "T")->secret);
    assert_string_equal(node_str(node_get(env, "K")), "s3cret");
    assert_true(node_get(env, "K")->secret);
    assert_false(node_get(env, "L")->secret);

    assert_int_equal(desire(r, SECRETIVE_DOCKER), 0);
    const struct node *list = node_get(r->v[0].create, "Env");
    assert_string_equal(node_str(list->items[0]), "K=s3cret");
    assert_true(list->items[0]->secret);
    assert_string_equal(node_str(list->items[1]), "L=plain");
    assert_false(list->items[1]->secret);
    assert_string_equal(node_str(list->items[2]), "T=hunter2");
    assert_true(list->items[2]->secret);
}

static void secrets_are_in_no_output_for_people(void **state)
{
    struct round *r = *state;
    static const char *const texts[] = {SECRETIVE, SECRETIVE_DOCKER};
    for (size_t i = 0; i < N(texts); i++) {
        assert_int_equal(desire(r, texts[i]), 0);
        BUF_AUTO b = BUF_INIT(1u << 20);
        node_emit(&b, r->v[0].create, 2, NODE_EMIT_REDACT);
        assert_null(strstr(buf_str(&b), "hunter2"));
        assert_null(strstr(buf_str(&b), "s3cret"));
        assert_non_null(strstr(buf_str(&b), "plain"));
    }
}

#define REMOTE(ssh, rest) SANDBOX("a", "{backend: ssh, ssh: " ssh rest "}")

#define COPIED(ssh, rest) REMOTE(ssh, ", workspaces: [{path: /a}]" rest)

static const char *hash_of(struct round *r, const char *text)
{
    assert_int_equal(desire(r, text), 0);
    return r->v[0].config_hash;
}

static void the_hash_follows_what_is_meant(void **state)
{
    struct round *r = *state;
    static const struct {
        const char *one, *two;
        bool same;
    } rows[] = {
        {SANDBOX("a", "{backend: bubblewrap}"), SANDBOX("a", "{backend: bubblewrap, network: none, env: {}, state: running}"),
         true},
        {SANDBOX("a", "{backend: bubblewrap, env: {A: x, B: y}}"), SANDBOX("a", "{backend: bubblewrap, env: {B: y, A: x}}"),
         true},
        {SANDBOX("a", "{backend: bubblewrap, limits: {memory: 1g}}"),
         SANDBOX("a", "{backend: bubblewrap, limits: {memory: 1024m}}"), true},
        {SANDBOX("a", "{backend: bubblewrap, workspaces: [{path: /a/../w}]}"),
         SANDBOX("a", "{backend: bubblewrap, workspaces: [{path: /w, target: /workspace}]}"), true},
        {SANDBOX("a", "{backend: bubblewrap, state: stopped}"), SANDBOX("a", "{backend: bubblewrap, protect: true}"), true},
        {SANDBOX("a", "{backend: bubblewrap, setup: [a, b]}"), SANDBOX("a", "{backend: bubblewrap, setup: \"a\\nb\"}"), true},
        {SANDBOX("a", "{backend: bubblewrap, setup: a}"), SANDBOX("a", "{backend: bubblewrap}"), false},
        {SANDBOX("a", "{backend: bubblewrap, setup: a}"), SANDBOX("a", "{backend: bubblewrap, setup: b}"), false},
        {SANDBOX("a", "{backend: bubblewrap, env: {A: x}}"), SANDBOX("a", "{backend: bubblewrap, env: {A: y}}"), false},
        {SANDBOX("a", "{backend: bubblewrap, network: host}"), SANDBOX("a", "{backend: bubblewrap}"), false},
        {SANDBOX("a", "{backend: docker, image: a}"), SANDBOX("a", "{backend: docker, image: b}"), false},
        /* of another host: what would make another tree, and only that */
        {COPIED("{target: h, workspaceRoot: /w}", ""), COPIED("{target: u@g, workspaceRoot: /w, identityFile: /i}", ""), true},
        {COPIED("{target: h, workspaceRoot: /w}", ""), COPIED("{target: h, workspaceRoot: /w}", ", env: {A: b}"), true},
        {COPIED("{target: h, workspaceRoot: /w}", ""), COPIED("{target: h, workspaceRoot: /w}", ", seed: {policy: manual}"),
         true},
        {REMOTE("{target: h, workspaceRoot: /w}", ", workspaces: [{path: /a}]"),
         REMOTE("{target: h, workspaceRoot: /w}", ", workspaces: [{path: /b}]"), true},
        {COPIED("{target: h, workspaceRoot: /w}", ""), COPIED("{target: h, workspaceRoot: /v}", ""),
         true}, /* it is seen where it stands */
        {COPIED("{target: h, workspaceRoot: /w}", ""), COPIED("{target: h, workspaceRoot: /w}", ", setup: x"), false},
        {COPIED("{target: h, workspaceRoot: /w}", ""),
         REMOTE("{target: h, workspaceRoot: /w}", ", workspaces: [{path: /a}, {path: /b, target: /agent}]"), false},
        {SANDBOX("a", "{backend: openshell}"), SANDBOX("a", "{backend: openshell, openshell: {from: x}}"), false},
        {SANDBOX("a", "{backend: openshell}"), SANDBOX("a", "{backend: openshell, openshell: {gpu: true}}"), false},
        {SANDBOX("a", "{backend: openshell}"),
         SANDBOX("a", "{backend: openshell, openshell: {autoProviders: false, timeout: 5s}}"), true},
        /* a plain value that looks like a digested secret is another value */
        {SANDBOX("a", "{backend: bubblewrap, env: {T: {fromEnv: TOKEN}}}"),
         SANDBOX("a", "{backend: bubblewrap, env: {T: hunter2}}"), false},
    };
    for (size_t i = 0; i < N(rows); i++)
        if ((strcmp(hash_of(r, rows[i].one), hash_of(r, rows[i].two)) == 0) != rows[i].same)
            fail_msg("%s\n%s", rows[i].one, rows[i].two);
}

static void an_ssh_sandbox_is_asked_for_whole(void **state)
{
    struct round *r = *state;
    assert_int_equal(
        desire(r, REMOTE("{target: 'u@h:2200', workspaceRoot: /srv/x, strictHostKeyChecking: false, certificateFile: ~/c, "
                         "identityData: {fromFile: ~/key}, knownHostsData: 'h ssh-ed25519 AAA'}",
                         ", workspaces: [{path: /a}, {path: /b, target: /agent}], env: {T: {fromEnv: TOKEN}}, "
                         "setup: make, seed: {policy: onChange, from: local}")),
        0);
    const struct desired *d = &r->v[0];
    assert_string_equal(d->endpoint, "ssh://u@h:2200");
    assert_string_equal(d->name, "reconclaw-a");
    assert_string_equal(d->backend_id, "ssh");
    assert_string_equal(d->setup, "make");
    assert_false(d->can_remake);
    assert_true(d->precreate);
    BUF_AUTO b = BUF_INIT(1u << 20);
    node_emit(&b, d->create, 0, NODE_EMIT_REDACT);
    assert_string_equal(buf_str(&b),
                        "{\"root\":\"/srv/x/reconclaw-a\",\"workspaceRoot\":\"/srv/x\",\"connection\":{\"user\":\"u\","
                        "\"host\":\"h\",\"port\":2200,\"userConfig\":true,\"strictHostKeyChecking\":false,"
                        "\"updateHostKeys\":true,\"certificateFile\":\"/home/u/c\",\"identityData\":\"(sensitive)\","
                        "\"knownHostsData\":\"(sensitive)\"},\"dirs\":[{\"name\":\"workspace\",\"local\":\"/a\"},"
                        "{\"name\":\"agent\",\"local\":\"/b\"}],\"env\":{\"T\":\"(sensitive)\"},"
                        "\"seed\":{\"policy\":\"onChange\",\"from\":\"local\"}}");
    assert_string_equal(node_str(node_path(d->create, "connection", "identityData", NULL)), "s3cret\n");
}

static void an_openshell_sandbox_is_asked_for_whole(void **state)
{
    struct round *r = *state;
    memfs_file(&r->fs, "/p.yaml", "version: 1\n");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: openshell, openshell: {gateway: lab, command: ~/bin/os, policy: /p.yaml, "
                                            "timeout: 5s}, workspaces: [{path: /a}, {path: /b, target: /agent/x}]}")),
                     0);
    const struct desired *d = &r->v[0];
    assert_string_equal(d->endpoint, "openshell:lab");
    assert_string_equal(d->backend_id, "openshell");
    assert_false(d->can_remake);
    assert_string_equal(
        node_json(r->a, d->create),
        "{\"mode\":\"remote\",\"command\":\"/home/u/bin/os\",\"gateway\":\"lab\",\"from\":\"openclaw\",\"policy\":\"/p.yaml\","
        "\"remoteWorkspaceDir\":\"/sandbox\",\"remoteAgentWorkspaceDir\":\"/agent/x\",\"providers\":[],\"gpu\":false,"
        "\"autoProviders\":true,\"timeoutMs\":5000,\"policyText\":\"version: 1\\n\","
        "\"dirs\":[{\"name\":\"workspace\",\"local\":\"/a\"},{\"name\":\"agent\",\"local\":\"/b\"}],\"env\":{},"
        "\"seed\":{\"policy\":\"once\",\"from\":\"snapshot\"}}");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: openshell, openshell: {policy: /gone}}")), -1);
    assert_string_equal(r->d.v[0].key, "spec.openshell.policy");
}

static void remote_sandboxes_pass_their_backends_check(void **state)
{
    struct round *r = *state;
    static const char *const texts[] = {
        REMOTE("{target: h, workspaceRoot: /srv/x}",
               ", workspaces: [{path: /a}, {path: /b, target: /agent}], env: {A: b}, setup: x"),
        REMOTE("{target: 'u@[::1%lo]:22', workspaceRoot: /}", ", workspaces: [{path: /a}]"),
    };
    for (size_t i = 0; i < N(texts); i++) {
        struct fields fields;
        struct err e = {0};
        assert_int_equal(desire(r, texts[i]), 0);
        const struct backend_ops *ops = backend_find(r->v[0].endpoint);
        assert_non_null(ops);
        if (ops->check(r->a, &r->v[0], &fields, &e) < 0)
            fail_msg("%s: %s", texts[i], e.msg);
    }
}

static void a_key_that_is_not_there_fails_the_load(void **state)
{
    struct round *r = *state;
    assert_int_equal(desire(r, COPIED("{target: h, workspaceRoot: /w, identityData: {fromEnv: NOBODY}}", "")), -1);
    assert_string_equal(r->d.v[r->d.n - 1].key, "spec.ssh.identityData.fromEnv");
}

static void a_changed_secret_changes_the_hash(void **state)
{
    struct round *r = *state;
    const char *before = hash_of(r, SECRETIVE), *docker = hash_of(r, SECRETIVE_DOCKER);
    assert_string_equal(hash_of(r, SECRETIVE), before);
    r->vault.token = "hunter3";
    assert_string_not_equal(hash_of(r, SECRETIVE), before);
    assert_string_not_equal(hash_of(r, SECRETIVE_DOCKER), docker);
    r->vault.token = "hunter2";
    r->vault.bytes = "s3cres\n";
    assert_string_not_equal(hash_of(r, SECRETIVE), before);
}

static void the_hash_is_the_same_in_every_release(void **state)
{
    struct round *r = *state;
    assert_string_equal(hash_of(r, SANDBOX("a", "{backend: bubblewrap}")),
                        "2fa9305576ac5b8f0f0989aa9ab78c054fdcb73abb61ea61c911649719f80c19");
}

static void one_newline_at_the_end_of_a_file_is_dropped(void **state)
{
    struct round *r = *state;
    static const struct {
        const char *bytes, *value;
    } rows[] = {{"x", "x"}, {"x\n", "x"}, {"x\r\n", "x"}, {"x\n\n", "x\n"}, {"", ""}, {"\n", ""}, {"\r\n", ""}, {"a\nb", "a\nb"}};
    for (size_t i = 0; i < N(rows); i++) {
        r->vault.bytes = rows[i].bytes;
        r->vault.n = strlen(rows[i].bytes);
        assert_int_equal(desire(r, SECRETIVE), 0);
        assert_string_equal(node_str(node_path(r->v[0].create, "env", "K", NULL)), rows[i].value);
    }
}

static void secrets_that_cannot_be_had_are_told_at_their_places(void **state)
{
    struct round *r = *state;
    r->v = NULL;
    r->vault.token = NULL;
    r->vault.bytes = "a\0b";
    r->vault.n = 3;
    assert_int_equal(desire(r, SECRETIVE), -1);
    assert_null(r->v);
    assert_string_equal(told(r), "t:4:59: spec.env.K.fromFile: /home/u/key: holds a NUL character, which no variable can\n"
                                 "t:4:38: spec.env.T.fromEnv: TOKEN: variable is not set\n");
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, env: {K: {fromFile: nope}}}")), -1);
    assert_string_equal(told(r), "t:4:38: spec.env.K.fromFile: /specs/nope: no such file\n");
}

static void secret_files_are_capped(void **state)
{
    struct round *r = *state;
    char *big = arena_alloc(r->a, SECRET_BYTES_MAX + 1);
    memset(big, 'x', SECRET_BYTES_MAX + 1);
    r->vault.bytes = big;
    r->vault.n = SECRET_BYTES_MAX;
    assert_int_equal(desire(r, SECRETIVE), 0);
    r->vault.n = SECRET_BYTES_MAX + 1;
    assert_int_equal(desire(r, SECRETIVE), -1);
    assert_non_null(strstr(told(r), "is larger than 65536 bytes"));
    assert_null(strstr(told(r), "xxx"));
}

static void without_a_source_references_are_refused(void **state)
{
    struct round *r = *state;
    r->no_secrets = true;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, env: {T: {fromEnv: TOKEN}}}")), -1);
    assert_string_equal(told(r), "t:4:38: spec.env.T.fromEnv: TOKEN: references cannot be followed here\n");
}

static void a_mere_check_needs_no_secrets(void **state)
{
    struct round *r = *state;
    r->check_only = true;
    r->vault.token = NULL;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, env: {T: {fromEnv: TOKEN}, K: {fromFile: nope}}}")), 0);
    assert_int_equal(r->n, 1);
    assert_int_equal(r->d.n_errors, 0);
    assert_int_equal(r->d.n, 2);
    assert_string_equal(node_json(r->a, node_get(r->v[0].create, "env")), "{\"K\":\"\",\"T\":\"\"}");
    r->check_only = false;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, env: {T: {fromEnv: TOKEN}, K: {fromFile: nope}}}")), -1);
}

static void nothing_is_asked_for_what_shall_be_absent(void **state)
{
    struct round *r = *state;
    r->vault.token = NULL;
    assert_int_equal(desire(r, SANDBOX("a", "{backend: bubblewrap, state: absent, env: {T: {fromEnv: TOKEN}}}")), 0);
    assert_int_equal(r->n, 1);
    assert_int_equal(r->vault.asked, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(bubblewrap_is_asked_with_a_plain_object),
        T(bubblewrap_alone_needs_nothing),
        T(docker_is_asked_with_an_engine_body),
        T(an_engine_is_an_endpoint_of_its_own),
        T(the_user_is_the_one_written_else_the_owner_else_the_images),
        T(states_become_wishes),
        T(a_missing_workspace_is_a_warning_and_still_wanted),
        T(a_link_to_a_hidden_place_is_refused),
        T(secrets_are_read_and_marked),
        T(secrets_are_in_no_output_for_people),
        T(the_hash_follows_what_is_meant),
        T(an_ssh_sandbox_is_asked_for_whole),
        T(an_openshell_sandbox_is_asked_for_whole),
        T(remote_sandboxes_pass_their_backends_check),
        T(a_key_that_is_not_there_fails_the_load),
        T(a_changed_secret_changes_the_hash),
        T(the_hash_is_the_same_in_every_release),
        T(one_newline_at_the_end_of_a_file_is_dropped),
        T(secrets_that_cannot_be_had_are_told_at_their_places),
        T(secret_files_are_capped),
        T(without_a_source_references_are_refused),
        T(a_mere_check_needs_no_secrets),
        T(nothing_is_asked_for_what_shall_be_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
