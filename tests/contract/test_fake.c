/* The contract on the fake: what simulations rely on is what real endpoints do. */
#include "backends/fake.h"
#include "tests/lib/fake_peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ENDPOINT "fake:contract"

static struct backend *open_handle(void *ctx)
{
    struct backend *b = NULL;
    struct err e;

    if (fake_ops.open(&(struct backend_conf){.endpoint = ENDPOINT, .address = "contract", .install = CONTRACT_INSTALL}, &b, &e) <
        0)
        fail_msg("%s", e.msg);
    return b;
}

int main(void)
{
    return contract_run(fake_peer_contract(&fake_ops, ENDPOINT, ENDPOINT, open_handle));
}
