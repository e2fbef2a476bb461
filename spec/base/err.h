/* err: the one error convention of the whole code.
 *
 * A function that can fail returns 0 or -1 and takes a caller-owned `struct err *` as its last argument (never NULL). On
 * -1 the err is filled and every ret_ output is untouched. On 0 the err is untouched. A look-up that finds nothing
 * returns NULL and is no error. The class decides retry, exit code and log level; the message says what we tried, on
 * what, and what came back. Each layer wraps once, with what it alone knows:
 *
 *     creating sandbox 'a': POST /containers/create: 409: name in use
 */
#ifndef RECONCLAW_SPEC_BASE_ERR_H
#define RECONCLAW_SPEC_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

enum err_class {
    ERR_NONE,        /* no error; the value of a zeroed struct err */
    ERR_USAGE,       /* the command line is wrong: exit 64 */
    ERR_CONFIG,      /* a config or spec is wrong: exit 78, never retried */
    ERR_INPUT,       /* outside bytes do not decode (a shard, an engine reply): never retried as is */
    ERR_NOT_FOUND,   /* the other side says, in so many words, that it does not exist */
    ERR_CONFLICT,    /* exists already, or changed under us (compare-and-swap): look again */
    ERR_BUSY,        /* in use, locked: later */
    ERR_REFUSED,     /* a guard or the other side's policy says no: exit 3 */
    ERR_UNSUPPORTED, /* this backend or engine cannot do it */
    ERR_TIMEOUT,     /* no answer in time: the outcome is unknown */
    ERR_UNAVAILABLE, /* endpoint not reachable: its state is unknown; retried */
    ERR_IO,          /* the local system failed (disk full, permission) */
    ERR_CANCELLED,   /* we were told to stop */
    ERR_INTERNAL,    /* the other side failed by its own word (HTTP 500): retried with backoff */
    ERR_CLASS_COUNT
};

struct err {
    enum err_class class;
    int sys; /* errno, HTTP status or exit status that caused it; 0 where there is none */
    char msg[1024];
};

/* Always returns -1, so that `return err_set(...)` reads well. A message that is too long ends in "...". Control characters
 * are made harmless, since messages carry outside bytes. */
int err_set(struct err *e, enum err_class class, int sys, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* As err_set, and appends ": " and strerror(sys). */
int err_sys(struct err *e, enum err_class class, int sys, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Puts "<text>: " before the message, keeps class and sys. Always returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Compilers and analysers see only one file at a time: this tells each caller that the value is -1. */
static inline int err_minus_one(void)
{
    return -1;
}
#define err_set(...)  ((void)err_set(__VA_ARGS__), err_minus_one())
#define err_sys(...)  ((void)err_sys(__VA_ARGS__), err_minus_one())
#define err_wrap(...) ((void)err_wrap(__VA_ARGS__), err_minus_one())

/* "config", "unavailable"...: the stable word used in JSON output and the journal. */
const char *err_class_name(enum err_class class);
/* The class for a failed system call: ENOENT -> not found, EACCES -> io, ETIMEDOUT -> timeout, ... */
enum err_class err_class_of_errno(int sys);
/* Whether trying the same again may work: timeout, unavailable, internal, busy, conflict. */
bool err_is_transient(enum err_class class);
/* sysexits and design's codes: 64 usage, 78 config, 3 refused, else 1; ERR_NONE -> 0. */
int err_exit_code(enum err_class class);

#endif
