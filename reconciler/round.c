#include "reconciler/round.h"

#include "reconciler/endpoint.h"
#include "reconciler/kept.h"
#include "reconciler/local_fs.h"
#include "reconciler/podman.h"
#include "reconciler/remember.h"
#include "reconciler/secrets.h"
#include "reconciler/uses.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/kinds_desired.h"
#include "spec/openclaw/context.h"
#include "spec/openclaw/expand.h"
#include "state/quarantine.h"

#include <stdlib.h>
#include <string.h>

/* --- records
 * ---------------------------------------------------------------------------------------------------------------------------- */

struct looking {
    const struct round_conf *conf;
    struct round *r;
    struct arena *a;
    VEC(struct notice) notices;
    VEC(struct record) records;
    VEC(struct desired) desired;
    VEC(const char *) endpoints;
    VEC(struct dir_use) uses;
    bool has_dirs; /* something is left behind, or may be */
};

static void add_notice(struct looking *in, enum notice_level level, const char *object, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static void add_notice(struct looking *in, enum notice_level level, const char *object, const char *remedy, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    VEC_PUSH(in->a, &in->notices,
             ((struct notice){.level = level, .object = object, .text = arena_vprintf(in->a, fmt, ap), .remedy = remedy}));
    va_end(ap);
    in->r->blocked = in->r->blocked || level == NOTICE_BLOCKED;
}

static void add_issues(struct looking *in, const char *object, const struct issues *issues)
{
    for (size_t i = 0; i < issues->n; i++) {
        const struct issue *s = &issues->v[i];

        add_notice(in, s->kind == ISSUE_LEFTOVER || s->kind == ISSUE_STALE_LOCK ? NOTICE_INFO : NOTICE_WARNING, object, NULL,
                   "%s: %s", s->path, s->text);
    }
}

static const char *object_name(struct arena *a, const struct load_openclaw *o)
{
    return arena_printf(a, "OpenClaw/%s", o->object->head.name);
}

static void read_registry(struct looking *in, struct round_openclaw *o)
{
    const char *object = object_name(in->a, o->from);
    struct registry *g = &o->registry;
    struct err e = {0};

    registry_open(in->a, oc_line_of(&o->from->places), o->from->paths.state_dir, o->from->install,
                  in->conf->store->home ? home_keep_dir(in->conf->store->home) : NULL, REGISTRY_BUSY_MS, g);
    /* The line was found when the specs were loaded. */
    if (g->driven && !registry_is_sqlite(g) && g->generation.has_table && !o->from->object->line) {
        g->driven = false;
        g->why = arena_printf(in->a, "its registry has just moved into '%s'", db_path(in->a, o->from->paths.state_dir));
    }
    /* In the middle of an upgrade: what the last good config makes by other rules, nobody has written down. */
    if (g->driven && o->from->source.root && o->from->good_for != o->from->places.line) {
        g->driven = false;
        g->why = arena_printf(in->a, "OpenClaw %s became %s, and its config does not load by the rules of that line yet",
                              o->from->good_for->name, o->from->places.line->name);
        g->remedy = "openclaw doctor --fix";
    }
    if (!g->driven) {
        add_notice(in, NOTICE_BLOCKED, object, g->remedy, "%s; nothing of it is touched", g->why);
        return;
    }
    if (!o->from->detected.known)
        add_notice(in, NOTICE_WARNING, object, "line: in its spec, once it is known to be one of those",
                   "%s: what is there is shown, and nothing of it is done but what you name", o->from->detected.why);
    if (g->why[0])
        add_notice(in, NOTICE_WARNING, object, g->remedy, "%s", g->why);
    if (registry_read(in->a, g, store_cache(in->conf->store, o->from->install), REGISTRY_BUSY_MS, in->r->now_ms, &o->view, &e) <
        0) {
        add_notice(in, NOTICE_BLOCKED, object, NULL, "%s; what is recorded is unknown, and nothing of it is touched", e.msg);
        return;
    }
    o->driven = true;
    add_issues(in, object, &o->view.issues);
    for (size_t i = 0; i < o->view.n; i++) {
        struct record rec = o->view.records[i];

        if (strcmp(rec.endpoint, OC_PODMAN_ENDPOINT) == 0 && !podman_is_of(in->conf->host, o->from->paths.state_dir))
            rec.endpoint = SHARD_PODMAN_ELSEWHERE "another-user";
        VEC_PUSH(in->a, &in->records, rec);
    }
}

/* OpenClaw's rows do not tell where a remote runtime is; its backend alone stands there. */
static bool is_unplaced(const struct record *r)
{
    return strcmp(r->endpoint, "ssh") == 0 || strcmp(r->endpoint, "openshell") == 0;
}

static struct record *find_record(struct looking *in, const struct record *like)
{
    for (size_t i = 0; i < in->records.n; i++) {
        struct record *r = &in->records.v[i];

        if (r->kind == like->kind && strcmp(r->name, like->name) == 0 && strcmp(r->install, like->install) == 0 &&
            (strcmp(r->endpoint, like->endpoint) == 0 || (is_unplaced(r) && text_has_prefix(like->endpoint, r->endpoint))))
            return r;
    }
    return NULL;
}

/* Of several that tell of one row, in the middle of a move: the one with its label counts, or else the one made last. */
static bool tells_more(const struct record *x, const struct record *y, const struct record *row)
{
    bool x_label = text_eq(x->image, row->image), y_label = text_eq(y->image, row->image);

    return x_label != y_label ? x_label : x->created_at_ms > y->created_at_ms;
}

static bool is_of_row(const struct records_view *all, const struct record *own, const struct record *row)
{
    for (size_t i = 0; is_unplaced(row) && i < all->n; i++) {
        const struct record *other = &all->v[i];

        if (other->kind == own->kind && strcmp(other->name, own->name) == 0 && text_eq(other->install, own->install) &&
            text_has_prefix(other->endpoint, row->endpoint) && tells_more(other, own, row))
            return false;
    }
    return true;
}

static bool is_driven(const struct round *r, const char *install)
{
    const struct round_openclaw *o = round_openclaw(r, install);

    return o && o->driven;
}

/* Our own records: of sandboxes all there is; of OpenClaw's runtimes what a shard cannot hold. */
static int read_own_records(struct looking *in, struct err *e)
{
    struct round *r = in->r;

    if (!in->conf->store->home)
        return 0;
    if (records_read_all(in->conf->store->home, in->a, &r->own, e) < 0)
        return err_wrap(e, "reading our own records");
    add_issues(in, NULL, &r->own.issues);
    for (size_t i = 0; i < r->own.n; i++) {
        const struct record *own = &r->own.v[i];
        struct record *shard;

        if (own->kind == RUNTIME_SANDBOX) {
            if (strcmp(own->install, in->conf->store->install) == 0)
                VEC_PUSH(in->a, &in->records, *own);
            continue;
        }
        if (!is_driven(r, own->install))
            continue;
        shard = find_record(in, own);
        if (!shard || !is_of_row(&r->own, own, shard)) {
            VEC_PUSH(in->a, &in->records, *own);
            continue;
        }
        shard->creating = own->creating;
        shard->setup_failed = own->setup_failed;
        shard->id = own->id;
        shard->seed = own->seed;
        if (is_unplaced(shard)) {
            shard->endpoint = own->endpoint;
            shard->holds_data = own->holds_data;
            shard->config_hash = own->config_hash;
            shard->backend_target = own->backend_target;
        }
    }
    return 0;
}

/* What was left behind before; and where it is by its real path, since that is what uses are compared with. */
static int read_leftovers(struct looking *in, struct err *e)
{
    struct leftovers_view *view = &in->r->leftovers;

    if (!in->conf->store->home)
        return 0;
    if (leftovers_read(in->conf->store->home, in->a, view, e) < 0)
        return err_wrap(e, "reading what was left behind");
    add_issues(in, NULL, &view->issues);
    for (size_t i = 0; i < view->n; i++) {
        struct leftover *l = &view->v[i];
        struct err ignored = {0};
        char *real = NULL;

        in->has_dirs = in->has_dirs || l->state == LEFTOVER_LEAVING;
        if (local_fs.realpath(local_fs.ctx, in->a, l->root, &real, &ignored) == 0)
            l->real = arena_printf(in->a, "%s/%s", real, l->slug);
        if (l->state == LEFTOVER_KEPT)
            l->gone = quarantine_is_gone(l->root, l->entry, &(struct quarantine_id){l->dev, l->ino});
    }
    return 0;
}

/* --- what is wanted
 * ----------------------------------------------------------------------------------------------------------------------- */

static void expand_sandboxes(struct looking *in)
{
    const struct load *load = in->r->load;
    const struct secret_source secrets = secrets_of(in->conf->host);
    const struct kinds_desired_conf conf = {.install = in->conf->store->install,
                                            .secrets = &secrets,
                                            .fs = &local_fs,
                                            .home = in->conf->host->home,
                                            .check_only = in->conf->check_only};
    struct desired *v = NULL;
    size_t n = 0;

    if (specs_to_desired(in->a, &load->specs, &conf, &in->r->diags, &v, &n) < 0)
        return; /* r->diags has errors: no sandbox is wanted or unwanted, see mark_unwanted() */
    for (size_t i = 0; i < n; i++) {
        v[i].source = load_file_path(load, v[i].origin.file);
        VEC_PUSH(in->a, &in->desired, v[i]);
    }
}

const struct desired *round_find_desired(const struct desired *v, size_t n, const char *endpoint, const char *name,
                                         enum runtime_kind kind)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].kind == kind && strcmp(v[i].name, name) == 0 && strcmp(v[i].endpoint, endpoint) == 0)
            return &v[i];
    return NULL;
}

