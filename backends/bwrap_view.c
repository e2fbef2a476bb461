#include "backends/bwrap_view.h"

#include "backends/bubblewrap.h"
#include "backends/bwrap_spec.h"
#include "spec/base/text.h"

#include <string.h>

int bwrap_view_read(const struct bubblewrap *b, struct arena *a, const struct call *c, struct bwrap_view *v, struct err *e)
{
    struct deadline d = deadline_start(c);
    int ms;

    if (deadline_slice(&d, "reading the sandboxes", &ms, e) < 0 || bwrap_here_read(b->store.parent, &v->here, e) < 0)
        return -1;
    /* Processes first: one that is started meanwhile has its record by then, and one that ends is seen dead by its pid. */
    if (bwrap_scan(&v->here, a, &v->marked, &v->n_marked, e) < 0 ||
        bwrap_store_list(&b->store, a, &v->entries, &v->n_entries, e) < 0 ||
        bwrap_store_sessions(&b->store, a, &v->sessions, &v->n_sessions, e) < 0)
        return -1;
    return 0;
}

const struct bwrap_orphan *bwrap_view_marked(const struct bwrap_view *v, const char *id)
{
    for (size_t i = 0; i < v->n_marked; i++)
        if (v->marked[i].init && text_eq(v->marked[i].r.id, id))
            return &v->marked[i];
    return NULL;
}

/* Where the record does not know its process yet, its mark does. */
int bwrap_view_process(const struct bwrap_view *v, const struct bwrap_record *r, struct bwrap_process *ret, bool *ret_alive,
                       struct err *e)
{
    const struct bwrap_orphan *o;

    *ret = r->process;
    if (bwrap_process_alive(&v->here, ret, ret_alive, NULL, e) < 0)
        return -1;
    o = *ret_alive ? NULL : bwrap_view_marked(v, r->id);
    if (o == NULL)
        return 0;
    *ret = o->process;
    return bwrap_process_alive(&v->here, ret, ret_alive, NULL, e);
}

enum ownership bwrap_view_ownership(const struct bubblewrap *b, const struct bwrap_record *r)
{
    return text_eq(r->install, b->install) ? OWN_OURS : OWN_FOREIGN;
}

static struct fields record_fields(struct arena *a, const struct bwrap_record *r, struct err *e)
{
    struct bwrap_spec spec;
    struct fields f = {0}, all;
    struct field *v;

    if (bwrap_spec_decode(a, r->create, &spec, e) < 0) /* it was, once */
        return f;
    f = bwrap_spec_fields(a, &spec, r->phase == BWRAP_READY ? r->setup_digest : NULL);
    if (r->phase == BWRAP_READY)
        return f;
    v = ARENA_ARRAY(a, struct field, f.n + 1);
    if (f.n > 0)
        memcpy(v, f.v, f.n * sizeof *v);
    v[f.n] = r->phase == BWRAP_SETUP_FAILED && r->setup_digest != NULL
                 ? (struct field){.name = "setup", .value = "failed", .class = FIELD_RECREATE}
                 : (struct field){.name = "unfinished", .value = "yes", .class = FIELD_RECREATE};
    all = fields_make(a, v, f.n + 1);
    return all;
}

static unsigned busy_of(const struct bwrap_view *v, const char *id)
{
    unsigned n = 0;

    for (size_t i = 0; i < v->n_sessions; i++)
        n += text_eq(v->sessions[i], id);
    return n;
}

static struct observed observed_base(const struct bubblewrap *b, struct arena *a, const struct bwrap_view *v,
                                     const struct bwrap_record *r)
{
    return (struct observed){.endpoint = arena_strdup(a, b->endpoint),
                             .name = arena_strdup(a, r->name),
                             .id = arena_strdup(a, r->id),
                             .kind = RUNTIME_SANDBOX,
                             .ownership = bwrap_view_ownership(b, r),
                             .install = arena_strdup(a, r->install),
                             .owner = arena_strdup(a, r->owner),
                             .config_hash = arena_strdup(a, r->hash),
                             .created_at_ms = r->created_at_ms,
                             .fields_known = true,
                             .busy = busy_of(v, r->id),
                             .busy_known = true};
}

struct observed bwrap_view_record(const struct bubblewrap *b, struct arena *a, const struct bwrap_view *v,
                                  const struct bwrap_record *r)
{
    struct observed o = observed_base(b, a, v, r);
    struct bwrap_process p;
    struct err why = {0};
    bool alive = false;

    o.fields = record_fields(a, r, &why);
    o.state = RUN_STOPPED;
    if (bwrap_view_process(v, r, &p, &alive, &why) < 0)
        o.state = RUN_UNKNOWN;
    else if (alive)
        o.state = RUN_RUNNING;
    return o;
}

struct observed bwrap_view_unreadable(const struct bubblewrap *b, struct arena *a, const struct bwrap_entry *x)
{
    return (struct observed){.endpoint = arena_strdup(a, b->endpoint),
                             .name = arena_strdup(a, x->name),
                             .id = "",
                             .kind = RUNTIME_SANDBOX,
                             .ownership = OWN_OURS,
                             .state = RUN_UNKNOWN,
                             .created_at_ms = TIME_NONE};
}

const struct bwrap_entry *bwrap_view_by_name(const struct bwrap_view *v, const char *name)
{
    for (size_t i = 0; i < v->n_entries; i++)
        if (text_eq(v->entries[i].name, name))
            return &v->entries[i];
    return NULL;
}

const struct bwrap_entry *bwrap_view_by_id(const struct bwrap_view *v, const char *id)
{
    for (size_t i = 0; i < v->n_entries; i++)
        if (v->entries[i].why == NULL && text_eq(v->entries[i].r.id, id))
            return &v->entries[i];
    return NULL;
}

/* A running sandbox whose record is lost. Beside a record of its name it gets another one, so that names stay one each. */
struct observed bwrap_view_orphan(const struct bubblewrap *b, struct arena *a, const struct bwrap_view *v,
                                  const struct bwrap_orphan *x)
{
    struct observed o = observed_base(b, a, v, &x->r);

    o.state = RUN_RUNNING;
    if (bwrap_view_by_name(v, x->r.name) != NULL)
        o.name = arena_printf(a, "%s.orphan-%.8s", x->r.name, x->r.id);
    return o;
}

/* One that cannot be read may be the one that is looked for. */
int bwrap_view_doubt(const struct bwrap_view *v, const char *name, struct err *e)
{
    for (size_t i = 0; i < v->n_entries; i++)
        if (v->entries[i].why != NULL && (name == NULL || text_eq(v->entries[i].name, name)))
            return err_set(e, ERR_INPUT, 0, "%s", v->entries[i].why);
    return 0;
}
