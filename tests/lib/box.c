#include "tests/lib/box.h"

#include "tests/lib/scratch.h"

#include "backends/bubblewrap.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "spec/read/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct call box_call = {.timeout_ms = 20000};

int box_setup(void **state)
{
    struct box *x = calloc(1, sizeof *x);

    x->top = scratch_make();
    snprintf(x->state, sizeof x->state, "%s/state", x->top);
    snprintf(x->work, sizeof x->work, "%s/work", x->top);
    snprintf(x->store_dir, sizeof x->store_dir, "%s/bubblewrap", x->state);
    x->store = (struct bwrap_store){.dir = x->store_dir, .parent = x->state};
    x->a = arena_new();
    *state = x;
    if (mkdir(x->state, 0700) < 0 || mkdir(x->work, 0700) < 0)
        return -1;
    return bubblewrap_ops.open(&(struct backend_conf){.endpoint = "bubblewrap", .state_dir = x->state, .install = BOX_INSTALL},
                               &x->b, &x->e);
}

struct observation box_observe(struct box *x)
{
    struct observe_req req = {0};
    struct observation o = {0};

    must(x, bubblewrap_ops.observe(x->b, x->a, &req, &box_call, &o, &x->e));
    return o;
}

int box_act(struct box *x, enum step s, const struct desired *d, const char *name, const char *id, struct act_result *ret)
{
    struct backend_act act = {.step = s, .want = d, .name = name, .id = id, .created_at_ms = 1700000000000};

    return bubblewrap_ops.apply(x->b, x->a, &act, &box_call, ret, &x->e);
}

int box_teardown(void **state)
{
    struct box *x = *state;
    struct act_result r;
    struct observation o = box_observe(x);

    for (size_t i = 0; i < o.n; i++)
        if (o.v[i].id[0] != '\0')
            box_act(x, STEP_REMOVE, NULL, o.v[i].name, o.v[i].id, &r);
    bubblewrap_ops.close(x->b);
    arena_free(x->a);
    scratch_remove(x->top);
    free(x);
    return 0;
}

/* json: the create object, with %W for the workspace's directory. */
struct desired *box_desire(struct box *x, const char *name, const char *json)
{
    struct desired *d = ARENA_NEW(x->a, struct desired);
    BUF_AUTO text = BUF_INIT(65536);

    for (const char *p = json; *p != '\0'; p++)
        if (p[0] == '%' && p[1] == 'W') {
            buf_puts(&text, x->work);
            p++;
        } else {
            buf_putc(&text, *p);
        }
    *d = (struct desired){.endpoint = "bubblewrap",
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = arena_printf(x->a, "Sandbox/%s", name),
                          .install = BOX_INSTALL,
                          .want = WANT_RUNNING,
                          .config_hash = digest_sha256(x->a, buf_str(&text), text.n),
                          .create = json_read_err(x->a, "create", buf_str(&text), text.n, &x->e)};
    if (d->create == NULL)
        fail_msg("%s", x->e.msg);
    return d;
}

const char *box_make(struct box *x, const struct desired *d)
{
    struct act_result r = {0};

    must(x, box_act(x, STEP_CREATE, d, d->name, NULL, &r));
    return r.id;
}

struct bwrap_record box_record(struct box *x, const char *name)
{
    struct bwrap_record r;

    must(x, bwrap_store_read(&x->store, x->a, name, &r, &x->e));
    return r;
}

/* Runs the script inside; its output, small, in the arena. */
const char *box_inside(struct box *x, const char *name, const char *id, const char *script, int *ret_status)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    char *text = arena_alloc(x->a, 65536);
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    must(x, bubblewrap_ops.exec(
                x->b, &(struct exec_req){.name = name, .id = id, .argv = argv, .fd_in = -1, .fd_out = ends[1], .fd_err = ends[1]},
                &box_call, ret_status, &x->e));
    close(ends[1]);
    for (ssize_t n, at = 0; (n = read(ends[0], text + at, (size_t)(65535 - at))) > 0; at += n)
        ;
    close(ends[0]);
    return text;
}

enum run_state box_state_of(struct box *x, const char *id)
{
    struct observed o;

    must(x, bubblewrap_ops.look(x->b, x->a, id, NULL, &box_call, &o, &x->e));
    return o.state;
}
