/* engine_contract: what tests/lib/contract.h asks of a backend's program, for the docker driver in front of a real engine, behind
 * a proxy that can be silent or gone. One binding for every engine that speaks the Engine API. */
#ifndef RECONCLAW_TESTS_LIB_ENGINE_CONTRACT_H
#define RECONCLAW_TESTS_LIB_ENGINE_CONTRACT_H

#include "tests/lib/engine.h"

/* start_engine is called once; what it gives is released at the end. The number of failures. */
int engine_contract_run(struct test_engine *(*start_engine)(void));

#endif
