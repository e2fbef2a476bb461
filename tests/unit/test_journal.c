/* state/journal and state/turns: what was done, and who undoes it. */
#include "spec/base/text.h"
#include "state/journal.h"
#include "state/turns.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])
#define FIRST    "journal/00000000000000000001.jsonl"

struct fixture {
    char *dir;
    struct arena *a;
    struct home *h;
    struct journal *j;
};

static void begin_with(struct fixture *f, size_t file_bytes)
{
    struct err e = {0};

    *f = (struct fixture){.dir = scratch_make(), .a = arena_new()};
    assert_int_equal(home_open(f->dir, NULL, &f->h, &e), 0);
    assert_int_equal(journal_open(f->h, file_bytes, &f->j, &e), 0);
}

static void begin(struct fixture *f)
{
    begin_with(f, 0);
}

static void end(struct fixture *f)
{
    journal_close(f->j);
    home_close(f->h);
    arena_free(f->a);
    scratch_remove(f->dir);
}

static void reopen(struct fixture *f)
{
    struct err e = {0};

    journal_close(f->j);
    assert_int_equal(journal_open(f->h, 0, &f->j, &e), 0);
}

static void put(struct fixture *f, int64_t time_ms, enum journal_event event, const char *runtime)
{
    struct journal_entry entry = {.time_ms = time_ms, .event = event, .endpoint = runtime ? "docker" : NULL, .runtime = runtime};
    struct err e = {0};

    if (journal_append(f->j, &entry, NULL, &e) < 0)
        fail_msg("%s", e.msg);
}

/* What a read gives, one "seq event runtime" a line. */
struct seen {
    struct buf text;
    size_t n, stop_after;
    uint64_t last_seq;
};

static bool note(void *ctx, const struct journal_entry *entry)
{
    struct seen *s = ctx;

    assert_true(entry->seq > s->last_seq);
    s->last_seq = entry->seq;
    s->n++;
    buf_printf(&s->text, "%llu %s %s\n", (unsigned long long)entry->seq, journal_event_name(entry->event),
               entry->runtime ? entry->runtime : "-");
    return s->stop_after == 0 || s->n < s->stop_after;
}

static size_t read_back(struct fixture *f, const struct journal_filter *filter, struct seen *s)
{
    struct err e = {0};
    size_t n_bad = 0;

    *s = (struct seen){.text = BUF_INIT(64u << 20), .stop_after = s->stop_after};
    if (journal_read(f->h, filter, note, s, &n_bad, &e) < 0)
        fail_msg("%s", e.msg);
    return n_bad;
}

static const struct journal_filter everything = {.since_ms = TIME_NONE};

/* --- lines -------------------------------------------------------------------------------------------------------------------
 */

static void an_entry_comes_back_as_it_was(void **state)
{
    static const struct field_change fields[] = {{"docker.memory", "512m", "1g", FIELD_RECREATE, false},
                                                 {"docker.cpus", NULL, "2", FIELD_PATCH, false},
                                                 {"docker.env.TOKEN", "hunter2", "hunter3", FIELD_RECREATE, true}};
    const struct journal_entry given = {.seq = 17,
                                        .time_ms = 1700000000000,
                                        .event = JOURNAL_ACT_END,
                                        .object = "OpenClaw/home",
                                        .endpoint = "docker",
                                        .runtime = "r \"1\"\n\x1b\xc3\xbc",
                                        .kind = RUNTIME_BROWSER,
                                        .id = "c0ffee",
                                        .act = "recreate",
                                        .guard = "hot",
                                        .reason = "docker.memory changed",
                                        .want = "abab",
                                        .asked = true,
                                        .fields = fields,
                                        .n_fields = N(fields),
                                        .outcome = JOURNAL_FAILED,
                                        .error = ERR_TIMEOUT,
                                        .message = "no answer",
                                        .output = "line 1\nline 2\n"};
    ARENA_AUTO a = arena_new();
    BUF_AUTO line = BUF_INIT(JOURNAL_LINE_BYTES);
    struct journal_entry back;
    struct err e = {0};

    (void)state;
    journal_format(a, &given, &line);
    assert_int_equal(line.s[line.n - 1], '\n');
    assert_null(memchr(line.s, '\n', line.n - 1));
    assert_null(strstr(buf_str(&line), "hunter"));
    assert_int_equal(journal_decode(a, line.s, line.n - 1, &back, &e), 0);
    assert_true(back.seq == 17 && back.time_ms == given.time_ms);
    assert_int_equal(back.event, given.event);
    assert_string_equal(back.object, given.object);
    assert_string_equal(back.endpoint, given.endpoint);
    assert_string_equal(back.runtime, given.runtime);
    assert_int_equal(back.kind, given.kind);
    assert_string_equal(back.id, given.id);
    assert_string_equal(back.act, given.act);
    assert_string_equal(back.guard, given.guard);
    assert_string_equal(back.reason, given.reason);
    assert_string_equal(back.want, given.want);
    assert_true(back.asked);
    assert_int_equal(back.outcome, given.outcome);
    assert_int_equal(back.error, given.error);
    assert_string_equal(back.message, given.message);
    assert_string_equal(back.output, given.output);
    assert_int_equal(back.n_fields, 3);
    assert_string_equal(back.fields[0].to, "1g");
    assert_null(back.fields[1].from);
    assert_string_equal(back.fields[2].from, "(sensitive)");
    assert_string_equal(back.fields[2].to, "(sensitive)");
}

