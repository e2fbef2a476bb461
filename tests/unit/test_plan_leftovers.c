/* plan: what becomes of private workspaces: every row of the table in plan.h, what was left behind before, and retention. */
#include "reconciler/core/plan.h"
#include "spec/base/text.h"
#include "tests/lib/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(v) (sizeof(v) / sizeof *(v))
#define ROOT "/s/sandboxes"
#define REAL "/real/sandboxes"
#define SLUG "agent-a-1b2c3d4e"
#define DIR  ROOT "/" SLUG
#define OLD  RECORD_SUPERSEDED "OpenClaw 2026.9 names it x"
#define HOUR 3600000
#define MOST 8

/* A container and a browser of one scope, both superseded and there. */
struct left {
    struct arena *a;
    struct private_dir dir;
    struct record records[MOST];
    struct observed seen[MOST];
    struct mount_use mounts[MOST];
    struct observation observations[2];
    struct install install;
    struct desired desired;
    struct dir_use use;
    struct leftover leftovers[MOST];
    struct pause pause;
    struct grant grant;
    struct world w;
    struct plan p;
};

static struct record record(struct left *s, const char *name, enum runtime_kind kind)
{
    return (struct record){.endpoint = "docker",
                           .name = name,
                           .kind = kind,
                           .install = OURS,
                           .scope_key = "agent:a",
                           .created_at_ms = NOW - DAY,
                           .last_used_at_ms = NOW - DAY,
                           .unwanted_because = OLD,
                           .dirs = &s->dir,
                           .n_dirs = 1};
}

static struct observed observed(const char *name, enum runtime_kind kind)
{
    return (struct observed){.endpoint = "docker",
                             .name = name,
                             .id = name,
                             .kind = kind,
                             .ownership = OWN_OPENCLAW,
                             .state = RUN_RUNNING,
                             .scope_key = "agent:a",
                             .created_at_ms = NOW - DAY,
                             .busy_known = true};
}

static void begin(struct left *s)
{
    *s = (struct left){.a = arena_new()};
    s->dir = (struct private_dir){.root = ROOT, .slug = SLUG, .real = REAL "/" SLUG};
    s->records[0] = record(s, "b", RUNTIME_BROWSER);
    s->records[1] = record(s, "c", RUNTIME_CONTAINER);
    s->seen[0] = observed("b", RUNTIME_BROWSER);
    s->seen[1] = observed("c", RUNTIME_CONTAINER);
    s->mounts[0] = (struct mount_use){"b", DIR};
    s->mounts[1] = (struct mount_use){"c", DIR};
    s->install = (struct install){.id = OURS, .policy = scene_policy, .config_ok = true};
    s->observations[0] = (struct observation){
        .endpoint = "docker", .ok = true, .v = s->seen, .n = 2, .mounts_known = true, .mounts = s->mounts, .n_mounts = 2};
    s->observations[1] = (struct observation){.endpoint = "podman", .why = "no answer"};
    s->w = (struct world){.records = s->records,
                          .n_records = 2,
                          .observations = s->observations,
                          .n_observations = 1,
                          .installs = &s->install,
                          .n_installs = 1,
                          .desired = &s->desired,
                          .uses = &s->use,
                          .leftovers = s->leftovers,
                          .pauses = &s->pause,
                          .grants = &s->grant};
}

static void end(struct left *s)
{
    arena_free(s->a);
}

/* "b:quarantine c:stays(why)" */
static const char *fates(struct left *s)
{
    BUF_AUTO b = BUF_INIT(65536);

    plan_compute(s->a, &s->w, NOW, &s->p);
    for (size_t i = 0; i < s->p.n_acts; i++) {
        const struct act *act = &s->p.acts[i];

        for (size_t k = 0; k < act->n_dirs; k++) {
            buf_printf(&b, "%s%s:%s", b.n ? " " : "", act->name, dir_fate_name(act->dirs[k].fate));
            if (act->dirs[k].why)
                buf_printf(&b, "(%s)", act->dirs[k].why);
        }
    }
    return arena_strdup(s->a, buf_str(&b));
}

