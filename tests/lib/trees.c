#include "tests/lib/trees.h"

#include "backends/proc.h"
#include "spec/manifest_diff.h"
#include "tests/lib/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool ok, const char *what, const char *path)
{
    if (!ok) {
        (void)fprintf(stderr, "trees: %s %s: %s\n", what, path, strerror(errno));
        abort();
    }
}

/* --- making ---------------------------------------------------------------------------------------------------------------- */

uint64_t trees_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static size_t below(uint64_t *state, size_t n)
{
    return (size_t)(trees_random(state) % n);
}

/* A name that is not there yet. */
static void random_name(uint64_t *state, char out[256], unsigned serial)
{
    static const char *const odd[] = {"with blank", "new\nline", "tab\t",       "h\xc3\xa9llo", "\xff\xfe", "\xe2\x80\xaertl",
                                      "-rf",        "a-b",       "back\\slash", "'quote\"",     "*",        ".hidden",
                                      "\x1b[31m",   "...",       "~",           "$(x)"};
    int n;

    switch (below(state, 8)) {
    case 0:
        n = snprintf(out, 256, "%s%u", odd[below(state, sizeof odd / sizeof *odd)], serial);
        break;
    case 1:
        n = snprintf(out, 256, "%u", serial);
        memset(out + n, 'n', 255 - (size_t)n);
        n = (int)(below(state, 200) + 55);
        break;
    default:
        n = snprintf(out, 256, "f%u", serial);
        break;
    }
    out[n] = '\0';
}

static void random_file(uint64_t *state, int dir, const char *name)
{
    static const size_t sizes[] = {0, 1, 511, 512, 513, 1000, TREE_CHUNK - 1, TREE_CHUNK, TREE_CHUNK + 1, 3 * TREE_CHUNK + 7};
    static const mode_t modes[] = {0644, 0644, 0600, 0755, 0400, 0664, 0777};
    size_t n = below(state, 3) ? below(state, 300) : sizes[below(state, sizeof sizes / sizeof *sizes)];
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    char *bytes = malloc(n + 8);

    must(fd >= 0 && bytes, "making", name);
    for (size_t i = 0; i < n; i += 8)
        memcpy(bytes + i, &(uint64_t){trees_random(state)}, 8);
    must(write(fd, bytes, n) == (ssize_t)n && fchmod(fd, modes[below(state, sizeof modes / sizeof *modes)]) == 0, "writing",
         name);
    free(bytes);
    close(fd);
}

static void random_link(uint64_t *state, int dir, const char *name, unsigned depth)
{
    static const char *const targets[] = {"f1", "nowhere", "./f2/../f3", ".", "a b", "f1/f2/f3"};
    char target[512];

    if (depth > 1 && below(state, 2) == 0)
        (void)snprintf(target, sizeof target, "../%s", targets[below(state, 6)]);
    else if (below(state, 4) == 0)
        (void)snprintf(target, sizeof target, "%0*d", (int)(90 + below(state, 300)), 7);
    else
        (void)snprintf(target, sizeof target, "%s", targets[below(state, 6)]);
    must(symlinkat(target, dir, name) == 0, "linking", name);
}

static void random_dir(uint64_t *state, int dir, unsigned depth, unsigned *left, unsigned *serial)
{
    unsigned n = 1 + (unsigned)below(state, 9);
    char name[256], last[256] = "";

    for (unsigned i = 0; i<n && * left> 0; i++) {
        (*left)--;
        random_name(state, name, (*serial)++);
        switch (below(state, 10)) {
        case 0:
            random_link(state, dir, name, depth);
            break;
        case 1:
            if (*last) {
                must(linkat(dir, last, dir, name, 0) == 0, "linking", name);
                break;
            }
            random_file(state, dir, name);
            break;
        case 2:
        case 3:
        case 4:
            must(mkdirat(dir, name, 0755) == 0, "making", name);
            if (depth < 12) {
                int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                must(fd >= 0, "opening", name);
                random_dir(state, fd, depth + 1, left, serial);
                must(fchmod(fd, below(state, 4) ? 0755 : 0700) == 0, "allowing", name);
                close(fd);
            }
            break;
        default:
            random_file(state, dir, name);
            memcpy(last, name, sizeof last);
            break;
        }
    }
}

