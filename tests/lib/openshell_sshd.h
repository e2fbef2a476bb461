/* openshell_sshd: the ssh server inside a sandbox of the stand-in, as the real one is: on one connection that somebody has let in
 * already, so that it asks for no key; a host key of its own each time; commands by the login shell, with or without a terminal.
 * Several at a time, as many as the client opens channels. */
#ifndef RECONCLAW_TESTS_LIB_OPENSHELL_SSHD_H
#define RECONCLAW_TESTS_LIB_OPENSHELL_SSHD_H

#include <stdbool.h>

/* The argv of a command in the sandbox. */
typedef char **(*openshell_sshd_argv_fn)(void *ctx, const char *command);

/* Until the client hangs up; then nothing that it started runs any more. -1: it could not be begun. fd: a socket. */
int openshell_sshd_serve(int fd, openshell_sshd_argv_fn argv_of, void *ctx);

#endif
