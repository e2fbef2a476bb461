/* Lines that are cut, stall and crawl, under everything that is done to a tree on another host. Whatever byte was the last:
 * either the tree that was there is whole, by the digest of its content, or a verified snapshot of it is; what stands at a root
 * is never less than whole; and the next call, over a line that holds, ends the matter and leaves nothing beside it.
 *
 * RECONCLAW_SEED looks at other bytes than the usual ones, RECONCLAW_CUTS at more of them. */
#include "backends/ssh.h"
#include "reconciler/snapshot.h"
#include "spec/base/text.h"
#include "spec/remote.h"
#include "tests/lib/far.h"
#include "tests/lib/scratch.h"
#include "tests/lib/trees.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CUTS     200
#define WORKERS  4
#define NAME     "reconclaw-a"
#define TEMPLATE "template"
#define NOON     1763812800000
#define SHORT_MS 250

static char *top;
static struct ssh_peer peer;
static uint64_t first_seed;
static int n_cuts;

/* What is done over the line that breaks, and what must hold afterwards. */
struct worker {
    const struct operation *op;
    int index;
    pthread_t thread;
    struct far f;
    struct tcp_proxy *proxy;
    struct backend *direct; /* over a line that holds */
    struct desired *d;
    const char *tree;   /* digest of what must be there */
    const char *before; /* of what may be there still, or NULL */
    const char *saved;  /* of what must be saved */
    char dir[64];
    struct home *home;
    struct observed there; /* for snapshots and removals */
    int n_failed, n_went_well;
    char why[1024]; /* "": all is well */
};

struct operation {
    const char *name;
    int reply_share;                                                /* of 4 cuts: so many by what comes back */
    void (*begin)(struct worker *w);                                /* once */
    int (*run)(struct worker *w, struct backend *b, struct call c); /* over the line that breaks */
    void (*judge)(struct worker *w, int r);                         /* what is left, and that it is ended */
};

