#include "backends/docker_private.h"

#include <string.h>

const char *docker_path(struct arena *a, const char *id, const char *tail)
{
    BUF_AUTO b = BUF_INIT(4096);
    buf_puts(&b, "/containers/");
    engine_escape(&b, id, "");
    buf_puts(&b, tail);
    return arena_strdup(a, buf_str(&b));
}

int docker_inspect(struct docker *dk, struct arena *a, const char *id, const char *name, const struct deadline *d,
                   struct node **ret, struct err *e)
{
    json_t *o = NULL;
    const char *key = id ? id : name;
    if (engine_json(dk->en, "GET", docker_path(a, key, "/json"), NULL, d, &o, e) < 0)
        return -1;
    /* The engine takes the beginning of an id, or another container's name, as well: the answer has to be the one asked for. */
    const char *got_id = engine_text(o, "Id"), *got_name = engine_text(o, "Name");
    bool same = id ? got_id && text_has_prefix(got_id, id) : got_name && text_eq(got_name + (got_name[0] == '/'), name);
    if (same)
        *ret = docker_node(a, o);
    json_decref(o);
    return same ? 0 : err_set(e, ERR_NOT_FOUND, 404, "there is no container %s", key);
}

int docker_inspect_image(struct docker *dk, struct arena *a, const char *id, const struct deadline *d, const struct node **ret,
                         struct err *e)
{
    json_t *o = NULL;
    struct err why;
    BUF_AUTO path = BUF_INIT(4096);
    *ret = NULL;
    if (!id || !*id)
        return 0;
    buf_puts(&path, "/images/");
    engine_escape(&path, id, ":");
    buf_puts(&path, "/json");
    if (engine_json(dk->en, "GET", buf_str(&path), NULL, d, &o, &why) < 0) {
        if (why.class == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    *ret = docker_node(a, o);
    json_decref(o);
    return 0;
}

struct count {
    struct observed *const *v;
    size_t *owner; /* which of v an exec belongs to */
};

static int on_exec(void *ctx, size_t i, json_t *item, const struct err *why, struct err *e)
{
    struct count *x = ctx;
    if (!item) {
        if (why->class == ERR_NOT_FOUND)
            return 0;
        *e = *why;
        return -1;
    }
    if (json_is_true(json_object_get(item, "Running")))
        x->v[x->owner[i]]->busy++;
    return 0;
}

int docker_count_busy(struct docker *dk, struct arena *a, struct observed *const *v, const struct node *const *execs, size_t n,
                      const struct deadline *d, struct err *e)
{
    size_t max = 0, n_paths = 0;
    for (size_t i = 0; i < n; i++)
        max += node_is(execs[i], NODE_ARRAY) ? execs[i]->n_items : 0;
    const char **paths = ARENA_ARRAY(a, const char *, max);
    struct count x = {.v = v, .owner = ARENA_ARRAY(a, size_t, max)};
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; node_is(execs[i], NODE_ARRAY) && k < execs[i]->n_items; k++) {
            const char *id = node_str(execs[i]->items[k]);
            if (!docker_is_id(id))
                return err_set(e, ERR_INPUT, 0, "container %s: an exec without an id", v[i]->name);
            x.owner[n_paths] = i;
            paths[n_paths++] = arena_printf(a, "/exec/%s/json", id);
        }
        v[i]->busy = 0;
        v[i]->busy_known = true;
    }
    return engine_get_each(dk->en, paths, n_paths, on_exec, &x, d, e);
}

int docker_look(struct backend *b, struct arena *a, const char *id, const char *name, const struct call *c, struct observed *ret,
                struct err *e)
{
    struct docker *dk = (struct docker *)b;
    struct deadline d = deadline_start(c);
    const struct node *image;
    struct node *item;
    struct observed o;
    struct err why;
    if (docker_inspect(dk, a, id, name, &d, &item, &why) < 0) {
        if (why.class != ERR_NOT_FOUND) {
            *e = why;
            return -1;
        }
        *ret = (struct observed){.endpoint = arena_strdup(a, dk->endpoint),
                                 .id = arena_strdup(a, id),
                                 .name = arena_strdup(a, name),
                                 .state = RUN_ABSENT,
                                 .created_at_ms = TIME_NONE};
        return 0;
    }
    if (docker_inspect_image(dk, a, node_str(node_get(item, "Image")), &d, &image, e) < 0 ||
        docker_decode_inspected(a, dk, item, NULL, image, &o, e) < 0)
        return -1;
    const struct node *execs = node_get(item, "ExecIDs");
    if (o.state == RUN_RUNNING && docker_count_busy(dk, a, &(struct observed *){&o}, &execs, 1, &d, e) < 0)
        return -1;
    *ret = o;
    return 0;
}
