#include "reconciler/daemon.h"

#include "reconciler/act.h"
#include "reconciler/approvals.h"
#include "reconciler/follow.h"
#include "reconciler/load.h"
#include "reconciler/pauses.h"
#include "reconciler/report.h"
#include "reconciler/round.h"
#include "reconciler/teller.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "watch/settle.h"
#include "watch/watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define RELOADS_MOST   3    /* while files change under us; then they settle first */
#define RETRY_FIRST_MS 1000 /* after a round with a failure */
#define RETRY_MOST_MS  60000
#define LOCK_TRIES     20    /* `status` asks for the lock, for a moment */
#define ROUND_LOCK_MS  60000 /* another reconclaw is acting */
#define BUSY_AGAIN_MS  5000  /* the end of an exec is told by no one */
/* Longer than all deadlines of a look, and of the slowest step of an act with its tries: a round that shows nothing for so long
 * hangs in spite of them. */
#define STUCK_LOOK_MS (10 * 60000)
#define STUCK_ACT_MS  (EXECUTOR_TRIES * EXECUTOR_SETUP_MS + STUCK_LOOK_MS)

/* One round in its thread. Filled by the loop before it starts, read by the loop after it has ended. */
struct running {
    struct daemon *d;
    struct load *load;
    uint64_t generation; /* of `load` */
    bool deep;
    pthread_t thread;
    bool active, stuck;
    atomic_bool acting;
    _Atomic int64_t progress_ms; /* monotonic: when something last began or ended */
    struct round *round;         /* NULL: it could not be made, see err */
    struct act_report report;
    struct err err;
};

struct daemon {
    struct cli *cli;
    sd_event *event;
    sd_event_source *timer;
    struct store store;
    struct journal *journal;
    struct watch *watch;
    struct follow *follow;
    struct endpoint_opener opener;
    struct settle settle;
    struct load *load;  /* in force: good, or with last good parts */
    struct load *files; /* what the files hold now; the same as `load` where that is good */
    struct report_service service;
    struct running run;
    int done_fd, hint_fd;
    atomic_bool cancel;
    bool stopping, again, again_deep;
    struct arena *sources_arena; /* NULL: none were watched yet */
    const char **sources;        /* local directories whose changes go to other hosts */
    size_t n_sources;
    bool watch_blind;      /* some path could not be watched: told once */
    int64_t next_due_ms;   /* wall clock; TIME_NONE */
    int64_t next_audit_ms; /* monotonic */
    int64_t retry_ms;      /* monotonic; TIME_NONE: no retry is due */
    int64_t backoff_ms;
    struct teller *teller;
};

static void note(struct daemon *d, const struct journal_entry *entry)
{
    struct err e;

    if (d->journal && journal_append(d->journal, entry, NULL, &e) < 0)
        teller_say(d->teller, "journal: %s", e.msg);
}

/* --- the round, in its thread
 * -------------------------------------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct act *act, const struct act_ended *ended)
{
    struct running *run = ctx;

    atomic_store(&run->progress_ms, host_monotonic_ms());
    teller_act(run->d->teller, act, ended);
}

static void *run_round(void *arg)
{
    struct running *run = arg;
    struct daemon *d = run->d;
    const struct round_conf look = {
        .host = &d->cli->host, .store = &d->store, .load = run->load, .deep = run->deep, .cancel = &d->cancel};
    const struct act_conf act = {.host = &d->cli->host,
                                 .store = &d->store,
                                 .journal = d->journal,
                                 .cancel = &d->cancel,
                                 .progress = on_progress,
                                 .ctx = run};
    const uint64_t one = 1;
    int lock_fd = -1;

    if (store_lock(&d->store, ROUND_LOCK_MS, &d->cancel, &lock_fd, &run->err) == 0 &&
        round_look(&look, &run->round, &run->err) == 0) {
        atomic_store(&run->progress_ms, host_monotonic_ms());
        atomic_store(&run->acting, true);
        act_execute(&act, run->round, &run->report);
    }
    if (lock_fd >= 0)
        (void)close(lock_fd);
    (void)!write(d->done_fd, &one, sizeof one);
    return NULL;
}

static void start_round(struct daemon *d, bool deep)
{
    if (d->stopping)
        return;
    if (d->run.active) {
        d->again = true;
        d->again_deep = d->again_deep || deep;
        return;
    }
    /* The thread gets its own reference counted before it starts; counts change on the loop's thread only. */
    d->run = (struct running){
        .d = d, .load = load_ref(d->load), .generation = d->service.generation, .deep = deep, .progress_ms = host_monotonic_ms()};
    d->retry_ms = TIME_NONE;
    if (pthread_create(&d->run.thread, NULL, run_round, &d->run) != 0) {
        load_unref(d->run.load);
        d->retry_ms = host_monotonic_ms() + RETRY_FIRST_MS;
        teller_say(d->teller, "round: no thread could be started; trying again");
        return;
    }
    d->run.active = true;
}

