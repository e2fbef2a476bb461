#include "backends/openshell_private.h"
#include "backends/openshell_way.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/remote.h"

#include <string.h>

/* --- labels ---------------------------------------------------------------------------------------------------------------- */

static bool is_label(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++) {
        bool alnum = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9');

        if (!alnum && (i == 0 || i + 1 == n || strchr("-_.", s[i]) == NULL))
            return false;
    }
    return n > 0 && n <= 63;
}

char *openshell_label_value(struct arena *a, const char *text)
{
    BUF_AUTO b = BUF_INIT(256);

    for (const char *s = text; *s != '\0'; s++)
        if (*s == '/')
            buf_puts(&b, "..");
        else
            buf_putc(&b, *s);
    if (!b.full && strstr(text, "..") == NULL && !text_has_prefix(text, "sha256.") && is_label(buf_str(&b)))
        return arena_strdup(a, buf_str(&b));
    return arena_printf(a, "sha256.%.40s", digest_sha256(a, text, strlen(text)));
}

/* As far as it can be read back. */
static char *label_text(struct arena *a, const char *value)
{
    BUF_AUTO b = BUF_INIT(256);

    if (value == NULL)
        return NULL;
    for (const char *s = value; *s != '\0'; s++)
        if (s[0] == '.' && s[1] == '.') {
            buf_putc(&b, '/');
            s++;
        } else
            buf_putc(&b, *s);
    return arena_strdup(a, buf_str(&b));
}

size_t openshell_labels(struct arena *a, const struct desired *d, const char *install, int64_t created_at_ms,
                        const char *ret[OPENSHELL_MAX_LABELS])
{
    size_t n = 0;

    ret[n++] = arena_printf(a, OPENSHELL_LABEL_INSTALL "=%s", openshell_label_value(a, install));
    ret[n++] = arena_printf(a, OPENSHELL_LABEL_OWNER "=%s", openshell_label_value(a, d->owner));
    ret[n++] = arena_printf(a, OPENSHELL_LABEL_KIND "=%s", runtime_kind_name(d->kind));
    if (d->config_hash != NULL && strlen(d->config_hash) == 64) {
        ret[n++] = arena_printf(a, OPENSHELL_LABEL_HASH "=%.32s", d->config_hash);
        ret[n++] = arena_printf(a, OPENSHELL_LABEL_HASH_2 "=%s", d->config_hash + 32);
    }
    if (created_at_ms >= 0)
        ret[n++] = arena_printf(a, OPENSHELL_LABEL_CREATED "=%lld", (long long)created_at_ms);
    return n;
}

static const char *label(const struct openshell_item *it, const char *key)
{
    return node_str(node_get(it->labels, key));
}

/* --- one sandbox ----------------------------------------------------------------------------------------------------------- */

/* Whether the record is of this very sandbox. One that was begun has no id yet: then the labels have to say that it is ours;
 * where there are none, that the name was free when the record was written. */
static bool record_fits(const struct openshell_call *c, const struct openshell_item *it, const struct openshell_record *r)
{
    if (r->name == NULL || !text_eq(r->name, it->name) || !text_eq(r->install, c->b->install))
        return false;
    if (r->id != NULL)
        return text_eq(r->id, it->id);
    return !c->b->traits->labels || text_eq(label(it, OPENSHELL_LABEL_INSTALL), openshell_label_value(c->a, r->install));
}

struct openshell_view openshell_view_of(const struct openshell_call *c, const struct openshell_item *item,
                                        const struct openshell_record *record)
{
    struct openshell_view v = {.item = *item, .ownership = OWN_FOREIGN, .kind = RUNTIME_SANDBOX, .created_at_ms = TIME_NONE};
    const char *install = label(item, OPENSHELL_LABEL_INSTALL), *mine = openshell_label_value(c->a, c->b->install);
    const char *hash = label(item, OPENSHELL_LABEL_HASH), *hash_2 = label(item, OPENSHELL_LABEL_HASH_2);

    if (record_fits(c, item, record) && (install == NULL || text_eq(install, mine))) {
        v.record = *record;
        v.ownership = OWN_OURS;
        v.install = record->install;
        v.owner = record->owner;
        v.hash = record->hash;
        v.kind = record->kind;
        v.created_at_ms = record->created_at_ms;
        return v;
    }
    v.created_at_ms = item->created_at_ms;
    if (install != NULL) {
        v.ownership = text_eq(install, mine) ? OWN_OURS : OWN_FOREIGN;
        v.install = text_eq(install, mine) ? c->b->install : install;
        v.owner = label_text(c->a, label(item, OPENSHELL_LABEL_OWNER));
        v.hash = hash != NULL && hash_2 != NULL ? arena_printf(c->a, "%s%s", hash, hash_2) : NULL;
        (void)num_parse_i64(label(item, OPENSHELL_LABEL_CREATED) != NULL ? label(item, OPENSHELL_LABEL_CREATED) : "",
                            &v.created_at_ms);
        for (int i = 0; i < RUNTIME_KIND_COUNT; i++)
            if (text_eq(label(item, OPENSHELL_LABEL_KIND), runtime_kind_name((enum runtime_kind)i)))
                v.kind = (enum runtime_kind)i;
        return v;
    }
    if (openshell_name_is_openclaw(item->name)) {
        v.ownership = OWN_OPENCLAW;
        v.kind = RUNTIME_CONTAINER;
    }
    return v;
}

