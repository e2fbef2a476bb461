#include "tests/lib/model.h"

#include <stdlib.h>
#include <string.h>

#define DRAW(dice, table) ((table)[dice_roll((dice), sizeof(table) / sizeof *(table))])

/* --- parts ----------------------------------------------------------------------------------------------------------------- */

static const char *const endpoints[] = {"docker", "fake:a", "fake:b"};
static const char *const our_installs[] = {"1111111111111111", "2222222222222222"};
static const char *const any_installs[] = {"1111111111111111", "2222222222222222", "9999999999999999"};
static const char *const hashes[] = {"aaaa", "bbbb", "cccc"};
static const char *const refs[] = {"img:1", "img:2", "img:3", "img:4"};
static const char *const image_ids[] = {"sha256:1", "sha256:2", "sha256:3", NULL}; /* img:4 is not there */

#define N_ENDPOINTS (sizeof endpoints / sizeof *endpoints)

static int64_t draw_time(struct dice *d, int64_t now)
{
    static const int64_t ago[] = {0,       1,        1000,      299999,     300000, 300001, 3600000,
                                  3600001, 86400000, 864000000, 8640000000, -60000, 599999, 600000};

    return dice_chance(d, 10) ? TIME_NONE : now - DRAW(d, ago);
}

static struct fields draw_fields(struct arena *a, unsigned variant)
{
    struct field v[4] = {{.name = "docker.env.TOKEN", .value = "s3cret", .class = FIELD_RECREATE, .sensitive = true},
                         {.name = "docker.memory", .value = variant & 1 ? "1g" : "512m", .class = FIELD_PATCH},
                         {.name = "docker.network", .value = variant & 2 ? "bridge" : "none", .class = FIELD_RECREATE},
                         {.name = "docker.tmpfs", .value = variant & 4 ? "/tmp" : "/run", .class = FIELD_RESTART}};
    size_t n = 4;

    if (variant & 8)
        v[n - 1] = (struct field){.name = "docker.remark", .value = "x", .class = FIELD_NONE};
    return fields_make(a, v, n);
}

static struct policy draw_policy(struct dice *d, enum model_kind kind)
{
    struct policy p = {
        .hot_window_ms = 300000, .cap_percent = 30, .cap_count = 1, .prune = true, .concurrency = 4, .resync_ms = 300000};

    if (kind == MODEL_QUIET)
        return p;
    p.prune = !dice_chance(d, 8);
    p.protect = dice_chance(d, 6);
    p.on_drift = dice_chance(d, 60) ? ON_DRIFT_RECREATE : dice_roll(d, ON_DRIFT_COUNT);
    p.orphans = dice_roll(d, ORPHANS_COUNT);
    p.ghosts = dice_roll(d, GHOSTS_COUNT);
    p.image_updates = dice_chance(d, 60) ? IMAGE_UPDATES_RECREATE : dice_roll(d, IMAGE_UPDATES_COUNT);
    if (dice_chance(d, 10))
        p.hot_window_ms = 0;
    if (dice_chance(d, 50))
        p.cap_percent = 100;
    if (dice_chance(d, 10))
        p.cap_count = dice_roll(d, 4);
    return p;
}

static const char *scope_of(struct arena *a, unsigned agent)
{
    return agent == 0 ? "shared" : arena_printf(a, "agent:a%u", agent);
}

