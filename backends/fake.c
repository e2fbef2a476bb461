#include "backends/fake.h"

#include "backends/fake_world.h"
#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct fake {
    const struct backend_ops *ops;
    struct fake_world *world;
    char *endpoint, *install;
};

/* --- options ------------------------------------------------------------------------------------------------------- */

static bool word_find(const char *word, const char *(*name)(int), int n, int *ret)
{
    for (int i = 0; i < n; i++)
        if (text_eq(word, name(i))) {
            *ret = i;
            return true;
        }
    return false;
}

static const char *call_word(int i)
{
    return fake_call_name((enum fake_call)i);
}

static const char *kind_word(int i)
{
    return fake_fault_kind_name((enum fake_fault_kind)i);
}

static const char *class_word(int i)
{
    return err_class_name((enum err_class)i);
}

static int fault_word(const struct node *fault, const char *key, const char *(*name)(int), int n, int *ret, struct err *e)
{
    const char *s = node_str(node_get(fault, key));

    if (s == NULL || !word_find(s, name, n, ret))
        return err_set(e, ERR_CONFIG, 0, "faults.%s: '%s' is none", key, s != NULL ? s : "");
    return 0;
}

static int fault_number(const struct node *fault, const char *key, unsigned *ret, struct err *e)
{
    const struct node *n = node_get(fault, key);

    if (n == NULL)
        return 0;
    if (n->kind != NODE_NUMBER || !(n->num >= 0 && n->num <= 1e9))
        return err_set(e, ERR_CONFIG, 0, "faults.%s: a number from 0 to 1e9 is wanted", key);
    *ret = (unsigned)n->num;
    return 0;
}

static int fault_decode(const struct node *n, struct fake_fault *f, struct err *e)
{
    int call = 0, kind = 0, class = ERR_NONE;
    unsigned ms = 0;

    if (fault_word(n, "call", call_word, FAKE_CALL_COUNT, &call, e) < 0 ||
        fault_word(n, "kind", kind_word, FAKE_FAULT_KIND_COUNT, &kind, e) < 0 ||
        (node_get(n, "class") != NULL && fault_word(n, "class", class_word, ERR_CLASS_COUNT, &class, e) < 0) ||
        fault_number(n, "skip", &f->skip, e) < 0 || fault_number(n, "count", &f->count, e) < 0 ||
        fault_number(n, "ms", &ms, e) < 0)
        return -1;
    f->call = (enum fake_call)call;
    f->kind = (enum fake_fault_kind)kind;
    f->class = (enum err_class) class;
    f->ms = (int)ms;
    f->runtime = node_str(node_get(n, "runtime"));
    return 0;
}

static int options_apply(struct fake_world *w, const struct node *options, struct err *e)
{
    const struct node *images = node_get(options, "images"), *faults = node_get(options, "faults");
    bool fresh;

    for (size_t i = 0; node_is(options, NODE_OBJECT) && i < options->n_members; i++)
        if (!text_eq(options->members[i].key, "images") && !text_eq(options->members[i].key, "faults"))
            return err_set(e, ERR_CONFIG, 0, "%s: not an option of the fake backend", options->members[i].key);
    pthread_mutex_lock(&w->mutex);
    fresh = w->n == 0 && w->n_images == 0 && w->n_faults == 0;
    pthread_mutex_unlock(&w->mutex);
    for (size_t i = 0; fresh && node_is(faults, NODE_ARRAY) && i < faults->n_items; i++) {
        struct fake_fault f = {0};

        if (fault_decode(faults->items[i], &f, e) < 0)
            return -1;
        fake_world_add_fault(w, &f);
    }
    for (size_t i = 0; fresh && node_is(images, NODE_OBJECT) && i < images->n_members; i++)
        if (node_str(images->members[i].value) != NULL)
            fake_world_set_image(w, images->members[i].key, node_str(images->members[i].value));
    return 0;
}

static int fake_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    struct fake_world *w = fake_world_get(conf->endpoint);
    struct fake *f;

    if (conf->options != NULL && options_apply(w, conf->options, e) < 0)
        return -1;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        abort();
    f->ops = &fake_ops;
    f->world = w;
    f->endpoint = strdup(conf->endpoint);
    f->install = strdup(conf->install != NULL ? conf->install : "");
    if (f->endpoint == NULL || f->install == NULL)
        abort();
    *ret = (struct backend *)f;
    return 0;
}

