/* read_dump json5|json|dotenv: what a reader makes of texts, for comparison with npm's packages (tests/interop/).
 *
 * stdin: records of a 4-byte little-endian length and that many bytes. stdout: a line for each, `ok <JSON>` or
 * `no <line>:<column> <end|identifier|character>`. In the JSON, numbers that JSON cannot hold are texts "@NaN" "@Infinity"
 * "@-Infinity" "@-0". */
#include "spec/openclaw/dotenv.h"
#include "spec/read/json.h"
#include "spec/read/json5.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mark_numbers(struct arena *a, struct node *n)
{
    if (n->kind == NODE_NUMBER && (!isfinite(n->num) || (n->num == 0 && signbit(n->num))))
        *n = *node_string(a, isnan(n->num) ? "@NaN" : n->num == 0 ? "@-0" : n->num > 0 ? "@Infinity" : "@-Infinity");
    for (size_t i = 0; n->kind == NODE_ARRAY && i < n->n_items; i++)
        mark_numbers(a, n->items[i]);
    for (size_t i = 0; n->kind == NODE_OBJECT && i < n->n_members; i++)
        mark_numbers(a, n->members[i].value);
}

static const char *kind_of(const char *msg)
{
    if (strstr(msg, "unexpected end of the text") == msg)
        return "end";
    return strstr(msg, "a key without quotes cannot hold") == msg ? "identifier" : "character";
}

static void dump(const char *reader, const char *bytes, size_t n)
{
    ARENA_AUTO a = arena_new();
    struct diags d = {.arena = a};
    struct node *root = strcmp(reader, "json5") == 0  ? json5_read(a, "f", bytes, n, &d)
                        : strcmp(reader, "json") == 0 ? json_read(a, "f", bytes, n, &d)
                                                      : dotenv_read(a, bytes, n);

    if (root) {
        mark_numbers(a, root);
        node_js_order(a, root);
        printf("ok %s\n", node_json(a, root));
        return;
    }
    for (size_t i = 0; i < d.n; i++)
        if (d.v[i].level == DIAG_ERROR)
            printf("no %u:%u %s\n", d.v[i].pos.line, d.v[i].pos.col, kind_of(d.v[i].msg));
}

int main(int argc, char **argv)
{
    unsigned char head[4];

    if (argc != 2)
        return 64;
    while (fread(head, 1, 4, stdin) == 4) {
        size_t n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        char *bytes = malloc(n + 1);

        if (!bytes || fread(bytes, 1, n, stdin) != n)
            return 1;
        dump(argv[1], bytes, n);
        free(bytes);
    }
    return 0;
}
