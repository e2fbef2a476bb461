#include "reconciler/core/order.h"

#include "reconciler/core/decide.h"
#include "reconciler/core/moves.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <stdlib.h>
#include <string.h>

/* The act of u that writes a record where there was none, or takes its name: what has to wait for a removal. NULL: none. */
static struct act *making(const struct unit *u)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (u->acts[i]->kind == ACT_CREATE || u->acts[i]->kind == ACT_RECREATE || u->acts[i]->kind == ACT_ADOPT)
            return u->acts[i];
    return NULL;
}

static const struct act *held_removal(const struct unit *u)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (u->acts[i]->kind == ACT_HOLD && act_kind_removes(u->acts[i]->held))
            return u->acts[i];
    return NULL;
}

/* What follows an adopt that waits, waits as well. */
static void hold_unit(struct match *m, struct unit *u, enum guard guard, int64_t until_ms, const char *why)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (u->acts[i]->kind != ACT_HOLD && u->acts[i]->kind != ACT_REPORT)
            act_hold(m, u->acts[i], guard, until_ms, why);
}

/* `by` has what u needs, and keeps it. */
static void hold_behind(struct match *m, struct unit *u, const struct unit *by, const char *what)
{
    const struct act *removal = held_removal(by);

    if (removal)
        hold_unit(m, u, removal->guard, removal->until_ms,
                  arena_printf(m->arena, "its %s is still that of %s on %s, whose removal waits: %s", what, by->name,
                               by->endpoint, removal->hold_reason));
    else
        hold_unit(m, u, GUARD_CLASH, TIME_NONE,
                  arena_printf(m->arena, "its %s is that of another runtime of ours: %s on %s", what, by->name, by->endpoint));
}

/* --- names ----------------------------------------------------------------------------------------------------------------- */

static void order_names(struct match *m)
{
    for (size_t i = 0; i < m->n_units; i++) {
        struct unit *u = &m->units[i];

        if (u->taken != TAKEN_OURS || !making(u))
            continue;
        if (unit_removal(&m->units[u->taker_unit]))
            u->after_name = u->taker_unit;
        else
            hold_behind(m, u, &m->units[u->taker_unit], "name");
    }
}

/* --- registry rows --------------------------------------------------------------------------------------------------------- */

static int compare_row(const void *x, const void *y)
{
    const struct unit *a = *(struct unit *const *)x, *b = *(struct unit *const *)y;
    int c = text_cmp(a->install, b->install);

    if (!c)
        c = (a->kind > b->kind) - (a->kind < b->kind);
    if (!c)
        c = strcmp(a->name, b->name);
    return c ? c : (a > b) - (a < b);
}

static bool same_row(const struct unit *a, const struct unit *b)
{
    return a->kind == b->kind && text_eq(a->install, b->install) && strcmp(a->name, b->name) == 0;
}

/* OpenClaw's registry has one row per name and kind, whatever the endpoint: a runtime that moved to another backend gets its
 * row only when the old one is gone, or the old one would be forgotten where it is. */
static void order_row(struct match *m, struct unit **v, size_t n)
{
    struct unit *staying = NULL, *first = NULL, *second = NULL;
    VEC(size_t) going = {0};

    for (size_t i = 0; i < n; i++) {
        if (moves_hands_over(m, v[i]) || v[i]->left_of != NO_UNIT)
            continue;
        if (!v[i]->r) {
            if (unit_removal(v[i]))
                continue;
            if (v[i]->d ? v[i]->d->want != WANT_ABSENT && (v[i]->d->precreate || v[i]->o) : !!making(v[i]))
                *(first ? &second : &first) = v[i];
        } else if (unit_removal(v[i])) {
            VEC_PUSH(m->arena, &going, (size_t)(v[i] - m->units));
        } else {
            staying = staying ? staying : v[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (v[i]->r || !making(v[i]))
            continue;
        if (staying || second)
            hold_behind(m, v[i], staying ? staying : v[i] == first ? second : first, "registry row");
        v[i]->after_rows = going.v;
        v[i]->n_after_rows = going.n;
    }
}

static void order_rows(struct match *m)
{
    struct unit **v = ARENA_ARRAY(m->arena, struct unit *, m->n_units);
    size_t n = 0;

    for (size_t i = 0; i < m->n_units; i++)
        if (m->units[i].kind != RUNTIME_SANDBOX) /* our own records are kept by endpoint */
            v[n++] = &m->units[i];
    qsort(v, n, sizeof(struct unit *), compare_row);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && same_row(v[i], v[end]); end++)
            ;
        if (end - i > 1)
            order_row(m, v + i, end - i);
    }
}

/* --- host ports ------------------------------------------------------------------------------------------------------------ */

struct port {
    const char *endpoint;
    int port;
    size_t unit;
};
typedef VEC(struct port) ports_vec;

static int compare_port(const void *x, const void *y)
{
    const struct port *a = x, *b = y;
    int c = strcmp(a->endpoint, b->endpoint);

    if (!c)
        c = (a->port > b->port) - (a->port < b->port);
    return c ? c : (a->unit > b->unit) - (a->unit < b->unit);
}

