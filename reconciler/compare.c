#include "reconciler/compare.h"

#include "backends/tree.h"
#include "reconciler/round.h"
#include "reconciler/stream.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"
#include "state/seeds.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOST_LINES 50
/* File systems tell the time in steps, the coarsest in use of two seconds: what was changed so lately may change once more
 * without a trace. */
#define FRESH_MS 2000

/* One runtime. */
struct compared {
    const struct desired *d;
    const struct record *rec; /* or NULL */
    const struct observed *o;
    bool asked;
    char stamp[DIGEST_HEX];
    bool stamp_keeps;             /* it may be compared with later */
    const char *source;           /* digest of the local directories' content; NULL: could not be read */
    const struct manifest *local; /* NULL: it was not read now */
    const char *memo;             /* as it lies in the home, or NULL */
    struct seed_look look;
    struct manifest_changes lost; /* of a fresh one */
    bool has_look, is_fresh;      /* fresh: both ends were read now */
};

/* Those of one endpoint, in one thread. */
struct group {
    const struct endpoint_opener *opener;
    struct home *home;
    const struct round *r;
    const atomic_bool *cancel;
    struct arena *a;
    VEC(struct compared) v;
    const char *endpoint;
    struct backend *b;
    pthread_t thread;
    bool started;
};

struct compare {
    struct group *v;
    size_t n;
};

static struct call call_of(const struct group *g, const struct compared *c)
{
    return (struct call){.timeout_ms = c->asked ? COMPARE_ASKED_MS : COMPARE_MS, .cancel = g->cancel};
}

/* --- the local end --------------------------------------------------------------------------------------------------------- */

static int scan_local(struct group *g, struct compared *c, struct tree **ret, struct err *e)
{
    const struct node *dirs = node_get(c->d->create, "dirs");
    const struct call call = call_of(g, c);
    struct tree_scan_req req = {.links = TREE_LINKS_REFUSE};
    struct tree_dir *v;

    if (!node_is(dirs, NODE_ARRAY) || dirs->n_items == 0)
        return err_set(e, ERR_CONFIG, 0, "dirs: it is seeded from nothing");
    v = ARENA_ARRAY(g->a, struct tree_dir, dirs->n_items);
    for (size_t i = 0; i < dirs->n_items; i++)
        v[i] = (struct tree_dir){.name = node_str(node_get(dirs->items[i], "name")),
                                 .path = node_str(node_get(dirs->items[i], "local"))};
    req.dirs = v;
    req.n_dirs = dirs->n_items;
    return tree_scan(g->a, &req, &call, ret, NULL, e);
}

/* With its files, whatever is remembered. */
static int read_local(struct group *g, struct compared *c, struct tree *t, struct err *e)
{
    const struct call call = call_of(g, c);

    if (c->local)
        return 0;
    if (tree_read(t, &call, e) < 0)
        return -1;
    c->local = tree_manifest(t);
    if (!c->local)
        return err_set(e, ERR_CONFLICT, 0, "it changed while it was read");
    c->source = c->local->tree;
    return 0;
}

/* --- what is remembered ---------------------------------------------------------------------------------------------------- */

static const char *memo_key(struct arena *a, const char *endpoint, const char *name, enum runtime_kind kind)
{
    return arena_printf(a, "seed:%s %s %s", runtime_kind_name(kind), endpoint, name);
}

/* What a look at the other end stays true for. */
static const char *remote_stamp(struct arena *a, const struct compared *c)
{
    if (!c->o->content_known)
        return "";
    return arena_printf(a, "%s %llu %llu %lld %s %s", c->o->id, (unsigned long long)c->o->n_entries,
                        (unsigned long long)c->o->content_bytes, (long long)c->o->changed_at_ms,
                        c->o->content_stamp ? c->o->content_stamp : "-",
                        c->rec && c->rec->seed.manifest ? c->rec->seed.manifest : "-");
}