/* A sandbox that was made from a spec file which is part of this load, and is not in it any more. */
static void mark_unwanted(struct looking *in, bool sandboxes_known)
{
    for (size_t i = 0; i < in->records.n; i++) {
        struct record *rec = &in->records.v[i];

        if (rec->kind != RUNTIME_SANDBOX ||
            round_find_desired(in->desired.v, in->desired.n, rec->endpoint, rec->name, RUNTIME_SANDBOX))
            continue;
        if (sandboxes_known && rec->source && load_covers(in->r->load, rec->source))
            rec->unwanted_because = arena_printf(in->a, "'%s' names it no longer", rec->source);
    }
}

static struct oc_instance instance_of(const struct looking *in, const struct round_openclaw *o, struct oc_collator *collator)
{
    const char *default_agent = oc_default_agent(in->a, oc_line_of(&o->from->places), o->from->source.root);
    struct secret_source *secrets = ARENA_NEW(in->a, struct secret_source);

    *secrets = secrets_of(in->conf->host);
    return (struct oc_instance){.config = o->from->source.root,
                                .places = &o->from->places,
                                .fs = &local_fs,
                                .os_home = in->conf->host->home,
                                .collator = collator,
                                .uid = in->conf->host->uid,
                                .gid = in->conf->host->gid,
                                .created_at_ms = in->r->now_ms,
                                .memo = o->memo,
                                .missing = o->from->source.missing,
                                .default_agent = default_agent ? default_agent : "",
                                .podman = o->podman,
                                .user = in->conf->host->user,
                                .agent_socket = host_env(in->conf->host, "SSH_AUTH_SOCK"),
                                .env = o->from->source.env,
                                /* The machine that checks may have none of them. */
                                .secrets = in->conf->check_only ? NULL : secrets,
                                .seed = o->from->object->seed};
}