void trees_make(const char *dir, uint64_t seed, unsigned n)
{
    uint64_t state = seed * 2654435761u + 88172645463325252u;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned serial = 0;

    must(fd >= 0, "opening", dir);
    while (n > 0)
        random_dir(&state, fd, 1, &n, &serial);
    close(fd);
}

/* --- streams
 * --------------------------------------------------------------------------------------------------------------------- */

static int memory_write(void *ctx, const void *p, size_t n, struct err *e)
{
    struct trees_memory *m = ctx;

    if (m->on_write)
        m->on_write(m->ctx, m->n);
    if (m->fail_at > 0 && m->n + n > m->fail_at)
        return err_set(e, ERR_UNAVAILABLE, 0, "the line is cut");
    m->s = realloc(m->s, m->n + n + 1);
    must(m->s != NULL, "keeping", "a stream");
    memcpy(m->s + m->n, p, n);
    m->n += n;
    return 0;
}

static int memory_read(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{
    struct trees_memory *m = ctx;
    size_t n = m->n - m->at;

    if (n > max)
        n = max;
    if (m->max_read > 0 && n > m->max_read)
        n = m->max_read;
    if (m->fail_at > 0 && m->at + n > m->fail_at)
        return err_set(e, ERR_UNAVAILABLE, 0, "the line is cut");
    if (n > 0)
        memcpy(p, m->s + m->at, n);
    m->at += n;
    *ret_n = n;
    return 0;
}

struct tree_sink trees_sink(struct trees_memory *m)
{
    return (struct tree_sink){.write = memory_write, .ctx = m};
}

struct tree_stream trees_stream(struct trees_memory *m)
{
    m->at = 0;
    return (struct tree_stream){.read = memory_read, .ctx = m};
}

void trees_memory_free(struct trees_memory *m)
{
    free(m->s);
    *m = (struct trees_memory){0};
}

/* --- tar
 * --------------------------------------------------------------------------------------------------------------------------- */

int trees_extract(const char *tar, const char *dir, const struct trees_memory *m)
{
    ARENA_AUTO a = arena_new();
    const char *argv[] = {"/bin/sh", "-c", arena_printf(a, "umask 0; exec %s -xf -", tar), NULL};
    struct proc_req req = {.argv = argv, .workdir = dir, .input = m->n > 0 ? m->s : "", .n_input = m->n};
    struct proc_result r;
    struct err e;

    must(proc_run(a, &req, &(struct call){.timeout_ms = 60000}, &r, &e) == 0, "running", tar);
    if (r.n_err > 0)
        (void)fprintf(stderr, "%s: %s\n", tar, r.err);
    return r.status;
}

void trees_create(const char *tar, const char *option, const char *dir, struct trees_memory *m)
{
    ARENA_AUTO a = arena_new();
    const char *argv[] = {"/bin/sh", "-c", arena_printf(a, "exec %s -cf - %s .", tar, option), NULL};
    struct proc_req req = {.argv = argv, .workdir = dir, .max_output = 256u << 20};
    struct proc_result r;
    struct err e;

    must(proc_run(a, &req, &(struct call){.timeout_ms = 60000}, &r, &e) == 0 && r.status == 0 && !r.out_cut, "running", tar);
    must(memory_write(m, r.out, r.n_out, &e) == 0, "keeping", "a stream");
}

struct manifest trees_manifest(struct arena *a, const char *dir)
{
    struct tree_dir d = {.name = "", .path = dir};
    struct tree_scan_req req = {.dirs = &d, .n_dirs = 1, .links = TREE_LINKS_KEEP, .digest = true};
    struct manifest m;
    struct tree *t;
    struct err e;

    if (tree_scan(a, &req, &(struct call){.timeout_ms = 60000}, &t, NULL, &e) < 0) {
        (void)fprintf(stderr, "trees: %s\n", e.msg);
        abort();
    }
    must(tree_manifest(t) != NULL, "knowing", dir);
    m = *tree_manifest(t);
    tree_close(t);
    return m;
}

void trees_assert_equal(const struct manifest *want, const struct manifest *got, const char *what)
{
    ARENA_AUTO a = arena_new();
    struct manifest_changes c = manifest_compare(a, want, got);
    BUF_AUTO b = BUF_INIT(100000);

    if (c.n == 0 && text_eq(want->tree, got->tree))
        return;
    manifest_changes_format(&b, &c, 20);
    (void)fprintf(stderr, "%s: not the same tree:\n%s", what, buf_str(&b));
    abort();
}
