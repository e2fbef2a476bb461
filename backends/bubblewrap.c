#include "backends/bubblewrap.h"

#include "backends/bwrap_enter.h"
#include "backends/bwrap_run.h"
#include "backends/bwrap_spec.h"
#include "backends/bwrap_view.h"
#include "backends/proc.h"
#include "spec/base/limits.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <unistd.h>

/* --- open, probe, check, close ------------------------------------------------------------------------------------- */

static char *keep(const char *s)
{
    char *copy = strdup(s);

    if (copy == NULL)
        abort();
    return copy;
}

static int bw_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    struct bubblewrap *b;
    size_t n;

    if (conf->address != NULL)
        return err_set(e, ERR_CONFIG, 0, "endpoint '%s': bubblewrap has no addresses: it is this machine", conf->endpoint);
    if (node_is(conf->options, NODE_OBJECT) && conf->options->n_members > 0)
        return err_set(e, ERR_CONFIG, 0, "%s: not an option of bubblewrap", conf->options->members[0].key);
    b = calloc(1, sizeof *b);
    if (b == NULL)
        abort();
    b->ops = &bubblewrap_ops;
    b->endpoint = keep(conf->endpoint);
    b->install = keep(conf->install != NULL ? conf->install : "-");
    if (conf->state_dir != NULL) {
        b->store.parent = keep(conf->state_dir);
        n = strlen(conf->state_dir) + sizeof "/bubblewrap";
        b->store.dir = malloc(n);
        if (b->store.dir == NULL)
            abort();
        snprintf(b->store.dir, n, "%s/bubblewrap", conf->state_dir);
    }
    *ret = (struct backend *)b;
    return 0;
}

static void bw_close(struct backend *handle)
{
    struct bubblewrap *b = (struct bubblewrap *)handle;

    if (b == NULL)
        return;
    free(b->endpoint);
    free(b->install);
    free(b->store.parent);
    free(b->store.dir);
    free(b);
}

static bool version_at_least(const char *have, const char *wanted)
{
    for (int i = 0; i < 3; i++) {
        char *end_have, *end_wanted;
        long x = strtol(have, &end_have, 10), y = strtol(wanted, &end_wanted, 10);

        if (x != y)
            return x > y;
        have = *end_have == '.' ? end_have + 1 : end_have;
        wanted = *end_wanted == '.' ? end_wanted + 1 : end_wanted;
    }
    return true;
}

/* A sandbox that does nothing: /dev/null cannot be executed, and that is said only after all else went well. */
static int probe_sandbox(struct arena *a, const char *bwrap, const struct call *c, struct err *e)
{
    const char *argv[] = {bwrap,
                          "--unshare-user",
                          "--unshare-pid",
                          "--unshare-net",
                          "--disable-userns",
                          "--cap-drop",
                          "ALL",
                          "--ro-bind",
                          "/",
                          "/",
                          "--proc",
                          "/proc",
                          "--dev",
                          "/dev",
                          "--",
                          "/dev/null",
                          NULL};
    struct proc_result res;

    if (proc_run(a, &(struct proc_req){.argv = argv, .max_output = 4096}, c, &res, e) < 0)
        return -1;
    if (strstr(res.err, "execvp /dev/null") != NULL)
        return 0;
    return err_set(e, ERR_UNAVAILABLE, res.status,
                   "no sandbox can be made here (are unprivileged user namespaces allowed?): %.*s", (int)strcspn(res.err, "\n"),
                   res.err);
}

