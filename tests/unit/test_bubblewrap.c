/* What is particular to bubblewrap; the rest is the contract's. As root and, where we are root, as an ordinary user too. */
#include "backends/bubblewrap.h"
#include "backends/bwrap_cgroup.h"
#include "backends/bwrap_proc.h"
#include "backends/bwrap_spec.h"
#include "tests/lib/box.h"
#include "tests/lib/child.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANARY "canary-77b1-bubblewrap"

/* --- life ---------------------------------------------------------------------------------------------------------- */

static void test_outlives_us(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", PLAIN);
    struct observation o;
    struct bwrap_record r;
    pid_t pid, outer, session;
    int status;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct act_result res;

        setsid();
        if (box_act(x, STEP_CREATE, d, d->name, NULL, &res) < 0)
            _exit(1);
        kill(0, SIGKILL); /* the whole process group of the one that made it, itself included */
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    o = box_observe(x);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
    r = box_record(x, "one");
    session = getsid(r.process.pid);
    assert_true(session != pid && session != getsid(0));
    assert_true(bwrap_process_parent(r.process.pid, &outer));
    assert_true(bwrap_process_parent(outer, &outer));
    assert_int_not_equal(outer, pid);
    box_inside(x, "one", o.v[0].id, "true", &status);
    assert_int_equal(status, 0);
}

static void test_pid_is_not_enough(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", PLAIN);
    const char *id = box_make(x, d);
    struct bwrap_record real = box_record(x, "one"), r = real;
    struct act_result res;
    pid_t other;

    fflush(NULL);
    other = fork(); /* an innocent process, that the record will name */
    if (other == 0) {
        pause();
        _exit(0);
    }
    r.process.pid = (int32_t)other;
    must(x, bwrap_store_write(&x->store, x->a, &r, &x->e));
    /* Its mark still leads to the real one. */
    assert_int_equal(box_state_of(x, id), RUN_RUNNING);
    must(x, box_act(x, STEP_STOP, d, "one", id, &res));
    assert_int_equal(box_state_of(x, id), RUN_STOPPED);
    r = box_record(x, "one");
    r.process = (struct bwrap_process){
        .pid = (int32_t)other, .start = real.process.start, .boot_id = real.process.boot_id, .pid_ns = real.process.pid_ns};
    must(x, bwrap_store_write(&x->store, x->a, &r, &x->e));
    assert_int_equal(box_state_of(x, id), RUN_STOPPED);
    must(x, bwrap_process_start(other, &r.process.start, &x->e));
    r.process.boot_id = "of-another-boot";
    must(x, bwrap_store_write(&x->store, x->a, &r, &x->e));
    assert_int_equal(box_state_of(x, id), RUN_STOPPED);
    must(x, box_act(x, STEP_REMOVE, d, "one", id, &res));
    assert_int_equal(box_state_of(x, id), RUN_ABSENT);
    assert_int_equal(waitpid(other, NULL, WNOHANG), 0); /* unharmed */
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
}

static void test_other_pid_namespace_is_unknown(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", PLAIN);
    const char *id = box_make(x, d);
    struct bwrap_record real = box_record(x, "one"), r = real;
    struct act_result res;
    struct observed o;

    must(x, box_act(x, STEP_STOP, d, "one", id, &res));
    r.process.pid_ns = "pid:[1]";
    must(x, bwrap_store_write(&x->store, x->a, &r, &x->e));
    assert_int_equal(box_observe(x).v[0].state, RUN_UNKNOWN);
    assert_int_equal(bubblewrap_ops.look(x->b, x->a, id, NULL, &box_call, &o, &x->e), -1);
    assert_int_equal(box_act(x, STEP_REMOVE, d, "one", id, &res), -1);
    assert_int_equal(box_observe(x).n, 1);
}

