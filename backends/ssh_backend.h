/* ssh_backend: what ssh.c (looking) and ssh_seed.c (changing) share. */
#ifndef RECONCLAW_BACKENDS_SSH_BACKEND_H
#define RECONCLAW_BACKENDS_SSH_BACKEND_H

#include "backends/ssh.h"
#include "backends/ssh_owner.h"
#include "backends/ssh_script.h"
#include "spec/base/vec.h"
#include "spec/remote.h"

#define SSH_LEFTOVERS "leftovers" /* of a tree that stands: how many halves of others lie beside it */

struct ssh_backend {
    const struct backend_ops *ops;
    struct arena *a;
    const char *endpoint, *install;
    struct ssh_link *link;
    VEC(const char *) tops; /* workspace roots */
};

/* One tree, as seen and as understood. */
struct ssh_tree {
    const struct ssh_seen *seen;
    const char *top, *name; /* name: of the runtime, of leftovers too */
    bool leftover;          /* ours to end where o.ownership is OWN_OURS */
    bool removal;           /* of a leftover */
    bool owned;             /* owner.json is whole and of this name */
    struct ssh_owner owner; /* where owned */
    struct observed o;      /* without fields of what is wanted */
};

struct ssh_trees {
    struct ssh_tree *v;
    size_t n;
    struct ssh_view view;
};

void ssh_learn(struct ssh_backend *b, const char *workspace_root);
void ssh_learn_desired(struct ssh_backend *b, const struct desired *d);
/* All below the known roots and at the given paths. */
int ssh_trees_take(struct ssh_backend *b, struct arena *a, const char *const *paths, size_t n_paths, bool measure,
                   const struct deadline *d, struct ssh_trees *ret, struct err *e);
/* NULL: none. Ours first, then by place. */
const struct ssh_tree *ssh_trees_by_id(const struct ssh_trees *t, const char *id);
const struct ssh_tree *ssh_trees_at(const struct ssh_trees *t, const char *path);
/* Of our install. */
bool ssh_is_leftover_of(const struct ssh_tree *t, const char *top, const char *name);

/* ERR_CONFLICT where it is not (any more) what was observed (expect may be NULL), or never was ours. */
int ssh_expected(const struct observed *o, const struct observed *expect, struct err *e);

int ssh_create(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct deadline *d,
               struct act_result *ret, struct err *e);
int ssh_remove(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct deadline *d, struct err *e);
int ssh_patch(struct ssh_backend *b, struct arena *a, const struct backend_act *act, const struct deadline *d, struct err *e);

#endif
