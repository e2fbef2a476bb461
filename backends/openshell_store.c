#include "backends/openshell_store.h"

#include "spec/base/digest.h"
#include "spec/base/num.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"
#include "spec/read/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_MAX_ENTRIES 100000

/* --- records --------------------------------------------------------------------------------------------------------------- */

static const char *const stages[] = {
    [OPENSHELL_CREATING] = "creating",
    [OPENSHELL_FILLING] = "filling",
    [OPENSHELL_SETUP_FAILED] = "setup-failed",
    [OPENSHELL_MADE] = "made",
};

static bool get_text(const struct node *root, const char *key, const char **ret)
{
    const struct node *n = node_get(root, key);

    if (n == NULL)
        return true;
    *ret = node_str(n);
    return *ret != NULL && strlen(*ret) == n->s_n;
}

int openshell_record_decode(struct arena *a, const char *bytes, size_t n, struct openshell_record *ret, struct err *e)
{
    struct openshell_record r = {.stage = OPENSHELL_STAGE_COUNT, .kind = RUNTIME_KIND_COUNT};
    const char *stage = NULL, *kind = NULL;
    const struct node *root, *created;

    if (n > OPENSHELL_RECORD_BYTES)
        return err_set(e, ERR_INPUT, 0, "larger than %u bytes", OPENSHELL_RECORD_BYTES);
    root = json_read_err(a, "record", bytes, n, e);
    if (root == NULL)
        return -1;
    created = node_get(root, "createdAtMs");
    if (!get_text(root, "endpoint", &r.endpoint) || !get_text(root, "name", &r.name) || !get_text(root, "id", &r.id) ||
        !get_text(root, "install", &r.install) || !get_text(root, "owner", &r.owner) || !get_text(root, "hash", &r.hash) ||
        !get_text(root, "scopeKey", &r.scope_key) || !get_text(root, "setup", &r.setup) || !get_text(root, "stage", &stage) ||
        !get_text(root, "kind", &kind))
        return err_set(e, ERR_INPUT, 0, "a member that is no text");
    for (size_t i = 0; i < OPENSHELL_STAGE_COUNT; i++)
        if (text_eq(stages[i], stage))
            r.stage = (enum openshell_stage)i;
    for (int i = 0; i < RUNTIME_KIND_COUNT; i++)
        if (text_eq(runtime_kind_name((enum runtime_kind)i), kind))
            r.kind = (enum runtime_kind)i;
    if (r.endpoint == NULL || r.name == NULL || r.name[0] == '\0' || r.install == NULL || r.owner == NULL ||
        r.stage == OPENSHELL_STAGE_COUNT || r.kind == RUNTIME_KIND_COUNT || (r.id == NULL && r.stage != OPENSHELL_CREATING))
        return err_set(e, ERR_INPUT, 0, "no record of a sandbox");
    if (!node_is(created, NODE_NUMBER) || created->num < -JS_MAX_SAFE_INTEGER || created->num > JS_MAX_SAFE_INTEGER ||
        created->num != (double)(int64_t)created->num)
        return err_set(e, ERR_INPUT, 0, "createdAtMs: no whole number");
    r.created_at_ms = (int64_t)created->num;
    r.create = node_get(root, "create");
    if (!node_is(r.create, NODE_OBJECT))
        return err_set(e, ERR_INPUT, 0, "create: no object");
    *ret = r;
    return 0;
}

static void set_text(struct arena *a, struct node *n, const char *key, const char *value)
{
    if (value != NULL)
        node_set(a, n, key, node_string(a, value));
}

