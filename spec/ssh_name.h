/* ssh_name: how hosts are written for ssh, and what no user or host may be called. Names end up in commands (a ProxyCommand of
 * the user's ssh config), so that what a shell could read is refused, as ssh itself refuses it.
 *
 * ssh_name_read() is how people write a target, resolved by their ssh config afterwards. OpenClaw has a way of its own:
 * spec/openclaw/ssh. */
#ifndef RECONCLAW_SPEC_SSH_NAME_H
#define RECONCLAW_SPEC_SSH_NAME_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

#include <stdbool.h>

#define SSH_MAX_PORT 65535

struct ssh_name {
    const char *user; /* NULL: as the config says, else that of the process */
    const char *host; /* alias, name or address; an IPv6 address without brackets, perhaps with a zone */
    int port;         /* 0: as the config says, else 22 */
};

/* "host" "user@host" "user@host:2200" "[fe80::1]:2200" "[::1]" "user@fe80::1". ERR_CONFIG; the message does not begin with a key.
 */
int ssh_name_read(struct arena *a, const char *text, struct ssh_name *ret, struct err *e);
/* "ssh://user@host:2200" with what is there, IPv6 in brackets. */
char *ssh_name_endpoint(struct arena *a, const struct ssh_name *n);

/* NULL: it may be called so; else why not, as the end of a sentence. */
const char *ssh_user_refuse(const char *user);
const char *ssh_host_refuse(const char *host);
/* The address in "[fe80::1%eth0]", in lower case; NULL: it is no such text. */
char *ssh_bracketed(struct arena *a, const char *host);
/* No white space or control character. */
bool ssh_is_plain(const char *s);

#endif
