/* What `openshell` prints, and our own records: any bytes decode or are refused, and what decodes can be acted on. The first byte
 * chooses the decoder. */
#include "backends/openshell_reply.h"
#include "backends/openshell_spec.h"
#include "backends/openshell_store.h"
#include "tests/lib/fuzz.h"

#include "spec/base/text.h"

#include <string.h>

/* They come back in an argv. */
static void check_item(const struct openshell_item *it, bool with_id)
{
    FUZZ_ASSERT(it->name != NULL && it->name[0] != '\0' && it->name[0] != '-' && strpbrk(it->name, " \t\r\n/") == NULL);
    FUZZ_ASSERT(it->phase < OPENSHELL_PHASE_COUNT && openshell_phase_name(it->phase) != NULL);
    FUZZ_ASSERT(with_id == (it->id != NULL));
    FUZZ_ASSERT(it->created_at_ms == TIME_NONE || it->created_at_ms >= 0);
    FUZZ_ASSERT(it->labels == NULL || it->labels->kind == NODE_OBJECT);
}

static void try_list(struct arena *a, const char *text, size_t n, bool json)
{
    struct openshell_items all = {.n = 77};
    struct err e = {0};
    int r = json ? openshell_list_json(a, text, n, &all, &e) : openshell_list_text(a, text, n, &all, &e);

    FUZZ_ASSERT(r == 0 || (e.class == ERR_INPUT && e.msg[0] != '\0' && all.n == 77));
    for (size_t i = 0; r == 0 && i < all.n; i++)
        check_item(&all.v[i], json);
}

static void try_get(struct arena *a, const char *text, size_t n, bool json)
{
    struct openshell_item it;
    struct err e = {0};

    if ((json ? openshell_get_json(a, text, n, &it, &e) : openshell_get_text(a, text, n, &it, &e)) == 0)
        check_item(&it, true);
    else
        FUZZ_ASSERT(e.class == ERR_INPUT);
}

static void try_status(struct arena *a, const char *text, size_t n, bool json)
{
    struct openshell_status s;
    struct err e = {0};

    if ((json ? openshell_status_json(a, text, n, &s, &e) : openshell_status_text(a, text, n, &s, &e)) == 0)
        FUZZ_ASSERT(s.link == OPENSHELL_CONNECTED || s.why != NULL);
    else
        FUZZ_ASSERT(e.class == ERR_INPUT);
}

/* A live policy is compared with what was made, and is changed in its dynamic part: the change leads to no difference. */
static void try_policy(struct arena *a, const char *text, size_t n)
{
    struct node *live, *create, *again;
    struct openshell_spec spec;
    struct field_change *ch;
    struct err e = {0};
    char *patched;

    if (openshell_policy_yaml(a, "policy", text, n, &live, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT);
        return;
    }
    create = node_object(a);
    node_set(a, create, "policyText", node_string_n(a, text, n));
    if (openshell_spec_decode(a, create, &spec, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_CONFIG);
        return;
    }
    FUZZ_ASSERT(fields_diff(a, openshell_spec_fields(a, &spec, NULL),
                            openshell_spec_observed(a, &spec, NULL, live, OPENSHELL_READY), &ch) == 0);
    patched = openshell_policy_patched(a, live, spec.policy);
    FUZZ_ASSERT(openshell_policy_yaml(a, "patched", patched, strlen(patched), &again, &e) == 0);
}

static void try_record(struct arena *a, const char *text, size_t n)
{
    struct openshell_record r, again;
    struct err e = {0};
    size_t len;
    char *bytes;

    if (openshell_record_decode(a, text, n, &r, &e) < 0) {
        FUZZ_ASSERT(e.class == ERR_INPUT);
        return;
    }
    bytes = openshell_record_encode(a, &r, &len);
    FUZZ_ASSERT(len > OPENSHELL_RECORD_BYTES || openshell_record_decode(a, bytes, len, &again, &e) == 0);
    if (len <= OPENSHELL_RECORD_BYTES)
        FUZZ_ASSERT(text_eq(r.id, again.id) && text_eq(r.owner, again.owner) && text_eq(r.hash, again.hash) &&
                    r.stage == again.stage && r.kind == again.kind && r.created_at_ms == again.created_at_ms &&
                    node_equal(r.create, again.create));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    struct openshell_release release;
    const char *const *words, *text;
    struct err e = {0};
    size_t n, n_words;

    if (size == 0)
        return 0;
    text = arena_memdup0(a, data + 1, size - 1);
    n = size - 1;
    switch (data[0]) {
    case 'l':
        try_list(a, text, n, false);
        break;
    case 'L':
        try_list(a, text, n, true);
        break;
    case 'g':
        try_get(a, text, n, false);
        break;
    case 'G':
        try_get(a, text, n, true);
        break;
    case 's':
        try_status(a, text, n, false);
        break;
    case 'S':
        try_status(a, text, n, true);
        break;
    case 'p':
        try_policy(a, text, n);
        break;
    case 'r':
        try_record(a, text, n);
        break;
    case 'w':
        if (openshell_list_lines(a, text, n, &words, &n_words, &e) == 0)
            for (size_t i = 0; i < n_words; i++)
                FUZZ_ASSERT(words[i][0] != '-' && words[i][0] != '\0');
        break;
    case 'v':
        if (openshell_release_read(text, &release))
            FUZZ_ASSERT(openshell_release_cmp(release, release) == 0);
        break;
    default:
        FUZZ_ASSERT(strlen(openshell_complaint(a, text, n)) <= 4096);
        FUZZ_ASSERT(strpbrk(openshell_complaint(a, text, n), "\n\r\x1b") == NULL);
        break;
    }
    return 0;
}
