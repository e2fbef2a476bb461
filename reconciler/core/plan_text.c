#include "reconciler/core/plan_text.h"

#include "reconciler/core/decide.h"
#include "spec/base/num.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

/* --- JSON ------------------------------------------------------------------------------------------------------------------ */

static struct node *time_or_null(struct arena *a, int64_t ms)
{
    return ms == TIME_NONE ? node_null(a) : node_number(a, (double)ms);
}

static struct node *value_node(struct arena *a, const struct field_change *c, const char *value)
{
    return node_text(a, value && c->sensitive ? "(sensitive)" : value);
}

static struct node *changes_node(struct arena *a, const struct act *act)
{
    struct node *v = node_array(a);

    for (size_t i = 0; i < act->n_changes; i++) {
        const struct field_change *c = &act->changes[i];
        struct node *o = node_object(a);

        node_set(a, o, "field", node_string(a, c->name));
        node_set(a, o, "from", value_node(a, c, c->from));
        node_set(a, o, "to", value_node(a, c, c->to));
        node_set(a, o, "class", node_string(a, field_class_name(c->class)));
        node_set(a, o, "sensitive", node_bool(a, c->sensitive));
        node_push(a, v, o);
    }
    return v;
}

static const char *act_scope(const struct act *act)
{
    return act->want ? act->want->scope_key : act->rec ? act->rec->scope_key : act->obs ? act->obs->scope_key : NULL;
}

static const char *act_owner(const struct act *act)
{
    return act->want ? act->want->owner : act->rec && act->rec->owner ? act->rec->owner : act->obs ? act->obs->owner : NULL;
}

static struct node *dirs_node(struct arena *a, const struct act *act)
{
    struct node *v = node_array(a);

    for (size_t i = 0; i < act->n_dirs; i++) {
        const struct dir_end *d = &act->dirs[i];
        struct node *o = node_object(a);

        node_set(a, o, "path", node_printf(a, "%s/%s", d->dir->root, d->dir->slug));
        node_set(a, o, "fate", node_string(a, dir_fate_name(d->fate)));
        node_set(a, o, "why", node_text(a, d->why));
        node_push(a, v, o);
    }
    return v;
}

static struct node *move_node(struct arena *a, const struct plan_move *m)
{
    const struct leftover *l = m->leftover;
    struct node *o = node_object(a);

    node_set(a, o, "move", node_string(a, move_kind_name(m->kind)));
    node_set(a, o, "held", node_bool(a, m->held));
    node_set(a, o, "path", node_printf(a, "%s/%s", l->root, l->slug));
    node_set(a, o, "entry", node_string(a, l->entry));
    node_set(a, o, "endpoint", node_string(a, l->endpoint));
    node_set(a, o, "name", node_string(a, l->runtime));
    node_set(a, o, "reason", node_string(a, m->why));
    node_set_text(a, o, "remedy", m->remedy);
    return o;
}

static struct node *seed_node(struct arena *a, const struct seed_look *s)
{
    struct node *o = node_object(a);

    node_set_text(a, o, "doubt", s->doubt);
    node_set(a, o, "verdict", s->doubt ? node_null(a) : node_string(a, manifest_verdict_name(s->verdict)));
    node_set(a, o, "lost", node_number(a, (double)s->n_lost));
    node_set(a, o, "lostBytes", node_number(a, (double)s->lost_bytes));
    node_set_text(a, o, "list", s->lost);
    node_set_text(a, o, "digest", s->digest);
    return o;
}

static struct node *act_node(struct arena *a, const struct act *act)
{
    struct node *o = node_object(a), *after = node_array(a);