static void fake_close(struct backend *b)
{
    struct fake *f = (struct fake *)b;

    if (f == NULL)
        return;
    free(f->endpoint);
    free(f->install);
    free(f);
}

/* --- what every call goes through ---------------------------------------------------------------------------------- */

struct passage {
    struct fake_fault fault;
    struct deadline deadline;
    char what[128];
};

/* Before anything is done. -1: the call ends here. */
static int passage_enter(struct fake *f, enum fake_call call, const char *runtime, const struct call *c, struct passage *p,
                         struct err *e)
{
    struct fake_world *w = f->world;
    bool unreachable;

    p->deadline = deadline_start(c);
    snprintf(p->what, sizeof p->what, "%s%s%s", fake_call_name(call), runtime != NULL ? " " : "", runtime != NULL ? runtime : "");
    pthread_mutex_lock(&w->mutex);
    p->fault = fake_world_enter(w, call, runtime);
    unreachable = w->unreachable;
    pthread_mutex_unlock(&w->mutex);
    if (c->cancel != NULL && atomic_load(c->cancel))
        return err_set(e, ERR_CANCELLED, 0, "%s: cancelled", p->what);
    if (unreachable)
        return err_set(e, ERR_UNAVAILABLE, 0, "%s: the endpoint does not answer", p->what);
    if (p->fault.kind == FAKE_HANG)
        return fake_world_wait(w, c, &p->deadline, -1, p->what, e);
    if (p->fault.kind == FAKE_SLOW && fake_world_wait(w, c, &p->deadline, p->fault.ms, p->what, e) < 0)
        return -1;
    if (p->fault.kind == FAKE_FAIL)
        return err_set(e, p->fault.class != ERR_NONE ? p->fault.class : ERR_INTERNAL, 0, "%s: scripted to fail", p->what);
    return 0;
}

/* After it was done. */
static int passage_leave(struct fake *f, const struct passage *p, const struct call *c, struct err *e)
{
    if (p->fault.kind == FAKE_HANG_AFTER)
        return fake_world_wait(f->world, c, &p->deadline, -1, p->what, e);
    if (p->fault.kind == FAKE_FAIL_AFTER)
        return err_set(e, p->fault.class != ERR_NONE ? p->fault.class : ERR_INTERNAL, 0, "%s: scripted to fail after it was done",
                       p->what);
    return 0;
}

static int fake_probe(struct backend *b, const struct call *c, struct backend_info *ret, struct err *e)
{
    struct fake *f = (struct fake *)b;
    struct passage p;

    if (passage_enter(f, FAKE_PROBE, NULL, c, &p, e) < 0 || passage_leave(f, &p, c, e) < 0)
        return -1;
    *ret = (struct backend_info){.version = RECONCLAW_VERSION, .api = "1"};
    return 0;
}

/* --- observe and look ---------------------------------------------------------------------------------------------- */

static enum ownership ownership_of(const struct fake *f, const struct observed *o)
{
    if (o->ownership != OWN_OURS)
        return o->ownership;
    return text_eq(o->install, f->install) ? OWN_OURS : OWN_FOREIGN;
}

static const struct desired *wanted(const struct observe_req *req, const char *name)
{
    for (size_t i = 0; i < req->n_desired; i++)
        if (text_eq(req->desired[i].name, name))
            return &req->desired[i];
    return NULL;
}

static void make_unreadable(struct observed *o)
{
    o->state = RUN_UNKNOWN;
    o->fields = (struct fields){0};
    o->fields_known = o->busy_known = false;
}

/* "fake:SERIAL": what changed since is looked at again, the rest only where its hash is not the wanted one. */
static uint64_t memo_serial(const struct observe_req *req)
{
    uint64_t n;

    if (req->deep || req->memo == NULL || !text_has_prefix(req->memo, "fake:") || !num_parse_u64(req->memo + 5, &n))
        return 0;
    return n;
}

