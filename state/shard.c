#include "state/shard.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/read/json.h"

#include <math.h>
#include <string.h>

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

struct node *shard_entry(struct arena *a, const struct node *value)
{
    struct node *name = node_get(value, "containerName");
    struct node *entry;

    if (!node_is(value, NODE_OBJECT) || !node_is(name, NODE_STRING))
        return NULL;
    entry = node_object(a);
    node_set(a, entry, "containerName", name);
    for (size_t i = 0; i < value->n_members; i++) {
        const struct node_member *m = &value->members[i];

        if (m->value != name && !text_eq(m->key, "__proto__"))
            node_set_n(a, entry, m->key, m->key_n, m->value);
    }
    return entry;
}

int shard_decode(struct arena *a, const char *bytes, size_t n, struct node **ret, struct err *e)
{
    struct node *value, *entry;

    value = json_read_err(a, "registry entry", bytes, n, e);
    if (!value)
        return -1;
    entry = shard_entry(a, value);
    if (!entry)
        return err_set(e, ERR_INPUT, 0, "%s",
                       node_is(value, NODE_OBJECT) ? "no registry entry: containerName is missing or no string"
                                                   : "no registry entry: not an object");
    *ret = entry;
    return 0;
}

/* x?.trim() || fallback. A position that is taken stays; a new one comes last. */
static int normalise_text(struct arena *a, struct node *entry, const char *key, const struct node *fallback, struct err *e)
{
    const struct node *v = node_get(entry, key);
    struct node *text = NULL;

    if (v && !node_is(v, NODE_STRING) && !node_is(v, NODE_NULL))
        return err_set(e, ERR_INPUT, 0, "%s is a %s, not a string", key, node_kind_name(v->kind));
    if (v && node_is(v, NODE_STRING)) {
        /* Trimming stops at nothing but blanks, so a NUL inside needs no care but its own length. */
        text = strlen(v->s) == v->s_n ? node_string(a, js_trim(a, v->s)) : node_string_n(a, v->s, v->s_n);
        if (text->s_n == 0)
            text = NULL;
    }
    node_set(a, entry, key, text ? text : node_string_n(a, fallback->s, fallback->s_n));
    return 0;
}

