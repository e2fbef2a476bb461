/* state/shard, state/shards, and the vectors made by running OpenClaw 2026.5.3 (also its doctor). */
#include "spec/base/limits.h"
#include "state/doctor.h"
#include "state/shards.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "tests/lib/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])
#define NOW_MS   INT64_C(1700000123456) /* the moment of the migration vectors */

static int64_t wall_ms(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct fixture {
    char *dir;
    struct arena *a;
    struct shards s;
    struct lock_wait wait;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.dir = scratch_make(), .a = arena_new()};
    f->s = (struct shards){.state_dir = f->dir, .install = "0123456789abcdef"};
    f->wait = (struct lock_wait){.now_ms = wall_ms(), .timeout_ms = 5000};
}

static void end(struct fixture *f)
{
    arena_free(f->a);
    scratch_remove(f->dir);
}

static struct record sample(const char *name)
{
    return (struct record){.kind = RUNTIME_CONTAINER,
                           .name = name,
                           .backend_id = "docker",
                           .runtime_label = name,
                           .scope_key = "agent:main",
                           .created_at_ms = 1700000000000,
                           .last_used_at_ms = 1700000001000,
                           .image = "img:1",
                           .config_label_kind = "Image",
                           .config_hash = "abab"};
}

static const char *path_of(struct fixture *f, enum runtime_kind kind, const char *name)
{
    return arena_printf(f->a, "sandbox/%s/%s", shard_dir_name(kind), shard_file_name(f->a, name, strlen(name)));
}

/* --- vectors -----------------------------------------------------------------------------------------------------------------
 */

static void lay_out(const char *dir, const struct node *pre)
{
    for (size_t i = 0; i < pre->n_members; i++) {
        ARENA_AUTO a = arena_new();
        const char *path = arena_printf(a, "sandbox/%s", pre->members[i].key);
        const struct node *v = pre->members[i].value;

        if (node_is(v, NODE_STRING))
            scratch_write(dir, path, v->s, v->s_n, 0644);
        else
            scratch_mkdir(dir, path);
    }
}

static void check_migration(const struct doctor_plan *plan, const struct node *results)
{
    assert_int_equal(results->n_items, DOCTOR_N_FILES);
    for (size_t i = 0; i < results->n_items; i++) {
        const struct node *want = results->items[i];
        const struct doctor_file *f = &plan->files[i];
        const char *quarantine = node_str(node_get(want, "quarantinePath"));

        assert_string_equal(shard_dir_name(f->kind), node_str(node_get(want, "kind")));
        assert_string_equal(doctor_status_name(f->status), node_str(node_get(want, "status")));
        assert_true((double)f->n_entries == node_get(want, "entries")->num);
        assert_int_equal(quarantine != NULL, f->quarantine != NULL);
        if (quarantine)
            assert_string_equal(strrchr(f->quarantine, '/'), strrchr(quarantine, '/'));
    }
}

static void run_op(struct fixture *f, const struct node *op, const struct node *vector)
{
    const char *word = node_str(op->items[0]);
    enum runtime_kind kind = word[0] == 'b' ? RUNTIME_BROWSER : RUNTIME_CONTAINER;
    struct err e = {0};

    if (text_eq(word, "u") || text_eq(word, "bu")) {
        if (shards_update(&f->s, kind, op->items[1], SHARD_OPENCLAW, NULL, &f->wait, NULL, &e) < 0)
            fail_msg("%s", e.msg);
    } else if (text_eq(word, "r") || text_eq(word, "br")) {
        if (shards_remove(&f->s, kind, node_str(op->items[1]), NULL, &f->wait, &e) < 0)
            fail_msg("%s", e.msg);
    } else {
        struct doctor_plan plan;
        struct lock_wait then = {.now_ms = NOW_MS, .timeout_ms = 5000};

        assert_string_equal(word, "mig");
        assert_int_equal(doctor_plan(f->a, &f->s, NOW_MS, &plan, &e), 0);
        check_migration(&plan, node_get(vector, "migrateResults"));
        assert_int_equal(doctor_apply(f->a, &f->s, &plan, &then, &e), 0);
        check_migration(&plan, node_get(vector, "migrateResults"));
    }
}

/* Every file that should be there, byte for byte and mode for mode, and none besides. */
static void check_files(struct fixture *f, const struct node *files)
{
    int expected[2] = {0}, n_top = 0;

    for (size_t i = 0; i < files->n_members; i++) {
        const char *key = files->members[i].key;
        const char *path = arena_printf(f->a, "sandbox/%s", key);
        const struct node *content = node_get(files->members[i].value, "content");
        struct stat st;
        size_t n;
        char *bytes = scratch_read(f->dir, path, &n);

        if (!bytes)
            fail_msg("%s is missing", key);
        assert_int_equal(n, content->s_n);
        assert_memory_equal(bytes, content->s, n);
        free(bytes);
        assert_int_equal(stat(scratch_path(f->dir, path), &st), 0);
        assert_int_equal(st.st_mode & 07777, strtol(node_str(node_get(files->members[i].value, "mode")), NULL, 8));
        expected[0] += text_has_prefix(key, "containers/");
        expected[1] += text_has_prefix(key, "browsers/");
        n_top += strchr(key, '/') == NULL;
    }
    for (int i = 0; i < 2; i++) {
        const char *dir = i == 0 ? "sandbox/containers" : "sandbox/browsers";
        int n = scratch_count(f->dir, dir);

        if (n >= 0)
            n_top++;
        /* Directories that a vector laid out are not listed in it. */
        if (scratch_exists(f->dir, arena_printf(f->a, "%s/d.json", dir)))
            n--;
        assert_int_equal(n < 0 ? 0 : n, expected[i]);
    }
    assert_int_equal(scratch_count(f->dir, "sandbox") < 0 ? 0 : scratch_count(f->dir, "sandbox"), n_top);
}

