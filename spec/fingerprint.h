/* fingerprint: the digest of a tree by its meaning: the order of keys does not count, and secrets enter it as digests of their
 * own, so that a changed one is seen and never shown. */
#ifndef RECONCLAW_SPEC_FINGERPRINT_H
#define RECONCLAW_SPEC_FINGERPRINT_H

#include "spec/node.h"

/* 64 hex digits. */
char *fingerprint_of(struct arena *a, const struct node *n);

#endif
