/* state/records: what we remember of runtimes ourselves. */
#include "spec/base/limits.h"
#include "state/records.h"
#include "tests/lib/child.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])

static struct record full(const char *name)
{
    return (struct record){.endpoint = "docker:unix:///run/x.sock",
                           .name = name,
                           .kind = RUNTIME_BROWSER,
                           .install = "0123456789abcdef",
                           .owner = "OpenClaw/home",
                           .backend_id = "docker",
                           .runtime_label = "label",
                           .scope_key = "agent:main",
                           .created_at_ms = 1700000000000,
                           .last_used_at_ms = -1,
                           .image = "img \"1\"\n",
                           .config_label_kind = "Image",
                           .config_hash = "abab",
                           .cdp_port = 65535,
                           .no_vnc_port = 1,
                           .id = "c0ffee",
                           .creating = true,
                           .setup_failed = true,
                           .holds_data = true,
                           .seed = {.manifest = "ab", .source = "cd", .host_key = "SHA256:x", .at_ms = 1, .epoch = 3}};
}

static struct record least(const char *name)
{
    return (struct record){.endpoint = "bubblewrap",
                           .name = name,
                           .kind = RUNTIME_SANDBOX,
                           .created_at_ms = TIME_NONE,
                           .last_used_at_ms = TIME_NONE};
}

static void assert_same(const struct record *a, const struct record *b)
{
    const char *const *pairs[][2] = {{&a->endpoint, &b->endpoint},
                                     {&a->name, &b->name},
                                     {&a->install, &b->install},
                                     {&a->owner, &b->owner},
                                     {&a->backend_id, &b->backend_id},
                                     {&a->runtime_label, &b->runtime_label},
                                     {&a->scope_key, &b->scope_key},
                                     {&a->image, &b->image},
                                     {&a->config_label_kind, &b->config_label_kind},
                                     {&a->config_hash, &b->config_hash},
                                     {&a->id, &b->id},
                                     {&a->seed.manifest, &b->seed.manifest},
                                     {&a->seed.source, &b->seed.source},
                                     {&a->seed.host_key, &b->seed.host_key}};

    for (size_t i = 0; i < N(pairs); i++)
        assert_true(text_eq(*pairs[i][0], *pairs[i][1]));
    assert_int_equal(a->kind, b->kind);
    assert_true(a->created_at_ms == b->created_at_ms && a->last_used_at_ms == b->last_used_at_ms);
    assert_int_equal(a->cdp_port, b->cdp_port);
    assert_int_equal(a->no_vnc_port, b->no_vnc_port);
    assert_int_equal(a->creating, b->creating);
    assert_int_equal(a->setup_failed, b->setup_failed);
    assert_int_equal(a->holds_data, b->holds_data);
    assert_true(a->seed.at_ms == b->seed.at_ms && a->seed.epoch == b->seed.epoch);
}

struct fixture {
    char *dir;
    struct arena *a;
    struct home *h;
};

static void begin(struct fixture *f)
{
    struct err e = {0};

    *f = (struct fixture){.dir = scratch_make(), .a = arena_new()};
    assert_int_equal(home_open(f->dir, NULL, &f->h, &e), 0);
}

static void end(struct fixture *f)
{
    home_close(f->h);
    arena_free(f->a);
    scratch_remove(f->dir);
}

static void a_record_comes_back_as_it_was(void **state)
{
    struct fixture f;
    struct record recs[] = {full("a"), least("a"), full("\xc3\xbc/..")};
    struct records_view view;
    struct err e = {0};
    char version[DIGEST_HEX];

    (void)state;
    begin(&f);
    for (size_t i = 0; i < N(recs); i++)
        assert_int_equal(record_put(f.h, &recs[i], RECORDS_NO_RECORD, version, &e), 0);
    assert_int_equal(records_read_all(f.h, f.a, &view, &e), 0);
    assert_int_equal(view.n, N(recs));
    assert_int_equal(view.issues.n, 0);
    for (size_t i = 0; i < N(recs); i++) {
        const struct record *found = records_find(&view, &recs[i]);

        assert_non_null(found);
        assert_same(found, &recs[i]);
        assert_int_equal(strlen(found->version), 64);
    }
    assert_string_equal(records_find(&view, &recs[2])->version, version);
    end(&f);
}

