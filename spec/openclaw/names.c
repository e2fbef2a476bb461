#include "spec/openclaw/names.h"

#include "spec/base/digest.h"
#include "spec/base/path.h"

#include <string.h>

enum { AGENT_ID_MAX = 64, SLUG_BODY_MAX = 32, RUNTIME_NAME_MAX = 63, WORKSPACE_HEX = 32, NAME_HASH_HEX = 12 };

static const char workspace_mark[] = ":workspace:";

/* Text with its length: config values may hold NULs, which JavaScript takes for characters like others. */
struct view {
    const char *s;
    size_t n;
};

static struct view view_of(const char *s)
{
    return s == NULL ? (struct view){"", 0} : (struct view){s, strlen(s)};
}

static bool view_is(struct view v, const char *s)
{
    return v.n == strlen(s) && memcmp(v.s, s, v.n) == 0;
}

static struct view trim(struct view v)
{
    size_t begin = v.n, end = 0;
    for (size_t i = 0; i < v.n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(v.s + i, v.n - i, &cp);
        bool space = len > 0 && js_is_space(cp);
        len = len > 0 ? len : 1;
        if (!space) {
            begin = begin < i ? begin : i;
            end = i + len;
        }
        i += len;
    }
    return end == 0 ? (struct view){"", 0} : (struct view){v.s + begin, end - begin};
}

/* toLowerCase as far as names can tell: all that is not ASCII afterwards ends as a dash, so that only those code points count
 * whose lower case is or holds an ASCII letter: A-Z, U+212A KELVIN SIGN, U+0130 (i and a combining dot). */
static struct view lower(struct arena *a, struct view v)
{
    char *out = arena_alloc(a, v.n * 2 + 1);
    size_t n = 0;
    for (size_t i = 0; i < v.n;) {
        static const char kelvin[] = "\xe2\x84\xaa", dotted_i[] = "\xc4\xb0", i_dot[] = "i\xcc\x87";
        if (v.n - i >= 3 && memcmp(v.s + i, kelvin, 3) == 0) {
            out[n++] = 'k';
            i += 3;
        } else if (v.n - i >= 2 && memcmp(v.s + i, dotted_i, 2) == 0) {
            memcpy(out + n, i_dot, 3);
            n += 3;
            i += 2;
        } else {
            char c = v.s[i++];
            out[n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
    }
    out[n] = '\0';
    return (struct view){out, n};
}

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool in_agent_id(char c)
{
    return is_lower_alnum(c) || c == '_' || c == '-';
}

static bool in_slug(char c)
{
    return in_agent_id(c) || c == '.';
}

/* s.replace(/[^...]+/g, "-").replace(/^-+|-+$/g, "").slice(0, max), which is all ASCII. */
static char *dashed(struct arena *a, struct view v, bool (*keep)(char), size_t max)
{
    char *out = arena_alloc(a, v.n + 1);
    size_t n = 0;
    bool in_run = false;
    for (size_t i = 0; i < v.n; i++) {
        bool kept = keep(v.s[i]);
        if (kept || !in_run)
            out[n++] = kept ? v.s[i] : '-';
        in_run = !kept;
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    size_t skip = 0;
    while (skip < n && out[skip] == '-')
        skip++;
    n = n - skip < max ? n - skip : max;
    return arena_memdup0(a, out + skip, n);
}

/* /^[a-z0-9][a-z0-9_-]{0,63}$/i */
static bool is_valid_agent_id(struct view v)
{
    if (v.n == 0 || v.n > AGENT_ID_MAX)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        char c = v.s[i] >= 'A' && v.s[i] <= 'Z' ? (char)(v.s[i] | 0x20) : v.s[i];
        if (i == 0 ? !is_lower_alnum(c) : !in_agent_id(c))
            return false;
    }
    return true;
}

const struct oc_profile *oc_line_of(const struct oc_places *places)
{
    return oc_line(places->line);
}

char *oc_well_formed(struct arena *a, const char *s, size_t n, size_t *ret_n)
{
    char *out = arena_alloc(a, n * 3 + 1);
    size_t m = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0, low = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);
        if (len == 0) {
            len = 1;
            cp = 0xFFFD;
        } else if (cp >= 0xD800 && cp <= 0xDFFF) {
            size_t second = i + len < n ? utf8_decode(s + i + len, n - i - len, &low) : 0;
            if (cp <= 0xDBFF && second > 0 && low >= 0xDC00 && low <= 0xDFFF) {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
                len += second;
            } else {
                cp = 0xFFFD;
            }
        }
        m += utf8_encode(cp, out + m);
        i += len;
    }
    out[m] = '\0';
    *ret_n = m;
    return out;
}