static void add_endpoint(struct looking *in, const char *endpoint)
{
    for (size_t i = 0; i < in->endpoints.n; i++)
        if (strcmp(in->endpoints.v[i], endpoint) == 0)
            return;
    if (backend_find(endpoint))
        VEC_PUSH(in->a, &in->endpoints, endpoint);
}

static struct endpoint_opener opener_of(const struct looking *in)
{
    return (struct endpoint_opener){.host = in->conf->host,
                                    .state_dir = in->conf->store->home ? home_path(in->conf->store->home) : NULL,
                                    .install = in->conf->store->install,
                                    .reach = in->conf->store->reach};
}

/* What agents of backend podman are made from depends on which podman it is: asked before anything is worked out. One that does
 * not answer is told by the look that follows. */
static void ask_podman(struct looking *in)
{
    const struct endpoint_opener opener = opener_of(in);
    bool is_slow = !in->conf->deep && store_is_slow(in->conf->store, OC_PODMAN_ENDPOINT), asked = false;
    struct oc_podman *podman = NULL;

    for (size_t i = 0; i < in->r->n_openclaws; i++) {
        struct round_openclaw *o = &in->r->openclaws[i];
        struct err e = {0};

        if (!o->driven || !o->from->source.root)
            continue;
        OC_COLLATOR_AUTO collator = OC_COLLATOR(o->from->locale);
        const struct oc_instance oc = instance_of(in, o, &collator);

        if (!oc_asks_podman(in->a, &oc))
            continue;
        if (!podman_is_of(in->conf->host, o->from->paths.state_dir)) {
            add_notice(in, NOTICE_WARNING, object_name(in->a, o->from), "reconclaw as that user, or with CONTAINER_HOST set",
                       "agents are sandboxed by the podman of another user: nothing of it is touched");
            continue;
        }
        add_endpoint(in, OC_PODMAN_ENDPOINT);
        if (!asked) {
            podman = ARENA_NEW(in->a, struct oc_podman);
            if (podman_ask(&opener, is_slow ? OBSERVE_SLOW_MS : PODMAN_ASK_MS, in->conf->cancel, podman, &e) < 0)
                podman = NULL;
            asked = true;
        }
        o->podman = podman;
    }
}