static void each_part_of_the_identity_counts(void **state)
{
    struct fixture f;
    struct record recs[6];
    struct records_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    for (size_t i = 0; i < N(recs); i++)
        recs[i] = least("x");
    recs[1].name = "y";
    recs[2].endpoint = "docker";
    recs[3].kind = RUNTIME_CONTAINER;
    recs[4].install = "i";
    /* Parts that could be read as one: the install's end as the name's beginning. */
    recs[5].install = "i\nx";
    recs[5].name = "";
    for (size_t i = 0; i < N(recs); i++)
        assert_int_equal(record_put(f.h, &recs[i], RECORDS_NO_RECORD, NULL, &e), 0);
    assert_int_equal(records_read_all(f.h, f.a, &view, &e), 0);
    assert_int_equal(view.n, N(recs));
    for (size_t i = 0; i < N(recs); i++)
        assert_same(records_find(&view, &recs[i]), &recs[i]);
    end(&f);
}

static void writes_and_removals_compare_the_version(void **state)
{
    struct fixture f;
    struct record rec = least("x");
    char v1[DIGEST_HEX], v2[DIGEST_HEX];
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(record_put(f.h, &rec, "00", NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(record_put(f.h, &rec, RECORDS_NO_RECORD, v1, &e), 0);
    assert_int_equal(record_put(f.h, &rec, RECORDS_NO_RECORD, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    rec.id = "1";
    assert_int_equal(record_put(f.h, &rec, v1, v2, &e), 0);
    assert_int_equal(record_remove(f.h, &rec, v1, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(scratch_count(f.dir, "records"), 1);
    assert_int_equal(record_remove(f.h, &rec, v2, &e), 0);
    assert_int_equal(scratch_count(f.dir, "records"), 0);
    assert_int_equal(record_remove(f.h, &rec, v2, &e), 0);
    assert_int_equal(record_put(f.h, &rec, NULL, NULL, &e), 0);
    assert_int_equal(record_remove(f.h, &rec, NULL, &e), 0);
    end(&f);
}

static void what_is_no_record_is_told_and_stays(void **state)
{
    static const struct {
        const char *file, *text;
        enum issue_kind kind;
    } cases[] = {
        {"a.json", "", ISSUE_CORRUPT},
        {"b.json", "{}", ISSUE_CORRUPT},
        {"c.json", "{\"format\":2,\"kind\":\"sandbox\",\"endpoint\":\"e\",\"name\":\"n\"}", ISSUE_CORRUPT},
        {"d.json", "{\"format\":1,\"kind\":\"odd\",\"endpoint\":\"e\",\"name\":\"n\"}", ISSUE_CORRUPT},
        {"e.json", "{\"format\":1,\"kind\":\"sandbox\",\"name\":\"n\"}", ISSUE_CORRUPT},
        {"f.json", "{\"format\":1,\"kind\":\"sandbox\",\"endpoint\":\"e\",\"name\":\"n\",\"creating\":1}", ISSUE_CORRUPT},
        {"g.json", "{\"format\":1,\"kind\":\"sandbox\",\"endpoint\":\"e\",\"name\":\"n\",\"cdpPort\":65536}", ISSUE_CORRUPT},
        {"h.json", "{\"format\":1,\"kind\":\"sandbox\",\"endpoint\":\"e\",\"name\":\"n\",\"createdAtMs\":1.5}", ISSUE_CORRUPT},
        {"i.json", "{\"format\":1,\"kind\":\"sandbox\",\"endpoint\":\"e\",\"name\":\"n\"}", ISSUE_MISNAMED},
        {"j.txt", "", ISSUE_ALIEN},
        {"k.json.0f8fad5b-d9cb-469f-a165-70867728950e.tmp", "", ISSUE_LEFTOVER},
    };
    struct fixture f;
    struct record rec = least("good");
    struct records_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(record_put(f.h, &rec, NULL, NULL, &e), 0);
    for (size_t i = 0; i < N(cases); i++)
        scratch_write_text(f.dir, arena_printf(f.a, "records/%s", cases[i].file), cases[i].text);
    assert_int_equal(mkfifo(scratch_path(f.dir, "records/fifo.json"), 0600), 0);
    assert_int_equal(records_read_all(f.h, f.a, &view, &e), 0);
    assert_int_equal(view.n, 1);
    assert_int_equal(view.issues.n, N(cases) + 1);
    for (size_t i = 0; i < N(cases); i++) {
        bool found = false;

        for (size_t k = 0; k < view.issues.n; k++)
            found |= text_has_suffix(view.issues.v[k].path, cases[i].file) && view.issues.v[k].kind == cases[i].kind;
        if (!found)
            fail_msg("%s is not told", cases[i].file);
    }
    assert_int_equal(scratch_count(f.dir, "records"), N(cases) + 2);
    end(&f);
}

/* The steps of a recreate, as the executor takes them. */
static int intend_act_record(struct home *h, const char *dir)
{
    struct record rec = least("x");
    struct err e = {0};
    char version[DIGEST_HEX];

    rec.creating = true;
    if (record_put(h, &rec, NULL, version, &e) < 0)
        return 1;
    scratch_write_text(dir, "runtime", "made");
    rec.creating = false;
    rec.id = "made";
    return record_put(h, &rec, version, NULL, &e) < 0 ? 1 : 0;
}

static void a_crash_between_two_steps_is_always_seen(void **state)
{
    (void)state;
    for (int at = 1; at < 40; at++) {
        struct fixture f;
        struct record rec = least("x");
        struct records_view view;
        struct err e = {0};
        const struct record *found;
        int status;
        pid_t pid;

        begin(&f);
        pid = fork();
        if (pid == 0) {
            struct fault fault = {.at = at, .die = true};
            struct file_hook hook = {fault_step, &fault};
            struct home *h = NULL;

            if (home_open(f.dir, &hook, &h, &e) < 0)
                _exit(1);
            _exit(intend_act_record(h, f.dir));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(records_read_all(f.h, f.a, &view, &e), 0);
        found = records_find(&view, &rec);
        /* Made, and nobody knows: that never is. */
        if (scratch_exists(f.dir, "runtime") && (!found || !(found->creating || text_eq(found->id, "made"))))
            fail_msg("crash at step %d: a runtime without a trace", at);
        end(&f);
        if (WEXITSTATUS(status) == 0) {
            assert_true(at > 10);
            return;
        }
        assert_int_equal(WEXITSTATUS(status), FAULT_EXIT_STATUS);
    }
    fail_msg("it never ends");
}

static void a_failed_write_leaves_the_old_record(void **state)
{
    (void)state;
    for (int at = 1; at < 20; at++) {
        struct fault fault = {.at = at, .sys = ENOSPC};
        struct file_hook hook = {fault_step, &fault};
        struct fixture f;
        struct record rec = least("x");
        struct records_view view;
        struct home *h = NULL;
        struct err e = {0};
        int r;

        begin(&f);
        rec.id = "old";
        assert_int_equal(record_put(f.h, &rec, NULL, NULL, &e), 0);
        assert_int_equal(home_open(f.dir, &hook, &h, &e), 0);
        rec.id = "new";
        r = record_put(h, &rec, NULL, NULL, &e);
        home_close(h);
        assert_int_equal(records_read_all(f.h, f.a, &view, &e), 0);
        assert_int_equal(view.n, 1);
        assert_int_equal(view.issues.n, 0);
        assert_string_equal(view.v[0].id, r == 0 ? "new" : "old");
        end(&f);
        if (fault.seen < at) {
            assert_true(at > 5);
            return;
        }
    }
    fail_msg("it never ends");
}

enum { RIVALS = 3, TIMES = 50 };

static int count_up(void *ctx)
{
    struct home *h = ctx;

    for (int done = 0; done < TIMES;) {
        ARENA_AUTO a = arena_new();
        struct record key = least("x"), rec;
        struct records_view view;
        struct err e = {0};

        if (records_read_all(h, a, &view, &e) < 0 || !records_find(&view, &key))
            return 1;
        rec = *records_find(&view, &key);
        rec.id = arena_printf(a, "%ld", strtol(rec.id, NULL, 10) + 1);
        if (record_put(h, &rec, rec.version, NULL, &e) == 0)
            done++;
        else if (e.class != ERR_CONFLICT)
            return 2;
    }
    return 0;
}

static void rivals_lose_no_update(void **state)
{
    struct fixture f;
    struct record rec = least("x");
    struct records_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    rec.id = "0";
    assert_int_equal(record_put(f.h, &rec, NULL, NULL, &e), 0);
    child_run_rivals(RIVALS, count_up, f.h);
    assert_int_equal(records_read_all(f.h, f.a, &view, &e), 0);
    assert_int_equal(strtol(view.v[0].id, NULL, 10), RIVALS * TIMES);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(each_part_of_the_identity_counts),
        cmocka_unit_test(writes_and_removals_compare_the_version),
        cmocka_unit_test(what_is_no_record_is_told_and_stays),
        cmocka_unit_test(a_crash_between_two_steps_is_always_seen),
        cmocka_unit_test(a_failed_write_leaves_the_old_record),
        cmocka_unit_test(rivals_lose_no_update),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
