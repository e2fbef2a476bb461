/* json: strict JSON (RFC 8259). jansson decides what is JSON; the tree with its positions is then read by the JSON5 reader,
 * of whose language JSON is a part.
 *
 * As JSON.parse, and unlike jansson alone: \u0000 and lone surrogates (in three-byte form) are values; whole numbers are
 * doubles; of a key given twice the later value counts. Refused although JSON.parse takes them: a number beyond the range
 * of a double, and a key that holds \u0000. A BOM, comments, NaN, trailing commas and text behind the value are no JSON. */
#ifndef RECONCLAW_SPEC_READ_JSON_H
#define RECONCLAW_SPEC_READ_JSON_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/diag.h"
#include "spec/node.h"

#include <stddef.h>

/* NULL after adding an error. Caps: LIMIT_DOC_BYTES, LIMIT_DOC_DEPTH, LIMIT_DOC_NODES. */
struct node *json_read(struct arena *a, const char *file, const char *bytes, size_t n, struct diags *d);

/* For callers without diagnostics. NULL and ERR_INPUT; `what` ("reply of GET /info") begins the message. */
struct node *json_read_err(struct arena *a, const char *what, const char *bytes, size_t n, struct err *e);

#endif
