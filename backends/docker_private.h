/* docker_private: what the parts of the docker backend share, and nobody else includes. */
#ifndef RECONCLAW_BACKENDS_DOCKER_PRIVATE_H
#define RECONCLAW_BACKENDS_DOCKER_PRIVATE_H

#include "backends/docker.h"
#include "backends/engine_http.h"
#include "spec/engine_fields.h"
#include "spec/openclaw/create.h"
#include "spec/openclaw/profile.h"

#define LABEL_SANDBOX     "openclaw.sandbox"
#define LABEL_BROWSER     "openclaw.sandboxBrowser"
#define LABEL_SESSION_KEY "openclaw.sessionKey"
#define LABEL_CREATED     "openclaw.createdAtMs"
#define LABEL_HASH        "openclaw.configHash"
#define LABEL_OUR_INSTALL "reconclaw.install"
#define LABEL_OUR_OWNER   "reconclaw.owner"
#define LABEL_OUR_CREATED "reconclaw.createdAtMs"
#define LABEL_OUR_HASH    "reconclaw.configHash"

struct docker {
    struct backend base;
    struct engine *en;
    char *endpoint, *install;
    enum engine_flavour flavour; /* once docker_greet() has succeeded */
};

/* --- docker ---------------------------------------------------------------------------------------------------------------- */

/* Learns whose words the engine speaks; before anything it says is decoded. ERR_UNSUPPORTED where an endpoint "podman" is none.
 */
int docker_greet(struct docker *dk, const struct deadline *d, struct err *e);

/* --- docker_decode: the engine's JSON as values -------------------------------------------------------------------------- */

/* A copy in the arena, member by member. */
struct node *docker_node(struct arena *a, const json_t *j);
/* The name of one element of GET /containers/json, or NULL; it is item's. */
const char *docker_listed_name(const json_t *item);
/* The element. fields and busy are not known by it. ERR_INPUT where it names no container. */
int docker_decode_listed(struct arena *a, const struct docker *dk, const json_t *item, struct observed *ret, struct err *e);
/* The reply of GET /containers/ID/json; busy is known to be 0 where it does not run. The fields are those that compare with
 * what is wanted (or all, where nothing is); image as for engine_inspect_fields(). What is returned may point into item. */
int docker_decode_inspected(struct arena *a, const struct docker *dk, const struct node *item, const struct desired *want,
                            const struct node *image, struct observed *ret, struct err *e);
/* The value of KEY=value in an array of such, or NULL. */
const char *docker_env(const struct node *env, const char *key);
/* 12 to 64 hex digits: what may stand in a path as it is. */
bool docker_is_id(const char *s);
/* "2026-11-22T12:42:11.715454081Z" -> milliseconds since 1970; TIME_NONE where it is no such text, or the zero time. */
int64_t docker_time_ms(const char *s);

/* --- docker_check: what is asked for ------------------------------------------------------------------------------------- */

#define DOCKER_ENV_SOURCE_RANGE "OPENCLAW_BROWSER_CDP_SOURCE_RANGE"

/* A copy of the body with the labels of backends/docker.h. created_at_ms may be TIME_NONE. */
struct node *docker_labelled(struct arena *a, const struct desired *want, const struct node *create, int64_t created_at_ms);
/* Without what is not the owner's to set, or not the container's to keep. */
struct fields docker_settled(struct arena *a, const struct desired *want, struct fields f);

/* --- docker_look: one container ------------------------------------------------------------------------------------------ */

/* "/containers/<escaped id or name><tail>" in the arena. */
const char *docker_path(struct arena *a, const char *id, const char *tail);
/* The inspection by id or name; ERR_NOT_FOUND where there is none of exactly this id (or name). */
int docker_inspect(struct docker *dk, struct arena *a, const char *id, const char *name, const struct deadline *d,
                   struct node **ret, struct err *e);
/* The inspection of an image by id, or NULL where it is gone. */
int docker_inspect_image(struct docker *dk, struct arena *a, const char *id, const struct deadline *d, const struct node **ret,
                         struct err *e);
/* Sets busy of each v[i] from the exec ids that its inspection listed. execs[i] may be NULL. Podman goes on calling an exec that
 * nobody waited for running for minutes: its process must be among the container's. */
int docker_count_busy(struct docker *dk, struct arena *a, struct observed *const *v, const struct node *const *execs, size_t n,
                      const struct deadline *d, struct err *e);

int docker_look(struct backend *b, struct arena *a, const char *id, const char *name, const struct call *c, struct observed *ret,
                struct err *e);
int docker_observe(struct backend *b, struct arena *a, const struct observe_req *req, const struct call *c,
                   struct observation *ret, struct err *e);
int docker_check_podman(struct arena *a, const struct desired *d, struct fields *ret, struct err *e);
int docker_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e);
int docker_apply(struct backend *b, struct arena *a, const struct backend_act *act, const struct call *c, struct act_result *ret,
                 struct err *e);
int docker_exec(struct backend *b, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e);
int docker_follow(struct backend *b, void (*on_hint)(void *ctx), void *ctx, const struct call *c, struct err *e);

/* --- docker_browser: what only the moment of creation knows ---------------------------------------------------------------- */

/* The body to send: `create` with what a browser needs filled in (its network made where it is missing; the gateway's address as
 * the source of its debug port, or, of 2026.9, a token for it; a password). For other kinds the body is `create` as it is.
 * ERR_CONFIG also where the image is none that the line of OpenClaw makes browsers of. */
int docker_browser_body(struct docker *dk, struct arena *a, const struct desired *want, const struct deadline *d,
                        struct node **ret, struct err *e);
/* The line of OpenClaw that a browser's body is of; that of 2026.5 where its labels say none. */
const struct oc_profile *docker_line_of(const struct node *body);

#endif
