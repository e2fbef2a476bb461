#include "reconciler/core/guards.h"

#include "reconciler/core/decide.h"
#include "reconciler/core/moves.h"
#include "reconciler/core/seeds.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/remote.h"

#include <string.h>

/* Removes the runtime or stops it, whether or not it runs now. */
static bool unmakes(const struct unit *u, const struct act *act)
{
    switch (act->kind) {
    case ACT_STOP:
    case ACT_RECREATE:
    case ACT_RESEED:
    case ACT_PRUNE:
        return true;
    case ACT_PATCH:
        return act->restart && u->o->state == RUN_RUNNING;
    case ACT_CREATE:
    case ACT_START:
    case ACT_ADOPT:
    case ACT_FORGET:
    case ACT_HOLD:
    case ACT_REPORT:
    case ACT_KIND_COUNT:
        break;
    }
    return false;
}

/* --- one guard each: true where it holds ----------------------------------------------------------------------------------- */

static bool guard_prune_off(struct match *m, struct unit *u, struct act *act)
{
    if (!act_kind_removes(act->kind) || u->policy->prune)
        return false;
    act->held = act->kind;
    act->kind = ACT_REPORT;
    act->needs_look = false;
    act->reason = arena_printf(m->arena, "%s (pruning is off)", act->reason);
    return true;
}

static bool guard_paused(struct match *m, struct unit *u, struct act *act)
{
    const struct pause *p = u->pause;

    if (!p)
        return false;
    act_hold(m, act, GUARD_PAUSED, p->until_ms,
             arena_printf(m->arena, "%s paused%s%s",
                          p->name && p->endpoint ? "it is"
                          : p->endpoint          ? "its endpoint is"
                                                 : "all is",
                          p->why ? ": " : "", p->why ? p->why : ""));
    act->remedy = "reconclaw resume";
    return true;
}

static bool guard_release(struct match *m, struct unit *u, struct act *act)
{
    if (!u->in || !u->in->release_unknown || (u->request && act_kind_removes(act->kind) && act->kind != ACT_RECREATE))
        return false;
    act_hold(m, act, GUARD_RELEASE, TIME_NONE,
             arena_printf(m->arena, "its OpenClaw is of a release that is not known: %s", u->in->release_unknown));
    return true;
}

static bool guard_flapping(struct match *m, struct unit *u, struct act *act)
{
    const struct turn *t = u->turn;

    if (!t || t->n < PLAN_FLAP_TURNS || u->policy->ignore_flapping)
        return false;
    act_hold(m, act, GUARD_FLAPPING, TIME_NONE,
             arena_printf(m->arena, "%s undid it %u times", t->other ? t->other : "another owner", t->n));
    return true;
}

static bool guard_config(struct match *m, struct unit *u, struct act *act)
{
    if (!act_kind_removes(act->kind) || !u->in || u->in->config_ok)
        return false;
    act_hold(m, act, GUARD_CONFIG, TIME_NONE,
             arena_printf(m->arena, "the specs do not load, the last good ones are in force%s%s", u->in->why ? ": " : "",
                          u->in->why ? u->in->why : ""));
    return true;
}

static bool guard_protect(struct match *m, struct unit *u, struct act *act)
{
    if (!u->policy->protect || (!unmakes(u, act) && act->kind != ACT_FORGET))
        return false;
    act_hold(m, act, GUARD_PROTECT, TIME_NONE, "it is protected");
    return true;
}

