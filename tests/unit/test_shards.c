/* state/shard, and state/shards as a reader; the vectors made by running OpenClaw 2026.5.3 (also its doctor). */
#include "spec/base/limits.h"
#include "state/doctor.h"
#include "tests/lib/child.h"
#include "tests/lib/registry.h"
#include "tests/lib/scratch.h"
#include "tests/lib/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define N(array) (sizeof(array) / sizeof(array)[0])
#define NOW_MS   INT64_C(1700000123456) /* the moment of the migration vectors */

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

static void run_op(struct registry *f, const struct node *op, const struct node *vector)
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
static void check_files(struct registry *f, const struct node *files)
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
static void check_listing(struct registry *f, enum runtime_kind kind, const struct node *want)
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
        struct registry f;

        print_message("# %s\n", node_str(node_get(v, "name")));
        registry_begin(&f);
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
        registry_end(&f);
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
    struct registry f;
    struct record rec = registry_record("good");
    struct shards_view view;
    struct err e = {0};
    char *big = calloc(1, LIMIT_SHARD_BYTES + 1);
    size_t n;

    (void)state;
    registry_begin(&f);
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
    registry_end(&f);
}

static void duplicates_give_one_record_the_rightly_named_one(void **state)
{
    struct registry f;
    struct record rec = registry_record("dup");
    struct record *records;
    struct shards_view view;
    struct err e = {0};
    size_t n;

    (void)state;
    registry_begin(&f);
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
    registry_end(&f);
}

static void a_corrupt_shard_hides_its_runtime(void **state)
{
    struct registry f;
    struct shards_view view;
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    scratch_write_text(f.dir, registry_path(&f, RUNTIME_CONTAINER, "lost"), "{bad");
    assert_int_equal(shards_read(f.a, &f.s, NULL, f.wait.now_ms, &view, &e), 0);
    assert_true(shards_is_hidden(&view, RUNTIME_CONTAINER, "lost"));
    assert_false(shards_is_hidden(&view, RUNTIME_BROWSER, "lost"));
    assert_false(shards_is_hidden(&view, RUNTIME_CONTAINER, "other"));
    registry_end(&f);
}

static void a_missing_directory_is_an_empty_registry(void **state)
{
    struct registry f;
    struct shards_view view;
    struct err e = {0};

    (void)state;
    registry_begin(&f);
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    assert_int_equal(view.n, 0);
    assert_int_equal(view.issues.n, 0);
    f.s.state_dir = "/nonexistent/of/all/places";
    assert_int_equal(shards_read(f.a, &f.s, NULL, 0, &view, &e), 0);
    registry_end(&f);
}

static int read_is_an_error(void *ctx)
{
    struct registry *f = ctx;
    struct shards_view view;
    struct err e = {0};

    return shards_read(f->a, &f->s, NULL, 0, &view, &e) == -1 && e.class == ERR_IO && strstr(e.msg, "sandbox/containers") ? 0 : 1;
}

static void a_directory_that_cannot_be_listed_is_an_error(void **state)
{
    struct registry f;

    (void)state;
    registry_begin(&f);
    assert_int_equal(chmod(f.dir, 0755), 0);
    scratch_mkdir(f.dir, "sandbox/containers");
    assert_int_equal(chmod(scratch_path(f.dir, "sandbox/containers"), 0000), 0);
    assert_int_equal(child_run_as_nobody(read_is_an_error, &f), 0);
    assert_int_equal(rmdir(scratch_path(f.dir, "sandbox/containers")), 0);
    scratch_write_text(f.dir, "sandbox/containers", "a file");
    assert_int_equal(child_run_as_nobody(read_is_an_error, &f), 0);
    registry_end(&f);
}

static void unchanged_shards_are_never_opened_again(void **state)
{
    struct registry f;
    struct shards_cache *cache = shards_cache_new();
    struct shards_view view;
    struct err e = {0};
    int64_t later = f.wait.now_ms;

    (void)state;
    registry_begin(&f);
    later = f.wait.now_ms + 3600000;
    for (int i = 0; i < 20; i++) {
        struct record rec = registry_record(arena_printf(f.a, "r%d", i));

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
    struct record changed = registry_record("r3"), added = registry_record("new");

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
        const char *path = scratch_path(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r5"));
        struct stat st;
        char *bytes = scratch_read(f.dir, registry_path(&f, RUNTIME_CONTAINER, "r5"), NULL);
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
    assert_int_equal(shards_read(f.a, &f.s, cache, child_wall_ms(), &view, &e), 0);
    assert_int_equal(shards_read(f.a, &f.s, cache, child_wall_ms(), &view, &e), 0);
    assert_true(shards_cache_opened(cache) >= 1);
    shards_cache_free(cache);
    registry_end(&f);
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
        cmocka_unit_test(unchanged_shards_are_never_opened_again),
        cmocka_unit_test(every_issue_kind_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests_name("shards", tests, NULL, NULL);
}
