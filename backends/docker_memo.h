/* docker_memo: which containers are proved to be as they were when they were last compared, so that they need not be looked at.
 *
 * A container's settings change only by `update`, `rename`, and by networks that it joins or leaves, and the engine keeps its
 * last events (Docker: 256, in memory). The memo names the last event that was seen, and each container that was then found equal
 * to what was wanted, with a digest of that. At the next observation the engine is asked for its events from that one on: if it
 * is still the first of them, none after it has been lost (not by a restart, nor by their number), and what they do not name has
 * not changed. Where the engine's clock is not ours, or it is no Docker, nothing is proved. */
#ifndef RECONCLAW_BACKENDS_DOCKER_MEMO_H
#define RECONCLAW_BACKENDS_DOCKER_MEMO_H

#include "backends/docker_private.h"

struct docker_memo;

/* Reads text, which may be NULL or anything: what does not decode proves nothing. */
struct docker_memo *docker_memo_read(struct arena *a, const char *text);
/* One GET /events, after the list (whose reply told the engine's clock). Failing to get the events proves nothing; only an
 * endpoint that is gone, a timeout or a cancel is an error. */
int docker_memo_prove(struct docker_memo *m, struct docker *dk, struct arena *a, int64_t now_ms, int64_t elapsed_ms,
                      const struct deadline *d, struct err *e);
/* Whether the container is proved to be what `wanted` says. */
bool docker_memo_proves(const struct docker_memo *m, const char *id, const char *digest);
/* For the next memo: this container equals what is wanted, seen or proved in this observation. */
void docker_memo_keep(struct docker_memo *m, struct arena *a, const char *id, const char *digest);
/* The next memo's text, or NULL where nothing could be proved by it. */
const char *docker_memo_write(const struct docker_memo *m, struct arena *a);

/* Of the fields that are wanted. */
const char *docker_memo_digest(struct arena *a, struct fields f);

#endif
