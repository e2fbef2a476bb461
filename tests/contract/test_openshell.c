/* The contract on the stand-in for OpenShell, as each of the releases that differ. */
#include "backends/openshell.h"
#include "tests/lib/contract.h"
#include "tests/lib/openshell_peer.h"
#include "tests/lib/openshell_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

static struct openshell_peer peer;
static const char *release;

static void *start(void)
{
    openshell_peer_start(&peer, release);
    return &peer;
}

static void stop(void *ctx)
{
    openshell_peer_stop(ctx);
}

static void clean(void *ctx)
{
    openshell_peer_clean(ctx);
}

static void conf(void *ctx, struct arena *a, struct backend_conf *ret)
{
    openshell_peer_conf(ctx, a, ret);
}

static void want(void *ctx, struct arena *a, struct desired *d, enum contract_variant variant)
{
    struct openshell_peer *p = ctx;
    struct node *create = node_object(a), *dirs = node_array(a), *dir = node_object(a);

    d->endpoint = OPENSHELL_PEER_ENDPOINT;
    node_set(a, create, "gateway", node_string(a, "ct"));
    node_set(a, create, "from", node_string(a, variant == CONTRACT_OTHER ? "other" : "base"));
    node_set(a, create, "mode", node_string(a, "remote"));
    node_set(a, create, "policyText",
             node_printf(a,
                         "version: 1\n"
                         "filesystem_policy: {include_workdir: true, read_only: [/opt], read_write: [/sandbox]}\n"
                         "landlock: {compatibility: best_effort}\n"
                         "network_policies:\n"
                         "  web:\n"
                         "    endpoints: [{host: %s, port: 443, protocol: rest, access: read-only}]\n"
                         "    binaries: [{path: /usr/bin/curl}]\n",
                         variant == CONTRACT_PATCHED ? "example.org" : "example.com"));
    node_set(a, dir, "name", node_string(a, "workspace"));
    node_set(a, dir, "local", node_string(a, p->seed));
    node_push(a, dirs, dir);
    node_set(a, create, "dirs", dirs);
    d->create = create;
}

static const char *spoil(struct arena *a, struct node *create)
{
    node_set(a, create, "mode", node_string(a, "both"));
    return "mode";
}

static void drift(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct openshell_world w;
    struct node *s;

    openshell_world_open(&w, a, peer.world);
    s = openshell_world_at(&w, openshell_world_find(&w, NULL, name));
    assert_string_equal(node_str(node_get(s, "id")), id);
    assert_true(node_unset(node_path(s, "policy", "network_policies", NULL), "web"));
    openshell_world_touch(&w, s);
    openshell_world_close(&w);
}

static void die(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct openshell_world w;

    openshell_world_open(&w, a, peer.world);
    node_set(a, openshell_world_at(&w, openshell_world_find(&w, NULL, name)), "phase", node_string(a, "Stopped"));
    openshell_world_close(&w);
}

static void vanish(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct openshell_world w;

    openshell_world_open(&w, a, peer.world);
    openshell_world_drop(&w, openshell_world_find(&w, NULL, name));
    openshell_world_close(&w);
}

static void down(void *ctx, bool on)
{
    openshell_peer_switch(&peer, "down", on ? "true" : NULL);
}

static void hang(void *ctx, bool on)
{
    openshell_peer_switch(&peer, "slowMs", on ? "600000" : NULL);
}

int main(void)
{
    static const struct {
        const char *release;
        unsigned lacks;
    } rows[] = {{"0.0.36", CONTRACT_NO_STOP}, {"0.0.37", CONTRACT_NO_STOP}, {"0.0.88", CONTRACT_NO_STOP}, {"0.0.111", 0}};
    int failed = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct contract contract = {
            .ops = &openshell_ops,
            .lacks = CONTRACT_NO_IMAGES | CONTRACT_NO_SECRET | CONTRACT_NO_BUSY | rows[i].lacks,
            .timeout_ms = 60000,
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
            .clean = clean,
        };

        release = rows[i].release;
        failed += contract_run(&contract);
    }
    return failed;
}