char *oc_agent_id_n(struct arena *a, const char *s, size_t n)
{
    struct view t = trim((struct view){s, n});
    struct view l = lower(a, t);
    if (is_valid_agent_id(t))
        return arena_memdup0(a, l.s, l.n);
    char *id = dashed(a, l, in_agent_id, AGENT_ID_MAX);
    return *id != '\0' ? id : arena_strdup(a, "main");
}

char *oc_agent_id(struct arena *a, const char *s)
{
    struct view v = view_of(s);
    return oc_agent_id_n(a, v.s, v.n);
}

static const struct node *agents_list(const struct node *config)
{
    return node_path(config, "agents", "list", NULL);
}

static char *entry_id(struct arena *a, const struct node *entry)
{
    const struct node *id = node_get(entry, "id");
    return node_is(id, NODE_STRING) ? oc_agent_id_n(a, id->s, id->s_n) : arena_strdup(a, "main");
}

static bool is_truthy(const struct node *n)
{
    if (n == NULL)
        return false;
    switch (n->kind) {
    case NODE_NULL:
        return false;
    case NODE_BOOL:
        return n->b;
    case NODE_NUMBER:
        return n->num < 0 || n->num > 0;
    case NODE_STRING:
        return n->s_n > 0;
    case NODE_ARRAY:
    case NODE_OBJECT:
    case NODE_KIND_COUNT:
        return true;
    }
    return true;
}

char *oc_default_agent(struct arena *a, const struct oc_profile *line, const struct node *config)
{
    const struct node *list = agents_list(config), *first = NULL;
    bool alone = true;
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++) {
        const struct node *entry = list->items[i];
        if (!node_is(entry, NODE_OBJECT))
            continue;
        alone = first == NULL;
        if (first == NULL)
            first = entry;
        if (is_truthy(node_get(entry, "default")))
            return entry_id(a, entry);
    }
    return line->has_default_agent || alone ? entry_id(a, first) : NULL;
}

/* Whether an entry's normalised id is agent_id, which is normalised. An id that is written so already, as nearly all are, is
 * told apart without a copy. */
static bool has_id(struct arena *a, const struct node *entry, const char *agent_id, size_t agent_id_n)
{
    const struct node *id = node_get(entry, "id");
    if (node_is(id, NODE_STRING) && id->s_n > 0 && id->s_n <= AGENT_ID_MAX && is_lower_alnum(id->s[0])) {
        if (id->s_n == agent_id_n && memcmp(id->s, agent_id, agent_id_n) == 0)
            return true;
        size_t i = 1;
        while (i < id->s_n && in_agent_id(id->s[i]))
            i++;
        if (i == id->s_n)
            return false;
    }
    return strcmp(entry_id(a, entry), agent_id) == 0;
}

struct node *oc_agent_entry(struct arena *a, const struct node *config, const char *agent_id)
{
    const struct node *list = agents_list(config);
    size_t n = strlen(agent_id);
    for (size_t i = 0; node_is(list, NODE_ARRAY) && i < list->n_items; i++)
        if (node_is(list->items[i], NODE_OBJECT) && has_id(a, list->items[i], agent_id, n))
            return list->items[i];
    return NULL;
}

/* The next part of a key split at colons, empty ones left out; false at the end. */
static bool next_part(struct view *rest, struct view *ret)
{
    while (rest->n > 0) {
        const char *colon = memchr(rest->s, ':', rest->n);
        size_t n = colon != NULL ? (size_t)(colon - rest->s) : rest->n, step = n + (colon != NULL);
        *ret = (struct view){rest->s, n};
        rest->s += step;
        rest->n -= step;
        if (n > 0)
            return true;
    }
    return false;
}

