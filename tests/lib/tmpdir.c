#include "tests/lib/tmpdir.h"

#include "spec/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_MADE 16
static char made[N_MADE][PATH_MAX]; /* "": a free place */
static pid_t maker;                 /* 0: nothing made yet */

static void die(const char *what, const char *path)
{
    fprintf(stderr, "%s '%s': %s\n", what, path, strerror(errno));
    exit(1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

static int allow_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    if (kind == FTW_DNR)
        chmod(path, 0700);
    return 0;
}

void tmpdir_remove(const char *path)
{
    nftw(path, allow_one, 16, FTW_PHYS);
    nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
    for (size_t i = 0; i < N_MADE; i++)
        if (strcmp(made[i], path) == 0)
            made[i][0] = '\0';
}

static void remove_made(void)
{
    if (getpid() == maker)
        for (size_t i = 0; i < N_MADE; i++)
            if (made[i][0])
                tmpdir_remove(made[i]);
}

char *tmpdir_new(struct arena *a)
{
    const char *base = getenv("TMPDIR");
    char *name = arena_printf(a, "%s/reconclaw-test-XXXXXX", base && base[0] ? base : "/tmp");
    size_t i = 0;

    while (i < N_MADE && made[i][0])
        i++;
    errno = EMFILE;
    if (i == N_MADE || !mkdtemp(name) || !realpath(name, made[i]))
        die("making", name);
    if (!maker) {
        maker = getpid();
        atexit(remove_made);
    }
    return arena_strdup(a, made[i]);
}

char *tmpdir_path(struct arena *a, const char *dir, const char *rel)
{
    return path_resolve(a, dir, rel);
}

static void make_parents(const char *path)
{
    char dir[PATH_MAX];

    for (const char *p = path + 1; (p = strchr(p, '/')); p++) {
        snprintf(dir, sizeof dir, "%.*s", (int)(p - path), path);
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
            die("making", dir);
    }
}

void tmpdir_write(const char *dir, const char *rel, const char *bytes, size_t n)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, rel);
    make_parents(path);
    FILE *f = fopen(path, "we");
    if (!f || (n > 0 && fwrite(bytes, n, 1, f) != 1) || fclose(f) != 0)
        die("writing", path);
}

void tmpdir_puts(const char *dir, const char *rel, const char *text)
{
    tmpdir_write(dir, rel, text, strlen(text));
}

void tmpdir_symlink(const char *dir, const char *rel, const char *target)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, rel);
    make_parents(path);
    if (symlink(target, path) < 0)
        die("linking", path);
}

char *tmpdir_slurp(struct arena *a, const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    struct stat st;

    if (!f || fstat(fileno(f), &st) < 0)
        die("reading", path);
    char *bytes = arena_alloc(a, (size_t)st.st_size + 1);
    size_t n = fread(bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    if (ret_n)
        *ret_n = n;
    return bytes;
}
