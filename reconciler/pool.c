#include "reconciler/pool.h"

#include <stdlib.h>
#include <string.h>

enum state { STATE_NO_ACT, STATE_BLOCKED, STATE_READY, STATE_RUNNING, STATE_ENDED };

/* The ready acts of one endpoint: a list through pool.next. */
struct lane {
    size_t head, tail;
    unsigned running, limit;
};

struct pool {
    const struct plan *plan;
    struct pool_conf conf;
    enum state *state;
    size_t *next;                /* in its lane */
    size_t *lane, *runtime;      /* of each act */
    size_t *n_before;            /* that have not ended */
    size_t *first_later, *later; /* who comes after act i: later[first_later[i]..first_later[i + 1]) */
    bool *busy;                  /* by runtime */
    struct lane *lanes;
    size_t n_lanes, turn; /* which lane is asked first */
    size_t *lost;         /* stack, while losing */
    size_t n_left, drop_from;
};

static bool is_act(const struct act *act)
{
    return act->kind != ACT_HOLD && act->kind != ACT_REPORT;
}

/* Acts stand by endpoint and name, so that neighbours tell the lanes and runtimes apart. */
static void place_acts(struct pool *p, struct arena *a)
{
    const struct plan *plan = p->plan;
    size_t n_runtimes = 0;

    p->lanes = ARENA_ARRAY(a, struct lane, plan->n_acts);
    for (size_t i = 0; i < plan->n_acts; i++) {
        const struct act *act = &plan->acts[i], *last = i ? &plan->acts[i - 1] : NULL;
        struct lane *lane;

        if (!last || strcmp(last->endpoint, act->endpoint) != 0) {
            p->lanes[p->n_lanes++] = (struct lane){.head = POOL_NONE, .limit = p->conf.concurrency};
            n_runtimes++;
        } else if (strcmp(last->name, act->name) != 0) {
            n_runtimes++;
        }
        p->lane[i] = p->n_lanes - 1;
        p->runtime[i] = n_runtimes - 1;
        lane = &p->lanes[p->lane[i]];
        if (is_act(act) && act->want && act->want->policy.concurrency > 0 && act->want->policy.concurrency < lane->limit)
            lane->limit = act->want->policy.concurrency;
    }
    p->busy = ARENA_ARRAY(a, bool, n_runtimes);
}

static void link_acts(struct pool *p, struct arena *a)
{
    const struct plan *plan = p->plan;
    size_t *fill, n = 0;

    p->first_later = ARENA_ARRAY(a, size_t, plan->n_acts + 1);
    for (size_t i = 0; i < plan->n_acts; i++)
        for (size_t k = 0; k < plan->acts[i].n_after; k++, n++)
            p->first_later[plan->acts[i].after[k] + 1]++;
    for (size_t i = 0; i < plan->n_acts; i++)
        p->first_later[i + 1] += p->first_later[i];
    p->later = ARENA_ARRAY(a, size_t, n);
    fill = ARENA_ARRAY(a, size_t, plan->n_acts);
    for (size_t i = 0; i < plan->n_acts; i++) {
        p->n_before[i] = plan->acts[i].n_after;
        for (size_t k = 0; k < plan->acts[i].n_after; k++) {
            size_t before = plan->acts[i].after[k];

            p->later[p->first_later[before] + fill[before]++] = i;
        }
    }
}

static void make_ready(struct pool *p, size_t i)
{
    struct lane *lane = &p->lanes[p->lane[i]];

    p->state[i] = STATE_READY;
    p->next[i] = POOL_NONE;
    if (lane->head == POOL_NONE)
        lane->head = i;
    else
        p->next[lane->tail] = i;
    lane->tail = i;
}

struct pool *pool_make(struct arena *a, const struct plan *plan, const struct pool_conf *conf)
{
    struct pool *p = ARENA_NEW(a, struct pool);

    p->plan = plan;
    p->conf = *conf;
    p->state = ARENA_ARRAY(a, enum state, plan->n_acts);
    p->next = ARENA_ARRAY(a, size_t, plan->n_acts);
    p->lane = ARENA_ARRAY(a, size_t, plan->n_acts);
    p->runtime = ARENA_ARRAY(a, size_t, plan->n_acts);
    p->n_before = ARENA_ARRAY(a, size_t, plan->n_acts);
    p->lost = ARENA_ARRAY(a, size_t, plan->n_acts);
    place_acts(p, a);
    link_acts(p, a);
    for (size_t i = 0; i < plan->n_acts; i++) {
        if (!is_act(&plan->acts[i]))
            continue;
        p->n_left++;
        p->state[i] = STATE_BLOCKED;
        if (p->n_before[i] == 0)
            make_ready(p, i);
    }
    return p;
}

/* The first of the lane whose runtime is free, taken off the list. */
static size_t take_from(struct pool *p, struct lane *lane)
{
    for (size_t i = lane->head, last = POOL_NONE; i != POOL_NONE; last = i, i = p->next[i]) {
        if (p->busy[p->runtime[i]])
            continue;
        if (last == POOL_NONE)
            lane->head = p->next[i];
        else
            p->next[last] = p->next[i];
        if (lane->tail == i)
            lane->tail = last;
        return i;
    }
    return POOL_NONE;
}

size_t pool_take(struct pool *p)
{
    for (size_t k = 0; k < p->n_lanes; k++) {
        struct lane *lane = &p->lanes[(p->turn + k) % p->n_lanes];
        size_t i = lane->running < lane->limit ? take_from(p, lane) : POOL_NONE;

        if (i == POOL_NONE)
            continue;
        p->state[i] = STATE_RUNNING;
        p->busy[p->runtime[i]] = true;
        lane->running++;
        p->turn = (p->turn + k + 1) % p->n_lanes; /* endpoints take turns, so that a long one starves none */
        return i;
    }
    return POOL_NONE;
}

/* Whoever waits for act i is lost, and who waits for those. */
static void lose_later(struct pool *p, size_t i)
{
    size_t n = 0;

    p->lost[n++] = i;
    while (n) {
        size_t before = p->lost[--n];

        for (size_t k = p->first_later[before]; k < p->first_later[before + 1]; k++) {
            size_t later = p->later[k];

            if (p->state[later] != STATE_BLOCKED)
                continue;
            p->state[later] = STATE_ENDED;
            p->n_left--;
            p->lost[n++] = later;
            p->conf.on_lost(p->conf.ctx, later, before);
        }
    }
}

void pool_end(struct pool *p, size_t i, bool succeeded)
{
    if (p->state[i] != STATE_RUNNING)
        abort();
    p->state[i] = STATE_ENDED;
    p->busy[p->runtime[i]] = false;
    p->lanes[p->lane[i]].running--;
    p->n_left--;
    if (!succeeded) {
        lose_later(p, i);
        return;
    }
    for (size_t k = p->first_later[i]; k < p->first_later[i + 1]; k++)
        if (--p->n_before[p->later[k]] == 0 && p->state[p->later[k]] == STATE_BLOCKED)
            make_ready(p, p->later[k]);
}

size_t pool_drop(struct pool *p)
{
    for (; p->drop_from < p->plan->n_acts; p->drop_from++) {
        size_t i = p->drop_from;

        if (p->state[i] != STATE_BLOCKED && p->state[i] != STATE_READY)
            continue;
        p->state[i] = STATE_ENDED;
        p->n_left--;
        for (size_t k = 0; k < p->n_lanes; k++) /* nothing starts any more */
            p->lanes[k].head = POOL_NONE;
        return i;
    }
    return POOL_NONE;
}

size_t pool_left(const struct pool *p)
{
    return p->n_left;
}
