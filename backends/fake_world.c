#include "backends/fake_world.h"

#include <stdlib.h>
#include <string.h>

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fake_world *registry;

static const char *const call_names[] = {
    [FAKE_PROBE] = "probe", [FAKE_OBSERVE] = "observe", [FAKE_LOOK] = "look",   [FAKE_CREATE] = "create",
    [FAKE_START] = "start", [FAKE_STOP] = "stop",       [FAKE_PATCH] = "patch", [FAKE_REMOVE] = "remove",
    [FAKE_EXEC] = "exec",   [FAKE_FOLLOW] = "follow",   [FAKE_SAVE] = "save",   [FAKE_ANY] = "any",
};
_Static_assert(sizeof call_names / sizeof *call_names == FAKE_CALL_COUNT, "every call has a name");

static const char *const fault_kind_names[] = {
    [FAKE_FAIL] = "fail",
    [FAKE_FAIL_AFTER] = "fail-after",
    [FAKE_HANG] = "hang",
    [FAKE_HANG_AFTER] = "hang-after",
    [FAKE_SLOW] = "slow",
    [FAKE_PARTIAL] = "partial",
    [FAKE_EMPTY] = "empty",
    [FAKE_UNREADABLE] = "unreadable",
    [FAKE_SETUP_FAILS] = "setup-fails",
};
_Static_assert(sizeof fault_kind_names / sizeof *fault_kind_names == FAKE_FAULT_KIND_COUNT, "every fault has a name");

const char *fake_call_name(enum fake_call c)
{
    return call_names[c];
}

const char *fake_fault_kind_name(enum fake_fault_kind k)
{
    return fault_kind_names[k];
}

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* --- the registry -------------------------------------------------------------------------------------------------- */

static struct fake_world *world_new(const char *endpoint)
{
    struct fake_world *w = must(calloc(1, sizeof *w));
    pthread_condattr_t attr;

    w->endpoint = must(strdup(endpoint));
    w->next_id = 1;
    w->history = BUF_INIT(64u << 20);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed_cond, &attr);
    pthread_condattr_destroy(&attr);
    return w;
}

struct fake_world *fake_world_get(const char *endpoint)
{
    struct fake_world *w;

    pthread_mutex_lock(&registry_mutex);
    for (w = registry; w != NULL && !text_eq(w->endpoint, endpoint); w = w->next)
        ;
    if (w == NULL) {
        w = world_new(endpoint);
        w->next = registry;
        registry = w;
    }
    pthread_mutex_unlock(&registry_mutex);
    return w;
}

static void fault_free(struct fake_live_fault *f)
{
    free((char *)f->f.runtime);
}

static void world_clear(struct fake_world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        arena_free(w->v[i]->arena);
        free(w->v[i]);
    }
    for (size_t i = 0; i < w->n_images; i++) {
        free((char *)w->images[i].ref);
        free((char *)w->images[i].id);
    }
    for (size_t i = 0; i < w->n_faults; i++)
        fault_free(&w->faults[i]);
    free(w->v);
    free(w->images);
    free(w->faults);
    w->v = NULL;
    w->images = NULL;
    w->faults = NULL;
    w->n = w->cap = w->n_images = w->n_faults = 0;
    w->unreachable = false;
    w->clock = (struct fake_clock){0};
    memset(w->calls, 0, sizeof w->calls);
    buf_clear(&w->history);
}

void fake_world_drop(const char *endpoint)
{
    struct fake_world **p, *w;

    pthread_mutex_lock(&registry_mutex);
    for (p = &registry; *p != NULL && !text_eq((*p)->endpoint, endpoint); p = &(*p)->next)
        ;
    w = *p;
    if (w != NULL)
        *p = w->next;
    pthread_mutex_unlock(&registry_mutex);
    if (w == NULL)
        return;
    world_clear(w);
    buf_free(&w->history);
    pthread_cond_destroy(&w->changed_cond);
    pthread_mutex_destroy(&w->mutex);
    free(w->endpoint);
    free(w);
}

void fake_world_reset(struct fake_world *w)
{
    pthread_mutex_lock(&w->mutex);
    world_clear(w);
    fake_world_changed(w, NULL);
    pthread_mutex_unlock(&w->mutex);
}

/* --- runtimes, with the mutex held --------------------------------------------------------------------------------- */

