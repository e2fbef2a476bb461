/* proc: one command, run to its end. An argv array (never a shell), no terminal, a session of its own, stdin from /dev/null or
 * given bytes, output capped, a deadline, the environment as given. Secrets go to it by descriptor, never by argv.
 *
 * What a timeout or cancel leaves behind: the command's whole process group is killed and the command reaped; what it had done by
 * then is unknown. A grandchild that left the group and holds the pipes open does not keep the call waiting. */
#ifndef RECONCLAW_BACKENDS_PROC_H
#define RECONCLAW_BACKENDS_PROC_H

#include "backends/backend.h"

#include <stddef.h>

/* Bytes the command finds when it reads descriptor `fd` (3 or above): in memory only, gone with the command. */
struct proc_bytes {
    int fd;
    const void *bytes;
    size_t n;
};

struct proc_req {
    const char *const *argv; /* NULL-terminated; argv[0] absolute */
    const char *const *env;  /* "NAME=VALUE"..., NULL-terminated; NULL: PROC_PATH and C.UTF-8 only */
    const char *workdir;     /* NULL: "/" */
    const void *input;       /* on stdin; NULL: /dev/null */
    size_t n_input;
    const struct proc_bytes *fds;
    size_t n_fds;
    size_t max_output; /* of each stream; the rest is read and dropped; 0: LIMIT_OUTPUT_BYTES */
};

struct proc_result {
    int status;            /* exit status, or 128 + signal */
    const char *out, *err; /* NUL-terminated, in the arena */
    size_t n_out, n_err;
    bool out_cut, err_cut; /* there was more than the cap: a listing cut like this is no listing */
};

#define PROC_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* 0 whenever the command ran to its end, whatever its status. ERR_NOT_FOUND: there is no such command. */
int proc_run(struct arena *a, const struct proc_req *req, const struct call *c, struct proc_result *ret, struct err *e);

/* The absolute path of an executable file of this name on PROC_PATH, or NULL. */
const char *proc_find(struct arena *a, const char *name);

/* A sealed descriptor (close-on-exec, at position 0) that holds the bytes. -1 with e. */
int proc_memfd(const char *name, const void *bytes, size_t n, struct err *e);

#endif
