/* trees: random directories of files, and memory as the two ends of a stream, for tests of what copies trees. Failing calls end
 * the test. */
#ifndef RECONCLAW_TESTS_LIB_TREES_H
#define RECONCLAW_TESTS_LIB_TREES_H

#include "backends/tree.h"

/* About n entries below the existing directory, from the seed alone: names of any bytes and lengths, empty files and some of
 * several chunks, modes, hard links, links that stay inside (dangling ones too). */
void trees_make(const char *dir, uint64_t seed, unsigned n);

/* A small and good generator; *state must not be 0 at first. */
uint64_t trees_random(uint64_t *state);

struct trees_memory {
    char *s; /* malloc'd; trees_memory_free() */
    size_t n;
    size_t at;       /* where reading is */
    size_t fail_at;  /* if > 0: the write or read that passes this many bytes fails with ERR_UNAVAILABLE */
    size_t max_read; /* if > 0: bytes per read */
    void (*on_write)(void *ctx, size_t n_before); /* may be NULL; before each write */
    void *ctx;
};
struct tree_sink trees_sink(struct trees_memory *m);
struct tree_stream trees_stream(struct trees_memory *m);
void trees_memory_free(struct trees_memory *m);

/* Runs `tar -xf -` (GNU's, or busybox's) in the directory dir with these bytes as its input. Its exit status. */
int trees_extract(const char *tar, const char *dir, const struct trees_memory *m);
/* `tar -cf - OPTION -C dir .` into m. */
void trees_create(const char *tar, const char *option, const char *dir, struct trees_memory *m);

/* The manifest of a directory as it is now. */
struct manifest trees_manifest(struct arena *a, const char *dir);
/* Fails the test with the differences. */
void trees_assert_equal(const struct manifest *want, const struct manifest *got, const char *what);

#endif
