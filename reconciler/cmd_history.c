/* history: the journal, oldest first. */
#include "reconciler/cmd.h"

#include "reconciler/round.h"
#include "spec/base/text.h"
#include "state/journal.h"

#include <string.h>

#define HISTORY_DEFAULT 100

struct printing {
    struct cli *cli;
    struct node *list; /* with -o json */
};

/* A journal line is one JSON object already. */
static struct node *entry_node(struct arena *a, const struct journal_entry *entry)
{
    struct node *o = node_object(a);

    node_set(a, o, "seq", node_number(a, (double)entry->seq));
    node_set(a, o, "timeMs", node_number(a, (double)entry->time_ms));
    node_set(a, o, "event", node_string(a, journal_event_name(entry->event)));
    const struct {
        const char *key, *value;
    } texts[] = {
        {"object", entry->object}, {"endpoint", entry->endpoint}, {"runtime", entry->runtime},
        {"id", entry->id},         {"act", entry->act},           {"guard", entry->guard},
        {"reason", entry->reason}, {"message", entry->message},   {"output", entry->output},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].value)
            node_set(a, o, texts[i].key, node_string(a, texts[i].value));
    if (entry->outcome != JOURNAL_NO_OUTCOME)
        node_set(a, o, "outcome", node_string(a, journal_outcome_name(entry->outcome)));
    if (entry->outcome == JOURNAL_FAILED)
        node_set(a, o, "error", node_string(a, err_class_name(entry->error)));
    if (entry->n_fields > 0) {
        struct node *fields = node_array(a);

        for (size_t i = 0; i < entry->n_fields; i++) {
            struct node *f = node_object(a);

            node_set(a, f, "name", node_string(a, entry->fields[i].name));
            node_set(a, f, "from", entry->fields[i].from ? node_string(a, entry->fields[i].from) : node_null(a));
            node_set(a, f, "to", entry->fields[i].to ? node_string(a, entry->fields[i].to) : node_null(a));
            node_push(a, fields, f);
        }
        node_set(a, o, "fields", fields);
    }
    return o;
}

static void print_text(struct cli *cli, const struct journal_entry *entry)
{
    BUF_AUTO b = BUF_INIT(1u << 20);
    bool begun = false;
    const char *texts[] = {entry->act, entry->runtime ? entry->runtime : entry->object, entry->reason, entry->message};

    buf_printf(&b, "%s  %-12s", cli_time(cli->a, entry->time_ms), journal_event_name(entry->event));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!texts[i])
            continue;
        buf_puts(&b, i < 2 || !begun ? "  " : ": ");
        begun = true;
        text_escape(&b, texts[i], strlen(texts[i]));
    }
    if (entry->outcome != JOURNAL_NO_OUTCOME)
        buf_printf(&b, "  [%s]", journal_outcome_name(entry->outcome));
    (void)fprintf(cli->out, "%s\n", buf_str(&b));
    for (size_t i = 0; i < entry->n_fields; i++) {
        buf_clear(&b);
        field_change_format(&b, &entry->fields[i]);
        (void)fprintf(cli->out, "                                      %s\n", buf_str(&b));
    }
    for (const char *p = entry->output ? entry->output : ""; *p;) {
        size_t n = strcspn(p, "\n");

        buf_clear(&b);
        text_escape(&b, p, n);
        (void)fprintf(cli->out, "                                      | %s\n", buf_str(&b));
        p += n + (p[n] == '\n');
    }
}

static bool on_entry(void *ctx, const struct journal_entry *entry)
{
    struct printing *p = ctx;

    if (p->list)
        node_push(p->cli->a, p->list, entry_node(p->cli->a, entry));
    else
        print_text(p->cli, entry);
    return true;
}

int cmd_history(struct cli *cli)
{
    struct printing p = {.cli = cli, .list = cli->opt.json ? node_array(cli->a) : NULL};
    struct journal_filter filter = {.since_ms = cli->opt.since_ms ? host_now_ms() - cli->opt.since_ms : TIME_NONE,
                                    .runtime = cli->opt.runtime,
                                    .endpoint = cli->opt.endpoint,
                                    .limit = cli->opt.limit ? cli->opt.limit : HISTORY_DEFAULT};
    __attribute__((cleanup(store_close))) struct store store = {0};
    size_t n_bad = 0;
    struct err e;

    if (store_open(&cli->host, false, &store, &e) < 0 ||
        (store.home && journal_read(store.home, &filter, on_entry, &p, &n_bad, &e) < 0))
        return cli_fail(cli, &e);
    if (n_bad > 0)
        (void)fprintf(cli->err, "warning: %zu lines of the journal are torn or damaged\n", n_bad);
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "history");

        node_set(cli->a, o, "entries", p.list);
        cli_print_json(cli, o);
    }
    return EXIT_OK;
}
