/* kinds: every error of a spec at its place, what is decoded and what is refused by backend, and many files as one set. */
#include "spec/kinds.h"
#include "tests/lib/spec_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof(*(a)))

#define BWRAP(rest)          "apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: a}\nspec:\n  backend: bubblewrap\n  " rest "\n"
#define SSH(rest)            "apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: a}\nspec:\n  backend: ssh\n  " rest "\n"
#define SSH_COPY(rest)       SSH(rest "\n  workspaces: [{path: /a}]")
#define SSH_AT(target, root) "ssh: {target: " target ", workspaceRoot: " root "}"
#define SHELL(rest)          "apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: a}\nspec:\n  backend: openshell\n  " rest "\n"
#define DOCKER_SPEC(rest)                                                                                                        \
    "apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: a}\nspec:\n  backend: docker\n  image: i\n  " rest "\n"
#define OPENCLAW_FORM "{apiVersion: reconclaw/v1, kind: OpenClaw, metadata: {name: %s}, spec: %s}"
#define NAMED(name)   "{apiVersion: reconclaw/v1, kind: Sandbox, metadata: {name: " name "}, spec: {backend: bubblewrap}}"

/* --- what is said ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *yaml, *said;
} texts[] = {
    /* right */
    {OPENCLAW("{}"), ""},
    {SANDBOX("{backend: bubblewrap}"), ""},
    {SANDBOX("{backend: docker, image: alpine}"), ""},
    {"apiVersion: reconclaw/v1\nkind: Policy\nmetadata: {name: p}\nspec: {}\n", ""},
    {BWRAP("network: host"), ""},
    {DOCKER_SPEC("network: bridge"), ""},
    {DOCKER_SPEC("network: my_net.1"), ""},
    {DOCKER_SPEC("endpoint: unix:///run/user/1/docker.sock"), ""},
    {BWRAP("workspaces: [{path: ~/a}, {path: rel, target: /b, readOnly: true}]"), ""},
    /* the head */
    {"", "t:1:1: warning: holds no object\n"},
    {"# nothing\n", "t:1:1: warning: holds no object\n"},
    {"[]", "t:1:1: expected an object, got a list\n"},
    {"{}", "t:1:1: kind: is required, but missing: one of OpenClaw, Sandbox, Policy\n"},
    {"kind: Pod", "t:1:7: kind: expected one of OpenClaw, Sandbox, Policy, got 'Pod'\n"},
    {"kind: sandbox", "t:1:7: kind: expected one of OpenClaw, Sandbox, Policy, got 'sandbox'; did you mean 'Sandbox'?\n"},
    {"kind: Sandbox", "t:1:1: apiVersion: is required, but missing\nt:1:1: metadata: is required, but missing\nt:1:1: spec: is "
                      "required, but missing\n"},
    {"apiVersion: v1\nkind: OpenClaw\nmetadata: {name: a}\nspec: {}\n", "t:1:13: apiVersion: expected reconclaw/v1, got 'v1'\n"},
    {"apiVersion: reconclaw/v1\nkind: OpenClaw\nmetadata: {name: a}\nspec: {}\nstatus: {}\n",
     "t:5:1: status: unknown key; known here: apiVersion, kind, metadata, spec\n"},
    {"apiVersion: reconclaw/v1\nkind: OpenClaw\nmetadata: {}\nspec: {}\n", "t:3:11: metadata.name: is required, but missing\n"},
    {"apiVersion: reconclaw/v1\nkind: OpenClaw\nmetadata: {name: My_Claw}\nspec: {}\n",
     "t:3:18: metadata.name: must be 1 to 63 lower-case letters, digits and '-', not beginning or ending with '-'\n"},
    {"apiVersion: reconclaw/v1\nkind: OpenClaw\nmetadata: {name: 7}\nspec: {}\n",
     "t:3:18: metadata.name: expected a string, got a number; put it in quotes\n"},
    {"apiVersion: reconclaw/v1\nkind: OpenClaw\nmetadata: {name: a, labels: {team: 1, reconclaw.owner: x, -x: y, ok/x_1.b-2: "
     "z}}\nspec: {}\n",
     "t:3:36: metadata.labels.team: expected a string, got a number; put it in quotes\n"
     "t:3:39: metadata.labels[\"reconclaw.owner\"]: labels that begin with 'reconclaw.' are not free to use\n"
     "t:3:59: metadata.labels.-x: a label's name must be 1 to 63 letters, digits and any of . _ - /, beginning and ending with a "
     "letter or digit\n"},
    /* OpenClaw */
    {OPENCLAW("{ensure: always}"), "t:1:80: spec.ensure: expected one of existing, all, got 'always'\n"},
    {OPENCLAW("{line: '2026.7'}"), "t:1:78: spec.line: expected one of 2026.5, 2026.9, got '2026.7'; did you mean '2026.5'?\n"},
    {OPENCLAW("{config: ''}"), "t:1:80: spec.config: must not be empty\n"},
    {OPENCLAW("{config: ~bob/x}"), "t:1:80: spec.config: only '~/' is expanded, not another user's home\n"},
    {OPENCLAW("{policy: {onDrift: report}}"),
     "t:1:81: spec.policy.onDrift: unknown key; onDrift stands beside policy, not in it\n"},
    {OPENCLAW("{policy: {hotWindow: 5, guards: {unknown: false}}}"),
     "t:1:92: spec.policy.hotWindow: expected a duration such as 90s or 1h30m from 0 to 30d, got a number; give it a unit\n"
     "t:1:104: spec.policy.guards.unknown: unknown key; what could not be read is never taken for absent: that guard has no "
     "switch\n"},
    {OPENCLAW("{protect: true}"), "t:1:72: spec.protect: unknown key; protect is a key of each Sandbox\n"},
    /* what each backend can */
    {SANDBOX("{}"), "t:1:70: spec.backend: is required, but missing\n"},
    {SANDBOX("{backend: sbx}"), "t:1:80: spec.backend: 'sbx': not driven by this version of reconclaw, which drives docker, "
                                "bubblewrap, ssh and openshell\n"},
    {SANDBOX("{backend: ssh}"), "t:1:70: spec.workspaces: backend ssh needs it\nt:1:70: spec.ssh: backend ssh needs it\n"},
    {SSH_COPY("ssh: {target: u@h}"), "t:6:8: spec.ssh.workspaceRoot: is required, but missing\n"},
    {SSH_COPY("ssh: {workspaceRoot: /srv}"), "t:6:8: spec.ssh.target: is required, but missing\n"},
    {SSH_COPY(SSH_AT("u@h:0", "/srv")), "t:6:17: spec.ssh.target: 'u@h:0': a port is a number from 1 to 65535\n"},
    {SSH_COPY(SSH_AT("u@h", "srv")),
     "t:6:37: spec.ssh.workspaceRoot: must be an absolute path below '/', without '.', '..', doubled "
     "or trailing slashes\n"},
    {SSH_COPY(SSH_AT("u@h", "/srv") "\n  network: none"), "t:7:12: spec.network: backend ssh has the network of its host\n"},
    {SSH_COPY(SSH_AT("u@h", "/srv") "\n  image: x"), "t:7:10: spec.image: backend ssh has no images\n"},
    {SSH_COPY(SSH_AT("u@h", "/srv") "\n  limits: {pids: 1}"),
     "t:7:11: spec.limits: backend ssh limits nothing on its host\nt:7:18: spec.limits.pids: backend ssh limits nothing on its "
     "host\n"},
    {SSH_COPY(SSH_AT("u@h", "/srv") "\n  state: stopped"),
     "t:7:10: spec.state: backend ssh keeps nothing running that could be stopped: running or absent\n"},
    {SSH(SSH_AT("u@h", "/srv") "\n  workspaces: [{path: /a, readOnly: true}]"),
     "t:7:37: spec.workspaces[0].readOnly: backend ssh copies it: nothing keeps the sandbox from writing\n"},
    {SSH(SSH_AT("u@h", "/srv") "\n  workspaces: [{path: /a}, {path: /b, target: /c/d}]"),
     "t:7:47: spec.workspaces[1].target: backend ssh has two places: /workspace and /agent\n"},
    {SSH(SSH_AT("u@h", "/srv") "\n  workspaces: [{path: /a, target: /.reconclaw}]"),
     "t:7:35: spec.workspaces[0].target: backend ssh has two places: /workspace and /agent\n"},
    {SSH_COPY("ssh: {target: u@h, workspaceRoot: /srv, identityFile: /i, identityData: {fromEnv: I}}"),
     "t:6:57: spec.ssh.identityFile: identityData is given, too: one of the two\n"},
    {SSH_COPY("ssh: {target: u@h, workspaceRoot: /srv, host: h}"),
     "t:6:43: spec.ssh.host: unknown key; did you mean 'target'?\n"},
    {SSH_COPY(SSH_AT("u@h", "/srv") "\n  seed: {policy: always}"),
     "t:7:18: spec.seed.policy: expected one of once, onChange, manual, got 'always'\n"},
    {SSH_COPY(SSH_AT("u@h", "/srv")), ""},
    {SSH(SSH_AT("u@h", "/srv")), "t:5:3: spec.workspaces: backend ssh needs it\n"},
    {SSH(SSH_AT("u@h", "/srv") "\n  workspaces: []"), "t:7:15: spec.workspaces: backend ssh copies at least one directory\n"},
    {SSH(SSH_AT("'[fe80::1%eth0]:2200'", "/") "\n  workspaces: [{path: /a}, {path: /b, target: /agent}]\n  state: absent"), ""},
    {BWRAP("seed: {policy: once}"), "t:6:9: spec.seed: backend bubblewrap works on the directories of this machine themselves: "
                                    "nothing is copied\n"},
    {BWRAP("ssh: {target: h, workspaceRoot: /w}"), "t:6:8: spec.ssh: backend bubblewrap always runs on this machine\n"},
    {SHELL(""), ""},
    {SHELL("workspaces: [{path: /a}, {path: /b, target: /agent}]"), ""},
    {SHELL("workspaces: [{path: /a}, {path: /b, target: /sandbox/b}]"),
     "t:6:47: spec.workspaces[1].target: is in that of workspaces[0], or holds it\n"},
    {SHELL("workspaces: [{path: /a}, {path: /b, target: /agent/b}, {path: /c, target: /agent/c}]"),
     "t:6:58: spec.workspaces[2]: backend openshell copies two directories at most\n"},
    {SHELL("workspaces: [{path: /a, target: /sandboxes}]"),
     "t:6:35: spec.workspaces[0].target: backend openshell has it in /sandbox, /agent, or below one of them\n"},
    {SHELL("openshell: {mode: mirror}"), "t:6:15: spec.openshell.mode: unknown key; known here: command, gateway, "
                                         "gatewayEndpoint, workspace, from, policy, providers, gpu, "
                                         "autoProviders, timeout\n"},
    {SHELL("openshell: {timeout: 5}"),
     "t:6:24: spec.openshell.timeout: expected a duration such as 90s or 1h30m from 1s to 1d, got "
     "a number; give it a unit\n"},
    {SHELL("endpoint: tcp://h:1"), "t:6:13: spec.endpoint: backend openshell is where openshell.gateway says\n"},
    {SANDBOX("{backend: dokcer}"),
     "t:1:80: spec.backend: expected one of docker, bubblewrap, ssh, openshell, got 'dokcer'; did you mean 'docker'?\n"},
    {SANDBOX("{backend: docker}"), "t:1:70: spec.image: backend docker needs it\n"},
    {BWRAP("image: alpine"), "t:6:10: spec.image: backend bubblewrap has no images: name a directory with root\n"},
    {BWRAP("user: '1000'"), "t:6:9: spec.user: backend bubblewrap runs as the user who runs reconclaw\n"},
    {BWRAP("endpoint: tcp://h:1"), "t:6:13: spec.endpoint: backend bubblewrap always runs on this machine\n"},
    {BWRAP("engine: podman"), "t:6:11: spec.engine: backend bubblewrap needs no engine\n"},
    {DOCKER_SPEC("engine: podman\n  endpoint: unix:///run/podman/podman.sock"), ""},
    {DOCKER_SPEC("engine: rkt"), "t:7:11: spec.engine: expected one of docker, podman, got 'rkt'\n"},
    {SANDBOX("{backend: podman}"), "t:1:80: spec.backend: 'podman': write backend: docker, and engine: podman\n"},
    {DOCKER_SPEC("root: /srv"), "t:7:9: spec.root: backend docker runs from an image: name it with image\n"},
    {BWRAP("network: bridge"), "t:6:12: spec.network: backend bubblewrap has only none and host\n"},
    {DOCKER_SPEC("network: host"), "t:7:12: spec.network: backend docker gives a sandbox no network that is another's: none, "
                                   "bridge or the name of a network\n"},
    {DOCKER_SPEC("network: 'container:x'"), "t:7:12: spec.network: backend docker gives a sandbox no network that is another's: "
                                            "none, bridge or the name of a network\n"},
    {DOCKER_SPEC("network: a/b"), "t:7:12: spec.network: must be none, bridge or the name of a network\n"},
    {BWRAP("image: i\n  limits: {pids: x}\n  network: bridge"),
     "t:6:10: spec.image: backend bubblewrap has no images: name a directory with root\n"
     "t:7:18: spec.limits.pids: expected a whole number from 1 to 4194304, got a string\n"
     "t:8:12: spec.network: backend bubblewrap has only none and host\n"},
    /* Sandbox, key by key */
    {DOCKER_SPEC("endpoint: /run/docker.sock"), "t:7:13: spec.endpoint: must be unix:///path or tcp://host:port\n"},
    {DOCKER_SPEC("endpoint: 'unix:///'"), "t:7:13: spec.endpoint: must be unix:///path or tcp://host:port\n"},
    {DOCKER_SPEC("endpoint: 'tcp://'"), "t:7:13: spec.endpoint: must be unix:///path or tcp://host:port\n"},
    {DOCKER_SPEC("image: ''"), "t:7:3: spec.image: given before at line 6\n"},
    {BWRAP("workspaces: {path: x}"), "t:6:15: spec.workspaces: expected a list of objects, got an object\n"},
    {BWRAP("workspaces: [{}]"), "t:6:16: spec.workspaces[0].path: is required, but missing\n"},
    {BWRAP("workspaces: [{path: /a, source: /b}]"), "t:6:27: spec.workspaces[0].source: unknown key; did you mean 'path'?\n"},
    {BWRAP("workspaces: [{path: /a}, {path: /b}]"),
     "t:6:28: spec.workspaces[1].target: is required for all workspaces but the first\n"},
    {BWRAP("workspaces: [{path: /a}, {path: /b, target: /workspace}]"),
     "t:6:47: spec.workspaces[1].target: '/workspace' is the target of workspaces[0] too\n"},
    {BWRAP("workspaces: [{path: /a, target: work}]"),
     "t:6:35: spec.workspaces[0].target: must be an absolute path below '/', without '.', '..', doubled or trailing slashes\n"},
    {BWRAP("workspaces: [{path: /a, target: /w/../x}]"),
     "t:6:35: spec.workspaces[0].target: must be an absolute path below '/', without '.', '..', doubled or trailing slashes\n"},
    {BWRAP("workspaces: [{path: /a, target: /}]"),
     "t:6:35: spec.workspaces[0].target: must be an absolute path below '/', without '.', '..', doubled or trailing slashes\n"},
    {BWRAP("workspaces: [{path: /a, target: //w}]"),
     "t:6:35: spec.workspaces[0].target: must be an absolute path below '/', without '.', '..', doubled or trailing slashes\n"},
    {BWRAP("workdir: a"),
     "t:6:12: spec.workdir: must be an absolute path below '/', without '.', '..', doubled or trailing slashes\n"},
    {BWRAP("env: [A=b]"), "t:6:8: spec.env: expected an object of values, each a string or an object, got a list\n"},
    {BWRAP("env: {PORT: 80}"), "t:6:15: spec.env.PORT: expected a string or an object, got a number; put it in quotes\n"},
    {BWRAP("env: {1A: x, A-B: y, _ok: z}"),
     "t:6:9: spec.env.1A: a variable's name must be letters, digits and '_', not beginning with a digit\n"
     "t:6:16: spec.env.A-B: a variable's name must be letters, digits and '_', not beginning with a digit\n"},
    {BWRAP("env: {T: {fromEnv: A, fromFile: b}}"), "t:6:12: spec.env.T: only one of fromEnv or fromFile may be given\n"},
    {BWRAP("env: {T: {}}"), "t:6:12: spec.env.T: needs fromEnv or fromFile\n"},
    {BWRAP("env: {T: {value: x}}"), "t:6:12: spec.env.T: needs fromEnv or fromFile\n"
                                    "t:6:13: spec.env.T.value: unknown key; write the text itself in place of the object\n"},
    {BWRAP("env: {T: {fromEnv: $X}}"), "t:6:22: spec.env.T.fromEnv: must be the name of an environment variable: letters, digits "
                                       "and '_', not beginning with a digit\n"},
    {BWRAP("limits: {memory: 1m, cpus: 0, pids: 0, swap: 1}"),
     "t:6:20: spec.limits.memory: must be at least 6291456 bytes\n"
     "t:6:30: spec.limits.cpus: must be above 0\n"
     "t:6:39: spec.limits.pids: must be at least 1\n"
     "t:6:42: spec.limits.swap: unknown key; known here: memory, cpus, pids\n"},
    {BWRAP("memory: 512m"), "t:6:3: spec.memory: unknown key; did you mean 'limits.memory'?\n"},
    {BWRAP("command: []"), "t:6:12: spec.command: must hold at least 1 item\n"},
    {BWRAP("command: ['', x]"), "t:6:12: spec.command: the first word names the program: it must not be empty\n"},
    {BWRAP("command: sleep 1"), "t:6:12: spec.command: expected a list of strings, got a string\n"},
    {BWRAP("setup: 1"), "t:6:10: spec.setup: expected a string or a list of strings, got a number; put it in quotes\n"},
    {BWRAP("setup: [a, 1]"), "t:6:14: spec.setup[1]: expected a string, got a number; put it in quotes\n"},
    {BWRAP("state: runing"),
     "t:6:10: spec.state: expected one of running, stopped, absent, got 'runing'; did you mean 'running'?\n"},
    {BWRAP("protect: yes"), "t:6:12: spec.protect: expected true or false, got a string\n"},
    {BWRAP("onDrift: recrate"),
     "t:6:12: spec.onDrift: expected one of recreate, remove, report, got 'recrate'; did you mean 'recreate'?\n"},
    {BWRAP("labels: {a: b}"), "t:6:3: spec.labels: unknown key; labels stand in metadata\n"},
    {BWRAP("limits:"), "t:6:10: spec.limits: expected an object, got null (leave the key out instead)\n"},
    {BWRAP("netwrok: none"), "t:6:3: spec.netwrok: unknown key; did you mean 'network'?\n"},
    /* places that are not shown */
    {BWRAP("workspaces: [{path: /}]"),
     "t:6:23: spec.workspaces[0].path: holds /proc, which is not shown to a sandbox: name a directory of its own\n"
     "t:6:23: spec.workspaces[0].path: holds the spec t, so that the sandbox could rewrite its own rules: keep it elsewhere, or "
     "mount it readOnly\n"},
    {BWRAP("workspaces: [{path: /etc/ssl, readOnly: true}]"),
     "t:6:23: spec.workspaces[0].path: lies in /etc, which is not shown to a sandbox\n"},
    {BWRAP("workspaces: [{path: /x/../var}]"),
     "t:6:23: spec.workspaces[0].path: holds /var/run, which is not shown to a sandbox: name a directory of its own\n"},
    {BWRAP("workspaces: [{path: ~}]"),
     "t:6:23: spec.workspaces[0].path: expected a string, got null (leave the key out instead)\n"},
    {BWRAP("workspaces: [{path: '~'}]"),
     "t:6:23: spec.workspaces[0].path: holds /home/u/.ssh, which is not shown to a sandbox: name a directory of its own\n"},
    {BWRAP("workspaces: [{path: ~/.ssh/keys}]"),
     "t:6:23: spec.workspaces[0].path: lies in /home/u/.ssh, which is not shown to a sandbox\n"},
    {BWRAP("root: /"), "t:6:9: spec.root: holds /proc, which is not shown to a sandbox: name a directory of its own\n"},
    {BWRAP("workspaces: [{path: ../specs}]"), "t:6:23: spec.workspaces[0].path: holds the spec t, so that the sandbox could "
                                              "rewrite its own rules: keep it elsewhere, or mount it readOnly\n"},
    {BWRAP("workspaces: [{path: ../specs, readOnly: true}]"), ""},
    {DOCKER_SPEC("workspaces: [{path: '/a:b'}]"),
     "t:7:23: spec.workspaces[0].path: backend docker cannot mount a directory with ':' in its name\n"},
    {BWRAP("workspaces: [{path: '/a:b'}]"), ""},
    /* many documents, all their errors */
    {NAMED("a") "\n---\n" NAMED("b") "\n---\n" NAMED("a"),
     "t:5:60: metadata.name: there is a Sandbox named 'a' at t:1:60 already\n"},
    {NAMED("a") "\n---\n{apiVersion: reconclaw/v1, kind: OpenClaw, metadata: {name: a}, spec: {}}", ""},
    {NAMED("a") "\n---\nkind: Sandbox\nmetadata: {name: a}\n",
     "t:3:1: apiVersion: is required, but missing\nt:3:1: spec: is required, but missing\n"
     "t:4:18: metadata.name: there is a Sandbox named 'a' at t:1:60 already\n"},
    {"kind: A\n---\nkind: B\n", "t:1:7: kind: expected one of OpenClaw, Sandbox, Policy, got 'A'\nt:3:7: kind: expected one of "
                                "OpenClaw, Sandbox, Policy, got 'B'\n"},
};

