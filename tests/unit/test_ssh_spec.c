/* What OpenClaw's ssh settings mean: targets, names, layout, sessions, remote commands, and which paths its file tools reach. */
#include "spec/base/path.h"
#include "spec/openclaw/names.h"
#include "spec/openclaw/resolve.h"
#include "spec/openclaw/ssh.h"
#include "spec/openclaw/ssh_mounts.h"
#include "tests/lib/data.h"
#include "tests/lib/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LINE_5 (&oc_profiles[OC_LINE_2026_5])
#define LINE_9 (&oc_profiles[OC_LINE_2026_9])

static const char *str(const struct node *v, const char *key)
{
    return node_str(node_get(v, key));
}

static struct node *cases_of(struct arena *a, const char *path, size_t at_least)
{
    struct node *v = data_get(vectors_read(a, path), "cases", NODE_ARRAY);

    assert_true(v->n_items >= at_least);
    return v;
}

static void same(const char *what, const char *got, const char *wanted)
{
    if (!text_eq(got, wanted))
        fail_msg("%s: %s, wanted %s", what, got ? got : "(none)", wanted ? wanted : "(none)");
}

/* --- targets ------------------------------------------------------------------------------------------------------------------
 */

static void targets(const char *path, const struct oc_profile *line, size_t at_least)
{
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, path, at_least);

    for (size_t i = 0; i < v->n_items; i++) {
        const struct node *wanted = node_get(v->items[i], "output");
        const char *input = data_str(v->items[i], "input");
        struct oc_ssh_target t;

        if (oc_ssh_target_parse(a, line, input, &t) != node_is(wanted, NODE_OBJECT))
            fail_msg("'%s' is %s target", input, node_is(wanted, NODE_OBJECT) ? "a" : "no");
        if (!node_is(wanted, NODE_OBJECT))
            continue;
        same(input, t.user, str(wanted, "user"));
        same(input, t.host, str(wanted, "host"));
        if (t.port < node_get(wanted, "port")->num || t.port > node_get(wanted, "port")->num)
            fail_msg("'%s': port %g", input, t.port);
    }
}

static void targets_are_taken_apart_as_by_2026_5(void **state)
{
    (void)state;
    targets("tests/vectors/ssh-target.json", LINE_5, 45);
    targets("tests/vectors/ssh-target-more.json", LINE_5, 60);
}

static void targets_are_taken_apart_as_by_2026_9(void **state)
{
    (void)state;
    targets("tests/vectors/2026.9/ssh-target.json", LINE_9, 60);
}

static void addresses_are_what_can_be_connected_to(void **state)
{
    static const struct {
        const char *text, *endpoint, *error; /* one of the two; the error of both lines */
    } rows[] = {
        {"u@h", "ssh:u@h:22", NULL},
        {"h", "ssh:me@h:22", NULL},
        {"ssh u@HOST.Example.COM:2200", "ssh:u@host.example.com:2200", NULL},
        {"u@192.0.2.7:22", "ssh:u@192.0.2.7:22", NULL},
        {"u@[fe80::1]:2200", "ssh:u@[fe80::1]:2200", NULL},
        {"u@[FE80::1%eth0]:22", "ssh:u@[fe80::1%eth0]:22", NULL},
        {"[::1]:22", "ssh:me@[::1]:22", NULL},
        {"[::ffff:192.0.2.7]:22", "ssh:me@[::ffff:192.0.2.7]:22", NULL},
        {"[1:2:3:4:5:6:7:8]:1", "ssh:me@[1:2:3:4:5:6:7:8]:1", NULL},
        {"u@h:65535", "ssh:u@h:65535", NULL},
        {"user_1.x@h-1.x_y", "ssh:user_1.x@h-1.x_y:22", NULL},
        {"u@h:65536", NULL, ""},
        {"::1", NULL, ""},
        {"u@fe80::1", NULL, ""},
        {"u@[fe80::1]", NULL, ""}, /* OpenClaw takes the last colon for that of a port */
        {"u@[fe80::12345]:22", NULL, "in brackets"},
        {"u@[1::2::3]:22", NULL, "in brackets"},
        {"u@[::1%]:22", NULL, "in brackets"},
        {"u@[::1%a/b]:22", NULL, "in brackets"},
        {"u@[::1%$(x)]:22", NULL, "in brackets"},
        {"u@[h]:22", NULL, "in brackets"},
        {"u@[]:22", NULL, "in brackets"},
        {"ssh://u@h:22", NULL, "without ssh://"},
        {"u@h@x", NULL, ""},
        {"u@h x", NULL, ""},
        {"u@h/x", NULL, "no host's name"},
        {"u@$(reboot)", NULL, "no host's name"},
        {"u@h;x", NULL, "no host's name"},
        {"u@%h", NULL, "no host's name"},
        {"-oProxyCommand=x@h", NULL, ""},
        {"`x`@h", NULL, "no user's name"},
        {"u\nx@h", NULL, ""},
        {"", NULL, "user@host:port"},
        {"u@", NULL, "user@host:port"},
        {"u@h:0", NULL, "user@host:port"},
    };
    ARENA_AUTO a = arena_new();

    (void)state;
    for (int line = 0; line < OC_LINE_COUNT; line++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct oc_ssh_address address;
            struct err e = {0};
            int rc = oc_ssh_address(a, &oc_profiles[line], rows[i].text, "me", &address, &e);

            if (rows[i].endpoint) {
                if (rc < 0)
                    fail_msg("'%s': %s", rows[i].text, e.msg);
                same(rows[i].text, oc_ssh_endpoint(a, &address), rows[i].endpoint);
            } else if (rc == 0 || e.class != ERR_CONFIG || !strstr(e.msg, rows[i].error)) {
                fail_msg("'%s': %s", rows[i].text, rc == 0 ? "accepted" : e.msg);
            }
        }
}

