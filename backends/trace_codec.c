#include "backends/trace_codec.h"

#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MASK "(sensitive)"

static const char *const ownership_words[] = {[OWN_FOREIGN] = "foreign", [OWN_OPENCLAW] = "openclaw", [OWN_OURS] = "ours"};
_Static_assert(sizeof ownership_words / sizeof *ownership_words == OWNERSHIP_COUNT, "every ownership has a word");
static const char *const want_words[] = {[WANT_RUNNING] = "running", [WANT_STOPPED] = "stopped", [WANT_ABSENT] = "absent"};
_Static_assert(sizeof want_words / sizeof *want_words == WANT_COUNT, "every want has a word");
static const char *const step_words[] = {
    [STEP_CREATE] = "create", [STEP_START] = "start", [STEP_STOP] = "stop", [STEP_PATCH] = "patch", [STEP_REMOVE] = "remove"};
_Static_assert(sizeof step_words / sizeof *step_words == STEP_COUNT, "every step has a word");

static const char *ownership_word(int i)
{
    return ownership_words[i];
}

static const char *state_word(int i)
{
    return run_state_name((enum run_state)i);
}

static const char *kind_word(int i)
{
    return runtime_kind_name((enum runtime_kind)i);
}

static const char *class_word(int i)
{
    return field_class_name((enum field_class)i);
}

static const char *err_word(int i)
{
    return err_class_name((enum err_class)i);
}

/* --- values -------------------------------------------------------------------------------------------------------- */

/* As text: a double would lose the far ends. */
static void set_i64(struct arena *a, struct node *n, const char *key, int64_t v)
{
    node_set(a, n, key, node_printf(a, "%lld", (long long)v));
}

static void set_bool(struct arena *a, struct node *n, const char *key, bool b)
{
    if (b)
        node_set(a, n, key, node_bool(a, true));
}

static bool get_bool(const struct node *n, const char *key)
{
    const struct node *v = node_get(n, key);

    return node_is(v, NODE_BOOL) && v->b;
}

static int get_i64(const struct node *n, const char *key, int64_t *ret, struct err *e)
{
    const char *s = node_str(node_get(n, key));

    if (s == NULL || !num_parse_i64(s, ret))
        return err_set(e, ERR_INPUT, 0, "%s: a whole number as text is wanted", key);
    return 0;
}

static int get_int(const struct node *n, const char *key, int *ret, struct err *e)
{
    int64_t v = 0;

    if (node_get(n, key) != NULL && (get_i64(n, key, &v, e) < 0 || v < INT32_MIN || v > INT32_MAX))
        return err_set(e, ERR_INPUT, 0, "%s: a small whole number as text is wanted", key);
    *ret = (int)v;
    return 0;
}

static int get_word(const struct node *n, const char *key, const char *(*word)(int), int count, int *ret, struct err *e)
{
    for (int i = 0; i < count; i++)
        if (text_eq(node_str(node_get(n, key)), word(i))) {
            *ret = i;
            return 0;
        }
    return err_set(e, ERR_INPUT, 0, "%s: no word that is known", key);
}

/* The text in the arena, or NULL. */
static const char *get_text(struct arena *a, const struct node *n, const char *key)
{
    return arena_strdup(a, node_str(node_get(n, key)));
}

static struct node *texts(struct arena *a, const char *const *v, size_t n)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < n; i++)
        node_push(a, list, node_string(a, v[i]));
    return list;
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

struct node *trace_request_probe(struct arena *a)
{
    return node_object(a);
}

struct node *trace_request_observe(struct arena *a, const struct observe_req *req)
{
    struct node *n = node_object(a), *desired = node_array(a);

    node_set(a, n, "images", texts(a, req->images, req->n_images));
    for (size_t i = 0; i < req->n_desired; i++) {
        struct node *d = node_object(a);

        node_set_text(a, d, "name", req->desired[i].name);
        node_set_text(a, d, "hash", req->desired[i].config_hash);
        node_push(a, desired, d);
    }
    node_set(a, n, "desired", desired);
    node_set_text(a, n, "memo", req->memo);
    set_bool(a, n, "deep", req->deep);
    if (req->mounts)
        set_bool(a, n, "mounts", true);
    return n;
}

struct node *trace_request_look(struct arena *a, const char *id, const char *name)
{
    struct node *n = node_object(a);