static void wrong(struct worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void wrong(struct worker *w, const char *fmt, ...)
{
    va_list ap;

    if (w->why[0])
        return;
    va_start(ap, fmt);
    (void)vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
}

/* --- what must hold -------------------------------------------------------------------------------------------------------- */

static enum far_disk on_disk(struct worker *w)
{
    enum far_disk disk = far_on_disk(&w->f, NAME, w->tree);

    return disk == FAR_LIE && w->before ? far_on_disk(&w->f, NAME, w->before) : disk;
}

/* What we list, and what OpenClaw would: a directory at the root. */
static void no_lie(struct worker *w, int r)
{
    const struct observed *o = NULL;
    enum far_disk disk = on_disk(w);

    if (disk == FAR_LIE)
        wrong(w, "the root is there and not whole");
    if (far_seen(&w->f, w->direct, w->d, &o) < 0) {
        wrong(w, "cannot be looked at: %s", w->f.e.msg);
        return;
    }
    /* A script that outlived its line may take it away between the two looks. */
    if (o && o->state == RUN_RUNNING && disk != FAR_WHOLE && on_disk(w) != FAR_WHOLE)
        wrong(w, "it is listed and not whole");
    if (o && o->state != RUN_RUNNING && !fields_get(o->fields, REMOTE_UNFINISHED))
        wrong(w, "it is listed as %s", run_state_name(o->state));
    if (r == 0 && w->op->reply_share < 3 && !text_eq(w->op->name, "removal") && disk != FAR_WHOLE)
        wrong(w, "it said that it was made");
}

/* What a script of the broken connection may still do over there is over soon. */
static bool settles(struct worker *w, int (*step)(struct worker *w), int wanted)
{
    for (int i = 0; i < 60; i++) {
        if (step(w) == 0 && far_count(&w->f) == wanted)
            return true;
        poll(NULL, 0, i < 5 ? 5 : 50);
    }
    return false;
}

/* --- seeds ----------------------------------------------------------------------------------------------------------------- */

static void seed_begin(struct worker *w)
{
    w->tree = far_tree(&w->f, "", w->f.local);
    w->saved = far_tree(&w->f, "workspace", w->f.local);
}

static int seed_run(struct worker *w, struct backend *b, struct call c)
{
    struct act_result r;

    return far_create(&w->f, b, w->d, c, &r);
}

static int make(struct worker *w)
{
    struct act_result r;

    return far_create(&w->f, w->direct, w->d, FAR_ENOUGH, &r);
}

static void seed_judge(struct worker *w, int r)
{
    no_lie(w, r);
    if (!settles(w, make, 1))
        wrong(w, "not made: %s; %d names", w->f.e.msg, far_count(&w->f));
    if (far_on_disk(&w->f, NAME, w->tree) != FAR_WHOLE)
        wrong(w, "what was made is not whole");
    far_clear(&w->f, NAME);
}

/* --- snapshots ------------------------------------------------------------------------------------------------------------- */

static struct act saving(struct worker *w)
{
    return (struct act){.kind = ACT_PRUNE,
                        .endpoint = w->d->endpoint,
                        .name = w->d->name,
                        .runtime = w->d->kind,
                        .install = FAR_INSTALL,
                        .want = w->d,
                        .obs = &w->there};
}

static int save(struct worker *w, struct backend *b, struct call c)
{
    struct act act = saving(w);
    struct snapshot s;

    w->f.e = (struct err){0};
    return snapshot_take(w->home, w->f.a, &act, FAR_INSTALL, NOON, b, &c, &s, &w->f.e);
}

/* How many count; all of them must be whole, and of just this tree. With drop they go. */
static int snapshots(struct worker *w, bool drop)
{
    struct snapshots_view v = {0};
    struct call c = FAR_ENOUGH;

    if (snapshots_read(w->home, w->f.a, &v, &w->f.e) < 0 || v.issues.n > 0)
        wrong(w, "the snapshots cannot be read: %s", w->f.e.msg);
    for (size_t i = 0; i < v.n; i++) {
        if (snapshot_verify(w->home, w->f.a, &v.v[i], &c, &w->f.e) < 0)
            wrong(w, "a snapshot that counts is not whole: %s", w->f.e.msg);
        else if (!text_eq(v.v[i].tree, w->saved))
            wrong(w, "a snapshot that counts is of another tree");
        if (drop && snapshots_remove(w->home, &v.v[i], &w->f.e) < 0)
            wrong(w, "%s", w->f.e.msg);
    }
    return (int)v.n;
}

static void snapshot_begin(struct worker *w)
{
    struct act_result r;
    const struct observed *o = NULL;

    w->tree = far_tree(&w->f, "", w->f.local);
    w->saved = far_tree(&w->f, "workspace", w->f.local);
    if (far_create(&w->f, w->direct, w->d, FAR_ENOUGH, &r) < 0 || far_seen(&w->f, w->direct, w->d, &o) < 0 || !o ||
        home_open(w->dir, NULL, &w->home, &w->f.e) < 0) {
        wrong(w, "cannot begin: %s", w->f.e.msg);
        return;
    }
    w->there = *o;
}

static void snapshot_judge(struct worker *w, int r)
{
    if (far_on_disk(&w->f, NAME, w->tree) != FAR_WHOLE || far_count(&w->f) != 1)
        wrong(w, "the tree is not what it was");
    int n = snapshots(w, false);
    if (n != (r == 0))
        wrong(w, "it said %d, and %d snapshots count", r, n);
    if (n == 0 && save(w, w->direct, FAR_ENOUGH) < 0)
        wrong(w, "not saved: %s", w->f.e.msg);
    if (snapshots(w, true) != 1)
        wrong(w, "there is no snapshot");
}

/* --- removals -------------------------------------------------------------------------------------------------------------- */

static void removal_begin(struct worker *w)
{
    snapshot_begin(w);
    if (!w->why[0] && save(w, w->direct, FAR_ENOUGH) < 0)
        wrong(w, "not saved: %s", w->f.e.msg);
    far_copy(&w->f, NAME, TEMPLATE);
}

static int removal_run(struct worker *w, struct backend *b, struct call c)
{
    if (far_on_disk(&w->f, NAME, w->tree) == FAR_ABSENT)
        far_copy(&w->f, TEMPLATE, NAME);
    return far_remove(&w->f, b, NAME, w->there.id, &w->there, c);
}

static int end(struct worker *w)
{
    return far_remove(&w->f, w->direct, NAME, w->there.id, NULL, FAR_ENOUGH);
}

static void removal_judge(struct worker *w, int r)
{
    no_lie(w, r);
    if (r == 0 && (far_on_disk(&w->f, NAME, w->tree) != FAR_ABSENT || far_count(&w->f) != 1))
        wrong(w, "it said that it was gone");
    if (far_on_disk(&w->f, NAME, w->tree) != FAR_WHOLE && snapshots(w, false) != 1)
        wrong(w, "it is gone, and no snapshot counts");
    if (!settles(w, end, 1))
        wrong(w, "not removed: %s; %d names", w->f.e.msg, far_count(&w->f));
}

/* --- reseeds --------------------------------------------------------------------------------------------------------------- */

static void reseed_begin(struct worker *w)
{
    removal_begin(w);
    w->before = w->tree;
    scratch_write_text(w->f.local, "new", "since\n");
    w->tree = far_tree(&w->f, "", w->f.local);
}

static int reseed(struct worker *w, struct backend *b, struct call c)
{
    struct backend_act act = {
        .step = STEP_CREATE, .want = w->d, .name = NAME, .replaces = w->there.id, .created_at_ms = 1700000000999};
    struct act_result r;

    w->f.e = (struct err){0};
    return ssh_ops.apply(b, w->f.a, &act, &c, &r, &w->f.e);
}

static int reseed_run(struct worker *w, struct backend *b, struct call c)
{
    far_clear(&w->f, NAME);
    far_copy(&w->f, TEMPLATE, NAME);
    return reseed(w, b, c);
}

static int replace(struct worker *w)
{
    return reseed(w, w->direct, FAR_ENOUGH);
}

static void reseed_judge(struct worker *w, int r)
{
    no_lie(w, r);
    if (r == 0 && far_on_disk(&w->f, NAME, w->tree) != FAR_WHOLE)
        wrong(w, "it said that it was reseeded");
    if (snapshots(w, false) != 1)
        wrong(w, "no snapshot of what was there counts");
    if (!settles(w, replace, 2))
        wrong(w, "not reseeded: %s; %d names", w->f.e.msg, far_count(&w->f));
    if (far_on_disk(&w->f, NAME, w->tree) != FAR_WHOLE)
        wrong(w, "what took its place is not whole");
}

static const struct operation seeds = {"seed", 1, seed_begin, seed_run, seed_judge},
                              saves = {"snapshot", 3, snapshot_begin, save, snapshot_judge},
                              removals = {"removal", 2, removal_begin, removal_run, removal_judge},
                              reseeds = {"reseed", 2, reseed_begin, reseed_run, reseed_judge};

/* --- runs ------------------------------------------------------------------------------------------------------------------ */

struct length {
    int64_t hello, hello_reply; /* until something can be run */
    int64_t all, all_reply;
};
static struct length length;

static void worker_open(struct worker *w, const struct operation *op, int index)
{
    static int serial;
    char name[32];

    *w = (struct worker){.op = op, .index = index};
    (void)snprintf(name, sizeof name, "w%d", ++serial);
    (void)snprintf(w->dir, sizeof w->dir, "%s/%s.home", top, name);
    far_init(&w->f, &peer, top, name);
    w->proxy = tcp_proxy_start(peer.port);
    w->direct = far_open(&w->f, 0, FAR_INSTALL);
    w->d = far_desire(&w->f, NAME);
    op->begin(w);
}

static void worker_close(struct worker *w)
{
    home_close(w->home);
    ssh_ops.close(w->direct);
    tcp_proxy_end(w->proxy);
    far_free(&w->f);
}

static int over_proxy(struct worker *w, struct call c)
{
    struct backend *b = far_open(&w->f, tcp_proxy_port(w->proxy), FAR_INSTALL);
    int r = w->op->run(w, b, c);
    enum err_class class = w->f.e.class;

    ssh_ops.close(b);
    if (r == 0)
        w->n_went_well++;
    else
        w->n_failed++;
    if (r < 0 && class != ERR_UNAVAILABLE && class != ERR_TIMEOUT)
        wrong(w, "%s: %s", err_class_name(class), w->f.e.msg);
    return r;
}

static void measure(struct worker *w)
{
    struct backend *b = far_open(&w->f, tcp_proxy_port(w->proxy), FAR_INSTALL);
    struct backend_info info;
    struct call c = FAR_ENOUGH;

    if (ssh_ops.probe(b, &c, &info, &w->f.e) < 0)
        fail_msg("%s", w->f.e.msg);
    ssh_ops.close(b);
    length.hello = tcp_proxy_carried(w->proxy);
    length.hello_reply = tcp_proxy_replied(w->proxy);
    w->op->judge(w, over_proxy(w, FAR_ENOUGH));
    length.all = tcp_proxy_carried(w->proxy) - length.hello;
    length.all_reply = tcp_proxy_replied(w->proxy) - length.hello_reply;
    if (w->why[0] || w->n_failed > 0)
        fail_msg("uncut: %s %s", w->why, w->f.e.msg);
    print_message("%s: %d bytes go over and %d come back, of which %d and %d are the greeting; RECONCLAW_SEED=%llu\n",
                  w->op->name, (int)length.all, (int)length.all_reply, (int)length.hello, (int)length.hello_reply,
                  (unsigned long long)first_seed);
}

/* A quarter of the cuts are in the greeting, the others in what comes after. */
static int64_t offset(uint64_t *random, int i, int64_t hello, int64_t all)
{
    int64_t from = i % 4 == 0 ? 0 : hello, to = i % 4 == 0 ? hello : all;

    return from + (int64_t)(trees_random(random) % (uint64_t)(to > from ? to - from : 1));
}

static void cut_once(struct worker *w, int i)
{
    uint64_t random = (first_seed * 1000003u + (uint64_t)i) * 2654435761u + 88172645463325252u;
    bool reply = i / 4 % 4 < w->op->reply_share;

    for (int k = 0; k < 4; k++)
        (void)trees_random(&random);
    int64_t at = reply ? offset(&random, i, length.hello_reply, length.all_reply) : offset(&random, i, length.hello, length.all);
    tcp_proxy_cut_after(w->proxy, reply ? -1 : at);
    tcp_proxy_cut_reply_after(w->proxy, reply ? at : -1);
    w->op->judge(w, over_proxy(w, FAR_ENOUGH));
    if (w->why[0]) {
        struct worker at_fault = *w;

        w->why[0] = '\0';
        wrong(w, "RECONCLAW_SEED=%llu: cut %d, after %d bytes %s: %s", (unsigned long long)first_seed, i, (int)at,
              reply ? "that came back" : "that went over", at_fault.why);
    }
}

static void *cut_all(void *arg)
{
    struct worker *w = arg;

    for (int i = w->index; i < n_cuts && !w->why[0]; i += WORKERS)
        cut_once(w, i);
    return NULL;
}

static void ended(struct worker *w, int *ret_failed, int *ret_went_well)
{
    char why[sizeof w->why] = "";

    for (int i = 0; i < WORKERS; i++) {
        if (w[i].why[0])
            (void)snprintf(why, sizeof why, "%s", w[i].why);
        *ret_failed += w[i].n_failed;
        *ret_went_well += w[i].n_went_well;
        worker_close(&w[i]);
    }
    if (why[0])
        fail_msg("%s", why);
}

static void test_cuts(void **state)
{
    const struct operation *op = *state;
    struct worker w[WORKERS];
    int failed = 0, went_well = 0;

    for (int i = 0; i < WORKERS; i++) {
        worker_open(&w[i], op, i);
        if (w[i].why[0])
            fail_msg("%s", w[i].why);
    }
    measure(&w[0]);
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&w[i].thread, NULL, cut_all, &w[i]) != 0)
            abort();
    for (int i = 0; i < WORKERS; i++)
        pthread_join(w[i].thread, NULL);
    ended(w, &failed, &went_well);
    print_message("%s: %d of %d were cut short\n", op->name, failed, failed + went_well);
    /* After its last byte that matters, a cut is none; the others must have hit. */
    assert_true(failed >= n_cuts * 3 / 5);
}