static void observe_fill(struct fake *f, struct arena *a, const struct observe_req *req, const struct fake_fault *fault,
                         struct observation *ret)
{
    struct fake_world *w = f->world;
    uint64_t since = memo_serial(req);

    ret->endpoint = arena_strdup(a, f->endpoint);
    ret->ok = true;
    ret->v = ARENA_ARRAY(a, struct observed, w->n);
    for (size_t i = 0; i < w->n && fault->kind != FAKE_EMPTY; i++) {
        const struct fake_runtime *r = w->v[i];
        const struct desired *want = wanted(req, r->o.name);
        enum ownership own = ownership_of(f, &r->o);
        struct observed *o;

        if (own == OWN_FOREIGN && want == NULL)
            continue;
        o = &ret->v[ret->n++];
        fake_observed_copy(a, ret->endpoint, &r->o, o);
        o->ownership = own;
        if (r->changed <= since && want != NULL && text_eq(want->config_hash, o->config_hash)) {
            o->fields = (struct fields){0};
            o->fields_known = false;
        }
        if (fault->kind == FAKE_UNREADABLE && (fault->runtime == NULL || text_eq(fault->runtime, o->name)))
            make_unreadable(o);
    }
    ret->n_images = req->n_images;
    ret->images = ARENA_ARRAY(a, struct image_state, req->n_images);
    for (size_t i = 0; i < req->n_images; i++)
        ret->images[i] =
            (struct image_state){.ref = arena_strdup(a, req->images[i]), .id = arena_strdup(a, fake_image_id(w, req->images[i]))};
    ret->memo = arena_printf(a, "fake:%llu", (unsigned long long)w->serial);
    ret->mounts_known = req->mounts; /* its runtimes mount nothing */
}

static int fake_observe(struct backend *b, struct arena *a, const struct observe_req *req, const struct call *c,
                        struct observation *ret, struct err *e)
{
    struct fake *f = (struct fake *)b;
    struct observation o = {0};
    struct passage p;

    if (passage_enter(f, FAKE_OBSERVE, NULL, c, &p, e) < 0)
        return -1;
    if (p.fault.kind == FAKE_PARTIAL)
        return err_set(e, ERR_UNAVAILABLE, 0, "observe: the listing broke off half-way");
    pthread_mutex_lock(&f->world->mutex);
    observe_fill(f, a, req, &p.fault, &o);
    pthread_mutex_unlock(&f->world->mutex);
    if (passage_leave(f, &p, c, e) < 0)
        return -1;
    *ret = o;
    return 0;
}

static int fake_look(struct backend *b, struct arena *a, const char *id, const char *name, const struct call *c,
                     struct observed *ret, struct err *e)
{
    struct fake *f = (struct fake *)b;
    const struct fake_runtime *r;
    struct observed o = {.state = RUN_ABSENT};
    struct passage p;

    if (passage_enter(f, FAKE_LOOK, name, c, &p, e) < 0)
        return -1;
    o.endpoint = arena_strdup(a, f->endpoint);
    o.id = id;
    o.name = name;
    pthread_mutex_lock(&f->world->mutex);
    r = id != NULL ? fake_runtime_by_id(f->world, id) : fake_runtime_by_name(f->world, name);
    if (r != NULL)
        o = r->o;
    fake_observed_copy(a, f->endpoint, &o, &o);
    if (r != NULL)
        o.ownership = ownership_of(f, &r->o);
    pthread_mutex_unlock(&f->world->mutex);
    if (p.fault.kind == FAKE_UNREADABLE && r != NULL)
        make_unreadable(&o);
    if (passage_leave(f, &p, c, e) < 0)
        return -1;
    *ret = o;
    return 0;
}

/* --- check --------------------------------------------------------------------------------------------------------- */

static bool has_word(const char *path, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = path; (p = strstr(p, word)) != NULL; p += n)
        if ((p == path || p[-1] == '.') && (p[n] == '\0' || p[n] == '.'))
            return true;
    return false;
}

static enum field_class class_of(const char *path)
{
    if (has_word(path, "patch") || has_word(path, "limits"))
        return FIELD_PATCH;
    if (has_word(path, "restart"))
        return FIELD_RESTART;
    return has_word(path, "note") || text_has_prefix(path, "seed.") ? FIELD_NONE : FIELD_RECREATE;
}

