#include "reconciler/reach.h"

#include "reconciler/openshell_options.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/fingerprint.h"
#include "spec/openclaw/ssh.h"
#include "spec/ssh_name.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* --- settings -------------------------------------------------------------------------------------------------------------- */

struct setting {
    struct node *node;
    const char *print;
    bool wanted, strict;
};

/* What an endpoint of OpenShell's is told besides: texts of what is wanted or recorded there. The default is none of them. */
static const struct {
    const char *key, *otherwise;
} shell_keys[] = {{"command", "openshell"}, {"remoteWorkspaceDir", "/sandbox"}, {"remoteAgentWorkspaceDir", "/agent"}};
#define N_SHELL_KEYS (sizeof shell_keys / sizeof *shell_keys)

/* One endpoint. */
struct host_way {
    const char *endpoint;
    struct {
        const char *text; /* NULL: the default */
        bool wanted;      /* the default too */
    } shell[N_SHELL_KEYS];
    VEC(struct setting) settings;
    VEC(const char *) roots;
    struct node *options;
    const char *print; /* of the settings: under another one a session is not kept */
};

struct handle {
    struct backend *b; /* dereferenced only while it is idle: who has it may have closed it */
    char *endpoint, *print;
    bool idle;
};

struct reach {
    pthread_mutex_t mutex;
    struct arena *a;          /* of all below, but handles */
    const char *agent_socket; /* SSH_AUTH_SOCK, or NULL */
    VEC(struct host_way) ways;
    struct handle *handles;
    size_t n_handles;
};

static bool is_ours(const char *endpoint)
{
    return text_has_prefix(endpoint, "ssh:");
}

static bool is_shell(const char *endpoint)
{
    return strcmp(endpoint, "openshell") == 0 || text_has_prefix(endpoint, "openshell:");
}

bool reach_is_for(const char *endpoint)
{
    return is_ours(endpoint) || is_shell(endpoint);
}

/* Every text in it that is secret, and ours alone. */
static void wipe(const struct node *n)
{
    for (size_t i = 0; n && n->kind == NODE_ARRAY && i < n->n_items; i++)
        wipe(n->items[i]);
    for (size_t i = 0; n && n->kind == NODE_OBJECT && i < n->n_members; i++)
        wipe(n->members[i].value);
    if (n && n->kind == NODE_STRING && n->secret)
        explicit_bzero((char *)n->s, n->s_n);
}

static struct host_way *find_way(struct reach *r, const char *endpoint)
{
    for (size_t i = 0; i < r->ways.n; i++)
        if (strcmp(r->ways.v[i].endpoint, endpoint) == 0)
            return &r->ways.v[i];
    return NULL;
}

static struct host_way *way_of(struct reach *r, const char *endpoint)
{
    struct host_way *w = find_way(r, endpoint);

    if (w)
        return w;
    VEC_PUSH(r->a, &r->ways, ((struct host_way){.endpoint = arena_strdup(r->a, endpoint)}));
    return &r->ways.v[r->ways.n - 1];
}

static void add_root(struct reach *r, struct host_way *w, const char *root)
{
    if (!root || root[0] != '/')
        return;
    for (size_t i = 0; i < w->roots.n; i++)
        if (strcmp(w->roots.v[i], root) == 0)
            return;
    VEC_PUSH(r->a, &w->roots, arena_strdup(r->a, root));
}

static void add_setting(struct reach *r, struct host_way *w, const struct node *connection, bool wanted)
{
    struct setting s = {.wanted = wanted};
    const struct node *strict = node_get(connection, "strictHostKeyChecking");
    struct node *own;

    if (!node_is(connection, NODE_OBJECT))
        return;
    own = node_copy(r->a, connection);
    if (!node_get(own, "agentSocket"))
        node_set_text(r->a, own, "agentSocket", r->agent_socket);
    s.print = fingerprint_of(r->a, own);
    s.node = own;
    for (size_t i = 0; i < w->settings.n; i++)
        if (strcmp(w->settings.v[i].print, s.print) == 0) {
            wipe(own);
            return;
        }
    s.strict = !node_is(strict, NODE_BOOL) || strict->b;
    VEC_PUSH(r->a, &w->settings, s);
}

