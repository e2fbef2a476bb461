#include "tests/lib/plan_props.h"

#include "reconciler/core/plan_text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ROUNDS 6

/* --- telling what went wrong ----------------------------------------------------------------------------------------------- */

static const char *broken(struct arena *a, const struct plan *p, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static const char *broken(struct arena *a, const struct plan *p, const char *fmt, ...)
{
    BUF_AUTO text = BUF_INIT(1u << 20);
    va_list ap;
    char *what;

    va_start(ap, fmt);
    what = arena_vprintf(a, fmt, ap);
    va_end(ap);
    plan_emit_text(&text, p, 0);
    return arena_printf(a, "%s\n%s", what, buf_str(&text));
}

static const char *broken_at(struct arena *a, const struct plan *p, size_t i, const char *what)
{
    BUF_AUTO act = BUF_INIT(65536);

    act_format(&act, &p->acts[i], p->now_ms);
    return broken(a, p, "%s: [%s]", what, buf_str(&act));
}

static bool acts(const struct act *act)
{
    return act->kind != ACT_HOLD && act->kind != ACT_REPORT;
}

static bool removes(const struct act *act)
{
    return act->kind == ACT_PRUNE || act->kind == ACT_FORGET;
}

static void plan_model(struct arena *a, const struct model *m, struct plan *ret)
{
    struct world *w = ARENA_NEW(a, struct world);

    model_world(m, a, NULL, w);
    plan_compute(a, w, m->now_ms, ret);
}

/* Rounds until nothing is left to do, at one moment. false: it never ends. */
static bool settle_now(struct arena *a, struct model *m, struct plan *last)
{
    for (unsigned round = 0; round < MAX_ROUNDS; round++) {
        struct plan p;

        plan_model(a, m, &p);
        *last = p;
        if (plan_is_empty(&p) && round > 0)
            return true;
        model_apply_plan(m, &p, NULL);
        model_confirm(m, &p);
    }
    return false;
}

/* And once more when hot windows and retries have passed. */
static bool settle(struct arena *a, struct model *m, struct plan *last)
{
    if (!settle_now(a, m, last))
        return false;
    m->now_ms = MODEL_NOW + 900000;
    return settle_now(a, m, last);
}

/* --- 1 --------------------------------------------------------------------------------------------------------------------- */

/* In one round, unless something had to wait for a second look or for the cap: what others did may free it. */
const char *prop_fixpoint(struct arena *a, struct dice *dice)
{
    struct plan first, second, last;
    struct model m;
    bool waits;

    model_make(&m, a, dice, dice_roll(dice, MODEL_CHAOS + 1), 1 + dice_roll(dice, 12));
    model_unique_records(&m); /* of two records of one runtime, one act ends one */
    waits = m.n_requests > 0; /* a command that is held is gone in the next round */
    plan_model(a, &m, &first);
    for (size_t i = 0; i < first.n_acts; i++)
        waits |= first.acts[i].kind == ACT_HOLD && (first.acts[i].guard == GUARD_CAP || first.acts[i].needs_look);
    model_apply_plan(&m, &first, NULL);
    model_confirm(&m, &first);
    plan_model(a, &m, &second);
    if (!waits && !plan_is_empty(&second))
        return broken(a, &second, "carried out and planned again, there is still something to do, after\n%s",
                      broken(a, &first, "the first plan"));
    if (!settle(a, &m, &last))
        return broken(a, &last, "it never ends");
    return NULL;
}

/* --- 2 --------------------------------------------------------------------------------------------------------------------- */

const char *prop_determinism(struct arena *a, struct dice *dice)
{
    BUF_AUTO json1 = BUF_INIT(16u << 20), json2 = BUF_INIT(16u << 20), text1 = BUF_INIT(16u << 20), text2 = BUF_INIT(16u << 20);
    struct world w1, w2;
    struct plan p1, p2;
    struct model m;

    model_make(&m, a, dice, dice_roll(dice, MODEL_CHAOS + 1), 1 + dice_roll(dice, 12));
    model_world(&m, a, NULL, &w1);
    model_world(&m, a, dice, &w2);
    plan_compute(a, &w1, m.now_ms, &p1);
    plan_compute(a, &w2, m.now_ms, &p2);
    plan_emit_json(&json1, &p1);
    plan_emit_json(&json2, &p2);
    plan_emit_text(&text1, &p1, 0);
    plan_emit_text(&text2, &p2, 0);
    if (strcmp(buf_str(&json1), buf_str(&json2)) != 0)
        return broken(a, &p1, "another order of the input gives another plan:\n%s\n%s", buf_str(&json2), buf_str(&json1));
    if (strcmp(buf_str(&text1), buf_str(&text2)) != 0)
        return broken(a, &p2, "another order of the input gives another text");
    if (strstr(buf_str(&json1), "s3cret") || strstr(buf_str(&text1), "s3cret"))
        return broken(a, &p1, "a sensitive value is shown");
    return NULL;
}

/* --- 3 --------------------------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct world *w, const char *install)
{
    for (size_t i = 0; i < w->n_installs; i++)
        if (strcmp(w->installs[i].id, install) == 0)
            return true;
    return false;
}

static const struct install *install_of(const struct world *w, const char *id)
{
    for (size_t i = 0; i < w->n_installs; i++)
        if (strcmp(w->installs[i].id, id) == 0)
            return &w->installs[i];
    return NULL;
}

static const struct observation *listing_of(const struct world *w, const char *endpoint)
{
    const struct observation *found = NULL;

    for (size_t i = 0; i < w->n_observations; i++) {
        if (strcmp(w->observations[i].endpoint, endpoint) != 0)
            continue;
        if (found || !w->observations[i].ok)
            return NULL;
        found = &w->observations[i];
    }
    return found;
}

static unsigned granted(const struct world *w, const struct act *act)
{
    unsigned bits = 0;

    for (size_t i = 0; i < w->n_grants; i++) {
        const struct grant *g = &w->grants[i];

        if (!g->endpoint || (strcmp(g->endpoint, act->endpoint) == 0 && (!g->name || strcmp(g->name, act->name) == 0)))
            bits |= g->allows;
    }
    return bits;
}

static bool interrupts(const struct act *act)
{
    return act->obs && act->obs->state == RUN_RUNNING &&
           (act->kind == ACT_STOP || act->kind == ACT_RECREATE || act->kind == ACT_RESEED || act->kind == ACT_PRUNE ||
            (act->kind == ACT_PATCH && act->restart));
}

static bool is_recorded_id(const struct world *w, const struct observed *o)
{
    for (size_t i = 0; i < w->n_records; i++)
        if (w->records[i].id && strcmp(w->records[i].id, o->id) == 0)
            return true;
    return false;
}

static const char *unsafe_owner(const struct world *w, const struct plan *p, const struct act *act)
{
    const struct observation *seen = listing_of(w, act->endpoint);
    size_t n = 0, n_wanted = 0;

    if (!seen)
        return "acts on an unknown endpoint";
    if (act->rec && !is_ours(w, act->rec->install))
        return "touches another install's record";
    if (act->obs && act->obs->install && !is_ours(w, act->obs->install))
        return "touches another install's runtime";
    if (act->obs && act->obs->state == RUN_UNKNOWN)
        return "touches an unknown runtime";
    if (act->obs && act->obs->ownership == OWN_FOREIGN && !(act->rec && act->rec->id && strcmp(act->rec->id, act->obs->id) == 0))
        return "touches what is not ours";
    for (size_t i = 0; i < w->n_desired; i++)
        n_wanted += strcmp(w->desired[i].endpoint, act->endpoint) == 0 && strcmp(w->desired[i].name, act->name) == 0;
    if (n_wanted > 1)
        return "acts on a name that two want";
    for (size_t i = 0; i < seen->n; i++) {
        const struct observed *o = &seen->v[i];
        bool freed = false;

        if (strcmp(o->name, act->name) != 0 || o->state == RUN_ABSENT)
            continue;
        n++;
        if (o->state == RUN_UNKNOWN)
            return "acts on a name whose runtime is unknown";
        for (size_t k = 0; k < act->n_after; k++)
            freed |= p->acts[act->after[k]].kind == ACT_PRUNE && p->acts[act->after[k]].obs &&
                     strcmp(p->acts[act->after[k]].obs->id, o->id) == 0;
        if (act->kind == ACT_CREATE && !freed)
            return "creates over what is there";
        if (act->kind == ACT_FORGET && o->kind == act->runtime && o->install && strcmp(o->install, act->install) == 0)
            return "forgets what is there";
        if (act->kind == ACT_FORGET && o->ownership == OWN_FOREIGN && !is_recorded_id(w, o))
            return "forgets what may be there";
    }
    return n > 1 ? "acts on a name that is listed twice" : NULL;
}

static const char *unsafe_use(const struct world *w, int64_t now, const struct act *act, const struct policy *policy)
{
    unsigned grants = granted(w, act);

    if (policy->protect && (interrupts(act) || removes(act) || act->kind == ACT_RECREATE || act->kind == ACT_RESEED))
        return "touches what is protected";
    if (interrupts(act) && !(grants & GRANT_USE)) {
        int64_t used = act->rec ? act->rec->last_used_at_ms : TIME_NONE;

        if (act->obs->busy_known && act->obs->busy > 0)
            return "interrupts what is busy";
        /* What we made beforehand, and nobody has used since. */
        if (act->obs->ownership == OWN_OURS && used == act->obs->created_at_ms)
            used = INT64_MIN / 2;
        if (used != TIME_NONE && policy->hot_window_ms > 0 && now - used < policy->hot_window_ms)
            return "interrupts what is hot";
        if (used == TIME_NONE && policy->hot_window_ms > 0 && act->runtime != RUNTIME_SANDBOX && !act->obs->busy_known &&
            !(act->rec && act->rec->creating))
            return "interrupts what may be hot";
    }
    if (act->obs && (act->kind == ACT_PRUNE || act->kind == ACT_RECREATE || act->kind == ACT_RESEED) && !(grants & GRANT_DATA) &&
        ((act->want && !act->want->can_remake) || (act->rec && act->rec->holds_data)))
        return "destroys the only copy";
    return NULL;
}

