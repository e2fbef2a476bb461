/* fake_peer: the contract's other side where a world of the fake is what exists: for the fake itself, and for what stands around
 * it. */
#ifndef RECONCLAW_TESTS_LIB_FAKE_PEER_H
#define RECONCLAW_TESTS_LIB_FAKE_PEER_H

#include "tests/lib/contract.h"

/* One at a time, static. world: the fake endpoint whose world it is ("fake:x"); conf: as in struct contract, but its ctx may be
 * NULL. The contract's ctx is a struct fake_world. */
const struct contract *fake_peer_contract(const struct backend_ops *ops, const char *world,
                                          void (*conf)(void *ctx, struct arena *a, struct backend_conf *ret));

#endif