    node_set(a, o, "act", node_string(a, act_kind_name(act->kind)));
    if (act->kind == ACT_HOLD || act->kind == ACT_REPORT)
        node_set(a, o, "held", node_string(a, act_kind_name(act->held)));
    if (act->kind == ACT_HOLD) {
        node_set(a, o, "guard", node_string(a, guard_name(act->guard)));
        node_set(a, o, "untilMs", time_or_null(a, act->until_ms));
    }
    node_set(a, o, "endpoint", node_string(a, act->endpoint));
    node_set(a, o, "name", node_string(a, act->name));
    node_set(a, o, "runtime", node_string(a, runtime_kind_name(act->runtime)));
    node_set_text(a, o, "owner", act_owner(act));
    node_set_text(a, o, "scopeKey", act_scope(act));
    node_set_text(a, o, "id", act->obs ? act->obs->id : NULL);
    node_set(a, o, "reason", node_string(a, act->reason));
    node_set_text(a, o, "holdReason", act->hold_reason);
    node_set_text(a, o, "remedy", act->remedy);
    node_set(a, o, "changes", changes_node(a, act));
    node_set(a, o, "dataLoss", node_bool(a, act->data_loss));
    node_set(a, o, "snapshot", node_bool(a, act->snapshot));
    if (act->seed)
        node_set(a, o, "seed", seed_node(a, act->seed));
    node_set_text(a, o, "movesFrom", act->moves_from ? act->moves_from->endpoint : NULL);
    node_set(a, o, "restart", node_bool(a, act->restart));
    node_set(a, o, "superseded", node_bool(a, act->superseded));
    node_set(a, o, "workspaces", dirs_node(a, act));
    for (size_t i = 0; i < act->n_after; i++)
        node_push(a, after, node_number(a, (double)act->after[i]));
    node_set(a, o, "after", after);
    return o;
}

static struct node *endpoint_node(struct arena *a, const struct plan_endpoint *e)
{
    struct node *o = node_object(a);

    node_set(a, o, "name", node_string(a, e->name));
    node_set(a, o, "known", node_bool(a, e->known));
    node_set(a, o, "why", node_text(a, e->why));
    node_set(a, o, "remedy", node_text(a, e->remedy));
    node_set(a, o, "suspicious", node_bool(a, e->suspicious));
    node_set(a, o, "runtimes", node_number(a, (double)e->n_known));
    node_set(a, o, "removals", node_number(a, (double)e->n_removals));
    node_set(a, o, "removalCap", e->n_removals ? node_number(a, (double)e->cap) : node_null(a));
    node_set(a, o, "overCap", node_bool(a, e->over_cap));
    return o;
}

struct node *plan_node(struct arena *a, const struct plan *p)
{
    struct node *o = node_object(a), *endpoints = node_array(a), *acts = node_array(a), *moves = node_array(a),
                *summary = node_object(a);

    node_set(a, o, "version", node_number(a, PLAN_JSON_VERSION));
    node_set(a, o, "nowMs", node_number(a, (double)p->now_ms));
    node_set(a, o, "nextDueMs", time_or_null(a, p->next_due_ms));
    for (size_t i = 0; i < p->n_endpoints; i++)
        node_push(a, endpoints, endpoint_node(a, &p->endpoints[i]));
    node_set(a, o, "endpoints", endpoints);
    for (size_t i = 0; i < p->n_acts; i++)
        node_push(a, acts, act_node(a, &p->acts[i]));
    node_set(a, o, "acts", acts);
    for (size_t i = 0; i < p->n_moves; i++)
        node_push(a, moves, move_node(a, &p->moves[i]));
    node_set(a, o, "workspaces", moves);
    for (int k = 0; k < ACT_KIND_COUNT; k++)
        node_set(a, summary, act_kind_name(k), node_number(a, (double)p->count[k]));
    node_set(a, summary, "unknownEndpoints", node_number(a, (double)p->n_unknown));
    node_set(a, o, "summary", summary);
    return o;
}

void plan_emit_json(struct buf *b, const struct plan *p)
{
    ARENA_AUTO a = arena_new();

    node_emit(b, plan_node(a, p), 2, NODE_EMIT_REDACT);
    buf_putc(b, '\n');
}

/* --- text ------------------------------------------------------------------------------------------------------------------ */

