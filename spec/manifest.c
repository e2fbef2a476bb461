#include "spec/manifest.h"

#include "spec/base/limits.h"
#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC        "reconclaw-manifest 1"
#define WORD_MAX     128u /* bytes of an id or install */
#define LINKS_MAX    40u  /* followed on the way of one link, as the kernel does */
#define MODE_MAX     07777u
#define HEX_OF_BYTES "0123456789abcdef"

/* --- what is right -------------------------------------------------------------------------------------------------------- */

const char *manifest_path_flaw(const char *path)
{
    size_t depth = 0;

    if (*path == '\0')
        return "is empty";
    if (*path == '/')
        return "is absolute";
    if (strlen(path) > LIMIT_TREE_PATH)
        return "is too long";
    for (const char *p = path;; depth++) {
        size_t n = strcspn(p, "/");

        if (n == 0)
            return "has an empty part";
        if (n == 1 && p[0] == '.')
            return "has a part '.'";
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return "has a part '..'";
        if (n > LIMIT_TREE_NAME)
            return "has a part that is too long";
        if (p[n] == '\0')
            break;
        p += n + 1;
    }
    return depth + 1 > LIMIT_TREE_DEPTH ? "is too deep" : NULL;
}

static bool is_digest(const char *s)
{
    return s && strlen(s) == DIGEST_HEX - 1 && strspn(s, HEX_OF_BYTES) == DIGEST_HEX - 1;
}

static const char *entry_flaw(const struct manifest_entry *x)
{
    const char *flaw = manifest_path_flaw(x->path);

    if (flaw)
        return flaw;
    if (x->mode > MODE_MAX)
        return "has no valid mode";
    switch (x->type) {
    case MANIFEST_DIR:
        return x->size || x->digest || x->target ? "is a directory with a content" : NULL;
    case MANIFEST_FILE:
        if (x->target)
            return "is a file with a target";
        if (x->size > LIMIT_TREE_BYTES)
            return "is too big";
        return is_digest(x->digest) ? NULL : "has no valid digest";
    case MANIFEST_LINK:
        if (x->mode || x->size || x->digest)
            return "is a link with a mode or content";
        if (!x->target || *x->target == '\0')
            return "is a link without a target";
        return strlen(x->target) > LIMIT_TREE_PATH ? "has a target that is too long" : NULL;
    case MANIFEST_TYPE_COUNT:
        break;
    }
    return "is of no known type";
}

static int entry_compare(const void *x, const void *y)
{
    return strcmp(((const struct manifest_entry *)x)->path, ((const struct manifest_entry *)y)->path);
}

/* Byte order of a path against the first n bytes of another. */
static int compare_prefix(const char *path, const char *other, size_t n)
{
    int order = strncmp(path, other, n);

    return order != 0 ? order : path[n] != '\0';
}

static const struct manifest_entry *find_n(const struct manifest_entry *v, size_t n, const char *path, size_t len)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = compare_prefix(v[mid].path, path, len);

        if (order == 0)
            return &v[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const struct manifest_entry *manifest_find(const struct manifest *m, const char *path)
{
    return find_n(m->v, m->n, path, strlen(path));
}

/* Of the last of n sorted entries, which of those before it are right: its own flaw, its order, its parent. */
static const char *last_flaw(const struct manifest_entry *v, size_t n)
{
    const struct manifest_entry *x = &v[n - 1], *parent;
    const char *flaw = entry_flaw(x), *slash;
    int order;

    if (flaw)
        return flaw;
    if (n > 1) {
        order = strcmp(v[n - 2].path, x->path);
        if (order >= 0)
            return order == 0 ? "is there twice" : "is out of order";
    }
    slash = strrchr(x->path, '/');
    if (!slash)
        return NULL;
    parent = find_n(v, n - 1, x->path, (size_t)(slash - x->path));
    if (!parent)
        return "has no parent";
    return parent->type == MANIFEST_DIR ? NULL : "is below what is no directory";
}

static int err_path(struct err *e, const char *path, const char *flaw)
{
    BUF_AUTO b = BUF_INIT(512);

    text_escape(&b, path, strnlen(path, 300));
    return err_set(e, ERR_INPUT, 0, "'%s' %s", buf_str(&b), flaw);
}

/* --- text out ------------------------------------------------------------------------------------------------------------------
 */

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '\\';
}

