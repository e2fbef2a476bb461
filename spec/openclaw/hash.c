#include "spec/openclaw/hash.h"

#include "spec/openclaw/create.h"
#include "spec/openclaw/profile.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/ucol.h>

/* --- locale -------------------------------------------------------------------------------------------------------------- */

const char *oc_locale(struct arena *a, const char *lc_all, const char *lc_messages, const char *lang)
{
    const char *set = lc_all != NULL ? lc_all : lc_messages != NULL ? lc_messages : lang;
    if (set == NULL)
        return "en_US";
    char *name = arena_memdup0(a, set, strcspn(set, ".@"));
    if (strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0 || strcmp(name, "en_US_POSIX") == 0)
        return "en_US";
    return name;
}

/* Languages whose ASCII sorts as in CLDR's root, as V8 has it for its own short cut; "" is the root. */
static const char *const root_ascii[] = {"",   "ca", "de", "en", "es", "fi", "fr", "id", "it",
                                         "ms", "nl", "pl", "pt", "ro", "sl", "sv", "sw", "vi"};

static bool has_own_ascii(const char *locale)
{
    size_t n = strcspn(locale, "_-");
    for (size_t i = 0; i < sizeof root_ascii / sizeof *root_ascii; i++)
        if (strlen(root_ascii[i]) == n && memcmp(root_ascii[i], locale, n) == 0)
            return false;
    return true;
}

/* --- ASCII in the root's order --------------------------------------------------------------------------------------------- */

/* Primary weights by character: tab, line feed and the like, blank, punctuation from _ to $, digits, then letters, both cases
 * alike. Other control characters have none and are passed over. */
static const unsigned char primary_weights[128] = {
    /* clang-format off */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  2,  3,  4,  5,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     6, 12, 16, 28, 38, 29, 27, 15, 17, 18, 24, 32,  9,  8, 14, 25,
    39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 11, 10, 33, 34, 35, 13,
    23, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 19, 26, 20, 31,  7,
    30, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 21, 36, 22, 37,  0,
    /* clang-format on */
};

static int primary(char c)
{
    return primary_weights[(unsigned char)c & 0x7f];
}

/* The next character with a weight, or 0 at the end. */
static char next_weighted(const char **s, const char *end)
{
    while (*s < end) {
        char c = *(*s)++;
        if (primary(c) != 0)
            return c;
    }
    return '\0';
}

/* Primaries over the whole length first; only between equals case decides, lower before upper, at the first difference. */
static int collate_ascii(const char *x, size_t x_n, const char *y, size_t y_n)
{
    const char *x_end = x + x_n, *y_end = y + y_n;
    int by_case = 0;
    for (;;) {
        char c = next_weighted(&x, x_end), d = next_weighted(&y, y_end);
        if (primary(c) != primary(d))
            return primary(c) < primary(d) ? -1 : 1;
        if (c == '\0')
            return by_case;
        if (by_case == 0 && c != d)
            by_case = c > d ? -1 : 1; /* 'a' > 'A' in ASCII */
    }
}

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] >= 0x80)
            return false;
    return true;
}

/* --- ICU ------------------------------------------------------------------------------------------------------------------- */

void oc_collator_close(struct oc_collator *c)
{
    if (c->icu != NULL)
        ucol_close(c->icu);
    c->icu = NULL;
}

static int open_icu(struct oc_collator *c, struct err *e)
{
    UErrorCode status = U_ZERO_ERROR;
    UCollator *icu = ucol_open(c->locale, &status);
    if (U_SUCCESS(status)) /* as ECMA-402 asks */
        ucol_setAttribute(icu, UCOL_NORMALIZATION_MODE, UCOL_ON, &status);
    if (U_FAILURE(status)) {
        ucol_close(icu);
        return err_set(e, ERR_INTERNAL, 0, "opening ICU's collation for locale '%s': %s", c->locale, u_errorName(status));
    }
    c->icu = icu;
    return 0;
}

/* JavaScript's string: lone surrogates stay what they are. */
static UChar *to_utf16(struct arena *a, const char *s, size_t n, int32_t *ret_n)
{
    UChar *out = ARENA_ARRAY(a, UChar, n + 1);
    int32_t m = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s + i, n - i, &cp);
        if (len == 0) {
            cp = 0xFFFD;
            len = 1;
        }
        if (cp >= 0x10000) {
            out[m++] = (UChar)(0xD7C0 + (cp >> 10));
            cp = 0xDC00 | (cp & 0x3FF);
        }
        out[m++] = (UChar)cp;
        i += len;
    }
    *ret_n = m;
    return out;
}

