#include "spec/openclaw/hash.h"

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

static void add_workspaces(struct arena *a, struct node *o, const char *access, const char *workspace_dir,
                           const char *agent_workspace_dir)
{
    node_set(a, o, "workspaceAccess", node_string(a, access));
    node_set(a, o, "workspaceDir", node_string(a, workspace_dir));
    node_set(a, o, "agentWorkspaceDir", node_string(a, agent_workspace_dir));
    node_set(a, o, "mountFormatVersion", node_number(a, OC_MOUNT_FORMAT_VERSION));
}

struct node *oc_container_hash_input(struct arena *a, struct node *docker, const char *workspace_access,
                                     const char *workspace_dir, const char *agent_workspace_dir)
{
    struct node *o = node_object(a);
    node_set(a, o, "docker", docker);
    add_workspaces(a, o, workspace_access, workspace_dir, agent_workspace_dir);
    return o;
}

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

struct node *oc_browser_hash_input(struct arena *a, struct node *docker, const struct node *browser, const char *workspace_access,
                                   const char *workspace_dir, const char *agent_workspace_dir)
{
    static const char *const kept[] = {"cdpPort", "vncPort", "noVncPort", "headless", "enableNoVnc", "autoStartTimeoutMs"};
    struct node *b = node_object(a);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const struct node *v = node_get(browser, kept[i]);
        if (v != NULL)
            node_set(a, b, kept[i], node_copy(a, v));
    }
    const char *range = node_str(node_get(browser, "cdpSourceRange"));
    if (!js_is_blank(range))
        node_set(a, b, "cdpSourceRange", node_string(a, js_trim(a, range)));
    struct node *o = node_object(a);
    node_set(a, o, "docker", docker);
    node_set(a, o, "browser", b);
    node_set(a, o, "securityEpoch", node_string(a, OC_BROWSER_SECURITY_EPOCH));
    add_workspaces(a, o, workspace_access, workspace_dir, agent_workspace_dir);
    return o;
}