static const char *unsafe_removal(const struct world *w, const struct act *act, const struct policy *policy)
{
    const struct install *in = install_of(w, act->install);

    if (!removes(act))
        return NULL;
    if (!policy->prune)
        return "removes with pruning off";
    if (in && !in->config_ok)
        return "removes while the config does not load";
    if (act->kind == ACT_FORGET && act->obs)
        return "forgets what is there";
    if (act->kind == ACT_FORGET && !act->needs_look) {
        const struct observation *seen = listing_of(w, act->endpoint);
        bool known = false;

        for (size_t i = 0; i < seen->n; i++) /* the name is another's, or a look said that it is gone */
            known |= strcmp(seen->v[i].name, act->name) == 0;
        if (!known)
            return "forgets without a second look";
    }
    return NULL;
}

static const char *unsafe_rule(const struct world *w, int64_t now, const struct act *act)
{
    for (size_t i = 0; i < w->n_pauses; i++) {
        const struct pause *p = &w->pauses[i];
        bool on = p->until_ms == TIME_NONE || p->until_ms > now;

        if (on && (!p->endpoint || (strcmp(p->endpoint, act->endpoint) == 0 && (!p->name || strcmp(p->name, act->name) == 0))))
            return "acts on what is paused";
    }
    for (size_t i = 0; i < w->n_turns; i++)
        if (w->turns[i].n >= 3 && strcmp(w->turns[i].endpoint, act->endpoint) == 0 && strcmp(w->turns[i].name, act->name) == 0)
            return "acts on what is flapping";
    if ((act->kind == ACT_CREATE || act->kind == ACT_RECREATE) && act->want && act->want->image) {
        const struct observation *seen = listing_of(w, act->endpoint);

        for (size_t i = 0; i < seen->n_images; i++)
            if (strcmp(seen->images[i].ref, act->want->image) == 0 && !seen->images[i].id)
                return "needs an image that is not there";
    }
    return NULL;
}