    node_set_text(a, n, "id", id);
    node_set_text(a, n, "name", name);
    return n;
}

static struct node *request_want(struct arena *a, const struct desired *d)
{
    struct node *n = node_object(a);
    BUF_AUTO create = BUF_INIT(16u << 20);

    node_set_text(a, n, "name", d->name);
    node_set_text(a, n, "kind", runtime_kind_name(d->kind));
    node_set_text(a, n, "owner", d->owner);
    node_set_text(a, n, "want", want_words[d->want]);
    node_set_text(a, n, "image", d->image);
    node_set_text(a, n, "hash", d->config_hash);
    node_set_text(a, n, "setup", d->setup);
    if (d->create != NULL)
        node_emit(&create, d->create, 0, NODE_EMIT_REDACT);
    node_set_text(a, n, "create", buf_str(&create));
    return n;
}

static struct node *request_changes(struct arena *a, const struct backend_act *act)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < act->n_changes; i++) {
        const struct field_change *ch = &act->changes[i];
        struct node *c = node_object(a);

        node_set_text(a, c, "name", ch->name);
        node_set_text(a, c, "from", ch->from != NULL && ch->sensitive ? MASK : ch->from);
        node_set_text(a, c, "to", ch->to != NULL && ch->sensitive ? MASK : ch->to);
        node_push(a, list, c);
    }
    return list;
}

struct node *trace_request_apply(struct arena *a, const struct backend_act *act)
{
    struct node *n = node_object(a);

    node_set_text(a, n, "step", step_words[act->step]);
    node_set_text(a, n, "name", act->name != NULL ? act->name : act->want != NULL ? act->want->name : NULL);
    node_set_text(a, n, "id", act->id);
    if (act->want != NULL)
        node_set(a, n, "want", request_want(a, act->want));
    if (act->expect != NULL) {
        struct node *x = node_object(a);

        node_set_text(a, x, "name", act->expect->name);
        node_set_text(a, x, "ownership", ownership_words[act->expect->ownership]);
        node_set_text(a, x, "install", act->expect->install);
        node_set_text(a, x, "owner", act->expect->owner);
        node_set(a, n, "expect", x);
    }
    if (act->step == STEP_CREATE)
        set_i64(a, n, "createdAtMs", act->created_at_ms);
    node_set_text(a, n, "replaces", act->replaces);
    if (act->n_changes > 0)
        node_set(a, n, "changes", request_changes(a, act));
    return n;
}

struct node *trace_request_exec(struct arena *a, const struct exec_req *req)
{
    struct node *n = node_object(a);
    size_t argc = 0;

    while (req->argv[argc] != NULL)
        argc++;
    node_set_text(a, n, "name", req->name);
    node_set_text(a, n, "id", req->id);
    node_set(a, n, "argv", texts(a, req->argv, argc));
    node_set_text(a, n, "workdir", req->workdir);
    set_bool(a, n, "tty", req->tty);
    return n;
}

const char *trace_lane(const struct node *request)
{
    const char *name = node_str(node_get(request, "name"));

    return name != NULL ? name : "";
}

/* --- probe --------------------------------------------------------------------------------------------------------- */

struct node *trace_result_probe(struct arena *a, const struct backend_info *info)
{
    struct node *n = node_object(a);

    node_set_text(a, n, "version", info->version);
    node_set_text(a, n, "api", info->api);
    node_set_text(a, n, "remark", info->remark);
    if (info->major > 0 || info->minor > 0) {
        node_set(a, n, "major", node_number(a, info->major));
        node_set(a, n, "minor", node_number(a, info->minor));
    }
    if (info->rootless)
        node_set(a, n, "rootless", node_bool(a, true));
    return n;
}

static unsigned get_unsigned(const struct node *n, const char *key)
{
    const struct node *v = node_get(n, key);

    return node_is(v, NODE_NUMBER) && v->num >= 0 && v->num <= UINT_MAX ? (unsigned)v->num : 0;
}

static void copy_text(char *to, size_t size, const struct node *n, const char *key)
{
    const char *s = node_str(node_get(n, key));

    snprintf(to, size, "%s", s != NULL ? s : "");
}

