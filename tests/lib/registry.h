/* registry: a registry of shards of a test's own, in a directory that goes with it. */
#ifndef RECONCLAW_TESTS_LIB_REGISTRY_H
#define RECONCLAW_TESTS_LIB_REGISTRY_H

#include "state/shards.h"

struct registry {
    char *dir; /* the state directory */
    struct arena *a;
    struct shards s;
    struct lock_wait wait; /* the wall clock's now, 5 s */
};

void registry_begin(struct registry *r);
void registry_end(struct registry *r);

/* Where a runtime's shard stands, below dir. */
const char *registry_path(struct registry *r, enum runtime_kind kind, const char *name);
/* A container of the main agent, of image "img:1". */
struct record registry_record(const char *name);

#endif
