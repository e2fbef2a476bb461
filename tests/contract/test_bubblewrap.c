/* The contract on real sandboxes of this machine; where we are root, as an ordinary user too. */
#include "backends/bubblewrap.h"
#include "backends/bwrap_cgroup.h"
#include "backends/bwrap_proc.h"
#include "backends/bwrap_store.h"
#include "tests/lib/contract.h"
#include "tests/lib/nobody.h"

#include "spec/base/digest.h"
#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER_INSTALL "eeeeeeeeeeeeeeee"

struct peer {
    char top[64], state[128], aside[128], work[128], dir[160];
    struct bwrap_store store;
    bool down;
};

static void *start(void)
{
    struct peer *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    snprintf(p->top, sizeof p->top, "/tmp/reconclaw-ct-XXXXXX");
    if (mkdtemp(p->top) == NULL)
        return NULL;
    snprintf(p->state, sizeof p->state, "%s/state", p->top);
    snprintf(p->aside, sizeof p->aside, "%s/aside", p->top);
    snprintf(p->work, sizeof p->work, "%s/work", p->top);
    snprintf(p->dir, sizeof p->dir, "%s/bubblewrap", p->state);
    p->store = (struct bwrap_store){.dir = p->dir, .parent = p->state};
    return mkdir(p->state, 0700) == 0 && mkdir(p->work, 0700) == 0 ? p : NULL;
}

static struct backend *open_as(const struct peer *p, const char *install)
{
    struct backend *b = NULL;
    struct err e;

    if (bubblewrap_ops.open(&(struct backend_conf){.endpoint = "bubblewrap", .state_dir = p->state, .install = install}, &b, &e) <
        0)
        fail_msg("%s", e.msg);
    return b;
}

static struct backend *open_handle(void *ctx)
{
    return open_as(ctx, CONTRACT_INSTALL);
}

static void down(void *ctx, bool on)
{
    struct peer *p = ctx;

    if (on != p->down)
        assert_int_equal(rename(on ? p->state : p->aside, on ? p->aside : p->state), 0);
    p->down = on;
}

static void remove_all(struct peer *p, const char *install)
{
    ARENA_AUTO a = arena_new();
    struct backend *b = open_as(p, install);
    struct call c = {.timeout_ms = 10000};
    struct observe_req req = {0};
    struct observation o = {0};
    struct act_result r;
    struct err e;

    if (bubblewrap_ops.observe(b, a, &req, &c, &o, &e) < 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < o.n; i++) {
        struct backend_act act = {.step = STEP_REMOVE, .name = o.v[i].name, .id = o.v[i].id};

        if (bubblewrap_ops.apply(b, a, &act, &c, &r, &e) < 0)
            fail_msg("%s", e.msg);
    }
    bubblewrap_ops.close(b);
}

static void clean(void *ctx)
{
    down(ctx, false);
    remove_all(ctx, CONTRACT_INSTALL);
    remove_all(ctx, OTHER_INSTALL);
}

static void stop(void *ctx)
{
    struct peer *p = ctx;
    char path[512];

    clean(p);
    /* Only what the backend leaves by design: nothing but its empty directory. */
    snprintf(path, sizeof path, "%s/bubblewrap", p->state);
    if (rmdir(path) < 0 && errno != ENOENT)
        print_error("something is left in %s\n", path);
    rmdir(p->state);
    rmdir(p->work);
    rmdir(p->top);
    free(p);
}

static struct desired *desire(void *ctx, struct arena *a, const char *name, unsigned variant)
{
    struct peer *p = ctx;
    struct desired *d = ARENA_NEW(a, struct desired);
    struct node *create = node_object(a), *limits = node_object(a), *env = node_object(a), *list = node_array(a),
                *workspace = node_object(a);
    char *json;

    node_set(a, workspace, "path", node_string(a, p->work));
    node_set(a, workspace, "target", node_string(a, "/workspace"));
    node_set(a, workspace, "readOnly", node_bool(a, false));
    node_push(a, list, workspace);
    node_set(a, create, "workspaces", list);
    node_set(a, env, "LANG", node_string(a, "C.UTF-8"));
    if (variant == 3) {
        struct node *secret = node_string(a, CONTRACT_SECRET_VALUE);

        secret->secret = true;
        node_set(a, env, "CONTRACT_SECRET", secret);
    }
    node_set(a, create, "env", env);
    node_set(a, limits, "memoryBytes", node_number(a, variant == 2 ? 512 << 20 : 256 << 20));
    node_set(a, limits, "pids", node_number(a, 64));
    node_set(a, create, "limits", limits);
    node_set(a, create, "network", node_string(a, "none"));
    node_set(a, create, "workdir", node_string(a, variant == 1 ? "/tmp" : "/workspace"));
    json = node_json(a, create);
    *d = (struct desired){.endpoint = "bubblewrap",
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = arena_printf(a, "Sandbox/%s", name),
                          .install = CONTRACT_INSTALL,
                          .want = WANT_RUNNING,
                          .precreate = true,
                          .can_remake = true,
                          .backend_id = "bubblewrap",
                          .config_hash = digest_sha256(a, json, strlen(json)),
                          .create = create};
    return d;
}