/* --- timers
 * ---------------------------------------------------------------------------------------------------------------------------- */

static int64_t audit_interval_ms(const struct daemon *d)
{
    int64_t interval = d->load->specs.policy.resync_ms;
    uint32_t random = host_random();

    if (interval <= 0)
        interval = 300000;
    /* A tenth more or less, so that many daemons do not ask at once. */
    return interval + ((int64_t)(random % 2001) - 1000) * interval / 10000;
}

static int64_t stuck_at_ms(const struct daemon *d)
{
    if (!d->run.active || d->run.stuck)
        return INT64_MAX;
    return atomic_load(&d->run.progress_ms) + (atomic_load(&d->run.acting) ? STUCK_ACT_MS : STUCK_LOOK_MS);
}

/* A loop that turns while its round hangs is no sign of life: then the watchdog hears nothing more, and whoever set it restarts
 * us. */
static void look_for_stuck(struct daemon *d)
{
    if (host_monotonic_ms() < stuck_at_ms(d))
        return;
    d->run.stuck = true;
    teller_say(d->teller, "round %llu hangs beyond every deadline", (unsigned long long)d->service.rounds + 1);
    (void)sd_event_set_watchdog(d->event, 0);
}

/* One timer for all that is due. The loop sleeps until then: nothing polls. */
static void arm_timer(struct daemon *d)
{
    int64_t now = host_monotonic_ms(), at = d->next_audit_ms;
    int64_t settle = settle_due_ms(&d->settle);

    if (settle < at)
        at = settle;
    if (d->retry_ms != TIME_NONE && d->retry_ms < at)
        at = d->retry_ms;
    if (d->next_due_ms != TIME_NONE) {
        int64_t due = num_add_i64(now, d->next_due_ms - host_now_ms());

        if (due < at)
            at = due;
    }
    if (stuck_at_ms(d) < at)
        at = stuck_at_ms(d);
    if (at < now)
        at = now;
    (void)sd_event_source_set_time(d->timer, (uint64_t)at * 1000);
    (void)sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
}

/* --- files
 * -------------------------------------------------------------------------------------------------------------------------------
 */

static void set_watch(struct daemon *d, const struct load *l)
{
    const size_t n = l->n_watch + 2 + d->n_sources;
    struct watch_target *v = calloc(n, sizeof *v);
    struct err e;

    if (!v)
        abort();
    memcpy(v, l->watch, l->n_watch * sizeof *v);
    ARENA_AUTO a = arena_new();
    /* Pauses and approvals are made by other processes. */
    v[l->n_watch] = (struct watch_target){.path = home_key_path(d->store.home, a, PAUSES_KEY)};
    v[l->n_watch + 1] = (struct watch_target){.path = home_key_path(d->store.home, a, APPROVALS_KEY)};
    for (size_t i = 0; i < d->n_sources; i++)
        v[l->n_watch + 2 + i] = (struct watch_target){.path = d->sources[i], .is_dir = true};
    if (watch_set(d->watch, v, n, &e) < 0) {
        if (!d->watch_blind)
            teller_say(d->teller, "%s; what changes there is seen by the slow audit only", e.msg);
        d->watch_blind = true;
    } else {
        d->watch_blind = false;
    }
    free(v);
}

/* What workspaces that follow a local directory are seeded from. What changes deeper in it is seen by the next audit. */
static void watch_sources(struct daemon *d, const struct round *r)
{
    ARENA_AUTO a = arena_new();
    const char *const *v;
    size_t n = compare_sources(a, r, &v);
    bool same = n == d->n_sources;

    for (size_t i = 0; i < n && same; i++)
        same = strcmp(v[i], d->sources[i]) == 0;
    if (same)
        return;
    arena_free(d->sources_arena);
    d->sources_arena = arena_new();
    d->sources = ARENA_ARRAY(d->sources_arena, const char *, n);
    for (size_t i = 0; i < n; i++)
        d->sources[i] = arena_strdup(d->sources_arena, v[i]);
    d->n_sources = n;
    set_watch(d, d->load);
    /* What was changed before the watch stood was not told. */
    settle_hint(&d->settle, host_monotonic_ms());
}

