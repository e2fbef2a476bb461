/* registry_tool: OpenClaw's registry by our hands, for tests with OpenClaw itself as the other party. The first word `sqlite`
 * before any of the first three means the database, else they mean the shards.
 *
 *     registry_tool list STATE_DIR                     {"containers": [...], "browsers": [...], "issues": [...]}
 *     registry_tool ops STATE_DIR                      one op a line of standard input: {"op": "u", "entry": {...}} as in
 *                                                      tests/vectors/registry.json (u bu r br), "mig" with "now"; in the
 *                                                      database one may fail: "ok" or "failed: ..." for each
 *     registry_tool hammer STATE_DIR SECONDS NAME...   updates these names in turn; prints {"NAME": "<its last configHash>"}
 *     registry_tool count DIR FILE TIMES               adds one to the number in FILE, under its lock, so many times
 *     registry_tool hold DIR FILE                      takes the lock, says "held", and keeps it until it is killed */
#include "spec/base/num.h"
#include "spec/read/json.h"
#include "state/doctor.h"
#include "state/shards.h"
#include "state/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t wall_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int fail(const struct err *e)
{
    (void)fprintf(stderr, "registry_tool: %s: %s\n", err_class_name(e->class), e->msg);
    return 1;
}

static struct lock_wait wait_now(void)
{
    return (struct lock_wait){.now_ms = wall_ms()};
}

static struct node *record_node(struct arena *a, const struct record *r)
{
    struct node *o = shard_from_record(a, r);

    if (r->version)
        node_set(a, o, "version", node_string(a, r->version));
    return o;
}

/* Both drivers, as far as they are the same. */
struct place {
    struct shards shards;
    struct sqlite_registry sqlite;
    bool in_sqlite;
};

static int update(const struct place *p, enum runtime_kind kind, const struct node *entry, struct err *e)
{
    struct lock_wait w = wait_now();

    return p->in_sqlite ? sqlite_update(&p->sqlite, kind, entry, SHARD_OPENCLAW, NULL, &w, NULL, e)
                        : shards_update(&p->shards, kind, entry, SHARD_OPENCLAW, NULL, &w, NULL, e);
}

static int remove_one(const struct place *p, enum runtime_kind kind, const char *name, struct err *e)
{
    struct lock_wait w = wait_now();

    return p->in_sqlite ? sqlite_remove(&p->sqlite, kind, name, NULL, &w, e) : shards_remove(&p->shards, kind, name, NULL, &w, e);
}

static int read_all(struct arena *a, const struct place *p, struct shards_view *ret, struct err *e)
{
    struct sqlite_view view;
    OC_COLLATOR_AUTO collator = OC_COLLATOR("en-US");

    if (!p->in_sqlite)
        return shards_read(a, &p->shards, NULL, wall_ms(), ret, e) < 0 ? -1 : shards_sort_listed(ret, &collator, e);
    if (sqlite_read(a, &p->sqlite, NULL, DB_WAIT_MS, wall_ms(), &view, e) < 0)
        return -1;
    *ret = (struct shards_view){.n = view.n, .issues = view.issues};
    ret->v = ARENA_ARRAY(a, struct shard, view.n);
    for (size_t i = 0; i < view.n; i++)
        ret->v[i].rec = view.v[i];
    return 0;
}

static int list(const struct place *p)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO out = BUF_INIT(64u << 20);
    struct node *root = node_object(a), *lists[2] = {node_array(a), node_array(a)}, *issues = node_array(a);
    struct shards_view view;
    struct err e = {0};

    if (read_all(a, p, &view, &e) < 0)
        return fail(&e);
    for (size_t i = 0; i < view.n; i++)
        node_push(a, lists[view.v[i].rec.kind == RUNTIME_BROWSER], record_node(a, &view.v[i].rec));
    for (size_t i = 0; i < view.issues.n; i++)
        node_push(
            a, issues,
            node_printf(a, "%s: %s: %s", issue_kind_name(view.issues.v[i].kind), view.issues.v[i].path, view.issues.v[i].text));
    node_set(a, root, "containers", lists[0]);
    node_set(a, root, "browsers", lists[1]);
    node_set(a, root, "issues", issues);
    node_emit(&out, root, 2, 0);
    (void)puts(buf_str(&out));
    return 0;
}

static int one_op(struct arena *a, const struct place *p, const struct node *op, struct err *e)
{
    const char *word = node_str(node_get(op, "op"));
    enum runtime_kind kind = word && word[0] == 'b' ? RUNTIME_BROWSER : RUNTIME_CONTAINER;
    struct lock_wait w = wait_now();
    struct doctor_plan plan;

    if (text_eq(word, "u") || text_eq(word, "bu"))
        return update(p, kind, node_get(op, "entry"), e);
    if (text_eq(word, "r") || text_eq(word, "br"))
        return remove_one(p, kind, node_str(node_get(op, "name")), e);
    if (!text_eq(word, "mig") || p->in_sqlite)
        return err_set(e, ERR_USAGE, 0, "no such op");
    w.now_ms = (int64_t)node_get(op, "now")->num;
    if (doctor_plan(a, &p->shards, w.now_ms, &plan, e) < 0)
        return -1;
    return doctor_apply(a, &p->shards, &plan, &w, e);
}

