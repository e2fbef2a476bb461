/* secret: where secrets by reference come from, as callbacks, so that spec/ stays pure. reconciler/secrets.c answers from the
 * environment and the file system. */
#ifndef RECONCLAW_SPEC_SECRET_H
#define RECONCLAW_SPEC_SECRET_H

#include "spec/base/arena.h"
#include "spec/base/err.h"

#include <stddef.h>

#define SECRET_BYTES_MAX      65536u   /* one value */
#define SECRET_FILE_BYTES_MAX 1048576u /* a file that holds several */

/* Each gives the whole value, NUL-terminated, in the arena; ERR_NOT_FOUND where there is none. A file over `max` bytes is
 * ERR_INPUT. */
struct secret_source {
    void *ctx;
    int (*env)(void *ctx, struct arena *a, const char *name, char **ret, struct err *e);
    int (*file)(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e);
};

#endif