/* Each entry that OpenClaw shows, in its order, with all its fields. */
static void check_listing(struct fixture *f, enum runtime_kind kind, const struct node *want)
{
    struct oc_collator collator = OC_COLLATOR("en-US");
    struct shards_view view;
    struct err e = {0};
    size_t at = 0;

    assert_int_equal(shards_read(f->a, &f->s, NULL, f->wait.now_ms, &view, &e), 0);
    assert_int_equal(shards_sort_listed(&view, &collator, &e), 0);
    for (size_t i = 0; i < view.n; i++) {
        const struct shard *s = &view.v[i];
        struct node *entry;
        size_t n;
        char *bytes;

        if (s->rec.kind != kind)
            continue;
        bytes = scratch_read(f->dir, arena_printf(f->a, "sandbox/%s/%s", shard_dir_name(kind), s->file), &n);
        assert_int_equal(shard_decode(f->a, bytes, n, &entry, &e), 0);
        assert_int_equal(shard_normalise(f->a, kind, entry, &e), 0);
        free(bytes);
        assert_true(at < want->n_items);
        if (!node_equal(entry, want->items[at]))
            fail_msg("%s is not %s", node_json(f->a, entry), node_json(f->a, want->items[at]));
        assert_string_equal(s->rec.name, node_str(node_get(want->items[at], "containerName")));
        at++;
    }
    assert_int_equal(at, want->n_items);
    oc_collator_close(&collator);
}

static void files_and_listings_equal_openclaws(void **state)
{
    (void)state;
    ARENA_AUTO a = arena_new();
    struct node *vectors = vectors_load(a, "registry");

    assert_int_equal(vectors->n_items, 67);
    for (size_t i = 0; i < vectors->n_items; i++) {
        const struct node *v = vectors->items[i], *ops = node_get(v, "ops");
        struct fixture f;

        print_message("# %s\n", node_str(node_get(v, "name")));
        begin(&f);
        lay_out(f.dir, node_get(v, "pre"));
        for (size_t k = 0; k < ops->n_items; k++)
            run_op(&f, ops->items[k], v);
        check_files(&f, node_get(v, "files"));
        if (node_get(v, "readRegistry")) {
            check_listing(&f, RUNTIME_CONTAINER, node_get(v, "readRegistry"));
        } else {
            struct shards_view view;
            struct err e = {0};

            /* Where OpenClaw throws, the bad entry is named and the rest is read. */
            assert_non_null(node_get(v, "readRegistryError"));
            assert_int_equal(shards_read(f.a, &f.s, NULL, f.wait.now_ms, &view, &e), 0);
            assert_int_equal(view.issues.n > 0, true);
            assert_true(view.issues.v[0].hides_record);
        }
        check_listing(&f, RUNTIME_BROWSER, node_get(v, "readBrowserRegistry"));
        end(&f);
    }
}

/* --- decoding ----------------------------------------------------------------------------------------------------------------
 */

static void entries_decode_or_are_refused(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"{\"containerName\":\"a\"}", true},
        {" {\"containerName\":\"\"}\n", true},
        {"{\"containerName\":\"\\ud800\"}", true},
        {"{\"containerName\":\"a\",\"x\":[1,{\"y\":null}]}", true},
        {"", false},
        {"null", false},
        {"[]", false},
        {"\"a\"", false},
        {"{}", false},
        {"{\"containerName\":null}", false},
        {"{\"containerName\":5}", false},
        {"{\"containerName\":\"a\"", false},
        {"{\"containerName\":\"a\"}x", false},
        {"{\"containerName\":\"a\",}", false},
        {"{'containerName':'a'}", false},
        {"{containerName:\"a\"}", false},
        {"{\"containerName\":\"a\"}//", false},
        {"\xef\xbb\xbf{\"containerName\":\"a\"}", false},
        {"{\"containerName\":\"a\nb\"}", false},
        {"{\"containerName\":\"a\",\"n\":01}", false},
        {"{\"containerName\":\"a\",\"n\":+1}", false},
        {"{\"containerName\":\"a\",\"n\":NaN}", false},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        ARENA_AUTO a = arena_new();
        struct node *entry;
        struct err e = {0};
        int r = shard_decode(a, cases[i].text, strlen(cases[i].text), &entry, &e);

        if (r != (cases[i].valid ? 0 : -1))
            fail_msg("%s: %d", cases[i].text, r);
        if (r < 0)
            assert_int_equal(e.class, ERR_INPUT);
    }
}

static void key_order_is_that_of_zod_and_javascript(void **state)
{
    /* Made by running OpenClaw 2026.5.3's doctor on such an entry. */
    static const char given[] = "{\"z\":1,\"10\":2,\"2\":{\"b\":1,\"1\":2},\"containerName\":\"a\",\"__proto__\":{\"q\":1},"
                                "\"constructor\":5,\"y\":-0,\"s\":\"\\ud800\"}";
    static const char want[] = "{\n  \"2\": {\n    \"1\": 2,\n    \"b\": 1\n  },\n  \"10\": 2,\n  \"containerName\": \"a\",\n"
                               "  \"z\": 1,\n  \"constructor\": 5,\n  \"y\": 0,\n  \"s\": \"\\ud800\"\n}\n";
    ARENA_AUTO a = arena_new();
    BUF_AUTO out = BUF_INIT(4096);
    struct node *entry;
    struct err e = {0};

    (void)state;
    assert_int_equal(shard_decode(a, given, strlen(given), &entry, &e), 0);
    shard_format(a, entry, &out);
    assert_string_equal(buf_str(&out), want);
}