static bool wants_docker(const struct oc_expansion *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->v[i].endpoint, "docker") == 0)
            return true;
    return false;
}

/* Whether some agent of this OpenClaw is sandboxed by docker at all: then it is looked at, also with nothing recorded. */
static bool sandboxes_any(struct looking *in, const struct oc_expand *ask)
{
    struct openclaw_object all = *ask->object;
    struct oc_expand would_ask = *ask;
    struct diags ignored = {.arena = in->a};
    struct oc_expansion would = {0};

    all.ensure = ENSURE_ALL;
    would_ask.object = &all;
    would_ask.n_records = 0;
    (void)oc_expand(in->a, &would_ask, &would, &ignored);
    return wants_docker(&would);
}

static bool drives(const char *backend)
{
    return backend_find(backend);
}

static void expand_openclaw(struct looking *in, struct round_openclaw *o, bool *ret_failed, bool *ret_any)
{
    OC_COLLATOR_AUTO collator = OC_COLLATOR(o->from->locale);
    const struct oc_instance oc = instance_of(in, o, &collator);
    struct observation *seen = ARENA_ARRAY(in->a, struct observation, in->r->n_looks);
    const struct oc_expand ask = {.object = o->from->object,
                                  .oc = &oc,
                                  .install = o->from->install,
                                  .endpoint = "docker",
                                  .drives = drives,
                                  .records = in->records.v,
                                  .n_records = in->records.n,
                                  .observations = seen,
                                  .n_observations = in->r->n_looks,
                                  .leftovers = in->r->leftovers.v,
                                  .n_leftovers = in->r->leftovers.n,
                                  .with_dirs = in->has_dirs || in->conf->with_dirs};
    struct oc_expansion out = {0};

    if (in->conf->check_only) {
        *ret_failed = oc_check_agents(in->a, &oc, &in->r->diags) < 0;
        return;
    }
    for (size_t i = 0; i < in->r->n_looks; i++)
        seen[i] = in->r->looks[i].seen;
    *ret_failed = oc_expand(in->a, &ask, &out, &in->r->diags) < 0;
    for (size_t i = 0; i < out.n; i++)
        VEC_PUSH(in->a, &in->desired, out.v[i]);
    in->has_dirs = in->has_dirs || out.has_dirs;
    o->roots = out.roots;
    o->n_roots = out.n_roots;
    for (size_t i = 0; i < out.n_uses; i++)
        VEC_PUSH(in->a, &in->uses, out.uses[i]);
    if (out.n_foreign_backend > 0 && in->r->n_looks == 0)
        add_notice(in, NOTICE_INFO, object_name(in->a, o->from), NULL,
                   "%zu recorded runtimes of other backends are not driven by this version, and not touched",
                   out.n_foreign_backend);
    if (out.n_unplaced > 0 && in->r->n_looks == 0)
        add_notice(in, NOTICE_WARNING, object_name(in->a, o->from), NULL,
                   "%zu recorded runtimes on other hosts do not tell which hosts those are, and are not touched", out.n_unplaced);
    if (out.n_other_podman > 0 && in->r->n_looks == 0)
        add_notice(in, NOTICE_INFO, object_name(in->a, o->from), NULL,
                   "%zu recorded runtimes are another podman's than this user's own, and not touched", out.n_other_podman);
    *ret_any = wants_docker(&out) || sandboxes_any(in, &ask);
}

