/* engine_http: HTTP to one engine (Docker's Engine API, or Podman's compatible one) over a unix socket, TCP or TLS, on kept
 * connections. One thread at a time per handle.
 *
 *     engine_open(address, tls_dir, tls_verify, &en, e);       nothing is sent yet
 *     engine_call(en, &(struct engine_req){"GET", "/containers/json?all=1", .on_body = ...}, &deadline, NULL, e);
 *     engine_close(en);
 *
 * Requests are made in one dialect, ENGINE_API, so that every engine answers alike; an engine that refuses it is asked what it
 * speaks, and the request is made again in the nearest dialect it has (an engine refuses a dialect before it looks at the
 * request). Oldest supported: ENGINE_API_OLDEST.
 *
 * Errors name the request and what came back ("GET /containers/x/json: 404: No such container: x"), never a body that was sent.
 * err.sys is the HTTP status where there was one; where Podman says 500 to everything, the class is by the cause that it names.
 * ERR_NOT_FOUND only where the engine says so in its own words: a 404 of some other server is ERR_INPUT. A reply that was cut is
 * an error. Environment proxies are not used. */
#ifndef RECONCLAW_BACKENDS_ENGINE_HTTP_H
#define RECONCLAW_BACKENDS_ENGINE_HTTP_H

#include "backends/deadline.h"
#include "backends/engine_stream.h"

#include <curl/curl.h>
#include <jansson.h>

#define ENGINE_DEFAULT_ADDRESS "unix:///var/run/docker.sock"
#define ENGINE_API             "1.41" /* Docker 20.10 of 2020 to 28; newer ones begin later and are met there */
#define ENGINE_API_OLDEST      40     /* 1.40: Docker 19.03 */
#define ENGINE_WIDTH           4      /* requests at a time of engine_get_each */

struct engine;

/* Who answers: the component by this name in GET /version. */
enum engine_flavour {
    ENGINE_DOCKER, /* or what says nothing of itself, and has to speak as Docker does */
    ENGINE_PODMAN, /* "Podman Engine" */
};

/* address: "unix:///path", "tcp://host:port", "http://..." or "https://..."; NULL: ENGINE_DEFAULT_ADDRESS. tls_dir holds ca.pem,
 * cert.pem and key.pem; with TCP it means TLS. ERR_CONFIG where the address is none of these. */
int engine_open(const char *address, const char *tls_dir, bool tls_verify, struct engine **ret, struct err *e);
void engine_close(struct engine *en); /* accepts NULL */
/* What has to answer there, for messages that say how to have it answer. Without: Docker. */
void engine_expect(struct engine *en, enum engine_flavour flavour);

struct engine_req {
    const char *method;
    const char *path; /* from the dialect's prefix on; outside text in it has gone through engine_escape() */
    const char *body; /* JSON, or NULL */
    /* Where set, a successful reply goes there piece by piece instead of into the buffer. -1 ends the call with that error. */
    int (*on_body)(void *ctx, const char *p, size_t n, struct err *e);
    void (*on_head)(void *ctx); /* or NULL: called once when the engine has said yes, before any of the body */
    void *ctx;
    bool unversioned;
    int wake_fd; /* > 0: readable once the deadline's cancel is set, which is then looked at only when something happens */
};

struct engine_reply {
    int status;
    struct buf body; /* at most LIMIT_REPLY_BYTES: more is ERR_INPUT */
};
#define ENGINE_REPLY_AUTO __attribute__((cleanup(engine_reply_free))) struct engine_reply
void engine_reply_free(struct engine_reply *r);

/* 2xx and 304 succeed. ret may be NULL; it is filled on success only, and replaced. */
int engine_call(struct engine *en, const struct engine_req *req, const struct deadline *d, struct engine_reply *ret,
                struct err *e);
/* The same with a JSON reply, which must be an object; the caller owns it. body may be NULL and is not taken. */
int engine_json(struct engine *en, const char *method, const char *path, const json_t *body, const struct deadline *d,
                json_t **ret, struct err *e);
/* GET of a list, decoded element by element. */
int engine_list(struct engine *en, const char *path, enum engine_framing framing, engine_item_fn on_item, void *ctx,
                const struct deadline *d, struct err *e);
/* GETs of n paths, up to ENGINE_WIDTH at a time, each reply a JSON object. on_reply gets them as they come, item NULL and why
 * filled where that one failed; -1 from it ends all. It must not call this engine. */
typedef int (*engine_reply_fn)(void *ctx, size_t i, json_t *item, const struct err *why, struct err *e);
int engine_get_each(struct engine *en, const char *const *paths, size_t n, engine_reply_fn on_reply, void *ctx,
                    const struct deadline *d, struct err *e);

struct engine_version {
    char version[64], api[16], min_api[16], os[32], arch[32];
    enum engine_flavour flavour;
};
/* Asks, and settles the dialect. ERR_UNSUPPORTED where there is none in common. */
int engine_version(struct engine *en, const struct deadline *d, struct engine_version *ret, struct err *e);
/* The flavour, asked for once where no reply has told yet that it is Docker. */
int engine_flavour(struct engine *en, const struct deadline *d, enum engine_flavour *ret, struct err *e);
/* Of the last reply: the engine's clock to the second (milliseconds since 1970, or -1), and whether it calls itself Docker. */
int64_t engine_clock_ms(const struct engine *en);
bool engine_is_docker(const struct engine *en);
/* "1.41": the dialect in use. */
const char *engine_api(const struct engine *en);
const char *engine_address(const struct engine *en);
bool engine_is_tls(const struct engine *en);

/* Percent-encodes everything but letters, digits and -._~ and the characters of `also`. */
void engine_escape(struct buf *b, const char *s, const char *also);

/* For engine_exec: a handle set up for this engine, owned by the caller; the URL's begin; the error of a failed transfer. */
CURL *engine_handle(struct engine *en);
/* Another handle for the same engine, with what this one has learned of it. */
struct engine *engine_twin(const struct engine *en);
/* Something that has to be done and need not be waited for: run(ctx) in a thread, waited for wait_ms here, and by engine_close()
 * for as long as it takes. It uses no handle but its own. */
void engine_later(struct engine *en, void (*run)(void *ctx), void *ctx, int wait_ms);
const char *engine_url(const struct engine *en);
int engine_curl_err(struct engine *en, CURL *easy, CURLcode code, const char *detail, const char *what, struct err *e);
/* The error of a status that is none of success, from the reply's bytes. */
int engine_status_err(int status, const char *body, size_t n, const char *what, struct err *e);

#endif
