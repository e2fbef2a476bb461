#include "reconciler/act.h"

#include "reconciler/approvals.h"
#include "reconciler/compare.h"
#include "reconciler/line.h"
#include "reconciler/snapshot.h"
#include "reconciler/workspace.h"
#include "spec/base/text.h"
#include "spec/engine_ref.h"
#include "spec/openclaw/expand.h"
#include "state/seeds.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct acting {
    const struct act_conf *conf;
    struct round *r;
    struct endpoint_opener opener;
    struct act_report *report;
    pthread_mutex_t mutex; /* of the journal, the report's texts, and the caller's progress */
};

const char *act_past(enum act_kind kind)
{
    static const char *const words[ACT_KIND_COUNT] = {
        [ACT_CREATE] = "created",     [ACT_START] = "started",   [ACT_STOP] = "stopped",   [ACT_PATCH] = "patched",
        [ACT_RECREATE] = "recreated", [ACT_RESEED] = "reseeded", [ACT_PRUNE] = "pruned",   [ACT_ADOPT] = "adopted",
        [ACT_FORGET] = "forgotten",   [ACT_HOLD] = "held",       [ACT_REPORT] = "reported"};

    return words[kind];
}

static void put_count(struct buf *b, size_t n, const char *word)
{
    if (n > 0)
        buf_printf(b, "%s%zu %s", b->n ? ", " : "", n, word);
}

void act_report_format(struct buf *b, const struct act_report *r)
{
    for (enum act_kind k = 0; k < ACT_KIND_COUNT; k++)
        put_count(b, r->n_done[k], act_past(k));
    put_count(b, r->left.n_moved, r->left.n_moved == 1 ? "workspace quarantined" : "workspaces quarantined");
    put_count(b, r->left.n_collected, r->left.n_collected == 1 ? "workspace deleted" : "workspaces deleted");
    put_count(b, r->n_failed, "failed");
    put_count(b, r->n_cancelled, "cancelled");
}

/* --- what is known of an act's runtime ------------------------------------------------------------------------------------- */

static const char *owner_of(const struct act *act)
{
    return act->want ? act->want->owner : act->rec ? act->rec->owner : act->obs ? act->obs->owner : NULL;
}

/* OpenClaw's runtimes are recorded in its registry; ours in our own records alone. */
static const struct round_openclaw *registry_of(const struct acting *x, const struct act *act)
{
    const struct round_openclaw *o = act->runtime == RUNTIME_SANDBOX ? NULL : round_openclaw(x->r, act->install);

    return o && o->driven ? o : NULL;
}

/* A record may be of our own file only: begun, and not yet in OpenClaw's registry, or of an old place of what is there now. */
static bool is_row(const struct round_openclaw *o, const struct record *rec)
{
    for (size_t i = 0; o && rec && i < o->view.n; i++)
        if (o->view.records[i].kind == rec->kind && text_eq(o->view.records[i].name, rec->name))
            return text_eq(o->view.records[i].version, rec->version);
    return false;
}

static bool is_registered(const struct round_openclaw *o, const struct act *act)
{
    return !act->row_stays && is_row(o, act->rec);
}

/* What is mounted as the workspace: the first bind of what a container is made from. */
static const char *workspace_of(struct arena *a, const struct desired *want)
{
    const struct node *binds = node_path(want->create, "HostConfig", "Binds", NULL);
    const char *bind = node_is(binds, NODE_ARRAY) && binds->n_items > 0 ? node_str(binds->items[0]) : NULL;
    const char *colon = bind && bind[0] == '/' ? strchr(bind, ':') : NULL;

    return colon ? arena_memdup0(a, bind, (size_t)(colon - bind)) : NULL;
}

static bool is_podmans(const struct act *act)
{
    return act->runtime == RUNTIME_CONTAINER && strcmp(act->endpoint, OC_PODMAN_ENDPOINT) == 0;
}