static enum run_state state_of(enum openshell_phase p)
{
    switch (p) {
    case OPENSHELL_READY:
        return RUN_RUNNING;
    case OPENSHELL_STOPPED:
    case OPENSHELL_ERROR:
        return RUN_STOPPED;
    case OPENSHELL_UNKNOWN:
    case OPENSHELL_PROVISIONING:
    case OPENSHELL_DELETING:
    case OPENSHELL_STOPPING:
    case OPENSHELL_STARTING:
    case OPENSHELL_PHASE_COUNT:
        break;
    }
    return RUN_UNKNOWN;
}

/* What it was made from, as far as that is known; NULL where it is not. */
static const struct node *made_from(struct arena *a, const struct openshell_view *v, const struct desired *want,
                                    const char **ret_setup)
{
    if (v->record.name != NULL) {
        *ret_setup = v->record.setup;
        return v->record.create;
    }
    if (v->ownership == OWN_OURS && want != NULL && v->hash != NULL && text_eq(v->hash, want->config_hash)) {
        *ret_setup = openshell_setup_digest(a, want->setup);
        return want->create;
    }
    /* Of OpenClaw's own only what it shows can be told: the rest is taken to be as it is wanted, but for what is recorded. */
    if (v->ownership == OWN_OPENCLAW && want != NULL) {
        struct node *create = node_share(a, want->create);

        *ret_setup = openshell_setup_digest(a, want->setup);
        if (v->source != NULL)
            node_put(a, create, "from", node_string(a, v->source));
        return create;
    }
    return NULL;
}

bool openshell_view_has_policy(const struct openshell_call *c, const struct openshell_view *v, const struct desired *want)
{
    const char *setup;
    const struct node *create = made_from(c->a, v, want, &setup);

    return node_get(create, "policyText") != NULL && v->item.phase != OPENSHELL_DELETING;
}

struct openshell_place openshell_place_of(const struct openshell_call *c, const struct openshell_view *v)
{
    struct openshell_place place = {.workspace = c->b->workspace_dir, .agent = c->b->agent_dir};
    struct openshell_spec spec = {0};
    struct err ignored;

    if (v->record.name != NULL && openshell_spec_decode(c->a, v->record.create, &spec, &ignored) == 0)
        place = (struct openshell_place){.workspace = spec.workspace_dir, .agent = spec.agent_dir};
    for (size_t i = 0; v->record.name != NULL && i < spec.n_dirs; i++)
        place.has_agent = place.has_agent || strcmp(spec.dirs[i].name, "agent") == 0;
    return place;
}

/* How much is in it, where that is the only copy: what mode mirror has there comes from here. */
static void add_content(struct openshell_call *c, const struct openshell_view *v, const struct openshell_spec *spec,
                        struct observed *o)
{
    struct openshell_place place = openshell_place_of(c, v);
    struct openshell_content content;
    struct field *fields;

    if (v->ownership == OWN_FOREIGN || v->item.phase != OPENSHELL_READY || (spec != NULL && strcmp(spec->mode, "remote") != 0))
        return;
    if (spec != NULL && v->record.name == NULL)
        place = (struct openshell_place){.workspace = spec->workspace_dir, .agent = spec->agent_dir};
    content = openshell_way_measure(c, v->item.name, v->item.id, &place);
    o->content_known = content.known;
    o->n_entries = content.n_entries;
    o->content_bytes = content.bytes;
    o->changed_at_ms = content.changed_at_ms;
    o->content_stamp = content.stamp;
    if (!content.known || content.seeded || content.n_entries > 0 || fields_get(o->fields, REMOTE_SEED_STATE) == NULL)
        return;
    fields = ARENA_ARRAY(c->a, struct field, o->fields.n + 1);
    for (size_t i = 0; i < o->fields.n; i++)
        fields[i] = o->fields.v[i];
    fields[o->fields.n] = (struct field){.name = REMOTE_SEED_STATE, .value = REMOTE_SEED_EMPTY, .class = FIELD_RECREATE};
    o->fields = fields_make(c->a, fields, o->fields.n + 1);
}

