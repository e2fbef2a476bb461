/* model: a world that obeys. Random worlds for the planner, and what carrying out a plan makes of them, without any backend:
 * what the executor and the backends must come to, said as simply as it can be. Everything comes from a struct dice, so that a
 * seed (or a fuzzer's bytes) repeats a world. */
#ifndef RECONCLAW_TESTS_LIB_MODEL_H
#define RECONCLAW_TESTS_LIB_MODEL_H

#include "reconciler/core/plan.h"
#include "spec/base/text.h"
#include "tests/lib/dice.h"

/* How wild a world is. */
enum model_kind {
    MODEL_QUIET, /* every runtime equal in all three worlds */
    MODEL_USUAL, /* what happens in practice: drift, ghosts, orphans, unwanted, faults of endpoints */
    MODEL_CHAOS  /* every part drawn for itself: names that collide, parts that contradict */
};

#define MODEL_NOW ((int64_t)1700000000000)

struct model {
    struct arena *arena;
    struct dice *dice;
    int64_t now_ms;
    /* Capacity for everything that may ever be added is there from the start: pointers stay. */
    struct desired *desired;
    struct record *records;        /* install NULL: gone */
    struct observed *runtimes;     /* endpoint NULL: gone */
    struct observation *endpoints; /* v and n unused: filled by model_world */
    struct install *installs;
    struct pause *pauses;
    struct turn *turns;
    struct grant *grants;
    struct request *requests;
    struct last_seen *last;
    size_t n_desired, n_records, n_runtimes, n_endpoints, n_installs, n_pauses, n_turns, n_grants, n_requests, n_last;
    size_t cap_records, cap_runtimes, cap_grants;
    unsigned n_made; /* ids */
};

/* n: about how many runtimes. */
void model_make(struct model *m, struct arena *a, struct dice *dice, enum model_kind kind, unsigned n);
/* A copy that may change on its own. */
void model_copy(struct model *to, const struct model *from, struct arena *a);
/* What the planner is given. With dice: every list in another order. */
void model_world(const struct model *m, struct arena *a, struct dice *shuffle, struct world *ret);

/* Carries an act out, up to its `steps`-th step (SIZE_MAX: all). Returns how many steps it has. The steps are the executor's:
 * intent, remove, create, record. */
size_t model_apply(struct model *m, const struct act *act, size_t steps);
/* What a look by id would say of a hold that asks for one: adds the answer to the observations. */
void model_confirm(struct model *m, const struct plan *p);
/* Leaves one record of each runtime. */
void model_unique_records(struct model *m);
void model_grant(struct model *m, const char *endpoint, const char *name, unsigned allows);
/* The whole plan in an order that keeps `after`; the acts that `skip` names (indices) and those after them are left out. */
void model_apply_plan(struct model *m, const struct plan *p, const bool *skip);
/* An order of the acts that are carried out, which keeps `after`. Returns how many; NO order (a cycle): SIZE_MAX. */
size_t model_order(struct arena *a, const struct plan *p, struct dice *dice, size_t **ret);

/* What matters of a world, as text: runtimes and records, without ids and times. */
void model_emit(struct buf *b, const struct model *m);

#endif