/* OpenClaw 2026.9.6: the podman of its own user, reached without arguments. */
static const struct node *local_podman(struct arena *a)
{
    struct node *target = node_object(a);

    node_set(a, target, "key", node_string(a, "local"));
    node_set(a, target, "globalArgs", node_array(a));
    return target;
}

static bool is_made_by(enum act_kind kind)
{
    return kind == ACT_CREATE || kind == ACT_RECREATE || kind == ACT_RESEED || kind == ACT_ADOPT;
}

/* Texts that are made here are in the round's arena. */
static struct record record_of(const struct acting *x, struct arena *a, const struct act *act)
{
    struct record rec = {.created_at_ms = TIME_NONE, .last_used_at_ms = TIME_NONE};
    const struct desired *want = act->want;

    if (act->rec)
        rec = *act->rec;
    else if (act->moves_rec) { /* a move is no use, and what it begins with comes from there */
        rec.last_used_at_ms = act->moves_rec->last_used_at_ms;
        rec.seed = act->moves_rec->seed;
    }
    rec.endpoint = act->endpoint;
    rec.name = act->name;
    rec.kind = act->runtime;
    rec.install = act->install;
    rec.owner = owner_of(act);
    if (act->obs) {
        rec.id = act->obs->id;
        rec.scope_key = rec.scope_key ? rec.scope_key : act->obs->scope_key;
        rec.image = rec.image ? rec.image : act->obs->image;
    }
    if (want) {
        rec.backend_id = want->backend_id ? want->backend_id : rec.backend_id;
        rec.scope_key = want->scope_key ? want->scope_key : rec.scope_key;
        rec.image = want->config_label ? want->config_label : want->image ? want->image : rec.image;
        rec.config_label_kind = want->config_label_kind ? want->config_label_kind : rec.config_label_kind;
        rec.config_hash = want->config_hash;
        rec.source = want->source;
        rec.holds_data = !want->can_remake || (rec.holds_data && !is_made_by(act->kind));
        /* What is only patched or stopped stays where it was made. */
        if ((is_made_by(act->kind) || !rec.backend_target) && reach_place(a, want))
            rec.backend_target = reach_place_after(a, reach_place(a, want), act->rec ? act->rec->backend_target : NULL, NULL);
        rec.workspace_dir = act->runtime == RUNTIME_SANDBOX ? NULL : workspace_of(a, want);
    }
    /* Which podman it is: what is recorded of another one never gets here. */
    if (is_podmans(act)) {
        rec.backend_id = "podman";
        rec.backend_target = rec.backend_target ? rec.backend_target : local_podman(a);
    }
    if (!rec.runtime_label)
        rec.runtime_label = act->name;
    if (!rec.config_label_kind)
        rec.config_label_kind = "Image";
    if (!rec.install)
        rec.install = x->conf->store->install;
    return rec;
}

/* What a workspace was filled with. Of a snapshot nothing is new: the local directories are still what they were when both ends
 * were last in step, as far as that is known. */
static int note_seed(struct acting *x, struct arena *a, const struct act *act, const struct act_result *res, int64_t at_ms,
                     struct record *rec, struct err *e)
{
    char digest[DIGEST_HEX];

    if (!rec->holds_data)
        return 0;
    rec->seed.at_ms = at_ms;
    rec->seed.epoch++;
    rec->seed.host_key = res->host_key ? res->host_key : rec->seed.host_key;
    if (res->seeded && !res->seeded_local)
        return 0;
    rec->seed.manifest = rec->seed.source = NULL;
    if (!res->seeded)
        return 0;
    if (seeds_put(x->conf->store->home, res->seeded, digest, e) < 0)
        return -1;
    rec->seed.manifest = arena_strdup(a, digest);
    rec->seed.source = arena_strdup(a, res->seeded->tree);
    return 0;
}

/* It is used up, or nothing is there any more that it was of. */
static int drop_approval(struct acting *x, const struct act *act, struct err *e)
{
    ARENA_AUTO a = arena_new();
    int r;

    pthread_mutex_lock(&x->mutex);
    r = approvals_remove(x->conf->store->home, a, act->endpoint, act->name, e);
    pthread_mutex_unlock(&x->mutex);
    return r;
}

