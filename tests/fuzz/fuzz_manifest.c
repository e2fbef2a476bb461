/* Manifests: any bytes parse or are refused; what parses is written again byte for byte, and what became of one tree to be
 * another is all that differs. The lines are also tried under a head that counts and digests them, which no mutation would find.
 */
#include "spec/manifest.h"
#include "spec/manifest_diff.h"
#include "tests/lib/fuzz.h"

#include "spec/base/limits.h"
#include "spec/base/vec.h"

#include <string.h>

static bool parse(struct arena *a, const char *s, size_t n, struct manifest *ret)
{
    struct err e = {0};

    if (manifest_parse(a, s, n, ret, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT && text_has_prefix(e.msg, "manifest:"));
        return false;
    }
    return true;
}

static void check_whole(struct arena *a, const char *s, size_t n, const struct manifest *m)
{
    BUF_AUTO b = BUF_INIT(LIMIT_MANIFEST_BYTES);
    struct manifest_entry *v = ARENA_ARRAY(a, struct manifest_entry, m->n);
    struct manifest made;
    struct err e;

    FUZZ_ASSERT(manifest_emit(m, &b, &e) == 0 && b.n == n && memcmp(b.s, s, n) == 0);
    for (size_t i = 0; i < m->n; i++) {
        v[m->n - 1 - i] = m->v[i];
        FUZZ_ASSERT(!manifest_path_flaw(m->v[i].path));
        FUZZ_ASSERT(manifest_find(m, m->v[i].path) == &m->v[i]);
        if (m->v[i].type == MANIFEST_LINK)
            FUZZ_ASSERT(manifest_link_escapes(m, "", &m->v[i]) || m->v[i].target[0] != '/');
    }
    FUZZ_ASSERT(manifest_make(v, m->n, &made, &e) == 0 && text_eq(made.tree, m->tree));
    FUZZ_ASSERT(manifest_compare(a, m, &made).n == 0);
}

static void check_pair(struct arena *a, const struct manifest *x, const struct manifest *y)
{
    struct manifest_changes there = manifest_compare(a, x, y), back = manifest_compare(a, y, x);
    struct manifest_three_way t = manifest_three_way(a, x, y, x), blind = manifest_three_way(a, NULL, y, x);
    BUF_AUTO b = BUF_INIT(1u << 20);

    FUZZ_ASSERT(there.n == back.n && there.n_of[MANIFEST_ADDED] == back.n_of[MANIFEST_REMOVED]);
    FUZZ_ASSERT((there.n == 0) == text_eq(x->tree, y->tree));
    FUZZ_ASSERT(t.local.n == 0 && t.lost.n == there.n);
    FUZZ_ASSERT(t.verdict == (there.n == 0 ? MANIFEST_SAME : MANIFEST_REMOTE_CHANGED));
    /* Who does not know what was seeded loses what is there and not here, and no removals. */
    FUZZ_ASSERT(blind.lost.n == there.n_of[MANIFEST_ADDED] + there.n_of[MANIFEST_CHANGED]);
    manifest_changes_format(&b, &there, 5);
    for (size_t i = 0; i < b.n; i++)
        FUZZ_ASSERT(b.s[i] == '\n' || ((unsigned char)b.s[i] >= 0x20 && b.s[i] != 0x7f));
}

static char *with_head(struct arena *a, const char *lines, size_t n, size_t *ret_n)
{
    char tree[DIGEST_HEX], *head, *all;
    size_t n_lines = 0, n_head;

    for (size_t i = 0; i < n; i++)
        n_lines += lines[i] == '\n';
    digest_sha256_hex(lines, n, tree);
    head = arena_printf(a, "reconclaw-manifest 1\nid x\ntree %zu %s\n", n_lines, tree);
    n_head = strlen(head);
    all = arena_alloc(a, n_head + n + 1);
    memcpy(all, head, n_head);
    if (n > 0)
        memcpy(all + n_head, lines, n);
    *ret_n = n_head + n;
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    const char *s = (const char *)data, *half = size > 0 ? memchr(s, '%', size) : NULL;
    const size_t n[2] = {half ? (size_t)(half - s) : size, half ? size - (size_t)(half - s) - 1 : 0};
    struct manifest m[2];
    bool ok[2];

    if (parse(a, s, size, &m[0]))
        check_whole(a, s, size, &m[0]);
    for (size_t i = 0; i < 2; i++) {
        size_t n_text;
        char *text = with_head(a, i == 0 || !half ? s : half + 1, n[i], &n_text);

        ok[i] = parse(a, text, n_text, &m[i]);
        if (ok[i])
            check_whole(a, text, n_text, &m[i]);
    }
    if (ok[0] && ok[1])
        check_pair(a, &m[0], &m[1]);
    return 0;
}
