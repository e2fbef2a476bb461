/* scratch: a directory of a test's own, gone at its end. Failing calls end the test. */
#ifndef RECONCLAW_TESTS_LIB_SCRATCH_H
#define RECONCLAW_TESTS_LIB_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Under $TMPDIR or /tmp, by its real path; malloc'd. What a test leaves behind goes when the process ends. */
char *scratch_make(void);
/* With all that is in it; frees the name. NULL is accepted. */
void scratch_remove(char *dir);

/* Paths below are relative to dir. Directories on the way are made. */
void scratch_write(const char *dir, const char *path, const void *bytes, size_t n, mode_t mode);
void scratch_write_text(const char *dir, const char *path, const char *text);
void scratch_symlink(const char *dir, const char *path, const char *target);
void scratch_mkdir(const char *dir, const char *path);
/* The file or the tree there goes; links are not followed. What is not there is fine. */
void scratch_clear(const char *dir, const char *path);
/* malloc'd, a NUL behind it; NULL where there is no such file. */
char *scratch_read(const char *dir, const char *path, size_t *ret_n);
bool scratch_exists(const char *dir, const char *path);
/* Names in a directory, -1 where there is none. */
int scratch_count(const char *dir, const char *path);
/* Static buffer, good for eight more calls. */
const char *scratch_path(const char *dir, const char *path);

#endif
