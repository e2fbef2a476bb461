/* rows: one line for each runtime that is recorded, shown or wanted, all three worlds side by side: for `list`, and to find a
 * runtime by the name a person gives it. */
#ifndef RECONCLAW_RECONCILER_ROWS_H
#define RECONCLAW_RECONCILER_ROWS_H

#include "reconciler/round.h"

#include <stdbool.h>
#include <stddef.h>

struct row {
    const char *endpoint, *name;
    enum runtime_kind kind;
    const struct desired *want;
    const struct record *rec;
    const struct observed *obs;
    const struct act *act; /* what the plan does about it; NULL: nothing */
    bool known;            /* its endpoint could be read */
};

/* Sorted by endpoint, name and kind. Foreign runtimes are left out. */
struct row *rows_make(struct arena *a, const struct round *r, size_t *ret_n);
/* Whether `name` means this row: the runtime's name, or its Sandbox's. */
bool row_is_called(const struct row *row, const char *name);

#endif