/* 2026.9's: exactly "agent:", an id up to the next colon, and something after it that is no colon. */
static char *strict_key_agent(struct arena *a, struct view key)
{
    static const char head[] = "agent:";
    const size_t n = sizeof head - 1;
    if (key.n < n || memcmp(key.s, head, n) != 0)
        return NULL;
    const char *colon = memchr(key.s + n, ':', key.n - n);
    if (colon == NULL || colon + 1 == key.s + key.n || colon[1] == ':')
        return NULL;
    struct view id = trim((struct view){key.s + n, (size_t)(colon - key.s) - n});
    return id.n > 0 ? oc_agent_id_n(a, id.s, id.n) : NULL;
}

char *oc_session_key_agent(struct arena *a, const struct oc_profile *line, const char *session_key)
{
    struct view rest = lower(a, trim(view_of(session_key)));
    struct view first, id, third;
    if (line->strict_session_keys)
        return strict_key_agent(a, rest);
    if (!next_part(&rest, &first) || !next_part(&rest, &id) || !next_part(&rest, &third) || !view_is(first, "agent"))
        return NULL;
    id = trim(id);
    return id.n > 0 ? oc_agent_id_n(a, id.s, id.n) : NULL;
}

char *oc_session_agent(struct arena *a, const struct oc_profile *line, const struct node *config, const char *session_key)
{
    char *id = oc_session_key_agent(a, line, session_key);
    if (id != NULL)
        return id;
    struct view key = lower(a, trim(view_of(session_key)));
    if (line->strict_session_keys && text_has_prefix(key.s, "agent:"))
        return NULL;
    return oc_default_agent(a, line, config);
}

static bool is_global(const struct node *config)
{
    return text_eq(node_str(node_path(config, "session", "scope", NULL)), "global");
}

char *oc_main_session_key(struct arena *a, const struct node *config, const char *agent_id)
{
    return is_global(config) ? arena_strdup(a, "global") : arena_printf(a, "agent:%s:main", oc_agent_id(a, agent_id));
}

char *oc_canonical_session_key(struct arena *a, const struct node *config, const char *agent_id, const char *session_key)
{
    struct view t = trim(view_of(session_key));
    const char *own = arena_printf(a, "agent:%s:main", oc_agent_id(a, agent_id));
    if (view_is(t, "main") || view_is(t, own) || view_is(t, "agent:main:main"))
        return oc_main_session_key(a, config, agent_id);
    return arena_memdup0(a, t.s, t.n);
}

bool oc_is_sandboxed(struct arena *a, const struct node *config, const char *mode, const char *agent_id, const char *session_key)
{
    if (text_eq(mode, "off") || js_is_blank(session_key))
        return false;
    return text_eq(mode, "all") ||
           strcmp(oc_canonical_session_key(a, config, agent_id, session_key), oc_main_session_key(a, config, agent_id)) != 0;
}

/* OpenClaw's resolveUserPath: trimmed, a leading "~" is the home, the rest against cwd. Blank stays "". NULs go. */
static char *user_path(struct arena *a, struct view v, const struct oc_places *places)
{
    struct view t = trim(v);
    char *s = arena_alloc(a, t.n + 1);
    size_t len = 0;
    for (size_t i = 0; i < t.n; i++)
        if (t.s[i] != '\0')
            s[len++] = t.s[i];
    if (len == 0)
        return s;
    if (s[0] == '~' && (s[1] == '\0' || s[1] == '/' || s[1] == '\\'))
        s = arena_printf(a, "%s%s", places->home, s + 1);
    return path_resolve(a, places->cwd, s);
}

