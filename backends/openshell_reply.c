#include "backends/openshell_reply.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"
#include "spec/read/yaml.h"
#include "spec/world.h"

#include <string.h>

/* --- words and lines ------------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A copy without colours, other terminal sequences and control characters but line breaks and tabs. */
static char *plain(struct arena *a, const char *text, size_t n)
{
    char *out = arena_alloc(a, n + 1);
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\x1b' && i + 1 < n && text[i + 1] == '[') {
            for (i += 2; i < n && !(text[i] >= '@' && text[i] <= '~');)
                i++;
            continue;
        }
        if ((unsigned char)text[i] >= ' ' ? text[i] != 0x7f : text[i] == '\n' || text[i] == '\t')
            out[m++] = text[i];
    }
    return out;
}

/* The next line of *text, which is moved behind it; NULL at the end. */
static char *next_line(struct arena *a, const char **text)
{
    size_t n = strcspn(*text, "\n");
    char *line;

    if (**text == '\0')
        return NULL;
    line = arena_memdup0(a, *text, n);
    *text += n + ((*text)[n] == '\n');
    return line;
}

/* The next word of *line; NULL: none is left. */
static char *next_word(struct arena *a, const char **line)
{
    const char *start = *line + strspn(*line, " \t");
    size_t n = strcspn(start, " \t");

    *line = start + n;
    return n > 0 ? arena_memdup0(a, start, n) : NULL;
}

/* What stands behind "  Key:", or NULL where the line is another. */
static char *value_of(struct arena *a, const char *line, const char *key)
{
    const char *v = line + strspn(line, " ");
    size_t n = strlen(key), end;

    if (strncmp(v, key, n) != 0 || v[n] != ':')
        return NULL;
    v += n + 1;
    v += strspn(v, " ");
    end = strlen(v);
    while (end > 0 && v[end - 1] == ' ')
        end--;
    return arena_memdup0(a, v, end);
}

/* Names and ids are words: they come back in an argv and in paths of messages. */
static bool is_word(const char *s)
{
    if (s == NULL || *s == '\0' || *s == '-' || strlen(s) > 253)
        return false;
    for (; *s != '\0'; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || *s == '/')
            return false;
    return true;
}

static bool number_at(const char **s, unsigned *ret)
{
    unsigned n = 0;

    if (!is_digit(**s))
        return false;
    for (; is_digit(**s); (*s)++) {
        if (n > 99999999)
            return false;
        n = n * 10 + (unsigned)(**s - '0');
    }
    *ret = n;
    return true;
}

/* --- release -----------------------------------------------------------------------------------------------------------------
 */

bool openshell_release_read(const char *text, struct openshell_release *ret)
{
    struct openshell_release r;

    if (!text_has_prefix(text, "openshell "))
        return false;
    text += sizeof "openshell " - 1;
    text += *text == 'v';
    if (!number_at(&text, &r.major) || *text++ != '.' || !number_at(&text, &r.minor) || *text++ != '.' ||
        !number_at(&text, &r.patch) || (*text != '\0' && strchr("-+ \r\n", *text) == NULL))
        return false;
    *ret = r;
    return true;
}

int openshell_release_cmp(struct openshell_release x, struct openshell_release y)
{
    if (x.major != y.major)
        return x.major < y.major ? -1 : 1;
    if (x.minor != y.minor)
        return x.minor < y.minor ? -1 : 1;
    return x.patch == y.patch ? 0 : x.patch < y.patch ? -1 : 1;
}

/* --- status ------------------------------------------------------------------------------------------------------------------
 */

int openshell_status_json(struct arena *a, const char *text, size_t n, struct openshell_status *ret, struct err *e)
{
    const struct node *root = json_read_err(a, "status", text, n, e);
    const char *status = node_str(node_get(root, "status")), *auth = node_str(node_path(root, "authentication", "status", NULL));
    const char *why = node_str(node_get(root, "error"));
    struct openshell_status s = {.version = node_str(node_get(root, "version"))};

    if (root == NULL)
        return -1;
    if (status == NULL)
        return err_set(e, ERR_INPUT, 0, "status: it has no status");
    if (strcmp(status, "connected") != 0) {
        s.link = OPENSHELL_NOT_CONNECTED;
        s.why = arena_printf(a, "%s%s%s", status, why != NULL ? ": " : "", why != NULL ? why : "");
    } else if (text_eq(auth, "failed")) {
        s.link = OPENSHELL_NOT_ADMITTED;
        s.why = "the gateway refuses the credentials";
    }
    *ret = s;
    return 0;
}

