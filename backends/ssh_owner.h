/* ssh_owner: whose a tree on another host is: ROOT/.reconclaw/owner.json. Pure: bytes to values and back. Nothing secret is in
 * it. */
#ifndef RECONCLAW_BACKENDS_SSH_OWNER_H
#define RECONCLAW_BACKENDS_SSH_OWNER_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/world.h"

struct ssh_owner {
    const char *id; /* of the tree: 32 hex digits; of one that OpenClaw made, which only its removal names: "inode:DEV:INO" */
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

/* ".NAME.seed-ID" and ".NAME.gone-ID"; ':' of an id stands as '-'. */
char *ssh_leftover_path(struct arena *a, const char *workspace_root, const char *name, const char *kind, const char *id);
/* The name in it, or NULL; *ret_removal: gone, not seed. */
const char *ssh_leftover_name(struct arena *a, const char *file, bool *ret_removal);

#endif
