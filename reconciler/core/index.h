/* index: the small tables of a world, sorted once and asked for every unit. Private to the planner. */
#ifndef RECONCLAW_RECONCILER_CORE_INDEX_H
#define RECONCLAW_RECONCILER_CORE_INDEX_H

#include "reconciler/core/plan.h"

/* One row per key; sorted by a, b, c. */
struct index_row {
    const char *a, *b; /* NULL first */
    int c;
    const void *v;
    unsigned bits;
};
struct index_table {
    struct index_row *v;
    size_t n;
};

struct index {
    struct arena *arena; /* the plan's */
    struct index_table installs, pauses, turns, grants, requests, seeds, scopes;
};

void index_make(struct arena *a, const struct world *w, int64_t now_ms, struct index *ret);

/* As listed; NULL where it is not. */
const struct install *index_install(const struct index *ix, const char *id);
/* Listed, or of a desired runtime. */
bool index_is_ours(const struct index *ix, const char *install);
/* The pause in force that ends last. */
const struct pause *index_pause(const struct index *ix, const char *endpoint, const char *name);
const struct turn *index_turn(const struct index *ix, const char *endpoint, const char *name);
unsigned index_grants(const struct index *ix, const char *endpoint, const char *name);
const struct request *index_request(const struct index *ix, const char *endpoint, const char *name, enum runtime_kind kind);
const struct seed_look *index_seed(const struct index *ix, const char *endpoint, const char *name, enum runtime_kind kind);
/* The one install of ours that has an agent to which this scope key belongs; NULL where none or several have. */
const char *index_scope_install(const struct index *ix, const char *scope_key);

#endif