static void test_unreadable_record(void **state)
{
    static const char *const rows[] = {"", "{", "{}", "\x01\x02", "{\"version\":2}"};
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", PLAIN);
    char path[256];

    box_make(x, box_desire(x, "two", PLAIN));
    snprintf(path, sizeof path, "%s/one.json", x->store_dir);
    for (size_t i = 0; i < sizeof rows / sizeof *rows + 1; i++) {
        struct act_result res;
        struct observation o;
        struct observed l;

        if (i == sizeof rows / sizeof *rows) {
            assert_int_equal(mkfifo(path, 0600), 0); /* must not hang */
        } else {
            int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

            assert_true(fd >= 0 && write(fd, rows[i], strlen(rows[i])) == (ssize_t)strlen(rows[i]));
            close(fd);
        }
        o = box_observe(x);
        assert_int_equal(o.n, 2);
        assert_string_equal(o.v[0].name, "one");
        assert_int_equal(o.v[0].state, RUN_UNKNOWN);
        assert_int_equal(o.v[1].state, RUN_RUNNING);
        assert_int_equal(bubblewrap_ops.look(x->b, x->a, NULL, "one", &box_call, &l, &x->e), -1);
        assert_int_equal(bubblewrap_ops.look(x->b, x->a, "0123456789abcdef0123456789abcdef", NULL, &box_call, &l, &x->e), -1);
        assert_int_equal(box_act(x, STEP_CREATE, d, "one", NULL, &res), -1);
        assert_int_equal(x->e.class, ERR_INPUT);
        assert_int_equal(box_act(x, STEP_REMOVE, d, "one", "0123456789abcdef0123456789abcdef", &res), -1);
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_lost_record(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", PLAIN);
    const char *id = box_make(x, d), *next;
    struct act_result res;
    struct observation o;

    must(x, bwrap_store_remove(&x->store, "one", &x->e));
    o = box_observe(x);
    assert_int_equal(o.n, 1);
    assert_string_equal(o.v[0].id, id);
    assert_string_equal(o.v[0].name, "one");
    assert_int_equal(o.v[0].state, RUN_RUNNING);
    assert_int_equal(o.v[0].ownership, OWN_OURS);
    assert_string_equal(o.v[0].owner, "Sandbox/one");
    assert_string_equal(o.v[0].config_hash, d->config_hash);
    assert_int_equal(box_state_of(x, id), RUN_RUNNING);
    /* Making it again takes the lost one's place: never two of a name. */
    next = box_make(x, d);
    assert_string_not_equal(next, id);
    o = box_observe(x);
    assert_int_equal(o.n, 1);
    assert_string_equal(o.v[0].id, next);
    /* And it can be removed as it is. */
    must(x, bwrap_store_remove(&x->store, "one", &x->e));
    o = box_observe(x);
    must(x, box_act(x, STEP_REMOVE, NULL, o.v[0].name, o.v[0].id, &res));
    assert_int_equal(box_observe(x).n, 0);
}

static void test_killed_while_making(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", PLAIN);
    const char *id = box_make(x, d), *next;
    struct bwrap_record r = box_record(x, "one");
    struct observation o;

    r.phase = BWRAP_MAKING; /* what is left by one that was killed before the process was written down */
    r.process = (struct bwrap_process){0};
    must(x, bwrap_store_write(&x->store, x->a, &r, &x->e));
    o = box_observe(x);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.v[0].state, RUN_RUNNING);
    assert_string_equal(fields_get(o.v[0].fields, "unfinished"), "yes");
    next = box_make(x, d);
    assert_string_not_equal(next, id);
    o = box_observe(x);
    assert_int_equal(o.n, 1);
    assert_string_equal(o.v[0].id, next);
    assert_null(fields_get(o.v[0].fields, "unfinished"));
}

static void test_graceful_stop(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one",
                                   "{\"workspaces\":[{\"path\":\"%W\",\"target\":\"/workspace\"}],\"command\":[\"sh\",\"-c\","
                                   "\"trap 'echo bye >/workspace/bye; exit' TERM; while :; do sleep 0.1; done\"]}");
    const char *id = box_make(x, d);
    struct act_result res;
    char path[256];

    poll(NULL, 0, 300); /* the shell sets its trap */
    must(x, box_act(x, STEP_STOP, d, "one", id, &res));
    snprintf(path, sizeof path, "%s/bye", x->work);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(box_state_of(x, id), RUN_STOPPED);
}

