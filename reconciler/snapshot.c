#include "reconciler/snapshot.h"

#include "backends/tree.h"
#include "reconciler/stream.h"
#include "spec/base/text.h"

#include <errno.h>
#include <string.h>

#define ROOM_STEP ((uint64_t)16 << 20) /* bytes between two looks at the disk */
#define UNPACKED  ".unpacked-"
#define REMOVE_MS 600000

struct snapshot snapshot_of(const struct act *act, const char *install)
{
    const struct record *rec = act->rec;

    return (struct snapshot){
        .endpoint = act->endpoint,
        .runtime = act->name,
        .install = act->install ? act->install : install,
        .kind = act->runtime,
        .owner = act->want  ? act->want->owner
                 : rec      ? rec->owner
                 : act->obs ? act->obs->owner
                            : NULL,
        .scope_key = act->want && act->want->scope_key ? act->want->scope_key
                     : rec                             ? rec->scope_key
                                                       : NULL,
        .tree_id = act->obs ? act->obs->id : NULL,
        .reason = act->reason,
    };
}

/* --- taking ---------------------------------------------------------------------------------------------------------------- */

struct taking {
    struct home *home;
    struct tree_sink sink;
    uint64_t since_look; /* bytes since the disk was last looked at */
};

static int put(void *ctx, const void *p, size_t n, struct err *e)
{
    struct taking *t = ctx;

    t->since_look += n;
    if (t->since_look >= ROOM_STEP) {
        t->since_look = 0;
        if (snapshots_room(t->home, ROOM_STEP, e) < 0)
            return -1;
    }
    return t->sink.write(t->sink.ctx, p, n, e);
}

/* The archive at s->path, read back. */
static int write_archive(struct home *h, struct arena *a, struct snapshot *s, struct backend *b, const struct call *c,
                         struct manifest *ret, struct err *e)
{
    const struct tree_read_req req = {.links = TREE_LINKS_KEEP, .special_modes = true};
    struct tree_archive_info info = {0};
    struct tree_archive *w = NULL;
    int rc = -1;

    if (tree_archive_open(s->path, TREE_ZSTD, &w, e) < 0)
        return -1;
    struct taking t = {.home = h, .sink = tree_archive_sink(w)};
    if (b->ops->save(b, s->tree_id, s->runtime, put, &t, c, e) == 0)
        rc = tree_archive_commit(a, w, &req, c, ret, &info, e);
    tree_archive_close(w);
    s->bytes = info.bytes;
    s->digest = arena_strdup(a, info.digest);
    return rc;
}

int snapshot_take(struct home *h, struct arena *a, const struct act *act, const char *install, int64_t now_ms, struct backend *b,
                  const struct call *c, struct snapshot *ret, struct err *e)
{
    struct snapshot s = snapshot_of(act, install);
    struct manifest m;

    if (!act->obs || !act->obs->id)
        return err_set(e, ERR_REFUSED, 0, "saving the workspace of '%s': it was not seen", act->name);
    if (!b->ops->save)
        return err_set(e, ERR_UNSUPPORTED, 0, "saving the workspace of '%s': %s keeps none that could be saved", act->name,
                       b->ops->name);
    s.at_ms = now_ms;
    s.content_bytes = act->obs->content_known ? act->obs->content_bytes : 0;
    if (snapshots_begin(h, a, &s, e) < 0 || write_archive(h, a, &s, b, c, &m, e) < 0)
        return err_wrap(e, "saving the workspace of '%s'", act->name);
    m.created_at_ms = s.at_ms;
    m.install = s.install;
    if (snapshots_commit(h, &s, &m, a, e) < 0) {
        struct err ignored = {0};

        (void)snapshots_remove(h, &s, &ignored);
        return err_wrap(e, "saving the workspace of '%s'", act->name);
    }
    *ret = s;
    return 0;
}

/* --- reading --------------------------------------------------------------------------------------------------------------- */

static int open_archive(struct home *h, struct arena *a, const struct snapshot *s, struct manifest *ret_manifest,
                        struct tree_file **ret, struct err *e)
{
    if (snapshots_manifest(h, a, s, ret_manifest, e) < 0)
        return -1;
    return tree_file_open(s->path, ret, e);
}

int snapshot_unpack(struct home *h, struct arena *a, const struct snapshot *s, const char *dir, const struct call *c,
                    struct err *e)
{
    struct manifest m, out;
    struct tree_file *f = NULL;
    int rc;