static void says_what_is_wrong(void **state)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < N(texts); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct specs s = {.n_sandboxes = 77};
        struct spec_file f = spec_text("t", texts[i].yaml);
        int rc = specs_load(a, &f, 1, "/home/u", &d, &s);
        const char *said = spec_told(a, &d);
        bool errors = d.n_errors > 0;
        if (strcmp(said, texts[i].said) == 0 && rc == (errors ? -1 : 0) && (s.n_sandboxes == 77) == errors)
            continue;
        n_wrong++;
        print_error("%s\n  said: %s  want: %s  rc %d\n", texts[i].yaml, said, texts[i].said, rc);
    }
    assert_int_equal(n_wrong, 0);
}

static void names_hold_63_bytes(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {
        {"a", true},
        {"0", true},
        {"a-b", true},
        {"a--b", true},
        {"-a", false},
        {"a-", false},
        {"-", false},
        {"A", false},
        {"a.b", false},
        {"a_b", false},
        {"\xc3\xa9", false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct specs s = {0};
        struct spec_file f = spec_text("t", arena_printf(a, NAMED("'%s'"), rows[i].name));
        if ((specs_load(a, &f, 1, NULL, &d, &s) == 0) != rows[i].good)
            fail_msg("%s", rows[i].name);
    }
}

static void home_is_needed_only_for_a_tilde(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct specs s = {0};
    struct spec_file f = spec_text("t", OPENCLAW("{config: ~/x, stateDir: y}"));
    assert_int_equal(specs_load(a, &f, 1, NULL, &d, &s), -1);
    assert_string_equal(spec_told(a, &d), "t:1:80: spec.config: '~' cannot be expanded: HOME is not known\n");
}

/* --- what is decoded ---------------------------------------------------------------------------------------------------------
 */

static const char full[] = "apiVersion: reconclaw/v1\n"
                           "kind: Sandbox\n"
                           "metadata: {name: scratch, labels: {team: red}}\n"
                           "spec:\n"
                           "  backend: docker\n"
                           "  endpoint: unix:///run/x.sock\n"
                           "  image: alpine:3\n"
                           "  workspaces: [{path: ~/scratch}, {path: rel/../more, target: /m, readOnly: true}]\n"
                           "  env: {ZED: last, LANG: C.UTF-8, TOKEN: {fromEnv: T}, KEY: {fromFile: ~/key}}\n"
                           "  limits: {memory: 512m, cpus: 1.5, pids: 100}\n"
                           "  network: bridge\n"
                           "  user: 1000:1000\n"
                           "  workdir: /m\n"
                           "  command: [sh, -c, 'sleep 9']\n"
                           "  setup: [one, two]\n"
                           "  state: stopped\n"
                           "  protect: true\n"
                           "  onDrift: report\n"
                           "  policy: {hotWindow: 1m}\n";

static void a_sandbox_is_decoded_whole(void **state)
{
    ARENA_AUTO a = arena_new();
    struct specs s = spec_objects(a, full);
    assert_int_equal(s.n_sandboxes, 1);
    assert_int_equal(s.n_openclaws, 0);
    const struct sandbox_object *o = &s.sandboxes[0];
    assert_string_equal(o->head.name, "scratch");
    assert_string_equal(o->head.pos.file, "t");
    assert_int_equal(o->head.pos.line, 3);
    assert_int_equal(o->head.pos.col, 18);
    assert_string_equal(node_str(node_get(o->head.labels, "team")), "red");
    assert_int_equal(o->backend, SANDBOX_DOCKER);
    assert_string_equal(o->endpoint, "unix:///run/x.sock");
    assert_string_equal(o->image, "alpine:3");
    assert_null(o->root);
    assert_int_equal(o->n_workspaces, 2);
    assert_string_equal(o->workspaces[0].path, "/home/u/scratch");
    assert_string_equal(o->workspaces[0].target, "/workspace");
    assert_false(o->workspaces[0].read_only);
    assert_string_equal(o->workspaces[1].path, "/specs/more");
    assert_string_equal(o->workspaces[1].target, "/m");
    assert_true(o->workspaces[1].read_only);
    assert_int_equal(o->n_env, 4);
    assert_string_equal(o->env[0].name, "KEY");
    assert_string_equal(o->env[0].from_file, "/home/u/key");
    assert_null(o->env[0].value);
    assert_string_equal(o->env[1].name, "LANG");
    assert_string_equal(o->env[1].value, "C.UTF-8");
    assert_string_equal(o->env[2].name, "TOKEN");
    assert_string_equal(o->env[2].from_env, "T");
    assert_int_equal(o->env[2].pos.line, 9);
    assert_string_equal(o->env[3].name, "ZED");
    assert_int_equal(o->memory_bytes, 512 << 20);
    assert_true(o->cpus == 1.5);
    assert_int_equal(o->pids, 100);
    assert_string_equal(o->network, "bridge");
    assert_string_equal(o->user, "1000:1000");
    assert_string_equal(o->workdir, "/m");
    assert_string_equal(o->command[0], "sh");
    assert_string_equal(o->command[2], "sleep 9");
    assert_null(o->command[3]);
    assert_string_equal(o->setup, "one\ntwo");
    assert_int_equal(o->want, WANT_STOPPED);
    assert_true(o->policy.protect);
    assert_int_equal(o->policy.on_drift, ON_DRIFT_REPORT);
    assert_int_equal(o->policy.hot_window_ms, 60000);
    assert_string_equal(sandbox_runtime_name(a, o), "reconclaw-scratch");
}

static void remote_sandboxes_have_endpoints_and_names(void **state)
{
    static const struct {
        const char *text, *endpoint, *name;
    } rows[] = {
        {SSH_COPY(SSH_AT("prod", "/srv")), "ssh://prod", "reconclaw-a"},
        {SSH_COPY(SSH_AT("u@Prod:22", "/srv")), "ssh://u@Prod:22", "reconclaw-a"},
        {SSH_COPY(SSH_AT("'[FE80::1]:2200'", "/srv")), "ssh://[fe80::1]:2200", "reconclaw-a"},
        {SSH_COPY(SSH_AT("u@fe80::1", "/srv")), "ssh://u@[fe80::1]", "reconclaw-a"},
        {SSH_COPY(SSH_AT("'[::1%lo]'", "/srv")), "ssh://[::1%lo]", "reconclaw-a"},
        {SHELL(""), "openshell", "rc-091e2d119e9e05d3"},
        {SHELL("openshell: {gateway: lab}"), "openshell:lab", "rc-091e2d119e9e05d3"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct specs s = spec_objects(a, rows[i].text);
        assert_string_equal(sandbox_endpoint(a, &s.sandboxes[0]), rows[i].endpoint);
        assert_string_equal(sandbox_runtime_name(a, &s.sandboxes[0]), rows[i].name);
    }
}

static void targets_that_no_host_can_have_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "@h",
                                      "u@",
                                      "-h",
                                      "u@-h",
                                      "-u@h",
                                      "h:",
                                      "h:x",
                                      "h:65536",
                                      "h:022x",
                                      "[::1",
                                      "[::1]x",
                                      "[h]:22",
                                      "a b",
                                      "u@$(x)",
                                      "`x`@h",
                                      "h/x",
                                      "h;x",
                                      "h%x",
                                      "ssh://h",
                                      "a:b:c",
                                      "[::1]:0",
                                      "[::1%]",
                                      "h\nX y",
                                      "u@h#x",
                                      "[]:22",
                                      "1::2::3",
                                      "[1:2:3:4:5:6:7]",
                                      "[1:2:3:4:5:6:7:8:9]",
                                      "[1:2:3:4:5:6:7:8::]",
                                      "[::1.2.3.256]",
                                      "[::1.2.3]",
                                      "[:1::2]",
                                      "[1::2:]",
                                      "[::12345]",
                                      "[::g]",
                                      "u:p@h\x01"};
    ARENA_AUTO a = arena_new();
    struct ssh_name n;
    for (size_t i = 0; i < N(bad); i++) {
        struct err e = {0};
        if (ssh_name_read(a, bad[i], &n, &e) == 0 || e.class != ERR_CONFIG)
            fail_msg("'%s' is taken", bad[i]);
    }
    struct err e = {0};
    assert_int_equal(ssh_name_read(a, "h:65535", &n, &e), 0);
    static const char *const good[] = {
        "[::]", "[1::]", "[1:2:3:4:5:6:7::]", "[::2:3:4:5:6:7:8]", "[1:2:3:4:5:6:1.2.3.4]", "[64:ff9b::192.0.2.33]:22"};
    for (size_t i = 0; i < N(good); i++)
        if (ssh_name_read(a, good[i], &n, &e) < 0)
            fail_msg("%s", e.msg);
    assert_int_equal(ssh_name_read(a, "a@b@h", &n, &e), 0); /* ssh takes the last @ */
    assert_string_equal(n.user, "a@b");
}