int trace_decode_probe(const struct node *n, struct backend_info *ret, struct err *e)
{
    struct backend_info info = {0};

    if (!node_is(n, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "result: an object is wanted");
    copy_text(info.version, sizeof info.version, n, "version");
    copy_text(info.api, sizeof info.api, n, "api");
    copy_text(info.remark, sizeof info.remark, n, "remark");
    info.major = get_unsigned(n, "major");
    info.minor = get_unsigned(n, "minor");
    info.rootless = node_is(node_get(n, "rootless"), NODE_BOOL) && node_get(n, "rootless")->b;
    *ret = info;
    return 0;
}

/* --- what is observed ---------------------------------------------------------------------------------------------- */

static const struct desired *wanted(const struct observe_req *req, const char *name)
{
    for (size_t i = 0; req != NULL && i < req->n_desired; i++)
        if (text_eq(req->desired[i].name, name))
            return &req->desired[i];
    return NULL;
}

static struct node *fields_encode(struct arena *a, struct fields f, const struct desired *want)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < f.n; i++) {
        struct node *x = node_object(a);

        node_set_text(a, x, "name", f.v[i].name);
        node_set_text(a, x, "value", f.v[i].sensitive ? MASK : f.v[i].value);
        node_set_text(a, x, "class", field_class_name(f.v[i].class));
        set_bool(a, x, "sensitive", f.v[i].sensitive);
        set_bool(a, x, "asWanted",
                 f.v[i].sensitive && want != NULL && text_eq(fields_get(want->fields, f.v[i].name), f.v[i].value));
        node_push(a, list, x);
    }
    return list;
}

static struct node *observed_encode(struct arena *a, const struct observed *o, const struct desired *want)
{
    struct node *n = node_object(a);

    node_set_text(a, n, "name", o->name);
    node_set_text(a, n, "id", o->id);
    node_set_text(a, n, "kind", runtime_kind_name(o->kind));
    node_set_text(a, n, "ownership", ownership_words[o->ownership]);
    node_set_text(a, n, "state", run_state_name(o->state));
    node_set_text(a, n, "install", o->install);
    node_set_text(a, n, "owner", o->owner);
    node_set_text(a, n, "scopeKey", o->scope_key);
    node_set_text(a, n, "configHash", o->config_hash);
    set_i64(a, n, "createdAtMs", o->created_at_ms);
    node_set_text(a, n, "imageId", o->image_id);
    node_set_text(a, n, "image", o->image);
    node_set_text(a, n, "root", o->root);
    if (o->fields_known)
        node_set(a, n, "fields", fields_encode(a, o->fields, want));
    if (o->busy_known)
        set_i64(a, n, "busy", o->busy);
    set_i64(a, n, "cdpPort", o->cdp_port);
    set_i64(a, n, "noVncPort", o->no_vnc_port);
    if (o->content_known) {
        set_i64(a, n, "entries", o->n_entries < INT64_MAX ? (int64_t)o->n_entries : INT64_MAX);
        set_i64(a, n, "contentBytes", o->content_bytes < INT64_MAX ? (int64_t)o->content_bytes : INT64_MAX);
        set_i64(a, n, "changedAtMs", o->changed_at_ms);
        node_set_text(a, n, "contentStamp", o->content_stamp);
    }
    return n;
}

static int content_decode(const struct node *n, struct observed *o, struct err *e)
{
    int64_t entries = 0, bytes = 0;

    o->content_known = node_get(n, "entries") != NULL;
    if (!o->content_known)
        return 0;
    if (get_i64(n, "entries", &entries, e) < 0 || get_i64(n, "contentBytes", &bytes, e) < 0 ||
        get_i64(n, "changedAtMs", &o->changed_at_ms, e) < 0)
        return -1;
    if (entries < 0 || bytes < 0)
        return err_set(e, ERR_INPUT, 0, "entries, contentBytes: no less than 0 is wanted");
    o->n_entries = (uint64_t)entries;
    o->content_bytes = (uint64_t)bytes;
    o->content_stamp = node_str(node_get(n, "contentStamp"));
    return 0;
}

