/* ssh_owner: whose a tree on another host is: ROOT/.reconclaw/owner.json. Pure: bytes to values and back. Nothing secret is in
 * it. */
#ifndef RECONCLAW_BACKENDS_SSH_OWNER_H
#define RECONCLAW_BACKENDS_SSH_OWNER_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"

struct ssh_owner {
    const char *id;                              /* of the tree: 32 hex digits */
    const char *install;                         /* that may remove it */
    const char *name;                            /* of the runtime: a copy under another name is not ours */
    const char *owner, *scope_key, *config_hash; /* or NULL */
    enum runtime_kind kind;
    int64_t created_at_ms;
    struct fields fields; /* as wanted when it was made or last patched */
};

/* ERR_INPUT for what is not all of it. */
int ssh_owner_decode(struct arena *a, const char *text, struct ssh_owner *ret, struct err *e);
/* One line. */
char *ssh_owner_encode(struct arena *a, const struct ssh_owner *o);

/* What half a seed or half a removal is called: ".NAME.seed-ID.INSTALL" and ".NAME.gone-ID.INSTALL", ':' of an id as '-'. The
 * name alone says whose it is: what is in it may not be there yet, or not any more, and takes room on a disk that may have none.
 */
struct ssh_leftover {
    const char *name, *id, *install;
    bool removal; /* gone, not seed */
};
char *ssh_leftover_path(struct arena *a, const char *workspace_root, const struct ssh_leftover *l);
/* false: no such name. */
bool ssh_leftover_decode(struct arena *a, const char *file, struct ssh_leftover *ret);

#endif