static void lines_that_are_none_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "x",
        "{}",
        "[]",
        "{\"seq\":1,\"timeMs\":1,\"event\":\"odd\"}",
        "{\"seq\":-1,\"timeMs\":1,\"event\":\"start\"}",
        "{\"seq\":1.5,\"timeMs\":1,\"event\":\"start\"}",
        "{\"seq\":1,\"timeMs\":\"1\",\"event\":\"start\"}",
        "{\"seq\":1,\"timeMs\":1,\"event\":\"start\"",
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        ARENA_AUTO a = arena_new();
        struct journal_entry entry;
        struct err e = {0};

        if (journal_decode(a, cases[i], strlen(cases[i]), &entry, &e) == 0)
            fail_msg("%s", cases[i]);
        assert_int_equal(e.class, ERR_INPUT);
    }
}

static void output_keeps_its_beginning_and_its_end(void **state)
{
    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        ARENA_AUTO a = arena_new();
        BUF_AUTO line = BUF_INIT(JOURNAL_LINE_BYTES);
        char *output = arena_alloc(a, JOURNAL_OUTPUT_BYTES + 2);
        struct journal_entry given = {.seq = 1, .event = JOURNAL_SETUP, .output = output}, back;
        struct err e = {0};

        memset(output, 'm', JOURNAL_OUTPUT_BYTES + (size_t)extra);
        memcpy(output, "begin", 5);
        memcpy(output + JOURNAL_OUTPUT_BYTES + extra - 3, "end", 3);
        journal_format(a, &given, &line);
        assert_int_equal(journal_decode(a, line.s, line.n - 1, &back, &e), 0);
        assert_true(text_has_prefix(back.output, "begin"));
        assert_true(text_has_suffix(back.output, "end"));
        assert_int_equal(strstr(back.output, "[1 bytes left out]") != NULL, extra);
        assert_true(strlen(back.output) <= JOURNAL_OUTPUT_BYTES + 64);
    }
}

static void whatever_a_text_holds_the_line_stays_within_its_cap(void **state)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO line = BUF_INIT(JOURNAL_LINE_BYTES);
    char *nasty = arena_alloc(a, 200001);
    struct field_change fields[JOURNAL_FIELDS + 1];
    struct journal_entry given = {.seq = 1, .event = JOURNAL_ACT_END, .fields = fields}, back;
    struct err e = {0};

    (void)state;
    memset(nasty, 1, 200000);
    for (size_t i = 0; i < N(fields); i++)
        fields[i] = (struct field_change){.name = nasty, .from = nasty, .to = nasty};
    given.n_fields = N(fields);
    given.object = given.endpoint = given.runtime = given.id = given.act = given.reason = given.want = given.message = nasty;
    given.output = nasty;
    journal_format(a, &given, &line);
    assert_false(line.full);
    assert_int_equal(journal_decode(a, line.s, line.n - 1, &back, &e), 0);
    assert_true(text_has_suffix(back.reason, "..."));
    assert_int_equal(strlen(back.reason), JOURNAL_TEXT_BYTES);
    /* Bytes that are no text, and a character cut in two. */
    memset(nasty, 0xc3, 200000);
    given = (struct journal_entry){.seq = 1, .event = JOURNAL_SETUP, .output = nasty, .message = "\xff\xfe\xc3"};
    buf_clear(&line);
    journal_format(a, &given, &line);
    assert_true(utf8_valid(line.s, line.n));
    assert_int_equal(journal_decode(a, line.s, line.n - 1, &back, &e), 0);
}

