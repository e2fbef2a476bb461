#include "backends/ssh_backend.h"

#include "spec/base/path.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TOPS 256
#define MAX_NAME 190 /* a leftover has a longer one */

/* --- open, close ---------------------------------------------------------------------------------------------------------------
 */

void ssh_learn(struct ssh_backend *b, const char *workspace_root)
{
    if (!workspace_root || workspace_root[0] != '/' || b->tops.n >= MAX_TOPS)
        return;
    const char *top = path_resolve(b->a, "/", workspace_root);
    for (size_t i = 0; i < b->tops.n; i++)
        if (text_eq(b->tops.v[i], top))
            return;
    VEC_PUSH(b->a, &b->tops, top);
}

void ssh_learn_desired(struct ssh_backend *b, const struct desired *d)
{
    if (d && text_eq(d->endpoint, b->endpoint))
        ssh_learn(b, node_str(node_get(d->create, "workspaceRoot")));
}

static void handle_close(struct backend *handle)
{
    struct ssh_backend *b = (struct ssh_backend *)handle;
    if (!b)
        return;
    ssh_link_free(b->link);
    arena_free(b->a);
    free(b);
}

static int handle_open(const struct backend_conf *conf, struct backend **ret, struct err *e)
{
    struct ssh_backend *b = calloc(1, sizeof *b);
    if (!b)
        abort();
    b->ops = &ssh_ops;
    b->a = arena_new();
    b->endpoint = arena_strdup(b->a, conf->endpoint);
    b->install = arena_strdup(b->a, conf->install ? conf->install : "-");
    if (ssh_link_new(node_get(conf->options, "connections"), conf->state_dir, &b->link, e) < 0) {
        handle_close((struct backend *)b);
        return err_wrap(e, "endpoint '%s'", conf->endpoint);
    }
    const struct node *tops = node_get(conf->options, "workspaceRoots");
    for (size_t i = 0; node_is(tops, NODE_ARRAY) && i < tops->n_items; i++)
        ssh_learn(b, node_str(tops->items[i]));
    *ret = (struct backend *)b;
    return 0;
}

const char *ssh_backend_host_key(const struct backend *b)
{
    return ssh_link_host_key(((const struct ssh_backend *)b)->link);
}

/* --- probe ---------------------------------------------------------------------------------------------------------------------
 */

static int handle_probe(struct backend *handle, const struct call *c, struct backend_info *ret, struct err *e)
{
    static const char body[] =
        "for x in mkdir mv rm find stat tar sha256sum ls cat;do command -v $x >/dev/null 2>&1||out \"m $x\";done\n"
        "stat -c %d / >/dev/null 2>&1||out 'm stat -c'\n"
        "ls -l /proc/self/cwd >/dev/null 2>&1||out p";
    struct ssh_backend *b = (struct ssh_backend *)handle;
    ARENA_AUTO a = arena_new();
    struct deadline d = deadline_start(c);
    struct ssh_reply r;
    BUF_AUTO missing = BUF_INIT(sizeof ret->remark - 1);
    if (ssh_script_run(b->link, a, &(struct ssh_script){.body = body, .what = "probing"}, &d, &r, e) < 0)
        return -1;
    bool proc = true;
    for (size_t i = 0; i < r.n; i++) {
        if (text_has_prefix(r.lines[i], "m "))
            buf_printf(&missing, "%s%s", missing.n > 0 ? ", " : "missing there: ", r.lines[i] + 2);
        proc = proc && !text_eq(r.lines[i], "p");
    }
    if (!proc)
        buf_printf(&missing, "%sno /proc: whether a tree is in use is not known", missing.n > 0 ? "; " : "");
    if (ssh_link_passed(b->link)[0])
        buf_printf(&missing, "%sreached only by other settings of the same host: %s", missing.n > 0 ? "; " : "",
                   ssh_link_passed(b->link));
    *ret = (struct backend_info){.api = "2.0"};
    (void)strncpy(ret->version, ssh_link_server(b->link), sizeof ret->version - 1);
    (void)strncpy(ret->remark, buf_str(&missing), sizeof ret->remark - 1);
    return 0;
}

