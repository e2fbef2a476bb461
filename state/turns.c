#include "state/turns.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/node.h"
#include "spec/read/json.h"

#include <math.h>
#include <stdlib.h>

#define KEY "turns"
/* A clock that was set back leaves times of the future: beyond this they do not count. */
#define SKEW_MS 60000

/* The file: {"runtimes":[{"endpoint","kind","runtime","want","timesMs":[...]}]}, the times ascending. */

static struct node *load(struct home *h, struct arena *a, struct err *e)
{
    struct err ignored = {0};
    struct node *root = NULL, *list;
    char *bytes;
    size_t n;

    if (home_get(h, a, KEY, &bytes, &n, e) < 0)
        return NULL;
    if (bytes)
        root = json_read_err(a, KEY, bytes, n, &ignored);
    list = node_get(root, "runtimes");
    return node_is(list, NODE_ARRAY) ? list : node_array(a);
}

static int store(struct home *h, struct arena *a, struct node *list, struct err *e)
{
    struct node *root = node_object(a);
    BUF_AUTO text = BUF_INIT(HOME_VALUE_BYTES);

    node_set(a, root, "runtimes", list);
    node_emit(&text, root, 0, 0);
    return home_put_soft(h, KEY, buf_str(&text), text.n, e);
}

static bool is_time(const struct node *n)
{
    return node_is(n, NODE_NUMBER) && fabs(n->num) <= JS_MAX_SAFE_INTEGER;
}

/* NULL where the row is none. */
static const struct node *row_times(const struct node *row)
{
    const struct node *times = node_get(row, "timesMs");

    if (!node_str(node_get(row, "endpoint")) || !node_str(node_get(row, "runtime")) || !node_str(node_get(row, "kind")) ||
        !node_str(node_get(row, "want")) || !node_is(times, NODE_ARRAY) || times->n_items == 0)
        return NULL;
    for (size_t i = 0; i < times->n_items; i++)
        if (!is_time(times->items[i]))
            return NULL;
    return times;
}

static int64_t last_time(const struct node *row)
{
    const struct node *times = row_times(row);

    return times ? (int64_t)times->items[times->n_items - 1]->num : INT64_MIN;
}

static bool is_row_of(const struct node *row, const char *endpoint, enum runtime_kind kind, const char *runtime)
{
    return text_eq(node_str(node_get(row, "runtime")), runtime) && text_eq(node_str(node_get(row, "endpoint")), endpoint) &&
           text_eq(node_str(node_get(row, "kind")), runtime_kind_name(kind));
}

int turns_read(struct home *h, struct arena *a, int64_t now_ms, struct turns **ret, size_t *ret_n, struct err *e)
{
    struct node *list = load(h, a, e);
    struct turns *v;
    size_t n = 0;

    if (!list)
        return -1;
    v = ARENA_ARRAY(a, struct turns, list->n_items);
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *row = list->items[i], *times = row_times(row);
        unsigned in_window = 0;

        for (size_t k = 0; times && k < times->n_items; k++) {
            int64_t t = (int64_t)times->items[k]->num;

            in_window += t > now_ms - TURNS_WINDOW_MS && t <= now_ms + SKEW_MS;
        }
        if (in_window < 2)
            continue;
        v[n] = (struct turns){.endpoint = node_str(node_get(row, "endpoint")),
                              .runtime = node_str(node_get(row, "runtime")),
                              .want = node_str(node_get(row, "want")),
                              .n = in_window - 1,
                              .last_ms = last_time(row)};
        while (v[n].kind < RUNTIME_KIND_COUNT && !text_eq(runtime_kind_name(v[n].kind), node_str(node_get(row, "kind"))))
            v[n].kind++;
        n += v[n].kind < RUNTIME_KIND_COUNT;
    }
    *ret = v;
    *ret_n = n;
    return 0;
}

static struct node *row_for(struct arena *a, const struct turns_act *act, const struct node *old)
{
    struct node *row = node_object(a), *times = node_array(a);
    const char *want = act->want ? act->want : "";
    const struct node *before = old && !act->asked && text_eq(node_str(node_get(old, "want")), want) ? row_times(old) : NULL;
    size_t n = before ? before->n_items : 0;

    node_set(a, row, "endpoint", node_string(a, act->endpoint));
    node_set(a, row, "kind", node_string(a, runtime_kind_name(act->kind)));
    node_set(a, row, "runtime", node_string(a, act->runtime));
    node_set(a, row, "want", node_string(a, want));
    for (size_t i = n < TURNS_TIMES ? 0 : n - TURNS_TIMES + 1; i < n; i++)
        node_push(a, times, before->items[i]);
    node_push(a, times, node_number(a, (double)act->time_ms));
    node_set(a, row, "timesMs", times);
    return row;
}

static int by_last_cmp(const void *pa, const void *pb)
{
    int64_t a = last_time(*(struct node *const *)pa), b = last_time(*(struct node *const *)pb);

    return a < b ? 1 : a > b ? -1 : 0;
}

void turns_note(struct home *h, const struct turns_act *act)
{
    ARENA_AUTO a = arena_new();
    struct err ignored = {0};
    struct node *list = load(h, a, &ignored), *next = node_array(a), *old = NULL;

    for (size_t i = 0; list && i < list->n_items; i++) {
        struct node *row = list->items[i];

        if (is_row_of(row, act->endpoint, act->kind, act->runtime))
            old = row;
        else if (last_time(row) > act->time_ms - TURNS_WINDOW_MS)
            node_push(a, next, row);
    }
    node_push(a, next, row_for(a, act, old));
    if (next->n_items > TURNS_RUNTIMES) {
        qsort(next->items, next->n_items, sizeof *next->items, by_last_cmp);
        next->n_items = TURNS_RUNTIMES;
    }
    (void)store(h, a, next, &ignored);
}

int turns_forget(struct home *h, const char *endpoint, const char *runtime, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct node *list, *next = node_array(a);

    if (!endpoint && !runtime)
        return home_delete(h, KEY, e);
    list = load(h, a, e);
    if (!list)
        return -1;
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *row = list->items[i];

        if (!text_eq(node_str(node_get(row, "endpoint")), endpoint) || !text_eq(node_str(node_get(row, "runtime")), runtime))
            node_push(a, next, list->items[i]);
    }
    return store(h, a, next, e);
}