/* --- lines that stall and crawl -------------------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *stall_all(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < 8 && !w->why[0]; i++) {
        int64_t at = length.all * (i * WORKERS + w->index) / (8 * WORKERS), begun = now_ms();

        tcp_proxy_stall_after(w->proxy, at);
        int r = over_proxy(w, (struct call){.timeout_ms = SHORT_MS});
        if (now_ms() - begun > SHORT_MS + 3000) /* it is to end, whatever else the machine does */
            wrong(w, "it took %d ms", (int)(now_ms() - begun));
        w->op->judge(w, r);
    }
    return NULL;
}

static void test_stalls(void **state)
{
    const struct operation *op = *state;
    struct worker w[WORKERS];
    int failed = 0, went_well = 0;

    for (int i = 0; i < WORKERS; i++)
        worker_open(&w[i], op, i);
    measure(&w[0]);
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&w[i].thread, NULL, stall_all, &w[i]) != 0)
            abort();
    for (int i = 0; i < WORKERS; i++)
        pthread_join(w[i].thread, NULL);
    ended(w, &failed, &went_well);
    assert_true(failed > 4 * WORKERS);
}

/* Slow is not broken; and where the time is over before, it is as if it had stalled. */
static void test_crawls(void **state)
{
    static const struct operation *const all[] = {&seeds, &saves, &removals};

    for (size_t i = 0; i < 3; i++) {
        struct worker w;

        worker_open(&w, all[i], 0);
        tcp_proxy_throttle(w.proxy, 60000);
        int r = over_proxy(&w, FAR_ENOUGH);
        if (r < 0)
            fail_msg("%s: %s", all[i]->name, w.f.e.msg);
        w.op->judge(&w, r);
        tcp_proxy_throttle(w.proxy, 8000);
        r = over_proxy(&w, (struct call){.timeout_ms = SHORT_MS});
        w.op->judge(&w, r);
        if (w.why[0] || r == 0)
            fail_msg("%s: %d: %s", all[i]->name, r, w.why);
        worker_close(&w);
    }
}

