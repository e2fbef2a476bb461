#include "reconciler/endpoint.h"

#include "backends/openshell.h"
#include "reconciler/openshell_options.h"
#include "spec/base/text.h"

#include <string.h>

/* As the podman command finds its service. */
static const char *podman_address(struct arena *a, const struct host *h)
{
    const char *address = host_env(h, "CONTAINER_HOST"), *run = host_env(h, "XDG_RUNTIME_DIR");

    if (address)
        return address;
    if (h->uid == 0)
        return NULL;
    return run ? arena_printf(a, "unix://%s/podman/podman.sock", run)
               : arena_printf(a, "unix:///run/user/%u/podman/podman.sock", h->uid);
}

int endpoint_complete(struct arena *a, const struct fs *fs, struct desired *d, struct err *e)
{
    const struct backend_ops *ops = backend_find(d->endpoint);
    const char *policy = node_str(node_get(d->create, "policy"));
    struct node *create;
    char *text;
    size_t n;

    if (!ops || strcmp(ops->name, "openshell") != 0 || !policy || policy[0] != '/' || node_get(d->create, "policyText"))
        return 0;
    if (fs->read(fs->ctx, a, policy, OPENSHELL_POLICY_BYTES, &text, &n, e) < 0)
        return err_wrap(e, "policy: %s", policy);
    create = node_share(a, d->create);
    node_set(a, create, "policyText", node_string_n(a, text, n));
    d->create = create;
    return 0;
}

int endpoint_open(const struct endpoint_opener *o, const char *endpoint, struct backend **ret, struct err *e)
{
    const struct backend_ops *ops = backend_find(endpoint);
    ARENA_AUTO a = arena_new(); /* backends copy what they keep */
    const char *colon = strchr(endpoint, ':');
    struct backend_conf conf = {.endpoint = endpoint, .state_dir = o->state_dir, .install = o->install};

    if (!ops)
        return err_set(e, ERR_UNSUPPORTED, 0, "endpoint '%s': this version drives no such backend", endpoint);
    if (colon)
        conf.address = colon + 1;
    if (strcmp(ops->name, "docker") == 0) {
        const char *certs = host_env(o->host, "DOCKER_CERT_PATH");

        if (!conf.address)
            conf.address = host_env(o->host, "DOCKER_HOST");
        conf.tls_verify = host_env(o->host, "DOCKER_TLS_VERIFY") != NULL;
        if (conf.tls_verify || certs)
            conf.tls_dir = certs ? certs : arena_printf(a, "%s/.docker", o->host->home);
        if (conf.address && text_has_prefix(conf.address, "unix://"))
            conf.tls_dir = NULL;
    }
    if (strcmp(ops->name, "podman") == 0 && !conf.address)
        conf.address = podman_address(a, o->host);
    if (strcmp(ops->name, "openshell") == 0)
        conf.options = openshell_options(a, o->host, NULL);
    if (reach_is_for(endpoint) && o->reach ? reach_open(o->reach, ops, &conf, ret, e) < 0 : ops->open(&conf, ret, e) < 0)
        return err_wrap(e, "opening endpoint '%s'", endpoint);
    return 0;
}

void endpoint_close(const struct endpoint_opener *o, struct backend *b)
{
    if (o->reach)
        reach_close(o->reach, b);
    else
        endpoint_closep(&b);
}

void endpoint_closep(struct backend **b)
{
    if (*b)
        (*b)->ops->close(*b);
    *b = NULL;
}
