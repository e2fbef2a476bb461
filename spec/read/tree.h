/* tree: builds the tree of one document for the readers, without recursion, and holds it to the caps of limits.h.
 *
 * Calling sequence: for every value of the document in its order: in an object tree_key() first; then tree_add(), which opens
 * an array or object so that what follows goes into it; tree_leave() at its end. `root` is the document. tree_free() gives
 * back what is not in the arena. */
#ifndef RECONCLAW_SPEC_READ_TREE_H
#define RECONCLAW_SPEC_READ_TREE_H

#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/diag.h"
#include "spec/node.h"

#include <stdbool.h>
#include <stddef.h>

struct tree_frame {
    struct node *node;
    const char *key; /* that it has in the frame below, where that is an object */
};

struct tree {
    struct arena *a;
    struct diags *d;
    struct node *root;
    VEC(struct tree_frame) open;
    size_t n_nodes;
    struct buf key; /* that waits for its value in the innermost object */
    struct pos key_pos;
    bool has_key;
};

void tree_init(struct tree *t, struct arena *a, struct diags *d);
void tree_free(struct tree *t);

/* The innermost open array or object, or NULL. */
struct node *tree_top(const struct tree *t);
/* Returns the member that has this key already, which the next value will replace, or NULL. */
const struct node_member *tree_key(struct tree *t, const char *key, size_t key_n, struct pos pos);
/* Places the value (its pos is set here). -1 after adding an error: too deep, or too many values. */
int tree_add(struct tree *t, struct node *value, struct pos pos);
/* Places a finished subtree of n_nodes values, of which the deepest is `height` levels below it, at its own position. */
int tree_graft(struct tree *t, struct node *value, size_t n_nodes, size_t height);
void tree_leave(struct tree *t);
/* "a.b[2]": the place of the next value, for errors. */
char *tree_path(const struct tree *t);

#endif
