/* vectors: golden cases as trees. Tests run from the repository root. Whatever cannot be read fails the test. */
#ifndef RECONCLAW_TESTS_LIB_VECTORS_H
#define RECONCLAW_TESTS_LIB_VECTORS_H

#include "spec/base/arena.h"
#include "spec/node.h"

/* tests/vectors/<name>.json, an array. */
struct node *vectors_load(struct arena *a, const char *name);
/* Any JSON file. */
struct node *vectors_read(struct arena *a, const char *path);
/* A JSON5 text that the test itself holds. */
struct node *vectors_json(struct arena *a, const char *text);
/* The whole of a file. */
char *vectors_bytes(struct arena *a, const char *path, size_t *ret_n);

#endif
