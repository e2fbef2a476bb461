#include "spec/kinds.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/kinds_table.h"
#include "spec/openclaw/openshell.h"
#include "spec/places.h"
#include "spec/policy.h"
#include "spec/read/json.h"
#include "spec/read/yaml.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA_ID "urn:reconclaw:schema:v1"

/* One document that its table accepts. */
struct document {
    const struct node *root;
    const struct spec_file *file;
};

struct load {
    struct arena *a;
    struct diags *d;
    const char *home;
    VEC(struct document) documents;
    struct node *names; /* "Kind/name" -> a node at the position of the name */
    const struct node *policy;
    struct specs specs;
    VEC(struct openclaw_object) openclaws;
    VEC(struct sandbox_object) sandboxes;
};

const char *sandbox_endpoint_kind(const struct sandbox_object *o)
{
    return o->backend == SANDBOX_DOCKER ? kinds_engine_words[o->engine] : kinds_backend_words[o->backend];
}

const char *sandbox_endpoint(struct arena *a, const struct sandbox_object *o)
{
    if (o->backend == SANDBOX_SSH)
        return ssh_name_endpoint(a, &o->ssh.target);
    if (o->backend == SANDBOX_OPENSHELL)
        return oc_openshell_endpoint(a, o->openshell);
    const char *kind = sandbox_endpoint_kind(o);
    return o->endpoint ? arena_printf(a, "%s:%s", kind, o->endpoint) : kind;
}

const char *sandbox_runtime_name(struct arena *a, const struct sandbox_object *o)
{
    const char *name = arena_printf(a, "reconclaw-%s", o->head.name);
    if (o->backend == SANDBOX_OPENSHELL)
        return arena_printf(a, "rc-%.16s", digest_sha256(a, name, strlen(name)));
    return o->backend == SANDBOX_BUBBLEWRAP ? o->head.name : name;
}

struct node *specs_schema(struct arena *a)
{
    return schema_json(a, &kinds_document, SCHEMA_ID, "reconclaw spec");
}

static const char *pos_text(struct arena *a, struct pos p)
{
    return arena_printf(a, "%s:%u:%u", text_escaped(a, p.file ? p.file : "?"), p.line, p.col);
}

/* --- paths -------------------------------------------------------------------------------------------------------------------
 */

/* Absolute, or NULL after adding an error. */
static const char *local_path(struct load *l, const struct spec_file *f, const struct node *v, const char *key)
{
    if (!v)
        return NULL;
    if (v->s[0] != '~')
        return path_resolve(l->a, f->dir ? f->dir : "/", v->s);
    if (l->home)
        return path_resolve(l->a, l->home, v->s[1] ? v->s + 2 : "");
    diag_error(l->d, v->pos, key, "'~' cannot be expanded: HOME is not known");
    return NULL;
}

static void check_shown(struct load *l, const char *path, struct pos pos, const char *key)
{
    const char *why = places_refuse(l->a, l->home, path);
    if (why)
        diag_error(l->d, pos, key, "%s", why);
}

/* --- Sandbox -------------------------------------------------------------------------------------------------------------------
 */

static void decode_workspaces(struct load *l, const struct spec_file *f, const struct node *list, struct sandbox_object *o)
{
    o->n_workspaces = list ? list->n_items : 0;
    o->workspaces = ARENA_ARRAY(l->a, struct sandbox_workspace, o->n_workspaces);
    for (size_t i = 0; i < o->n_workspaces; i++) {
        const struct node *item = list->items[i], *path = node_get(item, "path"), *read_only = node_get(item, "readOnly");
        const char *target = node_str(node_get(item, "target"));
        const char *key = arena_printf(l->a, "spec.workspaces[%zu].path", i);
        struct sandbox_workspace *w = &o->workspaces[i];
        *w = (struct sandbox_workspace){
            .path = local_path(l, f, path, key),
            /* Of the first; of the others the table asks for one. */
            .target = target                            ? target
                      : o->backend == SANDBOX_OPENSHELL ? "/sandbox"
                                                        : "/workspace",
            .read_only = read_only && read_only->b,
            .pos = path->pos,
        };
        if (!w->path)
            continue;
        check_shown(l, w->path, path->pos, key);
        if (o->backend == SANDBOX_DOCKER && strchr(w->path, ':'))
            diag_error(l->d, path->pos, key, "backend docker cannot mount a directory with ':' in its name");
    }
}

