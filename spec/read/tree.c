#include "spec/read/tree.h"

#include "spec/base/limits.h"

#include <stdint.h>

void tree_init(struct tree *t, struct arena *a, struct diags *d)
{
    *t = (struct tree){.a = a, .d = d, .key = BUF_INIT(SIZE_MAX)};
}

void tree_free(struct tree *t)
{
    buf_free(&t->key);
}

struct node *tree_top(const struct tree *t)
{
    return t->open.n > 0 ? t->open.v[t->open.n - 1].node : NULL;
}

const struct node_member *tree_key(struct tree *t, const char *key, size_t key_n, struct pos pos)
{
    buf_clear(&t->key);
    buf_put(&t->key, key, key_n);
    t->key_pos = pos;
    t->has_key = true;
    return node_member(tree_top(t), key, key_n);
}

/* Returns the key under which it was placed, or NULL. */
static const char *place(struct tree *t, struct node *value)
{
    struct node *top = tree_top(t);

    if (!top) {
        t->root = value;
        return NULL;
    }
    if (top->kind == NODE_ARRAY) {
        node_push(t->a, top, value);
        return NULL;
    }
    struct node_member *m = node_set_n(t->a, top, buf_str(&t->key), t->key.n, value);
    m->pos = t->key_pos;
    t->has_key = false;
    return m->key;
}

static int check_caps(struct tree *t, struct pos pos, size_t n_nodes, size_t levels)
{
    if (t->open.n + levels > LIMIT_DOC_DEPTH) {
        diag_error(t->d, pos, tree_path(t), "nested deeper than %u levels", LIMIT_DOC_DEPTH);
        return -1;
    }
    if (n_nodes > LIMIT_DOC_NODES - t->n_nodes) {
        diag_error(t->d, pos, tree_path(t), "more than %u values", LIMIT_DOC_NODES);
        return -1;
    }
    t->n_nodes += n_nodes;
    return 0;
}

int tree_add(struct tree *t, struct node *value, struct pos pos)
{
    bool opens = value->kind == NODE_ARRAY || value->kind == NODE_OBJECT;

    if (check_caps(t, pos, 1, opens) < 0)
        return -1;
    value->pos = pos;
    const char *key = place(t, value);
    if (opens)
        VEC_PUSH(t->a, &t->open, ((struct tree_frame){.node = value, .key = key}));
    return 0;
}

int tree_graft(struct tree *t, struct node *value, size_t n_nodes, size_t height)
{
    bool container = value->kind == NODE_ARRAY || value->kind == NODE_OBJECT;

    if (check_caps(t, value->pos, n_nodes, container + height) < 0)
        return -1;
    place(t, value);
    return 0;
}

void tree_leave(struct tree *t)
{
    t->open.n--;
    t->has_key = false;
}

char *tree_path(const struct tree *t)
{
    char *path = arena_strdup(t->a, "");

    for (size_t i = 0; i < t->open.n; i++) {
        const struct node *n = t->open.v[i].node;
        bool last = i + 1 == t->open.n;

        if (n->kind == NODE_ARRAY)
            path = diag_index(t->a, path, last ? n->n_items : n->n_items - 1);
        else if (!last)
            path = diag_key(t->a, path, t->open.v[i + 1].key);
        else if (t->has_key)
            path = diag_key(t->a, path, t->key.s);
    }
    return path;
}