static void fill_desired(struct model *m, struct desired *d, unsigned place, enum model_kind kind)
{
    struct dice *dice = m->dice;
    unsigned agent = dice_roll(dice, 6);
    static const int64_t idles[] = {0, 3600000, 86400000};
    static const int64_t ages[] = {0, 0, 604800000};

    *d = (struct desired){.endpoint = DRAW(dice, endpoints),
                          .name = arena_printf(m->arena, "n%u", place),
                          .kind = dice_roll(dice, RUNTIME_KIND_COUNT),
                          .owner = "OpenClaw/home",
                          .install = DRAW(dice, our_installs),
                          .precreate = dice_chance(dice, 50),
                          .can_remake = !dice_chance(dice, 8),
                          .backend_id = "docker",
                          .image =
                              dice_chance(dice, 80) ? refs[kind == MODEL_QUIET ? dice_roll(dice, 3) : dice_roll(dice, 4)] : NULL,
                          .config_hash = hashes[0],
                          .hash_uncertain = dice_chance(dice, 10) ? "docker.env.FAL_KEY" : NULL,
                          .fields = draw_fields(m->arena, 0),
                          .setup = dice_chance(dice, 30) ? "exit 0" : NULL,
                          .policy = draw_policy(dice, kind),
                          .origin = {.file = "spec.yaml", .line = place + 1, .col = 1}};
    if (d->kind == RUNTIME_SANDBOX) {
        d->owner = arena_printf(m->arena, "Sandbox/n%u", place);
        d->precreate = true;
    } else {
        d->agent_id = agent ? arena_printf(m->arena, "a%u", agent) : NULL;
        d->scope_key = scope_of(m->arena, agent);
    }
    if (kind != MODEL_QUIET) {
        d->idle_ms = DRAW(dice, idles);
        d->max_age_ms = DRAW(dice, ages);
        d->want = dice_chance(dice, 75) ? WANT_RUNNING : dice_roll(dice, WANT_COUNT);
    }
}

/* As the executor's recorder would write it. */
static struct record record_of(const struct model *m, const struct desired *d, int64_t created, int64_t used)
{
    return (struct record){.endpoint = d->endpoint,
                           .name = d->name,
                           .kind = d->kind,
                           .install = d->install,
                           .owner = d->kind == RUNTIME_SANDBOX ? d->owner : NULL,
                           .backend_id = d->backend_id,
                           .runtime_label = d->name,
                           .scope_key = d->scope_key,
                           .created_at_ms = created,
                           .last_used_at_ms = used,
                           .image = d->image,
                           .config_hash = d->config_hash,
                           .version = arena_printf(m->arena, "v%u", m->n_made)};
}

static const char *resolve(const struct model *m, const char *endpoint, const char *ref)
{
    for (size_t i = 0; ref && i < m->n_endpoints; i++)
        if (strcmp(m->endpoints[i].endpoint, endpoint) == 0)
            for (size_t k = 0; k < m->endpoints[i].n_images; k++)
                if (strcmp(m->endpoints[i].images[k].ref, ref) == 0)
                    return m->endpoints[i].images[k].id;
    return NULL;
}

static struct observed runtime_of(struct model *m, const struct desired *d, int64_t created)
{
    return (struct observed){.endpoint = d->endpoint,
                             .name = d->name,
                             .id = arena_printf(m->arena, "id%u", ++m->n_made),
                             .kind = d->kind,
                             .ownership = OWN_OURS,
                             .state = d->want == WANT_RUNNING ? RUN_RUNNING : RUN_STOPPED,
                             .install = d->install,
                             .owner = d->owner,
                             .scope_key = d->scope_key,
                             .config_hash = d->config_hash,
                             .created_at_ms = created,
                             .image_id = resolve(m, d->endpoint, d->image),
                             .image = d->image,
                             .fields_known = true,
                             .fields = d->fields,
                             .busy_known = true};
}

static struct record *new_record(struct model *m)
{
    for (size_t i = 0; i < m->n_records; i++)
        if (!m->records[i].install)
            return &m->records[i];
    if (m->n_records == m->cap_records)
        abort();
    return &m->records[m->n_records++];
}

static struct observed *new_runtime(struct model *m)
{
    if (m->n_runtimes == m->cap_runtimes)
        abort();
    return &m->runtimes[m->n_runtimes++];
}

/* --- worlds ---------------------------------------------------------------------------------------------------------------- */