/* How each kind of act looks to people. */
static const struct {
    const char *symbol, *colour, *summary; /* "N <summary>" */
} looks[ACT_KIND_COUNT] = {
    [ACT_CREATE] = {"  +", "32", "to create"},     [ACT_START] = {"  >", "32", "to start"},
    [ACT_STOP] = {"  x", "33", "to stop"},         [ACT_PATCH] = {"  ~", "33", "to change in place"},
    [ACT_RECREATE] = {"-/+", "33", "to recreate"}, [ACT_RESEED] = {"-/+", "33", "to reseed"},
    [ACT_PRUNE] = {"  -", "31", "to prune"},       [ACT_ADOPT] = {"  <", "32", "to adopt"},
    [ACT_FORGET] = {"  -", "31", "to forget"},     [ACT_HOLD] = {"  !", "35", "held"},
    [ACT_REPORT] = {"  ?", "36", "reported"},
};

static void put_escaped(struct buf *b, const char *s)
{
    text_escape(b, s, strlen(s));
}

void moment_format(struct buf *b, int64_t at_ms, int64_t now_ms)
{
    ARENA_AUTO a = arena_new();

    if (at_ms > now_ms)
        buf_printf(b, "in %s", span_text(a, num_add_i64(at_ms, -now_ms)));
    else
        buf_printf(b, "%s ago", span_text(a, num_add_i64(now_ms, -at_ms)));
}

static void put_wait(struct buf *b, const struct act *act, int64_t now_ms)
{
    buf_printf(b, " (%s)", guard_name(act->guard));
    if (act->hold_reason) {
        buf_puts(b, ": ");
        put_escaped(b, act->hold_reason);
    }
    if (act->until_ms != TIME_NONE) {
        buf_puts(b, ", due ");
        moment_format(b, act->until_ms, now_ms);
    }
}

void act_format(struct buf *b, const struct act *act, int64_t now_ms)
{
    buf_printf(b, "%-8s ", act_kind_name(act->kind));
    put_escaped(b, act->endpoint);
    buf_putc(b, '/');
    put_escaped(b, act->name);
    buf_puts(b, ": ");
    if (act->kind == ACT_HOLD || act->kind == ACT_REPORT)
        buf_printf(b, "%s: ", act_kind_name(act->held));
    put_escaped(b, act->reason);
    if (act->restart)
        buf_puts(b, ", with a restart");
    if (act->relocates)
        buf_puts(b, ", made there before it goes here");
    if (act->moves_from) {
        buf_puts(b, "; moves from ");
        put_escaped(b, act->moves_from->endpoint);
    }
    if (act->snapshot)
        buf_puts(b, ", snapshot first");
    else if (act->data_loss)
        buf_puts(b, "; DESTROYS A WORKSPACE THAT EXISTS NOWHERE ELSE");
    if (act->kind == ACT_HOLD) {
        buf_puts(b, "; waits");
        put_wait(b, act, now_ms);
    }
}

static void put_colour(struct buf *b, unsigned flags, const char *code)
{
    if (flags & PLAN_TEXT_COLOUR)
        buf_printf(b, "\033[%sm", code);
}

static void put_remedy(struct buf *b, const char *remedy)
{
    if (!remedy)
        return;
    /* What is forgotten is given up, which is no way to go on where its host is only down. */
    buf_puts(b, text_has_prefix(remedy, "reconclaw forget ") ? "        where it is gone for good: " : "        to go on: ");
    put_escaped(b, remedy);
    buf_putc(b, '\n');
}

static void put_dir(struct buf *b, const struct dir_end *d)
{
    static const char *const texts[DIR_FATE_COUNT] = {
        [DIR_MOVES] = " goes to quarantine", [DIR_WAITS] = " goes to quarantine later: ", [DIR_STAYS] = " stays: "};

    buf_puts(b, "        its workspace ");
    put_escaped(b, d->dir->root);
    buf_putc(b, '/');
    put_escaped(b, d->dir->slug);
    buf_puts(b, texts[d->fate]);
    if (d->why)
        put_escaped(b, d->why);
    buf_putc(b, '\n');
}