int oc_collate(struct arena *a, struct oc_collator *c, const char *x, size_t x_n, const char *y, size_t y_n, int *ret,
               struct err *e)
{
    if (!c->looked) {
        c->looked = true;
        c->own = has_own_ascii(c->locale);
    }
    if (!c->own && is_ascii(x, x_n) && is_ascii(y, y_n)) {
        *ret = collate_ascii(x, x_n, y, y_n);
        return 0;
    }
    if (c->icu == NULL && open_icu(c, e) < 0)
        return -1;
    int32_t x_units, y_units;
    const UChar *xs = to_utf16(a, x, x_n, &x_units), *ys = to_utf16(a, y, y_n, &y_units);
    *ret = ucol_strcoll(c->icu, xs, x_units, ys, y_units);
    return 0;
}

/* --- canonical tree -------------------------------------------------------------------------------------------------------- */

struct sort {
    struct arena *arena;
    struct oc_collator *collator;
    struct err *err;
    bool failed;
};

struct item {
    struct sort *sort;
    const struct node_member *member;
    size_t place; /* in the object: decides ties, as a stable sort does */
    bool is_index;
    uint32_t index;
};

/* "0", "1", ..., "4294967294" without leading zeros: JavaScript keeps such keys first, ascending. */
static bool array_index(const struct node_member *m, uint32_t *ret)
{
    if (m->key_n == 0 || m->key_n > 10 || (m->key[0] == '0' && m->key_n > 1))
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < m->key_n; i++) {
        if (m->key[i] < '0' || m->key[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(m->key[i] - '0');
    }
    *ret = (uint32_t)v;
    return v < UINT32_MAX;
}

static int compare_items(const void *px, const void *py)
{
    const struct item *x = px, *y = py;
    struct sort *s = x->sort;
    if (x->is_index != y->is_index)
        return x->is_index ? -1 : 1;
    if (x->is_index)
        return x->index < y->index ? -1 : x->index > y->index;
    int by = 0;
    if (!s->failed &&
        oc_collate(s->arena, s->collator, x->member->key, x->member->key_n, y->member->key, y->member->key_n, &by, s->err) < 0)
        s->failed = true;
    if (by != 0)
        return by;
    return x->place < y->place ? -1 : x->place > y->place;
}

static struct node *canonical(struct sort *s, const struct node *n)
{
    struct node *out;
    switch (n->kind) {
    case NODE_ARRAY:
        out = node_array(s->arena);
        for (size_t i = 0; i < n->n_items; i++)
            node_push(s->arena, out, canonical(s, n->items[i]));
        break;
    case NODE_OBJECT: {
        struct item *items = ARENA_ARRAY(s->arena, struct item, n->n_members);
        size_t n_items = 0;
        for (size_t i = 0; i < n->n_members; i++) {
            const struct node_member *m = &n->members[i];
            /* OpenClaw's copy assigns to obj["__proto__"], which makes no member of it. */
            if (strcmp(m->key, "__proto__") == 0 && m->key_n == strlen("__proto__"))
                continue;
            struct item it = {.sort = s, .member = m, .place = i};
            it.is_index = array_index(m, &it.index);
            items[n_items++] = it;
        }
        qsort(items, n_items, sizeof *items, compare_items);
        out = node_object(s->arena);
        for (size_t i = 0; i < n_items; i++)
            node_set_n(s->arena, out, items[i].member->key, items[i].member->key_n, canonical(s, items[i].member->value));
        break;
    }
    case NODE_NULL:
    case NODE_BOOL:
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_KIND_COUNT:
    default:
        return node_copy(s->arena, n);
    }
    out->secret = n->secret;
    return out;
}

int oc_canonical(struct arena *a, struct oc_collator *c, const struct node *n, struct node **ret, struct err *e)
{
    struct sort s = {.arena = a, .collator = c, .err = e};
    struct node *out = canonical(&s, n);
    if (s.failed)
        return -1;
    *ret = out;
    return 0;
}

int oc_hash(struct oc_collator *c, const struct node *n, char ret[DIGEST_HEX], struct err *e)
{
    ARENA_AUTO a = arena_new(); /* the sorted tree is needed no longer than its digest */
    BUF_AUTO json = BUF_INIT(SIZE_MAX / 4);
    struct node *tree;
    if (oc_canonical(a, c, n, &tree, e) < 0)
        return -1;
    node_emit(&json, tree, 0, 0);
    digest_sha256_hex(buf_str(&json), json.n, ret);
    buf_wipe(&json); /* variables may be secret */
    return 0;
}

/* --- what is hashed ----------------------------------------------------------------------------------------------------------
 */

struct node *oc_browser_docker(struct arena *a, const struct node *docker, const struct node *browser)
{
    struct node *o = node_copy(a, docker);
    const struct node *network = node_get(browser, "network"), *image = node_get(browser, "image");
    const char *name = node_is(network, NODE_STRING) ? js_trim(a, network->s) : "";
    node_set(a, o, "network", node_string(a, *name != '\0' ? name : OC_BROWSER_NETWORK));
    node_set(a, o, "image", image != NULL ? node_copy(a, image) : node_string(a, "openclaw-sandbox-browser:bookworm-slim"));
    const struct node *binds = node_get(browser, "binds");
    if (binds != NULL)
        node_set(a, o, "binds", node_copy(a, binds));
    return o;
}

static struct node *browser_settings(struct arena *a, const struct oc_runtime *r)
{
    const char *const kept[] = {"cdpPort",           "vncPort", "noVncPort", "headless", oc_line(r->line)->no_vnc_key,
                                "autoStartTimeoutMs"};
    struct node *b = node_object(a);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const struct node *v = node_get(r->browser, kept[i]);
        if (v != NULL)
            node_set(a, b, kept[i], node_copy(a, v));
    }
    const char *range = node_str(node_get(r->browser, "cdpSourceRange"));
    if (!js_is_blank(range))
        node_set(a, b, "cdpSourceRange", node_string(a, js_trim(a, range)));
    return b;
}

