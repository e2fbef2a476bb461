/* vec: growing arrays in an arena. Declare `VEC(struct act) acts;` (zero-initialised), push with VEC_PUSH, read v[0..n).
 * Growing leaves the old block in the arena (at most as much again as is in use). Pointers into v move on push. */
#ifndef RECONCLAW_SPEC_BASE_VEC_H
#define RECONCLAW_SPEC_BASE_VEC_H

#include "spec/base/arena.h"

#include <stddef.h>

#define VEC(type)                                                                                                                \
    struct {                                                                                                                     \
        type *v;                                                                                                                 \
        size_t n, cap;                                                                                                           \
    }

/* Appends one zeroed item and evaluates to a pointer to it. */
#define VEC_ADD(a, vec)                                                                                                          \
    ((void)((vec)->n == (vec)->cap ? ((vec)->v = vec_grow((a), (vec)->v, (vec)->n, &(vec)->cap, sizeof *(vec)->v)) : NULL),      \
     &(vec)->v[(vec)->n++])
#define VEC_PUSH(a, vec, item) (*VEC_ADD(a, vec) = (item))

void *vec_grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size);

#endif