static void a_target_without_a_user_needs_one_from_the_process(void **state)
{
    ARENA_AUTO a = arena_new();
    struct oc_ssh_address address;
    struct err e = {0};

    (void)state;
    assert_int_equal(oc_ssh_address(a, NULL, "h", NULL, &address, &e), -1);
    assert_non_null(strstr(e.msg, "names no user"));
    assert_int_equal(oc_ssh_address(a, NULL, "u@h", NULL, &address, &e), 0);
}

/* --- names --------------------------------------------------------------------------------------------------------------------
 */

static void layouts(const char *path, const struct oc_profile *line, size_t at_least)
{
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, path, at_least);

    for (size_t i = 0; i < v->n_items; i++) {
        const struct node *c = v->items[i];
        const char *key = data_str(c, "scopeKey");
        struct oc_ssh_layout l = oc_ssh_layout(a, line, data_str(c, "workspaceRoot"), key);

        same(key, l.id, data_str(c, "runtimeId"));
        same(key, l.root, data_str(c, "runtimeRootDir"));
        same(key, l.workspace, data_str(c, "remoteWorkspaceDir"));
        same(key, l.agent, data_str(c, "remoteAgentWorkspaceDir"));
        if (str(c, "workdir"))
            same(key, l.workspace, str(c, "workdir"));
    }
}

static void layouts_are_those_of_2026_5(void **state)
{
    (void)state;
    layouts("tests/vectors/ssh-runtime-paths.json", LINE_5, 140);
}

static void layouts_are_those_of_2026_9(void **state)
{
    (void)state;
    layouts("tests/vectors/2026.9/ssh-runtime-paths.json", LINE_9, 100);
}

/* A workspace's key has a name of its own only where OpenClaw gives it one. */
static void workspace_keys_mean_nothing_to_2026_5(void **state)
{
    static const char key[] = "agent:main:workspace:0123456789abcdef0123456789abcdef";
    ARENA_AUTO a = arena_new();

    (void)state;
    same("2026.9", oc_ssh_runtime_id(a, LINE_9, key), "openclaw-ssh-workspace-5b1210f32562f84c6b0a5edabca1431f");
    assert_true(text_has_prefix(oc_ssh_runtime_id(a, LINE_5, key), "openclaw-ssh-agent-main-workspace-0123456789a-"));
    /* Two characters that OpenClaw cannot tell apart: known, and for the planner to see. */
    same("collision", oc_ssh_runtime_id(a, LINE_5, "agent:main:\xf0\x9f\x98\x80"),
         oc_ssh_runtime_id(a, LINE_5, "agent:main:\xf0\x9f\x98\x81"));
}

