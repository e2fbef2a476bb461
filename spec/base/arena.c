#include "spec/base/arena.h"

#include "spec/base/vec.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *blocks; /* the newest first; only it is filled further */
    size_t used;
};

#define BLOCK_MIN ((size_t)8 << 10)
#define BLOCK_MAX ((size_t)1 << 20)

/* Zeroed: memory that comes fresh from the system is so already, and what is never used is never touched. */
static void *alloc_or_abort(size_t n)
{
    void *p = calloc(1, n);

    if (!p)
        abort();
    return p;
}

struct arena *arena_new(void)
{
    return alloc_or_abort(sizeof(struct arena));
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
    *a = NULL;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    struct block *b = a->blocks;

    if (n > SIZE_MAX / 2)
        abort();
    n = (n + align - 1) & ~(align - 1);
    if (!b || b->size - b->used < n) {
        /* Blocks grow with the arena, so that a big tree costs few mallocs and a small round little memory. */
        size_t size = a->used < BLOCK_MIN ? BLOCK_MIN : a->used > BLOCK_MAX ? BLOCK_MAX : a->used;

        if (size < n)
            size = n;
        b = alloc_or_abort(sizeof *b + size);
        b->size = size;
        /* An oversized request must not waste what is left of the current block. */
        if (a->blocks && size == n) {
            b->next = a->blocks->next;
            a->blocks->next = b;
        } else {
            b->next = a->blocks;
            a->blocks = b;
        }
    }
    void *p = b->data + b->used;
    b->used += n;
    a->used += n;
    return p;
}

void *arena_alloc_array(struct arena *a, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        abort();
    return arena_alloc(a, total);
}

char *arena_memdup0(struct arena *a, const void *p, size_t n)
{
    char *s = arena_alloc(a, n + 1);

    if (n > 0)
        memcpy(s, p, n);
    return s;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_memdup0(a, s, strlen(s)) : NULL;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    struct block *b = a->blocks;
    size_t room = b ? b->size - b->used : 0;
    char *at = room > 0 ? (char *)b->data + b->used : NULL;
    va_list again;

    /* Into what is left of the block: mostly it fits, and is formatted once. */
    va_copy(again, ap);
    int n = vsnprintf(at, room, fmt, ap);
    if (n < 0)
        abort();
    char *s = arena_alloc(a, (size_t)n + 1);
    if (s != at) {
        (void)vsnprintf(s, (size_t)n + 1, fmt, again);
        if (room > 0)
            memset(at, 0, room); /* what is handed out later is zeroed */
    }
    va_end(again);
    return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

void *vec_grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
    /* Most lists of big items are short: the members of an object, above all. */
    size_t bigger = *cap ? *cap * 2 : size > sizeof(void *) ? 4 : 8;
    void *p = arena_alloc_array(a, bigger, size);

    if (n > 0)
        memcpy(p, v, n * size);
    *cap = bigger;
    return p;
}
