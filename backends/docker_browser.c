#include "backends/docker_private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define ENV_PASSWORD    "OPENCLAW_BROWSER_NOVNC_PASSWORD"
#define PASSWORD_LENGTH 8  /* OpenClaw 2026.5.3 */
#define TOKEN_BYTES     24 /* OpenClaw 2026.9.6; twice as many digits */

const struct oc_profile *docker_line_of(const struct node *body)
{
    return oc_line(oc_profile_of_browser(node_str(node_path(body, "Labels", "openclaw.browserConfigEpoch", NULL))));
}

static const char *network_path(struct arena *a, const char *name)
{
    BUF_AUTO b = BUF_INIT(4096);
    buf_puts(&b, "/networks/");
    engine_escape(&b, name, "");
    return arena_strdup(a, buf_str(&b));
}

/* The network of this name, made where there is none. Two that make it at once both succeed. */
static int ensure_network(struct docker *dk, struct arena *a, const char *name, const struct deadline *d, json_t **ret,
                          struct err *e)
{
    const char *path = network_path(a, name);
    struct err why;
    if (engine_json(dk->en, "GET", path, NULL, d, ret, &why) == 0)
        return 0;
    if (why.class != ERR_NOT_FOUND || strcmp(name, "bridge") == 0 || strcmp(name, "none") == 0) {
        *e = why;
        return -1;
    }
    json_t *made = NULL;
    json_t *body = json_pack("{s:s, s:s, s:b, s:{s:s}}", "Name", name, "Driver", "bridge", "CheckDuplicate", 1, "Labels",
                             LABEL_OUR_INSTALL, dk->install);
    if (!body)
        return err_set(e, ERR_CONFIG, 0, "the network's name is no valid UTF-8");
    int rc = engine_json(dk->en, "POST", "/networks/create", body, d, &made, &why);
    json_decref(body);
    json_decref(made);
    if (rc < 0 && why.class != ERR_CONFLICT) {
        *e = why;
        return err_wrap(e, "making the network '%s'", name);
    }
    return engine_json(dk->en, "GET", path, NULL, d, ret, e);
}

/* OpenClaw 2026.5.3: the first IPv4 gateway of a bridge. (2026.9.6 has a token instead.) */
static const char *gateway_of(struct arena *a, const json_t *network)
{
    const json_t *v;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(network, "IPAM"), "Config"), i, v)
    {
        const char *s = engine_text(v, "Gateway");
        if (s && *s && strspn(s, "0123456789.") == strlen(s))
            return arena_strdup(a, s);
    }
    return NULL;
}

static int source_range(struct docker *dk, struct arena *a, const char *network, const struct deadline *d, const char **ret,
                        struct err *e)
{
    json_t *o = NULL;
    if (strcmp(network, "none") == 0) {
        *ret = "127.0.0.1/32";
        return 0;
    }
    if (ensure_network(dk, a, network, d, &o, e) < 0)
        return -1;
    const char *driver = engine_text(o, "Driver");
    bool bridge = !driver || !*driver || strcmp(driver, "bridge") == 0;
    const char *gateway = bridge ? gateway_of(a, o) : NULL;
    json_decref(o);
    if (!gateway)
        return err_set(e, ERR_CONFIG, 0, "browser.cdpSourceRange: the network '%s' has no IPv4 gateway to take it from: set it",
                       network);
    *ret = arena_printf(a, "%s/32", gateway);
    return 0;
}

static int make_password(char out[PASSWORD_LENGTH + 1], struct err *e)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t n = 0; n < PASSWORD_LENGTH;) {
        unsigned char c;
        if (getrandom(&c, 1, 0) != 1)
            return err_sys(e, ERR_IO, errno, "getrandom");
        /* 248 = 4 * 62: every letter is as likely as any other. */
        if (c < 248)
            out[n++] = letters[c % 62];
    }
    out[PASSWORD_LENGTH] = '\0';
    return 0;
}

static int make_token(char out[TOKEN_BYTES * 2 + 1], struct err *e)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[TOKEN_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_sys(e, ERR_IO, errno, "getrandom");
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[i * 2] = digits[bytes[i] >> 4];
        out[i * 2 + 1] = digits[bytes[i] & 15];
    }
    out[TOKEN_BYTES * 2] = '\0';
    explicit_bzero(bytes, sizeof bytes);
    return 0;
}