/* --- what is seen --------------------------------------------------------------------------------------------------------------
 */

static struct fields with(struct arena *a, struct fields f, const char *name, const char *value)
{
    struct field *v = ARENA_ARRAY(a, struct field, f.n + 1);
    if (f.n > 0)
        memcpy(v, f.v, f.n * sizeof *v);
    v[f.n] = (struct field){.name = name, .value = value, .class = FIELD_RECREATE};
    return fields_make(a, v, f.n + 1);
}

static const char *target_of(const struct ssh_backend *b)
{
    const char *target = strchr(b->endpoint, ':');
    return target ? target + 1 : "";
}

static void understand_root(struct ssh_backend *b, struct arena *a, struct ssh_tree *t)
{
    const struct ssh_seen *s = t->seen;
    bool empty = s->n_entries == 0 && !s->manifest;
    t->o.kind = RUNTIME_CONTAINER;
    t->o.id = s->kind == SSH_DIR || !text_eq(s->dev_ino, "0:0") ? arena_printf(a, "inode:%s", s->dev_ino)
                                                                : arena_printf(a, "path:%s", s->path);
    if (s->kind != SSH_DIR) {
        t->o.state = RUN_UNKNOWN;
    } else if (t->owned) {
        bool ours = text_eq(t->owner.install, b->install);
        t->o.ownership = ours ? OWN_OURS : OWN_FOREIGN;
        t->o.id = t->owner.id;
        t->o.kind = t->owner.kind;
        t->o.install = t->owner.install;
        t->o.owner = t->owner.owner;
        t->o.scope_key = t->owner.scope_key;
        t->o.config_hash = t->owner.config_hash;
        t->o.created_at_ms = t->owner.created_at_ms;
        t->o.state = empty ? RUN_STOPPED : RUN_RUNNING;
        t->o.fields_known = true;
        t->o.fields = with(a, t->owner.fields, REMOTE_SEED_STATE, empty ? REMOTE_SEED_EMPTY : "whole");
        t->o.fields = with(a, t->o.fields, "ssh.workspaceRoot", t->top);
        t->o.fields = with(a, t->o.fields, "ssh.target", target_of(b)); /* by whichever name it was made: it is seen here */
    } else if (!s->owner && text_has_prefix(t->name, "openclaw-ssh-")) {
        t->o.ownership = OWN_OPENCLAW;
        t->o.state = empty ? RUN_STOPPED : RUN_RUNNING;
        t->o.fields_known = true;
        t->o.fields = with(a, t->o.fields, REMOTE_SEED_STATE, empty ? REMOTE_SEED_EMPTY : "whole");
        t->o.fields = with(a, t->o.fields, "ssh.workspaceRoot", t->top);
    } else {
        t->o.state = s->owner ? RUN_UNKNOWN : RUN_RUNNING; /* an owner.json that is damaged says nothing */
    }
}

/* By its name alone, and as if there were nothing in it: see ssh.h. */
static void understand_leftover(struct ssh_backend *b, struct arena *a, const struct ssh_leftover *l, struct ssh_tree *t)
{
    t->o.id = l->id;
    t->o.kind = t->owned ? t->owner.kind : text_has_prefix(l->name, "openclaw-ssh-") ? RUNTIME_CONTAINER : RUNTIME_SANDBOX;
    t->o.install = l->install;
    t->o.ownership = t->seen->kind == SSH_DIR && text_eq(l->install, b->install) ? OWN_OURS : OWN_FOREIGN;
    t->o.state = RUN_STOPPED;
    t->o.content_known = true;
    t->o.n_entries = t->o.content_bytes = 0;
    t->o.changed_at_ms = TIME_NONE;
    t->o.content_stamp = NULL;
    t->o.fields_known = true;
    t->o.fields = with(a, (struct fields){0}, REMOTE_UNFINISHED, l->removal ? "removal" : "seed");
}

