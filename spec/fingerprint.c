#include "spec/fingerprint.h"

#include "spec/base/digest.h"
#include "spec/base/text.h"

#include <stdlib.h>
#include <string.h>

static int member_by_key(const void *a, const void *b)
{
    return text_cmp(((const struct node_member *)a)->key, ((const struct node_member *)b)->key);
}

/* A copy with keys sorted and secrets as digests: equal for equal meanings, and safe to keep. */
static struct node *canonical(struct arena *a, const struct node *n)
{
    if (n->kind == NODE_STRING && n->secret) {
        struct node *digest = node_object(a); /* an object, so that no plain text can equal it */
        node_set(a, digest, "sha256", node_string(a, digest_sha256(a, n->s, n->s_n)));
        return digest;
    }
    if (n->kind == NODE_ARRAY) {
        struct node *list = node_array(a);
        for (size_t i = 0; i < n->n_items; i++)
            node_push(a, list, canonical(a, n->items[i]));
        return list;
    }
    if (n->kind != NODE_OBJECT)
        return node_copy(a, n);
    struct node_member *sorted = ARENA_ARRAY(a, struct node_member, n->n_members);
    struct node *object = node_object(a);
    if (n->n_members) {
        memcpy(sorted, n->members, n->n_members * sizeof *sorted);
        qsort(sorted, n->n_members, sizeof *sorted, member_by_key);
    }
    for (size_t i = 0; i < n->n_members; i++)
        node_set(a, object, sorted[i].key, canonical(a, sorted[i].value));
    return object;
}

char *fingerprint_of(struct arena *a, const struct node *n)
{
    const char *text = node_json(a, canonical(a, n));
    return digest_sha256(a, text, strlen(text));
}
