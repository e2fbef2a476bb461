#include "tests/lib/fake_peer.h"

#include "backends/fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static struct contract peer;
static const char *world_name;

static void *start(void)
{
    struct fake_world *w = fake_world_get(world_name);

    fake_world_set_image(w, "base:1", "sha256:1");
    return w;
}

static void stop(void *ctx)
{
    fake_world_drop(world_name);
}

static void clean(void *ctx)
{
    fake_world_reset(ctx);
    fake_world_set_image(ctx, "base:1", "sha256:1");
}

static void want(void *ctx, struct arena *a, struct desired *d, enum contract_variant v)
{
    struct node *create = node_object(a), *limits = node_object(a), *env = node_object(a);

    node_set(a, create, "workdir", node_string(a, v == CONTRACT_OTHER ? "/elsewhere" : "/workspace"));
    node_set(a, limits, "memory", node_string(a, v == CONTRACT_PATCHED ? "1g" : "512m"));
    node_set(a, create, "limits", limits);
    node_set(a, env, "LANG", node_string(a, "C.UTF-8"));
    if (v == CONTRACT_WITH_SECRET)
        node_set(a, env, CONTRACT_SECRET, contract_secret(a, ""));
    node_set(a, create, "env", env);
    d->create = create;
}

static const char *spoil(struct arena *a, struct node *create)
{
    node_set(a, create, "unsupported", node_bool(a, true));
    return "unsupported";
}

static void drift(void *ctx, const char *name, const char *id)
{
    assert_true(fake_world_set_field(ctx, name, "limits.memory", "2g"));
}

static void vanish(void *ctx, const char *name, const char *id)
{
    assert_true(fake_world_remove(ctx, name));
}

static void die(void *ctx, const char *name, const char *id)
{
    assert_true(fake_world_set_state(ctx, name, RUN_STOPPED));
}

static void foreign(void *ctx, const char *name)
{
    fake_world_put(
        ctx,
        &(struct observed){.name = name, .ownership = OWN_FOREIGN, .state = RUN_RUNNING, .created_at_ms = 1, .busy_known = true});
}

static bool foreign_intact(void *ctx, const char *name)
{
    ARENA_AUTO a = arena_new();
    const struct observed *o = fake_world_find(ctx, a, name);

    return o != NULL && o->ownership == OWN_FOREIGN && o->state == RUN_RUNNING && o->created_at_ms == 1;
}

static void down(void *ctx, bool on)
{
    fake_world_set_reachable(ctx, !on);
}

static void hang(void *ctx, bool on)
{
    fake_world_clear_faults(ctx);
    if (on)
        fake_world_add_fault(ctx, &(struct fake_fault){.call = FAKE_ANY, .kind = FAKE_HANG});
}

static void retag(void *ctx, const char *ref)
{
    fake_world_set_image(ctx, ref, "sha256:2");
}

const struct contract *fake_peer_contract(const struct backend_ops *ops, const char *world,
                                          void (*conf)(void *ctx, struct arena *a, struct backend_conf *ret))
{
    world_name = world;
    peer = (struct contract){
        .ops = ops,
        .image = "base:1",
        .image_missing = "missing:1",
        .start = start,
        .stop = stop,
        .conf = conf,
        .want = want,
        .spoil = spoil,
        .vanish = vanish,
        .die = die,
        .down = down,
        .hang = hang,
        .drift = drift,
        .retag = retag,
        .foreign = foreign,
        .foreign_intact = foreign_intact,
        .clean = clean,
    };
    return &peer;
}
