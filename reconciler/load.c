#include "reconciler/load.h"

#include "reconciler/line.h"
#include "reconciler/local_fs.h"
#include "reconciler/spec_files.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/hash.h"
#include "spec/openclaw/keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const spec_suffixes[] = {".yaml", ".yml", ".json", NULL};
static const char *const shard_suffixes[] = {".json", NULL};

struct loading {
    struct load *l;
    const struct host *host;
    struct load *previous;
    VEC(struct watch_target) watch;
    struct buf inputs; /* what the digest is of */
};

static void add_watch(struct loading *in, const char *path, bool is_dir, const char *const *suffixes)
{
    VEC_PUSH(in->l->arena, &in->watch,
             ((struct watch_target){.path = arena_strdup(in->l->arena, path), .is_dir = is_dir, .suffixes = suffixes}));
}

static void add_input(struct loading *in, const char *label, const char *bytes, size_t n)
{
    buf_printf(&in->inputs, "%s %zu\n", label, n);
    buf_put(&in->inputs, bytes, n);
}

void load_install_id(const char *state_dir, char ret[INSTALL_HEX])
{
    char *real = realpath(state_dir, NULL);
    const char *path = real ? real : state_dir;
    char hex[DIGEST_HEX];

    digest_sha256_hex(path, strlen(path), hex);
    memcpy(ret, hex, INSTALL_HEX - 1);
    ret[INSTALL_HEX - 1] = '\0';
    free(real);
}

/* --- specs
 * ------------------------------------------------------------------------------------------------------------------------ */

static void borrow_specs(struct loading *in)
{
    if (!in->previous)
        return;
    in->l->specs = in->previous->specs;
    in->l->implied = in->previous->implied;
    /* Of a chain of broken loads only the good one at its end is kept. */
    in->l->specs_lender = load_ref(in->previous->specs_lender ? in->previous->specs_lender : in->previous);
}

static void read_specs(struct loading *in, const char *const *names, size_t n_names)
{
    struct load *l = in->l;
    const struct spec_files_conf conf = {.fs = &local_fs, .cwd = in->host->cwd, .xdg_config = in->host->xdg_config};
    struct spec_files files = {0};
    int read = spec_files_read(l->arena, &conf, names, n_names, &l->diags, &files);

    for (size_t i = 0; i < files.n_watch; i++) {
        struct stat st;

        add_watch(in, files.watch[i], stat(files.watch[i], &st) == 0 && S_ISDIR(st.st_mode), spec_suffixes);
    }
    struct load_file *paths = ARENA_ARRAY(l->arena, struct load_file, files.n);
    for (size_t i = 0; i < files.n; i++) {
        const char *base = strrchr(files.v[i].name, '/');

        paths[i] = (struct load_file){.name = files.v[i].name,
                                      .path = arena_printf(l->arena, "%s/%s", files.v[i].dir, base ? base + 1 : files.v[i].name)};
        add_input(in, files.v[i].name, files.v[i].bytes, files.v[i].n);
    }
    l->files = paths;
    l->n_files = files.n;
    l->places = files.watch;
    l->n_places = files.n_watch;
    l->implied = files.implied;
    if (read == 0 && files.implied) {
        specs_implied(l->arena, &l->specs);
        l->specs_ok = true;
    } else {
        /* What can be read is checked even where something else could not be: all errors at once. */
        int loaded = specs_load(l->arena, files.v, files.n, in->host->home, &l->diags, &l->specs);

        l->specs_ok = read == 0 && loaded == 0;
    }
    if (!l->specs_ok) {
        l->specs = (struct specs){0};
        borrow_specs(in);
    }
}

/* --- one OpenClaw
 * ------------------------------------------------------------------------------------------------------------------- */

static void find_paths(struct loading *in, struct load_openclaw *o)
{
    struct arena *a = in->l->arena;
    struct node *env = node_copy(a, in->host->env);

    if (o->object->config)
        node_set(a, env, "OPENCLAW_CONFIG_PATH", node_string(a, o->object->config));
    if (o->object->state_dir)
        node_set(a, env, "OPENCLAW_STATE_DIR", node_string(a, o->object->state_dir));
    oc_paths_find(a, &local_fs, env, in->host->cwd, in->host->home, &o->paths);
    o->places = (struct oc_places){.home = o->paths.home,
                                   .state_dir = o->paths.state_dir,
                                   .cwd = in->host->cwd,
                                   .profile = oc_env_get(a, env, "OPENCLAW_PROFILE"),
                                   .workspace_dir = oc_env_get(a, env, "OPENCLAW_WORKSPACE_DIR"),
                                   .state_dir_given = !js_is_blank(oc_env_get(a, env, "OPENCLAW_STATE_DIR"))};
    o->locale =
        oc_locale(a, node_str(node_get(env, "LC_ALL")), node_str(node_get(env, "LC_MESSAGES")), node_str(node_get(env, "LANG")));
    load_install_id(o->paths.state_dir, o->install);
}

static void watch_openclaw(struct loading *in, const struct load_openclaw *o)
{
    struct arena *a = in->l->arena;

    for (size_t i = 0; i < o->source.files.n; i++)
        add_watch(in, o->source.files.v[i].path, false, NULL);
    /* A config that appears where OpenClaw would look first. */
    add_watch(in, o->paths.config_path, false, NULL);
    add_watch(in, arena_printf(a, "%s/openclaw.json", o->paths.state_dir), false, NULL);
    add_watch(in, arena_printf(a, "%s/sandbox/containers", o->paths.state_dir), true, shard_suffixes);
    add_watch(in, arena_printf(a, "%s/sandbox/browsers", o->paths.state_dir), true, shard_suffixes);
    add_watch(in, arena_printf(a, "%s/state/openclaw.sqlite", o->paths.state_dir), false, NULL);
    add_watch(in, arena_printf(a, "%s/state/openclaw.sqlite-wal", o->paths.state_dir), false, NULL);
}

