#include "backends/openshell_way.h"

#include "spec/base/text.h"

#include <stdlib.h>
#include <string.h>

struct openshell_way {
    char *id; /* NULL: free */
    struct ssh_link *link;
    unsigned used; /* the higher, the later */
};

struct openshell_ways {
    struct openshell_way v[OPENSHELL_WAYS];
    unsigned n_uses;
    struct openshell_release release; /* that wrote the configs */
};

/* --- ways --------------------------------------------------------------------------------------------------------------------
 */

static void end(struct openshell_way *w)
{
    ssh_link_free(w->link);
    free(w->id);
    *w = (struct openshell_way){0};
}

void openshell_ways_free(struct openshell *b)
{
    for (size_t i = 0; b->ways != NULL && i < OPENSHELL_WAYS; i++)
        end(&b->ways->v[i]);
    free(b->ways);
    b->ways = NULL;
}

void openshell_way_drop(struct openshell *b, const char *id)
{
    for (size_t i = 0; b->ways != NULL && i < OPENSHELL_WAYS; i++)
        if (b->ways->v[i].id != NULL && text_eq(b->ways->v[i].id, id))
            end(&b->ways->v[i]);
}

static int ask(struct openshell_call *c, const char *name, struct ssh_link **ret, struct err *e)
{
    const char *args[] = {"sandbox", "ssh-config", name, NULL};
    struct proc_result res;

    if (openshell_cli_run(c, args, NULL, NULL, 0, &res, e) < 0)
        return -1;
    if (res.status != 0)
        return openshell_cli_failed(c, "openshell sandbox ssh-config", &res, e);
    if (ssh_link_new_by(res.out, (const char *const *)c->b->env, ret, e) < 0)
        return err_wrap(e, "openshell sandbox ssh-config");
    return 0;
}

int openshell_way_get(struct openshell_call *c, const char *name, const char *id, struct ssh_link **ret, struct err *e)
{
    struct openshell *b = c->b;
    struct openshell_way *oldest;
    struct ssh_link *link;

    if (openshell_cli_find(c, e) < 0)
        return -1;
    if (b->ways != NULL && openshell_release_cmp(b->ways->release, b->release) != 0)
        openshell_ways_free(b); /* another command may write others */
    if (b->ways == NULL) {
        b->ways = calloc(1, sizeof *b->ways);
        if (b->ways == NULL)
            abort();
        b->ways->release = b->release;
    }
    oldest = &b->ways->v[0];
    for (size_t i = 0; i < OPENSHELL_WAYS; i++) {
        struct openshell_way *w = &b->ways->v[i];

        if (w->id != NULL && text_eq(w->id, id)) {
            w->used = ++b->ways->n_uses;
            *ret = w->link;
            return 0;
        }
        if (w->used < oldest->used)
            oldest = w;
    }
    if (ask(c, name, &link, e) < 0)
        return -1;
    end(oldest);
    *oldest = (struct openshell_way){.id = strdup(id), .link = link, .used = ++b->ways->n_uses};
    if (oldest->id == NULL)
        abort();
    *ret = link;
    return 0;
}

int openshell_way_failed(struct openshell *b, const char *id, struct err *e)
{
    if (e->class != ERR_UNAVAILABLE && e->class != ERR_TIMEOUT && e->class != ERR_INPUT)
        return -1;
    openshell_way_drop(b, id);
    if (e->class == ERR_UNAVAILABLE && b->gateway == NULL && b->gateway_url != NULL && strstr(e->msg, "Unknown gateway") != NULL)
        return err_wrap(e, "there is no way into a sandbox of a gateway that has no name (openshell gateway add %s)",
                        b->gateway_url);
    return -1;
}

/* --- what is in it -----------------------------------------------------------------------------------------------------------
 */

/* $1 where the manifest is, $2... the directories. */
static const char measure_script[] =
    SSH_SUM("\"$@\"") "if [ -f \"$1/.reconclaw/manifest\" ];then out 'm 1';else out 'm 0';fi\n"
                      "shift;k=$#;while [ $k -gt 0 ];do d=$1;shift;k=$((k-1));[ ! -d \"$d\" ]||set -- \"$@\" \"$d\";done\n"
                      "k=$#;[ $k = 0 ]||set -- \"$@\" -mindepth 1;for d in \"$@\";do [ $k -gt 0 ]||break;k=$((k-1))\n"
                      "set -- \"$@\" -path \"$d/.reconclaw*\" -prune -o;done\n"
                      "sum \"$@\";out \"s $n${b:+ $b $c $h}\"";