static void file_names_hash_as_openclaw_hashes(void **state)
{
    static const struct {
        const char *name;
        size_t n;
        const char *file;
    } cases[] = {
        {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json"},
        {"a", 1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb.json"},
        {"a\0b", 3, "59b271ae1bbcb1d31d41929817f4b16fb439eb4f31520b5ad1d5ce98920a7138.json"},
        {"c\xed\xa0\xbd", 4, "a38395fe2cd101a5280e5bdad1e35b3e0586d33d129026d5d4d2d3fbab570f32.json"},
    };
    ARENA_AUTO a = arena_new();

    (void)state;
    for (size_t i = 0; i < N(cases); i++)
        assert_string_equal(shard_file_name(a, cases[i].name, cases[i].n), cases[i].file);
}

static void records_keep_what_openclaw_wrote(void **state)
{
    static const struct {
        const char *text;
        int64_t created, used;
        const char *endpoint, *backend, *label, *label_kind, *image, *hash;
    } cases[] = {
        {"{'containerName':'a'}", TIME_NONE, TIME_NONE, "docker", "docker", "a", "Image", NULL, NULL},
        {"{'containerName':'a','backendId':' SSH ','createdAtMs':1.9,'lastUsedAtMs':-1.5}", 1, -2, "ssh", "SSH", "a", "Image",
         NULL, NULL},
        {"{'containerName':'a','createdAtMs':1e21,'lastUsedAtMs':-1e21}", INT64_C(9007199254740991), INT64_C(-9007199254740991),
         "docker", "docker", "a", "Image", NULL, NULL},
        {"{'containerName':'a','createdAtMs':'7','lastUsedAtMs':null,'image':7,'configHash':[]}", TIME_NONE, TIME_NONE, "docker",
         "docker", "a", "Image", NULL, NULL},
        {"{'containerName':'a','runtimeLabel':' x ','configLabelKind':'Target','image':'','configHash':''}", TIME_NONE, TIME_NONE,
         "docker", "docker", "x", "Target", "", ""},
        {"{'containerName':'a','backendId':'podman','backendTarget':{'key':'local','globalArgs':[]}}", TIME_NONE, TIME_NONE,
         "podman", "podman", "a", "Image", NULL, NULL},
        {"{'containerName':'a','backendId':'podman'}", TIME_NONE, TIME_NONE, "podman-target:unknown", "podman", "a", "Image",
         NULL, NULL},
        {"{'containerName':'a','backendId':'Podman','backendTarget':{'key':'socket:0123','globalArgs':['--url','unix:///x']}}",
         TIME_NONE, TIME_NONE, "podman-target:socket:0123", "Podman", "a", "Image", NULL, NULL},
        {"{'containerName':'a','backendId':'podman','backendTarget':{'key':'local','globalArgs':['--url','unix:///x']}}",
         TIME_NONE, TIME_NONE, "podman-target:unknown", "podman", "a", "Image", NULL, NULL},
        {"{'containerName':'a','backendId':'podman','backendTarget':{'key':'local'}}", TIME_NONE, TIME_NONE,
         "podman-target:unknown", "podman", "a", "Image", NULL, NULL},
        {"{'containerName':'a','backendId':'podman','backendTarget':{'key':7,'globalArgs':{}}}", TIME_NONE, TIME_NONE,
         "podman-target:unknown", "podman", "a", "Image", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        ARENA_AUTO a = arena_new();
        struct node *entry = shard_entry(a, vectors_json(a, cases[i].text));
        struct err e = {0};
        struct record r;

        assert_int_equal(shard_normalise(a, RUNTIME_CONTAINER, entry, &e), 0);
        r = shard_to_record(a, RUNTIME_CONTAINER, entry);
        assert_true(r.created_at_ms == cases[i].created);
        assert_true(r.last_used_at_ms == cases[i].used);
        assert_string_equal(r.endpoint, cases[i].endpoint);
        assert_string_equal(r.backend_id, cases[i].backend);
        assert_string_equal(r.runtime_label, cases[i].label);
        assert_string_equal(r.config_label_kind, cases[i].label_kind);
        assert_true(text_eq(r.image, cases[i].image));
        assert_true(text_eq(r.config_hash, cases[i].hash));
    }
}

/* --- reading -----------------------------------------------------------------------------------------------------------------
 */

static const struct issue *find_issue(const struct shards_view *v, enum issue_kind kind, const char *suffix)
{
    for (size_t i = 0; i < v->issues.n; i++)
        if (v->issues.v[i].kind == kind && text_has_suffix(v->issues.v[i].path, suffix))
            return &v->issues.v[i];
    return NULL;
}

static void each_problem_is_told_and_nothing_is_lost(void **state)
{
    static const struct {
        const char *path, *text;
        enum issue_kind kind;
        bool hides;
    } cases[] = {
        {"corrupt.json", "{bad", ISSUE_CORRUPT, true},
        {"empty.json", "", ISSUE_CORRUPT, true},
        {"array.json", "[]", ISSUE_CORRUPT, true},
        {"nul.json", "{\"containerName\":\"a\\u0000b\"}", ISSUE_CORRUPT, true},
        {"noname.json", "{\"containerName\":\"\"}", ISSUE_FIELD, false},
        {"type.json", "{\"containerName\":\"t\",\"backendId\":5}", ISSUE_CORRUPT, true},
        {"wrong.json", "{\"containerName\":\"w\"}", ISSUE_MISNAMED, false},
        {"field.json", "{\"containerName\":\"f\",\"createdAtMs\":\"x\"}", ISSUE_FIELD, false},
        {"notes.txt", "hello", ISSUE_ALIEN, false},
        {"Upper.JSON", "{\"containerName\":\"u\"}", ISSUE_ALIEN, false},
        {"x.json.0f8fad5b-d9cb-469f-a165-70867728950e.tmp", "{", ISSUE_LEFTOVER, false},
        {"dead.json.lock", "{\"pid\":999999,\"createdAt\":\"2026-01-01T00:00:00.000Z\"}", ISSUE_STALE_LOCK, false},
        {"dir.json/x", "", ISSUE_NOT_A_FILE, true},
    };
    struct fixture f;
    struct record rec = sample("good");
    struct shards_view view;
    struct err e = {0};
    char *big = calloc(1, LIMIT_SHARD_BYTES + 1);
    size_t n;

    (void)state;
    begin(&f);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    for (size_t i = 0; i < N(cases); i++)
        scratch_write_text(f.dir, arena_printf(f.a, "sandbox/containers/%s", cases[i].path), cases[i].text);
    memset(big, ' ', LIMIT_SHARD_BYTES + 1);
    memcpy(big, "{\"containerName\":\"n\"}", 21);
    scratch_write(f.dir, "sandbox/containers/big-n.json", big, LIMIT_SHARD_BYTES, 0600);
    scratch_write(f.dir, "sandbox/containers/big-n1.json", big, LIMIT_SHARD_BYTES + 1, 0600);
    free(big);
    assert_int_equal(mkfifo(scratch_path(f.dir, "sandbox/containers/fifo.json"), 0600), 0);
    scratch_write_text(f.dir, "elsewhere", "{\"containerName\":\"linked\"}");
    assert_int_equal(symlink("../../elsewhere", scratch_path(f.dir, "sandbox/containers/link.json")), 0);
    assert_int_equal(symlink("nowhere", scratch_path(f.dir, "sandbox/containers/dangling.json")), 0);
    assert_int_equal(symlink("loop.json", scratch_path(f.dir, "sandbox/containers/loop.json")), 0);

    assert_int_equal(shards_read(f.a, &f.s, NULL, f.wait.now_ms, &view, &e), 0);
    for (size_t i = 0; i < N(cases); i++) {
        const char *name = text_eq(cases[i].path, "dir.json/x") ? "/dir.json" : cases[i].path;
        const struct issue *is = find_issue(&view, cases[i].kind, name);

        if (!is)
            fail_msg("no issue '%s' with %s", issue_kind_name(cases[i].kind), cases[i].path);
        assert_int_equal(is->hides_record, cases[i].hides);
        assert_true(strlen(is->text) > 0);
    }
    assert_non_null(find_issue(&view, ISSUE_TOO_LARGE, "/big-n1.json"));
    assert_null(find_issue(&view, ISSUE_TOO_LARGE, "/big-n.json"));
    assert_non_null(find_issue(&view, ISSUE_NOT_A_FILE, "/fifo.json"));
    assert_non_null(find_issue(&view, ISSUE_SYMLINK, "/link.json"));
    assert_non_null(find_issue(&view, ISSUE_SYMLINK, "/dangling.json"));
    assert_non_null(find_issue(&view, ISSUE_UNREADABLE, "/dangling.json"));
    assert_non_null(find_issue(&view, ISSUE_UNREADABLE, "/loop.json"));
    /* good, w, f, n, linked, and the one without a name, which is listed but is nobody's record. */
    assert_int_equal(view.n, 6);
    (void)shards_records(f.a, &view, &n);
    assert_int_equal(n, 5);
    /* Reading changed nothing: 13 files of the table, good, two big, fifo, three links. */
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 20);
    end(&f);
}

static void duplicates_give_one_record_the_rightly_named_one(void **state)
{
    struct fixture f;
    struct record rec = sample("dup");
    struct record *records;
    struct shards_view view;
    struct err e = {0};
    size_t n;

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, "sandbox/containers/0.json", "{\"containerName\":\"dup\",\"image\":\"zero\"}");
    scratch_write_text(f.dir, "sandbox/containers/zz.json", "{\"containerName\":\"dup\",\"image\":\"zz\"}");
    scratch_write_text(f.dir, "sandbox/browsers/0.json", "{\"containerName\":\"dup\",\"image\":\"browser\"}");
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, f.wait.now_ms, &view, &e), 0);
    assert_int_equal(view.n, 4);
    records = shards_records(f.a, &view, &n);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(records[i].image, records[i].kind == RUNTIME_BROWSER ? "browser" : "img:1");
    assert_non_null(find_issue(&view, ISSUE_DUPLICATE, "/0.json"));
    assert_non_null(find_issue(&view, ISSUE_DUPLICATE, "/zz.json"));
    end(&f);
}