static int ops(const struct place *p)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int status = 0;

    while (status == 0 && (n = getline(&line, &room, stdin)) > 0) {
        ARENA_AUTO a = arena_new();
        struct err e = {0};
        const struct node *op = json_read_err(a, "op", line, (size_t)n, &e);
        bool done = op && one_op(a, p, op, &e) == 0;

        if (op && p->in_sqlite)
            (void)printf("%s%s\n", done ? "ok" : "failed: ", done ? "" : e.msg);
        else if (!done)
            status = fail(&e);
    }
    free(line);
    return status;
}

/* Whether the last word about a name that nobody else writes is there. */
static int check_last(const struct place *p, const struct node *last)
{
    ARENA_AUTO a = arena_new();
    struct shards_view view;
    struct err e = {0};
    size_t n = 0;

    if (read_all(a, p, &view, &e) < 0)
        return fail(&e);
    for (size_t i = 0; i < view.n; i++)
        n += node_get(last, view.v[i].rec.name) &&
             text_eq(view.v[i].rec.config_hash, node_str(node_get(last, view.v[i].rec.name)));
    if (n == last->n_members && view.issues.n == 0)
        return 0;
    (void)fprintf(stderr, "registry_tool: %zu of %zu records are there, %zu issues\n", n, last->n_members, view.issues.n);
    return 1;
}

static int hammer(const struct place *p, const char *seconds, char **names, int n_names)
{
    ARENA_AUTO a = arena_new();
    struct node *last = node_object(a);
    int64_t until = file_monotonic_ms() + strtol(seconds, NULL, 10) * 1000;

    for (unsigned long i = 0; file_monotonic_ms() < until; i++) {
        ARENA_AUTO own = arena_new();
        const char *name = names[i % (unsigned)n_names], *hash = arena_printf(own, "ours-%lu", i);
        struct node *entry = node_object(own);
        struct err e = {0};

        node_set(own, entry, "containerName", node_string(own, name));
        node_set(own, entry, "sessionKey", node_string(own, "agent:ours"));
        node_set(own, entry, "createdAtMs", node_number(own, 999));
        node_set(own, entry, "lastUsedAtMs", node_number(own, (double)wall_ms()));
        node_set(own, entry, "image", node_string(own, "ours"));
        node_set(own, entry, "configHash", node_string(own, hash));
        if (update(p, RUNTIME_CONTAINER, entry, &e) < 0)
            return fail(&e);
        node_set(a, last, name, node_string(a, hash));
        if (p->in_sqlite && i % 16 == 0 && check_last(p, last) != 0)
            return 1;
        if (p->in_sqlite)
            file_pause_ms(1); /* SQLite's lock is not fair: who writes without a break starves the other */
    }
    (void)puts(node_json(a, last));
    return 0;
}

static int count(const struct file_dir *d, const char *file, const char *times)
{
    for (long i = strtol(times, NULL, 10); i > 0; i--) {
        ARENA_AUTO a = arena_new();
        LOCK_AUTO lock = LOCK_INIT;
        struct lock_wait w = wait_now();
        struct err e = {0};
        const char *next;
        char *bytes;
        size_t n;

        if (lock_acquire(&lock, d, file, &w, &e) < 0 || file_read(a, d, file, 64, &bytes, &n, NULL, &e) < 0)
            return fail(&e);
        next = arena_printf(a, "%ld", strtol(bytes, NULL, 10) + 1);
        if (file_replace(d, file, next, strlen(next), 0600, FILE_NO_SYNC, &e) < 0)
            return fail(&e);
    }
    return 0;
}

static int hold(const struct file_dir *d, const char *file)
{
    LOCK_AUTO lock = LOCK_INIT;
    struct lock_wait w = wait_now();
    struct err e = {0};

    if (lock_acquire(&lock, d, file, &w, &e) < 0)
        return fail(&e);
    (void)puts("held");
    (void)fflush(stdout);
    for (;;)
        file_pause_ms(1000);
}

int main(int argc, char **argv)
{
    struct place p = {.in_sqlite = argc > 1 && text_eq(argv[1], "sqlite")};
    struct file_dir d = {.fd = -1};
    struct err e = {0};

    argc -= p.in_sqlite;
    argv += p.in_sqlite;
    p.shards = (struct shards){.state_dir = argc > 2 ? argv[2] : "", .install = "0000000000000000"};
    p.sqlite = (struct sqlite_registry){.state_dir = p.shards.state_dir, .install = p.shards.install};
    if (argc == 3 && text_eq(argv[1], "list"))
        return list(&p);
    if (argc == 3 && text_eq(argv[1], "ops"))
        return ops(&p);
    if (argc > 4 && text_eq(argv[1], "hammer"))
        return hammer(&p, argv[3], argv + 4, argc - 4);
    if (p.in_sqlite || argc < 4 || file_dir_open(argv[2], false, NULL, &d, &e) < 0)
        return p.in_sqlite || argc < 4 ? 64 : fail(&e);
    if (argc == 5 && text_eq(argv[1], "count"))
        return count(&d, argv[3], argv[4]);
    if (argc == 4 && text_eq(argv[1], "hold"))
        return hold(&d, argv[3]);
    return 64;
}