/* --- what is inside ------------------------------------------------------------------------------------------------ */

static void test_no_privileges(void **state)
{
    static const struct {
        const char *script, *output;
        int status;
    } rows[] = {
        {"grep -hE '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status | sort -u | tr -d '\\t\\n'",
         "CapAmb:0000000000000000CapBnd:0000000000000000CapEff:0000000000000000CapInh:0000000000000000CapPrm:0000000000000000"
         "NoNewPrivs:1",
         0},
        {"grep -hE '^(CapEff|CapBnd|NoNewPrivs)' /proc/2/status | tr -d '\\t\\n'",
         "CapEff:0000000000000000CapBnd:0000000000000000NoNewPrivs:1", 0},
        {"unshare -U true 2>/dev/null || exit 1", "", 1},
        {"mount -t tmpfs x /tmp 2>/dev/null || exit 1", "", 1},
        {"ls /root /srv /mnt 2>/dev/null | head -c 10", "", 0},
        {"(echo x >/usr/x) 2>/dev/null || exit 1", "", 1},
        {"(echo x >/x) 2>/dev/null || exit 1", "", 1},
        {"(echo x >/etc/x) 2>/dev/null || exit 1", "", 1},
        {"echo ok >/tmp/x && cat /tmp/x", "ok\n", 0},
        {"echo ok >$HOME/x && cat ~/x", "ok\n", 0},
        {"echo ok >/workspace/x && cat /workspace/x", "ok\n", 0},
        {"cat /ro/x", "from outside\n", 0},
        {"(echo x >/ro/y) 2>/dev/null || exit 1", "", 1},
        {"sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev", "lo\n", 0},
        {"ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 ", 0}, /* 3: ls's own */
        {"hostname 2>/dev/null || cat /proc/sys/kernel/hostname", "one\n", 0},
        {"id -un", "sandbox\n", 0},
        {"echo $$ >/dev/null; ls -d /proc/[0-9]* | wc -l | grep -c '^[1-9]$'", "1\n", 0}, /* only its own processes */
        /* Not a privilege but root's uid would be enough for these. Written with what is there. */
        {"f=/proc/sys/kernel/core_pattern; v=$(cat $f); (echo \"$v\" >$f) 2>/dev/null || exit 1", "", 1},
        {"for f in /proc/*; do [ -f $f ] && [ -w $f ] && echo $f; done; find /proc/sys /proc/irq /proc/bus /proc/fs -type f "
         "-writable 2>/dev/null | head -n 3",
         "", 0},
        {"(echo x >/proc/1/exe) 2>/dev/null || exit 1", "", 1}, /* what it was started by */
    };
    struct box *x = *state;
    struct desired *d = box_desire(x, "one",
                                   "{\"workspaces\":[{\"path\":\"%W\",\"target\":\"/workspace\"},"
                                   "{\"path\":\"%W/ro\",\"target\":\"/ro\",\"readOnly\":true}],\"workdir\":\"/workspace\"}");
    const char *id;
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/ro", x->work);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/ro/x", x->work);
    fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0 && write(fd, "from outside\n", 13) == 13);
    close(fd);
    id = box_make(x, d);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status;
        const char *out = box_inside(x, "one", id, rows[i].script, &status);

        if (!text_eq(out, rows[i].output) || status != rows[i].status)
            fail_msg("%s: status %d, output '%s'", rows[i].script, status, out);
    }
}