int openshell_status_text(struct arena *a, const char *text, size_t n, struct openshell_status *ret, struct err *e)
{
    const char *rest = plain(a, text, n), *line, *status = NULL, *why = NULL, *auth = NULL, *v;
    struct openshell_status s = {0};

    while ((line = next_line(a, &rest)) != NULL) {
        if ((v = value_of(a, line, "Status")) != NULL)
            status = v;
        else if ((v = value_of(a, line, "Version")) != NULL)
            s.version = v;
        else if ((v = value_of(a, line, "Error")) != NULL || (v = value_of(a, line, "gRPC error")) != NULL)
            why = v;
        else if ((v = value_of(a, line, "Authentication")) != NULL)
            auth = v;
    }
    if (status == NULL)
        return err_set(e, ERR_INPUT, 0, "status: it has no status");
    if (strcmp(status, "Connected") != 0) {
        s.link = OPENSHELL_NOT_CONNECTED;
        s.why = arena_printf(a, "%s%s%s", status, why != NULL ? ": " : "", why != NULL ? why : "");
    } else if (auth != NULL && text_has_prefix(auth, "Failed")) {
        s.link = OPENSHELL_NOT_ADMITTED;
        s.why = "the gateway refuses the credentials";
    }
    *ret = s;
    return 0;
}

/* --- sandboxes -----------------------------------------------------------------------------------------------------------------
 */

static const char *const phases[] = {
    [OPENSHELL_UNKNOWN] = "Unknown", [OPENSHELL_PROVISIONING] = "Provisioning", [OPENSHELL_READY] = "Ready",
    [OPENSHELL_ERROR] = "Error",     [OPENSHELL_DELETING] = "Deleting",         [OPENSHELL_STOPPING] = "Stopping",
    [OPENSHELL_STOPPED] = "Stopped", [OPENSHELL_STARTING] = "Starting",
};

const char *openshell_phase_name(enum openshell_phase p)
{
    return phases[p];
}

enum openshell_phase openshell_phase_of(const char *word)
{
    for (size_t i = 0; i < OPENSHELL_PHASE_COUNT; i++)
        if (text_eq(phases[i], word))
            return (enum openshell_phase)i;
    return OPENSHELL_UNKNOWN;
}

static int64_t days_from_civil(unsigned y, unsigned m, unsigned d)
{
    unsigned yy = y - (m <= 2), era = yy / 400, yoe = yy % 400;
    unsigned doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1, doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return (int64_t)era * 146097 + (int64_t)doe - 719468;
}

/* "2026-08-21 12:34:56", UTC. */
static bool read_date(const char *s, int64_t *ret_ms)
{
    unsigned y, mo, d, h, mi, sec;

    if (s == NULL || !number_at(&s, &y) || *s++ != '-' || !number_at(&s, &mo) || *s++ != '-' || !number_at(&s, &d) ||
        *s++ != ' ' || !number_at(&s, &h) || *s++ != ':' || !number_at(&s, &mi) || *s++ != ':' || !number_at(&s, &sec) ||
        *s != '\0' || y < 1970 || y > 9999 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || sec > 60)
        return false;
    *ret_ms = (days_from_civil(y, mo, d) * 86400 + (int64_t)h * 3600 + (int64_t)mi * 60 + (int64_t)sec) * 1000;
    return true;
}