static void scopes_are_those_of_the_ssh_vectors(void **state)
{
    static const char *const scopes[] = {"shared", "session", "agent"};
    static const struct oc_places places = {.home = "/home/u", .state_dir = "/home/u/.openclaw", .cwd = "/"};
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, "tests/vectors/ssh-scope.json", 25);

    (void)state;
    for (size_t i = 0; i < v->n_items; i++) {
        const struct node *c = v->items[i];
        const char *key = data_str(c, "sessionKey");

        for (size_t k = 0; k < 3; k++)
            same(key, oc_scope_key(a, &places, scopes[k], NULL, key, NULL), data_str(node_get(c, "scope"), scopes[k]));
        same(key, oc_scope_agent(a, LINE_5, key), str(c, "agentIdOfScopeKey"));
        same(key, oc_sandbox_workspace_dir(a, "/home/u/.openclaw/sandboxes", "agent", key, &places),
             data_str(c, "localSandboxDir"));
    }
}

/* --- sessions -----------------------------------------------------------------------------------------------------------------
 */

static const char *yes_no(const struct node *n)
{
    return n && n->b ? "yes" : "no";
}

static void put_file(struct buf *b, const struct node *c, const char *word, enum oc_ssh_material m, const char *file)
{
    if (node_get(c, oc_ssh_data_key(m)))
        buf_printf(b, "  %s <DIR>/%s\n", word, file);
    else if (node_get(c, oc_ssh_file_key(m)))
        buf_printf(b, "  %s %s\n", word, str(c, oc_ssh_file_key(m)));
}

/* What OpenClaw's ssh is told, from our settings: where the two mean the same, the texts are the same. */
static void put_config(struct arena *a, struct buf *b, const struct node *c, const char *target)
{
    struct oc_ssh_target t;
    const char *const ids[] = {"identityFile", "identityData", "certificateFile", "certificateData"};
    bool only = false;

    assert_true(oc_ssh_target_parse(a, LINE_5, target, &t));
    assert_false(node_get(c, "userConfig")->b);
    for (size_t i = 0; i < 4; i++)
        only = only || node_get(c, ids[i]);
    buf_printf(b,
               "Host openclaw-sandbox\n  HostName %s\n  Port %g\n  BatchMode yes\n  ConnectTimeout 5\n  ServerAliveInterval 15\n"
               "  ServerAliveCountMax 3\n  StrictHostKeyChecking %s\n  UpdateHostKeys %s\n",
               t.host, t.port, yes_no(node_get(c, "strictHostKeyChecking")), yes_no(node_get(c, "updateHostKeys")));
    if (t.user)
        buf_printf(b, "  User %s\n", t.user);
    put_file(b, c, "UserKnownHostsFile", OC_SSH_KNOWN_HOSTS, "known_hosts");
    put_file(b, c, "IdentityFile", OC_SSH_IDENTITY, "identity");
    put_file(b, c, "CertificateFile", OC_SSH_CERTIFICATE, "certificate.pub");
    if (only)
        buf_puts(b, "  IdentitiesOnly yes\n");
}

static void sessions_mean_what_openclaws_do(void **state)
{
    static const char *const files[OC_SSH_MATERIAL_COUNT] = {"identity", "certificate.pub", "known_hosts"};
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, "tests/vectors/ssh-session-config.json", 12);

    (void)state;
    for (size_t i = 0; i < v->n_items; i++) {
        const struct node *c = v->items[i], *settings = data_get(c, "settings", NODE_OBJECT);
        const char *target = data_str(settings, "target");
        const struct oc_ssh_conf conf = {
            .line = LINE_5, .ssh = settings, .user = "me", .home = str(c, "home"), .cwd = str(c, "cwd")};
        BUF_AUTO text = BUF_INIT(1u << 16);
        struct err e = {0};
        struct node *got;
        int rc = oc_ssh_connection(a, &conf, &got, &e);

        if (str(c, "reason")) {
            assert_int_equal(rc, -1);
            continue;
        }
        if (strchr(target, ':') != strrchr(target, ':')) {
            assert_int_equal(rc, -1); /* OpenClaw goes looking for a host named "fe80:" */
            continue;
        }
        if (rc < 0)
            fail_msg("%s: %s", target, e.msg);
        put_config(a, &text, got, target);
        same(target, buf_str(&text), data_str(node_path(c, "files", "config", NULL), "content"));
        for (int m = 0; m < OC_SSH_MATERIAL_COUNT; m++) {
            const struct node *data = node_get(got, oc_ssh_data_key((enum oc_ssh_material)m));

            same(target, node_str(data), node_str(node_path(c, "files", files[m], "content", NULL)));
            assert_true(!data || data->secret);
            assert_true(!data || !node_get(got, oc_ssh_file_key((enum oc_ssh_material)m)));
        }
    }
}