static void what_is_not_written_has_its_default(void **state)
{
    ARENA_AUTO a = arena_new();
    struct specs s = spec_objects(a, NAMED("x"));
    const struct sandbox_object *o = &s.sandboxes[0];
    assert_int_equal(o->backend, SANDBOX_BUBBLEWRAP);
    assert_int_equal(o->n_workspaces, 0);
    assert_int_equal(o->n_env, 0);
    assert_int_equal(o->memory_bytes, 0);
    assert_int_equal(o->pids, 0);
    assert_true(o->cpus == 0);
    assert_string_equal(o->network, "none");
    assert_null(o->endpoint);
    assert_null(o->image);
    assert_null(o->root);
    assert_null(o->user);
    assert_null(o->workdir);
    assert_null(o->command);
    assert_null(o->setup);
    assert_int_equal(o->want, WANT_RUNNING);
    assert_false(o->policy.protect);
    assert_int_equal(o->policy.hot_window_ms, 300000);
    assert_string_equal(sandbox_runtime_name(a, o), "x");
}

static void an_openclaw_is_decoded_whole(void **state)
{
    ARENA_AUTO a = arena_new();
    struct specs s =
        spec_objects(a, "apiVersion: reconclaw/v1\n"
                        "kind: OpenClaw\n"
                        "metadata: {name: home}\n"
                        "spec:\n"
                        "  config: ~/.openclaw/openclaw.json\n"
                        "  stateDir: state\n"
                        "  ensure: all\n"
                        "  onDrift: remove\n"
                        "  policy: {hotWindow: 5m, removalCap: {percent: 40, count: 2}, orphans: prune, ghosts: recreate, "
                        "imageUpdates: ignore}\n");
    assert_int_equal(s.n_openclaws, 1);
    const struct openclaw_object *o = &s.openclaws[0];
    assert_string_equal(o->head.name, "home");
    assert_string_equal(o->config, "/home/u/.openclaw/openclaw.json");
    assert_string_equal(o->state_dir, "/specs/state");
    assert_int_equal(o->ensure, ENSURE_ALL);
    assert_int_equal(o->policy.on_drift, ON_DRIFT_REMOVE);
    assert_int_equal(o->policy.cap_percent, 40);
    assert_int_equal(o->policy.cap_count, 2);
    assert_int_equal(o->policy.orphans, ORPHANS_PRUNE);
    assert_int_equal(o->policy.ghosts, GHOSTS_RECREATE);
    assert_int_equal(o->policy.image_updates, IMAGE_UPDATES_IGNORE);
}

