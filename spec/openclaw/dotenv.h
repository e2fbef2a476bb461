/* dotenv: reads a .env file as npm's dotenv 17 does, which OpenClaw uses. The format has no errors: what is no
 * assignment is passed over. */
#ifndef RECONCLAW_SPEC_OPENCLAW_DOTENV_H
#define RECONCLAW_SPEC_OPENCLAW_DOTENV_H

#include "spec/base/arena.h"
#include "spec/node.h"

#include <stddef.h>

/* An object of strings; of a name given twice the later value counts. Names are [A-Za-z0-9_.-]+. n is at most
 * LIMIT_DOTENV_BYTES: what lies behind that is not read. */
struct node *dotenv_read(struct arena *a, const char *bytes, size_t n);

#endif