/* What runs inside is the same user: it must not reach the files of the programs that start it or enter it. */
static void test_programs_are_copies(void **state)
{
    struct box *x = *state;
    const char *id = box_make(x, box_desire(x, "one", PLAIN));
    struct bwrap_record r = box_record(x, "one");
    char path[64], target[256] = "";
    struct stat before, after;
    int status;

    snprintf(path, sizeof path, "/proc/%d/exe", r.process.pid);
    if (readlink(path, target, sizeof target - 1) > 0)
        assert_true(text_has_prefix(target, "/memfd:bwrap"));
    assert_int_equal(stat("/proc/self/exe", &before), 0);
    /* A command whose interpreter is whatever enters: the entering program would run under the sandbox's control. */
    box_inside(x, "one", id, "printf '#!/proc/self/exe\\n' >/workspace/evil; chmod +x /workspace/evil", &status);
    assert_int_equal(status, 0);
    const char *argv[] = {"/workspace/evil", NULL};
    bubblewrap_ops.exec(x->b, &(struct exec_req){.name = "one", .id = id, .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1},
                        &(struct call){.timeout_ms = 5000}, &status, &x->e);
    assert_int_equal(stat("/proc/self/exe", &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_size, after.st_size);
}

static void test_limits(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", "{\"limits\":{\"memoryBytes\":67108864,\"pids\":20,\"cpus\":0.5}}");
    struct act_result res = {0};
    struct backend_info info;
    bool memory = true, pids = true, cpus = true;
    int status;
    const char *out;

    must(x, bubblewrap_ops.probe(x->b, &box_call, &info, &x->e));
    must(x, box_act(x, STEP_CREATE, d, "one", NULL, &res));
    for (size_t i = 0; i < res.n_warnings; i++) {
        memory = memory && !text_has_prefix(res.warnings[i], "limits.memory ");
        pids = pids && !text_has_prefix(res.warnings[i], "limits.pids ");
        cpus = cpus && !text_has_prefix(res.warnings[i], "limits.cpus ");
    }
    /* Said at the probe, or it holds. */
    assert_int_equal(memory, strstr(info.remark, "memory") == NULL);
    assert_int_equal(pids, strstr(info.remark, "pids") == NULL);
    assert_int_equal(cpus, strstr(info.remark, "cpu") == NULL);
    out = box_inside(x, "one", res.id, "for i in $(seq 60); do sleep 3 & done 2>&1; echo alive", &status);
    assert_int_equal(strstr(out, "ork") != NULL, pids); /* "Cannot fork", "fork: retry" */
    poll(NULL, 0, 50);
    box_inside(x, "one", res.id, "kill $(pgrep sleep | tail -n +2) 2>/dev/null; true", &status);
    box_inside(x, "one", res.id, "exec head -c 200000000 /dev/zero | exec tail -c 1 >/dev/null; exit 0", &status);
    out = box_inside(x, "one", res.id, "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}", &status);
    assert_int_equal(strstr(out, "200000000") == NULL, memory);
}

static void test_secrets(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", "{\"env\":{\"TOKEN\":\"" CANARY "\",\"PLAIN\":\"yes\"}}");
    const char *id;
    struct act_result res;
    struct dirent *ent;
    struct node *env = node_get(d->create, "env");
    int status;
    DIR *dir;

    node_get(env, "TOKEN")->secret = true;
    id = box_make(x, d);
    assert_string_equal(box_inside(x, "one", id, "echo $PLAIN $TOKEN", &status), "yes " CANARY "\n");
    dir = opendir(x->store_dir);
    while ((ent = readdir(dir)) != NULL) {
        static char bytes[65536];
        char path[512];
        int fd;
        ssize_t n;

        snprintf(path, sizeof path, "%s/%s", x->store_dir, ent->d_name);
        fd = open(path, O_RDONLY);
        n = read(fd, bytes, sizeof bytes);
        close(fd);
        assert_true(n < 0 || memmem(bytes, (size_t)n, CANARY, strlen(CANARY)) == NULL);
    }
    closedir(dir);
    must(x, box_act(x, STEP_STOP, d, "one", id, &res));
    assert_int_equal(box_act(x, STEP_START, NULL, "one", id, &res), -1); /* kept nowhere but in the spec */
    assert_int_equal(x->e.class, ERR_REFUSED);
    must(x, box_act(x, STEP_START, d, "one", id, &res));
    assert_string_equal(box_inside(x, "one", id, "echo $TOKEN", &status), CANARY "\n");
    /* Another value is drift, and never shown. */
    struct desired *d2 = box_desire(x, "one", "{\"env\":{\"TOKEN\":\"" CANARY "2\",\"PLAIN\":\"yes\"}}");
    struct field_change *ch;

    node_get(node_get(d2->create, "env"), "TOKEN")->secret = true;
    must(x, bubblewrap_ops.check(x->a, d2, &d2->fields, &x->e));
    assert_int_equal(fields_diff(x->a, d2->fields, box_observe(x).v[0].fields, &ch), 1);
    assert_string_equal(ch[0].name, "env.TOKEN");
    assert_true(ch[0].sensitive);
}

static void test_setup_output_is_capped(void **state)
{
    struct box *x = *state;
    struct desired *d = box_desire(x, "one", PLAIN);
    struct act_result res = {0};

    d->setup = "head -c 3000000 /dev/zero | tr '\\0' y; exit 4";
    assert_int_equal(box_act(x, STEP_CREATE, d, "one", NULL, &res), -1);
    assert_int_equal(res.setup_status, 4);
    assert_int_equal(strlen(res.setup_output), LIMIT_OUTPUT_BYTES);
}

static void test_terminal(void **state)
{
    struct box *x = *state;
    const char *id = box_make(x, box_desire(x, "one", PLAIN)),
               *argv[] = {"sh", "-c", "test -t 0 && tty; stty size; exit 3", NULL};
    int ends[2], status;
    char text[256] = "";
    size_t at = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    must(x, bubblewrap_ops.exec(
                x->b,
                &(struct exec_req){
                    .name = "one", .id = id, .argv = argv, .fd_in = -1, .fd_out = ends[1], .fd_err = ends[1], .tty = true},
                &box_call, &status, &x->e));
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], text + at, sizeof text - 1 - at)) > 0;)
        at += (size_t)n;
    close(ends[0]);
    assert_int_equal(status, 3);
    assert_true(text_has_prefix(text, "/dev/pts/"));
}