static char *default_workspace(struct arena *a, const struct oc_places *places)
{
    struct view profile = trim(view_of(places->profile));
    struct view l = lower(a, profile);
    const char *name = "workspace";
    if (oc_line_of(places)->workspace_in_state && !js_is_blank(places->workspace_dir))
        return path_resolve(a, places->cwd, js_trim(a, places->workspace_dir));
    if (oc_line_of(places)->workspace_in_state) {
        const char *of_profile =
            l.n > 0 && !view_is(l, "default") ? arena_printf(a, ".openclaw-%.*s", (int)profile.n, profile.s) : ".openclaw";
        return path_join(a, places->state_dir_given ? places->state_dir : path_join(a, places->home, of_profile), name);
    }
    if (l.n > 0 && !view_is(l, "default"))
        name = arena_printf(a, "workspace-%.*s", (int)profile.n, profile.s);
    return path_join(a, path_join(a, places->home, ".openclaw"), name);
}

static struct view view_of_node(const struct node *n)
{
    return node_is(n, NODE_STRING) ? (struct view){n->s, n->s_n} : view_of(NULL);
}

/* The path hashed as JavaScript hashes it: its text as UTF-8. */
static char *with_workspace(struct arena *a, const struct oc_places *places, const char *key, const char *agent_workspace_dir)
{
    struct view dir = view_of(agent_workspace_dir);
    char *resolved = user_path(a, dir, places), hex[DIGEST_HEX];
    if (*resolved == '\0')
        resolved = default_workspace(a, places);
    size_t n;
    const char *hashed = oc_well_formed(a, resolved, strlen(resolved), &n);
    digest_sha256_hex(hashed, n, hex);
    return arena_printf(a, "%s%s%.*s", key, workspace_mark, WORKSPACE_HEX, hex);
}

char *oc_scope_key(struct arena *a, const struct oc_places *places, const char *scope, const char *agent_id,
                   const char *session_key, const char *agent_workspace_dir)
{
    const struct oc_profile *line = oc_line_of(places);
    if (text_eq(scope, "shared"))
        return arena_strdup(a, "shared");
    struct view t = trim(view_of(session_key));
    char *key = t.n > 0 ? arena_memdup0(a, t.s, t.n) : arena_strdup(a, "main");
    if (!text_eq(scope, "session")) {
        const char *id = oc_session_key_agent(a, line, key);
        if (line->scope_by_workspace && agent_id != NULL && *agent_id != '\0')
            id = oc_agent_id(a, agent_id);
        if (id == NULL && line->scope_by_workspace)
            return NULL;
        key = arena_printf(a, "agent:%s", id != NULL ? id : "main");
    }
    return line->scope_by_workspace ? with_workspace(a, places, key, agent_workspace_dir) : key;
}

