#include "tests/lib/scene.h"

#include "spec/base/text.h"

#define N(v) (sizeof(v) / sizeof *(v))

const struct policy scene_policy = {
    .cap_percent = 100, .cap_count = 1, .prune = true, .orphans = ORPHANS_PRUNE, .concurrency = 4, .hot_window_ms = 0};

struct fields scene_fields(struct arena *a, const char *memory, const char *tmpfs, const char *network)
{
    struct field v[] = {{.name = "docker.memory", .value = memory, .class = FIELD_PATCH},
                        {.name = "docker.network", .value = network, .class = FIELD_RECREATE},
                        {.name = "docker.tmpfs", .value = tmpfs, .class = FIELD_RESTART}};

    return fields_make(a, v, N(v));
}

struct desired scene_desired(struct scene *s)
{
    return (struct desired){.endpoint = "docker",
                            .name = "n",
                            .kind = RUNTIME_CONTAINER,
                            .owner = "OpenClaw/home",
                            .install = OURS,
                            .can_remake = true,
                            .scope_key = "agent:main",
                            .agent_id = "main",
                            .backend_id = "docker",
                            .config_hash = HASH,
                            .fields = scene_fields(s->a, "1g", "/tmp", "none"),
                            .policy = scene_policy};
}

struct record scene_record(void)
{
    return (struct record){.endpoint = "docker",
                           .name = "n",
                           .kind = RUNTIME_CONTAINER,
                           .install = OURS,
                           .scope_key = "agent:main",
                           .created_at_ms = NOW - 2 * DAY,
                           .last_used_at_ms = NOW - DAY,
                           .config_hash = HASH,
                           .version = "v"};
}

struct observed scene_observed(struct scene *s)
{
    return (struct observed){.endpoint = "docker",
                             .name = "n",
                             .id = "id",
                             .kind = RUNTIME_CONTAINER,
                             .ownership = OWN_OURS,
                             .state = RUN_RUNNING,
                             .install = OURS,
                             .owner = "OpenClaw/home",
                             .scope_key = "agent:main",
                             .config_hash = HASH,
                             .created_at_ms = NOW - 2 * DAY - 5,
                             .fields_known = true,
                             .fields = scene_fields(s->a, "1g", "/tmp", "none"),
                             .busy_known = true};
}

void scene_begin(struct scene *s)
{
    *s = (struct scene){.a = arena_new(), .listed = true};
    s->install = (struct install){.id = OURS, .policy = scene_policy, .config_ok = true};
}

void scene_end(struct scene *s)
{
    arena_free(s->a);
}

const char *scene_plan(struct scene *s)
{
    struct observation *seen = ARENA_ARRAY(s->a, struct observation, 2);
    struct world *w = ARENA_NEW(s->a, struct world);
    const struct install installs[] = {s->install, s->other};
    BUF_AUTO b = BUF_INIT(65536);

    seen[0] = (struct observation){.endpoint = "docker",
                                   .ok = s->listed,
                                   .can_save = s->can_save,
                                   .host_key = s->host_key,
                                   .why = s->listed ? NULL : "connection refused",
                                   .v = s->seen.v,
                                   .n = s->listed ? s->seen.n : 0,
                                   .images = s->images.v,
                                   .n_images = s->images.n};
    seen[1] = seen[0];
    *w = (struct world){.desired = s->desired.v,
                        .n_desired = s->desired.n,
                        .records = s->records.v,
                        .n_records = s->records.n,
                        .observations = seen,
                        .n_observations = s->twice ? 2 : 1,
                        .installs = installs,
                        .n_installs = s->has_other ? 2 : 1,
                        .pauses = &s->pause,
                        .n_pauses = s->has_pause,
                        .turns = &s->turn,
                        .n_turns = s->has_turn,
                        .grants = &s->grant,
                        .n_grants = s->has_grant,
                        .requests = &s->request,
                        .n_requests = s->has_request,
                        .seeds = &s->look,
                        .n_seeds = s->has_look,
                        .approvals = &s->approval,
                        .n_approvals = s->has_approval,
                        .snapshots = s->room,
                        .last = &s->last,
                        .n_last = s->has_last};
    plan_compute(s->a, w, NOW, &s->plan);
    for (size_t i = 0; i < s->plan.n_acts; i++) {
        const struct act *act = &s->plan.acts[i];

        buf_printf(&b, "%s%s", i ? " " : "", act_kind_name(act->kind));
        if (act->kind == ACT_HOLD)
            buf_printf(&b, "(%s)/%s", act_kind_name(act->held), guard_name(act->guard));
        if (act->kind == ACT_REPORT)
            buf_printf(&b, "(%s)", act_kind_name(act->held));
        if (act->restart)
            buf_putc(&b, '!');
    }
    s->text = arena_strdup(s->a, buf_str(&b));
    return s->text;
}

void scene_want(struct scene *s, unsigned d)
{
    struct desired want = scene_desired(s);

    if (d == D_NONE)
        return;
    want.want = d == D_ABSENT ? WANT_ABSENT : d == D_STOP ? WANT_STOPPED : WANT_RUNNING;
    want.precreate = d != D_EXIST;
    want.setup = d == D_EXIST ? NULL : "true";
    want.idle_ms = DAY;
    want.max_age_ms = 7 * (int64_t)DAY;
    VEC_PUSH(s->a, &s->desired, want);
    if (d == D_TWO) {
        want.owner = "OpenClaw/other";
        VEC_PUSH(s->a, &s->desired, want);
    }
}

void scene_recorded(struct scene *s, unsigned r)
{
    struct record rec = scene_record();

    if (r == R_NONE)
        return;
    if (r == R_STALE)
        rec.config_hash = "old";
    if (r == R_UNWANTED)
        rec.unwanted_because = "agent 'x' is gone";
    rec.creating = r == R_CREATING;
    rec.setup_failed = r == R_FAILED;
    if (r == R_IDLE)
        rec.last_used_at_ms--;
    if (r == R_AGED)
        rec.created_at_ms = NOW - 7 * (int64_t)DAY - 1;
    VEC_PUSH(s->a, &s->records, rec);
}

void scene_seen(struct scene *s, unsigned o)
{
    struct observed seen = scene_observed(s);

    if (o == O_ENDPOINT)
        s->listed = false;
    if (o == O_NONE || o == O_ENDPOINT)
        return;
    if (o == O_UNKNOWN)
        seen.state = RUN_UNKNOWN;
    if (o == O_FOREIGN || o == O_OPENCLAW) {
        seen.ownership = o == O_FOREIGN ? OWN_FOREIGN : OWN_OPENCLAW;
        seen.install = NULL;
    }
    if (o == O_OTHER)
        seen.install = THEIRS;
    if (o == O_STOPPED)
        seen.state = RUN_STOPPED;
    if (o == O_DRIFT)
        seen.config_hash = "old";
    if (o == O_PATCH)
        seen.fields = scene_fields(s->a, "512m", "/tmp", "none");
    if (o == O_RESTART)
        seen.fields = scene_fields(s->a, "512m", "/run", "none");
    VEC_PUSH(s->a, &s->seen, seen);
    if (o == O_TWICE) {
        seen.id = "id2";
        VEC_PUSH(s->a, &s->seen, seen);
    }
}

void scene_drifted(struct scene *s)
{
    scene_want(s, D_PRE);
    scene_recorded(s, R_OK);
    scene_seen(s, O_DRIFT);
    s->desired.v[0].policy.hot_window_ms = WINDOW;
}
