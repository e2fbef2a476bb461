#include "state/records.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/node.h"
#include "spec/read/json.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define FORMAT_VERSION 1

/* --- the format --------------------------------------------------------------------------------------------------------------
 */

enum field_type { FIELD_TEXT, FIELD_TIME, FIELD_FLAG, FIELD_PORT, FIELD_COUNT, FIELD_OBJECT };

/* One row per stored member of struct record, in the order of the file. */
static const struct record_field {
    const char *key;
    size_t at;
    enum field_type type;
    bool required;
} record_fields[] = {
    {"endpoint", offsetof(struct record, endpoint), FIELD_TEXT, true},
    {"name", offsetof(struct record, name), FIELD_TEXT, true},
    {"install", offsetof(struct record, install), FIELD_TEXT, false},
    {"owner", offsetof(struct record, owner), FIELD_TEXT, false},
    {"source", offsetof(struct record, source), FIELD_TEXT, false},
    {"backendId", offsetof(struct record, backend_id), FIELD_TEXT, false},
    {"runtimeLabel", offsetof(struct record, runtime_label), FIELD_TEXT, false},
    {"scopeKey", offsetof(struct record, scope_key), FIELD_TEXT, false},
    {"createdAtMs", offsetof(struct record, created_at_ms), FIELD_TIME, false},
    {"lastUsedAtMs", offsetof(struct record, last_used_at_ms), FIELD_TIME, false},
    {"image", offsetof(struct record, image), FIELD_TEXT, false},
    {"configLabelKind", offsetof(struct record, config_label_kind), FIELD_TEXT, false},
    {"configHash", offsetof(struct record, config_hash), FIELD_TEXT, false},
    {"cdpPort", offsetof(struct record, cdp_port), FIELD_PORT, false},
    {"noVncPort", offsetof(struct record, no_vnc_port), FIELD_PORT, false},
    {"id", offsetof(struct record, id), FIELD_TEXT, false},
    {"creating", offsetof(struct record, creating), FIELD_FLAG, false},
    {"setupFailed", offsetof(struct record, setup_failed), FIELD_FLAG, false},
    {"holdsData", offsetof(struct record, holds_data), FIELD_FLAG, false},
    {"place", offsetof(struct record, backend_target), FIELD_OBJECT, false},
    {"seedManifest", offsetof(struct record, seed.manifest), FIELD_TEXT, false},
    {"seedSource", offsetof(struct record, seed.source), FIELD_TEXT, false},
    {"hostKey", offsetof(struct record, seed.host_key), FIELD_TEXT, false},
    {"seededAtMs", offsetof(struct record, seed.at_ms), FIELD_COUNT, false},
    {"epoch", offsetof(struct record, seed.epoch), FIELD_COUNT, false},
};
#define N_FIELDS (sizeof record_fields / sizeof *record_fields)

static const struct node *field_to_node(struct arena *a, const struct record *rec, const struct record_field *f)
{
    const void *p = (const char *)rec + f->at;

    switch (f->type) {
    case FIELD_TEXT:
        return *(const char *const *)p ? node_string(a, *(const char *const *)p) : NULL;
    case FIELD_TIME:
        return *(const int64_t *)p != TIME_NONE ? node_number(a, (double)*(const int64_t *)p) : NULL;
    case FIELD_FLAG:
        return *(const bool *)p ? node_bool(a, true) : NULL;
    case FIELD_PORT:
        return *(const int *)p > 0 ? node_number(a, *(const int *)p) : NULL;
    case FIELD_COUNT:
        return *(const int64_t *)p > 0 ? node_number(a, (double)*(const int64_t *)p) : NULL;
    case FIELD_OBJECT:
        return *(const struct node *const *)p;
    }
    return NULL;
}

void record_format(struct arena *a, const struct record *rec, struct buf *out)
{
    struct node *o = node_object(a);

    node_set(a, o, "format", node_number(a, FORMAT_VERSION));
    node_set(a, o, "kind", node_string(a, runtime_kind_name(rec->kind)));
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct node *v = field_to_node(a, rec, &record_fields[i]);

        if (v)
            node_set(a, o, record_fields[i].key, node_copy(a, v));
    }
    node_emit(out, o, 2, 0);
    buf_putc(out, '\n');
}

