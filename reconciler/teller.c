#include "reconciler/teller.h"

#include "reconciler/cli.h"
#include "reconciler/core/plan_text.h"
#include "spec/base/text.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_BYTES (8u << 20)
#define LINE_BYTES (1u << 20)

/* Keys are lines of a text: what a thing is known by, without what changes from round to round (ages, counts). */
struct teller {
    FILE *out;
    struct buf before, now; /* keys of the last round that ended, and of the one that runs */
    struct buf unknown;     /* endpoints that did not answer, a line each */
    size_t n_new;           /* lines said of the round that runs */
};

struct teller *teller_new(FILE *out)
{
    struct teller *t = calloc(1, sizeof *t);

    if (!t)
        abort();
    *t =
        (struct teller){.out = out, .before = BUF_INIT(TOLD_BYTES), .now = BUF_INIT(TOLD_BYTES), .unknown = BUF_INIT(TOLD_BYTES)};
    return t;
}

void teller_free(struct teller *t)
{
    if (!t)
        return;
    buf_free(&t->before);
    buf_free(&t->now);
    buf_free(&t->unknown);
    free(t);
}

static void say(struct teller *t, const char *text)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO line = BUF_INIT(LINE_BYTES);

    buf_printf(&line, "%s ", cli_time(a, host_now_ms()));
    buf_puts(&line, text);
    buf_putc(&line, '\n');
    /* Written at once. */
    (void)fwrite(buf_str(&line), 1, line.n, t->out);
    (void)fflush(t->out);
}

void teller_say(struct teller *t, const char *fmt, ...)
{
    BUF_AUTO text = BUF_INIT(LINE_BYTES / 2);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    say(t, buf_str(&text));
}

static bool has_line(struct buf *b, const char *line)
{
    size_t n = strlen(line);

    for (const char *p = buf_str(b); *p;) {
        size_t len = strcspn(p, "\n");

        if (len == n && memcmp(p, line, n) == 0)
            return true;
        p += len + (p[len] != '\0');
    }
    return false;
}

/* Says `text` unless the round before had the same `key`. */
static void say_once(struct teller *t, struct buf *key, const char *text)
{
    const char *k = buf_str(key);

    if (has_line(&t->now, k))
        return;
    buf_puts(&t->now, k);
    buf_putc(&t->now, '\n');
    if (has_line(&t->before, k))
        return;
    t->n_new++;
    say(t, text);
}

static void put(struct buf *b, const char *s)
{
    text_escape(b, s, strlen(s));
}

static void put_runtime(struct buf *b, const struct act *act)
{
    put(b, act->endpoint);
    buf_putc(b, '/');
    put(b, act->name);
}

/* --- acts ------------------------------------------------------------------------------------------------------------------ */

static void put_changes(struct buf *b, const struct act *act)
{
    for (size_t i = 0; i < act->n_changes; i++) {
        buf_puts(b, i ? ", " : " (");
        field_change_format(b, &act->changes[i]);
    }
    if (act->n_changes > 0)
        buf_putc(b, ')');
}

void teller_act(struct teller *t, const struct act *act, const struct act_ended *ended)
{
    BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

    if (!ended)
        return;
    if (ended->end == ACT_ENDED_DONE) {
        buf_printf(&b, "%s ", act_past(act->kind));
        put_runtime(&b, act);
        buf_puts(&b, ": ");
        put(&b, act->reason);
        put_changes(&b, act);
        t->n_new++;
        say(t, buf_str(&b));
        return;
    }
    buf_printf(&b, "%s of ", act_kind_name(act->kind));
    put_runtime(&b, act);
    buf_printf(&b, " %s: ",
               ended->end == ACT_ENDED_HELD     ? "is held"
               : ended->end == ACT_ENDED_FAILED ? "failed"
                                                : "was cancelled");
    put(&b, ended->err.msg);
    say_once(t, &b, buf_str(&b));
}

/* --- rounds ---------------------------------------------------------------------------------------------------------------- */

static void tell_endpoints(struct teller *t, const struct plan *p)
{
    BUF_AUTO unknown = BUF_INIT(TOLD_BYTES);

    for (size_t i = 0; i < p->n_endpoints; i++) {
        const struct plan_endpoint *one = &p->endpoints[i];
        BUF_AUTO name = BUF_INIT(LINE_BYTES / 2);

        put(&name, one->name);
        if (one->known) {
            if (has_line(&t->unknown, buf_str(&name)))
                teller_say(t, "endpoint %s answers again", buf_str(&name));
            continue;
        }
        buf_printf(&unknown, "%s\n", buf_str(&name));
        BUF_AUTO text = BUF_INIT(LINE_BYTES / 2);
        buf_printf(&text, "endpoint %s is unknown, and nothing of it is touched: ", buf_str(&name));
        put(&text, one->why ? one->why : "not looked at");
        say_once(t, &text, buf_str(&text));
    }
    buf_clear(&t->unknown);
    buf_puts(&t->unknown, buf_str(&unknown));
}