const char *prop_safety(struct arena *a, struct dice *dice)
{
    struct world w;
    struct plan p;
    struct model m;

    model_make(&m, a, dice, dice_chance(dice, 60) ? MODEL_CHAOS : MODEL_USUAL, 1 + dice_roll(dice, 12));
    model_world(&m, a, NULL, &w);
    plan_compute(a, &w, m.now_ms, &p);
    for (size_t i = 0; i < p.n_acts; i++) {
        const struct act *act = &p.acts[i];
        const struct install *in = install_of(&w, act->install);
        const struct policy *policy = act->want ? &act->want->policy : in ? &in->policy : NULL;
        const char *what;

        if (!acts(act))
            continue;
        if (!policy)
            return broken_at(a, &p, i, "acts for an install that is not ours");
        what = unsafe_owner(&w, &p, act);
        what = what ? what : unsafe_use(&w, m.now_ms, act, policy);
        what = what ? what : unsafe_removal(&w, act, policy);
        what = what ? what : unsafe_rule(&w, m.now_ms, act);
        if (what)
            return broken_at(a, &p, i, what);
    }
    return NULL;
}

/* --- 4 --------------------------------------------------------------------------------------------------------------------- */

const char *prop_minimality(struct arena *a, struct dice *dice)
{
    struct plan p;
    struct model m;
    bool *spoilt;
    unsigned n = 1 + dice_roll(dice, 12);

    model_make(&m, a, dice, MODEL_QUIET, n);
    spoilt = ARENA_ARRAY(a, bool, n);
    for (unsigned i = 0; i < n; i++) {
        if (!dice_chance(dice, 30))
            continue;
        spoilt[i] = true; /* quiet worlds have one of each kind, in the same order */
        if (dice_chance(dice, 50))
            m.runtimes[i].state = RUN_STOPPED;
        else
            m.runtimes[i].endpoint = NULL;
    }
    plan_model(a, &m, &p);
    for (size_t i = 0; i < p.n_acts; i++) {
        unsigned place = (unsigned)strtoul(p.acts[i].name + 1, NULL, 10);

        if (place >= n || !spoilt[place])
            return broken_at(a, &p, i, "acts on what is equal in all three worlds");
    }
    return NULL;
}