struct openshell_content openshell_way_measure(struct openshell_call *c, const char *name, const char *id,
                                               const struct openshell_place *place)
{
    const char *args[] = {place->workspace, place->workspace, place->agent, NULL};
    const struct ssh_script script = {.body = measure_script, .args = args, .what = "looking into it"};
    struct openshell_content content = {.changed_at_ms = TIME_NONE};
    struct openshell_call own = *c;
    struct ssh_seen seen = {0};
    struct ssh_reply r;
    struct ssh_link *link;
    struct err e;
    int64_t most = deadline_now_ms() + OPENSHELL_LOOK_MS, half = deadline_now_ms() + deadline_rest(&c->deadline).timeout_ms / 2;

    /* One that does not answer must not use up the time of the others. */
    if (own.deadline.end_ms > half)
        own.deadline.end_ms = half;
    if (own.deadline.end_ms > most)
        own.deadline.end_ms = most;
    if (openshell_way_get(&own, name, id, &link, &e) < 0)
        return content;
    if (ssh_script_run(link, c->a, &script, &own.deadline, &r, &e) < 0) {
        (void)openshell_way_failed(c->b, id, &e);
        return content;
    }
    for (size_t i = 0; r.status == 0 && i < r.n; i++)
        if (text_eq(r.lines[i], "m 1"))
            content.seeded = true;
        else if (text_has_prefix(r.lines[i], "s ") && ssh_sum_decode(c->a, r.lines[i] + 2, &seen) == 0 && seen.measured) {
            content.known = true;
            content.n_entries = seen.n_entries;
            content.bytes = seen.bytes;
            content.stamp = seen.stamp;
            content.changed_at_ms = seen.changed_s > 0 ? seen.changed_s * 1000 : TIME_NONE;
        }
    return content;
}

/* --- saving ------------------------------------------------------------------------------------------------------------------
 */

struct saving {
    int (*write)(void *ctx, const void *p, size_t n, struct err *e);
    void *ctx;
    struct buf said;
};

static int save_some(void *ctx, int stream, const char *p, size_t n, struct err *e)
{
    struct saving *x = ctx;
    size_t room = x->said.max - x->said.n;

    if (stream == 1)
        return x->write(x->ctx, p, n, e);
    buf_put(&x->said, p, n < room ? n : room);
    return 0;
}

int openshell_way_save(struct openshell_call *c, const char *name, const char *id, const struct openshell_place *place,
                       int (*write)(void *ctx, const void *p, size_t n, struct err *e), void *ctx, struct err *e)
{
    /* Both directories below one that is made for it, by links: entries are then named as they are in every tree. */
    static const char script[] =
        "t=$(mktemp -d)||exit 1;trap 'rm -rf \"$t\"' EXIT;cd \"$t\"||exit 1;w=$1;v=$2;a=$3;set --\n"
        "if [ -d \"$w\" ];then ln -s \"$w\" workspace||exit 1;set -- workspace/.;fi\n"
        "if [ -d \"$v\" ]&&{ [ $a = 1 ]||[ \"$(ls -A \"$v\")\" ];};then ln -s \"$v\" agent||exit 1;set -- \"$@\" agent/.;fi\n"
        "tar -c -f - --exclude='workspace/./.reconclaw*' --exclude='agent/./.reconclaw*' \"$@\"";
    const char *argv[] = {"/bin/sh", "-c", script, "reconclaw", place->workspace, place->agent, place->has_agent ? "1" : "0",
                          NULL};
    struct saving x = {.write = write, .ctx = ctx, .said = BUF_INIT(SSH_COMPLAINT)};
    struct ssh_command command = {
        .root = "/", .workdir = ".", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1, .sink = save_some, .sink_ctx = &x};
    struct ssh_link *link;
    int status = 0, r = openshell_way_get(c, name, id, &link, e);

    if (r == 0 && (r = ssh_command_run(link, &command, &c->deadline, &status, e)) < 0)
        r = openshell_way_failed(c->b, id, e);
    if (r == 0 && status != 0)
        r = err_set(e, ERR_INTERNAL, status, "saving '%s': tar: exit status %d: %s", name, status, buf_str(&x.said));
    buf_free(&x.said);
    return r;
}
