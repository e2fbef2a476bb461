#include "backends/docker_memo.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

/* One runtime on its way from the list to the observation. */
struct seen {
    struct observed o;
    const struct desired *want; /* under this name, or NULL */
    const struct node *execs;
    size_t image;       /* index into images of the pass, of what is inspected */
    const char *digest; /* of what is wanted, where it can be compared */
    bool inspect, gone;
};

/* An image that something inspected was made from. */
struct source {
    const char *id;
    const struct node *node; /* NULL: gone */
};

struct pass {
    struct docker *dk;
    struct arena *a;
    const struct observe_req *req;
    struct deadline d;
    const struct desired **wanted; /* sorted by name, absent ones too: their names count */
    VEC(struct seen) seen;
    struct image_state *images;
    bool *doubtful; /* images that the list shows under two ids */
    struct docker_memo *memo;
    VEC(struct source) sources;
    size_t *inspected; /* indices into seen, in the order of the requests */
    VEC(struct mount_use) mounts;
    VEC(struct mount_use) unmounted; /* whose list element tells no mounts (podman): name, and its path in `source` */
};

/* --- the list ----------------------------------------------------------------------------------------------------------------
 */

static int wanted_cmp(const void *a, const void *b)
{
    return strcmp((*(const struct desired *const *)a)->name, (*(const struct desired *const *)b)->name);
}

static const struct desired *wanted_find(const struct pass *p, const char *name)
{
    const struct desired key = {.name = name}, *k = &key;
    if (p->req->n_desired == 0)
        return NULL;
    const struct desired *const *hit = bsearch(&k, p->wanted, p->req->n_desired, sizeof *p->wanted, wanted_cmp);
    return hit ? *hit : NULL;
}

/* Docker lists a container under the reference that it was made from only while that still leads to the same image (and under
 * the image's id otherwise), so that the list answers for most references. */
static void note_image(struct pass *p, const json_t *item)
{
    const char *ref = engine_text(item, "Image"), *id = engine_text(item, "ImageID");
    for (size_t i = 0; ref && id && i < p->req->n_images; i++) {
        if (strcmp(ref, p->images[i].ref) != 0)
            continue;
        if (!p->images[i].id)
            p->images[i].id = arena_strdup(p->a, id);
        else if (strcmp(p->images[i].id, id) != 0)
            p->doubtful[i] = true;
    }
}

/* Of a browser that is not looked at: its host ports, by the private ones that are wanted. */
static int listed_port(const json_t *item, const struct desired *want, const char *env)
{
    const char *private_port = docker_env(node_get(want->create, "Env"), env);
    const json_t *v;
    size_t i;
    json_array_foreach(json_object_get(item, "Ports"), i, v)
    {
        char digits[24];
        (void)snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(v, "PrivatePort")));
        if (text_eq(digits, private_port) && text_eq(engine_text(v, "Type"), "tcp"))
            return (int)json_integer_value(json_object_get(v, "PublicPort"));
    }
    return 0;
}

static void note_mounts(struct pass *p, const char *name, const json_t *mounts)
{
    const json_t *m;
    size_t i;
    json_array_foreach(mounts, i, m)
    {
        const char *source = engine_text(m, "Source");
        if (source && *source == '/')
            VEC_PUSH(p->a, &p->mounts,
                     ((struct mount_use){.name = arena_strdup(p->a, name), .source = arena_strdup(p->a, source)}));
    }
}

/* Whoever's container it is. */
static int list_mounts(struct pass *p, const json_t *item, struct err *e)
{
    const json_t *mounts = json_object_get(item, "Mounts");
    const char *id = engine_text(item, "Id"), *name = docker_listed_name(item);
    if (json_is_array(mounts) && (json_array_size(mounts) > 0 || engine_is_docker(p->dk->en))) {
        note_mounts(p, name ? name : id ? id : "?", mounts);
        return 0;
    }
    if (!docker_is_id(id))
        return err_set(e, ERR_INPUT, 0, "a listed container has no id");
    VEC_PUSH(p->a, &p->unmounted,
             ((struct mount_use){.name = arena_strdup(p->a, name ? name : id), .source = docker_path(p->a, id, "/json")}));
    return 0;
}