/* Its lines are made for people already: names escaped, ended by newlines. */
static void put_lost(struct buf *b, const struct seed_look *s)
{
    if (!s || !s->lost || !s->n_lost)
        return;
    buf_puts(b, "        would be undone:\n");
    for (const char *line = s->lost; *line;) {
        size_t n = strcspn(line, "\n");

        buf_puts(b, "      ");
        text_escape(b, line, n);
        buf_putc(b, '\n');
        line += n + (line[n] == '\n');
    }
}

static void put_act(struct buf *b, const struct act *act, int64_t now_ms, unsigned flags)
{
    put_colour(b, flags, looks[act->kind].colour);
    buf_puts(b, looks[act->kind].symbol);
    put_colour(b, flags, "0");
    buf_putc(b, ' ');
    act_format(b, act, now_ms);
    buf_putc(b, '\n');
    for (size_t i = 0; i < act->n_changes; i++) {
        buf_puts(b, "        ");
        field_change_format(b, &act->changes[i]);
        buf_putc(b, '\n');
    }
    put_lost(b, act->seed);
    for (size_t i = 0; i < act->n_dirs; i++)
        put_dir(b, &act->dirs[i]);
    put_remedy(b, act->remedy);
}

static void put_move(struct buf *b, const struct plan_move *m, unsigned flags)
{
    static const struct {
        const char *symbol, *colour, *what;
    } moves[MOVE_KIND_COUNT] = {
        [MOVE_QUARANTINE] = {"  =", "36", "goes to quarantine"},
        [MOVE_COLLECT] = {"  -", "31", "is deleted from quarantine"},
        [MOVE_DROP] = {"  ?", "36", "stays where it is"},
    };
    const struct leftover *l = m->leftover;

    put_colour(b, flags, m->held ? "35" : moves[m->kind].colour);
    buf_puts(b, m->held ? "  !" : moves[m->kind].symbol);
    put_colour(b, flags, "0");
    buf_puts(b, " workspace ");
    put_escaped(b, l->root);
    buf_putc(b, '/');
    put_escaped(b, m->kind == MOVE_COLLECT ? l->entry : l->slug);
    buf_printf(b, " %s%s: ", moves[m->kind].what, m->held ? " later" : "");
    put_escaped(b, m->why);
    buf_putc(b, '\n');
    put_remedy(b, m->remedy);
}

