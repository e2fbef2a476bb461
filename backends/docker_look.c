#include "backends/docker_private.h"

#include "spec/base/vec.h"

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
    struct err why;
    int rc = engine_json(dk->en, "GET", docker_path(a, key, "/json"), NULL, d, &o, &why);
    /* After the reply, which mostly tells whose words it is in; also where it says that there is none, which only the engine that
     * was meant may say. */
    if ((rc == 0 || why.class == ERR_NOT_FOUND) && docker_greet(dk, d, e) < 0) {
        json_decref(o);
        return -1;
    }
    if (rc < 0) {
        *e = why;
        return -1;
    }
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

struct said {
    size_t owner;
    json_int_t pid;
};

struct count {
    struct docker *dk;
    struct arena *a;
    struct observed *const *v;
    size_t *owner; /* which of v an exec belongs to */
    /* Of podman: execs that are said to run, each by its owner and its process on the engine's machine. */
    VEC(struct said) said;
    size_t *asked; /* which of v the list of processes is of */
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
    if (!json_is_true(json_object_get(item, "Running")))
        return 0;
    x->v[x->owner[i]]->busy++;
    if (x->dk->flavour == ENGINE_PODMAN)
        VEC_PUSH(x->a, &x->said, ((struct said){x->owner[i], json_integer_value(json_object_get(item, "Pid"))}));
    return 0;
}

static bool has_process(const json_t *top, json_int_t pid)
{
    char digits[24];
    const json_t *row;
    size_t i;
    (void)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, pid);
    json_array_foreach(json_object_get(top, "Processes"), i, row)
    {
        const char *s = json_string_value(json_array_get(row, 0));
        if (text_eq(s, digits))
            return true;
    }
    return false;
}

/* Takes back those whose process has ended. Where the engine does not tell, what it said of the exec holds. */
static int on_top(void *ctx, size_t i, json_t *item, const struct err *why, struct err *e)
{
    struct count *x = ctx;
    if (!item && (why->class == ERR_TIMEOUT || why->class == ERR_CANCELLED || why->class == ERR_UNAVAILABLE)) {
        *e = *why;
        return -1;
    }
    for (size_t k = 0; item && k < x->said.n; k++)
        if (x->said.v[k].owner == x->asked[i] && x->said.v[k].pid > 0 && !has_process(item, x->said.v[k].pid))
            x->v[x->asked[i]]->busy--;
    return 0;
}

static int take_back_ended(struct count *x, size_t n, const struct deadline *d, struct err *e)
{
    const char **paths = ARENA_ARRAY(x->a, const char *, n);
    size_t n_paths = 0;
    x->asked = ARENA_ARRAY(x->a, size_t, n);
    for (size_t i = 0; i < n; i++)
        if (x->v[i]->busy > 0) {
            x->asked[n_paths] = i;
            paths[n_paths++] = docker_path(x->a, x->v[i]->id, "/top?ps_args=hpid");
        }
    return engine_get_each(x->dk->en, paths, n_paths, on_top, x, d, e);
}

int docker_count_busy(struct docker *dk, struct arena *a, struct observed *const *v, const struct node *const *execs, size_t n,
                      const struct deadline *d, struct err *e)
{
    size_t max = 0, n_paths = 0;
    for (size_t i = 0; i < n; i++)
        max += node_is(execs[i], NODE_ARRAY) ? execs[i]->n_items : 0;
    const char **paths = ARENA_ARRAY(a, const char *, max);
    struct count x = {.dk = dk, .a = a, .v = v, .owner = ARENA_ARRAY(a, size_t, max)};
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
    if (engine_get_each(dk->en, paths, n_paths, on_exec, &x, d, e) < 0)
        return -1;
    return x.said.n > 0 ? take_back_ended(&x, n, d, e) : 0;
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
