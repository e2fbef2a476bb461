/* nobody: the same tests once more as an ordinary user, where we are root. */
#ifndef RECONCLAW_TESTS_LIB_NOBODY_H
#define RECONCLAW_TESTS_LIB_NOBODY_H

/* Runs `run` in a child as uid and gid 65534 and gives what it returned (at most 100); 0 at once where we are no root. */
int run_as_nobody(int (*run)(void));

#endif