static void nothing(struct left *s)
{
}
static void kept_by_policy(struct left *s)
{
    s->install.policy.on_prune = ON_PRUNE_KEEP;
}
static void doubted(struct left *s)
{
    s->dir.doubt = "it is a link";
}
static void busy_browser(struct left *s)
{
    s->seen[0].busy = 1;
}
static void wanted_again(struct left *s)
{
    s->desired = scene_desired(&(struct scene){.a = s->a});
    s->desired.name = "new";
    s->desired.workspace_dir = DIR;
    s->w.n_desired = 1;
}
static void bound_below(struct left *s)
{
    wanted_again(s);
    s->desired.workspace_dir = "/elsewhere";
    s->desired.agent_workspace_dir = REAL "/" SLUG "/sub";
}
static void mounted(struct left *s, const char *source)
{
    s->mounts[2] = (struct mount_use){"stranger", source};
    s->observations[0].n_mounts = 3;
}
static void mounted_by_a_stranger(struct left *s)
{
    mounted(s, DIR);
}
static void mounted_below_by_its_real_path(struct left *s)
{
    mounted(s, REAL "/" SLUG "/x/y");
}
static void root_mounted(struct left *s)
{
    mounted(s, ROOT);
}
static void above_the_root_mounted(struct left *s)
{
    mounted(s, "/s");
}
static void neighbours_mounted(struct left *s)
{
    mounted(s, DIR "-2");
    s->mounts[3] = (struct mount_use){"stranger", ROOT "/"
                                                       "agent-a-1b2c3d4"};
    s->mounts[4] = (struct mount_use){"stranger", DIR ".x/y"};
    s->observations[0].n_mounts = 5;
}
static void an_agents_workspace(struct left *s)
{
    s->use = (struct dir_use){.path = REAL "/" SLUG, .who = "agent 'z'"};
    s->w.n_uses = 1;
}
static void kept_record(struct left *s)
{
    s->records[2] = record(s, "other", RUNTIME_CONTAINER);
    s->records[2].unwanted_because = NULL;
    s->seen[2] = observed("other", RUNTIME_CONTAINER);
    s->w.n_records = 3;
    s->observations[0].n = 3;
}
static void unknown_endpoint(struct left *s)
{
    s->w.n_observations = 2;
}
static void unknown_mounts(struct left *s)
{
    s->observations[0].mounts_known = false;
}
static void unknown_release(struct left *s)
{
    s->install.release_unknown = "2027.1";
}
static void protect(struct left *s)
{
    s->install.policy.protect = true;
}
static void over_the_cap(struct left *s)
{
    s->install.policy.cap_percent = 0;
}
static void no_prune(struct left *s)
{
    s->install.policy.prune = false;
}

static void every_row_of_the_table(void **state)
{
    static const struct {
        void (*tweak)(struct left *s);
        const char *want;
    } rows[] = {
        {nothing, "b:quarantine c:quarantine"},
        {kept_by_policy, "b:stays(by policy) c:stays(by policy)"},
        {doubted, "b:stays(it is a link) c:stays(it is a link)"},
        {busy_browser, "b:quarantine c:stays(still used by docker/b)"},
        {wanted_again, "b:stays(still used by docker/new, which is wanted) c:stays(still used by docker/new, which is wanted)"},
        {bound_below, "b:stays(still used by docker/new, which is wanted) c:stays(still used by docker/new, which is wanted)"},
        {mounted_by_a_stranger, "b:stays(still used by docker/stranger) c:stays(still used by docker/stranger)"},
        {mounted_below_by_its_real_path, "b:stays(still used by docker/stranger) c:stays(still used by docker/stranger)"},
        {root_mounted, "b:stays(still used by docker/stranger) c:stays(still used by docker/stranger)"},
        {above_the_root_mounted, "b:quarantine c:quarantine"},
        {neighbours_mounted, "b:quarantine c:quarantine"},
        {an_agents_workspace, "b:stays(still used by agent 'z') c:stays(still used by agent 'z')"},
        {kept_record, "b:stays(still used by docker/other) c:stays(still used by docker/other)"},
        {unknown_endpoint, "b:waits(endpoint podman is unknown) c:waits(endpoint podman is unknown)"},
        {unknown_mounts, "b:waits(what is mounted on endpoint docker is not known) c:waits(what is mounted on endpoint docker is "
                         "not known)"},
        {unknown_release, "b:stays(its OpenClaw is of a release that is not known) c:stays(its OpenClaw is of a release that is "
                          "not known)"},
        /* Held: what will become of it when it goes, with all that is due. */
        {protect, "b:quarantine c:quarantine"},
        {over_the_cap, "b:quarantine c:quarantine"},
        {no_prune, ""},
    };

    for (size_t i = 0; i < N(rows); i++) {
        struct left s;

        begin(&s);
        if (rows[i].tweak == unknown_endpoint)
            s.w.desired = NULL;
        rows[i].tweak(&s);
        if (rows[i].tweak == unknown_endpoint) {
            s.records[2] = (struct record){.endpoint = "podman", .name = "p", .kind = RUNTIME_CONTAINER, .install = OURS};
            s.w.n_records = 3;
        }
        const char *got = fates(&s);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s", i, got);
        for (size_t k = 0; k < s.p.n_acts; k++)
            if (s.p.acts[k].n_dirs > 0)
                assert_true(s.p.acts[k].superseded);
        end(&s);
    }
}