/* --- files -------------------------------------------------------------------------------------------------------------------
 */

static void entries_are_numbered_and_filtered(void **state)
{
    struct fixture f;
    struct seen s = {0};

    (void)state;
    begin(&f);
    put(&f, 1000, JOURNAL_START, NULL);
    put(&f, 2000, JOURNAL_ACT_BEGIN, "a");
    put(&f, 2000, JOURNAL_ACT_BEGIN, "b");
    reopen(&f);
    put(&f, 3000, JOURNAL_ACT_END, "a");
    put(&f, 4000, JOURNAL_STOP, NULL);
    static const struct {
        struct journal_filter filter;
        const char *want;
    } cases[] = {
        {{.since_ms = TIME_NONE}, "1 start -\n2 act-begin a\n3 act-begin b\n4 act-end a\n5 stop -\n"},
        {{.since_ms = 3000}, "4 act-end a\n5 stop -\n"},
        {{.since_ms = 3001}, "5 stop -\n"},
        {{.since_ms = 4001}, ""},
        {{.since_ms = TIME_NONE, .runtime = "a"}, "2 act-begin a\n4 act-end a\n"},
        {{.since_ms = TIME_NONE, .endpoint = "docker", .limit = 1}, "4 act-end a\n"},
        {{.since_ms = TIME_NONE, .endpoint = "other"}, ""},
        {{.since_ms = TIME_NONE, .limit = 2}, "4 act-end a\n5 stop -\n"},
        {{.since_ms = TIME_NONE, .limit = 5}, "1 start -\n2 act-begin a\n3 act-begin b\n4 act-end a\n5 stop -\n"},
        {{.since_ms = TIME_NONE, .limit = 6}, "1 start -\n2 act-begin a\n3 act-begin b\n4 act-end a\n5 stop -\n"},
        {{.since_ms = TIME_NONE, .after_seq = 4}, "5 stop -\n"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        s.stop_after = 0;
        assert_int_equal(read_back(&f, &cases[i].filter, &s), 0);
        assert_string_equal(buf_str(&s.text), cases[i].want);
        buf_free(&s.text);
    }
    s.stop_after = 2;
    (void)read_back(&f, &everything, &s);
    assert_int_equal(s.n, 2);
    buf_free(&s.text);
    end(&f);
}

static void a_torn_last_line_is_closed_and_counted(void **state)
{
    static const struct {
        const char *tail;
        size_t bad;
        const char *want;
    } cases[] = {
        {"{\"seq\":2,\"timeMs\":1,\"ev", 1, "1 start -\n3 stop -\n"},
        {"{\"seq\":2,\"timeMs\":1,\"event\":\"round\"}", 0, "1 start -\n2 round -\n3 stop -\n"},
        {"\x00\x01\x02 rubbish", 1, "1 start -\n3 stop -\n"},
        {"\n\n\n", 0, NULL},
        {"junk\njunk\n", 2, NULL},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        struct fixture f;
        struct seen s = {0};
        int fd;

        begin(&f);
        put(&f, 1, JOURNAL_START, NULL);
        fd = open(scratch_path(f.dir, FIRST), O_WRONLY | O_APPEND);
        assert_true(fd >= 0);
        assert_true(write(fd, cases[i].tail, i == 2 ? 11 : strlen(cases[i].tail)) > 0);
        (void)close(fd);
        if (i % 2 == 0)
            reopen(&f);
        put(&f, 1, JOURNAL_STOP, NULL);
        assert_int_equal(read_back(&f, &everything, &s), cases[i].bad);
        if (cases[i].want)
            assert_string_equal(buf_str(&s.text), cases[i].want);
        assert_true(text_has_suffix(buf_str(&s.text), "stop -\n"));
        buf_free(&s.text);
        end(&f);
    }
}

static void files_rotate_and_the_oldest_go(void **state)
{
    struct fixture f;
    struct seen s = {0};

    (void)state;
    begin_with(&f, 1000);
    for (int i = 0; i < 400; i++)
        put(&f, i, JOURNAL_ROUND, NULL);
    assert_int_equal(scratch_count(f.dir, "journal"), JOURNAL_KEEP_FILES + 1);
    assert_int_equal(read_back(&f, &everything, &s), 0);
    assert_true(s.last_seq == 400);
    assert_true(s.n > 40 && s.n < 150);
    buf_free(&s.text);
    /* What follows a seq is found without reading what is before. */
    assert_int_equal(read_back(&f, &(struct journal_filter){.since_ms = TIME_NONE, .after_seq = 398}, &s), 0);
    assert_string_equal(buf_str(&s.text), "399 round -\n400 round -\n");
    buf_free(&s.text);
    end(&f);
}

static void all_files_gone_is_a_new_beginning_with_no_number_twice(void **state)
{
    struct fixture f;
    struct seen s = {0};

    (void)state;
    begin(&f);
    put(&f, 1, JOURNAL_START, NULL);
    put(&f, 1, JOURNAL_ROUND, NULL);
    assert_int_equal(unlink(scratch_path(f.dir, FIRST)), 0);
    put(&f, 1, JOURNAL_STOP, NULL);
    (void)read_back(&f, &everything, &s);
    assert_string_equal(buf_str(&s.text), "3 stop -\n");
    buf_free(&s.text);
    end(&f);
}

static void rivals_number_without_a_gap_or_a_double(void **state)
{
    enum { RIVALS = 4, TIMES = 150 };
    struct fixture f;
    struct seen s = {0};
    pid_t pids[RIVALS];

    (void)state;
    /* Small files, so that they rotate under one another's hands. */
    begin_with(&f, 12000);
    for (int i = 0; i < RIVALS; i++)
        if ((pids[i] = fork()) == 0) {
            struct journal *own = NULL;
            struct err e = {0};

            if (journal_open(f.h, 12000, &own, &e) < 0)
                _exit(1);
            for (int k = 0; k < TIMES; k++) {
                struct journal_entry entry = {.time_ms = k, .event = JOURNAL_ROUND, .reason = "some reason or other"};

                if (journal_append(own, &entry, NULL, &e) < 0)
                    _exit(2);
            }
            _exit(0);
        }
    for (int i = 0; i < RIVALS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_int_equal(read_back(&f, &everything, &s), 0);
    assert_int_equal(s.n, RIVALS * TIMES);
    assert_true(s.last_seq == RIVALS * TIMES);
    assert_true(scratch_count(f.dir, "journal") > 1);
    buf_free(&s.text);
    end(&f);
}

static void a_failed_append_leaves_the_journal_as_it_was(void **state)
{
    struct fixture f;
    struct fault fault = {0};
    struct file_hook hook = {fault_step, &fault};
    struct seen s = {0};
    struct home *h = NULL;
    struct journal *j = NULL;
    struct err e = {0};
    int failed = 0;

    (void)state;
    begin(&f);
    assert_int_equal(home_open(f.dir, &hook, &h, &e), 0);
    assert_int_equal(journal_open(h, 0, &j, &e), 0);
    for (int at = 1; at <= 3; at++) {
        struct journal_entry entry = {.time_ms = at, .event = JOURNAL_ROUND};

        fault = (struct fault){.at = at, .sys = ENOSPC};
        failed += journal_append(j, &entry, NULL, &e) < 0;
        fault = (struct fault){0};
        assert_int_equal(journal_append(j, &entry, NULL, &e), 0);
    }
    assert_true(failed >= 2);
    journal_close(j);
    home_close(h);
    assert_int_equal(read_back(&f, &everything, &s), 0);
    assert_int_equal(s.n, 6 - (size_t)failed);
    assert_true(s.last_seq == s.n);
    buf_free(&s.text);
    end(&f);
}

/* RLIMIT_FSIZE lets a part of a line through, as a full disk does. */
static int append_to_the_brim(struct fixture *f)
{
    struct rlimit limit = {3000, 3000};
    struct journal_entry entry = {.time_ms = 1, .event = JOURNAL_ROUND, .reason = "padding padding padding padding padding"};
    struct err e = {0};
    char *bytes;
    size_t n;

    (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 1;
    for (int i = 0; i < 1000; i++)
        if (journal_append(f->j, &entry, NULL, &e) < 0)
            break;
    if (e.class != ERR_IO || e.sys != EFBIG)
        return 2;
    bytes = scratch_read(f->dir, FIRST, &n);
    return n > 2500 && bytes[n - 1] == '\n' ? 0 : 3;
}

static void a_full_disk_leaves_no_half_line(void **state)
{
    struct fixture f;
    int status;
    pid_t pid;

    (void)state;
    begin(&f);
    put(&f, 1, JOURNAL_START, NULL);
    pid = fork();
    if (pid == 0)
        _exit(append_to_the_brim(&f));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    put(&f, 1, JOURNAL_STOP, NULL);
    end(&f);
}

static void lines_too_long_are_passed_over(void **state)
{
    struct fixture f;
    struct seen s = {0};
    char *big = malloc(JOURNAL_LINE_BYTES + 2);
    int fd;

    (void)state;
    begin(&f);
    put(&f, 1, JOURNAL_START, NULL);
    memset(big, 'x', JOURNAL_LINE_BYTES + 2);
    big[JOURNAL_LINE_BYTES + 1] = '\n';
    fd = open(scratch_path(f.dir, FIRST), O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, big, JOURNAL_LINE_BYTES + 2), JOURNAL_LINE_BYTES + 2);
    (void)close(fd);
    free(big);
    put(&f, 1, JOURNAL_STOP, NULL);
    assert_int_equal(read_back(&f, &everything, &s), 1);
    assert_int_equal(s.n, 2);
    buf_free(&s.text);
    end(&f);
}

static void the_tables_are_complete(void **state)
{
    (void)state;
    for (enum journal_event i = 0; i < JOURNAL_EVENT_COUNT; i++) {
        assert_non_null(journal_event_name(i));
        for (enum journal_event k = 0; k < i; k++)
            assert_string_not_equal(journal_event_name(i), journal_event_name(k));
    }
    for (enum journal_outcome i = 0; i < JOURNAL_OUTCOME_COUNT; i++)
        assert_non_null(journal_outcome_name(i));
}

/* --- turns -------------------------------------------------------------------------------------------------------------------
 */

static void act(struct fixture *f, int64_t time_ms, const char *runtime, const char *want, bool asked,
                enum journal_outcome outcome)
{
    struct journal_entry entry = {.time_ms = time_ms,
                                  .event = JOURNAL_ACT_END,
                                  .endpoint = "docker",
                                  .runtime = runtime,
                                  .act = "recreate",
                                  .want = want,
                                  .asked = asked,
                                  .outcome = outcome};
    struct err e = {0};

    assert_int_equal(journal_append(f->j, &entry, NULL, &e), 0);
}

static unsigned turns_of(struct fixture *f, const char *runtime, int64_t now_ms)
{
    struct turns *v;
    struct err e = {0};
    size_t n;

    assert_int_equal(turns_read(f->h, f->a, now_ms, &v, &n, &e), 0);
    for (size_t i = 0; i < n; i++)
        if (text_eq(v[i].runtime, runtime)) {
            assert_string_equal(v[i].endpoint, "docker");
            assert_true(v[i].n > 0);
            return v[i].n;
        }
    return 0;
}

static void an_act_done_again_for_the_same_want_is_a_turn(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    act(&f, 1000, "a", "h1", false, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "a", 1000), 0);
    act(&f, 2000, "a", "h1", false, JOURNAL_OK);
    act(&f, 2000, "b", "h1", false, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "a", 2000), 1);
    assert_int_equal(turns_of(&f, "b", 2000), 0);
    act(&f, 3000, "a", "h1", false, JOURNAL_FAILED);
    assert_int_equal(turns_of(&f, "a", 3000), 1);
    act(&f, 4000, "a", "h1", false, JOURNAL_OK);
    act(&f, 5000, "a", "h1", false, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "a", 5000), 3);
    /* Another want is no turn, and begins anew. */
    act(&f, 6000, "a", "h2", false, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "a", 6000), 0);
    act(&f, 7000, "a", NULL, false, JOURNAL_OK);
    act(&f, 8000, "a", NULL, false, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "a", 8000), 1);
    /* What the owner asked for is none either. */
    act(&f, 9000, "a", NULL, true, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "a", 9000), 0);
    end(&f);
}

