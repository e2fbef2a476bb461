/* docker_argv: what the docker command sends to the engine for the arguments of a `create`, as far as OpenClaw uses them. The
 * golden cases of 2026.5 have both, so that this is checked by them; those of 2026.9 have the arguments alone. */
#ifndef RECONCLAW_TESTS_LIB_DOCKER_ARGV_H
#define RECONCLAW_TESTS_LIB_DOCKER_ARGV_H

#include "spec/base/err.h"
#include "spec/fs.h"
#include "spec/node.h"

/* blank: a body that has everything that no argument sets. argv: an array of texts that begins with "create"; env_file: the
 * content of the file that --env-file names, or NULL. Podman's arguments become what its compatible API takes for them.
 * ERR_CONFIG: the docker command refuses it. An argument that is not known fails the test. */
int docker_argv_body(struct arena *a, const struct fs *fs, const struct node *blank, const struct node *argv,
                     const char *env_file, struct node **ret, struct err *e);

#endif
