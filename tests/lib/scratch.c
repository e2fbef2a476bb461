#include "tests/lib/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_MADE 64
static char *made[N_MADE]; /* NULL: a free place */
static pid_t maker;        /* 0: nothing made yet */

static void must(bool ok, const char *what, const char *path)
{
    if (!ok) {
        (void)fprintf(stderr, "scratch: %s %s: %s\n", what, path, strerror(errno));
        abort();
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)remove(path);
    return 0;
}

static int allow_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    if (type == FTW_DNR || type == FTW_D)
        (void)chmod(path, 0700);
    return 0;
}

/* Twice: a directory that could not be read is gone through only after it was allowed. */
static void remove_tree(const char *path)
{
    for (int i = 0; i < 2; i++) {
        (void)nftw(path, allow_one, 16, FTW_PHYS);
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* A test that failed half-way leaves its directory to this; a child leaves it to its parent. */
static void remove_made(void)
{
    if (getpid() == maker)
        for (size_t i = 0; i < N_MADE; i++)
            if (made[i])
                remove_tree(made[i]);
}

char *scratch_make(void)
{
    const char *base = getenv("TMPDIR");
    char *name = NULL, *dir;
    size_t i = 0;

    must(asprintf(&name, "%s/reconclaw-test-XXXXXX", base && *base ? base : "/tmp") > 0 && mkdtemp(name), "making",
         "a directory");
    dir = realpath(name, NULL);
    must(dir != NULL, "finding", name);
    free(name);
    if (!maker) {
        maker = getpid();
        must(atexit(remove_made) == 0, "remembering", dir);
    }
    while (i < N_MADE && made[i])
        i++;
    if (i < N_MADE)
        made[i] = dir;
    return dir;
}

void scratch_remove(char *dir)
{
    if (!dir)
        return;
    for (size_t i = 0; i < N_MADE; i++)
        if (made[i] == dir)
            made[i] = NULL;
    remove_tree(dir);
    free(dir);
}

void scratch_clear(const char *dir, const char *path)
{
    remove_tree(scratch_path(dir, path));
}

const char *scratch_path(const char *dir, const char *path)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *out = paths[next++ % 8];

    (void)snprintf(out, PATH_MAX, "%s/%s", dir, path);
    return out;
}

void scratch_mkdir(const char *dir, const char *path)
{
    char *full = strdup(scratch_path(dir, path));

    must(full != NULL, "making", path);
    for (char *p = full + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        must(mkdir(full, 0755) == 0 || errno == EEXIST, "making", full);
        *p = '/';
    }
    must(mkdir(full, 0755) == 0 || errno == EEXIST, "making", full);
    free(full);
}

static void make_parent(const char *dir, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent;

    if (!slash)
        return;
    parent = strndup(path, (size_t)(slash - path));
    must(parent != NULL, "making", path);
    scratch_mkdir(dir, parent);
    free(parent);
}

void scratch_write(const char *dir, const char *path, const void *bytes, size_t n, mode_t mode)
{
    int fd;

    make_parent(dir, path);
    fd = open(scratch_path(dir, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    must(fd >= 0 && fchmod(fd, mode) == 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0, "writing", path);
}

void scratch_symlink(const char *dir, const char *path, const char *target)
{
    make_parent(dir, path);
    must(symlink(target, scratch_path(dir, path)) == 0, "linking", path);
}

void scratch_write_text(const char *dir, const char *path, const char *text)
{
    scratch_write(dir, path, text, strlen(text), 0644);
}

char *scratch_read(const char *dir, const char *path, size_t *ret_n)
{
    int fd = open(scratch_path(dir, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *bytes = NULL;
    ssize_t n;

    if (fd < 0)
        return NULL;
    must(fstat(fd, &st) == 0 && (bytes = malloc((size_t)st.st_size + 1)) != NULL, "reading", path);
    n = read(fd, bytes, (size_t)st.st_size);
    must(n >= 0 && close(fd) == 0, "reading", path);
    bytes[n] = '\0';
    if (ret_n)
        *ret_n = (size_t)n;
    return bytes;
}

bool scratch_exists(const char *dir, const char *path)
{
    struct stat st;

    return lstat(scratch_path(dir, path), &st) == 0;
}

int scratch_count(const char *dir, const char *path)
{
    DIR *d = opendir(scratch_path(dir, path));
    struct dirent *entry;
    int n = 0;

    if (!d)
        return -1;
    while ((entry = readdir(d)))
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(d);
    return n;
}