static bool is_whole(const struct node *n, double min, double max)
{
    return node_is(n, NODE_NUMBER) && n->num >= min && n->num <= max && n->num == floor(n->num);
}

static bool node_to_field(struct arena *a, const struct node *v, const struct record_field *f, struct record *rec)
{
    void *p = (char *)rec + f->at;

    switch (f->type) {
    case FIELD_TEXT:
        if (!node_is(v, NODE_STRING) || strlen(v->s) != v->s_n)
            return false;
        *(const char **)p = arena_strdup(a, v->s);
        return true;
    case FIELD_TIME:
        if (!is_whole(v, -JS_MAX_SAFE_INTEGER, JS_MAX_SAFE_INTEGER))
            return false;
        *(int64_t *)p = (int64_t)v->num;
        return true;
    case FIELD_FLAG:
        if (!node_is(v, NODE_BOOL))
            return false;
        *(bool *)p = v->b;
        return true;
    case FIELD_PORT:
        if (!is_whole(v, 1, 65535))
            return false;
        *(int *)p = (int)v->num;
        return true;
    case FIELD_COUNT:
        if (!is_whole(v, 1, JS_MAX_SAFE_INTEGER))
            return false;
        *(int64_t *)p = (int64_t)v->num;
        return true;
    case FIELD_OBJECT:
        if (!node_is(v, NODE_OBJECT))
            return false;
        *(const struct node **)p = node_copy(a, v);
        return true;
    }
    return false;
}

static int decode_kind(const struct node *v, enum runtime_kind *ret)
{
    for (enum runtime_kind k = 0; k < RUNTIME_KIND_COUNT; k++)
        if (text_eq(node_str(v), runtime_kind_name(k))) {
            *ret = k;
            return 0;
        }
    return -1;
}

int record_decode(struct arena *a, const char *bytes, size_t n, struct record *ret, struct err *e)
{
    struct record rec = {.created_at_ms = TIME_NONE, .last_used_at_ms = TIME_NONE};
    struct node *root = json_read_err(a, "record", bytes, n, e);

    if (!root)
        return -1;
    /* A newer reconclaw's record is not misread by an older one. */
    if (!is_whole(node_get(root, "format"), FORMAT_VERSION, FORMAT_VERSION))
        return err_set(e, ERR_INPUT, 0, "record: format is not %d", FORMAT_VERSION);
    if (decode_kind(node_get(root, "kind"), &rec.kind) < 0)
        return err_set(e, ERR_INPUT, 0, "record: unknown kind");
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct node *v = node_get(root, record_fields[i].key);

        if (v ? !node_to_field(a, v, &record_fields[i], &rec) : record_fields[i].required)
            return err_set(e, ERR_INPUT, 0, "record: %s is %s", record_fields[i].key, v ? "of the wrong type" : "missing");
    }
    rec.version = digest_sha256(a, bytes, n);
    *ret = rec;
    return 0;
}

/* --- the directory -----------------------------------------------------------------------------------------------------------
 */

static char *record_file(struct arena *a, const struct record *rec)
{
    BUF_AUTO b = BUF_INIT(1u << 20);

    /* No part holds a newline that could make two keys one: lengths come first. */
    buf_printf(&b, "%zu %zu %s\n%s\n%s\n%s", strlen(rec->endpoint), rec->install ? strlen(rec->install) : 0,
               runtime_kind_name(rec->kind), rec->endpoint, rec->install ? rec->install : "", rec->name);
    return arena_printf(a, "%s.json", digest_sha256(a, buf_str(&b), b.n));
}

static const struct file_dir *dir_of(const struct home *h)
{
    return home_dir(h, "records");
}