/* --- 5 --------------------------------------------------------------------------------------------------------------------- */

/* Whether `before` comes before i by `after` alone. */
static bool comes_after(const struct plan *p, size_t i, size_t before, unsigned depth)
{
    for (size_t k = 0; depth && k < p->acts[i].n_after; k++)
        if (p->acts[i].after[k] == before || comes_after(p, p->acts[i].after[k], before, depth - 1))
            return true;
    return false;
}

static bool shares(const struct act *x, const struct act *y)
{
    bool same_endpoint = strcmp(x->endpoint, y->endpoint) == 0;

    if (strcmp(x->name, y->name) != 0)
        return false;
    if (same_endpoint)
        return y->kind == ACT_PRUNE && x->kind == ACT_CREATE;
    return !x->rec && y->rec && x->runtime == y->runtime && x->runtime != RUNTIME_SANDBOX && strcmp(x->install, y->install) == 0;
}

const char *prop_order(struct arena *a, struct dice *dice)
{
    struct plan p;
    struct model m;
    size_t *order;

    model_make(&m, a, dice, dice_chance(dice, 60) ? MODEL_CHAOS : MODEL_USUAL, 1 + dice_roll(dice, 16));
    plan_model(a, &m, &p);
    for (size_t i = 0; i < p.n_acts; i++)
        for (size_t k = 0; k < p.acts[i].n_after; k++)
            if (p.acts[i].after[k] >= p.n_acts || !acts(&p.acts[p.acts[i].after[k]]))
                return broken_at(a, &p, i, "comes after what is not carried out");
    if (model_order(a, &p, NULL, &order) == SIZE_MAX)
        return broken(a, &p, "the plan has a cycle");
    for (size_t i = 0; i < p.n_acts; i++) {
        const struct act *x = &p.acts[i];
        int c = i ? strcmp(p.acts[i - 1].endpoint, x->endpoint) : -1;

        c = c ? c : strcmp(p.acts[i - 1].name, x->name);
        if (c > 0 || (c == 0 && p.acts[i - 1].runtime > x->runtime))
            return broken_at(a, &p, i, "is not in its place");
        if (x->kind != ACT_CREATE && x->kind != ACT_RECREATE && x->kind != ACT_ADOPT)
            continue;
        for (size_t k = 0; k < p.n_acts; k++)
            if (removes(&p.acts[k]) && shares(x, &p.acts[k]) && !comes_after(&p, i, k, 4))
                return broken_at(a, &p, i, "does not wait for the removal that it needs");
    }
    return NULL;
}

/* --- 6, 7 ------------------------------------------------------------------------------------------------------------------ */

static const char *end_of(struct arena *a, const struct model *m)
{
    BUF_AUTO b = BUF_INIT(4u << 20);

    model_emit(&b, m);
    return arena_strdup(a, buf_str(&b));
}

