/* The contract on podman's real API service: the same driver, the same binding. */
#include "backends/docker.h"
#include "tests/lib/engine_contract.h"

int main(void)
{
    return engine_contract_run(&podman_ops, false, test_engine_start_podman);
}