static void a_corrupt_shard_hides_its_runtime(void **state)
{
    struct fixture f;
    struct shards_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, path_of(&f, RUNTIME_CONTAINER, "lost"), "{bad");
    assert_int_equal(shards_read(f.a, &f.s, NULL, f.wait.now_ms, &view, &e), 0);
    assert_true(shards_is_hidden(&view, RUNTIME_CONTAINER, "lost"));
    assert_false(shards_is_hidden(&view, RUNTIME_BROWSER, "lost"));
    assert_false(shards_is_hidden(&view, RUNTIME_CONTAINER, "other"));
    end(&f);
}

static void a_missing_directory_is_an_empty_registry(void **state)
{
    struct fixture f;
    struct shards_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_int_equal(view.n, 0);
    assert_int_equal(view.issues.n, 0);
    f.s.state_dir = "/nonexistent/of/all/places";
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    end(&f);
}

/* Runs fn in a child that is user nobody, or, where this is not root, in a plain child; its exit status. */
static int as_nobody(struct fixture *f, int (*fn)(struct fixture *f))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(100);
        _exit(fn(f));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int read_is_an_error(struct fixture *f)
{
    struct shards_view view;
    struct err e = {0};

    return shards_read(f->a, &f->s, NULL, 0, &view, &e) == -1 && e.class == ERR_IO && strstr(e.msg, "sandbox/containers") ? 0 : 1;
}