/* What OpenClaw writes of a runtime. */
static int put_record(struct acting *x, const struct round_openclaw *o, const struct act *act, const struct record *rec,
                      struct err *e)
{
    const struct lock_wait wait = {.now_ms = host_now_ms(), .cancel = x->conf->cancel};
    const char *expect = is_row(o, act->moves_rec) ? act->moves_rec->version : NULL;
    struct record row = *rec;

    if (!text_eq(row.backend_id, "podman"))
        row.backend_target = NULL; /* where its tree is, only we write down */
    /* Whatever is there is merged under its lock: a use that OpenClaw has written meanwhile is kept. But of what moves it is the
     * row of the old place that changes its label, and no other. */
    return registry_put(&o->registry, &row, SHARD_RECREATED, expect, &wait, NULL, e);
}

/* Where a runtime on another host is, OpenClaw's registry cannot tell: our own record of it stays. */
static int settle_record(struct acting *x, const struct round_openclaw *o, const struct act *act, const struct record *rec,
                         struct err *e)
{
    if (put_record(x, o, act, rec, e) < 0)
        return -1;
    return rec->holds_data || text_eq(rec->backend_id, "openshell") ? record_put(x->conf->store->home, rec, NULL, NULL, e)
                                                                    : record_remove(x->conf->store->home, rec, NULL, e);
}

/* --- the recorder ---------------------------------------------------------------------------------------------------------- */

/* Once the registry row is that of the new place, where the old one is only our own record of it tells. */
static int note_old_place(struct acting *x, const struct act *act, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct record old;

    if (!act->moves_rec)
        return 0;
    old = *act->moves_rec;
    if (old.backend_target)
        old.backend_target = reach_place_after(a, old.backend_target, old.backend_target, NULL);
    return record_put(x->conf->store->home, &old, NULL, NULL, e);
}

static int on_intent(void *ctx, const struct act *act, struct err *e)
{
    struct acting *x = ctx;
    ARENA_AUTO a = arena_new();
    struct record rec = record_of(x, a, act);

    rec.creating = true;
    rec.setup_failed = false;
    if (act->rec && act->rec->backend_target) /* until the new one is made, the old one is to be found */
        rec.backend_target = rec.backend_target ? reach_place_after(a, act->rec->backend_target, rec.backend_target, NULL)
                                                : act->rec->backend_target;
    if (note_old_place(x, act, e) < 0)
        return -1;
    if (registry_of(x, act) && workspace_prepare(x->conf->host, act->want, e) < 0)
        return -1;
    return record_put(x->conf->store->home, &rec, NULL, NULL, e);
}

static struct leave_conf leaving(const struct acting *x)
{
    return (struct leave_conf){
        .host = x->conf->host, .store = x->conf->store, .journal = x->conf->journal, .cancel = x->conf->cancel};
}

static int on_parting(void *ctx, const struct act *act, struct err *e)
{
    struct acting *x = ctx;
    const struct leave_conf conf = leaving(x);

    return leave_note(&conf, x->r, act, e);
}

static int on_snapshot(void *ctx, const struct act *act, struct backend *b, const struct call *c, struct err *e)
{
    struct acting *x = ctx;
    ARENA_AUTO a = arena_new();
    struct snapshot s = {0};
    int rc = snapshot_take(x->conf->store->home, a, act, x->conf->store->install, host_now_ms(), b, c, &s, e);
    const struct journal_entry entry = {.time_ms = host_now_ms(),
                                        .event = JOURNAL_SNAPSHOT,
                                        .object = owner_of(act),
                                        .endpoint = act->endpoint,
                                        .runtime = act->name,
                                        .kind = act->runtime,
                                        .id = act->obs->id,
                                        .reason = rc < 0 ? act->reason : arena_printf(a, "%s: %s", s.name, act->reason),
                                        .outcome = rc < 0 ? JOURNAL_FAILED : JOURNAL_OK,
                                        .error = rc < 0 ? e->class : ERR_NONE,
                                        .message = rc < 0 ? e->msg : NULL};
    struct err ignored;

    pthread_mutex_lock(&x->mutex);
    (void)journal_append(x->conf->journal, &entry, NULL, &ignored);
    pthread_mutex_unlock(&x->mutex);
    /* What was decided, and perhaps approved, is about another tree. The snapshot stays: retention knows it. */
    if (rc == 0 && act->kind == ACT_RESEED && act->seed && act->seed->remote_tree && !text_eq(act->seed->remote_tree, s.tree))
        rc = err_set(e, ERR_CONFLICT, 0, "'%s' was changed since it was looked at", act->name);
    return rc;
}

