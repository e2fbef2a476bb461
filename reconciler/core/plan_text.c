#include "reconciler/core/plan_text.h"

#include "reconciler/core/decide.h"
#include "spec/base/num.h"

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
    node_set(a, o, "restart", node_bool(a, act->restart));
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
    struct node *o = node_object(a), *endpoints = node_array(a), *acts = node_array(a), *summary = node_object(a);

    node_set(a, o, "version", node_number(a, PLAN_JSON_VERSION));
    node_set(a, o, "nowMs", node_number(a, (double)p->now_ms));
    node_set(a, o, "nextDueMs", time_or_null(a, p->next_due_ms));
    for (size_t i = 0; i < p->n_endpoints; i++)
        node_push(a, endpoints, endpoint_node(a, &p->endpoints[i]));
    node_set(a, o, "endpoints", endpoints);
    for (size_t i = 0; i < p->n_acts; i++)
        node_push(a, acts, act_node(a, &p->acts[i]));
    node_set(a, o, "acts", acts);
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
    if (act->data_loss)
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
    if (act->remedy) {
        buf_puts(b, "        to go on: ");
        put_escaped(b, act->remedy);
        buf_putc(b, '\n');
    }
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

static void put_summary(struct buf *b, const struct plan *p)
{
    const char *sep = "Plan: ";

    for (int k = 0; k < ACT_KIND_COUNT; k++) {
        if (!p->count[k])
            continue;
        buf_printf(b, "%s%zu %s", sep, p->count[k], looks[k].summary);
        sep = ", ";
    }
    if (p->n_unknown)
        buf_printf(b, "%s%zu endpoint%s unknown", sep, p->n_unknown, p->n_unknown == 1 ? "" : "s");
    else if (!p->n_acts)
        buf_puts(b, "Plan: nothing to do");
    buf_puts(b, ".\n");
}

/* What an upgrade of OpenClaw has left behind is many acts of one cause, and that is what their owner wants to read first. */
static bool is_superseded(const struct act *act)
{
    return act->reason && text_has_prefix(act->reason, RECORD_SUPERSEDED);
}

static void put_superseded(struct buf *b, const struct plan *p, unsigned flags)
{
    size_t n = 0, n_held = 0, n_pruned = 0;

    for (size_t i = 0; i < p->n_acts; i++) {
        const struct act *act = &p->acts[i];

        n += is_superseded(act);
        n_held += is_superseded(act) && act->kind == ACT_HOLD;
        n_pruned += is_superseded(act) && act->kind != ACT_HOLD && act->kind != ACT_REPORT;
    }
    if (n == 0)
        return;
    put_colour(b, flags, "1");
    buf_printf(b, "  superseded by an upgrade of OpenClaw: %zu runtime%s, %zu to go now, %zu kept while in use or for a guard; ",
               n, n == 1 ? "" : "s", n_pruned, n_held);
    buf_puts(b, "their workspaces stay where they are");
    put_colour(b, flags, "0");
    buf_putc(b, '\n');
    for (size_t i = 0; i < p->n_acts; i++)
        if (is_superseded(&p->acts[i]))
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
        if (!is_superseded(&p->acts[i]))
            put_act(b, &p->acts[i], p->now_ms, flags);
    put_superseded(b, p, flags);
    if (any)
        buf_putc(b, '\n');
    put_summary(b, p);
}