static struct node *read_memo(struct group *g, struct compared *c)
{
    struct err ignored = {0};
    char *text = NULL;
    size_t n = 0;

    if (!g->home || home_get(g->home, g->a, memo_key(g->a, c->d->endpoint, c->d->name, c->d->kind), &text, &n, &ignored) < 0 ||
        !text)
        return NULL;
    c->memo = text;
    return json_read_err(g->a, "memo", text, n, &ignored);
}

static uint64_t memo_number(const struct node *memo, const char *key)
{
    const struct node *n = node_get(memo, key);

    return node_is(n, NODE_NUMBER) && n->num >= 0 ? (uint64_t)n->num : 0;
}

static bool is_approved(const struct group *g, const struct seed_look *s)
{
    const struct world *w = &g->r->world;

    for (size_t i = 0; i < w->n_approvals; i++)
        if (text_eq(w->approvals[i].endpoint, s->endpoint) && text_eq(w->approvals[i].name, s->name) &&
            text_eq(w->approvals[i].digest, s->digest))
            return true;
    return false;
}

/* The last look, where nothing changed since. Only of what leads to no act: before anything is undone, both ends are read. */
static bool recall_look(struct group *g, struct compared *c, const struct node *memo)
{
    const char *verdict = node_str(node_get(memo, "verdict"));
    struct seed_look s = c->look;

    if (c->asked || !verdict || !text_eq(node_str(node_get(memo, "remote")), remote_stamp(g->a, c)))
        return false;
    for (s.verdict = 0; s.verdict < MANIFEST_VERDICT_COUNT; s.verdict++)
        if (strcmp(verdict, manifest_verdict_name(s.verdict)) == 0)
            break;
    s.n_lost = memo_number(memo, "lost");
    s.lost_bytes = memo_number(memo, "lostBytes");
    s.lost = node_str(node_get(memo, "list"));
    s.digest = node_str(node_get(memo, "digest"));
    s.remote_tree = node_str(node_get(memo, "remoteTree"));
    if (s.verdict == MANIFEST_VERDICT_COUNT || !s.digest || !s.remote_tree)
        return false;
    if (s.verdict != MANIFEST_SAME && (s.n_lost == 0 || is_approved(g, &s)))
        return false;
    c->look = s;
    return true;
}

static const char *memo_text(struct arena *a, const struct compared *c)
{
    struct node *o = node_object(a);

    node_set(a, o, "stamp", node_string(a, c->stamp));
    node_set(a, o, "source", node_string(a, c->source));
    if (c->has_look && !c->look.doubt) {
        node_set(a, o, "remote", node_string(a, remote_stamp(a, c)));
        node_set(a, o, "verdict", node_string(a, manifest_verdict_name(c->look.verdict)));
        node_set(a, o, "lost", node_number(a, (double)c->look.n_lost));
        node_set(a, o, "lostBytes", node_number(a, (double)c->look.lost_bytes));
        node_set_text(a, o, "list", c->look.lost);
        node_set_text(a, o, "digest", c->look.digest);
        node_set_text(a, o, "remoteTree", c->look.remote_tree);
    }
    return node_json(a, o);
}

/* --- the other end --------------------------------------------------------------------------------------------------------- */

struct indexing {
    struct arena *a;
    const struct call *call;
    struct manifest m;
};

static int take_index(void *ctx, const struct tree_stream *from, struct err *e)
{
    static const struct tree_read_req req = {.links = TREE_LINKS_KEEP, .special_modes = true};
    struct indexing *x = ctx;

    return tree_index(x->a, &req, from, x->call, &x->m, NULL, e);
}

/* Bits that a seed never has: a host may give directories some of its own accord. */
static int without_special_modes(struct arena *a, const struct manifest *m, struct manifest *ret, struct err *e)
{
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, m->n);

    for (size_t i = 0; i < m->n; i++) {
        v[i] = m->v[i];
        v[i].mode &= 0777;
    }
    return manifest_make(v, m->n, ret, e);
}

