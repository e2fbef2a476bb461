/* diag: what is wrong with the input, all of it at once. Readers and decoders add; the command line sorts and prints
 *
 *     file:line:col: key.path: message
 *
 * A warning never stops a load. Values that may be secret do not belong in a message. */
#ifndef RECONCLAW_SPEC_DIAG_H
#define RECONCLAW_SPEC_DIAG_H

#include "spec/base/arena.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag {
    enum diag_level level;
    struct pos pos;
    const char *key; /* "agents.list[0].sandbox.mode", or "" for the whole file */
    const char *msg;
};

struct diags {
    struct arena *arena; /* of the caller; holds the texts */
    struct diag *v;
    size_t n, cap;
    size_t n_errors;
    bool truncated; /* LIMIT_DIAGS was reached: later ones are counted, not kept */
};

void diag_add(struct diags *d, enum diag_level level, struct pos pos, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
#define diag_error(d, pos, key, ...)   diag_add((d), DIAG_ERROR, (pos), (key), __VA_ARGS__)
#define diag_warning(d, pos, key, ...) diag_add((d), DIAG_WARNING, (pos), (key), __VA_ARGS__)
/* By file (in order of first appearance), line, column, then order of addition. Equal ones are dropped. */
void diags_sort(struct diags *d);
/* One line, escaped, without the newline. Parts that are not known are left out with their colon. */
void diag_format(struct buf *b, const struct diag *d);

/* "a.b[2].c": keys that are no plain identifiers are written ["x y"]. */
char *diag_key(struct arena *a, const char *parent, const char *key);
char *diag_index(struct arena *a, const char *parent, size_t i);

#endif