static bool guard_data(struct match *m, struct unit *u, struct act *act)
{
    const char *why;

    if (!u->o || !seeds_only_copy(u) || (act->kind != ACT_RECREATE && act->kind != ACT_RESEED && act->kind != ACT_PRUNE))
        return false;
    if (u->o->content_known && u->o->n_entries == 0)
        return false;
    if (fields_get(u->o->fields, REMOTE_UNFINISHED)) /* its snapshot was kept, or what it is a copy of is there */
        return false;
    act->data_loss = true;
    why = seeds_no_snapshot(m, u);
    act->snapshot = !why;
    if (u->grants & GRANT_DATA)
        return false;
    if (act->kind == ACT_RESEED && act->seed && !seeds_is_approved(m, u)) {
        act_hold(m, act, GUARD_DATA, TIME_NONE,
                 arena_printf(m->arena, "%zu change%s that %s made there would be undone", act->seed->n_lost,
                              act->seed->n_lost == 1 ? "" : "s", act->seed->n_lost == 1 ? "was" : "were"));
        act->remedy = arena_printf(m->arena, "reconclaw approve %s", u->name);
        return true;
    }
    if (!why)
        return false;
    act_hold(
        m, act, GUARD_DATA, TIME_NONE,
        arena_printf(m->arena, "it would destroy a workspace that exists nowhere else, and no snapshot can be had: %s", why));
    act->remedy = "reconclaw apply --allow-data-loss";
    return true;
}

/* A command that can be pasted into a shell as it stands; NULL where the reference or the address will not do for that. */
static const char *pull_command(struct arena *a, const char *endpoint, const char *ref)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@-";
    const char *address = strchr(endpoint, ':');

    bool podman = strcmp(endpoint, "podman") == 0 || text_has_prefix(endpoint, "podman:");
    if (strcmp(endpoint, "docker") != 0 && !text_has_prefix(endpoint, "docker:") && !podman)
        return NULL;
    if (!*ref || *ref == '-' || ref[strspn(ref, plain)])
        return NULL;
    if (!address)
        return arena_printf(a, "%s pull %s", podman ? "podman" : "docker", ref);
    address++;
    if (!*address || *address == '-' || address[strspn(address, plain)])
        return NULL;
    return arena_printf(a, "%s %s pull %s", podman ? "podman --url" : "docker -H", address, ref);
}

static bool guard_image(struct match *m, struct unit *u, struct act *act)
{
    const struct image_state *image;

    if ((act->kind != ACT_CREATE && act->kind != ACT_RECREATE) || !u->d->image)
        return false;
    image = site_image(u->site, u->d->image);
    if (!image || image->id)
        return false;
    act_hold(m, act, GUARD_IMAGE, TIME_NONE, arena_printf(m->arena, "image %s is not there", u->d->image));
    act->remedy = pull_command(m->arena, u->endpoint, u->d->image);
    return true;
}

static bool guard_busy(struct match *m, struct unit *u, struct act *act)
{
    if (!unmakes(u, act) || !u->o || u->o->state != RUN_RUNNING || (u->grants & GRANT_USE))
        return false;
    if (!u->o->busy_known || u->o->busy == 0 || u->policy->ignore_busy)
        return false;
    act_hold(m, act, GUARD_BUSY, TIME_NONE,
             arena_printf(m->arena, "it is in use: %u live exec%s or session%s", u->o->busy, u->o->busy == 1 ? "" : "s",
                          u->o->busy == 1 ? "" : "s"));
    return true;
}

/* When it was used last, for the hot window. TIME_NONE: never. *ret_known false: nobody can tell. */
static int64_t last_use(const struct match *m, const struct unit *u, bool *ret_known)
{
    int64_t r = u->r ? u->r->created_at_ms : TIME_NONE, created = u->o->created_at_ms > r ? u->o->created_at_ms : r;
    int64_t used = u->r ? u->r->last_used_at_ms : TIME_NONE;

    *ret_known = true;
    /* Made by us beforehand, and its time of last use is still that of its creation: our acts are no use. */
    if (used != TIME_NONE)
        return u->o->ownership == OWN_OURS && used == u->o->created_at_ms ? TIME_NONE : used;
    if (u->being_made || ((u->r || u->d) && u->kind == RUNTIME_SANDBOX))
        return TIME_NONE;                  /* ours from the start, and nobody wrote a use down */
    if (u->d && (!u->r || u->r->creating)) /* adopted in this round: that counts as used now */
        return u->o->ownership == OWN_OURS && u->o->created_at_ms == m->now_ms ? TIME_NONE : m->now_ms;
    *ret_known = created != TIME_NONE && u->o->busy_known;
    return created;
}