/* What is wanted comes before what is recorded; where that differs, the first in byte order: in the order of no spec. */
static void add_shell(struct reach *r, struct host_way *w, const struct node *from, bool wanted)
{
    for (size_t i = 0; i < N_SHELL_KEYS; i++) {
        const char *text = node_str(node_get(from, shell_keys[i].key));

        if (!text || (w->shell[i].wanted && !wanted))
            continue;
        w->shell[i].wanted = wanted;
        if (strcmp(text, shell_keys[i].otherwise) != 0 && (!w->shell[i].text || strcmp(text, w->shell[i].text) < 0))
            w->shell[i].text = arena_strdup(r->a, text);
    }
}

static void settle_shell(struct reach *r, struct host_way *w, const struct host *host)
{
    w->options = openshell_options(r->a, host, w->shell[0].text);
    for (size_t i = 1; i < N_SHELL_KEYS; i++)
        node_set_text(r->a, w->options, shell_keys[i].key, w->shell[i].text);
    w->print = fingerprint_of(r->a, w->options);
}

/* As OpenClaw names it, and as the owner of a `kind: Sandbox` does ("ssh://..."), who has a config for it. */
static struct node *by_name(struct arena *a, const char *endpoint, const char *user)
{
    const char *text = endpoint + strlen("ssh:");
    bool is_users = text_has_prefix(text, "//");
    struct node *c = node_object(a);
    struct oc_ssh_address address = {0};
    struct ssh_name name;
    struct err e = {0};

    if (is_users && ssh_name_read(a, text + 2, &name, &e) == 0)
        address = (struct oc_ssh_address){.user = name.user, .host = name.host, .port = name.port};
    else if (is_users || oc_ssh_address(a, NULL, text, user ? user : "", &address, &e) < 0)
        return NULL;
    node_set_text(a, c, "user", address.user);
    node_set_text(a, c, "host", address.host);
    if (address.port > 0)
        node_set(a, c, "port", node_number(a, address.port));
    node_set(a, c, "userConfig", node_bool(a, is_users));
    node_set(a, c, "strictHostKeyChecking", node_bool(a, true));
    node_set(a, c, "updateHostKeys", node_bool(a, false));
    return c;
}

static int by_trust(const void *px, const void *py)
{
    const struct setting *x = px, *y = py;

    if (x->wanted != y->wanted)
        return x->wanted ? -1 : 1;
    if (x->strict != y->strict)
        return x->strict ? -1 : 1;
    return strcmp(x->print, y->print);
}

static void settle(struct reach *r, struct host_way *w, const char *user)
{
    struct node *connections = node_array(r->a), *roots = node_array(r->a);

    if (w->settings.n == 0)
        add_setting(r, w, by_name(r->a, w->endpoint, user), false);
    if (w->settings.n > 0)
        qsort(w->settings.v, w->settings.n, sizeof *w->settings.v, by_trust);
    for (size_t i = 0; i < w->settings.n; i++)
        node_push(r->a, connections, w->settings.v[i].node);
    for (size_t i = 0; i < w->roots.n; i++)
        node_push(r->a, roots, node_string(r->a, w->roots.v[i]));
    w->print = fingerprint_of(r->a, connections);
    w->options = node_object(r->a);
    node_put(r->a, w->options, "connections", connections);
    node_put(r->a, w->options, "workspaceRoots", roots);
}

/* As its owner reaches the place to which it moves: what is secret stands in no record. */
static void add_mover(struct reach *r, struct host_way *w, const struct record *rec, const struct desired *d, size_t n)
{
    static const char *const where[] = {"user", "host", "port"};
    const struct node *at = node_get(rec->backend_target, "connection");

    for (size_t i = 0; rec->moved_to && node_is(at, NODE_OBJECT) && i < n; i++) {
        const struct node *connection = node_get(d[i].create, "connection");
        struct node *own;

        if (strcmp(d[i].endpoint, rec->moved_to) != 0 || strcmp(d[i].name, rec->name) != 0 || !node_is(connection, NODE_OBJECT))
            continue;
        own = node_copy(r->a, connection);
        for (size_t k = 0; k < sizeof where / sizeof *where; k++) {
            (void)node_unset(own, where[k]);
            if (node_get(at, where[k]))
                node_put(r->a, own, where[k], node_copy(r->a, node_get(at, where[k])));
        }
        add_setting(r, w, own, false);
        wipe(own);
    }
}

/* --- handles --------------------------------------------------------------------------------------------------------------- */

/* Under the mutex. The handle itself is the caller's to close. */
static void drop(struct reach *r, size_t i)
{
    free(r->handles[i].endpoint);
    free(r->handles[i].print);
    r->handles[i] = r->handles[--r->n_handles];
}

