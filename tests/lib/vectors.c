#include "tests/lib/vectors.h"

#include "spec/base/err.h"
#include "spec/read/json.h"
#include "spec/read/json5.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

char *vectors_bytes(struct arena *a, const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s: cannot be opened", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long n = ftell(f);
    assert_true(n >= 0);
    rewind(f);
    char *bytes = arena_alloc(a, (size_t)n + 1);
    assert_int_equal(fread(bytes, 1, (size_t)n, f), n);
    (void)fclose(f);
    *ret_n = (size_t)n;
    return bytes;
}

struct node *vectors_read(struct arena *a, const char *path)
{
    size_t n;
    const char *bytes = vectors_bytes(a, path, &n);
    struct err e = {0};
    struct node *tree = json_read_err(a, path, bytes, n, &e);
    if (tree == NULL)
        fail_msg("%s", e.msg);
    return tree;
}

struct node *vectors_load(struct arena *a, const char *name)
{
    struct node *list = vectors_read(a, arena_printf(a, "tests/vectors/%s.json", name));
    assert_true(node_is(list, NODE_ARRAY));
    assert_true(list->n_items > 0);
    return list;
}

struct node *vectors_json(struct arena *a, const char *text)
{
    struct diags d = {.arena = a};
    struct node *tree = json5_read(a, NULL, text, strlen(text), &d);
    if (tree == NULL)
        fail_msg("%s: %s", text, d.v[0].msg);
    return tree;
}