static void put_word(struct buf *b, const char *s)
{
    for (; *s; s++) {
        const unsigned char c = (unsigned char)*s;

        if (is_plain(c))
            buf_putc(b, *s);
        else
            buf_put(b, (const char[]){'\\', 'x', HEX_OF_BYTES[c >> 4], HEX_OF_BYTES[c & 15]}, 4);
    }
}

static void put_entry(struct buf *b, const struct manifest_entry *x)
{
    switch (x->type) {
    case MANIFEST_DIR:
        buf_printf(b, "d %o ", x->mode);
        break;
    case MANIFEST_FILE:
        buf_printf(b, "f %o %llu %s ", x->mode, (unsigned long long)x->size, x->digest);
        break;
    case MANIFEST_LINK:
        buf_puts(b, "l ");
        put_word(b, x->target);
        buf_putc(b, ' ');
        break;
    case MANIFEST_TYPE_COUNT:
        abort();
    }
    put_word(b, x->path);
    buf_putc(b, '\n');
}

int manifest_make(struct manifest_entry *v, size_t n, struct manifest *ret, struct err *e)
{
    struct manifest m = {.created_at_ms = TIME_NONE, .v = v, .n = n};
    BUF_AUTO line = BUF_INIT(LIMIT_MANIFEST_BYTES);
    uint64_t bytes = 0;
    struct digest d;

    if (n > LIMIT_TREE_ENTRIES)
        return err_set(e, ERR_INPUT, 0, "%zu files and directories: more than %u", n, LIMIT_TREE_ENTRIES);
    if (n > 1)
        qsort(v, n, sizeof *v, entry_compare);
    digest_init(&d);
    for (size_t i = 0; i < n; i++) {
        const char *flaw = last_flaw(v, i + 1);

        if (flaw)
            return err_path(e, v[i].path, flaw);
        bytes += v[i].size;
        if (bytes > LIMIT_TREE_BYTES)
            return err_set(e, ERR_INPUT, 0, "its files have more than %llu bytes", (unsigned long long)LIMIT_TREE_BYTES);
        buf_clear(&line);
        put_entry(&line, &v[i]);
        digest_update(&d, line.s, line.n);
    }
    digest_final_hex(&d, m.tree);
    *ret = m;
    return 0;
}

static bool word_fits(const char *s, size_t max)
{
    return *s != '\0' && strlen(s) <= max;
}

static const char *head_flaw(const struct manifest *m)
{
    if (m->id && !word_fits(m->id, WORD_MAX))
        return "its id is empty or too long";
    if (m->install && !word_fits(m->install, WORD_MAX))
        return "its install is empty or too long";
    if (m->created_at_ms != TIME_NONE && m->created_at_ms < 0)
        return "it was created before 1970";
    if (m->n_dirs > LIMIT_TREE_DIRS)
        return "it has too many local directories";
    for (size_t i = 0; i < m->n_dirs; i++) {
        if (manifest_path_flaw(m->dirs[i].name) || strchr(m->dirs[i].name, '/'))
            return "the name of a local directory is no file name";
        if (!word_fits(m->dirs[i].local, LIMIT_TREE_PATH) || m->dirs[i].local[0] != '/')
            return "a local directory has no absolute path";
        for (size_t j = 0; j < i; j++)
            if (text_eq(m->dirs[j].name, m->dirs[i].name))
                return "two local directories have one name";
    }
    return NULL;
}

int manifest_emit(const struct manifest *m, struct buf *b, struct err *e)
{
    const char *flaw = head_flaw(m);
    size_t from = b->n;

    if (flaw)
        return err_set(e, ERR_INPUT, 0, "writing a manifest: %s", flaw);
    buf_puts(b, MAGIC "\n");
    if (m->id) {
        buf_puts(b, "id ");
        put_word(b, m->id);
        buf_putc(b, '\n');
    }
    if (m->install) {
        buf_puts(b, "install ");
        put_word(b, m->install);
        buf_putc(b, '\n');
    }
    if (m->created_at_ms != TIME_NONE)
        buf_printf(b, "created %lld\n", (long long)m->created_at_ms);
    for (size_t i = 0; i < m->n_dirs; i++) {
        buf_puts(b, "dir ");
        put_word(b, m->dirs[i].name);
        buf_putc(b, ' ');
        put_word(b, m->dirs[i].local);
        buf_putc(b, '\n');
    }
    buf_printf(b, "tree %zu %s\n", m->n, m->tree);
    for (size_t i = 0; i < m->n && !b->full; i++)
        put_entry(b, &m->v[i]);
    if (b->full || b->n - from > LIMIT_MANIFEST_BYTES)
        return err_set(e, ERR_INPUT, 0, "writing a manifest: it is too big");
    return 0;
}

