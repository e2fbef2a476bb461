/* expand_run: what one expansion of an OpenClaw's config works with. Private to expand.c, which fills it, and to left_behind.c,
 * which is its last step; all of it lives in the arena of the run. */
#ifndef RECONCLAW_SPEC_OPENCLAW_EXPAND_RUN_H
#define RECONCLAW_SPEC_OPENCLAW_EXPAND_RUN_H

#include "spec/base/vec.h"
#include "spec/openclaw/expand.h"

#include <stdint.h>

#define RUN_NONE SIZE_MAX

struct run_agent {
    const char *id;
    struct pos pos;      /* of its entry, or of what holds for all */
    bool broken;         /* its config has an error: in doubt about all that is its own */
    struct diags errors; /* of a broken one */
    struct oc_sandbox sandbox;
    const char *mode, *scope, *backend;
    const char *workspace_dir; /* its own, not that of a scope */
};

/* One runtime that is wanted. */
struct run_slot {
    enum runtime_kind kind;
    const struct oc_context *c;
    size_t agent;
    bool precreate;
};

struct oc_memo {
    bool ready;
    VEC(struct run_agent) agents; /* the default agent first, then in the order of the file */
    const char *default_id;       /* NULL: of what names no agent, nobody has the config */
    size_t plain;             /* one past an agent that has no sandbox and tools of its own: what it has, others like it have */
    struct node *agent_index; /* id -> number */
    VEC(struct oc_context *) contexts;
    struct node *context_index; /* agent and scope key -> number */
};

struct run {
    struct arena *a;
    const struct oc_expand *in;
    const struct oc_instance *oc;
    const struct oc_profile *line;
    struct diags *d;
    struct oc_memo *memo;
    VEC(struct run_slot) slots;
    struct node *slot_index;   /* kind, backend and scope key -> number */
    struct node *other_podman; /* names that are recorded there -> the endpoint */
    bool left_alone;           /* records, for want of a config file */
};

/* An agent under whose config a scope key may be used, and the scope its config must have for that. */
struct run_claim {
    size_t agent; /* RUN_NONE: no such agent any more */
    const char *id;
    const char *scope;
    const char *session; /* that the key was made from; NULL: not from a session */
    bool isolated;       /* kept for one person or session, whatever mode and scope say */
};
struct run_claims {
    struct run_claim *v;
    size_t n, cap;
};

/* The strongest claim first: it gives the reason where nobody wants the runtime. None: nobody can be asked. */
struct run_claims run_claims_of(struct run *r, const char *key);

/* The key that the config gives today to what a claim is about. */
const char *run_key_today(struct run *r, const struct run_agent *g, const char *scope, const char *session);

/* Whether a key was made by the rules of another line of OpenClaw than the one that is driven. */
bool run_is_superseded(const struct run *r, const char *key);

/* Whether it is of a kind that OpenClaw makes. */
bool run_is_openclaws(enum runtime_kind kind);

#endif