struct observed openshell_observed(struct openshell_call *c, const struct openshell_view *v, const struct node *live,
                                   const struct desired *want)
{
    const char *setup = NULL;
    const struct node *create = made_from(c->a, v, want, &setup);
    struct openshell_spec spec;
    struct err ignored;
    struct observed o = {.endpoint = arena_strdup(c->a, c->b->endpoint),
                         .name = v->item.name,
                         .id = v->item.id,
                         .kind = v->kind,
                         .ownership = v->ownership,
                         .state = state_of(v->item.phase),
                         .install = arena_strdup(c->a, v->install),
                         .owner = v->owner,
                         .scope_key = v->record.scope_key,
                         .config_hash = v->hash,
                         .created_at_ms = v->created_at_ms,
                         .changed_at_ms = TIME_NONE};

    if (create != NULL && openshell_spec_decode(c->a, create, &spec, &ignored) == 0) {
        o.fields = openshell_spec_observed(c->a, &spec, setup, live, v->item.phase);
        o.fields_known = true;
    }
    add_content(c, v, o.fields_known ? &spec : NULL, &o);
    return o;
}

/* --- finding --------------------------------------------------------------------------------------------------------------- */

int openshell_find_name(struct openshell_call *c, const char *name, struct openshell_item *ret, bool *ret_found, struct err *e)
{
    struct openshell_items all;

    *ret_found = false;
    if (openshell_cli_list(c, &all, e) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        if (!text_eq(all.v[i].name, name))
            continue;
        *ret = all.v[i];
        if (ret->id == NULL && openshell_cli_get(c, name, ret, e) < 0)
            return e->class == ERR_NOT_FOUND ? 0 : -1; /* it went in between */
        *ret_found = true;
        return 0;
    }
    return 0;
}

static bool has_word(const char *const *v, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (text_eq(v[i], word))
            return true;
    return false;
}

int openshell_find_id(struct openshell_call *c, const char *name, const char *id, struct openshell_item *ret, bool *ret_found,
                      struct err *e)
{
    const char *const *ids;
    struct openshell_items all;
    size_t n;

    *ret_found = false;
    if (openshell_cli_list(c, &all, e) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++)
        if (all.v[i].id != NULL && text_eq(all.v[i].id, id)) {
            *ret = all.v[i];
            *ret_found = true;
            return 0;
        }
    if (all.n == 0 || all.v[0].id != NULL)
        return 0;
    /* A table has no ids. */
    if (openshell_cli_words(c, "--ids", NULL, &ids, &n, e) < 0)
        return -1;
    if (!has_word(ids, n, id))
        return 0;
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < all.n; i++) {
            if (text_eq(all.v[i].name, name) != (round == 0))
                continue;
            if (openshell_cli_get(c, all.v[i].name, ret, e) < 0) {
                if (e->class != ERR_NOT_FOUND)
                    return -1;
                continue;
            }
            if (text_eq(ret->id, id)) {
                *ret_found = true;
                return 0;
            }
        }
    return err_set(e, ERR_UNAVAILABLE, 0, "sandbox %s is listed, and none shows that id", id);
}

/* --- observe and look ------------------------------------------------------------------------------------------------------ */

static const struct desired *wanted(const struct observe_req *req, const char *name)
{
    for (size_t i = 0; i < req->n_desired; i++)
        if (text_eq(req->desired[i].name, name))
            return &req->desired[i];
    return NULL;
}

/* What OpenClaw recorded that its sandbox was made from; NULL: nothing. */
static const char *source_of(const struct observe_req *req, const char *name)
{
    for (size_t i = 0; i < req->n_records; i++)
        if (text_eq(req->records[i].name, name) && req->records[i].kind == RUNTIME_CONTAINER)
            return req->records[i].image;
    return NULL;
}

static const struct openshell_record *record_of(const struct openshell_record *v, size_t n, const char *name)
{
    static const struct openshell_record none;

    for (size_t i = 0; i < n; i++)
        if (text_eq(v[i].name, name))
            return &v[i];
    return &none;
}