int manifest_digest(const struct manifest *m, char ret[DIGEST_HEX], struct err *e)
{
    BUF_AUTO b = BUF_INIT(LIMIT_MANIFEST_BYTES);

    if (manifest_emit(m, &b, e) < 0)
        return -1;
    digest_sha256_hex(b.s, b.n, ret);
    return 0;
}

/* --- text in -------------------------------------------------------------------------------------------------------------------
 */

struct reader {
    struct arena *arena;
    const char *p, *end;           /* of what is left */
    const char *line;              /* where the current line begins */
    size_t n_line;                 /* from 1 */
    size_t word_line, word_column; /* where the last word began */
    struct err *e;
};

static int read_err(struct reader *r, const char *at, const char *what)
{
    return err_set(r->e, ERR_INPUT, 0, "manifest:%zu:%zu: %s", r->n_line, (size_t)(at - r->line) + 1, what);
}

/* Of the last word, also where its line was read already. */
static int word_err(struct reader *r, const char *what)
{
    return err_set(r->e, ERR_INPUT, 0, "manifest:%zu:%zu: %s", r->word_line, r->word_column, what);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One word, unescaped, up to and past a terminator that must be `until`. */
static int read_word(struct reader *r, char until, const char **ret)
{
    const char *p = r->p, *q;
    char *s;
    size_t n = 0;

    r->word_line = r->n_line;
    r->word_column = (size_t)(p - r->line) + 1;
    for (q = p; q < r->end && *q != ' ' && *q != '\n'; q++)
        ;
    if (q == p)
        return read_err(r, p, p == r->end ? "ends too early" : "a word is missing");
    if (q == r->end)
        return read_err(r, q, "the last line is cut");
    if (*q != until)
        return read_err(r, q, until == ' ' ? "more words are expected" : "the line should end here");
    s = arena_alloc(r->arena, (size_t)(q - p) + 1);
    while (p < q) {
        int hi, lo;

        if (is_plain((unsigned char)*p)) {
            s[n++] = *p++;
            continue;
        }
        if (*p != '\\')
            return read_err(r, p, "a byte that must be escaped");
        if (q - p < 4 || p[1] != 'x' || (hi = hex_value(p[2])) < 0 || (lo = hex_value(p[3])) < 0)
            return read_err(r, p, "no valid escape");
        if (hi == 0 && lo == 0)
            return read_err(r, p, "a NUL");
        if (is_plain((unsigned char)(hi << 4 | lo)))
            return read_err(r, p, "an escape that is not needed");
        s[n++] = (char)(hi << 4 | lo);
        p += 4;
    }
    r->p = q + 1;
    if (until == '\n') {
        r->line = r->p;
        r->n_line++;
    }
    *ret = s;
    return 0;
}

/* Of the line that was read last, as a whole. */
static int last_line_err(struct reader *r, const char *what)
{
    return err_set(r->e, ERR_INPUT, 0, "manifest:%zu:1: %s", r->n_line - 1, what);
}

static int read_number(struct reader *r, char until, uint64_t max, uint64_t *ret)
{
    const char *s;

    if (read_word(r, until, &s) < 0)
        return -1;
    if ((s[0] == '0' && s[1] != '\0') || !num_parse_u64(s, ret) || *ret > max)
        return word_err(r, "no valid number");
    return 0;
}

static int read_mode(struct reader *r, unsigned *ret)
{
    unsigned mode = 0;
    const char *s;

    if (read_word(r, ' ', &s) < 0)
        return -1;
    if ((s[0] == '0' && s[1] != '\0') || strlen(s) > 4 || s[strspn(s, "01234567")] != '\0')
        return word_err(r, "no valid mode");
    for (; *s; s++)
        mode = mode << 3 | (unsigned)(*s - '0');
    *ret = mode;
    return 0;
}

static int read_entry(struct reader *r, struct manifest_entry *x)
{
    const char *type;

    if (read_word(r, ' ', &type) < 0)
        return -1;
    if (text_eq(type, "d")) {
        x->type = MANIFEST_DIR;
        if (read_mode(r, &x->mode) < 0)
            return -1;
    } else if (text_eq(type, "f")) {
        x->type = MANIFEST_FILE;
        if (read_mode(r, &x->mode) < 0 || read_number(r, ' ', LIMIT_TREE_BYTES, &x->size) < 0 ||
            read_word(r, ' ', &x->digest) < 0)
            return -1;
    } else if (text_eq(type, "l")) {
        x->type = MANIFEST_LINK;
        if (read_word(r, ' ', &x->target) < 0)
            return -1;
    } else {
        return word_err(r, "no known type of entry");
    }
    return read_word(r, '\n', &x->path);
}

static bool next_key_is(const struct reader *r, const char *key)
{
    size_t n = strlen(key);

    return (size_t)(r->end - r->p) > n && memcmp(r->p, key, n) == 0 && r->p[n] == ' ';
}

/* Reads past the key that next_key_is() saw. */
static void skip_key(struct reader *r, const char *key)
{
    r->p += strlen(key) + 1;
}

static int read_head(struct reader *r, struct manifest *m, const char **ret_tree, uint64_t *ret_n)
{
    VEC(struct manifest_dir) dirs = {0};
    const char *flaw;
    uint64_t ms;

    if (r->end - r->p < (ptrdiff_t)strlen(MAGIC "\n") || memcmp(r->p, MAGIC "\n", strlen(MAGIC "\n")) != 0)
        return read_err(r, r->p, "does not begin with '" MAGIC "'");
    r->p += strlen(MAGIC "\n");
    r->line = r->p;
    r->n_line++;
    if (next_key_is(r, "id")) {
        skip_key(r, "id");
        if (read_word(r, '\n', &m->id) < 0)
            return -1;
    }
    if (next_key_is(r, "install")) {
        skip_key(r, "install");
        if (read_word(r, '\n', &m->install) < 0)
            return -1;
    }
    if (next_key_is(r, "created")) {
        skip_key(r, "created");
        if (read_number(r, '\n', INT64_MAX, &ms) < 0)
            return -1;
        m->created_at_ms = (int64_t)ms;
    }
    while (next_key_is(r, "dir")) {
        struct manifest_dir *d = VEC_ADD(r->arena, &dirs);

        skip_key(r, "dir");
        if (dirs.n > LIMIT_TREE_DIRS)
            return read_err(r, r->line, "too many local directories");
        if (read_word(r, ' ', &d->name) < 0 || read_word(r, '\n', &d->local) < 0)
            return -1;
    }
    m->dirs = dirs.v;
    m->n_dirs = dirs.n;
    flaw = head_flaw(m);
    if (flaw)
        return last_line_err(r, flaw);
    if (!next_key_is(r, "tree"))
        return read_err(r, r->p, "not the line that is expected here");
    skip_key(r, "tree");
    if (read_number(r, ' ', LIMIT_TREE_ENTRIES, ret_n) < 0 || read_word(r, '\n', ret_tree) < 0)
        return -1;
    return is_digest(*ret_tree) ? 0 : last_line_err(r, "no valid digest");
}

int manifest_parse(struct arena *a, const char *s, size_t n, struct manifest *ret, struct err *e)
{
    struct reader r = {.arena = a, .p = s, .end = s + n, .line = s, .n_line = 1, .e = e};
    struct manifest m = {.created_at_ms = TIME_NONE};
    VEC(struct manifest_entry) entries = {0};
    uint64_t want = 0, bytes = 0;
    const char *tree = NULL, *body;

    if (n > LIMIT_MANIFEST_BYTES)
        return err_set(e, ERR_INPUT, 0, "manifest: it has more than %u bytes", LIMIT_MANIFEST_BYTES);
    if (read_head(&r, &m, &tree, &want) < 0)
        return -1;
    body = r.p;
    while (r.p < r.end) {
        const char *flaw;

        if (entries.n == want)
            return read_err(&r, r.p, "more lines than the head says");
        if (read_entry(&r, VEC_ADD(a, &entries)) < 0)
            return -1;
        flaw = last_flaw(entries.v, entries.n);
        if (flaw)
            return last_line_err(&r, flaw);
        bytes += entries.v[entries.n - 1].size;
        if (bytes > LIMIT_TREE_BYTES)
            return last_line_err(&r, "the files are too big together");
    }
    if (entries.n < want)
        return read_err(&r, r.p, "fewer lines than the head says");
    digest_sha256_hex(body, (size_t)(r.end - body), m.tree);
    if (!text_eq(m.tree, tree))
        return err_set(e, ERR_INPUT, 0, "manifest: the lines have not the digest that the head says");
    m.v = entries.v;
    m.n = entries.n;
    *ret = m;
    return 0;
}

/* --- questions -----------------------------------------------------------------------------------------------------------------
 */

uint64_t manifest_bytes(const struct manifest *m)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->n; i++)
        sum += m->v[i].size;
    return sum;
}

