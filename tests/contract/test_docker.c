/* The contract on a real dockerd. */
#include "backends/docker.h"
#include "tests/lib/engine_contract.h"

int main(void)
{
    return engine_contract_run(&docker_ops, true, test_engine_acquire);
}
