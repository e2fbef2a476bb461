/* sim: a machine in virtual time: one endpoint of the fake, what is wanted and recorded of it, and whole rounds of observe, plan,
 * execute and record, in a process that may die at any step. */
#ifndef RECONCLAW_TESTS_LIB_SIM_H
#define RECONCLAW_TESTS_LIB_SIM_H

#include "backends/fake.h"
#include "reconciler/core/plan.h"
#include "spec/base/vec.h"
#include "tests/lib/dice.h"

#include <pthread.h>
#include <stdatomic.h>

#define SIM_INSTALL "0123456789abcdef"

struct sim {
    struct arena *a; /* of what is on disk */
    struct fake_world *fake;
    char endpoint[32];
    _Atomic int64_t now_ms;
    pthread_mutex_t mutex; /* of the records: recorders run in many threads */
    VEC(struct desired) desired;
    VEC(struct record) records; /* install NULL: gone */
    struct install install;
    VEC(struct grant) grants;
    unsigned n_versions;
    /* The process dies at the step of this number: from then on nothing it does has an effect. 0: it lives. */
    _Atomic long dies_at, steps;
    atomic_bool dead;
    struct plan last;
    size_t n_last_seen;
    void (*between)(struct sim *s); /* others act after the look, before the acts */
    unsigned n_rounds;
    VEC(const char *) kept; /* snapshots that were verified: what is in each */
    unsigned n_contents;    /* made up so far */
    bool asks;              /* a reseed of every workspace that exists nowhere else, in each round */
    bool approves;          /* of what each of them holds when it is looked at */
    const char *undone;     /* by a reseed, and nobody had agreed to that; NULL: nothing */
    const char *lost;       /* what was in a canonical workspace, and is nowhere any more; NULL: nothing */
    struct dice *dice;
};

/* From MODEL_NOW on; nothing is wanted or there but the image "img:1". */
void sim_begin(struct sim *s, struct dice *dice);
void sim_end(struct sim *s);

int64_t sim_now(void *sim);
struct record *sim_record(struct sim *s, const char *name, enum runtime_kind kind); /* or NULL */
/* Copies into what is on disk: the round's arena goes. */
struct record *sim_put(struct sim *s, const struct act *act);

/* Somebody works in the tree of this name: it holds something that nothing else does. Nothing, where it has none. */
void sim_work(struct sim *s, const char *name);

/* true: there was nothing to do. */
bool sim_round(struct sim *s, unsigned threads);
/* Rounds until there is nothing to do, now and for the next hour; false: it never ends. */
bool sim_settle(struct sim *s, unsigned threads);

#endif