int manifest_below(struct arena *a, const struct manifest *m, const char *dir, struct manifest *ret, struct err *e)
{
    const struct manifest_entry *d = manifest_find(m, dir);
    VEC(struct manifest_entry) entries = {0};
    size_t n = strlen(dir);

    if (!d || d->type != MANIFEST_DIR) {
        BUF_AUTO b = BUF_INIT(512);

        text_escape(&b, dir, strnlen(dir, 300));
        return err_set(e, ERR_NOT_FOUND, 0, "'%s' is no directory of the tree", buf_str(&b));
    }
    /* Not all of what is behind the directory is below it: "a", "a-b", "a/c". */
    for (size_t i = (size_t)(d - m->v) + 1; i < m->n && strncmp(m->v[i].path, dir, n) == 0; i++) {
        struct manifest_entry *x;

        if (m->v[i].path[n] != '/')
            continue;
        x = VEC_ADD(a, &entries);
        *x = m->v[i];
        x->path += n + 1;
    }
    return manifest_make(entries.v, entries.n, ret, e);
}

/* The way of a link through the tree, as text: `at` is where we are (no slash at the end, "" for the tree's root), `left` what is
 * still to be walked. Both are bounded, since every link that is followed has a bounded target. */
struct walk {
    struct buf at, left;
};