static void spoil_record(struct model *m, struct record *r)
{
    struct dice *d = m->dice;

    switch (dice_roll(d, 12)) {
    case 0:
        r->config_hash = dice_chance(d, 30) ? NULL : DRAW(d, hashes);
        break;
    case 1:
    case 2:
    case 3:
        r->last_used_at_ms = draw_time(d, m->now_ms);
        break;
    case 4:
    case 5:
        r->created_at_ms = draw_time(d, m->now_ms);
        break;
    case 6:
        r->creating = true;
        break;
    case 7:
        r->setup_failed = true;
        break;
    case 8:
        r->holds_data = true;
        break;
    default:
        break;
    }
}

static void spoil_runtime(struct model *m, struct observed *o)
{
    struct dice *d = m->dice;

    switch (dice_roll(d, 14)) {
    case 0:
    case 1:
        o->state = dice_chance(d, 50) ? RUN_STOPPED : RUN_RUNNING;
        break;
    case 2:
        o->state = RUN_UNKNOWN;
        break;
    case 3:
    case 4:
        o->fields = draw_fields(m->arena, dice_roll(d, 16));
        break;
    case 5:
        o->config_hash = dice_chance(d, 30) ? NULL : DRAW(d, hashes);
        break;
    case 6:
        o->fields_known = false;
        break;
    case 7:
        o->busy = dice_roll(d, 3);
        o->busy_known = dice_chance(d, 80);
        break;
    case 8:
        o->image_id = dice_chance(d, 80) ? "sha256:old" : NULL;
        break;
    case 9:
        o->ownership = OWN_OPENCLAW;
        o->install = NULL;
        break;
    case 10:
        o->ownership = OWN_FOREIGN;
        o->install = NULL;
        break;
    case 11:
        o->install = DRAW(d, any_installs);
        break;
    case 12:
        o->kind = dice_roll(d, RUNTIME_KIND_COUNT);
        break;
    default:
        o->created_at_ms = draw_time(d, m->now_ms);
        break;
    }
}

static void make_endpoints(struct model *m, enum model_kind kind)
{
    struct dice *d = m->dice;

    m->endpoints = ARENA_ARRAY(m->arena, struct observation, N_ENDPOINTS + 1);
    m->last = ARENA_ARRAY(m->arena, struct last_seen, N_ENDPOINTS);
    for (size_t i = 0; i < N_ENDPOINTS; i++) {
        struct observation *o = &m->endpoints[m->n_endpoints];
        const size_t n = sizeof refs / sizeof *refs;

        if (kind != MODEL_QUIET && dice_chance(d, 5))
            continue; /* nobody looked */
        *o = (struct observation){.endpoint = endpoints[i], .ok = kind == MODEL_QUIET || !dice_chance(d, 10)};
        o->why = o->ok ? NULL : "connection refused";
        o->remedy = o->ok ? NULL : "systemctl start docker";
        o->images = ARENA_ARRAY(m->arena, struct image_state, n);
        o->n_images = n;
        for (size_t k = 0; k < n; k++)
            o->images[k] = (struct image_state){.ref = refs[k], .id = image_ids[k]};
        m->n_endpoints++;
        if (kind != MODEL_QUIET && dice_chance(d, 30))
            m->last[m->n_last++] = (struct last_seen){.endpoint = endpoints[i], .n = dice_roll(d, 4)};
    }
    if (kind == MODEL_CHAOS && m->n_endpoints && dice_chance(d, 5)) {
        m->endpoints[m->n_endpoints] = m->endpoints[0];
        m->n_endpoints++;
    }
}

