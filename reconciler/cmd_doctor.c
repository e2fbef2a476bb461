/* doctor: what is wrong with registries and endpoints; --fix migrates what older releases of OpenClaw left, as its own doctor
 * does. */
#include "reconciler/cmd.h"

#include "reconciler/look.h"
#include "spec/base/text.h"
#include "state/doctor.h"
#include "state/journal.h"

#include <string.h>

#define PROBE_TIMEOUT_MS 10000

struct examining {
    struct cli *cli;
    struct look *look;
    struct node *findings; /* with -o json */
    size_t n_wrong, n_mended;
};

/* One finding, at once in both forms. */
static void found(struct examining *x, bool wrong, const char *object, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static void found(struct examining *x, bool wrong, const char *object, const char *remedy, const char *fmt, ...)
{
    struct arena *a = x->cli->a;
    va_list ap;

    va_start(ap, fmt);
    const char *text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    x->n_wrong += wrong;
    if (x->findings) {
        struct node *o = node_object(a);

        node_set(a, o, "ok", node_bool(a, !wrong));
        node_set(a, o, "object", node_string(a, object));
        node_set(a, o, "message", node_string(a, text));
        node_set(a, o, "remedy", remedy ? node_string(a, remedy) : node_null(a));
        node_push(a, x->findings, o);
        return;
    }
    (void)fprintf(x->cli->out, "%-8s %s: %s%s%s\n", wrong ? "problem" : "ok", text_escaped(a, object), text_escaped(a, text),
                  remedy ? "; try: " : "", remedy ? text_escaped(a, remedy) : "");
}

static void examine_monoliths(struct examining *x, const struct registry *r, const char *object)
{
    struct cli *cli = x->cli;
    const struct lock_wait wait = {.now_ms = host_now_ms()};
    bool mend = cli->opt.fix && r->driven;
    struct doctor_plan plan;
    struct err e = {0};

    if (doctor_plan(cli->a, &r->shards, wait.now_ms, &plan, &e) < 0) {
        found(x, true, object, NULL, "%s", e.msg);
        return;
    }
    if (plan.is_empty)
        return;
    if (mend && doctor_apply(cli->a, &r->shards, &plan, &wait, &e) < 0) {
        found(x, true, object, "reconclaw doctor --fix, again", "%s", e.msg);
        return;
    }
    for (size_t i = 0; i < DOCTOR_N_FILES; i++) {
        const struct doctor_file *f = &plan.files[i];

        if (f->status == DOCTOR_MISSING)
            continue;
        x->n_mended += mend;
        found(x, !mend, object, mend ? NULL : "reconclaw doctor --fix", "%s%s: %s%s%s%s%s, %zu entries", mend ? "" : "would be ",
              doctor_status_name(f->status), f->path, f->why ? ": " : "", f->why ? f->why : "", f->quarantine ? ", kept as " : "",
              f->quarantine ? f->quarantine : "", f->n_entries);
        for (size_t k = 0; k < f->n_entries; k++)
            found(x, false, object, NULL, "  %s %s", doctor_fate_name(f->entries[k].fate), f->entries[k].name);
    }
}

/* What an older release left beside the database. Only OpenClaw's own doctor knows where it belongs now: named, never touched. */
static void examine_leftovers(struct examining *x, const struct registry *r, const char *object)
{
    struct arena *a = x->cli->a;
    const char *remedy = "openclaw doctor --fix, of the release that runs there, migrates it";
    struct shards_view view;
    struct doctor_plan plan;
    struct err e = {0};

    if (!r->generation.has_shard_dir && !r->generation.has_monolith)
        return;
    if (shards_read(a, &r->shards, NULL, host_now_ms(), &view, &e) < 0)
        found(x, true, object, NULL, "%s", e.msg);
    for (size_t i = 0; e.class == ERR_NONE && i < view.n; i++)
        found(x, true, object, remedy, "left by an older OpenClaw, not migrated: the shard of '%s', %s/%s", view.v[i].rec.name,
              shards_dir_path(a, &r->shards, view.v[i].rec.kind), view.v[i].file);
    for (size_t i = 0; e.class == ERR_NONE && i < view.issues.n; i++)
        found(x, true, object, remedy, "left by an older OpenClaw, not migrated: %s: %s: %s",
              issue_kind_name(view.issues.v[i].kind), view.issues.v[i].path, view.issues.v[i].text);
    e = (struct err){0};
    if (doctor_plan(a, &r->shards, host_now_ms(), &plan, &e) < 0)
        found(x, true, object, NULL, "%s", e.msg);
    for (size_t i = 0; e.class == ERR_NONE && i < DOCTOR_N_FILES; i++)
        if (plan.files[i].status != DOCTOR_MISSING)
            found(x, true, object, remedy, "left by an older OpenClaw, not migrated: %s, %zu entries", plan.files[i].path,
                  plan.files[i].n_entries);
}

static void sweep(struct examining *x, const struct registry *r, const struct registry_view *view, const char *object)
{
    const struct lock_wait wait = {.now_ms = host_now_ms()};
    struct err e;
    size_t n = 0;

    if (shards_sweep(&r->shards, &view->shards, &wait, &n, &e) < 0)
        found(x, true, object, NULL, "%s", e.msg);
    else if (n > 0)
        found(x, false, object, NULL, "removed %zu temporary files of interrupted writes", n);
    x->n_mended += n;
}

static void examine_registry(struct examining *x, const struct round_openclaw *o)
{
    struct cli *cli = x->cli;
    const char *object = arena_printf(cli->a, "OpenClaw/%s", o->from->object->head.name);
    struct registry registry = o->registry;
    struct registry_view view = o->view;
    size_t n_mended = x->n_mended;

    if (registry_is_sqlite(&registry))
        examine_leftovers(x, &registry, object);
    else
        examine_monoliths(x, &registry, object);
    if (x->n_mended > n_mended) {
        /* What is told next is what is left. */
        struct err e;

        registry_open(cli->a, registry.line, o->from->paths.state_dir, o->from->install, registry.shards.keep_dir,
                      REGISTRY_BUSY_MS, &registry);
        if (registry_read(cli->a, &registry, NULL, REGISTRY_BUSY_MS, host_now_ms(), &view, &e) < 0) {
            found(x, true, object, NULL, "%s", e.msg);
            view = (struct registry_view){0};
        }
    }
    found(x, !registry.driven, object, registry.remedy, "registry of '%s': %s%s%s", o->from->paths.state_dir,
          generation_kind_name(registry.generation.kind), registry.why[0] ? ": " : "", registry.why);
    for (size_t i = 0; i < view.issues.n; i++) {
        const struct issue *s = &view.issues.v[i];

        found(x, true, object, NULL, "%s: %s: %s", issue_kind_name(s->kind), s->path, s->text);
    }
    if (cli->opt.fix && o->driven && !registry_is_sqlite(&registry))
        sweep(x, &registry, &view, object);
}

/* What a crash between a seed and its record has left. */
static void examine_seeds(struct examining *x)
{
    bool mend = x->cli->opt.fix;
    struct err e = {0};
    size_t n = 0;

    if (!x->look->store.home)
        return;
    if (compare_sweep(x->look->store.home, !mend, &n, &e) < 0)
        found(x, true, "seeds", NULL, "%s", e.msg);
    else if (n > 0)
        found(x, !mend, "seeds", mend ? NULL : "reconclaw doctor --fix", "%s%zu manifests of seeds that nothing records",
              mend ? "removed " : "", n);
    x->n_mended += mend ? n : 0;
}

static void examine_endpoint(struct examining *x, const char *endpoint)
{
    const struct endpoint_opener opener = {.host = &x->cli->host,
                                           .state_dir = x->look->store.home ? home_path(x->look->store.home) : NULL,
                                           .install = x->look->store.install,
                                           .reach = x->look->store.reach};
    const struct call call = {.timeout_ms = PROBE_TIMEOUT_MS};
    __attribute__((cleanup(endpoint_closep))) struct backend *b = NULL;
    struct backend_info info = {0};
    struct err e = {0};

    if (endpoint_open(&opener, endpoint, &b, &e) < 0 || b->ops->probe(b, &call, &info, &e) < 0) {
        found(x, true, endpoint, NULL, "%s", e.msg);
        return;
    }
    found(x, false, endpoint, NULL, "answers: version %s%s%s%s%s", info.version, info.api[0] ? ", API " : "", info.api,
          info.remark[0] ? "; " : "", info.remark);
}

int cmd_doctor(struct cli *cli)
{
    __attribute__((cleanup(look_close))) struct look look = {0};
    struct examining x = {.cli = cli, .look = &look, .findings = cli->opt.json ? node_array(cli->a) : NULL};
    int code = look_open_asking(cli, cli->opt.fix ? LOOK_MEND : LOOK_LENIENT, cli->args, cli->n_args, NULL, &look);
    bool bubblewrap_seen = false;

    if (code)
        return code;
    x.n_wrong += look.load->diags.n_errors;
    for (size_t i = 0; i < look.round->n_openclaws; i++)
        examine_registry(&x, &look.round->openclaws[i]);
    for (size_t i = 0; i < look.round->own.issues.n; i++)
        found(&x, true, "records", NULL, "%s: %s", look.round->own.issues.v[i].path, look.round->own.issues.v[i].text);
    examine_seeds(&x);
    for (size_t i = 0; i < look.round->n_looks; i++) {
        examine_endpoint(&x, look.round->looks[i].endpoint);
        bubblewrap_seen = bubblewrap_seen || strcmp(look.round->looks[i].endpoint, "bubblewrap") == 0;
    }
    if (!bubblewrap_seen && look.load->specs.n_sandboxes == 0 && look.round->n_looks == 0)
        examine_endpoint(&x, "bubblewrap");
    if (cli->opt.json) {
        struct node *o = cli_object(cli, "doctor");

        node_set(cli->a, o, "problems", node_number(cli->a, (double)x.n_wrong));
        node_set(cli->a, o, "mended", node_number(cli->a, (double)x.n_mended));
        node_set(cli->a, o, "findings", x.findings);
        node_set(cli->a, o, "diagnostics", cli_diags_json(cli->a, &look.load->diags));
        cli_print_json(cli, o);
    } else {
        (void)fprintf(cli->out, "%zu %s", x.n_wrong, x.n_wrong == 1 ? "problem" : "problems");
        (void)fprintf(cli->out, ", %zu mended\n", x.n_mended);
    }
    return x.n_wrong ? EXIT_FAILED : EXIT_OK;
}