/* The copy that lies beside the tree, where it is the one that is on record: whoever works there could have written another. */
static int fetch_base(struct group *g, struct compared *c, struct manifest *ret, struct err *e)
{
    static const char *const argv[] = {"/bin/sh", "-c", "cat ../.reconclaw/manifest 2>/dev/null||cat .reconclaw/manifest", NULL};
    int fd = memfd_create("manifest", MFD_CLOEXEC), status = 0, r = -1;
    const struct exec_req req = {.name = c->o->name, .id = c->o->id, .argv = argv, .fd_in = -1, .fd_out = fd, .fd_err = -1};
    const struct call call = call_of(g, c);
    off_t n;

    if (fd < 0 || !g->b->ops->exec || g->b->ops->exec(g->b, &req, &call, &status, e) < 0 || status != 0 ||
        (n = lseek(fd, 0, SEEK_END)) <= 0 || n > (off_t)LIMIT_MANIFEST_BYTES) {
        (void)err_set(e, ERR_NOT_FOUND, 0, "there is no manifest");
    } else {
        char *text = arena_alloc(g->a, (size_t)n + 1), digest[DIGEST_HEX];

        if (pread(fd, text, (size_t)n, 0) != n)
            (void)err_set(e, ERR_IO, 0, "reading a manifest");
        else if (digest_sha256_hex(text, (size_t)n, digest), strcmp(digest, c->rec->seed.manifest) != 0)
            (void)err_set(e, ERR_INPUT, 0, "the manifest there is not what was written");
        else
            r = manifest_parse(g->a, text, (size_t)n, ret, e);
    }
    if (fd >= 0)
        (void)close(fd);
    return r;
}

/* What both ends once were; NULL: nobody knows. */
static const struct manifest *find_base(struct group *g, struct compared *c)
{
    struct manifest *m = ARENA_NEW(g->a, struct manifest);
    struct err ignored = {0};

    if (!c->rec || !c->rec->seed.manifest)
        return NULL;
    if (g->home && seeds_get(g->home, g->a, c->rec->seed.manifest, m, &ignored) == 0)
        return m;
    return fetch_base(g, c, m, &ignored) == 0 ? m : NULL;
}

static void put_entry(struct buf *b, const struct manifest_entry *x)
{
    if (x)
        buf_printf(b, "%d %o %llu %s %s\n", (int)x->type, x->mode, (unsigned long long)x->size, x->digest ? x->digest : "-",
                   x->target ? x->target : "-");
    else
        buf_puts(b, "-\n");
}

/* All that would be lost, and of which tree. Lengths come first: no path can look like another line. */
static const char *lost_digest(struct arena *a, const struct observed *o, const struct manifest_changes *lost)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    buf_printf(&b, "tree %zu %s\n", strlen(o->id), o->id);
    for (size_t i = 0; i < lost->n; i++) {
        const struct manifest_change *x = &lost->v[i];
        const char *path = x->to ? x->to->path : x->from->path;

        buf_printf(&b, "%d %u %zu %s\n", (int)x->kind, x->what, strlen(path), path);
        put_entry(&b, x->from);
        put_entry(&b, x->to);
    }
    return digest_sha256(a, buf_str(&b), b.n);
}

static int look_at_both(struct group *g, struct compared *c, struct err *e)
{
    const struct call call = call_of(g, c);
    struct indexing x = {.a = g->a, .call = &call};
    const struct manifest *base;
    struct manifest_three_way three;
    struct manifest plain;
    BUF_AUTO lost = BUF_INIT(1u << 20);

    if (!g->b && endpoint_open(g->opener, g->endpoint, &g->b, e) < 0)
        return -1;
    if (stream_save(g->b, c->o->id, c->o->name, take_index, &x, &call, e) < 0 || without_special_modes(g->a, &x.m, &plain, e) < 0)
        return -1;
    base = find_base(g, c);
    three = manifest_three_way(g->a, base, &plain, c->local);
    manifest_changes_format(&lost, &three.lost, LOST_LINES);
    c->look.verdict = three.verdict;
    c->look.n_lost = three.lost.n;
    c->look.lost_bytes = three.lost_bytes;
    c->look.lost = arena_strdup(g->a, buf_str(&lost));
    c->look.digest = lost_digest(g->a, c->o, &three.lost);
    c->look.remote_tree = arena_strdup(g->a, x.m.tree);
    c->lost = three.lost;
    c->is_fresh = true;
    return 0;
}