static void turns_are_forgotten_with_time_and_on_demand(void **state)
{
    struct fixture f;
    struct err e = {0};

    (void)state;
    begin(&f);
    act(&f, 1000, "a", "h", false, JOURNAL_OK);
    act(&f, 2000, "a", "h", false, JOURNAL_OK);
    act(&f, 2000, "b", "h", false, JOURNAL_OK);
    act(&f, 2001, "b", "h", false, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "a", 1000 + TURNS_WINDOW_MS - 1), 1);
    assert_int_equal(turns_of(&f, "a", 1000 + TURNS_WINDOW_MS), 0);
    /* A clock set back: acts of the future do not count. */
    assert_int_equal(turns_of(&f, "a", -1000000), 0);
    assert_int_equal(turns_forget(f.h, "docker", "a", &e), 0);
    assert_int_equal(turns_of(&f, "a", 2000), 0);
    assert_int_equal(turns_of(&f, "b", 2001), 1);
    assert_int_equal(turns_forget(f.h, NULL, NULL, &e), 0);
    assert_int_equal(turns_of(&f, "b", 2001), 0);
    end(&f);
}

static void a_turns_file_that_is_not_understood_counts_as_none(void **state)
{
    static const char *const cases[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"runtimes\":1}",
        "{\"runtimes\":[1,{},{\"timesMs\":[]}]}",
        ("{\"runtimes\":[{\"endpoint\":\"docker\",\"kind\":\"odd\",\"runtime\":\"a\",\"want\":\"h\","
         "\"timesMs\":[1,2]}]}"),
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        struct fixture f;

        begin(&f);
        scratch_write_text(f.dir, "keys/turns", cases[i]);
        assert_int_equal(turns_of(&f, "a", 2), 0);
        act(&f, 1000, "a", "h", false, JOURNAL_OK);
        act(&f, 2000, "a", "h", false, JOURNAL_OK);
        assert_int_equal(turns_of(&f, "a", 2000), 1);
        end(&f);
    }
}

