/* engine_proxy: stands between the program under test and an engine's unix socket: writes down every request, and breaks what it
 * is told to break. With no upstream it is a small server that answers from its faults alone.
 *
 *     struct engine_proxy *p = engine_proxy_start("/tmp/x/p.sock", test_engine_sock(en));
 *     engine_proxy_fault(p, "GET /v1.41/containers/json", FAULT_CUT, 300, NULL);
 *     ...
 *     engine_proxy_count(p, "POST ")            requests whose line has this in it, since the last engine_proxy_forget()
 *     engine_proxy_stop(p);
 *
 * Threads of its own; all calls are safe from any thread. Failing to start ends the test program. */
#ifndef RECONCLAW_TESTS_LIB_ENGINE_PROXY_H
#define RECONCLAW_TESTS_LIB_ENGINE_PROXY_H

#include <stdbool.h>
#include <stddef.h>

enum engine_fault {
    FAULT_NONE,   /* goes through: an earlier fault with the same match is taken off */
    FAULT_DELAY,  /* arg: milliseconds before the request is passed on */
    FAULT_HANG,   /* never answered */
    FAULT_CUT,    /* arg: bytes of the answer that come through before the connection is closed */
    FAULT_DROP,   /* passed on, its answer dropped: done, and nobody knows */
    FAULT_STATUS, /* arg: an HTTP status instead of the engine's answer; the request is not passed on */
    FAULT_REPLY,  /* `reply`: these bytes instead, then the connection is closed; the request is not passed on */
    FAULT_SLOW,   /* `reply`, one byte every `arg` milliseconds */
    FAULT_KEEP,   /* `reply`, and the connection stays open for the next request */
};

struct engine_proxy;

struct engine_proxy *engine_proxy_start(const char *listen_path, const char *upstream_path);
void engine_proxy_stop(struct engine_proxy *p); /* accepts NULL */

/* For requests whose line ("GET /v1.41/containers/json?all=1") has `match` in it; the last one set that matches counts. */
void engine_proxy_fault(struct engine_proxy *p, const char *match, enum engine_fault fault, long arg, const char *reply);
/* The same with a reply that may hold NULs. */
void engine_proxy_reply(struct engine_proxy *p, const char *match, enum engine_fault fault, const char *reply, size_t n);
void engine_proxy_clear(struct engine_proxy *p);
/* Nobody listens, and every connection is broken; on again with false. */
void engine_proxy_down(struct engine_proxy *p, bool down);

size_t engine_proxy_count(struct engine_proxy *p, const char *match);
/* Requests that change something: all but GET and HEAD. */
size_t engine_proxy_mutating(struct engine_proxy *p);
size_t engine_proxy_connections(struct engine_proxy *p); /* accepted since the last forget */
/* A copy of the request lines, to be freed. */
char *engine_proxy_log(struct engine_proxy *p);
void engine_proxy_forget(struct engine_proxy *p);
/* Each request line is also appended to this file, NULL: none. Faults are also read from a file before each request, lines of
 * "<fault> <arg> <match>" with the names delay hang cut drop status. For the program of the same name. */
void engine_proxy_files(struct engine_proxy *p, const char *log, const char *faults);

#endif
