/* The contract on a real dockerd. */
#include "tests/lib/engine_contract.h"

int main(void)
{
    return engine_contract_run(test_engine_acquire);
}
