/* ssh_peer: a real sshd of the test's own, by tests/lib/sshd.sh (what is in its directory is said there), and a proxy before any
 * TCP port that cuts, stalls and throttles. Tests run from the root of the repository. What cannot be started ends the test
 * program with a message: a skip would count as a pass. Both end with the process that started them. */
#ifndef RECONCLAW_TESTS_LIB_SSH_PEER_H
#define RECONCLAW_TESTS_LIB_SSH_PEER_H

#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssh_peer {
    char dir[128];
    char user[32];
    int port;
    int pid;
};

/* options: of sshd.sh, NULL-terminated. dir: absolute, reachable for everybody. */
void ssh_peer_start(struct ssh_peer *p, const char *dir, const char *const *options);
void ssh_peer_stop(struct ssh_peer *p); /* it refuses connections; those that are up end; files stay */
void ssh_peer_again(struct ssh_peer *p, const char *const *options); /* on the same port */
/* Of the settings that reach it, as the reconciler would give them; port 0: its own. */
struct node *ssh_peer_settings(const struct ssh_peer *p, struct arena *a, int port);
int ssh_peer_free_port(void);

/* --- the proxy ------------------------------------------------------------------------------------------------------------- */

struct tcp_proxy;
struct tcp_proxy *tcp_proxy_start(int upstream_port);
void tcp_proxy_end(struct tcp_proxy *x); /* accepts NULL */
int tcp_proxy_port(const struct tcp_proxy *x);
/* Each connection is cut (reset on both sides) once it has carried this many bytes from the client; < 0: never. */
void tcp_proxy_cut_after(struct tcp_proxy *x, int64_t client_bytes);
/* The same of bytes from the server. */
void tcp_proxy_cut_reply_after(struct tcp_proxy *x, int64_t server_bytes);
/* Nothing moves any more, in either direction; connections are taken and stay silent. */
void tcp_proxy_stall(struct tcp_proxy *x, bool on);
/* The same of each connection by itself, once it has carried this many bytes from the client; < 0: never. */
void tcp_proxy_stall_after(struct tcp_proxy *x, int64_t client_bytes);
void tcp_proxy_refuse(struct tcp_proxy *x, bool on);               /* does not listen; what is up ends */
void tcp_proxy_throttle(struct tcp_proxy *x, int64_t bytes_per_s); /* 0: not */
int64_t tcp_proxy_carried(struct tcp_proxy *x);                    /* from the clients, since it was started */
int64_t tcp_proxy_replied(struct tcp_proxy *x);                    /* to them */

/* A server that says these bytes to everybody and then, as `after` says, stays silent ('s'), goes on for ever ('e'), or hangs up
 * ('c'). */
struct tcp_proxy *tcp_liar_start(const char *bytes, size_t n, char after);

#endif