static void the_implied_object_is_all_defaults(void **state)
{
    ARENA_AUTO a = arena_new();
    struct specs s = {0};
    specs_implied(a, &s);
    assert_int_equal(s.n_openclaws, 1);
    assert_int_equal(s.n_sandboxes, 0);
    assert_string_equal(s.openclaws[0].head.name, "default");
    assert_null(s.openclaws[0].config);
    assert_null(s.openclaws[0].state_dir);
    assert_null(s.openclaws[0].head.pos.file);
    assert_int_equal(s.openclaws[0].ensure, ENSURE_EXISTING);
    assert_int_equal(s.openclaws[0].policy.hot_window_ms, 300000);
    assert_true(s.policy.prune);
}

static void a_blank_setup_is_none(void **state)
{
    static const struct {
        const char *yaml, *setup;
    } rows[] = {
        {"setup: ''", NULL},
        {"setup: ' '", NULL},
        {"setup: []", NULL},
        {"setup: ['', '']", NULL},
        {"setup: [a, '', b]", "a\n\nb"},
        {"setup: |\n    a\n    b\n", "a\nb\n"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct specs s = spec_objects(a, arena_printf(a, BWRAP("%s"), rows[i].yaml));
        if (!text_eq(s.sandboxes[0].setup, rows[i].setup))
            fail_msg("%s", rows[i].yaml);
    }
}

/* --- sets of files ------------------------------------------------------------------------------------------------------------
 */

#define POLICY(name, spec) "{apiVersion: reconclaw/v1, kind: Policy, metadata: {name: " name "}, spec: " spec "}"

static void the_policy_holds_whichever_file_it_is_in(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct specs s = {0};
    struct spec_file files[] = {
        spec_text("a.yaml", SANDBOX("{backend: bubblewrap, policy: {concurrency: 2}}") "\n---\n" NAMED("b")),
        spec_text("z.json", "{\"apiVersion\": \"reconclaw/v1\", \"kind\": \"Policy\", \"metadata\": {\"name\": \"p\"}, "
                            "\"spec\": {\"concurrency\": 8, \"prune\": false, \"onDrift\": \"report\"}}"),
    };
    if (specs_load(a, files, N(files), NULL, &d, &s) < 0)
        fail_msg("%s", spec_told(a, &d));
    assert_int_equal(s.n_sandboxes, 2);
    assert_int_equal(s.sandboxes[0].policy.concurrency, 2);
    assert_false(s.sandboxes[0].policy.prune);
    assert_int_equal(s.sandboxes[0].policy.on_drift, ON_DRIFT_REPORT);
    assert_int_equal(s.sandboxes[1].policy.concurrency, 8);
    assert_int_equal(s.policy.concurrency, 8);
    assert_string_equal(s.policy_pos.file, "z.json");
}

static void two_policies_must_agree(void **state)
{
    static const struct {
        const char *one, *two, *said;
    } rows[] = {
        {POLICY("p", "{prune: true, hotWindow: 5m}"), POLICY("q", "{hotWindow: 5m, prune: true}"), ""},
        {POLICY("p", "{prune: true}"), POLICY("q", "{prune: false}"),
         "b:1:59: spec: there is another Policy at a:1:59, and the two differ: at most one may hold\n"},
        {POLICY("p", "{prune: true}"), POLICY("q", "{}"),
         "b:1:59: spec: there is another Policy at a:1:59, and the two differ: at most one may hold\n"},
        {POLICY("p", "{}"), POLICY("p", "{}"), "b:1:59: metadata.name: there is a Policy named 'p' at a:1:59 already\n"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct specs s = {0};
        struct spec_file files[] = {spec_text("a", rows[i].one), spec_text("b", rows[i].two)};
        int rc = specs_load(a, files, 2, NULL, &d, &s);
        assert_string_equal(spec_told(a, &d), rows[i].said);
        assert_int_equal(rc, *rows[i].said ? -1 : 0);
    }
}

static void one_openclaw_is_managed_once(void **state)
{
    static const struct {
        const char *one, *two;
        bool good;
    } rows[] = {
        {"{}", "{}", false},
        {"{config: /a}", "{config: /b/../a}", false},
        {"{config: /a}", "{config: /b}", true},
        {"{config: /a, stateDir: /s}", "{config: /a}", true},
        {"{config: /a, stateDir: /s}", "{config: /a, stateDir: /t}", true},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct specs s = {0};
        struct spec_file files[] = {spec_text("a", arena_printf(a, OPENCLAW_FORM, "x", rows[i].one)),
                                    spec_text("b", arena_printf(a, OPENCLAW_FORM, "y", rows[i].two))};
        int rc = specs_load(a, files, 2, NULL, &d, &s);
        if ((rc == 0) != rows[i].good)
            fail_msg("%s and %s", rows[i].one, rows[i].two);
        if (rc < 0)
            assert_string_equal(spec_told(a, &d), "b:1:61: spec.config: is the OpenClaw of 'x' at a:1:61 too\n");
    }
}

static void no_sandbox_may_write_what_rules_it(void **state)
{
    static const struct {
        const char *path, *holds; /* NULL: fine */
    } rows[] = {
        {"/one", "the spec a"},
        {"/one/deep", NULL},
        {"/two", "the spec b"},
        {"/oc", "the config of OpenClaw 'c'"},
        {"/oc/openclaw.json", "the config of OpenClaw 'c'"},
        {"/oc/ws", NULL},
        {"/st", "the state directory of OpenClaw 'c'"},
        {"/st/sandboxes/x", NULL},
        {"/on", NULL},
    };
    for (size_t i = 0; i < N(rows); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct specs s = {0};
        struct spec_file files[] = {
            spec_text("a",
                      arena_printf(a,
                                   "{apiVersion: reconclaw/v1, kind: Sandbox, metadata: {name: a}, spec: {backend: bubblewrap, "
                                   "workspaces: [{path: /ro, readOnly: true}, {path: %s, target: /t}]}}",
                                   rows[i].path)),
            spec_text(
                "b",
                "{apiVersion: reconclaw/v1, kind: OpenClaw, metadata: {name: c}, spec: {config: /oc/openclaw.json, stateDir: "
                "/st/state}}"),
        };
        files[0].dir = "/one";
        files[1].dir = "/two/specs";
        int rc = specs_load(a, files, 2, NULL, &d, &s);
        if ((rc == 0) != !rows[i].holds || (rows[i].holds && !strstr(d.v[0].msg, rows[i].holds)))
            fail_msg("%s: %s", rows[i].path, spec_told(a, &d));
    }
}

static void errors_of_all_files_are_told_at_once(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct specs s = {0};
    struct spec_file files[] = {spec_text("a.yaml", "kind: X\n"), spec_text("b.json", "{\"kind\": }"),
                                spec_text("c.yaml", "a: [\n"), spec_text("d.yaml", NAMED("ok"))};
    assert_int_equal(specs_load(a, files, N(files), NULL, &d, &s), -1);
    assert_int_equal(d.n_errors, 3);
    spec_told(a, &d);
    assert_string_equal(d.v[0].pos.file, "a.yaml");
    assert_string_equal(d.v[1].pos.file, "b.json");
    assert_string_equal(d.v[2].pos.file, "c.yaml");
}

static void a_thousand_sandboxes_load(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct specs s = {0};
    BUF_AUTO text = BUF_INIT(1u << 20);
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "---\n" NAMED("s%d") "\n", i);
    struct spec_file f = spec_text("t", buf_str(&text));
    assert_int_equal(specs_load(a, &f, 1, NULL, &d, &s), 0);
    assert_int_equal(s.n_sandboxes, 1000);
    assert_string_equal(s.sandboxes[999].head.name, "s999");
}

/* --- samples ------------------------------------------------------------------------------------------------------- */

static struct spec_file sample(struct arena *a, const char *name)
{
    struct spec_file f = {.name = name, .dir = "/specs"};
    char *bytes = arena_alloc(a, 65536);
    FILE *in = fopen(name, "rb");
    if (!in)
        fail_msg("no %s", name);
    f.n = fread(bytes, 1, 65536, in);
    f.bytes = bytes;
    fclose(in);
    return f;
}

static void every_sample_loads_without_a_word(void **state)
{
    static const char *const names[] = {"samples/openclaw.yaml",           "samples/policy.yaml",
                                        "samples/sandbox-bubblewrap.yaml", "samples/sandbox-docker.yaml",
                                        "samples/sandbox-ssh.yaml",        "samples/demo/sandboxes.yaml"};
    for (size_t i = 0; i < N(names); i++) {
        ARENA_AUTO a = arena_new();
        struct diags d = {.arena = a};
        struct specs s = {0};
        struct spec_file f = sample(a, names[i]);
        int rc = specs_load(a, &f, 1, "/home/u", &d, &s);
        assert_string_equal(spec_told(a, &d), "");
        assert_int_equal(rc, 0);
        assert_true(s.n_openclaws + s.n_sandboxes > 0 || s.policy_pos.file);
    }
}

static void the_policy_sample_shows_the_defaults(void **state)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct specs s = {0}, none = {0};
    struct spec_file f = sample(a, "samples/policy.yaml");
    assert_int_equal(specs_load(a, &f, 1, NULL, &d, &s), 0);
    specs_implied(a, &none);
#define SAME(key) assert_true(s.policy.key == none.policy.key)
    SAME(hot_window_ms);
    SAME(cap_percent);
    SAME(cap_count);
    SAME(on_drift);
    SAME(orphans);
    SAME(ghosts);
    SAME(image_updates);
    SAME(prune);
    SAME(protect);
    SAME(ignore_busy);
    SAME(ignore_flapping);
    SAME(concurrency);
    SAME(resync_ms);
    SAME(on_prune);
    SAME(retain_count);
    SAME(retain_ms);
    SAME(retain_bytes);
    SAME(snapshot_count);
    SAME(snapshot_ms);
    SAME(snapshot_bytes);
#undef SAME
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(names_hold_63_bytes),
        cmocka_unit_test(home_is_needed_only_for_a_tilde),
        cmocka_unit_test(a_sandbox_is_decoded_whole),
        cmocka_unit_test(remote_sandboxes_have_endpoints_and_names),
        cmocka_unit_test(targets_that_no_host_can_have_are_refused),
        cmocka_unit_test(what_is_not_written_has_its_default),
        cmocka_unit_test(an_openclaw_is_decoded_whole),
        cmocka_unit_test(the_implied_object_is_all_defaults),
        cmocka_unit_test(a_blank_setup_is_none),
        cmocka_unit_test(the_policy_holds_whichever_file_it_is_in),
        cmocka_unit_test(two_policies_must_agree),
        cmocka_unit_test(one_openclaw_is_managed_once),
        cmocka_unit_test(no_sandbox_may_write_what_rules_it),
        cmocka_unit_test(errors_of_all_files_are_told_at_once),
        cmocka_unit_test(a_thousand_sandboxes_load),
        cmocka_unit_test(every_sample_loads_without_a_word),
        cmocka_unit_test(the_policy_sample_shows_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
