/* The contract on real sshds, behind a proxy that can refuse and stall: as root with start-up files that print, and as an
 * ordinary user where there is nothing but busybox. */
#include "backends/ssh.h"
#include "tests/lib/contract.h"
#include "tests/lib/scratch.h"
#include "tests/lib/ssh_peer.h"

#include "spec/base/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct peer {
    char *top;
    struct ssh_peer sshd;
    struct tcp_proxy *proxy;
};

static const char *const *options;

static void *start(void)
{
    struct peer *p = calloc(1, sizeof *p);

    p->top = scratch_make();
    scratch_write_text(p->top, "local/file", "content\n");
    scratch_write_text(p->top, "other/file", "content\n");
    scratch_mkdir(p->top, "root");
    if (chmod(p->top, 0755) < 0 || chmod(scratch_path(p->top, "root"), 0777) < 0)
        return NULL;
    ssh_peer_start(&p->sshd, scratch_path(p->top, "peer"), options);
    p->proxy = tcp_proxy_start(p->sshd.port);
    return p;
}

static void stop(void *ctx)
{
    struct peer *p = ctx;

    tcp_proxy_end(p->proxy);
    ssh_peer_stop(&p->sshd);
    scratch_remove(p->top);
    free(p);
}

static void conf(void *ctx, struct arena *a, struct backend_conf *ret)
{
    struct peer *p = ctx;
    struct node *o = node_object(a), *connections = node_array(a), *tops = node_array(a);

    node_push(a, connections, ssh_peer_settings(&p->sshd, a, tcp_proxy_port(p->proxy)));
    node_push(a, tops, node_string(a, scratch_path(p->top, "root")));
    node_set(a, o, "connections", connections);
    node_set(a, o, "workspaceRoots", tops);
    ret->endpoint = "ssh:contract";
    ret->options = o;
}

static void add_dir(struct peer *p, struct arena *a, struct node *dirs, const char *name, const char *local)
{
    struct node *dir = node_object(a);

    node_set(a, dir, "name", node_string(a, name));
    node_set(a, dir, "local", node_string(a, scratch_path(p->top, local)));
    node_push(a, dirs, dir);
}

static void want(void *ctx, struct arena *a, struct desired *d, enum contract_variant variant)
{
    struct peer *p = ctx;
    struct node *create = node_object(a), *dirs = node_array(a), *seed = node_object(a);

    add_dir(p, a, dirs, "workspace", "local");
    if (variant == CONTRACT_OTHER)
        add_dir(p, a, dirs, "agent", "other");
    node_set(a, seed, "policy", node_string(a, variant == CONTRACT_PATCHED ? "onChange" : "once"));
    node_set(a, create, "root", node_printf(a, "%s/%s", scratch_path(p->top, "root"), d->name));
    node_set(a, create, "workspaceRoot", node_string(a, scratch_path(p->top, "root")));
    node_set(a, create, "dirs", dirs);
    node_set(a, create, "seed", seed);
    d->endpoint = "ssh:contract";
    d->create = create;
    d->can_remake = false;
}

static const char *spoil(struct arena *a, struct node *create)
{
    node_set(a, create, "workspaceRoot", node_string(a, "relative"));
    return "workspaceRoot";
}

static const char *owner_of(struct arena *a, const char *name)
{
    return arena_printf(a, "root/%s/.reconclaw/owner.json", name);
}

static void drift(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();
    struct peer *p = ctx;
    char *text = scratch_read(p->top, owner_of(a, name), NULL),
         *at = text != NULL ? strstr(text, "\"seed.policy\":\"once\"") : NULL;

    assert_non_null(at);
    memcpy(at, "\"seed.policy\":\"none\"", 20);
    scratch_write_text(p->top, owner_of(a, name), text);
    free(text);
}

static void vanish(void *ctx, const char *name, const char *id)
{
    ARENA_AUTO a = arena_new();

    scratch_clear(((struct peer *)ctx)->top, arena_printf(a, "root/%s", name));
}

static void down(void *ctx, bool on)
{
    tcp_proxy_refuse(((struct peer *)ctx)->proxy, on);
}

static void hang(void *ctx, bool on)
{
    tcp_proxy_stall(((struct peer *)ctx)->proxy, on);
}

/* By hand: the backend would need two more sessions for it, after every test. */
static void clean(void *ctx)
{
    struct peer *p = ctx;

    scratch_clear(p->top, "root");
    scratch_mkdir(p->top, "root");
    assert_int_equal(chmod(scratch_path(p->top, "root"), 0777), 0);
}

static int run(const char *const *with)
{
    static const struct contract contract = {
        .ops = &ssh_ops,
        .lacks = CONTRACT_NO_IMAGES | CONTRACT_NO_SETUP_MARK | CONTRACT_NO_SECRET | CONTRACT_NO_STOP,
        .timeout_ms = 30000,
        .start = start,
        .stop = stop,
        .conf = conf,
        .want = want,
        .spoil = spoil,
        .vanish = vanish,
        .drift = drift,
        .down = down,
        .hang = hang,
        .clean = clean,
    };

    options = with;
    return contract_run(&contract);
}

int main(void)
{
    static const char *const root[] = {"--noise", NULL};
    static const char *const ordinary[] = {"--nobody", "--busybox", NULL};
    int failed = run(root);

    return failed + run(ordinary);
}