static int bw_probe(struct backend *handle, const struct call *c, struct backend_info *ret, struct err *e)
{
    struct bubblewrap *b = (struct bubblewrap *)handle;
    ARENA_AUTO a = arena_new();
    struct backend_info info = {.api = "1"};
    struct bwrap_cgroups groups;
    struct bwrap_entry *entries;
    struct bwrap_here here;
    struct proc_result res;
    size_t n;
    const char *bwrap = proc_find(a, "bwrap"), *argv[] = {bwrap, "--version", NULL}, *version;

    if (c->cancel != NULL && atomic_load(c->cancel))
        return err_set(e, ERR_CANCELLED, 0, "probe: cancelled");
    if (bwrap == NULL)
        return err_set(e, ERR_UNAVAILABLE, ENOENT, "bwrap is not installed (Debian: apt install bubblewrap)");
    if (bwrap_here_read(b->store.parent, &here, e) < 0 || bwrap_store_list(&b->store, a, &entries, &n, e) < 0 ||
        proc_run(a, &(struct proc_req){.argv = argv, .max_output = 256}, c, &res, e) < 0)
        return -1;
    version = strrchr(res.out, ' ');
    snprintf(info.version, sizeof info.version, "%.*s", version != NULL ? (int)strcspn(version + 1, "\n") : 0,
             version != NULL ? version + 1 : "");
    if (!version_at_least(info.version, BWRAP_MIN_VERSION))
        return err_set(e, ERR_UNSUPPORTED, 0, "bubblewrap %s: at least %s is needed", info.version, BWRAP_MIN_VERSION);
    if (probe_sandbox(a, bwrap, c, e) < 0)
        return -1;
    bwrap_cgroups_find(a, "", &groups);
    snprintf(info.remark, sizeof info.remark, "%s", bwrap_cgroups_remark(a, &groups));
    *ret = info;
    return 0;
}

static bool is_word(const char *s)
{
    if (s == NULL || *s == '\0')
        return false;
    for (; *s != '\0'; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return false;
    return true;
}

static int check_spec(struct arena *a, const struct desired *d, struct bwrap_spec *spec, struct err *e)
{
    BUF_AUTO size = BUF_INIT(1u << 20);

    if (bwrap_name_flaw(d->name) != NULL)
        return err_set(e, ERR_CONFIG, 0, "name: '%s': %s", d->name != NULL ? d->name : "", bwrap_name_flaw(d->name));
    if (d->kind != RUNTIME_SANDBOX)
        return err_set(e, ERR_CONFIG, 0, "backend: bubblewrap makes no %ss of OpenClaw", runtime_kind_name(d->kind));
    if (d->image != NULL)
        return err_set(e, ERR_CONFIG, 0, "image: bubblewrap has no images: give a root");
    if (!is_word(d->owner) || (d->install != NULL && !is_word(d->install)) ||
        (d->config_hash != NULL && !is_word(d->config_hash)))
        return err_set(e, ERR_CONFIG, 0, "owner: a word is wanted");
    if (bwrap_spec_decode(a, d->create, spec, e) < 0)
        return -1;
    node_emit(&size, d->create, 0, NODE_EMIT_REDACT);
    if (size.full)
        return err_set(e, ERR_CONFIG, 0, "create: is larger than %zu bytes", size.max);
    return 0;
}

static int bw_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    struct bwrap_spec spec;

    if (check_spec(a, d, &spec, e) < 0)
        return -1;
    *ret = bwrap_spec_fields(a, &spec, bwrap_setup_digest(a, d->setup));
    return 0;
}

/* --- observe and look ---------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct observe_req *req, const char *name)
{
    for (size_t i = 0; i < req->n_desired; i++)
        if (text_eq(req->desired[i].name, name))
            return true;
    return false;
}

/* What all records tell, this install's or not; false where one cannot be read. */
static bool list_mounts(struct arena *a, const struct bwrap_view *v, struct observation *ret)
{
    VEC(struct mount_use) mounts = {0};

    for (size_t i = 0; i < v->n_entries; i++) {
        const struct bwrap_record *r = &v->entries[i].r;
        struct bwrap_spec s;
        struct err ignored = {0};

        if (v->entries[i].why != NULL || bwrap_spec_decode(a, r->create, &s, &ignored) < 0)
            return false;
        for (size_t k = 0; k < s.n_workspaces; k++)
            VEC_PUSH(a, &mounts,
                     ((struct mount_use){.name = arena_strdup(a, r->name), .source = arena_strdup(a, s.workspaces[k].path)}));
    }
    for (size_t i = 0; i < v->n_marked; i++)
        if (bwrap_view_by_id(v, v->marked[i].r.id) == NULL) /* runs, and its record is lost */
            return false;
    ret->mounts = mounts.v;
    ret->n_mounts = mounts.n;
    return true;
}

static int bw_observe(struct backend *handle, struct arena *a, const struct observe_req *req, const struct call *c,
                      struct observation *ret, struct err *e)
{
    struct bubblewrap *b = (struct bubblewrap *)handle;
    VEC(struct observed) out = {0};
    struct bwrap_view v;