/* What is idle and not as it would be opened now. */
static void end_idle(struct reach *r)
{
    for (size_t i = r->n_handles; i-- > 0;) {
        const struct host_way *w = find_way(r, r->handles[i].endpoint);
        struct backend *b = r->handles[i].b;

        if (!r->handles[i].idle || (w && strcmp(w->print, r->handles[i].print) == 0))
            continue;
        drop(r, i);
        b->ops->close(b);
    }
}

static void note(struct reach *r, struct backend *b, const struct host_way *w)
{
    struct handle *bigger, h = {.b = b, .endpoint = strdup(w->endpoint), .print = strdup(w->print)};

    for (size_t i = r->n_handles; i-- > 0;)
        if (r->handles[i].b == b) /* of one that was closed elsewhere */
            drop(r, i);
    bigger = realloc(r->handles, (r->n_handles + 1) * sizeof *bigger);
    if (!bigger || !h.endpoint || !h.print)
        abort();
    r->handles = bigger;
    r->handles[r->n_handles++] = h;
}

int reach_open(struct reach *r, const struct backend_ops *ops, const struct backend_conf *conf, struct backend **ret,
               struct err *e)
{
    struct backend_conf full = *conf;
    const struct host_way *w;
    int code = 0;

    pthread_mutex_lock(&r->mutex);
    w = find_way(r, conf->endpoint);
    if (!w) {
        pthread_mutex_unlock(&r->mutex);
        if (conf->options)
            return ops->open(conf, ret, e);
        return err_set(e, ERR_CONFIG, 0, "nothing tells how it is reached");
    }
    for (size_t i = 0; i < r->n_handles; i++)
        if (r->handles[i].idle && strcmp(r->handles[i].endpoint, w->endpoint) == 0 &&
            strcmp(r->handles[i].print, w->print) == 0) {
            r->handles[i].idle = false;
            *ret = r->handles[i].b;
            pthread_mutex_unlock(&r->mutex);
            return 0;
        }
    full.options = w->options;
    code = ops->open(&full, ret, e); /* sends nothing, and copies what it keeps */
    if (code == 0)
        note(r, *ret, w);
    pthread_mutex_unlock(&r->mutex);
    return code;
}

void reach_close(struct reach *r, struct backend *b)
{
    size_t at = SIZE_MAX;
    bool keep = false;

    if (!b)
        return;
    pthread_mutex_lock(&r->mutex);
    for (size_t i = 0; i < r->n_handles; i++)
        if (r->handles[i].b == b)
            at = i;
    if (at != SIZE_MAX) {
        const struct handle *h = &r->handles[at];
        const struct host_way *w = find_way(r, h->endpoint);

        keep = w && strcmp(w->print, h->print) == 0;
        for (size_t i = 0; i < r->n_handles && keep; i++)
            keep = !r->handles[i].idle || strcmp(r->handles[i].endpoint, h->endpoint) != 0;
        if (keep)
            r->handles[at].idle = true;
        else
            drop(r, at);
    }
    pthread_mutex_unlock(&r->mutex);
    if (!keep)
        b->ops->close(b);
}

/* --- life ------------------------------------------------------------------------------------------------------------------ */

struct reach *reach_new(void)
{
    struct reach *r = calloc(1, sizeof *r);

    if (!r || pthread_mutex_init(&r->mutex, NULL) != 0)
        abort();
    r->a = arena_new();
    return r;
}

static void forget(struct reach *r)
{
    for (size_t i = 0; i < r->ways.n; i++)
        for (size_t k = 0; k < r->ways.v[i].settings.n; k++)
            wipe(r->ways.v[i].settings.v[k].node);
    arena_free(r->a);
    r->a = arena_new();
    memset(&r->ways, 0, sizeof r->ways);
}

