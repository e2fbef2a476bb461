/* openshell_cli: the `openshell` command as a peer: which it is, and one call of it after another.
 *
 * Each call is an argv, never a shell; no terminal, standard input from /dev/null or given bytes, a process group of its own, the
 * deadline of the act, a cap on what is read. The exit status alone never means that something is not there: a failed call is
 * followed by `status`, and only a gateway that says it is connected is believed. */
#ifndef RECONCLAW_BACKENDS_OPENSHELL_CLI_H
#define RECONCLAW_BACKENDS_OPENSHELL_CLI_H

#include "backends/backend.h"
#include "backends/deadline.h"
#include "backends/openshell_reply.h"
#include "backends/openshell_spec.h"
#include "backends/openshell_store.h"
#include "backends/proc.h"

#include <sys/stat.h>

/* What a verb's `-o json` was found to be. */
enum openshell_json { OPENSHELL_JSON_UNTRIED, OPENSHELL_JSON_YES, OPENSHELL_JSON_NO };

struct openshell {
    const struct backend_ops *ops;
    char *endpoint, *install;
    char *command;                           /* absolute, or NULL: found on PROC_PATH at each call */
    char *gateway, *gateway_url, *workspace; /* NULL: not given */
    char **env;                              /* NULL-terminated */
    struct openshell_store store;
    const char *workspace_dir, *agent_dir; /* where trees lie whose record is not ours; in `a` */
    struct arena *a;
    struct openshell_ways *ways; /* openshell_way.h; NULL: none yet */

    /* Of the command as it was when last asked. */
    struct stat asked; /* st_ino 0: never */
    struct openshell_release release;
    const struct openshell_traits *traits;
    enum openshell_json json_list, json_get, json_status;
};

/* What the driver is given, in the arena of the act. */
struct openshell_call {
    struct openshell *b;
    struct arena *a;
    struct deadline deadline;
};

/* Finds the command and, where it is another than before, its release. ERR_UNAVAILABLE: there is none. ERR_REFUSED: it is npm's
 * package of that name, which is not run. ERR_UNSUPPORTED: a release before 0.0.36, or no openshell at all. */
int openshell_cli_find(struct openshell_call *c, struct err *e);

/* Runs `openshell [--gateway G] [--gateway-endpoint E] args...`. 0 whenever it ended, whatever its status; a cut output is
 * ERR_INPUT. input NULL: /dev/null. workdir NULL: an empty directory of ours, so that no file there is taken for an image. */
int openshell_cli_run(struct openshell_call *c, const char *const *args, const char *workdir, const char *input, size_t n_input,
                      struct proc_result *ret, struct err *e);

/* 0 where the gateway says that it is connected and lets us in; else ERR_UNAVAILABLE with the reason. */
int openshell_cli_connected(struct openshell_call *c, struct openshell_status *ret, struct err *e);
/* -1 with the reason of a call that failed: the gateway's state before what the call said. `what` begins the message. */
int openshell_cli_failed(struct openshell_call *c, const char *what, const struct proc_result *res, struct err *e);

/* All sandboxes, page by page. An empty listing is believed only where the gateway is connected and a second one is empty too.
 * Without JSON the items have no ids and labels. */
int openshell_cli_list(struct openshell_call *c, struct openshell_items *ret, struct err *e);
/* Ids or names ("--ids", "--names"), of all or of a selector. */
int openshell_cli_words(struct openshell_call *c, const char *flag, const char *selector, const char *const **ret, size_t *ret_n,
                        struct err *e);
/* One by name. ERR_NOT_FOUND only where the listing does not have it either. */
int openshell_cli_get(struct openshell_call *c, const char *name, struct openshell_item *ret, struct err *e);
/* Its policy as it is in force. */
int openshell_cli_policy(struct openshell_call *c, const char *name, struct node **ret, struct err *e);

#endif