static bool any_secret(const struct node *n)
{
    bool secret = n->secret;

    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++)
        secret = secret || any_secret(n->items[i]);
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        secret = secret || any_secret(n->members[i].value);
    return secret;
}

struct field_vec {
    struct arena *a;
    VEC(struct field) f;
};

static int flatten(struct field_vec *out, const char *path, const struct node *n, struct err *e)
{
    if (has_word(path, "unsupported"))
        return err_set(e, ERR_CONFIG, 0, "%s: the fake backend cannot do this", path);
    if (n->kind != NODE_OBJECT) {
        const char *text = n->kind == NODE_STRING ? arena_strdup(out->a, n->s) : node_json(out->a, n);

        if (n->kind != NODE_NULL)
            VEC_PUSH(out->a, &out->f,
                     ((struct field){.name = path, .value = text, .class = class_of(path), .sensitive = any_secret(n)}));
        return 0;
    }
    for (size_t i = 0; i < n->n_members; i++)
        if (flatten(out,
                    *path != '\0' ? arena_printf(out->a, "%s.%s", path, n->members[i].key)
                                  : arena_strdup(out->a, n->members[i].key),
                    n->members[i].value, e) < 0)
            return -1;
    return 0;
}

static int fake_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    struct field_vec out = {.a = a};

    if (js_is_blank(d->name))
        return err_set(e, ERR_CONFIG, 0, "name: is empty");
    if (d->create != NULL && !node_is(d->create, NODE_OBJECT))
        return err_set(e, ERR_CONFIG, 0, "create: an object is wanted");
    if (d->create != NULL && flatten(&out, "", d->create, e) < 0)
        return -1;
    if (d->image != NULL && node_get(d->create, "image") == NULL)
        VEC_PUSH(a, &out.f, ((struct field){.name = "image", .value = arena_strdup(a, d->image), .class = FIELD_RECREATE}));
    *ret = fields_make(a, out.f.v, out.f.n);
    return 0;
}

/* --- acts ---------------------------------------------------------------------------------------------------------- */

struct setup_output {
    struct buf text;
};

static int setup_put(void *ctx, bool is_err, const char *s, size_t n)
{
    buf_put(&((struct setup_output *)ctx)->text, s, n);
    return 0;
}

/* Labels read again: what is under this id must still be what was observed. */
static int expect_check(const struct fake *f, const struct backend_act *act, const struct fake_runtime *r, struct err *e)
{
    const struct observed *x = act->expect;

    if (x == NULL || (x->ownership == ownership_of(f, &r->o) && text_eq(x->install, r->o.install) &&
                      text_eq(x->owner, r->o.owner) && text_eq(x->name, r->o.name)))
        return 0;
    return err_set(e, ERR_CONFLICT, 0, "'%s' (%s) is not what was observed", act->name, act->id);
}

/* Puts the runtime there, not good yet, or finds the one that is. */
static int create_begin(struct fake *f, struct arena *a, const struct backend_act *act, const struct fields *fields,
                        struct fake_runtime **ret, struct err *e)
{
    const char *content = NULL;
    const struct desired *d = act->want;
    struct fake_runtime *old = fake_runtime_by_name(f->world, d->name);
    struct observed o = {.name = d->name,
                         .kind = d->kind,
                         .ownership = OWN_OURS,
                         .state = d->want == WANT_STOPPED ? RUN_STOPPED : RUN_RUNNING,
                         .install = f->install,
                         .owner = d->owner,
                         .scope_key = d->scope_key,
                         .config_hash = d->config_hash,
                         .created_at_ms = act->created_at_ms,
                         .image = d->image,
                         .fields = *fields,
                         .busy_known = true};

    const bool gives_way = old != NULL && act->replaces != NULL && text_eq(old->o.id, act->replaces);