static void a_directory_that_cannot_be_listed_is_an_error(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_int_equal(chmod(f.dir, 0755), 0);
    scratch_mkdir(f.dir, "sandbox/containers");
    assert_int_equal(chmod(scratch_path(f.dir, "sandbox/containers"), 0000), 0);
    assert_int_equal(as_nobody(&f, read_is_an_error), 0);
    assert_int_equal(rmdir(scratch_path(f.dir, "sandbox/containers")), 0);
    scratch_write_text(f.dir, "sandbox/containers", "a file");
    assert_int_equal(as_nobody(&f, read_is_an_error), 0);
    end(&f);
}

static int put_fails_whole(struct fixture *f)
{
    struct record rec = sample("a");
    struct err e = {0};

    return shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) == -1 && e.class == ERR_IO ? 0 : 1;
}

static void a_directory_without_write_permission_stays_as_it_is(void **state)
{
    struct fixture f;
    struct record rec = sample("a");
    struct err e = {0};
    char *before, *after;

    (void)state;
    begin(&f);
    assert_int_equal(chmod(f.dir, 0755), 0);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    before = scratch_read(f.dir, path_of(&f, RUNTIME_CONTAINER, "a"), NULL);
    assert_int_equal(chmod(scratch_path(f.dir, "sandbox"), 0755), 0);
    assert_int_equal(chmod(scratch_path(f.dir, "sandbox/containers"), 0555), 0);
    assert_int_equal(as_nobody(&f, put_fails_whole), 0);
    after = scratch_read(f.dir, path_of(&f, RUNTIME_CONTAINER, "a"), NULL);
    assert_string_equal(before, after);
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
    free(before);
    free(after);
    end(&f);
}