    if (open_archive(h, a, s, &m, &f, e) < 0)
        return err_wrap(e, "unpacking snapshot '%s'", s->name);
    struct tree_read_req req = {.links = TREE_LINKS_KEEP, .compressed = true, .special_modes = true, .expect = &m};
    struct tree_stream from = tree_file_stream(f);
    rc = tree_receive(a, &req, &from, dir, c, &out, NULL, e);
    tree_file_close(f);
    return rc < 0 ? err_wrap(e, "unpacking snapshot '%s'", s->name) : 0;
}

/* What never was there begins as its owner has it here, even if another of its name was once. */
static bool begins_again(const struct act *act)
{
    return act->kind == ACT_RECREATE || act->moves_from || act->rec;
}

int snapshot_seed(struct home *h, struct arena *a, const struct act *act, const char *install, const struct call *c,
                  const char **ret, struct err *e)
{
    const struct file_dir *top = home_dir(h, "snapshots");
    struct snapshot like = snapshot_of(act, install);
    const struct snapshot *s;
    struct snapshots_view view;
    const char *dir;

    *ret = NULL;
    if (!act->restores &&
        (!begins_again(act) || !text_eq(node_str(node_path(act->want->create, "seed", "from", NULL)), "snapshot")))
        return 0;
    if (act->moves_from)
        like.endpoint = act->moves_from->endpoint;
    if (snapshots_read(h, a, &view, e) < 0)
        return -1;
    s = act->restores ? NULL : snapshots_find(&view, &like);
    if (act->restores && snapshots_named(&view, act->restores, &s, e) < 0)
        return -1;
    if (!s)
        return 0;
    dir = arena_printf(a, UNPACKED "%.16s", digest_sha256(a, s->name, strlen(s->name)));
    if (tree_remove(top->fd, dir, c, e) < 0 || snapshot_unpack(h, a, s, arena_printf(a, "%s/%s", top->path, dir), c, e) < 0)
        return -1;
    *ret = arena_printf(a, "%s/%s", top->path, dir);
    return 0;
}

static bool is_wanted(const struct node *dirs, const char *path)
{
    size_t n = strcspn(path, "/");

    for (size_t i = 0; node_is(dirs, NODE_ARRAY) && i < dirs->n_items; i++) {
        const char *name = node_str(node_get(dirs->items[i], "name"));

        if (name && strlen(name) == n && strncmp(name, path, n) == 0)
            return true;
    }
    return false;
}

struct proving {
    struct arena *a;
    struct manifest expect;
    const struct call *c;
};

static int read_back(void *ctx, const struct tree_stream *from, struct err *e)
{
    struct proving *p = ctx;
    const struct tree_read_req req = {.links = TREE_LINKS_KEEP, .special_modes = true, .expect = &p->expect};
    struct manifest m;

    return tree_index(p->a, &req, from, p->c, &m, NULL, e);
}

int snapshot_prove(struct home *h, struct arena *a, const struct act *act, struct backend *b, const struct call *c, struct err *e)
{
    const struct node *dirs = node_get(act->want->create, "dirs");
    struct proving p = {.a = a, .c = c};
    const struct snapshot *s;
    struct snapshots_view view;
    struct manifest_entry *v;
    struct manifest m;
    size_t n = 0;

    if (snapshots_read(h, a, &view, e) < 0 || snapshots_named(&view, act->restores, &s, e) < 0 ||
        snapshots_manifest(h, a, s, &m, e) < 0)
        return -1;
    v = ARENA_ARRAY(a, struct manifest_entry, m.n);
    for (size_t i = 0; i < m.n; i++)
        if (is_wanted(dirs, m.v[i].path))
            v[n++] = m.v[i];
    if (manifest_make(v, n, &p.expect, e) < 0)
        return -1;
    return stream_save(b, NULL, act->name, read_back, &p, c, e);
}