static void the_turns_file_stays_small(void **state)
{
    struct fixture f;
    char *bytes;
    size_t n;

    (void)state;
    begin(&f);
    for (unsigned i = 0; i < TURNS_TIMES + 5; i++)
        act(&f, 1000 + i, "busy", "h", false, JOURNAL_OK);
    assert_int_equal(turns_of(&f, "busy", 2000), TURNS_TIMES - 1);
    for (unsigned i = 0; i < TURNS_RUNTIMES + 1; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "r%u", i);
        turns_note(f.h, &(struct turns_act){.endpoint = "docker", .runtime = name, .want = "h", .time_ms = 5000 + i});
    }
    bytes = scratch_read(f.dir, "keys/turns", &n);
    assert_true(n < 200 * TURNS_RUNTIMES);
    assert_null(strstr(bytes, "busy"));
    assert_non_null(strstr(bytes, "\"r1000\""));
    free(bytes);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_back_as_it_was),
        cmocka_unit_test(lines_that_are_none_are_refused),
        cmocka_unit_test(output_keeps_its_beginning_and_its_end),
        cmocka_unit_test(whatever_a_text_holds_the_line_stays_within_its_cap),
        cmocka_unit_test(entries_are_numbered_and_filtered),
        cmocka_unit_test(a_torn_last_line_is_closed_and_counted),
        cmocka_unit_test(files_rotate_and_the_oldest_go),
        cmocka_unit_test(all_files_gone_is_a_new_beginning_with_no_number_twice),
        cmocka_unit_test(rivals_number_without_a_gap_or_a_double),
        cmocka_unit_test(a_failed_append_leaves_the_journal_as_it_was),
        cmocka_unit_test(a_full_disk_leaves_no_half_line),
        cmocka_unit_test(lines_too_long_are_passed_over),
        cmocka_unit_test(the_tables_are_complete),
        cmocka_unit_test(an_act_done_again_for_the_same_want_is_a_turn),
        cmocka_unit_test(turns_are_forgotten_with_time_and_on_demand),
        cmocka_unit_test(a_turns_file_that_is_not_understood_counts_as_none),
        cmocka_unit_test(the_turns_file_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