static int env_by_name(const void *a, const void *b)
{
    return text_cmp(((const struct sandbox_env *)a)->name, ((const struct sandbox_env *)b)->name);
}

static struct sandbox_env decode_value(struct load *l, const struct spec_file *f, const struct node_member *m, const char *key)
{
    return (struct sandbox_env){
        .name = m->key,
        .value = node_str(m->value),
        .from_env = node_str(node_get(m->value, "fromEnv")),
        .from_file = local_path(l, f, node_get(m->value, "fromFile"), arena_printf(l->a, "%s.%s.fromFile", key, m->key)),
        .pos = m->value->pos,
    };
}

static void decode_env(struct load *l, const struct spec_file *f, const struct node *map, struct sandbox_object *o)
{
    o->n_env = map ? map->n_members : 0;
    o->env = ARENA_ARRAY(l->a, struct sandbox_env, o->n_env);
    for (size_t i = 0; i < o->n_env; i++)
        o->env[i] = decode_value(l, f, &map->members[i], "spec.env");
    if (o->n_env > 1)
        qsort(o->env, o->n_env, sizeof *o->env, env_by_name);
}

static bool flag_of(const struct node *v, bool otherwise)
{
    return v ? v->b : otherwise;
}

static void decode_ssh(struct load *l, const struct spec_file *f, const struct node *n, struct sandbox_ssh *ret)
{
    static const char *const keys[] = {"identityData", "certificateData", "knownHostsData"};
    struct err impossible = {0};
    if (!n)
        return;
    *ret = (struct sandbox_ssh){
        .workspace_root = node_str(node_get(n, "workspaceRoot")),
        .strict_host_keys = flag_of(node_get(n, "strictHostKeyChecking"), true),
        .update_host_keys = flag_of(node_get(n, "updateHostKeys"), true),
        .identity_file = local_path(l, f, node_get(n, "identityFile"), "spec.ssh.identityFile"),
        .certificate_file = local_path(l, f, node_get(n, "certificateFile"), "spec.ssh.certificateFile"),
        .known_hosts_file = local_path(l, f, node_get(n, "knownHostsFile"), "spec.ssh.knownHostsFile"),
        .data = ARENA_ARRAY(l->a, struct sandbox_env, sizeof keys / sizeof *keys),
    };
    (void)ssh_name_read(l->a, node_get(n, "target")->s, &ret->target, &impossible); /* the table has asked */
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct node_member *m = node_member(n, keys[i], strlen(keys[i]));
        if (m)
            ret->data[ret->n_data++] = decode_value(l, f, m, "spec.ssh");
    }
}

/* OpenClaw's settings, but for the mode: what is in the sandbox is the only copy. */
static const struct node *decode_openshell(struct load *l, const struct spec_file *f, const struct node *n)
{
    const char *policy = local_path(l, f, node_get(n, "policy"), "spec.openshell.policy");
    const struct node *command = node_get(n, "command");
    struct node *s = oc_openshell_defaults(l->a, n);
    int64_t timeout_ms;
    node_set(l->a, s, "mode", node_string(l->a, "remote"));
    if (policy)
        node_set(l->a, s, "policy", node_string(l->a, policy))->value->pos = node_get(n, "policy")->pos;
    if (command && strchr(command->s, '/')) {
        const char *path = local_path(l, f, command, "spec.openshell.command");
        node_set(l->a, s, "command", node_string(l->a, path ? path : ""));
    }
    if (node_get(n, "timeout") && schema_duration_ms(node_get(n, "timeout"), &timeout_ms))
        node_set(l->a, s, "timeoutMs", node_number(l->a, (double)timeout_ms));
    return s;
}

