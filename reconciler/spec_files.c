#include "reconciler/spec_files.h"

#include "spec/base/limits.h"
#include "spec/base/path.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SWAPS_MAX 5 /* of ..data under our reading; then what was read last is taken */

struct reading {
    struct arena *a;
    const struct spec_files_conf *conf;
    struct diags *d;
    VEC(struct spec_file) files;
    VEC(const char *) watch;
    bool full; /* SPEC_FILES_MAX was reached, and told */
};

static void fail(struct reading *r, const char *name, const char *msg)
{
    diag_error(r->d, ((struct pos){.file = name}), "", "%s", msg);
}

static bool is_spec_name(const char *name)
{
    return name[0] != '.' && (text_has_suffix(name, ".yaml") || text_has_suffix(name, ".yml") || text_has_suffix(name, ".json"));
}

static int by_text(const void *a, const void *b)
{
    return text_cmp(*(const char *const *)a, *(const char *const *)b);
}

/* `name` is what positions show, `path` where it is. */
static void read_file(struct reading *r, const char *name, const char *path)
{
    const struct fs *fs = r->conf->fs;
    struct spec_file f = {.name = name, .dir = path_dirname(r->a, path)};
    struct err e = {0};
    char *bytes = NULL;
    if (r->files.n >= SPEC_FILES_MAX) {
        if (!r->full)
            fail(r, name, arena_printf(r->a, "more than %u spec files", SPEC_FILES_MAX));
        r->full = true;
        return;
    }
    if (fs->read(fs->ctx, r->a, path, LIMIT_DOC_BYTES, &bytes, &f.n, &e) < 0) {
        fail(r, name, e.msg);
        return;
    }
    /* As a writer leaves it for a moment, or a full disk for long: no wish that all that was in it be gone. */
    if (f.n == 0) {
        fail(r, name, "is empty: remove the file where nothing in it is wanted any more");
        return;
    }
    if (memchr(bytes, '\0', f.n)) {
        fail(r, name, "is no text: it holds a NUL byte");
        return;
    }
    f.bytes = bytes;
    VEC_PUSH(r->a, &r->files, f);
}

/* The names of the specs in a directory, sorted. -1 where it cannot be listed; NOT_FOUND by errno. */
static int list_directory(struct arena *a, const char *path, const char ***ret, size_t *ret_n)
{
    VEC(const char *) names = {0};
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            break;
        if (is_spec_name(entry->d_name))
            VEC_PUSH(a, &names, arena_strdup(a, entry->d_name));
    }
    int failed = errno;
    closedir(dir);
    if (failed) {
        errno = failed;
        return -1;
    }
    if (names.n > 1)
        qsort(names.v, names.n, sizeof *names.v, by_text);
    *ret = names.v;
    *ret_n = names.n;
    return 0;
}

/* Where ..data leads, or "" where there is none. */
static const char *data_link(struct reading *r, const char *path)
{
    const struct fs *fs = r->conf->fs;
    struct err e = {0};
    char *target = NULL;
    return fs->readlink(fs->ctx, r->a, path_join(r->a, path, "..data"), &target, &e) < 0 ? "" : target;
}

/* The number of specs found, 0 also where there is no such directory; -1 after adding an error. */
static int read_directory(struct reading *r, const char *name, const char *path)
{
    size_t files_before = r->files.n;
    struct diags before = *r->d;
    for (int turn = 0;; turn++) {
        const char *link = data_link(r, path);
        const char **names = NULL;
        size_t n = 0;
        if (list_directory(r->a, path, &names, &n) < 0) {
            struct err e = {0};
            if (errno == ENOENT || errno == ENOTDIR)
                return 0;
            err_sys(&e, ERR_IO, errno, "cannot be listed");
            fail(r, name, e.msg);
            return -1;
        }
        for (size_t i = 0; i < n; i++)
            read_file(r, path_join(r->a, name, names[i]), path_join(r->a, path, names[i]));
        if (turn == SWAPS_MAX || strcmp(link, data_link(r, path)) == 0)
            return (int)n;
        /* Swapped meanwhile: some files are of the old version. */
        r->files.n = files_before;
        r->d->n = before.n;
        r->d->n_errors = before.n_errors;
    }
}

static void read_named(struct reading *r, const char *name)
{
    const struct fs *fs = r->conf->fs;
    const char *path = path_resolve(r->a, r->conf->cwd, name);
    struct fs_stat st = {0};
    struct err e = {0};
    VEC_PUSH(r->a, &r->watch, path);
    if (!*name)
        fail(r, "''", "is no name of a file or directory");
    else if (fs->stat(fs->ctx, path, true, &st, &e) < 0)
        fail(r, name, e.msg);
    else if (st.kind != FS_DIR)
        read_file(r, name, path);
    else if (read_directory(r, name, path) == 0)
        fail(r, name, "the directory holds no spec: no name ends in .yaml, .yml or .json");
}

static bool read_default(struct reading *r)
{
    const char *etc = r->conf->etc ? r->conf->etc : "/etc";
    const char *places[2] = {r->conf->xdg_config, etc};
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        if (!places[i])
            continue;
        const char *path = path_join(r->a, places[i], "reconclaw");
        VEC_PUSH(r->a, &r->watch, path);
        if (!found)
            found = read_directory(r, path, path) != 0; /* one that cannot be read is not passed over */
    }
    return found;
}

int spec_files_read(struct arena *a, const struct spec_files_conf *conf, const char *const *names, size_t n_names,
                    struct diags *d, struct spec_files *ret)
{
    struct reading r = {.a = a, .conf = conf, .d = d};
    size_t errors = d->n_errors;
    for (size_t i = 0; i < n_names; i++)
        read_named(&r, names[i]);
    bool found = n_names > 0 || read_default(&r);
    *ret = (struct spec_files){.v = r.files.v, .n = r.files.n, .implied = !found, .watch = r.watch.v, .n_watch = r.watch.n};
    return d->n_errors > errors ? -1 : 0;
}