/* Commands are for one round, and lost with it: they are left out where rounds are cut. So is what would wait for a word: a
 * setup that was cut where the runtime is protected or its workspace exists nowhere else. And what `remove` took away half is a
 * ghost, which has a policy of its own. */
static void make_cuttable(struct model *m, struct arena *a, struct dice *dice)
{
    model_make(m, a, dice, MODEL_USUAL, 1 + dice_roll(dice, 12));
    m->n_requests = 0;
    for (size_t i = 0; i < m->n_desired; i++) {
        m->desired[i].can_remake |= m->desired[i].setup != NULL;
        m->desired[i].policy.protect &= m->desired[i].setup == NULL;
        if (m->desired[i].policy.on_drift == ON_DRIFT_REMOVE)
            m->desired[i].policy.ghosts = GHOSTS_FORGET;
    }
    for (size_t i = 0; i < m->n_runtimes; i++)
        for (size_t k = 0; k < m->n_records; k++)
            if (m->records[k].install && strcmp(m->records[k].name, m->runtimes[i].name) == 0 &&
                strcmp(m->records[k].endpoint, m->runtimes[i].endpoint) == 0)
                m->runtimes[i].created_at_ms = m->records[k].created_at_ms;
}

const char *prop_crash(struct arena *a, struct dice *dice)
{
    struct model whole, cut;
    struct plan p, last;
    const char *want, *got;
    size_t *order, n, stop;

    make_cuttable(&whole, a, dice);
    model_copy(&cut, &whole, a);
    plan_model(a, &cut, &p);
    n = model_order(a, &p, dice, &order);
    if (n == SIZE_MAX)
        return broken(a, &p, "the plan has a cycle");
    stop = n ? dice_roll(dice, (unsigned)n) : 0;
    for (size_t i = 0; i < stop; i++)
        model_apply(&cut, &p.acts[order[i]], SIZE_MAX);
    if (n)
        model_apply(&cut, &p.acts[order[stop]], dice_roll(dice, 5));
    if (!settle(a, &whole, &last) || !settle(a, &cut, &last))
        return broken(a, &last, "it never ends");
    want = end_of(a, &whole);
    got = end_of(a, &cut);
    if (strcmp(want, got) != 0)
        return broken(a, &p, "cut after %zu of %zu acts, the end is\n%s\nand should be\n%s\nthe last plan was%s\n", stop, n, got,
                      want, broken(a, &last, "the last plan was"));
    return NULL;
}

/* Whether the cap holds anything: then what else there is decides over it, and one thing that is stuck over others. */
static bool holds_by_cap(const struct plan *p)
{
    for (size_t i = 0; i < p->n_acts; i++)
        if (p->acts[i].kind == ACT_HOLD && p->acts[i].guard == GUARD_CAP)
            return true;
    return false;
}

/* The lines that do not speak of this name. */
static const char *without_name(struct arena *a, const char *text, const char *name)
{
    const char *needle = arena_printf(a, "/%s ", name);
    BUF_AUTO b = BUF_INIT(4u << 20);

    while (*text) {
        size_t n = strcspn(text, "\n") + 1;
        char *line = arena_memdup0(a, text, n);

        if (!strstr(line, needle))
            buf_puts(&b, line);
        text += n;
    }
    return arena_strdup(a, buf_str(&b));
}

