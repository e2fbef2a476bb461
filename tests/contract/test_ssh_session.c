/* Sessions with real servers: how they are opened, what is refused and how it is said, and that nothing hangs. */
#include "backends/ssh_session.h"
#include "tests/lib/scratch.h"
#include "tests/lib/ssh_peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char *top;
static struct ssh_peer peer;

struct fixture {
    struct arena *a;
    struct ssh_link *s;
    struct err e;
    struct buf out, err;
    int status;
};

static int sink(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    struct fixture *f = ctx;
    buf_put(stream == 1 ? &f->out : &f->err, p, n);
    return 0;
}

static struct node *settings(struct fixture *f)
{
    return ssh_peer_settings(&peer, f->a, 0);
}

static void link_with(struct fixture *f, struct node *one, const char *state_dir)
{
    struct node *list = node_array(f->a);
    node_push(f->a, list, one);
    ssh_link_free(f->s);
    f->s = NULL;
    if (ssh_link_new(list, state_dir, &f->s, &f->e) < 0)
        fail_msg("%s", f->e.msg);
}

static int run_in(struct fixture *f, const char *command, int timeout_ms)
{
    struct call c = {.timeout_ms = timeout_ms};
    struct deadline d = deadline_start(&c);
    buf_clear(&f->out);
    buf_clear(&f->err);
    f->e = (struct err){0};
    return ssh_link_run(f->s, &(struct ssh_run){.command = command, .fd_in = -1, .fd_tty = -1, .sink = sink, .sink_ctx = f}, &d,
                        &f->status, &f->e);
}

static void must_say(struct fixture *f, const char *command, const char *out)
{
    if (run_in(f, command, 20000) < 0)
        fail_msg("%s: %s: %s", command, err_class_name(f->e.class), f->e.msg);
    assert_string_equal(buf_str(&f->out), out);
}

static void must_refuse(struct fixture *f, enum err_class class, const char *fragment)
{
    if (run_in(f, "true", 3000) == 0)
        fail_msg("it went well; wanted: %s", fragment);
    if (f->e.class != class || !strstr(f->e.msg, fragment))
        fail_msg("%s with '%s' is wanted: %s: %s", err_class_name(class), fragment, err_class_name(f->e.class), f->e.msg);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->a = arena_new();
    f->out = f->err = BUF_INIT(64 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ssh_link_free(f->s);
    buf_free(&f->out);
    buf_free(&f->err);
    arena_free(f->a);
    free(f);
    return 0;
}

static const char *text_of(struct fixture *f, const char *path)
{
    size_t n;
    char *s = scratch_read(top, path, &n);
    assert_non_null(s);
    const char *copy = arena_strdup(f->a, s);
    free(s);
    return copy;
}

/* --- commands ----------------------------------------------------------------------------------------------------------------
 */

static void test_commands(void **state)
{
    struct fixture *f = *state;
    link_with(f, settings(f), NULL);
    must_say(f, "echo hello", "hello\n");
    assert_int_equal(f->status, 0);
    must_say(f, "echo a; echo b >&2; exit 7", "a\n");
    assert_string_equal(buf_str(&f->err), "b\n");
    assert_int_equal(f->status, 7);
    must_say(f, "kill -9 $$", "");
    assert_int_equal(f->status, 137);
    must_say(f, "kill -15 $$", "");
    assert_int_equal(f->status, 143);
    assert_true(text_has_prefix(ssh_link_server(f->s), "OpenSSH_"));
    assert_true(text_has_prefix(ssh_link_host_key(f->s), "SHA256:"));
}

static void test_one_session(void **state)
{
    struct fixture *f = *state;
    link_with(f, settings(f), NULL);
    must_say(f, "echo $SSH_CONNECTION >&2; echo x", "x\n");
    const char *first = arena_strdup(f->a, buf_str(&f->err));
    assert_true(*first);
    must_say(f, "echo $SSH_CONNECTION >&2; echo x", "x\n");
    assert_string_equal(buf_str(&f->err), first);
}

static int feed_much(void *ctx, ssh_write_fn write, void *w, struct err *e)
{
    static char bytes[100000];
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 200; i++)
        if (write(w, bytes, sizeof bytes, e) < 0)
            return -1;
    return 0;
}