static void tell_broken(struct daemon *d, struct load *now)
{
    BUF_AUTO b = BUF_INIT(1u << 20);
    BUF_AUTO first = BUF_INIT(1u << 20); /* of the errors: where it is and what */

    for (size_t i = 0; i < now->diags.n; i++) {
        buf_clear(&b);
        diag_format(&b, &now->diags.v[i]);
        teller_say(d->teller, "config: %s", buf_str(&b));
        if (first.n == 0 && now->diags.v[i].level == DIAG_ERROR)
            buf_puts(&first, buf_str(&b));
    }
    if (now->diags.n_errors > 1)
        buf_printf(&first, " (and %zu more)", now->diags.n_errors - 1);
    teller_say(d->teller, "config: does not load; %s",
               d->load && d->service.generation > 0 ? "the last good one stays in force" : "nothing is in force yet");
    note(d, &(struct journal_entry){
                .time_ms = host_now_ms(), .event = JOURNAL_CONFIG_ERROR, .message = first.n ? buf_str(&first) : NULL});
}

static void tell_good(struct daemon *d, const struct load *now, bool was_broken)
{
    teller_say(d->teller, "specs loaded: generation %llu%s", (unsigned long long)d->service.generation,
               was_broken ? ", specs are good again" : "");
    note(d, &(struct journal_entry){.time_ms = host_now_ms(), .event = JOURNAL_CONFIG, .reason = now->digest});
}

static bool same_errors(const struct diags *x, const struct diags *y)
{
    BUF_AUTO a = BUF_INIT(1u << 20);
    BUF_AUTO b = BUF_INIT(1u << 20);

    for (size_t i = 0; i < x->n; i++)
        diag_format(&a, &x->v[i]);
    for (size_t i = 0; i < y->n; i++)
        diag_format(&b, &y->v[i]);
    return text_eq(buf_str(&a), buf_str(&b));
}

/* Arm, then read: what changes between the two gives a hint, and is read by the next turn of the loop here or later. */
static void reload(struct daemon *d)
{
    struct load *now = NULL;
    bool was_broken = d->files && !load_is_good(d->files);

    for (int i = 0; i < RELOADS_MOST; i++) {
        struct load *l = load_read(&d->cli->host, d->cli->args, d->cli->n_args, d->load);

        load_unref(now);
        now = l;
        set_watch(d, now);
        if (!watch_drain(d->watch))
            break;
        if (i + 1 == RELOADS_MOST)
            settle_hint(&d->settle, host_monotonic_ms());
    }
    bool changed = !d->files || strcmp(d->files->digest, now->digest) != 0 || load_is_good(d->files) != load_is_good(now) ||
                   !same_errors(&d->files->diags, &now->diags);
    if (changed && load_is_good(now)) {
        d->service.generation++;
        tell_good(d, now, was_broken);
    } else if (changed) {
        tell_broken(d, now);
    }
    load_unref(d->files);
    d->files = load_ref(now);
    load_unref(d->load);
    d->load = now; /* where it is broken it carries the last good parts */
    d->service.broken = load_is_good(now) ? NULL : d->files;
}

/* --- after a round
 * ----------------------------------------------------------------------------------------------------------------------- */

static void follow_endpoints(struct daemon *d, const struct round *r)
{
    const char **names = calloc(r->n_looks ? r->n_looks : 1, sizeof *names);

    if (!names)
        abort();
    for (size_t i = 0; i < r->n_looks; i++)
        names[i] = r->looks[i].endpoint;
    follow_set(d->follow, names, r->n_looks);
    free(names);
}

static bool is_applied(const struct round *r, const struct act_report *report)
{
    return !r->blocked && r->plan.n_unknown == 0 && r->plan.count[ACT_HOLD] == 0 && report->n_failed == 0 &&
           report->n_held == 0 && report->n_cancelled == 0;
}

static void write_report(struct daemon *d, const struct round *r, const struct act_report *report)
{
    ARENA_AUTO a = arena_new();
    const char *text = node_json(a, report_node(a, &d->service, r, report));
    struct err e;

    if (home_put_soft(d->store.home, REPORT_KEY, text, strlen(text), &e) < 0)
        teller_say(d->teller, "writing the status: %s", e.msg);
}