static void test_root(void **state)
{
    struct box *x = *state;
    struct desired *d;
    struct act_result res;
    char path[256];
    int status;
    const char *id;

    d = box_desire(x, "one", "{\"root\":\"/\",\"workspaces\":[{\"path\":\"%W\",\"target\":\"/workspace\"}]}");
    id = box_make(x, d);
    assert_string_equal(
        box_inside(x, "one", id, "ls -d /workspace /usr/bin/env; touch /x 2>/dev/null || echo read-only", &status),
        "/usr/bin/env\n/workspace\nread-only\n");
    snprintf(path, sizeof path, "%s/bin", x->work);
    assert_int_equal(mkdir(path, 0755), 0);
    d = box_desire(x, "two", "{\"root\":\"%W\"}");
    assert_int_equal(box_act(x, STEP_CREATE, d, "two", NULL, &res), -1);
    assert_int_equal(x->e.class, ERR_REFUSED);
    assert_non_null(strstr(x->e.msg, "command: 'sleep' is not there in the sandbox"));
    d = box_desire(x, "two", "{\"command\":[\"no-such-command\"]}");
    assert_int_equal(box_act(x, STEP_CREATE, d, "two", NULL, &res), -1);
    assert_non_null(strstr(x->e.msg, "command: 'no-such-command'"));
    d = box_desire(x, "two", "{\"command\":[\"false\"]}");
    assert_int_equal(box_act(x, STEP_CREATE, d, "two", NULL, &res), -1);
    assert_int_equal(x->e.class, ERR_REFUSED);
    d = box_desire(x, "two", "{\"root\":\"%W/missing\"}");
    assert_int_equal(box_act(x, STEP_CREATE, d, "two", NULL, &res), -1);
    assert_int_equal(x->e.class, ERR_NOT_FOUND);
    d = box_desire(x, "two", "{\"workspaces\":[{\"path\":\"%W/missing\",\"target\":\"/w\"}]}");
    assert_int_equal(box_act(x, STEP_CREATE, d, "two", NULL, &res), -1);
    assert_int_equal(x->e.class, ERR_NOT_FOUND);
    d = box_desire(x, "two", "{\"workdir\":\"/missing\"}");
    assert_int_equal(box_act(x, STEP_CREATE, d, "two", NULL, &res), -1);
    assert_non_null(strstr(x->e.msg, "/missing"));
    assert_int_equal(box_observe(x).n, 1); /* nothing is left of those */
}