static void test_much_input(void **state)
{
    struct fixture *f = *state;
    struct call c = {.timeout_ms = 60000};
    struct deadline d = deadline_start(&c);
    link_with(f, settings(f), NULL);
    struct ssh_run run = {.command = "cat",
                          .head = "head ",
                          .n_head = 5,
                          .feed = feed_much,
                          .fd_in = -1,
                          .fd_tty = -1,
                          .sink = sink,
                          .sink_ctx = f};
    if (ssh_link_run(f->s, &run, &d, &f->status, &f->e) < 0)
        fail_msg("%s", f->e.msg);
    assert_int_equal(f->out.n, 5 + 200 * 100000);
    assert_memory_equal(f->out.s, "head x", 6);
}

static void test_input_not_read(void **state)
{
    struct fixture *f = *state;
    struct call c = {.timeout_ms = 20000};
    struct deadline d = deadline_start(&c);
    link_with(f, settings(f), NULL);
    struct ssh_run run = {
        .command = "echo done; exit 3", .feed = feed_much, .fd_in = -1, .fd_tty = -1, .sink = sink, .sink_ctx = f};
    if (ssh_link_run(f->s, &run, &d, &f->status, &f->e) < 0)
        fail_msg("%s", f->e.msg);
    assert_int_equal(f->status, 3);
    assert_string_equal(buf_str(&f->out), "done\n");
    must_say(f, "echo after", "after\n");
}

static void test_session_comes_back(void **state)
{
    struct fixture *f = *state;
    struct tcp_proxy *x = tcp_proxy_start(peer.port);
    link_with(f, ssh_peer_settings(&peer, f->a, tcp_proxy_port(x)), NULL);
    must_say(f, "echo one", "one\n");
    tcp_proxy_refuse(x, true);
    must_refuse(f, ERR_UNAVAILABLE, "Connection refused");
    tcp_proxy_refuse(x, false);
    must_say(f, "echo two", "two\n");
    tcp_proxy_refuse(x, true);
    tcp_proxy_refuse(x, false);
    must_say(f, "echo three", "three\n");
    tcp_proxy_end(x);
}

/* --- servers that are none ---------------------------------------------------------------------------------------------------
 */

static void test_hangs_time_out(void **state)
{
    static const struct {
        const char *bytes;
        char after;
        enum err_class class;
    } rows[] = {
        {"", 's', ERR_TIMEOUT},
        {"SSH-2", 's', ERR_TIMEOUT},
        {"SSH-2.0-OpenSSH_9.2\r\n", 's', ERR_TIMEOUT},
        {"SSH-2.0-OpenSSH_9.2\r\n\0\0\0\x0c", 's', ERR_TIMEOUT},
        {"", 'c', ERR_UNAVAILABLE},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", 'c', ERR_UNAVAILABLE},
        {"SSH-2.0-x\r\n\xff\xff\xff\xff", 's', ERR_UNAVAILABLE},
        {"garbage without a line", 'e', ERR_UNAVAILABLE},
        {"line\r\n", 'e', ERR_UNAVAILABLE},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = strlen(rows[i].bytes) + (i == 3 ? 4 : 0);
        struct tcp_proxy *x = tcp_liar_start(rows[i].bytes, n, rows[i].after);
        link_with(f, ssh_peer_settings(&peer, f->a, tcp_proxy_port(x)), NULL);
        int64_t begun = deadline_now_ms();
        assert_int_equal(run_in(f, "true", 700), -1);
        /* What never ends may be noticed before the time is over. */
        if (f->e.class != rows[i].class && !(rows[i].after != 'c' && f->e.class == ERR_TIMEOUT))
            fail_msg("row %zu: %s: %s", i, err_class_name(f->e.class), f->e.msg);
        assert_in_range(deadline_now_ms() - begun, 0, 1500);
        tcp_proxy_end(x);
    }
}

