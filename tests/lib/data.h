/* data: files of the repository as tests read them; tests run from its root. Any failure ends the test program with a word why.
 */
#ifndef RECONCLAW_TESTS_LIB_DATA_H
#define RECONCLAW_TESTS_LIB_DATA_H

#include "spec/node.h"

#include <stddef.h>

/* The whole file, with a NUL behind it. */
char *data_read(struct arena *a, const char *path, size_t *ret_n);
/* A JSON file as a tree: data_json(a, "tests/vectors/resolve.json"). */
struct node *data_json(struct arena *a, const char *path);
/* JSON5 text as a tree, with the positions of a file named "openclaw.json". */
struct node *data_json5(struct arena *a, const char *text);

/* The member must be there, and of that kind. */
struct node *data_get(const struct node *object, const char *key, enum node_kind kind);
const char *data_str(const struct node *object, const char *key);

#endif