static int on_mounts(void *ctx, size_t i, json_t *item, const struct err *why, struct err *e)
{
    struct pass *p = ctx;
    if (item) {
        note_mounts(p, p->unmounted.v[i].name, json_object_get(item, "Mounts"));
        return 0;
    }
    if (why->class == ERR_NOT_FOUND) /* gone since it was listed */
        return 0;
    *e = *why;
    return -1;
}

static int inspect_mounts(struct pass *p, struct err *e)
{
    const char **paths = ARENA_ARRAY(p->a, const char *, p->unmounted.n);
    for (size_t i = 0; i < p->unmounted.n; i++)
        paths[i] = p->unmounted.v[i].source;
    return engine_get_each(p->dk->en, paths, p->unmounted.n, on_mounts, p, &p->d, e);
}

static int on_listed(void *ctx, json_t *item, struct err *e)
{
    struct pass *p = ctx;
    struct observed o;
    note_image(p, item);
    if (p->req->mounts && list_mounts(p, item, e) < 0)
        return -1;
    /* A stranger's container is dropped before anything of it is kept. */
    const json_t *labels = json_object_get(item, "Labels");
    const char *name = docker_listed_name(item);
    const struct desired *want = name ? wanted_find(p, name) : NULL;
    if (!want && !engine_text(labels, LABEL_OUR_INSTALL) && !text_eq(engine_text(labels, LABEL_SANDBOX), "1"))
        return 0;
    if (docker_decode_listed(p->a, p->dk, item, &o, e) < 0)
        return -1;
    if (want && o.kind == RUNTIME_BROWSER && o.state == RUN_RUNNING) {
        o.cdp_port = listed_port(item, want, "OPENCLAW_BROWSER_CDP_PORT");
        o.no_vnc_port = listed_port(item, want, "OPENCLAW_BROWSER_NOVNC_PORT");
    }
    VEC_PUSH(p->a, &p->seen, ((struct seen){.o = o, .want = want}));
    return 0;
}

/* --- images ------------------------------------------------------------------------------------------------------------------
 */

/* What may stand in an image's path; anything else is no reference, and no image has it. */
static bool is_reference(const char *s)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-";
    return *s && strspn(s, chars) == strlen(s) && s[0] != '/' && s[0] != '.' && !strstr(s, "//") && !strstr(s, "/.");
}

static int find_images(struct pass *p, struct err *e)
{
    for (size_t i = 0; i < p->req->n_images; i++) {
        struct image_state *im = &p->images[i];
        if (im->id && !p->doubtful[i] && !p->req->deep && engine_is_docker(p->dk->en))
            continue;
        im->id = NULL;
        if (!is_reference(im->ref))
            continue;
        struct err why;
        json_t *o = NULL;
        BUF_AUTO path = BUF_INIT(4096);
        buf_puts(&path, "/images/");
        engine_escape(&path, im->ref, "/:@");
        buf_puts(&path, "/json");
        if (engine_json(p->dk->en, "GET", buf_str(&path), NULL, &p->d, &o, &why) == 0)
            im->id = arena_strdup(p->a, engine_text(o, "Id"));
        json_decref(o);
        if (!o && why.class != ERR_NOT_FOUND && why.class != ERR_CONFIG) {
            *e = why;
            return -1;
        }
    }
    return 0;
}

/* Whether its reference leads to another image now. One that is not there cannot be changed to, and is no drift. */
static bool image_moved(const struct pass *p, const struct seen *s)
{
    for (size_t i = 0; s->want->image && i < p->req->n_images; i++)
        if (text_eq(p->images[i].ref, s->want->image))
            return p->images[i].id && !text_eq(p->images[i].id, s->o.image_id);
    return false;
}

