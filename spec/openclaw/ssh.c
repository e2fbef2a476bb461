#include "spec/openclaw/ssh.h"

#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/openclaw/names.h"
#include "spec/openclaw/paths.h"
#include "spec/ssh_name.h"

#include <math.h>
#include <string.h>

/* --- targets ------------------------------------------------------------------------------------------------------------------
 */

static char *trim_n(struct arena *a, const char *s, size_t n)
{
    return js_trim(a, arena_memdup0(a, s, n));
}

/* Bytes of white space that s begins with. */
static size_t space_at(const char *s)
{
    size_t n = 0, len = strlen(s);
    uint32_t cp;

    while (n < len) {
        size_t step = utf8_decode(s + n, len - n, &cp);

        if (step == 0 || !js_is_space(cp))
            break;
        n += step;
    }
    return n;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Number.parseInt(s, 10): a sign and the digits that follow. NaN where there are none. */
static double parse_int(const char *s, const char **ret_end)
{
    double sign = *s == '-' ? -1 : 1, x = 0;

    s += *s == '-' || *s == '+';
    if (!is_digit(*s))
        return NAN;
    for (; is_digit(*s); s++)
        x = x * 10 + (*s - '0');
    *ret_end = s;
    return sign * x;
}

static bool is_strict_user(const char *user)
{
    return ssh_is_plain(user) && *user != '-';
}

static bool is_strict_host(const char *host)
{
    return ssh_is_plain(host) && *host != '-' && *host != ':' && host[strlen(host) - 1] != ':' && !strchr(host, '@');
}

bool oc_ssh_target_parse(struct arena *a, const struct oc_profile *line, const char *text, struct oc_ssh_target *ret)
{
    const bool strict = oc_line(line)->strict_ssh_targets;
    const char *s = js_trim(a, text ? text : ""), *at, *colon, *end = "";
    struct oc_ssh_target t = {.port = 22};

    if (text_has_prefix(s, "ssh") && space_at(s + 3) > 0)
        s += 3 + space_at(s + 3);
    at = strchr(s, '@');
    t.host = at ? js_trim(a, at + 1) : s;
    if (at && !js_is_blank(arena_memdup0(a, s, (size_t)(at - s))))
        t.user = trim_n(a, s, (size_t)(at - s));
    colon = strrchr(t.host, ':');
    if (colon && colon > t.host && colon[1]) {
        t.port = parse_int(js_trim(a, colon + 1), &end);
        t.host = trim_n(a, t.host, (size_t)(colon - t.host));
        if (!isfinite(t.port) || t.port <= 0 || (strict && (*end || t.port > SSH_MAX_PORT)))
            return false;
    }
    if (!*t.host || *t.host == '-')
        return false;
    if (strict && (!is_strict_host(t.host) || (t.user && !is_strict_user(t.user))))
        return false;
    *ret = t;
    return true;
}

int oc_ssh_address(struct arena *a, const struct oc_profile *line, const char *text, const char *default_user,
                   struct oc_ssh_address *ret, struct err *e)
{
    const char *shown = text_escaped(a, text ? text : ""), *address, *why;
    struct oc_ssh_target t;

    if (text_has_prefix(js_trim(a, text ? text : ""), "ssh://"))
        return err_set(e, ERR_CONFIG, 0, "'%s' is no target: write user@host:port, without ssh://", shown);
    if (!oc_ssh_target_parse(a, line, text, &t))
        return err_set(e, ERR_CONFIG, 0, "'%s' is no target: write user@host:port", shown);
    if (t.port > SSH_MAX_PORT)
        return err_set(e, ERR_CONFIG, 0, "'%s': a port is at most %d", shown, SSH_MAX_PORT);
    if (!t.user && js_is_blank(default_user))
        return err_set(e, ERR_CONFIG, 0, "'%s' names no user, and that of this process is not known", shown);
    address = ssh_bracketed(a, t.host);
    why = t.user ? ssh_user_refuse(t.user) : NULL;
    if (!why && !address)
        why = ssh_host_refuse(t.host);
    if (why)
        return err_set(e, ERR_CONFIG, 0, "'%s': %s", shown, why);
    *ret = (struct oc_ssh_address){
        .user = t.user ? t.user : arena_strdup(a, default_user),
        .host = address ? address : js_lower(a, t.host),
        .port = (int)t.port,
    };
    return 0;
}

char *oc_ssh_endpoint(struct arena *a, const struct oc_ssh_address *address)
{
    bool v6 = strchr(address->host, ':');

    return arena_printf(a, "ssh:%s@%s%s%s:%d", address->user, v6 ? "[" : "", address->host, v6 ? "]" : "", address->port);
}

/* --- names --------------------------------------------------------------------------------------------------------------------
 */

char *oc_ssh_runtime_id(struct arena *a, const struct oc_profile *line, const char *scope_key)
{
    line = oc_line(line);
    return arena_printf(a, "openclaw-ssh-%s",
                        line->scope_by_workspace && oc_is_workspace_key(scope_key) ? oc_slug(a, line, scope_key)
                                                                                   : oc_short_slug(a, scope_key, true));
}

struct oc_ssh_layout oc_ssh_layout(struct arena *a, const struct oc_profile *line, const char *workspace_root,
                                   const char *scope_key)
{
    struct oc_ssh_layout l = {.id = oc_ssh_runtime_id(a, line, scope_key)};

    l.root = path_join(a, workspace_root, l.id);
    l.workspace = path_join(a, l.root, "workspace");
    l.agent = path_join(a, l.root, "agent");
    return l;
}

/* --- sessions -----------------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *data, *file;
} materials[OC_SSH_MATERIAL_COUNT] = {
    [OC_SSH_IDENTITY] = {"identityData", "identityFile"},
    [OC_SSH_CERTIFICATE] = {"certificateData", "certificateFile"},
    [OC_SSH_KNOWN_HOSTS] = {"knownHostsData", "knownHostsFile"},
};

const char *oc_ssh_data_key(enum oc_ssh_material m)
{
    return materials[m].data;
}

const char *oc_ssh_file_key(enum oc_ssh_material m)
{
    return materials[m].file;
}

/* s with each `from` replaced, from left to right; no longer than s. */
static size_t replace(char *s, size_t n, const char *from, const char *to)
{
    size_t from_n = strlen(from), to_n = strlen(to), out = 0;

    for (size_t i = 0; i < n;) {
        bool hit = n - i >= from_n && memcmp(s + i, from, from_n) == 0;

        memmove(s + out, hit ? to : s + i, hit ? to_n : 1);
        out += hit ? to_n : 1;
        i += hit ? from_n : 1;
    }
    return out;
}

struct node *oc_ssh_material_text(struct arena *a, enum oc_ssh_material m, const struct node *text)
{
    size_t skip = text->s_n >= 3 && memcmp(text->s, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    char *s = arena_alloc(a, text->s_n + 2);
    size_t n = text->s_n - skip;
    struct node *out;

    memcpy(s, text->s + skip, n);
    n = replace(s, n, "\r\n", "\n");
    n = replace(s, n, "\r", "\n");
    n = replace(s, n, "\\r\\n", "\\n");
    n = replace(s, n, "\\r", "\\n");
    if (m != OC_SSH_KNOWN_HOSTS)
        n = replace(s, n, "\\n", "\n");
    if (n == 0 || s[n - 1] != '\n')
        s[n++] = '\n';
    out = node_string_n(a, s, n);
    out->pos = text->pos;
    out->secret = text->secret;
    return out;
}

const struct node *oc_ssh_reference(const struct node *config, const struct node *entry, const char *scope,
                                    enum oc_ssh_material m)
{
    const struct node *own = text_eq(scope, "shared") ? NULL : node_path(entry, "sandbox", "ssh", materials[m].data, NULL);
    const struct node *given = own ? own : node_path(config, "agents", "defaults", "sandbox", "ssh", materials[m].data, NULL);

    return node_is(given, NODE_OBJECT) ? given : NULL;
}

static bool is_true(const struct node *n)
{
    return node_is(n, NODE_BOOL) && n->b;
}

static int set_material(struct arena *a, const struct oc_ssh_conf *conf, enum oc_ssh_material m, struct node *out, struct err *e)
{
    const struct node *data = conf->secrets[m] ? conf->secrets[m] : node_get(conf->ssh, materials[m].data);
    const char *file = node_str(node_get(conf->ssh, materials[m].file));
    struct node *text;

    if (data && !js_is_blank(node_str(data))) {
        text = oc_ssh_material_text(a, m, data);
        text->secret = true;
        node_put(a, out, materials[m].data, text);
        return 0;
    }
    if (js_is_blank(file))
        return 0;
    if (strpbrk(file, "\r\n\""))
        return err_set(e, ERR_CONFIG, 0, "ssh.%s: must not hold line breaks or double quotes", materials[m].file);
    node_put(a, out, materials[m].file, node_string(a, oc_user_path(a, conf->home, conf->cwd, file)));
    return 0;
}

int oc_ssh_connection(struct arena *a, const struct oc_ssh_conf *conf, struct node **ret, struct err *e)
{
    const char *target = node_str(node_get(conf->ssh, "target"));
    bool strict = is_true(node_get(conf->ssh, "strictHostKeyChecking"));
    struct node *out = node_object(a);
    struct oc_ssh_address address;

    if (js_is_blank(target))
        return err_set(e, ERR_CONFIG, 0, "ssh.target: backend ssh needs it");
    if (oc_ssh_address(a, conf->line, target, conf->user, &address, e) < 0)
        return err_wrap(e, "ssh.target");
    node_put(a, out, "user", node_string(a, address.user));
    node_put(a, out, "host", node_string(a, address.host));
    node_put(a, out, "port", node_number(a, address.port));
    node_put(a, out, "userConfig", node_bool(a, false));
    node_put(a, out, "strictHostKeyChecking", node_bool(a, strict));
    node_put(a, out, "updateHostKeys", node_bool(a, is_true(node_get(conf->ssh, "updateHostKeys"))));
    for (int m = 0; m < OC_SSH_MATERIAL_COUNT; m++)
        if (set_material(a, conf, (enum oc_ssh_material)m, out, e) < 0)
            return -1;
    if (!strict && !node_get(out, "knownHostsFile") && !node_get(out, "knownHostsData"))
        node_put(a, out, "knownHostsFile", node_string(a, "/dev/null"));
    if (!js_is_blank(conf->agent_socket))
        node_put(a, out, "agentSocket", node_string(a, conf->agent_socket));
    *ret = out;
    return 0;
}

int oc_ssh_check(struct arena *a, const struct oc_profile *line, const struct node *sandbox, struct err *e)
{
    const struct node *binds = node_path(sandbox, "docker", "binds", NULL);
    const char *target = node_str(node_path(sandbox, "ssh", "target", NULL));
    struct oc_ssh_address ignored;

    if (node_is(binds, NODE_ARRAY) && binds->n_items > 0)
        return err_set(e, ERR_CONFIG, 0, "docker.binds: backend ssh mounts nothing");
    if (js_is_blank(target))
        return err_set(e, ERR_CONFIG, 0, "ssh.target: backend ssh needs it");
    if (oc_ssh_address(a, line, target, "user", &ignored, e) < 0)
        return err_wrap(e, "ssh.target");
    if (is_true(node_path(sandbox, "browser", "enabled", NULL)))
        return err_set(e, ERR_CONFIG, 0, "browser.enabled: backend ssh has no browsers");
    return 0;
}

/* --- remote commands ----------------------------------------------------------------------------------------------------------
 */

static void put_quoted(struct buf *b, const char *word)
{
    buf_putc(b, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            buf_puts(b, "'\"'\"'");
        else
            buf_putc(b, *word);
    }
    buf_putc(b, '\'');
}

/* The buffer's text in the arena. */
static char *taken(struct arena *a, struct buf *b)
{
    return arena_memdup0(a, buf_str(b), b->n);
}

char *oc_ssh_quote(struct arena *a, const char *word)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 2);

    put_quoted(&b, word);
    return taken(a, &b);
}