static void make_rules(struct model *m, enum model_kind kind, unsigned n)
{
    struct dice *d = m->dice;

    m->installs = ARENA_ARRAY(m->arena, struct install, 2);
    for (size_t i = 0; i < 2; i++) {
        m->installs[i] = (struct install){
            .id = our_installs[i], .policy = draw_policy(d, kind), .config_ok = kind == MODEL_QUIET || !dice_chance(d, 10)};
        m->installs[i].why = m->installs[i].config_ok ? NULL : "openclaw.json:1:1: no";
    }
    m->n_installs = 2;
    m->pauses = ARENA_ARRAY(m->arena, struct pause, 4);
    m->turns = ARENA_ARRAY(m->arena, struct turn, 4);
    m->cap_grants = 4 + 8 * (size_t)n;
    m->grants = ARENA_ARRAY(m->arena, struct grant, m->cap_grants);
    m->requests = ARENA_ARRAY(m->arena, struct request, 4);
    if (kind == MODEL_QUIET)
        return;
    for (unsigned i = 0; i < 4; i++) {
        const char *endpoint = DRAW(d, endpoints), *name = arena_printf(m->arena, "n%u", dice_roll(d, n));
        static const int64_t ends[] = {TIME_NONE, MODEL_NOW, MODEL_NOW + 1, MODEL_NOW + 60000};
        static const enum act_kind asked[] = {ACT_RECREATE, ACT_PRUNE, ACT_RESEED};

        if (dice_chance(d, 10))
            m->pauses[m->n_pauses++] = (struct pause){.endpoint = dice_chance(d, 90) ? endpoint : NULL,
                                                      .name = dice_chance(d, 80) ? name : NULL,
                                                      .until_ms = DRAW(d, ends)};
        if (dice_chance(d, 15))
            m->turns[m->n_turns++] =
                (struct turn){.endpoint = endpoint, .name = name, .n = dice_roll(d, 6), .last_ms = m->now_ms - 1000};
        if (dice_chance(d, 20))
            m->grants[m->n_grants++] = (struct grant){.endpoint = dice_chance(d, 90) ? endpoint : NULL,
                                                      .name = dice_chance(d, 60) ? name : NULL,
                                                      .allows = dice_roll(d, 8)};
        if (dice_chance(d, 20))
            m->requests[m->n_requests++] = (struct request){
                .endpoint = endpoint, .name = name, .runtime = dice_roll(d, RUNTIME_KIND_COUNT), .kind = DRAW(d, asked)};
    }
}

/* One runtime as it is in practice. */
static void make_usual(struct model *m, unsigned place, enum model_kind kind)
{
    struct dice *dice = m->dice;
    struct desired *d = &m->desired[m->n_desired], shape;
    bool wanted, recorded, there;

    if (kind == MODEL_USUAL && dice_chance(dice, 10)) /* moved, or a name that another had */
        place = dice_roll(dice, place + 1);
    fill_desired(m, &shape, place, kind);
    wanted = kind == MODEL_QUIET || dice_chance(dice, 75);
    recorded = kind == MODEL_QUIET || dice_chance(dice, 75);
    there = kind == MODEL_QUIET || dice_chance(dice, 75);
    if (recorded) {
        struct record *r = new_record(m);

        *r = record_of(m, &shape, m->now_ms - 7200000, m->now_ms - 600000);
        if (!wanted && dice_chance(dice, 80))
            r->unwanted_because = "agent 'x' is gone";
        if (kind != MODEL_QUIET)
            spoil_record(m, r);
    }
    if (there) {
        struct observed *o = new_runtime(m);

        *o = runtime_of(m, &shape, m->now_ms - 7200000);
        if (kind != MODEL_QUIET)
            spoil_runtime(m, o);
    }
    if (wanted) {
        *d = shape;
        m->n_desired++;
    }
}

/* One of each, drawn for itself. */
static void make_chaos(struct model *m, unsigned n)
{
    struct dice *dice = m->dice;
    struct desired shape;

    fill_desired(m, &shape, dice_roll(dice, n), MODEL_CHAOS);
    if (dice_chance(dice, 60))
        m->desired[m->n_desired++] = shape;
    if (dice_chance(dice, 60)) {
        struct record *r = new_record(m);

        fill_desired(m, &shape, dice_roll(dice, n), MODEL_CHAOS);
        *r = record_of(m, &shape, draw_time(dice, m->now_ms), draw_time(dice, m->now_ms));
        r->install = DRAW(dice, any_installs);
        r->unwanted_because = dice_chance(dice, 40) ? "agent 'x' is gone" : NULL;
        r->id = dice_chance(dice, 20) ? arena_printf(m->arena, "id%u", dice_roll(dice, n)) : NULL;
        spoil_record(m, r);
    }
    if (dice_chance(dice, 60)) {
        struct observed *o = new_runtime(m);

        fill_desired(m, &shape, dice_roll(dice, n), MODEL_CHAOS);
        *o = runtime_of(m, &shape, draw_time(dice, m->now_ms));
        spoil_runtime(m, o);
        spoil_runtime(m, o);
        if (dice_chance(dice, 5))
            o->state = RUN_ABSENT;
    }
}

