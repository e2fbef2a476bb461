#include "reconciler/remember.h"

#include "reconciler/round.h"
#include "reconciler/stuck.h"
#include "spec/base/text.h"

#include <string.h>

const char *remember_memo_key(struct arena *a, const char *endpoint)
{
    return arena_printf(a, "memo:%s", endpoint);
}

size_t round_count(const struct round *r, const struct plan_endpoint *p, const struct act_ended *done)
{
    size_t n = p->n_ours;

    for (size_t i = 0; done && i < r->plan.n_acts; i++) {
        const struct act *act = &r->plan.acts[i];

        if (done[i].end != ACT_ENDED_DONE || strcmp(act->endpoint, p->name) != 0)
            continue;
        n += act->kind == ACT_CREATE;
        n -= act->kind == ACT_PRUNE && act->obs && n > 0;
    }
    return n;
}

void round_remember(const struct round *r, const struct act_ended *done, struct store *s)
{
    ARENA_AUTO a = arena_new();
    struct node *seen = node_object(a);
    struct err e = {0};
    const char *text;

    if (!s->home)
        return;
    if (done)
        stuck_remember(s->home, r->stuck, r->n_stuck, &r->plan, done);
    for (size_t i = 0; i < r->n_looks; i++)
        if (r->looks[i].seen.ok && r->looks[i].seen.memo && !text_eq(r->looks[i].seen.memo, r->looks[i].req.memo))
            (void)home_put_soft(s->home, remember_memo_key(a, r->looks[i].endpoint), r->looks[i].seen.memo,
                                strlen(r->looks[i].seen.memo), &e);
    for (size_t i = 0; i < r->plan.n_endpoints; i++) {
        const struct plan_endpoint *p = &r->plan.endpoints[i];
        size_t n = round_count(r, p, done);

        /* An endpoint that could not be read keeps its count. */
        for (size_t k = 0; !p->known && k < r->world.n_last; k++)
            if (strcmp(r->world.last[k].endpoint, p->name) == 0)
                n = r->world.last[k].n;
        if (n > 0)
            node_set(a, seen, p->name, node_number(a, (double)n));
    }
    for (size_t i = 0; i < r->n_elsewhere; i++)
        node_set(a, seen, r->elsewhere[i].endpoint, node_number(a, (double)r->elsewhere[i].n));
    text = node_json(a, seen);
    char *old = NULL;
    size_t old_n;
    if (home_get(s->home, a, REMEMBER_SEEN_KEY, &old, &old_n, &e) < 0 || !text_eq(old, text))
        (void)home_put_soft(s->home, REMEMBER_SEEN_KEY, text, strlen(text), &e);
}
