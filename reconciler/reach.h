/* reach: how the hosts of a round are reached, and the sessions with them that outlive it.
 *
 *     reach_set(r, desired, records)      once it is worked out what is wanted: the settings of every host
 *     endpoint_open / endpoint_close      with an opener that has `reach`: handles come from here, and go back
 *     reach_free(r)
 *
 * The settings of an endpoint are all different ones under which something there is wanted or recorded, in an order that does not
 * depend on that of the specs: what is wanted before what is only recorded, hosts checked strictly before others. Where nothing
 * tells any, the endpoint's name does.
 *
 * Of OpenShell's gateways it is the command that is to be run, and where the trees of their sandboxes lie; an endpoint of which
 * nothing is known is opened as it comes.
 *
 * One handle of an endpoint is kept open while it is not in use, and with it its session, as long as the settings stay the same:
 * others end it, and what is opened next has a session of its own. A handle in use is never ended from here. May be used by
 * several threads. Settings hold secrets: copies are overwritten when they go. */
#ifndef RECONCLAW_RECONCILER_REACH_H
#define RECONCLAW_RECONCILER_REACH_H

#include "backends/backend.h"
#include "reconciler/host.h"
#include "spec/world.h"

struct reach;

struct reach *reach_new(void);
void reach_free(struct reach *r); /* accepts NULL; no handle of its may be in use */

/* Whether handles of this endpoint come from here. */
bool reach_is_for(const char *endpoint);

/* The process's own user and ssh agent are used where settings name none. Endpoints that are not named any more are forgotten,
 * and their sessions ended. */
void reach_set(struct reach *r, const struct host *host, const struct desired *d, size_t n, const struct record *recs,
               size_t n_recs);

/* conf->options is filled in. ERR_CONFIG where nothing is known of the endpoint. */
int reach_open(struct reach *r, const struct backend_ops *ops, const struct backend_conf *conf, struct backend **ret,
               struct err *e);
/* Takes it back; b may be NULL, or opened elsewhere: then it is closed. */
void reach_close(struct reach *r, struct backend *b);

/* What is recorded of where a runtime's tree is, and how it is reached: {"root", "workspaceRoot", "connection"}, the connection
 * without what is secret and without the agent of today; of OpenShell {"command", "remoteWorkspaceDir",
 * "remoteAgentWorkspaceDir"}. NULL: it is not on another host. */
struct node *reach_place(struct arena *a, const struct desired *d);

/* The same, where it was recorded at `before` (NULL: nowhere): the roots of which a tree of it may still stand are told as
 * "left", but for `gone` (NULL: none of them is). */
struct node *reach_place_after(struct arena *a, const struct node *place, const struct node *before, const char *gone);

/* For tests: backend_conf.options of an endpoint, in the arena; NULL: nothing is known of it. */
struct node *reach_options(struct reach *r, struct arena *a, const char *endpoint);

#endif
