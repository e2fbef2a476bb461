/* box: sandboxes of bubblewrap in a state directory of a test's own, with one directory to work on. Set-up and tear-down of
 * cmocka's tests: state is a struct box, and what was made in it is gone at its end. Whatever fails ends the test. */
#ifndef RECONCLAW_TESTS_LIB_BOX_H
#define RECONCLAW_TESTS_LIB_BOX_H

#include "backends/backend.h"
#include "backends/bwrap_store.h"

#define BOX_INSTALL "0123456789abcdef"

struct box {
    struct arena *a;
    struct backend *b;
    char *top, state[96], work[96], store_dir[128];
    struct bwrap_store store;
    struct err e;
};

#define must(x, call_)                                                                                                           \
    do {                                                                                                                         \
        if ((call_) < 0)                                                                                                         \
            fail_msg("%s: %s: %s", #call_, err_class_name((x)->e.class), (x)->e.msg);                                            \
    } while (0)

int box_setup(void **state);
int box_teardown(void **state);

extern const struct call box_call;

/* json: the create object, with %W for the directory to work on. */
struct desired *box_desire(struct box *x, const char *name, const char *json);
#define PLAIN "{\"workspaces\":[{\"path\":\"%W\",\"target\":\"/workspace\",\"readOnly\":false}],\"workdir\":\"/workspace\"}"

struct observation box_observe(struct box *x);
int box_act(struct box *x, enum step s, const struct desired *d, const char *name, const char *id, struct act_result *ret);
const char *box_make(struct box *x, const struct desired *d); /* the id of what must come to be */
struct bwrap_record box_record(struct box *x, const char *name);
enum run_state box_state_of(struct box *x, const char *id);
/* Runs the script inside; its output, small, in the arena. */
const char *box_inside(struct box *x, const char *name, const char *id, const char *script, int *ret_status);

#endif