static void understand(struct ssh_backend *b, struct arena *a, const struct ssh_view *view, const struct ssh_seen *s,
                       struct ssh_tree *t)
{
    struct err aside;
    const char *file = strrchr(s->path, '/') + 1;
    *t = (struct ssh_tree){.seen = s, .top = path_dirname(a, s->path), .name = file};
    struct ssh_leftover l = {0};
    t->leftover = ssh_leftover_decode(a, file, &l);
    t->removal = l.removal;
    t->name = t->leftover ? l.name : file;
    t->owned = s->kind == SSH_DIR && s->owner && ssh_owner_decode(a, s->owner, &t->owner, &aside) == 0 &&
               text_eq(t->owner.name, t->name);
    t->o = (struct observed){.endpoint = arena_strdup(a, b->endpoint), /* the handle goes before what it showed */
                             .name = t->name,
                             .root = s->path,
                             .ownership = OWN_FOREIGN,
                             .created_at_ms = TIME_NONE,
                             .busy = s->busy,
                             .busy_known = view->busy_known,
                             .content_known = s->measured,
                             .n_entries = s->n_entries,
                             .content_bytes = s->bytes,
                             .changed_at_ms = s->measured && s->changed_s > 0 ? s->changed_s * 1000 : TIME_NONE,
                             .content_stamp = s->stamp};
    if (t->leftover)
        understand_leftover(b, a, &l, t);
    else
        understand_root(b, a, t);
}

static void count_leftovers(struct arena *a, struct ssh_trees *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct ssh_tree *root = &t->v[i];
        unsigned n = 0;
        for (size_t j = 0; !root->leftover && root->o.fields_known && j < t->n; j++)
            n += ssh_is_leftover_of(&t->v[j], root->top, root->name);
        if (n == 0)
            continue;
        struct field *v = ARENA_ARRAY(a, struct field, root->o.fields.n + 1);
        memcpy(v, root->o.fields.v, root->o.fields.n * sizeof *v);
        v[root->o.fields.n] = (struct field){.name = SSH_LEFTOVERS, .value = arena_printf(a, "%u", n), .class = FIELD_PATCH};
        root->o.fields = fields_make(a, v, root->o.fields.n + 1);
    }
}

int ssh_trees_take(struct ssh_backend *b, struct arena *a, const char *const *paths, size_t n_paths, bool measure,
                   const struct deadline *d, struct ssh_trees *ret, struct err *e)
{
    struct ssh_trees t = {0};
    if (ssh_view_take(b->link, a, b->tops.v, b->tops.n, paths, n_paths, measure, d, &t.view, e) < 0)
        return -1;
    t.v = ARENA_ARRAY(a, struct ssh_tree, t.view.n);
    for (size_t i = 0; i < t.view.n; i++)
        if (t.view.v[i].kind != SSH_ABSENT)
            understand(b, a, &t.view, &t.view.v[i], &t.v[t.n++]);
    count_leftovers(a, &t);
    *ret = t;
    return 0;
}

bool ssh_is_leftover_of(const struct ssh_tree *t, const char *top, const char *name)
{
    return t->leftover && t->o.ownership == OWN_OURS && text_eq(t->top, top) && text_eq(t->name, name);
}

const struct ssh_tree *ssh_trees_by_id(const struct ssh_trees *t, const char *id)
{
    for (size_t i = 0; i < t->n; i++)
        if (text_eq(t->v[i].o.id, id) && (!t->v[i].leftover || t->v[i].o.ownership == OWN_OURS))
            return &t->v[i];
    return NULL;
}

const struct ssh_tree *ssh_trees_at(const struct ssh_trees *t, const char *path)
{
    for (size_t i = 0; i < t->n; i++)
        if (text_eq(t->v[i].seen->path, path))
            return &t->v[i];
    return NULL;
}

static bool has_root(const struct ssh_trees *t, const struct ssh_tree *leftover)
{
    for (size_t i = 0; i < t->n; i++)
        if (!t->v[i].leftover && text_eq(t->v[i].top, leftover->top) && text_eq(t->v[i].name, leftover->name))
            return true;
    return false;
}