static bool guard_hot(struct match *m, struct unit *u, struct act *act)
{
    int64_t window = u->policy->hot_window_ms, used, until;
    bool known;

    if (!unmakes(u, act) || !u->o || u->o->state != RUN_RUNNING || (u->grants & GRANT_USE) || window <= 0)
        return false;
    used = last_use(m, u, &known);
    if (!known) {
        act_hold(m, act, GUARD_HOT, TIME_NONE, "it runs, and when it was used last is not known");
        return true;
    }
    if (used == TIME_NONE)
        return false;
    until = num_add_i64(used, window);
    if (m->now_ms >= until)
        return false;
    act_hold(m, act, GUARD_HOT, until,
             used > m->now_ms ? "it was used in the future, by its record"
                              : arena_printf(m->arena, "it was used %s ago", span_text(m->arena, m->now_ms - used)));
    return true;
}

/* Both ask for the owner's word that so much shall go, or is gone. */
static const char lift_cap[] = GUARD_LIFT_CAP;

static bool guard_suspicious(struct match *m, struct unit *u, struct act *act)
{
    if (!u->site->suspicious || u->absent || !u->r || (u->grants & GRANT_CAP))
        return false;
    if (act->kind != ACT_FORGET) /* a create looks for the name first, and takes nothing away */
        return false;
    act_hold(m, act, GUARD_UNKNOWN, TIME_NONE,
             arena_printf(m->arena, "endpoint %s shows none of the %zu runtimes that were there", u->endpoint,
                          u->site->n_recorded > u->site->n_last ? u->site->n_recorded : u->site->n_last));
    act->remedy = lift_cap;
    return true;
}

/* A tree that has the id that was recorded is itself, whatever the host calls itself now. OpenClaw's trees have none of their
 * own. */
static bool is_proven(const struct unit *u)
{
    return u->o && u->r->id && text_eq(u->o->id, u->r->id) && !text_has_prefix(u->r->id, "inode:");
}

static bool guard_host_key(struct match *m, struct unit *u, struct act *act)
{
    if (!u->r || !u->r->seed.host_key || !u->site->host_key || strcmp(u->r->seed.host_key, u->site->host_key) == 0)
        return false;
    if ((act->kind != ACT_PRUNE && act->kind != ACT_FORGET) || is_proven(u) || (u->grants & GRANT_CAP))
        return false;
    act_hold(m, act, GUARD_UNKNOWN, TIME_NONE,
             arena_printf(m->arena, "the host that answers has the key %s, and it was made on one with the key %s",
                          u->site->host_key, u->r->seed.host_key));
    act->remedy = u->o ? lift_cap : arena_printf(m->arena, "reconclaw forget %s", u->name);
    return true;
}

typedef bool guard_fn(struct match *m, struct unit *u, struct act *act);

/* --- over a unit ----------------------------------------------------------------------------------------------------------- */

static void guard_act(struct match *m, struct unit *u, struct act *act)
{
    static guard_fn *const order[] = {guard_prune_off, guard_paused,  guard_release,  guard_flapping,
                                      guard_config,    guard_protect, guard_data,     guard_image,
                                      guard_busy,      guard_hot,     guard_host_key, guard_suspicious};

    if (act->kind == ACT_HOLD || act->kind == ACT_REPORT)
        return;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (order[i](m, u, act))
            return;
    if (unmakes(u, act))
        act->needs_look = true;
}