static void borrow_openclaw(struct loading *in, struct load_openclaw *o)
{
    for (size_t i = 0; in->previous && i < in->previous->n_openclaws; i++) {
        const struct load_openclaw *p = &in->previous->openclaws[i];

        if (strcmp(p->install, o->install) != 0 || !p->source.root)
            continue;
        o->source.root = p->source.root;
        o->source.env = p->source.env;
        o->good_for = p->good_for;
        o->lender = load_ref(p->lender ? p->lender : in->previous);
        return;
    }
}

static void read_openclaw(struct loading *in, struct load_openclaw *o)
{
    struct load *l = in->l;
    struct arena *a = l->arena;

    find_paths(in, o);
    o->ok = oc_load(a, &local_fs, &o->paths, in->host->env, &l->diags, &o->source) == 0;
    line_detect(a, in->host, o->paths.state_dir, o->install, o->source.root, o->object->line, &o->detected);
    o->places.line = o->detected.line;
    add_input(in, "line", o->detected.line->name, strlen(o->detected.line->name));
    if (o->ok)
        oc_load_variables(a, o->places.line, &o->source, &l->diags);
    o->ok = o->ok && oc_validate(a, o->source.root, &o->places, &l->diags) == 0;
    watch_openclaw(in, o);
    if (!o->ok) {
        o->source.root = NULL;
        borrow_openclaw(in, o);
        return;
    }
    o->good_for = o->places.line;
    oc_normalise(a, &o->paths, &o->source);
    BUF_AUTO text = BUF_INIT(SIZE_MAX / 4);
    node_emit(&text, o->source.root, 0, 0);
    add_input(in, o->paths.config_path, buf_str(&text), text.n);
}

static void read_openclaws(struct loading *in)
{
    struct load *l = in->l;

    l->n_openclaws = l->specs.n_openclaws;
    l->openclaws = ARENA_ARRAY(l->arena, struct load_openclaw, l->n_openclaws);
    for (size_t i = 0; i < l->n_openclaws; i++) {
        struct load_openclaw *o = &l->openclaws[i];

        o->object = &l->specs.openclaws[i];
        read_openclaw(in, o);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(l->openclaws[k].install, o->install) != 0)
                continue;
            diag_error(&l->diags, o->object->head.pos, "spec.stateDir",
                       "is the state directory of OpenClaw/%s too: one registry can follow one config only",
                       l->openclaws[k].object->head.name);
            o->ok = false;
            o->source.root = NULL;
        }
    }
}

/* --- the whole
 * ----------------------------------------------------------------------------------------------------------------------- */

struct load *load_read(const struct host *host, const char *const *names, size_t n_names, struct load *previous)
{
    struct load *l = calloc(1, sizeof *l);
    struct loading in = {.l = l, .host = host, .previous = previous, .inputs = BUF_INIT(SIZE_MAX / 4)};

    if (!l)
        abort();
    atomic_init(&l->refs, 1);
    l->arena = arena_new();
    l->diags.arena = l->arena;
    read_specs(&in, names, n_names);
    read_openclaws(&in);
    diags_sort(&l->diags);
    l->watch = in.watch.v;
    l->n_watch = in.watch.n;
    digest_sha256_hex(buf_str(&in.inputs), in.inputs.n, l->digest);
    buf_wipe(&in.inputs);
    return l;
}

bool load_covers(const struct load *l, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (l->implied || !l->specs_ok || !slash)
        return false;
    for (size_t i = 0; i < l->n_files; i++)
        if (strcmp(l->files[i].path, path) == 0)
            return true;
    for (size_t i = 0; i < l->n_places; i++)
        if (strlen(l->places[i]) == (size_t)(slash - path) && strncmp(l->places[i], path, (size_t)(slash - path)) == 0)
            return true;
    return false;
}

const char *load_file_path(const struct load *l, const char *name)
{
    for (size_t i = 0; name && i < l->n_files; i++)
        if (strcmp(l->files[i].name, name) == 0)
            return l->files[i].path;
    return NULL;
}

struct load *load_ref(struct load *l)
{
    atomic_fetch_add(&l->refs, 1);
    return l;
}

void load_unref(struct load *l)
{
    if (!l || atomic_fetch_sub(&l->refs, 1) > 1)
        return;
    for (size_t i = 0; i < l->n_openclaws; i++)
        load_unref(l->openclaws[i].lender);
    load_unref(l->specs_lender);
    arena_free(l->arena);
    free(l);
}

void load_unrefp(struct load **l)
{
    load_unref(*l);
    *l = NULL;
}

bool load_is_good(const struct load *l)
{
    if (!l->specs_ok)
        return false;
    for (size_t i = 0; i < l->n_openclaws; i++)
        if (!l->openclaws[i].ok)
            return false;
    return true;
}

struct node *load_lines_json(struct arena *a, const struct load *l)
{
    struct node *list = node_array(a);

    for (size_t i = 0; i < l->n_openclaws; i++) {
        const struct oc_detected *d = &l->openclaws[i].detected;
        struct node *o = node_object(a);

        node_set(a, o, "object", node_printf(a, "OpenClaw/%s", l->openclaws[i].object->head.name));
        node_set(a, o, "line", node_string(a, d->line->name));
        node_set(a, o, "known", node_bool(a, d->known));
        node_set(a, o, "why", node_string(a, d->why));
        node_push(a, list, o);
    }
    return list;
}