static void schedule(struct daemon *d, const struct round *r, bool failed)
{
    int64_t now = host_monotonic_ms();

    d->next_due_ms = r ? r->plan.next_due_ms : TIME_NONE;
    d->next_audit_ms = now + audit_interval_ms(d);
    for (size_t i = 0; r && i < r->plan.n_acts; i++)
        if (r->plan.acts[i].kind == ACT_HOLD && r->plan.acts[i].guard == GUARD_BUSY)
            d->next_due_ms = d->next_due_ms == TIME_NONE || d->next_due_ms > r->now_ms + BUSY_AGAIN_MS
                                 ? host_now_ms() + BUSY_AGAIN_MS
                                 : d->next_due_ms;
    if (failed) {
        d->backoff_ms = d->backoff_ms == 0                  ? RETRY_FIRST_MS
                        : d->backoff_ms < RETRY_MOST_MS / 2 ? 2 * d->backoff_ms
                                                            : RETRY_MOST_MS;
        d->retry_ms = now + d->backoff_ms;
    } else {
        d->backoff_ms = 0;
        d->retry_ms = TIME_NONE;
    }
}

/* A registry that cannot be read is looked at again by itself: a lock that goes leaves no trace to be watched. */
static bool has_undriven(const struct round *r)
{
    for (size_t i = 0; i < r->n_openclaws; i++)
        if (!r->openclaws[i].driven)
            return true;
    return false;
}

static void end_round(struct daemon *d)
{
    struct running *run = &d->run;
    struct round *r = run->round;
    bool failed;

    (void)pthread_join(run->thread, NULL);
    run->active = false;
    if (run->stuck)
        (void)sd_event_set_watchdog(d->event, 1);
    d->service.rounds++;
    d->service.round_error = r ? NULL : run->err.msg;
    failed = !r || run->report.n_failed > 0 || r->plan.n_unknown > 0 || run->report.n_held > 0 || has_undriven(r);
    if (r) {
        teller_round(d->teller, d->service.rounds, r, &run->report);
        if (run->report.journal_error)
            teller_say(d->teller, "journal: %s", run->report.journal_error);
        follow_endpoints(d, r);
        watch_sources(d, r);
        if (is_applied(r, &run->report))
            d->service.applied_generation = run->generation;
    } else if (run->err.class != ERR_CANCELLED) {
        teller_no_round(d->teller, run->err.msg);
    }
    schedule(d, r, failed);
    write_report(d, r, r ? &run->report : NULL);
    (void)sd_notifyf(0, "STATUS=generation %llu in force, %zu held, %zu failed", (unsigned long long)d->service.generation,
                     r ? r->plan.count[ACT_HOLD] : 0, r ? run->report.n_failed : 0);
    round_free(r);
    load_unref(run->load);
    run->round = NULL;
    d->service.round_error = NULL;
    if (d->stopping) {
        (void)sd_event_exit(d->event, EXIT_OK);
        return;
    }
    if (d->again) {
        bool deep = d->again_deep;

        d->again = d->again_deep = false;
        start_round(d, deep);
    }
}

/* --- the loop
 * ------------------------------------------------------------------------------------------------------------------------------
 */

static int on_files(sd_event_source *s, int fd, uint32_t events, void *ctx)
{
    struct daemon *d = ctx;

    if (watch_drain(d->watch))
        settle_hint(&d->settle, host_monotonic_ms());
    arm_timer(d);
    return 0;
}

static int on_engine(sd_event_source *s, int fd, uint32_t events, void *ctx)
{
    struct daemon *d = ctx;
    uint64_t n;

    if (read(fd, &n, sizeof n) > 0)
        settle_hint(&d->settle, host_monotonic_ms());
    arm_timer(d);
    return 0;
}

static int on_done(sd_event_source *s, int fd, uint32_t events, void *ctx)
{
    struct daemon *d = ctx;
    uint64_t n;

    if (read(fd, &n, sizeof n) > 0 && d->run.active)
        end_round(d);
    arm_timer(d);
    return 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *ctx)
{
    struct daemon *d = ctx;
    int64_t now = host_monotonic_ms();
    bool settled = settle_take(&d->settle, now), audit = now >= d->next_audit_ms;

    look_for_stuck(d);
    if (settled || audit) {
        reload(d);
        start_round(d, audit);
    } else if (d->retry_ms != TIME_NONE && now >= d->retry_ms) {
        reload(d);
        start_round(d, false);
    } else if (d->next_due_ms != TIME_NONE && host_now_ms() >= d->next_due_ms) {
        d->next_due_ms = TIME_NONE;
        start_round(d, false);
    }
    if (audit)
        d->next_audit_ms = now + audit_interval_ms(d);
    arm_timer(d);
    return 0;
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *info, void *ctx)
{
    struct daemon *d = ctx;

    if (info->ssi_signo == SIGHUP) {
        teller_say(d->teller, "asked to look at everything again");
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)host_monotonic_ms() * 1000);
        reload(d);
        start_round(d, true);
        arm_timer(d);
        (void)sd_notify(0, "READY=1");
        return 0;
    }
    teller_say(d->teller, "stopping");
    (void)sd_notify(0, "STOPPING=1");
    d->stopping = true;
    atomic_store(&d->cancel, true);
    if (!d->run.active)
        (void)sd_event_exit(d->event, EXIT_OK);
    return 0;
}

