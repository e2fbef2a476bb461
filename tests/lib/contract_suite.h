/* contract_suite: what the parts of the contract share; no binding needs it. A part is a file with a table of rows; contract.c
 * runs those that apply. One suite per program. */
#ifndef RECONCLAW_TESTS_LIB_CONTRACT_SUITE_H
#define RECONCLAW_TESTS_LIB_CONTRACT_SUITE_H

#include "tests/lib/contract.h"

extern const struct contract *suite; /* the binding */
extern void *suite_peer;             /* its ctx */

/* Of one test: two names that no other test has, and a handle. */
struct fixture {
    struct arena *a;
    struct backend *b;
    struct err e;
    char name[64], other[64];
};

enum suite_means { SUITE_ANY, SUITE_HANG, SUITE_DRIFT, SUITE_EXEC, SUITE_FOLLOW };

struct suite_row {
    const char *name;
    void (*test)(void **state); /* struct fixture */
    unsigned needs;             /* CONTRACT_NO_...: not in the list of a backend that lacks it */
    enum suite_means means;     /* nor of one that has not these */
};

extern const struct suite_part {
    const struct suite_row *rows;
    size_t n;
} suite_look, suite_apply, suite_faults, suite_exec;

#define must(f, call)                                                                                                            \
    do {                                                                                                                         \
        if ((call) < 0)                                                                                                          \
            fail_msg("%s: %s: %s", #call, err_class_name((f)->e.class), (f)->e.msg);                                             \
    } while (0)

#define must_fail(f, call, wanted_class)                                                                                         \
    do {                                                                                                                         \
        (f)->e = (struct err){0};                                                                                                \
        if ((call) >= 0)                                                                                                         \
            fail_msg("%s: went well", #call);                                                                                    \
        if ((f)->e.class != (wanted_class))                                                                                      \
            fail_msg("%s: %s is wanted: %s: %s", #call, err_class_name(wanted_class), err_class_name((f)->e.class), (f)->e.msg); \
        assert_true((f)->e.msg[0] != '\0');                                                                                      \
    } while (0)

struct call suite_call(void); /* with all the time it may need */
int64_t suite_now_ms(void);
struct backend *suite_open(void);

/* Checked: with its fields. */
struct desired *suite_desire(struct fixture *f, const char *name, enum contract_variant v);
/* Unchecked, from another image than the binding's. */
struct desired *suite_desire_image(struct fixture *f, const char *name, enum contract_variant v, const char *image);
int suite_create(struct fixture *f, const struct desired *d, struct act_result *ret);
const char *suite_made(struct fixture *f, const struct desired *d); /* the id of what must come to be */
int suite_step(struct fixture *f, enum step s, const struct desired *d, const char *id, const struct observed *expect);

int suite_observe_as(struct fixture *f, const struct observe_req *req, struct observation *ret);
/* The whole listing, with `d` wanted (may be NULL). */
struct observation suite_observe(struct fixture *f, const struct desired *d, const char *memo);
const struct observed *suite_find(const struct observation *o, const char *name); /* at most once there; NULL: not at all */
const struct observed *suite_seen(struct fixture *f, const struct desired *d);    /* observed and found */
struct observed suite_look_at(struct fixture *f, const char *id, const char *name);

void suite_assert_fields(struct fixture *f, struct fields want, struct fields got);
void suite_assert_state(struct fixture *f, const struct desired *d, const char *id, enum run_state s);
void suite_assert_gone(struct fixture *f, const struct desired *d, const char *id);

/* Under f->name. */
void suite_make_foreign(struct fixture *f);
bool suite_foreign_intact(struct fixture *f);

/* A thread that cancels a call. */
struct suite_canceller {
    atomic_bool cancel;
    int after_ms;
    int64_t at_ms; /* when it did */
};
void *suite_cancel_later(void *canceller);

#endif
