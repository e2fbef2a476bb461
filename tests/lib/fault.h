/* fault: what can happen to a program between two steps of its work on files: the n-th step fails, or the process ends there. A
 * test walks n upwards until `seen` stays below it: then every step has had its turn.
 *
 *     struct fault fault = {.at = at, .sys = ENOSPC};
 *     struct file_hook hook = {fault_step, &fault};
 */
#ifndef RECONCLAW_TESTS_LIB_FAULT_H
#define RECONCLAW_TESTS_LIB_FAULT_H

#include <stdbool.h>

enum { FAULT_EXIT_STATUS = 7 };

struct fault {
    int at;   /* the step, from 1; 0: none */
    int seen; /* steps so far */
    int sys;  /* the errno it fails with */
    bool die; /* instead: _exit(FAULT_EXIT_STATUS), as a crash would */
};

/* For struct file_hook; ctx is a struct fault. */
int fault_step(void *ctx, const char *what);

#endif