static void put_endpoint(struct buf *b, const struct plan_endpoint *e, unsigned flags)
{
    if (e->known && !e->suspicious && !e->over_cap)
        return;
    put_colour(b, flags, "31");
    buf_puts(b, "  ! ");
    put_colour(b, flags, "0");
    buf_puts(b, "endpoint ");
    put_escaped(b, e->name);
    if (!e->known) {
        buf_puts(b, " is unknown, nothing is done there: ");
        put_escaped(b, e->why);
        if (e->remedy) {
            buf_puts(b, "\n        to go on: ");
            put_escaped(b, e->remedy);
        }
    } else if (e->over_cap) {
        buf_printf(b, ": %zu removals are due, over the cap of %zu: none is done unless confirmed", e->n_removals, e->cap);
    } else {
        buf_puts(b, " shows none of the runtimes that were there: what seems gone is not forgotten");
    }
    buf_putc(b, '\n');
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Directories that this plan moves: a container and a browser of one scope have one between them. */
static size_t going_count(const struct plan *p)
{
    ARENA_AUTO a = arena_new();
    VEC(const char *) paths = {0};
    size_t n = plan_count_moves(p, MOVE_QUARANTINE);

    for (size_t i = 0; i < p->n_acts; i++) {
        const struct act *act = &p->acts[i];

        for (size_t k = 0; k < act->n_dirs && act->kind != ACT_HOLD && act->kind != ACT_REPORT; k++)
            if (act->dirs[k].fate == DIR_MOVES)
                VEC_PUSH(a, &paths, act->dirs[k].dir->real);
    }
    if (paths.n)
        qsort(paths.v, paths.n, sizeof *paths.v, by_text);
    for (size_t i = 0; i < paths.n; i++)
        n += i == 0 || strcmp(paths.v[i - 1], paths.v[i]) != 0;
    return n;
}

static void put_count(struct buf *b, const char **sep, size_t n, const char *what, const char *fate)
{
    if (n == 0)
        return;
    buf_printf(b, "%s%zu %s%s %s", *sep, n, what, n == 1 ? "" : "s", fate);
    *sep = ", ";
}

static void put_summary(struct buf *b, const struct plan *p)
{
    const char *sep = "Plan: ";

    for (int k = 0; k < ACT_KIND_COUNT; k++) {
        if (!p->count[k])
            continue;
        buf_printf(b, "%s%zu %s", sep, p->count[k], looks[k].summary);
        sep = ", ";
    }
    put_count(b, &sep, going_count(p), "workspace", "to quarantine");
    put_count(b, &sep, plan_count_moves(p, MOVE_COLLECT), "quarantined workspace", "to delete");
    if (p->n_unknown)
        buf_printf(b, "%s%zu endpoint%s unknown", sep, p->n_unknown, p->n_unknown == 1 ? "" : "s");
    else if (strcmp(sep, "Plan: ") == 0)
        buf_puts(b, "Plan: nothing to do");
    buf_puts(b, ".\n");
}

/* Of what an upgrade of OpenClaw left behind: where all of it goes, or how much. */
static void put_fates(struct buf *b, const size_t n[DIR_FATE_COUNT])
{
    size_t n_going = n[DIR_MOVES] + n[DIR_WAITS];

    if (n_going == 0 && n[DIR_STAYS] == 0)
        buf_puts(b, "they leave no workspace behind");
    else if (n_going == 0)
        buf_puts(b, "their workspaces stay where they are");
    else if (n[DIR_STAYS] == 0)
        buf_puts(b, "their workspaces go to quarantine");
    else
        buf_printf(b, "of their workspaces %zu go to quarantine, %zu stay", n_going, n[DIR_STAYS]);
}

/* What an upgrade of OpenClaw has left behind is many acts of one cause, and that is what their owner wants to read first. */
static void put_superseded(struct buf *b, const struct plan *p, unsigned flags)
{
    size_t n = 0, n_held = 0, n_pruned = 0, fates[DIR_FATE_COUNT] = {0};

    for (size_t i = 0; i < p->n_acts; i++) {
        const struct act *act = &p->acts[i];

        if (!act->superseded)
            continue;
        n++;
        n_held += act->kind == ACT_HOLD;
        n_pruned += act->kind != ACT_HOLD && act->kind != ACT_REPORT;
        for (size_t k = 0; k < act->n_dirs; k++)
            fates[act->dirs[k].fate]++;
    }
    if (n == 0)
        return;
    put_colour(b, flags, "1");
    buf_printf(b, "  superseded by an upgrade of OpenClaw: %zu runtime%s, %zu to go now, %zu kept while in use or for a guard; ",
               n, n == 1 ? "" : "s", n_pruned, n_held);
    put_fates(b, fates);
    put_colour(b, flags, "0");
    buf_putc(b, '\n');
    for (size_t i = 0; i < p->n_acts; i++)
        if (p->acts[i].superseded)
            put_act(b, &p->acts[i], p->now_ms, flags);
}

void plan_emit_text(struct buf *b, const struct plan *p, unsigned flags)
{
    bool any = p->n_acts > 0;

    for (size_t i = 0; i < p->n_endpoints; i++) {
        size_t before = b->n;

        put_endpoint(b, &p->endpoints[i], flags);
        any |= b->n != before;
    }
    for (size_t i = 0; i < p->n_acts; i++)
        if (!p->acts[i].superseded)
            put_act(b, &p->acts[i], p->now_ms, flags);
    put_superseded(b, p, flags);
    for (size_t i = 0; i < p->n_moves; i++)
        put_move(b, &p->moves[i], flags);
    any |= p->n_moves > 0;
    if (any)
        buf_putc(b, '\n');
    put_summary(b, p);
}