char *openshell_record_encode(struct arena *a, const struct openshell_record *r, size_t *ret_n)
{
    struct node *root = node_object(a);
    BUF_AUTO text = BUF_INIT(OPENSHELL_RECORD_BYTES * 2);

    set_text(a, root, "endpoint", r->endpoint);
    set_text(a, root, "name", r->name);
    set_text(a, root, "id", r->id);
    set_text(a, root, "install", r->install);
    set_text(a, root, "owner", r->owner);
    set_text(a, root, "hash", r->hash);
    set_text(a, root, "scopeKey", r->scope_key);
    set_text(a, root, "setup", r->setup);
    set_text(a, root, "stage", stages[r->stage]);
    set_text(a, root, "kind", runtime_kind_name(r->kind));
    node_set(a, root, "createdAtMs", node_number(a, (double)r->created_at_ms));
    node_set(a, root, "create", (struct node *)r->create);
    node_emit(&text, root, 2, 0);
    buf_putc(&text, '\n');
    *ret_n = text.n;
    return arena_memdup0(a, buf_str(&text), text.n);
}

/* --- the directory --------------------------------------------------------------------------------------------------------- */

static char *file_of(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name, const char *suffix)
{
    const char *key = arena_printf(a, "%s\n%s", endpoint, name);

    return arena_printf(a, "%s/%.32s%s", s->dir, digest_sha256(a, key, strlen(key)), suffix);
}