static uint64_t size_of(const struct node *v)
{
    uint64_t bytes = 0;
    return v && schema_size_bytes(v, &bytes) ? bytes : 0;
}

static double number_of(const struct node *v)
{
    return v ? v->num : 0;
}

/* NULL-terminated. */
static const char *const *words_of(struct arena *a, const struct node *list)
{
    if (!list)
        return NULL;
    const char **v = ARENA_ARRAY(a, const char *, list->n_items + 1);
    for (size_t i = 0; i < list->n_items; i++)
        v[i] = list->items[i]->s;
    return v;
}

/* A blank setup is none. */
static const char *setup_of(struct arena *a, const struct node *v)
{
    const char *text = node_str(v);
    for (size_t i = 0; node_is(v, NODE_ARRAY) && i < v->n_items; i++)
        text = i ? arena_printf(a, "%s\n%s", text, v->items[i]->s) : v->items[i]->s;
    return js_is_blank(text) ? NULL : text;
}

static int word_or(const char *const *words, const struct node *v, int otherwise)
{
    return v ? kinds_word_index(words, v->s) : otherwise;
}

static struct seed_rule seed_of(const struct node *spec)
{
    const struct node *n = node_get(spec, "seed");
    return (struct seed_rule){
        .policy = (enum seed_policy)word_or(kinds_seed_policy_words, node_get(n, "policy"), SEED_ONCE),
        .from = (enum seed_from)word_or(kinds_seed_from_words, node_get(n, "from"), SEED_FROM_SNAPSHOT),
    };
}

static struct policy object_policy(const struct load *l, const struct node *spec)
{
    /* onDrift and protect stand in the spec itself. */
    return policy_resolve((const struct node *const[]){l->policy, node_get(spec, "policy"), spec}, 3);
}

static void decode_sandbox(struct load *l, const struct spec_file *f, const struct spec_head *head, const struct node *spec)
{
    const struct node *limits = node_get(spec, "limits");
    const char *network = node_str(node_get(spec, "network"));
    struct sandbox_object *o = VEC_ADD(l->a, &l->sandboxes);
    *o = (struct sandbox_object){
        .head = *head,
        .backend = (enum sandbox_backend)kinds_word_index(kinds_backend_words, node_str(node_get(spec, "backend"))),
        .engine = (enum sandbox_engine)word_or(kinds_engine_words, node_get(spec, "engine"), SANDBOX_ENGINE_DOCKER),
        .endpoint = node_str(node_get(spec, "endpoint")),
        .image = node_str(node_get(spec, "image")),
        .root = local_path(l, f, node_get(spec, "root"), "spec.root"),
        .memory_bytes = size_of(node_get(limits, "memory")),
        .pids = (uint64_t)number_of(node_get(limits, "pids")),
        .cpus = number_of(node_get(limits, "cpus")),
        .network = network ? network : "none",
        .user = node_str(node_get(spec, "user")),
        .workdir = node_str(node_get(spec, "workdir")),
        .command = words_of(l->a, node_get(spec, "command")),
        .setup = setup_of(l->a, node_get(spec, "setup")),
        .seed = seed_of(spec),
        .want = (enum want)word_or(kinds_state_words, node_get(spec, "state"), WANT_RUNNING),
        .policy = object_policy(l, spec),
    };
    if (o->root)
        check_shown(l, o->root, node_get(spec, "root")->pos, "spec.root");
    if (o->backend == SANDBOX_SSH)
        decode_ssh(l, f, node_get(spec, "ssh"), &o->ssh);
    if (o->backend == SANDBOX_OPENSHELL)
        o->openshell = decode_openshell(l, f, node_get(spec, "openshell"));
    decode_workspaces(l, f, node_get(spec, "workspaces"), o);
    decode_env(l, f, node_get(spec, "env"), o);
}

