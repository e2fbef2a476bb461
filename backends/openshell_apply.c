#include "backends/openshell_private.h"
#include "backends/openshell_seed.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define POLL_FIRST_MS 50
#define POLL_MAX_MS   1000

/* One act under way: the lock of its name is held. */
struct acting {
    struct openshell_call c;
    const struct backend_act *act;
    const struct desired *want;
    struct openshell_spec spec; /* of want */
    struct openshell_seed seed;
    int lock;
    const char *name;
};

/* --- waiting --------------------------------------------------------------------------------------------------------------- */

static int pause_longer(struct openshell_call *c, const char *what, int *ms, struct err *e)
{
    int64_t until = deadline_now_ms() + *ms;

    do {
        if (deadline_pause(&c->deadline, what, *ms, e) < 0)
            return -1;
    } while (deadline_now_ms() < until);
    *ms = *ms * 2 < POLL_MAX_MS ? *ms * 2 : POLL_MAX_MS;
    return 0;
}

/* Until it has come to rest: Ready, Stopped or Error. ERR_TIMEOUT leaves it as it is. */
static int wait_rest(struct acting *x, const char *id, struct openshell_item *ret, struct err *e)
{
    for (int ms = POLL_FIRST_MS;;) {
        const char *what;

        if (openshell_cli_get(&x->c, x->name, ret, e) < 0)
            return -1;
        if (!text_eq(ret->id, id))
            return err_set(e, ERR_CONFLICT, 0, "it has gone, and another has its name");
        if (ret->phase == OPENSHELL_READY || ret->phase == OPENSHELL_STOPPED || ret->phase == OPENSHELL_ERROR)
            return 0;
        if (ret->phase == OPENSHELL_DELETING)
            return err_set(e, ERR_CONFLICT, 0, "it is being deleted");
        what = arena_printf(x->c.a, "it is still %s", openshell_phase_name(ret->phase));
        if (pause_longer(&x->c, what, &ms, e) < 0)
            return -1;
    }
}

/* Until the gateway says that there is no such id. Deleting is not absent. */
static int wait_gone(struct acting *x, const char *id, struct err *e)
{
    const char *seen = openshell_phase_name(OPENSHELL_DELETING);
    struct openshell_item it;
    bool found;

    for (int ms = POLL_FIRST_MS;;) {
        if (openshell_find_id(&x->c, x->name, id, &it, &found, e) < 0)
            return e->class == ERR_TIMEOUT ? err_set(e, ERR_TIMEOUT, 0, "it is still %s", seen) : -1;
        if (!found)
            return 0;
        seen = openshell_phase_name(it.phase);
        if (pause_longer(&x->c, arena_printf(x->c.a, "it is still %s", seen), &ms, e) < 0)
            return -1;
    }
}

/* --- steps on what is there ------------------------------------------------------------------------------------------------ */

static int verb(struct acting *x, const char *word, struct proc_result *res, struct err *e)
{
    const char *args[] = {"sandbox", word, x->name, NULL};

    return openshell_cli_run(&x->c, args, NULL, NULL, 0, res, e);
}

/* Returns once it is seen to be gone. Its id was read just before. */
static int erase(struct acting *x, const struct openshell_item *it, struct err *e)
{
    struct openshell_record record;
    struct openshell_item again;
    struct proc_result res;
    bool found;

    if (it->phase != OPENSHELL_DELETING) {
        if (verb(x, "delete", &res, e) < 0)
            return -1;
        if (res.status != 0) {
            /* Somebody else may have been quicker; and what failed half-way may be under way. */
            (void)openshell_cli_failed(&x->c, "deleting", &res, e);
            if (e->class != ERR_INTERNAL)
                return -1;
            struct err why = *e;

            if (openshell_find_id(&x->c, x->name, it->id, &again, &found, e) < 0)
                return -1;
            if (found && again.phase != OPENSHELL_DELETING) {
                *e = why;
                return -1;
            }
        }
    }
    openshell_way_drop(x->c.b, it->id);
    if (wait_gone(x, it->id, e) < 0)
        return -1;
    if (openshell_store_read(&x->c.b->store, x->c.a, x->c.b->endpoint, x->name, &record, e) < 0)
        return -1;
    if (record.name != NULL && (record.id == NULL || text_eq(record.id, it->id)))
        return openshell_store_remove(&x->c.b->store, x->c.a, x->c.b->endpoint, x->name, e);
    return 0;
}