/* What a reseed that was cut between its two renames leaves are two of one name: one of them stands for both. */
static bool is_second(const struct ssh_trees *t, const struct ssh_tree *leftover)
{
    for (const struct ssh_tree *x = t->v; leftover->leftover && x < leftover; x++)
        if (ssh_is_leftover_of(x, leftover->top, leftover->name))
            return true;
    return false;
}

static bool is_listed(const struct ssh_trees *t, const struct ssh_tree *x, bool wanted)
{
    if (x->leftover)
        return x->o.ownership == OWN_OURS && !has_root(t, x);
    return x->o.ownership != OWN_FOREIGN || wanted;
}

/* Of a tree that OpenClaw seeded only the place is known: what else is wanted of it is taken to be so. */
static struct fields settle(struct arena *a, const struct ssh_tree *t, const struct desired *want)
{
    struct fields f = t->o.fields;
    for (size_t i = 0; want && t->o.ownership == OWN_OPENCLAW && i < want->fields.n; i++)
        if (!fields_get(f, want->fields.v[i].name))
            f = with(a, f, want->fields.v[i].name, want->fields.v[i].value);
    return f;
}

static const char *wanted_root(const struct desired *d)
{
    return node_str(node_get(d->create, "root"));
}

static int handle_observe(struct backend *handle, struct arena *a, const struct observe_req *req, const struct call *c,
                          struct observation *ret, struct err *e)
{
    struct ssh_backend *b = (struct ssh_backend *)handle;
    struct deadline d = deadline_start(c);
    struct ssh_trees t;
    VEC(const char *) paths = {0};
    VEC(struct observed) all = {0};
    for (size_t i = 0; i < req->n_desired; i++) {
        ssh_learn_desired(b, &req->desired[i]);
        if (text_eq(req->desired[i].endpoint, b->endpoint) && wanted_root(&req->desired[i]))
            VEC_PUSH(a, &paths, wanted_root(&req->desired[i]));
    }
    for (size_t i = 0; i < req->n_records; i++) {
        const char *root = node_str(node_get(req->records[i].backend_target, "root"));
        if (!text_eq(req->records[i].endpoint, b->endpoint) || !root || root[0] != '/')
            continue;
        ssh_learn(b, path_dirname(a, root));
        VEC_PUSH(a, &paths, root);
        const struct node *left = node_get(req->records[i].backend_target, "left");
        for (size_t k = 0; node_is(left, NODE_ARRAY) && k < left->n_items; k++) {
            const char *other = node_str(left->items[k]);
            if (!other || other[0] != '/')
                continue;
            ssh_learn(b, path_dirname(a, other));
            VEC_PUSH(a, &paths, other);
        }
    }
    if (ssh_trees_take(b, a, paths.v, paths.n, true, &d, &t, e) < 0)
        return -1;
    for (size_t i = 0; i < t.n; i++) {
        const struct desired *want = NULL;
        bool wanted = false;
        for (size_t j = 0; j < paths.n; j++)
            wanted = wanted || text_eq(paths.v[j], t.v[i].seen->path);
        for (size_t j = 0; j < req->n_desired && !want; j++)
            if (text_eq(req->desired[j].endpoint, b->endpoint) && text_eq(wanted_root(&req->desired[j]), t.v[i].seen->path))
                want = &req->desired[j];
        if (!is_listed(&t, &t.v[i], wanted) || is_second(&t, &t.v[i]))
            continue;
        struct observed o = t.v[i].o;
        o.fields = settle(a, &t.v[i], want);
        VEC_PUSH(a, &all, o);
    }
    *ret = (struct observation){.endpoint = arena_strdup(a, b->endpoint), .ok = true, .v = all.v, .n = all.n};
    const char *key = ssh_link_host_key(b->link);
    ret->host_key = *key ? arena_strdup(a, key) : NULL;
    if (req->n_images > 0) {
        ret->images = ARENA_ARRAY(a, struct image_state, req->n_images);
        ret->n_images = req->n_images;
        for (size_t i = 0; i < req->n_images; i++)
            ret->images[i] = (struct image_state){.ref = req->images[i]};
    }
    return 0;
}

