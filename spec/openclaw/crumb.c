#include "spec/openclaw/crumb.h"

#include "spec/diag.h"

char *crumb_path(struct arena *a, const struct crumb *c)
{
    if (!c)
        return arena_strdup(a, "");
    return c->key ? diag_key(a, crumb_path(a, c->up), c->key) : diag_index(a, crumb_path(a, c->up), c->index);
}