static int item_of(struct arena *a, const struct node *n, struct openshell_item *ret, struct err *e)
{
    struct openshell_item it = {.id = node_str(node_get(n, "id")),
                                .name = node_str(node_get(n, "name")),
                                .phase = openshell_phase_of(node_str(node_get(n, "phase"))),
                                .created_at_ms = TIME_NONE,
                                .labels = node_get(n, "labels"),
                                .policy = node_get(n, "policy")};

    if (!is_word(it.id) || !is_word(it.name) || node_str(node_get(n, "phase")) == NULL)
        return err_set(e, ERR_INPUT, 0, "a sandbox without an id, a name or a phase");
    (void)read_date(node_str(node_get(n, "created_at")), &it.created_at_ms);
    if (it.labels == NULL || it.labels->kind == NODE_NULL)
        it.labels = node_object(a);
    if (!node_is(it.labels, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "'%s': labels that are none", it.name);
    if (!node_is(it.policy, NODE_OBJECT))
        it.policy = NULL;
    *ret = it;
    return 0;
}

int openshell_list_json(struct arena *a, const char *text, size_t n, struct openshell_items *ret, struct err *e)
{
    const struct node *root = json_read_err(a, "list", text, n, e);
    VEC(struct openshell_item) out = {0};

    if (root == NULL)
        return -1;
    if (!node_is(root, NODE_ARRAY) || root->n_items > OPENSHELL_MAX_LISTED)
        return err_set(e, ERR_INPUT, 0, "list: an array of at most %u is wanted", OPENSHELL_MAX_LISTED);
    for (size_t i = 0; i < root->n_items; i++)
        if (item_of(a, root->items[i], VEC_ADD(a, &out), e) < 0)
            return err_wrap(e, "list[%zu]", i);
    *ret = (struct openshell_items){out.v, out.n};
    return 0;
}

static int row_of(struct arena *a, const char *line, size_t n_columns, struct openshell_item *ret, struct err *e)
{
    struct openshell_item it = {.created_at_ms = TIME_NONE};
    VEC(const char *) words = {0};
    const char *word, *rest = line;
    size_t n;

    while ((word = next_word(a, &rest)) != NULL && words.n < 16)
        VEC_PUSH(a, &words, word);
    n = words.n;
    if (n < 3 || words.v == NULL)
        return err_set(e, ERR_INPUT, 0, "list: a row that is none: '%s'", line);
    /* A date is two words, or a dash. */
    if (n == n_columns + 1 && read_date(arena_printf(a, "%s %s", words.v[n - 3], words.v[n - 2]), &it.created_at_ms))
        it.name = words.v[0];
    else if (n == n_columns && text_eq(words.v[n - 2], "-"))
        it.name = words.v[0];
    if (!is_word(it.name))
        return err_set(e, ERR_INPUT, 0, "list: a row that is none: '%s'", line);
    it.phase = openshell_phase_of(words.v[n - 1]);
    *ret = it;
    return 0;
}

int openshell_list_text(struct arena *a, const char *text, size_t n, struct openshell_items *ret, struct err *e)
{
    const char *rest = plain(a, text, n), *line;
    VEC(struct openshell_item) out = {0};
    size_t n_columns = 0;

    while ((line = next_line(a, &rest)) != NULL) {
        const char *words = line;

        if (line[strspn(line, " ")] == '\0')
            continue;
        if (n_columns > 0) {
            if (out.n >= OPENSHELL_MAX_LISTED || row_of(a, line, n_columns, VEC_ADD(a, &out), e) < 0)
                return out.n >= OPENSHELL_MAX_LISTED ? err_set(e, ERR_INPUT, 0, "list: too many sandboxes") : -1;
            continue;
        }
        if (text_has_prefix(line, "No sandboxes found.")) {
            *ret = (struct openshell_items){0};
            return 0;
        }
        if (!text_eq(next_word(a, &words), "NAME"))
            break;
        for (n_columns = 1; next_word(a, &words) != NULL; n_columns++)
            if (n_columns > 8)
                return err_set(e, ERR_INPUT, 0, "list: a head that is none");
        if (n_columns < 3 || !text_has_suffix(line, "PHASE"))
            return err_set(e, ERR_INPUT, 0, "list: a head that is none");
    }
    if (n_columns == 0)
        return err_set(e, ERR_INPUT, 0, "list: neither a table nor the word that there is none");
    *ret = (struct openshell_items){out.v, out.n};
    return 0;
}

int openshell_list_lines(struct arena *a, const char *text, size_t n, const char *const **ret, size_t *ret_n, struct err *e)
{
    const char *rest = plain(a, text, n), *line;
    VEC(const char *) out = {0};

    while ((line = next_line(a, &rest)) != NULL) {
        if (!is_word(line) || out.n >= OPENSHELL_MAX_LISTED)
            return err_set(e, ERR_INPUT, 0, "list: a line that is no word, or too many");
        VEC_PUSH(a, &out, line);
    }
    *ret = out.v;
    *ret_n = out.n;
    return 0;
}

int openshell_get_json(struct arena *a, const char *text, size_t n, struct openshell_item *ret, struct err *e)
{
    const struct node *root = json_read_err(a, "get", text, n, e);

    return root == NULL || item_of(a, root, ret, e) < 0 ? -1 : 0;
}

int openshell_get_text(struct arena *a, const char *text, size_t n, struct openshell_item *ret, struct err *e)
{
    const char *rest = plain(a, text, n), *line, *v, *phase = NULL;
    struct openshell_item it = {.created_at_ms = TIME_NONE};
    struct node *labels = node_object(a);
    bool in_labels = false;

    while ((line = next_line(a, &rest)) != NULL && !text_has_prefix(line, "Policy:")) {
        if (in_labels && text_has_prefix(line, "    ") && line[4] != ' ') {
            const char *colon = strstr(line, ": ");

            if (colon != NULL)
                node_set_n(a, labels, line + 4, (size_t)(colon - line - 4), node_string(a, colon + 2));
            continue;
        }
        in_labels = false;
        if (!text_has_prefix(line, "  "))
            continue;
        if (it.id == NULL && (v = value_of(a, line, "Id")) != NULL)
            it.id = v;
        else if (it.name == NULL && (v = value_of(a, line, "Name")) != NULL)
            it.name = v;
        else if (phase == NULL && (v = value_of(a, line, "Phase")) != NULL)
            phase = v;
        else
            in_labels = value_of(a, line, "Labels") != NULL;
    }
    if (!is_word(it.id) || !is_word(it.name) || phase == NULL)
        return err_set(e, ERR_INPUT, 0, "get: it has no id, name or phase");
    it.phase = openshell_phase_of(phase);
    it.labels = labels;
    *ret = it;
    return 0;
}

int openshell_policy_yaml(struct arena *a, const char *what, const char *text, size_t n, struct node **ret, struct err *e)
{
    struct diags d = {.arena = a};
    struct yaml_docs docs;

    if (yaml_read(a, what, text, n, &d, &docs) < 0)
        return err_set(e, ERR_INPUT, 0, "%s:%u: %s", what, d.n > 0 ? d.v[0].pos.line : 0, d.n > 0 ? d.v[0].msg : "no YAML");
    if (docs.n != 1 || !node_is(docs.v[0], NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "%s: no policy", what);
    *ret = docs.v[0];
    return 0;
}

/* --- complaints ----------------------------------------------------------------------------------------------------------------
 */

/* miette draws with characters of three bytes, U+2500 to U+27BF and the multiplication sign of two. */
static size_t drawing_at(const char *s)
{
    if ((unsigned char)s[0] == 0xc3 && (unsigned char)s[1] == 0x97)
        return 2;
    if ((unsigned char)s[0] == 0xe2 && (unsigned char)s[1] >= 0x94 && (unsigned char)s[1] <= 0x9e && s[2] != '\0')
        return 3;
    return 0;
}

char *openshell_complaint(struct arena *a, const char *text, size_t n)
{
    const char *s = plain(a, text, n);
    BUF_AUTO out = BUF_INIT(4096);
    bool blank = true;

    while (*s != '\0' && !out.full) {
        size_t skip = drawing_at(s);

        if (skip > 0) {
            s += skip;
            continue;
        }
        if (*s == ' ' || *s == '\n' || *s == '\t') {
            if (!blank)
                buf_putc(&out, ' ');
            blank = true;
        } else {
            buf_putc(&out, *s);
            blank = false;
        }
        s++;
    }
    while (out.n > 0 && out.s[out.n - 1] == ' ')
        out.s[--out.n] = '\0';
    s = buf_str(&out);
    if (text_has_prefix(s, "Error: "))
        s += sizeof "Error: " - 1;
    return arena_strdup(a, s);
}

bool openshell_complains_of(const char *complaint, const char *words)
{
    return strstr(complaint, words) != NULL;
}