/* --- one runtime ----------------------------------------------------------------------------------------------------------- */

static int compare_with(struct group *g, struct compared *c, struct tree *t, struct err *e)
{
    const char *known = c->rec ? c->rec->seed.source : NULL;
    const struct node *memo = read_memo(g, c);
    int64_t newest;

    tree_stamp_digest(t, c->stamp, &newest);
    c->stamp_keeps = newest <= g->r->now_ms - FRESH_MS;
    if (!text_eq(node_str(node_get(memo, "stamp")), c->stamp) || !node_str(node_get(memo, "source")))
        memo = NULL;
    if (memo)
        c->source = node_str(node_get(memo, "source"));
    else if (read_local(g, c, t, e) < 0)
        return -1;
    /* Where nobody knows what they were, they are from now on compared with what they are. */
    if (!c->asked && (!known || strcmp(known, c->source) == 0))
        return 0;
    c->has_look = true;
    if (memo && recall_look(g, c, memo))
        return 0;
    return read_local(g, c, t, e) < 0 ? -1 : look_at_both(g, c, e);
}

static void compare_one(struct group *g, struct compared *c)
{
    struct tree *t = NULL;
    struct err e = {0};

    c->look = (struct seed_look){.endpoint = c->d->endpoint, .name = c->d->name, .runtime = c->d->kind};
    if (scan_local(g, c, &t, &e) < 0 || compare_with(g, c, t, &e) < 0) {
        c->has_look = true;
        c->look.doubt = arena_strdup(g->a, e.msg);
    }
    tree_close(t);
}

static void *compare_group(void *ctx)
{
    struct group *g = ctx;

    for (size_t i = 0; i < g->v.n; i++)
        compare_one(g, &g->v.v[i]);
    endpoint_close(g->opener, g->b);
    g->b = NULL;
    return NULL;
}

/* --- a round --------------------------------------------------------------------------------------------------------------- */

static const struct observed *find_seen(const struct round *r, const struct desired *d)
{
    for (size_t i = 0; i < r->n_looks; i++) {
        const struct observation *o = &r->looks[i].seen;

        for (size_t k = 0; o->ok && k < o->n && strcmp(r->looks[i].endpoint, d->endpoint) == 0; k++)
            if (o->v[k].kind == d->kind && strcmp(o->v[k].name, d->name) == 0)
                return &o->v[k];
    }
    return NULL;
}

static const struct record *find_record(const struct round *r, const struct desired *d)
{
    for (size_t i = 0; i < r->n_records; i++)
        if (r->records[i].kind == d->kind && strcmp(r->records[i].name, d->name) == 0 &&
            strcmp(r->records[i].endpoint, d->endpoint) == 0)
            return &r->records[i];
    return NULL;
}

static bool is_asked(const struct round *r, const struct desired *d)
{
    for (size_t i = 0; i < r->world.n_requests; i++) {
        const struct request *q = &r->world.requests[i];

        if (q->kind == ACT_RESEED && !q->snapshot && q->runtime == d->kind && strcmp(q->name, d->name) == 0 &&
            strcmp(q->endpoint, d->endpoint) == 0)
            return true;
    }
    return false;
}

static bool is_followed(const struct desired *d)
{
    return text_eq(node_str(node_path(d->create, "seed", "policy", NULL)), "onChange");
}

