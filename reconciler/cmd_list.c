/* list: what `openclaw sandbox list` shows, sandboxes of our own beside it, and for each what differs. */
#include "reconciler/cmd.h"

#include "reconciler/look.h"
#include "reconciler/rows.h"
#include "spec/base/text.h"
#include "spec/engine_ref.h"

#include <string.h>

static const char *status_of(const struct row *row)
{
    if (!row->known)
        return "unknown";
    return row->obs ? run_state_name(row->obs->state) : "absent";
}

/* The image it was made from; what a record says where nothing is there. */
static const char *image_of(const struct row *row)
{
    return row->obs && row->obs->image ? row->obs->image : row->rec ? row->rec->image : NULL;
}

static bool image_matches(struct arena *a, const struct row *row)
{
    const char *image = image_of(row), *wanted = row->want ? row->want->image : NULL;

    /* As OpenClaw: docker shows what was asked for, podman where it comes from. */
    return !wanted || text_eq(image, wanted) ||
           (image && text_has_prefix(row->endpoint, "podman") && engine_shows_image(a, image, wanted));
}

static struct node *time_node(struct arena *a, int64_t ms)
{
    return ms == TIME_NONE ? node_null(a) : node_number(a, (double)ms);
}

static struct node *changes_node(struct arena *a, const struct act *act)
{
    struct node *list = node_array(a);

    for (size_t i = 0; act && i < act->n_changes; i++) {
        BUF_AUTO b = BUF_INIT(1u << 20);

        field_change_format(&b, &act->changes[i]);
        node_push(a, list, node_string(a, buf_str(&b)));
    }
    return list;
}

/* What the workspace was filled with, and on which host. */
static struct node *seed_node(struct arena *a, const struct record *rec)
{
    struct node *o = node_object(a);

    node_set(a, o, "epoch", node_number(a, (double)rec->seed.epoch));
    node_set(a, o, "atMs", rec->seed.at_ms > 0 ? node_number(a, (double)rec->seed.at_ms) : node_null(a));
    node_set(a, o, "root", node_text(a, node_str(node_get(rec->backend_target, "root"))));
    node_set(a, o, "hostKey", node_text(a, rec->seed.host_key));
    node_set(a, o, "manifest", node_text(a, rec->seed.manifest));
    node_set(a, o, "source", node_text(a, rec->seed.source));
    return o;
}

static struct node *row_node(struct arena *a, const struct row *row)
{
    struct node *o = node_object(a);
    const struct record *rec = row->rec;

    node_set(a, o, "containerName", node_string(a, row->name));
    node_set(a, o, "endpoint", node_string(a, row->endpoint));
    node_set(a, o, "kind", node_string(a, runtime_kind_name(row->kind)));
    node_set(a, o, "backendId", node_text(a, rec ? rec->backend_id : row->want ? row->want->backend_id : NULL));
    node_set(a, o, "sessionKey", node_text(a, rec ? rec->scope_key : row->obs ? row->obs->scope_key : NULL));
    node_set(a, o, "createdAtMs", time_node(a, rec ? rec->created_at_ms : row->obs ? row->obs->created_at_ms : TIME_NONE));
    node_set(a, o, "lastUsedAtMs", time_node(a, rec ? rec->last_used_at_ms : TIME_NONE));
    node_set(a, o, "image", node_text(a, image_of(row)));
    node_set(a, o, "id", node_text(a, row->obs ? row->obs->id : NULL));
    node_set(a, o, "status", node_string(a, status_of(row)));
    node_set(a, o, "running", row->known ? node_bool(a, row->obs && row->obs->state == RUN_RUNNING) : node_null(a));
    node_set(a, o, "imageMatch", node_bool(a, image_matches(a, row)));
    node_set(a, o, "recorded", node_bool(a, rec != NULL));
    node_set(a, o, "source", node_text(a, rec ? rec->source : row->want ? row->want->source : NULL));
    node_set(a, o, "act", node_text(a, row->act ? act_kind_name(row->act->kind) : NULL));
    node_set(a, o, "reason", node_text(a, row->act ? row->act->reason : NULL));
    node_set(a, o, "drift", changes_node(a, row->act));
    if (rec && rec->holds_data)
        node_set(a, o, "seed", seed_node(a, rec));
    if (row->kind == RUNTIME_BROWSER) {
        node_set(a, o, "cdpPort", node_number(a, row->obs ? row->obs->cdp_port : rec ? rec->cdp_port : 0));
        node_set(a, o, "noVncPort", node_number(a, row->obs ? row->obs->no_vnc_port : rec ? rec->no_vnc_port : 0));
    }
    return o;
}

static void print_json(struct cli *cli, const struct load *load, const struct round *r, const struct row *rows, size_t n)
{
    struct node *o = cli_object(cli, "list");
    struct node *lists[RUNTIME_KIND_COUNT];
    static const char *const names[RUNTIME_KIND_COUNT] = {
        [RUNTIME_CONTAINER] = "containers", [RUNTIME_BROWSER] = "browsers", [RUNTIME_SANDBOX] = "sandboxes"};

    for (size_t i = 0; i < RUNTIME_KIND_COUNT; i++) {
        lists[i] = node_array(cli->a);
        node_set(cli->a, o, names[i], lists[i]);
    }
    for (size_t i = 0; i < n; i++)
        node_push(cli->a, lists[rows[i].kind], row_node(cli->a, &rows[i]));
    node_set(cli->a, o, "notices", look_notices_json(cli->a, r));
    struct node *diagnostics = cli_diags_json(cli->a, &load->diags), *late = cli_diags_json(cli->a, &r->diags);
    for (size_t i = 0; i < late->n_items; i++)
        node_push(cli->a, diagnostics, late->items[i]);
    node_set(cli->a, o, "diagnostics", diagnostics);
    cli_print_json(cli, o);
}

