/* docker_rig: a docker backend on a real dockerd behind a proxy that counts requests and breaks them, for programs that show what
 * only this backend does. Set-up and tear-down of cmocka's tests; state is a struct rig. Whatever fails ends the test. */
#ifndef RECONCLAW_TESTS_LIB_DOCKER_RIG_H
#define RECONCLAW_TESTS_LIB_DOCKER_RIG_H

#include "backends/docker.h"
#include "backends/engine_http.h"
#include "tests/lib/engine.h"
#include "tests/lib/engine_proxy.h"

#define RIG_PREFIX  "de-" /* of every runtime's name: what carries it is gone after the test */
#define RIG_INSTALL "0123456789abcdef"

struct rig {
    struct test_engine *engine;
    struct engine_proxy *proxy;
    struct engine *en; /* around the proxy */
    struct backend *b;
    struct arena *a;
    struct err e;
    char dir[64], sock[80], address[96];
};

#define must(f, what)                                                                                                            \
    do {                                                                                                                         \
        if ((what) < 0)                                                                                                          \
            fail_msg("%s: %s: %s", #what, err_class_name((f)->e.class), (f)->e.msg);                                             \
    } while (0)

/* Of a group: one engine for all of its tests. */
int rig_start(void **state);
int rig_stop(void **state);
/* Of a test; _own: on an engine of its own, which it may kill and restart. */
int rig_set_up(void **state);
int rig_set_up_own(void **state);
int rig_tear_down(void **state);

#define with(name, f) ((struct CMUnitTest){name, f, rig_set_up, rig_tear_down, NULL})
#define own(name, f)  ((struct CMUnitTest){name, f, rig_set_up_own, rig_tear_down, NULL})

struct call rig_call(int timeout_ms);
int64_t rig_wall_ms(void);
/* Around the proxy: behind the backend's back. */
void rig_request(struct rig *f, const char *method, const char *path, const char *body);

struct node *rig_parse(struct rig *f, const char *json);
/* With this create body, under RIG_PREFIX<name>; checked. */
struct desired *rig_desire(struct rig *f, const char *name, enum runtime_kind kind, struct node *create);
/* One that sleeps, with a limit and a variable. */
struct desired *rig_simple(struct rig *f, const char *name);
int rig_create(struct rig *f, const struct desired *d, struct act_result *ret);
const char *rig_made(struct rig *f, const struct desired *d); /* the id of what must come to be */
struct observation rig_observe(struct rig *f, const struct desired *d, size_t n, const char *memo);
const struct observed *rig_find(const struct observation *o, const char *name); /* or NULL */
void rig_assert_fields(struct rig *f, const char *what, struct fields want, struct fields got);

#endif
