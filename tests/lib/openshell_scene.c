#include "tests/lib/openshell_scene.h"

#include "spec/base/digest.h"

#include <stdio.h>
#include <stdlib.h>

const char *const releases[N_RELEASES] = {"0.0.36", "0.0.37", "0.0.88", "0.0.111"};

const struct call generous = {.timeout_ms = 60000};

void scene_reopen(struct scene *s)
{
    struct backend_conf conf;

    openshell_ops.close(s->b);
    s->b = NULL;
    openshell_peer_conf(&s->p, s->a, &conf);
    conf.install = INSTALL;
    must(s, openshell_ops.open(&conf, &s->b, &s->e));
}

void scene_become(struct scene *s, const char *release)
{
    char json[64];

    openshell_peer_clean(&s->p);
    (void)snprintf(json, sizeof json, "\"%s\"", release);
    openshell_peer_switch(&s->p, "version", json);
    scene_reopen(s);
}

int scene_setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    if (s == NULL)
        return -1;
    openshell_peer_start(&s->p, "0.0.111");
    s->a = arena_new();
    scene_reopen(s);
    *state = s;
    return 0;
}

int scene_teardown(void **state)
{
    struct scene *s = *state;

    openshell_ops.close(s->b);
    arena_free(s->a);
    openshell_peer_stop(&s->p);
    free(s);
    return 0;
}

void scene_rehash(struct scene *s, struct desired *d)
{
    const char *json = node_json(s->a, d->create);

    d->config_hash = digest_sha256(s->a, json, strlen(json));
    must(s, openshell_ops.check(s->a, d, &d->fields, &s->e));
}

struct desired *scene_desire(struct scene *s, const char *name, const char *mode, const char *host)
{
    struct desired *d = ARENA_NEW(s->a, struct desired);
    struct node *create = node_object(s->a), *dirs = node_array(s->a), *dir = node_object(s->a);

    node_set(s->a, create, "from", node_string(s->a, "base"));
    node_set(s->a, create, "mode", node_string(s->a, mode));
    if (host != NULL)
        node_set(s->a, create, "policyText",
                 node_printf(s->a,
                             "version: 1\nfilesystem_policy: {read_only: [/opt]}\nlandlock: {compatibility: best_effort}\n"
                             "network_policies: {web: {endpoints: [{host: %s, port: 443}]}}\n",
                             host));
    node_set(s->a, dir, "name", node_string(s->a, "workspace"));
    node_set(s->a, dir, "local", node_string(s->a, s->p.seed));
    node_push(s->a, dirs, dir);
    node_set(s->a, create, "dirs", dirs);
    *d = (struct desired){.endpoint = OPENSHELL_PEER_ENDPOINT,
                          .name = name,
                          .kind = RUNTIME_SANDBOX,
                          .owner = "Sandbox/one",
                          .install = INSTALL,
                          .want = WANT_RUNNING,
                          .backend_id = "openshell",
                          .create = create};
    scene_rehash(s, d);
    return d;
}

int scene_create(struct scene *s, const struct desired *d, const struct call *c, struct act_result *ret)
{
    return openshell_ops.apply(
        s->b, s->a, &(struct backend_act){.step = STEP_CREATE, .want = d, .name = d->name, .created_at_ms = 1700000000123}, c,
        ret, &s->e);
}

const char *scene_made(struct scene *s, const struct desired *d)
{
    struct act_result r = {0};

    must(s, scene_create(s, d, &generous, &r));
    assert_non_null(r.id);
    return r.id;
}

int scene_act(struct scene *s, enum step step, const struct desired *d, const char *id, const struct call *c)
{
    struct act_result r;

    return openshell_ops.apply(s->b, s->a, &(struct backend_act){.step = step, .want = d, .name = d->name, .id = id}, c, &r,
                               &s->e);
}

struct observed scene_look(struct scene *s, const char *id)
{
    struct observed o = {0};

    must(s, openshell_ops.look(s->b, s->a, id, NAME, &generous, &o, &s->e));
    return o;
}

struct observation scene_observe(struct scene *s, const struct desired *d)
{
    struct observe_req req = {.desired = d, .n_desired = d != NULL};
    struct observation o = {0};

    must(s, openshell_ops.observe(s->b, s->a, &req, &generous, &o, &s->e));
    return o;
}

bool scene_log_has(const struct scene *s, const char *words)
{
    char *log = openshell_peer_log(&s->p);
    bool has = strstr(log, words) != NULL;

    free(log);
    return has;
}

void scene_assert_file(const struct scene *s, const char *path, const char *text)
{
    char *have = openshell_peer_file(&s->p, NAME, path);

    if (text == NULL ? have != NULL : have == NULL || strcmp(have, text) != 0)
        fail_msg("%s: '%s' is there, '%s' is wanted", path, have != NULL ? have : "(nothing)", text != NULL ? text : "(nothing)");
    free(have);
}

struct node *scene_world_open(struct scene *s, struct openshell_world *w)
{
    int i;

    openshell_world_open(w, s->a, s->p.world);
    i = openshell_world_find(w, NULL, NAME);
    return i >= 0 ? openshell_world_at(w, i) : NULL;
}