static const char *spoil(void *ctx, struct arena *a, struct desired *d)
{
    struct node *create = node_copy(a, d->create);

    node_set(a, create, "network", node_string(a, "bridge"));
    d->create = create;
    return "network";
}

static struct bwrap_record record(struct peer *p, struct arena *a, const char *name)
{
    struct bwrap_record r;
    struct err e;

    if (bwrap_store_read(&p->store, a, name, &r, &e) < 0)
        fail_msg("%s", e.msg);
    return r;
}

static void drift(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct bwrap_record r = record(ctx, a, name);
    struct node *create = node_copy(a, r.create);
    struct err e;

    node_set(a, create, "workdir", node_string(a, "/drifted"));
    r.create = create;
    if (bwrap_store_write(&((struct peer *)ctx)->store, a, &r, &e) < 0)
        fail_msg("%s", e.msg);
}

static void die(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct peer *p = ctx;
    struct bwrap_record r = record(p, a, name);
    struct bwrap_here here;
    struct err e;
    bool alive = true;

    assert_int_equal(bwrap_here_read(p->state, &here, &e), 0);
    assert_string_equal(r.id, id);
    assert_int_equal(kill(r.process.pid, SIGKILL), 0);
    for (int i = 0; alive && i < 500; i++) {
        assert_int_equal(bwrap_process_alive(&here, &r.process, &alive, NULL, &e), 0);
        poll(NULL, 0, 10);
    }
    assert_false(alive);
}

static void vanish(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct peer *p = ctx;
    struct bwrap_record r = record(p, a, name);
    char lock[512];
    struct err e;

    die(p, name, id);
    for (int i = 0; r.n_cgroups > 0 && i < 200; i++, poll(NULL, 0, 10))
        bwrap_cgroups_remove(&r);
    assert_int_equal(bwrap_store_remove(&p->store, name, &e), 0);
    snprintf(lock, sizeof lock, "%s/%s.lock", p->dir, name);
    assert_int_equal(unlink(lock), 0);
}

static void foreign(void *ctx, const char *name)
{
    ARENA_AUTO a = arena_new();
    struct backend *b = open_as(ctx, OTHER_INSTALL);
    struct desired *d = desire(ctx, a, name, 0);
    struct backend_act act = {.step = STEP_CREATE, .want = d, .name = name, .created_at_ms = 5};
    struct act_result r;
    struct err e;

    d->install = OTHER_INSTALL;
    if (bubblewrap_ops.apply(b, a, &act, &(struct call){.timeout_ms = 10000}, &r, &e) < 0)
        fail_msg("%s", e.msg);
    bubblewrap_ops.close(b);
}

static bool foreign_intact(void *ctx, const char *name)
{
    ARENA_AUTO a = arena_new();
    struct backend *b = open_as(ctx, OTHER_INSTALL);
    struct observed o = {0};
    struct err e;
    bool ok = bubblewrap_ops.look(b, a, NULL, name, &(struct call){.timeout_ms = 10000}, &o, &e) == 0 &&
              o.ownership == OWN_OURS && o.state == RUN_RUNNING && o.created_at_ms == 5;

    bubblewrap_ops.close(b);
    return ok;
}

static int run(void)
{
    static const struct contract contract = {
        .ops = &bubblewrap_ops,
        .prefix = "ct-",
        .lacks = CONTRACT_NO_IMAGES,
        .start = start,
        .stop = stop,
        .clean = clean,
        .open = open_handle,
        .desire = desire,
        .spoil = spoil,
        .drift = drift,
        .vanish = vanish,
        .die = die,
        .foreign = foreign,
        .foreign_intact = foreign_intact,
        .down = down,
    };

    return contract_run(&contract);
}

int main(void)
{
    int failed = run_as_nobody(run);

    return failed + run();
}