static int on_seed_from(void *ctx, const struct act *act, struct arena *a, const struct call *c, const char **ret, struct err *e)
{
    struct acting *x = ctx;

    return snapshot_seed(x->conf->store->home, a, act, x->conf->store->install, c, ret, e);
}

/* A setup may change what it finds: then there is nothing to compare. */
static int on_restored(void *ctx, const struct act *act, struct backend *b, const struct call *c, struct err *e)
{
    struct acting *x = ctx;
    ARENA_AUTO a = arena_new();

    return act->want->setup ? 0 : snapshot_prove(x->conf->store->home, a, act, b, c, e);
}

static int on_fresh(void *ctx, const struct act *act, struct err *e)
{
    struct acting *x = ctx;
    const struct round_openclaw *o = registry_of(x, act);
    ARENA_AUTO a = arena_new();
    const char *version;

    if (!is_registered(o, act))
        return 0;
    if (registry_version(a, &o->registry, &o->view, act->runtime, act->name, REGISTRY_BUSY_MS, &version, e) < 0)
        return -1;
    if (!text_eq(version, act->rec->version))
        return err_set(e, ERR_CONFLICT, 0, "its record changed since: it may be in use");
    return 0;
}

#define MASK_MIN 4 /* shorter values are no secrets worth the name, and are in every word */

/* Masks `secret` wherever it stands in s; gives s or a new text. */
static const char *mask(struct arena *a, const char *s, const char *secret)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);
    size_t n = strlen(secret);
    const char *found;

    if (n < MASK_MIN || !strstr(s, secret))
        return s;
    for (; (found = strstr(s, secret)); s = found + n) {
        buf_put(&b, s, (size_t)(found - s));
        buf_puts(&b, "(sensitive)");
    }
    buf_puts(&b, s);
    return arena_strdup(a, buf_str(&b));
}

/* What a setup prints may hold the secrets that it was given: "NAME=value" texts in a container's Env, or values. */
static const char *mask_secrets(struct arena *a, const char *s, const struct node *create)
{
    if (!create)
        return s;
    for (size_t i = 0; create->kind == NODE_ARRAY && i < create->n_items; i++)
        s = mask_secrets(a, s, create->items[i]);
    for (size_t i = 0; create->kind == NODE_OBJECT && i < create->n_members; i++)
        s = mask_secrets(a, s, create->members[i].value);
    if (create->kind != NODE_STRING || !create->secret)
        return s;
    const char *value = strchr(create->s, '=');
    return mask(a, value ? mask(a, s, value + 1) : s, create->s);
}

static int on_made(void *ctx, const struct act *act, const struct act_result *res, int64_t created_at_ms, bool setup_failed,
                   struct err *e)
{
    struct acting *x = ctx;
    const struct round_openclaw *o = registry_of(x, act);
    ARENA_AUTO a = arena_new();
    struct record rec = record_of(x, a, act);