static void walk_up(struct buf *at, size_t floor)
{
    size_t n = at->n;

    while (n > floor && at->s[n - 1] != '/')
        n--;
    at->n = n > floor ? n - 1 : floor;
    at->s[at->n] = '\0';
}

static bool walk_escapes(struct walk *w, const struct manifest *m, const char *root)
{
    const size_t floor = strlen(root);

    for (unsigned links = 0;;) {
        const char *part = buf_str(&w->left);
        const struct manifest_entry *x;
        size_t skip = strspn(part, "/"), len = strcspn(part + skip, "/");
        char name[LIMIT_TREE_NAME + 1];

        if (len == 0)
            return false;
        if (len > LIMIT_TREE_NAME)
            return false; /* no file can have that name: leads nowhere */
        memcpy(name, part + skip, len);
        name[len] = '\0';
        memmove(w->left.s, w->left.s + skip + len, w->left.n - skip - len + 1);
        w->left.n -= skip + len;
        if (text_eq(name, "."))
            continue;
        if (text_eq(name, "..")) {
            if (w->at.n <= floor)
                return true;
            walk_up(&w->at, floor);
            continue;
        }
        if (w->at.n > 0)
            buf_putc(&w->at, '/');
        buf_puts(&w->at, name);
        x = manifest_find(m, buf_str(&w->at));
        if (!x || x->type != MANIFEST_LINK)
            continue;
        if (++links > LINKS_MAX)
            return false;
        if (x->target[0] == '/')
            return true;
        walk_up(&w->at, floor);
        BUF_AUTO next = BUF_INIT(SIZE_MAX / 4);
        buf_puts(&next, x->target);
        buf_putc(&next, '/');
        buf_put(&next, buf_str(&w->left), w->left.n);
        buf_clear(&w->left);
        buf_put(&w->left, buf_str(&next), next.n);
    }
}

bool manifest_link_escapes(const struct manifest *m, const char *root, const struct manifest_entry *link)
{
    struct walk w = {.at = BUF_INIT(SIZE_MAX / 4), .left = BUF_INIT(SIZE_MAX / 4)};
    bool escapes;

    if (link->target[0] == '/')
        return true;
    buf_puts(&w.at, link->path);
    walk_up(&w.at, strlen(root));
    buf_puts(&w.left, link->target);
    escapes = walk_escapes(&w, m, root);
    buf_free(&w.at);
    buf_free(&w.left);
    return escapes;
}
