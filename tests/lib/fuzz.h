/* fuzz: what every fuzz target asserts of the trees it gets. */
#ifndef RECONCLAW_TESTS_LIB_FUZZ_H
#define RECONCLAW_TESTS_LIB_FUZZ_H

#include "spec/diag.h"
#include "spec/node.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stays in every build mode, unlike assert(). */
#define FUZZ_ASSERT(condition)                                                                                                   \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

/* The tree is whole (kinds, terminators, lengths, positions in `file` where it is not NULL, depth), its JSON is JSON, and read
 * again gives an equal tree and the same bytes; NaN and the infinities, which JSON does not have, as null. */
void fuzz_check_tree(struct arena *a, const struct node *root, const char *file);
/* Errors exactly where the reader failed, each in `file` (if not NULL) and with a message. */
void fuzz_check_diags(const struct diags *d, int failed, const char *file);

#endif
