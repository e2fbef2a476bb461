/* child: work of a test in processes of their own. A child that cannot be made, or that a signal ends, fails the test. */
#ifndef RECONCLAW_TESTS_LIB_CHILD_H
#define RECONCLAW_TESTS_LIB_CHILD_H

#include <stdint.h>

/* Runs fn in a child, which ends with what it returns; that. */
int child_run(int (*fn)(void *ctx), void *ctx);
/* The same as uid and gid 65534 where we are root. */
int child_run_as_nobody(int (*fn)(void *ctx), void *ctx);
/* n at once, and each must return 0. */
void child_run_rivals(unsigned n, int (*fn)(void *ctx), void *ctx);

/* Tests once more as an ordinary user: runs `run`, a group of tests, as uid and gid 65534 and gives what it returned (at most
 * 100); 0 at once where we are no root. Outside of any test. */
int child_group_as_nobody(int (*run)(void));

int64_t child_wall_ms(void); /* the clock that processes share */

#endif