static void resolved_secrets_win_and_are_never_shown(void **state)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO b = BUF_INIT(1u << 16);
    struct oc_ssh_conf conf = {.line = LINE_5, .user = "me", .home = "/h", .cwd = "/", .agent_socket = "/run/agent"};
    struct node *got;
    struct err e = {0};

    (void)state;
    conf.ssh = data_json5(a, "{target:'u@h',identityFile:'~/id',strictHostKeyChecking:true,updateHostKeys:true}");
    conf.secrets[OC_SSH_IDENTITY] = node_string(a, "CANARY");
    assert_int_equal(oc_ssh_connection(a, &conf, &got, &e), 0);
    same("identityData", str(got, "identityData"), "CANARY\n");
    assert_null(node_get(got, "identityFile"));
    same("agentSocket", str(got, "agentSocket"), "/run/agent");
    node_emit(&b, got, 0, NODE_EMIT_REDACT);
    assert_null(strstr(buf_str(&b), "CANARY"));
}

static void files_whose_names_break_a_config_are_refused(void **state)
{
    static const char *const bad[] = {"/a\\nProxyCommand x", "/a\\\"b", "/a\\rb"};
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct oc_ssh_conf conf = {.ssh = data_json5(a, arena_printf(a, "{target:'u@h',knownHostsFile:\"%s\"}", bad[i])),
                                         .user = "me",
                                         .home = "/h",
                                         .cwd = "/"};
        struct node *got;
        struct err e = {0};

        assert_int_equal(oc_ssh_connection(a, &conf, &got, &e), -1);
        assert_true(text_has_prefix(e.msg, "ssh.knownHostsFile: "));
    }
}

/* The level in force is the one that has the key at all, as with texts. */
static void references_are_found_at_the_level_in_force(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *config = data_json5(a, "{agents:{defaults:{sandbox:{ssh:{identityData:{source:'env',provider:'p',id:'D'},"
                                        "knownHostsData:'text'}}},list:[{id:'w',sandbox:{ssh:{identityData:"
                                        "{source:'env',provider:'p',id:'A'},certificateData:''}}},"
                                        "{id:'x',sandbox:{ssh:{identityData:''}}}]}}");
    const struct node *w = oc_agent_entry(a, config, "w"), *x = oc_agent_entry(a, config, "x");

    (void)state;
    same("own", str(oc_ssh_reference(config, w, "agent", OC_SSH_IDENTITY), "id"), "A");
    same("shared", str(oc_ssh_reference(config, w, "shared", OC_SSH_IDENTITY), "id"), "D");
    same("nobody's", str(oc_ssh_reference(config, NULL, "agent", OC_SSH_IDENTITY), "id"), "D");
    assert_null(oc_ssh_reference(config, x, "agent", OC_SSH_IDENTITY)); /* blank, and so unset */
    assert_null(oc_ssh_reference(config, w, "agent", OC_SSH_KNOWN_HOSTS));
    assert_null(oc_ssh_reference(config, w, "agent", OC_SSH_CERTIFICATE));
}

static void what_openclaw_refuses_is_refused_at_its_key(void **state)
{
    static const struct {
        const char *sandbox, *error;
    } rows[] = {
        {"{docker:{},ssh:{target:'u@h'},browser:{enabled:false}}", NULL},
        {"{docker:{binds:[]},ssh:{target:'u@h'}}", NULL},
        {"{docker:{binds:['/a:/b']},ssh:{},browser:{enabled:true}}", "docker.binds: "},
        {"{docker:{},ssh:{},browser:{enabled:true}}", "ssh.target: "},
        {"{docker:{},ssh:{target:'u@-h'}}", "ssh.target: "},
        {"{docker:{},ssh:{target:'u@h'},browser:{enabled:true}}", "browser.enabled: "},
    };
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        int rc = oc_ssh_check(a, LINE_5, data_json5(a, rows[i].sandbox), &e);

        if (rows[i].error ? rc == 0 || !text_has_prefix(e.msg, rows[i].error) : rc < 0)
            fail_msg("%s: %s", rows[i].sandbox, rc < 0 ? e.msg : "accepted");
    }
}