static void put_word(struct buf *b, const char *word)
{
    if (b->n > 0)
        buf_putc(b, ' ');
    put_quoted(b, word);
}

char *oc_ssh_command(struct arena *a, const char *const *words)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 2);

    for (; *words; words++)
        put_word(&b, *words);
    return taken(a, &b);
}

char *oc_ssh_exec_command(struct arena *a, const struct node *env, const char *workdir, const char *command)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 2);

    if (env && env->n_members > 0)
        put_word(&b, "env");
    for (size_t i = 0; env && i < env->n_members; i++)
        put_word(&b, arena_printf(a, "%s=%s", env->members[i].key, env->members[i].value->s));
    put_word(&b, "/bin/sh");
    put_word(&b, "-c");
    put_word(&b, workdir && *workdir ? arena_printf(a, "cd %s && %s", oc_ssh_quote(a, workdir), command) : command);
    return taken(a, &b);
}

char *oc_ssh_config_host(struct arena *a, const char *config_text)
{
    bool begins = true; /* nothing but white space since a line began */

    for (const char *p = config_text; *p;) {
        size_t left = strlen(p), n = 0, step;
        uint32_t cp = 0;

        if (begins && text_has_prefix(p, "Host") && space_at(p + 4) > 0) {
            p += 4 + space_at(p + 4);
            while (p[n] && space_at(p + n) == 0)
                n++;
            return n > 0 ? arena_memdup0(a, p, n) : NULL;
        }
        step = utf8_decode(p, left, &cp);
        if (step == 0 || !js_is_space(cp))
            begins = false;
        else if (cp == '\n' || cp == '\r' || cp == 0x2028 || cp == 0x2029)
            begins = true;
        p += step > 0 ? step : 1;
    }
    return NULL;
}
