#include "backends/bwrap_record.h"

#include "backends/bwrap_spec.h"
#include "spec/read/json.h"

#include <string.h>

static const char *const phases[] = {[BWRAP_MAKING] = "making", [BWRAP_READY] = "ready", [BWRAP_SETUP_FAILED] = "setup-failed"};
_Static_assert(sizeof phases / sizeof *phases == BWRAP_PHASE_COUNT, "every phase has a word");

/* --- decoding ------------------------------------------------------------------------------------------------------ */

static int get_text(const struct node *n, const char *key, bool optional, const char **ret, struct err *e)
{
    const struct node *v = node_get(n, key);

    if (optional && (v == NULL || v->kind == NODE_NULL)) {
        *ret = NULL;
        return 0;
    }
    if (!node_is(v, NODE_STRING) || strlen(v->s) != v->s_n)
        return err_set(e, ERR_INPUT, 0, "%s: a text is wanted", key);
    *ret = v->s;
    return 0;
}

static int get_whole(const struct node *n, const char *key, double min, double *ret, struct err *e)
{
    const struct node *v = node_get(n, key);

    if (!node_is(v, NODE_NUMBER) || !(v->num >= min && v->num <= 9007199254740991.0) || v->num != (double)(int64_t)v->num)
        return err_set(e, ERR_INPUT, 0, "%s: a whole number is wanted", key);
    *ret = v->num;
    return 0;
}

static bool is_hex(const char *s, size_t n)
{
    return s != NULL && strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static int get_process(const struct node *n, struct bwrap_process *p, struct err *e)
{
    double pid = 0, start = 0;

    if (n == NULL || n->kind == NODE_NULL)
        return 0;
    if (get_whole(n, "pid", 2, &pid, e) < 0 || get_whole(n, "start", 0, &start, e) < 0 ||
        get_text(n, "bootId", false, &p->boot_id, e) < 0 || get_text(n, "pidNamespace", false, &p->pid_ns, e) < 0)
        return err_wrap(e, "process");
    if (pid > INT32_MAX)
        return err_set(e, ERR_INPUT, 0, "process: pid: too large");
    p->pid = (int32_t)pid;
    p->start = (uint64_t)start;
    return 0;
}

static int get_cgroups(const struct node *n, struct bwrap_record *r, struct err *e)
{
    if (n == NULL)
        return 0;
    if (n->kind != NODE_ARRAY || n->n_items > BWRAP_MAX_CGROUPS)
        return err_set(e, ERR_INPUT, 0, "cgroups: at most %d are wanted", BWRAP_MAX_CGROUPS);
    for (size_t i = 0; i < n->n_items; i++) {
        const char *path = node_str(n->items[i]);

        /* They are removed one day: nothing but what we name like this. */
        if (path == NULL || path[0] != '/' || strstr(path, "/../") != NULL || strlen(path) != n->items[i]->s_n ||
            !text_has_suffix(path, r->id) || path[strlen(path) - strlen(r->id) - 1] != '/')
            return err_set(e, ERR_INPUT, 0, "cgroups[%zu]: not one of ours", i);
        r->cgroups[r->n_cgroups++] = path;
    }
    return 0;
}

static int get_phase(const struct node *n, enum bwrap_phase *ret, struct err *e)
{
    for (int i = 0; i < BWRAP_PHASE_COUNT; i++)
        if (text_eq(node_str(n), phases[i])) {
            *ret = (enum bwrap_phase)i;
            return 0;
        }
    return err_set(e, ERR_INPUT, 0, "phase: none that is known");
}

int bwrap_record_decode(struct arena *a, const char *bytes, size_t n, struct bwrap_record *ret, struct err *e)
{
    struct bwrap_record r = {0};
    struct bwrap_spec spec;
    const struct node *root;
    double version = 0, created = 0;

    if (n > BWRAP_RECORD_BYTES)
        return err_set(e, ERR_INPUT, 0, "larger than %u bytes", BWRAP_RECORD_BYTES);
    root = json_read_err(a, "record", bytes, n, e);
    if (root == NULL)
        return -1;
    if (!node_is(root, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "no object");
    if (get_whole(root, "version", 0, &version, e) < 0)
        return -1;
    if (version != BWRAP_RECORD_VERSION)
        return err_set(e, ERR_INPUT, 0, "version %.0f: this reconclaw knows %d", version, BWRAP_RECORD_VERSION);
    if (get_text(root, "name", false, &r.name, e) < 0 || get_text(root, "id", false, &r.id, e) < 0 ||
        get_text(root, "install", false, &r.install, e) < 0 || get_text(root, "owner", false, &r.owner, e) < 0 ||
        get_text(root, "hash", true, &r.hash, e) < 0 || get_text(root, "setup", true, &r.setup_digest, e) < 0 ||
        get_whole(root, "createdAtMs", -9007199254740991.0, &created, e) < 0 ||
        get_phase(node_get(root, "phase"), &r.phase, e) < 0 || get_process(node_get(root, "process"), &r.process, e) < 0)
        return -1;
    if (bwrap_name_flaw(r.name) != NULL)
        return err_set(e, ERR_INPUT, 0, "name: %s", bwrap_name_flaw(r.name));
    if (!is_hex(r.id, 32))
        return err_set(e, ERR_INPUT, 0, "id: 32 hex digits are wanted");
    if (get_cgroups(node_get(root, "cgroups"), &r, e) < 0)
        return -1;
    r.created_at_ms = (int64_t)created;
    r.create = node_get(root, "create");
    if (bwrap_spec_decode(a, r.create, &spec, e) < 0) {
        e->class = ERR_INPUT;
        return err_wrap(e, "create");
    }
    *ret = r;
    return 0;
}

/* --- encoding ------------------------------------------------------------------------------------------------------ */

char *bwrap_record_encode(struct arena *a, const struct bwrap_record *r, size_t *ret_n)
{
    struct node *root = node_object(a), *cgroups = node_array(a);
    BUF_AUTO text = BUF_INIT(BWRAP_RECORD_BYTES * 2);

    node_set(a, root, "version", node_number(a, BWRAP_RECORD_VERSION));
    node_set_text(a, root, "name", r->name);
    node_set_text(a, root, "id", r->id);
    node_set_text(a, root, "install", r->install);
    node_set_text(a, root, "owner", r->owner);
    node_set_text(a, root, "hash", r->hash);
    node_set(a, root, "createdAtMs", node_number(a, (double)r->created_at_ms));
    node_set_text(a, root, "phase", phases[r->phase]);
    node_set_text(a, root, "setup", r->setup_digest);
    if (r->process.pid > 0) {
        struct node *p = node_object(a);

        node_set(a, p, "pid", node_number(a, r->process.pid));
        node_set(a, p, "start", node_number(a, (double)r->process.start));
        node_set_text(a, p, "bootId", r->process.boot_id);
        node_set_text(a, p, "pidNamespace", r->process.pid_ns);
        node_set(a, root, "process", p);
    }
    for (size_t i = 0; i < r->n_cgroups; i++)
        node_push(a, cgroups, node_string(a, r->cgroups[i]));
    node_set(a, root, "cgroups", cgroups);
    node_set(a, root, "create", (struct node *)r->create);
    node_emit(&text, root, 2, 0);
    buf_putc(&text, '\n');
    *ret_n = text.n;
    return arena_memdup0(a, buf_str(&text), text.n);
}