const char *prop_convergence(struct arena *a, struct dice *dice)
{
    const char *stuck = arena_printf(a, "n%u", dice_roll(dice, 12));
    struct model free_of_faults, faulty;
    struct plan first, last, p;
    const char *want, *got;

    make_cuttable(&free_of_faults, a, dice);
    model_copy(&faulty, &free_of_faults, a);
    plan_model(a, &faulty, &first);
    for (unsigned round = 0; round < 2 * MAX_ROUNDS; round++) {
        bool *fails;

        plan_model(a, &faulty, &p);
        if (holds_by_cap(&p))
            return NULL;
        fails = ARENA_ARRAY(a, bool, p.n_acts);
        for (size_t i = 0; i < p.n_acts; i++) {
            fails[i] = strcmp(p.acts[i].name, stuck) == 0 || (round < 3 && dice_chance(dice, 40));
            if (fails[i] && acts(&p.acts[i]) && strcmp(p.acts[i].name, stuck) != 0 && p.acts[i].n_after == 0)
                model_apply(&faulty, &p.acts[i], dice_roll(dice, 5));
        }
        for (size_t i = 0; i < p.n_acts; i++)
            if (fails[i] && removes(&p.acts[i])) /* begun, so that it keeps its place under the cap */
                model_grant(&faulty, p.acts[i].endpoint, p.acts[i].name, GRANT_BEGUN);
        model_apply_plan(&faulty, &p, fails);
        model_confirm(&faulty, &p);
        if (round == MAX_ROUNDS)
            faulty.now_ms = MODEL_NOW + 900000;
    }
    if (!settle(a, &free_of_faults, &last))
        return broken(a, &last, "it never ends");
    if (holds_by_cap(&last))
        return NULL;
    want = without_name(a, end_of(a, &free_of_faults), stuck);
    got = without_name(a, end_of(a, &faulty), stuck);
    if (strcmp(want, got) != 0)
        return broken(a, &p, "with faults, and %s stuck, the end is\n%s\nand should be\n%s\n%s", stuck, got, want,
                      broken(a, &first, "the first plan was"));
    return NULL;
}

/* --- 8 --------------------------------------------------------------------------------------------------------------------- */

/* No fewer than the planner may count: one for each record and each runtime shown there. */
static size_t most_known(const struct world *w, const char *endpoint)
{
    const struct observation *seen = listing_of(w, endpoint);
    size_t n = 0;

    for (size_t i = 0; i < w->n_records; i++)
        n += strcmp(w->records[i].endpoint, endpoint) == 0;
    for (size_t i = 0; seen && i < seen->n; i++)
        n += seen->v[i].state != RUN_ABSENT;
    return n;
}

const char *prop_cap(struct arena *a, struct dice *dice)
{
    struct world w;
    struct plan p;
    struct model m;

    model_make(&m, a, dice, dice_chance(dice, 50) ? MODEL_CHAOS : MODEL_USUAL, 1 + dice_roll(dice, 20));
    model_world(&m, a, NULL, &w);
    plan_compute(a, &w, m.now_ms, &p);
    for (size_t e = 0; e < p.n_endpoints; e++) {
        const struct plan_endpoint *at = &p.endpoints[e];
        size_t removals = 0, held = 0, known = most_known(&w, at->name), cap = SIZE_MAX;

        for (size_t i = 0; i < p.n_acts; i++) {
            const struct act *act = &p.acts[i];
            const struct install *in = install_of(&w, act->install);
            const struct policy *policy = act->want ? &act->want->policy : in ? &in->policy : NULL;
            size_t share;

            if (strcmp(act->endpoint, at->name) != 0 || (granted(&w, act) & (GRANT_CAP | GRANT_BEGUN)))
                continue;
            held += act->kind == ACT_HOLD && act->guard == GUARD_CAP && (act->held == ACT_PRUNE || act->held == ACT_FORGET);
            if (!removes(act))
                continue;
            removals++;
            share = known * policy->cap_percent / 100;
            share = share > policy->cap_count ? share : policy->cap_count;
            cap = share < cap ? share : cap;
        }
        if (removals > cap)
            return broken(a, &p, "%zu removals on %s, where at most %zu are allowed", removals, at->name, cap);
        if (held && removals)
            return broken(a, &p, "over the cap on %s, and still something is removed", at->name);
        if (!!held != at->over_cap)
            return broken(a, &p, "the plan does not say that %s is over the cap", at->name);
    }
    return NULL;
}

const struct prop plan_props[] = {
    {"carried out and planned again, nothing is left to do", prop_fixpoint},
    {"the same world in another order gives the same bytes, and no secret", prop_determinism},
    {"nothing foreign, unknown, protected, busy or hot is touched, nothing goes with pruning off", prop_safety},
    {"what is equal in all three worlds is not in the plan", prop_minimality},
    {"the order is acyclic and removes first what shares a name or a row", prop_order},
    {"cut anywhere and planned again, it comes to the same end", prop_crash},
    {"transient faults delay, a permanent one stops one runtime only", prop_convergence},
    {"over the removal cap nothing is removed, and the plan says so", prop_cap},
};
const size_t n_plan_props = sizeof plan_props / sizeof *plan_props;