/* --- OpenClaw ------------------------------------------------------------------------------------------------------------------
 */

static const struct oc_profile *line_of(const struct node *n)
{
    return node_str(n) ? oc_profile_find(node_str(n)) : NULL;
}

static void decode_openclaw(struct load *l, const struct spec_file *f, const struct spec_head *head, const struct node *spec)
{
    struct openclaw_object o = {
        .head = *head,
        .config = local_path(l, f, node_get(spec, "config"), "spec.config"),
        .state_dir = local_path(l, f, node_get(spec, "stateDir"), "spec.stateDir"),
        .ensure = (enum ensure)word_or(kinds_ensure_words, node_get(spec, "ensure"), ENSURE_EXISTING),
        .line = line_of(node_get(spec, "line")),
        .seed = seed_of(spec),
        .policy = object_policy(l, spec),
    };
    for (size_t i = 0; i < l->openclaws.n; i++) {
        const struct openclaw_object *other = &l->openclaws.v[i];
        if (text_eq(other->config, o.config) && text_eq(other->state_dir, o.state_dir))
            diag_error(l->d, head->pos, "spec.config", "is the OpenClaw of '%s' at %s too", other->head.name,
                       pos_text(l->a, other->head.pos));
    }
    VEC_PUSH(l->a, &l->openclaws, o);
}

/* --- documents -----------------------------------------------------------------------------------------------------------------
 */

/* The same name twice is told also where the documents have other errors. */
static void note_name(struct load *l, const struct node *root)
{
    const char *kind = node_str(node_get(root, "kind"));
    const struct node *name = node_path(root, "metadata", "name", NULL);
    if (!kind || !node_str(name))
        return;
    const char *id = arena_printf(l->a, "%s/%s", kind, name->s);
    const struct node *first = node_get(l->names, id);
    if (first) {
        diag_error(l->d, name->pos, "metadata.name", "there is a %s named '%s' at %s already", text_escaped(l->a, kind),
                   text_escaped(l->a, name->s), pos_text(l->a, first->pos));
        return;
    }
    struct node *mark = node_null(l->a);
    mark->pos = name->pos;
    node_set(l->a, l->names, id, mark);
}

static void read_document(struct load *l, const struct spec_file *f, const struct node *root)
{
    if (schema_check_value(l->a, &kinds_document, root, "", l->d) == 0)
        VEC_PUSH(l->a, &l->documents, ((struct document){root, f}));
    note_name(l, root);
}

static void read_file(struct load *l, const struct spec_file *f)
{
    if (text_has_suffix(f->name, ".json")) {
        const struct node *root = json_read(l->a, f->name, f->bytes, f->n, l->d);
        if (root)
            read_document(l, f, root);
        return;
    }
    struct yaml_docs docs = {0};
    if (yaml_read(l->a, f->name, f->bytes, f->n, l->d, &docs) < 0)
        return;
    for (size_t i = 0; i < docs.n; i++)
        read_document(l, f, docs.v[i]);
    if (docs.n == 0)
        diag_warning(l->d, ((struct pos){.file = f->name, .line = 1, .col = 1}), "", "holds no object");
}

/* Policies that say the same are one. */
static void choose_policy(struct load *l)
{
    for (size_t i = 0; i < l->documents.n; i++) {
        const struct node *root = l->documents.v[i].root, *spec = node_get(root, "spec");
        if (strcmp(node_str(node_get(root, "kind")), "Policy") != 0)
            continue;
        struct pos pos = node_path(root, "metadata", "name", NULL)->pos;
        if (!l->policy) {
            l->policy = spec;
            l->specs.policy_pos = pos;
        } else if (!node_equal(l->policy, spec)) {
            diag_error(l->d, pos, "spec", "there is another Policy at %s, and the two differ: at most one may hold",
                       pos_text(l->a, l->specs.policy_pos));
        }
    }
    l->specs.policy = policy_resolve(&l->policy, 1);
}

