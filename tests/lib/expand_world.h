/* expand_world: one OpenClaw with its files in memory, its config and its records, and what expanding it gave.
 *
 *     EXPAND_WORLD_AUTO w = expand_world_new(a, &places, "docker", "{agents:{...}}");
 *     w->records[w->n_records++] = ...;  w->seen[w->observation.n++] = ...;  w->oc.podman = ...;
 *     expand_world_run(w, ENSURE_ALL);   w->rc, w->out, w->d
 *
 * A config that does not load fails the test. Fields may be set as the test likes until the run; a run may be repeated. */
#pragma once

#include "spec/openclaw/expand.h"
#include "tests/lib/memfs.h"

#define EXPAND_WORLD_INSTALL "0123456789abcdef"

struct expand_world {
    struct arena *a;
    struct memfs fs;
    struct oc_collator collator;
    struct oc_instance oc;
    struct openclaw_object object;
    struct record records[8];
    size_t n_records;
    struct observed seen[8];
    struct observation observation; /* of seen */
    bool (*drives)(const char *backend);
    struct diags d;
    struct oc_expansion out;
    int rc;
};

/* config: JSON5, as the owner wrote it. endpoint: whose observation it is. */
struct expand_world *expand_world_new(struct arena *a, const struct oc_places *at, const char *endpoint, const char *config);
void expand_world_free(struct expand_world **w);
#define EXPAND_WORLD_AUTO __attribute__((cleanup(expand_world_free))) struct expand_world *

/* Docker's endpoint is "docker". */
void expand_world_run(struct expand_world *w, enum ensure ensure);
