#include "reconciler/approvals.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"

#include <string.h>

int approvals_read(struct home *home, struct arena *a, struct approval **ret, size_t *ret_n, struct err *e)
{
    VEC(struct approval) v = {0};
    char *bytes = NULL;
    size_t n = 0;
    struct node *list;

    if (home && home_get(home, a, APPROVALS_KEY, &bytes, &n, e) < 0)
        return err_wrap(e, "reading the approvals");
    if (bytes) {
        list = json_read_err(a, "reading the approvals", bytes, n, e);
        if (!list)
            return -1;
        for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
            const struct node *o = list->items[i];
            const struct approval p = {.endpoint = node_str(node_get(o, "endpoint")),
                                       .name = node_str(node_get(o, "name")),
                                       .digest = node_str(node_get(o, "digest"))};

            if (p.endpoint && p.name && p.digest)
                VEC_PUSH(a, &v, p);
        }
    }
    *ret = v.v;
    *ret_n = v.n;
    return 0;
}

static int write_all(struct home *home, struct arena *a, const struct approval *v, size_t n, struct err *e)
{
    struct node *list = node_array(a);
    char *text;

    if (n == 0)
        return home_delete(home, APPROVALS_KEY, e);
    for (size_t i = 0; i < n; i++) {
        struct node *o = node_object(a);

        node_set(a, o, "endpoint", node_string(a, v[i].endpoint));
        node_set(a, o, "name", node_string(a, v[i].name));
        node_set(a, o, "digest", node_string(a, v[i].digest));
        node_push(a, list, o);
    }
    text = node_json(a, list);
    return home_put(home, APPROVALS_KEY, text, strlen(text), e);
}

static size_t drop(struct approval *v, size_t n, const char *endpoint, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].endpoint, endpoint) != 0 || strcmp(v[i].name, name) != 0)
            v[kept++] = v[i];
    return kept;
}

int approvals_add(struct home *home, struct arena *a, const struct approval *p, struct err *e)
{
    struct approval *v, *all;
    size_t n;

    if (approvals_read(home, a, &v, &n, e) < 0)
        return -1;
    n = drop(v, n, p->endpoint, p->name);
    if (n >= APPROVALS_MAX)
        return err_set(e, ERR_REFUSED, 0, "there are %zu approvals already", n);
    all = ARENA_ARRAY(a, struct approval, n + 1);
    if (n > 0)
        memcpy(all, v, n * sizeof *all);
    all[n] = *p;
    return write_all(home, a, all, n + 1, e);
}

int approvals_remove(struct home *home, struct arena *a, const char *endpoint, const char *name, struct err *e)
{
    struct approval *v;
    size_t n, kept;

    if (approvals_read(home, a, &v, &n, e) < 0)
        return -1;
    kept = drop(v, n, endpoint, name);
    return kept < n ? write_all(home, a, v, kept, e) : 0;
}