/* --- pure ---------------------------------------------------------------------------------------------------------- */

static void test_check_refuses(void **state)
{
    static const struct {
        const char *create, *key;
    } rows[] = {
        {"[]", "create: "},
        {"{\"image\":\"x\"}", "image: "},
        {"{\"root\":\"relative\"}", "root: "},
        {"{\"root\":\"/a/../b\"}", "root: "},
        {"{\"root\":\"/a//b\"}", "root: "},
        {"{\"root\":\"/a/\"}", "root: "},
        {"{\"root\":\"/a\\u0000b\"}", "root: "},
        {"{\"workspaces\":{}}", "workspaces: "},
        {"{\"workspaces\":[1]}", "workspaces[0]: "},
        {"{\"workspaces\":[{\"path\":\"/a\"}]}", "workspaces[0].target: "},
        {"{\"workspaces\":[{\"path\":\"/a\",\"target\":\"/\"}]}", "workspaces[0].target: "},
        {"{\"workspaces\":[{\"path\":\"/a\",\"target\":\"/proc/x\"}]}", "workspaces[0].target: "},
        {"{\"workspaces\":[{\"path\":\"/a\",\"target\":\"/w\",\"readOnly\":1}]}", "workspaces[0].readOnly: "},
        {"{\"workspaces\":[{\"path\":\"/a\",\"target\":\"/w\"},{\"path\":\"/b\",\"target\":\"/w\"}]}", "workspaces: "},
        {"{\"env\":[]}", "env: "},
        {"{\"env\":{\"A=B\":\"x\"}}", "env.A=B: "},
        {"{\"env\":{\"\":\"x\"}}", "env.: "},
        {"{\"env\":{\"1A\":\"x\"}}", "env.1A: "},
        {"{\"env\":{\"A\":1}}", "env.A: "},
        {"{\"env\":{\"A\":\"x\\u0000y\"}}", "env.A: "},
        {"{\"limits\":[]}", "limits: "},
        {"{\"limits\":{\"disk\":1}}", "limits.disk: "},
        {"{\"limits\":{\"memoryBytes\":1048575}}", "limits.memoryBytes: "},
        {"{\"limits\":{\"memoryBytes\":1048576.5}}", "limits.memoryBytes: "},
        {"{\"limits\":{\"pids\":1}}", "limits.pids: "},
        {"{\"limits\":{\"cpus\":0}}", "limits.cpus: "},
        {"{\"network\":\"bridge\"}", "network: "},
        {"{\"network\":1}", "network: "},
        {"{\"command\":[]}", "command: "},
        {"{\"command\":[\"\"]}", "command[0]: "},
        {"{\"command\":[\"a\",1]}", "command[1]: "},
        {"{\"workdir\":\"x\"}", "workdir: "},
        {"{\"labels\":{\"a\":1}}", "labels.a: "},
    };
    static const char *const names[] = {"", ".", "..", "a/b", "-a", "a b", "a\nb", "\xc3\xa4"};
    struct box *x = *state;
    struct fields f;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desired *d = box_desire(x, "one", rows[i].create);

        if (bubblewrap_ops.check(x->a, d, &f, &x->e) == 0)
            fail_msg("%s: was taken", rows[i].create);
        assert_int_equal(x->e.class, ERR_CONFIG);
        if (!text_has_prefix(x->e.msg, rows[i].key))
            fail_msg("%s: %s", rows[i].create, x->e.msg);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(bubblewrap_ops.check(x->a, box_desire(x, names[i], "{}"), &f, &x->e), -1);
        assert_true(text_has_prefix(x->e.msg, "name: "));
    }
    for (unsigned over = 0; over < 2; over++) {
        char name[BWRAP_MAX_NAME + 2];

        memset(name, 'a', sizeof name);
        name[BWRAP_MAX_NAME + over] = '\0';
        assert_int_equal(bubblewrap_ops.check(x->a, box_desire(x, name, "{}"), &f, &x->e), over ? -1 : 0);
    }
}

