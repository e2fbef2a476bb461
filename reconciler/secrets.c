#include "reconciler/secrets.h"

#include "reconciler/local_fs.h"

static int from_env(void *ctx, struct arena *a, const char *name, char **ret, struct err *e)
{
    const char *value = node_str(node_get(((const struct host *)ctx)->env, name));

    if (!value)
        return err_set(e, ERR_NOT_FOUND, 0, "environment variable %s is not set", name);
    *ret = arena_strdup(a, value);
    return 0;
}

static int from_file(void *ctx, struct arena *a, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
    return local_fs.read(local_fs.ctx, a, path, max, ret, ret_n, e);
}

struct secret_source secrets_of(const struct host *host)
{
    return (struct secret_source){.ctx = (void *)host, .env = from_env, .file = from_file};
}