/* Whoever can write what says what a sandbox may do, is in no sandbox: neither a spec nor OpenClaw's config may lie in a
 * workspace that is not read-only. `rules` is an object of such paths, each with what it is. */
static void check_rules(struct load *l, const struct sandbox_object *o, const struct node *rules)
{
    for (size_t i = 0; i < o->n_workspaces; i++) {
        const struct sandbox_workspace *w = &o->workspaces[i];
        for (size_t j = 0; w->path && !w->read_only && j < rules->n_members; j++) {
            if (!path_is_inside(w->path, rules->members[j].key))
                continue;
            diag_error(l->d, w->pos, arena_printf(l->a, "spec.workspaces[%zu].path", i),
                       "holds %s, so that the sandbox could rewrite its own rules: keep it elsewhere, or mount it readOnly",
                       rules->members[j].value->s);
            break;
        }
    }
}

static void check_all_rules(struct load *l, const struct spec_file *files, size_t n_files)
{
    struct node *rules = node_object(l->a);
    for (size_t i = 0; i < n_files; i++)
        if (files[i].dir && !node_get(rules, files[i].dir))
            node_set(l->a, rules, files[i].dir, node_printf(l->a, "the spec %s", text_escaped(l->a, files[i].name)));
    for (size_t i = 0; i < l->openclaws.n; i++) {
        const struct openclaw_object *o = &l->openclaws.v[i];
        const char *const paths[] = {o->config, o->state_dir};
        for (size_t j = 0; j < 2; j++)
            if (paths[j] && !node_get(rules, paths[j]))
                node_set(l->a, rules, paths[j],
                         node_printf(l->a, "the %s of OpenClaw '%s'", j ? "state directory" : "config", o->head.name));
    }
    for (size_t i = 0; i < l->sandboxes.n; i++)
        check_rules(l, &l->sandboxes.v[i], rules);
}

static void decode_document(struct load *l, const struct document *doc)
{
    const struct node *metadata = node_get(doc->root, "metadata"), *name = node_get(metadata, "name");
    const struct node *spec = node_get(doc->root, "spec"), *labels = node_get(metadata, "labels");
    const char *kind = node_str(node_get(doc->root, "kind"));
    struct spec_head head = {.name = name->s, .pos = name->pos, .labels = labels};
    if (strcmp(kind, "Sandbox") == 0)
        decode_sandbox(l, doc->file, &head, spec);
    else if (strcmp(kind, "OpenClaw") == 0)
        decode_openclaw(l, doc->file, &head, spec);
}

int specs_load(struct arena *a, const struct spec_file *files, size_t n_files, const char *home, struct diags *d,
               struct specs *ret)
{
    struct load l = {.a = a, .d = d, .home = home, .names = node_object(a)};
    size_t errors = d->n_errors;
    for (size_t i = 0; i < n_files; i++)
        read_file(&l, &files[i]);
    choose_policy(&l);
    for (size_t i = 0; i < l.documents.n; i++)
        decode_document(&l, &l.documents.v[i]);
    check_all_rules(&l, files, n_files);
    if (d->n_errors > errors)
        return -1;
    l.specs.openclaws = l.openclaws.v;
    l.specs.n_openclaws = l.openclaws.n;
    l.specs.sandboxes = l.sandboxes.v;
    l.specs.n_sandboxes = l.sandboxes.n;
    *ret = l.specs;
    return 0;
}

void specs_implied(struct arena *a, struct specs *ret)
{
    struct openclaw_object *o = ARENA_NEW(a, struct openclaw_object);
    *o = (struct openclaw_object){.head.name = "default", .policy = policy_resolve(NULL, 0)};
    *ret = (struct specs){.openclaws = o, .n_openclaws = 1, .policy = policy_resolve(NULL, 0)};
}