static void what_is_still_wanted_leaves_nothing_behind(void **state)
{
    struct left s;

    begin(&s);
    wanted_again(&s);
    s.desired.name = "c"; /* whatever is done to it now: its next use comes back */
    s.desired.config_hash = NULL;
    s.records[1].unwanted_because = NULL;
    assert_string_equal(fates(&s), "b:stays(still used by docker/c, which is wanted)");
    end(&s);
}

/* --- what was left behind before ------------------------------------------------------------------------------------------- */

static struct leftover *leave(struct left *s, enum leftover_state state, const char *entry, int64_t at_ms)
{
    struct leftover *l = &s->leftovers[s->w.n_leftovers++];

    *l = (struct leftover){.state = state,
                           .install = OURS,
                           .root = ROOT,
                           .slug = SLUG,
                           .entry = entry,
                           .endpoint = "docker",
                           .runtime = "gone",
                           .kind = RUNTIME_CONTAINER,
                           .reason = OLD,
                           .at_ms = at_ms,
                           .bytes = 100,
                           .real = REAL "/" SLUG};
    return l;
}

/* "quarantine(why) collect!(why)": with ! it is held. */
static const char *moves(struct left *s)
{
    BUF_AUTO b = BUF_INIT(65536);

    plan_compute(s->a, &s->w, NOW, &s->p);
    for (size_t i = 0; i < s->p.n_moves; i++)
        buf_printf(&b, "%s%s%s(%s)", b.n ? " " : "", move_kind_name(s->p.moves[i].kind), s->p.moves[i].held ? "!" : "",
                   s->p.moves[i].why);
    return arena_strdup(s->a, buf_str(&b));
}

static void only_left(struct left *s)
{
    begin(s);
    s->w.n_records = 0;
    s->observations[0].n = s->observations[0].n_mounts = 0;
    leave(s, LEFTOVER_LEAVING, "e", NOW - HOUR);
}

static void still_there(struct left *s)
{
    s->leftovers[0].runtime = "c";
    s->w.n_records = s->observations[0].n = 2;
}
static void there_after_all(struct left *s)
{
    still_there(s);
    s->records[0].unwanted_because = s->records[1].unwanted_because = NULL;
}
static void other_goes_later(struct left *s)
{
    still_there(s);
    s->leftovers[0].runtime = "gone";
}
static void pause_all(struct left *s)
{
    s->pause = (struct pause){.until_ms = TIME_NONE};
    s->w.n_pauses = 1;
}
static void no_install(struct left *s)
{
    s->leftovers[0].install = THEIRS;
}
static void scope_again(struct left *s)
{
    s->leftovers[0].lives = "agent 'a'";
}
static void broken_config(struct left *s)
{
    s->install.config_ok = false;
}

static void an_intent_is_finished_held_or_dropped(void **state)
{
    static const struct {
        void (*tweak)(struct left *s);
        const char *want;
    } rows[] = {
        {nothing, "quarantine(left behind by docker/gone, removed because " OLD ")"},
        {still_there, ""}, /* its prune is in the plan */
        {there_after_all, "drop(its runtime is there after all, and stays)"},
        {other_goes_later, "quarantine(left behind by docker/gone, removed because " OLD ")"},
        {scope_again, "drop(its scope is that of agent 'a' again)"},
        {kept_by_policy, "drop(by policy it stays where it is)"},
        {wanted_again, "drop(it is used by docker/new, which is wanted)"},
        {an_agents_workspace, "drop(it is used by agent 'z')"},
        {kept_record, "drop(it is used by docker/other)"},
        {pause_all, "quarantine!(all is paused)"},
        {no_install, "quarantine!(its OpenClaw is not looked at now)"},
        {broken_config, "quarantine!(the specs do not load, the last good ones are in force)"},
        {unknown_release, "quarantine!(its OpenClaw is of a release that is not known: 2027.1)"},
        {unknown_mounts, "quarantine!(what is mounted on endpoint docker is not known)"},
    };

    for (size_t i = 0; i < N(rows); i++) {
        struct left s;

        only_left(&s);
        rows[i].tweak(&s);
        if (rows[i].tweak == kept_record) {
            s.records[0] = s.records[2];
            s.seen[0] = s.seen[2];
            s.w.n_records = s.observations[0].n = 1;
        }
        const char *got = moves(&s);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s", i, got);
        end(&s);
    }
}

static void a_strangers_mount_holds_an_intent_and_does_not_void_it(void **state)
{
    struct left s;

    only_left(&s);
    s.mounts[0] = (struct mount_use){"stranger", DIR};
    s.observations[0].n_mounts = 1;
    assert_string_equal(moves(&s), "quarantine!(it is used by docker/stranger)");
    assert_true(plan_is_empty(&s.p));
    end(&s);
}

