#include "spec/openclaw/secrets.h"

#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/openclaw/paths.h"
#include "spec/read/json.h"

#include <string.h>
#include <sys/stat.h>

struct reference {
    const char *source, *provider, *id;
};

/* The name in "${NAME}" or "$NAME"; NULL: it is no such text. */
static char *template_name(struct arena *a, const char *text)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *s = js_trim(a, text);
    size_t n = strlen(s), open;

    if (n < 2 || *s != '$')
        return NULL;
    open = s[1] == '{';
    if (open && s[n - 1] != '}')
        return NULL;
    s = arena_memdup0(a, s + 1 + open, n - 1 - 2 * open);
    return *s && strchr(upper, *s) && strspn(s, rest) == strlen(s) && strlen(s) <= 128 ? arena_strdup(a, s) : NULL;
}

bool oc_is_secret_reference(const struct node *value)
{
    const char *s = node_str(value);

    if (s) {
        ARENA_AUTO a = arena_new();

        return template_name(a, s) != NULL;
    }
    return node_is(value, NODE_OBJECT);
}

static const char *default_provider(struct arena *a, const struct node *config, const char *source)
{
    const char *s = node_str(node_path(config, "secrets", "defaults", source, NULL));

    return js_is_blank(s) ? "default" : js_trim(a, s);
}

static struct reference reference_of(struct arena *a, const struct node *config, const struct node *n)
{
    struct reference r = {"env", NULL, NULL};

    if (n->kind == NODE_STRING) {
        r.id = template_name(a, n->s);
    } else {
        r.source = node_str(node_get(n, "source"));
        r.provider = node_str(node_get(n, "provider"));
        r.id = node_str(node_get(n, "id"));
    }
    if (!r.provider && r.source)
        r.provider = default_provider(a, config, r.source);
    if (r.id)
        r.id = js_trim(a, r.id);
    return r;
}

static int from_env(const struct oc_secrets *s, const struct reference *r, const struct node *provider, char **ret, size_t *ret_n,
                    struct err *e)
{
    const struct node *allowed = node_get(provider, "allowlist"), *value = node_get(s->env, r->id);
    bool listed = !node_is(allowed, NODE_ARRAY);

    for (size_t i = 0; !listed && i < allowed->n_items; i++)
        listed = text_eq(node_str(allowed->items[i]), r->id);
    if (!listed)
        return err_set(e, ERR_CONFIG, 0, "secrets.providers.%s.allowlist does not name %s", r->provider, r->id);
    if (!node_is(value, NODE_STRING))
        return err_set(e, ERR_NOT_FOUND, 0, "the variable is not set");
    *ret = (char *)value->s;
    *ret_n = value->s_n;
    return 0;
}

/* The value at a JSON pointer; NULL: there is none. */
static const struct node *at_pointer(struct arena *a, const struct node *n, const char *pointer)
{
    while (n && *pointer == '/') {
        size_t len = strcspn(++pointer, "/"), k = 0;
        char *token = arena_alloc(a, len + 1);
        uint64_t index;

        for (size_t i = 0; i < len; i++) {
            bool escaped = pointer[i] == '~' && i + 1 < len && (pointer[i + 1] == '0' || pointer[i + 1] == '1');

            token[k++] = !escaped ? pointer[i] : pointer[i + 1] == '1' ? '/' : '~';
            i += escaped;
        }
        pointer += len;
        if (n->kind == NODE_ARRAY)
            n = num_parse_u64(token, &index) && index < n->n_items ? n->items[index] : NULL;
        else
            n = node_get(n, token);
    }
    return n;
}

static int check_file(const struct oc_secrets *s, const char *path, const struct node *provider, struct err *e)
{
    const struct node *insecure = node_get(provider, "allowInsecurePath");
    struct fs_stat st;

    if (s->fs->stat(s->fs->ctx, path, false, &st, e) < 0)
        return -1;
    if (st.kind == FS_SYMLINK)
        return err_set(e, ERR_CONFIG, 0, "is a symbolic link");
    if (st.kind != FS_FILE)
        return err_set(e, ERR_CONFIG, 0, "is no file");
    if (node_is(insecure, NODE_BOOL) && insecure->b)
        return 0;
    if (st.mode & (S_IRWXG | S_IRWXO) & ~(unsigned)(S_IXGRP | S_IXOTH))
        return err_set(e, ERR_CONFIG, 0, "may be read or written by others");
    if (st.uid != s->uid)
        return err_set(e, ERR_CONFIG, 0, "belongs to another user");
    return 0;
}

