/* yaml: reads YAML 1.2 documents into the same trees as JSON. libyaml does the syntax; the rules on top are ours, and
 * strict, so that a spec means what it looks like:
 *
 * - plain scalars follow the core schema: true/false, null/~/nothing, decimal, 0o and 0x integers, floats, .inf, .nan.
 *   "no", "yes", "on", "off", dates and "1_000" are texts. What stands in quotes is a text.
 * - refused, each at its position: tags (and %TAG), merge keys (<<), a key given twice, a key that is no text, an alias
 *   of something not finished yet, an integer that a double cannot hold, anchors on keys.
 * - an alias gives a copy of what it names; all aliases together may add LIMIT_YAML_ALIAS_NODES values per file. */
#ifndef RECONCLAW_SPEC_READ_YAML_H
#define RECONCLAW_SPEC_READ_YAML_H

#include "spec/base/arena.h"
#include "spec/diag.h"
#include "spec/node.h"

#include <stddef.h>

/* The documents of a file in their order; those without any content are left out. */
struct yaml_docs {
    struct node **v;
    size_t n;
};

/* -1 after adding at least one error; ret is untouched then. As many errors as can be told apart are added, syntax errors
 * end the reading. Caps: LIMIT_DOC_BYTES, LIMIT_DOC_DEPTH, LIMIT_DOC_NODES (of all documents of the file together). */
int yaml_read(struct arena *a, const char *file, const char *bytes, size_t n, struct diags *d, struct yaml_docs *ret);

#endif
