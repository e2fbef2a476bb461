#include "tests/lib/fuzz.h"

#include "spec/base/limits.h"
#include "spec/read/json.h"
#include "spec/read/json5.h"

#include <math.h>
#include <string.h>

/* Whether a key somewhere holds a NUL, which our JSON reader refuses. */
static bool check_node(const struct node *n, const char *file, size_t depth)
{
    bool nul = false;

    FUZZ_ASSERT(n && n->kind < NODE_KIND_COUNT && depth <= LIMIT_DOC_DEPTH);
    FUZZ_ASSERT(!file || (n->pos.file && strcmp(n->pos.file, file) == 0 && n->pos.line > 0 && n->pos.col > 0));
    if (n->kind == NODE_STRING)
        FUZZ_ASSERT(n->s && n->s[n->s_n] == '\0');
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++)
        nul |= check_node(n->items[i], file, depth + 1);
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++) {
        const struct node_member *m = &n->members[i];

        FUZZ_ASSERT(m->key && m->key[m->key_n] == '\0' && node_member(n, m->key, m->key_n) == m);
        FUZZ_ASSERT(!file || (m->pos.file && strcmp(m->pos.file, file) == 0 && m->pos.line > 0));
        nul |= memchr(m->key, '\0', m->key_n) != NULL;
        nul |= check_node(m->value, file, depth + 1);
    }
    return nul;
}

static void null_what_json_has_not(struct node *n)
{
    if (n->kind == NODE_NUMBER && !isfinite(n->num))
        n->kind = NODE_NULL;
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++)
        null_what_json_has_not(n->items[i]);
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        null_what_json_has_not(n->members[i].value);
}

void fuzz_check_tree(struct arena *a, const struct node *root, const char *file)
{
    bool nul_key = check_node(root, file, 0);
    struct node *plain = node_copy(a, root), *again;
    struct diags d = {.arena = a};
    struct err e = {0};
    char *json = node_json(a, root);

    null_what_json_has_not(plain);
    again = json5_read(a, "emitted", json, strlen(json), &d);
    FUZZ_ASSERT(again && d.n == 0 && node_equal(plain, again));
    FUZZ_ASSERT(strcmp(node_json(a, again), json) == 0);
    again = json_read_err(a, "emitted", json, strlen(json), &e);
    FUZZ_ASSERT((again != NULL) == !nul_key && (!again || node_equal(plain, again)));
    BUF_AUTO pretty = BUF_INIT(1 << 28);
    node_emit(&pretty, root, 2, 0);
    again = json5_read(a, "pretty", buf_str(&pretty), pretty.n, &d);
    FUZZ_ASSERT(again && node_equal(plain, again));
}

void fuzz_check_diags(const struct diags *d, int failed, const char *file)
{
    FUZZ_ASSERT((d->n_errors > 0) == (failed != 0));
    for (size_t i = 0; i < d->n; i++) {
        BUF_AUTO b = BUF_INIT(1 << 20);

        FUZZ_ASSERT(d->v[i].msg[0] && d->v[i].pos.file && (!file || strcmp(d->v[i].pos.file, file) == 0));
        diag_format(&b, &d->v[i]);
        FUZZ_ASSERT(utf8_valid(b.s, b.n) && !memchr(b.s, '\n', b.n) && !memchr(b.s, '\x1b', b.n));
    }
}