    if (gives_way && expect_check(f, act, old, e) < 0)
        return -1;
    if (old != NULL && !gives_way) {
        if (ownership_of(f, &old->o) != OWN_OURS || !text_eq(old->o.owner, d->owner) ||
            !text_eq(old->o.config_hash, d->config_hash) || (act->replaces != NULL && old->o.created_at_ms != act->created_at_ms))
            return err_set(e, ERR_CONFLICT, 0, "creating '%s': the name is in use by %s", d->name, old->o.id);
        if (old->good) {
            *ret = old;
            return 0;
        }
    }
    if (d->image != NULL && (o.image_id = fake_image_id(f->world, d->image)) == NULL)
        return err_set(e, ERR_NOT_FOUND, 0, "creating '%s': no image '%s'", d->name, d->image);
    if (o.created_at_ms == TIME_NONE || o.created_at_ms == 0)
        o.created_at_ms = fake_world_now(f->world);
    if (d->kind == RUNTIME_BROWSER && d->want != WANT_STOPPED) {
        o.cdp_port = 20000 + (int)(f->world->next_id * 2 % 40000);
        o.no_vnc_port = o.cdp_port + 1;
    }
    if (!d->can_remake && fake_tree_seed(a, act, &content, e) < 0)
        return err_wrap(e, "creating '%s'", d->name);
    if (gives_way)
        fake_runtime_drop(f->world, old);
    *ret = fake_runtime_add(f->world, &o);
    if (content != NULL)
        fake_runtime_set_content(f->world, *ret, content);
    (*ret)->good = d->setup == NULL;
    buf_printf(&f->world->history, "%s %s\n", gives_way ? "replace" : "create", d->name);
    return 0;
}

static int create_setup(struct fake *f, struct arena *a, const struct backend_act *act, const struct call *c,
                        const struct passage *p, const char *id, struct act_result *res, struct err *e)
{
    struct setup_output out = {.text = BUF_INIT(LIMIT_OUTPUT_BYTES)};
    struct fake_shell sh = {
        .world = f->world, .call = c, .deadline = &p->deadline, .workdir = "/", .put = setup_put, .fd_in = -1, .ctx = &out};
    int r = fake_shell_run(&sh, act->want->setup, &res->setup_status, e);

    if (r == 0 && p->fault.kind == FAKE_SETUP_FAILS)
        res->setup_status = 1;
    res->setup_output = arena_memdup0(a, buf_str(&out.text), out.text.n);
    buf_free(&out.text);
    if (r < 0)
        return err_wrap(e, "setup of '%s'", act->want->name);
    if (res->setup_status != 0)
        return err_set(e, ERR_REFUSED, res->setup_status, "setup of '%s': exit status %d", act->want->name, res->setup_status);
    pthread_mutex_lock(&f->world->mutex);
    struct fake_runtime *rt = fake_runtime_by_id(f->world, id);
    if (rt != NULL) {
        rt->good = true;
        fake_world_changed(f->world, rt);
    }
    pthread_mutex_unlock(&f->world->mutex);
    return 0;
}

static int act_create(struct fake *f, struct arena *a, const struct backend_act *act, const struct call *c,
                      const struct passage *p, struct act_result *res, struct err *e)
{
    struct fake_runtime *rt = NULL;
    struct fields fields;
    bool good = false;

    if (fake_check(a, act->want, &fields, e) < 0)
        return -1;
    pthread_mutex_lock(&f->world->mutex);
    int r = create_begin(f, a, act, &fields, &rt, e);
    if (rt != NULL) {
        res->id = arena_strdup(a, rt->o.id);
        res->cdp_port = rt->o.cdp_port;
        res->no_vnc_port = rt->o.no_vnc_port;
        if (!act->want->can_remake) {
            res->seeded = fake_tree_manifest(a, rt->content, res->id, f->install);
            res->seeded_local = act->seed_dir == NULL;
            res->host_key = "SHA256:fake";
        }
        good = rt->good;
        if (good && act->want->want == WANT_RUNNING && rt->o.state != RUN_RUNNING) {
            rt->o.state = RUN_RUNNING;
            fake_world_changed(f->world, rt);
        }
    }
    pthread_mutex_unlock(&f->world->mutex);
    return r == 0 && !good ? create_setup(f, a, act, c, p, res->id, res, e) : r;
}

static void act_patch(struct fake_runtime *r, const struct backend_act *act)
{
    for (size_t i = 0; i < act->n_changes; i++) {
        const struct field_change *ch = &act->changes[i];

        fake_runtime_set_field(
            r, &(struct field){.name = ch->name, .value = ch->to, .class = ch->class, .sensitive = ch->sensitive});
    }
    if (act->want != NULL)
        r->o.config_hash = arena_strdup(r->arena, act->want->config_hash);
}