    if (bwrap_view_read(b, a, c, &v, e) < 0)
        return -1;
    for (size_t i = 0; i < v.n_entries; i++) {
        const struct bwrap_entry *x = &v.entries[i];
        struct observed o = x->why != NULL ? bwrap_view_unreadable(b, a, x) : bwrap_view_record(b, a, &v, &x->r);

        if (o.ownership == OWN_OURS || is_wanted(req, o.name))
            VEC_PUSH(a, &out, o);
    }
    for (size_t i = 0; i < v.n_marked; i++) {
        const struct bwrap_orphan *x = &v.marked[i];

        if (x->init && bwrap_view_by_id(&v, x->r.id) == NULL && bwrap_view_ownership(b, &x->r) == OWN_OURS)
            VEC_PUSH(a, &out, bwrap_view_orphan(b, a, &v, x));
    }
    *ret = (struct observation){.endpoint = arena_strdup(a, b->endpoint),
                                .ok = true,
                                .v = out.v,
                                .n = out.n,
                                .images = ARENA_ARRAY(a, struct image_state, req->n_images),
                                .n_images = req->n_images};
    for (size_t i = 0; i < req->n_images; i++)
        ret->images[i].ref = arena_strdup(a, req->images[i]);
    ret->mounts_known = req->mounts && list_mounts(a, &v, ret);
    return 0;
}

static int bw_look(struct backend *handle, struct arena *a, const char *id, const char *name, const struct call *c,
                   struct observed *ret, struct err *e)
{
    struct bubblewrap *b = (struct bubblewrap *)handle;
    const struct bwrap_entry *x;
    struct bwrap_view v;

    if (bwrap_view_read(b, a, c, &v, e) < 0)
        return -1;
    x = id != NULL ? bwrap_view_by_id(&v, id) : bwrap_view_by_name(&v, name);
    if (x != NULL && x->why == NULL) {
        struct observed o = bwrap_view_record(b, a, &v, &x->r);

        if (o.state == RUN_UNKNOWN)
            return err_set(e, ERR_UNAVAILABLE, 0, "'%s': whether it runs cannot be told from this pid namespace", o.name);
        *ret = o;
        return 0;
    }
    for (size_t i = 0; x == NULL && i < v.n_marked; i++)
        if (v.marked[i].init && text_eq(id != NULL ? v.marked[i].r.id : v.marked[i].r.name, id != NULL ? id : name)) {
            *ret = bwrap_view_orphan(b, a, &v, &v.marked[i]);
            return 0;
        }
    if (bwrap_view_doubt(&v, id != NULL ? NULL : name, e) < 0)
        return -1;
    *ret = (struct observed){.endpoint = arena_strdup(a, b->endpoint),
                             .id = arena_strdup(a, id),
                             .name = arena_strdup(a, name),
                             .kind = RUNTIME_SANDBOX,
                             .state = RUN_ABSENT,
                             .created_at_ms = TIME_NONE};
    return 0;
}

/* --- acts ---------------------------------------------------------------------------------------------------------- */

/* One act under way: the lock of its name is held. */
struct acting {
    struct bubblewrap *b;
    struct arena *a;
    const struct backend_act *act;
    const struct call *call;
    struct deadline deadline;
    struct bwrap_here here;
    struct bwrap_run run;
    struct bwrap_record r; /* what is there; r.id NULL: nothing */
    bool orphan;           /* r is a mark without a record */
    int lock;
    bool gone; /* afterwards nothing is left under the name */
    struct bwrap_warnings warnings;
};