static int from_file(struct arena *a, const struct oc_secrets *s, const struct reference *r, const struct node *provider,
                     char **ret, size_t *ret_n, struct err *e)
{
    const struct node *max = node_get(provider, "maxBytes"), *found;
    size_t limit =
        node_is(max, NODE_NUMBER) && max->num >= 1 && max->num < SECRET_FILE_BYTES_MAX ? (size_t)max->num : SECRET_FILE_BYTES_MAX;
    const char *path = node_str(node_get(provider, "path"));
    struct diags d = {.arena = a};
    struct node *root;
    char *text;
    size_t n;

    if (js_is_blank(path))
        return err_set(e, ERR_CONFIG, 0, "secrets.providers.%s has no path", r->provider);
    path = oc_user_path(a, s->places->home, s->places->cwd, path);
    if (check_file(s, path, provider, e) < 0 || s->source->file(s->source->ctx, a, path, limit, &text, &n, e) < 0)
        return err_wrap(e, "secrets.providers.%s.path: %s", r->provider, text_escaped(a, path));
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        n -= 3;
    }
    if (text_eq(node_str(node_get(provider, "mode")), "singleValue")) {
        if (strcmp(r->id, "value") != 0)
            return err_set(e, ERR_CONFIG, 0, "the id of a single value is 'value', not '%s'", text_escaped(a, r->id));
        n -= n > 0 && text[n - 1] == '\n' ? n > 1 && text[n - 2] == '\r' ? 2 : 1 : 0;
        *ret = arena_memdup0(a, text, n);
        *ret_n = n;
        return 0;
    }
    root = json_read(a, path, text, n, &d); /* what is wrong with it might tell of a secret */
    if (!node_is(root, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "secrets.providers.%s.path: %s: is no JSON object", r->provider, text_escaped(a, path));
    found = at_pointer(a, root, r->id);
    if (!node_is(found, NODE_STRING))
        return err_set(e, ERR_NOT_FOUND, 0, "secrets.providers.%s.path: %s: there is no text at %s", r->provider,
                       text_escaped(a, path), text_escaped(a, r->id));
    *ret = (char *)found->s;
    *ret_n = found->s_n;
    return 0;
}

static int follow(struct arena *a, const struct oc_secrets *s, const struct reference *r, char **ret, size_t *ret_n,
                  struct err *e)
{
    const struct node *provider = node_path(s->config, "secrets", "providers", r->provider, NULL);
    const char *source = node_str(node_get(provider, "source"));

    if (!s->source)
        return err_set(e, ERR_UNSUPPORTED, 0, "references cannot be followed here");
    if (strcmp(r->source, "env") != 0 && strcmp(r->source, "file") != 0)
        return err_set(e, ERR_UNSUPPORTED, 0, "reconclaw asks no secret provider of source %s; use env or file",
                       text_escaped(a, r->source));
    if (!text_eq(source, r->source)) {
        /* Of 2026.9 the default provider needs no configuration even where its name is another's. */
        if (strcmp(r->source, "env") == 0 && strcmp(r->provider, default_provider(a, s->config, "env")) == 0 &&
            (!source || oc_line_of(s->places)->keyed_roster))
            return from_env(s, r, NULL, ret, ret_n, e);
        if (!source)
            return err_set(e, ERR_CONFIG, 0, "there is no secrets.providers.%s", r->provider);
        return err_set(e, ERR_CONFIG, 0, "secrets.providers.%s is of source %s", r->provider, text_escaped(a, source));
    }
    return strcmp(source, "env") == 0 ? from_env(s, r, provider, ret, ret_n, e) : from_file(a, s, r, provider, ret, ret_n, e);
}

int oc_secret_resolve(struct arena *a, const struct oc_secrets *s, const struct node *reference, struct node **ret, struct err *e)
{
    const struct reference r = reference_of(a, s->config, reference);
    struct node *out;
    char *text;
    size_t n;

    if (!r.source || !r.provider || !r.id || js_is_blank(r.id))
        return err_set(e, ERR_CONFIG, 0, "is no secret reference");
    if (follow(a, s, &r, &text, &n, e) < 0)
        return err_wrap(e, "secret %s:%s:%s", r.source, r.provider, text_escaped(a, r.id));
    if (n == 0 || js_is_blank(text))
        return err_set(e, ERR_NOT_FOUND, 0, "secret %s:%s:%s: is empty", r.source, r.provider, text_escaped(a, r.id));
    out = node_string_n(a, text, n);
    out->pos = reference->pos;
    out->secret = true;
    *ret = out;
    return 0;
}