static size_t runtime_place(const struct fake_world *w, const char *name, bool *ret_there)
{
    size_t lo = 0, hi = w->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (strcmp(w->v[mid]->o.name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_there = lo < w->n && text_eq(w->v[lo]->o.name, name);
    return lo;
}

struct fake_runtime *fake_runtime_by_name(struct fake_world *w, const char *name)
{
    bool there = false;
    size_t i = name == NULL ? 0 : runtime_place(w, name, &there);

    return there ? w->v[i] : NULL;
}

struct fake_runtime *fake_runtime_by_id(struct fake_world *w, const char *id)
{
    for (size_t i = 0; i < w->n && id != NULL; i++)
        if (text_eq(w->v[i]->o.id, id))
            return w->v[i];
    return NULL;
}

void fake_runtime_drop(struct fake_world *w, struct fake_runtime *r)
{
    bool there;
    size_t i = runtime_place(w, r->o.name, &there);

    memmove(w->v + i, w->v + i + 1, (w->n - i - 1) * sizeof(struct fake_runtime *));
    w->n--;
    arena_free(r->arena);
    free(r);
    fake_world_changed(w, NULL);
}

void fake_observed_copy(struct arena *a, const char *endpoint, const struct observed *from, struct observed *to)
{
    struct field *v = ARENA_ARRAY(a, struct field, from->fields.n);

    *to = *from;
    to->endpoint = arena_strdup(a, endpoint);
    to->name = arena_strdup(a, from->name);
    to->id = arena_strdup(a, from->id);
    to->install = arena_strdup(a, from->install);
    to->owner = arena_strdup(a, from->owner);
    to->scope_key = arena_strdup(a, from->scope_key);
    to->config_hash = arena_strdup(a, from->config_hash);
    to->image_id = arena_strdup(a, from->image_id);
    to->image = arena_strdup(a, from->image);
    for (size_t i = 0; i < from->fields.n; i++) {
        v[i] = from->fields.v[i];
        v[i].name = arena_strdup(a, v[i].name);
        v[i].value = arena_strdup(a, v[i].value);
    }
    to->fields = (struct fields){.v = v, .n = from->fields.n};
}

struct fake_runtime *fake_runtime_add(struct fake_world *w, const struct observed *o)
{
    struct fake_runtime *r = must(calloc(1, sizeof *r)), *old = fake_runtime_by_name(w, o->name);
    bool there;
    size_t i;

    r->arena = arena_new();
    fake_observed_copy(r->arena, NULL, o, &r->o);
    if (r->o.id == NULL)
        r->o.id = arena_printf(r->arena, "%016llx", (unsigned long long)w->next_id++);
    r->o.fields_known = true;
    r->good = true;
    if (old != NULL)
        fake_runtime_drop(w, old);
    i = runtime_place(w, r->o.name, &there);
    if (w->n == w->cap) {
        w->cap = w->cap == 0 ? 16 : w->cap * 2;
        w->v = must(realloc(w->v, w->cap * sizeof(struct fake_runtime *)));
    }
    memmove(w->v + i + 1, w->v + i, (w->n - i) * sizeof(struct fake_runtime *));
    w->v[i] = r;
    w->n++;
    fake_world_changed(w, r);
    return r;
}

void fake_runtime_set_content(struct fake_world *w, struct fake_runtime *r, const char *content)
{
    r->content = arena_strdup(r->arena, content);
    r->o.content_known = true;
    r->o.n_entries = *content != '\0';
    r->o.content_bytes = strlen(content);
    r->o.changed_at_ms = fake_world_now(w);
    fake_world_changed(w, r);
}

void fake_runtime_set_field(struct fake_runtime *r, const struct field *f)
{
    struct field *v = ARENA_ARRAY(r->arena, struct field, r->o.fields.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < r->o.fields.n; i++)
        if (!text_eq(r->o.fields.v[i].name, f->name))
            v[n++] = r->o.fields.v[i];
    if (f->value != NULL) {
        v[n] = *f;
        v[n].name = arena_strdup(r->arena, f->name);
        v[n++].value = arena_strdup(r->arena, f->value);
    }
    r->o.fields = fields_make(r->arena, v, n);
}

const char *fake_image_id(const struct fake_world *w, const char *ref)
{
    for (size_t i = 0; i < w->n_images; i++)
        if (text_eq(w->images[i].ref, ref))
            return w->images[i].id;
    return NULL;
}

void fake_world_changed(struct fake_world *w, struct fake_runtime *r)
{
    w->serial++;
    w->hints++;
    if (r != NULL)
        r->changed = w->serial;
    pthread_cond_broadcast(&w->changed_cond);
}

/* --- faults and time ----------------------------------------------------------------------------------------------- */

struct fake_fault fake_world_enter(struct fake_world *w, enum fake_call call, const char *runtime)
{
    struct fake_fault hit = {.kind = FAKE_FAULT_KIND_COUNT};

    w->calls[call]++;
    w->calls[FAKE_ANY]++;
    for (size_t i = 0; i < w->n_faults; i++) {
        struct fake_live_fault *f = &w->faults[i];

        if ((f->f.call != call && f->f.call != FAKE_ANY) || (f->f.runtime != NULL && !text_eq(f->f.runtime, runtime)))
            continue;
        if (f->seen++ < f->f.skip || (f->f.count != 0 && f->seen > f->f.skip + f->f.count))
            continue;
        if (hit.kind == FAKE_FAULT_KIND_COUNT)
            hit = f->f;
    }
    return hit;
}

int64_t fake_world_now(const struct fake_world *w)
{
    return w->clock.now_ms != NULL ? w->clock.now_ms(w->clock.ctx) : 0;
}

int fake_world_wait(struct fake_world *w, const struct call *c, const struct deadline *d, int ms, const char *what, struct err *e)
{
    struct fake_clock clock;
    int64_t end;

    pthread_mutex_lock(&w->mutex);
    clock = w->clock;
    pthread_mutex_unlock(&w->mutex);
    if (clock.wait != NULL) {
        bool over = ms < 0 || ms >= c->timeout_ms;

        if (c->cancel == NULL || !atomic_load(c->cancel))
            clock.wait(clock.ctx, over ? c->timeout_ms : ms);
        if (c->cancel != NULL && atomic_load(c->cancel))
            return err_set(e, ERR_CANCELLED, 0, "%s: cancelled", what);
        return over ? err_set(e, ERR_TIMEOUT, 0, "%s: no answer within %d ms", what, c->timeout_ms) : 0;
    }
    end = deadline_now_ms() + ms;
    for (int64_t left = ms; ms < 0 || left > 0; left = end - deadline_now_ms())
        if (deadline_pause(d, what, ms < 0 || left > DEADLINE_SLICE_MS ? DEADLINE_SLICE_MS : (int)left, e) < 0)
            return -1;
    return 0;
}

/* --- for tests ----------------------------------------------------------------------------------------------------- */

void fake_world_set_clock(struct fake_world *w, const struct fake_clock *clock)
{
    pthread_mutex_lock(&w->mutex);
    w->clock = clock != NULL ? *clock : (struct fake_clock){0};
    pthread_mutex_unlock(&w->mutex);
}

void fake_world_add_fault(struct fake_world *w, const struct fake_fault *f)
{
    pthread_mutex_lock(&w->mutex);
    w->faults = must(realloc(w->faults, (w->n_faults + 1) * sizeof *w->faults));
    w->faults[w->n_faults] = (struct fake_live_fault){.f = *f};
    if (f->runtime != NULL)
        w->faults[w->n_faults].f.runtime = must(strdup(f->runtime));
    w->n_faults++;
    pthread_mutex_unlock(&w->mutex);
}

void fake_world_clear_faults(struct fake_world *w)
{
    pthread_mutex_lock(&w->mutex);
    for (size_t i = 0; i < w->n_faults; i++)
        fault_free(&w->faults[i]);
    w->n_faults = 0;
    pthread_mutex_unlock(&w->mutex);
}

void fake_world_set_reachable(struct fake_world *w, bool reachable)
{
    pthread_mutex_lock(&w->mutex);
    w->unreachable = !reachable;
    pthread_mutex_unlock(&w->mutex);
}

void fake_world_set_image(struct fake_world *w, const char *ref, const char *id)
{
    size_t i;

    pthread_mutex_lock(&w->mutex);
    for (i = 0; i < w->n_images && !text_eq(w->images[i].ref, ref); i++)
        ;
    if (i == w->n_images) {
        w->images = must(realloc(w->images, (w->n_images + 1) * sizeof *w->images));
        w->images[w->n_images++] = (struct image_state){.ref = must(strdup(ref))};
    }
    free((char *)w->images[i].id);
    w->images[i].id = id != NULL ? must(strdup(id)) : NULL;
    fake_world_changed(w, NULL);
    pthread_mutex_unlock(&w->mutex);
}

const char *fake_world_put(struct fake_world *w, const struct observed *o)
{
    const char *id;

    pthread_mutex_lock(&w->mutex);
    id = fake_runtime_add(w, o)->o.id;
    pthread_mutex_unlock(&w->mutex);
    return id;
}

bool fake_world_remove(struct fake_world *w, const char *name)
{
    struct fake_runtime *r;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    if (r != NULL)
        fake_runtime_drop(w, r);
    pthread_mutex_unlock(&w->mutex);
    return r != NULL;
}

bool fake_world_set_state(struct fake_world *w, const char *name, enum run_state s)
{
    struct fake_runtime *r;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    if (r != NULL) {
        r->o.state = s;
        fake_world_changed(w, r);
    }
    pthread_mutex_unlock(&w->mutex);
    return r != NULL;
}

bool fake_world_set_busy(struct fake_world *w, const char *name, unsigned busy)
{
    struct fake_runtime *r;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    if (r != NULL) {
        r->o.busy = busy;
        fake_world_changed(w, r);
    }
    pthread_mutex_unlock(&w->mutex);
    return r != NULL;
}

bool fake_world_set_content(struct fake_world *w, const char *name, const char *content)
{
    struct fake_runtime *r;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    if (r != NULL)
        fake_runtime_set_content(w, r, content);
    pthread_mutex_unlock(&w->mutex);
    return r != NULL;
}

const char *fake_world_content(struct fake_world *w, struct arena *a, const char *name)
{
    const struct fake_runtime *r;
    const char *content;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    content = r != NULL ? arena_strdup(a, r->content) : NULL;
    pthread_mutex_unlock(&w->mutex);
    return content;
}

bool fake_world_set_hash(struct fake_world *w, const char *name, const char *hash)
{
    struct fake_runtime *r;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    if (r != NULL) {
        r->o.config_hash = arena_strdup(r->arena, hash);
        fake_world_changed(w, r);
    }
    pthread_mutex_unlock(&w->mutex);
    return r != NULL;
}

bool fake_world_set_field(struct fake_world *w, const char *name, const char *field, const char *value)
{
    struct fake_runtime *r;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    if (r != NULL) {
        struct field f = {.name = field, .value = value, .class = FIELD_RECREATE};

        for (size_t i = 0; i < r->o.fields.n; i++)
            if (text_eq(r->o.fields.v[i].name, field)) {
                f = r->o.fields.v[i];
                f.value = value;
            }
        fake_runtime_set_field(r, &f);
        fake_world_changed(w, r);
    }
    pthread_mutex_unlock(&w->mutex);
    return r != NULL;
}

void fake_world_hint(struct fake_world *w)
{
    pthread_mutex_lock(&w->mutex);
    w->hints++;
    pthread_cond_broadcast(&w->changed_cond);
    pthread_mutex_unlock(&w->mutex);
}

const struct observed *fake_world_find(struct fake_world *w, struct arena *a, const char *name)
{
    struct fake_runtime *r;
    struct observed *o = NULL;

    pthread_mutex_lock(&w->mutex);
    r = fake_runtime_by_name(w, name);
    if (r != NULL) {
        o = ARENA_NEW(a, struct observed);
        fake_observed_copy(a, w->endpoint, &r->o, o);
    }
    pthread_mutex_unlock(&w->mutex);
    return o;
}

size_t fake_world_count(struct fake_world *w)
{
    size_t n;

    pthread_mutex_lock(&w->mutex);
    n = w->n;
    pthread_mutex_unlock(&w->mutex);
    return n;
}

unsigned fake_world_calls(struct fake_world *w, enum fake_call call)
{
    unsigned n;

    pthread_mutex_lock(&w->mutex);
    n = w->calls[call];
    pthread_mutex_unlock(&w->mutex);
    return n;
}

unsigned fake_world_mutations(struct fake_world *w)
{
    unsigned n = 0;

    pthread_mutex_lock(&w->mutex);
    for (enum fake_call c = FAKE_CREATE; c <= FAKE_REMOVE; c++)
        n += w->calls[c];
    pthread_mutex_unlock(&w->mutex);
    return n;
}

const char *fake_world_history(struct fake_world *w, struct arena *a)
{
    const char *s;

    pthread_mutex_lock(&w->mutex);
    s = arena_strdup(a, buf_str(&w->history));
    pthread_mutex_unlock(&w->mutex);
    return s;
}
