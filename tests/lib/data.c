#include "tests/lib/data.h"

#include "spec/read/json.h"
#include "spec/read/json5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "test data: %s: %s\n", what, why);
    abort();
}

char *data_read(struct arena *a, const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rbe");
    BUF_AUTO b = BUF_INIT(64u << 20);
    char chunk[65536];
    size_t n;

    if (!f)
        give_up(path, "cannot be opened; tests run from the root of the repository");
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_put(&b, chunk, n);
    if (ferror(f) || b.full)
        give_up(path, "cannot be read");
    (void)fclose(f);
    *ret_n = b.n;
    return arena_memdup0(a, buf_str(&b), b.n);
}

struct node *data_json(struct arena *a, const char *path)
{
    size_t n;
    char *bytes = data_read(a, path, &n);
    struct err e = {0};
    struct node *root = json_read_err(a, path, bytes, n, &e);

    if (!root)
        give_up(path, e.msg);
    return root;
}

struct node *data_json5(struct arena *a, const char *text)
{
    struct diags d = {.arena = a};
    struct node *n = json5_read(a, "openclaw.json", text, strlen(text), &d);

    if (!n)
        give_up(text, d.n ? d.v[0].msg : "no JSON5");
    return n;
}

struct node *data_get(const struct node *object, const char *key, enum node_kind kind)
{
    struct node *n = node_get(object, key);

    if (!node_is(n, kind))
        give_up(key, "is missing or of another kind");
    return n;
}

const char *data_str(const struct node *object, const char *key)
{
    return data_get(object, key, NODE_STRING)->s;
}