static void tell_hold(struct teller *t, const struct act *act)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO key = BUF_INIT(LINE_BYTES / 2);
    BUF_AUTO text = BUF_INIT(LINE_BYTES / 2);

    /* The endpoint's own line says that. */
    if (act->guard == GUARD_UNKNOWN && has_line(&t->unknown, act->endpoint))
        return;
    buf_printf(&text, "%s of ", act_kind_name(act->held));
    put_runtime(&text, act);
    buf_puts(&text, " is held (");
    /* One after the other while somebody works in it: one state. */
    buf_printf(&key, "%s%s", buf_str(&text), act->guard == GUARD_BUSY ? guard_name(GUARD_HOT) : guard_name(act->guard));
    buf_puts(&text, guard_name(act->guard));
    if (act->until_ms != TIME_NONE)
        buf_printf(&text, ", until %s", cli_time(a, act->until_ms));
    buf_puts(&text, "): ");
    put(&text, act->reason);
    if (act->hold_reason) {
        buf_puts(&text, "; ");
        put(&text, act->hold_reason);
    }
    say_once(t, &key, buf_str(&text));
}

static void tell_report(struct teller *t, const struct act *act)
{
    BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

    put_runtime(&b, act);
    buf_puts(&b, ": ");
    put(&b, act->reason);
    put_changes(&b, act);
    buf_puts(&b, "; by policy nothing is done");
    say_once(t, &b, buf_str(&b));
}

static void tell_notices(struct teller *t, const struct round *r)
{
    for (size_t i = 0; i < r->n_notices; i++) {
        const struct notice *n = &r->notices[i];
        BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

        if (n->level == NOTICE_INFO)
            continue;
        if (n->object)
            buf_printf(&b, "%s: ", n->object);
        put(&b, n->text);
        if (n->remedy) {
            buf_puts(&b, "; try: ");
            put(&b, n->remedy);
        }
        say_once(t, &b, buf_str(&b));
    }
    for (size_t i = 0; i < r->diags.n; i++) {
        BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

        buf_puts(&b, "config: ");
        diag_format(&b, &r->diags.v[i]);
        say_once(t, &b, buf_str(&b));
    }
}

static void tell_left(struct teller *t, const struct round *r, const struct leave_report *left)
{
    for (size_t i = 0; i < left->n; i++) {
        BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

        leave_format(&b, &left->v[i]);
        say_once(t, &b, buf_str(&b));
    }
    for (size_t i = 0; i < r->plan.n_moves; i++) {
        const struct plan_move *m = &r->plan.moves[i];
        BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

        if (!m->held)
            continue;
        buf_puts(&b, "workspace ");
        put(&b, m->leftover->root);
        buf_putc(&b, '/');
        put(&b, m->leftover->slug);
        buf_printf(&b, " waits (%s): ", move_kind_name(m->kind));
        put(&b, m->why);
        say_once(t, &b, buf_str(&b));
    }
    if (left->error) {
        BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

        buf_puts(&b, "what was left behind waits for the next round: ");
        put(&b, left->error);
        say_once(t, &b, buf_str(&b));
    }
}

static void next(struct teller *t)
{
    struct buf free_one = t->before;

    t->before = t->now;
    t->now = free_one;
    buf_clear(&t->now);
    t->n_new = 0;
}

void teller_round(struct teller *t, uint64_t n, const struct round *r, const struct act_report *report)
{
    BUF_AUTO b = BUF_INIT(4096);

    tell_endpoints(t, &r->plan);
    for (size_t i = 0; i < r->plan.n_acts; i++) {
        if (r->plan.acts[i].kind == ACT_HOLD)
            tell_hold(t, &r->plan.acts[i]);
        else if (r->plan.acts[i].kind == ACT_REPORT)
            tell_report(t, &r->plan.acts[i]);
    }
    tell_left(t, r, &report->left);
    tell_notices(t, r);
    act_report_format(&b, report);
    if (b.n > 0 && t->n_new > 0)
        teller_say(t, "round %llu: %s", (unsigned long long)n, buf_str(&b));
    next(t);
}

void teller_no_round(struct teller *t, const char *why)
{
    BUF_AUTO b = BUF_INIT(LINE_BYTES / 2);

    buf_puts(&b, "round failed: ");
    put(&b, why);
    say_once(t, &b, buf_str(&b));
    next(t);
}