static int start(void **state)
{
    static const char *const options[] = {"--shell", "/bin/sh", NULL};
    const char *seed = getenv("RECONCLAW_SEED"), *cuts = getenv("RECONCLAW_CUTS");

    first_seed = seed ? strtoull(seed, NULL, 10) : 1;
    n_cuts = cuts ? (int)strtol(cuts, NULL, 10) : CUTS;
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    top = scratch_make();
    if (chmod(top, 0755) < 0)
        return -1;
    ssh_peer_start(&peer, scratch_path(top, "peer"), options);
    return 0;
}

static int stop(void **state)
{
    ssh_peer_stop(&peer);
    scratch_remove(top);
    return 0;
}

#define T(name, test, op)                                                                                                        \
    {                                                                                                                            \
        name, test, NULL, NULL, (void *)(op)                                                                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        T("a seed that is cut after any byte is whole or not there, and the next one is made", test_cuts, &seeds),
        T("a snapshot that is cut after any byte counts only where it is whole, and touches nothing", test_cuts, &saves),
        T("a removal that is cut after any byte leaves the tree whole or in its snapshot, and is ended", test_cuts, &removals),
        T("a reseed that is cut after any byte leaves the old tree or the new one, whole, and is ended", test_cuts, &reseeds),
        T("a seed that stalls ends in time, and the next one is made", test_stalls, &seeds),
        T("a snapshot that stalls ends in time, and the next one is made", test_stalls, &saves),
        T("a removal that stalls ends in time, and the next one ends it", test_stalls, &removals),
        T("a line that crawls is slow, and no more than that", test_crawls, NULL),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