static int stop_or_start(struct acting *x, const struct openshell_item *it, bool start, struct err *e)
{
    enum openshell_phase target = start ? OPENSHELL_READY : OPENSHELL_STOPPED;
    struct openshell_item now = *it;
    struct proc_result res;

    if (now.phase != OPENSHELL_READY && now.phase != OPENSHELL_STOPPED && now.phase != OPENSHELL_ERROR &&
        wait_rest(x, it->id, &now, e) < 0)
        return -1;
    if (now.phase == target)
        return 0;
    if (!x->c.b->traits->stops)
        return err_set(e, ERR_UNSUPPORTED, 0, "openshell before 0.0.105 cannot %s a sandbox that is %s", start ? "start" : "stop",
                       openshell_phase_name(now.phase));
    if (verb(x, start ? "start" : "stop", &res, e) < 0)
        return -1;
    if (res.status != 0)
        return openshell_cli_failed(&x->c, start ? "starting" : "stopping", &res, e);
    if (wait_rest(x, it->id, &now, e) < 0)
        return -1;
    if (now.phase != target)
        return err_set(e, ERR_INTERNAL, 0, "it is %s afterwards", openshell_phase_name(now.phase));
    return 0;
}

/* --- creating -------------------------------------------------------------------------------------------------------------- */

static int write_file(const char *path, const char *text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t n = strlen(text), done = 0;
    ssize_t put = 0;

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "%s", path);
    while (done < n && ((put = write(fd, text + done, n - done)) >= 0 || errno == EINTR))
        done += put > 0 ? (size_t)put : 0;
    close(fd);
    return done < n ? err_sys(e, ERR_IO, errno, "%s", path) : 0;
}

/* By the way that is kept: no text of it is in any argv, and its variables are set in every release. */
static int run_setup(struct acting *x, struct openshell_record *r, struct act_result *res, struct err *e)
{
    const char *argv[] = {"/bin/sh", "-c", x->want->setup, NULL};
    BUF_AUTO output = BUF_INIT(LIMIT_OUTPUT_BYTES);
    struct ssh_command command = {.root = "/",
                                  .workdir = x->spec.workspace_dir,
                                  .env = x->spec.env,
                                  .argv = argv,
                                  .fd_in = -1,
                                  .fd_out = -1,
                                  .fd_err = -1,
                                  .output = &output};
    struct ssh_link *link;

    if (x->want->setup == NULL)
        return 0;
    if (openshell_way_get(&x->c, x->name, r->id, &link, e) < 0)
        return err_wrap(e, "its setup");
    if (ssh_command_run(link, &command, &x->c.deadline, &res->setup_status, e) < 0) {
        (void)openshell_way_failed(x->c.b, r->id, e);
        return err_wrap(e, "its setup");
    }
    res->setup_output = arena_memdup0(x->c.a, buf_str(&output), output.n);
    if (res->setup_status == 0)
        return 0;
    r->stage = OPENSHELL_SETUP_FAILED;
    if (openshell_store_write(&x->c.b->store, x->c.a, r, e) < 0)
        return -1;
    return err_set(e, ERR_REFUSED, res->setup_status, "its setup gave status %d", res->setup_status);
}

static int keep(struct acting *x, const struct openshell_record *r, struct err *e)
{
    return x->c.b->store.dir != NULL ? openshell_store_write(&x->c.b->store, x->c.a, r, e) : 0;
}

/* Before anything is made: what is wrong with the local directories is known then. */
static int prepare(struct acting *x, struct err *e)
{
    int64_t now = x->act->created_at_ms;

    openshell_seed_close(&x->seed);
    return openshell_seed_prepare(&x->c, &x->spec, x->act->seed_dir, now >= 0 ? now : TIME_NONE, &x->seed, e);
}