/* What is empty, foreign or not readable needs no look: the planner knows without. */
static bool is_comparable(const struct observed *o)
{
    return o && o->id && o->ownership != OWN_FOREIGN && o->state != RUN_UNKNOWN && o->state != RUN_ABSENT &&
           !(o->content_known && o->n_entries == 0);
}

static struct group *group_of(struct compare *x, struct arena *a, const char *endpoint)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->v[i].endpoint, endpoint) == 0)
            return &x->v[i];
    x->v[x->n] = (struct group){.endpoint = endpoint, .a = arena_new()};
    return &x->v[x->n++];
}

static void collect(struct round *r, struct compare *x)
{
    for (size_t i = 0; i < r->n_desired; i++) {
        const struct desired *d = &r->desired[i];
        const struct observed *o;
        struct compared c = {.d = d};
        struct group *g;

        if (d->can_remake || d->want == WANT_ABSENT)
            continue;
        c.asked = is_asked(r, d);
        if (!c.asked && !is_followed(d))
            continue;
        o = find_seen(r, d);
        if (!is_comparable(o))
            continue;
        c.o = o;
        c.rec = find_record(r, d);
        g = group_of(x, r->a, d->endpoint);
        VEC_PUSH(g->a, &g->v, c);
    }
}

void compare_seeds(struct round *r, const struct endpoint_opener *o, struct home *home, const atomic_bool *cancel)
{
    VEC(struct seed_look) looks = {0};
    struct compare *x = calloc(1, sizeof *x);

    if (!x || !(x->v = calloc(r->n_desired + 1, sizeof *x->v)))
        abort();
    r->compare = x;
    collect(r, x);
    for (size_t i = 0; i < x->n; i++) {
        struct group *g = &x->v[i];

        g->opener = o;
        g->home = home;
        g->r = r;
        g->cancel = cancel;
        if (i + 1 < x->n)
            g->started = pthread_create(&g->thread, NULL, compare_group, g) == 0;
        if (!g->started)
            (void)compare_group(g);
    }
    for (size_t i = 0; i < x->n; i++) {
        struct group *g = &x->v[i];

        if (g->started)
            (void)pthread_join(g->thread, NULL);
        for (size_t k = 0; k < g->v.n; k++)
            if (g->v.v[k].has_look)
                VEC_PUSH(r->a, &looks, g->v.v[k].look);
    }
    r->world.seeds = looks.v;
    r->world.n_seeds = looks.n;
}