/* What is wanted and there gets its record before anything else, unless an act of this round writes or ends it. */
static void adopt_first(struct match *m, struct unit *u)
{
    struct act *adopt;
    bool held = false;

    if (!u->d || !u->o || u->clash || u->unknown || u->d->want == WANT_ABSENT)
        return;
    if (u->r && !moves_is_unplaced(u) &&
        (!u->r->creating || (u->being_made && u->d->setup))) /* with a setup, that it is there does not say that it is good */
        return;
    for (size_t i = 0; i < u->n_acts; i++) {
        if (u->acts[i]->kind == ACT_RECREATE || u->acts[i]->kind == ACT_RESEED || act_kind_removes(u->acts[i]->kind))
            return;
        if (u->r && u->r->creating &&
            (u->acts[i]->held == ACT_RECREATE || u->acts[i]->held == ACT_RESEED)) /* not what was to be made: the intent stays */
            return;
        held |= u->acts[i]->kind == ACT_HOLD;
    }
    adopt = unit_add(m, u, ACT_ADOPT, "%s",
                     !u->r            ? "it is wanted and there, and not recorded"
                     : u->r->creating ? "its creation has ended after all"
                                      : "at which root it stands was not written down");
    guard_act(m, u, adopt);
    if (adopt->kind == ACT_HOLD && held) {
        u->n_acts--;
        return;
    }
    memmove(u->acts + 1, u->acts, (u->n_acts - 1) * sizeof *u->acts);
    u->acts[0] = adopt;
}

void guard_unit(struct match *m, struct unit *u)
{
    for (size_t i = 0; i < u->n_acts; i++)
        guard_act(m, u, u->acts[i]);
    adopt_first(m, u);
}

/* --- the cap --------------------------------------------------------------------------------------------------------------- */

size_t guard_cap_of(size_t n_known, const struct policy *p)
{
    size_t percent = p->cap_percent > 100 ? 100 : p->cap_percent, share = n_known / 100 * percent;

    share += n_known % 100 * percent / 100;
    return share > p->cap_count ? share : p->cap_count;
}

/* What is granted is left out of both sides: that it goes makes the share of the others neither larger nor, later, smaller. */
static bool is_past_cap(const struct unit *u)
{
    return (u->grants & (GRANT_CAP | GRANT_BEGUN)) || u->left_of != NO_UNIT ||
           (u->moves_to != NO_UNIT && u->kind != RUNTIME_SANDBOX); /* what it holds goes on elsewhere */
}

void guard_cap(struct match *m)
{
    for (size_t i = 0; i < m->n_sites; i++)
        m->sites[i].cap = SIZE_MAX;
    for (size_t i = 0; i < m->n_units; i++)
        if (unit_removal(&m->units[i]))
            ++*(is_past_cap(&m->units[i]) ? &m->units[i].site->n_granted : &m->units[i].site->n_removals);
    for (size_t i = 0; i < m->n_units; i++) {
        struct unit *u = &m->units[i];
        size_t cap;

        if (!unit_removal(u) || is_past_cap(u))
            continue;
        cap = guard_cap_of(u->site->n_known - u->site->n_granted, u->policy);
        if (cap < u->site->cap)
            u->site->cap = cap;
    }
    for (size_t i = 0; i < m->n_sites; i++)
        m->sites[i].over_cap = m->sites[i].n_removals > m->sites[i].cap;
    for (size_t i = 0; i < m->n_units; i++) {
        struct unit *u = &m->units[i];

        for (size_t k = 0; k < u->n_acts && u->site->over_cap && !is_past_cap(u); k++) {
            if (!act_kind_removes(u->acts[k]->kind))
                continue;
            act_hold(m, u->acts[k], GUARD_CAP, TIME_NONE,
                     arena_printf(m->arena, "%zu removals are due on %s, and %zu are allowed in one round without a word",
                                  u->site->n_removals, u->endpoint, u->site->cap));
            u->acts[k]->remedy = lift_cap;
        }
    }
}