static void test_every_byte_can_be_the_last(void **state)
{
    struct fixture *f = *state;
    struct tcp_proxy *x = tcp_proxy_start(peer.port);
    int failed = 0, went_well = 0;
    for (int64_t at = 0; at < 6000; at += at < 1300 ? 97 : 311) {
        tcp_proxy_cut_reply_after(x, at);
        link_with(f, ssh_peer_settings(&peer, f->a, tcp_proxy_port(x)), NULL);
        if (run_in(f, "echo x", 5000) == 0) {
            assert_string_equal(buf_str(&f->out), "x\n");
            went_well++;
        } else {
            failed++;
            if (f->e.class != ERR_UNAVAILABLE)
                fail_msg("cut after %d: %s: %s", (int)at, err_class_name(f->e.class), f->e.msg);
        }
    }
    assert_true(failed > 8 && went_well > 2);
    tcp_proxy_end(x);
}

static void test_stall_times_out(void **state)
{
    struct fixture *f = *state;
    struct tcp_proxy *x = tcp_proxy_start(peer.port);
    link_with(f, ssh_peer_settings(&peer, f->a, tcp_proxy_port(x)), NULL);
    must_say(f, "echo x", "x\n");
    tcp_proxy_stall(x, true);
    int64_t begun = deadline_now_ms();
    must_refuse(f, ERR_TIMEOUT, "");
    assert_in_range(deadline_now_ms() - begun, 2900, 4000);
    tcp_proxy_stall(x, false);
    must_say(f, "echo y", "y\n");
    tcp_proxy_end(x);
}

static void test_no_such_host(void **state)
{
    struct fixture *f = *state;
    struct node *s = settings(f);
    node_set(f->a, s, "host", node_string(f->a, "no-such-host.invalid"));
    link_with(f, s, NULL);
    assert_int_equal(run_in(f, "true", 8000), -1);
    assert_true(f->e.class == ERR_UNAVAILABLE || f->e.class == ERR_TIMEOUT);
    assert_non_null(strstr(f->e.msg, "no-such-host.invalid"));
    s = ssh_peer_settings(&peer, f->a, ssh_peer_free_port());
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "Connection refused");
}

/* --- host keys ---------------------------------------------------------------------------------------------------------------
 */

static void test_host_keys_strict(void **state)
{
    struct fixture *f = *state;
    struct node *s = settings(f);
    const char *other = text_of(f, "peer/other.pub"), *key = text_of(f, "peer/host_key.pub");
    node_set(f->a, s, "knownHostsFile", node_printf(f->a, "%s/empty", top));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "is not known");
    assert_non_null(strstr(f->e.msg, arena_printf(f->a, "ssh-keyscan -p %d 127.0.0.1", peer.port)));
    node_set(f->a, s, "knownHostsData", node_printf(f->a, "[127.0.0.1]:%d %s", peer.port, other));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "HAS CHANGED");
    node_set(f->a, s, "knownHostsData", node_printf(f->a, "127.0.0.1 %s", key)); /* of port 22 */
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "is not known");
    node_set(f->a, s, "knownHostsData", node_printf(f->a, "[127.0.0.1]:%d %s", peer.port, key));
    link_with(f, s, NULL);
    must_say(f, "echo x", "x\n");
    node_set(f->a, s, "knownHostsData", node_printf(f->a, "[127.0.0.1]:%d %s@revoked * %s", peer.port, key, key));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "revoked");
}

