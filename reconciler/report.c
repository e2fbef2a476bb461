#include "reconciler/report.h"

#include "reconciler/cli.h"
#include "reconciler/look.h"
#include "spec/base/num.h"
#include "spec/base/text.h"

#include <string.h>

static void set_number(struct arena *a, struct node *o, const char *key, double value)
{
    node_set(a, o, key, node_number(a, value));
}

static struct node *service_node(struct arena *a, const struct report_service *s)
{
    struct node *o = node_object(a);

    set_number(a, o, "pid", (double)s->pid);
    set_number(a, o, "startedMs", (double)s->started_ms);
    set_number(a, o, "rounds", (double)s->rounds);
    set_number(a, o, "generation", (double)s->generation);
    set_number(a, o, "appliedGeneration", (double)s->applied_generation);
    node_set(a, o, "lastGood", node_bool(a, s->broken != NULL));
    node_set(a, o, "roundError", node_text(a, s->round_error));
    return o;
}

static struct node *endpoints_node(struct arena *a, const struct round *r, const struct act_ended *done)
{
    const struct plan *p = &r->plan;
    struct node *list = node_array(a);

    for (size_t i = 0; i < p->n_endpoints; i++) {
        struct node *o = node_object(a);

        node_set(a, o, "name", node_text(a, p->endpoints[i].name));
        node_set(a, o, "known", node_bool(a, p->endpoints[i].known));
        node_set(a, o, "why", node_text(a, p->endpoints[i].why));
        set_number(a, o, "runtimes", (double)round_count(r, &p->endpoints[i], done));
        node_push(a, list, o);
    }
    return list;
}

static struct node *act_node(struct arena *a, const struct act *act, enum guard guard, int64_t until_ms, const char *why)
{
    struct node *o = node_object(a);

    node_set(a, o, "endpoint", node_text(a, act->endpoint));
    node_set(a, o, "name", node_text(a, act->name));
    node_set(a, o, "act", node_text(a, act_kind_name(act->kind == ACT_HOLD ? act->held : act->kind)));
    node_set(a, o, "reason", node_text(a, act->reason));
    if (guard != GUARD_NONE)
        node_set(a, o, "guard", node_text(a, guard_name(guard)));
    if (until_ms != TIME_NONE)
        set_number(a, o, "untilMs", (double)until_ms);
    node_set(a, o, "why", node_text(a, why));
    return o;
}

struct node *report_node(struct arena *a, const struct report_service *s, const struct round *r, const struct act_report *done)
{
    struct node *o = node_object(a), *round = node_object(a), *held = node_array(a), *failed = node_array(a);
    struct node *diagnostics = node_array(a);

    set_number(a, o, "version", CLI_OUTPUT_VERSION);
    node_set(a, o, "service", service_node(a, s));
    if (s->broken)
        diagnostics = cli_diags_json(a, &s->broken->diags);
    if (r) {
        set_number(a, round, "timeMs", (double)r->now_ms);
        node_set(a, round, "specs", node_text(a, r->load->digest));
        for (enum act_kind k = 0; done && k < ACT_KIND_COUNT; k++)
            if (done->n_done[k] > 0)
                set_number(a, round, act_past(k), (double)done->n_done[k]);
        if (r->plan.next_due_ms != TIME_NONE)
            set_number(a, round, "nextDueMs", (double)r->plan.next_due_ms);
        for (size_t i = 0; i < r->plan.n_acts; i++) {
            const struct act *act = &r->plan.acts[i];

            if (act->kind == ACT_HOLD)
                node_push(a, held, act_node(a, act, act->guard, act->until_ms, act->hold_reason));
            else if (done && done->v[i].end == ACT_ENDED_HELD)
                node_push(a, held, act_node(a, act, GUARD_NONE, TIME_NONE, done->v[i].err.msg));
            else if (done && (done->v[i].end == ACT_ENDED_FAILED || done->v[i].end == ACT_ENDED_CANCELLED))
                node_push(a, failed, act_node(a, act, GUARD_NONE, TIME_NONE, done->v[i].err.msg));
        }
        struct node *late = cli_diags_json(a, &r->diags);
        for (size_t i = 0; i < late->n_items; i++)
            node_push(a, diagnostics, late->items[i]);
    }
    node_set(a, o, "round", r ? round : node_null(a));
    node_set(a, o, "lines", r ? load_lines_json(a, r->load) : node_array(a));
    node_set(a, o, "endpoints", r ? endpoints_node(a, r, done ? done->v : NULL) : node_array(a));
    node_set(a, o, "held", held);
    node_set(a, o, "failed", failed);
    node_set(a, o, "notices", r ? look_notices_json(a, r) : node_array(a));
    node_set(a, o, "diagnostics", diagnostics);
    return o;
}

