/* ssh_conf: the settings of one connection as the reconciler gives them (backend_conf.options.connections), and what they come
 * to on this machine: address, keys, known hosts, proxy.
 *
 * The owner's ~/.ssh/config is not read by us: where `userConfig` is set, OpenSSH itself is asked what it makes of it (`ssh -G`),
 * so that Match, Include, canonical names, tokens and ProxyJump mean what they mean to ssh. libssh 0.10's parser knows a part of
 * that only, and reports the first IdentityFile alone. A machine without the ssh program uses hosts as they are named. */
#ifndef RECONCLAW_BACKENDS_SSH_CONF_H
#define RECONCLAW_BACKENDS_SSH_CONF_H

#include "backends/deadline.h"

#define SSH_MAX_FILES 16 /* identities, certificates, known hosts: of each */

/* The options object of one connection. Texts are copies in the reader's arena; *_data are secrets: ssh_settings_wipe(). */
struct ssh_settings {
    const char *user, *host; /* user NULL: of the process, or as the user's config says */
    int port;                /* 0: 22, or as the user's config says */
    bool user_config, strict, update_host_keys;
    const char *identity_file, *certificate_file, *known_hosts_file;
    const char *identity_data, *certificate_data, *known_hosts_data;
    const char *agent_socket;
    const char *ssh_dir; /* instead of ~/.ssh; NULL: that */
    /* Text of an ssh config that names one host, as another program writes it for ssh: then all of the above is NULL but the
     * host, its alias. Not an option of a connection. */
    const char *config;
    const char *const *proxy_env; /* with config: what its ProxyCommand is given; NULL-terminated */
};

/* ERR_CONFIG names the key. */
int ssh_settings_read(struct arena *a, const struct node *n, struct ssh_settings *ret, struct err *e);
/* Overwrites what is secret. The strings must be those of ssh_settings_read(). */
void ssh_settings_wipe(struct ssh_settings *s);

/* What to connect to and how. */
struct ssh_target {
    const char *user, *host; /* host: a name or an address, an IPv6 one without brackets */
    int port;
    const char *known_as; /* name and port in known_hosts */
    int known_port;
    const char *const *proxy_argv; /* NULL: connect directly. Its stdin and stdout are the connection */
    const char *const *proxy_env;  /* NULL: what ssh would pass on */
    const char *identities[SSH_MAX_FILES], *certificates[SSH_MAX_FILES];
    size_t n_identities, n_certificates;
    const char *known_files[SSH_MAX_FILES]; /* the user's, then the system's */
    size_t n_known_files;
    bool strict, identities_only;
    const char *agent_socket; /* NULL: none */
    const char *home, *login; /* of the user of this process */
};

/* Reads the account database and, with user_config, runs `ssh -G`. */
int ssh_settings_resolve(struct arena *a, const struct ssh_settings *s, const struct deadline *d, struct ssh_target *ret,
                         struct err *e);

/* Pure: what `ssh -G` printed, laid over *t. config: the file that was given to it, or NULL. For tests and fuzzing. */
int ssh_target_decode(struct arena *a, const char *text, const char *config, struct ssh_target *t, struct err *e);

/* Pure: an ssh config of one host as `ssh -G` would print it, and the alias: the first word of its first Host line. What follows
 * behind the next Host or Match is another's. ERR_INPUT where there is no Host. */
int ssh_config_read(struct arena *a, const char *text, const char **ret_alias, const char **ret_answer, struct err *e);

#endif
