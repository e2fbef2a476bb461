/* engine_fields: what a container's create body means, and what an engine's inspect reply shows, as the same fields under the
 * keys the owner writes. A container made from a body inspects to equal fields, whichever engine (Docker 20.10 and newer,
 * Podman's compatible API) and whoever made it: defaults that the engine fills in are taken out again.
 *
 * Names depend on what the labels say it is:
 *
 *     OpenClaw's container   docker.image docker.memory docker.env.LANG docker.binds[/data] workspaceDir agentWorkspaceDir ...
 *     OpenClaw's browser     browser.image browser.network browser.cdpPort ..., else as above
 *     a Sandbox object       image limits.memory env.LANG workspaces[/data] network labels.team setup ...
 *
 * Classes: everything is FIELD_RECREATE but a Sandbox's limits, which the engine changes in place (engine_update_body). What
 * goes away altogether cannot be patched: the engine reads 0 as "as it is". OpenClaw's runtimes are never patched, since a
 * label cannot be changed: the old openclaw.configHash would stay, and OpenClaw would recreate the container on its next use.
 *
 * The config hash (docker.configHash; for a Sandbox: configHash) differs only where no other field does: it then stands for
 * what the engine does not show. Values are for comparing and showing: long ones (a seccomp profile) are digests. Those of
 * variables that are, or may once have been, secret are sensitive. */
#ifndef RECONCLAW_SPEC_ENGINE_FIELDS_H
#define RECONCLAW_SPEC_ENGINE_FIELDS_H

#include "spec/base/err.h"
#include "spec/node.h"
#include "spec/world.h"

/* body: as for POST /containers/create; what it leaves out is the engine's default. Anything that is no body has no fields. */
struct fields engine_body_fields(struct arena *a, const struct node *body);

/* inspect: the reply of GET /containers/ID/json. want: the body it is compared with, or NULL; image: the reply of GET
 * /images/ID/json for the image the container was made from, or NULL. Together they tell what comes from the image and not
 * from a body: a variable, label or volume that want does not ask for is left out where the image has the same, and where
 * there is no image to ask. ERR_INPUT where the reply is no container. */
int engine_inspect_fields(struct arena *a, const struct node *inspect, const struct node *want, const struct node *image,
                          struct fields *ret, struct err *e);

/* The body of POST /containers/ID/update that gives a container the limits of body. Memory brings its swap along, or the
 * engine refuses to raise it. */
struct node *engine_update_body(struct arena *a, const struct node *body);

/* The names of the variables whose values are secret (node.secret), as the text of ENGINE_LABEL_SECRETS; NULL: none. */
const char *engine_secret_names(struct arena *a, const struct node *body);

/* Labels that say what a container is. */
#define ENGINE_LABEL_OPENCLAW         "openclaw.sandbox"
#define ENGINE_LABEL_OPENCLAW_BROWSER "openclaw.sandboxBrowser"
#define ENGINE_LABEL_OPENCLAW_HASH    "openclaw.configHash"
#define ENGINE_LABEL_HASH             "reconclaw.configHash"
#define ENGINE_LABEL_SETUP            "reconclaw.setup"
/* Which variables were secret when it was made, so that they stay so when the spec has something else for them:
 * "NAME=NAME". A name cannot have a '=' in it. */
#define ENGINE_LABEL_SECRETS "reconclaw.secretEnv"

#endif