/* With the mutex held. */
static int act_on(struct fake *f, const struct backend_act *act, struct err *e)
{
    struct fake_runtime *r = fake_runtime_by_id(f->world, act->id);
    enum run_state to = act->step == STEP_START ? RUN_RUNNING : RUN_STOPPED;

    if (r == NULL)
        return act->step == STEP_REMOVE
                   ? 0
                   : err_set(e, ERR_NOT_FOUND, 0, "'%s': no runtime %s", act->name, act->id != NULL ? act->id : "(none)");
    if (act->step != STEP_START && expect_check(f, act, r, e) < 0)
        return -1;
    switch (act->step) {
    case STEP_START:
    case STEP_STOP:
        if (r->o.state == to)
            return 0;
        r->o.state = to;
        r->o.busy = 0;
        break;
    case STEP_PATCH:
        act_patch(r, act);
        break;
    case STEP_REMOVE:
        buf_printf(&f->world->history, "remove %s\n", r->o.name);
        fake_runtime_drop(f->world, r);
        return 0;
    case STEP_CREATE:
    case STEP_COUNT:
        return 0;
    }
    buf_printf(&f->world->history, "%s %s\n",
               act->step == STEP_PATCH   ? "patch"
               : act->step == STEP_START ? "start"
                                         : "stop",
               r->o.name);
    fake_world_changed(f->world, r);
    return 0;
}

static const enum fake_call step_calls[] = {
    [STEP_CREATE] = FAKE_CREATE, [STEP_START] = FAKE_START,   [STEP_STOP] = FAKE_STOP,
    [STEP_PATCH] = FAKE_PATCH,   [STEP_REMOVE] = FAKE_REMOVE,
};
_Static_assert(sizeof step_calls / sizeof *step_calls == STEP_COUNT, "every step is a call");

static int fake_apply(struct backend *b, struct arena *a, const struct backend_act *act, const struct call *c,
                      struct act_result *ret, struct err *e)
{
    struct fake *f = (struct fake *)b;
    struct act_result res = {0};
    struct passage p;

    if (passage_enter(f, step_calls[act->step], act->name != NULL ? act->name : act->want->name, c, &p, e) < 0)
        return -1;
    if (act->step == STEP_CREATE) {
        if (act_create(f, a, act, c, &p, &res, e) < 0) {
            if (e->class == ERR_REFUSED && res.setup_status != 0)
                *ret = res;
            return -1;
        }
    } else {
        pthread_mutex_lock(&f->world->mutex);
        int r = act_on(f, act, e);
        pthread_mutex_unlock(&f->world->mutex);
        if (r < 0)
            return -1;
    }
    if (passage_leave(f, &p, c, e) < 0)
        return -1;
    *ret = res;
    return 0;
}

/* --- exec and follow ----------------------------------------------------------------------------------------------- */

