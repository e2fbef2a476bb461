#include "backends/docker_podman.h"
#include "backends/docker_private.h"

#include "spec/engine_ref.h"

#include <inttypes.h>
#include <string.h>

struct node *docker_labelled(struct arena *a, const struct desired *want, const struct node *create, int64_t created_at_ms)
{
    struct node *body = node_share(a, create), *old = node_get(create, "Labels");
    struct node *labels = node_is(old, NODE_OBJECT) ? node_share(a, old) : node_object(a);
    bool sandbox = want->kind == RUNTIME_SANDBOX;
    const char *secrets = engine_secret_names(a, create);
    node_set(a, body, "Labels", labels);
    if (want->install)
        node_set(a, labels, LABEL_OUR_INSTALL, node_string(a, want->install));
    if (want->owner)
        node_set(a, labels, LABEL_OUR_OWNER, node_string(a, want->owner));
    if (secrets)
        node_set(a, labels, ENGINE_LABEL_SECRETS, node_string(a, secrets));
    if (created_at_ms != TIME_NONE)
        node_set(a, labels, sandbox ? LABEL_OUR_CREATED : LABEL_CREATED, node_printf(a, "%" PRId64, created_at_ms));
    if (want->config_hash)
        node_set(a, labels, sandbox ? LABEL_OUR_HASH : LABEL_HASH, node_string(a, want->config_hash));
    return body;
}

/* A browser's source range is the gateway of its network where the owner sets none and its line has no token instead. And a label
 * stays as it is when limits are changed in place: of a Sandbox all that the hash covers is compared field by field, so that the
 * hash itself decides nothing. */
static bool is_settled(const struct desired *want, const char *name)
{
    if (want->kind == RUNTIME_SANDBOX)
        return strcmp(name, "configHash") != 0;
    const char *range = docker_env(node_get(want->create, "Env"), DOCKER_ENV_SOURCE_RANGE);
    return (range && *range) || docker_line_of(want->create)->browser_has_token || strcmp(name, "browser.cdpSourceRange") != 0;
}

struct fields docker_settled(struct arena *a, const struct desired *want, struct fields f)
{
    struct field *v = ARENA_ARRAY(a, struct field, f.n);
    size_t n = 0;
    for (size_t i = 0; i < f.n; i++)
        if (is_settled(want, f.v[i].name))
            v[n++] = f.v[i];
    return (struct fields){.v = v, .n = n};
}

int docker_check(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    static const char *const image_keys[RUNTIME_KIND_COUNT] = {"docker.image", "browser.image", "image"};
    if (!d->name || !engine_is_container_name(d->name))
        return err_set(e, ERR_CONFIG, 0, "name: '%s' is no name that an engine takes for a container: [a-zA-Z0-9][a-zA-Z0-9_.-]+",
                       d->name ? d->name : "");
    if (!node_is(d->create, NODE_OBJECT))
        return err_set(e, ERR_CONFIG, 0, "create: no body to make the container from");
    const char *image = node_str(node_get(d->create, "Image"));
    if (!image || !*image)
        return err_set(e, ERR_CONFIG, 0, "%s: a container needs an image", image_keys[d->kind]);
    if (engine_check_image(image, e) < 0)
        return err_wrap(e, "%s", image_keys[d->kind]);
    *ret = docker_settled(a, d, engine_body_fields(a, docker_labelled(a, d, d->create, TIME_NONE)));
    return 0;
}

int docker_check_podman(struct arena *a, const struct desired *d, struct fields *ret, struct err *e)
{
    struct fields f;
    if (docker_check(a, d, &f, e) < 0 || podman_check(a, d->create, &f, e) < 0)
        return -1;
    *ret = f;
    return 0;
}