static int read_under_lock(struct acting *x, const char *name, struct err *e)
{
    struct bwrap_orphan *marked;
    size_t n;

    if (bwrap_store_lock(&x->b->store, name, &x->deadline, &x->lock, e) < 0)
        return -1;
    if (bwrap_store_read(&x->b->store, x->a, name, &x->r, e) < 0) {
        if (e->class != ERR_NOT_FOUND)
            return -1;
        x->r = (struct bwrap_record){0};
    }
    if (x->r.process.pid > 0)
        return 0;
    /* Begun and not written down, or a lost record. */
    if (bwrap_scan(&x->here, x->a, &marked, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (!marked[i].init || !text_eq(x->r.id != NULL ? marked[i].r.id : marked[i].r.name, x->r.id != NULL ? x->r.id : name))
            continue;
        x->orphan = x->r.id == NULL;
        if (x->orphan)
            x->r = marked[i].r;
        x->r.process = marked[i].process;
        break;
    }
    return 0;
}

/* Finds the name of act->id, locks it, and reads again. x->r.id NULL: there is no such runtime. */
static int find_by_id(struct acting *x, struct err *e)
{
    const struct bwrap_orphan *o;
    const struct bwrap_entry *ent;
    struct bwrap_view v;

    if (x->act->id == NULL)
        return err_set(e, ERR_USAGE, 0, "'%s': an id is wanted", x->act->name);
    if (bwrap_view_read(x->b, x->a, x->call, &v, e) < 0)
        return -1;
    ent = bwrap_view_by_id(&v, x->act->id);
    o = ent == NULL ? bwrap_view_marked(&v, x->act->id) : NULL;
    if (ent == NULL && o == NULL)
        return bwrap_view_doubt(&v, NULL, e);
    if (o != NULL && bwrap_view_by_name(&v, o->r.name) != NULL) {
        /* The name is another's: that one's record stays as it is. */
        x->r = o->r;
        x->r.process = o->process;
        x->r.name = bwrap_view_orphan(x->b, x->a, &v, o).name;
        x->orphan = true;
        return 0;
    }
    if (read_under_lock(x, ent != NULL ? ent->r.name : o->r.name, e) < 0)
        return -1;
    if (!text_eq(x->r.id, x->act->id))
        x->r = (struct bwrap_record){0}; /* a successor took the name meanwhile */
    return 0;
}

static int expect_check(const struct acting *x, struct err *e)
{
    const struct observed *w = x->act->expect;

    if (w == NULL || (w->ownership == bwrap_view_ownership(x->b, &x->r) && text_eq(w->install, x->r.install) &&
                      text_eq(w->owner, x->r.owner) && text_eq(w->name, x->r.name)))
        return 0;
    return err_set(e, ERR_CONFLICT, 0, "'%s' (%s) is not what was observed", x->act->name, x->r.id);
}

static int is_alive(const struct acting *x, bool *ret, struct err *e)
{
    return bwrap_process_alive(&x->here, &x->r.process, ret, NULL, e);
}

static int start_existing(struct acting *x, struct err *e)
{
    struct bwrap_spec spec, wanted;
    const struct desired *d = x->act->want;
    bool has_wanted = d != NULL && bwrap_spec_decode(x->a, d->create, &wanted, e) == 0;

    if (bwrap_spec_decode(x->a, x->r.create, &spec, e) < 0)
        return -1;
    if (!bwrap_spec_take_secrets(&spec, has_wanted ? &wanted : NULL))
        return err_set(e, ERR_REFUSED, 0, "starting '%s': its secrets are kept in its spec only, and that has others now or none",
                       x->r.name);
    return bwrap_start(&x->run, x->a, &x->r, &spec, &x->warnings, e);
}

static int run_setup(struct acting *x, struct act_result *res, struct err *e);

static int make_id(struct arena *a, const char **ret, struct err *e)
{
    unsigned char raw[16];
    char hex[33];

    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        return err_sys(e, ERR_IO, errno, "getrandom");
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
    *ret = arena_strdup(a, hex);
    return 0;
}

/* Nothing is left of it: away with processes, groups and record. */
static int erase(struct acting *x, struct err *e)
{
    struct bwrap_record r = x->r;

    if (bwrap_stop(&x->run, &r, false, e) < 0)
        return -1;
    if (!x->orphan && bwrap_store_remove(&x->b->store, r.name, e) < 0)
        return -1;
    x->gone = !x->orphan;
    return 0;
}

static int create_new(struct acting *x, const struct bwrap_spec *spec, struct act_result *res, struct err *e)
{
    const struct desired *d = x->act->want;
    bool starts = d->want != WANT_STOPPED || d->setup != NULL;

    x->r = (struct bwrap_record){.name = d->name,
                                 .install = x->b->install,
                                 .owner = d->owner,
                                 .hash = d->config_hash,
                                 .created_at_ms = x->act->created_at_ms == TIME_NONE ? 0 : x->act->created_at_ms,
                                 .phase = BWRAP_MAKING,
                                 .create = bwrap_spec_masked(x->a, d->create),
                                 .setup_digest = bwrap_setup_digest(x->a, d->setup)};
    if (make_id(x->a, &x->r.id, e) < 0)
        return -1;
    if (starts && bwrap_start(&x->run, x->a, &x->r, spec, &x->warnings, e) < 0) {
        struct err ignored;

        if (x->r.process.pid == 0 && bwrap_store_remove(&x->b->store, x->r.name, &ignored) == 0)
            x->gone = true;
        return -1;
    }
    x->gone = false;
    res->id = x->r.id;
    if (d->setup != NULL && run_setup(x, res, e) < 0)
        return -1;
    if (starts && d->want == WANT_STOPPED && bwrap_stop(&x->run, &x->r, true, e) < 0)
        return -1;
    x->r.phase = BWRAP_READY;
    return bwrap_store_write(&x->b->store, x->a, &x->r, e);
}

static int act_create(struct acting *x, struct act_result *res, struct err *e)
{
    const struct desired *d = x->act->want;
    struct bwrap_spec spec;
    bool alive;

    if (check_spec(x->a, d, &spec, e) < 0 || read_under_lock(x, d->name, e) < 0)
        return -1;
    x->gone = x->r.id == NULL;
    if (x->r.id != NULL) {
        if (bwrap_view_ownership(x->b, &x->r) != OWN_OURS || !text_eq(x->r.owner, d->owner) ||
            (!x->orphan && !text_eq(x->r.hash, d->config_hash)))
            return err_set(e, ERR_CONFLICT, 0, "the name is in use by a sandbox of %s", x->r.owner);
        if (!x->orphan && x->r.phase == BWRAP_READY) {
            res->id = x->r.id;
            if (d->want != WANT_RUNNING)
                return 0;
            return is_alive(x, &alive, e) < 0 ? -1 : alive ? 0 : start_existing(x, e);
        }
        if (erase(x, e) < 0)
            return err_wrap(e, "removing one that was not finished");
        x->orphan = false;
    }
    return create_new(x, &spec, res, e);
}

static int act_patch(struct acting *x, struct err *e)
{
    const struct desired *d = x->act->want;
    struct bwrap_spec was, wanted;
    struct field_change *ch;
    bool alive;
    size_t n;

    if (d == NULL || check_spec(x->a, d, &wanted, e) < 0)
        return d == NULL ? err_set(e, ERR_USAGE, 0, "patch without a spec") : -1;
    if (bwrap_spec_decode(x->a, x->r.create, &was, e) < 0)
        return -1;
    n = fields_diff(x->a, bwrap_spec_fields(x->a, &wanted, NULL), bwrap_spec_fields(x->a, &was, NULL), &ch);
    for (size_t i = 0; i < n; i++)
        if (ch[i].class != FIELD_PATCH && ch[i].class != FIELD_NONE)
            return err_set(e, ERR_REFUSED, 0, "%s: cannot be changed in place", ch[i].name);
    if (is_alive(x, &alive, e) < 0)
        return -1;
    if (alive)
        bwrap_cgroups_limit(x->a, &wanted.limits, &x->r, &x->warnings);
    x->r.create = bwrap_spec_masked(x->a, d->create);
    x->r.hash = d->config_hash;
    return bwrap_store_write(&x->b->store, x->a, &x->r, e);
}

static int act_existing(struct acting *x, struct err *e)
{
    enum step step = x->act->step;
    bool alive;

    if (find_by_id(x, e) < 0)
        return -1;
    if (x->r.id == NULL)
        return step == STEP_REMOVE ? 0 : err_set(e, ERR_NOT_FOUND, 0, "no sandbox %s", x->act->id);
    if (step != STEP_START && expect_check(x, e) < 0)
        return -1;
    if (x->orphan && step == STEP_PATCH)
        return err_set(e, ERR_REFUSED, 0, "its record is lost: it can only be removed");
    switch (step) {
    case STEP_START:
        return is_alive(x, &alive, e) < 0 ? -1 : alive ? 0 : start_existing(x, e);
    case STEP_STOP:
        if (bwrap_stop(&x->run, &x->r, true, e) < 0)
            return -1;
        return x->orphan ? 0 : bwrap_store_write(&x->b->store, x->a, &x->r, e);
    case STEP_PATCH:
        return act_patch(x, e);
    case STEP_REMOVE:
        return erase(x, e);
    case STEP_CREATE:
    case STEP_COUNT:
        break;
    }
    return err_set(e, ERR_USAGE, 0, "no such step");
}

static int bw_apply(struct backend *handle, struct arena *a, const struct backend_act *act, const struct call *c,
                    struct act_result *ret, struct err *e)
{
    static const char *const words[] = {[STEP_CREATE] = "creating",
                                        [STEP_START] = "starting",
                                        [STEP_STOP] = "stopping",
                                        [STEP_PATCH] = "changing",
                                        [STEP_REMOVE] = "removing"};
    const char *name = act->name != NULL ? act->name : act->want->name;
    struct acting x = {
        .b = (struct bubblewrap *)handle, .a = a, .act = act, .call = c, .deadline = deadline_start(c), .lock = -1};
    struct act_result res = {0};
    int ms, r;

    x.run = (struct bwrap_run){.store = &x.b->store, .here = &x.here, .deadline = &x.deadline};
    r = deadline_slice(&x.deadline, "sandbox", &ms, e);
    if (r == 0)
        r = bwrap_here_read(x.b->store.parent, &x.here, e);
    if (r == 0)
        r = act->step == STEP_CREATE ? act_create(&x, &res, e) : act_existing(&x, e);
    /* The lock file bears the name that was locked. */
    bwrap_store_unlock(&x.b->store, act->step == STEP_CREATE || x.r.name == NULL ? name : x.r.name, x.lock, x.gone);
    if (x.warnings.n > 0) {
        const char **w = ARENA_ARRAY(a, const char *, x.warnings.n);

        memcpy(w, x.warnings.v, x.warnings.n * sizeof *w);
        res.warnings = w;
        res.n_warnings = x.warnings.n;
    }
    if (r < 0 && !(e->class == ERR_REFUSED && res.setup_status != 0))
        return e->class == ERR_CONFIG ? -1 : err_wrap(e, "%s sandbox '%s'", words[act->step], name);
    *ret = res;
    return r < 0 ? err_wrap(e, "%s sandbox '%s'", words[act->step], name) : 0;
}

/* --- exec and setup ------------------------------------------------------------------------------------------------ */

static int enter(struct bubblewrap *b, struct arena *a, const struct bwrap_here *here, struct bwrap_record *r,
                 struct bwrap_enter *x, const struct deadline *d, int *ret_status, struct err *e)
{
    struct bwrap_spec *spec = ARENA_NEW(a, struct bwrap_spec);
    bool alive;
    int ret;

    if (bwrap_spec_decode(a, r->create, spec, e) < 0 || bwrap_process_alive(here, &r->process, &alive, &x->pidfd, e) < 0)
        return -1;
    if (!alive)
        return err_set(e, ERR_CONFLICT, 0, "it does not run");
    x->record = r;
    x->process = &r->process;
    x->spec = spec;
    x->session_fd = bwrap_store_session(&b->store, r->id, e);
    ret = x->session_fd < 0 ? -1 : bwrap_enter_run(a, x, d, ret_status, e);
    if (x->session_fd >= 0)
        close(x->session_fd);
    close(x->pidfd);
    return ret;
}

static int run_setup(struct acting *x, struct act_result *res, struct err *e)
{
    const char *argv[] = {"sh", "-c", x->act->want->setup, NULL};
    struct buf output = BUF_INIT(LIMIT_OUTPUT_BYTES);
    struct bwrap_enter in = {.argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1, .output = &output};
    int r = enter(x->b, x->a, &x->here, &x->r, &in, &x->deadline, &res->setup_status, e);

    res->setup_output = arena_memdup0(x->a, buf_str(&output), output.n);
    buf_wipe(&output);
    if (r < 0)
        return err_wrap(e, "its setup");
    if (res->setup_status == 0)
        return 0;
    x->r.phase = BWRAP_SETUP_FAILED;
    if (bwrap_store_write(&x->b->store, x->a, &x->r, e) < 0)
        return -1;
    return err_set(e, ERR_REFUSED, res->setup_status, "its setup gave status %d", res->setup_status);
}

static int bw_exec(struct backend *handle, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e)
{
    struct bubblewrap *b = (struct bubblewrap *)handle;
    struct deadline d = deadline_start(c);
    ARENA_AUTO a = arena_new();
    const struct bwrap_entry *x;
    struct bwrap_record r;
    struct bwrap_enter in = {.argv = req->argv,
                             .workdir = req->workdir,
                             .fd_in = req->fd_in,
                             .fd_out = req->fd_out,
                             .fd_err = req->fd_err,
                             .tty = req->tty};
    struct bwrap_view v;
    bool alive;

    if (bwrap_view_read(b, a, c, &v, e) < 0)
        return err_wrap(e, "exec in '%s'", req->name);
    x = req->id != NULL ? bwrap_view_by_id(&v, req->id) : bwrap_view_by_name(&v, req->name);
    if (x == NULL || x->why != NULL) {
        if (bwrap_view_doubt(&v, NULL, e) == 0)
            err_set(e, ERR_NOT_FOUND, 0, "no sandbox %s", req->id != NULL ? req->id : "of this name");
        return err_wrap(e, "exec in '%s'", req->name);
    }
    r = x->r;
    if (bwrap_view_process(&v, &x->r, &r.process, &alive, e) < 0 || enter(b, a, &v.here, &r, &in, &d, ret_status, e) < 0)
        return err_wrap(e, "exec in '%s'", req->name);
    return 0;
}

/* --- follow -------------------------------------------------------------------------------------------------------- */

#define FOLLOW_SLICE_MS 100
#define FOLLOW_WAKE_MS  60000 /* a look at cancel even where the wake-up was lost */
#define FOLLOW_FIXED    2     /* the directories' inotify and the caller's wake-up come before the processes */

/* The ends of what runs now, by pidfds; what starts later changes a record, and we come here again. */
static size_t follow_arm(struct bubblewrap *b, struct pollfd **ret, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct call c = {.timeout_ms = 60000};
    struct pollfd *p;
    struct bwrap_view v;
    size_t n = 0;

    if (bwrap_view_read(b, a, &c, &v, e) < 0)
        return 0;
    p = calloc(v.n_entries + v.n_marked + FOLLOW_FIXED, sizeof *p);
    if (p == NULL)
        abort();
    while (n < FOLLOW_FIXED)
        p[n++] = (struct pollfd){.fd = -1, .events = POLLIN};
    for (size_t i = 0; i < v.n_entries; i++) {
        struct err ignored;
        bool alive;
        int fd;

        if (v.entries[i].why == NULL && bwrap_process_alive(&v.here, &v.entries[i].r.process, &alive, &fd, &ignored) == 0 &&
            alive)
            p[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    *ret = p;
    return n;
}

/* Waits for one change; 1: there was one, 0: cancelled. */
static int follow_wait(struct pollfd *p, size_t n, const struct call *c)
{
    for (;;) {
        if (c->cancel != NULL && atomic_load(c->cancel))
            return 0;
        if (poll(p, (nfds_t)n, c->wake_fd > 0 ? FOLLOW_WAKE_MS : FOLLOW_SLICE_MS) <= 0)
            continue;
        if (p[1].revents == 0)
            return 1;
    }
}

static void drain(int fd)
{
    char bytes[8192];

    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

static int bw_follow(struct backend *handle, void (*on_hint)(void *ctx), void *ctx, const struct call *c, struct err *e)
{
    struct bubblewrap *b = (struct bubblewrap *)handle;
    const uint32_t mask = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), ret = 1;

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "inotify");
    while (ret > 0) {
        struct pollfd *p = NULL;
        size_t n;

        /* Both: the directory is made at the first create. Adding again is harmless. */
        inotify_add_watch(fd, b->store.dir, mask | IN_ONLYDIR);
        if (inotify_add_watch(fd, b->store.parent, IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0) {
            ret = err_sys(e, ERR_UNAVAILABLE, errno, "following %s", b->store.parent);
            break;
        }
        n = follow_arm(b, &p, e);
        if (n == 0) {
            ret = -1;
            break;
        }
        p[0].fd = fd;
        p[1].fd = c->wake_fd > 0 ? c->wake_fd : -1;
        on_hint(ctx);
        ret = follow_wait(p, n, c);
        drain(fd);
        for (size_t i = FOLLOW_FIXED; i < n; i++)
            close(p[i].fd);
        free(p);
    }
    close(fd);
    return ret;
}

const struct backend_ops bubblewrap_ops = {
    .name = "bubblewrap",
    .open = bw_open,
    .probe = bw_probe,
    .observe = bw_observe,
    .look = bw_look,
    .check = bw_check,
    .apply = bw_apply,
    .exec = bw_exec,
    .follow = bw_follow,
    .close = bw_close,
};
