/* round: one look at all three worlds, and the plan that follows. Level-triggered: it never knows why it was called.
 *
 *     struct store s;  store_open(...)               what lives from round to round
 *     struct round *r = round_look(&conf, &e)        read the records, observe, expand, plan; writes nothing
 *     ... show r->plan, or execute it
 *     round_remember(r, done, &s)                    what makes the next look cheaper (memos, counts); after acting only
 *     round_free(r)
 *
 * What is wrong with one part (a registry that is not understood, an endpoint that does not answer) is a notice and freezes that
 * part; only what makes the whole round meaningless is an error. */
#ifndef RECONCLAW_RECONCILER_ROUND_H
#define RECONCLAW_RECONCILER_ROUND_H

#include "reconciler/compare.h"
#include "reconciler/core/plan.h"
#include "reconciler/executor.h"
#include "reconciler/host.h"
#include "reconciler/load.h"
#include "reconciler/observe.h"
#include "reconciler/store.h"
#include "spec/base/arena.h"
#include "spec/base/err.h"
#include "state/home.h"
#include "state/leftovers.h"
#include "state/records.h"
#include "state/registry.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGISTRY_BUSY_MS 2000 /* how long a locked database of OpenClaw is waited for */

struct round_conf {
    const struct host *host;
    struct store *store;
    struct load *load;
    bool deep; /* the slow audit: believe no memo */
    /* Only whether all that is wanted makes sense: every agent's sandbox is worked out, no record is read, no
     * endpoint looked at, the plan stays empty. */
    bool check_only;
    /* Only what is recorded and wanted: no endpoint is looked at, the plan stays empty. */
    bool records_only;
    bool with_dirs; /* private directories are looked for even where nothing leaves any behind */
    const struct grant *grants;
    size_t n_grants;
    const struct request *requests;
    size_t n_requests;
    const atomic_bool *cancel; /* may be NULL */
};

enum notice_level { NOTICE_INFO, NOTICE_WARNING, NOTICE_BLOCKED };

/* What the plan cannot tell: a corrupt shard, a registry of another generation. */
struct notice {
    enum notice_level level;
    const char *object;        /* "OpenClaw/home", or NULL */
    const char *text, *remedy; /* remedy may be NULL */
};

struct round_openclaw {
    const struct load_openclaw *from;
    struct registry registry;
    struct registry_view view;
    struct oc_memo *memo;           /* private */
    const struct oc_podman *podman; /* of its user, where some agent is sandboxed by it and it answers; or NULL */
    /* Of the expansion, where private directories were looked for: below which they are. */
    const char *const *roots;
    size_t n_roots;
    bool driven; /* false: its registry is unknown or not ours to write; nothing of it is touched */
};

struct round {
    struct arena *a;
    int64_t now_ms;
    struct load *load;  /* a reference */
    struct diags diags; /* of expanding and checking: errors that only show when a config is used */
    struct notice *notices;
    size_t n_notices;
    struct round_openclaw *openclaws;
    size_t n_openclaws;
    struct record *records;
    size_t n_records;
    struct records_view own; /* our own record files */
    struct desired *desired;
    size_t n_desired;
    struct observe_one *looks; /* one per endpoint, with the arena that its observation lives in */
    size_t n_looks;
    struct compare *compare;         /* private: of both ends of seeds */
    struct leftovers_view leftovers; /* our own records of what was left behind */
    struct grant *stuck;             /* of stuck_read() */
    size_t n_stuck;
    const struct last_seen *elsewhere; /* what was last seen on endpoints that are no part of this load */
    size_t n_elsewhere;
    struct world world;
    struct plan plan;
    bool blocked; /* some notice is NOTICE_BLOCKED, or diags has errors */
};

int round_look(const struct round_conf *conf, struct round **ret, struct err *e);
void round_free(struct round *r); /* accepts NULL */
void round_freep(struct round **r);
#define ROUND_AUTO __attribute__((cleanup(round_freep))) struct round *

/* Stores the memos and counts of this look; `done`: how each act of the plan ended, NULL where none was carried out. Failing to
 * costs time only and is not told. */
void round_remember(const struct round *r, const struct act_ended *done, struct store *s);

/* All that is wanted of a runtime, as one text: its config hash and the image's id. What turns are counted against. */
const char *round_want(struct arena *a, const struct round *r, const struct desired *d);

/* As if v had been approved, too; the plan is made anew from the same world. The texts outlive the round. */
void round_approve(struct round *r, const struct approval *v, size_t n);

/* The wanted one of that endpoint, name and kind, or NULL. */
const struct desired *round_find_desired(const struct desired *v, size_t n, const char *endpoint, const char *name,
                                         enum runtime_kind kind);

/* How many runtimes of ours an endpoint has now: what was seen, and what was done since; `done` may be NULL. */
size_t round_count(const struct round *r, const struct plan_endpoint *p, const struct act_ended *done);

/* The round's registry of an install, or NULL. */
const struct round_openclaw *round_openclaw(const struct round *r, const char *install);

#endif