static void test_host_keys_hashed(void **state)
{
    struct fixture *f = *state;
    struct node *s = settings(f);
    scratch_write_text(top, "hashed", arena_printf(f->a, "[127.0.0.1]:%d %s", peer.port, text_of(f, "peer/host_key.pub")));
    const char *file = scratch_path(top, "hashed");
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("/dev/null", O_RDWR);
        dup2(fd, 1);
        dup2(fd, 2);
        execlp("ssh-keygen", "ssh-keygen", "-H", "-f", file, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_true(text_has_prefix(text_of(f, "hashed"), "|1|"));
    node_set(f->a, s, "knownHostsFile", node_string(f->a, file));
    link_with(f, s, NULL);
    must_say(f, "echo x", "x\n");
}

static void test_host_keys_pinned(void **state)
{
    struct fixture *f = *state;
    struct node *s = settings(f);
    const char *dir = scratch_path(top, "pins"), *other = text_of(f, "peer/other.pub");
    struct stat st;
    node_set(f->a, s, "knownHostsFile", node_string(f->a, "/dev/null"));
    node_set(f->a, s, "strictHostKeyChecking", node_bool(f->a, false));
    assert_int_equal(mkdir(dir, 0700), 0);
    for (int i = 0; i < 2; i++) {
        link_with(f, s, dir);
        must_say(f, "echo x", "x\n");
    }
    const char *pins = text_of(f, "pins/ssh/known_hosts");
    assert_non_null(strstr(pins, arena_printf(f->a, "[127.0.0.1]:%d ssh-ed25519 ", peer.port)));
    assert_null(strstr(strchr(pins, '\n') + 1, "ssh-ed25519")); /* once */
    assert_int_equal(stat(scratch_path(top, "pins/ssh/known_hosts"), &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    scratch_write_text(top, "pins/ssh/known_hosts", arena_printf(f->a, "[127.0.0.1]:%d %s", peer.port, other));
    link_with(f, s, dir);
    must_refuse(f, ERR_UNAVAILABLE, "HAS CHANGED");
    assert_non_null(strstr(f->e.msg, "pins/ssh/known_hosts"));
    /* Without a state directory: for this link. */
    link_with(f, s, NULL);
    must_say(f, "echo x", "x\n");
    scratch_clear(top, "pins");
}

/* --- keys --------------------------------------------------------------------------------------------------------------------
 */

static void test_identities(void **state)
{
    struct fixture *f = *state;
    struct node *s = settings(f);
    struct node *key = node_string(f->a, text_of(f, "peer/id"));
    key->secret = true;
    node_set(f->a, s, "identityData", key);
    node_unset(s, "identityFile");
    link_with(f, s, NULL);
    must_say(f, "echo x", "x\n");
    node_unset(s, "identityData");
    node_set(f->a, s, "identityFile", node_printf(f->a, "%s/other", peer.dir));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "permission denied");
    assert_non_null(strstr(f->e.msg, "/other: not accepted"));
    node_set(f->a, s, "identityFile", node_printf(f->a, "%s/none", peer.dir));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "No such file");
    scratch_write(top, "open", text_of(f, "peer/id"), strlen(text_of(f, "peer/id")), 0644);
    node_set(f->a, s, "identityFile", node_string(f->a, scratch_path(top, "open")));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "chmod 600");
    scratch_write(top, "junk", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", 76, 0600);
    node_set(f->a, s, "identityFile", node_string(f->a, scratch_path(top, "junk")));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "no private key");
}

