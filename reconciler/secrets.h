/* secrets: where the values of `fromEnv` and `fromFile` come from: this process's environment and the local file system. */
#ifndef RECONCLAW_RECONCILER_SECRETS_H
#define RECONCLAW_RECONCILER_SECRETS_H

#include "reconciler/host.h"
#include "spec/kinds_desired.h"

/* The host outlives it. */
struct secret_source secrets_of(const struct host *host);

#endif
