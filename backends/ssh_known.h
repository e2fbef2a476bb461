/* ssh_known: whether a server's host key is one that is known. Keys are looked for in what the settings name (inline, the
 * user's files, the system's) and, where unknown hosts are accepted, in our own pins: state_dir/ssh/known_hosts, in the format of
 * known_hosts(5). A changed key is refused under every setting.
 *
 * libssh 0.10 reads plain and hashed names. Keys marked @revoked are refused whatever host they stand for; @cert-authority lines
 * say nothing here, since libssh knows no host certificates. */
#ifndef RECONCLAW_BACKENDS_SSH_KNOWN_H
#define RECONCLAW_BACKENDS_SSH_KNOWN_H

#include "backends/ssh_conf.h"
#include "spec/base/text.h"

#include <libssh/libssh.h>

#define SSH_KNOWN_BYTES (16u << 20) /* of all files together */

struct ssh_known {
    int fd; /* in memory: all lines that count; -1: none */
    char path[32];
    const char *pins; /* path, or NULL: nothing is pinned */
    bool accept_new;
    struct buf revoked; /* base64 keys, each between newlines */
};

/* Before connecting, so that a key type is agreed on that is known: path is then libssh's SSH_OPTIONS_KNOWNHOSTS. pins: our own
 * known_hosts file (its directory exists), or NULL; memory: pins of this handle, for want of a file. */
int ssh_known_load(struct arena *a, const struct ssh_settings *s, const struct ssh_target *t, const char *pins,
                   const struct buf *memory, struct ssh_known *ret, struct err *e);
void ssh_known_free(struct ssh_known *k);
/* After the key exchange. Accepts, or pins and accepts, or ERR_UNAVAILABLE, which says what to do. fingerprint: "SHA256:...". */
int ssh_known_check(struct arena *a, struct ssh_known *k, const struct ssh_settings *s, const struct ssh_target *t,
                    ssh_session session, struct buf *memory, const struct deadline *d, const char **ret_fingerprint,
                    struct err *e);

/* Pure: the keys of @revoked lines in known_hosts text, each as "\n<base64>\n" appended to b. */
void ssh_known_revoked(struct buf *b, const char *text, size_t n);

#endif