static void keygen(const char *const *argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("/dev/null", O_RDWR);
        dup2(fd, 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void test_passphrase_is_not_asked_for(void **state)
{
    static const char *const formats[] = {"RFC4716", "PEM", "PKCS8"};
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        const char *path = scratch_path(top, arena_printf(f->a, "locked%zu", i));
        keygen((const char *const[]){"ssh-keygen", "-q", "-t", i == 0 ? "ed25519" : "rsa", "-m", formats[i], "-N", "secret", "-f",
                                     path, NULL});
        struct node *s = settings(f);
        node_set(f->a, s, "identityFile", node_string(f->a, path));
        link_with(f, s, NULL);
        must_refuse(f, ERR_UNAVAILABLE, "has a passphrase");
    }
}

static void test_certificates(void **state)
{
    struct fixture *f = *state;
    const char *ca = scratch_path(top, "ca"), *key = scratch_path(top, "bearer");
    keygen((const char *const[]){"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ca, NULL});
    keygen((const char *const[]){"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, NULL});
    keygen((const char *const[]){"ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", peer.user, scratch_path(top, "bearer.pub"),
                                 NULL});
    const char *keys = text_of(f, "peer/keys");
    scratch_write_text(top, "peer/keys", arena_printf(f->a, "%scert-authority %s", keys, text_of(f, "ca.pub")));
    assert_int_equal(chmod(scratch_path(top, "peer/keys"), 0644), 0);
    struct node *s = settings(f);
    node_set(f->a, s, "identityFile", node_string(f->a, key)); /* its certificate is beside it */
    link_with(f, s, NULL);
    must_say(f, "echo x", "x\n");
    node_set(f->a, s, "certificateData", node_string(f->a, text_of(f, "bearer-cert.pub")));
    scratch_clear(top, "bearer-cert.pub");
    link_with(f, s, NULL);
    must_say(f, "echo x", "x\n");
    node_unset(s, "certificateData");
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "not accepted");
    scratch_write_text(top, "peer/keys", keys);
}

static void test_settings_in_order(void **state)
{
    struct fixture *f = *state;
    struct node *wrong = settings(f), *list = node_array(f->a);
    node_set(f->a, wrong, "identityFile", node_printf(f->a, "%s/other", peer.dir));
    node_push(f->a, list, wrong);
    node_push(f->a, list, settings(f));
    assert_int_equal(ssh_link_new(list, NULL, &f->s, &f->e), 0);
    must_say(f, "echo x", "x\n");
}

static pid_t agent_start(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("/dev/null", O_RDWR);
        dup2(fd, 1);
        execlp("ssh-agent", "ssh-agent", "-D", "-a", path, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500 && access(path, F_OK) < 0; i++)
        poll(NULL, 0, 10);
    return pid;
}

static void test_agent(void **state)
{
    struct fixture *f = *state;
    const char *path = scratch_path(top, "agent");
    pid_t pid = agent_start(path);
    assert_int_equal(setenv("SSH_AUTH_SOCK", path, 1), 0);
    keygen((const char *const[]){"ssh-add", "-q", scratch_path(top, "peer/other"), scratch_path(top, "peer/id"), NULL});
    assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
    struct node *s = settings(f);
    node_unset(s, "identityFile");
    node_set(f->a, s, "sshDir", node_printf(f->a, "%s/no-ssh-dir", top));
    node_set(f->a, s, "agentSocket", node_string(f->a, path));
    link_with(f, s, NULL);
    must_say(f, "echo x", "x\n");
    /* Named identities: none of the agent's is offered. */
    node_set(f->a, s, "identityFile", node_printf(f->a, "%s/other", peer.dir));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "permission denied");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    node_unset(s, "identityFile");
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "does not answer");
}

/* As the address is written, and by an alias. */
static void test_ipv6(void **state)
{
    struct fixture *f = *state;
    const char *known = arena_printf(f->a, "[::1]:%d %s", peer.port, text_of(f, "peer/host_key.pub"));
    struct node *s = settings(f);
    node_set(f->a, s, "host", node_string(f->a, "::1"));
    node_unset(s, "knownHostsFile");
    node_set(f->a, s, "knownHostsData", node_string(f->a, known));
    link_with(f, s, NULL);
    must_say(f, "echo ${SSH_CONNECTION%% *}", "::1\n");
    scratch_write_text(top, "known6", known);
    scratch_write_text(top, "six/config",
                       arena_printf(f->a,
                                    "Host six\n  HostName ::1\n  Port %d\n  User %s\n  IdentityFile %s/id\n"
                                    "  UserKnownHostsFile %s/known6\n",
                                    peer.port, peer.user, peer.dir, top));
    s = node_object(f->a);
    node_set(f->a, s, "host", node_string(f->a, "six"));
    node_set(f->a, s, "userConfig", node_bool(f->a, true));
    node_set(f->a, s, "sshDir", node_printf(f->a, "%s/six", top));
    link_with(f, s, NULL);
    must_say(f, "echo ${SSH_CONNECTION%% *}", "::1\n");
}

static void test_silent_agent(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/silent", top);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 5), 0);
    struct node *s = settings(f);
    node_unset(s, "identityFile");
    node_set(f->a, s, "sshDir", node_printf(f->a, "%s/no-ssh-dir", top));
    node_set(f->a, s, "agentSocket", node_string(f->a, at.sun_path));
    link_with(f, s, NULL);
    int64_t begun = deadline_now_ms();
    must_refuse(f, ERR_TIMEOUT, "agent");
    assert_in_range(deadline_now_ms() - begun, 2900, 3500);
    close(fd);
}

/* --- the user's config -------------------------------------------------------------------------------------------------------
 */

static void test_user_config(void **state)
{
    struct fixture *f = *state;
    scratch_mkdir(top, "dot");
    scratch_write_text(
        top, "dot/config",
        arena_printf(f->a,
                     "Host box\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  IdentityFile %s/none\n  IdentityFile %s/id\n"
                     "  UserKnownHostsFile %s/known_hosts\n"
                     "Host far\n  HostName 127.0.0.1\n  HostKeyAlias thebox\n  Port %d\n  User %s\n  IdentityFile %s/id\n"
                     "  UserKnownHostsFile %s/alias\n  ProxyJump box\n"
                     "Host command\n  HostName 127.0.0.1\n  Port %d\n  User %s\n  IdentityFile %s/id\n"
                     "  UserKnownHostsFile %s/known_hosts\n  ProxyCommand ssh -F %s/dot/config -W %%h:%%p box\n"
                     "Host broken\n  ProxyCommand echo it is broken >&2\n",
                     peer.port, peer.user, peer.dir, peer.dir, peer.dir, peer.port, peer.user, peer.dir, top, peer.port,
                     peer.user, peer.dir, peer.dir, top));
    scratch_write_text(top, "alias", arena_printf(f->a, "thebox %s", text_of(f, "peer/host_key.pub")));
    static const char *const hosts[] = {"box", "far", "command"};
    for (size_t i = 0; i < 3; i++) {
        struct node *s = node_object(f->a);
        node_set(f->a, s, "host", node_string(f->a, hosts[i]));
        node_set(f->a, s, "userConfig", node_bool(f->a, true));
        node_set(f->a, s, "sshDir", node_printf(f->a, "%s/dot", top));
        link_with(f, s, NULL);
        must_say(f, "echo x", "x\n");
    }
    struct node *s = node_object(f->a);
    node_set(f->a, s, "host", node_string(f->a, "broken"));
    node_set(f->a, s, "userConfig", node_bool(f->a, true));
    node_set(f->a, s, "sshDir", node_printf(f->a, "%s/dot", top));
    link_with(f, s, NULL);
    must_refuse(f, ERR_UNAVAILABLE, "it is broken");
}

static int begin(void **state)
{
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    top = scratch_make();
    if (chmod(top, 0755) < 0)
        return -1;
    static const char *const both[] = {"--also", "::1", NULL};
    ssh_peer_start(&peer, scratch_path(top, "peer"), both);
    return 0;
}

static int end(void **state)
{
    ssh_peer_stop(&peer);
    scratch_remove(top);
    return 0;
}

#define T(name, test)                                                                                                            \
    {                                                                                                                            \
        name, test, setup, teardown, NULL                                                                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        T("commands have status, output and errors", test_commands),
        T("one session is kept", test_one_session),
        T("input of any size goes over", test_much_input),
        T("a command that does not read its input has a status", test_input_not_read),
        T("a session that broke is made anew", test_session_comes_back),
        T("a server that hangs or lies at any byte times out", test_hangs_time_out),
        T("a connection that is cut at any byte is unavailable", test_every_byte_can_be_the_last),
        T("a kept session that stalls times out, and comes back", test_stall_times_out),
        T("no such host, and nobody listening, are said", test_no_such_host),
        T("host keys are checked strictly", test_host_keys_strict),
        T("hashed known hosts are found", test_host_keys_hashed),
        T("an unknown host key that is accepted is pinned, and a changed one refused", test_host_keys_pinned),
        T("identities: inline, by file, and why not", test_identities),
        T("nobody is asked for a passphrase", test_passphrase_is_not_asked_for),
        T("certificates: beside the identity, and inline", test_certificates),
        T("settings are tried in order", test_settings_in_order),
        T("an agent's keys, unless identities are named", test_agent),
        T("an agent that stays silent times out", test_silent_agent),
        T("an IPv6 address, bare and behind an alias", test_ipv6),
        T("the user's ssh config: aliases, jumps, proxy commands", test_user_config),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
