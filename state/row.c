#include "state/row.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/openclaw/names.h"
#include "spec/read/json.h"
#include "state/shard.h"

#include <math.h>
#include <string.h>

const char *const row_column_names[ROW_COLUMN_COUNT] = {
    [ROW_REGISTRY_KIND] = "registry_kind",
    [ROW_CONTAINER_NAME] = "container_name",
    [ROW_SESSION_KEY] = "session_key",
    [ROW_BACKEND_ID] = "backend_id",
    [ROW_RUNTIME_LABEL] = "runtime_label",
    [ROW_IMAGE] = "image",
    [ROW_CREATED_AT_MS] = "created_at_ms",
    [ROW_LAST_USED_AT_MS] = "last_used_at_ms",
    [ROW_CONFIG_LABEL_KIND] = "config_label_kind",
    [ROW_CONFIG_HASH] = "config_hash",
    [ROW_CDP_PORT] = "cdp_port",
    [ROW_NO_VNC_PORT] = "no_vnc_port",
    [ROW_ENTRY_JSON] = "entry_json",
    [ROW_UPDATED_AT] = "updated_at",
};

static bool is_number(enum row_column c)
{
    return c == ROW_CREATED_AT_MS || c == ROW_LAST_USED_AT_MS || c == ROW_CDP_PORT || c == ROW_NO_VNC_PORT || c == ROW_UPDATED_AT;
}

/* What a column and a key of the entry have in common. `always`: the entry has the key, whatever the row says. */
struct row_field {
    enum row_column column;
    const char *key;
    bool container, browser, always;
};

/* In the order in which OpenClaw assigns them. */
static const struct row_field fields[] = {
    {ROW_SESSION_KEY, "sessionKey", true, true, true},
    {ROW_CREATED_AT_MS, "createdAtMs", true, true, true},
    {ROW_LAST_USED_AT_MS, "lastUsedAtMs", true, true, true},
    {ROW_IMAGE, "image", true, true, true},
    {ROW_CDP_PORT, "cdpPort", false, true, true},
    {ROW_NO_VNC_PORT, "noVncPort", false, true, false},
    {ROW_BACKEND_ID, "backendId", true, false, false},
    {ROW_RUNTIME_LABEL, "runtimeLabel", true, false, false},
    {ROW_CONFIG_LABEL_KIND, "configLabelKind", true, false, false},
    {ROW_CONFIG_HASH, "configHash", true, true, false},
};
#define N_FIELDS (sizeof fields / sizeof *fields)

static bool has_field(const struct row_field *f, enum runtime_kind kind)
{
    return kind == RUNTIME_BROWSER ? f->browser : f->container;
}

