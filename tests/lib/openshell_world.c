#include "tests/lib/openshell_world.h"

#include "spec/read/json.h"
#include "tests/lib/openshell_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void must(bool ok, const char *what, const char *path)
{
    if (!ok) {
        (void)fprintf(stderr, "openshell stand-in: %s %s: %s\n", what, path, strerror(errno));
        abort();
    }
}

static struct node *read_state(struct arena *a, const char *path)
{
    BUF_AUTO text = BUF_INIT(16u << 20);
    FILE *f = fopen(path, "re");
    char bytes[16384];
    struct node *n;
    struct err e;
    size_t got;

    if (f == NULL)
        return node_object(a);
    while ((got = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_put(&text, bytes, got);
    (void)fclose(f);
    n = json_read_err(a, path, buf_str(&text), text.n, &e);
    must(n != NULL, "reading", path);
    return n;
}

void openshell_world_open(struct openshell_world *w, struct arena *a, const char *dir)
{
    const char *lock = arena_printf(a, "%s/lock", dir);

    *w = (struct openshell_world){.a = a, .dir = arena_strdup(a, dir)};
    w->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(w->lock >= 0, "opening", lock);
    must(flock(w->lock, LOCK_EX) == 0, "locking", lock);
    w->state = read_state(a, arena_printf(a, "%s/state.json", dir));
    if (node_get(w->state, "sandboxes") == NULL)
        node_set(a, w->state, "sandboxes", node_array(a));
    if (node_get(w->state, "version") == NULL)
        node_set(a, w->state, "version", node_string(a, "0.0.111"));
}

void openshell_world_close(struct openshell_world *w)
{
    const char *tmp = arena_printf(w->a, "%s/state.new", w->dir), *path = arena_printf(w->a, "%s/state.json", w->dir);
    BUF_AUTO text = BUF_INIT(16u << 20);
    FILE *f;

    node_emit(&text, w->state, 1, 0);
    f = fopen(tmp, "we");
    must(f != NULL, "writing", tmp);
    must(fwrite(buf_str(&text), 1, text.n, f) == text.n && fclose(f) == 0, "writing", tmp);
    must(rename(tmp, path) == 0, "writing", path);
    close(w->lock);
    w->lock = -1;
}

void openshell_world_set(const char *dir, const char *key, const char *json)
{
    ARENA_AUTO a = arena_new();
    struct openshell_world w;
    struct err e;

    openshell_world_open(&w, a, dir);
    if (json == NULL)
        node_unset(w.state, key);
    else {
        struct node *n = json_read_err(a, key, json, strlen(json), &e);

        must(n != NULL, "no JSON:", json);
        node_set(a, w.state, key, n);
    }
    openshell_world_close(&w);
}

void openshell_world_reset(const char *dir)
{
    ARENA_AUTO a = arena_new();
    struct openshell_world w;
    struct node *version;

    openshell_world_open(&w, a, dir);
    while (openshell_world_count(&w) > 0)
        openshell_world_drop(&w, 0);
    version = node_get(w.state, "version");
    w.state = node_object(a);
    node_set(a, w.state, "version", version);
    openshell_world_close(&w);
}

double openshell_world_number(const struct openshell_world *w, const char *key, double otherwise)
{
    const struct node *n = node_get(w->state, key);

    return node_is(n, NODE_NUMBER) ? n->num : otherwise;
}

bool openshell_world_flag(const struct openshell_world *w, const char *key)
{
    const struct node *n = node_get(w->state, key);

    return node_is(n, NODE_BOOL) && n->b;
}

size_t openshell_world_count(const struct openshell_world *w)
{
    return node_get(w->state, "sandboxes")->n_items;
}

struct node *openshell_world_at(const struct openshell_world *w, int i)
{
    return node_get(w->state, "sandboxes")->items[i];
}

int openshell_world_find(const struct openshell_world *w, const char *endpoint, const char *name)
{
    for (size_t i = 0; i < openshell_world_count(w); i++) {
        const struct node *s = openshell_world_at(w, (int)i);

        if (text_eq(node_str(node_get(s, "name")), name) &&
            (endpoint == NULL || text_eq(node_str(node_get(s, "endpoint")), endpoint)))
            return (int)i;
    }
    return -1;
}

char *openshell_world_path(const struct openshell_world *w, const struct node *sandbox, const char *sub)
{
    return arena_printf(w->a, "%s/fs/%s/%s", w->dir, node_str(node_get(sandbox, "id")), sub);
}

struct node *openshell_world_add(struct openshell_world *w, const char *endpoint, const char *name)
{
    static const char *const subs[] = {"", "sandbox", "agent", "tmp"};
    struct node *s = node_object(w->a), *all = node_get(w->state, "sandboxes");
    unsigned char raw[16];
    struct timespec now;
    BUF_AUTO id = BUF_INIT(64);

    must(getrandom(raw, sizeof raw, 0) == (ssize_t)sizeof raw, "reading", "random bytes");
    for (size_t i = 0; i < sizeof raw; i++)
        buf_printf(&id, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", raw[i]);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    node_set(w->a, s, "id", node_string(w->a, buf_str(&id)));
    node_set(w->a, s, "name", node_string(w->a, name));
    node_set(w->a, s, "endpoint", node_string(w->a, endpoint));
    node_set(w->a, s, "createdAtMs", node_number(w->a, (double)now.tv_sec * 1000 + (double)(now.tv_nsec / 1000000)));
    node_set(w->a, s, "phase", node_string(w->a, "Ready"));
    node_set(w->a, s, "labels", node_object(w->a));
    node_set(w->a, s, "resourceVersion", node_number(w->a, 1));
    node_set(w->a, s, "baseline", openshell_rules_start(w->a, NULL));
    node_set(w->a, s, "policy", openshell_rules_start(w->a, NULL));
    node_set(w->a, s, "policyVersion", node_number(w->a, 1));
    node_push(w->a, all, s);
    (void)mkdir(arena_printf(w->a, "%s/fs", w->dir), 0755);
    for (size_t i = 0; i < sizeof subs / sizeof *subs; i++) {
        const char *path = openshell_world_path(w, s, subs[i]);

        must(mkdir(path, 0755) == 0, "making", path);
    }
    return s;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)remove(path);
    return 0;
}

void openshell_world_drop(struct openshell_world *w, int i)
{
    struct node *all = node_get(w->state, "sandboxes");

    (void)nftw(openshell_world_path(w, all->items[i], ""), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    for (size_t j = (size_t)i + 1; j < all->n_items; j++)
        all->items[j - 1] = all->items[j];
    all->n_items--;
}

const char *openshell_world_phase(const struct openshell_world *w, const struct node *sandbox)
{
    const char *shown = node_str(node_path(w->state, "phases", node_str(node_get(sandbox, "name")), NULL));

    return shown != NULL ? shown : node_str(node_get(sandbox, "phase"));
}

void openshell_world_touch(struct openshell_world *w, struct node *sandbox)
{
    node_set(w->a, sandbox, "resourceVersion", node_number(w->a, node_get(sandbox, "resourceVersion")->num + 1));
}

void openshell_world_tick(struct openshell_world *w)
{
    for (size_t i = openshell_world_count(w); i-- > 0;) {
        struct node *s = openshell_world_at(w, (int)i), *left = node_get(s, "left");

        if (left == NULL || left->num < 0)
            continue;
        if (left->num > 0) {
            left->num -= 1;
            continue;
        }
        if (text_eq(node_str(node_get(s, "phase")), "Deleting")) {
            openshell_world_drop(w, (int)i);
            continue;
        }
        node_unset(s, "left");
        node_set(w->a, s, "phase", node_string(w->a, "Ready"));
        openshell_world_touch(w, s);
    }
}