/* --- for people: read back from the node, so that text and JSON cannot tell different things
 * --------------------------------------- */

static const char *text_of(const struct node *o, const char *key)
{
    const char *s = node_str(node_get(o, key));

    return s ? s : "";
}

static double number_of(const struct node *o, const char *key)
{
    const struct node *n = node_get(o, key);

    return node_is(n, NODE_NUMBER) ? n->num : 0;
}

static void put(struct buf *b, const char *s)
{
    text_escape(b, s, strlen(s));
}

static void put_acts(struct arena *a, struct buf *b, const char *title, const struct node *list, int64_t now_ms)
{
    if (!node_is(list, NODE_ARRAY) || list->n_items == 0)
        return;
    buf_printf(b, "%s:\n", title);
    for (size_t i = 0; i < list->n_items; i++) {
        const struct node *o = list->items[i];
        int64_t until = (int64_t)number_of(o, "untilMs");

        buf_puts(b, "  ");
        put(b, text_of(o, "endpoint"));
        buf_putc(b, '/');
        put(b, text_of(o, "name"));
        buf_puts(b, ": ");
        put(b, text_of(o, "act"));
        buf_puts(b, ": ");
        put(b, text_of(o, "reason"));
        if (text_of(o, "why")[0]) {
            buf_puts(b, "; ");
            put(b, text_of(o, "why"));
        }
        if (until > 0)
            buf_printf(b, "; due in %s", cli_age(a, until > now_ms ? until - now_ms : 0));
        buf_putc(b, '\n');
    }
}

static size_t items_of(const struct node *o, const char *key)
{
    const struct node *list = node_get(o, key);

    return node_is(list, NODE_ARRAY) ? list->n_items : 0;
}

/* What keeps the generation in force from being applied: all that is listed below, in one line. */
static void put_waits(struct buf *b, const struct node *report)
{
    const struct node *endpoints = node_get(report, "endpoints");
    const size_t n_held = items_of(report, "held"), n_failed = items_of(report, "failed");
    size_t n_unknown = 0;
    const char *comma = " waits for ";

    for (size_t i = 0; i < items_of(report, "endpoints"); i++) {
        const struct node *known = node_get(endpoints->items[i], "known");

        n_unknown += node_is(known, NODE_BOOL) && !known->b;
    }
    if (n_held > 0)
        buf_printf(b, "%s%zu held", comma, n_held);
    comma = n_held > 0 ? ", " : comma;
    if (n_failed > 0)
        buf_printf(b, "%s%zu failed", comma, n_failed);
    comma = n_held + n_failed > 0 ? ", " : comma;
    if (n_unknown > 0)
        buf_printf(b, "%s%zu endpoint%s that cannot be read", comma, n_unknown, n_unknown == 1 ? "" : "s");
    if (n_held + n_failed + n_unknown == 0)
        buf_puts(b, " is under way or blocked");
}

static void put_notices(struct buf *b, const struct node *report)
{
    const struct node *list = node_get(report, "notices");

    for (size_t i = 0; i < items_of(report, "notices"); i++) {
        const struct node *o = list->items[i];

        if (text_eq(text_of(o, "level"), "info"))
            continue;
        buf_printf(b, "%s: ", text_of(o, "level"));
        if (text_of(o, "object")[0]) {
            put(b, text_of(o, "object"));
            buf_puts(b, ": ");
        }
        put(b, text_of(o, "message"));
        if (text_of(o, "remedy")[0]) {
            buf_puts(b, "; try: ");
            put(b, text_of(o, "remedy"));
        }
        buf_putc(b, '\n');
    }
}

