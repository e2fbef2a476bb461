/* The contract on real sandboxes of this machine; where we are root, as an ordinary user too. */
#include "backends/bubblewrap.h"
#include "backends/bwrap_cgroup.h"
#include "backends/bwrap_proc.h"
#include "backends/bwrap_store.h"
#include "tests/lib/child.h"
#include "tests/lib/contract.h"

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

static void conf(void *ctx, struct arena *a, struct backend_conf *ret)
{
    *ret = (struct backend_conf){.endpoint = "bubblewrap", .state_dir = ((struct peer *)ctx)->state};
}

static void down(void *ctx, bool on)
{
    struct peer *p = ctx;

    if (on != p->down)
        assert_int_equal(rename(on ? p->state : p->aside, on ? p->aside : p->state), 0);
    p->down = on;
}

static void stop(void *ctx)
{
    struct peer *p = ctx;
    char path[512];

    /* Only what the backend leaves by design: nothing but its empty directory. */
    snprintf(path, sizeof path, "%s/bubblewrap", p->state);
    if (rmdir(path) < 0 && errno != ENOENT)
        print_error("something is left in %s\n", path);
    rmdir(p->state);
    rmdir(p->work);
    rmdir(p->top);
    free(p);
}

static void want(void *ctx, struct arena *a, struct desired *d, enum contract_variant v)
{
    struct peer *p = ctx;
    struct node *create = node_object(a), *limits = node_object(a), *env = node_object(a), *list = node_array(a),
                *workspace = node_object(a);

    node_set(a, workspace, "path", node_string(a, p->work));
    node_set(a, workspace, "target", node_string(a, "/workspace"));
    node_set(a, workspace, "readOnly", node_bool(a, false));
    node_push(a, list, workspace);
    node_set(a, create, "workspaces", list);
    node_set(a, env, "LANG", node_string(a, "C.UTF-8"));
    if (v == CONTRACT_WITH_SECRET)
        node_set(a, env, CONTRACT_SECRET, contract_secret(a, ""));
    node_set(a, create, "env", env);
    node_set(a, limits, "memoryBytes", node_number(a, v == CONTRACT_PATCHED ? 512 << 20 : 256 << 20));
    node_set(a, limits, "pids", node_number(a, 64));
    node_set(a, create, "limits", limits);
    node_set(a, create, "network", node_string(a, "none"));
    node_set(a, create, "workdir", node_string(a, v == CONTRACT_OTHER ? "/tmp" : "/workspace"));
    d->create = create;
}

static const char *spoil(struct arena *a, struct node *create)
{
    node_set(a, create, "network", node_string(a, "bridge"));
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

static int run(void)
{
    static const struct contract contract = {
        .ops = &bubblewrap_ops,
        .lacks = CONTRACT_NO_IMAGES,
        .start = start,
        .stop = stop,
        .conf = conf,
        .want = want,
        .spoil = spoil,
        .drift = drift,
        .vanish = vanish,
        .die = die,
        .down = down,
    };

    return contract_run(&contract);
}

int main(void)
{
    int failed = child_group_as_nobody(run);

    return failed + run();
}