/* --- one by one --------------------------------------------------------------------------------------------------------------
 */

/* Whether it is the wanted thing at all, so that a proof about it means something. Of OpenClaw's kinds the hash decides, whatever
 * the fields say; a Sandbox that was changed in place keeps its old hash. */
static bool is_comparable(const struct seen *s)
{
    if (!s->want || s->want->kind != s->o.kind || s->want->fields.n == 0)
        return false;
    return s->o.kind == RUNTIME_SANDBOX || (s->o.config_hash && text_eq(s->o.config_hash, s->want->config_hash));
}

static bool must_inspect(const struct pass *p, struct seen *s)
{
    if (is_comparable(s))
        s->digest = docker_memo_digest(p->a, s->want->fields);
    if (s->o.ownership == OWN_FOREIGN)
        return false;
    if (p->req->deep || !is_comparable(s) || image_moved(p, s))
        return true;
    if (s->want->want != WANT_RUNNING && s->o.state != RUN_STOPPED)
        return true;
    return !docker_memo_proves(p->memo, s->o.id, s->digest);
}

/* Out of the arena of one inspection, of which most is not needed. */
static struct observed keep(struct arena *a, const struct observed *from)
{
    struct observed o = *from;
    struct field *v = ARENA_ARRAY(a, struct field, o.fields.n);
    const char **texts[] = {&o.endpoint,  &o.name,        &o.id,       &o.install, &o.owner,
                            &o.scope_key, &o.config_hash, &o.image_id, &o.image};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_strdup(a, *texts[i]);
    for (size_t i = 0; i < o.fields.n; i++) {
        v[i] = o.fields.v[i];
        v[i].name = arena_strdup(a, v[i].name);
        v[i].value = arena_strdup(a, v[i].value);
    }
    o.fields.v = v;
    return o;
}

static int on_inspected(void *ctx, size_t i, json_t *item, const struct err *why, struct err *e)
{
    struct pass *p = ctx;
    struct seen *s = &p->seen.v[p->inspected[i]];
    if (!item) {
        s->gone = why->class == ERR_NOT_FOUND;
        if (!s->gone)
            *e = *why;
        return s->gone ? 0 : -1;
    }
    ARENA_AUTO scratch = arena_new();
    const struct node *n = docker_node(scratch, item), *execs = node_get(n, "ExecIDs");
    struct observed o;
    if (docker_decode_inspected(scratch, p->dk, n, s->want, p->sources.v[s->image].node, &o, e) < 0)
        return -1;
    if (!text_eq(o.id, s->o.id))
        return err_set(e, ERR_INPUT, 0, "container %s was asked for, %s was answered", s->o.id, o.id);
    s->o = keep(p->a, &o);
    s->execs = node_is(execs, NODE_ARRAY) && o.state == RUN_RUNNING ? node_copy(p->a, execs) : NULL;
    return 0;
}

/* The image it was made from, asked for once. Without it, what is the image's cannot be told from what is the container's. */
static int find_source(struct pass *p, struct seen *s, struct err *e)
{
    struct source src = {.id = s->o.image_id ? s->o.image_id : ""};
    for (s->image = 0; s->image < p->sources.n; s->image++)
        if (strcmp(p->sources.v[s->image].id, src.id) == 0)
            return 0;
    if (docker_inspect_image(p->dk, p->a, src.id, &p->d, &src.node, e) < 0)
        return -1;
    VEC_PUSH(p->a, &p->sources, src);
    return 0;
}