static void unchanged_shards_are_never_opened_again(void **state)
{
    struct fixture f;
    struct shards_cache *cache = shards_cache_new();
    struct shards_view view;
    struct err e = {0};
    int64_t later = f.wait.now_ms;

    (void)state;
    begin(&f);
    later = f.wait.now_ms + 3600000;
    for (int i = 0; i < 20; i++) {
        struct record rec = sample(arena_printf(f.a, "r%d", i));

        assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    }
    scratch_write_text(f.dir, "sandbox/containers/zz.json", "{bad");
    assert_int_equal(shards_read(f.a, &f.s, cache, later, &view, &e), 0);
    assert_int_equal(shards_cache_opened(cache), 21);
    assert_int_equal(shards_read(f.a, &f.s, cache, later, &view, &e), 0);
    assert_int_equal(shards_cache_opened(cache), 0);
    assert_int_equal(view.n, 20);
    assert_int_equal(view.issues.n, 1);
    /* One changes, one goes, one comes. */
    struct record changed = sample("r3"), added = sample("new");

    changed.image = "img:2";
    assert_int_equal(shards_put(&f.s, &changed, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_put(&f.s, &added, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r4", NULL, &f.wait, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, cache, later, &view, &e), 0);
    assert_int_equal(shards_cache_opened(cache), 2);
    assert_int_equal(view.n, 20);
    for (size_t i = 0; i < view.n; i++) {
        assert_string_not_equal(view.v[i].rec.name, "r4");
        assert_string_equal(view.v[i].rec.image, text_eq(view.v[i].rec.name, "r3") ? "img:2" : "img:1");
    }
    assert_int_equal(shards_read(f.a, &f.s, cache, later, &view, &e), 0);
    assert_int_equal(shards_cache_opened(cache), 0);
    /* Same size, same inode, times put back: ctime still tells. */
    {
        const char *path = scratch_path(f.dir, path_of(&f, RUNTIME_CONTAINER, "r5"));
        struct stat st;
        char *bytes = scratch_read(f.dir, path_of(&f, RUNTIME_CONTAINER, "r5"), NULL);
        int fd = open(path, O_WRONLY);

        assert_int_equal(fstat(fd, &st), 0);
        memcpy(strstr(bytes, "img:1"), "img:9", 5);
        assert_int_equal(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
        assert_int_equal(futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}), 0);
        (void)close(fd);
        free(bytes);
    }
    assert_int_equal(shards_read(f.a, &f.s, cache, later, &view, &e), 0);
    assert_int_equal(shards_cache_opened(cache), 1);
    /* What was written just now may change again within the clock's grain: it is not believed yet. */
    assert_int_equal(shards_put(&f.s, &changed, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, cache, wall_ms(), &view, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, cache, wall_ms(), &view, &e), 0);
    assert_true(shards_cache_opened(cache) >= 1);
    shards_cache_free(cache);
    end(&f);
}

/* --- writing -----------------------------------------------------------------------------------------------------------------
 */

static void a_recreate_tells_its_own_creation_and_keeps_the_last_use(void **state)
{
    struct fixture f;
    struct record old = sample("r"), new = sample("r");
    struct shards_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(shards_put(&f.s, &old, SHARD_RECREATED, SHARDS_NO_ENTRY, &f.wait, NULL, &e), 0);
    new.created_at_ms = 1800000000000;
    new.last_used_at_ms = 1800000000000;
    new.image = "img:2";
    new.config_hash = "cdcd";
    assert_int_equal(shards_put(&f.s, &new, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_int_equal(view.n, 1);
    assert_true(view.v[0].rec.created_at_ms == 1800000000000);
    assert_true(view.v[0].rec.last_used_at_ms == 1700000001000);
    assert_string_equal(view.v[0].rec.image, "img:2");
    assert_string_equal(view.v[0].rec.config_hash, "cdcd");
    /* A hash that is not known any more is not the old one's. */
    new.config_hash = NULL;
    assert_int_equal(shards_put(&f.s, &new, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_null(view.v[0].rec.config_hash);
    end(&f);
}

static void a_first_record_is_used_when_it_is_created(void **state)
{
    struct fixture f;
    struct record rec = sample("r");
    struct shards_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    /* An old use that is no number does not count. */
    scratch_write_text(f.dir, path_of(&f, RUNTIME_CONTAINER, "r"), "{\"containerName\":\"r\",\"lastUsedAtMs\":\"x\"}");
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_true(view.v[0].rec.last_used_at_ms == rec.last_used_at_ms);
    end(&f);
}

static void writes_compare_the_version_first(void **state)
{
    struct fixture f;
    struct record rec = sample("r");
    char v1[DIGEST_HEX], v2[DIGEST_HEX];
    struct shards_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, "0000", &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, SHARDS_NO_ENTRY, &f.wait, v1, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_string_equal(view.v[0].rec.version, v1);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, SHARDS_NO_ENTRY, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    rec.image = "img:2";
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, v1, &f.wait, v2, &e), 0);
    assert_string_not_equal(v1, v2);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, v1, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", v1, &f.wait, &e), -1);
    assert_int_equal(e.class, ERR_CONFLICT);
    assert_true(scratch_exists(f.dir, path_of(&f, RUNTIME_CONTAINER, "r")));
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", v2, &f.wait, &e), 0);
    assert_false(scratch_exists(f.dir, path_of(&f, RUNTIME_CONTAINER, "r")));
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", v2, &f.wait, &e), 0);
    end(&f);
}

static void a_misnamed_record_is_removed_where_it_is(void **state)
{
    struct fixture f;
    struct shards_view view;
    struct err e = {0};

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, "sandbox/containers/odd.json", "{\"containerName\":\"m\"}");
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_true(view.v[0].misnamed);
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "m", "0000", &f.wait, &e), 0);
    assert_true(scratch_exists(f.dir, "sandbox/containers/odd.json"));
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "m", view.v[0].rec.version, &f.wait, &e), 0);
    assert_false(scratch_exists(f.dir, "sandbox/containers/odd.json"));
    end(&f);
}

