#include "state/shards.h"

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file changed this shortly before it was read may change again without its time stamp showing it. */
#define FRESH_MS 2000

static const enum runtime_kind kinds[] = {RUNTIME_CONTAINER, RUNTIME_BROWSER};
#define N_KINDS (sizeof kinds / sizeof *kinds)

char *shards_dir_path(struct arena *a, const struct shards *s, enum runtime_kind kind)
{
    return arena_printf(a, "%s/sandbox/%s", s->state_dir, shard_dir_name(kind));
}

static const char *hidden_text = "what was recorded there is unknown";

/* --- the cache -------------------------------------------------------------------------------------------------------------- */

/* What a file was when it was read, and what it held: a shard, or the issues with it. */
struct cached {
    const char *name;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
    bool has_shard;
    struct shard shard;
    struct issues issues;
};

struct cached_dir {
    struct arena *arena;
    struct cached *v; /* by name */
    size_t n;
};

struct shards_cache {
    struct cached_dir dirs[N_KINDS];
    size_t opened;
};

struct shards_cache *shards_cache_new(void)
{
    struct shards_cache *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    return c;
}

void shards_cache_free(struct shards_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < N_KINDS; i++)
        arena_free(c->dirs[i].arena);
    free(c);
}

size_t shards_cache_opened(const struct shards_cache *c)
{
    return c->opened;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_fresh(const struct stat *st, int64_t now_ms)
{
    int64_t changed_ms = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;

    return changed_ms + FRESH_MS > now_ms;
}

/* The unchanged entry of this name, or NULL. `from` runs through the sorted entries along with the sorted names. */
static const struct cached *cache_find(const struct cached_dir *dir, size_t *from, int dir_fd, const char *name)
{
    const struct cached *c;
    struct stat st;

    while (*from < dir->n && strcmp(dir->v[*from].name, name) < 0)
        (*from)++;
    if (*from == dir->n || strcmp(dir->v[*from].name, name) != 0)
        return NULL;
    c = &dir->v[*from];
    if (fstatat(dir_fd, name, &st, 0) < 0 || st.st_dev != c->dev || st.st_ino != c->ino || st.st_size != c->size ||
        !same_time(st.st_mtim, c->mtime) || !same_time(st.st_ctim, c->ctime))
        return NULL;
    return c;
}

static struct cached copy_cached(struct arena *a, const struct cached *from)
{
    struct cached c = *from;

    c.name = arena_strdup(a, from->name);
    if (from->has_shard) {
        c.shard.rec = shard_copy_record(a, &from->shard.rec);
        c.shard.file = c.name;
    }
    c.issues = (struct issues){0};
    for (size_t i = 0; i < from->issues.n; i++)
        VEC_PUSH(a, &c.issues, issue_copy(a, &from->issues.v[i]));
    return c;
}

/* --- reading one file ------------------------------------------------------------------------------------------------------- */

struct reading {
    struct arena *arena;
    const struct shards *s;
    const struct file_dir *dir;
    enum runtime_kind kind;
    int64_t now_ms;
    uint64_t total_bytes;
};

/* Fields that OpenClaw's own code relies on, and the kind they must have there. */
static const struct {
    const char *key;
    enum node_kind kind;
    bool browser_only;
} typed_fields[] = {
    {"sessionKey", NODE_STRING, false}, {"createdAtMs", NODE_NUMBER, false}, {"lastUsedAtMs", NODE_NUMBER, false},
    {"image", NODE_STRING, false},      {"configHash", NODE_STRING, false},  {"cdpPort", NODE_NUMBER, true},
    {"noVncPort", NODE_NUMBER, true},
};

static void check_fields(const struct reading *r, const struct node *entry, struct cached *c)
{
    for (size_t i = 0; i < sizeof typed_fields / sizeof *typed_fields; i++) {
        const struct node *v = node_get(entry, typed_fields[i].key);

        if (v && !node_is(v, typed_fields[i].kind) && (!typed_fields[i].browser_only || r->kind == RUNTIME_BROWSER))
            issue_add(r->arena, &c->issues, ISSUE_FIELD, r->dir->path, c->name, c->shard.rec.name, false,
                      "%s is a %s, not a %s: taken for absent", typed_fields[i].key, node_kind_name(v->kind),
                      node_kind_name(typed_fields[i].kind));
    }
}

static void decode_shard(const struct reading *r, const char *bytes, size_t n, struct cached *c)
{
    const struct node *name;
    struct node *entry;
    struct err e = {0};

    if (shard_decode(r->arena, bytes, n, &entry, &e) < 0) {
        issue_add(r->arena, &c->issues, ISSUE_CORRUPT, r->dir->path, c->name, NULL, true, "%s: %s", e.msg, hidden_text);
        return;
    }
    name = node_get(entry, "containerName");
    if (strlen(name->s) != name->s_n) {
        issue_add(r->arena, &c->issues, ISSUE_CORRUPT, r->dir->path, c->name, NULL, true,
                  "containerName is no name: it holds a NUL");
        return;
    }
    if (shard_normalise(r->arena, r->kind, entry, &e) < 0) {
        issue_add(r->arena, &c->issues, ISSUE_CORRUPT, r->dir->path, c->name, name->s, true,
                  "%s: OpenClaw shows no runtime at all while this file is there", e.msg);
        return;
    }
    c->has_shard = true;
    c->shard.rec = shard_to_record(r->arena, r->kind, entry);
    c->shard.rec.install = arena_strdup(r->arena, r->s->install);
    c->shard.rec.version = digest_sha256(r->arena, bytes, n);
    c->shard.file = c->name;
    c->shard.misnamed = !text_eq(c->name, shard_file_name(r->arena, name->s, name->s_n));
    if (c->shard.misnamed)
        issue_add(r->arena, &c->issues, ISSUE_MISNAMED, r->dir->path, c->name, c->shard.rec.name, false,
                  "holds the entry of '%s', whose file is %s", c->shard.rec.name, shard_file_name(r->arena, name->s, name->s_n));
    if (name->s_n == 0) {
        c->shard.shadowed = true;
        issue_add(r->arena, &c->issues, ISSUE_FIELD, r->dir->path, c->name, NULL, false, "containerName is empty: not used");
    }
    check_fields(r, entry, c);
}

/* False where the file went away between the listing and now: another's removal, no issue. */
static bool read_shard(struct reading *r, const struct file_name *file, struct cached *c)
{
    struct stat st = {0};
    struct err e = {0};
    char *bytes;
    size_t n;

    c->name = file->name;
    if (file->type == DT_LNK)
        issue_add(r->arena, &c->issues, ISSUE_SYMLINK, r->dir->path, file->name, NULL, false,
                  "a symbolic link: read as OpenClaw does, never written");
    if (file_read(r->arena, r->dir, file->name, LIMIT_SHARD_BYTES, &bytes, &n, &st, &e) < 0) {
        if (e.class == ERR_NOT_FOUND && file->type != DT_LNK)
            return false;
        issue_add_err(r->arena, &c->issues, r->dir->path, file->name, &e);
        return true;
    }
    r->total_bytes += n;
    decode_shard(r, bytes, n, c);
    /* A link's own stamps say nothing of its target, and fresh ones nothing of what comes next. */
    if (!is_fresh(&st, r->now_ms)) {
        c->dev = st.st_dev;
        c->ino = st.st_ino;
        c->size = st.st_size;
        c->mtime = st.st_mtim;
        c->ctime = st.st_ctim;
    }
    return true;
}

/* Everything that is no shard: locks, leftovers, strangers. Looked at anew each time. */
static void tell_other(const struct reading *r, const struct file_name *file, struct issues *issues)
{
    struct lock_holder holder;
    enum lock_verdict verdict;
    struct err e = {0};

    if (text_has_suffix(file->name, ".json.lock")) {
        if (lock_look(r->dir, file->name, r->now_ms, &holder, &verdict, &e) < 0) {
            if (e.class != ERR_NOT_FOUND)
                issue_add_err(r->arena, issues, r->dir->path, file->name, &e);
        } else if (verdict != LOCK_HELD) {
            issue_add(r->arena, issues, ISSUE_STALE_LOCK, r->dir->path, file->name, NULL, false,
                      "a lock nobody holds (%s, pid %lld): the next writer takes it over", lock_verdict_name(verdict),
                      (long long)holder.pid);
        }
    } else if (file_is_leftover(file->name)) {
        issue_add(r->arena, issues, ISSUE_LEFTOVER, r->dir->path, file->name, NULL, false, "left over from an interrupted write");
    } else {
        issue_add(r->arena, issues, ISSUE_ALIEN, r->dir->path, file->name, NULL, false, "no file of the registry");
    }
}

/* --- reading a directory ---------------------------------------------------------------------------------------------------- */

static void add_to_view(struct arena *a, struct shards_view *view, size_t *cap, const struct cached *c, bool copy)
{
    const struct cached own = copy ? copy_cached(a, c) : *c;

    for (size_t i = 0; i < own.issues.n; i++)
        VEC_PUSH(a, &view->issues, own.issues.v[i]);
    if (!own.has_shard)
        return;
    if (view->n == *cap)
        view->v = vec_grow(a, view->v, view->n, cap, sizeof *view->v);
    view->v[view->n++] = own.shard;
}

/* Keeps what was read for the next time. Nothing is copied where nothing changed. */
static void cache_keep(struct cached_dir *dir, const struct cached *v, size_t n, bool changed)
{
    struct cached_dir next = {0};

    if (!changed && n == dir->n)
        return;
    next.arena = arena_new();
    next.v = ARENA_ARRAY(next.arena, struct cached, n);
    for (size_t i = 0; i < n; i++)
        next.v[next.n++] = copy_cached(next.arena, &v[i]);
    arena_free(dir->arena);
    *dir = next;
}

static int read_kind(struct reading *r, struct shards_cache *cache, struct cached_dir *known, struct shards_view *view,
                     size_t *cap, struct err *e)
{
    VEC(struct cached) all = {0};
    struct file_name *names;
    size_t n_names, from = 0;
    bool changed = false;

    if (file_list(r->arena, r->dir, &names, &n_names, e) < 0)
        return -1;
    for (size_t i = 0; i < n_names; i++) {
        const struct cached *old;
        struct cached c = {0};

        if (!text_has_suffix(names[i].name, ".json")) {
            tell_other(r, &names[i], &view->issues);
            continue;
        }
        old = known ? cache_find(known, &from, r->dir->fd, names[i].name) : NULL;
        if (!old) {
            changed = true;
            if (cache)
                cache->opened++;
            if (!read_shard(r, &names[i], &c))
                continue;
        }
        if (r->total_bytes > SHARDS_TOTAL_BYTES)
            return err_set(e, ERR_INPUT, EFBIG, "reading %s: more than %llu bytes of shards", r->dir->path,
                           (unsigned long long)SHARDS_TOTAL_BYTES);
        add_to_view(r->arena, view, cap, old ? old : &c, old != NULL);
        VEC_PUSH(r->arena, &all, old ? *old : c);
    }
    if (known)
        cache_keep(known, all.v, all.n, changed);
    return 0;
}

struct by_name {
    struct shard *shard;
};

static int by_runtime_cmp(const void *pa, const void *pb)
{
    const struct shard *a = ((const struct by_name *)pa)->shard, *b = ((const struct by_name *)pb)->shard;
    int c = (int)a->rec.kind - (int)b->rec.kind;

    c = c ? c : strcmp(a->rec.name, b->rec.name);
    c = c ? c : (int)a->misnamed - (int)b->misnamed;
    return c ? c : strcmp(a->file, b->file);
}

/* Of several records of one runtime the one under its own file name counts, since OpenClaw's look by name finds that one. */
static void mark_duplicates(struct arena *a, const struct shards *s, struct shards_view *view)
{
    struct by_name *sorted = ARENA_ARRAY(a, struct by_name, view->n);

    for (size_t i = 0; i < view->n; i++)
        sorted[i].shard = &view->v[i];
    if (view->n > 0)
        qsort(sorted, view->n, sizeof *sorted, by_runtime_cmp);
    for (size_t i = 1; i < view->n; i++) {
        struct shard *first = sorted[i - 1].shard, *later = sorted[i].shard;

        if (first->rec.kind != later->rec.kind || !text_eq(first->rec.name, later->rec.name))
            continue;
        later->shadowed = true;
        issue_add(a, &view->issues, ISSUE_DUPLICATE, shards_dir_path(a, s, later->rec.kind), later->file, later->rec.name, false,
                  "a second entry of '%s': not used", later->rec.name);
    }
}

int shards_read(struct arena *a, const struct shards *s, struct shards_cache *cache, int64_t now_ms, struct shards_view *ret,
                struct err *e)
{
    struct shards_view view = {0};
    size_t cap = 0;

    if (cache)
        cache->opened = 0;
    for (size_t i = 0; i < N_KINDS; i++) {
        struct file_dir dir = {.fd = -1};
        struct reading r = {.arena = a, .s = s, .dir = &dir, .kind = kinds[i], .now_ms = now_ms};
        struct err own = {0};
        int rc;

        if (file_dir_open(shards_dir_path(a, s, kinds[i]), false, s->hook, &dir, &own) < 0) {
            if (own.class == ERR_NOT_FOUND)
                continue;
            *e = own;
            return -1;
        }
        rc = read_kind(&r, cache, cache ? &cache->dirs[i] : NULL, &view, &cap, e);
        file_dir_close(&dir);
        if (rc < 0)
            return -1;
    }
    mark_duplicates(a, s, &view);
    *ret = view;
    return 0;
}

struct record *shards_records(struct arena *a, const struct shards_view *v, size_t *ret_n)
{
    struct record *records = ARENA_ARRAY(a, struct record, v->n);
    size_t n = 0;

    for (size_t i = 0; i < v->n; i++)
        if (!v->v[i].shadowed)
            records[n++] = v->v[i].rec;
    *ret_n = n;
    return records;
}

bool shards_is_hidden(const struct shards_view *v, enum runtime_kind kind, const char *name)
{
    ARENA_AUTO a = arena_new();
    const char *path = arena_printf(a, "/%s/%s", shard_dir_name(kind), shard_file_name(a, name, strlen(name)));

    for (size_t i = 0; i < v->issues.n; i++) {
        const struct issue *is = &v->issues.v[i];

        if (is->hides_record &&
            (text_has_suffix(is->path, path) ||
             (text_eq(is->runtime, name) && strstr(is->path, arena_printf(a, "/sandbox/%s/", shard_dir_name(kind))))))
            return true;
    }
    return false;
}

struct listing {
    struct arena *arena;
    struct oc_collator *collator;
    struct err *err;
    bool failed;
};

static int listed_cmp(const void *pa, const void *pb, void *ctx)
{
    const struct shard *a = pa, *b = pb;
    struct listing *l = ctx;
    int c = (int)a->rec.kind - (int)b->rec.kind;

    if (c == 0 && !l->failed)
        l->failed =
            oc_collate(l->arena, l->collator, a->rec.name, strlen(a->rec.name), b->rec.name, strlen(b->rec.name), &c, l->err) < 0;
    return c ? c : strcmp(a->file, b->file);
}

int shards_sort_listed(struct shards_view *v, struct oc_collator *collator, struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct listing l = {.arena = a, .collator = collator, .err = e};

    if (v->n > 0)
        qsort_r(v->v, v->n, sizeof *v->v, listed_cmp, &l);
    return l.failed ? -1 : 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

/* What is under a name right now, read under its lock. */
struct current {
    bool exists;
    char *bytes;
    size_t n;
    struct node *entry; /* NULL: missing, or no entry of this runtime */
    char version[DIGEST_HEX];
};

static int read_current(struct arena *a, const struct file_dir *d, const char *file, const struct node *name, struct current *ret,
                        struct err *e)
{
    struct err own = {0};
    struct stat st;
    const struct node *has;

    *ret = (struct current){0};
    if (fstatat(d->fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return 0;
        return err_sys(e, ERR_IO, errno, "looking at %s/%s", d->path, file);
    }
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_REFUSED, 0, "%s/%s is no regular file: left alone", d->path, file);
    if (file_read(a, d, file, LIMIT_SHARD_BYTES, &ret->bytes, &ret->n, NULL, e) < 0) {
        if (e->class == ERR_INPUT)
            e->class = ERR_REFUSED;
        return -1;
    }
    ret->exists = true;
    digest_sha256_hex(ret->bytes, ret->n, ret->version);
    if (shard_decode(a, ret->bytes, ret->n, &ret->entry, &own) < 0)
        return 0;
    has = node_get(ret->entry, "containerName");
    if (has->s_n != name->s_n || memcmp(has->s, name->s, name->s_n) != 0)
        ret->entry = NULL;
    return 0;
}

static int check_expected(const struct current *now, const char *expect, const struct file_dir *d, const char *file,
                          struct err *e)
{
    if (!expect)
        return 0;
    if (!*expect && now->entry)
        return err_set(e, ERR_CONFLICT, 0, "%s/%s: another has written an entry meanwhile", d->path, file);
    if (*expect && !now->exists)
        return err_set(e, ERR_CONFLICT, 0, "%s/%s: another has removed the entry meanwhile", d->path, file);
    if (*expect && !text_eq(expect, now->version))
        return err_set(e, ERR_CONFLICT, 0, "%s/%s: another has changed the entry meanwhile", d->path, file);
    return 0;
}

/* Bytes that we do not understand are not ours to lose. */
static int keep_bytes(const struct shards *s, const struct current *now, const char *file, struct err *e)
{
    struct file_dir keep = {.fd = -1};
    BUF_AUTO name = BUF_INIT(256);
    int r;

    if (!s->keep_dir || !now->exists || now->entry)
        return 0;
    if (file_dir_open(s->keep_dir, true, s->hook, &keep, e) < 0)
        return err_wrap(e, "keeping the bytes of %s", file);
    buf_printf(&name, "%.16s.%s", now->version, file);
    r = file_replace(&keep, buf_str(&name), now->bytes, now->n, 0600, FILE_SYNC, e);
    file_dir_close(&keep);
    return r < 0 ? err_wrap(e, "keeping the bytes of %s", file) : 0;
}

static int write_locked(struct arena *a, const struct shards *s, const struct file_dir *d, const struct lock *lock,
                        enum runtime_kind kind, const struct node *entry, enum shard_rule rule, const char *expect,
                        const char *file, char ret_version[DIGEST_HEX], struct err *e)
{
    BUF_AUTO text = BUF_INIT(LIMIT_SHARD_BYTES);
    struct current now;

    if (read_current(a, d, file, node_get(entry, "containerName"), &now, e) < 0 || check_expected(&now, expect, d, file, e) < 0)
        return -1;
    shard_format(a, shard_merge(a, kind, entry, now.entry, rule), &text);
    if (text.full)
        return err_set(e, ERR_REFUSED, EFBIG, "%s/%s: the entry is larger than %u bytes", d->path, file, LIMIT_SHARD_BYTES);
    if (keep_bytes(s, &now, file, e) < 0)
        return -1;
    if (!lock_still_held(lock))
        return err_set(e, ERR_CONFLICT, 0, "%s/%s: the lock was taken from us", d->path, file);
    if (file_replace(d, file, buf_str(&text), text.n, 0600, FILE_SYNC, e) < 0)
        return -1;
    if (ret_version)
        digest_sha256_hex(buf_str(&text), text.n, ret_version);
    return 0;
}

int shards_file_version(struct arena *a, const struct shards *s, enum runtime_kind kind, const char *file, const char **ret,
                        struct err *e)
{
    struct file_dir d;
    char *bytes = NULL;
    size_t n = 0;
    int r;

    *ret = NULL;
    if (file_dir_open(shards_dir_path(a, s, kind), false, s->hook, &d, e) < 0)
        return e->class == ERR_NOT_FOUND ? 0 : -1;
    r = file_read(a, &d, file, LIMIT_SHARD_BYTES, &bytes, &n, NULL, e);
    file_dir_close(&d);
    if (r < 0)
        return e->class == ERR_NOT_FOUND ? 0 : -1;
    *ret = digest_sha256(a, bytes, n);
    return 0;
}

int shards_update(const struct shards *s, enum runtime_kind kind, const struct node *entry, enum shard_rule rule,
                  const char *expect, const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e)
{
    ARENA_AUTO a = arena_new();
    const struct node *name = node_get(entry, "containerName");
    struct file_dir d = {.fd = -1};
    LOCK_AUTO lock = LOCK_INIT;
    const char *file;
    int r = -1;

    if (kind != RUNTIME_CONTAINER && kind != RUNTIME_BROWSER)
        return err_set(e, ERR_UNSUPPORTED, 0, "OpenClaw's registry holds no %s", runtime_kind_name(kind));
    if (!node_is(name, NODE_STRING))
        return err_set(e, ERR_INPUT, 0, "recording a runtime without a name");
    file = shard_file_name(a, name->s, name->s_n);
    if (file_dir_open(shards_dir_path(a, s, kind), true, s->hook, &d, e) < 0)
        goto out;
    if (lock_acquire(&lock, &d, file, w, e) < 0)
        goto out;
    r = write_locked(a, s, &d, &lock, kind, entry, rule, expect, file, ret_version, e);
    lock_release(&lock);
out:
    file_dir_close(&d);
    return r < 0 ? err_wrap(e, "recording '%s'", name->s) : 0;
}

int shards_put(const struct shards *s, const struct record *rec, enum shard_rule rule, const char *expect,
               const struct lock_wait *w, char ret_version[DIGEST_HEX], struct err *e)
{
    ARENA_AUTO a = arena_new();
    struct record own = *rec;

    own.workspace_dir = NULL;
    own.backend_target = NULL;
    return shards_update(s, rec->kind, shard_from_record(a, &own), rule, expect, w, ret_version, e);
}

static int remove_locked(struct arena *a, const struct shards *s, const struct file_dir *d, const char *file,
                         const struct node *name, const char *expect, const struct lock_wait *w, bool *ret_existed, struct err *e)
{
    LOCK_AUTO lock = LOCK_INIT;
    struct current now;

    if (lock_acquire(&lock, d, file, w, e) < 0 || read_current(a, d, file, name, &now, e) < 0)
        return -1;
    *ret_existed = now.exists;
    if (!now.exists)
        return 0;
    if (check_expected(&now, expect, d, file, e) < 0)
        return -1;
    if (keep_bytes(s, &now, file, e) < 0)
        return -1;
    if (!lock_still_held(&lock))
        return err_set(e, ERR_CONFLICT, 0, "%s/%s: the lock was taken from us", d->path, file);
    if (file_remove(d, file, e) < 0)
        return -1;
    (void)fsync(d->fd);
    return 0;
}

/* An entry of this very version under another file name. */
static const char *find_misnamed(struct arena *a, const struct shards *s, enum runtime_kind kind, const char *name,
                                 const char *version, int64_t now_ms)
{
    struct shards_view view;
    struct err ignored = {0};

    if (shards_read(a, s, NULL, now_ms, &view, &ignored) < 0)
        return NULL;
    for (size_t i = 0; i < view.n; i++)
        if (view.v[i].misnamed && view.v[i].rec.kind == kind && text_eq(view.v[i].rec.name, name) &&
            text_eq(view.v[i].rec.version, version))
            return view.v[i].file;
    return NULL;
}

int shards_remove(const struct shards *s, enum runtime_kind kind, const char *name, const char *expect, const struct lock_wait *w,
                  struct err *e)
{
    ARENA_AUTO a = arena_new();
    const struct node *wanted = node_string(a, name);
    const char *file = shard_file_name(a, name, strlen(name));
    struct file_dir d = {.fd = -1};
    bool existed = false;
    int r = -1;

    if (file_dir_open(shards_dir_path(a, s, kind), true, s->hook, &d, e) == 0) {
        const char *other = NULL;

        r = remove_locked(a, s, &d, file, wanted, expect, w, &existed, e);
        if (expect && ((r == 0 && !existed) || (r < 0 && e->class == ERR_CONFLICT)))
            other = find_misnamed(a, s, kind, name, expect, w->now_ms);
        if (other)
            r = remove_locked(a, s, &d, other, wanted, expect, w, &existed, e);
    }
    file_dir_close(&d);
    return r < 0 ? err_wrap(e, "removing the record of '%s'", name) : 0;
}

int shards_sweep(const struct shards *s, const struct shards_view *v, const struct lock_wait *w, size_t *ret_n, struct err *e)
{
    ARENA_AUTO a = arena_new();
    size_t n = 0;

    for (size_t i = 0; i < v->issues.n; i++) {
        const char *path = v->issues.v[i].path, *slash = strrchr(path, '/');
        const char *dot = slash ? strstr(slash, ".json.") : NULL;
        struct file_dir d = {.fd = -1};
        LOCK_AUTO lock = LOCK_INIT;
        int r;

        if (v->issues.v[i].kind != ISSUE_LEFTOVER || !dot)
            continue;
        if (file_dir_open(arena_memdup0(a, path, (size_t)(slash - path)), false, s->hook, &d, e) < 0)
            return -1;
        /* Whoever writes this shard holds its lock: under it, a temp file of its is nobody's. */
        r = lock_acquire(&lock, &d, arena_memdup0(a, slash + 1, (size_t)(dot + 5 - slash - 1)), w, e);
        if (r == 0)
            r = file_remove(&d, slash + 1, e);
        lock_release(&lock);
        file_dir_close(&d);
        if (r < 0)
            return -1;
        n++;
    }
    *ret_n = n;
    return 0;
}
