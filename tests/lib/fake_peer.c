#include "tests/lib/fake_peer.h"

#include "backends/fake.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static struct contract peer;
static const char *world_name, *wanted_endpoint;

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

static struct desired *desire(void *ctx, struct arena *a, const char *name, unsigned variant)
{
    struct desired *d = ARENA_NEW(a, struct desired);
    struct node *create = node_object(a), *limits = node_object(a), *env = node_object(a);
    char *json;

    node_set(a, create, "workdir", node_string(a, variant == 1 ? "/elsewhere" : "/workspace"));
    node_set(a, limits, "memory", node_string(a, variant == 2 ? "1g" : "512m"));
    node_set(a, create, "limits", limits);
    node_set(a, env, "LANG", node_string(a, "C.UTF-8"));
    if (variant == 3) {
        struct node *secret = node_string(a, CONTRACT_SECRET_VALUE);

        secret->secret = true;
        node_set(a, env, "CONTRACT_SECRET", secret);
    }
    node_set(a, create, "env", env);
    json = node_json(a, create);
    *d = (struct desired){.endpoint = wanted_endpoint,
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = arena_printf(a, "Sandbox/%s", name),
                          .install = CONTRACT_INSTALL,
                          .want = WANT_RUNNING,
                          .precreate = true,
                          .can_remake = true,
                          .backend_id = "fake",
                          .image = "base:1",
                          .config_hash = digest_sha256(a, json, strlen(json)),
                          .create = create};
    return d;
}

static const char *spoil(void *ctx, struct arena *a, struct desired *d)
{
    struct node *create = node_copy(a, d->create);

    node_set(a, create, "unsupported", node_bool(a, true));
    d->create = create;
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

const struct contract *fake_peer_contract(const struct backend_ops *ops, const char *world, const char *endpoint,
                                          struct backend *(*open)(void *ctx))
{
    world_name = world;
    wanted_endpoint = endpoint;
    peer = (struct contract){
        .ops = ops,
        .prefix = "ct-",
        .start = start,
        .stop = stop,
        .clean = clean,
        .open = open,
        .desire = desire,
        .spoil = spoil,
        .drift = drift,
        .vanish = vanish,
        .die = die,
        .foreign = foreign,
        .foreign_intact = foreign_intact,
        .down = down,
        .hang = hang,
        .image = "base:1",
        .image_missing = "missing:1",
        .retag = retag,
    };
    return &peer;
}
