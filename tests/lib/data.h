/* data: OpenClaw configs of tests, from text to what the product goes on with. */
#ifndef RECONCLAW_TESTS_LIB_DATA_H
#define RECONCLAW_TESTS_LIB_DATA_H

#include "spec/diag.h"
#include "spec/node.h"
#include "spec/openclaw/names.h"

/* JSON5 as it stands, with the positions of a file named "openclaw.json"; the test fails where it is none. */
struct node *data_json5(struct arena *a, const char *text);
/* Loaded, checked and normalised as the product does it, from <state_dir>/openclaw.json. env: object of strings, or NULL. NULL
 * where it is refused, with the errors in d. */
struct node *data_config(struct arena *a, const char *text, const struct node *env, const struct oc_places *places,
                         struct diags *d);

/* The member must be there, and of that kind. */
struct node *data_get(const struct node *object, const char *key, enum node_kind kind);
const char *data_str(const struct node *object, const char *key);

#endif
