/* contract: one list of tests that every backend passes before it is in the table: each sentence of backends/backend.h.
 *
 * A backend is put under it by its binding: one struct contract, which says all that the suite cannot know of it, and a program
 * tests/contract/test_<backend>.c that returns contract_run(&it). What every backend has alike (handles, what is wanted besides
 * `create`, names, hashes, cleaning up) is the suite's. Runtimes get names of their own per test, so that a slow peer is started
 * once. Every function of a binding makes the test fail where it cannot do what it is for. */
#ifndef RECONCLAW_TESTS_LIB_CONTRACT_H
#define RECONCLAW_TESTS_LIB_CONTRACT_H

#include "backends/backend.h"

#define CONTRACT_PREFIX        "ct-" /* every name that the suite gives begins so */
#define CONTRACT_INSTALL       "0123456789abcdef"
#define CONTRACT_OTHER_INSTALL "eeeeeeeeeeeeeeee" /* whose runtimes are foreign to ours */
#define CONTRACT_SECRET        "CONTRACT_SECRET"
#define CONTRACT_SECRET_VALUE  "canary-5f1c9e77-do-not-show"

/* Bits of `lacks`: what this backend has no way to show. Each leaves out the tests that need it, and nothing else. */
enum {
    CONTRACT_NO_IMAGES = 1,     /* there are no images */
    CONTRACT_NO_SETUP_MARK = 2, /* cannot tell whether the setup of what exists went well */
    CONTRACT_NO_PATCH = 4,      /* nothing can be changed in place */
    CONTRACT_NO_SECRET = 8,     /* takes no environment */
    CONTRACT_NO_STOP = 16,      /* what is there runs: nothing is stopped or started */
    CONTRACT_NO_BUSY = 32,      /* what others do inside is not shown: busy_known is false */
};

/* What is wanted of a runtime; each but the first differs from CONTRACT_BASE in one thing. */
enum contract_variant {
    CONTRACT_BASE,
    CONTRACT_OTHER,      /* one field of class recreate */
    CONTRACT_PATCHED,    /* one field of class patch; not asked for with CONTRACT_NO_PATCH */
    CONTRACT_WITH_SECRET /* the environment variable CONTRACT_SECRET more, a contract_secret(); not with CONTRACT_NO_SECRET */
};

struct contract {
    const struct backend_ops *ops;
    unsigned lacks;
    int timeout_ms;                    /* generous, for one call that goes well; 0: 20000 */
    const char *image, *image_missing; /* references: one that is there, one that is not; NULL with CONTRACT_NO_IMAGES */

    /* The peer, once per program: what is handed to every other function as ctx. NULL means failure. */
    void *(*start)(void);
    void (*stop)(void *ctx);

    /* How its endpoint is opened: all but the install, which is the suite's. What it points to lives as long as the arena. */
    void (*conf)(void *ctx, struct arena *a, struct backend_conf *ret);
    /* Sets d->create for this variant of d->image, and whatever else this backend reads. There is already: endpoint, name, kind,
     * owner "Sandbox/<name>", install, want running, precreate, can_remake, backend_id, image. The suite adds config_hash (of
     * `create`) and the fields (from check). */
    void (*want)(void *ctx, struct arena *a, struct desired *d, enum contract_variant variant);
    /* Puts something into `create` that this backend refuses, and returns the key that the message must begin with. */
    const char *(*spoil)(struct arena *a, struct node *create);

    /* Behind the backend's back. */
    void (*vanish)(void *ctx, const char *name, const char *id); /* the runtime is gone, wholly */
    void (*die)(void *ctx, const char *name, const char *id);    /* it ended by itself */
    void (*down)(void *ctx, bool on);                            /* the endpoint refuses; off again with false, also twice */

    /* These may be NULL. */
    void (*hang)(void *ctx, bool on); /* it takes requests and stays silent; NULL: it cannot be silent */
    void (*drift)(void *ctx, const char *name, const char *id); /* changes one compared field; NULL: impossible here */
    void (*retag)(void *ctx, const char *ref);                  /* the reference leads to another id; NULL: not tried */
    /* Something that is not ours, under this name, and whether it is still there, running as it was. NULL, both: a runtime that
     * the backend itself makes for CONTRACT_OTHER_INSTALL. */
    void (*foreign)(void *ctx, const char *name);
    bool (*foreign_intact)(void *ctx, const char *name);
    /* After each test, when down and hang are off: everything under CONTRACT_PREFIX goes. NULL: the backend itself removes what
     * is of both installs. */
    void (*clean)(void *ctx);
};

/* Runs all, TAP or cmocka's own output as the environment says; the number of failures. */
int contract_run(const struct contract *k);

/* For what a program tests beyond the list. */
struct backend *contract_open(const struct contract *k, void *ctx, const char *install);
struct desired *contract_desire(const struct contract *k, void *ctx, struct arena *a, const char *name, enum contract_variant v);
/* CONTRACT_SECRET_VALUE behind `before` ("" or "CONTRACT_SECRET="), marked as secret. */
struct node *contract_secret(struct arena *a, const char *before);

#endif