static void print_row(struct cli *cli, const struct load *load, const struct round *r, const struct row *row)
{
    BUF_AUTO b = BUF_INIT(4u << 20);
    const char *scope = row->rec && row->rec->scope_key ? row->rec->scope_key : row->obs ? row->obs->scope_key : NULL;
    int64_t created = row->rec ? row->rec->created_at_ms : row->obs ? row->obs->created_at_ms : TIME_NONE;
    int64_t used = row->rec ? row->rec->last_used_at_ms : TIME_NONE;

    text_escape(&b, row->name, strlen(row->name));
    buf_printf(&b, "\n  Status:   %s\n  Endpoint: %s\n", status_of(row), row->endpoint);
    if (image_of(row)) {
        /* Where it is no container, what OpenClaw compares is a host or a source. */
        const char *kind = row->rec && row->rec->config_label_kind ? text_escaped(cli->a, row->rec->config_label_kind) : "Image";
        buf_printf(&b, "  %s:%*s", kind, strlen(kind) < 8 ? (int)(9 - strlen(kind)) : 1, "");
        text_escape(&b, image_of(row), strlen(image_of(row)));
        buf_puts(&b, image_matches(cli->a, row) ? "\n" : " (mismatch)\n");
    }
    if (created != TIME_NONE)
        buf_printf(&b, "  Age:      %s\n", cli_age(cli->a, r->now_ms - created));
    if (used != TIME_NONE)
        buf_printf(&b, "  Idle:     %s\n", cli_age(cli->a, r->now_ms - used));
    if (scope) {
        buf_puts(&b, "  Session:  ");
        text_escape(&b, scope, strlen(scope));
        buf_putc(&b, '\n');
    }
    if (row->rec && row->rec->source && !load_covers(load, row->rec->source)) {
        /* The commands that need it want it named. */
        buf_puts(&b, "  Spec:     ");
        text_escape(&b, row->rec->source, strlen(row->rec->source));
        buf_putc(&b, '\n');
    }
    if (row->act) {
        buf_printf(&b, "  Due:      %s%s%s: ", act_kind_name(row->act->kind), row->act->kind == ACT_HOLD ? " of " : "",
                   row->act->kind == ACT_HOLD ? act_kind_name(row->act->held) : "");
        text_escape(&b, row->act->reason, strlen(row->act->reason));
        buf_putc(&b, '\n');
        for (size_t i = 0; i < row->act->n_changes; i++) {
            buf_puts(&b, "    ");
            field_change_format(&b, &row->act->changes[i]);
            buf_putc(&b, '\n');
        }
    }
    (void)fprintf(cli->out, "%s\n", buf_str(&b));
}

static void print_text(struct cli *cli, const struct load *load, const struct round *r, const struct row *rows, size_t n)
{
    size_t shown = 0, running = 0, drifting = 0;

    for (size_t i = 0; i < n; i++) {
        if (cli->opt.browser != (rows[i].kind == RUNTIME_BROWSER))
            continue;
        print_row(cli, load, r, &rows[i]);
        shown++;
        running += rows[i].obs && rows[i].obs->state == RUN_RUNNING;
        drifting += rows[i].act != NULL;
    }
    if (shown == 0)
        (void)fprintf(cli->out, "No %s found.\n", cli->opt.browser ? "browser containers" : "runtimes");
    (void)fprintf(cli->out, "Total: %zu (%zu running", shown, running);
    if (drifting > 0)
        (void)fprintf(cli->out, ", %zu with something due; see reconclaw plan", drifting);
    (void)fprintf(cli->out, ")\n");
}

int cmd_list(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    /* What is there can be shown, whatever the specs hold. */
    int code = look_open_asking(cli, LOOK_LENIENT, cli->args, cli->n_args, NULL, &look);
    struct row *rows;
    size_t n;

    if (code)
        return code;
    look_print_notices(cli, look.round);
    rows = rows_make(cli->a, look.round, &n);
    if (cli->opt.endpoint) {
        size_t k = 0;

        for (size_t i = 0; i < n; i++)
            if (strcmp(rows[i].endpoint, cli->opt.endpoint) == 0)
                rows[k++] = rows[i];
        n = k;
    }
    if (cli->opt.json)
        print_json(cli, look.load, look.round, rows, n);
    else
        print_text(cli, look.load, look.round, rows, n);
    for (size_t i = 0; i < look.round->plan.n_endpoints; i++) {
        const struct plan_endpoint *p = &look.round->plan.endpoints[i];

        if (!p->known)
            (void)fprintf(cli->err, "warning: %s: %s\n", p->name, p->why ? p->why : "not looked at");
    }
    return look.round->diags.n_errors || !load_is_good(look.load) ? EXIT_CONFIG
           : look.round->blocked || look.round->plan.n_unknown    ? EXIT_HELD
                                                                  : EXIT_OK;
}