    rec.id = res->id;
    rec.created_at_ms = created_at_ms;
    rec.creating = false;
    rec.setup_failed = setup_failed;
    rec.cdp_port = res->cdp_port;
    rec.no_vnc_port = res->no_vnc_port;
    if (note_seed(x, a, act, res, created_at_ms, &rec, e) < 0)
        return -1;
    if (act->kind == ACT_RESEED && drop_approval(x, act, e) < 0)
        return -1;
    /* Our acts are no use: an existing time of last use stays, that of what is made beforehand is its creation. */
    if (rec.last_used_at_ms == TIME_NONE && act->runtime != RUNTIME_SANDBOX)
        rec.last_used_at_ms = created_at_ms;
    if (setup_failed && res->setup_output) {
        const struct journal_entry output = {.time_ms = host_now_ms(),
                                             .event = JOURNAL_SETUP,
                                             .object = rec.owner,
                                             .endpoint = act->endpoint,
                                             .runtime = act->name,
                                             .kind = act->runtime,
                                             .id = res->id,
                                             .outcome = JOURNAL_FAILED,
                                             .output = mask_secrets(a, res->setup_output, act->want ? act->want->create : NULL)};
        struct err ignored;

        pthread_mutex_lock(&x->mutex);
        (void)journal_append(x->conf->journal, &output, NULL, &ignored);
        pthread_mutex_unlock(&x->mutex);
    }
    if (!o)
        return record_put(x->conf->store->home, &rec, NULL, NULL, e);
    /* Not good: OpenClaw's registry does not tell of it, as OpenClaw itself would not. */
    if (setup_failed)
        return record_put(x->conf->store->home, &rec, NULL, NULL, e);
    return settle_record(x, o, act, &rec, e);
}

static int on_patched(void *ctx, const struct act *act, struct err *e)
{
    struct acting *x = ctx;
    ARENA_AUTO a = arena_new();
    struct record rec = record_of(x, a, act);

    /* What ran or stands still is no matter of OpenClaw's registry, and its runtimes are never patched. */
    if (act->runtime != RUNTIME_SANDBOX || !act->rec)
        return 0;
    return record_put(x->conf->store->home, &rec, NULL, NULL, e);
}

static const char *host_key_of(const struct round *r, const char *endpoint)
{
    for (size_t i = 0; i < r->n_looks; i++)
        if (strcmp(r->looks[i].endpoint, endpoint) == 0)
            return r->looks[i].seen.host_key;
    return NULL;
}

static int on_adopted(void *ctx, const struct act *act, struct err *e)
{
    struct acting *x = ctx;
    const struct round_openclaw *o = registry_of(x, act);
    ARENA_AUTO a = arena_new();
    struct record rec = record_of(x, a, act);

    if (note_old_place(x, act, e) < 0)
        return -1;
    /* It is in the registry as it is; only at which root it stands was not written down. */
    if (act->rec && !act->rec->creating) {
        rec = *act->rec;
        rec.id = act->obs->id;
        rec.holds_data = true;
        rec.backend_target = reach_place_after(a, reach_place(a, act->want), act->rec->backend_target, NULL);
        return record_put(x->conf->store->home, &rec, NULL, NULL, e);
    }
    rec.creating = false;
    rec.created_at_ms = host_now_ms(); /* as OpenClaw: its age is counted from here */
    if (rec.last_used_at_ms == TIME_NONE && act->runtime != RUNTIME_SANDBOX)
        rec.last_used_at_ms = host_now_ms(); /* when it was used is not known: as if just now */
    /* What is there, not what is wanted. */
    if (act->obs->image && !(is_podmans(act) && rec.image && engine_shows_image(a, act->obs->image, rec.image)))
        rec.image = act->obs->image;
    rec.config_hash = act->obs->config_hash ? act->obs->config_hash : rec.config_hash;
    rec.cdp_port = act->obs->cdp_port;
    rec.no_vnc_port = act->obs->no_vnc_port;
    if (rec.holds_data)
        rec.seed.host_key = host_key_of(x->r, act->endpoint);
    if (!o)
        return record_put(x->conf->store->home, &rec, NULL, NULL, e);
    return settle_record(x, o, act, &rec, e);
}