/* What exists is brought to what is wanted: at rest, seeded, set up. */
static int fill(struct acting *x, struct openshell_record *r, bool resumed, struct act_result *res, struct err *e)
{
    struct openshell_item it;

    r->stage = OPENSHELL_FILLING;
    if (keep(x, r, e) < 0)
        return -1;
    res->id = r->id;
    if (wait_rest(x, r->id, &it, e) < 0)
        return -1;
    if (it.phase == OPENSHELL_ERROR)
        return err_set(e, ERR_INTERNAL, 0, "it came to phase Error (openshell logs %s)", x->name);
    if ((x->spec.n_dirs > 0 || x->want->setup != NULL) && it.phase != OPENSHELL_READY && stop_or_start(x, &it, true, e) < 0)
        return -1;
    if (openshell_seed_push(&x->c, x->name, r->id, &x->seed, resumed, e) < 0)
        return err_wrap(e, "seeding");
    res->seeded = x->seed.sent;
    res->seeded_local = x->act->seed_dir == NULL;
    if (run_setup(x, r, res, e) < 0)
        return -1;
    if (openshell_cli_get(&x->c, x->name, &it, e) < 0 || stop_or_start(x, &it, x->want->want != WANT_STOPPED, e) < 0)
        return -1;
    r->stage = OPENSHELL_MADE;
    return keep(x, r, e);
}

