#include "spec/openclaw/openshell.h"

#include "spec/base/digest.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/openclaw/names.h"

#include <math.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 120000

/* --- settings -----------------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *key, *def; /* def NULL: not set */
    bool is_dir;
} texts[] = {
    {"mode", "mirror", false},
    {"command", "openshell", false},
    {"gateway", NULL, false},
    {"gatewayEndpoint", NULL, false},
    {"workspace", NULL, false},
    {"from", "openclaw", false},
    {"policy", NULL, false},
    {"remoteWorkspaceDir", "/sandbox", true},
    {"remoteAgentWorkspaceDir", "/agent", true},
};

static struct node *providers_of(struct arena *a, const struct node *given)
{
    struct node *list = node_array(a), *seen = node_object(a);

    for (size_t i = 0; node_is(given, NODE_ARRAY) && i < given->n_items; i++) {
        const char *name = js_trim(a, given->items[i]->s);

        if (node_get(seen, name))
            continue;
        node_set(a, seen, name, node_bool(a, true));
        node_push(a, list, node_string(a, name));
    }
    return list;
}

static struct node *bool_of(struct arena *a, const struct node *given, bool def)
{
    return node_bool(a, node_is(given, NODE_BOOL) ? given->b : def);
}

struct node *oc_openshell_defaults(struct arena *a, const struct node *plugin_config)
{
    const struct node *seconds = node_get(plugin_config, "timeoutSeconds");
    struct node *out = node_object(a);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct node *given = node_get(plugin_config, texts[i].key);
        const char *s = js_is_blank(node_str(given)) ? texts[i].def : js_trim(a, given->s);

        if (s && texts[i].is_dir) /* a trailing slash stays: it is part of what the command is asked */
            s = path_join(a, "/", s);
        if (s)
            node_put(a, out, texts[i].key, node_string(a, s));
    }
    node_put(a, out, "providers", providers_of(a, node_get(plugin_config, "providers")));
    node_put(a, out, "gpu", bool_of(a, node_get(plugin_config, "gpu"), false));
    node_put(a, out, "autoProviders", bool_of(a, node_get(plugin_config, "autoProviders"), true));
    node_put(a, out, "timeoutMs",
             node_number(a, node_is(seconds, NODE_NUMBER) ? floor(seconds->num * 1000) : DEFAULT_TIMEOUT_MS));
    return out;
}

struct node *oc_openshell_settings(struct arena *a, const struct node *config)
{
    return oc_openshell_defaults(a, node_path(config, "plugins", "entries", "openshell", "config", NULL));
}

/* --- names --------------------------------------------------------------------------------------------------------------------
 */

/* The first 80 bits of a digest in 16 digits of base 36. */
static char *base36(struct arena *a, const char *hex)
{
    unsigned char v[10]; /* big-endian */
    char *out = arena_alloc(a, 17);

    for (size_t i = 0; i < sizeof v; i++) {
        unsigned hi = (unsigned char)hex[2 * i], lo = (unsigned char)hex[2 * i + 1];

        hi = hi <= '9' ? hi - '0' : hi - 'a' + 10;
        lo = lo <= '9' ? lo - '0' : lo - 'a' + 10;
        v[i] = (unsigned char)(hi << 4 | lo);
    }
    for (size_t digit = 16; digit-- > 0;) {
        unsigned rest = 0;

        for (size_t i = 0; i < sizeof v; i++) {
            rest = rest << 8 | v[i];
            v[i] = (unsigned char)(rest / 36);
            rest %= 36;
        }
        out[digit] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest];
    }
    return out;
}

char *oc_openshell_name(struct arena *a, const struct oc_profile *line, const char *scope_key)
{
    const char *key = js_is_blank(scope_key) ? "session" : js_trim(a, scope_key);
    char hex[DIGEST_HEX];
    size_t n;

    line = oc_line(line);
    if (!line->short_shell_names)
        return arena_printf(a, "openclaw-%s", oc_short_slug(a, key, true));
    key = oc_well_formed(a, key, strlen(key), &n);
    digest_sha256_hex(key, n, hex);
    return oc_is_workspace_key(key) ? arena_printf(a, "oc-%s", base36(a, hex)) : arena_printf(a, "oc-%.16s", hex);
}