struct node *oc_hash_input(struct arena *a, const struct oc_runtime *r)
{
    const struct oc_profile *line = oc_line(r->line);
    struct node *o = node_object(a);
    const char *open;
    node_set(a, o, "docker", node_share(a, r->docker));
    if (line->env_policy_epoch != NULL && oc_env_policy(a, node_get(r->docker, "env"), &open) != OC_ENV_PLAIN)
        node_set(a, o, "dockerEnvPolicyEpoch", node_string(a, line->env_policy_epoch));
    if (r->browser != NULL) {
        node_set(a, o, "browser", browser_settings(a, r));
        node_set(a, o, "securityEpoch", node_string(a, line->browser_epoch));
    }
    node_set(a, o, "workspaceAccess", node_string(a, r->workspace_access));
    node_set(a, o, "workspaceDir", node_string(a, r->workspace_dir));
    node_set(a, o, "agentWorkspaceDir", node_string(a, r->agent_workspace_dir));
    node_set(a, o, "mountFormatVersion", node_number(a, line->mount_format_version));
    if (line->create_args_epoch != NULL)
        node_set(a, o, "createArgsEpoch", node_string(a, line->create_args_epoch));
    if (line->plans_mounts) {
        struct node *mounts = node_set(a, o, "managedMounts", node_array(a))->value;
        for (size_t i = 0; i < r->mounts->n; i++)
            node_push(a, mounts, node_string(a, r->mounts->v[i].bind));
    }
    return o;
}

/* --- variables that were credentials to older releases
 * --------------------------------------------------------------------------
 */

/* Beside what oc_env_is_credential() knows by its form: variables that OpenClaw's own plugins (OpenClaw 2026.9.6) take for
 * credentials or for what belongs to them. A Gateway counts only those of active plugins, and those of plugins installed besides,
 * so that none of them settles the matter. The others of its list have one of the known forms. */
static const char *const plugin_names[] = {
    "AZURE_SPEECH_KEY", "SPEECH_KEY", "AZURE_SPEECH_REGION", "SPEECH_REGION", "FAL_KEY", "MINIMAX_CODE_PLAN_KEY",
};

static bool is_plugin_name(const char *name)
{
    for (size_t i = 0; i < sizeof plugin_names / sizeof *plugin_names; i++)
        if (strcasecmp(plugin_names[i], name) == 0)
            return true;
    return false;
}

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n >= m && strcasecmp(name + n - m, ending) == 0;
}

enum oc_env_policy oc_env_policy(struct arena *a, const struct node *env, const char **ret_name)
{
    const char *open = NULL;
    for (size_t i = 0; node_is(env, NODE_OBJECT) && i < env->n_members; i++) {
        const struct node_member *m = &env->members[i];
        const char *name = js_trim(a, m->key);
        /* What no release hands on makes no difference between them. */
        if (!node_is(m->value, NODE_STRING) || memchr(m->value->s, '\0', m->value->s_n) != NULL)
            continue;
        if (oc_env_is_credential(name) || ends_in(name, "_ADMIN_KEY"))
            return OC_ENV_CREDENTIALS;
        if (open == NULL && is_plugin_name(name))
            open = name;
    }
    if (open == NULL)
        return OC_ENV_PLAIN;
    *ret_name = open;
    return OC_ENV_OPEN;
}