/* --- retention ------------------------------------------------------------------------------------------------------------- */

static void three_kept(struct left *s)
{
    begin(s);
    s->w.n_records = 0;
    s->observations[0].n = s->observations[0].n_mounts = 0;
    leave(s, LEFTOVER_KEPT, "new", NOW - 1 * DAY); /* in any order */
    leave(s, LEFTOVER_KEPT, "old", NOW - 3 * (int64_t)DAY);
    leave(s, LEFTOVER_KEPT, "mid", NOW - 2 * (int64_t)DAY);
}

static void retention_takes_the_oldest_and_nothing_unasked(void **state)
{
    static const struct {
        int64_t ms;
        uint64_t bytes;
        unsigned count;
        const char *want;
    } rows[] = {
        {0, 0, 0, ""},
        {3 * (int64_t)DAY + 1, 0, 0, ""},
        {3 * (int64_t)DAY, 0, 0, "collect old"},
        {2 * (int64_t)DAY, 0, 0, "collect old, collect mid"},
        {0, 300, 0, ""},
        {0, 299, 0, "collect old"},
        {0, 100, 0, "collect old, collect mid"},
        {0, 0, 3, ""},
        {0, 0, 2, "collect old"},
        {0, 0, 1, "collect old, collect mid"},
        {3 * (int64_t)DAY, 200, 2, "collect old"}, /* what goes by one counts for all */
    };

    for (size_t i = 0; i < N(rows); i++) {
        struct left s;
        BUF_AUTO b = BUF_INIT(4096);

        three_kept(&s);
        s.install.policy.retain_ms = rows[i].ms;
        s.install.policy.retain_bytes = rows[i].bytes;
        s.install.policy.retain_count = rows[i].count;
        (void)moves(&s);
        for (size_t k = 0; k < s.p.n_moves; k++)
            buf_printf(&b, "%s%s%s %s", k ? ", " : "", move_kind_name(s.p.moves[k].kind), s.p.moves[k].held ? "!" : "",
                       s.p.moves[k].leftover->entry);
        if (strcmp(buf_str(&b), rows[i].want) != 0)
            fail_msg("row %zu: %s", i, buf_str(&b));
        assert_int_equal(plan_is_empty(&s.p), rows[i].want[0] == '\0');
        end(&s);
    }
}

static void retention_comes_due_by_timer(void **state)
{
    struct left s;

    three_kept(&s);
    s.install.policy.retain_ms = 3 * (int64_t)DAY + 5;
    assert_string_equal(moves(&s), "");
    assert_true(s.p.next_due_ms == NOW + 5);
    end(&s);
}

static void over_the_cap_nothing_is_deleted_but_what_was_begun(void **state)
{
    struct left s;

    three_kept(&s);
    s.install.policy.retain_ms = 2 * (int64_t)DAY;
    s.install.policy.cap_percent = 30; /* of three: the count, 1 */
    (void)moves(&s);
    assert_int_equal(s.p.n_moves, 2);
    assert_true(s.p.moves[0].held && s.p.moves[1].held);
    assert_non_null(strstr(s.p.moves[0].why, "2 of 3 in quarantine are due, and 1 may go in one round without a word"));
    assert_string_equal(s.p.moves[0].remedy, "reconclaw apply --allow-removals");
    s.install.policy.cap_count = 2;
    assert_null(strstr(moves(&s), "!"));
    s.install.policy.cap_count = 1;
    s.leftovers[1].state = LEFTOVER_GOING;
    assert_null(strstr(moves(&s), "!")); /* one was begun, one is due */
    s.leftovers[1].state = LEFTOVER_KEPT;
    s.grant = (struct grant){.allows = GRANT_CAP};
    s.w.n_grants = 1;
    assert_null(strstr(moves(&s), "!"));
    s.grant.endpoint = "docker"; /* of removals there alone */
    assert_non_null(strstr(moves(&s), "!"));
    s.grant.endpoint = NULL;
    s.install.config_ok = false;
    assert_null(strstr(moves(&s), "collect("));
    s.install.config_ok = true;
    pause_all(&s);
    assert_null(strstr(moves(&s), "collect("));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table),
        cmocka_unit_test(what_is_still_wanted_leaves_nothing_behind),
        cmocka_unit_test(an_intent_is_finished_held_or_dropped),
        cmocka_unit_test(a_strangers_mount_holds_an_intent_and_does_not_void_it),
        cmocka_unit_test(retention_takes_the_oldest_and_nothing_unasked),
        cmocka_unit_test(retention_comes_due_by_timer),
        cmocka_unit_test(over_the_cap_nothing_is_deleted_but_what_was_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