static bool is_of_config(const char *said)
{
    static const char *const words[] = {"exceeds maximum length", "must contain only",
                                        "must start and end",     "consecutive hyphens",
                                        "No Dockerfile found",    "does not exist",
                                        "is not a Dockerfile",    "sandbox policy",
                                        "invalid filesystem",     "Client specified an invalid argument",
                                        "InvalidArgument"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (openshell_complains_of(said, words[i]))
            return true;
    return false;
}

/* The create left nothing behind: why. */
static int create_failed(struct acting *x, const struct proc_result *res, struct err *e)
{
    const char *said = openshell_complaint(x->c.a, res->err, res->n_err);
    struct err ignored;

    (void)openshell_store_remove(&x->c.b->store, x->c.a, x->c.b->endpoint, x->name, &ignored);
    if (res->status == 2)
        return err_set(e, ERR_UNSUPPORTED, 2, "openshell does not take its own release's arguments: %s", said);
    if (openshell_complains_of(said, "provider '") && openshell_complains_of(said, "not found"))
        return err_set(e, ERR_NOT_FOUND, res->status, "%s", said);
    if (is_of_config(said))
        return err_set(e, ERR_CONFIG, res->status, "create: %s", said);
    if (openshell_complains_of(said, "already exists"))
        return err_set(e, ERR_CONFLICT, res->status, "%s", said);
    return openshell_cli_failed(&x->c, "openshell sandbox create", res, e);
}

static int create_new(struct acting *x, struct act_result *res, struct err *e)
{
    const struct desired *d = x->want;
    struct openshell_record r = {.endpoint = x->c.b->endpoint,
                                 .name = d->name,
                                 .install = x->c.b->install,
                                 .owner = d->owner,
                                 .hash = d->config_hash,
                                 .scope_key = d->scope_key,
                                 .setup = openshell_setup_digest(x->c.a, d->setup),
                                 .kind = d->kind,
                                 .created_at_ms = x->act->created_at_ms == TIME_NONE ? 0 : x->act->created_at_ms,
                                 .stage = OPENSHELL_CREATING,
                                 .create = d->create};
    const char *labels[OPENSHELL_MAX_LABELS], *policy = NULL;
    size_t n_labels = openshell_labels(x->c.a, d, x->c.b->install, r.created_at_ms, labels);
    struct openshell_item it;
    struct proc_result out;
    char *scratch = NULL;
    bool found;
    int ret;

    if (prepare(x, e) < 0 || keep(x, &r, e) < 0)
        return -1;
    if (x->spec.policy_text != NULL) {
        if (openshell_store_scratch(&x->c.b->store, x->c.a, &scratch, e) < 0)
            return -1;
        policy = arena_printf(x->c.a, "%s/policy.yaml", scratch);
        if (write_file(policy, x->spec.policy_text, e) < 0) {
            openshell_store_discard(scratch);
            return -1;
        }
    }
    ret = openshell_cli_run(&x->c, openshell_create_argv(x->c.a, &x->spec, x->c.b->traits, d->name, policy, labels, n_labels),
                            NULL, NULL, 0, &out, e);
    openshell_store_discard(scratch);
    if (ret < 0 || openshell_find_name(&x->c, d->name, &it, &found, e) < 0)
        return -1;
    if (!found)
        return out.status == 0 ? err_set(e, ERR_INTERNAL, 0, "openshell says that it made it, and it is not there")
                               : create_failed(x, &out, e);
    if (openshell_view_of(&x->c, &it, &r).ownership != OWN_OURS ||
        (out.status != 0 && openshell_complains_of(openshell_complaint(x->c.a, out.err, out.n_err), "already exists")))
        return err_set(e, ERR_CONFLICT, 0, "the name was taken in the meantime");
    r.id = it.id;
    if (x->spec.env != NULL && !x->c.b->traits->env) {
        static const char *const warnings[] = {"env: this release of openshell sets no variables"};

        res->warnings = warnings;
        res->n_warnings = 1;
    }
    return fill(x, &r, false, res, e);
}

/* One of this name is there. *ret_gone: it was not finished, and is gone now. */
static int create_over(struct acting *x, const struct openshell_item *it, const struct openshell_view *v, struct act_result *res,
                       bool *ret_gone, struct err *e)
{
    struct openshell_record r = v->record;
    bool half;

    *ret_gone = true;
    if (it->phase == OPENSHELL_DELETING && v->ownership == OWN_OURS)
        return erase(x, it, e);
    if (v->ownership != OWN_OURS || !text_eq(v->owner, x->want->owner) || !text_eq(v->hash, x->want->config_hash))
        return err_set(e, ERR_CONFLICT, 0, "the name is in use by %s",
                       v->ownership == OWN_OURS
                           ? arena_printf(x->c.a, "a sandbox of %s", v->owner != NULL ? v->owner : "another object")
                       : v->ownership == OWN_OPENCLAW ? "a sandbox of OpenClaw's"
                                                      : "a sandbox that is not ours");
    half = r.name != NULL && (r.stage == OPENSHELL_SETUP_FAILED || (r.stage == OPENSHELL_FILLING && x->want->setup != NULL) ||
                              (r.stage != OPENSHELL_MADE && it->phase == OPENSHELL_ERROR));
    if (half)
        return erase(x, it, e) < 0 ? err_wrap(e, "removing one that was not finished") : 0;
    *ret_gone = false;
    if (r.name != NULL && r.stage != OPENSHELL_MADE) {
        r.id = it->id;
        return prepare(x, e) < 0 ? -1 : fill(x, &r, true, res, e);
    }
    res->id = it->id;
    return x->want->want == WANT_RUNNING ? stop_or_start(x, it, true, e) : 0;
}

static int act_create(struct acting *x, struct act_result *res, struct err *e)
{
    const struct openshell_traits *t;
    struct openshell_record record;
    struct openshell_item it;
    const char *flaw;
    bool found, gone;

    if (x->act->replaces != NULL) /* a name is taken as long as its sandbox is there */
        return err_set(e, ERR_UNSUPPORTED, 0, "a sandbox cannot take another's place");
    if (openshell_check_spec(x->c.a, x->want, &x->spec, e) < 0 || openshell_cli_find(&x->c, e) < 0)
        return -1;
    t = x->c.b->traits;
    flaw = openshell_name_flaw(x->name, t->short_names);
    if (flaw != NULL)
        return err_set(e, ERR_CONFIG, 0, "name: '%s': %s", x->name, flaw);
    if (x->want->want == WANT_STOPPED && !t->stops)
        return err_set(e, ERR_UNSUPPORTED, 0, "openshell before 0.0.105 keeps no stopped sandboxes");
    if (x->c.b->store.dir == NULL && (!t->labels || x->want->setup != NULL || x->spec.n_dirs > 0 || x->spec.policy_text != NULL))
        return err_set(e, ERR_UNSUPPORTED, 0, "there is no state directory, and this cannot be made without");
    if (openshell_find_name(&x->c, x->name, &it, &found, e) < 0 ||
        openshell_store_read(&x->c.b->store, x->c.a, x->c.b->endpoint, x->name, &record, e) < 0)
        return -1;
    if (found) {
        struct openshell_view v = openshell_view_of(&x->c, &it, &record);

        if (create_over(x, &it, &v, res, &gone, e) < 0)
            return -1;
        if (!gone)
            return 0;
    }
    return create_new(x, res, e);
}

/* --- changing -------------------------------------------------------------------------------------------------------------- */

/* What it was made from: by the record; of OpenClaw's own, by what it shows, as far as that goes. */
static int only_patches(struct acting *x, const struct openshell_view *v, struct err *e)
{
    const char *setup = openshell_setup_digest(x->c.a, x->want->setup);
    const struct openshell_record *r = &v->record;
    struct openshell_spec was;
    struct field_change *ch;
    struct node *live;
    struct fields had;
    size_t n;

    if (r->name == NULL && (v->ownership != OWN_OPENCLAW || x->spec.policy == NULL))
        return err_set(e, ERR_REFUSED, 0, "what it was made from is not known here: it cannot be changed in place");
    if (r->name != NULL) {
        if (openshell_spec_decode(x->c.a, r->create, &was, e) < 0)
            return -1;
        had = openshell_spec_fields(x->c.a, &was, r->setup);
    } else {
        if (openshell_cli_policy(&x->c, x->name, &live, e) < 0)
            return -1;
        had = openshell_spec_observed(x->c.a, &x->spec, setup, live, v->item.phase);
    }
    n = fields_diff(x->c.a, openshell_spec_fields(x->c.a, &x->spec, setup), had, &ch);
    for (size_t i = 0; i < n; i++)
        if (ch[i].class != FIELD_PATCH && ch[i].class != FIELD_NONE)
            return err_set(e, ERR_REFUSED, 0, "%s: cannot be changed in place", ch[i].name);
    return 0;
}

static int set_policy(struct acting *x, struct err *e)
{
    int64_t left = (x->c.deadline.end_ms - deadline_now_ms()) / 1000;
    const char *file, *args[] = {"policy", "set", x->name, "--policy", NULL, "--wait", "--timeout", NULL, NULL}, *said;
    struct proc_result res;
    struct node *live;
    char *scratch;
    int r;

    if (openshell_cli_policy(&x->c, x->name, &live, e) < 0 || openshell_store_scratch(&x->c.b->store, x->c.a, &scratch, e) < 0)
        return -1;
    file = arena_printf(x->c.a, "%s/policy.yaml", scratch);
    args[4] = file;
    args[7] = arena_printf(x->c.a, "%d", left < 1 ? 1 : left > 600 ? 600 : (int)left);
    r = write_file(file, openshell_policy_patched(x->c.a, live, x->spec.policy), e);
    if (r == 0)
        r = openshell_cli_run(&x->c, args, NULL, NULL, 0, &res, e);
    openshell_store_discard(scratch);
    if (r < 0)
        return -1;
    said = openshell_complaint(x->c.a, res.err, res.n_err);
    if (res.status == 124)
        return err_set(e, ERR_TIMEOUT, 124, "the policy is not loaded yet: %s", said);
    if (openshell_complains_of(said, "on a live sandbox") || openshell_complains_of(said, "failed to load"))
        return err_set(e, ERR_REFUSED, res.status, "%s", said);
    if (res.status != 0)
        return openshell_cli_failed(&x->c, "openshell policy set", &res, e);
    return 0;
}

/* Status 0 also means that another policy took its place. */
static int verify_policy(struct acting *x, const struct openshell_record *r, struct err *e)
{
    struct field_change *ch;
    struct node *live;
    size_t n;

    if (openshell_cli_policy(&x->c, x->name, &live, e) < 0)
        return -1;
    n = fields_diff(x->c.a, openshell_spec_fields(x->c.a, &x->spec, r->setup),
                    openshell_spec_observed(x->c.a, &x->spec, r->setup, live, OPENSHELL_READY), &ch);
    if (n > 0)
        return err_set(e, ERR_CONFLICT, 0, "%s: is not what was set: another policy took its place", ch[0].name);
    return 0;
}

static int act_patch(struct acting *x, const struct openshell_item *it, const struct openshell_view *v, struct err *e)
{
    struct openshell_record r = v->record;

    if (x->want == NULL)
        return err_set(e, ERR_USAGE, 0, "patch without a spec");
    if (openshell_check_spec(x->c.a, x->want, &x->spec, e) < 0 || only_patches(x, v, e) < 0)
        return -1;
    if (x->spec.policy != NULL && (set_policy(x, e) < 0 || verify_policy(x, &r, e) < 0))
        return -1;
    if (r.name == NULL) /* OpenClaw's own stays that */
        return 0;
    r.id = it->id;
    r.create = x->want->create;
    r.hash = x->want->config_hash;
    return keep(x, &r, e);
}

static bool as_expected(const struct observed *w, const struct openshell_view *v)
{
    return w == NULL || (w->ownership == v->ownership && text_eq(w->install, v->install) && text_eq(w->owner, v->owner) &&
                         text_eq(w->name, v->item.name));
}

static int act_existing(struct acting *x, struct err *e)
{
    struct openshell_record record;
    struct openshell_item it;
    struct openshell_view v;
    bool found;

    if (x->act->id == NULL)
        return err_set(e, ERR_USAGE, 0, "an id is wanted");
    if (openshell_find_id(&x->c, x->name, x->act->id, &it, &found, e) < 0)
        return -1;
    if (!found)
        return x->act->step == STEP_REMOVE ? 0 : err_set(e, ERR_NOT_FOUND, 0, "there is no sandbox %s", x->act->id);
    x->name = it.name;
    if (openshell_store_read(&x->c.b->store, x->c.a, x->c.b->endpoint, it.name, &record, e) < 0)
        return -1;
    v = openshell_view_of(&x->c, &it, &record);
    if (x->act->step != STEP_START && !as_expected(x->act->expect, &v))
        return err_set(e, ERR_CONFLICT, 0, "%s is not what was observed", x->act->id);
    switch (x->act->step) {
    case STEP_START:
        return stop_or_start(x, &it, true, e);
    case STEP_STOP:
        return stop_or_start(x, &it, false, e);
    case STEP_PATCH:
        return act_patch(x, &it, &v, e);
    case STEP_REMOVE:
        return erase(x, &it, e);
    case STEP_CREATE:
    case STEP_COUNT:
        break;
    }
    return err_set(e, ERR_USAGE, 0, "no such step");
}

int openshell_apply(struct backend *handle, struct arena *a, const struct backend_act *act, const struct call *call,
                    struct act_result *ret, struct err *e)
{
    static const char *const words[] = {[STEP_CREATE] = "creating",
                                        [STEP_START] = "starting",
                                        [STEP_STOP] = "stopping",
                                        [STEP_PATCH] = "changing",
                                        [STEP_REMOVE] = "removing"};
    struct acting x = {.c = {.b = (struct openshell *)handle, .a = a, .deadline = deadline_start(call)},
                       .act = act,
                       .want = act->want,
                       .name = act->name != NULL ? act->name : act->want->name};
    struct openshell *b = x.c.b;
    const char *locked = x.name;
    struct act_result res = {0};
    int r = 0, ms;

    /* What check refuses needs no lock and no gateway. */
    if (act->step == STEP_CREATE)
        r = openshell_check_spec(a, act->want, &x.spec, e);
    if (r == 0)
        r = deadline_slice(&x.c.deadline, "openshell", &ms, e);
    if (r == 0 && (r = openshell_store_lock(&b->store, a, b->endpoint, locked, &x.c.deadline, &x.lock, e)) == 0) {
        r = act->step == STEP_CREATE ? act_create(&x, &res, e) : act_existing(&x, e);
        openshell_seed_close(&x.seed);
        openshell_store_unlock(&b->store, a, b->endpoint, locked, x.lock);
    }
    if (r < 0 && e->class == ERR_CONFIG)
        return -1; /* the message begins with the key */
    if (r == 0 || (e->class == ERR_REFUSED && res.setup_status != 0))
        *ret = res;
    return r < 0 ? err_wrap(e, "%s sandbox '%s'", words[act->step], x.name) : 0;
}