void reach_set(struct reach *r, const struct host *host, const struct desired *d, size_t n, const struct record *recs,
               size_t n_recs)
{
    pthread_mutex_lock(&r->mutex);
    forget(r);
    r->agent_socket = arena_strdup(r->a, host_env(host, "SSH_AUTH_SOCK"));
    for (size_t i = 0; i < n; i++) {
        struct host_way *w = reach_is_for(d[i].endpoint) ? way_of(r, d[i].endpoint) : NULL;

        if (w && is_shell(d[i].endpoint))
            add_shell(r, w, d[i].create, true);
        if (!w || is_shell(d[i].endpoint))
            continue;
        add_setting(r, w, node_get(d[i].create, "connection"), true);
        add_root(r, w, node_str(node_get(d[i].create, "workspaceRoot")));
    }
    for (size_t i = 0; i < n_recs; i++) {
        struct host_way *w = reach_is_for(recs[i].endpoint) ? way_of(r, recs[i].endpoint) : NULL;
        const char *root = w ? node_str(node_get(recs[i].backend_target, "root")) : NULL;
        const struct node *left = w ? node_get(recs[i].backend_target, "left") : NULL;

        if (w && is_shell(recs[i].endpoint))
            add_shell(r, w, recs[i].backend_target, false);
        if (!w || is_shell(recs[i].endpoint))
            continue;
        add_setting(r, w, node_get(recs[i].backend_target, "connection"), false);
        add_mover(r, w, &recs[i], d, n);
        if (root && root[0] == '/')
            add_root(r, w, path_dirname(r->a, root));
        for (size_t k = 0; node_is(left, NODE_ARRAY) && k < left->n_items; k++)
            if (node_str(left->items[k]) && node_str(left->items[k])[0] == '/')
                add_root(r, w, path_dirname(r->a, node_str(left->items[k])));
    }
    for (size_t i = 0; i < r->ways.n; i++)
        if (is_shell(r->ways.v[i].endpoint))
            settle_shell(r, &r->ways.v[i], host);
        else
            settle(r, &r->ways.v[i], host->user);
    end_idle(r);
    pthread_mutex_unlock(&r->mutex);
}

void reach_free(struct reach *r)
{
    if (!r)
        return;
    forget(r);
    end_idle(r);
    while (r->n_handles > 0)
        drop(r, 0);
    free(r->handles);
    arena_free(r->a);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}

static bool is_recorded(const char *key)
{
    for (enum oc_ssh_material m = 0; m < OC_SSH_MATERIAL_COUNT; m++)
        if (strcmp(key, oc_ssh_data_key(m)) == 0)
            return false;
    return strcmp(key, "agentSocket") != 0;
}

struct node *reach_place(struct arena *a, const struct desired *d)
{
    static const char *const keys[] = {"root", "workspaceRoot"};
    const struct node *connection = node_get(d->create, "connection");
    struct node *place, *how;

    if (is_shell(d->endpoint)) {
        place = node_object(a);
        for (size_t i = 0; i < N_SHELL_KEYS; i++)
            node_set_text(a, place, shell_keys[i].key, node_str(node_get(d->create, shell_keys[i].key)));
        return place;
    }
    if (!is_ours(d->endpoint) || !node_is(connection, NODE_OBJECT))
        return NULL;
    place = node_object(a);
    how = node_object(a);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        node_set_text(a, place, keys[i], node_str(node_get(d->create, keys[i])));
    for (size_t i = 0; i < connection->n_members; i++)
        if (is_recorded(connection->members[i].key))
            node_put(a, how, connection->members[i].key, node_copy(a, connection->members[i].value));
    node_put(a, place, "connection", how);
    return place;
}

static void add_left(struct arena *a, struct node *list, const struct node *root, const char *at, const char *gone)
{
    const char *path = node_str(root);

    if (!path || text_eq(path, at) || text_eq(path, gone))
        return;
    for (size_t i = 0; i < list->n_items; i++)
        if (text_eq(node_str(list->items[i]), path))
            return;
    node_push(a, list, node_string(a, path));
}

struct node *reach_place_after(struct arena *a, const struct node *place, const struct node *before, const char *gone)
{
    const struct node *was = node_get(before, "left");
    struct node *ret = node_copy(a, place), *left = node_array(a);
    const char *at = node_str(node_get(place, "root"));

    add_left(a, left, node_get(before, "root"), at, gone);
    for (size_t i = 0; node_is(was, NODE_ARRAY) && i < was->n_items; i++)
        add_left(a, left, was->items[i], at, gone);
    (void)node_unset(ret, "left");
    if (left->n_items > 0)
        node_put(a, ret, "left", left);
    return ret;
}

struct node *reach_options(struct reach *r, struct arena *a, const char *endpoint)
{
    struct host_way *w;
    struct node *ret;

    pthread_mutex_lock(&r->mutex);
    w = find_way(r, endpoint);
    ret = w ? node_copy(a, w->options) : NULL;
    pthread_mutex_unlock(&r->mutex);
    return ret;
}