static void test_fields_are_normal(void **state)
{
    static const struct {
        const char *create, *field, *value;
    } rows[] = {
        {"{}", "network", "none"},
        {"{}", "workdir", "/"},
        {"{}", "command", NULL},
        {"{\"limits\":{\"memoryBytes\":536870912}}", "limits.memory", "512m"},
        {"{\"limits\":{\"memoryBytes\":1073741824}}", "limits.memory", "1g"},
        {"{\"limits\":{\"memoryBytes\":2000000}}", "limits.memory", "2000000"},
        {"{\"limits\":{\"memoryBytes\":1049600}}", "limits.memory", "1025k"},
        {"{\"limits\":{\"cpus\":1.50}}", "limits.cpus", "1.5"},
        {"{\"limits\":{\"pids\":1e2}}", "limits.pids", "100"},
        {"{\"command\":[\"a b\",\"c\"]}", "command", "[\"a b\",\"c\"]"},
        {"{\"workspaces\":[{\"path\":\"/a\",\"target\":\"/w\",\"readOnly\":true}]}", "workspaces./w", "/a (read-only)"},
        {"{\"labels\":{\"team\":\"red\"}}", "labels.team", "red"},
        {"{\"env\":{\"A\":\"\"}}", "env.A", ""},
    };
    struct box *x = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fields f;
        const char *value;

        must(x, bubblewrap_ops.check(x->a, box_desire(x, "one", rows[i].create), &f, &x->e));
        value = fields_get(f, rows[i].field);
        if (!text_eq(value, rows[i].value))
            fail_msg("%s: %s is '%s'", rows[i].create, rows[i].field, value != NULL ? value : "(none)");
    }
}

static void test_marks(void **state)
{
    struct box *x = *state;
    struct bwrap_here here = {.key = "0011223344556677"};
    struct bwrap_record r = {.id = "00112233445566778899aabbccddeeff",
                             .install = BOX_INSTALL,
                             .hash = "abc",
                             .created_at_ms = -5,
                             .owner = "Sandbox/one",
                             .name = "one"},
                        got;
    const char *mark = bwrap_mark(x->a, &here, &r);

    assert_true(bwrap_mark_decode(x->a, here.key, mark, &got));
    assert_string_equal(got.id, r.id);
    assert_string_equal(got.owner, r.owner);
    assert_string_equal(got.hash, r.hash);
    assert_true(got.created_at_ms == -5);
    assert_false(bwrap_mark_decode(x->a, "ffffffffffffffff", mark, &got));
    assert_false(bwrap_mark_decode(x->a, here.key, arena_printf(x->a, "%s more", mark), &got));
    assert_false(bwrap_mark_decode(x->a, here.key, "reconclaw-sandbox", &got));
    assert_false(bwrap_mark_decode(x->a, here.key, "", &got));
}