/* --- commands -----------------------------------------------------------------------------------------------------------------
 */

static void remote_commands_are_openclaws(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, "tests/vectors/ssh-exec-argv.json", 10);

    (void)state;
    for (size_t i = 0; i < v->n_items; i++) {
        const struct node *c = v->items[i], *argv = data_get(c, "argv", NODE_ARRAY);
        const char *command = data_str(c, "command");

        /* What stands before it is for an ssh command, which is not run here. */
        same(command, oc_ssh_exec_command(a, node_get(c, "env"), str(c, "workdir"), command), argv->items[argv->n_items - 1]->s);
    }
    same("words", oc_ssh_command(a, (const char *const[]){"/bin/sh", "-c", "it's", "", NULL}), "'/bin/sh' '-c' 'it'\"'\"'s' ''");
    same("none", oc_ssh_command(a, (const char *const[]){NULL}), "");
}

static void the_host_of_an_ssh_config_is_found(void **state)
{
    static const struct {
        const char *text, *host;
    } more[] = {
        {"#Host a\nHost b", "b"}, {"xHost a", NULL},      {"Host", NULL},           {"Host  \n \n", NULL},
        {"\tHost\ta\r\n", "a"},   {"a\r  Host b\r", "b"}, {"Hosts x\nHost y", "y"}, {"a Host b\n", NULL},
    };
    ARENA_AUTO a = arena_new();
    struct node *v = cases_of(a, "tests/vectors/ssh-configtext-host.json", 7);

    (void)state;
    for (size_t i = 0; i < v->n_items; i++)
        same(data_str(v->items[i], "configText"), oc_ssh_config_host(a, data_str(v->items[i], "configText")),
             node_str(node_path(v->items[i], "result", "host", NULL)));
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        same(more[i].text, oc_ssh_config_host(a, more[i].text), more[i].host);
}

/* --- paths --------------------------------------------------------------------------------------------------------------------
 */

static char *replaced(struct arena *a, const char *s, const char *from, const char *to)
{
    const char *at = strstr(s, from);

    return at ? arena_printf(a, "%.*s%s%s", (int)(at - s), s, to, at + strlen(from)) : arena_strdup(a, s);
}

static bool does_write(const char *op)
{
    return strcmp(op, "readFile") != 0 && strcmp(op, "stat") != 0;
}

/* The verdicts that the text of a path alone decides; the rest of each vector is about what lies on the host. */
static void file_tools_reach_what_openclaws_do(void **state)
{
    ARENA_AUTO a = arena_new();
    struct node *groups = data_get(vectors_read(a, "tests/vectors/ssh-fsbridge.json"), "groups", NODE_ARRAY);
    size_t seen[3] = {0};

    (void)state;
    for (size_t g = 0; g < groups->n_items; g++) {
        const struct node *group = groups->items[g], *steps = data_get(group, "steps", NODE_ARRAY);
        const struct oc_remote_mounts m = oc_remote_mounts(a, LINE_5, data_str(group, "workspaceAccess"), "/R/ws", "/R/ag", "/",
                                                           "/root/x/workspace", "/root/x/agent");

        for (size_t i = 0; i < steps->n_items; i++) {
            const struct node *step = steps->items[i], *arg = data_get(step, "arg", NODE_OBJECT);
            const char *op = data_str(step, "op"), *reason = str(step, "reason");
            const char *path = str(arg, "filePath") ? str(arg, "filePath") : data_str(arg, "from");
            enum oc_reach reach;

            path = replaced(a, replaced(a, replaced(a, path, "<R>", "/R"), "<WS>", "/root/x/workspace"), "<AG>", "/root/x/agent");
            reach = oc_remote_reach(a, &m, path, does_write(op), NULL);
            seen[reach]++;
            if (reach == OC_REACH_ESCAPES && !text_eq(reason, "include-escape"))
                fail_msg("%s %s: escapes", op, path);
            if (reach == OC_REACH_READ_ONLY && !text_eq(reason, "other"))
                fail_msg("%s %s: read-only", op, path);
            if (reach == OC_REACH_OK && text_eq(reason, "include-escape") && !strstr(path, "link"))
                fail_msg("%s %s: does not escape", op, path);
        }
    }
    assert_true(seen[OC_REACH_OK] > 20 && seen[OC_REACH_ESCAPES] == 3 && seen[OC_REACH_READ_ONLY] == 8);
}