static int fields_decode(struct arena *a, const struct node *list, const struct desired *want, struct fields *ret, struct err *e)
{
    struct field *v;

    if (!node_is(list, NODE_ARRAY))
        return err_set(e, ERR_INPUT, 0, "fields: a list is wanted");
    v = ARENA_ARRAY(a, struct field, list->n_items);
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *x = list->items[i];
        const char *as_wanted;
        int class = 0;

        v[i].name = get_text(a, x, "name");
        v[i].value = get_text(a, x, "value");
        v[i].sensitive = get_bool(x, "sensitive");
        if (v[i].name == NULL || v[i].value == NULL)
            return err_set(e, ERR_INPUT, 0, "fields: a name and a value are wanted");
        if (get_word(x, "class", class_word, FIELD_CLASS_COUNT, &class, e) < 0)
            return -1;
        v[i].class = (enum field_class) class;
        as_wanted = get_bool(x, "asWanted") && want != NULL ? fields_get(want->fields, v[i].name) : NULL;
        if (as_wanted != NULL)
            v[i].value = arena_strdup(a, as_wanted);
    }
    *ret = fields_make(a, v, list->n_items);
    return 0;
}

static int observed_decode(struct arena *a, const struct node *n, const struct observe_req *req, const char *endpoint,
                           struct observed *ret, struct err *e)
{
    struct observed o = {.endpoint = arena_strdup(a, endpoint)};
    int kind = 0, ownership = 0, state = 0, busy = 0;

    if (get_word(n, "kind", kind_word, RUNTIME_KIND_COUNT, &kind, e) < 0 ||
        get_word(n, "ownership", ownership_word, OWNERSHIP_COUNT, &ownership, e) < 0 ||
        get_word(n, "state", state_word, RUN_STATE_COUNT, &state, e) < 0 || get_i64(n, "createdAtMs", &o.created_at_ms, e) < 0 ||
        get_int(n, "busy", &busy, e) < 0 || get_int(n, "cdpPort", &o.cdp_port, e) < 0 ||
        get_int(n, "noVncPort", &o.no_vnc_port, e) < 0 || content_decode(n, &o, e) < 0)
        return -1;
    o.kind = (enum runtime_kind)kind;
    o.ownership = (enum ownership)ownership;
    o.state = (enum run_state)state;
    o.busy = busy > 0 ? (unsigned)busy : 0;
    o.busy_known = node_get(n, "busy") != NULL;
    o.name = get_text(a, n, "name");
    o.id = get_text(a, n, "id");
    o.install = get_text(a, n, "install");
    o.root = get_text(a, n, "root");
    o.owner = get_text(a, n, "owner");
    o.scope_key = get_text(a, n, "scopeKey");
    o.config_hash = get_text(a, n, "configHash");
    o.image_id = get_text(a, n, "imageId");
    o.image = get_text(a, n, "image");
    o.fields_known = node_get(n, "fields") != NULL;
    if (o.fields_known && fields_decode(a, node_get(n, "fields"), wanted(req, o.name), &o.fields, e) < 0)
        return -1;
    *ret = o;
    return 0;
}

struct node *trace_result_look(struct arena *a, const struct observed *o)
{
    return observed_encode(a, o, NULL);
}

int trace_decode_look(struct arena *a, const struct node *n, const char *endpoint, struct observed *ret, struct err *e)
{
    return observed_decode(a, n, NULL, endpoint, ret, e);
}

struct node *trace_result_observe(struct arena *a, const struct observation *o, const struct observe_req *req)
{
    struct node *n = node_object(a), *list = node_array(a), *images = node_array(a);

    for (size_t i = 0; i < o->n; i++)
        node_push(a, list, observed_encode(a, &o->v[i], wanted(req, o->v[i].name)));
    for (size_t i = 0; i < o->n_images; i++) {
        struct node *x = node_object(a);

        node_set_text(a, x, "ref", o->images[i].ref);
        node_set_text(a, x, "id", o->images[i].id);
        node_push(a, images, x);
    }
    node_set(a, n, "runtimes", list);
    node_set(a, n, "images", images);
    node_set_text(a, n, "memo", o->memo);
    if (o->mounts_known) {
        struct node *mounts = node_array(a);

        for (size_t i = 0; i < o->n_mounts; i++) {
            struct node *x = node_object(a);

            node_set_text(a, x, "name", o->mounts[i].name);
            node_set_text(a, x, "source", o->mounts[i].source);
            node_push(a, mounts, x);
        }
        node_set(a, n, "mounts", mounts);
    }
    return n;
}