char *oc_openshell_old_name(struct arena *a, const struct oc_profile *line, const char *scope_key)
{
    return oc_line(line)->short_shell_names ? arena_printf(a, "openclaw-%s", oc_short_slug(a, scope_key, false)) : NULL;
}

char *oc_openshell_endpoint(struct arena *a, const struct node *settings)
{
    const char *gateway = node_str(node_get(settings, "gateway")), *url = node_str(node_get(settings, "gatewayEndpoint"));
    const char *workspace = node_str(node_get(settings, "workspace"));

    return arena_printf(a, "openshell%s%s%s%s%s%s", gateway || url || workspace ? ":" : "", gateway ? gateway : "",
                        gateway && url ? "@" : "", url ? url : "", workspace ? "#" : "", workspace ? workspace : "");
}

int oc_openshell_check(const struct node *sandbox, struct err *e)
{
    const struct node *binds = node_path(sandbox, "docker", "binds", NULL);
    const struct node *browser = node_path(sandbox, "browser", "enabled", NULL);

    if (node_is(binds, NODE_ARRAY) && binds->n_items > 0)
        return err_set(e, ERR_CONFIG, 0, "docker.binds: backend openshell mounts nothing");
    if (node_is(browser, NODE_BOOL) && browser->b)
        return err_set(e, ERR_CONFIG, 0, "browser.enabled: backend openshell has no browsers");
    return 0;
}

/* --- commands -----------------------------------------------------------------------------------------------------------------
 */

struct argv {
    struct arena *a;
    VEC(const char *) words;
};

static void add(struct argv *v, const char *word)
{
    VEC_PUSH(v->a, &v->words, word);
}

static void add_pair(struct argv *v, const char *flag, const struct node *value)
{
    if (!node_str(value))
        return;
    add(v, flag);
    add(v, value->s);
}

static void add_create(struct argv *v, const struct node *settings, const struct oc_openshell_call *call)
{
    const struct node *providers = node_get(settings, "providers"), *flag;

    add(v, "--name");
    add(v, call->name);
    add_pair(v, "--from", node_get(settings, "from"));
    add_pair(v, "--policy", node_get(settings, "policy"));
    flag = node_get(settings, "gpu");
    if (flag && flag->b)
        add(v, "--gpu");
    flag = node_get(settings, "autoProviders");
    add(v, flag && flag->b ? "--auto-providers" : "--no-auto-providers");
    for (size_t i = 0; providers && i < providers->n_items; i++)
        add_pair(v, "--provider", providers->items[i]);
    if (!call->command)
        return;
    add(v, "--");
    for (const char *const *w = call->command; *w; w++)
        add(v, *w);
}

const char *const *oc_openshell_argv(struct arena *a, const struct node *settings, enum oc_openshell_verb verb,
                                     const struct oc_openshell_call *call)
{
    static const char *const words[OC_OPENSHELL_VERB_COUNT] = {"get", "create", "delete", "ssh-config", "upload", "download"};
    struct argv v = {.a = a};

    add_pair(&v, "--gateway", node_get(settings, "gateway"));
    add_pair(&v, "--gateway-endpoint", node_get(settings, "gatewayEndpoint"));
    add_pair(&v, "--workspace", node_get(settings, "workspace"));
    add(&v, "sandbox");
    add(&v, words[verb]);
    if (verb == OC_OPENSHELL_CREATE) {
        add_create(&v, settings, call);
    } else {
        if (verb == OC_OPENSHELL_UPLOAD)
            add(&v, "--no-git-ignore");
        add(&v, call->name);
        if (verb == OC_OPENSHELL_UPLOAD || verb == OC_OPENSHELL_DOWNLOAD) {
            add(&v, call->from);
            add(&v, call->to);
        }
    }
    add(&v, NULL);
    return v.words.v;
}
