/* host: what reconclaw knows of the process it is: environment, directories, clocks. Read once at start; the only place that
 * looks at the environment. Everything below gets it as arguments. */
#ifndef RECONCLAW_RECONCILER_HOST_H
#define RECONCLAW_RECONCILER_HOST_H

#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "spec/node.h"

#include <stdint.h>

struct host {
    const struct node *env; /* object of strings; names and values that are no UTF-8 are left out */
    const char *cwd;        /* absolute */
    const char *home;       /* of the user: HOME, else the password database's */
    const char *xdg_config; /* $XDG_CONFIG_HOME, else ~/.config */
    const char *home_dir;   /* our own state directory: $RECONCLAW_STATE_DIR, as root without it /var/lib/reconclaw, else
                               $XDG_STATE_HOME/reconclaw, else ~/.local/state/reconclaw */
    const char *user;       /* name of the user; NULL: the password database has none */
    unsigned uid, gid;
};

int host_read(struct arena *a, struct host *ret, struct err *e);
/* NULL where it is not set or empty. */
const char *host_env(const struct host *h, const char *name);
/* `path` made absolute against the working directory, a leading ~ expanded. */
const char *host_path(struct arena *a, const struct host *h, const char *path);

int64_t host_now_ms(void);       /* wall clock, since 1970 */
int64_t host_monotonic_ms(void); /* for waiting */
uint32_t host_random(void);      /* for jitter only */

#endif