int shard_normalise(struct arena *a, enum runtime_kind kind, struct node *entry, struct err *e)
{
    const struct node *name = node_get(entry, "containerName");

    if (kind != RUNTIME_CONTAINER)
        return 0;
    if (!node_is(name, NODE_STRING))
        return err_set(e, ERR_INPUT, 0, "no registry entry: containerName is missing or no string");
    if (normalise_text(a, entry, "backendId", node_string(a, "docker"), e) < 0 ||
        normalise_text(a, entry, "runtimeLabel", name, e) < 0 ||
        normalise_text(a, entry, "configLabelKind", node_string(a, "Image"), e) < 0)
        return -1;
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

static const struct node *present(const struct node *n)
{
    return n && !node_is(n, NODE_NULL) ? n : NULL;
}

/* a ?? b, in JavaScript's words: NULL here is undefined there. */
static const struct node *coalesce(const struct node *a, const struct node *b)
{
    return present(a) ? a : b;
}

/* Which entry's field counts first, by rule. The order of the rows is that in which missing keys are added. */
enum pick { PICK_NEW, PICK_OLD, PICK_ONLY_NEW, PICK_OLD_NUMBER };
enum { ON_CONTAINER = 1, ON_BROWSER = 2, ON_BOTH = 3 };

struct merge_field {
    const char *key;
    unsigned on;
    bool row_only; /* not of a shard: 2026.5.3 knows it not */
    enum pick openclaw, recreated;
};

static const struct merge_field merge_fields[] = {
    {"backendId", ON_CONTAINER, false, PICK_NEW, PICK_NEW},
    {"backendTarget", ON_CONTAINER, true, PICK_NEW, PICK_NEW},
    {"runtimeLabel", ON_CONTAINER, false, PICK_NEW, PICK_NEW},
    {"createdAtMs", ON_BOTH, false, PICK_OLD, PICK_ONLY_NEW},
    {"image", ON_BOTH, false, PICK_OLD, PICK_ONLY_NEW},
    {"configLabelKind", ON_CONTAINER, false, PICK_NEW, PICK_NEW},
    {"configHash", ON_BOTH, false, PICK_NEW, PICK_ONLY_NEW},
    {"runtimeState", ON_CONTAINER, true, PICK_NEW, PICK_NEW},
    {"workspaceDir", ON_CONTAINER, true, PICK_OLD, PICK_NEW},
    {"workspaceDir", ON_BROWSER, true, PICK_NEW, PICK_NEW},
    {"lastUsedAtMs", ON_BOTH, false, PICK_ONLY_NEW, PICK_OLD_NUMBER},
};

static const struct node *pick_value(enum pick pick, const struct node *new, const struct node *old)
{
    switch (pick) {
    case PICK_NEW:
        return coalesce(new, old);
    case PICK_OLD:
        return coalesce(old, new);
    case PICK_ONLY_NEW:
        return new;
    case PICK_OLD_NUMBER:
        return node_is(old, NODE_NUMBER) ? old : new;
    }
    return new;
}

static struct node *merge(struct arena *a, enum runtime_kind kind, const struct node *entry, const struct node *existing,
                          enum shard_rule rule, bool row)
{
    const unsigned on = kind == RUNTIME_BROWSER ? ON_BROWSER : ON_CONTAINER;
    struct node *out = node_object(a);

    if (rule == SHARD_VERBATIM)
        return node_copy(a, entry);
    /* As JavaScript does: spread the caller's keys, then assign; a key that is there keeps its place. */
    for (size_t i = 0; i < entry->n_members; i++) {
        node_set_n(a, out, entry->members[i].key, entry->members[i].key_n, node_copy(a, entry->members[i].value));
        /* Of a browser it always gives this key there, undefined where the hash is not known. */
        if (kind == RUNTIME_BROWSER && text_eq(entry->members[i].key, "image") && !node_get(entry, "configHash"))
            node_set(a, out, "configHash", node_null(a));
    }
    for (size_t i = 0; i < sizeof merge_fields / sizeof *merge_fields; i++) {
        const struct merge_field *f = &merge_fields[i];
        const struct node *v;

        if (!(f->on & on) || (f->row_only && !row))
            continue;
        v = pick_value(rule == SHARD_OPENCLAW ? f->openclaw : f->recreated, node_get(entry, f->key), node_get(existing, f->key));
        if (v)
            node_set(a, out, f->key, node_copy(a, v));
        else if (node_get(out, f->key))
            (void)node_unset(out, f->key);
    }
    return out;
}

struct node *shard_merge(struct arena *a, enum runtime_kind kind, const struct node *entry, const struct node *existing,
                         enum shard_rule rule)
{
    return merge(a, kind, entry, existing, rule, false);
}

struct node *shard_merge_row(struct arena *a, enum runtime_kind kind, const struct node *entry, const struct node *existing,
                             enum shard_rule rule)
{
    return merge(a, kind, entry, existing, rule, true);
}

void shard_format(struct arena *a, const struct node *entry, struct buf *out)
{
    struct node *ordered = node_copy(a, entry);

    node_js_order(a, ordered);
    node_emit(out, ordered, 2, 0);
    buf_putc(out, '\n');
}

static void set_time(struct arena *a, struct node *o, const char *key, int64_t ms)
{
    if (ms != TIME_NONE)
        node_set(a, o, key, node_number(a, (double)ms));
}

/* Of what is on another host OpenClaw records neither a hash nor a directory of this machine, in either line. */
static bool is_elsewhere(const struct record *rec)
{
    return rec->kind == RUNTIME_CONTAINER && (text_eq(rec->backend_id, "ssh") || text_eq(rec->backend_id, "openshell"));
}

struct node *shard_from_record(struct arena *a, const struct record *rec)
{
    struct node *o = node_object(a);
    bool browser = rec->kind == RUNTIME_BROWSER, elsewhere = is_elsewhere(rec);

    node_set_text(a, o, "containerName", rec->name);
    if (browser)
        node_set_text(a, o, "workspaceDir", rec->workspace_dir);
    else {
        node_set_text(a, o, "backendId", rec->backend_id);
        if (rec->backend_target)
            node_set(a, o, "backendTarget", node_copy(a, rec->backend_target));
        node_set_text(a, o, "runtimeLabel", rec->runtime_label);
    }
    node_set_text(a, o, "sessionKey", rec->scope_key);
    if (!browser && !elsewhere)
        node_set_text(a, o, "workspaceDir", rec->workspace_dir);
    set_time(a, o, "createdAtMs", rec->created_at_ms);
    set_time(a, o, "lastUsedAtMs", rec->last_used_at_ms);
    node_set_text(a, o, "image", rec->image);
    if (!browser)
        node_set_text(a, o, "configLabelKind", rec->config_label_kind);
    if (!elsewhere)
        node_set_text(a, o, "configHash", rec->config_hash);
    if (browser && rec->cdp_port > 0)
        node_set(a, o, "cdpPort", node_number(a, rec->cdp_port));
    if (browser && rec->no_vnc_port > 0)
        node_set(a, o, "noVncPort", node_number(a, rec->no_vnc_port));
    return o;
}

/* --- records ---------------------------------------------------------------------------------------------------------------- */

static const char *get_text(struct arena *a, const struct node *entry, const char *key)
{
    return arena_strdup(a, node_str(node_get(entry, key)));
}

static int64_t get_time(const struct node *entry, const char *key)
{
    const struct node *n = node_get(entry, key);

    if (!node_is(n, NODE_NUMBER) || isnan(n->num))
        return TIME_NONE;
    if (n->num > JS_MAX_SAFE_INTEGER)
        return (int64_t)JS_MAX_SAFE_INTEGER;
    if (n->num < -JS_MAX_SAFE_INTEGER)
        return -(int64_t)JS_MAX_SAFE_INTEGER;
    return (int64_t)floor(n->num);
}

static int get_port(const struct node *entry, const char *key)
{
    const struct node *n = node_get(entry, key);

    return node_is(n, NODE_NUMBER) && n->num >= 1 && n->num <= 65535 && n->num == floor(n->num) ? (int)n->num : 0;
}

/* Which podman it is, OpenClaw 2026.9 pins in the row: its own user's, or one that is reached by arguments. Only the first is the
 * podman of this machine; any other is an endpoint of its own, which nobody drives: unknown, and left alone. A row without a
 * target is no better, and OpenClaw itself refuses it. */
static const char *podman_endpoint(struct arena *a, const struct node *target)
{
    const char *key = node_str(node_get(target, "key"));
    const struct node *args = node_get(target, "globalArgs");

    if (text_eq(key, "local") && node_is(args, NODE_ARRAY) && args->n_items == 0)
        return "podman";
    return arena_printf(a, SHARD_PODMAN_ELSEWHERE "%s", key && strcmp(key, "local") != 0 ? key : "unknown");
}

struct record shard_to_record(struct arena *a, enum runtime_kind kind, const struct node *entry)
{
    struct record r = {
        .kind = kind,
        .name = get_text(a, entry, "containerName"),
        .backend_id = kind == RUNTIME_BROWSER ? "docker" : get_text(a, entry, "backendId"),
        .runtime_label = kind == RUNTIME_BROWSER ? get_text(a, entry, "containerName") : get_text(a, entry, "runtimeLabel"),
        .scope_key = get_text(a, entry, "sessionKey"),
        .created_at_ms = get_time(entry, "createdAtMs"),
        .last_used_at_ms = get_time(entry, "lastUsedAtMs"),
        .image = get_text(a, entry, "image"),
        .config_label_kind = kind == RUNTIME_BROWSER ? "Image" : get_text(a, entry, "configLabelKind"),
        .config_hash = get_text(a, entry, "configHash"),
        .cdp_port = get_port(entry, "cdpPort"),
        .no_vnc_port = get_port(entry, "noVncPort"),
        .workspace_dir = get_text(a, entry, "workspaceDir"),
        .backend_target = node_is(node_get(entry, "backendTarget"), NODE_OBJECT) ? node_get(entry, "backendTarget") : NULL,
    };
    char *endpoint = arena_strdup(a, r.backend_id);

    for (char *p = endpoint; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    r.endpoint = strcmp(endpoint, "podman") == 0 ? podman_endpoint(a, r.backend_target) : endpoint;
    return r;
}

struct record shard_copy_record(struct arena *a, const struct record *from)
{
    struct record r = *from;
    const char **texts[] = {&r.endpoint,          &r.name,          &r.install,   &r.owner,
                            &r.backend_id,        &r.runtime_label, &r.scope_key, &r.image,
                            &r.config_label_kind, &r.config_hash,   &r.id,        &r.version,
                            &r.unwanted_because,  &r.workspace_dir};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_strdup(a, *texts[i]);
    r.backend_target = from->backend_target ? node_copy(a, from->backend_target) : NULL;
    return r;
}

char *shard_file_name(struct arena *a, const char *name, size_t n)
{
    BUF_AUTO text = BUF_INIT(3 * n + 1);

    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(name + i, n - i, &cp);

        if (len == 0 || (cp >= 0xd800 && cp <= 0xdfff)) {
            buf_puts(&text, "\xef\xbf\xbd");
            i += len ? len : 1;
        } else {
            buf_put(&text, name + i, len);
            i += len;
        }
    }
    return arena_printf(a, "%s.json", digest_sha256(a, buf_str(&text), text.n));
}

const char *shard_dir_name(enum runtime_kind kind)
{
    return kind == RUNTIME_BROWSER ? "browsers" : "containers";
}