/* The fields of what is wanted, by the backend that will be asked for it. What a backend refuses is an error at its place; it is
 * then neither wanted nor unwanted, and nothing of its install is removed. */
static void check_desired(struct looking *in, struct install *installs, size_t n_installs)
{
    size_t kept = 0;

    for (size_t i = 0; i < in->desired.n; i++) {
        struct desired d = in->desired.v[i];
        const struct backend_ops *ops = backend_find(d.endpoint);
        struct err e = {0};

        if (ops && endpoint_complete(in->a, &local_fs, &d, &e) == 0 && ops->check(in->a, &d, &d.fields, &e) == 0) {
            in->desired.v[kept++] = d;
            continue;
        }
        if (!ops)
            err_set(&e, ERR_CONFIG, 0, "endpoint '%s' is of no backend of this version", d.endpoint);
        diag_error(&in->r->diags, d.origin, "", "%s: %s", d.owner, e.msg);
        for (size_t k = 0; k < n_installs; k++) {
            if (strcmp(installs[k].id, d.install) != 0)
                continue;
            installs[k].config_ok = false;
            installs[k].why = "a backend refuses what it wants";
        }
    }
    in->desired.n = kept;
}

/* All of what is wanted, from records and (second time) from what was seen. */
static void expand(struct looking *in, struct install *installs)
{
    struct round *r = in->r;
    size_t errors;

    in->desired.n = in->uses.n = 0;
    for (size_t i = 0; i < in->records.n; i++) {
        in->records.v[i].unwanted_because = in->records.v[i].moved_to = NULL;
        in->records.v[i].n_dirs = 0;
    }
    r->diags = (struct diags){.arena = in->a};
    expand_sandboxes(in);
    errors = r->diags.n_errors;
    installs[0].config_ok = r->load->specs_ok && errors == 0;
    installs[0].why = installs[0].config_ok ? NULL : "the specs have errors";
    mark_unwanted(in, installs[0].config_ok);
    for (size_t i = 0; i < r->n_openclaws; i++) {
        struct round_openclaw *o = &r->openclaws[i];
        bool failed = false, any = false;

        if (o->driven && o->from->source.root)
            expand_openclaw(in, o, &failed, &any);
        if (any)
            add_endpoint(in, "docker");
        installs[i + 1].config_ok = o->from->ok && !failed;
        installs[i + 1].why = installs[i + 1].config_ok ? NULL
                              : o->from->ok             ? "an agent's sandbox config has errors"
                                                        : "its config does not load";
    }
    check_desired(in, installs, r->n_openclaws + 1);
    for (size_t i = 0; i < in->desired.n; i++)
        add_endpoint(in, in->desired.v[i].endpoint);
    for (size_t i = 0; i < in->records.n; i++)
        if (strcmp(in->records.v[i].endpoint, "ssh") != 0) /* a row that does not tell its host leads nowhere */
            add_endpoint(in, in->records.v[i].endpoint);
}