static void what_is_no_regular_file_is_never_replaced(void **state)
{
    struct fixture f;
    struct record rec = sample("r");
    struct err e = {0};
    const char *path;
    struct stat st;

    (void)state;
    begin(&f);
    path = path_of(&f, RUNTIME_CONTAINER, "r");
    scratch_write_text(f.dir, "target", "{\"containerName\":\"r\"}");
    scratch_mkdir(f.dir, "sandbox/containers");
    assert_int_equal(symlink("../../target", scratch_path(f.dir, path)), 0);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    assert_int_equal(shards_remove(&f.s, RUNTIME_CONTAINER, "r", NULL, &f.wait, &e), -1);
    assert_int_equal(lstat(scratch_path(f.dir, path), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(unlink(scratch_path(f.dir, path)), 0);
    assert_int_equal(mkfifo(scratch_path(f.dir, path), 0600), 0);
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    assert_int_equal(lstat(scratch_path(f.dir, path), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
    end(&f);
}

static void bytes_that_are_replaced_unread_are_kept(void **state)
{
    struct fixture f;
    struct record rec = sample("r");
    struct err e = {0};

    (void)state;
    begin(&f);
    f.s.keep_dir = arena_printf(f.a, "%s/kept", f.dir);
    scratch_write_text(f.dir, path_of(&f, RUNTIME_CONTAINER, "r"), "{bad but precious");
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(scratch_count(f.dir, "kept"), 1);
    /* An entry that was understood was merged: nothing to keep. */
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(scratch_count(f.dir, "kept"), 1);
    end(&f);
}

static void an_entry_of_the_largest_size_is_written_and_read(void **state)
{
    struct fixture f;
    struct record rec = sample("r");
    struct shards_view view;
    struct err e = {0};
    BUF_AUTO text = BUF_INIT(2u << 20);
    char *image;
    size_t room;

    (void)state;
    begin(&f);
    rec.image = "";
    shard_format(f.a, shard_from_record(f.a, &rec), &text);
    room = LIMIT_SHARD_BYTES - text.n;
    image = arena_alloc(f.a, room + 2);
    memset(image, 'x', room);
    rec.image = image;
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_int_equal(view.n, 1);
    image[room] = 'x';
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), -1);
    assert_int_equal(e.class, ERR_REFUSED);
    end(&f);
}

static void root_leaves_the_owner_of_the_directory_its_files(void **state)
{
    struct fixture f;
    struct record rec = sample("r");
    struct err e = {0};
    struct stat st;

    (void)state;
    begin(&f);
    if (geteuid() == 0) {
        assert_int_equal(chown(f.dir, 65534, 65534), 0);
        assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        assert_int_equal(stat(scratch_path(f.dir, path_of(&f, RUNTIME_CONTAINER, "r")), &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(stat(scratch_path(f.dir, "sandbox/containers"), &st), 0);
        assert_int_equal(st.st_uid, 65534);
        assert_int_equal(st.st_mode & 0777, 0700);
    } else {
        assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        assert_int_equal(stat(scratch_path(f.dir, path_of(&f, RUNTIME_CONTAINER, "r")), &st), 0);
        assert_int_equal(st.st_uid, geteuid());
    }
    end(&f);
}

/* --- faults ------------------------------------------------------------------------------------------------------------------
 */

/* The shard is whole: the old one or the new one. */
static void check_old_or_new(struct fixture *f, const char *what, int at)
{
    struct shards_view view;
    struct err e = {0};

    assert_int_equal(shards_read(f->a, &f->s, NULL, wall_ms(), &view, &e), 0);
    if (view.n != 1 || (!text_eq(view.v[0].rec.image, "img:1") && !text_eq(view.v[0].rec.image, "img:2")))
        fail_msg("%s at step %d: the shard is lost or torn", what, at);
}

static void a_step_that_fails_leaves_the_old_shard_and_no_temp_file(void **state)
{
    struct fixture f;
    struct record old = sample("r"), new = sample("r");
    struct err e = {0};
    int failed = 0;

    (void)state;
    new.image = "img:2";
    for (int at = 1; at < 40; at++) {
        struct fault fault = {.at = at, .sys = ENOSPC};
        struct file_hook hook = {fault_step, &fault};
        int r;

        begin(&f);
        assert_int_equal(shards_put(&f.s, &old, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        f.s.hook = &hook;
        r = shards_put(&f.s, &new, SHARD_RECREATED, NULL, &f.wait, NULL, &e);
        f.s.hook = NULL;
        check_old_or_new(&f, "failure", at);
        if (r < 0) {
            char *now = scratch_read(f.dir, path_of(&f, RUNTIME_CONTAINER, "r"), NULL);

            failed++;
            assert_int_equal(e.class, ERR_IO);
            assert_int_equal(e.sys, ENOSPC);
            assert_non_null(strstr(now, "img:1"));
            free(now);
            assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
        }
        end(&f);
        if (fault.seen < at) {
            assert_true(failed >= 6);
            return;
        }
    }
    fail_msg("the write never ends");
}

static void a_crash_at_any_step_loses_nothing_and_the_next_writer_goes_on(void **state)
{
    struct record old = sample("r"), new = sample("r"), third = sample("r");
    struct err e = {0};

    (void)state;
    new.image = "img:2";
    third.image = "img:3";
    for (int at = 1; at < 40; at++) {
        struct fault fault = {.at = at, .die = true};
        struct file_hook hook = {fault_step, &fault};
        struct shards_view view;
        struct fixture f;
        size_t swept = 0;
        int status;
        pid_t pid;

        begin(&f);
        assert_int_equal(shards_put(&f.s, &old, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        pid = fork();
        if (pid == 0) {
            f.s.hook = &hook;
            _exit(shards_put(&f.s, &new, SHARD_RECREATED, NULL, &f.wait, NULL, &e) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        check_old_or_new(&f, "crash", at);
        /* An empty lock is given its grace of 5 s: then it is an hour later. */
        f.wait.now_ms += 3600000;
        assert_int_equal(shards_put(&f.s, &third, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
        assert_int_equal(shards_read(f.a, &f.s, NULL, f.wait.now_ms, &view, &e), 0);
        assert_int_equal(view.n, 1);
        assert_string_equal(view.v[0].rec.image, "img:3");
        assert_int_equal(shards_sweep(&f.s, &view, &f.wait, &swept, &e), 0);
        assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 1);
        end(&f);
        if (WEXITSTATUS(status) == 0) {
            assert_true(at > 6);
            return;
        }
        assert_int_equal(WEXITSTATUS(status), FAULT_EXIT_STATUS);
    }
    fail_msg("the write never ends");
}

/* A real full disk. Root mounts a small tmpfs in a namespace of its own; where that is not allowed, the largest size of a file
 * is what runs out. */
static int put_on_a_full_disk(struct fixture *f)
{
    struct record rec = sample("r");
    struct err e = {0};
    char *image = arena_alloc(f->a, 400001);
    bool mounted = unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
                   mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                   mount("tmpfs", f->dir, "tmpfs", 0, "size=256k,mode=0700") == 0;
    char *now;

    if (!mounted) {
        struct rlimit limit = {65536, 65536};

        (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            return 10;
    }
    if (shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) < 0)
        return 11;
    memset(image, 'x', 400000);
    rec.image = image;
    if (shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) == 0)
        return 12;
    if (e.class != ERR_IO || e.sys != (mounted ? ENOSPC : EFBIG))
        return 13;
    now = scratch_read(f->dir, path_of(f, RUNTIME_CONTAINER, "r"), NULL);
    if (!now || !strstr(now, "img:1") || scratch_count(f->dir, "sandbox/containers") != 1)
        return 14;
    free(now);
    rec.image = "img:2";
    if (shards_put(&f->s, &rec, SHARD_RECREATED, NULL, &f->wait, NULL, &e) < 0)
        return 15;
    return 0;
}

static void a_full_disk_leaves_the_old_shard_whole(void **state)
{
    struct fixture f;
    int status;
    pid_t pid;

    (void)state;
    begin(&f);
    pid = fork();
    if (pid == 0)
        _exit(put_on_a_full_disk(&f));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    end(&f);
}

static void sweeping_spares_what_is_no_leftover(void **state)
{
    struct fixture f;
    struct shards_view view;
    struct err e = {0};
    size_t n = 0;

    (void)state;
    begin(&f);
    scratch_write_text(f.dir, "sandbox/containers/a.json.0f8fad5b-d9cb-469f-a165-70867728950e.tmp", "{");
    scratch_write_text(f.dir, "sandbox/browsers/b.json.0f8fad5b-d9cb-469f-a165-70867728950e.tmp", "{");
    scratch_write_text(f.dir, "sandbox/containers/a.json.backup.tmp", "{");
    scratch_write_text(f.dir, "sandbox/containers/a.json", "{}");
    assert_int_equal(shards_read(f.a, &f.s, NULL, wall_ms(), &view, &e), 0);
    assert_int_equal(shards_sweep(&f.s, &view, &f.wait, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(scratch_count(f.dir, "sandbox/containers"), 2);
    assert_int_equal(scratch_count(f.dir, "sandbox/browsers"), 0);
    end(&f);
}

/* --- two writers -------------------------------------------------------------------------------------------------------------
 */

/* Adds one to a number that stands in the image, again and again, by compare-and-swap. */
static int count_up(struct fixture *f, int times)
{
    for (int done = 0; done < times;) {
        ARENA_AUTO a = arena_new();
        struct shards_view view;
        struct record *records;
        struct err e = {0};
        size_t n;

        f->wait.now_ms = wall_ms();
        if (shards_read(a, &f->s, NULL, f->wait.now_ms, &view, &e) < 0)
            return 1;
        records = shards_records(a, &view, &n);
        if (n != 1)
            return 2;
        records[0].image = arena_printf(a, "%ld", strtol(records[0].image, NULL, 10) + 1);
        if (shards_put(&f->s, &records[0], SHARD_RECREATED, records[0].version, &f->wait, NULL, &e) == 0)
            done++;
        else if (e.class != ERR_CONFLICT)
            return 3;
    }
    return 0;
}

static void two_processes_on_one_shard_lose_no_update(void **state)
{
    enum { WRITERS = 3, TIMES = 60 };
    struct fixture f;
    struct record rec = sample("r");
    struct shards_view view;
    struct err e = {0};
    pid_t pids[WRITERS];

    (void)state;
    begin(&f);
    f.wait.timeout_ms = 60000;
    rec.image = "0";
    assert_int_equal(shards_put(&f.s, &rec, SHARD_RECREATED, NULL, &f.wait, NULL, &e), 0);
    for (int i = 0; i < WRITERS; i++)
        if ((pids[i] = fork()) == 0)
            _exit(count_up(&f, TIMES));
    for (int i = 0; i < WRITERS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_int_equal(shards_read(f.a, &f.s, NULL, wall_ms(), &view, &e), 0);
    assert_int_equal(view.n, 1);
    assert_int_equal(view.issues.n, 0);
    assert_int_equal(strtol(view.v[0].rec.image, NULL, 10), WRITERS * TIMES);
    end(&f);
}

static void every_issue_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (enum issue_kind i = 0; i < ISSUE_KIND_COUNT; i++) {
        assert_non_null(issue_kind_name(i));
        for (enum issue_kind k = 0; k < i; k++)
            assert_string_not_equal(issue_kind_name(i), issue_kind_name(k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_listings_equal_openclaws),
        cmocka_unit_test(entries_decode_or_are_refused),
        cmocka_unit_test(key_order_is_that_of_zod_and_javascript),
        cmocka_unit_test(file_names_hash_as_openclaw_hashes),
        cmocka_unit_test(records_keep_what_openclaw_wrote),
        cmocka_unit_test(each_problem_is_told_and_nothing_is_lost),
        cmocka_unit_test(duplicates_give_one_record_the_rightly_named_one),
        cmocka_unit_test(a_corrupt_shard_hides_its_runtime),
        cmocka_unit_test(a_missing_directory_is_an_empty_registry),
        cmocka_unit_test(a_directory_that_cannot_be_listed_is_an_error),
        cmocka_unit_test(a_directory_without_write_permission_stays_as_it_is),
        cmocka_unit_test(unchanged_shards_are_never_opened_again),
        cmocka_unit_test(a_recreate_tells_its_own_creation_and_keeps_the_last_use),
        cmocka_unit_test(a_first_record_is_used_when_it_is_created),
        cmocka_unit_test(writes_compare_the_version_first),
        cmocka_unit_test(a_misnamed_record_is_removed_where_it_is),
        cmocka_unit_test(what_is_no_regular_file_is_never_replaced),
        cmocka_unit_test(bytes_that_are_replaced_unread_are_kept),
        cmocka_unit_test(an_entry_of_the_largest_size_is_written_and_read),
        cmocka_unit_test(root_leaves_the_owner_of_the_directory_its_files),
        cmocka_unit_test(a_step_that_fails_leaves_the_old_shard_and_no_temp_file),
        cmocka_unit_test(a_crash_at_any_step_loses_nothing_and_the_next_writer_goes_on),
        cmocka_unit_test(a_full_disk_leaves_the_old_shard_whole),
        cmocka_unit_test(sweeping_spares_what_is_no_leftover),
        cmocka_unit_test(two_processes_on_one_shard_lose_no_update),
        cmocka_unit_test(every_issue_kind_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
