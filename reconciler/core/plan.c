#include "reconciler/core/plan.h"

#include "reconciler/core/decide.h"
#include "reconciler/core/guards.h"
#include "reconciler/core/leftovers.h"
#include "reconciler/core/match.h"
#include "reconciler/core/moves.h"
#include "reconciler/core/order.h"

static void emit_endpoints(struct match *m, struct plan *ret)
{
    struct plan_endpoint *v = ARENA_ARRAY(m->arena, struct plan_endpoint, m->n_sites);

    for (size_t i = 0; i < m->n_sites; i++) {
        const struct site *s = &m->sites[i];

        v[i] = (struct plan_endpoint){.name = s->endpoint,
                                      .known = s->known,
                                      .why = s->known ? NULL : s->why,
                                      .remedy = s->known ? NULL : s->remedy,
                                      .suspicious = s->suspicious,
                                      .n_ours = s->n_ours,
                                      .n_known = s->n_known,
                                      .n_removals = s->n_removals,
                                      .cap = s->n_removals ? s->cap : 0,
                                      .over_cap = s->over_cap};
        ret->n_unknown += !s->known;
    }
    ret->endpoints = v;
    ret->n_endpoints = m->n_sites;
}

void plan_compute(struct arena *a, const struct world *w, int64_t now_ms, struct plan *ret)
{
    struct match m;

    *ret = (struct plan){.now_ms = now_ms};
    match_world(a, w, now_ms, &m);
    moves_link(&m);
    for (size_t i = 0; i < m.n_units; i++) {
        decide_unit(&m, &m.units[i]);
        guard_unit(&m, &m.units[i]);
    }
    guard_cap(&m);
    leftovers_plan(&m, ret);
    order_units(&m);
    order_emit(&m, ret);
    emit_endpoints(&m, ret);
    ret->next_due_ms = m.next_due_ms;
}

bool plan_is_empty(const struct plan *p)
{
    return p->n_acts == p->count[ACT_HOLD] + p->count[ACT_REPORT] && plan_count_moves(p, MOVE_QUARANTINE) == 0 &&
           plan_count_moves(p, MOVE_COLLECT) == 0;
}

size_t plan_count_moves(const struct plan *p, enum move_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_moves; i++)
        n += p->moves[i].kind == kind && !p->moves[i].held;
    return n;
}

const char *move_kind_name(enum move_kind k)
{
    static const char *const names[MOVE_KIND_COUNT] = {
        [MOVE_QUARANTINE] = "quarantine", [MOVE_COLLECT] = "collect", [MOVE_DROP] = "drop"};

    return names[k];
}