static void reserve(struct model *m, unsigned n)
{
    m->cap_records = m->cap_runtimes = 16 * (size_t)n + 64;
    m->desired = ARENA_ARRAY(m->arena, struct desired, n + 1);
    m->records = ARENA_ARRAY(m->arena, struct record, m->cap_records);
    m->runtimes = ARENA_ARRAY(m->arena, struct observed, m->cap_runtimes);
}

void model_make(struct model *m, struct arena *a, struct dice *dice, enum model_kind kind, unsigned n)
{
    *m = (struct model){.arena = a, .dice = dice, .now_ms = MODEL_NOW};
    n = n ? n : 1;
    reserve(m, n);
    make_endpoints(m, kind);
    make_rules(m, kind, n);
    for (unsigned i = 0; i < n; i++)
        if (kind == MODEL_CHAOS)
            make_chaos(m, n);
        else
            make_usual(m, i, kind);
    if (kind != MODEL_CHAOS)
        model_unique_records(m);
}

static void *duplicate(struct arena *a, const void *v, size_t n, size_t size, size_t room)
{
    void *copy = arena_alloc_array(a, room ? room : 1, size);

    if (n)
        memcpy(copy, v, n * size);
    return copy;
}

#define COPY(field, count, room) to->field = duplicate(a, from->field, from->count, sizeof *from->field, room)

void model_copy(struct model *to, const struct model *from, struct arena *a)
{
    *to = *from;
    to->arena = a;
    COPY(desired, n_desired, from->n_desired);
    COPY(records, n_records, from->cap_records);
    COPY(runtimes, n_runtimes, from->cap_runtimes);
    COPY(endpoints, n_endpoints, from->n_endpoints);
    COPY(installs, n_installs, from->n_installs);
    COPY(pauses, n_pauses, 4);
    COPY(turns, n_turns, 4);
    COPY(grants, n_grants, from->cap_grants);
    COPY(requests, n_requests, 4);
    COPY(last, n_last, from->n_last);
}

/* --- views ----------------------------------------------------------------------------------------------------------------- */

