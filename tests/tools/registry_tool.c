/* registry_tool: OpenClaw's registry by our hands, for tests with OpenClaw itself as the other party.
 *
 *     registry_tool list STATE_DIR                     {"containers": [...], "browsers": [...], "issues": [...]}
 *     registry_tool ops STATE_DIR                      one op a line of standard input: {"op": "u", "entry": {...}} as in
 *                                                      tests/vectors/registry.json (u bu r br), "mig" with "now"
 *     registry_tool hammer STATE_DIR SECONDS NAME...   updates these names in turn; prints {"NAME": "<its last configHash>"}
 *     registry_tool count DIR FILE TIMES               adds one to the number in FILE, under its lock, so many times
 *     registry_tool hold DIR FILE                      takes the lock, says "held", and keeps it until it is killed */
#include "spec/base/num.h"
#include "spec/read/json.h"
#include "state/doctor.h"
#include "state/shards.h"

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

static int list(const struct shards *s)
{
    ARENA_AUTO a = arena_new();
    BUF_AUTO out = BUF_INIT(64u << 20);
    struct node *root = node_object(a), *lists[2] = {node_array(a), node_array(a)}, *issues = node_array(a);
    OC_COLLATOR_AUTO collator = OC_COLLATOR("en-US");
    struct shards_view view;
    struct err e = {0};

    if (shards_read(a, s, NULL, wall_ms(), &view, &e) < 0 || shards_sort_listed(&view, &collator, &e) < 0)
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

static int one_op(struct arena *a, const struct shards *s, const struct node *op, struct err *e)
{
    const char *word = node_str(node_get(op, "op"));
    enum runtime_kind kind = word && word[0] == 'b' ? RUNTIME_BROWSER : RUNTIME_CONTAINER;
    struct lock_wait w = wait_now();
    struct doctor_plan plan;

    if (text_eq(word, "u") || text_eq(word, "bu"))
        return shards_update(s, kind, node_get(op, "entry"), SHARD_OPENCLAW, NULL, &w, NULL, e);
    if (text_eq(word, "r") || text_eq(word, "br"))
        return shards_remove(s, kind, node_str(node_get(op, "name")), NULL, &w, e);
    if (!text_eq(word, "mig"))
        return err_set(e, ERR_USAGE, 0, "no such op");
    w.now_ms = (int64_t)node_get(op, "now")->num;
    if (doctor_plan(a, s, w.now_ms, &plan, e) < 0)
        return -1;
    return doctor_apply(a, s, &plan, &w, e);
}

static int ops(const struct shards *s)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int status = 0;

    while (status == 0 && (n = getline(&line, &room, stdin)) > 0) {
        ARENA_AUTO a = arena_new();
        struct err e = {0};
        const struct node *op = json_read_err(a, "op", line, (size_t)n, &e);

        if (!op || one_op(a, s, op, &e) < 0)
            status = fail(&e);
    }
    free(line);
    return status;
}

static int hammer(const struct shards *s, const char *seconds, char **names, int n_names)
{
    ARENA_AUTO a = arena_new();
    struct node *last = node_object(a);
    int64_t until = file_monotonic_ms() + strtol(seconds, NULL, 10) * 1000;

    for (unsigned long i = 0; file_monotonic_ms() < until; i++) {
        ARENA_AUTO own = arena_new();
        const char *name = names[i % (unsigned)n_names], *hash = arena_printf(own, "ours-%lu", i);
        struct node *entry = node_object(own);
        struct lock_wait w = wait_now();
        struct err e = {0};

        node_set(own, entry, "containerName", node_string(own, name));
        node_set(own, entry, "sessionKey", node_string(own, "agent:ours"));
        node_set(own, entry, "createdAtMs", node_number(own, 999));
        node_set(own, entry, "lastUsedAtMs", node_number(own, (double)w.now_ms));
        node_set(own, entry, "image", node_string(own, "ours"));
        node_set(own, entry, "configHash", node_string(own, hash));
        if (shards_update(s, RUNTIME_CONTAINER, entry, SHARD_OPENCLAW, NULL, &w, NULL, &e) < 0)
            return fail(&e);
        node_set(a, last, name, node_string(a, hash));
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
    struct shards s = {.state_dir = argc > 2 ? argv[2] : "", .install = "0000000000000000"};
    struct file_dir d = {.fd = -1};
    struct err e = {0};

    if (argc == 3 && text_eq(argv[1], "list"))
        return list(&s);
    if (argc == 3 && text_eq(argv[1], "ops"))
        return ops(&s);
    if (argc > 4 && text_eq(argv[1], "hammer"))
        return hammer(&s, argv[3], argv + 4, argc - 4);
    if (argc < 4 || file_dir_open(argv[2], false, NULL, &d, &e) < 0)
        return argc < 4 ? 64 : fail(&e);
    if (argc == 5 && text_eq(argv[1], "count"))
        return count(&d, argv[3], argv[4]);
    if (argc == 4 && text_eq(argv[1], "hold"))
        return hold(&d, argv[3]);
    return 64;
}