static const char *root_in(struct arena *a, const char *top, const char *name)
{
    return arena_printf(a, "%s/%s", text_eq(top, "/") ? "" : top, name);
}

static int no_roots(const struct ssh_backend *b, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, 0, "endpoint '%s': no workspace root is known, so nothing can be looked for", b->endpoint);
}

/* Where a runtime of this name would stand, in each of the roots. */
static const char *const *places(struct ssh_backend *b, struct arena *a, const char *name)
{
    const char **v = ARENA_ARRAY(a, const char *, b->tops.n + 1);
    for (size_t i = 0; i < b->tops.n; i++)
        v[i] = root_in(a, b->tops.v[i], name);
    return v;
}

static int handle_look(struct backend *handle, struct arena *a, const char *id, const char *name, const struct call *c,
                       struct observed *ret, struct err *e)
{
    struct ssh_backend *b = (struct ssh_backend *)handle;
    struct deadline d = deadline_start(c);
    struct ssh_trees t;
    const struct ssh_tree *hit = NULL;
    if (b->tops.n == 0)
        return no_roots(b, e);
    if (ssh_trees_take(b, a, name ? places(b, a, name) : NULL, name ? b->tops.n : 0, true, &d, &t, e) < 0)
        return -1;
    for (size_t i = 0; i < t.n && !hit; i++)
        if (is_listed(&t, &t.v[i], true) && (id ? text_eq(t.v[i].o.id, id) : text_eq(t.v[i].name, name)))
            hit = &t.v[i];
    *ret =
        hit ? hit->o : (struct observed){.endpoint = arena_strdup(a, b->endpoint), .name = name, .id = id, .state = RUN_ABSENT};
    return 0;
}

/* --- check ---------------------------------------------------------------------------------------------------------------------
 */

static bool is_plain_path(const char *s)
{
    if (!s || s[0] != '/' || strlen(s) > 3000)
        return false;
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f || (*p == '/' && (p[1] == '/' || !p[1])) ||
            (*p == '/' && p[1] == '.' && (p[2] == '/' || !p[2] || (p[2] == '.' && (p[3] == '/' || !p[3])))))
            return p == s && !s[1];
    return true;
}

static bool is_variable(const char *s)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    return *s && strchr(letters, *s) &&
           strspn(s + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") == strlen(s + 1);
}

static int check_dirs(const struct node *dirs, struct buf *names, struct err *e)
{
    if (!node_is(dirs, NODE_ARRAY) || dirs->n_items == 0)
        return err_set(e, ERR_CONFIG, 0, "dirs: a tree on another host needs at least one directory");
    for (size_t i = 0; i < dirs->n_items; i++) {
        const char *name = node_str(node_get(dirs->items[i], "name")), *local = node_str(node_get(dirs->items[i], "local"));
        if (!text_eq(name, "workspace") && !text_eq(name, "agent"))
            return err_set(e, ERR_CONFIG, 0, "dirs: '%s': workspace and agent are what there can be", name ? name : "");
        if (!local || local[0] != '/')
            return err_set(e, ERR_CONFIG, 0, "dirs: '%s' needs an absolute local directory", name);
        if (strstr(buf_str(names), name))
            return err_set(e, ERR_CONFIG, 0, "dirs: '%s' is named twice", name);
        buf_printf(names, "%s%s", names->n > 0 ? "," : "", name);
    }
    return 0;
}

