/* arena: memory of one round. Everything taken from an arena lives until the arena is freed; nothing is freed alone.
 * Allocation failure aborts: caps in limits.h keep input from reaching it. Not thread-safe: one arena, one thread. */
#ifndef RECONCLAW_SPEC_BASE_ARENA_H
#define RECONCLAW_SPEC_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* accepts NULL */
void arena_freep(struct arena **a);
#define ARENA_AUTO __attribute__((cleanup(arena_freep))) struct arena *

/* Zeroed, aligned for any type. n may be 0. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, returns_nonnull));
#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc_array((a), (n), sizeof(type)))
void *arena_alloc_array(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));

char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
/* Copies n bytes, NULs included, and adds a NUL. */
char *arena_memdup0(struct arena *a, const void *p, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Bytes handed out so far, for tests and caps. */
size_t arena_used(const struct arena *a);

#endif