/* A tree of it at another root of its host is gone. Its record may be another one since the plan was made. */
static int leave_root(struct acting *x, const struct act *act, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct records_view all;
    const struct record like = record_of(x, a, act), *now;
    struct record rec;

    if (records_read_all(x->conf->store->home, a, &all, e) < 0)
        return -1;
    now = records_find(&all, &like);
    if (!now || !now->backend_target)
        return 0;
    rec = *now;
    rec.backend_target = reach_place_after(a, now->backend_target, now->backend_target, act->obs->root);
    return record_put(x->conf->store->home, &rec, now->version, NULL, e);
}

static int on_gone(void *ctx, const struct act *act, struct err *e)
{
    struct acting *x = ctx;
    const struct round_openclaw *o = registry_of(x, act);
    ARENA_AUTO a = arena_new();
    struct record rec = record_of(x, a, act);
    const struct lock_wait wait = {.now_ms = host_now_ms(), .cancel = x->conf->cancel};

    if (act->relocates || act->leaves_root)
        return leave_root(x, act, e);
    if (is_registered(o, act) && registry_remove(&o->registry, act->runtime, act->name, act->rec->version, &wait, e) < 0)
        return -1;
    if (rec.holds_data && drop_approval(x, act, e) < 0)
        return -1;
    if (rec.holds_data)
        compare_forget(x->conf->store->home, act);
    return record_remove(x->conf->store->home, &rec, NULL, e);
}

/* --- telling --------------------------------------------------------------------------------------------------------------- */

static void write_journal(struct acting *x, const struct act *act, const struct act_ended *ended)
{
    ARENA_AUTO a = arena_new();
    struct journal_entry entry = {.time_ms = host_now_ms(),
                                  .event = ended ? JOURNAL_ACT_END : JOURNAL_ACT_BEGIN,
                                  .object = owner_of(act),
                                  .endpoint = act->endpoint,
                                  .runtime = act->name,
                                  .kind = act->runtime,
                                  .id = act->obs ? act->obs->id : NULL,
                                  .act = act_kind_name(act->kind),
                                  .reason = act->reason,
                                  .want = act->want ? round_want(a, x->r, act->want) : NULL,
                                  .asked = x->conf->asked,
                                  .fields = act->changes,
                                  .n_fields = act->n_changes};
    struct err e;

    if (ended) {
        entry.outcome = ended->end == ACT_ENDED_DONE     ? JOURNAL_OK
                        : ended->end == ACT_ENDED_FAILED ? JOURNAL_FAILED
                                                         : JOURNAL_CANCELLED;
        entry.error = ended->err.class;
        entry.message = ended->end == ACT_ENDED_DONE ? NULL : ended->err.msg;
    }
    if (journal_append(x->conf->journal, &entry, NULL, &e) < 0 && !x->report->journal_error)
        x->report->journal_error = arena_strdup(x->r->a, e.msg);
}

static void on_progress(void *ctx, const struct act *act, const struct act_ended *ended)
{
    struct acting *x = ctx;

    pthread_mutex_lock(&x->mutex);
    write_journal(x, act, ended);
    if (x->conf->progress)
        x->conf->progress(x->conf->ctx, act, ended);
    pthread_mutex_unlock(&x->mutex);
}

static int open_endpoint(void *ctx, const char *endpoint, struct backend **ret, struct err *e)
{
    return endpoint_open(ctx, endpoint, ret, e);
}

static void close_endpoint(void *ctx, struct backend *b)
{
    endpoint_close(ctx, b);
}

static int64_t now_ms(void *ctx)
{
    return host_now_ms();
}

static void count(struct act_report *report, const struct plan *p)
{
    for (size_t i = 0; i < p->n_acts; i++) {
        switch (report->v[i].end) {
        case ACT_ENDED_DONE:
            report->n_done[p->acts[i].kind]++;
            report->n_all_done++;
            break;
        case ACT_ENDED_FAILED:
            report->n_failed++;
            break;
        case ACT_ENDED_HELD:
            report->n_held++;
            break;
        case ACT_ENDED_CANCELLED:
            report->n_cancelled++;
            break;
        case ACT_ENDED_NONE:
        case ACT_END_COUNT:
            break;
        }
    }
}