static int handle_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    const char *root = wanted_root(d), *top = node_str(node_get(d->create, "workspaceRoot"));
    const struct node *env = node_get(d->create, "env"), *connection = node_get(d->create, "connection");
    struct ssh_settings settings;
    BUF_AUTO names = BUF_INIT(64);
    if (!d->name || !*d->name || d->name[0] == '.' || strlen(d->name) > MAX_NAME || strchr(d->name, '/') ||
        !is_plain_path(arena_printf(a, "/%s", d->name)))
        return err_set(e, ERR_CONFIG, 0, "name: '%s' is no name for a directory", d->name ? d->name : "");
    if (!is_plain_path(top))
        return err_set(e, ERR_CONFIG, 0, "workspaceRoot: an absolute path without '.' and '..' is wanted");
    if (!text_eq(root, root_in(a, top, d->name)))
        return err_set(e, ERR_CONFIG, 0, "root: it must be '%s'", root_in(a, top, d->name));
    if (d->want == WANT_STOPPED)
        return err_set(e, ERR_CONFIG, 0, "state: a directory on another host does not run, and cannot be stopped");
    if (check_dirs(node_get(d->create, "dirs"), &names, e) < 0)
        return -1;
    if (connection && ssh_settings_read(a, connection, &settings, e) < 0)
        return -1;
    for (size_t i = 0; node_is(env, NODE_OBJECT) && i < env->n_members; i++)
        if (!is_variable(env->members[i].key) || !node_is(env->members[i].value, NODE_STRING) ||
            strlen(env->members[i].value->s) != env->members[i].value->s_n)
            return err_set(e, ERR_CONFIG, 0, "env: '%s' cannot be a variable of a shell", env->members[i].key);
    const struct node *seed = node_get(d->create, "seed");
    const char *policy = node_str(node_get(seed, "policy")), *from = node_str(node_get(seed, "from"));
    const char *target = strchr(d->endpoint, ':');
    struct field v[] = {
        {.name = "ssh.target", .value = target ? arena_strdup(a, target + 1) : "", .class = FIELD_RECREATE},
        {.name = "ssh.workspaceRoot", .value = arena_strdup(a, top), .class = FIELD_RECREATE},
        {.name = "ssh.dirs", .value = arena_strdup(a, buf_str(&names)), .class = FIELD_RECREATE},
        {.name = REMOTE_SEED_STATE, .value = "whole", .class = FIELD_RECREATE},
        {.name = "seed.policy", .value = policy ? arena_strdup(a, policy) : "once", .class = FIELD_PATCH},
        {.name = "seed.from", .value = from ? arena_strdup(a, from) : "snapshot", .class = FIELD_PATCH},
    };
    *ret = fields_make(a, memcpy(ARENA_ARRAY(a, struct field, sizeof v / sizeof *v), v, sizeof v), sizeof v / sizeof *v);
    return 0;
}

/* --- acts and commands ---------------------------------------------------------------------------------------------------------
 */

static int handle_apply(struct backend *handle, struct arena *a, const struct backend_act *act, const struct call *c,
                        struct act_result *ret, struct err *e)
{
    struct ssh_backend *b = (struct ssh_backend *)handle;
    struct deadline d = deadline_start(c);
    struct observed o;
    int ms;
    if (deadline_slice(&d, "changing a tree", &ms, e) < 0)
        return -1;
    ssh_learn_desired(b, act->want);
    switch (act->step) {
    case STEP_CREATE:
        return ssh_create(b, a, act, &d, ret, e);
    case STEP_REMOVE:
        return b->tops.n == 0 ? no_roots(b, e) : ssh_remove(b, a, act, &d, e);
    case STEP_PATCH:
        return ssh_patch(b, a, act, &d, e);
    case STEP_START:
    case STEP_STOP:
    case STEP_COUNT:
        break;
    }
    if (handle_look(handle, a, act->id, act->name, c, &o, e) < 0)
        return -1;
    if (o.state == RUN_ABSENT)
        return err_set(e, ERR_NOT_FOUND, 0, "'%s' is not there", act->name);
    if (ssh_expected(&o, act->expect, e) < 0)
        return -1;
    if (act->step == STEP_STOP)
        return err_set(e, ERR_UNSUPPORTED, 0, "a directory on another host does not run, and cannot be stopped");
    return 0;
}