static void paths_lead_into_the_remote_directories(void **state)
{
    static const struct {
        const char *access, *path, *remote; /* NULL: it escapes */
    } rows[] = {
        {"rw", "a/b", "/w/workspace/a/b"}, {"rw", " a ", "/w/workspace/a"},
        {"rw", ".", "/w/workspace"},       {"rw", "/l/ws/a", "/w/workspace/a"},
        {"rw", "/l/ws", "/w/workspace"},   {"rw", "/l/ag/x", "/w/agent/x"},
        {"none", "/l/ag/x", NULL},         {"rw", "/w/agent/../agent/x", "/w/agent/x"},
        {"rw", "/w/workspace/../x", NULL}, {"rw", "\\w\\agent\\x", "/w/agent/x"},
        {"rw", "../ag/x", "/w/agent/x"},   {"ro", "../ws/x", "/w/workspace/x"},
        {"rw", "/w/workspaces", NULL},     {"rw", "/", NULL},
        {"rw", "a/../../..", NULL},
    };
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct oc_remote_mounts m =
            oc_remote_mounts(a, NULL, rows[i].access, "/l/ws", "/l/ag/", "/", "/w/workspace", "/w/agent");
        const char *remote = NULL;

        (void)oc_remote_reach(a, &m, rows[i].path, false, &remote);
        same(rows[i].path, remote, rows[i].remote);
    }
}

static void what_is_mounted_depends_on_access_and_line(void **state)
{
    static const struct {
        enum oc_line line;
        const char *access, *agent;
        size_t n;
        bool workspace, of_agent;
    } rows[] = {
        {OC_LINE_2026_5, "rw", "/ag", 2, true, true},     {OC_LINE_2026_5, "ro", "/ag", 2, false, false},
        {OC_LINE_2026_5, "none", "/ag", 1, false, false}, {OC_LINE_2026_5, "rw", "/ws/.", 1, true, true},
        {OC_LINE_2026_9, "rw", "/ag", 2, true, true},     {OC_LINE_2026_9, "ro", "/ag", 2, false, false},
        {OC_LINE_2026_9, "none", "/ag", 1, true, false},
    };
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct oc_remote_mounts m = oc_remote_mounts(a, &oc_profiles[rows[i].line], rows[i].access, "/ws", rows[i].agent,
                                                           "/", "/r/workspace", "/r/agent");

        assert_int_equal(m.n, rows[i].n);
        assert_true(m.v[0].writable == rows[i].workspace && m.v[1].writable == rows[i].of_agent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_taken_apart_as_by_2026_5),
        cmocka_unit_test(targets_are_taken_apart_as_by_2026_9),
        cmocka_unit_test(addresses_are_what_can_be_connected_to),
        cmocka_unit_test(a_target_without_a_user_needs_one_from_the_process),
        cmocka_unit_test(layouts_are_those_of_2026_5),
        cmocka_unit_test(layouts_are_those_of_2026_9),
        cmocka_unit_test(workspace_keys_mean_nothing_to_2026_5),
        cmocka_unit_test(scopes_are_those_of_the_ssh_vectors),
        cmocka_unit_test(sessions_mean_what_openclaws_do),
        cmocka_unit_test(resolved_secrets_win_and_are_never_shown),
        cmocka_unit_test(files_whose_names_break_a_config_are_refused),
        cmocka_unit_test(references_are_found_at_the_level_in_force),
        cmocka_unit_test(what_openclaw_refuses_is_refused_at_its_key),
        cmocka_unit_test(remote_commands_are_openclaws),
        cmocka_unit_test(the_host_of_an_ssh_config_is_found),
        cmocka_unit_test(file_tools_reach_what_openclaws_do),
        cmocka_unit_test(paths_lead_into_the_remote_directories),
        cmocka_unit_test(what_is_mounted_depends_on_access_and_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