/* Also what a crash has left of it. */
static void remove_unpacked(struct home *h)
{
    const struct file_dir *top = home_dir(h, "snapshots");
    const struct call call = {.timeout_ms = REMOVE_MS};
    ARENA_AUTO a = arena_new();
    struct file_name *names;
    struct err ignored;
    size_t n;

    if (file_list(a, top, &names, &n, &ignored) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (text_has_prefix(names[i].name, UNPACKED) || text_has_prefix(names[i].name, "." UNPACKED))
            (void)tree_remove(top->fd, names[i].name, &call, &ignored);
}

int snapshot_verify(struct home *h, struct arena *a, const struct snapshot *s, const struct call *c, struct err *e)
{
    struct manifest m, out;
    struct tree_file *f = NULL;
    int rc;

    if (open_archive(h, a, s, &m, &f, e) < 0)
        return err_wrap(e, "reading snapshot '%s'", s->name);
    struct tree_read_req req = {.links = TREE_LINKS_KEEP, .compressed = true, .special_modes = true, .expect = &m};
    struct tree_stream from = tree_file_stream(f);
    rc = tree_index(a, &req, &from, c, &out, NULL, e);
    tree_file_close(f);
    return rc < 0 ? err_wrap(e, "reading snapshot '%s'", s->name) : 0;
}

/* --- how long -------------------------------------------------------------------------------------------------------------- */

static bool is_of(const struct snapshot *s, const char *endpoint, const char *name, enum runtime_kind kind)
{
    return kind == s->kind && strcmp(endpoint, s->endpoint) == 0 && strcmp(name, s->runtime) == 0;
}

/* Today's spec of it, else that of its OpenClaw, else what holds for all. */
static const struct policy *policy_of(const struct round *r, const struct snapshot *s)
{
    for (size_t i = 0; i < r->n_desired; i++)
        if (is_of(s, r->desired[i].endpoint, r->desired[i].name, r->desired[i].kind) &&
            text_eq(r->desired[i].install, s->install))
            return &r->desired[i].policy;
    for (size_t i = 0; s->kind != RUNTIME_SANDBOX && i < r->load->n_openclaws; i++)
        if (text_eq(r->load->openclaws[i].install, s->install))
            return &r->load->openclaws[i].object->policy;
    return &r->load->specs.policy;
}

/* Seen there with something in it, and nothing is done to it. */
static bool is_alive(const struct round *r, const struct snapshot *s)
{
    for (size_t i = 0; i < r->plan.n_acts; i++) {
        const struct act *act = &r->plan.acts[i];

        if (act->kind != ACT_HOLD && act->kind != ACT_REPORT && is_of(s, act->endpoint, act->name, act->runtime))
            return false;
    }
    for (size_t i = 0; i < r->n_looks; i++) {
        const struct observation *o = &r->looks[i].seen;

        for (size_t k = 0; o->ok && k < o->n; k++)
            if (is_of(s, o->v[k].endpoint, o->v[k].name, o->v[k].kind))
                return o->v[k].state != RUN_UNKNOWN && o->v[k].state != RUN_ABSENT && o->v[k].content_known &&
                       o->v[k].n_entries > 0;
    }
    return false;
}

const char *snapshot_over(struct arena *a, const struct round *r, const struct snapshots_view *view, size_t i)
{
    const struct policy *p = policy_of(r, &view->v[i]);
    const struct retention retention = {.count = p->snapshot_count, .age_ms = p->snapshot_ms, .bytes = p->snapshot_bytes};

    return snapshots_over(a, view, i, &retention, is_alive(r, &view->v[i]), r->now_ms);
}

int snapshot_delete(struct home *h, struct journal *j, const struct snapshot *s, const char *why, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct journal_entry entry = {.time_ms = host_now_ms(),
                                  .event = JOURNAL_SNAPSHOT_DELETED,
                                  .object = s->owner,
                                  .endpoint = s->endpoint,
                                  .runtime = s->runtime,
                                  .kind = s->kind,
                                  .reason = arena_printf(a, "%s: %s", s->name, why),
                                  .outcome = JOURNAL_OK};
    struct err ignored;
    int rc = snapshots_remove(h, s, e);

    if (rc < 0) {
        entry.outcome = JOURNAL_FAILED;
        entry.error = e->class;
        entry.message = e->msg;
    }
    (void)journal_append(j, &entry, NULL, &ignored);
    return rc;
}

void snapshot_collect(struct home *h, struct journal *j, const struct round *r)
{
    ARENA_AUTO a = arena_new();
    struct snapshots_view view;
    struct err ignored;
    size_t n_swept;

    remove_unpacked(h);
    (void)snapshots_sweep(h, &n_swept, &ignored);
    if (snapshots_read(h, a, &view, &ignored) < 0)
        return;
    for (size_t i = 0; i < view.n; i++) {
        const char *why = snapshot_over(a, r, &view, i);

        if (why)
            (void)snapshot_delete(h, j, &view.v[i], why, &ignored);
    }
}