static int decode_mounts(struct arena *a, const struct node *list, struct observation *o, struct err *e)
{
    struct mount_use *v;

    if (!list)
        return 0;
    if (!node_is(list, NODE_ARRAY))
        return err_set(e, ERR_INPUT, 0, "result: mounts: a list is wanted");
    v = ARENA_ARRAY(a, struct mount_use, list->n_items);
    for (size_t i = 0; i < list->n_items; i++) {
        v[i] = (struct mount_use){.name = get_text(a, list->items[i], "name"), .source = get_text(a, list->items[i], "source")};
        if (!v[i].name || !v[i].source)
            return err_set(e, ERR_INPUT, 0, "result: mounts[%zu]: a name and a source are wanted", i);
    }
    o->mounts_known = true;
    o->mounts = v;
    o->n_mounts = list->n_items;
    return 0;
}

int trace_decode_observe(struct arena *a, const struct node *n, const struct observe_req *req, const char *endpoint,
                         struct observation *ret, struct err *e)
{
    const struct node *list = node_get(n, "runtimes"), *images = node_get(n, "images");
    struct observation o = {.endpoint = arena_strdup(a, endpoint), .ok = true, .memo = get_text(a, n, "memo")};

    if (!node_is(list, NODE_ARRAY) || !node_is(images, NODE_ARRAY))
        return err_set(e, ERR_INPUT, 0, "result: lists of runtimes and images are wanted");
    o.v = ARENA_ARRAY(a, struct observed, list->n_items);
    o.images = ARENA_ARRAY(a, struct image_state, images->n_items);
    o.n = list->n_items;
    o.n_images = images->n_items;
    for (size_t i = 0; i < o.n; i++)
        if (observed_decode(a, list->items[i], req, endpoint, &o.v[i], e) < 0)
            return err_wrap(e, "runtimes[%zu]", i);
    for (size_t i = 0; i < o.n_images; i++)
        o.images[i] =
            (struct image_state){.ref = get_text(a, images->items[i], "ref"), .id = get_text(a, images->items[i], "id")};
    if (decode_mounts(a, node_get(n, "mounts"), &o, e) < 0)
        return -1;
    *ret = o;
    return 0;
}

/* --- acts and errors ----------------------------------------------------------------------------------------------- */

struct node *trace_result_apply(struct arena *a, const struct act_result *r)
{
    struct node *n = node_object(a);

    node_set_text(a, n, "id", r->id);
    set_i64(a, n, "cdpPort", r->cdp_port);
    set_i64(a, n, "noVncPort", r->no_vnc_port);
    set_i64(a, n, "setupStatus", r->setup_status);
    node_set_text(a, n, "setupOutput", r->setup_output);
    node_set(a, n, "warnings", texts(a, r->warnings, r->n_warnings));
    return n;
}

int trace_decode_apply(struct arena *a, const struct node *n, struct act_result *ret, struct err *e)
{
    const struct node *list = node_get(n, "warnings");
    struct act_result r = {.id = get_text(a, n, "id"), .setup_output = get_text(a, n, "setupOutput")};
    VEC(const char *) warnings = {0};

    if (get_int(n, "cdpPort", &r.cdp_port, e) < 0 || get_int(n, "noVncPort", &r.no_vnc_port, e) < 0 ||
        get_int(n, "setupStatus", &r.setup_status, e) < 0)
        return -1;
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++)
        if (node_str(list->items[i]) != NULL)
            VEC_PUSH(a, &warnings, arena_strdup(a, node_str(list->items[i])));
    r.warnings = warnings.v;
    r.n_warnings = warnings.n;
    *ret = r;
    return 0;
}

struct node *trace_error(struct arena *a, const struct err *e)
{
    struct node *n = node_object(a);

    node_set_text(a, n, "class", err_class_name(e->class));
    set_i64(a, n, "sys", e->sys);
    node_set_text(a, n, "message", e->msg);
    return n;
}

int trace_decode_error(const struct node *n, struct err *e)
{
    const char *message = node_str(node_get(n, "message"));
    int class = 0, sys = 0;

    if (get_word(n, "class", err_word, ERR_CLASS_COUNT, &class, e) < 0 || get_int(n, "sys", &sys, e) < 0)
        return -1;
    return err_set(e, class == ERR_NONE ? ERR_INTERNAL : (enum err_class) class, sys, "%s", message != NULL ? message : "");
}
