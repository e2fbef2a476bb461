/* tmpdir: a directory of the test's own. A test that cannot have it ends with a message: a skip would count as a pass. */
#ifndef RECONCLAW_TESTS_LIB_TMPDIR_H
#define RECONCLAW_TESTS_LIB_TMPDIR_H

#include "spec/base/arena.h"

#include <stddef.h>

/* Its real path, below $TMPDIR. It is removed with all that is in it when the process ends. */
char *tmpdir_new(struct arena *a);
/* Removes a tree; links are not followed. What is not there is fine. */
void tmpdir_remove(const char *path);
/* dir/rel, with the directories on the way. */
void tmpdir_write(const char *dir, const char *rel, const char *bytes, size_t n);
void tmpdir_puts(const char *dir, const char *rel, const char *text);
void tmpdir_symlink(const char *dir, const char *rel, const char *target);
char *tmpdir_path(struct arena *a, const char *dir, const char *rel);
/* The whole of a file of the repository or of a test; NUL-terminated. */
char *tmpdir_slurp(struct arena *a, const char *path, size_t *ret_n);

#endif
