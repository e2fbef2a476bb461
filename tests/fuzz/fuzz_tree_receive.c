/* Tar streams from anyone: whatever they hold, nothing appears but the one directory, what is in it is what the manifest says,
 * and reading without writing agrees about all of it. The first byte says how: links, special modes, compressed. Checksums of
 * headers are put right, since no mutation would find them. */
#include "backends/tree.h"
#include "tests/lib/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes {
    const char *s;
    size_t n, at;
};

static int bytes_read(void *ctx, void *p, size_t max, size_t *ret_n, struct err *e)
{
    struct bytes *b = ctx;
    size_t n = b->n - b->at < max ? b->n - b->at : max;

    if (n > 0)
        memcpy(p, b->s + b->at, n);
    b->at += n;
    *ret_n = n;
    return 0;
}

static void fix_checksums(char *s, size_t n)
{
    for (size_t at = 0; at + 512 <= n; at += 512) {
        char *h = s + at, sum[8];
        unsigned total = 0;

        if (memcmp(h + 257, "ustar", 5) != 0)
            continue;
        memset(h + 148, ' ', 8);
        for (size_t i = 0; i < 512; i++)
            total += (unsigned char)h[i];
        (void)snprintf(sum, sizeof sum, "%06o", total);
        memcpy(h + 148, sum, 7);
    }
}

static char base[64]; /* emptied after each input */

static void make_base(void)
{
    /* In memory, where there is such a place: every input is a directory or two. */
    (void)snprintf(base, sizeof base, "%s/reconclaw-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_ASSERT(mkdtemp(base) != NULL);
}

static void remove_base(void)
{
    (void)rmdir(base);
}

static size_t names_in(const char *dir)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    FUZZ_ASSERT(d != NULL);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void check_on_disk(const char *dir, const struct manifest *got)
{
    ARENA_AUTO a = arena_new();
    const struct tree_dir d = {.name = "", .path = dir};
    const struct tree_scan_req req = {.dirs = &d, .n_dirs = 1, .links = TREE_LINKS_KEEP, .digest = true};
    const struct manifest *there;
    struct tree *t;
    struct err e;

    FUZZ_ASSERT(tree_scan(a, &req, &(struct call){.timeout_ms = 60000}, &t, NULL, &e) == 0);
    there = tree_manifest(t);
    FUZZ_ASSERT(there && there->n == got->n);
    for (size_t i = 0; i < got->n; i++) {
        const struct manifest_entry *x = &got->v[i], *y = &there->v[i];

        FUZZ_ASSERT(text_eq(x->path, y->path) && x->type == y->type && x->size == y->size && text_eq(x->digest, y->digest) &&
                    text_eq(x->target, y->target) && (x->mode & 0777) == y->mode);
    }
    tree_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO a = arena_new();
    char to[96], *s;
    struct bytes b;
    struct tree_stream from = {.read = bytes_read, .ctx = &b};
    const struct call c = {.timeout_ms = 60000};
    struct tree_read_req req = {.limits = {.max_entries = 200, .max_bytes = 1u << 20}};
    struct manifest index, got;
    struct err e = {0}, e2 = {0};
    int fd, r, r2;

    if (size < 1)
        return 0;
    if (!*base) {
        make_base();
        (void)atexit(remove_base);
    }
    req.links = data[0] % TREE_LINKS_COUNT;
    req.special_modes = data[0] & 16;
    req.compressed = data[0] & 32;
    s = arena_memdup0(a, data + 1, size - 1);
    if (!req.compressed)
        fix_checksums(s, size - 1);
    b = (struct bytes){s, size - 1, 0};
    r = tree_index(a, &req, &from, &c, &index, NULL, &e);
    FUZZ_ASSERT(r == 0 || e.class == ERR_INPUT);
    b.at = 0;
    (void)snprintf(to, sizeof to, "%s/to", base);
    r2 = tree_receive(a, &req, &from, to, &c, &got, NULL, &e2);
    FUZZ_ASSERT(r == r2);
    FUZZ_ASSERT(names_in(base) == (r2 == 0));
    if (r2 < 0) {
        FUZZ_ASSERT(e2.class == ERR_INPUT);
        return 0;
    }
    FUZZ_ASSERT(text_eq(index.tree, got.tree));
    for (size_t i = 0; i < got.n; i++)
        FUZZ_ASSERT(got.v[i].type != MANIFEST_LINK || req.links == TREE_LINKS_KEEP ||
                    !manifest_link_escapes(&got, "", &got.v[i]));
    if (geteuid() == 0) /* anyone else could not read what has no such mode */
        check_on_disk(to, &got);
    fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FUZZ_ASSERT(tree_remove(fd, "to", &c, &e) == 0 && names_in(base) == 0);
    close(fd);
    return 0;
}