/* Reads the policy where the fields depend on it. 0 with *ret_found false: it is gone. */
static int show(struct openshell_call *c, const struct openshell_view *v, const struct desired *want, struct observed *ret,
                bool *ret_found, struct err *e)
{
    struct node *live = (struct node *)v->item.policy;
    struct openshell_item again;

    *ret_found = true;
    if (openshell_view_has_policy(c, v, want) && live == NULL && openshell_cli_policy(c, v->item.name, &live, e) < 0) {
        struct err why = *e;

        if (e->class != ERR_INTERNAL || openshell_find_id(c, v->item.name, v->item.id, &again, ret_found, e) < 0)
            return -1;
        if (*ret_found) {
            *e = why;
            return -1;
        }
        return 0;
    }
    *ret = openshell_observed(c, v, live, want);
    return 0;
}

/* Which of a table's names have to be looked at one by one: ours, wanted, recorded, OpenClaw's. */
static int complete(struct openshell_call *c, const struct observe_req *req, const struct openshell_record *records,
                    size_t n_records, struct openshell_items *all, struct err *e)
{
    const char *const *ours = NULL;
    size_t n_ours = 0, kept = 0;

    if (all->n == 0 || all->v[0].id != NULL)
        return 0;
    if (c->b->traits->labels &&
        openshell_cli_words(c, "--names",
                            arena_printf(c->a, OPENSHELL_LABEL_INSTALL "=%s", openshell_label_value(c->a, c->b->install)), &ours,
                            &n_ours, e) < 0)
        return -1;
    for (size_t i = 0; i < all->n; i++) {
        const char *name = all->v[i].name;
        int64_t created = all->v[i].created_at_ms;

        if (!has_word(ours, n_ours, name) && wanted(req, name) == NULL && record_of(records, n_records, name)->name == NULL &&
            !openshell_name_is_openclaw(name))
            continue;
        if (openshell_cli_get(c, name, &all->v[i], e) < 0) {
            if (e->class != ERR_NOT_FOUND)
                return -1;
            continue;
        }
        all->v[kept] = all->v[i];
        all->v[kept++].created_at_ms = created;
    }
    all->n = kept;
    return 0;
}

int openshell_observe(struct backend *handle, struct arena *a, const struct observe_req *req, const struct call *call,
                      struct observation *ret, struct err *e)
{
    struct openshell_call c = {.b = (struct openshell *)handle, .a = a, .deadline = deadline_start(call)};
    struct openshell_record *records;
    VEC(struct observed) out = {0};
    struct openshell_items all;
    size_t n_records;

    if (openshell_store_list(&c.b->store, a, c.b->endpoint, &records, &n_records, e) < 0 || openshell_cli_list(&c, &all, e) < 0 ||
        complete(&c, req, records, n_records, &all, e) < 0)
        return -1;
    for (size_t i = 0; i < all.n; i++) {
        struct openshell_view v = openshell_view_of(&c, &all.v[i], record_of(records, n_records, all.v[i].name));
        const struct desired *want = wanted(req, all.v[i].name);
        struct observed o;
        bool found;

        v.source = source_of(req, all.v[i].name);
        if (v.ownership == OWN_FOREIGN && want == NULL)
            continue;
        if (show(&c, &v, want, &o, &found, e) < 0)
            return -1;
        if (found)
            VEC_PUSH(a, &out, o);
    }
    *ret = (struct observation){.endpoint = arena_strdup(a, c.b->endpoint),
                                .ok = true,
                                .v = out.v,
                                .n = out.n,
                                .images = ARENA_ARRAY(a, struct image_state, req->n_images),
                                .n_images = req->n_images};
    for (size_t i = 0; i < req->n_images; i++)
        ret->images[i].ref = arena_strdup(a, req->images[i]);
    return 0;
}

int openshell_look(struct backend *handle, struct arena *a, const char *id, const char *name, const struct call *call,
                   struct observed *ret, struct err *e)
{
    struct openshell_call c = {.b = (struct openshell *)handle, .a = a, .deadline = deadline_start(call)};
    struct openshell_record record;
    struct openshell_item it;
    struct openshell_view v;
    bool found;

    if ((id != NULL ? openshell_find_id(&c, name, id, &it, &found, e) : openshell_find_name(&c, name, &it, &found, e)) < 0)
        return -1;
    if (found) {
        if (openshell_store_read(&c.b->store, a, c.b->endpoint, it.name, &record, e) < 0)
            return -1;
        v = openshell_view_of(&c, &it, &record);
        if (show(&c, &v, NULL, ret, &found, e) < 0)
            return -1;
    }
    if (!found)
        *ret = (struct observed){.endpoint = arena_strdup(a, c.b->endpoint),
                                 .id = arena_strdup(a, id),
                                 .name = arena_strdup(a, name),
                                 .kind = RUNTIME_SANDBOX,
                                 .state = RUN_ABSENT,
                                 .created_at_ms = TIME_NONE};
    return 0;
}