/* --- what is there
 * --------------------------------------------------------------------------------------------------------------------------- */

static struct observe_req request_of(struct looking *in, const char *endpoint, const char *memo)
{
    VEC(const char *) images = {0};
    struct desired *wanted = ARENA_ARRAY(in->a, struct desired, in->desired.n);
    struct observe_req req = {
        .desired = wanted, .memo = memo, .now_ms = in->r->now_ms, .deep = in->conf->deep, .mounts = in->has_dirs};

    for (size_t i = 0; i < in->desired.n; i++) {
        const struct desired *d = &in->desired.v[i];
        bool known = !d->image;

        if (strcmp(d->endpoint, endpoint) != 0)
            continue;
        wanted[req.n_desired++] = *d;
        for (size_t k = 0; k < images.n && !known; k++)
            known = strcmp(images.v[k], d->image) == 0;
        if (!known)
            VEC_PUSH(in->a, &images, d->image);
    }
    req.images = images.v;
    req.n_images = images.n;
    struct record *recorded = ARENA_ARRAY(in->a, struct record, in->records.n);
    for (size_t i = 0; i < in->records.n; i++)
        if (strcmp(in->records.v[i].endpoint, endpoint) == 0)
            recorded[req.n_records++] = in->records.v[i];
    req.records = recorded;
    return req;
}

static void observe(struct looking *in)
{
    struct store *store = in->conf->store;
    struct round *r = in->r;
    const struct endpoint_opener opener = opener_of(in);

    reach_set(store->reach, in->conf->host, in->desired.v, in->desired.n, in->records.v, in->records.n);
    for (size_t i = 0; i < r->n_looks; i++)
        arena_free(r->looks[i].arena);
    r->n_looks = in->endpoints.n;
    r->looks = ARENA_ARRAY(in->a, struct observe_one, r->n_looks);
    for (size_t i = 0; i < r->n_looks; i++) {
        char *memo = NULL;
        size_t n = 0;
        struct err e = {0};

        /* A memo that cannot be read costs time only. */
        if (in->conf->store->home && !in->conf->deep)
            (void)home_get(in->conf->store->home, in->a, remember_memo_key(in->a, in->endpoints.v[i]), &memo, &n, &e);
        r->looks[i].endpoint = in->endpoints.v[i];
        r->looks[i].req = request_of(in, in->endpoints.v[i], memo);
        r->looks[i].timeout_ms =
            !in->conf->deep && store_is_slow(store, in->endpoints.v[i]) ? OBSERVE_SLOW_MS : OBSERVE_TIMEOUT_MS;
    }
    observe_all(&opener, r->looks, r->n_looks, in->conf->cancel);
    for (size_t i = 0; i < r->n_looks; i++)
        store_note_look(store, r->looks[i].endpoint, r->looks[i].timed_out, r->looks[i].seen.ok);
}

static int by_name(const void *px, const void *py)
{
    const struct record *x = *(const struct record *const *)px, *y = *(const struct record *const *)py;
    int by = strcmp(x->name, y->name);

    return by ? by : (int)x->kind - (int)y->kind;
}

/* Whether what was seen adds to what the records told: then wishes are worked out anew. */
static bool saw_unrecorded(const struct looking *in)
{
    const struct record **sorted = ARENA_ARRAY(in->a, const struct record *, in->records.n);

    for (size_t i = 0; i < in->records.n; i++)
        sorted[i] = &in->records.v[i];
    if (in->records.n > 0)
        qsort(sorted, in->records.n, sizeof *sorted, by_name);
    for (size_t i = 0; i < in->r->n_looks; i++) {
        const struct observation *o = &in->r->looks[i].seen;

        for (size_t k = 0; k < o->n; k++) {
            const struct record key = {.kind = o->v[k].kind, .name = o->v[k].name}, *like = &key;

            if (o->v[k].kind == RUNTIME_SANDBOX || o->v[k].ownership == OWN_FOREIGN)
                continue;
            if (in->records.n == 0 || !bsearch(&like, sorted, in->records.n, sizeof *sorted, by_name))
                return true;
        }
    }
    return false;
}

