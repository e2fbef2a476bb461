#include "reconciler/look.h"

#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS 120000

void look_close(struct look *l)
{
    round_free(l->round);
    if (l->locked)
        (void)close(l->lock_fd);
    store_close(&l->store);
    load_unref(l->load);
    *l = (struct look){0};
}

static int load_specs(struct cli *cli, enum look_mode mode, const char *const *names, size_t n_names, struct look *l)
{
    l->load = load_read(&cli->host, names, n_names, NULL);
    (void)cli_diags(cli, &l->load->diags);
    if (load_is_good(l->load))
        return 0;
    /* The lenient ones tell in their own object. */
    return mode == LOOK_LENIENT || mode == LOOK_MEND ? 0 : cli_refuse_config(cli, &l->load->diags);
}

int look_open_asking(struct cli *cli, enum look_mode mode, const char *const *names, size_t n_names, const struct look_ask *ask,
                     struct look *ret)
{
    /* In place: what is worked out points to the store in it. */
    struct look *l = ret;
    struct grant grant = {.endpoint = cli->opt.endpoint,
                          .allows = (cli->opt.allow_removals ? GRANT_CAP : 0u) | (cli->opt.allow_in_use ? GRANT_USE : 0u) |
                                    (cli->opt.allow_data_loss ? GRANT_DATA : 0u)};
    struct round_conf conf = {.host = &cli->host, .grants = &grant, .n_grants = grant.allows != 0};
    struct request *requests = NULL;
    struct err e = {0};
    int code;

    bool acts = mode == LOOK_ACT || mode == LOOK_MEND;

    *l = (struct look){0};
    code = load_specs(cli, mode, names, n_names, l);
    if (!code && store_open(&cli->host, acts, &l->store, &e) < 0)
        code = cli_fail(cli, &e);
    if (!code && acts) {
        if (store_lock(&l->store, LOCK_WAIT_MS, NULL, &l->lock_fd, &e) < 0)
            code = cli_fail(cli, &e);
        else
            l->locked = true;
    }
    conf.store = &l->store;
    conf.load = l->load;
    conf.with_dirs = ask && ask->wide;
    if (!code && round_look(&conf, &l->round, &e) < 0)
        code = cli_fail(cli, &e);
    if (!code && ask && ask->ask) {
        code = ask->ask(cli, l->round, &requests, &conf.n_requests);
        conf.requests = requests;
        if (!code && conf.n_requests > 0) {
            struct round *first = l->round;

            if (round_look(&conf, &l->round, &e) < 0) {
                l->round = NULL;
                code = cli_fail(cli, &e);
            }
            round_free(first);
        }
    }
    if (code) {
        look_close(l);
        return code;
    }
    return 0;
}

int look_open(struct cli *cli, enum look_mode mode, struct look *ret)
{
    return look_open_asking(cli, mode, cli->args, cli->n_args, NULL, ret);
}

int look_open_wide(struct cli *cli, enum look_mode mode, struct look *ret)
{
    return look_open_asking(cli, mode, NULL, 0, &(const struct look_ask){.wide = true}, ret);
}

bool look_is_here(const struct cli *cli, const struct round *r, const struct act *act)
{
    return !cli->opt.endpoint || strcmp(act->endpoint, cli->opt.endpoint) == 0;
}

static void keep_moves(struct round *r, const char *endpoint, bool no_collect)
{
    struct plan_move *v = ARENA_ARRAY(r->a, struct plan_move, r->plan.n_moves);
    size_t n = 0;

    for (size_t i = 0; i < r->plan.n_moves; i++) {
        const struct plan_move *m = &r->plan.moves[i];

        if ((!endpoint || strcmp(m->leftover->endpoint, endpoint) == 0) && !(no_collect && m->kind == MOVE_COLLECT))
            v[n++] = *m;
    }
    r->plan.moves = v;
    r->plan.n_moves = n;
}

void look_keep_acts(const struct cli *cli, struct round *r,
                    bool (*keep)(const struct cli *, const struct round *, const struct act *))
{
    struct plan *p = &r->plan;
    VEC(struct act) acts = {0};
    size_t *place = ARENA_ARRAY(r->a, size_t, p->n_acts), n = 0;

    memset(p->count, 0, sizeof p->count);
    for (size_t i = 0; i < p->n_acts; i++)
        place[i] = keep(cli, r, &p->acts[i]) ? n++ : SIZE_MAX;
    for (size_t i = 0; i < p->n_acts; i++) {
        struct act act = p->acts[i];
        size_t *after = ARENA_ARRAY(r->a, size_t, act.n_after), n_after = 0;

        if (place[i] == SIZE_MAX)
            continue;
        for (size_t k = 0; k < act.n_after; k++)
            if (place[act.after[k]] != SIZE_MAX)
                after[n_after++] = place[act.after[k]];
        act.after = after;
        act.n_after = n_after;
        p->count[act.kind]++;
        VEC_PUSH(r->a, &acts, act);
    }
    p->acts = acts.v;
    p->n_acts = acts.n;
    keep_moves(r, cli->opt.endpoint, false);
}

void look_keep_no_collect(struct round *r)
{
    keep_moves(r, NULL, true);
}

void look_print_notices(struct cli *cli, const struct round *r)
{
    BUF_AUTO b = BUF_INIT(SIZE_MAX / 4);

    for (size_t i = 0; i < r->diags.n; i++) {
        buf_clear(&b);
        diag_format(&b, &r->diags.v[i]);
        (void)fprintf(cli->err, "%s\n", buf_str(&b));
    }
    for (size_t i = 0; i < r->n_notices; i++) {
        const struct notice *n = &r->notices[i];

        buf_clear(&b);
        text_escape(&b, n->text, strlen(n->text));
        if (n->remedy) {
            buf_puts(&b, "; try: ");
            text_escape(&b, n->remedy, strlen(n->remedy));
        }
        (void)fprintf(cli->err, "%s%s%s%s\n",
                      n->level == NOTICE_INFO      ? "note: "
                      : n->level == NOTICE_WARNING ? "warning: "
                                                   : "blocked: ",
                      n->object ? n->object : "", n->object ? ": " : "", buf_str(&b));
    }
}

struct node *look_notices_json(struct arena *a, const struct round *r)
{
    static const char *const levels[] = {"info", "warning", "blocked"};
    struct node *list = node_array(a);

    for (size_t i = 0; i < r->n_notices; i++) {
        const struct notice *n = &r->notices[i];
        struct node *o = node_object(a);

        node_set(a, o, "level", node_string(a, levels[n->level]));
        node_set(a, o, "object", n->object ? node_string(a, n->object) : node_null(a));
        node_set(a, o, "message", node_string(a, n->text));
        node_set(a, o, "remedy", n->remedy ? node_string(a, n->remedy) : node_null(a));
        node_push(a, list, o);
    }
    return list;
}