static void write_upgrade(struct acting *x, const struct round_openclaw *o, const struct oc_profile *last)
{
    const struct oc_detected *now = &o->from->detected;
    const struct journal_entry entry = {
        .time_ms = host_now_ms(),
        .event = JOURNAL_UPGRADE,
        .object = arena_printf(x->r->a, "OpenClaw/%s", o->from->object->head.name),
        .reason = arena_printf(x->r->a,
                               "OpenClaw %s became %s: %s; what the older one made is superseded, kept while in use, and "
                               "pruned by policy",
                               last->name, now->line->name, now->why),
    };
    struct err e;

    if (journal_append(x->conf->journal, &entry, NULL, &e) < 0 && !x->report->journal_error)
        x->report->journal_error = arena_strdup(x->r->a, e.msg);
}

/* An OpenClaw that was one of another line when it was last seen: told once, and remembered. */
static void note_lines(struct acting *x)
{
    struct home *home = x->conf->store->home;

    for (size_t i = 0; i < x->r->n_openclaws; i++) {
        const struct round_openclaw *o = &x->r->openclaws[i];
        const struct oc_detected *now = &o->from->detected;
        const struct oc_profile *last;

        if (!o->driven || !now->certain)
            continue;
        last = line_last(home, o->from->install);
        if (last && last != now->line)
            write_upgrade(x, o, last);
        line_remember(home, o->from->install, now->line);
    }
}

void act_execute(const struct act_conf *conf, struct round *r, struct act_report *ret)
{
    struct acting x = {
        .conf = conf,
        .r = r,
        .opener = {.host = conf->host,
                   .state_dir = conf->host->home_dir,
                   .install = conf->store->install,
                   .reach = conf->store->reach},
        .report = ret,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
    };
    const struct recorder recorder = {.ctx = &x,
                                      .intent = on_intent,
                                      .parting = on_parting,
                                      .snapshot = on_snapshot,
                                      .seed_from = on_seed_from,
                                      .restored = on_restored,
                                      .fresh = on_fresh,
                                      .made = on_made,
                                      .patched = on_patched,
                                      .adopted = on_adopted,
                                      .gone = on_gone,
                                      .progress = on_progress};
    struct executor_conf exec = {.open = open_endpoint,
                                 .close = close_endpoint,
                                 .open_ctx = &x.opener,
                                 .recorder = &recorder,
                                 .now_ms = now_ms,
                                 .cancel = conf->cancel,
                                 .grants = conf->grants,
                                 .n_grants = conf->n_grants,
                                 .concurrency = r->load->specs.policy.concurrency};

    exec.seed = host_random();
    *ret = (struct act_report){.v = ARENA_ARRAY(r->a, struct act_ended, r->plan.n_acts)};
    note_lines(&x);
    executor_run(&r->plan, &exec, ret->v);
    count(ret, &r->plan);
    const struct leave_conf leave = leaving(&x);
    leave_finish(&leave, r, &ret->left);
    snapshot_collect(conf->store->home, conf->journal, r);
    compare_settle(r, conf->store->home, ret->v);
    ret->n_failed += ret->left.n_failed + (ret->left.error != NULL);
    if (!ret->journal_error)
        ret->journal_error = ret->left.journal_error;
    round_remember(r, ret->v, conf->store);
    pthread_mutex_destroy(&x.mutex);
}

int act_forget(const struct act_conf *conf, struct round *r, const struct act *act, struct err *e)
{
    struct act_report report = {0};
    struct acting x = {.conf = conf, .r = r, .report = &report, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct act_ended ended = {.end = ACT_ENDED_DONE};

    on_progress(&x, act, NULL);
    if (on_gone(&x, act, &ended.err) < 0)
        ended.end = ACT_ENDED_FAILED;
    on_progress(&x, act, &ended);
    pthread_mutex_destroy(&x.mutex);
    if (ended.end == ACT_ENDED_DONE)
        return 0;
    *e = ended.err;
    return -1;
}