void report_text(struct arena *a, struct buf *b, const struct node *report, bool alive, int64_t now_ms)
{
    const struct node *service = node_get(report, "service"), *round = node_get(report, "round");
    const struct node *endpoints = node_get(report, "endpoints"), *diagnostics = node_get(report, "diagnostics");

    if (alive)
        buf_printf(b, "running: pid %.0f, for %s, %.0f rounds\n", number_of(service, "pid"),
                   cli_age(a, now_ms - (int64_t)number_of(service, "startedMs")), number_of(service, "rounds"));
    else
        buf_printf(b, "not running; it was pid %.0f, started %s\n", number_of(service, "pid"),
                   cli_time(a, (int64_t)number_of(service, "startedMs")));
    double generation = number_of(service, "generation"), applied = number_of(service, "appliedGeneration");
    if (generation == 0)
        buf_puts(b, "specs: none that loads was found yet\n");
    else if (generation == applied)
        buf_printf(b, "specs: generation %.0f in force and applied\n", generation);
    else {
        buf_printf(b, "specs: generation %.0f in force", generation);
        if (applied > 0)
            buf_printf(b, ", generation %.0f applied", applied);
        buf_printf(b, "; generation %.0f", generation);
        put_waits(b, report);
        buf_putc(b, '\n');
    }
    if (node_is(node_get(service, "lastGood"), NODE_BOOL) && node_get(service, "lastGood")->b)
        buf_puts(b, "what the files hold now does not load; the last good generation stays in force:\n");
    for (size_t i = 0; node_is(diagnostics, NODE_ARRAY) && i < diagnostics->n_items; i++) {
        const struct node *d = diagnostics->items[i];

        buf_puts(b, "  ");
        put(b, text_of(d, "file"));
        buf_printf(b, ":%.0f:%.0f: ", number_of(d, "line"), number_of(d, "column"));
        if (text_of(d, "key")[0]) {
            put(b, text_of(d, "key"));
            buf_puts(b, ": ");
        }
        put(b, text_of(d, "message"));
        buf_putc(b, '\n');
    }
    if (text_of(service, "roundError")[0]) {
        buf_puts(b, "the last round failed: ");
        put(b, text_of(service, "roundError"));
        buf_putc(b, '\n');
    }
    if (node_is(round, NODE_OBJECT))
        buf_printf(b, "last round: %s ago\n", cli_age(a, now_ms - (int64_t)number_of(round, "timeMs")));
    for (size_t i = 0; i < items_of(report, "lines"); i++) {
        const struct node *o = node_get(report, "lines")->items[i];
        const struct node *is_known = node_get(o, "known");

        put(b, text_of(o, "object"));
        buf_printf(b, ": OpenClaw %s%s: ", text_of(o, "line"), node_is(is_known, NODE_BOOL) && !is_known->b ? ", not known" : "");
        put(b, text_of(o, "why"));
        buf_putc(b, '\n');
    }
    for (size_t i = 0; node_is(endpoints, NODE_ARRAY) && i < endpoints->n_items; i++) {
        const struct node *o = endpoints->items[i];
        bool known = node_is(node_get(o, "known"), NODE_BOOL) && node_get(o, "known")->b;

        buf_puts(b, "endpoint ");
        put(b, text_of(o, "name"));
        if (known)
            buf_printf(b, ": %.0f runtime%s\n", number_of(o, "runtimes"), number_of(o, "runtimes") == 1 ? "" : "s");
        else
            buf_printf(b, ": unknown: %s\n", text_escaped(a, text_of(o, "why")));
    }
    put_notices(b, report);
    put_acts(a, b, "held", node_get(report, "held"), now_ms);
    put_acts(a, b, "failed", node_get(report, "failed"), now_ms);
}
