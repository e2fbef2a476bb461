/* engine_ref: the texts that name something for the engine: addresses, hosts, images, containers. As engine_value: 0, or -1
 * with ERR_CONFIG and a message that quotes the value; the caller wraps it with the key. */
#ifndef RECONCLAW_SPEC_ENGINE_REF_H
#define RECONCLAW_SPEC_ENGINE_REF_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

#include <stdbool.h>

/* An IP address, blanks around it dropped, in Go's text form. */
int engine_parse_ip(struct arena *a, const char *s, const char **ret, struct err *e);
/* "db:10.0.0.5" "db=[::1]" "host.docker.internal:host-gateway", as the engine takes it: "db:::1". */
int engine_parse_extra_host(struct arena *a, const char *s, const char **ret, struct err *e);
/* A reference to an image: a name with tag and digest, a digest, or 64 hex digits. */
int engine_check_image(const char *s, struct err *e);
/* In its short form: engines write out Docker's hub and the tag "latest", or not. */
const char *engine_short_image(struct arena *a, const char *ref);
/* Whether a reference that an engine shows is the one that was written, with or without Docker's hub, "latest", and podman's
 * "localhost/" before it. */
bool engine_shows_image(struct arena *a, const char *shown, const char *wanted);
/* What the engine takes for a container's name: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
bool engine_is_container_name(const char *s);

#endif
