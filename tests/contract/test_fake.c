/* The contract on the fake: what simulations rely on is what real endpoints do. */
#include "backends/fake.h"
#include "tests/lib/fake_peer.h"

#define ENDPOINT "fake:contract"

static void conf(void *ctx, struct arena *a, struct backend_conf *ret)
{
    *ret = (struct backend_conf){.endpoint = ENDPOINT, .address = "contract"};
}

int main(void)
{
    return contract_run(fake_peer_contract(&fake_ops, ENDPOINT, conf));
}
