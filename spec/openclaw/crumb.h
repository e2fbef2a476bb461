/* crumb: where a walk through a config stands, kept on the stack of the walk and made into a key path only for an error. */
#ifndef RECONCLAW_SPEC_OPENCLAW_CRUMB_H
#define RECONCLAW_SPEC_OPENCLAW_CRUMB_H

#include "spec/base/arena.h"

#include <stddef.h>

struct crumb {
    const struct crumb *up; /* NULL: at the root */
    const char *key;        /* or NULL in an array: */
    size_t index;
};

/* "agents.list[0].sandbox"; "" for NULL. */
char *crumb_path(struct arena *a, const struct crumb *c);

#endif