const struct manifest_changes *compare_lost(const struct round *r, const struct seed_look *look)
{
    for (size_t i = 0; r->compare && i < r->compare->n; i++)
        for (size_t k = 0; k < r->compare->v[i].v.n; k++) {
            const struct compared *c = &r->compare->v[i].v.v[k];

            if (c->is_fresh && c->d->kind == look->runtime && strcmp(c->d->name, look->name) == 0 &&
                strcmp(c->d->endpoint, look->endpoint) == 0)
                return &c->lost;
        }
    return NULL;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

size_t compare_sources(struct arena *a, const struct round *r, const char *const **ret)
{
    VEC(const char *) v = {0};
    size_t n = 0;

    for (size_t i = 0; i < r->n_desired; i++) {
        const struct desired *d = &r->desired[i];
        const struct node *dirs = node_get(d->create, "dirs");

        for (size_t k = 0; !d->can_remake && is_followed(d) && node_is(dirs, NODE_ARRAY) && k < dirs->n_items; k++)
            if (node_str(node_get(dirs->items[k], "local")))
                VEC_PUSH(a, &v, node_str(node_get(dirs->items[k], "local")));
    }
    if (v.n > 1)
        qsort(v.v, v.n, sizeof *v.v, by_text);
    for (size_t i = 0; i < v.n; i++)
        if (n == 0 || strcmp(v.v[n - 1], v.v[i]) != 0)
            v.v[n++] = v.v[i];
    *ret = v.v;
    return n;
}

void compare_free(struct compare *c)
{
    for (size_t i = 0; c && i < c->n; i++)
        arena_free(c->v[i].a);
    if (c)
        free(c->v);
    free(c);
}

/* --- afterwards ------------------------------------------------------------------------------------------------------------ */

/* Whether an act of this round changed what is there or what is recorded of it. */
static bool was_acted_on(const struct round *r, const struct act_ended *done, const struct desired *d)
{
    for (size_t i = 0; i < r->plan.n_acts; i++) {
        const struct act *act = &r->plan.acts[i];

        if (done[i].end != ACT_ENDED_NONE && act->runtime == d->kind && strcmp(act->name, d->name) == 0 &&
            strcmp(act->endpoint, d->endpoint) == 0)
            return true;
    }
    return false;
}

/* Both ends hold the same, or nobody knew what the local one was: that is what they are compared with from now on. */
static bool settle_one(struct round *r, struct home *home, struct group *g, const struct compared *c)
{
    const struct record *own = c->rec ? records_find(&r->own, c->rec) : NULL;
    bool same = c->has_look && !c->look.doubt && c->look.verdict == MANIFEST_SAME && c->is_fresh;
    char digest[DIGEST_HEX];
    struct err ignored;
    struct record rec;

    if (!own || own->creating || !c->source || (!same && own->seed.source))
        return false;
    rec = *own;
    rec.seed.source = c->source;
    if (same) {
        if (seeds_put(home, c->local, digest, &ignored) < 0)
            return false;
        rec.seed.manifest = arena_strdup(g->a, digest);
    }
    if (text_eq(rec.seed.source, own->seed.source) && text_eq(rec.seed.manifest, own->seed.manifest))
        return false;
    return record_put(home, &rec, own->version, NULL, &ignored) == 0;
}

static void remember_one(struct home *home, struct group *g, const struct compared *c)
{
    const char *text;
    struct err ignored;

    if (!c->stamp_keeps || !c->source)
        return;
    text = memo_text(g->a, c);
    if (!text_eq(text, c->memo))
        (void)home_put_soft(home, memo_key(g->a, c->d->endpoint, c->d->name, c->d->kind), text, strlen(text), &ignored);
}

static bool touches_trees(const struct round *r, const struct act_ended *done)
{
    for (size_t i = 0; i < r->plan.n_acts; i++) {
        const struct act *act = &r->plan.acts[i];

        if (done[i].end != ACT_ENDED_NONE && ((act->want && !act->want->can_remake) || (act->rec && act->rec->holds_data)))
            return true;
    }
    return false;
}

void compare_settle(struct round *r, struct home *home, const struct act_ended *done)
{
    struct compare *x = r->compare;
    bool sweeps = touches_trees(r, done);
    struct err ignored;
    size_t n_swept;

    for (size_t i = 0; x && i < x->n; i++)
        for (size_t k = 0; k < x->v[i].v.n; k++) {
            struct compared *c = &x->v[i].v.v[k];

            if (was_acted_on(r, done, c->d))
                continue;
            remember_one(home, &x->v[i], c);
            sweeps = settle_one(r, home, &x->v[i], c) || sweeps;
        }
    if (sweeps)
        (void)compare_sweep(home, false, &n_swept, &ignored);
}

void compare_forget(struct home *home, const struct act *act)
{
    ARENA_AUTO a = arena_new();
    struct err ignored;

    (void)home_delete(home, memo_key(a, act->endpoint, act->name, act->runtime), &ignored);
}

int compare_sweep(struct home *home, bool dry, size_t *ret_n, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct records_view view;
    VEC(const char *) named = {0};

    if (records_read_all(home, a, &view, e) < 0)
        return -1;
    if (view.issues.n > 0) /* one that cannot be read may name any of them */
        return *ret_n = 0, 0;
    for (size_t i = 0; i < view.n; i++)
        if (view.v[i].seed.manifest)
            VEC_PUSH(a, &named, view.v[i].seed.manifest);
    return seeds_sweep(home, named.v, named.n, dry, ret_n, e);
}