static int inspect(struct pass *p, struct err *e)
{
    size_t n = 0, n_busy = 0;
    const char **paths = ARENA_ARRAY(p->a, const char *, p->seen.n);
    struct observed **busy = ARENA_ARRAY(p->a, struct observed *, p->seen.n);
    const struct node **execs = ARENA_ARRAY(p->a, const struct node *, p->seen.n);
    p->inspected = ARENA_ARRAY(p->a, size_t, p->seen.n);
    for (size_t i = 0; i < p->seen.n; i++) {
        struct seen *s = &p->seen.v[i];
        s->inspect = must_inspect(p, s);
        if (!s->inspect)
            continue;
        if (find_source(p, s, e) < 0)
            return -1;
        p->inspected[n] = i;
        paths[n++] = docker_path(p->a, s->o.id, "/json");
    }
    if (engine_get_each(p->dk->en, paths, n, on_inspected, p, &p->d, e) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct seen *s = &p->seen.v[p->inspected[i]];
        if (!s->gone && s->o.state == RUN_RUNNING) {
            busy[n_busy] = &s->o;
            execs[n_busy++] = s->execs;
        }
    }
    return docker_count_busy(p->dk, p->a, busy, execs, n_busy, &p->d, e);
}

/* --- the whole ---------------------------------------------------------------------------------------------------------------
 */

static void remember(struct pass *p, struct seen *s)
{
    struct field_change *changes;
    if (s->gone || s->o.ownership == OWN_FOREIGN || !s->digest)
        return;
    if (!s->inspect) {
        /* Proved: what it shows is what is wanted. To be said where the hash alone would say something else. */
        if (!text_eq(s->o.config_hash, s->want->config_hash)) {
            s->o.fields = s->want->fields;
            s->o.fields_known = true;
        }
    } else if (fields_diff(p->a, s->want->fields, s->o.fields, &changes) > 0) {
        return;
    }
    docker_memo_keep(p->memo, p->a, s->o.id, s->digest);
}

static int observe(struct pass *p, struct observation *ret, struct err *e)
{
    int64_t begun_ms = deadline_now_ms();
    if (engine_list(p->dk->en, "/containers/json?all=1", ENGINE_ARRAY, on_listed, p, &p->d, e) < 0)
        return -1;
    int64_t elapsed_ms = deadline_now_ms() - begun_ms;
    if (docker_greet(p->dk, &p->d, e) < 0)
        return -1;
    if (docker_memo_prove(p->memo, p->dk, p->a, p->req->now_ms, elapsed_ms, &p->d, e) < 0 || find_images(p, e) < 0 ||
        inspect(p, e) < 0 || inspect_mounts(p, e) < 0)
        return -1;
    struct observation o = {.endpoint = arena_strdup(p->a, p->dk->endpoint),
                            .ok = true,
                            .images = p->images,
                            .n_images = p->req->n_images,
                            .mounts_known = p->req->mounts,
                            .mounts = p->mounts.v,
                            .n_mounts = p->mounts.n};
    o.v = ARENA_ARRAY(p->a, struct observed, p->seen.n);
    for (size_t i = 0; i < p->seen.n; i++) {
        remember(p, &p->seen.v[i]);
        if (!p->seen.v[i].gone)
            o.v[o.n++] = p->seen.v[i].o;
    }
    o.memo = docker_memo_write(p->memo, p->a);
    *ret = o;
    return 0;
}

int docker_observe(struct backend *b, struct arena *a, const struct observe_req *req, const struct call *c,
                   struct observation *ret, struct err *e)
{
    struct pass p = {.dk = (struct docker *)b, .a = a, .req = req, .d = deadline_start(c)};
    p.wanted = ARENA_ARRAY(a, const struct desired *, req->n_desired);
    for (size_t i = 0; i < req->n_desired; i++)
        p.wanted[i] = &req->desired[i];
    if (req->n_desired)
        qsort(p.wanted, req->n_desired, sizeof *p.wanted, wanted_cmp);
    p.images = ARENA_ARRAY(a, struct image_state, req->n_images);
    p.doubtful = ARENA_ARRAY(a, bool, req->n_images);
    for (size_t i = 0; i < req->n_images; i++)
        p.images[i].ref = req->images[i];
    p.memo = docker_memo_read(a, req->deep ? NULL : req->memo);
    return observe(&p, ret, e);
}