/* OpenClaw 2026.9.6 makes a browser of no image that does not know the token. One that is not there is the creation's to tell. */
static int check_contract(struct docker *dk, struct arena *a, const struct oc_profile *line, const char *image,
                          const struct deadline *d, struct err *e)
{
    BUF_AUTO path = BUF_INIT(4096);
    json_t *o = NULL;
    struct err why;
    if (!line->browser_image_contract || !image)
        return 0;
    buf_puts(&path, "/images/");
    engine_escape(&path, image, "/:@");
    buf_puts(&path, "/json");
    if (engine_json(dk->en, "GET", buf_str(&path), NULL, d, &o, &why) < 0) {
        if (why.class == ERR_NOT_FOUND)
            return 0;
        *e = why;
        return -1;
    }
    const char *has = engine_text(json_object_get(json_object_get(o, "Config"), "Labels"), OC_BROWSER_CONTRACT_LABEL);
    int rc = text_eq(has, line->browser_image_contract)
                 ? 0
                 : err_set(e, ERR_CONFIG, 0,
                           "browser.image: '%s' is not of the kind that OpenClaw %s makes browsers of (its label %s is '%s', not "
                           "'%s'): build it anew",
                           image, line->name, OC_BROWSER_CONTRACT_LABEL, has ? has : "", line->browser_image_contract);
    json_decref(o);
    return rc;
}

/* In the place of an empty one, if there is one: of two with one name a program may see the first. */
static void env_put(struct arena *a, struct node *env, const char *key, const char *value, bool secret)
{
    struct node *pair = node_printf(a, "%s=%s", key, value);
    size_t n = strlen(key);
    pair->secret = secret;
    for (size_t i = 0; i < env->n_items; i++) {
        const char *s = node_str(env->items[i]);
        if (s && strncmp(s, key, n) == 0 && s[n] == '=') {
            env->items[i] = pair;
            return;
        }
    }
    node_push(a, env, pair);
}

static bool env_is_set(const struct node *env, const char *key)
{
    const char *v = docker_env(env, key);
    return v && *v;
}

int docker_browser_body(struct docker *dk, struct arena *a, const struct desired *want, const struct deadline *d,
                        struct node **ret, struct err *e)
{
    struct node *body = node_copy(a, want->create), *env = node_get(body, "Env");
    if (want->kind != RUNTIME_BROWSER) {
        *ret = body;
        return 0;
    }
    const struct oc_profile *line = docker_line_of(body);
    const char *network = node_str(node_path(body, "HostConfig", "NetworkMode", NULL)), *range = NULL;
    if (!network || !*network)
        network = "bridge";
    if (!node_is(env, NODE_ARRAY)) {
        env = node_array(a);
        node_set(a, body, "Env", env);
    }
    if (check_contract(dk, a, line, node_str(node_get(body, "Image")), d, e) < 0)
        return -1;
    if (!line->browser_has_token && !env_is_set(env, DOCKER_ENV_SOURCE_RANGE)) {
        if (source_range(dk, a, network, d, &range, e) < 0)
            return -1;
        env_put(a, env, DOCKER_ENV_SOURCE_RANGE, range, false);
    } else if (strcmp(network, "none") != 0 && strcmp(network, "bridge") != 0 && !text_has_prefix(network, "container:")) {
        json_t *o = NULL;
        if (ensure_network(dk, a, network, d, &o, e) < 0)
            return -1;
        json_decref(o);
    }
    if (text_eq(docker_env(env, "OPENCLAW_BROWSER_ENABLE_NOVNC"), "1") &&
        !text_eq(docker_env(env, "OPENCLAW_BROWSER_HEADLESS"), "1") && !env_is_set(env, ENV_PASSWORD)) {
        char password[PASSWORD_LENGTH + 1];
        if (make_password(password, e) < 0)
            return -1;
        env_put(a, env, ENV_PASSWORD, password, true);
        explicit_bzero(password, sizeof password);
    }
    if (line->browser_has_token && !env_is_set(env, OC_BROWSER_TOKEN_VARIABLE)) {
        char token[TOKEN_BYTES * 2 + 1];
        if (make_token(token, e) < 0)
            return -1;
        env_put(a, env, OC_BROWSER_TOKEN_VARIABLE, token, true);
        explicit_bzero(token, sizeof token);
    }
    *ret = body;
    return 0;
}