static int lock_home(struct daemon *d, struct err *e)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (home_lock(d->store.home, "run", e) == 0)
            return 0;
        if (e->class != ERR_BUSY)
            break;
        file_pause_ms(100);
    }
    return -1;
}

static int open_all(struct daemon *d, struct err *e)
{
    if (store_open(&d->cli->host, true, &d->store, e) < 0 || lock_home(d, e) < 0 ||
        journal_open(d->store.home, 0, &d->journal, e) < 0 || watch_new(&d->watch, e) < 0)
        return -1;
    d->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    d->hint_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->done_fd < 0 || d->hint_fd < 0)
        return err_sys(e, ERR_IO, errno, "creating an eventfd");
    d->opener = (struct endpoint_opener){.host = &d->cli->host, .state_dir = d->cli->host.home_dir, .install = d->store.install};
    d->follow = follow_new(&d->opener, d->hint_fd);
    return 0;
}

static int set_up_loop(struct daemon *d, struct err *e)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    sigset_t mask;
    int r = sd_event_default(&d->event);

    sigemptyset(&mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&mask, signals[i]);
    /* Before any thread: all of them leave signals to the loop. */
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    for (size_t i = 0; r >= 0 && i < sizeof signals / sizeof signals[0]; i++)
        r = sd_event_add_signal(d->event, NULL, signals[i], on_signal, d);
    if (r >= 0)
        r = sd_event_add_io(d->event, NULL, watch_fd(d->watch), EPOLLIN, on_files, d);
    if (r >= 0)
        r = sd_event_add_io(d->event, NULL, d->done_fd, EPOLLIN, on_done, d);
    if (r >= 0)
        r = sd_event_add_io(d->event, NULL, d->hint_fd, EPOLLIN, on_engine, d);
    if (r >= 0)
        r = sd_event_add_time(d->event, &d->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, d);
    if (r >= 0)
        r = sd_event_set_watchdog(d->event, 1);
    return r < 0 ? err_sys(e, ERR_IO, -r, "setting up the event loop") : 0;
}

static void close_all(struct daemon *d)
{
    follow_free(d->follow);
    sd_event_source_unref(d->timer);
    sd_event_unref(d->event);
    watch_free(d->watch);
    arena_free(d->sources_arena);
    journal_close(d->journal);
    store_close(&d->store);
    load_unref(d->load);
    load_unref(d->files);
    teller_free(d->teller);
    if (d->done_fd > 0)
        (void)close(d->done_fd);
    if (d->hint_fd > 0)
        (void)close(d->hint_fd);
}

int daemon_run(struct cli *cli)
{
    struct daemon d = {.cli = cli,
                       .next_due_ms = TIME_NONE,
                       .retry_ms = TIME_NONE,
                       .done_fd = -1,
                       .hint_fd = -1,
                       .teller = teller_new(cli->err)};
    struct err e = {0};
    int code;

    d.service = (struct report_service){.pid = getpid(), .started_ms = host_now_ms()};
    if (open_all(&d, &e) < 0 || set_up_loop(&d, &e) < 0) {
        code = cli_fail(cli, &e);
        close_all(&d);
        return code;
    }
    note(&d, &(struct journal_entry){.time_ms = host_now_ms(), .event = JOURNAL_START, .reason = "run"});
    reload(&d);
    d.next_audit_ms = host_monotonic_ms() + audit_interval_ms(&d);
    /* The first round believes no memo: whatever happened while nobody looked is found. */
    start_round(&d, true);
    arm_timer(&d);
    (void)sd_notify(0, "READY=1");
    code = sd_event_loop(d.event);
    if (d.run.active) {
        atomic_store(&d.cancel, true);
        end_round(&d);
    }
    note(&d, &(struct journal_entry){.time_ms = host_now_ms(), .event = JOURNAL_STOP, .reason = "run"});
    close_all(&d);
    return code < 0 ? EXIT_FAILED : code;
}

int cmd_run(struct cli *cli);
int cmd_run(struct cli *cli)
{
    return daemon_run(cli);
}