/* What shows, without another look, that the tree is the one that is meant. */
static const char *proof_of(struct arena *a, const char *id)
{
    if (!id)
        return NULL;
    BUF_AUTO b = BUF_INIT(512);
    if (text_has_prefix(id, "inode:")) {
        buf_puts(&b, "[ \"$(stat -c %d:%i \"$R\")\" = ");
        ssh_quote(&b, id + 6);
        buf_puts(&b, " ]");
    } else {
        buf_puts(&b, "{ l=;IFS= read -r l <\"$R/.reconclaw/owner.json\";case $l in ");
        ssh_quote(&b, arena_printf(a, "{\"id\":\"%s\",", id));
        buf_puts(&b, "*);;*)false;;esac;} 2>/dev/null");
    }
    return arena_strdup(a, buf_str(&b));
}

/* In the first of the roots that has it. */
static int run_in(struct ssh_backend *b, struct arena *a, const char *id, const char *name, struct ssh_command *command,
                  const char *workdir, const struct deadline *d, int *ret_status, struct err *e)
{
    if (b->tops.n == 0)
        return no_roots(b, e);
    int r = -1;
    for (size_t i = 0; i < b->tops.n; i++) {
        command->root = root_in(a, b->tops.v[i], name);
        command->proof = proof_of(a, id);
        command->workdir = workdir ? workdir : arena_printf(a, "%s/workspace", command->root);
        r = ssh_command_run(b->link, command, d, ret_status, e);
        if (r == 0 || e->class != ERR_NOT_FOUND)
            break;
    }
    return r;
}

static int handle_exec(struct backend *handle, const struct exec_req *req, const struct call *c, int *ret_status, struct err *e)
{
    struct ssh_backend *b = (struct ssh_backend *)handle;
    ARENA_AUTO a = arena_new();
    struct deadline d = deadline_start(c);
    int ms;
    struct ssh_command command = {.argv = req->argv,
                                  .env = req->want ? node_get(req->want->create, "env") : NULL,
                                  .fd_in = req->fd_in,
                                  .fd_out = req->fd_out,
                                  .fd_err = req->fd_err,
                                  .tty = req->tty};
    ssh_learn_desired(b, req->want);
    if (deadline_slice(&d, "running a command", &ms, e) < 0)
        return -1;
    return run_in(b, a, req->id, req->name, &command, req->workdir, &d, ret_status, e);
}

struct saving {
    int (*write)(void *ctx, const void *p, size_t n, struct err *e);
    void *ctx;
    struct buf said;
};

static int save_some(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    struct saving *x = ctx;
    if (stream == 1)
        return x->write(x->ctx, p, n, e);
    size_t room = x->said.max - x->said.n;
    buf_put(&x->said, p, n < room ? n : room);
    return 0;
}

static int handle_save(struct backend *handle, const char *id, const char *name,
                       int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, const struct call *c,
                       struct err *e)
{
    /* Those of the two that are there; tar's own status tells whether all of it was read. */
    static const char *const argv[] = {
        "/bin/sh", "-c", "set --;for x in workspace agent;do [ ! -d $x ]||set -- \"$@\" $x;done;exec tar -c -f - \"$@\"", NULL};
    struct ssh_backend *b = (struct ssh_backend *)handle;
    ARENA_AUTO a = arena_new();
    struct deadline d = deadline_start(c);
    struct saving x = {.write = write, .ctx = ctx, .said = BUF_INIT(SSH_COMPLAINT)};
    struct ssh_command command = {.argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1, .sink = save_some, .sink_ctx = &x};
    int status = 0, r = run_in(b, a, id, name, &command, ".", &d, &status, e);
    if (r == 0 && status != 0)
        r = err_set(e, ERR_INTERNAL, status, "saving '%s': tar: exit status %d: %s", name, status, buf_str(&x.said));
    buf_free(&x.said);
    return r;
}

const struct backend_ops ssh_ops = {
    .name = "ssh",
    .open = handle_open,
    .probe = handle_probe,
    .observe = handle_observe,
    .look = handle_look,
    .check = handle_check,
    .apply = handle_apply,
    .exec = handle_exec,
    .save = handle_save,
    .close = handle_close,
};