int records_read_all(struct home *h, struct arena *a, struct records_view *ret, struct err *e)
{
    const struct file_dir *d = dir_of(h);
    struct records_view view = {0};
    VEC(struct record) records = {0};
    struct file_name *names = NULL;
    size_t n_names = 0;

    if (file_list(a, d, &names, &n_names, e) < 0)
        return -1;
    for (size_t i = 0; i < n_names; i++) {
        const char *file = names[i].name;
        struct err own = {0};
        struct record rec = {0};
        char *bytes = NULL;
        size_t n = 0;

        if (!issue_read_own(a, &view.issues, d, file, &bytes, &n))
            continue;
        if (record_decode(a, bytes, n, &rec, &own) < 0 || !rec.endpoint) {
            issue_add(a, &view.issues, ISSUE_CORRUPT, d->path, file, NULL, true, "%s", own.msg);
            continue;
        }
        if (!text_eq(file, record_file(a, &rec)))
            issue_add(a, &view.issues, ISSUE_MISNAMED, d->path, file, rec.name, false,
                      "holds the record of '%s' under another's name: not used", rec.name);
        else
            VEC_PUSH(a, &records, rec);
    }
    view.v = records.v;
    view.n = records.n;
    *ret = view;
    return 0;
}

/* The version that is there, "" for none. Under the directory's flock. */
static int current_version(struct arena *a, const struct file_dir *d, const char *file, const char **ret, struct err *e)
{
    struct err own = {0};
    char *bytes;
    size_t n;

    if (file_read(a, d, file, LIMIT_SHARD_BYTES, &bytes, &n, NULL, &own) < 0) {
        if (own.class != ERR_NOT_FOUND) {
            *e = own;
            return -1;
        }
        *ret = "";
        return 0;
    }
    *ret = digest_sha256(a, bytes, n);
    return 0;
}

int record_put(struct home *h, const struct record *rec, const char *expect, char ret_version[DIGEST_HEX], struct err *e)
{
    ARENA_AUTO a = arena_new();
    const struct file_dir *d = dir_of(h);
    BUF_AUTO text = BUF_INIT(LIMIT_SHARD_BYTES);
    const char *file = record_file(a, rec), *now;
    FD_AUTO lock = -1;

    record_format(a, rec, &text);
    if (text.full)
        return err_set(e, ERR_INPUT, 0, "recording '%s': more than %u bytes", rec->name, LIMIT_SHARD_BYTES);
    if (file_dir_flock(d, HOME_WAIT_MS, &lock, e) < 0)
        return err_wrap(e, "recording '%s'", rec->name);
    if (expect) {
        if (current_version(a, d, file, &now, e) < 0)
            return err_wrap(e, "recording '%s'", rec->name);
        if (!text_eq(expect, now))
            return err_set(e, ERR_CONFLICT, 0, "recording '%s': the record was %s meanwhile", rec->name,
                           *now ? "changed" : "removed");
    }
    if (file_replace(d, file, buf_str(&text), text.n, 0600, FILE_SYNC, e) < 0)
        return err_wrap(e, "recording '%s'", rec->name);
    if (ret_version)
        digest_sha256_hex(buf_str(&text), text.n, ret_version);
    return 0;
}

int record_remove(struct home *h, const struct record *rec, const char *expect, struct err *e)
{
    ARENA_AUTO a = arena_new();
    const struct file_dir *d = dir_of(h);
    const char *file = record_file(a, rec), *now;
    FD_AUTO lock = -1;

    if (file_dir_flock(d, HOME_WAIT_MS, &lock, e) < 0 || current_version(a, d, file, &now, e) < 0)
        return err_wrap(e, "removing the record of '%s'", rec->name);
    if (!*now)
        return 0;
    if (expect && !text_eq(expect, now))
        return err_set(e, ERR_CONFLICT, 0, "removing the record of '%s': it was changed meanwhile", rec->name);
    if (file_remove(d, file, e) < 0)
        return err_wrap(e, "removing the record of '%s'", rec->name);
    return 0;
}

const struct record *records_find(const struct records_view *v, const struct record *rec)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].kind == rec->kind && text_eq(v->v[i].name, rec->name) && text_eq(v->v[i].endpoint, rec->endpoint) &&
            text_eq(v->v[i].install ? v->v[i].install : "", rec->install ? rec->install : ""))
            return &v->v[i];
    return NULL;
}