static int exec_put(void *ctx, bool is_err, const char *s, size_t n)
{
    const struct exec_req *req = ctx;
    int fd = is_err ? req->fd_err : req->fd_out;

    while (fd >= 0 && n > 0) {
        ssize_t put = write(fd, s, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        s += put;
        n -= (size_t)put;
    }
    return 0;
}

static void exec_busy(struct fake *f, const char *id, int by)
{
    pthread_mutex_lock(&f->world->mutex);
    struct fake_runtime *r = fake_runtime_by_id(f->world, id);
    if (r != NULL && (by > 0 || r->o.busy > 0)) {
        r->o.busy = (unsigned)((int)r->o.busy + by);
        fake_world_changed(f->world, r);
    }
    pthread_mutex_unlock(&f->world->mutex);
}

static int fake_exec(struct backend *b, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e)
{
    struct fake *f = (struct fake *)b;
    BUF_AUTO script = BUF_INIT(LIMIT_OUTPUT_BYTES);
    enum run_state state = RUN_ABSENT;
    struct passage p;
    int status = 0, r;

    if (passage_enter(f, FAKE_EXEC, req->name, c, &p, e) < 0)
        return -1;
    pthread_mutex_lock(&f->world->mutex);
    struct fake_runtime *rt = fake_runtime_by_id(f->world, req->id);
    if (rt != NULL)
        state = rt->o.state;
    pthread_mutex_unlock(&f->world->mutex);
    if (state == RUN_ABSENT)
        return err_set(e, ERR_NOT_FOUND, 0, "exec in '%s': no runtime %s", req->name, req->id);
    if (state != RUN_RUNNING)
        return err_set(e, ERR_CONFLICT, 0, "exec in '%s': it does not run", req->name);
    if (text_eq(req->argv[0], "sh") && text_eq(req->argv[1], "-c") && req->argv[2] != NULL)
        buf_puts(&script, req->argv[2]);
    else
        for (size_t i = 0; req->argv[i] != NULL; i++)
            buf_printf(&script, "%s%s", i > 0 ? " " : "", req->argv[i]);
    struct fake_shell sh = {.world = f->world,
                            .call = c,
                            .deadline = &p.deadline,
                            .workdir = req->workdir != NULL ? req->workdir : "/",
                            .put = exec_put,
                            .fd_in = req->fd_in,
                            .ctx = (void *)req};
    exec_busy(f, req->id, 1);
    r = fake_shell_run(&sh, buf_str(&script), &status, e);
    exec_busy(f, req->id, -1);
    if (r < 0 || passage_leave(f, &p, c, e) < 0)
        return -1;
    *ret_status = status;
    return 0;
}

static int fake_follow(struct backend *b, void (*on_hint)(void *ctx), void *ctx, const struct call *c, struct err *e)
{
    struct fake *f = (struct fake *)b;
    struct fake_world *w = f->world;
    struct call endless = {.timeout_ms = 1 << 30, .cancel = c->cancel};
    struct passage p;
    uint64_t seen;
    bool broken = false;

    if (passage_enter(f, FAKE_FOLLOW, NULL, &endless, &p, e) < 0)
        return e->class == ERR_CANCELLED ? 0 : -1;
    pthread_mutex_lock(&w->mutex);
    seen = w->hints - 1; /* the first hint: the watch is armed */
    while (!broken && !(c->cancel != NULL && atomic_load(c->cancel))) {
        struct timespec t;

        broken = w->unreachable;
        if (seen != w->hints) {
            seen = w->hints;
            pthread_mutex_unlock(&w->mutex);
            on_hint(ctx);
            pthread_mutex_lock(&w->mutex);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_nsec += DEADLINE_SLICE_MS * 1000000L;
        t.tv_sec += t.tv_nsec / 1000000000L;
        t.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&w->changed_cond, &w->mutex, &t);
    }
    pthread_mutex_unlock(&w->mutex);
    return broken ? err_set(e, ERR_UNAVAILABLE, 0, "follow: the endpoint does not answer") : 0;
}

static int fake_save(struct backend *b, const char *id, const char *name,
                     int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, const struct call *c,
                     struct err *e)
{
    struct fake *f = (struct fake *)b;
    ARENA_AUTO a = arena_new();
    const char *content = NULL;
    struct passage p;

    if (passage_enter(f, FAKE_SAVE, name, c, &p, e) < 0)
        return -1;
    pthread_mutex_lock(&f->world->mutex);
    const struct fake_runtime *r = id != NULL ? fake_runtime_by_id(f->world, id) : fake_runtime_by_name(f->world, name);
    if (r != NULL)
        content = arena_strdup(a, r->content);
    pthread_mutex_unlock(&f->world->mutex);
    if (content == NULL)
        return err_set(e, ERR_NOT_FOUND, 0, "saving '%s': there is no tree of it", name);
    if (fake_tree_write(content, write, ctx, e) < 0)
        return err_wrap(e, "saving '%s'", name);
    return passage_leave(f, &p, c, e);
}

const struct backend_ops fake_ops = {
    .name = "fake",
    .open = fake_open,
    .probe = fake_probe,
    .observe = fake_observe,
    .look = fake_look,
    .check = fake_check,
    .apply = fake_apply,
    .exec = fake_exec,
    .follow = fake_follow,
    .save = fake_save,
    .close = fake_close,
};
