/* ssh: OpenClaw's rules for backend "ssh", of either line: what a target means, what a runtime and its directories on the host
 * are called, what a session is opened with, and what OpenClaw refuses. Only the rules: reconclaw speaks ssh itself
 * (backends/ssh), and does not run the command of `ssh.command`.
 *
 *     oc_ssh_check(a, line, sandbox, &e)                       what OpenClaw refuses when the runtime is used
 *     oc_ssh_address(a, line, target, user, &address, &e)      who, where
 *     endpoint = oc_ssh_endpoint(a, &address)                  "ssh:USER@HOST:PORT"
 *     layout = oc_ssh_layout(a, line, workspace_root, scope_key)
 *     oc_ssh_connection(a, &conf, &connection, &e)             how
 *
 * `ssh` and `sandbox` are objects of oc_resolve(). Everything returned is in the arena. */
#ifndef RECONCLAW_SPEC_OPENCLAW_SSH_H
#define RECONCLAW_SPEC_OPENCLAW_SSH_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/openclaw/profile.h"

#include <stdbool.h>
#include <stddef.h>

/* --- targets -------------------------------------------------------------------------------------------------------------- */

/* As OpenClaw takes a text apart; what it finds need not be usable ("::1" is the host ":" and the port 1). */
struct oc_ssh_target {
    const char *user; /* NULL: none is named */
    const char *host;
    double port; /* > 0; of 2026.5 without a limit */
};

/* line NULL: 2026.5, which reads a port as far as it is digits, and lets blanks pass. 2026.9 refuses such. */
bool oc_ssh_target_parse(struct arena *a, const struct oc_profile *line, const char *text, struct oc_ssh_target *ret);

struct oc_ssh_address {
    const char *user, *host; /* an IPv6 address without brackets, perhaps with a zone; names in lower case */
    int port;
};

/* What can be connected to. Beyond what OpenClaw's parser refuses: a port that is none, names with characters that ssh refuses, a
 * host that was cut out of an IPv6 address without brackets. In brackets and with a port, "[fe80::1]:22", such an address is
 * taken, of either line: OpenClaw finds host and port too, and fails only since its ssh wants the host without them.
 * default_user: of the process. ERR_CONFIG; the message does not begin with a key. */
int oc_ssh_address(struct arena *a, const struct oc_profile *line, const char *text, const char *default_user,
                   struct oc_ssh_address *ret, struct err *e);
/* "ssh:USER@HOST:PORT", IPv6 in brackets. */
char *oc_ssh_endpoint(struct arena *a, const struct oc_ssh_address *address);

/* --- names ---------------------------------------------------------------------------------------------------------------- */

struct oc_ssh_layout {
    const char *id;                /* of the runtime: "openclaw-ssh-agent-main-25bffc4d" */
    const char *root;              /* its directory on the host */
    const char *workspace, *agent; /* and below it */
};

char *oc_ssh_runtime_id(struct arena *a, const struct oc_profile *line, const char *scope_key);
/* workspace_root: absolute, of the other host. */
struct oc_ssh_layout oc_ssh_layout(struct arena *a, const struct oc_profile *line, const char *workspace_root,
                                   const char *scope_key);

/* --- sessions ------------------------------------------------------------------------------------------------------------- */

enum oc_ssh_material { OC_SSH_IDENTITY, OC_SSH_CERTIFICATE, OC_SSH_KNOWN_HOSTS, OC_SSH_MATERIAL_COUNT };
/* "identityData" "certificateData" "knownHostsData", and the same with File. */
const char *oc_ssh_data_key(enum oc_ssh_material m);
const char *oc_ssh_file_key(enum oc_ssh_material m);
/* Material that stands in a config, as a file would hold it: no byte order mark, lines end in \n, the last one too; of keys and
 * certificates a written-out "\n" is a line's end. The result is as secret as what it is made from. */
struct node *oc_ssh_material_text(struct arena *a, enum oc_ssh_material m, const struct node *text);

/* A reference to a secret (spec/openclaw/secrets), where the key of the level in force holds one; NULL: it holds a text or
 * nothing. Which level that is: as oc_resolve(). entry: of the agent, or NULL; scope: as resolved. */
const struct node *oc_ssh_reference(const struct node *config, const struct node *entry, const char *scope,
                                    enum oc_ssh_material m);

struct oc_ssh_conf {
    const struct oc_profile *line;
    const struct node *ssh;                            /* resolved */
    const struct node *secrets[OC_SSH_MATERIAL_COUNT]; /* what references led to, or NULL */
    const char *user;                                  /* of the process */
    const char *home, *cwd;                            /* that files are found from */
    const char *agent_socket;                          /* SSH_AUTH_SOCK, or NULL */
};

/* The settings of a session, one of backend_conf.options.connections:
 *
 *     {"user", "host", "port",
 *      "userConfig": false,                OpenClaw lets neither the user's ssh config nor the system's take part
 *      "strictHostKeyChecking", "updateHostKeys",
 *      "identityFile" or "identityData"    and then no other key is tried, but those an agent has for them; neither: the
 *      "certificateFile" or "...Data"      default keys and the agent's
 *      "knownHostsFile" or "...Data"       neither: the user's own; "/dev/null": any host is taken for what it says
 *      "agentSocket"}
 *
 * Absent keys are not set. *Data wins over *File, and is a secret node. ERR_CONFIG, the message begins with the key. */
int oc_ssh_connection(struct arena *a, const struct oc_ssh_conf *conf, struct node **ret, struct err *e);

/* sandbox: the whole resolved object. ERR_CONFIG with a message that begins with the key, for what OpenClaw refuses when it is
 * used, in its order: docker.binds, no ssh.target, a target that is none, browser.enabled. */
int oc_ssh_check(struct arena *a, const struct oc_profile *line, const struct node *sandbox, struct err *e);

/* --- remote commands ------------------------------------------------------------------------------------------------------- */

/* 'it'"'"'s': one word to any shell. */
char *oc_ssh_quote(struct arena *a, const char *word);
/* The one text that ssh carries: each word quoted, with blanks between. NULL-terminated. */
char *oc_ssh_command(struct arena *a, const char *const *words);
/* A shell command in a directory (NULL or "": where it lands), with variables (an object of strings). */
char *oc_ssh_exec_command(struct arena *a, const struct node *env, const char *workdir, const char *command);

/* The alias in what `openshell sandbox ssh-config` prints: the first word after the first "Host" at the beginning of a line;
 * NULL: there is none. */
char *oc_ssh_config_host(struct arena *a, const char *config_text);

#endif