static void shuffle_bytes(struct dice *d, void *v, size_t n, size_t size)
{
    unsigned char *p = v, tmp[512];

    if (size > sizeof tmp)
        abort();
    for (size_t i = n; d && i > 1; i--) {
        size_t k = dice_roll(d, (unsigned)i);

        memcpy(tmp, p + (i - 1) * size, size);
        memcpy(p + (i - 1) * size, p + k * size, size);
        memcpy(p + k * size, tmp, size);
    }
}
#define SHUFFLE(d, v, n) shuffle_bytes((d), (v), (n), sizeof *(v))
#define VIEW(field)                                                                                                              \
    do {                                                                                                                         \
        __typeof__(m->field) v_ = duplicate(a, m->field, m->n_##field, sizeof *m->field, m->n_##field);                          \
        SHUFFLE(d, v_, m->n_##field);                                                                                            \
        ret->field = v_;                                                                                                         \
        ret->n_##field = m->n_##field;                                                                                           \
    } while (0)

void model_world(const struct model *m, struct arena *a, struct dice *d, struct world *ret)
{
    struct observation *seen = duplicate(a, m->endpoints, m->n_endpoints, sizeof *m->endpoints, m->n_endpoints);
    struct record *records = ARENA_ARRAY(a, struct record, m->n_records);

    *ret = (struct world){0};
    VIEW(desired);
    VIEW(installs);
    VIEW(pauses);
    VIEW(turns);
    VIEW(grants);
    VIEW(requests);
    VIEW(last);
    for (size_t i = 0; i < m->n_records; i++)
        if (m->records[i].install)
            records[ret->n_records++] = m->records[i];
    SHUFFLE(d, records, ret->n_records);
    ret->records = records;
    for (size_t i = 0; i < m->n_endpoints; i++) {
        struct observation *o = &seen[i];

        o->v = ARENA_ARRAY(a, struct observed, m->n_runtimes);
        o->n = 0;
        for (size_t k = 0; o->ok && k < m->n_runtimes; k++)
            if (m->runtimes[k].endpoint && strcmp(m->runtimes[k].endpoint, o->endpoint) == 0)
                o->v[o->n++] = m->runtimes[k];
        SHUFFLE(d, o->v, o->n);
        o->images = duplicate(a, o->images, o->n_images, sizeof *o->images, o->n_images);
        SHUFFLE(d, o->images, o->n_images);
    }
    SHUFFLE(d, seen, m->n_endpoints);
    ret->observations = seen;
    ret->n_observations = m->n_endpoints;
}

static int compare_line(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

void model_emit(struct buf *b, const struct model *m)
{
    ARENA_AUTO a = arena_new();
    char **lines = ARENA_ARRAY(a, char *, m->n_records + m->n_runtimes);
    size_t n = 0;

    for (size_t i = 0; i < m->n_runtimes; i++) {
        const struct observed *o = &m->runtimes[i];
        BUF_AUTO fields = BUF_INIT(65536);

        if (!o->endpoint || o->state == RUN_ABSENT)
            continue;
        for (size_t k = 0; k < o->fields.n; k++)
            buf_printf(&fields, " %s=%s", o->fields.v[k].name, o->fields.v[k].value);
        lines[n++] =
            arena_printf(a, "runtime %s/%s %s %s own%d %s hash=%s image=%s%s\n", o->endpoint, o->name, runtime_kind_name(o->kind),
                         run_state_name(o->state), o->ownership, o->install ? o->install : "-",
                         o->config_hash ? o->config_hash : "-", o->image_id ? o->image_id : "-", buf_str(&fields));
    }
    for (size_t i = 0; i < m->n_records; i++) {
        const struct record *r = &m->records[i];

        if (r->install)
            lines[n++] = arena_printf(a, "record %s/%s %s %s hash=%s%s%s%s\n", r->endpoint, r->name, runtime_kind_name(r->kind),
                                      r->install, r->config_hash ? r->config_hash : "-", r->creating ? " creating" : "",
                                      r->setup_failed ? " setup-failed" : "", r->unwanted_because ? " unwanted" : "");
    }
    qsort(lines, n, sizeof *lines, compare_line);
    for (size_t i = 0; i < n; i++)
        buf_puts(b, lines[i]);
}

/* --- acts ------------------------------------------------------------------------------------------------------------------ */

static struct record *find_record(struct model *m, const struct act *act, const char *install)
{
    for (size_t i = 0; i < m->n_records; i++) {
        struct record *r = &m->records[i];

        if (r->install && strcmp(r->install, install) == 0 && r->kind == act->runtime && strcmp(r->name, act->name) == 0 &&
            strcmp(r->endpoint, act->endpoint) == 0)
            return r;
    }
    return NULL;
}

static void drop_records(struct model *m, const struct act *act, const char *install)
{
    struct record *r;

    while ((r = find_record(m, act, install)))
        *r = (struct record){0};
}

static void remove_runtime(struct model *m, const struct act *act)
{
    for (size_t i = 0; act->obs && i < m->n_runtimes; i++)
        if (m->runtimes[i].endpoint && strcmp(m->runtimes[i].id, act->obs->id) == 0 &&
            strcmp(m->runtimes[i].endpoint, act->endpoint) == 0)
            m->runtimes[i].endpoint = NULL;
}

static struct observed *live_runtime(struct model *m, const struct act *act)
{
    for (size_t i = 0; act->obs && i < m->n_runtimes; i++)
        if (m->runtimes[i].endpoint && strcmp(m->runtimes[i].id, act->obs->id) == 0 &&
            strcmp(m->runtimes[i].endpoint, act->endpoint) == 0)
            return &m->runtimes[i];
    return NULL;
}

static void intend(struct model *m, const struct act *act)
{
    struct record *r = find_record(m, act, act->want->install);

    if (!r) {
        r = new_record(m);
        *r = record_of(m, act->want, m->now_ms, TIME_NONE);
        r->config_hash = NULL;
    }
    r->holds_data = !act->want->can_remake; /* of what will be there; what was is kept by now */
    r->creating = true;
}

static void record_done(struct model *m, const struct act *act, int64_t used)
{
    const struct record *old = find_record(m, act, act->want->install);
    struct record r;

    m->n_made++;
    r = record_of(m, act->want, m->now_ms, old && old->last_used_at_ms != TIME_NONE ? old->last_used_at_ms : used);
    drop_records(m, act, act->want->install);
    *new_record(m) = r;
}

/* A runtime that exists by this name makes the create fail: nothing happens. */
static void create_runtime(struct model *m, const struct act *act)
{
    for (size_t i = 0; i < m->n_runtimes; i++)
        if (m->runtimes[i].endpoint && m->runtimes[i].state != RUN_ABSENT && strcmp(m->runtimes[i].name, act->name) == 0 &&
            strcmp(m->runtimes[i].endpoint, act->endpoint) == 0)
            return;
    for (size_t i = 0; i < m->n_runtimes; i++)
        if (m->runtimes[i].endpoint && strcmp(m->runtimes[i].name, act->name) == 0 &&
            strcmp(m->runtimes[i].endpoint, act->endpoint) == 0)
            m->runtimes[i].endpoint = NULL; /* the word of its absence is out of date */
    *new_runtime(m) = runtime_of(m, act->want, m->now_ms);
}

static void patch_runtime(struct model *m, const struct act *act)
{
    struct observed *o = live_runtime(m, act);
    const struct fields want = act->want->fields;

    if (!o)
        return;
    o->fields = want;
    o->fields_known = true;
    if (act->restart)
        o->state = act->want->want == WANT_RUNNING ? RUN_RUNNING : RUN_STOPPED;
}

static void adopt(struct model *m, const struct act *act)
{
    const struct observed *o = act->obs;
    struct record r;

    if (act->want) {
        const struct record *old = find_record(m, act, act->want->install);
        const char *hash = o->config_hash ? o->config_hash : old ? old->config_hash : NULL;

        record_done(m, act, act->runtime == RUNTIME_SANDBOX ? TIME_NONE : m->now_ms);
        find_record(m, act, act->want->install)->config_hash = hash;
        return;
    }
    r = (struct record){.endpoint = act->endpoint,
                        .name = act->name,
                        .kind = act->runtime,
                        .install = act->install,
                        .scope_key = o->scope_key,
                        .created_at_ms = m->now_ms,
                        .last_used_at_ms = act->runtime == RUNTIME_SANDBOX ? TIME_NONE : m->now_ms,
                        .config_hash = o->config_hash,
                        .version = "adopted"};
    *new_record(m) = r;
}

size_t model_apply(struct model *m, const struct act *act, size_t steps)
{
    struct observed *o = live_runtime(m, act);

    switch (act->kind) {
    case ACT_CREATE:
    case ACT_RECREATE:
    case ACT_RESEED:
        if (steps > 0)
            intend(m, act);
        if (steps > 1)
            remove_runtime(m, act);
        if (steps > 2)
            create_runtime(m, act);
        if (steps > 3)
            record_done(m, act, m->now_ms);
        return 4;
    case ACT_START:
    case ACT_STOP:
        if (steps > 0 && o)
            o->state = act->kind == ACT_START ? RUN_RUNNING : RUN_STOPPED;
        return 1;
    case ACT_PATCH:
        if (steps > 0)
            patch_runtime(m, act);
        return 1;
    case ACT_PRUNE:
        if (steps > 0)
            remove_runtime(m, act);
        if (steps > 1)
            drop_records(m, act, act->install);
        return 2;
    case ACT_FORGET:
        if (steps > 0)
            drop_records(m, act, act->install);
        return 1;
    case ACT_ADOPT:
        if (steps > 0)
            adopt(m, act);
        return 1;
    case ACT_HOLD:
    case ACT_REPORT:
    case ACT_KIND_COUNT:
        break;
    }
    return 0;
}

void model_confirm(struct model *m, const struct plan *p)
{
    for (size_t i = 0; i < p->n_acts; i++) {
        const struct act *act = &p->acts[i];
        bool there = false;

        if (act->kind != ACT_HOLD || act->guard != GUARD_UNKNOWN || !act->needs_look)
            continue;
        for (size_t k = 0; k < m->n_runtimes; k++)
            there |= m->runtimes[k].endpoint && strcmp(m->runtimes[k].name, act->name) == 0 &&
                     strcmp(m->runtimes[k].endpoint, act->endpoint) == 0;
        if (!there)
            *new_runtime(m) = (struct observed){.endpoint = act->endpoint, .name = act->name, .id = "", .state = RUN_ABSENT};
    }
}

void model_unique_records(struct model *m)
{
    for (size_t i = 0; i < m->n_records; i++)
        for (size_t k = 0; k < i && m->records[i].install; k++)
            if (m->records[k].install && m->records[k].kind == m->records[i].kind &&
                strcmp(m->records[k].install, m->records[i].install) == 0 &&
                strcmp(m->records[k].endpoint, m->records[i].endpoint) == 0 &&
                strcmp(m->records[k].name, m->records[i].name) == 0)
                m->records[i] = (struct record){0};
}

void model_grant(struct model *m, const char *endpoint, const char *name, unsigned allows)
{
    for (size_t i = 0; i < m->n_grants; i++)
        if (m->grants[i].allows == allows && m->grants[i].endpoint && strcmp(m->grants[i].endpoint, endpoint) == 0 &&
            m->grants[i].name && strcmp(m->grants[i].name, name) == 0)
            return;
    if (m->n_grants == m->cap_grants)
        abort();
    m->grants[m->n_grants++] = (struct grant){.endpoint = endpoint, .name = name, .allows = allows};
}

size_t model_order(struct arena *a, const struct plan *p, struct dice *dice, size_t **ret)
{
    size_t *order = ARENA_ARRAY(a, size_t, p->n_acts), n = 0, n_todo = 0;
    bool *done = ARENA_ARRAY(a, bool, p->n_acts);

    for (size_t i = 0; i < p->n_acts; i++) {
        done[i] = p->acts[i].kind == ACT_HOLD || p->acts[i].kind == ACT_REPORT;
        n_todo += !done[i];
    }
    while (n < n_todo) {
        size_t *ready = ARENA_ARRAY(a, size_t, p->n_acts), n_ready = 0;

        for (size_t i = 0; i < p->n_acts; i++) {
            bool free_to_go = !done[i];

            for (size_t k = 0; free_to_go && k < p->acts[i].n_after; k++)
                free_to_go = p->acts[i].after[k] < p->n_acts && done[p->acts[i].after[k]];
            if (free_to_go)
                ready[n_ready++] = i;
        }
        if (!n_ready)
            return SIZE_MAX;
        order[n] = ready[dice ? dice_roll(dice, (unsigned)n_ready) : 0];
        done[order[n++]] = true;
    }
    *ret = order;
    return n;
}

void model_apply_plan(struct model *m, const struct plan *p, const bool *skip)
{
    ARENA_AUTO a = arena_new();
    bool *left_out = ARENA_ARRAY(a, bool, p->n_acts);
    size_t *order, n = model_order(a, p, m->dice, &order);

    for (size_t i = 0; n != SIZE_MAX && i < n; i++) {
        const struct act *act = &p->acts[order[i]];

        left_out[order[i]] = skip && skip[order[i]];
        for (size_t k = 0; k < act->n_after; k++)
            left_out[order[i]] |= left_out[act->after[k]];
        if (!left_out[order[i]])
            model_apply(m, act, SIZE_MAX);
    }
    m->n_requests = 0; /* a command is for one round */
}