/* The first that has it: a host port has one user at a time. */
static const struct port *find_port(const ports_vec *ports, const char *endpoint, int port)
{
    const struct port key = {.endpoint = endpoint, .port = port};
    size_t lo = 0, hi = ports->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (compare_port(&ports->v[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < ports->n && strcmp(ports->v[lo].endpoint, endpoint) == 0 && ports->v[lo].port == port ? &ports->v[lo] : NULL;
}

/* Host ports that an Engine create body asks for by number. */
static void link_ports(struct match *m, struct unit *u, const ports_vec *ports)
{
    const struct node *bindings = node_get(node_get(u->d->create, "HostConfig"), "PortBindings");
    VEC(size_t) after = {0};

    if (!node_is(bindings, NODE_OBJECT))
        return;
    for (size_t i = 0; i < bindings->n_members; i++) {
        const struct node *list = bindings->members[i].value;

        for (size_t k = 0; node_is(list, NODE_ARRAY) && k < list->n_items; k++) {
            const char *text = node_str(node_get(list->items[k], "HostPort"));
            const struct port *p;
            uint64_t port;

            if (!text || !num_parse_u64(text, &port) || port == 0 || port > 65535)
                continue;
            p = find_port(ports, u->endpoint, (int)port);
            if (p && p->unit != (size_t)(u - m->units))
                VEC_PUSH(m->arena, &after, p->unit);
        }
    }
    u->after_ports = after.v;
    u->n_after_ports = after.n;
}

static void order_ports(struct match *m)
{
    ports_vec ports = {0};

    for (size_t i = 0; i < m->n_units; i++) {
        const struct unit *u = &m->units[i];
        const struct act *removal = unit_removal(u);
        const int used[] = {u->o ? u->o->cdp_port : 0, u->o ? u->o->no_vnc_port : 0};

        for (size_t k = 0; removal && removal->kind == ACT_PRUNE && k < 2; k++)
            if (used[k] > 0)
                VEC_PUSH(m->arena, &ports, ((struct port){.endpoint = u->endpoint, .port = used[k], .unit = i}));
    }
    if (!ports.n)
        return;
    qsort(ports.v, ports.n, sizeof *ports.v, compare_port);
    for (size_t i = 0; i < m->n_units; i++) {
        const struct act *act = making(&m->units[i]);

        if (act && act->kind != ACT_ADOPT && m->units[i].d)
            link_ports(m, &m->units[i], &ports);
    }
}

void order_units(struct match *m)
{
    moves_order(m); /* first: what it holds, others wait behind */
    order_names(m);
    order_rows(m);
    order_ports(m);
}

/* --- the list -------------------------------------------------------------------------------------------------------------- */

static size_t index_of_removal(const struct unit *u)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (act_kind_removes(u->acts[i]->kind))
            return u->first_index + i;
    return NO_UNIT;
}

static size_t index_of_creation(const struct unit *u)
{
    for (size_t i = 0; i < u->n_acts; i++)
        if (u->acts[i]->kind == ACT_CREATE || u->acts[i]->kind == ACT_ADOPT)
            return u->first_index + i;
    return NO_UNIT;
}

static int compare_size(const void *x, const void *y)
{
    const size_t *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

static void emit_after(struct match *m, const struct unit *u, size_t i, struct act *act)
{
    VEC(size_t) after = {0};
    size_t n = 0;

    if (act_kind_removes(act->kind) && u->after_move != NO_UNIT)
        VEC_PUSH(m->arena, &after, index_of_creation(&m->units[u->after_move]));
    else if (act->kind == ACT_HOLD || act->kind == ACT_REPORT || act_kind_removes(act->kind))
        return;
    if (u->after_name != NO_UNIT)
        VEC_PUSH(m->arena, &after, index_of_removal(&m->units[u->after_name]));
    for (size_t k = 0; k < u->n_after_rows; k++)
        VEC_PUSH(m->arena, &after, index_of_removal(&m->units[u->after_rows[k]]));
    for (size_t k = 0; act->kind != ACT_ADOPT && k < u->n_after_ports; k++)
        VEC_PUSH(m->arena, &after, index_of_removal(&m->units[u->after_ports[k]]));
    for (size_t k = 0; k < i; k++)
        if (u->acts[k]->kind != ACT_HOLD && u->acts[k]->kind != ACT_REPORT)
            VEC_PUSH(m->arena, &after, u->first_index + k);
    if (!after.n)
        return;
    qsort(after.v, after.n, sizeof *after.v, compare_size);
    for (size_t k = 0; k < after.n; k++)
        if (n == 0 || after.v[n - 1] != after.v[k])
            after.v[n++] = after.v[k];
    act->after = after.v;
    act->n_after = n;
}

void order_emit(struct match *m, struct plan *ret)
{
    struct act *acts;
    size_t n = 0;

    for (size_t i = 0; i < m->n_units; i++) {
        m->units[i].first_index = n;
        n += m->units[i].n_acts;
    }
    acts = ARENA_ARRAY(m->arena, struct act, n);
    for (size_t i = 0; i < m->n_units; i++) {
        const struct unit *u = &m->units[i];

        for (size_t k = 0; k < u->n_acts; k++) {
            struct act *act = &acts[u->first_index + k];

            *act = *u->acts[k];
            emit_after(m, u, k, act);
            ret->count[act->kind]++;
        }
    }
    ret->acts = acts;
    ret->n_acts = n;
}