/* A v2 machine and its user's delegated subtree, as files. */
static void test_cgroup_places(void **state)
{
    struct box *x = *state;
    const char *dirs[] = {"proc",
                          "proc/self",
                          "sys",
                          "sys/fs",
                          "sys/fs/cgroup",
                          "sys/fs/cgroup/user.slice",
                          "sys/fs/cgroup/user.slice/u.service",
                          "sys/fs/cgroup/user.slice/u.service/app"};
    const struct {
        const char *path, *text;
    } files[] = {
        {"proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"},
        {"proc/self/cgroup", "0::/user.slice/u.service/app\n"},
        {"sys/fs/cgroup/user.slice/u.service/cgroup.procs", ""},
        {"sys/fs/cgroup/user.slice/u.service/cgroup.controllers", "memory pids\n"},
        {"sys/fs/cgroup/user.slice/u.service/app/cgroup.procs", ""},
        {"sys/fs/cgroup/user.slice/u.service/app/cgroup.controllers", "memory pids\n"},
    };
    struct bwrap_cgroups g;
    const char *base;

    bwrap_cgroups_find(x->a, x->work, &g);
    assert_null(g.of[BWRAP_MEMORY].base);
    assert_non_null(strstr(bwrap_cgroups_remark(x->a, &g), "memory, pids, cpu: "));
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        assert_int_equal(mkdir(arena_printf(x->a, "%s/%s", x->work, dirs[i]), 0755), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int fd = open(arena_printf(x->a, "%s/%s", x->work, files[i].path), O_CREAT | O_WRONLY, 0644);

        assert_true(fd >= 0 && write(fd, files[i].text, strlen(files[i].text)) >= 0);
        close(fd);
    }
    bwrap_cgroups_find(x->a, x->work, &g);
    base = arena_printf(x->a, "%s/sys/fs/cgroup/user.slice/u.service", x->work);
    assert_string_equal(g.of[BWRAP_MEMORY].base, base); /* the topmost that is ours, not our own leaf */
    assert_string_equal(g.of[BWRAP_PIDS].base, base);
    assert_null(g.of[BWRAP_CPU].base);
    assert_true(g.of[BWRAP_MEMORY].v2);
    assert_string_equal(bwrap_cgroups_remark(x->a, &g), "cpu: no control group can be made, limits of these are not enforced");
}

static const struct CMUnitTest tests[] = {
    {"a sandbox outlives whoever made it", test_outlives_us, box_setup, box_teardown, NULL},
    {"a pid that came again is not mistaken, nor hit", test_pid_is_not_enough, box_setup, box_teardown, NULL},
    {"seen from another pid namespace it is unknown, not stopped", test_other_pid_namespace_is_unknown, box_setup, box_teardown,
     NULL},
    {"a record that cannot be read is unknown, not absent, and stays", test_unreadable_record, box_setup, box_teardown, NULL},
    {"a running sandbox whose record is lost is found", test_lost_record, box_setup, box_teardown, NULL},
    {"one that was not finished shows it, and is made anew", test_killed_while_making, box_setup, box_teardown, NULL},
    {"stop lets the command end by itself first", test_graceful_stop, box_setup, box_teardown, NULL},
    {"inside there is no privilege, and nothing to write but what is given", test_no_privileges, box_setup, box_teardown, NULL},
    {"what runs inside cannot reach the programs that start and enter it", test_programs_are_copies, box_setup, box_teardown,
     NULL},
    {"limits hold, or it is said that they do not", test_limits, box_setup, box_teardown, NULL},
    {"secrets are inside, and nowhere else", test_secrets, box_setup, box_teardown, NULL},
    {"output of a setup is kept up to its cap", test_setup_output_is_capped, box_setup, box_teardown, NULL},
    {"exec with a terminal has one of its own", test_terminal, box_setup, box_teardown, NULL},
    {"roots, commands and directories that are not there are told as such", test_root, box_setup, box_teardown, NULL},
    {"check refuses by key", test_check_refuses, box_setup, box_teardown, NULL},
    {"fields are normalised", test_fields_are_normal, box_setup, box_teardown, NULL},
    {"a mark leads to its own state directory only", test_marks, box_setup, box_teardown, NULL},
    {"groups are made at the topmost place that is ours", test_cgroup_places, box_setup, box_teardown, NULL},
};

static int run_as_user(void)
{
    return cmocka_run_group_tests_name("bubblewrap as an ordinary user", tests, NULL, NULL);
}

int main(void)
{
    int failed = child_group_as_nobody(run_as_user);

    return failed + cmocka_run_group_tests_name("bubblewrap", tests, NULL, NULL);
}