static bool has_image(const struct observation *o, const char *ref)
{
    for (size_t i = 0; i < o->n_images; i++)
        if (strcmp(o->images[i].ref, ref) == 0)
            return true;
    return false;
}

/* Whether an endpoint, image or mount is wanted that was not asked about. */
static bool needs_another_look(const struct looking *in)
{
    if (in->endpoints.n != in->r->n_looks || (in->has_dirs && in->r->n_looks > 0 && !in->r->looks[0].req.mounts))
        return true;
    for (size_t i = 0; i < in->desired.n; i++) {
        const struct desired *d = &in->desired.v[i];

        for (size_t k = 0; d->image && k < in->r->n_looks; k++)
            if (strcmp(in->r->looks[k].endpoint, d->endpoint) == 0 && in->r->looks[k].seen.ok &&
                !has_image(&in->r->looks[k].seen, d->image))
                return true;
    }
    return false;
}

/* --- the world
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

const char *round_want(struct arena *a, const struct round *r, const struct desired *d)
{
    for (size_t i = 0; d->image && i < r->n_looks; i++) {
        const struct observation *o = &r->looks[i].seen;

        for (size_t k = 0; k < o->n_images && strcmp(r->looks[i].endpoint, d->endpoint) == 0; k++)
            if (strcmp(o->images[k].ref, d->image) == 0 && o->images[k].id)
                return arena_printf(a, "%s %s", d->config_hash, o->images[k].id);
    }
    return d->config_hash;
}

/* What was recorded of a runtime may be there and not readable (a corrupt shard). Nothing is known of it then, and it is no
 * orphan; one that is wanted is adopted, and the unreadable bytes are kept. */
static void hide_unreadable(struct looking *in)
{
    for (size_t i = 0; i < in->r->n_openclaws; i++) {
        const struct round_openclaw *x = &in->r->openclaws[i];

        if (!x->driven || x->view.issues.n == 0)
            continue;
        for (size_t k = 0; k < in->r->n_looks; k++) {
            struct observation *o = &in->r->looks[k].seen;

            for (size_t m = 0; m < o->n; m++)
                if (o->v[m].kind != RUNTIME_SANDBOX && registry_is_hidden(&x->view, o->v[m].kind, o->v[m].name) &&
                    !round_find_desired(in->desired.v, in->desired.n, o->v[m].endpoint, o->v[m].name, o->v[m].kind))
                    o->v[m].state = RUN_UNKNOWN;
        }
    }
}

static int make_world(struct looking *in, const struct install *installs, struct err *e)
{
    struct round *r = in->r;
    struct world *w = &r->world;
    struct observation *seen = ARENA_ARRAY(in->a, struct observation, r->n_looks);
    size_t n_installs = 1;
    struct install *known = ARENA_ARRAY(in->a, struct install, 1 + r->n_openclaws);

    /* A registry that is not driven is not ours to keep: nothing that names it is touched. */
    known[0] = installs[0];
    for (size_t i = 0; i < r->n_openclaws; i++)
        if (r->openclaws[i].driven)
            known[n_installs++] = installs[i + 1];
    for (size_t i = 0; i < r->n_looks; i++)
        seen[i] = r->looks[i].seen;
    w->desired = r->desired = in->desired.v;
    w->n_desired = r->n_desired = in->desired.n;
    w->records = r->records = in->records.v;
    w->n_records = r->n_records = in->records.n;
    w->observations = seen;
    w->n_observations = r->n_looks;
    w->installs = known;
    w->n_installs = n_installs;
    if (in->has_dirs)
        uses_find(r, in->uses.v, in->uses.n, &w->uses, &w->n_uses);
    w->requests = in->conf->requests;
    w->n_requests = in->conf->n_requests;
    if (kept_put(r, in->conf, e) < 0)
        return -1;
    const struct endpoint_opener opener = opener_of(in);
    compare_seeds(r, &opener, in->conf->store->home, in->conf->cancel);
    return 0;
}