char *oc_scope_agent(struct arena *a, const struct oc_profile *line, const char *scope_key)
{
    struct view t = trim(view_of(scope_key)), rest = t, first, id;
    if (t.n == 0 || view_is(t, "shared"))
        return NULL;
    if (next_part(&rest, &first) && view_is(first, "agent") && next_part(&rest, &id))
        return oc_agent_id_n(a, id.s, id.n);
    char *parsed = oc_session_key_agent(a, line, scope_key);
    return parsed != NULL || line->scope_by_workspace ? parsed : arena_strdup(a, "main");
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* /:workspace:[a-f0-9]{32}$/i */
static bool ends_in_workspace(struct view v)
{
    const size_t mark = sizeof workspace_mark - 1;
    if (v.n < mark + WORKSPACE_HEX)
        return false;
    const char *p = v.s + v.n - WORKSPACE_HEX;
    for (size_t i = 0; i < WORKSPACE_HEX; i++)
        if (!is_hex(p[i]))
            return false;
    return strncasecmp(p - mark, workspace_mark, mark) == 0;
}

bool oc_is_workspace_key(const char *scope_key)
{
    return ends_in_workspace(trim(view_of(scope_key)));
}

char *oc_scope_base(struct arena *a, const char *scope_key)
{
    struct view t = trim(view_of(scope_key));
    return arena_memdup0(a, t.s, ends_in_workspace(t) ? t.n - (sizeof workspace_mark - 1 + WORKSPACE_HEX) : t.n);
}

bool oc_is_isolated_key(const char *scope_key)
{
    static const char *const kinds[] = {"principal", "required-session"};
    struct view t = trim(view_of(scope_key)), rest = t, agent, id, kind, subject;
    if (!ends_in_workspace(t) || !next_part(&rest, &agent) || !next_part(&rest, &id) || !next_part(&rest, &kind) ||
        !next_part(&rest, &subject) || !view_is(agent, "agent") || subject.n != WORKSPACE_HEX ||
        rest.n + 1 != sizeof workspace_mark - 1 + WORKSPACE_HEX)
        return false;
    for (size_t i = 0; i < subject.n; i++)
        if (!is_hex(subject.s[i]))
            return false;
    return view_is(kind, kinds[0]) || view_is(kind, kinds[1]);
}

char *oc_slug_n(struct arena *a, const struct oc_profile *line, const char *s, size_t n)
{
    struct view t = trim((struct view){s, n});
    if (t.n == 0)
        t = view_of("session");
    size_t hashed_n;
    const char *hashed = oc_well_formed(a, t.s, t.n, &hashed_n);
    char hex[DIGEST_HEX];
    digest_sha256_hex(hashed, hashed_n, hex);
    if (line->scope_by_workspace && ends_in_workspace(t))
        return arena_printf(a, "workspace-%.*s", WORKSPACE_HEX, hex);
    const char *body = dashed(a, lower(a, t), in_slug, SLUG_BODY_MAX);
    return arena_printf(a, "%s-%.8s", *body != '\0' ? body : "session", hex);
}

char *oc_slug(struct arena *a, const struct oc_profile *line, const char *s)
{
    struct view v = view_of(s);
    return oc_slug_n(a, line, v.s, v.n);
}

static bool in_dash_slug(char c)
{
    return is_lower_alnum(c) || c == '-';
}

char *oc_short_slug(struct arena *a, const char *s, bool dots)
{
    struct view t = trim(view_of(s));
    t = t.n > 0 ? t : view_of("session");
    const char *body = dashed(a, lower(a, t), dots ? in_slug : in_dash_slug, SLUG_BODY_MAX);
    uint32_t hash = 5381;
    /* Of each character only its first UTF-16 unit counts, so that all of one block of 1024 are the same. */
    for (size_t i = 0; i < t.n;) {
        uint32_t cp = 0, low = 0;
        size_t len = utf8_decode(t.s + i, t.n - i, &cp);
        cp = len > 0 ? cp : 0xFFFD;
        len = len > 0 ? len : 1;
        /* A pair of surrogates, each in its own three bytes, is one character too. */
        if (cp >= 0xD800 && cp <= 0xDBFF && i + len < t.n && utf8_decode(t.s + i + len, t.n - i - len, &low) > 0 &&
            low >= 0xDC00 && low <= 0xDFFF)
            len += len;
        hash = (hash * 33) ^ (cp > 0xFFFF ? 0xD800 + ((cp - 0x10000) >> 10) : cp);
        i += len;
    }
    return arena_printf(a, "%s-%x", *body != '\0' ? body : "session", hash);
}

char *oc_podman_prefix(struct arena *a, const char *container_prefix)
{
    return arena_printf(a, "%spodman-", container_prefix);
}

/* A name of at most 63 units that still tells its scope: what comes before the slug is cut where the slug is a hash of a
 * workspace, else the end; and then a hash of the name as it would have been. */
static char *bounded_name(struct arena *a, const char *prefix, const char *slug)
{
    const char *full = arena_printf(a, "%s%s", prefix, slug);
    if (js_length(full, strlen(full)) <= RUNTIME_NAME_MAX)
        return arena_strdup(a, full);
    size_t n;
    const char *hashed = oc_well_formed(a, full, strlen(full), &n);
    char hex[DIGEST_HEX];
    digest_sha256_hex(hashed, n, hex);
    const char *mark = workspace_mark + 1; /* without the first colon; the slug has a dash for the other */
    const size_t mark_n = sizeof workspace_mark - 3;
    bool is_hash = strlen(slug) == mark_n + 1 + WORKSPACE_HEX && memcmp(slug, mark, mark_n) == 0 && slug[mark_n] == '-';
    for (size_t i = 0; is_hash && i < WORKSPACE_HEX; i++)
        is_hash = is_hex(slug[mark_n + 1 + i]);
    const char *end =
        is_hash ? arena_printf(a, "-%s-%.*s", slug, NAME_HASH_HEX, hex) : arena_printf(a, "-%.*s", NAME_HASH_HEX, hex);
    return arena_printf(a, "%s%s", js_slice(a, is_hash ? prefix : full, RUNTIME_NAME_MAX - strlen(end)), end);
}

char *oc_runtime_name(struct arena *a, const struct oc_profile *line, const char *prefix, const char *scope,
                      const char *scope_key)
{
    const char *slug = text_eq(scope, "shared") ? "shared" : oc_slug(a, line, scope_key);
    if (line->bounded_names)
        return bounded_name(a, prefix, slug);
    return js_slice(a, arena_printf(a, "%s%s", prefix, slug), RUNTIME_NAME_MAX);
}

char *oc_agent_workspace_of(struct arena *a, const struct node *config, const struct oc_agent *agent,
                            const struct oc_places *places)
{
    char *own = user_path(a, view_of_node(node_get(agent->entry, "workspace")), places);
    if (*own != '\0')
        return own;
    char *fallback = user_path(a, view_of_node(node_path(config, "agents", "defaults", "workspace", NULL)), places);
    const char *owner = agent->default_id != NULL ? agent->default_id : oc_default_agent(a, oc_line_of(places), config);
    if (text_eq(agent->id, owner))
        return *fallback != '\0' ? fallback : default_workspace(a, places);
    if (*fallback != '\0')
        return path_join(a, fallback, agent->id);
    return path_join(a, places->state_dir, arena_printf(a, "workspace-%s", agent->id));
}

char *oc_agent_workspace_dir(struct arena *a, const struct node *config, const char *agent_id, const struct oc_places *places)
{
    const char *id = oc_agent_id(a, agent_id);
    return oc_agent_workspace_of(a, config, &(struct oc_agent){.id = id, .entry = oc_agent_entry(a, config, id)}, places);
}

char *oc_sandbox_workspace_dir(struct arena *a, const char *workspace_root, const char *scope, const char *scope_key,
                               const struct oc_places *places)
{
    char *dir = user_path(a, view_of(workspace_root), places);
    return text_eq(scope, "shared") ? dir : path_join(a, dir, oc_slug(a, oc_line_of(places), scope_key));
}

struct oc_dirs oc_dirs(struct arena *a, const struct node *config, const char *agent_id, const struct node *sandbox,
                       const char *scope_key, const struct oc_places *places)
{
    const char *id = oc_agent_id(a, agent_id);
    const struct oc_agent agent = {.id = id, .entry = oc_agent_entry(a, config, id)};
    return oc_dirs_of(a, config, &agent, sandbox, scope_key, places);
}

struct oc_dirs oc_dirs_of(struct arena *a, const struct node *config, const struct oc_agent *agent, const struct node *sandbox,
                          const char *scope_key, const struct oc_places *places)
{
    struct oc_dirs d = {.agent_workspace_dir = oc_agent_workspace_of(a, config, agent, places)};
    if (text_eq(node_str(node_get(sandbox, "workspaceAccess")), "rw"))
        d.workspace_dir = d.agent_workspace_dir;
    else
        d.workspace_dir = oc_sandbox_workspace_dir(a, node_str(node_get(sandbox, "workspaceRoot")),
                                                   node_str(node_get(sandbox, "scope")), scope_key, places);
    d.skills_workspace_dir = d.workspace_dir;
    if (d.workspace_dir == d.agent_workspace_dir && oc_line_of(places)->scope_by_workspace)
        d.skills_workspace_dir = path_join(
            a,
            path_join(a, path_join(a, places->state_dir, "sandbox/skills-workspaces"), oc_slug(a, oc_line_of(places), scope_key)),
            ".openclaw/sandbox-skills");
    return d;
}
