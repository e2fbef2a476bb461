#include "tests/lib/openshell_sshd.h"
#include "tests/lib/openshell_standin.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void os_do_ssh_config(void)
{
    const char *name = os_word(0, "NAME");
    const struct node *ssh;
    const char *user, *host;

    os_world_open();
    os_fail_as_told(false);
    ssh = node_get(os.w.state, "ssh");
    user = node_str(node_get(ssh, "user"));
    host = node_str(node_get(ssh, "host"));
    (void)printf(
        "Host openshell-%s%s%s\n    User %s\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n"
        "    GlobalKnownHostsFile /dev/null\n    LogLevel ERROR\n    ServerAliveInterval 15\n    ServerAliveCountMax 3\n",
        name, os.version >= 88 ? "." : "", os.version >= 88 ? os.workspace : "", user != NULL ? user : "sandbox");
    if (text_eq(node_str(node_get(ssh, "shape")), "host")) {
        (void)printf("    HostName %s\n    Port %d\n", host, (int)node_get(ssh, "port")->num);
        return;
    }
    (void)printf("    ProxyCommand /usr/bin/env 'OPENSHELL_STANDIN=%s' '%s' ssh-proxy --gateway-name '%s' --name '%s'", os.dir,
                 os.self, os.gateway, name);
    if (os.version >= 88)
        (void)printf(" --workspace '%s'", os.workspace);
    (void)printf("\n");
}

/* Carries bytes between our standard streams and a socket. cut >= 0: hangs up when so many have gone there. */
static void pump(int fd, double cut) __attribute__((noreturn));
static void pump(int fd, double cut)
{
    struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    char bytes[65536];

    for (;;) {
        if (poll(p, 2, -1) < 0)
            continue;
        for (int i = 0; i < 2; i++) {
            size_t most = sizeof bytes;
            ssize_t n;

            if (p[i].revents == 0)
                continue;
            if (i == 0 && cut >= 0 && cut < (double)most)
                most = (size_t)cut;
            n = most > 0 ? read(p[i].fd, bytes, most) : 0;
            if (n <= 0) {
                if (i == 1 || most == 0)
                    os_leave(0);
                (void)shutdown(fd, SHUT_WR);
                p[0].fd = -1;
                continue;
            }
            for (ssize_t done = 0, put; done < n; done += put) {
                put = write(i == 0 ? fd : 1, bytes + done, (size_t)(n - done));
                if (put < 0)
                    os_leave(0);
            }
            if (i == 0 && cut >= 0)
                cut -= (double)n;
        }
    }
}

static char **argv_of(void *ctx, const char *command)
{
    const char *shell[] = {"sh", "-lc", command, NULL};

    return os_inside(ctx, NULL, shell);
}

/* The sandbox's own server: on our standard input where that is a socket, else behind a pump. */
static void serve(struct node *sandbox, double cut) __attribute__((noreturn));
static void serve(struct node *sandbox, double cut)
{
    struct stat st;
    int ends[2];

    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (cut < 0 && fstat(0, &st) == 0 && S_ISSOCK(st.st_mode)) {
        int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);

        os_leave(openshell_sshd_serve(fd, argv_of, sandbox) < 0);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        os_fail("socketpair");
    switch (fork()) {
    case -1:
        os_fail("fork");
    case 0:
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        os_leave(openshell_sshd_serve(ends[1], argv_of, sandbox) < 0);
    default:
        close(ends[1]);
        pump(ends[0], cut);
    }
}

void os_do_ssh_proxy(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const struct node *ssh;
    struct node *s;
    const char *host;
    double cut;
    int fd;

    os.gateway = os_option("gateway-name");
    os.endpoint = os.gateway != NULL && strstr(os.gateway, "://") == NULL ? os_gateway_endpoint(os.gateway) : NULL;
    if (os.endpoint == NULL) /* an endpoint alone is the name of none */
        os_fail(arena_printf(os.a, "Unknown gateway '%s'.", os.gateway != NULL ? os.gateway : ""));
    os_connect();
    s = os_must_be_ready(os_option("name") != NULL ? os_option("name") : "");
    ssh = node_get(os.w.state, "ssh");
    host = node_str(node_get(ssh, "host"));
    cut = openshell_world_number(&os.w, "sshCut", -1);
    os_world_close();
    if (ssh == NULL)
        serve(s, cut);
    to.sin_port = htons((uint16_t)(node_get(ssh, "port") != NULL ? node_get(ssh, "port")->num : 0));
    if (inet_pton(AF_INET, host != NULL ? host : "127.0.0.1", &to.sin_addr) != 1)
        os_fail("no address");
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        os_fail("tcp connect error");
    pump(fd, cut);
}
