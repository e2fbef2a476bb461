/* engine_contract: what tests/lib/contract.h asks of a backend's program, for the docker driver in front of a real engine, behind
 * a proxy that can be silent or gone. One binding for every engine that speaks the Engine API. */
#ifndef RECONCLAW_TESTS_LIB_ENGINE_CONTRACT_H
#define RECONCLAW_TESTS_LIB_ENGINE_CONTRACT_H

#include "backends/backend.h"
#include "tests/lib/engine.h"

/* ops: of the endpoint that is driven. updates: whether the engine changes limits in place. start_engine is called once; what it
 * gives is released at the end. The number of failures. */
int engine_contract_run(const struct backend_ops *ops, bool updates, struct test_engine *(*start_engine)(void));

#endif
