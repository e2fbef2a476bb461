#include "reconciler/pauses.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/node.h"
#include "spec/read/json.h"

#include <string.h>

static const char *optional(const struct node *o, const char *key)
{
    return node_str(node_get(o, key));
}

int pauses_read(struct home *home, struct arena *a, int64_t now_ms, struct pause **ret, size_t *ret_n, struct err *e)
{
    VEC(struct pause) v = {0};
    char *bytes = NULL;
    size_t n = 0;
    struct node *list;

    if (home && home_get(home, a, PAUSES_KEY, &bytes, &n, e) < 0)
        return err_wrap(e, "reading the pauses");
    if (bytes) {
        list = json_read_err(a, "reading the pauses", bytes, n, e);
        if (!list)
            return -1;
        for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
            const struct node *o = list->items[i], *until = node_get(o, "untilMs");
            struct pause p = {.endpoint = optional(o, "endpoint"),
                              .name = optional(o, "name"),
                              .until_ms = node_is(until, NODE_NUMBER) ? (int64_t)until->num : TIME_NONE,
                              .why = optional(o, "why")};

            if (p.until_ms == TIME_NONE || p.until_ms > now_ms)
                VEC_PUSH(a, &v, p);
        }
    }
    *ret = v.v;
    *ret_n = v.n;
    return 0;
}

static int write_all(struct home *home, struct arena *a, const struct pause *v, size_t n, struct err *e)
{
    struct node *list = node_array(a);
    char *text;

    if (n == 0)
        return home_delete(home, PAUSES_KEY, e);
    for (size_t i = 0; i < n; i++) {
        struct node *o = node_object(a);

        if (v[i].endpoint)
            node_set(a, o, "endpoint", node_string(a, v[i].endpoint));
        if (v[i].name)
            node_set(a, o, "name", node_string(a, v[i].name));
        if (v[i].until_ms != TIME_NONE)
            node_set(a, o, "untilMs", node_number(a, (double)v[i].until_ms));
        if (v[i].why)
            node_set(a, o, "why", node_string(a, v[i].why));
        node_push(a, list, o);
    }
    text = node_json(a, list);
    return home_put(home, PAUSES_KEY, text, strlen(text), e);
}

static bool same_target(const struct pause *p, const char *endpoint, const char *name)
{
    return text_eq(p->endpoint, endpoint) && text_eq(p->name, name);
}

int pauses_add(struct home *home, struct arena *a, const struct pause *p, int64_t now_ms, struct err *e)
{
    VEC(struct pause) kept = {0};
    struct pause *v;
    size_t n;

    if (pauses_read(home, a, now_ms, &v, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!same_target(&v[i], p->endpoint, p->name))
            VEC_PUSH(a, &kept, v[i]);
    if (kept.n >= PAUSES_MAX)
        return err_set(e, ERR_REFUSED, 0, "there are %zu pauses already: resume some first", kept.n);
    VEC_PUSH(a, &kept, *p);
    return write_all(home, a, kept.v, kept.n, e);
}

int pauses_remove(struct home *home, struct arena *a, const char *endpoint, const char *name, bool all, int64_t now_ms,
                  size_t *ret_n, struct err *e)
{
    VEC(struct pause) kept = {0};
    struct pause *v;
    size_t n;

    if (pauses_read(home, a, now_ms, &v, &n, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!all && !same_target(&v[i], endpoint, name))
            VEC_PUSH(a, &kept, v[i]);
    if (kept.n < n && write_all(home, a, kept.v, kept.n, e) < 0)
        return -1;
    *ret_n = n - kept.n;
    return 0;
}