const char *row_kind_name(enum runtime_kind kind)
{
    return kind == RUNTIME_BROWSER ? "browser" : "container";
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

static bool is_text(const struct cell *c, const char *s)
{
    return c->kind == CELL_TEXT && c->s_n == strlen(s) && memcmp(c->s, s, c->s_n) == 0;
}

const char *row_name(const struct row *row)
{
    const struct cell *c = &row->v[ROW_CONTAINER_NAME];

    return c->kind == CELL_TEXT && strlen(c->s) == c->s_n ? c->s : NULL;
}

/* Number(v ?? 0), as far as an entry's times and ports go: a text that is no whole decimal number is NaN. */
static double js_number_of(const struct node *v)
{
    int64_t n;

    if (!v || v->kind == NODE_NULL)
        return 0;
    if (v->kind == NODE_NUMBER)
        return v->num;
    if (v->kind == NODE_BOOL)
        return v->b;
    if (v->kind == NODE_STRING && js_is_blank(v->s) && strlen(v->s) == v->s_n)
        return 0;
    return v->kind == NODE_STRING && strlen(v->s) == v->s_n && num_parse_i64(v->s, &n) ? (double)n : (double)NAN;
}

static struct node *field_value(struct arena *a, const struct row_field *f, const struct cell *c, const struct node *in_json)
{
    if (c->kind == CELL_INTEGER)
        return node_number(a, (double)c->number);
    if (c->kind == CELL_TEXT)
        return node_string_n(a, c->s, c->s_n);
    if (!f->always)
        return NULL; /* what the JSON says stays as it is */
    if (is_number(f->column))
        return node_number(a, js_number_of(in_json));
    return node_is(in_json, NODE_STRING) ? node_string_n(a, in_json->s, in_json->s_n) : node_string(a, "");
}

static int check_cells(const struct row *row, enum runtime_kind *ret_kind, struct err *e)
{
    const struct cell *kind = &row->v[ROW_REGISTRY_KIND];

    for (enum row_column c = 0; c < ROW_COLUMN_COUNT; c++) {
        const enum cell_kind k = row->v[c].kind;

        if (k == CELL_OTHER || (k == CELL_INTEGER && !is_number(c)) || (k == CELL_TEXT && is_number(c)))
            return err_set(e, ERR_INPUT, 0, "no registry entry: %s has a value of another type", row_column_names[c]);
        if (k == CELL_TEXT && !utf8_valid(row->v[c].s, row->v[c].s_n))
            return err_set(e, ERR_INPUT, 0, "no registry entry: %s is no UTF-8", row_column_names[c]);
    }
    if (row->v[ROW_CONTAINER_NAME].kind != CELL_TEXT || row->v[ROW_ENTRY_JSON].kind != CELL_TEXT)
        return err_set(e, ERR_INPUT, 0, "no registry entry: its name or its JSON is missing");
    if (!row_name(row))
        return err_set(e, ERR_INPUT, 0, "no registry entry: container_name holds a NUL");
    if (is_text(kind, "container"))
        *ret_kind = RUNTIME_CONTAINER;
    else if (is_text(kind, "browser"))
        *ret_kind = RUNTIME_BROWSER;
    else
        return err_set(e, ERR_INPUT, 0, "no registry entry: of an unknown kind");
    return 0;
}

int row_decode(struct arena *a, const struct row *row, enum runtime_kind *ret_kind, struct node **ret_entry, struct err *e)
{
    const struct cell *json = &row->v[ROW_ENTRY_JSON];
    enum runtime_kind kind = RUNTIME_CONTAINER;
    struct node *payload, *entry;

    if (check_cells(row, &kind, e) < 0)
        return -1;
    payload = json_read_err(a, "entry_json", json->s, json->s_n, e);
    if (!payload)
        return -1;
    if (!node_is(payload, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "entry_json is a %s, not an object", node_kind_name(payload->kind));
    entry = node_share(a, payload);
    node_set(a, entry, "containerName", node_string(a, row_name(row)));
    for (size_t i = 0; i < N_FIELDS; i++) {
        struct node *v;

        if (!has_field(&fields[i], kind))
            continue;
        v = field_value(a, &fields[i], &row->v[fields[i].column], node_get(payload, fields[i].key));
        if (v)
            node_set(a, entry, fields[i].key, v);
    }
    if (shard_normalise(a, kind, entry, e) < 0)
        return -1;
    *ret_kind = kind;
    *ret_entry = entry;
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

static struct cell text_cell(struct arena *a, const char *s, size_t n)
{
    size_t well_n;
    const char *well = oc_well_formed(a, s, n, &well_n);

    return (struct cell){.kind = CELL_TEXT, .s = well, .s_n = well_n};
}

static int number_cell(const char *key, double d, struct cell *ret, struct err *e)
{
    if (isnan(d) || isinf(d))
        return 0; /* NULL, as its JSON is */
    if (d != floor(d) || fabs(d) > JS_MAX_SAFE_INTEGER)
        return err_set(e, ERR_INPUT, 0, "%s is no whole number: OpenClaw's table cannot hold it", key);
    *ret = (struct cell){.kind = CELL_INTEGER, .number = (int64_t)d};
    return 0;
}

int row_encode(struct arena *a, enum runtime_kind kind, const struct node *entry, int64_t now_ms, struct row *ret, struct err *e)
{
    const struct node *name = node_get(entry, "containerName");
    struct node *ordered = node_copy(a, entry);
    struct row row = {0};
    const char *json;

    if (kind != RUNTIME_CONTAINER && kind != RUNTIME_BROWSER)
        return err_set(e, ERR_UNSUPPORTED, 0, "OpenClaw's registry holds no %s", runtime_kind_name(kind));
    if (!node_is(name, NODE_STRING) || name->s_n == 0 || strlen(name->s) != name->s_n)
        return err_set(e, ERR_INPUT, 0, "recording a runtime without a name");
    row.v[ROW_REGISTRY_KIND] = text_cell(a, row_kind_name(kind), strlen(row_kind_name(kind)));
    row.v[ROW_CONTAINER_NAME] = text_cell(a, name->s, name->s_n);
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct node *v = has_field(&fields[i], kind) ? node_get(entry, fields[i].key) : NULL;

        if (is_number(fields[i].column)) {
            if (node_is(v, NODE_NUMBER) && number_cell(fields[i].key, v->num, &row.v[fields[i].column], e) < 0)
                return -1;
        } else if (node_is(v, NODE_STRING)) {
            row.v[fields[i].column] = text_cell(a, v->s, v->s_n);
        }
    }
    node_js_order(a, ordered);
    json = node_json(a, ordered);
    row.v[ROW_ENTRY_JSON] = text_cell(a, json, strlen(json));
    row.v[ROW_UPDATED_AT] = (struct cell){.kind = CELL_INTEGER, .number = now_ms};
    *ret = row;
    return 0;
}

void row_digest(const struct row *row, char ret[DIGEST_HEX])
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    for (enum row_column c = 0; c < ROW_COLUMN_COUNT; c++) {
        const struct cell *v = &row->v[c];

        buf_printf(&b, "%d %lld %zu ", (int)v->kind, (long long)v->number, v->s_n);
        buf_put(&b, v->s ? v->s : "", v->s_n);
    }
    digest_sha256_hex(buf_str(&b), b.n, ret);
}