void round_approve(struct round *r, const struct approval *v, size_t n)
{
    struct approval *all = ARENA_ARRAY(r->a, struct approval, r->world.n_approvals + n);

    for (size_t i = 0; i < r->world.n_approvals; i++)
        all[i] = r->world.approvals[i];
    for (size_t i = 0; i < n; i++)
        all[r->world.n_approvals + i] = v[i];
    r->world.approvals = all;
    r->world.n_approvals += n;
    plan_compute(r->a, &r->world, r->now_ms, &r->plan);
}

int round_look(const struct round_conf *conf, struct round **ret, struct err *e)
{
    struct round *r = calloc(1, sizeof *r);
    struct looking in = {.conf = conf, .r = r};
    struct install *installs;

    if (!r)
        abort();
    in.a = r->a = arena_new();
    r->now_ms = host_now_ms();
    r->load = load_ref(conf->load);
    r->n_openclaws = conf->load->n_openclaws;
    r->openclaws = ARENA_ARRAY(r->a, struct round_openclaw, r->n_openclaws);
    installs = ARENA_ARRAY(r->a, struct install, 1 + r->n_openclaws);
    installs[0] = (struct install){.id = conf->store->install, .own = true, .policy = conf->load->specs.policy};
    for (size_t i = 0; i < r->n_openclaws; i++) {
        r->openclaws[i].from = &conf->load->openclaws[i];
        r->openclaws[i].memo = oc_memo_new(r->a);
        if (conf->check_only)
            r->openclaws[i].driven = true;
        else
            read_registry(&in, &r->openclaws[i]);
        installs[i + 1] = (struct install){
            .id = conf->load->openclaws[i].install,
            .policy = conf->load->openclaws[i].object->policy,
            .release_unknown = conf->load->openclaws[i].detected.known ? NULL : conf->load->openclaws[i].detected.why};
    }
    if (!conf->check_only && (read_own_records(&in, e) < 0 || read_leftovers(&in, e) < 0)) {
        round_free(r);
        return -1;
    }
    if (!conf->check_only && !conf->records_only)
        ask_podman(&in);
    expand(&in, installs);
    if (conf->check_only || conf->records_only) {
        diags_sort(&r->diags);
        r->desired = in.desired.v;
        r->n_desired = in.desired.n;
        r->records = in.records.v;
        r->n_records = in.records.n;
        r->blocked = r->diags.n_errors > 0;
        *ret = r;
        return 0;
    }
    observe(&in);
    if (saw_unrecorded(&in)) {
        expand(&in, installs);
        if (needs_another_look(&in))
            observe(&in);
    }
    r->blocked = r->blocked || r->diags.n_errors > 0;
    hide_unreadable(&in);
    r->notices = in.notices.v;
    r->n_notices = in.notices.n;
    diags_sort(&r->diags);
    if (make_world(&in, installs, e) < 0) {
        round_free(r);
        return -1;
    }
    plan_compute(r->a, &r->world, r->now_ms, &r->plan);
    *ret = r;
    return 0;
}

void round_free(struct round *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_looks; i++)
        arena_free(r->looks[i].arena);
    compare_free(r->compare);
    load_unref(r->load);
    arena_free(r->a);
    free(r);
}

void round_freep(struct round **r)
{
    round_free(*r);
    *r = NULL;
}

const struct round_openclaw *round_openclaw(const struct round *r, const char *install)
{
    for (size_t i = 0; install && i < r->n_openclaws; i++)
        if (strcmp(r->openclaws[i].from->install, install) == 0)
            return &r->openclaws[i];
    return NULL;
}