static int make_dir(const struct openshell_store *s, struct err *e)
{
    struct stat st;

    if (s->dir == NULL)
        return err_set(e, ERR_IO, 0, "there is no state directory to write sandboxes down in");
    if (mkdir(s->dir, 0700) < 0 && errno != EEXIST)
        return err_sys(e, ERR_IO, errno, "%s", s->dir);
    if (lstat(s->dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return err_set(e, ERR_IO, 0, "%s: no directory of ours", s->dir);
    return 0;
}

/* 0 with *ret NULL: there is no such file, or none of ours. */
static int slurp(struct arena *a, const char *path, char **ret, size_t *ret_n, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    size_t n = 0;
    ssize_t got = 0;
    char *bytes;

    *ret = NULL;
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? 0 : err_sys(e, ERR_UNAVAILABLE, errno, "%s", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size > OPENSHELL_RECORD_BYTES) {
        close(fd);
        return 0;
    }
    bytes = arena_alloc(a, (size_t)st.st_size + 1);
    while (n < (size_t)st.st_size && (got = read(fd, bytes + n, (size_t)st.st_size - n)) > 0)
        n += (size_t)got;
    close(fd);
    if (got < 0)
        return err_sys(e, ERR_UNAVAILABLE, errno, "%s", path);
    *ret = bytes;
    *ret_n = n;
    return 0;
}

int openshell_store_read(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name,
                         struct openshell_record *ret, struct err *e)
{
    struct err ignored;
    char *bytes = NULL;
    size_t n = 0;

    *ret = (struct openshell_record){0};
    if (s->dir == NULL)
        return 0;
    if (slurp(a, file_of(s, a, endpoint, name, ".json"), &bytes, &n, e) < 0)
        return -1;
    if (bytes == NULL || openshell_record_decode(a, bytes, n, ret, &ignored) < 0 || !text_eq(ret->endpoint, endpoint) ||
        !text_eq(ret->name, name))
        *ret = (struct openshell_record){0};
    return 0;
}

int openshell_store_list(const struct openshell_store *s, struct arena *a, const char *endpoint, struct openshell_record **ret,
                         size_t *ret_n, struct err *e)
{
    VEC(struct openshell_record) out = {0};
    const struct dirent *ent;
    size_t seen = 0;
    int r = 0;
    DIR *d;

    *ret = NULL;
    *ret_n = 0;
    if (s->dir == NULL)
        return 0;
    d = opendir(s->dir);
    if (d == NULL)
        return errno == ENOENT ? 0 : err_sys(e, ERR_UNAVAILABLE, errno, "%s", s->dir);
    while (r == 0 && (ent = readdir(d)) != NULL) {
        struct openshell_record rec;
        struct err ignored;
        char *bytes = NULL;
        size_t n = 0;

        if (!text_has_suffix(ent->d_name, ".json"))
            continue;
        if (++seen > STORE_MAX_ENTRIES)
            r = err_set(e, ERR_UNAVAILABLE, 0, "%s: more than %d records", s->dir, STORE_MAX_ENTRIES);
        else
            r = slurp(a, arena_printf(a, "%s/%s", s->dir, ent->d_name), &bytes, &n, e);
        if (r == 0 && bytes != NULL && openshell_record_decode(a, bytes, n, &rec, &ignored) == 0 &&
            text_eq(rec.endpoint, endpoint))
            VEC_PUSH(a, &out, rec);
    }
    (void)closedir(d);
    *ret = out.v;
    *ret_n = out.n;
    return r;
}

static int sync_dir(const char *dir, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "%s", dir);
    r = fsync(fd);
    close(fd);
    return r < 0 ? err_sys(e, ERR_IO, errno, "%s", dir) : 0;
}

int openshell_store_write(const struct openshell_store *s, struct arena *a, const struct openshell_record *r, struct err *e)
{
    size_t n, done = 0;
    char *bytes = openshell_record_encode(a, r, &n), *path, *tmp;
    int fd, sys;

    if (make_dir(s, e) < 0)
        return -1;
    path = file_of(s, a, r->endpoint, r->name, ".json");
    tmp = arena_printf(a, "%s.new", path);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(e, ERR_IO, errno, "%s", tmp);
    while (done < n) {
        ssize_t put = write(fd, bytes + done, n - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            break;
        done += (size_t)put;
    }
    sys = done < n || fsync(fd) < 0 ? errno : 0;
    close(fd);
    if (sys == 0 && rename(tmp, path) < 0)
        sys = errno;
    if (sys != 0) {
        (void)unlink(tmp);
        return err_sys(e, ERR_IO, sys, "writing %s", path);
    }
    return sync_dir(s->dir, e);
}

int openshell_store_remove(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name,
                           struct err *e)
{
    if (s->dir == NULL)
        return 0;
    if (unlink(file_of(s, a, endpoint, name, ".json")) < 0)
        return errno == ENOENT ? 0 : err_sys(e, ERR_IO, errno, "removing the record of '%s'", name);
    return sync_dir(s->dir, e);
}

/* --- locks ----------------------------------------------------------------------------------------------------------------- */

int openshell_store_lock(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name,
                         const struct deadline *d, int *ret_fd, struct err *e)
{
    const char *path;

    *ret_fd = -1;
    if (s->dir == NULL)
        return 0;
    if (make_dir(s, e) < 0)
        return -1;
    path = file_of(s, a, endpoint, name, ".lock");
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        struct stat mine, there;

        if (fd < 0)
            return err_sys(e, ERR_IO, errno, "%s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            /* Whoever held it last may have taken the file away. */
            if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) {
                *ret_fd = fd;
                return 0;
            }
            close(fd);
            continue;
        }
        close(fd);
        if (deadline_pause(d, "another act on this sandbox", DEADLINE_SLICE_MS, e) < 0) {
            if (e->class == ERR_TIMEOUT)
                e->class = ERR_BUSY;
            return -1;
        }
    }
}

void openshell_store_unlock(const struct openshell_store *s, struct arena *a, const char *endpoint, const char *name, int fd)
{
    if (fd < 0)
        return;
    (void)unlink(file_of(s, a, endpoint, name, ".lock"));
    close(fd);
}

/* --- scratch --------------------------------------------------------------------------------------------------------------- */

int openshell_store_scratch(const struct openshell_store *s, struct arena *a, char **ret, struct err *e)
{
    char *dir;

    if (make_dir(s, e) < 0)
        return -1;
    dir = arena_printf(a, "%s/scratch-XXXXXX", s->dir);
    if (mkdtemp(dir) == NULL)
        return err_sys(e, ERR_IO, errno, "%s", dir);
    *ret = dir;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)remove(path);
    return 0;
}

void openshell_store_discard(const char *scratch)
{
    if (scratch != NULL)
        (void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
