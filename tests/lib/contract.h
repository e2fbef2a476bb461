/* contract: one list of tests that every backend passes before it is in the table: each sentence of backends/backend.h.
 *
 * A backend's program (tests/contract/test_<backend>.c) fills a struct contract and returns contract_run(&it). A test whose
 * means the backend does not have (a NULL below) is not in its list; what must be there is said at each member. Runtimes get
 * names of their own per test, and clean() takes them away after it, so that a slow peer is started once. */
#ifndef RECONCLAW_TESTS_LIB_CONTRACT_H
#define RECONCLAW_TESTS_LIB_CONTRACT_H

#include "backends/backend.h"

/* Bits of `lacks`: what this backend has no way to show. Each leaves out the tests that need it, and nothing else. */
enum {
    CONTRACT_NO_IMAGES = 1,     /* there are no images */
    CONTRACT_NO_SETUP_MARK = 2, /* cannot tell whether the setup of what exists went well */
    CONTRACT_NO_PATCH = 4,      /* nothing can be changed in place */
    CONTRACT_NO_SECRET = 8,     /* takes no environment */
};

struct contract {
    const struct backend_ops *ops;
    const char *prefix; /* of runtime names: "ct-" */
    unsigned lacks;
    int timeout_ms; /* generous, for one call that goes well; 0: 20000 */

    /* The peer, once per program. start: NULL means failure. */
    void *(*start)(void);
    void (*stop)(void *ctx);
    /* After each test: faults off, peer up, every runtime whose name begins with prefix gone. */
    void (*clean)(void *ctx);

    /* A new handle for the same endpoint, install "0123456789abcdef". Fails the test where it cannot. */
    struct backend *(*open)(void *ctx);

    /* A valid spec for this name: endpoint, name, kind, owner "Sandbox/<name>", install, want running, backend_id, image,
     * config_hash (from `create`), create; fields are filled by the suite from check(). Variant 0 and 1 differ in one field of
     * class recreate, 0 and 2 in one of class patch (CONTRACT_NO_PATCH: not asked for). Variant 3 is 0 with the environment
     * variable CONTRACT_SECRET, a secret (node.secret) of the value CONTRACT_SECRET_VALUE. */
    struct desired *(*desire)(void *ctx, struct arena *a, const char *name, unsigned variant);
    /* Spoils `create` with something that this backend refuses, and returns the key that the message must begin with. */
    const char *(*spoil)(void *ctx, struct arena *a, struct desired *d);

    /* Behind the backend's back. Each makes the test fail where it cannot. */
    void (*drift)(void *ctx, const char *name, const char *id);  /* changes one compared field; NULL: impossible here */
    void (*vanish)(void *ctx, const char *name, const char *id); /* the runtime is gone, wholly */
    void (*die)(void *ctx, const char *name, const char *id);    /* it ended by itself */
    void (*foreign)(void *ctx, const char *name);                /* something that is not ours, under this name */
    bool (*foreign_intact)(void *ctx, const char *name);         /* and it is still there, running as it was */
    /* The endpoint does not answer: refuses (down) or takes requests and stays silent (hang). Off again with false. down is
     * required; hang NULL: the backend has no other side that could be silent. */
    void (*down)(void *ctx, bool on);
    void (*hang)(void *ctx, bool on);

    const char *image, *image_missing; /* references; image is the one desire() uses */
    /* Makes the reference lead to another id. NULL: not tried. */
    void (*retag)(void *ctx, const char *ref);
};

#define CONTRACT_INSTALL      "0123456789abcdef"
#define CONTRACT_SECRET_VALUE "canary-5f1c9e77-do-not-show"

/* Runs all, TAP or cmocka's own output as the environment says; the number of failures. */
int contract_run(const struct contract *k);

#endif
