/* json5: reads JSON5 exactly as npm's json5 2.2.3 does, which OpenClaw 2026.5.3 reads its config with: the same texts are
 * accepted, with the same values, and refused at the same character. Positions count lines by LF and columns by code point.
 *
 * As there: bytes that are no UTF-8 read as U+FFFD (warned of once); a key given twice takes the later value (warned of);
 * lone surrogates are kept, in three-byte form; a BOM is white space; "__proto__" is a key like any other. */
#ifndef RECONCLAW_SPEC_READ_JSON5_H
#define RECONCLAW_SPEC_READ_JSON5_H

#include "spec/base/arena.h"
#include "spec/diag.h"
#include "spec/node.h"

#include <stddef.h>

/* NULL after adding one error. Caps: LIMIT_DOC_BYTES, LIMIT_DOC_DEPTH, LIMIT_DOC_NODES. */
struct node *json5_read(struct arena *a, const char *file, const char *bytes, size_t n, struct diags *d);

#endif
